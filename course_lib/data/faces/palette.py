"""The colours of the rendered faces, by name; a choice of colour lists its options here."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

# From light to dark; a skin is a place on the line through them.
SKIN = ("#fde3d0", "#f6cda9", "#e6b085", "#cd9063", "#a56a42", "#7c4b2f", "#573322")
HAIR = {
    "black": "#26222b",
    "brown": "#5a3825",
    "chestnut": "#8a4b2a",
    "ginger": "#cf6a2c",
    "blond": "#e6bd66",
    "grey": "#b9b6b8",
    "blue": "#3f6fc4",
    "pink": "#e2739f",
}
EYES = {
    "dark": "#33221c",
    "brown": "#80502a",
    "amber": "#b98a34",
    "green": "#4d9158",
    "blue": "#4a8fd0",
    "grey": "#8297a4",
}
BACKGROUND = {
    "sky": "#a9d3ee",
    "mint": "#b2e0c6",
    "sand": "#f0deb2",
    "peach": "#f6c7a8",
    "rose": "#f0bccb",
    "lilac": "#cbbdea",
    "slate": "#8fa3b5",
    "white": "#eeeef0",
}
CLOTHES = {
    "red": "#cc4a46",
    "orange": "#e08e3a",
    "green": "#4c9a6a",
    "teal": "#2f8f98",
    "navy": "#34487c",
    "purple": "#7b559f",
    "grey": "#6d7480",
    "cream": "#f2e8d5",
}
INK, WHITE, RED = "#2b2730", "#ffffff", "#c2413f"
MOUTH, TEETH, TONGUE, LENS = "#5c2029", "#fbf8f2", "#e0747a", "#cfe6f2"


@cache
def colour(code: str) -> Tensor:
    """(3,), in [0, 1], of "#rrggbb"."""
    values = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return torch.tensor(values, dtype=torch.float32, device="cpu")


@cache
def _table(*codes: str) -> Tensor:
    return torch.stack([colour(code) for code in codes])


def chosen(options: dict[str, str], index: Tensor) -> Tensor:
    """(n, 3): the colour of each index (n,) into the options."""
    return _table(*options.values())[index]


def skin(place: Tensor) -> Tensor:
    """(n, 3): the skin at `place` (n,) in [0, 1], from the lightest to the darkest."""
    stops = _table(*SKIN)
    along = place * (len(SKIN) - 1)
    first = along.floor().long().clamp(0, len(SKIN) - 2)
    return mix(stops[first], stops[first + 1], (along - first)[:, None])


def mix(one: Tensor, other: Tensor, share: Tensor | float) -> Tensor:
    """From `one` (share = 0) to `other` (share = 1)."""
    return one * (1 - share) + other * share
