"""Deformation, missing groups, readable codes, one table: against what is planted or known."""

import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import data
from course_lib.data import faces
from course_lib.errors import CourseError
from course_lib.evaluation.deformation import deformation, landmark_offsets, with_eye_moved
from course_lib.evaluation.disentanglement import (
    dci,
    linear_probe,
    mutual_information,
    mutual_information_gap,
)
from course_lib.evaluation.groups import group_shares, resampled_groups
from course_lib.evaluation.ladder import blurred, noised
from course_lib.evaluation.path_length import path_length
from course_lib.evaluation.side_by_side import compare

N = 120


# Deformation ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def drawn():
    """Faces, their factors, and as many others."""
    factors = faces.draw_factors(2 * N, torch.Generator().manual_seed(5))
    images = faces.render(factors, 64)
    return images[:N], {k: v[:N] for k, v in factors.items()}, images[N:]


def test_planted_deformations_come_out_in_order_and_nothing_else_moves_the_score(drawn):
    images, factors, real = drawn
    x = images.float() / 255
    noise = noised(x, 0.1, torch.Generator().manual_seed(0))
    as_drawn = deformation(images, real).excess
    rungs = [
        deformation(with_eye_moved(images, factors, share), real).excess
        for share in (1 / 64, 2 / 64, 4 / 64)
    ]
    assert as_drawn < rungs[0] < rungs[1] < rungs[2]
    smallest = rungs[0] - as_drawn
    assert smallest > 0.008
    spoilt = {
        "noise": noise,
        "slight blur": blurred(x, 1 / 50),
        "contrast": 0.5 + 0.6 * (x - 0.5),
    }
    for name, pictures in spoilt.items():
        moved = abs(deformation(pictures, real).excess - as_drawn)
        assert moved < 0.15 * smallest, (name, moved / smallest)  # .1 on 300 faces


def test_a_turned_head_is_not_deformed_and_the_offset_has_a_sign():
    turned = faces.neutral() | {"turn": torch.linspace(-1, 1, 11), "light": 0.8}
    straight = landmark_offsets(faces.render(turned, 64))["eyes"]
    assert straight.abs().median() < 0.004
    factors = faces.neutral(1)
    image = faces.render(factors, 64)
    down, up = (
        landmark_offsets(with_eye_moved(image, factors, s))["eyes"].item()
        for s in (0.04, -0.04)
    )
    assert 0.02 < down < 0.045 and -0.045 < up < -0.02


def test_bad_faces_are_refused(drawn):
    images, factors, real = drawn
    with pytest.raises(CourseError, match="colour"):
        landmark_offsets(images[:, :1])
    with pytest.raises(CourseError, match="tenth"):
        with_eye_moved(images, factors, 0.3)
    with pytest.raises(CourseError, match="10 faces"):
        deformation(images[:5], real)


# Who is missing ------------------------------------------------------------------------------
def readings(true, matrix, generator):
    return torch.multinomial(matrix.T[true], 1, generator=generator).flatten()


def test_two_groups_are_rogan_and_gladens_closed_case():
    true = torch.tensor([0] * 200 + [1] * 100)
    read_real = true.clone()
    read_real[:20], read_real[200:230] = 1, 0  # specificity .9, sensitivity .7
    read = torch.tensor([1] * 80 + [0] * 320)
    found = group_shares(read, read_real, true, 2)
    apparent, sensitivity, specificity = 0.2, 0.7, 0.9
    youden = sensitivity + specificity - 1
    p = (apparent + specificity - 1) / youden
    assert found.shares[1].item() == pytest.approx(p)
    variance = apparent * (1 - apparent) / 400
    variance += p**2 * sensitivity * (1 - sensitivity) / 100
    variance += (1 - p) ** 2 * specificity * (1 - specificity) / 200
    assert found.errors.tolist() == pytest.approx([math.sqrt(variance) / youden] * 2)


def test_the_correction_finds_the_true_shares_within_its_error_as_often_as_it_says():
    generator = torch.Generator().manual_seed(1)
    matrix = torch.tensor([[0.9, 0.1, 0.02], [0.08, 0.8, 0.08], [0.02, 0.1, 0.9]])
    p = torch.tensor([0.75, 0.2, 0.05])
    held, biased = [], []
    for _ in range(200):
        true = torch.arange(300) % 3
        read_real = readings(true, matrix, generator)
        samples = torch.multinomial(p, 1000, True, generator=generator)
        found = group_shares(readings(samples, matrix, generator), read_real, true, 3)
        held.append((found.shares - p).abs() < 1.96 * found.errors)
        biased.append(found.read[2] - p[2])
    assert 0.91 < torch.stack(held).double().mean() < 0.985
    assert torch.stack(biased).mean() > 0.02, "uncorrected, the rare group looks larger"


