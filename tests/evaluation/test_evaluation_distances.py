"""Fréchet distance, KID, precision, recall, density and coverage against known answers."""

import math

import pytest
import scipy.linalg
import torch
from torch import nn

from course_lib import evaluation
from course_lib.errors import CourseError
from course_lib.evaluation import distances, manifold


def normal(n, dims, seed=0, mean=0.0, sd=1.0):
    g = torch.Generator().manual_seed(seed)
    return mean + sd * torch.randn(n, dims, generator=g, dtype=torch.float64)


def covariance(dims, seed):
    factor = normal(dims, dims, seed)
    return factor @ factor.T / dims + 0.1 * torch.eye(dims)


# Fréchet distance ------------------------------------------------------------------------
def test_frechet_distance_of_two_gaussians_on_the_same_axes():
    """|μ_a − μ_b|² + Σ (σ_a − σ_b)²: the closed form where covariances commute."""
    a, b = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 2.0, 0.5])
    mean = torch.tensor([0.0, -1.0, 1.0])
    found = evaluation.gaussian_frechet(mean, a.square().diag(), 2 * mean, b.square().diag())
    assert found == pytest.approx(2 + 1 + 0 + 6.25, abs=1e-10)
    one = evaluation.gaussian_frechet(mean, a.diag(), mean, a.diag())
    assert one == pytest.approx(0, abs=1e-10)


def test_frechet_distance_takes_the_root_of_the_matrix_product():
    a, b, zero = covariance(6, 1), covariance(6, 2), torch.zeros(6).double()
    found = evaluation.gaussian_frechet(zero, a, zero, b)
    root = torch.from_numpy(scipy.linalg.sqrtm((a @ b).numpy()).real)
    assert found == pytest.approx((a + b - 2 * root).trace().item(), abs=1e-9)
    assert found == pytest.approx(evaluation.gaussian_frechet(zero, b, zero, a), abs=1e-9)
    # What goes wrong in hand-written versions is far from it.
    elementwise = (a + b - 2 * (a @ b).clamp(min=0).sqrt()).trace().item()
    without_cross = (a + b).trace().item()
    apart = torch.linalg.eigh(a)[0].sqrt() - torch.linalg.eigh(b)[0].sqrt()
    for wrong in (elementwise, without_cross, apart.square().sum().item(), 0.0):
        assert abs(wrong - found) > 0.05 * found


def test_frechet_distance_of_singular_covariances():
    """On one line: N(0, vvᵀ) and N(0, 4vvᵀ) are |v|² (2 − 1)² apart; sqrtm may give NaN here."""
    v, zero = torch.tensor([1.0, 2.0, 2.0]), torch.zeros(3)
    found = evaluation.gaussian_frechet(zero, v.outer(v), zero, 4 * v.outer(v))
    assert found == pytest.approx(9, abs=1e-6)


def test_frechet_distance_of_sets_with_known_moments():
    x = normal(200, 5)
    assert evaluation.frechet_distance(x, x.clone()) == pytest.approx(0, abs=1e-9)
    assert evaluation.frechet_distance(x, x[torch.randperm(200)]) == pytest.approx(0, abs=1e-9)
    shift = torch.tensor([3.0, 0, 0, 4.0, 0])
    assert evaluation.frechet_distance(x, x + shift) == pytest.approx(25, rel=1e-9)
    wide = x.mean(0) + 3 * (x - x.mean(0))  # (3 − 1)² tr Σ, with the unbiased covariance
    assert evaluation.frechet_distance(x, wide) == pytest.approx(
        4 * x.var(0, correction=1).sum().item(), rel=1e-9
    )


def test_frechet_distance_of_many_draws_nears_the_closed_form_and_its_error_covers_it():
    a, b = normal(4000, 4, 1), normal(4000, 4, 2, mean=0.5, sd=1.5)
    true = 4 * (0.5**2 + 0.5**2)
    found, error = (
        evaluation.frechet_distance(a, b),
        distances.left_out_error(distances.fitted_frechet, a, b),
    )
    assert abs(found - true) < 5 * error and error < 0.1 * true


