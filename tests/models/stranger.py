"""A model that nobody told the library of: flow matching (Lipman et al. 2023), as in a notebook.

Points x_t = (1 − t) z + t x move from noise z to data x with velocity x − z. A network learns the
mean velocity at (x_t, t); to sample, follow it from t = 0 to 1, and to encode, back.
"""

import math

import torch
from torch import nn

from course_lib.game import Move, Player, adam
from course_lib.models.model import Model, decoder, mlp
from course_lib.models.settings import COMMON, number, whole


class FlowMatching(Model):
    """Flow matching on points or images, by a multi-layer perceptron and Euler's steps."""

    declared = COMMON | {
        "hidden": whole((64, 64), "widths of the network's layers", many=True),
        "steps": whole(10, "of Euler, from noise to data", "[1, 1000]"),
        "lr": number(1e-3, "Adam's rate", "(0, inf)"),
        "average": number(0.9, "decay of the weights' average", "[0, 1)", also=(None,)),
    }

    def build(self):
        self.size = math.prod(self.shape)
        self.network = mlp([self.size + 1, *self.settings["hidden"], self.size], nn.SiLU)

    def averages(self):
        return [self.network]

    def scaled(self, x):
        """Images in [0, 1] → [−1, 1]; points as they are."""
        return 2 * self.flat(x) - 1 if len(self.shape) == 3 else self.flat(x)

    def velocity(self, x, t):
        return self.network(torch.cat([x, t.expand(len(x), 1)], 1))

    def follow(self, x, times):
        for now, then in zip(times[:-1], times[1:], strict=True):
            x = x + (then - now) * self.velocity(x, now)
        return x

    def moves(self, rounds):
        player = Player("v", self.network.parameters(), adam(self.settings["lr"]))

        def losses(source):
            x = self.scaled(source.batch().x)
            z, t = source.normal(*x.shape), source.uniform(len(x), 1)
            miss = self.velocity((1 - t) * z + t * x, t) - (x - z)
            return {"v": {"velocity": miss.square().sum(1).mean()}}

        return [Move([player], losses)]

    def times(self):
        return torch.linspace(0, 1, self.settings["steps"] + 1).to(**self.place)

    @decoder
    def decode(self, z, condition):
        x = self.follow(z, self.times())
        x = ((x + 1) / 2).clamp(0, 1) if len(self.shape) == 3 else x
        return x.view(len(z), *self.shape)

    def encode(self, x, condition=None):
        with torch.no_grad(), self.in_use():
            z = self.follow(self.scaled(x), self.times().flip(0))
        return z, torch.full_like(z, -torch.inf)
