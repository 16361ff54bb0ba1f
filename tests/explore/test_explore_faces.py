"""Explorers of faces and of the transposed convolution: the numbers, the mouse.

The models are small and untrained, the judges made up: what they must read is known.
"""

import itertools

import numpy as np
import pytest
import torch
from shells import at, found, inside, panel, parts, pixels, tiny, tools
from torch.nn.functional import conv2d, conv_transpose2d

from course_lib import explore
from course_lib.data import faces
from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError
from course_lib.explore.kit import stamping
from course_lib.explore.kit.latent_space import draws, latents
from course_lib.explore.kit.panels import Strip, Tiles
from course_lib.explore.kit.readings import changed
from course_lib.models import DCGAN, GAN, VAE, Flow, RealNVP

torch.set_num_threads(1)

LINEAR = [name for name, factor in FACTORS.items() if factor.kind == "continuous"]
SIZE = 20


class Drawn(torch.nn.Module):
    """A generator whose factors are linear in z: each is the grey level of a pixel of its own."""

    def __init__(self, mixing=None):
        super().__init__()
        self.settings, self.shape = {"latent": SIZE}, (3, 8, 8)
        generator = torch.Generator().manual_seed(0)
        self.mixing = torch.randn(len(FACTORS), SIZE, generator=generator) / SIZE**0.5
        if mixing is not None:
            self.mixing = mixing

    def generate(self, z):
        x = torch.full((len(z), 3, 64), 0.5, dtype=z.dtype)
        x[:, 0, : len(FACTORS)] += 0.08 * z @ self.mixing.T.to(z.dtype)
        return x.view(-1, 3, 8, 8).clamp(0, 1)


class Reader:
    """Reads what `Drawn` draws: its factors, choices by their sign."""

    def read(self, images):
        assert images.dtype == torch.uint8 and images.shape[1] == 3
        levels = (images[:, 0].flatten(1).double() / 255 - 0.5) / 0.08
        found = {}
        for index, (name, factor) in enumerate(FACTORS.items()):
            value = levels[:, index]
            found[name] = value if factor.kind == "continuous" else (value > 0).long()
        return found


def dcgan(**settings):
    return DCGAN(shape=(3, 32, 32), width=4, latent=12, **settings)


def flow():
    return tiny((3, 32, 32))


def arrows(size):
    return {"smile": 3 * draws(2, size, 5)[0], "dark hair": torch.tensor(draws(2, size, 5)[1])}


MAKERS = {
    "walk": lambda: explore.walk(dcgan()),
    "walk flow": lambda: explore.walk(flow(), temperature=0.8),
    "walk digits": lambda: explore.walk(VAE(hidden=(16,), latent=6), draws(5, 6, 1)),
    "attributes": lambda: explore.attributes(dcgan(), arrows(12)),
    "attributes flow": lambda: explore.attributes(flow(), arrows(3072), judge=Reader()),
    "arithmetic": lambda: explore.arithmetic(Drawn(), judge=Reader()),
    "arithmetic given": lambda: explore.arithmetic(dcgan(), draws(11, 12, 0)),
    "arithmetic flow": lambda: explore.arithmetic(
        flow(), draws(9, 3072, 0), attribute="smile", judge=Reader()
    ),
    "transposed": explore.transposed,
    "face_factors": explore.face_factors,
}


# Faces ---------------------------------------------------------------------------------------


def test_latents_are_those_that_sample_draws():
    for model in (dcgan(), VAE(hidden=(16,), latent=6), flow()):
        space = latents(model, "this")
        own = model.sample(3, generator=torch.Generator().manual_seed(7)).mul(255).round()
        seen = space.pictures(draws(3, space.size, 7)).transpose(0, 3, 1, 2)
        off = np.abs(own.numpy() - seen[:, : own.shape[1]].astype(float))
        assert off.max() <= 1, "RealNVP's sample has levels, which rounding may miss by one"


def test_a_gan_with_averaged_weights_is_seen_through_them():
    model = dcgan(average=0.9)
    model.average.update()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.add_(0.3)
    z = draws(2, 12, 0)
    with torch.no_grad(), model.averaged():
        wanted = model.generate(torch.tensor(z).float())
    seen = latents(model, "this").pictures(z).transpose(0, 3, 1, 2)
    assert np.array_equal(seen, wanted.mul(255).round().byte().numpy())