def test_two_groups_may_be_told_by_yes_and_no():
    true = torch.arange(100) % 2
    read = (torch.arange(100) % 5 + true) > 3
    found, bools = (
        group_shares(x, true, y, 2) for x, y in ((read.long(), true), (read, true > 0))
    )
    assert torch.equal(found.shares, bools.shares) and torch.equal(found.errors, bools.errors)


def test_a_group_that_is_seldom_read_has_an_error_all_the_same():
    """In many sets drawn anew nobody is of the group that alone is kept."""
    true = torch.arange(300) % 3
    samples = torch.tensor([0] * 60 + [1] * 38 + [2] * 2)
    found = resampled_groups(samples, true, true, torch.tensor([0.0, 0, 1]))
    assert found.after.shares.tolist() == [0, 0, 1] and found.after.errors.isfinite().all()


def test_groups_that_cannot_be_told_are_refused():
    true = torch.arange(100) % 2
    with pytest.raises(CourseError, match="too often"):
        group_shares(true, torch.zeros_like(true), true, 2)
    with pytest.raises(CourseError, match="No real image"):
        group_shares(true, true, true, 3)
    with pytest.raises(CourseError, match="whole numbers"):
        group_shares(true + 5, true, true, 2)
    true = torch.arange(42) % 21  # two real images of each group; one is taken for the next
    read = torch.cat([true[:21], true[:21] + 1]) % 21
    with pytest.raises(CourseError, match="more real images"):
        resampled_groups(read, read, true, torch.full((21,), 1 / 21), draws=9)


def test_shares_after_a_remedy_are_those_that_are_counted():
    """Whoever chooses by a judge's word can't count by it: but by the judge's known errors."""
    generator = torch.Generator().manual_seed(2)
    matrix = torch.tensor([[0.9, 0.1, 0.02], [0.08, 0.8, 0.08], [0.02, 0.1, 0.9]])
    target = torch.tensor([0.4, 0.3, 0.3])
    held, naive = [], []
    for _ in range(40):
        true = torch.arange(600) % 3
        read_real = readings(true, matrix, generator)
        samples = torch.multinomial(
            torch.tensor([0.75, 0.2, 0.05]), 2000, True, generator=generator
        )
        read = readings(samples, matrix, generator)
        found = resampled_groups(read, read_real, true, target, draws=40)
        fresh = torch.multinomial(
            torch.tensor([0.75, 0.2, 0.05]), 20_000, True, generator=generator
        )
        chosen = (
            torch.rand(20_000, generator=generator)
            < found.keep[readings(fresh, matrix, generator)]
        )
        counted = torch.bincount(fresh[chosen], minlength=3).double() / chosen.sum()
        held.append((found.after.shares - counted).abs() < 2.2 * found.after.errors)
        naive.append(found.after.read[2] - counted[2])
        assert chosen.double().mean().item() == pytest.approx(found.kept, abs=0.03)
        assert counted[2] > 2 * 0.05, "what was rare is less so"
    assert 0.9 < torch.stack(held).double().mean() < 0.995
    assert torch.stack(naive).mean() > 0.02, "the chooser's own readings promise too much"


def test_a_judge_that_never_errs_gives_what_was_asked_for_and_nothing_revives_the_absent():
    true = torch.arange(300) % 3
    samples = torch.tensor([0] * 80 + [1] * 20)
    found = resampled_groups(samples, true, true, torch.tensor([0.5, 0.25, 0.25]))
    assert found.after.shares.tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert found.keep.tolist() == pytest.approx([0.5, 1, 0]) and found.kept == pytest.approx(
        0.6
    )
    with pytest.raises(CourseError, match="target"):
        resampled_groups(samples, true, true, torch.tensor([0.5, 0.6, 0.2]))


# Path lengths --------------------------------------------------------------------------------
def test_a_linear_map_has_its_frobenius_norm_as_speed_and_no_bend():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(4, 6, generator=generator)
    found = path_length(lambda z: z @ a.T, 6, lambda x: x, n=40_000, generator=generator)
    assert found.speed == pytest.approx(a.square().sum().item(), abs=4 * found.speed_error)
    assert found.bend == pytest.approx(1, abs=4 * found.bend_error) and found.bend_error < 0.01


