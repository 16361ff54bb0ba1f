"""RealNVP: exact inverses, log-determinants against autograd, bits with every constant.

Each published mistake that the course names is a mutant here, and the check that the library
passes must fail on it.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, SigmoidTransform, TransformedDistribution

from course_lib import data, training
from course_lib.errors import CourseError
from course_lib.models import RealNVP
from course_lib.models.flows.coupling import (
    AdditiveCoupling,
    AffineCoupling,
    MaskedCoupling,
)
from course_lib.models.flows.dequantisation import (
    UniformDequantisation,
    VariationalDequantisation,
)
from course_lib.models.flows.images import Logit, Squeeze
from course_lib.models.flows.networks import ResidualNetwork
from course_lib.models.flows.normalisation import ActivationNorm, BatchNorm
from course_lib.pixels import bits_per_dim

SMALL = {"shape": (1, 8, 8), "width": 4, "blocks": 1, "couplings": (2, 2), "last": (2, 2)}
VARIANTS = {
    "course": {},
    "colour": {"shape": (3, 4, 4)},
    "batch norm": {"normalisation": "batch"},
    "additive": {"coupling": "additive"},
    "spline": {"coupling": "spline"},
    "masked": {"checkerboard": "masked", "block": "plain"},
    "large alpha": {"alpha": 0.05, "dequantisation": "uniform"},
    "three scales": {"scales": 3},
    "conditional": {"classes": 10},
}


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def images(n, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)


def unsettle(module, seed=1, size=0.1):
    """Random weights everywhere, so that no layer is the identity that it starts as."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            change = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(size * change.to(parameter.dtype))
    return module


def small(**settings):
    """A small model in float64 with random weights, its norms started, in evaluation mode."""
    model = unsettle(RealNVP(**SMALL | settings).double())
    labels = torch.arange(16) % 10 if model.settings["classes"] else None
    model.train()
    with torch.no_grad():
        for seed in range(3):
            model.bits_per_dim(images(16, model.shape, seed), labels=labels)
    return model.eval()


def labels_of(model, n):
    return torch.arange(n) % 10 if model.settings["classes"] else None


def pixels(n, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *shape, generator=generator, dtype=torch.float64)


def check_inverse(transform, x):
    z, _ = transform(x)
    back = transform.inverse(z)
    assert (back - x).abs().max() < 1e-10


def check_log_det(transform, x):
    """log |det| of each example against autograd's whole Jacobian."""
    _, log_det = transform(x)
    for i in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(
            lambda one: transform(one[None])[0].flatten(), x[i]
        )
        expected = torch.linalg.slogdet(jacobian.reshape(x[i].numel(), -1)).logabsdet
        assert (log_det[i] - expected).abs() < 1e-8


def network(channels_in, channels_out):
    return unsettle(ResidualNetwork(channels_in, channels_out, 4, 1).double(), size=0.3)


def layers():
    batch_norm = unsettle(BatchNorm(4).double())
    batch_norm(3 * noise(32, 4, 4, 4, seed=5) + 1)
    return {
        "affine": AffineCoupling([0, 3], [1, 2], network(2, 4)),
        "uneven": AffineCoupling([2], [0, 1, 3], network(1, 6)),
        "additive": AdditiveCoupling([1, 2], [0, 3], network(2, 2)),
        "masked even": MaskedCoupling(4, network(4, 8), even=True),
        "masked odd": MaskedCoupling(4, network(4, 8), even=False),
        "squeeze": Squeeze(),
        "logit": Logit(1e-6),
        "activation norm": unsettle(ActivationNorm(4).double()),
        "batch norm": batch_norm.eval(),
    }


@pytest.mark.parametrize("name", layers())
def test_each_layer_is_inverted_and_counts_its_volume(name):
    layer = layers()[name].double().eval()
    x = pixels(3, (4, 4, 4)) if name == "logit" else noise(3, 4, 4, 4)
    check_inverse(layer, x)
    check_log_det(layer, x)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_whole_model_is_inverted(variant):
    model = small(**VARIANTS[variant])
    x, labels = pixels(5, model.shape), labels_of(model, 5)
    with torch.no_grad():
        z, _ = model(x, labels)
        assert z.shape == (5, model.dimensions)
        assert (model.inverse(z, labels) - x).abs().max() < 1e-10
        condition, z = model.conditions(labels, 5), noise(5, model.dimensions)
        y = model.flow.inverse(z, condition)  # logits: no range to fall out of
        assert (model.flow(y, condition)[0] - z).abs().max() < 1e-10


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_log_determinant_of_the_whole_model_is_autograds(variant):
    model = small(**VARIANTS[variant])
    x, labels = pixels(2, model.shape), labels_of(model, 2)
    _, log_det = model(x, labels)
    for i in range(2):
        label = None if labels is None else labels[i : i + 1]
        jacobian = torch.autograd.functional.jacobian(
            lambda one, label=label: model(one[None], label)[0][0], x[i]
        ).reshape(model.dimensions, -1)
        assert (log_det[i] - torch.linalg.slogdet(jacobian).logabsdet).abs() < 1e-8


