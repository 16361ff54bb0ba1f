"""CelebA: 202,599 photographs of 10,177 well-known people, with 40 attributes and identities.

It is read from what the learner has (torchvision's layout, the zip as it is distributed,
Kaggle's copy, a tar, a part of it, a copy at another size), else fetched by torchvision. The
images may not be passed on, so none comes with the course. Every image is cut to the face as in
RealNVP's paper (Dinh et al. 2016) and packed once (packing.py). A person is never in both
splits: that is what the official partition ensures, and where it doesn't apply, or says "train"
of all images of a part, a hash of the identity decides.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from course_lib.data import paths
from course_lib.data.dataset import Card, DataSet
from course_lib.data.fetch import fetched
from course_lib.data.photos import archives, lists, packing, squares
from course_lib.errors import CourseError

WIDTH, HEIGHT = 178, 218  # of the aligned images as distributed
LEFT, TOP, RIGHT, BOTTOM = 15, 40, 163, 188  # what the paper keeps of them
HELD_OUT = 0.10  # as in the official partition
IMAGES = "img_align_celeba"
ATTRIBUTES, IDENTITIES, PARTITION = "list_attr_celeba", "identity_CelebA", "list_eval_partition"
LISTS = [f"{n}{e}" for n in (ATTRIBUTES, IDENTITIES, PARTITION) for e in lists.ENDINGS]
PARTS = {0: "train", 2: "test"}  # the partition's numbers; 1 is its validation part
LIKELY = re.compile(rf"(?is)({IMAGES}|celeba).*({'|'.join(map(re.escape, archives.ENDINGS))})")
LEAST_SHARE = 0.01  # of the images: with fewer in a part, the partition is of no use
FOLDERS = ("celeba", "CelebA", "")  # below a place that is searched; the first is torchvision's
CARD = Card(
    name="celeba",
    text="photographs of well-known people, aligned, colour, cut to the face",
    source="CelebA: Ziwei Liu, Ping Luo, Xiaogang Wang, Xiaoou Tang (ICCV 2015)",
    licence="non-commercial research; the images may not be passed on",
    counts={"train": 162_770, "test": 19_962},
)


def here(root: str | Path | None = None) -> bool:
    """Whether there is something to load it from on this machine."""
    return _find(root) is not None


def load(split: str, root: str | Path | None = None, size: int = 64) -> DataSet:
    """The images of `split`, uint8 (N, 3, size, size), memory-mapped.

    root: a folder, tar or zip, whole or a part. Attributes: the 40 of CelebA by their names,
    0 or 1, and "identity", int64 (N,), as far as their lists are there. Raises CourseError.
    """
    archive = _find(root)
    if archive is None:
        if root is not None:
            raise CourseError(f"There are no images of CelebA in {root}. {_by_hand(root)}")
        archive = fetched("celeba", "CelebA", _below, _by_hand(), ["https://drive.google.com"])
    state = archive.fingerprint(_wanted, [archive.path.parent / name for name in LISTS])
    return packing.load(CARD, archive, size, split, state, partial(_plan, archive))


def face(width: int, height: int) -> squares.Box:
    """What the paper keeps of 178×218, in the pixels of a copy at another size.

    Raises Unfit for other proportions: such an image is not an aligned one.
    """
    if abs(width - height * WIDTH / HEIGHT) > 1:  # a pixel, for rounding
        raise squares.Unfit(
            f"{width}×{height} pixels have not the proportions of CelebA's aligned images, "
            f"{WIDTH}×{HEIGHT}; folder:<path> takes any image"
        )
    x, y = width / WIDTH, height / HEIGHT
    return LEFT * x, TOP * y, RIGHT * x, BOTTOM * y


def _find(root: str | Path | None) -> archives.Archive | None:
    """What to read: `root` or what lies in it; without it, the first in the usual places."""
    if root is None:
        return next(filter(None, map(_below, paths.places())), None)
    given = archives.opened(root, "celeba")
    if not given.path.is_dir():
        return given
    below = _below(given.path)
    return given if below is None and given.images else below


def _below(place: Path) -> archives.Archive | None:
    """The folder of images that CelebA's own archive unpacks to, or an archive."""
    for folder in filter(Path.is_dir, (place / name for name in FOLDERS)):
        if (folder / IMAGES).is_dir():
            both = [p for p in (folder / IMAGES, folder / f"{IMAGES}.zip") if p.exists()]
            both = [archives.opened(path, "celeba") for path in both]
            return max(both, key=_count)  # the zip where its extraction was broken off
        likely = sorted(path for path in folder.iterdir() if LIKELY.fullmatch(path.name))
        if len(likely) > 1:
            raise CourseError(
                f"{folder} has several archives that may be CelebA: "
                f"{', '.join(path.name for path in likely)}. Give the path of one as root."
            )
        if likely:
            return archives.opened(likely[0], "celeba")
    return None


