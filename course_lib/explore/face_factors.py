"""The renderer's factors under sliders, and what the judge of faces reads back (lesson 03)."""

from __future__ import annotations

from PIL import Image
from torch.nn.functional import interpolate

from course_lib.data import faces
from course_lib.data.faces import FACTORS
from course_lib.explore.kit.canvas import Canvas
from course_lib.explore.kit.controls import Choice, Control, Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.readings import changed, judge_for, one, said, table

SIZE, SIDE, READ = (780, 412), 320, 64


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
    judge = judge_for((3, SIDE, SIDE), judge, "face_factors")

    def draw(**factors) -> tuple[Image.Image, str]:
        large = faces.render(factors, size=SIDE)
        small = interpolate(large.float(), (READ, READ), mode="area").round().byte()
        read = one(judge.read(small), 0)
        true = {
            name: FACTORS[name].options.index(value) if isinstance(value, str) else value
            for name, value in factors.items()
        }
        canvas = Canvas(*SIZE)
        canvas.picture(large[0].permute(1, 2, 0).numpy(), 6, 40)
        table(canvas, (396, 12), {"set": true, "read": read}, width=376)
        wrong = [f"{n} {said(n, read[n])}, set {said(n, true[n])}" for n in changed(true, read)]
        text = "; ".join(wrong).replace("_", " ") or "everything within a quarter of its range"
        return canvas.finish(), f"The judge misreads: {text}." if wrong else (
            f"The judge reads {text}."
        )

    start = faces.neutral()
    controls = [control(name, start[name].item()) for name in FACTORS]
    about = "A rendered face with all its factors, and what the judge of faces reads in it."
    return Explorer(controls, draw, name="face_factors", about=about, size=SIZE)
