"""Attribute sliders: directions of a latent space added to a sample, and what a judge sees of it.

A slider may move what it is named for, and much else besides; so the readings of all factors
stand beside the pictures, before and after (lesson 04; lesson 11 for a flow).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from course_lib.errors import CourseError, mapping
from course_lib.explore.kit import Explorer, Face, Page, Panel, Row, Slider, Tiles
from course_lib.explore.kit.canvas import MUTED, ORANGE
from course_lib.explore.kit.latent_space import chosen, latents
from course_lib.explore.kit.readings import Readings, changed, judge_for, one, read, worded
from course_lib.plots.pictures import as_numbers


def attributes(
    model, directions: Mapping, z=None, *, seed: int = 0, temperature: float = 1.0, judge=None
) -> Explorer:
    """A sample of a model of faces, a slider for each direction, and the judge's readings.

    model, z, seed, temperature: as of `walk`, for colour images; directions: name → (d,), such
    as `attribute_directions` gives. judge: `evaluation.face_factors()` unless given.
    Controls: one for each direction (−2 to 2 times the direction; the first starts at 1), sample
    (its number, at first one in which the judge sees the first direction; press on a picture).
    Raises `CourseError` for other models and for directions that are no latent points.
    """
    space = latents(model, "attributes")
    judge = judge_for(space.shape, judge, "attributes")
    points = chosen(space, z, seed, temperature, "attributes")
    arrows = _arrows(directions, space.size)
    sides = [Face(256), Face(256)]
    sheet = Tiles(min(len(points), 12), len(points), None, side=36, names=0)
    note, readings = Panel(220, 40, None), Readings(266)
    page = Page([[Row(*sides), note, sheet], readings])
    words = "At the right: what the judge of faces reads."
    page.paper.text(note.left, note.top, words, size=13)
    words = "Coloured: another option, or moved by a quarter of its range."
    page.paper.text(note.left, note.top + 18, words, size=13)
    everyone = space.pictures(points)
    sheet.paint(page.paper, everyone)
    before = read(judge, everyone)

    @lru_cache(64)
    def moved(sample: int, amounts: tuple[float, ...]) -> tuple:
        """The move (d,), where it leads as a picture, and what is read there."""
        move = sum(v * arrow for v, arrow in zip(amounts, arrows.values(), strict=True))
        picture = space.pictures((points[sample] + move)[None])
        return move, picture[0], one(read(judge, picture), 0)

    def draw(canvas, sample, **amounts):
        reading = one(before, sample)
        move, picture, after = moved(sample, tuple(amounts[name] for name in arrows))
        sides[0].paint(canvas, everyone[sample], f"sample {sample}", MUTED)
        sides[1].paint(canvas, picture, "moved", ORANGE)
        sheet.rim(canvas, sample, ORANGE)
        readings.paint(canvas, {"sample": reading, "moved": after})
        far, norm = np.linalg.norm(move), np.linalg.norm(points[sample])
        shift = f"{far / norm:.2f} of the norm of z" if norm else f"{far:.2f} from z = 0"
        said = worded(reading, after)
        return f"Sample {sample}, moved by {shift}. The judge reads changed: {said}."

    def telling() -> int:
        """The first sample in which the judge sees the first direction, or anything move."""
        name = next(iter(arrows))
        there = read(judge, space.pictures(points + arrows[name]))
        seen = [changed(one(before, i), one(there, i)) for i in range(len(points))]
        named = [i for i, found in enumerate(seen) if name.partition("=")[0] in found]
        return (named or [i for i, found in enumerate(seen) if found] or [0])[0]

    controls = [
        Slider(name, name.replace("_", " "), -2.0, 2.0, 0.1, 0.0 if place else 1.0)
        for place, name in enumerate(arrows)
    ]
    controls.append(Slider("sample", "sample no.", 0, len(points) - 1, 1, telling()))
    about = "A generated face, moved along attribute directions, and what a judge reads in it."
    more = {"mouse": {sheet: "sample"}, "play": controls[0].name}
    letters = {"z": "the latent point that is decoded"}
    return Explorer("attributes", about, controls, page, draw, **more, letters=letters)


def _arrows(directions: Mapping[str, object], size: int) -> dict[str, np.ndarray]:
    directions = mapping("directions", directions, "attribute_directions(*judged_draws(model))")
    if not directions or "sample" in directions:
        raise CourseError(
            "directions must hold a name and a vector each, none named 'sample': try "
            "attribute_directions(*judged_draws(model))."
        )
    arrows = {
        name: as_numbers(vector, name).astype(float) for name, vector in directions.items()
    }
    for name, vector in arrows.items():
        if vector.shape != (size,) or not np.isfinite(vector).all():
            raise CourseError(
                f"The direction {name!r} must be {size} finite numbers, as z is; got shape "
                f"{vector.shape}."
            )
    return arrows
