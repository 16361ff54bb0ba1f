"""Rebuild `choices.json`, how recipes of the zoo got a setting: `python data/make_choices.py`.

The recipe is played to its end at each value, on MNIST's training digits without 2,000 of them,
and scored on these 2,000 after each fifth of its rounds (`course_lib.tuning`); test digits are
never touched. A rule turns the last scores into a choice. One training can't tell neighbours
apart: so a rate is the middle one of those whose score is no further from the best than `TIED`.
And a score of samples is not all: a VAE/GAN with a wide σ reconstructs badly, so the narrowest is
taken whose samples are good enough, not the one with the best samples. Rows that are there are
kept, so a stopped run goes on; a row takes some fifteen minutes of one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import recording

from course_lib import data, models, tuning
from course_lib.zoo.recipes import RECIPES

FILE = Path(__file__).parent / "choices.json"
SEED = 100  # the shipped models have another
TIED = 0.5  # two standard errors of a difference of scores, some .17 each by leaving out
GOOD = 10.0  # the distance above which the zoo calls samples of digits poor


def middle_of_the_best(last: dict[float, float]) -> float:
    """Among the values no further than `TIED` from the best the middle one, the lower of two."""
    tied = sorted(value for value, score in last.items() if score <= min(last.values()) + TIED)
    return tied[(len(tied) - 1) // 2]


def narrowest_that_draws(last: dict[float, float]) -> float:
    """The least value whose score is below `GOOD`; the best one if there is none."""
    good = [value for value, score in last.items() if score < GOOD]
    return min(good, default=min(last, key=last.get))


Rule = Callable[[dict[float, float]], float]
CHOICES: dict[str, tuple[str, tuple[float, ...], Rule]] = {  # recipe -> setting, values, rule
    "dcgan-mnist": ("lr", (1e-3, 2e-3, 4e-3, 8e-3), middle_of_the_best),
    "vaegan-mnist": ("sigma", (0.2, 0.4, 0.8), narrowest_that_draws),
}
ABOUT = (
    "Recipes of the zoo, each at several values of one setting, on MNIST's training digits without "
    "2,000. points: [rounds, processor seconds, score]; score: Fréchet distance on digit features "
    "of 2,000 samples and the 2,000 training digits that were held back."
)


def play(recipe: str, value: float, split: tuning.Split) -> dict:
    """One training to its end."""
    setting, *_ = CHOICES[recipe]
    made = RECIPES[recipe]
    model = models.build(made.model, made.settings | {setting: value, "seed": SEED})
    before = time.process_time()
    points = tuning.play(model, split, model.settings["rounds"], SEED)
    return {
        "recipe": recipe,
        "setting": setting,
        "value": value,
        "seed": SEED,
        "points": [[p.round, round(p.seconds, 1), round(p.score, 3)] for p in points],
        "cpu_seconds": round(time.process_time() - before, 1),
        **recording.circumstances(),
    }


def best(rows: list[dict], recipe: str) -> float | None:
    """The value that a recipe's rule chooses; None while one is missing."""
    last = {row["value"]: row["points"][-1][2] for row in rows if row["recipe"] == recipe}
    _, values, rule = CHOICES[recipe]
    return rule(last) if set(last) == set(values) else None


def head(rows: recording.Rows) -> dict:
    """What the file says before its rows."""
    return {
        "about": ABOUT,
        "command": "OMP_NUM_THREADS=1 python data/make_choices.py",
        "machine": recording.MACHINE,
        "held_back": tuning.HELD_BACK,
        "chosen": {recipe: best(rows["rows"], recipe) for recipe in CHOICES},
        "minutes": recording.minutes(rows),
    }


def told(row: dict) -> str:
    """A row in a line."""
    scores = ", ".join(f"{score:.2f}" for _, _, score in row["points"])
    return f"{row['recipe']}, {row['setting']} {row['value']:g}: {scores}"


def table(file: Path) -> recording.Table:
    """A row is named by its recipe and the value."""
    return recording.Table(file, {"rows": ("recipe", "value")}, list(CHOICES), head)


def main() -> None:
    options = recording.options(__doc__, list(CHOICES), (), FILE).parse_args()
    split = tuning.split(data.load("mnist"))
    grid = [{"recipe": name, "value": v} for name in options.only for v in CHOICES[name][1]]
    table(options.to).fill("rows", grid, partial(play, split=split), told)


if __name__ == "__main__":
    sys.exit(main())
