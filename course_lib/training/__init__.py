"""Games and how they are played: players, moves, rounds, `fit`.

A model file says who plays and for what; this part plays. It knows nothing of GANs or VAEs.
"""

from __future__ import annotations

import torch

from course_lib import first_edition
from course_lib.game import Game, Move, Player, adam, own_gradients, reaches
from course_lib.models.parts.averages import MovingAverage
from course_lib.training.budget import Budget, budget
from course_lib.training.fit import fit
from course_lib.training.history import History
from course_lib.training.loop import TrainingStopped
from course_lib.training.source import Source


def __getattr__(name: str):
    return first_edition.renamed("training", name)


def seed_all(seed: int) -> torch.Generator:
    """Seed torch's global generator and return one of the course's own, seeded alike."""
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)
