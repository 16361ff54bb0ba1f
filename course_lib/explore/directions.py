"""Directions of attributes in a latent space, from pictures whose factors somebody has read.

"With glasses" minus "without glasses" (Radford et al. 2016, Larsen et al. 2016) is a difference
of two means, and whatever else differs between the two groups comes with it. Least squares of z
on *all* factors at once takes that out. If factors = W z with z ~ N(0, I), then its rows tend to
the pseudo-inverse of W: a step along one changes its own factor by one and the others not at
all. Lessons 04 and 11 use them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError, mapping, one_of, whole_number
from course_lib.explore.kit.latent_space import draws, latents
from course_lib.explore.kit.network import finite
from course_lib.explore.kit.readings import judge_for, read
from course_lib.plots.pictures import as_numbers

BATCH = 100


def judged_draws(
    model, n: int = 1000, *, seed: int = 0, temperature: float = 1.0, judge=None
) -> tuple[Tensor, dict[str, Tensor]]:
    """n latents of a model of faces, and the factors that the judge reads in their pictures.

    model: a GAN, VAE or flow of colour images; judge: `evaluation.face_factors()` unless given.
    Returns z (n, d) from N(0, temperature²), and name → (n,), int64 for a choice. A thousand
    draws take a second or two of a DCGAN at 32×32, eight times that of a RealNVP.
    """
    n = whole_number("n", n, 1, 10**6)
    space = latents(model, "judged_draws")
    judge = judge_for(space.shape, judge, "judged_draws")
    z = draws(n, space.size, seed, temperature)
    parts = [read(judge, space.pictures(z[i : i + BATCH])) for i in range(0, n, BATCH)]
    factors = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return torch.from_numpy(z).float(), factors


def attribute_directions(
    z: object,
    factors: Mapping[str, object],
    names: Sequence[str] = ("glasses", "smile", "turn"),
) -> dict[str, Tensor]:
    """The direction (d,) of each attribute asked for, by least squares of z on all factors.

    z (n, d); factors: name → (n,), floats for a continuous factor, whole numbers or booleans for
    a choice, as a data set's `.attributes` and `judged_draws` have them. A name is a continuous
    factor (one direction's length is one unit of it), a choice of two ("glasses": with minus
    without), or an option ("hair=curly": that minus the average of the others).
    Raises `CourseError` for an unknown name, an option that occurs never or always, and fewer
    examples than unknowns.
    """
    z = as_numbers(z, "z").astype(float)
    factors = mapping("factors", factors, "{'smile': values}")
    values = {name: as_numbers(v, name) for name, v in factors.items()}
    for name, given in {"z": z, **values}.items():
        finite(given, name)
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise CourseError(f"names must be of factors, such as ('glasses',); got {names!r:.60}.")
    if z.ndim != 2 or any(v.shape != (len(z),) for v in values.values()):
        raise CourseError(
            f"z (n, d) and factors (n,) of one n are wanted; got {z.shape} and "
            f"{ {name: v.shape for name, v in values.items()} }."
        )
    design, owners = [np.ones(len(z))], [("", None)]
    for name, v in values.items():
        if v.dtype.kind == "f":
            design.append(v - v.mean())
            owners.append((name, None))
            continue
        for option in np.unique(v)[1:]:  # the first is what the others are compared with
            design.append((v == option).astype(float))
            owners.append((name, int(option)))
    if len(z) <= len(design):
        raise CourseError(
            f"{len(design)} unknowns need more examples than {len(z)}; a thousand is a good "
            "number."
        )
    rows = np.linalg.lstsq(np.stack(design, 1), z, rcond=None)[0]
    found = dict(zip(owners, rows, strict=True))
    return {name: torch.from_numpy(_direction(name, values, found)).float() for name in names}


def _direction(name: str, values: Mapping[str, np.ndarray], rows: Mapping) -> np.ndarray:
    factor, _, option = name.partition("=")
    one_of("attribute", factor, values)
    v = values[factor]
    if v.dtype.kind == "f":
        return rows[factor, None]
    present = [int(number) for number in np.unique(v)]
    if option:
        known = FACTORS[factor].options if factor in FACTORS else tuple(map(str, present))
        one_of(f"option of {factor}", option, known)
        wanted = known.index(option) if factor in FACTORS else int(option)
    elif len(present) > 2:
        example = FACTORS[factor].options[present[1]] if factor in FACTORS else present[1]
        raise CourseError(
            f"{factor} has {len(present)} options: say which, as {factor}={example}."
        )
    else:
        wanted = present[-1]
    if wanted not in present or len(present) < 2:
        raise CourseError(
            f"{name} occurs in {'all' if wanted in present else 'none'} of {len(v)} examples: "
            "no direction can be told from them."
        )
    row = lambda number: rows.get((factor, number), 0.0)
    mean = sum((v == other).mean() * row(other) for other in present if other != wanted)
    return np.asarray(row(wanted) - mean / (v != wanted).mean())
