"""Files of weights: safetensors with the settings as JSON beside them, in one file.

One file is replaced in one step, so a process killed at any moment leaves either the old
checkpoint or the new one. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from course_lib.errors import CourseError

FORMAT = "course_lib checkpoint 1"


def save(path: Path | str, tensors: dict[str, Tensor], facts: dict) -> Path:
    """Write tensors and JSON-able facts to `path`, atomically.

    Raises CourseError, and leaves an older file as it was, when there is no room or no right
    to write.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    metadata = {"format": FORMAT, "facts": json.dumps(facts, sort_keys=True)}
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(plain, part, metadata)
        part.chmod(0o644)  # safetensors writes files that only their owner may read
        with open(part, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        old = "The older file there is untouched. " if path.exists() else ""
        raise CourseError(
            f"Could not write the checkpoint {path}: {error}. {old}"
            "Free some disk space, or choose a folder that you may write to."
        ) from error
    return path


def load(path: Path | str) -> tuple[dict[str, Tensor], dict]:
    """The tensors (on the CPU) and the facts of a checkpoint.

    Raises CourseError when the file is missing, damaged, or no checkpoint of this course.
    """
    path = Path(path)
    if not path.is_file():
        raise CourseError(f"Expected a checkpoint at {path}; there is no such file.")
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}
    except (SafetensorError, OSError) as error:
        raise CourseError(
            f"The checkpoint {path} is damaged or cut short ({error}): fetch it again, or delete "
            "it and train anew."
        ) from error
    if metadata.get("format") != FORMAT:
        raise CourseError(
            f"{path} is a safetensors file, but no checkpoint of this course "
            f"(format {metadata.get('format')!r}, expected {FORMAT!r})."
        )
    return tensors, json.loads(metadata["facts"])


def section(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `name.`, without it."""
    return {k[len(name) + 1 :]: t for k, t in tensors.items() if k.startswith(f"{name}.")}


def copy_into(own: dict[str, Tensor], saved: dict[str, Tensor], where: str) -> None:
    """Copy saved tensors into existing ones, which keep their memory layout.

    Raises CourseError when names or shapes differ: the checkpoint of another model.
    """
    for name in sorted(own.keys() | saved.keys()):
        here = tuple(own[name].shape) if name in own else "nothing of that name"
        there = tuple(saved[name].shape) if name in saved else "nothing of that name"
        if here != there:
            raise CourseError(
                f"{where} holds the checkpoint of another model: {name!r} is {there} there and "
                f"{here} here. Build the model with the settings it was trained with, or train "
                "into another folder."
            )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(saved[name])
