"""Hair styles: what lies behind the head, and what lies on it. All but "side" are symmetric."""

from __future__ import annotations

from torch import Tensor

from course_lib.data.faces.face import MIDDLE, TOP, Face
from course_lib.data.faces.shapes import (
    Canvas,
    below,
    both,
    egg,
    either,
    ellipse,
    squircle,
    stroke,
)

HIDE_EARS = ("bob", "long")


def behind(style: str, canvas: Canvas, face: Face) -> None:
    """Paint the hair that the head and the body hide in part."""
    x, y = face.across(canvas) + 0.04 * face.turn, canvas.y
    if style == "curly":
        x, wide = x.abs(), face.half + 0.06
        places = ((0.0, -0.60), (0.34, -0.54), (0.74, -0.37), (1.0, -0.11), (1.04, 0.17))
        curls = [ellipse(x - wide * right, y - down, 0.19, 0.19) for right, down in places]
        canvas.paint(either(*curls, ellipse(x, y + 0.08, wide, 0.55)), face.hair_dark)
    elif style == "bob":
        canvas.paint(squircle(x, y - 0.03, face.half + 0.14, 0.56, 0.6), face.hair_dark)
    elif style == "long":
        canvas.paint(squircle(x, y - 0.35, face.half + 0.15, 0.96, 0.6), face.hair_dark)
    elif style == "bun":
        canvas.paint(ellipse(x, y + 0.66, 0.22, 0.2), face.hair_dark)
        canvas.paint(ellipse(x, y + 0.68, 0.19, 0.17), face.hair, blur=0.08)
        canvas.paint(ellipse(x, y + 0.74, 0.1, 0.06), face.hair_lit, 0.6, blur=0.1)


def front(style: str, canvas: Canvas, face: Face) -> None:
    """Paint the hair on the forehead and down the sides of the face, with a soft gloss."""
    if style == "bald":
        return
    with canvas.window(0.75, -0.9, 0.5) as part:
        shape = SHAPES[style](part, face)
        part.paint(shape, face.hair)
        away = (face.across(part) / face.half * face.light).clamp(-1, 0) * -0.55
        part.paint(shape, face.hair_dark, away)
        gloss = ellipse(face.across(part), part.y + 0.14, 0.42, 0.36).abs() - 0.03
        upper = (-0.05 - 4 * part.y).clamp(0, 0.8)
        part.paint(gloss, face.hair_lit, upper, blur=0.14, within=shape)


def _cap(canvas: Canvas, face: Face, wide: float, high: float) -> Tensor:
    """The head's upper half, wider and higher by so much: what hair fills above its line."""
    y = canvas.y - MIDDLE
    return egg(face.across(canvas), y, face.half + wide, TOP + high, 0.7, 0.3)


def _above(canvas: Canvas, line: Tensor, slope: Tensor) -> Tensor:
    return -below(canvas.y, line, slope)


def _sideburns(canvas: Canvas, face: Face, reach: float) -> Tensor:
    x = face.across(canvas).abs() - face.half
    return stroke(x, canvas.y, (-0.06, -0.22), (-0.02, reach), 0.05, 0.015)


def _short(canvas: Canvas, face: Face) -> Tensor:
    u, y = face.facing(canvas, 0.09).abs(), canvas.y
    locks = [ellipse(u - right, y + 0.38, 0.12, 0.13) for right in (0.0, 0.19, 0.36)]
    line = _above(canvas, -0.36 + 1.1 * u.square(), 2.2 * u)
    cap = _cap(canvas, face, 0.03, 0.11)
    return either(both(cap, either(line, *locks)), _sideburns(canvas, face, 0.14))


def _side(canvas: Canvas, face: Face) -> Tensor:
    u = face.facing(canvas, 0.09)
    line = _above(canvas, -0.26 + 0.34 * u + 1.0 * u.square(), 0.34 + 2.0 * u)
    y = canvas.y - MIDDLE
    over = egg(face.across(canvas) + 0.045, y, face.half + 0.06, TOP + 0.17, 0.7, 0.3)
    return either(both(over, line, canvas.y - 0.02), _sideburns(canvas, face, 0.14))


def _spiky(canvas: Canvas, face: Face) -> Tensor:
    x, y = face.across(canvas).abs(), canvas.y
    tips = ((0.0, -0.78), (0.26, -0.75), (0.48, -0.60), (0.60, -0.36))
    spikes = [stroke(x, y, (0.5 * a, 0.35 * b - 0.1), (a, b), 0.2, 0.0) for a, b in tips]
    u = face.facing(canvas, 0.09).abs()
    roots = ((0.0, -0.15), (0.19, -0.13), (0.36, -0.04))
    tufts = [stroke(u, y, (0.9 * a, b - 0.22), (a, b), 0.12, 0.0) for a, b in roots]
    line = _above(canvas, -0.32 + 1.4 * u.square(), 2.8 * u)
    crown = both(either(_cap(canvas, face, 0.03, 0.05), *spikes), line)
    return either(crown, *tufts, _sideburns(canvas, face, 0.14))


def _curly(canvas: Canvas, face: Face) -> Tensor:
    u, y = face.facing(canvas, 0.09).abs(), canvas.y
    places = ((0.0, -0.39), (0.2, -0.37), (0.36, -0.27), (0.47, -0.10))
    curls = [ellipse(u - right, y - down, 0.13, 0.13) for right, down in places]
    line = _above(canvas, -0.36 + 1.2 * u.square(), 2.4 * u)
    return either(*curls, both(_cap(canvas, face, 0.03, 0.06), line))


def _bob(canvas: Canvas, face: Face) -> Tensor:
    u = face.facing(canvas, 0.09)
    fringe = _above(canvas, -0.13 + 0.3 * u.square(), 0.6 * u)
    inner = squircle(u, canvas.y - 0.3, 0.87 * face.half, 0.62, 0.7)
    sides = both(-inner, canvas.y - 0.44)
    return both(_cap(canvas, face, 0.075, 0.11), either(fringe, sides))


def _long(canvas: Canvas, face: Face) -> Tensor:
    u = face.facing(canvas, 0.09)
    line = _above(canvas, -0.44 + 0.3 * u.abs() + 1.9 * u.square(), 0.3 + 3.8 * u.abs())
    return both(_cap(canvas, face, 0.07, 0.10), line, canvas.y - 0.46)


def _bun(canvas: Canvas, face: Face) -> Tensor:
    u = face.facing(canvas, 0.09)
    line = _above(canvas, -0.31 + 1.8 * u.square(), 3.6 * u)
    return both(_cap(canvas, face, 0.025, 0.05), line, canvas.y - 0.1)


SHAPES = {
    **{"short": _short, "side": _side, "spiky": _spiky, "curly": _curly},
    **{"bob": _bob, "long": _long, "bun": _bun},
}
