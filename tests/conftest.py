"""What all tests share: the smoke budget, one thread a process, and kernels for the lessons.

`make test` calls pytest once, on `tests` and `notebooks`: nbval makes a test of each cell of both
copies of each lesson. A lesson runs in a folder that is thrown away, and in the solved copies
(COURSE_STRICT=1) a check that does not pass is an error.
"""

import functools
import importlib.util
import os
import tempfile
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ |= {
    "COURSE_BUDGET": "smoke",
    "COURSE_PROGRESS": "0",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
for name in ("COURSE_STRICT", "COURSE_STATIC", "COURSE_DATA"):
    os.environ.pop(name, None)


def script(name: str):
    """A script of notebooks/ as a module; that folder is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "notebooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def build():
    return script("build")


@pytest.fixture(scope="session")
def lab():
    return script("lab")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


class Made(dict):
    """What the functions of `makers` make, each once, when it is first asked for."""

    def __init__(self, makers):
        super().__init__()
        self.makers = makers

    def __missing__(self, name):
        return self.setdefault(name, self.makers[name]())


@pytest.fixture(scope="module")
def explorers(request):
    """The explorers that the module's MAKERS make."""
    return Made(request.module.MAKERS)


def pytest_collection_modifyitems(items):
    notebooks = {id(item.parent): item.parent for item in items if hasattr(item.parent, "nb")}
    for file in notebooks.values():
        file.setup = functools.partial(start_kernel, file, file.setup)


def start_kernel(file, setup):
    """nbval's own set-up, but in a throw-away folder and strict for solved copies."""
    from nbval import plugin

    folder = tempfile.TemporaryDirectory()
    file.addfinalizer(folder.cleanup)

    def kernel(name, cwd, **settings):
        return original(name, cwd=folder.name, **settings)

    original, strict = plugin.RunningKernel, str(int(file.path.parent.name == "solved"))
    with (
        mock.patch.dict(os.environ, COURSE_STRICT=strict),
        mock.patch.object(plugin, "RunningKernel", kernel),
    ):
        setup()
