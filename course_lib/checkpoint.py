"""Files of tensors, with facts as JSON beside them in the same file (safetensors).

A file is replaced in one step, so that a process killed at any moment leaves the old one or the
new one. It comes from anywhere: nothing is unpickled, what it says of itself is read first and
within bounds, and a checksum over all of it tells a single flipped bit. Who loads a file says
what the tensors shall become; they are compared with that before memory is taken for them.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_in
from safetensors.torch import save_file
from torch import Tensor

from course_lib.errors import CourseError

FORMAT = "course_lib checkpoint 2"
WITHOUT_CHECKSUM = "course_lib checkpoint 1"  # what ships with the course, and older runs
LARGEST_HEADER = 8 * 2**20  # bytes; a name takes a hundred
UNKNOWN = "0" * 64  # stands where the checksum will, while that is computed
STALE = 3600.0  # seconds after which a file that nobody finished is a killed process's
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


class Kind(NamedTuple):
    """What a tensor is, without what it holds."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.shape} of {str(self.dtype).removeprefix('torch.')}"


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    checksum  None: it was written before there were checksums
    shared    name → the name under which the same tensor is kept
    """

    facts: dict[str, Any]
    kinds: dict[str, Kind]
    checksum: str | None
    shared: dict[str, str]


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
        rest = memoryview(content)[8 + length :]
        if _sha256(start, rest) != found.checksum:
            raise _damaged(path, "its checksum is not that of what it holds")
    try:
        tensors = tensors_in(content)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise _damaged(path, error) from error
    tensors |= {name: tensors[first] for name, first in found.shared.items()}
    if {name: _kind(t) for name, t in tensors.items()} != found.kinds:
        raise _damaged(path, "its header contradicts itself")
    return tensors, found.facts


def header(path: Path | str) -> Header:
    """What a checkpoint says of itself; no tensor is read. Raises CourseError as `load` does."""
    path = resolved(path)
    with _opened(path) as file:
        return _header(file, path)[1]


def fact(facts: dict[str, Any], name: str, kind: type, where: Path | str) -> Any:
    """One of a checkpoint's facts, or a CourseError when it is missing or of another kind."""
    value = facts.get(name)
    if type(value) is not kind:  # True is no number
        raise CourseError(
            f"{where} is damaged, or no checkpoint of this kind: its {name!r} should be of kind "
            f"{kind.__name__}, and is {value!r:.80}."
        )
    return value


def as_json(facts: object) -> str:
    """Facts as JSON, NumPy's numbers as plain ones; CourseError for what JSON can't hold."""
    try:
        return json.dumps(facts, sort_keys=True, default=lambda number: number.item())
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:  # or recursion
        raise CourseError(
            f"A checkpoint keeps settings that are numbers, strings, truth values or lists of "
            f"these ({error}): {facts!r:.200}"
        ) from error


def section(tensors: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The tensors whose names begin with `name.`, without it."""
    return {k[len(name) + 1 :]: t for k, t in tensors.items() if k.startswith(f"{name}.")}


def require_like(
    own: Mapping[str, Tensor | Kind],
    saved: Mapping[str, Tensor | Kind],
    where: Path | str,
    *,
    exactly: bool = False,
) -> None:
    """Raise CourseError unless the saved tensors have the names and shapes of one's own.

    Kinds of numbers must agree as well; floats do with other floats, unless `exactly` is asked
    for and they are no scalars. Tensors may be on the meta device, or be given as their `Kind`.
    """
    for name in sorted(own.keys() | saved.keys()):
        here, there = (_kind(t[name]) if name in t else None for t in (own, saved))
        if here == there:
            continue
        if here and there and here.shape == there.shape and not (exactly and here.shape):
            if here.dtype.is_floating_point and there.dtype.is_floating_point:
                continue
        raise CourseError(
            f"{where} holds the checkpoint of another model: {name!r} is "
            f"{there or 'nothing of that name'} there and {here or 'nothing of that name'} "
            "here. Build the model with the settings it was trained with, or train into another "
            "folder."
        )


def copy_into(own: dict[str, Tensor], saved: dict[str, Tensor], where: Path | str) -> None:
    """Copy saved tensors into existing ones, which keep their memory layout.

    Raises CourseError when names, shapes or kinds differ: the checkpoint of another model.
    """
    require_like(own, saved, where)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(saved[name])


def resolved(path: Path | str) -> Path:
    """The whole path, ~ being the home directory; CourseError where there is no such thing."""
    try:
        if "\0" in str(path):
            raise TypeError("it holds a zero byte")
        return Path(path).expanduser().absolute()
    except FileNotFoundError as error:
        raise CourseError(
            "The folder in which this kernel was started is gone (moved or deleted): restart "
            "the kernel from a folder that is there."
        ) from error
    except (TypeError, RuntimeError) as error:
        raise CourseError(
            f"Expected the path of a file or folder, got {path!r}: {error}"
        ) from None


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


# Writing -----------------------------------------------------------------------------------
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


# Reading -----------------------------------------------------------------------------------
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


def _kind(tensor: Tensor | Kind) -> Kind:
    return Kind(tuple(tensor.shape), tensor.dtype)


def _sha256(*parts: bytes | memoryview) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def _damaged(path: Path, why: object) -> CourseError:
    return CourseError(
        f"The checkpoint {path} is damaged or cut short ({why}): fetch it again, or delete it and "
        "train anew."
    )
