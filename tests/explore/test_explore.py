"""Explorers of games, bounds and latents: their numbers; controls, and the thin shell around
them. Keys are pressed in the browser test."""

import asyncio
import math
import re
import time
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from shells import at, named, panel, parts, pixels, run, shaken

from course_lib import explore
from course_lib.errors import CourseError
from course_lib.explore.kit import widget as kit_widget
from course_lib.explore.kit.axes import Curve, Pad
from course_lib.explore.kit.canvas import minus
from course_lib.explore.kit.controls import Choice, Slider, Toggle, settle
from course_lib.explore.kit.panels import Page, Panel, Strip

elbo_bar, minimax, interpolation, playground = (
    import_module(f"course_lib.explore.{n}")
    for n in ("elbo_bar", "minimax", "interpolation", "playground")
)

torch.set_num_threads(1)


class TinyVAE(torch.nn.Module):
    """As much of a VAE as an explorer asks for."""

    def __init__(self, latent=2, channels=1):
        super().__init__()
        self.settings, self.shape = {"latent": latent}, (channels, 28, 28)
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(
            torch.randn(latent, channels * 784, generator=generator)
        )

    def mean_image(self, z):
        return (z @ self.weight).sigmoid().view(len(z), *self.shape)

    def encode(self, x):
        mean = x.flatten(1) @ self.weight.T / 20
        return mean, torch.zeros_like(mean)


class TinyGAN(torch.nn.Module):
    """As much of a GAN as an explorer asks for."""

    def __init__(self, latent=16, shape=(1, 28, 28)):
        super().__init__()
        self.settings = {"latent": latent}
        size = math.prod(shape)
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(latent, size, generator=generator))
        self.shape = shape

    def generate(self, z):
        return (z @ self.weight).sigmoid().view(len(z), *self.shape)


def digits(n=64):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return SimpleNamespace(images=images, labels=torch.arange(n) % 10)


def history(points=False):
    grids = [
        (t, torch.full((64, 2), t / 100.0) if points else digits().images.roll(t, 0))
        for t in (0, 10, 20, 30, 40)
    ]
    terms = {"D.real": np.linspace(1, 0.7, 40), "G.fake": np.linspace(0.5, 0.7, 40)}
    return SimpleNamespace(grids=grids, terms=terms)


def flow():
    """A flow in the plane off its start, where it is no identity."""
    from course_lib.models import Flow

    return shaken(Flow(depth=4, hidden=(16,)), 0.2)


def moons():
    from course_lib import data

    return data.load("moons", "test").take(300)


MAKERS = {
    "warp": lambda: explore.warp(flow(), moons()),
    "pointed": lambda: explore.pointed(flow()),
    "minimax": explore.minimax,
    "elbo_bar": explore.elbo_bar,
    "playground": explore.playground,
    "replay": lambda: explore.replay(history()),
    "replay points": lambda: explore.replay(history(points=True)),
    "interpolation": lambda: explore.interpolation(TinyGAN()),
    "interpolation colour": lambda: explore.interpolation(TinyGAN(8, (3, 64, 64))),
    "latent_plane": lambda: explore.latent_plane(TinyVAE()),
    "latent_plane data": lambda: explore.latent_plane(TinyVAE(), digits()),
    "latent_plane dims": lambda: explore.latent_plane(TinyVAE(5, 3), dims=(3, 1)),
}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"etta": 0.1}, "Did you mean 'eta'"),
        ({"eta": 2.0}, "from 0.02 to 1; got 2.0"),
        ({"eta": float("nan")}, "got nan"),
        ({"eta": "0.1"}, "must be a number"),
        ({"steps": 2.5}, "whole number"),
        ({"steps": True}, "whole number"),
        ({"update": "alternate"}, "Did you mean 'alternating'"),
        ({"flow": 1}, "True or False"),
    ],
)
def test_a_wrong_state_says_what_is_wrong(state, message):
    with pytest.raises(CourseError, match=message):
        explore.minimax().render(**state)


