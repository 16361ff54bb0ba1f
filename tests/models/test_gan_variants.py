"""Critics, two time scales, averaged weights and the bilinear game, each against its own maths."""

import copy
import math

import pytest
import torch
from shared import refused
from torch import nn
from torch.nn.functional import softplus

from course_lib import models
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.models.parts.critics import (
    clip_weights,
    gradient_penalty,
    hinge_loss,
    score_loss,
    wasserstein_loss,
)
from course_lib.training import Game, Move, Player, Source, fit, reaches


def points(n=64):
    return DataSet(torch.randn(n, 2, generator=torch.Generator().manual_seed(0)))


def pictures(n=32):
    generator = torch.Generator().manual_seed(0)
    return DataSet(
        torch.randint(0, 256, (n, 1, 16, 16), dtype=torch.uint8, generator=generator)
    )


def on_points(recipe="course", **more):
    return models.GAN(
        recipe, **{"shape": (2,), "latent": 3, "hidden": (8, 8), "batch": 16} | more
    )


def on_pictures(recipe="course", **more):
    settings = {"shape": (1, 16, 16), "width": 4, "latent": 3, "batch": 8}
    return models.DCGAN(recipe, **settings | more)


KINDS = [(on_points, points), (on_pictures, pictures)]
BOTH = pytest.mark.parametrize("make, data", KINDS, ids=["points", "pictures"])
VARIANTS = pytest.mark.parametrize("recipe", ["wgan", "wgan-gp", "sn-gan"])


def networks(model):
    named = {"G": model.generator, "D": model.discriminator}
    return {name: list(network.parameters()) for name, network in named.items()}


def play(model, images, rounds=3, **more):
    return fit(model, images, rounds=rounds, progress=False, preview=False, **more)


# The GAN of lesson 02 is what it was ---------------------------------------------------------
def as_in_lesson_02(model):
    """Its game as it was before there were variants."""
    s, held = model.settings, []
    make = lambda p: torch.optim.Adam(p, lr=s["lr"], betas=tuple(s["betas"]), fused=True)
    D = Player("D", model.discriminator.parameters(), make)
    G = Player("G", model.generator.parameters(), make)

    def discriminate(source):
        real = model.seen(source.batch().x)
        fake = model.generator(source.normal(len(real), s["latent"]))
        held[:] = [fake]
        real, fake = model.discriminator(torch.cat([real, fake])).squeeze(1).split(len(real))
        return {"D": {"real": softplus(-real).mean(), "fake": softplus(fake).mean()}}

    def generate(source):
        fake = model.discriminator(held.pop()).squeeze(1)
        saturating = s["objective"] == "saturating"
        return {"G": {"fake": -softplus(fake).mean() if saturating else softplus(-fake).mean()}}

    return Game([Move([D], discriminate, times=s["k"]), Move([G], generate)])


@pytest.mark.parametrize("objective, k", [("non-saturating", 1), ("saturating", 2)])
def test_a_gan_without_variants_keeps_its_bits(objective, k):
    now, then = (on_points(objective=objective, k=k) for _ in range(2))
    a = play(now, points(), 8)
    b = play(then, points(), 8, game=as_in_lesson_02(then))
    assert a.values == b.values
    for p, q in zip(now.state_dict().values(), then.state_dict().values(), strict=True):
        assert torch.equal(p, q)
    assert list(now.state_dict()) == list(then.state_dict())


# Objectives ----------------------------------------------------------------------------------
def test_losses_of_critics_are_means_of_scores():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([0.0, -3.0, 1.0])
    found = wasserstein_loss(real, fake)
    assert (found["real"].item(), found["fake"].item()) == pytest.approx((-0.5, -2 / 3))
    found = hinge_loss(real, fake)
    assert (found["real"].item(), found["fake"].item()) == pytest.approx((2.5 / 3, 3 / 3))
    assert score_loss(fake).item() == pytest.approx(2 / 3)


def test_the_best_critic_gives_the_wasserstein_distance():
    """Between the point masses 0 and a, f(x) = ±x gives |a|; a steeper one gives too much."""
    x, y = torch.zeros(5), torch.full((5,), 1.7)
    value = lambda slope: -sum(wasserstein_loss(-slope * x, -slope * y).values())
    assert value(1.0).item() == pytest.approx(1.7)
    assert value(3.0).item() == pytest.approx(3 * 1.7)


