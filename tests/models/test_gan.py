"""The GAN against the paper: objectives, who depends on whom, a hand-written loop."""

import math

import pytest
import torch
from shared import refused
from torch import nn
from torch.nn.functional import binary_cross_entropy, softplus

from course_lib import data, models
from course_lib.models.gan import discriminator_loss, generator_loss
from course_lib.training import Source, fit, reaches


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").take(256)


def small(**more):
    return models.GAN(**{"hidden": (16, 12), "latent": 4, "batch": 32} | more)


# Objectives ----------------------------------------------------------------------------------
def test_the_losses_are_cross_entropies_where_those_can_be_computed():
    logits = torch.linspace(-15, 15, 31, dtype=torch.float64)
    one, zero = torch.ones_like(logits), torch.zeros_like(logits)
    losses = discriminator_loss(logits, logits)
    assert losses["real"].item() == pytest.approx(
        binary_cross_entropy(logits.sigmoid(), one).item(), abs=1e-9
    )
    assert losses["fake"].item() == pytest.approx(
        binary_cross_entropy(logits.sigmoid(), zero).item(), abs=1e-9
    )
    assert generator_loss(logits, "non-saturating") == losses["real"]
    assert generator_loss(logits, "saturating") == -losses["fake"]


@pytest.mark.parametrize("logit", [-200.0, -50.0, 0.0, 50.0, 200.0])
def test_gradients_are_exact_where_the_sigmoid_has_lost_them(logit):
    for objective, gradient in (
        ("non-saturating", lambda v: -torch.sigmoid(-v)),
        ("saturating", lambda v: -torch.sigmoid(v)),
    ):
        x = torch.tensor([logit], requires_grad=True)
        generator_loss(x, objective).backward()
        torch.testing.assert_close(x.grad, gradient(x.detach()), atol=1e-12, rtol=1e-6)


def test_the_published_trap_sigmoid_then_log_loses_the_gradient():
    x = torch.tensor([-200.0], requires_grad=True)
    binary_cross_entropy(x.sigmoid(), torch.ones(1)).backward()
    assert abs(x.grad.item()) < 1e-6  # where −1 is right


def test_at_the_best_discriminator_the_value_is_js():
    generator = torch.Generator().manual_seed(0)
    p, q = torch.rand(2, 6, generator=generator, dtype=torch.float64)
    p, q = p / p.sum(), q / q.sum()
    logits = (p / q).log()  # D* = p / (p + q)
    value = -(p * softplus(-logits)).sum() - (q * softplus(logits)).sum()
    m = (p + q) / 2
    js = 0.5 * (p * (p / m).log()).sum() + 0.5 * (q * (q / m).log()).sum()
    assert abs(value - (-math.log(4) + 2 * js)) < 1e-12
    for wrong in (-math.log(2) + 2 * js, -math.log(4) + js):
        assert abs(value - wrong) > 1e-2
    for shift in torch.randn(50, 6, generator=generator, dtype=torch.float64):
        moved = logits + 0.3 * shift
        assert -(p * softplus(-moved)).sum() - (q * softplus(moved)).sum() < value


# Who depends on whom -------------------------------------------------------------------------
PAPER = {"D.real": {"D"}, "D.fake": {"D", "G"}, "G.fake": {"D", "G"}}


def dependencies(model, images):
    source = Source(images, 32)
    networks = {
        "G": list(model.generator.parameters()),
        "D": list(model.discriminator.parameters()),
    }
    found = {}
    for move in model.game().round:
        found |= reaches(move.losses(source), networks)
    return found


