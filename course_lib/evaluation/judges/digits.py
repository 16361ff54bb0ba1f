"""The judge of digits: a small convolutional classifier, trained once, shipped and then fixed.

A generative model of digits can be asked which digits it draws, if somebody independent reads
them. That reader is this network. It never sees a generated image while it is trained, it is no
part of any model of the course (a CVAE-GAN's own classifier may not judge the CVAE-GAN), and its
file is checked when it is loaded, so that two scores taken with it can be compared. Lesson 03
derives what such a score estimates and where it goes wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.errors import CourseError
from course_lib.evaluation.judges import shipping

SHAPE = (1, 28, 28)
CLASSES = 10
NAME = "digit_classifier"
FILE, CARD = shipping.names(NAME)


class DigitClassifier(nn.Module):
    """Images (B, 1, 28, 28) in [0, 1] -> logits (B, 10), one for each digit.

    Four convolutions and two linear layers, 135,802 parameters. `seed` fixes the initial
    weights, whatever the state of torch's global generator. `digit_classifier` hands it out in
    evaluation mode, in which the answer for an image depends on no other.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.settings = {"seed": seed}
        with shipping.built(self, seed):
            self.body = nn.Sequential(
                *(*shipping.block(1, 16, kernel=5), nn.MaxPool2d(2)),
                *(*shipping.block(16, 32), nn.MaxPool2d(2)),
                *(*shipping.block(32, 64), *shipping.block(64, 64), nn.MaxPool2d(2)),
                *(nn.Flatten(), nn.Linear(64 * 3 * 3, 128), nn.ReLU()),
            )
            self.head = nn.Linear(128, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """x (B, 1, 28, 28) in [0, 1] -> the input of the last layer, (B, 128), non-negative."""
        if x.ndim != 4 or tuple(x.shape[1:]) != SHAPE:
            raise CourseError(
                f"The digit classifier reads images of shape (B, 1, 28, 28), and got "
                f"{tuple(x.shape)}. Give it digits, one channel, 28 by 28 pixels."
            )
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Each image turned, scaled, sheared and shifted a little, each by its own amount.

    x (B, C, H, W) in [0, 1] -> the same shape and range. Rotation up to 10 degrees, scale up to
    10%, shear up to .1, shift up to 2 pixels, all uniform; what comes in from outside is 0.
    """

    def uniform(spread: float) -> Tensor:
        noise = torch.rand(len(x), generator=generator, device="cpu", dtype=torch.float32)
        return (2 * noise - 1) * spread

    angle, shear = uniform(math.radians(10)), uniform(0.1)
    wide, high = 1 + uniform(0.1), 1 + uniform(0.1)
    right, down = uniform(4 / x.shape[3]), uniform(4 / x.shape[2])  # 2 pixels: sides are 2 long
    cos, sin = angle.cos(), angle.sin()
    rows = [wide * cos, shear - sin, right, sin, high * cos, down]
    theta = torch.stack(rows, 1).view(-1, 2, 3).to(x.device)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def train(
    dataset,
    *,
    epochs: int = 8,
    batch: int = 100,
    lr: float = 3e-3,
    seed: int = 0,
    after_epoch: Callable[[int, DigitClassifier, float], None] | None = None,
) -> DigitClassifier:
    """Train a fresh classifier on digits: the recipe that the shipped one was made with.

    `dataset` has `.images` uint8 (N, 1, 28, 28) and `.labels` (N,) in 0..9. `after_epoch(epoch,
    classifier, loss)` is called with the mean training loss in nats. Returns the classifier in
    evaluation mode. On all of MNIST an epoch takes some 50 seconds on one CPU core.
    """
    images, labels = dataset.images, dataset.labels
    if labels is None or tuple(images.shape[1:]) != SHAPE or len(images) < batch:
        raise CourseError(
            f"Training the digit classifier takes labelled digits, uint8 (N, 1, 28, 28) with N "
            f"at least {batch}; this data set has images {tuple(images.shape)} and "
            f"{'no labels' if labels is None else 'labels'}. Try data.load('digits')."
        )
    generator = torch.Generator().manual_seed(seed)
    classifier = DigitClassifier(seed)

    def cost(chosen: Tensor) -> Tensor:
        x = augment(images[chosen].float() / 255, generator)
        return F.cross_entropy(classifier(x), labels[chosen])

    return shipping.train(
        classifier, len(images), cost, generator, epochs, batch, lr, after_epoch
    )


def digit_classifier_card() -> dict:
    """What is known of the shipped classifier: recipe, seed, data, checksum, test accuracy."""
    return shipping.card(NAME)


def digit_classifier() -> DigitClassifier:
    """The shipped judge, in evaluation mode, fixed. Raises CourseError if the file is another."""
    return shipping.load(DigitClassifier, NAME)
