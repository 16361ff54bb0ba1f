"""What explorers need of a model with a latent space: its size, and pictures from points of it.

A model of the course decodes; one of your own may also generate, or invert. It is asked for what
it can do, not for what it is called: one that a notebook defines, with `latent`, `shape` and
`decode`, is explored too (lessons 04, 07 and 11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch

from course_lib.errors import CourseError, whole_number
from course_lib.evaluation.abilities import require_instance
from course_lib.explore.kit import network
from course_lib.models.flow import TEMPERATURE
from course_lib.plots.pictures import as_numbers

# What a model's way from z to images may be called; the first that it has is taken.
WAYS = ("decode", "generate", "mean_image", "inverse")
CANDIDATES = 24
LONGEST = 10**7
HEAVY = 1000  # numbers in z: a flow's, whose way back to an image is long


class Latents(NamedTuple):
    """size: length of z; shape: (C, H, W) of an image; pictures: z (n, size) → uint8
    (n, H, W, 3), by the averaged weights where a model has such."""

    size: int
    shape: tuple[int, int, int]
    pictures: Callable[[np.ndarray], np.ndarray]

    @property
    def heavy(self) -> bool:
        """Whether a picture takes so long that a lighter view should come first."""
        return self.size >= HEAVY


def latents(model: object, what: str) -> Latents:
    """The latent space of an unconditional GAN, VAE or flow of images, or of any model with
    `decode`, z (n, d) → images in [0, 1]; a `CourseError`, in the name of the explorer `what`,
    for anything else."""
    require_instance(model, f"explore.{what}(model)")
    way = next((name for name in WAYS if callable(getattr(model, name, None))), None)
    shape, settings = shape_of(model), getattr(model, "settings", {})
    settings = settings if isinstance(settings, Mapping) else {}
    if way is None or len(shape) != 3:
        lacks = f"examples of shape {getattr(model, 'shape', ())}"
        if way is None:
            lacks = f"none of {', '.join(f'.{name}' for name in WAYS)}"
        raise CourseError(
            f"{what} wants a GAN, a VAE or a flow of images; {type(model).__name__} has {lacks}."
        )
    classes = settings.get("classes")
    if classes or settings.get("attributes"):
        raise CourseError(
            f"{what} wants a model without labels; this {type(model).__name__} is conditioned "
            f"on {f'{classes} classes' if classes else 'attributes'}."
        )
    averaged = getattr(model, "averaged", nullcontext)

    def pictures(z: np.ndarray) -> np.ndarray:
        with averaged():
            return network.decode(model, getattr(model, way), z, shape)

    size = settings.get("latent") or getattr(model, "latent", None)
    if size is None and callable(getattr(model, "inverse", None)):
        size = int(np.prod(shape))  # a flow's z is as long as an image
    name = f"{what} wants a model that says how long z is: {type(model).__name__}.latent"
    size = whole_number(name, size, 1, LONGEST)
    return Latents(size, shape, pictures)


def shape_of(model: object) -> tuple:
    """The shape that a model says its examples have; () where it says none."""
    shape = getattr(model, "shape", ())
    return tuple(shape) if isinstance(shape, Sequence) else ()


def classes(labels: object, count: int, shown: int) -> np.ndarray | None:
    """The class of each example that is shown; None stays None. A `CourseError` for what is no
    whole number, and for another number of labels than `count`."""
    if labels is None:
        return None
    labels = as_numbers(labels, "labels")
    if not np.isfinite(labels).all() or (labels != np.rint(labels)).any():
        raise CourseError("labels must be whole numbers, the class of each example.")
    if labels.shape != (count,):
        raise CourseError(f"{count} examples need as many labels; got {labels.shape}.")
    return labels[:shown]


def encodings(model: object, space: Latents, images: np.ndarray, what: str) -> np.ndarray:
    """uint8 images (n, C, H, W) → the means (n, d) of their codes."""
    if not callable(getattr(model, "encode", None)):
        raise CourseError(
            f"{what} shows encodings of data for models with .encode, such as VAE(); "
            f"{type(model).__name__} has none: leave data out."
        )
    if not len(images) or images.shape[1:] != space.shape:
        raise CourseError(
            f"{what} wants one or more images {space.shape} for this "
            f"{type(model).__name__}; got {images.shape}."
        )
    return network.encode(model, images, space.size)


def chosen(
    space: Latents, z: object, seed: int, temperature: float, what: str, minimum: int = 2
) -> np.ndarray:
    """Latent points (n, d) to choose from: those given, the first 24 at most, or the draws of
    `sample(24, generator=torch.Generator().manual_seed(seed))`."""
    temperature = TEMPERATURE.checked(temperature, "temperature")
    if z is None:
        return draws(CANDIDATES, space.size, seed, temperature)
    points = as_numbers(z, "z").astype(float)
    if points.ndim != 2 or points.shape[1] != space.size or len(points) < minimum:
        raise CourseError(
            f"{what} wants {minimum} or more latent points (n, {space.size}); got {points.shape}."
        )
    if not np.isfinite(points).all():
        raise CourseError(f"The latent points given to {what} hold NaN or infinity.")
    return points[:CANDIDATES]


def two_of(dims: object, size: int) -> tuple[int, int]:
    """Two different numbers of a z of `size`, or a `CourseError`."""
    pair = [
        d
        for d in np.atleast_1d(as_numbers(dims, "dims")).tolist()
        if isinstance(d, int) and 0 <= d < size
    ]
    if len(pair) != 2 or np.shape(dims) != (2,) or pair[0] == pair[1]:
        raise CourseError(
            f"dims must be two different numbers from 0 to {size - 1}; got {dims}."
        )
    return pair[0], pair[1]


def draws(n: int, size: int, seed: int, temperature: float = 1.0) -> np.ndarray:
    """n draws (n, size) from N(0, temperature² I) that belong to a seed."""
    temperature = TEMPERATURE.checked(temperature, "temperature")
    seed = whole_number("seed", seed, -(2**63), 2**64 - 1)
    generator = torch.Generator().manual_seed(seed)
    return temperature * torch.randn(n, size, generator=generator).double().numpy()
