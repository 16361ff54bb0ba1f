"""The teacher's side of the assignment on VAEs: what is right, and which mistakes are known."""

import math
import random
from functools import partial

import torch
from torch.special import ndtr, ndtri

from course_lib.checks.exercises import normal
from course_lib.classroom.assignment import Question, diagnosis

TITLE = "The encoder's price"
OPEN = [
    (2, "the code says almost nothing about the image (I(x; z) ≤ KL): the posterior collapsed"),
    (2, "two causes, e.g. reconstruction averaged over pixels or σ too large (λ < σ²), a KL that "
        "weighs too much early, a decoder that needs no z"),
    (2, "a measurement for each: units of both terms, KL for several σ or β, the decoder's "
        "change when z changes"),
]  # fmt: skip
PROGRAMS = ["right", "mean over latents", "no half", "standard deviation", "reversed"]


def variant(rng: random.Random) -> dict:
    """One student's numbers. The five printed divergences differ by more than rounding."""
    spectrum = [round(9 * 0.6**i * rng.uniform(0.9, 1.1), 2) for i in range(10)]
    latents = rng.choice([4, 5])
    held = round((spectrum[2] + spectrum[3]) / 2, 2)
    means = [round(rng.choice([-1, 1]) * rng.uniform(0.5, 1.9), 2) for _ in range(3)]
    log_vars = [round(rng.uniform(-2.6, -0.9), 2) for _ in range(3)]
    programs = rng.sample(PROGRAMS, 5)
    printed = " | ".join(f"{divergence(p, means, log_vars):.3f}" for p in programs)
    return {
        "w": round(rng.uniform(0.8, 1.8), 2),
        "c": round(rng.uniform(0.3, 0.9), 2),
        "s": round(rng.uniform(0.5, 0.9), 2),
        "x": round(rng.uniform(1.5, 2.5), 2),
        "m": round(rng.uniform(0.1, 0.4), 2),
        "r": round(rng.uniform(0.55, 0.8), 2),
        "spectrum": rng.sample(spectrum, 10),
        "latents": latents,
        "held": held,
        "means": means,
        "log_vars": log_vars,
        "programs": programs,
        "printed": printed,
    }


def divergence(program: str, means: list, log_vars: list) -> float:
    """What a program prints for the KL divergence to N(0, I)."""
    total = 0.0
    for m, log_var in zip(means, log_vars, strict=True):
        if program == "standard deviation":
            log_var = 2 * log_var
        term = m**2 + math.exp(log_var) - 1 - log_var
        if program == "reversed":
            term = (1 + m**2) / math.exp(log_var) - 1 + log_var
        total += term if program == "no half" else term / 2
    return total / 3 if program == "mean over latents" else total


def gaussians(m, sd, m0, sd0):
    """KL(N(m, sd²) || N(m0, sd0²))."""
    return (sd**2 + (m - m0) ** 2) / (2 * sd0**2) - 0.5 - math.log(sd / sd0)


def posterior(v, centre=True):
    total = v.w**2 + v.s**2
    return v.w * (v.x - v.c * centre) / total, v.s / math.sqrt(total)


def kl(v, m, log_var, m0, log_var0, half=0.5, double=1, sign=1):
    log_var, log_var0 = double * log_var, double * log_var0
    spread = (log_var.exp() + (m - m0) ** 2) / log_var0.exp()
    return half * (spread - 1 + sign * (log_var0 - log_var)).sum(1)


def kl_probes(r, v):
    found = [(normal(r, b, d), normal(r, b, d), normal(r, d), normal(r, d))
             for b, d in ((4, 3), (1, 5), (6, 1), (3, 2))]  # fmt: skip
    same, spread = normal(r, 1, 3), normal(r, 1, 3)
    return [*found, (same, spread, same[0], spread[0])]


def log_pixel(v, k, mean, sigma, half=0.5, levels=255, tails=True):
    above, below = (ndtr(((k + h) / levels - mean) / sigma) for h in (half, -half))
    if tails:
        above = torch.where(k == 255, torch.ones_like(above), above)
        below = torch.where(k == 0, torch.zeros_like(below), below)
    return (above - below).log()


def pixel_probes(r, v):
    """Means near the pixel, as far as double precision can tell the two ends apart."""
    found = []
    for _ in range(5):
        k = torch.randint(0, 256, (6,), generator=r)
        k[:2] = torch.tensor([0, 255])
        sigma = 0.004 + 0.2 * torch.rand(6, generator=r, dtype=torch.float64)
        found.append((k, k / 255 + sigma * normal(r, 6).clamp(-2, 2), sigma))
    return found


