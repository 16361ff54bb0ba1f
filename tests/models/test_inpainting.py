"""Inpainting with a flow: against conditional Gaussians in closed form, and its promises."""

import math

import pytest
import torch
from shared import seeded

from course_lib.errors import CourseError
from course_lib.models import GAN, RealNVP, inpainting
from course_lib.models.flows.transforms import Transform
from course_lib.models.inpainting import filling, inpaint

torch.set_num_threads(1)


class Bent(Transform):
    """z = A(w − m), w = 2 sinh(y/2): w is Gaussian with mean m and covariance (AᵀA)⁻¹.

    What is bent pixel by pixel has the conditional Gaussian of w, but no constant Jacobian.
    """

    def __init__(self, matrix, mean):
        super().__init__()
        self.matrix = torch.nn.Parameter(matrix, requires_grad=False)
        self.back = torch.linalg.inv(matrix)
        self.mean = mean

    def forward(self, x, condition=None):
        z = (straight(x) - self.mean) @ self.matrix.T
        slopes = (x / 2).cosh().log().flatten(1).sum(1)
        return z, torch.linalg.slogdet(self.matrix).logabsdet + slopes

    def inverse(self, z, condition=None):
        return 2 * ((z @ self.back.T + self.mean) / 2).asinh().view(-1, 1, 4, 4)


def straight(y):
    return 2 * (y.flatten(1) / 2).sinh()


def small(**settings):
    given = {"shape": (1, 4, 4), "scales": 1, "width": 4, "blocks": 1, "last": (1, 1)}
    return RealNVP(**{**given, "dequantisation": "uniform", **settings}).eval()


def gaussian_flow():
    """A RealNVP whose layers are one bent linear map, and w's mean and covariance."""
    generator = seeded(3)
    flow = small().double()
    matrix = torch.randn(16, 16, generator=generator).double() / 4 + 1.2 * torch.eye(16)
    mean = torch.randn(16, generator=generator).double()
    flow.flow = Bent(matrix, mean)
    return flow, mean, torch.linalg.inv(matrix.T @ matrix)


def lower_half_missing():
    known = torch.zeros(4, 4, dtype=torch.bool)
    known[:2] = True
    return known


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_of_a_gaussian_flow_the_fills_are_draws_from_the_conditional_gaussian(temperature):
    flow, mean, covariance = gaussian_flow()
    n, known = 2000, lower_half_missing()
    image = torch.rand(1, 1, 4, 4, generator=seeded(1)).double().expand(n, 1, 4, 4)
    filled = inpaint(
        flow, image, known, steps=240, generator=seeded(2), temperature=temperature
    )
    w = straight(flow.logit(filled)[0])
    k, u = known.flatten(), ~known.flatten()
    gain = covariance[u][:, k] @ torch.linalg.inv(covariance[k][:, k])
    wanted = mean[u] + gain @ (w[0, k] - mean[k])
    spread = temperature**2 * (covariance[u][:, u] - gain @ covariance[k][:, u])
    sd = spread.diagonal().sqrt()
    errors = (w[:, u].mean(0) - wanted) / (sd / math.sqrt(n))
    assert errors.abs().max() < 5
    scale = torch.outer(sd, sd)
    found = torch.cov(w[:, u].T)
    se = ((scale**2 + spread**2) / n).sqrt()  # of a Gaussian's sample covariance
    assert ((found - spread) / se).abs().max() < 5
    # the marginal, what an inpainting that forgets the known pixels gives, is far away
    marginal = (wanted - mean[u]).abs() / (sd / math.sqrt(n))
    assert marginal.max() > 20


