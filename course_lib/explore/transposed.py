"""The stepper of the transposed convolution: its numbers, as they add up (lesson 04).

It is longer than others by grids of numbers and a matrix, which nothing else paints.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from course_lib.explore.kit import Canvas, Explorer, Page, Panel, Point, Slider
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE
from course_lib.explore.kit.stamping import check, matrix, possible, stamps

LIGHT, DARK = np.array([255.0, 255, 255]), np.array([86.0, 156, 205])
INPUTS = np.array([[1, 2, 0, 1], [0, 1, 3, 1], [2, 1, 1, 0], [1, 0, 2, 1]])


def shade(value: float, most: float) -> str:
    """A blue for a number from 0 to `most`."""
    color = LIGHT + (DARK - LIGHT) * min(1.0, value / max(most, 1e-9))
    return "#" + "".join(f"{round(c):02x}" for c in color)


class Cells(Panel):
    """A grid of numbers, shaded; its value is the place on it in fractions, down and right."""

    def __init__(self, side: int) -> None:
        super().__init__(side, side)

    def paint(
        self, canvas: Canvas, values: np.ndarray, title: str, kept: range | None = None
    ) -> None:
        """The numbers (n, n); rows and columns that are not `kept` are greyed."""
        self.heading(canvas, title)
        side, most = self.width / len(values), values.max()
        size = next((s for s in (17, 13, 11, 9) if side > 1.9 * s), 0)
        for (row, column), value in np.ndenumerate(values):
            x, y = self.left + column * side, self.top + row * side
            cut = kept is not None and not (row in kept and column in kept)
            fill, ink = ("#EDEDED", MUTED) if cut else (shade(value, most), INK)
            canvas.box(x, y, x + side, y + side, fill, GRID, 0.8)
            if size:
                at = x + side / 2, y + side / 2
                canvas.text(*at, f"{value:g}", size=size, color=ink, anchor="mm")

    def frame(self, canvas: Canvas, n: int, place: tuple[int, ...], color: str) -> None:
        """A border around rows and columns (top, left, bottom, right) of n × n cells."""
        a, b, c, d = (self.width / n * v for v in place)
        x, y = self.left, self.top
        canvas.box(x + b, y + a, x + d, y + c, rim=color, width=2.6)

    def value(self, at: Point) -> tuple[float, float]:
        """Fractions downwards and to the right."""
        x, y = self.share(at)
        return min(1 - y, 1 - 1e-9), min(x, 1 - 1e-9)


def paint_matrix(canvas: Canvas, panel: Panel, values: np.ndarray, step: int) -> None:
    """The matrix as a picture, with a border around the column that is the present stamp."""
    rows, columns = values.shape
    wide, high = panel.width // columns, panel.height // rows or panel.height / rows
    tall, (left, top) = round(rows * high), panel.box[:2]
    share = (values / values.max())[..., None]
    pixels = (LIGHT + share * (DARK - LIGHT)).round().astype(np.uint8)
    image = Image.fromarray(pixels).resize((wide * columns, tall), Image.Resampling.BOX)
    panel.heading(canvas, f" | matrix {rows}×{columns}")
    canvas.picture(np.asarray(image), left, top)
    canvas.frame((left - 1, top - 1, left + wide * columns, top + tall), MUTED, 1)
    if step:
        x = left + wide * (step - 1)
        canvas.frame((x, top, x + wide, top + tall), ORANGE)


def transposed() -> Explorer:
    """A transposed convolution of a small input, one stamp after the other.

    Controls: step (stamps put down), size (of the input, 2 to 4), kernel (1 to 5), stride (1 to
    3), padding (0 to 3), output_padding (0 to 2). A setting that torch refuses is brought to the
    nearest that it takes, and the text says so. A press on an input pixel goes to its stamp.
    """
    source, weights, output, counts = (Cells(side) for side in (140, 140, 380, 120))
    formula, whole = Panel(180, 220, "side of the output"), Panel(64, 380)
    page = Page([[source, weights], output, [counts, formula], whole])
    key = {ORANGE: "orange: this stamp", INK: "black: what is kept", MUTED: "grey: cut off"}
    for line, (color, text) in enumerate(key.items()):
        y = formula.top + 136 + 20 * line
        page.paper.text(formula.left, y, text, size=12, color=color)

    def draw(canvas, step, size, kernel, stride, **pads):
        x = INPUTS[:size, :size]
        w = np.arange(1, kernel**2 + 1).reshape(kernel, kernel)
        padding, output_padding, note = possible(size, kernel, stride, **pads)
        step, out = min(step, size**2), check(size, kernel, stride, padding, output_padding)
        beyond = max(0, output_padding - padding)  # rows that no stamp reaches, but are kept
        parts = np.pad(stamps(x, w, stride, 0, 0), ((0, 0), (0, beyond), (0, beyond)))
        row, column = divmod(step - 1, size)
        source.paint(canvas, x, f"input {size}×{size}")
        weights.paint(canvas, w, f"kernel {kernel}×{kernel}")
        title = f"output {out}×{out}, {step} of {size**2} stamps"
        output.paint(canvas, parts[:step].sum(0), title, range(padding, padding + out))
        side, kept = parts.shape[1], (padding, padding, padding + out, padding + out)
        output.frame(canvas, side, kept, INK)
        now = "No stamp yet."
        if step:
            source.frame(canvas, size, (row, column, row + 1, column + 1), ORANGE)
            a, b = row * stride, column * stride
            output.frame(canvas, side, (a, b, a + kernel, b + kernel), ORANGE)
            now = (
                f"Stamp {step} of {size**2}: {x[row, column]} times the kernel, from row "
                f"{a - padding}, column {b - padding} of the output."
            )
        given = stride, padding, output_padding
        ones = stamps(np.ones((size, size)), np.ones((kernel, kernel)), *given)
        counts.paint(canvas, ones.sum(0), "overlaps")
        paint_matrix(canvas, whole, matrix(size, w, *given), step)
        numbers = f"({size} − 1) · {stride}", f"− 2 · {padding}", f"+ {kernel}"
        numbers += f"+ {output_padding}", f"= {out}"
        parts_of = "stride", "padding", "kernel", "output_padding", ""
        for line, (number, word) in enumerate(zip(numbers, parts_of, strict=True)):
            at, y = formula.left + 62, formula.top + 2 + 22 * line
            canvas.text(at, y, number, size=12, anchor="ra", bold=not word)
            canvas.text(at + 7, y, word, size=12, color=MUTED)
        even = "divides" if kernel % stride == 0 else "does not divide"
        return f"{now} Output {out}×{out}; stride {stride} {even} the kernel's {kernel}.{note}"

    def press(_begin: object, at: tuple[float, float], now: dict) -> dict[str, int]:
        row, column = (int(share * now["size"]) for share in at)
        return {"step": row * now["size"] + column + 1}

    controls = [
        Slider("step", "stamps", 0, 16, 1, 5),
        Slider("size", "side of the input", 2, 4, 1, 3),
        Slider("kernel", "side of the kernel", 1, 5, 1, 3),
        Slider("stride", "stride", 1, 3, 1, 2),
        Slider("padding", "padding", 0, 3, 1, 1),
        Slider("output_padding", "output_padding", 0, 2, 1, 1),
    ]
    about = "A transposed convolution: the kernel is stamped on the output, pixel by pixel."
    more = {"play": "step", "bounds": lambda now: {"step": now["size"] ** 2}}
    return Explorer("transposed", about, controls, page, draw, mouse={source: press}, **more)
