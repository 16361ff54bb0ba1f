"""The teacher's side of the assignment on measuring samples: what is right, known mistakes."""

import random
from functools import partial

import torch

from course_lib.checks.exercises import between, normal
from course_lib.classroom.assignment import Question, diagnosis

TITLE = "How good are these pictures?"
OPEN = [
    (2, "FD with 500 images is biased upwards by about c/N, so this fault works *against* the "
        "friend; only equal numbers compare"),
    (2, "the epoch was chosen on the test images: the best of many looks better than it is"),
    (2, "features, resolution, data or split may differ; a sound plan: choose on a validation "
        "split, same features, equal N or the limit, an error from several draws"),
]  # fmt: skip
KINDS = ["recites", "few modes", "noisy", "healthy"]


def variant(rng: random.Random) -> dict:
    """One student's numbers."""
    near = lambda x, by: round(x + rng.uniform(-by, by), 2)
    generators = rng.sample(KINDS, 4)
    rows = {
        "recites": (near(0.6, 0.2), near(0.95, 0.03), near(0.93, 0.04), near(0.93, 0.04)),
        "few modes": (near(8.5, 1.5), near(0.93, 0.04), near(0.2, 0.08), near(0.51, 0.02)),
        "noisy": (near(8.5, 1.5), near(0.2, 0.08), near(0.8, 0.08), near(0.5, 0.02)),
        "healthy": (near(1.4, 0.3), near(0.85, 0.04), near(0.82, 0.04), near(0.51, 0.02)),
    }
    table = [
        f"| {letter} | {' | '.join(map(str, rows[kind]))} |"
        for letter, kind in zip("ABCD", generators, strict=True)
    ]
    parts = [rng.uniform(0.5, 2) for _ in range(5)]
    shares = [round(part / sum(parts), 2) for part in parts[1:]]
    return {
        "mean_a": [near(0.0, 0.5), near(0.0, 0.5)],
        "sd_a": [near(1.8, 0.3), near(0.7, 0.2)],
        "rho_a": near(0.7, 0.15),
        "mean_b": [near(1.0, 0.3), near(-1.0, 0.3)],
        "sd_b": [near(0.8, 0.2), near(1.5, 0.3)],
        "rho_b": near(-0.6, 0.15),
        "generators": generators,
        "table": "\n".join(table),
        "shares": [round(1 - sum(shares), 2), *shares],
        "draws": rng.choice([150, 200, 250, 300]),
    }


def covariance(sd, rho, power=1):
    s = torch.tensor(sd, dtype=torch.float64) ** power
    return torch.outer(s, s) * torch.tensor([[1, rho], [rho, 1]], dtype=torch.float64)


def frechet(v, means=1.0, spread=1.0, cross=2.0, alone=False, power=1.0):
    """FD in the plane, by eigenvalues of AB; the arguments make the known mistakes."""
    a, b = covariance(v.sd_a, v.rho_a, power), covariance(v.sd_b, v.rho_b, power)
    roots = torch.linalg.eigvals(a @ b).real.sqrt()
    roots = (a.diagonal() * b.diagonal()).sqrt() if alone else roots
    far = sum((x - y) ** 2 for x, y in zip(v.mean_a, v.mean_b, strict=True))
    return means * far + spread * (a.trace() + b.trace() - cross * roots.sum()).item()


def limit(v, n1, fd1, n2, fd2, power=1.0):
    return (n2**power * fd2 - n1**power * fd1) / (n2**power - n1**power)


def limit_probes(r, v):
    found = [(100, 6.0, 400, 3.0), (2000, 4.5, 500, 7.0)]
    return found + [
        (250 * (i + 1), between(r, 3, 9), 5000 + i, between(r, 1, 3)) for i in range(4)
    ]


def layer_probes(r, v):
    """Even and odd k - s for every stride, in an order of their own."""
    layers = [(k, s) for s in (1, 2, 3, 4) for k in range(s, s + 5)]
    return [layers[i] for i in torch.randperm(len(layers), generator=r).tolist()]


def folded(v, weight, bias, gamma, beta, mean, var, eps, root=0.5, shift=1, own=1, late=False):
    scale = gamma / (var + eps) ** root
    moved = (own * bias - shift * mean) * scale
    moved = own * bias - shift * mean * scale if late else moved
    return weight * scale[:, None, None, None], moved + beta


def fold_probes(r, v):
    found = []
    for o, i, k in ((2, 3, 3), (1, 1, 1), (4, 2, 2), (3, 3, 1), (2, 1, 3)):
        rest = [normal(r, o) for _ in range(4)]
        found.append(
            (normal(r, o, i, k, k), *rest, normal(r, o).square() + 0.05, between(r, 0.1, 1))
        )
    return found


def variation(v, half=0.5, rms=False, root=True, missing=1.0, by=1.0):
    floor = 0.0
    for p in v.shares:
        if rms or not root:
            spread = p * (1 - p) / v.draws
            floor += half * (spread**0.5 if root else spread)
            continue
        chance = torch.distributions.Binomial(v.draws, torch.tensor(p, dtype=torch.float64))
        n = torch.arange(v.draws + 1, dtype=torch.float64)
        floor += half * (chance.log_prob(n).exp() * (n / v.draws - p).abs()).sum().item()
    return {"floor": floor * by, "missing": missing * v.shares[0]}


def recited(v, share, n_train, n_held, part=None, over=True):
    chance = n_train / (n_train + n_held) if part is None else part(n_train, n_held)
    return (share - chance) / (1 - chance if over else 1)


