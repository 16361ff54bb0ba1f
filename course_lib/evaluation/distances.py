"""How far apart are two sets of features? Fréchet distance and kernel distance (KID).

The Fréchet distance fits a Gaussian to each set and compares the two Gaussians exactly. Its
estimate is too large for few images, by an amount that depends on the distribution, so it is
compared at equal N only, and refused below 2 images a dimension, where a covariance is hardly
known. The kernel distance assumes no Gaussian, and its estimate is unbiased for every N: for
equal distributions it is zero in the mean, and negative half of the time. Both in float64; lesson
03 derives both (Heusel et al. 2017; Bińkowski et al. 2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.pixels import require_tensor

PER_DIMENSION = 2  # images, at least
GROUPS = 10
ROWS = 1000


def gaussian_frechet(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """|μ_a − μ_b|² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½): squared distance of two Gaussians.

    means (D,), covariances (D, D). The trace of the matrix square root is taken through the
    symmetric Σ_a^½ Σ_b Σ_a^½, which has the same eigenvalues and stays real when a covariance
    is singular (Dowson and Landau 1982). Rounding never makes it negative.
    """
    mean_a, cov_a, mean_b, cov_b = (t.double() for t in (mean_a, cov_a, mean_b, cov_b))
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    means = (mean_a - mean_b).square().sum()
    return max(0.0, (means + cov_a.trace() + cov_b.trace() - 2 * cross).item())


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The Fréchet distance of two sets of features, (N, D) and (M, D); biased upwards.

    Raises CourseError below 2 D rows. Say with it which features, and N.
    """
    a, b = checked_pair(a, b)
    few, dims = min(len(a), len(b)), a.shape[1]
    if few < PER_DIMENSION * dims:
        raise CourseError(
            f"A Fréchet distance of {dims}-dimensional features takes {PER_DIMENSION * dims} "
            f"images or more on each side, got {few}: with fewer it measures their number. "
            "Draw more samples, or use kid, which is unbiased."
        )
    return fitted_frechet(a, b)


def fitted_frechet(a: Tensor, b: Tensor) -> float:
    """The same for any N above 1: a step of `left_out_error`, and of what shows the bias."""
    return gaussian_frechet(a.mean(0), a.T.cov(), b.mean(0), b.T.cov())


def left_out_error(statistic: Callable[[Tensor, Tensor], float], a: Tensor, b: Tensor) -> float:
    """The standard error of a statistic of two sets, by leaving out a tenth of both at a time.

    It knows nothing of a bias, which all ten share. For averages over images and smooth
    functions of them; not for a nearest neighbour.
    """
    folds = [torch.arange(len(x), device=x.device) % GROUPS for x in (a, b)]
    found = [statistic(a[folds[0] != i], b[folds[1] != i]) for i in range(GROUPS)]
    return _jackknife(torch.tensor(found, dtype=torch.float64, device="cpu"))


def kid(a: Tensor, b: Tensor) -> tuple[float, float]:
    """The unbiased squared kernel distance of two sets of features (N, D), and its error.

    E k(a, a′) + E k(b, b′) − 2 E k(a, b) with k(a, b) = (a·b / D + 1)³; a pair of an image with
    itself is left out, which is what makes it unbiased. It can be negative. The error is the
    jackknife's over images. Costs 4 N² D operations. Raises CourseError for sets of unequal size.
    """
    a, b = checked_pair(a, b)
    if len(a) != len(b):
        raise CourseError(f"kid compares sets of one size, got {len(a)} and {len(b)} images.")
    n = len(a)
    (aa, own_a), (bb, own_b) = (_sums(x, x) for x in (a, b))
    (ab, paired), (ba, _) = _sums(a, b), _sums(b, a)
    aa, bb = aa - own_a, bb - own_b
    value = (aa.sum() + bb.sum()) / (n * (n - 1)) - 2 * ab.sum() / n**2
    # Without image i on both sides: its row and its column go.
    within = (aa.sum() - 2 * aa + bb.sum() - 2 * bb) / ((n - 1) * (n - 2))
    without = within - 2 * (ab.sum() - ab - ba + paired) / (n - 1) ** 2
    return value.item(), _jackknife(without)


def _sums(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_j k(a_i, b_j) for each i, and k(a_i, b_i); both (N,)."""
    dims = a.shape[1]
    rows = [(part @ b.T / dims + 1).pow(3).sum(1) for part in a.split(ROWS)]
    return torch.cat(rows), ((a * b).sum(1) / dims + 1).pow(3)


def _jackknife(without: Tensor) -> float:
    """The standard error of a statistic from its values with one part after another left out."""
    n = len(without)
    return math.sqrt((n - 1) / n) * (without - without.mean()).norm().item()


def checked_pair(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two sets of features in float64, checked."""
    for x in (a, b):
        if not isinstance(x, Tensor) or x.ndim != 2 or len(x) < 3:
            found = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise CourseError(f"Expected features (N, D) with N at least 3, got {found}.")
        require_tensor(x)
        if x.is_complex():
            raise CourseError("Features are real numbers, and some of these are complex.")
        if not x.isfinite().all():
            raise CourseError("Some features are NaN or infinite: look at the images first.")
    if a.shape[1] != b.shape[1]:
        raise CourseError(
            f"Features of {a.shape[1]} and of {b.shape[1]} dimensions: take both from one network."
        )
    return a.double(), b.double()
