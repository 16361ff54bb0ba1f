"""Real or generated: who erred how often is known where the pictures tell it themselves."""

from importlib import import_module

import pytest
import torch
from scipy.stats import binomtest
from shells import inside, panel, parts, pixels

from course_lib import data, explore
from course_lib.errors import CourseError
from course_lib.explore.kit import Letters
from course_lib.explore.kit.panels import Tiles
from course_lib.models import DCGAN, Flow

tell = import_module("course_lib.explore.can_you_tell")


class Grey:
    """A model whose pictures are plain, so that anybody can tell."""

    shape = (1, 28, 28)

    def sample(self, n, generator=None):
        return torch.full((n, 1, 28, 28), 0.5) + 0.01 * torch.rand(
            n, 1, 1, 1, generator=generator
        )


class Reciter(Grey):
    """A model that nobody can tell: it draws other test digits."""

    def sample(self, n, generator=None):
        seen = data.load("digits", "test").images[1000:]
        return seen[torch.randint(len(seen), (n,), generator=generator)] / 255


def digits():
    return data.load("digits", "test").take(1000)


MAKERS = {
    "can_you_tell": lambda: explore.can_you_tell(
        DCGAN(shape=(3, 32, 32), width=4, latent=12), n=40
    ),
    "can_you_tell digits": lambda: explore.can_you_tell(Reciter(), digits(), n=300),
}


@pytest.fixture(scope="module")
def plain():
    return explore.can_you_tell(Grey(), digits(), n=40)


def right(explorer, seed):
    """The right letters, by looking: a plain picture is generated."""
    faces = [
        pixels(explorer.render(said="r" * i, seed=seed))[40:290, 10:260] for i in range(20)
    ]
    return "".join("r" if face.std() > 30 else "g" for face in faces)


@pytest.mark.parametrize("seed", [0, 3])
def test_who_looks_is_right_and_who_says_the_opposite_is_wrong(plain, seed):
    truth = right(plain, seed)
    assert 4 <= truth.count("g") <= 16
    low, high = tell.interval(0, 20)
    assert f"in the first 20: 0.00, 95%: {low:.2f} to {high:.2f}." in plain.readout(
        said=truth, seed=seed
    )
    wrong = truth.translate(str.maketrans("rg", "gr"))
    assert "in the first 20: 1.00, 95%: 0.84 to 1.00." in plain.readout(said=wrong, seed=seed)
    mixed = truth[:7] + wrong[7:15]
    assert "in the first 10: 0.30," in plain.readout(said=mixed, seed=seed)


def test_nothing_is_told_before_ten_are_answered(plain):
    truth = right(plain, 0)
    assert plain.readout(said=truth[:9]) == plain.readout(said="r" * 9)
    assert plain.readout(said=truth[:10]) != plain.readout(said="r" * 10)
    assert plain.readout(said=truth[:10] + "r") == plain.readout(said=truth[:10] + "g")


def test_the_order_is_the_seeds(plain):
    again = explore.can_you_tell(Grey(), digits(), n=40)
    assert plain.render(said="rgr", seed=2) == again.render(said="rgr", seed=2)
    assert len({right(plain, seed) for seed in (0, 1, 2)}) == 3


def test_a_straight_line_errs_as_often_as_there_is_to_tell():
    seen = data.load("digits", "test").images
    alike, of = tell.machine(seen[:600], seen[600:1200])
    assert of == 600 and 0.42 < alike / of < 0.58
    plain = Grey().sample(600, torch.Generator().manual_seed(0))
    assert tell.machine(seen[:600], plain)[0] == 0


def test_the_interval_is_wilsons():
    for wrong, n in ((0, 20), (1, 10), (7, 20), (20, 20), (133, 200)):
        expected = binomtest(wrong, n).proportion_ci(method="wilson")
        assert tell.interval(wrong, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    z2 = 1.959964**2
    assert tell.interval(0, 10) == pytest.approx((0, z2 / (10 + z2)), abs=1e-6)
    assert sum(tell.interval(10, 20)) == pytest.approx(1)


def test_a_press_in_a_row_is_a_word_however_often_it_is_sent(plain):
    ballot = panel(plain, Tiles)
    place = lambda word, column: inside(ballot, column + 20 * "rg".index(word))
    assert plain.press(place("g", 0))["said"] == "g"
    assert plain.press(place("g", 2), place("r", 3), said="rr")["said"] == "rrg"
    assert plain.press(place("g", 2), said="rrg")["said"] == "rrg", "down and up of one press"
    assert plain.press(place("g", 1), said="rrr")["said"] == "rgr", "a word can be changed"
    assert plain.press(place("g", 5), said="rr")["said"] == "rr", "those before it come first"


def test_keys_answer(plain):
    inputs, image, readout, _ = parts(plain.widget())
    field = inputs["r or g, one each"]
    field.value = "rG"
    assert image.value == plain.render(said="rg") and "Picture 3 of 20" in readout.value
    field.value = "rgx 7r"
    assert image.value == plain.render(said="rgr"), "other keys are no words"
    field.value = "r" * 30
    assert image.value == plain.render(said="r" * 20)
    with pytest.raises(CourseError, match="at most 3 letters"):
        Letters("said", "", "rg", 3).check("rgrg")


def test_what_nobody_can_be_asked_about_is_refused():
    with pytest.raises(CourseError, match="colour images"):
        explore.can_you_tell(Flow())
    with pytest.raises(CourseError, match="real images"):
        explore.can_you_tell(Grey(), digits().take(30))
    with pytest.raises(CourseError, match="real images"):
        explore.can_you_tell(Grey(), data.load("faces-32", "test"))


def test_another_seed_begins_with_no_words(plain):
    inputs, _, readout, _ = parts(plain.widget(said="rg" * 10))
    assert "20 answered" in readout.value
    inputs["seed"].value = 3
    assert inputs["r or g, one each"].value == "" and "seed 3; 0 answered" in readout.value
