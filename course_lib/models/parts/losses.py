"""The losses of two-player games: what D and G each descend, from D's outputs alone.

Lesson 02 derives the GAN's, lesson 05 the critics'. A GAN's D returns a *logit* ℓ with
D(x) = σ(ℓ(x)); a critic f returns a score on no fixed scale.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.nn.functional import softplus

from course_lib.errors import unknown

OBJECTIVES = ("non-saturating", "saturating")


def discriminator_loss(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """D's loss −E log D(x) − E log(1 − D(G(z))), as its two terms.

    real, fake: (B,) logits of data and of G's examples. Each term ≥ 0, in nats. (2.1)
    """
    return {"real": softplus(-real).mean(), "fake": softplus(fake).mean()}


def generator_loss(fake: Tensor, objective: str = "non-saturating") -> Tensor:
    """G's loss from the logits (B,) of its own examples, in nats.

    "saturating": E log(1 − D(G(z))), the minimax value, ≤ 0. "non-saturating":
    −E log D(G(z)), ≥ 0: same fixed point, a gradient that does not vanish while D wins.
    """
    if objective == "saturating":
        return -softplus(fake).mean()
    if objective == "non-saturating":
        return softplus(-fake).mean()
    raise unknown("generator objective", objective, OBJECTIVES)


def wasserstein_loss(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """A critic's loss E f(G(z)) − E f(x) from scores (B,), as its two terms of any sign.

    At the best critic of slope ≤ 1 it is minus the Wasserstein-1 distance, in units of x.
    """
    return {"real": -real.mean(), "fake": fake.mean()}


def hinge_loss(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """E max(0, 1 − f(x)) + E max(0, 1 + f(G(z))) from scores (B,), as its two terms ≥ 0.

    Scores beyond ±1 on the right side add nothing. Source: Lim and Ye (2017).
    """
    return {"real": (1 - real).relu().mean(), "fake": (1 + fake).relu().mean()}


def score_loss(fake: Tensor) -> Tensor:
    """G's loss −E f(G(z)) against a critic, from scores (B,) of its own examples."""
    return -fake.mean()


# Each objective: D's loss from both outputs, G's loss from its own.
LOSSES: dict[str, tuple[Callable, Callable]] = {
    **{
        name: (discriminator_loss, partial(generator_loss, objective=name))
        for name in OBJECTIVES
    },
    "wasserstein": (wasserstein_loss, score_loss),
    "hinge": (hinge_loss, score_loss),
}
