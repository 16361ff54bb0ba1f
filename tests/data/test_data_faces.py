"""The rendered faces: symmetric where they should be, moved by each factor, independent, kept."""

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from material import refused

from course_lib import data, disk
from course_lib.data import faces, paths
from course_lib.data.faces import kept, shapes
from course_lib.data.faces.factors import Factor
from course_lib.errors import CourseError


def draw(n, seed=0, **fixed):
    factors = faces.draw_factors(n, torch.Generator().manual_seed(seed))
    return factors | fixed


def straight(n, seed=0):
    """Faces that should be symmetric: all but the side parting are."""
    factors = draw(n, seed, turn=0.0, light=0.0)
    side = faces.FACTORS["hair"].options.index("side")
    keep = factors["hair"] != side
    return {k: v[keep] if isinstance(v, torch.Tensor) else v for k, v in factors.items()}


# --- the pictures -------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "n"), [(64, 120), (32, 250), (33, 100), (47, 50)])
def test_a_straight_face_is_symmetric_to_the_last_bit(size, n):
    images = faces.render(straight(n), size)
    assert images.shape[1:] == (3, size, size) and images.dtype == torch.uint8
    assert torch.equal(images, images.flip(-1))


@pytest.mark.parametrize("change", [{"turn": 0.3}, {"light": -0.3}, {"hair": "side"}])
def test_turn_light_and_the_side_parting_break_the_symmetry(change):
    images = faces.render(straight(20) | change, 32).float()
    assert ((images - images.flip(-1)).abs().mean((1, 2, 3)) > 0.5).all()


@pytest.mark.parametrize("name", ["turn", "light"])
def test_the_opposite_turn_or_light_is_the_mirror_image(name):
    there, back = (faces.render(straight(50) | {name: value}, 64) for value in (0.7, -0.7))
    assert torch.equal(there, back.flip(-1)) and not torch.equal(there, back)


WHERE = {  # the rows, from 0 at the top to 1, in which a factor may change anything
    "skin": (0.15, 1),
    "face_width": (0, 1),
    "jaw": (0.45, 0.95),
    "hair_colour": (0, 1),
    "eye_size": (0.4, 0.68),
    "eye_spacing": (0.3, 0.72),
    "eye_colour": (0.4, 0.68),
    "brow_height": (0.3, 0.58),
    "brow_tilt": (0.3, 0.58),
    "nose": (0.5, 0.75),
    "smile": (0.6, 0.92),
    "mouth_open": (0.6, 0.92),
    "beard": (0.45, 0.95),
    "glasses": (0.4, 0.7),
    "clothes": (0.85, 1),
}


@pytest.mark.parametrize("name", faces.FACTORS)
def test_a_factor_changes_every_face_and_only_where_it_should(name):
    factor = faces.FACTORS[name]
    values = range(len(factor.options)) if factor.options else (factor.low, factor.high)
    size = 64
    base = draw(8, seed=3, light=0.2)
    if name == "light":
        base.pop("light")
    pictures = torch.stack([faces.render({**base, name: value}, size) for value in values])
    for one, other in zip(pictures[:-1], pictures[1:], strict=True):
        changed = one != other
        # Glasses and long hair may hide much of an eye, never all of it.
        assert (changed.flatten(1).sum(1) >= 5).all()
        top, bottom = WHERE.get(name, (0, 1))
        rows = changed.any(0).any(0).any(1).nonzero()
        assert rows.min() >= math.floor(top * size) and rows.max() < math.ceil(bottom * size)


def test_the_background_leaves_the_face_alone():
    sky, white = (faces.render(draw(20) | {"background": b}, 64) for b in ("sky", "white"))
    assert torch.equal(sky[..., 24:40, 26:38], white[..., 24:40, 26:38])
    assert (sky[..., 0, 0] != white[..., 0, 0]).any(1).all()


def test_edges_are_smooth_as_if_drawn_larger_and_averaged():
    factors = draw(12, seed=5)
    small = faces.render(factors, 64).float()
    large = faces.render(factors, 512).float()
    averaged = torch.nn.functional.avg_pool2d(large, 8)
    error = (small - averaged).abs().mean()
    jagged = (large[..., 4::8, 4::8] - averaged).abs().mean()
    assert error < 1.5 and error < jagged / 1.8


