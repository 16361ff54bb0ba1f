"""A checkpoint written in one step, with a checksum; and one read that may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as tensors_in
from safetensors.torch import save as content_of
from torch import Tensor

from course_lib import disk
from course_lib.checkpoint.kinds import Header, Kind, kind_of
from course_lib.errors import CourseError

FORMAT = "course_lib checkpoint 2"
WITHOUT_CHECKSUM = "course_lib checkpoint 1"  # what ships with the course, and older runs
UNKNOWN = "0" * 64  # stands where the checksum will, while that is computed
LARGEST_HEADER = 8 * 2**20  # bytes; a name takes a hundred
DTYPES = {
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


def save(path: Path | str, tensors: dict[str, Tensor], facts: dict) -> Path:
    """Write tensors and JSON-able facts to `path`, atomically; a shared tensor once.

    Raises CourseError, and leaves an older file as it was, when there is no room or no right
    to write.
    """
    path = _place(path)
    plain, shared = _each_once(tensors)
    metadata = {"format": FORMAT, "checksum": UNKNOWN}
    metadata |= {"facts": as_json(facts), "shared": json.dumps(shared)}
    try:
        content = content_of(plain, metadata)
        start = 8 + int.from_bytes(content[:8], "little")
        known = '"checksum":"{}"'.format
        signed = content[:start].replace(
            known(UNKNOWN).encode(), known(sha256(content).hexdigest()).encode()
        )
        with disk.whole(path) as file:
            file.write(signed)
            file.write(memoryview(content)[start:])
    except (OSError, SafetensorError) as error:
        old = "The older file there is untouched. " if path.exists() else ""
        raise CourseError(
            f"Could not write the checkpoint {path}: {error}. {old}"
            "Free some disk space, or choose a folder that you may write to."
        ) from error
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


def _each_once(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors on the CPU with memory of their own, and who is the same tensor as whom."""
    first: dict[tuple, str] = {}
    plain: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    taken = set()
    for name, t in tensors.items():
        t = t.detach()
        memory = t.untyped_storage().data_ptr()
        same = (memory, t.storage_offset(), t.shape, t.stride(), t.dtype)
        if t.numel() and first.setdefault(same, name) != name:
            shared[name] = first[same]
            continue
        t = t.cpu().contiguous()
        memory = t.untyped_storage().data_ptr()
        plain[name] = t.clone() if memory in taken else t
        taken.add(memory)
    return plain, shared


def load(
    path: Path | str, *, check: Callable[[Header], None] | None = None
) -> tuple[dict[str, Tensor], dict]:
    """The tensors (on the CPU) and the facts of a checkpoint.

    check: called with what the file says of itself, before its tensors are read. Raises
    CourseError when the file is missing, damaged, or no checkpoint of this course.
    """
    path, found = disk.given(path), header(path)
    if check is not None:
        check(found)
    content = path.read_bytes()
    if found.checksum is not None:
        unsigned = content.replace(found.checksum.encode(), UNKNOWN.encode(), 1)
        if sha256(unsigned).hexdigest() != found.checksum:
            raise _damaged(path, "its checksum is not that of what it holds")
        del unsigned
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
    path = _place(path)
    if not path.is_file():
        raise CourseError(f"Expected a checkpoint at {path}; there is no such file.")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > LARGEST_HEADER:
            raise ValueError(f"its header would have {length:,} bytes")
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            slices = {name: file.get_slice(name) for name in file.keys()}
            kinds = {
                name: Kind(tuple(one.get_shape()), DTYPES[one.get_dtype()])
                for name, one in slices.items()
            }
        if (known := metadata.get("format")) not in (FORMAT, WITHOUT_CHECKSUM):
            raise CourseError(
                f"{path} is a safetensors file, but no checkpoint of this course "
                f"(format {known!r:.80}, expected {FORMAT!r})."
            )
        facts, shared = (json.loads(metadata.get(name, "{}")) for name in ("facts", "shared"))
        if not (isinstance(facts, dict) and isinstance(shared, dict)):
            raise ValueError("its JSON holds no names")
        kinds |= {name: kinds[first] for name, first in shared.items() if name not in kinds}
        checksum = None if known == WITHOUT_CHECKSUM else metadata["checksum"]
    except CourseError:
        raise
    except OSError as error:
        raise CourseError(f"Could not read the checkpoint {path}: {error}.") from error
    except (SafetensorError, TypeError, ValueError, KeyError, RecursionError) as error:
        raise _damaged(path, f"{type(error).__name__} {error}") from error
    return Header(facts, kinds, checksum, shared)


def _place(path: Path | str) -> Path:
    """The absolute path; safetensors takes text only."""
    place = disk.given(path)
    try:
        str(place).encode()
    except UnicodeEncodeError as error:
        raise CourseError(
            f"A checkpoint can't lie at {str(place)!a}: the name is not UTF-8. Rename that folder "
            "or choose another."
        ) from error
    return place


def _damaged(path: Path, why: object) -> CourseError:
    return CourseError(
        f"The checkpoint {path} is damaged or cut short ({why!s:.200}): fetch it again, or delete "
        "it and train anew."
    )
