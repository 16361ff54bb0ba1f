"""Who gets which gradient: CVAE-GAN's players E, G, D and C, one loss lit at a time (lesson 09).

All is read from the model's own game on a batch of digits. Autograd says in whose parameters a
loss has a gradient, and through which images and codes it came; the players' own losses say who
moves by it. A gradient that exists and is not followed is half of the model. Half of the length
is a drawing: where players and images stand, and what is computed from what.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch

from course_lib import data
from course_lib.errors import CourseError
from course_lib.explore.kit import Canvas, Choice, Explorer, Pad, Page, Tiles, Toggle
from course_lib.explore.kit.canvas import INK, MUTED, ORANGE, PAPER
from course_lib.models import CVAEGAN

# The paper's names for the terms of the game, with what each says.
NAMES = {
    "E.kl": ("L_KL", "the code keeps near N(0, I)"),
    "E.reconstruction": ("L_G", "rebuilt = real: pixels, D's and C's features"),
    "G.mean": ("L_GD", "mean features in D: drawn = real"),
    "G.class means": ("L_GC", "mean features in C, by class: drawn = real"),
    "D.real": ("L_D, real", "D calls real images real"),
    "D.rebuilt": ("L_D, rebuilt", "D calls rebuilt images made"),
    "D.drawn": ("L_D, drawn", "D calls drawn images made"),
    "C.class": ("L_C", "C names the class of real images"),
}
PLAYERS = "E", "G", "D", "C"
PLACES = {  # of the picture: x from the left, y from the top
    "x": (40, 45), "E": (120, 150), "z": (196, 150), "z_p": (196, 260), "G": (272, 205),
    "x_f": (360, 150), "x_p": (360, 260), "D": (460, 115), "C": (460, 250),
}  # fmt: skip
KINDS = {"x": "real", "x_f": "rebuilt", "x_p": "drawn", "z": "code", "z_p": "drawn code"}
# Who computes what from what, the gradients without which none comes back this way, and corners.
WAYS = (
    ("x", "E", ""), ("x", "D", "", (460, 45)), ("x", "C", "", (510, 45), (510, 250)),
    ("E", "z", "code"), ("z", "G", "x_f+code"), ("z_p", "G", ""), ("G", "x_f", "x_f"),
    ("G", "x_p", "x_p"), ("x_f", "D", "D of x_f"), ("x_p", "D", "D of x_p"),
    ("x_f", "C", "C of x_f"), ("x_p", "C", "C of x_p"),
)  # fmt: skip
KEY = ("moves", "moves by it"), ("reaches", "gets it, stays"), ("nothing", "no gradient")


class Term(NamedTuple):
    """One loss of the game: who moves by it, how long its gradient is in each player's parameters,
    and through which images, codes and features it came."""

    moves: set[str]
    lengths: dict[str, float]
    through: set[str]


def terms(model: CVAEGAN, batch) -> dict[str, Term]:
    """Each loss of the model's game on a batch, by the names of `NAMES`."""
    model, noise = copy.deepcopy(model).train(), torch.Generator().manual_seed(0)
    like = next(model.parameters())
    z = torch.randn(2, len(batch.x), model.settings["latent"], generator=noise).to(like)
    p = model.forward_pass(2 * batch.x.to(like) - 1, batch.labels.to(like.device), *z)
    losses, (move,) = model.losses(p), model.game().round
    owned = {player.name: player.parameters for player in move.players}
    inner = {"code": p.mean, "x_f": p.rebuilt, "x_p": p.drawn}
    for player, features in (("D", p.d), ("C", p.c)):
        inner |= {
            f"{player} of x_f": features["rebuilt"],
            f"{player} of x_p": features["drawn"],
        }
    found = {}
    for name in NAMES:
        player, _, term = name.partition(".")
        loss = losses[player][term]
        length = {
            who: sum(float(g.square().sum()) for g in gradient(loss, weights)) ** 0.5
            for who, weights in (owned | {k: [v] for k, v in inner.items()}).items()
        }
        moves = {who for who, own in losses.items() if any(loss is v for v in own.values())}
        lengths = {who: length[who] for who in PLAYERS}
        found[name] = Term(moves, lengths, {way for way in inner if length[way]})
    return found


def gradient(loss: torch.Tensor, tensors: list) -> list[torch.Tensor]:
    """The gradient in each of the tensors that the loss depends on."""
    found = torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True)
    return [g for g in found if g is not None]


def fate(term: Term, player: str, everyone: bool) -> str:
    """What the loss does to a player: "moves", "reaches" or "nothing"."""
    if not term.lengths[player]:
        return "nothing"
    return "moves" if everyone or player in term.moves else "reaches"


def dot(canvas: Canvas, x: float, y: float, what: str) -> None:
    """A full circle for who moves, an empty one for who is reached, a point for nobody."""
    canvas.disc(x, y, 2 if what == "nothing" else 9, MUTED if what == "nothing" else ORANGE)
    if what == "reaches":
        canvas.disc(x, y, 6.5, PAPER)