def density(k, mean, sigma):
    return -0.5 * ((k / 255 - mean) / sigma) ** 2 - (sigma * math.sqrt(2 * math.pi)).log()


def plan(v, half=0.5, best=None, log=math.log, all_active=False, error=False):
    ordered = sorted(v.spectrum, reverse=True)
    kept, rest = ordered[: v.latents], ordered[v.latents :]
    noise = sum(rest) / len(rest) if best is None else best(ordered, rest)
    rate = half * sum(log(value / noise) for value in kept)
    active = v.latents if all_active else sum(value > v.held for value in kept)
    return {"sigma^2": noise, "rate": rate, "active": active + error}


def draw_probes(r, v):
    found = []
    for shape in ((3,), (2, 4), (), (5,), (1, 2)):
        u = torch.rand(shape, generator=r, dtype=torch.float64) * 0.98 + 0.01
        found.append((normal(r, *shape), normal(r, *shape), u))
    return found


def weight_probes(r, v):
    kinds = (2, 1, 0), (8, 1, -90), (50, 0.3, -10_000), (5, 2, 1000), (9, 0, -3), (4, 300, 0)
    found = [(normal(r, n) * spread + shift,) for n, spread, shift in kinds]
    return [*found, (normal(r, 1),)]


QUESTIONS = {
    "vae.1": Question(
        name="gap",
        points=4,
        tol=1e-3,
        right=lambda v: gaussians(v.m, v.r, *posterior(v)),
        mistakes={
            "this is KL(posterior || q); (6.3) has the other direction": lambda v: gaussians(
                *posterior(v), v.m, v.r
            ),
            "this is the KL to the *prior*": lambda v: gaussians(v.m, v.r, 0, 1),
            "the offset c belongs to the mean of x: what z explains is x − c": lambda v: (
                gaussians(v.m, v.r, *posterior(v, centre=False))
            ),
            "the posterior is narrower than the likelihood: its variance is not s²": lambda v: (
                gaussians(v.m, v.r, posterior(v)[0], v.s)
            ),
            "a variance stands where the standard deviation belongs": lambda v: gaussians(
                v.m, v.r, posterior(v)[0], posterior(v)[1] ** 2
            ),
            "(x − c)/w leaves out the prior, which pulls the mean towards 0": lambda v: (
                gaussians(v.m, v.r, (v.x - v.c) / v.w, posterior(v)[1])
            ),
            "the ELBO is *below* log p(x)": lambda v: -gaussians(v.m, v.r, *posterior(v)),
        },
    ),
    "vae.2": Question(
        name="kl",
        points=3,
        right=kl,
        probes=kl_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "this is the divergence of the prior to "
            "the encoder's Gaussian": lambda v, m, s, n, t: kl(v, n + 0 * m, t + 0 * s, m, s),
            "this is (6.5), for the standard normal prior": lambda v, m, s, n, t: kl(
                v, m, s, 0 * n, 0 * t
            ),
            "the prior's mean is there, its variance isn't": lambda v, m, s, n, t: kl(
                v, m, s, n, 0 * t
            ),
            "½ is missing": partial(kl, half=1.0),
            "the logarithms are those of variances, not of standard deviations": partial(
                kl, double=2
            ),
            "the two logarithms are the other way round": partial(kl, sign=-1),
            "sum over latents, don't average": lambda v, m, *a: kl(v, m, *a) / m.shape[1],
            "one number for each image is wanted": lambda v, *a: kl(v, *a).mean(),
            "the distance of the means counts in the "
            "prior's standard deviations": lambda v, m, s, n, t: (
                kl(v, m, s, n, t) + 0.5 * ((m - n) ** 2 * (1 - (-t).exp())).sum(1)
            ),
        },
    ),
    "vae.3": Question(
        name="log_pixel",
        points=5,
        right=log_pixel,
        probes=pixel_probes,
        gradients=True,
        tol=1e-5,
        mistakes={
            "this is the log of a density": lambda v, *a: density(*a),
            "density times width: near for a wide "
            "Gaussian, wrong for a narrow one": lambda v, *a: density(*a) - math.log(255),
            "the first and the last value own everything beyond them": partial(
                log_pixel, tails=False
            ),
            "an interval ends half-way to the neighbour; these overlap": partial(
                log_pixel, half=1.0
            ),
            "the logarithm is missing": lambda v, *a: log_pixel(v, *a).exp(),
            "these are bits": lambda v, *a: log_pixel(v, *a) / math.log(2),
            "the values are k/255: 255 steps between 0 and 1": partial(log_pixel, levels=256),
            "one number for each pixel is wanted": lambda v, *a: log_pixel(v, *a).sum(),
        },
    ),
    "vae.4": Question(
        name="plan",
        points=4,
        right=plan,
        tol=2e-3,
        mistakes={
            "σ² is the mean of the eigenvalues that are left out, not of all": partial(
                plan, best=lambda every, rest: sum(every) / 10
            ),
            "σ² is one direction's variance: the mean of the rest, not its sum": partial(
                plan, best=lambda every, rest: sum(rest)
            ),
            "this is the mean error of all ten directions; σ² "
            "is that of the ones left out": partial(
                plan, best=lambda every, rest: sum(rest) / 10
            ),
            "the largest eigenvalue left out is where a latent would *begin* to pay": partial(
                plan, best=lambda every, rest: rest[0]
            ),
            "the rate has ½: λ is a variance": partial(plan, half=1.0),
            "the rate is in bits": partial(plan, log=math.log2),
            "a latent whose eigenvalue is below σ² switches off": partial(
                plan, all_active=True
            ),
        },
    ),
    "vae.5": diagnosis(
        "who",
        3,
        "programs",
        {
            "a mean over three latents is a third of the sum: which is which?": (
                "right",
                "mean over latents",
            ),
            "one value is twice another: which of them has its ½?": ("right", "no half"),
            "compute (6.5) once with σ² = exp(log_var): the text says variances": (
                "right",
                "standard deviation",
            ),
            "(6.5) is the divergence *of* the encoder's Gaussian *to* the prior": (
                "right",
                "reversed",
            ),
            "a sum without ½ is larger than the right one, a mean is smaller": (
                "mean over latents",
                "no half",
            ),
            "where a small variance stands below the line, the value is large": (
                "standard deviation",
                "reversed",
            ),
            "twice the right value is the one without ½": ("no half", "reversed"),
        },
    ),
    "vae.6": Question(
        name="draw",
        points=3,
        right=lambda v, m, log_s, u: m + log_s.exp() * torch.logit(u),
        probes=draw_probes,
        gradients=True,
        tol=1e-6,
        mistakes={
            "a share 1 − u lies below this one": lambda v, m, log_s, u: (
                m - log_s.exp() * torch.logit(u)
            ),
            "the scale is exp(log s)": lambda v, m, log_s, u: m + log_s * torch.logit(u),
            "log s is the logarithm of the scale, not of its square": lambda v, m, log_s, u: (
                m + (log_s / 2).exp() * torch.logit(u)
            ),
            "this is a Gaussian's quantile": lambda v, m, log_s, u: m + log_s.exp() * ndtri(u),
            "u itself is uniform: solve P(z < t) = u for t": lambda v, m, log_s, u: (
                m + log_s.exp() * u
            ),
            "this is P(z < u); its inverse is wanted": lambda v, m, log_s, u: torch.sigmoid(
                (u - m) / log_s.exp()
            ),
            "a logarithm is missing": lambda v, m, log_s, u: m + log_s.exp() * u / (1 - u),
        },
    ),
    "vae.7": Question(
        name="effective",
        points=3,
        right=lambda v, log_w: 1 / log_w.softmax(0).square().sum(),
        probes=weight_probes,
        tol=1e-6,
        mistakes={
            "this is its inverse: it falls when more draws count": lambda v, log_w: (
                log_w.softmax(0).square().sum()
            ),
            "only the largest weight counts here": lambda v, log_w: 1 / log_w.softmax(0).max(),
            "this is exp of the entropy, another measure": lambda v, log_w: (
                torch.special.entr(log_w.softmax(0)).sum().exp()
            ),
            "shares already sum to one: no K": lambda v, log_w: (
                len(log_w) / log_w.softmax(0).square().sum()
            ),
            "the formula has the weights, these are their logarithms": lambda v, log_w: (
                log_w.sum() ** 2 / log_w.square().sum()
            ),
            "the shares are summed without squares": lambda v, log_w: log_w.softmax(0).sum(),
        },
    ),
}
