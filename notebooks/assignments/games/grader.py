"""The teacher's side of the assignment on unstable games: what is right, and known mistakes."""

import cmath
import math
import random
from functools import partial
from types import SimpleNamespace

from torch.linalg import matrix_norm, vector_norm

from course_lib.checks.exercises import between, normal
from course_lib.classroom.assignment import Question, diagnosis

TITLE = "Games that come home"
OPEN = [
    (2, "each critic measures slopes in its own unit: a penalty's optimum lies above 1, and "
        "layers of norm 1 rarely reach slope 1 together"),
    (2, "a fall with one critic, trained as long each time, says that the generator came nearer; "
        "it can also fall because the critic got worse; no floor is known"),
    (2, "a distance that is the same for both: FD or KID on held-out images, with its floor"),
]  # fmt: skip
GAMES = ["spirals in", "spirals out", "circles", "creeps in", "overshoots"]


def variant(rng: random.Random) -> dict:
    """One student's numbers. The second distribution lies to the right of the first when moved."""
    places = [0.0]
    for _ in range(4):
        places.append(round(places[-1] + rng.uniform(0.3, 1.4), 1))
    first, second = shares(rng), shares(rng)
    while not crossing(places, first, second):
        second = shares(rng)
    games = rng.sample(GAMES, 5)
    return {
        "places": places,
        "first": first,
        "second": second,
        "moved": round(places[-1] + rng.uniform(0.5, 2), 1),
        "games": games,
        "eigenvalues": " | ".join(pair(rng, game) for game in games),
    }


def crossing(places: list, first: list, second: list) -> bool:
    """Whether neither lies to the right of the other, so that W1 is more than the means' gap."""
    v = SimpleNamespace(places=places, first=first, second=second, moved=0.0)
    found = transport(v)
    return abs(found["W1 after"]) < 0.8 * found["W1"]


def shares(rng: random.Random) -> list[float]:
    parts = [rng.uniform(0.2, 2) for _ in range(5)]
    rounded = [round(part / sum(parts), 2) for part in parts[:4]]
    return [*rounded, round(1 - sum(rounded), 2)]


def pair(rng: random.Random, game: str) -> str:
    """Two eigenvalues of a round, as they would be printed."""
    if game in ("creeps in", "overshoots"):
        sign = 1 if game == "creeps in" else -1
        return f"{sign * rng.uniform(0.3, 0.6):.3f}, {sign * rng.uniform(0.65, 0.95):.3f}"
    size = {"spirals in": 1 - rng.uniform(0.01, 0.05), "circles": 1.0}
    length = size.get(game, 1 + rng.uniform(0.01, 0.05))
    angle = rng.uniform(0.3, 1.2)
    return f"{length * math.cos(angle):.4f} ± {length * math.sin(angle):.4f}i"


def transport(v, steps=True, order=1, half=0.5, swap=False, moved=True, absolute=False):
    """The three distances; the arguments make the known mistakes."""
    height, w1 = 0.0, 0.0
    for at in range(4):
        height += v.first[at] - v.second[at]
        width = v.places[at + 1] - v.places[at] if steps else 1.0
        w1 += abs(height) ** order * width
    tv = half * sum(abs(p - q) for p, q in zip(v.first, v.second, strict=True))
    means = [sum(s * x for s, x in zip(d, v.places, strict=True)) for d in (v.first, v.second)]
    after = v.moved + means[1] - means[0] if moved else w1
    after = w1 + v.moved if absolute else after
    w1, tv = (tv, w1) if swap else (w1, tv)
    return {"W1": w1, "TV": tv, "W1 after": after}


def radius(v, d, theta, power=1):
    return ((1 - d) / abs(1 - d * cmath.exp(-1j * theta))) ** power


def bound(v, a, weight, alpha, of_a=vector_norm, of_w=lambda w: matrix_norm(w, 2), steep=None):
    steepest = max(1.0, abs(alpha)) if steep is None else steep(alpha)
    return of_a(a) * steepest * of_w(weight)


def critic_probes(r, v):
    slopes = 0.2, 1.0, between(r, 1.2, 3), -between(r, 1.2, 3), 0.0, -0.5
    return [(normal(r, n), normal(r, n, m), slope)
            for slope, (n, m) in zip(slopes, [(3, 2), (4, 4), (2, 3), (5, 2), (1, 3), (3, 3)],
                                     strict=True)]  # fmt: skip


