"""What batches cost: python tests/bench_data.py [folder, tar or zip of images].

Without a place it draws 2,000 JPEGs of noise, 64×64. In one run, on one thread, as median ratios
of interleaved blocks of rounds:

1. a batch of the packed, memory-mapped set against a training step on it (a small
   discriminator of three strided convolutions, forward, backward and Adam): at most .05;
2. the same against torchvision's ImageFolder with a DataLoader, with 0 and with 2 workers; an
   iterator is kept over epochs and workers, too, so that starting them is not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from bench import ratio, written
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from course_lib import data
from course_lib.data.photos import archives
from course_lib.training import Source

BATCH, SIZE = 64, 64


def unpacked(place: Path, folder: Path) -> None:
    """Fill `folder` as ImageFolder wants it: from `place`, or with noise."""
    (folder / "all").mkdir()
    if place is None:
        generator = np.random.default_rng(0)
        for i in range(2000):
            blocks = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            image = Image.fromarray(blocks).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            image.save(folder / "all" / f"{i:04}.jpg", quality=90)
        return
    archive = archives.opened(place, "images")
    for i, name in enumerate(archive.files):
        if name.lower().endswith((".jpg", ".png")):
            (folder / "all" / f"{i}{name[-4:]}").write_bytes(archive.read(name))


def packed_batches(images: data.DataSet) -> Iterator[None]:
    """The course's batches: floats in [0, 1]."""
    source = Source(images, BATCH)
    while True:
        source.batch()
        yield


def loader_batches(folder: Path, workers: int) -> Iterator[None]:
    """The usual way to the same floats."""
    scaled = [transforms.Resize(SIZE), transforms.CenterCrop(SIZE), transforms.ToTensor()]
    loader = DataLoader(
        datasets.ImageFolder(folder, transforms.Compose(scaled)),
        BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    while True:
        for _ in loader:
            yield


def steps(images: data.DataSet) -> Iterator[None]:
    """A small discriminator's training steps on a batch that stays."""
    x = images.batch(slice(BATCH)).x
    net = nn.Sequential(
        *(nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(128 * 64, 1)),
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-4, fused=True)
    while True:
        optimiser.zero_grad()
        nn.functional.softplus(-net(x)).mean().backward()
        optimiser.step()
        yield


def main() -> None:
    """Print the table; exit 1 where a bound is missed."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("place", nargs="?", type=Path)
    options.add_argument("--blocks", type=int, default=10)
    options.add_argument("--rounds", type=int, default=20, help="batches a block")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder, cache = Path(temporary) / "images", Path(temporary) / "cache"
        folder.mkdir()
        unpacked(chosen.place, folder)
        os.environ |= {"XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache)}
        images = data.load(f"folder-{SIZE}", root=folder)
        print(f"{images}, batches of {BATCH}, one thread, {chosen.blocks} blocks")
        cases: dict[str, tuple[Callable, float]] = {
            "a training step": (steps(images), 0.05),
            "ImageFolder, 0 workers": (loader_batches(folder, 0), 0.2),
            "ImageFolder, 2 workers": (loader_batches(folder, 2), 0.2),
        }
        missed = False
        for name, (other, bound) in cases.items():
            a, b = written(packed_batches(images)), written(other)
            middle, low, high = ratio(a, b, chosen.blocks, chosen.rounds)
            verdict = "ok" if middle <= bound else "MISSED"
            missed |= middle > bound
            print(
                f"packed / {name:24} {middle:.4f}  quartiles {low:.4f}–{high:.4f}  "
                f"bound {bound}  {verdict}"
            )
    raise SystemExit(missed)


if __name__ == "__main__":
    main()
