"""A legend must hide nothing that is drawn: where it would, it moves.

`clear` looks at a figure as it will be painted. A legend over a line, point, bar, area, picture
or word goes to a free corner of its panel; where none is free, below it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.transforms import Bbox, ScaledTranslation

PLACES = ("upper right", "upper left", "lower right", "lower left")
PLACES += ("center right", "center left", "upper center", "lower center", "center")


def clear(fig: Figure) -> None:
    """Move each panel's legend that hides something; the others stay where they are."""
    crowded = {ax: ax.get_legend() for ax in fig.axes if ax.get_legend() is not None}
    painter = _painted(fig) if crowded else None
    for ax, legend in crowded.items():
        if _under(fig, legend, painter):
            # A place inside the panel leaves its layout as it is: nothing need be painted anew.
            if not any(_tried(fig, legend, place, painter) for place in PLACES):
                _put_below(fig, ax, legend, painter)


def hidden(fig: Figure, legend: Legend) -> list[Artist]:
    """What is drawn under the box of a legend, in any panel of the figure."""
    return _under(fig, legend, _painted(fig))


def _under(fig: Figure, legend: Legend, painter) -> list[Artist]:
    box, found = legend.get_window_extent(painter), []
    for ax in fig.axes:
        seen = Bbox.intersection(ax.get_window_extent(painter), box)
        if seen is not None:
            found += [each for each in _drawn(ax) if _meets(each, seen, painter)]
    return found


def _painted(fig: Figure):
    """The painter of a figure that has just been laid out."""
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return canvas.get_renderer()


def _drawn(ax: Axes) -> Iterator[Artist]:
    for each in (*ax.lines, *ax.collections, *ax.patches, *ax.images, *ax.texts):
        if each.get_visible():
            yield each


def _meets(artist: Artist, box: Bbox, painter) -> bool:
    if isinstance(artist, Collection):
        at = np.ma.filled(np.ma.asarray(artist.get_offsets(), float), np.nan)
        if len(at) > 1 or at.any():  # points
            x, y = artist.get_offset_transform().transform(at).T
            return bool(((box.x0 <= x) & (x <= box.x1) & (box.y0 <= y) & (y <= box.y1)).any())
        inside, to_pixels = len(artist.get_facecolor()) > 0, artist.get_transform()
        paths = (to_pixels.transform_path(path) for path in artist.get_paths())
        return any(path.intersects_bbox(box, filled=inside) for path in paths if len(path))
    if not hasattr(artist, "get_path"):  # a picture or a word
        return Bbox.intersection(artist.get_window_extent(painter), box) is not None
    path = artist.get_transform().transform_path(artist.get_path())
    if getattr(artist, "get_linestyle", str)() in ("None", ""):  # markers alone
        return any(box.contains(x, y) for x, y in path.vertices)
    return len(path) > 0 and path.intersects_bbox(box, filled=artist in artist.axes.patches)


def _tried(fig: Figure, legend: Legend, place: str, painter) -> bool:
    """Put the legend there, and tell whether it hides nothing there."""
    legend.set_bbox_to_anchor(None)
    legend.set_loc(place)
    return not _under(fig, legend, painter)


def _put_below(fig: Figure, ax: Axes, legend: Legend, painter) -> None:
    """Under the panel and the names of its axis, in as many columns as there is room for; the
    figure grows by as much."""
    room, size = ax.get_window_extent(painter), legend.get_window_extent(painter)
    entries = len(legend.get_texts())
    columns = max(1, min(entries, int(room.width // size.width)))
    legend.set_ncols(columns)
    fig.set_figheight(
        fig.get_figheight() + size.height * -(-entries // columns) / entries / fig.dpi
    )
    lowest = ax.xaxis.get_tightbbox(painter)
    down = room.y0 - lowest.y0 if lowest is not None else 0.0
    step = ScaledTranslation(0, -down / fig.dpi, fig.dpi_scale_trans)
    legend.set_bbox_to_anchor((0.5, 0.0), ax.transAxes + step)
    legend.set_loc("upper center")
