"""The teacher's side of the assignment on GANs: what is right, and which mistakes are known."""

import math
import random
from functools import partial

import torch
from torch.nn.functional import logsigmoid, softplus

from course_lib.checks.exercises import between, normal
from course_lib.classroom.assignment import Question, diagnosis

TITLE = "The adversary"
OPEN = [
    (2, "D tells real from generated almost surely: the densities hardly overlap, JS ≈ log 2"),
    (2, "with the saturating loss G's gradient is weighted by D(G(z)) ≈ 0, so G stands still"),
    (2, "two measurements that would decide: D on held-out images, the gradient's norm at G, "
        "the loss in use, samples over time, a distance on held-out data"),
]  # fmt: skip
WORDS = ["non-saturating", "saturating", "double sigmoid", "swapped labels"]


def variant(rng: random.Random) -> dict:
    """One student's numbers. The log's four runs are told apart by more than rounding."""
    runs = rng.sample(WORDS, 4)
    rows = []
    for letter, run in zip("ABCD", runs, strict=True):
        real, fake = round(rng.uniform(0.6, 0.9), 2), round(rng.uniform(0.1, 0.35), 2)
        d, g = losses(run, real, fake)
        rows.append(f"| {letter} | {real} | {fake} | {d:.3f} | {g:.3f} |")
    n_real = rng.choice([24, 32, 40, 48])
    return {
        "a": round(rng.uniform(0.4, 1.6), 2),
        "b": round(rng.uniform(-1.6, -0.2), 2),
        "s": round(rng.uniform(0.6, 0.9), 2),
        "n_real": n_real,
        "n_fake": n_real * rng.choice([2, 3, 4]),
        "gap": round(rng.uniform(1.4, 2.2), 2),
        "shift": round(rng.uniform(0.3, 0.9), 2),
        "width": round(rng.uniform(1.3, 1.7), 2),
        "runs": runs,
        "log": "\n".join(rows),
    }


def losses(run: str, real: float, fake: float) -> tuple[float, float]:
    """The losses that a run prints for constant probabilities on real and generated images."""
    if run == "double sigmoid":
        real, fake = (1 / (1 + math.exp(-p)) for p in (real, fake))
    of_d = -math.log(real) - math.log(1 - fake)
    if run == "swapped labels":
        of_d = -math.log(1 - real) - math.log(fake)
    return of_d, math.log(1 - fake) if run == "saturating" else -math.log(fake)


def line(v, prior=1.0, half=2.0, power=2, sign=1.0, shift=True):
    """The best logit's slope and intercept; the arguments make the known mistakes."""
    width = v.s**power
    at_zero = (v.b**2 - v.a**2) / (half * width) if shift else 0.0
    slope = (v.a - v.b) / width
    return sign * slope, sign * at_zero + prior * math.log(v.n_real / v.n_fake)


def smoothed_loss(v, real, fake, alpha, on_fake=0.0):
    on_real = (1 - alpha) * softplus(-real) + alpha * softplus(real)
    fakes = (1 - on_fake) * softplus(fake) + on_fake * softplus(-fake)
    return on_real.mean() + fakes.mean()


def both_sums(real, fake, alpha):
    on_real = (1 - alpha) * softplus(-real) + alpha * softplus(real)
    return on_real.sum(), softplus(fake).sum()


def logit_probes(r, v):
    alphas = [0.0, 0.1, 0.3, between(r, 0, 0.9)]
    found = [(2 * normal(r, 5), 2 * normal(r, 3), alpha) for alpha in alphas]
    found += [(1000 * normal(r, 4).sign(), 1000 * normal(r, 4).sign(), 0.2)]
    return [*found, (normal(r, 1), normal(r, 7), 0.25)]


def density_probes(r, v):
    found = []
    for alpha in (0.0, 0.1, 0.5, between(r, 0, 0.9)):
        found.append((normal(r, 6).exp(), normal(r, 6).exp(), alpha))
    alone = torch.tensor([1.0, 2.0], dtype=torch.float64)
    found.append((alone, torch.zeros_like(alone), 0.2))
    return [*found, (normal(r, 2, 3).exp(), normal(r, 2, 3).exp(), 0.3)]


def divergences(v, log=math.log, half=0.5, swap=False, jeffreys=False, dx=True):
    """All three by the trapezoid rule; the arguments make the known mistakes."""
    x = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    modes = [torch.distributions.Normal(m, 0.6).log_prob(x) for m in (-v.gap, v.gap)]
    log_p = torch.logaddexp(*modes) - math.log(2)
    log_q = torch.distributions.Normal(v.shift, v.width).log_prob(x)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    step = (x[1] - x[0]).item() if dx else 1.0

    def kl(one, other):
        return (one.exp() * (one - other)).sum().item() * step / log(math.e)

    first, second = kl(log_p, log_q), kl(log_q, log_p)
    js = half * (first + second if jeffreys else kl(log_p, log_m) + kl(log_q, log_m))
    first, second = (second, first) if swap else (first, second)
    return {"KL(p||q)": first, "KL(q||p)": second, "JS": js}


def rate_probes(r, v):
    return [
        (1.0, 1.0),
        (2.0, 0.1),
        *((between(r, 0.2, 3.2), between(r, 0.2, 3.2)) for _ in range(5)),
    ]


def weighted(f, weights):
    return (weights * f).sum() / weights.sum()


def mean_probes(r, v):
    found = [(normal(r, n), 3 * normal(r, n)) for n in (2, 5, 9, 9)]
    return [
        *found,
        (normal(r, 1), normal(r, 1)),
        (normal(r, 6).abs(), 800 * normal(r, 6).sign()),
    ]


