"""What a data set refuses, and what to do about it: raised before any training begins."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from course_lib.errors import CourseError, whole_number


def tensor(values: Tensor | np.ndarray, name: str) -> Tensor:
    """The values as a tensor that shares their memory; `name` is for the message."""
    if isinstance(values, Tensor):
        return values.detach()
    if not isinstance(values, np.ndarray) or isinstance(values, np.ma.MaskedArray):
        raise CourseError(
            f"{name} must be a torch tensor or a NumPy array of numbers, not "
            f"{type(values).__name__}. torch.as_tensor(…) makes one of nested lists, "
            ".filled(…) of a masked array."
        )
    try:
        with warnings.catch_warnings():
            # A memory-mapped file is read-only; torch warns of that, but nothing writes to it.
            warnings.simplefilter("ignore")
            own = values.astype(values.dtype.newbyteorder("="), copy=False)  # big-endian files
            return torch.from_numpy(np.ascontiguousarray(own))
    except TypeError as error:
        raise CourseError(
            f"{name} must be numbers, not {values.dtype}. For names, "
            "np.unique(values, return_inverse=True)[1] gives the number of each."
        ) from error


def items(items: Tensor) -> Tensor:
    """Refuse what is neither images uint8 (N, C, H, W) nor points float32 (N, 2)."""
    shape = tuple(items.shape)
    if items.ndim == 4 and items.dtype == torch.uint8:
        if 0 in shape:
            raise CourseError(f"There are no images: shape {shape}. Give at least one.")
        if shape[1] not in (1, 3):
            raise CourseError(
                f"Images have 1 channel (grey) or 3 (colour), these have {shape[1]}: shape "
                f"{shape}. Expected (N, C, H, W); .permute(0, 3, 1, 2) puts channels first, "
                "[:, :3] drops transparency."
            )
        return items
    if items.ndim == 2 and shape[1] == 2 and items.dtype == torch.float32:
        if not len(items):
            raise CourseError(f"There are no points: shape {shape}. Give at least one.")
        if not torch.isfinite(items).all():
            bad = int((~torch.isfinite(items)).any(1).sum())
            raise CourseError(f"{bad} of {len(items):,} points are NaN or infinite. Drop them.")
        return items
    if items.ndim == 4 and items.is_floating_point():
        low, high = (items.min().item(), items.max().item()) if items.numel() else (0, 0)
        raise CourseError(
            f"Images must be 8-bit (uint8, 0 to 255), these are {items.dtype} between "
            f"{low:.3g} and {high:.3g}. {_how_to_eight_bit(low, high)}"
        )
    if items.ndim == 4:
        raise CourseError(
            f"Images must be 8-bit (uint8, 0 to 255), these are {items.dtype}. Use "
            ".to(torch.uint8) once you have checked that all values lie in 0 to 255."
        )
    if items.ndim == 3:
        raise CourseError(
            f"Images need a channel axis: expected (N, C, H, W), got {shape}. Grey images get "
            "one with .unsqueeze(1) (NumPy: images[:, None])."
        )
    if items.ndim == 2 and shape[1] == 2:
        raise CourseError(f"Points must be float32, these are {items.dtype}. Use .float().")
    raise CourseError(
        "A data set holds images uint8 (N, C, H, W) or points float32 (N, 2); got "
        f"{items.dtype} of shape {shape}."
    )


def _how_to_eight_bit(low: float, high: float) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return "There are NaN or infinite values among them: find and drop those images first."
    if 0 <= low and high <= 1:
        return "From [0, 1]: (x * 255).round().to(torch.uint8)."
    if -1 <= low and high <= 1:
        return "From [-1, 1]: ((x + 1) * 127.5).round().to(torch.uint8)."
    return "Scale them to 0 to 255 first, then .round().to(torch.uint8)."


def labels(labels: Tensor) -> Tensor:
    """The labels as int64 (N,), refused where they are no class numbers."""
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex():
        raise CourseError(
            f"Labels must be whole numbers, one for each image, shape (N,); got {labels.dtype} "
            f"of shape {tuple(labels.shape)}. One-hot rows become so by .argmax(1)."
        )
    labels = labels.long()  # torch knows no least one of unsigned numbers
    if labels.numel() and int(labels.min()) < 0:
        raise CourseError(
            f"Labels count classes from 0; the least here is {int(labels.min())}."
        )
    return labels


def attribute(values: Tensor, name: str) -> Tensor:
    """The values, refused where they are not one for each image."""
    if values.ndim != 1:
        raise CourseError(
            f"{name} must be one number for each image, shape (N,); got {tuple(values.shape)}. "
            "Give each column a name of its own."
        )
    if values.dtype in (torch.uint16, torch.uint32, torch.uint64):
        return values.long()  # torch can't compare those
    if values.is_floating_point() and not values.isfinite().all():
        bad = int((~values.isfinite()).sum())
        raise CourseError(
            f"{bad} of {len(values):,} values of {name} are NaN or infinite: nobody could say "
            "whether those images have it. Drop them, or give them a number."
        )
    return values


def side(size: int) -> int:
    """The side of a picture that is made here, photographs and faces alike."""
    return whole_number("size, the pixels of a side,", size, 8, 512)
