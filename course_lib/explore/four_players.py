"""Who gets which gradient: CVAE-GAN's players E, G, D and C, one loss lit at a time (lesson 09).

All is read from the model's own game on a batch of digits. Autograd says in whose parameters a
loss has a gradient, and through which images and codes it came; the players' own losses say who
moves by it. A gradient that exists and is not followed is half of the model. The learner guesses
first: a loss is answered when its four guesses are made, or when all answers are asked for. It is
longer than others by its drawing: where players and images stand, and what is computed from what.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import NamedTuple

import numpy as np
import torch

from course_lib import data
from course_lib.errors import CourseError
from course_lib.explore.kit import Canvas, Choice, Explorer, Letters, Pad, Page, Tiles
from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, PAPER
from course_lib.models import CVAEGAN

# The paper's names for the terms of the game, with what each says.
NAMES = {
    "E.kl": ("L_KL", "codes keep near the prior"),
    "E.reconstruction": ("L_G", "rebuilt = real: pixels, D's and C's features"),
    "G.mean": ("L_GD", "mean features in D: drawn = real"),
    "G.class means": ("L_GC", "mean features in C, by class: drawn = real"),
    "D.real": ("L_D, real", "D calls real images real"),
    "D.rebuilt": ("L_D, rebuilt", "D calls rebuilt images fake"),
    "D.drawn": ("L_D, drawn", "D calls drawn images fake"),
    "C.class": ("L_C", "C names the class of real images"),
}
LOSSES = [name for name, _ in NAMES.values()]
PLAYERS = {"E": "encoder", "G": "generator", "D": "discriminator", "C": "classifier"}
MARKS = {
    "m": "moves by it",
    "r": "reached, stays",
    "n": "no gradient",
}  # what a loss does to one
GUESSED, ALL, JOINT = "where you guessed", "the whole table", "with one optimiser"
LETTERS = PLAYERS | {
    "x": "a real image", "z": "its code", "z_p": "a code drawn from the prior",
    "x_f": "an image rebuilt from z", "x_p": "an image drawn from z_p",
    "L_D": "D calls real images real, others fake",
} | {name: words for name, words in NAMES.values() if "," not in name} | MARKS  # fmt: skip

PLACES = {  # of the picture: x from the left, y from the top
    "x": (36, 45), "E": (100, 150), "z": (178, 150), "z_p": (178, 260), "G": (250, 205),
    "x_f": (332, 150), "x_p": (332, 260), "D": (424, 115), "C": (424, 250), "=": (252, 86),
}  # fmt: skip
KINDS = {"x": "real", "x_f": "rebuilt", "x_p": "drawn", "z": "code", "z_p": "drawn code"}
KINDS["="] = "pixels alike?"
# Who computes what from what, the gradients without which none comes back this way, and corners.
WAYS = (
    ("x", "E", ""), ("x", "D", "", (424, 45)), ("x", "C", "", (474, 45), (474, 250)),
    ("E", "z", "code"), ("z", "G", "x_f+code"), ("z_p", "G", ""), ("G", "x_f", "x_f"),
    ("G", "x_p", "x_p"), ("x_f", "D", "D of x_f"), ("x_p", "D", "D of x_p"),
    ("x_f", "C", "C of x_f"), ("x_p", "C", "C of x_p"), ("x", "=", ""), ("x_f", "=", "pixels"),
)  # fmt: skip
PALE = "#B5B5B5"
SAID = {
    "m": "moves by it",
    "r": "has a gradient and does not follow it",
    "n": "has none",
    "?": "?",
}


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
    # As if what is rebuilt were given: a gradient in it is that of its pixels alone.
    given = dataclasses.replace(p, rebuilt=p.rebuilt.detach().requires_grad_())
    direct, found = model.losses(given), {}
    for name in NAMES:
        player, _, term = name.partition(".")
        loss = losses[player][term]
        length = {
            who: sum(float(g.square().sum()) for g in gradient(loss, weights)) ** 0.5
            for who, weights in (owned | {k: [v] for k, v in inner.items()}).items()
        }
        moves = {who for who, own in losses.items() if any(loss is v for v in own.values())}
        lengths = {who: length[who] for who in PLAYERS}
        through = {way for way in inner if length[way]}
        if any(g.any() for g in gradient(direct[player][term], [given.rebuilt])):
            through.add("pixels")
        found[name] = Term(moves, lengths, through)
    return found


def gradient(loss: torch.Tensor, tensors: list) -> list[torch.Tensor]:
    """The gradient in each of the tensors that the loss depends on."""
    found = torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True)
    return [g for g in found if g is not None]


def answer(term: Term, joint: bool = False) -> str:
    """What the loss does to E, G, D and C, a letter of `MARKS` each; `joint`: if one optimiser
    moved all four by every loss."""
    moved = term.lengths if joint else term.moves
    return "".join(
        "n" if not length else "m" if player in moved else "r"
        for player, length in term.lengths.items()
    )


def score(guesses: list[str], given: list[str]) -> str:
    """How many were guessed, and how many of those that are answered are right."""
    pairs = [p for line in zip(guesses, given, strict=True) for p in zip(*line, strict=False)]
    right = [guess == true for guess, true in pairs if guess != "?"]
    made = sum(letter != "?" for word in guesses for letter in word)
    answered = f"; of {len(right)} answered {sum(right)} right" if right else ""
    return f"{made} of 32 guessed{answered}"


def say(word: str) -> str:
    """What E, G, D and C do, a letter of `SAID` each, in words."""
    return "; ".join(f"{p} {SAID[v]}" for p, v in zip(PLAYERS, word, strict=True))


def four_players(model: CVAEGAN | None = None) -> Explorer:
    """The four networks of a CVAE-GAN of digits, and the way of one loss's gradient through them.

    model: a small untrained one if none is given. Controls: loss; answers ("where you guessed",
    "the whole table", or "with one optimiser": the table if one optimiser moved all four by every
    loss); L_KL to L_C (your guesses for E, G, D and C: four letters, "m" moves by it, "r" reached
    but stays, "n" no gradient, "?" not yet; or press on a mark of the table). Raises `CourseError`
    for a model that is no CVAE-GAN of digits.
    """
    networks = "untrained networks here" if model is None else "networks given here"
    model = CVAEGAN(width=4, dense=12, latent=3) if model is None else model
    if not isinstance(model, CVAEGAN) or tuple(model.shape) != (1, 28, 28):
        raise CourseError(
            f"four_players wants a CVAEGAN of digits, such as CVAEGAN(); got {model!r:.60}."
        )
    found = terms(model, data.load("digits", "test").batch(slice(0, 24)))
    found = {loss: found[name] for name, (loss, _) in NAMES.items()}
    asked, names = dict(NAMES.values()), [loss.replace(", ", "_") for loss in LOSSES]
    net = Pad(480, 330, (0, 480), (330, 0), "", xticks=(), yticks=())
    table = Tiles(12, 12 * len(LOSSES), "", side=18, gap=2, names=84)
    page = Page([net, table])
    explain(page.paper, net, table)

    def mark(_begin: int, at: int | None, now: dict) -> dict[str, str]:
        if at is None:
            return {}
        line, column = divmod(at, 12)
        guess = list(now[names[line]].ljust(4, "?"))
        guess[column // 3] = "mrn"[column % 3]
        return {"loss": LOSSES[line], names[line]: "".join(guess)}

    def draw(canvas, loss, answers, **guesses):
        guesses, lit = [word.ljust(4, "?") for word in guesses.values()], LOSSES.index(loss)
        given = [answer(found[name], answers == JOINT) for name in LOSSES]
        if answers == GUESSED:
            given = [
                "" if "?" in word else true for word, true in zip(guesses, given, strict=True)
            ]
        net.heading(canvas, f"{loss}: {asked[loss]}")
        with net.on(canvas, rim=PAPER) as plane:
            fates, way = zip(PLAYERS, given[lit], strict=False), found[loss].through
            paint(canvas, plane, net, dict(fates), way if given[lit] else set())
        told, own = score(guesses, given), f"Your guess: {say(guesses[lit])}. "
        if answers == JOINT:  # a guess is about what each player's own optimiser does
            told, own = "As if one optimiser moved all four", ""
            guesses = ["????"] * len(LOSSES)
        fill(canvas, table, guesses, given, lit)
        canvas.text(table.left - 84, table.box[3] + 100, told, size=13, bold=True, anchor="lm")
        text = f"{loss}. It asks: {asked[loss]}. {own}{told}. "
        if not given[lit]:
            return text + "The answer comes when all four are guessed."
        sizes = ", ".join(f"{p} {v:.3g}" for p, v in found[loss].lengths.items() if v)
        answered = f"{text}Answer: {say(given[lit])}. "
        return f"{answered}Lengths of its gradient in the {networks}: {sizes}."

    controls = [
        Choice("loss", "loss", LOSSES, "L_G"),
        Choice("answers", "answers", (GUESSED, ALL, JOINT), GUESSED),
    ]
    controls += [
        Letters(name, loss, "mrn?", 4, sets={"loss": loss})
        for name, loss in zip(names, LOSSES, strict=True)
    ]
    about = "Four networks, E, G, D and C, and the way of one loss's gradient to them."
    more = {"mouse": {table: mark}, "letters": LETTERS}
    return Explorer("four_players", about, controls, page, draw, **more)


def dot(canvas: Canvas, x: float, y: float, what: str, ink: str, size: float) -> None:
    """A full circle for who moves, an empty one for who is reached, a point for nobody; in the
    grey of what is no answer their outlines."""
    outer = size / 2.7 if what == "n" else size
    canvas.disc(x, y, outer, ink)
    if ink == PALE:
        canvas.disc(x, y, outer - 1, PAPER)
    if what == "r":
        canvas.disc(x, y, 0.6 * size, ink)
        canvas.disc(x, y, 0.6 * size - (ink == PALE), PAPER)


def explain(paper: Canvas, net: Pad, table: Tiles) -> None:
    """What no control changes: names of losses and players, what the marks mean, what to do."""
    table.names(paper, LOSSES)
    for column, player in enumerate(PLAYERS):
        x, y = table.corner(3 * column)
        paper.text(x + 30, y - 8, player, bold=True, anchor="ms")
        paper.line([(x - 1.5, y - 22), (x - 1.5, table.box[3])], GRID, 1)
    for column, (what, words) in enumerate(MARKS.items()):
        x, y = net.left + 16 + 160 * column, net.box[3] - 10
        dot(paper, x, y, what, ORANGE, 9)
        paper.text(x + 16, y, f"{words} ({what})", size=13, anchor="lm")
    hints = (
        "Press a mark: your guess, framed.",
        "By keys: m, r or n for each of E, G, D, C.",
        "Four guesses in a line: its answer, orange.",
    )
    for line, words in enumerate(hints):
        x, y = table.left - 84, table.box[3] + 28 + 20 * line
        paper.text(x, y, words, size=13, color=MUTED, anchor="lm")


def fill(canvas: Canvas, table: Tiles, guesses: list, given: list, lit: int) -> None:
    """The guesses framed, the answers orange, where they are given; a frame around a line."""
    for index in range(table.n):
        line, column = divmod(index, 12)
        player, what = column // 3, "mrn"[column % 3]
        x, y = table.corner(index)
        true = given[line][player : player + 1] == what
        dot(canvas, x + 9, y + 9, what, ORANGE if true else PALE, 7)
        if guesses[line][player] == what:
            canvas.frame((x, y, x + 17, y + 17), INK, 1)
    left, top = table.corner(12 * lit)
    canvas.frame((left - 84, top - 2, table.box[2] + 2, top + 19), MUTED)


def paint(canvas: Canvas, plane: Plane, net: Pad, fates: dict[str, str], through: set) -> None:
    """Players and images with their ways; orange where the gradient of a loss comes through."""
    for begin, end, ways, *corners in WAYS:
        back = bool(ways) and set(ways.split("+")) <= through
        ink, width = (ORANGE, 3.0) if back else (PALE, 1.2)
        way = np.array([PLACES[begin], *corners, PLACES[end]], float)[:: -1 if back else 1]
        ends = way[1] - way[0], way[-1] - way[-2]
        way[0] += ends[0] / np.linalg.norm(ends[0]) * 29
        way[-1] -= ends[1] / np.linalg.norm(ends[1]) * 29
        plane.line(way[:-1], ink, width)
        plane.arrow(way[-2], way[-1], ink, width)
    for name, (x, y) in PLACES.items():
        what, side = fates.get(name, "n"), {"=": 11}.get(name, 24 if name in PLAYERS else 17)
        ink, at = PALE if what == "n" else ORANGE, (net.left + x, net.top + y)
        plane.area(x - side, x + side, y - side, y + side, ink)
        face, inner = ink if what == "m" else PAPER, side - 2.5
        plane.area(x - inner, x + inner, y - inner, y + inner, face)
        color = PAPER if what == "m" else INK
        canvas.text(*at, name, size=17, bold=True, color=color, anchor="mm")
        note = KINDS.get(name) or ("" if what == "n" else MARKS[what])
        color = MUTED if name in KINDS else ORANGE
        place = at[0], at[1] + (-side - 11 if name in ("=", "x_f") else side + 12)
        canvas.text(*place, note, size=12, color=color, anchor="mm", halo=True)
