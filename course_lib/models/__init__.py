"""The models of the course, one file per family: networks, objectives, game, samples."""

from __future__ import annotations

from typing import Any

from course_lib.errors import unknown
from course_lib.models.aae import AAE
from course_lib.models.avb import AVB
from course_lib.models.cgan import CGAN
from course_lib.models.cvae import CVAE
from course_lib.models.cvaegan import CVAEGAN
from course_lib.models.dcgan import DCGAN
from course_lib.models.flow import Flow
from course_lib.models.gan import GAN
from course_lib.models.linear import GaussianMixture, ProbabilisticPCA
from course_lib.models.model import Model
from course_lib.models.realnvp import RealNVP
from course_lib.models.vae import VAE
from course_lib.models.vaegan import VAEGAN

# Those that play a game; the linear ones of lesson 01 are fitted in closed form.
MODELS: dict[str, type[Model]] = {
    model.__name__: model
    for model in (GAN, DCGAN, VAE, Flow, RealNVP, CGAN, CVAE, AAE, VAEGAN, AVB, CVAEGAN)
}

__all__ = [
    "AAE",
    "AVB",
    "CGAN",
    "CVAE",
    "CVAEGAN",
    "DCGAN",
    "GAN",
    "MODELS",
    "VAE",
    "VAEGAN",
    "Flow",
    "GaussianMixture",
    "Model",
    "ProbabilisticPCA",
    "RealNVP",
    "build",
]


def build(name: str, settings: dict[str, Any]) -> Model:
    """The model of that class name with these settings, untrained."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name](**settings)
