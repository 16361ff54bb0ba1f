"""Flows on the line and in the plane: densities that are exact, and integrate to one.

A `Flow` is a composition of transforms over a standard normal, trained by maximum likelihood.
log p(x) = log N(f(x)) + log |det ∂f/∂x|, (10.4); lesson 10 derives it and trains all kinds.
Sources: Rezende and Mohamed (2015), planar; Dinh et al. (2014), NICE; Dinh et al. (2016),
RealNVP; Durkan et al. (2019), splines.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, unknown
from course_lib.game import Game, Move, Player, adam
from course_lib.models.flows.affine import Affine, Scaling
from course_lib.models.flows.coupling import AdditiveCoupling, AffineCoupling, Coupling
from course_lib.models.flows.normalisation import ActivationNorm
from course_lib.models.flows.planar import Planar
from course_lib.models.flows.spline import Spline, SplineCoupling, numbers
from course_lib.models.flows.transforms import Composition, Transform
from course_lib.models.model import Model, mlp
from course_lib.models.vae import log_normal


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
        network = PointNetwork(1, count, tuple(settings["hidden"]))
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
    if settings["shape"] == [1]:
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

    shape       (1,) or (2,); couplings ("nice", "realnvp") need the plane
    layers      "affine", "planar", "nice", "realnvp" or "spline"
    depth       how many of them; RealNVP, splines and planar maps stand behind one activation
                normalisation, NICE before one diagonal scaling
    hidden      widths of the couplings' networks
    bins, bound of splines: bins between −bound and bound, the identity outside
    lr, anneal  Adam's rate; anneal lets it fall to zero along a cosine
    clip        largest norm of the gradient
    batch, rounds (at full budget), seed (of the first weights)
    """

    recipes: ClassVar = {
        "course": {
            "shape": (2,),
            "layers": "realnvp",
            "depth": 8,
            "hidden": (64, 64),
            "bins": 8,
            "bound": 4.0,
            "lr": 5e-3,
            "anneal": True,
            "clip": 5.0,
            "batch": 256,
            "rounds": 20_000,
            "seed": 0,
        },
    }
    recipes["affine"] = {**recipes["course"], "layers": "affine", "depth": 1, "lr": 1e-2}
    recipes["planar"] = {**recipes["course"], "layers": "planar", "depth": 16}
    recipes["nice"] = {**recipes["course"], "layers": "nice"}
    recipes["spline"] = {**recipes["course"], "layers": "spline", "depth": 4}

    def build(self) -> None:
        s = self.settings
        if s["layers"] not in KINDS:
            raise unknown("kind of flow", s["layers"], KINDS)
        if tuple(s["shape"]) not in ((1,), (2,)):
            raise CourseError(
                f"Flow is for points: shape (1,) or (2,), not {tuple(s['shape'])}. "
                "RealNVP is the flow for images."
            )
        if tuple(s["shape"]) == (1,) and s["layers"] not in ON_A_LINE:
            raise CourseError(
                f"A coupling splits x in two, so {s['layers']!r} needs shape (2,). On a line "
                f"take one of {', '.join(ON_A_LINE)}."
            )
        if not s["bound"] > 0:
            raise CourseError(f"bound must be positive, not {s['bound']!r}.")
        self.transform = Composition(*KINDS[s["layers"]]({**s, "shape": list(s["shape"])}))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, D) → z (B, D) and log |det ∂z/∂x|, (B,) nats."""
        return self.transform(self.flat(x))

    def inverse(self, z: Tensor) -> Tensor:
        """z (B, D) → the x (B, D) that `forward` sends there."""
        return self.transform.inverse(self.flat(z))

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of points (B, D), (B,) nats; all constants are in it. (10.4)"""
        z, log_det = self.forward(x)
        return log_normal(z) + log_det

    def game(self, rounds: int | None = None) -> Game:
        """One move of one player, who minimises −log p(x): maximum likelihood."""
        s, total = self.settings, rounds or self.settings["rounds"]

        def cosine(t: int) -> float:
            return 0.5 * (1 + math.cos(math.pi * t / total))

        player = Player(
            "flow",
            self.parameters(),
            adam(s["lr"]),
            clip=s["clip"],
            schedule=cosine if s["anneal"] else None,
        )

        def losses(source):
            return {"flow": {"nll": -self.log_prob(source.batch().x).mean()}}

        return Game([Move([player], losses)])

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """n points (n, D): z ~ N(0, temperature² I), then the inverse.

        Only temperature 1 samples the density that `log_prob` gives.
        """
        self.unconditional(labels)
        if not temperature >= 0:
            raise CourseError(f"temperature is 0 or more, not {temperature!r}.")
        z = self.noise(n, *self.shape, generator=generator)
        return self.inverse(temperature * z)
