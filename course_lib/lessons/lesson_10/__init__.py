"""Lesson 10: its exercises, and three flows of which two have a fault."""

from course_lib.lessons.lesson_10.exercises import planar_log_det
from course_lib.lessons.lesson_10.faults import faults