def test_known_pixels_stay_bit_for_bit_and_the_others_do_not():
    flow = small()
    image = torch.rand(3, 1, 4, 4, generator=seeded())
    image[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    for known in (lower_half_missing(), torch.rand(3, 1, 4, 4, generator=seeded()) < 0.5):
        mask = known.expand(image.shape)
        kept = image.clone()
        images = list(filling(flow, image, known, steps=6, generator=seeded()))
        assert len(images) == 7 and torch.equal(image, kept)
        for filled in images:
            assert torch.equal(filled[mask], image[mask])
            assert filled.min() >= 0 and filled.max() <= 1
        assert not torch.equal(images[-1][~mask], images[0][~mask])
        assert not images[-1].requires_grad


def test_unknown_pixels_are_not_read():
    flow, known = small(), lower_half_missing()
    image = torch.rand(2, 1, 4, 4, generator=seeded())
    blank = torch.where(known, image, torch.tensor(float("nan")))
    first = inpaint(flow, image, known, steps=8, generator=seeded(5))
    assert torch.equal(first, inpaint(flow, blank, known, steps=8, generator=seeded(5)))
    assert not torch.equal(first, inpaint(flow, image, known, steps=8, generator=seeded(6)))


def test_the_search_comes_to_agree_with_the_known_pixels_before_they_are_put_in():
    flow, mean, _ = gaussian_flow()
    target = mean.view(1, 1, 4, 4) + 1
    known = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    conditional = inpainting._Conditional(flow, target, known, 1.0, None)
    z = torch.randn(1, 16, generator=seeded()).double()
    seen = []
    hold, conditional.hold = conditional.hold, lambda y: y
    for y in inpainting.search(conditional, z, 80, 0.2):
        seen.append(conditional.misfit(y).item())
    assert seen[-1] < seen[0] / 10
    assert torch.equal(hold(y), target)


def test_edges_all_known_none_known_no_steps_and_a_conditional_flow():
    flow = small()
    image = torch.rand(2, 1, 4, 4, generator=seeded())
    everything = torch.ones(4, 4, dtype=torch.bool)
    assert torch.equal(inpaint(flow, image, everything, steps=4), image)
    start = inpaint(flow, image, ~everything, steps=0, generator=seeded())
    z = flow.noise(2, 16, generator=seeded())
    assert torch.allclose(start, flow.inverse(z).clamp(0, 1))
    with_classes = small(classes=3)
    filled = inpaint(
        with_classes, image, lower_half_missing(), steps=2, labels=torch.tensor([0, 2])
    )
    assert filled.shape == image.shape
    with pytest.raises(CourseError, match="one an image"):
        inpaint(with_classes, image, everything, steps=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flow": GAN(hidden=(4, 4))}, "wants a RealNVP, got GAN"),
        ({"image": torch.rand(1, 4, 4)}, r"\(B, 1, 4, 4\), got \(1, 4, 4\)"),
        ({"image": torch.rand(2, 1, 8, 8)}, r"got \(2, 1, 8, 8\)"),
        ({"image": torch.zeros(2, 1, 4, 4, dtype=torch.uint8)}, "Expected floats"),
        ({"image": torch.full((2, 1, 4, 4), 1.5)}, r"in \[0, 1\], got 1.5"),
        ({"image": torch.full((2, 1, 4, 4), float("nan"))}, r"in \[0, 1\], got nan"),
        ({"known": torch.ones(4, 4)}, "bool mask"),
        ({"known": torch.ones(8, 8, dtype=torch.bool)}, r"\(4, 4\) or \(2, 1, 4, 4\)"),
        ({"known": torch.ones(3, 1, 4, 4, dtype=torch.bool)}, r"got \(3, 1, 4, 4\)"),
        ({"steps": -1}, "whole number from 0"),
        ({"steps": 2.5}, "whole number from 0"),
        ({"step_size": 0.0}, "step_size must be a number above 0"),
        ({"temperature": float("nan")}, "temperature must be a number above 0"),
        ({"labels": torch.zeros(2)}, "unconditional"),
    ],
)
def test_what_does_not_fit_is_refused_at_the_call(change, message):
    given = {
        "flow": small(),
        "image": torch.rand(2, 1, 4, 4, generator=seeded()),
        "known": lower_half_missing(),
        **change,
    }
    with pytest.raises(CourseError, match=message):
        filling(**given)
