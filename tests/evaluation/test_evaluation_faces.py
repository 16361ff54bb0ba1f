"""The judge of faces, the nearest renderable face, feature extractors, reports and ladders."""

import math

import pytest
import torch

from course_lib import data, evaluation
from course_lib.data import DataSet, faces, paths
from course_lib.errors import CourseError
from course_lib.evaluation import DigitClassifier, image_scores
from course_lib.evaluation.features import EXTRACTORS, own_judge
from course_lib.evaluation.judges import face_training, shipping
from course_lib.evaluation.judges import faces as judges
from course_lib.models import GAN


def rendered(n, size=32, seed=5, **fixed):
    factors = faces.draw_factors(n, torch.Generator().manual_seed(seed)) | {
        name: torch.full((n,), value) for name, value in fixed.items()
    }
    return DataSet(faces.render(factors, size), factors["hair"], factors)


class Draws:
    """Draws from images it was given."""

    def __init__(self, images):
        self.images, self.shape = images, tuple(images.shape[1:])

    def sample(self, n, *, labels=None, generator=None):
        return self.images[torch.randint(len(self.images), (n,), generator=generator)] / 255


# The judge of faces ------------------------------------------------------------------------
@pytest.mark.parametrize("size", [32, 64])
def test_the_shipped_judge_reads_faces_it_never_saw(size):
    read = face_training.scores(evaluation.face_factors(), rendered(250, size))
    assert read["glasses"] >= 0.98 and read["hair"] >= 0.96 and read["background"] >= 0.97
    assert read["smile"] >= 0.75 and read["turn"] >= 0.9 and read["light"] >= 0.9
    card = evaluation.face_factors_card()
    for at in ("32×32", "64×64"):
        scores = card[f"scores on the 2,000 test faces at {at}"]
        assert scores["accuracy of choices"]["glasses"] >= 0.99
        assert scores["accuracy of choices"]["hair"] >= 0.98
        assert scores["R² of the rest"]["smile"] >= 0.8
    assert card["recipe"]["epochs"] == face_training.train.__kwdefaults__["epochs"]
    file = paths.find(shipping.names(judges.NAME)[0])
    assert file.stat().st_size <= 1.5 * 2**20


def test_no_feature_of_the_judge_is_dead():
    features = evaluation.image_features(rendered(400).images, "faces")
    assert (features.std(0) > 0).all()


def test_a_reading_can_be_rendered_and_is_alike():
    dataset = rendered(20)
    judge = evaluation.face_factors()
    assert not judge.training and not any(p.requires_grad for p in judge.parameters())
    read = judge.read(dataset.images)
    again = faces.render(read, 32)  # refuses what is out of range
    apart = (again.float() - dataset.images.float()).square().mean().sqrt() / 255
    assert apart < 0.08
    floats = judge.read(dataset.images / 255)
    assert all(torch.equal(floats[name], read[name]) for name in read)


def test_scores_of_a_perfect_and_of_an_ignorant_judge():
    dataset = rendered(100)

    class Told(judges.FaceFactors):
        def read(self, images):
            return dict(dataset.attributes)

    class Middle(judges.FaceFactors):
        def read(self, images):
            return {
                k: v.double().mean().expand(100).to(v.dtype)
                for k, v in dataset.attributes.items()
            }

    assert set(face_training.scores(Told(), dataset).values()) == {1.0}
    guesses = face_training.scores(Middle(), dataset)
    assert all(abs(guesses[name]) < 1e-6 for name in judges.RANGES)


def test_the_loss_is_cross_entropy_plus_errors_in_standard_deviations():
    truth = rendered(6).attributes
    even = {
        name: torch.zeros(6, len(faces.FACTORS[name].options)) for name in judges.CHOICES
    } | {name: torch.zeros(6) for name in judges.RANGES}
    expected = sum(math.log(len(faces.FACTORS[name].options)) for name in judges.CHOICES)
    for name in judges.RANGES:
        low, high = faces.FACTORS[name].low, faces.FACTORS[name].high
        z = (truth[name] - (low + high) / 2) / (high - low) * 12**0.5
        expected += z.square().mean().item()
    assert face_training.loss(even, truth).item() == pytest.approx(expected, rel=1e-5)


