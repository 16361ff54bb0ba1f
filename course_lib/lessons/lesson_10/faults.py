"""Three flows of lesson 10, of which two have a fault. Diagnose before you read on."""

from __future__ import annotations

from torch import Tensor

from course_lib.checks.exercises import Faults
from course_lib.models import Flow


class _Dana(Flow):
    def inverse(self, z: Tensor) -> Tensor:
        for layer in self.transform.transforms:
            z = layer.inverse(z)
        return z


class _Emil(Flow):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z, log_det = self.transform(x)
        return z, log_det + log_det


class _Fay(Flow):
    pass


faults = Faults({"Dana": _Dana, "Emil": _Emil, "Fay": _Fay})
