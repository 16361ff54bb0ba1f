"""Trained models that come with the course: name → file, checksum, settings, measured scores.

A file holds weights and JSON, nothing else; nothing is unpickled. `RECIPES` says how each was
trained, so that `python -m course_lib train --zoo NAME` makes it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from course_lib import checkpoint, models
from course_lib.data import checksum, paths
from course_lib.errors import unknown


@dataclass(frozen=True)
class Recipe:
    """How a model of the zoo was trained: `model(**settings)` on `dataset` with `seed`."""

    model: str
    settings: dict[str, Any] = field(default_factory=dict)
    dataset: str = "mnist"
    seed: int = 0
    about: str = ""

    def build(self) -> models.Model:
        """The untrained model."""
        return models.build(self.model, self.settings)


FACES_64 = {"shape": (3, 64, 64), "batch": 32, "average": 0.998}  # a DCGAN's
LARGEST = 1_500_000  # bytes of weights in one file, in single precision

RECIPES = {
    "gan-mnist": Recipe("GAN", {"recipe": "report"}, about="A1, the GAN of report A"),
    "dcgan-mnist": Recipe(
        "DCGAN",
        {"average": 0.999, "rounds": 12_000},
        about="DCGAN on digits, G's weights averaged",
    ),
    "dcgan-faces": Recipe(
        "DCGAN",
        FACES_64 | {"rounds": 4_326},
        dataset="faces",
        about="DCGAN on drawn faces, 64×64, G's weights averaged",
    ),
    "dcgan-celeba": Recipe(
        "DCGAN",
        FACES_64 | {"rounds": 3_000},
        dataset="celeba",
        about="DCGAN on photographs of faces (part of CelebA), 64×64",
    ),
    "sn-gan-mnist": Recipe(
        "DCGAN",
        {"recipe": "sn-gan", "width": 24, "average": 0.999, "rounds": 12_000},
        about="DCGAN on digits with spectral normalisation and the hinge loss",
    ),
    "dcgan-anime": Recipe(
        "DCGAN",
        FACES_64 | {"rounds": 3_000},
        dataset="folder:anime-64.tar",
        about="DCGAN on anime faces, 64×64: give --data folder:<yours>",
    ),
    "vae-2d-mnist-report": Recipe("VAE", {"recipe": "report"}, about="A4, the VAE of report A"),
    "vae-2d-mnist": Recipe("VAE", about="two latents, a deeper network, binarised digits"),
    "vae-20d-mnist": Recipe(
        "VAE",
        {"latent": 20, "hidden": (256, 256), "rounds": 46_900},
        about="twenty latents, binarised digits",
    ),
    "vae-50d-mnist": Recipe(
        "VAE",
        {"latent": 50, "hidden": (500, 500)},
        about="fifty latents, one stochastic layer, binarised digits",
    ),
    "cgan-mnist": Recipe(
        "CGAN", {"average": 0.99, "rounds": 3_500}, about="conditional GAN on digits"
    ),
    "cvae-mnist": Recipe(
        "CVAE",
        {"latent": 8, "lr": 1e-3, "average": 0.99, "rounds": 5_000},
        about="conditional VAE on binarised digits",
    ),
    "vaegan-mnist": Recipe(
        "VAEGAN", {"average": 0.99, "rounds": 2_000}, about="VAE/GAN on digits"
    ),
    "aae-mnist": Recipe(
        "AAE",
        {"lr": 1e-3, "average": 0.99, "rounds": 4_500},
        about="adversarial autoencoder on binarised digits",
    ),
    "avb-mnist": Recipe(
        "AVB",
        {"average": 0.99, "rounds": 3_500},
        about="adversarial variational Bayes on binarised digits",
    ),
    "cvaegan-mnist": Recipe(
        "CVAEGAN",
        {"average": 0.999, "rounds": 4_000},
        about="CVAE-GAN on digits by Algorithm 1, averaged weights",
    ),
    "cvaegan-faces": Recipe(
        "CVAEGAN",
        {"recipe": "faces"},
        dataset="faces",
        about="CVAE-GAN on drawn faces, 64×64, told five attributes",
    ),
    "vae-faces": Recipe(
        "VAE",
        {"recipe": "faces", "width": 16, "sigma": 0.7, "lr": 2e-3, "rounds": 5_000},
        dataset="faces",
        about="convolutional VAE with 128 latents on drawn faces, 64×64, σ fixed at .7",
    ),
    "vae-faces-sharp": Recipe(
        "VAE",
        {"recipe": "faces", "width": 12, "lr": 3e-3, "warm_up": 0.3, "rounds": 2_500},
        dataset="faces",
        about="the same with σ learned: sharper, fewer bits, faces only from a fitted prior",
    ),
    "vae-celeba": Recipe(
        "VAE",
        {"recipe": "faces", "width": 12, "sigma": 1.0, "lr": 2e-3, "rounds": 6_000},
        dataset="celeba",
        about="convolutional VAE with 128 latents on photographs of faces, 64×64, σ fixed at 1",
    ),
    "flow-moons": Recipe("Flow", {"rounds": 6_000}, "moons", about="RealNVP on two moons"),
    "flow-ring": Recipe(
        "Flow",
        {"recipe": "spline", "rounds": 3_000},
        "ring",
        about="spline couplings on the ring",
    ),
    "flow-checkerboard": Recipe(
        "Flow",
        {"recipe": "spline", "rounds": 3_000},
        "checkerboard",
        about="spline couplings on the checkerboard",
    ),
    "realnvp-mnist": Recipe(
        "RealNVP",
        {"width": 48, "rounds": 9_000},
        about="RealNVP on digits with learned dequantisation noise",
    ),
    "realnvp-faces": Recipe(
        "RealNVP",
        {"shape": (3, 32, 32), "scales": 3, "last": (4, 0), "alpha": 0.05, "rounds": 3_800},
        dataset="faces-32",
        about="RealNVP on drawn faces, 32×32",
    ),
    "realnvp-celeba": Recipe(
        "RealNVP",
        {"shape": (3, 32, 32), "scales": 3, "last": (4, 0), "alpha": 0.05, "rounds": 6_000},
        dataset="celeba-32",
        about="RealNVP on photographs of faces (part of CelebA), 32×32",
    ),
}


def folder() -> Path:
    """Where the checkpoints lie."""
    return paths.data_root() / "checkpoints"


def index() -> dict[str, dict]:
    """The card of every shipped model, by name."""
    file = folder() / "zoo.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def names() -> list[str]:
    """The models that `load` knows."""
    return list(index())


def card(name: str) -> dict[str, Any]:
    """What is known of a shipped model: settings, data, seed, time, checksum, scores."""
    cards = index()
    if name not in cards:
        raise unknown("zoo model", name, cards)
    return cards[name]


def scores(name: str, *wanted: str) -> str:
    """A line of the scores on a shipped model's card: each with the floor, which real data get."""
    rows = {row["name"]: row for row in card(name)["scores"]["rows"]}
    parts = []
    for score in wanted:
        if score not in rows:
            raise unknown(f"score of {name}", score, rows)
        value, floor = (
            "none" if rows[score][key] is None else f"{rows[score][key]:.3g}"
            for key in ("value", "floor")
        )
        parts.append(f"{score} {value} (floor {floor})")
    return f"{name}: {', '.join(parts)}"