class Cut(nn.Module):
    """A network whose output lost its graph."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).detach()


@pytest.mark.parametrize("objective", ["saturating", "non-saturating"])
@pytest.mark.parametrize("k", [1, 3])
def test_terms_depend_on_the_networks_of_the_paper(digits, objective, k):
    assert dependencies(small(objective=objective, k=k), digits) == PAPER


def test_wrong_models_are_refused(digits):
    cut = small()
    cut.generator = Cut(cut.generator)
    assert dependencies(cut, digits) != PAPER
    swapped = small()
    swapped.seen = lambda x: swapped.generator(torch.zeros(len(x), 4))  # "real" made by G
    assert dependencies(swapped, digits) != PAPER


def test_only_the_player_moves(digits):
    model = small()
    before = {n: p.clone() for n, p in model.named_parameters()}
    game = model.game()
    game.round = game.round[:1]
    fit(model, digits, game=game, rounds=1, progress=False)
    for name, parameter in model.named_parameters():
        moved = not torch.equal(parameter, before[name])
        assert moved == name.startswith("discriminator"), name


# A hand-written loop -------------------------------------------------------------------------
def by_hand(model, images, rounds, objective):
    """The usual public loop: detach, backward, two optimisers; fakes made once and reused."""
    G, D = model.generator, model.discriminator
    make = {"lr": model.settings["lr"], "betas": model.settings["betas"], "foreach": False}
    d, g = torch.optim.Adam(D.parameters(), **make), torch.optim.Adam(G.parameters(), **make)
    source = Source(images, model.settings["batch"], seed=0, dtype=torch.float64)
    for _ in range(rounds):
        for _ in range(model.settings["k"]):
            real = source.batch().x.flatten(1) * 2 - 1
            fake = G(source.normal(len(real), model.settings["latent"]))
            seen = D(fake.detach()).sigmoid()
            loss = -D(real).sigmoid().log().mean() - (1 - seen).log().mean()
            d.zero_grad()
            loss.backward()
            d.step()
        p = D(fake).sigmoid()
        loss = (1 - p).log().mean() if objective == "saturating" else -p.log().mean()
        g.zero_grad()
        loss.backward()
        g.step()


@pytest.mark.parametrize("objective", ["saturating", "non-saturating"])
@pytest.mark.parametrize("k", [1, 2])
def test_the_game_is_the_hand_written_loop(digits, objective, k):
    played, written = (small(objective=objective, k=k).double() for _ in range(2))
    fit(played, digits, rounds=12, progress=False)
    by_hand(written, digits, 12, objective)
    for a, b in zip(played.parameters(), written.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-7)


# Samples and settings ------------------------------------------------------------------------
def test_the_report_recipe_is_a1():
    model = models.GAN(recipe="report")
    sizes = [m.weight.shape for m in model.generator if isinstance(m, nn.Linear)]
    assert sizes == [(256, 64), (256, 256), (784, 256)]
    sizes = [m.weight.shape for m in model.discriminator if isinstance(m, nn.Linear)]
    assert sizes == [(256, 784), (256, 256), (1, 256)]
    assert isinstance(model.generator[-1], nn.Tanh)
    assert {type(m) for m in model.discriminator} == {nn.Linear, nn.LeakyReLU}
    assert model.discriminator[1].negative_slope == 0.2
    s = model.settings
    assert (s["batch"], s["lr"], s["rounds"], s["k"]) == (100, 2e-4, 200 * 600, 1)


def test_points_have_no_tanh_and_no_rescaling():
    model = models.GAN(shape=(2,), hidden=(8,))
    assert model.sample(3).shape == (3, 2)
    x = torch.tensor([[3.0, -7.0]])
    assert torch.equal(model.score(x), model.discriminator(x).squeeze(1))


def test_what_a_gan_refuses():
    refused(lambda: models.GAN("reprot"), "Did you mean 'report'")
    refused(lambda: models.GAN(latnet=3), "Did you mean 'latent'")
    for given in ({"hidden": 16}, {"shape": 28}, {"shape": "28"}, {"betas": (0.5, "0.9")}):
        refused(lambda given=given: models.GAN(**given), f"{[*given][0]} must be a list")
    for betas in ((0.5,), (0.5, 1.5), (-0.5, 0.999)):
        refused(
            lambda betas=betas: models.GAN(betas=betas).game(),
            "betas",
            "from 0 to below 1",
            str(betas),
        )
    refused(lambda: models.GAN(objective="saturated"), "Did you mean 'saturating'")
    refused(lambda: generator_loss(torch.zeros(2), "minimax"), "generator objective")
    refused(lambda: small().score(torch.zeros(2, 3, 32, 32)), "(2, 3, 32, 32)")
    refused(lambda: small().sample(3, labels=torch.zeros(3)), "unconditional")
    refused(lambda: models.build("GANN", {}), "Did you mean 'GAN'")
