"""The records of lesson 12, `data/tuning*.json`, as tensors; and four made-up logs of searches."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from course_lib import data
from course_lib.errors import CourseError

FILES = {5: "tuning-5.json", 30: "tuning.json"}
WORDS = {  # of `seeds`: what the file calls them, and what a lesson prints
    "paper": "published settings",
    "third": "best, ⅓ of the rounds",
    "triple": "best, 3 × the rounds",
}


@dataclass
class Family:
    """What was recorded of one family of models; lower scores are better, a failure is inf.

    trial     processor seconds that each of its trials was given
    settings  those that were searched, of each configuration; curves: (N, 5), its score after
              each fifth of its rounds; rounds: (N,), and seconds: (N,), processor seconds of its
              training
    seeds     scores of further seeds, only what is recorded, by words that can be printed: "best",
              "second", "published settings" (what the family's source prints), and the best at
              other budgets, "best, ⅓ of the rounds" and "best, 3 × the rounds"
    grid      rates (6,), batches (4,) and scores (6, 4) of a full grid, where there is one
    faces     scores of the best with further seeds on drawn faces of 32×32 pixels
    """

    trial: float = 0.0
    settings: list[dict] = field(default_factory=list)
    curves: Tensor = field(default_factory=lambda: torch.zeros(0, 5))
    rounds: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    seconds: Tensor = field(default_factory=lambda: torch.zeros(0))
    seeds: dict[str, Tensor] = field(default_factory=dict)
    grid: tuple[Tensor, Tensor, Tensor] | None = None
    faces: Tensor = field(default_factory=lambda: torch.zeros(0))

    @property
    def scores(self) -> Tensor:
        """The last score of each configuration, (N,)."""
        return self.curves[:, -1]


def _curve(row: dict) -> list[float]:
    """The five scores of a row; infinite from where it failed."""
    found = [score for _, _, score in row["points"]]
    return found + [math.inf] * (5 - len(found))


def record(seconds: int | None = None) -> dict[str, Family]:
    """The families of which all sampled configurations, or a grid, are recorded, by name.

    seconds: of a trial, 5 or 30. None: the two families of perceptrons with five seconds, those
    with convolutions with thirty.
    """
    if seconds is None:
        return record(30) | record(5)
    if seconds not in FILES:
        raise CourseError(f"Trials of 5 or 30 seconds are recorded, not of {seconds!r}.")
    rows = json.loads(data.paths.find(FILES[seconds]).read_text("utf-8"))
    found: dict[str, Family] = {}
    for name in dict.fromkeys(row["family"] for row in rows["configurations"] + rows["grid"]):
        own = {
            kind: [row for row in rows[kind] if row["family"] == name]
            for kind in ("configurations", "grid", "seeds", "faces")
        }
        family = Family(rows["seconds"])
        sampled = [row for row in own["configurations"] if row["number"] > 0]
        if len(sampled) == 48:
            family.settings = [row["settings"] for row in sampled]
            family.curves = torch.tensor([_curve(row) for row in sampled]).double()
            family.rounds = torch.tensor([row["rounds"] for row in sampled])
            family.seconds = torch.tensor(
                [row["points"][-1][1] if row["points"] else 0.0 for row in sampled]
            ).double()
        for which in dict.fromkeys(row["which"] for row in own["seeds"]):
            family.seeds[WORDS.get(which, which)] = torch.tensor(
                [_curve(row)[-1] for row in own["seeds"] if row["which"] == which]
            ).double()
        if len(own["grid"]) == 24:
            scores = torch.tensor([_curve(row)[-1] for row in own["grid"]]).double()
            rates = [row["settings"]["lr"] for row in own["grid"][::4]]
            batches = [row["settings"]["batch"] for row in own["grid"][:4]]
            family.grid = (torch.tensor(rates), torch.tensor(batches), scores.view(6, 4))
        family.faces = torch.tensor([_curve(row)[-1] for row in own["faces"]]).double()
        if family.settings or family.grid:
            found[name] = family
    return found


def logs() -> dict[str, tuple[list[float], list[float]]]:
    """Four searches of a learning rate: what was tried, and the scores (lower is better)."""
    rates = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3]
    return {
        "A": (rates, [21.0, 27.5, 38.2, 55.1, 80.3]),
        "B": (rates, [44.0, 30.9, 22.3, 29.4, 47.8]),
        "C": (rates, [24.4, 23.6, 24.9, 24.1, 23.3]),
        "D": (rates, [83.0, 61.7, 45.2, 31.6, 22.8]),
    }
