"""Tuning: which settings, by what score, at what cost; the search itself is optuna's.

A model's search space stands beside its settings (`Setting.search`). A *trial* is one training
of so many processor seconds, scored on training images that it did not see; test images are
never touched. A *study* holds trials, and several processes may share one. Lesson 12 derives
how far the best of many trials can be believed.
"""

from course_lib.tuning.spaces import searched, suggested
from course_lib.tuning.storage import opened
from course_lib.tuning.studies import search, study
from course_lib.tuning.trials import (
    HELD_BACK,
    SHARES,
    Point,
    Split,
    judged,
    play,
    round_seconds,
    rounds_in,
    split,
)

__all__ = [
    *("HELD_BACK", "SHARES", "Point", "Split", "judged", "opened", "play", "round_seconds"),
    *("rounds_in", "search", "searched", "split", "study", "suggested"),
]
