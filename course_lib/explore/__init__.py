"""Explorers: pictures that answer to sliders, each a pure function with a thin shell around it.

`explorer.render(t=0.5)` is that function from the values of declared controls to a picture,
testable without a browser; `explorer.widget()` puts native sliders around it; `show(explorer)`
displays it, with COURSE_STATIC=1 the start picture alone.

An explorer says its controls, its computation and its panels, which know their place on the
picture, draw themselves from data, and know no model. Those that it gives to the mouse can be
pointed at, and the sliders follow; `explorer.press(begin, end)` is the function behind that.

Lesson 01 uses `two_kls`, lesson 02 `minimax`, `playground`, `interpolation` and `replay`, lesson
03 `face_factors`, lesson 04 `transposed`, `walk`, `attributes` and `arithmetic`, lesson 06
`elbo_bar`, `reparameterisation` and `latent_plane`, lesson 08 `class_style`, lesson 09
`four_players`, `morph`, `transfer` and `told_attributes`, lesson 10 `line_flow`, `warp` and
`pointed`, lesson 11 `temperature` and `fill`, lesson 13 `can_you_tell`. `judged_draws` and
`attribute_directions` give `attributes` its directions.
"""

from course_lib.explore.arithmetic import arithmetic
from course_lib.explore.attributes import attributes
from course_lib.explore.can_you_tell import can_you_tell
from course_lib.explore.class_style import class_style
from course_lib.explore.directions import attribute_directions, judged_draws
from course_lib.explore.elbo_bar import elbo_bar
from course_lib.explore.face_factors import face_factors
from course_lib.explore.fill import fill
from course_lib.explore.four_players import four_players
from course_lib.explore.interpolation import interpolation
from course_lib.explore.kit import Choice, Explorer, Frame, Slider, Toggle
from course_lib.explore.kit.show import show
from course_lib.explore.latent_plane import latent_plane
from course_lib.explore.line_flow import line_flow
from course_lib.explore.minimax import minimax
from course_lib.explore.morph import morph
from course_lib.explore.playground import playground
from course_lib.explore.pointed import pointed
from course_lib.explore.reparameterisation import reparameterisation
from course_lib.explore.replay import replay
from course_lib.explore.temperature import temperature
from course_lib.explore.told_attributes import told_attributes
from course_lib.explore.transfer import transfer
from course_lib.explore.transposed import transposed
from course_lib.explore.two_kls import two_kls
from course_lib.explore.walk import walk
from course_lib.explore.warp import warp


def names() -> list[str]:
    """The explorers that there are, by the name of the function that makes each."""
    made = lambda thing: getattr(thing, "__annotations__", {}).get("return")
    return sorted(name for name, thing in globals().items() if made(thing) == "Explorer")
