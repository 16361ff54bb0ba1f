"""The explorers of image flows: the numbers said, what is kept, the speed."""

import statistics
import sys
import time
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from shells import at, panel, parts, pixels, tiny

from course_lib import explore
from course_lib.errors import CourseError
from course_lib.explore.fill import Rectangle
from course_lib.explore.kit.axes import Pad
from course_lib.explore.temperature import samples
from course_lib.models import GAN, VAE, Flow
from course_lib.models.inpainting import inpaint

fill = import_module("course_lib.explore.fill")

torch.set_num_threads(1)


def images(shape=(1, 28, 28), n=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=generator)


MAKERS = {
    "temperature": lambda: explore.temperature(tiny(), rows=2, columns=3),
    "temperature colour": lambda: explore.temperature(tiny((3, 32, 32)), rows=2, columns=4),
    "fill": lambda: explore.fill(tiny(), images(), steps=6),
    "fill colour": lambda: explore.fill(
        tiny((3, 32, 32)), SimpleNamespace(images=images((3, 32, 32))), steps=4
    ),
}


TIMED = {}  # here, by the control that asks for nothing new


@pytest.mark.parametrize("name", MAKERS)
def test_a_redraw_of_what_was_seen_is_fast_enough_for_a_slider(explorers, name):
    explorer = explorers[name]
    last = explorer.controls[-1]
    explorer.render(**{last.name: last.high})
    took = []
    for turn in range(9):
        begin = time.process_time()
        explorer.render(**{last.name: last.high if turn % 2 else last.low})
        took.append(time.process_time() - begin)
    assert statistics.median(took) < 0.060


def test_temperature_scales_the_same_latents_and_says_their_density():
    flow = tiny()
    z = flow.noise(18, 784, generator=torch.Generator().manual_seed(3))
    flow.eval()
    with torch.no_grad():
        density = flow.log_prob(flow.inverse(0.5 * z).clamp(0, 1)).mean()
    flow.train()
    text = explore.temperature(flow).readout(t=0.5, seed=3)
    assert f"is {density:.0f} nats".replace("-", "−") in text and "T = 0.5, seed 3" in text
    (frozen, _), (warm, _) = samples(flow, 4, 3, 0.0), samples(flow, 4, 3, 1.0)
    assert (frozen == frozen[:1]).all() and (warm != warm[:1]).any()
    assert flow.training


def test_temperature_shows_what_is_asked_before_it_computes_the_others(monkeypatch):
    asked = []
    module = sys.modules["course_lib.explore.temperature"]
    monkeypatch.setattr(module, "samples", lambda *a: asked.append(a[3]) or samples(*a))
    explorer = explore.temperature(tiny(), rows=1, columns=2)
    frames = explorer.frames(t=0.3, seed=1)
    first = next(frames)
    assert asked == [pytest.approx(0.3)]
    assert all(frame == first for frame in frames) and len(asked) == 13
    far = np.abs(np.array(asked) - 0.3)
    assert far == pytest.approx(np.sort(far)), "the nearest first"
    assert len(list(explorer.frames(t=1.2, seed=1))) == 1, "nothing is computed twice"
    assert len(asked) == 13


def test_fill_is_inpaint_seen_step_by_step():
    flow, levels = tiny(), images()
    readout = explore.fill(flow, levels, steps=4).readout(step=4, height=3, top=5)
    assert (
        "missing: rows 5 to 7, columns 0 to 27." in readout
        and "Step 4 of 4: Langevin" in readout
    )
    flow.eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        x, _ = flow.dequantise(
            levels[1:2].float(), flow.noise(1, 1, 28, 28, generator=generator)
        )
    hole = Rectangle(5, 0, 8, 28)
    known = torch.as_tensor(hole.known(28, 28))
    filled = inpaint(flow, x, known, steps=4, generator=generator)
    state = {"image": 1, "top": 5, "height": 3, "seed": 2, "step": 4}
    explorer = explore.fill(flow, levels, steps=4)
    shown = pixels(explorer.render(**state))
    for number, image in ((0, levels[1:2].float() / 255), (2, filled)):
        pane = panel(explorer, fill.Pane, number)
        middle = pane.zoom // 2  # of a pixel, beside the border of the hole
        rows, columns = (
            range(v + middle, v + middle + 28 * pane.zoom, pane.zoom) for v in pane.box[1::-1]
        )
        wanted = np.rint(image[0, 0].numpy() * 255)
        assert np.array_equal(shown[np.ix_(rows, columns)][:, :, 0], wanted)
    assert not any(p.grad is not None for p in flow.parameters())


