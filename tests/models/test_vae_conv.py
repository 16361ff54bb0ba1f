"""VAE, further: bits per dimension where all is known, and lesson 07's settings, one by one."""

import math

import pytest
import torch
from shared import refused
from torch import distributions as D
from torch import nn

from course_lib import data, evaluation, models, zoo
from course_lib.data import DataSet
from course_lib.models import VAE
from course_lib.models.vae import active_units, free_bits_kl, gaussian_kl, log_normal
from course_lib.training import Source, fit, reaches

CONV = {"network": "convolutional", "width": 4, "dense": 8, "latent": 3, "batch": 12}
GAUSSIAN = {"likelihood": "gaussian", "sigma": "learned"}


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (36, 1, 14, 14), generator=generator, dtype=torch.uint8)
    return DataSet(images)


def small(**more):
    return VAE(
        **{"shape": (1, 14, 14), "hidden": (8,), "latent": 3, "batch": 12} | more
    ).double()


def played(model, dataset, t=0):
    """The losses of the game's one move in round t, on a draw of seed 0."""
    (move,) = model.game(100).round
    source = Source(dataset, 12, dtype=torch.float64)
    source.t = t
    return move.losses(source)["VAE"]


def drawn(model, dataset):
    """What the game draws first, on a draw of the same seed."""
    source = Source(dataset, 12, dtype=torch.float64)
    return model.training_batch(source).flatten(1), source


# Bits per dimension where log p(x) is known -------------------------------------------------------
class LinearVAE(VAE):
    """p(x | z) = N(Wz + b, σ² I): x is Gaussian, and log p(x) is exact."""

    def mean_given(self, z):
        return self.decoder(z)

    def exact(self):
        W, b = self.decoder[0].weight, self.decoder[0].bias
        noise = (2 * self.log_sigma).exp() * torch.ones(len(b), dtype=W.dtype)
        return D.MultivariateNormal(b, W @ W.T + torch.diag(noise))


WIDER = 0.7  # of the log-variances: what makes the posterior's gap


def linear(sigma=0.15):
    """Two pixels, each from its own latent; the encoder is the exact posterior, but wider."""
    model = LinearVAE(
        shape=(1, 1, 2), latent=2, hidden=(), likelihood="gaussian", sigma=sigma
    ).double()
    w, b = torch.tensor([0.3, 0.2]).double(), 0.4
    variance = 1 / (1 + w**2 / sigma**2)
    gain = torch.diag(variance * w / sigma**2)
    with torch.no_grad():
        model.decoder[0].weight.copy_(torch.diag(w))
        model.decoder[0].bias.fill_(b)
        model.encoder[0].weight.copy_(torch.cat([gain, torch.zeros(2, 2).double()]))
        model.encoder[0].bias.copy_(torch.cat([-gain.sum(1) * b, variance.log() + WIDER]))
    return model.requires_grad_(False)


def test_the_bound_in_bits_rises_to_the_exact_code_length_of_dequantised_pixels():
    model = linear()
    images = torch.randint(256, (2500, 1, 1, 2), generator=torch.Generator().manual_seed(1))
    images = images.to(torch.uint8)
    seed = torch.Generator().manual_seed
    x = data.dequantise(images, seed(2)).double().flatten(1)
    exact = -model.exact().log_prob(x) / (2 * math.log(2)) + 8
    bits = {k: model.bits_per_dim(images, seed(2), k) for k in (1, 20, 500)}
    means = [(b - exact).mean().item() for b in bits.values()]
    assert means[0] > means[1] > means[2] > -2e-3 and means[2] < 4e-3
    gap = 2 * 0.5 * (math.exp(WIDER) - 1 - WIDER) / (2 * math.log(2))  # the ELBO's
    error = (bits[1] - exact).std().item() / 50
    assert abs(means[0] - gap) < 5 * error and gap > 10 * error
    # The same number as a report gives, and as a flow with this density would get.
    bound = model.log_likelihood(x.view(-1, 1, 1, 2), 500, seed(3))
    by_hand = -bound / (2 * math.log(2)) + 8
    torch.testing.assert_close(by_hand, bits[500], atol=0.2, rtol=0)
    wrong = {
        "no 256 levels": bits[500] - 8,
        "255 levels": bits[500] - 8 + math.log2(255),
        "nats": bits[500] * math.log(2),
    }
    for name, value in wrong.items():
        assert abs((value - exact).mean()) > 5e-3, name


