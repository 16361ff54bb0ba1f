"""Explorers of one idea each, in numbers of known value: gradients, draws, divergences, areas."""

import math
from importlib import import_module

import numpy as np
import pytest
import torch
from scipy.stats import norm
from shells import at, collisions, inside, named, panel, parts, pixels

from course_lib import data, explore
from course_lib.errors import CourseError
from course_lib.explore.kit import Page, canvas, panels
from course_lib.explore.kit.axes import Bars, Pad
from course_lib.explore.kit.panels import Tiles
from course_lib.game import reaches
from course_lib.models import CVAEGAN, GAN
from course_lib.training import Source

two_kls, reparameterisation, line_flow, four_players = (
    import_module(f"course_lib.explore.{n}")
    for n in ("two_kls", "reparameterisation", "line_flow", "four_players")
)

MAKERS = {
    "two_kls": explore.two_kls,
    "reparameterisation": explore.reparameterisation,
    "line_flow": explore.line_flow,
    "four_players": explore.four_players,
}
LESSON_09 = {  # lines 3 to 18 of Algorithm 1 with a pencil: who moves, who is reached besides
    "L_KL": ("E", ""),
    "L_G": ("EG", "DC"),
    "L_GD": ("G", "D"),
    "L_GC": ("G", "C"),
    "L_D, real": ("D", ""),
    "L_D, rebuilt": ("D", "EG"),
    "L_D, drawn": ("D", "G"),
    "L_C": ("C", ""),
}


def told(readout):
    """Who moves and who is reached besides, as the readout says it."""
    said = readout.partition("Answer: ")[2].partition(".")[0].split("; ")
    moves = "".join(part[0] for part in said if "moves" in part)
    return moves, "".join(part[0] for part in said if "does not follow" in part)


def test_the_table_of_lesson_09_can_be_filled_in_from_what_is_said():
    explorer = explore.four_players()
    shown = {"answers": four_players.ALL}
    found = {loss: told(explorer.readout(loss=loss, **shown)) for loss in LESSON_09}
    assert found == LESSON_09
    joint = {"answers": four_players.JOINT}
    found = {loss: told(explorer.readout(loss=loss, **joint)) for loss in LESSON_09}
    everyone = {
        loss: (set(moves + reached), "") for loss, (moves, reached) in LESSON_09.items()
    }
    assert {loss: (set(moves), reached) for loss, (moves, reached) in found.items()} == everyone


@pytest.mark.parametrize("loss", LESSON_09)
def test_nothing_is_given_away_before_all_four_are_guessed(loss):
    """The answers of another model would look the same."""
    explorer, other = explore.four_players(), explore.four_players(fooling())
    three = {name: "mn?r" for name in explorer.start if name.startswith("L_")}
    assert explorer.frame(loss=loss, **three) == other.frame(loss=loss, **three)
    all_but_one = {name: "mnnr" for name in three} | {loss.replace(", ", "_"): "mnn"}
    assert told(explorer.readout(loss=loss, **all_but_one)) == ("", "")
    answered = {"loss": "L_D, drawn", "L_D_drawn": "mnnr"}
    assert explorer.render(**answered) != other.render(**answered)


def test_guesses_are_kept_loss_by_loss_and_counted():
    explorer = explore.four_players()
    inputs, _, readout, _ = parts(explorer.widget())
    for loss, (moves, reached) in LESSON_09.items():
        guess = ("m" if p in moves else "r" if p in reached else "n" for p in "EGDC")
        inputs[loss].value = "".join(guess)
    assert "32 of 32 guessed; of 32 answered 32 right." in readout.value
    inputs["L_G"].value = "mrrr"
    assert "32 of 32 guessed; of 32 answered 31 right." in readout.value
    inputs["L_GD"].value = "n"
    assert "29 of 32 guessed; of 28 answered 27 right." in readout.value
    inputs["answers"].value = four_players.ALL
    assert "29 of 32 guessed; of 29 answered 28 right." in readout.value


