"""Images as every score sees them: 256 grey levels, single precision, whatever was set before.

Real images have 8 bits, so generated ones are rounded to 8 bits, too: else a judge could tell
them apart by what nobody sees. Judges answer in float32 on the device that they lie on; mixed
precision is switched off while they do, and a model of half precision is scored with its weights
in float32, for a sum of 784 log-probabilities in bfloat16 has two digits. Lesson 03.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.pixels import TO_UNIT, require_tensor

BATCH = 500


def checked(images: Tensor) -> Tensor:
    """The images, if they are (N, C, H, W) with N at least 1, uint8 or floats in [0, 1].

    Raises CourseError for anything else.
    """
    if not isinstance(images, Tensor) or images.ndim != 4 or not len(images):
        found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise CourseError(
            f"Expected images as a tensor (N, C, H, W) with N at least 1, got {found}."
        )
    require_tensor(images)
    if images.is_floating_point():
        check_range(images)
    elif images.dtype != torch.uint8:
        raise CourseError(
            f"Expected images as uint8 from 0 to 255, or as floats in [0, 1], got {images.dtype}. "
            "Levels from 0 to 255: images.to(torch.uint8)."
        )
    return images


def check_range(images: Tensor, what: str = "images") -> None:
    """Refuse NaN, infinities and values outside [0, 1] (half a grey level is forgiven)."""
    if not images.isfinite().all():
        bad = int((~images.isfinite()).flatten(1).any(1).sum())
        raise CourseError(
            f"{bad} of {len(images):,} {what} hold NaN or infinite values. A model that draws "
            "them has diverged: train it again with a smaller learning rate, or load an "
            "earlier checkpoint."
        )
    low, high = images.aminmax()
    if low < -0.002 or high > 1.002:
        raise CourseError(
            f"Expected {what} in [0, 1], got values from {low.item():.3g} to {high.item():.3g}. "
            f"{TO_UNIT}"
        )


def as_levels(images: Tensor) -> Tensor:
    """Images as multiples of 1/255 in [0, 1], float32: uint8 or float, real and generated alike."""
    if images.dtype == torch.uint8:
        return images.to(torch.float32) / 255
    return (images.to(torch.float32) * 255).round().clamp(0, 255) / 255


def require_judge(judge: nn.Module) -> None:
    """Refuse, with a CourseError, what is no network, and a network in training mode."""
    if not isinstance(judge, nn.Module):
        raise CourseError(
            f"Expected a classifier, a network (nn.Module) such as evaluation.digit_classifier() "
            f"gives, not {judge!r:.60}."
        )
    if judge.training:
        raise CourseError(
            "The classifier is in training mode, in which its answer for one image depends on "
            "the others. Call classifier.eval() first."
        )


def for_network(images: Tensor, network: nn.Module) -> Iterator[Tensor]:
    """The images as levels, a BATCH at a time, where the network's weights lie, as they are."""
    weights = next(network.parameters(), torch.zeros(0, device="cpu", dtype=torch.float32))
    for part in checked(images).split(BATCH):
        yield as_levels(part).to(weights.device, weights.dtype)


@contextlib.contextmanager
def precisely() -> Iterator[None]:
    """Within it, and in a function that it decorates, no mixed precision is used."""
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


def in_single(model):
    """The model itself, or a copy of it in float32 if its weights are of half precision."""
    weights = model.parameters() if isinstance(model, nn.Module) else ()
    if any(w.is_floating_point() and w.element_size() < 4 for w in weights):
        return copy.deepcopy(model).to(torch.float32)
    return model
