"""Probabilistic PCA and the Gaussian mixture against torch.distributions, quadrature, draws."""

from __future__ import annotations

import math

import pytest
import torch
from shared import seeded
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from course_lib import data
from course_lib.errors import CourseError
from course_lib.models import GaussianMixture, ProbabilisticPCA

F64 = torch.float64


def points(n: int, d: int, seed: int = 0) -> torch.Tensor:
    mixing = torch.randn(d, d, generator=seeded(seed), dtype=F64)
    return torch.randn(n, d, generator=seeded(seed + 1), dtype=F64) @ mixing + 0.5


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    return data.load("digits").images[:400]


@pytest.fixture(scope="module")
def pca() -> ProbabilisticPCA:
    return ProbabilisticPCA(shape=(5,), latent=2).fit(points(300, 5))


@pytest.fixture(scope="module")
def mixture() -> GaussianMixture:
    model = GaussianMixture(shape=(3,), components=3, factors=1, floor=0.05, iterations=8)
    model.fit(points(400, 3))
    return model


def dense(mixture: GaussianMixture) -> MixtureSameFamily:
    low_rank = mixture.loadings @ mixture.loadings.transpose(1, 2)
    covariance = low_rank + torch.diag_embed(mixture.noises)
    components = MultivariateNormal(mixture.means, covariance)
    return MixtureSameFamily(Categorical(logits=mixture.log_shares), components)


# The density ---------------------------------------------------------------------------------
def test_pca_density_is_the_dense_gaussians(pca):
    covariance = pca.weights @ pca.weights.T + pca.variance * torch.eye(5, dtype=F64)
    x = points(50, 5, seed=7)
    wanted = MultivariateNormal(pca.mean, covariance).log_prob(x)
    torch.testing.assert_close(pca.log_prob(x), wanted, rtol=1e-10, atol=1e-10)
    forgotten = MultivariateNormal(pca.mean, covariance - 0.5 * pca.variance * torch.eye(5))
    assert (forgotten.log_prob(x) - wanted).abs().max() > 1e-2


def test_mixture_density_is_the_dense_mixtures(mixture):
    x = points(50, 3, seed=7)
    torch.testing.assert_close(mixture.log_prob(x), dense(mixture).log_prob(x))


@pytest.mark.parametrize("factors", [0, 1])
def test_mixture_in_the_plane_integrates_to_one(factors):
    ring = data.toy.Ring(sigma=0.3).data_set(500)
    model = GaussianMixture(shape=(2,), components=4, factors=factors, floor=0.05, iterations=5)
    model.fit(ring)
    axis = torch.linspace(-7, 7, 401, dtype=F64)
    density = model.log_prob(torch.cartesian_prod(axis, axis)).exp().reshape(401, 401)
    total = torch.trapezoid(torch.trapezoid(density, axis), axis)
    assert total.item() == pytest.approx(1, abs=1e-6)


def test_pca_marginal_is_the_integral_over_z():
    model = ProbabilisticPCA(shape=(2,), latent=1).fit(points(200, 2))
    z = torch.linspace(-9, 9, 4001, dtype=F64)[:, None]
    x = torch.tensor([[0.3, -1.2]], dtype=F64)
    sigma = model.variance.sqrt()
    log_px_z = torch.distributions.Normal(model.mean_given(z), sigma).log_prob(x).sum(1)
    prior = torch.distributions.Normal(0, 1).log_prob(z[:, 0])
    integral = torch.trapezoid((log_px_z + prior).exp(), z[:, 0])
    assert model.log_prob(x).item() == pytest.approx(integral.log().item(), abs=1e-9)


def test_posterior_obeys_bayes_for_every_z(pca):
    x = points(1, 5, seed=3)
    mean, covariance = pca.posterior(x)
    z = torch.randn(20, 2, generator=seeded(), dtype=F64) * 3
    log_px_z = (
        torch.distributions.Normal(pca.mean_given(z), pca.variance.sqrt()).log_prob(x).sum(1)
    )
    prior = torch.distributions.Normal(0, 1).log_prob(z).sum(1)
    evidence = log_px_z + prior - MultivariateNormal(mean[0], covariance).log_prob(z)
    torch.testing.assert_close(evidence, pca.log_prob(x).expand(20), rtol=0, atol=1e-9)
    assert covariance[0, 1].abs() < 1e-12  # so that `encode` may give variances only
    _, log_var = pca.encode(x)
    torch.testing.assert_close(log_var[0].exp(), covariance.diagonal())


