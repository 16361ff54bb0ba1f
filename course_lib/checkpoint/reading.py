"""Reading a checkpoint that may come from anywhere: its header first, within bounds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_in
from torch import Tensor

from course_lib.checkpoint.kinds import Header, Kind, kind_of
from course_lib.checkpoint.places import FORMAT, UNKNOWN, WITHOUT_CHECKSUM, resolved
from course_lib.errors import CourseError

LARGEST_HEADER = 8 * 2**20  # bytes; a name takes a hundred
KINDS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def load(
    path: Path | str, *, check: Callable[[Header], None] | None = None
) -> tuple[dict[str, Tensor], dict]:
    """The tensors (on the CPU) and the facts of a checkpoint.

    check: called with what the file says of itself, before its tensors are read. Raises
    CourseError when the file is missing, damaged, or no checkpoint of this course.
    """
    path = resolved(path)
    with _opened(path) as file:
        length, found = _header(file, path)
        if check is not None:
            check(found)
        file.seek(0)
        content = file.read()
    if found.checksum is not None:
        start = content[: 8 + length].replace(found.checksum.encode(), UNKNOWN.encode())
        digest = hashlib.sha256(start)
        digest.update(memoryview(content)[8 + length :])
        if digest.hexdigest() != found.checksum:
            raise _damaged(path, "its checksum is not that of what it holds")
    try:
        tensors = tensors_in(content)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise _damaged(path, error) from error
    tensors |= {name: tensors[first] for name, first in found.shared.items()}
    if {name: kind_of(t) for name, t in tensors.items()} != found.kinds:
        raise _damaged(path, "its header contradicts itself")
    return tensors, found.facts


def header(path: Path | str) -> Header:
    """What a checkpoint says of itself; no tensor is read. Raises CourseError as `load` does."""
    path = resolved(path)
    with _opened(path) as file:
        return _header(file, path)[1]


def _opened(path: Path) -> BinaryIO:
    try:
        if path.is_file():
            return path.open("rb")
    except (OSError, ValueError) as error:  # no right to read, or no path at all
        raise CourseError(f"Could not read the checkpoint {path!r}: {error}.") from error
    raise CourseError(f"Expected a checkpoint at {path}; there is no such file.")


def _header(file: BinaryIO, path: Path) -> tuple[int, Header]:
    """The header's length in bytes, and what it says."""
    length = int.from_bytes(file.read(8), "little")
    if length > LARGEST_HEADER:
        raise _damaged(path, f"its header would have {length:,} bytes")
    entries = _json(file.read(length), path)
    metadata = entries.pop("__metadata__", None)
    metadata = metadata if isinstance(metadata, dict) else {}
    found = metadata.get("format")
    if found not in (FORMAT, WITHOUT_CHECKSUM):
        raise CourseError(
            f"{path} is a safetensors file, but no checkpoint of this course "
            f"(format {found!r:.80}, expected {FORMAT!r})."
        )
    try:
        kinds = {
            name: Kind(tuple(map(_length, entry["shape"])), KINDS[entry["dtype"]])
            for name, entry in entries.items()
        }
        facts, shared = (_json(metadata.get(name, "{}"), path) for name in ("facts", "shared"))
        kinds |= {name: kinds[first] for name, first in shared.items() if name not in kinds}
        checksum = None if found == WITHOUT_CHECKSUM else str(metadata["checksum"])
    except (TypeError, ValueError, KeyError) as error:
        raise _damaged(path, f"{type(error).__name__} {error}") from error
    return length, Header(facts, kinds, checksum, shared)


def _json(text: str | bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, f"{type(error).__name__} in its JSON") from error
    if not isinstance(found, dict):
        raise _damaged(path, f"{found!r:.40} in place of names")
    return found


def _length(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**48:
        raise ValueError(f"{value!r:.40} is no length")
    return value


def _damaged(path: Path, why: object) -> CourseError:
    return CourseError(
        f"The checkpoint {path} is damaged or cut short ({why}): fetch it again, or delete it and "
        "train anew."
    )
