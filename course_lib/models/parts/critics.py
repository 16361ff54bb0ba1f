"""Critics: discriminators whose output is a score, and whose slope is bounded.

The Wasserstein distance is the largest difference of a critic's means over data and over
generated examples, among the critics with slope ≤ 1. Three ways to bound the slope: clip the
weights (Arjovsky et al. 2017), penalise gradients between data and fakes (Gulrajani et al.
2017), divide each layer by its largest singular value (Miyato et al. 2018). Lesson 05 derives
them and measures what each buys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from course_lib.errors import CourseError

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