def test_walk_begins_at_a_and_ends_at_b():
    model = dcgan()
    explorer, space = explore.walk(model, seed=3), latents(model, "walk")
    sample = space.pictures(draws(24, 12, 3))
    for t, index in ((0.0, 4), (1.0, 17)):
        assert found(pixels(explorer.render(a=4, b=17, t=t)), sample[index], 256)
    text = explorer.readout(a=4, b=17, t=0.5, path="straight")
    middle = np.linalg.norm(draws(24, 12, 3)[[4, 17]].mean(0))
    assert f"From 4 to 17, straight, t = 0.50. Norm of z {middle:.2f};" in text
    low = explore.walk(model, seed=3, temperature=0.5).readout(a=4, b=17, path="straight")
    assert f"Norm of z {middle / 2:.2f};" in low


def test_the_mouse_chooses_both_ends_of_the_walk(explorers):
    explorer = explorers["walk"]
    sheet, strip = panel(explorer, Tiles), panel(explorer, Strip)
    place = lambda index: inside(sheet, index)
    after = explorer.press(place(8), place(21))
    assert (after["a"], after["b"]) == (8, 21)
    assert explorer.press(place(8), a=3, b=4) == explorer.start | {"a": 3, "b": 8}
    assert explorer.press(place(8), at(strip, 0.5, 0.5)) == explorer.start, "dropped beside"
    assert explorer.press(at(strip, 0.5, 0.5), t=0.1)["t"] == 0.5
    assert explorer.press((5, 60)) == explorer.start
    short = explorers["walk digits"]
    sheet = panel(short, Tiles)
    assert short.press(inside(sheet, 4))["b"] == 4
    assert short.press(inside(sheet, 5)) == short.start


def test_a_flow_shows_the_strips_nearest_first_and_says_so(explorers):
    light, whole = explorers["walk flow"].frames(t=0.34)
    assert light.png != whole.png and light.text == whole.text
    assert len(list(explorers["walk"].frames(t=0.34))) == 1


def test_the_sheet_knows_the_tile_under_every_pixel_that_it_draws():
    sheet = Tiles(6, 11)
    sheet.put(26, 38)
    for index in range(11):
        x, y = sheet.corner(index)
        for dx, dy in itertools.product((0, 32, 63), repeat=2):
            assert sheet.value((x + dx, y + dy)) == index
    assert sheet.value(inside(sheet, 11)) is sheet.value((sheet.left - 1, 50)) is None


def test_attributes_show_z_plus_what_the_sliders_say():
    model, directions = dcgan(), arrows(12)
    explorer = explore.attributes(model, directions, seed=2)
    z = draws(24, 12, 2)[5] + 1.5 * directions["smile"] - 0.7 * directions["dark hair"].numpy()
    wanted = latents(model, "attributes").pictures(z[None])[0]
    assert found(
        pixels(explorer.render(sample=5, smile=1.5, **{"dark hair": -0.7})), wanted, 256
    )
    assert "moved by 0.00 of the norm of z. The judge reads changed: nothing." in (
        explorer.readout(sample=5, smile=0.0)
    )
    assert explorer.press(inside(panel(explorer, Tiles), 7))["sample"] == 7


def test_attributes_open_on_a_face_that_changes():
    mixing = torch.eye(len(FACTORS), SIZE) / 4
    smile = torch.zeros(SIZE)
    smile[list(FACTORS).index("smile")] = 3.0
    z = draws(6, SIZE, 0)
    explorer = explore.attributes(Drawn(mixing), {"smile": smile}, z, judge=Reader())
    assert explorer.start["smile"] == 1.0 and "changed: smile" in explorer.readout()
    still = explore.attributes(Drawn(mixing), {"smile": 0 * smile}, z, judge=Reader())
    assert still.start["sample"] == 0, "nothing changes anywhere"


def test_a_latent_point_at_the_origin_is_walked_from_and_moved():
    model = dcgan()
    with np.errstate(all="raise"):
        for explorer in (
            explore.walk(model, np.zeros((3, 12))),
            explore.walk(model, temperature=0.0),
        ):
            assert "Norm of z 0.00" in explorer.readout()
    explorer = explore.attributes(model, {"a": np.ones(12)}, np.zeros((2, 12)))
    assert "moved by 3.46 from z = 0." in explorer.readout(a=1.0)


def test_the_judge_says_what_a_direction_changes_besides():
    mixing = torch.eye(len(FACTORS), SIZE) / 4
    both = torch.zeros(SIZE)
    both[LINEAR and list(FACTORS).index("smile")] = both[list(FACTORS).index("turn")] = 3.0
    explorer = explore.attributes(Drawn(mixing), {"smile": both}, judge=Reader())
    text = explorer.readout(smile=1.0).partition("changed: ")[2]
    assert [part.split()[0] for part in text.split(", ")] == ["smile", "turn"]


