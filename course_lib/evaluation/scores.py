"""The rows of a report, in groups: what samples show, and what probabilities say.

One function a group, from samples or held-out data to rows; a new measure is one more row in its
group. A score that cannot be had is a row too, with the reason.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.data import DataSet, toy
from course_lib.evaluation import abilities, classes, conditional, likelihood
from course_lib.evaluation.neighbours import memorisation
from course_lib.evaluation.table import Row
from course_lib.pixels import bits_per_dim

IMPORTANCE_SAMPLES = 500
DEQUANTISATIONS = 8  # draws of noise behind the tighter bound of a flow
SURE = 0.9
BATCH = 500
NEIGHBOURS = 1000  # samples and references of the memorisation row, at most


# Samples ---------------------------------------------------------------------------------
def modes(
    samples: Tensor, dataset: DataSet, judge: nn.Module | str, generator: torch.Generator
) -> tuple[list[Row], Tensor | None]:
    """How many samples of each class there are, against real ones; (rows, samples a class).

    The classes are those that the judge tells apart: digits, or hair styles.
    """
    if isinstance(judge, str):
        names = ("modes covered", "total variation of classes", "mean confidence")
        return [Row(name, None, note=judge) for name in names], None
    real = classes.class_probabilities(dataset.images, judge)
    fake = classes.class_probabilities(samples, judge)
    a, b = classes.histogram_of(fake), classes.histogram_of(real)
    rows = [
        Row(
            "modes covered",
            classes.modes_covered(a),
            None,
            classes.modes_covered(b),
            f"of {len(b)}",
            "classes with at least 2% of the samples",
        )
    ]
    for name, value in (
        ("total variation", classes.total_variation(a, b)),
        ("KL", classes.class_kl(a, b)),
    ):
        error, floor = classes.error_and_floor(name, a, b, generator)
        unit = "nats" if name == "KL" else "0 to 1"
        rows.append(Row(f"{name} of classes", value, error, floor, unit, "from real images'"))
    free = max(1, int((a + b > 0).sum()) - 1)
    rows.append(
        Row(
            "χ² of classes",
            classes.chi_squared(a, b),
            None,
            float(free),
            "",
            f"real: {free} in the mean, above {once_in_100(free):.1f} once in 100",
        )
    )
    for name, of, unit in (
        ("mean confidence", lambda p: p.amax(1), "probability"),
        (f"confidence ≥ {SURE}", lambda p: (p.amax(1) >= SURE).float(), "share"),
    ):
        floor = of(real).mean().item()
        rows.append(
            Row(
                name,
                *likelihood.mean_and_error(of(fake)),
                floor,
                unit,
                "the judge is sure of some nonsense, too",
            )
        )
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
        return [Row(name, None, note="pass train=, the data that the model was trained on")]
    held = dataset.images[
        torch.randperm(len(dataset), generator=generator, device="cpu")[:NEIGHBOURS]
    ]
    found = memorisation(samples[:NEIGHBOURS], train.images, held, generator)
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
        return [Row("modes covered", None, note=why)]
    found = density.covered(samples)
    real = density.covered(density.sample(len(samples), generator))
    error = math.sqrt(found.good * (1 - found.good) / len(samples))
    of = f"of {len(density.centres)}"
    return [
        Row("modes covered", found.modes, None, real.modes, of, "with a tenth of a fair share"),
        Row("good points", found.good, error, real.good, "share", "within 3 σ of a mode"),
    ]


# Likelihood ------------------------------------------------------------------------------
def probability(model, held: DataSet, generator: torch.Generator) -> list[Row]:
    """A bound, the exact value, or the reason why there is neither."""
    labels, eight_bits = conditional.labels_of(model, held), held.images.dtype == torch.uint8
    if abilities.can(model, "log_likelihood"):
        return _bounds(model, held, labels, generator)
    if eight_bits and _draws_noise(model):
        return _dequantised(model, held, labels, generator)
    if abilities.can(model, "log_prob"):
        return _exact(model, held, labels, generator)
    why = f"a {type(model).__name__} has no likelihood; a kernel density around samples is none"
    return [Row("log p(x)", None, note=why)]


def _draws_noise(model) -> bool:
    """Whether its bits of grey levels are a bound that falls with the draws of noise."""
    return abilities.can(model, "bits_per_dim") and abilities.takes(model.bits_per_dim, "k")


def _bounds(
    model, held: DataSet, labels: Tensor | None, generator: torch.Generator
) -> list[Row]:
    kind, k = abilities.scale_of(model), IMPORTANCE_SAMPLES
    x, scale = held.images, likelihood.SCALES.get(kind, likelihood.UNSTATED)
    if x.dtype == torch.uint8:
        x = likelihood.on_scale(x, kind or "grey", generator)
    parts = likelihood.elbo_terms(model, x, labels, generator)
    bound = likelihood.iwae(model, x, k, generator, labels=labels).bounds[0].double()
    note = f"mean of {len(x):,} images" + ("" if labels is None else ", given their labels")

    def row(name: str, values: Tensor, note: str = note) -> Row:
        return Row(name, *likelihood.mean_and_error(values), None, "nats", note)

    rows = [row(f"IWAE, K = {k} ({scale})", bound, f"{note}; log p(x) is at least this")]
    if parts is not None:
        elbo = parts["reconstruction"] - parts["kl"]
        rows = [
            row(f"ELBO ({scale})", elbo, f"{note}, one z each"),
            row(f"reconstruction ({scale})", parts["reconstruction"], "log p(x|z), z ~ q(z|x)"),
            row("KL to the prior", parts["kl"], "ELBO = reconstruction − KL"),
            *rows,
            row("IWAE − ELBO", bound - elbo, "at most KL(q(z|x) ‖ p(z|x))"),
        ]
    if kind == "gaussian" and held.images.dtype == torch.uint8:
        rows.append(_bits(bound, math.prod(held.shape)))
    return rows


def _dequantised(
    model, held: DataSet, labels: Tensor | None, generator: torch.Generator
) -> list[Row]:
    """A flow's bound on the bits of grey levels, with one draw of noise and with several."""
    rows = []
    for k in (1, DEQUANTISATIONS):
        with torch.no_grad():
            parts = [
                model.bits_per_dim(x, generator, k=k, **abilities.told(model.bits_per_dim, c))
                for x, c in likelihood.in_parts(held.images, labels, BATCH)
            ]
        mean, error = likelihood.mean_and_error(torch.cat(parts))
        note = f"at most; {len(held):,} images, D = {math.prod(held.shape)}, 8-bit levels"
        rows.append(Row(f"bits per dimension, k = {k}", mean, error, None, "bits", note))
    return rows


def _exact(
    model, held: DataSet, labels: Tensor | None, generator: torch.Generator
) -> list[Row]:
    x, images = held.images, held.images.dtype == torch.uint8
    x = likelihood.on_scale(x, "gaussian", generator) if images else x
    with torch.no_grad():
        found = [
            model.log_prob(part, **abilities.told(model.log_prob, c))
            for part, c in likelihood.in_parts(x, labels, BATCH)
        ]
    values = torch.cat(found).double()
    name = "log p(x) (dequantised)" if images else "log p(x)"
    note = f"exact, mean of {len(x):,}"
    rows = [Row(name, *likelihood.mean_and_error(values), None, "nats", note)]
    return rows + ([_bits(values, math.prod(held.shape))] if images else [])


def _bits(log_prob: Tensor, dimensions: int) -> Row:
    mean, error = likelihood.mean_and_error(bits_per_dim(log_prob, dimensions))
    note = f"D = {dimensions}, 8-bit levels"
    return Row("bits per dimension", mean, error, None, "bits", note)
