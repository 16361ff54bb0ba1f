"""What tensors are and shall become: names, shapes, kinds of numbers, compared before copying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.errors import CourseError


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


def fact(facts: dict[str, Any], name: str, kind: type, where: Path | str) -> Any:
    """One of a checkpoint's facts, or a CourseError when it is missing or of another kind."""
    value = facts.get(name)
    if type(value) is not kind:  # True is no number
        raise CourseError(
            f"{where} is damaged, or no checkpoint of this kind: its {name!r} should be of kind "
            f"{kind.__name__}, and is {value!r:.80}."
        )
    return value


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
        here, there = (kind_of(t[name]) if name in t else None for t in (own, saved))
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


def kind_of(tensor: Tensor | Kind) -> Kind:
    """A tensor's kind; of a kind itself."""
    return Kind(tuple(tensor.shape), tensor.dtype)
