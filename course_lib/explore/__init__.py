"""Explorers: pictures that answer to sliders, each a pure function with a thin shell around it.

An `Explorer` has declared controls and a pure function from their values to a picture and a
line of text. `explorer.render(t=0.5)` is that function, testable without a browser;
`explorer.widget()` puts native sliders around it, so that arrow keys move the focused one;
`show(explorer)` displays it. With COURSE_STATIC=1 the start picture stands there instead, for
notebooks that are read without a kernel.

Models do the computing, `canvas`, `plane` and the panels arrange pixels and know no model.
Lesson 02 uses `minimax`, `interpolation` and `replay`, lesson 06 `elbo_bar` and `latent_plane`,
lesson 10 `warp` and `pointed`, lesson 11 `temperature` and `fill`.
"""

from course_lib.explore.controls import Choice, Slider, Toggle
from course_lib.explore.elbo import elbo_bar
from course_lib.explore.explorer import Explorer, Frame
from course_lib.explore.filling import fill
from course_lib.explore.flows import pointed, warp
from course_lib.explore.games import minimax
from course_lib.explore.latent import latent_plane
from course_lib.explore.paths import interpolation
from course_lib.explore.replaying import replay
from course_lib.explore.shell import show
from course_lib.explore.temperature import temperature

__all__ = [
    "Choice",
    "Explorer",
    "Frame",
    "Slider",
    "Toggle",
    "elbo_bar",
    "fill",
    "interpolation",
    "latent_plane",
    "minimax",
    "names",
    "pointed",
    "replay",
    "show",
    "temperature",
    "warp",
]


def names() -> list[str]:
    """The explorers that there are, by the name of the function that makes each."""
    return [
        "elbo_bar",
        "fill",
        "interpolation",
        "latent_plane",
        "minimax",
        "pointed",
        "replay",
        "temperature",
        "warp",
    ]
