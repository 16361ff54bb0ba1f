"""Samples of a flow at one temperature: the same latents, scaled (lesson 11).

z ~ N(0, I) is multiplied by T before the flow's inverse. Below 1 the samples come from the
middle of the latent space: more alike, often cleaner, and of higher density, though no data lie
there. Only T = 1 samples the density that `log_prob` gives.
"""

from __future__ import annotations

import numpy as np
import torch

from course_lib.errors import CourseError, whole_number
from course_lib.evaluation.abilities import require_instance
from course_lib.explore.kit import Explorer, Page, Slider, Tiles, network
from course_lib.explore.kit.latent_space import shape_of
from course_lib.plots.pictures import as_pixels

GAP, ROOM = 3, (808, 410)
MOST, STEP = 1.2, 0.1
COUNT = round(MOST / STEP) + 1


def temperature(flow, *, rows: int = 3, columns: int = 6) -> Explorer:
    """A sheet of a flow's samples under a slider for their temperature.

    Controls: t (0 to 1.2), seed (0 to 19). When a seed is seen first, its other temperatures are
    computed while nothing moves, the nearest first: then t moves at once.
    Raises `CourseError` for a model that is no flow of images, or a sheet without room.
    """
    require_instance(flow, "explore.temperature(flow)")
    wanted = "inverse", "log_prob", "noise"
    missing = [f".{name}" for name in wanted if not callable(getattr(flow, name, None))]
    if missing or len(shape_of(flow)) != 3:
        raise CourseError(
            f"temperature wants a flow of images; {type(flow).__name__} lacks "
            f"{', '.join(missing) or 'a shape (C, H, W)'}."
        )
    if getattr(flow, "settings", {}).get("classes"):
        raise CourseError("temperature wants a flow that is not conditioned on labels.")
    _, height, width = flow.shape
    of = f"of images of {height}×{width} pixels"
    rows = whole_number(f"rows {of}", rows, 1, (ROOM[1] + GAP) // (height + GAP))
    columns = whole_number(f"columns {of}", columns, 1, (ROOM[0] + GAP) // (width + GAP))
    n, ts = rows * columns, np.linspace(0, MOST, COUNT)
    fits = [(room + GAP) // count for room, count in zip(ROOM, (columns, rows), strict=True)]
    zoom = min((fits[0] - GAP) // width, (fits[1] - GAP) // height)
    sheet = Tiles(columns, n, side=zoom * max(height, width), gap=GAP, names=0)
    page = Page([sheet], width=max(420, sheet.width + 12))

    known: dict[tuple[int, int], tuple[np.ndarray, float]] = {}

    def compute(seed: int, index: int) -> None:
        if (seed, index) not in known:
            known[seed, index] = samples(flow, n, seed, ts[index])

    def draw(t, seed):
        at = round(t / STEP)
        compute(seed, at)
        pictures, density = known[seed, at]

        def paint(canvas):
            sheet.heading(canvas, f"T = {t:.1f} | the same {n} latents z, scaled: T·z")
            sheet.paint(canvas, pictures)
            return (
                f"T = {t:.1f}, seed {seed}: mean log p(x) of the {n} samples is "
                f"{density:.0f} nats."
            )

        for index in sorted(range(COUNT), key=lambda i: abs(i - at)):
            if (seed, index) not in known:
                yield paint
                compute(seed, index)
        yield paint

    controls = [
        Slider("t", "temperature T", 0.0, MOST, STEP, 1.0),
        Slider("seed", "seed", 0, 19, 1, 0),
    ]
    about = "Samples of a flow from the same latents, scaled by a temperature."
    letters = {
        "T": "temperature: factor of the latents",
        "z": "latents, draws from N(0, I)",
        "x": "a sample",
        "p": "its density by the flow",
        "log": "natural logarithm",
    }
    return Explorer("temperature", about, controls, page, draw, play="t", letters=letters)


def samples(flow, n: int, seed: int, t: float) -> tuple[np.ndarray, float]:
    """At one temperature: pixels uint8 (n, H, W, 3), and the mean of log p(x)."""
    z = flow.noise(n, int(np.prod(flow.shape)), generator=torch.Generator().manual_seed(seed))

    def both(latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = flow.inverse(latents).clamp(0, 1)
        return x, flow.log_prob(x)

    x, log_p = network.quietly(flow, both, t * z.cpu().numpy())
    return as_pixels(x.float()), float(log_p.mean())
