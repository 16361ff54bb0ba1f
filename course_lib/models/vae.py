"""The variational autoencoder: a latent-variable model and a bound that trains it.

Derived in lesson 06. All objectives are in nats per image: *summed* over pixels and latents,
averaged over the batch. A mean over pixels beside a sum over latents would be another model.
Source: Kingma and Welling (2014); Burda et al. (2016) for the bound with K samples; settings of
report A, section 4.3.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from course_lib.errors import CourseError, unknown
from course_lib.models.base import Model, mlp
from course_lib.training.game import Game, Move, Player, adam

LIKELIHOODS = ("binarised", "grey", "gaussian")
ESTIMATORS = ("analytic", "sampled")
LOG_2PI = math.log(2 * math.pi)


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, e^log_var) ‖ N(0, I)) of (B, d) diagonal Gaussians → (B,) nats. (6.5)

    log_var is log σ², twice log σ.
    """
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(-1)


def log_normal(z: Tensor, mean: Tensor | float = 0.0, log_var: Tensor | float = 0.0) -> Tensor:
    """log N(z; mean, e^log_var), summed over the last dimension; nats."""
    log_var = torch.as_tensor(log_var, dtype=z.dtype, device=z.device)
    return -0.5 * (LOG_2PI + log_var + (z - mean).square() / log_var.exp()).sum(-1)


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """Σ x log p + (1 − x) log(1 − p), p = σ(logits), over the last dimension; nats.

    A log-probability for x in {0, 1}. For grey x it is what report A maximises, and no density:
    its integral over [0, 1] is not 1 (lesson 06).
    """
    x = x.expand_as(logits)
    return -binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, sigma: Tensor | float) -> Tensor:
    """log N(x; mean, σ²), with its ½ and its normaliser, over the last dimension; nats."""
    sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    return -0.5 * (LOG_2PI + 2 * sigma.log() + ((x - mean) / sigma).square()).sum(-1)


