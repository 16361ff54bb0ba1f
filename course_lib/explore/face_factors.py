"""The renderer's factors under sliders, and what the judge of faces reads back (lesson 03)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from torch.nn.functional import interpolate

from course_lib.data import faces
from course_lib.data.faces import FACTORS
from course_lib.explore.kit import Choice, Control, Explorer, Face, Page, Slider
from course_lib.explore.kit.readings import Reading, Readings, changed, judge_for, one, said

SIDE, READ = 320, 64


def control(name: str, start: float | int) -> Control:
    """The slider or the choice of a factor; its label says what changes."""
    factor, label = FACTORS[name], name.replace("_", " ")
    if factor.kind == "choice":
        return Choice(name, label, factor.options, factor.options[start])
    return Slider(name, label, float(factor.low), float(factor.high), 0.05, start)


def face_factors(judge=None) -> Explorer:
    """A rendered face, a control for each of its 19 factors, and what the judge reads in it.

    judge: `evaluation.face_factors()` unless given; it is shown the same face at 64×64 pixels.
    Controls: the names of `faces.FACTORS`; options by name. They start at `faces.neutral()`.
    """
    face, readings = Face(SIDE), Readings(300)
    page = Page([face, readings], width=660)
    judge = judge_for((3, SIDE, SIDE), judge, "face_factors")

    @lru_cache(8)
    def rendered(*given: tuple) -> tuple[np.ndarray, Reading]:
        """A face, and what is read in it; one comes back to the last few."""
        large = faces.render(dict(given), size=SIDE)
        small = interpolate(large.float(), (READ, READ), mode="area").round().byte()
        return large[0].permute(1, 2, 0).numpy(), one(judge.read(small), 0)

    def draw(canvas, **factors):
        pixels, read = rendered(*factors.items())
        number = lambda name, v: FACTORS[name].options.index(v) if isinstance(v, str) else v
        true = {name: number(name, value) for name, value in factors.items()}
        face.paint(canvas, pixels, "as set")
        readings.paint(canvas, {"set": true, "read": read})
        wrong = [f"{n} {said(n, read[n])}, set {said(n, true[n])}" for n in changed(true, read)]
        if not wrong:
            return "The judge reads everything within a quarter of its range."
        return f"The judge misreads: {'; '.join(wrong).replace('_', ' ')}."

    start = faces.neutral()
    controls = [control(name, start[name].item()) for name in FACTORS]
    about = "A rendered face with all its factors, and what the judge of faces reads in it."
    return Explorer("face_factors", about, controls, page, draw)
