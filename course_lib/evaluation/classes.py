"""Which digits does a model draw, and in which proportions? Scores of the class histogram.

The judge reads every sample, the readings are counted, and the counts are compared with those of
real digits read by the same judge. Every comparison of two finite sets is off zero even if both
are real: that is its floor, and it is printed beside the score. Lesson 03 derives bias and
floor; lesson 02 uses the histogram to see a generator collapse.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, one_of, real_number
from course_lib.evaluation.levels import for_network, precisely, require_judge
from course_lib.pixels import require_generator

REPEATS = 400  # histograms behind an error and a floor
DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # of shares (…, classes)
    "total variation": lambda p, q: 0.5 * (p - q).abs().sum(-1),
    "KL": lambda p, q: torch.where(p > 0, p * (p / q).log(), 0.0).sum(-1),
}


@torch.no_grad()
@precisely()
def class_probabilities(images: Tensor, classifier: nn.Module) -> Tensor:
    """The judge's P(class | image), (N, 10). images (N, C, H, W): uint8, or floats in [0, 1].

    Floats are first rounded to 256 grey levels, as real images are. The classifier must be in
    evaluation mode. Raises CourseError for no images, NaN, values outside [0, 1],
    what is no network.
    """
    require_judge(classifier)
    return torch.cat([classifier(x).softmax(1) for x in for_network(images, classifier)])


def class_histogram(images: Tensor, classifier: nn.Module, confidence: float = 0.0) -> Tensor:
    """How many images the judge reads as each class, (10,) whole numbers.

    Only images read with a probability of at least `confidence` are counted: in a histogram of
    unreadable images the judge's guesses are noise. Compare it with the unfiltered one.
    """
    confidence = real_number("confidence, a probability,", confidence, "[0, 1]")
    return histogram_of(class_probabilities(images, classifier), confidence)


def histogram_of(probabilities: Tensor, confidence: float = 0.0) -> Tensor:
    """Counts (classes,) of the likeliest class among rows (N, classes) at least so sure."""
    sure, classes = probabilities.max(1)
    return torch.bincount(classes[sure >= confidence], minlength=probabilities.shape[1])


def _double(counts: Tensor) -> Tensor:
    try:
        found = counts if isinstance(counts, Tensor) else torch.as_tensor(counts, device="cpu")
    except (TypeError, ValueError, RuntimeError):
        found = torch.zeros(())
    if not found.ndim or found.is_complex():
        raise CourseError(
            "A histogram is a tensor, array or list with a count of each class, not "
            f"{counts!r:.60}."
        )
    return found.double()


def shares(counts: Tensor) -> Tensor:
    """Counts or shares (…, classes) -> shares that sum to 1, float64."""
    counts = _double(counts)
    total = counts.sum(-1, keepdim=True)
    if (counts < 0).any() or not (total > 0).all() or not counts.isfinite().all():
        raise CourseError(
            f"A histogram has counts from 0 and at least one above, got {counts.tolist()}. If a "
            "confidence filter left nothing, lower it."
        )
    return counts / total


def _pair(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    p, q = shares(p), shares(q)
    if p.ndim > 1 or q.ndim > 1:
        raise CourseError(
            f"Two single histograms (classes,) are compared, got {tuple(p.shape)} and "
            f"{tuple(q.shape)}: take them one after the other."
        )
    if p.shape[-1] != q.shape[-1]:
        raise CourseError(f"Histograms of {p.shape[-1]} and {q.shape[-1]} classes: need equal.")
    return p, q


def _counts(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    p, q = _double(p), _double(q)
    _pair(p, q)
    if (p % 1).any() or (q % 1).any():
        raise CourseError("Expected counts, not shares: how many were counted matters here.")
    return p, q


def total_variation(p: Tensor, q: Tensor) -> float:
    """½ Σ |p − q|, from 0 (same) to 1 (no class in common). Counts or shares, (classes,)."""
    return DISTANCES["total variation"](*_pair(p, q)).item()


def class_kl(p: Tensor, q: Tensor) -> float:
    """KL(p ‖ q) = Σ p log(p/q) in nats; inf if p has a class that q lacks. Counts or shares."""
    return DISTANCES["KL"](*_pair(p, q)).item()


def chi_squared(counts: Tensor, other: Tensor) -> float:
    """The two-sample χ² of two histograms of *counts*: are they draws from one distribution?

    If they are, it has the mean (classes − 1) and the variance 2 (classes − 1), classes that
    neither has left out (Pearson 1911).
    """
    a, b = _counts(counts, other)
    ratio, there = (b.sum() / a.sum()).sqrt(), (a + b) > 0
    return ((a * ratio - b / ratio).square()[there] / (a + b)[there]).sum().item()


def modes_covered(counts: Tensor, share: float = 0.02) -> int:
    """How many classes hold at least `share` of all counted images. counts: (classes,).

    With ten classes the default is a fifth of a fair share: one stray sample covers nothing.
    """
    share = real_number("share, a part of all images,", share, "(0, 1)")
    return int((shares(counts) >= share).sum())


def bootstrap(
    counts: Tensor, size: int, repeats: int, generator: torch.Generator | None
) -> Tensor:
    """`repeats` histograms of `size` images drawn from the shares of `counts`, as shares."""
    seed = torch.randint(2**62, (), generator=generator, device="cpu").item()
    p = shares(counts).cpu().numpy()
    return torch.from_numpy(np.random.default_rng(seed).multinomial(size, p, repeats)) / size


def error_and_floor(
    distance: str,
    counts: Tensor,
    real: Tensor,
    generator: torch.Generator | None = None,
) -> tuple[float, float]:
    """(standard error, floor) of a distance ("total variation", "KL") between two histograms.

    counts, real: (classes,) whole numbers. error: the distance's spread when both histograms are
    drawn anew from the counted shares. floor: its mean between histograms of the same two sizes
    when both are drawn from the real shares.
    """
    one_of("distance of histograms", distance, DISTANCES)
    require_generator(generator)
    counts, real = _counts(counts, real)
    between, size = DISTANCES[distance], int(counts.sum())
    again = bootstrap(real, int(real.sum()), REPEATS, generator)
    spread = between(bootstrap(counts, size, REPEATS, generator), again)
    floor = between(bootstrap(real, size, REPEATS, generator), again)
    return spread.std().item(), floor.mean().item()
