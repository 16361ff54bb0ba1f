"""What a training left behind: every loss term by player, timings, sample grids."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from course_lib.errors import unknown


@dataclass
class History:
    """Losses per round, seconds per round, and previews for replay.

    grids        [(round, preview)]: uint8 (n, C, H, W), or float points (n, 2); the same noise
                 each time, so that a replay shows one sample changing
    interrupted  whether the learner stopped the training early; what was trained is kept
    stopped_by   the number of the signal that did
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    grids: list[tuple[int, Tensor]] = field(default_factory=list)
    interrupted: bool = False
    stopped_by: int = 0

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
        if name not in self.values:
            raise unknown("loss term", name, self.values)
        return np.asarray(self.values[name])

    def record(self, values: dict[str, float], seconds: float) -> None:
        """Add one round."""
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)
        self.seconds.append(seconds)

    def summary(self, last: int = 100) -> str:
        """One line: rounds, time, and each term's mean over the last rounds."""
        if not self.rounds:
            return "nothing trained yet"
        means = ", ".join(
            f"{name} {np.mean(values[-last:]):.3f}" for name, values in self.values.items()
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
        """All of it as tensors, for a checkpoint."""
        found = {
            f"term.{i:04d}.{name}": torch.tensor(v, dtype=torch.float64)
            for i, (name, v) in enumerate(self.values.items())
        }
        found["seconds"] = torch.tensor(self.seconds, dtype=torch.float64)
        for i, (t, grid) in enumerate(self.grids):
            found[f"grid.{i:04d}.{t}"] = grid.contiguous()
        return found

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
                history.grids.append((int(rest.partition(".")[2]), tensors[name]))
        return history
