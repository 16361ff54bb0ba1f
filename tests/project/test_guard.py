"""The torchvision guard: helps where the compiled library can't load, else changes nothing."""

import subprocess
import sys

import pytest

from course_lib import _torchvision_guard as guard

PRELUDE = """
import os, sys
os.environ["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"  # the guard is called by hand below
import torch
from course_lib import _torchvision_guard as guard
"""


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_torchvision_imports_wherever_torch_does():
    out = python(
        "import torchvision; from torchvision.transforms import v2\n"
        "from torchvision.utils import make_grid\n"
        "import torch; print(tuple(make_grid(torch.zeros(4, 1, 8, 8)).shape))"
    )
    assert out.strip() == "(3, 12, 42)"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the guard is for Linux")
def test_broken_install_gets_the_two_schemas():
    out = python(
        PRELUDE + "guard.compiled_library = lambda: '/no/such/_C.so'\n"
        "print(guard.install())\n"
        "print(torch.ops.torchvision.nms.default._schema)\n"
        "print(torch.ops.torchvision.qnms.default._schema)\n"
        "print(guard.install())  # a second call finds them\n"
    )
    lines = out.splitlines()
    assert lines[0] == "defined schemas" == lines[3]
    assert lines[1].startswith("torchvision::nms(Tensor dets, Tensor scores, float")
    assert lines[2].startswith("torchvision::qnms(")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the guard is for Linux")
def test_whole_install_is_left_alone():
    """A library that loads and registers its own operators, as a whole install's does."""
    out = python(
        PRELUDE + "guard.compiled_library = lambda: 'whole'\n"
        "def load(path):\n"
        "    whole = torch.library.Library('torchvision', 'DEF')\n"
        "    whole.define(guard.SCHEMAS['nms'])\n"
        "    whole.impl('nms', lambda dets, scores, iou: torch.tensor([7]), 'CPU')\n"
        "    guard.whole = whole\n"
        "torch.ops.load_library = load\n"
        "print(guard.install(), guard._kept)\n"
        "print(torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5).item())\n"
        "print(hasattr(torch.ops.torchvision, 'qnms'))\n"
    )
    assert out.splitlines() == ["not needed: the compiled library loads []", "7", "False"]


def test_otherwise_nothing_is_defined(monkeypatch):
    monkeypatch.setattr(guard, "_kept", [])
    monkeypatch.delitem(sys.modules, "torchvision.extension", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(guard, "compiled_library", lambda: 1 / 0)
    assert guard.install() == "left alone: division by zero"
    monkeypatch.setattr(guard, "compiled_library", lambda: None)
    assert guard.install() == "not needed: no compiled library"
    monkeypatch.setitem(sys.modules, "torchvision.extension", guard)
    assert guard.install() == "not needed: already imported"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert guard.install() == "not needed: other systems' wheels fit their torch"
    assert guard._kept == []


def test_torch_finds_the_guard():
    from importlib.metadata import entry_points

    (entry,) = (e for e in entry_points(group="torch.backends") if "course_lib" in e.name)
    assert entry.value == "course_lib._torchvision_guard:install"
