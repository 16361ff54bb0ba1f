"""No small change of a solution passes its check, but those that change nothing.

A seeded tenth of all mutants is tried here, all of them in the proofs. A mutant is equal only if
its values, and its gradients where an answer is descended, are the right one's on a thousand
seeded inputs of the exercise's domain and on its fixed ones, edges among them.
"""

import random
import signal

import pytest
import torch
from mutants import made, mutants, solution

from course_lib.checks import core, exercise, numbers, trial
from course_lib.checks.blame import Stopped

FUNCTIONS = [number for number in numbers() if exercise(number).asks_for_a_function]

# Mutants that are the solution itself, below the reason: an exercise, and the lines that the
# mutant has in place of the solution's.
EQUAL = """
# the mean of one number is that number
00.5 return errors.sum(dim=(1, 2, 3)).mean().mean()
00.6 return (-torch.xlogy(p, p).sum() / math.log(2)).mean()
01.1 return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum().mean()
01.2 return (values.std() / len(values) ** 0.5).mean()
02.3 return F.softplus(-fake).mean().mean()
02.3 return (-F.softplus(fake).mean()).mean()
03.1 return (p * (1 - p) * (1 / n + 1 / m) / (2 * math.pi)).sqrt().sum().mean()
03.2 return ((mean_a - mean_b).square().sum() + (sd_a - sd_b).square().sum()).mean()
03.3 return (pairs / (n * (n - 1)) - 2 * ab.mean()).mean()
03.4 return (torch.cdist(real, fake) < radius[:, None]).any(0).double().mean().mean()
03.5 return relative.sum(1).mean().exp().mean()
05.3 return (x.sort().values - y.sort().values).abs().mean().mean()
05.4 return (slope.norm(dim=1) - 1).square().mean().mean()
05.5 return (u @ W @ v).mean()
06.1 return integrate(q.log_prob(grid).exp() * (posterior.log_prob(grid) - q.log_prob(grid))).mean()
07.4 return (x - decoded).square().mean().sqrt().mean()
07.5 return kl.mean(0).clamp(min=free).sum().mean()
08.2 return (w ** 2 * variance / (2 * s ** 2 * (w ** 2 + s ** 2))).mean()
08.4 return (log_q.diagonal() - log_mixture).mean().mean()
08.5 return (F.softplus(-of_posterior).mean() + F.softplus(of_prior).mean()).mean()
09.2 return (0.5 * (real.mean(0) - drawn.mean(0)).square().sum()).mean()
12.6 return ((ways[can_be] * x[can_be]).sum() / math.comb(len(x), n)).mean()
12.8 return torch.corrcoef(ranks)[0, 1].mean()
# the same axis, counted from the other end, or one of the same length
00.5 return errors.sum(dim=(1, -2, 3)).mean()
01.3 M = W.T @ W + sigma ** 2 * torch.eye(W.shape[-1], dtype=W.dtype)
01.5 values, vectors = (values.flip(-1), vectors.flip(1))
01.5 values, vectors = (values.flip(0), vectors.flip(-1))
03.4 radius = torch.cdist(real, real).sort(dim=-1).values[:, k]
03.5 return relative.sum(-1).mean().exp()
04.2 return F.conv2d(F.pad(wide, [around] * 4), kernel.flip(-2, 3))
04.2 around = kernel.shape[-2] - 1 - padding
05.4 return (slope.norm(dim=-1) - 1).square().mean()
06.2 return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(1)
06.2 return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(--1)
08.4 log_mixture = log_q.logsumexp(-1) - math.log(len(log_q))
10.3 return torch.cat([kept, back], dim=-1)
10.3 kept, changed = (z[:, :-1], z[:, 1:])
10.3 kept, changed = (z[:, :1], z[:, -1:])
10.4 log_normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)
11.1 return (z, ((1 - b) * s).flatten(1).sum(-1))
11.3 return (p.log() - (1 - p).log(), slope.flatten(1).sum(-1))
12.2 return (table.mean(-1).var(correction=0) / total, table.mean(0).var(correction=0) / total)
12.8 return torch.corrcoef(ranks)[0, -1]
12.8 ranks = torch.stack([a, b]).argsort(-1).argsort(1).double()
12.8 ranks = torch.stack([a, b]).argsort(1).argsort(-1).double()
# a difference that is squared, or taken absolutely
03.2 return (mean_b - mean_a).square().sum() + (sd_a - sd_b).square().sum()
03.2 return (mean_a - mean_b).square().sum() + (sd_b - sd_a).square().sum()
05.3 return (y.sort().values - x.sort().values).abs().mean()
05.4 return (1 - slope.norm(dim=1)).square().mean()
07.4 return (decoded - x).square().mean().sqrt()
08.2 variance = (says * (mean - offsets) ** 2).sum()
09.2 return 0.5 * (drawn.mean(0) - real.mean(0)).square().sum()
# nobody descends what is cut off
05.4 at = epsilon[:, None] * real.detach() + (1 - epsilon[:, None]) * fake
05.4 at = epsilon[:, None] * real + (1 - epsilon[:, None]) * fake.detach()
05.4 at = at.requires_grad_()
05.4 at = epsilon.detach()[:, None] * real + (1 - epsilon[:, None]) * fake
05.4 at = epsilon[:, None] * real + (1 - epsilon.detach()[:, None]) * fake
06.3 return mean + (0.5 * log_var).exp() * noise.detach()
06.4 mean, log_var = vae.encode(x.detach())
06.4 z = reparameterise(mean, log_var, noise.detach())
06.4 reconstruction = library.bernoulli_log_likelihood(x.detach().flatten(1), vae.logits(z))
08.3 mean, log_var = model.posterior(model.seen(x), vector.detach())
08.3 mean, log_var = model.posterior(model.seen(x.detach()), vector)
08.3 z = mean + (0.5 * log_var).exp() * noise.detach()
08.3 return model.log_p_x(x.detach(), z, vector) - gaussian_kl(mean, log_var)
08.3 return model.log_p_x(x, z, vector.detach()) - gaussian_kl(mean, log_var)
09.2 return 0.5 * (real.detach().mean(0) - drawn.mean(0)).square().sum()
10.4 z, log_det = flow(x.detach())
11.5 x, log_q = flow.dequantise(levels.detach(), noise)
11.5 x, log_q = flow.dequantise(levels, noise.detach())
# two steps that do not need each other
04.2 around = kernel.shape[-1] - 1 - padding; wide[:, :, ::stride, ::stride] = y
05.1 y_moves = torch.tensor([[1, 0], [eta, 1]]); x_moves = torch.tensor([[1, -eta], [0, 1]])
12.7 n = max(1, n // eta)
# only its length, its type, or the part that is left is used
01.3 M = W.T @ W + sigma ** 2 * torch.eye(W.shape[1], dtype=x.dtype)
01.3 M = W.T @ W + sigma ** 2 * torch.eye(W.shape[1], dtype=mu.dtype)
01.3 M = W.T @ W + sigma ** 2 * torch.eye(W.shape[1], dtype=W[..., :-1].dtype)
01.5 values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x[..., :-1]))
03.3 n, dims = b.shape
03.7 return seconds[after] if after < len(scores) else math.inf
04.2 wide = kernel.new_zeros(b, 1, (h - 1) * stride + 1, (w - 1) * stride + 1)
04.2 wide = y[..., :-1].new_zeros(b, 1, (h - 1) * stride + 1, (w - 1) * stride + 1)
06.6 return log_weights.logsumexp(0) - math.log(len(log_weights[..., :-1]))
08.4 log_mixture = log_q.logsumexp(1) - math.log(len(log_q[..., :-1]))
10.3 kept, changed = (z[..., :-1][:, :1], z[:, 1:])
# products of vectors, and a turn by 180°, do not mind the order
04.2 return F.conv2d(F.pad(wide, [around] * 4), kernel.flip(3, 2))
05.5 return v @ (u @ W)
10.2 return torch.log(torch.abs(1 + slope * (u @ w)))
# a sum in logarithms doesn't mind the order
13.3 return torch.logaddexp(math.log(share) + log_noise, math.log1p(-share) + log_p)
# one side centred is enough: the other side's mean adds nothing
01.5 values, vectors = torch.linalg.eigh((x - mean).T @ (x + mean) / len(x))
01.5 values, vectors = torch.linalg.eigh((x - mean).T @ x / len(x))
01.5 values, vectors = torch.linalg.eigh((x + mean).T @ (x - mean) / len(x))
01.5 values, vectors = torch.linalg.eigh(x.T @ (x - mean) / len(x))
# torch makes such floats of it by itself
00.3 return images / 127.5 - 1
01.3 M = W.T @ W + sigma ** 2 * torch.eye(W.shape[1])
12.8 ranks = torch.stack([a, b]).argsort(1).argsort(1)
13.1 return ((a < b).double() + 0.5 * (a == b)).mean().item()
13.1 return ((a < b) + 0.5 * (a == b).double()).mean().item()
# the last axis is the default
03.4 radius = torch.cdist(real, real).sort().values[:, k]
# the length is taken off once more at the end
05.5 v = W.T @ u; u = u / u.norm()
"""

