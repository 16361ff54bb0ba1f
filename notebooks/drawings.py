"""Draw the course's pictures of ideas: `python notebooks/drawings.py [NAME ...]`.

Each function draws one model as boxes and arrows; `notebooks/source/drawings/NAME.svg` is what a
lesson shows where its text says `![alternative text](drawing:NAME)`. In every drawing a blue
arrow carries values forwards and an orange one carries a gradient back; a box that is coloured
moves in this step, a grey one stands still; a bar ends a gradient.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from course_lib.plots.style import INK, MUTED, PALETTE

FOLDER = Path(__file__).resolve().parent / "source" / "drawings"
BLUE, ORANGE, GREEN, ROSE = PALETTE[:4]
STILL, PALE = "#E4E4E4", {BLUE: "#D9EAF5", ORANGE: "#FBE3D3", GREEN: "#D5EFE6", ROSE: "#F6E4EE"}
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "course", "font.family": "DejaVu Sans"}

Point = tuple[float, float]


class Sheet:
    """White paper of `width` × `height` units, a unit being a pixel; y grows downwards."""

    def __init__(self, width: int, height: int) -> None:
        self.figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.axis("off")

    def text(self, at: Point, words: str, size: float = 12, color: str = INK, **more) -> None:
        more = {"ha": "center", "va": "center_baseline", "linespacing": 1.3} | more
        self.axes.text(*at, words, size=size * 0.72, color=color, **more)

    def box(self, at: Point, words: str, size: Point = (74, 46), color: str = STILL) -> None:
        """A rounded box around its centre: a network or a computation; grey stands still."""
        (x, y), (width, height) = at, size
        edge = {STILL: MUTED, "white": INK}.get(color, color)
        self.axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=8",
                facecolor=PALE.get(color, color),
                edgecolor=edge,
                linewidth=1.4,
                zorder=3,
            )
        )
        self.text(at, words, 14, zorder=4)

    def dot(self, at: Point, words: str, data: bool = False, radius: float = 21) -> None:
        """A circle: a random quantity; a double one is data."""
        for inset in (0, 4) if data else (0,):
            self.axes.add_patch(
                Circle(at, radius - inset, facecolor="white", edgecolor=INK, lw=1.4, zorder=3)
            )
        self.text(at, words, 14, zorder=4)

    def picture(self, at: Point, words: str, real: bool, side: float = 48) -> None:
        """A framed image with its name below; a real one has a double frame."""
        x, y = at
        for inset in (0, 4) if real else (0,):
            self.axes.add_patch(
                Rectangle(
                    (x - side / 2 + inset, y - side / 2 + inset),
                    side - 2 * inset,
                    side - 2 * inset,
                    facecolor="white",
                    edgecolor=INK,
                    linewidth=1.2,
                    zorder=3,
                )
            )
        self.text(at, words, 12, zorder=4)

    def arrow(
        self,
        *points: Point,
        color: str = BLUE,
        dashed: bool = False,
        both: bool = False,
        bend: float = 0.0,
        width: float = 1.8,
    ) -> None:
        """From point to point, the head at the last; `both` ends; `bend` of a single step."""
        for start, end in zip(points[:-2], points[1:-1], strict=True):
            self.axes.plot(
                *zip(start, end, strict=True),
                color=color,
                lw=width,
                solid_capstyle="round",
                zorder=2,
            )
        self.axes.add_patch(
            FancyArrowPatch(
                *points[-2:],
                arrowstyle="<|-|>" if both else "-|>",
                mutation_scale=13,
                color=color,
                linewidth=width,
                linestyle=(0, (4, 3)) if dashed else "solid",
                connectionstyle=f"arc3,rad={bend}",
                shrinkA=0,
                shrinkB=0,
                zorder=2,
            )
        )

    def back(self, *points: Point, **more) -> None:
        """A gradient's way, from a loss to the parameters that follow it."""
        self.arrow(*points, color=ORANGE, width=3.0, **more)

    def bar(self, at: Point, length: float = 26, upright: bool = True) -> None:
        """Where a gradient ends and goes no further."""
        (x, y), half = at, length / 2
        ends = ((x, x), (y - half, y + half)) if upright else ((x - half, x + half), (y, y))
        self.axes.plot(*ends, color=ORANGE, lw=4.5, solid_capstyle="butt", zorder=5)

    def line(
        self,
        *points: Point,
        color: str = MUTED,
        width: float = 1.0,
        style="solid",
        front: bool = False,
    ) -> None:
        """A line without a head, behind the boxes or in front of them."""
        x, y = zip(*points, strict=True)
        layer = 3.5 if front else 1
        self.axes.plot(
            x, y, color=color, lw=width, ls=style, zorder=layer, solid_capstyle="butt"
        )


