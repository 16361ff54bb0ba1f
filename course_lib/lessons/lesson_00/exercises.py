"""The exercises of lesson 00: pixel ranges, shapes, sums and means, rounds, bits and nats.

Small things, each with a mistake that costs an afternoon in a later lesson: batches counted
wrongly, unsigned bytes that overflow, axes reshaped instead of exchanged, a mean for a sum.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.checks.exercises import Exercise, Prediction, When, whole


def batches_per_epoch(n: int, batch: int) -> int:
    return -(-n // batch)


def to_tanh_range(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


def channels_first(picture: Tensor) -> Tensor:
    height, width, channels = picture.shape
    return torch.stack([picture[..., c] for c in range(channels)]).reshape(
        1, channels, height, width
    )


def per_image(errors: Tensor) -> Tensor:
    return errors.flatten(1).sum(1).mean()


def entropy_in_bits(counts: Tensor) -> Tensor:
    p = counts / counts.sum()
    return -(torch.xlogy(p, p)).sum() / math.log(2)


def _nats(counts: Tensor) -> Tensor:
    """The right entropy in nats, of which the mistakes below are variations."""
    return entropy_in_bits(counts) * math.log(2)


def _bytes() -> list[tuple]:
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    return [(ramp,), (ramp[..., :3, :2],)]


def _some_bytes(generator: torch.Generator) -> tuple[Tensor]:
    shape = [whole(generator, 1, 4) for _ in range(4)]
    return (torch.randint(0, 256, shape, generator=generator).to(torch.uint8),)


def _some_picture(generator: torch.Generator) -> tuple[Tensor]:
    height, width = whole(generator, 2, 6), whole(generator, 2, 6)
    pixels = torch.randint(0, 256, (height, width, 3), generator=generator)
    return (pixels.to(torch.uint8),)


def _some_errors(generator: torch.Generator) -> tuple[Tensor]:
    shape = [whole(generator, 2, 5) for _ in range(4)]
    return (3 * torch.rand(shape, generator=generator),)


def _some_counts(generator: torch.Generator) -> tuple[Tensor]:
    """Counts of 2 to 8 classes; about a third of them are missing, the first is not."""
    counts = torch.randint(-5, 12, (whole(generator, 2, 8),), generator=generator).clamp(min=0)
    counts[0] += 1
    return (counts.float(),)


def _errors() -> list[tuple]:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.rand(5, 1, 28, 28, generator=generator),),
        (torch.rand(3, 3, 8, 8, generator=generator),),
    ]


def _pictures() -> list[tuple]:
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randint(0, 256, (4, 5, 3), generator=generator).to(torch.uint8),),
        (torch.randint(0, 256, (6, 6, 3), generator=generator).to(torch.uint8),),
    ]


_RANGE_MISTAKES = {
    "this is [0, 1]; tanh gives values from −1 to 1": lambda x: x.float() / 255,
    "bytes wrap around: as 8-bit numbers 2 · 200 is 144; "
    "turn them into floats first": lambda x: x * 2 / 255 - 1,
    "the brightest byte is 255, and 255/128 − 1 is not 1": lambda x: x.float() / 128 - 1,
    "the scale is right, the shift isn't: 0 goes to −1": lambda x: x.float() / 127.5 - 127.5,
    "this takes [0, 1] to [−1, 1]; bytes run from 0 to 255": lambda x: x.float() * 2 - 1,
    "this is [−½, ½]: half the range that tanh has": lambda x: (x.float() - 127.5) / 255,
    "black and white are exchanged: 0 goes to −1": lambda x: 1 - x.float() / 127.5,
    "tanh has done its work already; a straight line takes 0 to −1 and 255 to 1": lambda x: (
        x.float().tanh()
    ),
}

EXERCISES = {
    # The demonstration: it is answered wrongly on purpose, so it is never strict.
    "00.1": Exercise(
        right=784,
        mistakes={
            "28 + 28 counts two edges; a picture is rows times columns": 56,
            "that is the shape; how many numbers does it hold?": (1, 28, 28),
        },
        demonstration=True,
    ),
    "00.2": Exercise(
        right=batches_per_epoch,
        probes=[(60_000, 128), (60_000, 100), (10_000, 128), (7, 10), (1, 1)],
        domain=lambda g: (whole(g, 1, 60_000), whole(g, 1, 300)),
        mistakes={
            "this leaves out the last, smaller batch": lambda n, b: n // b,
            "a number of batches is whole: round up": lambda n, b: n / b,
            "one too many where the batch divides the data: "
            "60,000 / 100 is 600, not 601": lambda n, b: n // b + 1,
            "rounded to the nearest, not up: try 7 and 100": lambda n, b: round(n / b),
            "n and the batch are exchanged": lambda n, b: -(-b // n),
        },
        note="469 and 600, as in report A's logs",
    ),
    "00.3": Exercise(
        right=to_tanh_range,
        probes=_bytes,
        domain=_some_bytes,
        tol=1e-5,
        mistakes=_RANGE_MISTAKES,
        note="0 → −1, 255 → 1, and the shape stays",
    ),
    "00.4": Exercise(
        right=channels_first,
        probes=_pictures,
        domain=_some_picture,
        mistakes={
            "reshape keeps the order of the numbers in memory, so colours of neighbouring "
            "pixels end up side by side; exchange the axes with permute": lambda x: x.reshape(
                1, x.shape[2], x.shape[0], x.shape[1]
            ),
            "rows and columns are exchanged too: the picture lies on its side": lambda x: (
                x.permute(2, 1, 0)[None]
            ),
            "the axes are in order; one axis for the batch is missing in front": lambda x: (
                x.permute(2, 0, 1)
            ),
            "channels are still last: (1, H, W, C)": lambda x: x[None],
        },
        note="(H, W, C) → (1, C, H, W)",
    ),
    "00.5": Exercise(
        right=per_image,
        probes=_errors,
        domain=_some_errors,
        mistakes={
            "this averages over pixels too, so it is C·H·W times too small: next to a KL "
            "that is summed over latents, such a term hardly counts (erratum E14)": lambda e: (
                e.mean()
            ),
            "this sums over the batch too: it grows with B": lambda e: e.sum(),
            "one number for each image; average them over the batch": lambda e: e.flatten(
                1
            ).sum(1),
            "sum and mean are exchanged: sum over pixels, average over images": lambda e: (
                e.flatten(1).mean(1).sum()
            ),
            "channels are averaged; sum over them too": lambda e: e.sum(dim=(2, 3)).mean(),
        },
        note="summed over pixels, averaged over images: nats per image",
    ),
    "00.6": Exercise(
        right=entropy_in_bits,
        probes=[
            (torch.tensor([1.0, 1.0, 1.0, 1.0]),),
            (torch.tensor([8.0, 4.0, 2.0, 2.0]),),
            (torch.tensor([3.0, 0.0, 1.0]),),
            (torch.tensor([5.0]),),
        ],
        domain=_some_counts,
        mistakes={
            "this is in nats; one nat is 1/ln 2 bits": _nats,
            "the sign: an entropy is never negative": lambda c: -entropy_in_bits(c),
            "this multiplies nats by ln 2; to get bits, divide": lambda c: (
                _nats(c) * math.log(2)
            ),
            "this is in decimal digits (log10)": lambda c: _nats(c) / math.log(10),
            "counts are not probabilities: divide by their sum first": lambda c: (
                -torch.xlogy(c, c).sum() / math.log(2)
            ),
            "a mean over classes; the p in front of log p is the weight already": lambda c: (
                entropy_in_bits(c) / len(c)
            ),
            "a class with count 0 gives 0 · log 0, which torch computes as NaN and which "
            "counts as 0 (torch.xlogy knows that)": When(
                lambda given: any(bool(torch.as_tensor(v).isnan().any()) for v in given),
                lambda c: -(c / c.sum() * (c / c.sum()).log2()).sum(),
            ),
        },
    ),
    "00.7": Exercise(
        right=100,
        tol=0.1,  # "about"
        mistakes={
            "this is how many samples that takes in all; how "
            "many times the 1,000 are they?": 100_000,
            "the error falls with √n: ten times as many give √10 ≈ 3.2": 10,
            "that is how much better ten times as many samples make it": 3.2,
        },
    ),
}

PREDICTIONS = {
    "00.11": Prediction(low=1, high=4, whole=True),
    "00.12": Prediction(low=1),  # the lesson divides by it; 1: no fall
}
