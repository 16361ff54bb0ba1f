"""Planar flows: the whole space is pushed along one direction, by how far a line is passed.

z = x + û tanh(wᵀx + b). The matrix determinant lemma turns the D×D determinant into one scalar
product, and the inverse is one scalar equation. It has exactly one solution as long as the push
never overtakes itself, wᵀû > −1, which the parameters guarantee. Source: Rezende and Mohamed
(2015), eqs. 10–12 and appendix A.1; lesson 10 derives it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from course_lib.models.flows.transforms import Transform

STEPS = 200  # bisection alone needs 60 to reach float64's last bit; Newton is faster


class Planar(Transform):
    """z = x + û tanh(wᵀx + b) on (B, D); log_det = log(1 + wᵀû · tanh′(wᵀx + b)). (10.10)

    û is u with its part along w moved so that wᵀû = softplus(wᵀu) − 1 > −1.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(size))
        self.u = nn.Parameter(0.1 * torch.randn(size))
        self.b = nn.Parameter(torch.randn(1))

    @property
    def push(self) -> Tensor:
        """û, (D,)."""
        along = self.w @ self.u
        return self.u + (softplus(along) - 1 - along) * self.w / self.w.square().sum()

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        height = (x @ self.w + self.b).tanh()
        # 1 + (softplus − 1)(1 − h²), written so that it can't round to 0 or below.
        slope = height.square() + softplus(self.w @ self.u) * (1 - height.square())
        return x + height[:, None] * self.push, slope.log()

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        overlap = softplus(self.w @ self.u) - 1
        place = solve_push(z @ self.w + self.b, overlap)
        return z - place.tanh()[:, None] * self.push


def solve_push(target: Tensor, overlap: Tensor) -> Tensor:
    """The a with a + overlap · tanh(a) = target, elementwise; overlap > −1, one number.

    Newton's method inside a bracket that halves whenever a step would leave it; a last step
    with gradients makes the result differentiable in both arguments.
    """

    def miss(a: Tensor) -> tuple[Tensor, Tensor]:
        height = a.tanh()
        return a + overlap * height - target, 1 + overlap * (1 - height.square())

    with torch.no_grad():
        low, high = target - overlap.abs(), target + overlap.abs()
        a = target.clone()
        for _ in range(STEPS):
            error, slope = miss(a)
            low, high = torch.where(error < 0, a, low), torch.where(error > 0, a, high)
            step = a - error / slope
            better = torch.where((step > low) & (step < high), step, (low + high) / 2)
            if torch.equal(better, a):
                break
            a = better
        _, slope = miss(a)
    return a - miss(a)[0] / slope
