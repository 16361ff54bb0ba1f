"""The teacher's side of the assignment on conditions and hybrids: what is right, known mistakes."""

import math
import random
from functools import partial

import torch

from course_lib.checks.exercises import between, normal
from course_lib.classroom.assignment import Question, diagnosis

TITLE = "Told, or not told"
OPEN = [
    (2, "obeying says that G reads the class; it says nothing of what the encoder puts into z"),
    (2, "style that stays shows that z carries style; z may carry the class as well, which G "
        "ignores or which the encoder of a real image still uses"),
    (2, "a measurement: train a classifier on codes of held-out images, I(z; c), or compare "
        "q(z | c) over classes, with chance level stated"),
]  # fmt: skip
MODELS = [
    "healthy",
    "ignores the class",
    "one picture",
    "two classes swapped",
    "one class only",
]


def variant(rng: random.Random) -> dict:
    """One student's numbers."""
    near = lambda x, by: round(x + rng.uniform(-by, by), 2)
    models = rng.sample(MODELS, 5)
    rows = {
        "healthy": (near(0.95, 0.03), near(0.03, 0.02), near(0.95, 0.05)),
        "ignores the class": (near(0.1, 0.02), near(0.05, 0.03), near(1.7, 0.2)),
        "one picture": (near(0.97, 0.02), near(0.02, 0.01), near(0.03, 0.02)),
        "two classes swapped": (near(0.76, 0.03), near(0.03, 0.02), near(0.95, 0.05)),
        "one class only": (near(0.1, 0.01), near(0.88, 0.02), near(0.95, 0.06)),
    }
    table = [
        f"| {letter} | {' | '.join(map(str, rows[model]))} |"
        for letter, model in zip("ABCDE", models, strict=True)
    ]
    return {
        "share": near(0.3, 0.08),
        **{name: shares(rng) for name in ("p0", "p1", "g0", "g1", "own", "test")},
        "models": models,
        "table": "\n".join(table),
        "means": [near(-1.5, 0.4), near(0.4, 0.3), near(2.0, 0.4)],
        "sds": [near(0.5, 0.1), near(0.9, 0.1), near(1.3, 0.1)],
    }


def shares(rng: random.Random) -> list[float]:
    """Three shares, of which one is large and none is very small."""
    first = round(rng.uniform(0.15, 0.25), 2)
    second = round(rng.uniform(0.26, 0.33), 2)
    return rng.sample([first, second, round(1 - first - second, 2)], 3)


def prices(v, base=math.e, half=0.5, share=None, swap=False, js=None):
    """Both prices; the arguments make the known mistakes."""
    share = v.share if share is None else share(v)
    table = [torch.tensor(x, dtype=torch.float64) for x in (v.p0, v.p1, v.g0, v.g1)]

    def kl(p, q):
        return (p * (p / q).log()).sum().item() / math.log(base)

    def distance(p, q):
        return half * (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) if js is None else js(kl, p, q)

    p, g = (share * table[i] + (1 - share) * table[i + 1] for i in (0, 2))
    told = share * distance(table[0], table[2]) + (1 - share) * distance(table[1], table[3])
    untold = distance(p, g)
    return {"told": untold, "untold": told} if swap else {"told": told, "untold": untold}


def logit_probes(r, v):
    shapes = (5,), (2, 3), (), (4,), (1,)
    found = []
    for shape in shapes:
        densities = [normal(r, *shape).exp() for _ in range(3)]
        found.append((*densities, between(r, 0.2, 3), between(r, 0.2, 3)))
    return found


def matched(v, real, fake, sign=-1.0, half=0.5, unbiased=True, parts=(1, 1), root=False):
    far = (real.mean(0) - fake.mean(0)).square().sum()
    noise = 0.0
    for part, x in zip(parts, (real, fake), strict=True):
        variance = x.var(0, unbiased=unbiased).sum()
        noise = noise + part * variance / (len(x) ** 0.5 if root else len(x))
    return half * (far + sign * noise)


def batch_probes(r, v):
    sizes = (4, 6, 3), (2, 2, 1), (9, 3, 2), (3, 8, 4), (5, 5, 2)
    return [(normal(r, m, d) + normal(r, d), 2 * normal(r, n, d)) for m, n, d in sizes]


def split(v, a, S, var, half=0.5, square=2, inverse=False, whole=None):
    spread = abs(a) ** square * S**square
    information = half * math.log(1 + (var / spread if inverse else spread / var))
    codes = half * (spread + var - 1 - math.log(spread + var))
    total = information + codes if whole is None else whole(information, codes)
    return {"KL": total, "I": information, "codes": codes}


def split_probes(r, v):
    found = [(1.0, 1.0, 1.0), (-0.5, 2.0, 0.3)]
    return found + [
        (between(r, -2, 2), between(r, 0.3, 2), between(r, 0.1, 2)) for _ in range(5)
    ]


def moments(v, weights=None, between=1.0, within=1.0, about=1.0, power=2):
    w = v.test if weights is None else weights(v)
    mean = sum(p * m for p, m in zip(w, v.means, strict=True))
    parts = zip(w, v.means, v.sds, strict=True)
    variance = sum(
        p * (within * s**power + between * (m - about * mean) ** 2) for p, m, s in parts
    )
    return {"mean": mean, "variance": variance}


def class_probes(r, v):
    found = [(3 * normal(r, b, k),) for b, k in ((4, 3), (1, 10), (5, 2), (2, 1), (3, 3))]
    return [*found, (1000 * normal(r, 4, 3).sign() + normal(r, 4, 3),)]


