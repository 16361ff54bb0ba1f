"""The models of the course, one file per family: networks, objectives, game, samples.

A class of your own that inherits from `Model` is one of them: `fit`, `save`, `load` and the
explorers treat it as they do these. A file may come from anywhere, so what its settings describe
may take no more memory than what it holds asks for, and names, shapes and kinds of numbers are
compared before these are read.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from course_lib import checkpoint, disk
from course_lib.errors import CourseError, mapping, unknown
from course_lib.models.aae import AAE
from course_lib.models.avb import AVB
from course_lib.models.cgan import CGAN
from course_lib.models.cvae import CVAE
from course_lib.models.cvaegan import CVAEGAN
from course_lib.models.dcgan import DCGAN
from course_lib.models.flow import Flow
from course_lib.models.gan import GAN
from course_lib.models.linear import ProbabilisticPCA
from course_lib.models.mixture import GaussianMixture
from course_lib.models.model import KNOWN, Model
from course_lib.models.parts import building
from course_lib.models.realnvp import RealNVP
from course_lib.models.vae import VAE
from course_lib.models.vaegan import VAEGAN

# Those that play a game; the linear ones of lesson 01 are fitted in closed form.
MODELS: dict[str, type[Model]] = {
    model.__name__: model
    for model in (GAN, DCGAN, VAE, Flow, RealNVP, CGAN, CVAE, AAE, VAEGAN, AVB, CVAEGAN)
}
SPARE = 2**28  # bytes that one of these may take while it is built, beside what its file holds
OWN = MODELS | {model.__name__: model for model in (ProbabilisticPCA, GaussianMixture)}


def build(name: str, settings: dict[str, Any], module: str | None = None) -> Model:
    """The model of that class name with these settings, untrained.

    module: None, the library's own classes; else where the class of your own was defined. A
    class must exist already: nothing is ever imported.
    """
    settings = mapping("settings", settings, "{'latent': 2}")
    if module is None:
        if not isinstance(name, str) or name not in OWN:
            raise unknown("model", name, MODELS)
        return OWN[name](**settings)
    if (module, name) not in KNOWN:
        others = sorted(m for m, n in KNOWN if n == name)
        hint = f" One of that name is known from {', '.join(others)}." if others else ""
        raise CourseError(
            f"There is no class {name} of the module {module!r} here, and no file makes one."
            f"{hint} Run the cell that defines the class, or import its module, and try again."
        )
    return KNOWN[module, name](**settings)


def load(path: Path | str, *, own: bool = True) -> Model:
    """The model that `model.save(path)` kept, or a run's checkpoint, in evaluation mode.

    own   whether it may be of a class of your own

    Names, shapes and kinds are compared before the weights are read. Raises CourseError when the
    file is damaged or of another kind, or when the class of a model of your own isn't defined yet.
    """
    path = disk.given(path)
    model: Model

    def weights(tensors: dict) -> dict:
        of_a_run = "random.course" in tensors  # what else goes on has sections of its own
        return checkpoint.section(tensors, "weights") if of_a_run else tensors

    def check(header: checkpoint.Header) -> None:
        nonlocal model
        kinds = weights(header.kinds)
        numbers = sum(math.prod(kind.shape) for kind in kinds.values())
        theirs = (
            own and "module" in header.facts
        )  # what a class of your own takes is your choice
        most = (
            building.LARGEST if theirs else SPARE + 16 * numbers
        )  # twice, in double precision
        with building.room(most):
            model = _built(header.facts, kinds, path, own)
        checkpoint.require_like(model.state_dict(), kinds, path)

    tensors, _ = checkpoint.load(path, check=check)
    model.load_state_dict(weights(tensors))
    return model.eval()


def _built(facts: dict[str, Any], weights: dict, path: Path, own: bool) -> Model:
    """The untrained model that a file tells of; whatever fails there is the file's fault."""
    name = checkpoint.fact(facts, "model", str, path)
    settings = dict(checkpoint.fact(facts, "settings", dict, path))
    module = facts.get("module") if own else None
    if "average" in settings and "average.updates" not in weights:
        settings["average"] = None  # shipped: the weights are the average
    try:
        if name == "game":
            raise CourseError("A bare game has no class that could be made again.")
        return build(name, settings, module)
    except CourseError as error:
        way = (
            f" Its weights alone: tensors, facts = checkpoint.load({str(path)!r}); then "
            'checkpoint.section(tensors, "weights") for your network.load_state_dict(…).'
        )
        raise CourseError(
            f"{path}: {error}{way if module or name == 'game' else ''}"
        ) from error
    except Exception as error:
        raise CourseError(
            f"{path} is damaged: its settings make no {name:.80}: {type(error).__name__} "
            f"{error!s:.200}"
        ) from error
