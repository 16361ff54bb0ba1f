"""A stranger's model gets every score it can have; what is no model is told what it lacks."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from shared import refused
from torch import nn

from course_lib import data, evaluation, models
from course_lib.data import DataSet
from course_lib.evaluation import abilities, conditional, disentanglement
from course_lib.models.parts.conditions import Classes


class Blobs(nn.Module):
    """Grey noise around a mean picture: as much as a notebook might define, no more."""

    def __init__(self, images):
        super().__init__()
        self.mean = nn.Parameter(images.float().mean(0) / 255, requires_grad=False)

    def sample(self, n, generator=None):
        noise = 0.3 * torch.randn(n, *self.mean.shape, generator=generator)
        return (self.mean + noise).clamp(0, 1)


class Density(Blobs):
    def log_prob(self, x):
        p = torch.distributions.Normal(self.mean, 0.3)
        return p.log_prob(x).flatten(1).sum(1)


class Bounded(Density):
    """A bound that is exact, stated as a VAE would."""

    def log_likelihood(self, x, k, generator=None):
        return self.log_prob(x)


class Parts(Bounded):
    def elbo_terms(self, x, generator=None):
        return {"reconstruction": self.log_prob(x) + 1, "kl": torch.ones(len(x))}


class Scaled(Parts):
    settings = {"likelihood": "gaussian"}


class Bits(Density):
    def bits_per_dim(self, images, generator=None, k=1):
        noise = torch.rand(images.shape, generator=generator)
        log_p = self.log_prob((images.float() + noise) / 256)
        return -log_p / (784 * math.log(2)) + 8 - k / 100


class Told(Blobs):
    """Draws the class that it is told, by the word of that name."""

    condition = Classes(10)

    def __init__(self, dataset):
        super().__init__(dataset.images)
        self.by_class = [dataset.images[dataset.labels == c] for c in range(10)]

    def sample(self, n, condition=None, generator=None):
        drawn = [self.by_class[c][0] for c in condition.tolist()]
        return torch.stack(drawn).float() / 255


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", "test").take(300)


def rows(model, dataset, **options):
    report = evaluation.report(model, dataset, n=100, held_out=10, **options)
    return {row.name: row for row in report}


def test_what_draws_is_scored(digits):
    found = rows(Blobs(digits.images), digits, train=digits)
    for name in ("modes covered", "KID on digit features", "nearer to training"):
        assert found[name].value is not None
    assert (
        found["log p(x)"].value is None and "Blobs has no likelihood" in found["log p(x)"].note
    )


def test_a_density_is_exact(digits):
    found = rows(Density(digits.images), digits)
    assert "exact" in found["log p(x) (dequantised)"].note
    assert 7 < found["bits per dimension"].value < 9


def test_bounds_as_far_as_the_model_can_tell_them_apart(digits):
    plain = rows(Bounded(digits.images), digits)
    assert "IWAE, K = 500 (as given)" in plain and not any("ELBO" in name for name in plain)
    parts = rows(Parts(digits.images), digits)
    bound = parts["IWAE, K = 500 (as given)"].value
    assert bound == plain["IWAE, K = 500 (as given)"].value
    assert parts["ELBO (as given)"].value == pytest.approx(bound, rel=1e-6)
    assert parts["KL to the prior"].value == 1
    scaled = rows(Scaled(digits.images), digits)
    assert "IWAE, K = 500 (dequantised)" in scaled and "bits per dimension" in scaled


def test_bits_that_fall_with_the_draws_of_noise(digits):
    found = rows(Bits(digits.images), digits)
    one, more = (found[f"bits per dimension, k = {k}"].value for k in (1, 8))
    assert one - more == pytest.approx(0.07, abs=0.005)


def test_a_condition_goes_by_either_name(digits):
    found = rows(Told(digits), digits)
    assert found["asked class read (GAN-test)"].value > 0.9
    assert found["intra-class diversity"].value == pytest.approx(0, abs=1e-6)
    drawn = conditional.draw(Told(digits), torch.arange(10))
    assert drawn.shape == (10, 1, 28, 28)


def test_a_flow_with_classes_is_told_them(digits):
    flow = models.RealNVP(classes=10, width=4, scales=1)
    assert abilities.condition_of(flow).size == 10
    found = rows(flow.eval(), digits.take(40))
    assert found["bits per dimension, k = 1"].value > 0
    assert found["asked class read (GAN-test)"].value is not None


@pytest.mark.parametrize("labels", [3, [3] * 4, np.full(4, 3), torch.tensor(3)])
def test_a_bound_is_told_labels_as_sample_is(digits, labels):
    model, x = models.CVAE(width=4).eval(), digits.batch(slice(4)).x

    def bounds(labels):
        g = torch.Generator().manual_seed(0)
        return evaluation.iwae(model, x, 3, g, labels=labels).bounds

    assert torch.equal(bounds(labels), bounds(torch.full((4,), 3)))


@pytest.mark.parametrize("n", [2, 3, 5, 12, 25])
@pytest.mark.parametrize("kind", ["GAN", "CGAN", "VAE", "CVAE"])
def test_few_held_out_images_give_rows_with_reasons(digits, kind, n):
    model = getattr(models, kind)(**({"width": 4} if kind[0] == "C" else {"hidden": (4,)}))
    report = evaluation.report(model, digits.take(n), n=10, held_out=2, train=digits)
    assert all(row.value is not None or row.note for row in report)


def test_thirty_pictures_of_ones_own():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (6, 3, 32, 32), generator=generator, dtype=torch.uint8)
    model = models.DCGAN(shape=(3, 32, 32), width=8)
    report = evaluation.report(model, DataSet(pictures), n=10, train=DataSet(pictures))
    assert "held-out images or more" in report["KID"].note
    assert report["nearer to training"].error >= 1 / 6


def test_what_no_score_can_be_made_of_is_refused_with_the_reason(digits):
    some = digits.images[:20]
    refused(
        lambda: evaluation.gan_train(some, digits.labels[:20], DataSet(some)),
        "GAN-train reads real digits with labels",
    )
    read, true = torch.tensor([0, 1, 1]), torch.tensor([0, 1])
    refused(
        lambda: evaluation.group_shares(read, read, true, 2),
        "As many readings as true groups are wanted: 3, 2",
    )
    refused(
        lambda: evaluation.iwae(Bounded(digits.images), torch.full((4, 1, 28, 28), math.nan)),
        "NaN or infinite values: drop them first",
    )
    diverged = Bounded(digits.images)
    diverged.log_likelihood = lambda x, k, generator=None: torch.full((len(x),), math.nan)
    refused(
        lambda: evaluation.iwae(diverged, digits.batch(slice(0, 20)).x),
        "Bounded.log_likelihood gave NaN or infinity",
    )
    refused(
        lambda: conditional.diversity(torch.zeros(3, 2), torch.ones(2, 1)),
        "Got 3 features, and the groups of 2 images",
    )
    nowhere = SimpleNamespace(sample=lambda n, generator=None: torch.full((n, 2), math.nan))
    refused(lambda: list(abilities.drawn(nowhere, 4, None)), "the model diverged")


def test_scores_that_cannot_be_had_say_why(digits):
    alike = DataSet(digits.images[:1].expand(40, -1, -1, -1))
    row = rows(models.GAN(hidden=(4,)).eval(), alike)["Laplacian variance"]
    assert row.value is None and "All real images have the same value" in row.note
    inked = DataSet(
        digits.images, digits.labels, attributes={"ink": digits.images.double().mean((1, 2, 3))}
    )
    told = models.CVAE(classes=0, attributes=("ink>50",), width=4).eval()
    found = rows(told, inked)["asked class read (GAN-test)"]
    assert found.value is None and "the judge reads other labels" in found.note


def test_whole_numbers_are_their_own_bins():
    values = torch.tensor([3, 1, 2])
    assert disentanglement.binned(values) is values
