"""The teacher's side of the assignment on tuning and comparing: what is right, known mistakes."""

import itertools
import math
import random
from functools import partial
from types import SimpleNamespace

import torch

from course_lib.checks.exercises import normal
from course_lib.classroom.assignment import Question, diagnosis

TITLE = "Better, or only lucky?"
OPEN = [
    (3, "three of these, a point each with its direction: of 20 orders of three against three 2 "
        "are so clear, so equal methods do it one time in ten, A alone one in twenty: both are "
        "right (neither); 60 settings against 1 (A); the test images chose A's settings (A); FD "
        "is too high by about c/N, so of fewer images by more (A)"),
    (1, "a sentence about these runs, such as: A's three runs scored lower than B's three, so "
        "searched and so measured"),
    (2, "a plan: equal search for both, held-back images choose, equal N, more runs of both "
        "(four of each at least, 29 for P = .75), P(A > B) with its interval"),
]  # fmt: skip
PEOPLE = ["sound", "winner's own score", "seeds that chose", "best seed", "chosen on test"]
GROUPS = ["curly", "long", "short", "side"]


def variant(rng: random.Random) -> dict:
    """One student's numbers."""
    recalls = [value / 100 for value in rng.sample(range(15, 80), 10)] + [None, None]
    rng.shuffle(recalls)
    drawn = {"recalls": recalls, "n": rng.choice([4, 5, 6])} | draw(rng, trials, lucky)
    return drawn | draw(rng, record, apart) | draw(rng, hair, hidden)


def draw(rng, make, wanted):
    """The first of many draws in which what is asked for can be seen."""
    while not wanted(SimpleNamespace(**(drawn := make(rng)))):
        pass
    return drawn


def clear(v, number):
    """Whether the right answer and all known mistakes are apart for these numbers."""
    question = QUESTIONS[number]
    answers = [question.right(v), *(wrong(v) for wrong in question.mistakes.values())]
    return not any(near(*pair, 3 * question.tol) for pair in itertools.combinations(answers, 2))


def near(one, other, tol):
    """Whether two dictionaries of numbers and words say the same."""
    pairs = [(x, other[key]) for key, x in one.items()]
    return all(
        x == y if isinstance(x, str) else abs(x - y) <= tol * max(1, abs(y)) for x, y in pairs
    )


def mean(values):
    return sum(values) / len(values)


def variance(values, less=1):
    return sum((x - mean(values)) ** 2 for x in values) / (len(values) - less)


def trials(rng):
    """Ten settings, each trained once, and three of them four times more."""
    truths = [rng.gauss(45, 6) for _ in range(10)]
    score = lambda i: round(rng.gauss(truths[i], 3), 1)
    scores = [score(i) for i in range(10)]
    order = sorted(range(10), key=scores.__getitem__)
    again = {"winner": order[0], "second": order[1], "middle": rng.choice(order[4:7])}
    return {"scores": scores} | {k: [score(i) for _ in range(4)] for k, i in again.items()}


def lucky(v):
    """A part of the winner's lead is gone, and both settings and seeds count."""
    noise = curse(v)["sigma"] ** 2 / variance(v.scores)
    seen = 0.15 < noise < 0.5 and 0.15 < curse(v)["gone"] < 0.7
    return seen and len(set(v.scores)) == 10 and clear(v, "comparison.2")


def record(rng):
    """Five settings, two runs on held-back images and four on test images, and five reports."""
    truths = [rng.uniform(20, 24) for _ in range(5)]
    runs = [[round(rng.gauss(truth, 1.2), 1) for _ in range(6)] for truth in truths]
    people = rng.sample(PEOPLE, 5)
    rows = [f"| {i} | {' | '.join(map(str, row))} |" for i, row in enumerate(runs, 1)]
    printed = " | ".join(f"{report(person, runs):.2f}" for person in people)
    return {"settings": runs, "table": "\n".join(rows), "people": people, "printed": printed}


def report(person, runs):
    """What one of the people reports of the runs, two held-back and four test scores a row."""
    held, old, new = ([mean(row[i : i + 2]) for row in runs] for i in (0, 2, 4))
    if person == "chosen on test":
        return min(new)
    said = {"sound": new, "winner's own score": held, "seeds that chose": old}
    said["best seed"] = [min(row[4:]) for row in runs]
    return said[person][held.index(min(held))]


def apart(v):
    """No two reports are near each other, nor the two best settings of whoever chooses."""
    told = sorted(float(value) for value in v.printed.split(" | "))
    best = [sorted(mean(row[i : i + 2]) for row in v.settings)[:2] for i in (0, 4)]
    return all(b - a > 0.24 for a, b in [*itertools.pairwise(told), *best])


