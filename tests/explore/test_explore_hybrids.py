"""Explorers of models that are told what to draw: the numbers, the drawing.

The models are small and untrained; what must be seen is computed from them a second time.
"""

from importlib import import_module

import numpy as np
import pytest
import torch
from shells import at, found, inside, panel, parts, pixels, shaken

from course_lib import data, explore
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.explore.kit import strokes
from course_lib.explore.kit.axes import Curve, Pad
from course_lib.explore.kit.latent_space import draws
from course_lib.explore.kit.panels import Button, Tiles
from course_lib.explore.kit.strokes import MOST
from course_lib.models import AAE, CGAN, CVAE, CVAEGAN, DCGAN

class_style, transfer, told = (
    import_module(f"course_lib.explore.{n}")
    for n in ("class_style", "transfer", "told_attributes")
)

torch.set_num_threads(1)

SMALL = {"width": 4, "dense": 16, "latent": 6}
SEVEN = "8.0,7.0 20.0,6.0 13.0,24.0; 10.0,16.0 18.0,15.0"


def cvaegan(**settings):
    """A small CVAE-GAN whose average differs from its weights, as that of a trained one does."""
    return shaken(CVAEGAN(**SMALL | settings), 0.1)


def faces(**settings):
    return cvaegan(recipe="faces", shape=(3, 32, 32), **settings)


MAKERS = {
    "class_style": lambda: explore.class_style(cvaegan()),
    "class_style CGAN": lambda: explore.class_style(CGAN(**SMALL)),
    "class_style faces": lambda: explore.class_style(faces()),
    "morph": lambda: explore.morph(cvaegan()),
    "morph CVAE": lambda: explore.morph(CVAE(**SMALL, classes=3)),
    "transfer": lambda: explore.transfer(cvaegan()),
    "transfer CVAE": lambda: explore.transfer(CVAE(**SMALL)),
    "told_attributes": lambda: explore.told_attributes(faces()),
    "told_attributes CGAN": lambda: explore.told_attributes(
        CGAN(**SMALL, shape=(3, 32, 32), classes=0, attributes=("smile", "hat"))
    ),
}
TIMED = {
    "class_style": lambda: explore.class_style(CVAEGAN()),
    "class_style faces": lambda: explore.class_style(CVAEGAN("faces")),
    "morph": lambda: explore.morph(CVAEGAN()),
    "transfer": lambda: explore.transfer(CVAEGAN()),
    "told_attributes": lambda: explore.told_attributes(CVAEGAN("faces")),
}


def uint8(images):
    """Floats (n, C, H, W) → (n, H, W, 3), without what the explorers use."""
    levels = images.mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    return np.broadcast_to(levels, (*levels.shape[:3], 3))


def stands(explorer, image, side, /, **state):
    """Where an image (H, W, 3) stands in the picture of a state, fitted into a square."""
    return found(pixels(explorer.render(**state)), image, side)


# Class × style ---------------------------------------------------------------------------


def test_class_style_draws_every_class_in_the_style_of_the_sliders():
    model = cvaegan()
    explorer = explore.class_style(model, dims=(4, 1))
    z = torch.tensor(draws(1, 6, 7)).float()
    z[0, 4], z[0, 1] = -1.2, 0.7
    wanted = uint8(model.decode(z.repeat(10, 1), range(10)))
    state = {"z1": -1.2, "z2": 0.7, "seed": 7, "chosen": "8"}
    assert stands(explorer, wanted[8], 252, **state)
    for column in (0, 5, 9):
        assert stands(explorer, wanted[column], 64, **state)
    assert "z[4] = −1.2, z[1] = 0.7, the other 4 numbers from seed 7" in explorer.readout(
        **state
    )


