"""Scores against cases whose answer is known: histograms, nearest neighbours, likelihoods."""

import math

import pytest
import torch
from torch import nn

from course_lib import data, evaluation
from course_lib.errors import CourseError
from course_lib.evaluation import classes
from course_lib.models import VAE


class Reader(nn.Module):
    """A judge that is told the answer: the class stands in the first pixel, in twentieths."""

    def forward(self, x):
        label = (x[:, 0, 0, 0] * 20).round().long()
        sure = x[:, 0, 0, 1:2] * 10
        return nn.functional.one_hot(label, 10) * sure


def written(labels, sure=1.0):
    images = torch.zeros(len(labels), 1, 28, 28)
    images[:, 0, 0, 0] = torch.as_tensor(labels) / 20
    images[:, 0, 0, 1] = sure
    return images


class LinearGaussian(nn.Module):
    """z ~ N(0, 1), x = w z + s ε in D dimensions, with a q that is off: all is known exactly."""

    def __init__(self, w=(1.0, -0.5, 2.0), s=0.7, off=0.4):
        super().__init__()
        self.w, self.s, self.off = torch.tensor(w).double(), s, off

    def posterior(self, x):
        precision = 1 + self.w.square().sum() / self.s**2
        return (x.flatten(1) @ self.w) / self.s**2 / precision, precision.rsqrt()

    def exact(self, x):
        cov = self.w.outer(self.w) + self.s**2 * torch.eye(len(self.w)).double()
        zero = torch.zeros(len(self.w)).double()
        return torch.distributions.MultivariateNormal(zero, cov).log_prob(x.flatten(1))

    def elbo(self, x):
        return self.exact(x) - 0.5 * (self.off / self.posterior(x)[1]) ** 2

    def log_likelihood(self, x, k, generator):
        mean, sd = self.posterior(x)
        q = torch.distributions.Normal(mean + self.off, sd)
        z = q.mean + sd * torch.randn(k, len(x), generator=generator, dtype=torch.float64)
        p = torch.distributions.Normal(z[..., None] * self.w, self.s)
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)
        weights = p.log_prob(x.flatten(1)).sum(-1) + prior - q.log_prob(z)
        return weights.logsumexp(0) - math.log(k)

    def data(self, n, seed=0):
        g = torch.Generator().manual_seed(seed)
        z = torch.randn(n, 1, generator=g, dtype=torch.float64)
        noise = torch.randn(n, len(self.w), generator=g, dtype=torch.float64)
        return (z * self.w + self.s * noise).view(n, 1, 1, -1)


# Histograms ------------------------------------------------------------------------------
def test_histogram_counts_what_the_judge_reads():
    judge = Reader().eval()
    images = written([0, 0, 3, 9, 9, 9])
    counts = evaluation.class_histogram(images, judge)
    assert counts.tolist() == [2, 0, 0, 1, 0, 0, 0, 0, 0, 3]
    levels = (images * 255).round().to(torch.uint8)
    assert evaluation.class_histogram(levels, judge).tolist() == counts.tolist()


def test_the_confidence_filter_drops_what_the_judge_is_unsure_of():
    judge = Reader().eval()
    images = torch.cat([written([1, 1]), written([2], sure=0.05)])
    assert evaluation.class_histogram(images, judge).tolist()[1:3] == [2, 1]
    assert evaluation.class_histogram(images, judge, confidence=0.9).tolist()[1:3] == [2, 0]


def test_total_variation_of_a_dropped_class_is_its_share():
    uniform = torch.full((10,), 100)
    dropped = uniform.clone()
    dropped[3] = 0
    assert evaluation.total_variation(uniform, uniform) == 0
    assert evaluation.total_variation(dropped, uniform) == pytest.approx(0.1, abs=1e-12)
    apart = evaluation.total_variation(torch.tensor([5, 0]), torch.tensor([0, 2]))
    assert apart == 1
    halves = evaluation.total_variation(torch.tensor([0.5, 0.5]), torch.tensor([3, 1]))
    assert halves == pytest.approx(0.25)


def test_kl_of_a_dropped_class():
    uniform = torch.full((10,), 100)
    dropped = uniform.clone()
    dropped[3] = 0
    assert evaluation.class_kl(dropped, uniform) == pytest.approx(math.log(10 / 9), abs=1e-12)
    assert evaluation.class_kl(uniform, dropped) == math.inf


def test_modes_covered_asks_for_a_share_not_for_a_stray():
    assert evaluation.modes_covered(torch.full((10,), 100)) == 10
    assert evaluation.modes_covered(torch.tensor([990, 1, *[0] * 7, 9])) == 1
    assert evaluation.modes_covered(torch.tensor([980, *[0] * 8, 20])) == 2
    assert evaluation.modes_covered(torch.tensor([999, 1, *[0] * 8]), share=0.001) == 2


def test_chi_squared_against_its_table_and_its_law():
    table = torch.tensor([[30, 14, 34, 45, 57, 20], [48, 18, 30, 70, 64, 28]]).double()
    expected = table.sum(1, keepdim=True) * table.sum(0) / table.sum()
    pearson = ((table - expected).square() / expected).sum().item()
    assert evaluation.chi_squared(*table) == pytest.approx(pearson, rel=1e-12)
    g = torch.Generator().manual_seed(1)
    p = torch.ones(10)
    one, two = (classes.bootstrap(p, n, 500, g) * n for n in (1000, 300))
    found = [
        evaluation.chi_squared(x.round(), y.round()) for x, y in zip(one, two, strict=True)
    ]
    mean = sum(found) / len(found)
    assert abs(mean - 9) < 5 * math.sqrt(18 / len(found))


