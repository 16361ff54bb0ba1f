"""Curves of a training, and plain lines over one variable.

A curve is drawn twice, faint as it was logged and strong as its running mean, because a loss of
one batch is a noisy estimate and hiding the noise would be dishonest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.errors import CourseError, unknown, whole_number
from course_lib.plots.pictures import LARGEST, as_array, as_number, as_numbers, as_title, few
from course_lib.plots.style import INK, MUTED, PALETTE, panel, styled


def as_series(values: object, name: str) -> np.ndarray:
    """A 1-D float array with at least one finite number, or an error that names the series."""
    try:
        array = as_array(values)
        array = array if array.dtype.kind == "c" else array.astype(float)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise CourseError(f"{name!r} must be numbers; got {type(values).__name__}.") from None
    if array.dtype.kind == "c":
        raise CourseError(
            f"{name!r} must be real numbers; got complex ones: draw .real or .imag."
        )
    if (np.abs(array[np.isfinite(array)]) > LARGEST).any():
        raise CourseError(
            f"{name!r} holds numbers beyond ±{LARGEST:g}: no axis reaches so far."
        )
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).any():
        raise CourseError(
            f"{name!r} must be a row of numbers, (n,), not all NaN; got shape {array.shape}."
        )
    return array


def as_range(limits: object) -> tuple[float, float] | None:
    """The two ends of an axis, finite and different; None where they are left out."""
    if limits is None or (isinstance(limits, (tuple, list)) and not limits):
        return None
    ends = as_numbers(limits, "limits").astype(float)
    if ends.shape != (2,) or not (np.abs(ends) <= LARGEST).all() or ends[0] == ends[1]:
        raise CourseError(
            f"limits must be two different finite numbers, (from, to); got {limits!r:.60}."
        )
    return tuple(ends.tolist())


def as_places(places: object, name: str) -> dict[str, float]:
    """Places on an axis by name; none for None. NaN is a place that nobody sees."""
    if places is None:
        return {}
    if not isinstance(places, Mapping):
        raise CourseError(
            f'{name} must be a dict from names to numbers, such as {{"2 ln 2": 1.386}}; '
            f"got {places!r:.60}."
        )
    found = {}
    for word, place in places.items():
        number = as_numbers(place, f"{name}[{word!r:.40}]").astype(float)
        gap = number.shape == () and np.isnan(number)
        found[word] = np.nan if gap else as_number(place, f"{name}[{word!r:.40}]")
    return found


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Centred mean over `window` values, over fewer at the ends; gaps (NaN) are left out."""
    window = min(window, 2 * len(values))  # from any of them it reaches both ends
    good = np.isfinite(values)
    ones = np.ones(window)
    total = np.convolve(np.where(good, values, 0.0), ones)
    count = np.convolve(good.astype(float), ones)
    middle = slice((window - 1) // 2, (window - 1) // 2 + len(values))
    with np.errstate(invalid="ignore"):
        return total[middle] / count[middle]


def _draw_prediction(ax, guess, x, color, label) -> None:
    values = as_numbers(guess, "A prediction").astype(float)
    if values.ndim == 0:
        ax.axhline(float(values), color=color, linestyle=(0, (5, 3)), label=label)
    elif values.shape == (len(x),):
        ax.plot(x, values, color=color, linestyle=(0, (5, 3)), label=label)
    else:
        raise CourseError(
            f"A prediction is one number or one per round ({len(x)}); got shape {values.shape}."
        )


@styled
def curves(
    history: object,
    terms: Sequence[str] | str | None = None,
    *,
    smoothing: int | None = None,
    predictions: Mapping[str, object] | float | None = None,
    references: Mapping[str, float] | None = None,
    title: str | None = None,
    ylabel: str = "nats",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Loss terms over the rounds: faint as logged, strong as a running mean.

    history: what `fit` returns, or a dict from names to rows of numbers. `terms` picks some of
    them, in that order. `smoothing` is the number of rounds in the running mean (1 for none; a
    fiftieth of the run when left out). `predictions` are drawn dashed and labelled "your
    prediction": {term: number or row}, or one number; what is None is left out. `references`
    are dotted lines with a name: {"2 ln 2": 1.386}. `limits` bounds the vertical axis.
    Raises `CourseError` for a term that the history doesn't hold.
    """
    known = getattr(history, "terms", history)
    if not isinstance(known, Mapping) or not known:
        raise CourseError(
            "curves wants a history of fit, or a dict of rows of numbers; got "
            f"{type(history).__name__}{' without terms' if isinstance(known, Mapping) else ''}."
        )
    if terms is not None and not isinstance(terms, (str, Iterable)):
        raise CourseError(
            f"terms must be names of curves, such as {list(known)[:2]}; got {terms!r:.60}."
        )
    terms = list(known) if terms is None else [terms] if isinstance(terms, str) else list(terms)
    for term in terms:
        if term not in list(known):
            raise unknown("term", term, known)
    few(len(terms), "curves", len(PALETTE), "pick with terms=…")
    if not isinstance(predictions, Mapping):
        predictions = {} if predictions is None else {"": predictions}
    predictions = {name: guess for name, guess in predictions.items() if guess is not None}
    for name in predictions:
        if name and name not in terms:
            raise unknown("predicted term", name, terms)
    if smoothing:
        smoothing = whole_number("smoothing, in rounds,", smoothing)
    limits = as_range(limits)
    fig, ax = panel(ax, 8.0, 3.6)
    rounds = as_array(getattr(history, "rounds", 0))
    longest = np.arange(1)
    for color, term in zip(PALETTE, terms, strict=False):
        values = as_series(known[term], term)
        x = rounds if rounds.shape == values.shape else np.arange(1, len(values) + 1)
        longest = x if len(x) >= len(longest) else longest
        window = smoothing or max(1, len(values) // 50)
        if window > 1:
            ax.plot(x, values, color=color, alpha=0.2, linewidth=0.7, zorder=1)
            values = running_mean(values, window)
        ax.plot(x, values, color=color, label=term)
        if term in predictions:
            several = f": {term}" if len(predictions) > 1 else ""
            _draw_prediction(ax, predictions[term], x, color, f"your prediction{several}")
    if "" in predictions:
        _draw_prediction(ax, predictions[""], longest, INK, "your prediction")
    draw_references(ax.axhline, references)
    return finish(fig, ax, title, "round", ylabel, limits)


def draw_references(line: Callable, references: Mapping[str, float] | None) -> None:
    """Named broken lines, by `ax.axhline` or `ax.axvline`, no two of three alike."""
    styles = [":", "-.", (0, (1, 4))]
    for index, (name, value) in enumerate(as_places(references, "references").items()):
        line(value, color=MUTED, linestyle=styles[index % 3], linewidth=1.4, label=name)


def finish(fig: Figure, ax: Axes, title, xlabel: str, ylabel: str, limits=None) -> Figure:
    """Names of the axes, title and legend: beside a panel that stands alone, else inside it."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if as_title(title):
        ax.set_title(as_title(title))
    if limits:
        ax.set_ylim(*limits)
    if ax.get_legend_handles_labels()[0]:
        alone = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        among = {"loc": "best", "frameon": True, "framealpha": 0.85, "edgecolor": "none"}
        ax.legend(**(among if len(set(fig.axes)) > 1 else alone))
    return fig


@styled
def lines(
    x: object,
    ys: Mapping[str, object],
    *,
    dashed: Sequence[str] = (),
    references: Mapping[str, float] | None = None,
    marks: Mapping[str, float] | None = None,
    title: str | None = None,
    xlabel: str = "",
    ylabel: str = "",
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Functions of one variable: x (n,), ys {name: (n,)}; the names in `dashed` drawn so.

    `references` are horizontal dotted lines by name, `marks` vertical ones ("x", "the mean" …).
    """
    x = as_series(x, "x")
    if not isinstance(ys, Mapping):
        raise CourseError(
            f'lines wants a dict of rows by name, such as {{"D": y}}; got {type(ys).__name__}.'
        )
    dashed = () if dashed is None else [dashed] if isinstance(dashed, str) else dashed
    if not isinstance(dashed, Collection):
        raise CourseError(
            f"dashed must be names of lines, such as {list(ys)[:1]}; got {dashed!r:.60}."
        )
    dashed, limits = list(dashed), as_range(limits)
    fig, ax = panel(ax, 8.0, 3.6)
    few(len(ys), "lines", len(PALETTE))
    for color, (name, values) in zip(PALETTE, ys.items(), strict=False):
        y = as_series(values, name)
        if len(y) != len(x):
            raise CourseError(f"{name!r} has {len(y)} values where x has {len(x)}.")
        ax.plot(
            x,
            y,
            color=color,
            linestyle=(0, (5, 3)) if name in dashed else "-",
            label=name,
        )
    for name, value in as_places(marks, "marks").items():
        ax.axvline(value, color=MUTED, linestyle="-.", linewidth=1.2, label=name)
    draw_references(ax.axhline, references)
    return finish(fig, ax, title, xlabel, ylabel, limits)
