"""What report A's code trains in its essentials, rebuilt on the course's networks (E13, E14)."""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot, softplus

from course_lib.game import Game, Move, Player, adam
from course_lib.models import CVAEGAN
from course_lib.models.vae import gaussian_kl


def report_game(model: CVAEGAN) -> Game:
    """What A's code trains, in its essentials, on the networks of `model` (of ten classes).

    E isn't told the label. D sees real images and G of plain noise, label slots and all. C has
    ten sigmoids. One player, EG, takes a pixel *mean*, a KL *summed* over the batch, and the
    cross-entropies of D and C besides; there is no matching of features.
    """
    s = model.settings
    make = adam(s["lr"], tuple(s["betas"]))
    D, C = model.discriminator, model.classifier
    players = [
        Player("D", D.parameters(), make),
        Player("C", C.parameters(), make),
        Player("EG", [*model.encoder.parameters(), *model.generator.parameters()], make),
    ]

    def losses(source):
        x, labels, vector = model.training_batch(source)
        target = one_hot(labels, 10).to(x)
        mean, log_var = model.posterior(x, torch.zeros_like(vector))
        z = mean + (0.5 * log_var).exp() * source.normal(len(x), s["latent"])
        rebuilt = model.write(z, vector)
        fake = model.generator(source.normal(len(x), s["latent"] + 10))
        return {
            "D": {
                "real": softplus(-D(x)).mean(),
                "fake": softplus(D(fake)).mean(),
            },
            "C": {"class": binary_cross_entropy_with_logits(C(x), target)},
            "EG": {
                "pixels": (x - rebuilt).square().mean(),
                "kl": gaussian_kl(mean, log_var).sum(),
                "fool": softplus(-D(rebuilt)).mean(),
                "class": binary_cross_entropy_with_logits(C(rebuilt), target),
            },
        }

    return Game([Move(players, losses)], after=model.after)
