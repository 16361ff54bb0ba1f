"""Data: images or points, their labels, and a card, as one object, by name.

`load("digits")` needs no network; lesson 00 shows the object, lessons 02 and 10 the toys.
A name may carry a side in pixels (`celeba-32`), where images come at any, and a path, which is
short for root (`folder:pictures`, `folder-32:pictures`). Adding a data set is one entry in
`_ENTRIES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from course_lib.data import digits, faces, mnist, paths, toy
from course_lib.data.batches import Batch, order
from course_lib.data.dataset import Card, DataSet
from course_lib.data.photos import celeba, folder
from course_lib.errors import CourseError, one_of, unknown
from course_lib.pixels import binarise, dequantise

SPLITS = ("train", "test")


@dataclass(frozen=True)
class _Entry:
    """load(split, root); the card, unloaded; here(root): can it do so without a network?

    sized: whether load takes a size (pixels a side) too.
    """

    load: Callable[..., DataSet]
    card: Card
    here: Callable[[str | Path | None], bool] = lambda root: True
    sized: bool = False


def _fetched(published: mnist.Published) -> _Entry:
    load, here = partial(mnist.load, published), partial(mnist.here, published)
    return _Entry(load, published.card, here)


def _drawn(name: str) -> _Entry:
    return _Entry(lambda split, root: toy.load(name, split), toy.card(name))


_ENTRIES = {
    "digits": _Entry(digits.load, digits.CARD),
    "mnist": _fetched(mnist.MNIST),
    "fashion": _fetched(mnist.FASHION),
    "faces": _Entry(faces.load, faces.CARD, sized=True),
    "celeba": _Entry(celeba.load, celeba.CARD, celeba.here, sized=True),
    "folder": _Entry(folder.load, folder.CARD, folder.here, sized=True),
} | {name: _drawn(name) for name in toy.KINDS}


def names() -> list[str]:
    """The names that `load` knows."""
    return list(_ENTRIES)


def cards() -> dict[str, Card]:
    """The card of each data set, by name, without loading any."""
    return {name: entry.card for name, entry in _ENTRIES.items()}


def load(name: str, split: str = "train", root: str | Path | None = None) -> DataSet:
    """The data set called `name`, its "train" or "test" split.

    root: a folder that has the files (of "celeba" and "folder" a tar or zip, too); None looks
    in COURSE_DATA, the course's data folder, the cache and the system's place, and only then
    downloads. Raises CourseError for unknown names, missing or damaged files, no network.
    """
    entry, root, settings = _parsed(name, root)
    one_of("split", split, SPLITS)
    return entry.load(split, root, **settings)


def shape(name: str) -> tuple[int, ...]:
    """The shape of an example of the data set called `name`, known before it is loaded."""
    entry, _, settings = _parsed(name, None)
    if entry.sized:
        side = settings.get("size", 64)
        return (3, side, side)
    return (2,) if str(name) in toy.KINDS else (1, 28, 28)


def card(name: str) -> Card:
    """The card of the data set called `name`, known before it is loaded."""
    return _parsed(name, None)[0].card


def here(name: str, root: str | Path | None = None) -> bool:
    """Whether `load(name, …, root)` finds the data on this machine, without a download."""
    entry, root, _ = _parsed(name, root)
    return entry.here(root)


def _parsed(
    name: str, root: str | Path | None
) -> tuple[_Entry, str | Path | None, dict[str, int]]:
    """The entry, the root and the size that a name such as "folder-32:pictures" stands for."""
    name, _, path = str(name).partition(":")
    if path and root is not None:
        raise CourseError(f"Two places for {name}: {path!r} in its name, {root} as root.")
    base, size = re.fullmatch(r"(.*?)(?:-(\d{1,9}))?", name, re.DOTALL).groups()
    if base not in _ENTRIES or (size and not _ENTRIES[base].sized):
        raise unknown("data set", name, _ENTRIES)
    return _ENTRIES[base], path or root, {"size": int(size)} if size else {}