def test_controls_check_themselves():
    with pytest.raises(CourseError, match="low to high"):
        Slider("t", "t", 1.0, 0.0, 0.1, 0.5)
    with pytest.raises(CourseError, match="from 0 to 1"):
        Slider("t", "t", 0.0, 1.0, 0.1, 3.0)
    with pytest.raises(CourseError, match="value of way"):
        Choice("way", "way", ("a", "b"), "c")
    with pytest.raises(CourseError, match="one name"):
        twice = [Toggle("a", "a"), Toggle("a", "b")]
        explore.Explorer("x", "", twice, Page([Panel(8, 8, None)]), None)
    assert settle([Slider("n", "n", 0, 9, 1, 3), Toggle("b", "b")], {"b": True}) == {
        "n": 3,
        "b": True,
    }
    assert Slider("t", "t", 0.0, 1.0, 0.02, 0.5).digits == 2


@pytest.mark.parametrize("kind", [np.int64, np.float32, torch.tensor])
def test_sliders_take_numbers_of_numpy_and_torch(kind):
    whole, fine = Slider("n", "n", 0, 9, 1, 3), Slider("t", "t", 0.0, 4.0, 0.5, 0.5)
    assert whole.check(kind(2)) == 2 and type(whole.check(kind(2))) is int
    assert fine.check(kind(2)) == 2.0 and type(fine.check(kind(2))) is float
    for wrong in (kind(10), np.float32(2.5), np.bool_(True), torch.tensor([2])):
        with pytest.raises(CourseError, match="n must be a whole number from 0 to 9"):
            whole.check(wrong)


def test_a_slider_takes_the_nearest_value_that_it_has():
    whole, fine = Slider("n", "n", 1, 9, 2, 3), Slider("t", "t", -1.0, 1.0, 0.05, 0.0)
    assert [whole.nearest(v) for v in (-7, 3.9, 4.1, 99)] == [1, 3, 5, 9]
    assert [fine.nearest(v) for v in (-7, 0.174, 0.176, 99)] == [-1.0, 0.15, 0.2, 1.0]
    assert isinstance(whole.nearest(4.1), int)
    with pytest.raises(CourseError, match="value of way"):
        Choice("way", "way", ("a", "b"), "a").nearest("c")


@pytest.mark.parametrize("eta", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("angle", [0, 45, 200])
def test_simultaneous_play_grows_by_the_known_factor(eta, angle):
    radii = np.hypot(*minimax.trajectory("simultaneous", eta, 200, angle).T)
    wanted = (1 + eta**2) ** (np.arange(201) / 2)
    assert radii == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("eta", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("angle", [0, 45, 200])
def test_alternating_play_keeps_its_ellipse(eta, angle):
    x, y = minimax.trajectory("alternating", eta, 200, angle).T
    kept = x**2 + y**2 - eta * x * y
    assert kept == pytest.approx(np.full(201, kept[0]), rel=1e-12)
    low, high = minimax.radius_bounds(eta, angle)
    assert (np.hypot(x, y) > low - 1e-12).all() and (np.hypot(x, y) < high + 1e-12).all()
    wrong = x**2 + y**2 + eta * x * y  # the sign that belongs to y moving first
    assert np.ptp(wrong) > 10 * 1e-4 * eta


def test_minimax_reads_out_the_growth():
    text = explore.minimax().readout(eta=0.5, steps=10)
    assert f"{(1.25) ** 5:.4g}" in text and "1.1180" in text


@pytest.mark.parametrize("mean", [-3.0, 0.35, 3.0])
@pytest.mark.parametrize("sd", [math.exp(-2), 1.0, math.e])
@pytest.mark.parametrize("w", [0.2, 1.0, 2.0])
def test_elbo_bar_agrees_with_quadrature(mean, sd, w):
    x, s = 1.5, 0.6
    terms = elbo_bar.bound(x, w, s, mean, sd)
    q = stats.norm(mean, sd)

    def integral(f):
        return integrate.quad(f, mean - 12 * sd, mean + 12 * sd, limit=300, epsabs=1e-12)[0]

    evidence = integrate.quad(
        lambda z: stats.norm.pdf(z) * stats.norm.pdf(x, w * z, s), -12, 12, epsabs=1e-13
    )[0]
    reconstruction = integral(lambda z: q.pdf(z) * stats.norm.logpdf(x, w * z, s))
    divergence = integral(lambda z: q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z)))
    assert terms.log_p == pytest.approx(math.log(evidence), abs=1e-9)
    assert terms.reconstruction == pytest.approx(reconstruction, abs=1e-7)
    assert terms.kl_prior == pytest.approx(divergence, abs=1e-7)
    assert terms.elbo == pytest.approx(reconstruction - divergence, abs=1e-7)
    assert terms.log_p == pytest.approx(terms.elbo + terms.gap, abs=1e-10)
    assert terms.gap >= 0


