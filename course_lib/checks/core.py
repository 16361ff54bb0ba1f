"""`check("06.3", answer)`: one line that says right, not yet answered, or which mistake it is.

An exercise states the right answer and the answers that likely mistakes give; an answer is
compared with the right one first and then with those. Where the answer is a function it is
called on probe inputs, chosen and drawn so that the mistakes differ on them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any

import torch

from course_lib.checks import trial
from course_lib.checks.blame import Stopped, dots_left, left_open
from course_lib.checks.compare import (
    describe,
    difference,
    kind,
    named,
    unanswered,
    unusable,
    word,
)
from course_lib.checks.exercises import Exercise, Probe, When
from course_lib.checks.finding import exercise

MARKS = {True: "✓", False: "✗", None: "·"}
NO_GRADIENT = (
    "the number is right, but no gradient comes through it, so nothing could learn from it: no "
    "`.item()`, no `.detach()`, and a slope inside only with create_graph=True"
)
OTHER_GRADIENT = (
    "the number is right, but not its gradient, so it would train something else: a part of it "
    "is cut off from what it was computed of"
)
PRECISION = (
    "Make new tensors with the precision of an argument x: `torch.zeros(3, dtype=x.dtype)`, and "
    "write no `.float()`, `.double()` or `.half()`"
)
SPOILS = (
    "the numbers are right, but the function changes what it is given, which is used again later: "
    "`x -= 1`, `x[i] = 1` and `x.add_(1)` write into x; write `x = x - 1`, or begin with "
    "`x = x.clone()`"
)


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
    try:
        with torch.device("cpu"):  # whatever torch's default is, for probes lie there
            right, said = judge(asked, answer, context)
    except (Exception, SystemExit) as error:  # what answers no question without an error
        right, said = False, f"not right: looking at it stops with {type(error).__name__}"
    line = f"{MARKS[right]} {number}: {said}"
    strict = os.environ.get("COURSE_STRICT") == "1" and not asked.demonstration
    if strict and not right:
        raise AssertionError(line)
    print(line)
    return Verdict(bool(right))


def judge(
    asked: Exercise, answer: Any, context: dict[str, Any] | None = None
) -> tuple[bool | None, str]:
    """Whether an answer is right (None: it is not there yet), and what to say of it."""
    context, open_still = context or {}, (None, "not answered yet")
    if unanswered(answer) or left_open(answer):
        return open_still
    if not asked.asks_for_a_function:
        if isinstance(asked.right, dict):
            answer = named(answer, asked.right) or answer
        gives = lambda stated: stated(**context) if callable(stated) else stated
        return Tried(asked, answer, None, gives).verdict()
    if not callable(answer):
        return False, (
            "a function is wanted, to be tried on several inputs; hand over its name without "
            f"brackets (yours is {kind(answer)})"
        )
    probes = trial.probes(asked, context)
    try:
        tried = copy.deepcopy(probes)
        outcome = [trial.call(answer, probe, ours=True) for probe in tried]
    except Stopped as stop:
        return open_still if stop.left_open else (False, f"your function {stop}")
    none = any(value is None for value in outcome)
    if unanswered(outcome) or (none and dots_left(answer)):
        return open_still
    if none:
        return False, "your function gives None; is a `return` missing?"
    if not context:
        gives = lambda function: trial.stated(asked, function)
    else:
        gives = lambda function: [trial.call(function, probe) for probe in probes]
    return Tried(asked, outcome, probes, gives).verdict(answer, tried)


class Tried:
    """An answer's outcome beside what others give: of a function, a list over the probes."""

    def __init__(
        self,
        asked: Exercise,
        outcome: Any,
        probes: list[Probe] | None,
        gives: Callable[[Any], Any],
    ):
        self.asked, self.outcome, self.probes, self.gives = asked, outcome, probes, gives
        self.right = self.expected = None

    def verdict(self, answer: Any = None, tried: Any = None) -> tuple[bool, str]:
        """Right first, then each known mistake, then what can be said of an unknown one;
        `tried`: the probes, as the answer has left them."""
        reason = self.differs_from_right()
        if reason is None:
            useless = self.useless(answer, tried) if self.probes is not None else None
            note = f"right. {self.asked.note}" if self.asked.note else "right"
            return (True, note) if useless is None else (False, useless)
        if (unknown := self.unknown_word()) is not None:
            return (
                False,
                f'not yet: "{unknown:.60}" is none of the words that the exercise gives',
            )
        for message, mistake in self.asked.mistakes.items():
            if self.shows(mistake):
                return False, f"not yet: {message}"
        parts = [part for part in (reason, self.asked.hint) if part]
        return False, "not right" + (f": {'; '.join(parts)}" if parts else "")

    def differs_from_right(self) -> str | None:
        """None where the answer is right: then `self.right` is the answer that it equals."""
        if self.asked.accepts is not None:
            return None if _holds(self.asked.accepts, self.outcome) else ""
        reasons = []
        for right in (self.asked.right, *self.asked.also):
            self.right, self.expected = right, self.gives(right)
            reasons.append(self.gap(self.expected))
            if reasons[-1] is None:
                return None
        return reasons[0]

    def unknown_word(self) -> str | None:
        """A word in a dictionary that is neither a right answer's nor a known mistake's: before
        anything is said of the others, since another writing may be meant."""
        if not (isinstance(self.asked.right, dict) and isinstance(self.outcome, dict)):
            return None
        mistakes = [getattr(m, "example", m) for m in self.asked.mistakes.values()]
        stated = [self.asked.right, *(m for m in mistakes if isinstance(m, dict))]
        known = {word(v) for part in stated for v in part.values() if isinstance(v, str)}
        given = [
            self.outcome[key]
            for key, value in self.asked.right.items()
            if isinstance(value, str) and isinstance(self.outcome.get(key), str)
        ]
        return next((value for value in given if word(value) not in known), None)

    def shows(self, mistake: Any) -> bool:
        if isinstance(self.asked.right, dict) and not isinstance(self.outcome, dict):
            return False
        if isinstance(mistake, When):
            return _holds(mistake.holds, self.outcome)
        wrong, outcome = self.gives(mistake), self.outcome
        if isinstance(wrong, dict) and isinstance(outcome, dict):
            outcome = {key: outcome[key] for key in wrong if key in outcome}
        return wrong is not None and self.gap(wrong, outcome) is None

    def useless(self, answer: Any, tried: list[Probe]) -> str | None:
        """What is wrong with an answer whose numbers are right, if anything is."""
        asked = self.asked
        if not trial.same(tried, self.probes):
            return SPOILS
        for name in sorted(asked.without & trial.called_in(answer, self.probes[0])):
            return f"the numbers are right, but they are `{name}`'s; build it from other parts"
        known = trial.stated_gradients(asked, self.right) if asked.learns else ()
        for probe, wanted in zip(self.probes, known, strict=False):
            try:
                given = trial.gradients(answer, probe, asked.learns)
            except Stopped:
                return NO_GRADIENT
            if not trial.same_gradients(given, wanted):
                return OTHER_GRADIENT if any(map(torch.any, given)) else NO_GRADIENT
        for given, wanted in zip(self.outcome, self.expected or (), strict=False):
            reason = unusable(given, wanted, asked.tensor or bool(asked.learns))
            if reason is not None:
                return reason
        for dtype in asked.precisions:
            if (reason := self.other_precision(answer, dtype)) is not None:
                return (
                    f"right, but given {str(dtype).removeprefix('torch.')}, as the lesson does "
                    f"later, your function {reason}. {PRECISION}"
                )
        for value in self.outcome if asked.tensor else ():
            whole = isinstance(self.expected[0], torch.Tensor)
            for part in [value] if whole else value:
                if not isinstance(part, torch.Tensor):
                    return (
                        "the numbers are right; the lesson goes on with them as a tensor, and "
                        f"yours is {kind(part)}"
                    )
        return None

    def other_precision(self, answer: Any, dtype: torch.dtype) -> str | None:
        """How an answer fails on numbers of this precision, if it does."""
        probe = trial.in_precision(self.probes[0], dtype)
        try:
            given = trial.call(answer, probe)
        except Stopped as stop:
            return str(stop)
        found = trial.other_precision(given, trial.call(self.right, probe))
        return f"gives {found}" if found is not None else None

    def gap(self, expected: Any, outcome: Any = None) -> str | None:
        """None where the outcome is the expected one, else in which probe and how it isn't."""
        outcome, tol = self.outcome if outcome is None else outcome, self.asked.tol
        if self.probes is None:
            return difference(outcome, expected, tol)
        form = self.asked.form or (lambda value: value)
        for given, wanted, probe in zip(outcome, expected, self.probes, strict=True):
            try:
                reason = difference(form(given), form(wanted), tol)
            except Exception:  # not of the form that is compared
                reason = "it has another form than is wanted"
            if reason is not None:
                return f"tried with ({describe(probe)})" + (f", {reason}" if reason else "")
        return None


def _holds(predicate: Callable[[Any], bool], outcome: Any) -> bool:
    """A predicate meets answers of any kind; where it stumbles, it does not hold."""
    try:
        return bool(predicate(outcome))
    except Exception:
        return False
