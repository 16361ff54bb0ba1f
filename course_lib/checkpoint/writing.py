"""Writing a checkpoint in one step, with a checksum, and trying beforehand whether it can be."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from course_lib.checkpoint.places import FORMAT, UNKNOWN, resolved
from course_lib.errors import CourseError

STALE = 3600.0  # seconds after which a file that nobody finished is a killed process's


def save(path: Path | str, tensors: dict[str, Tensor], facts: dict) -> Path:
    """Write tensors and JSON-able facts to `path`, atomically; a shared tensor once.

    Raises CourseError, and leaves an older file as it was, when there is no room or no right
    to write.
    """
    path = resolved(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    plain, shared = _each_once(tensors)
    metadata = {
        "format": FORMAT,
        "facts": as_json(facts),
        "shared": json.dumps(shared),
        "checksum": UNKNOWN,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_parts(path, older_than=STALE)
        save_file(plain, part, metadata)
        part.chmod(0o644)  # safetensors writes files that only their owner may read
        with open(part, "rb+") as written:
            _sign(written)
            os.fsync(written.fileno())
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        raise _cannot_write(path, error) from error
    return path


def as_json(facts: object) -> str:
    """Facts as JSON, NumPy's numbers as plain ones; CourseError for what JSON can't hold."""
    try:
        return json.dumps(facts, sort_keys=True, default=lambda number: number.item())
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:  # or recursion
        raise CourseError(
            f"A checkpoint keeps settings that are numbers, strings, truth values or lists of "
            f"these ({error}): {facts!r:.200}"
        ) from error


def remove_parts(path: Path, older_than: float = 0.0) -> None:
    """Remove what killed processes left of checkpoints that should have become `path`."""
    for part in path.parent.iterdir() if path.parent.is_dir() else ():
        if part.name.startswith(f".{path.name}.") and part.name.endswith(".part"):
            with suppress(OSError):  # somebody else's, or gone by now
                if time.time() - part.stat().st_mtime >= older_than:
                    part.unlink()


def try_to_write(path: Path, size: int) -> None:
    """Raise CourseError unless a checkpoint of `size` bytes can be written at `path`."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with open(part, "wb") as file:
            for done in range(0, size, 2**20):
                file.write(bytes(min(2**20, size - done)))
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _each_once(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU with memory of their own, and who is the same tensor as whom."""
    first: dict[tuple, str] = {}
    plain: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    taken = set()
    for name, t in tensors.items():
        t = t.detach()
        same = (
            t.untyped_storage().data_ptr(),
            t.storage_offset(),
            t.shape,
            t.stride(),
            t.dtype,
        )
        if t.numel() and first.setdefault(same, name) != name:
            shared[name] = first[same]
            continue
        t = t.cpu().contiguous()
        memory = t.untyped_storage().data_ptr()
        plain[name] = t.clone() if memory in taken else t
        taken.add(memory)
    return plain, shared


def _sign(file: BinaryIO) -> None:
    """Put the checksum of a file where zeros stand for it."""
    checksum = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    mark = b'"checksum":"'
    file.seek(8 + file.read(length).index(mark + UNKNOWN.encode()) + len(mark))
    file.write(checksum.encode())
    file.flush()


def _cannot_write(path: Path, error: Exception) -> CourseError:
    old = "The older file there is untouched. " if path.exists() else ""
    return CourseError(
        f"Could not write the checkpoint {path}: {error}. {old}"
        "Free some disk space, or choose a folder that you may write to."
    )
