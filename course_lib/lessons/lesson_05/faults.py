"""Three games of lesson 05 for a GAN of points: one is WGAN-GP, two are not. name → model → game.

They stand here so that the lesson's page does not give the answer away.
"""

from __future__ import annotations

from functools import partial

from course_lib.checks.exercises import Faults
from course_lib.game import Game, Move, Player, adam
from course_lib.models.gan import GAN
from course_lib.models.parts.critics import gradient_penalty, score_loss, wasserstein_loss


def _critics_game(run: str, model: GAN) -> Game:
    s = model.settings

    def discriminate(source):
        real = source.batch().x
        fake = model.generator(source.normal(len(real), s["latent"]))
        losses = wasserstein_loss(*model.judge(real, fake))
        term = s["penalty"] * gradient_penalty(
            model.discriminator, real, fake, source.uniform(len(real))
        )
        losses["penalty"] = term.detach() if run == "B" else term
        return {"D": losses}

    def generate(source):
        fake = model.generator(source.normal(source.size, s["latent"]))
        loss = score_loss(model.discriminator(fake).squeeze(1))
        return {"G": {"fake": -loss if run == "A" else loss}}

    players = [
        Player(name, network.parameters(), adam(s["lr"], tuple(s["betas"])))
        for name, network in (("D", model.discriminator), ("G", model.generator))
    ]
    return Game([Move(players[:1], discriminate, times=s["k"]), Move(players[1:], generate)])


faults = Faults({run: partial(_critics_game, run) for run in "ABC"})
