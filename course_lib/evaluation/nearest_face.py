"""How far is a picture from the nearest face that the renderer can draw?

Of photographs nobody knows the set of all faces; of rendered faces the set is known: it is what
the renderer draws. So a generated face is compared with the nearest member of that set, and what
remains is what is wrong with it: an eye too low, a smear, two hair styles at once. The nearest
face is looked for by a descent from the judge's reading, one factor after another, so the residual
is an upper bound; on real faces it shows how good the search is, and that is its floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data.faces import FACTORS, render
from course_lib.errors import CourseError
from course_lib.evaluation.judges.faces import (
    CHOICES,
    RANGES,
    SIDE,
    FaceFactors,
    as_factors,
    at_side,
    face_factors,
)
from course_lib.evaluation.levels import as_levels, checked

STEPS = (0.14, 0.05)  # of a factor's half range, one sweep each
PART = 100


@dataclass(frozen=True)
class NearestFace:
    """residual (N,): root mean square difference of pixels, 0 to 1. factors: of the faces found,
    as `faces.render` takes them. faces (N, 3, 32, 32): these faces, uint8.
    """

    residual: Tensor
    factors: dict[str, Tensor]
    faces: Tensor


def nearest_face(images: Tensor, judge: FaceFactors | None = None) -> NearestFace:
    """The nearest rendered face to each of images (N, 3, H, W), uint8 or floats in [0, 1].

    Compared at 32×32. From the judge's reading (None: the shipped one's) each choice is tried
    with the judge's second guess, and each continuous factor a step up and a step down, in
    sweeps with smaller and smaller steps. Some 56 renderings a picture: about .1 seconds on a
    busy core.
    """
    if checked(images).shape[1] != 3:
        raise CourseError(f"Expected colour images (N, 3, H, W), got {tuple(images.shape)}.")
    judge = face_factors() if judge is None else judge
    if not isinstance(judge, FaceFactors):
        raise CourseError(
            "judge must be a judge of faces, such as evaluation.face_factors() gives, not "
            f"{type(judge).__name__}."
        )
    found = [_nearest(part, judge) for part in images.split(PART)]
    costs, factors = zip(*found, strict=True)
    factors = {name: torch.cat([part[name] for part in factors]) for name in FACTORS}
    return NearestFace(torch.cat(costs).sqrt(), factors, render(factors, SIDE))


def _nearest(images: Tensor, judge: FaceFactors) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean squared differences (N,), and the factors."""
    target, answers = at_side(as_levels(images)), judge.answers(images)
    factors = as_factors(answers)

    def cost(tried: dict[str, Tensor]) -> Tensor:
        drawn = render(tried, SIDE).float().div_(255).unflatten(0, (-1, len(target)))
        return (drawn - target).square().flatten(2).mean(2)

    best = cost(factors)[0]

    def keep_better(name: str, tries: list[Tensor]) -> None:
        nonlocal best
        alike = {k: v.repeat(len(tries)) for k, v in factors.items()}
        found, which = cost(alike | {name: torch.cat(tries)}).min(0)
        values = torch.stack(tries).gather(0, which[None])[0]
        factors[name] = torch.where(found < best, values, factors[name])
        best = torch.minimum(found, best)

    for name in CHOICES:
        keep_better(name, [answers[name].topk(2, 1).indices[:, 1]])
    for step in STEPS:
        for name in RANGES:
            low, high = FACTORS[name].low, FACTORS[name].high
            moves = (-step * (high - low) / 2, step * (high - low) / 2)
            keep_better(name, [(factors[name] + move).clamp(low, high) for move in moves])
    return best, factors
