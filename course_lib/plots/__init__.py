"""The course's figures: one style, safe for colour-blind eyes, each with alternative text.

Every function returns a matplotlib `Figure` that `show(fig, alt="…")` puts under the cell. The
functions that draw axes take `ax=` too, so that several panels stand side by side:

    fig, axes = plots.figure(columns=2)
    plots.curves(history, terms=["D.real", "D.fake"], ax=axes[0])
    plots.points(samples, data=ring.sample(1000), ax=axes[1])
    plots.show(fig, alt="Left: … Right: …")

`style` holds colours, `figure` and `show`; `legend` keeps legends off what is drawn; `pictures`
grids of images; `curve` losses and lines; `bar` classes and scores; `planes` what lives in two
dimensions. No state of pyplot is touched.
"""

from course_lib.plots.bar import bars, histogram
from course_lib.plots.curve import curves, lines
from course_lib.plots.pictures import images
from course_lib.plots.planes import field, points
from course_lib.plots.style import CLASS_PALETTE, INK, MUTED, PALETTE, figure, png, show

__all__ = [
    *("CLASS_PALETTE", "INK", "MUTED", "PALETTE", "bars", "curves", "field", "figure"),
    *("histogram", "images", "lines", "png", "points", "show"),
]
