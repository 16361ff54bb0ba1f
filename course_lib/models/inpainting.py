"""Filling missing pixels with a flow: draws from p(missing | known), by its own density.

Pixels are the wrong place to walk in: the density of black background changes by orders of
magnitude within one grey level. Two other spaces serve. In the latent space z the prior is a
plain Gaussian, so gradient steps on log N(z; 0, T²) and the agreement with the known pixels
move whole strokes at once: they find a start. In the logit space y the known pixels are held
and the others take Langevin steps on log p(y), accepted or refused by Metropolis' rule
(Roberts and Tweedie 1996), so that in the long run they are draws from the conditional
density. NICE (Dinh et al. 2014, section 5.2) walks in x without the rule. Lesson 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.errors import CourseError, real_number, whole_number
from course_lib.models.realnvp import RealNVP
from course_lib.pixels import TO_UNIT, require_unit

LOOSE, TIGHT = 0.3, 0.03  # σ of the agreement with the known pixels, first and last
WANTED = 0.57  # share of accepted Langevin steps at which they travel furthest
CONTRAST = 3.5


def inpaint(flow: RealNVP, image: Tensor, known: Tensor, **options: Any) -> Tensor:
    """image (B, C, H, W) with its unknown pixels filled; the known ones stay bit for bit.

    The last of what `filling` yields, with its options.
    """
    *_, filled = filling(flow, image, known, **options)
    return filled


def filling(
    flow: RealNVP,
    image: Tensor,
    known: Tensor,
    *,
    steps: int = 120,
    step_size: float = 0.1,
    generator: torch.Generator | None = None,
    temperature: float = 1.0,
    labels: Tensor | None = None,
) -> Iterator[Tensor]:
    """`inpaint` step by step: the start, a draw from the flow, and the image after each step.

    image        dequantised pixels in [0, 1], as `log_prob` takes them; the unknown are not read
    known        bool, (H, W) or (B, C, H, W)
    steps        the first half finds a start in z, the second half is Langevin's in y; each
                 step evaluates the flow and its gradient once
    step_size    of the first step; Langevin's adapts to each image until half of its steps
                 are done, and is constant from then on
    temperature  that of z, as in `sample`
    labels       (B,), for a flow that is conditioned on them

    Yields steps + 1 images (B, C, H, W). Raises CourseError for shapes, masks, pixels and numbers
    that do not fit, at the call, before any step.
    """
    image, known = _checked(flow, image, known)
    steps = whole_number("steps", steps, 0)
    step_size = real_number("step_size", step_size, "(0, inf)")
    temperature = real_number("temperature", temperature, "(0, inf)")
    with torch.no_grad():
        target, _ = flow.logit(torch.where(known, image, 0.5))
    conditional = _Conditional(flow, target, known, temperature, labels)

    def walk() -> Iterator[Tensor]:
        z = temperature * flow.noise(len(image), flow.dimensions, generator=generator)
        found = conditional.decode(z)
        yield conditional.pixels(found, image)
        for found in search(conditional, z, steps // 2, step_size):
            yield conditional.pixels(found, image)
        for y in langevin(conditional, found, steps - steps // 2, step_size, generator):
            yield conditional.pixels(y, image)

    return walk()


class _Conditional:
    """The density of the unknown logits y given the known ones, up to a constant."""

    def __init__(self, flow, target, known, temperature, labels) -> None:
        self.flow, self.target, self.known = flow, target, known
        self.temperature = temperature
        self.condition = flow.conditions(labels, len(target))
        edge = flow.logit(target.new_ones(1, 1))[0].item()
        self.slope = CONTRAST / edge  # the sigmoid of slope·y tells ink from paper and no more

    def energy(self, z: Tensor) -> Tensor:
        return 0.5 * z.square().sum(1) / self.temperature**2

    def log_density(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """log p(y) (B,) without its constant, and its gradient, 0 at known pixels."""
        with torch.enable_grad():
            y = y.detach().requires_grad_()
            z, log_det = self.flow.flow(y, self.condition)
            value = log_det - self.energy(z)
            (slope,) = torch.autograd.grad(value.sum(), y)
        return value.detach(), slope.masked_fill(self.known, 0)

    def misfit(self, y: Tensor) -> Tensor:
        """Squared disagreement with the known pixels, (B,)."""
        gap = (self.slope * y).sigmoid() - (self.slope * self.target).sigmoid()
        return gap.square().masked_fill(~self.known, 0).flatten(1).sum(1)

    def hold(self, y: Tensor) -> Tensor:
        return torch.where(self.known, self.target, y)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        return self.hold(self.flow.flow.inverse(z, self.condition))

    def pixels(self, y: Tensor, image: Tensor) -> Tensor:
        return torch.where(self.known, image, self.flow.logit.inverse(y).clamp(0, 1))


def search(
    conditional: _Conditional, z: Tensor, steps: int, step_size: float
) -> Iterator[Tensor]:
    """Gradient steps in z on log N(z; 0, T²) − misfit/2σ², while σ shrinks; yields logits y."""
    z = z.detach().clone()
    optimiser = torch.optim.Adam([z], step_size, betas=(0.8, 0.95))
    for i in range(steps):
        done = i / max(1, steps - 1)
        sigma = LOOSE * (TIGHT / LOOSE) ** done
        optimiser.param_groups[0]["lr"] = step_size * (1 - 0.8 * done)
        with torch.enable_grad():
            point = z.detach().requires_grad_()
            y = conditional.flow.flow.inverse(point, conditional.condition)
            loss = conditional.energy(point) + conditional.misfit(y) / (2 * sigma**2)
            (z.grad,) = torch.autograd.grad(loss.sum(), point)
        optimiser.step()
        yield conditional.hold(y.detach()) if i + 1 < steps else conditional.decode(z)


def langevin(
    conditional: _Conditional,
    y: Tensor,
    steps: int,
    step_size: float,
    generator: torch.Generator | None,
) -> Iterator[Tensor]:
    """Metropolis-adjusted Langevin steps on log p(y), y (B, C, H, W); yields y after each.

    y′ = y + ½ε² ∇log p(y) + ε·noise is accepted with probability min(1, p(y′) q(y | y′) /
    p(y) q(y′ | y)). Every image has its own ε, which adapts during the first half.
    """
    if not steps:
        return
    free = (~conditional.known).to(y.dtype)
    size = y.new_full((len(y), 1, 1, 1), step_size)
    value, slope = conditional.log_density(y)

    def log_q(end: Tensor, begin: Tensor, slope: Tensor) -> Tensor:
        gap = (end - begin - size**2 / 2 * slope) * free
        return -(gap / size).square().flatten(1).sum(1) / 2

    for i in range(steps):
        noise = conditional.flow.noise(*y.shape, generator=generator)
        coin = conditional.flow.noise(len(y), generator=generator)
        new = y + (size**2 / 2 * slope + size * noise) * free
        new_value, new_slope = conditional.log_density(new)
        log_ratio = new_value - value + log_q(y, new, new_slope) - log_q(new, y, slope)
        chance = log_ratio.clamp(max=0).exp().nan_to_num(0)
        taken = torch.special.ndtr(coin) < chance
        wide = taken.view(-1, 1, 1, 1)
        y, slope = torch.where(wide, new, y), torch.where(wide, new_slope, slope)
        value = torch.where(taken, new_value, value)
        if i < steps // 2:
            size = size * (0.15 * (chance - WANTED)).exp().view(-1, 1, 1, 1)
        yield y


def _checked(flow: RealNVP, image: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """image as the flow has its numbers, and the mask in the image's shape."""
    if not isinstance(flow, RealNVP):
        raise CourseError(f"inpaint wants a RealNVP, got {type(flow).__name__}.")
    shape = tuple(flow.shape)
    image = flow.flat(image).view(-1, *shape)
    if known.dtype != torch.bool:
        raise CourseError(
            f"known must be a bool mask, True where a pixel is known; got {known.dtype}."
        )
    if tuple(known.shape) not in (shape[1:], tuple(image.shape)):
        raise CourseError(
            f"known must have the shape {shape[1:]} or {tuple(image.shape)}, got "
            f"{tuple(known.shape)}."
        )
    known = known.to(image.device).expand(image.shape)
    require_unit(image[known], "Known pixels", TO_UNIT)
    return image, known