def test_at_the_exact_posterior_the_gap_is_nothing():
    terms = elbo_bar.bound(1.5, 1.0, 0.6, 0.0, 1.0)
    best = elbo_bar.bound(1.5, 1.0, 0.6, terms.posterior_mean, terms.posterior_sd)
    assert abs(best.gap) < 1e-14 and best.elbo == pytest.approx(best.log_p, abs=1e-14)
    assert "gap 0.000" in explore.elbo_bar().readout(exact=True)
    with pytest.raises(CourseError, match=r"x must be a number from -3 to 3, not 9"):
        explore.elbo_bar(x=9)


def test_paths_meet_their_ends_and_only_the_straight_one_sinks():
    a, b = interpolation.draw_of(1, 400), interpolation.draw_of(2, 400)
    ends = np.array([0.0, 1.0])
    for way in (interpolation.linear, interpolation.spherical):
        assert way(a, b, ends) == pytest.approx(np.stack([a, b]), abs=1e-12)
    middle = np.array([0.5])
    low, _ = interpolation.usual_norms(400)
    assert np.linalg.norm(interpolation.linear(a, b, middle)) < low
    assert np.linalg.norm(interpolation.spherical(a, b, middle)) > low
    assert interpolation.spherical(a, a, middle) == pytest.approx(a[None], abs=1e-12)
    exact = stats.chi(400).ppf([0.025, 0.975])
    assert interpolation.usual_norms(400) == pytest.approx(exact, abs=0.03)


def test_the_way_from_the_origin_is_straight():
    zero, one, t = np.zeros(3), np.ones(3), np.array([0.0, 0.5, 1.0])
    with np.errstate(all="raise"):
        for a, b in ((zero, one), (one, zero), (zero, zero)):
            assert np.array_equal(
                interpolation.spherical(a, b, t), interpolation.linear(a, b, t)
            )


def test_interpolation_shows_a_gan_through_its_averaged_weights():
    from course_lib.models import GAN

    model = GAN(hidden=(8,), average=0.9)
    model.average.update()
    averaged = explore.interpolation(model).render()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.add_(0.3)
    assert explore.interpolation(model).render() == averaged


def test_interpolation_shows_one_image_twice_between_equal_ends():
    assert "linear" in explore.interpolation(TinyGAN()).readout(seed_a=3, seed_b=3)


def test_explorers_leave_the_model_as_it_was():
    vae = TinyVAE().train()
    explore.latent_plane(vae, digits()).render()
    assert vae.training and vae.weight.grad is None


plane_of = explore.latent_plane


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plane_of(TinyGAN(), digits()), r"encodings of data for models with \.encode"),
        (lambda: explore.interpolation(torch.nn.Linear(2, 2)), r"Linear has none of \.decode"),
        (lambda: explore.interpolation(TinyGAN(4, (2,))), r"examples of shape \(2,\)"),
        (lambda: plane_of(TinyVAE(), dims=(0, 2)), "from 0 to 1"),
        (lambda: plane_of(TinyVAE(), np.zeros((4, 1, 28, 28))), "uint8"),
        (lambda: plane_of(TinyVAE(), digits().images, torch.arange(3)), "as many labels"),
        (lambda: explore.replay(SimpleNamespace(grids=[], terms={})), "kept no sample grids"),
    ],
)
def test_the_right_model_is_asked_for(make, message):
    with pytest.raises(CourseError, match=message):
        make()


