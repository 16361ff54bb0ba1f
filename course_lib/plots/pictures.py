"""Grids of images, in which one pixel of the data is a whole number of pixels of the screen.

Nothing is smoothed: what a lesson says about blur must come from the model, not from a figure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from course_lib.errors import CourseError, plain, whole_number
from course_lib.plots.style import DPI, drawable, panel, styled

MOST = 400
LARGEST = 1e300  # of what is drawn: the length of an axis must be a number too
PAPER = 255
GAP = 2  # pixels of the screen between two images


def as_pixels(batch: object) -> np.ndarray:
    """Images as uint8 (n, H, W, 3), from (n, C, H, W) float in [0, 1] or uint8, C = 1 or 3.

    A list of single images (C, H, W) of one shape will do too. Raises `CourseError` for another
    shape, for values outside [0, 1], for NaN and for no images at all.
    """
    array = as_numbers(batch, "Images")
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        hint = " One image: x[None]. Flat images: x.reshape(-1, 1, 28, 28)."
        raise CourseError(
            f"Images of shape (n, C, H, W) with C = 1 or 3 are wanted; got {array.shape}.{hint}"
        )
    if array.dtype != np.uint8:
        array = to_bytes(array)
    array = array.transpose(0, 2, 3, 1)
    return np.repeat(array, 3, axis=3) if array.shape[3] == 1 else np.ascontiguousarray(array)


def as_array(values: object) -> np.ndarray:
    """A NumPy array of a tensor (also one with a gradient), an array or a list of either; what is
    masked is NaN. A `CourseError` for ragged lists, and tensors that NumPy can't hold."""
    try:
        if isinstance(values, (list, tuple)) and any(hasattr(v, "__array__") for v in values):
            values = [as_array(item) for item in values]
        if hasattr(values, "detach"):
            values = values.detach().cpu()
            if str(values.dtype) == "torch.bfloat16":  # which NumPy does not have
                values = values.float()
            values = values.numpy()
        if np.ma.is_masked(values):
            values = values.astype(float).filled(np.nan)
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        found = f"{type(values).__name__} {getattr(values, 'dtype', '')}".strip()
        raise CourseError(f"Numbers in rows are wanted; got {found}.") from None


def as_numbers(values: object, name: str) -> np.ndarray:
    """`as_array` of real numbers; a `CourseError`, in that name, for text, complex numbers …"""
    try:
        array = as_array(values)
    except CourseError:
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        kind = "complex" if array.dtype.kind == "c" else type(values).__name__
        more = " A data set's are .images." if hasattr(values, "images") else ""
        raise CourseError(f"{name} must be real numbers; got {kind}.{more}")
    return array


def as_number(value: object, name: str, low: float = -LARGEST, high: float = LARGEST) -> float:
    """One number from `low` to `high`, of Python, NumPy or torch; else a `CourseError`."""
    array = as_numbers(value, name).astype(float)
    if array.shape != () or not low <= array <= high:
        bounds = f" from {low:g} to {high:g}" if high < LARGEST or low > -LARGEST else ""
        raise CourseError(f"{name} must be one finite number{bounds}; got {value!r:.60}.")
    return float(array)


