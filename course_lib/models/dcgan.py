"""DCGAN: a GAN whose networks are convolutional, by the rules of Radford et al. (2016).

Lesson 04 derives why each rule is there. The game is the GAN's; only where D has batch norm are
its real and its fake batch judged apart, for normalised together each image's verdict would
tell how many others are fake. Settings of reports A (A2, A3) and B (B1).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from course_lib.errors import CourseError
from course_lib.models.gan import GAN, PLAY
from course_lib.models.parts import convolutions, critics
from course_lib.models.parts.computing import evaluating, in_parts
from course_lib.models.settings import COMMON, choice, number, whole

# At 2e-4, the paper's rate, digits take several times as many rounds to the same Fréchet distance.
COURSE = {"latent": 100, "betas": (0.5, 0.999), "lr": 1e-3}


class DCGAN(GAN):
    """A convolutional GAN for square images of 28, 32, 64 … pixels (4·2ⁿ or 7·2ⁿ).

    norm "dcgan": batch norm everywhere but at G's output, D's input and D's output; "everywhere":
    there too, but at the logit (E05); "generator": in G as in "dcgan", not in D; "none".
    init "dcgan": N(0, .02²) for weights, N(1, .02²) for batch-norm scales. How the game is
    played: see `GAN`.

    Recipes: "course" (28×28), "report" (64×64 in colour: A3, B1), "a2" (what report A's code
    calls a DCGAN), and the course's with a critic: "wgan", "wgan-gp", "sn-gan".
    """

    declared: ClassVar = (
        COMMON
        | PLAY
        | {
            "width": whole(
                32,
                "channels next to the image; each step towards z doubles them",
                search=(16, 32, 64),
            ),
            "norm": choice("dcgan", convolutions.NORMS, "where batch norm is"),
            "up": choice(
                "transposed", convolutions.UPS, "G's steps; dense: report A on digits"
            ),
            "down": choice("strided", convolutions.DOWNS, "D's steps"),
            "dense": whole(0, "width of a hidden layer in D, or 0", "[0, 1000000]"),
            "slope": number(0.2, "of D's leaky ReLU; 0: ReLU", "[0, 1)"),
            "init": choice("dcgan", convolutions.INITS, "of the weights"),
        }
    )
    recipes: ClassVar = {
        "course": COURSE,
        # B1 has the same networks and 100 epochs of CelebA.
        "report": COURSE
        | {"shape": (3, 64, 64), "width": 64, "lr": 2e-4, "batch": 128, "rounds": 50 * 216},
        # k = 3 is in report A's code only. Of its biases, those beside a batch norm are left out.
        "a2": {
            "latent": 100,
            "norm": "generator",
            "up": "dense",
            "down": "pooling",
            "dense": 1024,
            "init": "torch",
            "k": 3,
            "lr": 3e-4,
            "batch": 128,
            "rounds": 100 * 468,
        },
        "wgan": COURSE | critics.WGAN,
        "wgan-gp": COURSE | {"norm": "generator"} | critics.WGAN_GP,
        "sn-gan": COURSE | {"norm": "generator"} | critics.SN_GAN,
    }
    at_once = 256

    def networks(self) -> None:
        s = self.settings
        self.generator = convolutions.generator(
            self.shape, s["latent"], s["width"], norm=s["norm"], up=s["up"]
        )
        self.discriminator = convolutions.discriminator(
            self.shape,
            s["width"],
            norm=s["norm"],
            down=s["down"],
            dense=s["dense"],
            slope=s["slope"],
        )
        self.apart = convolutions.normalises(self.discriminator)
        if self.apart and s["critic"] == "penalised":
            raise CourseError(
                "The gradient penalty is about each image alone, and batch norm in D mixes "
                f'them: with critic="penalised" choose norm="generator", not {s["norm"]!r}.'
            )
        if s["init"] == "dcgan":
            convolutions.initialise(self)
        self.to(memory_format=torch.channels_last)

    def seen(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] as the networks see them: rescaled to [−1, 1]."""
        return super().seen(x).view(-1, *self.shape)

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's outputs (B,) for both; where D has batch norm, each batch normalised apart."""
        if not self.apart:
            return super().judge(real, fake)
        if len(real) == 1 and self.training and self.settings["dense"]:
            raise CourseError(
                "D's hidden layer is normalised over the batch, and one image is no batch: train "
                "DCGAN with dense=… on batches of 2 or more, or without norm in D."
            )
        return self.discriminator(real).squeeze(1), self.discriminator(fake).squeeze(1)

    def features(self, x: Tensor) -> Tensor:
        """What D's convolutions see in images x (B, C, H, W) in [0, 1], for a linear probe.

        Each convolutional layer's output max-pooled to 4×4 and all of them in a row, as Radford
        et al. (2016), section 5.1: (B, 16·width·(2ⁿ − 1)). D computes in evaluation mode.
        """

        def part(x: Tensor) -> Tensor:
            h, found = self.seen(x), []
            for block in convolutions.trunk(self.discriminator):
                h = block(h)
                found.append(adaptive_max_pool2d(h, 4).flatten(1))
            return torch.cat(found, 1)

        with evaluating(self.discriminator):
            return in_parts(part, self.at_once, x)
