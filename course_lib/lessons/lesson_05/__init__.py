"""Lesson 05: its exercises, and three trainings of a critic of which two are broken."""

from course_lib.lessons.lesson_05.exercises import (
    largest_singular_value,
    one_round,
    wasserstein,
)
from course_lib.lessons.lesson_05.faults import faults
