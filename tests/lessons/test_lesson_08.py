"""Lesson 08's right answers in other forms, for test_answers; and what its patients do."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.lessons.lesson_08 import exercises as lesson_08
from course_lib.lessons.lesson_08.faults import faults
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
    return torch.tensor(rows, dtype=p_c.dtype)


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


# 08.4 ----------------------------------------------------------------------------------------
def told_by_softmax(log_q):
    """−log of the share of the own image, and log N."""
    own = log_q.log_softmax(1).diagonal()
    return math.log(log_q.shape[0]) + own.sum() / len(own)


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
    ("08.6", {"KL": "e", "features": ["e", "g"], "gan": ["d", "g"]}),
    ("08.7", TRUTH),
    ("08.7", {name: word.upper() for name, word in TRUTH.items()}),
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
