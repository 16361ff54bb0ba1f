"""Adversarial autoencoder: the KL term gives way to a discriminator of codes.

A VAE pulls each q(z | x) to the prior; here only their mixture over the data, the *aggregated
posterior* q(z) = E_x q(z | x), has to look like it, and a GAN in z-space sees to that. The
encoder plays twice a round: with the decoder, to rebuild x, and against D, to look like the
prior; two moves, and two states of Adam. The codes are points, so there is no bound on log p(x).
Makhzani et al. (2016); lesson 08.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from course_lib.game import Move, Player, adam
from course_lib.models.conditional import LatentVariableModel
from course_lib.models.model import mlp
from course_lib.models.parts.critics import discriminator_loss, generator_loss
from course_lib.models.settings import number


class AAE(LatentVariableModel):
    """An autoencoder whose codes are made to look like N(0, I)."""

    declared: ClassVar = LatentVariableModel.declared | {
        "d_lr": number(2e-4, "D's and the encoder's in the game about the codes", "(0, inf)")
    }
    recipes: ClassVar = {"course": {"latent": 8, "lr": 1e-3}}

    def networks(self) -> None:
        s = self.settings
        self.encoder = self.reader(s["latent"], self.condition.size)
        widths = [s["latent"], s["dense"], s["dense"], 1]
        self.discriminator = mlp(widths, nn.LeakyReLU, negative_slope=0.2)

    def posterior(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """The code and log 0: q(z | x, c) is a point."""
        code = self.encoder(x, condition)
        return code, torch.full_like(code, -torch.inf)

    def moves(self, rounds: int) -> list[Move]:
        """Encoder and decoder rebuild; then D and the encoder play about the codes."""
        s = self.settings
        betas, E = s["betas"], list(self.encoder.parameters())
        both = Player("AE", [*E, *self.decoding()], adam(s["lr"], betas))
        D = Player("D", self.discriminator.parameters(), adam(s["d_lr"], (0.5, 0.999)))
        encoder = Player("E", E, adam(s["d_lr"], (0.5, 0.999)))
        held: list[tuple[Tensor, Tensor]] = []

        def rebuild(source):
            x, _, condition = self.training_batch(source)
            held[:] = [(self.seen(x), condition)]
            code = self.encoder(*held[0])
            return {"AE": {"reconstruction": -self.log_p_x(x, code, condition).mean()}}

        def match(source):
            code = self.encoder(*held.pop())
            fake = self.discriminator(code).squeeze(1)
            real = self.discriminator(source.normal(*code.shape)).squeeze(1)
            return {"D": discriminator_loss(real, fake), "E": {"fake": generator_loss(fake)}}

        return [Move([both], rebuild), Move([D, encoder], match)]