def test_class_style_of_attributes_has_none_each_alone_and_all():
    model = faces()
    explorer = explore.class_style(model, dims=(0, 1))
    names = ("none", "glasses", "beard", "smile", "mouth_open", "skin", "all")
    assert explorer.controls[-1].options == names
    z = torch.tensor(draws(1, 6, 3)).float()
    z[0, :2] = 0.5
    for chosen, told in (("none", [0] * 5), ("beard", [0, 1, 0, 0, 0]), ("all", [1] * 5)):
        state = {"z1": 0.5, "z2": 0.5, "seed": 3, "chosen": chosen}
        wanted = uint8(model.decode(z, told))
        assert stands(explorer, wanted[0], 252, **state)


def test_the_plane_is_that_of_the_two_numbers_that_change_most():
    model = cvaegan()
    with torch.no_grad():
        for network in model.averages():  # z[2] and z[5] alone reach the image
            if network is model.generator:
                network[1][0].weight[[0, 1, 3, 4]] *= 1e-3
                network[1][0].weight[5] *= 0.5
    model.average.updates.zero_()
    labels = [c.label for c in explore.class_style(model).controls[:2]]
    assert labels == ["z[2]", "z[5]"]


def test_a_press_moves_the_style_or_takes_a_picture(explorers):
    explorer = explorers["class_style"]
    plane, sheet = panel(explorer, Pad), panel(explorer, Tiles)
    middle = at(plane, 0.5, 0.5)
    assert explorer.press(middle, z1=1.0) == explorer.start | {"z1": 0.0, "z2": 0.0}
    assert explorer.press(middle, (9999, -9999), z1=1.0)["z1"] == 3.0
    assert explorer.press(inside(sheet, 4)) == explorer.start | {"chosen": "4"}
    after = explorer.press(inside(sheet, 16))
    dims = [int(c.label[2:-1]) for c in explorer.controls[:2]]
    z = draws(1, 6, class_style.OTHERS[0])[0, dims].clip(-3, 3)
    assert (after["chosen"], after["seed"]) == ("6", class_style.OTHERS[0])
    assert np.allclose([after["z1"], after["z2"]], z, atol=0.0501)
    assert explorer.press((plane.left, plane.top - 9)) == explorer.start


# Morph -----------------------------------------------------------------------------------


def test_morph_ends_in_both_digits_and_mixes_label_and_style_apart():
    model = cvaegan()
    explorer = explore.morph(model)
    codes = {seed: torch.tensor(draws(1, 6, seed)).float() for seed in (4, 9)}
    state = {"a": 2, "b": 7, "seed_a": 4, "seed_b": 9}
    for style, seed in ((0.0, 4), (1.0, 9)):
        for label, digit in ((0.0, 2), (1.0, 7)):
            now = state | {"style": style, "label": label}
            assert stands(explorer, uint8(model.decode(codes[seed], digit))[0], 224, **now)
    half = torch.zeros(1, 10)
    half[0, [2, 7]] = 0.5
    with torch.no_grad(), model.averaged():
        model.generator.eval()
        wanted = uint8((model.write(codes[4], half) + 1) / 2)[0]
    assert stands(explorer, wanted, 224, **state, style=0.0, label=0.5)
    corner = uint8(model.decode(codes[4], 2))[0]
    assert stands(explorer, corner, 58, **state, style=1.0, label=1.0)


class Bright(torch.nn.Module):
    """Reads a three, the surer the brighter the image is, else an eight."""

    def forward(self, x):
        logits = torch.full((len(x), 10), -50.0)
        logits[:, 3] = 40 * (x.flatten(1).mean(1) - 0.5)
        logits[:, 8] = 0.0
        return logits


def test_morph_says_what_the_judge_reads_there():
    model = cvaegan()
    explorer = explore.morph(model, judge=Bright().eval())
    x = model.decode(torch.tensor(draws(1, 6, 1)).float(), 3)
    p = Bright()((x * 255).round() / 255).softmax(1)[0]
    assert f"P(3) = {p[3]:.2f}, P(8) = {p[8]:.2f}." in explorer.readout(style=0.0, label=0.0)
    assert explore.morph(model, judge=lambda x: Bright()(x)).readout() == explorer.readout()
    assert "judge" not in MAKERS["morph CVAE"]().readout(), "nobody reads three classes"


