"""A learner's own images, as they are: any size and kind, in a folder, a tar or a zip.

`load("folder:path")` cuts the central square out of each, scales it to 64×64 colour
(`folder-32:path` to 32×32), and packs them once (packing.py). Splits: sub-folders `train` and
`test` (or `val`, `valid`, `validation`) say them; without those, one image in twenty is held
out, chosen by a hash of its content, so that copies of a file fall into the same split and
nothing changes when images are added or renamed. An image beside the folders of a split is
listed and left out. Labels: where every image lies in a sub-folder, and there are two of them
or more, their names are the classes.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from course_lib import disk
from course_lib.data.dataset import Card, DataSet
from course_lib.data.photos import archives, packing, squares
from course_lib.errors import CourseError

SPLIT_OF = {"train": "train"} | dict.fromkeys(("test", "val", "valid", "validation"), "test")
CARD = Card(
    name="folder",
    text="images of your own, colour, the central square of each",
    source="a folder, tar or zip that you name: folder:<path>",
    licence="that of your images",
)


def here(root: str | Path | None = None) -> bool:
    """Whether there is something at `root`."""
    return root is not None and disk.given(root).exists()


def load(split: str, root: str | Path | None, size: int = 64) -> DataSet:
    """The images of `split` below `root`, uint8 (N, 3, size, size), memory-mapped."""
    if root is None:
        raise CourseError(
            "Which folder? Write its path behind the name: load('folder:/path/to/images'), or "
            "load('folder-32:/path/to/images') for 32×32."
        )
    archive = archives.opened(root, "images")
    state = archive.fingerprint(squares.is_image)
    return packing.load(CARD, archive, size, split, state, partial(_plan, archive))


def _plan(archive: archives.Archive) -> packing.Plan:
    parts = _below_the_common_folder([name.split("/") for name in archive.images])
    folders = {name: part[:-1] for name, part in zip(archive.images, parts, strict=True)}
    tops = {name: f[0].lower() if f else "" for name, f in folders.items()}
    told = "train" in tops.values() and "test" in map(SPLIT_OF.get, tops.values())
    files = dict.fromkeys(tops, "")
    if told:
        stray = f"{packing.BAD}in neither train nor test"
        files = {name: SPLIT_OF.get(top, stray) for name, top in tops.items()}
        folders = {name: f[1:] for name, f in folders.items() if files[name] != stray}
    classes = sorted({f[0] for f in folders.values()}) if all(folders.values()) else []
    number = {name: i for i, name in enumerate(classes)} if len(classes) > 1 else {}

    def labels(some: list[str]) -> np.ndarray:
        return np.array([number[folders[name][0]] for name in some], np.int64)[:, None]

    about, columns = _about(told, len(number), archive.files), ("labels",) if number else ()
    return packing.Plan(files, squares.central_square, about, columns, labels, tuple(number))


def _below_the_common_folder(parts: list[list[str]]) -> list[list[str]]:
    """The paths without the folders that all of them begin with, loose files aside."""
    while len({p[0] for p in parts if len(p) > 1}) == 1:
        parts = [p[1:] if len(p) > 1 else p for p in parts]
    return parts


def _about(told: bool, classes: int, files: list[str]) -> str:
    how = (
        "The sub-folders train and test (val, valid) say the split"
        if told
        else f"About {packing.HELD_OUT:.0%} are held out, chosen by a hash of the content"
    )
    how += f"; {classes} sub-folders are the classes." if classes else "."
    others = Counter(PurePosixPath(f).suffix for f in files if not squares.is_image(f))
    kinds = ", ".join(f"{n:,} {kind or 'without ending'}" for kind, n in others.items())
    return how + (f" Not looked at, no image by its ending: {kinds}." if kinds else "")
