"""A lesson whose functions are answered in other forms, played to its end: what a check takes for
right may not stop a later cell. Prints the exercises that were answered so, and all that failed
then.

The forms: with the digits of single precision, as they come of a product with a tensor of
Python's numbers; a number for a tensor of one number, or the reverse; tensors in single or in
double precision, expanded ones, and such as bring a gradient or come from inference mode.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import json
import os
import sys
from collections.abc import Callable

import torch
from lesson_cells import source_cells

from course_lib import checks


def narrow(value: object) -> object:
    """Numbers and tensors of double precision with the digits of single precision."""
    if isinstance(value, torch.Tensor):
        return value.float().double() if value.dtype == torch.float64 else value
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float32).item()
    return type(value)(map(narrow, value)) if type(value) in (tuple, list) else value


def turn(value: object) -> object:
    """A number for a tensor of one number that nobody descends, a tensor for a number."""
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float64)
    alone = isinstance(value, torch.Tensor) and value.ndim == 0 and not value.requires_grad
    return value.item() if alone else value


def each(change: Callable) -> Callable:
    """A form that changes the tensors of floating point in an answer, wherever they stand."""

    def form(value: object) -> object:
        if isinstance(value, dict):
            return {key: form(part) for key, part in value.items()}
        if type(value) in (tuple, list):
            return type(value)(map(form, value))
        tensor = isinstance(value, torch.Tensor) and value.is_floating_point()
        return change(value) if tensor else value

    return form


def inferred(value: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return value.clone()


single, double = each(torch.Tensor.float), each(torch.Tensor.double)
expanded = each(lambda value: value[None].expand(2, *value.shape)[1])
learning = each(lambda value: value.detach().clone().requires_grad_())

# Of each, an answer is brought into the first row of forms that its check takes, if any.
PLAYS = {
    "numbers": ((narrow, turn), (narrow,)),
    "single": ((single, expanded), (single,)),
    "double": ((each(inferred),), (double, learning), (double,), (learning,)),
}


def formed(function: Callable, *forms: Callable, called: set | None = None) -> Callable:
    """The function, its answers brought into one form after the other. `called` gets the
    precisions that it is called with, and the names of arguments."""

    @functools.wraps(function)
    def answer(*given, **named):
        if called is not None:
            called.update(precisions(given), named)
        found = function(*given, **named)
        for form in forms:
            found = form(found)
        return found

    return answer


def precisions(given: tuple) -> set[str]:
    found = (v.dtype for v in given if isinstance(v, torch.Tensor) and v.is_floating_point())
    return set(map(str, found))


def functions(source: str) -> list[str]:
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


def play(lesson: str, row: str) -> tuple[dict[str, list[str]], list[str]]:
    """The exercises whose answer in another form their check took, with the precisions that
    this was called with; what failed then."""
    space, taken, failed, strict = {"__name__": "lesson"}, {}, [], checks.agrees

    def noted(*given, **named) -> None:
        try:
            strict(*given, **named)
        except AssertionError as error:
            failed.append(str(error))

    checks.agrees = noted
    for cell in source_cells(lesson):
        if cell.cell_type != "code":
            continue
        try:
            exec(compile(cell.source, f"lesson {lesson}", "exec"), space)
        except Exception as error:
            line = error.__traceback__.tb_next.tb_lineno
            failed.append(f"{error}: {cell.source.splitlines()[line - 1]}")
        number, names = cell.metadata.get("exercise"), functions(cell.source)
        if number and len(names) == 1:
            for forms in PLAYS[row]:
                called = set()
                answer = formed(space[names[0]], *forms, called=called)
                if checks.check(number, answer):
                    space[names[0]] = answer
                    taken[number] = called
                    break
    return {number: sorted(called) for number, called in taken.items()}, failed


if __name__ == "__main__":
    os.environ |= {"COURSE_BUDGET": "smoke", "COURSE_PROGRESS": "0", "COURSE_STATIC": "1"}
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        taken, failed = play(*sys.argv[1:])
    print(json.dumps({"taken": taken, "failed": failed}))
