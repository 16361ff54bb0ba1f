"""What a conditional model is told: a class, or a vector of yes-or-no attributes.

Two kinds with the same methods, so that one model serves digits and faces: `Classes` gives a
one-hot vector and a softmax loss, `Attributes` a vector of ±1 and a sum of two-class losses.
Both say into which groups an image falls, whose feature centres the CVAE-GAN follows: one group
a class, or two an attribute (with and without). `Nothing` is the condition of a model that has
none. `length` is the Euclidean length of their vectors. Derived in lessons 08 and 09.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.errors import CourseError, one_of
from course_lib.models.settings import names, whole

# How `read` gets at the attribute of a name: from a data set, or from a batch of a training.
Lookup = Callable[[str], Tensor]


class Nothing:
    """No condition: vectors of length 0."""

    size = outputs = groups = 0
    length = 1.0

    def require(self, dataset) -> None:
        """Any data set will do."""

    def read(self, labels: Tensor | None, attribute: Lookup) -> None:
        return None

    def checked(self, labels: Any, n: int) -> None:
        if labels is not None:
            raise CourseError("This model is unconditional: leave the labels out.")

    def vectors(self, labels: None, n: int, **place) -> Tensor:
        return torch.zeros(n, 0, **place)

    def asked(self, n: int, generator: torch.Generator | None) -> None:
        return None


class Classes:
    """One of `n` classes; labels are whole numbers (B,)."""

    def __init__(self, n: int) -> None:
        self.size = self.outputs = self.groups = n
        self.length = 1.0

    def require(self, dataset) -> None:
        """Refuse a data set without labels, or with more classes than there are."""
        if dataset.labels is None:
            raise CourseError(
                f"A model of {self.size} classes learns from labels, and this data set has none: "
                "give DataSet(images, labels), or build the model with classes=0, or with "
                "attributes=(…) if the data set has attributes."
            )
        self.checked(dataset.labels, len(dataset))

    def read(self, labels: Tensor | None, attribute: Lookup) -> Tensor:
        """The labels (B,) of a batch or data set."""
        return labels

    def checked(self, labels: Any, n: int) -> Tensor:
        """Labels of n images as int64 (n,); one number stands for all. Raises CourseError."""
        top = self.size - 1
        kind = f"Expected {n} labels, one an image, each a whole number from 0 to {top}"
        return _checked(labels, (n,), top, kind)

    def vectors(self, labels: Tensor, n: int, **place) -> Tensor:
        """Labels (n,) → one-hot rows (n, classes)."""
        return F.one_hot(labels, self.size).to(**place)

    def asked(self, n: int, generator: torch.Generator | None) -> Tensor:
        """What is drawn if nobody says what: each class in turn, (n,)."""
        return torch.arange(n) % self.size

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """−log P(c | x) from logits (B, classes), (B,) nats; log n where C knows nothing."""
        return F.cross_entropy(logits, labels, reduction="none")

    def members(self, labels: Tensor, **place) -> Tensor:
        """Which groups each image belongs to, ones and zeros (B, groups)."""
        return self.vectors(labels, len(labels), **place)


class Attributes:
    """Named attributes that an image has or has not; labels are ones and zeros (B, K).

    A name alone means: its value is above 0 (1 of 0 and 1 in CelebA, a smile among smiles and
    frowns). "mouth_open>0.5" sets another bound.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.rules = [_rule(name) for name in self.names]
        if len(set(self.names)) < len(self.names):
            raise CourseError(f"An attribute is named twice: {', '.join(self.names)}.")
        self.size = self.outputs = len(self.names)
        self.groups = 2 * self.size
        self.length = math.sqrt(self.size)

    def require(self, dataset) -> None:
        """Refuse a data set that lacks an attribute, or where one never varies."""
        if not dataset.attributes:
            raise CourseError(
                f"The model is told {', '.join(self.names)}, and this data set has no attributes. "
                "data.load('faces') and data.load('celeba') have; or build it with attributes=()."
            )
        for name, _ in self.rules:
            one_of("attribute", name, dataset.attributes)
        found = self.read(None, dataset.attributes.__getitem__)
        for name, share in zip(self.names, found.double().mean(0).tolist(), strict=True):
            if share in (0.0, 1.0):
                values = dataset.attributes[_rule(name)[0]]
                raise CourseError(
                    f"The attribute {name!r} is the same for all images: values lie between "
                    f"{values.min():.3g} and {values.max():.3g}. Set a bound between them, "
                    f"such as '{_rule(name)[0]}>{(values.min() + values.max()) / 2:.3g}'."
                )

    def read(self, labels: Tensor | None, attribute: Lookup) -> Tensor:
        """The attributes (B, K) of a batch or data set, int64."""
        return torch.stack([attribute(name) > bound for name, bound in self.rules], 1).long()

    def checked(self, labels: Any, n: int) -> Tensor:
        """Ones and zeros (n, K) as int64; one row stands for all. Raises CourseError."""
        kind = f"Expected {self.size} ones or zeros an image ({', '.join(self.names)})"
        return _checked(labels, (n, self.size), 1, kind)

    def vectors(self, labels: Tensor, n: int, **place) -> Tensor:
        """Ones and zeros (n, K) → ±1, so that "without" is said as loudly as "with"."""
        return (2 * labels - 1).to(**place)

    def asked(self, n: int, generator: torch.Generator | None) -> Tensor:
        """What is drawn if nobody says what: a fair coin for each attribute, (n, K)."""
        return torch.randint(2, (n, self.size), generator=generator)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """−Σ log P(c_k | x) from logits (B, K), (B,) nats; K log 2 where C knows nothing."""
        target = labels.to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(1)

    def members(self, labels: Tensor, **place) -> Tensor:
        """Which groups each image belongs to, ones and zeros (B, 2K): with, then without."""
        return torch.cat([labels, 1 - labels], 1).to(**place)