# The drawings ---------------------------------------------------------------------------------


def families() -> Sheet:
    """Lesson 00: three families, by which maps between noise and image they have."""
    s = Sheet(940, 500)
    for x, words in zip(
        (160, 440, 620, 740, 860), "noise image sample encode density".split(), strict=True
    ):
        s.text((x, 30), words, 14, weight="bold")
    rows = (
        ("GAN", "fake images with real ones, by a judge, D", "● yes", "○ no", "○ no"),
        ("VAE", "an image with its reconstruction, and its code with the prior",
         "● yes", "◐ about", "◐ a bound"),
        ("flow", "the image's own noise, $f(x)$, with N(0, I): that gives its likelihood",
         "● yes", "● exactly", "● exact"),
    )  # fmt: skip
    for i, (name, loss, *able) in enumerate(rows):
        y = 95 + 152 * i
        s.text((52, y), name, 17, weight="bold")
        s.dot((160, y), "z", radius=25)
        s.picture((440, y), "x", real=False, side=50)
        if name == "flow":
            s.arrow((188, y), (412, y), both=True)
            s.text((300, y - 16), "one map: $f$ to the left, $f^{-1}$ to the right", 11.5)
        else:
            s.arrow((188, y - 12), (412, y - 12))
            s.text((300, y - 27), "generator" if name == "GAN" else "decoder", 12)
        if name == "VAE":
            s.arrow((412, y + 12), (188, y + 12), dashed=True)
            s.text((300, y + 27), "encoder, approximate", 12)
        if name == "GAN":
            s.text((300, y + 14), "no way back", 12, color=MUTED, style="italic")
        for x, word in zip((620, 740, 860), able, strict=True):
            s.text((x, y), word, 14, color=MUTED if word.startswith("○") else INK)
        s.text((20, y + 58), "What is compared:", 12, weight="bold", ha="left")
        s.text((160, y + 58), loss, 12, ha="left")
        if i:
            s.line((20, y - 68), (920, y - 68), color=STILL)
    return s


def _game(s: Sheet, left: float, mover: str) -> None:
    """One move of a GAN, its picture 460 units wide; the gradient runs beside the values."""
    title = "Move of D: tell real from fake" if mover == "D" else "Move of G: be taken for real"
    s.text((left + 230, 28), title, 14, weight="bold")
    x = {"z": left + 34, "G": left + 126, "x": left + 228, "D": left + 322, "L": left + 416}
    y = 120
    s.dot((x["z"], y), "z")
    s.box((x["G"], y), "G", size=(74, 60), color=GREEN if mover == "G" else STILL)
    s.picture((x["x"], y), "fake", real=False, side=60)
    s.box((x["D"], y), "D", size=(64, 60), color=BLUE if mover == "D" else STILL)
    s.box((x["L"], y), f"{mover}'s\nloss", size=(64, 60), color="white")
    up, down = y - 18, y + 18  # values above, gradients below
    s.arrow((x["z"] + 22, up), (x["G"] - 39, up))
    for start, end in ((x["G"] + 37, x["x"] - 32), (x["x"] + 30, x["D"] - 34)):
        s.arrow((start, up), (end, up))
    s.arrow((x["D"] + 32, up), (x["L"] - 34, up))
    s.back((x["L"] - 32, down), (x["D"] + 34, down))
    if mover == "D":
        s.picture((x["x"], y + 100), "real", real=True, side=60)
        s.arrow((x["x"] + 30, y + 86), (x["D"] - 8, y + 86), (x["D"] - 8, y + 32))
        s.arrow((x["D"] - 32, down), (x["x"] + 32, down), color=ORANGE, dashed=True, width=2.4)
        s.arrow((x["x"] - 30, down), (x["G"] + 52, down), color=ORANGE, dashed=True, width=2.4)
        s.bar((x["G"] + 46, down))
        s.text((x["G"] + 8, y + 62), "exists, is\nnot followed", 12, color=ORANGE)
        s.text((x["L"] - 6, y + 62), "gradient, to\nD's weights", 12, color=ORANGE)
        s.text((x["x"] - 42, y + 100), "double frame:\nthe data", 11, color=MUTED, ha="right")
    else:
        s.back((x["D"] - 32, down), (x["x"] + 32, down))
        s.back((x["x"] - 30, down), (x["G"] + 39, down))
        s.line((x["D"] - 32, down), (x["D"] + 32, down), color=ORANGE, width=3.0, front=True)
        s.line((x["x"] - 30, down), (x["x"] + 30, down), color=ORANGE, width=3.0, front=True)
        s.text((x["D"], y + 62), "through D,\nwhose weights stay", 12, color=ORANGE)
        s.text((x["G"] - 2, y + 62), "gradient, to\nG's weights", 12, color=ORANGE)


