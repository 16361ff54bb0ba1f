"""The exercises of lesson 03 with the mistakes that they recognise.

A floor, three scores, the diagnosis of four score sheets, and the time at which a score is reached
and held.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.compare import word
from course_lib.checks.exercises import (
    Exercise,
    Prediction,
    When,
    between,
    normal,
    shares,
    whole,
)


# 3.1: the floor of a class histogram ----------------------------------------------------------
def _floor(p: Tensor, n: int, m: int) -> Tensor:
    return _floor_with(1 / n + 1 / m, p)


def _floor_with(per_draw: float, p: Tensor) -> Tensor:
    return (p * (1 - p) * per_draw / (2 * math.pi)).sqrt().sum()


# 3.2: the Fréchet distance of Gaussians on the same axes --------------------------------------
def _histograms(generator: torch.Generator) -> tuple[Tensor, int, int]:
    p = shares(generator, whole(generator, 2, 10), sharp=2.0)
    return p, whole(generator, 5, 3000), whole(generator, 5, 3000)


def _gaussians() -> list[tuple]:
    generator = torch.Generator().manual_seed(3)
    draws = torch.randn(2, 4, 5, generator=generator, dtype=torch.float64)
    return [(a, b.abs() + 0.2, c, d.abs() + 0.2) for a, b, c, d in draws]


def _more_gaussians(generator: torch.Generator) -> tuple[Tensor, ...]:
    a, b, c, d = normal(generator, 4, whole(generator, 1, 6))
    return a, b.abs(), c, d.abs()


def _frechet(mean_a: Tensor, sd_a: Tensor, mean_b: Tensor, sd_b: Tensor) -> Tensor:
    return _apart(mean_a, mean_b) + _apart(sd_a, sd_b)


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum()


# 3.3: the unbiased kernel distance ------------------------------------------------------------
def _sets() -> list[tuple]:
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    return [(a, 0.5 + 0.8 * b), (a[:, :1], b[:, :1] - 1), (a, a.flip(0))]  # the last is below 0


def _more_sets(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    size = whole(generator, 2, 8), whole(generator, 1, 5)
    return normal(generator, *size), 0.3 + normal(generator, *size, scale=1.2)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _kid_with(
    kernel: Callable[[Tensor, Tensor], Tensor] = _kernel,
    own: bool = False,
    pairs: Callable[[int], int] = lambda n: n * (n - 1),
    cross: float = 2.0,
) -> Callable[[Tensor, Tensor], Tensor]:
    """The estimate with one thing changed: kernel, pairs with oneself, divisor, cross term."""

    def estimate(a: Tensor, b: Tensor) -> Tensor:
        aa, bb, ab = kernel(a, a), kernel(b, b), kernel(a, b)
        left_out = 0 if own else aa.trace() + bb.trace()
        return (aa.sum() + bb.sum() - left_out) / pairs(len(a)) - cross * ab.mean()

    return estimate


_kid = _kid_with()


def _paired(a: Tensor, b: Tensor) -> Tensor:
    """The i-th of a with the i-th of b left out as well."""
    ab, n = _kernel(a, b), len(a)
    return _kid(a, b) + 2 * ab.mean() - 2 * (ab.sum() - ab.trace()) / (n * (n - 1))


# 3.4: precision -------------------------------------------------------------------------------
def _clouds() -> list[tuple]:
    generator = torch.Generator().manual_seed(4)
    real, fake = torch.randn(2, 40, 2, generator=generator, dtype=torch.float64)
    line = torch.tensor([0.0, 1.0, 10.0, 12.0], dtype=torch.float64)[:, None]
    touching = torch.tensor([-1.0, 0.5, 2.0, 8.0, 11.0, 14.0], dtype=torch.float64)[:, None]
    return [(real, 1.0 + 1.3 * fake, 5), (real[:25], 2 * fake, 3), (line, touching, 1)]


def _more_clouds(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    real = normal(generator, whole(generator, 7, 20), 2)
    fake = 0.5 + normal(generator, whole(generator, 3, 20), 2, scale=1.5)
    return real, fake, whole(generator, 1, 5)


def _radii(x: Tensor, k: int) -> Tensor:
    return torch.cdist(x, x).sort(1).values[:, k]


def _inside(real: Tensor, fake: Tensor, k: int, radii: Tensor | None = None) -> Tensor:
    """(N, M): whether a sample lies within a real image's reach."""
    radii = _radii(real, k) if radii is None else radii
    return torch.cdist(real, fake) < radii[:, None]