def load(name: str) -> models.Model:
    """A trained model in evaluation mode, its file checked against the card's checksum."""
    wanted, file = card(name), folder() / f"{name}.safetensors"
    if file.is_file():
        remedy = (
            "Fetch it again from the course (git checkout, or a new copy), or train it anew with "
            f"`python -m course_lib train --zoo {name}`."
        )
        checksum.require(file, file.read_bytes(), wanted["sha256"], remedy)
    tensors, facts = checkpoint.load(file)
    return _revive(tensors, facts | {"module": None}, file)  # a class of the library


def load_run(run: Path | str) -> models.Model:
    """The model that `fit(…, resume=run)` keeps in that folder, in evaluation mode."""
    file = Path(run) / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(file)
    return _revive(checkpoint.section(tensors, "weights"), facts, file)


def add(name: str, run: Path | str, facts: dict[str, Any]) -> Path:
    """Ship the model trained in folder `run` under `name`: the weights it samples with, its card.

    Above LARGEST they are rounded to half precision, so measure what is shipped.

    facts: what the card tells besides settings and checksum (scores, minutes, machine …).
    """
    if name not in RECIPES:
        raise unknown("zoo recipe", name, RECIPES)
    _, trained = checkpoint.load(Path(run) / "checkpoint.safetensors")
    kept = ("model", "settings", "batch", "seed", "examples", "round")
    known = {key: trained[key] for key in kept}
    model = load_run(run)
    with model.averaged():
        weights = {
            key: tensor.clone()
            for key, tensor in model.state_dict().items()
            if not key.startswith("average.")
        }
    if sum(tensor.nbytes for tensor in weights.values()) > LARGEST:
        weights = {k: t.half() if t.is_floating_point() else t for k, t in weights.items()}
    file = checkpoint.save(folder() / f"{name}.safetensors", weights, known)
    known |= {"about": RECIPES[name].about, "sha256": checksum.sha256(file.read_bytes())}
    cards = index()
    cards[name] = known | facts
    text = json.dumps(cards, indent=1, sort_keys=True)
    (folder() / "zoo.json").write_text(text + "\n")
    return file


def _revive(weights: dict[str, Tensor], facts: dict[str, Any], file: Path) -> models.Model:
    return models.revive(weights, facts, str(file)).requires_grad_(False)
