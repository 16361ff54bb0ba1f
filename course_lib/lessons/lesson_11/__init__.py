"""Lesson 11: its exercises, and five flows of which four have a fault."""

from course_lib.lessons.lesson_11.faults import differences, faults
