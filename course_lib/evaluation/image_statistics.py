"""Measures of one image at a time: is it sharp, is it symmetric? Compared as distributions.

A real face is not "as sharp as possible", and no real face is quite symmetric; so no value is good
in itself. What is compared is the distribution of a measure over samples with that over real
images, by the Wasserstein distance in units of the real images' standard deviation. What the
measures can't tell: noise and a checkerboard raise sharpness like detail does, blur makes a picture
more symmetric, and a turned head is asymmetric without being deformed. Lesson 03 shows each.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.errors import CourseError
from course_lib.evaluation.levels import as_levels, checked

LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
SMOOTHING = 1 / 16  # of the side: the low-pass's standard deviation
STEPS = 256  # images at a time
MINIMUM = 8  # pixels a side


def grey(images: Tensor) -> Tensor:
    """images (N, 1 or 3, H, W), uint8 or floats in [0, 1] -> grey (N, H, W) in float64.

    Colours are weighted as the eye weighs them (.299, .587, .114: ITU-R BT.601), after rounding
    to 256 levels.
    """
    if images.shape[1] not in (1, 3):
        raise CourseError(f"Expected images (N, 1 or 3, H, W), got {tuple(images.shape)}.")
    if min(images.shape[2:]) < MINIMUM:
        raise CourseError(
            f"Images of {images.shape[2]}×{images.shape[3]} pixels are too small to tell sharp "
            f"from blurred: {MINIMUM} pixels a side at least."
        )
    levels = as_levels(images).double()
    weights = [0.299, 0.587, 0.114] if images.shape[1] == 3 else [1.0]
    return torch.einsum("nchw,c->nhw", levels, levels.new_tensor(weights))


def sharpness(images: Tensor) -> Tensor:
    """The variance of each image's Laplacian (4 neighbours), (N,), grey levels from 0 to 1.

    0 for a plain slope; 20 σ² for white noise of variance σ² (Pech-Pacheco et al. 2000).
    """

    def measure(x: Tensor) -> Tensor:
        kernel = x.new_tensor(LAPLACIAN)[None, None]
        return F.conv2d(x[:, None], kernel).flatten(1).var(1, correction=0)

    return _each(images, measure)


def spectrum_slope(images: Tensor) -> Tensor:
    """The slope of log power over log frequency, averaged over directions, (N,).

    0 for white noise, about −2 for photographs (Field 1987), steeper for blurred images. The
    straight line is fitted from 2 cycles an image to half the side, where the sampling ends,
    under a Hann window, which keeps the jump from one edge to the opposite one out. The power
    that rounding to 256 levels adds stands for what a blank image lacks.
    """

    def measure(x: Tensor) -> Tensor:
        high, wide = x.shape[1:]
        side, like = min(high, wide), {"dtype": x.dtype, "device": x.device}
        rows, columns = (torch.hann_window(n, **like) for n in (high, wide))
        window = rows[:, None] * columns
        weight = window.square().sum()
        x = x - (x * window).sum((1, 2), keepdim=True) / window.sum()
        power = torch.fft.fft2(x * window).abs().square() / weight + 1 / (12 * 255**2)
        fy, fx = (torch.fft.fftfreq(n, **like) * side for n in (high, wide))
        ring = torch.hypot(fy[:, None], fx).round().long().flatten()
        count = torch.bincount(ring)
        rings = power.new_zeros(len(x), len(count))
        rings = rings.index_add_(1, ring, power.flatten(1)) / count
        log_f = torch.arange(2, side // 2 + 1, **like).log()
        log_p = rings[:, 2 : side // 2 + 1].log()
        log_f = log_f - log_f.mean()
        return log_p @ log_f / log_f.square().sum()

    return _each(images, measure)


def asymmetry(images: Tensor) -> Tensor:
    """The share of each image's variance that is odd under a mirror from left to right, (N,).

    0: symmetric; 1: the mirror image is the negative; ½: the halves know nothing of each other.
    The image is smoothed first (Gaussian, a sixteenth of the side), so that neither noise nor a
    hair's place counts; a share does not depend on contrast. A blank image has 0.
    """

    def measure(x: Tensor) -> Tensor:
        x = smooth(x, SMOOTHING * x.shape[2])
        odd = (x - x.flip(2)) / 2
        total = (x - x.mean((1, 2), keepdim=True)).square().sum((1, 2))
        share = odd.square().sum((1, 2)) / total.clamp(min=1e-12)
        return torch.where(total > 1e-9, share, 0.0)

    return _each(images, measure)


def distribution_distance(fake: Tensor, real: Tensor) -> float:
    """The Wasserstein-1 distance of values (N,) and (M,), in real standard deviations.

    The area between the two distribution functions. Raises CourseError if real values do not
    vary, so that there is no unit, or if there are fewer than 2.
    """
    fake, real = fake.double().flatten(), real.double().flatten()
    if min(len(fake), len(real)) < 2 or not (fake.isfinite().all() and real.isfinite().all()):
        raise CourseError(
            f"A distance of distributions takes 2 finite values or more on each side; these are "
            f"{len(fake)} and {len(real)}."
        )
    unit = real.std()
    if unit == 0:
        raise CourseError(
            "All real images have the same value, so their standard deviation is no unit."
        )
    edges = torch.cat([fake, real]).sort().values
    below = [
        torch.searchsorted(x.sort().values, edges[:-1], right=True).double() / len(x)
        for x in (fake, real)
    ]
    return ((below[0] - below[1]).abs() @ edges.diff() / unit).item()


def _each(images: Tensor, measure: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.cat([measure(grey(part)) for part in checked(images).split(STEPS)])


def smooth(x: Tensor, sigma: float) -> Tensor:
    """x (N, H, W) blurred by a Gaussian of that many pixels; its mirror goes on past an edge."""
    reach = min(math.ceil(3 * sigma), min(x.shape[1:]) - 1)
    at = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = (-0.5 * (at / sigma).square()).exp()
    kernel = kernel / kernel.sum()
    x = F.pad(x[:, None], (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(x, kernel[None, None, None]), kernel[None, None, :, None])[:, 0]