def _count(archive: archives.Archive) -> int:
    """How many images it has; none where it is damaged."""
    try:
        return len(archive.images)
    except CourseError:
        return 0


def _wanted(name: str) -> bool:
    return squares.is_image(name) or PurePosixPath(name).name in LISTS


def _plan(archive: archives.Archive) -> packing.Plan:
    # Some copies carry the uncropped photographs too, under the same names.
    names = [name for name in archive.images if IMAGES in name.split("/")] or archive.images
    attributes, identities = lists.read(archive, ATTRIBUTES), lists.read(archive, IDENTITIES)
    columns = () if attributes is None else attributes.columns
    if attributes is not None and (not columns or "identity" in columns):
        raise CourseError(
            f"{attributes.name} needs a line with a name for each attribute before its rows, "
            f"none of them “identity”; it has {', '.join(columns) or 'none'}."
        )
    tables = list(filter(None, (attributes, identities)))
    files = {
        name: f"{packing.BAD}no row in {table.name}"
        for table in tables
        for name in names
        if name not in table
    }
    names = [name for name in names if name not in files]
    splits, about = _splits(names, identities, lists.read(archive, PARTITION))
    if attributes is None:
        about += f" No attributes: {ATTRIBUTES}.txt is not there."
    if len(tables) < 2:
        warnings.warn(f"celeba from {archive.path}: {about}", stacklevel=2)

    def values(chosen: list[str]) -> np.ndarray:
        parts = [attributes.of(chosen) > 0] if attributes else []
        parts += [identities.of(chosen)[:, :1]] if identities else []
        return np.hstack(parts).astype(np.int64)

    columns += ("identity",) if identities else ()
    return packing.Plan(files | splits, face, about, columns, values)


def _splits(
    names: list[str], identities: lists.Table | None, partition: lists.Table | None
) -> tuple[dict[str, str], str]:
    """The split of each name that is used, and a sentence that says how it was chosen."""
    if partition is not None and names and all(name in partition for name in names):
        part = dict(zip(names, partition.of(names)[:, 0].tolist(), strict=True))
        counts = Counter(part.values())
        if min(counts[number] for number in PARTS) >= max(1, LEAST_SHARE * len(names)):
            used = {name: PARTS[number] for name, number in part.items() if number in PARTS}
            return used, (
                "The official partition says the split; its validation part, "
                f"{len(names) - len(used):,} images, is in neither."
            )
    if identities is not None:
        keys = map(str, identities.of(names)[:, 0].tolist())
        about = f"Split by identity, {HELD_OUT:.0%} held out: no person is in both."
    else:
        keys = map(lists.stem, names)
        about = (
            f"Split by a hash of the file's name, {HELD_OUT:.0%} held out: {IDENTITIES}.txt is "
            "not there, so a person may be in both."
        )
    keys = (key.encode("utf-8", "replace") for key in keys)
    return {n: packing.drawn(key, HELD_OUT) for n, key in zip(names, keys, strict=True)}, about


def _by_hand(root: str | Path | None = None) -> str:
    """What to fetch, from where, and where to put it."""
    place = paths.download_root() / FOLDERS[0] if root is None else root
    return (
        f"Fetch {IMAGES}.zip, {ATTRIBUTES}.txt, {IDENTITIES}.txt and {PARTITION}.txt from the "
        "page of CelebA (mmlab.ie.cuhk.edu.hk/projects/CelebA.html, “Align&Cropped Images” and "
        f"“Anno”) in a browser and put them into {place}; the zip need not be unpacked. A part "
        "of it, a tar or a folder that you have does too: load('celeba', root=path). Without "
        "CelebA, load('faces') draws faces."
    )
