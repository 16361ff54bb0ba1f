"""A mixture of Gaussians with low-rank covariances, fitted by EM.

Derived in lesson 01, (1.16) and (1.17). Source: Ghahramani and Hinton (1996) for EM with factors.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.models.linear import FITTED, LinearGaussian
from course_lib.models.parts.building import Building
from course_lib.models.parts.likelihoods import LOG_2PI
from course_lib.models.settings import number, whole


class GaussianMixture(LinearGaussian):
    """p(x) = Σ_k π_k N(μ_k, W_k W_kᵀ + diag ψ_k): full covariances of low rank plus diagonal.

    Without a floor the likelihood of a mixture is unbounded. After `fit`: log_shares (K,), means
    (K, D), loadings (K, D, q), noises (K, D). Derived in lesson 01, (1.16) and (1.17).
    """

    declared: ClassVar = FITTED | {
        "components": whole(30, "K", "[1, 10000]"),
        "factors": whole(12, "rank q of W_k; 0: diagonal covariances", "[0, 1000000]"),
        "floor": number(
            0.004, "smallest σ of a pixel's noise; with 0 p(x) is unbounded", "(0, inf)"
        ),
        "iterations": whole(8, "of EM", "[1, 1000000]"),
    }

    def allocate(self) -> None:
        s = self.settings
        if s["factors"] >= self.size:
            raise CourseError(f"factors must be below D = {self.size}, not {s['factors']}.")
        k, d = s["components"], self.size
        self.hold(log_shares=torch.zeros(k), means=torch.zeros(k, d))
        self.hold(loadings=torch.zeros(k, d, s["factors"]), noises=torch.ones(k, d))

    @torch.no_grad()
    def fit(self, data: Any, generator: torch.Generator | None = None) -> list[float]:
        """EM from a k-means start; returns the mean log p(x) (nats) before each iteration.

        data as for ProbabilisticPCA.fit, N ≥ components · (factors + 2).
        """
        s = self.settings
        x = self.data(data, generator, minimum=s["components"] * (s["factors"] + 2))
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
                with Building(s["seed"]):  # svd_lowrank takes no generator
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

    def _sample(self, n: int, labels: Any, generator, noise: bool = True) -> Tensor:
        """Draws from p(x); noise=False leaves the pixel noise ψ out."""
        self.ready()
        shares = self.log_shares.exp().cpu()
        k = torch.multinomial(shares, n, replacement=True, generator=generator)
        k = k.to(self.means.device)
        z = self.noise(n, self.settings["factors"], 1, generator=generator)
        x = self.means[k] + (self.loadings[k] @ z).squeeze(2)
        if noise:
            x = x + self.noises[k].sqrt() * self.noise(*x.shape, generator=generator)
        return self.picture(x)