def test_a_press_in_the_grid_goes_to_the_middle_of_a_cell_and_between(explorers):
    explorer = explorers["morph"]
    square = panel(explorer, Tiles)
    place = lambda column, row: at(square, (column + 0.5) / 7, 1 - (row + 0.5) / 7)
    after = explorer.press(place(0, 0))
    assert (after["label"], after["style"]) == (0.0, 1.0)
    after = explorer.press(place(0, 0), place(4.5, 6))
    assert (after["label"], after["style"]) == (0.76, 0.0)
    assert explorer.press(place(0, 0), (2000, 45))["label"] == 1.0
    assert explorer.press(at(panel(explorer, Curve), 0.3, 0.5))["label"] == 0.3
    assert explorer.press((square.left, square.top - 5)) == explorer.start


# Strokes ---------------------------------------------------------------------------------


def test_strokes_are_text_and_text_is_strokes():
    path = strokes.read(SEVEN, 28)
    assert [len(stroke) for stroke in path] == [3, 2] and path[1][0] == (10.0, 16.0)
    assert strokes.written(path) == SEVEN and strokes.read("", 28) == []
    assert strokes.first(path, 4) == [path[0], path[1][:1]]
    assert strokes.first(path, 3) == path[:1] and strokes.first(path, 0) == []
    for wrong in ("1,2,3", "a,b", "5 6", "1,29", "-1,3", "nan,2", None):
        with pytest.raises(CourseError, match="A drawing is text such as"):
            strokes.read(wrong, 28)


def test_a_pen_goes_on_until_it_is_put_down_elsewhere():
    path = []
    for begin, end in (
        ((3.04, 4), (3, 4)),
        ((3, 4), (5, 6)),
        ((3, 4), (5, 6)),
        ((3, 4), (7.26, 6)),
        ((9, 9), (9, 9)),
        ((9, 9), (8, 2)),
    ):
        path = strokes.lengthened(path, begin, end)
    assert strokes.written(path) == "3.0,4.0 5.0,6.0 7.3,6.0; 9.0,9.0 8.0,2.0"


def mass(ink):
    grid = np.arange(len(ink)) + 0.5
    return np.array([ink.sum(0) @ grid, ink.sum(1) @ grid]) / ink.sum()


def thickness(ink):
    """Twice the ink over the total variation: the width of a long strip."""
    return 2 * ink.sum() / np.hypot(*np.gradient(ink)).sum()


def test_a_drawing_is_centred_and_sized_as_the_test_digits_are():
    digits = data.load("digits", "test").images[:300, 0].numpy() / 255
    where = np.array([mass(digit) for digit in digits])
    sides = [max(np.ptp(np.nonzero(digit > 0.2), axis=1) + 1) for digit in digits]
    assert np.abs(where - 14.5).max() < 0.6 and np.quantile(sides, [0.1, 0.9]).tolist() == [
        20,
        20,
    ]
    path = strokes.read(SEVEN, 28)
    ink = strokes.centred(path)
    assert np.abs(mass(ink) - np.median(where, axis=0)).max() < 0.1
    assert max(np.ptp(np.nonzero(ink > 0.2), axis=1) + 1) in (20, 21)
    assert abs(thickness(ink) - np.median([thickness(digit) for digit in digits])) < 0.15
    away = [[(2 + 0.3 * x, 1 + 0.3 * y) for x, y in stroke] for stroke in path]
    assert np.allclose(strokes.centred(away), ink), "small and in a corner: the same digit"
    plain = strokes.rendered([np.array(stroke) for stroke in path], 28, strokes.PEN)
    assert np.abs(mass(plain) - 14.5).max() > 0.6, "uncentred it is another image"


def test_a_dot_stays_a_dot_and_nothing_stays_nothing():
    dot = strokes.centred([[(3.0, 4.0)]])
    assert dot.max() == 1 and abs(dot.sum() - np.pi * (strokes.PEN / 2) ** 2) < 0.6
    assert not strokes.centred([]).any()


