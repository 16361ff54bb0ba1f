"""Style transfer from a digit that the learner draws: its code, in all classes (lesson 09).

E is told which class the drawing is; what it puts into z, slant, stroke, width, G then draws in
every other class. A wrong label is worth a try: z then has to say what the label gets wrong. It
is longer than others by the paper that one draws on and by what it checks of a model's images.
"""

from __future__ import annotations

import numpy as np

from course_lib import data
from course_lib.errors import CourseError
from course_lib.explore.kit import Bars, Canvas, Choice, Explorer, Point, Slider, strokes
from course_lib.explore.kit.canvas import BLUE, MUTED, ORANGE, PAPER
from course_lib.explore.kit.conditioned import MOST, class_judge, coder, conditioned
from course_lib.explore.kit.panels import Button, Face, Page, Panel, Tiles, put
from course_lib.plots.pictures import as_array, as_numbers, as_pixels

DIGITS = 50
OWN, TEST, AS_READ = "your drawing", "a test digit", "as the judge reads it"


class Paper(Panel):
    """Black paper to draw on, `units` wide; its value is the place of the pen in units."""

    def __init__(self, side: int, units: int) -> None:
        super().__init__(side, side, "draw a digit here")
        self.unit = side / units

    def value(self, at: Point) -> Point:
        """Units from the left and from the top; beyond the paper too."""
        return (at[0] - self.left) / self.unit, (at[1] - self.top) / self.unit

    def paint(self, canvas: Canvas, drawn: strokes.Strokes | np.ndarray) -> None:
        """Strokes, or a digit as pixels (H, W, 3)."""
        canvas.box(*self.box, fill="#000000")
        if isinstance(drawn, np.ndarray):
            put(canvas, drawn, self.left, self.top, self.width)
            return
        for stroke in drawn:
            places = np.array(stroke) * self.unit + (self.left, self.top)
            canvas.line(places, PAPER, 2 * self.unit)
            for x, y in places:
                canvas.disc(x, y, self.unit, PAPER)


def _digits(shape: tuple[int, ...], digits: object) -> tuple[np.ndarray, np.ndarray]:
    """The first 50 images (n, C, H, W), uint8, and their labels (n,)."""
    channels, side, wide = shape
    if channels != 1 or side != wide:
        raise CourseError(
            f"transfer wants a model of square grey images, on which one can draw; this one "
            f"makes images of shape {shape}. For faces there is explore.told_attributes."
        )
    if digits is None and side == strokes.SIDE:
        digits = data.load("digits", "test")
    images = as_numbers(getattr(digits, "images", ()), "images")[:DIGITS]
    labels = getattr(digits, "labels", None)
    fits = images.dtype == np.uint8 and images.shape[1:] == shape and len(images) > 1
    if not fits or labels is None:
        raise CourseError(
            f"transfer wants a data set of at least two images {shape} with labels, such as "
            f"data.load('digits', 'test'); got {digits!r:.60}."
        )
    return images, as_array(labels)[:DIGITS]


