"""Sharpness, spectrum and asymmetry of images whose answer is known, and their distributions."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch

from course_lib import data, evaluation
from course_lib.evaluation import image_statistics
from course_lib.evaluation.ladder import blurred as blur
from course_lib.evaluation.ladder import noised


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", "test").images[:300]


def noise(n=60, side=32, sd=0.1, seed=0):
    g = torch.Generator().manual_seed(seed)
    return 0.5 + sd * torch.randn(n, 1, side, side, generator=g)


def power_law(exponent, n=40, side=64):
    """Images whose power falls as frequency^exponent, random phases."""
    g = np.random.default_rng(0)
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    f[0, 0] = 1
    white = np.fft.fft2(g.normal(size=(n, side, side)))
    images = np.fft.ifft2(white * f ** (exponent / 2)).real
    images = 0.5 + 0.1 * images / images.std((1, 2), keepdims=True)
    return torch.from_numpy(images)[:, None].clamp(0, 1)


# One image ---------------------------------------------------------------------------------
def test_sharpness_is_the_variance_of_the_laplacian(digits):
    x = digits[:20]
    found = evaluation.sharpness(x)
    for image, value in zip(x, found, strict=True):
        laplacian = scipy.ndimage.laplace(image[0].numpy() / 255)[1:-1, 1:-1]
        assert value.item() == pytest.approx(laplacian.var(), rel=1e-6)
    # White noise: 4² + 4 · 1² = 20 times its variance (and rounding adds a little).
    assert evaluation.sharpness(noise()).mean().item() == pytest.approx(20 * 0.01, rel=0.03)
    slope = torch.arange(32).expand(1, 1, 32, 32) / 255  # whole grey levels
    assert evaluation.sharpness(slope).item() == pytest.approx(0, abs=1e-12)


def test_spectrum_slope_of_power_laws():
    assert evaluation.spectrum_slope(noise()).mean().item() == pytest.approx(0, abs=0.1)
    for exponent in (-1.0, -2.0, -3.0):
        found = evaluation.spectrum_slope(power_law(exponent)).mean().item()
        assert found == pytest.approx(exponent, abs=0.15)
    blank = evaluation.spectrum_slope(torch.full((2, 1, 32, 32), 128 / 255))
    assert blank.abs().max() < 1e-6  # rounding noise only, which is white


def test_asymmetry_of_images_with_a_known_answer():
    g = torch.Generator().manual_seed(0)
    left = torch.rand(10, 3, 24, 12, generator=g)
    mirrored = torch.cat([left, left.flip(3)], 3)
    assert evaluation.asymmetry(mirrored).abs().max() < 1e-12
    levels = torch.randint(0, 256, (10, 1, 24, 12), generator=g)
    negative = torch.cat([levels, 255 - levels.flip(3)], 3) / 255
    assert evaluation.asymmetry(negative).min().item() == pytest.approx(1, abs=1e-9)
    assert evaluation.asymmetry(noise(300)).mean().item() == pytest.approx(0.5, abs=0.03)
    assert evaluation.asymmetry(torch.ones(1, 1, 16, 16)).item() == 0
    # A share: contrast and brightness do not matter (beyond rounding to 256 levels).
    x = noise(20)
    assert evaluation.asymmetry(0.5 * x + 0.2) == pytest.approx(
        evaluation.asymmetry(x).numpy(), abs=0.03
    )


def test_a_straight_rendered_face_is_symmetric_and_a_turned_one_is_not():
    straight = data.faces.render({**data.faces.neutral(), "glasses": "yes"}, 32)
    turned = data.faces.render({**data.faces.neutral(), "turn": 1.0}, 32)
    assert evaluation.asymmetry(straight).item() < 1e-9
    assert evaluation.asymmetry(turned).item() > 0.01  # no deformation: pose confounds it


# Distributions -----------------------------------------------------------------------------
def test_distribution_distance_agrees_with_scipy_and_is_in_real_standard_deviations():
    g = torch.Generator().manual_seed(0)
    real, fake = torch.randn(300, generator=g), 2 + 3 * torch.randn(170, generator=g)
    expected = scipy.stats.wasserstein_distance(fake.double(), real.double())
    unit = real.double().std().item()
    found = evaluation.distribution_distance(fake, real)
    assert found == pytest.approx(expected / unit, rel=1e-9)
    assert evaluation.distribution_distance(real, real) == 0
    shifted = evaluation.distribution_distance(real.double() + 5, real)
    assert shifted == pytest.approx(5 / unit, rel=1e-6)
    scaled = evaluation.distribution_distance(10 * fake, 10 * real)
    assert scaled == pytest.approx(found, rel=1e-5)
    # The means agree, the distributions do not: a difference of means would say 0.
    wide = real.mean() + 3 * (real - real.mean())
    assert evaluation.distribution_distance(wide, real) > 1


def test_blur_and_noise_move_sharpness_in_opposite_ways(digits):
    a, b = digits[:150], digits[150:].float() / 255
    real = evaluation.sharpness(a)
    blurred, grainy = blur(b, 1 / 25), noised(b, 0.1, torch.Generator())
    assert evaluation.sharpness(blurred).median() < 0.5 * real.median()
    assert evaluation.sharpness(grainy).median() > 1.1 * real.median()
    slope = evaluation.spectrum_slope
    assert slope(blurred).median() < slope(b).median() - 1
    assert slope(grainy).median() > slope(b).median() + 0.1
    floor = evaluation.distribution_distance(evaluation.sharpness(b), real)
    assert evaluation.distribution_distance(evaluation.sharpness(blurred), real) > 10 * floor
    assert evaluation.distribution_distance(evaluation.sharpness(grainy), real) > 5 * floor


def test_blur_makes_faces_more_symmetric():
    """Why a low asymmetry alone proves nothing."""
    factors = data.faces.draw_factors(100, torch.Generator().manual_seed(2))
    faces = data.faces.render(factors, 32).float() / 255
    smeared = evaluation.asymmetry(blur(faces, 1 / 6))
    assert smeared.median() < 0.8 * evaluation.asymmetry(faces).median()


def test_smoothing_keeps_the_mean_of_a_plain_image_and_agrees_with_scipy():
    x = noise(2, 24).double()[:, 0]
    found = image_statistics.smooth(x, 1.5)
    for image, result in zip(x, found, strict=True):
        expected = scipy.ndimage.gaussian_filter(image.numpy(), 1.5, mode="mirror", radius=5)
        assert np.allclose(result.numpy(), expected, atol=1e-12)
    assert torch.allclose(
        image_statistics.smooth(torch.ones(1, 16, 16).double(), 2), torch.ones(1).double()
    )


# Memorisation ----------------------------------------------------------------------------
@pytest.mark.parametrize(("n", "draws"), [(1, 200), (2, 200), (5, 200), (10, 200), (100, 60)])
def test_the_error_of_memorisation_counts_the_references(n, draws):
    """Who recites nothing is beyond three errors as seldom as a normal variable, or nearly.

    Images near the mean are the nearest neighbours of most samples: a few references decide.
    """
    generator = torch.Generator().manual_seed(n)

    def images(many):
        return (0.5 + 0.15 * torch.randn(many, 1, 4, 4, generator=generator)).clamp(0, 1)

    shares, errors = [], []
    for _ in range(draws):
        found = evaluation.memorisation(images(200), images(n), images(n), generator)
        shares.append(found.share)
        errors.append(found.error)
    away = (torch.tensor(shares) - 0.5).abs() / torch.tensor(errors)
    assert (away > 3).double().mean() <= 0.02
    spread = torch.tensor(shares).std()
    assert n < 10 or 0.7 * spread < torch.tensor(errors).square().mean().sqrt() < 1.5 * spread


def test_who_recites_is_far_beyond_the_error():
    generator = torch.Generator().manual_seed(0)
    train, held = torch.rand(2, 300, 1, 4, 4, generator=generator)
    found = evaluation.memorisation(train[:100], train, held, generator)
    assert found.share == 1 and (found.share - 0.5) / found.error > 5
