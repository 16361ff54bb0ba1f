"""Lesson 12's right answers in other forms, for test_answers; and that its record and its logs
say what the lesson reads in them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from course_lib import evaluation
from course_lib.checks import check, exercise
from course_lib.lessons import lesson_12


def trials_by_counting(share, sure):
    missed, n = 1.0, 0
    while 1 - missed < sure - 1e-12:
        missed, n = missed * (1 - share), n + 1
    return n


def explained_by_sums(table):
    m, k = table.shape
    total = ((table - table.mean()) ** 2).sum()
    rows = k * ((table.sum(1) / k - table.mean()) ** 2).sum()
    columns = m * ((table.sum(0) / m - table.mean()) ** 2).sum()
    return [rows / total, columns / total]


def again_by_precision(score, mean, sigma, tau):
    weights = np.array([1 / sigma**2, 1 / tau**2])
    return weights @ [score, mean] / weights.sum()


def best_by_all_choices(scores, n):
    return torch.stack([min(chosen) for chosen in itertools.combinations(scores, n)]).mean()


def halving_by_a_list(n, eta, rungs, seconds):
    playing = [n]
    while len(playing) < rungs:
        playing.append(max(playing[-1] // eta, 1))
    return sum(playing) / rungs * seconds


def spearman_by_gaps(a, b):
    place_a = (a[:, None] > a).sum(1).double()
    place_b = (b[:, None] > b).sum(1).double()
    n = len(a)
    return 1 - 6 * ((place_a - place_b) ** 2).sum() / (n * (n**2 - 1))


RIGHT = [
    ("12.1", trials_by_counting),
    ("12.2", explained_by_sums),
    (
        "12.2",
        lambda t: tuple(t.mean(d).var(correction=0) / t.var(correction=0) for d in (1, 0)),
    ),
    ("12.3", ["D", "a"]),
    *(("12.3", text) for text in ("A, D", "d;a", "A and D", "{A, D}", "A D", "AD")),
    ("12.4", again_by_precision),
    ("12.4", lambda s, m, sigma, tau: m + (s - m) / (1 + (sigma / tau) ** 2)),
    ("12.4", lambda s, m, sigma, tau: s - sigma**2 / (sigma**2 + tau**2) * (s - m)),
    (
        "12.5",
        {
            "ada": "the winner's own score",
            "ben": "Sound",
            "cleo": "unequal effort",
            "dov": "Chosen on test",
        },
    ),
    ("12.6", best_by_all_choices),
    ("12.7", halving_by_a_list),
    ("12.8", spearman_by_gaps),
]


def finite_only(scores, n):
    """Leaves an infinite score out, also where it has a weight."""
    x = scores.sort().values
    ways = torch.tensor([math.comb(len(x) - k, n - 1) for k in range(1, len(x) + 1)])
    kept = x.isfinite()
    return (ways[kept] * x[kept]).sum() / math.comb(len(x), n)


REPORTS = exercise("12.5").right
SAID = [
    ("12.1", lambda q, sure: int(math.log(1 - sure) / math.log(1 - q)) + 1, "it is enough"),
    ("12.1", lambda q, sure: math.ceil(math.log(1 - q) / math.log(1 - sure)), "places"),
    ("12.3", {"A", "C"}, "C's best"),
    ("12.3", ["c", "d"], "C's best"),
    ("12.3", "ABCD", "set of letters"),
    ("12.3", "D", "D is one"),
    ("12.3", "A, C", "C's best"),
    ("12.3", "A, B and D", "both sides"),
    ("12.3", {"A", "B", "D"}, "both sides"),
    ("12.4", lambda s, m, sigma, tau: s - tau**2 / (tau**2 + sigma**2) * (s - m), "*lost*"),
    ("12.5", REPORTS | {"Ben": "Sound", "Ada": "Chosen on test"}, "Ada's images"),
    ("12.5", REPORTS | {"Dov": "winner's own score"}, "Dov's five seeds"),
    (
        "12.5",
        {
            "Ada": "unequal effort",
            "Ben": "sound",
            "Cleo": "chosen on test",
            "Dov": "Unequal effort",
        },
        "not right",
    ),
    ("12.6", finite_only, "has a weight"),
    ("12.6", lambda x, n: best_by_all_choices(x.clamp(max=x[x.isfinite()].max()), n), "is ∞"),
]


@pytest.mark.parametrize(("number", "answer", "message"), SAID)
def test_what_is_said_to_other_wrong_answers(number, answer, message, capsys, monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    assert not check(number, answer)
    assert message in capsys.readouterr().out


def test_spearman_is_scipy_s():
    a, b = torch.randn(2, 20, generator=torch.Generator().manual_seed(0))
    found = lesson_12.rank_correlation(a, b)
    assert found == pytest.approx(stats.spearmanr(a, b).statistic)


def test_the_record_has_what_the_lesson_reads():
    record = lesson_12.record()
    vae = record["VAE"]
    assert vae.curves.shape == (48, 5) and len(vae.settings) == 48 and vae.scores.min() > 0
    assert [len(vae.seeds[which]) for which in ("best", "second")] == [10, 5]
    assert len(vae.seeds["published settings"]) == len(vae.seeds["best, 3 × the rounds"]) == 5
    assert vae.rounds.shape == (48,) and vae.rounds.min() > 0
    rates, batches, table = record["GAN"].grid
    assert table.shape == (6, 4) and rates.diff().min() > 0 and batches.tolist()[0] == 32


def test_the_logs_show_what_their_exercise_asks():
    noise = 2.0
    for who, (rates, scores) in lesson_12.logs().items():
        assert len(rates) == len(scores)
        best = scores.index(min(scores))
        at_edge = best in (0, len(scores) - 1)
        apart = max(scores) - min(scores) > 5 * noise
        assert (at_edge and apart) == (who in {"A", "D"}), who


def test_the_numbers_that_the_text_states():
    assert lesson_12.trials_needed(0.05, 0.95) in (59, 60)  # "sixty trials"
    five_times = lesson_12.trials_needed(0.01, 0.95) / lesson_12.trials_needed(0.05, 0.95)
    assert 4.5 < five_times < 5.5
    assert evaluation.runs_needed(0.75) == 29
    assert lesson_12.record()["GAN"].grid[2].shape == (6, 4)


def test_what_the_text_reads_in_the_record():
    vae, gan = (lesson_12.record()[name] for name in ("VAE", "GAN"))
    order, ten = vae.scores.argsort().tolist(), vae.seeds["best"]
    star, second = vae.scores[order[:2]]
    assert star < ten.min() and ten.max() < second  # "none of the ten", "all ten are lower"
    assert -3.3 < (star - ten.mean()) / ten.std() < -2.7  # "three of them below their mean"
    spread = [vae.seeds[name].std() for name in ("best", "second", "published settings")]
    assert spread == sorted(spread)
    assert all(
        vae.settings[i]["hidden"] == [256] for i in order[:5]
    )  # "all five have one layer"
    assert vae.settings[order[0]]["batch"] == 32
    assert order[0] == 3  # "the fourth of this sequence"
    for family in (vae, gan):
        assert not family.scores.isinf().any()
        assert family.scores.median() > 2 * family.scores.min()
        winner = family.curves[family.scores.argmin(), 0]
        assert (family.curves[:, 0] < winner).sum() < 2  # "among the first two"
    assert gan.scores[:24].argmin() == 1 and (gan.grid[2] < gan.scores[1]).sum() == 5
    one, other = (
        evaluation.best_of_n(f.scores.tolist(), lower_is_better=True, limit=0.0)
        for f in (vae, gan)
    )
    overlap = (one.low <= other.high) & (other.low <= one.high)
    assert not overlap[0] and overlap[1:].all()  # "from n = 2 on"
    assert abs((1 - 1 / 48) ** 48 - 0.36) < 0.005


def test_what_short_trials_choose_for_long_ones():
    """The winner of short trials is in place 4 both times; halving finds all five winners."""
    short, long = lesson_12.record(5), lesson_12.record(30)
    for name in ("VAE", "GAN"):
        few, many = short[name].scores, long[name].scores
        assert int((many < many[few.argmin()]).sum()) + 1 == 4
        assert lesson_12.rank_correlation(few, many).item() == pytest.approx(0.7, abs=0.03)
        assert int((few < few[many.argmin()]).sum()) + 1 == {"VAE": 9, "GAN": 5}[name]
    for family in lesson_12.record().values():
        places = family.curves.argsort(0).argsort(0)[family.scores.argmin()]
        assert all(place < kept for place, kept in zip(places, (24, 12, 6, 3, 1), strict=True))


def test_four_of_five_winners_score_worse_again_and_the_vaes_searches_end_lower():
    record = lesson_12.record()
    worse = {name: bool(f.seeds["best"].mean() > f.scores.min()) for name, f in record.items()}
    assert worse == {name: name != "CVAE-GAN" for name in record}
    vae, gan = (record[name].scores.double() for name in ("VAE", "GAN"))
    generator = torch.Generator().manual_seed(0)
    for n in (1, 2, 4, 8, 12):  # "about eight of ten pairs", simulated
        a, b = (
            s[torch.rand(20_000, 48, generator=generator).argsort(1)[:, :n]].amin(1)
            for s in (vae, gan)
        )
        assert 0.76 < (a < b).double().mean() < 0.85
