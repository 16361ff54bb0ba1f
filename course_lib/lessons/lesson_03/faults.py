"""Four samplers of lesson 03 in the place of trained models, of which three have a fault.

Each is made from the images that were trained on and from real images that are in no other set.
They stand here so that the lesson's page does not give the answer away.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.checks.exercises import Faults
from course_lib.data import DataSet
from course_lib.evaluation.ladder import blurred
from course_lib.evaluation.levels import as_levels


@dataclass(frozen=True)
class Sampler:
    """Draws from a set of images (N, C, H, W) in [0, 1], in the place of a trained model."""

    images: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.images.shape[1:])

    def sample(
        self, n: int, *, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """n of the images, each drawn at random."""
        return self.images[torch.randint(len(self.images), (n,), generator=generator)]


def _smoothed(train: DataSet, fresh: DataSet) -> Sampler:
    return Sampler(blurred(as_levels(fresh.images), 1 / 50))


def _ten_pictures(train: DataSet, fresh: DataSet) -> Sampler:
    new, typical = as_levels(fresh.images), []
    for label in fresh.labels.unique():
        one_class = new[fresh.labels == label]
        apart = (one_class - one_class.mean(0)).square().flatten(1).sum(1)
        typical.append(one_class[apart.argmin()])
    return Sampler(torch.stack(typical))


def _fresh(train: DataSet, fresh: DataSet) -> Sampler:
    return Sampler(as_levels(fresh.images))


def _recites(train: DataSet, fresh: DataSet) -> Sampler:
    return Sampler(as_levels(train.images))


faults = Faults({"Lea": _smoothed, "Mo": _ten_pictures, "Nia": _fresh, "Oto": _recites})
