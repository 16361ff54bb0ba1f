"""No setting of torch changes a score: default dtype and device, mixed and half precision."""

import contextlib

import pytest
import torch

from course_lib import data, evaluation, pixels, training, zoo
from course_lib.evaluation import conditional
from course_lib.evaluation.judges import digits as judges
from course_lib.models import GAN, VAE


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", "test").take(400)


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


SETTINGS = {  # "meta" stands for any device that the data are not on
    "float64": lambda: default_dtype(torch.float64),
    "device": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


def scores(digits):
    """Scores of each kind, of samples and models that were there before."""
    judge, half = evaluation.digit_classifier(), digits.images[:200]
    seeded = lambda: torch.Generator().manual_seed(0)
    features = evaluation.image_features(half, "digits")
    faces = torch.randint(
        0, 256, (8, 3, 32, 32), generator=seeded(), dtype=torch.uint8, device="cpu"
    )
    return {
        "read": evaluation.class_probabilities(half, judge),
        "features": features,
        "faces": evaluation.face_factors().read(faces)["smile"],
        "sharpness": evaluation.sharpness(half),
        "slope": evaluation.spectrum_slope(half),
        "asymmetry": evaluation.asymmetry(half),
        "kid": evaluation.kid(features[:90], features[90:180]),
        "prdc": evaluation.prdc(features[:90], features[90:180]).density,
        "memorisation": evaluation.memorisation(
            half[:50], half[50:100], half[100:150], seeded()
        ).share,
    }


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_scores_do_not_hear_of_it(digits, setting):
    plain = scores(digits)
    with setting():
        found = scores(digits)
    for name, value in plain.items():
        torch.testing.assert_close(
            torch.as_tensor(found[name]), torch.as_tensor(value), msg=name, rtol=1e-6, atol=1e-9
        )


@pytest.fixture(scope="module")
def models():
    """A GAN, a model with bounds, a flow on images and one in the plane, with their data."""
    ring = data.load("ring", "test").take(300)
    digits = data.load("digits", "test").take(60)
    return {
        "GAN": (GAN(hidden=(8,)), digits),
        "VAE": (VAE(hidden=(8,), latent=2), digits),
        "realnvp-mnist": (zoo.load("realnvp-mnist"), digits.take(12)),
        "flow-ring": (zoo.load("flow-ring"), ring),
    }


def report(model, dataset):
    found = evaluation.report(model, dataset, n=10, held_out=3, budget="smoke")
    return {row.name: row.value for row in found}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ["GAN", "VAE", "realnvp-mnist", "flow-ring"])
def test_a_report_does_not_hear_of_it(models, name, setting):
    plain = report(*models[name])
    with SETTINGS[setting]():
        found = report(*models[name])
    assert found.keys() == plain.keys()
    for row, value in plain.items():
        wanted = value if value is None else pytest.approx(value, rel=1e-4, abs=1e-6)
        assert found[row] == wanted, row


@pytest.mark.parametrize("name", ["VAE", "realnvp-mnist", "flow-ring"])
def test_a_model_of_half_precision_is_scored_with_its_weights_in_single(models, name):
    import copy

    model, dataset = models[name]
    half = copy.deepcopy(model).bfloat16()
    found = report(half, dataset)
    assert next(half.parameters()).dtype == torch.bfloat16, (
        "the learner's model stays as it was"
    )
    wanted = report(copy.deepcopy(half).float(), dataset)
    assert found == wanted
    assert "float32" in evaluation.report(half, dataset, n=10, held_out=2).about


def test_a_classifier_of_samples_is_trained_in_any_setting():
    some = data.load("digits").take(200)
    plain = conditional.gan_train(some.images, some.labels, some, epochs=1)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        assert conditional.gan_train(some.images, some.labels, some, epochs=1) == plain
    with default_dtype(torch.float64):
        accuracy, _ = conditional.gan_train(some.images, some.labels, some, epochs=1)
        assert next(judges.DigitClassifier().parameters()).dtype == torch.float32
    assert 0 <= accuracy <= 1


# Dequantised pixels ------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_grey_levels_survive_every_dtype(dtype):
    every = torch.arange(256, dtype=torch.uint8)
    x = (every.double() / 255).to(dtype)
    assert torch.equal(pixels.levels_of(x), every.to(pixels.levels_of(x).dtype))
    for noise in (torch.zeros(256), torch.full((256,), 1 - 2**-24), torch.rand(256)):
        spread = pixels.spread(pixels.levels_of(x), noise.to(dtype))
        assert spread.dtype == torch.promote_types(dtype, torch.float32)
        assert spread.max() < 1 and torch.equal((spread * 256).floor().byte(), every)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_source_of_half_precision_keeps_the_levels(dtype):
    digits = data.load("digits").take(64)
    source = training.Source(digits, 64, 0, dtype=dtype)
    x = source.dequantised(source.batch().x)
    assert x.dtype == torch.float32 and x.max() < 1
    assert torch.equal((x * 256).floor(), digits.images[source.rows].float())
