"""A GAN in the plane, one move at a time (lessons 02 and 05).

The learner chooses or draws the target. A move belongs to D or to G; D's field lies under the
points, and each point of G carries the gradient that it would follow. Whoever moves too often can
be seen to win: D's field turns into a cliff without arrows, or G's points collapse. It holds a
whole small game, targets, networks, moves and what is kept of each: no other explorer trains.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from course_lib.explore.kit import Choice, Curve, Explorer, Pad, Page, Slider, strokes
from course_lib.explore.kit.canvas import BLUE, GREEN, INK, MUTED, ORANGE, PAPER
from course_lib.plots.lattice import lattice

REACH, UNITS, FIELD, SEEN, BATCH = 3.0, 60, 36, 120, 96
MOST, SHOWN, KEPT, FRESH = 600, 30, 12, 500
TARGETS = ("ring", "eight heaps", "two heaps", "your drawing")


def target(name: str, path: strokes.Strokes, n: int, generator: torch.Generator) -> Tensor:
    """n points (n, 2) of a target; `path` is the drawing, in units from the upper left."""
    turn = 2 * torch.pi * torch.rand(n, generator=generator)
    noise = torch.randn(n, 2, generator=generator)
    if name == "your drawing":
        places = torch.tensor([point for stroke in path for point in stroke] or [(30.0, 30.0)])
        places = (places.float() / UNITS * 2 - 1) * REACH * torch.tensor([1.0, -1.0])
        return places[torch.randint(len(places), (n,), generator=generator)] + 0.08 * noise
    if name == "two heaps":
        turn = (turn > torch.pi) * torch.pi
    elif name == "eight heaps":
        turn = (turn * 4 / torch.pi).floor() * torch.pi / 4
    return 2 * torch.stack([turn.cos(), turn.sin()], 1) + 0.1 * noise


def network(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of 32."""
    hidden = nn.Linear(inputs, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh()
    return nn.Sequential(*hidden, nn.Linear(32, outputs))


class Game:
    """The moves of one setting, computed as far as somebody looked; kept: after each G's points
    (n, 2), D's weights, and the lower bound of the JS divergence on fresh points."""

    def __init__(self, order: str, rate: float, seed: int, name: str, path: list) -> None:
        self.order, self.name, self.path = order, name, path
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.players = {"D": network(2, 1), "G": network(2, 2)}
        self.random = torch.Generator().manual_seed(seed)
        self.steps = {
            player: torch.optim.Adam(net.parameters(), lr, betas=(0.5, 0.99))
            for (player, net), lr in zip(self.players.items(), (0.01, rate), strict=True)
        }
        self.z = torch.randn(SEEN, 2, generator=self.random)
        pairs = lattice(((-REACH, REACH), (-REACH, REACH)), FIELD)[2]
        self.pairs, self.kept = torch.tensor(pairs).float(), []
        self.keep()

    def points(self, n: int) -> tuple[Tensor, Tensor]:
        """n points of the target, n of G."""
        z = torch.randn(n, 2, generator=self.random)
        return target(self.name, self.path, n, self.random), self.players["G"](z)

    def turn(self, move: int) -> str:
        """Who makes a move, from 1 on."""
        return self.order[(move - 1) % len(self.order)]

    def move(self) -> None:
        """Whose turn it is takes one step; both losses are those of lesson 02."""
        player, critic = self.turn(len(self.kept)), self.players["D"]
        real, fake = self.points(BATCH)
        loss = softplus(-critic(fake)).mean()
        if player == "D":
            loss = softplus(-critic(real)).mean() + softplus(critic(fake.detach())).mean()
        weights = list(self.players[player].parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient
        self.steps[player].step()
        self.keep()

    def keep(self) -> None:
        """What is needed to show this moment later."""
        critic = self.players["D"]
        with torch.no_grad():
            x, (real, fake) = self.players["G"](self.z), self.points(FRESH)
            value = -softplus(-critic(real)).mean() - softplus(critic(fake)).mean()
        weights = {name: v.detach().clone() for name, v in critic.named_parameters()}
        self.kept.append((x, weights, max(0.0, float(value) / 2 + np.log(2))))

    def seen(self, move: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """After a move: points, their arrows −∂L_G/∂x (n, 2), D's probabilities on the lattice
        (FIELD, FIELD), and the bound."""
        x, weights, divergence = self.kept[move]
        critic = partial(functional_call, self.players["D"], weights)
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(softplus(-critic(x)).sum(), x)
        with torch.no_grad():
            field = critic(self.pairs).sigmoid().view(FIELD, FIELD).numpy()
        return x.detach().numpy(), -slope.numpy(), field, divergence


def shade(field: np.ndarray, side: int) -> Image.Image:
    """D's probabilities as a picture: blue where it says real, orange where it says fake."""
    ends = [np.array(ImageColor.getrgb(color)) for color in (BLUE, ORANGE)]
    share = (2 * field - 1)[::-1, :, None]
    pixels = 255 - np.abs(share) * 0.45 * (255 - np.where(share > 0, *ends))
    image = Image.fromarray(pixels.round().astype(np.uint8))
    return image.resize((side, side), Image.Resampling.BILINEAR)


def playground() -> Explorer:
    """A GAN of points, played move by move against a target of your choice.

    Controls: step (moves made, 0 to 600), target ("ring", "eight heaps", "two heaps", "your
    drawing"), d and g (moves of each in a round, 0 to 5), rate (G's learning rate; D's is 0.01),
    seed, drawing and ink. Press and drag in the square to draw the target.
    """
    limits = -REACH, REACH
    square = Pad(430, 430, limits, limits, "D's field; G's points and arrows")
    curve = Curve(
        290, 200, (0, MOST), (0, 0.72), "JS divergence, at least | dashed: log 2", xname="moves"
    )
    page = Page([square, curve])
    rows = ("G's points, and where they are drawn", ORANGE), ("the target: draw another", INK)
    rows += ("shade: D says real", BLUE), ("shade: D says fake", "#D9A27E")
    for line, (words, color) in enumerate(rows):
        x, y = curve.left, curve.box[3] + 68 + 24 * line
        page.paper.disc(x + 5, y, 5, color)
        page.paper.text(x + 18, y, words, size=13, anchor="lm")

    @lru_cache(KEPT)
    def game(name: str, d: int, g: int, rate: str, seed: int, drawing: str, ink: int) -> Game:
        path = strokes.first(strokes.read(drawing, UNITS), ink)
        return Game("D" * d + "G" * g, float(rate), seed, name, path)

    def draw(step, **setting):
        if setting["target"] != TARGETS[-1]:
            setting |= {"drawing": "", "ink": 0}
        name = setting.pop("target")
        played = game(name, **setting)
        real = target(name, played.path, 300, torch.Generator().manual_seed(0)).numpy()
        step = step if played.order else 0

        def view(now, canvas):
            x, arrows, field, js = played.seen(now)
            place = 2 * square.left, 2 * square.top
            canvas.large.paste(shade(field, 2 * square.width), place)
            with square.on(canvas) as plane:
                plane.discs(real, 1.6, INK)
                for point, arrow in zip(x, arrows, strict=True):
                    plane.arrow(point, point + 0.8 * arrow, GREEN)
                plane.discs(x, 3.2, ORANGE, rim=PAPER)
            bounds = np.array([bound for *_, bound in played.kept[: now + 1]])
            line = np.arange(now + 1), bounds, BLUE, 1.8, 0.0
            log_2 = np.array([0, MOST]), np.full(2, np.log(2)), MUTED, 1.0, 5.0
            curve.paint(canvas, [log_2, line], dots=[(now, js, BLUE)])
            who = played.turn(now) if now else "nobody yet"
            spread, length = x.std(0).mean(), np.linalg.norm(arrows, axis=1).mean()
            return (
                f"Move {now}{'' if now == step else f' of {step} …'}, made by {who}. On fresh "
                f"points JS ≥ {js:.3f}. G's points spread by {spread:.2f} (the target's by "
                f"{real.std(0).mean():.2f}); mean length of an arrow {length:.2f}."
            )

        while len(played.kept) <= step:
            if len(played.kept) % SHOWN == 0:
                yield partial(view, len(played.kept) - 1)
            played.move()
        yield partial(view, step)

    def pen(begin: tuple, end: tuple, now: dict) -> dict[str, object]:
        drawing = now["drawing"] if now["target"] == TARGETS[-1] else ""
        unit = lambda v: (v / REACH + 1) / 2 * UNITS
        ends = ((unit(x), unit(-y)) for x, y in (begin, end))
        drawn = strokes.penned(drawing, now["ink"], UNITS, *ends)
        return {"target": TARGETS[-1], "step": 0} | drawn

    controls = [
        Slider("step", "moves made", 0, MOST, 1, 0),
        Choice("target", "target", TARGETS, TARGETS[0]),
        Slider("d", "D's moves a round", 0, 5, 1, 1),
        Slider("g", "G's moves a round", 0, 5, 1, 1),
        Choice("rate", "G's rate", ("0.001", "0.003", "0.01", "0.03"), "0.003"),
        Slider("seed", "seed", 0, 9, 1, 0),
        strokes.ink(),
        strokes.Drawing(UNITS),
    ]
    about = "A GAN in the plane, move by move: D's field, G's points, and where they are drawn."
    mouse = {square: pen, curve: "step"}
    return Explorer("playground", about, controls, page, draw, mouse=mouse, play="step")