def test_a_guess_that_is_typed_lights_its_loss():
    """Diagram, list and what is said come along, as they do when the mouse guesses."""
    explorer = explore.four_players()
    inputs, image, readout, _ = parts(explorer.widget())
    inputs["L_KL"].value = "m"
    assert inputs["loss"].value == explorer.state["loss"] == "L_KL"
    assert "L_KL. It asks" in readout.value
    assert image.value == explorer.render(loss="L_KL", L_KL="m")


@pytest.mark.parametrize(
    ("typed", "kept"), [("xyz", ""), ("moves", "m"), ("mrnmr", "mrnm"), ("m R", "mr")]
)
def test_what_is_no_guess_is_left_out_and_that_is_said(typed, kept):
    explorer = explore.four_players()
    inputs, _, readout, _ = parts(box := explorer.widget())
    for word in (typed, "n", typed):
        inputs["L_KL"].value = word
        said = f"L_KL: only m, r, n, ?, at most 4 letters; the rest of “{word}” is left out. "
        assert (said in readout.value) == (word in ("xyz", "moves", "mrnmr"))
        assert inputs["L_KL"].value == word, "nothing is taken from under the hand"
    assert explorer.state["L_KL"] == kept and f"{len(kept)} of 32 guessed" in readout.value
    named(box)["reset"].click()
    assert "left out" not in readout.value and inputs["L_KL"].value == ""


def test_one_optimiser_is_shown_without_guesses():
    """They are about each player's own, and right ones would look wrong."""
    explorer, joint = explore.four_players(), {"answers": four_players.JOINT}
    assert explorer.frame(L_G="mmrr", **joint) == explorer.frame(**joint)
    assert "Your guess" not in explorer.readout(**joint)


def test_lengths_of_gradients_say_in_which_networks():
    said = {"answers": four_players.ALL}
    assert "gradient in the untrained networks here: " in explore.four_players().readout(**said)
    given = explore.four_players(CVAEGAN(width=4, dense=12, latent=3))
    assert "gradient in the networks given here: " in given.readout(**said)


def test_only_answers_are_filled():
    """Before there is one, no orange is in the table, and marks are outlines on the paper."""
    explorer = explore.four_players()
    table = panel(explorer, Tiles)
    picture = pixels(explorer.render())
    for index in range(12):
        x, y = map(int, inside(table, index))
        assert tuple(picture[y, x]) == (255, 255, 255)
    left, top, right, bottom = table.box
    part = picture[top:bottom, left:right].reshape(-1, 3).astype(int)
    assert (np.ptp(part, axis=1) == 0).all(), "grey alone"


def test_who_is_reached_is_what_autograd_says_of_the_models_own_move():
    model = CVAEGAN(width=4, dense=12, latent=3, seed=5)
    found = four_players.terms(model, data.load("digits", "test").batch(slice(0, 24)))
    move = model.game().round[0]
    owned = {player.name: player.parameters for player in move.players}
    asked = reaches(move.losses(Source(data.load("digits"), 24, seed=0)), owned)
    for name, term in found.items():
        assert {p for p, length in term.lengths.items() if length} == asked[name]
        assert ("pixels" in term.through) == (name == "E.reconstruction")


def test_no_arrow_leaves_pixels_that_are_not_compared():
    model = CVAEGAN(width=4, dense=12, latent=3, matched=(0, 1, 1))
    found = four_players.terms(model, data.load("digits", "test").batch(slice(0, 24)))
    assert {"x_f", "D of x_f", "C of x_f"} <= found["E.reconstruction"].through
    assert "pixels" not in found["E.reconstruction"].through


def fooling():
    class Fooling(CVAEGAN):
        """G is told to fool D, as in report A's code; E is not told what G rebuilds."""

        def losses(self, p, mean=lambda x: x):
            found = super().losses(p, mean)
            found["G"]["drawn"] = found["D"]["drawn"]
            found["E"]["reconstruction"] = 2 * found["E"]["reconstruction"]
            return found

    return Fooling(width=4, dense=12, latent=3)


