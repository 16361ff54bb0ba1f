"""Lesson 10's right answers in other forms, for test_answers; and what its patients show."""

from __future__ import annotations

import math

import torch
from torch.distributions import Normal, TransformedDistribution, Uniform
from torch.distributions.transforms import SigmoidTransform

from course_lib.lessons.lesson_10.faults import faults

LOG_2PI = math.log(2 * math.pi)


# 10.1 ----------------------------------------------------------------------------------------
def logit_by_torch(x):
    zero, one = torch.zeros((), dtype=x.dtype), torch.ones((), dtype=x.dtype)
    return TransformedDistribution(Uniform(zero, one), SigmoidTransform().inv).log_prob(x).exp()


def logit_by_exp(x):
    return torch.exp(-x) / (1 + torch.exp(-x)) ** 2


# 10.2 ----------------------------------------------------------------------------------------
def planar_by_autograd(x, w, u, b):
    def planar(point):
        return point + u * torch.tanh(point @ w + b)

    jacobians = [torch.autograd.functional.jacobian(planar, point) for point in x]
    return torch.stack(jacobians).det().abs().log()


def planar_by_cosh(x, w, u, b):
    return torch.log(torch.abs(1 + (w * u).sum() / torch.cosh(x @ w + b) ** 2))


def planar(x, w, u, b, height=lambda a: 1 - a.tanh() ** 2):
    return torch.log(torch.abs(1 + height(x @ w + b) * (w @ u)))


# 10.3 ----------------------------------------------------------------------------------------
def uncouple_by_division(z, s, t):
    x = z.clone()
    x[:, 1] = (z[:, 1] - t(z[:, 0])) / torch.exp(s(z[:, 0]))
    return x


def uncouple_with(change):
    def uncouple(z, s, t):
        a, b = z.chunk(2, 1)
        return torch.cat([a, change(b, s(a), t(a))], 1)

    return uncouple


# 10.4 ----------------------------------------------------------------------------------------
def log_prob_by_torch(flow, x):
    z, log_det = flow(x)
    return Normal(0.0, 1.0).log_prob(z).sum(1) + log_det


def log_prob_by_hand(flow, x):
    z, log_det = flow(x)
    return log_det - (z * z).sum(1) / 2 - LOG_2PI


# 10.6 ----------------------------------------------------------------------------------------
def bits_by_log2(log_p, dims, levels):
    return math.log2(levels) - log_p / (dims * math.log(2))


def bits_by_numpy(log_p, dims, levels):
    return (-(log_p.numpy() - dims * math.log(levels))) / math.log(2) / dims


HEALTHY = {"Dana": "wrong inverse", "Emil": "log-det doubled", "Fay": "healthy"}
RIGHT = [
    ("10.1", logit_by_torch),
    ("10.1", logit_by_exp),
    ("10.2", planar_by_autograd),
    ("10.2", planar_by_cosh),
    ("10.3", uncouple_by_division),
    ("10.3", uncouple_with(lambda b, s, t: (b - t) / s.exp())),
    ("10.4", log_prob_by_torch),
    ("10.4", log_prob_by_hand),
    ("10.5", HEALTHY),
    ("10.5", {name: word.upper().replace(" ", "_") for name, word in HEALTHY.items()}),
    ("10.6", bits_by_log2),
    ("10.6", bits_by_numpy),
]


def test_the_patients_differ_as_the_lesson_says():
    """Dana's inverse is no inverse, Emil counts the log-determinant twice, Fay is healthy."""
    dana, emil, fay = (
        theirs(depth=4, hidden=(8,), seed=1).double().eval() for theirs in faults.values()
    )
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for flow in (dana, emil, fay):
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in flow.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    z, log_det = fay(x)
    torch.testing.assert_close(fay.inverse(z), x)
    torch.testing.assert_close(dana(x)[1], log_det)
    assert not torch.allclose(dana.inverse(z), x, atol=0.1)
    torch.testing.assert_close(emil(x)[1], 2 * log_det)
    torch.testing.assert_close(emil.inverse(z), x)
