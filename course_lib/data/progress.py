"""Bars that show how far long work has come, where COURSE_PROGRESS is not 0."""

from __future__ import annotations

import os

from tqdm.auto import tqdm


def bars_wanted() -> bool:
    """Whether the environment wants bars."""
    return os.environ.get("COURSE_PROGRESS", "1") != "0"


def bar(title: str, total: int, **settings) -> tqdm:
    """tqdm's bar with these settings, if bars are wanted."""
    return tqdm(desc=title, total=total, disable=not bars_wanted(), **settings)
