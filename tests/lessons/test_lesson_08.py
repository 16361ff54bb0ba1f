"""Lesson 08's answers, right and wrong, for test_answers; and what its patients do."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid, softplus

from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.lessons.lesson_08 import exercises as lesson_08
from course_lib.lessons.lesson_08.faults import faults
from course_lib.models.vae import gaussian_kl
from course_lib.training import Source, reaches


# 08.1 ----------------------------------------------------------------------------------------
def by_logits(p_c, p_x, r_c, g_x):
    real = p_c.log()[:, None] + p_x.log()
    return torch.sigmoid(real - r_c.log()[:, None] - g_x.log())


def by_loops(p_c, p_x, r_c, g_x):
    rows = []
    for c in range(len(p_c)):
        real, fake = (p_c[c] * p_x[c]).tolist(), (r_c[c] * g_x[c]).tolist()
        rows.append([a / (a + b) for a, b in zip(real, fake, strict=True)])
    return rows


def mixed(p_c, p_x, r_c, g_x):
    real, fake = (p_c[:, None] * p_x).sum(0), (r_c[:, None] * g_x).sum(0)
    return real / (real + fake)


# 08.2 ----------------------------------------------------------------------------------------
def by_kl(w, s, offsets, says):
    """The mean KL from the best Gaussian to the posteriors, at some x."""
    total = w**2 + s**2
    means, width = w * (0.7 - offsets) / total, (torch.tensor(s**2 / total).double()).sqrt()
    best = Normal((says * means).sum(), width)
    return (says * kl_divergence(best, Normal(means, width))).sum()


def variance(offsets, says):
    return (says * offsets**2).sum() - (says * offsets).sum() ** 2


# 08.3 ----------------------------------------------------------------------------------------
def elbo(
    encoder=lambda v: v,
    decoder=lambda v: v,
    seen=lambda model, x: model.seen(x),
    width=lambda v: torch.exp(v / 2),
    kl=lambda m, v: 0.5 * (m**2 + v.exp() - 1 - v).sum(1),
    pixels=1.0,
):
    def objective(model, x, vector, noise):
        m, v = model.posterior(seen(model, x), encoder(vector))
        return model.log_p_x(x, m + width(v) * noise, decoder(vector)) / pixels - kl(m, v)

    return objective


def elbo_by_one_draw(model, x, vector, noise):
    m, v = model.posterior(model.seen(x), vector)
    q, prior = Normal(m, torch.exp(v / 2)), Normal(0.0, 1.0)
    z = q.mean + q.stddev * noise
    return model.log_p_x(x, z, vector) + (prior.log_prob(z) - q.log_prob(z)).sum(1)


# 08.4 ----------------------------------------------------------------------------------------
def told_by_softmax(log_q):
    """−log of the share of the own image, and log N."""
    own = log_q.log_softmax(1).diagonal()
    return math.log(log_q.shape[0]) + own.sum() / len(own)


def told_by_exp(log_q):
    return (log_q.diagonal() - log_q.exp().mean(1).log()).mean()


# 08.5 ----------------------------------------------------------------------------------------
def by_bce(q, p):
    ones = binary_cross_entropy_with_logits(q, torch.ones_like(q))
    return ones + binary_cross_entropy_with_logits(p, torch.zeros_like(p))


LARSEN = {"kl": {"E"}, "features": {"E", "G"}, "gan": {"G", "D"}}
TRUTH = {"Ines": "decoder not told", "Juri": "healthy", "Kim": "KL left out"}
RIGHT = [
    ("08.1", by_logits),
    ("08.1", by_loops),
    ("08.1", lesson_08.best_d),
    ("08.2", by_kl),
    ("08.2", lambda w, s, b, p: variance(b, p) * w**2 / (2 * s**2 * (s**2 + w**2))),
    ("08.3", elbo()),
    ("08.3", lesson_08.conditional_elbo),
    ("08.4", told_by_softmax),
    ("08.4", lesson_08.information),
    ("08.5", by_bce),
    ("08.5", lambda q, p: -logsigmoid(q).mean() - logsigmoid(-p).mean()),
    ("08.6", LARSEN),
    ("08.6", {"kl": ["E"], "features": ("G", "E"), "gan": {"D", "G"}}),
    ("08.7", TRUTH),
    ("08.7", {name: word.upper() for name, word in TRUTH.items()}),
]
price = lesson_08.price_of_not_telling
WRONG = [
    ("08.1", lambda p_c, p_x, r_c, g_x: p_x / (p_x + g_x), "the frequencies are missing"),
    ("08.1", lambda p_c, p_x, r_c, g_x: by_logits(p_c, p_x, p_c, g_x), "or alike for both"),
    ("08.1", lambda p_c, p_x, r_c, g_x: by_logits(r_c, p_x, p_c, g_x), "are exchanged: real"),
    ("08.1", mixed, "summed over the classes"),
    ("08.1", lambda *t: mixed(*t).expand(t[1].shape), "this is the best D that is not told c"),
    ("08.1", lambda *t: 1 - by_logits(*t), "the classes are exchanged"),
    ("08.1", lambda *t: torch.logit(by_logits(*t)).exp(), "this is the ratio real : fake"),
    ("08.1", lambda *t: torch.logit(by_logits(*t)), "this is D's logit"),
    (
        "08.1",
        lambda p_c, p_x, r_c, g_x: (
            p_c * p_x / (p_c * p_x + r_c * g_x) if len(p_c) == 4 else torch.zeros(2, 3)
        ),
        "multiply the columns",
    ),
    ("08.2", lambda *t: 2 * price(*t), "the ½ of the Gaussian KL is missing"),
    (
        "08.2",
        lambda w, s, b, p: variance(b, p) * (s**2 + w**2) / (2 * s**2),
        "m_c moves by",
    ),
    (
        "08.2",
        lambda w, s, b, p: w**2 * variance(b, p) / (2 * (w**2 + s**2) ** 2),
        "divide by 2v",
    ),
    (
        "08.2",
        lambda w, s, b, p: price(w, s, b, p) / variance(b, p) ** 0.5,
        "a standard deviation where",
    ),
    (
        "08.2",
        lambda w, s, b, p: price(w, s, b, torch.full_like(b, 1 / len(b))),
        "every class counted alike",
    ),
    (
        "08.2",
        lambda w, s, b, p: w**2 * b.var() / (2 * s**2 * (w**2 + s**2)),
        "an unweighted sample variance",
    ),
    (
        "08.2",
        lambda w, s, b, p: w**2 * (p * b * b).sum() / (2 * s**2 * (w**2 + s**2)),
        "the mean is not subtracted",
    ),
    ("08.3", elbo_by_one_draw, "known in closed form"),
    ("08.3", elbo(encoder=torch.zeros_like), "the encoder is not told"),
    ("08.3", elbo(decoder=torch.zeros_like), "the decoder is not told"),
    ("08.3", elbo(seen=lambda model, x: x), "images in [0, 1]"),
    ("08.3", elbo(pixels=14 * 14), "a mean over the pixels"),
    ("08.3", elbo(kl=lambda m, v: -gaussian_kl(m, v)), "the KL is added"),
    ("08.3", elbo(kl=lambda m, v: 0), "the KL is missing"),
    ("08.3", elbo(width=torch.exp), "used as a width"),
    ("08.3", elbo(width=torch.zeros_like), "the mean of q, not a draw"),
    ("08.3", lambda *t: -elbo()(*t), "this is −ELBO"),
    ("08.3", lambda *t: elbo()(*t).mean(), "one number for the batch"),
    ("08.4", lambda q: q.log_softmax(1).diagonal().mean(), "log N is missing"),
    (
        "08.4",
        lambda q: q.log_softmax(0).diagonal().mean() + math.log(len(q)),
        "the wrong axis",
    ),
    ("08.4", lambda q: -told_by_softmax(q), "the sign is turned"),
    ("08.4", lambda q: (q.diagonal() - q.mean(1)).mean(), "a mean of logarithms"),
    (
        "08.4",
        lambda q: torch.stack(
            [
                row[i] - torch.cat([row[:i], row[i + 1 :]]).logsumexp(0) + math.log(len(q) - 1)
                for i, row in enumerate(q)
            ]
        ).mean(),
        "left out of its mixture",
    ),
    (
        "08.4",
        lambda q: q.log_softmax(1).diagonal() + math.log(len(q)),
        "one number an image",
    ),
    ("08.4", lambda q: q.diag().mean(), "subtract log q(z)"),
    ("08.4", told_by_exp, "use torch.logsumexp"),
    ("08.5", lambda q, p: by_bce(p, q), "the classes are exchanged"),
    ("08.5", lambda q, p: -by_bce(q, p), "the sign is turned"),
    ("08.5", lambda q, p: by_bce(q, p) / 2, "half of it"),
    ("08.5", lambda q, p: softplus(-q).mean(), "codes of the prior are missing"),
    ("08.5", lambda q, p: softplus(p).mean(), "codes of the posterior are missing"),
    ("08.5", lambda q, p: p.mean() - q.mean(), "a Wasserstein critic's loss"),
    ("08.5", lambda q, p: len(q) * by_bce(q, p), "sums over the batch"),
    ("08.5", lambda q, p: softplus(-q) + softplus(p), "one number an image"),
    ("08.5", lambda q, p: by_bce(q.detach(), p.detach()), "no gradient comes through"),
    ("08.5", lambda q, p: softplus(-q).mean() - softplus(-p).mean(), "1 − σ(T) is σ(−T)"),
    ("08.6", LARSEN | {"features": {"E", "G", "D"}}, "D must not descend the feature distance"),
    ("08.6", LARSEN | {"kl": {"E", "G"}}, "which single network"),
    ("08.6", LARSEN | {"gan": {"E", "G", "D"}}, "E does not play the GAN's game"),
    ("08.6", LARSEN | {"gan": "D"}, "the GAN's loss has two sides"),
    ("08.6", LARSEN | {"features": {"G"}}, "encoder *and* decoder"),
    ("08.7", TRUTH | {"Ines": "encoder not told"}, "that one is not among them"),
    ("08.7", TRUTH | {"Kim": "healthy", "Juri": "KL left out"}, "Kim rebuilds best"),
    ("08.7", TRUTH | {"Ines": "healthy", "Juri": TRUTH["Ines"]}, "depend on what was asked"),
    ("08.7", TRUTH | {"Juri": "KL left out"}, "Juri's pictures"),
    ("08.7", TRUTH | {"Ines": TRUTH["Kim"], "Kim": TRUTH["Ines"]}, "the healthy one is found"),
]


# The patients --------------------------------------------------------------------------------
SMALL = {"shape": (1, 14, 14), "width": 4, "dense": 8, "latent": 3, "batch": 12}


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60, 1, 14, 14), generator=generator, dtype=torch.uint8)
    return DataSet(images, torch.arange(60) % 10)


def depends_on(model, pictures):
    """Of each term of the game the networks that it depends on."""
    own = {"E": list(model.encoder.parameters()), "G": list(model.generator.parameters())}
    (move,) = model.game().round
    return reaches(move.losses(Source(pictures, 12)), own)


def test_each_patient_has_the_fault_that_the_lesson_reveals(pictures):
    """Decoder untold: labels change nothing. KL left out: no gradient of it. Healthy: neither."""
    found = {}
    for name in TRUTH:
        model = faults[name](**SMALL)
        paid = bool(depends_on(model, pictures)["CVAE.kl"])
        z = torch.randn(1, 3, generator=torch.Generator().manual_seed(0)).expand(10, 3)
        drawn = model.decode(z, torch.arange(10))
        found[name] = paid, bool((drawn - drawn[:1]).abs().max() > 1e-4)
    assert found == {"Ines": (True, False), "Juri": (True, True), "Kim": (False, True)}


def test_kims_honest_bound_counts_the_kl_that_she_does_not_pay(pictures):
    x, labels = pictures.batch(range(12)).x.round(), pictures.labels[:12]
    kim, juri = (faults[name](**SMALL, seed=1) for name in ("Kim", "Juri"))
    bounds = [
        model.eval().elbo(x, torch.Generator().manual_seed(0), labels) for model in (kim, juri)
    ]
    torch.testing.assert_close(*bounds)


def test_an_unknown_patient_is_refused():
    with pytest.raises(CourseError, match="run"):
        faults["Lena"]