Condition = Nothing | Classes | Attributes

# Settings of a model that may be told a class or attributes.
CONDITION = {
    "classes": whole(0, "number of classes, or 0", "[0, 1000000]"),
    "attributes": names((), "what an image has or has not, with a bound: mouth_open>0.5"),
}


def condition(classes: int, attributes: Sequence[str]) -> Condition:
    """The condition that settings ask for: `classes` of them, or these attributes, or none."""
    if classes == 1:
        raise CourseError(
            f"classes is 0 (no labels) or a whole number from 2, not {classes!r}."
        )
    if classes and attributes:
        raise CourseError(
            f"A model is told a class or attributes: got classes={classes} and attributes "
            f"{', '.join(attributes)}. With attributes, set classes=0."
        )
    if attributes:
        return Attributes(attributes)
    return Classes(classes) if classes else Nothing()


def _rule(name: str) -> tuple[str, float]:
    """ "mouth_open>0.5" → ("mouth_open", 0.5)."""
    base, found, bound = str(name).partition(">")
    try:
        return base.strip(), float(bound) if found else 0.0
    except ValueError as error:
        raise CourseError(f"Expected a number after > in the attribute {name!r}.") from error


def _checked(labels: Any, shape: tuple[int, ...], top: int, kind: str) -> Tensor:
    """Labels of that shape as int64, whole numbers 0 … top; what one image has stands for all."""
    if labels is None:
        raise CourseError(f"{kind}; got none.")
    try:
        given = torch.as_tensor(labels).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"{kind}; got {labels!r}.") from error
    found = given.expand(shape) if given.shape == shape[1:] else given
    if found.shape != shape:
        raise CourseError(f"{kind}, shape {shape}; got shape {tuple(given.shape)}.")
    wrong = found[~((found >= 0) & (found <= top) & (found == found.long()))]
    if wrong.numel():
        few = ", ".join(f"{value:g}" for value in wrong[:5].tolist())
        raise CourseError(f"{kind}; got {few}{' …' if len(wrong) > 5 else ''}.")
    return found.long()
