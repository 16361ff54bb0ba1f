"""`check("06.3", answer)`: one line that says right, not yet answered, or which mistake it is.

An exercise states the right answer and the answers that likely mistakes give; an answer is
compared with the right one first and then with those. Where the answer is a function it is
called on probe inputs, chosen so that the mistakes differ on them.
"""

from __future__ import annotations

import copy
import importlib
import os
import pkgutil
from collections.abc import Callable
from typing import Any

import torch

from course_lib.checks.blame import Stopped, dots_left, left_open, stopped_at
from course_lib.checks.compare import describe, difference, unanswered
from course_lib.checks.exercises import Exercise, Mistake
from course_lib.errors import unknown

LESSONS = "course_lib.lessons"  # looked up by number, so that this kit knows no lesson


class Verdict(int):
    """True or False that a notebook doesn't echo below the line that was already printed."""

    def _ipython_display_(self) -> None:
        return None

    def __repr__(self) -> str:
        return str(bool(self))


def check(number: str, answer: Any, **context: Any) -> bool:
    """Try an answer, print one line, and say whether it is right.

    Never raises for an answer, however wrong, unless COURSE_STRICT=1 is set (then
    AssertionError: this is how the solved lessons are tested). `context` hands over what the
    right answer depends on, where the exercise says so. An unknown number is a CourseError.
    """
    asked = exercise(number)
    right, line = _judge(number, asked, answer, context)
    strict = os.environ.get("COURSE_STRICT") == "1" and not asked.demonstration
    if strict and not right:
        raise AssertionError(line)
    print(line)
    return Verdict(right)


def exercise(number: str) -> Exercise:
    """The exercise of this number; the lesson's checks are imported only now."""
    lesson = str(number).partition(".")[0]
    if lesson in _lessons():
        found = _exercises(lesson).get(number)
        if found is not None:
            return found
    raise unknown("exercise", number, numbers())


def numbers(lesson: str | None = None) -> list[str]:
    """The numbers of all exercises, or of one lesson's ("06")."""
    lessons = _lessons() if lesson is None else [lesson]
    return [number for name in lessons for number in _exercises(name)]


def _lessons() -> list[str]:
    package = importlib.import_module(LESSONS)
    return sorted(module.name[-2:] for module in pkgutil.iter_modules(package.__path__))


def _exercises(lesson: str) -> dict[str, Exercise]:
    return importlib.import_module(f"{LESSONS}.lesson_{lesson}.exercises").EXERCISES


def _judge(number: str, asked: Exercise, answer: Any, context: dict) -> tuple[bool, str]:
    if unanswered(answer) or left_open(answer):
        return False, f"· {number}: not answered yet"
    if asked.probes is None:
        outcome, expected = answer, _value(asked.right, context)
        return _compare(number, asked, outcome, expected, lambda m: _value(m, context))
    if not callable(answer):
        return False, (
            f"✗ {number}: a function is wanted, to be tried on several inputs; hand over its "
            f"name without brackets (yours is of type {type(answer).__name__})"
        )
    probes = asked.probes(**context) if callable(asked.probes) else asked.probes
    probes = [probe if isinstance(probe, tuple) else (probe,) for probe in probes]
    try:
        outcome = [_call(answer, probe) for probe in probes]
    except Stopped as stop:
        if stop.left_open:
            return False, f"· {number}: not answered yet"
        return False, f"✗ {number}: your function {stop}"
    if unanswered(outcome):
        return False, f"· {number}: not answered yet"
    if any(value is None for value in outcome):
        if dots_left(answer):
            return False, f"· {number}: not answered yet"
        return False, f"✗ {number}: your function gives None; is a `return` missing?"
    expected = [_call(asked.right, probe) for probe in probes] if asked.right else None

    def mistaken(function):
        try:
            return [_call(function, probe) for probe in probes]
        except Stopped:
            return None

    return _compare(number, asked, outcome, expected, mistaken, probes)


def _compare(number, asked: Exercise, outcome, expected, mistaken, probes=None):
    """Right first, then each known mistake, then what can be said of an unknown one."""
    if asked.accepts is not None:
        reason = None if _holds(asked.accepts, outcome) else ""
    else:
        reason = _gap(outcome, expected, asked.tol, probes)
    if reason is None:
        if asked.learns and not all(_carries_a_gradient(value) for value in outcome):
            return False, (
                f"✗ {number}: the number is right, but no gradient comes through it, so nothing "
                "could learn from it: no `.item()`, no `.detach()`, and a slope inside only with "
                "create_graph=True"
            )
        return True, f"✓ {number}: right" + (f". {asked.note}" if asked.note else "")

    def known(mistake: Mistake) -> bool:
        if mistake.predicate is not None:
            return _holds(mistake.predicate, outcome)
        wrong = mistaken(mistake.answer)
        return wrong is not None and _gap(outcome, wrong, asked.tol, probes) is None

    for mistake in asked.mistakes:
        if known(mistake):
            return False, f"✗ {number}: not yet: {mistake.message}"
    parts = [part for part in (reason, asked.hint) if part]
    return False, f"✗ {number}: not right" + (f": {'; '.join(parts)}" if parts else "")


def _gap(outcome, expected, tol, probes) -> str | None:
    if probes is None:
        return difference(outcome, expected, tol)
    for given, wanted, probe in zip(outcome, expected, probes, strict=True):
        reason = difference(given, wanted, tol)
        if reason is not None:
            return f"tried with ({describe(probe)})" + (f", {reason}" if reason else "")
    return None


def _holds(predicate: Callable[[Any], bool], outcome: Any) -> bool:
    """A predicate meets answers of any kind; where it stumbles, it does not hold."""
    try:
        return bool(predicate(outcome))
    except Exception:
        return False


def _carries_a_gradient(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def _value(stated: Any, context: dict) -> Any:
    return stated(**context) if callable(stated) else stated


def _call(function: Callable, probe: tuple) -> Any:
    """One call on a copy of the inputs, with the random state set alike and put back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return function(*copy.deepcopy(probe))
        except Exception as error:
            raise stopped_at(function, error) from error
