"""One object for every data set: an array of items, their labels, and a card about them.

Images stay 8-bit until they are used: a batch is an index into a permutation that (seed, epoch)
fixes, and only the batch becomes floating point. So MNIST takes 47 MB, not 188, and two runs
with one seed see the same batches in the same order. Lesson 00 shows it; all lessons use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from course_lib.data import preview, valid
from course_lib.data.batches import Batch
from course_lib.data.checksum import sha256
from course_lib.errors import CourseError, mapping, whole_number


@dataclass(frozen=True, repr=False)
class Card:
    """The data card: what the data are, whose they are, and what may be done with them.

    counts: items by split. classes: their names, in the order of the labels. split: the one
    that was loaded. checksum: of the file that holds the data, where the course ships it.
    """

    name: str
    text: str
    source: str
    licence: str
    counts: Mapping[str, int] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    split: str | None = None
    checksum: str | None = None

    def __str__(self) -> str:
        counts = ", ".join(f"{n:,} {split}" for split, n in self.counts.items())
        lines = [f"{self.name}: {self.text}", f"  source   {self.source}"]
        lines += [f"  licence  {self.licence}"]
        lines += [f"  items    {counts}"] if counts else []
        return "\n".join(lines + ([f"  checksum {self.checksum}"] if self.checksum else []))

    __repr__ = __str__


NAMED = "{'thick': values}"
NO_CARD = Card("unnamed", "made in this notebook", "your own arrays", "yours")


class DataSet:
    """Images uint8 (N, C, H, W), values 0..255, or points float32 (N, 2); labels; attributes.

    labels: int64 (N,), classes counted from 0, or None. attributes: name -> tensor (N,).
    NumPy arrays are taken too. Raises CourseError for anything that a model could not train on.
    """

    def __init__(
        self,
        images: Tensor | np.ndarray,
        labels: Tensor | np.ndarray | None = None,
        attributes: Mapping[str, Tensor | np.ndarray] | None = None,
        card: Card = NO_CARD,
    ) -> None:
        self.images = valid.items(valid.tensor(images, "images"))
        self.labels = None if labels is None else valid.labels(valid.tensor(labels, "labels"))
        self.attributes = {
            name: valid.attribute(valid.tensor(values, name), name)
            for name, values in mapping("attributes", attributes or {}, NAMED).items()
        }
        self.card = card
        for name, values in (*self.attributes.items(), ("labels", self.labels)):
            if values is not None and len(values) != len(self.images):
                raise CourseError(
                    f"There are {len(self.images):,} images but {len(values):,} values of "
                    f"{name}. Give one for each image, in the same order."
                )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item: (C, H, W), or (2,) for points."""
        return tuple(self.images.shape[1:])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | None]:
        """(image, label) of one item, the image still 8-bit; `subset` selects many."""
        image, label, _ = self._select(index)
        return image, label

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        return (self[i] for i in range(len(self)))

    def subset(self, indices: Tensor | np.ndarray | list[int] | slice) -> DataSet:
        """The items at `indices` (whole numbers, a mask, or a slice), with the same card.

        A slice, or numbers that are as good as one (the first half, every tenth), shares the
        memory of this set; any other choice is a copy, of the size that it says.
        """
        images, labels, chosen = self._select(indices, share=True)
        attributes = {name: values[chosen] for name, values in self.attributes.items()}
        return DataSet(images, labels, attributes, self.card)

    def take(self, n: int) -> DataSet:
        """The first n items: of `digits`, which are shuffled, a fair sample."""
        return self.subset(slice(whole_number("n, the items to take,", n, 1, len(self))))

    def batch(self, indices: Tensor | np.ndarray | list[int] | slice | None = None) -> Batch:
        """The items at `indices` (None: all) as floats: images in [0, 1], points unchanged."""
        x, labels, chosen = self._select(slice(None) if indices is None else indices)
        if x.dtype == torch.uint8:
            x = x.to(torch.float32).mul_(1 / 255)
        elif isinstance(chosen, slice):
            x = x.clone()  # A slice is a view: a change to the batch must not reach the data.
        return Batch(x, labels)

    def _select(
        self, indices: Tensor | np.ndarray | list[int] | slice | int, share: bool = False
    ) -> tuple[Tensor, Tensor | None, Tensor | slice]:
        """Items, labels, and the indices in the form that selects attributes too."""
        try:
            if isinstance(indices, slice):
                start, stop, step = indices.indices(len(self))
                if step < 0:  # torch knows none of those
                    indices = torch.arange(start, stop, step, device=self.images.device)
            else:
                if isinstance(indices, np.ndarray):
                    indices = valid.tensor(indices, "indices")
                indices = torch.as_tensor(indices, device=self.images.device)
                whole = not indices.is_floating_point() and indices.dtype != torch.bool
                if whole or not indices.numel():
                    indices = indices.long()  # torch makes floats of an empty list
                if share:
                    indices = _as_slice(indices, len(self))
            labels = None if self.labels is None else self.labels[indices]
            return _rows(self.images, indices), labels, indices
        except (IndexError, TypeError, ValueError, RuntimeError) as error:
            raise CourseError(
                f"Cannot select from {len(self):,} items: {error}. Give whole numbers from 0 to "
                f"{len(self) - 1}, a mask of {len(self)} truth values, or a slice."
            ) from error

    def digest(self) -> str:
        """A short checksum of 64 items spread over the set, and of their labels."""
        n = min(64, len(self))
        rows = torch.linspace(0, len(self) - 1, n, dtype=torch.float64, device="cpu")
        items, labels, _ = self._select(rows.long())
        parts = [items] if labels is None else [items, labels]
        return sha256(b"".join(part.cpu().numpy().tobytes() for part in parts))[:12]

    def __repr__(self) -> str:
        kind = "points" if len(self.shape) == 1 else "×".join(map(str, self.shape)) + " images"
        labelled = ""
        if self.labels is not None:
            labelled = f", {len(self.card.classes) or int(self.labels.max()) + 1} classes"
        split = f" ({self.card.split})" if self.card.split else ""
        return f"DataSet {self.card.name}{split}: {len(self):,} {kind}{labelled}"

    def _repr_html_(self) -> str:
        return preview.as_html(repr(self), self.images, str(self.card))


def _as_slice(indices: Tensor, n: int) -> Tensor | slice:
    """The slice that chooses the same of n items, where there is one."""
    if indices.ndim != 1 or indices.dtype != torch.int64 or len(indices) < 2:
        return indices
    first, second, last = (int(indices[i]) for i in (0, 1, -1))
    step = second - first
    if first < 0 or step < 1 or last >= n or last != first + step * (len(indices) - 1):
        return indices
    even = torch.arange(first, last + 1, step, device=indices.device)
    return slice(first, last + 1, step) if torch.equal(indices, even) else indices


def _rows(images: Tensor, indices: Tensor | slice) -> Tensor:
    """images[indices], in a quarter of the time where indices are plain whole numbers."""
    if isinstance(indices, Tensor) and indices.ndim == 1 and indices.dtype == torch.int64:
        try:
            return images.index_select(0, indices)
        except (IndexError, RuntimeError):
            pass  # negative ones, which count from the end, or a mistake, which [] explains
    return images[indices]
