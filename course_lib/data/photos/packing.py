"""Packing images: decoded, scaled, and kept as one array for each split (packed.py reads them).

Into a folder go, for each split, `<split>.npy` (uint8 (N, 3, H, W)), `<split>.npz` (labels and
attributes) and `<split>.txt` (the files' names); beside them `index.json`, and `bad.txt`, which
lists every file that was left out, with the reason.

A mark for each file, written after the file's pixels, is the journal: a packing that was killed
goes on behind the last one. The folder gets its final name when it is whole.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from course_lib.data import progress
from course_lib.data.photos import pictures
from course_lib.data.photos.sources import Source
from course_lib.errors import CourseError

SPLITS = {"train": b"0", "test": b"1"}  # with their marks in the journal
BAD = b"-"
LEAST = 8  # good images: with fewer, another folder was surely meant
CHUNK = 64  # files between two entries in the journal
SHOWN = 3  # reasons in a message


@dataclass(frozen=True)
class Plan:
    """What to pack: the files' names, in order, and what to make of each.

    split: (name, content) -> "train" or "test". values: names -> labels and attributes, an
    array for each, in the order of the names. bad: files known to be so unopened, with the
    reason. about: how the splits were made, and whatever else is worth knowing of the files.
    """

    names: list[str]
    frame: pictures.Frame
    split: Callable[[str, bytes], str]
    about: str
    values: Callable[[list[str]], dict[str, np.ndarray]] = lambda names: {}
    classes: tuple[str, ...] = ()
    bad: Mapping[str, str] = field(default_factory=dict)


def drawn(content: bytes, share: float) -> str:
    """ "test" for a share of all contents, "train" for the others; always the same."""
    number = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
    return "test" if number < share * 2**64 else "train"


def pack(title: str, source: Source, size: int, plan: Plan, place: Path) -> None:
    """Write the folder `place`, going on where an earlier attempt was stopped."""
    if len(plan.names) < LEAST:
        raise _too_few(source, len(plan.names), plan.bad)
    part = place.with_name(f"{place.name}.part")
    try:
        part.mkdir(exist_ok=True)
        done = _resume(part, size)
        need, free = (len(plan.names) - done) * 3 * size**2, shutil.disk_usage(part).free
        if need > free:
            raise CourseError(
                f"{title} takes {need / 1e9:.1f} GB; {part.parent} has {free / 1e9:.1f} GB left. "
                "Make room there, or let XDG_CACHE_HOME name a folder on a larger disk."
            )
        bar = progress.bar(f"Packing {title}", len(plan.names), initial=done)
        with bar, ThreadPoolExecutor(os.cpu_count()) as threads:
            for start in range(done, len(plan.names), CHUNK):
                chunk = plan.names[start : start + CHUNK]
                _append(part, threads.map(partial(_read, source, size, plan), chunk))
                bar.update(len(chunk))
        _finish(part, size, plan, source)
        part.rename(place)
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        raise CourseError(
            f"Packing {title} broke off{where}: {error.strerror or error}. Mend that and load "
            "again: it goes on where it was."
        ) from error


def _read(source: Source, size: int, plan: Plan, name: str) -> tuple[bytes, bytes]:
    """The mark of a file, and its pixels; or BAD, and the line that says why."""
    try:
        content = source.read(name)
        pixels = pictures.square(content, size, plan.frame)
        return SPLITS[plan.split(name, content)], pixels.tobytes()
    except Exception as error:  # decoders raise whatever they like on damaged files
        code = error.errno if isinstance(error, OSError) else None
        dangling = code in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP) and source.path.exists()
        if code is not None and not dangling:  # a failing disk does not make its files bad ones
            raise
        return BAD, _line(
            name, "a link that leads nowhere" if dangling else pictures.reason(error)
        )


def _append(part: Path, entries: Iterable[tuple[bytes, bytes]]) -> None:
    """Write what was read, and only then the marks."""
    marks, contents = [], {mark: [] for mark in _files(part)}
    for mark, content in entries:
        marks.append(mark)
        contents[mark].append(content)
    for path, some in [
        *((_files(part)[m], c) for m, c in contents.items()),
        (part / "journal", marks),
    ]:
        with path.open("ab") as file:
            file.write(b"".join(some))


def _files(part: Path) -> dict[bytes, Path]:
    """Where the entries with each mark go."""
    return {m: part / f"{split}.npy" for split, m in SPLITS.items()} | {BAD: part / "bad.txt"}


def _resume(part: Path, size: int) -> int:
    """How many files are packed already; what lies behind them is cut off."""
    journal = part / "journal"
    marks = journal.read_bytes() if journal.is_file() else b""
    row, lengths = 3 * size**2, {}
    for mark, path in _files(part).items():
        n = marks.count(mark)
        if mark == BAD:
            lines = path.read_bytes().split(b"\n") if path.is_file() else []
            lengths[path] = sum(len(line) + 1 for line in lines[:n])
        else:
            lengths[path] = len(_header(0, size)) + n * row
    if not marks or any(path.stat().st_size < length for path, length in lengths.items()):
        marks = b""  # nothing yet, or the machine went down between the writes: from the start
        for mark, path in _files(part).items():
            path.write_bytes(b"" if mark == BAD else _header(0, size))
        journal.write_bytes(b"")
    else:
        for path, length in lengths.items():
            os.truncate(path, length)
    return len(marks)


def _header(n: int, size: int) -> bytes:
    """The head of an .npy file with n images; its length does not depend on n."""
    head = io.BytesIO()
    shape = (n, 3, size, size)
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return head.getvalue()


def _finish(part: Path, size: int, plan: Plan, source: Source) -> None:
    """Complete the heads; write labels, attributes, names and the index."""
    marks = (part / "journal").read_bytes()
    lines = (part / "bad.txt").read_bytes().decode("utf-8", "surrogateescape").split("\n")[:-1]
    # Those of the journal first, where `_resume` looks for them if this is broken off.
    bad = dict(line.split("\t") for line in lines) | dict(plan.bad)
    if len(plan.names) - len(lines) < LEAST:
        shutil.rmtree(part)
        raise _too_few(source, len(plan.names) - len(lines), bad)
    counts = {}
    for split, mark in SPLITS.items():
        names = [plan.names[i] for i, m in enumerate(marks) if m == mark[0]]
        counts[split] = len(names)
        with (part / f"{split}.npy").open("r+b") as file:
            file.write(_header(len(names), size))
        np.savez(part / f"{split}.npz", **plan.values(names))
        _write(part / f"{split}.txt", [name + "\n" for name in names])
    _write(part / "bad.txt", [f"{name}\t{why}\n" for name, why in bad.items()])
    index = {"counts": counts, "bad": len(bad), "about": plan.about, "classes": plan.classes}
    _write(part / "index.json", [json.dumps(index, indent=1)])
    (part / "journal").unlink()
    if bad:
        warnings.warn(
            f"Files of {source.path} left out: {len(bad):,} of "
            f"{len(plan.names) + len(plan.bad):,}: {_some(bad)}. {part.with_suffix('')} has the "
            "whole list, bad.txt.",
            stacklevel=2,
        )


def _line(name: str, reason: str) -> bytes:
    name = name.replace("\t", " ").replace("\n", " ")
    return f"{name}\t{reason}\n".encode(errors="surrogateescape")


def _write(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(lines).encode(errors="surrogateescape"))


def _some(bad: Mapping[str, str]) -> str:
    some = "; ".join(f"{name}: {why}" for name, why in list(bad.items())[:SHOWN])
    return some + ("; …" if len(bad) > SHOWN else "")


def _too_few(source: Source, n: int, bad: Mapping[str, str]) -> CourseError:
    others = f" Files left out: {len(bad):,}: {_some(bad)}." if bad else ""
    return CourseError(
        f"{source.path} holds {n} images that can be used, too few to train on (at least "
        f"{LEAST}).{others} Endings that count as images: {', '.join(pictures.ENDINGS)}."
    )
