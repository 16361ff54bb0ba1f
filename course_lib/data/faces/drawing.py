"""From factors to pictures: the parts, back to front, in batches that fit in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from course_lib.data import valid
from course_lib.data.faces import features, hair
from course_lib.data.faces.face import Face
from course_lib.data.faces.factors import HAIR, Values, checked
from course_lib.data.faces.shapes import Canvas, grid

PIXELS = 2**18  # in one batch
REACH, UP = 0.9, 0.02  # the picture shows x in [-REACH, REACH], and y likewise but UP higher


@torch.no_grad()
def render(factors: Mapping[str, Values], size: int = 64) -> Tensor:
    """The faces with these factors: uint8 (n, 3, size, size).

    factors: every name of FACTORS -> numbers or options' names (n,), or one of them for all.
    A face with turn = light = 0 and any hair but "side" is exactly symmetric. Raises CourseError
    for a factor that is missing, unknown or out of range, and for sizes not from 8 to 512.
    """
    known, size = checked(factors), valid.side(size)
    images = torch.empty(len(known["hair"]), 3, size, size, dtype=torch.uint8, device="cpu")
    by_style = known["hair"].argsort(stable=True)
    with _one_thread():
        for rows in by_style.split(max(1, PIXELS // size**2)):
            part = {name: values[rows] for name, values in known.items()}
            images[rows] = _paint(part, size).mul_(255).add_(0.5).byte()
    return images


def _paint(factors: dict[str, Tensor], size: int) -> Tensor:
    """Faces in the order of their hair styles: float (n, 3, size, size) in [0, 1]."""
    image = torch.empty(len(factors["hair"]), 3, size, size, dtype=torch.float32, device="cpu")
    x, y = grid(size)

    def painted(rows: slice) -> Canvas:
        return Canvas(image[rows], x * REACH, y * REACH - UP, pixel=2 * REACH / size)

    canvas, face = painted(slice(None)), Face(factors)
    alike = [(style, painted(rows), face.part(rows)) for style, rows in _runs(factors["hair"])]
    features.background(canvas, face)
    for style, some, faces in alike:
        hair.behind(style, some, faces)
    features.body(canvas, face)
    for style, some, faces in alike:
        if style not in hair.HIDE_EARS:
            features.ears(some, faces)
    features.head(canvas, face)
    features.beard(canvas, face)
    features.mouth(canvas, face)
    features.nose(canvas, face)
    features.eyes(canvas, face)
    for style, some, faces in alike:
        hair.front(style, some, faces)
    features.brows(canvas, face)
    features.glasses(canvas, face)
    return image


def _runs(hair: Tensor) -> list[tuple[str, slice]]:
    """Each style in turn, and the rows that wear it; hair: in order."""
    styles, counts = hair.unique_consecutive(return_counts=True)
    ends = counts.cumsum(0)
    bounds = zip(styles.tolist(), (ends - counts).tolist(), ends.tolist(), strict=True)
    return [(HAIR[style], slice(start, end)) for style, start, end in bounds]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Operations this small are slower on several threads: a hundred times on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