def test_hermite_polynomials_bend_by_their_degree():
    hermite = {1: lambda z: z, 2: lambda z: z**2 - 1, 3: lambda z: z**3 - 3 * z}
    for degree, f in hermite.items():
        generator = torch.Generator().manual_seed(degree)
        found = path_length(f, 1, lambda x: x, n=60_000, step=1e-3, generator=generator)
        variance = math.factorial(degree)
        assert found.variance == pytest.approx(variance, rel=0.1)
        assert found.bend == pytest.approx(degree, abs=4 * found.bend_error)
        assert found.bend_error < 0.15


def test_ways_without_length_are_refused():
    with pytest.raises(CourseError, match="same for all"):
        path_length(torch.zeros_like, 2, lambda x: x)
    with pytest.raises(CourseError, match="angle"):
        path_length(torch.zeros_like, 2, lambda x: x, step=2)


# Readable codes ------------------------------------------------------------------------------
def test_mutual_information_of_known_variables():
    a = torch.arange(4000) % 4
    assert mutual_information(a, a) == pytest.approx(math.log(4))
    assert mutual_information(a, a // 2) == pytest.approx(math.log(2))
    b = (torch.arange(4000) // 4) % 5
    assert mutual_information(a, b) == pytest.approx(0, abs=1e-9)


def test_the_gap_is_what_the_two_best_of_many_latents_tell_counted_one_by_one():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(-3, 9, (200, 600), generator=generator)
    codes[:, 5] = 7  # tells nothing
    factor = codes[:, 300] // 3 + torch.randint(0, 2, (200,), generator=generator)

    def told(a, b):
        pairs, left, right = (Counter(x) for x in (zip(a, b, strict=True), a, b))
        return sum(
            n / 200 * math.log(200 * n / left[i] / right[j]) for (i, j), n in pairs.items()
        )

    best, second = sorted((told(c, factor.tolist()) for c in codes.T.tolist()), reverse=True)[
        :2
    ]
    expected = (best - second) / told(factor.tolist(), factor.tolist())
    assert mutual_information_gap(codes, {"f": factor})["f"] == pytest.approx(
        expected, rel=1e-12
    )


def test_the_gap_is_one_for_a_factor_a_latent_and_falls_when_the_code_is_rotated():
    generator = torch.Generator().manual_seed(0)
    u, v = torch.rand(2, 20_000, generator=generator)
    factors = {"u": u, "v": v}
    gap = mutual_information_gap(torch.stack([u, v, torch.rand(20_000)], 1), factors)
    assert min(gap.values()) > 0.97
    turn = math.sqrt(0.5) * torch.tensor([[1.0, 1.0], [-1.0, 1.0]])
    rotated = mutual_information_gap(torch.stack([u, v], 1) @ turn, factors)
    assert max(rotated.values()) < 0.05
    twice = mutual_information_gap(torch.stack([u, u, v], 1), factors)
    assert twice["u"] == pytest.approx(0) and twice["v"] > 0.97, "told twice is no gap"


def test_the_gap_does_not_care_for_the_scale_of_a_code_or_its_precision():
    codes = torch.randn(300, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    factors = {"u": codes[:, 0].float() + codes[:, 1].float()}
    gap = mutual_information_gap(codes.double(), factors)
    assert 0 < gap["u"] == mutual_information_gap(codes, factors)["u"]
    assert gap == mutual_information_gap(codes.double() * 2.0**-100, factors)


def test_dci_in_the_papers_closed_cases():
    perfect = dci(torch.eye(4))
    assert (perfect.disentanglement, perfect.completeness) == pytest.approx((1, 1))
    even = dci(torch.ones(4, 3))
    assert (even.disentanglement, even.completeness) == pytest.approx((0, 0), abs=1e-12)
    twice = dci(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]))  # u told by two latents
    weights = (0.5, 0.5)
    assert twice.disentanglement == pytest.approx(1)
    assert twice.completeness == pytest.approx(
        weights[0] * (1 - math.log(2) / math.log(3)) + weights[1]
    )


def test_a_probe_is_least_squares_and_does_not_care_for_rotations():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(3000, 4, generator=generator, dtype=torch.float64)
    value = codes @ torch.tensor([2.0, -1.0, 0, 0], dtype=torch.float64)
    value = value + torch.randn(3000, generator=generator, dtype=torch.float64)
    parts = (codes[:2000], value[:2000], codes[2000:], value[2000:])
    found = linear_probe(*parts)
    design = np.c_[codes[:2000].numpy(), np.ones(2000)]
    w = np.linalg.lstsq(design, value[:2000].numpy(), rcond=None)[0]
    miss = value[2000:].numpy() - np.c_[codes[2000:].numpy(), np.ones(1000)] @ w
    assert found.told == pytest.approx(
        1 - (miss**2).mean() / value[2000:].numpy().var(), abs=0.01
    )
    assert found.importance.argsort(descending=True)[:2].tolist() == [0, 1]
    q, _ = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64))
    turned = linear_probe(codes[:2000] @ q, parts[1], codes[2000:] @ q, parts[3])
    assert turned.told == pytest.approx(found.told, abs=1e-3)
    kind = (value > 0).long()
    told = linear_probe(parts[0], kind[:2000], parts[2], kind[2000:])
    assert told.told > 0.8 > 0.6 > told.chance


