"""Rebuild `tuning.json`, the record of lesson 12: `python data/make_tuning.py [--only FAMILY …]`.

Five families are tuned on the embedded digits, each by 48 quasi-random configurations of its
search space (a scrambled Halton sequence) besides the paper's own. A trial has so many processor
seconds, turned into rounds by what a round of this configuration costs (`course_lib.tuning`), and
is scored at five equal shares of its rounds on 2,000 *training* digits that it did not see; test
digits are never touched. The best configuration is then trained with ten seeds, the second and
the paper's with five, the best with five at a third and at three times the seconds: with as many
rounds as its first trial had, so that only the seed differs. For the GAN there is a full grid of
learning rates and batches too. A training that explodes is a row that says so.

A trial has five seconds for the two families of perceptrons and thirty for the three with
convolutions: in the median a round of the DCGAN costs ten times a round of the GAN. So families
of one budget may be compared, and others not. That is what two cores could record; `--seconds
120` (into a file of its own) plays longer trials of all five: some 18 hours of one core. Rows that
are there are kept, so a stopped run goes on; configurations come before seeds, so that a record
that was stopped can be used.
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
SECONDS = {"VAE": 5.0, "GAN": 5.0, "DCGAN": 30.0, "CVAE-GAN": 30.0, "RealNVP": 30.0}
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
GRID = {  # of the GAN: what report A says that it searched
    "lr": [round(5e-5 * 100 ** (i / 5), 7) for i in range(6)],
    "batch": [32, 64, 128, 256],
}
SEEDS = {"best": 10, "second": 5, "paper": 5}
BUDGETS, BUDGET_SEEDS = {"third": 1 / 3, "triple": 3.0}, 5  # of the rounds; of the best
ABOUT = (
    "Configurations of five families on the 10,000 embedded digits. points: [rounds, processor "
    "seconds, score] at five equal shares; score: Fréchet distance on digit features of 2,000 "
    "samples and the 2,000 training digits that were held back. calibration: seconds of a round "
    "in eight groups of first rounds; the second-lowest gave the rounds. Number 0 is the paper's "
    "configuration. failed: why a training ended early, or null."
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


def head(rows: recording.Rows, seconds: dict[str, float]) -> dict:
    """What the file says before its rows."""
    return {
        "about": ABOUT,
        "command": "OMP_NUM_THREADS=1 python data/make_tuning.py",
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


def table(file: Path, seconds: dict[str, float] = SECONDS) -> recording.Table:
    """Configurations and cells are named by their number, finalists by which and seed."""
    names = {kind: ("family", "number") for kind in ("configurations", "grid")}
    names["seeds"] = ("family", "which", "seed")
    top = functools.partial(head, seconds=seconds)
    return recording.Table(file, names, list(FAMILIES), top)


def main() -> None:
    parser = recording.options(__doc__, list(FAMILIES), (), FILE)
    parser.add_argument("--seconds", type=float, help="of a trial, into a file of its own")
    options = parser.parse_args()
    seconds, file = SECONDS, options.to
    if options.seconds:
        seconds = dict.fromkeys(FAMILIES, options.seconds)
        if file == FILE:
            file = FILE.with_name(f"tuning-{options.seconds:g}.json")
    split = tuning.split(data.load("digits"))
    record = table(file, seconds)

    def configuration(family: str, number: int) -> dict:
        settings = configurations(family)[number]
        row = play(family, settings, TRIAL_SEEDS + number, split, seconds[family])
        return {"family": family, "number": number} | row

    def cell(family: str, number: int) -> dict:
        row = play(family, cells()[number], GRID_SEEDS + number, split, seconds[family])
        return {"family": family, "number": number} | row

    for family in options.only:
        if family == "GAN":
            numbers = [{"family": family, "number": i} for i in range(len(cells()))]
            record.fill("grid", numbers, cell, told)
        numbers = [{"family": family, "number": i} for i in range(CONFIGURATIONS + 1)]
        record.fill("configurations", numbers, configuration, told)
        for names, number, rounds in finalists(record.rows(), family):

            def finalist(family: str, which: str, seed: int) -> dict:
                settings = configurations(family)[number]  # noqa: B023 played at once
                row = play(family, settings, seed, split, seconds[family], rounds)  # noqa: B023
                return {"family": family, "which": which, "number": number} | row  # noqa: B023

            record.fill("seeds", [names], finalist, told)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sys.exit(main())
