"""What a training left behind: every loss term by player, timings, sample grids."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_lib.checkpoint import Kind
from course_lib.errors import CourseError, one_of

NUMBERS = 64e6  # bytes of losses that a checkpoint holds: 1,600,000 rounds of five terms
PIXELS = 100e6  # bytes of previews


@dataclass
class History:
    """Losses per round, seconds per round, and previews for replay.

    grids        [(round, preview)]: uint8 (n, C, H, W), or float points (n, 2); the same noise
                 each time, so that a replay shows one sample changing
    interrupted  whether the learner stopped the training early; what was trained is kept
    stopped_by   the number of the signal that did
    unsaved      why the run folder does not hold the last rounds, if it could not be written
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    grids: list[tuple[int, Tensor]] = field(default_factory=list)
    interrupted: bool = False
    stopped_by: int = 0
    unsaved: str | None = None

    @property
    def rounds(self) -> int:
        """Rounds played so far."""
        return len(self.seconds)

    @property
    def terms(self) -> dict[str, np.ndarray]:
        """{"player.term": one value a round}."""
        return {name: np.asarray(values) for name, values in self.values.items()}

    def term(self, name: str) -> np.ndarray:
        """One loss term, a value per round."""
        one_of("loss term", name, self.values)
        return np.asarray(self.values[name])

    def record(self, values: dict[str, float], seconds: float) -> None:
        """Add one round; a term that is not in every round is NaN in the others."""
        for name in values:
            self.values.setdefault(name, [math.nan] * self.rounds)
        for name, found in self.values.items():
            found.append(values.get(name, math.nan))
        self.seconds.append(seconds)

    def cut(self, rounds: int) -> None:
        """Forget what came after so many rounds."""
        self.grids = [grid for grid in self.grids if grid[0] <= rounds]
        for values in [*self.values.values(), self.seconds]:
            del values[rounds:]

    def summary(self, last: int = 100) -> str:
        """One line: rounds, time, and each term's mean over the last rounds."""
        if not self.rounds:
            return "nothing trained yet"
        means = ", ".join(
            f"{name} {np.nanmean(values[-last:]):.3f}" for name, values in self.values.items()
        )
        stop = ", interrupted" if self.interrupted else ""
        window = min(last, self.rounds)
        return f"{self.rounds} rounds{stop}; means of the last {window}: {means}"

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"History({self.summary()})"

    # A checkpoint keeps the history beside the weights.
    def tensors(self) -> dict[str, Tensor]:
        """All of it as tensors, for a checkpoint; CourseError if it would be too much for one."""
        found = {
            f"term.{i:04d}.{name}": torch.tensor(v, dtype=torch.float64)
            for i, (name, v) in enumerate(self.values.items())
        }
        found["seconds"] = torch.tensor(self.seconds, dtype=torch.float64)
        for i, (t, grid) in enumerate(self.grids):
            found[f"grid.{i:04d}.{t}"] = grid.contiguous()
        self.check(found, self.rounds, "This training")
        return found

    @staticmethod
    def check(tensors: Mapping[str, Tensor | Kind], rounds: int, where: Path | str) -> None:
        """Raise CourseError unless these are a history of so many rounds, of bearable size.

        Names, shapes and kinds are looked at, values are not.
        """
        numbers = pixels = 0
        for name, found in tensors.items():
            kind, _, rest = name.partition(".")
            size = math.prod(found.shape) * found.dtype.itemsize
            if kind == "grid":
                fits = rest.rpartition(".")[2].isdecimal() and len(rest) < 20
                pixels += size
            else:
                fits = kind in ("seconds", "values", "term")
                fits &= tuple(found.shape) == (rounds,) and found.dtype == torch.float64
                numbers += size
            if not fits:
                raise CourseError(
                    f"{where} is damaged: its history holds {name!r:.60}, {tuple(found.shape)} "
                    f"of {found.dtype}, after {rounds} rounds."
                )
        if "seconds" not in tensors:
            raise CourseError(f"{where} is damaged: its history does not tell its rounds.")
        if numbers > NUMBERS or pixels > PIXELS:
            raise CourseError(
                f"{where} has a history of {(numbers + pixels) / 1e6:,.0f} MB, and a checkpoint "
                f"keeps {NUMBERS / 1e6:.0f} MB of losses and {PIXELS / 1e6:.0f} MB of previews: "
                "preview smaller pictures, or fewer loss terms."
            )

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> History:
        """The inverse of `tensors`; older checkpoints number grids only, not terms."""
        history = cls(seconds=tensors["seconds"].tolist())
        for name in sorted(tensors):
            kind, _, rest = name.partition(".")
            if kind == "values":
                history.values[rest] = tensors[name].tolist()
            elif kind == "term":
                history.values[rest.partition(".")[2]] = tensors[name].tolist()
            elif kind == "grid":
                history.grids.append((int(rest.rpartition(".")[2]), tensors[name].clone()))
        return history
