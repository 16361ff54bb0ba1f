"""A scale for the scores: what do they say of real images that were spoilt in a known way?

A number like "FD 31" means nothing by itself. Its floor says what real images get; a ladder says
what slightly blurred, blurred and noised images get, and images of which a mode is missing. A
score that does not rise where pictures get worse does not see what is wrong with them: each score
has such a blind spot. Lesson 03 prints ladders.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data import DataSet
from course_lib.errors import CourseError, one_of, whole_number
from course_lib.evaluation import features, image_statistics, scores
from course_lib.evaluation.image_scores import MINIMUM, RealImages
from course_lib.evaluation.levels import as_levels
from course_lib.evaluation.table import Report, Table, number
from course_lib.training import budget as budget_named

SHARE = 0.22  # of the data set in each set: half of the rest can be dropped


def blurred(images: Tensor, share: float) -> Tensor:
    """Images (N, C, H, W) in [0, 1] under a Gaussian whose sd is that share of the side."""
    flat = image_statistics.smooth(images.double().flatten(0, 1), share * images.shape[3])
    return flat.float().view_as(images).clamp(0, 1)


def noised(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Images in [0, 1] with Gaussian noise of that standard deviation, clipped to [0, 1]."""
    noise = torch.randn(images.shape, generator=generator, device="cpu", dtype=torch.float32)
    return (images + strength * noise).clamp(0, 1)


@dataclass(frozen=True, repr=False)
class Ladder(Table):
    """Scores of real images, and of real images spoilt in known ways, against other real images.

    reports: rung -> Report; the first rung, "real", is the floor. `ladder["noised"]["KID on
    digit features"].value` is one number; printed, it is one row a score and one column a rung.
    """

    about: str
    reports: dict[str, Report]

    def __getitem__(self, rung: str) -> Report:
        one_of("rung", rung, self.reports)
        return self.reports[rung]

    def cells(self) -> list[tuple[str, ...]]:
        """The table as text, its head first; a score that no rung has is left out."""
        table = [("score", *self.reports)]
        for i, row in enumerate(next(iter(self.reports.values())).rows):
            values = [report.rows[i].value for report in self.reports.values()]
            if any(value is not None for value in values):
                name = f"{row.name} ({row.unit})" if row.unit else row.name
                table.append((name, *map(number, values)))
        return table

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON."""
        rungs = {name: report.to_dict() for name, report in self.reports.items()}
        return {"about": self.about, "rungs": rungs}


def ladder(
    dataset: DataSet, *, n: int | None = None, seed: int = 0, budget: str | None = None
) -> Ladder:
    """What every score says of real images: as they are, blurred, noised, with modes missing.

    dataset: images; without labels no mode can be dropped. n: images on each side, by budget
    300, 1,000 or 5,000, at most 22% of the data set, so that enough are left when half the
    modes are dropped. All rungs spoil the same images and are compared with the same others;
    "half recited" shares half its images with a third set that plays the training data.
    Costs seven reports without their samples. Raises CourseError for points and few images.
    """
    if not isinstance(dataset, DataSet) or len(dataset.shape) != 3:
        raise CourseError("A ladder is made of a data set of images, e.g. data.load('digits').")
    seed = whole_number("seed", seed, 0, 2**63 - 1)
    n = budget_named(budget).pick(smoke=300, laptop=1000, full=5000) if n is None else n
    n = min(whole_number("n", n, MINIMUM), int(SHARE * len(dataset)))
    if n < MINIMUM:
        raise CourseError(
            f"A ladder takes {MINIMUM} images on each side, of a data set of "
            f"{math.ceil(MINIMUM / SHARE)}; this one has {len(dataset):,}."
        )
    order = torch.randperm(
        len(dataset), generator=torch.Generator().manual_seed(seed), device="cpu"
    )
    judge = features.judge_of(dataset)
    against, seen, pool = (
        dataset.subset(part) for part in (order[:n], order[n : 2 * n], order[2 * n :])
    )
    real, reports = RealImages(against.images, pool.images[:n], judge), {}
    read = scores.read(against.images, judge)
    for rung, images in _spoilt(pool, seen, n, seed).items():
        generator = torch.Generator().manual_seed(seed)
        rows, _ = scores.modes(images, read, judge, generator)
        rows += real.rows(images) + scores.memory(images, against, seen, generator)
        about = f"{rung} against real: {n:,} images each, seed {seed}"
        reports[rung] = Report(about, tuple(rows))
    name = dataset.card.name or "images"
    return Ladder(f"{name}: {n:,} spoilt images against {n:,} real ones, seed {seed}", reports)


def _spoilt(pool: DataSet, seen: DataSet, n: int, seed: int) -> dict[str, Tensor]:
    """Each rung's n images (n, C, H, W) in [0, 1], from the real ones of `pool`."""
    x = as_levels(pool.images[:n])
    generator = torch.Generator().manual_seed(seed)
    found = {
        "real": x,
        "slightly blurred": blurred(x, 1 / 50),
        "blurred": blurred(x, 1 / 25),
        "noised": noised(x, 0.1, generator),
    }
    if pool.labels is not None:
        modes = pool.labels.unique()
        for rung, dropped in (("a mode dropped", 1), ("half the modes", len(modes) // 2)):
            kept = (~torch.isin(pool.labels, modes[:dropped])).nonzero().flatten()[:n]
            if dropped and len(kept) == n:
                found[rung] = pool.subset(kept).batch().x
    recited = (torch.arange(n, device="cpu") % 2 == 0).view(-1, 1, 1, 1)
    return found | {"half recited": torch.where(recited, as_levels(seen.images), x)}