QUESTIONS = {
    "games.1": Question(
        name="factor",
        points=4,
        right=lambda v, eta: math.sqrt((1 - eta**2) ** 2 + eta**2),
        probes=lambda r, v: [
            (0.5,),
            (1.0,),
            (0.05,),
            *((between(r, 0.1, 2),) for _ in range(4)),
        ],
        tol=1e-6,
        mistakes={
            "this is the ordinary round": lambda v, eta: math.sqrt(1 + eta**2),
            "this is alternating play: there the round circles": lambda v, eta: 1.0,
            "this is the *square* of the factor": lambda v, eta: (1 - eta**2) ** 2 + eta**2,
            "the turn, η off the diagonal, is missing": lambda v, eta: abs(1 - eta**2),
            "the look ahead pulls towards the origin: 1 − η²": lambda v, eta: math.sqrt(
                (1 + eta**2) ** 2 + eta**2
            ),
            "both steps are counted: the first one is only looked at": lambda v, eta: math.sqrt(
                (1 - eta**2) ** 2 + 4 * eta**2
            ),
        },
    ),
    "games.2": Question(
        name="best_penalty",
        points=4,
        right=lambda v, c, kappa: 2 * c / math.sqrt(kappa),
        probes=lambda r, v: [
            (0.5, 4.0),
            (1.0, 1.0),
            *((between(r, 0.1, 2), between(r, 0.2, 9)) for _ in range(5)),
        ],
        tol=1e-6,
        mistakes={
            "κ matters: it is in trace *and* determinant": lambda v, c, kappa: 2 * c,
            "the trace has κγ, not γ": lambda v, c, kappa: 2 * c * math.sqrt(kappa),
            "the determinant has κ too: a root is left": lambda v, c, kappa: 2 * c / kappa,
            "trace² = 4 · determinant": lambda v, c, kappa: c / math.sqrt(kappa),
            "take the root: this is γ²": lambda v, c, kappa: 4 * c**2 / kappa,
            "the root of 4 is 2": lambda v, c, kappa: 4 * c / math.sqrt(kappa),
        },
    ),
    "games.3": Question(
        name="distances",
        points=4,
        right=transport,
        tol=1e-3,
        mistakes={
            "the points are not one apart": partial(transport, steps=False),
            "|F − G| is not squared in W₁": partial(transport, order=2),
            "total variation has ½": partial(transport, half=1.0),
            "W₁ and TV are exchanged": partial(transport, swap=True),
            "W₁ sees distance: moving changes it": partial(transport, moved=False),
            "moving adds to the difference of the *means*, not to the old W₁": partial(
                transport, absolute=True
            ),
        },
    ),
    "games.4": Question(
        name="overrated",
        points=3,
        right=lambda v, w1, weight, k: 1 + w1 / (2 * weight * k),
        probes=lambda r, v: [
            (4.0, 10.0, 1.0),
            (1.0, 0.1, 2.0),
            *((between(r, 0.1, 9), between(r, 0.1, 9), between(r, 0.3, 3)) for _ in range(5)),
        ],
        tol=1e-6,
        mistakes={
            "the penalty asks for k, not for 1": lambda v, w, b, k: 1 + w / (2 * b),
            "this is the slope; divide by k": lambda v, w, b, k: k + w / (2 * b),
            "the square's derivative has a 2": lambda v, w, b, k: 1 + w / (b * k),
            "a steeper slope *gains*": lambda v, w, b, k: 1 - w / (2 * b * k),
            "λ and W₁ stand the other way round": lambda v, w, b, k: 1 + 2 * b * k / w,
            "this is only what comes on top": lambda v, w, b, k: w / (2 * b * k),
            "this is the report itself": lambda v, w, b, k: w * (k + w / (2 * b)),
        },
    ),
    "games.5": diagnosis(
        "what",
        3,
        "games",
        {
            "a round multiplies: below 1 in absolute value comes in": (
                "spirals in",
                "spirals out",
            ),
            "compute |λ| to three digits: is it 1?": ("spirals in", "circles"),
            "compute |λ| to three digits: is it above 1?": ("spirals out", "circles"),
            "a negative eigenvalue changes sides at every round": ("creeps in", "overshoots"),
            "real eigenvalues don't turn": ("spirals in", "creeps in"),
            "a negative number may be small: |λ| decides": ("spirals out", "overshoots"),
        },
    ),
    "games.6": Question(
        name="radius",
        points=4,
        right=radius,
        probes=lambda r, v: [
            (0.9, 0.2),
            (0.0, 1.0),
            (0.5, math.pi),
            *((between(r, 0.1, 0.99), between(r, 0.05, 3)) for _ in range(4)),
        ],
        tol=1e-6,
        mistakes={
            "the series isn't over after its first term": lambda v, d, t: 1 - d,
            "this is the square of the radius": lambda v, d, t: radius(v, d, t, 2),
            "the weights sum to one: 1 − d in front": lambda v, d, t: (
                1 / abs(1 - d * cmath.exp(-1j * t))
            ),
            "the real part alone is not the distance": lambda v, d, t: (
                (1 - d) / (1 - d * math.cos(t))
            ),
            "the sum of a geometric series has 1 *minus* the ratio below": lambda v, d, t: (
                (1 - d) / abs(1 + d * cmath.exp(-1j * t))
            ),
            "an average over different directions is shorter": lambda v, d, t: 1.0,
            "1 − d, not d, in front": lambda v, d, t: d / abs(1 - d * cmath.exp(-1j * t)),
        },
    ),
    "games.7": Question(
        name="bound",
        points=4,
        right=bound,
        probes=critic_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "this is the Frobenius norm: a bound, but a larger one": partial(
                bound, of_w=matrix_norm
            ),
            "α may be larger than 1: then the left side is the steeper one": partial(
                bound, steep=lambda s: 1.0
            ),
            "for a small α the right side, with slope 1, is the steeper one": partial(
                bound, steep=abs
            ),
            "a negative α can be steep as well": partial(bound, steep=lambda s: max(1.0, s)),
            "‖a‖₁ is a bound, but the spectral norm of a row is ‖a‖₂": partial(
                bound, of_a=lambda a: a.abs().sum()
            ),
            "the last layer, a, has a norm too": partial(bound, of_a=lambda a: 1.0),
            "this is ‖a‖², not ‖a‖": partial(bound, of_a=lambda a: a.square().sum()),
        },
    ),
}
