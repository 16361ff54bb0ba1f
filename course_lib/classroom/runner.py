"""Inside the sandbox: run a notebook's cells, then answer questions. Nobody trusts this process.

What a submission does to it (patch it, kill it, speak in its place) changes only what is said
about that submission's own answers: the right ones aren't here, so they can't be copied.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from course_lib.classroom import wire


class Tail:
    """What is printed, kept up to a size; the rest is dropped."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, keep: int = 2000):
        self.text, self.keep = "", keep

    def write(self, text: str) -> int:
        self.text += text[: max(0, self.keep - len(self.text))]
        return len(text)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def isatty(self) -> bool:
        return False


def answer(names: dict, question: dict) -> dict:
    """The value of a name; or, with `probes`, a function's answers to them and, with
    `gradients`, the gradient of each answer's sum in every floating tensor it was given."""
    if question["name"] not in names:
        return {"missing": True}
    value = names[question["name"]]
    if question["probes"] is None:
        return {"value": wire.pack(value)}
    if not callable(value):
        return {"open": True} if value is ... else {"nocall": True}
    # What can't be differentiated may still be a right value, and is told apart from a wrong one.
    # Inputs come in double precision, and a function multiplies them only by tensors of that type.
    # So tensors that it makes are double, too; but not if it turns its inputs into single ones.
    ways = [
        (differentiated, double)
        for differentiated in ((True, False) if question["gradients"] else (False,))
        for double in (True, False)
    ]
    for way in ways[:-1]:
        with contextlib.suppress(RuntimeError):
            return called(value, wire.unpack(question["probes"]), *way)
    return called(value, wire.unpack(question["probes"]), *ways[-1])


def called(function: Callable, probes: list[tuple], differentiated: bool, double: bool) -> dict:
    """A function's answers, and their gradients where it is `differentiated`. double: tensors
    that it makes itself are in double precision."""
    import torch

    values, slopes, before = [], [], torch.get_default_dtype()
    torch.set_default_dtype(torch.float64 if double else before)
    try:
        with torch.enable_grad():  # a cell may have switched it off for all
            for probe in probes:
                leaves = [x for x in probe if isinstance(x, torch.Tensor)]
                leaves = [x for x in leaves if x.is_floating_point()]
                for leaf in leaves:
                    leaf.requires_grad_(differentiated)
                torch.manual_seed(0)
                values.append(function(*probe))
                if differentiated:
                    slopes.append(gradients(values[-1], leaves))
    finally:
        torch.set_default_dtype(before)
    return {"value": wire.pack(values), "slopes": wire.pack(slopes)}


def gradients(found: Any, leaves: list) -> list | None:
    """The gradients of the sum of all numbers found; None if no gradient comes through."""
    import torch

    parts = found.values() if isinstance(found, dict) else found
    parts = parts if isinstance(found, (dict, list, tuple)) else [found]
    total = sum(p.sum() for p in parts if isinstance(p, torch.Tensor) and p.requires_grad)
    if not isinstance(total, torch.Tensor):
        return None
    slopes = torch.autograd.grad(total, leaves, allow_unused=True)
    return [
        torch.zeros_like(x) if s is None else s for s, x in zip(slopes, leaves, strict=True)
    ]


def in_a_fork(tell: int, names: dict, question: dict) -> None:
    """Each question in a process of its own: one that hangs or dies takes no other with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a submission may have it ignored
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr = Tail()
        try:
            reply = answer(names, question)
            wire.send(tell, reply | {"of": question["of"]})
        except BaseException as error:  # the type alone: a message could carry a hidden input
            wire.send(tell, {"stopped": type(error).__name__, "of": question["of"]})
        finally:
            os._exit(0)
    end = time.monotonic() + question["seconds"]
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        while time.monotonic() < end and not os.waitpid(child, os.WNOHANG)[0]:
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    wire.send(tell, {"end": question["of"]})


def run_cell(shell: Any, source: str) -> dict:
    """What one cell printed and how it stopped. A process that the cell forked ends here, else
    it would go on as a second runner and answer out of turn."""
    out, own, who, leave = Tail(), os.getpid(), os.getpid, os._exit
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            result = shell.run_cell(source, store_history=False)
        finally:
            if who() != own:
                leave(0)
    error = result.error_before_exec or result.error_in_exec
    return {"text": out.text, "error": error and f"{type(error).__name__}: {error}"[:300]}


def main(ask: int, tell: int, limits: dict) -> None:
    with contextlib.suppress(ImportError):
        import resource

        for name, value in limits.items():  # set in here: the count of processes is then ours
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    import torch
    from IPython.core.interactiveshell import InteractiveShell

    torch.set_num_threads(1)

    class Shell(InteractiveShell):
        def enable_gui(self, gui=None):
            """`%matplotlib inline` asks for it; there is no window here, and none is missed."""

    shell = Shell.instance(colors="NoColor")  # what it prints goes into logs
    shell.user_ns["__name__"] = "__main__"
    own: dict[str, Any] = {}  # answers as they stood below their own cells
    wire.send(tell, {"ready": True})
    with contextlib.suppress(EOFError):
        while True:
            message = wire.receive(ask, time.monotonic() + 3600)
            if "source" in message:
                wire.send(tell, run_cell(shell, message["source"]) | {"of": message["of"]})
                if (name := message["answers"]) in shell.user_ns:
                    own[name] = shell.user_ns[name]
            else:
                in_a_fork(tell, own if message["own"] else shell.user_ns, message)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