def hair(rng):
    """A rare group, the one that is missing, one drawn less often, and one drawn too often; a
    judge who takes many of the last for the missing one. Their names are mixed."""
    real = [rng.randint(low, high) / 100 for low, high in ((3, 5), (10, 14), (33, 38))]
    kept = rng.uniform(0.8, 1.0), rng.uniform(0.25, 0.4), rng.uniform(0.6, 0.72)
    true = [share * part for share, part in zip(real, kept, strict=True)]
    real, true = [*real, round(1 - sum(real), 2)], [*true, 1 - sum(true)]
    ends = (0.7, 0.9), (0.8, 0.9), (0.68, 0.8), (0.06, 0.08)
    a, b, c, d = (rng.uniform(*between) for between in ends)
    rates = [[a, 0.02, 0.05], [0.01, b, 0.04], [0.01, 0.02, c], [0.01, d, 0.03]]
    rates = [[*row, 1 - sum(row)] for row in rates]
    faces = [10 * rng.randint(low, low + 5) for low in (10, 12, 34, 45)]
    seen = [sum(p * row[j] for p, row in zip(true, rates, strict=True)) for j in range(4)]
    counts = [split(n, row) for n, row in zip(faces, rates, strict=True)]
    read = split(2000, seen)
    mixed = rng.sample(range(4), 4)
    return {
        "counts": [[counts[i][j] for j in mixed] for i in mixed],
        "read": [read[i] for i in mixed],
        "real": [real[i] for i in mixed],
    }


def split(n, parts):
    """n as whole numbers, in about these parts."""
    first = [round(n * part) for part in parts[:-1]]
    return [*first, n - sum(first)]


def hidden(v):
    """Only who takes the judge's mistakes out finds who is missing, and how much."""
    found = shares(v)
    lost, raw = (faces.pop("missing") for faces in (found, shares(v, as_read)))
    kept = sorted(found[group] / real for group, real in zip(GROUPS, v.real, strict=True))
    plain = kept[0] > 0.1 and kept[1] > kept[0] + 0.15
    return plain and lost != raw and clear(v, "comparison.7")


def best(v, failed=True, upwards=True, replaced=False, of=None, more=0, hit=None):
    """The expected best of n recalls, and the chance of a hit; the arguments make mistakes."""
    found = sorted((r or 0.0 for r in v.recalls if failed or r is not None), reverse=upwards)
    count, n = len(found), v.n
    if replaced:
        weights = [((count - k) ** n - (count - k - 1) ** n) / count**n for k in range(count)]
    else:
        ways = math.comb(count, n + more)
        weights = [math.comb(count - k - 1, n - 1 + more) / ways for k in range(count)]
    expected = sum(w * x for w, x in zip(weights, found, strict=True))
    missed = math.comb(count - 3, n) / math.comb(count, n)
    hit = hit(missed, n) if hit else 1 - missed
    return {"expected": of(found) if of else expected, "hit": hit}


def with_replacement(missed, n):
    return 1 - (1 - 3 / 12) ** n


def curse(v, less=1, pooled=None, power=1, taken=1, kept=None, gone=None, root=0.5):
    """σ, what (12.4) promises, and the share of the lead that is gone; with known mistakes."""
    groups = [v.winner, v.second, v.middle]
    noise = mean([variance(group, less) ** power for group in groups]) ** (1 / power)
    noise = pooled(groups) if pooled else noise
    tau2 = variance(v.scores, less) - taken * noise
    centre, first, found = mean(v.scores), min(v.scores), mean(v.winner)
    stays = kept(tau2, noise) if kept else tau2 / (tau2 + noise)
    promised = centre + stays * (first - centre)
    lead, back, due = centre - first, found - first, promised - first
    share = gone(lead, back, due, first) if gone else back / lead
    return {"sigma": noise**root, "promised": promised, "gone": share}


def together(groups):
    """One variance of all twelve runs, around one mean."""
    return variance([x for group in groups for x in group])


def eleven(groups):
    """As if one mean had been estimated, and not three."""
    return mean([variance(group) for group in groups]) * 9 / 11


def wins(a, b, tie=0.5):
    return sum(float(x < y) + tie * (x == y) for x in a for y in b)


