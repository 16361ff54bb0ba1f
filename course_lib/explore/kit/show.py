"""Displaying an explorer: alive in a notebook, as a picture where nobody will run it."""

from __future__ import annotations

import io
import os

from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit.explorer import Explorer


def static() -> bool:
    """Whether pictures are wanted in place of widgets: COURSE_STATIC set, and not to 0."""
    return os.environ.get("COURSE_STATIC", "") not in ("", "0")


def show(explorer: Explorer, **state: object) -> None:
    """Display the explorer; with COURSE_STATIC=1 its picture alone, with alternative text.

    It opens at `state`, start values for what is not named. Outside a notebook nothing happens.
    """
    from course_lib.plots.style import Shown, compact, display

    if not isinstance(explorer, Explorer):
        raise CourseError(
            f"show wants an explorer, such as explore.minimax(); got {type(explorer).__name__}."
        )
    if not static():
        display(explorer.widget(**state))
        return
    frame = explorer.frame(**state)
    small = compact(Image.open(io.BytesIO(frame.png)))
    display(Shown(small, f"{explorer.about} {frame.text}"))
