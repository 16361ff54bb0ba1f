"""The exercises of lesson 13 with the mistakes that they recognise."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.checks.exercises import Exercise, Prediction, between, normal, whole


# 13.1: who wins ---------------------------------------------------------------------------------
def wins(a: Tensor, b: Tensor) -> float:
    """The share of pairs in which a score of `a` is lower than one of `b`; ties count a half."""
    a, b = a[:, None], b[None]
    return ((a < b).double() + 0.5 * (a == b).double()).mean().item()


def _runs() -> list[tuple]:
    def as_runs(*x: float) -> Tensor:
        return torch.tensor(x, dtype=torch.float64)

    return [
        (as_runs(1, 2, 3), as_runs(4, 5, 6)),
        (as_runs(1, 2, 2, 5), as_runs(2, 3)),
        (as_runs(7), as_runs(1, 9, 7)),
        (as_runs(1, math.inf, 3), as_runs(2, 2)),
    ]


def _more_runs(g: torch.Generator) -> tuple:
    return tuple(normal(g, whole(g, 2, 6)).mul(2).round() for _ in range(2))


# 13.3: mostly noise -----------------------------------------------------------------------------
def mostly_noise(log_p: Tensor, log_noise: Tensor, share: float) -> Tensor:
    """log((1 - share) p + share noise), (N,), from logarithms. (13.3)"""
    return torch.logaddexp(math.log1p(-share) + log_p, math.log(share) + log_noise)


def _densities() -> list[tuple]:
    log_p = torch.tensor([1500.0, -3000.0, 0.0, 2.0], dtype=torch.float64)
    log_noise = torch.tensor([0.0, 0.0, 0.0, -1.0], dtype=torch.float64)
    return [(log_p, log_noise, 0.99), (log_p, log_noise, 0.5), (log_p, log_noise, 0.01)]


def _more_densities(g: torch.Generator) -> tuple:
    n = whole(g, 1, 5)
    return 1000 * normal(g, n), 100 * normal(g, n), between(g, 0.05, 0.95)


# 13.4: the judge's own mistakes -----------------------------------------------------------------
def true_share(read: float, sensitivity: float, specificity: float) -> float:
    """The share of faces with glasses, from the share read as such. (13.5)"""
    return (read + specificity - 1) / (sensitivity + specificity - 1)


def _share_read(g: torch.Generator) -> tuple:
    """What would be read of a share that exists: no p below 0 or above 1 follows."""
    p, a, b = between(g, 0.05, 0.95), between(g, 0.6, 1.0), between(g, 0.6, 1.0)
    return a * p + (1 - b) * (1 - p), a, b


EXERCISES = {
    "13.1": Exercise(
        right=wins,
        probes=_runs,
        domain=_more_runs,
        mistakes={
            "a tie is no win: it counts a half": lambda a, b: (
                (a[:, None] <= b[None]).double().mean().item()
            ),
            "ties are left out: a pair of equal scores counts a half for each": lambda a, b: (
                (a[:, None] < b[None]).double().mean().item()
            ),
            "that is how often `b` wins: here lower is better": lambda a, b: 1 - wins(a, b),
            "the means are compared; all pairs of runs are wanted": lambda a, b: float(
                a.mean() < b.mean()
            ),
        },
        hint="the mean over all pairs of 1 where a < b and ½ where a = b",
    ),
    "13.2": Exercise(
        right={"Ada": "A is better", "Ben": "undecided", "Cem": "B is better"},
        mistakes={
            "Ben's interval holds ½: the value alone decides nothing": {"Ben": "A is better"},
            "Cem's interval lies below ½ as a whole": {"Cem": "undecided"},
            "P(A > B) below ½ speaks for B": {"Cem": "A is better"},
            "Ada's interval lies above ½ as a whole": {"Ada": "undecided"},
        },
        hint='use the words "A is better", "B is better" and "undecided"',
    ),
    "13.3": Exercise(
        right=mostly_noise,
        probes=_densities,
        domain=_more_densities,
        tensor=True,
        mistakes={
            "the shares are exchanged": lambda p, n, share: mostly_noise(p, n, 1 - share),
            "a mean of logarithms; the logarithm of a mean is wanted": lambda p, n, share: (
                (1 - share) * p + share * n
            ),
            "the noise's density is forgotten": lambda p, n, share: p + math.log1p(-share),
            "exp of 1500 is more than a computer holds, of -3000 nought: stay with logarithms": (
                lambda p, n, share: ((1 - share) * p.exp() + share * n.exp()).log()
            ),
            "the larger one only; both count": lambda p, n, share: torch.maximum(
                math.log1p(-share) + p, math.log(share) + n
            ),
        },
        hint="torch.logaddexp of the two logarithms, each with the logarithm of its share",
    ),
    "13.4": Exercise(
        right=true_share,
        probes=[(0.4, 1.0, 0.98), (0.3, 0.9, 0.95), (0.1, 0.7, 0.9)],
        domain=_share_read,
        mistakes={
            "that is what is read, not what is there": lambda q, a, b: q,
            "sensitivity and specificity are exchanged": lambda q, a, b: true_share(q, b, a),
            "faces without glasses that are read as with: take them away": lambda q, a, b: (
                q / a
            ),
            "of those without, 1 - specificity are read as with: not specificity": lambda q, a, b: (
                (q - b) / (a - b)
            ),
        },
        hint="solve q = sensitivity · p + (1 − specificity)(1 − p) for p",
    ),
    "13.5": Exercise(
        right={
            **{"bits": "no", "asymmetry": "no", "excess": "yes", "recall": "no"},
            "seconds": "no",
        },
        mistakes={
            "a GAN has no density": {"bits": "yes"},
            "blur alone lowers the asymmetry": {"asymmetry": "yes"},
            "blur alone lowers recall, too, as the cell above shows": {"recall": "yes"},
            "blur and contrast hardly move it, noise by .003 at most: larger differences it "
            "ranks": {"excess": "no"},
            "somebody chose when to stop, and one had two cores where the others had one": {
                "seconds": "yes"
            },
        },
        hint='"yes" where all three have the score, and neither blur nor a choice decides it',
    ),
}

PREDICTIONS = {
    "13.6": Prediction(low=0, high=100),
    "13.7": Prediction(words=("pixels", "nats", "both", "neither")),
    "13.8": Prediction(
        pattern=r"(?!.*\b0?(\d+)\b.*\b0?\1\b)((0?[1-9]|1[0-2])([ ,]+|$)){6}",
        like='six different numbers from 1 to 12 in quotes, such as "1 2 3 4 5 6",',
    ),
}
