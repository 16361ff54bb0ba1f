"""A learner's own images, as they are: any size and kind, in a folder, a tar or a zip.

`load("folder:path")` cuts the central square out of each, scales it to 64×64 colour
(`folder-32:path` to 32×32), and packs them once (packed.py). Splits: sub-folders `train` and
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

from course_lib.data.dataset import Card, DataSet
from course_lib.data.photos import packed, packing, pictures, sources
from course_lib.errors import CourseError

HELD_OUT = 0.05
SPLIT_OF = {
    "train": "train",
    "test": "test",
    "val": "test",
    "valid": "test",
    "validation": "test",
}
CARD = Card(
    name="folder",
    text="images of your own, colour, the central square of each",
    source="a folder, tar or zip that you name: folder:<path>",
    licence="that of your images",
)


def here(root: str | Path | None = None) -> bool:
    """Whether there is something at `root`."""
    return root is not None and Path(root).expanduser().exists()


def load(split: str, root: str | Path | None, size: int = 64) -> DataSet:
    """The images of `split` below `root`, uint8 (N, 3, size, size), memory-mapped."""
    if root is None:
        raise CourseError(
            "Which folder? Write its path behind the name: load('folder:/path/to/images'), or "
            "load('folder-32:/path/to/images') for 32×32."
        )
    source = sources.source(root, "images")
    state = source.fingerprint(pictures.is_image)
    return packed.load(CARD, source, size, split, state, partial(_plan, source))


def _plan(source: sources.Source) -> packing.Plan:
    names = [name for name in source.files if pictures.is_image(name)]
    parts = _below_the_common_folder([name.split("/") for name in names])
    tops = [p[0].lower() if len(p) > 1 else "" for p in parts]
    told = "train" in tops and any(SPLIT_OF.get(top) == "test" for top in tops)
    splits, bad = {}, {}
    if told:
        splits = {
            n: SPLIT_OF[top] for n, top in zip(names, tops, strict=True) if top in SPLIT_OF
        }
        bad = {name: "in neither train nor test" for name in names if name not in splits}
        names = list(splits)
        parts = [p[1:] for p, top in zip(parts, tops, strict=True) if top in SPLIT_OF]
    classes = sorted({p[0] for p in parts}) if all(len(p) > 1 for p in parts) else []
    number = {name: i for i, name in enumerate(classes)}
    label = {n: number.get(p[0]) for n, p in zip(names, parts, strict=True)}
    labelled = len(classes) > 1

    def values(chosen: list[str]) -> dict[str, np.ndarray]:
        if not labelled:
            return {}
        return {"labels": np.array([label[name] for name in chosen], dtype=np.int64)}

    return packing.Plan(
        names,
        pictures.central_square,
        (lambda name, content: splits[name])
        if told
        else (lambda name, content: packing.drawn(content, HELD_OUT)),
        _about(told, len(classes) if labelled else 0, source.files),
        values,
        tuple(classes) if labelled else (),
        bad,
    )


def _below_the_common_folder(parts: list[list[str]]) -> list[list[str]]:
    """The paths without the folders that all of them begin with, loose files aside."""
    while len({p[0] for p in parts if len(p) > 1}) == 1:
        parts = [p[1:] if len(p) > 1 else p for p in parts]
    return parts


def _about(told: bool, classes: int, files: list[str]) -> str:
    how = (
        "The sub-folders train and test (val, valid) say the split"
        if told
        else f"About {HELD_OUT:.0%} are held out, chosen by a hash of the content"
    )
    named = f"; {classes} sub-folders are the classes" if classes else ""
    others = Counter(PurePosixPath(f).suffix for f in files if not pictures.is_image(f))
    kinds = ", ".join(f"{n:,} {kind or 'without ending'}" for kind, n in others.items())
    return f"{how}{named}." + (
        f" Not looked at, no image by its ending: {kinds}." if kinds else ""
    )