def test_averaged_over_the_noise_it_is_the_probability_of_the_integers():
    """−log2 P(u) by quadrature over the cell of two pixels; bits per dimension bound it."""
    model = linear(sigma=0.02)
    images = torch.tensor([100, 180], dtype=torch.uint8).view(1, 1, 1, 2)
    place = (torch.arange(200).double() + 0.5) / 200
    cell = (images.flatten().double() + torch.cartesian_prod(place, place)) / 256
    log_cell = model.exact().log_prob(cell)
    probability = log_cell.logsumexp(0) - 2 * math.log(200) - 2 * math.log(256)
    exact = -probability.item() / (2 * math.log(2))
    seed = torch.Generator().manual_seed(0)
    draws = model.bits_per_dim(images.expand(3000, 1, 1, 2), seed, 300)
    error = draws.std().item() / math.sqrt(3000)
    assert draws.mean() > exact - 5 * error  # a bound …
    log_mean = (-2 * math.log(2) * draws).logsumexp(0).item() - math.log(3000)
    assert -log_mean / (2 * math.log(2)) == pytest.approx(exact, abs=5e-3)  # … and tight


@pytest.mark.parametrize("sigma", [0.3, "learned", "per pixel"])
def test_gaussian_pixels_have_their_normaliser_with_one_sigma_or_one_each(pictures, sigma):
    model = small(likelihood="gaussian", sigma=sigma)
    with torch.no_grad():
        model.log_sigma += 0.3 * torch.randn(model.log_sigma.shape).double()
    x = pictures.batch(range(5)).x.double()
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double()
    found = model.log_p_x_given_z(x.flatten(1), z)
    expected = (
        D.Normal(model.mean_given(z), model.log_sigma.exp()).log_prob(x.flatten(1)).sum(1)
    )
    torch.testing.assert_close(found, expected)
    before = model.log_sigma.detach().clone()
    fit(model, pictures, rounds=3, progress=False, preview=False)
    moved = (model.log_sigma != before).double().mean()
    assert moved == (0 if sigma == 0.3 else 1)
    draws = model.sample(3, generator=torch.Generator().manual_seed(0), noise=True)
    assert draws.shape == (3, 1, 14, 14) and 0 <= draws.min() <= draws.max() <= 1


def test_gaussian_pixels_are_dequantised_in_training(pictures):
    x, source = drawn(small(**GAUSSIAN), pictures)
    levels = pictures.images[source.rows].flatten(1).double()
    assert torch.equal((256 * x).floor(), levels) and (256 * x % 1).std() > 0.2


# Objectives --------------------------------------------------------------------------------------
def test_beta_and_warm_up_weigh_the_kl_and_nothing_else(pictures):
    plain = played(small(), pictures)
    heavy = played(small(beta=4.0), pictures)
    assert heavy["kl"].item() == pytest.approx(4 * plain["kl"].item())
    assert heavy["reconstruction"].item() == pytest.approx(plain["reconstruction"].item())
    warm = small(beta=2.0, warm_up=0.5)  # 50 of 100 rounds
    for t, weight in ((0, 2 / 50), (24, 1.0), (49, 2.0), (99, 2.0)):
        found = played(warm, pictures, t)
        assert found["kl"].item() == pytest.approx(weight * plain["kl"].item())


