"""The teacher's side of the assignment on flows: what is right, and which mistakes are known."""

import math
import random
from functools import partial

import torch
from torch.nn.functional import softplus

from course_lib.checks.exercises import between, normal
from course_lib.classroom.assignment import Question, diagnosis

TITLE = "Nothing lost on the way"
OPEN = [
    (2, "only 32 of 256 values occur; noise of a 256th leaves gaps where the density is wasted"),
    (2, "density piles up on 32 narrow strips; with noise that leaves gaps the model can win up "
        "to three bits a dimension, without limit as the noise shrinks"),
    (2, "two ways: noise that fills the 32 levels and log 32 in place of log 256; photographs "
        "with all 256 levels; a likelihood of the 32 values"),
]  # fmt: skip
PEOPLE = ["right", "forgets the levels", "in nats", "wrong sign", "counts pixels"]


def variant(rng: random.Random) -> dict:
    """One student's numbers."""
    parts = [rng.uniform(0.5, 2) for _ in range(4)]
    shares = [round(part / sum(parts), 2) for part in parts[:3]]
    log_p = round(rng.uniform(5500, 8500), 1)
    people = rng.sample(PEOPLE, 5)
    return {
        "alpha": round(rng.uniform(1.3, 2.2), 2),
        "k": round(rng.uniform(0.4, 1.1), 2),
        "t": round(rng.uniform(-0.9, -0.3), 2),
        "x1": round(rng.uniform(0.3, 0.9), 2),
        "x2": round(rng.uniform(-1.2, -0.4), 2),
        "shares": [*shares, round(1 - sum(shares), 2)],
        "b": round(rng.choice([-1, 1]) * rng.uniform(0.75, 0.95), 2),
        "log_p": log_p,
        "people": people,
        "reported": " | ".join(f"{bits(log_p, who):.3f}" for who in people),
    }


def bits(log_p: float, who: str) -> float:
    """The bits per dimension that somebody reports."""
    sign = 1 if who == "wrong sign" else -1
    total = sign * log_p + (0 if who == "forgets the levels" else 3072 * math.log(256))
    total /= 1024 if who == "counts pixels" else 3072
    return total if who == "in nats" else total / math.log(2)


def log_p(v, det=1.0, alpha=1.0, scale=1.0, norm=2.0, half=2.0):
    z1, z2 = v.alpha * v.x1, v.x2 * math.exp(v.k * v.x1) + v.t * v.x1
    slopes = alpha * math.log(v.alpha) + scale * v.k * v.x1
    return -(z1**2 + z2**2) / half - norm / 2 * math.log(2 * math.pi) + det * slopes


def log_density(v, x, det=1.0, norm=1.0, at=None):
    log_slope = -torch.log(-torch.expm1(-x))
    z = x - log_slope if at is None else at(x)
    return -z.square() / 2 - norm * math.log(2 * math.pi) / 2 + det * log_slope


def positive_probes(r, v):
    edges = torch.tensor([0.01, 1.0, 40.0, 800.0], dtype=torch.float64)
    return [(edges,), *((normal(r, 5).exp(),) for _ in range(5))]


def mix(v, x, weight, places=None, matrix=None, sign=1):
    places = x.shape[2] * x.shape[3] if places is None else places(x)
    z = torch.einsum("ij,bjhw->bihw", weight if matrix is None else matrix(weight), x)
    return z, sign * places * torch.linalg.slogdet(weight).logabsdet


def mix_probes(r, v):
    shapes = (2, 3, 4, 5), (1, 2, 3, 3), (3, 4, 1, 2), (2, 3, 2, 6), (1, 1, 2, 2)
    found = [(normal(r, *shape), normal(r, shape[1], shape[1])) for shape in shapes]
    turned = torch.eye(3, dtype=torch.float64).flip(0) * 2 + 0.1 * normal(r, 3, 3)
    return [*found, (normal(r, 2, 3, 2, 2), turned)]


def lengths(v, base=2.0, quarter=4, shares=None, at=None, swap=False):
    x = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 if at is None else at
    exact = bound = 0.0
    for k, share in enumerate(v.shares if shares is None else shares):
        density = (1 + v.b * (2 * (k + x) / 4 - 1)) / quarter
        exact -= share * math.log(density.mean(), base)
        bound -= share * density.log().mean().item() / math.log(base)
    return {"exact": bound, "bound": exact} if swap else {"exact": exact, "bound": bound}


def gain_probes(r, v):
    return [(100, 0.8), (1, 1.0), (3072, 0.7), *((7, between(r, 0.1, 2.0)) for _ in range(4))]


def safe(v, u, w, one=1.0, keep=1.0, power=1.0, direction=None):
    along = w @ u
    step = softplus(along) - one - keep * along
    return u + step * (w if direction is None else direction(u, w)) / (w @ w) ** power


def planar_probes(r, v):
    found = [(2 * normal(r, d), normal(r, d)) for d in (1, 2, 3, 5)]
    w = normal(r, 3)
    return [*found, (-3 * w, w), (3 * w, w)]


