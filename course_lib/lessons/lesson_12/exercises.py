"""The exercises of lesson 12 with the mistakes that they recognise.

How many trials, what a grid's scores vary with, what a winner scores again, the best of n runs,
the cost of halving, and whether early ranks are late ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.checks.compare import members, word
from course_lib.checks.exercises import Exercise, Prediction, When, between, normal, whole


# 12.1 ----------------------------------------------------------------------------------------
def trials_needed(share: float, sure: float) -> int:
    return math.ceil(math.log(1 - sure) / math.log(1 - share))


def _trials(rounded=math.ceil):
    return lambda share, sure: rounded(math.log(1 - sure) / math.log(1 - share))


# 12.2 ----------------------------------------------------------------------------------------
def explained(table: Tensor) -> tuple[Tensor, Tensor]:
    total = (table - table.mean()).square().mean()
    rows = table.mean(1) - table.mean()
    columns = table.mean(0) - table.mean()
    return rows.square().mean() / total, columns.square().mean() / total


def _explained(spread=lambda means: means.var(correction=0), total=None, swap=False):
    def answer(table):
        whole_spread = spread(table.flatten()) if total is None else total(table)
        parts = [spread(table.mean(1)) / whole_spread, spread(table.mean(0)) / whole_spread]
        return tuple(reversed(parts)) if swap else tuple(parts)

    return answer


# 12.3 ----------------------------------------------------------------------------------------
def _names(letter: str):
    return lambda answer: letter in members(answer)


# 12.4 ----------------------------------------------------------------------------------------
def expected_again(score: float, mean: float, sigma: float, tau: float) -> float:
    return mean + tau**2 / (tau**2 + sigma**2) * (score - mean)


# 12.6 ----------------------------------------------------------------------------------------
def expected_best(scores: Tensor, n: int) -> Tensor:
    x = scores.sort().values
    ways = torch.tensor([math.comb(len(x) - k, n - 1) for k in range(1, len(x) + 1)])
    can_be = ways > 0  # ∞ times 0 is no number
    return ways[can_be].to(x.dtype) @ x[can_be] / math.comb(len(x), n)


def _plug_in(scores: Tensor, n: int) -> Tensor:
    x = scores.sort().values
    left = 1 - torch.arange(len(x) + 1, dtype=x.dtype) / len(x)
    return (left[:-1] ** n - left[1:] ** n) @ x


def _weighed(in_order=True, others=-1, finite=False):
    def answer(scores, n):
        x = scores.sort().values if in_order else scores
        ways = torch.tensor([math.comb(len(x) - k, n + others) for k in range(1, len(x) + 1)])
        kept = x.isfinite() if finite else ways > 0
        return ways[kept].to(x.dtype) @ x[kept] / math.comb(len(x), n)

    return answer


# 12.7 ----------------------------------------------------------------------------------------
def halving_seconds(n: int, eta: int, rungs: int, seconds: float) -> float:
    total = 0.0
    for _ in range(rungs):
        total += n * seconds / rungs
        n = max(1, n // eta)
    return total


def _halving(n, eta, rungs, seconds, least=1, cost=lambda i: 1, late=False, rounded=math.floor):
    total = 0.0
    for i in range(rungs):
        n, before = max(least, rounded(n / eta)), n
        total += (n if late else before) * cost(i) * seconds / rungs
    return total


# 12.8 ----------------------------------------------------------------------------------------
def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    ranks = torch.stack([a, b]).argsort(1).argsort(1).double()
    return torch.corrcoef(ranks)[0, 1]


def _kendall(a: Tensor, b: Tensor) -> Tensor:
    pairs = torch.combinations(torch.arange(len(a)))
    return ((a[pairs].diff() * b[pairs].diff()).sign()).mean()


def _pairs_of_scores(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    a, b = normal(generator, 2, whole(generator, 4, 9))
    return a.exp(), (a + 0.7 * b).exp()


REPORTS = {
    "Ada": "winner's own score",
    "Ben": "sound",
    "Cleo": "unequal effort",
    "Dov": "chosen on test",
}

EXERCISES = {
    "12.1": Exercise(
        right=trials_needed,
        probes=[(0.05, 0.95), (0.5, 0.75), (0.1, 0.05)],
        domain=lambda g: (between(g, 0.01, 0.6), between(g, 0.4, 0.99)),
        tol=0.0,
        mistakes={
            "one too few: with these the chance is still below": _trials(math.floor),
            "rounded to the nearest; below, the chance is too small": _trials(round),
            "trials come whole: round up": _trials(lambda n: n),
            "where the quotient is whole, it is enough: round up, don't add one": _trials(
                lambda n: math.floor(n) + 1
            ),
            "`share` and `sure` have changed places": lambda share, sure: trials_needed(
                sure, share
            ),
            "n·q is the expected *number* of hits, "
            "which may pass 1; the chance is (12.1)": lambda share, sure: math.ceil(
                sure / share
            ),
            "(1 − q)ⁿ is the chance that *all* "
            "miss: it must fall to 1 − sure": lambda share, sure: math.ceil(
                math.log(sure) / math.log(1 - share)
            ),
            "qⁿ is the chance that all *hit*; all miss with (1 − q)ⁿ": lambda share, sure: (
                math.ceil(math.log(1 - sure) / math.log(share))
            ),
        },
        note="it asks neither how many numbers are searched nor how wide their ranges are",
    ),
    "12.2": Exercise(
        right=explained,
        domain=lambda g: (normal(g, whole(g, 2, 5), whole(g, 2, 5)),),
        tensor=True,
        mistakes={
            "swapped: a row's mean is taken over its columns, `table.mean(1)`": _explained(
                swap=True
            ),
            "these are shares of standard deviations, which don't add; take variances": _explained(
                spread=lambda m: m.std(correction=0)
            ),
            "divided by n − 1, and by another n "
            "− 1 below: with 1/n everywhere (12.3) adds up": _explained(
                spread=lambda m: m.var()
            ),
            "the total is divided by n, the means' variance by n − 1: take 1/n for both": (
                _explained(
                    spread=lambda m: m.var(), total=lambda table: table.var(correction=0)
                )
            ),
            "the rest is a part of the total, too: divide by the spread of the table": (
                _explained(
                    total=lambda table: (
                        table.mean(1).var(correction=0) + table.mean(0).var(correction=0)
                    )
                )
            ),
            "this is the spread *within* rows and within columns, what they leave open": (
                lambda table: tuple(1 - share for share in explained(table))
            ),
            "these are ranges; (12.3) has mean squares about the mean": _explained(
                spread=lambda m: m.max() - m.min()
            ),
            "these are the parts themselves; divide by the total": _explained(
                total=lambda table: 1.0
            ),
            "a row's mean stands for all its cells: sums count it once, means rightly": _explained(
                spread=lambda m: (m - m.mean()).square().sum(),
                total=lambda table: (table - table.mean()).square().sum(),
            ),
        },
    ),
    "12.3": Exercise(
        right={"A", "D"},
        also=("AD",),
        mistakes={
            "C's best is at its edge too, but its scores differ by less than one training's "
            "noise: more of the same would tell nothing": When(_names("c"), {"A", "C", "D"}),
            "B has seen the score rise on both sides of its best": When(
                _names("b"), {"A", "B"}
            ),
            "A is one; another search falls towards its other edge": {"A"},
            "D is one; another search falls towards its other edge": {"D"},
        },
        hint="a set of letters: where is the best, and does the score still fall there?",
    ),
    "12.4": Exercise(
        right=expected_again,
        # Nearly 0, not 0: 1/(1 + (σ/τ)²) and weights 1/σ², 1/τ² are right answers, too.
        probes=[
            (20.0, 50.0, 3.0, 12.0),
            (20.0, 50.0, 3.0, 1e-6),
            (20.0, 50.0, 1e-6, 3.0),
            tuple(torch.tensor([35.0, 60.0, 2.0, 9.0], dtype=torch.float64)),  # as in section 4
        ],
        domain=lambda g: tuple(between(g, low, 9) for low in (-9, -9, 0.1, 0.1)),
        mistakes={
            "this is the share that is *lost*; with "
            "σ = 0 all of the lead stays": lambda s, m, sigma, tau: (
                m + sigma**2 / (tau**2 + sigma**2) * (s - m)
            ),
            "variances add, standard deviations don't: square both": lambda s, m, sigma, tau: (
                m + tau / (tau + sigma) * (s - m)
            ),
            "square each, then add: τ² + σ² is not (τ + σ)²": lambda s, m, sigma, tau: (
                m + tau**2 / (tau + sigma) ** 2 * (s - m)
            ),
            "this lies on the other side of μ: the lead is s − μ": lambda s, m, sigma, tau: (
                m - tau**2 / (tau**2 + sigma**2) * (s - m)
            ),
            "the score itself: right only where there is no noise": lambda s, m, sigma, tau: s,
            "the mean of all: right "
            "only where all settings are equal": lambda s, m, sigma, tau: m,
            "it shrinks towards the mean, not towards 0": lambda s, m, sigma, tau: (
                tau**2 / (tau**2 + sigma**2) * s
            ),
            "this is the lead that stays; the mean is missing": lambda s, m, sigma, tau: (
                tau**2 / (tau**2 + sigma**2) * (s - m)
            ),
        },
    ),
    "12.5": Exercise(
        right=REPORTS,
        mistakes={
            "Ada's number is the one by which she chose: the best of sixty draws of luck too": {
                "Ada": "sound"
            },
            "Cleo's number is fair to her own model. Is it to the one that she compares with?": {
                "Cleo": "sound"
            },
            "Dov's test images have helped to choose: which images could still surprise him?": {
                "Dov": "sound"
            },
            "look again at what Ben chose by, and what he reports": When(
                lambda answer: word(answer["Ben"]) != "sound",
                REPORTS | {"Ben": "winner's own score", "Ada": "chosen on test"},
            ),
            "Ada's images were held back from training; nobody touched the test images": {
                "Ada": "chosen on test"
            },
            "Dov's five seeds are new: this is not the winner's own score. Are his images new?": {
                "Dov": "winner's own score"
            },
            "each word is used once, but some stand at the wrong name": When(
                lambda answer: (
                    set(map(word, answer.values())) == set(map(word, REPORTS.values()))
                ),
                REPORTS | {"Ada": "unequal effort", "Cleo": "winner's own score"},
            ),
        },
        hint="a dictionary with one of the four words for each of the four",
    ),
    "12.6": Exercise(
        right=expected_best,
        probes=[
            *((torch.tensor([4.0, 1.0, 3.0, 2.0], dtype=torch.float64), n) for n in (1, 2, 4)),
            *(
                (torch.tensor([4.0, 1.0, math.inf, 2.0], dtype=torch.float64), n)
                for n in (1, 2)
            ),
        ],
        domain=lambda g: ((x := normal(g, whole(g, 2, 7))), whole(g, 1, len(x))),
        tensor=True,
        mistakes={
            "this draws with replacement, (12.7): for n = N it still misses the best now "
            "and then": _plug_in,
            "this is the *largest* of n; here the smallest score is the best": lambda x, n: (
                -expected_best(-x, n)
            ),
            "a trial that failed is one of the N, too": lambda x, n: expected_best(
                x[x.isfinite()], min(n, int(x.isfinite().sum()))
            ),
            "∞ is left out also where it has a weight: leave out what has *no weight*": _weighed(
                finite=True
            ),
            "a failed trial isn't as good as the worst that ended: where ∞ has a weight, "
            "the mean is ∞": lambda x, n: expected_best(x.clamp(max=x[x.isfinite()].max()), n),
            "the weights belong to *sorted* scores": _weighed(in_order=False),
            "of the N − k that are worse, n − 1 are chosen, not n": _weighed(others=0),
            "this is the best of all N, whatever n is": lambda x, n: x.min(),
            "this is the best of one": lambda x, n: x.mean(),
            "one choice of n; the mean is over all choices": lambda x, n: x[:n].min(),
            "the mean of the n best, not of minima": lambda x, n: x.sort().values[:n].mean(),
        },
    ),
    "12.7": Exercise(
        right=halving_seconds,
        probes=[(48, 2, 5, 10.0), (3, 2, 5, 1.0), (9, 3, 2, 4.0), (5, 2, 1, 7.0)],
        domain=lambda g: (
            *(whole(g, 1, 60), whole(g, 2, 4), whole(g, 1, 6)),
            between(g, 0.5, 20),
        ),
        mistakes={
            "this is the cost without halving": lambda n, eta, rungs, s: float(n * s),
            "the last one is never stopped: n stays at least 1": lambda *given: _halving(
                *given, least=0
            ),
            "you halve before the first rung; all n play that one": lambda *given: _halving(
                *given, late=True
            ),
            "half of an odd number is rounded down here, as optuna does: n // eta": lambda *given: (
                _halving(*given, rounded=math.ceil)
            ),
            "whole trials only: n / eta is rounded down": lambda n, eta, rungs, s: sum(
                max(1.0, n / eta**i) * s / rungs for i in range(rungs)
            ),
            "n / eta is rounded down, not to the nearest": lambda *given: _halving(
                *given, rounded=round
            ),
            "the better half goes on where eta is 2; here divide by `eta`": (
                lambda n, eta, rungs, s: halving_seconds(n, 2, rungs, s)
            ),
            "survivors go on from where they are; "
            "you let them begin anew at each rung": lambda *given: _halving(
                *given, cost=lambda i: i + 1
            ),
            "a rung is one fifth of a training, here s / rungs": lambda n, eta, rungs, s: (
                _halving(n, eta, rungs, s * rungs)
            ),
        },
    ),
    "12.8": Exercise(
        right=rank_correlation,
        domain=_pairs_of_scores,
        tensor=True,
        mistakes={
            "this is the correlation of the scores: "
            "one bad trial decides it. Take ranks": lambda a, b: torch.corrcoef(
                torch.stack([a, b])
            )[0, 1],
            "argsort gives *who* is first, second, …; ranks are its argsort": lambda a, b: (
                torch.corrcoef(torch.stack([a, b]).argsort(1).double())[0, 1]
            ),
            "this is Kendall's τ: it counts pairs in the same order": _kendall,
            "squared: then an exact reversal would look like agreement": lambda a, b: (
                rank_correlation(a, b) ** 2
            ),
        },
    ),
}

PREDICTIONS = {
    "12.11": Prediction(low=0),
    "12.12": Prediction(low=-1, high=1),
    "12.13": Prediction(words=("random", "TPE", "halving")),
}