def test_a_face_does_not_depend_on_its_company():
    factors = draw(300)
    images = faces.render(factors, 16)
    for i in (0, 7, 299):
        alone = faces.render({name: values[i] for name, values in factors.items()}, 16)
        assert torch.equal(alone[0], images[i])


def test_rendering_leaves_randomness_threads_and_factors_alone():
    factors, state, threads = draw(5), torch.get_rng_state(), torch.get_num_threads()
    before = {name: values.clone() for name, values in factors.items()}
    assert torch.equal(faces.render(factors, 16), faces.render(factors, 16))
    assert torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()
    assert all(torch.equal(before[name], factors[name]) for name in factors)


def test_numbers_and_names_stand_for_all_faces():
    smiles = torch.linspace(-1, 1, 3)
    images = faces.render(faces.neutral() | {"hair": "curly", "smile": smiles}, 16)
    curly = faces.FACTORS["hair"].options.index("curly")
    each = faces.neutral(3) | {"hair": torch.full((3,), curly), "smile": smiles}
    assert len(images) == 3 and torch.equal(images, faces.render(each, 16))
    for listed in (["bob", "long"], ("bob", 6), [5, torch.tensor(6)]):
        images = faces.render(faces.neutral() | {"hair": listed}, 16)
        each = faces.neutral(2) | {"hair": torch.tensor([5, 6])}
        assert torch.equal(images, faces.render(each, 16))


def test_the_drawing_is_that_of_its_version():
    """If this fails, the faces have changed: then raise kept.VERSION, train the zoo's face
    models anew, and put the new numbers here."""
    assert kept.VERSION == 1
    images = faces.render(faces.neutral(8) | {"hair": torch.arange(8), "glasses": 1}, 32)
    expected = torch.tensor(EXPECTED)
    assert (images.float().mean((2, 3)) - expected).abs().max() < 0.2
    drawn = draw(3)
    assert torch.allclose(drawn["smile"], torch.tensor(SMILES), atol=1e-6)


EXPECTED = [  # the mean red, green and blue of one face for each hair style
    [185.7, 186.9, 190.8],  # bald
    [172.7, 176.1, 182.5],  # short
    [167.9, 171.1, 177.9],  # side
    [162.6, 165.5, 172.5],  # spiky
    [144.2, 143.4, 148.4],  # curly
    [154.2, 158.4, 166.8],  # bob
    [149.3, 148.6, 153.4],  # long
    [167.6, 170.6, 177.2],  # bun
]
SMILES = [-0.694548, -0.036987, 0.835012]


# --- the shapes ---------------------------------------------------------------------------


def test_shapes_cover_their_area():
    x, y = shapes.grid(64)
    canvas = shapes.Canvas(torch.zeros(1, 3, 64, 64), x, y, 2 / 64)
    areas = {
        "ellipse": (shapes.ellipse(x - 0.1, y, 0.5, 0.3), math.pi * 0.15),
        "squircle, round": (shapes.squircle(x, y, 0.5, 0.3, 0.0), math.pi * 0.15),
        "squircle, square": (shapes.squircle(x, y, 0.5, 0.3, 0.99), 0.585),
        "egg": (shapes.egg(x, y, 0.4, 0.5, 0.7), math.pi * 0.4 * 0.6),
        "stroke": (shapes.stroke(x, y, (-0.3, -0.4), (0.3, 0.4), 0.1), 0.2 + math.pi * 0.01),
        "band": (shapes.band(y + 0 * x, 0.5 * x, torch.tensor(0.5), 0.1), 0.4 * 1.25**0.5),
        "below": (shapes.below(y, 0.3 + 0 * x), 1.4),
    }
    for name, (shape, area) in areas.items():
        covered = float(canvas.cover(shape).sum()) * (2 / 64) ** 2
        assert abs(covered / area - 1) < 0.01, name
    one, other = areas["ellipse"][0], areas["stroke"][0]
    joint = canvas.cover(shapes.both(one, other)) + canvas.cover(shapes.either(one, other))
    assert torch.allclose(joint, canvas.cover(one) + canvas.cover(other))