def _precision(real: Tensor, fake: Tensor, k: int) -> Tensor:
    return _inside(real, fake, k).any(0).double().mean()


# 3.5: the Inception score ---------------------------------------------------------------------
def _readings() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(2, 30, 10, generator=generator, dtype=torch.float64)
    return [
        (logits[0].softmax(1),),
        (logits[1, :, :4].softmax(1),),
        (torch.eye(4, dtype=torch.float64),),
    ]


def _more_readings(generator: torch.Generator) -> tuple[Tensor]:
    shape = whole(generator, 2, 30), whole(generator, 2, 10)
    return (shares(generator, *shape, sharp=between(generator, 0.5, 6)),)


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def _inception_score(p: Tensor) -> Tensor:
    return _divergence(p, p.mean(0)).mean().exp()


def _class_entropy(p: Tensor) -> Tensor:
    return -torch.xlogy(p, p).sum(-1)


# 3.7: reached and held ------------------------------------------------------------------------
def _courses() -> list[tuple]:
    seconds = [1.0, 2.0, 4.0, 7.0, 11.0, 16.0]
    return [
        (seconds, [0.9, 0.3, 0.6, 0.25, 0.3, 0.1], 0.3),
        (seconds, [0.9, 0.8, 0.6, 0.5, 0.45, 0.4], 0.3),
        (seconds, [0.2, 0.1, 0.15, 0.05, 0.1, 0.12], 0.3),
        (seconds, [0.9, 0.2, 0.1, 0.15, 0.2, 0.8], 0.3),
        (seconds, [0.9, 0.8, 0.6, 0.5, 0.4, 0.3], 0.3),
    ]


def _more_courses(generator: torch.Generator) -> tuple[list[float], list[float], float]:
    """Scores in steps of .1, so that some equal the target."""
    n = whole(generator, 1, 6)
    seconds = torch.rand(n, generator=generator).cumsum(0).tolist()
    return seconds, [whole(generator, 1, 5) / 10 for _ in range(n)], 0.3


def held_from(seconds: list[float], scores: list[float], target: float) -> float:
    reached = math.inf
    for at, score in zip(reversed(seconds), reversed(scores), strict=True):
        if score > target:
            break
        reached = at
    return reached


def _first(seconds: list[float], scores: list[float], target: float) -> float:
    there = [at for at, score in zip(seconds, scores, strict=True) if score <= target]
    return there[0] if there else math.inf


def _below(seconds: list[float], scores: list[float], target: float) -> float:
    """As `held_from`, but the target itself does not count as reached."""
    return held_from(seconds, [s + 1e-9 for s in scores], target)


def _index(seconds: list[float], scores: list[float], target: float) -> float:
    found = held_from(seconds, scores, target)
    return found if math.isinf(found) else seconds.index(found)


def _at_the_end(seconds: list[float], scores: list[float], target: float) -> float:
    found = held_from(seconds, scores, target)
    return seconds[-1] if math.isinf(found) else found


# 3.6: the diagnosis ---------------------------------------------------------------------------
DIAGNOSIS = {"Lea": "smoothed", "Mo": "ten pictures", "Nia": "healthy", "Oto": "recites"}


def _not_of_words(answer: dict[str, str]) -> bool:
    return not {word(said) for said in answer.values()} <= set(map(word, DIAGNOSIS.values()))


