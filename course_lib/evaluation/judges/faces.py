"""The judge of faces: a small network that reads the factors which a face was drawn from.

The rendered faces are the one set of pictures of which everything is known, so their judge can
be asked more than "which class": how wide the smile is, which way the head is turned, whether
there are glasses. It was trained on rendered faces only, never on generated ones, and is shipped
and fixed like the judge of digits. On other pictures, photographs or anime, its readings mean
nothing; its features are then no more than a fixed projection, and the score's note says so.
Lesson 03 uses it; lesson 04 asks it whether "with glasses minus without" adds glasses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError
from course_lib.evaluation.judges import shipping
from course_lib.evaluation.levels import for_network, precisely, require_judge

NAME = "face_factors"
SIDE = 32
FEATURES = 96
CHOICES = tuple(name for name, factor in FACTORS.items() if factor.kind == "choice")
RANGES = tuple(name for name, factor in FACTORS.items() if factor.kind == "continuous")


class FaceFactors(nn.Module):
    """Images (B, 3, H, W) in [0, 1] -> an answer for each of the 19 factors of a rendered face.

    Pictures of any size are brought to 32×32 by averaging areas. Four convolutions and two
    linear layers, about 175,000 parameters. The answers are logits (B, options) for a choice and
    (B,) for a continuous factor, in standard deviations from the middle of its range. `seed`
    fixes the initial weights.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.settings = {"seed": seed}
        self.widths = [len(FACTORS[name].options) for name in CHOICES] + [1] * len(RANGES)
        with shipping.built(self, seed):
            self.body = nn.Sequential(
                nn.PixelUnshuffle(2),  # half the side, four times the channels: nothing is lost
                *(*shipping.block(12, 32), *shipping.block(32, 32), nn.MaxPool2d(2)),
                *(*shipping.block(32, 64), *shipping.block(64, 64), nn.MaxPool2d(2)),
                *(nn.Flatten(), nn.Linear(64 * 4 * 4, FEATURES, bias=False)),
                nn.BatchNorm1d(FEATURES),  # without it half of the features never fire
                nn.ReLU(),
            )
            self.head = nn.Linear(FEATURES, sum(self.widths))

    def features(self, x: Tensor) -> Tensor:
        """x (B, 3, H, W) in [0, 1] -> the input of the last layer, (B, 96), non-negative."""
        if x.ndim != 4 or x.shape[1] != 3:
            raise CourseError(
                f"The judge of faces reads colour images of shape (B, 3, H, W), and got "
                f"{tuple(x.shape)}."
            )
        return self.body(at_side(x))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        parts = self.head(self.features(x)).split(self.widths, 1)
        answers = zip((*CHOICES, *RANGES), parts, strict=True)
        return {name: part if name in CHOICES else part[:, 0] for name, part in answers}

    @torch.no_grad()
    @precisely()
    def answers(self, images: Tensor) -> dict[str, Tensor]:
        """What `forward` gives, of images (N, 3, H, W): uint8, or floats in [0, 1].

        Floats are rounded to 256 levels first, as real images are. Raises CourseError in
        training mode.
        """
        require_judge(self)
        parts = [self(x) for x in for_network(images, self)]
        return {name: torch.cat([part[name] for part in parts]) for name in FACTORS}

    def read(self, images: Tensor) -> dict[str, Tensor]:
        """The factors as `faces.render` takes them, name -> (N,): int64, or float32 in range."""
        return as_factors(self.answers(images))


def as_factors(answers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The likeliest options, and values in their own units, cut off at the ends of the range."""

    def in_range(name: str, values: Tensor) -> Tensor:
        middle, sd = spread_of(name)
        return (middle + sd * values).clamp(FACTORS[name].low, FACTORS[name].high)

    return {n: v.argmax(1) if n in CHOICES else in_range(n, v) for n, v in answers.items()}


def at_side(x: Tensor) -> Tensor:
    """Images (B, C, H, W) at 32×32, each pixel the mean of the area that it covers."""
    return x if x.shape[2:] == (SIDE, SIDE) else F.interpolate(x, (SIDE, SIDE), mode="area")


def spread_of(name: str) -> tuple[float, float]:
    """Middle and standard deviation of a factor that is uniform on its range."""
    low, high = FACTORS[name].low, FACTORS[name].high
    return (low + high) / 2, (high - low) / math.sqrt(12)


def face_factors_card() -> dict:
    """What is known of the shipped judge of faces: recipe, data, checksum, scores by factor."""
    return shipping.card(NAME)


def face_factors() -> FaceFactors:
    """The shipped judge of rendered faces, in evaluation mode, its weights fixed and checked."""
    return shipping.load(FaceFactors, NAME)
