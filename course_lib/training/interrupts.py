"""Interrupts that wait for the end of a round, else D would have moved and G not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected() -> Iterator[list[int]]:
    """The signals (Ctrl-C, Jupyter's stop button, SIGTERM) that came; a second one is obeyed.

    Outside the main thread, which alone may handle signals, the list stays empty.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def note(number: int, frame) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    except Exception as error:  # what else ended this very round may not hide the signal
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