def test_free_bits_are_not_charged_and_move_nothing():
    mean = torch.tensor([[2.0, 0.1], [1.0, -0.1]], dtype=torch.float64, requires_grad=True)
    log_var = torch.zeros(2, 2, dtype=torch.float64)
    found = free_bits_kl(mean, log_var, 0.5)
    assert found.mean().item() == pytest.approx((2.0 + 0.5) / 2 + 0.5)
    (gradient,) = torch.autograd.grad(found.mean(), mean)
    assert gradient.tolist() == [[1.0, 0.0], [0.5, 0.0]]
    torch.testing.assert_close(free_bits_kl(mean, log_var, 0.0), gaussian_kl(mean, log_var))


def test_free_bits_enter_the_game_and_not_the_bound(pictures):
    model = small(free_bits=3.0)  # more than an untrained encoder says in any latent
    assert played(model, pictures)["kl"].item() == pytest.approx(9.0)
    x = pictures.batch(range(4)).x.double()
    assert (model.elbo_terms(x)["kl"] < 8).all()


def test_the_bound_with_k_samples_is_trained_as_burda_writes_it(pictures):
    model = small(k=5)
    found = played(model, pictures)
    x, source = drawn(model, pictures)
    noise = source.normal(12, 5, 3)
    mean, log_var = model.encoder(x).chunk(2, 1)
    weights = []
    for i in range(5):
        z = mean + (log_var / 2).exp() * noise[:, i]
        log_q = D.Normal(mean, (log_var / 2).exp()).log_prob(z).sum(1)
        log_p = D.Normal(0.0, 1.0).log_prob(z).sum(1)
        log_x = D.Bernoulli(logits=model.decoder(z)).log_prob(x).sum(1)
        weights.append(log_x + log_p - log_q)
    bound = torch.stack(weights).exp().mean(0).log().mean()
    assert set(found) == {"bound"}
    torch.testing.assert_close(found["bound"], -bound)
    average = torch.stack(weights).mean()  # the mean of logs is the ELBO again
    assert (bound - average) > 1e-3


def test_a_denoising_vae_differs_in_what_the_encoder_sees_alone(pictures):
    model, seen, scored = small(corruption=0.5), [], []
    encode, score = model.encode, model.log_p_x_given_z
    model.encode = lambda x: (seen.append(x), encode(x))[1]
    model.log_p_x_given_z = lambda x, z: (scored.append(x), score(x, z))[1]
    played(model, pictures)
    clean, _ = drawn(model, pictures)
    assert torch.equal(scored[0], clean)
    difference = model.flat(seen[0]) - clean
    assert difference.std().item() == pytest.approx(0.5, rel=0.05)


def test_active_units_are_latents_whose_mean_varies():
    means = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    means = means * torch.tensor([1.0, 0.2, 0.05, 0.0]) + 3
    assert active_units(means) == 2  # variances 1, .04, .0025, 0
    assert active_units(means, minimum=0.001) == 3


# Convolutions ------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_the_convolutional_vae_takes_these_sizes(shape):
    model = VAE(shape=shape, **CONV, **GAUSSIAN).eval()
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    mean, log_var = model.encode(x)
    assert mean.shape == log_var.shape == (2, 3)
    alone, _ = model.encode(x[:1])
    torch.testing.assert_close(alone, mean[:1], atol=1e-6, rtol=1e-5)
    z = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(1))
    assert model.logits(z).shape == (4, 2, math.prod(shape))
    torch.testing.assert_close(model.logits(z)[3], model.logits(z[3]))
    assert model.decode(z[0]).shape == model.reconstruct(x).shape == (2, *shape)
    assert model.sample(2, noise=True).shape == (2, *shape)
    assert model.log_likelihood(x, 600).isfinite().all()  # more than IMAGES at once


def test_terms_depend_on_the_networks_of_the_paper(pictures):
    model = VAE(shape=(1, 14, 14), **CONV).double()
    (move,) = model.game().round
    networks = {n: list(getattr(model, n).parameters()) for n in ("encoder", "decoder")}
    found = reaches(move.losses(Source(pictures, 12, dtype=torch.float64)), networks)
    assert found == {"VAE.reconstruction": {"encoder", "decoder"}, "VAE.kl": {"encoder"}}


