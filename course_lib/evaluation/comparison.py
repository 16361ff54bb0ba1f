"""Statistics of repeated runs: which of two methods is better, and how sure is that?

One training is one draw: another seed gives another score. So methods are compared by sets of
runs. What a sentence such as "A is better than B" may rest on is here: the interquartile mean
with its bootstrap interval, the probability that a run of A beats one of B, and the best of n
runs as a curve over n. All take plain numbers and know no model. A failed run is a run: give it
infinity or the worst possible score, for a mean over the others answers another question. Lessons
12 and 13 derive them (Agarwal et al. 2021; Bouthillier et al. 2021; Dodge et al. 2019; Tang et
al. 2020; Lourie et al. 2024).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from course_lib.errors import CourseError, real_number, whole_number

SHARE = "(0, 1)"
SIMULATED = 20_000  # sets of uniform numbers, behind a band
MOST_PAIRS = 900  # for an exact chance; of more runs the interval is wide enough by itself


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it that holds the true value at the stated level."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def apart_from(self, value: float) -> bool:
        """Whether the interval excludes that value."""
        return not self.low <= value <= self.high


def interquartile_mean(scores: Sequence[float]) -> float:
    """The mean of the middle half: the lowest quarter and the highest quarter are left out.

    ⌊n/4⌋ scores go on each side, of all strata together where there are several (Agarwal et al.
    2021). One outlier cannot move it far, and unlike the median it uses half of the runs.
    """
    sorted_ = np.sort(_numbers("scores", scores, least=1))
    cut = len(sorted_) // 4
    return float(sorted_[cut : len(sorted_) - cut].mean())


def stratified_bootstrap(
    strata: Sequence[Sequence[float]],
    statistic: Callable[[np.ndarray], float] = interquartile_mean,
    *,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> Interval:
    """A statistic of all scores, with the interval that resampled runs give.

    strata: the runs of each task (data set, budget …) by themselves, 2 or more each. Runs are
    drawn anew with replacement within each stratum, never across: a data set is no chance. Of
    few runs such an interval is a little too narrow (of ten, .92 where .95 is said).
    """
    level, repeats = real_number("level", level, SHARE), whole_number("repeats", repeats, 100)
    seed = whole_number("seed", seed, 0)
    if not np.iterable(strata) or not len(strata):
        raise CourseError(
            f"A bootstrap takes a list of strata, [[scores], …]; got {strata!r:.60}."
        )
    sets = [_numbers("a stratum", one, least=2) for one in strata]
    generator = np.random.default_rng(seed)
    drawn = np.concatenate(
        [one[generator.integers(len(one), size=(repeats, len(one)))] for one in sets], axis=1
    )
    found = np.array([statistic(row) for row in drawn])
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(found, tails, method="inverted_cdf")
    return Interval(float(statistic(np.concatenate(sets))), float(low), float(high))


def probability_of_improvement(
    a: Sequence[float],
    b: Sequence[float],
    *,
    lower_is_better: bool = False,
    level: float = 0.95,
) -> Interval:
    """P(A > B): how often a run of A is better than a run of B; a tie counts a half.

    The value is Mann and Whitney's U / (n m). The interval is Newcombe's (2006, method 5): those θ
    from which the value is no further than chance allows, with Hanley and McNeil's variance at θ.
    Unlike a bootstrap's it has a width when every run of A beats every run of B. Of few runs it is
    a little too narrow; so it holds ½ wherever Mann and Whitney's exact test, of both sides, can't
    exclude it: three runs against three never do.
    """
    a, b = _numbers("a", a, least=2), _numbers("b", b, least=2)
    level, sign = real_number("level", level, SHARE), -1 if lower_is_better else 1
    a, b = sign * a[:, None], sign * b[None]
    value = float((a > b).mean() + (a == b).mean() / 2)
    n, m = a.size, b.size
    z, more = -NormalDist().inv_cdf((1 - level) / 2), (n + m) / 2 - 1

    def beyond(theta: float) -> bool:
        """Whether θ is too far from the value."""
        spread = 1 + more * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (value - theta) ** 2 > z**2 * theta * (1 - theta) * spread / (n * m)

    low, high = _edge(beyond, 0.0, value), _edge(beyond, 1.0, value)
    if n * m <= MOST_PAIRS and _chance(n, m, value) > 1 - level:
        low, high = min(low, 0.5), max(high, 0.5)
    return Interval(value, low, high)


def _chance(n: int, m: int, value: float) -> float:
    """How often n and m runs of equal methods give a value as far from ½, to either side: exact
    where no two runs are equal. Counts of U come from the product of (1 - q^(m+i)) / (1 - q^i)."""
    ways = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for u in range(n * m, m + i - 1, -1):
            ways[u] -= ways[u - m - i]
        for u in range(i, n * m + 1):
            ways[u] += ways[u - i]
    least = math.ceil(min(value, 1 - value) * n * m - 1e-9)
    return min(1.0, 2 * sum(ways[: least + 1]) / sum(ways))


def _edge(beyond: Callable[[float], bool], outer: float, inner: float) -> float:
    """Where `beyond` ends between a value for which it holds and one for which it does not."""
    if outer == inner or not beyond(outer):
        return outer
    for _ in range(60):
        middle = (outer + inner) / 2
        outer, inner = (middle, inner) if beyond(middle) else (outer, middle)
    return (outer + inner) / 2


def runs_needed(probability: float = 0.75, *, alarm: float = 0.05, miss: float = 0.05) -> int:
    """How many runs of each of two methods show that P(A > B) = `probability` is above ½.

    alarm: how often equal methods may be told apart, one-sided; miss: how often different ones
    may not; both below ½, which a coin does as well. Noether's (1987) formula; 29 for .75
    (Bouthillier et al. 2021).
    """
    lead = real_number("probability", probability, SHARE) - 0.5
    if lead == 0:
        raise CourseError("No number of runs tells methods apart that are equally good (½).")
    rates = (real_number(n, v, "(0, 0.5)") for n, v in (("alarm", alarm), ("miss", miss)))
    z = -sum(map(NormalDist().inv_cdf, rates))
    return math.ceil((z / lead) ** 2 / 6)


@dataclass(frozen=True)
class BestOfN:
    """What the best of n runs scores, for n = 1 … N; each field (N,).

    mean: its expectation, unbiased: the mean over all choices of n of the N runs. plug_in: the
    same with runs drawn with replacement, which is biased towards the worse (its best of N
    often misses the best run). median: the best of n is at least as good half of the time; low,
    high: a band that holds the true median's whole curve at the level asked for.
    """

    n: np.ndarray
    mean: np.ndarray
    plug_in: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


def best_of_n(
    scores: Sequence[float],
    *,
    lower_is_better: bool = False,
    level: float = 0.95,
    limit: float | None = None,
) -> BestOfN:
    """How good is the best of n runs? From N runs of one method, 2 or more.

    limit: the best score that there can be, such as 0 for a distance; without one the band is
    open where n is so large that N runs say nothing of how good their best may be. The mean is
    Tang et al.'s (2020), the plug-in Dodge et al.'s (2019). The band assumes no distribution
    (after Lourie et al. 2024): simultaneous bounds on the distribution function at each run.
    """
    sign = -1 if lower_is_better else 1
    x = np.sort(sign * _numbers("scores", scores, least=2))
    total, best = len(x), math.inf if limit is None else sign * real_number("limit", limit)
    if x[-1] > best:
        raise CourseError(f"limit is the best possible score, and {sign * x[-1]:g} is better.")
    under, over = _order_band(total, real_number("level", level, SHARE))
    n, rank = np.arange(1, total + 1), np.arange(1, total + 1)
    # P(the k-th smallest is the best of n): C(k-1, n-1) / C(N, n), and with replacement. Each of
    # Pascal's columns is the running sum of the one before, and C(N, n) the sum of all.
    column, without = [1] * total, np.empty((total, total))
    for row in without:
        every = sum(column)
        row[:] = [ways / every for ways in column]
        column = list(itertools.accumulate(column[:-1], initial=0))
    again = (rank / total) ** n[:, None] - ((rank - 1) / total) ** n[:, None]
    share = 0.5 ** (1 / n)  # the quantile of one run that is the median of the best of n
    median = x[np.searchsorted(rank / total, share - 1e-12)]
    high = np.append(x, best)[np.searchsorted(under, share)]
    low = np.concatenate([[-math.inf], x])[np.searchsorted(over, share)]
    low, high = (sign * low, sign * high) if sign == 1 else (sign * high, sign * low)
    mean, plug_in = (sign * _weighted(weights, x) for weights in (without, again))
    return BestOfN(n, mean, plug_in, sign * median, low, high)


def _weighted(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """weights @ x, where a weight of 0 forgets an infinite score."""
    return np.array([(row[row > 0] * x[row > 0]).sum() for row in weights])


@lru_cache
def _order_band(n: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds that hold all n sorted uniform numbers at once at that level, each tail alike.

    By simulation with a fixed seed: the band between the r-th lowest and the r-th highest value
    of each order statistic, r as large as the level allows.
    """
    drawn = np.sort(np.random.default_rng(0).random((SIMULATED, n)), axis=1)
    place = drawn.argsort(0).argsort(0)
    outermost = np.minimum(place, SIMULATED - 1 - place).min(1)
    r = int(np.quantile(outermost, 1 - level, method="lower"))
    columns = np.sort(drawn, axis=0)
    return columns[r], columns[-1 - r]


def _numbers(what: str, values: Sequence[float], least: int) -> np.ndarray:
    """The values (n,) in float64; refuses NaN, too few, and what is no list of numbers."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"{what} must be a list of numbers, got {values!r:.100}.") from error
    if found.ndim != 1 or len(found) < least:
        raise CourseError(
            f"{what} must be a list of {least} numbers or more, one a run; got shape {found.shape}."
        )
    if np.isnan(found).any():
        raise CourseError(
            f"{int(np.isnan(found).sum())} of the {len(found)} numbers of {what} are NaN. A "
            "failed run counts: give it infinity, or the worst score that there is."
        )
    return found
