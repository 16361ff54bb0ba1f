"""Paint out and fill: what a flow puts in place of a rectangle (lesson 11).

The first half of the steps looks for a latent z whose image agrees with what is left, the
second half are Langevin steps; `models.inpainting` does both. Each costs a gradient of the flow,
so a way is computed no further than the slider asks for, and kept; that, and rectangles that are
dragged over any of three pictures, make it longer than others.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import torch

from course_lib.errors import CourseError, real_number, whole_number
from course_lib.explore.kit import Canvas, Explorer, Page, Panel, Point, Slider, network
from course_lib.explore.kit.canvas import MUTED, ORANGE
from course_lib.models.inpainting import filling
from course_lib.models.realnvp import RealNVP
from course_lib.plots.pictures import as_numbers, as_pixels

SIDE, KEPT, GREY = 262, 32, 150


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


class Pane(Panel):
    """An image, each of its pixels a whole number of the screen's; its value is a pixel of it."""

    def __init__(self, height: int, width: int) -> None:
        self.zoom = max(1, SIDE // max(height, width))
        super().__init__(width * self.zoom, height * self.zoom)

    def value(self, at: Point) -> tuple[int, int]:
        """Row and column of the pixel, the nearest if beside."""
        x, y = self.share(at)
        high, wide = self.height // self.zoom, self.width // self.zoom
        return min(int((1 - y) * high + 1e-9), high - 1), min(int(x * wide), wide - 1)

    def paint(
        self, canvas: Canvas, pixels: np.ndarray, words: str, hole: Rectangle | None = None
    ) -> None:
        """The image (H, W, 3), its words, and a border around the hole."""
        self.heading(canvas, words, ORANGE if hole else MUTED)
        canvas.picture(pixels, self.left, self.top, self.zoom)
        if hole:
            top, left, bottom, right = (v * self.zoom for v in hole)
            x, y = self.left, self.top
            canvas.frame((x + left, y + top, x + right - 1, y + bottom - 1), ORANGE)


class Way:
    """One filling, computed as far as somebody looked; what is seen is uint8 (H, W, 3)."""

    def __init__(self, flow: RealNVP, steps: Iterator[torch.Tensor]) -> None:
        self.flow, self.steps, self.seen = flow, steps, []
        self.go()

    def go(self) -> None:
        """Compute one step more."""
        (x,) = network.quietly(self.flow, lambda _: next(self.steps), np.zeros(0))
        self.seen.append(as_pixels(x.float())[0])


def _uint8(images: object, shape: tuple[int, ...]) -> np.ndarray:
    images = as_numbers(getattr(images, "images", images), "images")
    if images.dtype != np.uint8 or images.shape[1:] != tuple(shape) or len(images) < 2:
        raise CourseError(
            f"fill wants a data set of images, or at least two uint8 images (n, "
            f"{', '.join(map(str, shape))}); got {images.dtype} {images.shape}."
        )
    return images[:20]


def fill(flow, images, *, steps: int = 120, temperature: float = 1.0) -> Explorer:
    """Paint a rectangle out of an image and let a RealNVP fill it.

    images: a data set, or uint8 images (n, C, H, W), of which the first 20 can be chosen;
    `steps` is the length of a whole filling, at `temperature`.
    Controls: image, top, left, height, width (of the rectangle, cut at the border), seed (0 to
    19), step (0 to `steps`, at first the last). Drag over a picture to paint out another
    rectangle; a click moves the one that is there. New steps cost a gradient of the flow each
    and are shown as they come; those seen are kept, for the last 32 ways.
    Raises `CourseError` for a model that is no RealNVP, other images, and fewer than two steps.
    """
    if not isinstance(flow, RealNVP) or flow.settings["classes"]:
        raise CourseError(
            "fill wants a RealNVP that is not conditioned on labels; got "
            f"{type(flow).__name__}."
        )
    steps = whole_number("steps", steps, 2, 1000)
    temperature = real_number("temperature", temperature, "(0, inf)")
    images = _uint8(images, flow.shape)
    _, high, wide = flow.shape
    panes = [Pane(high, wide) for _ in range(3)]
    page = Page(panes)

    @lru_cache(KEPT)
    def way_of(image: int, hole: Rectangle, seed: int) -> Way:
        generator = torch.Generator().manual_seed(seed)
        levels = torch.as_tensor(images[image : image + 1]).to(**flow.place)
        with torch.no_grad():
            noise = flow.noise(*levels.shape, generator=generator)
            x, _ = flow.dequantise(levels, noise)
        known = torch.as_tensor(hole.known(high, wide))
        given = {"steps": steps, "generator": generator, "temperature": temperature}
        return Way(flow, filling(flow, x, known, **given))

    def draw(image, top, left, height, width, seed, step):
        hole = Rectangle(top, left, min(high, top + height), min(wide, left + width))
        way, original = way_of(image, hole, seed), as_pixels(images[image : image + 1])[0]
        painted = np.where(hole.known(high, wide)[:, :, None], original, np.uint8(GREY))

        def view(now, canvas):
            words = f"filled, step {now}"
            words += f" of {step} …" if now < step else ""
            panes[0].paint(canvas, original, "original")
            panes[1].paint(canvas, painted, "painted out: drag another", hole)
            panes[2].paint(canvas, way.seen[now], words, hole)
            phase = "the start, a draw from the flow that knows nothing of the rest"
            if now:
                phase = "gradient steps in z towards what is left"
            if now > steps // 2:
                phase = "Langevin steps towards draws from p(missing | known)"
            return (
                f"Image {image}, seed {seed}; missing: rows {hole.top} to {hole.bottom - 1}, "
                f"columns {hole.left} to {hole.right - 1}. Step {now} of {steps}: {phase}."
            )

        while len(way.seen) <= step:
            yield partial(view, len(way.seen) - 1)
            way.go()
        yield partial(view, step)

    def dragged(begin: tuple, end: tuple, now: dict) -> dict[str, int]:
        if begin == end:  # a click: the same rectangle, its middle there
            put = lambda at, side, most: min(max(at - side // 2, 0), most - side)
            top, left = put(begin[0], now["height"], high), put(begin[1], now["width"], wide)
            return {"top": top, "left": left}
        rows, columns = (sorted(pair) for pair in zip(begin, end, strict=True))
        size = {"height": rows[1] - rows[0] + 1, "width": columns[1] - columns[0] + 1}
        return {"top": rows[0], "left": columns[0], **size}

    controls = [
        Slider("image", "image", 0, len(images) - 1, 1, 0),
        Slider("top", "top", 0, high - 1, 1, high // 2 - 2),
        Slider("left", "left", 0, wide - 1, 1, 0),
        Slider("height", "height", 1, high, 1, high - high // 2 + 2),
        Slider("width", "width", 1, wide, 1, wide),
        Slider("seed", "seed", 0, 19, 1, 0),
        Slider("step", "step", 0, steps, 1, steps),
    ]
    about = "An image, the same with a rectangle painted out, and what a flow fills in."
    more = {"mouse": dict.fromkeys(panes, dragged), "play": "step"}
    more["bounds"] = lambda now: {"height": high - now["top"], "width": wide - now["left"]}
    letters = {"p": "density by the flow", "z": "latent of the whole image"}
    return Explorer("fill", about, controls, page, draw, **more, letters=letters)
