"""One call, every score: what a model can be asked, it is asked, all models in the same way.

Same held-out data, same number of samples, the same rounding to 8 bits, the same judge. What a
model cannot answer it is not asked: its row says why. A GAN has no likelihood, and a kernel
density around its samples is none either (lesson 03). The rows themselves are in `scores`,
`image_scores`, `conditional` and `probabilities`.
"""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn

from course_lib.data import DataSet, toy
from course_lib.errors import CourseError, whole_number
from course_lib.evaluation import (
    abilities,
    conditional,
    features,
    levels,
    probabilities,
    scores,
)
from course_lib.evaluation.image_scores import RealImages, halves
from course_lib.evaluation.table import Report
from course_lib.models.parts.computing import evaluating
from course_lib.training import budget as budget_named


@levels.precisely()
def report(
    model,
    dataset: DataSet,
    *,
    n: int | None = None,
    held_out: int | None = None,
    seed: int = 0,
    budget: str | None = None,
    train: DataSet | None = None,
    density: toy.Toy | None = None,
    known: dict | None = None,
) -> Report:
    """Every score that `model` can have against the held-out `dataset`.

    n: samples drawn (by budget 300, 2,000 or 10,000), of which distances take as many
    as half of `dataset` has; held_out: images that likelihoods are averaged over, chosen by the
    seed (by budget 20, 500 or all; each costs 500 decodings).
    seed: of samples, held-out images, noise and floors: with one seed two models meet the same
    binarised images. train: what the model was trained on, for the memorisation row. density:
    the toy density behind a data set of points, where `data.load` did not draw it.
    known: a dict that the reports of several models share, for what the real images alone
    decide, such as the floors, by data set, n and seed: `compare` passes one.
    A model of half precision is scored with its weights in float32. Raises CourseError before
    any long work if model and data do not fit or samples are bad.
    """
    n, held_out = sizes(dataset, n, held_out, seed, budget, train)
    if not isinstance(density, toy.Toy | None):
        raise CourseError(
            f"density must be data.toy.make('ring') or such, not {density!r:.60}."
        )
    if not isinstance(known, dict | None):
        raise CourseError(f"known must be a dict, {{}} at first, not {known!r:.60}.")
    name, given, model = type(model).__name__, model, levels.in_single(model)
    asked = tried(model, dataset, n, seed)
    with evaluating(model) if isinstance(model, nn.Module) else contextlib.nullcontext():
        own = features.own_judge(model, dataset.shape)
        parts = list(abilities.drawn(model, n, _seeded(seed), asked, dataset.shape))
        samples, counts = torch.cat(parts), None
        if len(dataset.shape) == 3:
            known = {} if known is None else known
            of = (dataset, own, n, seed)
            if of not in known:
                judge = own or features.judge_of(dataset)
                real = RealImages(*halves(dataset, n, _seeded(seed)), judge, own)
                known[of] = scores.read(dataset.images, judge), real
            read, real = known[of]
            rows, counts = scores.modes(samples, read, real.judge, _seeded(seed))
            rows += real.rows(samples)
            rows += conditional.rows(model, samples, asked, dataset, real.judge, own, seed)
            rows += scores.memory(samples, dataset, train, _seeded(seed))
        else:
            rows = scores.points(samples, dataset, density, _seeded(seed + 1))
        chosen = torch.randperm(len(dataset), generator=_seeded(seed), device="cpu")[:held_out]
        rows += probabilities.rows(model, dataset.subset(chosen), _seeded(seed))
    kind = "draws" if abilities.draws(model) else "decoder means, not draws"
    where = f"{dataset.card.name} ({dataset.card.split})" if dataset.card.split else "data"
    about = f"{name} against {where}: {n:,} samples ({kind}), seed {seed}"
    if model is not given:
        about += ", weights taken to float32"
    return Report(about, tuple(rows), None if counts is None else tuple(counts.tolist()))


def _seeded(seed: int) -> torch.Generator:
    """A generator of its own for each group, so that one group does not shift another's noise."""
    return torch.Generator().manual_seed(seed)


def sizes(
    dataset: DataSet,
    n: int | None = None,
    held_out: int | None = None,
    seed: int = 0,
    budget: str | None = None,
    train: DataSet | None = None,
) -> tuple[int, int]:
    """n and held_out of a report with these options; refuses options that don't fit the data."""
    for given, name in ((dataset, "dataset"), (train, "train")):
        if isinstance(given, DataSet) or (name == "train" and given is None):
            continue
        raise CourseError(
            f"{name} must be a data set, e.g. data.load('digits', 'test'), not "
            f"{type(given).__name__}. DataSet(images) makes one of uint8 images."
        )
    many, scale = len(dataset), budget_named(budget)
    if many < 2:
        raise CourseError(
            f"A report takes 2 held-out examples or more, and this data set has {many}: "
            "hold out more of them, or more pictures in all."
        )
    if train is not None:
        _same_shape("train", train.shape, dataset)
    whole_number("seed", seed, 0, 2**63 - 1)
    n = scale.pick(smoke=300, laptop=2000, full=10_000) if n is None else n
    if held_out is None:
        held_out = min(many, scale.pick(smoke=20, laptop=500, full=many))
    return (
        whole_number("n, the number of samples,", n, 10),
        whole_number("held_out", held_out, 2, many),
    )


@levels.precisely()
def tried(model, dataset: DataSet, n: int, seed: int) -> Tensor | None:
    """What n samples will be asked for, after two of them were drawn and two images scored;
    refuses a model that does not fit the data, before any long work."""
    abilities.require_samples(model)
    if getattr(model, "shape", None) is not None:
        _same_shape("The model", model.shape, dataset)
    model = levels.in_single(model)
    with evaluating(model) if isinstance(model, nn.Module) else contextlib.nullcontext():
        asked = conditional.asked(model, dataset, n, _seeded(seed))
        list(abilities.drawn(model, 2, _seeded(seed), asked, dataset.shape))
        probabilities.tried(model, dataset, _seeded(seed))
    return asked


def _same_shape(name: str, shape: tuple[int, ...], dataset: DataSet) -> None:
    if tuple(shape) != dataset.shape:
        raise CourseError(
            f"{name} has examples of shape {tuple(shape)}, the data set of {dataset.shape}. "
            "Evaluate a model on the kind of data it was trained on."
        )
