"""What the first edition called things, so that what was handed out then goes on working.

A learner's copy of a lesson imports modules by the names of its day, and a run kept in a folder
names settings so. Here, and only here, stand the old names beside today's. An old module name
gives today's module under it, and says once that a newer lesson is there.
"""

from __future__ import annotations

import builtins
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Old module → today's, both below course_lib.
MODULES = {
    "training.game": "game",
    "training.draw": "training.source",
    "training.average": "models.parts.averages",
    "training.checkpoint": "checkpoint",
    "models.base": "models.model",
    "models.critics": "models.parts.critics",
    "models.convolutional": "models.parts.convolutions",
    "models.densities": "models.parts.likelihoods",
    "models.objectives": "models.parts.critics",
    "models.flows.density": "models.flow",
    "models.flows.realnvp": "models.realnvp",
    "models.flows.inpainting": "models.inpainting",
    "models.flows.pixels": "models.flows.images",
    "models.hybrids": "models",
    "models.hybrids.base": "models.conditional",
    "models.hybrids.centres": "models.parts.centres",
    "models.hybrids.conditions": "models.parts.conditions",
    "models.hybrids.networks": "models.parts.images",
    "evaluation.rungs": "evaluation.ladder",
    "evaluation.looks": "evaluation.image_statistics",
    "explore.paths": "explore.interpolation",
} | {f"checks.lesson_{i:02d}": f"lessons.lesson_{i:02d}" for i in range(12)}

# What "break it" ran had these names, and was called: for all runs, or for one by its name.
CALLED = ("mystery", "mystery_game", "patient", "patients")

# Names within those modules, and within packages: (today's module, old name) → today's name, with
# its module where that is another.
NAMES = {
    ("models.linear", "GaussianMixture"): "models.mixture:GaussianMixture",
    ("training", "Draw"): "Source",
    ("training.source", "Draw"): "Source",
    ("lessons.lesson_01", "RUNS"): "faults",
    ("lessons.lesson_11", "faults"): "differences",
} | {(f"lessons.lesson_{i:02d}", old): "faults" for i in range(12) for old in CALLED}

# Methods of models, and options of `sample`.
METHODS = {
    "mean_image": "decode",
    "drawn": "training_batch",
    "prepared": "training_batch",
    "scored": "training_batch",
    "told": "conditions",
}
OPTIONS = {"draw": "noise"}
SETTINGS: dict[str, str] = {}


def options(given: dict) -> dict:
    """Options of `sample` by today's names."""
    return {OPTIONS.get(name, name): value for name, value in given.items()}


def method(model: object, name: str) -> Callable | None:
    """A model's method by its old name; None if there is no such."""
    today = METHODS.get(name, "")
    if not hasattr(type(model), today):
        return None
    found = getattr(model, today)
    # It handed out no labels, which now stand between images and conditions.
    return (lambda source: found(source)[::2]) if name == "prepared" else found


def settings(given: dict) -> dict:
    """Settings of a model by today's names."""
    return {SETTINGS.get(name, name): value for name, value in given.items()}


NOTICE = (
    "This notebook was handed out with the first edition of the course. Most of it goes on "
    "working. Where a cell fails or shows something odd, take the new one: `make lab` puts it "
    "beside yours as NN_name.new.ipynb."
)


def renamed(module: str, name: str):
    """Today's thing for an old name in a module of course_lib; AttributeError if there is none.

    Packages whose names changed call it from their `__getattr__`.
    """
    today = NAMES.get((module, name))
    if today is None:
        raise AttributeError(f"module 'course_lib.{module}' has no attribute {name!r}")
    tell()
    elsewhere, _, today = today.rpartition(":")
    return getattr(import_module(f"course_lib.{elsewhere or module}"), today)


def tell() -> None:
    """Say that an old copy is at work: once in a process, and below each cell that fails."""
    global _told
    if _told:
        return
    _told = True
    warnings.warn(NOTICE, FutureWarning, stacklevel=3)
    if (shell := getattr(builtins, "get_ipython", lambda: None)()) is not None:
        shell.events.register("post_run_cell", lambda cell: cell.success or print(NOTICE))


_told = False


class OldNames(MetaPathFinder, Loader):
    """Finds modules by their old names: modules that hand on what today's modules hold."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        old = name.removeprefix("course_lib.")
        if old == name or old not in MODULES:
            return None
        return ModuleSpec(name, self, is_package=old == "models.hybrids")

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        tell()
        today = MODULES[module.__name__.removeprefix("course_lib.")]
        source = import_module(f"course_lib.{today}")

        def hand_on(old: str):
            name = NAMES.get((today, old), old)
            if old in CALLED:
                return _as_called(getattr(source, name))
            if hasattr(source, name) or not today.startswith("lessons."):
                return getattr(source, name)
            return getattr(import_module(f"course_lib.{today}.exercises"), name)

        module.__getattr__ = hand_on


def _as_called(faults: dict):
    """A lesson's faults as the first edition called them."""

    def called(*given, **settings):
        if given and isinstance(given[0], str):
            run, *rest = given
            return faults[run](*rest, **settings)
        return {name: made(*given) if given else made for name, made in faults.items()}

    return called


def install() -> None:
    """Let Python find old names after all others; called when course_lib is imported."""
    if not any(isinstance(finder, OldNames) for finder in sys.meta_path):
        sys.meta_path.append(OldNames())
