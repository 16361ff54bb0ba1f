"""Data: images or points, their labels, and a card, as one object, by name.

`load("digits")` needs no network; lesson 00 shows the object, lessons 02 and 10 the toys.
Adding a data set is one entry in `_ENTRIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from course_lib.data import digits, mnist, paths, toy
from course_lib.data.batches import Batch, order
from course_lib.data.dataset import Card, DataSet
from course_lib.data.pixels import binarise, dequantise
from course_lib.errors import unknown

__all__ = [
    "Batch",
    "Card",
    "DataSet",
    "binarise",
    "cards",
    "dequantise",
    "here",
    "load",
    "names",
    "order",
    "paths",
    "toy",
]

SPLITS = ("train", "test")


@dataclass(frozen=True)
class _Entry:
    """load(split, root); here(root): can it do so without a network?; the card, unloaded."""

    load: Callable[[str, str | Path | None], DataSet]
    here: Callable[[str | Path | None], bool]
    card: Card


def _fetched(source: mnist.Source) -> _Entry:
    return _Entry(partial(mnist.load, source), partial(mnist.here, source), source.card)


def _drawn(name: str) -> _Entry:
    return _Entry(lambda split, root: toy.load(name, split), lambda root: True, toy.card(name))


_ENTRIES = {
    "digits": _Entry(digits.load, digits.here, digits.CARD),
    "mnist": _fetched(mnist.MNIST),
    "fashion": _fetched(mnist.FASHION),
} | {name: _drawn(name) for name in toy.KINDS}


def names() -> list[str]:
    """The names that `load` knows."""
    return list(_ENTRIES)


def cards() -> dict[str, Card]:
    """The card of each data set, by name, without loading any."""
    return {name: entry.card for name, entry in _ENTRIES.items()}


def load(name: str, split: str = "train", root: str | Path | None = None) -> DataSet:
    """The data set called `name`, its "train" or "test" split.

    root: a folder that has the files; None looks in COURSE_DATA, the course's data folder, the
    cache and the system's place, and only then downloads. Raises CourseError for unknown names,
    missing or damaged files, no network.
    """
    entry = _entry(name)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    return entry.load(split, root)


def here(name: str, root: str | Path | None = None) -> bool:
    """Whether `load(name, …, root)` finds the data on this machine, without a download."""
    return _entry(name).here(root)


def _entry(name: str) -> _Entry:
    if name not in _ENTRIES:
        raise unknown("data set", name, _ENTRIES)
    return _ENTRIES[name]
