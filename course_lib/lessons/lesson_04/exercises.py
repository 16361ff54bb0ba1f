"""The exercises of lesson 04 with the mistakes that they recognise.

Sizes, transposed convolution, counts of parameters and of operations, receptive fields.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from course_lib.checks.compare import word
from course_lib.checks.exercises import Exercise, Prediction, When, normal, whole


# 04.2: a transposed convolution from a plain one ---------------------------------------------
def _insert(y: Tensor, stride: int, trailing: bool = False) -> Tensor:
    """stride − 1 zeros between the numbers of y (B, 1, H, W), or also after the last."""
    b, c, h, w = y.shape
    wide = y.new_zeros(b, c, h * stride, w * stride)
    wide[:, :, ::stride, ::stride] = y
    return wide if trailing else wide[:, :, : (h - 1) * stride + 1, : (w - 1) * stride + 1]


def upsample(y: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    around = kernel.shape[-1] - 1 - padding
    return conv2d(pad(_insert(y, stride), [around] * 4), kernel.flip(2, 3))


def _padded_by(around: Callable[[int, int], int]) -> Callable:
    def mistaken(y: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
        sides = [around(kernel.shape[-1], padding)] * 4
        return conv2d(pad(_insert(y, stride), sides), kernel.flip(2, 3))

    return mistaken


def _trailing(y: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    around = kernel.shape[-1] - 1 - padding
    return conv2d(pad(_insert(y, stride, trailing=True), [around] * 4), kernel.flip(2, 3))


def _unturned(y: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    return upsample(y, kernel.flip(2, 3), stride, padding)


def _kernels() -> list[tuple]:
    generator = torch.Generator().manual_seed(4)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return [
        (draw(2, 1, 3, 3), draw(1, 1, 4, 4), 2, 1),
        (draw(1, 1, 4, 5), draw(1, 1, 3, 3), 1, 0),
        (draw(1, 1, 3, 4), draw(1, 1, 5, 5), 3, 1),
    ]


def _layer(generator: torch.Generator) -> tuple[int, int, int]:
    """Kernel, stride and padding, so that the padding never eats the whole kernel."""
    kernel = whole(generator, 1, 6)
    return kernel, whole(generator, 1, 4), whole(generator, 0, (kernel - 1) // 2)


def _sizes(generator: torch.Generator) -> tuple[int, ...]:
    kernel, stride, padding = _layer(generator)
    return whole(generator, 1, 20), kernel, stride, padding, whole(generator, 0, stride - 1)


def _more_kernels(generator: torch.Generator) -> tuple:
    kernel, stride, padding = _layer(generator)
    y = normal(generator, whole(generator, 1, 3), 1, *[whole(generator, 2, 5) for _ in "hw"])
    return y, normal(generator, 1, 1, kernel, kernel), stride, padding


# 04.3: parameters ----------------------------------------------------------------------------
def parameters(before: int, after: int, kernel: int, normalised: bool) -> int:
    return before * after * kernel**2 + (2 * after if normalised else 0)


# 04.4: receptive field -----------------------------------------------------------------------
def receptive_field(layers: list[tuple[int, int]]) -> int:
    size, jump = 1, 1
    for kernel, stride in layers:
        size += (kernel - 1) * jump
        jump *= stride
    return size


def _stride_first(layers: list[tuple[int, int]]) -> int:
    size, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        size += (kernel - 1) * jump
    return size


# 04.6: operations ----------------------------------------------------------------------------
def seconds(images: float, G: float, D: float, peak: float) -> float:
    return 2 * images * (3 * G + 8 * D) / peak


EXERCISES = {
    "04.1": Exercise(
        right=lambda i, k, s, p, extra: (i - 1) * s - 2 * p + k + extra,
        probes=[(4, 4, 2, 1, 0), (1, 4, 1, 0, 0), (7, 3, 2, 1, 1), (5, 5, 3, 2, 0)],
        domain=_sizes,
        mistakes={
            "this is the size after a convolution; solve "
            "it for the size before": lambda i, k, s, p, extra: (i + 2 * p - k) // s + 1,
            "i − 1 steps lie between i places, so (i − 1)·s": lambda i, k, s, p, extra: (
                i * s - 2 * p + k + extra
            ),
            "padding is cut off at both ends: 2p": lambda i, k, s, p, extra: (
                (i - 1) * s - p + k + extra
            ),
            "padding adds before a convolution, so it is cut "
            "off after its transpose: −2p": lambda i, k, s, p, extra: (
                (i - 1) * s + 2 * p + k + extra
            ),
            "the output padding is left out: it chooses among the sizes that the stride "
            "merged": lambda i, k, s, p, extra: (i - 1) * s - 2 * p + k,
            "that holds for 4/2/1 only, not for "
            "every kernel and padding": lambda i, k, s, p, extra: i * s,
        },
        hint="one input place alone gives k numbers; each further one moves s on; p are cut off "
        "at each end",
    ),
    "04.2": Exercise(
        right=upsample,
        probes=_kernels,
        domain=_more_kernels,
        tol=1e-8,
        without=frozenset({"conv_transpose2d", "convolution"}),
        mistakes={
            "the kernel is not turned: flip it in both directions, kernel.flip(2, 3)": _unturned,
            "the kernel is mirrored on its diagonal; turn it "
            "by 180° instead: flip(2, 3)": lambda y, k, s, p: upsample(
                y, k.transpose(2, 3), s, p
            ),
            "padded by p; where the convolution pads p, its "
            "transpose pads k − 1 − p": _padded_by(lambda k, p: p),
            "padded by k − 1: that is right for p = 0; p of it are cut off again": _padded_by(
                lambda k, p: k - 1
            ),
            "zeros go between the numbers, not after the last row and column": _trailing,
            "this is the convolution itself, which makes images smaller": lambda y, k, s, p: (
                conv2d(y, k, stride=s, padding=p)
            ),
        },
        hint="stride − 1 zeros between neighbours, k − 1 − p zeros around, then a plain "
        "convolution with the turned kernel",
    ),
    "04.3": Exercise(
        right=parameters,
        probes=[(100, 512, 4, True), (512, 256, 4, True), (64, 3, 4, False), (3, 8, 5, True)],
        domain=lambda g: (
            *(whole(g, 1, 512), whole(g, 1, 512), whole(g, 1, 7)),
            bool(whole(g, 0, 1)),
        ),
        tol=1e-9,
        mistakes={
            "a bias is counted; a batch norm's shift makes it superfluous, and DCGAN's ends "
            "have none either": lambda a, b, k, n: a * b * k**2 + (3 * b if n else b),
            "batch norm has two numbers a channel to "
            "learn: scale and shift": lambda a, b, k, n: a * b * k**2,
            "running mean and variance are kept, not "
            "learned: buffers, no parameters": lambda a, b, k, n: (
                a * b * k**2 + (4 * b if n else 0)
            ),
            "a kernel has k² places": lambda a, b, k, n: a * b * k + (2 * b if n else 0),
            "each pair of an input and an output channel "
            "has a kernel of its own": lambda a, b, k, n: (a + b) * k**2 + (2 * b if n else 0),
        },
        hint="a kernel for each pair of channels, and batch norm's scale and shift",
    ),
    "04.4": Exercise(
        right=receptive_field,
        probes=[
            ([(4, 2), (4, 2), (4, 2), (4, 2)],),
            ([(3, 1), (2, 2), (3, 1), (2, 2)],),
            ([(5, 1)],),
            ([],),
        ],
        domain=lambda g: ([(whole(g, 1, 6), whole(g, 1, 3)) for _ in range(whole(g, 1, 5))],),
        mistakes={
            "kernels don't add up: behind a stride, one "
            "step is several pixels": lambda layers: sum(k for k, _ in layers),
            "the strides are left out: behind a stride of "
            "2 one step is two pixels": lambda layers: 1 + sum(k - 1 for k, _ in layers),
            "a layer's own stride spreads the layers "
            "after it, not its own kernel": _stride_first,
            "this is how far apart two neighbours look, "
            "not how much each one sees": lambda layers: prod(s for _, s in layers),
            "fields overlap, so sizes don't multiply": lambda layers: prod(
                k for k, _ in layers
            ),
        },
        hint="each layer adds (k − 1) steps, of as many pixels as the strides before it multiply "
        "to",
    ),
    "04.5": Exercise(
        right={"A": "labels above 1", "B": "data left in [0, 1]", "C": "healthy"},
        mistakes={
            "A's D.real falls below zero. Can −log of a probability do that?": {"A": "healthy"},
            "look at B's background: which value of tanh is it, and which of its range does "
            "B's D see in real images?": {"B": "healthy"},
            "C is found; now exchange the other two: only one of these faults changes the "
            "sign that a loss can have": {
                "A": "data left in [0, 1]",
                "B": "labels above 1",
                "C": "healthy",
            },
            "judging both in one batch is none of the three; with it all terms stay ≥ 0 and "
            "the background becomes black": When(
                lambda said: word("both judged in one batch") in map(word, said.values()),
                {
                    "A": "labels above 1",
                    "B": "both judged in one batch",
                    "C": "healthy",
                },
            ),
        },
        hint='a dictionary: "A", "B" and "C", each with one of the four words',
    ),
    "04.6": Exercise(
        right=seconds,
        also=[lambda images, G, D, peak: 2 * images * (3 * G + 7 * D) / peak],
        probes=[(202_599, 1.0e8, 1.1e8, 8.9e12), (1000.0, 2e6, 3e6, 1e9)],
        domain=lambda g: (
            whole(g, 1, 100_000),
            *(1e6 * whole(g, 1, 200), 1e6 * whole(g, 1, 200), 1e9 * whole(g, 1, 9)),
        ),
        tol=1e-6,
        mistakes={
            "a multiplication and an addition are two "
            "operations: the factor 2 is missing": lambda n, G, D, peak: (
                n * (3 * G + 8 * D) / peak
            ),
            "this counts the gradient in D's weights in G's move, as some loops "
            "compute and nobody needs; a lower bound may not count it": lambda n, G, D, peak: (
                2 * n * (3 * G + 9 * D) / peak
            ),
            "only the way forward is counted; back costs as much again for the inputs and "
            "once more for the weights": lambda n, G, D, peak: 2 * n * (G + 3 * D) / peak,
            "D's work in G's move is left out: once "
            "forward and once back": lambda n, G, D, peak: 2 * n * (3 * G + 6 * D) / peak,
            "D sees real and generated images, and once more "
            "passes G's gradient back": lambda n, G, D, peak: 2 * n * 3 * (G + D) / peak,
        },
        hint="2·images·(a·G + b·D)/peak: count passes forward, back to inputs, back to weights",
    ),
    "04.7": Exercise(
        right={2, 4, 6},
        mistakes={
            "the other way round: with 3 one place gets 1 and its neighbour 2": {3, 5},
            "4 is one of them; what about other multiples of the stride?": {4},
            "k = 2 covers each place exactly once, and evenly": {4, 6},
            "6 is a multiple of the stride too: three each": {2, 4},
            "count at two neighbouring places for k = 3 before you decide": {2, 3, 4, 5, 6},
        },
        hint="a set such as {1, 2}: those k for which k/2 is a whole number",
    ),
}

PREDICTIONS = {
    "04.11": Prediction(low=0, high=10, whole=True),
    "04.12": Prediction(low=0, high=10, whole=True),
    "04.13": Prediction(low=0),
}
