"""A GAN in the plane, one move at a time (lessons 02 and 05).

The learner chooses or draws the target. A move belongs to D or to G; D's field lies under the
points, and each point of G carries the gradient that it would follow. Whoever moves too often can
be seen to win: D's field turns into a cliff without arrows, or G's points collapse. How much D can
tell apart doesn't say so, since D may not have noticed; what share of the target G reaches does. It
holds a whole small game, targets, networks, moves and what is kept of each: no other explorer
trains.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from course_lib.explore.kit import Canvas, Choice, Curve, Explorer, Pad, Page, Slider, strokes
from course_lib.explore.kit.canvas import BLUE, GREEN, INK, MUTED, ORANGE, PALE, PAPER, PINK
from course_lib.plots.lattice import lattice

REACH, UNITS, FIELD, SEEN, BATCH = 3.0, 60, 36, 120, 96
MOST, KEPT, FRESH = 600, 12, 500
FIRST, SHOWN = 10, 30  # moves until something is shown: at least a step of play, and later
D_RATE, RATES = 0.01, ("0.001", "0.003", "0.01", "0.03")
NEAR = 0.4  # in units of the square
LOW = 0.05  # of a lower bound that says little
LETTERS = {
    "G": "generator: makes the orange points",
    "D": f"discriminator: tells the target from G; its learning rate is {D_RATE}",
    "GAN": "generative adversarial network: both of them",
    "JS": "Jensen–Shannon divergence: 0 if G and the target are the same, log 2 if they lie apart",
    "log": "natural logarithm",
}
ROWS = (
    ("real: the target, where G reaches it", BLUE),
    ("real, missed: no point of G is near", PINK),
    ("fake: a point of G; empty: beyond the edge", ORANGE),
    ("arrow: the way in which G's loss falls", GREEN),
    ("shade: D says real", PALE),
    ("shade: D says fake", "#EDB98F"),
)
HINT = "Press and drag in this square: your target."
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
    (n, 2), D's weights, the lower bound of the JS divergence on fresh points, and which of 300
    points of the target, `real`, G reaches (one of its points is nearer than `NEAR`)."""

    def __init__(self, order: str, rate: float, seed: int, name: str, path: list) -> None:
        self.order, self.name, self.path = order, name, path
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.players = {"D": network(2, 1), "G": network(2, 2)}
        self.random = torch.Generator().manual_seed(seed)
        self.steps = {
            player: torch.optim.Adam(net.parameters(), lr, betas=(0.5, 0.99))
            for (player, net), lr in zip(self.players.items(), (D_RATE, rate), strict=True)
        }
        self.z = torch.randn(SEEN, 2, generator=self.random)
        pairs = lattice(((-REACH, REACH), (-REACH, REACH)), FIELD)[2]
        self.pairs, self.kept = torch.tensor(pairs).float(), []
        self.real = target(name, path, 300, torch.Generator().manual_seed(0))
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
        reached = (torch.cdist(self.real, x).min(1).values < NEAR).numpy()
        self.kept.append((x, weights, max(0.0, float(value) / 2 + np.log(2)), reached))

    def seen(self, move: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """After a move: points, their arrows −∂L_G/∂x (n, 2), D's probabilities on the lattice
        (FIELD, FIELD)."""
        x, weights, *_ = self.kept[move]
        critic = partial(functional_call, self.players["D"], weights)
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(softplus(-critic(x)).sum(), x)
        with torch.no_grad():
            field = critic(self.pairs).sigmoid().view(FIELD, FIELD).numpy()
        return x.detach().numpy(), -slope.numpy(), field


def shade(field: np.ndarray, side: int) -> Image.Image:
    """D's probabilities as a picture: blue where it says real, orange where it says fake."""
    ends = [np.array(ImageColor.getrgb(color)) for color in (BLUE, ORANGE)]
    share = (2 * field - 1)[::-1, :, None]
    pixels = 255 - np.abs(share) * 0.45 * (255 - np.where(share > 0, *ends))
    image = Image.fromarray(pixels.round().astype(np.uint8))
    return image.resize((side, side), Image.Resampling.BILINEAR)


def legend(paper: Canvas, left: float, top: float) -> None:
    """What the colours are, one below the other."""
    for line, (words, color) in enumerate(ROWS):
        x, y = left + 5, top + 21 * line
        if words.startswith("arrow"):
            paper.line([(x - 7, y), (x + 3, y)], color, 1.5)
            paper.polygon([(x + 9, y), (x + 1, y - 4), (x + 1, y + 4)], color)
        else:
            paper.disc(x, y, 5, color)
        paper.text(x + 15, y, words, size=13, anchor="lm")


def outside(x: np.ndarray) -> np.ndarray:
    """Which points (n, 2) lie beyond the edge of the square."""
    return (np.abs(x) > REACH).any(1)


def said(game: Game, now: int, step: int, x: np.ndarray, arrows: np.ndarray) -> str:
    """A moment of a game in words, each number beside what it is for the target, or at most."""
    *_, js, reached = game.kept[now]
    spread, wide, out = x.std(0).mean(), game.real.numpy().std(0).mean(), outside(x).sum()
    heap = " All points of G lie in one heap." if spread < wide / 4 else ""
    away = f" {out} of G's {len(x)} points lie beyond the edge." if out else ""
    blind = js < LOW and reached.mean() < 0.5
    low = " So low a bound says only that D has not seen the difference." if blind else ""
    mover = f", made by {game.turn(now) if now else 'nobody yet'}"
    if not game.order:
        mover = ": nobody moves, both have 0 moves a round"
    return (
        f"Move {now}{'' if now == step else f' of {step} …'}{mover}. "
        f"G reaches {reached.mean():.0%} of the target."
        f"{heap}{away} G's points spread by {spread:.2f} (the target's by {wide:.2f}). "
        f"D tells apart: JS ≥ {js:.3f}, at most log 2 = {np.log(2):.3f}.{low} "
        f"Mean length of an arrow {np.linalg.norm(arrows, axis=1).mean():.2f}."
    )


def playground() -> Explorer:
    """A GAN of points, played move by move against a target of your choice.

    Controls: step (moves made, 0 to 600), target ("ring", "eight heaps", "two heaps", "your
    drawing"), d and g (moves of each in a round, 0 to 5), rate (G's learning rate; D's is 0.01),
    seed, drawing and ink. Under "your drawing", press and drag in the square to draw the target,
    which begins the game anew.
    """
    limits = -REACH, REACH
    square = Pad(430, 430, limits, limits, "")
    share = Curve(
        290, 92, (0, MOST), (0, 1.05), "target reached by G | 100%: all of it", xticks=(),
        yticks=((0, "0%"), (1, "100%")), room=44,
    )  # fmt: skip
    told = Curve(
        290, 92, (0, MOST), (0, 0.72), "JS, at least | 0: D sees no difference",
        yticks=((0, "0"), (np.log(2), "log 2")), xname="moves", room=44,
    )  # fmt: skip
    page = Page([square, [share, told]])
    legend(page.paper, told.left - 30, told.box[3] + 60)

    @lru_cache(KEPT)
    def game(name: str, d: int, g: int, rate: str, seed: int, drawing: str, ink: int) -> Game:
        path = strokes.first(strokes.read(drawing, UNITS), ink)
        return Game("D" * d + "G" * g, float(rate), seed, name, path)

    def draw(step, **setting):
        if setting["target"] != TARGETS[-1]:
            setting |= {"drawing": "", "ink": 0}
        name = setting.pop("target")
        own, played = name == TARGETS[-1], game(name, **setting)
        real, step = played.real.numpy(), step if played.order else 0

        def view(now, canvas):
            x, arrows, field = played.seen(now)
            *_, reached = played.kept[now]
            beyond, edge = outside(x), 0.97 * REACH
            place = 2 * square.left, 2 * square.top
            canvas.large.paste(shade(field, 2 * square.width), place)
            note = "press and drag: draw" if own else f"to draw: target “{TARGETS[-1]}”"
            square.heading(canvas, f"D's verdict, G's points | {note}")
            hint = HINT if own and not played.path else ""
            canvas.text(square.left + 215, square.top + 60, hint, size=16, anchor="mm")
            with square.on(canvas) as plane:
                plane.discs(real, 1.8, [BLUE if near else PINK for near in reached])
                for point, arrow in zip(x, arrows, strict=True):
                    plane.arrow(point, point + 0.8 * arrow, GREEN)
                plane.discs(x[~beyond], 3.2, ORANGE, rim=PAPER)
                plane.discs(x[beyond].clip(-edge, edge), 4.5, PAPER, rim=ORANGE)
            shares = [near.mean() for *_, near in played.kept[: now + 1]]
            bounds = [bound for *_, bound, _ in played.kept[: now + 1]]
            log_2 = np.array([0, MOST]), np.full(2, np.log(2)), MUTED, 1.0, 5.0
            for curve, values, more in ((share, shares, []), (told, bounds, [log_2])):
                line = np.arange(now + 1), np.array(values), INK, 1.8, 0.0
                curve.paint(canvas, [*more, line], dots=[(now, values[-1], INK)])
            return hint or said(played, now, step, x, arrows)

        due = len(played.kept) + FIRST
        while len(played.kept) <= step:
            if len(played.kept) == due:
                yield partial(view, due - 1)
                due += SHOWN
            played.move()
        yield partial(view, step)

    def pen(begin: tuple, end: tuple, now: dict) -> dict[str, object]:
        if now["target"] != TARGETS[-1]:
            return {}
        unit = lambda v: (v / REACH + 1) / 2 * UNITS
        ends = ((unit(x), unit(-y)) for x, y in (begin, end))
        return {"step": 0} | strokes.penned(now["drawing"], now["ink"], UNITS, *ends)

    controls = [
        Slider("step", "moves made", 0, MOST, 1, 0),
        Choice("target", "target", TARGETS, TARGETS[0]),
        Slider("d", "D's moves a round", 0, 5, 1, 1),
        Slider("g", "G's moves a round", 0, 5, 1, 1),
        Choice("rate", "G's rate", RATES, "0.003"),
        Slider("seed", "seed", 0, 9, 1, 0),
        strokes.ink(),
        strokes.Drawing(UNITS),
    ]
    about = "A GAN in the plane, move by move: D's field, G's points, and where they are drawn."
    mouse = {square: pen, share: "step", told: "step"}
    more = {"mouse": mouse, "play": "step", "letters": LETTERS}
    return Explorer("playground", about, controls, page, draw, **more)