def test_the_courses_own_models_and_data_are_explored():
    from course_lib import data
    from course_lib.models import GAN, VAE

    digits = data.load("digits", "test")
    plane = explore.latent_plane(VAE(hidden=(16,)), digits)
    assert plane.render(map="encodings", z1=1.0) != plane.render(map="encodings")
    assert explore.latent_plane(VAE(hidden=(16,), latent=20), dims=(4, 7)).render(z2=-3.0)
    assert explore.interpolation(GAN(hidden=(16, 16))).render(t=1.0)


def test_a_single_grid_needs_no_control():
    one = history()
    one.grids = one.grids[:1]
    explorer = explore.replay(one)
    assert explorer.controls == () and explorer.render()
    assert parts(explorer.widget())[1].value == explorer.render()


def test_the_mouse_drags_the_start_of_the_game_around():
    explorer = explore.minimax()
    game = panel(explorer, Pad)
    assert explorer.press(at(game, 0.5, 0.9))["angle"] == 90
    assert explorer.press(at(game, 0.2, 0.5))["angle"] == 180
    assert explorer.press(at(game, 0.5, 0.9), at(game, 0.9, 0.499))["angle"] == 0
    assert explorer.press((game.left - 9, game.top), eta=0.5) == explorer.start | {"eta": 0.5}


def test_strips_and_curves_can_be_pressed():
    explorer = explore.interpolation(TinyGAN())
    for strip in (panel(explorer, Strip), panel(explorer, Strip, 1)):
        assert explorer.press((strip.left + strip.side / 2, strip.top + 3))["t"] == 0.0
        end = strip.box[2] - strip.side / 2
        assert explorer.press((end, strip.top + 3))["t"] == 1.0
        middle = (strip.left + strip.box[2]) / 2
        assert explorer.press((end, strip.top + 3), (middle, 9999))["t"] == 0.5
    assert explorer.press(at(panel(explorer, Curve), 0.3, 0.5))["t"] == 0.3
    again = explore.replay(history())
    for number in (0, 1):  # 40 rounds, five grids
        assert again.press(at(panel(again, Curve, number), 0.55, 0.2))["moment"] == 2
    bar = explore.elbo_bar()
    assert bar.press(at(panel(bar, Curve), 0.75, 0.5))["mean"] == 2.0


def test_a_few_points_that_fly_far_do_not_make_a_replay_small():
    """The ring of radius 2 fills the picture, though one point in a hundred lies at 40."""
    turn = torch.linspace(0, 6.28, 200)
    ring = 2 * torch.stack([turn.cos(), turn.sin()], 1)
    ring[:2] = 40.0
    explorer = explore.replay(SimpleNamespace(grids=[(0, ring), (10, ring)], terms={}))
    assert "2 of 200 points lie beyond the edge" in explorer.readout()
    orange = np.argwhere((pixels(explorer.render()) == (213, 94, 0)).all(-1))
    assert np.ptp(orange, axis=0).min() > 0.6 * 430


def test_a_term_that_is_nan_throughout_is_left_out_of_a_replay():
    one = history(points=True)
    one.terms |= {"accuracy": [np.nan] * 40, "none": [], "late": [np.nan] * 39 + [0.5]}
    text = explore.replay(one).readout(moment=4)
    assert "late 0.500" in text and "accuracy" not in text and "none" not in text


def test_bars_of_the_bound_are_drawn_whole():
    """Far below −10 too: the axis goes on as far as the ELBO does."""
    explorer = explore.elbo_bar(x=3.0, s=0.4)
    assert "ELBO −" in explorer.readout(mean=-3.0, w=2.0)
    assert explorer.render(mean=-3.0, w=2.0) != explorer.render(mean=-2.95, w=2.0)