def test_steps_are_computed_once_shown_as_they_come_and_no_further_than_asked(monkeypatch):
    taken = []

    def counted(flow, image, known, *, steps, **_):
        for step in range(steps + 1):
            taken.append(step)
            yield image * step / steps

    monkeypatch.setattr(fill, "filling", counted)
    explorer = explore.fill(tiny(), images(), steps=10)
    for step in (3, 1, 3, 5, 0):
        explorer.render(step=step)
    assert taken == [0, 1, 2, 3, 4, 5]
    explorer.render(step=2, seed=1)
    assert taken[6:] == [0, 1, 2]
    seen = [frame.text for frame in explorer.frames(step=4, seed=1)]
    assert [f"Step {k} of 10" in text for k, text in enumerate(seen, 2)] == [True] * 3
    assert taken[9:] == [3, 4], "each is shown as it comes"
    explorer.render(step=2, top=20, height=8)
    explorer.render(step=2, top=20, height=28)  # the same rectangle, cut at the border
    assert taken[11:] == [0, 1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: explore.temperature(GAN(hidden=(4, 4))), r"GAN lacks \.inverse"),
        (lambda: explore.temperature(Flow()), r"a shape \(C, H, W\)"),
        (lambda: explore.temperature(tiny(classes=3)), "not conditioned"),
        (lambda: explore.temperature(tiny(), rows=0), "rows .* from 1 to 13, not 0"),
        (lambda: explore.fill(Flow(), images()), "wants a RealNVP"),
        (lambda: explore.fill(tiny(classes=3), images()), "not conditioned"),
        (lambda: explore.fill(tiny(), images().float()), "uint8 images"),
        (lambda: explore.fill(tiny(), images(n=1)), "at least two"),
        (lambda: explore.fill(tiny(), images(), steps=1), "steps must be"),
    ],
)
def test_the_right_model_and_images_are_asked_for(make, message):
    with pytest.raises(CourseError, match=message):
        make()


# The mouse: a press is a pure function too, and the shell only hands it on ----------------------


def test_a_press_on_the_density_sets_the_point_under_it():
    explorer = explore.pointed(Flow(), reach=2.0)
    square = panel(explorer, Pad)
    corners = {(0, 1): (-2.0, 2.0), (0.999, 1): (2.0, 2.0), (0.5, 0.5): (0.0, 0.0)}
    for place, (x1, x2) in corners.items():
        assert explorer.press(at(square, *place)) == {"x1": x1, "x2": x2}
    dragged = explorer.press(at(square, 0.5, 0.5), at(square, 0.75, -3), x1=1.0)
    assert dragged == {"x1": 1.0, "x2": -2.0}, (
        "a drag counts where it is now, within the square"
    )
    beside = square.box[2] + 20, square.top + 9
    assert explorer.press(beside, at(square, 0.5, 0.5), x1=1.0, x2=0.5) == {
        "x1": 1.0,
        "x2": 0.5,
    }
    place = at(square, 0.25, 0.75)
    shown = pixels(explorer.render(**explorer.press(place)))
    color = shown[round(place[1]), round(place[0])].astype(int)
    assert abs(color - [213, 94, 0]).max() < 60, "the dot is there"


