"""What explorers are made of: controls, panels, the mouse, and the thin widget around them.

The words that an explorer is written in can be imported from here.
"""

from course_lib.explore.kit.axes import Bars, Curve, Pad
from course_lib.explore.kit.canvas import Canvas
from course_lib.explore.kit.controls import Choice, Control, Letters, Slider, Toggle
from course_lib.explore.kit.explorer import Explorer, Frame, Painter
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.panels import Button, Face, Page, Panel, Row, Strip, Tiles
