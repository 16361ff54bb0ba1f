"""Data sets: what they hold, what they refuse and what they say then; the embedded digits."""

import shutil

import numpy as np
import pytest
import torch
from material import refused

from course_lib import data, disk, evaluation, zoo
from course_lib.data import DataSet, digits, paths
from course_lib.errors import CourseError


def images(n=6, shape=(1, 4, 4), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)


@pytest.fixture
def small():
    labels = torch.arange(6) % 3
    return DataSet(images(), labels, {"index": torch.arange(10, 16)})


# --- the object ---------------------------------------------------------------------------


def test_a_data_set_knows_its_shape_and_length(small):
    assert (len(small), small.shape) == (6, (1, 4, 4))
    image, label = small[4]
    assert torch.equal(image, small.images[4]) and label == 1
    assert len(list(small)) == 6


def test_a_subset_takes_images_labels_and_attributes_alike(small):
    for chosen in (
        torch.tensor([4, 1]),
        np.array([4, 1], dtype=np.uint8),
        [4, 1],
        torch.tensor([-2, 1]),
    ):
        part = small.subset(chosen)
        assert torch.equal(part.images, small.images[[4, 1]])
        assert part.labels.tolist() == [1, 1]
        assert part.attributes["index"].tolist() == [14, 11]
    assert len(small.subset(small.labels == 2)) == 2
    backwards = small.subset(slice(4, None, -3))
    assert backwards.labels.tolist() == [1, 1] and torch.equal(backwards.images, part.images)
    assert torch.equal(small.take(np.int64(2)).images, small.subset(slice(2)).images)


@pytest.mark.parametrize("chosen", [slice(1, 5, 2), [1, 3], range(1, 5, 2), np.array([1, 3])])
def test_a_subset_as_good_as_a_slice_shares_memory(small, chosen):
    """Half of a set of photographs would be half a gigabyte."""
    part = small.subset(chosen)
    assert torch.equal(part.images, small.images[[1, 3]])
    assert part.images.data_ptr() == small.images[1].data_ptr()
    assert part.labels.tolist() == [1, 0] and part.attributes["index"].tolist() == [11, 13]


@pytest.mark.parametrize("chosen", [[3, 1], [1, 2, 4], [1, 1], [-2, -1], [4]])
def test_any_other_subset_is_a_copy(small, chosen):
    part = small.subset(chosen)
    assert torch.equal(part.images, small.images[chosen])
    part.images.zero_()
    assert small.images[1:].flatten(1).any(1).all()


NATIVE = (images(4), torch.tensor([0, 2, 1, 2]), {"a": torch.tensor([1, 0, 3, 2])})


@pytest.mark.parametrize("kind", [">i4", ">i8", "<u2", "u1", "u4", ">u8", "i1"])
def test_whole_numbers_of_every_kind_are_taken(kind):
    labels, values = (array.numpy().astype(kind) for array in (NATIVE[1], NATIVE[2]["a"]))
    made = DataSet(NATIVE[0].numpy()[::-1], labels[::-1], {"a": values[::-1]})
    assert torch.equal(made.images, NATIVE[0].flip(0)) and made.labels.dtype == torch.int64
    assert made.labels.tolist() == [2, 1, 2, 0] and made.attributes["a"].tolist() == [
        2,
        3,
        0,
        1,
    ]
    assert (made.attributes["a"] > 1).tolist() == [True, True, False, False]
    chosen = np.array([3, 0]).astype(kind)
    assert made.subset(chosen).labels.tolist() == [0, 2]
    assert made.batch(chosen).labels.tolist() == [0, 2]


def test_points_of_another_byte_order_are_taken():
    points = np.array([[1, 2], [3, 4]], dtype=">f4")
    assert DataSet(points).images.tolist() == [[1, 2], [3, 4]]


def test_a_batch_is_float_in_0_to_1_and_a_copy(small):
    batch = small.batch(torch.tensor([5, 0]))
    assert batch.x.dtype == torch.float32 and batch.labels.tolist() == [2, 0]
    assert torch.equal((batch.x * 255).round().byte(), small.images[[5, 0]])
    x, labels = small.batch()
    assert x.shape == (6, 1, 4, 4) and torch.equal(labels, small.labels)
    points = DataSet(torch.ones(3, 2))
    points.batch(slice(2)).x.zero_()
    points.batch().x.zero_()
    assert points.images.min() == 1


def test_every_grey_level_stays_within_0_and_1_and_comes_back():
    levels = torch.arange(256).byte().view(256, 1, 1, 1)
    x = DataSet(levels).batch().x
    assert x.min() == 0 and x.max() == 1
    assert torch.equal((x * 255).round().byte(), levels)


