"""Samples of a flow at one temperature: the same latents, scaled (lesson 11).

z ~ N(0, I) is multiplied by T before the flow's inverse. Below 1 the samples come from the
middle of the latent space: more alike, often cleaner, and of higher density, though no data lie
there. Only T = 1 samples the density that `log_prob` gives.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit import network
from course_lib.explore.kit.canvas import MUTED, Canvas
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.plots.pictures import as_pixels, mosaic

WIDTH, TOP, GAP = 820, 42, 3
ROOM = (808, 410)
MOST, STEP = 1.2, 0.1
COUNT = round(MOST / STEP) + 1


def sheet(pixels: np.ndarray, columns: int) -> np.ndarray:
    """uint8 (n, H, W, 3) as one picture, as large as a whole zoom lets it be."""
    n, height, width, _ = pixels.shape
    rows = -(-n // columns)
    zoom = min(
        (ROOM[0] - (columns - 1) * GAP) // (columns * width),
        (ROOM[1] - (rows - 1) * GAP) // (rows * height),
    )
    return mosaic(pixels, columns, zoom, GAP)


def arrange(picture: np.ndarray, t: float, n: int) -> Image.Image:
    """The sheet, its temperature above it."""
    canvas = Canvas(WIDTH, TOP + picture.shape[0] + 8)
    left = (WIDTH - picture.shape[1]) // 2
    canvas.text(left, 12, f"T = {t:.1f}", size=16, bold=True)
    words = f"the same {n} latents z, scaled: T·z"
    canvas.text(left + picture.shape[1], 14, words, size=13, color=MUTED, anchor="ra")
    canvas.picture(picture, left, TOP)
    return canvas.finish()


def needs(flow: object, methods: tuple[str, ...], what: str) -> None:
    """A `CourseError` unless the flow is one of images and has these methods."""
    missing = [name for name in methods if not callable(getattr(flow, name, None))]
    shape = getattr(flow, "shape", ())
    if missing or len(shape) != 3:
        lacks = ", ".join(f".{name}" for name in missing) or "a shape (C, H, W)"
        raise CourseError(
            f"{what} wants a flow of images; {type(flow).__name__} lacks {lacks}."
        )


def temperature(flow, *, rows: int = 3, columns: int = 6) -> Explorer:
    """A sheet of a flow's samples under a slider for their temperature.

    Controls: t (0 to 1.2), seed (0 to 19). When a seed is seen first, all its temperatures are
    computed: seconds for the zoo's flow. From then on t moves at once.
    Raises `CourseError` for a model that is no flow of images, or a sheet without room.
    """
    needs(flow, ("inverse", "log_prob", "noise"), "temperature")
    if getattr(flow, "settings", {}).get("classes"):
        raise CourseError("temperature wants a flow that is not conditioned on labels.")
    _, height, width = flow.shape
    most = (ROOM[1] + GAP) // (height + GAP), (ROOM[0] + GAP) // (width + GAP)
    if not (1 <= rows <= most[0] and 1 <= columns <= most[1]):
        raise CourseError(
            f"Images of {height}×{width} pixels have room in 1 to {most[0]} rows and 1 to "
            f"{most[1]} columns; got {rows} and {columns}."
        )
    n, ts = rows * columns, np.linspace(0, MOST, COUNT)
    kept: dict[int, list[tuple[np.ndarray, float]]] = {}

    def computed(seed: int) -> list[tuple[np.ndarray, float]]:
        if seed not in kept:
            kept[seed] = [(sheet(p, columns), d) for p, d in samples(flow, n, seed, ts)]
        return kept[seed]

    def draw(t: float, seed: int) -> tuple[Image.Image, str]:
        place = round(t / STEP)
        t, (picture, density) = ts[place], computed(seed)[place]
        text = (
            f"T = {t:.1f}, seed {seed}: mean log p(x) of the {n} samples is {density:.0f} nats."
        )
        return arrange(picture, t, n), text.replace("-", "−")

    controls = [
        Slider("t", "temperature T", 0.0, MOST, STEP, 1.0),
        Slider("seed", "seed of the latents", 0, 19, 1, 0),
    ]
    about = "Samples of a flow from the same latents, scaled by a temperature."
    size = (WIDTH, TOP + len(computed(0)[0][0]) + 8)
    return Explorer(controls, draw, name="temperature", about=about, size=size)


def samples(flow, n: int, seed: int, ts: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """For each temperature: pixels uint8 (n, H, W, 3), and the mean of log p(x)."""
    z = flow.noise(n, int(np.prod(flow.shape)), generator=torch.Generator().manual_seed(seed))

    def both(latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = flow.inverse(latents).clamp(0, 1)
        return x, flow.log_prob(x)

    found = [network.quietly(flow, both, t * z.cpu().numpy()) for t in ts]
    return [(as_pixels(x.float()), float(log_p.mean())) for x, log_p in found]