ALLOWED: dict[str, set[str]] = {number: set() for number in FUNCTIONS}
for _row in EQUAL.strip().splitlines():
    if not _row.startswith("#"):
        ALLOWED[_row[:4]].add(_row[5:])


class Late(BaseException):
    """A mutant that does not come back."""


def passes(number: str, text: str, space: dict) -> bool:
    def bell(*_):
        raise Late

    before = signal.signal(signal.SIGALRM, bell)
    try:
        signal.setitimer(signal.ITIMER_REAL, 10)
        return core.judge(exercise(number), made(text, space))[0] is True
    except (Late, Exception):
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def survivors(number: str, share: float) -> dict[str, str]:
    """The mutants that a check lets through, of a seeded share of all: their lines → text."""
    source, space = solution(number)
    every = list(mutants(source, bool(exercise(number).learns)))
    some = random.Random(number).sample(every, max(1, round(share * len(every))))
    return {line: text for text, line in some if passes(number, text, space)}


def test_every_function_is_mutated_a_lot():
    """So that no change of the operators leaves a check untried."""
    counts = {
        n: len(list(mutants(solution(n)[0], bool(exercise(n).learns)))) for n in FUNCTIONS
    }
    assert min(counts.values()) >= 8 and sum(counts.values()) > 2300


