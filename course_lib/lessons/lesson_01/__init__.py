"""Lesson 01: its exercises, right answers to go on with, and three estimates to diagnose."""

from course_lib.lessons.lesson_01.exercises import (
    bits_per_dim,
    fit_ppca,
    kl,
    log_mean_exp,
    posterior,
    standard_error,
)
from course_lib.lessons.lesson_01.faults import faults
