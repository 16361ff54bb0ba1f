"""What explorers need of a model with a latent space: its size, and pictures from points of it.

A model of the course decodes; one of your own may also generate, or invert. Here they are one,
so that a walk, an attribute or an arithmetic of faces (lessons 04, 07 and 11) is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch

from course_lib.errors import CourseError
from course_lib.explore.kit import network
from course_lib.plots.pictures import as_array

WAYS = ("decode", "generate", "mean_image", "inverse")
CANDIDATES = 24


class Latents(NamedTuple):
    """size: length of z; shape: (C, H, W) of an image; pictures: z (n, size) → uint8
    (n, H, W, 3), by the averaged weights where a GAN has such.
    """

    size: int
    shape: tuple[int, int, int]
    pictures: Callable[[np.ndarray], np.ndarray]


def latents(model: object, what: str) -> Latents:
    """The latent space of an unconditional GAN, VAE or flow of images.

    Raises `CourseError`, in the name of the explorer `what`, for anything else.
    """
    way = next((name for name in WAYS if callable(getattr(model, name, None))), None)
    shape = tuple(getattr(model, "shape", ()))
    settings = getattr(model, "settings", {})
    if way is None or len(shape) != 3:
        lacks = (
            f"none of {', '.join(f'.{name}' for name in WAYS)}"
            if way is None
            else f"examples of shape {shape}"
        )
        raise CourseError(
            f"{what} wants a GAN, a VAE or a flow of images; {type(model).__name__} has {lacks}."
        )
    told = settings.get("classes") or settings.get("attributes")
    if told:
        raise CourseError(
            f"{what} wants a model without labels; this {type(model).__name__} is conditioned on "
            f"{told if isinstance(told, int) else ', '.join(told)} "
            f"{'classes' if isinstance(told, int) else ''}".rstrip()
            + "."
        )
    averaged = getattr(model, "averaged", nullcontext)

    def pictures(z: np.ndarray) -> np.ndarray:
        with averaged():
            return network.decode(model, getattr(model, way), z)

    return Latents(settings.get("latent") or int(np.prod(shape)), shape, pictures)


def chosen(
    space: Latents, z: object, seed: int, temperature: float, what: str, least: int = 2
) -> np.ndarray:
    """Latent points (n, d) to choose from: those given, the first 24 at most, or 24 draws.

    The draws are those of `sample(24, generator=torch.Generator().manual_seed(seed))`.
    """
    if z is None:
        return temperature * draws(CANDIDATES, space.size, seed)
    points = as_array(z).astype(float)
    if points.ndim != 2 or points.shape[1] != space.size or len(points) < least:
        raise CourseError(
            f"{what} wants {least} or more latent points (n, {space.size}); got {points.shape}."
        )
    if not np.isfinite(points).all():
        raise CourseError(f"The latent points given to {what} hold NaN or infinity.")
    return points[:CANDIDATES]


def draws(n: int, size: int, seed: int) -> np.ndarray:
    """n draws (n, size) from N(0, I) that belong to a seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, size, generator=generator).double().numpy()
