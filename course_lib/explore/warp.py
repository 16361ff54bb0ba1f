"""A flow in the plane, seen layer by layer (lesson 10).

`warp` lays a grid over the data and lets it go through the layers, or one over the noise and
lets it come back; where its cells grow, log |det| is positive. What it shares with `pointed`
stands here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit import network
from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import BLUE, GRID, INK, MUTED, Canvas
from course_lib.explore.kit.controls import Choice, Slider, Toggle
from course_lib.explore.kit.explorer import Explorer
from course_lib.plots.style import CLASS_PALETTE

SIZE = (820, 470)
LEFT_BOX, RIGHT_BOX = (30, 40, 410, 420), (560, 62, 806, 420)
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
                log_dets.append(layer(x)[1])
            else:
                x, log_det = layer(x)
                log_dets.append(log_det)
            stages.append(x)
        return torch.stack(stages), torch.stack(log_dets)

    stages, log_dets = network.quietly(flow, walk, points)
    return Passage(stages.cpu().double().numpy(), log_dets.cpu().double().numpy())


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
    layers = getattr(getattr(flow, "transform", None), "transforms", None)
    if layers is None or getattr(flow, "shape", None) != (2,):
        raise CourseError(
            f"{what} wants a flow in the plane, Flow(shape=(2,)); got {flow!r:.60}."
        )


def number(value: float, digits: int = 2) -> str:
    """A signed number with a true minus, and no negative zero."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def bars(canvas: Canvas, rows: list[tuple[str, float, str]], title: str) -> None:
    """Rows (name, value, colour) as bars from a common zero, the numbers at their ends."""
    left, top, right, bottom = RIGHT_BOX
    canvas.text(right, top - 28, title, size=14, anchor="ra", bold=True)
    values = np.array([value for _, value, _ in rows])
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    unit = (right - left - 100) / max(high - low, 1e-6)
    zero, height = left + 50 - low * unit, min(30.0, (bottom - top) / len(rows))
    size = 12 if height >= 16 else 10
    for i, (name, value, color) in enumerate(rows):
        y = top + height * i
        ends = sorted((zero, zero + value * unit))
        canvas.box(
            ends[0], y + 0.15 * height, max(ends[1], ends[0] + 1), y + 0.85 * height, color
        )
        place, anchor = (ends[1] + 5, "lm") if value >= 0 else (ends[0] - 5, "rm")
        if height >= 11:
            canvas.text(left - 8, y + height / 2, name, size=size, anchor="rm")
            canvas.text(place, y + height / 2, number(value), size=size, anchor=anchor)
    canvas.line([(zero, top), (zero, top + height * len(rows))], INK, 1.2)


def rings(plane: Plane) -> None:
    """One, two and three σ of the noise, dashed."""
    turn = np.linspace(0, 2 * np.pi, 121)
    for sigma in (1, 2, 3):
        circle = sigma * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        plane.line(circle, MUTED, 1.0, dash=5)


def ticks(plane: Plane, reach: float, names: tuple[str, str]) -> None:
    """Whole numbers along both axes, and the names of the axes."""
    step = 1 if reach <= 4 else 2
    marks = [(v, f"{v}".replace("-", "−")) for v in range(-8, 9, step) if abs(v) < reach]
    plane.ticks(marks, marks, *names)


def _lines(reach: float, lines: int = 19, along: int = 77) -> np.ndarray:
    """A grid over the square as (2 · lines, along, 2) points."""
    at, way = np.linspace(-reach, reach, lines), np.linspace(-reach, reach, along)
    flat = np.stack(np.meshgrid(at, way, indexing="ij"), -1)
    return np.concatenate([flat, flat[..., ::-1]])


def warp(flow, data) -> Explorer:
    """A grid and points going through the layers of a flow in the plane.

    data: a data set of points; its first 600 are shown, coloured by label. Controls: layers
    (how many are passed), way ("data → noise", "noise → data"), grid.
    Raises `CourseError` for anything but a `Flow` in the plane and points (n, 2).
    """
    plane_flow(flow, "warp")
    points = np.asarray(getattr(data, "images", data), dtype=float)[:600]
    if points.ndim != 2 or points.shape[1] != 2:
        raise CourseError(f"warp wants points (n, 2); got {points.shape}.")
    labels = getattr(data, "labels", None)
    groups = np.zeros(len(points), int) if labels is None else labels[:600].numpy()
    noise = np.random.default_rng(0).normal(size=points.shape)
    names, reach = layer_names(flow), float(np.abs(points).max() * 1.15)
    ways = {}
    for way, dots, side in ((FORWARD, points, reach), (BACK, noise, 3.0)):
        mesh, back = _lines(side), way == BACK
        found = passage(flow, dots, back), passage(flow, mesh.reshape(-1, 2), back)
        meshes = found[1].stages.reshape(len(names) + 1, *mesh.shape)
        view = float(np.clip(np.quantile(np.abs(found[0].stages), 0.995) * 1.1, 3.2, 9))
        ways[way] = (found[0], meshes, view)

    def draw(layers: int, way: str, grid: bool) -> tuple[Image.Image, str]:
        dots, meshes, view = ways[way]
        order = names[::-1] if way == BACK else names
        canvas = Canvas(*SIZE)
        title = "start" if not layers else f"after {order[layers - 1]}"
        canvas.text(30, 8, f"{way}: {title}", size=15, bold=True)
        plane = Plane(canvas, LEFT_BOX, (-view, view), (-view, view))
        if grid:
            for line in meshes[layers]:
                plane.line(line, "#A9B4BE", 1.0)
        if layers == (0 if way == BACK else len(names)):
            rings(plane)
        for place, group in zip(plane.at(dots.stages[layers]), groups, strict=True):
            color = INK if way == BACK else CLASS_PALETTE[int(group) % len(CLASS_PALETTE)]
            plane.sheet.disc(*place, 1.8, color)
        ticks(plane, view, ("", ""))
        plane.close()
        sign = -1 if way == BACK else 1
        means = sign * dots.log_dets.mean(1)
        colors = [BLUE] * layers + [GRID] * (len(names) - layers)
        bars(
            canvas, list(zip(order, means, colors, strict=True)), "mean log |det| of each layer"
        )
        passed = float(means[:layers].sum())
        if way == BACK:
            text = f"Mean log |det| of the way back so far: {number(passed)} nats."
        else:
            normal = float(dots.log_normal[layers].mean())
            text = (
                f"If the flow ended here: mean log N {number(normal)} plus log |det| "
                f"{number(passed)} = mean log p {number(normal + passed)} nats a point."
            )
        return canvas.finish(), f"{layers} of {len(names)} layers. {text}"

    controls = [
        Slider("layers", "layers passed", 0, len(names), 1, len(names)),
        Choice("way", "way", (FORWARD, BACK), FORWARD),
        Toggle("grid", "show the grid", True),
    ]
    about = "Points and a grid in the plane, warped layer by layer by a flow."
    return Explorer(controls, draw, name="warp", about=about, size=SIZE)
