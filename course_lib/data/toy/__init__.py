"""Two-dimensional densities that are known exactly: laboratories for every family of models.

On a ring of Gaussians one can count the modes that a GAN forgets (lesson 02); on moons and
spirals one can see what a flow must bend (lesson 10). Each of them is a curve or a set of centres
convolved with Gaussian noise, so its density is an exact mixture (ring, grid) or a one-dimensional
integral (moons, spiral: Gauss-Legendre quadrature, nodes much closer than the noise is wide).
"""

from __future__ import annotations

from dataclasses import replace

from course_lib.data.dataset import Card, DataSet
from course_lib.data.toy.base import Coverage, Mixture, Toy
from course_lib.data.toy.board import Checkerboard
from course_lib.data.toy.curves import Moons, Spiral
from course_lib.data.toy.modes import Grid, Modes, Ring
from course_lib.errors import one_of

POINTS = 10_000
SEEDS = {"train": 0, "test": 1}

KINDS = {kind.__name__.lower(): kind for kind in (Ring, Grid, Moons, Spiral, Checkerboard)}


def make(name: str, **settings: float) -> Toy:
    """The density called `name`, e.g. make("ring", modes=12)."""
    one_of("toy density", name, KINDS)
    return KINDS[name](**settings)


def card(name: str) -> Card:
    """The card of the density called `name`, as `load` draws it."""
    return replace(KINDS[name].card(), counts={split: POINTS for split in SEEDS})


def load(name: str, split: str) -> DataSet:
    """POINTS points of the density with its default settings, drawn by the split's own seed."""
    drawn = make(name).data_set(POINTS, seed=SEEDS[split])
    return DataSet(drawn.images, drawn.labels, card=replace(card(name), split=split))
