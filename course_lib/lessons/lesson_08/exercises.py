"""The exercises of lesson 08 with the mistakes that they recognise.

`best_d`, `price_of_not_telling`, `conditional_elbo`, `information` and `critic_loss` are the right
answers, which the lesson goes on with where a learner's own does not pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from course_lib.checks.compare import members, word
from course_lib.checks.exercises import (
    BOTH,
    DOUBLE,
    Exercise,
    Prediction,
    When,
    between,
    normal,
    shares,
    whole,
)
from course_lib.lessons.lesson_06.exercises import kl_by_draw
from course_lib.models import CVAE
from course_lib.models.vae import gaussian_kl


# 08.1: D* of pairs, when the fakes' labels have other frequencies ----------------------------
def best_d(p_c: Tensor, p_x: Tensor, r_c: Tensor, g_x: Tensor) -> Tensor:
    """D*(x, c) of pairs, (C, n), from label frequencies (C,) and tables (C, n) given c."""
    real, fake = p_c[:, None] * p_x, r_c[:, None] * g_x
    return real / (real + fake)


def _columns(p_c: Tensor, p_x: Tensor, r_c: Tensor, g_x: Tensor) -> Tensor:
    return p_c * p_x / (p_c * p_x + r_c * g_x)


def _tables(generator: torch.Generator) -> tuple[Tensor, ...]:
    """Square, so that a table that is multiplied along the wrong axis is told so."""
    classes = whole(generator, 2, 5)
    p_c, r_c = shares(generator, 2, classes)
    p_x, g_x = shares(generator, 2, classes, classes, sharp=2.0)
    return p_c, p_x, r_c, g_x


def _mixed(p_c: Tensor, p_x: Tensor, r_c: Tensor, g_x: Tensor) -> Tensor:
    real, fake = (p_c[:, None] * p_x).sum(0), (r_c[:, None] * g_x).sum(0)
    return real / (real + fake)


# 08.2: the price of not telling the encoder ---------------------------------------------------
def price_of_not_telling(w: float, s: float, offsets: Tensor, says: Tensor) -> Tensor:
    """(8.8), in nats; offsets, says: (C,)."""
    return w**2 * _variance(offsets, says) / (2 * s**2 * (w**2 + s**2))


def _variance(offsets: Tensor, says: Tensor) -> Tensor:
    return (says * (offsets - (says * offsets).sum()).square()).sum()


def _prices() -> list[tuple]:
    offsets = torch.tensor([-1.0, 0.3, 1.5, 4.0], dtype=torch.float64)
    says = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    sure = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    return [
        (1.2, 0.5, offsets, says),
        (0.7, 0.9, offsets[:2], torch.tensor([0.9, 0.1], dtype=torch.float64)),
        (0.7, 0.9, offsets[:3], sure),
    ]


def _more_prices(generator: torch.Generator) -> tuple[float, float, Tensor, Tensor]:
    says = shares(generator, whole(generator, 2, 5))
    offsets = normal(generator, len(says), scale=2.0)
    return between(generator, 0.2, 2), between(generator, 0.2, 2), offsets, says


# 08.3: the ELBO given a label -----------------------------------------------------------------
def conditional_elbo(model, x: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
    """One-draw estimate of ELBO(x | c), (B,) nats: what `CVAE.terms` gives, subtracted."""
    found = model.terms(x, vector, noise)
    return found["reconstruction"] - found["kl"]


def _some_cvae(generator: torch.Generator) -> tuple[CVAE, Tensor, Tensor, Tensor]:
    """A small CVAE far from its start, so that all mistakes differ."""
    small = {"shape": (1, 14, 14), "width": 4, "dense": 8, "latent": 3, "batch": 6}
    model = CVAE(**small, seed=whole(generator, 0, 999)).eval().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.6)
    x = torch.rand(4, 1, 14, 14, generator=generator, dtype=torch.float64).round()
    labels = torch.randint(0, 10, (4,), generator=generator)
    return model, x, torch.eye(10).double()[labels], normal(generator, 4, 3)


def _bound_with(
    encoder: Callable = lambda vector: vector,
    decoder: Callable = lambda vector: vector,
    seen: Callable = lambda model, x: model.seen(x),
    scored: Callable = lambda model, x: x,
    width: Callable = lambda log_var: (0.5 * log_var).exp(),
    pixels: float = 1.0,
    kl: Callable = gaussian_kl,
) -> Callable:
    """The bound with one thing changed."""

    def objective(model, x: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        mean, log_var = model.posterior(seen(model, x), encoder(vector))
        z = mean + width(log_var) * noise
        image = scored(model, x)
        return model.log_p_x(image, z, decoder(vector)) / pixels - kl(mean, log_var)

    return objective


# 08.4: what a code tells ------------------------------------------------------------------------
def information(log_q: Tensor) -> Tensor:
    """An estimate of I(x; z) from log_q[i, j] = log q(z_i | x_j), z_i drawn from q(z | x_i)."""
    return (log_q.diagonal() - log_q.logsumexp(1) + math.log(len(log_q))).mean()


def _log_densities() -> list[tuple]:
    generator = torch.Generator().manual_seed(4)
    means = torch.randn(7, generator=generator, dtype=torch.float64)
    widths = torch.linspace(0.3, 1.1, 7, dtype=torch.float64)
    z = means + widths * torch.randn(7, generator=generator, dtype=torch.float64)
    log_q = torch.distributions.Normal(means, widths).log_prob(z[:, None])
    return [(log_q,), (log_q - 900,)]  # the second: where exp underflows


def _more_log_densities(generator: torch.Generator) -> tuple[Tensor]:
    n = whole(generator, 1, 8)
    means, widths = normal(generator, n), 0.2 + normal(generator, n).abs()
    z = means + widths * normal(generator, n)
    log_q = torch.distributions.Normal(means, widths).log_prob(z[:, None])
    return (log_q + between(generator, -900, 900),)


def _underflow(given: list) -> bool:
    right = information(*_log_densities()[0])
    first, second = (torch.as_tensor(value) for value in given[:2])
    return bool(torch.allclose(first, right, atol=1e-4)) and not bool(second.isfinite().all())


# 08.5: what T descends ----------------------------------------------------------------------------
def critic_loss(of_posterior: Tensor, of_prior: Tensor) -> Tensor:
    """−E log σ(T) at codes of the posterior, −E log(1 − σ(T)) at codes of the prior, in nats."""
    return softplus(-of_posterior).mean() + softplus(of_prior).mean()


def _outputs() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    outputs = 3 * torch.randn(2, 9, generator=generator) + 1
    return [tuple(outputs), tuple(30 * outputs)]  # the second: where log σ is −∞ in float32


def _more_outputs(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    scale = between(generator, 0.5, 60)
    return tuple(normal(generator, 2, whole(generator, 2, 9), scale=scale).float())


# 08.6: who descends what ------------------------------------------------------------------
_LARSEN = {"kl": {"E"}, "features": {"E", "G"}, "gan": {"G", "D"}}


def _descended_by(term: str, wrong: Callable[[set], bool]) -> Callable[[dict], bool]:
    """Whether a term's players are wrong so; of other names than the letters nothing is said."""

    def holds(answer: dict) -> bool:
        players = {str(name).upper() for name in members(answer[term])}
        return players <= {"E", "G", "D"} and wrong(players)

    return holds


