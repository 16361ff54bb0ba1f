"""Where a learner's function stopped, and whether it was answered at all.

In the learner's copy of a lesson a solution is replaced by `...`: a function then gives None or
`...`, or stops on arithmetic with it. That is an open question, not an error.
"""

from __future__ import annotations

import dis
import inspect
import linecache
import traceback
from collections.abc import Callable
from typing import Any

_IDLE = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "COPY_FREE_VARS"}
_IDLE |= {"CACHE", "EXTENDED_ARG", "MAKE_CELL", "POP_TOP"}


class Stopped(Exception):
    """A tried function raised; the message says what and, where it can, on which line."""

    left_open = False


def left_open(answer: Any) -> bool:
    """Whether the answer is a function that does nothing: `...` stands for its body."""
    code = getattr(answer, "__code__", None)
    if code is None:
        return False
    steps = list(dis.get_instructions(code))
    if any(step.opname not in _IDLE for step in steps):
        return False
    constants = [step.argval for step in steps if step.opname.endswith("_CONST")]
    return all(constant is None or constant is ... for constant in constants)


def dots_left(function: Any) -> bool:
    """Whether the function's source still has a line of dots, so that a part is missing."""
    try:
        lines = inspect.getsource(function).splitlines()
    except Exception:  # no source, or none that can be read
        return False
    return any(line.strip() == "..." or line.rstrip().endswith("= ...") for line in lines)


def stopped_at(function: Callable, error: BaseException) -> Stopped:
    """The report of an exception inside `function`, by its last line that the learner wrote."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(its text can't be read)"
    text = text if len(text) <= 200 else text[:197] + "…"
    report = f"stopped with {type(error).__name__}: {text}"
    code = getattr(function, "__code__", None)
    if code is not None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == code.co_filename]
        own = [frame for frame in own if frame.filename != __file__.replace("blame", "trial")]
        if own:
            line = linecache.getline(own[-1].filename, own[-1].lineno).strip()
            report += f" (line {own[-1].lineno} of its cell" + (f": {line})" if line else ")")
    stop = Stopped(report)
    unbound = isinstance(error, NameError) and dots_left(function)
    stop.left_open = unbound or "ellipsis" in text.casefold()
    return stop