def test_directions_of_a_linear_generator_are_its_pseudo_inverse():
    """Least squares on all factors; the plain difference of means moves a neighbour too."""
    z, factors = explore.judged_draws(Drawn(), 4000, judge=Reader())
    found = explore.attribute_directions(z, factors, ("smile", "turn", "glasses"))
    mixing, order = Drawn().mixing.double(), list(FACTORS)
    for name in ("smile", "turn"):
        moved = mixing @ found[name].double()
        wanted = torch.zeros(len(FACTORS), dtype=torch.float64)
        wanted[order.index(name)] = 1
        assert (moved - wanted)[[order.index(n) for n in LINEAR]].abs().max() < 0.05
    z = z.double()
    high = factors["smile"] > 0
    plain = mixing @ (z[high].mean(0) - z[~high].mean(0))
    plain = plain / plain[order.index("smile")]
    plain[order.index("smile")] = 0
    assert plain[[order.index(n) for n in LINEAR]].abs().max() > 0.3, "a mistake worth naming"


def test_a_direction_of_a_choice_is_with_minus_without():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(600, 4, generator=generator)
    hair = torch.randint(0, 3, (600,), generator=generator)
    glasses = torch.randint(0, 2, (600,), generator=generator)
    z[:, 0] += 2.0 * glasses
    z[:, 1] += torch.tensor([0.0, 1.0, 5.0])[hair]
    alone = explore.attribute_directions(z, {"glasses": glasses}, ["glasses"])["glasses"]
    means = z[glasses == 1].mean(0) - z[glasses == 0].mean(0)
    assert alone == pytest.approx(means, abs=1e-5), "one attribute: the difference of means"
    both = {"glasses": glasses, "hair": hair}
    found = explore.attribute_directions(z, both, ["glasses", "hair=short", "hair=side"])
    assert found["glasses"] == pytest.approx([2.0, 0, 0, 0], abs=0.4)
    share = torch.bincount(hair).double() / 600
    others = 5 * share[2] / (share[0] + share[2])
    assert found["hair=short"][1].item() == pytest.approx(1 - others.item(), abs=0.4)
    others = 1 * share[1] / (share[0] + share[1])
    assert found["hair=side"][1].item() == pytest.approx(5 - others.item(), abs=0.4)


Z, ONES = torch.zeros(50, 4), torch.ones(50, dtype=torch.long)
SMILE, HAIR = torch.linspace(-1, 1, 50), torch.arange(50) % 4
ask = explore.attribute_directions


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ask(Z, {"smile": SMILE}, ["smiles"]), "Did you mean 'smile'"),
        (lambda: ask(Z, {"glasses": ONES}, ["glasses"]), "glasses occurs in all of 50"),
        (lambda: ask(Z, {"hair": HAIR}, ["hair=bun"]), "hair=bun occurs in none of 50"),
        (lambda: ask(Z, {"hair": HAIR}, ["hair=curlz"]), "Did you mean 'curly'"),
        (
            lambda: ask(Z, {"hair": HAIR}, ["hair"]),
            "hair has 4 options: say which, as hair=short",
        ),
        (lambda: ask(Z, {"smile": SMILE[:-1]}, ["smile"]), "of one n are wanted"),
        (lambda: ask(Z[:2], {"smile": SMILE[:2]}, ["smile"]), "need more examples than 2"),
    ],
)
def test_directions_that_cannot_be_told_are_refused(make, message):
    with pytest.raises(CourseError, match=message):
        make()


def test_arithmetic_is_mean_minus_mean_plus_mean_and_carries_a_linear_attribute_over():
    model, points = Drawn(torch.eye(len(FACTORS), SIZE) / 4), draws(24, SIZE, 3)
    column = list(FACTORS).index("glasses")
    points[:, column] = np.where(np.arange(24) < 12, 6.0, -6.0)
    explorer = explore.arithmetic(model, points, judge=Reader())
    chosen = {"a1": 0, "a2": 1, "a3": 2, "b1": 12, "b2": 13, "b3": 14}
    chosen |= {"c1": 20, "c2": 21, "c3": 22}
    text = explorer.readout(**chosen)
    assert "the judge reads glasses yes; neighbours with it: 8 of 8" in text
    assert "glasses no → yes" in text
    a, b, c = (points[i : i + 3].mean(0) for i in (0, 12, 20))
    wanted = latents(model, "this").pictures((a - b + c)[None])[0]
    assert found(pixels(explorer.render(**chosen)), wanted, 128, rim=4)
    same = explorer.readout(**chosen | {"a1": 12, "a2": 13, "a3": 14})
    assert "glasses no; neighbours with it: 0 of 8" in same and "changed: nothing." in same


