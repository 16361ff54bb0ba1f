"""Points, limits and lattices of the plane, and functions evaluated on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from course_lib.errors import CourseError
from course_lib.plots.pictures import LARGEST, as_numbers

FARTHEST = 1e30  # that a float32 of the function still holds
Limits = tuple[tuple[float, float], tuple[float, float]]


def as_points(values: object, name: str) -> np.ndarray:
    """(n, 2) floats, or the error that says which argument was wrong."""
    array = as_numbers(values, name)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise CourseError(f"{name} must be points of shape (n, 2); got {array.shape}.")
    array = array.astype(float)
    if not (np.abs(array) <= LARGEST).all():
        raise CourseError(
            f"{name} holds NaN, infinity or numbers beyond ±{LARGEST:g}: look at the model that "
            "made them."
        )
    return array


def as_limits(limits: object) -> Limits:
    """((left, right), (bottom, top)); one number r stands for the square from −r to r."""
    pairs = as_numbers(limits, "limits").astype(float)
    if pairs.shape == ():
        pairs = np.array([(-pairs, pairs)] * 2)
    fits = pairs.shape == (2, 2) and (np.abs(pairs) <= FARTHEST).all()
    if not fits or (pairs[:, 0] >= pairs[:, 1]).any():
        raise CourseError(
            "limits must be ((left, right), (bottom, top)) or one number above 0, all of them "
            f"finite; got {limits!r}."
        )
    return tuple(pairs[0]), tuple(pairs[1])


def lattice(limits: Limits, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates x (steps,), y (steps,) and all their pairs (steps², 2), y slowest."""
    x, y = (np.linspace(*pair, steps) for pair in limits)
    return x, y, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def evaluate(function: Callable, pairs: np.ndarray) -> np.ndarray:
    """`function` of a float32 tensor (n, 2), as float64 (n,) or (n, 2)."""
    import torch

    if not callable(function):
        raise CourseError(f"A function of points (n, 2) is wanted; got {function!r:.60}.")
    values = as_numbers(function(torch.as_tensor(pairs, dtype=torch.float32)), "Its values")
    if values.shape == (len(pairs), 1):
        values = values[:, 0]
    if values.shape not in ((len(pairs),), (len(pairs), 2)):
        raise CourseError(
            "The function must turn points (n, 2) into numbers (n,) or arrows (n, 2); "
            f"from {pairs.shape} it made {values.shape}."
        )
    return values.astype(float)


def spread(places: np.ndarray, least: float) -> np.ndarray:
    """Places (n, 2) moved apart, as far as it goes, until any two are `least` apart."""
    places = np.array(places, dtype=float)
    for _ in range(200):
        apart = places[:, None] - places[None]
        distance = np.linalg.norm(apart, axis=2) + np.eye(len(places)) * 10 * least
        if distance.min() >= least:
            break
        first, second = np.unravel_index(distance.argmin(), distance.shape)
        way = apart[first, second] / distance[first, second] if distance.min() else (0.0, 1.0)
        push = (least * 1.01 - distance.min()) / 2 * np.asarray(way)
        places[first] += push
        places[second] -= push
    return places
