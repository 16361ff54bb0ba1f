"""8-bit pixels as something that has an honest likelihood, and what it costs in bits.

`binarise` draws each pixel from a Bernoulli variable (lesson 06): published VAE numbers live on
this scale. `dequantise` spreads each of the 256 grey levels over its own interval of width
1/256 (lessons 07 and 10), so that a density of real numbers bounds a probability of integers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.errors import CourseError


def require_tensor(x: Tensor) -> None:
    """Raise CourseError for what is no tensor, and for a tensor without values."""
    if not isinstance(x, Tensor):
        raise CourseError(
            f"Expected a tensor of floats, got {type(x).__name__}: torch.as_tensor(…) makes one."
        )
    if x.is_meta:
        raise CourseError(
            "Expected a tensor with values; this one lies on the device 'meta', which holds none."
        )


def require_floats(x: Tensor) -> None:
    """Raise CourseError for 8-bit images, and for what is no tensor, where floats are wanted."""
    require_tensor(x)
    if not x.is_floating_point():
        raise CourseError(
            f"Expected floats, images in [0, 1]; got {x.dtype}. DataSet.batch(…).x has them; "
            "8-bit images become so by / 255."
        )


def require_levels(images: Tensor) -> None:
    """Raise CourseError for floats where 8-bit images are wanted."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8:
        found = getattr(images, "dtype", type(images).__name__)
        raise CourseError(
            f"Expected a tensor of 8-bit images (uint8, 0 to 255), got {found}. Pass "
            "DataSet.images, not a batch of floats."
        )


TO_UNIT = "From [-1, 1]: (x + 1) / 2; from 0 to 255: x / 255."


def require_unit(x: Tensor, what: str, more: str) -> None:
    """Raise CourseError, which ends in `more`, unless all values lie in [0, 1]."""
    if x.numel() and not (x.min() >= 0 and x.max() <= 1):  # also true of NaN
        raise CourseError(
            f"{what} must lie in [0, 1], got {x.min().item():.3g} to {x.max().item():.3g}. {more}"
        )


def require_generator(generator: torch.Generator | None) -> None:
    """Raise CourseError for a seed, or another library's generator, where torch's is wanted."""
    if not isinstance(generator, torch.Generator | None):
        raise CourseError(
            f"generator must be a torch.Generator, not {generator!r:.60}: "
            "torch.Generator().manual_seed(3) makes one of a seed."
        )


def binarise(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw pixels in {0, 1} with P(1) = x, for x in [0, 1] of any shape (same shape, dtype).

    Drawn anew for every batch, this is dynamic binarisation (Burda et al. 2016).
    """
    require_floats(x)
    require_unit(x, "Grey values", TO_UNIT)
    return (_uniform(x.shape, generator, x.device, x.dtype) < x).to(x.dtype)


def dequantise(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """(u + noise) / 256 in [0, 1) for 8-bit images u of any shape, noise uniform in [0, 1).

    The noise fills the whole interval of a grey level and never leaves it, so that floor(256 x)
    gives u back (Uria et al. 2013; Theis et al. 2016). float32.
    """
    require_levels(images)
    return spread(images, _uniform(images.shape, generator, images.device, torch.float32))


def spread(levels: Tensor, noise: Tensor) -> Tensor:
    """(levels + noise) / 256 in [0, 1) for levels 0 … 255 and noise in [0, 1) of one shape.

    In float32 at least: half precision has no room for 256 levels and something between them.
    """
    single = torch.promote_types(noise.dtype, torch.float32)
    # 255 + noise rounds up to 256 in float32 for the largest noise: keep the interval half-open.
    return (levels.to(single) + noise.to(single).clamp(max=1 - 2**-16)) / 256


def levels_of(x: Tensor) -> Tensor:
    """Grey values x = level / 255 in [0, 1] → the levels 0 … 255, in float32 at least.

    bfloat16 holds each level / 255 to within .498 / 255, so the level is still known, but the
    product 255 x has to be taken in a wider type.
    """
    return (255 * x.to(torch.promote_types(x.dtype, torch.float32))).round()


def _uniform(
    shape: torch.Size,
    generator: torch.Generator | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """Uniform noise in [0, 1): on the generator's device, then moved, so that seeds agree."""
    require_generator(generator)
    where = device if generator is None else generator.device
    return torch.rand(shape, generator=generator, dtype=dtype, device=where).to(device)


def bits_per_dim(log_prob: Tensor, dimensions: int, levels: int = 256) -> Tensor:
    """log p(x) (B,) in nats, x in [0, 1]^D dequantised from `levels` → (B,) bits a dimension.

    −log p / (D ln 2) + log2(levels): a bound on the code length of the integers. A density of 1
    on [0, 1]^D costs exactly 8 bits. (1.18)
    """
    return -log_prob / (dimensions * math.log(2)) + math.log2(levels)
