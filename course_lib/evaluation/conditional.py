"""Does a model draw what it was asked for, and all of it? Three scores of samples with labels.

*GAN-test*: an independent judge reads the samples; how often does it read what was asked? A model
that draws one perfect seven for every seven is judged perfect. *GAN-train*: a classifier that has
seen samples alone reads real images; it fails where samples are wrong, and where they are too
much alike (Shmelkov et al. 2018). *Intra-class diversity*: how far apart two samples of one class
are, against two real images of it. No score of the three is to be shown alone: noise is diverse.
The judge is never a model's own classifier. Lessons 08 and 09.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.data import DataSet, valid
from course_lib.errors import CourseError, whole_number
from course_lib.evaluation import abilities, classes, features, levels
from course_lib.evaluation.distances import left_out_error
from course_lib.evaluation.judges import digits
from course_lib.evaluation.table import Row, without
from course_lib.models.parts.conditions import Classes

PAIRED = 1000  # images of a group whose pairs are compared, at most
TRAINED = 1_500  # batches of a hundred that GAN-train's classifier sees in a report, at most
NAMES = ("asked class read (GAN-test)", "GAN-train", "intra-class diversity")


def labels_of(model, dataset: DataSet) -> Tensor | None:
    """What a conditional model would be told of each item of the data set; None if nothing.

    Raises CourseError if the data set lacks it.
    """
    condition = abilities.condition_of(model)
    if not condition.size:
        return None
    condition.require(dataset)
    return condition.read(dataset.labels, dataset.attributes.__getitem__)


def asked(
    model, dataset: DataSet, n: int, generator: torch.Generator | None = None
) -> Tensor | None:
    """What to ask n samples for: labels of items at random, in the data's own proportions."""
    labels = labels_of(model, dataset)
    if labels is None:
        return None
    return labels[torch.randint(len(labels), (n,), generator=generator, device="cpu")]


# GAN-test --------------------------------------------------------------------------------
def agreement(read: Tensor, labels: Tensor) -> tuple[float, float]:
    """The share of labels (N,) or (N, K) read as asked, and its standard error over images."""
    for name, given in (("read", read), ("labels", labels)):
        if not isinstance(given, Tensor) or not given.ndim or not given.isfinite().all():
            raise CourseError(
                f"{name} must be a tensor of numbers, (N,) or (N, K), without NaN, not "
                f"{given!r:.60}; torch.as_tensor(…) makes one of a list or an array."
            )
    if read.shape != labels.shape or len(read) < 2 or not read.numel():
        raise CourseError(
            f"Expected as many readings as labels, 2 or more: got {tuple(read.shape)} readings "
            f"and {tuple(labels.shape)} labels."
        )
    right = (read == labels).double().view(len(read), -1).mean(1)
    return right.mean().item(), right.std().item() / math.sqrt(len(right))


def readings(images: Tensor, judge: nn.Module, condition) -> Tensor:
    """What the judge reads: classes (N,), or of a judge of faces the condition's attributes.

    images: uint8 (N, C, H, W), or floats in [0, 1].
    """
    if isinstance(judge, features.HairStyle) and hasattr(condition, "names"):
        return condition.read(None, judge.judge.read(images).__getitem__)
    return classes.class_probabilities(images, judge).argmax(1)


# GAN-train -------------------------------------------------------------------------------
@levels.precisely()
@torch.enable_grad()
def gan_train(
    samples: Tensor, labels: Tensor, real: DataSet, *, epochs: int = 8, seed: int = 0
) -> tuple[float, float]:
    """Accuracy on real digits of a classifier trained on samples alone, and its standard error.

    samples: (N, 1, 28, 28), uint8 or floats in [0, 1], N at least 100, of `labels` (N,). The
    classifier and its schedule are the judge's (`digits.train`); an epoch of 10,000 samples
    takes some 10 seconds. The error is that of the real images, not of a second training.
    """
    if not isinstance(real, DataSet) or real.shape != digits.SHAPE:
        found = real.shape if isinstance(real, DataSet) else type(real).__name__
        raise CourseError(
            "real must be a data set of 1×28×28 digits, such as data.load('digits', 'test'), not "
            f"{found}."
        )
    if real.labels is None:
        raise CourseError("GAN-train reads real digits with labels; this data set has none.")
    ten = Classes(10)
    ten.checked(real.labels, len(real))
    epochs, seed = whole_number("epochs", epochs), whole_number("seed", seed, 0, 2**63 - 1)
    labels = ten.checked(labels, len(levels.checked(samples)))
    seen = (levels.as_levels(samples) * 255).round().to(torch.uint8)
    trained = digits.train(DataSet(seen, labels), epochs=epochs, seed=seed)
    return agreement(classes.class_probabilities(real.images, trained).argmax(1), real.labels)


# Intra-class diversity -------------------------------------------------------------------
def diversity(found: Tensor, members: Tensor) -> float:
    """The mean distance of two images of one group, averaged over groups of two or more.

    found: features (N, D); members: ones and zeros (N, groups), the groups of each image.
    """
    _require_groups(found, members)
    if found.dtype not in (torch.float32, torch.float64):
        found = found.double()  # torch has no distances of others
    groups = [found[inside > 0][:PAIRED] for inside in members.T]
    means = [torch.pdist(group).mean() for group in groups if len(group) >= 2]
    if not means:
        raise CourseError("Diversity takes two images of one class: here is none with two.")
    return torch.stack(means).mean().item()


