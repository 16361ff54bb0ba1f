"""How probable are held-out images under a model? Bounds in nats per image, with their errors.

The importance-weighted bound with K samples grows with K (in expectation) towards log p(x): the
ELBO is K = 1, and a curve over K shows how much of the gap is closed. Derived in lessons 06 and
07 (Burda et al. 2016). A number of nats has a meaning only on its scale, so every result carries
the scale's name: Bernoulli on binarised pixels, Bernoulli on grey pixels (no density at all),
Gaussian on dequantised pixels. No two of them are compared, ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data import binarise, dequantise
from course_lib.errors import CourseError, one_of, whole_number
from course_lib.evaluation import abilities, levels
from course_lib.pixels import require_generator

BATCH = 100
SCALES = {"binarised": "binarised", "grey": "grey, no density", "gaussian": "dequantised"}
UNSTATED = "as given"
SAMPLES = 1_000_000  # of importance sampling, at most: a slip of the hand costs days
TERMS = ("reconstruction", "kl")  # of an ELBO


def on_scale(
    images: Tensor, likelihood: str, generator: torch.Generator | None = None
) -> Tensor:
    """uint8 images (N, C, H, W) -> x in [0, 1] as the likelihood of that name wants it, float32.

    "binarised": each pixel drawn once from a Bernoulli variable; "grey": the grey values;
    "gaussian": dequantised, (u + noise) / 256.
    """
    one_of("likelihood", likelihood, SCALES)
    if likelihood == "gaussian":
        return dequantise(images, generator)
    grey = images.float() / 255
    return binarise(grey, generator) if likelihood == "binarised" else grey


def in_parts(
    x: Tensor, labels: Tensor | None, size: int = BATCH
) -> list[tuple[Tensor, Tensor | None]]:
    """x a few at a time, each part with what a conditional model has to be told of it."""
    parts = x.split(size)
    several = [None] * len(parts) if labels is None else labels.split(size)
    return list(zip(parts, several, strict=True))


@torch.no_grad()
def by_parts(
    model, name: str, x: Tensor, labels: Tensor | None, *rest, size: int = BATCH, **options
) -> Tensor:
    """The model's method of that name, of (x, *rest, **options), a few at a time, (N,).

    A conditional model is told labels. Raises CourseError for any other shape.
    """
    method = getattr(model, name)
    found = []
    for part, told in in_parts(x, labels, size):
        values = method(part, *rest, **options, **abilities.told(method, told))
        found.append(_one_each(values, len(part), f"{type(model).__name__}.{name}"))
    return torch.cat(found)


@torch.no_grad()
def elbo_terms(
    model, x: Tensor, labels: Tensor | None, generator: torch.Generator | None
) -> dict[str, Tensor] | None:
    """The ELBO's parts, (N,) float64 each, by name; None if the model can't tell them apart.

    Raises CourseError for other names than those of TERMS, and for any other shape.
    """
    if not abilities.can(model, "elbo_terms"):
        return None
    method, called = model.elbo_terms, f"{type(model).__name__}.elbo_terms"
    found = {name: [] for name in TERMS}
    for part, told in in_parts(x, labels):
        terms = method(part, generator, **abilities.told(method, told))
        if not isinstance(terms, Mapping) or not terms.keys() >= found.keys():
            got = list(terms) if isinstance(terms, Mapping) else type(terms).__name__
            raise CourseError(
                f"{called} must give a dict with {' and '.join(map(repr, TERMS))}, nats for "
                f"each image; it gave {got!s:.100}."
            )
        for name in TERMS:
            found[name].append(_one_each(terms[name], len(part), f"{called}, {name!r},"))
    return {name: torch.cat(values).double() for name, values in found.items()}


def _one_each(values: Tensor, n: int, called: str) -> Tensor:
    """The values themselves, if they are a tensor (n,): one number for each of n images."""
    if not isinstance(values, Tensor) or values.shape != (n,):
        found = (
            f"{tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
        )
        raise CourseError(
            f"{called} must give a tensor with one number for each image: ({n},) for {n} "
            f"images, not {found}. Sum over an image's pixels: .flatten(1).sum(1)."
        )
    return values


def require_finite(values: Tensor, model, name: str) -> None:
    """Refuse, with a CourseError, NaN and infinities among what the model's method gave."""
    if not values.isfinite().all():
        raise CourseError(
            f"{type(model).__name__}.{name} gave NaN or infinity for some images: the "
            "model has diverged, or its noise is too small for the data."
        )


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean and its standard error of values (N,), N ≥ 2, in float64."""
    values = values.double()
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


@dataclass(frozen=True, repr=False)
class KCurve:
    """The importance-weighted bound over K on one set of images.

    ks: numbers of importance samples; values, errors: mean bound and standard error over images,
    in nats per image; images: how many; scale: what was scored, e.g. "binarised"; bounds: the
    values behind the means, (len(ks), images).
    """

    ks: tuple[int, ...]
    values: tuple[float, ...]
    errors: tuple[float, ...]
    images: int
    scale: str
    bounds: Tensor

    def gap(self) -> tuple[float, float]:
        """What the largest K gains over the smallest, mean and standard error over images.

        From K = 1 this is IWAE − ELBO: a lower bound on the mean KL(q(z|x) ‖ p(z|x)).
        """
        return mean_and_error(self.bounds[-1] - self.bounds[0])

    def __str__(self) -> str:
        head = f"log p(x) ≥ …, nats per image ({self.scale}; {self.images:,} images)"
        rows = zip(self.ks, self.values, self.errors, strict=True)
        return "\n".join([head, *(f"  K = {k:<5d} {v:10.2f} ± {e:.2f}" for k, v, e in rows)])

    __repr__ = __str__


def iwae(
    model,
    images: Tensor,
    ks: int | Sequence[int] = (1, 5, 50, 500),
    generator: torch.Generator | None = None,
    *,
    labels: Tensor | None = None,
) -> KCurve:
    """The bound log (1/K) Σ p(x, z_i) / q(z_i|x) for each K, averaged over images.

    model: has `log_likelihood(x, k, generator)` -> (B,) nats. images: uint8 (N, C, H, W), brought
    to the scale of `model.settings["likelihood"]` here, once for all K; or floats, scored as
    they are, in [0, 1] for all but "gaussian". N ≥ 2. ks: from 1 to a million each. labels: what
    a conditional model is told of each, in any form that `sample` takes; the bound is then on
    log p(x | label). Costs N · Σ K passes through the decoder.
    """
    require_generator(generator)
    several = ks if isinstance(ks, Sequence) else [ks]
    ks = tuple(whole_number("k", k, 1, SAMPLES) for k in several)
    if not ks or list(ks) != sorted(set(ks)):
        raise CourseError(f"ks are growing whole numbers from 1, e.g. (1, 5, 50), got {ks}.")
    abilities.require_instance(model, "iwae(model, images)")
    if not abilities.can(model, "log_likelihood"):
        raise CourseError(
            f"{type(model).__name__} has no log_likelihood(x, k, generator). A GAN has no "
            "likelihood at all; a model with an exact one has log_prob."
        )
    if not isinstance(images, Tensor):
        raise CourseError(
            f"images must be a tensor, such as dataset.images, not {type(images).__name__}; "
            "torch.from_numpy(…) makes one of an array."
        )
    if not images.ndim or len(images) < 2:
        found = len(images) if images.ndim else "a single number"
        raise CourseError(f"A standard error takes 2 images or more, got {found}.")
    if labels is not None and not (
        isinstance(labels, Tensor) and labels.ndim and len(labels) == len(images)
    ):
        labels = abilities.condition_of(model).checked(labels, len(images))
    likelihood = abilities.scale_of(model)
    if images.dtype == torch.uint8 and likelihood is None:
        raise CourseError(
            f"{type(model).__name__} does not say on which scale it scores images "
            '(settings["likelihood"]): pass floats, prepared with likelihood.on_scale.'
        )
    x = on_scale(images, likelihood, generator) if images.dtype == torch.uint8 else images
    if not x.isfinite().all():
        raise CourseError("Some images hold NaN or infinite values: drop them first.")
    if likelihood in ("binarised", "grey"):
        levels.check_range(x, f"images for a likelihood of {likelihood} pixels")
    scale = SCALES.get(likelihood, UNSTATED)
    bounds = torch.stack(
        [by_parts(model, "log_likelihood", x, labels, k, generator) for k in ks]
    )
    require_finite(bounds, model, "log_likelihood")
    values, errors = zip(*(mean_and_error(row) for row in bounds), strict=True)
    return KCurve(ks, values, errors, len(x), scale, bounds)