def bits_by_hand(model, levels, eps):
    """Bits per dimension by routes of their own: distributions and autograd's Jacobian."""
    levels = levels.double()
    log_q = torch.zeros(len(levels), dtype=torch.float64)
    u = Normal(0.0, 1.0).cdf(eps)
    if isinstance(model.dequantise, VariationalDequantisation):
        found = model.dequantise.network(F.pixel_unshuffle(levels / 255, 2))
        mean, log_sigma = (F.pixel_shuffle(part, 2) for part in found.chunk(2, 1))
        q = TransformedDistribution(Normal(mean, log_sigma.exp()), SigmoidTransform())
        u = (mean + log_sigma.exp() * eps).sigmoid()
        log_q = q.log_prob(u).flatten(1).sum(1)
    x = (levels + u) / 256
    log_p = []
    for one in x:
        jacobian = torch.autograd.functional.jacobian(
            lambda image: model(image[None])[0][0], one
        ).reshape(model.dimensions, -1)
        z = model(one[None])[0][0]
        log_p.append(Normal(0.0, 1.0).log_prob(z).sum() + torch.linalg.slogdet(jacobian)[1])
    d = levels[0].numel()
    return -(torch.stack(log_p) - log_q - d * math.log(256)) / d / math.log(2)


@pytest.mark.parametrize("dequantisation", ["uniform", "variational"])
def test_bits_per_dim_are_those_of_a_hand_computation(dequantisation):
    model = small(dequantisation=dequantisation)
    levels = images(3, model.shape, seed=9)
    generator = torch.Generator().manual_seed(4)
    found = model.bits_per_dim(levels, generator=generator)
    eps = torch.randn(levels.shape, generator=torch.Generator().manual_seed(4)).double()
    expected = bits_by_hand(model, levels, eps)
    assert (found - expected).abs().max() < 1e-6
    forgot_levels = expected - 8  # −D log 256 left out: one of the published mistakes
    assert (found - forgot_levels).abs().min() > 1


def test_a_uniform_density_costs_eight_bits():
    assert bits_per_dim(torch.zeros(3), 784).tolist() == [8.0, 8.0, 8.0]


def test_padding_would_not_count_and_there_is_none():
    assert RealNVP().dimensions == 784
    assert RealNVP()(torch.rand(2, 1, 28, 28))[0].shape == (2, 784)


def test_both_dequantisations_estimate_the_same_probability():
    """E_q[p/q] is P(k) for every q: the learned noise changes the bound, not the model."""
    # (the model is nearly flat on a bin, so both averages are precise)
    model = small(shape=(1, 2, 2), scales=1, alpha=0.05)
    levels = torch.tensor([[[[0, 255], [17, 130]]]]).double().expand(20_000, -1, -1, -1)
    means = []
    for kind in (UniformDequantisation(), model.dequantise):
        with torch.no_grad():
            x, log_q = kind(levels, noise(*levels.shape, seed=2))
            log_p = model.log_prob(x)
        weights = (log_p - log_q).exp()
        means.append((weights.mean(), weights.std() / len(weights) ** 0.5))
    (a, error_a), (b, error_b) = means
    assert (a - b).abs() < 5 * (error_a**2 + error_b**2).sqrt()
    assert min(a / error_a, b / error_b) > 20  # precise enough to tell


def filled(dequantise):
    """Mean and extremes of 256 x − k over many draws: where in its bin the noise lies."""
    levels = images(400, (1, 8, 8)).double()
    x, _ = dequantise(levels, noise(400, 1, 8, 8, seed=3))
    return 256 * x - levels


def check_fills_the_bin(dequantise):
    u = filled(dequantise)
    assert u.min() >= 0 and u.max() <= 1
    assert (u.mean() - 0.5).abs() < 5 * (1 / 12 / u.numel()) ** 0.5
    assert (u.var() - 1 / 12).abs() < 5 * (1 / 180 / u.numel()) ** 0.5


def test_uniform_noise_fills_the_bin():
    check_fills_the_bin(UniformDequantisation())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda levels, eps: ((levels + torch.special.ndtr(eps) / 2) / 256, None),
        lambda levels, eps: ((levels / 255 + torch.special.ndtr(eps)) / 256, None),
        lambda levels, eps: ((levels + torch.special.ndtr(eps)) / 255, None),
    ],
    ids=["noise on (0, .5]", "(x/255 + u)/256", "(k + u)/255"],
)
def test_published_noise_is_refused(wrong):
    with pytest.raises(AssertionError):
        check_fills_the_bin(wrong)


