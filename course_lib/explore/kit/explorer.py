"""The explorer: controls, and a pure function from their values to a picture and a line."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit.controls import Control, settle
from course_lib.explore.kit.mouse import Point


class Frame(NamedTuple):
    """What one state looks like: PNG bytes, and the same said in a line of text."""

    png: bytes
    text: str


def encode(picture: Image.Image) -> bytes:
    """PNG bytes, packed lightly: they travel once, to the browser beside the kernel."""
    out = io.BytesIO()
    picture.save(out, format="PNG", compress_level=2)
    return out.getvalue()


class Explorer:
    """Declared controls and a pure function of their values.

    controls  Slider, Choice, Toggle, in the order in which they stand
    draw      values by control name → (picture, text): a Pillow image of `size` and one line
              that says what it shows. The same values give the same picture: whatever is
              random is fixed when the explorer is made.
    about     a sentence on what there is to explore; it opens the alternative text
    press     what the mouse does on the picture: (pixel where it was pressed, pixel where it is
              now, values) → the values that this sets; none: the picture takes no mouse
    """

    def __init__(
        self,
        controls: Sequence[Control],
        draw: Callable[..., tuple[Image.Image, str]],
        *,
        name: str,
        about: str,
        size: tuple[int, int],
        press: Callable[[Point, Point, dict], Mapping[str, object]] | None = None,
    ) -> None:
        self.controls = tuple(controls)
        if len({control.name for control in self.controls}) != len(self.controls):
            raise CourseError(f"Two controls of the explorer {name!r} have one name.")
        self.name, self.about, self.size = name, about, size
        self._draw, self._press = draw, press

    @property
    def pressable(self) -> bool:
        """Whether the picture answers to the mouse."""
        return self._press is not None

    @property
    def start(self) -> dict[str, object]:
        """The state that the explorer opens with."""
        return settle(self.controls, {})

    def frame(self, **state: object) -> Frame:
        """Picture and text of a state; controls that are not named stand at their start.

        Raises `CourseError` for an unknown control and for a value out of its range.
        """
        picture, text = self._draw(**settle(self.controls, state))
        return Frame(encode(picture), text)

    def render(self, **state: object) -> bytes:
        """The picture of a state, as PNG bytes of `size`."""
        return self.frame(**state).png

    def readout(self, **state: object) -> str:
        """The line of text of a state."""
        return self.frame(**state).text

    def press(
        self, begin: Point, end: Point | None = None, **state: object
    ) -> dict[str, object]:
        """The whole state after the mouse was pressed at a pixel and dragged to another.

        Pixels (x, y) of the picture, from its top left corner; `end` is `begin` if left out.
        What it sets is brought to the nearest value that its control has. A press on nothing
        leaves the state as it was.
        """
        now = settle(self.controls, state)
        if self._press is None:
            return now
        found = self._press(begin, begin if end is None else end, now)
        by_name = {control.name: control for control in self.controls}
        return now | {name: by_name[name].nearest(value) for name, value in found.items()}

    def widget(self, **state: object):
        """A box of native sliders and the picture, with the CSS class `course-explorer`.

        Pressing and dragging on the picture moves the sliders too, where `press` says so.

        It opens at `state`; controls that are not named stand at their start.
        """
        from course_lib.explore.kit.widget import shell

        return shell(self, settle(self.controls, state))

    def __repr__(self) -> str:
        names = ", ".join(control.name for control in self.controls)
        return f"Explorer {self.name}({names})"
