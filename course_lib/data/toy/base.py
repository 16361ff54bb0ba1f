"""What every toy density can do, and the mixture of Gaussians that most of them are."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.data.dataset import Card, DataSet
from course_lib.errors import CourseError, real_number, whole_number

MOST = 10_000_000  # points that are drawn at a time
PLAIN = {"dtype": torch.float32, "device": "cpu"}  # of points, whatever torch's defaults are


class Coverage(NamedTuple):
    """modes: how many are covered; good: the share of points that lie near some mode."""

    modes: int
    good: float


class Toy:
    """A density on the plane: sample it, evaluate it, make a data set of it."""

    centres: Tensor | None = None
    sigma: float

    def sample_labelled(
        self, n: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """n points (n, 2) float32 and the component that each came from (n,)."""
        return self._draw(whole_number("n", n, 0, MOST), generator)

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n points, (n, 2) float32."""
        return self.sample_labelled(n, generator)[0]

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats at points x (n, 2), (n,); −inf where p is 0."""
        raise NotImplementedError

    @classmethod
    def card(cls) -> Card:
        """The data card: the class's name and the first line of its docstring."""
        text = cls.__doc__.splitlines()[0].rstrip(".")
        return Card(cls.__name__.lower(), f"points: {text}", "drawn by the course", "MIT")

    def data_set(self, n: int = 10_000, seed: int = 0) -> DataSet:
        """n points that `seed` fixes, labelled by component."""
        n, seed = whole_number("n", n, 1, MOST), whole_number("seed", seed, -(2**63), 2**63 - 1)
        points, labels = self.sample_labelled(n, torch.Generator().manual_seed(seed))
        return DataSet(points, labels, card=self.card())

    def covered(self, points: Tensor, within: float = 3.0, least: float = 0.1) -> Coverage:
        """How many modes `points` (n, 2) reach, and the share of points that are any good.

        A point is good if it lies within `within` sigmas of a mode. A mode is covered if it
        holds at least `least` of its fair number of points, n / modes, and one at any rate:
        `least=0` is the literature's rule, by which a single stray point covers a mode.
        """
        if self.centres is None:
            raise CourseError(
                f"{type(self).__name__} has no separate modes to count. Ring and Grid have; for "
                "the others compare log_density."
            )
        if not len(points_of(points)):
            raise CourseError("There are no points to count: shape (0, 2). Give at least one.")
        distance, mode = torch.cdist(points.float().cpu(), self.centres).min(1)
        near = distance <= within * self.sigma
        counts = torch.bincount(mode[near], minlength=len(self.centres))
        fair = len(points) / len(self.centres)
        enough = counts >= max(least * fair, 1)
        return Coverage(int(enough.sum()), near.float().mean().item())


class Mixture(Toy):
    """A mixture of round Gaussians of one width: exact, or the nodes of a quadrature."""

    def __init__(self, nodes: Tensor, weights: Tensor, sigma: float) -> None:
        self.sigma = width_of_noise(sigma)
        self.nodes, self.log_weights = nodes.double(), weights.double().log()

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats at points x (n, 2), (n,); computed in float64, of x's type."""
        points_of(x)
        normaliser = math.log(2 * math.pi * self.sigma**2)
        rows = max(1, 2**21 // len(self.nodes))  # 16 MB at a time, however many points

        def part(points: Tensor) -> Tensor:
            distances = torch.cdist(points, self.nodes).square_()
            return torch.logsumexp(self.log_weights - distances / (2 * self.sigma**2), 1)

        parts = [part(points) for points in x.to("cpu", torch.float64).split(rows)]
        return (torch.cat(parts) - normaliser).to(x)

    def _noise(self, n: int, generator: torch.Generator | None) -> Tensor:
        return self.sigma * torch.randn(n, 2, generator=generator, **PLAIN)


def points_of(x: Tensor) -> Tensor:
    """x, if it is points (n, 2)."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise CourseError(f"Expected points of shape (n, 2) as a tensor of floats, got {kind}.")
    if x.ndim != 2 or x.shape[1] != 2:
        raise CourseError(f"Expected points of shape (n, 2), got {tuple(x.shape)}.")
    return x


def width_of_noise(sigma: float) -> float:
    """sigma, if it can be one."""
    return real_number("sigma, the width of the noise,", sigma, "(0, inf)")
