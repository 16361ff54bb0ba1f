"""The mouse on an explorer's picture, by nothing but ipywidgets.

ipywidgets' Image has no mouse events. So a see-through layer lies on the picture, whose handlers
write "where it was pressed, where it is now" into a hidden text field, which ipywidgets sends to
the kernel as it sends any other; moves that come faster than the kernel draws are merged there.
Nothing is fetched and nothing installed, so it works unplugged. Without a mouse the sliders,
which follow it, do the same.
"""

from __future__ import annotations

import html
from collections.abc import Callable

Point = tuple[float, float]

# Fractions of the picture as it is shown, whatever its size in the window. The time stamp makes
# a second press on one spot a new message.
HANDLER = """
const box = this.closest('.course-picture');
const shown = box.querySelector('img').getBoundingClientRect();
const now = [(event.clientX - shown.left) / shown.width,
             (event.clientY - shown.top) / shown.height];
if (event.type === 'pointerdown' && event.button === 0) {
    this.begin = now;
    this.setPointerCapture(event.pointerId);
}
if (!this.begin) return;
const field = box.querySelector('input');
field.value = [...this.begin, ...now, event.timeStamp].join(' ');
field.dispatchEvent(new Event('input', {bubbles: true}));
if (event.type === 'pointerup' || event.type === 'pointercancel') this.begin = null;
"""
EVENTS = ("pointerdown", "pointermove", "pointerup", "pointercancel")


def pressable(image, size: tuple[int, int], pressed: Callable[[Point, Point], None]):
    """An ipywidgets box of the image (of `size`, pixels) that calls `pressed(begin, now)`.

    Both are pixels of the picture, from its top left corner; they may lie outside of it when the
    mouse is dragged there.
    """
    import ipywidgets

    width, height = size
    handler = html.escape(" ".join(HANDLER.split()))
    handlers = " ".join(f'on{event}="{handler}"' for event in EVENTS)
    layer = ipywidgets.HTML(
        f'<div class="course-layer" aria-hidden="true" {handlers} style="width: 100%; '
        f"max-width: {width}px; aspect-ratio: {width} / {height}; cursor: crosshair; "
        'touch-action: none; user-select: none"></div>'
    )
    field = ipywidgets.Text(layout=ipywidgets.Layout(display="none"))

    def arrived(change) -> None:
        x0, y0, x1, y1, _ = map(float, change["new"].split())
        pressed((x0 * width, y0 * height), (x1 * width, y1 * height))

    field.observe(arrived, names="value")
    for child in (image, layer):
        child.layout.grid_area = "1 / 1 / 2 / 2"
        child.layout.margin = "2px"
    layer.layout.width = layer.layout.height = "auto"
    columns = ipywidgets.Layout(grid_template_columns=f"minmax(0, {width + 4}px)")
    box = ipywidgets.GridBox([image, layer, field], layout=columns)
    box.add_class("course-picture")
    return box
