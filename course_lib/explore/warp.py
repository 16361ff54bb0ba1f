"""A flow in the plane, seen layer by layer (lesson 10).

`warp` lays a grid over the data and lets it go through the layers, or one over the noise and
lets it come back; where its cells grow, log |det| is positive. What it shares with `pointed`
stands here too, and is a third of it: a passage through the layers, their names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from course_lib.errors import CourseError
from course_lib.evaluation.abilities import require_instance
from course_lib.explore.kit import Bars, Choice, Explorer, Pad, Page, Slider, Toggle, network
from course_lib.explore.kit.canvas import BLUE, GRID, INK
from course_lib.explore.kit.latent_space import classes
from course_lib.plots.lattice import as_points
from course_lib.plots.style import CLASS_PALETTE

LOG_2PI = float(np.log(2 * np.pi))
FORWARD, BACK = "data → noise", "noise → data"


@dataclass(frozen=True)
class Passage:
    """Points after 0, 1, …, L layers, and what each layer's log |det| was for each of them."""

    stages: np.ndarray  # (L + 1, n, 2)
    log_dets: np.ndarray  # (L, n), of data → noise

    @property
    def log_normal(self) -> np.ndarray:
        """log N(·; 0, I) of the points at every stage, (L + 1, n)."""
        return -0.5 * np.square(self.stages).sum(-1) - LOG_2PI


def passage(flow: torch.nn.Module, points: np.ndarray, back: bool = False) -> Passage:
    """Send points (n, 2) through the layers, or noise back through them."""

    def walk(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        layers, stages, log_dets = list(flow.transform.transforms), [x], []
        for layer in reversed(layers) if back else layers:
            if back:
                x = layer.inverse(x)
            there, log_det = layer(x)
            log_dets.append(log_det)
            x = x if back else there
            stages.append(x)
        return torch.stack(stages), torch.stack(log_dets)

    name = f"What {type(flow).__name__} makes of points"
    both = (part.cpu().double().numpy() for part in network.quietly(flow, walk, points))
    return Passage(*(network.finite(part, name) for part in both))


def layer_names(flow: torch.nn.Module) -> list[str]:
    """ "1 coupling of x₂", … for the layers of the flow."""
    short = {"ActivationNorm": "normalisation", "Affine": "affine", "Scaling": "scaling"}
    names = []
    for i, layer in enumerate(flow.transform.transforms, 1):
        kind = type(layer).__name__
        if hasattr(layer, "order"):
            kind = f"coupling, moves x{'₁₂'[int(layer.order[-1])]}"
        names.append(f"{i} {short.get(kind, kind.lower())}")
    return names


def plane_flow(flow: object, what: str) -> None:
    """A `CourseError` unless this is a flow in the plane."""
    require_instance(flow, f"explore.{what}(flow)")
    layers = getattr(getattr(flow, "transform", None), "transforms", None)
    if layers is None or getattr(flow, "shape", None) != (2,):
        raise CourseError(
            f"{what} wants a flow in the plane, Flow(shape=(2,)); got {type(flow).__name__}."
        )


def number(value: float) -> str:
    """A signed number without a negative zero."""
    return f"{round(value, 2) + 0.0:+.2f}"


def _lines(reach: float) -> np.ndarray:
    """A grid over the square as (38, 77, 2) points."""
    at, way = np.linspace(-reach, reach, 19), np.linspace(-reach, reach, 77)
    flat = np.stack(np.meshgrid(at, way, indexing="ij"), -1)
    return np.concatenate([flat, flat[..., ::-1]])


def warp(flow, data) -> Explorer:
    """A grid and points going through the layers of a flow in the plane.

    data: a data set of points; its first 600 are shown, coloured by label. Controls: layers
    (how many are passed, at first none), way ("data → noise", "noise → data"), grid.
    Raises `CourseError` for anything but a `Flow` in the plane and points (n, 2).
    """
    plane_flow(flow, "warp")
    points = as_points(getattr(data, "images", data), "data")
    labels = classes(getattr(data, "labels", None), len(points), 600)
    points = points[:600]
    groups = np.zeros(len(points), int) if labels is None else labels
    noise = np.random.default_rng(0).normal(size=points.shape)
    names, reach = layer_names(flow), float(np.abs(points).max() * 1.15)
    pad = Pad(380, 380, (-1, 1), (-1, 1))
    bars = Bars(226, 380, "mean log |det| of each layer", names=146)
    page = Page([pad, bars])
    ways = {}
    for way, dots, side in ((FORWARD, points, reach), (BACK, noise, 3.0)):
        mesh, back = _lines(side), way == BACK
        found = passage(flow, dots, back), passage(flow, mesh.reshape(-1, 2), back)
        meshes = found[1].stages.reshape(len(names) + 1, *mesh.shape)
        view = float(np.clip(np.quantile(np.abs(found[0].stages), 0.995) * 1.1, 3.2, 9))
        ways[way] = (found[0], meshes, view)

    def draw(canvas, layers, way, grid):
        dots, meshes, view = ways[way]
        back = way == BACK
        order = names[::-1] if back else names
        pad.heading(canvas, f"{way}: {f'after {order[layers - 1]}' if layers else 'start'}")
        colors = [CLASS_PALETTE[int(group) % len(CLASS_PALETTE)] for group in groups]
        with pad.on(canvas, xlim=(-view, view), ylim=(-view, view)) as plane:
            for line in meshes[layers] if grid else ():
                plane.line(line, "#A9B4BE", 1.0)
            if layers == (0 if back else len(names)):
                plane.rings()
            plane.discs(dots.stages[layers], 1.8, INK if back else colors)
        means = (-1 if back else 1) * dots.log_dets.mean(1)
        inks = [BLUE] * layers + [GRID] * (len(names) - layers)
        bars.paint(canvas, list(zip(order, means, inks, map(number, means), strict=True)))
        passed = float(means[:layers].sum())
        if back:
            text = f"Mean log |det| of the way back so far: {number(passed)} nats."
        else:
            normal = float(dots.log_normal[layers].mean())
            text = (
                f"If the flow ended here: mean log N {number(normal)} plus log |det| "
                f"{number(passed)} = mean log p {number(normal + passed)} nats a point."
            )
        return f"{layers} of {len(names)} layers. {text}"

    controls = [
        Slider("layers", "layers passed", 0, len(names), 1, 0),
        Choice("way", "way", (FORWARD, BACK), FORWARD),
        Toggle("grid", "show the grid", True),
    ]
    about = "Points and a grid in the plane, warped layer by layer by a flow."
    letters = {
        "x": "a point of the data: x₁ rightwards, x₂ upwards",
        "N": "density of the standard normal",
        "p": "density of the data by the flow",
        "log": "natural logarithm",
        "det": "determinant of the Jacobian: how far a layer stretches areas",
    }
    return Explorer("warp", about, controls, page, draw, play="layers", letters=letters)
