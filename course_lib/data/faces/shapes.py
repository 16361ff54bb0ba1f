"""Drawing with signed distances: a few shapes, and a canvas that they are painted on.

A shape is a function of the plane that is negative inside, positive outside, and near its edge
about the distance to it. Dividing by the width of a pixel turns it into the share of the pixel
that is covered, so edges come out smooth without drawing anything larger first. Coordinates run
from about -1 to 1, x to the right and y downwards.

Only sums, products, quotients and square roots are used, one operation at a time: those are
rounded alike wherever an element lies in memory, so mirrored coordinates give mirrored pixels,
to the last bit. `lerp`, `pow` or `exp` would not promise that.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

TINY = 1e-6


def grid(size: int) -> tuple[Tensor, Tensor]:
    """The middles of the pixels of the square [-1, 1]²: x (1, 1, size), y (1, size, 1).

    Minus x is x mirrored, exactly.
    """
    middles = (2 * torch.arange(size, device="cpu") + 1 - size).to(torch.float32) / size
    return middles.view(1, 1, size), middles.view(1, size, 1)


def ellipse(x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """The ellipse with half-axes a and b about the origin of x and y."""
    across, down = x / a, y / b
    level = across * across + down * down
    return _distance(level, (across / a).square() + (down / b).square())


def squircle(
    x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float, square: float
) -> Tensor:
    """Between the ellipse (square = 0) and its bounding rectangle (1): Fernández-Guasti, 1992."""
    across, down = (x / a).square(), (y / b).square()
    level = across + down - across.clamp(max=1) * (square**2 * down.clamp(max=1))
    return _distance(level, across / a**2 + down / b**2)


def _distance(level: Tensor, slope: Tensor) -> Tensor:
    """(level - 1) / |∇level|, to first order the distance to level = 1; slope: |∇level|² / 4.

    Both are the caller's own sums, and their memory is used.
    """
    return level.sub_(1).div_(slope.add_(TINY).sqrt_().mul_(2))


def egg(
    x: Tensor,
    y: Tensor,
    a: Tensor | float,
    top: Tensor | float,
    bottom: Tensor | float,
    taper: Tensor | float = 0.0,
) -> Tensor:
    """An ellipse of height `top` above and `bottom` below y = 0, narrowed below by `taper`."""
    height = torch.where(y < 0, top, bottom).to(y.dtype)  # of two numbers torch makes its own
    below = (y / height).clamp(0, 1)
    width = a * (1 - taper * below.square())
    return ellipse(x, y, width, height)


def band(y: Tensor, curve: Tensor, slope: Tensor | float, half: Tensor | float) -> Tensor:
    """The line y = curve(x), `half` thick to either side; slope: the curve's, at the same x."""
    return below(y, curve, slope).abs() - half


def below(y: Tensor, curve: Tensor, slope: Tensor | float = 0.0) -> Tensor:
    """The half-plane under the curve y = curve(x), that is, where y is greater."""
    slope = torch.as_tensor(slope, dtype=y.dtype, device=y.device)
    return (curve - y) / (1 + slope.square()).sqrt()


def stroke(
    x: Tensor, y: Tensor, start: tuple, end: tuple, half: float, tip: float | None = None
) -> Tensor:
    """The straight stroke from start = (x, y) to end, round at its ends: `half` thick to either
    side at its start and `tip` (None: the same) at its end. Places are numbers or (n, 1, 1).
    """
    along, down = end[0] - start[0], end[1] - start[1]
    right, low = x - start[0], y - start[1]
    length = along * along + down * down
    inner = right * along + low * down
    t = (inner / length).clamp_(0, 1)
    apart = (right * right + low * low).sub_(inner.mul_(2).sub_(t * length).mul_(t))
    return apart.clamp_(min=0).sqrt_().sub_(half if tip is None else t * (tip - half) + half)


def both(*distances: Tensor) -> Tensor:
    """Where all shapes are: their intersection. A shape's complement is minus its distance."""
    return functools.reduce(torch.maximum, distances)


def either(*distances: Tensor) -> Tensor:
    """Where any of the shapes is: their union."""
    return functools.reduce(torch.minimum, distances)


class Canvas:
    """Images (n, 3, H, W) in [0, 1], or a window of them, with the coordinates of its pixels."""

    def __init__(self, image: Tensor, x: Tensor, y: Tensor, pixel: float) -> None:
        self.image, self.x, self.y, self.pixel = image, x, y, pixel

    @contextmanager
    def window(self, half: float, top: float, bottom: float) -> Iterator[Canvas]:
        """The part with abs(x) <= half and top <= y <= bottom, a canvas of its own until the
        `with` ends. Small parts of a face are painted in a window that holds them (and a pixel
        all round), which saves most of the work.
        """
        columns = _span(self.x.flatten(), -half, half, self.pixel)
        rows = _span(self.y.flatten(), top, bottom, self.pixel)
        covered = self.image[:, :, rows, columns]
        part = Canvas(covered.clone(), self.x[..., columns], self.y[:, rows], self.pixel)
        yield part
        covered.copy_(part.image)

    def paint(
        self,
        shape: Tensor,
        colour: Tensor,
        opacity: Tensor | float = 1.0,
        blur: float = 0.0,
        within: Tensor | None = None,
    ) -> None:
        """Paint the shape, a distance (n, H, W), in `colour` (n, 3) or (3,) over what is there.

        opacity: 0 to 1, a number or a tensor that fits. blur: the width of a soft edge; it is
        never sharper than one pixel. within: another shape, outside of which nothing is painted.
        """
        cover = self.cover(shape, blur)
        if within is not None:
            cover = cover.mul_(self.cover(within))
        self.wash(cover * opacity, colour)

    def wash(self, share: Tensor, colour: Tensor) -> None:
        """Mix `colour` (n, 3) or (3,) into the picture, by a share (n, H, W) for each pixel."""
        share = share[:, None]
        self.image.mul_(1 - share)
        self.image.add_(share * colour.view(-1, 3, 1, 1))

    def cover(self, shape: Tensor, blur: float = 0.0) -> Tensor:
        """How much of each pixel the shape covers, 0 to 1, (n, H, W)."""
        return (shape * (-1 / max(blur, self.pixel))).add_(0.5).clamp_(0, 1)


def _span(middles: Tensor, low: float, high: float, margin: float) -> slice:
    """The slice of the increasing `middles` that lie in [low - margin, high + margin]."""
    low, high = low - margin, high + margin
    start = int((middles < low).sum())
    return slice(start, max(start + 1, int((middles <= high).sum())))