def _require_groups(found: Tensor, members: Tensor) -> None:
    """Refuse what are no features (N, D), and no groups (N, groups) of images."""
    if not isinstance(found, Tensor) or found.ndim != 2 or found.is_complex():
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise CourseError(f"Expected features, a tensor of real numbers (N, D), got {got}.")
    if not found.isfinite().all():
        raise CourseError("Some features are NaN or infinite: look at the images first.")
    if not isinstance(members, Tensor) or members.ndim != 2:
        got = tuple(members.shape) if isinstance(members, Tensor) else type(members).__name__
        raise CourseError(
            f"Expected ones and zeros (N, groups), the groups of each image, got {got}. Of "
            "labels (N,): torch.nn.functional.one_hot(labels)."
        )
    if len(found) != len(members):
        raise CourseError(
            f"Got {len(found)} features, and the groups of {len(members)} images."
        )


def relative_diversity(
    found: Tensor, members: Tensor, real: Tensor, real_members: Tensor
) -> tuple[float, float]:
    """Diversity of samples divided by that of real images, and its standard error.

    Features (N, D) of one network, with the groups (N, groups) of each image. 1: as diverse.
    """
    _require_groups(found, members)
    _require_groups(real, real_members)
    width = found.shape[1]
    if real.shape[1] != width or real_members.shape[1] != members.shape[1]:
        raise CourseError(
            f"Samples have {width} features and {members.shape[1]} groups, real images "
            f"{real.shape[1]} and {real_members.shape[1]}: take both from one network, and of "
            "the same classes."
        )

    def ratio(a: Tensor, b: Tensor) -> float:
        of_real = diversity(b[:, :width], b[:, width:])
        if of_real == 0:
            raise CourseError(
                "The real images of each class are all alike, so that no diversity can be "
                "compared with theirs: pass real images that differ."
            )
        return diversity(a[:, :width], a[:, width:]) / of_real

    a = torch.cat([found.double(), members.double()], 1)
    b = torch.cat([real.double(), real_members.double()], 1)
    return ratio(a, b), left_out_error(ratio, a, b)


# Rows of a report ------------------------------------------------------------------------
def rows(
    model,
    samples: Tensor,
    labels: Tensor | None,
    dataset: DataSet,
    judge: nn.Module | str,
    own: str | None = None,
    seed: int = 0,
) -> list[Row]:
    """The three scores of samples (n, C, H, W) that were asked for `labels`, each with its floor.

    judge: as `features.judge_of` gives it, or the reason why there is none; own: why it may not
    judge this model. No rows for an unconditional model.
    """
    if labels is None:
        return []
    condition = abilities.condition_of(model)
    known = not hasattr(condition, "names") or isinstance(judge, features.HairStyle)
    if isinstance(judge, str) or own is not None or not known:
        why = own or (judge if isinstance(judge, str) else "the judge reads other labels")
        return without(NAMES, why)
    real = labels_of(model, dataset)
    floor, _ = agreement(readings(dataset.images, judge, condition), real)
    value = agreement(readings(samples, judge, condition), labels)
    found = [Row(NAMES[0], *value, floor, "share", "by an independent judge; rewards collapse")]
    found += _gan_train_row(samples, labels, dataset, seed)
    network = features.for_shape(dataset.shape)
    seen, drawn = (features.image_features(x, network) for x in (dataset.images, samples))
    inside, half = condition.members(real), len(dataset) // 2
    try:
        value = relative_diversity(drawn, condition.members(labels), seen, inside)
        floor, _ = relative_diversity(seen[:half], inside[:half], seen[half:], inside[half:])
    except CourseError as error:
        return found + without(NAMES[2:], str(error))
    note = "mean distance of two of a class, by that of real ones; noise is diverse, too"
    return [*found, Row(NAMES[2], *value, floor, "of real", note)]


def _gan_train_row(samples: Tensor, labels: Tensor, dataset: DataSet, seed: int) -> list[Row]:
    if dataset.shape != digits.SHAPE or labels.ndim != 1 or len(samples) < 100:
        return without(NAMES[1:2], "takes 100 samples of digits or more, with their classes")
    epochs = max(1, min(8, TRAINED * 100 // len(samples)))
    value = gan_train(samples, labels, dataset, epochs=epochs, seed=seed)
    note = f"classifier trained on {len(samples):,} samples alone, {epochs} epochs"
    return [Row(NAMES[1], *value, None, "share", f"{note}; reads real images")]


def draw(model, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A sample for each label, on the CPU as uint8 (n, C, H, W): many, in little memory."""
    abilities.require_samples(model, "conditional.draw(model, labels)")
    labels = valid.tensor(labels, "labels")
    found = abilities.drawn(model, len(labels), generator, labels)
    return torch.cat([(part * 255).round().to(torch.uint8) for part in found])
