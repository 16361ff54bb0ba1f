"""A learner's function is tried: called on inputs that it may spoil, and differentiated.

A number can be right and useless: cut off from what it was computed of, it trains nothing. So
where an answer is descended later, its gradient is compared with the right one's, entry by entry.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_lib.checks.blame import Stopped, stopped_at
from course_lib.checks.compare import word
from course_lib.checks.exercises import Exercise, Probe

DRAWS = 5  # random arguments beside the fixed ones

# A call seeds the process's generator, which is one for all threads.
_one_call = threading.RLock()


def probes(asked: Exercise, context: dict[str, Any]) -> list[Probe]:
    """The arguments on which a function is tried: the fixed ones, then seeded random ones."""
    return _probes(asked) if not context else _drawn(asked, context)


@functools.cache
def _probes(asked: Exercise) -> list[Probe]:
    return _drawn(asked, {})


def _drawn(asked: Exercise, context: dict[str, Any], draws: int = DRAWS) -> list[Probe]:
    fixed = asked.probes(**context) if callable(asked.probes) else asked.probes or ()
    found = [probe if isinstance(probe, tuple) else (probe,) for probe in fixed]
    for seed in range(draws if asked.domain is not None else 0):
        found.append(asked.domain(torch.Generator().manual_seed(1000 + seed)))
    return found


@functools.cache
def stated(asked: Exercise, function: Callable) -> list[Any] | None:
    """What a function of the exercise's own gives on its probes; None where it stops, as a
    mistake may."""
    try:
        return [call(function, probe, ours=True) for probe in _probes(asked)]
    except Stopped:
        return None


@functools.cache
def stated_gradients(asked: Exercise, function: Callable) -> list[list[Tensor]]:
    """The gradients of a right answer, probe by probe."""
    return [gradients(function, probe, asked.learns) for probe in _probes(asked)]


def call(function: Callable, probe: Probe, ours: bool = False) -> Any:
    """One call with the random state set alike and put back after, on a copy of the inputs,
    which is spared where they are `ours`: for a function that leaves them alone, or to see
    what it does to them.

    Whatever stops the function, `exit()` included, is a `Stopped`; an interrupt is not.
    """
    with _one_call, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return function(*(probe if ours else copy.deepcopy(probe)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise stopped_at(function, error) from error


def same(one: Any, other: Any) -> bool:
    """Whether the tensors in two probes, or lists of them, hold the same numbers."""
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Tensor):
        return one.shape == other.shape and bool(((one == other) | one.isnan()).all())
    return not isinstance(one, (int, float)) or one == other or one != one


def in_precision(value: Any, dtype: torch.dtype) -> Any:
    """A copy of a probe with the numbers in its tensors and modules of this `dtype`."""
    if isinstance(value, tuple):
        return tuple(in_precision(part, dtype) for part in value)
    if isinstance(value, nn.Module) or (
        isinstance(value, Tensor) and value.is_floating_point()
    ):
        return copy.deepcopy(value).to(dtype)
    return value


def other_precision(given: Any, right: Any) -> str | None:
    """The precision of a tensor that can't be counted with beside the right one's; of one number
    any can, but half."""
    for one, other in zip(tensors(given), tensors(right), strict=False):
        half = str(one.dtype).endswith("float16")
        if other.is_floating_point() and one.dtype != other.dtype and (half or other.dim()):
            return str(one.dtype).removeprefix("torch.")
    return None


def called_in(function: Callable, probe: Probe) -> set[str]:
    """The names of torch's functions that a call makes use of."""
    seen: set[str] = set()

    class Watch(TorchFunctionMode):
        def __torch_function__(self, used, types, args=(), kwargs=None):
            seen.add(getattr(used, "__name__", ""))
            return used(*args, **(kwargs or {}))

    with Watch():
        call(function, probe)
    return seen


def gradients(function: Callable, probe: Probe, learns: tuple[int, ...]) -> list[Tensor]:
    """The gradient of a fixed random sum of all numbers in the answer, in the arguments at
    these positions or in the parameters of a module there; zeros where nothing comes through.
    """
    probe, leaves = list(copy.deepcopy(probe)), []
    for at in learns:
        if isinstance(probe[at], nn.Module):
            leaves += [p for p in probe[at].parameters() if p.requires_grad]
        else:
            leaf = probe[at].detach().requires_grad_()
            leaves.append(leaf)
            probe[at] = leaf
    kept = tuple(probe)

    def differentiated(*_: Any) -> list[Tensor]:
        with torch.enable_grad():
            # A clone may be changed in place, a leaf may not.
            given = [a.clone() if i in learns and isinstance(a, Tensor) else a
                     for i, a in enumerate(kept)]  # fmt: skip
            total = _mixed(function(*given))
        if total is None:
            return [torch.zeros_like(leaf) for leaf in leaves]
        found = torch.autograd.grad(total, leaves, allow_unused=True)
        pairs = zip(found, leaves, strict=True)
        return [torch.zeros_like(leaf) if g is None else g for g, leaf in pairs]

    return call(differentiated, ())


def same_gradients(given: list[Tensor], right: list[Tensor]) -> bool:
    """Entry by entry, within what float32 sums differ by."""
    overall = max((g.abs().max().item() for g in right if g.numel()), default=0.0)
    for one, other in zip(given, right, strict=True):
        if one.numel():
            allowed = 1e-3 * other.abs().max().item() + 1e-6 * overall + 1e-12
            if not bool(((one - other).abs() <= allowed).all()):
                return False
    return True


def _mixed(answer: Any) -> Tensor | None:
    """Σ weight · number over all tensors in the answer that carry a gradient, or None."""
    weigh, total = torch.Generator().manual_seed(0), None
    for part in tensors(answer):
        weights = torch.randn(part.shape, generator=weigh, dtype=torch.float64)
        if part.requires_grad:
            term = (weights * part.double()).sum()
            total = term if total is None else total + term
    return total


def tensors(answer: Any) -> Iterator[Tensor]:
    if isinstance(answer, Tensor):
        yield answer
    elif isinstance(answer, dict):
        for key in sorted(answer, key=lambda key: word(str(key))):
            yield from tensors(answer[key])
    elif isinstance(answer, (tuple, list)):
        for part in answer:
            yield from tensors(part)
