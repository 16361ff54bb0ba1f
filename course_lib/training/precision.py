"""Mixed precision: convolutions and dense layers in bfloat16, everything else in float32.

bfloat16 keeps float32's exponents and 8 binary digits of its 24. A weighted sum over thousands of
inputs bears that, and a processor with instructions for it takes about half the time. What follows
does not bear it: densities, log-determinants, sums over pixels, losses, optimisers. So the layers
round their inputs and weights, what is element by element between two layers may stay rounded, and
whatever else meets a rounded number meets it in float32. Weights and gradients are kept in
float32 throughout, and float32's range means that no loss has to be scaled.

It is a choice that was measured, and off unless asked for. On one thread of a processor with
avx512_bf16 a round takes, of its time in float32: DCGAN at 64×64 .55, the convolutional VAE .66,
RealNVP as printed .62 and folded .88, dense networks .9 to 1. Processors without such instructions
do the same arithmetic slower than float32, so there it is refused. `make bench` measures it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_lib.errors import CourseError, unknown

SINGLE, MIXED = "single", "mixed"
INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
LAYERS = {
    *(F.linear, F.conv1d, F.conv2d, F.conv3d),
    *(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
}
BETWEEN = {  # what may stay in bfloat16: a normalisation sums in float32 by itself
    *(F.relu, torch.relu, Tensor.relu, F.leaky_relu, F.batch_norm, torch.batch_norm),
    *(torch.add, Tensor.add, Tensor.__add__),
}


class Mixed(TorchFunctionMode):
    """Within it layers compute in bfloat16, and only they."""

    def __torch_function__(
        self,
        func: Callable,
        types: tuple[type, ...],
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in LAYERS:
            return func(*map(_rounded, args), **{k: _rounded(v) for k, v in kwargs.items()})
        if func in BETWEEN or getattr(func, "__name__", "") == "__get__":  # such as x.shape
            return func(*args, **kwargs)
        return func(*map(_whole, args), **{k: _whole(v) for k, v in kwargs.items()})


def _rounded(x: Any) -> Any:
    return x.to(torch.bfloat16) if isinstance(x, Tensor) and x.is_floating_point() else x


def _whole(x: Any) -> Any:
    """A tensor, or those in a list, in float32 where it was rounded."""
    if isinstance(x, Tensor):
        return x.float() if x.dtype is torch.bfloat16 else x
    return type(x)(map(_whole, x)) if type(x) in (list, tuple) else x


def chosen(name: str | None, like: Tensor) -> str:
    """The precision of that name (None: COURSE_PRECISION's, else "single") for such weights.

    Raises CourseError for other names, and for "mixed" where weights aren't in float32, or lie on
    a device that would be slower for it.
    """
    name = name or os.environ.get("COURSE_PRECISION") or SINGLE
    if name not in (SINGLE, MIXED):
        raise unknown("precision", name, (SINGLE, MIXED))
    if name == MIXED:
        if like.dtype is not torch.float32:
            raise CourseError(
                f"Mixed precision keeps its weights in float32, and these are {like.dtype}: call "
                "model.float(), or leave precision out."
            )
        if not gains(like.device):
            raise CourseError(
                "Mixed precision would be slower here, not faster: it needs a processor with "
                f"{' or '.join(INSTRUCTIONS)}, or a GPU that computes in bfloat16. Leave out "
                f"precision={MIXED!r} (or COURSE_PRECISION), or train on another machine."
            )
    return name


def gains(device: torch.device) -> bool:
    """Whether that device has instructions for bfloat16, so that mixed precision saves time."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        known = torch.cpu.get_capabilities()
        return any(known.get(name, False) for name in INSTRUCTIONS)
    old = (torch.cpu._is_avx512_bf16_supported, torch.cpu._is_amx_tile_supported)
    return any(has() for has in old)


def within(name: str) -> AbstractContextManager:
    """Within it a training computes in the precision of that name."""
    return Mixed() if name == MIXED else nullcontext()
