"""Real or generated? Twenty pictures, one at a time, and how often one errs (lesson 13).

The learner's words are the state: a letter for each picture, typed or pressed. Nothing is said
before ten are answered, for a test that teaches while it is taken measures learning. Beside the
learner stands a straight line through the judge's features, that was fitted to other pictures.
It is longer than others by that line and by a panel of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import torch

from course_lib import data, evaluation
from course_lib.errors import CourseError, whole_number
from course_lib.evaluation.abilities import require_samples
from course_lib.evaluation.features import for_shape
from course_lib.explore.kit import Explorer, Face, Letters, Page, Panel, Slider, Tiles
from course_lib.explore.kit.canvas import GRID, INK, MUTED, PAPER, PINK, Canvas
from course_lib.explore.kit.latent_space import shape_of
from course_lib.plots.pictures import as_pixels

MOST, BLOCK = 20, 10
WORDS = {"r": "real", "g": "generated"}


class Errors(Panel):
    """Error rates from 0 to 1 as dots with their 95% intervals, and where chance is."""

    def paint(self, canvas: Canvas, rows: Sequence[tuple[str, int, int, str]]) -> None:
        """Rows (name, how many were wrong, of how many, colour); of 0 nothing is known."""
        left, top, _, bottom = self.box
        x = lambda share: left + share * self.width
        for share, words in ((0, "0"), (0.5, "½: chance"), (1, "1")):
            canvas.line([(x(share), top), (x(share), bottom)], GRID, 2)
            canvas.text(x(share), bottom + 4, words, size=13, color=MUTED, anchor="ma")
        for index, (name, wrong, n, color) in enumerate(rows):
            y = top + self.height * (index + 0.62) / len(rows)
            of = f": {wrong} of {n} wrong" if n else ": not yet"
            canvas.text(left, y - 12, name + of, size=13, color=color, anchor="ls", halo=True)
            if n:
                canvas.line([(x(share), y) for share in interval(wrong, n)], color, 3)
                canvas.disc(x(wrong / n), y, 6, color, PAPER)


def interval(wrong: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of an error rate: the p with |wrong − np| ≤ 1.96 √(np(1 − p))."""
    z2 = NormalDist().inv_cdf(0.975) ** 2
    middle = (wrong + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (wrong * (n - wrong) / n + z2 / 4)) / (n + z2)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def machine(real: torch.Tensor, made: torch.Tensor) -> tuple[int, int]:
    """How many of the second halves of both, (n, C, H, W) each, a straight line through features
    gets wrong that was fitted to the first halves, and of how many (Lopez-Paz, Oquab 2017)."""
    name, half = for_shape(real.shape[1:]), len(real) // 2
    codes = [evaluation.image_features(x, name) for x in (real, made)]
    first, second = (
        torch.cat([c[part] for c in codes]) for part in (slice(half), slice(half, None))
    )
    labels = [torch.arange(2).repeat_interleave(len(c) // 2) for c in (first, second)]
    told = evaluation.linear_probe(first, labels[0], second, labels[1], ridge=0.1).told
    return round((1 - told) * len(second)), len(second)


def _real(model: object, real: object, n: int) -> data.DataSet:
    """The real images, or a `CourseError` unless a judge reads both these and the model's."""
    require_samples(model, "explore.can_you_tell(model)")
    shape = shape_of(model)
    if len(shape) != 3 or for_shape(shape) is None:
        raise CourseError(
            "can_you_tell wants a model of digits or of colour images, such as "
            f"zoo.load('dcgan-faces'); got {type(model).__name__} of shape {shape}."
        )
    n = whole_number("n", n, 20)
    if real is None:
        real = data.load("digits" if shape[0] == 1 else f"faces-{shape[1]}", "test")
    if getattr(real, "shape", None) != shape or len(real) < n + MOST:
        raise CourseError(
            f"can_you_tell wants {n + MOST} real images {shape} or more for it; got "
            f"{real!r:.80}."
        )
    return real


def can_you_tell(model, real=None, *, n: int = 200) -> Explorer:
    """Twenty pictures one at a time, each real or drawn by the model with probability ½.

    model: of digits or of colour images, with `sample`. real: a data set of images of its size,
    none of which it has seen; None: the test digits, or test faces of that size. n: how many
    real and drawn pictures each, none of those shown, to one half of which the straight line is
    fitted, and on the other half tried.
    Controls: said (a letter for each picture, "r" for real, "g" for generated, which are typed,
    or set by a press in the row of that word), seed (which pictures, in which order).
    Raises `CourseError` where no judge reads such images, and for data of another size.
    """
    real = _real(model, real, n)
    given = real.images[-n:]
    wrong, of = machine(given, model.sample(n, generator=torch.Generator().manual_seed(10**6)))

    face = Face(256)
    errors, ballot = Errors(400, 170, "error rate"), Tiles(MOST, 2 * MOST, side=32, names=80)
    page = Page([face, errors], [ballot])
    ballot.names(page.paper, list(WORDS.values()))

    @lru_cache(10)
    def shown(seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The pictures (20, H, W, 3), uint8, and the letters that are right."""
        generator = torch.Generator().manual_seed(seed)
        made = torch.rand(MOST, generator=generator) < 0.5
        rows = torch.randperm(len(real) - n, generator=generator)[:MOST]
        drawn = as_pixels(model.sample(MOST, generator=generator))
        seen = as_pixels(real.images[rows])
        choose = made.numpy()
        return np.where(choose[:, None, None, None], drawn, seen), np.where(choose, "g", "r")

    def draw(canvas, said, seed):
        pictures, right = shown(seed)
        answered, known = len(said), len(said) // BLOCK * BLOCK
        missed = [i for i in range(known) if said[i] != right[i]]
        if answered < MOST:
            face.paint(
                canvas, pictures[answered], f"picture {answered + 1}: real or generated?"
            )
            for row in range(2):
                ballot.rim(canvas, row * MOST + answered, INK)
        else:
            face.paint(canvas, pictures[-1], "the last; all are answered")
        ballot.heading(
            canvas,
            "your words: press in a row | pink rim: wrong, told after ten and after twenty",
        )
        for i, letter in enumerate(said):
            tile = i + MOST * "rg".index(letter)
            ballot.paint(canvas, pictures[i : i + 1], tile)
            if i in missed:
                ballot.rim(canvas, tile, PINK)
        you = "you", len(missed), known, INK
        errors.paint(
            canvas, [you, ("a straight line through the judge's features", wrong, of, MUTED)]
        )
        text = (
            f"Picture {min(answered + 1, MOST)} of {MOST}, seed {seed}; {answered} answered. "
        )
        rate = lambda k, m: "{:.2f}, 95%: {:.2f} to {:.2f}".format(k / m, *interval(k, m))
        if known:
            text += f"Your error rate in the first {known}: {rate(len(missed), known)}. "
        else:
            text += f"How often you erred is said after {BLOCK}. "
        return text + f"The straight line's: {rate(wrong, of)}; chance ½."

    def vote(tile: int, _, now: dict) -> dict[str, str]:
        """The word of the row for the picture of the column, if those before it are answered."""
        said, (row, column) = now["said"], divmod(tile, MOST)
        fits = column <= len(said)
        return {"said": said[:column] + "rg"[row] + said[column + 1 :]} if fits else {}

    controls = [
        Letters("said", "r or g, one each", "rg", MOST),
        Slider("seed", "seed", 0, 9, 1, 0, sets={"said": ""}),  # other pictures, no words yet
    ]
    about = "Real pictures and generated ones, one at a time: which is which?"
    more = {"mouse": {ballot: vote}, "letters": {"r": "real", "g": "generated"}}
    return Explorer("can_you_tell", about, controls, page, draw, **more)
