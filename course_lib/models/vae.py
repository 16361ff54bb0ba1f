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
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from course_lib.errors import CourseError
from course_lib.game import Move, Player, adam, cosine
from course_lib.models.model import Model, decoder, mlp
from course_lib.models.parts import convolutions
from course_lib.models.parts.bounds import Bounds
from course_lib.models.parts.computing import full_precision, in_parts
from course_lib.models.parts.likelihoods import (
    SIGMA,
    Pixels,
    bernoulli_log_likelihood,
    free_bits_kl,
    gaussian_kl,
    gaussian_log_likelihood,
    log_normal,
    log_sigma,
)
from course_lib.models.parts.likelihoods import active_units as active_units
from course_lib.models.settings import COMMON, choice, flag, number, whole
from course_lib.pixels import bits_per_dim, dequantise

OPTIMISERS = {"Adam": adam, "SGD": lambda lr: partial(torch.optim.SGD, lr=lr)}
B3 = {"shape": (3, 64, 64), "latent": 128, "network": "convolutional", "likelihood": "gaussian"}


class VAE(Bounds, Pixels, Model):
    """A VAE of multi-layer perceptrons (A4 and its betters), or of convolutions (B3).

    likelihood "binarised": Bernoulli on images drawn anew in every round, p = grey value; "grey":
    the same formula on grey pixels, as report A (not a density); "gaussian": N(decoder's mean,
    sigma²) on dequantised pixels, sigma a number, "learned" (one) or "per pixel" (one for each).
    A denoising VAE (`corruption`) still has to explain the clean image.

    Recipes: "report" (A4), "course" (digits), "b3" (report B's, on faces), "faces" (the course's).
    """

    declared: ClassVar = COMMON | {
        "latent": whole(2, "length of z, prior N(0, I)", search=(2, 4, 8, 16, 32)),
        "network": choice("mlp", ("mlp", "convolutional"), "DCGAN's; for 28, 32, 64 … pixels"),
        "hidden": whole(
            (256,),
            "widths of the encoder, in reverse the decoder's",
            many=True,
            search=((256,), (256, 256, 256), (512, 512)),
        ),
        "width": whole(32, "channels next to the image (convolutional)"),
        "dense": whole(256, "the encoder's last hidden layer (convolutional)"),
        "likelihood": choice("binarised", ("binarised", "grey", "gaussian"), "p(x|z)"),
        "sigma": SIGMA,
        "estimator": choice(
            "analytic", ("analytic", "sampled"), "KL by the second SGVB, or first"
        ),
        "k": whole(1, "samples of the bound that is trained; 1: the ELBO", "[1, 100000]"),
        "beta": number(1.0, "weight of the KL term (β-VAE)", "[0, inf)", search="[0.25, 4]"),
        "warm_up": number(0.0, "share of the rounds in which that weight grows", "[0, 1]"),
        "free_bits": number(0.0, "nats a latent that are not charged", "[0, inf)"),
        "corruption": number(0.0, "σ of noise on what the encoder sees", "[0, inf)"),
        "optimiser": choice("Adam", OPTIMISERS, "which"),
        "lr": number(1e-3, "learning rate", "(0, inf)", search="[1e-4, 1e-2]"),
        "clip": number(None, "largest norm of the gradient", "(0, inf)", also=(None,)),
        "anneal": flag(False, "lets the rate fall to zero along a cosine"),
        "decay": number(
            1.0, "multiplies it after each of `epochs` parts of the rounds", "(0, 1]"
        ),
        "epochs": whole(1, "equal parts of the training"),
    }
    recipes: ClassVar = {
        # Report A prints lr = 0.0001; only 1e-3 gives its printed losses (E16, lesson 06).
        "report": {"likelihood": "grey", "batch": 128, "rounds": 93_800},
        "course": {"hidden": (256, 256, 256), "anneal": True, "batch": 128, "rounds": 93_800},
        # Report B names no likelihood and no network. σ = 1 is what a squared error with ½ means;
        # with a learned σ SGD at its rate diverges at once. 30 epochs of CelebA's 162,770 faces.
        "b3": B3
        | {"sigma": 1.0, "optimiser": "SGD", "lr": 5e-3, "decay": 0.95, "epochs": 30}
        | {"batch": 144, "rounds": 30 * 1130},
        "faces": B3 | {"sigma": "learned", "clip": 1e4, "anneal": True, "warm_up": 0.1},
    }

    def build(self) -> None:
        s = self.settings
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
        size = math.prod(self.shape)
        self.log_sigma = log_sigma(s, size)
        if s["network"] == "convolutional":
            self.encoder = convolutions.encoder(
                self.shape, s["width"], s["dense"], 2 * s["latent"]
            )
            self.decoder = convolutions.Decoder(self.shape, s["latent"], s["width"])
            self.to(memory_format=torch.channels_last)
        else:
            self.encoder = mlp([size, *s["hidden"], 2 * s["latent"]])
            self.decoder = mlp([s["latent"], *reversed(s["hidden"]), size])

    # Networks ------------------------------------------------------------------------------
    def encode(self, x: Tensor, condition: Any = None) -> tuple[Tensor, Tensor]:
        """x (B, C, H, W) in [0, 1] → mean and log σ² of q(z|x), each (B, latent)."""
        x = self.flat(x)
        self.condition.checked(condition, len(x))
        mean, log_var = self.encoder(x).chunk(2, dim=-1)
        return mean, log_var

    def logits(self, z: Tensor) -> Tensor:
        """z (…, latent) → (…, D), the logits of `mean_given`."""
        return self.decoder(z)

    def mean_given(self, z: Tensor) -> Tensor:
        """z (…, latent) → (…, D) in [0, 1], the mean of p(x|z): Bernoulli's p, or Gaussian's."""
        return self.logits(z).sigmoid()

    @decoder
    def decode(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (B, latent) → the mean of p(x|z), images (B, C, H, W) in [0, 1]."""
        return self.mean_given(z).view(len(z), *self.shape)

    def log_p(self, x: Tensor, z: Tensor, condition: Any = None) -> Tensor:
        return self.log_p_x_given_z(self.flat(x), z)

    def decodings(self) -> int:
        return 500 if self.settings["network"] == "convolutional" else 20_000

    def log_p_x_given_z(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of flat x (B, D) and z (…, B, latent) → (…, B) nats."""
        if self.log_sigma is None:
            return bernoulli_log_likelihood(x, self.logits(z))
        return gaussian_log_likelihood(x, self.mean_given(z), self.log_sigma.exp())

    # Objective -----------------------------------------------------------------------------
    @full_precision
    def terms(
        self, x: Tensor, noise: Tensor, seen: Tensor | None = None, free: float = 0.0
    ) -> dict[str, Tensor]:
        """The two terms of the ELBO at z = mean + σ·noise, each (B,) nats. (6.4), (6.6)

        ELBO = reconstruction − kl, where "kl" is its exact value, or with the "sampled"
        estimator log q(z|x) − log p(z) at this z. seen: what the encoder sees instead of x, as
        in a denoising VAE: any q gives a bound. free: nats a latent that are not charged; with
        them "kl" is what is charged, and the difference no longer the ELBO.
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
        self, x: Tensor, generator: torch.Generator | None = None, labels: Any = None
    ) -> dict[str, Tensor]:
        """`terms` with one draw of z for each of the images x (B, C, H, W) in [0, 1]."""
        self.condition.checked(labels, len(x))
        noise = self.noise(len(x), self.settings["latent"], generator=generator)
        return self.terms(x, noise)

    def bits_per_dim(
        self, images: Tensor, generator: torch.Generator | None = None, k: int = 500
    ) -> Tensor:
        """Bits a dimension (B,) of uint8 images (B, C, H, W), as a flow's: at most so many.

        Two bounds in one: noise spreads each grey level over its interval, and k importance
        samples stand for the integral over z. Gaussian only: other likelihoods are of other data.
        """
        if self.settings["likelihood"] != "gaussian":
            raise CourseError(
                "Bits per dimension are of 256 grey levels, and this VAE has a likelihood of "
                f'{self.settings["likelihood"]} pixels: build it with likelihood="gaussian".'
            )
        x = dequantise(images, generator)
        return bits_per_dim(self.log_likelihood(x, k, generator), math.prod(self.shape))

    def training_batch(self, source) -> Tensor:
        """A batch as the likelihood wants it: binarised, dequantised or grey, in [0, 1]."""
        return self.wanted(source.batch().x, source)

    def moves(self, rounds: int) -> list[Move]:
        """One move of one player, who minimises −ELBO, or −the bound with k samples.

        The term "kl" is shown as it is charged: weighted by β and the warm-up, with free bits.
        With other weights than 1, or free bits, the sum is no longer −ELBO.
        """
        s = self.settings

        def rate(t: int) -> float:
            fall = cosine(rounds)(t) if s["anneal"] else 1.0
            return fall * s["decay"] ** (s["epochs"] * t // rounds)

        optimiser = OPTIMISERS[s["optimiser"]](s["lr"])
        schedule = rate if s["anneal"] or s["decay"] < 1 else None
        player = Player("VAE", self.parameters(), optimiser, s["clip"], schedule)

        def weight(t: int) -> float:
            warm = s["warm_up"] * rounds
            return s["beta"] * (min(1.0, (t + 1) / warm) if warm else 1.0)

        def losses(source):
            x, more = self.training_batch(source), {}
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

        return [Move([player], losses)]

    # Use -----------------------------------------------------------------------------------
    @torch.no_grad()
    @full_precision
    def fitted_prior(self, x: Tensor) -> MultivariateNormal:
        """N(m, S), the Gaussian prior under which images x have the highest mean ELBO. (7.19)

        x (N, C, H, W) in [0, 1], N ≥ 1, as `elbo`. m (latent,) and S (latent, latent) are the
        mean and the covariance of their aggregated posterior, the mean of q(z|x) over x, in
        double precision: S is the covariance of the means plus the mean of the variances. Fit
        it to training images; `decode(prior.sample((n,)))` draws from it (Ghosh et al. 2020).
        Raises CourseError for no images, and for codes that are not finite.
        """
        with self.in_use():
            mean, log_var = in_parts(self.encode, self.decodings(), x)
        mean, var = mean.double(), log_var.double().exp()
        if not (len(x) and mean.isfinite().all() and var.isfinite().all()):
            raise CourseError(
                f"The codes of {len(x)} images give no Gaussian: give one image or more, with "
                "finite pixels in [0, 1]."
            )
        S = torch.cov(mean.T, correction=0) + var.mean(0).diag()
        return MultivariateNormal(mean.mean(0), S)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x → the decoder's mean at one draw of q(z|x), in [0, 1] (B, C, H, W)."""
        mean, log_var = self.encode(x)
        noise = self.noise(*mean.shape, generator=generator)
        return self.decode(mean + (0.5 * log_var).exp() * noise)
