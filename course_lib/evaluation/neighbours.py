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
from course_lib.evaluation.classes import as_levels, checked

ROWS = 500


@dataclass(frozen=True)
class Memorisation:
    """How near samples are to training images, against as many that were held out.

    share of samples nearer to training images (floor ½) and its standard error over samples,
    which knows nothing of the chance in the references: samples that are all alike show the
    references' luck. ratio of the median distances to training and to held-out images (floor 1).
    references: how many of each.
    """

    share: float
    error: float
    ratio: float
    references: int


def nearest(images: Tensor, references: Tensor) -> Tensor:
    """Euclidean distance of each of (N, …) to the nearest of (M, …), (N,)."""
    flat = references.flatten(1)
    return torch.cat([torch.cdist(x, flat).amin(1) for x in images.flatten(1).split(ROWS)])


def memorisation(
    samples: Tensor,
    train: Tensor,
    held_out: Tensor,
    generator: torch.Generator | None = None,
) -> Memorisation:
    """Compare samples' distances to training images with those to as many held-out ones.

    All (N, C, H, W), uint8 or floats in [0, 1]. The larger of the two real sets is thinned at
    random, since more references lie nearer by their number alone. A tie counts a half.
    """
    shapes = {tuple(checked(x).shape[1:]) for x in (samples, train, held_out)}
    if len(shapes) > 1:
        raise CourseError(
            "samples, train and held_out need one shape, got "
            f"{tuple(samples.shape)}, {tuple(train.shape)} and {tuple(held_out.shape)}."
        )
    m = min(len(train), len(held_out))
    seen, unseen = (
        as_levels(x[torch.randperm(len(x), generator=generator)[:m]]) for x in (train, held_out)
    )
    samples = as_levels(samples)
    to_seen, to_unseen = nearest(samples, seen), nearest(samples, unseen)
    wins = (to_seen < to_unseen).double() + 0.5 * (to_seen == to_unseen).double()
    share = wins.mean().item()
    ratio = (to_seen.median() / to_unseen.median().clamp(min=1e-12)).item()
    error = math.sqrt(max(share * (1 - share), 0.25 / len(samples)) / len(samples))
    return Memorisation(share, error, ratio, m)
