"""Three CVAE-GANs of lesson 09, of which two have a fault. Diagnose before you read on."""

from __future__ import annotations

from course_lib.checks.exercises import Faults
from course_lib.models import CVAEGAN


class NoiseForALabel(CVAEGAN):
    """x_p is drawn with noise where its label should stand."""

    def forward_pass(self, x, labels, noise, z_p):
        write, calls = CVAEGAN.write, []

        def noisy(z, vector):
            calls.append(z)
            told = vector if len(calls) == 1 else z_p[:, : vector.shape[1]]
            return write(self, z, told)

        self.write = noisy
        try:
            return super().forward_pass(x, labels, noise, z_p)
        finally:
            del self.write


class PixelMean(CVAEGAN):
    """L_G takes means over pixels and over features where line 14 has sums."""

    def reconstruction(self, p):
        error = (p.real - p.rebuilt).square().mean()
        features = (p.d["real"] - p.d["rebuilt"]).square().mean()
        return error + features + (p.c["real"] - p.c["rebuilt"]).square().mean()


faults = Faults({"A": NoiseForALabel, "B": CVAEGAN, "C": PixelMean})