def test_another_game_gives_another_table():
    explorer, shown = explore.four_players(fooling()), {"answers": four_players.ALL}
    assert told(explorer.readout(loss="L_D, drawn", **shown)) == ("GD", "")
    assert told(explorer.readout(loss="L_G", **shown)) == ("E", "GDC")


def test_the_model_stays_as_it_was():
    model = CVAEGAN(width=4, dense=12, latent=3).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    explore.four_players(model).render()
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_press_on_a_mark_guesses_and_lights_its_loss():
    explorer = explore.four_players()
    table = panel(explorer, Tiles)
    state = explorer.press(inside(table, 12 * 7 + 3 * 2 + 1), L_G="m")
    assert (state["loss"], state["L_C"], state["L_G"]) == ("L_C", "??r?", "m")
    assert explorer.press(inside(table, 12 * 7 + 3 * 2 + 1), **state) == state, "sent twice"
    state = explorer.press(inside(table, 12 * 7 + 3 * 2 + 2), **state)
    assert state["L_C"] == "??n?", "a guess can be changed"
    assert explorer.press(inside(table, 0), (0, 0)) == explorer.start


@pytest.mark.parametrize("model", [GAN(hidden=(8,)), CVAEGAN(shape=(1, 32, 32), width=4)])
def test_four_players_asks_for_a_cvaegan_of_digits(model):
    with pytest.raises(CourseError, match="CVAEGAN of digits"):
        explore.four_players(model)


@pytest.mark.parametrize(("mean", "log_sd"), [(0.0, 0.0), (-2.5, -0.7), (3.0, 0.9)])
def test_both_divergences_of_two_gaussians_agree_with_the_closed_form(mean, log_sd):
    number = lambda v: torch.tensor(v, dtype=torch.float64)
    normals = [
        torch.distributions.Normal(number(0.0), number(two_kls.WIDTH)),
        torch.distributions.Normal(number(mean), number(math.exp(log_sd))),
    ]
    logs = [
        two_kls.log_mixture(two_kls.GRID, 0.0),
        two_kls.log_normal(two_kls.GRID, mean, math.exp(log_sd)),
    ]
    for turn in (1, -1):
        exact = float(torch.distributions.kl_divergence(*normals[::turn]))
        assert two_kls.divergence(*logs[::turn]) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("apart", [0.0, 0.4, 1.0, 3.0])
def test_nothing_near_the_best_fits_is_better(apart):
    log_p = two_kls.log_mixture(two_kls.GRID, apart)
    fits = two_kls.best(apart)
    assert list(fits) == [two_kls.FORWARD, *two_kls.REVERSE]
    for words, (mean, sd) in fits.items():
        ways = [(0, 1), (0.05, 1), (-0.05, 1), (0, 1.05), (0, 0.95)]
        tried = [two_kls.log_normal(two_kls.GRID, mean + m, sd * s) for m, s in ways]
        forward = words == two_kls.FORWARD
        values = [two_kls.divergence(*((log_p, q) if forward else (q, log_p))) for q in tried]
        assert np.argmin(values) == 0
    if apart == 3.0:  # lesson 01: a lost mode costs −log of the share that is kept
        assert fits[two_kls.REVERSE[0]] == pytest.approx((-3, 0.6), abs=1e-3)
        assert two_kls.divergence(
            two_kls.log_normal(two_kls.GRID, *fits[two_kls.REVERSE[0]]), log_p
        ) == pytest.approx(-math.log(0.6), abs=1e-5)


@pytest.mark.parametrize(
    ("apart", "says"),
    [
        (3.0, "a minimum on each mode"),
        (1.6, "a minimum on each mode"),
        (1.4, "a minimum on one mode"),
        (0.5, "one minimum, over both modes"),
        (0.0, "one minimum, over both modes"),
    ],
)
def test_the_modes_lose_their_minima_one_after_the_other_as_they_come_close(apart, says):
    assert f"KL(q‖p) has {says}." in explore.two_kls().readout(apart=apart)