def test_frechet_distance_is_biased_for_few_images_and_refused_for_fewer():
    at = {}
    for n in (20, 80, 320):
        draws = [
            distances.fitted_frechet(normal(n, 10, s), normal(n, 10, 100 + s)) for s in range(8)
        ]
        at[n] = sum(draws) / len(draws)
    assert (
        at[20] > 2.5 * at[80] > 5 * at[320] > 0
    )  # of equal distributions, whose distance is 0
    with pytest.raises(CourseError, match="takes 20 images or more"):
        evaluation.frechet_distance(normal(19, 10), normal(100, 10))
    evaluation.frechet_distance(normal(20, 10), normal(100, 10))


# KID -------------------------------------------------------------------------------------
def moments(mean, sd):
    """E x, E xxᵀ and E xxx of N(mean, sd² I), as tensors."""
    eye, second = torch.eye(len(mean)).double(), mean.outer(mean)
    second = second + sd**2 * eye
    third = torch.einsum("i,j,k->ijk", mean, mean, mean)
    for order in ("ij,k->ijk", "ik,j->ijk", "jk,i->ijk"):
        third = third + sd**2 * torch.einsum(order, eye, mean)
    return mean, second, third


def exact_kid(one, two):
    """E k − …, k(a, b) = (a·b/D + 1)³, by expanding the cube into the moments' products."""

    def mean_kernel(p, q):
        d = len(p[0])
        return sum(math.comb(3, i + 1) * (p[i] * q[i]).sum() / d ** (i + 1) for i in range(3))

    return (mean_kernel(one, one) + mean_kernel(two, two) - 2 * mean_kernel(one, two)).item()


def test_kid_is_unbiased_and_the_biased_form_is_not():
    mean, n = torch.tensor([0.6, -0.3, 0.0]).double(), 8
    true = exact_kid(moments(torch.zeros(3).double(), 1.0), moments(mean, 0.8))
    found, biased = [], []
    for s in range(300):
        a, b = normal(n, 3, s), normal(n, 3, 10_000 + s, mean, 0.8)
        found.append(evaluation.kid(a, b)[0])
        k = [(x @ y.T / 3 + 1) ** 3 for x, y in ((a, a), (b, b), (a, b))]
        biased.append((k[0].mean() + k[1].mean() - 2 * k[2].mean()).item())
    found, biased = torch.tensor(found), torch.tensor(biased)
    error = found.std() / len(found) ** 0.5
    assert abs(found.mean() - true) < 4 * error
    assert abs(biased.mean() - true) > 10 * error


def test_kid_of_equal_distributions_is_zero_within_its_error():
    values, errors = zip(
        *(evaluation.kid(normal(100, 4, s), normal(100, 4, 500 + s)) for s in range(60)),
        strict=True,
    )
    values = torch.tensor(values)
    assert abs(values.mean()) < 4 * values.std() / len(values) ** 0.5
    assert (
        0.2 < (values < 0).double().mean() < 0.9
    )  # an unbiased estimate of 0 is also negative
    assert max(errors) < 0.5
    x = normal(100, 4)
    assert (
        evaluation.kid(x, x)[0] < 0
    )  # equal sets: pairs with oneself are left out within only


def test_the_jackknife_error_of_kid_is_its_spread():
    values, errors = zip(
        *(evaluation.kid(normal(150, 4, s), normal(150, 4, 900 + s, 0.7)) for s in range(80)),
        strict=True,
    )
    spread = torch.tensor(values).std().item()
    assert sum(errors) / len(errors) == pytest.approx(spread, rel=0.3)


