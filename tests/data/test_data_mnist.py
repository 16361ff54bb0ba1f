"""MNIST and its kin from a learner's folder, and what is said where they cannot be had."""

import gzip
import hashlib
import importlib
import re
import struct
import sys
import time
import urllib.error
from dataclasses import replace

import numpy as np
import pytest

from course_lib import data
from course_lib.data import fetch, mnist, paths
from course_lib.errors import CourseError

NAMES = {
    f"{part}-{kind}": f"{part}-{kind}-idx{axes}-ubyte"
    for part in ("train", "t10k")
    for kind, axes in (("images", 3), ("labels", 1))
}


def refused(*words):
    return pytest.raises(CourseError, match="(?s:.*)".join(map(re.escape, words)))


def packed_idx(array):
    return struct.pack(f">4B{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="module")
def contents():
    """Four small idx files, unpacked, by "part-kind"."""
    rng = np.random.default_rng(0)
    found = {}
    for part, n in (("train", 20), ("t10k", 10)):
        pixels = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        found[f"{part}-images"] = packed_idx(pixels)
        found[f"{part}-labels"] = packed_idx(np.arange(n, dtype=np.uint8) % 10)
    return found


@pytest.fixture
def published(contents):
    """MNIST, but of these files."""
    md5 = {which: hashlib.md5(content).hexdigest() for which, content in contents.items()}
    card = replace(mnist.MNIST.card, counts={"train": 20, "test": 10})
    return replace(mnist.MNIST, md5=md5, card=card)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A machine without MNIST: an empty cache, nothing from the system."""
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr(mnist, "SYSTEM", ())
    return tmp_path / "cache"


def write(folder, contents, ending="", dot=False):
    folder.mkdir(parents=True, exist_ok=True)
    for which, content in contents.items():
        name = NAMES[which].replace("-idx", ".idx") if dot else NAMES[which]
        packed = gzip.compress(content) if ending else content
        (folder / (name + ending)).write_bytes(packed)


@pytest.mark.parametrize("below", ["", "MNIST/raw", "mnist"])
@pytest.mark.parametrize(("ending", "dot"), [("", False), (".gz", False), ("", True)])
def test_files_are_found_as_others_keep_them(tmp_path, published, contents, below, ending, dot):
    write(tmp_path / below, contents, ending, dot)
    for split, n in (("train", 20), ("test", 10)):
        found = mnist.load(published, split, tmp_path)
        assert (len(found), found.shape, found.card.split) == (n, (1, 28, 28), split)
        assert found.labels.tolist() == [i % 10 for i in range(n)]
        part = mnist.PARTS[split]
        assert found.images.numpy().tobytes() == contents[f"{part}-images"][16:]
    assert mnist.here(published, tmp_path)


def test_the_systems_copy_is_found(tmp_path, monkeypatch, contents, alone):
    write(tmp_path / "datasets" / "fashion-mnist", contents, ".gz")
    monkeypatch.setattr(mnist, "SYSTEM", (tmp_path / "datasets",))
    assert data.here("fashion") and not data.here("mnist")


def test_a_missing_folder_is_refused(tmp_path):
    with refused("no folder", "nowhere", "Correct root"):
        data.load("mnist", root=tmp_path / "nowhere")


def test_an_empty_folder_says_what_to_put_there(tmp_path):
    with refused("mnist is not in", "train-images-idx3-ubyte.gz", str(tmp_path / "MNIST/raw")):
        data.load("mnist", root=tmp_path)


def test_images_without_labels_are_named(tmp_path, published, contents):
    write(tmp_path, {"train-images": contents["train-images"]})
    with refused("train-images-idx3-ubyte is there, the labels are not"):
        mnist.load(published, "train", tmp_path)


def test_a_truncated_gz_file_is_an_interrupted_download(tmp_path, published, contents):
    write(tmp_path, contents, ".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:3000])
    with refused(str(path), "ends too early (3,000 bytes)", "interrupted", "Delete it"):
        mnist.load(published, "train", tmp_path)
    assert len(mnist.load(published, "test", tmp_path)) == 10


def test_a_web_page_saved_as_gz_is_refused(tmp_path, published, contents):
    write(tmp_path, contents, ".gz")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>404 Not Found</html>")
    with refused("t10k-labels-idx1-ubyte.gz", "no intact gzip file", "web page"):
        mnist.load(published, "test", tmp_path)


def test_a_flipped_byte_in_a_gz_file_is_noticed(tmp_path, published, contents):
    write(tmp_path, contents, ".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)
    with refused(str(path), "Delete it and fetch it again"):
        mnist.load(published, "train", tmp_path)


def test_a_flipped_byte_in_an_unpacked_file_is_noticed(tmp_path, published, contents):
    wrong = bytearray(contents["train-images"])
    wrong[5000] ^= 1
    write(tmp_path, contents | {"train-images": bytes(wrong)})
    with refused("damaged or another file", published.md5["train-images"], "Delete it"):
        mnist.load(published, "train", tmp_path)


def test_another_file_of_the_set_or_of_none_is_refused(tmp_path, published, contents):
    write(tmp_path, contents | {"train-images": b"\x89PNG" + contents["train-images"][4:]})
    with refused("damaged or another file", published.md5["train-images"]):
        mnist.load(published, "train", tmp_path)
    write(tmp_path, contents | {"train-images": contents["train-labels"]})
    with refused("train-images", "should unpack to", "holds 28", "another file"):
        mnist.load(published, "train", tmp_path)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_no_more_is_unpacked_than_a_file_should_hold(tmp_path, published, contents, ending):
    write(tmp_path, contents | {"train-images": contents["train-images"] + b"1"}, ending)
    with refused("should unpack to 15,696 bytes", "holds more", "Delete it"):
        mnist.load(published, "train", tmp_path)


@pytest.mark.parametrize("size", [0, 3, 10, 16, 700])
def test_an_unpacked_file_cut_anywhere_is_refused(tmp_path, published, contents, size):
    write(tmp_path, contents | {"train-images": contents["train-images"][:size]})
    with refused("should unpack to 15,696 bytes", f"holds {size}:", "fetch it again"):
        mnist.load(published, "train", tmp_path)


def test_fashion_under_mnists_names_is_recognised(tmp_path, monkeypatch, published, contents):
    """Both sets use the same file names; the commonest way to get the wrong one."""
    write(tmp_path, contents)
    fashion = replace(mnist.FASHION, md5=published.md5)
    monkeypatch.setattr(mnist, "FASHION", fashion)
    with refused(
        "holds the train-images of fashion, not the train-images of mnist", "MNIST/raw"
    ):
        data.load("mnist", root=tmp_path)


# --- the network --------------------------------------------------------------------------


def test_no_network_says_what_to_do_by_hand(monkeypatch, alone):
    def blocked(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(fetch.urllib.request, "urlopen", blocked)
    with refused("cannot be downloaded", "t10k-labels-idx1-ubyte.gz", str(alone), "digits"):
        data.load("mnist")


def test_a_network_that_never_answers_is_given_up(monkeypatch, alone):
    def silent(*_, **__):
        time.sleep(3)
        raise TimeoutError

    monkeypatch.setattr(fetch, "PATIENCE", 0.2)
    monkeypatch.setattr(fetch.urllib.request, "urlopen", silent)
    importlib.import_module("torchvision.datasets")  # its seconds are not the network's
    start = time.monotonic()
    with refused("no answer from the network"):
        data.load("fashion")
    assert time.monotonic() - start < 2


class Fetcher:
    """Stands for torchvision's class."""

    mirrors = ("http://localhost/",)
    resources = (("file.gz", "md5"),) * 4


@pytest.fixture
def fetching(monkeypatch, alone):
    """Let `fetch` find `download(root)` in torchvision's place, and a network that answers."""

    def use(download):
        def build(self, root, download):
            action(root)

        action = download
        fetcher = type("MNIST", (Fetcher,), {"__init__": build})
        monkeypatch.setattr("torchvision.datasets.MNIST", fetcher)
        monkeypatch.setattr(fetch, "_answers", lambda urls: True)

    return use


def test_a_download_is_kept_and_found_again(fetching, alone, published, contents):
    fetching(lambda root: write(alone / "MNIST/raw", contents))
    assert len(mnist.load(published, "train")) == 20
    assert mnist.here(published)


def test_an_interrupted_download_is_said(fetching, published):
    def breaks(root):
        raise RuntimeError("File not found or corrupted.\nmore")

    fetching(breaks)
    with refused("broke off (File not found or corrupted.)", "Try again", "Fetch"):
        mnist.load(published, "train")


def test_a_full_disk_is_said(fetching, published):
    def full(root):
        raise OSError(28, "No space left on device")

    fetching(full)
    with refused("broke off", "No space left on device"):
        mnist.load(published, "train")


def test_a_download_without_files_is_said(fetching, published):
    fetching(lambda root: None)
    with refused("brought no files"):
        mnist.load(published, "train")


def test_an_unwritable_cache_is_refused_before_any_download(alone, published):
    alone.parent.joinpath("cache").write_text("a file in the way")
    with refused("Cannot write in", str(alone)):
        mnist.load(published, "train")


def test_a_broken_torchvision_is_said(monkeypatch, alone, published):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with refused("torchvision", "cannot be imported", "Fetch"):
        mnist.load(published, "train")
