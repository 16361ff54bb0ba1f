"""Exercises and predictions by their numbers: "06.3" is stated in lesson 06, imported only then.

Lessons are looked up by name, so that this kit knows none of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from course_lib.checks.exercises import Exercise, Prediction
from course_lib.errors import unknown

LESSONS = "course_lib.lessons"


def exercise(number: str) -> Exercise:
    """The exercise of this number; CourseError where there is none."""
    lesson = str(number).partition(".")[0]
    if lesson in _lessons():
        found = _stated(lesson, "EXERCISES").get(number)
        if found is not None:
            return found
    raise unknown("exercise", number, numbers())


def prediction(number: str) -> Prediction | None:
    """What a guess under this number can be; None where no lesson asks for one."""
    lesson = number.partition(".")[0]
    return _stated(lesson, "PREDICTIONS").get(number) if lesson in _lessons() else None


def numbers(lesson: str | None = None) -> list[str]:
    """The numbers of all exercises, or of one lesson's ("06")."""
    lessons = _lessons() if lesson is None else [lesson]
    return [number for name in lessons for number in _stated(name, "EXERCISES")]


def _lessons() -> list[str]:
    package = importlib.import_module(LESSONS)
    modules = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name[-2:] for name in modules if name.startswith("lesson_"))


def _stated(lesson: str, what: str) -> dict[str, Any]:
    found = importlib.import_module(f"{LESSONS}.lesson_{lesson}.exercises")
    return getattr(found, what, {})
