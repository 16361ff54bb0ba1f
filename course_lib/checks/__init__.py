"""Checks: a lesson's answers and equations are tried, and a mistake is told by its name.

`check("06.3", answer)` compares an answer with the right one and with the answers that likely
mistakes give, so that it can say more than "wrong"; it never prints the right one.
`predict` keeps a guess made before a training. `agrees` and `refuses` stand below an equation:
the first asserts it, the second asserts that a named wrong form of it would have been noticed.
Lesson 00 shows all four at work; the exercises of lesson NN stand in `lessons/lesson_NN`.
"""

from course_lib.checks.core import check
from course_lib.checks.exercises import Exercise, Faults, Prediction, When
from course_lib.checks.finding import exercise, numbers
from course_lib.checks.guesses import guess, predict
from course_lib.checks.identities import agrees, refuses

__all__ = [
    "Exercise",
    "Faults",
    "Prediction",
    "When",
    "agrees",
    "check",
    "exercise",
    "guess",
    "numbers",
    "predict",
    "refuses",
]
