"""The pictures of ideas: fresh, small, each in a lesson, and true to the code where they claim
something that autograd can tell."""

import re

import pytest
import torch
from conftest import ROOT, script

from course_lib import data, models
from course_lib.training import Source, reaches

drawings = script("drawings")
LESSONS = {
    path.stem: path.read_text("utf-8") for path in (ROOT / "notebooks/source").glob("*.py")
}


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_a_drawing_is_what_its_script_draws_and_small(name):
    with drawings.matplotlib.rc_context(drawings.STYLE):
        svg = drawings.svg(drawings.DRAWINGS[name]())
    kept = (drawings.FOLDER / f"{name}.svg").read_text("utf-8")
    # Another matplotlib may round otherwise; the words and the number of strokes stay.
    words = re.compile(r"<text.*?>(.*?)</text>", re.S)
    assert words.findall(svg) == words.findall(kept)
    assert svg.count("<path") == kept.count("<path")
    assert len(kept.encode()) <= 30_000


def test_every_drawing_stands_in_a_lesson_with_text_that_states_what_it_shows():
    shown = re.findall(r"!\[([^\]]*)\]\(drawing:([\w-]+)\)", "\n".join(LESSONS.values()))
    assert {name for _, name in shown} == set(drawings.DRAWINGS)
    assert all(len(alt.split()) >= 20 for alt, _ in shown)


def test_a_built_lesson_holds_the_drawing_itself():
    course = script("build").Course(ROOT / "notebooks")
    text = course.with_drawings('![A "b"](drawing:vae)')
    assert re.fullmatch(
        r'<img alt="A &quot;b&quot;" width="960" src="data:image/svg\+xml;base64,[\w+/=]+">',
        text,
    )
    with pytest.raises(Exception, match="no drawing 'never'"):
        course.with_drawings("![a](drawing:never)")


def test_the_matrix_of_cvae_gan_is_what_autograd_and_the_game_say():
    model = models.CVAEGAN(width=4, dense=12, latent=3, batch=24).double()
    networks = {
        "E": model.encoder,
        "G": model.generator,
        "D": model.discriminator,
        "C": model.classifier,
    }
    (move,) = model.game().round
    losses = move.losses(Source(data.load("digits"), 24, dtype=torch.float64))
    found = reaches(losses, {name: list(n.parameters()) for name, n in networks.items()})
    terms = {
        "KL": ["E.kl"],
        "$L_G$": ["G.reconstruction", "E.reconstruction"],
        "$L_{GD}$": ["G.mean"],
        "$L_{GC}$": ["G.class means"],
        "$L_D$": ["D.real", "D.rebuilt", "D.drawn"],
        "$L_C$": ["C.class"],
    }
    assert sorted(term for group in terms.values() for term in group) == sorted(found)
    for loss, (_, follow, reach) in drawings.CVAEGAN_LOSSES.items():
        assert set(follow) == {term[0] for term in terms[loss]}
        assert set(follow + reach) == set().union(*(found[term] for term in terms[loss]))


def test_the_strips_of_the_flow_have_equal_areas():
    """The two filled polygons of the drawing, by the shoelace formula."""
    sheet = drawings.areas()
    areas = []
    for filled in sheet.axes.collections:
        x, y = filled.get_paths()[0].vertices[:-1].T
        areas.append(abs((x * (y - 0).take(range(1, len(y) + 1), mode="wrap")).sum()
                         - (y * x.take(range(1, len(x) + 1), mode="wrap")).sum()) / 2)  # fmt: skip
    assert len(areas) == 2 and areas[0] == pytest.approx(areas[1], rel=0.01)


def test_the_slope_of_the_trade_off_is_minus_beta():
    """By finite differences of the closed form, where no latent is about to go under."""
    for beta in (0.3, 1.0, 2.0, 4.0):
        (r, near), (d, far) = drawings.rate_and_distortion(
            drawings.np.array([beta, beta * 1.001])
        )
        assert (far - d) / (near - r) == pytest.approx(-beta, rel=0.01)
