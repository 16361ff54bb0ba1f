"""The course's figures: what they draw, what they refuse, and that alternative text is kept."""

import io
import sys
from types import SimpleNamespace

import matplotlib
import matplotlib.style
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from course_lib import plots
from course_lib.errors import CourseError
from course_lib.plots import style
from course_lib.plots.curve import running_mean
from course_lib.plots.legend import hidden


def pixels(fig: Figure) -> np.ndarray:
    """The figure as it will be seen, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(plots.png(fig))).convert("RGB"))


@pytest.fixture
def batch() -> torch.Tensor:
    return torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))


LOSSES = {"D.real": np.linspace(1, 0.7, 300), "G.fake": np.linspace(0.5, 0.7, 300)}


def drawings(names=None) -> dict[str, Figure]:
    """One figure of each kind, or those of these names."""
    spread = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    draw = {
        "images": lambda: plots.images(torch.rand(6, 3, 16, 16)),
        "curves": lambda: plots.curves(
            LOSSES, predictions={"G.fake": 0.6}, references={"ln 2": 0.693}
        ),
        "lines": lambda: plots.lines([0, 1, 2], {"a": [1, 2, 3], "b": [3, 2, 1]}, dashed=["b"]),
        "histogram": lambda: plots.histogram([5, 0, 3], expected=[1, 1, 1]),
        "bars": lambda: plots.bars({"VAE": (-137.2, 0.4), "PPCA": -150}, unit="nats"),
        "points": lambda: plots.points(spread, data=spread + 1),
        "classes": lambda: plots.points(spread, labels=torch.arange(200) % 10),
        "landscape": lambda: plots.field(
            lambda x: x.square().sum(1) - 4, level=0.0, data=spread
        ),
        "arrows": lambda: plots.field(lambda x: torch.stack([-x[:, 1], x[:, 0]], 1)),
    }
    return {name: draw[name]() for name in names or draw}


@pytest.fixture(scope="module")
def all_drawings() -> dict[str, Figure]:
    return drawings()


def test_every_figure_is_a_small_png_on_white_paper(all_drawings):
    for name, fig in all_drawings.items():
        assert isinstance(fig, Figure), name
        data = plots.png(fig)
        assert plots.png(fig) == data, f"{name}: the second picture is another one"
        assert data.startswith(b"\x89PNG"), name
        assert len(data) < 60_000, f"{name}: {len(data)} bytes"
        paper = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[:3]
        assert (paper == 255).all(), f"{name}: paper is not white, or cut at the top"


def test_no_state_of_pyplot_and_none_of_the_learners_settings_is_touched():
    before = dict(matplotlib.rcParams)
    pyplot = "matplotlib.pyplot" in sys.modules
    plots.png(plots.curves(LOSSES))
    assert dict(matplotlib.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == pyplot


LEARNERS = {  # settings of the learner's own: a dark style, a matplotlibrc, what papers ask for
    "dark_background": matplotlib.style.library["dark_background"],
    "seaborn": matplotlib.style.library["seaborn-v0_8-darkgrid"],
    "ggplot": matplotlib.style.library["ggplot"],
    "dark paper": {"savefig.facecolor": "black", "axes.facecolor": "black"},
    "LaTeX that is not there": {"text.usetex": True},
    "cropped": {"savefig.bbox": "tight", "savefig.dpi": 50, "axes.xmargin": 0.4},
    "upside down": {"image.origin": "lower", "image.interpolation": "bilinear"},
    "faint": {"grid.alpha": 0.1, "lines.linestyle": ":", "legend.labelcolor": "white"},
}


SOME = ("curves", "histogram", "landscape", "points")


@pytest.fixture(scope="module")
def plain() -> dict[str, bytes]:
    return {name: plots.png(fig) for name, fig in drawings(SOME).items()}


@pytest.mark.parametrize("settings", LEARNERS.values(), ids=LEARNERS)
def test_figures_look_the_same_whatever_the_learner_has_set(settings, plain):
    with matplotlib.rc_context(settings):
        before = dict(matplotlib.rcParams)
        assert {name: plots.png(fig) for name, fig in drawings(SOME).items()} == plain
        assert dict(matplotlib.rcParams) == before


def test_images_are_shown_pixel_for_pixel(batch):
    sheet = pixels(plots.images(batch[:6], zoom=3))
    shown = sheet[4 : 4 + 84 : 3, 6 : 6 + 84 : 3]
    assert np.abs(shown[..., 0].astype(int) - (batch[0, 0] * 255).numpy().round()).max() <= 4
    block = sheet[4 : 4 + 84, 6 : 6 + 84].reshape(28, 3, 28, 3, 3)
    assert (block == block[:, :1, :, :1]).all(), "a pixel of the data is not one block"


def test_images_take_bytes_colours_lists_and_tensors_with_gradient(batch):
    grey = (batch * 255).byte()
    assert (pixels(plots.images(grey[:4])) == pixels(plots.images(list(grey[:4])))).all()
    plots.images(batch[:2].clone().requires_grad_())
    plots.images(batch[:2].bfloat16())
    plots.images(torch.rand(3, 3, 8, 8), row_labels=["x", "y", "z"], columns=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.rand(28, 28), "shape"),
        (torch.rand(4, 784), "reshape"),
        (torch.rand(4, 2, 8, 8), "C = 1 or 3"),
        (torch.rand(0, 1, 8, 8), "shape"),
        ([], "shape"),
        (torch.rand(2, 1, 8, 8) * 2 - 1, "tanh"),
        (torch.rand(2, 1, 8, 8) * 255, "x / 255"),
        (torch.full((2, 1, 8, 8), float("nan")), "NaN"),
        (torch.rand(401, 1, 2, 2), "too many"),
    ],
)
def test_images_refuse_what_they_cannot_show(wrong, message):
    with pytest.raises(CourseError, match=message):
        plots.images(wrong)


@pytest.mark.parametrize("label", ["DCGAN", "WGAN-GP", "a longer label, of many letters", "x"])
def test_a_rows_label_lies_inside_the_figure(label):
    fig = plots.images(torch.rand(2, 1, 28, 28), columns=1, row_labels=[label, ""], zoom=2)
    fig.canvas.draw()
    text = fig.axes[0].get_yticklabels()[0]
    assert text.get_text() == label and text.get_window_extent().x0 >= 0


@pytest.mark.parametrize(
    "kind", [list, torch.tensor, np.array, lambda r: list(torch.tensor(r))]
)
def test_images_take_labels_as_lists_tensors_and_arrays(kind, batch):
    labels, title = kind([3, 1, 2]), kind([7, 8])
    for names, columns in (("row_labels", 1), ("column_labels", 3)):
        fig = plots.images(batch[:3], columns=columns, title=title, **{names: labels})
        plain = plots.images(
            batch[:3], columns=columns, title=title, **{names: ["3", "1", "2"]}
        )
        assert plots.png(fig) == plots.png(plain)
    fig = plots.bars({"a": 1}, title=torch.tensor([7, 8]))
    assert fig.axes[0].get_title(loc="left") == "[7, 8]"


def test_images_count_their_labels(batch):
    with pytest.raises(CourseError, match="row_labels holds 3"):
        plots.images(batch, columns=10, row_labels=[1, 2, 3])


def test_running_mean_is_centred_and_leaves_gaps_out():
    values = np.arange(50.0)
    assert running_mean(values, 5)[2:-2] == pytest.approx(values[2:-2])
    values[20] = np.nan
    assert running_mean(values, 3)[20] == pytest.approx(20.0)
    assert running_mean(values, 1)[0] == 0


def test_a_prediction_is_dashed_and_named():
    fig = plots.curves(LOSSES, "G.fake", predictions={"G.fake": 0.9})
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    guess = lines["your prediction"]
    assert guess.get_linestyle() != "-" and set(guess.get_ydata()) == {0.9}
    one = plots.curves(LOSSES, predictions=0.5)
    assert "your prediction" in {line.get_label() for line in one.axes[0].lines}
    none = plots.curves(LOSSES, predictions={"G.fake": None, "D.real": None})
    assert not any("prediction" in line.get_label() for line in none.axes[0].lines)


def test_curves_read_a_history_and_name_an_unknown_term():
    history = SimpleNamespace(terms=LOSSES, rounds=300)
    assert len(plots.curves(history, ["D.real"], smoothing=1).axes[0].lines) == 1
    with pytest.raises(CourseError, match=r"Did you mean 'G\.fake'"):
        plots.curves(history, ["G.fakes"])
    with pytest.raises(CourseError, match="predicted term"):
        plots.curves(history, predictions={"D.fake": 1.0})
    with pytest.raises(CourseError, match="history of fit"):
        plots.curves([1, 2, 3])
    with pytest.raises(CourseError, match="row of numbers"):
        plots.curves({"loss": [float("nan")] * 3})
    with pytest.raises(CourseError, match="one per round"):
        plots.curves(LOSSES, predictions={"G.fake": [1.0, 2.0]})


def test_curves_take_a_prediction_for_each_round_limits_and_a_title():
    loss, guess = np.linspace(2, 1, 20), np.linspace(2, 1.5, 20)
    fig = plots.curves({"loss": loss}, predictions=guess, title="D", limits=(0, 3), smoothing=1)
    (ax,) = fig.axes
    assert any(np.array_equal(line.get_ydata(), guess) for line in ax.lines)
    assert (ax.get_title(loc="left"), ax.get_ylim()) == ("D", (0, 3))
    many = {f"term {i}": loss for i in range(len(plots.PALETTE) + 1)}
    with pytest.raises(CourseError, match="too many for one panel; pick with terms"):
        plots.curves(many)


def test_a_mean_over_more_rounds_than_there_are_is_the_mean_of_all():
    noise = np.random.default_rng(0).normal(size=20)
    plots.curves({"G": noise}, smoothing=10**12)
    assert running_mean(noise, 10**12) == pytest.approx(np.full(20, noise.mean()))


def test_a_panel_that_was_placed_by_hand_after_the_first_picture_stays_there():
    fig, ax = plots.figure()
    plots.png(fig)
    ax.set_position([0.25, 0.25, 0.5, 0.5])
    plots.png(fig)
    assert ax.get_position().bounds == pytest.approx((0.25, 0.25, 0.5, 0.5))


@pytest.mark.parametrize(
    "field", [lambda z: 1 / z[:, 0].round(), lambda z: 1 / z.half().round()]
)
def test_a_field_that_is_infinite_at_places_has_finite_colours(field):
    fig = plots.field(field, centre=0)
    assert np.isfinite(fig.axes[0].collections[0].get_clim()).all()


# Whatever comes ---------------------------------------------------------------------------------

TAKERS = {  # the functions of the numbers that come, and numbers that every kind can hold
    "bars": (lambda v: plots.bars({"a": v}), torch.tensor(2.0)),
    "curves": (lambda v: plots.curves({"a": v}), torch.tensor([1.0, 0.0, 4.0])),
    "figure": (lambda v: plots.figure(width=v)[0], torch.tensor(2.0)),
    "histogram": (plots.histogram, torch.tensor([1.0, 0.0, 4.0])),
    "images": (plots.images, torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])),
    "lines": (lambda v: plots.lines(v, {"a": v}), torch.tensor([1.0, 0.0, 4.0])),
    "points": (plots.points, torch.tensor([[0.0, 1.0], [2.0, 3.0], [1.0, 1.0]])),
    "points' density": (
        lambda v: plots.points([[0, 0]], density=lambda x: v, limits=1),
        torch.arange(160**2).remainder(7.0),
    ),
    "field": (lambda v: plots.field(lambda x: v, steps=2), torch.tensor([1.0, 0.0, 4.0, 2.0])),
    "field, arrows": (lambda v: plots.field(lambda x: v, steps=2), torch.eye(4)[:, :2]),
    "png": (plots.png, None),
    "show": (lambda v: plots.show(v, alt="Nothing that can be shown."), None),
}
SAME = {  # other ways to hold the same numbers
    "half": torch.Tensor.half,
    "bfloat16": torch.Tensor.bfloat16,
    "whole": torch.Tensor.long,
    "gradient": lambda t: t.clone().requires_grad_(),
    "strided": lambda t: torch.stack([t, t], -1)[..., 0],
    "ndarray": torch.Tensor.numpy,
    "list": torch.Tensor.tolist,
    "list of tensors": lambda t: list(t.clone().requires_grad_()) if t.ndim else t,
}
NOTHING = {  # what no picture can be made of
    "NaN": lambda t: t * np.nan,
    "infinity": lambda t: t + np.inf,
    "masked": lambda t: np.ma.masked_all(t.shape),
    "empty": lambda t: t.new_zeros(0),
    "complex": lambda t: t + 1j,
    "sparse": torch.Tensor.to_sparse,
    "without values": lambda t: t.to("meta"),
    "float8": lambda t: t.to(torch.float8_e4m3fn),
    "text": lambda t: "abc",
    "None": lambda t: None,
    "ragged": lambda t: [[1], [1, 2]],
    "dict": lambda t: {"a": t},
}


def drawn(fig: Figure) -> list[np.ndarray]:
    """The numbers that a figure shows."""
    found = [fig.get_size_inches()]
    for ax in fig.axes:
        found += [line.get_xydata() for line in ax.lines]
        found += [patch.get_bbox().get_points() for patch in ax.patches]
        found += [image.get_array() for image in ax.images]
        found += [part for c in ax.collections for part in (c.get_offsets(), c.get_array())]
    return [np.ma.filled(part, np.nan) for part in found if part is not None]


@pytest.mark.parametrize("name", TAKERS)
def test_a_figure_takes_all_kinds_of_numbers_and_refuses_what_it_cannot_draw(name):
    draw, numbers = TAKERS[name]
    for kind, made in SAME.items() if numbers is not None else ():
        for one, other in zip(drawn(draw(numbers)), drawn(draw(made(numbers))), strict=True):
            np.testing.assert_array_equal(one, other, f"{name}: {kind}")
    for kind, made in NOTHING.items():
        if name != "figure" or kind not in ("None", "masked", "sparse", "float8"):
            with pytest.raises(CourseError):
                draw(made(torch.ones(3) if numbers is None else numbers))
                pytest.fail(f"{name} takes {kind}")


def test_all_functions_are_given_all_kinds_of_numbers():
    assert {name for name in plots.__all__ if name.islower()} == {
        name.split(",")[0].split("'")[0] for name in TAKERS
    }


@pytest.mark.parametrize("shift", [-2000, 2000, -np.inf])
def test_contours_of_a_density_need_not_know_its_scale(shift):
    """Also where it is 0, as outside of a square."""
    log_p = lambda x: torch.where(x.abs().amax(1) > 1, min(shift, 0), -x.square().sum(1))
    scaled = lambda x: log_p(x) + (shift if np.isfinite(shift) else 0)
    figures = (plots.points([[0, 0]], density=each, limits=2) for each in (log_p, scaled))
    one, other = (
        [path.vertices for c in fig.axes[0].collections for path in c.get_paths()]
        for fig in figures
    )
    assert len(one) == len(other) > 2
    assert all(a == pytest.approx(b, abs=1e-2) for a, b in zip(one, other, strict=True))


def test_a_letter_that_no_font_has_is_a_question_mark():
    """A file's name may hold such; neither a figure nor a notebook's file can."""
    odd, dots = "a\ud800\udcff", torch.eye(2)
    plots.png(plots.bars({odd: 1}, title=odd, unit=odd, references={odd: 1}))
    plots.png(plots.images(torch.ones(1, 1, 4, 4), row_labels=[odd], column_labels=[odd]))
    fig = plots.points(dots, labels=[odd, "b"], axis_labels=(odd, odd))
    plots.png(fig)
    assert fig.axes[0].get_xlabel() == "a??"
    assert style.Shown(plots.png(fig), f"Two dots {odd}.").alt == "Two dots a??."


def test_lines_mark_places_and_refuse_what_does_not_fit():
    fig = plots.lines([0, 1, 2], {"y": [1, 2, 3]}, marks={"the mean": 1.5})
    assert 1.5 in [line.get_xdata()[0] for line in fig.axes[0].lines]
    with pytest.raises(CourseError, match="'y' has 2 values where x has 3"):
        plots.lines([0, 1, 2], {"y": [1, 2]})
    many = {f"line {i}": [1, 2] for i in range(len(plots.PALETTE) + 1)}
    with pytest.raises(CourseError, match="too many for one panel; at most"):
        plots.lines([0, 1], many)


def test_a_field_takes_heights_in_a_column_and_limits_of_both_sides():
    limits = ((-1, 2), (0, 3))
    fig = plots.field(lambda x: x.sum(1, keepdim=True), limits=limits)
    ax = fig.axes[0]
    assert (ax.get_xlim(), ax.get_ylim()) == limits


def test_images_have_a_title(batch):
    assert plots.images(batch, title="eight").axes[0].get_title(loc="left") == "eight"


def test_histogram_takes_counts_of_classes():
    with pytest.raises(CourseError, match="negative"):
        plots.histogram([1, -1])
    with pytest.raises(CourseError, match="expected holds 2"):
        plots.histogram([1, 2, 3], expected=[1, 1])


def test_bars_write_their_numbers_with_a_minus_sign():
    fig = plots.bars({"PPCA": (-145.21, 0.4), "VAE": -137.0})
    written = {text.get_text() for text in fig.axes[0].texts}
    assert written == {"−145.2 ± 0.4", "−137"}
    with pytest.raises(CourseError, match="bars wants"):
        plots.bars([])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ({"a": 2, "b": float("nan"), "c": (4, 1)}, 0, 5),
        ({"a": (2, float("nan")), "b": (4, 1)}, 0, 5),
        ({"a": (2, float("nan"))}, 0, 2),
        ({"a": float("nan"), "b": -3}, -3, 0),
        ({"a": 0, "b": 0.0}, 0, 0.5),
    ],
)
def test_bars_show_what_is_finite_beside_nan_and_zeros(values, low, high):
    ax = plots.bars(values).axes[0]
    left, right = ax.get_xlim()
    assert left <= low and high <= right
    assert len(ax.texts) == len(values)
    for text in ax.texts:
        assert left <= text.xy[0] <= right


def test_points_and_fields_refuse_other_shapes():
    with pytest.raises(CourseError, match="samples must be points"):
        plots.points(torch.rand(5, 3))
    with pytest.raises(CourseError, match="as many labels"):
        plots.points(torch.rand(5, 2), labels=[1, 2])
    with pytest.raises(CourseError, match="limits"):
        plots.points(torch.rand(5, 2), limits=(3, -3))
    with pytest.raises(CourseError, match="must turn points"):
        plots.field(lambda x: x.sum())
    with pytest.raises(CourseError, match="NaN"):
        plots.points(torch.full((5, 2), float("nan")))


def test_density_contours_lie_where_the_density_is():
    def log_density(x):
        return -0.5 * (x - 1.0).square().sum(1) / 0.01

    fig = plots.points(torch.tensor([[-1.0, -1.0]]), density=log_density, limits=2)
    paths = [p for c in fig.axes[0].collections for p in c.get_paths() if len(p.vertices) > 30]
    corners = np.concatenate([p.vertices for p in paths])
    assert np.abs(corners - 1).max() < 0.5


def test_panels_side_by_side_share_one_figure(batch):
    fig, axes = plots.figure(columns=2)
    assert plots.images(batch[:4], ax=axes[0]) is fig
    assert plots.histogram([1, 2], ax=axes[1]) is fig
    with pytest.raises(CourseError, match="pick one"):
        plots.histogram([1, 2], ax=axes)


def test_panels_of_a_subfigure_belong_to_the_whole_figure(batch):
    whole, _ = plots.figure(width=9)
    whole.clear()
    left, right = whole.subfigures(1, 2)
    above, below = left.subplots(2)
    assert plots.lines([1, 2], {"a": [1, 2]}, ax=above) is whole
    assert plots.images(batch[:4], ax=below) is whole
    assert plots.field(lambda z: z[:, 0], ax=right.subplots()) is whole
    assert plots.png(whole).startswith(b"\x89PNG")
    assert above.get_legend()._loc == 0, "a legend beside its panel lies in another one"


@pytest.mark.parametrize("alt", [None, "", "   ", "a plot", 3])
def test_a_figure_without_alternative_text_is_an_error(alt):
    with pytest.raises(CourseError, match="alternative text"):
        plots.show(plots.bars({"a": 1}), alt)


def test_a_picture_is_shown_in_a_notebook_only(monkeypatch):
    import IPython

    seen = []
    monkeypatch.setattr(IPython.display, "display", seen.append)
    style.display("a picture")
    assert seen == []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    style.display("a picture")
    assert seen == ["a picture"]
    monkeypatch.setitem(sys.modules, "IPython", None)  # as where it is not installed
    style.display("another")
    assert seen == ["a picture"]


def test_show_does_nothing_outside_a_notebook_and_wants_a_figure():
    assert plots.show(plots.bars({"a": 1}), alt="One bar of height one.") is None
    with pytest.raises(CourseError, match="matplotlib Figure"):
        plots.show("figure", alt="One bar of height one.")


def test_greys_stay_grey_beside_many_colours():
    """A palette of 256 must not tint a grey picture because coloured dots lie on it."""
    colors = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    greys = np.linspace(0, 255, 40).astype(np.uint8)[None, :, None].repeat(40, 0).repeat(3, 2)
    both = np.concatenate([colors, greys])
    kept = Image.open(io.BytesIO(style.compact(Image.fromarray(both)))).convert("RGB")
    found = np.asarray(kept, dtype=int)
    assert np.ptp(found[40:], axis=2).max() == 0
    assert np.abs(found[40:] - greys).max() <= 4
    assert np.abs(found[:40] - colors).mean() < 24


def test_the_stored_output_carries_picture_text_and_width():
    fig = plots.bars({"a": 1})
    output = style.Shown(plots.png(fig), 'One "bar" < two\n  bars.')._repr_mimebundle_()
    assert output["text/plain"] == 'One "bar" < two bars.'
    assert 'alt="One &quot;bar&quot; &lt; two bars."' in output["text/html"]
    assert 'width="720"' in output["text/html"]
    assert "data:image/png;base64," in output["text/html"]


def test_colours_of_the_palette_stay_apart_for_colour_blind_eyes():
    def seen(color, kind):
        """A linear model of the colours that a dichromat confuses (Viénot et al. 1999)."""
        rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        to_lms = np.array(
            [
                [17.8824, 43.5161, 4.11935],
                [3.45565, 27.1554, 3.86714],
                [0.02996, 0.18431, 1.4671],
            ]
        )
        lms = to_lms @ rgb**2.2
        if kind == "protan":
            lms[0] = 2.02344 * lms[1] - 2.52581 * lms[2]
        else:
            lms[1] = 0.494207 * lms[0] + 1.24827 * lms[2]
        return np.clip(np.linalg.solve(to_lms, lms), 0, 1) ** (1 / 2.2)

    for kind in ("protan", "deutan"):
        shades = np.array([seen(color, kind) for color in plots.PALETTE])
        apart = np.linalg.norm(shades[:, None] - shades[None], axis=-1)
        assert apart[~np.eye(len(shades), dtype=bool)].min() > 0.1, kind


# Legends ---------------------------------------------------------------------------------------

GRID = np.linspace(0, 1, 50)
COVERED = {  # what is drawn, and where the legend is wanted first
    "line": lambda ax: ax.plot(GRID, GRID, label="a line"),
    "a line of two points": lambda ax: (
        ax.plot([0, 1], [1, 1], label="a line"),
        ax.set_ylim(0, 1.1),
    ),
    "level": lambda ax: (ax.axhline(0.9, label="a level"), ax.set_ylim(0, 1)),
    "points": lambda ax: ax.scatter(GRID, GRID, label="points"),
    "markers": lambda ax: ax.plot(GRID, GRID, "o", label="markers"),
    "bars": lambda ax: ax.bar(range(9), range(9), label="bars"),
    "band": lambda ax: ax.fill_between(GRID, 0 * GRID, GRID, label="a band"),
    "picture": lambda ax: (ax.imshow(np.eye(9), aspect="auto"), ax.plot([4], [4], label="x")),
    "field": lambda ax: (
        ax.pcolormesh(GRID, GRID, np.eye(50)[1:, 1:]),
        ax.plot([0.1], [0.1], "o", label="x"),
    ),
    "word": lambda ax: (ax.plot([0, 1], [0, 0.1], label="a"), ax.text(0.9, 0.09, "here")),
    "everywhere": lambda ax: [ax.axhline(k, label=f"{k}") for k in range(5)],
}


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("name", COVERED)
def test_a_legend_that_hides_something_moves_and_all_stays_on_the_paper(name, columns):
    fig, axes = plots.figure(columns=columns)
    for ax in np.atleast_1d(axes):
        COVERED[name](ax)
        ax.set(xlabel="below", ylabel="beside")
        legend = ax.legend(loc="upper right")
        assert hidden(fig, legend), "this legend is in the way at first"
    plots.png(fig)
    for ax in np.atleast_1d(axes):
        assert hidden(fig, ax.get_legend()) == []
        box, paper = ax.get_legend().get_window_extent(), fig.bbox
        assert paper.x0 <= box.x0 and box.x1 <= paper.x1 + 1
        assert paper.y0 <= box.y0 and box.y1 <= paper.y1 + 1


def test_a_legend_that_hides_nothing_stays_where_it_is():
    fig, ax = plots.figure()
    ax.plot(GRID, GRID, label="a line")
    legend = ax.legend(loc="lower right")
    paper = fig.get_figheight()
    assert hidden(fig, legend) == []
    plots.png(fig)
    assert legend._loc == 4 and fig.get_figheight() == paper