QUESTIONS = {
    "gan.1": Question(
        name="line",
        points=4,
        right=line,
        tol=1e-3,
        mistakes={
            "the shares of real and generated are left out": partial(line, prior=0),
            "the shares enter the other way round": partial(line, prior=-1),
            "this is the line of log q − log p": partial(line, sign=-1),
            "this is the logit of *generated*": partial(line, sign=-1, prior=-1),
            "divide by the variance s², not by s": partial(line, power=1),
            "a Gaussian's exponent has ½ in front": partial(line, half=1),
            "the squares a² and b² don't cancel": partial(line, shift=False),
        },
    ),
    "gan.2": Question(
        name="smoothed_loss",
        points=3,
        right=smoothed_loss,
        probes=logit_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "generated examples keep the label 0: the smoothing is one-sided": lambda v, r, f, a: (
                smoothed_loss(v, r, f, a, on_fake=a)
            ),
            "the label of the *real* examples is the soft one": lambda v, r, f, a: (
                smoothed_loss(v, r, f, 0.0, on_fake=a)
            ),
            "real examples are real with probability 1 − α, not α": lambda v, r, f, a: (
                smoothed_loss(v, r, f, 1 - a)
            ),
            "the term for 'generated after all', with "
            "probability α, is missing": lambda v, r, f, a: (
                (1 - a) * softplus(-r).mean() + softplus(f).mean()
            ),
            "α has no effect here": lambda v, r, f, a: smoothed_loss(v, r, f, 0.0),
            "this is what D ascends; a loss is descended": lambda v, r, f, a: (
                -smoothed_loss(v, r, f, a)
            ),
            "sums stand where means belong": lambda v, r, f, a: sum(both_sums(r, f, a)),
            "one mean over both kinds: each kind has its own": lambda v, r, f, a: (
                sum(both_sums(r, f, a)) / (len(r) + len(f))
            ),
        },
    ),
    "gan.3": Question(
        name="best_smoothed",
        points=3,
        right=lambda v, p, q, a: (1 - a) * p / (p + q),
        probes=density_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "α has no effect here: begin from the loss": lambda v, p, q, a: p / (p + q),
            "the label 0 that a real example sometimes "
            "gets belongs below too": lambda v, p, q, a: (1 - a) * p / ((1 - a) * p + q),
            "the classes are swapped": lambda v, p, q, a: (1 - a) * q / (p + q),
            "this is two-sided smoothing": lambda v, p, q, a: ((1 - a) * p + a * q) / (p + q),
            "α is no constant to take away": lambda v, p, q, a: p / (p + q) - a,
            "1 − α is the label of real, not α": lambda v, p, q, a: a * p / (p + q),
            "this is the logit; a probability is wanted": lambda v, p, q, a: (
                (1 - a) * p / (a * p + q)
            ).log(),
        },
    ),
    "gan.4": Question(
        name="divergences",
        points=4,
        right=divergences,
        tol=2e-3,
        mistakes={
            "the two directions are exchanged": partial(divergences, swap=True),
            "these are bits": partial(divergences, log=math.log2),
            "JS is the *mean* of two KL divergences": partial(divergences, half=1.0),
            "JS compares each density with their mixture, not with the other": partial(
                divergences, jeffreys=True
            ),
            "a KL divergence is never negative: the ratio is upside down": lambda v: {
                k: -x for k, x in divergences(v).items()
            },
        },
    ),
    "gan.5": diagnosis(
        "faults",
        4,
        "runs",
        {
            "G's loss is negative in one run only: which loss is that?": (
                "non-saturating",
                "saturating",
            ),
            "compute D's loss from both probabilities": ("double sigmoid", "swapped labels"),
            "compute −log of the probability on generated": (
                "non-saturating",
                "double sigmoid",
            ),
            "which D pays most where it is most certain?": ("non-saturating", "swapped labels"),
            "no −log of a probability is negative": ("saturating", "double sigmoid"),
            "one of the two pays for being right": ("saturating", "swapped labels"),
        },
    ),
    "gan.6": Question(
        name="largest_rate",
        points=4,
        right=lambda v, c, eta: 4 / (c**2 * eta),
        probes=rate_probes,
        mistakes={
            "c enters in both players' steps": lambda v, c, eta: 4 / (c * eta),
            "|trace| ≤ 2, and the trace is 2 − …": lambda v, c, eta: 2 / (c**2 * eta),
            "this is for two equal rates": lambda v, c, eta: 2 / c,
            "a bound on the product, not on the sum": lambda v, c, eta: 4 / c**2 - eta,
            "complex eigenvalues exist up to 4": lambda v, c, eta: 1 / (c**2 * eta),
            "how strongly they are coupled, c, matters": lambda v, c, eta: 4 / eta,
            "0 is for playing at once; here y sees the new x": lambda v, c, eta: 0.0,
        },
    ),
    "gan.7": Question(
        name="corrected_mean",
        points=4,
        right=lambda v, f, logits: (logits.softmax(0) * f).sum(),
        probes=mean_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "D is not the ratio of the densities; D/(1 − D) is": lambda v, f, logits: weighted(
                f, logits.sigmoid()
            ),
            "divide by the sum of the weights, not by n": lambda v, f, logits: (
                logits.exp() * f
            ).mean(),
            "the weight is p_data/p_g, not its inverse": lambda v, f, logits: (
                (-logits).softmax(0) * f
            ).sum(),
            "the generator's own mean: no correction": lambda v, f, logits: f.mean(),
            "weights are exp of the logits": lambda v, f, logits: weighted(f, logits),
            "the weights sum to one already; no 1/n": lambda v, f, logits: (
                logits.softmax(0) * f
            ).mean(),
            "a log-probability is no weight": lambda v, f, logits: weighted(
                f, logsigmoid(logits)
            ),
        },
    ),
}
