"""The moving average of weights: its numbers, what a checkpoint keeps of it, when it is used."""

import pytest
import torch
from shared import weights
from torch import nn

from course_lib import models
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.training import Game, Move, MovingAverage, Player, fit

DECAY = 0.8


def points():
    return DataSet(torch.randn(32, 2, generator=torch.Generator().manual_seed(0)))


def by_hand(weights):
    """Σ dⁿ⁻ⁱ wᵢ / Σ dⁿ⁻ⁱ, summed out."""
    shares = [DECAY ** (len(weights) - i) for i in range(1, len(weights) + 1)]
    return sum(s * w for s, w in zip(shares, weights, strict=True)) / sum(shares)


class Averaged(models.GAN):
    """A GAN that samples with the average of G, whose batch norm has buffers."""

    def build(self):
        super().build()
        self.generator.insert(1, nn.BatchNorm1d(self.settings["hidden"][0]))
        self.average = MovingAverage(self.generator, decay=DECAY)
        self.seen_weights = []

    def game(self, rounds=None):
        game = super().game(rounds)
        game.after = self.after
        return game

    def after(self, t):
        self.seen_weights.append({k: w.clone() for k, w in self.generator.state_dict().items()})
        self.average.update()

    def sample(self, n, **options):
        with self.average.applied():
            return super().sample(n, **options)


def averaged():
    return Averaged(shape=(2,), latent=2, hidden=(4,), batch=8).double()


def test_the_average_is_the_one_computed_by_hand_also_across_resume(tmp_path):
    seen = []
    for rounds in (1, 4, 9):
        model = averaged()
        fit(model, points(), rounds=rounds, resume=tmp_path, progress=False)
        seen += model.seen_weights
        assert len(seen) == rounds == model.average.updates
        with model.average.applied():
            for name, found in model.generator.state_dict().items():
                if found.is_floating_point():
                    wanted = by_hand([weights[name] for weights in seen])
                    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
                else:
                    assert found == seen[-1][name]  # a counter
    whole = averaged()
    fit(whole, points(), rounds=9, progress=False)
    assert all(
        torch.equal(a, b) for a, b in zip(*map(state_values, (whole, model)), strict=True)
    )
    # A start without correction, average ← w₁ once and then d : 1 − d, is another number.
    name = "0.weight"
    biased = seen[0][name]
    for one in seen[1:]:
        biased = DECAY * biased + (1 - DECAY) * one[name]
    with model.average.applied():
        assert (model.generator.state_dict()[name] - biased).abs().max() > 1e-6


def state_values(model):
    return list(weights(model).values())


def test_samples_use_the_average_and_leave_the_weights_as_they_were(tmp_path):
    model = averaged()
    fit(model, points(), rounds=5, resume=tmp_path, progress=False)
    before = weights(model)
    noise = torch.Generator().manual_seed(1)
    z = model.noise(6, 2, generator=torch.Generator().manual_seed(1))
    own, found = model.generate(z).detach(), model.sample(6, generator=noise)
    assert (own - found).abs().max() > 1e-4
    for name, weight in model.generator.state_dict().items():
        weight.copy_(by_hand([weights[name] for weights in model.seen_weights]))
    torch.testing.assert_close(model.generate(z).detach(), found)
    model.load_state_dict(before)
    with pytest.raises(ZeroDivisionError), model.average.applied():
        raise ZeroDivisionError
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert torch.equal(model.double().sample(6, generator=noise.manual_seed(1)), found)


def test_before_the_first_update_the_networks_keep_their_own_weights():
    network = nn.Linear(2, 2)
    average = MovingAverage(network, decay=DECAY)
    nn.init.ones_(network.weight)  # as data-dependent initialisation does
    with average.applied():
        assert (network.weight == 1).all()


def test_the_average_is_none_of_the_players_business():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = MovingAverage(network, network[0], decay=DECAY)
    assert not list(average.parameters())
    assert not any(module in network.modules() for module in average.modules())


def bare(rounds, folder=None, kept=True):
    network = nn.Linear(2, 1, bias=False)
    nn.init.ones_(network.weight)
    average = MovingAverage(network, decay=DECAY)
    player = Player("w", network.parameters(), lambda p: torch.optim.SGD(p, lr=0.1))
    game = Game(
        [
            Move(
                [player],
                lambda source: {"w": {"loss": network(source.batch().x).square().mean()}},
            )
        ],
        after=lambda t: average.update(),
        keeps=[average] if kept else [],
    )
    fit(game, points(), rounds=rounds, batch=8, resume=folder, progress=False)
    with average.applied():
        return network.weight.detach().clone()


def test_a_game_of_ones_own_keeps_its_average(tmp_path):
    whole = bare(6)
    bare(3, tmp_path / "kept")
    assert torch.equal(bare(6, tmp_path / "kept"), whole)
    bare(3, tmp_path / "forgotten", kept=False)
    assert not torch.equal(bare(6, tmp_path / "forgotten", kept=False), whole)


def test_what_an_average_refuses():
    for decay in (1, 1.5, -0.1, float("nan")):
        with pytest.raises(CourseError, match=r"decay must be in \[0, 1\)"):
            MovingAverage(nn.Linear(1, 1), decay=decay)
    with pytest.raises(CourseError, match="needs the networks"):
        MovingAverage(decay=0.9)
