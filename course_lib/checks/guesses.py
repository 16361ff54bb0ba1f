"""Guesses made before a result is seen; a plot then draws them dashed beside it.

A prediction is not graded. Making it is what makes the result worth looking at.
"""

from __future__ import annotations

import math
import re
from typing import Any

from course_lib.checks.compare import numeric
from course_lib.errors import CourseError

_kept: dict[str, float | str] = {}


def predict(number: str, value: Any) -> float | str | None:
    """Keep the guess for prediction `number` ("02.1") and hand it back; None while it is `...`.

    A guess is one finite number or one word in quotes; a later guess replaces it.
    """
    number = valid_number(number)
    if value is ... or value is None:
        _kept.pop(number, None)
        print(f"· {number}: no guess yet (write a number in place of the dots)")
        return None
    if not isinstance(value, str):
        tensor = numeric(value)
        if tensor is None or tensor.numel() != 1 or not math.isfinite(tensor.item()):
            raise CourseError(
                f"A guess is one finite number or one word in quotes, but prediction {number} "
                f"got {value!r}. Write, for example, predict({number!r}, 0.5)."
            )
        value = tensor.item()
    _kept[number] = value
    shown = value if isinstance(value, str) else f"{value:.6g}"
    print(f"· {number}: your guess {shown} is kept")
    return value


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
