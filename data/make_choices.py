"""Rebuild `rates.json`, how `dcgan-mnist` got its learning rate: `python data/make_rates.py`.

The zoo's recipe is played to its end at each rate, on MNIST's training digits without 2,000 of
them, and scored on these 2,000 after each fifth of its rounds (`course_lib.tuning`); test digits
are never touched. One training can't tell neighbours apart. So the recipe has the middle one of
the rates whose last score is no further from the best than `TIED`. Rows that are there are kept,
so a stopped run goes on; a row takes some fifteen minutes of one core.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import recording

from course_lib import data, models, tuning
from course_lib.zoo.recipes import RECIPES

FILE = Path(__file__).parent / "rates.json"
NAME = "dcgan-mnist"
RATES = [1e-3, 2e-3, 4e-3, 8e-3]
SEED = 100  # the shipped model has another
TIED = 0.5  # two standard errors of a difference of scores, some .17 each by leaving out
ABOUT = (
    "dcgan-mnist's recipe at several learning rates, on MNIST's training digits without 2,000. "
    "points: [rounds, processor seconds, score]; score: Fréchet distance on digit features of "
    "2,000 samples and the 2,000 training digits that were held back."
)


def play(lr: float, split: tuning.Split) -> dict:
    """One training to its end."""
    recipe = RECIPES[NAME]
    model = models.build(recipe.model, recipe.settings | {"lr": lr, "seed": SEED})
    before = time.process_time()
    points = tuning.play(model, split, model.settings["rounds"], SEED)
    return {
        "lr": lr,
        "seed": SEED,
        "points": [[p.round, round(p.seconds, 1), round(p.score, 3)] for p in points],
        "cpu_seconds": round(time.process_time() - before, 1),
        **recording.circumstances(),
    }


def best_rate(rows: list[dict]) -> float | None:
    """The middle one (the lower of two) of the best rates; None while one is missing."""
    last = {row["lr"]: row["points"][-1][2] for row in rows}
    if set(last) != set(RATES):
        return None
    best = sorted(lr for lr, score in last.items() if score <= min(last.values()) + TIED)
    return best[(len(best) - 1) // 2]


def head(rows: recording.Rows) -> dict:
    """What the file says before its rows."""
    return {
        "about": ABOUT,
        "command": "OMP_NUM_THREADS=1 python data/make_rates.py",
        "machine": recording.MACHINE,
        "held_back": tuning.HELD_BACK,
        "chosen": best_rate(rows["rows"]),
        "minutes": recording.minutes(rows),
    }


def told(row: dict) -> str:
    """A row in a line."""
    return f"rate {row['lr']:g}: " + ", ".join(f"{score:.2f}" for _, _, score in row["points"])


def table(file: Path) -> recording.Table:
    """A row is named by its rate."""
    return recording.Table(file, {"rows": ("lr",)}, RATES, head)


def main() -> None:
    options = recording.options(__doc__, [str(rate) for rate in RATES], (), FILE).parse_args()
    split = tuning.split(data.load("mnist"))
    grid = [{"lr": float(rate)} for rate in options.only]
    table(options.to).fill("rows", grid, lambda lr: play(lr, split), told)


if __name__ == "__main__":
    sys.exit(main())