class CountsKeptPixels(MaskedCoupling):
    """The log-determinant summed over masked dimensions too."""

    def _parts(self, x, condition):
        b, _, t = super()._parts(x, condition)
        return b, self.scale * self.network(b * x, condition).chunk(2, 1)[0].tanh(), t


class WrongSign(AffineCoupling):
    """The inverse multiplied by exp(s) again."""

    def unmap(self, z, numbers):
        return (z - numbers[1]) * self._s(numbers).exp()


class ForgetsAlpha(Logit):
    """Sampling undoes the logit but not the α-scaling."""

    def inverse(self, z, condition=None):
        return z.sigmoid()


class ForgetsLogit(Logit):
    """The logit's Jacobian left out."""

    def forward(self, x, condition=None):
        y, log_det = super().forward(x)
        return y, torch.zeros_like(log_det)


class ForgetsBatchNorm(BatchNorm):
    """The log-determinant of flow batch norm left out."""

    def forward(self, x, condition=None):
        z, log_det = super().forward(x)
        return z, torch.zeros_like(log_det)


class PrintedAsE18(AffineCoupling):
    """y = x · exp(s + t): a legal map, but not with RealNVP's log-determinant Σ s."""

    def map(self, x, numbers):
        return x * (self._s(numbers) + numbers[1]).exp(), self._s(numbers)


def test_log_det_over_masked_pixels_is_refused():
    check_log_det(MaskedCoupling(1, network(1, 2), even=True), noise(2, 1, 4, 4))
    with pytest.raises(AssertionError):
        check_log_det(CountsKeptPixels(1, network(1, 2), even=True), noise(2, 1, 4, 4))


def test_an_inverse_with_the_wrong_sign_is_refused():
    with pytest.raises(AssertionError):
        check_inverse(WrongSign([0], [1], network(1, 2)), noise(2, 2, 4, 4))


def test_samples_stuck_between_alpha_and_one_minus_alpha_are_refused():
    check_inverse(Logit(0.05), pixels(2, (1, 4, 4)))
    with pytest.raises(AssertionError):
        check_inverse(ForgetsAlpha(0.05), pixels(2, (1, 4, 4)))
    model = small(alpha=0.05)
    found = model.sample(64, temperature=3.0, generator=torch.Generator().manual_seed(0))
    assert found.min() == 0 and found.max() == 1


@pytest.mark.parametrize(
    "wrong", [ForgetsLogit(0.05), ForgetsBatchNorm(1)], ids=["logit", "batch norm"]
)
def test_forgotten_log_determinants_are_refused(wrong):
    x = pixels(2, (1, 4, 4))
    if isinstance(wrong, BatchNorm):
        wrong.double()(5 * pixels(20, (1, 4, 4)))
    with pytest.raises(AssertionError):
        check_log_det(wrong.eval(), x)


def test_the_misprinted_coupling_is_refused():
    with pytest.raises(AssertionError):
        check_log_det(PrintedAsE18([0], [1], network(1, 2)), noise(2, 2, 4, 4))


def test_batch_norm_adds_logs_and_does_not_take_the_log_of_a_product():
    layer = BatchNorm(784, momentum=1.0)
    x = 0.01 * torch.randn(64, 784, generator=torch.Generator().manual_seed(0))
    layer(x)
    _, log_det = layer.eval()(x)
    scales = (layer.variance + layer.epsilon).rsqrt()
    assert not scales.prod().log().isfinite()  # what one library computes
    assert torch.allclose(log_det[0], scales.double().log().sum().float(), rtol=1e-5)


def test_batch_norm_refuses_to_invert_in_training_mode():
    layer = BatchNorm(2)
    x = 3 * noise(8, 2, 4, 4).float()
    z, _ = layer(x)
    with pytest.raises(CourseError, match=r"model\.eval"):
        layer.inverse(z)
    assert (layer.eval().inverse(z) - x).abs().max() > 0.1  # why: it is not the inverse of z


def test_batch_norm_normalises_a_batch_and_torch_agrees():
    x = 3 * noise(8, 2, 4, 4) + 1
    reference = nn.BatchNorm2d(2, affine=False).double()
    z, _ = BatchNorm(2).double()(x)
    assert torch.allclose(z, reference(x), atol=1e-12)


def test_activation_norm_starts_at_the_first_batch_and_stays():
    layer = ActivationNorm(3)
    x = 5 * noise(64, 3, 4, 4).float() - 2
    z, _ = layer(x)
    by_channel = z.transpose(0, 1).flatten(1)
    assert by_channel.mean(1).abs().max() < 1e-5
    assert (by_channel.std(1) - 1).abs().max() < 1e-5
    before = layer.shift.clone()
    layer(x + 100)
    assert torch.equal(layer.shift, before)


