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
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib import data
from course_lib.data import DataSet
from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError
from course_lib.evaluation.judges import shipping
from course_lib.evaluation.levels import BATCH, as_levels, for_network, precisely

NAME = "face_factors"
SIDE = 32
FEATURES = 96
CHOICES = tuple(name for name, factor in FACTORS.items() if factor.kind == "choice")
RANGES = tuple(name for name, factor in FACTORS.items() if factor.kind == "continuous")
NOISE = 0.04  # of the pixels in training, at most


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


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
                *_block(12, 32),
                *_block(32, 32),
                nn.MaxPool2d(2),
                *_block(32, 64),
                *_block(64, 64),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(64 * 4 * 4, FEATURES, bias=False),
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

        Floats are rounded to 256 levels first, as real images are.
        """
        parts = [self(x) for x in for_network(images, self)]
        return {name: torch.cat([part[name] for part in parts]) for name in FACTORS}

    def read(self, images: Tensor) -> dict[str, Tensor]:
        """The factors as `faces.render` takes them, name -> (N,): int64, or float32 in range."""
        return as_factors(self.answers(images))


def as_factors(answers: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The likeliest options, and values in their own units, cut off at the ends of the range."""
    return {
        name: value.argmax(1) if name in CHOICES else _from_standard(name, value)
        for name, value in answers.items()
    }


def at_side(x: Tensor) -> Tensor:
    """Images (B, C, H, W) at 32×32, each pixel the mean of the area that it covers."""
    return x if x.shape[2:] == (SIDE, SIDE) else F.interpolate(x, (SIDE, SIDE), mode="area")


def _spread(name: str) -> tuple[float, float]:
    """Middle and standard deviation of a factor that is uniform on its range."""
    low, high = FACTORS[name].low, FACTORS[name].high
    return (low + high) / 2, (high - low) / math.sqrt(12)


def _standard(name: str, values: Tensor) -> Tensor:
    middle, sd = _spread(name)
    return (values - middle) / sd


def _from_standard(name: str, values: Tensor) -> Tensor:
    middle, sd = _spread(name)
    return (middle + sd * values).clamp(FACTORS[name].low, FACTORS[name].high)


