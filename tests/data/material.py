"""What the tests of data share: refusals, archives, and a torchvision that fetches nothing."""

import re
import tarfile
import zipfile

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