def test_kid_is_the_average_over_pairs():
    a, b = normal(7, 3), normal(7, 3, 1, 0.5)

    def k(x, y):
        return (x.dot(y).item() / 3 + 1) ** 3

    pairs = [(i, j) for i in range(7) for j in range(7)]
    within = [k(x[i], x[j]) for x in (a, b) for i, j in pairs if i != j]
    across = [k(a[i], b[j]) for i, j in pairs]
    value = sum(within) / 42 - 2 * sum(across) / 49
    found, error = evaluation.kid(a, b)
    assert found == pytest.approx(value, rel=1e-12)
    rest = [
        evaluation.kid(torch.cat([a[:i], a[i + 1 :]]), torch.cat([b[:i], b[i + 1 :]]))[0]
        for i in range(7)
    ]
    spread = torch.tensor(rest, dtype=torch.float64).var(correction=0).item()
    assert error == pytest.approx(math.sqrt(6 * spread), rel=1e-9)


# Precision, recall, density, coverage ----------------------------------------------------
def slow_prdc(real, fake, k):
    """The definitions, one image after the other."""

    def reach(x):
        return [sorted((y - row).norm().item() for y in x)[k] for row in x]

    rr, rf = reach(real), reach(fake)
    d = [[(x - y).norm().item() for y in fake] for x in real]
    n, m = len(real), len(fake)
    return (
        sum(any(d[i][j] < rr[i] for i in range(n)) for j in range(m)) / m,
        sum(any(d[i][j] < rf[j] for j in range(m)) for i in range(n)) / n,
        sum(d[i][j] < rr[i] for i in range(n) for j in range(m)) / (k * m),
        sum(min(d[i]) < rr[i] for i in range(n)) / n,
    )


def values(found):
    return found.precision, found.recall, found.density, found.coverage


def test_the_four_scores_are_their_definitions():
    real, fake = normal(40, 3), normal(50, 3, 1, 0.5, 1.3)
    for k in (1, 3, 5):
        found = evaluation.prdc(real, fake, k)
        assert values(found) == pytest.approx(slow_prdc(real, fake, k), abs=1e-12)
    # Counting an image as its own first neighbour makes every ball too small.
    found = evaluation.prdc(real, fake, 3)
    assert values(found) != pytest.approx(slow_prdc(real, fake, 2), abs=0.01)


def test_equal_sets_have_all_four_at_one():
    x = normal(300, 8)
    assert values(evaluation.prdc(x, x.clone())) == pytest.approx((1, 1, 1, 1), abs=1e-12)


@pytest.mark.parametrize(("copies", "k"), [(2, 5), (3, 5), (6, 5), (6, 1), (15, 5)])
def test_equal_sets_with_copies_have_all_four_at_one(copies, k):
    """Radii are 0, or balls end between an image's copies and the next image."""
    x = normal(40, 8).repeat(copies, 1)
    found = manifold.prdc(x, x[torch.randperm(len(x))], k=k)
    four = found.precision, found.recall, found.density, found.coverage
    assert four == pytest.approx((1, 1, 1, 1), abs=1e-12)


