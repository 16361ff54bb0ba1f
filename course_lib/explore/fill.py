"""Paint out and fill: what a flow puts in place of a rectangle (lesson 11).

The first half of the steps looks for a latent z whose image agrees with what is left, the
second half are Langevin steps; `models.flows.inpainting` does both. Each step costs a gradient
of the flow, so a way is computed no further than the slider asks for, and what was computed is
kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit import network
from course_lib.explore.kit.axes import inside
from course_lib.explore.kit.canvas import MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.mouse import Point
from course_lib.models.inpainting import filling
from course_lib.models.realnvp import RealNVP
from course_lib.plots.pictures import as_array, as_pixels

SIZE = (820, 310)
SIDE = 262
KEPT = 32
GREY = 150


class Rectangle(NamedTuple):
    """Rows top … bottom − 1 and columns left … right − 1 of an image."""

    top: int
    left: int
    bottom: int
    right: int

    def known(self, height: int, width: int) -> np.ndarray:
        """bool (H, W): False inside."""
        mask = np.ones((height, width), dtype=bool)
        mask[self.top : self.bottom, self.left : self.right] = False
        return mask


def arrange(
    original: np.ndarray, filled: np.ndarray, hole: Rectangle, step: int
) -> Image.Image:
    """uint8 (H, W, 3) twice → original, painted out and filled, side by side."""
    canvas = Canvas(*SIZE)
    height, width = original.shape[:2]
    painted = np.where(hole.known(height, width)[:, :, None], original, np.uint8(GREY))
    names = "original", "painted out", f"filled, step {step}"
    marks = []
    for index, (name, picture) in enumerate(
        zip(names, (original, painted, filled), strict=True)
    ):
        left, top, zoom = pane(index, height, width)
        color = MUTED if index == 0 else ORANGE
        canvas.text(left, 12, name, size=15, bold=True, color=color)
        canvas.picture(picture, left, top, zoom)
        if index:
            x = (left + hole.left * zoom, left + hole.right * zoom - 1)
            y = (top + hole.top * zoom, top + hole.bottom * zoom - 1)
            rim = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]), (x[0], y[0])]
            marks.append((rim, ORANGE, 2))
    return canvas.finish(marks)


def pane(index: int, height: int, width: int) -> tuple[int, int, int]:
    """Left, top and zoom of the first, second or third picture of height × width pixels."""
    zoom = max(1, SIDE // max(height, width))
    return 6 + index * 274 + (SIDE - width * zoom) // 2, 40, zoom


def dragged(begin: Point, end: Point, height: int, width: int) -> Rectangle | None:
    """The rectangle between two places in one of the pictures; None: pressed beside them."""
    for index in range(3):
        left, top, zoom = pane(index, height, width)
        if inside(begin, (left, top, left + width * zoom, top + height * zoom)):
            break
    else:
        return None
    columns = sorted(
        min(max(int((x - left) // zoom), 0), width - 1) for x in (begin[0], end[0])
    )
    rows = sorted(min(max(int((y - top) // zoom), 0), height - 1) for y in (begin[1], end[1]))
    return Rectangle(rows[0], columns[0], rows[1] + 1, columns[1] + 1)


class Way:
    """One filling, computed as far as somebody looked."""

    def __init__(self, flow: RealNVP, steps: Iterator[torch.Tensor]) -> None:
        self.flow, self.steps = flow, steps
        self.seen: list[np.ndarray] = []

    def at(self, step: int) -> np.ndarray:
        """uint8 (H, W, 3) after so many steps."""
        while len(self.seen) <= step:
            (x,) = network.quietly(self.flow, lambda _: next(self.steps), np.zeros(0))
            self.seen.append(as_pixels(x.float())[0])
        return self.seen[step]


def _uint8(images: object, shape: tuple[int, ...]) -> np.ndarray:
    images = as_array(getattr(images, "images", images))[:20]
    if images.dtype != np.uint8 or images.shape[1:] != tuple(shape) or len(images) < 2:
        raise CourseError(
            f"fill wants a data set of images, or at least two uint8 images (n, "
            f"{', '.join(map(str, shape))}); got {images.dtype} {images.shape}."
        )
    return images


def fill(flow, images, *, steps: int = 120, temperature: float = 1.0) -> Explorer:
    """Paint a rectangle out of an image and let a RealNVP fill it.

    images: a data set, or uint8 images (n, C, H, W), of which the first 20 can be chosen;
    `steps` is the length of a whole filling, at `temperature`.
    Controls: image, top, left, height, width (of the rectangle, cut at the border), seed (0 to
    19), step (0 to `steps`). Drag the mouse over a picture to paint out another rectangle, which
    starts again at step 0. Steps that nobody saw yet cost a gradient of the flow each: 0.05 to
    0.16 s were measured for the zoo's digits and faces, by what else the machine did. Those
    seen are kept, for the last 32 ways.
    Raises `CourseError` for a model that is no RealNVP, other images, and fewer than two steps.
    """
    if not isinstance(flow, RealNVP) or flow.settings["classes"]:
        raise CourseError(
            "fill wants a RealNVP that is not conditioned on labels; got "
            f"{type(flow).__name__}."
        )
    if not (isinstance(steps, int) and 2 <= steps <= 1000):
        raise CourseError(f"steps must be a whole number from 2 to 1000; got {steps!r}.")
    images = _uint8(images, flow.shape)
    _, high, wide = flow.shape
    ways: OrderedDict[tuple, Way] = OrderedDict()

    def begin(image: int, hole: Rectangle, seed: int) -> Way:
        generator = torch.Generator().manual_seed(seed)
        levels = torch.as_tensor(images[image : image + 1]).to(**flow.place)
        with torch.no_grad():
            noise = flow.noise(*levels.shape, generator=generator)
            x, _ = flow.dequantise(levels, noise)
        known = torch.as_tensor(hole.known(high, wide))
        given = {"steps": steps, "generator": generator, "temperature": temperature}
        return Way(flow, filling(flow, x, known, **given))

    def draw(
        image: int, top: int, left: int, height: int, width: int, seed: int, step: int
    ) -> tuple[Image.Image, str]:
        hole = Rectangle(top, left, min(high, top + height), min(wide, left + width))
        key = image, hole, seed
        if key not in ways:
            ways[key] = begin(image, hole, seed)
        ways.move_to_end(key)
        while len(ways) > KEPT:
            ways.popitem(last=False)
        filled = ways[key].at(step)
        if step == 0:
            phase = "the start, a draw from the flow that knows nothing of the rest"
        elif step <= steps // 2:
            phase = "gradient steps in z towards what is left"
        else:
            phase = "Langevin steps towards draws from p(missing | known)"
        return arrange(as_pixels(images[image : image + 1])[0], filled, hole, step), (
            f"Image {image}, seed {seed}; missing: rows {hole.top} to {hole.bottom - 1}, "
            f"columns {hole.left} to {hole.right - 1}. "
            f"Step {step} of {steps}: {phase}."
        )

    def press(begin: Point, end: Point, _now: dict) -> dict[str, int]:
        hole = dragged(begin, end, high, wide)
        if hole is None:
            return {}
        size = {"height": hole.bottom - hole.top, "width": hole.right - hole.left}
        return {"top": hole.top, "left": hole.left, **size, "step": 0}

    controls = [
        Slider("image", "image", 0, len(images) - 1, 1, 0),
        Slider("top", "top", 0, high - 1, 1, high // 2 - 2),
        Slider("left", "left", 0, wide - 1, 1, 0),
        Slider("height", "height", 1, high, 1, high - high // 2 + 2),
        Slider("width", "width", 1, wide, 1, wide),
        Slider("seed", "seed", 0, 19, 1, 0),
        Slider("step", "step (new ones take a moment)", 0, steps, 1, 0),
    ]
    about = "An image, the same with a rectangle painted out, and what a flow fills in."
    return Explorer(controls, draw, name="fill", about=about, size=SIZE, press=press)