def test_a_stroke_is_as_far_as_its_nearest_point():
    x, y = shapes.grid(20)
    along = torch.linspace(0, 1, 4001).view(-1, 1, 1)
    px, py = -0.5 + 0.9 * along, 0.2 - 0.4 * along
    reference = ((x - px) ** 2 + (y - py) ** 2).sqrt().amin(0)
    found = shapes.stroke(x, y, (-0.5, 0.2), (0.4, -0.2), 0.1)[0]
    assert (found - (reference - 0.1)).abs().max() < 1e-3
    tapered = shapes.stroke(x, y, (-0.5, 0.2), (0.4, -0.2), 0.1, 0.0)[0]
    assert (tapered >= found - 1e-5).all() and tapered[7, 14] > found[7, 14] + 0.05


def test_what_is_painted_in_a_window_is_in_the_picture():
    x, y = shapes.grid(16)
    canvas = shapes.Canvas(torch.zeros(2, 3, 16, 16), x, y, 1 / 8)
    with canvas.window(0.5, -0.25, 0.75) as part:
        assert torch.equal(part.x, -part.x.flip(-1))
        part.paint(shapes.ellipse(part.x, part.y, 9.0, 9.0), torch.tensor([1.0, 0.5, 0.0]))
    inside = (x.abs() < 0.6) & (y > -0.3) & (y < 0.8)
    assert (canvas.image[:, 0][:, inside[0]] == 1).all()
    far = (x.abs() > 0.7) | (y < -0.5) | (y > 0.9)
    assert (canvas.image[:, :, far[0]] == 0).all()


# --- the factors --------------------------------------------------------------------------

N = 20_000


@pytest.fixture(scope="module")
def many():
    return draw(N)


def test_each_factor_is_drawn_as_often_as_it_says(many):
    assert len(faces.FACTORS) >= 10 and list(many) == list(faces.FACTORS)
    for name, factor in faces.FACTORS.items():
        values = many[name]
        assert values.shape == (N,)
        if factor.kind == "choice":
            chances = torch.tensor(factor.chances)
            error = (chances * (1 - chances) / N).sqrt()
            shares = values.bincount(minlength=len(chances)) / N
            assert values.dtype == torch.int64 and abs(sum(factor.chances) - 1) < 1e-9
            assert ((shares - chances).abs() < 5 * error).all()
        else:
            place = (values.double() - factor.low) / (factor.high - factor.low)
            assert place.min() >= 0 and place.max() <= 1
            gap = (place.sort().values - torch.linspace(0, 1, N).double()).abs().max()
            assert gap < 2.6 / N**0.5  # Kolmogorov and Smirnov; exceeded once in 400,000


def dependence(one, other):
    """χ² of independence over ten bins each, in standard deviations from its mean."""

    def bins(values):
        unique = len(values.unique())
        return values if unique <= 10 else (values.argsort().argsort() * 10) // len(values)

    a, b = bins(one).long(), bins(other).long()
    seen = torch.bincount(a * 10 + b, minlength=100).view(10, 10).double()
    expected = seen.sum(1, keepdim=True) * seen.sum(0, keepdim=True) / seen.sum()
    used = expected > 0
    freedom = (int((seen.sum(1) > 0).sum()) - 1) * (int((seen.sum(0) > 0).sum()) - 1)
    chi = ((seen - expected)[used] ** 2 / expected[used]).sum()
    return float((chi - freedom) / (2 * freedom) ** 0.5)


def test_factors_are_independent_in_pairs(many):
    names = list(many)
    for i, one in enumerate(names):
        for other in names[:i]:
            assert dependence(many[one], many[other]) < 6, (one, other)
    bearded = torch.where(many["smile"] > 0.8, 3, many["beard"])
    assert dependence(bearded, many["smile"]) > 30


