"""Three DCGANs of lesson 04, of which two have a fault. Diagnose before you read on."""

from __future__ import annotations

from torch import Tensor

from course_lib.checks.exercises import Faults
from course_lib.models import DCGAN
from course_lib.training import Game, Move


class _Eager(DCGAN):
    """D is told that real images are real with "probability" 1.2."""

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        self.on_real, on_fake = super().judge(real, fake)
        return self.on_real, on_fake

    def game(self, rounds: int | None = None) -> Game:
        game = super().game(rounds)
        first, second = game.round

        def discriminate(source):
            terms = dict(first.losses(source)["D"])
            # a·softplus(−ℓ) + (1 − a)·softplus(ℓ) = softplus(−ℓ) + (1 − a)·ℓ with a = 1.2
            terms["real"] = terms["real"] - 0.2 * self.on_real.mean()
            return {"D": terms}

        return Game([Move(first.players, discriminate, times=first.times), second])


class _Raw(DCGAN):
    """Real images reach D in [0, 1], generated ones in [−1, 1]."""

    def seen(self, x: Tensor) -> Tensor:
        return self.flat(x).view(-1, *self.shape)


faults = Faults({"A": _Eager, "B": _Raw, "C": DCGAN})
