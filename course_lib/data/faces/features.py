"""The parts of a face: what each factor does to the picture.

Each function paints one part on a canvas; drawing.py calls them from back to front. Paired parts
are painted once, in coordinates mirrored about the middle of the face.
"""

from __future__ import annotations

from course_lib.data.faces import palette
from course_lib.data.faces.face import CHIN, EYES, INK, LIPS, MIDDLE, NOSE, TOP, WHITE, Face
from course_lib.data.faces.palette import colour, mix
from course_lib.data.faces.shapes import (
    Canvas,
    band,
    below,
    both,
    egg,
    either,
    ellipse,
    squircle,
    stroke,
)


def background(canvas: Canvas, face: Face) -> None:
    """A plain colour, lighter behind the head than in the corners."""
    glow = canvas.cover(ellipse(canvas.x, canvas.y + 0.1, 0.9, 0.9), blur=1.3)[:, None]
    back = face.back.view(-1, 3, 1, 1)
    canvas.image.copy_(back + (1 - back) * (0.4 * glow))


def body(canvas: Canvas, face: Face) -> None:
    """Shoulders, and a neck with the shadow of the chin."""
    with canvas.window(1.0, 0.68, 1.0) as part:
        x, y = part.x, part.y
        part.paint(squircle(x, y - 1.2, 0.82, 0.5, 0.55), face.clothes)
        fold = squircle(x, y - 1.25, 0.68, 0.46, 0.4)
        part.paint(fold, face.clothes * 0.86, 0.5, blur=0.25)
    with canvas.window(0.27, 0.45, 0.95) as part:
        x, y = part.x, part.y
        part.paint(ellipse(x, y - 0.77, 0.25, 0.13), face.clothes * 0.72)
        throat = either(both(x.abs() - 0.165, y - 0.79), ellipse(x, y - 0.77, 0.21, 0.095))
        part.paint(throat, mix(face.skin, face.shadow, 0.35))
        chin = egg(face.across(part), y - MIDDLE - 0.08, face.half, TOP, CHIN, face.taper)
        part.paint(both(throat, chin), face.shadow, 0.6)


def ears(canvas: Canvas, face: Face) -> None:
    with canvas.window(0.75, -0.05, 0.27) as part:
        x = (face.across(part) + 0.07 * face.turn).abs() - face.half
        y = part.y - 0.11
        part.paint(ellipse(x, y, 0.09, 0.13), mix(face.skin, face.shadow, 0.15))
        part.paint(ellipse(x - 0.02, y, 0.045, 0.08), face.shadow, 0.55, blur=0.05)


def head(canvas: Canvas, face: Face) -> None:
    """The skin, darker to the rim and away from the light, and the cheeks."""
    with canvas.window(0.6, -0.5, 0.68) as part:
        outline, x, y = face.outline(part), face.facing(part), part.y
        skin = part.cover(outline)
        part.wash(skin, face.skin)
        side = face.across(part) / face.half * face.light
        rim = part.cover(-0.02 - outline, blur=0.2) * 0.45
        part.wash((rim - side.clamp(-1, 0) * 0.9).clamp_(max=1).mul_(skin), face.shadow)
        forehead = part.cover(ellipse(x, y + 0.2, 0.3, 0.17), blur=0.3) * 0.25
        part.wash((forehead + side.clamp(0, 1) * 0.75).mul_(skin), face.lit)
        cheeks = part.cover(ellipse(x.abs() - 0.27, y - 0.28, 0.11, 0.08), blur=0.12) * 0.5
        part.wash(cheeks.mul_(skin), face.blush)


def nose(canvas: Canvas, face: Face) -> None:
    with canvas.window(0.42, 0.05, 0.33) as part:
        x, y, size = face.facing(part, 0.23), part.y - NOSE, face.nose
        part.paint(ellipse(x, y + 0.08, size * 0.75, 0.15), face.shadow, 0.2, blur=0.10)
        part.paint(ellipse(x, y, size, size * 0.68), mix(face.skin, face.shadow, 0.25))
        part.paint(ellipse(x, y + 0.02, size * 0.8, size * 0.5), face.skin, blur=0.05)
        curve = size * 0.6 - x.square() * (0.55 / size)
        under = band(y, curve, 1.1 * x / size, 0.013)
        part.paint(both(under, x.abs() - size * 0.8), face.shadow, 0.85)
        part.paint(ellipse(x, y + 0.035, size * 0.4, size * 0.5), face.lit, 0.7, blur=0.06)


