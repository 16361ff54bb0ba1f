"""The one place where explorers call a network: tensors here, pixels elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from course_lib.plots.pictures import as_pixels


def quietly(model: torch.nn.Module, call: Callable, batch: np.ndarray) -> tuple:
    """`call` on a float batch, without gradients, in evaluation mode, where the model is."""
    first = next(iter(model.parameters()), torch.zeros(()))
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            out = call(torch.as_tensor(batch, dtype=first.dtype, device=first.device))
    finally:
        model.train(training)
    return out if isinstance(out, tuple) else (out,)


def decode(model: torch.nn.Module, call: Callable, z: np.ndarray) -> np.ndarray:
    """Latent points (n, d) → pictures uint8 (n, H, W, 3)."""
    return as_pixels(quietly(model, call, z)[0].float().clamp(0, 1))


def encode(vae: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """uint8 images (n, C, H, W) → posterior means (n, d), five hundred at a time."""
    parts = [
        quietly(vae, vae.encode, images[i : i + 500] / np.float32(255))[0].cpu().numpy()
        for i in range(0, len(images), 500)
    ]
    return np.concatenate(parts)
