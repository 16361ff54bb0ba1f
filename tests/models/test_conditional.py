"""Scores of samples with labels: known answers, what each misses, and the report."""

import math

import pytest
import torch

from course_lib import data, evaluation
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.evaluation import conditional
from course_lib.models import CGAN, CVAE, CVAEGAN
from course_lib.models.parts.conditions import Attributes, Classes

TINY = {"width": 2, "dense": 4, "latent": 2}


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", "test")


class Copyist:
    """Draws real images of the asked class: a model whose scores are those of real images."""

    shape = (1, 28, 28)
    condition = Classes(10)

    def __init__(self, dataset, change=lambda images: images):
        self.by_class = [change(dataset.images[dataset.labels == c]) for c in range(10)]

    def sample(self, n, *, labels=None, generator=None):
        chosen = [self.by_class[c] for c in labels.tolist()]
        drawn = [some[torch.randint(len(some), (), generator=generator)] for some in chosen]
        return torch.stack(drawn) / 255


def test_agreement_is_a_share_with_its_binomial_error():
    read = torch.tensor([0, 1, 2, 3] * 100)
    asked = torch.tensor([0, 1, 2, 4] * 100)
    share, error = conditional.agreement(read, asked)
    assert share == 0.75 and error == pytest.approx(math.sqrt(0.75 * 0.25 / 399))
    attributes = torch.tensor([[1, 0], [1, 1]])
    assert conditional.agreement(attributes, torch.tensor([[1, 1], [1, 1]]))[0] == 0.75
    with pytest.raises(CourseError, match="as many readings"):
        conditional.agreement(read, asked[:3])


def test_diversity_of_gaussian_classes_is_known():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 2, generator=generator).double()
    labels = torch.arange(4000) % 4
    members = Classes(4).members(labels).double()
    # E|a − b| of two points of N(0, s² I) in the plane is s√π, wherever the class's mean lies.
    apart = x + 100 * labels[:, None]
    found = [conditional.diversity(f, members) for f in (apart, 0.5 * x + labels[:, None])]
    assert found == pytest.approx([math.sqrt(math.pi), math.sqrt(math.pi) / 2], rel=0.02)
    assert conditional.diversity(apart, torch.ones(4000, 1)) > 50  # classes forgotten
    ratio, error = conditional.relative_diversity(0.5 * x, members, x.flip(0), members.flip(0))
    assert ratio == pytest.approx(0.5) and error < 0.02
    with pytest.raises(CourseError, match="two images of one class"):
        conditional.diversity(x[:3], torch.eye(3))


def test_attributes_are_groups_with_and_without():
    found = torch.tensor([[0.0], [1.0], [10.0], [14.0]]).double()
    has = Attributes(("a",)).members(torch.tensor([[1], [1], [0], [0]])).double()
    assert conditional.diversity(found, has) == pytest.approx((1 + 4) / 2)


def test_real_digits_agree_and_one_digit_a_class_agrees_but_is_not_diverse(digits):
    some = digits.take(600)
    judge, asked = evaluation.features.judge_of(some), torch.arange(200) % 10

    def scored(model):
        rows = conditional.rows(model, conditional.draw(model, asked), asked, some, judge)
        return rows[0], rows[2]

    first, third = scored(Copyist(digits))
    assert first.value > 0.96 and first.floor > 0.97
    assert third.value == pytest.approx(1, abs=0.1) and third.floor == pytest.approx(1, abs=0.1)
    first, third = scored(Copyist(digits, lambda images: images[:1]))
    assert first.value > 0.95 and third.value < 0.01


def test_gan_train_learns_from_right_labels_and_not_from_wrong_ones():
    train, test = data.load("digits").take(1200), data.load("digits", "test").take(500)
    right, error = conditional.gan_train(train.images, train.labels, test, epochs=4)
    assert right > 0.6 and 0 < error < 0.03
    wrong, _ = conditional.gan_train(
        train.images / 255, (train.labels + 1) % 10, test, epochs=2
    )
    assert wrong < 0.1


def test_labels_are_asked_in_the_datas_proportions(digits):
    few = DataSet(digits.images, (digits.labels > 0).long())
    model = CGAN(classes=2, **TINY)
    found = conditional.asked(model, few, 2000, torch.Generator().manual_seed(0))
    assert found.double().mean() == pytest.approx(few.labels.double().mean().item(), abs=0.03)
    assert conditional.asked(CGAN(classes=0, **TINY), few, 5) is None


def test_the_report_of_a_conditional_model(digits):
    some = digits.take(200)
    for kind in (CVAEGAN, CVAE):
        found = evaluation.report(kind(**TINY), some, n=100, held_out=2, budget="smoke")
        assert all(found[name].value is not None for name in conditional.NAMES)
        names = [row.name for row in found]
        assert ("KL to the prior" in names) == (kind is CVAE)
    images = conditional.draw(CVAEGAN(**TINY), torch.arange(7))
    assert images.shape == (7, 1, 28, 28) and images.dtype == torch.uint8
    unlabelled = DataSet(some.images)
    with pytest.raises(CourseError, match="this data set has none"):
        evaluation.report(CVAEGAN(**TINY), unlabelled, n=100, budget="smoke")


def test_attributes_of_drawn_faces_are_read_by_the_judge_of_faces():
    faces = data.faces.load("test", size=32, n=120)
    model = CVAEGAN(
        shape=(3, 32, 32), classes=0, attributes=("glasses", "beard", "smile"), **TINY
    )
    judge = evaluation.features.judge_of(faces)
    read = conditional.readings(faces.images, judge, model.condition)
    share, _ = conditional.agreement(read, conditional.labels_of(model, faces))
    assert share > 0.9
    labels = conditional.asked(model, faces, 120)
    rows = conditional.rows(model, conditional.draw(model, labels), labels, faces, judge)
    assert rows[0].floor > 0.9 and rows[1].value is None and rows[2].value is not None
