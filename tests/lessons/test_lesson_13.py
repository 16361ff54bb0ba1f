"""Lesson 13's right answers in other forms, for test_answers; its memoriser is a density, and any
model of faces comes at one size."""

import itertools
import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from course_lib import data, evaluation, zoo
from course_lib.checks import predict
from course_lib.evaluation.ladder import blurred
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
    ("13.4", lambda read, a, b: min(1.0, max(0.0, (read - (1 - b)) / (a - (1 - b))))),
    (
        "13.5",
        {"bits": "No", "asymmetry": "no", "excess": "Yes", "recall": "no", "seconds": "No"},
    ),
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


# What the text reads in the record --------------------------------------------------------------
BEST, THIRD, TRIPLE = "best", "best, ⅓ of the rounds", "best, 3 × the rounds"


def better(a, b):
    """1 where runs a are better by rule 6, −1 where b are, 0 where it is undecided."""
    p = evaluation.probability_of_improvement(a.tolist(), b.tolist(), lower_is_better=True)
    return (p.low > 0.5) - (p.high < 0.5)


def test_the_record_has_what_the_comparison_reads():
    record = lesson_13.record(30)
    assert list(record) == ["VAE", "GAN", "DCGAN", "CVAE-GAN", "RealNVP"]
    for family in record.values():
        assert len(family.scores) == 48 and len(family.seeds[BEST]) == len(family.faces) == 10
        assert len(family.seeds[THIRD]) == len(family.seeds[TRIPLE]) == 5
    failed = {name: int(family.scores.isinf().sum()) for name, family in record.items()}
    assert failed == {"VAE": 0, "GAN": 0, "DCGAN": 0, "CVAE-GAN": 1, "RealNVP": 0}


def test_the_orders_that_the_comparison_states():
    record = lesson_13.record(30)
    order = ["CVAE-GAN", "DCGAN", "GAN", "VAE", "RealNVP"]
    for a, b in itertools.combinations(order, 2):  # "every pair is decided"
        assert better(record[a].seeds[BEST], record[b].seeds[BEST]) == 1
    faces = {name: family.faces for name, family in record.items()}
    assert all(better(faces["DCGAN"], faces[b]) == 1 for b in faces if b != "DCGAN")
    assert all(better(faces[a], faces["VAE"]) == 1 for a in faces if a != "VAE")
    assert better(faces["GAN"], faces["CVAE-GAN"]) == 0
    for seconds, found in ((5, [1, 1, -1]), (30, [0, -1, 0])):
        vae, gan = (lesson_13.record(seconds)[name].seeds for name in ("VAE", "GAN"))
        assert [better(vae[which], gan[which]) for which in (THIRD, BEST, TRIPLE)] == found


def test_the_spreads_that_the_comparison_states():
    record = lesson_13.record(30)
    ends = torch.tensor([0.25, 0.75]).double()
    wide = {
        name: family.scores[family.scores.isfinite()].quantile(ends).diff().item()
        for name, family in record.items()
    }
    games = {"GAN", "DCGAN", "CVAE-GAN"}
    assert min(wide[name] for name in games) > 75 and max(wide["VAE"], wide["RealNVP"]) < 35
    sd = {name: family.seeds[BEST].std().item() for name, family in record.items()}
    assert sorted(sd, key=sd.get) == ["CVAE-GAN", "DCGAN", "VAE", "GAN", "RealNVP"]
    on_faces = {name: family.faces.std().item() for name, family in record.items()}
    assert max(on_faces, key=on_faces.get) == "VAE"
    assert on_faces["DCGAN"] < on_faces["GAN"] and wide["DCGAN"] > wide["GAN"]
    percent = lambda name, which: (
        100 * (record[name].seeds[which].std() / record[name].seeds[which].mean()).item()
    )
    for which, low, high in (
        ("second", 5.5, 3.4),
        ("best, 3 × the rounds", 8.3, 4.8),
        ("best, ⅓ of the rounds", 7.4, 5.1),
    ):
        assert min(percent(name, which) for name in games) > low - 0.05
        assert max(percent(name, which) for name in ("VAE", "RealNVP")) < high + 0.05
    for which in (BEST, "published settings"):
        assert percent("DCGAN", which) < percent("VAE", which)
    assert percent("CVAE-GAN", "published settings") < percent("VAE", "published settings")
    apart = [
        which
        for which in (BEST, "second", "published settings", THIRD, TRIPLE)
        if min(record[name].seeds[which].std() for name in games)
        > max(record[name].seeds[which].std() for name in ("VAE", "RealNVP"))
    ]
    assert apart == ["published settings"]  # "in no other column"
    spread = {name: family.seeds["published settings"].std() for name, family in record.items()}
    assert sorted(spread, key=spread.get) == ["RealNVP", "VAE", "DCGAN", "GAN", "CVAE-GAN"]


def test_the_shares_that_are_compared_and_the_judge_that_reads_them():
    faces, chances = data.load("faces-32", "test"), data.faces.FACTORS
    read = evaluation.face_factors().read(faces.images)
    assert (read["glasses"] != faces.attributes["glasses"]).sum() == 2
    assert (read["hair"] == faces.labels).all() and len(faces) == 2000
    assert chances["glasses"].chances[1] == pytest.approx(0.4)
    assert min(chances["hair"].chances) == chances["hair"].chances[0]  # bald


def test_twelve_faces_take_six_different_numbers(capsys):
    for taken in ("1 2 3 4 5 6", "1, 2,3, 10, 11 12", "01 02 03 04 05 06", "1 10 11 12 2 3"):
        assert predict("13.8", taken) == taken
    for refused in ("1 1 2 3 4 5", "1 2 3 4 5 01", "1 2 3", "1 2 3 4 5 13", [1, 2, 3, 4, 5, 6]):
        assert predict("13.8", refused) is None
    assert 'in quotes, such as "1 2 3 4 5 6",' in capsys.readouterr().out


def test_blur_lowers_recall_of_real_faces_as_the_comparison_says():
    faces = data.load("faces-32", "test")
    plain, unseen = (faces.images[i : i + 300].float() / 255 for i in (0, 300))
    codes = evaluation.image_features(unseen, "faces")
    recall = [
        evaluation.prdc(codes, evaluation.image_features(x, "faces")).recall
        for x in (plain, blurred(plain, 1 / 50), 0.5 + 0.6 * (plain - 0.5))
    ]
    assert recall[0] > 0.9 and max(recall[1:]) < 0.7
