"""The smallest game that a GAN can be: f(x, y) = xy, x descends and y climbs (lessons 02, 05).

Both players at once turn the state by arctan η and stretch it by √(1 + η²) every step, so it
leaves the solution for every step size. Taking turns, x first, keeps x² + y² − ηxy as it was:
the state circles for ever. In continuous time it goes round a circle. Two ways to play, each with
its theory beside it in curves and in words, make up its length.
"""

from __future__ import annotations

import math

import numpy as np

from course_lib.explore.kit import Choice, Curve, Explorer, Pad, Page, Panel, Slider, Toggle
from course_lib.explore.kit.canvas import BLUE, GREEN, INK, ORANGE, PAPER

REACH, MOST, FAR = 3.0, 200, 60
TITLE = "The game f(x, y) = xy | x descends, y (upwards) climbs"


def trajectory(update: str, eta: float, steps: int, angle: float) -> np.ndarray:
    """States (steps + 1, 2) of the game from the unit circle at `angle` degrees.

    simultaneous: x ← x − ηy, y ← y + ηx, both from the old state; alternating: y sees new x.
    """
    x, y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    states = [(x, y)]
    for _ in range(steps):
        new = x - eta * y
        y += eta * (new if update == "alternating" else x)
        x = new
        states.append((x, y))
    return np.array(states)


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


def powers(decades: float) -> list[tuple[float, str]]:
    """Ticks of a logarithmic axis up to 10 to the power `decades`."""
    few = range(0, int(decades) + 1, max(1, math.ceil(decades / 5)))
    names = [(float(p), f"{10**p}" if p < 4 else f"1e{p}") for p in few]
    return names + [(math.log10(v), f"{v:g}") for v in (0.5, 2, 5) if decades == 1]


def minimax() -> Explorer:
    """The playground on f(x, y) = xy: simultaneous or alternating steps of size η.

    Controls: update ("simultaneous", "alternating"), eta (.02 to 1), steps (1 to 200), angle of
    the start in degrees, flow (the circle of continuous time). Drag the start around.
    """
    limits = -REACH, REACH
    game = Pad(400, 400, limits, limits, TITLE, xname="x")
    growth = Curve(290, 270, (0, 1), (0, 1), "radius (logarithmic)", xname="step", grid="y")
    key = Panel(290, 96, None, (26, 0, 0, 0))
    page = Page([game, [growth, key]])
    with game.on(page.paper) as plane:
        for x, y in np.stack(np.meshgrid(*[np.linspace(-2.7, 2.7, 10)] * 2), -1).reshape(-1, 2):
            along = np.array([-y, x]) / math.hypot(x, y) * 0.15
            plane.arrow((x, y) - along, (x, y) + along, "#C9CED3")
        plane.upright(0.0, "#B5B5B5")
        plane.level(0.0, "#B5B5B5")

    def draw(canvas, update, eta, steps, angle, flow):
        states = trajectory(update, eta, steps, angle)
        radii, color = np.hypot(*states.T), ORANGE if update == "simultaneous" else BLUE
        seen = states[: int(np.argmax(radii > FAR)) + 1] if (radii > FAR).any() else states
        with game.on(canvas, xticks=(), yticks=()) as plane:
            if flow:
                plane.circle(1, GREEN, 1.8, dash=6)
            plane.line(seen, color, 1.6)
            plane.discs(seen[1:-1], 2.4, color)
            plane.discs([(0, 0)], 4, INK)
            plane.discs(states[:1], 7, PAPER, rim=INK)
            plane.discs(states[-1:], 6, color, rim=INK)
        out = np.abs(states).max(axis=1) > REACH
        if out.any():
            words = f"leaves the picture at step {int(np.argmax(out))}"
            at, size = game.box[2:], {"size": 13, "bold": True, "halo": True}
            canvas.text(at[0] - 8, at[1] - 8, words, color=color, anchor="rs", **size)
        low, high = radius_bounds(eta, angle)
        decades = max(1.0, math.ceil(math.log10(max(radii.max(), high)) + 0.05))
        ends, t = (0, max(steps, 1)), np.arange(steps + 1)
        told = [(1 + eta**2) ** (t / 2)]
        if update != "simultaneous":
            told = [np.full(steps + 1, bound) for bound in (low, high)]
        width = 4.0 if update == "simultaneous" else 2.0 if steps < 80 else 1.2
        lines = [(t, np.log10(radii), color, width, 0.0)]
        lines += [(t, np.log10(values), INK, 1.4, 5.0) for values in told]
        lines += [(t, 0.0 * t, GREEN, 1.8, 6.0)] * flow
        view = {"xlim": ends, "ylim": (-0.5, decades), "yticks": powers(decades)}
        growth.paint(canvas, lines, **view, xticks=[(v, f"{v}") for v in ends])
        theory = "√(1 + η²) a step" if update == "simultaneous" else "bounds of x² + y² − ηxy"
        entries = [(f"{update} play", color, 0.0), (theory, INK, 5.0)]
        entries += [("continuous time", GREEN, 6.0)] * flow
        canvas.legend(key.left, key.top + 8, entries)
        dots = (("start: drag it", PAPER), ("now", color), ("solution", INK))
        for x, (words, ink) in zip((7, 140, 210), dots, strict=True):
            canvas.disc(key.left + x, key.top + 84, 5, ink, rim=INK)
            canvas.text(key.left + x + 12, key.top + 84, words, size=13, anchor="lm")
        return say(update, eta, radii, angle)

    def start_at(_begin: object, at: tuple[float, float], _now: dict) -> dict[str, int]:
        degrees = math.degrees(math.atan2(at[1], at[0]))
        return {"angle": round(degrees / 5) * 5 % 360}

    controls = [
        Choice("update", "updates", ("simultaneous", "alternating"), "simultaneous"),
        Slider("eta", "step size η", 0.02, 1.0, 0.02, 0.2),
        Slider("steps", "steps", 1, MOST, 1, 40),
        Slider("angle", "start angle (°)", 0, 355, 5, 45),
        Toggle("flow", "show continuous time", True),
    ]
    about = "The path of two players on f(x, y) = xy, and its distance from the solution."
    mouse = {game: start_at}
    letters = {
        "f": "what both play for",
        "x": "the player who lowers f",
        "y": "the player who raises it",
        "η": "the step size of both",
    }
    return Explorer(
        "minimax", about, controls, page, draw, mouse=mouse, play="steps", letters=letters
    )