@BOTH
@VARIANTS
def test_terms_depend_on_the_networks_of_the_papers(make, data, recipe):
    model = make(recipe)
    source, found = Source(data(), 8), {}
    for move in model.game().round:
        found |= reaches(move.losses(source), networks(model))
    expected = {"D.real": {"D"}, "D.fake": {"D", "G"}, "G.fake": {"D", "G"}}
    if recipe == "wgan-gp":
        expected["D.penalty"] = {"D"}  # D is piecewise linear: its slope is the same beside x̂
    assert found == expected


@BOTH
@VARIANTS
def test_every_variant_trains_and_samples_in_double_precision(make, data, recipe):
    model, dtype = make(recipe).double(), torch.float64
    before = copy.deepcopy(model.state_dict())
    history = play(model, data(), 2)
    assert all(math.isfinite(v) for values in history.values.values() for v in values)
    for name, network in networks(model).items():
        assert all(p.dtype == dtype for p in network), name
    assert any(not torch.equal(t, before[n]) for n, t in model.state_dict().items())
    found = model.sample(3)
    assert found.shape == (3, *model.shape) and found.dtype == dtype


@BOTH
@pytest.mark.parametrize("k", [1, 5])
def test_d_moves_k_times_a_round_each_time_on_a_new_batch(make, data, k):
    model, seen = make("wgan-gp", k=k), []
    look = model.seen
    model.seen = lambda x: seen.append(x) or look(x)
    play(model, data(), 2)
    assert len(seen) == 2 * k
    assert len({tuple(x.flatten().tolist()) for x in seen}) == 2 * k


# Gradient penalty ----------------------------------------------------------------------------
def linear(w):
    critic = nn.Linear(len(w), 1).double()
    with torch.no_grad():
        critic.weight.copy_(torch.tensor(w))
    return critic


def pair(shape=(6, 3)):
    return torch.randn(
        2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )


def test_on_a_linear_critic_the_penalty_and_its_gradient_are_known():
    critic, (real, fake) = linear([3.0, 0.0, 4.0]), pair()
    penalty = gradient_penalty(critic, real, fake, torch.rand(6).double())
    assert penalty.item() == pytest.approx((5 - 1) ** 2)
    gradient, bias = torch.autograd.grad(penalty, critic.parameters(), allow_unused=True)
    wanted = 2 * (5 - 1) * torch.tensor([[3.0, 0.0, 4.0]]).double() / 5
    torch.testing.assert_close(gradient, wanted)
    assert bias is None or not bias.any()


def cubic(x):
    """A critic whose gradient depends on where it is taken."""
    return (x**3).sum(1, keepdim=True) / 3


def test_on_a_curved_critic_it_is_taken_at_each_pairs_own_point():
    (real, fake), epsilon = pair(), torch.rand(6).double()
    found = gradient_penalty(cubic, real, fake, epsilon)
    between = epsilon[:, None] * real + (1 - epsilon[:, None]) * fake
    wanted = ((between**2).norm(dim=1) - 1).square().mean()
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
    for wrong in (torch.ones(6), epsilon[:1].expand(6), 1 - epsilon):
        mistaken = gradient_penalty(cubic, real, fake, wrong.double())
        assert abs(mistaken - wanted) > 1e-3


def test_one_epsilon_for_the_batch_is_refused():
    real, fake = pair()
    for epsilon in (torch.rand(()), torch.rand(1), torch.rand(6, 1), torch.rand(5)):
        with pytest.raises(CourseError, match="one ε for each pair"):
            gradient_penalty(cubic, real, fake, epsilon)
    with pytest.raises(CourseError, match="as many fakes"):
        gradient_penalty(cubic, real, fake[:3], torch.rand(6))


def asked(monkeypatch, replace=None):
    """The ε that a game of WGAN-GP uses in three moves of D, and the fakes' and reals' shapes."""
    found = []

    def watched(critic, real, fake, epsilon):
        epsilon = epsilon if replace is None else replace(epsilon)
        found.append(epsilon)
        return gradient_penalty(critic, real, fake, epsilon)

    monkeypatch.setattr("course_lib.models.parts.critics.gradient_penalty", watched)
    play(on_points("wgan-gp", k=3, batch=64), points(256), 1)
    return torch.stack(found)


def uniform_for_each_pair(epsilon):
    """Whether (moves, B) numbers look uniform on [0, 1], for each pair and each move anew."""
    within = 0 <= epsilon.min() and epsilon.max() <= 1
    standard_error = (1 / 12 / epsilon.numel()) ** 0.5
    mean = abs(epsilon.mean() - 0.5) < 5 * standard_error
    spread = (epsilon.std(1) - 12**-0.5).abs().max() < 0.1
    return bool(within and mean and spread and len(epsilon.unique()) > 0.99 * epsilon.numel())


