"""z = m + σε, with ε held by the mouse (lesson 06).

A number that was drawn does not remember the m and σ it came from: autograd finds nothing to
differentiate. Drawn in two steps it moves with both, at the rates 1 and ε, and the chain rule
gives f′(z) and f′(z)·ε. Their mean over many ε is the gradient of the mean of f. Three axes below
each other, with what moves between them, make it longer than others.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from course_lib.explore.kit import Bars, Choice, Explorer, Pad, Page, Panel, Slider
from course_lib.explore.kit.canvas import BLUE, GREEN, INK, MUTED, ORANGE, PALE, PAPER

KEEPS, FORGETS = "draw ε, then z = m + σε", "draw z, keep only its value"
HILLS = (1.0, 1.5, 1.0), (0.6, -2.0, 0.7)  # of f: height, place, width
REACH = 4.5
LINE = torch.linspace(-REACH, REACH, 361, dtype=torch.float64)
MANY = torch.randn(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
EPS, Z, F = 0.0, 1.45, 2.6  # the heights of three axes in one picture

LETTERS = {
    "ε": "the noise that is drawn",
    "m": "mean",
    "σ": "standard deviation",
    "z": "the draw, m + σε",
    "f": "what shall be large on average",
    "N": "a normal distribution (mean, variance)",
}


def mean_score(m: Tensor, sd: Tensor | float) -> Tensor:
    """The mean of f over N(m, sd²), exactly; f(m) itself where sd is 0."""
    wide = [(h, at, w, (sd**2 + w**2) ** 0.5) for h, at, w in HILLS]
    return sum(h * w / s * torch.exp(-0.5 * ((m - at) / s) ** 2) for h, at, w, s in wide)


def slopes(value: Tensor, leaves: list[Tensor]) -> list[float | None]:
    """The gradient of a number in each leaf; None where autograd finds no way."""
    if not value.requires_grad:
        return [None for _ in leaves]
    return [g.item() for g in torch.autograd.grad(value, leaves)]


def drawn(m: float, sd: float, eps: Tensor, way: str) -> tuple[Tensor, dict[str, list]]:
    """z (n,), and the gradients in m and σ by name: of the mean of f over these ε, over many,
    and exactly. What forgets was drawn from N(0, 1), and stays where it is."""
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (m, sd)]
    z, many = (leaves[0] + leaves[1] * e if way == KEEPS else e for e in (eps, MANY))
    named = {"this draw": mean_score(z, 0.0).mean(), "500 draws": mean_score(many, 0.0).mean()}
    named["exactly"] = mean_score(*leaves)
    return z.detach(), {name: slopes(value, leaves) for name, value in named.items()}


def reparameterisation() -> Explorer:
    """A draw z = m + σε, how it moves with m and σ, and the gradients that it carries.

    Controls: eps (drag it on the lowest axis), m (drag on the middle one), sd, way (z made from ε,
    or drawn and its value alone kept).
    """
    whole = [(v, f"{v}") for v in range(-4, 5)]
    square = Pad(476, 390, (-REACH, REACH), (-0.05, 3.75), None, xticks=whole, yticks=())
    bars = Bars(200, 200, "gradient of f", names=120, ends=46)
    key = Panel(200, 60, "how fast z moves", (120, 0, 0, 0))
    page = Page([square, [bars, key]])
    for line, (words, color) in enumerate((("∂z/∂m = 1", BLUE), ("∂z/∂σ = ε", INK))):
        x, y = key.left, key.top + 8 + 24 * line
        page.paper.line([(x, y), (x + 26, y)], color, 2.0)
        page.paper.text(x + 34, y, words, size=13, anchor="lm")
    names = "f(z), to be raised", "z, density N(m, σ²)", "ε, density N(0, 1)"
    for height, words in zip((F, Z, EPS), names, strict=True):
        x, y = square.left + 8, square.box[3] - (height + 0.95 + 0.05) / 3.8 * square.height
        page.paper.text(x, y, words, size=13, color=MUTED)

    def draw(canvas, eps, m, sd, way):
        z, found = drawn(m, sd, torch.tensor([eps], dtype=torch.float64), way)
        keeps, z = way == KEEPS, float(z)
        shape = torch.exp(-0.5 * LINE**2), torch.exp(-0.5 * ((LINE - m) / sd) ** 2)
        over = (EPS, shape[0], "#E4E4E4"), (Z, shape[1], "#D6E6F2")
        over += ((F, mean_score(LINE, 0.0), "#DCEFE8"),)
        with square.on(canvas) as plane:
            for height, values, color in over:
                curve = np.stack([LINE, height + 0.9 * values], 1)
                plane.fill([(-REACH, height), *curve, (REACH, height)], color)
                plane.level(height, MUTED)
            for other in np.linspace(-2.5, 2.5, 11) if keeps else ():
                plane.line([(other, EPS), (m + sd * other, Z)], "#BBBBBB", 0.8)
            if keeps:
                plane.line([(eps, EPS), (z, Z)], ORANGE, 2.2)
                plane.discs([(eps, EPS)], 7, ORANGE, rim=PAPER)
            plane.line([(z, Z), (z, F)], ORANGE, 1.2, 4)
            high = float(mean_score(torch.tensor(z), 0.0))
            plane.discs([(z, Z)], 7, ORANGE, rim=PAPER)
            plane.discs([(z, F + 0.9 * high)], 6, GREEN, rim=PAPER)
            for height, rate, color in ((1.75, 1.0, BLUE), (1.6, eps, INK)) if keeps else ():
                plane.arrow((z, height), (z + 0.5 * rate, height), color, 2.0)
        rows = []
        for letter, index in (("m", 0), ("σ", 1)):
            for name, values in found.items():
                value, color = (
                    values[index],
                    {"this draw": ORANGE, "exactly": INK}.get(name, PALE),
                )
                words = "none" if value is None else f"{value:.2f}"
                rows.append((f"∂/∂{letter}, {name}", value or 0.0, color, words))
        bars.paint(canvas, rows, limits=(-0.8, 0.8))
        if not keeps:
            return (
                f"z = {z:.2f} was drawn from N(0, 1) (the slider ε sets it) and only its value "
                f"was kept; no ε is left. The density is "
                f"now N({m:.2f}, {sd:.2f}²), but z stays: autograd finds no gradient in m or σ."
            )
        ours, many, exact = found.values()
        return (
            f"z = {m:.2f} + {sd:.2f} · {eps:.2f} = {z:.2f}. It moves by 1 with m and by ε = "
            f"{eps:.2f} with σ. Gradient of f in m {ours[0]:.2f}, in σ {ours[1]:.2f}; the mean of "
            f"500 draws ({many[0]:.2f}, {many[1]:.2f}), exactly ({exact[0]:.2f}, {exact[1]:.2f})."
        )

    def drag(
        begin: tuple[float, float], at: tuple[float, float], now: dict
    ) -> dict[str, float]:
        """ε on its own axis; above it m, so that z comes to the mouse where it can follow."""
        if begin[1] < (EPS + Z) / 2 + 0.2:
            return {"eps": at[0]}
        return {"m": at[0] - (now["sd"] * now["eps"] if now["way"] == KEEPS else 0.0)}

    controls = [
        Slider("eps", "ε", -2.5, 2.5, 0.05, 0.8),
        Slider("m", "m", -2.5, 2.5, 0.05, -0.6),
        Slider("sd", "σ", 0.1, 1.5, 0.05, 0.7),
        Choice("way", "way", (KEEPS, FORGETS), KEEPS),
    ]
    about = "A draw z of N(m, σ²), the noise ε it is made of, and the gradients it carries."
    return Explorer(
        "reparameterisation", about, controls, page, draw, mouse={square: drag}, letters=LETTERS
    )
