"""Record what lesson 04 can't train live: `python data/make_a2.py <mnist folder> <work folder>`.

Report A's "DCGAN" at its own settings (A2), its repair one rule at a time, each step kept, and
the course's recipe, on all of MNIST. At growing numbers of rounds 10,000 samples are read by the
shipped judge of digits, and counted. What is finished goes into `a2.json`; a run that was
stopped goes on where it was, in its folder of the work folder, when the same command is given.

    --only a2 norm    these experiments (a2, up, down, norm, init, play, course; default: all)
    --seeds 0 1       these seeds
    --rounds 2000     until there; a longer training continues a shorter one
"""

import base64
import functools
import io
import json
import os
import statistics
import time
from pathlib import Path

import recording
import torch
from PIL import Image

from course_lib import data, evaluation, training
from course_lib.models import DCGAN

FILE = Path(__file__).parent / "a2.json"
REPAIRS = {  # in this order, each with all before it
    "a2": {},
    "up": {"up": "transposed"},
    "down": {"down": "strided", "dense": 0},
    "norm": {"norm": "dcgan"},
    "init": {"init": "dcgan"},
    "play": {"lr": 2e-4, "betas": (0.5, 0.999), "k": 1},
}
MARKS = (25, 50, 100, 200, 350, 500, 700, 1000, 1400, 2000, 2500, 3000, 4000, 5000, 7000, 10000)
SAMPLES, SHOWN, BATCHES = 10_000, 30, 8


def build(experiment: str, seed: int) -> DCGAN:
    """The model of one experiment, untrained."""
    if experiment == "course":
        return DCGAN(seed=seed)
    names = list(REPAIRS)
    given = {}
    for name in names[: names.index(experiment) + 1]:
        given |= REPAIRS[name]
    return DCGAN("a2", seed=seed, **given)


@torch.no_grad()
def verdicts(model: DCGAN, dataset: data.DataSet, seed: int) -> tuple[float, float]:
    """Mean D(x) and D(G(z)) over a few training batches, in training mode, as D meets them.

    The model's running averages move: bring it back from its checkpoint afterwards.
    """
    source = training.Source(dataset, model.settings["batch"], seed + 1_000)
    model.train()
    found = []
    for _ in range(BATCHES):
        real = model.seen(source.batch().x)
        fake = model.generator(source.normal(len(real), model.settings["latent"]))
        found.append([logit.sigmoid().mean() for logit in model.judge(real, fake)])
    return tuple(torch.tensor(found).mean(0).tolist())


def picture(samples: torch.Tensor) -> str:
    """The first samples, ten in a row, as a PNG in base64."""
    shown = (samples[:SHOWN, 0] * 255).round().to(torch.uint8)
    rows = [torch.cat(list(row), 1) for row in shown.split(10)]
    file = io.BytesIO()
    Image.fromarray(torch.cat(rows).numpy()).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def run(
    runs: recording.Table,
    experiment: str,
    seed: int,
    rounds: int,
    dataset: data.DataSet,
    work: Path,
) -> None:
    """Train one model from mark to mark, measure it there, and record each time."""
    folder = work / f"{experiment}-{seed}"
    result = runs.find("runs", experiment=experiment, seed=seed) or {"rows": []}
    model, judge = build(experiment, seed), evaluation.digit_classifier()
    done = {row["round"] for row in result["rows"]}
    for mark in sorted({*(m for m in MARKS if m < rounds), rounds} - done):
        if mark < max(done, default=0):
            continue  # a training goes on, never back
        history = recording.fit(model, dataset, rounds=mark, seed=seed, resume=folder)
        before = time.perf_counter()
        samples = model.sample(SAMPLES, generator=torch.Generator().manual_seed(seed))
        since = max((d for d in done if d < mark), default=0)
        window = {name: values[since:].mean() for name, values in history.terms.items()}
        row = {
            "round": mark,
            "counts": evaluation.class_histogram(samples, judge).tolist(),
            "d_loss": window["D.real"] + window["D.fake"],
            "g_loss": window["G.fake"],
        }
        row["D(x)"], row["D(G(z))"] = verdicts(model, dataset, seed)
        row = {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}
        result |= {
            "experiment": experiment,
            "seed": seed,
            "settings": model.settings,
            "minutes": round(statistics.median(history.seconds) * mark / 60, 2),
            "threads": torch.get_num_threads(),
            "picture": picture(samples),
            "rows": [*result["rows"], row],
        }
        runs.record("runs", result)
        done.add(mark)
        print(
            f"{experiment} seed {seed} round {mark}: "
            f"{evaluation.modes_covered(torch.tensor(row['counts']))} classes, d_loss "
            f"{row['d_loss']:.4f}, g_loss {row['g_loss']:.2f}, {result['minutes']} min "
            f"(measured in {time.perf_counter() - before:.0f} s)",
            flush=True,
        )


def head(rows: recording.Rows, counts: list[int]) -> dict:
    """What the file says before its runs; counts: digits of each class in the data."""
    return {
        "about": "Report A's DCGAN on digits (A2), repaired rule by rule, and the course's. At "
        f"each row {SAMPLES:,} samples in evaluation mode are read by the shipped judge (counts); "
        "d_loss and g_loss are means since the row before; D(x) and D(G(z)) are means over "
        f"{BATCHES} training batches at that round, D in training mode. picture: PNG, base64.",
        "command": "OMP_NUM_THREADS=1 python data/make_a2.py <mnist folder> <work folder> --only "
        "<experiment> --seeds <seed> --rounds <its last round>",
        "machine": f"{os.cpu_count()} CPU cores, shared with other work; torch "
        f"{torch.__version__}; minutes: the median round's wall time × rounds, "
        "the training alone",
        "data": counts,
        "repairs": REPAIRS,
    }


def text(table: dict) -> str:
    """JSON in one line: a run is many rows."""
    return json.dumps(table) + "\n"


def table(file: Path, counts: list[int]) -> recording.Table:
    """A run is an experiment under a seed; its rows are its marks."""
    names, order = {"runs": ("experiment", "seed")}, [*REPAIRS, "course"]
    return recording.Table(file, names, order, functools.partial(head, counts=counts), text)


if __name__ == "__main__":
    parser = recording.options(__doc__, [*REPAIRS, "course"], [0], FILE)
    parser.add_argument("root", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, default=1000)
    asked = parser.parse_args()
    mnist = data.load("mnist", root=asked.root)
    runs = table(asked.to, torch.bincount(mnist.labels, minlength=10).tolist())
    for experiment in asked.only:
        for seed in asked.seeds:
            run(runs, experiment, seed, asked.rounds, mnist, asked.work)
