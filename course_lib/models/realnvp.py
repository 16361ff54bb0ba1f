"""RealNVP for images (Dinh et al. 2016): couplings on several scales, exact log-likelihood.

Dequantise, take the logit, then on each scale: couplings on a checkerboard of pixels, a squeeze,
couplings on halves of the channels, and half of the numbers leave ("factor out"). A checkerboard
is a split of channels after a squeeze, so its couplings are computed there, on a quarter of the
positions and without a masked pixel: the same maps at a fraction of the time. The recipe
"report" has masks at full resolution, as printed. Lesson 11 derives and trains it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from course_lib.errors import CourseError, whole_number
from course_lib.game import Move, Player, adam
from course_lib.models.flow import TEMPERATURE
from course_lib.models.flows.dequantisation import (
    LEVELS,
    UniformDequantisation,
    VariationalDequantisation,
)
from course_lib.models.flows.images import Logit
from course_lib.models.flows.multiscale import COUPLINGS, NORMALISATIONS, Layers, MultiScale
from course_lib.models.flows.networks import BLOCKS
from course_lib.models.model import Model, decoder
from course_lib.models.parts.computing import full_precision
from course_lib.models.parts.conditions import CONDITION
from course_lib.models.parts.likelihoods import LOG_2PI
from course_lib.models.settings import COMMON, choice, number, whole
from course_lib.pixels import bits_per_dim, require_levels, require_unit

OPTIMISERS = {"Adam": adam, "Adamax": lambda lr: partial(torch.optim.Adamax, lr=lr)}
CHECKERBOARDS = {"folded": Layers.folded, "masked": Layers.masked}


class RealNVP(Model):
    """A normalizing flow on images with exact log p(x); H and W halve with every scale.

    Recipes: "course" (digits), "report" (the paper's, in colour at 64×64).
    """

    declared: ClassVar = COMMON | {
        "scales": whole(2, "how often half of the numbers leave, and once", "[1, 16]"),
        "couplings": whole(
            (3, 3),
            "on the checkerboard and on channels, but for the last scale",
            "[0, 100]",
            many=2,
        ),
        "last": whole((4, 4), "the same for the last scale", "[0, 100]", many=2),
        "checkerboard": choice(
            "folded", CHECKERBOARDS, "as channels after a squeeze; or at full resolution"
        ),
        "coupling": choice("affine", COUPLINGS, "RealNVP's, or NICE's; masked ones are affine"),
        "width": whole(32, "channels of the couplings' networks", search=(16, 32, 64)),
        "blocks": whole(2, "residual blocks in each", "[1, 100]", search=(1, 2, 3)),
        "block": choice("separable", BLOCKS, "of which kind"),
        "normalisation": choice("activation", NORMALISATIONS, "between couplings"),
        "dequantisation": choice("variational", ("variational", "uniform"), "noise on levels"),
        "alpha": number(1e-6, "of the logit; small: room for a black background", "(0, 0.5)"),
        "classes": CONDITION["classes"],
        "optimiser": choice("Adam", OPTIMISERS, "which"),
        "lr": number(2e-3, "learning rate", "(0, inf)", search="[2e-4, 1e-2]"),
        "clip": number(1.0, "largest norm of the gradient", "(0, inf)", also=(None,)),
        "batch": whole(32, "images a batch", search=(16, 32, 64)),
    }
    recipes: ClassVar = {
        "course": {},
        "report": {
            "shape": (3, 64, 64),
            "scales": 5,
            "last": (4, 0),
            "checkerboard": "masked",
            "block": "plain",
            "normalisation": "batch",
            "dequantisation": "uniform",
            "alpha": 0.05,
            "optimiser": "Adamax",
            "lr": 1e-3,
            "batch": 64,
            "rounds": 158_250,
        },
    }

    at_once = 64

    def build(self) -> None:
        s = self.settings
        if len(self.shape) != 3:
            raise CourseError(
                f"RealNVP is for images: shape (C, H, W), not {self.shape}. Flow is for points."
            )
        if s["checkerboard"] == "masked" and s["coupling"] != "affine":
            raise CourseError(
                f"Masked checkerboards are affine: {s['coupling']!r} couplings go with "
                'checkerboard="folded".'
            )
        channels, height, width = self.shape
        scales, factor = s["scales"], 2 ** s["scales"]
        if height % factor or width % factor:
            raise CourseError(
                f"{scales} scales halve height and width {scales} times: {height}×{width} pixels "
                f"are not divisible by {factor}. Choose fewer scales, or pad or crop the images."
            )
        layers = Layers(
            s["coupling"], s["normalisation"], s["blocks"], s["block"], s["classes"]
        )
        scale = CHECKERBOARDS[s["checkerboard"]]
        counts = [s["couplings"]] * (scales - 1) + [s["last"]]
        built = [
            scale(layers, channels * 2**i, s["width"] * 2**i, *count)
            for i, count in enumerate(counts)
        ]
        self.logit = Logit(s["alpha"])
        self.flow = MultiScale(self.shape, built)
        self.dequantise = (
            VariationalDequantisation(channels, s["width"], s["block"])
            if s["dequantisation"] == "variational"
            else UniformDequantisation()
        )
        self.to(memory_format=torch.channels_last)

    @property
    def dimensions(self) -> int:
        """D = C·H·W of the data."""
        return math.prod(self.shape)

    @full_precision
    def forward(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x dequantised in [0, 1] (B, C, H, W) or (B, D) → z (B, D), log |det ∂z/∂x| (B,).

        The logit's Jacobian is part of log_det. Raises CourseError for pixels outside [0, 1].
        """
        x = self.flat(x).view(-1, *self.shape)
        how = "Divide levels 0 … 255 by 256 after adding noise in [0, 1)."
        require_unit(x, "Dequantised pixels", how)
        return self._encode(x, self.conditions(labels, len(x)))

    @full_precision
    def inverse(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (B, D) → x (B, C, H, W): the exact inverse of `forward`.

        A z that no image maps to gives pixels a little outside [0, 1].
        """
        return self._pixels(self.flat(z), self.conditions(labels, len(z)))

    @full_precision
    def log_prob(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(x) in nats (B,), for x as in `forward`: all constants counted."""
        return self._log_density(*self(x, labels))

    @full_precision
    def bits_per_dim(
        self,
        images: Tensor,
        generator: torch.Generator | None = None,
        labels: Tensor | None = None,
        k: int = 1,
    ) -> Tensor:
        """Bits per dimension (B,) of uint8 images (B, C, H, W): a bound on −log2 P/D from above.

        −log2 of the mean over k draws of noise of p(x)/q(u | image); it falls with k in
        expectation towards the exact value. D counts the data's dimensions.
        """
        require_levels(images)
        k = whole_number("k, the number of draws,", k)
        levels = self.flat(images.to(**self.place)).view(-1, *self.shape)
        condition = self.conditions(labels, len(levels))
        ratios = [
            self._log_ratio(levels, self.noise(*levels.shape, generator=generator), condition)
            for _ in range(k)
        ]
        log_p = torch.stack(ratios).logsumexp(0) - math.log(k)
        return bits_per_dim(log_p, self.dimensions)

    def encode(self, x: Tensor, condition: Any = None) -> tuple[Tensor, Tensor]:
        """Dequantised x (B, C, H, W) → its one code z (B, D), and log 0: no width."""
        z, _ = self(x, condition)
        return z, torch.full_like(z, -torch.inf)

    @decoder
    def decode(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (B, D) → images (B, C, H, W), what `inverse` gives brought into [0, 1]."""
        return self._pixels(z, condition).clamp(0, 1)

    def _sample(self, n: int, labels: Any, generator, temperature: float = 1.0) -> Tensor:
        """Images of 256 levels; z ~ N(0, temperature²)."""
        temperature = TEMPERATURE.checked(temperature, "temperature")
        z = temperature * self.noise(n, self.latent, generator=generator)
        if labels is None:
            labels = self.condition.asked(n, generator)
        x = self.decode(z, labels)
        return (x * LEVELS).floor().clamp(0, LEVELS - 1) / (LEVELS - 1)

    def moves(self, rounds: int) -> list[Move]:
        """Maximum likelihood: one player, one move; the term is in bits per dimension."""
        s = self.settings
        optimiser = OPTIMISERS[s["optimiser"]](s["lr"])
        flow = Player("flow", self.parameters(), optimiser, s["clip"], _warm_then_fall(rounds))

        def losses(source):
            return {"flow": {"bits": self._batch_bits(source).mean()}}

        return [Move([flow], losses)]

    @torch.no_grad()
    def before(self, source) -> None:
        """Activation normalisation starts at the first batch's mean and scale."""
        self._batch_bits(source)

    @full_precision
    def _batch_bits(self, source) -> Tensor:
        batch = source.batch()
        levels = (batch.x * (LEVELS - 1)).round()
        labels = self.condition.read(batch.labels, source.attribute)
        condition = self.conditions(labels, len(levels))
        log_ratio = self._log_ratio(levels, source.normal(*levels.shape), condition)
        return bits_per_dim(log_ratio, self.dimensions)

    def _log_ratio(self, levels: Tensor, noise: Tensor, condition: Tensor) -> Tensor:
        """log p(x) − log q(u | levels) of x = (levels + u)/256, (B,) nats."""
        x, log_q = self.dequantise(levels, noise)
        return self._log_density(*self._encode(x, condition)) - log_q

    @full_precision
    def _pixels(self, z: Tensor, condition: Tensor) -> Tensor:
        return self.logit.inverse(self.flow.inverse(z, condition))

    def _encode(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        y, log_det = self.logit(x)
        z, more = self.flow(y, condition)
        return z, log_det + more

    def _log_density(self, z: Tensor, log_det: Tensor) -> Tensor:
        constant = 0.5 * self.dimensions * LOG_2PI
        return log_det - 0.5 * z.square().sum(1) - constant


def _warm_then_fall(rounds: int, warm: int = 50, fall: float = 0.3) -> Callable[[int], float]:
    """A factor that rises over the first rounds and falls linearly to 1/20 at the end."""

    def factor(t: int) -> float:
        left = max(0.05, (rounds - t) / (fall * rounds))
        return min(1.0, (t + 1) / warm, left)

    return factor
