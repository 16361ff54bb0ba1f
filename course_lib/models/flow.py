"""Flows on the line and in the plane: densities that are exact, and integrate to one.

A `Flow` is a composition of transforms over a standard normal, trained by maximum likelihood.
log p(x) = log N(f(x)) + log |det ∂f/∂x|, (10.4); lesson 10 derives it and trains all kinds.
Sources: Rezende and Mohamed (2015), planar; Dinh et al. (2014), NICE; Dinh et al. (2016),
RealNVP; Durkan et al. (2019), splines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.game import Move, Player, adam, cosine
from course_lib.models.flows.affine import Affine, Scaling
from course_lib.models.flows.coupling import AdditiveCoupling, AffineCoupling, Coupling
from course_lib.models.flows.normalisation import ActivationNorm
from course_lib.models.flows.planar import Planar
from course_lib.models.flows.spline import Spline, SplineCoupling, numbers
from course_lib.models.flows.transforms import Composition, Transform
from course_lib.models.model import Model, decoder, mlp
from course_lib.models.parts.computing import full_precision
from course_lib.models.parts.likelihoods import log_normal
from course_lib.models.settings import COMMON, choice, flag, number, whole

TEMPERATURE = number(1.0, "what the standard deviation of z is multiplied by", "[0, inf)")


class PointNetwork(nn.Module):
    """A coupling's network for points: (B, D_in) → (B, D_out), 0 at the start."""

    def __init__(self, size_in: int, size_out: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = mlp([size_in, *hidden, size_out], nn.SiLU)
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.layers(x)


def _couplings(settings: dict[str, Any], make: Callable[..., Coupling], count: int) -> list:
    """`depth` couplings in the plane that take turns: x₂ changes by x₁, then x₁ by x₂."""
    found = []
    for i in range(settings["depth"]):
        kept, changed = ([0], [1]) if i % 2 == 0 else ([1], [0])
        network = PointNetwork(1, count, settings["hidden"])
        found.append(make(kept, changed, network))
    return found


def _affine(settings: dict[str, Any]) -> list[Transform]:
    size = settings["shape"][0]
    return [Affine(size) for _ in range(settings["depth"])]


def _planar(settings: dict[str, Any]) -> list[Transform]:
    size = settings["shape"][0]
    return [ActivationNorm(size), *(Planar(size) for _ in range(settings["depth"]))]


def _nice(settings: dict[str, Any]) -> list[Transform]:
    return [*_couplings(settings, AdditiveCoupling, 1), Scaling(2)]


def _realnvp(settings: dict[str, Any]) -> list[Transform]:
    return [ActivationNorm(2), *_couplings(settings, AffineCoupling, 2)]


def _spline(settings: dict[str, Any]) -> list[Transform]:
    bins, bound = settings["bins"], settings["bound"]
    if settings["shape"] == (1,):
        pairs = [(ActivationNorm(1), Spline(1, bins, bound)) for _ in range(settings["depth"])]
        return [layer for pair in pairs for layer in pair]

    def coupling(kept: list[int], changed: list[int], network: nn.Module) -> Coupling:
        return SplineCoupling(kept, changed, network, bins, bound)

    return [ActivationNorm(2), *_couplings(settings, coupling, numbers(bins))]


KINDS: dict[str, Callable[[dict[str, Any]], list[Transform]]] = {
    "affine": _affine,
    "planar": _planar,
    "nice": _nice,
    "realnvp": _realnvp,
    "spline": _spline,
}
ON_A_LINE = ("affine", "planar", "spline")


class Flow(Model):
    """A flow on points (B, 1) or (B, 2) with an exact density.

    Couplings ("nice", "realnvp") need the plane. RealNVP, splines and planar maps stand behind
    one activation normalisation, NICE before one diagonal scaling. Splines bend the line in
    `bins` between −bound and bound, and leave it as it is outside.
    """

    declared: ClassVar = COMMON | {
        "shape": whole((2,), "(1,) or (2,)", many=range(1, 4)),
        "layers": choice("realnvp", KINDS, "of which kind"),
        "depth": whole(8, "how many of them", "[1, 1000]"),
        "hidden": whole((64, 64), "widths of the couplings' networks", many=True),
        "bins": whole(8, "of splines", "[2, 100]"),
        "bound": number(4.0, "of splines", "(0, inf)"),
        "lr": number(5e-3, "Adam's rate", "(0, inf)"),
        "anneal": flag(True, "lets it fall to zero along a cosine"),
        "clip": number(5.0, "largest norm of the gradient", "(0, inf)", also=(None,)),
        "batch": whole(256, "examples a batch"),
    }
    recipes: ClassVar = {
        "course": {},
        "affine": {"layers": "affine", "depth": 1, "lr": 1e-2},
        "planar": {"layers": "planar", "depth": 16},
        "nice": {"layers": "nice"},
        "spline": {"layers": "spline", "depth": 4},
    }

    def build(self) -> None:
        s = self.settings
        if s["shape"] not in ((1,), (2,)):
            raise CourseError(
                f"Flow is for points: shape (1,) or (2,), not {s['shape']}. RealNVP is the flow "
                "for images."
            )
        if s["shape"] == (1,) and s["layers"] not in ON_A_LINE:
            raise CourseError(
                f"A coupling splits x in two, so {s['layers']!r} needs shape (2,). On a line "
                f"take one of {', '.join(ON_A_LINE)}."
            )
        self.transform = Composition(*KINDS[s["layers"]](s))

    @full_precision
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, D) → z (B, D) and log |det ∂z/∂x|, (B,) nats."""
        return self.transform(self.flat(x))

    @full_precision
    def inverse(self, z: Tensor) -> Tensor:
        """z (B, D) → the x (B, D) that `forward` sends there."""
        return self.transform.inverse(self.flat(z))

    @full_precision
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of points (B, D), (B,) nats; all constants are in it. (10.4)"""
        z, log_det = self(x)
        return log_normal(z) + log_det

    def encode(self, x: Tensor, condition: Any = None) -> tuple[Tensor, Tensor]:
        """x (B, D) → its one code z (B, D), and log 0: a posterior of no width."""
        z, _ = self(x)
        self.condition.checked(condition, len(z))
        return z, torch.full_like(z, -torch.inf)

    @decoder
    def decode(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (B, D) → points (B, D): `inverse` in evaluation mode, without gradients."""
        return self.inverse(z)

    def moves(self, rounds: int) -> list[Move]:
        """One move of one player, who minimises −log p(x): maximum likelihood."""
        s = self.settings
        schedule = cosine(rounds) if s["anneal"] else None
        player = Player("flow", self.parameters(), adam(s["lr"]), s["clip"], schedule)

        def losses(source):
            return {"flow": {"nll": -self.log_prob(source.batch().x).mean()}}

        return [Move([player], losses)]

    def _sample(self, n: int, labels: Any, generator, temperature: float = 1.0) -> Tensor:
        """z ~ N(0, temperature² I), then the inverse; only at 1 it is what `log_prob` says."""
        temperature = TEMPERATURE.checked(temperature, "temperature")
        return self.inverse(temperature * self.noise(n, self.latent, generator=generator))
