"""The rows of a report that samples fill: modes, memorisation, points in the plane.

One function a group, from samples to rows; a new measure is one more row in its group. A score
that cannot be had is a row too, with the reason. Lesson 03 derives them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.data import DataSet, toy
from course_lib.evaluation import classes
from course_lib.evaluation.likelihood import mean_and_error
from course_lib.evaluation.neighbours import memorisation
from course_lib.evaluation.table import Row, without

SURE = 0.9
NEIGHBOURS = 1000  # samples and references of the memorisation row, at most


def read(images: Tensor, judge: nn.Module | str) -> Tensor | str:
    """P(class | image) of real images, for `modes`; or the reason why there is no judge."""
    return judge if isinstance(judge, str) else classes.class_probabilities(images, judge)


def modes(
    samples: Tensor, real: Tensor | str, judge: nn.Module | str, generator: torch.Generator
) -> tuple[list[Row], Tensor | None]:
    """How many samples of each class there are, against real ones; (rows, samples a class).

    The classes are those that the judge tells apart: digits, or hair styles. real: what it reads
    in real images, by `read`: once for all models.
    """
    if isinstance(judge, str) or isinstance(real, str):
        names = ("modes covered", "total variation of classes", "mean confidence")
        return without(names, str(real)), None
    fake = classes.class_probabilities(samples, judge)
    a, b = classes.histogram_of(fake), classes.histogram_of(real)
    covered, floor = classes.modes_covered(a), classes.modes_covered(b)
    note = "classes with at least 2% of the samples"
    rows = [Row("modes covered", covered, None, floor, f"of {len(b)}", note)]
    for name, distance, unit in (
        ("total variation", classes.total_variation, "0 to 1"),
        ("KL", classes.class_kl, "nats"),
    ):
        error, floor = classes.error_and_floor(name, a, b, generator)
        value = distance(a, b)
        rows.append(Row(f"{name} of classes", value, error, floor, unit, "from real images'"))
    free = int((a + b > 0).sum()) - 1
    note = "only one class is read, so χ² is 0"
    if free:
        note = f"real: {free} in the mean, above {once_in_100(free):.1f} once in 100"
    rows.append(Row("χ² of classes", classes.chi_squared(a, b), None, float(free), "", note))
    note = "the judge is sure of some nonsense, too"
    for name, of, unit in (
        ("mean confidence", lambda p: p.amax(1), "probability"),
        (f"confidence ≥ {SURE}", lambda p: (p.amax(1) >= SURE).float(), "share"),
    ):
        floor = of(real).mean().item()
        rows.append(Row(name, *mean_and_error(of(fake)), floor, unit, note))
    return rows, a


def once_in_100(free: int) -> float:
    """What a χ² with that many degrees of freedom exceeds once in 100 (Wilson, Hilferty 1931)."""
    spread = 2 / (9 * free)
    return free * (1 - spread + 2.3263 * math.sqrt(spread)) ** 3


def memory(
    samples: Tensor, dataset: DataSet, train: DataSet | None, generator: torch.Generator
) -> list[Row]:
    """Are samples nearer to what the model saw in training than to what it did not see?"""
    name = "nearer to training"
    if train is None:
        return without([name], "pass train=, the data that the model was trained on")
    held = torch.randperm(len(dataset), generator=generator, device="cpu")[:NEIGHBOURS]
    found = memorisation(samples[:NEIGHBOURS], train.images, dataset.images[held], generator)
    note = (
        f"share of samples nearer to {found.references:,} training than to as many other images"
    )
    return [Row(name, found.share, found.error, 0.5, "share", note)]


def points(
    samples: Tensor, dataset: DataSet, density: toy.Toy | None, generator: torch.Generator
) -> list[Row]:
    """How many modes of a toy density the points (n, 2) reach, and how many points are good."""
    card = dataset.card
    if density is None and card.name in toy.KINDS and card.split:
        density = toy.make(card.name)
    if density is None or density.centres is None:
        why = "pass density=, e.g. data.toy.Ring()" if density is None else "it has no modes"
        return without(["modes covered"], why)
    found = density.covered(samples)
    real = density.covered(density.sample(len(samples), generator))
    error = math.sqrt(found.good * (1 - found.good) / len(samples))
    of = f"of {len(density.centres)}"
    return [
        Row("modes covered", found.modes, None, real.modes, of, "with a tenth of a fair share"),
        Row("good points", found.good, error, real.good, "share", "within 3 σ of a mode"),
    ]
