"""Rebuild `choices.json`, how recipes of the zoo got a setting: `python data/make_choices.py`.

The recipe is played to its end at each value, on MNIST's training digits without 2,000 of them,
and scored on these 2,000 after each fifth of its rounds (`course_lib.tuning`); test digits are
never touched. One training can't tell neighbours apart. So the recipe has the middle one of the
values whose last score is no further from the best than `TIED`. Rows that are there are kept, so a
stopped run goes on; a row takes some fifteen minutes of one core.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

import recording

from course_lib import data, models, tuning
from course_lib.zoo.recipes import RECIPES

FILE = Path(__file__).parent / "choices.json"
CHOICES = {  # recipe -> the setting that was chosen, and among which values
    "dcgan-mnist": ("lr", (1e-3, 2e-3, 4e-3, 8e-3)),
    "vaegan-mnist": ("sigma", (0.2, 0.4, 0.8)),
}
SEED = 100  # the shipped models have another
TIED = 0.5  # two standard errors of a difference of scores, some .17 each by leaving out
ABOUT = (
    "Recipes of the zoo, each at several values of one setting, on MNIST's training digits without "
    "2,000. points: [rounds, processor seconds, score]; score: Fréchet distance on digit features "
    "of 2,000 samples and the 2,000 training digits that were held back."
)


def play(recipe: str, value: float, split: tuning.Split) -> dict:
    """One training to its end."""
    setting, _ = CHOICES[recipe]
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
    """The middle one (the lower of two) of a recipe's best values; None while one is missing."""
    last = {row["value"]: row["points"][-1][2] for row in rows if row["recipe"] == recipe}
    if set(last) != set(CHOICES[recipe][1]):
        return None
    tied = sorted(v for v, score in last.items() if score <= min(last.values()) + TIED)
    return tied[(len(tied) - 1) // 2]


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
