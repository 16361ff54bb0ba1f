"""A training seen again: the grids that it kept, under a slider, beside its losses (lesson 02).

The same noise was decoded each time, so that a tile shows one sample changing. Nothing is
computed but the picture: what stands here is what `fit` stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from course_lib.errors import CourseError, whole_number
from course_lib.explore.kit import Curve, Explorer, Face, Pad, Page, Slider
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE
from course_lib.plots.curve import as_series, running_mean
from course_lib.plots.lattice import as_points
from course_lib.plots.pictures import as_array, as_pixels, mosaic
from course_lib.plots.style import PALETTE

SIDE, MOST = 464, 5
PLAYERS = {"D": "discriminator", "G": "generator", "E": "encoder", "C": "classifier"}
PLAYERS |= {"VAE": "variational autoencoder", "CVAE": "the same, told a condition"}
PLAYERS |= {"AE": "encoder and decoder", "T": "critic of the encoder's posterior"}


def sheet(grid: np.ndarray) -> np.ndarray:
    """Up to 64 images (n, C, H, W) as one square of eight columns."""
    pixels = as_pixels(grid)[:64]
    columns = min(8, int(np.ceil(np.sqrt(len(pixels)))))
    zoom = max(1, (SIDE + 2) // columns // pixels.shape[2])
    gap = 2 if zoom * pixels.shape[2] * columns < SIDE - 14 else 0
    return mosaic(pixels, columns, zoom, gap)


def sparkline(height: int, means: np.ndarray, color: str) -> tuple[Curve, tuple]:
    """A panel for the running means of one term, and their line, at most 400 points of it."""
    good = means[np.isfinite(means)]
    low, high = (good.min(), good.max()) if len(good) else (0.0, 1.0)
    margin = max(0.08 * (high - low), 1e-3)
    marks = [(v, f"{v:.3g}") for v in (low, high)]
    limits = (0, max(len(means), 2)), (low - margin, high + margin)
    stride = np.unique(np.linspace(0, len(means) - 1, 400).astype(int))
    stride = stride[np.isfinite(means[stride])]
    line = stride + 1, means[stride], color, 2.2, 0.0
    return Curve(272, height, *limits, xticks=(), yticks=marks, room=52), line


def replay(history) -> Explorer:
    """A slider over the grids that a training kept, beside its loss terms.

    history: what `fit` returns; its grids may be images, uint8 (n, C, H, W), or points (n, 2).
    At most five terms are shown, the first that were logged, none that is NaN throughout.
    Control: moment, the number of the grid; a history with one grid has no control. Press on a
    curve to go to that round.
    Raises `CourseError` if no grid was kept, and for grids with NaN or infinity.
    """
    grids, terms = (getattr(history, name, None) for name in ("grids", "terms"))
    pair = lambda kept: isinstance(kept, (tuple, list)) and len(kept) == 2
    kept = isinstance(grids, Sequence) and len(grids) and all(map(pair, grids))
    if not kept or not isinstance(terms, Mapping):
        raise CourseError(
            "This history kept no sample grids: train with fit(…, preview=True) and pass what "
            "it returns. One of your own has .grids, [(round, grid), …], and .terms, a dict of "
            "rows of numbers."
        )
    terms = {f"{name}": as_array(v) for name, v in list(terms.items())[:MOST]}
    known = lambda values: values.dtype.kind != "f" or np.isfinite(values).any()
    terms = {name: as_series(v, name) for name, v in terms.items() if known(v)}
    terms = {name: running_mean(v, max(1, len(v) // 50)) for name, v in terms.items()}
    grids = [(whole_number("The round of a grid", t, 0), as_array(grid)) for t, grid in grids]
    last = max([t for t, _ in grids] + [len(v) for v in terms.values()])
    flat = grids[0][1].ndim == 2
    if flat:
        grids = [(t, as_points(grid, f"The grid of round {t}")) for t, grid in grids]
        # Most of all points at all moments: a few that fly far must not make all others small.
        far = np.quantile(np.concatenate([np.abs(g).max(1) for _, g in grids]), 0.98)
        reach = min(max(np.ceil(2.2 * far) / 2, 1.0), 12.0)
        shown = Pad(430, 430, (-reach, reach), (-reach, reach), grid="xy")
    else:
        shown, pictures = Face(SIDE), [sheet(grid) for _, grid in grids]
    height = min(110, 450 // max(1, len(terms)) - 44)
    colors = zip(terms.items(), PALETTE, strict=False)
    curves = {name: sparkline(height, means, color) for (name, means), color in colors}
    page = Page([shown, [panel for panel, _ in curves.values()]] if curves else [shown])
    for name, (panel, line) in curves.items():
        panel.heading(page.paper, name, line[2])
        panel.paint(page.paper, [line], rim=GRID)
    if curves:  # below the last
        left, _, right, y = panel.box
        page.paper.text(left, y + 5, "0", size=12, color=MUTED)
        page.paper.text(right, y + 5, f"{last:,} rounds", size=12, color=MUTED, anchor="ra")

    def draw(canvas, moment=0):
        (t, grid), said = grids[moment], []
        words = f"round {t:,} of {last:,}"
        if flat:
            shown.heading(canvas, words)
            with shown.on(canvas) as plane:
                plane.discs(grid.clip(-0.99 * reach, 0.99 * reach), 2.6, ORANGE)
        else:
            shown.paint(canvas, pictures[moment], words)
        for name, (panel, _) in curves.items():
            value = terms[name][min(max(t - 1, 0), len(terms[name]) - 1)]
            with panel.on(canvas, xticks=(), yticks=(), rim=GRID) as plane:
                plane.upright(t, INK, 1.6)
            canvas.text(panel.box[2], panel.top - 9, f"{value:.3f}", size=14, anchor="rs")
            said.append(f"{name} {value:.3f}")
        means = f" Running means: {'; '.join(said)}." if said else ""
        beyond = (np.abs(grid).max(1) > reach).sum() if flat else 0
        means += f" {beyond} of {len(grid)} points lie beyond the edge." if beyond else ""
        return f"Round {t:,} of {last:,}.{means}"

    def nearest(_begin: float, at: float, _now: dict) -> dict[str, int]:
        return {"moment": int(np.abs([t - at for t, _ in grids]).argmin())}

    about = "Samples of one training at one of its rounds, beside its losses."
    who = {name.partition(".")[0] for name in terms}
    letters = {name: words for name, words in PLAYERS.items() if name in who}
    if len(grids) == 1:
        return Explorer("replay", about, [], page, draw, letters=letters)
    moments = Slider("moment", "kept grid", 0, len(grids) - 1, 1, 0)
    mouse = {panel: nearest for panel, _ in curves.values()}
    more = {"mouse": mouse, "play": "moment", "letters": letters}
    return Explorer("replay", about, [moments], page, draw, **more)
