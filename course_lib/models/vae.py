"""The variational autoencoder: a latent-variable model and a bound that trains it.

Derived in lesson 06; what lesson 07 adds (β, warm-up, free bits, the bound with k samples,
convolutions, denoising) are settings that do nothing unless they are set. All objectives are in
nats per image: *summed* over pixels and latents, averaged over the batch. A mean over pixels
beside a sum over latents would be another model.
Source: Kingma and Welling (2014); Burda et al. (2016) for the bound with k samples; settings of
report A, section 4.3, and report B, section 4.3.
"""

from __future__ import annotations

import math
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, unknown
from course_lib.game import Game, Move, Player, adam
from course_lib.models.model import Model, mlp
from course_lib.models.parts import convolutions
from course_lib.models.parts.likelihoods import (
    active_units,
    bernoulli_log_likelihood,
    free_bits_kl,
    gaussian_kl,
    gaussian_log_likelihood,
    log_normal,
)
from course_lib.pixels import binarise, bits_per_dim, dequantise

__all__ = [
    "VAE",
    "active_units",
    "bernoulli_log_likelihood",
    "free_bits_kl",
    "gaussian_kl",
    "gaussian_log_likelihood",
    "log_normal",
]

LIKELIHOODS = ("binarised", "grey", "gaussian")
ESTIMATORS = ("analytic", "sampled")
NETWORKS = ("mlp", "convolutional")
OPTIMISERS = {"Adam": adam, "SGD": lambda lr: partial(torch.optim.SGD, lr=lr)}
IMAGES = 500  # a convolutional decoder draws so many at once