def test_pointed_opens_where_both_points_are_seen():
    flow = Flow()
    with torch.no_grad():
        for weight in flow.parameters():
            weight.add_(0.02)
    text = explore.pointed(flow).readout()
    assert "beyond the picture" not in text
    assert "beyond the picture" in explore.pointed(flow, reach=0.5).readout(x1=0.5, x2=-0.5)


def test_a_press_in_the_latent_plane_goes_by_the_map_that_is_shown():
    digits = SimpleNamespace(images=images(n=40), labels=torch.arange(40) % 10)
    explorer = explore.latent_plane(VAE(hidden=(16,)), digits)
    square = panel(explorer, Pad)
    middle, one = at(square, 0.5, 0.5), at(square, 0.8413, 0.5)
    assert explorer.press(middle)["z1"] == 0.0
    assert explorer.press(one) == {"z1": 1.0, "z2": 0.0, "map": "decoded"}
    assert explorer.press(middle, at(square, 9, 0.5))["z1"] == 3.0
    reach = 4  # of the encodings of an untrained model
    assert explorer.press(at(square, 0.5 + 0.5 / reach, 0.5), map="encodings")["z1"] == 1.0
    assert explorer.press((100, 100), z1=2.0)["z1"] == 2.0, "beside the map nothing happens"


def test_a_rectangle_is_painted_out_by_dragging_either_way_in_any_of_the_pictures():
    explorer = explore.fill(tiny(), images(), steps=4)
    for index in range(3):
        pane = panel(explorer, fill.Pane, index)
        place = lambda row, column, pane=pane: (
            pane.left + pane.zoom * (column + 0.5),
            pane.top + pane.zoom * (row + 0.5),
        )
        now = {"step": 3, "image": 2, "seed": 4}
        wanted = now | {"top": 3, "left": 5, "height": 8, "width": 2}
        for begin, end in (((3, 5), (10, 6)), ((10, 6), (3, 5)), ((3, 6), (10, 5))):
            assert explorer.press(place(*begin), place(*end), **now) == wanted
        outside = explorer.press(place(20, 20), place(99, 99))
        assert (outside["height"], outside["width"]) == (8, 8)
        click = explorer.press(place(27, 14), **wanted)
        assert click == wanted | {"top": 20, "left": 13}, "a click moves it, within the image"
    start = explorer.start | {"step": 3}
    assert explorer.press((410, 5), (500, 300), step=3) == start, "pressed above the pictures"


def test_the_mouse_moves_all_sliders_and_draws_once(monkeypatch):
    explorer = explore.pointed(Flow(), reach=2.0)
    box = explorer.widget(x1=0.0, x2=0.0)
    image, layer, field = box.children[0].children
    sliders = parts(box)[0].values()
    assert field.layout.display == "none" and 'aria-hidden="true"' in layer.value
    drawn, frames = [], explorer.frames
    monkeypatch.setattr(explorer, "frames", lambda **s: drawn.append(s) or frames(**s))
    width, height = explorer.size
    x, y = at(panel(explorer, Pad), 0.25, 0.75)
    place = x / width, y / height
    field.value = " ".join(map(str, (*place, *place, 1.0)))
    assert [s.value for s in sliders] == [-1.0, 1.0]
    assert drawn == [{"x1": -1.0, "x2": 1.0}]
    assert image.value == explorer.render(x1=-1.0, x2=1.0)
    field.value = " ".join(map(str, (*place, *place, 2.0)))
    assert len(drawn) == 1, "nothing for a press on the same point"
    next(iter(sliders)).value = 0.5  # the sliders go on as before
    assert drawn[-1] == {"x1": 0.5, "x2": 1.0}


def test_an_explorer_without_places_to_point_at_takes_no_mouse():
    explorer = explore.temperature(tiny(), rows=1, columns=2)
    assert not explorer.mouse and explorer.press((5, 5), t=0.5)["t"] == 0.5
    assert 'course-layer"' not in explorer.widget().children[0].children[1].value
