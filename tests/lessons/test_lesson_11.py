"""Lesson 11's right answers in other forms, for test_answers; and what its patients show."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib.lessons.lesson_11.faults import faults
from course_lib.models import RealNVP
from course_lib.pixels import bits_per_dim


# 11.1 and 11.2 -------------------------------------------------------------------------------
def couple_by_where(x, b, s, t):
    stays = (b == 1).expand_as(x)
    z = torch.where(stays, x, x * torch.exp(s) + t)
    return z, torch.where(stays, torch.zeros_like(s), s).reshape(len(x), -1).sum(-1)


def couple_as_a_list(x, b, s, t):
    s, t = (1 - b) * s, (1 - b) * t
    return [(x * s.exp() + t).numpy(), s.view(len(s), -1).sum(1).numpy()]


def total(values):
    return values.flatten(1).sum(1)


def uncouple_by_where(z, b, s, t):
    return torch.where((b == 1).expand_as(z), z, (z - t) / torch.exp(s))


# 11.3 and 11.4 -------------------------------------------------------------------------------
def logit_by_autograd(x, alpha):
    x = x.clone().requires_grad_()
    y = (alpha + (1 - 2 * alpha) * x).logit()
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), total(slope.log())


def logit_by_softplus(x, alpha):
    y = torch.special.logit(alpha + (1 - 2 * alpha) * x)
    softplus = torch.nn.functional.softplus
    return y, total(softplus(y) + softplus(-y) + math.log(1 - 2 * alpha))


# 11.5 ----------------------------------------------------------------------------------------
def bits_by_the_library(flow, levels, noise):
    x, log_q = flow.dequantise(levels, noise)
    return bits_per_dim(flow.log_prob(x) - log_q, flow.dimensions)


def bits_from_the_parts(flow, levels, noise):
    x, log_q = flow.dequantise(levels, noise)
    z, log_det = flow(x)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1) + log_det
    size = z.shape[1]
    return (log_q - log_p + size * math.log(256)) / (size * math.log(2))


HEALTHY = {
    "Gil": "half noise",
    "Hana": "wrong sign",
    "Ivo": "healthy",
    "Jun": "masked pixels counted",
    "Kim": "divided twice",
}


RIGHT = [
    ("11.1", couple_by_where),
    ("11.1", couple_as_a_list),
    ("11.2", uncouple_by_where),
    ("11.2", lambda z, b, s, t: b * z + (1 - b) * (z - t) / s.exp()),
    ("11.3", logit_by_autograd),
    ("11.3", logit_by_softplus),
    ("11.4", lambda y, alpha: (1 / (1 + (-y).exp()) - alpha) / (1 - 2 * alpha)),
    ("11.4", lambda y, alpha: 0.5 + (y.sigmoid() - 0.5) / (1 - 2 * alpha)),
    ("11.5", bits_by_the_library),
    ("11.5", bits_from_the_parts),
    ("11.6", HEALTHY),
    ("11.6", {name: word.upper().replace(" ", "-") for name, word in HEALTHY.items()}),
    ("11.7", 392),
    ("11.7", torch.tensor(2 * 14 * 14)),
]


# The patients --------------------------------------------------------------------------------
SETTINGS = {
    "shape": (1, 4, 4),
    "couplings": (2, 2),
    "last": (2, 2),
    "width": 4,
    "blocks": 1,
    "checkerboard": "masked",
    "dequantisation": "uniform",
    "alpha": 0.05,
    "seed": 3,
}


def stirred(kind) -> RealNVP:
    """The flow far from the identity, the same weights for every kind, float64."""
    flow = kind(**SETTINGS).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in flow.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(0.1 * noise)
    return flow


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(1, 1, 4, 4, generator=generator, dtype=torch.float64)


@pytest.fixture(scope="module")
def healthy() -> RealNVP:
    return stirred(RealNVP)


@torch.no_grad()
def log_det_is_right(flow: RealNVP, image: torch.Tensor) -> bool:
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x)[0][0], image).view(16, 16)
    return torch.allclose(flow(image)[1], torch.linalg.slogdet(jacobian).logabsdet)


@torch.no_grad()
def comes_back(flow: RealNVP, image: torch.Tensor) -> bool:
    return torch.allclose(flow.inverse(flow(image)[0]), image)


def fills_the_bin(flow: RealNVP) -> bool:
    levels = torch.full((800, 1, 4, 4), 200.0, dtype=torch.float64)
    noise = torch.randn(levels.shape, generator=torch.Generator().manual_seed(3))
    u = 256 * flow.dequantise(levels, noise.double())[0] - 200
    return abs(u.mean().item() - 0.5) < 0.02 and u.max().item() < 1 + 1e-9


# Which of three properties a patient lacks.
LACKS = {"Gil": "fills", "Hana": "returns", "Ivo": "", "Jun": "counts", "Kim": "fills"}


@pytest.mark.parametrize(("name", "lacks"), LACKS.items())
def test_a_patient_has_one_fault_and_no_other(name, lacks, image):
    flow = stirred(faults[name])
    assert fills_the_bin(flow) == (lacks != "fills")
    assert comes_back(flow, image) == (lacks != "returns")
    assert log_det_is_right(flow, image) == (lacks != "counts")


@torch.no_grad()
def test_all_patients_compute_the_same_z(healthy, image):
    for kind in faults.values():
        torch.testing.assert_close(stirred(kind)(image)[0], healthy(image)[0])


def test_kims_pixels_never_leave_the_darkest_two_levels():
    levels = torch.tensor([0.0, 255.0]).double().view(2, 1, 1, 1).expand(2, 1, 4, 4)
    x, log_q = faults["Kim"](**SETTINGS).dequantise(levels, 0 * levels)
    torch.testing.assert_close(256 * x[:, 0, 0, 0], torch.tensor([0.5, 1.5]).double())
    assert not log_q.any()


def test_the_library_reads_a_patients_weights_and_differs_where_it_should(image):
    """Section 11 of the lesson: honest bits with their weights."""
    levels = (255 * image).round().to(torch.uint8)
    for name, kind in faults.items():
        flow, honest = stirred(kind), RealNVP(**SETTINGS).double().eval()
        honest.load_state_dict(flow.state_dict())
        with torch.no_grad():
            own, theirs = (
                f.bits_per_dim(levels, torch.Generator().manual_seed(0)) for f in (flow, honest)
            )
        assert torch.allclose(own, theirs) == (name in ("Hana", "Ivo"))
