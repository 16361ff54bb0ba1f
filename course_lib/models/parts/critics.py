"""Networks that judge examples: what they and a generator descend, and how steep they may be.

A GAN's discriminator returns a *logit* ℓ with D(x) = σ(ℓ(x)) (lesson 02). A critic f returns a
score on no fixed scale: the Wasserstein distance is the largest difference of its means over data
and over generated examples, among the critics with slope ≤ 1. Three ways to bound the slope: clip
the weights (Arjovsky et al. 2017), penalise gradients between data and fakes (Gulrajani et al.
2017), divide each layer by its largest singular value (Miyato et al. 2018). Lesson 05 derives
them and measures what each buys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import parametrizations

from course_lib.errors import CourseError, unknown

OBJECTIVES = ("non-saturating", "saturating")
CRITICS = ("free", "clipped", "penalised", "spectral")

# What each paper changes in a GAN: settings of `GAN` and `DCGAN`.
WGAN: dict[str, Any] = {
    "objective": "wasserstein",
    "critic": "clipped",
    "k": 5,
    "optimiser": "RMSprop",
    "lr": 5e-5,
}
WGAN_GP: dict[str, Any] = {
    "objective": "wasserstein",
    "critic": "penalised",
    "k": 5,
    "lr": 1e-4,
    "betas": (0.0, 0.9),
}
SN_GAN: dict[str, Any] = {
    "objective": "hinge",
    "critic": "spectral",
    "lr": 2e-4,
    "betas": (0.5, 0.999),
}


# Losses ----------------------------------------------------------------------------------------
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


# Slopes ----------------------------------------------------------------------------------------
def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, epsilon: Tensor
) -> Tensor:
    """E (‖∇f(x̂)‖ − 1)² at x̂ = ε·real + (1 − ε)·fake, a scalar that can be differentiated.

    critic     x (B, …) → scores, example by example (no batch norm)
    real, fake (B, …), paired at random
    epsilon    (B,), uniform on [0, 1]: one for each pair. Public code has been seen to draw one
               for the whole batch, and to fix it at 1 (a penalty on real images only).
    """
    if real.shape != fake.shape or epsilon.shape != real.shape[:1]:
        raise CourseError(
            "gradient_penalty wants as many fakes as real examples and one ε for each pair: "
            f"got real {tuple(real.shape)}, fake {tuple(fake.shape)}, ε {tuple(epsilon.shape)}."
        )
    epsilon = epsilon.view(-1, *[1] * (real.dim() - 1))
    between = epsilon * real + (1 - epsilon) * fake
    if not between.requires_grad:
        between.requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (torch.linalg.vector_norm(slope.flatten(1), dim=1) - 1).square().mean()


@torch.no_grad()
def clip_weights(parameters: Iterable[nn.Parameter], largest: float) -> None:
    """Bring every weight back into [−largest, largest], in place."""
    for parameter in parameters:
        parameter.clamp_(-largest, largest)


def normalise_spectrally(network: nn.Module) -> None:
    """Divide each layer's weight by its largest singular value, by power iteration, for good.

    A convolution's weight counts as the matrix (out, in·height·width), as in the paper: near the
    slope of the convolution, not equal to it.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            parametrizations.spectral_norm(module)
