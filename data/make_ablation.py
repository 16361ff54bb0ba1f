"""Rebuild `ablation.json`, the table of lesson 09: `python data/make_ablation.py`.

What does each loss of the CVAE-GAN buy? Six variants of the course's recipe, three seeds each, at
the laptop budget on the embedded digits: everything; without D; without C; without L_GD; without
L_GC; pixels alone. A variant is a change of weights, never of code, and nothing else is tuned: the
settings were chosen for the full model. "Without D" takes away all that D tells G and E (its
features in L_G, and L_GD); D itself goes on learning, heard by nobody, so that every variant
costs the same and draws the same noise. After a training 5,000 samples are scored, and the
reconstructions of the test digits. Rows that are there are kept, so a stopped run goes on; a row
takes two to four minutes.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path

import recording
import torch

from course_lib import data, evaluation, models, training
from course_lib.data import DataSet
from course_lib.evaluation import conditional
from course_lib.models.vae import gaussian_kl

FILE = Path(__file__).parent / "ablation.json"
SEEDS = (0, 1, 2)
SAMPLES, FEATURES, EPOCHS = 5_000, 2_000, 4
VARIANTS = ("full", "without D", "without C", "without L_GD", "without L_GC", "pixels alone")
ABOUT = (
    "What each loss of the CVAE-GAN buys: the course's recipe, and five variants of it with terms "
    "left out, at the laptop budget on the 10,000 embedded digits. agreement: share of 5,000 "
    "samples, 500 a class, that the shipped digit classifier reads as asked; gan_train: accuracy "
    "on the 2,000 embedded test digits of a classifier trained for 4 epochs on the 5,000 samples "
    "alone; diversity: mean distance of two samples of one class on digit features, divided by "
    "that of the test digits; fd: Fréchet distance on digit features of 2,000 samples and the "
    "test digits; mse: squared error a pixel, in [0, 1], of the test digits' reconstructions from "
    "one draw of q; read: share of these that the classifier reads as their own class; kl: nats "
    "of q(z|x, c) against the prior, mean over the test digits."
)


def settings(variant: str) -> dict:
    """What differs from the course's recipe: λ1 … λ4, and the weights of pixels, f_D, f_C."""
    course = models.CVAEGAN.recipes["course"]
    lambdas, matched = list(course["lambdas"]), list(course["matched"])
    if variant in ("without D", "without L_GD", "pixels alone"):
        lambdas[2] = 0.0
    if variant in ("without C", "without L_GC", "pixels alone"):
        lambdas[3] = 0.0
    if variant in ("without D", "pixels alone"):
        matched[1] = 0.0
    if variant in ("without C", "pixels alone"):
        matched[2] = 0.0
    return {"lambdas": tuple(lambdas), "matched": tuple(matched)}


@torch.no_grad()
def scores(model: models.CVAEGAN, test: DataSet, seed: int) -> dict[str, float]:
    """The scores of one trained model; see `ABOUT`."""
    generator = torch.Generator().manual_seed(1000 + seed)
    judge, members = evaluation.digit_classifier(), model.condition.members
    asked = torch.arange(SAMPLES) % 10
    samples = conditional.draw(model, asked, generator)
    read = conditional.readings(samples, judge, model.condition)
    features = evaluation.image_features(samples, "digits")
    real = evaluation.image_features(test.images, "digits")
    diversity, _ = conditional.relative_diversity(
        features, members(asked), real, members(test.labels)
    )
    x = test.images.float() / 255
    code = model.encode(x, test.labels)
    rebuilt = model.reconstruct(x, test.labels, generator)
    return {
        "agreement": conditional.agreement(read, asked)[0],
        "diversity": diversity,
        "fd": evaluation.frechet_distance(features[:FEATURES], real),
        "mse": (rebuilt - x).square().mean().item(),
        "read": conditional.agreement(
            conditional.readings(rebuilt, judge, model.condition), test.labels
        )[0],
        "kl": gaussian_kl(*code).mean().item(),
        "gan_train": conditional.gan_train(samples, asked, test, epochs=EPOCHS, seed=seed)[0],
    }


def play(scale: float, digits: DataSet, test: DataSet, variant: str, seed: int) -> dict:
    """One row: a training and its scores."""
    began, before = time.perf_counter(), time.process_time()
    model = models.CVAEGAN(**settings(variant), seed=seed)
    rounds = max(2, round(training.budget("laptop").rounds(model.settings["rounds"]) * scale))
    recording.fit(model, digits, rounds=rounds, seed=seed)
    trained = time.process_time() - before
    found = scores(model.eval(), test, seed)
    return {
        "variant": variant,
        "seed": seed,
        "rounds": rounds,
        "cpu_seconds": round(time.process_time() - before, 1),
        "training_seconds": round(trained, 1),
        "wall_minutes": round((time.perf_counter() - began) / 60, 2),
        **recording.circumstances(),
        **{name: round(value, 4) for name, value in found.items()},
    }


def floor(digits: DataSet, test: DataSet) -> dict[str, float]:
    """What real digits get: test ones read by the judge, training ones in place of samples."""
    some, members = digits.take(FEATURES), torch.nn.functional.one_hot
    judge = evaluation.digit_classifier()
    features, real = (evaluation.image_features(s.images, "digits") for s in (some, test))
    read = evaluation.class_probabilities(test.images, judge).argmax(1)
    diversity, _ = conditional.relative_diversity(
        features, members(some.labels, 10), real, members(test.labels, 10)
    )
    many = digits.take(SAMPLES)
    gan_train = functools.partial(conditional.gan_train, real=test, epochs=EPOCHS)
    learned = [gan_train(many.images, many.labels, seed=seed)[0] for seed in SEEDS]
    found = {
        "agreement": conditional.agreement(read, test.labels)[0],
        "gan_train": sum(learned) / len(learned),
        "diversity": diversity,
        "fd": evaluation.frechet_distance(features, real),
    }
    return {name: round(value, 4) for name, value in found.items()}


def head(rows: recording.Rows, real: dict[str, float]) -> dict:
    """What the file says before its rows."""
    course = models.CVAEGAN.recipes["course"]
    return {
        "about": ABOUT,
        "command": "OMP_NUM_THREADS=1 python data/make_ablation.py",
        "machine": recording.MACHINE,
        "settings": {k: v for k, v in course.items() if k not in ("seed", "rounds")},
        "variants": {variant: settings(variant) for variant in VARIANTS},
        "real": real,
        "minutes": recording.minutes(rows),
    }


def told(row: dict) -> str:
    """A row in a line."""
    scores = ", ".join(
        f"{name} {row[name]}" for name in ("agreement", "gan_train", "diversity")
    )
    return f"{row['variant']}, seed {row['seed']}: {scores}; {row['cpu_seconds']} s"


def table(file: Path, real: dict[str, float]) -> recording.Table:
    """A row is a variant under a seed."""
    names = {"rows": ("variant", "seed")}
    return recording.Table(file, names, VARIANTS, functools.partial(head, real=real))


def main() -> None:
    parser = recording.options(__doc__, VARIANTS, SEEDS, FILE)
    parser.add_argument("--scale", type=float, default=1.0, help="of all rounds, to try it out")
    asked = parser.parse_args()
    digits, test = data.load("digits"), data.load("digits", split="test")
    grid = [{"variant": v, "seed": seed} for seed in asked.seeds for v in asked.only]
    played = functools.partial(play, asked.scale, digits, test)
    table(asked.to, floor(digits, test)).fill("rows", grid, played, told)


if __name__ == "__main__":
    main()