class VAE(Model):
    """A VAE of multi-layer perceptrons (A4 and its betters).

    shape       of one image
    latent      length of z, prior N(0, I)
    hidden      widths of the encoder's hidden layers, and in reverse of the decoder's
    likelihood  "binarised": Bernoulli on images drawn anew in every round, p = grey value;
                "grey": the same formula on grey pixels, as report A (not a density);
                "gaussian": N(decoder's mean, sigma²) on dequantised pixels
    sigma       of the Gaussian likelihood, in units of the pixel range: a number, or "learned"
    estimator   of the KL term: "analytic" (second SGVB) or "sampled" (first)
    lr, anneal  Adam's rate; anneal lets it fall to zero along a cosine
    batch, rounds (at full budget), seed (of the first weights)
    """

    recipes: ClassVar = {
        # Report A prints lr = 0.0001; only 1e-3 gives its printed losses (E16, lesson 06).
        "report": {
            "shape": (1, 28, 28),
            "latent": 2,
            "hidden": (256,),
            "likelihood": "grey",
            "sigma": None,
            "estimator": "analytic",
            "lr": 1e-3,
            "anneal": False,
            "batch": 128,
            "rounds": 93_800,
            "seed": 0,
        },
    }
    recipes["course"] = {
        **recipes["report"],
        "hidden": (256, 256, 256),
        "likelihood": "binarised",
        "anneal": True,
    }

    def build(self) -> None:
        s = self.settings
        if s["likelihood"] not in LIKELIHOODS:
            raise unknown("likelihood", s["likelihood"], LIKELIHOODS)
        if s["estimator"] not in ESTIMATORS:
            raise unknown("estimator", s["estimator"], ESTIMATORS)
        gaussian, sigma = s["likelihood"] == "gaussian", s["sigma"]
        if gaussian != (sigma is not None):
            raise CourseError(
                'A Gaussian likelihood needs sigma (a number, or "learned"), and only it does: '
                f"got likelihood={s['likelihood']!r} with sigma={sigma!r}."
            )
        if gaussian and sigma != "learned" and not sigma > 0:
            raise CourseError(f'sigma must be positive or "learned", not {sigma!r}.')
        size = torch.Size(self.shape).numel()
        self.encoder = mlp([size, *s["hidden"], 2 * s["latent"]])
        self.decoder = mlp([s["latent"], *reversed(s["hidden"]), size])
        if gaussian:
            learned = sigma == "learned"
            start = torch.tensor(math.log(0.2 if learned else sigma))
            self.log_sigma = nn.Parameter(start, requires_grad=learned)

    # Networks ------------------------------------------------------------------------------
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, C, H, W) in [0, 1] → mean and log σ² of q(z|x), each (B, latent)."""
        mean, log_var = self.encoder(self.flat(x)).chunk(2, dim=-1)
        return mean, log_var

    def decode(self, z: Tensor) -> Tensor:
        """z (…, latent) → (…, D): logits of a Bernoulli, or the mean of a Gaussian."""
        out = self.decoder(z)
        return out.sigmoid() if self.settings["likelihood"] == "gaussian" else out

    def mean_image(self, z: Tensor) -> Tensor:
        """z (B, latent) → the decoder's mean, images (B, C, H, W) in [0, 1]."""
        return self.decoder(z).sigmoid().view(len(z), *self.shape)

    def log_p_x_given_z(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of flat x (B, D) and z (…, B, latent) → (…, B) nats."""
        if self.settings["likelihood"] == "gaussian":
            return gaussian_log_likelihood(x, self.decode(z), self.log_sigma.exp())
        return bernoulli_log_likelihood(x, self.decode(z))

    # Objective -----------------------------------------------------------------------------
    def terms(self, x: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The two terms of the ELBO at z = mean + σ·noise, each (B,) nats. (6.4), (6.6)

        ELBO = reconstruction − kl, where "kl" is its exact value, or with the "sampled"
        estimator log q(z|x) − log p(z) at this z.
        """
        x = self.flat(x)
        mean, log_var = self.encode(x)
        z = mean + (0.5 * log_var).exp() * noise
        if self.settings["estimator"] == "analytic":
            kl = gaussian_kl(mean, log_var)
        else:
            kl = log_normal(z, mean, log_var) - log_normal(z)
        return {"reconstruction": self.log_p_x_given_z(x, z), "kl": kl}

    def elbo_terms(
        self, x: Tensor, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """`terms` with one draw of z for each of the images x (B, C, H, W) in [0, 1]."""
        noise = self.noise(len(x), self.settings["latent"], generator=generator)
        return self.terms(x.to(**self.place), noise)

    def elbo(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A one-sample estimate of the evidence lower bound, (B,) nats per image.

        x (B, C, H, W) in [0, 1], already binarised or dequantised where the likelihood asks.
        """
        found = self.elbo_terms(x, generator)
        return found["reconstruction"] - found["kl"]

    @torch.no_grad()
    def log_likelihood(
        self, x: Tensor, k: int = 500, generator: torch.Generator | None = None
    ) -> Tensor:
        """The importance-weighted bound log (1/k) Σ p(x, z_i)/q(z_i|x), (B,) nats.

        A lower bound on log p(x), in expectation growing with k and tight in the limit; k = 1
        is the ELBO. x as for `elbo`. Source: Burda et al. (2016).
        """
        if not (isinstance(k, int) and k >= 1):
            raise CourseError(f"Expected k importance samples, k = 1, 2, …; got {k!r}.")
        x = self.flat(x.to(**self.place))
        mean, log_var = self.encode(x)
        at_once = max(1, 20_000 // len(x))
        weights = []
        for first in range(0, k, at_once):
            n = min(at_once, k - first)
            z = self.noise(n, *mean.shape, generator=generator) * (0.5 * log_var).exp() + mean
            log_q = log_normal(z, mean, log_var)
            weights.append(self.log_p_x_given_z(x, z) + log_normal(z) - log_q)
        return torch.cat(weights).logsumexp(0) - math.log(k)

    def game(self, rounds: int | None = None) -> Game:
        """One move of one player, who minimises −ELBO."""
        s, total = self.settings, rounds or self.settings["rounds"]

        def cosine(t: int) -> float:
            return 0.5 * (1 + math.cos(math.pi * t / total))

        schedule = cosine if s["anneal"] else None
        player = Player("VAE", self.parameters(), adam(s["lr"]), schedule=schedule)

        def losses(draw):
            x = draw.batch().x
            if s["likelihood"] == "binarised":
                x = draw.bernoulli(x)
            found = self.terms(x, draw.normal(len(x), s["latent"]))
            reconstruction, kl = -found["reconstruction"].mean(), found["kl"].mean()
            return {"VAE": {"reconstruction": reconstruction, "kl": kl}}

        return Game([Move([player], losses)])

    # Use -----------------------------------------------------------------------------------
    @torch.no_grad()
    def reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x → the decoder's mean at one draw of q(z|x), in [0, 1] (B, C, H, W)."""
        mean, log_var = self.encode(x.to(**self.place))
        noise = self.noise(*mean.shape, generator=generator)
        return self.mean_image(mean + (0.5 * log_var).exp() * noise)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        draw: bool = False,
    ) -> Tensor:
        """n images (n, C, H, W) in [0, 1]: z ~ N(0, I), then the decoder's mean.

        draw=True gives a draw from the decoder's distribution instead of its mean (clipped to
        [0, 1] if Gaussian): the mean is no sample of the model, only a nicer picture.
        """
        self.unconditional(labels)
        image = self.mean_image(self.noise(n, self.settings["latent"], generator=generator))
        if not draw:
            return image
        if self.settings["likelihood"] == "gaussian":
            noise = self.noise(*image.shape, generator=generator)
            return (image + self.log_sigma.exp() * noise).clamp(0, 1)
        device = "cpu" if generator is None else generator.device
        uniform = torch.rand(image.shape, generator=generator, device=device).to(**self.place)
        return (uniform < image).to(image.dtype)