def duel(v, a, b, tie=0.5, counts=float.__ge__, share=None, finite=False, rest=False,
         by_score=False):  # fmt: skip
    """The share of pairs that a wins, and the share of choices that count as so good."""
    a, b = a.tolist(), b.tolist()
    if finite:
        a, b = ([x for x in runs if x < math.inf] for runs in (a, b))
    seen, pairs, runs, found = wins(a, b, tie), len(a) * len(b), range(len(a + b)), []
    for chosen in itertools.combinations(runs, len(a)):
        first = [(a + b)[i] for i in chosen]
        others = [(a + b)[i] for i in runs if i not in chosen]
        others = [x for x in others if not by_score or x not in first]
        count = float(wins(first, others, tie))
        found.append(counts(count - pairs / 2, seen - pairs / 2))
    chance = 1 - seen / pairs if rest else mean(found)
    return share(a, b) if share else seen / pairs, chance


def two_sided(count, seen):
    return abs(count) >= abs(seen)


def duel_probes(r, v):
    """Ties, failed runs, and unequal numbers of runs."""
    inf = math.inf
    fixed = ([1, 2, 3], [4, 5, 6]), ([1, 2, 2], [2, 3]), ([1, inf], [inf, 2, inf])
    found = [tuple(torch.tensor(runs, dtype=torch.float64) for runs in pair) for pair in fixed]
    for n, m in ((4, 4), (2, 5), (5, 3), (3, 4)):
        runs = torch.randint(1, 7, (n + m,), generator=r).double()
        found.append((runs[:n], runs[n:]))
    failed = torch.cat([normal(r, 2), torch.tensor([inf], dtype=torch.float64)])
    return [*found, (normal(r, 4) - 1, normal(r, 3)), (failed, normal(r, 4))]


def reported(v, held, test, n, chosen=0, told=1, sign=1, more=0, replaced=False, failed=True,
             finite=False):  # fmt: skip
    """What a search of n trials reports, over all choices of n; the arguments make mistakes,
    such as choosing and telling by other scores, 0 held and 1 test."""
    both = torch.stack([held, test])
    both = both if failed else both[:, held.isfinite()]
    test, count = both[told, (sign * both[chosen]).argsort()].tolist(), both.shape[1]
    if replaced:
        weights = [((count - k) ** n - (count - k - 1) ** n) / count**n for k in range(count)]
    else:
        ways = [math.comb(count - k - 1, n - 1 + more) for k in range(count)]
        weights = [way / math.comb(count, n) for way in ways]
    pairs = [(w, x) for w, x in zip(weights, test, strict=True) if w]
    return sum(w * x for w, x in pairs if not finite or x < math.inf)


def search_probes(r, v):
    """A trial's two scores go together, but not closely. Some trials fail, in the last record so
    many that a choice may hold no other. Choices are few: who tries each of them has the time."""
    found = []
    sizes = (8, 3, 0), (12, 5, 2), (6, 6, 0), (5, 1, 0), (12, 8, 1), (7, 2, 1), (6, 2, 3)
    for count, n, failed in sizes:
        held = 30 + 4 * normal(r, count)
        test = held + 4 * normal(r, count)
        held[:failed] = test[:failed] = math.inf
        order = torch.randperm(count, generator=r)
        found.append((held[order], test[order], n))
    return found


