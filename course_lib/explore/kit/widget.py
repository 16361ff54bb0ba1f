"""The thin shell: a picture, native controls beside it, a readout. It computes nothing itself."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from course_lib.errors import CourseError
from course_lib.explore.kit.controls import Choice, Control, Letters, Slider, Toggle
from course_lib.explore.kit.mouse import Point, pressable

REST = 0.2  # seconds without a move, after which a lighter view is followed by the whole
TICK = 150  # milliseconds between two steps of play


def native(control: Control, value: object, label: str):
    """The ipywidgets control at this value, its label of the width `label`; none for a value
    that only the mouse can set. An arrow key moves the one that has the focus."""
    import ipywidgets

    given = {"value": value, "description": control.label}
    given |= {"style": {"description_width": label}, "layout": {"width": "auto"}}
    if isinstance(control, Toggle):
        given["style"] = {"description_width": "initial"}
        return ipywidgets.Checkbox(indent=False, **given)
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(options=list(control.options), **given)
    if isinstance(control, Letters):
        return ipywidgets.Text(**given)
    if not isinstance(control, Slider):
        return None
    given |= {"min": control.low, "max": control.high, "step": control.step}
    kind = ipywidgets.IntSlider if control.whole else ipywidgets.FloatSlider
    return kind(readout_format="d" if control.whole else f".{control.digits}f", **given)


def player(slider: Slider, value: float, played: Callable[[float], None]):
    """Play, pause, stop and repeat, for a slider; `played` gets its values."""
    import ipywidgets

    last = round((slider.high - slider.low) / slider.step)
    stride = max(1, round(last * TICK / 10_000))  # a run takes at most some ten seconds
    now = round((value - slider.low) / slider.step)
    play = ipywidgets.Play(min=0, max=last, step=stride, value=now, interval=TICK)
    play.observe(lambda change: played(slider.low + change["new"] * slider.step), "value")
    return play


class Shell:
    """One widget of an explorer: `box`, and the state that it stands at, in which stands also
    what only the mouse sets, such as a drawing."""

    def __init__(self, explorer: Any, state: Mapping[str, object]) -> None:
        import ipywidgets

        self.explorer, self.state = explorer, dict(state)
        self.turn, self.held, self.frame = 0, False, None
        width, height = explorer.size
        longest = max((len(c.label) for c in explorer.controls), default=0)
        label = f"{min(180, 10 + 6.6 * longest):.0f}px"
        made = {c.name: native(c, state[c.name], label) for c in explorer.controls}
        self.inputs = {name: widget for name, widget in made.items() if widget is not None}
        for name, widget in self.inputs.items():
            widget.observe(lambda change, name=name: self.moved(name, change["new"]), "value")
        self.image = ipywidgets.Image(format="png", width=f"{width}", height=f"{height}")
        self.readout = ipywidgets.HTML()
        self.readout.add_class("course-readout")
        style = f"max-width: {width}px; line-height: 1.4; font-size: 12px"
        letters = ipywidgets.HTML(f'<div style="{style}">{explorer.key}</div>')
        alt = f"{explorer.about} What it shows now is said below the controls."
        boxes = [panel.box for panel in explorer.mouse]
        picture = pressable(self.image, explorer.size, boxes, alt, self.pressed)
        picture.layout.flex, picture.layout.max_width = "4 1 480px", f"{width}px"
        reset = ipywidgets.Button(description="reset", layout={"width": "70px"})
        reset.on_click(lambda _: self.settle(self.begun))
        tools = [reset]
        if explorer.play:
            slider = next(c for c in explorer.controls if c.name == explorer.play)
            self.play = player(slider, state[slider.name], self.played)
            tools.insert(0, self.play)
        beside = [ipywidgets.HBox(tools), self.readout, letters]
        if self.inputs:
            columns = "repeat(auto-fill, minmax(min(100%, 270px), 1fr))"
            layout = {"grid_template_columns": columns, "width": "auto"}
            beside.insert(0, ipywidgets.GridBox(list(self.inputs.values()), layout=layout))
        layout = {"flex": f"1 1 {560 if len(self.inputs) > 10 else 280}px", "min_width": "0"}
        layout |= {"max_width": f"{width}px", "margin": "0 0 0 8px"}
        parts = [picture, ipywidgets.VBox(beside, layout=layout)]
        layout = {"display": "flex", "flex_flow": "row wrap", "align_items": "flex-start"}
        self.box = ipywidgets.Box(parts, layout=layout | {"width": "100%"})
        self.box.add_class("course-explorer")
        self.limit()
        self.begun = dict(self.state)

    def moved(self, name: str, value: object) -> None:
        """A native control has a new value."""
        control = next(c for c in self.explorer.controls if c.name == name)
        self.state[name] = within(control, value)
        if not self.held:
            self.limit()
            self.redraw()

    def limit(self) -> None:
        """Let no slider say what the picture can't show."""
        self.held = True
        for name, high in self.explorer.bounds(self.state).items():
            self.inputs[name].max = high
            if name == self.explorer.play:
                self.play.max = high
        self.held = False

    def played(self, value: float) -> None:
        """Play has come to a value of its slider."""
        if not self.held:
            self.inputs[self.explorer.play].value = value

    def settle(self, state: Mapping[str, object]) -> None:
        """All controls to a state at once, and one picture when all have moved."""
        before = dict(self.state)
        self.held = True
        self.state |= state
        for name, high in self.explorer.bounds(self.state).items():
            self.inputs[name].max = max(high, self.inputs[name].value)
        for name, widget in self.inputs.items():
            widget.value = self.state[name]
        if self.explorer.play:
            self.play.playing = False
        self.limit()
        if before != self.state:
            self.redraw()

    def pressed(self, begin: Point, end: Point) -> None:
        """The mouse was pressed at a pixel and is now at another."""
        self.settle(self.explorer.press(begin, end, **self.state))

    def redraw(self, whole: bool = False) -> Any:
        """Show the state: its lightest view now, the others when nothing has moved for a while;
        all of them now if `whole`, and where no event loop runs. The last that was shown."""
        self.turn += 1
        turn, self.frame = self.turn, None
        self.explorer.state = dict(self.state)
        frames, loop = self.explorer.frames(**self.state), None
        if not whole:
            with suppress(RuntimeError):  # no event loop runs
                loop = asyncio.get_running_loop()

        def go_on() -> None:
            if turn == self.turn and self.put(frames):
                loop.call_later(0.01, go_on)

        if self.put(frames) and loop:
            loop.call_later(REST, go_on)
        while not loop and self.put(frames):
            pass
        return self.frame

    def put(self, frames: Iterator[Any]) -> bool:
        """Show the next view, if there is one; a failing one is said in the readout."""
        try:
            frame = next(frames, None)
            if frame is None:
                return False
            self.image.value, text = self.frame = frame
        except Exception as error:
            kind = "" if isinstance(error, CourseError) else f"{type(error).__name__}: "
            text = f"This picture could not be drawn. {kind}{error}"
        self.readout.value = (
            '<div role="status" aria-live="polite" style="max-width: '
            f'{self.explorer.size[0]}px; line-height: 1.4">{html.escape(text)}</div>'
        )
        return True


def within(control: Control, value: object) -> object:
    """The widget's value without the dust that a browser's floating steps leave, or without
    letters that were not asked for."""
    if isinstance(control, Letters):
        return control.nearest(value)
    if not isinstance(control, Slider) or control.whole:
        return value
    return min(control.high, max(control.low, round(value, 9)))