def test_the_pen_is_full_in_the_middle_and_has_soft_edges():
    ink = strokes.rendered([np.array([(5.0, 10.5), (20.0, 10.5)])], 28, 2.6)
    assert np.allclose(ink[8:14, 12], [0, 0.8, 1, 0.8, 0, 0])
    assert not ink[:, 24:].any() and ink[10, 5:20].min() == 1


# Transfer --------------------------------------------------------------------------------


def test_transfer_decodes_the_code_of_a_test_digit_in_all_classes():
    model, digits = cvaegan(), data.load("digits", "test")
    explorer = explore.transfer(model)
    x = digits.images[3:4].float() / 255
    mean, _ = model.encode(x, 5)
    wanted = uint8(model.decode(mean.repeat(10, 1), range(10)))
    state = {"digit": 3, "label": "5"}
    for tile in (0, 4, 9):
        assert stands(explorer, wanted[tile], 64, **state)
    assert stands(explorer, wanted[5], 140, **state)
    text = explorer.readout(**state)
    assert f"Test digit 3, labelled {digits.labels[3]}, is taken for a 5; the judge" in text
    read = f"is taken for a {digits.labels[3]}; the judge reads {digits.labels[3]}"
    assert read in explorer.readout(digit=3), "the judge proposes"


def dragged(explorer, *paths, **state):
    """What the shell does: a press for each place that the mouse comes to, on the pad."""
    state, paper = explorer.start | state, panel(explorer, transfer.Paper)
    for path in paths:
        places = [(paper.left + 10 * x, paper.top + 10 * y) for x, y in path]
        for place in places:
            state = explorer.press(places[0], place, **state)
    return state


def test_a_seven_drawn_small_in_a_corner_is_read_and_encoded_centred():
    model = cvaegan()
    explorer = explore.transfer(model)
    path = [[(2, 3), (7, 2.8), (4.5, 10)], [(3, 6), (6, 6)]]
    state = dragged(explorer, *path, digit=5)
    assert state["image"] == "your drawing" and state["ink"] == 5
    assert strokes.read(state["drawing"], 28) == path
    assert "Your drawing is taken for a 7; the judge reads 7" in explorer.readout(**state)
    x = torch.tensor(strokes.centred(path))[None, None].float()
    wanted = uint8(model.decode(model.encode(x, 7)[0].repeat(10, 1), range(10)))
    assert stands(explorer, wanted[2], 64, **state)


def test_ink_takes_points_away_and_clear_all_of_them(explorers):
    explorer = explorers["transfer"]
    state = dragged(explorer, [(8, 7), (20, 6), (13, 24)])
    paper, clear = panel(explorer, transfer.Paper), panel(explorer, Button)
    sheet, dot = panel(explorer, Tiles), (paper.left + 100, paper.top + 160)
    shorter = explorer.press(dot, **state | {"ink": 2})
    assert shorter["drawing"] == "8.0,7.0 20.0,6.0; 10.0,16.0" and shorter["ink"] == 3
    outside = explorer.press(dot, (-400, 9999), **state)
    assert outside["drawing"].endswith("; 10.0,16.0 0.0,28.0")
    cleared = explorer.press(at(clear, 0.5, 0.5), **state)
    assert (cleared["drawing"], cleared["ink"]) == ("", 0)
    assert explorer.frame(**cleared) == explorer.frame(**state | {"ink": 0})
    assert "Nothing is drawn yet" in explorer.readout(**cleared)
    chosen = explorer.press(inside(sheet, 6), **state)
    assert chosen == state | {"label": "6"}
    assert explorer.press((paper.left, paper.top - 5), **state) == state


