"""Games: who moves by whose gradient, in which memory layout, and what is refused."""

import pytest
import torch
from shared import refused
from torch import nn

from course_lib.data import DataSet
from course_lib.training import (
    Game,
    Move,
    Player,
    adam,
    distributed,
    fit,
    own_gradients,
    reaches,
)
from course_lib.training.loop import Training


def points(n=32):
    generator = torch.Generator().manual_seed(0)
    return DataSet(torch.randn(n, 2, generator=generator))


def sgd(rate):
    return lambda parameters: torch.optim.SGD(parameters, lr=rate)


def weight(value):
    return nn.Parameter(torch.tensor(float(value), dtype=torch.float64))


def test_four_players_move_together_each_by_its_own_loss():
    a, b, c, d = values = [weight(v) for v in (1.0, 2.0, 3.0, 4.0)]
    players = [Player(n, [w], sgd(0.1)) for n, w in zip("abcd", values, strict=True)]

    def losses(source):
        return {
            "a": {"product": a * b * c * d},
            "b": {"product": -a * b * c * d, "own": b**2},
            "c": {"with a": (a - c) ** 2},
            "d": {"square": d**2},
        }

    fit(Game([Move(players, losses)]), points(), rounds=1, batch=4, progress=False)
    # Every gradient is taken where all four stood before anyone moved.
    assert a.item() == pytest.approx(1 - 0.1 * (2 * 3 * 4))
    assert b.item() == pytest.approx(2 - 0.1 * (-1 * 3 * 4 + 2 * 2))
    assert c.item() == pytest.approx(3 - 0.1 * (2 * (3 - 1)))
    assert d.item() == pytest.approx(4 - 0.1 * (2 * 4))


def test_terms_of_one_number_may_have_any_shape(monkeypatch):
    """() and (1,) side by side, also where they are averaged over processes, all in one tensor."""
    averaged = []
    monkeypatch.setattr(distributed, "world", lambda: 2)
    monkeypatch.setattr(distributed, "average_", averaged.append)
    w = weight(3.0)
    move = Move([Player("w", [w], sgd(0.0))], lambda _: {"w": {"a": w, "b": 2 * w.view(1, 1)}})
    training = Training(None, Game([move]), points(), batch=4, seed=0)
    assert training.move(move, 0) == {"w.a": 3.0, "w.b": 6.0}
    assert len(averaged[0]) == 2  # the gradient, and the terms


def test_alternating_moves_see_each_others_steps():
    x, y = weight(1.0), weight(1.0)
    X, Y = Player("x", [x], sgd(0.5)), Player("y", [y], sgd(0.5))
    game = Game(
        [
            Move([X], lambda source: {"x": {"xy": x * y}}),
            Move([Y], lambda source: {"y": {"xy": -x * y}}),
        ]
    )
    fit(game, points(), rounds=1, batch=4, progress=False)
    assert (x.item(), y.item()) == (0.5, 1.25)


def test_one_player_plays_twice_with_two_optimiser_states():
    w, other = weight(1.0), weight(0.0)
    first = Player("encoder", [w], adam(0.1))
    second = Player("encoder as generator", [w], adam(0.01))
    D = Player("D", [other], adam(0.1))
    game = Game(
        [
            Move([first], lambda source: {"encoder": {"square": w**2}}),
            Move(
                [second, D],
                lambda source: {
                    "encoder as generator": {"cube": w**3},
                    "D": {"square": (other - w) ** 2},
                },
            ),
        ]
    )
    history = fit(game, points(), rounds=1, batch=4, progress=False)
    assert w.item() == pytest.approx(1 - 0.1 - 0.01, abs=1e-6)  # Adam's first step is its rate
    assert set(history.terms) == {"encoder.square", "encoder as generator.cube", "D.square"}


def test_a_move_played_k_times_draws_k_batches():
    w, drawn = weight(1.0), []
    player = Player("w", [w], sgd(0.0))

    def losses(source):
        drawn.append(source.batch().x)
        return {"w": {"square": w**2}}

    fit(Game([Move([player], losses, times=3)]), points(), rounds=2, batch=4, progress=False)
    assert len(drawn) == 6
    assert len({tuple(x.flatten().tolist()) for x in drawn}) == 6


