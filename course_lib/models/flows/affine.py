"""Affine flow layers: the simplest maps with a determinant, and what NICE ends with.

Lesson 10 begins with them: a triangular matrix has the product of its diagonal as determinant,
and a composition of affine maps is affine again, so depth needs something that bends.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.models.flows.transforms import Transform


class Affine(Transform):
    """z = Lx + b on (B, D), L lower triangular with a positive diagonal. (10.6)

    log_det is the sum of the diagonal's logarithms, the same for every x. With a standard
    normal z this is every Gaussian: L is the inverse of its covariance's Cholesky factor.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(size))
        self.log_diagonal = nn.Parameter(torch.zeros(size))
        self.below = nn.Parameter(torch.zeros(size * (size - 1) // 2)) if size > 1 else None

    @property
    def matrix(self) -> Tensor:
        """L, (D, D)."""
        full = self.log_diagonal.exp().diag()
        if self.below is None:
            return full
        rows, columns = torch.tril_indices(*full.shape, offset=-1, device=full.device)
        return full.index_put((rows, columns), self.below)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x @ self.matrix.T + self.shift, self.log_diagonal.sum().expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return torch.linalg.solve_triangular(self.matrix, (z - self.shift).T, upper=False).T


class Scaling(Transform):
    """z = x · exp(log_scale) on (B, D): the last layer of NICE (Dinh et al. 2014, eq. 14).

    Additive couplings keep volume, so without it no part of the plane could become denser.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x * self.log_scale.exp(), self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return z * (-self.log_scale).exp()