@pytest.mark.parametrize("number", FUNCTIONS)
def test_the_solution_of_the_lesson_passes(number):
    assert passes(number, *solution(number))


@pytest.mark.parametrize("number", FUNCTIONS)
def test_a_tenth_of_all_mutants_dies(number):
    assert set(survivors(number, 0.1)) <= ALLOWED[number]


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", FUNCTIONS)
def test_all_mutants_die_but_those_that_are_the_solution(number):
    source, space = solution(number)
    asked, right = exercise(number), made(source, space)
    alive = survivors(number, 1.0)
    assert set(alive) == ALLOWED[number]
    draws = [asked.domain(torch.Generator().manual_seed(10_000 + i)) for i in range(1000)]
    for probe in trial.probes(asked, {}) + draws if alive else []:
        wanted = trial.call(right, probe)
        slopes = trial.gradients(right, probe, asked.learns) if asked.learns else []
        for line, text in alive.items():
            mutant = made(text, space)
            tried = core.Tried(asked, [trial.call(mutant, probe)], [probe], None)
            assert tried.gap([wanted]) is None, line
            if asked.learns:
                found = trial.gradients(mutant, probe, asked.learns)
                assert trial.same_gradients(found, slopes), line


def test_a_mutant_that_stops_is_told_as_one():
    with pytest.raises(Stopped):
        trial.call(made("def f(x):\n    return x.nothing()", {}), (torch.ones(2),))
