"""Attribute sliders: directions of a latent space added to a sample, and what a judge sees of it.

A slider may move what it is named for, and much else besides; so the readings of all factors
stand beside the pictures, before and after (lesson 04; lesson 11 for a flow).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit.canvas import MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.latent_space import chosen, latents
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
from course_lib.plots.pictures import as_array

SIZE, SIDE = (820, 428), 224


def arrange(
    sample: int, before: np.ndarray, after: np.ndarray, readings: Mapping[str, Reading]
) -> Image.Image:
    """The sample, the sample moved, and the table of both readings."""
    canvas = Canvas(*SIZE)
    names = f"sample {sample}", "moved"
    for index, (name, picture) in enumerate(zip(names, (before, after), strict=True)):
        left = 6 + index * (SIDE + 14)
        canvas.text(left, 12, name, size=15, bold=True, color=(MUTED, ORANGE)[index])
        put(canvas, picture, left, 38, SIDE)
    canvas.text(6, 280, "At the right: what the judge of faces reads.", size=13)
    canvas.text(
        6, 300, "Coloured: another option, or moved by a quarter of the range.", size=13
    )
    table(canvas, (486, 12), readings)
    return canvas.finish()


def attributes(
    model,
    directions: Mapping[str, object],
    z=None,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    judge=None,
) -> Explorer:
    """A sample of a model of faces, a slider for each direction, and the judge's readings.

    model: an unconditional GAN, VAE or flow of colour images; directions: name → (d,), such as
    `attribute_directions` gives; z: latent points (n, d), the first 24 of which can be moved;
    None: draws from N(0, temperature²), those that `sample` makes from this seed. judge:
    `evaluation.face_factors()` unless given.
    Controls: one for each direction (−2 to 2 times the direction), sample (its number).
    Raises `CourseError` for other models and for directions that are no latent points.
    """
    space = latents(model, "attributes")
    judge = judge_for(space.shape, judge, "attributes")
    points = chosen(space, z, seed, temperature, "attributes")
    arrows = _arrows(directions, space.size)
    kept: dict[int, tuple[np.ndarray, Reading]] = {}

    def start(sample: int) -> tuple[np.ndarray, Reading]:
        if sample not in kept:
            picture = space.pictures(points[sample : sample + 1])
            kept[sample] = picture[0], one(read(judge, picture), 0)
        return kept[sample]

    def draw(sample: int, **amounts: float) -> tuple[Image.Image, str]:
        before, reading = start(sample)
        move = sum(amount * arrows[name] for name, amount in amounts.items())
        picture = space.pictures((points[sample] + move)[None])
        moved = one(read(judge, picture), 0)
        far, norm = np.linalg.norm(move), np.linalg.norm(points[sample])
        shift = f"{far / norm:.2f} of the norm of z" if norm else f"{far:.2f} from z = 0"
        text = (
            f"Sample {sample}, moved by {shift}. The judge reads changed: "
            f"{worded(changed(reading, moved), reading, moved)}."
        )
        columns = {"sample": reading, "moved": moved}
        return arrange(sample, before, picture[0], columns), text

    controls = [
        *(Slider(name, name.replace("_", " "), -2.0, 2.0, 0.1, 0.0) for name in arrows),
        Slider("sample", "sample no.", 0, len(points) - 1, 1, 0),
    ]
    about = "A generated face, moved along attribute directions, and what a judge reads in it."
    return Explorer(controls, draw, name="attributes", about=about, size=SIZE)


def _arrows(directions: Mapping[str, object], size: int) -> dict[str, np.ndarray]:
    if not isinstance(directions, Mapping) or not directions or "sample" in directions:
        raise CourseError(
            "directions must hold a name and a vector each, none named 'sample': try "
            "attribute_directions(*judged_draws(model))."
        )
    arrows = {name: as_array(vector).astype(float) for name, vector in directions.items()}
    for name, vector in arrows.items():
        if vector.shape != (size,) or not np.isfinite(vector).all():
            raise CourseError(
                f"The direction {name!r} must be {size} finite numbers, as z is; got shape "
                f"{vector.shape}."
            )
    return arrows