def gan_moves() -> Sheet:
    """Lesson 02: the two moves of a GAN, and where each gradient ends."""
    s = Sheet(960, 275)
    _game(s, 0, "D")
    _game(s, 490, "G")
    s.line((475, 20), (475, 255), color=STILL, width=1.5)
    return s


def vae() -> Sheet:
    """Lesson 06: the model, and the computation with the way of the gradient."""
    s = Sheet(960, 345)
    s.text((110, 28), "The model", 14, weight="bold")
    s.axes.add_patch(
        FancyBboxPatch(
            (46, 62), 128, 250, boxstyle="round,pad=0,rounding_size=10", facecolor="none",
            edgecolor=MUTED, linewidth=1.2,
        )
    )  # fmt: skip
    s.text((110, 298), "once for each image", 11, color=MUTED)
    s.dot((110, 112), "z")
    s.dot((110, 228), "x", data=True)
    s.arrow((119, 132), (119, 206))
    s.arrow((101, 206), (101, 132), dashed=True, color=ROSE)
    s.text((148, 170), r"$p_\theta(x|z)$", 12)
    s.text((73, 170), r"$q_\phi(z|x)$", 12, color=ROSE)
    s.line((205, 20), (205, 325), color=STILL, width=1.5)

    s.text((585, 28), "The computation, and the way of the gradient", 14, weight="bold")
    y = 170
    s.picture((246, y), "x", real=True)
    s.box((340, y), "encoder $\\phi$", size=(96, 60), color=ROSE)
    s.box((466, y), r"$m,\ \log\sigma^2$", size=(96, 60), color="white")
    s.box((600, y), r"$z=m+\sigma\varepsilon$", size=(112, 60), color="white")
    s.box((732, y), r"decoder $\theta$", size=(96, 60), color=BLUE)
    s.box((878, y), "reconstruction\nterm", size=(126, 60), color="white")
    s.box((466, 290), "KL term", size=(96, 44), color="white")
    s.dot((600, y - 78), r"$\varepsilon$", radius=17)
    up, down = y - 18, y + 19  # values above, gradients below
    s.arrow((271, up), (290, up))
    gaps = ((388, 416), (514, 542), (656, 682), (780, 813))
    for start, end in gaps:
        s.arrow((start, up), (end, up))
        s.back((end + 2, down), (start + 2, down))
    for middle, half in ((466, 48), (600, 56), (732, 48)):
        s.line(
            (middle - half, down), (middle + half, down), color=ORANGE, width=3.0, front=True
        )
    s.arrow((246, y - 25), (246, 58), (878, 58), (878, y - 32))
    s.arrow((452, y + 30), (452, 266))
    s.back((480, 268), (480, y + 32))
    s.arrow((592, y - 61), (592, y - 32))
    s.arrow((612, y - 30), (612, y - 42), color=ORANGE, width=3.0)
    s.bar((612, y - 46), upright=False, length=22)
    s.text(
        (630, y - 46), r"ends here: $\varepsilon$ has no weights", 12, color=ORANGE, ha="left"
    )
    s.text((742, y + 52), "gradient of the reconstruction term", 12, color=ORANGE)
    s.text((498, 240), "gradient of the KL term", 12, color=ORANGE, ha="left")
    s.text((345, y + 52), "both, added", 12, color=ORANGE)
    return s


