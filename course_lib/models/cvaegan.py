"""CVAE-GAN: encoder, generator, discriminator and classifier in one game (Bao et al. 2017).

Derived term by term in lesson 09. Report A, section 3.4, prints the algorithm; its code trains
another model (E13, E14). The asymmetry is the point: D and C learn by cross-entropy, but G is
never told to fool them. It matches the *means* of their features, and the features of what it
reconstructs. All losses come from one forward pass; then all four players move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from course_lib.errors import CourseError
from course_lib.game import Move, Player, adam
from course_lib.models.conditional import Autoencoder
from course_lib.models.parts.centres import Centres
from course_lib.models.parts.images import rescale_condition_weights
from course_lib.models.parts.likelihoods import gaussian_kl
from course_lib.models.settings import number

PAPER_SIZE = 3 * 128 * 128  # numbers in one image of theirs


@dataclass(frozen=True)
class Pass:
    """All that the losses are computed from: one forward pass on a batch.

    real, rebuilt, drawn  images x_r, x_f = G(E(x_r, c), c), x_p = G(z_p, c), in [−1, 1]
    mean, log_var         of q(z | x_r, c)
    judged, read          D's logits (B,) and C's logits (B, outputs): of which images by name
    d, c                  features f_D and f_C by name, each (B, dense); those of real ones
                          carry no gradient
    """

    labels: Tensor
    real: Tensor
    rebuilt: Tensor
    drawn: Tensor
    mean: Tensor
    log_var: Tensor
    judged: dict[str, Tensor]
    read: Tensor
    d: dict[str, Tensor]
    c: dict[str, Tensor]


# λ1 and λ2 are the paper's, on the plain sum of 784 pixels. As if enlarged, z holds 40 nats,
# the class among them, and G ignores its label; plain about 8, and it obeys. λ3 and λ4
# go with the size of the features, so they can't be carried over; λ4 also makes up for the
# tenth of a gradient that a moving centre lets through. See lesson 09, section 5.
DIGITS = {
    "classes": 10,
    "lambdas": (3.0, 1.0, 1.0, 10.0),
    "sized_for": 28 * 28,
    "width": 16,
    "lr": 1e-3,
    "betas": (0.5, 0.999),  # momentum turns games outwards (lesson 05)
    "average": 0.99,
}


class CVAEGAN(Autoencoder):
    """The CVAE-GAN on digits (classes) or faces (attributes), any size that DCGAN takes.

    A smaller image has fewer squared errors to sum, while KL and features stay as they are: with
    λ alone unchanged KL would weigh 63 times more at 28×28 than at 128×128×3. So the pixels' sum
    is multiplied by sized_for / (C·H·W), as if the image were enlarged to their size;
    sized_for = C·H·W takes λ literally. The paper gives no `decay`.

    Recipes: "report" (A5's settings), "course" (digits), "faces" (64×64, five attributes).
    """

    declared: ClassVar = Autoencoder.declared | {
        "lambdas": number(
            (3.0, 1.0, 1e-3, 1e-3),
            "λ1 of KL, λ2 of L_G, λ3 of L_GD, λ4 of L_GC",
            "[0, inf)",
            many=4,
            search=((3, 1, 1e-3, 1e-3), (3, 1, 1, 10), (3, 1, 1, 1), (1, 1, 1, 10)),
        ),
        "matched": number(
            (1.0, 1.0, 1.0), "weights in L_G of pixels, f_D, f_C (paper: 1)", "[0, inf)", many=3
        ),
        "sized_for": number(PAPER_SIZE, "numbers in an image for which λ is meant", "(0, inf)"),
        "decay": number(0.9, "of the moving feature centres of L_GC", "[0, 1)"),
    }
    recipes: ClassVar = {
        "course": DIGITS,
        "report": {"classes": 10, "latent": 100, "lr": 1e-4, "batch": 128, "rounds": 200 * 468},
        # Here enlarged it is: with the plain sum z held 11 nats and lost the colours.
        "faces": DIGITS
        | {
            "shape": (3, 64, 64),
            "classes": 0,
            "attributes": ("glasses", "beard", "smile", "mouth_open>0.5", "skin>0.5"),
            "sized_for": PAPER_SIZE,
            "latent": 32,
            "average": 0.998,
            "batch": 32,
            "rounds": 4_000,
        },
    }

    def networks(self) -> None:
        s = self.settings
        if not self.condition.size:
            raise CourseError(
                "A CVAE-GAN is conditional: build it with classes (digits: 10) or attributes. "
                "Without labels there is VAEGAN."
            )
        if not s["lambdas"][0] + s["lambdas"][1] > 0:
            raise CourseError("λ1 or λ2 must be above 0, or E learns nothing.")
        super().networks()
        rescale_condition_weights(self.generator, s["latent"], self.condition.length)
        self.discriminator = self.reader(1)
        self.classifier = self.reader(self.condition.outputs)
        groups = self.condition.groups
        self.real_centres = Centres(groups, s["dense"], s["decay"])
        self.drawn_centres = Centres(groups, s["dense"], s["decay"])
        self.pixel_weight = s["sized_for"] / torch.Size(self.shape).numel()

    # Algorithm 1 ---------------------------------------------------------------------------
    def forward_pass(self, x: Tensor, labels: Tensor, noise: Tensor, z_p: Tensor) -> Pass:
        """Lines 2 to 8: x in [−1, 1] with its labels; noise, z_p (B, latent) standard normal."""
        condition = self.condition.vectors(labels, len(x), **self.place)
        mean, log_var = self.posterior(x, condition)
        rebuilt = self.write(mean + (0.5 * log_var).exp() * noise, condition)
        # Apart, so that batch norm mixes neither with the other.
        drawn = self.write(z_p, condition)
        images = {"real": x, "rebuilt": rebuilt, "drawn": drawn}
        # Not in one batch: a backward pass then visits only the images that a loss is about.
        d = {name: self.discriminator.features(image) for name, image in images.items()}
        c = {name: self.classifier.features(image) for name, image in images.items()}
        judged = {name: self.discriminator.head(f).squeeze(1) for name, f in d.items()}
        read = self.classifier.head(c["real"])  # C learns from real images only
        for features in (d, c):
            features["real"] = features["real"].detach()
        return Pass(labels, x, rebuilt, drawn, mean, log_var, judged, read, d, c)

    def discriminator_terms(self, p: Pass) -> dict[str, Tensor]:
        """L_D, line 9: three terms ≥ 0 in nats, log 2 each where D knows nothing."""
        return {
            "real": softplus(-p.judged["real"]).mean(),
            "rebuilt": softplus(p.judged["rebuilt"]).mean(),
            "drawn": softplus(p.judged["drawn"]).mean(),
        }

    def classifier_terms(self, p: Pass) -> dict[str, Tensor]:
        """L_C, line 3: −log P(c | x_r) of real images, in nats."""
        return {"class": self.condition.loss(p.read, p.labels).mean()}

    def reconstruction(self, p: Pass) -> Tensor:
        """L_G, line 14: ½ of three squared distances, summed over numbers, mean over images."""
        pixels, d, c = self.settings["matched"]
        total = pixels * self.pixel_weight * _squared(p.real - p.rebuilt)
        total = total + d * _squared(p.d["real"] - p.d["rebuilt"])
        total = total + c * _squared(p.c["real"] - p.c["rebuilt"])
        return 0.5 * total.mean()

    def mean_matching(self, p: Pass, mean) -> Tensor:
        """L_GD, line 11: ½ ‖mean f_D(x_r) − mean f_D(x_p)‖²; mean: over processes."""
        return 0.5 * _squared(mean(p.d["real"].mean(0) - p.d["drawn"].mean(0))[None]).sum()

    def class_mean_matching(self, p: Pass, mean) -> Tensor:
        """L_GC, lines 12 and 13: ½ Σ_c ‖centre_c(x_r) − centre_c(x_p)‖², moving centres."""
        members = self.condition.members(p.labels, **self.place)
        real, there = self.real_centres.moved(p.c["real"], members, mean)
        drawn, _ = self.drawn_centres.moved(p.c["drawn"], members, mean)
        return 0.5 * (_squared(real - drawn) * there).sum()

    def losses(self, p: Pass, mean=lambda x: x) -> dict[str, dict[str, Tensor]]:
        """What each player descends, lines 15 to 18."""
        one, two, three, four = self.settings["lambdas"]
        rebuilt = two * self.reconstruction(p)
        return {
            "C": self.classifier_terms(p),
            "D": self.discriminator_terms(p),
            "G": {
                "reconstruction": rebuilt,
                "mean": three * self.mean_matching(p, mean),
                "class means": four * self.class_mean_matching(p, mean),
            },
            "E": {"kl": one * gaussian_kl(p.mean, p.log_var).mean(), "reconstruction": rebuilt},
        }

    def moves(self, rounds: int) -> list[Move]:
        """One move of four players: all losses from one forward pass, then all step."""
        s = self.settings
        networks = {
            "C": self.classifier,
            "D": self.discriminator,
            "G": self.generator,
            "E": self.encoder,
        }
        players = [
            Player(name, network.parameters(), adam(s["lr"], s["betas"]))
            for name, network in networks.items()
        ]

        def losses(source):
            x, labels, _ = self.training_batch(source)
            size = (len(x), s["latent"])
            noise, z_p = source.normal(*size), source.normal(*size)
            return self.losses(self.forward_pass(x, labels, noise, z_p), source.mean)

        return [Move(players, losses)]

    def after(self, t: int) -> None:
        """The centres of this round become history."""
        self.real_centres.keep()
        self.drawn_centres.keep()
        super().after(t)


def _squared(x: Tensor) -> Tensor:
    """‖x‖² of each row of (B, …), (B,)."""
    return x.flatten(1).square().sum(1)
