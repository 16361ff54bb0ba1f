"""The exercises of lesson 05 with the mistakes that they recognise.

One round of a game as a matrix, a penalised Dirac-GAN, Wasserstein distance on a line, the
gradient penalty, the largest singular value.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.checks.exercises import (
    BOTH,
    Exercise,
    Prediction,
    When,
    between,
    nobody_healthy,
    normal,
    whole,
)
from course_lib.models.parts.critics import gradient_penalty


# 05.1 ----------------------------------------------------------------------------------------
def one_round(eta: float) -> Tensor:
    return torch.tensor([[1.0, -eta], [eta, 1.0 - eta**2]])


def _rotation(eta):
    angle = torch.tensor(eta)
    return torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )


# 05.3 ----------------------------------------------------------------------------------------
def wasserstein(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y.sort().values).abs().mean()


def _points_on_a_line() -> list[tuple]:
    generator = torch.Generator().manual_seed(5)
    pairs = [torch.randn(2, n, generator=generator) for n in (5, 8)]
    return [(x, 2 * y + 1) for x, y in pairs]


def _more_points(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x, y = normal(generator, 2, whole(generator, 1, 9)).float()
    return x, between(generator, -2, 2) + 2 * y


# 05.4 ----------------------------------------------------------------------------------------
class _Curved(nn.Module):
    """A critic (B, 3) → (B, 1) whose slope depends on where it is taken."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        return (self.weight * x + x**3 / 3).sum(1, keepdim=True)


def _penalties() -> list[tuple]:
    generator = torch.Generator().manual_seed(6)
    real, fake = torch.randn(2, 6, 3, generator=generator)
    epsilon = torch.rand(6, generator=generator)
    epsilon[:2] = torch.tensor([0.0, 1.0])
    return [(_Curved(torch.tensor([0.3, -0.8, 0.2])), real, fake, epsilon)]


def _more_penalties(generator: torch.Generator) -> tuple:
    real, fake = normal(generator, 2, whole(generator, 2, 6), 3).float()
    epsilon = torch.rand(len(real), generator=generator)
    return _Curved(normal(generator, 3).float()), real, fake, epsilon


def penalty(critic, real, fake, epsilon):
    return gradient_penalty(critic, real, fake, epsilon)


