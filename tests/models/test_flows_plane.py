"""Flows on the line and in the plane: maps against their inverses and Jacobians, densities
against quadrature, torch.distributions and toys whose density is known."""

import math
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal, TransformedDistribution
from torch.distributions.transforms import AffineTransform, ComposeTransform
from torch.nn.functional import softplus

from course_lib import data, explore, models, training
from course_lib.errors import CourseError
from course_lib.models import Flow
from course_lib.models.flow import PointNetwork
from course_lib.models.flows.affine import Affine, Scaling
from course_lib.models.flows.planar import Planar, solve_push
from course_lib.models.flows.spline import Spline, SplineCoupling, knots, spline, unspline
from course_lib.models.flows.transforms import Composition

panel = import_module("course_lib.explore.warp")

torch.set_num_threads(1)


def random(*shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def stirred(module: nn.Module, scale=0.3, seed=1) -> nn.Module:
    """In float64 and evaluation mode, its parameters moved off their start."""
    module = module.double().eval()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.add_(random(*parameter.shape, seed=seed + i, scale=scale))
    return module


def jacobians(function, x):
    """∂f/∂x of each point, (B, D, D), by autograd."""
    one = torch.autograd.functional.jacobian
    return torch.stack([one(lambda point: function(point[None])[0], point) for point in x])


def spline_coupling(size=2, kept=(0,), changed=(1,)):
    network = PointNetwork(len(kept), len(changed) * 14, (16,))
    return SplineCoupling(kept, changed, network, bins=5, bound=3.0)


LAYERS = {
    "affine on a line": (lambda: Affine(1), 1),
    "affine": (lambda: Affine(2), 2),
    "affine in five dimensions": (lambda: Affine(5), 5),
    "scaling": (lambda: Scaling(3), 3),
    "planar on a line": (lambda: Planar(1), 1),
    "planar": (lambda: Planar(2), 2),
    "planar in five dimensions": (lambda: Planar(5), 5),
    "spline on a line": (lambda: Spline(1, bins=6, bound=2.0), 1),
    "spline": (lambda: Spline(3), 3),
    "spline coupling": (spline_coupling, 2),
    "spline coupling, two of three": (lambda: spline_coupling(3, (2,), (0, 1)), 3),
    "composition": (lambda: Composition(Affine(2), Planar(2), spline_coupling()), 2),
    **{
        f"flow of {kind}": (lambda kind=kind: Flow(layers=kind, depth=4, hidden=(16,)), 2)
        for kind in ("affine", "planar", "nice", "realnvp", "spline")
    },
    **{
        f"flow of {kind} on a line": (
            lambda kind=kind: Flow(layers=kind, shape=(1,), depth=3),
            1,
        )
        for kind in ("affine", "planar", "spline")
    },
}


@pytest.fixture(params=LAYERS)
def layer(request):
    """A layer with parameters off their start, and points, some of them far out."""
    make, size = LAYERS[request.param]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = stirred(make())
    return made, random(200, size, seed=3, scale=1.5)


def test_the_inverse_undoes_the_map(layer):
    made, x = layer
    z, log_det = made(x)
    assert z.shape == x.shape and log_det.shape == (200,)
    torch.testing.assert_close(made.inverse(z), x, atol=1e-10, rtol=0)
    torch.testing.assert_close(made(made.inverse(x))[0], x, atol=1e-10, rtol=0)


def test_log_det_is_that_of_autograds_jacobian(layer):
    made, x = layer
    x = x[:25]
    exact = jacobians(lambda points: made(points)[0], x).det()
    log_det = made(x)[1]
    torch.testing.assert_close(log_det, exact.abs().log(), atol=1e-8, rtol=0)
    if log_det.abs().max() > 1e-6:
        assert (-log_det - exact.abs().log()).abs().max() > 1e-7, "the sign must matter"


def test_the_inverse_has_the_inverse_jacobian(layer):
    made, x = layer
    x = x[:5]
    z = made(x)[0].detach()
    there, back = jacobians(lambda points: made(points)[0], x), jacobians(made.inverse, z)
    eye = torch.eye(x.shape[1], dtype=torch.float64).expand_as(there)
    torch.testing.assert_close(there @ back, eye, atol=1e-8, rtol=0)


def test_in_single_precision_the_inverse_is_as_good_as_it_can_be(layer):
    made, x = layer
    made, x = made.float(), x.float()
    torch.testing.assert_close(made.inverse(made(x)[0]), x, atol=2e-3, rtol=0)


# Against other people's code -----------------------------------------------------------------
def test_affine_is_every_gaussian():
    layer = stirred(Affine(3))
    x = random(50, 3)
    z, log_det = layer(x)
    value = Normal(0.0, 1.0).log_prob(z).sum(1) + log_det
    # z = Lx + b is normal, so x has mean −L⁻¹b and precision LᵀL.
    mean = -torch.linalg.solve(layer.matrix, layer.shift)
    exact = MultivariateNormal(mean, precision_matrix=layer.matrix.T @ layer.matrix)
    torch.testing.assert_close(value, exact.log_prob(x), atol=1e-10, rtol=0)


def test_composed_scalings_agree_with_torch_distributions():
    layers = [stirred(Scaling(2), seed=1), stirred(Affine(1), seed=2)]
    x = random(50, 2)
    both = Composition(layers[0], stirred(Scaling(2), seed=5))
    steps = [AffineTransform(0.0, (-layer.log_scale).exp()) for layer in both.transforms]
    # torch maps noise to data: the inverse of ours, so the last of ours comes first.
    theirs = TransformedDistribution(
        Normal(torch.zeros(2).double(), 1.0), ComposeTransform(steps[::-1])
    )
    z, log_det = both(x)
    ours = Normal(0.0, 1.0).log_prob(z).sum(1) + log_det
    torch.testing.assert_close(ours, theirs.log_prob(x).sum(1), atol=1e-12, rtol=0)
    line = layers[1]
    y = random(50, 1, seed=8)
    transform = AffineTransform(line.shift, line.matrix[0])
    reference = transform.log_abs_det_jacobian(y, transform(y)).squeeze(1)
    torch.testing.assert_close(line(y)[1], reference, atol=1e-12, rtol=0)


def spline_by_hand(x, at):
    """Durkan et al. (2019), eqs. 4 and 5, one number at a time."""
    xs, zs, slopes = (values.tolist() for values in at)
    k = max(i for i in range(len(xs) - 1) if xs[i] <= x)
    width, height = xs[k + 1] - xs[k], zs[k + 1] - zs[k]
    s, xi = height / width, (x - xs[k]) / width
    top = height * (s * xi**2 + slopes[k] * xi * (1 - xi))
    below = s + (slopes[k + 1] + slopes[k] - 2 * s) * xi * (1 - xi)
    slope = slopes[k + 1] * xi**2 + 2 * s * xi * (1 - xi) + slopes[k] * (1 - xi) ** 2
    return zs[k] + top / below, math.log(s**2 * slope / below**2)


def test_spline_is_the_papers_formula():
    at = knots(random(20, seed=2), 2.5)
    x = torch.linspace(-2.49, 2.49, 101, dtype=torch.float64)
    z, log_slope = spline(x, at)
    by_hand = torch.tensor([spline_by_hand(v, at) for v in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(z, by_hand[:, 0], atol=1e-12, rtol=0)
    torch.testing.assert_close(log_slope, by_hand[:, 1], atol=1e-11, rtol=0)


# Splines --------------------------------------------------------------------------------------
def test_spline_meets_its_knots_is_smooth_and_has_straight_tails():
    at = knots(random(23, seed=4), 3.0)
    z, log_slope = spline(at.x, at)
    torch.testing.assert_close(z, at.z, atol=1e-12, rtol=0)
    torch.testing.assert_close(log_slope.exp(), at.slope, atol=1e-12, rtol=0)
    before = spline(at.x[1:-1] - 1e-9, at)[1].exp()
    torch.testing.assert_close(before, at.slope[1:-1], atol=1e-5, rtol=0)
    outside = torch.tensor([-50.0, -3.0, 3.0, 3.1, 1e6], dtype=torch.float64)
    z, log_slope = spline(outside, at)
    assert torch.equal(z, outside) and not log_slope.any()
    assert torch.equal(unspline(outside, at), outside)


def test_spline_without_numbers_is_the_identity():
    at, x = knots(torch.zeros(23).double(), 3.0), random(100, scale=2)
    z, log_slope = spline(x, at)
    torch.testing.assert_close(z, x, atol=1e-12, rtol=0)
    torch.testing.assert_close(log_slope, torch.zeros_like(x), atol=1e-12, rtol=0)


def test_wild_splines_stay_monotone_and_finite():
    raw = random(500, 23, seed=7, scale=30).requires_grad_()
    line = torch.linspace(-5, 5, 500, dtype=torch.float64)[:, None].expand(500, 500)
    z, log_slope = spline(line, knots(raw, 4.0))
    assert (z[1:] - z[:-1]).min() >= -1e-12
    (gradient,) = torch.autograd.grad((z + log_slope).sum(), raw)
    assert gradient.isfinite().all()


# Planar maps ----------------------------------------------------------------------------------
def test_planar_keeps_its_push_above_minus_one():
    layer = Planar(2).double()
    with torch.no_grad():
        layer.u.copy_(-20 * layer.w)
    assert -1 - 1e-12 <= (layer.w @ layer.push).item() < 0
    direct = softplus(layer.w @ layer.u) - 1
    torch.testing.assert_close(layer.w @ layer.push, direct, atol=1e-12, rtol=0)
    _, log_det = layer(random(1000, 2))
    assert log_det.isfinite().all()


def test_planar_without_the_constraint_folds_the_plane():
    """z = x + u tanh(wᵀx) with wᵀu = −3 sends different points to one place."""
    w = torch.tensor([1.0, 0.0], dtype=torch.float64)
    u, line = -3 * w, torch.linspace(-3, 3, 601, dtype=torch.float64)
    x = torch.stack([line, torch.zeros_like(line)], 1)
    z = x + (x @ w).tanh()[:, None] * u
    assert (z[1:, 0] - z[:-1, 0]).min() < 0 < (z[1:, 0] - z[:-1, 0]).max()
    determinant = 1 + (u @ w) * (1 - (x @ w).tanh() ** 2)
    assert determinant.min() < 0
    # Its "density" counts folded probability once for each fold: it does not integrate to 1.
    folded = Normal(0.0, 1.0).log_prob(z[:, 0]).exp() * determinant.abs()
    assert abs(torch.trapezoid(folded, line).item() - 1) > 0.5


@pytest.mark.parametrize("overlap", [-0.9, -0.5, 0.0, 3.0, 200.0])
def test_the_push_is_undone_to_the_last_digits(overlap):
    a, overlap = random(500, scale=4), torch.tensor(overlap, dtype=torch.float64)
    found = solve_push(a + overlap * a.tanh(), overlap)
    torch.testing.assert_close(found, a, atol=1e-12, rtol=1e-12)


# NICE and report B's equation 7 ---------------------------------------------------------------
def test_nice_changes_volume_only_by_its_scaling():
    flow = stirred(Flow("nice", hidden=(16,), depth=4))
    log_det = flow(random(100, 2))[1]
    scale = flow.transform.transforms[-1].log_scale.sum()
    torch.testing.assert_close(log_det, scale.expand(100), atol=1e-12, rtol=0)


def test_the_printed_coupling_of_report_b_scales_but_cannot_shift():
    """y = x ⊙ exp(s + t): a legal map with log-det s + t, which keeps every sign (E18)."""
    s, t = PointNetwork(1, 1, (16,)).double(), PointNetwork(1, 1, (16,)).double()
    stirred(s, 1.0), stirred(t, 1.0, seed=9)

    def printed(x):
        log_scale = s(x[:, :1]) + t(x[:, :1])
        return torch.cat([x[:, :1], x[:, 1:] * log_scale.exp()], 1), log_scale[:, 0]

    x = random(200, 2)
    y, log_det = printed(x)
    exact = jacobians(lambda points: printed(points)[0], x[:20]).det()
    torch.testing.assert_close(log_det[:20], exact.log(), atol=1e-8, rtol=0)
    assert torch.equal(y[:, 1].sign(), x[:, 1].sign())
    axis = torch.stack([x[:, 0], torch.zeros(200).double()], 1)
    assert not printed(axis)[0][:, 1].any(), "the axis stays where it is"
    right = axis[:, 1:] * s(axis[:, :1]).exp() + t(axis[:, :1])
    assert right.abs().max() > 0.1, "B's Fig. 3, with an offset, moves it"


# Densities ------------------------------------------------------------------------------------
def lattice(reach, steps):
    line = torch.linspace(-reach, reach, steps, dtype=torch.float64)
    return torch.cartesian_prod(line, line), (line[1] - line[0]).item() ** 2


@torch.no_grad()
def mass(flow, reach=7.0, steps=280, sign=1.0):
    """∫ p(x) dx over a square; sign −1: with the log-determinant subtracted."""
    points, area = lattice(reach, steps)
    parts = []
    for x in points.split(50_000):
        z, log_det = flow(x)
        log_normal = -0.5 * z.square().sum(1) - math.log(2 * math.pi)
        parts.append((log_normal + sign * log_det).exp().sum())
    return sum(parts).item() * area


@pytest.fixture(scope="module")
def moons():
    return data.load("moons")


@pytest.mark.parametrize("kind", ["affine", "planar", "nice", "realnvp", "spline"])
def test_a_trained_density_integrates_to_one(kind, moons):
    depth = {"affine": 1, "planar": 8, "spline": 2}.get(kind, 4)
    flow = Flow(layers=kind, depth=depth, hidden=(24,), lr=1e-2, bins=5)
    history = training.fit(flow, moons, rounds=120, batch=128, preview=False, progress=False)
    nll = history.term("flow.nll")
    assert nll[-20:].mean() < nll[0] - 0.2
    flow.double()
    assert abs(mass(flow) - 1) < 1e-3
    assert abs(mass(flow, sign=-1.0) - 1) > 0.05, "the wrong sign must be noticed"


@pytest.mark.parametrize("kind", ["affine", "planar", "spline"])
def test_densities_on_a_line_integrate_to_one(kind):
    flow = stirred(Flow(layers=kind, shape=(1,), depth=3), 0.5)
    line = torch.linspace(-40, 40, 200_001, dtype=torch.float64)
    density = flow.log_prob(line[:, None]).exp()
    assert abs(torch.trapezoid(density, line).item() - 1) < 1e-6


def test_realnvp_comes_near_a_known_density_and_never_below_its_entropy():
    toy = data.toy.make("ring", modes=5, radius=1.5, sigma=0.5)
    flow = Flow(depth=6, hidden=(32,), lr=1e-2)
    training.fit(flow, toy.data_set(4000), rounds=300, preview=False, progress=False)
    x = toy.sample(4000, torch.Generator().manual_seed(9))
    with torch.no_grad():
        gain = toy.log_density(x) - flow.log_prob(x)  # its mean is KL(p ‖ flow)
        start = toy.log_density(x) - Normal(0.0, 1.0).log_prob(x).sum(1)
    error = gain.std() / math.sqrt(len(gain))
    assert 0 < gain.mean() + 5 * error, "a KL is not negative"
    assert gain.mean() < 0.12
    assert start.mean() > 2 * gain.mean(), "the untrained start is not near"
    # The same KL by quadrature, with no sampling in it: small, and strictly positive.
    points, area = lattice(5.0, 300)
    exact = toy.log_density(points)
    with torch.no_grad():
        kl = (exact.exp() * (exact - flow.double().log_prob(points))).sum() * area
    assert 1e-3 < kl < 0.12


@torch.no_grad()
def test_samples_follow_the_density(moons):
    flow = Flow(depth=4, hidden=(24,), lr=5e-3, seed=2)
    with torch.enable_grad():
        training.fit(flow, moons, rounds=100, batch=128, preview=False, progress=False)
    flow.double()
    x = flow.sample(20_000, generator=torch.Generator().manual_seed(0))
    values = flow.log_prob(x)
    points, area = lattice(9.0, 500)
    log_p = flow.log_prob(points)
    mean = (log_p.exp() * log_p).sum() * area  # −entropy
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - mean) < 5 * error
    inside = (x[:, 0] > 0).double()
    share = (log_p.exp() * (points[:, 0] > 0)).sum() * area
    assert abs(inside.mean() - share) < 5 * inside.std() / math.sqrt(len(x))


# As a model of the course -----------------------------------------------------------------------
def test_temperature_scales_the_noise():
    flow, z = Flow("affine"), torch.Generator()
    cold = flow.sample(500, generator=z.manual_seed(0), temperature=0.5)
    warm = flow.sample(500, generator=z.manual_seed(0))
    torch.testing.assert_close(2 * cold, warm)
    assert not flow.sample(3, temperature=0.0).any()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": "real-nvp"}, "realnvp"),
        ({"layers": "nice", "shape": (1,)}, "affine, planar, spline"),
        ({"shape": (1, 28, 28)}, "RealNVP is the flow for images"),
        ({"shape": (3,)}, r"\(1,\) or \(2,\)"),
        ({"depth": 0}, "depth must be a whole number"),
        ({"layers": "spline", "bins": 1}, "bins must be a whole number from 2 to 100"),
        ({"layers": "spline", "bound": -1.0}, "bound must be a number above 0"),
        ({"width": 3}, "Flow setting"),
    ],
)
def test_settings_that_make_no_flow_are_refused(settings, words):
    with pytest.raises(CourseError, match=words):
        Flow(**settings)