def transfer(model, digits=None, *, judge=None) -> Explorer:
    """A digit, drawn with the mouse or taken from a data set: its style in every class.

    model: a hybrid of grey images with an encoder that is told up to ten classes. digits: a data
    set of such images, of which the first 50 can be chosen; None: the test digits. judge: see
    `morph`; the class of a drawing can be left to it. The code is the mean of q(z | x, c); a
    drawing is first made like MNIST's by `strokes.centred`, for E knows nothing else.
    Controls: image ("a test digit", "your drawing"), digit (its number), label (what it is said
    to be), drawing (strokes as text), ink (how many of its points there are). Press and drag on
    the pad to draw; "clear" empties it; a press below gives the drawing that label.
    Raises `CourseError` for other models, other images and a judge that is none.
    """
    space = conditioned(model, "transfer", "classes")
    code = coder(model, "transfer")
    if space.classes > MOST:
        raise CourseError(f"transfer has room for {MOST} classes; got {space.classes}.")
    images, labels = _digits(space.shape, digits)
    judged = class_judge(space, judge, "transfer")
    side, names = space.shape[1], [f"{c}" for c in range(space.classes)]
    pad, clear = Paper(280, side), Button(90, 26)
    seen_by, rebuilt = (Face(140, words) for words in ("what E sees", "rebuilt"))
    bars = Bars(280, 290, "the judge: P(class)" if judged else "", names=24, ends=42)
    sheet = Tiles(space.classes, space.classes, names=60)
    page = Page([[pad, clear], [seen_by, rebuilt], bars], [sheet])
    clear.paint(page.paper, "clear")
    at = clear.box[2] + 12, clear.top + 13
    page.paper.text(*at, "press and drag", size=13, color=MUTED, anchor="lm")
    for face in (seen_by, rebuilt):
        page.paper.box(*face.box, fill="#EDEDED")
    page.paper.text(6, sheet.top - 26, "its style in all classes", bold=True, anchor="ls")

    def draw(canvas, image, label, digit, drawing, ink):
        path = strokes.first(strokes.read(drawing, side), ink)
        if image == OWN and not path:
            pad.paint(canvas, path)
            return "Nothing is drawn yet: press and drag on the black square, or take a test digit."
        grey = strokes.centred(path, side) if image == OWN else images[digit][0] / 255
        seen = as_pixels(grey[None, None])[0]
        read = judged(seen[None])[0] if judged else None
        told = int(read.argmax()) if label == AS_READ else int(label)
        z = code(grey[None], told)
        tiles = space.pictures(np.tile(z, (space.classes, 1)), np.eye(space.classes))
        pad.paint(canvas, path if image == OWN else seen)
        put(canvas, seen, *seen_by.box[:2], seen_by.width)
        put(canvas, tiles[told], *rebuilt.box[:2], rebuilt.width)
        at = rebuilt.left + 68, rebuilt.top - 9
        canvas.text(*at, f"as a {told}", color=ORANGE, anchor="ls")
        sheet.paint(canvas, tiles)
        sheet.rim(canvas, told, ORANGE)
        sheet.titles(canvas, names, told, 5)
        what = OWN if image == OWN else f"test digit {digit}, labelled {labels[digit]},"
        text = f"{what[0].upper()}{what[1:]} is taken for a {told}"
        if read is not None:
            most = int(read.argmax())
            text += f"; the judge reads {most} ({read[most]:.0%})"
            color_of = lambda i: ORANGE if i == told else BLUE
            percent = lambda share: f"{share:.0%}" if share >= 0.005 else ""
            rows = [(f"{i}", p, color_of(i), percent(p)) for i, p in enumerate(read)]
            bars.paint(canvas, rows, (0.0, 1.0))
        norm, usual = np.linalg.norm(z), space.size**0.5
        return f"{text}. Norm of its code {norm:.2f}; draws have about {usual:.1f}."

    def pen(begin: Point, end: Point, now: dict) -> dict[str, object]:
        drawing = now["drawing"] if now["image"] == OWN else ""
        return {"image": OWN} | strokes.penned(drawing, now["ink"], side, begin, end)

    options = ([AS_READ] if judged else []) + names
    controls = [
        Slider("digit", "test digit no.", 0, len(images) - 1, 1, 0),
        Choice("image", "image", (TEST, OWN), TEST),
        Choice("label", "E is told: it is", tuple(options), options[0]),
        strokes.ink(),
        strokes.Drawing(side),
    ]
    mouse = {pad: pen, clear: lambda *_: {"image": OWN, "drawing": "", "ink": 0}}
    mouse[sheet] = lambda tile, *_: {"label": f"{tile}"}
    about = "A digit that you draw, rebuilt by a conditional model; its style in all classes."
    letters = {"E": "the encoder", "P": "probability by the judge"}
    return Explorer("transfer", about, controls, page, draw, mouse=mouse, letters=letters)
