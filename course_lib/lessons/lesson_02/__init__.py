"""Lesson 02: its exercises, and three trainings of which two are broken."""

from course_lib.lessons.lesson_02.exercises import alternating_step
from course_lib.lessons.lesson_02.faults import faults
