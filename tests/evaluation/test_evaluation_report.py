"""The shipped judge, and the report: known answers, reasons for "—", bad inputs, repeatability."""

import json
import math

import pytest
import torch

from course_lib import data, evaluation
from course_lib.data import DataSet, paths, toy
from course_lib.errors import CourseError
from course_lib.evaluation.judges import digits as judges
from course_lib.models import GAN, VAE


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", "test")


class Reciter:
    """Draws from the images it was given: a model whose every score is known."""

    shape = (1, 28, 28)

    def __init__(self, images):
        self.images = images

    def sample(self, n, *, labels=None, generator=None):
        return self.images[torch.randint(len(self.images), (n,), generator=generator)] / 255


# The judge -------------------------------------------------------------------------------
def test_the_shipped_classifier_reads_test_digits(digits):
    judge = evaluation.digit_classifier()
    right = evaluation.class_probabilities(digits.images, judge).argmax(1) == digits.labels
    assert right.double().mean() >= 0.992
    assert not judge.training and not any(p.requires_grad for p in judge.parameters())
    card = evaluation.digit_classifier_card()
    assert card["scores"]["accuracy on the 10,000 test digits of mnist"] >= 0.992
    assert card["recipe"]["epochs"] == judges.train.__kwdefaults__["epochs"]
    assert paths.find(judges.FILE).stat().st_size <= 1.5 * 2**20


def test_features_are_the_input_of_the_last_layer(digits):
    judge = evaluation.digit_classifier()
    x = digits.batch(slice(5)).x
    features = judge.features(x)
    assert features.shape == (5, 128) and (features >= 0).all()
    assert torch.equal(judge.head(features), judge(x))
    with pytest.raises(CourseError, match=r"\(B, 1, 28, 28\)"):
        judge(x[:, :, :14])


