"""Images that were packed once, read as one memory-mapped array for each split.

Decoding a JPEG costs more than a small network's step on it, so it happens once (packing.py),
into the cache. A training then reads its batches from the mapped array, of which the system
keeps in memory what is used; nothing is read before.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from course_lib.data import paths
from course_lib.data.dataset import Card, DataSet
from course_lib.data.photos import packing
from course_lib.data.photos.sources import Source, digest
from course_lib.errors import CourseError

SIZES = range(8, 513)
VERSION = 2  # of format, scaling and splits; another one packs anew


def load(
    card: Card,
    source: Source,
    size: int,
    split: str,
    state: str,
    plan: Callable[[], packing.Plan],
) -> DataSet:
    """The images of `split`, (3, size, size) each, memory-mapped; packed first if need be.

    state: a fingerprint of the files; what was packed of another state is deleted. plan is
    called for packing only. Raises CourseError for a size out of range, too few images, no room
    on the disk, an empty split.
    """
    if size not in SIZES:
        raise CourseError(
            f"{card.name} at {size}×{size}: choose a side of {SIZES[0]} to {SIZES[-1]} pixels."
        )
    name = f"{card.name}-{size}-{source.path.stem[:40]}-{digest([str(source.path)])}"
    place = paths.cache_root() / "packed" / f"{name}-{digest([str(VERSION), state])}"
    if not place.is_dir():
        paths.writable(place.parent)
        with _alone(place.with_name(f"{name}.lock")):
            if not place.is_dir():  # another process may have packed it meanwhile
                packing.pack(f"{card.name} at {size}×{size}", source, size, plan(), place)
                _forget_others(name, place)
    try:
        return _opened(card, source, size, split, place)
    except CourseError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CourseError(
            f"{place}, where images of {source.path} are packed, is damaged ({error}). Delete "
            "that folder, and they will be packed again."
        ) from error


def _opened(card: Card, source: Source, size: int, split: str, place: Path) -> DataSet:
    index = json.loads((place / "index.json").read_text("utf-8"))
    counts, bad = index["counts"], index["bad"]
    if not counts[split]:
        raise CourseError(
            f"None of the {sum(counts.values()):,} images of {source.path} is in the split "
            f"{split!r}. {index['about']} With more images it would not be empty."
        )
    left_out = f" Files left out: {bad:,}; {place / 'bad.txt'} says why." if bad else ""
    card = replace(
        card,
        text=f"{card.text}, {size}×{size}, from {source.path}. {index['about']}{left_out}",
        counts=counts,
        classes=tuple(index["classes"]),
        split=split,
    )
    with np.load(place / f"{split}.npz", allow_pickle=False) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    # "c": a change to the images stays in memory and never reaches the file.
    images = np.load(place / f"{split}.npy", mmap_mode="c")
    return DataSet(images, values.pop("labels", None), values, card)


def _forget_others(name: str, place: Path) -> None:
    """Delete what the same images were packed to before they changed.

    Whoever has mapped it goes on reading; where the system does not allow that, it stays.
    """
    for other in place.parent.iterdir():
        if other.name.startswith(f"{name}-") and other != place:
            with suppress(OSError):
                shutil.rmtree(other.rename(f"{other}.old"))


@contextmanager
def _alone(path: Path):
    """One process packs, others wait; a killed one holds nothing. (Windows: no lock.)"""
    with path.open("w") as lock:
        try:
            import fcntl
        except ImportError:
            pass
        else:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