# The fit -------------------------------------------------------------------------------------
def test_closed_form_is_a_maximum(pca):
    x = points(300, 5)

    def gradient(weights, variance):
        weights, variance = weights.clone().requires_grad_(), variance.clone().requires_grad_()
        covariance = weights @ weights.T + variance * torch.eye(5, dtype=F64)
        loss = MultivariateNormal(x.mean(0), covariance).log_prob(x).mean()
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [weights, variance])])

    assert gradient(pca.weights, pca.variance).abs().max() < 1e-10
    lengths = pca.weights.norm(dim=0)
    plain_pca = pca.weights / lengths * (lengths.square() + pca.variance).sqrt()
    assert gradient(plain_pca, pca.variance).abs().max() > 1e-3


def test_variance_is_the_mean_of_the_discarded_eigenvalues(pca):
    values = torch.linalg.eigvalsh(points(300, 5).T.cov(correction=0))
    assert pca.variance.item() == pytest.approx(values[:3].mean().item(), rel=1e-10)


@pytest.mark.parametrize("factors", [0, 1, 2])
def test_em_never_falls(factors):
    model = GaussianMixture(
        shape=(3,), components=5, factors=factors, floor=0.02, iterations=25
    )
    history = torch.tensor(model.fit(points(300, 3)), dtype=F64)
    assert history.diff().min() >= -1e-10
    assert history[-1] > history[0] + 1e-3


def test_em_never_falls_on_digits_and_keeps_the_floor(digits):
    model = GaussianMixture(components=3, factors=2, floor=0.01, iterations=4)
    history = torch.tensor(model.fit(digits, seeded()), dtype=F64)
    assert history.diff().min() >= -1e-8
    assert model.noises.min() >= 0.01**2 * (1 - 1e-12)
    assert model.log_shares.exp().sum().item() == pytest.approx(1)


def test_one_component_reaches_the_exact_maximum_of_one_gaussian():
    x = points(300, 2)
    model = GaussianMixture(shape=(2,), components=1, factors=1, floor=1e-3, iterations=300)
    model.fit(x)
    best = MultivariateNormal(x.mean(0), x.T.cov(correction=0)).log_prob(x).mean()
    assert model.log_prob(x).mean().item() == pytest.approx(best.item(), abs=1e-6)


def test_same_seed_same_fit(digits):
    fits = [
        GaussianMixture(components=2, factors=2, iterations=2).fit(digits, seeded(4))
        for _ in range(2)
    ]
    assert fits[0] == fits[1]


# Samples and scales --------------------------------------------------------------------------
def test_sampling_moments(pca, mixture):
    n = 100_000
    for model, covariance, mean in (
        (pca, pca.weights @ pca.weights.T + pca.variance * torch.eye(5), pca.mean),
        (mixture, None, dense(mixture).mean),
    ):
        x = model.sample(n, generator=seeded()).double()
        spread = x.var(0)
        assert ((x.mean(0) - mean).abs() <= 5 * (spread / n).sqrt()).all()
        wanted = dense(mixture).variance if covariance is None else covariance.diagonal()
        assert ((spread / wanted - 1).abs() <= 10 * (2 / n) ** 0.5).all()
    without_noise = pca.sample(n, generator=seeded(), noise=False).double().var(0)
    assert (without_noise < 0.99 * covariance_diagonal(pca)).any()


def covariance_diagonal(model: ProbabilisticPCA) -> torch.Tensor:
    return model.weights.square().sum(1) + model.variance


def test_images_come_out_as_images(digits):
    for model in (
        ProbabilisticPCA(latent=3).fit(digits, seeded()),
        GaussianMixture(components=2, factors=1, iterations=1),
    ):
        if isinstance(model, GaussianMixture):
            model.fit(digits, seeded())
        x = model.sample(6, generator=seeded())
        assert x.shape == (6, 1, 28, 28) and x.dtype == torch.float32
        assert x.min() >= 0 and x.max() <= 1
        assert torch.equal(x, model.sample(6, generator=seeded()))
    pca = ProbabilisticPCA(latent=3).fit(digits, seeded())
    assert pca.reconstruct(digits[:4] / 255).shape == (4, 1, 28, 28)


