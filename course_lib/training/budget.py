"""How much a lesson may cost: `smoke` (tests), `laptop` (the default) or `full`.

A budget only scales. It is chosen once, by the environment variable COURSE_BUDGET, and never
leads into another code path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

from course_lib.errors import one_of

Value = TypeVar("Value")

# full is the recipe's own length; a twentieth of it is worth looking at on two cores.
SCALES = {"smoke": 1 / 5000, "laptop": 1 / 20, "full": 1.0}
LEAST = 10


@dataclass(frozen=True)
class Budget:
    """`name` and `scale`, the share of a recipe's full length."""

    name: str
    scale: float

    def rounds(self, full: int) -> int:
        """The rounds that this budget allows of a recipe with `full` rounds."""
        return min(full, max(LEAST, round(full * self.scale)))

    def pick(self, *, smoke: Value, laptop: Value, full: Value | None = None) -> Value:
        """The value for this budget; without `full`, the laptop's serves there too."""
        values = {"smoke": smoke, "laptop": laptop, "full": laptop if full is None else full}
        return values[self.name]


def budget(name: str | Budget | None = None) -> Budget:
    """The budget of that name; without one, COURSE_BUDGET's, else `laptop`."""
    if isinstance(name, Budget):
        return name
    name = name or os.environ.get("COURSE_BUDGET") or "laptop"
    one_of("budget", name, SCALES)
    return Budget(name, SCALES[name])