def areas() -> Sheet:
    """Lesson 10: a rising map takes a strip to a strip of the same area and another width."""
    s = Sheet(720, 480)
    left, bottom, side, reach = 250.0, 320.0, 260.0, 3.0
    x = np.linspace(-2.55, 2.55, 256)
    z = 0.55 * x + 1.6 * np.tanh(1.3 * x)  # the map, rising everywhere
    slope = 0.55 + 1.6 * 1.3 / np.cosh(1.3 * x) ** 2
    unit = side / (2 * reach)  # pixels, on both axes, so that equal areas look equal
    height = 120.0  # pixels for a density of one, on both axes

    def right(u: np.ndarray) -> np.ndarray:
        return left + (u + reach) * unit

    def up(u: np.ndarray) -> np.ndarray:
        return bottom - (u + reach) * unit

    def normal(u: np.ndarray) -> np.ndarray:
        return np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)

    below, beside = bottom + height * normal(z) * slope, left - height * normal(z)
    inside = (x >= 0.0) & (x <= 0.5)
    s.axes.plot(right(x), up(z), color=INK, lw=2)
    for i in np.flatnonzero(inside)[[0, -1]]:
        corner = (right(x[i]), up(z[i]))
        s.line((corner[0], bottom), corner, (left, corner[1]), style=(0, (3, 2)))
    s.axes.plot(right(x), below, color=BLUE, lw=1.8)
    s.axes.fill_between(right(x[inside]), bottom, below[inside], color=BLUE, alpha=0.4, lw=0)
    s.axes.plot(beside, up(z), color=GREEN, lw=1.8)
    s.axes.fill_betweenx(up(z[inside]), beside[inside], left, color=GREEN, alpha=0.5, lw=0)
    s.line((left, bottom), (left + side, bottom), color=INK)
    s.line((left, bottom), (left, bottom - side), color=INK)
    s.text((left + side + 16, bottom), "x", 14)
    s.text((left, bottom - side - 16), "z", 14)
    s.text((right(0.95), up(2.75)), "$z=f(x)$", 14)
    s.text((left - 24, up(2.2)), "density of the noise,\nN(0, 1)", 12, color=GREEN, ha="right")
    s.text(
        (left + side, bottom + 50), "density of the data,\n$p(x)$", 12, color=BLUE, ha="center"
    )
    s.text((left - 62, up(0.62)), "wide and low", 12, color=GREEN, ha="right")
    s.text((right(0.72), bottom + 112), "narrow and high", 12, color=BLUE, ha="left")
    s.text((right(1.4), up(-1.0)), "Both strips have the same area:\nthe same probability.", 13,
           weight="bold", ha="left")  # fmt: skip
    return s


def coupling() -> Sheet:
    """Lesson 11: a coupling, its inverse with the arrows turned, and its Jacobian."""
    s = Sheet(960, 300)

    def half(left: float, title: str, names: Sequence[str], formula: str, back: bool) -> None:
        s.text((left + 155, 28), title, 14, weight="bold")
        top, low = 85, 210
        a, b = left + 20, left + 290
        ends = (b, a) if back else (a, b)
        for y, (first, second) in ((top, names[:2]), (low, names[2:])):
            s.dot((a, y), first)
            s.dot((b, y), second)
            if y == top:
                s.arrow(
                    (ends[0] + (-22 if back else 22), y), (ends[1] + (22 if back else -22), y)
                )
        middle = left + 155
        s.box((middle, 142), "s, t", size=(66, 38), color=BLUE)
        s.arrow((middle, top), (middle, 122))
        s.box((middle, low), formula, size=(150, 42), color="white")
        s.arrow((middle, 162), (middle, low - 22))
        if back:
            s.arrow((b - 22, low), (middle + 76, low))
            s.arrow((middle - 76, low), (a + 22, low))
        else:
            s.arrow((a + 22, low), (middle - 76, low))
            s.arrow((middle + 76, low), (b - 22, low))
        s.text((middle, top - 16), "kept as it is", 11.5, color=MUTED)
        s.text((middle, 262), "s and t are computed, never inverted", 11.5, color=MUTED)

    half(
        15, "From data to noise", ("$x_1$", "$z_1$", "$x_2$", "$z_2$"), r"$x_2\,e^{s}+t$", False
    )
    half(355, "From noise to data", ("$x_1$", "$z_1$", "$x_2$", "$z_2$"),
         r"$(z_2-t)\,e^{-s}$", True)  # fmt: skip
    s.text((820, 28), "The Jacobian", 14, weight="bold")
    cells = (("1", 0, 0), ("0", 1, 0), (r"$\ast$", 0, 1), (r"$e^{s}$", 1, 1))
    for words, column, row in cells:
        center = (775 + 86 * column, 110 + 76 * row)
        color = {"0": "white", r"$\ast$": STILL}.get(words, BLUE)
        s.box(center, words, size=(80, 70), color=color)
    s.text((726, 110), "$z_1$", 13, ha="right")
    s.text((726, 186), "$z_2$", 13, ha="right")
    s.text((775, 62), "$x_1$", 13)
    s.text((861, 62), "$x_2$", 13)
    s.text((820, 250), "triangular: the determinant is\nthe product of its diagonal", 12)
    s.line((677, 20), (677, 280), color=STILL, width=1.5)
    s.line((338, 20), (338, 280), color=STILL, width=1.5)
    return s


