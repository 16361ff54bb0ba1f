"""MNIST and Fashion-MNIST whole: from a folder that has them, else fetched once by torchvision.

Both come as four "idx" files: a head of known length, then one byte for each value. A folder
may hold them packed or unpacked, as torchvision, Debian or a browser's download folder keep
them. The checksum of the unpacked content says which file it is, so nothing is left to be
parsed. What cannot be had gives an error that says what to fetch, and where to put it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import math
import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from course_lib import disk
from course_lib.data import paths
from course_lib.data.dataset import Card, DataSet
from course_lib.data.fetch import fetched
from course_lib.errors import CourseError

SHAPES = {"images": (28, 28), "labels": ()}  # of one item
PARTS = {"train": "train", "test": "t10k"}
KINDS = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}


@dataclass(frozen=True)
class Published:
    """One set of four idx files. md5: of each file unpacked, by "part-kind"."""

    card: Card
    torchvision: str
    folders: tuple[str, ...]
    md5: dict[str, str]


MNIST = Published(
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
FASHION = Published(
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


def here(published: Published, root: str | Path | None = None) -> bool:
    """Whether the training and the test files are all on this machine (not: whether intact)."""
    places = _places(published, root)
    found = (_located(published, part, places, named=False) for part in PARTS.values())
    return all(len(files) == len(KINDS) for files in found)


def load(published: Published, split: str, root: str | Path | None = None) -> DataSet:
    """The images and labels of `split`: from `root` if given, else found, else downloaded."""
    part, places = PARTS[split], _places(published, root)
    files = _located(published, part, places, named=root is not None)
    if len(files) < len(KINDS):
        name, by_hand = published.card.name, _by_hand(published, places)
        if root is not None:
            lacking = "".join(
                f": {path} is there, the other file is not" for path in files.values()
            )
            raise CourseError(f"{name} is not in {root}{lacking}. {by_hand}")

        def both(folder: Path) -> dict[str, Path] | None:
            found = _located(published, part, [folder])
            return found if len(found) == len(KINDS) else None

        files = fetched(name, published.torchvision, both, by_hand)
    images, labels = (_verified(published, split, kind, files[kind]) for kind in KINDS)
    return DataSet(images[:, None], labels, card=replace(published.card, split=split))


def _places(published: Published, root: str | Path | None) -> list[Path]:
    """The folders to look in: `root` alone if given."""
    if root is None:
        return [*paths.places(), *SYSTEM]
    purpose = f"to load {published.card.name} from. Correct root, or leave it out to have the "
    return [disk.existing(root, purpose + "data looked for and downloaded.")]


def _located(
    published: Published, part: str, places: list[Path], named: bool = True
) -> dict[str, Path]:
    """The images' and the labels' file of `part` in the first folder that has both, else the
    one that is there, else none. named: whoever named the folder is told if it holds another set,
    whose files have the same names; where nobody did, it is passed by.
    """
    best: dict[str, Path] = {}
    for folder in (place / below for place in places for below in published.folders):
        found = {
            kind: path
            for kind, ending in KINDS.items()
            for hyphen in (".idx", "-idx")
            for packed in (".gz", "")  # the last of the four spellings that is there counts
            if os.path.isfile(
                path := folder / f"{part}-{ending.replace('-idx', hyphen)}{packed}"
            )
        }
        if len(found) < len(KINDS):
            best = best or found
        elif named or not _of_another(published, found["labels"]):
            return found
    return best


def _of_another(published: Published, labels: Path) -> bool:
    """Whether these labels are intact and another set's: they are small, so it is told quickly."""
    with contextlib.suppress(CourseError):
        digest = hashlib.md5(_unpacked(labels, 1 << 20), usedforsecurity=False).hexdigest()
        of = [known.card.name for known in (MNIST, FASHION) if digest in known.md5.values()]
        return of not in ([], [published.card.name])
    return False


def _verified(published: Published, split: str, kind: str, path: Path) -> np.ndarray:
    """The images uint8 (N, 28, 28) or labels (N,) in the file, once it is known to be the one."""
    shape = (published.card.counts[split], *SHAPES[kind])
    length = (head := 4 + 4 * len(shape)) + math.prod(shape)
    content = _unpacked(path, length + 1)  # of whatever it might unpack to, no more
    which = f"{PARTS[split]}-{kind}"
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest == published.md5[which]:
        # A copy: torch needs memory that it may write to.
        return np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy()
    known = {md5: (k, other) for other in (MNIST, FASHION) for k, md5 in other.md5.items()}
    if digest in known:
        real, other = known[digest]
        raise CourseError(
            f"{path} holds the {real} of {other.card.name}, not the {which} of "
            f"{published.card.name}. Both sets use the same file names: keep each in a folder of "
            f"its own, this one in {published.folders[0]}."
        )
    held = f"{len(content):,}" if len(content) <= length else "more"
    raise CourseError(
        f"{path} is damaged or another file: it should unpack to {length:,} bytes and holds "
        f"{held}: their md5 is {digest}, expected {published.md5[which]}. Perhaps the download was "
        "interrupted, or it is another file. Delete it and fetch it again."
    )


def _unpacked(path: Path, most: int) -> bytes:
    """The first `most` bytes of the file, without its packing."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            return file.read(most)
    except EOFError as error:
        raise CourseError(
            f"{path} ends too early ({path.stat().st_size:,} bytes): an interrupted download. "
            "Delete it and fetch it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CourseError(
            f"{path} is no intact gzip file ({error}). Often a web page was saved in its place. "
            "Delete it and fetch it again."
        ) from error
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror or error}).") from error


def _by_hand(published: Published, places: list[Path]) -> str:
    """What to fetch, from where, and where to put it."""
    names = [f"{part}-{kind}.gz" for part in PARTS.values() for kind in KINDS.values()]
    chosen = paths.download_root() if len(places) > 1 else places[0]
    return (
        f"Fetch {', '.join(names)} (torchvision.datasets.{published.torchvision}.mirrors has the "
        f"addresses) and put them, packed or not, into {chosen / published.folders[0]}. Looked "
        f"in: {', '.join(map(str, places))}. The embedded sample needs no download: "
        "load('digits')."
    )
