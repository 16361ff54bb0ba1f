"""Lesson 03: its exercises, and four samplers of which three have a fault."""

from course_lib.lessons.lesson_03.exercises import held_from
from course_lib.lessons.lesson_03.faults import faults
