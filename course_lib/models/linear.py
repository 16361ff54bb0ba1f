"""Latent-variable models whose likelihood is exact: probabilistic PCA and a Gaussian mixture.

x = μ + W z + noise with z ~ N(0, I): all that a VAE approximates (log p(x), the posterior of z,
the maximum of the likelihood) has a closed form here. Lesson 01 derives it; its scores on
dequantised pixels are the baseline of all later tables. No game is played: one model is fitted
in closed form, the other by EM. All in float64, nats unless bits are said.
Sources: Tipping and Bishop (1999) for PCA; Ghahramani and Hinton (1996) for EM with factors.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.models.base import Model

LOG_2PI = math.log(2 * math.pi)


def bits_per_dim(log_prob: Tensor, dimensions: int, levels: int = 256) -> Tensor:
    """log p(x) (B,) in nats, x in [0, 1]^D dequantised from `levels` → (B,) bits a dimension.

    −log p / (D ln 2) + log2(levels): a bound on the code length of the integers. (1.18)
    """
    return -log_prob / (dimensions * math.log(2)) + math.log2(levels)


class LinearGaussian(Model):
    """What both models share: data in, log p(x) out, on one scale."""

    def build(self) -> None:
        self.size = math.prod(self.shape)
        if not (len(self.shape) in (1, 3) and all(n >= 1 for n in self.shape)):
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

    def data(self, x: Any, generator: torch.Generator | None = None, least: int = 1) -> Tensor:
        """A DataSet, uint8 images (dequantised here) or floats → (N, D) float64, checked."""
        x = getattr(x, "images", x)
        if not isinstance(x, Tensor):
            raise CourseError(f"A data set or a tensor is wanted, not {type(x).__name__}.")
        if len(x) < least:
            raise CourseError(
                f"{type(self).__name__} with settings {self.numbers()} needs at least {least} "
                f"examples, got {len(x)}. Give more data or choose smaller settings."
            )
        x = dequantised(x, generator) if x.dtype == torch.uint8 else x
        x = self.flat(x).to(self.place["device"], torch.float64)
        if not x.isfinite().all():
            bad = int((~x.isfinite()).any(1).sum())
            raise CourseError(f"{bad} of {len(x):,} examples hold NaN or infinity: drop them.")
        if len(self.shape) == 3 and len(x) and not (x.min() >= 0 and x.max() <= 1):
            raise CourseError(
                "Images are wanted as uint8, or dequantised floats in [0, 1]; got values from "
                f"{x.min().item():.3g} to {x.max().item():.3g}."
            )
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
        if not (isinstance(images, Tensor) and images.dtype == torch.uint8):
            kind = getattr(images, "dtype", type(images).__name__)
            raise CourseError(f"bits_per_dim wants 8-bit images (uint8, 0 to 255), not {kind}.")
        return bits_per_dim(self.log_prob(dequantised(images, generator)), self.size)

    def picture(self, x: Tensor) -> Tensor:
        """(n, D) → (n, *shape) float32; images are clipped to [0, 1]."""
        x = x.reshape(len(x), *self.shape).float()
        return x.clamp(0, 1) if len(self.shape) == 3 else x

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        super()._load_from_state_dict(*arguments, **options)
        self.fitted = True


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


class GaussianMixture(LinearGaussian):
    """p(x) = Σ_k π_k N(μ_k, W_k W_kᵀ + diag ψ_k): full covariances of low rank plus diagonal.

    shape of one example; components K; factors: rank q of W_k, 0 for diagonal covariances;
    floor: least standard deviation of a pixel's noise ψ, in units of x; iterations of EM; seed
    of the start. After `fit`: log_shares (K,), means (K, D), loadings (K, D, q), noises (K, D).
    Derived in lesson 01, (1.16) and (1.17).
    """

    recipes: ClassVar = {
        "course": {
            "shape": (1, 28, 28),
            "components": 30,
            "factors": 12,
            "floor": 0.004,
            "iterations": 8,
            "seed": 0,
        }
    }

    def allocate(self) -> None:
        s = self.settings
        for name, low in (("components", 1), ("factors", 0), ("iterations", 1)):
            if not (isinstance(s[name], int) and s[name] >= low):
                raise CourseError(f"{name} must be a whole number from {low}, not {s[name]!r}.")
        if s["factors"] >= self.size:
            raise CourseError(f"factors must be below D = {self.size}, not {s['factors']}.")
        if not s["floor"] > 0:
            raise CourseError(
                f"floor must be above 0, not {s['floor']!r}: without a floor the likelihood of "
                "a mixture is unbounded (lesson 01)."
            )
        k, d = s["components"], self.size
        self.hold(log_shares=torch.zeros(k), means=torch.zeros(k, d))
        self.hold(loadings=torch.zeros(k, d, s["factors"]), noises=torch.ones(k, d))

    @torch.no_grad()
    def fit(self, data: Any, generator: torch.Generator | None = None) -> list[float]:
        """EM from a k-means start; returns the mean log p(x) (nats) before each iteration.

        data as for ProbabilisticPCA.fit, N ≥ components · (factors + 2).
        """
        s = self.settings
        x = self.data(data, generator, least=s["components"] * (s["factors"] + 2))
        self.start(x)
        return [self.em_step(x) for _ in range(s["iterations"])]

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Ten rounds of k-means, then each cluster's own leading directions."""
        s = self.settings
        k, q, floor = s["components"], s["factors"], s["floor"] ** 2
        generator = torch.Generator().manual_seed(s["seed"])
        means = x[torch.randperm(len(x), generator=generator)[:k]].clone()
        for _ in range(10):
            nearest = (means.square().sum(1) - 2 * x @ means.T).argmin(1)
            for j in nearest.unique():
                means[j] = x[nearest == j].mean(0)
        loadings, noises = torch.zeros(k, self.size, q).to(x), torch.zeros(k, self.size).to(x)
        for j in range(k):
            mine = x[nearest == j]
            d = (mine if len(mine) > q + 1 else x) - means[j]
            if q:
                with torch.random.fork_rng(devices=[]):  # svd_lowrank takes no generator
                    torch.manual_seed(s["seed"])
                    _, size, axes = torch.svd_lowrank(d, q, niter=2)
                loadings[j] = axes * size / len(d) ** 0.5
            noises[j] = (d.square().mean(0) - loadings[j].square().sum(1)).clamp(min=floor)
        shares = torch.bincount(nearest, minlength=k).double().clamp(min=1) / len(x)
        self.hold(log_shares=(shares / shares.sum()).log(), means=means)
        self.hold(loadings=loadings, noises=noises)
        self.fitted = True

    @torch.no_grad()
    def em_step(self, x: Tensor) -> float:
        """One E-step and one M-step on x (N, D); returns the mean log p(x) before it, in nats.

        Given a floor this is the bound's exact maximum, (1.16): log p never falls, (1.17).
        """
        joint = self.log_joint(x)
        log_prob = joint.logsumexp(1)
        responsible = (joint - log_prob[:, None]).exp()
        for k in range(len(self.means)):
            near = responsible[:, k] > 1e-12  # nearly all are 0 in 784 dimensions
            if near.sum() > self.settings["factors"] + 1:
                self.m_step(k, x[near], responsible[near, k])
        self.log_shares.copy_(responsible.mean(0).clamp(min=1e-300).log())
        return log_prob.mean().item()

    def m_step(self, k: int, x: Tensor, weight: Tensor) -> None:
        """Regress x on [E z, 1] under the weights: new W_k, μ_k and what is left over, ψ_k."""
        d, total = x - self.means[k], weight.sum()
        triangle, scaled = self.inner(k)
        inverse = torch.cholesky_inverse(triangle)
        z = torch.cat([d @ scaled @ inverse, torch.ones_like(d[:, :1])], 1)
        weighted = weight[:, None] * z
        moment = weighted.T @ z
        moment[:-1, :-1] += total * inverse
        cross = weighted.T @ d
        solved = torch.linalg.solve(moment, cross)
        left = (weight @ d.square() - (solved * cross).sum(0)) / total
        self.loadings[k] = solved[:-1].T
        self.means[k] += solved[-1]
        self.noises[k] = left.clamp(min=self.settings["floor"] ** 2)

    def inner(self, k: int) -> tuple[Tensor, Tensor]:
        """Cholesky factor of I + WᵀΨ⁻¹W (q, q), and Ψ⁻¹W (D, q), of component k."""
        w = self.loadings[k]
        scaled = w / self.noises[k, :, None]
        return torch.linalg.cholesky(torch.eye(w.shape[1]).to(w) + w.T @ scaled), scaled

    def log_joint(self, x: Tensor) -> Tensor:
        """log π_k + log N(x; μ_k, Σ_k) of checked x (N, D) → (N, K) nats, by Woodbury."""
        columns = []
        squares = x.square()
        for k, (mean, noise) in enumerate(zip(self.means, self.noises, strict=True)):
            triangle, scaled = self.inner(k)
            white = torch.linalg.solve_triangular(triangle, scaled.T, upper=False)
            inner = (x @ white.T - white @ mean).square().sum(1)
            outer = squares @ (1 / noise) - 2 * x @ (mean / noise)
            outer = outer + (mean.square() / noise).sum()
            log_det = noise.log().sum() + 2 * triangle.diagonal().log().sum()
            log_normal = -0.5 * (self.size * LOG_2PI + log_det + outer - inner)
            columns.append(self.log_shares[k] + log_normal)
        return torch.stack(columns, 1)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of dequantised x (B, *shape) or (B, D) → (B,) nats."""
        self.ready()
        return self.log_joint(self.data(x)).logsumexp(1)

    def responsibilities(self, x: Tensor) -> Tensor:
        """P(component | x) → (B, K), rows sum to 1. (1.16)"""
        self.ready()
        return self.log_joint(self.data(x)).softmax(1)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        draw: bool = True,
    ) -> Tensor:
        """n draws from p(x), (n, *shape); draw=False leaves the pixel noise ψ out."""
        self.unconditional(labels)
        self.ready()
        shares = self.log_shares.exp().cpu()
        k = torch.multinomial(shares, n, replacement=True, generator=generator)
        k = k.to(self.means.device)
        z = self.noise(n, self.settings["factors"], 1, generator=generator)
        x = self.means[k] + (self.loadings[k] @ z).squeeze(2)
        if draw:
            x = x + self.noises[k].sqrt() * self.noise(*x.shape, generator=generator)
        return self.picture(x)


def dequantised(images: Tensor, generator: torch.Generator | None) -> Tensor:
    """`course_lib.data.dequantise`, which models may not know; a test compares the two."""
    device = images.device if generator is None else generator.device
    noise = torch.rand(images.shape, generator=generator, device=device).to(images.device)
    return (images + noise.clamp(max=1 - 2**-16)) / 256