def test_arrows_of_the_playground_are_the_gradient_of_gs_loss():
    """The way in which a point would go to be taken for real, times the chance that it is not."""
    game = playground.Game("DG", 0.003, 0, "ring", [])
    for _ in range(9):
        game.move()
    points, arrows, field = game.seen(-1)
    *_, bound, _ = game.kept[-1]
    critic, small = game.players["D"], 1e-2
    with torch.no_grad():
        loss = lambda x: torch.nn.functional.softplus(-critic(torch.tensor(x)))[:, 0].numpy()
        for axis in (0, 1):
            step = np.float32(small) * np.eye(2, dtype=np.float32)[axis]
            slope = (loss(points + step) - loss(points - step)) / (2 * small)
            assert arrows[:, axis] == pytest.approx(-slope, abs=2e-3)
    assert field.shape == (playground.FIELD,) * 2 and 0 <= bound <= math.log(2)


def test_only_whose_turn_it_is_moves():
    game = playground.Game("DDG", 0.003, 0, "eight heaps", [])
    for player in "DDGD":
        before = {
            name: [weight.clone() for weight in net.parameters()]
            for name, net in game.players.items()
        }
        game.move()
        for name, net in game.players.items():
            same = all(map(torch.equal, net.parameters(), before[name]))
            assert same == (name != player)


def test_a_hasty_g_collapses_and_a_patient_one_comes_near():
    explorer = explore.playground()
    spread = lambda **state: float(
        explorer.readout(**state).partition("spread by ")[2].split()[0]
    )
    assert spread(step=600) == pytest.approx(1.42, abs=0.25)
    assert spread(step=400, g=5, rate="0.03", target="eight heaps") < 0.6


def test_the_share_of_the_target_that_g_reaches_tells_a_collapse():
    """By a slow count, at both ends; the bound alone is as low in both cases."""
    explorer = explore.playground()
    share = lambda text: float(text.partition("G reaches ")[2].partition("%")[0]) / 100
    bound = lambda text: float(text.partition("JS ≥ ")[2].split(",")[0])
    collapsed = explorer.readout(step=200, g=5, rate="0.01")
    good = explorer.readout(step=600)
    assert share(collapsed) < 0.05 and share(good) > 0.95
    assert bound(collapsed) < 0.02 and bound(good) < 0.02
    for words in ("lie in one heap", "only that D has not seen the difference"):
        assert words in collapsed and words not in good
    game = playground.Game("DG", 0.003, 0, "ring", [])
    for _ in range(90):
        game.move()
    points, real = game.seen(90)[0], game.real.numpy()
    near = [min(np.hypot(*(r - p)) for p in points) < playground.NEAR for r in real]
    assert 0.2 < np.mean(near) < 0.9 and f"reaches {np.mean(near):.0%}" in explorer.readout(
        step=90
    )
    out = sum(max(abs(x), abs(y)) > playground.REACH for x, y in points)
    assert out and f"{out} of G's 120 points lie beyond the edge" in explorer.readout(step=90)


def test_points_beyond_the_edge_stand_on_it(monkeypatch):
    """None is lost: as many dots of G are painted as there are points, all within the frame."""
    from course_lib.explore.kit.axes import Plane

    painted = []
    paint = lambda plane, points, radius, color, rim=None: painted.append((points, color, rim))
    monkeypatch.setattr(Plane, "discs", paint)
    explore.playground().render(step=90)
    inner = [points for points, color, _ in painted if color == playground.ORANGE]
    outer = [points for points, color, rim in painted if rim == playground.ORANGE]
    assert (
        len(outer) == 1 and len(outer[0]) and len(inner[0]) + len(outer[0]) == playground.SEEN
    )
    assert np.abs(np.concatenate([*inner, *outer])).max() <= playground.REACH