class VAE(Model):
    """A VAE of multi-layer perceptrons (A4 and its betters), or of convolutions (B3).

    shape       of one image
    latent      length of z, prior N(0, I)
    network     "mlp"; "convolutional": DCGAN's networks, for square images of 28, 32, 64 …
    hidden      widths of the encoder's hidden layers, and in reverse of the decoder's (mlp)
    width       channels next to the image; dense: the encoder's last hidden layer (convolutional)
    likelihood  "binarised": Bernoulli on images drawn anew in every round, p = grey value;
                "grey": the same formula on grey pixels, as report A (not a density);
                "gaussian": N(decoder's mean, sigma²) on dequantised pixels
    sigma       of the Gaussian likelihood, in units of the pixel range: a number, "learned" (one),
                or "per pixel" (one for each, learned)
    estimator   of the KL term: "analytic" (second SGVB) or "sampled" (first)
    k           samples of the bound that is trained: 1, the ELBO; more, Burda's bound
    beta        weight of the KL term (β-VAE); warm_up: share of the rounds in which it grows to
                that from 0; free_bits: nats a latent that are not charged
    corruption  standard deviation of noise on what the encoder sees, in units of the pixel
                range: a denoising VAE, whose decoder still has to explain the clean image
    optimiser   "Adam" or "SGD"; lr: its rate; clip: largest norm of the gradient, or None
    anneal      lets the rate fall to zero along a cosine
    decay       or multiplies it so in each of `epochs` equal parts of the training
    batch, rounds (at full budget), seed (of the first weights)

    Recipes: "report" (A4), "course" (digits), "b3" (report B's, on faces), "faces" (the course's).
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
            "network": "mlp",
            "width": 32,
            "dense": 256,
            "k": 1,
            "beta": 1.0,
            "warm_up": 0.0,
            "free_bits": 0.0,
            "corruption": 0.0,
            "optimiser": "Adam",
            "clip": None,
            "decay": 1.0,
            "epochs": 1,
        },
    }
    recipes["course"] = {
        **recipes["report"],
        "hidden": (256, 256, 256),
        "likelihood": "binarised",
        "anneal": True,
    }
    # Report B names no likelihood and no network. σ = 1 is what a squared error with ½ means; with
    # a learned σ plain SGD at its rate diverges at once. 30 epochs of CelebA's 162,770 faces.
    recipes["b3"] = recipes["report"] | {
        "shape": (3, 64, 64),
        "latent": 128,
        "network": "convolutional",
        "likelihood": "gaussian",
        "sigma": 1.0,
        "optimiser": "SGD",
        "lr": 5e-3,
        "decay": 0.95,
        "epochs": 30,
        "batch": 144,
        "rounds": 30 * 1130,
    }
    recipes["faces"] = recipes["b3"] | {
        "sigma": "learned",
        "optimiser": "Adam",
        "lr": 1e-3,
        "clip": 1e4,
        "anneal": True,
        "decay": 1.0,
        "epochs": 1,
        "warm_up": 0.1,
        "batch": 64,
        "rounds": 20_000,
    }

    def build(self) -> None:
        s = self.settings
        if s["likelihood"] not in LIKELIHOODS:
            raise unknown("likelihood", s["likelihood"], LIKELIHOODS)
        if s["estimator"] not in ESTIMATORS:
            raise unknown("estimator", s["estimator"], ESTIMATORS)
        for name, known in (("network", NETWORKS), ("optimiser", OPTIMISERS)):
            if s[name] not in known:
                raise unknown(name, s[name], known)
        self._require_numbers()
        gaussian, sigma = s["likelihood"] == "gaussian", s["sigma"]
        if gaussian != (sigma is not None):
            raise CourseError(
                'A Gaussian likelihood needs sigma (a number, "learned" or "per pixel"), and only '
                f"it does: got likelihood={s['likelihood']!r} with sigma={sigma!r}."
            )
        learned = sigma in ("learned", "per pixel")
        if gaussian and not learned and (isinstance(sigma, str) or not sigma > 0):
            raise CourseError(
                f'sigma must be positive, "learned" or "per pixel", not {sigma!r}.'
            )
        size = torch.Size(self.shape).numel()
        if s["network"] == "convolutional":
            self.encoder = convolutions.encoder(
                self.shape, s["width"], s["dense"], 2 * s["latent"]
            )
            self.decoder = convolutions.Decoder(self.shape, s["latent"], s["width"])
            self.to(memory_format=torch.channels_last)
        else:
            self.encoder = mlp([size, *s["hidden"], 2 * s["latent"]])
            self.decoder = mlp([s["latent"], *reversed(s["hidden"]), size])
        if gaussian:
            start = torch.tensor(math.log(0.2 if learned else sigma))
            start = start.expand(size).clone() if sigma == "per pixel" else start
            self.log_sigma = nn.Parameter(start, requires_grad=learned)

    def _require_numbers(self) -> None:
        s = self.settings
        for name in ("beta", "free_bits", "corruption"):
            if not s[name] >= 0:
                raise CourseError(f"{name} must be 0 or positive, not {s[name]!r}.")
        if not 0 <= s["warm_up"] <= 1:
            raise CourseError(
                f"warm_up is a share of the rounds, from 0 to 1, not {s['warm_up']!r}."
            )
        if not 0 < s["decay"] <= 1:
            raise CourseError(f"decay must be above 0 and at most 1, not {s['decay']!r}.")
        if s["k"] > 1 and (s["beta"] != 1 or s["warm_up"] or s["free_bits"]):
            raise CourseError(
                "The bound with k > 1 samples has no KL term of its own: leave beta, warm_up and "
                "free_bits as they are, or set k=1."
            )
        if s["estimator"] == "sampled" and (s["k"] > 1 or s["free_bits"]):
            raise CourseError(
                "The sampled estimator is of the whole KL term with one sample: with "
                f"k={s['k']} and free_bits={s['free_bits']} it has no part; leave "
                'estimator="analytic".'
            )

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
    def terms(
        self, x: Tensor, noise: Tensor, seen: Tensor | None = None, free: float = 0.0
    ) -> dict[str, Tensor]:
        """The two terms of the ELBO at z = mean + σ·noise, each (B,) nats. (6.4), (6.6)

        ELBO = reconstruction − kl, where "kl" is its exact value, or with the "sampled"
        estimator log q(z|x) − log p(z) at this z. seen: what the encoder sees instead of x, as
        in a denoising VAE: any q gives a bound. free: nats a latent that are not charged.
        """
        x = self.flat(x)
        mean, log_var = self.encode(x if seen is None else seen)
        z = mean + (0.5 * log_var).exp() * noise
        if free:
            kl = free_bits_kl(mean, log_var, free)
        elif self.settings["estimator"] == "analytic":
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
        many = IMAGES if self.settings["network"] == "convolutional" else 20_000
        at_once = max(1, many // len(x))
        weights = []
        for first in range(0, k, at_once):
            n = min(at_once, k - first)
            z = self.noise(n, *mean.shape, generator=generator) * (0.5 * log_var).exp() + mean
            weights.append(self.log_weights(x, z, mean, log_var))
        return torch.cat(weights).logsumexp(0) - math.log(k)

    def log_weights(self, x: Tensor, z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
        """log p(x, z) − log q(z|x) of flat x (B, D) and z (k, B, latent), (k, B) nats."""
        log_q = log_normal(z, mean, log_var)
        return self.log_p_x_given_z(x, z) + log_normal(z) - log_q

    def importance_bound(self, x: Tensor, noise: Tensor, seen: Tensor | None = None) -> Tensor:
        """The bound of `log_likelihood` at noise (k, B, latent), (B,) nats, to be trained."""
        x = self.flat(x)
        mean, log_var = self.encode(x if seen is None else seen)
        z = mean + (0.5 * log_var).exp() * noise
        return self.log_weights(x, z, mean, log_var).logsumexp(0) - math.log(len(noise))

    def bits_per_dim(
        self, images: Tensor, generator: torch.Generator | None = None, k: int = 500
    ) -> Tensor:
        """Bits a dimension (B,) of uint8 images (B, C, H, W), as a flow's: at most so many.

        Two bounds in one: noise spreads each grey level over its interval, and k importance
        samples stand for the integral over z. Gaussian likelihood only: other likelihoods are
        of other data.
        """
        if self.settings["likelihood"] != "gaussian":
            raise CourseError(
                "Bits per dimension are of 256 grey levels, and this VAE has a likelihood of "
                f'{self.settings["likelihood"]} pixels: build it with likelihood="gaussian".'
            )
        x = dequantise(images, generator)
        return bits_per_dim(self.log_likelihood(x, k, generator), self.flat(x).shape[1])

    def scored(self, source) -> Tensor:
        """A batch as the likelihood wants it: binarised, dequantised or grey, in [0, 1]."""
        x = source.batch().x
        if self.settings["likelihood"] == "binarised":
            return source.bernoulli(x)
        if self.settings["likelihood"] == "gaussian":
            return source.dequantised(x)
        return x

    def game(self, rounds: int | None = None) -> Game:
        """One move of one player, who minimises −ELBO, or −the bound with k samples.

        The term "kl" is shown as it is charged: weighted by β and the warm-up, with free bits.
        """
        s, total = self.settings, rounds or self.settings["rounds"]

        def rate(t: int) -> float:
            cosine = 0.5 * (1 + math.cos(math.pi * t / total)) if s["anneal"] else 1.0
            return cosine * s["decay"] ** (s["epochs"] * t // total)

        player = Player(
            "VAE",
            self.parameters(),
            OPTIMISERS[s["optimiser"]](s["lr"]),
            clip=s["clip"],
            schedule=rate if s["anneal"] or s["decay"] < 1 else None,
        )

        def weight(t: int) -> float:
            warm = s["warm_up"] * total
            return s["beta"] * (min(1.0, (t + 1) / warm) if warm else 1.0)

        def losses(source):
            x, more = self.scored(source), {}
            if s["corruption"]:
                more["seen"] = x + s["corruption"] * source.normal(*x.shape)
            if s["k"] > 1:
                noise = source.normal(len(x), s["k"], s["latent"]).transpose(0, 1)
                return {"VAE": {"bound": -self.importance_bound(x, noise, **more).mean()}}
            if s["free_bits"]:
                more["free"] = s["free_bits"]
            found = self.terms(x, source.normal(len(x), s["latent"]), **more)
            reconstruction, kl = -found["reconstruction"].mean(), found["kl"].mean()
            return {"VAE": {"reconstruction": reconstruction, "kl": weight(source.t) * kl}}

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
            sigma = self.log_sigma.exp()
            sigma = sigma.view(self.shape) if sigma.ndim else sigma
            return (image + sigma * noise).clamp(0, 1)
        return binarise(image, generator)
