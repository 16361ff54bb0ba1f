"""Images decoded and scaled once, then read as one memory-mapped array for each split.

Decoding a JPEG costs more than a small network's step on it, so it happens once, into a folder
of the cache: `<split>.uint8` (the pixels, (N, 3, H, W)), `<split>.npy` (labels and attributes),
`index.json`, and `files.txt`: a line for each file, what became of it (its split, or why it was
left out) and its name. That list is the journal, too. A line is written after the file's pixels,
so a packing that was killed goes on behind the last one. The folder gets its name when it is
whole. A training then reads its batches from the mapped arrays, of which the system keeps in
memory what is used (lessons 03 and 04).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from course_lib import disk
from course_lib.data import paths, progress, valid
from course_lib.data.dataset import Card, DataSet
from course_lib.data.photos import squares
from course_lib.data.photos.archives import Archive, digest
from course_lib.errors import CourseError

SPLITS, BAD = ("train", "test"), "bad: "
HELD_OUT = 0.05  # of images of which nobody says the split
LEAST = 8  # good images: with fewer, another folder was surely meant
CHUNK = 64  # files between two entries in the journal
THREADS = 4  # that decode, however many cores there are: each takes some 80 MB at most
SHOWN = 3  # reasons in a message
VERSION = 3  # of format, scaling and splits; another one packs anew


@dataclass(frozen=True)
class Plan:
    """What to pack, and what to make of it.

    files: name -> "train", "test", "" (HELD_OUT are held out, by a hash of the content), or
    BAD and the reason why it is left out. about: how the splits were made, and whatever else is
    worth knowing. values: names -> int64 (len(names), len(columns)); where there are classes,
    its one column is the labels.
    """

    files: Mapping[str, str]
    frame: squares.Frame
    about: str
    columns: tuple[str, ...] = ()
    values: Callable[[list[str]], np.ndarray] | None = None
    classes: tuple[str, ...] = ()


def drawn(content: bytes, share: float) -> str:
    """ "test" for a share of all contents, "train" for the others; always the same."""
    number = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
    return "test" if number < share * 2**64 else "train"


def load(
    card: Card, archive: Archive, size: int, split: str, state: str, plan: Callable[[], Plan]
) -> DataSet:
    """The images of `split`, (3, size, size) each, memory-mapped; packed first if need be.

    state: a fingerprint of the files; what was packed of another state is deleted. plan is
    called for packing only. Raises CourseError for a size out of range, too few images, no room
    on the disk, an empty split.
    """
    size = valid.side(size)
    title = f"{card.name} at {size}×{size}"
    name = f"{card.name}-{size}-{archive.path.stem[:40]}-{digest([str(archive.path)])}"
    place = paths.cache_root() / "packed" / f"{name}-{digest([str(VERSION), state])}"
    if not place.is_dir():
        disk.writable(place.parent)
        try:
            with disk.alone(place.with_name(f"{name}.lock")):
                if not place.is_dir():  # another process may have packed it meanwhile
                    _pack(title, archive, size, plan(), place)
                    _forget_others(name, place)
        except OSError as error:
            where = f" at {error.filename}" if error.filename else ""
            raise CourseError(
                f"Packing {title} broke off{where}: {error.strerror or error}. Mend that and "
                "load again: it goes on where it was."
            ) from error
    try:
        return _opened(card, archive, size, split, place)
    except CourseError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise CourseError(
            f"{place}, where images of {archive.path} are packed, is damaged ({error}). Delete "
            "that folder, and they will be packed again."
        ) from error


def _pack(title: str, archive: Archive, size: int, plan: Plan, place: Path) -> None:
    """Write the folder `place`, going on where an earlier attempt was stopped."""
    links = {name: BAD + why for name, why in archive.links.items()}
    files = dict(sorted({**plan.files, **links}.items()))
    _require_enough(archive, files)
    part = place.with_name(f"{place.name}.part")
    part.mkdir(exist_ok=True)
    fates = _resumed(part, size)
    disk.require_room(title, (len(files) - len(fates)) * 3 * size**2, part.parent)

    def decoded(name: str) -> tuple[str, bytes]:
        """What becomes of a file, and its pixels."""
        if files[name].startswith(BAD):
            return files[name], b""
        try:
            content = archive.read(name)
            pixels = squares.square(content, size, plan.frame)
            return files[name] or drawn(content, HELD_OUT), pixels.tobytes()
        except Exception as error:  # decoders raise whatever they like on damaged files
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a failing disk does not make its files bad ones
            return BAD + squares.reason(error), b""

    names = list(files)
    bar = progress.bar(f"Packing {title}", len(names), initial=len(fates))
    with bar, ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as threads:
        for start in range(len(fates), len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            entries = list(threads.map(decoded, chunk))
            for split in SPLITS:
                pixels = [pixels for fate, pixels in entries if fate == split]
                _append(part / f"{split}.uint8", pixels)
            fates += [fate for fate, _ in entries]
            lines = map(_line, fates[start:], chunk)
            _append(part / "files.txt", [line.encode() for line in lines])
            bar.update(len(chunk))
    _finish(part, plan, archive, dict(zip(names, fates, strict=True)))
    part.rename(place)


def _append(path: Path, parts: list[bytes]) -> None:
    with path.open("ab") as file:
        file.write(b"".join(parts))


def _line(*entries: str) -> str:
    """Entries on one line, separated by tabs, whatever characters a name has."""
    plain = (" ".join(entry.splitlines()).replace("\t", " ") for entry in entries)
    return "\t".join(plain).encode(errors="backslashreplace").decode() + "\n"


def _resumed(part: Path, size: int) -> list[str]:
    """What became of the files that are packed already; what lies behind them is cut off."""
    journal = part / "files.txt"
    written = journal.read_bytes() if journal.is_file() else b""
    whole = written[: written.rfind(b"\n") + 1]
    fates = [line.split("\t")[0] for line in whole.decode().splitlines()]
    lengths = {part / f"{split}.uint8": fates.count(split) * 3 * size**2 for split in SPLITS}
    lengths[journal] = len(whole)
    if any(not path.is_file() or path.stat().st_size < n for path, n in lengths.items()):
        fates = []  # nothing yet, or the machine went down between the writes: from the start
        lengths = dict.fromkeys(lengths, 0)
    for path, length in lengths.items():
        path.touch()
        os.truncate(path, length)
    return fates


def _finish(part: Path, plan: Plan, archive: Archive, files: dict[str, str]) -> None:
    """Write labels, attributes, the list of bad files, and the index."""
    try:
        bad = _require_enough(archive, files)
    except CourseError:
        shutil.rmtree(part)
        raise
    counts = {}
    for split in SPLITS:
        names = [name for name, fate in files.items() if fate == split]
        values = plan.values(names) if plan.columns else np.empty((len(names), 0), np.int64)
        np.save(part / f"{split}.npy", np.ascontiguousarray(values.T))
        counts[split] = len(names)
    index = {"counts": counts, "bad": len(bad), "about": plan.about}
    index |= {"classes": plan.classes, "columns": plan.columns}
    (part / "index.json").write_text(json.dumps(index, indent=1), "utf-8")
    if bad:
        warnings.warn(
            f"Files of {archive.path} left out: {len(bad):,} of {len(files):,}: {_some(bad)}. "
            f"{part.with_suffix('') / 'files.txt'} has the whole list.",
            stacklevel=2,
        )


def _opened(card: Card, archive: Archive, size: int, split: str, place: Path) -> DataSet:
    index = json.loads((place / "index.json").read_text("utf-8"))
    counts, bad, classes = index["counts"], index["bad"], tuple(index["classes"])
    n = counts[split]
    if not n:
        raise CourseError(
            f"None of the {sum(counts.values()):,} images of {archive.path} is in the split "
            f"{split!r}. {index['about']} With more images it would not be empty."
        )
    left_out = f" Files left out: {bad:,}; {place / 'files.txt'} says why." if bad else ""
    card = replace(
        card,
        text=f"{card.text}, {size}×{size}, from {archive.path}. {index['about']}{left_out}",
        counts=counts,
        classes=classes,
        split=split,
    )
    # "c": a change to the images stays in memory and never reaches the file.
    images = np.memmap(place / f"{split}.uint8", np.uint8, "c", shape=(n, 3, size, size))
    values = np.load(place / f"{split}.npy", allow_pickle=False)
    named = dict(zip(index["columns"], values, strict=True))
    return DataSet(images, named.pop("labels") if classes else None, named, card)


def _forget_others(name: str, place: Path) -> None:
    """Delete what the same images were packed to before they changed.

    Whoever has mapped it goes on reading; where the system does not allow that, it stays.
    """
    for other in place.parent.iterdir():
        if other.name.startswith(f"{name}-") and other != place:
            with suppress(OSError):
                shutil.rmtree(other.rename(f"{other}.old"))


def _some(bad: Mapping[str, str]) -> str:
    some = "; ".join(f"{name}: {why}" for name, why in list(bad.items())[:SHOWN])
    return some + ("; …" if len(bad) > SHOWN else "")


def _require_enough(archive: Archive, files: Mapping[str, str]) -> dict[str, str]:
    """The bad ones of some files -> the reason. Raises CourseError for too few good ones."""
    bad = {n: fate.removeprefix(BAD) for n, fate in files.items() if fate.startswith(BAD)}
    if len(files) - len(bad) >= LEAST:
        return bad
    others = f" Files left out: {len(bad):,}: {_some(bad)}." if bad else ""
    raise CourseError(
        f"{archive.path} holds {len(files) - len(bad)} images that can be used, too few to train "
        f"on (at least {LEAST}).{others} Endings that count as images: "
        f"{', '.join(squares.ENDINGS)}."
    )
