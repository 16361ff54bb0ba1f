"""How the judge of faces was trained, tested and shipped: a recipe that can be run again.

The schedule was fixed in advance and nothing was chosen by a score, so that the test faces stay
unseen; each picture gets a little noise, so that the judge also reads pictures that are not
quite clean. Lesson 03 says why a judge must never be a part of the model that it judges.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib import data
from course_lib.data import DataSet
from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError
from course_lib.evaluation.judges import shipping
from course_lib.evaluation.judges.faces import (
    CHOICES,
    FEATURES,
    NAME,
    RANGES,
    FaceFactors,
    at_side,
    spread_of,
)
from course_lib.evaluation.levels import BATCH, as_levels

NOISE = 0.04  # of the pixels in training, at most


def loss(answers: Mapping[str, Tensor], factors: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of the choices plus squared errors of the rest, in their own variances."""

    def standard(name: str) -> Tensor:
        middle, sd = spread_of(name)
        return (factors[name] - middle) / sd

    choices = (F.cross_entropy(answers[name], factors[name]) for name in CHOICES)
    return sum(choices) + sum(F.mse_loss(answers[name], standard(name)) for name in RANGES)


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

    `dataset`: faces with all their factors as attributes, e.g. `both_sizes()`. Each picture gets
    noise of a strength of its own. Some 40 seconds an epoch of 40,000 faces on one CPU core.
    Returns the judge in evaluation mode.
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

    return shipping.train(judge, len(dataset), cost, generator, epochs, batch, lr, after_epoch)


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
        "command": "OMP_NUM_THREADS=1 python -c "
        '"from course_lib.evaluation.judges import face_training; '
        "face_training.ship('data/checkpoints')\"",
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