@pytest.mark.parametrize(
    "mistake", [torch.ones_like, lambda e: e[:1].expand(len(e)), lambda e: e / 2]
)
def test_the_game_draws_epsilon_uniformly_for_each_pair(monkeypatch, mistake):
    assert uniform_for_each_pair(asked(monkeypatch))
    monkeypatch.undo()
    assert not uniform_for_each_pair(asked(monkeypatch, mistake))


def test_the_penalty_reaches_the_critic_through_its_gradient():
    model = on_pictures("wgan-gp").double()
    real, fake = pair((4, 1, 16, 16))
    D, epsilon = model.discriminator, torch.rand(4).double()
    weight = D[0][0].weight
    penalty = lambda: gradient_penalty(D, real, fake, epsilon)
    (found,) = torch.autograd.grad(penalty(), weight)
    step = torch.zeros_like(weight)
    step[1, 0, 2, 1] = 1e-6
    with torch.no_grad():
        weight += step
    up = penalty()
    with torch.no_grad():
        weight -= 2 * step
    numerical = (up - penalty()) / 2e-6
    assert found[1, 0, 2, 1].item() == pytest.approx(numerical.item(), rel=1e-4)

    def detached(critic, real, fake, epsilon):
        """The mistake: the gradient without its own graph."""
        x = (epsilon[:, None, None, None] * (real - fake) + fake).requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    wrong = detached(D, real, fake, epsilon)
    assert wrong.item() == pytest.approx(penalty().item(), rel=1e-4)
    assert not wrong.requires_grad  # the number is right, and D learns nothing from it


def test_the_penalty_is_weighted_and_brings_slopes_towards_one():
    model = on_points("wgan-gp", lr=1e-2, seed=1)
    with torch.no_grad():
        for p in model.discriminator.parameters():
            p.mul_(3)
    history = play(model, points(), 40)
    penalty = history.values["D.penalty"]
    assert penalty[-1] < 0.3 * penalty[0]
    draws = [Source(points(), 16) for _ in range(2)]
    terms = [
        on_points("wgan-gp", penalty=weight)
        .game()
        .round[0]
        .losses(source)["D"]["penalty"]
        .item()
        for weight, source in zip((1.0, 10.0), draws, strict=True)
    ]
    assert terms[1] == pytest.approx(10 * terms[0], rel=1e-5)


# Clipping ------------------------------------------------------------------------------------
@BOTH
def test_clipping_keeps_all_of_the_critic_within_bounds_and_nothing_else(make, data):
    model = make("wgan")
    play(model, data(), 2)
    largest = {n: max(p.abs().max() for p in own) for n, own in networks(model).items()}
    assert largest["D"] <= 0.01 < largest["G"]
    wide = make("wgan", critic="free")
    play(wide, data(), 2)
    assert max(p.abs().max() for p in networks(wide)["D"]) > 0.01


def test_clipping_is_elementwise_and_keeps_what_is_within():
    weight = nn.Parameter(torch.tensor([-3.0, 0.004, 0.2]))
    clip_weights([weight], 0.01)
    torch.testing.assert_close(weight.data, torch.tensor([-0.01, 0.004, 0.01]))


def test_wgan_steps_by_rmsprop():
    found = [type(p.optimiser(p.parameters)) for p in on_points("wgan").game().players]
    assert found == 2 * [torch.optim.RMSprop]


# Spectral norm -------------------------------------------------------------------------------
def singular_values(network):
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    return [torch.linalg.matrix_norm(m.weight.flatten(1), 2).item() for m in layers]


@BOTH
def test_spectral_norm_brings_each_layers_largest_singular_value_to_one(make, data):
    plain = make("sn-gan", critic="free", norm="generator") if make is on_pictures else make()
    assert max(abs(v - 1) for v in singular_values(plain.discriminator)) > 0.1
    model = make("sn-gan")
    play(model, data(), 30)
    found = singular_values(model.discriminator)
    assert found == pytest.approx([1.0] * len(found), abs=0.02)
    assert all("parametrizations" not in name for name in model.generator.state_dict())


def test_in_evaluation_a_spectrally_normalised_critic_stays_as_it_is():
    model = on_points("sn-gan")
    before = copy.deepcopy(model.state_dict())
    x = points().images[:4]
    assert torch.equal(model.score(x), model.score(x))
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())


