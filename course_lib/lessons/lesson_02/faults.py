"""Three games of lesson 02 on a ring of points, of which two are broken: name → (G, D) → game.

They stand here so that the lesson's page does not give the answer away.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from course_lib.checks.exercises import Faults
from course_lib.game import Game, Move, Player, adam
from course_lib.lessons.lesson_02.exercises import discriminator_loss, generator_loss


def _points_game(run: str, G: nn.Sequential, D: nn.Sequential) -> Game:
    if run == "A":
        D.append(nn.Sigmoid())
    kept: list[Tensor] = []

    def discriminate(source):
        x = source.batch().x
        fake = G(source.normal(len(x), 2))
        if run == "C":
            kept[:] = kept or [fake.detach()]
            fake = kept[0]
        return {"D": discriminator_loss(D(x), D(fake))}

    def generate(source):
        logits = D(G(source.normal(source.size, 2)))
        return {"G": {"fake": generator_loss(logits, "non-saturating")}}

    players = [
        Player(name, net.parameters(), adam(1e-3, (0.5, 0.999)))
        for name, net in (("D", D), ("G", G))
    ]
    return Game([Move(players[:1], discriminate), Move(players[1:], generate)])


faults = Faults({run: partial(_points_game, run) for run in "ABC"})
