"""One trial: a training of so many processor seconds, scored at equal shares of them.

Seconds on a busy machine can't be repeated, rounds can. So the cost of a round is measured first,
on a copy of the model, and the trial plays the rounds that the seconds hold: the same settings,
seed and rounds give the same bits. The score is the Fréchet distance on the features of a judge
(lesson 03) between samples and images that were held back from the *training* split.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data import DataSet
from course_lib.errors import CourseError, real_number, whole_number
from course_lib.evaluation import features, frechet_distance, image_features
from course_lib.evaluation.distances import PER_DIMENSION
from course_lib.models import Model
from course_lib.training import History, TrainingStopped, fit

HELD_BACK = 2_000
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the rounds, after which a trial is scored
WARM_UP, BLOCKS = 2, 8  # rounds that are not timed; groups of rounds that are
CALIBRATION = 1 / 15  # of the seconds of a trial, on top of them


@dataclass(frozen=True)
class Split:
    """A training split in two: what trials learn from, and what judges them.

    learned  the data set without the images that were held back
    held     those images, evenly spread over it
    judge    the name of the feature extractor; features: its (N, D) of the images held back
    """

    learned: DataSet
    held: DataSet
    judge: str
    features: Tensor

    def score(self, model: Model, seed: int = 0) -> float:
        """Fréchet distance of as many samples, of the held images' labels, to the held images.

        Raises `training.TrainingStopped` where samples are NaN or infinite: the model diverged.
        """
        n = len(self.held)
        labels = model.condition.read(self.held.labels, self.held.attributes.__getitem__)
        noise = torch.Generator().manual_seed(seed)
        samples = model.sample(n, labels=labels, generator=noise)
        if not samples.isfinite().all():
            raise TrainingStopped("Some samples hold NaN or infinite values.", History())
        return frechet_distance(image_features(samples, self.judge), self.features)


def judged(shape: tuple[int, ...], held_back: int, n: int | None = None) -> tuple[str, int]:
    """The name of the judge of n examples of this shape, and how many of them are held back.

    n: None where it isn't known yet. Raises CourseError where there is no judge, or held_back is
    too few or too many.
    """
    judge = features.for_shape(shape)
    if judge is None:
        raise CourseError(
            f"No judge takes examples of shape {shape}: tuning needs digits (1×28×28) or "
            "images in colour."
        )
    least = PER_DIMENSION * features.EXTRACTORS[judge].dims
    held_back = whole_number("held_back, the images that choose,", held_back, least)
    if n is not None and held_back > (most := n // 2):
        way = f"Hold back {least:,} to {most:,} of them (held_back)." if most >= least else ""
        raise CourseError(
            f"{n:,} images are too few to hold {held_back:,} of them back: half must "
            f"be left to learn from. {way or f'A search takes {2 * least:,} images or more.'}"
        )
    return judge, held_back


def split(dataset: DataSet, held_back: int = HELD_BACK) -> Split:
    """Hold back every k-th image, `held_back` in all: always the same ones."""
    if not isinstance(dataset, DataSet):
        raise CourseError(f"Tuning takes a DataSet, not {type(dataset).__name__}.")
    if dataset.card.split == "test":
        raise CourseError(
            "Settings are chosen on training images: pass the training split. What the test "
            "split has chosen it can't judge any more."
        )
    judge, held_back = judged(dataset.shape, held_back, len(dataset))
    every = len(dataset) // held_back
    numbers = torch.arange(len(dataset))
    held = (numbers % every == every - 1) & (numbers < every * held_back)
    judges = dataset.subset(held)
    return Split(dataset.subset(~held), judges, judge, image_features(judges.images, judge))


def round_seconds(
    model: Model, dataset: DataSet, seconds: float = 2.0
) -> tuple[float, list[float]]:
    """Processor seconds of one round, and of a round in each of `BLOCKS` groups of first rounds.

    A copy plays for about `seconds`. The second-lowest group counts: what disturbs a processor
    only ever makes it slower.
    """
    clock: list[float] = []
    rounds = max(WARM_UP + BLOCKS, model.settings["rounds"])

    def tick(played: int) -> None:
        clock.append(time.process_time())
        timed = played - WARM_UP
        if timed >= BLOCKS and clock[-1] - clock[0] >= seconds:
            raise _Enough

    try:
        if _fit(copy.deepcopy(model), dataset, rounds, 0, tick).interrupted:
            raise KeyboardInterrupt
    except _Enough:
        pass
    clock = clock[WARM_UP - 1 :]
    marks = [i * (len(clock) - 1) // BLOCKS for i in range(BLOCKS + 1)]
    blocks = [
        (clock[b] - clock[a]) / (b - a) for a, b in zip(marks[:-1], marks[1:], strict=True)
    ]
    return sorted(blocks)[1], blocks


def rounds_in(model: Model, dataset: DataSet, seconds: float) -> int:
    """How many rounds of this model so many processor seconds hold, as measured now."""
    real_number("seconds, those of a trial,", seconds, "(0, inf)")
    cost, _ = round_seconds(model, dataset, min(2.0, CALIBRATION * seconds))
    return max(len(SHARES), int(seconds / cost))


@dataclass(frozen=True)
class Point:
    """A score (lower is better) after so many rounds and the processor seconds they took."""

    round: int
    seconds: float
    score: float


def play(
    model: Model,
    split: Split,
    rounds: int,
    seed: int = 0,
    tell: Callable[[Point], None] = lambda point: None,
    shares: tuple[float, ...] = SHARES,
) -> list[Point]:
    """Train the model for so many rounds and score it after each of `shares` of them.

    tell  is called with each point as it comes. It may raise, which ends the training.

    Raises `training.TrainingStopped` when the training or its samples explode, and
    KeyboardInterrupt where it is interrupted: half a trial is none.
    """
    marks = {max(1, round(share * rounds)) for share in shares}
    points: list[Point] = []
    seconds, began = 0.0, time.process_time()

    def judge(played: int) -> None:
        nonlocal seconds, began
        if played in marks:
            seconds += time.process_time() - began
            points.append(Point(played, seconds, split.score(model, seed)))
            tell(points[-1])
            began = time.process_time()

    if _fit(model, split.learned, rounds, seed, judge).interrupted:
        raise KeyboardInterrupt
    return points


class _Enough(Exception):
    """So many rounds are timed."""


def _fit(
    model: Model, dataset: DataSet, rounds: int, seed: int, after: Callable[[int], None]
) -> History:
    """A training that calls `after` with the number of rounds played, once each is over."""
    game = model.game(rounds)
    own = game.after

    def both(t: int) -> None:
        if own is not None:
            own(t)
        after(t + 1)

    game.after = both
    options = {"rounds": rounds, "seed": seed, "preview": False, "progress": False}
    return fit(model, dataset, game=game, **options)