def test_a_perfect_sampler_of_oversampled_data_is_perfect():
    """A rare class whose every image is there six times, in both sets."""
    common, rare = normal(600, 8), normal(100, 8, 1, mean=4.0)
    whole = torch.cat([common, rare.repeat(6, 1)])
    order = [torch.randperm(1200, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    real = whole[order[0]]
    fake = torch.cat([normal(600, 8, 2), rare.repeat(6, 1)])[order[1]]
    found = manifold.prdc(real, fake)
    plain = manifold.prdc(normal(600, 8), normal(600, 8, 2))
    for name in ("precision", "recall", "density", "coverage"):
        wanted = (getattr(plain, name) + 1) / 2  # half of all is copied exactly
        assert getattr(found, name) == pytest.approx(wanted, abs=0.05), name


def test_a_set_is_at_distance_zero_from_itself_and_never_below():
    for n, dims in ((600, 40), (90, 40), (45, 40)):
        x = normal(n, dims)
        assert 0 <= distances.fitted_frechet(x, x) < 1e-9
        flat = x[:, :5] @ normal(5, dims, 3)
        assert 0 <= distances.fitted_frechet(flat, flat) < 1e-5


def test_a_dropped_mode_lowers_recall_and_coverage_and_leaves_precision():
    modes = 20.0 * torch.eye(4).double()[torch.arange(400) % 4]
    real, fake = modes + normal(400, 4), modes + normal(400, 4, 1)
    fair = evaluation.prdc(real, fake)
    kept = evaluation.prdc(real, fake[torch.arange(400) % 4 != 3])
    assert kept.precision == pytest.approx(fair.precision, abs=0.05) and kept.precision > 0.9
    assert kept.recall == pytest.approx(0.75 * fair.recall, abs=0.04)
    assert kept.coverage == pytest.approx(0.75 * fair.coverage, abs=0.06)
    added = evaluation.prdc(real, torch.cat([fake[:300], fake[:100] + 500]))
    assert added.precision == pytest.approx(
        0.75 * fair.precision, abs=0.03
    )  # a mode that is not there


def test_an_outlier_inflates_recall_and_precision_but_not_coverage():
    real, narrow = normal(300, 2), normal(300, 2, 1, sd=0.05)
    strays = torch.tensor([[30.0, 0], [0, 30.0], [-30.0, 0], [0, -30.0]] * 2).double()
    before = evaluation.prdc(real, narrow)
    after = evaluation.prdc(real, torch.cat([narrow, strays]))
    assert before.recall < 0.1 and after.recall == 1
    assert after.coverage == pytest.approx(before.coverage, abs=0.02)
    far = normal(300, 2, 2, mean=20.0)
    assert evaluation.prdc(real, far).precision == 0
    assert evaluation.prdc(torch.cat([real, strays]), far).precision > 0.9


def test_samples_that_are_all_alike_have_recall_zero():
    real = normal(100, 3)
    found = evaluation.prdc(real, torch.zeros(100, 3))
    assert found.recall == 0 and found.precision == 1 and found.coverage < 0.3
    assert all(error >= 0.005 for error in found.errors.values())


def test_coverage_of_equal_distributions_is_what_counting_gives():
    for n, m, k in ((60, 60, 5), (60, 20, 3)):
        found = [
            evaluation.prdc(normal(n, 3, s), normal(m, 3, 700 + s), k).coverage
            for s in range(40)
        ]
        mean, sd = torch.tensor(found).mean(), torch.tensor(found).std()
        assert abs(mean - manifold.expected_coverage(n, m, k)) < 4 * sd / 40**0.5
    assert manifold.expected_coverage(10**6, 10**6) == pytest.approx(1 - 2**-5, abs=1e-5)


# The libraries they come from --------------------------------------------------------------
class FirstPixels(nn.Module):
    """What torchmetrics takes for a network: the features are written in the pixels."""

    num_features = 5

    def forward(self, x):
        return x.flatten(1)[:, :5].double()


def as_pixels(x):
    return x.reshape(len(x), 1, 1, -1)


def test_frechet_distance_and_kid_agree_with_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")
    kid = pytest.importorskip("torchmetrics.image.kid")
    a, b = normal(300, 5), normal(300, 5, 1, 0.4, 1.2)
    theirs = fid.FrechetInceptionDistance(feature=FirstPixels())
    kernel = kid.KernelInceptionDistance(feature=FirstPixels(), subsets=1, subset_size=300)
    for metric in (theirs, kernel):
        metric.update(as_pixels(a), real=True)
        metric.update(as_pixels(b), real=False)
    assert evaluation.frechet_distance(a, b) == pytest.approx(theirs.compute().item(), rel=1e-6)
    assert evaluation.kid(a, b)[0] == pytest.approx(kernel.compute()[0].item(), rel=1e-6)


def test_the_four_scores_agree_with_the_library_prdc():
    library = pytest.importorskip("prdc")
    real, fake = normal(200, 6), normal(200, 6, 1, 0.3, 1.1)
    theirs = library.compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    found = evaluation.prdc(real, fake)
    for name, value in theirs.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12)
