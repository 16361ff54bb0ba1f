"""Rebuild `tuning.json`, the record of lessons 12 and 13: `python data/make_tuning.py`.

Five families are tuned on the embedded digits, each by 48 quasi-random configurations of its
search space (a scrambled Halton sequence) besides the paper's own. A trial has thirty processor
seconds, turned into rounds by what a round of this configuration costs (`course_lib.tuning`), and
is scored at five equal shares of its rounds on 2,000 *training* digits that it did not see; test
digits are never touched. The best configuration is then trained with ten seeds, the second and
the paper's with five, the best with five at a third and at three times the seconds: with as many
rounds as its first trial had, so that only the seed differs. At last the best is trained with ten
seeds on drawn faces of 32×32 pixels. A training that explodes is a row that says so.

`--seconds` plays shorter or longer trials into a file of their own; `tuning-5.json` was made by
`--seconds 5 --only VAE GAN`, and has a full grid of the GAN's learning rates and batches too. What
two cores could record is thirty seconds; `--seconds 120` takes some 18 hours of one core. Rows
that are there are kept, so a stopped run goes on; configurations come before seeds, so that a
record that was stopped can be used. Several processes may fill one file, each another family.
"""

from __future__ import annotations

import functools
import itertools
import math
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import optuna
import recording
import torch

from course_lib import data, models, training, tuning

FILE = Path(__file__).parent / "tuning.json"
SECONDS, SHORT = 30.0, 5.0  # of a trial
CONFIGURATIONS = 48
HALTON_SEED, TRIAL_SEEDS, GRID_SEEDS = 12, 100, 200  # those of trials begin there
FAMILIES = {
    "VAE": models.VAE,
    "GAN": models.GAN,
    "DCGAN": models.DCGAN,
    "CVAE-GAN": models.CVAEGAN,
    "RealNVP": models.RealNVP,
}
# What the sources print, and torch's betas where they print none: report A on its GAN, VAE (with
# E16's rate) and CVAE-GAN; Radford et al. (2016); Dinh et al. (2016). All else is the course's.
PAPERS = {
    "VAE": {"lr": 1e-3, "batch": 128, "latent": 2, "hidden": (256,), "beta": 1.0},
    "GAN": {"lr": 2e-4, "betas": (0.9, 0.999), "batch": 100, "latent": 64},
    "DCGAN": {"lr": 2e-4, "betas": (0.5, 0.999), "batch": 128, "latent": 100},
    "CVAE-GAN": {"lr": 1e-4, "betas": (0.9, 0.999), "batch": 128, "latent": 100},
    "RealNVP": {"lr": 1e-3, "batch": 64},
}
GRID = {  # of the GAN, in short trials: what report A says that it searched
    "lr": [round(5e-5 * 100 ** (i / 5), 7) for i in range(6)],
    "batch": [32, 64, 128, 256],
}
SEEDS = {"best": 10, "second": 5, "paper": 5}
BUDGETS, BUDGET_SEEDS = {"third": 1 / 3, "triple": 3.0}, 5  # of the rounds; of the best
FACES_SEEDS = 10
ON_FACES = {  # besides their shape: what is of another kind in colour
    "VAE": {"likelihood": "gaussian", "sigma": "learned", "clip": 1e4},
    "CVAE-GAN": {"classes": 8},
}
ABOUT = (
    "Configurations of each family on the 10,000 embedded digits; faces: the best of each on "
    "drawn faces of 32×32 pixels. points: [rounds, processor seconds, score] at five equal "
    "shares; score: Fréchet distance on digit features (face features) of 2,000 samples and the "
    "2,000 training images that were held back. calibration: seconds of a round in eight groups "
    "of first rounds; the second-lowest gave the rounds. Number 0 is the paper's configuration. "
    "failed: why a training ended early, or null."
)


@functools.cache
def configurations(family: str) -> list[dict]:
    """The searched settings of each configuration: the paper's, then those of the sequence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.QMCSampler(qmc_type="halton", scramble=True, seed=HALTON_SEED)
    study = optuna.create_study(sampler=sampler)
    found = []
    for _ in range(CONFIGURATIONS + 1):  # the first is not of the sequence, and left out
        trial = study.ask()
        found.append(tuning.suggested(trial, FAMILIES[family]))
        study.tell(trial, 0.0)
    course = FAMILIES[family].recipes["course"]
    paper = {name: course[name] for name in tuning.searched(FAMILIES[family])}
    return [paper | PAPERS[family], *found[1:]]


def cells() -> list[dict]:
    """The GAN's grid: every rate with every batch, all else as in the course's recipe."""
    return [
        dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())
    ]


def play(
    family: str, settings: dict, seed: int, split: tuning.Split, seconds: float, rounds: int = 0
) -> dict:
    """One trial; rounds: 0 for as many as the seconds hold."""
    model = FAMILIES[family](**settings, seed=seed)
    row = {"settings": settings, "seed": seed, "rounds": rounds, "failed": None}
    points: list[tuning.Point] = []
    before = time.process_time()
    try:
        if not rounds:
            cost, blocks = tuning.round_seconds(model, split.learned, seconds / 15)
            row["rounds"] = max(len(tuning.SHARES), int(seconds / cost))
            row["calibration"] = [float(f"{block:.3g}") for block in blocks]
        tuning.play(model, split, row["rounds"], seed, points.append)
    except training.TrainingStopped as stopped:
        row["failed"] = str(stopped).partition(". ")[0]
    except KeyboardInterrupt:
        raise SystemExit("Interrupted; the same command goes on.") from None
    row["points"] = [[p.round, round(p.seconds, 2), round(p.score, 3)] for p in points]
    row["cpu_seconds"] = round(time.process_time() - before, 1)
    return (
        row | recording.circumstances() | {"kernels": torch.backends.cpu.get_cpu_capability()}
    )


def last(row: dict) -> float:
    """The score of a trial; infinite where it failed."""
    return math.inf if row["failed"] else row["points"][-1][2]


def ranked(rows: list[dict], family: str) -> list[dict]:
    """The family's sampled configurations, best first, once all are there."""
    own = [row for row in rows if row["family"] == family and row["number"] > 0]
    return sorted(own, key=last) if len(own) == CONFIGURATIONS else []


