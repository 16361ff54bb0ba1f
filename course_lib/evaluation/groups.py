"""Who is missing? Shares of groups among samples, corrected for the judge's own mistakes.

A judge reads every sample and its readings are counted. Where it takes one group for another, the
counts are wrong in a way that is known from real images whose group is known: with M[j, i] the
probability that group i is read as j, the readings' shares are q = M p. So p = M⁻¹ q, and its error
comes from both counts, of samples and of real images (Rogan and Gladen 1978, for two groups). What
the correction assumes: the judge errs on a model's pictures as on real ones. Lesson 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.errors import CourseError

SINGULAR = 0.05  # the least singular value of M from which on groups can be told apart


@dataclass(frozen=True)
class GroupShares:
    """shares (k,) of the groups, corrected, which sum to 1 and may be a little below 0; errors
    (k,): their standard errors; read (k,): the shares as read, uncorrected.
    """

    shares: Tensor
    errors: Tensor
    read: Tensor


def group_shares(
    read: Tensor, read_real: Tensor, true_real: Tensor, groups: int
) -> GroupShares:
    """The shares of groups 0 … groups - 1 among samples of which `read` (N,) was read.

    read_real, true_real: what the judge reads of real images, and what they are, (M,) each: of
    every group some. Raises CourseError where a group has none, and where the judge takes groups
    for each other so often that the shares can't be told.
    """
    for name, x in (("read", read), ("read_real", read_real), ("true_real", true_real)):
        if x.ndim != 1 or not len(x) or x.min() < 0 or x.max() >= groups:
            raise CourseError(f"{name} must hold whole numbers from 0 to {groups - 1}, (N,).")
    if len(read_real) != len(true_real):
        raise CourseError(
            f"As many readings as true groups are wanted: {len(read_real)}, {len(true_real)}."
        )
    of = torch.bincount(true_real, minlength=groups).double()
    if (of == 0).any():
        missing = (of == 0).nonzero().flatten().tolist()
        raise CourseError(f"No real image is of the groups {missing}: how are they read?")
    pairs = torch.bincount(read_real * groups + true_real, minlength=groups**2).double()
    matrix = pairs.view(groups, groups) / of
    if torch.linalg.svdvals(matrix)[-1] < SINGULAR:
        raise CourseError(
            "The judge takes these groups for each other too often: merge some, or ask another."
        )
    q = torch.bincount(read, minlength=groups).double() / len(read)
    inverse = torch.linalg.inv(matrix)
    p = inverse @ q
    spread = _multinomial(q) / len(read)
    for i in range(groups):
        spread = spread + p[i] ** 2 * _multinomial(matrix[:, i]) / of[i]
    return GroupShares(p, (inverse @ spread @ inverse.T).diagonal().clamp(min=0).sqrt(), q)


def _multinomial(q: Tensor) -> Tensor:
    """The covariance of one draw from shares q, (k, k)."""
    return q.diag() - q[:, None] * q