QUESTIONS = {
    "hybrids.1": Question(
        name="prices",
        points=4,
        right=prices,
        mistakes={
            "told measures *more*, never less (8.3)": partial(prices, swap=True),
            "these are bits": partial(prices, base=2),
            "JS is the *mean* of two KL divergences": partial(prices, half=1.0),
            "the classes don't have equal shares": partial(prices, share=lambda v: 0.5),
            "the classes are exchanged": partial(prices, share=lambda v: 1 - v.share),
            "this is KL, not JS": partial(prices, js=lambda kl, p, q: kl(p, q)),
            "JS compares each with their mixture, not with the other": partial(
                prices, js=lambda kl, p, q: (kl(p, q) + kl(q, p)) / 2
            ),
        },
        tol=2e-5,
    ),
    "hybrids.2": Question(
        name="best_logit",
        points=3,
        right=lambda v, p, f, g, a, b: p.log() - (a * f + b * g).log(),
        probes=logit_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "this is D*, not its logit": lambda v, p, f, g, a, b: p / (p + a * f + b * g),
            "the weights have no effect here": lambda v, p, f, g, a, b: (p / (f + g)).log(),
            "this is the logit of *generated*": lambda v, p, f, g, a, b: (
                (a * f + b * g) / p
            ).log(),
            "this is log D*; a logit is log D − log(1 − D)": lambda v, p, f, g, a, b: (
                p / (p + a * f + b * g)
            ).log(),
            "the weights are exchanged": lambda v, p, f, g, a, b: (p / (b * f + a * g)).log(),
            "real images count once, not as often as both fakes": lambda v, p, f, g, a, b: (
                (a + b) * p / (a * f + b * g)
            ).log(),
            "densities are added, not their logarithms": lambda v, p, f, g, a, b: (
                p.log() - a * f.log() - b * g.log()
            ),
        },
    ),
    "hybrids.3": Question(
        name="matched",
        points=5,
        right=matched,
        probes=batch_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "this is (9.6), with the noise": partial(matched, parts=(0, 0)),
            "the variance of a batch divides by m − 1, else it is too small": partial(
                matched, unbiased=False
            ),
            "the noise is taken away, not added": partial(matched, sign=1.0),
            "½ is missing": partial(matched, half=1.0),
            "the generated batch is noisy too": partial(matched, parts=(1, 0)),
            "the real batch is noisy too": partial(matched, parts=(0, 1)),
            "a mean's *variance* falls like 1/m; its standard deviation like 1/√m": partial(
                matched, root=True
            ),
        },
    ),
    "hybrids.4": Question(
        name="split",
        points=4,
        right=split,
        probes=split_probes,
        tol=1e-6,
        mistakes={
            "½ is missing": partial(split, half=1.0),
            "the means' variance is a² S², not a S": partial(split, square=1),
            "signal over noise: v stands below": partial(split, inverse=True),
            "both parts add up to KL": partial(split, whole=lambda i, c: c - i),
            "the KL is more than the codes'": partial(split, whole=lambda i, c: c),
            "v is a variance already": lambda v, a, S, var: split(v, a, S, var**2),
            "these are bits": lambda v, a, S, var: {
                k: x / math.log(2) for k, x in split(v, a, S, var).items()
            },
        },
    ),
    "hybrids.5": diagnosis(
        "verdicts",
        3,
        "models",
        {
            "real images of one class differ: variety near 0 isn't healthy": (
                "healthy",
                "one picture",
            ),
            "two of ten classes wrong leaves about 80%": ("healthy", "two classes swapped"),
            "a tenth is obeyed by chance either way: the TV tells them apart": (
                "ignores the class",
                "one class only",
            ),
            "a healthy one obeys": ("healthy", "ignores the class"),
            "one picture a class is still the right class": (
                "one picture",
                "two classes swapped",
            ),
            "images of all classes in every told class vary *more* than one class": (
                "ignores the class",
                "two classes swapped",
            ),
        },
    ),
    "hybrids.6": Question(
        name="moments",
        points=3,
        right=moments,
        tol=1e-3,
        mistakes={
            "these are the generator's shares": partial(moments, weights=lambda v: v.own),
            "the shares are not equal": partial(moments, weights=lambda v: [1 / 3] * 3),
            "the classes' means differ: that varies too": partial(moments, between=0.0),
            "images of one class vary as well": partial(moments, within=0.0),
            "this is E x²; take away the squared mean": partial(moments, about=0.0),
            "variances add up, deviations don't": partial(moments, power=1),
            "this is the standard deviation": lambda v: (
                moments(v) | {"variance": moments(v)["variance"] ** 0.5}
            ),
        },
    ),
    "hybrids.7": Question(
        name="real_logit",
        points=3,
        right=lambda v, logits: logits.logsumexp(1),
        probes=class_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "every class adds to D, not only the likeliest": lambda v, x: x.amax(1),
            "add probabilities, not logits": lambda v, x: x.sum(1),
            "D is a sum over classes, not a mean": lambda v, x: x.mean(1),
            "no mean inside: D is the probability of *any* class": lambda v, x: (
                x.logsumexp(1) - math.log(x.shape[1])
            ),
            "this is D; its logit is wanted": lambda v, x: x.logsumexp(1).sigmoid(),
            "this is the logit of *generated*": lambda v, x: -x.logsumexp(1),
            "sum over classes, not over the batch": lambda v, x: x.logsumexp(0),
        },
    ),
}