def test_a_full_sheet_takes_no_more(explorers):
    turn = np.linspace(0, 40, MOST + 20)
    state = dragged(explorers["transfer"], np.stack([14 + 9 * np.cos(turn), turn / 2 + 3], 1))
    assert state["ink"] == MOST
    with pytest.raises(CourseError, match=f"at most {MOST} points"):
        explorers["transfer"].render(drawing=state["drawing"] + " 1.0,1.0")


def test_a_drawing_comes_through_the_shell_and_can_be_shown_again(explorers):
    explorer = explorers["transfer"]
    inputs, image, readout, field = parts(explorer.widget())
    ink, paper = inputs["ink (0: clear)"], panel(explorer, transfer.Paper)
    width, height = explorer.size
    for stroke in ([(8, 7), (20, 6), (13, 24)], [(10, 16), (18, 15)]):
        places = [
            ((paper.left + 10 * x) / width, (paper.top + 10 * y) / height) for x, y in stroke
        ]
        for moment, place in enumerate(places):
            field.value = " ".join(map(str, (*places[0], *place, moment)))
    assert explorer.state["drawing"] == SEVEN and ink.value == 5
    state = {"image": "your drawing", "drawing": SEVEN, "ink": 5}
    assert image.value == explorer.render(**state)
    ink.value = 3
    assert image.value == explorer.render(**state | {"ink": 3})
    again = parts(explorer.widget(**state))[1]
    assert again.value == explorer.render(**state) != image.value
    assert "Your drawing" in readout.value


def test_a_drawing_stands_still_where_no_kernel_runs(explorers, monkeypatch):
    """COURSE_STATIC: the picture of the state that was asked for, and its text as alternative."""
    displayed = []
    monkeypatch.setenv("COURSE_STATIC", "1")
    monkeypatch.setattr("course_lib.plots.style.display", displayed.append)
    explorer, state = (
        explorers["transfer"],
        {"image": "your drawing", "drawing": SEVEN, "ink": 5},
    )
    explore.show(explorer, **state)
    (still,) = displayed
    assert explorer.readout(**state) in repr(vars(still)) and explorer.about in repr(
        vars(still)
    )


# Attributes that are told ------------------------------------------------------------------


def test_told_attributes_go_from_what_they_are_to_the_opposite():
    model = faces()
    explorer = explore.told_attributes(model)
    generator = torch.Generator().manual_seed(4)
    z = torch.randn(1, 6, generator=generator)
    own = model.condition.asked(1, generator)[0].tolist()
    state = {"number": 4, "source": "a draw", "glasses": 0.0}
    first = uint8(model.decode(z, own))[0]
    left, top = stands(explorer, first, 256, **state)
    picture = pixels(explorer.render(**state))[top : top + 256, left + 1 :]
    assert found(picture, first, 256), "the second is as the first"
    wanted = uint8(model.decode(z, [own[0], 1 - own[1], *own[2:]]))[0]
    assert stands(explorer, wanted, 256, **state | {"beard": 1.0})
    vector = 2 * torch.tensor([own]).float() - 1
    vector[0, 0] *= 0.2
    with torch.no_grad(), model.averaged():
        model.generator.eval()
        wanted = uint8((model.write(z, vector) + 1) / 2)[0].repeat(8, 0).repeat(8, 1)
    picture = pixels(explorer.render(**state | {"glasses": 0.4}))
    second = picture[top : top + 256, left + 270 : left + 526].astype(int)
    assert np.abs(second - wanted).max() <= 1
    text = explorer.readout(**state | {"glasses": 0.4})
    assert text.startswith("Seed 4, told otherwise: glasses ") and "beard" not in text[:40]


def test_a_test_face_is_encoded_with_its_own_attributes():
    model, test = faces(), data.load("faces-32", "test")
    explorer = explore.told_attributes(model)
    labels = model.condition.read(None, test.attributes.__getitem__)[7:8]
    mean, _ = model.encode(test.images[7:8].float() / 255, labels)
    state = {"source": "a test face", "number": 7, "glasses": 0.0}
    assert stands(explorer, uint8(model.decode(mean, labels))[0], 256, **state)
    assert stands(explorer, uint8(test.images[7:8].float() / 255)[0], 128, **state)
    assert "The judge reads changed: nothing." in explorer.readout(**state)


