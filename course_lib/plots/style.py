"""Colours, type and paper of all figures, and the one way in which a figure is shown.

The palette is Okabe and Ito's (2008), whose colours stay apart for the common kinds of colour
blindness; figures never rely on colour alone. `show` insists on alternative text and writes it
where a screen reader finds it: JupyterLab drops the text of a bare image/png output, so the
picture goes out as an HTML `<img alt="…">`.
"""

from __future__ import annotations

import base64
import functools
import html
import io
from collections.abc import Callable
from numbers import Real

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from course_lib.errors import CourseError, plain, whole_number
from course_lib.plots.legend import clear

#: Okabe and Ito's colours, darkest first for thin lines, wine red for their yellow: unreadable.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#882255",
)
#: Ten colours for ten classes: to be used together with a written class name.
CLASS_PALETTE = (*PALETTE[:6], "#332288", "#8C6D1F", "#882255", "#777777")
INK, MUTED, GRID = "#222222", "#666666", "#DDDDDD"

DPI, LONGEST = 100, 600  # pixels an inch; inches of a side, more than that no PNG can be
STYLE = {
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "image.cmap": "gray",
}


# What belongs to the session and says nothing of a figure's looks.
SESSION = {"backend", "backend_fallback", "interactive", "toolbar", "webagg.port"}
PLAIN = {k: v for k, v in matplotlib.rcParamsDefault.items() if k not in SESSION} | STYLE


def styled(draw: Callable) -> Callable:
    """Run `draw` under matplotlib's own defaults and the course's style on top.

    Nothing of the learner's settings shows: dark paper under dark ink can't be read, and
    text.usetex takes a LaTeX that may not be there. Afterwards they are as they were.
    """

    @functools.wraps(draw)
    def drawn(*arguments, **settings):
        with matplotlib.rc_context(PLAIN):
            return draw(*arguments, **settings)

    return drawn


@styled
def figure(
    columns: int = 1, rows: int = 1, *, width: float | None = None, height: float | None = None
) -> tuple[Figure, Axes | np.ndarray]:
    """An empty figure in the course's style and its axes, to be shown with `show`.

    `width` and `height` in inches of 100 pixels; without them a panel is 6.4 × 3.4 if it stands
    alone and shares 9.4 with its neighbours. Returns (figure, axes): one `Axes` if there is one
    panel, else an array of them, (columns,) for one row and (rows, columns) for more.
    """
    columns = whole_number("columns of a figure", columns, 1, 40)
    rows = whole_number("rows of a figure", rows, 1, 40)
    width = _inches("width", width, 6.4 if columns == 1 else 9.4)
    height = _inches("height", height, 3.4 * rows)
    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False)
    if rows * columns == 1:
        return fig, axes[0, 0]
    return fig, axes[0] if rows == 1 else axes


def _inches(name: str, value: object, default: float) -> float:
    """The length of a side in inches, the default where none is given."""
    value = plain(value)
    if value is None or (isinstance(value, Real) and value == 0):
        return default
    if not isinstance(value, Real) or not 0.1 <= value <= LONGEST:
        raise CourseError(
            f"The {name} of a figure must be a number of inches from 0.1 to {LONGEST}; got "
            f"{value!r:.60}."
        )
    return value


def panel(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The given axes with their figure, the whole one, or new ones of this size."""
    if ax is None:
        return figure(width=width, height=height)
    if not isinstance(ax, Axes):
        raise CourseError(
            f"ax must be one matplotlib Axes; got {type(ax).__name__}. "
            "With several panels pick one: axes[0]."
        )
    return ax.get_figure(root=True), ax


def drawable(words: object) -> object:
    """A text with "?" for each lone surrogate, which no font has: names of files hold such."""
    return words.encode("utf-8", "replace").decode() if isinstance(words, str) else words


@styled
def png(fig: Figure) -> bytes:
    """The figure as PNG bytes, 100 pixels an inch, with at most 256 colours.

    A legend that hides something is moved first (see `legend`). The same bytes come again.
    """
    if not isinstance(fig, Figure):
        raise CourseError(
            f"A matplotlib Figure is wanted; got {type(fig).__name__}. The functions of "
            "course_lib.plots return one."
        )
    fig.set_dpi(DPI)
    canvas = FigureCanvasAgg(fig)
    for text in fig.findobj(Text):
        text.set_text(drawable(text.get_text()))
    clear(fig)
    # A layout begins where the last one ended, so that panels of equal scales creep: each of the
    # figure's pictures begins where its first one did.
    begun = {ax: ax.get_position(original=True) for ax in fig.axes if ax.get_in_layout()}
    for ax, place in vars(fig).setdefault("_begun", begun).items():
        if ax.get_in_layout():  # else somebody has placed it since
            ax.set_position(place)
            ax.set_in_layout(True)  # which a position of its own ends
    canvas.draw()  # savefig would paint it twice, and pack and unpack it between
    return compact(Image.fromarray(np.asarray(canvas.buffer_rgba())))


# 33 levels a channel, black and white among them: half the bytes for pictures of grey images.
COARSE = [min(255, 8 * round(value / 8)) for value in range(256)]


def paletted(picture: Image.Image) -> Image.Image:
    """A picture in 256 colours where nobody sees it: greys stay grey, and the colours share the
    places that those leave."""
    picture = picture.convert("RGB").point(COARSE * 3)
    if picture.getcolors(256) is not None:
        return picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    pixels = np.asarray(picture)
    colored = pixels[np.ptp(pixels, axis=2) > 0]
    greys = np.repeat(sorted(set(COARSE)), 3).tolist()
    rest = Image.fromarray(colored[None]).quantize(223, method=Image.Quantize.MAXCOVERAGE)
    palette = Image.new("P", (1, 1))
    palette.putpalette(greys + rest.getpalette()[: 3 * 223])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def compact(picture: Image.Image) -> bytes:
    """PNG bytes of a picture, reduced to a palette of 256 colours."""
    out = io.BytesIO()
    paletted(picture).save(out, format="PNG", optimize=True)
    return out.getvalue()


def require_alt(alt: object) -> str:
    """Alternative text that can stand for a picture, or the error that asks for it."""
    if not isinstance(alt, str) or len(alt.strip()) < 10:
        raise CourseError(
            "A figure needs alternative text of a sentence, for those who can't see it; got "
            f'{alt!r}. Write show(fig, alt="what the picture shows").'
        )
    return " ".join(drawable(alt).split())


class Shown:
    """A picture with its alternative text, as a notebook's output stores it."""

    def __init__(self, data: bytes, alt: str) -> None:
        self.data, self.alt = data, require_alt(alt)
        self.width = Image.open(io.BytesIO(data)).width

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        source = base64.b64encode(self.data).decode()
        text = html.escape(self.alt, quote=True)
        tag = f'<img alt="{text}" width="{self.width}" src="data:image/png;base64,{source}">'
        return {"text/html": tag, "text/plain": self.alt}


def display(picture: Shown) -> None:
    """Put the picture under the cell; outside IPython do nothing."""
    try:
        from IPython import get_ipython
        from IPython.display import display as show_output
    except ImportError:
        return
    if get_ipython() is not None:
        show_output(picture)


def show(fig: Figure, alt: str | None = None) -> None:
    """Show the figure under the cell, with alternative text in the stored output.

    `alt` is one or two sentences that say what there is to see; without it there is an error,
    because a learner who can't see the figure would be left out. Outside a notebook nothing is
    displayed.
    """
    require_alt(alt)
    display(Shown(png(fig), alt))