def four_players(model: CVAEGAN | None = None) -> Explorer:
    """The four networks of a CVAE-GAN of digits, and the way of one loss's gradient through them.

    model: a small untrained one if none is given. Controls: loss (or press on its row), whole
    (show all rows), everyone (what if every gradient were followed). Raises `CourseError` for a
    model that is no CVAE-GAN of digits.
    """
    model = model or CVAEGAN(width=4, dense=12, latent=3)
    if not isinstance(model, CVAEGAN) or tuple(model.shape) != (1, 28, 28):
        raise CourseError(
            f"four_players wants a CVAEGAN of digits, such as CVAEGAN(); got {model!r:.60}."
        )
    found = terms(model, data.load("digits", "test").batch(slice(0, 24)))
    order = list(found)
    net = Pad(530, 330, (0, 530), (330, 0), "", xticks=(), yticks=())
    table = Tiles(4, 4 * len(order), "", side=33, names=108)
    page = Page([net, table])
    table.names(page.paper, [NAMES[name][0] for name in order])
    table.titles(page.paper, PLAYERS, -1, 8)
    for column, (what, words) in enumerate(KEY):
        x, y = net.left + 20 + 150 * column, net.box[3] - 10
        dot(page.paper, x, y, what)
        page.paper.text(x + 16, y, words, size=13, anchor="lm")

    def draw(canvas, loss, whole, everyone):
        lit = next(name for name in order if NAMES[name][0] == loss)
        fates = {p: fate(found[lit], p, everyone) for p in PLAYERS}
        net.heading(canvas, f"{loss}: {NAMES[lit][1]}")
        with net.on(canvas, rim=PAPER) as plane:
            for begin, end, ways, *corners in WAYS:
                back = bool(ways) and set(ways.split("+")) <= found[lit].through
                ink, width = (ORANGE, 3.0) if back else ("#B5B5B5", 1.2)
                way = np.array([PLACES[begin], *corners, PLACES[end]], float)[
                    :: -1 if back else 1
                ]
                ends = way[1] - way[0], way[-1] - way[-2]
                way[0] += ends[0] / np.linalg.norm(ends[0]) * 29
                way[-1] -= ends[1] / np.linalg.norm(ends[1]) * 29
                plane.line(way[:-1], ink, width)
                plane.arrow(way[-2], way[-1], ink, width)
            for name, (x, y) in PLACES.items():
                what, side = fates.get(name, "nothing"), 24 if name in PLAYERS else 17
                ink = ORANGE if what != "nothing" else "#B5B5B5"
                plane.area(x - side, x + side, y - side, y + side, ink)
                face, inner = ink if what == "moves" else PAPER, side - 2.5
                plane.area(x - inner, x + inner, y - inner, y + inner, face)
                color, at = PAPER if what == "moves" else INK, (net.left + x, net.top + y)
                canvas.text(*at, name, size=17, bold=True, color=color, anchor="mm")
                note = KINDS.get(name) or ("" if what == "nothing" else dict(KEY)[what])
                color = MUTED if name in KINDS else ORANGE
                canvas.text(
                    at[0], at[1] + side + 12, note, size=12, color=color, anchor="mm", halo=True
                )
        for row, name in enumerate(order):
            for column, player in enumerate(PLAYERS):
                x, y = (v + table.side / 2 for v in table.corner(4 * row + column))
                what = fate(found[name], player, everyone)
                if name != lit and not whole:
                    canvas.text(x, y, "?", color=MUTED, anchor="mm")
                else:
                    dot(canvas, x, y, what)
        left, top = table.corner(4 * order.index(lit))
        canvas.frame((left - 108, top, table.box[2] + 4, top + table.side), ORANGE)
        told = {"moves": "moves by it", "reaches": "has a gradient and does not follow it"}
        said = [f"{p} {told.get(fates[p], 'has none')}" for p in PLAYERS]
        sizes = [f"{p} {v:.3g}" for p, v in found[lit].lengths.items() if v]
        rule = "If every gradient were followed, " if everyone else ""
        return (
            f"{rule}{loss}: {'; '.join(said)}. It asks: {NAMES[lit][1]}. Lengths of its gradient: "
            f"{', '.join(sizes)}."
        )

    def row(_begin: int, at: int | None, now: dict) -> dict[str, str]:
        return {} if at is None else {"loss": NAMES[order[at // 4]][0]}

    controls = [
        Choice("loss", "loss", [NAMES[name][0] for name in order], "L_G"),
        Toggle("whole", "show the whole table", False),
        Toggle("everyone", "let all follow every gradient", False),
    ]
    about = "CVAE-GAN's players E, G, D and C, and the way of one loss's gradient to them."
    return Explorer("four_players", about, controls, page, draw, mouse={table: row})