def test_the_bound_of_a_convolutional_vae_is_exact_in_the_limit(pictures):
    model = VAE(shape=(1, 14, 14), **CONV | {"latent": 1}).double().eval()
    x = pictures.batch([0]).x.double().round().flatten(1)
    z = torch.linspace(-9, 9, 3001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        joint = model.log_p_x_given_z(x, z) + log_normal(z)
        exact = joint.logsumexp(0) + math.log(18 / 3000)
        found = model.log_likelihood(x, 5000, torch.Generator().manual_seed(0))
    assert abs(found - exact) < 0.02


def test_it_trains_is_kept_and_loaded_and_reported(tmp_path):
    digits = data.load("digits").take(64)
    model = VAE(**CONV, **GAUSSIAN)
    fit(model, digits, rounds=3, progress=False, preview=False, resume=tmp_path)
    loaded = zoo.load_run(tmp_path)
    seed = torch.Generator().manual_seed
    assert torch.equal(model.sample(3, generator=seed(0)), loaded.sample(3, generator=seed(0)))
    rows = evaluation.probabilities.rows(loaded, digits.take(3), seed(0))
    (bits,) = [row.value for row in rows if row.name == "bits per dimension"]
    own = loaded.bits_per_dim(digits.take(3).images, seed(0))
    assert bits == pytest.approx(own.mean().item(), abs=0.1)


# Recipes -----------------------------------------------------------------------------------------
def test_b3_has_the_settings_of_report_b():
    s = VAE.recipes["b3"]
    assert (s["latent"], s["batch"], s["optimiser"], s["lr"]) == (128, 144, "SGD", 5e-3)
    assert (s["decay"], s["epochs"], s["shape"]) == (0.95, 30, (3, 64, 64))
    model = VAE("b3", width=2, dense=4)
    (player,) = model.game(300).players
    optimiser = player.optimiser(player.parameters)
    assert isinstance(optimiser, torch.optim.SGD) and optimiser.defaults["lr"] == 5e-3
    assert (s["likelihood"], s["sigma"]) == ("gaussian", 1.0)
    rates = [player.schedule(t) for t in (0, 9, 10, 299)]
    assert rates == pytest.approx([1, 1, 0.95, 0.95**29])


def test_settings_that_are_not_set_change_no_recipe():
    for name in ("report", "course"):
        s = VAE.recipes[name]
        assert (s["network"], s["k"], s["beta"], s["warm_up"]) == ("mlp", 1, 1.0, 0.0)
        assert (s["free_bits"], s["corruption"], s["clip"], s["decay"]) == (0.0, 0.0, None, 1.0)
    assert VAE("report").game().players[0].schedule is None
    before = models.build("VAE", {"latent": 2, "hidden": (8,)})  # as an older checkpoint says
    assert {type(m) for m in before.encoder} == {nn.Linear, nn.ReLU}


def test_what_is_refused():
    refused(lambda: VAE(network="convolution"), "Did you mean 'convolutional'")
    refused(lambda: VAE(optimiser="sgd"), "Did you mean 'SGD'")
    refused(lambda: VAE(likelihood="gaussian", sigma="per pixle"), "'per pixel'")
    refused(lambda: VAE(k=5, free_bits=0.1), "no KL term")
    refused(lambda: VAE(estimator="sampled", free_bits=0.1), "free_bits", '"analytic"')
    refused(lambda: VAE(estimator="sampled", k=5), "k=5", '"analytic"')
    refused(lambda: VAE(shape=(1, 30, 30), network="convolutional"), "square images")
    refused(
        lambda: small().bits_per_dim(torch.zeros(1, 1, 14, 14, dtype=torch.uint8)), "gaussian"
    )
    refused(lambda: small(**GAUSSIAN).bits_per_dim(torch.zeros(1, 1, 14, 14)), "8-bit images")
