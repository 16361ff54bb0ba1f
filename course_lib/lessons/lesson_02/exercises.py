"""The exercises of lesson 02: D* and both losses, alternating play, two questions to A's log."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, logsigmoid, softplus

from course_lib.checks.compare import numeric
from course_lib.checks.exercises import (
    BOTH,
    Exercise,
    Prediction,
    When,
    between,
    nobody_healthy,
    normal,
    shares,
    whole,
)

OBJECTIVES = ("saturating", "non-saturating")


def best_discriminator(p_data: Tensor, p_g: Tensor) -> Tensor:
    return p_data / (p_data + p_g)


def discriminator_loss(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return {"real": softplus(-real).mean(), "fake": softplus(fake).mean()}


def generator_loss(fake: Tensor, objective: str) -> Tensor:
    if objective == "saturating":
        return -softplus(fake).mean()
    return softplus(-fake).mean()


def alternating_step(x: float, y: float, eta: float) -> tuple[float, float]:
    x = x - eta * y
    return x, y + eta * x


def _distributions() -> list[tuple]:
    generator = torch.Generator().manual_seed(2)
    pairs = torch.randn(2, 2, 6, generator=generator).softmax(-1)
    edges = torch.tensor([[0.0, 0.5, 0.5], [0.5, 0.5, 0.0]])
    return [(p, q) for p, q in pairs] + [tuple(edges)]


def _more_distributions(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Of 2 to 7 outcomes, some of them nearly impossible."""
    return tuple(shares(generator, 2, whole(generator, 2, 7), sharp=4.0))


