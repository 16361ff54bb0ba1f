"""Lesson 06: its exercises, and three objectives of which two have a fault."""

from course_lib.lessons.lesson_06.faults import faults
