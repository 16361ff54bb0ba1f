"""The exercises of lesson 11 with the mistakes that they recognise."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.exercises import (
    BOTH,
    Exercise,
    Prediction,
    between,
    normal,
    whole,
)
from course_lib.models import RealNVP
from course_lib.models.flows.dequantisation import LEVELS

# A flow small enough that a check of it takes a moment.
SMALL = {
    "shape": (1, 4, 4),
    "scales": 1,
    "last": (1, 1),
    "width": 4,
    "blocks": 1,
    "alpha": 0.05,
}


# 11.1 and 11.2: a coupling and its inverse ---------------------------------------------------
def _masked() -> list[tuple]:
    generator = torch.Generator().manual_seed(1)
    x, s, t = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64)
    mask = torch.tensor([1.0, 0, 1, 1, 0, 0], dtype=torch.float64)
    pictures = torch.randn(3, 2, 1, 4, 4, generator=generator, dtype=torch.float64)
    board = (torch.arange(4)[:, None] + torch.arange(4) + 1) % 2
    return [
        (x, mask, s, t),
        (pictures[0], board.double(), pictures[1], pictures[2]),
        (x, torch.ones_like(mask), s, t),
    ]


def _more_masked(generator: torch.Generator) -> tuple[Tensor, ...]:
    shape = [whole(generator, 1, 4) for _ in range(whole(generator, 1, 3))]
    mask = torch.randint(0, 2, shape, generator=generator).double()
    x, s, t = normal(generator, 3, whole(generator, 1, 4), *shape)
    return x, mask, s, t


def _sum(values: Tensor) -> Tensor:
    return values.flatten(1).sum(1)


def _couple(x: Tensor, b: Tensor, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    return b * x + (1 - b) * (x * s.exp() + t), _sum((1 - b) * s)


def _decouple(z: Tensor, b: Tensor, s: Tensor, t: Tensor) -> Tensor:
    return b * z + (1 - b) * (z - t) * (-s).exp()


# 11.3 and 11.4: the logit and its inverse ----------------------------------------------------
def _logit(x: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    p = alpha + (1 - 2 * alpha) * x
    slope = math.log(1 - 2 * alpha) - p.log() - (1 - p).log()
    return p.logit(), _sum(slope)


def _logit_with(slope: Callable) -> Callable[[Tensor, float], tuple[Tensor, Tensor]]:
    """The right y with another count of the stretching."""

    def mistaken(x: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
        y, log_det = _logit(x, alpha)
        return y, slope(x, alpha, log_det)

    return mistaken


def _unlogit(y: Tensor, alpha: float) -> Tensor:
    return (y.sigmoid() - alpha) / (1 - 2 * alpha)


def _pixels(generator: torch.Generator) -> tuple[Tensor, float]:
    shape = [whole(generator, 1, 4) for _ in range(whole(generator, 2, 4))]
    x = torch.rand(shape, generator=generator, dtype=torch.float64)
    return x, between(generator, 1e-4, 0.2)


# 11.5: the objective -------------------------------------------------------------------------
def _some_realnvp(generator: torch.Generator) -> tuple[RealNVP, Tensor, Tensor]:
    """A small flow far from its start, so that all mistakes differ."""
    flow = RealNVP(**SMALL, seed=whole(generator, 0, 999)).double().eval()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(normal(generator, *parameter.shape, scale=0.3))
    levels = torch.randint(0, LEVELS, (4, 1, 4, 4), generator=generator).double()
    return flow, levels, normal(generator, *levels.shape)


def _bits_with(
    log_q: float = 1.0, offset: float = 1.0, unit: float = math.log(2), dims: float = 1.0
) -> Callable[[RealNVP, Tensor, Tensor], Tensor]:
    """The objective with one thing changed: weight of log q, of D log 256, unit, divisor."""

    def objective(flow: RealNVP, levels: Tensor, noise: Tensor) -> Tensor:
        x, log_noise = flow.dequantise(levels, noise)
        size = flow.dimensions
        bound = flow.log_prob(x) - log_q * log_noise - offset * size * math.log(LEVELS)
        return -bound / (unit * (size if dims else 1))

    return objective


_bits = _bits_with()


EXERCISES = {
    "11.1": Exercise(
        right=_couple,
        probes=_masked,
        domain=_more_masked,
        mistakes={
            "the log-determinant counts s of the kept numbers "
            "too; they are not stretched": lambda x, b, s, t: (_couple(x, b, s, t)[0], _sum(s)),
            "the log-determinant sums s where b = 1; those "
            "are the numbers that stay": lambda x, b, s, t: (
                _couple(x, b, s, t)[0],
                _sum(b * s),
            ),
            "the log-determinant has the inverse's sign": lambda x, b, s, t: (
                _couple(x, b, s, t)[0],
                -_sum((1 - b) * s),
            ),
            "the log-determinant is one number for the batch; "
            "keep one for each example": lambda x, b, s, t: (
                _couple(x, b, s, t)[0],
                ((1 - b) * s).sum(),
            ),
            "the log-determinant sums slopes exp(s); "
            "their logarithms are s": lambda x, b, s, t: (
                _couple(x, b, s, t)[0],
                _sum((1 - b) * s.exp()),
            ),
            "a mean over the numbers where the sum is meant": lambda x, b, s, t: (
                _couple(x, b, s, t)[0],
                ((1 - b) * s).flatten(1).mean(1),
            ),
            "x is multiplied by s; the slope is exp(s)": lambda x, b, s, t: (
                b * x + (1 - b) * (x * s + t),
                _sum((1 - b) * s),
            ),
            "the mask is turned round: b = 1 means that the number stays": lambda x, b, s, t: (
                _couple(x, 1 - b, s, t)
            ),
            "t is scaled too: first scale x by exp(s), then add t": lambda x, b, s, t: (
                b * x + (1 - b) * (x + t) * s.exp(),
                _sum((1 - b) * s),
            ),
            "this is report B's eq. 7, t inside the exponential: "
            "it scales and never shifts": lambda x, b, s, t: (
                b * x + (1 - b) * x * (s + t).exp(),
                _sum((1 - b) * (s + t)),
            ),
            "the kept numbers are lost: add b * x": lambda x, b, s, t: (
                (1 - b) * (x * s.exp() + t),
                _sum((1 - b) * s),
            ),
            "everything is changed: where b = 1, x stays as it is": lambda x, b, s, t: (
                x * s.exp() + t,
                _sum(s),
            ),
        },
        hint="return z and one log-determinant for each example; b = 1 everywhere gives x and 0",
    ),
    "11.2": Exercise(
        right=_decouple,
        probes=_masked,
        domain=_more_masked,
        mistakes={
            "s has the forward sign: what was multiplied by "
            "exp(s) must be divided by it": lambda z, b, s, t: (
                b * z + (1 - b) * (z - t) * s.exp()
            ),
            "the order is wrong: t was added last, so take it off first": lambda z, b, s, t: (
                b * z + (1 - b) * (z * (-s).exp() - t)
            ),
            "t is added a second time; subtract it": lambda z, b, s, t: (
                b * z + (1 - b) * (z + t) * (-s).exp()
            ),
            "everything is undone: where b = 1, z stays as it is": lambda z, b, s, t: (
                (z - t) * (-s).exp()
            ),
            "divided by s; divide by exp(s)": lambda z, b, s, t: b * z + (1 - b) * (z - t) / s,
            "this is the forward map again": lambda z, b, s, t: _couple(z, b, s, t)[0],
            "the mask is turned round: b = 1 means that the number stays": lambda z, b, s, t: (
                _decouple(z, 1 - b, s, t)
            ),
        },
        hint="solve z = x·exp(s) + t for x, where b = 0",
    ),
    "11.3": Exercise(
        right=_logit,
        probes=lambda: [
            (torch.tensor([[0.0, 0.3, 0.9], [0.5, 0.01, 1.0]], dtype=torch.float64), 0.05),
            (torch.tensor([[[[0.2, 0.7]]]], dtype=torch.float64), 1e-3),
        ],
        domain=_pixels,
        mistakes={
            "the factor (1 − 2α) is missing from the slope: "
            "p = α + (1 − 2α)x has it": _logit_with(
                lambda x, alpha, log_det: log_det - x[0].numel() * math.log(1 - 2 * alpha)
            ),
            "the log-determinant is 0: a logit stretches, "
            "and that must be counted": _logit_with(lambda x, alpha, log_det: 0 * log_det),
            "the log-determinant sums slopes; sum their logarithms": _logit_with(
                lambda x, alpha, log_det: _sum(
                    (1 - 2 * alpha) / ((p := alpha + (1 - 2 * alpha) * x) * (1 - p))
                )
            ),
            "the log-determinant has the inverse's sign: this map stretches": _logit_with(
                lambda x, alpha, log_det: -log_det
            ),
            "a mean over the pixels where the sum is meant": _logit_with(
                lambda x, alpha, log_det: log_det / x[0].numel()
            ),
            "the log-determinant is one number for the batch; "
            "keep one for each example": _logit_with(lambda x, alpha, log_det: log_det.sum()),
            "without α a black pixel goes to −∞: squeeze "
            "x into [α, 1 − α] first": lambda x, alpha: (
                x.logit(),
                _sum(-x.log() - (1 - x).log()),
            ),
        },
        hint="p = α + (1 − 2α)x; y = log p − log(1 − p); sum log dy/dx over each image",
    ),
    "11.4": Exercise(
        right=_unlogit,
        probes=[(torch.tensor([[-2.9, 0.0, 1.3]], dtype=torch.float64), 0.05)],
        domain=lambda g: (normal(g, *_pixels(g)[0].shape, scale=3.0), between(g, 1e-4, 0.2)),
        mistakes={
            "the logit is undone but not α: black comes back as α, not as 0": lambda y, alpha: (
                y.sigmoid()
            ),
            "the factor is missing: divide by 1 − 2α": lambda y, alpha: y.sigmoid() - alpha,
            "1 − 2α multiplied on the way there; "
            "divide by it on the way back": lambda y, alpha: (
                (y.sigmoid() - alpha) * (1 - 2 * alpha)
            ),
            "α is put on a second time; solve p = α + (1 − 2α)x for x": lambda y, alpha: (
                alpha + (1 - 2 * alpha) * y.sigmoid()
            ),
        },
        hint="sigmoid undoes the logit; then solve p = α + (1 − 2α)x for x",
    ),
    "11.5": Exercise(
        right=_bits,
        precisions=BOTH,
        domain=_some_realnvp,
        learns=(0,),
        mistakes={
            "−D·log 256 is missing: 8 bits a dimension too few, and densities are no "
            "probabilities": _bits_with(offset=0.0),
            "both −D·log 256 and −log q are missing": _bits_with(offset=0.0, log_q=0.0),
            "−log q of the noise is left out; then the bound is "
            "none, and narrow noise wins": _bits_with(log_q=0.0),
            "log q has the wrong sign: the bound has −log q": _bits_with(log_q=-1.0),
            "255 is the largest level; there are 256 of them: D·log 256": _bits_with(
                offset=math.log(255) / math.log(LEVELS)
            ),
            "these are nats a dimension; divide by ln 2 for bits": _bits_with(unit=1.0),
            "these are bits an image; divide by D too": _bits_with(dims=0.0),
            "the sign is turned: return bits, to be minimised": lambda *a: -_bits(*a),
            "one number for the batch: return one for each image, (B,)": lambda *a: _bits(
                *a
            ).mean(),
            "without noise a density of integers can grow "
            "without limit: dequantise first": lambda flow, levels, noise: (
                8 - flow.log_prob(levels / 255) / (flow.dimensions * math.log(2))
            ),
        },
        hint="−(log p(x) − log q − D log 256), then divide by D·ln 2",
    ),
    "11.6": Exercise(
        right={
            "Gil": "half noise",
            "Hana": "wrong sign",
            "Ivo": "healthy",
            "Jun": "masked pixels counted",
            "Kim": "divided twice",
        },
        mistakes={
            "Gil counts fewer bits than Ivo with the same network and rounds. What does the "
            "library count with his weights?": {"Gil": "healthy"},
            "Jun's bits fall without an end. Compare them with the library's count": {
                "Jun": "healthy"
            },
            "Hana's bits are right; does her inverse bring an image back?": {"Hana": "healthy"},
            "Kim needs less than one bit where a table needs two: see (11.14)": {
                "Kim": "healthy"
            },
            "half the noise can bring one bit a dimension at most; who has gained more?": {
                "Gil": "masked pixels counted",
                "Jun": "half noise",
            },
            "by (11.14) half the noise saves one bit, and what is divided twice needs no more "
            "than one in all": {"Gil": "divided twice", "Kim": "half noise"},
            "whose samples are all black? A wrong log-determinant does not darken them": {
                "Jun": "divided twice",
                "Kim": "masked pixels counted",
            },
        },
        hint='use the words "healthy", "half noise", "wrong sign", "masked pixels counted" and '
        '"divided twice"',
    ),
    "11.7": Exercise(
        right=392,
        mistakes={
            "784 is all of them; half leave after the first scale": 784,
            "196 are the positions after the squeeze, and 2 of 4 channels leave at each": 196,
            "the second scale has not run yet: count 2 channels of 14×14": 98,
            "a squeeze renames pixels and makes no new ones": 1568,
        },
        hint="4 channels of 14×14 after the squeeze, and half of the channels leave",
    ),
}

PREDICTIONS = {"11.11": Prediction(), "11.12": Prediction(words=("more", "fewer"))}