def test_a_probe_of_more_latents_than_examples_has_the_same_weights():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(40, 60, generator=generator, dtype=torch.float64)
    value = codes[:, 0] + 0.1 * torch.randn(40, generator=generator, dtype=torch.float64)
    found = linear_probe(codes, value, codes, value, ridge=0.5)
    x = (codes - codes.mean(0)) / codes.std(0)
    weights = torch.linalg.solve(
        x.T @ x + 20 * torch.eye(60, dtype=x.dtype), x.T @ (value - value.mean())
    )
    assert torch.allclose(found.importance, weights.abs())


def test_a_probes_classes_may_be_any_whole_numbers():
    codes = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    kinds = (codes[:, 0] > 0).long() + 2 * (codes[:, 1] > 1).long()

    def found(kinds):
        probe = linear_probe(codes[:100], kinds[:100], codes[100:], kinds[100:])
        return probe.told, probe.chance, probe.importance.tolist()

    told, chance, _ = found(kinds)
    assert told > chance > 0
    for other in (kinds - 5, kinds * 10**9, kinds.to(torch.uint8), kinds.int()):
        assert found(other) == found(kinds)
    assert found(kinds > 0) == found((kinds > 0).long())
    large = linear_probe(codes[:100], codes[:100, 0], codes[100:], codes[100:, 0])
    small = linear_probe(
        codes[:100] * 1e-30, codes[:100, 0], codes[100:] * 1e-30, codes[100:, 0]
    )
    assert small.told == pytest.approx(large.told)


def test_factors_that_tell_nothing_are_refused():
    codes = torch.randn(10, 3)
    with pytest.raises(CourseError, match="does not vary"):
        mutual_information_gap(codes, {"glasses": torch.zeros(10)})
    with pytest.raises(CourseError, match="two or more"):
        mutual_information_gap(codes[:, :1], {"u": torch.arange(10)})
    with pytest.raises(CourseError, match="Importances"):
        dci(-torch.eye(3))
    with pytest.raises(CourseError, match="one value"):
        linear_probe(codes, torch.arange(9.0), codes, torch.arange(10.0))


# One table -----------------------------------------------------------------------------------
class Reciter(nn.Module):
    """Draws real training digits."""

    shape = (1, 28, 28)

    def sample(self, n, generator=None):
        seen = data.load("digits").images
        rows = torch.randint(len(seen), (n,), generator=generator)
        return seen[rows].float() / 255


class Grey(nn.Module):
    shape = (1, 28, 28)

    def sample(self, n, generator=None):
        return torch.rand(n, 1, 28, 28, generator=generator)


def test_one_call_makes_the_table():
    digits = data.load("digits", "test")
    found = compare({"reciter": Reciter(), "noise": Grey()}, digits, n=300, held_out=20)
    name = "KID on digit features"
    assert found["reciter"][name].value < found["noise"][name].value
    head, *rows = found.cells()
    assert head == ("score", "reciter", "noise", "floor")
    row = next(row for row in rows if row[0].startswith(name))
    assert "±" in row[1] and row[3] not in ("differs", "—")
    assert name in str(found) and "<table" in found._repr_html_()
    assert set(found.to_dict()["models"]) == {"reciter", "noise"}
    assert "log p(x)" not in found.scores(), "what no model has is no row"


def test_models_of_other_data_are_refused_before_the_work():
    with pytest.raises(CourseError, match=r"a: .* shape \(1, 28, 28\), the data set"):
        compare({"a": Reciter()}, data.DataSet(torch.zeros(20, 3, 8, 8, dtype=torch.uint8)))
    asked = []
    first = SimpleNamespace(
        sample=lambda n, generator=None: asked.append(n) or torch.rand(n, 2)
    )
    with pytest.raises(CourseError, match=r"bad: .* int has no sample"):
        compare({"good": first, "bad": 5}, data.load("ring", "test"))
    assert asked == [2], "all models are tried before one is scored"
    with pytest.raises(CourseError, match="by name"):
        compare([Reciter()], data.load("digits", "test"))
    with pytest.raises(CourseError, match="model"):
        compare({"a": Grey()}, data.load("digits", "test").take(300), n=100, held_out=2)["b"]
