"""The stepper of the transposed convolution: its numbers, as they add up (lesson 04)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from course_lib.explore.kit.axes import inside
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.stamping import check, matrix, possible, stamps

SIZE = (820, 448)
INPUT, KERNEL, OUTPUT = (6, 40, 146, 180), (6, 236, 146, 376), (176, 40, 556, 420)
COUNTS, MATRIX = (580, 40, 700, 160), (748, 40, 812, 420)
LIGHT, DARK = np.array([255.0, 255, 255]), np.array([86.0, 156, 205])
INPUTS = np.array([[1, 2, 0, 1], [0, 1, 3, 1], [2, 1, 1, 0], [1, 0, 2, 1]])


def shade(value: float, most: float) -> str:
    """A blue for a number from 0 to `most`."""
    color = LIGHT + (DARK - LIGHT) * min(1.0, value / max(most, 1e-9))
    return "#" + "".join(f"{round(c):02x}" for c in color)


def cells(
    canvas: Canvas, box: tuple, values: np.ndarray, title: str, kept: range | None = None
) -> float:
    """A grid of numbers, shaded; rows and columns that are not `kept` are greyed. The side of a
    cell, in pixels.
    """
    left, top, right, _ = box
    side, most = (right - left) / len(values), values.max()
    canvas.text(left, top - 27, title, size=14, bold=True)
    size = next((s for s in (17, 13, 11, 9) if side > 1.9 * s), 0)
    for (row, column), value in np.ndenumerate(values):
        x, y = left + column * side, top + row * side
        cut = kept is not None and not (row in kept and column in kept)
        fill, ink = ("#EDEDED", MUTED) if cut else (shade(value, most), INK)
        canvas.box(x, y, x + side, y + side, fill, GRID, 0.8)
        if size:
            middle = x + side / 2, y + side / 2
            canvas.text(*middle, f"{value:g}", size=size, color=ink, anchor="mm")
    return side


def frame(canvas: Canvas, box: tuple, side: float, place: tuple, color: str) -> None:
    """A border around rows and columns (top, left, bottom, right) of a grid."""
    left, top = box[:2]
    a, b, c, d = (side * v for v in place)
    canvas.box(left + b, top + a, left + d, top + c, rim=color, width=2.6)


def arrange(x, kernel, stride, padding, output_padding, step) -> Image.Image:
    """Input, kernel, what the output is after so many stamps, counts of overlaps, the matrix."""
    n, k = len(x), len(kernel)
    canvas, at = Canvas(*SIZE), divmod(step - 1, n)
    out = check(n, k, stride, padding, output_padding)
    beyond = max(0, output_padding - padding)  # rows that no stamp reaches, but which are kept
    whole = stamps(x, kernel, stride, 0, 0)
    whole = np.pad(whole, ((0, 0), (0, beyond), (0, beyond)))
    side = cells(canvas, INPUT, x, f"input {n}×{n}")
    if step:
        frame(canvas, INPUT, side, (at[0], at[1], at[0] + 1, at[1] + 1), ORANGE)
    cells(canvas, KERNEL, kernel, f"kernel {k}×{k}")
    title = f"output {out}×{out}, {step} of {n * n} stamps"
    side = cells(canvas, OUTPUT, whole[:step].sum(0), title, range(padding, padding + out))
    frame(canvas, OUTPUT, side, (padding, padding, padding + out, padding + out), INK)
    if step:
        row, column = at[0] * stride, at[1] * stride
        frame(canvas, OUTPUT, side, (row, column, row + k, column + k), ORANGE)
    ones = stamps(np.ones((n, n)), np.ones((k, k)), stride, padding, output_padding)
    cells(canvas, COUNTS, ones.sum(0), "overlaps")
    canvas.text(COUNTS[0], 182, "side of the output", size=13, bold=True)
    lines = (
        (f"({n} − 1) · {stride}", "stride"),
        (f"− 2 · {padding}", "padding"),
        (f"+ {k}", "kernel"),
        (f"+ {output_padding}", "output_padding"),
        (f"= {out}", ""),
    )
    for index, (number, word) in enumerate(lines):
        y = 208 + 22 * index
        canvas.text(COUNTS[0] + 62, y, number, size=12, anchor="ra", bold=not word)
        canvas.text(COUNTS[0] + 69, y, word, size=12, color=MUTED)
    canvas.text(COUNTS[0], 346, "orange: this stamp", size=12, color=ORANGE)
    canvas.text(COUNTS[0], 366, "black: what is kept", size=12)
    canvas.text(COUNTS[0], 386, "grey: cut off", size=12, color=MUTED)
    return canvas.finish(
        _matrix(canvas, matrix(n, kernel, stride, padding, output_padding), step)
    )


def _matrix(canvas, values, step) -> list:
    """The matrix as a picture; the rim of the column that is the present stamp."""
    left, top, right, bottom = MATRIX
    rows, columns = values.shape
    wide, high = (right - left) // columns, bottom - top
    share = (values / values.max())[..., None]
    pixels = (LIGHT + share * (DARK - LIGHT)).round().astype(np.uint8)
    tall = rows * (high // rows) or high
    image = Image.fromarray(pixels).resize((wide * columns, tall), Image.Resampling.BOX)
    canvas.text(right, top - 27, f"matrix {rows}×{columns}", size=14, bold=True, anchor="ra")
    canvas.picture(np.asarray(image), left, top)
    edge = [(left - 1, top - 1), (left + wide * columns, top - 1)]
    edge += [(left + wide * columns, top + tall), (left - 1, top + tall), (left - 1, top - 1)]
    marks = [(edge, MUTED, 1)]
    if step:
        x = left + wide * (step - 1)
        y = top + tall
        marks.append(([(x, top), (x + wide, top), (x + wide, y), (x, y), (x, top)], ORANGE, 2))
    return marks


def transposed() -> Explorer:
    """A transposed convolution of a small input, one stamp after the other.

    Controls: step (stamps put down), size (of the input, 2 to 4), kernel (1 to 5), stride (1 to
    3), padding (0 to 3), output_padding (0 to 2). A setting that torch refuses is brought to the
    nearest that it takes, and the text says so. A press on an input pixel goes to its stamp.
    """

    def draw(
        step: int, size: int, kernel: int, stride: int, padding: int, output_padding: int
    ) -> tuple[Image.Image, str]:
        x, weights = INPUTS[:size, :size], np.arange(1, kernel**2 + 1).reshape(kernel, kernel)
        padding, output_padding, note = possible(size, kernel, stride, padding, output_padding)
        step = min(step, size * size)
        out = check(size, kernel, stride, padding, output_padding)
        now = "No stamp yet."
        if step:
            row, column = divmod(step - 1, size)
            now = (
                f"Stamp {step} of {size * size}: {x[row, column]} times the kernel, from row "
                f"{row * stride - padding}, column {column * stride - padding} of the output."
            )
        even = "divides" if kernel % stride == 0 else "does not divide"
        text = f"{now} Output {out}×{out}; stride {stride} {even} the kernel's {kernel}.{note}"
        picture = arrange(x, weights, stride, padding, output_padding, step)
        return picture, text.replace("-", "−")

    def press(begin: Point, end: Point, now: dict) -> dict[str, int]:
        if not inside(begin, INPUT) or not inside(end, INPUT):
            return {}
        side = (INPUT[2] - INPUT[0]) / now["size"]
        column, row = (int((v - o) // side) for v, o in zip(end, INPUT[:2], strict=True))
        return {"step": row * now["size"] + column + 1}

    controls = [
        Slider("step", "stamps", 0, 16, 1, 5),
        Slider("size", "side of the input", 2, 4, 1, 3),
        Slider("kernel", "side of the kernel", 1, 5, 1, 3),
        Slider("stride", "stride", 1, 3, 1, 2),
        Slider("padding", "padding", 0, 3, 1, 1),
        Slider("output_padding", "output_padding", 0, 2, 1, 1),
    ]
    about = (
        "A transposed convolution: the kernel is stamped on the output for each input pixel."
    )
    return Explorer(controls, draw, name="transposed", about=about, size=SIZE, press=press)