def mouth(canvas: Canvas, face: Face) -> None:
    """Two lips about a curve that `smile` bends, apart by `mouth_open`, with teeth between."""
    with canvas.window(0.5, 0.27, 0.66) as part:
        x, y = face.facing(part), part.y - LIPS
        width = 0.185 + 0.03 * face.smile - 0.03 * face.open
        along = (x / width).clamp(-1.2, 1.2)
        inner = 1 - along.square()
        bend = 0.105 * face.smile + 0.02
        up, down = bend - 0.03 * face.open, bend + 0.13 * face.open
        slope = -2 * along / width
        over = below(y, up * inner - bend / 2, slope * up)
        under = -below(y, down * inner - bend / 2, slope * down)
        gap = both(over, under)
        ends = x.abs() - width
        part.paint(both(gap - (0.010 + 0.026 * inner), ends - 0.01), face.lips)
        gap = both(gap - 0.009, ends)
        part.paint(gap, colour(palette.MOUTH))
        tongue = ellipse(x, y - bend / 2 - 0.135 * face.open, 0.10, 0.06)
        part.paint(tongue, colour(palette.TONGUE), blur=0.04, within=gap)
        teeth = 0.04 * face.open * (1 + face.smile) * (0.5 + inner)
        part.paint(both(gap, -over - teeth), colour(palette.TEETH))


def beard(canvas: Canvas, face: Face) -> None:
    """Three kinds, each with its own opacity: nought where a face has another or none."""
    with canvas.window(0.6, -0.05, 0.74) as part:
        x, y = face.facing(part), part.y
        outline = face.outline(part)
        edge = outline - 0.025
        full = 0.32 - 1.15 * x.square() - y
        part.paint(full, face.whiskers, 0.95 * face.beard["full"], blur=0.07, within=edge)
        goatee = squircle(x, y - 0.54, 0.19, 0.2, 0.6)
        part.paint(goatee, face.whiskers, 0.95 * face.beard["goatee"], blur=0.04, within=edge)
    with canvas.window(0.45, 0.26, 0.46) as part:
        x, y = face.facing(part).abs(), part.y
        thick = stroke(x, y, (0.03, 0.33), (0.23, 0.385), 0.04, 0.012)
        part.paint(thick, face.whiskers, 0.95 * (1 - face.beard["none"]), blur=0.04)


def eyes(canvas: Canvas, face: Face) -> None:
    with canvas.window(0.55, -0.12, 0.25) as part:
        x, y, size = face.facing(part).abs() - face.apart, part.y - EYES, face.eye
        part.paint(ellipse(x, y, size * 1.25, size * 1.25), face.shadow, 0.35, blur=0.08)
        lash = egg(x - 0.006, y, size * 1.1, size * 1.02, size * 0.3)
        part.paint(lash, INK)
        white = egg(x, y, size, size * 0.76, size * 0.92)
        part.paint(white, colour("#fbfaf8"))
        iris = ellipse(x, y, size * 0.74, size * 0.78)
        part.paint(iris, face.iris * 0.6, within=white)
        part.paint(ellipse(x, y - 0.015, size * 0.6, size * 0.58), face.iris, blur=0.04)
        part.paint(ellipse(x, y, size * 0.4, size * 0.42), colour("#15121a"))
        glint = ellipse(x - size * 0.24, y + size * 0.24, size * 0.22, size * 0.22)
        part.paint(glint, WHITE, 0.95)


def brows(canvas: Canvas, face: Face) -> None:
    with canvas.window(0.5, -0.27, 0.02) as part:
        x, y = face.facing(part).abs() - face.apart, part.y
        curve = face.brow - face.tilt * x + 1.6 * x.square()
        thick = (0.030 - 0.09 * x).clamp(0.014, 0.034)
        hairs = band(y, curve, 3.2 * x - face.tilt, thick)
        part.paint(both(hairs, x.abs() - 0.12), face.brows)


def glasses(canvas: Canvas, face: Face) -> None:
    """Frames with a tint and a bar of glare on each lens; transparent where there are none."""
    with canvas.window(0.58, -0.12, 0.27) as part:
        x, y, on = face.facing(part).abs(), part.y - EYES - 0.005, face.glasses
        lens = squircle(x - face.apart - 0.005, y, 0.168, 0.15, 0.6)
        part.paint(lens, colour(palette.LENS), 0.2 * on)
        glare = (x - face.apart + y + 0.07).abs() - 0.025
        part.paint(glare, WHITE, 0.3 * on, within=lens)
        bridge = both(band(y, -0.03 + 1.2 * x.square(), 2.4 * x, 0.016), x - face.apart, -lens)
        arm = both((y + 0.03).abs() - 0.016, face.apart - x, -lens, face.outline(part))
        part.paint(either(lens.abs() - 0.016, bridge, arm), INK, 0.95 * on)
