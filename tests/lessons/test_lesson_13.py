"""Lesson 13's right answers in other forms, for test_answers; its memoriser is a density, and any
model of faces comes at one size."""

import itertools
import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from course_lib import zoo
from course_lib.lessons import lesson_13


def wins_by_counting(a, b):
    pairs = list(itertools.product(a.tolist(), b.tolist()))
    return sum(1.0 if x < y else 0.5 if x == y else 0.0 for x, y in pairs) / len(pairs)


def noise_by_the_larger(log_p, log_noise, share):
    a, b = math.log(1 - share) + log_p, math.log(share) + log_noise
    top = torch.maximum(a, b)
    return top + ((a - top).exp() + (b - top).exp()).log()


def share_by_two_equations(read, sensitivity, specificity):
    return torch.linalg.solve(
        torch.tensor([[sensitivity, 1 - specificity], [1.0, 1.0]]).double(),
        torch.tensor([read, 1.0]).double(),
    )[0]


RIGHT = [
    ("13.1", wins_by_counting),
    ("13.1", lambda a, b: ((b[None] - a[:, None]).sign().nan_to_num() + 1).mean() / 2),
    ("13.2", {"ada": "a is better", "ben": "Undecided", "cem": "b is better"}),
    ("13.3", noise_by_the_larger),
    ("13.4", share_by_two_equations),
    ("13.5", {"bits": "No", "asymmetry": "no", "recall": "Yes", "seconds": "No"}),
]


def test_the_memoriser_has_a_mixtures_density_and_draws_from_it():
    generator = torch.Generator().manual_seed(0)
    seen = torch.rand(7, 784, generator=generator, dtype=torch.float64)
    recites = lesson_13.Memoriser(seen, sigma=0.05)
    x = torch.cat([seen[:2] + 0.01, torch.rand(1, 784, generator=generator).double()])
    mixture = MixtureSameFamily(
        Categorical(torch.ones(7, dtype=torch.float64)),
        Independent(Normal(seen, torch.full_like(seen, 0.05)), 1),
    )
    assert recites.log_prob(x).tolist() == pytest.approx(mixture.log_prob(x).tolist())
    drawn = recites.sample(50, generator).flatten(1).double()
    apart = torch.cdist(drawn, seen).amin(1) / math.sqrt(784)
    assert 0.03 < apart.mean() < 0.05, "clipping takes a little of the noise"


@pytest.mark.parametrize("name", ["vae-faces", "realnvp-faces"])
def test_faces_of_any_model_come_at_one_size(name):
    model = zoo.load(name)
    images = lesson_13.At32(model).sample(2, generator=torch.Generator().manual_seed(1))
    assert images.shape == (2, 3, 32, 32) and 0 <= images.min() <= images.max() <= 1
    own = model.sample(2, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(images.mean((2, 3)), own.mean((2, 3)), atol=1e-5)


def test_a_solved_equation_gives_back_what_was_put_in():
    read = 0.9 * 0.25 + (1 - 0.95) * 0.75
    assert lesson_13.true_share(read, 0.9, 0.95) == pytest.approx(0.25)
