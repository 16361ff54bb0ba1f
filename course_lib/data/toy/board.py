"""The checkerboard: sharp edges and holes, the hardest of the toys for a smooth model."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.data.toy.base import PLAIN, Toy, points_of
from course_lib.errors import real_number, whole_number


class Checkerboard(Toy):
    """Uniform on every other square of a board; no blur, so the density is exactly flat."""

    def __init__(self, squares: int = 4, width: float = 4.0) -> None:
        self.squares = whole_number("squares", squares, 2, 1000)
        self.width = real_number("width", width)
        line = torch.arange(self.squares, device="cpu")
        cells = torch.cartesian_prod(line, line)
        self.cells = cells[cells.sum(1) % 2 == 0]

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """The component is the square that each lies on."""
        which = torch.randint(len(self.cells), (n,), generator=generator, device="cpu")
        # A hair's breadth off the edges, so that rounding moves no point across one.
        inside = torch.rand(n, 2, generator=generator, **PLAIN).clamp_(2**-18, 1 - 2**-18)
        size = self.width / self.squares
        return (self.cells[which] + inside) * size - self.width / 2, which

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats at points x (n, 2), (n,): −log of the area, or −inf."""
        size = self.width / self.squares
        cell = ((points_of(x) + self.width / 2) / size).floor()
        on_board = ((cell >= 0) & (cell < self.squares)).all(1)
        inside = on_board & (cell.sum(1) % 2 == 0)
        level = -math.log(len(self.cells) * size**2)
        return torch.where(inside, level, -math.inf).to(x.dtype)
