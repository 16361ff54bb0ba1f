"""Can a person read a code? Mutual information gap, DCI and linear probes, against known factors.

"Interpretable" is said of a latent space whose numbers stand for something: one number for the
smile, another for the glasses. Where the factors that made a picture are known, that can be
measured. The mutual information gap (Chen et al. 2018) asks whether each factor is told by one
number alone; disentanglement and completeness (Eastwood and Williams 2018) ask whether a number
tells one factor only, and a factor is told by one number only; a linear probe (Alain and Bengio
2017) asks whether a weighted sum of all numbers tells it. A rotation of the code changes the first
three and not the last. Lesson 13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.errors import CourseError, mapping, real_number, whole_number
from course_lib.pixels import require_tensor

BINS = 20
RIDGE = 1e-3
PART = 256  # latents counted at a time
ALIKE = 1e-9  # of a latent's mean: what varies less is rounded, and tells nothing


def mutual_information(a: Tensor, b: Tensor) -> float:
    """I(a; b) in nats of two discrete variables (N,), from counts: a little too large, by about
    (values of a - 1)(values of b - 1) / 2N."""
    return _told(a[None], b).item()


def mutual_information_gap(
    codes: Tensor, factors: Mapping[str, Tensor], bins: int = BINS
) -> dict[str, float]:
    """(I₁ - I₂) / H of each factor, from 0 to 1; their mean is the MIG.

    codes (N, d); factors (N,) each, whole numbers or floats, which are cut into `bins` of equal
    width as codes are. I₁, I₂: what the two numbers that tell most of a factor tell, H: all that
    there is to tell. Raises CourseError for one number, for a factor that does not vary, and for
    NaN.
    """
    bins = whole_number("bins", bins, 2)
    _require(codes, mapping("factors", factors, '{"smile": values}'))
    if codes.shape[1] < 2:
        raise CourseError("A gap between two latents takes two or more; this code has one.")
    cut = torch.stack([binned(one, bins) for one in codes.T])
    found = {}
    for name, values in factors.items():
        values = binned(values, bins)
        told = torch.cat([_told(some, values) for some in cut.split(PART)])
        first, second = told.topk(2).values.tolist()
        found[name] = (first - second) / mutual_information(values, values)
    return found


def binned(values: Tensor, bins: int = BINS) -> Tensor:
    """Whole numbers as they are; floats (N,) by number of their bin, all of equal width."""
    if not values.is_floating_point():
        return values
    values = values.double()
    low, high = values.aminmax()
    share = ((values - low) / (high - low)).nan_to_num()  # 0 / 0: they are all alike
    return (share * bins).long().clamp(max=bins - 1)


@dataclass(frozen=True)
class DCI:
    """Disentanglement and completeness, 0 to 1."""

    disentanglement: float
    completeness: float


def dci(importance: Tensor) -> DCI:
    """Of how important each latent is for each factor, (d, k) ≥ 0 (Eastwood and Williams 2018).

    Disentanglement: 1 - the entropy (base k) of a latent's importances over factors, in the mean
    over latents weighted by their importance. Completeness: the same of factors over latents
    (base d). 1: each row, or column, has one entry; 0: all are alike.
    """
    require_tensor(importance)
    r = importance.double()
    if r.ndim != 2 or min(r.shape) < 2 or not (r >= 0).all() or not 0 < r.sum() < math.inf:
        raise CourseError(
            "Importances are finite numbers from 0 on, (latents, factors), 2 or more of each, not "
            "all 0."
        )

    def concentrated(r: Tensor) -> float:
        total = r.sum(1, keepdim=True)
        shares = r / total.where(total > 0, 1)
        scores = 1 - torch.special.entr(shares).sum(1) / math.log(r.shape[1])
        return (scores @ total[:, 0] / total.sum()).item()

    return DCI(concentrated(r), concentrated(r.T))


@dataclass(frozen=True)
class Probe:
    """What a linear probe finds. told: of held-out examples R² for floats (1: all, 0: nothing),
    for whole numbers the share read right; chance: the same without a code; importance (d,):
    root mean square weight of each latent, all brought to one spread.
    """

    told: float
    chance: float
    importance: Tensor


def linear_probe(
    codes: Tensor,
    values: Tensor,
    held_codes: Tensor,
    held_values: Tensor,
    ridge: float = RIDGE,
) -> Probe:
    """Least squares from codes (N, d) to a factor (N,), tried on held-out ones.

    Whole numbers are classes: one column each, and the largest is the reading. ridge: the
    penalty on squared weights, of latents brought to variance 1, in the number of examples; with
    more latents than examples take about 1, the same for all codes that are compared. Raises
    CourseError for NaN, what does not vary, held-out ones of another kind, and a ridge below 0.
    """
    _require(codes, {"values": values})
    _require(held_codes, {"held_values": held_values})
    if held_codes.shape[1] != codes.shape[1]:
        raise CourseError(
            f"Codes of {codes.shape[1]} numbers, and held-out ones of {held_codes.shape[1]}: take "
            "both from one model."
        )
    whole = not values.is_floating_point()
    if held_values.is_floating_point() == whole:
        raise CourseError(
            f"The factor is {values.dtype}, and held out {held_values.dtype}: whole numbers are "
            "classes, floats are not. Give both as one of them."
        )
    ridge = real_number("ridge", ridge, "[0, inf)")
    middle, spread = codes.double().mean(0), codes.double().std(0)
    spread = spread.where(spread > ALIKE * middle.abs(), 1)
    x, held = ((c.double() - middle) / spread for c in (codes, held_codes))
    if whole:
        classes, place = values.unique(return_inverse=True)
        y = torch.nn.functional.one_hot(place).double()
    else:
        y = values[:, None].double()
    penalty, few = ridge * len(x), len(x) < x.shape[1]  # the same weights by the smaller matrix
    square = x @ x.T if few else x.T @ x
    square.diagonal().add_(penalty)
    centred = y - y.mean(0)
    solve = torch.linalg.solve
    try:
        weights = x.T @ solve(square, centred) if few else solve(square, x.T @ centred)
    except torch.linalg.LinAlgError as error:
        raise CourseError("Latents repeat one another: give a ridge above 0.") from error
    read = held @ weights + y.mean(0)
    importance = weights.square().mean(1).sqrt()
    if whole:
        told = (classes[read.argmax(1)] == held_values).double().mean().item()
        chance = (held_values == classes[y.sum(0).argmax()]).double().mean().item()
        return Probe(told, chance, importance)
    miss = (held_values.double() - read[:, 0]).square().sum()
    total = (held_values.double() - y.mean()).square().sum()
    return Probe((1 - miss / total).item(), 0.0, importance)


def _told(codes: Tensor, values: Tensor) -> Tensor:
    """I(code; values) in nats of each of the codes (d, N) and the values (N,), all discrete."""
    codes, values = (x.unique(return_inverse=True)[1] for x in (codes, values[None]))
    return _entropy(codes) + _entropy(values) - _entropy(codes * (values.max() + 1) + values)


def _entropy(rows: Tensor) -> Tensor:
    """(d,): the entropy in nats of each row of whole numbers (d, N), from their shares."""
    d, n = rows.shape
    kinds = int(rows.max()) + 1
    rows = rows + kinds * torch.arange(d, device=rows.device)[:, None]
    shares = torch.bincount(rows.flatten(), minlength=d * kinds).view(d, kinds).double() / n
    return torch.special.entr(shares).sum(1)


def _require(codes: Tensor, factors: Mapping[str, Tensor]) -> None:
    """Refuse codes that are no table, and factors that don't fit, are not finite or don't vary."""
    require_tensor(codes)
    if codes.ndim != 2 or len(codes) < 2 or codes.is_complex() or not codes.isfinite().all():
        raise CourseError(
            f"codes must be finite real numbers (N, d), got {tuple(codes.shape)}."
        )
    for name, values in factors.items():
        require_tensor(values)
        if values.shape != (len(codes),):
            raise CourseError(
                f"{name} must be one value for each of the {len(codes)} codes, got shape "
                f"{tuple(values.shape)}."
            )
        if values.is_complex() or not values.isfinite().all():
            raise CourseError(
                f"{name} must be finite real numbers: leave the other examples out."
            )
        if (values == values[0]).all():
            raise CourseError(f"{name} does not vary: nothing can be told of it.")
