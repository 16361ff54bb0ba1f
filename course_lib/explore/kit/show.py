"""Displaying an explorer: alive in a notebook, as a picture where no kernel answers.

An output has two parts. One is the first view as a picture with alternative text, which stands in
the file; the other is the live widget. The picture's style sheet shows one of both: the widget if
it is there and connected, else the picture, in place of ipywidgets' "model not found".
"""

from __future__ import annotations

import io
import os
import secrets

from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit.explorer import Explorer
from course_lib.plots import style

ALIVE = ":has(.course-explorer:not(.jupyter-widgets-disconnected))"
# Both parts are neighbours in the cell's outputs; each NAME is one output's.
STYLE = f"""
.jp-OutputArea-child{ALIVE} + .jp-OutputArea-child:has(#NAME) {{ display: none; }}
.jp-OutputArea-child:not({ALIVE}):has(+ .jp-OutputArea-child #NAME) {{ display: none; }}
"""


class Still(style.Shown):
    """The first view, for whoever has no kernel, its letters (`key`, HTML) spelled out, and a
    line that says how it comes alive."""

    def __init__(self, data: bytes, alt: str, key: str = "") -> None:
        super().__init__(data, alt)
        self.key = f"<p>{key}</p>" if key else ""

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        bundle = super()._repr_mimebundle_()
        name = f"course-still-{secrets.token_hex(4)}"
        bundle["text/html"] = (
            f"<style>{' '.join(STYLE.replace('NAME', name).split())}</style>"
            f'<div id="{name}">{bundle["text/html"]}{self.key}<p>{self.line}</p></div>'
        )
        return bundle

    line = "This is a picture of its first view. Run this cell to make it move."


class Live:
    """The widget alone: what can't display it finds no text of its insides."""

    def __init__(self, box) -> None:
        self.box = box

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, object]:
        bundle = self.box._repr_mimebundle_()
        return {kind: data for kind, data in bundle.items() if kind != "text/plain"}


def show(explorer: Explorer, **state: object) -> None:
    """Display the explorer; with COURSE_STATIC=1 its picture alone, with alternative text.

    It opens at `state`, start values for what is not named. Outside a notebook nothing happens.
    """
    from course_lib.explore.kit.controls import settle
    from course_lib.explore.kit.widget import Shell

    if not isinstance(explorer, Explorer):
        raise CourseError(
            f"show wants an explorer, such as explore.minimax(); got {type(explorer).__name__}."
        )
    state = settle(explorer.controls, state)
    if os.environ.get("COURSE_STATIC", "") not in ("", "0"):
        frame = explorer.frame(**state)
    else:
        shell = Shell(explorer, state)
        style.display(Live(shell.box))
        frame = shell.redraw(whole=True)  # what takes long is seen to come
    if frame is not None:
        small = style.compact(Image.open(io.BytesIO(frame.png)))
        style.display(Still(small, f"{explorer.about} {frame.text}", explorer.key))
