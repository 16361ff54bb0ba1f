"""Probabilistic PCA: a linear decoder and Gaussian noise, everything in closed form.

Derived in lesson 01, (1.11) to (1.15). Source: Tipping and Bishop (1999).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.models.linear.closed_form import LOG_2PI, LinearGaussian


class ProbabilisticPCA(LinearGaussian):
    """p(z) = N(0, I), p(x|z) = N(μ + W z, σ² I), so p(x) = N(μ, W Wᵀ + σ² I).

    shape of one example; latent: length q of z, less than D; seed is not used by `fit`.
    After `fit`: mean (D,), weights (D, q), variance () = σ². Columns of W are orthogonal, so
    the posterior covariance is diagonal. Derived in lesson 01, (1.11) to (1.15).
    """

    recipes: ClassVar = {"course": {"shape": (1, 28, 28), "latent": 2, "seed": 0}}

    def allocate(self) -> None:
        q = self.settings["latent"]
        if q >= self.size:
            raise CourseError(f"latent must be below D = {self.size}, not {q}.")
        zero = torch.zeros(self.size, q)
        self.hold(mean=zero[:, 0], weights=zero, variance=torch.ones(()))

    @torch.no_grad()
    def fit(self, data: Any, generator: torch.Generator | None = None) -> ProbabilisticPCA:
        """The maximum of the likelihood, by one eigendecomposition. (1.15)

        data: a DataSet, uint8 images (dequantised once, with `generator`), or floats
        (N, *shape) or (N, D), N ≥ latent + 2. Source: Tipping and Bishop (1999), eqs. 7 and 8.
        """
        q = self.settings["latent"]
        x = self.data(data, generator, least=q + 2)
        mean = x.mean(0)
        centred = x - mean
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
        values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
        variance = values[q:].mean()
        if not variance > 1e-12 * values[0]:
            raise CourseError(
                f"After {q} components no variance is left for σ²: the likelihood has no "
                "maximum. Are the pixels dequantised, and is there more data than latent?"
            )
        weights = vectors[:, :q] * (values[:q] - variance).clamp(min=0).sqrt()
        self.hold(mean=mean, weights=weights, variance=variance)
        self.fitted = True
        return self

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of dequantised x (B, *shape) or (B, D) → (B,) nats; costs O(D q). (1.14)"""
        self.ready()
        d, variance = self.data(x) - self.mean, self.variance
        triangle = torch.linalg.cholesky(self._precision())
        inner = torch.linalg.solve_triangular(triangle, (d @ self.weights).T, upper=False)
        square = (d.square().sum(1) - inner.square().sum(0)) / variance
        log_det = 2 * triangle.diagonal().log().sum()
        log_det = log_det + (self.size - len(triangle)) * variance.log()
        return -0.5 * (self.size * LOG_2PI + log_det + square)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """p(z|x) of x as for `log_prob` → mean (B, q) and covariance (q, q). (1.12)"""
        self.ready()
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(self._precision()))
        return (self.data(x) - self.mean) @ self.weights @ inverse, self.variance * inverse

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of p(z|x), each (B, q): a VAE's `encode`, exact."""
        mean, covariance = self.posterior(x)
        return mean, covariance.diagonal().log().expand_as(mean)

    def decode(self, z: Tensor) -> Tensor:
        """z (…, q) → μ + W z (…, D), not clipped."""
        self.ready()
        return z.to(self.weights) @ self.weights.T + self.mean

    def mean_image(self, z: Tensor) -> Tensor:
        """z (n, q) → images (n, *shape), clipped to [0, 1]."""
        return self.picture(self.decode(z))

    def reconstruct(self, x: Tensor) -> Tensor:
        """x → the image at the mean of p(z|x), (n, *shape)."""
        return self.mean_image(self.posterior(x)[0])

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        draw: bool = True,
    ) -> Tensor:
        """n draws from p(x), (n, *shape); draw=False leaves the pixel noise out: μ + W z."""
        self.unconditional(labels)
        x = self.decode(self.noise(n, self.settings["latent"], generator=generator))
        if draw:
            x = x + self.variance.sqrt() * self.noise(*x.shape, generator=generator)
        return self.picture(x)

    def _precision(self) -> Tensor:
        """M = WᵀW + σ² I, (q, q)."""
        q = self.settings["latent"]
        return self.weights.T @ self.weights + self.variance * torch.eye(q).to(self.weights)
