"""Lesson 00's right answers in other forms, for test_answers; and its graph of the lessons."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

SOURCE = Path(__file__).parents[2] / "notebooks" / "source"


def entropy_by_categorical(counts):
    return torch.distributions.Categorical(probs=counts).entropy() / math.log(2)


def entropy_by_loop(counts):
    total = counts.sum().item()
    shares = [c / total for c in counts.tolist() if c > 0]
    return -sum(p * math.log2(p) for p in shares)


RIGHT = [
    ("00.1", 784),
    ("00.1", torch.empty(1, 28, 28).numel()),
    ("00.2", lambda n, batch: math.ceil(n / batch)),
    ("00.2", lambda n, batch: (n + batch - 1) // batch),
    ("00.2", lambda n, batch: len(torch.arange(n).split(batch))),
    ("00.3", lambda images: (images.float() / 255) * 2 - 1),
    ("00.3", lambda images: (images.double() - 127.5) / 127.5),
    ("00.3", lambda images: np.asarray(images, dtype=np.float32) / 127.5 - 1),
    ("00.4", lambda picture: picture.permute(2, 0, 1)[None]),
    ("00.4", lambda picture: picture.unsqueeze(0).movedim(-1, 1)),
    ("00.4", lambda picture: picture.numpy().transpose(2, 0, 1)[None]),
    ("00.5", lambda errors: errors.sum(dim=(1, 2, 3)).mean()),
    ("00.5", lambda errors: errors.sum() / len(errors)),
    ("00.5", lambda e: F.l1_loss(e, 0 * e, reduction="sum") / len(e)),
    ("00.6", entropy_by_categorical),
    ("00.6", entropy_by_loop),
    ("00.7", 100),
    ("00.7", 100.0),
    ("00.3", lambda images: images.half() / 127.5 - 1),
    ("00.7", 99),
]  # fmt: skip


def test_the_graph_shows_the_lessons_that_are_there():
    text = (SOURCE / "00_start_here.py").read_text("utf-8")
    written = set(re.search(r'^written = "([\d ]+)"', text, re.MULTILINE)[1].split())
    assert written == {path.name[:2] for path in SOURCE.glob("[0-9][0-9]_*.py")}
