"""Search spaces, read from the declarations of a model's settings.

An interval is searched by its logarithm (rates, weights), a tuple is a list of options. Lesson 12
asks of each whether the best of a study lies at its edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from course_lib.errors import CourseError, mapping
from course_lib.models import Model
from course_lib.models.settings import Setting


def searched(kind: type[Model], fixed: Mapping[str, Any] = {}) -> dict[str, Setting]:
    """The settings of a model class that a study varies: those with a range, and not `fixed`.

    Raises CourseError where there is none, and where rounds are fixed: the seconds of a trial are.
    """
    fixed = mapping("fixed", fixed, "{'lr': 1e-3}")
    found = {
        name: setting
        for name, setting in kind.declared.items()
        if setting.search is not None and name not in fixed
    }
    if not found:
        raise CourseError(
            f"{kind.__name__} has no setting to search"
            + (" besides those that you fix." if fixed else ": declare one with search=….")
        )
    if "rounds" in fixed:
        raise CourseError("A trial plays as many rounds as its seconds hold: don't fix rounds.")
    return found


def suggested(
    trial: optuna.trial.BaseTrial, kind: type[Model], fixed: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """The settings that an optuna trial asks for, those that are `fixed` among them.

    Studies name options as text, "(256, 256)", which every storage can hold.
    """
    settings = dict(fixed)
    for name, setting in searched(kind, fixed).items():
        if isinstance(setting.search, str):
            suggest = trial.suggest_int if setting.kind == "whole" else trial.suggest_float
            settings[name] = suggest(name, *setting.options, log=True)
        else:
            options = {str(option): option for option in setting.options}
            settings[name] = options[trial.suggest_categorical(name, list(options))]
    return settings


def distributions(kind: type[Model], fixed: Mapping[str, Any] = {}) -> dict[str, Any]:
    """What a study varies, as optuna keeps it: those that `suggested` asks a trial for."""
    first = {
        name: setting.options[0] if isinstance(setting.search, str) else str(setting.options[0])
        for name, setting in searched(kind, fixed).items()
    }
    trial = optuna.trial.FixedTrial(first)
    suggested(trial, kind, fixed)
    return trial.distributions
