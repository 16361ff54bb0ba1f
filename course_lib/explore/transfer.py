"""Style transfer from a digit that the learner draws: its code, in all classes (lesson 09).

E is told which class the drawing is and need not put that into z; what it does put there, slant,
stroke, width, G then draws in every other class. A wrong label is worth a try: E then has to say
in z what the label gets wrong.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from course_lib import data
from course_lib.errors import CourseError
from course_lib.explore.kit import strokes
from course_lib.explore.kit.axes import inside
from course_lib.explore.kit.canvas import BLUE, GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.conditioned import (
    MOST,
    Conditioned,
    class_judge,
    coder,
    conditioned,
)
from course_lib.explore.kit.controls import Choice, Slider
from course_lib.explore.kit.drawing import Drawing, DrawnOn, ink, penned
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.tiles import TILE, Sheet, put
from course_lib.plots.pictures import as_array, as_pixels

SIZE, DIGITS = (820, 478), 50
PAD, CLEAR = (6, 38, 286, 318), (196, 326, 286, 352)
SEEN, REBUILT, BARS = (316, 38), (316, 212), (520, 38, 770, 328)
SHEET = Sheet(74, 408, MOST, MOST)
OWN, TEST, AS_READ = "your drawing", "a test digit", "as the judge reads it"


def arrange(
    pad: strokes.Strokes | np.ndarray,
    side: int,
    seen: np.ndarray | None,
    tiles: np.ndarray,
    label: int,
    read: np.ndarray | None,
) -> Image.Image:
    """Pad, what E sees of it, the reconstruction, the judge's reading, the style in all classes.

    pad: strokes, or a test digit as pixels; seen: pixels (H, W, 3), None while nothing is drawn.
    """
    canvas = Canvas(*SIZE)
    canvas.text(PAD[0], 12, "draw a digit here", size=14, bold=True)
    canvas.text(PAD[0], CLEAR[1] + 13, "press and drag", size=13, color=MUTED, anchor="lm")
    canvas.box(*CLEAR, fill="#F2F2F2", rim=MUTED)
    canvas.text(241, CLEAR[1] + 13, "clear", size=14, anchor="mm")
    canvas.box(*PAD, fill="#000000")
    unit = (PAD[2] - PAD[0]) / side
    if isinstance(pad, np.ndarray):
        put(canvas, pad, *PAD[:2], PAD[2] - PAD[0])
    else:
        for stroke in pad:
            places = np.array(stroke) * unit + PAD[:2]
            canvas.line(places, "#FFFFFF", 2 * unit)
            for x, y in places:
                canvas.disc(x, y, unit, "#FFFFFF")
    canvas.text(SEEN[0], 12, "what E sees", size=14, bold=True)
    canvas.text(REBUILT[0], REBUILT[1] - 24, "rebuilt", size=14, bold=True)
    canvas.text(PAD[0], SHEET.top - 46, "its style in all classes", size=14, bold=True)
    for left, top in (SEEN, REBUILT):
        canvas.box(left, top, left + 140, top + 140, fill="#EDEDED")
    if seen is None:
        return canvas.finish()
    put(canvas, seen, *SEEN, 140)
    canvas.text(REBUILT[0] + 68, REBUILT[1] - 24, f"as a {label}", size=14, color=ORANGE)
    put(canvas, tiles[label], *REBUILT, 140)
    for column, picture in enumerate(tiles):
        x = SHEET.corner(column)[0] + TILE / 2
        strong, color = column == label, ORANGE if column == label else INK
        canvas.text(x, SHEET.top - 4, f"{column}", bold=strong, color=color, anchor="ms")
        put(canvas, picture, *SHEET.corner(column), TILE)
    _bars(canvas, read, label)
    return canvas.finish([SHEET.rim(label, ORANGE)])


def _bars(canvas: Canvas, read: np.ndarray | None, label: int) -> None:
    """P(class) as the judge reads what E sees."""
    if read is None:
        return
    left, top, right, bottom = BARS
    pitch = (bottom - top) / len(read)
    canvas.text(left, 12, "the judge: P(class)", size=14, bold=True)
    for index, share in enumerate(read):
        y = top + pitch * index
        color = ORANGE if index == label else BLUE
        canvas.line([(left, y + pitch), (right, y + pitch)], GRID, 0.6)
        canvas.box(left, y + 4, left + share * (right - left), y + pitch - 4, color)
        canvas.text(left - 10, y + pitch / 2, f"{index}", size=13, color=color, anchor="rm")
        if share >= 0.005:
            words = f"{share:.0%}"
            canvas.text(right + 6, y + pitch / 2, words, size=12, color=MUTED, anchor="lm")


def _digits(space: Conditioned, digits: object) -> tuple[np.ndarray, np.ndarray]:
    """The first 50 images (n, C, H, W), uint8, and their labels (n,)."""
    channels, side, wide = space.shape
    if channels != 1 or side != wide:
        raise CourseError(
            f"transfer wants a model of square grey images, on which one can draw; this one "
            f"makes images of shape {space.shape}. For faces there is explore.told_attributes."
        )
    if digits is None and side == strokes.SIDE:
        digits = data.load("digits", "test")
    images = as_array(getattr(digits, "images", np.zeros(0)))[:DIGITS]
    labels = getattr(digits, "labels", None)
    fits = images.dtype == np.uint8 and images.shape[1:] == space.shape and len(images) > 1
    if not fits or labels is None:
        raise CourseError(
            f"transfer wants a data set of at least two images {space.shape} with labels, such "
            f"as data.load('digits', 'test'); got {digits!r:.60}."
        )
    return images, as_array(labels)[:DIGITS]


def transfer(model, digits=None, *, judge=None) -> DrawnOn:
    """A digit, drawn with the mouse or taken from a data set: its style in every class.

    model: a hybrid of grey images with an encoder that is told up to ten classes. digits: a data
    set of such images, of which the first 50 can be chosen; None: the test digits. judge: see
    `morph`; with one the class of a drawing can be left to it.
    The code is the mean of q(z | x, c). A drawing is first centred and brought to the line width
    of MNIST, `strokes.centred`: E knows nothing else.
    Controls: image ("a test digit", "your drawing"), digit (its number), label (what it is said
    to be), drawing (strokes as text), ink (how many of its points there are, 0: clear). Press
    and drag on the pad to draw; "clear" empties it; a press below gives the drawing that label.
    Raises `CourseError` for other models, other images and a judge that is none.
    """
    space = conditioned(model, "transfer", "classes")
    code = coder(model, "transfer")
    if space.classes > MOST:
        raise CourseError(f"transfer has room for {MOST} classes; got {space.classes}.")
    images, labels = _digits(space, digits)
    judged = class_judge(space, judge, "transfer")
    side, every = space.shape[1], np.eye(space.classes)
    unit = (PAD[2] - PAD[0]) / side

    def draw(
        image: str, label: str, digit: int, drawing: str, ink: int
    ) -> tuple[Image.Image, str]:
        path = strokes.first(strokes.read(drawing, side), ink)
        if image == OWN and not path:
            text = "Nothing is drawn yet: press and drag on the black square, or take a test digit."
            return arrange(path, side, None, every, 0, None), text
        grey = strokes.centred(path, side) if image == OWN else images[digit][0] / 255
        seen = as_pixels(grey[None, None])[0]
        read = judged(seen[None])[0] if judged else None
        told = int(read.argmax()) if label == AS_READ else int(label)
        z = code(grey[None], told)
        tiles = space.pictures(np.tile(z, (space.classes, 1)), every)
        what = OWN if image == OWN else f"test digit {digit}, labelled {labels[digit]},"
        text = f"{what[0].upper()}{what[1:]} is taken for a {told}"
        if read is not None:
            most = int(read.argmax())
            text += f"; the judge reads {most} ({read[most]:.0%})"
        norm, usual = np.linalg.norm(z), space.size**0.5
        text += f". Norm of its code {norm:.2f}; draws have about {usual:.1f}."
        pad = path if image == OWN else seen
        return arrange(pad, side, seen, tiles, told, read), text

    def press(begin: Point, end: Point, now: dict) -> dict[str, object]:
        if inside(begin, CLEAR):
            return {"image": OWN, "drawing": "", "ink": 0}
        tile = SHEET.tile(begin)
        if tile is not None and tile < space.classes:
            return {"label": f"{tile}"}
        if not inside(begin, PAD):
            return {}
        own = now["image"] == OWN  # from a test digit one comes to an empty sheet
        places = [
            tuple((v - o) / unit for v, o in zip(at, PAD, strict=False)) for at in (begin, end)
        ]
        drawing = now["drawing"] if own else ""
        return {"image": OWN} | penned(drawing, now["ink"], side, *places)

    names = [f"{c}" for c in range(space.classes)]
    options = ([AS_READ] if judged else []) + names
    controls = [
        Slider("digit", "test digit no.", 0, len(images) - 1, 1, 0),
        Choice("image", "image", (TEST, OWN), TEST),
        Choice("label", "E is told that it is", tuple(options), options[0]),
        ink(),
        Drawing(side),
    ]
    about = (
        "A digit that you draw, rebuilt by a conditional model, and its style in all classes."
    )
    return DrawnOn(controls, draw, name="transfer", about=about, size=SIZE, press=press)