def test_the_generator_fixes_the_factors():
    state = torch.get_rng_state()
    one, again, other = draw(50), draw(50), draw(50, seed=1)
    for name in faces.FACTORS:
        assert torch.equal(one[name], again[name]) and not torch.equal(one[name], other[name])
    assert torch.equal(state, torch.get_rng_state())


def changed(**values):
    return faces.neutral(2) | values


BAD = {
    "unknown factor": (changed(hat=1), "Unknown factor of faces 'hat'", "Known", "hair"),
    "missing factor": ({"smile": 0.0}, "needs all 19 factors", "missing: skin", "neutral()"),
    "above": (changed(smile=1.5), "smile must lie between -1 and 1", "1.5"),
    "below": (changed(skin=torch.tensor([0.5, -0.1])), "skin", "1 of 2", "-0.1"),
    "NaN": (changed(turn=math.nan), "turn must lie between", "nan"),
    "NaN choice": (changed(hair=math.nan), "hair is a choice"),
    "no such option": (changed(hair=8), "hair must lie between 0 and 7"),
    "half an option": (changed(glasses=0.5), "glasses is a choice", "0 to 1 (no, yes)"),
    "unknown name": (changed(hair="curls"), "option of hair 'curls'", "Did you mean 'curly'"),
    "name of a number": (changed(smile="yes"), "smile is a number from -1 to 1"),
    "lengths": (changed(smile=torch.zeros(3)), "different lengths", "smile 3"),
    "empty": (changed(smile=torch.zeros(0)), "or empty", "smile 0"),
    "unknown name in a list": (changed(hair=["bob", "curls"]), "'curls'", "Did you mean"),
    "names of numbers": (changed(smile=[0.5, "yes"]), "smile is a number", "'yes'"),
    "nothing": (changed(hair=None), "hair must be", "got None"),
    "barely above": (changed(smile=1.0000001), "between -1 and 1", "such as 1.0000001."),
    "matrix": (changed(smile=torch.zeros(2, 2)), "smile", "(2, 2)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_factors_are_refused(case):
    factors, *words = BAD[case]
    with refused(*words):
        faces.render(factors, 16)


@pytest.mark.parametrize("size", [7, 0, -64, 513, 32.5, "64", True])
def test_bad_sizes_are_refused(size):
    with refused("size", "must be a whole number from 8 to 512", str(size)):
        faces.render(faces.neutral(), size)


def test_bad_counts_are_refused():
    for n in (0, 2.5, True):
        with refused("faces", "whole number from 1", f"not {n}"):
            faces.draw_factors(n, torch.Generator())
    for n in (0, 2001, 2.5):
        with refused("faces of test", "from 1 to 2,000", f"not {n}"):
            faces.load("test", n=n)
    with refused("Unknown split 'val'"):
        faces.load("val")


def test_a_factor_knows_its_kind():
    assert Factor("x").kind == "continuous" and faces.FACTORS["glasses"].kind == "choice"


# --- the data set -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("faces")
    return root, data.load("faces-16", "test", root)


def test_the_attributes_are_what_was_drawn(folder):
    found = folder[1]
    assert (len(found), found.shape, found.card.split) == (2000, (3, 16, 16), "test")
    assert list(found.attributes) == list(faces.FACTORS)
    assert torch.equal(found.labels, found.attributes["hair"])
    assert found.card.classes == faces.FACTORS["hair"].options
    assert set(found.attributes["glasses"].tolist()) == {0, 1}
    part = found.subset([5, 1999])
    assert repr(part) == "DataSet faces (test): 2 3×16×16 images, 8 classes"
    assert torch.equal(faces.render(part.attributes, 16), part.images)


def test_faces_are_drawn_once_and_then_mapped(folder, monkeypatch):
    root, first = folder
    assert [path.name for path in root.iterdir()] == ["faces-1-16-test.npy"]
    monkeypatch.setattr(kept, "render", None)
    again = data.load("faces-16", "test", root)
    assert torch.equal(again.images, first.images)
    again.images[0] = 0
    assert torch.equal(data.load("faces-16", "test", root).images, first.images)


def test_the_first_faces_alone_are_the_same_and_cost_no_file(folder, tmp_path):
    few = faces.load("test", tmp_path, size=16, n=30)
    assert torch.equal(few.images, folder[1].images[:30]) and len(few.attributes["skin"]) == 30
    assert not list(tmp_path.iterdir())
    assert torch.equal(faces.load("test", folder[0], size=16, n=30).images, few.images)


def test_train_and_test_differ():
    train, test = (faces.load(split, size=16, n=30) for split in ("train", "test"))
    assert not torch.equal(train.images, test.images)
    assert faces.CARD.counts == {"train": 20_000, "test": 2_000} and data.here("faces")


@pytest.fixture
def few(monkeypatch):
    """A split of 12 faces, so that a test can draw them often."""
    monkeypatch.setitem(faces.CARD.counts, "test", 12)
    return faces.render(draw(12, seed=faces.SEEDS["test"]), 16)


@pytest.mark.parametrize("content", ["cut", "empty", "other shape", "other type", "noise"])
def test_a_damaged_file_is_drawn_anew(few, tmp_path, content):
    path = tmp_path / "faces-1-16-test.npy"
    faces.load("test", tmp_path, 16)
    whole = path.read_bytes()
    if content == "other shape":
        np.save(path, np.zeros((11, 3, 16, 16), np.uint8))
    elif content == "other type":
        np.save(path, np.zeros((12, 3, 16, 16), np.float32))
    else:
        path.write_bytes({"cut": whole[:-1], "empty": b"", "noise": b"x" * len(whole)}[content])
    assert torch.equal(faces.load("test", tmp_path, 16).images, few)
    assert path.read_bytes() == whole


def test_a_drawing_that_is_broken_off_leaves_nothing(few, tmp_path, monkeypatch):
    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kept, "render", broken)
        with pytest.raises(KeyboardInterrupt):
            faces.load("test", tmp_path, 16)
    assert not list(tmp_path.iterdir())
    old, young = (tmp_path / f".faces-1-16-test.npy.{i}.part" for i in "ab")
    for part in (old, young):
        part.write_bytes(b"left by a killed process")
    os.utime(old, (time.time() - 7200,) * 2)
    assert torch.equal(faces.load("test", tmp_path, 16).images, few)
    assert young.exists() and not old.exists()


def test_two_at_once_end_with_one_whole_file(few, tmp_path):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: faces.load("test", tmp_path, 16).images, range(4)))
    assert all(torch.equal(images, few) for images in found)
    assert [path.name for path in tmp_path.iterdir()] == ["faces-1-16-test.npy"]


