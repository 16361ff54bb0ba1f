"""Lets `import torchvision` work where its compiled operators can't be loaded.

Beside a CPU-only torch, the Linux wheel of torchvision (built for CUDA) can't load its own
library, and the import dies with "operator torchvision::nms does not exist", although nothing in
this course uses a compiled operator. torch calls `install` at its own import, through the
entry-point group `torch.backends` in pyproject.toml; so it helps notebooks and the workers of
data loaders too. On a whole installation it changes nothing. No lesson derives this.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_kept: list = []  # a torch library lives as long as it is referenced


def compiled_library() -> Path | None:
    """The compiled library inside the installed torchvision, found without importing it."""
    spec = importlib.util.find_spec("torchvision")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            if (path := Path(folder) / f"_C{suffix}").exists():
                return path
    return None


def install() -> str:
    """Define the missing schemas if they are needed. Never raises, for torch would then refuse
    to be imported. Returns what was done, for tests."""
    try:
        return _install()
    except Exception as error:  # a broken torchvision tells its own story when imported
        return f"left alone: {error}"


def _install() -> str:
    if not sys.platform.startswith("linux"):
        return "not needed: other systems' wheels fit their torch"
    if "torchvision.extension" in sys.modules:
        return "not needed: already imported"
    library = compiled_library()
    if library is None:
        return "not needed: no compiled library"
    import torch

    try:
        torch.ops.load_library(str(library))
        return "not needed: the compiled library loads"
    except OSError:
        fragment = torch.library.Library("torchvision", "FRAGMENT")
    _kept.append(fragment)
    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            fragment.define(schema)
    return "defined schemas"