# Which loss each player of the CVAE-GAN follows (filled), and which others it could reach.
CVAEGAN_PLAYERS = ("E", "G", "D", "C")
CVAEGAN_LOSSES = {
    "KL": ("code and prior", "E", ""),
    "$L_G$": ("image and its reconstruction", "EG", "DC"),
    "$L_{GD}$": ("means of D's features", "G", "D"),
    "$L_{GC}$": ("class means of C's features", "G", "C"),
    "$L_D$": ("real or fake", "D", "EG"),
    "$L_C$": ("class of real images", "C", ""),
}


def cvaegan() -> Sheet:
    """Lesson 09: four players, three streams of images, and who follows which loss."""
    s = Sheet(960, 430)
    s.text((260, 28), "Three streams of images", 14, weight="bold")
    xs = {"x": 45, "E": 130, "G": 280, "image": 378, "judges": 500}
    rows = {"real": 95, "rebuilt": 200, "drawn": 305}
    s.picture((xs["x"], rows["real"]), "real", real=True, side=56)
    s.box((xs["E"], rows["rebuilt"]), "E", color=ROSE, size=(60, 44))
    s.dot((205, rows["rebuilt"]), "z", radius=18)
    s.dot((205, rows["drawn"]), "$z_p$", radius=18)
    s.box((xs["G"], 252), "G", color=GREEN, size=(60, 160))
    s.picture((xs["image"], rows["rebuilt"]), "rebuilt", real=False, side=62)
    s.picture((xs["image"], rows["drawn"]), "drawn", real=False, side=62)
    s.box((xs["judges"], 150), "D", color=BLUE, size=(60, 60))
    s.box((xs["judges"], 260), "C", color=ORANGE, size=(60, 60))
    s.arrow((xs["x"], 124), (xs["x"], rows["rebuilt"]), (99, rows["rebuilt"]))
    s.arrow((161, rows["rebuilt"]), (186, rows["rebuilt"]))
    s.arrow((224, rows["rebuilt"]), (249, rows["rebuilt"]))
    s.arrow((224, rows["drawn"]), (249, rows["drawn"]))
    s.arrow((311, rows["rebuilt"]), (346, rows["rebuilt"]))
    s.arrow((311, rows["drawn"]), (346, rows["drawn"]))
    s.arrow((74, rows["real"]), (440, rows["real"]), (468, 130))
    s.arrow((440, rows["real"]), (452, 160), (468, 245))
    s.arrow((410, rows["rebuilt"]), (468, 160))
    s.arrow((410, rows["rebuilt"]), (468, 255))
    s.arrow((410, rows["drawn"]), (468, 172))
    s.arrow((410, rows["drawn"]), (468, 275))
    s.dot((280, 380), "c", radius=16)
    s.arrow((280, 363), (280, 333))
    s.arrow((263, 380), (130, 380), (130, 223))
    s.text((310, 382), "the condition, told to E and G", 12, ha="left", color=MUTED)
    s.line((560, 20), (560, 410), color=STILL, width=1.5)
    s.text((765, 28), "Who follows which loss", 14, weight="bold")
    columns = {p: 800 + 42 * i for i, p in enumerate(CVAEGAN_PLAYERS)}
    for player, x in columns.items():
        color = {"E": ROSE, "G": GREEN, "D": BLUE, "C": ORANGE}[player]
        s.box((x, 68), player, size=(32, 32), color=color)
    for row, (name, (words, follow, reach)) in enumerate(CVAEGAN_LOSSES.items()):
        y = 112 + 44 * row
        s.text((580, y - 8), name, 14, ha="left")
        s.text((580, y + 11), words, 11, ha="left", color=MUTED)
        for player, x in columns.items():
            if player in follow + reach:
                face = ORANGE if player in follow else "white"
                s.axes.add_patch(Circle((x, y), 9, facecolor=face, edgecolor=ORANGE, lw=1.6))
        s.line((575, y + 22), (945, y + 22), color=STILL)
    for x, face, words in (
        (600, ORANGE, "followed"),
        (700, "white", "reaches it, is not followed"),
    ):
        s.axes.add_patch(Circle((x, 392), 8, facecolor=face, edgecolor=ORANGE, lw=1.6))
        s.text((x + 16, 392), words, 11.5, ha="left")
    return s


