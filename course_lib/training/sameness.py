"""Is what a folder keeps this training, and can it end in the same bits? Refused, or warned about.

A checkpoint says which training it is (model, settings, batch, seed, data, precision), and in what
environment it was computed (threads, memory layout, torch version, device, number of processes)
and from which examples: only where these stay the same do sums keep their order and a resumed
training ends in the same bits as one that was never stopped.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from torch import nn

from course_lib import first_edition
from course_lib.checkpoint import fact
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.training.precision import SINGLE

FACTS = {
    "model": str,
    "settings": dict,
    "batch": int,
    "seed": int,
    "examples": int,
    "round": int,
}


def identity(
    model: nn.Module | None,
    dataset: DataSet,
    batch: int,
    seed: int,
    precision: str = SINGLE,
) -> dict:
    """What makes it this training and no other; model None: a bare game."""
    card, kind = dataset.card, type(model)
    if model is None:
        own = {"model": "game", "settings": {}}
    elif hasattr(model, "facts"):
        own = model.facts()
    else:
        own = {"model": kind.__name__, "module": kind.__module__}
        own |= {"settings": getattr(model, "settings", {})}
    return own | {
        "batch": batch,
        "seed": seed,
        "data": f"{card.name} ({card.split or 'no split'}), {dataset.shape}",
        "examples": len(dataset),
        "precision": precision,
    }


def require_the_same(file: Path, kept: dict, run_id: dict, recipes: list[dict]) -> None:
    """Refuse another training's checkpoint, and say in what it is another.

    kept     what the checkpoint says of itself; run_id: the same of the training at hand
    recipes  sets of settings: a checkpoint older than a setting means the value in that which
             it follows most closely
    """
    for name, kind in FACTS.items():
        fact(kept, name, kind, file)
    here = _by_name(run_id)
    settings = first_edition.settings(kept["settings"])
    nearest = max(recipes, key=lambda one: _agreement(one, settings), default={})
    # What is younger than the first checkpoints, and what they mean without it.
    there = {"data": run_id["data"], "precision": SINGLE} | kept
    there = _by_name(there | {"settings": nearest | settings})
    names = [name for name in there if name.startswith("setting ")]
    for name in dict.fromkeys([*here, *names]):
        if name == "module":
            continue  # a class may move from a notebook into a file
        if there.get(name, FACTS) != here.get(name, FACTS):  # FACTS: is not there at all
            raise CourseError(
                f"{file.parent} holds another training: its {name} is "
                f"{there.get(name)!r:.200}, here it is {here.get(name)!r:.200}. Use the same, "
                "or another folder."
            )


def compare_environment(folder: Path, facts: dict, environment: dict) -> None:
    """Warn of each circumstance that has changed; older checkpoints tell fewer of them."""
    changed = [
        f"{name} was {str(facts[name])[:80]}, now {now}"
        for name, now in environment.items()
        if facts.get(name, now) != now
    ]
    if changed:
        warnings.warn(
            f"The training in {folder} continues after round {facts['round']}, but not to the "
            f"same bits as without the stop: {'; '.join(changed)}. Losses will agree only "
            "roughly. Resume as it was begun if the bits matter.",
            stacklevel=2,
        )


def compare_rates(folder: Path, facts: dict, rates: dict[str, list], rounds: int) -> None:
    """Warn when the learning rates so far are not those that this training plans."""
    then = facts.get("rates", {})
    for player, now in rates.items():
        was = then.get(player, now) if isinstance(then, dict) else now
        if not _close(was, now):
            warnings.warn(
                f"The training in {folder} was planned for "
                f"{facts.get('planned rounds')!s:.20} rounds and is now for {rounds}, on which "
                f"the learning rate of {player!r} depends: in round {facts['round'] - 1} it stood "
                f"at {was[-1]:.3g} of its full value, where this plan has {now[-1]:.3g}. It goes "
                f"on by this plan, but does not end as {rounds} rounds in one go; for that, train "
                "anew in another folder.",
                stacklevel=2,
            )


def _agreement(recipe: dict, settings: dict) -> int:
    """In how many settings they agree."""
    return sum(name in settings and settings[name] == value for name, value in recipe.items())


def _by_name(facts: dict) -> dict:
    """The facts with every setting by itself, so that a refusal names the one that differs."""
    settings = {f"setting {name}": value for name, value in facts.get("settings", {}).items()}
    return {name: value for name, value in facts.items() if name != "settings"} | settings


def _close(was: object, now: list[float]) -> bool:
    """Whether two lists of factors agree; also where there is nothing to compare."""
    try:
        return np.shape(was) != np.shape(now) or np.allclose(was, now, rtol=1e-6, atol=1e-9)
    except (TypeError, ValueError):
        return True
