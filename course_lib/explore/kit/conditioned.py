"""What explorers need of a model that is told what to draw: pictures of codes and conditions.

A condition is the *vector* that G is given, one-hot for a class and ±1 for attributes, so that an
explorer can also stand between two of them, where no label is (lessons 08 and 09).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from course_lib.errors import CourseError
from course_lib.evaluation.abilities import require_instance
from course_lib.explore.kit import network
from course_lib.models.conditional import Autoencoder, Conditional

MOST = 10  # classes, or columns of attributes, that have room beside each other
Probabilities = Callable[[np.ndarray], np.ndarray]


class Conditioned(NamedTuple):
    """size: length of z; shape: (C, H, W) of an image; classes: how many, 0 if the model is told
    attributes; names: of those, without their bounds if that leaves them different; pictures:
    z (n, size) and vectors (n, classes or attributes) → uint8 (n, H, W, 3)."""

    size: int
    shape: tuple[int, int, int]
    classes: int
    names: tuple[str, ...]
    pictures: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def columns(self) -> dict[str, np.ndarray]:
        """What stands side by side, with its vector: each class; or none of the attributes,
        each of them alone, and all."""
        if self.classes:
            return {f"{c}": row for c, row in enumerate(np.eye(self.classes))}
        none = -np.ones(len(self.names))
        alone = zip(self.names, none + 2 * np.eye(len(self.names)), strict=True)
        return {"none": none, **dict(alone)} | ({"all": -none} if len(self.names) > 1 else {})


def conditioned(model: object, what: str, told: str = "") -> Conditioned:
    """What there is to explore of a `Conditional` model, such as CVAEGAN, CVAE or CGAN.

    told: "classes" or "attributes" where the explorer `what` is about one. Raises `CourseError`
    for other models, and for hybrids that are told nothing, or the other of both.
    """
    require_instance(model, f"explore.{what}(model)")
    name = type(model).__name__
    if not isinstance(model, Conditional):
        raise CourseError(
            f"{what} wants a model that is told what to draw, such as CVAEGAN(), CVAE() or "
            f"CGAN(); got {name}."
        )
    classes, names = model.settings["classes"], tuple(model.settings["attributes"])
    if not model.condition.size:
        raise CourseError(
            f"{what} wants a model with labels; this {name} is told nothing: build it with "
            "classes=10, or with attributes=(…)."
        )
    found = "classes" if classes else "attributes"
    if told and told != found:
        has = f"{classes} classes" if classes else f"attributes ({', '.join(names)})"
        instead = "morph" if classes else "told_attributes"
        raise CourseError(
            f"{what} wants a model that is told {told}; this {name} is told {has}: try "
            f"explore.class_style or explore.{instead}."
        )
    size = model.settings["latent"]
    plain = tuple(name.partition(">")[0].strip() for name in names)
    names = plain if len(set(plain)) == len(plain) else names

    def write(both: torch.Tensor) -> torch.Tensor:
        return (model.write(both[:, :size], both[:, size:]) + 1) / 2

    def pictures(z: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        with model.averaged():
            return network.decode(
                model, write, np.concatenate([z, vectors], axis=1), model.shape
            )

    return Conditioned(size, tuple(model.shape), classes, names, pictures)


def coder(model: object, what: str) -> Callable[[np.ndarray, object], np.ndarray]:
    """The way from an image (C, H, W), floats in [0, 1], and its label to the mean (latent,) of
    q(z | x, c). Raises `CourseError` for a model without an encoder."""
    if not isinstance(model, Autoencoder):
        raise CourseError(
            f"{what} wants a model with an encoder, such as CVAEGAN() or CVAE(); "
            f"{type(model).__name__} can't read an image."
        )

    def code(image: np.ndarray, label: object) -> np.ndarray:
        x = torch.as_tensor(np.asarray(image, dtype=np.float32))[None]
        return model.encode(x, label)[0][0].cpu().double().numpy()

    return code


class Judge(torch.nn.Module):
    """A judge, a module or any function of images, whose answers are held to be logits
    (n, classes)."""

    def __init__(self, judge: Callable, classes: int, what: str) -> None:
        super().__init__()
        self.judge, self.classes, self.what = judge, classes, what
        self.training = getattr(judge, "training", False)  # and leave the judge as it is

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """images (n, C, H, W) in [0, 1] → logits (n, classes), or a `CourseError`."""
        logits, wanted = self.judge(images), (len(images), self.classes)
        tensor = isinstance(logits, torch.Tensor)
        found = tuple(logits.shape) if tensor else type(logits).__name__
        if found != wanted:
            raise CourseError(
                f"{self.what} wants a judge of {self.classes} classes, images (n, C, H, W) → "
                f"logits (n, {self.classes}); of {len(images)} it made {found}."
            )
        return logits


def class_judge(space: Conditioned, judge: object, what: str) -> Probabilities | None:
    """Who reads pictures uint8 (n, H, W, 3) → (n, classes): the judge given, or the shipped one
    where a model of ten classes makes images 1×28×28, taken for digits; else nobody."""
    from course_lib import evaluation

    if judge is None:
        if space.shape != (1, 28, 28) or space.classes != 10:
            return None
        judge = evaluation.digit_classifier()
    if not callable(judge):
        raise CourseError(
            f"{what} wants a judge such as evaluation.digit_classifier(); got {judge!r:.60}."
        )

    asked = Judge(judge, space.classes, what)

    def read(pixels: np.ndarray) -> np.ndarray:
        images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        found = evaluation.class_probabilities(images[:, : space.shape[0]], asked)
        return found.double().cpu().numpy()

    read(np.zeros((1, *space.shape[1:], 3), np.uint8))  # so that what is wrong is said at once
    return read
