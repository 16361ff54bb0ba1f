"""Lesson 12: its exercises, its record of trials, and four logs of searches to look at."""

from course_lib.lessons.lesson_12.exercises import (
    expected_again,
    expected_best,
    explained,
    halving_seconds,
    rank_correlation,
    trials_needed,
)
from course_lib.lessons.lesson_12.record import Family, logs, record
