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
from torch import Tensor, nn

from course_lib.errors import CourseError, unknown
from course_lib.game import Game, Move, Player, adam
from course_lib.models.flows.dequantisation import (
    LEVELS,
    UniformDequantisation,
    VariationalDequantisation,
)
from course_lib.models.flows.images import Logit
from course_lib.models.flows.multiscale import COUPLINGS, NORMALISATIONS, Layers, MultiScale
from course_lib.models.model import Model
from course_lib.pixels import bits_per_dim

OPTIMISERS = {"Adam": adam, "Adamax": lambda lr: partial(torch.optim.Adamax, lr=lr)}
CHECKERBOARDS = {"folded": Layers.folded, "masked": Layers.masked}


class RealNVP(Model):
    """A normalizing flow on images with exact log p(x).

    shape           (C, H, W); H and W divisible by 2 as often as there are scales
    alpha           of the logit: small values leave the black background room to spread
    couplings       how many on the checkerboard and on channels, for each scale but the last
    last            the same for the last scale
    checkerboard    "folded": as channels after a squeeze; "masked": at full resolution
    coupling        "affine" (RealNVP), "additive" (NICE) or "spline"; masked ones are affine
    dequantisation  "variational" or "uniform"
    classes         number of classes to be conditioned on, or 0
    """

    recipes: ClassVar[dict[str, dict[str, Any]]] = {
        "course": {
            "shape": (1, 28, 28),
            "scales": 2,
            "couplings": (3, 3),
            "last": (4, 4),
            "checkerboard": "folded",
            "coupling": "affine",
            "width": 32,
            "blocks": 2,
            "block": "separable",
            "normalisation": "activation",
            "dequantisation": "variational",
            "alpha": 1e-6,
            "classes": 0,
            "optimiser": "Adam",
            "lr": 2e-3,
            "clip": 1.0,
            "batch": 32,
            "rounds": 20_000,
            "seed": 0,
        },
        "report": {
            "shape": (3, 64, 64),
            "scales": 5,
            "couplings": (3, 3),
            "last": (4, 0),
            "checkerboard": "masked",
            "coupling": "affine",
            "width": 32,
            "blocks": 2,
            "block": "plain",
            "normalisation": "batch",
            "dequantisation": "uniform",
            "alpha": 0.05,
            "classes": 0,
            "optimiser": "Adamax",
            "lr": 1e-3,
            "clip": 1.0,
            "batch": 64,
            "rounds": 158_250,
            "seed": 0,
        },
    }

    def build(self) -> None:
        settings = self.settings
        for name, known in (
            ("checkerboard", CHECKERBOARDS),
            ("coupling", COUPLINGS),
            ("normalisation", NORMALISATIONS),
            ("dequantisation", ("variational", "uniform")),
            ("optimiser", OPTIMISERS),
        ):
            if settings[name] not in known:
                raise unknown(name, settings[name], known)
        if settings["checkerboard"] == "masked" and settings["coupling"] != "affine":
            raise CourseError(
                f"Masked checkerboards are affine: {settings['coupling']!r} couplings go with "
                'checkerboard="folded".'
            )
        channels, height, width = self.shape
        scales, factor = settings["scales"], 2 ** settings["scales"]
        if height % factor or width % factor:
            raise CourseError(
                f"{scales} scales halve height and width {scales} times: {height}×{width} pixels "
                f"are not divisible by {factor}. Choose fewer scales, or pad or crop the images."
            )
        layers = Layers(
            settings["coupling"],
            settings["normalisation"],
            settings["blocks"],
            settings["block"],
            settings["classes"],
        )
        scale = CHECKERBOARDS[settings["checkerboard"]]
        counts = [settings["couplings"]] * (scales - 1) + [settings["last"]]
        built = [
            scale(layers, channels * 2**i, settings["width"] * 2**i, *count)
            for i, count in enumerate(counts)
        ]
        self.logit = Logit(settings["alpha"])
        self.flow = MultiScale(self.shape, built)
        self.dequantise = (
            VariationalDequantisation(channels, settings["width"], settings["block"])
            if settings["dequantisation"] == "variational"
            else UniformDequantisation()
        )
        self.to(memory_format=torch.channels_last)

    @property
    def dimensions(self) -> int:
        """D = C·H·W of the data."""
        return math.prod(self.shape)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x dequantised in [0, 1] (B, C, H, W) or (B, D) → z (B, D), log |det ∂z/∂x| (B,).

        The logit's Jacobian is part of log_det. Raises CourseError for pixels outside [0, 1].
        """
        x = self.flat(x).view(-1, *self.shape)
        if x.numel() and not (x.min() >= 0 and x.max() <= 1):  # also true of NaN
            raise CourseError(
                f"Expected dequantised pixels in [0, 1], got {x.min():.3g} to {x.max():.3g}: "
                "divide levels 0 … 255 by 256 after adding noise in [0, 1)."
            )
        return self._encode(x, self._condition(labels, len(x)))

    def inverse(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """z (B, D) → x (B, C, H, W): the exact inverse of `forward`.

        A z that no image maps to gives pixels a little outside [0, 1].
        """
        y = self.flow.inverse(self.flat(z), self._condition(labels, len(z)))
        return self.logit.inverse(y)

    def log_prob(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """log p(x) in nats (B,), for x as in `forward`: all constants counted."""
        return self._log_density(*self(x, labels))

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
        if images.dtype != torch.uint8:
            raise CourseError(
                f"bits_per_dim takes images of 8 bits (uint8), got {images.dtype}: bits per "
                "dimension are those of grey levels 0 … 255. For dequantised pixels there is "
                "log_prob."
            )
        if not (isinstance(k, int) and k >= 1):
            raise CourseError(f"k, the number of draws, is a whole number from 1, not {k!r}.")
        levels = self.flat(images.to(**self.place)).view(-1, *self.shape)
        condition = self._condition(labels, len(levels))
        ratios = [
            self._log_ratio(levels, self.noise(*levels.shape, generator=generator), condition)
            for _ in range(k)
        ]
        log_p = torch.stack(ratios).logsumexp(0) - math.log(k)
        return bits_per_dim(log_p, self.dimensions)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """n images of 256 levels in [0, 1] (n, C, H, W); z ~ N(0, temperature²)."""
        z = temperature * self.noise(n, self.dimensions, generator=generator)
        x = self.inverse(z, labels)
        return (x * LEVELS).floor().clamp(0, LEVELS - 1) / (LEVELS - 1)

    def game(self, rounds: int | None = None) -> Game:
        """Maximum likelihood: one player, one move; the term is in bits per dimension."""
        settings = self.settings
        flow = Player(
            "flow",
            list(self.parameters()),
            OPTIMISERS[settings["optimiser"]](settings["lr"]),
            clip=settings["clip"],
            schedule=_warm_then_fall(rounds or settings["rounds"]),
        )

        def losses(source):
            return {"flow": {"bits": self._batch_bits(source).mean()}}

        @torch.no_grad()
        def start(source):
            self._batch_bits(source)

        return Game([Move([flow], losses)], start=start)

    def _batch_bits(self, source) -> Tensor:
        batch = source.batch()
        levels = (batch.x * (LEVELS - 1)).round()
        condition = self._condition(self._asked(batch.labels), len(levels))
        log_ratio = self._log_ratio(levels, source.normal(*levels.shape), condition)
        return bits_per_dim(log_ratio, self.dimensions)

    def _asked(self, labels: Tensor | None) -> Tensor | None:
        return labels if self.settings["classes"] else None

    def _log_ratio(self, levels: Tensor, noise: Tensor, condition: Tensor | None) -> Tensor:
        """log p(x) − log q(u | levels) of x = (levels + u)/256, (B,) nats."""
        x, log_q = self.dequantise(levels, noise)
        return self._log_density(*self._encode(x, condition)) - log_q

    def _encode(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        y, log_det = self.logit(x)
        z, more = self.flow(y, condition)
        return z, log_det + more

    def _log_density(self, z: Tensor, log_det: Tensor) -> Tensor:
        constant = 0.5 * self.dimensions * math.log(2 * math.pi)
        return log_det - 0.5 * z.square().sum(1) - constant

    def _condition(self, labels: Tensor | None, n: int) -> Tensor | None:
        classes = self.settings["classes"]
        if not classes:
            self.unconditional(labels)
            return None
        if labels is None or labels.shape != (n,):
            got = None if labels is None else tuple(labels.shape)
            raise CourseError(f"This flow needs one label for each of {n} images, got {got}.")
        return nn.functional.one_hot(labels.long(), classes).to(**self.place)


def _warm_then_fall(rounds: int, warm: int = 50, fall: float = 0.3) -> Callable[[int], float]:
    """A factor that rises over the first rounds and falls linearly to 1/20 at the end."""

    def factor(t: int) -> float:
        left = max(0.05, (rounds - t) / (fall * rounds))
        return min(1.0, (t + 1) / warm, left)

    return factor
