"""Conditional GAN: a GAN whose players are both told the label (Mirza and Osindero 2014).

One change against lesson 02: D judges the pair of image and label. If D were not told, G could
draw any digit for any label and never be found out. Lesson 08.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from course_lib.game import Move, Player, adam
from course_lib.models.conditional import Conditional
from course_lib.models.parts.critics import discriminator_loss, generator_loss
from course_lib.models.parts.images import rescale_condition_weights
from course_lib.models.settings import number


class CGAN(Conditional):
    """G(z, c) against D(x, c), non-saturating, one move each a round."""

    # D has no batch norm, and at G's rate it runs ahead.
    declared: ClassVar = Conditional.declared | {
        "d_lr": number(1e-4, "D's own rate", "(0, inf)")
    }
    recipes: ClassVar = {
        "course": {"classes": 10, "lr": 1e-3, "betas": (0.5, 0.999), "latent": 32}
    }

    def networks(self) -> None:
        self.discriminator = rescale_condition_weights(self.reader(1, self.condition.size))
        latent, length = self.settings["latent"], self.condition.length
        rescale_condition_weights(self.generator, latent, length)

    def judge(self, x: Tensor, condition: Tensor) -> Tensor:
        """D's logits (B,) of images in [−1, 1] with what they are said to show."""
        return self.discriminator(x, condition).squeeze(1)

    def moves(self, rounds: int) -> list[Move]:
        """D moves, then G, on the same fakes."""
        s = self.settings
        betas = s["betas"]
        D = Player("D", self.discriminator.parameters(), adam(s["d_lr"], betas))
        G = Player("G", self.generator.parameters(), adam(s["lr"], betas))
        held: list[tuple[Tensor, Tensor]] = []

        def discriminate(source):
            x, _, condition = self.training_batch(source)
            fake = self.write(source.normal(len(x), s["latent"]), condition)
            held[:] = [(fake, condition)]
            return {
                "D": discriminator_loss(self.judge(x, condition), self.judge(fake, condition))
            }

        def generate(source):
            return {"G": {"fake": generator_loss(self.judge(*held.pop()))}}

        return [Move([D], discriminate), Move([G], generate)]
