"""What an exercise is: the right answer, where it is tried, and what likely mistakes give.

A lesson states its exercises, predictions and faults with these; `check` and `predict` find
them by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from course_lib.checks.compare import word
from course_lib.errors import unknown

Probe = tuple[Any, ...]
DOUBLE = (torch.float64,)
BOTH = (torch.float32, torch.float64)


@dataclass(frozen=True)
class When:
    """A mistake that no single answer shows: `holds` gets the learner's answer (of a function:
    the list of what it gave on the probes); `example` is an answer that it holds for."""

    holds: Callable[[Any], bool]
    example: Any


@dataclass(frozen=True, eq=False)  # one is itself alone, so that what it gives can be kept
class Exercise:
    """What is right, which mistakes are known, and how an answer is tried.

    right: a number, tensor, word, truth value, set, dictionary or tuple of these; or, with
        `probes` or `domain`, the right function; or, without, a function of `check`'s context
        that gives the right value (so do mistakes). also: other right answers.
    mistakes: what to say → the likely wrong answer that it is said to. It has the form of
        `right`; of a dictionary it may hold some keys, and is found in every answer that says
        this there. Or a `When`.
    probes: argument tuples on which an answered function is called, edges among them, or a
        function of the context that gives them. domain: draws one argument tuple with a
        generator; a function is tried on some of these too, so that no answer can know them
        all. Random draws inside an answer are seeded alike for all who are compared.
    tol: see `compare.difference`. form: what of an answer is compared, where many are right.
    accepts: decides instead of `right`.
    learns: positions of the arguments through which the answer is differentiated afterwards
        (a tensor, or a module and its parameters): there its gradient must be the right one's.
    tensor: the lesson goes on with the answer as a tensor. precisions: those of the arguments
        that it is given there, so that an answer must keep them.
    without: names of torch's functions that the answer is to replace, not to call.
    hint: said when a wrong answer is not recognised. note: said when it is right.
    demonstration: answered wrongly on purpose, so COURSE_STRICT does not hold for it.
    """

    right: Any = None
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    also: Sequence[Any] = ()
    probes: Iterable[Probe] | Callable[..., Iterable[Probe]] | None = None
    domain: Callable[[torch.Generator], Probe] | None = None
    tol: float | None = None
    form: Callable[[Any], Any] | None = None
    accepts: Callable[[Any], bool] | None = None
    learns: tuple[int, ...] = ()
    tensor: bool = False
    precisions: tuple[torch.dtype, ...] = ()
    without: frozenset[str] = field(default_factory=frozenset)
    hint: str = ""
    note: str = ""
    demonstration: bool = False

    @property
    def asks_for_a_function(self) -> bool:
        return self.probes is not None or self.domain is not None


@dataclass(frozen=True)
class Prediction:
    """What a guess can be: one of `words`, a text of the `pattern` that `like` describes, or a
    number from `low` to `high`."""

    low: float = -float("inf")
    high: float = float("inf")
    whole: bool = False
    words: tuple[str, ...] = ()
    pattern: str = ""
    like: str = ""


class Faults(dict[str, Any]):
    """What a lesson's "break it" runs, by the names that the lesson gives: one is healthy."""

    def __missing__(self, name: Any) -> Any:
        raise unknown("run", name, self)


def nobody_healthy(answer: dict[str, str]) -> bool:
    """Whether a diagnosis calls none of the runs healthy."""
    return "healthy" not in map(word, answer.values())


def normal(generator: torch.Generator, *shape: int, scale: float = 1.0) -> torch.Tensor:
    """Float64 numbers from N(0, scale²): what domains are mostly made of."""
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def between(generator: torch.Generator, low: float, high: float) -> float:
    """One number, uniform from low to high."""
    return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()


def whole(generator: torch.Generator, low: int, high: int) -> int:
    """One whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def shares(generator: torch.Generator, *shape: int, sharp: float = 1.0) -> torch.Tensor:
    """Probabilities that add to 1 along the last axis; the sharper, the nearer to 0 and 1."""
    return normal(generator, *shape, scale=sharp).softmax(-1)
