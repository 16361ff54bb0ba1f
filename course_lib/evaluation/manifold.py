"""Fidelity and diversity apart: precision, recall, density and coverage.

Each set of features is thickened to a union of balls, one around each image, that reaches to the
image's fifth neighbour in its own set. Precision is the share of samples in the balls of the real
images, recall the share of real images in the balls of the samples (Kynkäänniemi et al. 2019). One
outlier among the samples has a huge ball, which makes recall large; one among the real images does
it to precision. Density counts in how many real balls a sample lies instead of whether in any,
and coverage asks which real balls hold a sample: real balls only, so that odd samples enlarge
nothing (Naeem et al. 2020). If all samples are alike, their balls are points and recall is 0.
Lesson 03 shows what each of them falls for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.errors import CourseError, whole_number
from course_lib.evaluation.distances import checked_pair
from course_lib.evaluation.likelihood import mean_and_error

K = 5
ROWS = 250
EXACT = "donot_use_mm_for_euclid_dist"  # an image is at distance 0 from itself, not at 1e-7


@dataclass(frozen=True)
class PRDC:
    """precision, recall, coverage: shares from 0 to 1. density: about 1 for real images, can be
    larger. errors: standard errors by name, over the images that each is a mean of; the balls
    are taken as given.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    errors: dict[str, float]


def prdc(real: Tensor, fake: Tensor, k: int = K) -> PRDC:
    """The four scores of samples' features (M, D) against real ones (N, D).

    k: which neighbour a ball reaches to. For two equal sets all four are 1, also where they hold
    copies: an image and its copies always lie in its own ball, and density divides by the real
    images in it, which are k where there are no copies. Costs 4 N M D operations for N = M.
    Compare at equal N only. An error is at least half an image: a share of 1 is not known
    exactly. Raises CourseError for k images or fewer.
    """
    real, fake = checked_pair(real, fake)
    few = min(len(real), len(fake))
    if whole_number("k", k) >= few:
        raise CourseError(f"k is a neighbour's number from 1 to {few - 1}, got {k!r}.")
    (reach_real, own), reach_fake = _balls(real, k), radii(fake, k)
    weight = own.double().reciprocal()
    recalled = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    covered, dense, held = recalled.clone(), [], []
    for part, reach in zip(fake.split(ROWS), reach_fake.split(ROWS), strict=True):
        apart = _apart(real, part)
        inside = _inside(apart, reach_real[:, None])
        held.append(inside.any(0))
        dense.append(weight @ inside.double())
        covered |= inside.any(1)
        recalled |= _inside(apart, reach).any(1)
    found = {"precision": torch.cat(held), "recall": recalled, "density": torch.cat(dense)}
    found["coverage"] = covered
    scores = {name: mean_and_error(values) for name, values in found.items()}
    errors = {name: max(error, 0.5 / few) for name, (_, error) in scores.items()}
    return PRDC(**{name: value for name, (value, _) in scores.items()}, errors=errors)


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b, compute_mode=EXACT)


def _inside(apart: Tensor, reach: Tensor) -> Tensor:
    """Which distances lie in an open ball of that radius, its centre included."""
    return (apart < reach) | (apart == 0)


def radii(x: Tensor, k: int = K) -> Tensor:
    """The distance of each of (N, D) to its k-th nearest other, (N,)."""
    return _balls(x, k)[0]


def _balls(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Each image's radius, (N,), and how many of (N, D) its ball holds, itself included, (N,)."""
    found = []
    for part in x.split(ROWS):
        apart = _apart(part, x)
        reach = apart.kthvalue(k + 1, dim=1).values
        found.append((reach, _inside(apart, reach[:, None]).sum(1)))
    return tuple(map(torch.cat, zip(*found, strict=True)))


def expected_coverage(n: int, m: int, k: int = K) -> float:
    """The coverage to expect when n real images and m samples are of one distribution.

    1 − Π_{i<k} (n − 1 − i) / (n + m − 1 − i): the k nearest of the n + m − 1 others of a real
    image are all real. It depends neither on the distribution nor on the dimension (Naeem et
    al. 2020, eq. 9).
    """
    return 1 - math.prod((n - 1 - i) / (n + m - 1 - i) for i in range(k))
