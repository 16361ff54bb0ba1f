"""What the hybrids share: they draw images of what they are told, and most read images too.

`Conditional` has a generator G and samples; `Autoencoder` has an encoder E besides, so it
reconstructs, and with another label it transfers: the style of one image, the class of another
(lessons 08 and 09). Samples come from G in evaluation mode, with averaged weights where the
setting `average` asks for them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.models.model import Averaging, evaluating
from course_lib.models.parts.conditions import condition
from course_lib.models.parts.images import Reader, writer

PART = 256  # images at once when many are wanted

# Settings that all hybrids have. Each class says what its own mean.
SHARED: dict[str, Any] = {
    "shape": (1, 28, 28),
    "classes": 10,
    "attributes": (),
    "latent": 16,
    "width": 32,
    "dense": 256,
    "lr": 5e-4,
    "betas": (0.9, 0.999),
    "average": None,
    "batch": 64,
    "rounds": 20_000,
    "seed": 0,
}


class Conditional(Averaging):
    """A generator of square images of 28, 32, 64 … pixels that is told what to draw.

    shape       (C, H, W) of one image
    classes     number of classes, or 0; attributes: names of what an image has or has not, each
                with a bound if it is not 0 ("mouth_open>0.5"). Neither: unconditional
    latent      length of z ~ N(0, I)
    width       channels of the layer next to the image; each step towards z doubles them
    dense       width of the hidden layer of every network that reads images
    lr, betas   of Adam, for all players
    average     decay of a moving average of G's and E's weights, which samples come from, or None
    batch, rounds (at full budget), seed (of the first weights)
    """

    def build(self) -> None:
        s = self.settings
        if not s["lr"] > 0:
            raise CourseError(f"lr must be positive, not {s['lr']!r}.")
        self.condition = condition(s["classes"], s["attributes"])
        self.generator = writer(self.shape, s["latent"] + self.condition.size, s["width"])
        self.networks()
        self.to(memory_format=torch.channels_last)
        self.start_average()

    def networks(self) -> None:
        """Make the networks besides G."""
        raise NotImplementedError

    def require(self, dataset) -> None:
        """Refuse a data set that lacks the labels or attributes that this model is told."""
        self.condition.require(dataset)

    def reader(self, outputs: int, told: int = 0) -> Reader:
        """A network that reads an image and a vector of length `told`."""
        s = self.settings
        return Reader(self.shape, s["width"], s["dense"], told=told, outputs=outputs)

    # Images and conditions as the networks see them ----------------------------------------
    def seen(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] → [−1, 1]."""
        return 2 * self.flat(x).view(-1, *self.shape) - 1

    def drawn(self, source) -> tuple[Tensor, Tensor | None, Tensor]:
        """A batch: images in [−1, 1], their labels, and these as vectors (B, size)."""
        batch = source.batch()
        labels = self.condition.read(batch.labels, source.attribute)
        return (
            self.seen(batch.x),
            labels,
            self.condition.vector(labels, len(batch.x), **self.place),
        )

    def told(self, labels: Any, n: int) -> Tensor:
        """What the caller asks for, checked, as vectors (n, size)."""
        labels = self.condition.checked(labels, n)
        if labels is not None:
            labels = labels.to(self.place["device"])
        return self.condition.vector(labels, n, **self.place)

    def write(self, z: Tensor, vector: Tensor) -> Tensor:
        """G(z, c): images (B, C, H, W) in [−1, 1]."""
        return self.generator(torch.cat([z, vector], 1))

    # Use -----------------------------------------------------------------------------------
    @torch.no_grad()
    def decode(self, z: Tensor, labels: Any = None) -> Tensor:
        """z (B, latent) and labels → images (B, C, H, W) in [0, 1]."""
        if z.ndim != 2 or z.shape[1] != self.settings["latent"]:
            raise CourseError(
                f"Expected codes of shape (B, {self.settings['latent']}), got {tuple(z.shape)}."
            )
        z, vector = z.to(**self.place), self.told(labels, len(z))
        with self.averaged(), evaluating(self.generator):
            parts = [
                self.write(*part)
                for part in zip(z.split(PART), vector.split(PART), strict=True)
            ]
        return (torch.cat(parts) + 1) / 2

    def sample(
        self,
        n: int,
        *,
        labels: Any = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """n images (n, C, H, W) in [0, 1] of what `labels` ask for.

        labels  whole numbers (n,), or one for all; with attributes ones and zeros (n, K), or one
                row for all. None: each class in turn, or a coin for each attribute
        """
        z = self.noise(n, self.settings["latent"], generator=generator)
        if labels is None:
            labels = self.condition.asked(n, generator)
        return self.decode(z, labels)


class Autoencoder(Conditional):
    """A conditional generator with an encoder, whose q(z | x, c) is a diagonal Gaussian."""

    def networks(self) -> None:
        self.encoder = self.reader(2 * self.settings["latent"], self.condition.size)

    def averages(self) -> list[nn.Module]:
        return [self.encoder, self.generator]

    def posterior(self, x: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log σ² of q(z | x, c), each (B, latent), of x in [−1, 1]."""
        mean, log_var = self.encoder(x, vector).chunk(2, 1)
        return mean, log_var

    @torch.no_grad()
    def encode(self, x: Tensor, labels: Any = None) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) in [0, 1] and labels → mean and log σ² of q(z | x, c)."""
        x, vector = self.seen(x.to(**self.place)), self.told(labels, len(x))
        with self.averaged():
            parts = [
                self.posterior(*part)
                for part in zip(x.split(PART), vector.split(PART), strict=True)
            ]
        mean, log_var = (torch.cat(part) for part in zip(*parts, strict=True))
        return mean, log_var

    @torch.no_grad()
    def code(self, x: Tensor, labels: Any, generator: torch.Generator | None) -> Tensor:
        """One draw of q(z | x, c), (B, latent)."""
        mean, log_var = self.encode(x, labels)
        return mean + (0.5 * log_var).exp() * self.noise(*mean.shape, generator=generator)

    def reconstruct(
        self, x: Tensor, labels: Any = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """x → G(z, c) at one draw of q(z | x, c), in [0, 1] (B, C, H, W)."""
        return self.decode(self.code(x, labels, generator), labels)

    def transfer(
        self,
        x: Tensor,
        labels: Any,
        others: Any,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The code of x under its own labels, drawn with other labels: style kept, class new.

        A row that stands for all images may be given for either. (B, C, H, W) in [0, 1].
        """
        if not self.condition.size:
            raise CourseError(
                f"This {type(self).__name__} has no labels to exchange: build it with classes or "
                "attributes."
            )
        return self.decode(self.code(x, labels, generator), others)