def loss(answers: Mapping[str, Tensor], factors: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of the choices plus squared errors of the rest, in their own variances."""
    choices = (F.cross_entropy(answers[name], factors[name]) for name in CHOICES)
    rest = (F.mse_loss(answers[name], _standard(name, factors[name])) for name in RANGES)
    return sum(choices) + sum(rest)


def train(
    dataset: DataSet,
    *,
    epochs: int = 4,
    batch: int = 100,
    lr: float = 4e-3,
    seed: int = 0,
    after_epoch: Callable[[int, FaceFactors, float], None] | None = None,
) -> FaceFactors:
    """Train a fresh judge on rendered faces: the recipe that the shipped one was made with.

    `dataset`: faces with all their factors as attributes, e.g. `both_sizes()`. The
    schedule is fixed in advance (one cycle of AdamW) and nothing is chosen by its score, so
    that the test faces stay unseen. Each picture gets a little noise, of a strength of its own,
    so that the judge also reads pictures that are not quite clean. Some 40 seconds an epoch of
    40,000 faces on one CPU core. Returns the judge in evaluation mode.
    """
    missing = [name for name in FACTORS if name not in dataset.attributes]
    if missing or dataset.shape[0] != 3 or len(dataset) < batch:
        raise CourseError(
            f"Training the judge of faces takes {batch} rendered faces or more with all their "
            f"factors; this data set has {len(dataset):,} of shape {dataset.shape}, and lacks "
            f"{', '.join(missing) or 'no factor'}. Try data.load('faces-32')."
        )
    generator = torch.Generator().manual_seed(seed)
    judge = FaceFactors(seed)

    def cost(chosen: Tensor) -> Tensor:
        x = dataset.batch(chosen).x
        like = {"generator": generator, "device": "cpu", "dtype": torch.float32}
        strength = NOISE * torch.rand(batch, 1, 1, 1, **like)
        x = x + strength * torch.randn(x.shape, **like)
        return loss(judge(x), {name: dataset.attributes[name][chosen] for name in FACTORS})

    return shipping.train(
        judge,
        len(dataset),
        cost,
        epochs=epochs,
        batch=batch,
        lr=lr,
        generator=generator,
        after_epoch=after_epoch,
    )


def both_sizes() -> DataSet:
    """All training faces twice: drawn at 32×32, and drawn at 64×64 and brought to 32×32.

    A fine line drawn small is not the same line made small; the judge is to read both.
    """
    small, large = data.load("faces-32"), data.load("faces-64")
    reduced = [
        as_levels(at_side(large.batch(i).x))
        for i in torch.arange(len(large), device="cpu").split(BATCH)
    ]
    reduced = (torch.cat(reduced) * 255).round().to(torch.uint8)
    attributes = {
        name: torch.cat([values, large.attributes[name]])
        for name, values in small.attributes.items()
    }
    return DataSet(torch.cat([small.images, reduced]), attributes=attributes)


def scores(judge: FaceFactors, dataset: DataSet) -> dict[str, float]:
    """How well each factor is read: accuracy of a choice, R² of a continuous one."""
    found = judge.read(dataset.images)
    result = {}
    for name in FACTORS:
        true, read = dataset.attributes[name], found[name]
        if name in CHOICES:
            result[name] = (read == true).double().mean().item()
        else:
            error = (read - true).double().square().mean()
            result[name] = (1 - error / true.double().var(correction=0)).item()
    return result


def ship(folder: Path | str, epochs: int = 4, seed: int = 0) -> Path:
    """Train the judge on all rendered faces, test it, and write its file and card to `folder`.

    The path of the card. This is how the shipped one was made; some three minutes on one core.
    """
    before = time.process_time()
    judge = train(both_sizes(), epochs=epochs, seed=seed)
    minutes = (time.process_time() - before) / 60
    parameters = sum(p.numel() for p in judge.parameters())
    facts = {
        "about": f"the judge of rendered faces: a convolutional network for {len(FACTORS)} "
        f"factors, {parameters:,} parameters, input 3×32×32 in [0, 1]",
        "data": "faces-32 and faces-64, all 20,000 training faces of each, "
        "with noise up to 4% of the range",
        "recipe": {"epochs": epochs, "batch": 100, "lr": 4e-3, "seed": seed}
        | {"optimiser": "AdamW, one cycle, weight decay 0.01"}
        | {"chosen by": "nothing: the schedule was fixed in advance, the last weights shipped"},
        "command": 'OMP_NUM_THREADS=1 python -c "from course_lib.evaluation import faces; '
        "faces.ship('data/checkpoints')\"",
        "machine": f"{torch.get_num_threads()} CPU thread(s), {minutes:.1f} CPU minutes, torch "
        f"{torch.__version__.split('+')[0]}",
    }
    for size in (32, 64):
        read = scores(judge, data.load(f"faces-{size}", "test"))
        facts[f"scores on the 2,000 test faces at {size}×{size}"] = {
            "accuracy of choices": {name: round(read[name], 4) for name in CHOICES},
            "R² of the rest": {name: round(read[name], 4) for name in RANGES},
        }
    test = data.load("faces-32", "test").batch().x
    with torch.no_grad():
        alive = judge.features(test).std(0) > 0
    facts |= {
        "features that ever fire on test faces": f"{int(alive.sum())} of {FEATURES}",
        "licence": "MIT",
        "use": "evaluation only; no model of the course is trained with it or on its readings",
    }
    return shipping.write(judge, NAME, facts, folder)


def face_factors_card() -> dict:
    """What is known of the shipped judge of faces: recipe, data, checksum, scores by factor."""
    return shipping.card(NAME)


def face_factors() -> FaceFactors:
    """The shipped judge of rendered faces, in evaluation mode, its weights fixed and checked."""
    return shipping.load(FaceFactors, NAME)