def test_a_checkerboard_is_a_split_of_channels_after_a_squeeze():
    """The folded coupling is the masked one, given the same s and t."""
    inner = network(2, 4)
    folded = AffineCoupling([0, 3], [1, 2], inner)

    class Unfolded(nn.Module):
        def forward(self, x, condition=None):
            parts = inner(F.pixel_unshuffle(x, 2)[:, [0, 3]], condition).chunk(2, 1)
            whole = [torch.zeros(len(x), 4, *part.shape[2:]).double() for part in parts]
            for target, part in zip(whole, parts, strict=True):
                target[:, [1, 2]] = part
            return torch.cat([F.pixel_shuffle(target, 2) for target in whole], 1)

    masked = MaskedCoupling(1, Unfolded(), even=True).double()
    x = noise(3, 1, 8, 8)
    z, log_det = masked(x)
    y, log_det_folded = folded.double()(F.pixel_unshuffle(x, 2))
    assert torch.allclose(F.pixel_shuffle(y, 2), z, atol=1e-12)
    assert torch.allclose(log_det, log_det_folded, atol=1e-12)


def test_additive_couplings_keep_the_volume():
    layer = AdditiveCoupling([0], [1], network(1, 1))
    assert torch.equal(layer(noise(3, 2, 4, 4))[1], torch.zeros(3).double())


def test_labels_reach_the_density_and_are_asked_for():
    model = small(classes=10)
    x = pixels(1, model.shape).expand(10, -1, -1, -1)
    found = model.log_prob(x, torch.arange(10))
    assert len(found.unique()) == 10
    with pytest.raises(CourseError, match=r"Expected 10 labels, one an image, .* got none"):
        model.log_prob(x)
    with pytest.raises(CourseError, match="unconditional"):
        small().log_prob(x, torch.arange(10))


def test_samples_have_256_levels_and_zero_temperature_has_no_chance():
    model = small()
    a = model.sample(3, temperature=0.0, generator=torch.Generator().manual_seed(0))
    b = model.sample(3, temperature=0.0, generator=torch.Generator().manual_seed(1))
    assert torch.equal(a, b)
    found = model.sample(4, generator=torch.Generator().manual_seed(0)) * 255
    assert torch.allclose(found, found.round(), atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": (1, 28, 28), "scales": 3}, "divisible by 8"),
        ({"coupling": "afine"}, "affine"),
        ({"normalisation": "layer"}, "activation"),
        ({"dequantisation": "none"}, "uniform"),
        ({"checkerboard": "folder"}, "folded"),
        ({"block": "plane"}, "plain"),
        ({"optimiser": "SGD"}, "Adam"),
        ({"shape": (2,)}, "for images"),
        ({"checkerboard": "masked", "coupling": "additive"}, "Masked checkerboards are affine"),
        ({"depth": 3}, "setting"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(CourseError, match=message):
        RealNVP(**settings)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.bits_per_dim(torch.rand(2, 1, 8, 8)), "uint8"),
        (lambda m: m.log_prob(255 * torch.rand(2, 1, 8, 8)), r"\[0, 1\]"),
        (lambda m: m.log_prob(torch.full((2, 1, 8, 8), math.nan)), r"\[0, 1\]"),
        (lambda m: m.log_prob(torch.rand(2, 1, 28, 28)), r"\(B, 1, 8, 8\)"),
        (lambda m: m.inverse(torch.rand(2, 63)), r"\(B, 1, 8, 8\)"),
        (lambda m: m.bits_per_dim(images(2, (3, 8, 8))), r"\(B, 1, 8, 8\)"),
        (lambda m: m.sample(2, labels=torch.tensor([1, 2])), "unconditional"),
        (lambda m: AffineCoupling([0], [0, 1], nn.Identity()), "splits the indices"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(call, message):
    with pytest.raises(CourseError, match=message):
        call(RealNVP(**SMALL))


def test_a_few_rounds_of_training_lower_the_bits_after_a_start_from_the_first_batch():
    digits = data.load("digits").take(256)
    model = RealNVP(width=4, blocks=1, couplings=(2, 2), last=(2, 2))
    history = training.fit(model, digits, rounds=20, progress=False, preview=False)
    bits = history.term("flow.bits")
    assert bits[-5:].mean() < bits[:5].mean()
    assert all(
        module.started == 1 for module in model.modules() if isinstance(module, ActivationNorm)
    )


def test_more_draws_of_noise_tighten_the_bound():
    model = small()
    levels = images(200, model.shape)
    with torch.no_grad():
        one, many = (
            model.bits_per_dim(levels, torch.Generator().manual_seed(k), k=k) for k in (1, 16)
        )
    gain = one - many
    assert gain.mean() > 5 * gain.std() / len(gain) ** 0.5
    with pytest.raises(CourseError, match="k, the number of draws"):
        model.bits_per_dim(levels, k=0)
