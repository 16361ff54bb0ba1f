"""The toy densities: they integrate to one, and their samples are drawn from them."""

import math

import numpy as np
import pytest
import torch

from course_lib import data
from course_lib.data import toy
from course_lib.errors import CourseError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def board(name):
    """The density, and the middles and the area of fine cells that cover all its mass."""
    density = toy.make(name)
    half, n = {"grid": 4.5, "checkerboard": 2.5}.get(name, 2.7), 210
    axis = (torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 * half - half
    return density, torch.cartesian_prod(axis, axis), (2 * half / n) ** 2, half, n


@pytest.fixture(scope="module", params=toy.KINDS)
def known(request):
    density, cells, area, half, n = board(request.param)
    log = density.log_density(cells)
    return density, log.exp() * area, cells, half, n, log


def test_a_density_integrates_to_one(known):
    assert abs(known[1].sum() - 1) < 1e-6


def test_samples_have_the_moments_of_the_density(known):
    density, mass, cells, *_ = known
    n = 50_000
    x = density.sample(n, generator()).double()
    for power in (1, 2, 4):
        mean = (mass[:, None] * cells**power).sum(0)
        spread = (mass[:, None] * cells ** (2 * power)).sum(0) - mean**2
        assert ((x**power).mean(0) - mean).abs().max() < 5 * (spread.max() / n) ** 0.5


def test_samples_fall_where_the_density_says(known):
    """χ² over coarse cells: its value is within 5 sd of its mean, for the right density only."""
    density, mass, _, half, n, _ = known
    coarse = 30
    expected = mass.view(coarse, n // coarse, coarse, n // coarse).sum((1, 3)).flatten()
    count = 40_000
    x = density.sample(count, generator(1))
    cell = ((x + half) / (2 * half) * coarse).long().clamp(0, coarse - 1)
    seen = torch.bincount(cell[:, 0] * coarse + cell[:, 1], minlength=coarse**2)

    def excess(probability):
        enough = probability * count >= 5
        e = probability[enough] * count
        freedom = int(enough.sum()) - 1
        chi = ((seen[enough] - e) ** 2 / e).sum()
        return float((chi - freedom) / (2 * freedom) ** 0.5)

    assert excess(expected) < 5
    assert excess(expected.view(coarse, coarse).roll(1, 0).flatten()) > 50


def test_the_mean_log_density_of_samples_is_minus_the_entropy(known):
    density, mass, *_, log = known
    entropy = -(mass * torch.where(mass > 0, log, 0)).sum()
    n = 10_000
    own = density.log_density(density.sample(n, generator(2)).double())
    assert torch.isfinite(own).all()
    assert abs(own.mean() + entropy) < 5 * own.std() / n**0.5 + 1e-6


def test_a_ring_is_the_mixture_that_torch_computes():
    from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

    ring = toy.Ring(modes=5, radius=1.5, sigma=0.2)
    centres = ring.centres.double()
    parts = Independent(Normal(centres, 0.2 * torch.ones_like(centres)), 1)
    reference = MixtureSameFamily(Categorical(torch.ones(5, dtype=torch.float64)), parts)
    x = torch.randn(500, 2, generator=generator(), dtype=torch.float64) * 2
    assert (ring.log_density(x) - reference.log_prob(x)).abs().max() < 1e-5


@pytest.mark.parametrize("density", [toy.Moons(), toy.Moons(sigma=0.03), toy.Spiral()])
def test_the_quadrature_is_exact_where_samples_fall(density, monkeypatch):
    x = density.sample(300, generator()).double()
    original = toy.curves.math.ceil
    finer = type(density).__new__(type(density))
    monkeypatch.setattr(toy.curves.math, "ceil", lambda value: 2 * original(value))
    finer.__init__(**({"sigma": density.sigma}))
    assert len(finer.nodes) == 2 * len(density.nodes)
    assert (density.log_density(x) - finer.log_density(x)).abs().max() < 1e-8


def test_the_checkerboard_is_flat_and_empty():
    density = toy.Checkerboard()
    x = torch.tensor([[-1.5, -1.5], [-0.5, -1.5], [1.5, 1.5], [2.5, 1.5], [-2.5, -1.5]])
    level = -math.log(8)
    expected = torch.tensor([level, -math.inf, level, -math.inf, -math.inf])
    assert torch.equal(density.log_density(x), expected)
    for squares in (2, 3, 5):
        own = toy.Checkerboard(squares=squares)
        assert torch.isfinite(own.log_density(own.sample(100_000, generator()))).all()


def test_covered_counts_modes_and_good_points():
    ring = toy.Ring()
    points, mode = ring.sample_labelled(8000, generator())
    modes, good = ring.covered(points)
    assert modes == 8 and abs(good - (1 - math.exp(-4.5))) < 0.006
    assert ring.covered(points[mode < 3]).modes == 3
    stray = torch.cat([points[mode == 0], ring.centres[5:6]])
    assert ring.covered(stray).modes == 1
    assert ring.covered(stray, least=0).modes == 2
    assert ring.covered(torch.zeros(10, 2)) == (0, 0.0)
    assert toy.Grid().covered(toy.Grid().sample(5000, generator())).modes == 25


def test_a_toy_is_a_data_set_by_name():
    train, test = data.load("ring"), data.load("ring", "test")
    assert train.shape == (2,) and train.batch([0, 1]).x.dtype == torch.float32
    assert set(train.labels.tolist()) == set(range(8))
    assert not torch.equal(train.images, test.images)
    assert torch.equal(train.images, toy.Ring().data_set(10_000, seed=0).images)
    assert (train.card.split, len(train)) == ("train", train.card.counts["train"])


def test_samples_need_no_global_randomness():
    state = torch.get_rng_state()
    for name in toy.KINDS:
        first = toy.make(name).sample(10, generator(3))
        assert torch.equal(first, toy.make(name).sample(10, generator(3)))
    assert torch.equal(state, torch.get_rng_state())


def test_numpys_numbers_are_numbers():
    one, other = (
        toy.Ring(np.int64(5), np.float32(1.5), np.float64(0.25)),
        toy.Ring(5, 1.5, 0.25),
    )
    drawn = one.data_set(np.int32(50), seed=np.int64(3)).images
    assert torch.equal(drawn, other.data_set(50, seed=3).images)
    assert torch.equal(data.order(9, np.int64(1), np.uint8(2)), data.order(9, 1, 2))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: toy.make("rings"), "Did you mean 'ring'"),
        (lambda: toy.Ring(sigma=0), "sigma, the width of the noise, must be"),
        (lambda: toy.Moons(sigma=-1), "sigma, the width of the noise, must be"),
        (lambda: toy.Ring(modes=0), "modes must be a whole number from 1"),
        (lambda: toy.Checkerboard(squares=1), "squares must be a whole number from 2"),
        (lambda: toy.Ring().data_set(0), "n must be a whole number from 1"),
        (lambda: toy.Ring().data_set(10**12), "to 10,000,000"),
        (lambda: toy.Moons().sample(-1), "n must be a whole number from 0"),
        (lambda: toy.Checkerboard().sample_labelled(2.5), "whole number from 0 .*not 2.5"),
        (lambda: toy.Ring().data_set(5, seed=2.5), "seed must be"),
        (lambda: toy.Ring().data_set(5, seed=2**70), "seed must be"),
        (lambda: toy.Ring(modes=2.5), "modes must be a whole number from 1 .*not 2.5"),
        (lambda: toy.Ring(modes=True), "whole number .*not True"),
        (lambda: toy.Ring(radius=math.nan), "radius must be a finite number, not nan"),
        (lambda: toy.Grid(spacing="2"), "spacing must be a finite number, not '2'"),
        (lambda: toy.Grid(side=10**6), "side must be a whole number from 1 to 100"),
        (lambda: toy.Moons(sigma=1e-9), "sigma = 1e-09 is too fine"),
        (lambda: toy.Spiral(turns=math.inf), "turns must be a finite number"),
        (lambda: toy.Checkerboard(squares=10**6), "squares must be a whole number from 2"),
        (
            lambda: toy.Ring(sigma="a"),
            "sigma, the width of the noise, must be a number above 0",
        ),
        (lambda: toy.Ring().log_density([[0.0, 0.0]]), "got list"),
        (lambda: toy.Ring().log_density(torch.ones(3, 2).long()), "tensor of floats"),
        (lambda: toy.Ring().log_density(torch.zeros(3)), r"shape \(n, 2\), got \(3,\)"),
        (lambda: toy.Ring().covered(torch.zeros(0, 2)), "no points to count"),
        (lambda: toy.Moons().covered(torch.zeros(5, 2)), "no separate modes"),
    ],
)
def test_bad_settings_are_refused(wrong, message):
    with pytest.raises(CourseError, match=message):
        wrong()
