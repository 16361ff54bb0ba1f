"""What both linear models share: checked data in, log p(x) out, on one scale."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.models.model import Model
from course_lib.pixels import bits_per_dim, dequantise

LOG_2PI = math.log(2 * math.pi)


class LinearGaussian(Model):
    """A model that is fitted directly; float64, nats unless bits are said."""

    def build(self) -> None:
        self.size = math.prod(self.shape)
        if not (len(self.shape) in (1, 3) and all(n >= 1 for n in self.shape)):
            raise CourseError(f"shape is (C, H, W) or (D,), not {self.shape}.")
        self.fitted = False
        self.allocate()

    def allocate(self) -> None:
        """Make the parameters, zero until `fit`; not trained by gradients."""
        raise NotImplementedError

    def hold(self, **values: Tensor) -> None:
        """Keep these float64 values as parameters without gradients."""
        for name, value in values.items():
            held = nn.Parameter(value.detach().double().clone(), requires_grad=False)
            setattr(self, name, held)

    def data(self, x: Any, generator: torch.Generator | None = None, least: int = 1) -> Tensor:
        """A DataSet, uint8 images (dequantised here) or floats → (N, D) float64, checked."""
        x = getattr(x, "images", x)
        if not isinstance(x, Tensor):
            raise CourseError(f"A data set or a tensor is wanted, not {type(x).__name__}.")
        if len(x) < least:
            raise CourseError(
                f"{type(self).__name__} with settings {self.numbers()} needs at least {least} "
                f"examples, got {len(x)}. Give more data or choose smaller settings."
            )
        x = dequantise(x, generator) if x.dtype == torch.uint8 else x
        x = self.flat(x).to(self.place["device"], torch.float64)
        if not x.isfinite().all():
            bad = int((~x.isfinite()).any(1).sum())
            raise CourseError(f"{bad} of {len(x):,} examples hold NaN or infinity: drop them.")
        if len(self.shape) == 3 and len(x) and not (x.min() >= 0 and x.max() <= 1):
            raise CourseError(
                "Images are wanted as uint8, or dequantised floats in [0, 1]; got values from "
                f"{x.min().item():.3g} to {x.max().item():.3g}."
            )
        return x

    def numbers(self) -> str:
        whole = {k: v for k, v in self.settings.items() if isinstance(v, int) and k != "seed"}
        return ", ".join(f"{name}={value}" for name, value in whole.items())

    def game(self, rounds: int | None = None) -> None:
        """There is none: the maximum is found without gradients."""
        raise CourseError(
            f"{type(self).__name__} is no game: it is fitted directly. Use model.fit(dataset)."
        )

    def ready(self) -> None:
        if self.fitted:
            return
        raise CourseError(f"This {type(self).__name__} knows no data yet: model.fit(dataset).")

    @torch.no_grad()
    def bits_per_dim(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """uint8 images (B, C, H, W), dequantised here with `generator` → (B,) bits/dim."""
        images = getattr(images, "images", images)
        if not (isinstance(images, Tensor) and images.dtype == torch.uint8):
            kind = getattr(images, "dtype", type(images).__name__)
            raise CourseError(f"bits_per_dim wants 8-bit images (uint8, 0 to 255), not {kind}.")
        return bits_per_dim(self.log_prob(dequantise(images, generator)), self.size)

    def picture(self, x: Tensor) -> Tensor:
        """(n, D) → (n, *shape) float32; images are clipped to [0, 1]."""
        x = x.reshape(len(x), *self.shape).float()
        return x.clamp(0, 1) if len(self.shape) == 3 else x

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        super()._load_from_state_dict(*arguments, **options)
        self.fitted = True