def test_points_of_another_shape_and_labels_are_refused():
    flow = Flow(depth=2, hidden=(8,))
    with pytest.raises(CourseError, match=r"Expected examples of shape \(B, 2\)"):
        flow.log_prob(torch.zeros(4, 3))
    with pytest.raises(CourseError, match="unconditional"):
        flow.sample(2, labels=torch.zeros(2, dtype=torch.long))
    with pytest.raises(CourseError, match="temperature"):
        flow.sample(2, temperature=-1.0)
    with pytest.raises(CourseError, match="built for data of shape"):
        training.fit(flow, data.load("digits").take(300), rounds=1)


# Explorers ------------------------------------------------------------------------------------
def off_its_start():
    """A flow that is not the identity, in training mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        flow = stirred(Flow(depth=3, hidden=(8,))).float().train()
    flow.transform.transforms[0].started.fill_(1.0)
    return flow


def moons_set():
    return data.load("moons", "test").take(300)


MAKERS = {
    "warp": lambda: explore.warp(off_its_start(), moons_set()),
    "pointed": lambda: explore.pointed(off_its_start()),
}


def test_pointed_takes_log_p_apart(explorers):
    flow, point = off_its_start().eval(), torch.tensor([[0.5, -1.0]])
    with torch.no_grad():
        z, log_det = flow(point)
        log_p = flow.log_prob(point).item()
    text = explorers["pointed"].readout(x1=0.5, x2=-1.0).replace("−", "-")
    assert f"z = ({z[0, 0]:.2f}, {z[0, 1]:.2f})" in text
    assert f"log |det| {log_det.item():+.2f} = {log_p:+.2f} nats" in text


def test_warp_ends_at_the_mean_log_likelihood(explorers):
    flow, x = off_its_start().eval(), moons_set().batch().x
    with torch.no_grad():
        ends, starts = flow.log_prob(x).mean(), Normal(0.0, 1.0).log_prob(x).sum(1).mean()
    for layers, value in ((4, ends), (0, starts)):
        text = explorers["warp"].readout(layers=layers).replace("−", "-")
        assert f"mean log p {value:+.2f} nats" in text


def test_the_explorers_leave_the_flow_as_it_was():
    flow = off_its_start()
    for explorer in (explore.warp(flow, moons_set()), explore.pointed(flow)):
        explorer.frame()
        assert flow.training


def test_the_way_back_is_the_way_there_reversed():
    flow, x = off_its_start(), moons_set().images.numpy()
    there = panel.passage(flow, x)
    back = panel.passage(flow, there.stages[-1], back=True)
    np.testing.assert_allclose(back.stages[::-1], there.stages, atol=1e-4)
    np.testing.assert_allclose(back.log_dets[::-1], there.log_dets, atol=1e-4)


def test_explorers_refuse_what_is_no_flow_in_the_plane():
    for wrong in (Flow("spline", shape=(1,)), models.GAN(hidden=(4, 4))):
        with pytest.raises(CourseError, match="wants a flow in the plane"):
            explore.warp(wrong, moons_set())
        with pytest.raises(CourseError, match="wants a flow in the plane"):
            explore.pointed(wrong)
    with pytest.raises(CourseError, match=r"data must be points of shape \(n, 2\)"):
        explore.warp(Flow(depth=2, hidden=(8,)), torch.zeros(5, 3))
    with pytest.raises(CourseError, match=r"reach must be a number from 0\.5 to 9"):
        explore.pointed(Flow(depth=2, hidden=(8,)), reach=20)
