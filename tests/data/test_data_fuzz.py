"""Damaged at random, with a fixed seed: data load, or a CourseError says why not. `make prove`."""

import gzip
import io
import os
import random
import shutil
import tarfile
import time
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from course_lib import data
from course_lib.data import mnist, paths
from course_lib.data.photos import lists
from course_lib.errors import CourseError

TRIES = int(300 * float(os.environ.get("COURSE_FUZZ", "1")))  # of each kind
PATIENCE = 20.0  # seconds that one may take on a busy machine
EXTREMES = (b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0")


def damaged(content, chance):
    content = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at, how = chance.randrange(len(content) + 1), chance.random()
        if how < 0.5:
            content[at : at + 1] = bytes([chance.randrange(256)])
        elif how < 0.7:
            del content[at : at + chance.randint(1, 600)]
        elif how < 0.85:
            content[at:at] = chance.randbytes(chance.randint(1, 20))
        else:
            content[at : at + 4] = chance.choice(EXTREMES)
    return bytes(content)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, kind in enumerate(("png", "jpeg", "gif", "tiff", "webp", "bmp", "ppm") * 2):
        pixels = np.random.default_rng(i).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.{kind}")
    return folder


def from_folder(tmp_path, pictures, chance):
    folder = shutil.copytree(pictures, tmp_path / "copy")
    for path in sorted(folder.iterdir()):
        if chance.random() < 0.4:
            path.write_bytes(damaged(path.read_bytes(), chance))
    data.load("folder-8", root=folder)


def from_tar(tmp_path, pictures, chance):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path in sorted(pictures.iterdir()):
            member = tarfile.TarInfo(path.name)
            member.size = path.stat().st_size
            tar.addfile(member, io.BytesIO(path.read_bytes()))
    (tmp_path / "a.tar").write_bytes(damaged(file.getvalue(), chance))
    data.load("folder-8", root=tmp_path / "a.tar")


def from_zip(tmp_path, pictures, chance):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(pictures.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
    (tmp_path / "a.zip").write_bytes(damaged(file.getvalue(), chance))
    data.load("folder-8", root=tmp_path / "a.zip")


def from_list(tmp_path, pictures, chance):
    rows = "".join(f"{i:06}.jpg  1 -1  1\n" for i in range(12))
    lists.parse(damaged(f"12\nA B C\n{rows}".encode(), chance), "list_attr_celeba.txt")


def from_mnist(tmp_path, pictures, chance):
    published = replace(mnist.MNIST, card=replace(mnist.MNIST.card, counts={"test": 2}))
    for kind, name in mnist.KINDS.items():
        content = gzip.compress(bytes(1584 if kind == "images" else 10), mtime=0)
        (tmp_path / f"t10k-{name}.gz").write_bytes(damaged(content, chance))
    mnist.load(published, "test", tmp_path)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("load", [from_folder, from_tar, from_zip, from_list, from_mnist])
def test_whatever_is_damaged_loads_or_is_refused(load, tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    refusals = 0
    for seed in range(TRIES):
        start = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                load(tmp_path, pictures, random.Random(seed))
            except CourseError:
                refusals += 1
            except Exception as error:
                raise AssertionError(f"seed {seed}") from error
        assert time.monotonic() - start < PATIENCE, f"seed {seed}"
        for left in (tmp_path / "copy", tmp_path / "cache"):
            shutil.rmtree(left, ignore_errors=True)
    assert refusals > TRIES / 20
