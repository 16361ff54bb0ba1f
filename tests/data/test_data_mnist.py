"""MNIST and its kin from a learner's folder, and what is said where they cannot be had."""

import gzip
import hashlib
import importlib
import struct
import sys
import time
import urllib.error
from dataclasses import replace

import numpy as np
import pytest
from material import fetching, raising, refused

from course_lib import data
from course_lib.data import fetch, mnist, paths

NAMES = {
    f"{part}-{kind}": f"{part}-{kind}-idx{axes}-ubyte"
    for part in ("train", "t10k")
    for kind, axes in (("images", 3), ("labels", 1))
}


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
    with refused("train-images-idx3-ubyte is there, the other file is not"):
        mnist.load(published, "train", tmp_path)


def flipped(at):
    return lambda c: c[:at] + bytes([c[at] ^ 8]) + c[at + 1 :]


WRONG = "damaged or another file"
SHORT = "should unpack to 15,696 bytes"
DAMAGED = (
    {  # ending, what becomes of the file of the training images, what is said of it
        "cut": (
            ".gz",
            lambda c: c[:3000],
            "ends too early (3,000 bytes)",
            "interrupted",
            "Delete it",
        ),
        "a web page": (".gz", lambda c: b"<html>404</html>", "no intact gzip file", "web page"),
        "a flipped bit": (".gz", flipped(6000), "Delete it and fetch it again"),
        "a flipped bit, unpacked": ("", flipped(5000), WRONG, "{md5}", "Delete it"),
        "another file": ("", lambda c: b"\x89PNG" + c[4:], WRONG, "{md5}"),
        "the labels": ("", lambda c: bytes(28), "should unpack to", "holds 28", "another file"),
        "more": ("", lambda c: c + b"1", SHORT, "holds more", "Delete it"),
        "more, packed": (
            ".gz",
            lambda c: c + gzip.compress(b"1"),
            SHORT,
            "holds more",
            "Delete it",
        ),
    }
    | {
        f"{n} bytes": ("", lambda c, n=n: c[:n], SHORT, f"holds {n}:", "fetch it again")
        for n in (0, 3, 10, 16, 700)
    }
)


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused(tmp_path, published, contents, case):
    ending, damage, *words = DAMAGED[case]
    write(tmp_path, contents, ending)
    path = tmp_path / f"train-images-idx3-ubyte{ending}"
    path.write_bytes(damage(path.read_bytes()))
    with refused(str(path), *(w.format(md5=published.md5["train-images"]) for w in words)):
        mnist.load(published, "train", tmp_path)
    assert len(mnist.load(published, "test", tmp_path)) == 10


def test_fashion_under_mnists_names_is_recognised(tmp_path, monkeypatch, published, contents):
    """Both sets use the same file names; the commonest way to get the wrong one."""
    write(tmp_path, contents)
    fashion = replace(mnist.FASHION, md5=published.md5)
    monkeypatch.setattr(mnist, "FASHION", fashion)
    with refused(
        "holds the train-images of fashion, not the train-images of mnist", "MNIST/raw"
    ):
        data.load("mnist", root=tmp_path)


def test_a_folder_of_mnist_is_not_taken_for_fashion(
    tmp_path, monkeypatch, alone, published, contents
):
    """Where nobody named it: it is passed by, and what is found or downloaded counts."""
    monkeypatch.setattr(mnist, "MNIST", published)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "mine"))
    write(tmp_path / "mine", contents)
    assert mnist.here(published) and not mnist.here(mnist.FASHION)
    others = {which: content[:-1] + b"\x07" for which, content in contents.items()}
    md5 = {which: hashlib.md5(content).hexdigest() for which, content in others.items()}
    fashion = replace(
        mnist.FASHION, md5=md5, card=replace(mnist.FASHION.card, counts=published.card.counts)
    )
    write(alone / "fashion", others)
    assert mnist.here(fashion)
    assert mnist.load(fashion, "test").labels[-1] == 7


# --- the network --------------------------------------------------------------------------


def test_no_network_says_what_to_do_by_hand(monkeypatch, alone):
    blocked = raising(urllib.error.URLError("Name or service not known"))
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


@pytest.fixture
def torchvision(monkeypatch, alone):
    """Let torchvision's class do this."""
    known = {"mirrors": ("http://localhost/",), "resources": (("file.gz", "md5"),) * 4}
    return lambda action: fetching(monkeypatch, "MNIST", action, **known)


def test_a_download_is_kept_and_found_again(torchvision, alone, published, contents):
    torchvision(lambda root: write(alone / "MNIST/raw", contents))
    assert len(mnist.load(published, "train")) == 20
    assert mnist.here(published)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (
            raising(RuntimeError("File not found or corrupted.\nmore")),
            ("broke off (File not found or corrupted.)", "Try again", "Fetch"),
        ),
        (raising(OSError(28, "No space left on device")), ("broke off", "No space left on")),
        (lambda root: None, ("brought nothing",)),
    ],
)
def test_a_download_that_fails_is_said(torchvision, published, action, words):
    torchvision(action)
    with refused(*words):
        mnist.load(published, "train")


def test_an_unwritable_cache_is_refused_before_any_download(alone, published):
    alone.parent.joinpath("cache").write_text("a file in the way")
    with refused("Cannot write in", str(alone)):
        mnist.load(published, "train")


def test_a_broken_torchvision_is_said(monkeypatch, alone, published):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with refused("torchvision", "cannot be imported", "Fetch"):
        mnist.load(published, "train")


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(gzip, "open", raising(OSError(5, "Input/output error")))
    with refused("train.gz", "cannot be read (Input/output error)"):
        mnist._unpacked(tmp_path / "train.gz", 100)
