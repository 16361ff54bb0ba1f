"""Lesson 08: its exercises, and three CVAEs of which two have a fault."""

from course_lib.lessons.lesson_08.exercises import (
    best_d,
    conditional_elbo,
    critic_loss,
    information,
    price_of_not_telling,
)
from course_lib.lessons.lesson_08.faults import faults
