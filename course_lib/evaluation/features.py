"""What a picture shows, as a vector: the named networks that Fréchet distance and KID look through.

Pixels are a bad space to compare sets of images in, so both are compared in the features of a
fixed network. Another network gives another number; so the network's name is part of the score's
name ("FD on digit features"), and only Inception's features would give a "FID". A network
that a model was trained with, or contains, may not measure that model: the model has learnt to
please it. No gradient passes through what is computed here. Lesson 03 shows what each network
sees and what it misses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.data import DataSet
from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError, one_of
from course_lib.evaluation import classes, levels
from course_lib.evaluation.judges.digits import SHAPE, DigitClassifier, digit_classifier
from course_lib.evaluation.judges.faces import FEATURES, FaceFactors, face_factors

READ_RIGHT = 0.9  # of real images: below, the network is not at home on this data


@dataclass(frozen=True)
class Extractor:
    """name: as in "FD on digit features"; dims: of its features.

    scale: what the features are divided by, so that those of real training images have a root
    mean square of about 1 and the terms of KID's cubic kernel are of one size.

    network(): the shipped network, which has `features`; kind: its class; sides: the shape that
    it takes, None for any number.
    """

    name: str
    dims: int
    scale: float
    network: Callable[[], nn.Module]
    kind: type[nn.Module]
    sides: tuple[int | None, ...]

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether it takes images (C, H, W) of this shape."""
        sides = zip(self.sides, shape, strict=False)
        return len(shape) == len(self.sides) and all(own in (None, n) for own, n in sides)


EXTRACTORS = {
    "digits": Extractor("digit features", 128, 2.9, digit_classifier, DigitClassifier, SHAPE),
    "faces": Extractor(
        "face features", FEATURES, 1.4, face_factors, FaceFactors, (3, None, None)
    ),
}


def for_shape(shape: tuple[int, ...]) -> str | None:
    """The name of the extractor that takes images (C, H, W) of this shape, or None."""
    return next((name for name, e in EXTRACTORS.items() if e.takes(tuple(shape))), None)


@torch.no_grad()
@levels.precisely()
def image_features(images: Tensor, name: str) -> Tensor:
    """images (N, C, H, W), uint8 or floats in [0, 1] -> (N, dims) in float64, without gradient.

    name: "digits" (the digit classifier's last hidden layer, 128) or "faces" (that of the judge
    of rendered faces, 96; any size). Floats are rounded to 256 levels first, as real images are.
    """
    one_of("feature extractor", name, EXTRACTORS)
    chosen = EXTRACTORS[name]
    if not chosen.takes(tuple(levels.checked(images).shape[1:])):
        wanted = "×".join(str(side or "any") for side in chosen.sides)
        raise CourseError(
            f"The {chosen.name} are of images of {wanted}; these are {tuple(images.shape)}."
        )
    network = chosen.network()
    parts = [network.features(x) for x in levels.for_network(images, network)]
    return torch.cat(parts).double() / chosen.scale


def own_judge(model: object, shape: tuple[int, ...]) -> str | None:
    """Why this model can't be judged, if the judge of its images is a part of it; else None."""
    name = for_shape(shape)
    if name is None or not isinstance(model, nn.Module):
        return None
    kind = EXTRACTORS[name].kind
    if not any(isinstance(module, kind) for module in model.modules()):
        return None
    return f"the model contains a {kind.__name__}: it may have learnt to please the judge"


# Judges of classes -----------------------------------------------------------------------
class HairStyle(nn.Module):
    """The judge of faces as a classifier: images (B, 3, H, W) -> logits of the hair styles."""

    def __init__(self, judge: FaceFactors) -> None:
        super().__init__()
        self.judge = judge

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(x)["hair"]


def judge_of(dataset: DataSet) -> nn.Module | str:
    """A judge of this data set's classes, (B, C, H, W) -> logits, or why there is none."""
    shape, some = dataset.shape, dataset.take(min(500, len(dataset)))
    if shape == SHAPE:
        judge, what, labels = digit_classifier(), "digits", some.labels
    elif len(shape) == 3 and shape[0] == 3:
        judge, what = HairStyle(face_factors()).eval(), "rendered faces"
        labels = some.attributes["hair"] if FACTORS.keys() <= some.attributes.keys() else None
        if labels is None:
            return (
                "no rendered faces with known factors, which the judge of colour images reads"
            )
    else:
        return f"the judges read 1×28×28 digits and rendered faces in colour, not {shape}"
    sure, read = classes.class_probabilities(some.images, judge).max(1)
    right = sure.mean() if labels is None else (read == labels).double().mean()
    if right < READ_RIGHT:
        return f"no {what}: the judge reads {right:.0%} of the real images right"
    return judge
