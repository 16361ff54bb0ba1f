"""What the tests of data share: refusals, archives, and a torchvision that fetches nothing."""

import re
import tarfile
import zipfile

import numpy as np
import pytest

from course_lib.data import fetch
from course_lib.errors import CourseError


def refused(*words):
    """The error must be a CourseError whose message has all of `words`, in this order."""
    return pytest.raises(CourseError, match="(?s:.*)".join(map(re.escape, words)))


def archived(folder, path, inside="", more=None):
    """A tar or a zip, as `path` ends, of all files in a folder, and of {name: content} more."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    with (
        tarfile.open(path, "w") if path.suffix == ".tar" else zipfile.ZipFile(path, "w") as out
    ):
        for file in files:
            name = inside + file.relative_to(folder).as_posix()
            out.add(file, name) if path.suffix == ".tar" else out.write(file, name)
        for name, content in (more or {}).items():
            out.writestr(name, content)
    return path


def packed(cache):
    """The one folder in the cache."""
    (found,) = (path for path in cache.iterdir() if path.is_dir())
    return found


def fates(place):
    """What became of each file of a packed folder, by name, in the order of its list."""
    lines = (place / "files.txt").read_bytes().decode().removesuffix("\n").split("\n")
    return {name: fate for fate, name in (line.split("\t") for line in lines)}


def names_of(place, split):
    """The files whose pixels are in a split, in order."""
    return [name for name, fate in fates(place).items() if fate == split]


def pixels_of(place):
    """Name -> pixels (3, 16, 16), of both splits."""
    found = {}
    for split in ("train", "test"):
        rows = np.fromfile(place / f"{split}.uint8", np.uint8).reshape(-1, 3, 16, 16)
        found |= dict(zip(names_of(place, split), rows, strict=True))
    return found


def fetching(monkeypatch, name, action, **known):
    """Let `fetch` find action(root) in the place of torchvision's class, and a network."""

    def build(self, root, download):
        action(root)

    monkeypatch.setattr(f"torchvision.datasets.{name}", type(name, (), {"__init__": build}))
    for key, value in known.items():
        monkeypatch.setattr(f"torchvision.datasets.{name}.{key}", value, raising=False)
    monkeypatch.setattr(fetch, "_answers", lambda urls: True)


def raising(error):
    """A function that raises it, whatever it is given."""

    def raises(*_, **__):
        raise error

    return raises