def pyramids() -> Sheet:
    """Lesson 04: G turns channels into space, D turns space into channels."""
    s = Sheet(960, 300)
    stages = ((4, "512"), (8, "256"), (16, "128"), (32, "64"), (64, "3"))

    def block(x: float, side: int, channels: str, color: str) -> float:
        """A square for one array, as wide as its side; returns where it ends."""
        width = 16 + 0.95 * side
        s.axes.add_patch(
            Rectangle(
                (x, 140 - width / 2), width, width, facecolor=PALE[color], edgecolor=color, lw=1.4
            )
        )  # fmt: skip
        s.text((x + width / 2, 200), f"{side}×{side}", 12)
        s.text((x + width / 2, 220), channels, 12, color=MUTED)
        return x + width

    s.text((235, 28), "G: each layer doubles the side", 14, weight="bold")
    s.dot((28, 140), "z", radius=18)
    x = 46.0
    for side, channels in stages:
        s.arrow((x + 4, 140), (x + 28, 140))
        x = block(x + 32, side, channels, GREEN)
    s.line((480, 20), (480, 280), color=STILL, width=1.5)
    s.text((725, 28), "D: each layer halves it", 14, weight="bold")
    x = 502.0
    for i, (side, channels) in enumerate(reversed(stages)):
        if i:
            s.arrow((x + 4, 140), (x + 28, 140))
        x = block(x + (32 if i else 0), side, channels, BLUE)
    s.arrow((x + 4, 140), (x + 28, 140))
    s.text((x + 46, 140), "logit", 12)
    s.text((235, 262), "transposed convolutions, stride 2 (width 64)", 12)
    s.text((725, 262), "convolutions, stride 2", 12)
    s.text((480, 220), "channels", 12, color=MUTED, backgroundcolor="white")
    s.text((480, 200), "side", 12, backgroundcolor="white")
    return s


def transport() -> Sheet:
    """Lesson 05: what W1 and JS say of two bumps that stand further and further apart."""
    s = Sheet(900, 330)
    s.text((270, 28), "Two narrow bumps, θ apart", 14, weight="bold")
    s.text((660, 28), "transport, $W_1$", 14, weight="bold")
    s.text((820, 28), "ratio, JS", 14, weight="bold")
    wave = np.linspace(-30, 30, 61)
    bump = 46 * np.exp(-(wave**2) / 120)
    for row, distance in enumerate((320, 160, 0)):
        base, start = 122 + 92 * row, 100
        s.line((40, base), (520, base), color=MUTED)
        s.axes.fill_between(start + wave, base, base - bump, color=BLUE, alpha=0.45, lw=0)
        if distance:
            end = start + distance
            s.axes.fill_between(end + wave, base, base - bump, color=GREEN, alpha=0.45, lw=0)
            s.arrow((end - 14, base - 28), (start + 16, base - 28), color=ORANGE, width=2.4)
            s.text(((start + end) / 2, base - 42), "carry each grain home", 11.5, color=ORANGE)
        else:
            s.axes.plot(start + wave, base - bump, color=GREEN, lw=2)
            s.text((start + 60, base - 24), "the same place", 11.5, ha="left", color=MUTED)
        size = {320: "θ = 2", 160: "θ = 1", 0: "θ = 0"}[distance]
        s.text((20, base + 14), size, 12, ha="left")
        s.text((660, base - 22), {320: "2", 160: "1", 0: "0"}[distance], 15)
        s.text((820, base - 22), "log 2" if distance else "0", 15)
        if row:
            s.line((600, base - 76), (880, base - 76), color=STILL)
    s.text((660, 322), "falls on the way home", 12, color=ORANGE)
    s.text((820, 322), "flat: no slope", 12, color=ORANGE)
    return s


