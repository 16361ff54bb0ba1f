"""What an exercise is: the right answer, and the answers that likely mistakes give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.errors import unknown


@dataclass(frozen=True)
class Mistake:
    """A likely wrong answer and what to say to it.

    `answer` has the form of the exercise's `right`. Where no single answer shows the mistake,
    use `Mistake.when(predicate, message)`; the predicate gets the learner's answer (of a
    function: the list of what it gave on the probes).
    """

    answer: Any
    message: str
    predicate: Callable[[Any], bool] | None = None

    @classmethod
    def when(cls, predicate: Callable[[Any], bool], message: str) -> Mistake:
        return cls(None, message, predicate)


@dataclass(frozen=True)
class Exercise:
    """What is right, which mistakes are known, and how an answer is tried.

    right: a number, tensor, word, truth value, set, dictionary or tuple of these; or, with
        `probes`, the right function; or, without probes, a function of `check`'s context that
        gives the right value (so do the mistakes' answers).
    probes: argument tuples on which an answered function is called, or a function of the
        context that gives them. Random draws inside are seeded alike for all who are compared.
    tol: see `compare.difference`. accepts: decides instead of `right` where many answers are
        right. hint: said when a wrong answer is not recognised. note: said when it is right.
    learns: the answered function gives a loss that is descended afterwards, so a gradient must
        come through it (the probes, or what is in them, require one).
    demonstration: answered wrongly on purpose, so COURSE_STRICT does not hold for it.
    """

    right: Any = None
    mistakes: Sequence[Mistake] = ()
    probes: Iterable[tuple] | Callable[..., Iterable[tuple]] | None = None
    tol: float | None = None
    accepts: Callable[[Any], bool] | None = None
    hint: str = ""
    note: str = ""
    learns: bool = False
    demonstration: bool = False


class Faults(dict[str, Any]):
    """What a lesson's "break it" runs, by the names that the lesson gives: one is healthy."""

    def __missing__(self, name: Any) -> Any:
        raise unknown("run", name, self)
