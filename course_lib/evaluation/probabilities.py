"""The rows of a report that held-out data fill: a bound, the exact value, or neither.

Which of them a model can have is asked of the model (`abilities`). Nats carry the name of their
scale, and bits per dimension are those of 8-bit levels. Lessons 06, 07 and 10 derive them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.data import DataSet
from course_lib.evaluation import abilities, conditional, likelihood
from course_lib.evaluation.levels import BATCH
from course_lib.evaluation.table import Row, without
from course_lib.pixels import bits_per_dim

IMPORTANCE_SAMPLES = 500
DEQUANTISATIONS = 8  # draws of noise behind the tighter bound of a flow


def rows(model, held: DataSet, generator: torch.Generator) -> list[Row]:
    """A bound, the exact value, or the reason why there is neither."""
    labels, method = conditional.labels_of(model, held), _method(model, held.images)
    if method is None:
        why = (
            f"{type(model).__name__} has no likelihood; a kernel density around samples is none"
        )
        return without(["log p(x)"], why)
    found = {"log_likelihood": _bounds, "bits_per_dim": _dequantised, "log_prob": _exact}
    return found[method](model, held, labels, generator)


def tried(model, dataset: DataSet, generator: torch.Generator) -> None:
    """Ask the model for what `rows` will ask, of two images: a CourseError for a wrong shape
    comes before any long work."""
    x, labels = dataset.images[:2], conditional.labels_of(model, dataset)
    labels, method = None if labels is None else labels[:2], _method(model, x)
    if method == "log_likelihood":
        x = _on_scale(model, x, generator)
        likelihood.elbo_terms(model, x, labels, generator)
        likelihood.by_parts(model, method, x, labels, 1, generator)
    elif method == "bits_per_dim":
        likelihood.by_parts(model, method, x, labels, generator, k=1)
    elif method == "log_prob":
        likelihood.by_parts(model, method, _as_density(x, generator), labels)


def _method(model, x: Tensor) -> str | None:
    """Which of its methods a model is asked for the probability of x, if it has one."""
    if abilities.can(model, "log_likelihood"):
        return "log_likelihood"
    bits = getattr(model, "bits_per_dim", None)
    if x.dtype == torch.uint8 and callable(bits) and abilities.takes(bits, "k"):
        return "bits_per_dim"  # falls with draws of noise
    return "log_prob" if abilities.can(model, "log_prob") else None


def _on_scale(model, x: Tensor, generator: torch.Generator) -> Tensor:
    """8-bit images on the scale that the model's settings state; floats as they are."""
    if x.dtype != torch.uint8:
        return x
    return likelihood.on_scale(x, abilities.scale_of(model) or "grey", generator)


def _as_density(x: Tensor, generator: torch.Generator) -> Tensor:
    """8-bit images dequantised; floats as they are."""
    return likelihood.on_scale(x, "gaussian", generator) if x.dtype == torch.uint8 else x


def _bounds(
    model, held: DataSet, labels: Tensor | None, generator: torch.Generator
) -> list[Row]:
    kind, k = abilities.scale_of(model), IMPORTANCE_SAMPLES
    scale = likelihood.SCALES.get(kind, likelihood.UNSTATED)
    x = _on_scale(model, held.images, generator)
    parts = likelihood.elbo_terms(model, x, labels, generator)
    bound = likelihood.iwae(model, x, k, generator, labels=labels).bounds[0].double()
    note = f"mean of {len(x):,} images" + ("" if labels is None else ", given their labels")

    def row(name: str, values: Tensor, note: str = note) -> Row:
        return Row(name, *likelihood.mean_and_error(values), None, "nats", note)

    rows = [row(f"IWAE, K = {k} ({scale})", bound, f"{note}; log p(x) is at least this")]
    if parts is not None:
        for values in parts.values():
            likelihood.require_finite(values, model, "elbo_terms")
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
        bits = likelihood.by_parts(
            model, "bits_per_dim", held.images, labels, generator, size=BATCH, k=k
        )
        likelihood.require_finite(bits, model, "bits_per_dim")
        mean, error = likelihood.mean_and_error(bits)
        note = f"at most; {len(held):,} images, D = {math.prod(held.shape)}, 8-bit levels"
        rows.append(Row(f"bits per dimension, k = {k}", mean, error, None, "bits", note))
    return rows


def _exact(
    model, held: DataSet, labels: Tensor | None, generator: torch.Generator
) -> list[Row]:
    x, images = _as_density(held.images, generator), held.images.dtype == torch.uint8
    values = likelihood.by_parts(model, "log_prob", x, labels, size=BATCH).double()
    likelihood.require_finite(values, model, "log_prob")
    name = "log p(x) (dequantised)" if images else "log p(x)"
    note = f"exact, mean of {len(x):,}"
    rows = [Row(name, *likelihood.mean_and_error(values), None, "nats", note)]
    return rows + ([_bits(values, math.prod(held.shape))] if images else [])


def _bits(log_prob: Tensor, dimensions: int) -> Row:
    mean, error = likelihood.mean_and_error(bits_per_dim(log_prob, dimensions))
    note = f"D = {dimensions}, 8-bit levels"
    return Row("bits per dimension", mean, error, None, "bits", note)