class Layouts(nn.Module):
    """Weight norm beside a convolution: gradients that come in another layout."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 8, 3, padding=1))
        self.second = nn.Conv2d(8, 4, 3)

    def forward(self, x):
        return self.second(self.first(x).relu()).square().mean()


def train_layouts(optimiser, channels_last, rounds=5):
    network = Layouts()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, 2, 8, 8, generator=generator)
    if channels_last:
        network, x = (
            network.to(memory_format=torch.channels_last),
            x.contiguous(memory_format=torch.channels_last),
        )
    player = Player("w", network.parameters(), optimiser)
    game = Game([Move([player], lambda source: {"w": {"loss": network(x)}})])
    fit(game, points(), rounds=rounds, batch=4, progress=False)
    return [p.detach().contiguous() for p in network.parameters()]


@pytest.mark.parametrize("channels_last", [False, True])
def test_fused_adam_equals_plain_with_weight_norm_and_channels_last(channels_last):
    plain = train_layouts(lambda p: torch.optim.Adam(p, lr=0.01, foreach=False), False)
    fused = train_layouts(adam(0.01), channels_last)
    for a, b in zip(plain, fused, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_the_trap_is_real_fused_adam_ignores_strides():
    """Without the copy in `step` the parameters come out wrong; this shows the danger."""
    p = nn.Parameter(torch.zeros(4, 4, 3, 3).to(memory_format=torch.channels_last))
    gradient = torch.arange(p.numel(), dtype=torch.float32).view(4, 4, 3, 3) - 70
    p.grad = gradient
    torch.optim.SGD([p], lr=1.0, fused=True).step()
    assert not torch.equal(p, -gradient), "torch repairs strides now: the copy can go"


def test_gradients_have_their_parameters_layout_across_resume(tmp_path):
    def run(rounds, folder=None):
        network = Layouts().to(memory_format=torch.channels_last)
        x = torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(1))
        player = Player("w", network.parameters(), adam(0.01))
        game = Game([Move([player], lambda source: {"w": {"loss": network(x)}})])
        fit(game, points(), rounds=rounds, batch=4, progress=False, resume=folder)
        return list(network.parameters())

    whole = run(6)
    run(3, tmp_path)
    for a, b in zip(whole, run(6, tmp_path), strict=True):
        assert torch.equal(a, b)


def test_reaches_asks_autograd():
    a, b = weight(1.0), weight(2.0)
    losses = {"a": {"both": a * b, "alone": a**2, "cut": a + b.detach()}}
    assert reaches(losses, {"A": [a], "B": [b]}) == {
        "a.both": {"A", "B"},
        "a.alone": {"A"},
        "a.cut": {"A"},
    }


def test_what_a_game_refuses():
    w, v = weight(1.0), weight(2.0)
    W, both = Player("w", [w], sgd(1)), Player("b", [w, v], sgd(1))
    refused(lambda: Player("net", nn.Linear(1, 1), sgd(1)), "module.parameters()")
    refused(lambda: Player("none", [], sgd(1)), "owns no trainable parameter")
    refused(lambda: Move([W, both], lambda source: {}), "share a parameter", "two moves")
    refused(lambda: Move([W], lambda source: {}, times=0), "times", "whole number from 1")
    refused(lambda: Move([W, W], lambda source: {}), "names a player twice", "'w'")
    refused(lambda: Player("w", [w], sgd(1), clip=0.0), "clip", "above 0", "0.0")
    refused(lambda: adam(0.1, betas=(0.9, 1.0)), "betas", "[0, 1)")
    refused(lambda: Game([]), "at least one move")
    refused(lambda: own_gradients({"v": {"v": v}}, [W]), "['v']", "['w']")
    refused(lambda: own_gradients({"w": {"w": v**2}}, [W]), "reached by none", "'w'")
    refused(lambda: own_gradients({"w": {"w": w.detach()}}, [W]), "depends on its parameters")
    for found in (torch.ones(2, dtype=v.dtype) * w, 3.0):
        refused(lambda found=found: own_gradients({"w": {"w": found}}, [W]), "'w'", "scalar")
    for found in (w**2, {}, {"w": w**2, "other": 1.0}):
        refused(lambda found=found: own_gradients({"w": found}, [W]), "'w'", "{term: scalar}")
    for found in (w**2, None):
        refused(lambda found=found: own_gradients(found, [W]), "{player: {term: scalar}}")
    twin = Player("w", [v], sgd(1))
    moves = [Move([W], lambda source: {}), Move([twin], lambda source: {})]
    refused(lambda: Game(moves), "share a name")
