"""The thin shell: native controls, a picture, a readout. It computes nothing itself."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING

from course_lib.errors import CourseError
from course_lib.explore.kit.controls import Choice, Control, Slider, Toggle
from course_lib.explore.kit.mouse import Point, pressable

if TYPE_CHECKING:
    from course_lib.explore.kit.explorer import Explorer

WIDE = {"description_width": "initial"}


def native(control: Control, value: object):
    """The ipywidgets control at this value: an arrow key moves the one that has the focus."""
    import ipywidgets

    layout = ipywidgets.Layout(width="410px")
    if isinstance(control, Toggle):
        return ipywidgets.Checkbox(
            value=value, description=control.label, indent=False, layout=layout
        )
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(
            options=list(control.options),
            value=value,
            description=control.label,
            style=WIDE,
            layout=layout,
        )
    kind = ipywidgets.IntSlider if control.whole else ipywidgets.FloatSlider
    return kind(
        value=value,
        min=control.low,
        max=control.high,
        step=control.step,
        description=control.label,
        readout_format="d" if control.whole else f".{control.digits}f",
        style=WIDE,
        layout=layout,
    )


def shell(explorer: Explorer, state: Mapping[str, object]):
    """Controls above the picture, the readout below it; a failing redraw is said there."""
    import ipywidgets

    inputs = {
        control.name: native(control, state[control.name]) for control in explorer.controls
    }
    width, height = (str(side) for side in explorer.size)
    image = ipywidgets.Image(format="png", width=width, height=height)
    readout = ipywidgets.HTML()
    readout.add_class("course-readout")

    held = False  # while several controls follow the mouse: one picture, when all have moved

    def values() -> dict[str, object]:
        return {c.name: within(c, inputs[c.name].value) for c in explorer.controls}

    def pressed(begin: Point, end: Point) -> None:
        nonlocal held
        held, before = True, values()
        after = explorer.press(begin, end, **before)
        for name in after:
            inputs[name].value = after[name]
        held = False
        if after != before:
            redraw()

    def redraw(_change=None) -> None:
        if held:
            return
        try:
            image.value, text = explorer.frame(**values())
        except Exception as error:
            kind = "" if isinstance(error, CourseError) else f"{type(error).__name__}: "
            text = f"This picture could not be drawn. {kind}{error}"
        readout.value = (
            f'<div role="status" aria-live="polite" style="max-width: {width}px; '
            f'line-height: 1.4">{html.escape(text)}</div>'
        )

    for widget in inputs.values():
        widget.observe(redraw, names="value")
    redraw()
    controls = ipywidgets.Box(
        list(inputs.values()), layout=ipywidgets.Layout(flex_flow="row wrap", display="flex")
    )
    picture = pressable(image, explorer.size, pressed) if explorer.pressable else image
    box = ipywidgets.VBox([controls, picture, readout])
    box.add_class("course-explorer")
    return box


def within(control: Control, value: object) -> object:
    """The widget's value without the dust that a browser's floating steps leave."""
    if not isinstance(control, Slider) or control.whole:
        return value
    return min(control.high, max(control.low, round(value, 9)))