def test_its_slope_is_at_most_one():
    model = on_points("sn-gan")
    play(model, points(), 30)
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(2)).requires_grad_()
    (slope,) = torch.autograd.grad(model.score(x).sum(), x)
    assert slope.norm(dim=1).max() < 1.05


# Two time scales, averaged weights -----------------------------------------------------------
def test_two_time_scales_are_two_learning_rates():
    D, G = on_points(lr=1e-4, d_lr=4e-4).game().players
    rates = [p.optimiser(p.parameters).param_groups[0]["lr"] for p in (D, G)]
    assert rates == [4e-4, 1e-4]
    D, G = on_points(lr=1e-4).game().players
    assert D.optimiser(D.parameters).param_groups[0]["lr"] == 1e-4


@BOTH
def test_samples_come_from_the_average_computed_by_hand(make, data):
    model, seen = make(average=0.7), []
    model.double()
    game = model.game()
    after = game.after

    def watched(t):
        seen.append({n: w.clone() for n, w in model.generator.state_dict().items()})
        after(t)

    game.after = watched
    play(model, data(), 4, game=game)
    shares = torch.tensor([0.7**3, 0.7**2, 0.7, 1.0]).double()
    shares /= shares.sum()
    wanted = copy.deepcopy(model.generator).eval()
    for name, weight in wanted.state_dict().items():
        if weight.is_floating_point():
            parts = torch.stack([weights[name] for weights in seen])
            weight.copy_(torch.einsum("t,t...->...", shares, parts))
    z = model.noise(5, 3, generator=torch.Generator().manual_seed(4))
    own = model.generate(z)
    found = model.sample(5, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        x = wanted(z).view(5, *model.shape)
    torch.testing.assert_close(found, (x + 1) / 2 if model.images else x)
    assert (own - found).abs().max() > 1e-6
    torch.testing.assert_close(model.generate(z), own)


# The bilinear game ---------------------------------------------------------------------------
def bilinear(eta, alternating):
    """f(x, y) = xy: x descends, y ascends."""
    x, y = (nn.Parameter(torch.ones((), dtype=torch.float64)) for _ in range(2))
    sgd = lambda p: torch.optim.SGD(p, lr=eta)
    X, Y = Player("x", [x], sgd), Player("y", [y], sgd)
    if alternating:
        moves = [
            Move([X], lambda source: {"x": {"xy": x * y}}),
            Move([Y], lambda source: {"y": {"xy": -x * y}}),
        ]
    else:
        moves = [Move([X, Y], lambda source: {"x": {"xy": x * y}, "y": {"xy": -x * y}})]
    radii, fitted = [math.sqrt(2)], Game(moves)
    fitted.after = lambda t: radii.append(math.hypot(x.item(), y.item()))
    fit(fitted, points(), rounds=60, batch=4, progress=False)
    return torch.tensor(radii)


@pytest.mark.parametrize("eta", [0.1, 0.5])
def test_simultaneous_steps_leave_the_fixed_point_by_a_known_factor(eta):
    radii = bilinear(eta, alternating=False)
    growth = torch.full((60,), math.sqrt(1 + eta**2), dtype=torch.float32)
    torch.testing.assert_close(radii[1:] / radii[:-1], growth)


@pytest.mark.parametrize("eta", [0.1, 0.5])
def test_alternating_steps_stay_on_an_ellipse(eta):
    """x² + y² − ηxy never changes, so the radius stays within a factor of its bounds."""
    radii = bilinear(eta, alternating=True)
    kept = 2 - eta
    low, high = math.sqrt(kept / (1 + eta / 2)), math.sqrt(kept / (1 - eta / 2))
    assert low - 1e-6 < radii.min() and radii.max() < high + 1e-6


# Settings ------------------------------------------------------------------------------------
def test_what_the_variants_refuse():
    refused(lambda: on_points("wgangp"), "Did you mean 'wgan-gp'")
    refused(lambda: on_points(objective="wasserstien"), "Did you mean 'wasserstein'")
    refused(lambda: on_points(critic="clip"), "Did you mean 'clipped'")
    refused(lambda: on_points(order="at once"), "order 'at once'", "simultaneous")
    refused(lambda: on_points(order="simultaneous", k=2), "k=1", "not 2")
    refused(lambda: on_points(optimiser="adam"), "Did you mean 'Adam'")
    refused(lambda: on_pictures("wgan-gp", norm="dcgan"), "batch norm in D")