def to_bytes(array: np.ndarray) -> np.ndarray:
    """[0, 1] to 0…255, rounded; values outside, or NaN, are an error."""
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise CourseError("The images hold NaN or infinity: look at the model that made them.")
    low, high = float(array.min()), float(array.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise CourseError(
            f"Pixel values in [0, 1] (or uint8) are wanted; got {low:.3g} to {high:.3g}. "
            "A tanh output is brought there by (x + 1) / 2, grey levels by x / 255."
        )
    return np.rint(array.clip(0, 1) * 255).astype(np.uint8)


def as_words(labels: object, name: str, count: int) -> list | None:
    """So many labels, given as any sequence, also a tensor (n,) or an array; None stays None."""
    if labels is None:
        return None
    if hasattr(labels, "detach") or isinstance(labels, np.ndarray):
        labels = as_array(labels).tolist()
    if not isinstance(labels, Collection):
        raise CourseError(
            f"{name} must be a list of {count}, one word for each row or column; "
            f"got {labels!r:.60}."
        )
    if len(labels) != count:
        raise CourseError(f"{name} holds {len(labels)} labels; the sheet has {count}.")
    return [drawable(plain(label)) for label in labels]


def as_title(title: object) -> str | None:
    """A title as text: a number, a tensor or an array will do; None stays None."""
    if title is None or isinstance(title, str):
        return title
    return str(as_array(title).tolist() if hasattr(title, "tolist") else title)


def few(count: int, what: str, most: int, instead: str = "") -> None:
    """A `CourseError` for more than there is room for."""
    if count > most:
        instead = instead or f"at most {most}"
        raise CourseError(f"{count:,} {what} are too many for one panel; {instead}.")


def mosaic(pixels: np.ndarray, columns: int, zoom: int, gap: int) -> np.ndarray:
    """uint8 (n, H, W, 3) arranged row by row into one picture, enlarged `zoom` times."""
    n, height, width, _ = pixels.shape
    rows = -(-n // columns)
    high, wide = height * zoom, width * zoom
    sheet = np.full(
        (rows * (high + gap) - gap, columns * (wide + gap) - gap, 3), PAPER, dtype=np.uint8
    )
    large = pixels.repeat(zoom, axis=1).repeat(zoom, axis=2)
    for index, picture in enumerate(large):
        top, left = (index // columns) * (high + gap), (index % columns) * (wide + gap)
        sheet[top : top + high, left : left + wide] = picture
    return sheet


def default_columns(n: int) -> int:
    """One row up to ten images, else a sheet without a ragged last row if there is one."""
    wanted = min(16.0, np.sqrt(n * 1.6))
    whole = [c for c in range(4, 17) if n % c == 0 and 0.6 < c / wanted < 1.7]
    return n if n <= 10 else min(whole, key=lambda c: abs(c - wanted), default=int(wanted))


@styled
def images(
    batch: object,
    *,
    columns: int | None = None,
    title: str | None = None,
    row_labels: Sequence[object] | None = None,
    column_labels: Sequence[object] | None = None,
    zoom: int | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A sheet of images, filled row by row.

    batch: (n, C, H, W) float in [0, 1] or uint8, C = 1 (grey) or 3 (RGB), or a list of images
    (C, H, W); at most 400. `columns` defaults to one row up to ten images, else a wide sheet;
    `row_labels` and `column_labels` stand left of and above it, one for each row or column.
    `zoom` is the number of screen pixels to a pixel, chosen to fit when left out. With `ax=`
    the sheet is drawn into that panel, to its size.
    Raises `CourseError` for other shapes or values and for a wrong number of labels.
    """
    pixels = as_pixels(batch)
    n, height, width, _ = pixels.shape
    few(n, "images", MOST, f"show x[:64], at most {MOST}")
    if columns is None:
        columns = default_columns(n)
    columns = whole_number("columns", columns, 1, MOST)
    rows = -(-n // columns)
    row_labels = as_words(row_labels, "row_labels", rows)
    column_labels = as_words(column_labels, "column_labels", columns)
    title = as_title(title)
    largest = 4 if n <= 10 else 3 if n <= 32 else 2
    if zoom is None:
        zoom = max(1, min(largest, int(820 / (columns * width))))
    zoom = whole_number("zoom, screen pixels to a pixel,", zoom, 1, 100)
    sheet = mosaic(pixels, columns, zoom, GAP)
    fig, ax = _exact(sheet, title, row_labels, column_labels) if ax is None else panel(ax, 1, 1)
    ax.imshow(sheet, interpolation="nearest")
    steps = lambda count, size: np.arange(count) * (size * zoom + GAP) + size * zoom / 2 - 0.5
    ax.set_yticks(steps(rows, height) if row_labels is not None else [], row_labels)
    ax.set_xticks(steps(columns, width) if column_labels is not None else [], column_labels)
    ax.tick_params(length=0, labeltop=True, labelbottom=False, top=False, bottom=False)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title)
    return fig


def _exact(sheet, title, row_labels, column_labels) -> tuple[Figure, Axes]:
    """A figure whose axes cover exactly the sheet's pixels, with room for what is written."""
    high, wide = sheet.shape[:2]
    left = 6 + max((_room(str(label)) for label in row_labels or ()), default=0)
    top = 4 + (28 if title else 0) + (22 if column_labels else 0)
    right = 6 + max(0, round(8.2 * len(title or "")) - wide)
    total_wide, total_high = left + wide + right, top + high + 4
    fig = Figure(figsize=(total_wide / DPI, total_high / DPI))
    ax = fig.add_axes(
        (left / total_wide, 4 / total_high, wide / total_wide, high / total_high), aspect="auto"
    )
    return fig, ax


def _room(label: str) -> int:
    """Pixels left of the sheet that a row's label takes: seldom more than 7.6 a letter, but
    capitals may."""
    width, _, _ = TextToPath().get_text_width_height_descent(
        label, FontProperties(size=10), False
    )
    return max(round(7.6 * len(label)), math.ceil(width * DPI / 72)) + 8 if label else 0