def _slopes(critic, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope


def _between(real, fake, epsilon):
    epsilon = epsilon.view(-1, 1)
    return epsilon * real + (1 - epsilon) * fake


def _penalised(norm=lambda slope: slope.norm(dim=1), where=_between, cost=None):
    """A wrong penalty: other points, another size of the slope, or another cost of it."""
    cost = cost or (lambda size: (size - 1).square().mean())
    return lambda critic, *rest: cost(norm(_slopes(critic, where(*rest))))


# 05.5 ----------------------------------------------------------------------------------------
def largest_singular_value(W: Tensor, v: Tensor, steps: int) -> Tensor:
    for _ in range(steps):
        u = W @ v
        u = u / u.norm()
        v = W.T @ u
        v = v / v.norm()
    return u @ (W @ v)


def _one_step_behind(W: Tensor, v: Tensor, steps: int) -> Tensor:
    """‖Wv‖ before the last step's improvement of v: u·Wv with the v that u was made of."""
    for _ in range(steps - 1):
        v = W.T @ (W @ v)
        v = v / v.norm()
    return (W @ v).norm() / v.norm()


def _improved(W: Tensor, v: Tensor, steps: int) -> Tensor:
    """‖Wv‖ after the last step."""
    return _one_step_behind(W, v, steps + 1)


def _some_matrix(generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
    m, n = whole(generator, 2, 6), whole(generator, 2, 6)
    return normal(generator, m, n).float(), normal(generator, n).float(), whole(generator, 1, 6)


def _matrices() -> list[tuple]:
    generator = torch.Generator().manual_seed(7)
    wide, tall = (
        (torch.randn(*s, generator=generator), torch.randn(s[1], generator=generator))
        for s in ((4, 6), (7, 3))
    )
    return [(*wide, 200), (*tall, 200), (*wide, 1)]


def _settles(found: list, power: int = 1) -> bool:
    """Whether the answers after many steps are that power of ‖W‖₂."""
    norms = [torch.linalg.matrix_norm(W, 2).item() for W, _, _ in _matrices()[:2]]
    return all(
        abs(float(value) / norm**power - 1) < 1e-4
        for value, norm in zip(found, norms, strict=False)
    )


EXERCISES = {
    "05.1": Exercise(
        right=one_round,
        probes=[(0.3,), (1.2,)],
        domain=lambda g: (between(g, 0.01, 2.5),),
        tensor=True,
        mistakes={
            "these are simultaneous steps; here y sees the *new* x = x − ηy": lambda eta: (
                torch.tensor([[1.0, -eta], [eta, 1.0]])
            ),
            "here y moved first; x moves first and y sees the new x": lambda eta: torch.tensor(
                [[1.0 - eta**2, -eta], [eta, 1.0]]
            ),
            "transposed: the first row gives the new x, (1, −η) · (x, y)": lambda eta: (
                one_round(eta).T
            ),
            "y climbs: its step is + ηx": lambda eta: torch.tensor(
                [[1.0, -eta], [-eta, 1.0 + eta**2]]
            ),
            "the new x is x − ηy, so y gains ηx − η²y: the sign of η² is minus": lambda eta: (
                torch.tensor([[1.0, -eta], [eta, 1.0 + eta**2]])
            ),
            "this is continuous time, a rotation by η; steps are straight": _rotation,
            "this is x's move alone; y's comes after it, as a matrix on the left": lambda eta: (
                torch.tensor([[1.0, -eta], [0.0, 1.0]])
            ),
            "this is y's move alone; x's comes before it, as a matrix on the right": lambda eta: (
                torch.tensor([[1.0, 0.0], [eta, 1.0]])
            ),
            "`*` multiplies entry by entry; the product of two matrices is `@`": lambda eta: (
                torch.eye(2)
            ),
        },
        hint="the columns are what one round makes of (1, 0) and of (0, 1)",
        note="its determinant is 1: areas are kept, so nothing can spiral in or out",
    ),
    "05.2": Exercise(
        right=1.0,
        tol=1e-3,
        mistakes={
            "|f′(0)| is ½; the square root vanishes where γ/2 = |f′(0)|": 0.5,
            "γ²/4 must reach f′(0)² = ¼, so γ² must reach 1": 0.25,
            "|f′(0)| is ½, not 1: f(t) = −log(1 + eᵗ) has the slope −σ(t)": 2.0,
            "for any γ > 0 the game converges, but on a spiral; from which γ on are both "
            "eigenvalues real?": 0.0,
            "a penalty has γ > 0": -1.0,
        },
        hint="when does the root in (5.9) vanish, with |f′(0)| = ½?",
        note="γ = 2 |f′(0)| = 1: below it circles inwards, above it creeps",
    ),
    "05.3": Exercise(
        right=wasserstein,
        precisions=BOTH,
        probes=_points_on_a_line,
        domain=_more_points,
        mistakes={
            "the points are paired as they came; sort both first": lambda x, y: (
                (x - y).abs().mean()
            ),
            "only x is sorted; sort y, too": lambda x, y: (x.sort().values - y).abs().mean(),
            "only y is sorted; sort x, too": lambda x, y: (x - y.sort().values).abs().mean(),
            "differences of both signs cancel: take absolute values": lambda x, y: (
                x.sort().values - y.sort().values
            ).mean(),
            "this is the distance of the means: the absolute value belongs inside, pair "
            "by pair": lambda x, y: (x.mean() - y.mean()).abs(),
            "this is Wasserstein-2: squares and a root": lambda x, y: (
                (x.sort().values - y.sort().values).square().mean().sqrt()
            ),
            "these are squares; W₁ has absolute values": lambda x, y: (
                (x.sort().values - y.sort().values).square().mean()
            ),
            "a sum: each point has mass 1/n": lambda x, y: (
                (x.sort().values - y.sort().values).abs().sum()
            ),
            "the mean over *all* pairs is the cost of a plan that sends each point "
            "everywhere: it isn't zero even for x = y": lambda x, y: (
                (x[:, None] - y).abs().mean()
            ),
        },
        hint="two equal sets have distance 0, a set and itself moved by c have |c|",
    ),
    "05.4": Exercise(
        right=penalty,
        precisions=BOTH,
        probes=_penalties,
        domain=_more_penalties,
        learns=(0,),
        mistakes={
            "ε is fixed at 1: this punishes the slope at real examples only": _penalised(
                where=lambda real, fake, epsilon: real
            ),
            "this is the slope at the fakes only": _penalised(
                where=lambda real, fake, epsilon: fake
            ),
            "one ε for the whole batch: each pair has its own": _penalised(
                where=lambda real, fake, epsilon: _between(
                    real, fake, epsilon[:1].expand(len(real))
                )
            ),
            "ε belongs to real, 1 − ε to fake (a uniform ε "
            "forgives it, the check doesn't)": _penalised(
                where=lambda real, fake, epsilon: _between(fake, real, epsilon)
            ),
            "this is one norm for the whole batch; each example has its own slope": _penalised(
                norm=lambda slope: slope.norm()
            ),
            "this draws the slope to 0, not to 1 (at real examples it would be R1)": _penalised(
                cost=lambda size: size.square().mean()
            ),
            "the square is missing": _penalised(cost=lambda size: (size - 1).abs().mean()),
            "the square is missing, so steep and flat places cancel": _penalised(
                cost=lambda size: (size - 1).mean()
            ),
            "first the square at each example, then the mean": _penalised(
                cost=lambda size: (size.mean() - 1).square()
            ),
            "the gradient of the *mean* of the scores is B times too small: take the sum": (
                _penalised(norm=lambda slope: slope.norm(dim=1) / len(slope))
            ),
            "these ε are your own; take the argument `epsilon`": _penalised(
                where=lambda real, fake, epsilon: _between(real, fake, torch.rand(len(real)))
            ),
            "that is the *square* of the norm, less 1, squared": _penalised(
                norm=lambda slope: slope.square().sum(1)
            ),
            "the one-sided form: it lets slopes below 1 pass. "
            "Equation (5.15) is two-sided": _penalised(
                cost=lambda size: (size - 1).clamp(min=0).square().mean()
            ),
            "a sum over the batch: (5.15) has the mean": _penalised(
                cost=lambda size: (size - 1).square().sum()
            ),
        },
        hint="at each x̂ a slope, its length less 1, squared; then the mean",
    ),
    "05.5": Exercise(
        right=largest_singular_value,
        precisions=BOTH,
        also=[_improved, _one_step_behind],
        probes=_matrices,
        domain=_some_matrix,
        mistakes={
            "the right number, but not by power iteration: `v` and "
            "`steps` do not matter in it": lambda W, v, n: torch.linalg.matrix_norm(W, 2),
            "this is the Frobenius norm: all of them together": lambda W, v, n: W.norm(),
            "this is σ², the eigenvalue of WᵀW: take its root, or give u length one": When(
                lambda found: _settles(found, power=2), lambda W, v, n: _improved(W, v, n) ** 2
            ),
            "this is the largest entry": lambda W, v, n: W.abs().max(),
            "the largest row sum bounds |Wv| in another norm": lambda W, v, n: (
                W.abs().sum(1).max()
            ),
            "one step only: in training that is enough, because W hardly changes from round "
            "to round. Here use all `steps`": lambda W, v, n: largest_singular_value(W, v, 1),
            "this is the smallest singular value": lambda W, v, n: torch.linalg.svdvals(
                W
            ).min(),
            "v was never improved: multiply by W and Wᵀ": lambda W, v, n: (W @ v).norm(),
        },
        hint="keep u and v at length one after each product; u · Wv is wanted",
        note="each step damps the others by (σ₂/σ₁)²",
    ),
    "05.6": Exercise(
        right={"A": "G's sign turned", "B": "penalty without gradient", "C": "healthy"},
        mistakes={
            "the healthy one is found. In which of the others do distance, penalty and "
            "picture fit (5.16)?": {
                "A": "penalty without gradient",
                "B": "G's sign turned",
                "C": "healthy",
            },
            "two are found. B's penalty is there, and grows: does D take notice of it?": {
                "A": "G's sign turned",
                "B": "one ε for the batch",
                "C": "healthy",
            },
            "two are found. A's critic does what (5.16) says; look where the fakes go": {
                "A": "one ε for the batch",
                "B": "penalty without gradient",
                "C": "healthy",
            },
            "A's estimate of the distance grows for ever. Is that a good sign?": {
                "A": "healthy"
            },
            "B's fakes are near, and yet its penalty says that its slope is far from 1": {
                "B": "healthy"
            },
            "one of the three is healthy": When(
                nobody_healthy,
                {
                    "A": "G's sign turned",
                    "B": "penalty without gradient",
                    "C": "one ε for the batch",
                },
            ),
        },
        hint="a dictionary with a word for each of A, B and C",
    ),
}

METHODS = ("in turns", "at the same time", "D 5 times", "two time scales")
METHODS += ("wgan", "wgan-gp", "sn-gan", "R1")

PREDICTIONS = {
    "05.11": Prediction(words=("positive", "negative", "none")),
    "05.12": Prediction(words=METHODS),
    "05.13": Prediction(low=0, high=1),
}
