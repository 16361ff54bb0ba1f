"""The embedded digits: a tenth of MNIST, real, in the clone, so that no lesson needs a network.

10,000 digits of MNIST's training set and 2,000 of its test set, with the class proportions of
the original (`data/make_digits.py` draws them). One file of 2 MB, checked by checksum.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from course_lib import disk
from course_lib.data import checksum, paths
from course_lib.data.dataset import Card, DataSet
from course_lib.errors import CourseError

FILE = "digits.npz"
SHA256 = "dd55cb36acb7f0ae99433f9a537eb9371a70774e9a8d5f95a148d717ce388037"
COUNTS = {"train": 10_000, "test": 2_000}
CARD = Card(
    name="digits",
    text="a sample of MNIST: real handwritten digits, grey, 28×28, centred, ink is bright",
    source="MNIST: Yann LeCun, Corinna Cortes, Christopher J. C. Burges (1998)",
    licence="CC BY-SA 3.0",
    counts=COUNTS,
    classes=tuple("0123456789"),
    checksum=f"sha256 {SHA256}",
)


def load(split: str, root: str | Path | None = None) -> DataSet:
    """The digits of `split`; the attribute "index" is each one's place in MNIST's `split`."""
    path = paths.find(FILE) if root is None else disk.given(root) / FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CourseError(
            f"{path} cannot be read ({error.strerror or error}). The digits come with the "
            "course: leave root out, or point it to the course's data/ folder."
        ) from error
    remedy = f"Restore it: git checkout -- data/{FILE}, or copy it from a fresh clone."
    checksum.require(path, content, SHA256, remedy)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        images, labels, index = (arrays[f"{split}_{k}"] for k in ("images", "labels", "index"))
    return DataSet(
        torch.from_numpy(images)[:, None],
        torch.from_numpy(labels).long(),
        {"index": torch.from_numpy(index.astype(np.int64))},
        replace(CARD, split=split),
    )
