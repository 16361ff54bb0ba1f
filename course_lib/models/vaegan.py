"""VAE/GAN: a VAE that measures its reconstructions by a discriminator's features.

A squared error of pixels punishes a stroke that is a pixel off more than a blur. So the
likelihood is a Gaussian on f(x), what D's convolutions give, and D learns what matters by telling
real images from drawn and rebuilt ones. Who receives which gradient is the model (Algorithm 1 of
Larsen et al. 2016): E the KL and the features, G the features times γ and the GAN's loss, D the
GAN's loss alone: moved by the feature term, it would make all images look alike. Lesson 08.
"""

from __future__ import annotations

from typing import ClassVar

from torch.nn.functional import softplus

from course_lib.game import Move, Player, adam
from course_lib.models.conditional import Autoencoder
from course_lib.models.parts.critics import generator_loss
from course_lib.models.parts.likelihoods import gaussian_kl
from course_lib.models.settings import number


class VAEGAN(Autoencoder):
    """VAE/GAN; with classes or attributes E and G are told them.

    Features have no units of their own: with too large a σ the KL wins and the codes say nothing.
    Where D runs ahead, its features change faster than G can follow.
    """

    declared: ClassVar = Autoencoder.declared | {
        "gamma": number(0.1, "γ, weight of the feature term in G's loss", "(0, inf)"),
        "sigma": number(0.1, "width of the Gaussian on features", "(0, inf)"),
        "d_lr": number(1e-4, "D's own rate", "(0, inf)"),
    }
    recipes: ClassVar = {"course": {"lr": 1e-3, "betas": (0.5, 0.999)}}

    def networks(self) -> None:
        super().networks()
        self.discriminator = self.reader(1)

    def moves(self, rounds: int) -> list[Move]:
        """One move of three players, all losses from one forward pass."""
        s = self.settings
        betas = s["betas"]
        E = Player("E", self.encoder.parameters(), adam(s["lr"], betas))
        G = Player("G", self.generator.parameters(), adam(s["lr"], betas))
        D = Player("D", self.discriminator.parameters(), adam(s["d_lr"], betas))

        def losses(source):
            x, _, condition = self.training_batch(source)
            size = (len(x), s["latent"])
            mean, log_var = self.posterior(x, condition)
            rebuilt = self.write(mean + (0.5 * log_var).exp() * source.normal(*size), condition)
            drawn = self.write(source.normal(*size), condition)
            # −log p(f(x) | z) up to a constant: a squared distance, summed over features.
            distance = self.discriminator.trunk(x).detach() - self.discriminator.trunk(rebuilt)
            features = 0.5 * (distance / s["sigma"]).square().sum(1).mean()
            real, again, new = (self.discriminator(i).squeeze(1) for i in (x, rebuilt, drawn))
            return {
                "E": {"kl": gaussian_kl(mean, log_var).mean(), "features": features},
                "G": {
                    "features": s["gamma"] * features,
                    "rebuilt": generator_loss(again),
                    "drawn": generator_loss(new),
                },
                "D": {
                    "real": softplus(-real).mean(),
                    "rebuilt": softplus(again).mean(),
                    "drawn": softplus(new).mean(),
                },
            }

        return [Move([E, G, D], losses)]