def test_training_a_judge_learns_and_repeats():
    dataset, losses = rendered(200), []
    trained = [
        face_training.train(
            dataset, epochs=2, after_epoch=lambda e, j, loss: losses.append(loss)
        )
        for _ in range(2)
    ]
    assert losses[1] < losses[0] and losses[:2] == losses[2:]
    a, b = (judge.state_dict() for judge in trained)
    assert all(torch.equal(a[name], b[name]) for name in a)
    with pytest.raises(CourseError, match=r"lacks .*hair"):
        face_training.train(DataSet(dataset.images))


def test_a_judge_of_faces_goes_to_a_file_and_back_and_a_damaged_one_is_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(paths, "roots", lambda: [tmp_path])
    judge = judges.FaceFactors(seed=3)
    shipping.write(judge, judges.NAME, {"use": "a test"}, tmp_path / "checkpoints")
    again = evaluation.face_factors()
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(again.features(x), judge.eval().features(x))
    assert evaluation.face_factors_card()["use"] == "a test"
    file = tmp_path / "checkpoints" / f"{judges.NAME}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(CourseError, match="damaged"):
        evaluation.face_factors()


def test_larger_pictures_are_averaged_over_areas():
    x = torch.rand(1, 3, 64, 64)
    mean = x.view(1, 3, 32, 2, 32, 2).mean((3, 5))
    assert torch.allclose(judges.at_side(x), mean, atol=1e-6)
    judge = judges.FaceFactors().eval()
    assert torch.allclose(judge.features(x), judge.features(mean), atol=1e-5)
    with pytest.raises(CourseError, match="colour"):
        judge(x[:, :1])


# The nearest face ----------------------------------------------------------------------------
def test_the_residual_is_small_for_real_faces_and_large_for_deformed_ones():
    images = rendered(6).images
    found = evaluation.nearest_face(images)
    again = (found.faces.float() - images.float()).square().flatten(1).mean(1).sqrt() / 255
    assert torch.allclose(found.residual, again, atol=1e-4)  # what is told is what is drawn
    assert torch.equal(faces.render(found.factors, 32), found.faces)
    start = faces.render(evaluation.face_factors().read(images), 32)  # before the search
    before = (start.float() - images.float()).square().flatten(1).mean(1).sqrt() / 255
    assert (found.residual <= before + 1e-6).all()
    deformed = images.clone()
    deformed[:, :, 14:24, :16] = images[:, :, 10:20, :16]  # the left half slips down
    worse = evaluation.nearest_face(deformed).residual
    assert found.residual.median() < 0.03 and worse.median() > 2 * found.residual.median()


# Features ------------------------------------------------------------------------------------
def test_features_are_float64_without_gradient_and_named():
    digits = data.load("digits", "test").images[:20]
    found = evaluation.image_features(digits, "digits")
    assert found.shape == (20, 128) and found.dtype == torch.float64
    for images, name in ((digits, "digits"), (rendered(60).images, "faces")):
        root = evaluation.image_features(images, name).square().mean().sqrt().item()
        assert root == pytest.approx(1, abs=0.1)  # the scale belongs to the shipped weights
    floats = (digits / 255).requires_grad_()
    seen = evaluation.image_features(floats, "digits")
    assert torch.equal(seen, found) and not seen.requires_grad
    for size in (32, 48):
        some = evaluation.image_features(rendered(4, size).images, "faces")
        assert some.shape == (4, EXTRACTORS["faces"].dims)


def test_a_model_that_contains_the_judge_is_not_judged_by_it():
    model = GAN(hidden=(8,))
    assert own_judge(model, (1, 28, 28)) is None
    model.helper = DigitClassifier()
    assert "DigitClassifier" in own_judge(model, (1, 28, 28))
    assert own_judge(model, (3, 32, 32)) is None
    report = evaluation.report(model, data.load("digits", "test"), n=10)
    for name in ("FD", "KID", "coverage", "modes covered"):
        assert report[name].value is None and "please" in report[name].note
    assert report["Laplacian variance"].value > 0