def test_the_top_of_q_comes_to_the_mouse():
    explorer = explore.two_kls()
    square = panel(explorer, Pad)
    state = explorer.press(at(square, 0.5, 0.5), put=two_kls.FORWARD)
    assert state["mean"] == 0.0 and state["put"] == two_kls.OWN
    assert norm.pdf(0, scale=math.exp(state["log_sd"])) == pytest.approx(0.55, abs=0.02)
    assert explorer.press(at(square, 0.2, 0.02))["log_sd"] == 1.6


@pytest.mark.parametrize("eps", [-1.7, 0.0, 0.8])
@pytest.mark.parametrize(("m", "sd"), [(-0.6, 0.7), (1.2, 0.3)])
def test_a_draw_carries_the_slope_of_f_and_its_eps_fold(eps, m, sd):
    z, found = reparameterisation.drawn(
        m, sd, torch.tensor([eps]).double(), reparameterisation.KEEPS
    )
    f = lambda z: float(
        reparameterisation.mean_score(torch.tensor(z, dtype=torch.float64), 0.0)
    )
    slope = (f(m + sd * eps + 1e-5) - f(m + sd * eps - 1e-5)) / 2e-5
    assert float(z) == pytest.approx(m + sd * eps)
    assert found["this draw"] == pytest.approx([slope, slope * eps], abs=1e-6)
    grid = np.linspace(-12, 12, 4001)
    f_grid = reparameterisation.mean_score(torch.tensor(grid), 0.0).numpy()
    mean = lambda m, sd: np.trapezoid(f_grid * norm.pdf(grid, m, sd), grid)
    exact = [
        (mean(m + 1e-4, sd) - mean(m - 1e-4, sd)) / 2e-4,
        (mean(m, sd + 1e-4) - mean(m, sd - 1e-4)) / 2e-4,
    ]
    assert found["exactly"] == pytest.approx(exact, abs=1e-5)
    assert found["500 draws"] == pytest.approx(exact, abs=0.1)


def test_a_drawn_number_stays_and_carries_nothing():
    explorer = explore.reparameterisation()
    forgets = reparameterisation.FORGETS
    _, found = reparameterisation.drawn(-0.6, 0.7, torch.tensor([0.8]).double(), forgets)
    assert found["this draw"] == found["500 draws"] == [None, None]
    assert all("z = 0.80" in explorer.readout(m=m, way=forgets) for m in (-2.0, 0.0, 2.0))
    assert "no gradient" in explorer.readout(way=forgets)


def test_each_axis_drags_its_own_number():
    explorer = explore.reparameterisation()
    square = panel(explorer, Pad)
    assert explorer.press(at(square, 0.5, 0.05), at(square, 0.5, 0.9))["eps"] == 0.0
    state = explorer.press(at(square, 0.9, 0.6), at(square, 0.5, 0.05), eps=1.0, sd=0.5)
    assert (state["eps"], state["m"]) == (1.0, -0.5), "the draw itself comes to the mouse"
    state = explorer.press(at(square, 0.5, 0.6), way=reparameterisation.FORGETS)
    assert state["m"] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_any_heights_make_a_rising_map_that_keeps_areas(seed):
    heights = np.random.default_rng(seed).uniform(-3, 3, 5).round(2)
    z, slope = line_flow.bent(tuple(heights))
    assert (np.diff(z) > 0).all() and (slope > 0.09).all()
    p = norm.pdf(z) * slope
    assert np.trapezoid(p, line_flow.FINE) == pytest.approx(1, abs=1e-3)
    explorer = explore.line_flow()
    state = {f"z{i}": float(v) for i, v in enumerate(heights, 1)}
    assert all("still 0.125" in explorer.readout(strip=s, **state) for s in range(8))


