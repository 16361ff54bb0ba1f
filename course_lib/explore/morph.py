"""A morph between two digits, over style and class at once (lesson 09).

Upwards the style goes along the arc from one code to another, to the right the label along the
straight line from one one-hot vector to another; report A shows such a grid. No training image
has half a label: what G draws there nobody told it.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from course_lib.explore.interpolation import draw_of, linear, spherical
from course_lib.explore.kit import Curve, Explorer, Face, Page, Panel, Slider, Tiles
from course_lib.explore.kit.canvas import BLUE, MUTED, ORANGE
from course_lib.explore.kit.conditioned import class_judge, conditioned

CELLS, CELL, KEPT = 7, 58, 16
ENDS = ((0, "0"), (0.5, "0.5"), (1, "1"))


class Square(Tiles):
    """Tiles between whose middles one can stand; its value is the fractions of the way."""

    def value(self, at: tuple[float, float]) -> tuple[float, float]:
        """From the middle of the first tile, rightwards and upwards, to that of the last."""
        return tuple((v * CELLS - 0.5) / (CELLS - 1) for v in self.share(at))


def morph(model, *, judge=None) -> Explorer:
    """From one digit to another: the style in one direction, the label in the other.

    model: any hybrid that is told classes. judge: a classifier, a module or a function,
    images (n, C, H, W) in [0, 1] → logits (n, classes); None: the shipped judge of digits where
    images are 1×28×28 in ten classes, else none. It reads the label's way at the present style,
    so that you see where one class becomes the other.
    Controls: style, label (mixes, 0 to 1), a, b (classes), seed_a, seed_b (0 to 99, of the codes
    at both ends). Press or drag in the grid.
    Raises `CourseError` for models that are told no classes, and a judge of other classes.
    """
    space = conditioned(model, "morph", "classes")
    read = class_judge(space, judge, "morph")
    one_hot, mixes, fine = (
        np.eye(space.classes),
        np.linspace(0, 1, CELLS),
        np.linspace(0, 1, 17),
    )
    title = "to the right: the label; upwards: the style"
    square = Square(CELLS, CELLS**2, title, side=CELL, gap=0, names=40)
    big, below = Face(224), Panel(10, 14, None)
    axes = {"xticks": ENDS, "yticks": ENDS[::2], "xname": "label mix", "grid": "y"}
    curve = Curve(250, 104, (0, 1), (-0.04, 1.04), **axes)
    page = Page([[square, below], [big, curve]])

    def made(
        styles: np.ndarray, mixes: np.ndarray, a: int, b: int, seed_a: int, seed_b: int
    ) -> np.ndarray:
        """Pictures of every style, all label mixes of each."""
        z = spherical(draw_of(seed_a, space.size), draw_of(seed_b, space.size), styles)
        labels = np.tile(linear(one_hot[a], one_hot[b], mixes), (len(styles), 1))
        return space.pictures(z.repeat(len(mixes), axis=0), labels)

    grid = lru_cache(KEPT)(partial(made, mixes[::-1], mixes))

    def draw(canvas, style, label, **ends):
        a, b, seed_a, seed_b = (ends[name] for name in ("a", "b", "seed_a", "seed_b"))
        pictures = made(np.array([style]), np.append(label, fine if read else []), **ends)
        square.paint(canvas, grid(**ends))
        shares = ((v * (CELLS - 1) + 0.5) / CELLS for v in (label, style))
        square.cross(canvas, *shares, half=CELL / 2, arms=False)
        left, _, right, bottom = square.box
        for x, words, color, anchor in (
            (left, f"class {a}", ORANGE, "la"),
            ((left + right) / 2, "label mix", MUTED, "ma"),
            (right, f"class {b}", BLUE, "ra"),
        ):
            canvas.text(x, bottom + 6, words, size=14, color=color, anchor=anchor)
        square.names(canvas, [f"no. {seed_b}", *[""] * (CELLS - 2), f"no. {seed_a}"])
        big.paint(canvas, pictures[0], f"style {style:.2f}, label {label:.2f}")
        text = (
            f"Style {style:.2f} of the way from seed {seed_a} to seed {seed_b}, label "
            f"{label:.2f} of the way from {a} to {b}."
        )
        if not read:
            curve.heading(canvas, " | no judge reads these classes")
            return text
        probabilities = read(pictures)
        here, most = probabilities[0], int(probabilities[0].argmax())
        curve.heading(canvas, "judge:")
        for x, words, color in ((58, f"P({a})", ORANGE), (104, f"P({b})", BLUE)):
            at = curve.left + x, curve.top - 9
            canvas.text(*at, words, size=14, bold=True, color=color, anchor="ls")
        share = lambda digit, color: (fine, probabilities[1:, digit], color, 2.4, 0.0)
        curve.paint(canvas, [share(a, ORANGE), share(b, BLUE)], at=label)
        return (
            f"{text} The judge reads {most} ({here[most]:.0%}): P({a}) = {here[a]:.2f}, "
            f"P({b}) = {here[b]:.2f}."
        )

    last = space.classes - 1
    controls = [
        Slider("label", "label mix, a to b", 0.0, 1.0, 0.02, 0.5),
        Slider("style", "style mix", 0.0, 1.0, 0.02, 0.5),
        Slider("a", "class a", 0, last, 1, min(3, last - 1)),
        Slider("b", "class b", 0, last, 1, min(8, last)),
        Slider("seed_a", "first style", 0, 99, 1, 1),
        Slider("seed_b", "second style", 0, 99, 1, 2),
    ]
    about = "A morph between two classes: the label mixed in one direction, style in the other."
    mouse = {square: ("label", "style"), curve: "label"}
    letters = {
        "a": "the class at the left",
        "b": "the class at the right",
        "P": "probability by the judge",
    }
    return Explorer(
        "morph", about, controls, page, draw, mouse=mouse, play="label", letters=letters
    )
