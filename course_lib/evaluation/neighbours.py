"""Does a model draw, or recite? The nearest-neighbour test of memorisation (lesson 03).

A sample of a model that has learnt the distribution is no nearer to the training images than to
as many real images that the model never saw. One that recites is. Distances are Euclidean in
pixels, which is blunt: a copy shifted by two pixels goes unseen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.evaluation.levels import as_levels, checked
from course_lib.pixels import require_generator

ROWS = 500


@dataclass(frozen=True)
class Memorisation:
    """How near samples are to training images, against as many that were held out.

    share of samples nearer to training images (floor ½) and its standard error, over samples and
    over both sets of references. ratio of the median distances to training and to held-out
    images (floor 1); of an even number of distances the lower one of the middle two is taken.
    references: how many of each.
    """

    share: float
    error: float
    ratio: float
    references: int


def nearest(images: Tensor, references: Tensor) -> Tensor:
    """Euclidean distance of each of (N, …) to the nearest of (M, …), (N,)."""
    return _two_nearest(images, references)[0][:, 0]


def memorisation(
    samples: Tensor, train: Tensor, held_out: Tensor, generator: torch.Generator | None = None
) -> Memorisation:
    """Compare samples' distances to training images with those to as many held-out ones.

    All (N, C, H, W), uint8 or floats in [0, 1]. The larger of the two real sets is thinned at
    random, since more references lie nearer by their number alone. A tie counts a half. The
    error is the jackknife's: one image left out at a time, of samples and of references, for a
    plain image near everything decides for many samples at once. Of few references that
    happens unseen, so it is never below 1/m for m of each.
    """
    require_generator(generator)
    shapes = {tuple(checked(x).shape[1:]) for x in (samples, train, held_out)}
    if len(shapes) > 1:
        raise CourseError(
            "samples, train and held_out need one shape, got "
            f"{tuple(samples.shape)}, {tuple(train.shape)} and {tuple(held_out.shape)}."
        )
    m, n = min(len(train), len(held_out)), len(samples)
    seen, unseen = (
        as_levels(x[torch.randperm(len(x), generator=generator, device="cpu")[:m]])
        for x in (train, held_out)
    )
    samples = as_levels(samples)
    (to_seen, first_seen), (to_unseen, first_unseen) = (
        _two_nearest(samples, x) for x in (seen, unseen)
    )
    won = _won(to_seen[:, 0], to_unseen[:, 0])
    share = won.mean().item()
    variance = max(share * (1 - share), 0.25 / n) / n
    # Without a reference, the samples that it was nearest to have their second nearest.
    variance += _jackknifed(_won(to_seen[:, -1], to_unseen[:, 0]) - won, first_seen, m)
    variance += _jackknifed(_won(to_seen[:, 0], to_unseen[:, -1]) - won, first_unseen, m)
    ratio = (to_seen[:, 0].median() / to_unseen[:, 0].median().clamp(min=1e-12)).item()
    return Memorisation(share, max(math.sqrt(variance), 1 / m), ratio, m)


def _won(to_seen: Tensor, to_unseen: Tensor) -> Tensor:
    """1 where the training images are nearer, ½ at a tie."""
    return (to_seen < to_unseen).double() + 0.5 * (to_seen == to_unseen).double()


def _jackknifed(change: Tensor, nearest_to: Tensor, m: int) -> float:
    """The variance of a share over m references, from what each sample's share changes by when
    the reference that is nearest to it is left out: the jackknife's, without what each sample
    adds by itself, which is counted already."""
    zeros = change.new_zeros(m)
    effect = zeros.index_add(0, nearest_to, change)
    own = change.square().sum()
    found = (effect - effect.mean()).square().sum() - own
    return (m - 1) / m * max(0.0, found.item()) / len(change) ** 2


def _two_nearest(images: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """Distances of each of (N, …) to the two nearest of (M, …), (N, 2) or (N, 1), and to which
    the smaller one is, (N,)."""
    flat, found = references.flatten(1), []
    for x in images.flatten(1).split(ROWS):
        found.append(torch.cdist(x, flat).topk(min(2, len(flat)), largest=False))
    return torch.cat([f.values for f in found]), torch.cat([f.indices[:, 0] for f in found])