def test_told_attributes_open_on_the_face_that_is_rebuilt_best():
    model, test = faces(), data.load("faces-32", "test").take(50)
    labels = model.condition.read(None, test.attributes.__getitem__)
    x = test.images.float() / 255
    off = (model.decode(model.encode(x, labels)[0], labels) - x).square().mean((1, 2, 3))
    start = explore.told_attributes(model).start
    assert (start["source"], start["glasses"]) == ("a test face", 1.0)
    assert off[start["number"]] < off.min() + 1e-4


def test_what_is_told_can_be_dragged(explorers):
    explorer = explorers["told_attributes"]
    lines = panel(explorer, told.Told)
    own = explorer.readout(beard=1.0).partition("beard ")[2][:2]  # what it is told as it is
    beard = lambda x: at(lines, x, 1 - 1.5 / 5)
    as_it_is, opposite = (0.999, 0.0) if own == "+1" else (0.0, 0.999)
    assert explorer.press(beard(as_it_is), beard=0.3)["beard"] == 0.0
    assert explorer.press(beard(as_it_is), beard(opposite))["beard"] == 1.0
    assert explorer.press(beard(0.5), (beard(0.5)[0], 9999))["beard"] == 0.5


# What is refused ---------------------------------------------------------------------------


told_of = lambda data: explore.told_attributes(faces(), data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: explore.class_style(DCGAN(width=4)), "told what to draw.* got DCGAN"),
        (lambda: explore.morph(object()), "told what to draw"),
        (lambda: explore.class_style(AAE(**SMALL)), "this AAE is told nothing"),
        (lambda: explore.class_style(cvaegan(classes=11)), "room for 10 columns; got 11"),
        (lambda: explore.class_style(cvaegan(latent=1)), "two numbers in z"),
        (lambda: explore.class_style(cvaegan(), dims=(1, 6)), "from 0 to 5; got"),
        (lambda: explore.class_style(cvaegan(), dims=3), "from 0 to 5; got 3"),
        (lambda: explore.class_style(cvaegan(), dims=(2, 2)), "from 0 to 5; got"),
        (lambda: explore.morph(faces()), "told classes; .* attributes .*told_attributes"),
        (lambda: explore.morph(cvaegan(), judge=5), "wants a judge such as"),
        (lambda: explore.transfer(faces()), "told classes; .*told_attributes"),
        (lambda: explore.transfer(CGAN(**SMALL)), "with an encoder.* CGAN can't read"),
        (lambda: explore.transfer(cvaegan(shape=(3, 32, 32))), "square grey images"),
        (lambda: explore.transfer(cvaegan(shape=(1, 32, 32))), "data set of at least two"),
        (lambda: explore.transfer(cvaegan(), data.load("faces-32", "test")), "with labels"),
        (
            lambda: explore.transfer(cvaegan(), DataSet(torch.zeros(3, 1, 28, 28).byte())),
            "with labels",
        ),
        (lambda: explore.told_attributes(cvaegan()), "told attributes; .* 10 classes: .*morph"),
        (lambda: told_of(data.load("digits")), r"of shape \(3, 32, 32\)"),
        (lambda: told_of(data.load("faces-64", "test")), r"of shape \(3, 32, 32\)"),
        (lambda: told_of(DataSet(torch.zeros(3, 3, 32, 32).byte())), "attribute"),
        (lambda: told_of(data.load("faces-32", "test").take(1)), "same for all images"),
    ],
)
def test_what_cannot_be_explored_is_refused_before_any_work(make, message):
    with pytest.raises(CourseError, match=message):
        make()


def test_more_classes_than_there_is_room_for_are_refused():
    with pytest.raises(CourseError, match="transfer has room for 10 classes; got 11"):
        explore.transfer(CVAE(**SMALL | {"classes": 11}))
