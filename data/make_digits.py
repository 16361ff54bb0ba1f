"""Rebuild `digits.npz` from the four MNIST files: `python data/make_digits.py <mnist folder>`.

Classes keep MNIST's own proportions (largest remainder); within a class the digits are drawn
at random, and the whole is shuffled, so that the first n are a fair sample too. `*_index` says
where each digit stands in MNIST.
"""

import sys
from pathlib import Path

import numpy as np

from course_lib import data
from course_lib.data.digits import COUNTS

SEED = 60_000


def sample(labels: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of n labels, each class with its share."""
    share = np.bincount(labels) * n / len(labels)
    counts = share.astype(int)
    counts[np.argsort(counts - share)[: n - counts.sum()]] += 1
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:k] for c, k in enumerate(counts)]
    return rng.permutation(np.concatenate(drawn))


if __name__ == "__main__":
    rng, arrays = np.random.default_rng(SEED), {}
    for split, n in COUNTS.items():
        mnist = data.load("mnist", split, root=sys.argv[1])
        index = sample(mnist.labels.numpy(), n, rng)
        arrays[f"{split}_images"] = mnist.images.numpy()[index, 0]
        arrays[f"{split}_labels"] = mnist.labels.numpy()[index].astype(np.uint8)
        arrays[f"{split}_index"] = index.astype(np.uint16)
    np.savez_compressed(Path(__file__).parent / "digits.npz", **arrays)
