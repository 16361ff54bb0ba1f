"""`agrees` and `refuses`: an equation is asserted, and its wrong form is shown to be noticed.

A check that would also have passed on the wrong formula checks nothing. So each identity of a
lesson comes with a named wrong form, and both are held to a scale: a tolerance where two exact
routes are compared, the standard error where one of them samples (right within 5 of them, wrong
by more than 10, so that a check neither flakes nor passes by accident). Lesson 01 derives the
standard error of a Monte Carlo mean.
"""

from __future__ import annotations

from typing import Any

import torch

from course_lib.checks.compare import numeric
from course_lib.errors import CourseError

RIGHT_WITHIN = 5.0
WRONG_BEYOND = 10.0


def agrees(
    value: Any, reference: Any, *, error: Any = None, tol: float = 1e-10, name: str = ""
) -> None:
    """Assert value = reference: |difference| <= tol, or <= 5 standard errors where given.

    Tensors are compared by their largest absolute difference; a single number may stand for a
    whole tensor of equal ones. `error`: the standard error of the difference, a positive number
    or tensor. NaN never agrees. Prints one line; raises AssertionError.
    """
    given, wanted = _pair(value, reference, name)
    units, scale = _distance(given, wanted, error, tol)
    if not units <= (1.0 if error is None else RIGHT_WITHIN):
        raise AssertionError(
            f"✗ {_title(name)}{_show(given)} is not {_show(wanted)}  ({scale})"
        )
    relation = "=" if error is None else "≈"
    print(f"✓ {_title(name)}{_show(given)} {relation} {_show(wanted)}  ({scale})")


def refuses(
    wrong: Any, reference: Any, *, error: Any = None, tol: float = 1e-10, name: str = ""
) -> None:
    """Assert that a wrong form is noticed: off by more than 10 standard errors, or 10 tol.

    Of a tensor, one entry that is so far off is enough. `name` says in words which mistake it
    is ("σ read as a standard deviation"). NaN refuses nothing: it would hide a defect of the
    check itself. Prints one line; raises AssertionError.
    """
    given, wanted = _pair(wrong, reference, name)
    units, scale = _distance(given, wanted, error, tol)
    if not units > WRONG_BEYOND:
        raise AssertionError(
            f"✗ not refused: {_title(name)}{_show(given)} is too near to {_show(wanted)}"
            f"  ({scale})"
        )
    print(f"✓ refused: {_title(name)}{_show(given)} ≠ {_show(wanted)}  ({scale})")


def _pair(value: Any, reference: Any, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    given, wanted = numeric(value), numeric(reference)
    if given is None or wanted is None:
        bad = value if given is None else reference
        raise CourseError(
            f"{_title(name)}numbers or tensors can be compared; one side came as "
            f"{type(bad).__name__}."
        )
    if given.numel() == 0 or wanted.numel() == 0:
        raise AssertionError(f"✗ {_title(name)}nothing to compare: one side is empty")
    if given.shape != wanted.shape and given.numel() > 1 and wanted.numel() > 1:
        raise AssertionError(
            f"✗ {_title(name)}shapes {tuple(given.shape)} and {tuple(wanted.shape)} differ"
        )
    if given.numel() == 1 or wanted.numel() == 1:
        shape = given.shape if given.numel() > 1 else wanted.shape
        given, wanted = given.reshape(-1).expand(shape.numel()), wanted.reshape(-1)
        wanted = wanted.expand(given.numel())
    return given, wanted


def _distance(given, wanted, error, tol: float) -> tuple[float, str]:
    """The largest difference in tolerances or standard errors (NaN stays NaN), and in words."""
    gap = (given - wanted).abs().reshape(-1)
    if error is None:
        if not tol > 0:
            raise CourseError(f"A tolerance is a positive number; this one is {tol!r}.")
        largest = _largest(gap)
        return largest / tol, f"difference {largest:.1e}, tolerance {tol:.0e}"
    errors = numeric(error)
    if errors is None or not bool(((errors > 0) & errors.isfinite()).all()):
        raise CourseError(f"A standard error is positive and finite; this one is {error!r}.")
    if errors.numel() not in (1, gap.numel()):
        raise CourseError(
            f"Give one standard error, or one for each entry: {errors.numel()} came for "
            f"{gap.numel()}."
        )
    largest = _largest(gap / errors.reshape(-1))
    return largest, f"{largest:.3g} standard errors"


def _largest(values: torch.Tensor) -> float:
    return float("nan") if bool(values.isnan().any()) else values.max().item()


def _show(values: torch.Tensor) -> str:
    flat = values.reshape(-1)
    if flat.numel() == 1 or bool((flat == flat[0]).all()):
        return f"{flat[0].item():.6g}"
    shown = ", ".join(f"{v:.4g}" for v in flat[:3].tolist())
    return f"[{shown}, …]" if flat.numel() > 3 else f"[{shown}]"


def _title(name: str) -> str:
    return f"{name}: " if name else ""
