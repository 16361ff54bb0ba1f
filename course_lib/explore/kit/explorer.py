"""The explorer: controls, panels on a page, and a pure function that paints and says a state."""

from __future__ import annotations

import html
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from inspect import isgeneratorfunction
from typing import NamedTuple

import numpy as np

from course_lib.errors import CourseError
from course_lib.explore.kit.canvas import Canvas, minus
from course_lib.explore.kit.controls import Control, settle
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.panels import Page, Panel
from course_lib.plots.pictures import as_numbers

Painter = Callable[[Canvas], str]
# Names of controls that take what the panel's value is; or a function of the values where the
# mouse was pressed and where it is now, and of the whole state, that says what to set.
Target = str | tuple[str, ...] | Callable[[object, object, dict], Mapping[str, object]]


def pixel(at: object) -> Point:
    """A place of the mouse, (x, y), also beside the picture; a `CourseError` for anything else."""
    name = "A pixel of the picture, (x, y) such as (120, 80),"
    pair = as_numbers(at, name)
    if pair.shape != (2,) or not np.isfinite(pair).all():
        raise CourseError(f"{name} must be two finite numbers; got {at!r:.60}.")
    return tuple(pair.tolist())


class Frame(NamedTuple):
    """What one state looks like: PNG bytes, and the same said in a line of text."""

    png: bytes
    text: str


class Explorer:
    """Declared controls, a page of panels, and a pure function of the controls' values.

    name      that of the function which makes it
    about     a sentence on what there is to explore; it opens the alternative text
    controls  Slider, Choice, Toggle, in the order in which they stand
    page      the panels; each picture begins as a copy of its paper
    draw      sheet, values by control name → one line that says what is now on the sheet. The
              same values give the same picture: whatever is random is fixed when the explorer is
              made. Or a generator of functions sheet → line: the first is a lighter view, or
              work half done, that says so, and goes on where it was left; the last is the picture
    mouse     panels that can be pointed at, and what that sets; none: the picture takes no mouse
    play      the name of a slider that can run by itself
    bounds    values → the highest that some sliders can take then, by name
    letters   each letter and symbol that stands on a control or in the picture, spelled out
    """

    def __init__(
        self,
        name: str,
        about: str,
        controls: Sequence[Control],
        page: Page,
        draw: Callable[..., object],
        *,
        mouse: Mapping[Panel, Target] | None = None,
        play: str | None = None,
        bounds: Callable[[dict], Mapping[str, int]] = lambda now: {},
        letters: Mapping[str, str] | None = None,
    ) -> None:
        self.controls = tuple(controls)
        if len({control.name for control in self.controls}) != len(self.controls):
            raise CourseError(f"Two controls of the explorer {name!r} have one name.")
        self.name, self.about, self.page, self.size, self.play = (
            name,
            about,
            page,
            page.size,
            play,
        )
        self.mouse, self.bounds, self._draw = dict(mouse or {}), bounds, draw
        self.letters = dict(letters or {})
        #: Where it stands in the widget that was last moved: show(explorer, **explorer.state).
        self.state = self.start

    @property
    def start(self) -> dict[str, object]:
        """The state that the explorer opens with."""
        return settle(self.controls, {})

    @property
    def key(self) -> str:
        """The letters in a line of HTML."""
        spelled = (f"<b>{html.escape(k)}</b> {html.escape(v)}" for k, v in self.letters.items())
        return " · ".join(spelled)

    def _painters(self, state: Mapping[str, object]) -> Iterator[Painter]:
        state = settle(self.controls, state)
        if isgeneratorfunction(self._draw):
            return self._draw(**state)
        return iter([partial(self._draw, **state)])

    def _framed(self, paint: Painter) -> Frame:
        sheet = self.page.paper.copy()
        text = paint(sheet)
        return Frame(sheet.png(), minus(text))

    def frames(self, **state: object) -> Iterator[Frame]:
        """All views of a state, the lightest first, the picture itself last."""
        return map(self._framed, self._painters(state))

    def frame(self, **state: object) -> Frame:
        """Picture and text of a state; controls that are not named stand at their start.

        Raises `CourseError` for an unknown control and for a value out of its range.
        """
        return self._framed(deque(self._painters(state), maxlen=1)[0])

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

        Pixels (x, y) of the picture; `end` is `begin` if left out. What it sets is brought to
        the nearest value of its control. A press on nothing leaves the state as it was. Raises
        `CourseError` for what is no pixel, and as `frame` does.
        """
        now, begin = settle(self.controls, state), pixel(begin)
        end = end if end is None else pixel(end)
        panel = next((panel for panel in self.mouse if panel.holds(begin)), None)
        if panel is None or panel.value(begin) is None:
            return now
        target, first = self.mouse[panel], panel.value(begin)
        last = first if end is None else panel.value(end)
        if callable(target):
            found = target(first, last, now)
        elif last is None:
            found = {}
        else:
            names = (target,) if isinstance(target, str) else target
            found = dict(zip(names, last if isinstance(last, tuple) else (last,), strict=True))
        by_name = {control.name: control for control in self.controls}
        return now | {name: by_name[name].nearest(value) for name, value in found.items()}

    def widget(self, **state: object):
        """A box of the picture and native controls, with the CSS class `course-explorer`, that
        opens at `state`; controls that are not named stand at their start."""
        from course_lib.explore.kit.widget import Shell

        shell = Shell(self, settle(self.controls, state))
        shell.redraw(whole=True)
        return shell.box

    def __repr__(self) -> str:
        names = ", ".join(control.name for control in self.controls)
        return f"Explorer {self.name}({names})"