def test_arithmetic_finds_its_candidates_with_and_without_the_attribute(explorers):
    text = explorers["arithmetic"].readout()
    assert "the judge reads glasses" in text
    explorer = explore.arithmetic(Drawn(), attribute="smile", judge=Reader())
    start = [explorer.start[name] for name in ("a1", "a3", "b1", "c3")]
    assert start == [0, 2, 12, 17]
    never = Drawn(torch.zeros(len(FACTORS), SIZE))
    with pytest.raises(CourseError, match="finds 480 with beard and 0 without"):
        explore.arithmetic(never, attribute="beard", judge=Reader())


def test_the_mouse_puts_a_picture_into_the_group_that_is_asked_for(explorers):
    explorer = explorers["arithmetic"]
    place = inside(panel(explorer, Tiles), 10)
    after = explorer.press(place, letter="B")
    assert [after[f"b{i}"] for i in (1, 2, 3)] == [13, 14, 10]
    assert [after[f"a{i}"] for i in (1, 2, 3)] == [0, 1, 2]
    assert explorer.press(place, **after) == after, "holding the button changes nothing more"
    assert explorer.press((600, 100)) == explorer.start


def test_face_factors_are_rendered_as_set_and_told_where_the_judge_misreads():
    class Echo:
        """Knows the answer to the faces that it is asked about, but for the smile."""

        def read(self, images):
            assert images.shape == (1, 3, 64, 64) and images.dtype == torch.uint8
            return faces.neutral() | {"smile": torch.tensor([0.9])}

    explorer = explore.face_factors(judge=Echo())
    assert "misreads: smile +0.90, set 0.00." in explorer.readout()
    assert "The judge reads everything" in explorer.readout(smile=1.0)
    wrong = explorer.readout(smile=1.0, hair="curly")
    assert "misreads: hair short, set curly." in wrong
    large = faces.render(faces.neutral() | {"turn": torch.tensor([0.5])}, size=320)[0]
    assert found(pixels(explorer.render(turn=0.5)), large.permute(1, 2, 0).numpy(), 320)
    assert [c.name for c in explorer.controls] == list(FACTORS)


def test_changed_counts_options_and_a_quarter_of_the_range():
    start = {name: values.item() for name, values in faces.neutral().items()}
    assert changed(start, start | {"smile": 0.49, "skin": 0.74}) == []
    assert changed(start, start | {"smile": -0.51, "skin": 0.76, "hair": 3}) == [
        "skin",
        "hair",
        "smile",
    ]


def grey():
    return VAE(hidden=(16,), latent=6)


slid = explore.attributes


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: explore.walk(Flow()), r"Flow has examples of shape \(2,\)"),
        (lambda: explore.walk(torch.nn.Linear(2, 2)), r"Linear has none of \.decode"),
        (
            lambda: explore.walk(RealNVP(width=4, blocks=1, classes=3)),
            "conditioned on 3 classes",
        ),
        (
            lambda: explore.walk(grey(), np.zeros((4, 5))),
            r"latent points \(n, 6\); got \(4, 5\)",
        ),
        (lambda: explore.walk(grey(), np.full((4, 6), np.nan)), "NaN"),
        (lambda: slid(grey(), {"smile": np.zeros(6)}), "colour images"),
        (lambda: explore.arithmetic(GAN(hidden=(4,))), "colour images"),
        (lambda: slid(dcgan(), {"smile": np.zeros(11)}), "'smile' must be 12 finite numbers"),
        (lambda: slid(dcgan(), {}), "directions must hold"),
        (lambda: explore.arithmetic(dcgan(), np.zeros((4, 12))), "9 or more latent points"),
        (lambda: explore.arithmetic(dcgan(), attribute="glass"), "Did you mean 'glasses'"),
        (lambda: explore.face_factors(judge=3), "wants a judge"),
        (lambda: explore.judged_draws(dcgan(), 0), "whole number from 1"),
    ],
)
def test_the_right_model_and_judge_are_asked_for(make, message):
    with pytest.raises(CourseError, match=message):
        make()


# The transposed convolution ------------------------------------------------------------------

