"""What lives in two dimensions: samples, densities, landscapes and fields of arrows.

Densities are drawn as contours below the samples, so that a sample where there is no data is
seen at once; landscapes as colour with level lines, so that they read without colour too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from course_lib.errors import CourseError, whole_number
from course_lib.plots.lattice import Limits, as_limits, as_points, evaluate, lattice, spread
from course_lib.plots.pictures import LARGEST, as_array, as_number, as_title, few
from course_lib.plots.style import CLASS_PALETTE, INK, MUTED, PALETTE, panel, styled

DIVERGING = LinearSegmentedColormap.from_list("course", ["#D55E00", "#F7F7F7", "#0072B2"])


@styled
def points(
    samples: object,
    *,
    data: object = None,
    density: object = None,
    labels: Sequence[int] | None = None,
    limits: object = None,
    title: str | None = None,
    axis_labels: tuple[str, str] = ("$x_1$", "$x_2$"),
    size: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Samples (n, 2) as dots, over data points (m, 2) in grey or contours of a density.

    `density` is a toy of `course_lib.data.toy` or a function from points (n, 2) to
    log-densities (n,). `labels` (n,) colours the samples by class and writes each class at its
    median. `limits` is ((left, right), (bottom, top)), or r for the square from −r to r;
    without them everything is in view.
    """
    dots = as_points(samples, "samples")
    ground = None if data is None else as_points(data, "data")
    bounds = as_limits(limits) if limits is not None else _around(dots, ground)
    size = as_number(size, "size of a dot", 0, 1e6) if size is not None else None
    fig, ax = panel(ax, 4.9, 4.7)
    if density is not None:
        _contours(ax, getattr(density, "log_density", density), bounds)
    if ground is not None:
        ax.scatter(*ground.T, s=size or 9, color="#AAAAAA", linewidths=0, label="data")
    size = size or float(np.clip(9000 / len(dots), 4, 22))
    if labels is None:
        ax.scatter(*dots.T, s=size, color=PALETTE[1], alpha=0.75, linewidths=0, label="samples")
    else:
        _classes(ax, dots, _as_labels(labels), size, 0.06 * (bounds[0][1] - bounds[0][0]))
    if ground is not None:
        ax.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")
    return _square(fig, ax, bounds, title, axis_labels)


def _around(*sets: np.ndarray | None) -> Limits:
    everything = np.concatenate([s for s in sets if s is not None])
    low, high = everything.min(axis=0), everything.max(axis=0)
    half = max(float((high - low).max()) / 2 * 1.06, 1e-3)
    middle = (low + high) / 2
    return tuple((m - half, m + half) for m in middle)


def _contours(ax: Axes, log_density: Callable, bounds: Limits) -> None:
    x, y, pairs = lattice(bounds, 160)
    log_p = evaluate(log_density, pairs)
    if log_p.ndim != 1 or not np.isfinite(log_p.max()):  # −infinity is a density of 0
        raise CourseError(
            "density must turn points (n, 2) into log-densities (n,), none of them NaN or "
            "+infinity, not all −infinity: look at what it computes."
        )
    density = np.exp(log_p - log_p.max()).reshape(160, 160)
    levels = [0.003, 0.05, 0.25, 0.6, 1.01]
    ax.contourf(
        x, y, density, levels=levels, colors=["#E3EEF6", "#C3DCEC", "#9CC5E0", "#6FA9D0"]
    )


def _as_labels(labels: object) -> np.ndarray:
    """Labels of one kind, which can be sorted: numbers or, where others are among them, words."""
    array = as_array(labels)
    return array.astype(str) if array.dtype.kind == "O" else array


def _classes(ax, dots: np.ndarray, labels: np.ndarray, size: float, apart: float) -> None:
    if labels.shape != (len(dots),):
        raise CourseError(f"{len(dots)} samples need as many labels; got {labels.shape}.")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise CourseError(
            "labels hold NaN, which is no class: give each sample one, or leave its dot out."
        )
    names = np.unique(labels)
    few(len(names), "classes", 100)  # each is named in the picture
    middles = np.stack([np.median(dots[labels == name], axis=0) for name in names])
    look = {"fontsize": 16, "fontweight": "bold", "ha": "center", "va": "center"}
    look["path_effects"] = [withStroke(linewidth=4, foreground="white")]
    for index, (name, place) in enumerate(zip(names, spread(middles, apart), strict=True)):
        color = CLASS_PALETTE[index % len(CLASS_PALETTE)]
        ax.scatter(*dots[labels == name].T, s=size, color=color, alpha=0.7, linewidths=0)
        ax.annotate(f"{name}", place, color=color, **look)


