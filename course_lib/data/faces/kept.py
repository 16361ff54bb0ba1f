"""The faces of a split, drawn once and kept: a file that later lessons map into memory.

Of two processes that draw the same faces at once the second to finish puts the same file in the
same place.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib import disk
from course_lib.data import paths, progress, valid
from course_lib.data.faces.drawing import render
from course_lib.errors import CourseError

VERSION = 1  # of the drawing; raise it when any face changes
PART = 2000  # faces between two steps of the progress bar
IN_MEMORY = 1_000_000_000  # bytes of faces that are drawn into memory for want of a disk


def images(
    factors: dict[str, Tensor], split: str, size: int, root: str | Path | None, n: int | None
) -> np.ndarray | Tensor:
    """The faces with these factors, or the first n: uint8 (n, 3, size, size).

    Drawn into memory where just n of them are asked for; and, with a warning, where they can't
    be kept (no room, a read-only disk) and there are few enough of them.
    """
    size = valid.side(size)
    shape = (len(factors["hair"]), 3, size, size)
    if root is not None:
        remedy = "to keep the faces in. Create it, or leave root out to have them in the cache."
        root = disk.existing(root, remedy)
    try:
        path = (root or paths.cache_root() / "faces") / f"faces-{VERSION}-{size}-{split}.npy"
        if n is None and _mapped(path, shape) is None:
            _write(path, factors, split, size)
        if (images := _mapped(path, shape)) is not None:
            return images[:n]
    except (OSError, CourseError) as error:
        if n is None and math.prod(shape) > IN_MEMORY:
            raise CourseError(
                f"{error} In memory the faces would take too much; faces.load({split!r}, "
                f"size={size}, n=1000) draws the first 1,000."
            ) from error
        if n is None:
            told = f"The faces can't be kept, and are drawn anew in each kernel. {error}"
            warnings.warn(told, stacklevel=3)
    if n is not None:
        return render({name: values[:n] for name, values in factors.items()}, size)
    return torch.cat(list(_drawn(factors, split, size)))


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array in the file; None where there is none, or one that is cut off or another's."""
    try:
        # "c": a change to the images stays in memory and never reaches the file.
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.uint8 else None


def _write(path: Path, factors: dict[str, Tensor], split: str, size: int) -> None:
    """Draw the faces into a file. Raises OSError or CourseError where that is impossible."""
    disk.writable(path.parent)
    count = len(factors["hair"])
    disk.require_room(f"{count:,} faces at {size}×{size}", count * 3 * size**2, path.parent)
    with disk.whole(path) as file:
        head = {"descr": "|u1", "fortran_order": False, "shape": (count, 3, size, size)}
        np.lib.format.write_array_header_1_0(file, head)
        for images in _drawn(factors, split, size):
            file.write(images.numpy().data)


def _drawn(factors: dict[str, Tensor], split: str, size: int) -> Iterator[Tensor]:
    """The faces, PART by PART, with a progress bar."""
    total = len(factors["hair"])
    title = f"Drawing faces ({split}, {size}×{size})"
    with progress.bar(title, total, unit="face", leave=False) as bar:
        for start in range(0, total, PART):
            rows = slice(start, start + PART)
            yield render({name: values[rows] for name, values in factors.items()}, size)
            bar.update(min(PART, total - start))