def halving(v, curves, epochs, eta, anew=False, stay=False, upwards=False, up=False, look=None,
            place=False, equal=False, alone=True):  # fmt: skip
    """The survivor's row and the epochs played; the arguments make the known mistakes."""
    alive, played, before = list(range(len(curves))), 0, 0
    for rung, after in enumerate(epochs):
        rows = alive
        longer = epochs[-1] / len(epochs) if equal else after - before * (not anew)
        played += longer * (len(curves) if stay else len(rows))
        score = curves[:, rung if look is None else look].tolist()
        order = sorted(rows, key=score.__getitem__, reverse=upwards)
        many = -(-len(rows) // eta) if up else len(rows) // eta
        alive, before = sorted(order[: max(1, many)]), after
        if len(alive) == 1 and not alone:
            break
    return rows.index(order[0]) if place else order[0], played


def rung_probes(r, v):
    """A record in which the first, the last and the surviving winner differ; then others, with
    powers of eta and other numbers, and with fewer trials than eta."""
    first, second = [1, 2, 3, 4, 5, 6, 7, 8], [9, 1, 2, 5, 6, 7, 8, 3]
    known = torch.tensor([first, second, [9, 8, 1, 0, 7, 6, 5, 4]], dtype=torch.float64).T
    found = [(known, (1, 3, 9), 2)]
    sizes = (8, 3, 2), (27, 3, 3), (11, 3, 2), (5, 4, 3), (14, 2, 4), (2, 3, 2)
    for count, rungs, eta in sizes:
        epochs = torch.randint(1, 6, (rungs,), generator=r).cumsum(0).cumsum(0)
        curves = 30 + normal(r, count, 1) + 2 * normal(r, count, rungs)
        found.append((curves, tuple(epochs.tolist()), eta))
    return found


def solved(counts, seen, along=1, turned=True):
    rates = counts / counts.sum(along, keepdim=True)
    return torch.linalg.solve(rates.T if turned else rates, seen)


def as_read(counts, seen):
    return seen


def forward(counts, seen):
    return (counts / counts.sum(1, keepdim=True)).T @ seen


def belonging(counts, seen):
    """Of those read as j the share that belongs to i, as among the real faces."""
    return (counts / counts.sum(0)) @ seen


def hits_only(counts, seen):
    return seen / (counts.diagonal() / counts.sum(1))


def one_by_one(counts, seen):
    """(13.5) for each group against all others, mixed as they are among the real faces."""
    hits = counts.diagonal() / counts.sum(1)
    false = (counts.sum(0) - counts.diagonal()) / (counts.sum() - counts.sum(1))
    return (seen - false) / (hits - false)


def shares(v, by=solved, part=torch.div):
    """The groups' shares by a rule, and who is missing: of whom the smallest part is left."""
    counts, seen, real = (
        torch.tensor(given, dtype=torch.float64) for given in (v.counts, v.read, v.real)
    )
    found = by(counts, seen / seen.sum())
    least = int(part(found, real).argmin())
    return dict(zip(GROUPS, found.tolist(), strict=True)) | {"missing": GROUPS[least]}


QUESTIONS = {
    "comparison.1": Question(
        name="best",
        points=3,
        right=best,
        mistakes={
            "both are drawn with replacement, so that a trial may come twice; "
            "the n trials are different ones": partial(
                best, replaced=True, hit=with_replacement
            ),
            "`expected` is (12.7), with replacement: it misses the best one too often": partial(
                best, replaced=True
            ),
            "`hit` is (12.1), for endlessly many settings; here three of twelve are good": partial(
                best, hit=with_replacement
            ),
            "trials that failed were drawn, too: twelve, not ten": partial(best, failed=False),
            "the best recall is the *highest*: sort the other way": partial(
                best, upwards=False
            ),
            "this is the best of all twelve; n of them may miss it": partial(best, of=max),
            "`hit` is the chance to miss all three": partial(
                best, hit=lambda missed, n: missed
            ),
            "this is the mean of all twelve, the best of one": partial(best, of=mean),
            "this is the best of n + 1: beside the best of a choice stand n − 1 others": partial(
                best, more=1
            ),
        },
    ),
    "comparison.2": Question(
        name="again",
        points=4,
        right=curse,
        tol=1e-3,
        mistakes={
            "a variance around a mean that was estimated, too, is divided by one less": partial(
                curse, less=0
            ),
            "the twelve runs together vary by their settings as well; "
            "σ is the spread of one setting's seeds": partial(curse, pooled=together),
            "three means were estimated: divide the sum of squares by 12 − 3": partial(
                curse, pooled=eleven
            ),
            "all three settings tell of σ, not the winner alone": partial(
                curse, pooled=lambda groups: variance(groups[0])
            ),
            "a mean of three standard deviations is too small: take the mean of the "
            "variances, then its root": partial(curse, power=0.5),
            "the ten scores vary by τ² + σ²: take σ² away": partial(curse, taken=0),
            "the share that stays is τ²'s, the share that was luck is σ²'s": partial(
                curse, kept=lambda tau2, noise: noise / (tau2 + noise)
            ),
            "the shares in (12.4) are of variances, not of standard deviations": partial(
                curse, kept=lambda tau2, noise: tau2**0.5 / (tau2**0.5 + noise**0.5)
            ),
            "σ is the root of the variance": partial(curse, root=1),
            "`gone` is what (12.4) expects; the four runs say what is": partial(
                curse, gone=lambda lead, back, due, score: due / lead
            ),
            "this share of the lead is still there": partial(
                curse, gone=lambda lead, back, due, score: 1 - back / lead
            ),
            "`gone` is a share of the lead, not of the score": partial(
                curse, gone=lambda lead, back, due, score: back / score
            ),
        },
    ),
    "comparison.3": Question(
        name="duel",
        points=4,
        right=duel,
        probes=duel_probes,
        tol=1e-6,
        mistakes={
            "a tie counts a half, here it counts nothing": partial(duel, tie=0),
            "a tie counts a half, here it counts as won": partial(duel, tie=1),
            "lower is better: this is B's share of the pairs": lambda v, a, b: duel(v, b, a),
            "choices with just as many wins count, too: at *least* as many": partial(
                duel, counts=float.__gt__
            ),
            "this counts both sides; asked is how often A wins at least as many": partial(
                duel, counts=two_sided
            ),
            "1 − share is B's share of the pairs; count choices": partial(duel, rest=True),
            "a run that failed is a run: it loses to all that did not": partial(
                duel, finite=True
            ),
            "two runs with one score are two runs: leave out who is chosen, "
            "not all that score the same": partial(duel, by_score=True),
            "whose mean is lower is another question: count pairs": partial(
                duel, share=lambda a, b: float(mean(a) < mean(b))
            ),
            "every run of A meets every run of B, not only the one beside it": partial(
                duel,
                share=lambda a, b: mean([wins([x], [y]) for x, y in zip(a, b, strict=False)]),
            ),
            "the pair is (share, chance), in this order": lambda v, a, b: duel(v, a, b)[::-1],
        },
    ),
    "comparison.4": Question(
        name="reported",
        points=4,
        right=reported,
        probes=search_probes,
        tol=1e-5,
        mistakes={
            "this is the leak: the test scores choose": partial(reported, chosen=1),
            "this is the winner's own score, on images that chose it": partial(
                reported, told=0
            ),
            "the roles are exchanged: the test scores choose, "
            "the held-back score is reported": partial(reported, chosen=1, told=0),
            "n draws with replacement hold fewer than n trials": partial(
                reported, replaced=True
            ),
            "lower is better; this keeps the highest held-back score": partial(
                reported, sign=-1
            ),
            "this is a search of all N trials": lambda v, held, test, n: test[held.argmin()],
            "nothing is chosen here: this is the mean of all": lambda v, held, test, n: (
                test.mean()
            ),
            "trials that failed were drawn, too": partial(reported, failed=False),
            "a choice of failed trials alone reports ∞: leave out what can't be the best of n, "
            "not all that failed": partial(reported, finite=True),
            "beside the best of a choice stand n − 1 others, not n": partial(reported, more=1),
        },
    ),
    "comparison.5": diagnosis(
        "who",
        3,
        "people",
        {
            "its seeds are new: which two runs chose, and which two are reported?": (
                "sound",
                "seeds that chose",
            ),
            "one of these chose by the numbers that it reports, on test images": (
                "sound",
                "chosen on test",
            ),
            "a mean of two new runs, or the lower of the two?": ("sound", "best seed"),
            "the winner's own score is on the *held-back* images": (
                "winner's own score",
                "seeds that chose",
            ),
            "by which images was the winner found, and which are its own?": (
                "winner's own score",
                "chosen on test",
            ),
            "the best seed is a single test score of the setting that held-back images chose": (
                "best seed",
                "chosen on test",
            ),
            "a mean on the images that chose is no report on new ones": (
                "sound",
                "winner's own score",
            ),
        },
    ),
    "comparison.6": Question(
        name="halving",
        points=4,
        right=halving,
        probes=rung_probes,
        mistakes={
            "who goes on plays only the new epochs: `epochs` counts from the start": partial(
                halving, anew=True
            ),
            "who was dropped plays no more": partial(halving, stay=True),
            "one trial alone plays the last rungs, too": partial(halving, alone=False),
            "these rungs are not equally long": partial(halving, equal=True),
            "lower is better; here the highest go on": partial(halving, upwards=True),
            "the number that goes on is rounded down": partial(halving, up=True),
            "a rung can't see the last score": partial(halving, look=-1),
            "every rung orders by its own score, not by the first": partial(halving, look=0),
            "this is a place among those who are left; asked is the row of `curves`": partial(
                halving, place=True
            ),
        },
    ),
    "comparison.7": Question(
        name="faces",
        points=4,
        right=shares,
        tol=1e-3,
        mistakes={
            "these are the shares that were read; the judge errs": partial(shares, by=as_read),
            "this lets the judge err once more; its errors must come out": partial(
                shares, by=forward
            ),
            "row i says how group i is read; those who are read as j come from all rows": partial(
                shares, by=partial(solved, turned=False)
            ),
            "divide by *rows*: how a group is read, not who is among those read so": partial(
                shares, by=partial(solved, along=0)
            ),
            "who is among those read as j depends on the mix; samples have another": partial(
                shares, by=belonging
            ),
            "also others are read as this group, not only its own": partial(
                shares, by=hits_only
            ),
            "(13.5) for one group alone takes the others mixed as in the real faces; "
            "solve for all four together": partial(shares, by=one_by_one),
            "the shares are right; the smallest *quotient* is asked, "
            "not the largest distance": partial(shares, part=torch.sub),
            "the shares are right, but the group with the smallest share may be "
            "rare in the data as well": partial(shares, part=lambda found, real: found),
        },
    ),
}