@styled
def field(
    function: Callable,
    *,
    limits: object = 3.0,
    steps: int | None = None,
    level: float | None = None,
    centre: float | None = None,
    data: object = None,
    samples: object = None,
    label: str = "",
    title: str | None = None,
    axis_labels: tuple[str, str] = ("$x_1$", "$x_2$"),
    ax: Axes | None = None,
) -> Figure:
    """A landscape (n, 2) → (n,) as a heat map, or a vector field (n, 2) → (n, 2) as arrows.

    The function gets a float32 tensor. On a landscape level lines are thin, `level` (for a
    logit 0, where D = 1/2) is thick; `centre` puts white at that value, blue above (D says
    real), orange below (fake), and is `level` when left out. Arrows all have one length on
    paper; darker is longer. `data` (grey) and `samples` (dark) are drawn on top.
    """
    bounds = as_limits(limits)
    fig, ax = panel(ax, 5.6, 4.6)
    _, _, probe = lattice(bounds, 2)
    heights = evaluate(function, probe).ndim == 1
    steps = whole_number("steps", (120 if heights else 18) if steps is None else steps, 2, 2000)
    level, centre = (
        value if value is None else as_number(value, name)
        for name, value in (("level", level), ("centre", centre))
    )
    if heights:
        _landscape(fig, ax, function, bounds, steps, level, centre, label)
    else:
        _arrows(fig, ax, function, bounds, steps, label)
    for values, name, color in ((data, "data", "#FFFFFF"), (samples, "samples", INK)):
        if values is not None:
            look = {"edgecolors": MUTED if name == "data" else "white", "linewidths": 0.6}
            ax.scatter(*as_points(values, name).T, s=14, color=color, label=name, **look)
    if data is not None or samples is not None:
        ax.legend(loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")
    return _square(fig, ax, bounds, title, axis_labels)


def _known(values: np.ndarray) -> np.ndarray:
    """Values (n,) or (n, 2), NaN where one is no finite number; a `CourseError` if all are."""
    finite = (np.abs(values) <= LARGEST).reshape(len(values), -1).all(axis=1)
    if not finite.any():
        raise CourseError(
            "The function is NaN or infinite everywhere within limits: look at what it computes."
        )
    return np.where(finite, values.T, np.nan).T


def _landscape(fig, ax, function, bounds, steps, level, centre, label) -> None:
    x, y, pairs = lattice(bounds, steps)
    heights = _known(evaluate(function, pairs)).reshape(steps, steps)
    centre = level if centre is None else centre
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    if centre is None:
        look = {"cmap": "cividis"}
    else:
        reach = max(high - centre, centre - low, 1e-9)
        look = {"cmap": DIVERGING, "norm": TwoSlopeNorm(centre, centre - reach, centre + reach)}
    picture = ax.pcolormesh(x, y, heights, shading="nearest", rasterized=True, **look)
    if high > low:
        shade = "white" if centre is None else MUTED
        ax.contour(x, y, heights, levels=9, colors=shade, linewidths=0.5, linestyles="solid")
    if level is not None and low < level < high:
        ax.contour(x, y, heights, levels=[level], colors=INK, linewidths=2.2)
    fig.colorbar(picture, ax=ax, label=label, shrink=0.9)


def _arrows(fig, ax, function, bounds, steps, label) -> None:
    _, _, pairs = lattice(bounds, steps)
    arrows = _known(evaluate(function, pairs))
    length = np.hypot(*arrows.T)
    unit = arrows / np.maximum(length, 1e-12)[:, None]
    picture = ax.quiver(
        *pairs.T, *unit.T, length, cmap="cividis_r", pivot="mid", scale=steps * 1.2, width=0.005
    )
    fig.colorbar(picture, ax=ax, label=label or "length", shrink=0.9)


def _square(fig, ax, bounds: Limits, title, axis_labels) -> Figure:
    if not isinstance(axis_labels, Collection) or len(axis_labels) != 2:
        raise CourseError(
            f"axis_labels must be two names, of x and of y; got {axis_labels!r:.60}."
        )
    x, y = axis_labels
    ax.set(xlim=bounds[0], ylim=bounds[1], aspect="equal", xlabel=x, ylabel=y)
    if as_title(title):
        ax.set_title(as_title(title))
    return fig
