"""Models whose likelihood is exact in closed form; here probabilistic PCA.

x = μ + W z + noise with z ~ N(0, I): all that a VAE approximates (log p(x), the posterior of z,
the maximum of the likelihood) has a closed form here. Lesson 01 derives it, (1.11) to (1.15); its
scores on dequantised pixels are the baseline of all later tables. No game is played. All in
float64, nats unless bits are said. Source: Tipping and Bishop (1999). See also `mixture`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib import first_edition
from course_lib.errors import CourseError
from course_lib.models.model import Model, decoder
from course_lib.models.parts.likelihoods import LOG_2PI
from course_lib.models.settings import COMMON, whole
from course_lib.pixels import bits_per_dim, dequantise, require_unit

FITTED = {name: COMMON[name] for name in ("shape", "seed")}


def __getattr__(name: str) -> Any:
    return first_edition.renamed("models.linear", name)


class LinearGaussian(Model):
    """A model that is fitted directly; float64, nats unless bits are said."""

    declared: ClassVar = FITTED

    def build(self) -> None:
        self.size = math.prod(self.shape)
        if len(self.shape) not in (1, 3):
            raise CourseError(f"shape is (C, H, W) or (D,), not {self.shape}.")
        self.fitted = False
        self.allocate()

    def allocate(self) -> None:
        """Make the parameters, zero until `fit`; not trained by gradients."""
        raise NotImplementedError

    def hold(self, **values: Tensor) -> None:
        """Keep these float64 values as parameters without gradients."""
        for name, value in values.items():
            held = nn.Parameter(value.detach().double().clone(), requires_grad=False)
            setattr(self, name, held)

    def data(
        self, x: Any, generator: torch.Generator | None = None, minimum: int = 1
    ) -> Tensor:
        """A DataSet, uint8 images (dequantised here) or floats → (N, D) float64, checked."""
        x = getattr(x, "images", x)
        if not isinstance(x, Tensor):
            raise CourseError(f"A data set or a tensor is wanted, not {type(x).__name__}.")
        if len(x) < minimum:
            raise CourseError(
                f"{type(self).__name__} with settings {self.numbers()} needs at least {minimum} "
                f"examples, got {len(x)}. Give more data or choose smaller settings."
            )
        x = dequantise(x, generator) if x.dtype == torch.uint8 else x
        x = self.flat(x.double())
        if not x.isfinite().all():
            bad = int((~x.isfinite()).any(1).sum())
            raise CourseError(f"{bad} of {len(x):,} examples hold NaN or infinity: drop them.")
        if len(self.shape) == 3:
            require_unit(x, "Dequantised pixels", "Or give images of 8 bits (uint8).")
        return x

    def numbers(self) -> str:
        whole = {k: v for k, v in self.settings.items() if isinstance(v, int) and k != "seed"}
        return ", ".join(f"{name}={value}" for name, value in whole.items())

    def game(self, rounds: int | None = None) -> None:
        """There is none: the maximum is found without gradients."""
        raise CourseError(
            f"{type(self).__name__} is no game: it is fitted directly. Use model.fit(dataset)."
        )

    def ready(self) -> None:
        if self.fitted:
            return
        raise CourseError(f"This {type(self).__name__} knows no data yet: model.fit(dataset).")

    @torch.no_grad()
    def bits_per_dim(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """uint8 images (B, C, H, W), dequantised here with `generator` → (B,) bits/dim."""
        images = getattr(images, "images", images)
        return bits_per_dim(self.log_prob(dequantise(images, generator)), self.size)

    def picture(self, x: Tensor) -> Tensor:
        """(n, D) → (n, *shape) float32; images are clipped to [0, 1]."""
        x = x.reshape(len(x), *self.shape).float()
        return x.clamp(0, 1) if len(self.shape) == 3 else x

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        super()._load_from_state_dict(*arguments, **options)
        self.fitted = True


class ProbabilisticPCA(LinearGaussian):
    """p(z) = N(0, I), p(x|z) = N(μ + W z, σ² I), so p(x) = N(μ, W Wᵀ + σ² I).

    After `fit`: mean (D,), weights (D, q), variance () = σ². Columns of W are orthogonal, so
    the posterior covariance is diagonal. Derived in lesson 01, (1.11) to (1.15).
    """

    declared: ClassVar = FITTED | {"latent": whole(2, "length q of z, less than D")}

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
        x = self.data(data, generator, minimum=q + 2)
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

    def encode(self, x: Tensor, condition: Any = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of p(z|x), each (B, q): a VAE's `encode`, exact."""
        mean, covariance = self.posterior(x)
        self.condition.checked(condition, len(mean))
        return mean, covariance.diagonal().log().expand_as(mean)

    def mean_given(self, z: Tensor) -> Tensor:
        """z (…, q) → μ + W z (…, D), the mean of p(x|z), not clipped."""
        self.ready()
        return z.to(self.weights) @ self.weights.T + self.mean

    @decoder
    def decode(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (n, q) → images (n, *shape), that mean clipped to [0, 1]."""
        return self.picture(self.mean_given(z))

    def reconstruct(self, x: Tensor) -> Tensor:
        """x → the image at the mean of p(z|x), (n, *shape)."""
        return self.decode(self.posterior(x)[0])

    def _sample(self, n: int, labels: Any, generator, noise: bool = True) -> Tensor:
        """Draws from p(x); noise=False leaves the pixel noise out: μ + W z."""
        x = self.mean_given(self.noise(n, self.latent, generator=generator))
        if noise:
            x = x + self.variance.sqrt() * self.noise(*x.shape, generator=generator)
        return self.picture(x)

    def _precision(self) -> Tensor:
        """M = WᵀW + σ² I, (q, q)."""
        q = self.settings["latent"]
        return self.weights.T @ self.weights + self.variance * torch.eye(q).to(self.weights)
