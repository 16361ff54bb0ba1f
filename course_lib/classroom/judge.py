"""The judge: is an answer right, which mistake is it, and what is said? It runs outside.

The comparison and the mistakes are those of `course_lib.checks`, so that a learner reads what
the checks would say at home.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from course_lib.checks.compare import difference, unanswered
from course_lib.classroom import wire
from course_lib.classroom.assignment import Assignment, Question
from course_lib.classroom.runner import gradients

OPEN = "not answered yet"
CLASSES = 100
EXACT = 1e-6  # what was copied agrees so well, unless it was rounded


def probes_for(question: Question, v: SimpleNamespace, seed: int) -> list[tuple] | None:
    """The inputs to try a function on, drawn from this seed."""
    if question.probes is None:
        return None
    return question.probes(torch.Generator().manual_seed(seed), v)


def judge(
    question: Question, v: SimpleNamespace, reply: dict, probes: list[tuple] | None
) -> tuple[bool, str]:
    """Whether the answer in a sandbox's reply is right, and one line about it."""
    if "stopped" in reply:
        kind = str(reply["stopped"])
        kind = kind if kind.isidentifier() and len(kind) <= 40 else "an error"
        return False, f"trying your answer stopped with {kind}"
    if reply.get("missing"):
        return False, f"there is no name {question.name} in your notebook"
    if reply.get("open"):
        return False, OPEN
    if reply.get("nocall"):
        return False, "a function is wanted"
    given = wire.unpack(reply.get("value"))
    if probes is None:
        given, cases = (given,), [()]
    else:
        cases = probes
        if not isinstance(given, tuple) or len(given) != len(cases):
            return False, "a function's answers are wanted"
        if all(part is None for part in given):
            return False, f"{OPEN}: your function gives None"
    if unanswered(given):
        return False, OPEN
    reason = _gap(given, [question.right(v, *case) for case in cases], question.tol)
    if reason is None:
        if question.gradients and not _same_slopes(question, v, reply, cases):
            return False, (
                "the value is right, but its gradient is not, so nothing could learn from it: "
                "torch's functions all the way from what is given, without .item(), .detach(), "
                "NumPy, changes in place and numbers written in by hand"
            )
        return True, "right"
    for message, wrong in question.mistakes.items():
        if _gap(given, [wrong(v, *case) for case in cases], question.tol) is None:
            return False, f"not yet: {message}"
    return False, "not right" + (f": {reason}" if reason else "")


def holds(
    question: Question, v: SimpleNamespace, reply: dict, tol: float | None = None
) -> bool:
    """Whether the value in a reply would be right for these numbers, for example another's.
    tol: the question's own if None."""
    with contextlib.suppress(Exception):  # no value, or the grader stumbles over these numbers
        given = wire.unpack(reply.get("value"))
        return difference(given, question.right(v), tol or question.tol) is None
    return False


def whose(
    assignment: Assignment,
    wrong: dict[str, dict],
    others: Sequence[tuple[str, SimpleNamespace]],
) -> tuple[str, list[str]] | None:
    """The other student whose numbers make wrong answers right, and the exercises.

    wrong: the replies with a wrong value, by exercise; none of a function.

    An honest slip may be right for somebody too: four logs can be named in 24 ways, so in a class
    of 30 most slips are. It is told only if the same answers are right for nobody in CLASSES
    other classes of this size, drawn by chance. If one stranger's numbers make an answer right
    with chance p, and there are n others, it is told by accident with chance at most
    np(1 - p)^(CLASSES n) < 1 / (e CLASSES): four honest slips in a thousand, whatever p and n.

    One number within the usual tolerance may be right for a stranger, too. So what agrees as well
    as only the same computation does is first compared with strangers as strictly: of honest
    slips at most twice as many are told.
    """
    for tol in (EXACT, None):
        if (other := _met(assignment, wrong, others, tol)) is not None:
            v = dict(others)[other]
            return other, [n for n in wrong if holds(assignment.questions[n], v, wrong[n])]
    return None


@functools.lru_cache(maxsize=20_000)
def stranger(variant: Callable[[random.Random], dict], seed: str) -> SimpleNamespace:
    """Numbers of nobody in the class. They are kept: some assignments draw for long."""
    return SimpleNamespace(**variant(random.Random(f"a stranger to {seed}")))


def _met(assignment, wrong, others, tol) -> str | None:
    """Who is told of answers that are right within `tol`, None: within each question's own."""
    holding = lambda n, v: holds(assignment.questions[n], v, wrong[n], tol)
    found = {other: [n for n in wrong if holding(n, theirs)] for other, theirs in others}
    for other, numbers in sorted(found.items(), key=lambda item: -len(item[1])):
        many = range(CLASSES * len(others))
        strangers = (stranger(assignment.variant, f"{assignment.name} {i}") for i in many)
        if numbers and not any(all(holding(n, v) for n in numbers) for v in strangers):
            return other
    return None


def _gap(given: Any, wanted: list, tol: float) -> str | None:
    """None where all agree, else what is said of the first that doesn't."""
    for one, right in zip(given, wanted, strict=True):
        if (reason := difference(one, right, tol)) is not None:
            return reason
    return None


def _same_slopes(question: Question, v: SimpleNamespace, reply: dict, cases: list) -> bool:
    slopes = wire.unpack(reply.get("slopes"))
    if not isinstance(slopes, tuple) or len(slopes) != len(cases):
        return False
    for found, case in zip(slopes, cases, strict=True):
        leaves, inputs = [], []
        for part in case:
            if isinstance(part, torch.Tensor) and part.is_floating_point():
                part = part.clone().requires_grad_()
                leaves.append(part)
            inputs.append(part)
        wanted = gradients(question.right(v, *inputs), leaves)
        if found is None or difference(found, wanted, max(question.tol or 0, 1e-4)) is not None:
            return False
    return True
