"""Statistics of repeated runs: against scipy, enumeration, and simulations that know the truth."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from course_lib.errors import CourseError
from course_lib.evaluation.comparison import (
    _chance,
    best_of_n,
    interquartile_mean,
    probability_of_improvement,
    runs_needed,
    stratified_bootstrap,
)

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 11, 30])
def test_the_interquartile_mean_is_scipys_trimmed_mean(n):
    scores = RNG.standard_normal(n)
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25))


def test_an_outlier_does_not_move_it():
    assert interquartile_mean([1, 2, 3, 4, 5, 6, 7, 1e9]) == pytest.approx(4.5)
    assert interquartile_mean([1, 2, 3, 4, 5, 6, 7, math.inf]) == pytest.approx(4.5)


def test_the_bootstrap_resamples_within_strata_only():
    """Two strata far apart: mixed across, means would vary by their distance."""
    near, far = RNG.standard_normal(20), 1000 + RNG.standard_normal(20)
    found = stratified_bootstrap([near, far], np.mean)
    spread = math.sqrt((near.var() + far.var()) / 20) / 2
    assert found.value == pytest.approx(np.concatenate([near, far]).mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.1)
    assert found == stratified_bootstrap([near, far], np.mean), "one seed, one interval"


def test_the_bootstrap_of_one_stratum_agrees_with_scipys():
    scores = RNG.gamma(2.0, size=25)
    own = stratified_bootstrap([scores], repeats=20_000)
    theirs = stats.bootstrap(
        (scores,),
        lambda x, axis: stats.trim_mean(x, 0.25, axis=axis),
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (own.low, own.high) == pytest.approx(tuple(theirs), abs=0.03)


@pytest.mark.parametrize("lower", [False, True])
def test_the_probability_is_mann_and_whitneys(lower):
    a, b = RNG.integers(0, 9, 12).astype(float), RNG.integers(2, 11, 9).astype(float)
    u = stats.mannwhitneyu(a, b).statistic / (12 * 9)
    found = probability_of_improvement(a, b, lower_is_better=lower)
    assert found.value == pytest.approx(1 - u if lower else u)
    assert found.low < found.value < found.high
    other = probability_of_improvement(b, a, lower_is_better=lower)
    assert (other.low, other.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_all_wins_are_no_certainty():
    found = probability_of_improvement([4, 5, 6], [1, 2, 3])
    assert found.value == found.high == 1.0
    assert found.low == 0.5, "three runs each can't exclude much"
    ten = probability_of_improvement(range(10, 20), range(10))
    assert 0.75 < ten.low < 0.95


@pytest.mark.parametrize(("n", "m"), [(2, 9), (3, 3), (4, 4), (5, 5), (10, 7)])
def test_few_runs_are_apart_only_if_the_exact_test_says_so(n, m):
    seen = set()
    for _ in range(60):
        a, b = RNG.standard_normal(n) + RNG.choice([0, 2]), RNG.standard_normal(m)
        exact = stats.mannwhitneyu(a, b, method="exact").pvalue
        found = probability_of_improvement(a, b)
        assert _chance(n, m, found.value) == pytest.approx(exact)
        assert not (exact > 0.05 and found.apart_from(0.5))
        seen.add(found.apart_from(0.5))
    assert seen == ({False} if (n, m) == (3, 3) else {False, True})


@pytest.mark.parametrize("truth", [0.5, 0.75, 0.9])
def test_the_interval_holds_the_true_probability_as_often_as_it_says(truth):
    shift = math.sqrt(2) * stats.norm.ppf(truth)
    held = []
    for _ in range(600):
        a, b = RNG.standard_normal(10) + shift, RNG.standard_normal(10)
        found = probability_of_improvement(a, b)
        held.append(found.low <= truth <= found.high)
    assert 0.92 < np.mean(held) < 0.99


def test_a_failed_run_loses_to_every_other():
    found = probability_of_improvement([1, 2, math.inf], [3, 4], lower_is_better=True)
    assert found.value == pytest.approx(4 / 6)


def test_a_level_may_be_any_share_of_any_kind():
    a, b = [1, 2, 3], [2, 3, 4]
    wide, nearly = (probability_of_improvement(a, b, level=p) for p in (0.95, np.float32(0.95)))
    assert nearly.low == pytest.approx(wide.low, abs=1e-6)
    assert probability_of_improvement(a, b, level=1 - 1e-16).low < wide.low
    assert runs_needed(alarm=1e-20) > runs_needed(alarm=1e-3)


def test_runs_needed_is_the_published_number_and_has_the_power_it_says():
    assert runs_needed() == 29
    shift, n, found = math.sqrt(2) * stats.norm.ppf(0.75), runs_needed(), 0
    for _ in range(400):
        a, b = RNG.standard_normal(n) + shift, RNG.standard_normal(n)
        found += stats.mannwhitneyu(a, b, alternative="greater").pvalue < 0.05
    assert 0.9 < found / 400 < 0.99


@pytest.mark.parametrize("lower", [False, True])
def test_best_of_n_is_the_mean_over_all_choices(lower):
    scores = RNG.standard_normal(6)
    pick = min if lower else max
    found = best_of_n(scores, lower_is_better=lower)
    for n in range(1, 7):
        choices = [pick(some) for some in itertools.combinations(scores, n)]
        assert found.mean[n - 1] == pytest.approx(np.mean(choices))
    for n in (1, 2, 3):
        again = [pick(some) for some in itertools.product(scores, repeat=n)]
        assert found.plug_in[n - 1] == pytest.approx(np.mean(again))
    assert found.mean[-1] == pytest.approx(pick(scores))
    assert (found.plug_in[-1] > found.mean[-1]) == lower, "the plug-in is biased to the worse"


def test_a_failed_run_spoils_the_best_of_one_only():
    found = best_of_n([3.0, 2.0, math.inf, 1.0], lower_is_better=True)
    assert math.isinf(found.mean[0]) and found.mean[1:] == pytest.approx([10 / 6, 1.25, 1.0])


@pytest.mark.parametrize("n", [10, 48])
def test_the_band_holds_the_whole_curve_as_often_as_it_says(n):
    """Exponential scores: the median of the best of n is known."""
    truth = stats.expon.ppf(0.5 ** (1 / np.arange(1, n + 1)))
    held = []
    for _ in range(400):
        band = best_of_n(RNG.exponential(size=n))
        held.append(((band.low <= truth) & (truth <= band.high)).all())
    assert 0.92 < np.mean(held) <= 1.0


def test_the_band_is_tighter_where_it_matters_than_the_kolmogorov_band():
    n, scores = 48, np.arange(1.0, 49)
    band = best_of_n(scores)
    epsilon = math.sqrt(math.log(2 / 0.05) / (2 * n))
    kolmogorov = np.searchsorted(np.arange(1, n + 1) / n + epsilon, 0.5 ** (1 / 10))
    assert band.low[9] > kolmogorov
    assert np.isinf(band.high[-1]) and best_of_n(scores, limit=50).high[-1] == 50


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: interquartile_mean([]), "1 numbers or more"),
        (lambda: interquartile_mean([1, math.nan]), "failed run counts"),
        (lambda: interquartile_mean("abc"), "list of numbers"),
        (lambda: stratified_bootstrap([]), "strata"),
        (lambda: stratified_bootstrap([1.0, 2.0]), "a stratum"),
        (
            lambda: stratified_bootstrap([[1.0, 2.0]], level=95),
            "level must be a number above 0 and below 1, not 95",
        ),
        (lambda: probability_of_improvement([1.0], [1.0, 2.0]), "2 numbers or more"),
        (lambda: best_of_n([1.0, 2.0], limit=1.5), "best possible score"),
        (lambda: runs_needed(0.5), "equally good"),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(CourseError, match=says):
        call()
