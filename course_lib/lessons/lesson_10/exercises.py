"""The exercises of lesson 10 with the mistakes that they recognise."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Normal
from torch.nn.functional import logsigmoid

from course_lib.checks.compare import word
from course_lib.checks.exercises import (
    BOTH,
    Exercise,
    Prediction,
    When,
    normal,
    whole,
)
from course_lib.models import Flow
from course_lib.models.vae import log_normal

LOG_2PI = math.log(2 * math.pi)


# 10.1: the density of logit(u) ---------------------------------------------------------------
def _density_of_logit(x: Tensor) -> Tensor:
    return x.sigmoid() * (-x).sigmoid()


# 10.2: the planar map --------------------------------------------------------------------------
def planar_log_det(x: Tensor, w: Tensor, u: Tensor, b: Tensor) -> Tensor:
    slope = 1 - (x @ w + b).tanh().square()
    return (1 + slope * (w @ u)).abs().log()


def _planar_probes() -> list[tuple]:
    generator = torch.Generator().manual_seed(2)
    points = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    first = [torch.tensor(v, dtype=torch.float64) for v in ([1.0, -0.5], [0.7, 0.4], 0.3)]
    second = [torch.tensor(v, dtype=torch.float64) for v in ([-0.8, 0.3], [0.6, 0.9], -0.2)]
    third = [torch.tensor(v, dtype=torch.float64) for v in ([1.0, 0.3], [-3.0, 0.0], 0.1)]
    return [(points, *first), (points, *second), (points, *third)]  # wᵀu < −1: it folds


def _more_planar(generator: torch.Generator) -> tuple[Tensor, ...]:
    points = normal(generator, whole(generator, 1, 6), 2)
    return points, *normal(generator, 2, 2), normal(generator)


# 10.3: undo a coupling --------------------------------------------------------------------------
def _undo(z: Tensor, s, t) -> Tensor:
    kept, changed = z[:, :1], z[:, 1:]
    return torch.cat([kept, (changed - t(kept)) * (-s(kept)).exp()], 1)


def _some_coupling(generator: torch.Generator) -> tuple:
    a, b, c, d = normal(generator, 4).tolist()
    z = normal(generator, whole(generator, 1, 6), 2)
    return z, lambda kept: a * kept.sin() + b, lambda kept: c * kept.square() + d


def _coupling_probes() -> list[tuple]:
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(8, 2, generator=generator, dtype=torch.float64)
    return [(z, lambda a: 0.6 * a.sin() + 0.2, lambda a: a.square() - 0.5)]


# 10.4: the objective ----------------------------------------------------------------------------
def _log_prob(flow, x: Tensor) -> Tensor:
    z, log_det = flow(x)
    return log_normal(z) + log_det


def _some_flow(generator: torch.Generator) -> tuple[Flow, Tensor]:
    """Stirred, so that each point has a log-determinant of its own."""
    flow = Flow(depth=2, hidden=(8,), seed=whole(generator, 0, 999)).double().eval()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(normal(generator, *parameter.shape, scale=0.3))
    return flow, normal(generator, whole(generator, 1, 7), 2)


def _mean_over_dimensions(flow, x: Tensor) -> Tensor:
    z, log_det = flow(x)
    return -0.5 * (LOG_2PI + z.square()).mean(1) + log_det


# 10.6: bits per dimension -----------------------------------------------------------------------
def _bits(log_p: Tensor, dims: int, levels: int) -> Tensor:
    return (dims * math.log(levels) - log_p) / (dims * math.log(2))


def _some_bits(generator: torch.Generator) -> tuple[Tensor, int, int]:
    log_p = normal(generator, whole(generator, 1, 5), scale=500.0)
    return log_p, whole(generator, 1, 3000), 2 ** whole(generator, 1, 8)


EXERCISES = {
    "10.1": Exercise(
        right=_density_of_logit,
        probes=[(torch.linspace(-4, 4, 9, dtype=torch.float64),)],
        domain=lambda g: (normal(g, whole(g, 1, 8), scale=3.0),),
        mistakes={
            "u has density 1, but x is stretched: multiply by "
            "the slope of u = sigmoid(x)": lambda x: torch.ones_like(x),
            "this is the slope of x over u; the density "
            "takes the slope of u over x": lambda x: 1 / _density_of_logit(x),
            "this is u, the distribution function of x; its slope is the density": lambda x: (
                x.sigmoid()
            ),
            "this is the logarithm of the density; return the density": lambda x: (
                logsigmoid(x) + logsigmoid(-x)
            ),
            "the slope is right, but u is uniform here, not "
            "normal: its density is 1": lambda x: (
                Normal(0.0, 1.0).log_prob(x.sigmoid()).exp() * _density_of_logit(x)
            ),
        },
        hint="u = sigmoid(x) is uniform on [0, 1]; how fast does u move with x?",
    ),
    "10.2": Exercise(
        right=planar_log_det,
        probes=_planar_probes,
        domain=_more_planar,
        mistakes={
            "tanh stands where its slope 1 − tanh² belongs": lambda x, w, u, b: (
                (1 + (x @ w + b).tanh() * (w @ u)).abs().log()
            ),
            "the slope is taken at wᵀx; b is missing in it": lambda x, w, u, b: (
                (1 + (1 - (x @ w).tanh().square()) * (w @ u)).abs().log()
            ),
            "the product over the diagonal: this matrix is not "
            "triangular, use the lemma": lambda x, w, u, b: (
                (1 + (1 - (x @ w + b).tanh().square())[:, None] * (w * u)).abs().log().sum(1)
            ),
            "where wᵀu is below −1 the determinant is negative somewhere: take its absolute "
            "value before the logarithm": When(
                lambda found: bool(found[2].isnan().any()) and not found[0].isnan().any(),
                lambda x, w, u, b: (1 + (1 - (x @ w + b).tanh().square()) * (w @ u)).log(),
            ),
            "log(1 + a) is a only for small a: take "
            "the logarithm of 1 + …": lambda x, w, u, b: (
                (1 - (x @ w + b).tanh().square()) * (w @ u)
            ),
            "this is the determinant; return its logarithm": lambda x, w, u, b: planar_log_det(
                x, w, u, b
            ).exp(),
            "the sign is turned: this belongs to the inverse map": lambda x, w, u, b: (
                -planar_log_det(x, w, u, b)
            ),
            "w and u are exchanged: tanh looks along w and pushes along u": lambda x, w, u, b: (
                planar_log_det(x, u, w, b)
            ),
        },
        hint="in (10.10), v = tanh′(wᵀx + b)·w, and tanh′ = 1 − tanh²; then the logarithm of the "
        "absolute value, one number for each point",
    ),
    "10.3": Exercise(
        right=_undo,
        probes=_coupling_probes,
        domain=_some_coupling,
        mistakes={
            "last on, first off: t was added last, so "
            "subtract it before you divide": lambda z, s, t: torch.cat(
                [z[:, :1], z[:, 1:] * (-s(z[:, :1])).exp() - t(z[:, :1])], 1
            ),
            "multiplied by exp(s) again: divide, or multiply by exp(−s)": lambda z, s, t: (
                torch.cat([z[:, :1], (z[:, 1:] - t(z[:, :1])) * s(z[:, :1]).exp()], 1)
            ),
            "t is added again: subtract it": lambda z, s, t: torch.cat(
                [z[:, :1], (z[:, 1:] + t(z[:, :1])) * (-s(z[:, :1])).exp()], 1
            ),
            "s and t are read off the part that changed; "
            "read them off the kept part": lambda z, s, t: torch.cat(
                [z[:, :1], (z[:, 1:] - t(z[:, 1:])) * (-s(z[:, 1:])).exp()], 1
            ),
            "the kept part is missing: return both, (B, 2)": lambda z, s, t: _undo(z, s, t)[
                :, 1:
            ],
            "this is the coupling itself; its inverse is asked": lambda z, s, t: torch.cat(
                [z[:, :1], z[:, 1:] * s(z[:, :1]).exp() + t(z[:, :1])], 1
            ),
        },
        hint="the kept part is unchanged, so s and t come out as they went in",
    ),
    "10.4": Exercise(
        right=_log_prob,
        precisions=BOTH,
        domain=_some_flow,
        learns=(0,),
        mistakes={
            "the log-determinant is subtracted: it is that of "
            "x → z here, so it is added": lambda flow, x: log_normal(flow(x)[0]) - flow(x)[1],
            "log N(z) alone: log |det| is missing": lambda flow, x: log_normal(flow(x)[0]),
            "log |det| is averaged over the batch; each point has its own": lambda flow, x: (
                log_normal(flow(x)[0]) + flow(x)[1].mean()
            ),
            "the constant is missing: ½ log 2π for each of the D dimensions": lambda flow, x: (
                -0.5 * flow(x)[0].square().sum(1) + flow(x)[1]
            ),
            "½ log 2π counts once for each dimension: D/2 · log 2π": lambda flow, x: (
                -0.5 * (LOG_2PI + flow(x)[0].square().sum(1)) + flow(x)[1]
            ),
            "a mean over the dimensions where the sum is "
            "meant: log-densities add": _mean_over_dimensions,
            "the normal is evaluated at x; it is the density of z": lambda flow, x: (
                log_normal(x) + flow(x)[1]
            ),
            "this is −log p, the loss; return log p": lambda flow, x: -_log_prob(flow, x),
            "one number for the batch: return one for each point, (B,)": lambda flow, x: (
                _log_prob(flow, x).mean()
            ),
        },
        hint="z, log_det = flow(x); then log N(z; 0, I), summed over dimensions, plus log_det",
    ),
    "10.5": Exercise(
        right={"Dana": "wrong inverse", "Emil": "log-det doubled", "Fay": "healthy"},
        mistakes={
            "Emil's loss lies below the entropy of the data. Can a density do that? Look at "
            "what his integrates to": {"Emil": "healthy"},
            "Dana's density is fine. But are her samples drawn from it?": {"Dana": "healthy"},
            "Fay is healthy; who of the other two has a mass that is not 1?": When(
                lambda a: word(a["Fay"]) == "healthy",
                {"Dana": "log-det doubled", "Emil": "wrong inverse", "Fay": "healthy"},
            ),
        },
        hint='use the words "healthy", "wrong inverse" and "log-det doubled"',
    ),
    "10.6": Exercise(
        right=_bits,
        probes=[
            (torch.tensor([1500.0, 0.0], dtype=torch.float64), 784, 256),
            (torch.tensor([-3.0], dtype=torch.float64), 2, 16),
        ],
        domain=_some_bits,
        mistakes={
            "a density of y in [0, 1], not yet a probability of grey levels: a cell is "
            "1/levels wide in each dimension, which costs "
            "D · log(levels)": lambda log_p, dims, levels: -log_p / (dims * math.log(2)),
            "the cell is 1/levels wide in each of the D dimensions, so log(levels) counts D "
            "times": lambda log_p, dims, levels: (
                (math.log(levels) - log_p) / (dims * math.log(2))
            ),
            "this is in nats per dimension: divide by ln 2": lambda log_p, dims, levels: (
                (dims * math.log(levels) - log_p) / dims
            ),
            "these are bits for all dimensions: divide by D": lambda log_p, dims, levels: (
                (dims * math.log(levels) - log_p) / math.log(2)
            ),
            "the sign is turned: bits per dimension are a cost": lambda log_p, dims, levels: (
                -_bits(log_p, dims, levels)
            ),
            "the cells' volume is multiplied, so log P = "
            "log p − D · log(levels)": lambda log_p, dims, levels: (
                (-dims * math.log(levels) - log_p) / (dims * math.log(2))
            ),
        },
        hint="log P(image) ≥ log p_y(y) − D · log(levels); then to bits, for each dimension",
    ),
}

PREDICTIONS = {"10.11": Prediction(), "10.12": Prediction(low=0)}
