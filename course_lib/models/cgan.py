"""Conditional GAN: a GAN whose players are both told the label (Mirza and Osindero 2014).

One change against lesson 02: D judges the pair of image and label. If D were not told, G could
draw any digit for any label and never be found out. Lesson 08.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from course_lib.errors import CourseError
from course_lib.game import Game, Move, Player, adam
from course_lib.models.conditional import SHARED, Conditional
from course_lib.models.parts.images import attentive, obedient
from course_lib.models.parts.losses import discriminator_loss, generator_loss


class CGAN(Conditional):
    """G(z, c) against D(x, c), non-saturating, one move each a round. See `Conditional`.

    d_lr  D's rate; D has no batch norm, and at G's rate it runs ahead
    """

    recipes: ClassVar = {
        "course": SHARED | {"lr": 1e-3, "d_lr": 1e-4, "betas": (0.5, 0.999), "latent": 32}
    }

    def networks(self) -> None:
        if not self.settings["d_lr"] > 0:
            raise CourseError(f"d_lr must be positive, not {self.settings['d_lr']!r}.")
        self.discriminator = attentive(self.reader(1, self.condition.size))
        obedient(self.generator, self.settings["latent"], self.condition.length)

    def judge(self, x: Tensor, vector: Tensor) -> Tensor:
        """D's logits (B,) of images in [−1, 1] with what they are said to show."""
        return self.discriminator(x, vector).squeeze(1)

    def game(self, rounds: int | None = None) -> Game:
        """D moves, then G, on the same fakes."""
        s = self.settings
        betas = tuple(s["betas"])
        D = Player("D", self.discriminator.parameters(), adam(s["d_lr"], betas))
        G = Player("G", self.generator.parameters(), adam(s["lr"], betas))
        held: list[tuple[Tensor, Tensor]] = []

        def discriminate(source):
            x, _, vector = self.drawn(source)
            fake = self.write(source.normal(len(x), s["latent"]), vector)
            held[:] = [(fake, vector)]
            return {"D": discriminator_loss(self.judge(x, vector), self.judge(fake, vector))}

        def generate(source):
            return {"G": {"fake": generator_loss(self.judge(*held.pop()))}}

        return Game([Move([D], discriminate), Move([G], generate)], after=self.after)