def finalists(rows: recording.Rows, family: str) -> Iterator[dict]:
    """The seeds to train: of the best, the second and the paper's, then at other budgets."""
    order = ranked(rows["configurations"], family)
    if not order:
        return
    own = [row for row in rows["configurations"] if row["family"] == family]
    of = {
        "best": order[0],
        "second": order[1],
        "paper": next(r for r in own if not r["number"]),
    }
    shares = {which: (1.0, of[which], n) for which, n in SEEDS.items()}
    shares |= {which: (share, order[0], BUDGET_SEEDS) for which, share in BUDGETS.items()}
    for which, (share, row, n) in shares.items():
        rounds = max(len(tuning.SHARES), round(share * row["rounds"]))
        for seed in range(n):
            yield {"family": family, "which": which, "seed": seed}, row["number"], rounds


def head(rows: recording.Rows, seconds: float) -> dict:
    """What the file says before its rows."""
    families = dict.fromkeys(row["family"] for row in rows["configurations"])
    only = f" --only {' '.join(families)}" if families.keys() != FAMILIES.keys() else ""
    return {
        "about": ABOUT,
        "command": f"OMP_NUM_THREADS=1 python data/make_tuning.py --seconds {seconds:g}{only}",
        "machine": recording.MACHINE,
        "seconds": seconds,
        "held_back": tuning.HELD_BACK,
        "minutes": recording.minutes(rows),
    }


def told(row: dict) -> str:
    """A row in a line."""
    name = row.get("which") or f"number {row['number']}"
    score = row["failed"] or f"{row['points'][-1][2]:.1f}"
    return f"{row['family']} {name}, seed {row['seed']}: {row['rounds']} rounds, {score}"


def table(file: Path, seconds: float = SECONDS) -> recording.Table:
    """Configurations and cells are named by their number, finalists by which and seed."""
    names = {kind: ("family", "number") for kind in ("configurations", "grid")}
    names |= {"seeds": ("family", "which", "seed"), "faces": ("family", "seed")}
    top = functools.partial(head, seconds=seconds)
    return recording.Table(file, names, list(FAMILIES), top)


def fill(record: recording.Table, family: str, seconds: float) -> None:
    """All of one family that is not there."""
    digits = tuning.split(data.load("digits"))

    def configuration(family: str, number: int) -> dict:
        settings = configurations(family)[number]
        row = play(family, settings, TRIAL_SEEDS + number, digits, seconds)
        return {"family": family, "number": number} | row

    def cell(family: str, number: int) -> dict:
        row = play(family, cells()[number], GRID_SEEDS + number, digits, seconds)
        return {"family": family, "number": number} | row

    if family == "GAN" and seconds == SHORT:
        numbers = [{"family": family, "number": i} for i in range(len(cells()))]
        record.fill("grid", numbers, cell, told)
    numbers = [{"family": family, "number": i} for i in range(CONFIGURATIONS + 1)]
    record.fill("configurations", numbers, configuration, told)
    for names, number, rounds in finalists(record.rows(), family):

        def finalist(family: str, which: str, seed: int) -> dict:
            settings = configurations(family)[number]  # noqa: B023 played at once
            row = play(family, settings, seed, digits, seconds, rounds)  # noqa: B023
            return {"family": family, "which": which, "number": number} | row  # noqa: B023

        record.fill("seeds", [names], finalist, told)


def fill_faces(record: recording.Table, family: str, seconds: float) -> None:
    """The family's best on drawn faces: as many rounds for each seed as its first one had."""
    faces = tuning.split(data.load("faces-32"))
    for best in ranked(record.rows()["configurations"], family)[:1]:
        settings = configurations(family)[best["number"]]
        settings = settings | {"shape": faces.learned.shape} | ON_FACES.get(family, {})

        def seed_of(family: str, seed: int) -> dict:
            first = record.find("faces", family=family, seed=0) or {"rounds": 0}
            row = play(family, settings, seed, faces, seconds, first["rounds"])  # noqa: B023
            return {"family": family, "number": best["number"]} | row  # noqa: B023 at once

        names = [{"family": family, "seed": seed} for seed in range(FACES_SEEDS)]
        record.fill("faces", names, seed_of, told)


def main() -> None:
    parser = recording.options(__doc__, list(FAMILIES), (), FILE)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="of a trial (%(default)g)"
    )
    options = parser.parse_args()
    seconds, file = options.seconds, options.to
    if seconds != SECONDS and file == FILE:
        file = FILE.with_name(f"tuning-{seconds:g}.json")
    record = table(file, seconds)
    for family in options.only:
        fill(record, family, seconds)
    if seconds == SECONDS:
        for family in options.only:
            fill_faces(record, family, seconds)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sys.exit(main())
