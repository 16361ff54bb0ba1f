"""The exercises of lesson 09 with the mistakes that they recognise.

Who moves by which loss, mean matching, the moving centre, the carried λ, what a log must begin
with, a silent β.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.compare import members
from course_lib.checks.exercises import (
    BOTH,
    Exercise,
    Prediction,
    When,
    between,
    nobody_healthy,
    normal,
    whole,
)

# 09.1 ----------------------------------------------------------------------------------------
ALGORITHM_1 = {
    "C": {"L_C"},
    "D": {"L_D"},
    "G": {"L_G", "L_GD", "L_GC"},
    "E": {"L_KL", "L_G"},
}


def _has(player: str, *terms: str) -> Callable[[dict], bool]:
    """Whether a player is given one of these terms."""
    return lambda said: bool(members(said[player]) & members(terms))


# 09.2 and 09.3 -------------------------------------------------------------------------------
def mean_matching(real: Tensor, drawn: Tensor) -> Tensor:
    return 0.5 * (real.mean(0) - drawn.mean(0)).square().sum()


def _features() -> list[tuple]:
    generator = torch.Generator().manual_seed(9)
    sizes = ((4, 3), (7, 5))
    return [
        (torch.randn(*size, generator=generator), torch.randn(*size, generator=generator) + 1)
        for size in sizes
    ]


def _more_features(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    size = whole(generator, 1, 8), whole(generator, 1, 6)
    return normal(generator, *size).float(), normal(generator, *size).float() + 0.5


def moved(old: Tensor, batch: Tensor, n: int, decay: float) -> Tensor:
    share = (1 - decay) / (1 - decay**n)
    return old + share * (batch - old)


def _centres() -> list[tuple]:
    generator = torch.Generator().manual_seed(10)
    old, batch = torch.randn(2, 3, generator=generator)
    return [(old, batch, *more) for more in ((1, 0.9), (2, 0.9), (7, 0.9), (3, 0.5))]


def _more_centres(generator: torch.Generator) -> tuple[Tensor, Tensor, int, float]:
    old, batch = normal(generator, 2, whole(generator, 1, 5)).float()
    return old, batch, whole(generator, 1, 9), between(generator, 0.3, 0.99)


EXERCISES = {
    "09.1": Exercise(
        right=ALGORITHM_1,
        mistakes={
            "lines 17 and 18 hold no L_D: G is never told to fool D. It matches the means "
            "of D's features instead, and that is the asymmetry in the paper's title": When(
                _has("G", "L_D"), ALGORITHM_1 | {"G": {"L_G", "L_GD", "L_GC", "L_D"}}
            ),
            "L_C is of real images alone, so G can't change it; it meets C in L_GC": When(
                _has("G", "L_C"), ALGORITHM_1 | {"G": {"L_G", "L_GD", "L_GC", "L_C"}}
            ),
            "L_GD and L_GC are of x_p = G(z_p, c), and E has no part in z_p": When(
                _has("E", "L_GD", "L_GC"), ALGORITHM_1 | {"E": {"L_G", "L_KL", "L_GD"}}
            ),
            "E has no adversarial loss: nobody is told to fool D": When(
                _has("E", "L_D"), ALGORITHM_1 | {"E": {"L_G", "L_KL", "L_D"}}
            ),
            "the KL is of q(z | x, c) and the prior: G isn't in it": When(
                _has("G", "L_KL"), ALGORITHM_1 | {"G": {"L_G", "L_GD", "L_GC", "L_KL"}}
            ),
            "D and C move by their own cross-entropy alone; the features of theirs that "
            "others match are *used*, not trained, by those losses": When(
                lambda said: members(said["D"]) > {"ld"} or members(said["C"]) > {"lc"},
                ALGORITHM_1 | {"D": {"L_D", "L_GD"}},
            ),
            "something is missing at E: who else should want a good reconstruction?": When(
                lambda said: "lg" not in members(said["E"]), ALGORITHM_1 | {"E": {"L_KL"}}
            ),
        },
        hint="whom shall each loss teach? Sections 1 to 5 derive them; write sets of "
        '"L_C", "L_D", "L_KL", "L_G", "L_GD", "L_GC"',
    ),
    "09.2": Exercise(
        right=mean_matching,
        precisions=BOTH,
        probes=_features,
        domain=_more_features,
        learns=(1,),
        mistakes={
            "the ½ of line 11 is missing (or doubled)": lambda r, d: 2 * mean_matching(r, d),
            "a mean over the features where ‖·‖² is their sum": lambda r, d: (
                0.5 * (r.mean(0) - d.mean(0)).square().mean()
            ),
            "the square is missing": lambda r, d: 0.5 * (r.mean(0) - d.mean(0)).norm(),
            "this compares images one by one, as L_G does; x_p is no copy of x_r, and only "
            "their means should agree": lambda r, d: 0.5 * (r - d).square().sum(1).mean(),
            "the mean runs over the features; it belongs over "
            "the images, the first axis": lambda r, d: (
                0.5 * (r.mean(1) - d.mean(1)).square().sum()
            ),
            "sums over the batch where line 11 has means": lambda r, d: (
                0.5 * (r.sum(0) - d.sum(0)).square().sum()
            ),
        },
        hint="½ times the squared length of a difference of two means over the batch",
    ),
    "09.3": Exercise(
        right=moved,
        precisions=BOTH,
        probes=_centres,
        domain=_more_centres,
        tensor=True,
        mistakes={
            "right after many batches. But the history began at nothing: after the first "
            "batch the centre must be that batch's mean": lambda old, batch, n, d: (
                d * old + (1 - d) * batch
            ),
            "this is the batch alone, without a history": lambda old, batch, n, d: batch,
            "the shares are exchanged: the newest "
            "batch has (1 − d)/(1 − dⁿ)": lambda old, batch, n, d: moved(batch, old, n, d),
            "decay and 1 − decay are swapped: the nearer d is "
            "to 1, the longer the memory": lambda old, batch, n, d: moved(old, batch, n, 1 - d),
            "this is the plain mean of all batches: it never "
            "forgets, and features move": lambda old, batch, n, d: old + (batch - old) / n,
            "Adam's correction belongs to a history that is kept *uncorrected*; `old` here "
            "is a centre already": lambda old, batch, n, d: (
                (d * old + (1 - d) * batch) / (1 - d**n)
            ),
        },
        hint="Σ dⁿ⁻ⁱ bᵢ / Σ dⁿ⁻ⁱ: what share has b_n, and what is the rest a share of?",
    ),
    "09.4": Exercise(
        right=3 * 128 * 128 / 784,
        tol=1e-2,
        mistakes={
            "the other way round: a small image has *fewer* errors to sum": 784 / 49152,
            "the paper's images have three colours": 128 * 128 / 784,
            "this is the ratio of the sides; errors are summed over an area": 128 / 28,
            "then the KL would weigh much more at 28×28 than it does for them": 1.0,
        },
        hint="how many numbers has an image of 128×128 in colour, how many has a digit?",
    ),
    "09.5": Exercise(
        right=(3 * math.log(2), math.log(10)),
        tol=2e-3,
        mistakes={
            "these are the numbers that A's log shows; what would Algorithm 1 print?": (
                2 * math.log(2),
                math.log(2),
            ),
            "line 9 has three terms, not two": When(
                lambda said: abs(float(said[0]) - 2 * math.log(2)) < 2e-3,
                (2 * math.log(2), math.log(10)),
            ),
            "a softmax over ten classes that knows nothing says 1/10": When(
                lambda said: abs(float(said[1]) - math.log(2)) < 2e-3,
                (3 * math.log(2), math.log(2)),
            ),
            "a loss of this kind is *minus* a logarithm of a probability": When(
                lambda said: float(said[0]) < 0 or float(said[1]) < 0,
                (-3 * math.log(2), -math.log(10)),
            ),
            "the right numbers, in the other order: L_D first": (math.log(10), 3 * math.log(2)),
            "that is one term at D = 1/3; an untrained D says ½ of all three": When(
                lambda said: abs(float(said[0]) - math.log(3)) < 2e-3,
                (math.log(3), math.log(10)),
            ),
        },
        hint="put D = ½ into line 9, and P(c|x) = 1/10 into line 3; natural logarithms",
    ),
    "09.6": Exercise(
        right=784 * 128 / 2,
        tol=0.01,  # the text says fifty thousand
        mistakes={
            "nearly: a Gaussian likelihood has ½ of the squared error": 784.0 * 128,
            "that is the pixels' share; the KL is summed over the batch, too": 784.0,
            "the KL is summed over the batch, too": 392.0,
            "that is the batch's share; the error is a mean over pixels, too": 128.0,
            "the other way round: relative to the error the KL *grew*": 2 / (784 * 128),
        },
        hint="which number times ½‖x − x_f‖², per image, is the mean? Divide by it.",
    ),
    "09.7": Exercise(
        right={"A": "noise for a label", "B": "healthy", "C": "pixel mean"},
        mistakes={
            "the healthy one is found. Which of the other two has a KL near 0?": {
                "A": "pixel mean",
                "B": "healthy",
                "C": "noise for a label",
            },
            "two are found. Without a label at E, would G still draw what it is asked for?": {
                "A": "label withheld",
                "B": "healthy",
                "C": "pixel mean",
            },
            "two are found. Is a KL of nearly 0 nats what an encoder without labels has?": {
                "A": "noise for a label",
                "B": "healthy",
                "C": "label withheld",
            },
            "look down A's columns: does it draw what it is asked for? And its L_GC?": {
                "A": "healthy"
            },
            "C's losses are small, and so is its KL: what does z say of an image?": {
                "C": "healthy"
            },
            "one of the three is healthy": When(
                nobody_healthy,
                {"A": "noise for a label", "B": "label withheld", "C": "pixel mean"},
            ),
        },
        hint="a dictionary with a word for each of A, B and C",
    ),
}

VARIANTS = ("full", "without D", "without C", "without L_GD", "without L_GC", "pixels alone")

PREDICTIONS = {
    "09.11": Prediction(low=0, high=1),
    "09.12": Prediction(words=VARIANTS),
}