def test_a_target_is_drawn_where_the_mouse_was():
    """Under that target alone, and there it says so until something is drawn."""
    explorer, own = explore.playground(), {"target": "your drawing"}
    square = panel(explorer, Pad)
    ring = explorer.start | {"step": 30}
    assert explorer.press(at(square, 0.75, 0.75), **ring) == ring, "a press changes no target"
    assert "Press and drag" not in explorer.readout(**ring)
    assert explorer.readout(**own).startswith("Press and drag in this square: your target.")
    state = explorer.press(at(square, 0.75, 0.75), step=30, **own)
    assert (state["target"], state["step"], state["ink"]) == ("your drawing", 0, 1)
    assert "Press and drag" not in explorer.readout(**state)
    path = playground.strokes.read(state["drawing"], playground.UNITS)
    drawn = playground.target("your drawing", path, 500, torch.Generator().manual_seed(0))
    assert drawn.mean(0).numpy() == pytest.approx([1.5, 1.5], abs=0.03)
    away = explorer.press(at(panel(explorer, Curve), 0.5, 0.5), **state)
    assert away["step"] == 300


def test_nobody_moves_when_both_have_no_move_in_a_round():
    words = explore.playground().readout(d=0, g=0, step=40)
    assert words.startswith("Move 0: nobody moves, both have 0 moves a round.")


def moving(n):
    """Each move of a slider's way takes a while; the first view is what is there already."""
    kept = [0]

    def draw(t):
        while len(kept) <= t:
            yield lambda sheet: f"move {len(kept) - 1} of {t}"
            time.sleep(0.002)
            kept.append(len(kept))
        yield lambda sheet: f"move {t} of {t}"

    slider = Slider("t", "t", 0, n, 1, 0)
    return explore.Explorer("x", "A test.", [slider], Page([Panel(8, 8, None)]), draw, play="t")


def test_play_waits_until_the_picture_has_caught_up(monkeypatch):
    """However slow it is: what is shown when the slider moves on is the move it stood at."""
    monkeypatch.setattr(kit_widget, "TICK", 0.001)
    monkeypatch.setattr(kit_widget, "RUN", 40 * 0.001 / 9)  # so it goes by nine
    box = moving(40).widget()
    play = named(box)["play"]
    inputs, _, readout, _ = parts(box)
    shown = []
    said = lambda change: shown.append(re.search(r"move .* of \d+", readout.value)[0])
    inputs["t"].observe(said, "value")
    shown.clear()
    run(box, lambda: not play.value and "40 of 40" in readout.value)
    # The shell hears of a step first and shows what is there; the step before was shown whole.
    assert shown == [
        f"move {at} of {to}" for at, to in ((0, 9), (9, 18), (18, 27), (27, 36), (36, 40))
    ]


def test_a_repeated_run_ends_some_time(monkeypatch):
    """Nobody may be there to see it."""
    monkeypatch.setattr(kit_widget, "TICK", 0.001)
    monkeypatch.setattr(kit_widget, "ROUNDS", 3)
    box = moving(3).widget()
    play, named(box)["repeat"].value, values = named(box)["play"], True, []
    parts(box)[0]["t"].observe(lambda change: values.append(change["new"]), "value")
    run(box, lambda: not play.value)
    assert values == [1, 2, 3, *[0, 1, 2, 3] * 3]


def test_a_game_that_is_pulled_along_gets_on_with_every_pull():
    """The slider moves faster than moves are computed, and never rests."""
    box = explore.playground().widget()
    inputs, _, readout, _ = parts(box)
    shown = []

    async def pull():
        for step in range(20, 600, 20):
            inputs["moves made"].value = step
            shown.append(int(re.search(r"Move (\d+)", readout.value)[1]))
            await asyncio.sleep(0)

    asyncio.run(pull())
    assert shown[0] > 0 and (np.diff(shown) > 0).all()


class Foreign(torch.nn.Module):
    """A stranger's model: what a notebook's author would write, and nothing for explorers."""

    shape, latent = (1, 16, 16), 2

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(2, 256)

    def decode(self, z, condition=None):
        return self.net(z).sigmoid().view(-1, *self.shape)

    def sample(self, n, generator=None):
        return self.decode(torch.randn(n, self.latent, generator=generator))