def share_probes(r, v):
    found = [(0.84, 8000, 2000), (0.5, 1000, 1000), (1.0, 300, 900)]
    return found + [(between(r, 0.3, 1), 1000 + 77 * i, 2500 - 333 * i) for i in range(4)]


QUESTIONS = {
    "samples.1": Question(
        name="fd",
        points=4,
        right=frechet,
        tol=1e-3,
        mistakes={
            "the covariances differ too": partial(frechet, spread=0),
            "the means differ too": partial(frechet, means=0),
            "the root of the product counts twice": partial(frechet, cross=1),
            "the root of the product is missing": partial(frechet, cross=0),
            "taking each coordinate alone works for covariances that commute only": partial(
                frechet, alone=True
            ),
            "FD is not rooted": lambda v: frechet(v) ** 0.5,
            "the given spreads are standard deviations": partial(frechet, power=2),
        },
    ),
    "samples.2": Question(
        name="limit",
        points=3,
        right=limit,
        probes=limit_probes,
        tol=1e-6,
        mistakes={
            "both are biased; their mean is too": lambda v, n1, a, n2, b: (a + b) / 2,
            "a weighted mean lies between the two, "
            "the limit below both": lambda v, n1, a, n2, b: (n1 * a + n2 * b) / (n1 + n2),
            "the bias falls like 1/N, not like 1/√N": partial(limit, power=0.5),
            "each N belongs to its own measurement": lambda v, n1, a, n2, b: limit(
                v, n1, b, n2, a
            ),
            "this is c, not the limit": lambda v, n1, a, n2, b: (a - b) / (1 / n1 - 1 / n2),
            "1/N, not 1/N²": partial(limit, power=2),
        },
    ),
    "samples.3": Question(
        name="paddings",
        points=3,
        right=lambda v, k, s: ((k - s + (k - s) % 2) // 2, (k - s) % 2),
        probes=layer_probes,
        mistakes={
            "with output padding the padding must be "
            "*larger* by a half: round up": lambda v, k, s: ((k - s) // 2, (k - s) % 2),
            "if k − s is odd, no padding alone does it": lambda v, k, s: ((k - s) // 2, 0),
            "the pair is (p, a), padding first": lambda v, k, s: (
                (k - s) % 2,
                (k - s + (k - s) % 2) // 2,
            ),
            "this keeps the size where s = 1": lambda v, k, s: ((k - 1) // 2, 0),
            "this fits k = 3, s = 2 and few others": lambda v, k, s: (k // 2, s - 1),
            "padding acts on both sides: p counts twice": lambda v, k, s: (k - s, 0),
        },
    ),
    "samples.4": Question(
        name="folded",
        points=4,
        right=folded,
        probes=fold_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "ε stands below the root too": lambda v, *a: folded(v, *a[:-1], 0.0),
            "divide by the standard deviation": partial(folded, root=1.0),
            "the kept mean is taken away": partial(folded, shift=0),
            "the mean is taken away, not added": partial(folded, shift=-1),
            "the convolution's own bias is lost": partial(folded, own=0),
            "the convolution's bias is scaled as well": partial(folded, late=True),
            "β is missing": lambda v, w, b, g, t, *a: folded(v, w, b, g, 0 * t, *a),
        },
    ),
    "samples.5": diagnosis(
        "verdicts",
        3,
        "generators",
        {
            "the lowest FD isn't always the best: look at *nearest*": ("recites", "healthy"),
            "precision asks whether images are good, recall whether all kinds occur": (
                "few modes",
                "noisy",
            ),
            "who recites all of the training images has full recall": ("recites", "few modes"),
            "a recall of a fifth means that most kinds of images are missing": (
                "few modes",
                "healthy",
            ),
            "a precision of a fifth means that most images are like no real one": (
                "noisy",
                "healthy",
            ),
            "noise makes images that are near no real one; copies are near": (
                "recites",
                "noisy",
            ),
        },
    ),
    "samples.6": Question(
        name="variation",
        points=4,
        right=variation,
        tol=1e-3,
        mistakes={
            "total variation has ½": partial(variation, half=1.0),
            "a mean of absolute values is less than a root of a mean of squares": partial(
                variation, rms=True
            ),
            "a variance stands where its root belongs": partial(variation, root=False),
            "what the first class lacks, the others have: both count, then half": partial(
                variation, missing=0.5
            ),
            "with ½ both sides count once together": partial(variation, missing=2.0),
            "a perfect generator's *counts* still vary": partial(variation, by=0.0),
            "only one side is a sample: the true shares have no error": partial(
                variation, by=2**0.5
            ),
        },
    ),
    "samples.7": Question(
        name="recited",
        points=3,
        right=recited,
        probes=share_probes,
        tol=1e-6,
        mistakes={
            "this is for M = M′": lambda v, s, m, h: 2 * s - 1,
            "also a new image may be nearest to a training image": lambda v, s, m, h: s,
            "divide by what chance leaves: for share = 1 it must be 1": partial(
                recited, over=False
            ),
            "chance is the *training* images' share": lambda v, s, m, h: recited(v, s, h, m),
            "a ratio of shares is no share of copies": lambda v, s, m, h: s * (m + h) / m,
            "the new images' share is 1 − r, which is not 1 − share": lambda v, s, m, h: (
                s - (1 - s) * m / (m + h)
            ),
        },
    ),
}
