"""How a model comes by its first weights: from its own seed, within what a machine holds.

Layers draw their weights from torch's one generator, which all threads share, so that two
models built at a time would take each other's numbers. Within `Building` every draw comes from a
generator of the seed instead: the same numbers as after `torch.manual_seed(seed)`, and nobody
else's. What is asked for is counted before it is taken.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib.errors import CourseError

LARGEST = 2**30  # bytes of weights; Adam's training takes four times as much
MOST = 100_000  # tensors
ROOM: ContextVar[int] = ContextVar("bytes of new tensors", default=LARGEST)


class Building(TorchDispatchMode):
    """Draws from generators of `seed`, and refuses more bytes of new tensors than `room` says."""

    def __init__(self, seed: int, what: str = "This model") -> None:
        super().__init__()
        self.seed, self.what = seed, what
        self.generators: dict[torch.device, torch.Generator] = {}
        self.bytes, self.tensors, self.most = 0, 0, ROOM.get()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # or torch would import its compiler, a second and 70 MB, for nothing

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None) -> Any:
        makes, drawing = _kind(operation)
        if not (makes or drawing):
            return operation(*args, **kwargs or {})
        kwargs = dict(kwargs or {})
        if makes:
            self._count(args, kwargs)
        own = args[0].device if args and isinstance(args[0], Tensor) else kwargs.get("device")
        device = torch.device(own or "cpu")
        if drawing and device.type != "meta" and kwargs.get("generator") is None:
            operation, kwargs["generator"] = drawing, self._of(device)
        return operation(*args, **kwargs)

    def _of(self, device: torch.device) -> torch.Generator:
        if device not in self.generators:
            self.generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self.generators[device]

    def _count(self, args: tuple, kwargs: dict) -> None:
        size = next((a for a in args if isinstance(a, list | tuple)), None)
        if size is None:  # as large as another
            size = args[0].shape if args and isinstance(args[0], Tensor) else ()
        dtype = kwargs.get("dtype") or torch.get_default_dtype()
        self.bytes += math.prod(size) * dtype.itemsize
        self.tensors += 1
        if self.bytes > self.most or self.tensors > MOST:
            raise CourseError(
                f"{self.what} would have more than {self.most / 2**30:.3g} GB of weights, or more "
                f"than {MOST:,} tensors: {self.bytes / 2**30:,.1f} GB in {self.tensors:,} were "
                "asked for, and more to come. Choose smaller widths, fewer layers or smaller "
                "images."
            )


@contextmanager
def room(size: int) -> Iterator[None]:
    """Within it, models may take `size` bytes of new tensors, and at most LARGEST."""
    token = ROOM.set(min(size, LARGEST))
    try:
        yield
    finally:
        ROOM.reset(token)


@functools.cache
def _kind(operation) -> tuple[bool, Any]:
    """Whether it makes a tensor of a given size, and its form that takes a generator, or None."""
    asked = {a.name for a in operation._schema.arguments}
    twin = f"{operation._overloadname}_generator".removeprefix("default_")
    if "generator" not in asked and twin in operation.overloadpacket.overloads():
        return "pin_memory" in asked, getattr(operation.overloadpacket, twin)
    return "pin_memory" in asked, operation if "generator" in asked else None