VARIANCES = np.array([9.0, 5.0, 2.6, 1.3, 0.6])  # of the data, along its axes


def rate_and_distortion(beta: np.ndarray | float, noise: float = 1.0):
    """Rate and distortion in nats of the best linear VAE with weight β: water-filling at βσ²."""
    level = np.asarray(beta)[..., None] * noise
    rate = 0.5 * np.log(np.maximum(VARIANCES / level, 1)).sum(-1)
    return rate, (np.minimum(level, VARIANCES) / (2 * noise)).sum(-1)


def trade_off() -> Sheet:
    """Lesson 07: β is a water level, and the slope at which rate buys distortion."""
    s = Sheet(900, 380)
    s.text((200, 28), "β is a water level", 14, weight="bold")
    base, unit = 310.0, 25.0
    level = base - 2.0 * unit
    s.axes.add_patch(Rectangle((40, level), 320, base - level, color="#D9EAF5", lw=0))
    for i, variance in enumerate(VARIANCES):
        x = 60 + 62 * i
        drowned = variance <= 2.0
        s.axes.add_patch(
            Rectangle((x, base - unit * variance), 36, unit * variance, lw=1.4,
                      facecolor=STILL if drowned else PALE[GREEN],
                      edgecolor=MUTED if drowned else GREEN, alpha=0.9, zorder=3)
        )  # fmt: skip
    s.line((40, level), (360, level), color=BLUE, width=2)
    s.line((40, base), (360, base), color=INK)
    s.text((352, level - 14), "βσ²", 14, color=BLUE, ha="right")
    s.text((200, base + 20), "variance of the data along each axis", 12)
    s.text((130, base + 44), "above: the latent is used", 12, color=GREEN)
    s.text((300, base + 44), "below: collapsed", 12, color=MUTED)
    s.line((400, 20), (400, 360), color=STILL, width=1.5)

    s.text((650, 28), "β is a slope", 14, weight="bold")
    left, bottom = 460.0, 320.0
    wide, high = 54.0, 29.0  # pixels a nat

    def place(rate: np.ndarray, distortion: np.ndarray):
        return left + wide * rate, bottom - high * distortion

    rate, distortion = rate_and_distortion(np.geomspace(0.2, 9.0, 200))
    s.axes.plot(*place(rate, distortion), color=INK, lw=2)
    for beta, name in ((5.0, "large β: few nats, blurred"), (1.0, "β = 1: the ELBO"),
                       (0.3, "small β:\nmany nats, sharp")):  # fmt: skip
        r, d = rate_and_distortion(beta)
        reach = 0.75 / np.hypot(1, beta * high / wide)
        ends = np.array([-reach, reach])
        s.axes.plot(*place(r + ends, d - beta * ends), color=ORANGE, lw=2)
        x, y = place(r, d)
        s.axes.add_patch(Circle((x, y), 5, color=ORANGE, zorder=4))
        s.text((x + 14, y - (30 if "\n" in name else 17)), name, 12, ha="left", color=ORANGE)
    s.line((left, bottom), (left + 400, bottom), color=INK)
    s.line((left, bottom), (left, 56), color=INK)
    s.text((left + 300, bottom + 20), "rate: the KL term, in nats", 12)
    s.text((left + 90, 66), "distortion: what the reconstruction costs, in nats", 12, ha="left")
    return s


def exchanged() -> Sheet:
    """Lesson 08: four autoencoders that differ in one part each."""
    s = Sheet(960, 410)
    for x, words in ((555, "code against prior"), (815, "image against reconstruction")):
        s.text((x, 26), words, 14, weight="bold")
    rows = (
        ("VAE", "KL, by a formula", False, "log-likelihood of the pixels", False),
        ("AAE", "a judge of codes:\nencoded or drawn?", True,
         "log-likelihood of the pixels", False),
        ("AVB", "a judge of pairs (x, z):\nits mean logit is the KL", True,
         "log-likelihood of the pixels", False),
        ("VAE/GAN", "KL, by a formula", False,
         "distance in the features\nof a judge of images", True),
    )  # fmt: skip
    for i, (name, prior, new_prior, pixels, new_pixels) in enumerate(rows):
        y = 84 + 92 * i
        s.text((24, y), name, 15, weight="bold", ha="left")
        s.picture((138, y), "x", real=True, side=38)
        s.box((208, y), "E", size=(46, 40), color=STILL)
        s.dot((275, y), "z", radius=17)
        s.box((342, y), "G", size=(46, 40), color=STILL)
        s.picture((412, y), r"$\tilde{x}$", real=False, side=38)
        for start, end in ((158, 184), (232, 257), (293, 318), (366, 392)):
            s.arrow((start, y), (end, y))
        s.box((555, y), prior, size=(200, 56), color=ORANGE if new_prior else "white")
        s.box((815, y), pixels, size=(230, 56), color=ORANGE if new_pixels else "white")
        if i:
            s.line((20, y - 46), (940, y - 46), color=STILL)
    return s


