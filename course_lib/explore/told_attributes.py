"""Faces whose attributes are told to the model: glasses on, beard off, z as it was (lesson 09).

`attributes` looks for directions in the latent space of a model that was told nothing. Here the
attributes are inputs: each is turned from "with" to "without" or back, while z keeps the rest of
the face, and the judge of faces reads whether nothing but what was told has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from PIL import Image

from course_lib import data
from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.conditioned import Conditioned, coder, conditioned
from course_lib.explore.kit.controls import Choice, Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.readings import (
    Reading,
    changed,
    judge_for,
    one,
    read,
    table,
    worded,
)
from course_lib.explore.kit.tiles import put
from course_lib.models.conditional import Autoencoder
from course_lib.plots.pictures import as_array, as_pixels

SIZE, SIDE, FACES = (820, 430), 224, 50
DRAW, REAL = "a draw", "a test face"


def arrange(
    number: int,
    before: np.ndarray,
    after: np.ndarray,
    real: np.ndarray | None,
    told: Mapping[str, tuple[float, float]],
    readings: Mapping[str, Reading] | None,
) -> Image.Image:
    """The face as it is and changed, what was told, and the table of both readings.

    told: name → what G was told before and after, from −1 (without) to 1 (with).
    """
    canvas = Canvas(*SIZE)
    first = f"seed {number}" if real is None else f"test face {number}, rebuilt"
    for index, (name, picture) in enumerate(((first, before), ("told otherwise", after))):
        left = 6 + index * (SIDE + 14)
        canvas.text(left, 12, name, size=15, bold=True, color=(MUTED, ORANGE)[index])
        put(canvas, picture, left, 38, SIDE)
    if real is not None:
        put(canvas, real, 6, 296, 128)
        canvas.text(6, 272, "the face itself", size=13, color=MUTED)
    left, pitch = 164 if real is not None else 6, min(22, 150 // len(told))
    canvas.text(left, 272, "told: −1 without, 1 with", size=13, color=MUTED)
    for index, (name, (was, now)) in enumerate(told.items()):
        y, middle, reach = 296 + pitch * index + pitch / 2, left + 214, 70
        strong = abs(now - was) > 1e-9
        color = ORANGE if strong else INK
        words = name.replace("_", " ")
        canvas.text(left, y, words, size=13, color=color, bold=strong, anchor="lm")
        canvas.line([(middle - reach, y), (middle + reach, y)], GRID, 3)
        canvas.disc(middle + reach * was, y, 4, MUTED)
        canvas.disc(middle + reach * now, y, 5, color)
    if readings is not None:
        table(canvas, (486, 12), readings)
    return canvas.finish()


def _faces(space: Conditioned, model, faces: object) -> tuple[np.ndarray, np.ndarray]:
    """The first 50 faces (n, C, H, W), uint8, and what a model is told of each, (n, K)."""
    if faces is None:
        faces = data.load(f"faces-{space.shape[1]}", "test")
    model.require(faces)
    images = as_array(faces.images[:FACES])
    if images.shape[1:] != space.shape or len(images) < 2:
        raise CourseError(
            f"told_attributes wants at least two images {space.shape}, as the model makes; got "
            f"{images.shape}."
        )
    labels = model.condition.read(faces.labels, faces.attributes.__getitem__)
    return images, as_array(labels)[:FACES]


def told_attributes(model, faces=None, *, judge=None) -> Explorer:
    """One face, and a slider for each attribute that the model is told; z stays.

    model: a hybrid of colour images that is told attributes, such as CVAEGAN("faces"). faces: a
    data set with these attributes, of which the first 50 can be chosen; None: the test faces of
    the model's size. judge: `evaluation.face_factors()` unless given; it reads rendered faces,
    so it is asked only where all attributes are factors of those.
    Controls: one for each attribute (0: told as it is, 1: told the opposite), number (the seed of
    z and of the attributes, or the number of the face), and for models with an encoder source
    ("a draw", "a test face").
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

    @lru_cache(2 * FACES)
    def start(source: str, number: int) -> tuple:
        """z (latent,), the attributes (K,) as ±1, the picture, its reading, and the real face."""
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

    def draw(number: int, source: str = DRAW, **moves: float) -> tuple[Image.Image, str]:
        z, own, before, reading, real = start(source, number)
        move = np.array([moves[name] for name in space.names])
        now = own * (1 - 2 * move)
        picture = space.pictures(z[None], now[None])
        told = dict(zip(space.names, zip(own, now, strict=True), strict=True))
        asked = [
            f"{name.replace('_', ' ')} {was:+.0f} → {is_now:+.1f}"
            for name, (was, is_now) in told.items()
            if abs(is_now - was) > 1e-9
        ]
        text = f"Seed {number}" if real is None else f"Test face {number}"
        text += f", told otherwise: {', '.join(asked) or 'nothing'}."
        readings = None
        if judge:
            after = one(read(judge, picture), 0)
            readings = {"as it is": reading, "told": after}
            text += (
                f" The judge reads changed: {worded(changed(reading, after), reading, after)}."
            )
        drawn = arrange(number, before, picture[0], real, told, readings)
        return drawn, text.replace("-", "−")

    most = (len(images) if readable else FACES) - 1
    controls = [
        *(
            Slider(name, f"{name.replace('_', ' ')}, the other way", 0.0, 1.0, 0.1, 0.0)
            for name in space.names
        ),
        Slider("number", "seed, or test face no.", 0, most, 1, 0),
    ]
    if readable:
        controls.append(Choice("source", "face", (DRAW, REAL), DRAW))
    about = "A face of a model that is told attributes, and the same face told otherwise."
    return Explorer(controls, draw, name="told_attributes", about=about, size=SIZE)
