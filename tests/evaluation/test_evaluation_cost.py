"""What a model costs: memory where it can be counted by hand, and rows that join a table."""

import pytest
import torch
from torch import nn

from course_lib import data, models
from course_lib.errors import CourseError
from course_lib.evaluation import Cost, compare, cost
from course_lib.evaluation.cost import most_held
from course_lib.game import Game, Move, Player, adam

MB = 1_000_000


def test_what_is_held_at_once_is_counted_and_a_view_is_no_memory():
    def compute():
        a = torch.empty(250, 1000)  # a megabyte each
        b = a + 1
        c = b * 2
        del b
        view = a[:10].t()
        return view, c, torch.empty(250, 1000)

    assert most_held(compute) == 3 * MB
    assert most_held(lambda: torch.empty(250, 1000).add_(1)) == MB


def test_a_gradient_holds_the_activations_until_it_is_taken():
    layers = nn.Sequential(*(nn.Tanh() for _ in range(5)))
    x = torch.zeros(250, 1000, requires_grad=True)
    quiet = x.detach()
    with torch.no_grad():
        assert most_held(lambda: layers(quiet)) == 2 * MB, "the one before goes"
    assert most_held(lambda: layers(x)) == 5 * MB, "all are kept"


class Line(nn.Module):
    """One weight matrix of a megabyte, that descends its mean square."""

    shape, settings = (1, 28, 28), {"batch": 4}

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(250, 1000))

    def game(self, rounds=None):
        player = Player("G", [self.weight], adam(1e-3))
        return Game([Move([player], lambda source: {"G": {"l": self.weight.sum()}})])

    def sample(self, n, generator=None):
        return torch.rand(n, 1, 28, 28, generator=generator)


def test_training_holds_weights_gradient_two_moments_and_the_state_to_go_back_to():
    found = cost(Line(), data.load("digits").take(20), rounds=2, n=10)
    assert found.parameters == 250_000 and found.batch == 4
    moments = 2 * MB
    held = MB + MB + moments + (MB + moments)  # weights, gradient, moments, a copy of the last
    assert held - 2 * MB <= found.training_bytes <= held + 0.1 * MB
    assert found.training_bytes >= 4 * MB, "a weight costs four times its own bytes with Adam"
    assert found.sampling_bytes == pytest.approx(MB + 10 * 784 * 4, abs=5000)
    assert found.round_seconds > 0 and found.sample_seconds > 0


def test_a_larger_batch_holds_more_and_the_model_is_left_as_it_was():
    model = models.VAE(hidden=(32,), latent=4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    digits = data.load("digits").take(300)
    small, large = (cost(model, digits, rounds=1, n=4, batch=b) for b in (10, 200))
    images = 190 * 784 * 4
    assert large.training_bytes - small.training_bytes > 3 * images
    assert large.sampling_bytes == small.sampling_bytes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Drawer:
    shape = (1, 28, 28)

    def sample(self, n, generator=None):
        return torch.rand(n, 1, 28, 28, generator=generator)


def test_costs_join_the_table_and_a_model_without_a_game_has_a_dash():
    digits = data.load("digits", "test")
    model, drawer = Line(), Drawer()
    table = compare({"line": model, "drawer": drawer}, digits, n=200, held_out=2)
    rows = {
        name: cost(one, digits, rounds=1, n=4).rows()
        for name, one in (("line", model), ("drawer", drawer))
    }
    joined = table.joined(rows)
    assert joined["line"]["parameters"].value == 0.25
    cells = {row[0]: row for row in joined.cells()}
    assert cells["a round (ms)"][2:] == ("—", "—") and cells["a sample (ms)"][2] != "—"
    assert len(table["line"].rows) + len(rows["line"]) == len(joined["line"].rows)
    with pytest.raises(CourseError, match="model"):
        table.joined({"other": []})
    with pytest.raises(CourseError, match="line would have two rows 'parameters'"):
        joined.joined(rows)


def test_what_is_no_model_or_no_data_is_refused():
    with pytest.raises(CourseError, match="brackets"):
        cost(models.GAN, data.load("digits"))
    with pytest.raises(CourseError, match="DataSet"):
        cost(Drawer(), torch.zeros(3))
    with pytest.raises(CourseError, match="rounds"):
        cost(Drawer(), data.load("digits").take(5), rounds=0)
    assert isinstance(cost(Drawer(), data.load("digits").take(5), n=2), Cost)