# Reports and ladders -------------------------------------------------------------------------
def test_real_digits_lie_on_the_floor_of_every_score():
    train, test = data.load("digits"), data.load("digits", "test")
    report = evaluation.report(Draws(train.images), test, n=400)
    for name in ("FD on digit features", "KID on digit features"):
        row = report[name]
        assert abs(row.value - row.floor) < 5 * row.error
    for name in ("precision", "recall", "coverage"):
        row = report[f"{name} on digit features"]
        assert row.value == pytest.approx(row.floor, abs=0.06) and row.value > 0.85
    assert report["density on digit features"].value == pytest.approx(1, abs=0.15)
    for name in image_scores.STATISTICS:
        assert report[name].value < 0.3
    few, again = (evaluation.report(Draws(train.images), test, n=60) for _ in range(2))
    assert few["FD on digit features"].value is None
    assert "256 images" in few["FD on digit features"].note
    assert str(again) == str(few)


def test_the_ladder_of_digits_sees_each_fault_where_it_should():
    dataset = data.load("digits", "test").take(1300)
    found = evaluation.ladder(dataset, n=280)

    def at(rung, name):
        return found[rung][name].value

    fd, kid = "FD on digit features", "KID on digit features"
    for name in (fd, kid, "power-spectrum slope", "Laplacian variance"):
        steps = [at(rung, name) for rung in ("real", "slightly blurred", "blurred")]
        assert steps == sorted(steps) and steps[2] > 3 * abs(steps[0])
    assert at("half the modes", fd) > at("a mode dropped", fd) > 1.5 * at("real", fd)
    assert (
        at("a mode dropped", "modes covered") == 9
        and at("half the modes", "modes covered") == 5
    )
    recall, coverage, precision = (
        f"{name} on digit features" for name in ("recall", "coverage", "precision")
    )
    for name in (recall, coverage):
        assert at("half the modes", name) < 0.7 * at("real", name)
    assert at("half the modes", precision) == pytest.approx(at("real", precision), abs=0.05)
    assert "sharper" in found["noised"]["Laplacian variance"].note
    assert "softer" in found["blurred"]["Laplacian variance"].note
    # Only the memorisation row sees a model that recites.
    assert at("half recited", "nearer to training") == pytest.approx(0.75, abs=0.06)
    assert at("real", "nearer to training") == pytest.approx(0.5, abs=0.09)
    assert at("half recited", fd) < 1.5 * at("real", fd)
    assert found["real"][fd].value == found["blurred"][fd].floor
    head, *rows = str(found).splitlines()[1:]
    assert "half recited" in head and any(fd in row for row in rows)
    assert found._repr_html_().count("<tr>") == len(rows) + 1
    assert set(found.to_dict()["rungs"]) == set(found.reports)


def test_a_rung_is_left_out_where_no_mode_can_be_dropped():
    some = data.load("digits", "test")
    alike = DataSet(some.images[:50], torch.zeros(50, dtype=torch.long))
    found = evaluation.ladder(alike, n=10).reports
    assert "blurred" in found and not {"a mode dropped", "half the modes"} & found.keys()
    late = some.subset(some.labels >= 5)  # what is dropped is one that is there
    rung = evaluation.ladder(late, n=30)["a mode dropped"]
    assert rung["modes covered"].value < rung["modes covered"].floor


def test_faces_get_their_rows(monkeypatch):
    monkeypatch.setattr(image_scores, "SEARCHED", 3)
    bald = rendered(60, hair=0, seed=6)
    report = evaluation.report(Draws(bald.images), rendered(80), n=30)
    residual = report["residual to nearest face"]
    assert 0 < residual.value < 0.03 and 0 < residual.floor < 0.03
    assert report["modes covered"].value == 1 and report["modes covered"].unit == "of 8"
    assert "192 images" in report["FD on face features"].note
    kid, recall = report["KID on face features"], report["recall on face features"]
    assert kid.value > kid.floor + 3 * kid.error and recall.value < 0.7 * recall.floor


def test_colour_pictures_that_are_no_rendered_faces_get_features_with_a_warning():
    g = torch.Generator().manual_seed(0)
    photos = DataSet(torch.randint(0, 256, (500, 3, 24, 24), generator=g).byte())
    report = evaluation.report(Draws(photos.images), photos, n=200)
    row = report["FD on face features"]
    assert row.value is not None and "not what the network was trained on" in row.note
    assert report["modes covered"].value is None
    with pytest.raises(CourseError, match="residual"):
        report["residual to nearest face"]
