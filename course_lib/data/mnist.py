"""MNIST and Fashion-MNIST whole: from a folder that has them, else fetched once by torchvision.

Both come as four "idx" files of one layout. A folder may hold them packed or unpacked, as
torchvision, Debian or a browser's download folder keep them; what is checked is the unpacked
content, because packing differs between sources. What cannot be had gives an error that says
which files to fetch, from where, and where to put them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from course_lib.data import idx, paths
from course_lib.data.dataset import Card, DataSet
from course_lib.data.fetch import fetch
from course_lib.errors import CourseError

PARTS = {"train": "train", "test": "t10k"}
KINDS = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}


@dataclass(frozen=True)
class Source:
    """One set of four idx files. md5: of each file unpacked, by "part-kind"."""

    card: Card
    torchvision: str
    folders: tuple[str, ...]
    md5: dict[str, str]


MNIST = Source(
    Card(
        name="mnist",
        text="handwritten digits, grey, 28×28, centred, ink is bright",
        source="Yann LeCun, Corinna Cortes, Christopher J. C. Burges (1998)",
        licence="CC BY-SA 3.0",
        counts={"train": 60_000, "test": 10_000},
        classes=tuple("0123456789"),
    ),
    "MNIST",
    ("MNIST/raw", "mnist", "MNIST", ""),
    {
        "train-images": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels": "a25bea736e30d166cdddb491f175f624",
        "t10k-images": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels": "27ae3e4e09519cfbb04c329615203637",
    },
)
FASHION = Source(
    Card(
        name="fashion",
        text="articles of clothing, grey, 28×28, on black; a drop-in replacement for MNIST",
        source="Fashion-MNIST: Han Xiao, Kashif Rasul, Roland Vollgraf, Zalando (2017)",
        licence="MIT",
        counts={"train": 60_000, "test": 10_000},
        classes=(
            *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
            *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
        ),
    ),
    "FashionMNIST",
    ("FashionMNIST/raw", "fashion-mnist", "fashion", "FashionMNIST", ""),
    {
        "train-images": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)
SYSTEM = (Path("/usr/share/datasets"),)  # where Debian's dataset packages unpack


def here(source: Source, root: str | Path | None = None) -> bool:
    """Whether the training and the test files are all on this machine (not: whether intact)."""
    return all(_locate(source, part, _places(source, root)) for part in PARTS.values())


def load(source: Source, split: str, root: str | Path | None = None) -> DataSet:
    """The images and labels of `split`: from `root` if given, else found, else downloaded."""
    places = _places(source, root)
    part = PARTS[split]
    found = _locate(source, part, places)
    if found is None:
        if root is not None:
            lacking = _lacking(source, part, places[0])
            raise CourseError(
                f"{source.card.name} is not in {root}{lacking}. {_by_hand(source, places)}"
            )
        target = paths.writable(paths.download_root())
        fetch(source.card.name, source.torchvision, target, _by_hand(source, places))
        found = _locate(source, part, [target])
        if found is None:
            raise CourseError(f"The download brought no files. {_by_hand(source, places)}")
    images = _verified(source, f"{part}-images", found["images"], ndim=3)
    labels = _verified(source, f"{part}-labels", found["labels"], ndim=1)
    return DataSet(
        torch.from_numpy(images)[:, None],
        torch.from_numpy(labels).long(),
        card=replace(source.card, split=split),
    )


def _places(source: Source, root: str | Path | None) -> list[Path]:
    """The folders to look in: `root` alone if given."""
    if root is None:
        return list(dict.fromkeys([*paths.roots(), paths.cache_root(), *SYSTEM]))
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise CourseError(
            f"There is no folder {folder} to load {source.card.name} from. Correct root, or "
            "leave it out to have the data looked for and downloaded."
        )
    return [folder]


def _locate(source: Source, part: str, places: list[Path]) -> dict[str, Path] | None:
    """The images' and the labels' file of `part` in the first folder that has both."""
    for place in places:
        for folder in source.folders:
            found = {}
            for kind, ending in KINDS.items():
                names = idx.spellings(f"{part}-{ending}")
                there = [place / folder / name for name in names]
                found[kind] = next((path for path in there if path.is_file()), None)
            if all(found.values()):
                return found
    return None


def _lacking(source: Source, part: str, place: Path) -> str:
    """What is missing where just one of the two files is there; else nothing."""
    for folder in source.folders:
        for kind, ending in KINDS.items():
            for name in idx.spellings(f"{part}-{ending}"):
                if (place / folder / name).is_file():
                    other = next(k for k in KINDS if k != kind)
                    return f": {place / folder / name} is there, the {other} are not"
    return ""


def _verified(source: Source, which: str, path: Path, ndim: int) -> np.ndarray:
    content = idx.unpacked(path)
    array = idx.parse(content, path, ndim)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found == source.md5[which]:
        return array
    for other in (MNIST, FASHION):
        if found in other.md5.values():
            real = next(k for k, md5 in other.md5.items() if md5 == found)
            raise CourseError(
                f"{path} holds the {real} of {other.card.name}, not the {which} of "
                f"{source.card.name}. Both sets use the same file names: keep each in a folder "
                f"of its own, this one in {source.folders[0]}."
            )
    raise CourseError(
        f"{path} is damaged or another file: the md5 of its content is {found}, expected "
        f"{source.md5[which]}. Delete it and fetch it again."
    )


def _by_hand(source: Source, places: list[Path]) -> str:
    """What to fetch, from where, and where to put it."""
    names = [f"{part}-{kind}.gz" for part in PARTS.values() for kind in KINDS.values()]
    chosen = paths.download_root() if len(places) > 1 else places[0]
    return (
        f"Fetch {', '.join(names)} (torchvision.datasets.{source.torchvision}.mirrors has the "
        f"addresses) and put them, packed or not, into {chosen / source.folders[0]}. Looked "
        f"in: {', '.join(map(str, places))}. The embedded sample needs no download: "
        "load('digits')."
    )
