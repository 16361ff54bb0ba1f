"""How each trained model that comes with the course was made; the lessons say why so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from course_lib import models


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

RECIPES = {
    "gan-mnist": Recipe("GAN", {"recipe": "report"}, about="A1, the GAN of report A"),
    "dcgan-mnist": Recipe(
        "DCGAN",
        {"lr": 4e-3, "average": 0.999, "rounds": 12_000},  # the rate: data/choices.json
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
        "VAEGAN",
        {"sigma": 0.2, "average": 0.999, "rounds": 5_000},  # the width: data/choices.json
        about="VAE/GAN on digits",
    ),
    "aae-mnist": Recipe(
        "AAE",
        {"lr": 1e-3, "average": 0.99, "rounds": 4_500},
        about="adversarial autoencoder on binarised digits",
    ),
    "avb-mnist": Recipe(
        "AVB",
        {"average": 0.999, "rounds": 25_000},
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
        about="narrower, with σ learned: fewer bits, faces only from a fitted prior",
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
        {"shape": (3, 32, 32), "scales": 3, "last": (4, 0), "alpha": 0.05, "rounds": 31_000},
        dataset="faces-32",
        about="RealNVP on drawn faces, 32×32",
    ),
    "realnvp-celeba": Recipe(
        "RealNVP",
        {"shape": (3, 32, 32), "scales": 3, "last": (4, 0), "alpha": 0.05, "rounds": 31_000},
        dataset="celeba-32",
        about="RealNVP on photographs of faces (part of CelebA), 32×32",
    ),
}
