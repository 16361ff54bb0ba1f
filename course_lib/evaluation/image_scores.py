"""Samples against real images, score by score, and real images against real ones: the floor.

The real images are split into two halves. The samples are compared with the first, and so is the
second half, with as many images: what two sets of real images get is the floor. All sets have one
size, since Fréchet distance and coverage depend on it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor, nn

from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.evaluation import distances, features
from course_lib.evaluation.features import HairStyle
from course_lib.evaluation.image_statistics import (
    asymmetry,
    distribution_distance,
    sharpness,
    spectrum_slope,
)
from course_lib.evaluation.likelihood import mean_and_error
from course_lib.evaluation.manifold import K, prdc
from course_lib.evaluation.nearest_face import nearest_face
from course_lib.evaluation.table import Row, without

MINIMUM = 10  # images in each set
SEARCHED = 50  # faces whose nearest renderable one is looked for, at most
STATISTICS = {  # name -> measure, and what less and more of it mean
    "Laplacian variance": (sharpness, "softer", "sharper, by detail or noise"),
    "power-spectrum slope": (spectrum_slope, "steeper: blurred", "flatter: noise, edges"),
    "left–right asymmetry": (asymmetry, "more symmetric", "less symmetric"),
}
NEIGHBOURS = {  # name -> unit and note
    "precision": ("share", f"samples within real images' reach, k = {K}; outliers inflate it"),
    "recall": ("share", "real images within samples' reach"),
    "density": ("", "as precision, by the number of real neighbours; 1 for real ones"),
    "coverage": ("share", "real images with a sample within their reach"),
}
NAMES = ("FD", "KID", *NEIGHBOURS)


def halves(dataset: DataSet, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two sets of n different images of the data set at random, or of half of it each."""
    n = min(n, len(dataset) // 2)
    order = torch.randperm(len(dataset), generator=generator, device="cpu")
    return dataset.subset(order[:n]).images, dataset.subset(order[n : 2 * n]).images


class RealImages:
    """Two sets of n real images that no model saw, and what is known of them.

    real: what samples are compared with; others: what the floor compares with it. judge: as
    `features.judge_of` gives it, a network, or the reason why there is none; own: why the
    extractor may not be used for this model, or None.
    """

    def __init__(
        self, real: Tensor, others: Tensor, judge: nn.Module | str, own: str | None = None
    ) -> None:
        self.real, self.others, self.judge, self.own = real, others, judge, own
        self.n, self.shape = len(real), tuple(real.shape[1:])

    def rows(self, samples: Tensor) -> list[Row]:
        """Every score of samples (M, C, H, W), M at least n, against the real images."""
        if self.n < MINIMUM:
            why = f"takes {2 * MINIMUM} held-out images or more, here are fewer"
            return without((*NAMES, *STATISTICS), why)
        floor = {row.name: row.value for row in self._floor}
        return [replace(row, floor=floor[row.name]) for row in self._scores(samples[: self.n])]

    @cached_property
    def _floor(self) -> list[Row]:
        return self._scores(self.others)

    def _scores(self, images: Tensor) -> list[Row]:
        """The scores of images against the first set; a row's floor is left out."""
        rows = self._feature_scores(images) + self._statistics(images)
        return rows + ([self._residual(images)] if isinstance(self.judge, HairStyle) else [])

    # In the features of a network ----------------------------------------------------------
    @cached_property
    def _real_features(self) -> Tensor:
        return features.image_features(self.real, self._extractor)

    @cached_property
    def _extractor(self) -> str | None:
        return features.for_shape(self.shape)

    def _feature_scores(self, images: Tensor) -> list[Row]:
        if self._extractor is None or self.own is not None:
            why = self.own or (
                f"no feature extractor takes images of {self.shape}: they read 1×28×28 and 3×H×W"
            )
            return without(NAMES, why)
        chosen = features.EXTRACTORS[self._extractor]
        on, size = f"on {chosen.name}", f"{self.n:,} against {self.n:,}"
        home = "; not what the network was trained on" if isinstance(self.judge, str) else ""
        a, b = features.image_features(images, self._extractor), self._real_features
        if self.n < (need := distances.PER_DIMENSION * chosen.dims):
            fd = Row(f"FD {on}", None, note=f"takes {need} images on each side, not {self.n}")
        else:
            value = distances.frechet_distance(a, b)
            error = distances.left_out_error(distances.fitted_frechet, a, b)
            note = f"{size}; biased upwards: compare at this N only{home}"
            fd = Row(f"FD {on}", value, error, note=note)
        note = f"{size}; unbiased, so 0 ± error is 0{home}"
        kid, found = Row(f"KID {on}", *distances.kid(a, b), note=note), prdc(b, a)
        return [fd, kid] + [
            Row(f"{name} {on}", getattr(found, name), found.errors[name], None, *about)
            for name, about in NEIGHBOURS.items()
        ]

    # In the picture itself ------------------------------------------------------------------
    @cached_property
    def _real_statistics(self) -> dict[str, Tensor]:
        return {name: measure(self.real) for name, (measure, _, _) in STATISTICS.items()}

    def _statistics(self, images: Tensor) -> list[Row]:
        rows = []
        for name, (measure, less, more) in STATISTICS.items():
            try:
                real, fake = self._real_statistics[name], measure(images)
                value = distribution_distance(fake, real)
                spread = distances.left_out_error(distribution_distance, fake, real)
            except CourseError as error:
                rows += without([name], str(error))
                continue
            middles = fake.median().item(), real.median().item()
            note = f"median {middles[0]:.3g}, real {middles[1]:.3g}"
            note += f": {less if middles[0] < middles[1] else more}"
            rows.append(Row(name, value, spread, None, "real sd", note))
        return rows

    def _residual(self, images: Tensor) -> Row:
        some = images[: min(SEARCHED, max(MINIMUM, self.n // 20))]
        residual = nearest_face(some, self.judge.judge).residual
        note = f"root mean square over pixels, {len(some)} faces; an upper bound"
        name = "residual to nearest face"
        return Row(name, *mean_and_error(residual), None, "0 to 1", note)