def _more_logits(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Up to some hundred in size, as single numbers are in training: float32 must bear it."""
    scale = between(generator, 0.5, 60)
    return tuple(normal(generator, 2, whole(generator, 2, 9), scale=scale).float())


def _logits() -> list[tuple]:
    generator = torch.Generator().manual_seed(2)
    real, fake = torch.randn(2, 9, generator=generator) * 2
    return [(real + 1, fake - 1), (real * 30, fake * 30)]


def _fakes() -> list[tuple]:
    fakes = [fake for _, fake in _logits()]
    return [(fake, name) for fake in fakes for name in OBJECTIVES]


def _two(real_term: Callable, fake_term: Callable) -> Callable:
    """A wrong discriminator loss from what it does to the two kinds of logits."""
    return lambda real, fake: {"real": real_term(real), "fake": fake_term(fake)}


def _swapped(fake: Tensor, objective: str) -> Tensor:
    other = "saturating" if objective == "non-saturating" else "non-saturating"
    return generator_loss(fake, other)


def _x_sees_old(x, y, eta):
    return x - eta * y, y + eta * x


def _y_first(x, y, eta):
    y = y + eta * x
    return x - eta * y, y


def _both_descend(x, y, eta):
    x = x - eta * y
    return x, y - eta * x


def _batch(outcome) -> Tensor | None:
    """The answer as probabilities, flat; None if it holds no numbers."""
    values = numeric(outcome)
    return None if values is None or values.numel() == 0 else values.reshape(-1)


def _in_range(outcome) -> bool:
    d = _batch(outcome)
    return d is not None and bool(((d > 0) & (d < 1)).all())


def _mean_fits(outcome) -> bool:
    return 0.015 <= _batch(outcome).mean().item() < 0.025


def _loss_fits(outcome) -> bool:
    return abs(-_batch(outcome).log().mean().item() - 5.08) < 0.05


EXERCISES = {
    "02.1": Exercise(
        right=best_discriminator,
        probes=_distributions,
        domain=_more_distributions,
        mistakes={
            "that is the ratio; D* is a probability, p/(p + q)": lambda p, q: p / q,
            "this is the probability of *generated*: the classes are swapped": lambda p, q: (
                q / (p + q)
            ),
            "that is D*'s logit; put a sigmoid around it and you have D*": lambda p, q: (
                torch.log(p / q)
            ),
            "normalise at each x, not over all x": lambda p, q: p / (p + q).sum(),
            "this is where the game ends, p_g = p_data; here the two differ": lambda p, q: (
                torch.full_like(p, 0.5)
            ),
            "D* doesn't decide; it says how sure one can be": lambda p, q: (p > q).to(p),
        },
        note="a/(a + b), at each outcome",
    ),
    "02.2": Exercise(
        right=discriminator_loss,
        precisions=BOTH,
        probes=_logits,
        domain=_more_logits,
        learns=(0, 1),
        mistakes={
            "the trap of section 5: after a sigmoid the loss is clamped where it counts; "
            "work with the logits": _two(
                lambda r: binary_cross_entropy(r.sigmoid(), torch.ones_like(r)),
                lambda f: binary_cross_entropy(f.sigmoid(), torch.zeros_like(f)),
            ),
            "the labels are swapped: real logits should be pushed up, fake ones down": _two(
                lambda r: softplus(r).mean(), lambda f: softplus(-f).mean()
            ),
            "the fake term is that of a real example: fakes enter with log(1 − D)": _two(
                lambda r: softplus(-r).mean(), lambda f: softplus(-f).mean()
            ),
            "this is V; players descend their losses, so D's loss is −V": _two(
                lambda r: -softplus(-r).mean(), lambda f: -softplus(f).mean()
            ),
            "a sum over the batch: equation (2.3) has the mean": _two(
                lambda r: softplus(-r).sum(), lambda f: softplus(f).sum()
            ),
            "halved: (1/m) log L divides by the m pairs, not by all 2m examples": _two(
                lambda r: softplus(-r).mean() / 2, lambda f: softplus(f).mean() / 2
            ),
            "a sigmoid inside softplus is a sigmoid too many: softplus wants the logit": _two(
                lambda r: softplus(-torch.sigmoid(r)).mean(),
                lambda f: softplus(torch.sigmoid(f)).mean(),
            ),
            "these are logits, of either sign, not probabilities: their own log is NaN": _two(
                lambda r: -r.log().mean(), lambda f: -(1 - f).log().mean()
            ),
            "the log is missing: these are the bare logits": _two(
                lambda r: -r.mean(), lambda f: f.mean()
            ),
            "right on paper, infinite in float32 for logits of ±60; use softplus (2.2)": _two(
                lambda r: -torch.sigmoid(r).log().mean(),
                lambda f: -(1 - torch.sigmoid(f)).log().mean(),
            ),
            "right on paper, but e^a is infinite in float32 for a above about 88; "
            "`F.softplus` gives log(1 + e^a) without it": _two(
                lambda r: torch.log1p(torch.exp(-r)).mean(),
                lambda f: torch.log1p(torch.exp(f)).mean(),
            ),
        },
        tol=1e-4,
    ),
    "02.3": Exercise(
        right=generator_loss,
        precisions=BOTH,
        probes=_fakes,
        domain=lambda g: (_more_logits(g)[1], OBJECTIVES[whole(g, 0, 1)]),
        learns=(0,),
        mistakes={
            "the two objectives are swapped": _swapped,
            "the saturating loss has lost its sign: log(1 − D) is never positive, and with "
            "+softplus(ℓ) G would help D": lambda f, o: (
                softplus(f).mean() if o == "saturating" else generator_loss(f, o)
            ),
            "the non-saturating loss is −log D, ≥ 0; "
            "without the sign G would help D": lambda f, o: (
                -softplus(-f).mean() if o != "saturating" else generator_loss(f, o)
            ),
            "`objective` is ignored: this is −log D": lambda f, o: softplus(-f).mean(),
            "`objective` is ignored: always log(1 − D)": lambda f, o: -softplus(f).mean(),
            "a sigmoid too many: softplus wants the logit": lambda f, o: generator_loss(
                torch.sigmoid(f), o
            ),
            "right on paper, infinite in float32 for logits of ±60; use (2.2)": lambda f, o: (
                (1 - f.sigmoid()).log().mean()
                if o == "saturating"
                else -f.sigmoid().log().mean()
            ),
            "right on paper, but e^a is infinite in float32 for a above about 88; "
            "`F.softplus` gives log(1 + e^a) without it": lambda f, o: (
                -torch.log1p(torch.exp(f)).mean()
                if o == "saturating"
                else torch.log1p(torch.exp(-f)).mean()
            ),
            "both signs are turned: descending these, G would help D": lambda f, o: (
                -generator_loss(f, o)
            ),
            "this is a logit, of either sign, not a probability: its own log is NaN": lambda f, o: (
                (1 - f).log().mean() if o == "saturating" else -f.log().mean()
            ),
            "a sum over the batch: the course's losses are means": lambda f, o: (
                generator_loss(f, o) * len(f)
            ),
            "this is D's loss on fakes: descending it, G would help D": lambda f, o: (
                softplus(f).mean() if o == "saturating" else -logsigmoid(-f).mean()
            ),
        },
        tol=1e-4,
    ),
    "02.4": Exercise(
        right=alternating_step,
        probes=[(1.0, 0.0, 0.5), (0.3, -0.7, 0.2), (-1.2, 0.4, 1.0)],
        domain=lambda g: (between(g, -2, 2), between(g, -2, 2), between(g, 0.01, 1.5)),
        tol=1e-6,
        mistakes={
            "y still sees the old x: these are simultaneous "
            "steps, and they spiral out": _x_sees_old,
            "y moved first; here x does, and y sees the new x": _y_first,
            "y climbs: its step is + η ∂f/∂y = + ηx": _both_descend,
            "the order is (x, y)": lambda x, y, eta: alternating_step(x, y, eta)[::-1],
            "both signs are turned: x descends, y climbs": lambda x, y, eta: (
                x + eta * y,
                y - eta * (x + eta * y),
            ),
            "∂(xy)/∂x is y, and ∂(xy)/∂y is x": lambda x, y, eta: (x - eta * x, y + eta * y),
        },
    ),
    "02.5": Exercise(
        right={"A": "sigmoid twice", "B": "healthy", "C": "stale fakes"},
        mistakes={
            "the healthy one is found. Which of the others has a D(x) that never passes "
            "σ(1) = .73?": {"A": "stale fakes", "B": "healthy", "C": "sigmoid twice"},
            "two are found. With a flipped label G would help D, so D(G(z)) would go to 0; "
            "in C D calls its own fakes fake, and yet D(G(z)) is 1": {
                "A": "sigmoid twice",
                "B": "healthy",
                "C": "label flipped",
            },
            "C's losses all go to zero: in a game not everybody can win": {"C": "healthy"},
            "A's D(x) never passes σ(1) = .73, and its D.real never falls below .31: why?": {
                "A": "healthy"
            },
            "with a flipped label D(G(z)) would go to 0; A's is .50, and its D.fake never "
            "falls below log 2": {"A": "label flipped"},
            "D learns to reject stale fakes, and D.fake goes to 0; A's never falls below log 2": {
                "A": "stale fakes"
            },
            "one of the three is healthy": When(
                nobody_healthy, {"A": "sigmoid twice", "B": "label flipped", "C": "stale fakes"}
            ),
        },
        hint="a dictionary with a word for each of A, B and C",
    ),
    "02.6": Exercise(
        accepts=lambda d: _in_range(d) and _mean_fits(d) and _loss_fits(d),
        mistakes={
            "probabilities are wanted, each above 0 and below 1": When(
                lambda d: not _in_range(d), [0.02, 1.5]
            ),
            "all equal, so −log of the mean *is* the mean of −log: 3.9. Spread them out": When(
                lambda d: _mean_fits(d) and _batch(d).std(correction=0) < 1e-3,
                torch.full((100,), 0.02),
            ),
            f"the mean of −log fits, but the mean isn't .02 (e^−5.08 is {math.exp(-5.08):.4f}"
            "); let a few fakes fool D and most fail badly": When(
                lambda d: _loss_fits(d) and not _mean_fits(d),
                torch.full((100,), math.exp(-5.08)),
            ),
            "the mean fits; −log is now too large: make the small ones less small": When(
                lambda d: _mean_fits(d) and -_batch(d).log().mean() > 5.08,
                [0.2] * 10 + [1e-6] * 90,
            ),
            "the mean fits; −log is still too small: spread them out more": When(
                lambda d: _mean_fits(d) and -_batch(d).log().mean() < 5.08, [0.03, 0.01] * 50
            ),
            "neither mean fits yet: that of D is to be .02, that of −log D 5.08": When(
                lambda d: not _mean_fits(d) and not _loss_fits(d), [0.1, 0.9]
            ),
        },
        note="the mean of −log is at least −log of the mean (Jensen), and may be far above it",
    ),
    "02.7": Exercise(
        right=3,
        mistakes={
            "g_loss 5.08 with D(G(z)) .02 is possible, as 02.6 shows; and d_loss misses its "
            "bound only by what rounding the two means to two decimals can do": 0,
            "counted from one? The line is right; A's log counts its epochs from 0": 4,
            "d_loss 1.00 lies well above its bound: .71 and .36 give .79": 199,
            "here d_loss .174 lies above its bound: .96 and .10 give .146": 1,
            "one line only; allow for means that are rounded to two decimals": When(
                lambda epoch: numeric(epoch) is not None and numeric(epoch).numel() > 1, [0, 3]
            ),
        },
        hint="d_loss ≥ −log(mean D(x)) − log(1 − mean D(G(z))) on one and the same batch",
    ),
}

PREDICTIONS = {
    "02.11": Prediction(low=0, high=1),
    "02.12": Prediction(low=0, high=1),
    "02.13": Prediction(low=0),
    "02.14": Prediction(words=(*OBJECTIVES, "both", "neither")),
}