def test_a_damaged_or_missing_judge_is_refused(tmp_path, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    for name in (judges.FILE, judges.CARD):
        (tmp_path / name).write_bytes(paths.find(name).read_bytes())
    monkeypatch.setattr(paths, "roots", lambda: [tmp_path])
    evaluation.digit_classifier()
    content = bytearray((tmp_path / judges.FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / judges.FILE).write_bytes(content)
    with pytest.raises(CourseError, match="damaged"):
        evaluation.digit_classifier()
    card = (tmp_path / judges.CARD).read_text()
    (tmp_path / judges.CARD).write_text(card[:20])
    with pytest.raises(CourseError, match="json is damaged"):
        evaluation.digit_classifier()
    (tmp_path / judges.CARD).write_text(card)
    (tmp_path / judges.FILE).unlink()
    with pytest.raises(CourseError, match="missing"):
        evaluation.digit_classifier()


def test_training_a_judge_learns_and_repeats():
    train = data.load("digits").take(300)
    losses = []
    trained = [
        judges.train(
            train, epochs=2, batch=50, after_epoch=lambda e, c, loss: losses.append(loss)
        )
        for _ in range(2)
    ]
    assert losses[1] < losses[0] and losses[:2] == losses[2:]
    a, b = (judge.state_dict() for judge in trained)
    assert all(torch.equal(a[name], b[name]) for name in a)
    with pytest.raises(CourseError, match="no labels"):
        judges.train(DataSet(train.images))


def test_augmented_digits_stay_where_they_are(digits):
    x = digits.batch(slice(200)).x
    y = judges.augment(x, torch.Generator().manual_seed(0))
    assert y.shape == x.shape and y.min() >= 0 and y.max() <= 1
    assert not torch.equal(x, y)
    assert y.mean() == pytest.approx(x.mean().item(), rel=0.05)  # ink neither lost nor made

    def centre(images):
        at = torch.arange(28.0) - 13.5
        return (images.sum((1, 2)) * at).sum(1) / images.sum((1, 2, 3))

    assert 0.5 < (centre(y) - centre(x)).abs().mean() < 2  # uniform in ±2 pixels: 1


# The report ------------------------------------------------------------------------------
def test_a_gan_gets_what_it_can_have(digits):
    report = evaluation.report(GAN(hidden=(8,)), digits, n=50)
    assert report["modes covered"].floor == 10
    assert report["log p(x)"].value is None and "kernel density" in report["log p(x)"].note
    assert report["nearer to training"].value is None
    assert sum(report.histogram) == 50 and "— " in str(report)
    assert "(draws)" in report.about


def test_a_vae_gets_its_bounds_and_they_add_up(digits):
    vae = VAE(hidden=(16,), latent=2)
    report = evaluation.report(vae, digits, n=20, held_out=30, train=data.load("digits"))
    elbo = report["ELBO (binarised)"].value
    parts = report["reconstruction (binarised)"].value - report["KL to the prior"].value
    bound = report["IWAE, K = 500 (binarised)"]
    assert elbo == pytest.approx(parts, rel=1e-9) and bound.value > elbo and bound.error > 0
    assert report["IWAE − ELBO"].value == pytest.approx(bound.value - elbo, rel=1e-6)
    assert report["nearer to training"].floor == 0.5
    assert "decoder means" in report.about
    assert vae.training  # as it was found
    again = evaluation.report(vae, digits, n=20, held_out=30)
    assert again["IWAE, K = 500 (binarised)"] == bound  # another row's noise is not this one's
    assert again.histogram == report.histogram


def test_every_scale_has_its_own_name(digits):
    grey = evaluation.report(VAE(hidden=(8,), likelihood="grey"), digits, n=10, held_out=4)
    assert grey["ELBO (grey, no density)"].value < 0
    gauss = VAE(hidden=(8,), likelihood="gaussian", sigma=0.3)
    report = evaluation.report(gauss, digits, n=10, held_out=4)
    nats = report["IWAE, K = 500 (dequantised)"].value
    bits = -nats / (784 * math.log(2)) + 8
    assert report["bits per dimension"].value == pytest.approx(bits, rel=1e-9)


def test_an_exact_likelihood_is_not_bounded(digits):
    from course_lib.models import ProbabilisticPCA

    model = ProbabilisticPCA(latent=5).fit(data.load("digits").take(900))
    report = evaluation.report(model, digits, n=10, held_out=20)
    row = report["log p(x) (dequantised)"]
    assert "exact" in row.note and row.error > 0
    assert 0 < report["bits per dimension"].value < 8


def test_real_digits_lie_on_the_floor_and_a_dropped_class_above_it(digits):
    train = data.load("digits")
    honest = evaluation.report(Reciter(train.images), digits, n=1000)
    tv = honest["total variation of classes"]
    assert tv.value < 2 * tv.floor and honest["modes covered"].value == 10
    assert honest["χ² of classes"].value < 27.9  # once in 1,000
    assert honest["mean confidence"].value == pytest.approx(
        honest["mean confidence"].floor, abs=0.01
    )
    dropped = Reciter(train.images[train.labels != 3])
    report = evaluation.report(dropped, digits, n=1000, train=train)
    share = (digits.labels == 3).double().mean().item()
    tv = report["total variation of classes"]
    assert tv.value == pytest.approx(share, abs=0.03) and tv.value > 1.7 * tv.floor
    assert report["modes covered"].value == 9
    assert (
        report["nearer to training"].value > 0.52
    )  # it recites, a tenth of it from what is seen


def test_the_floor_of_chi_squared_counts_the_classes_that_are_there(digits):
    judge = evaluation.digit_classifier()
    low = digits.subset(evaluation.class_probabilities(digits.images, judge).argmax(1) < 5)
    row = evaluation.report(Reciter(low.images), low, n=100)["χ² of classes"]
    assert row.floor == 4 and "real: 4 in the mean" in row.note


def test_what_is_no_digit_is_not_judged(digits):
    squares = torch.randint(0, 256, (100, 1, 28, 28), dtype=torch.uint8)
    noise = DataSet(squares, torch.arange(100) % 10)
    report = evaluation.report(Reciter(squares), noise, n=10)
    assert "no digits" in report["modes covered"].note and report.histogram is None
    small = DataSet(squares[:, :, :8, :8])
    model = Reciter(small.images)
    model.shape = (1, 8, 8)
    assert "1×28×28" in evaluation.report(model, small, n=10)["mean confidence"].note


def test_points_are_judged_by_the_density_that_drew_them():
    ring = toy.Ring()

    class Half:
        def sample(self, n, *, labels=None, generator=None):
            centres = torch.as_tensor(ring.centres).float()[:4]
            noise = ring.sigma * torch.randn(n, 2, generator=generator)
            return centres[torch.randint(4, (n,), generator=generator)] + noise

    for dataset, density in ((data.load("ring", "test"), None), (ring.data_set(50), ring)):
        report = evaluation.report(Half(), dataset, n=4000, density=density)
        assert report["modes covered"].value == 4 and report["modes covered"].floor == 8
        # Within 3 σ in two dimensions: 1 − e^(−9/2).
        row = report["good points"]
        assert abs(row.value - (1 - math.exp(-4.5))) < 5 * row.error
    unknown = evaluation.report(Half(), ring.data_set(50), n=20)
    assert "density=" in unknown["modes covered"].note
    moons = evaluation.report(Half(), data.load("moons", "test"), n=20)
    assert "no modes" in moons["modes covered"].note


def test_the_table_is_text_html_and_json():
    rows = (
        evaluation.Row("KL", math.inf, None, 0.004, "nats", "a < b"),
        evaluation.Row("log p(x)", None, note="none"),
        evaluation.Row("modes covered", 10, None, 10),
    )
    report = evaluation.Report("a model", rows, (1, 2))
    assert "inf" in str(report) and "—" in str(report) and "samples a class: 1 2" in str(report)
    assert "a &lt; b" in report._repr_html_() and report._repr_html_().count("<tr>") == 4
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["rows"][0]["value"] is None and "inf" in plain["rows"][0]["note"]
    assert [row.name for row in report] == ["KL", "log p(x)", "modes covered"]
    with pytest.raises(CourseError, match="modes covered"):
        report["modes coverd"]


def test_what_is_known_of_one_data_set_is_not_taken_for_another(digits):
    model, known, sets = GAN(hidden=(8,)), {}, (digits.take(60), digits.subset(slice(60, 120)))
    shared = [
        evaluation.report(model, each, n=20, held_out=2, known=known)
        for each in (*sets, sets[0])
    ]
    alone = [evaluation.report(model, each, n=20, held_out=2) for each in (*sets, sets[0])]
    assert [str(report) for report in shared] == [str(report) for report in alone]
    assert str(shared[0]) != str(shared[1]) and len(known) == 2


def test_one_class_alone_has_no_chi_squared_to_exceed(digits):
    judge = evaluation.digit_classifier()
    threes = digits.subset(evaluation.class_probabilities(digits.images, judge).argmax(1) == 3)
    row = evaluation.report(Reciter(threes.images), threes, n=20, held_out=2)["χ² of classes"]
    assert row.value == row.floor == 0 and "once in 100" not in row.note
