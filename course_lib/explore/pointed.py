"""The density of a flow in the plane under the mouse, taken apart (lesson 10).

log p of one point is log N of where it lands, plus what each layer adds on the way.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit import network
from course_lib.explore.kit.axes import Plane, fractions, inside
from course_lib.explore.kit.canvas import BLUE, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.mouse import Point
from course_lib.explore.warp import (
    LEFT_BOX,
    SIZE,
    bars,
    layer_names,
    number,
    passage,
    plane_flow,
    rings,
    ticks,
)
from course_lib.plots.lattice import lattice


def shading(flow: torch.nn.Module, reach: float, steps: int = 190) -> Image.Image:
    """The density over the square as a picture, white where it is 0; the scale is its root."""
    _, _, pairs = lattice(((-reach, reach), (-reach, reach)), steps)
    log_p = network.quietly(flow, flow.log_prob, pairs)[0].cpu().double().numpy()
    share = np.exp(0.5 * (log_p - log_p.max())).reshape(steps, steps, 1)[::-1]
    light, dark = np.array([255.0, 255, 255]), np.array([18.0, 92, 150])
    return Image.fromarray((light + share * (dark - light)).round().astype(np.uint8))


def pointed(flow, reach: float = 3.0) -> Explorer:
    """log p(x) of a flow in the plane at the point under the mouse, or two sliders, taken apart.

    The square from −reach to reach is shown with the density as shade, the point, and where it
    lands. Controls: x1, x2; press or drag in the square.
    Raises `CourseError` for anything but a `Flow` in the plane.
    """
    plane_flow(flow, "pointed")
    if not 0.5 <= reach <= 9:
        raise CourseError(f"reach must be a number from 0.5 to 9; got {reach!r}.")
    names, side = layer_names(flow), LEFT_BOX[2] - LEFT_BOX[0]
    background = Canvas(*SIZE)
    shade = shading(flow, reach).resize((2 * side, 2 * side), Image.Resampling.BILINEAR)
    background.large.paste(shade, (2 * LEFT_BOX[0], 2 * LEFT_BOX[1]))

    def draw(x1: float, x2: float) -> tuple[Image.Image, str]:
        way = passage(flow, np.array([[x1, x2]]))
        normal, log_dets = float(way.log_normal[-1, 0]), way.log_dets[:, 0]
        log_p, z = normal + log_dets.sum(), way.stages[-1, 0]
        canvas = background.copy()
        canvas.text(
            30, 8, "density of the flow (shade), x and its way to z", size=14, bold=True
        )
        plane = Plane(canvas, LEFT_BOX, (-reach, reach), (-reach, reach))
        rings(plane)
        plane.line(way.stages[:, 0], INK, 1.2)
        plane.discs(way.stages[1:-1, 0], 2.5, INK)
        plane.discs([z], 6, BLUE, rim="#FFFFFF")
        plane.discs([(x1, x2)], 7, ORANGE, rim="#FFFFFF")
        ticks(plane, reach, ("", ""))
        plane.close()
        for x, color, word in (
            (34, ORANGE, "x"),
            (90, BLUE, "z = f(x)"),
            (190, INK, "between"),
        ):
            canvas.disc(x, 453, 5, color)
            canvas.text(x + 10, 453, word, size=12, anchor="lm")
        canvas.text(280, 453, "dashed: 1, 2, 3 σ of z", size=12, anchor="lm", color=MUTED)
        rows = [("log N(z)", normal, BLUE)]
        rows += [(name, value, "#8FB8D8") for name, value in zip(names, log_dets, strict=True)]
        bars(canvas, [*rows, ("log p(x)", log_p, ORANGE)], "nats")
        text = f"x = ({x1:.2f}, {x2:.2f}) lands on z = ({z[0]:.2f}, {z[1]:.2f}). ".replace(
            "-", "−"
        )
        text += (
            f"log p(x) = log N(z) {number(normal)} plus log |det| {number(log_dets.sum())} = "
            f"{number(log_p)} nats, a density of {np.exp(log_p):.3g}."
        )
        return canvas.finish(), text

    def press(begin: Point, end: Point, _now: dict) -> dict[str, float]:
        if not inside(begin, LEFT_BOX):
            return {}
        return {
            f"x{i}": reach * (2 * share - 1)
            for i, share in enumerate(fractions(end, LEFT_BOX), 1)
        }

    step = 0.05
    controls = [Slider(f"x{i}", f"x{'₁₂'[i - 1]}", -reach, reach, step, 0.0) for i in (1, 2)]
    about = (
        "The density of a flow at one point: log N of where it lands plus each layer's part."
    )
    return Explorer(controls, draw, name="pointed", about=about, size=SIZE, press=press)
