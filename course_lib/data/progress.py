"""The bar that shows how far packing images or drawing faces has come."""

from __future__ import annotations

import os

from tqdm.auto import tqdm


def bar(title: str, total: int, **settings) -> tqdm:
    """tqdm's bar with these settings; none where COURSE_PROGRESS is 0."""
    hidden = os.environ.get("COURSE_PROGRESS", "1") == "0"
    return tqdm(desc=title, total=total, disable=hidden, **settings)
