"""Faces whose attributes are told to the model: glasses on, beard off, z as it was (lesson 09).

Each attribute is an input that is turned from "with" to "without" or back, while z keeps the rest
of the face, and the judge of faces reads whether nothing but what was told has changed. It has a
panel of its own, whose lines are dragged, and takes faces from two sources: hence its length.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from course_lib import data
from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError
from course_lib.explore.kit import Choice, Explorer, Face, Page, Panel, Point, Row, Slider
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, PAPER, Canvas
from course_lib.explore.kit.conditioned import Conditioned, coder, conditioned
from course_lib.explore.kit.readings import Readings, judge_for, one, read, worded
from course_lib.models.conditional import Autoencoder
from course_lib.plots.pictures import as_array, as_pixels

FACES = 50
DRAW, REAL = "a draw", "a test face"


def words(name: str) -> str:
    """An attribute's name as it is read."""
    return name.replace("_", " ")


class Told(Panel):
    """A line for each attribute with what G is told, −1 (without) to 1 (with), to be dragged;
    its value is (number of the line, what is told there)."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.pitch = names, min(26, 150 // len(names))
        super().__init__(160, self.pitch * len(names), "", (110, 0, 12, 0))

    def value(self, at: Point) -> tuple[int, float]:
        """The line and the place on it."""
        x, y = self.share(at)
        return min(int((1 - y) * len(self.names)), len(self.names) - 1), 2 * x - 1

    def paint(self, canvas: Canvas, before: np.ndarray, now: np.ndarray) -> None:
        """What is told of the face as it is, and otherwise, each (K,)."""
        at = self.left - 110, self.top - 9
        canvas.text(*at, "told: −1 without, 1 with", size=13, color=MUTED, anchor="ls")
        for index, (name, was, here) in enumerate(zip(self.names, before, now, strict=True)):
            y, strong = self.top + self.pitch * (index + 0.5), abs(here - was) > 1e-9
            color, at = ORANGE if strong else INK, (self.left - 110, y)
            canvas.text(*at, words(name), size=13, color=color, bold=strong, anchor="lm")
            canvas.line([(self.left, y), (self.box[2], y)], GRID, 3)
            for told, radius, ink in ((was, 4, MUTED), (here, 6, color)):
                canvas.disc(self.left + (told + 1) / 2 * self.width, y, radius, ink, PAPER)


def _faces(space: Conditioned, model, faces: object) -> tuple[np.ndarray, np.ndarray]:
    """The first 50 faces (n, C, H, W), uint8, and what a model is told of each, (n, K)."""
    if faces is None:
        faces = data.load(f"faces-{space.shape[1]}", "test")
    if not isinstance(faces, data.DataSet):
        raise CourseError(
            f"told_attributes wants faces of a data set, such as data.load('faces-32', 'test'); "
            f"got {faces!r:.60}."
        )
    model.require(faces)
    images = as_array(faces.images[:FACES])
    labels = model.condition.read(faces.labels, faces.attributes.__getitem__)
    return images, as_array(labels)[:FACES]


def told_attributes(model, faces=None, *, judge=None) -> Explorer:
    """One face, and a slider for each attribute that the model is told; z stays.

    model: a hybrid of colour images that is told attributes, such as CVAEGAN("faces"). faces: a
    data set with these attributes, of which the first 50 can be chosen; None: the test faces of
    the model's size. judge: `evaluation.face_factors()` unless given, asked only where all
    attributes are factors of rendered faces.
    Controls: one for each attribute (0: told as it is, 1: the opposite, with which the first
    begins; drag on the lines below the faces), number (the seed of z and of the attributes, or
    the number of the face), and for models with an encoder source ("a test face", "a draw").
    A test face is encoded with its own attributes, to the mean of q(z | x, c).
    Raises `CourseError` for other models and other data.
    """
    space = conditioned(model, "told_attributes", "attributes")
    known = all(base in FACTORS for base, _ in model.condition.rules)
    judge = judge_for(space.shape, judge, "told_attributes") if known or judge else None
    readable = isinstance(model, Autoencoder)
    if readable:
        code = coder(model, "told_attributes")
        images, labels = _faces(space, model, faces)

    sides, told = [Face(256), Face(256)], Told(space.names)
    own_face, readings = Face(128), Readings(266)
    page = Page([[Row(*sides), Row(told, own_face)], readings])

    @lru_cache(2 * FACES)
    def start(source: str, number: int) -> tuple:
        """z (latent,), the attributes (K,) as ±1, the picture, its reading, the real face."""
        if source == REAL:
            own, real = labels[number], as_pixels(images[number : number + 1])[0]
            z = code(images[number] / 255, own)
        else:
            generator = torch.Generator().manual_seed(number)
            z = torch.randn(space.size, generator=generator).double().numpy()
            own, real = as_array(model.condition.asked(1, generator))[0], None
        vector = 2.0 * own - 1
        picture = space.pictures(z[None], vector[None])
        reading = one(read(judge, picture), 0) if judge else None
        return z, vector, picture[0], reading, real

    def draw(canvas, number, source=DRAW, **moves):
        z, own, before, reading, real = start(source, number)
        now = own * (1 - 2 * np.array([moves[name] for name in space.names]))
        picture = space.pictures(z[None], now[None])
        first = f"seed {number}" if real is None else f"test face {number}, rebuilt"
        sides[0].paint(canvas, before, first, MUTED)
        sides[1].paint(canvas, picture[0], "told otherwise", ORANGE)
        told.paint(canvas, own, now)
        if real is not None:
            own_face.paint(canvas, real, "the face itself", MUTED)
        asked = [
            f"{words(name)} {was:+.0f} → {here:+.1f}"
            for name, was, here in zip(space.names, own, now, strict=True)
            if abs(here - was) > 1e-9
        ]
        text = f"Seed {number}" if real is None else f"Test face {number}"
        text += f", told otherwise: {', '.join(asked) or 'nothing'}."
        if judge:
            after = one(read(judge, picture), 0)
            readings.paint(canvas, {"as it is": reading, "told": after})
            text += f" The judge reads changed: {worded(reading, after)}."
        return text

    def tell(line: tuple[int, float], at: tuple[int, float], now: dict) -> dict[str, float]:
        own = start(now.get("source", DRAW), now["number"])[1]
        return {space.names[line[0]]: (1 - own[line[0]] * at[1]) / 2}

    def best() -> int:
        """The face that the model rebuilds best, to begin with; without an encoder the first."""
        if not readable:
            return 0
        pairs = (start(REAL, i) for i in range(len(images)))
        off = [np.square(made.astype(float) - real).mean() for _, _, made, _, real in pairs]
        return int(np.argmin(off))

    most = (len(images) if readable else FACES) - 1
    controls = [
        Slider(name, f"reverse {words(name)}", 0.0, 1.0, 0.1, 0.0 if place else 1.0)
        for place, name in enumerate(space.names)
    ]
    controls.append(Slider("number", "seed, or face no.", 0, most, 1, best()))
    if readable:
        controls.append(Choice("source", "face", (REAL, DRAW), REAL))
    about = "A face of a model that is told attributes, and the same face told otherwise."
    more = {"mouse": {told: tell}, "play": space.names[0]}
    return Explorer("told_attributes", about, controls, page, draw, **more)
