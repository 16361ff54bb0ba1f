"""CelebA as people have it: torchvision's layout, a tar, a zip, Kaggle's, half size, a part.

The images are drawn here: noise under CelebA's names. Person i // 4 is on image i.
"""

import shutil
import sys
import urllib.error
import zipfile

import numpy as np
import pytest
import torch
from material import archived, fetching, names_of, packed, raising, refused
from PIL import Image

from course_lib import data
from course_lib.data import fetch, paths
from course_lib.data.photos import celeba, lists

N, COLUMNS = 80, ("Smiling", "Eyeglasses", "Young")
NAMES = [f"{i:06}" for i in range(1, N + 1)]
SIGNS = np.where(np.random.default_rng(0).random((N, 3)) < 0.5, -1, 1)
PERSONS = [100 + i // 4 for i in range(N)]
PARTS = [0] * 48 + [1] * 12 + [2] * 20


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A machine without CelebA and a cache of this test's own."""
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr(paths, "roots", lambda: [])
    return tmp_path / "cache"


def pixels(name, width=178, height=218):
    generator = np.random.default_rng(int(name))
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def images(folder, names=NAMES, width=178, height=218, ending="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        picture = Image.fromarray(pixels(name, width, height))
        picture.save(folder / f"{name}.{ending}", compress_level=0)


def annotate(folder, names=NAMES):
    """The three lists, in their original form, of those images."""
    chosen = [NAMES.index(name) for name in names]
    rows = [f"{NAMES[i]}.jpg " + "  ".join(f"{v:2}" for v in SIGNS[i]) for i in chosen]
    head = [str(len(chosen)), " ".join(COLUMNS) + " "]
    (folder / "list_attr_celeba.txt").write_text("\n".join(head + rows) + "\n")
    for file, values in (("identity_CelebA", PERSONS), ("list_eval_partition", PARTS)):
        rows = [f"{NAMES[i]}.jpg {values[i]}\n" for i in chosen]
        (folder / f"{file}.txt").write_text("".join(rows))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """torchvision's layout, built once; tests copy what they change."""
    root = tmp_path_factory.mktemp("torchvision")
    images(root / "celeba" / "img_align_celeba")
    annotate(root / "celeba")
    return root


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original / "celeba", tmp_path / "mine")


def both(root, name="celeba-16"):
    return [data.load(name, split, root=root) for split in ("train", "test")]


def stems_of(cache, split):
    return [lists.stem(name) for name in names_of(packed(cache / "packed"), split)]


def persons(dataset):
    return set(dataset.attributes["identity"].tolist())


def assert_right(cache, train, test):
    """Attributes and identities belong to the images, by name."""
    for split, dataset in (("train", train), ("test", test)):
        names = stems_of(cache, split)
        rows = [NAMES.index(name) for name in names]
        assert dataset.card.split == split and len(dataset) == len(names) > 0
        for k, column in enumerate(COLUMNS):
            found = dataset.attributes[column]
            assert found.dtype == torch.int64
            assert found.tolist() == (SIGNS[rows, k] > 0).astype(int).tolist()
        assert dataset.attributes["identity"].tolist() == [PERSONS[row] for row in rows]
    assert not persons(train) & persons(test)


# --- what people have ---------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "celeba", "celeba/img_align_celeba"])
def test_torchvisions_layout_with_its_official_partition(original, cache, below):
    train, test = both(original / below)
    assert_right(cache, train, test)
    assert stems_of(cache, "train") == NAMES[:48] and stems_of(cache, "test") == NAMES[60:]
    assert "validation part, 12 images, is in neither" in str(train.card)
    assert train.card.counts == {"train": 48, "test": 20} and train.labels is None


def test_the_papers_crop_is_kept(original, cache):
    """Rows 40:188 and columns 15:163 of 178×218; at side 148 nothing is scaled."""
    train = data.load("celeba-148", root=original)
    for name, found in zip(NAMES[:48], train.images.numpy(), strict=True):
        np.testing.assert_array_equal(found, pixels(name)[40:188, 15:163].transpose(2, 0, 1))
    assert data.load("celeba", root=original).shape == (3, 64, 64)


@pytest.mark.parametrize(("width", "height"), [(89, 109), (356, 436), (45, 55), (178, 218)])
def test_the_crop_scales_with_the_copy(width, height):
    left, top, right, bottom = celeba.face(width, height)
    np.testing.assert_allclose((left * 178 / width, right * 178 / width), (15, 163))
    np.testing.assert_allclose((top * 218 / height, bottom * 218 / height), (40, 188))


def test_a_half_size_copy_shows_the_same_part(tmp_path):
    """A marked face fills the square at either size: no border, no loss."""
    folder = tmp_path / "half" / "img_align_celeba"
    folder.mkdir(parents=True)
    whole = np.zeros((218, 178, 3), np.uint8)
    whole[40:188, 15:163] = 200
    for name in NAMES[:20]:
        half = Image.fromarray(whole).resize((89, 109), Image.Resampling.BOX)
        half.save(folder / f"{name}.jpg", quality=98)
    annotate(tmp_path / "half", NAMES[:20])
    train = data.load("celeba-32", root=tmp_path / "half")
    assert train.images[:, :, 1:-1, 1:-1].min() > 190
    assert train.images.float().mean() > 195


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_gives_what_the_folder_gives(original, tmp_path, kind):
    path = archived(original / "celeba", tmp_path / f"mine.{kind}")
    for split in ("train", "test"):
        a, b = (data.load("celeba-16", split, root=root) for root in (original, path))
        assert torch.equal(a.images, b.images)
        assert a.attributes.keys() == b.attributes.keys()
        assert all(torch.equal(a.attributes[k], b.attributes[k]) for k in a.attributes)


def test_the_zip_as_it_is_distributed_needs_no_unpacking(
    original, tmp_path, cache, monkeypatch
):
    place = tmp_path / "data" / "celeba"
    place.mkdir(parents=True)
    inside = "img_align_celeba"
    archived(original / "celeba" / inside, place / f"{inside}.zip", f"{inside}/")
    annotate(place)
    monkeypatch.setattr(paths, "roots", lambda: [tmp_path / "data"])
    assert data.here("celeba")
    assert_right(cache, *both(None))


@pytest.mark.parametrize("unpacked", [0, 30, N])
def test_the_zip_is_taken_where_its_extraction_stopped(copy, cache, unpacked):
    folder = copy / "img_align_celeba"
    archived(folder, copy / "img_align_celeba.zip", "img_align_celeba/")
    for file in sorted(folder.iterdir())[unpacked:]:
        file.unlink()
    train, test = both(copy)
    assert_right(cache, train, test)
    assert (len(train), len(test)) == (48, 20)
    assert (".zip." in str(train.card)) == (unpacked < N)


def test_a_damaged_zip_beside_the_images_is_not_needed(copy):
    (copy / "img_align_celeba.zip").write_bytes(b"PK and then nothing")
    assert len(data.load("celeba-16", root=copy)) == 48


def test_kaggles_copy_is_read(original, tmp_path, cache):
    inner = tmp_path / "archive" / "img_align_celeba" / "img_align_celeba"
    shutil.copytree(original / "celeba" / "img_align_celeba", inner)
    rows = [f"{n}.jpg,{','.join(map(str, s))}" for n, s in zip(NAMES, SIGNS, strict=True)]
    head = "image_id," + ",".join(COLUMNS)
    (tmp_path / "archive" / "list_attr_celeba.csv").write_text("\n".join([head, *rows]))
    rows = [f"{n}.jpg,{p}" for n, p in zip(NAMES, PARTS, strict=True)]
    (tmp_path / "archive" / "list_eval_partition.csv").write_text(
        "\n".join(["image_id,partition", *rows])
    )
    with pytest.warns(UserWarning, match="celeba from"):
        train, test = both(tmp_path / "archive")
    assert (len(train), len(test)) == (48, 20) and list(train.attributes) == list(COLUMNS)
    assert train.attributes["Young"].tolist() == (SIGNS[:48, 2] > 0).astype(int).tolist()


def test_a_part_of_the_training_images_is_split_by_person(original, tmp_path, cache):
    """The official partition calls all of them training images."""
    folder = tmp_path / "part" / "img_align_celeba"
    folder.mkdir(parents=True)
    for name in NAMES[:48]:
        shutil.copy(original / f"celeba/img_align_celeba/{name}.png", folder)
    annotate(tmp_path / "part", NAMES[:48])
    train, test = both(tmp_path / "part")
    assert_right(cache, train, test)
    assert len(train) + len(test) == 48 and "Split by identity" in str(train.card)


def test_a_partition_that_leaves_images_out_does_not_apply(copy, cache):
    lines = (copy / "list_eval_partition.txt").read_text().splitlines()
    (copy / "list_eval_partition.txt").write_text("\n".join(lines[:-5]))
    train, test = both(copy)
    assert_right(cache, train, test)
    assert len(train) + len(test) == N and "Split by identity" in str(train.card)


def test_lists_may_hold_more_than_the_images(copy, cache):
    for name in NAMES[::3]:
        (copy / "img_align_celeba" / f"{name}.png").unlink()
    train, test = both(copy)
    assert_right(cache, train, test)
    assert stems_of(cache, "train") == [n for n in NAMES[:48] if n not in NAMES[::3]]


# --- what is missing or damaged -----------------------------------------------------------


def test_without_the_attributes_the_images_remain(copy):
    (copy / "list_attr_celeba.txt").unlink()
    with pytest.warns(UserWarning, match=r"No attributes: list_attr_celeba.txt is not there"):
        train, test = both(copy)
    assert list(train.attributes) == ["identity"] and (len(train), len(test)) == (48, 20)
    assert "No attributes" in str(train.card)


def test_without_identities_and_partition_names_decide_and_it_is_said(copy, cache):
    (copy / "identity_CelebA.txt").unlink()
    (copy / "list_eval_partition.txt").unlink()
    with pytest.warns(UserWarning, match="identity_CelebA.txt is not there, so a person may"):
        train, test = both(copy)
    assert len(train) + len(test) == N and 0 < len(test) < 20
    assert list(train.attributes) == list(COLUMNS)
    once = stems_of(cache, "test")
    shutil.rmtree(cache)
    with pytest.warns(UserWarning):
        both(copy)
    assert stems_of(cache, "test") == once


def test_images_without_a_row_are_left_out_and_listed(copy):
    lines = (copy / "list_attr_celeba.txt").read_text().splitlines()
    lines = ["78", *lines[1:2], *lines[4:]]  # without the rows of the first two
    (copy / "list_attr_celeba.txt").write_text("\n".join(lines))
    with pytest.warns(
        UserWarning, match="left out: 2 of 68: 000001.png: no row in list_attr_celeba.txt"
    ):
        train, _ = both(copy)
    assert len(train) == 46


LISTS = {  # file -> what is done to its text, what is said
    "list_attr_celeba.txt": [
        (lambda t: t[: len(t) // 2], "promises 80 rows", "cut off"),
        (lambda t: "", "no rows"),
        (lambda t: t.replace(" 1", " one", 1), "'one'", "row 0"),
        (lambda t: "<html>\n<p>Too many users", "another file"),
        (lambda t: "80\n" + t.split("\n", 2)[2], "a name for each", "none"),
        (lambda t: t.replace("Young", "Smiling"), "occurs twice", "Smiling"),
        (lambda t: t.replace("Young", "identity"), "“identity”"),
        (lambda t: t.replace(" 1", f" {2**63}", 1), str(2**63)),
        (lambda t: "1" + "0" * 5000 + t[2:], "promises 1000", "it has 80"),
    ],
    "identity_CelebA.txt": [
        (lambda t: "image_id\n000001.jpg\n", "row 1 has no numbers"),
        (lambda t: "image_id a b\n" + t, "2 names for 1 numbers"),
        (lambda t: t[:-5], "damaged", "row 80", "no numbers"),
    ],
    "list_eval_partition.txt": [(lambda t: t + "000081.jpg 0 0\n", "from 1 to 2 at row 81")],
}


@pytest.mark.parametrize(
    ("file", "case"), [(f, c) for f, cases in LISTS.items() for c in cases]
)
def test_damaged_lists_are_refused(copy, file, case):
    change, *words = case
    (copy / file).write_text(change((copy / file).read_text()))
    with refused(file, *words):
        data.load("celeba-16", root=copy)


def test_a_list_that_no_memory_holds_is_refused(copy):
    with (copy / "identity_CelebA.txt").open("wb") as file:
        file.truncate(10 * 2**30)
    with refused("identity_CelebA.txt", "damaged", "10,737 MB"):
        data.load("celeba-16", root=copy)


def flip(path, name, at):
    """Change a bit of a member of a zip, so many bytes behind its header's start."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        content[file.getinfo(name).header_offset + at] ^= 1
    path.write_bytes(content)


def test_a_damaged_list_in_a_zip_is_refused(original, tmp_path):
    path = archived(original / "celeba", tmp_path / "mine.zip")
    flip(path, "identity_CelebA.txt", 200)
    with refused("identity_CelebA.txt", "damaged", "Bad CRC-32"):
        data.load("celeba-16", root=path)


@pytest.mark.parametrize("column", ["file", "labels", "args", "self", "../x", "Ä"])
def test_attributes_may_have_any_name(copy, cache, column):
    path = copy / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("Young", column), "utf-8")
    train = data.load("celeba-16", root=copy)
    assert list(train.attributes) == ["Smiling", "Eyeglasses", column, "identity"]
    assert train.attributes[column].tolist() == (SIGNS[:48, 2] > 0).astype(int).tolist()
    assert train.labels is None


def test_a_truncated_image_is_left_out_and_listed(copy):
    path = copy / "img_align_celeba" / "000005.png"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.warns(UserWarning, match=r"left out: 1 of 68: 000005.png: .*truncated"):
        train, _ = both(copy)
    assert len(train) == 47 and "Files left out: 1" in str(train.card)


def test_images_that_are_not_aligned_are_refused(tmp_path):
    images(tmp_path / "mine", NAMES[:12], 64, 64)
    annotate(tmp_path / "mine", NAMES[:12])
    with refused("holds 0 images", "64×64 pixels have not the proportions", "178×218"):
        data.load("celeba", root=tmp_path / "mine")


def test_a_page_saved_as_the_zip_is_refused(tmp_path):
    (tmp_path / "img_align_celeba.zip").write_bytes(b"<!DOCTYPE html>Quota exceeded")
    with refused("img_align_celeba.zip", "no intact zip", "web page", "Fetch it again"):
        data.load("celeba", root=tmp_path)


def test_a_damaged_image_in_a_zip_is_listed(original, tmp_path):
    path = archived(original / "celeba", tmp_path / "mine.zip")
    flip(path, "img_align_celeba/000003.png", 60_000)
    with pytest.warns(UserWarning, match=r"000003.png: Bad CRC-32"):
        assert len(data.load("celeba-16", root=path)) == 47


def test_several_archives_are_not_guessed_between(original, tmp_path):
    for name in ("celeba-a.zip", "celeba-b.zip"):
        (tmp_path / name).touch()
    with refused("several archives", "celeba-a.zip, celeba-b.zip"):
        data.load("celeba", root=tmp_path)


def test_a_folder_without_images_says_what_to_put_there(tmp_path):
    with refused("no images of CelebA", "img_align_celeba.zip", "identity_CelebA.txt"):
        data.load("celeba", root=tmp_path)
    with refused("There is no", "nowhere"):
        data.load("celeba", root=tmp_path / "nowhere")
    assert not data.here("celeba")


# --- the download -------------------------------------------------------------------------


def test_no_network_says_what_to_fetch_and_where_to_put_it(monkeypatch, cache):
    blocked = raising(urllib.error.URLError("Name or service not known"))
    monkeypatch.setattr(fetch.urllib.request, "urlopen", blocked)
    place = str(cache / "celeba")
    with refused("cannot be downloaded", "img_align_celeba.zip", place, "faces"):
        data.load("celeba")


def test_a_spent_quota_says_what_to_do(monkeypatch, cache):
    class FileURLRetrievalError(Exception):
        """gdown's own kind, no OSError."""

    fetching(
        monkeypatch, "CelebA", raising(FileURLRetrievalError("Too many users have viewed"))
    )
    with refused("broke off (Too many users", "Fetch img_align_celeba.zip", str(cache)):
        data.load("celeba")


def test_torchvision_without_its_downloader_says_so(monkeypatch):
    monkeypatch.setattr(fetch, "_answers", lambda urls: True)
    monkeypatch.setitem(sys.modules, "gdown", None)
    with refused("broke off", "gdown", "Fetch img_align_celeba.zip"):
        data.load("celeba")


def test_a_download_is_used_and_found_again(monkeypatch, original, cache):
    copy = lambda root: shutil.copytree(original / "celeba", f"{root}/celeba")
    fetching(monkeypatch, "CelebA", copy)
    assert_right(cache, *both(None))
    assert data.here("celeba")


def test_a_download_without_images_is_said(monkeypatch):
    fetching(monkeypatch, "CelebA", lambda root: None)
    with refused("brought nothing", "Fetch"):
        data.load("celeba")