def test_where_nothing_can_be_kept_faces_are_drawn_in_memory(few, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file in the way")
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    with pytest.warns(UserWarning, match="can't be kept, .* Cannot write in"):
        assert torch.equal(faces.load("test", size=16).images, few)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept.np.lib.format, "write_array_header_1_0", full)
    with pytest.warns(UserWarning, match="can't be kept, .* No space left"):
        assert torch.equal(faces.load("test", tmp_path, 16).images, few)
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_cache_that_is_too_small_is_said_before_the_work(tmp_path, monkeypatch):
    usage = disk.shutil.disk_usage(tmp_path)._replace(free=10_000_000)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(kept, "render", None)
    with refused(
        "20,000 faces at 512×512 takes 15.7 GB", "0.0 GB left", "XDG_CACHE_HOME", "n=1000"
    ):
        data.load("faces-512", root=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["faces-513", "faces-999999999", "faces-7", "faces-9999999999"]
)
def test_absurd_sizes_are_refused(name):
    with pytest.raises(CourseError, match=r"from 8 to 512|Unknown data set"):
        data.load(name)


def test_numpys_sizes_and_counts_are_taken(folder):
    few = faces.load("test", folder[0], size=np.int64(16), n=np.uint8(5))
    assert torch.equal(few.images, folder[1].images[:5])
    for n in (0, 2.5, True):
        with refused("whole number from 1"):
            faces.neutral(n)


def test_a_missing_folder_is_refused(tmp_path):
    with refused("There is no folder", "nowhere", "leave root out"):
        faces.load("test", tmp_path / "nowhere", 16)
