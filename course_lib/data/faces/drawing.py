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
    with _one_thread():
        for style in known["hair"].unique().tolist():
            alike = (known["hair"] == style).nonzero().flatten()
            for rows in alike.split(max(1, PIXELS // size**2)):
                part = {name: values[rows] for name, values in known.items()}
                images[rows] = _paint(part, HAIR[style], size).mul_(255).add_(0.5).byte()
    return images


def _paint(factors: dict[str, Tensor], style: str, size: int) -> Tensor:
    """Faces that all wear their hair in one style: float (n, 3, size, size) in [0, 1]."""
    face = Face(factors)
    n = len(factors["hair"])
    image = torch.empty(n, 3, size, size, dtype=torch.float32, device="cpu")
    x, y = grid(size)
    canvas = Canvas(image, x * REACH, y * REACH - UP, pixel=2 * REACH / size)
    features.background(canvas, face)
    hair.behind(style, canvas, face)
    features.body(canvas, face)
    if style not in hair.HIDE_EARS:
        features.ears(canvas, face)
    features.head(canvas, face)
    features.beard(canvas, face)
    features.mouth(canvas, face)
    features.nose(canvas, face)
    features.eyes(canvas, face)
    hair.front(style, canvas, face)
    features.brows(canvas, face)
    features.glasses(canvas, face)
    return image


@contextmanager
def _one_thread() -> Iterator[None]:
    """Operations this small are slower on several threads: a hundred times on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
