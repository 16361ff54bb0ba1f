"""The density of a flow in the plane under the mouse, taken apart (lesson 10).

log p of one point is log N of where it lands, plus what each layer adds on the way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from course_lib.errors import real_number
from course_lib.explore.kit import Bars, Explorer, Pad, Page, Panel, Slider, network
from course_lib.explore.kit.canvas import BLUE, INK, MUTED, ORANGE, PALE, PAPER
from course_lib.explore.warp import layer_names, number, passage, plane_flow
from course_lib.plots.lattice import lattice

HOME = 0.6  # where z lies, both coordinates, at the start


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
    lands. Controls: x1, x2, at first where z is near the middle; press or drag in the square.
    Raises `CourseError` for anything but a `Flow` in the plane.
    """
    plane_flow(flow, "pointed")
    reach = real_number("reach", reach, "[0.5, 9]")
    home = passage(flow, np.array([[HOME, HOME]]), back=True).stages[-1, 0].tolist()
    names = layer_names(flow)
    limits = -reach, reach
    square = Pad(380, 380, limits, limits, "density (shade), x and its way to z")
    key, bars = Panel(380, 16, None, (26, 0, 0, 0)), Bars(226, 380, "nats", names=146)
    page = Page([[square, key], bars], gap=10)
    shade = shading(flow, reach).resize((2 * square.width,) * 2, Image.Resampling.BILINEAR)
    page.paper.large.paste(shade, (2 * square.left, 2 * square.top))
    with square.on(page.paper) as plane:
        plane.rings()
    for x, color, word in ((6, ORANGE, "x"), (56, BLUE, "z = f(x)"), (150, INK, "between")):
        page.paper.disc(key.left + x, key.top + 8, 5, color)
        page.paper.text(key.left + x + 10, key.top + 8, word, size=12, anchor="lm")
    at = key.left + 240, key.top + 8
    page.paper.text(*at, "dashed: 1, 2, 3 σ of z", size=12, anchor="lm", color=MUTED)

    def draw(canvas, x1, x2):
        way = passage(flow, np.array([[x1, x2]]))
        normal, log_dets = float(way.log_normal[-1, 0]), way.log_dets[:, 0]
        log_p, z = normal + log_dets.sum(), way.stages[-1, 0]
        seen = z.clip(-0.98 * reach, 0.98 * reach)
        with square.on(canvas, xticks=(), yticks=()) as plane:
            plane.line(way.stages[:, 0], INK, 1.2)
            plane.discs(way.stages[1:-1, 0], 2.5, INK)
            plane.discs([seen], 6, BLUE, rim=PAPER)
            plane.discs([(x1, x2)], 7, ORANGE, rim=PAPER)
        rows = [("log N(z)", normal, BLUE, number(normal))]
        rows += [(n, v, PALE, number(v)) for n, v in zip(names, log_dets, strict=True)]
        bars.paint(canvas, [*rows, ("log p(x)", log_p, ORANGE, number(log_p))])
        beyond = " (beyond the picture)" if (seen != z).any() else ""
        return (
            f"x = ({x1:.2f}, {x2:.2f}) lands on z = ({z[0]:.2f}, {z[1]:.2f}){beyond}. log p(x) = "
            f"log N(z) {number(normal)} plus log |det| {number(log_dets.sum())} = "
            f"{number(log_p)} nats, a density of {np.exp(log_p):.3g}."
        )

    controls = [Slider(f"x{i}", f"x{'₁₂'[i - 1]}", *limits, 0.05, 0.0) for i in (1, 2)]
    controls = [replace(c, start=c.nearest(at)) for c, at in zip(controls, home, strict=True)]
    about = (
        "The density of a flow at one point: log N of where it lands plus each layer's part."
    )
    letters = {
        "x": "the point: x₁ rightwards, x₂ upwards",
        "z": "where the flow takes it",
        "f": "the flow",
        "p": "density of x by the flow",
        "N": "density of the standard normal",
        "σ": "its standard deviation",
        "log": "natural logarithm",
        "det": "determinant of the Jacobian: how far a layer stretches areas",
    }
    return Explorer(
        "pointed", about, controls, page, draw, mouse={square: ("x1", "x2")}, letters=letters
    )
