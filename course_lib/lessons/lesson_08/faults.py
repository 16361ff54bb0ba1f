"""Three CVAEs of lesson 08, of which two have a fault. Diagnose before you read on."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.checks.exercises import Faults
from course_lib.models import CVAE


class _DecoderUntold(CVAE):
    """Its decoder hears zeros where the label was."""

    def log_p_x(self, x: Tensor, z: Tensor, vector: Tensor) -> Tensor:
        return super().log_p_x(x, z, torch.zeros_like(vector))

    def write(self, z: Tensor, vector: Tensor) -> Tensor:
        return super().write(z, torch.zeros_like(vector))


class _KLLeftOut(CVAE):
    """It descends the reconstruction loss alone."""

    def terms(self, x: Tensor, vector: Tensor, noise: Tensor) -> dict[str, Tensor]:
        found = super().terms(x, vector, noise)
        return found | {"kl": 0 * found["kl"]} if self.training else found


faults = Faults({"Ines": _DecoderUntold, "Juri": CVAE, "Kim": _KLLeftOut})
