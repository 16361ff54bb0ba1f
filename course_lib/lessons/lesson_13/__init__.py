"""Lesson 13: its exercises, three models at one size, and sentences of two reports to judge."""

from course_lib.lessons.lesson_13.exercises import mostly_noise, true_share, wins
from course_lib.lessons.lesson_13.pictures import At32, Memoriser
