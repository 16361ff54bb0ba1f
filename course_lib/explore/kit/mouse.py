"""The mouse, or a finger, on an explorer's picture, by nothing but ipywidgets.

ipywidgets' Image has no mouse events. So see-through layers lie on those places of the picture
that one can point at; their handlers write "where it was pressed, where it is now" into a hidden
text field, which ipywidgets sends to the kernel; moves that come faster than the kernel draws are
merged there. Nothing is fetched, so it works unplugged. Without a mouse the sliders do the same.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

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
# ipywidgets' Image takes no alternative text, and its sliders have a label that they don't refer
# to, so a tiny picture that is loaded names both; the focus names a slider that came later.
# It also sees to it that arrow keys reach a list of choices: JupyterLab takes them for itself
# unless the element that has the focus says otherwise.
NAMER = """
this.closest('.course-picture').querySelector('img.widget-image').alt = this.alt;
if (!document.courseNames) {
    document.courseNames = () => {
        for (const part of document.querySelectorAll(
            '.course-explorer [role=slider], .course-explorer .widget-readout'))
            part.setAttribute('aria-label',
                part.closest('.jupyter-widgets').querySelector('label').textContent);
    };
    document.addEventListener('focusin', event => {
        if (event.target.closest('.course-explorer')) document.courseNames();
        if (event.target.matches('.course-explorer select'))
            event.target.setAttribute('data-lm-suppress-shortcuts', '');
    });
}
document.courseNames();
setTimeout(document.courseNames, 1000);
"""
DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


def layers(size: tuple[int, int], boxes: Sequence[tuple[int, ...]], alt: str) -> str:
    """HTML that lies on the picture: its alternative text, and a layer for each box."""
    width, height = size
    handler, namer = (html.escape(" ".join(code.split())) for code in (HANDLER, NAMER))
    handlers = " ".join(f'on{event}="{handler}"' for event in EVENTS)
    found = [
        f'<img class="course-namer" src="{DOT}" alt="{html.escape(alt)}" '
        f'onload="{namer}" style="display: none">'
    ]
    for left, top, right, bottom in boxes:
        place = (
            f"left: {left / width:.3%}; top: {top / height:.3%}; "
            f"width: {(right - left) / width:.3%}; height: {(bottom - top) / height:.3%}"
        )
        found.append(
            f'<div class="course-layer" aria-hidden="true" {handlers} style="position: '
            f"absolute; {place}; pointer-events: auto; cursor: crosshair; touch-action: none; "
            'user-select: none"></div>'
        )
    return (
        f'<div style="position: relative; width: 100%; max-width: {width}px; '
        f'aspect-ratio: {width} / {height}; pointer-events: none">{"".join(found)}</div>'
    )


def pressable(
    image,
    size: tuple[int, int],
    boxes: Sequence[tuple[int, ...]],
    alt: str,
    pressed: Callable[[Point, Point], None],
):
    """An ipywidgets box of the image (of `size`, pixels) that calls `pressed(begin, now)`, both
    in pixels of the picture, when it was pressed in one of the boxes; `now` may lie outside."""
    import ipywidgets

    width, height = size
    layer = ipywidgets.HTML(layers(size, boxes, alt))
    field = ipywidgets.Text(layout=ipywidgets.Layout(display="none"))

    def arrived(change) -> None:
        x0, y0, x1, y1, _ = map(float, change["new"].split())
        pressed((x0 * width, y0 * height), (x1 * width, y1 * height))

    field.observe(arrived, names="value")
    for child in (image, layer):
        child.layout.grid_area = "1 / 1 / 2 / 2"
        child.layout.margin = "0"
    layer.layout.width = layer.layout.height = "auto"
    layer.add_class("course-layers")
    columns = ipywidgets.Layout(grid_template_columns=f"minmax(0, {width}px)")
    box = ipywidgets.GridBox([image, layer, field], layout=columns)
    box.add_class("course-picture")
    return box
