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
    labels, eight_bits = conditional.labels_of(model, held), held.images.dtype == torch.uint8
    if abilities.can(model, "log_likelihood"):
        return _bounds(model, held, labels, generator)
    bits = getattr(model, "bits_per_dim", None)
    if (
        eight_bits and callable(bits) and abilities.takes(bits, "k")
    ):  # falls with draws of noise
        return _dequantised(model, held, labels, generator)
    if abilities.can(model, "log_prob"):
        return _exact(model, held, labels, generator)
    why = f"{type(model).__name__} has no likelihood; a kernel density around samples is none"
    return without(["log p(x)"], why)


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
        of = model.bits_per_dim
        bits = likelihood.by_parts(of, held.images, labels, generator, size=BATCH, k=k)
        mean, error = likelihood.mean_and_error(bits)
        note = f"at most; {len(held):,} images, D = {math.prod(held.shape)}, 8-bit levels"
        rows.append(Row(f"bits per dimension, k = {k}", mean, error, None, "bits", note))
    return rows


def _exact(
    model, held: DataSet, labels: Tensor | None, generator: torch.Generator
) -> list[Row]:
    x, images = held.images, held.images.dtype == torch.uint8
    x = likelihood.on_scale(x, "gaussian", generator) if images else x
    values = likelihood.by_parts(model.log_prob, x, labels, size=BATCH).double()
    name = "log p(x) (dequantised)" if images else "log p(x)"
    note = f"exact, mean of {len(x):,}"
    rows = [Row(name, *likelihood.mean_and_error(values), None, "nats", note)]
    return rows + ([_bits(values, math.prod(held.shape))] if images else [])


def _bits(log_prob: Tensor, dimensions: int) -> Row:
    mean, error = likelihood.mean_and_error(bits_per_dim(log_prob, dimensions))
    note = f"D = {dimensions}, 8-bit levels"
    return Row("bits per dimension", mean, error, None, "bits", note)