left_edge = torch.zeros(1, dtype=torch.float64)
QUESTIONS = {
    "flows.1": Question(
        name="log_p",
        points=3,
        right=log_p,
        tol=1e-3,
        mistakes={
            "the log-determinant is missing": partial(log_p, det=0),
            "this is the determinant of the inverse": partial(log_p, det=-1),
            "z₁ is stretched too: α is in the determinant": partial(log_p, alpha=0),
            "z₂ is stretched by exp(k x₁)": partial(log_p, scale=0),
            "two dimensions have log 2π, one has half of it": partial(log_p, norm=1),
            "a Gaussian's exponent has ½ in front": partial(log_p, half=1),
            "this is p(x); its logarithm is wanted": lambda v: math.exp(log_p(v)),
        },
    ),
    "flows.2": Question(
        name="log_density",
        points=4,
        right=log_density,
        probes=positive_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "the derivative is missing": partial(log_density, det=0),
            "this is the derivative of z ↦ x; (10.1) has that of x ↦ z": partial(
                log_density, det=-1
            ),
            "the normal's ½ log 2π is missing": partial(log_density, norm=0),
            "the normal density is that of z, so x must be inverted first": partial(
                log_density, at=lambda x: x
            ),
            "softplus leads from z to x; here the way back is needed": partial(
                log_density, at=softplus
            ),
            "sigmoid is softplus's derivative, but at z, and upside down": lambda v, x: (
                log_density(v, x, det=0) + torch.nn.functional.logsigmoid(x)
            ),
            "one value for each x is wanted": lambda v, x: log_density(v, x).sum(),
        },
    ),
    "flows.3": Question(
        name="mix",
        points=4,
        right=mix,
        probes=mix_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "the matrix acts at each place: every one counts": partial(mix, places=lambda x: 1),
            "channels are in the determinant already: count places": partial(
                mix, places=lambda x: x[0].numel()
            ),
            "the log-determinant is that of one image, not of the batch": partial(
                mix, places=lambda x: x.numel() / x.shape[1]
            ),
            "W acts from the left: z_i = Σ_j W_ij x_j": partial(mix, matrix=lambda w: w.T),
            "this is that of the inverse": partial(mix, sign=-1),
            "this multiplies by the inverse": partial(mix, matrix=torch.linalg.inv),
            "the logarithm, and the number of places, are missing": lambda v, x, w: (
                mix(v, x, w)[0],
                torch.linalg.det(w).abs(),
            ),
        },
    ),
    "flows.4": Question(
        name="lengths",
        points=5,
        right=lengths,
        tol=5e-4,
        mistakes={
            "a bound on a length is never below it": partial(lengths, swap=True),
            "these are nats": partial(lengths, base=math.e),
            "a value owns a quarter: its width is missing": partial(lengths, quarter=1),
            "the data's shares are not all ¼": partial(lengths, shares=[0.25] * 4),
            "the density at a bin's left edge is not its mean": partial(lengths, at=left_edge),
            "a 256th is the width of a pixel of 256 values": partial(lengths, quarter=256),
            "a code length is positive": lambda v: {k: -x for k, x in lengths(v).items()},
        },
    ),
    "flows.5": diagnosis(
        "who",
        3,
        "people",
        {
            "a negative figure would be a code that takes back bits": (
                "right",
                "forgets the levels",
            ),
            "nats are fewer than bits": ("right", "in nats"),
            "a density above 1 shortens the code: 8 bits are the start": (
                "right",
                "wrong sign",
            ),
            "a colour image has three numbers a pixel: which figure is three times?": (
                "right",
                "counts pixels",
            ),
            "without the levels the figure is −log p alone, here negative": (
                "forgets the levels",
                "wrong sign",
            ),
            "above 8 bits means worse than no model at all": ("in nats", "wrong sign"),
            "one figure is three times the right one, one 0.69 times": (
                "in nats",
                "counts pixels",
            ),
        },
    ),
    "flows.6": Question(
        name="gain",
        points=3,
        right=lambda v, D, T: D / 2 * (1 - T**2),
        probes=gain_probes,
        tol=1e-6,
        mistakes={
            "log N(z) has ½‖z‖²": lambda v, D, T: D * (1 - T**2),
            "E‖z‖² grows with T²": lambda v, D, T: D / 2 * (1 - T),
            "cooler samples are *more* probable": lambda v, D, T: D / 2 * (T**2 - 1),
            "this is one dimension's share": lambda v, D, T: (1 - T**2) / 2,
            "the model that judges is unchanged: no −D log T": lambda v, D, T: (
                D / 2 * (1 - T**2) - D * math.log(T)
            ),
            "1 − 1/T² is in the density at temperature T": lambda v, D, T: D / 2 * (1 - T**-2),
        },
    ),
    "flows.7": Question(
        name="safe",
        points=4,
        right=safe,
        probes=planar_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "divide by ‖w‖²: check wᵀû": partial(safe, power=0),
            "by ‖w‖², not by ‖w‖: check wᵀû": partial(safe, power=0.5),
            "the −1 is missing": partial(safe, one=0),
            "wᵀu is still in it: take it away before adding the new part": partial(
                safe, keep=0
            ),
            "û differs from u along w, not along u": partial(safe, direction=lambda u, w: u),
            "the step has the wrong sign": lambda v, u, w: 2 * u - safe(v, u, w),
            "this is u itself": lambda v, u, w: u,
        },
    ),
}