@pytest.mark.parametrize("make", [explore.walk, explore.interpolation, explore.latent_plane])
def test_a_strangers_model_is_explored_unchanged(make):
    explorer = make(Foreign())
    first, last = explorer.controls[0].low, explorer.controls[0].high
    name = explorer.controls[0].name
    assert explorer.render(**{name: first}) != explorer.render(**{name: last})


def test_a_model_that_is_no_module_and_one_of_half_precision_are_explored():
    def decode(z):
        return z[:, :1, None, None].sigmoid().expand(-1, 1, 16, 16)

    ways = (decode, lambda z: decode(z).numpy(), lambda z: (decode(z), None))
    plain, array, pair = (
        explore.walk(SimpleNamespace(decode=way, latent=2, shape=(1, 16, 16))).render()
        for way in ways
    )
    assert plain == array == pair
    half = TinyVAE().bfloat16()
    explorer = explore.latent_plane(half, digits())
    assert explorer.render(map="encodings") != explorer.render(map="decoded")


@pytest.mark.parametrize("activate", [torch.tanh, lambda z: 200 * z], ids=["−1 to 1", "logits"])
def test_images_beyond_0_and_1_are_refused_and_not_cut(activate):
    def decode(z):
        return activate(z)[:, :, None, None].expand(-1, 1, 16, 16)

    model = SimpleNamespace(decode=decode, latent=1, shape=(1, 16, 16))
    with pytest.raises(CourseError, match=r"Pixel values in \[0, 1\]"):
        explore.walk(model).render()


def test_minus_signs_are_true_and_hyphens_stay():
    assert minus("a\udcffb") == "a?b", "no font has it"
    assert (
        minus("z = -1.5, dcgan-64 at (-.5, 3-4); −2") == "z = −1.5, dcgan-64 at (−.5, 3-4); −2"
    )


def test_a_failing_redraw_is_said_in_the_widget():
    def draw(sheet, t):
        if t > 0.5:
            raise RuntimeError("no picture <here>")
        sheet.box(0, 0, 8, 8, fill="#123456")
        return "a fine picture"

    slider = Slider("t", "t", 0.0, 1.0, 0.1, 0.0)
    explorer = explore.Explorer("x", "A test.", [slider], Page([Panel(8, 8, None)]), draw)
    inputs, image, readout, _ = parts(explorer.widget())
    kept = image.value
    inputs["t"].value = 0.9
    assert "RuntimeError: no picture &lt;here&gt;" in readout.value and image.value == kept
    inputs["t"].value = 0.3
    assert "a fine picture" in readout.value


def test_static_shows_the_picture_with_alternative_text(monkeypatch):
    shown = []
    monkeypatch.setattr("course_lib.plots.style.display", shown.append)
    explorer = explore.minimax()
    monkeypatch.setenv("COURSE_STATIC", "1")
    explore.show(explorer)
    output = shown.pop()._repr_mimebundle_()
    assert "Simultaneous, η = 0.20" in output["text/plain"]
    assert "<img alt=" in output["text/html"] and "Run this cell" in output["text/html"]
    assert "<b>η</b> the step size of both" in output["text/html"]
    assert len(output["text/html"]) < 80_000 and not shown
    monkeypatch.setenv("COURSE_STATIC", "0")
    explore.show(explorer, update="alternating", eta=0.4)
    live, still = shown
    assert "course-explorer" in live.box._dom_classes
    assert parts(live.box)[1].value == explorer.render(update="alternating", eta=0.4)
    assert explorer.readout(update="alternating", eta=0.4) in still.alt
    assert "text/plain" not in live._repr_mimebundle_(), "no insides where it can't be shown"
    assert still._repr_mimebundle_() != still._repr_mimebundle_(), "each output has its name"
    with pytest.raises(CourseError, match=r"from 0\.02 to 1"):
        explore.show(explorer, eta=4.0)
    with pytest.raises(CourseError, match="show wants an explorer"):
        explore.show(explore.minimax)