def test_the_straight_map_leaves_the_density_as_it_is():
    z, slope = line_flow.bent((-2.0, -1.0, 0.0, 1.0, 2.0))
    inside = slice(400, -400)
    assert z[inside] == pytest.approx(line_flow.FINE[inside], abs=1e-9)
    assert slope[inside] == pytest.approx(np.ones(2401), abs=1e-9)


def test_the_nearest_knot_follows_the_mouse():
    explorer = explore.line_flow()
    square = panel(explorer, Pad)
    state = explorer.press(at(square, 0.85, 0.9), at(square, 0.1, 0.75))
    assert state == explorer.start | {"z5": 1.5}


def test_an_explorer_says_its_controls():
    assert repr(explore.two_kls()) == "Explorer two_kls(mean, log_sd, apart, put)"


def test_a_large_picture_is_made_smaller_and_a_small_one_enlarged_whole():
    small, large = np.zeros((10, 20, 3), np.uint8), np.full((400, 200, 3), 9, np.uint8)
    assert panels.fitted(small, 50).shape == (20, 40, 3)
    less = panels.fitted(large, 100)
    assert less.shape == (100, 50, 3) and (less == 9).all()


def test_knots_that_must_be_moved_are_told_and_stay_in_the_picture():
    explorer = explore.line_flow()
    assert "must rise" not in explorer.readout()
    text = explorer.readout(z1=3.0, z2=-0.05, z3=3.0, z4=0.05, z5=1.8)
    assert "The map must rise: f(−2) counts as 2.60, f(−1) counts as 2.70" in text
    highest = line_flow.rising((3.0, 3.0, 3.0, 3.0, 3.0))
    assert highest.tolist() == pytest.approx([2.6, 2.7, 2.8, 2.9, 3.0])
    for heights in np.random.default_rng(0).uniform(-3, 3, (200, 5)):
        taken = line_flow.rising(tuple(heights))
        assert (np.diff(taken) > 0.0999).all() and (abs(taken) <= 3 + 1e-9).all()


def test_a_slider_of_q_takes_q_into_ones_own_hands():
    inputs, _, readout, _ = parts(explore.two_kls().widget(put=two_kls.FORWARD))
    inputs["mean of q"].value = 2.0
    assert inputs["q is"].value == two_kls.OWN and "q = N(2.00," in readout.value


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("-0.00", "0.00"), ("-0", "0"), ("at -0.00.", "at 0.00."), ("-0.004", "−0.004"),
        ("-0.50", "−0.50"), ("-10", "−10"), ("(-0.000, 1)", "(0.000, 1)"), ("a-0", "a-0"),
    ],
)  # fmt: skip
def test_nothing_is_minus_nothing(words, shown):
    assert canvas.minus(words) == shown


def test_names_of_neighbouring_thin_bars_are_moved_apart():
    bars = Bars(300, 200)
    sheet = Page([bars]).paper.copy()
    rows = [(name, -1.0, "#D55E00", "") for name in ["z[0]", "z[1]"] + [""] * 30]
    bars.paint(sheet, [*rows, ("z[9]", 1.0, "#D55E00", "")], limits=(-2, 2))
    assert not list(collisions(sheet))
    heights = [y for _, y, words, *_ in sheet.words if words]
    assert heights == sorted(heights) and heights[1] - heights[0] >= 12


@pytest.mark.parametrize(("value", "whole"), [(3.0, True), (4.0, True), (9.0, False)])
def test_a_bar_that_is_cut_has_a_slit(value, whole):
    bars = Bars(300, 40)
    page = Page([bars])
    sheet = page.paper.copy()
    bars.paint(sheet, [("KL", value, "#D55E00", "")], limits=(0, 4))
    left, top, right, _ = bars.box
    length = (right - bars.ends - left) * min(value, 4) / 4
    line = pixels(sheet.png())[int(top) + 14, int(left) + 3 : int(left + length) - 3]
    assert (line == line[0]).all() == whole
