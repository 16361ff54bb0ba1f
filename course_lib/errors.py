"""The one error a learner meets: what was expected, what came, what to do.

Every message that the course raises on purpose is a `CourseError`, so that a notebook can show
it without a page of library internals and a test can tell it from a defect.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from numbers import Integral, Real

from course_lib import intervals


class CourseError(ValueError):
    """A mistake that the person at the keyboard can mend; the message says how."""


def unknown(kind: str, name: object, known: Iterable[object]) -> CourseError:
    """The error for a name that nobody knows, with the nearest known one.

    `kind` is what the name should have been ("data set", "model", …). Returned, not raised, so
    that the caller's `raise unknown(…)` shows where it happened.
    """
    known = sorted(map(str, known))
    lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(str(name).lower(), lower, n=1)
    hint = f" Did you mean {lower[near[0]]!r}?" if near else ""
    return CourseError(
        f"Unknown {kind} {name!r:.100}.{hint} Known: {', '.join(known) or 'none'}."
    )


def one_of(kind: str, name: object, known: Iterable[object]) -> None:
    """Refuses a name that is not among the known ones, also one of a kind that no name has."""
    try:
        found = name in known
    except (TypeError, ValueError, RuntimeError):  # lists and dicts; arrays compare by entry
        found = False
    if not found:
        raise unknown(kind, name, known)


def mapping(name: str, value: Mapping, example: str) -> Mapping:
    """`value`, if it is a dict of names or acts as one. Else a CourseError, with an example."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise CourseError(f"{name} must be a dict such as {example}, not {value!r:.60}.")
    return value


def plain(value: object) -> object:
    """A single number of NumPy or torch as Python's own; anything else as it is."""
    try:
        return value.item() if getattr(value, "ndim", None) == 0 else value
    except RuntimeError:  # a tensor without values
        return value


def whole_number(
    name: str, value: object, minimum: int = 1, maximum: int | None = None, more: str = ""
) -> int:
    """`value` as a Python int from `minimum` to `maximum`, whole numbers of NumPy and torch too.

    Else a CourseError, which ends in `more`.
    """
    value = plain(value)
    if isinstance(value, Integral) and not isinstance(value, bool) and value >= minimum:
        if maximum is None or value <= maximum:
            return int(value)
    to = "" if maximum is None else f" to {maximum:,}"
    raise CourseError(
        f"{name} must be a whole number from {minimum:,}{to}, not {value!r:.100}.{more}"
    )


def real_number(name: str, value: object, within: str = intervals.ALL) -> float:
    """`value` as a finite Python float in the interval, numbers of NumPy and torch too.

    Else a CourseError.
    """
    value = plain(value)
    if (
        isinstance(value, Real)
        and not isinstance(value, bool)
        and intervals.holds(within, value)
    ):
        return float(value)
    kind = (
        "finite number" if within == intervals.ALL else f"number {intervals.in_words(within)}"
    )
    raise CourseError(f"{name} must be a {kind}, not {value!r:.100}.")
