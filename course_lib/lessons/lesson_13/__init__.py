"""Lesson 13: its exercises, models of one size to compare, and lesson 12's record."""

from course_lib.lessons.lesson_12.record import record
from course_lib.lessons.lesson_13.exercises import mostly_noise, true_share, wins
from course_lib.lessons.lesson_13.pictures import At32, Memoriser
