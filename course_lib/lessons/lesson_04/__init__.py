"""Lesson 04: its exercises, and three DCGANs of which two have a fault."""

from course_lib.lessons.lesson_04.exercises import receptive_field
from course_lib.lessons.lesson_04.faults import faults