def test_a_memory_mapped_file_is_taken_without_a_warning(tmp_path, recwarn):
    np.save(tmp_path / "images.npy", images().numpy())
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert torch.equal(DataSet(mapped).batch([1]).x, DataSet(images()).batch([1]).x)
    assert not recwarn.list


def test_a_data_set_shows_itself(small):
    assert repr(small) == "DataSet unnamed: 6 1×4×4 images, 3 classes"
    html = small._repr_html_()
    assert "alt='the first 6 images'" in html and len(html) < 20_000
    colour = DataSet(images(25, (3, 64, 64)))
    assert "data:image/png" in colour._repr_html_()
    assert "<svg" in DataSet(torch.zeros(1, 2))._repr_html_()


# --- what it refuses ----------------------------------------------------------------------

POINTS = torch.zeros(4, 2)
BAD = {
    "floats in [0, 1]": ((images() / 255,), "8-bit", "(x * 255).round()"),
    "floats in [-1, 1]": ((images() / 127.5 - 1,), "8-bit", "(x + 1) * 127.5"),
    "floats in [0, 255]": ((images().float(),), "8-bit", "Scale them to 0 to 255"),
    "NaN images": ((torch.full((2, 1, 4, 4), torch.nan),), "NaN or infinite"),
    "wide integers": ((images().long(),), "8-bit", "torch.int64", ".to(torch.uint8)"),
    "no channel": ((images()[:, 0],), "channel axis", "(6, 4, 4)", ".unsqueeze(1)"),
    "channels last": ((images(2, (4, 4, 3)),), "1 channel", ".permute(0, 3, 1, 2)"),
    "flat": ((images().flatten(1),), "images uint8 (N, C, H, W)", "(6, 16)"),
    "no images": ((images(0),), "no images", "(0, 1, 4, 4)"),
    "a list": (([[0, 1]],), "not list", "torch.as_tensor"),
    "text labels": ((images(2), np.array(["a", "b"])), "labels must be numbers", "np.unique"),
    "few labels": ((images(), torch.arange(5)), "6 images", "5 values of labels"),
    "one-hot labels": ((images(), torch.eye(6)), "whole numbers", ".argmax(1)"),
    "negative labels": ((images(), torch.arange(6) - 1), "from 0", "-1"),
    "few attributes": ((images(), None, {"hat": torch.ones(2)}), "2 values of hat"),
    "one attribute for all": ((images(), None, {"hat": torch.tensor(1)}), "hat", "got ()"),
    "rows of attributes": (
        (images(), None, {"hat": torch.ones(6, 2)}),
        "hat",
        "(N,)",
        "(6, 2)",
    ),
    "NaN attributes": (
        (images(), None, {"hat": torch.tensor([0, 1, torch.nan, torch.inf, 0, 0])}),
        "2 of 6 values of hat",
        "NaN or infinite",
    ),
    "a masked array": ((np.ma.zeros((2, 1, 4, 4), np.uint8),), "MaskedArray", ".filled("),
    "dates": ((images(2), np.zeros(2, "M8[s]")), "labels must be numbers"),
    "labels beyond int64": ((images(2), np.full(2, 2**63, np.uint64)), "count classes from 0"),
    "NaN points": ((POINTS.index_fill(0, torch.tensor([1]), torch.nan),), "1 of 4 points"),
    "no points": ((POINTS[:0],), "no points"),
    "double points": ((POINTS.double(),), "float32", "torch.float64", ".float()"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused_with_what_to_do(case):
    arguments, *words = BAD[case]
    with refused(*words):
        DataSet(*arguments)


def test_bad_selections_are_refused(small):
    text, mixed = np.array(["a"]), [None, 1]
    half = slice(0.5)
    for wrong in ([6], [-7], torch.ones(5, dtype=torch.bool), [0.5], text, mixed, ["a"], half):
        with pytest.raises(CourseError, match=r"Cannot select from 6.*0 to 5|must be numbers"):
            small.batch(wrong)
    with refused("no images"):
        small.subset([])
    for n in (0, 7, 2.0):
        with refused("take", "whole number", "1 to 6", f"not {n}"):
            small.take(n)


def test_unknown_names_come_with_the_nearest_known_one():
    with refused("Unknown data set 'digit'", "Did you mean 'digits'?", "mnist"):
        data.load("digit")
    with refused("Unknown data set 'fashon'", "Did you mean 'fashion'?"):
        data.here("fashon")
    with refused("Unknown split 'tests'", "Did you mean 'test'?"):
        data.load("digits", split="tests")


# --- the digits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "n", "whole"), [("train", 10_000, 60_000), ("test", 2_000, 10_000)]
)
def test_the_digits_are_a_stratified_sample(split, n, whole):
    found = data.load("digits", split)
    assert (len(found), found.shape) == (n, (1, 28, 28))
    mnist = {  # how often each digit occurs in MNIST
        "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    }
    counts = torch.tensor(mnist[split])
    assert counts.sum() == whole
    assert (found.labels.bincount() - counts * n / whole).abs().max() <= 1
    index = found.attributes["index"]
    assert len(index.unique()) == n and index.max() < whole
    assert found.card.split == split and "CC BY-SA 3.0" in str(found.card)
    # Mean ink and its spread, as published for MNIST: .1307 and .3081.
    x = found.batch().x
    assert abs(x.mean() - 0.1307) < 0.003 and abs(x.std() - 0.3081) < 0.003


def test_the_first_digits_are_a_fair_sample_too():
    counts = data.load("digits").take(1000).labels.bincount(minlength=10)
    assert counts.min() > 70 and counts.max() < 135


def test_damaged_digits_are_noticed(tmp_path):
    path = tmp_path / digits.FILE
    shutil.copy(paths.find(digits.FILE), path)
    content = bytearray(path.read_bytes())
    content[1_000_000] ^= 1
    path.write_bytes(content)
    with refused(str(path), "damaged", "git checkout"):
        data.load("digits", root=tmp_path)
    path.write_bytes(content[:5000])
    with refused("damaged", "5,000 bytes"):
        data.load("digits", root=tmp_path)


def test_missing_digits_are_named(tmp_path):
    with refused(str(tmp_path / digits.FILE), "cannot be read", "leave root out"):
        data.load("digits", root=tmp_path)


def test_every_data_set_has_a_card():
    assert list(data.cards()) == data.names()
    for name, card in data.cards().items():
        assert card.name == name and card.licence and card.source
        assert card.counts or name == "folder"  # whose images are counted when loaded
        assert name in str(card)


# --- where data lie -----------------------------------------------------------------------


def test_a_chosen_folder_comes_first_and_hides_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert paths.data_root() == tmp_path == paths.download_root()
    assert len(data.load("digits", "test")) == 2000
    assert zoo.names() and zoo.load("flow-ring").shape == (2,)
    assert evaluation.digit_classifier()(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_a_chosen_folder_that_is_missing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with refused("no folder", "COURSE_DATA", "unset COURSE_DATA"):
        paths.data_root()


def test_an_installed_package_finds_its_own_copy(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "course_lib"
    (package / "_data").mkdir(parents=True)
    (package / "_data" / paths.MARKER).touch()
    monkeypatch.setattr(paths, "PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    assert paths.data_root() == package / "_data"


def test_no_data_anywhere_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "course_lib")
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    with refused("data folder was not found", "set COURSE_DATA"):
        data.load("digits")


def test_a_missing_file_lists_the_places():
    with refused("checkpoints/none is missing", "Looked at", "git checkout"):
        paths.find("checkpoints/none")


def test_an_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with refused("Cannot write in", "yours to write"):
        disk.writable(tmp_path / "file" / "below")
    assert disk.writable(tmp_path / "new" / "folder").is_dir()


@pytest.fixture
def homeless(monkeypatch):
    """A user whom nobody knows, as in some containers, and no word of a cache."""

    def unknown(_):
        raise RuntimeError("Could not determine home directory.")

    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(paths.Path, "home", classmethod(unknown))


def test_without_a_home_what_needs_no_cache_is_found(homeless):
    assert len(data.load("digits", "test")) == 2000 and len(data.load("moons")) == 10_000
    assert paths.find(digits.FILE).is_file() and paths.places()
    assert not data.here("celeba")
    assert len(data.faces.load("test", size=8, n=3)) == 3


def test_without_a_home_what_needs_a_cache_says_so(homeless, tmp_path):
    for name in ("X", "Y"):
        (tmp_path / f"{name}.png").touch()
    with refused("home folder isn't known", "XDG_CACHE_HOME"):
        data.load("folder", root=tmp_path)
    with refused("home folder isn't known", "XDG_CACHE_HOME"):
        paths.download_root()


def test_in_a_folder_that_is_gone_what_lies_elsewhere_is_found(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert len(data.load("digits", "test")) == 2000
    for needs_it in (paths.runs_root, lambda: data.load("folder:pictures")):
        with refused("folder in which this kernel was started is gone", "restart"):
            needs_it()


@pytest.mark.parametrize(
    "root", ["x" * 300, "/" + "y/" * 3000, "~nobody-here/x", "a\0b", 5, b"bytes"]
)
@pytest.mark.parametrize("name", ["digits", "mnist", "celeba", "folder", "faces"])
def test_what_is_no_path_is_refused(name, root):
    with refused("can't be used as a path"):
        data.load(name, root=root)


# --- torch's defaults ---------------------------------------------------------------------


def everything(folder):
    """Something of all that the course makes, as tensors."""
    for name in ("digits", "mnist", *data.toy.KINDS):
        if name != "mnist" or data.here("mnist"):
            few = data.load(name, "test").subset([5, 3, 4])
            yield from (few.images, few.labels, *few.batch([0, 2]))
    for name in data.toy.KINDS:
        toy = data.toy.make(name)
        points = toy.sample(20, torch.Generator().manual_seed(1))
        yield from (points, toy.log_density(points))
    found = data.toy.Ring().covered(data.toy.Ring().data_set(100).images)
    yield torch.tensor(found, dtype=torch.float64, device="cpu")
    factors = data.faces.draw_factors(30, torch.Generator().manual_seed(0))
    yield from (*factors.values(), *data.faces.neutral().values())
    yield data.faces.render(factors, 32)
    yield data.faces.render(data.faces.neutral() | {"smile": [0.5, -1], "hair": "bob"}, 32)
    yield data.faces.load("test", folder, size=8, n=2).images
    yield data.order(10, 1, 2)
    yield torch.frombuffer(bytearray(data.load("digits").digest().encode()), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (
            lambda: torch.set_default_dtype(torch.float64),
            lambda: torch.set_default_dtype(torch.float32),
        ),
        (lambda: torch.set_default_device("meta"), lambda: torch.set_default_device(None)),
    ],
    ids=["float64", "another device"],
)
def test_torchs_defaults_change_nothing(change, back, tmp_path):
    """ "meta" stands for a graphics card: what lands there by itself has no values."""
    usual = list(everything(tmp_path))
    change()
    try:
        changed = list(everything(tmp_path))
        html = data.load("digits").take(3)._repr_html_()
    finally:
        back()
    assert len(usual) == len(changed) and "data:image/png" in html
    for one, other in zip(usual, changed, strict=True):
        assert one.dtype == other.dtype and one.device == other.device
        assert torch.equal(one, other)


# --- order and pixels ---------------------------------------------------------------------


def test_the_order_is_a_permutation_that_seed_and_epoch_fix():
    state = torch.get_rng_state()
    first = data.order(1000, seed=1, epoch=2)
    assert torch.equal(first.sort().values, torch.arange(1000))
    assert torch.equal(first, data.order(1000, seed=1, epoch=2))
    for other in (data.order(1000, 1, 3), data.order(1000, 2, 1), data.order(1000, -1, 2)):
        assert (first == other).sum() < 10
    assert torch.equal(state, torch.get_rng_state())


def test_binarised_pixels_are_bernoulli():
    generator = torch.Generator().manual_seed(0)
    p = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    x = data.binarise(p.expand(100_000, 5), generator)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    error = (p * (1 - p) / 100_000).sqrt()
    assert ((x.mean(0) - p).abs() <= 5 * error).all()
    again = torch.Generator().manual_seed(0)
    assert torch.equal(x, data.binarise(p.expand(100_000, 5), again))


def test_binarise_refuses_what_is_no_probability():
    with refused("Expected floats", "torch.uint8"):
        data.binarise(images())
    with refused("[0, 1]", "-1 to 1", "(x + 1) / 2"):
        data.binarise(torch.tensor([-1.0, 1.0]))
    with refused("[0, 1]", "nan"):
        data.binarise(torch.tensor([torch.nan, 1.0]))


def test_dequantised_pixels_fill_their_whole_interval():
    """Half-width noise and (x / 255 + u) / 256, both found in public code, must fail this."""
    levels = torch.arange(256).byte().repeat(2000, 1)

    def fills(noisy):
        place = noisy.double() * 256 - levels  # uniform in [0, 1) if and only if it is right
        inside = place.min() >= 0 and place.max() < 1 and noisy.max() < 1
        n = place.numel()
        mean, second = place.mean() - 1 / 2, place.square().mean() - 1 / 3
        return bool(inside and abs(mean) < 5 * (1 / 12 / n) ** 0.5 and abs(second) < 0.005)

    generator = torch.Generator().manual_seed(0)
    noisy = data.dequantise(levels, generator)
    assert noisy.dtype == torch.float32 and fills(noisy)
    assert torch.equal((noisy * 256).floor().byte(), levels)
    u = torch.rand(levels.shape, generator=generator)
    assert not fills((levels + u / 2) / 256)
    assert not fills((levels / 255 + u) / 256)
    assert not fills((levels + u - 0.5) / 256)


def test_dequantise_refuses_floats():
    with refused("8-bit", "torch.float32", "DataSet.images"):
        data.dequantise(torch.rand(2, 2))


def test_the_readme_states_the_checksum_and_the_licence(root):
    readme = (root / "data" / "README.md").read_text(encoding="utf-8")
    assert digits.SHA256 in readme and digits.CARD.licence in readme
