"""The smallest game that a GAN can be: f(x, y) = xy, x descends and y climbs (lessons 02, 05).

Both players at once turn the state by arctan η and stretch it by √(1 + η²) every step, so it
leaves the solution for every step size. Taking turns, x first, keeps x² + y² − ηxy as it was:
the state circles for ever. In continuous time it goes round a circle.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import BLUE, GREEN, INK, ORANGE, Canvas
from course_lib.explore.kit.controls import Choice, Slider, Toggle
from course_lib.explore.kit.explorer import Explorer

SIZE = (820, 510)
REACH = 3.0
MOST = 200


def trajectory(update: str, eta: float, steps: int, angle: float) -> np.ndarray:
    """States (steps + 1, 2) of the game from the unit circle at `angle` degrees.

    simultaneous: x ← x − ηy, y ← y + ηx, both from the old state; alternating: y sees new x.
    """
    states = np.empty((steps + 1, 2))
    x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    states[0] = x, y
    for t in range(1, steps + 1):
        new = x - eta * y
        y += eta * (new if update == "alternating" else x)
        x = new
        states[t] = x, y
    return states


def radius_bounds(eta: float, angle: float) -> tuple[float, float]:
    """Smallest and largest radius on the ellipse x² + y² − ηxy = const of alternating play."""
    kept = 1 - eta * math.sin(math.radians(2 * angle)) / 2
    return math.sqrt(kept / (1 + eta / 2)), math.sqrt(kept / (1 - eta / 2))


def say(update: str, eta: float, radii: np.ndarray, angle: float) -> str:
    """The readout: what the radius did, beside what theory says."""
    steps = len(radii) - 1
    if update == "simultaneous":
        factor = math.sqrt(1 + eta**2)
        return (
            f"Simultaneous, η = {eta:.2f}. Radius after {steps} steps: {radii[-1]:.4g}. "
            f"Every step multiplies it by √(1 + η²) = {factor:.4f}; "
            f"{factor:.4f} to the power {steps} is {factor**steps:.4g}."
        )
    low, high = radius_bounds(eta, angle)
    return (
        f"Alternating, η = {eta:.2f}. Radius after {steps} steps: {radii[-1]:.3f}. "
        f"It stays between {low:.3f} and {high:.3f}, because x² + y² − ηxy does not change."
    )


def _background() -> Canvas:
    """The field that both players feel, (−y, x), and all that never moves."""
    canvas = Canvas(*SIZE)
    canvas.text(6, 12, "The game f(x, y) = xy", size=16, bold=True)
    plane = Plane(canvas, (28, 62, 428, 462), (-REACH, REACH), (-REACH, REACH))
    plane.grid((), ())
    for x in np.linspace(-2.7, 2.7, 10):
        for y in np.linspace(-2.7, 2.7, 10):
            along = np.array([-y, x]) / math.hypot(x, y) * 0.13
            tip, tail = np.array([x, y]) + along, np.array([x, y]) - along
            side = np.array([-along[1], along[0]]) * 0.5
            plane.line([tail, tip], "#C9CED3", 1.2)
            plane.fill(
                [tip + along * 0.35, tip - along * 0.6 + side, tip - along * 0.6 - side],
                "#C9CED3",
            )
    plane.line([(-REACH, 0), (REACH, 0)], "#B5B5B5", 0.8)
    plane.line([(0, -REACH), (0, REACH)], "#B5B5B5", 0.8)
    ticks = [(v, f"{v:g}".replace("-", "−")) for v in (-3, -2, -1, 0, 1, 2, 3)]
    plane.ticks(ticks, ticks, "x (descends)", "y (climbs)")
    plane.close()
    return canvas


def draw(
    background: Canvas, update: str, eta: float, steps: int, angle: float, flow: bool
) -> tuple[Image.Image, str]:
    """One state of the playground."""
    canvas = background.copy()
    states = trajectory(update, eta, steps, angle)
    radii = np.hypot(*states.T)
    turn = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    color = ORANGE if update == "simultaneous" else BLUE
    plane = Plane(canvas, (28, 62, 428, 462), (-REACH, REACH), (-REACH, REACH))
    if flow:
        plane.line(circle, GREEN, 1.8, dash=6)
    inside = states[: int(np.argmax(radii > 60)) + 1] if (radii > 60).any() else states
    plane.line(inside, color, 1.6)
    plane.discs(inside[1:-1], 2.4, color)
    plane.discs([(0, 0)], 4, INK)
    plane.discs(states[:1], 6, "#FFFFFF", rim=INK)
    plane.discs(states[-1:], 6, color, rim=INK)
    plane.close()
    out = np.abs(states).max(axis=1) > REACH
    if out.any():
        words = f"leaves the picture at step {int(np.argmax(out))}"
        canvas.text(418, 452, words, size=13, color=color, anchor="rs", bold=True, halo=True)
    _radius_panel(canvas, update, eta, radii, angle, color, flow)
    return canvas.finish(), say(update, eta, radii, angle)


def _radius_panel(canvas, update, eta, radii, angle, color, flow) -> None:
    steps = np.arange(len(radii))
    low, high = radius_bounds(eta, angle)
    theory = (1 + eta**2) ** (steps / 2)
    decades = max(1.0, math.ceil(math.log10(max(radii.max(), high)) + 0.05))
    ylim = (-0.5, decades if decades > 1 else 1.0)
    last = max(len(radii) - 1, 1)
    panel = Plane(canvas, (504, 62, 802, 330), (0, last), ylim)
    stride = max(1, math.ceil(decades / 5))
    powers = range(0, int(ylim[1]) + 1, stride)
    names = [(float(p), f"{10**p}" if p < 4 else f"1e{p}") for p in powers]
    if decades == 1:
        names += [(math.log10(v), f"{v:g}") for v in (0.5, 2, 5)]
    panel.grid((), [p for p, _ in names])
    if flow:
        panel.line([(0, 0), (last, 0)], GREEN, 1.8, dash=6)
    width = 4.0 if update == "simultaneous" else 2.0 if len(radii) < 80 else 1.2
    panel.line(np.stack([steps, np.log10(radii)], axis=1), color, width)
    if update == "simultaneous":
        panel.line(np.stack([steps, np.log10(theory)], axis=1), INK, 1.4, dash=5)
    else:
        for bound in (low, high):
            panel.line([(0, math.log10(bound)), (last, math.log10(bound))], INK, 1.4, dash=5)
    panel.ticks([(0, "0"), (last, str(last))], names, "step", "radius (logarithmic)")
    panel.close()
    prediction = (
        "√(1 + η²) per step" if update == "simultaneous" else "bounds from x² + y² − ηxy"
    )
    entries = [(f"{update} play", color, 0.0), (prediction, INK, 5.0)]
    canvas.legend(504, 392, entries + ([("continuous time", GREEN, 6.0)] if flow else []))
    canvas.disc(517, 470, 5, "#FFFFFF", rim=INK)
    canvas.text(530, 470, "start", size=13, anchor="lm")
    canvas.disc(610, 470, 5, color, rim=INK)
    canvas.text(623, 470, "now", size=13, anchor="lm")
    canvas.disc(700, 470, 4, INK)
    canvas.text(713, 470, "solution", size=13, anchor="lm")


def minimax() -> Explorer:
    """The playground on f(x, y) = xy: simultaneous or alternating steps of size η.

    Controls: update ("simultaneous", "alternating"), eta (.02 to 1), steps (1 to 200), angle of
    the start in degrees, flow (the circle of continuous time).
    """
    background = _background()
    controls = [
        Choice("update", "updates", ("simultaneous", "alternating"), "simultaneous"),
        Slider("eta", "step size η", 0.02, 1.0, 0.02, 0.2),
        Slider("steps", "steps", 1, MOST, 1, 40),
        Slider("angle", "start angle (degrees)", 0, 355, 5, 45),
        Toggle("flow", "show continuous time", True),
    ]
    return Explorer(
        controls,
        lambda **state: draw(background, **state),
        name="minimax",
        about="The path of two players on f(x, y) = xy, and its distance from the solution.",
        size=SIZE,
    )