def test_the_floor_is_what_real_against_real_gives():
    """Two uniform samples of n and m: E TV = ½ Σ E|p̂ − q̂|, nearly Gaussian differences."""
    g = torch.Generator().manual_seed(0)
    real, n = torch.full((10,), 200), 1000
    sd = math.sqrt(0.1 * 0.9 * (1 / n + 1 / 2000))
    expected = 0.5 * 10 * sd * math.sqrt(2 / math.pi)
    skewed = torch.tensor([n - 90, *[10] * 9])
    error, floor = evaluation.error_and_floor("total variation", skewed, real, g)
    assert floor == pytest.approx(expected, rel=0.05)
    # Here TV = p̂₀ − q̂₀, so its spread is known too; the skewed counts must not move the floor.
    known = math.sqrt(0.91 * 0.09 / n + 0.1 * 0.9 / 2000)
    assert error == pytest.approx(known, rel=0.25)
    with pytest.raises(CourseError, match="KL"):
        evaluation.error_and_floor("Kl", skewed, real, g)
    with pytest.raises(CourseError, match="counts, not shares"):
        evaluation.error_and_floor("KL", skewed / n, real, g)
    with pytest.raises(CourseError, match="9 and 10 classes"):
        evaluation.error_and_floor("KL", skewed[1:], real, g)


# Memorisation ----------------------------------------------------------------------------
def test_memorisation_is_a_half_for_fresh_draws_and_one_for_a_reciter():
    g = torch.Generator().manual_seed(0)
    train, held, fresh = (torch.rand(400, 1, 4, 4, generator=g) for _ in range(3))
    honest = evaluation.memorisation(fresh, train, held, g)
    assert abs(honest.share - 0.5) < 5 * honest.error
    assert honest.ratio == pytest.approx(1, abs=0.1)
    reciter = evaluation.memorisation(train[:200] * 0.999, train, held, g)
    assert reciter.share == 1 and reciter.ratio < 0.1
    thinned = evaluation.memorisation(fresh, train, held[:100], g)
    assert thinned.references == 100 and abs(thinned.share - 0.5) < 5 * thinned.error
    with pytest.raises(CourseError, match="one shape"):
        evaluation.memorisation(fresh, train, held[:, :, :2])
    for wrong, says in (
        (2 * fresh - 1, r"in \[0, 1\]"),
        (fresh * math.nan, "diverged"),
        ((255 * fresh).long(), "int64"),
        (fresh[:0], "N at least 1"),
        (fresh.numpy(), "ndarray"),
    ):
        with pytest.raises(CourseError, match=says):
            evaluation.memorisation(wrong, train, held)
        with pytest.raises(CourseError, match=says):
            evaluation.memorisation(fresh, train, wrong)


# Likelihood ------------------------------------------------------------------------------
def test_iwae_on_a_model_whose_likelihood_is_known():
    model = LinearGaussian()
    x, g = model.data(2000), torch.Generator().manual_seed(3)
    curve = evaluation.iwae(model, x, (1, 5, 50, 500), g)
    exact, elbo = model.exact(x), model.elbo(x)
    # K = 1 is the ELBO; the exact values of the same images take most of the noise away.
    difference = curve.bounds[0] - elbo
    assert abs(difference.mean()) < 5 * difference.std() / len(x) ** 0.5
    assert abs((curve.bounds[0] - exact).mean()) > 10 * difference.std() / len(x) ** 0.5
    # K = 500 is log p(x) up to a bias of the variance of the weights over 2K.
    assert (curve.bounds[-1] - exact).abs().mean() < 0.1
    assert abs(curve.values[-1] - exact.mean().item()) < 0.005
    assert list(curve.values) == sorted(curve.values)
    gap, error = curve.gap()
    true = 0.5 * (model.off / model.posterior(x)[1]).item() ** 2
    assert abs(gap - true) < 5 * error + 0.005
    assert curve.errors[-1] == pytest.approx(exact.std().item() / len(x) ** 0.5, rel=0.02)
    assert "as given" in str(curve) and "K = 500" in str(curve)


def test_iwae_brings_images_to_the_scale_of_the_model():
    images = (torch.rand(4, 1, 28, 28) * 255).to(torch.uint8)
    seen = []

    class Spy:
        settings = {"likelihood": "binarised"}

        def log_likelihood(self, x, k, generator):
            seen.append(x)
            return torch.zeros(len(x))

    evaluation.iwae(Spy(), images, (1, 2), torch.Generator().manual_seed(0))
    assert torch.equal(seen[0], seen[1]) and set(seen[0].unique().tolist()) == {0.0, 1.0}
    Spy.settings = {"likelihood": "gaussian"}
    curve = evaluation.iwae(Spy(), images, 2)
    assert torch.equal((seen[-1] * 256).floor().to(torch.uint8), images)
    assert curve.scale == "dequantised"
    Spy.settings = {"likelihood": "grey"}
    assert "no density" in evaluation.iwae(Spy(), images, 2).scale
    assert torch.equal(seen[-1], images.float() / 255)


def test_a_real_vae_at_k_1_is_its_elbo():
    vae = VAE(hidden=(16,), latent=2).eval()
    images = data.load("digits", "test").images[:200]
    x = evaluation.on_scale(images, "binarised", torch.Generator().manual_seed(0))
    g = torch.Generator().manual_seed(1)
    curve = evaluation.iwae(vae, x, (1, 20), g)
    elbo = torch.stack([vae.elbo(x, g) for _ in range(20)]).double()
    difference = curve.bounds[0] - elbo.mean(0)
    assert abs(difference.mean()) < 5 * difference.std() / 200**0.5
    assert curve.values[1] > curve.values[0] and curve.scale == "binarised"
