"""The thin shell: a picture, native controls beside it, a readout. It computes nothing itself."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from course_lib.errors import CourseError
from course_lib.explore.kit.controls import Choice, Control, Letters, Slider, Toggle
from course_lib.explore.kit.mouse import Point, pressable

SLIDER = 210  # pixels of a slider and its number, beside its label
LINES = 3  # room for the readout, so that what is below stays where it is while it changes
REST = 0.2  # seconds without a move, after which a lighter view is followed by the whole
NEXT = 0.01  # seconds between a view and the next one, in which what was moved is heard
TICK = 0.15  # seconds between two steps of play, at least
RUN, ROUNDS = 10, 20  # seconds of steps from end to end, and how often that is repeated


def native(control: Control, value: object, label: str):
    """The ipywidgets control at this value, its label of the width `label`; none for a value
    that only the mouse can set. An arrow key moves the one that has the focus."""
    import ipywidgets

    given = {"value": value, "description": control.label, "tooltip": control.label}
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


class Player:
    """Play and pause, back to the start, and repeat, for a native slider. A step begins where the
    slider stands; the next one waits until the whole picture of this one has been shown."""

    def __init__(self, slider: Slider, native: Any) -> None:
        import ipywidgets

        steps = (slider.high - slider.low) / slider.step
        self.stride = slider.step * max(1, round(steps * TICK / RUN))
        self.native, self.timer, self.due, self.rounds = native, None, 0.0, 0
        # In words, which are also heard: a button with an icon has the icon for its name.
        make = lambda kind, word, tip: kind(
            description=word, tooltip=tip, layout={"width": "auto", "padding": "0 8px"}
        )
        self.play = make(ipywidgets.ToggleButton, "play", f"let “{slider.label}” run")
        self.back = make(ipywidgets.Button, "to start", "back to the start")
        self.repeat = make(ipywidgets.ToggleButton, "repeat", "begin again at the end")
        self.buttons = [self.play, self.back, self.repeat]
        self.play.observe(lambda change: self.switch(change["new"]), "value")
        self.back.on_click(lambda _: self.rewind())

    def switch(self, on: bool) -> None:
        """Play, or pause."""
        self.play.description = "pause" if on else "play"
        self.wait(False)
        if on:
            self.rounds = 0
            self.step()

    def rewind(self) -> None:
        """Stand at the start."""
        self.play.value = False
        self.native.value = self.native.min

    def step(self) -> None:
        """One step on, at most to the end; from there to the start, when repeating, though not
        for ever, since nobody may be there to see it."""
        self.due = time.monotonic() + TICK
        at, end = self.native.value, self.native.max
        self.rounds += at >= end
        go_on = self.repeat.value and self.rounds < ROUNDS
        self.native.value = (
            self.native.min if at >= end else min(round(at + self.stride, 9), end)
        )
        if self.native.value >= end and not go_on:
            self.play.value = False

    def wait(self, shown: bool = True) -> None:
        """The next step comes after a while if the picture has been shown, else not yet."""
        if self.timer:
            self.timer.cancel()
        self.timer = None
        if shown and self.play.value:
            rest = max(NEXT, self.due - time.monotonic())
            self.timer = asyncio.get_running_loop().call_later(rest, self.step)


class Shell:
    """One widget of an explorer: `box`, and the state that it stands at, in which stands also
    what only the mouse sets, such as a drawing."""

    def __init__(self, explorer: Any, state: Mapping[str, object]) -> None:
        import ipywidgets

        self.explorer, self.state = explorer, dict(state)
        self.turn, self.held, self.frame, self.warnings = 0, False, None, {}
        width, height = explorer.size
        longest = max((len(c.label) for c in explorer.controls), default=0)
        label = min(180, round(10 + 7.3 * longest))
        made = {c.name: native(c, state[c.name], f"{label}px") for c in explorer.controls}
        self.inputs = {name: widget for name, widget in made.items() if widget is not None}
        for name, widget in self.inputs.items():
            widget.observe(lambda change, name=name: self.moved(name, change["new"]), "value")
        paper = explorer.page.paper.png()
        self.image = ipywidgets.Image(value=paper, width=f"{width}", height=f"{height}")
        self.readout = ipywidgets.HTML()
        self.say("Computing the first picture …")
        self.readout.add_class("course-readout")
        style = f"max-width: {width}px; line-height: 1.4; font-size: 12px"
        letters = ipywidgets.HTML(f'<div style="{style}">{explorer.key}</div>')
        alt = f"{explorer.about} What it shows now is said below the controls."
        boxes = [panel.box for panel in explorer.mouse]
        picture = pressable(self.image, explorer.size, boxes, alt, self.pressed)
        # Beside the controls it is made smaller; twice as wide as high, it goes above them sooner.
        least = 480 if width < 2 * height else 3 * width // 4
        picture.layout.flex, picture.layout.max_width = f"4 1 {least}px", f"{width}px"
        reset = ipywidgets.Button(description="reset", tooltip="the first view again")
        reset.layout.width = "70px"
        reset.on_click(lambda _: self.reset())
        self.player, tools = None, [reset]
        if explorer.play:
            slider = next(c for c in explorer.controls if c.name == explorer.play)
            self.player = Player(slider, self.inputs[slider.name])
            tools = [*self.player.buttons, reset]
        row = ipywidgets.HBox(tools, layout={"flex_flow": "row wrap"})
        beside = [row, self.readout, letters]
        if self.inputs:
            columns = f"repeat(auto-fill, minmax(min(100%, {label + SLIDER}px), 1fr))"
            layout = {"grid_template_columns": columns, "width": "auto"}
            beside.insert(0, ipywidgets.GridBox(list(self.inputs.values()), layout=layout))
        beside_it = 560 if len(self.inputs) > 10 else max(280, label + SLIDER)
        layout = {"flex": f"1 1 {beside_it}px", "min_width": "0"}
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
        if isinstance(control, Letters):
            self.warnings[name] = control.warning(value)
        if not self.held:
            self.held = True
            for other, also in getattr(control, "sets", {}).items():
                self.inputs[other].value = also
            self.limit()
            self.redraw()

    def limit(self) -> None:
        """Let no slider say what the picture can't show."""
        self.held = True
        for name, high in self.explorer.bounds(self.state).items():
            self.inputs[name].max = high
        self.held = False

    def reset(self) -> None:
        """Everything as it was at first."""
        self.settle(self.begun)
        if self.player:
            self.player.repeat.value = False

    def settle(self, state: Mapping[str, object]) -> None:
        """All controls to a state at once, and one picture when all have moved."""
        before = dict(self.state), dict(self.warnings)
        self.held = True
        self.state |= state
        for name, high in self.explorer.bounds(self.state).items():
            self.inputs[name].max = max(high, self.inputs[name].value)
        for name, widget in self.inputs.items():
            widget.value = self.state[name]
        if self.player:
            self.player.play.value = False
        self.limit()
        if before != (self.state, self.warnings):
            self.redraw()

    def pressed(self, begin: Point, end: Point) -> None:
        """The mouse was pressed at a pixel and is now at another."""
        self.settle(self.explorer.press(begin, end, **self.state))

    def redraw(self, whole: bool = False) -> Any:
        """Show the state: its lightest view now, the others when nothing has moved for a while,
        or at once while it plays; all of them now if `whole`, and where no event loop runs. The
        last that was shown."""
        self.turn += 1
        if self.player:
            self.player.wait(False)
        turn, self.frame = self.turn, None
        self.explorer.state = dict(self.state)
        frames, loop = self.explorer.frames(**self.state), None
        if not whole:
            with suppress(RuntimeError):  # no event loop runs
                loop = asyncio.get_running_loop()

        def go_on() -> None:
            if turn != self.turn:
                return
            if self.put(frames):
                loop.call_later(NEXT, go_on)
            elif self.player:
                self.player.wait()

        if self.put(frames) and loop:
            playing = self.player and self.player.play.value
            loop.call_later(NEXT if playing else REST, go_on)
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
        self.say("".join([*self.warnings.values(), text]))
        return True

    def say(self, text: str) -> None:
        """A line in the readout."""
        self.readout.value = (
            '<div role="status" aria-live="polite" style="max-width: '
            f'{self.explorer.size[0]}px; line-height: 1.4; min-height: {LINES * 1.4:.1f}em">'
            f"{html.escape(text)}</div>"
        )


def within(control: Control, value: object) -> object:
    """The widget's value without the dust that a browser's floating steps leave, or without
    letters that were not asked for."""
    if isinstance(control, Letters):
        return control.nearest(value)
    if not isinstance(control, Slider) or control.whole:
        return value
    return min(control.high, max(control.low, round(value, 9)))