TRUTHS = (190, 250, 330, 410, 455, 520, 590, 660, 730)  # left is better
LUCK = (70, -12, -165, 62, -36, 88, -70, 34, -52)


def winners_curse() -> Sheet:
    """Lesson 12: truths, the scores that noise makes of them, and the winner trained again."""
    s = Sheet(900, 330)
    truth, score, again = 80, 175, 270
    for y, words in ((truth, "truth"), (score, "first score"), (again, "trained again")):
        s.line((130, y), (800, y), color=STILL, width=1.4)
        s.text((62, y), words, 12)
    s.text((450, 28), "nine settings; left is better", 14, weight="bold")
    winner = min(range(len(TRUTHS)), key=lambda i: TRUTHS[i] + LUCK[i])
    for i, (t, luck) in enumerate(zip(TRUTHS, LUCK, strict=True)):
        color = ORANGE if i == winner else MUTED
        s.line((t, truth), (t + luck, score), color=color, width=2.4 if i == winner else 1.0)
        for y, x in ((truth, t), (score, t + luck)):
            s.axes.add_patch(Circle((x, y), 6, facecolor=color, edgecolor="none", zorder=3))
    best, t = TRUTHS[winner] + LUCK[winner], TRUTHS[winner]
    s.text((best, score + 26), "the winner", 12, color=ORANGE)
    for luck in (-28, 12, 40, -6):
        s.axes.add_patch(
            Circle((t + luck, again), 6, facecolor=ORANGE, edgecolor="none", zorder=3)
        )
    s.line((t, truth), (t, again), color=ORANGE, style=(0, (4, 3)))
    s.arrow((best, again + 30), (t, again + 30), both=True, color=ORANGE)
    s.text(((best + t) / 2, again + 46), "luck", 12, color=ORANGE)
    return s


DRAWINGS = {
    "families": families,
    "gan-moves": gan_moves,
    "vae": vae,
    "cvaegan": cvaegan,
    "areas": areas,
    "coupling": coupling,
    "pyramids": pyramids,
    "transport": transport,
    "trade-off": trade_off,
    "exchanged": exchanged,
    "winners-curse": winners_curse,
}


def svg(sheet: Sheet) -> str:
    """The drawing as SVG text, the same at each call; numbers and names as short as will do."""
    out = io.StringIO()
    FigureCanvasSVG(sheet.figure).print_svg(out, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.S)
    used = dict.fromkeys(re.findall(r'(?:href="|url\()#([\w-]+)', text))
    short = {name: f"g{i:x}" for i, name in enumerate(used)}
    text = re.sub(
        r' id="([\w-]+)"', lambda m: f' id="{short[m[1]]}"' if m[1] in short else "", text
    )
    text = re.sub(r'(href="|url\()#([\w-]+)', lambda m: f"{m[1]}#{short[m[2]]}", text)
    text = text.replace("DejaVu Sans", "DejaVu Sans, Verdana, sans-serif").replace(
        "'DejaVu Sans, Verdana, sans-serif'", "'DejaVu Sans', Verdana, sans-serif"
    )
    text = re.sub(r"-?\d+\.\d+", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), text)
    text = re.sub(r"<g>\s*</g>", "", re.sub(r"\s*\n\s*", "\n", text))
    return text.strip() + "\n"


def main(names: Sequence[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        for name in names or DRAWINGS:
            sheet = DRAWINGS[name]()
            target = FOLDER / f"{name}.svg"
            target.write_text(svg(sheet), "utf-8", newline="\n")
            print(f"{target.relative_to(FOLDER.parent)}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
