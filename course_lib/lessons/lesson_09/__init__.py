"""Lesson 09: its exercises, three trainings of which two are broken, and report A's own game."""

from course_lib.lessons.lesson_09.exercises import ALGORITHM_1, mean_matching, moved
from course_lib.lessons.lesson_09.faults import faults
from course_lib.lessons.lesson_09.report import report_game
