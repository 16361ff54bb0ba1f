"""The one place where explorers call a network: tensors here, pixels elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from course_lib.errors import CourseError
from course_lib.plots.pictures import as_numbers, as_pixels


def quietly(model: object, call: Callable, batch: np.ndarray) -> tuple:
    """`call` on a float batch, without gradients, in evaluation mode, where the model is; one
    without weights gets a float32 tensor."""
    module = model if isinstance(model, torch.nn.Module) else torch.nn.Module()
    first = next(iter(module.parameters()), torch.zeros(()))
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            out = call(torch.as_tensor(batch, dtype=first.dtype, device=first.device))
    finally:
        module.train(training)
    return out if isinstance(out, tuple) else (out,)


def decode(
    model: object, call: Callable, z: np.ndarray, shape: tuple[int, int, int]
) -> np.ndarray:
    """Latent points (n, d) → pictures uint8 (n, H, W, 3), from images in [0, 1] of this shape
    (C, H, W). Raises `CourseError` for what the model makes else."""
    images = as_numbers(quietly(model, call, z)[0], f"What {type(model).__name__} makes of z")
    if images.shape != (len(z), *shape):
        raise CourseError(
            f"{type(model).__name__} must turn z {z.shape} into as many images of its shape, "
            f"{(len(z), *shape)}; it made {images.shape}."
        )
    return as_pixels(images)


def encode(model: object, images: np.ndarray, size: int) -> np.ndarray:
    """uint8 images (n, C, H, W) → posterior means (n, size), five hundred at a time. Raises
    `CourseError` for codes of another size, and for NaN."""
    name = f"What {type(model).__name__}.encode makes"
    parts = [
        as_numbers(quietly(model, model.encode, images[i : i + 500] / np.float32(255))[0], name)
        for i in range(0, len(images), 500)
    ]
    shapes = [part.shape for part in parts]
    if shapes != [(len(images[i : i + 500]), size) for i in range(0, len(images), 500)]:
        raise CourseError(f"{name} must be codes (n, {size}); got {shapes[0]}.")
    return finite(np.concatenate(parts), name)


def finite(values: np.ndarray, name: str) -> np.ndarray:
    """The values, or a `CourseError` if NaN or infinity is among them."""
    if not np.isfinite(values).all():
        raise CourseError(f"{name} holds NaN or infinity: look at what made it.")
    return values