SETTINGS = list(itertools.product((2, 3, 4), range(1, 6), (1, 2, 3), range(4), range(3)))


def torchs(x, kernel, stride, padding, output_padding):
    x, kernel = (torch.as_tensor(v, dtype=torch.float64)[None, None] for v in (x, kernel))
    return conv_transpose2d(
        x, kernel, stride=stride, padding=padding, output_padding=output_padding
    )[0, 0].numpy()


def test_stamps_and_matrix_are_torchs_conv_transpose2d_wherever_it_takes_the_settings():
    rng, refused = np.random.default_rng(0), 0
    for n, k, *settings in SETTINGS:
        x, kernel = rng.normal(size=(n, n)), rng.normal(size=(k, k))
        try:
            wanted = torchs(x, kernel, *settings)
        except RuntimeError:
            refused += 1
            with pytest.raises(CourseError):
                stamping.stamps(x, kernel, *settings)
            continue
        found = stamping.stamps(x, kernel, *settings)
        assert found.shape == (n * n, *wanted.shape)
        assert found.sum(0) == pytest.approx(wanted, abs=1e-12)
        as_matrix = stamping.matrix(n, kernel, *settings)
        assert as_matrix @ x.ravel() == pytest.approx(wanted.ravel(), abs=1e-12)
    assert 0 < refused < len(SETTINGS) / 2


def test_the_matrix_is_the_transpose_of_the_convolutions():
    rng = np.random.default_rng(1)
    for n, k, stride, padding, extra in ((3, 3, 2, 1, 1), (4, 4, 2, 1, 0), (2, 5, 3, 2, 2)):
        kernel = rng.normal(size=(k, k))
        side = stamping.check(n, k, stride, padding, extra)
        y = rng.normal(size=(side, side))
        forward = conv2d(
            *(torch.as_tensor(v)[None, None] for v in (y, kernel)),
            stride=stride,
            padding=padding,
        )
        assert forward.shape[2:] == (n, n)
        found = stamping.matrix(n, kernel, stride, padding, extra).T @ y.ravel()
        assert found == pytest.approx(forward.numpy().ravel(), abs=1e-12)


def test_overlaps_are_even_inside_only_where_the_stride_divides_the_kernel():
    ones = lambda k: stamping.stamps(np.ones((4, 4)), np.ones((k, k)), 2, 0, 0).sum(0)
    assert len(np.unique(ones(4)[2:-2, 2:-2])) == 1
    assert len(np.unique(ones(3)[2:-2, 2:-2])) > 1


def test_what_is_shown_is_always_possible_and_said_to_be_something_else():
    for settings in SETTINGS:
        *shown, words = stamping.possible(*settings)
        assert stamping.check(*settings[:3], *shown) >= 1
        assert bool(words) == (tuple(shown) != settings[3:])
    text = explore.transposed().readout(stride=1, output_padding=2)
    assert "Shown with output_padding 0: it must be smaller than the stride." in text
    text = explore.transposed().readout(size=2, kernel=1, stride=1, padding=3)
    assert "Shown with padding 0: more would cut off the whole output." in text


def test_a_press_on_an_input_pixel_goes_to_its_stamp(explorers):
    explorer = explorers["transposed"]
    source = next(iter(explorer.mouse))
    assert explorer.press(at(source, 2.5 / 3, 0.5))["step"] == 6
    assert explorer.press(at(source, 0.1, 0.9), (9999, 9999))["step"] == 9
    assert explorer.press((300, 100)) == explorer.start
    text = explorer.readout(step=6)
    assert "Stamp 6 of 9: 3 times the kernel, from row 1, column 3 of the output." in text
    assert explorer.readout(step=0).startswith("No stamp yet. Output 6×6;")


def test_the_slider_has_as_many_stamps_as_the_picture():
    explorer = explore.transposed()
    inputs, image, readout, _ = parts(explorer.widget(size=4, step=14))
    assert inputs["stamps"].max == 16
    inputs["side of the input"].value = 2
    assert inputs["stamps"].max == inputs["stamps"].value == 4
    assert "Stamp 4 of 4" in readout.value
    assert image.value == explorer.render(size=2, step=4)
    inputs["side of the input"].value = 4
    assert inputs["stamps"].max == 16
    box = explorer.widget(step=16)
    assert explorer.state["step"] == 9, "no more than there are is said, nor reset to"
    parts(box)[0]["stamps"].value = 2
    tools(box)[-1].click()
    assert explorer.state["step"] == parts(box)[0]["stamps"].value == 9