def test_bits_per_dim_is_the_scaled_log_prob_of_dequantised_images(digits):
    model = ProbabilisticPCA(latent=5).fit(digits, seeded())
    bits = model.bits_per_dim(digits[:20], seeded(3))
    x = data.dequantise(digits[:20], seeded(3))
    log_prob = model.log_prob(x)
    torch.testing.assert_close(bits, -log_prob / (784 * math.log(2)) + 8)
    assert bits.shape == (20,)


def test_a_gaussian_never_beats_the_entropy_of_a_constant_image():
    images = torch.zeros(500, 1, 4, 4, dtype=torch.uint8)
    model = GaussianMixture(shape=(1, 4, 4), components=1, factors=0, floor=1e-4, iterations=2)
    model.fit(images, seeded())
    bits = model.bits_per_dim(images, seeded(1)).mean().item()
    assert bits == pytest.approx(0.5 * math.log2(2 * math.pi * math.e / 12), abs=0.02)


# Bad inputs ----------------------------------------------------------------------------------
def test_no_images():
    with pytest.raises(CourseError, match="at least 4"):
        ProbabilisticPCA().fit(torch.zeros(0, 1, 28, 28))


def test_too_few_images_for_the_latents(digits):
    with pytest.raises(CourseError, match=r"latent=50.*at least 52 examples, got 20"):
        ProbabilisticPCA(latent=50).fit(digits[:20])
    with pytest.raises(CourseError, match="at least 240"):
        GaussianMixture(components=20, factors=10).fit(digits[:100])


def test_nan_images(digits):
    x = data.dequantise(digits, seeded())
    x[3] = math.nan
    for model in (ProbabilisticPCA(), GaussianMixture(components=2, factors=2)):
        with pytest.raises(CourseError, match="1 of 400 examples hold NaN"):
            model.fit(x)
    fitted = ProbabilisticPCA().fit(digits, seeded())
    with pytest.raises(CourseError, match="NaN"):
        fitted.log_prob(x[:10])


def test_wrong_shape_and_range(digits):
    with pytest.raises(CourseError, match=r"shape \(B, 1, 28, 28\)"):
        ProbabilisticPCA().fit(torch.rand(100, 1, 32, 32))
    with pytest.raises(CourseError, match="0 to 255"):
        ProbabilisticPCA().fit(digits.float())
    with pytest.raises(CourseError, match="uint8"):
        ProbabilisticPCA().fit(digits, seeded()).bits_per_dim(digits / 255)
    with pytest.raises(CourseError, match="data set or a tensor"):
        ProbabilisticPCA().fit([1, 2, 3])


def test_constant_data_have_no_maximum():
    with pytest.raises(CourseError, match="no variance is left"):
        ProbabilisticPCA(shape=(6,), latent=2).fit(points(50, 2) @ torch.ones(2, 6).double())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent": 784}, "below D = 784"),
        ({"latent": 0}, "latent must be"),
        ({"shape": (28, 28)}, "shape is"),
        ({"lattent": 2}, "Did you mean 'latent'"),
    ],
)
def test_pca_settings(settings, message):
    with pytest.raises(CourseError, match=message):
        ProbabilisticPCA(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"components": 0}, "components must be"),
        ({"factors": -1}, "factors must be"),
        ({"factors": 784}, "below D"),
        ({"floor": 0}, "unbounded"),
        ({"iterations": 0}, "iterations must be"),
    ],
)
def test_mixture_settings(settings, message):
    with pytest.raises(CourseError, match=message):
        GaussianMixture(**settings)


def test_before_the_fit_and_without_a_game(digits):
    model = ProbabilisticPCA()
    with pytest.raises(CourseError, match="knows no data yet"):
        model.sample(1)
    with pytest.raises(CourseError, match="knows no data yet"):
        GaussianMixture().log_prob(torch.zeros(1, 784))
    with pytest.raises(CourseError, match="fitted directly"):
        model.game()
    with pytest.raises(CourseError, match="leave the labels out"):
        model.fit(digits, seeded()).sample(2, labels=torch.tensor([1, 2]))
