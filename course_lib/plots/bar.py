"""Shares of classes and named scores as bars, each readable without its colour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.errors import CourseError
from course_lib.plots.curve import as_range, as_series, draw_references, finish
from course_lib.plots.pictures import as_title, few
from course_lib.plots.style import INK, PALETTE, drawable, panel, styled

MOST = 200  # each has a name and a number to be written


@styled
def histogram(
    counts: object,
    *,
    expected: object = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Shares of the classes among samples, with what was expected.

    counts: (K,) counts or shares, not negative. `expected`, (K,) counts or shares, is drawn as
    a dark step over the bars. Both are divided by their sums.
    """
    shares = _shares(counts, "counts")
    few(len(shares), "classes", MOST)
    fig, ax = panel(ax, 7.2, 3.4)
    place = np.arange(len(shares))
    ax.bar(place, shares, width=0.8, color=PALETTE[5], label="samples")
    if expected is not None:
        wanted = _shares(expected, "expected")
        if len(wanted) != len(shares):
            raise CourseError(f"expected holds {len(wanted)} classes, counts {len(shares)}.")
        ax.hlines(wanted, place - 0.45, place + 0.45, color=INK, linewidth=2, label="expected")
    ax.set_xticks(place)
    ax.grid(False, axis="x")
    return finish(fig, ax, title, "class", "share")


def _shares(counts: object, name: str) -> np.ndarray:
    array = as_series(counts, name)
    if (array < 0).any() or not np.isfinite(array).all() or array.sum() <= 0:
        raise CourseError(f"{name} must be counts or shares, none negative, not all zero.")
    return array / array.sum()


@styled
def bars(
    values: Mapping[str, object],
    *,
    references: Mapping[str, float] | None = None,
    title: str | None = None,
    unit: str = "",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Named scores as horizontal bars, each with its number written at its end.

    values: {name: number} or {name: (number, standard error)}, drawn from the top down.
    `references` are vertical broken lines by name. `limits` bounds the axis of values.
    """
    if not isinstance(values, Mapping) or not values:
        raise CourseError(
            'bars wants {name: number} or {name: (number, error)}, e.g. {"VAE": 1}.'
        )
    few(len(values), "bars", MOST)
    numbers, errors = _pairs(values)
    fig, ax = panel(ax, 7.2, 0.9 + 0.42 * len(numbers) + (0.3 if as_title(title) else 0))
    place = np.arange(len(numbers))
    ax.barh(place, numbers, height=0.66, color=PALETTE[5])
    if errors.any():
        ax.errorbar(numbers, place, xerr=errors, fmt="none", ecolor=INK, capsize=3)
    look = {"textcoords": "offset points", "va": "center", "fontsize": 10}
    look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for y, number, error in zip(place, numbers, errors, strict=True):
        text = f"{number:.4g}".replace("-", "−") + (f" ± {error:.2g}" if error else "")
        outside, side = (-5, "right") if number < 0 else (5, "left")
        # What is NaN has no length: its word stands where the bar would begin.
        end = (np.nan_to_num(number) + np.copysign(np.nan_to_num(error), number), y)
        ax.annotate(text, end, xytext=(outside, 0), ha=side, **look)
    draw_references(ax.axvline, references)
    ax.set_yticks(place, [drawable(name) for name in values])
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(*(as_range(limits) or _room(numbers, errors)))
    return finish(fig, ax, title, unit, "")


def _pairs(values: Mapping[str, object]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (n,) and their standard errors (n,), 0 where none is given; NaN may be among them."""
    pairs = [(v if isinstance(v, (tuple, list)) else (v, 0.0)) for v in values.values()]
    for name, pair in zip(values, pairs, strict=True):
        if len(pair) != 2:
            raise CourseError(
                f"The bar {name!r:.60} wants a number or (number, standard error); "
                f"got {pair!r:.100}."
            )
    numbers = as_series([number for number, _ in pairs], "values")
    errors = as_series([*(error for _, error in pairs), 0.0], "errors")[:-1]
    wrong = np.isinf(numbers) | np.isinf(errors) | (errors < 0)
    if wrong.any():
        index = int(wrong.argmax())
        raise CourseError(
            f"The bar {list(values)[index]!r:.60} is {numbers[index]:g} ± {errors[index]:g}: a "
            "number must be finite and its standard error finite and not negative. Leave it out, "
            "or give NaN for what is not known."
        )
    return numbers, errors


def _room(numbers: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Limits from zero past the longest bar, with room for the number at its end."""
    errors = np.nan_to_num(errors)
    low = min(0.0, np.nanmin(numbers - errors))
    high = max(0.0, np.nanmax(numbers + errors))
    if low == high:  # all are zero
        return 0.0, 1.0
    span = high - low
    return low - 0.28 * span * (low < 0), high + 0.28 * span * (high > 0)
