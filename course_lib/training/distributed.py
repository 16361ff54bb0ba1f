"""Several processes that train as one: `torchrun --nproc-per-node 2 -m course_lib train …`.

Every process holds the same weights, computes on its share of each batch, and steps by the mean
of all gradients. Normalisation layers see only their own process's share (as in most published
multi-GPU training); their running averages are averaged after every round.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from course_lib.errors import CourseError

PATIENCE = timedelta(minutes=10)  # of a process that waits for another, as at the start
VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number; 0 prints and writes files."""
    return dist.get_rank() if world() > 1 else 0


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that `torchrun` started; alone, do nothing.

    Raises CourseError where what torchrun says is wanting, or the others don't come in PATIENCE.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if not size.isdecimal() or int(size) < 1:
        raise CourseError(
            f"The variable WORLD_SIZE must be a whole number from 1, not {size!r:.40}: torchrun "
            "sets it; else unset it."
        )
    if int(size) == 1 or dist.is_initialized():
        yield
        return
    try:
        dist.init_process_group(
            "nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE
        )
    except (ValueError, RuntimeError) as error:
        told = {name: os.environ.get(name) for name in VARIABLES}
        raise CourseError(
            f"{size} processes should train together, and this one could not join the others, "
            f"for which it waits {PATIENCE.total_seconds():g} s. It was told {told}. Start "
            f"all by torchrun, or unset WORLD_SIZE to train alone. (torch says: {error!s:.200})"
        ) from error
    try:
        yield
    finally:
        dist.destroy_process_group()


def share(rows: Tensor) -> Tensor:
    """This process's consecutive part of `rows`."""
    each = len(rows) // world()
    return rows[rank() * each : (rank() + 1) * each]


def mean(x: Tensor) -> Tensor:
    """The mean of `x` over the processes, differentiable in every process."""
    return _Mean.apply(x) if world() > 1 else x


def average_(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over the processes, in one exchange per dtype."""
    if world() == 1 or not tensors:
        return
    for dtype in {t.dtype for t in tensors}:
        same = [t for t in tensors if t.dtype == dtype]
        joint = torch.cat([t.reshape(-1) for t in same])
        dist.all_reduce(joint)
        joint /= world()
        for t, part in zip(same, joint.split([t.numel() for t in same]), strict=True):
            t.copy_(part.view(t.shape))


def broadcast_(tensors: Sequence[Tensor]) -> None:
    """Give every process the tensors of process 0."""
    if world() > 1:
        for t in tensors:
            plain = t.contiguous()
            dist.broadcast(plain, src=0)
            t.copy_(plain)


def anyone(flag: bool) -> bool:
    """Whether the flag is up in any process."""
    if world() == 1:
        return flag
    up = torch.tensor(float(flag), device=_device())
    dist.all_reduce(up, op=dist.ReduceOp.MAX)
    return bool(up)


def by_first(work: Callable[[], None]) -> None:
    """Let process 0 do some work; where it raises a CourseError, all processes do."""
    refusal = None
    if rank() == 0:
        try:
            work()
        except CourseError as error:
            refusal = error
    if anyone(refusal is not None):
        raise refusal or CourseError("Process 0 can't go on; its own message says why.")


def gather(fact: Any) -> list[Any]:
    """What every process gives, in the order of their numbers."""
    found = [fact] * world()
    if world() > 1:
        dist.all_gather_object(found, fact)
    return found


def _device() -> str:
    """Where the processes exchange what is not on a device of its own."""
    return "cuda" if dist.get_backend() == "nccl" else "cpu"


class _Mean(torch.autograd.Function):
    """Averaging is linear and symmetric, so its backward pass averages too."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = x.detach().clone()
        average_([x])
        return x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        average_([gradient])
        return gradient
