"""Lesson 07: its exercises, and three objectives of which two have a fault."""

from course_lib.lessons.lesson_07.exercises import (
    best_sigma,
    charged,
    collapse_kl,
    implied_sigma,
    importance,
)
from course_lib.lessons.lesson_07.faults import faults
