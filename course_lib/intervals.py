"""Intervals of numbers, written as in mathematics: "[0, 1]" holds its ends, "(0, inf)" does not."""

from __future__ import annotations

import math

ALL = "(-inf, inf)"


def ends(interval: str) -> list[int | float]:
    """Both ends, whole ones exactly: a float has no 2⁶³ − 1."""
    ends = (end.strip() for end in interval[1:-1].split(","))
    return [int(end) if end.lstrip("-").isdecimal() else float(end) for end in ends]


def holds(interval: str, value: float) -> bool:
    """Whether the value lies in it; infinity and NaN lie in none."""
    low, high = ends(interval)
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return above and below and math.isfinite(value)


def in_words(interval: str) -> str:
    """ "[1, 1000000]" → "from 1 to 1,000,000"; "(0, 0.5)" → "above 0 and below 0.5"."""
    low, high = ends(interval)
    ways = {"[]": "from {} to {}", "[)": "from {} to below {}", "(]": "above {}, up to {}"}
    said = ways.get(interval[0] + interval[-1], "above {} and below {}")
    if high == math.inf:
        said = "from {}" if interval[0] == "[" else "above {}"
    return said.format(f"{low:,}", f"{high:,}")