# 08.7: the three patients -----------------------------------------------------------------
_TRUTH = {"Ines": "decoder not told", "Juri": "healthy", "Kim": "KL left out"}


def _said(answer: dict, *words: str) -> bool:
    """Whether one of the runs is given one of these words."""
    return bool(set(map(word, answer.values())) & set(map(word, words)))


EXERCISES = {
    "08.1": Exercise(
        right=best_d,
        precisions=DOUBLE,
        domain=_tables,
        tensor=True,
        mistakes={
            "the frequencies are missing, or alike for both: "
            "they cancel only if r(c) = p(c)": lambda p_c, p_x, r_c, g_x: p_x / (p_x + g_x),
            "the frequencies are exchanged: real labels come "
            "from p_c, the fakes' from r_c": lambda p_c, p_x, r_c, g_x: best_d(
                r_c, p_x, p_c, g_x
            ),
            "summed over the classes: this is the "
            "best D that is not told c": lambda p_c, p_x, r_c, g_x: _mixed(p_c, p_x, r_c, g_x),
            "this is the best D that is not told c": lambda p_c, p_x, r_c, g_x: _mixed(
                p_c, p_x, r_c, g_x
            ).expand(p_x.shape),
            "the classes are exchanged: D is the "
            "probability of *real*": lambda p_c, p_x, r_c, g_x: 1 - best_d(p_c, p_x, r_c, g_x),
            "this is the ratio real : fake; D is "
            "real / (real + fake)": lambda p_c, p_x, r_c, g_x: (
                p_c[:, None] * p_x / (r_c[:, None] * g_x)
            ),
            "this is D's logit; D is its sigmoid": lambda p_c, p_x, r_c, g_x: (
                p_c[:, None] * p_x / (r_c[:, None] * g_x)
            ).log(),
            "the frequencies multiply the columns, images; "
            "classes are rows: p_c[:, None]": _columns,
        },
        hint="real pairs have the mass p(c) p(x | c), fake ones r(c) p_g(x | c); D* as in (2.4)",
    ),
    "08.2": Exercise(
        right=price_of_not_telling,
        probes=_prices,
        domain=_more_prices,
        mistakes={
            "the ½ of the Gaussian KL is missing": lambda w, s, b, p: (
                2 * price_of_not_telling(w, s, b, p)
            ),
            "the offsets' variance is not that of the m_c: m_c "
            "moves by w/(w² + s²) · b_c": lambda w, s, b, p: (
                _variance(b, p) * (s**2 + w**2) / (2 * s**2)
            ),
            "the variance v of the posterior is missing: divide by 2v": lambda w, s, b, p: (
                w**2 * _variance(b, p) / (2 * (w**2 + s**2) ** 2)
            ),
            "a standard deviation where the variance of b_c is meant": lambda w, s, b, p: (
                w**2 * _variance(b, p).sqrt() / (2 * s**2 * (w**2 + s**2))
            ),
            "every class counted alike: weigh them by p(c | x)": lambda w, s, b, p: (
                w**2 * b.var(correction=0) / (2 * s**2 * (w**2 + s**2))
            ),
            "an unweighted sample variance: weigh the classes by p(c | x)": lambda w, s, b, p: (
                w**2 * b.to(torch.float64).var() / (2 * s**2 * (w**2 + s**2))
            ),
            "the mean that is subtracted counts every class alike: weigh it, too, by "
            "p(c | x)": lambda w, s, b, p: (
                w**2 * (p * (b - b.mean()) ** 2).sum() / (2 * s**2 * (w**2 + s**2))
            ),
            "the mean is not subtracted: this is E b², not the variance": lambda w, s, b, p: (
                w**2 * (p * b**2).sum() / (2 * s**2 * (w**2 + s**2))
            ),
        },
        hint="if p(c | x) is sure of one class the price is 0; else Var(m_c)/(2v)",
    ),
    "08.3": Exercise(
        right=conditional_elbo,
        precisions=BOTH,
        domain=_some_cvae,
        learns=(0,),
        mistakes={
            "the encoder is not told: it gets zeros where `vector` belongs": _bound_with(
                encoder=torch.zeros_like
            ),
            "the decoder is not told: this is a bound on log "
            "p(x), not on log p(x | c)": _bound_with(decoder=torch.zeros_like),
            "the encoder gets images in [0, 1]; it was built "
            "for model.seen(x), in [−1, 1]": _bound_with(seen=lambda model, x: x),
            "log_p_x gets model.seen(x); that is for the encoder, and a likelihood is of x "
            "itself": _bound_with(scored=lambda model, x: model.seen(x)),
            "right on average; but the KL of two Gaussians is known in closed form, and "
            "that varies less": lambda model, x, vector, noise: _bound_with(
                kl=kl_by_draw(noise)
            )(model, x, vector, noise),
            "a mean over the pixels: log_p_x sums already": _bound_with(pixels=196.0),
            "the KL is added; the ELBO subtracts it": _bound_with(
                kl=lambda m, v: -gaussian_kl(m, v)
            ),
            "the KL is missing": _bound_with(kl=lambda m, v: 0.0),
            "log_var.exp() is used as a width: σ is exp(log_var / 2)": _bound_with(
                width=lambda v: v.exp()
            ),
            "the decoder gets the mean of q, not a draw": _bound_with(width=lambda v: 0 * v),
            "this is −ELBO, the loss; return the ELBO, "
            "which is to be maximised": lambda *given: -conditional_elbo(*given),
            "one number for the batch: return one for each image, (B,)": lambda *given: (
                conditional_elbo(*given).mean()
            ),
        },
        hint="as in lesson 06, with `vector` at the encoder and at the decoder",
    ),
    "08.4": Exercise(
        right=information,
        probes=_log_densities,
        domain=_more_log_densities,
        tensor=True,
        mistakes={
            "log N is missing: q(z) is the *mean* of the N "
            "densities, not their sum": lambda q: (q.diagonal() - q.logsumexp(1)).mean(),
            "the wrong axis: q(z_i) sums over the images j, which are the columns": lambda q: (
                q.diagonal() - q.logsumexp(0) + math.log(len(q))
            ).mean(),
            "the sign is turned: log q(z | x) − log q(z), ≥ 0": lambda q: -information(q),
            "a mean of logarithms is not the logarithm of the mean density": lambda q: (
                q.diagonal() - q.mean(1)
            ).mean(),
            "the image itself is left out of its mixture; it belongs to q(z)": lambda q: (
                q.diagonal()
                - (q - torch.diag(torch.full((len(q),), torch.inf))).logsumexp(1)
                + math.log(len(q) - 1)
            ).mean(),
            "one number an image: take their mean": lambda q: (
                q.diagonal() - q.logsumexp(1) + math.log(len(q))
            ),
            "this is the mean of log q(z | x) alone: subtract log q(z)": lambda q: (
                q.diagonal().mean()
            ),
            "right in principle, but exp(−900) is 0 on a computer: use torch.logsumexp": When(
                _underflow, lambda q: (q.diagonal() - q.exp().mean(1).log()).mean()
            ),
        },
        hint="log q(z_i | x_i) is the diagonal; log q(z_i) a logsumexp over j, minus log N",
    ),
    "08.5": Exercise(
        right=critic_loss,
        precisions=BOTH,
        probes=_outputs,
        domain=_more_outputs,
        learns=(0, 1),
        mistakes={
            "the classes are exchanged: T would learn log p(z) − log q(z | x)": lambda q, p: (
                softplus(q).mean() + softplus(-p).mean()
            ),
            "the sign is turned: T *descends* its loss": lambda q, p: -critic_loss(q, p),
            "half of it: same best T, but (8.16) sums the two means": lambda q, p: (
                0.5 * critic_loss(q, p)
            ),
            "codes of the prior are missing: T would grow without end": lambda q, p: softplus(
                -q
            ).mean(),
            "codes of the posterior are missing: T would fall without end": lambda q, p: (
                softplus(p).mean()
            ),
            "this is a Wasserstein critic's loss; its best "
            "f is no log density ratio": lambda q, p: p.mean() - q.mean(),
            "sums over the batch where means are meant": lambda q, p: (
                softplus(-q).sum() + softplus(p).sum()
            ),
            "one number an image: take the mean": lambda q, p: softplus(-q) + softplus(p),
            "both kinds of codes push T up: those of the prior pay −log(1 − σ(T)), a softplus "
            "of +T": lambda q, p: softplus(-q).mean() + softplus(-p).mean(),
            "1 − σ(T) is σ(−T): −log of it is softplus(+T)": lambda q, p: (
                softplus(-q).mean() - softplus(-p).mean()
            ),
            "right on paper, infinite in float32 for outputs of ±100; use softplus (2.2)": When(
                lambda found: bool(found[0].isfinite()) and not bool(found[1].isfinite()),
                lambda q, p: -q.sigmoid().log().mean() - (-p).sigmoid().log().mean(),
            ),
        },
        hint="with T = 0 everywhere the loss is 2 log 2",
    ),
    "08.6": Exercise(
        right=_LARSEN,
        mistakes={
            "D must not descend the feature distance: it could "
            "make all images look alike": When(
                _descended_by("features", lambda v: "D" in v),
                _LARSEN | {"features": {"E", "G", "D"}},
            ),
            "the KL is about q(z | x): which single network does it depend on?": When(
                _descended_by("kl", lambda v: v != {"E"}), _LARSEN | {"kl": {"E", "G"}}
            ),
            "in Larsen's algorithm E does not play the GAN's game: it has the KL and the "
            "features": When(
                _descended_by("gan", lambda v: "E" in v), _LARSEN | {"gan": {"E", "G", "D"}}
            ),
            "the GAN's loss has two sides: who tells real from drawn, and who draws?": When(
                _descended_by("gan", lambda v: v != {"G", "D"}), _LARSEN | {"gan": "D"}
            ),
            "the feature distance is the reconstruction term: a VAE's moves encoder *and* "
            "decoder": When(
                _descended_by("features", lambda v: v != {"E", "G"}),
                _LARSEN | {"features": {"G"}},
            ),
        },
        hint='sets of the letters "E", "G" and "D"',
    ),
    "08.7": Exercise(
        right=_TRUTH,
        mistakes={
            "that one is not among them: by (8.8) you would hardly see it on digits": When(
                lambda a: _said(a, "encoder not told"),
                _TRUTH | {"Ines": "encoder not told"},
            ),
            "Kim rebuilds as well as Juri; but look at her codes beside the prior, and at her "
            "samples": {"Kim": "healthy"},
            "do Ines's samples depend on what was asked?": {"Ines": "healthy"},
            "Juri's pictures change with the label, and his codes fill the prior": When(
                lambda a: word(a["Juri"]) in map(word, ("decoder not told", "KL left out")),
                _TRUTH | {"Juri": "KL left out"},
            ),
            "the healthy one is found; of the other two, whose label does nothing, and whose "
            "codes spread beyond the prior?": {
                "Ines": "KL left out",
                "Kim": "decoder not told",
            },
        },
        hint='use the words "healthy", "decoder not told", "KL left out" or "encoder not told"',
    ),
}


PREDICTIONS = {
    "08.11": Prediction(low=0, high=1),
    "08.12": Prediction(),
    "08.13": Prediction(),
    "08.14": Prediction(words=("fewer", "more")),
}