EXERCISES = {
    "03.1": Exercise(
        right=_floor,
        probes=lambda: [
            (torch.full((10,), 0.1, dtype=torch.float64), 1000, 1000),
            (torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64), 300, 2000),
            (torch.tensor([0.0, 1.0], dtype=torch.float64), 5, 5),
        ],
        domain=_histograms,
        mistakes={
            "twice too large: the total variation has a ½ in front": lambda p, n, m: (
                2 * _floor(p, n, m)
            ),
            "only one of the two histograms varies here; "
            "both are counted from draws": lambda p, n, m: _floor_with(1 / n, p),
            "variances of independent counts add: 1/n + 1/m, not 1/(n + m)": lambda p, n, m: (
                _floor_with(1 / (n + m), p)
            ),
            "that is half the standard deviation; the mean "
            "of |N(0, s²)| is s·√(2/π)": lambda p, n, m: _floor_with(
                math.pi / 2 * (1 / n + 1 / m), p
            ),
            "a share has the variance p(1 − p)/n: the "
            "factor 1 − p is missing": lambda p, n, m: (
                (p * (1 / n + 1 / m) / (2 * math.pi)).sqrt().sum()
            ),
            "a variance where its root is meant: take "
            "the square root, then sum": lambda p, n, m: (
                (p * (1 - p) * (1 / n + 1 / m)).sum() / (2 * math.pi)
            ),
        },
        hint="the mean over classes? No: the sum of √(p(1 − p)(1/n + 1/m)/(2π)), by (3.3)",
    ),
    "03.2": Exercise(
        right=_frechet,
        probes=_gaussians,
        domain=_more_gaussians,
        mistakes={
            "variances are compared where standard "
            "deviations are meant: (σ_a − σ_b)²": lambda a, s, b, t: (
                _apart(a, b) + _apart(s**2, t**2)
            ),
            "that is the root; what is reported as FD "
            "is the squared distance": lambda a, s, b, t: _frechet(a, s, b, t).sqrt(),
            "the means enter squared: |μ_a − μ_b|²": lambda a, s, b, t: (
                (a - b).norm() + _apart(s, t)
            ),
            "a mean over the dimensions; the distance sums over them": lambda a, s, b, t: (
                _frechet(a, s, b, t) / len(a)
            ),
            "the cross term −2σ_aσ_b is missing: equal Gaussians "
            "would not be at distance 0": lambda a, s, b, t: _apart(a, b) + (s**2 + t**2).sum(),
            "the cross term has lost its 2: σ_a² + σ_b² − 2σ_aσ_b": lambda a, s, b, t: (
                _apart(a, b) + (s**2 + t**2 - s * t).sum()
            ),
            "only the means are compared; two Gaussians "
            "may differ in their widths": lambda a, s, b, t: _apart(a, b),
            "σ is a standard deviation already: no root of it": lambda a, s, b, t: (
                _apart(a, b) + (s.sqrt() - t.sqrt()).square().sum()
            ),
        },
        hint="on common axes (3.6) is a sum of (3.5) over the dimensions",
    ),
    "03.3": Exercise(
        right=_kid,
        probes=_sets,
        domain=_more_sets,
        mistakes={
            "this is the V-statistic: the pairs of an image with itself are in, so it is "
            "biased upwards": _kid_with(own=True, pairs=lambda n: n**2),
            "without the diagonal there are N(N − 1) pairs, not N²": _kid_with(
                pairs=lambda n: n**2
            ),
            "the sums are divided by N(N − 1), but the pairs "
            "with oneself are still in them": _kid_with(own=True),
            "right in the mean, too; but the images of two sets form no pairs, so all N² "
            "of them count between the sets: use ab.mean()": _paired,
            "the cross term counts twice: −2 E k(a, b)": _kid_with(cross=1.0),
            "the cross term is subtracted, not added": _kid_with(cross=-2.0),
            "the kernel divides by the number of dimensions: (a·b/D + 1)³": _kid_with(
                kernel=lambda a, b: (a @ b.T + 1) ** 3
            ),
            "the kernel is a cube, not a square": _kid_with(
                kernel=lambda a, b: (a @ b.T / a.shape[1] + 1) ** 2
            ),
            "without the + 1 the kernel sees the third moment alone": _kid_with(
                kernel=lambda a, b: (a @ b.T / a.shape[1]) ** 3
            ),
            "that is a root; KID is the squared distance, and may be below 0": lambda a, b: (
                _kid(a, b).abs().sqrt()
            ),
            "cut off at 0 it is biased again: let it be negative": lambda a, b: _kid(
                a, b
            ).clamp(min=0),
        },
        hint="three means of k: within a, within b (both without the diagonal), between (times −2)",
    ),
    "03.4": Exercise(
        right=_precision,
        probes=_clouds,
        domain=_more_clouds,
        mistakes={
            "that is recall: real images in the balls of samples. Precision has the balls "
            "around real images": lambda r, f, k: _precision(f, r, k),
            "an image is its own first neighbour, at distance "
            "0: the k-th *other* is meant": lambda r, f, k: _precision(r, f, k - 1),
            "that is coverage, the share of real balls that hold a sample: look for "
            "any real ball, for each sample": lambda r, f, k: (
                _inside(r, f, k).any(1).double().mean()
            ),
            "that is density: it counts balls. Precision "
            "asks whether there is any": lambda r, f, k: (
                _inside(r, f, k).sum(0).double().mean() / k
            ),
            "a mean over all pairs: ask for each sample "
            "whether *any* ball holds it": lambda r, f, k: _inside(r, f, k).double().mean(),
            "one radius for all: each real image has its "
            "own, to its k-th neighbour": lambda r, f, k: (
                _inside(r, f, k, _radii(r, k).mean().expand(len(r))).any(0).double().mean()
            ),
        },
        hint="a sample counts if its distance to some real image is below that image's radius",
    ),
    "03.5": Exercise(
        right=_inception_score,
        probes=_readings,
        domain=_more_readings,
        mistakes={
            "where p is 0, p log p is NaN here, and should be 0: torch.xlogy(p, p)": When(
                lambda scores: math.isnan(scores[2]) and not math.isnan(scores[0]),
                lambda p: (p * (p / p.mean(0)).log()).sum(1).mean().exp(),
            ),
            "that is the mean KL, in nats; the score is exp of it": lambda p: _divergence(
                p, p.mean(0)
            ).mean(),
            "the KL the other way round: KL(p(y|x) ‖ p(y)) is meant": lambda p: (
                _divergence(p.mean(0), p).mean().exp()
            ),
            "only H(y): that samples are readable, H(y|x), is left out": lambda p: (
                _class_entropy(p.mean(0)).exp()
            ),
            "exp of the mean, not the mean of exp": lambda p: (
                _divergence(p, p.mean(0)).exp().mean()
            ),
            "the sign is turned: H(y) − H(y|x), so that the score is at least 1": lambda p: (
                _class_entropy(p).mean() - _class_entropy(p.mean(0))
            ).exp(),
            "compared with equal shares; p(y) is the mean "
            "of the samples' own p(y|x)": lambda p: (
                _divergence(p, torch.full_like(p, 1 / p.shape[1])).mean().exp()
            ),
            "bits under exp: either nats and exp, or bits and a power of 2": lambda p: (
                _divergence(p, p.mean(0)).mean() / math.log(2)
            ).exp(),
        },
        hint="exp of the mean over samples of KL(p(y|x) ‖ p(y)), p(y) the mean over samples",
    ),
    "03.6": Exercise(
        right=DIAGNOSIS,
        mistakes={
            "Oto's distances are as good as Nia's. Which row asks whether a sample was "
            "seen in training?": {"Oto": "healthy"},
            "all of Mo's samples can be read, and precision is high. How much of the real "
            "data do they cover?": {"Mo": "healthy"},
            "Lea's classes are right. What do the two rows say that look at pixels, not at "
            "features?": {"Lea": "healthy"},
            "use each of the four words once": When(
                _not_of_words, DIAGNOSIS | {"Mo": "no idea"}
            ),
            "whoever draws ten pictures has no recall; whose recall is like that of real "
            "images?": {"Mo": "recites", "Oto": "ten pictures"},
            "one of the two has precision 1, recall 0 and a sharpness not far from "
            "real images': which?": {"Lea": "ten pictures", "Mo": "smoothed"},
        },
        hint='use the words "healthy", "recites", "ten pictures" and "smoothed"',
    ),
    "03.7": Exercise(
        right=held_from,
        probes=_courses,
        domain=_more_courses,
        mistakes={
            "this is when the score is reached for the first "
            "time; it must also stay there": _first,
            "a score that equals the target has reached it: at most, not below": _below,
            "this is when the score is best, whatever the target": lambda t, s, target: t[
                s.index(min(s))
            ],
            "where the target is not held at the end, the answer is math.inf: the run was "
            "too short to know": _at_the_end,
            "this is how long was trained: a choice, and "
            "what report B compares": lambda t, s, target: t[-1],
            "that is the index; the answer is the time at that index": _index,
        },
        hint="the earliest time from which every later score is at most the target, else math.inf",
    ),
}

PREDICTIONS = {
    "03.11": Prediction(words=("real", "blurred")),
    "03.12": Prediction(words=("far above the floor", "at the floor")),
    "03.13": Prediction(pattern="[01]{12}", like='twelve signs, "0" or "1", in quotes,'),
}
