"""The one place that touches the network: torchvision fetches, within seconds or not at all."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

from course_lib import disk
from course_lib.data import paths
from course_lib.errors import CourseError

Found = TypeVar("Found")

PATIENCE = 5.0  # seconds until a network that does not answer counts as none


def fetched(
    name: str,
    class_name: str,
    find: Callable[[Path], Found | None],
    instead: str,
    ask: list[str] | None = None,
) -> Found:
    """What `find(folder)` finds once torchvision.datasets.<class_name> has put its files there.

    name: the data set's, instead: what to do without a download; both are for messages.
    ask: addresses, one of which must answer first (default: the class's mirrors).
    Raises CourseError where torchvision, the network or the disk fails.
    """
    target = disk.writable(paths.download_root())
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:
        raise CourseError(
            f"torchvision, which downloads {name}, cannot be imported ({_first_line(error)}). "
            f"{instead}"
        ) from error
    fetcher = getattr(datasets, class_name)
    if ask is None:
        # The smallest file: the question is only whether anybody answers.
        ask = [f"{mirror}{fetcher.resources[3][0]}" for mirror in fetcher.mirrors]
    if not _answers(ask):
        raise CourseError(
            f"{name} is not on this machine and cannot be downloaded: no answer from the "
            f"network. {instead}"
        )
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torchvision itself would wait for ever
    try:
        fetcher(str(target), download=True)
    except Exception as error:  # downloaders raise kinds of their own (gdown, on a quota)
        raise CourseError(
            f"The download of {name} broke off ({_first_line(error)}). Try again, or: {instead}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    if (found := find(target)) is None:
        raise CourseError(f"The download of {name} brought nothing that can be used. {instead}")
    return found


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _answers(urls: list[str]) -> bool:
    """Whether one of `urls` can be had within PATIENCE, a stuck name server included."""
    heard = threading.Event()

    def ask(url: str) -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE):
                heard.set()
        except (OSError, HTTPException):
            pass

    # Name look-up knows no time limit of its own, hence threads that nobody has to wait for.
    asking = [threading.Thread(target=ask, args=(url,), daemon=True) for url in urls]
    for thread in asking:
        thread.start()
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and any(thread.is_alive() for thread in asking):
        if heard.wait(0.02):
            break
    return heard.is_set()
