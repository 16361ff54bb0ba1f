"""Guesses made before a result is seen; a plot then draws them dashed beside it.

A prediction is not graded. Making it is what makes the result worth looking at.
"""

from __future__ import annotations

import math
import re
import reprlib
from typing import Any

import torch

from course_lib.checks.compare import numeric, word
from course_lib.checks.exercises import Prediction
from course_lib.checks.finding import prediction
from course_lib.errors import CourseError

_kept: dict[str, float | str] = {}


def predict(number: str, value: Any) -> float | str | None:
    """Keep the guess for prediction `number` ("02.1") and hand it back; None while there is none.

    A guess is one finite number or one word, as the lesson asks; a later guess replaces it. Of
    anything else one line says what is wanted, and the question stays open: what is handed back
    is always a guess that the lesson can go on with, or None.
    """
    number = valid_number(number)
    asked = prediction(number)
    try:
        with torch.device("cpu"):
            found = None if _open(value) else _fitting(value, asked)
    except (Exception, SystemExit):  # an object that answers no question without an error
        found = None
    if found is None:
        _kept.pop(number, None)
        wanted = _wanted(asked, number)
        reason = f"{_shown(value)} is no such guess" if not _open(value) else "no guess yet"
        print(f"· {number}: {reason} (write {wanted} in place of the dots)")
        return None
    _kept[number] = found
    shown = _short(found) if isinstance(found, str) else f"{found:.6g}"
    print(f"· {number}: your guess {shown} is kept")
    return found


def guess(number: str) -> float | str | None:
    """The guess that `predict` kept under this number, or None."""
    return _kept.get(valid_number(number))


def valid_number(number: Any) -> str:
    """The number of an exercise or prediction if it has the form "06.3", else a CourseError."""
    if isinstance(number, str) and re.fullmatch(r"\d\d\.\d{1,2}", number):
        return number
    raise CourseError(
        f"An exercise or prediction is named by its lesson and its number in quotes, such as "
        f'"06.3" (two digits, a dot, one or two digits); this one came as {number!r}.'
    )


def _fitting(value: Any, asked: Prediction | None) -> float | str | None:
    """The guess in the form that the lesson goes on with, or None if it doesn't fit."""
    if asked is None:  # no lesson's: a number or a word, as it likes
        if isinstance(value, str):
            return value if word(value) else None
        asked = Prediction()
    if asked.words:
        words = {word(known): known for known in asked.words}
        return words.get(word(value)) if isinstance(value, str) else None
    if asked.pattern:
        fits = isinstance(value, str) and re.fullmatch(asked.pattern, value.strip())
        return value.strip() if fits else None
    if isinstance(value, str):  # "100" is a number in quotes
        try:
            value = float(value)
        except ValueError:
            return None
    number = numeric(value)
    if number is None or number.numel() != 1:
        return None
    found = number.item()
    fits = math.isfinite(found) and asked.low <= found <= asked.high
    return found if fits and not (asked.whole and found != round(found)) else None


def _wanted(asked: Prediction | None, number: str) -> str:
    if asked is None:
        return f"one finite number, or one word in quotes, such as predict({number!r}, 0.5),"
    if asked.words:
        return "one of the words " + ", ".join(f'"{known}"' for known in asked.words)
    if asked.pattern:
        return asked.like
    one = "a whole number" if asked.whole else "a number"
    low, high = asked.low, asked.high
    if math.isinf(low) and math.isinf(high):
        return one
    if math.isinf(high):
        return f"{one} of at least {low:g}"
    return f"{one} from {low:g} to {high:g}" if math.isfinite(low) else f"{one} up to {high:g}"


def _open(value: Any) -> bool:
    return value is ... or value is None


def _shown(value: Any) -> str:
    """A guess in short, whatever it is."""
    try:
        return _short(reprlib.repr(value))  # of a long list just the beginning
    except (Exception, SystemExit):
        return _short(f"a {type(value).__name__}")


def _short(text: str) -> str:
    text = " ".join(text[:1000].encode(errors="backslashreplace").decode().split())
    return text if len(text) <= 40 else text[:37] + "…"
