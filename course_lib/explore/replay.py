"""A training seen again: the grids that it kept, under a slider, beside its losses (lesson 02).

The same noise was decoded each time, so that a tile shows one sample changing. Nothing is
computed but the picture: what stands here is what `fit` stored.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.plots.curve import running_mean
from course_lib.plots.pictures import as_array, as_pixels, mosaic
from course_lib.plots.style import PALETTE

SIZE = (820, 530)
SIDE = 464
MOST = 5


def sheet(grid: np.ndarray) -> np.ndarray:
    """Up to 64 images (n, C, H, W) as one square of eight columns."""
    pixels = as_pixels(grid[:64])
    columns = min(8, int(np.ceil(np.sqrt(len(pixels)))))
    zoom = max(1, SIDE // (columns * (pixels.shape[2] + 1)))
    return mosaic(pixels, columns, zoom, 2)


def place_sheet(canvas: Canvas, picture: np.ndarray) -> None:
    """The sheet at the upper left, reduced if its images are larger than the room."""
    if max(picture.shape[:2]) > SIDE:
        image = Image.fromarray(picture)
        image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
        picture = np.asarray(image)
    canvas.picture(picture, 6, 44)


def place_points(canvas: Canvas, points: np.ndarray, reach: float) -> None:
    """Samples in the plane as dots."""
    plane = Plane(canvas, (34, 44, 34 + 430, 44 + 430), (-reach, reach), (-reach, reach))
    whole = [v for v in range(-int(reach), int(reach) + 1) if v % max(1, int(reach) // 3) == 0]
    plane.grid(whole, whole)
    plane.discs(points, 2.6, ORANGE)
    ticks = [(v, f"{v}".replace("-", "−")) for v in whole]
    plane.ticks(ticks, ticks)
    plane.close()


def sparklines(canvas: Canvas, terms: dict[str, np.ndarray]) -> list[tuple[tuple, np.ndarray]]:
    """A panel for each term with its running mean; returns (box, means) of each."""
    pitch = min(150, 460 / len(terms))
    found = []
    for index, (name, values) in enumerate(terms.items()):
        means = running_mean(values, max(1, len(values) // 50))
        top = round(44 + index * pitch)
        box = (538, top + 24, 812, round(top + pitch - 16))
        good = means[np.isfinite(means)]
        low, high = (good.min(), good.max()) if len(good) else (0.0, 1.0)
        margin = max(0.08 * (high - low), 1e-3)
        ylim = (low - margin, high + margin)
        plane = Plane(canvas, box, (0, max(len(means), 2)), ylim)
        stride = np.unique(np.linspace(0, len(means) - 1, 400).astype(int))
        line = np.stack([stride + 1, means[stride]], axis=1)
        plane.line(line[np.isfinite(line[:, 1])], PALETTE[index], 2.2)
        plane.close(rim=GRID)
        canvas.text(538, top + 17, name, size=14, bold=True, color=PALETTE[index], anchor="ls")
        for value, y in ((high, box[1] + 9), (low, box[3] - 9)):
            words = f"{value:.3g}".replace("-", "−")
            canvas.text(box[0] - 6, y, words, size=12, color=MUTED, anchor="rm")
        found.append((box, means))
    left, _, right, bottom = found[-1][0]
    for x, words, anchor in ((left, "0", "la"), (right, f"{len(found[-1][1]):,} rounds", "ra")):
        canvas.text(x, bottom + 5, words, size=12, color=MUTED, anchor=anchor)
    return found


def replay(history) -> Explorer:
    """A slider over the grids that a training kept, beside its loss terms.

    history: what `fit` returns; its grids may be images, uint8 (n, C, H, W), or points (n, 2).
    At most five terms are shown, the first that were logged. Control: moment, the number of the
    grid; a history with one grid has no control.
    Raises `CourseError` if no grid was kept.
    """
    grids = [(int(t), as_array(grid)) for t, grid in getattr(history, "grids", [])]
    if not grids:
        raise CourseError(
            "This history kept no sample grids: train with fit(…, preview=True) and pass what "
            "it returns."
        )
    flat = grids[0][1].ndim == 2
    reach = float(np.ceil(max(np.abs(g).max() for _, g in grids))) if flat else 0.0
    reach = min(max(reach, 1.0), 12.0)
    pictures = [] if flat else [sheet(grid) for _, grid in grids]
    terms = {name: as_array(v).astype(float) for name, v in list(history.terms.items())[:MOST]}
    terms = {name: values for name, values in terms.items() if len(values)}
    last = max([t for t, _ in grids] + [len(v) for v in terms.values()])
    background = Canvas(*SIZE)
    panels = sparklines(background, terms) if terms else []

    def draw(moment: int = 0) -> tuple[Image.Image, str]:
        canvas = background.copy()
        t, grid = grids[moment]
        canvas.text(6, 12, f"round {t:,} of {last:,}", size=16, bold=True)
        if flat:
            place_points(canvas, grid, reach)
        else:
            place_sheet(canvas, pictures[moment])
        said = []
        for (name, _), (box, means) in zip(terms.items(), panels, strict=True):
            x = box[0] + (box[2] - box[0]) * t / max(len(means), 2)
            canvas.line([(x, box[1]), (x, box[3])], INK, 1.6)
            value = means[min(max(t - 1, 0), len(means) - 1)]
            said.append(f"{name} {value:.3f}".replace("-", "−"))
            words = f"{value:.3f}".replace("-", "−")
            canvas.text(box[2], box[1] - 7, words, size=14, anchor="rs")
        if terms:
            canvas.text(812, 12, "running means", size=13, color=MUTED, anchor="ra")
        text = f"Round {t:,} of {last:,}. " + ("; ".join(said) + "." if said else "")
        return canvas.finish(), text

    controls = (
        [Slider("moment", "kept grid", 0, len(grids) - 1, 1, 0)] if len(grids) > 1 else []
    )
    about = (
        "Samples of one training at one of its rounds, beside the running means of its losses."
    )
    return Explorer(controls, draw, name="replay", about=about, size=SIZE)
