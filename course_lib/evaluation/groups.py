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

from course_lib.errors import CourseError, whole_number
from course_lib.pixels import require_tensor

MOST = 1000  # groups: their matrix has a million numbers
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
    every group some. All are whole numbers, or yes and no for two groups. Raises CourseError
    where a group has none, and where the judge takes groups for each other so often that the
    shares can't be told.
    """
    read, matrix, of = _counted(read, read_real, true_real, groups)
    if torch.linalg.svdvals(matrix)[-1] < SINGULAR:
        raise CourseError(
            "The judge takes these groups for each other too often: merge some, or ask another."
        )
    q = torch.bincount(read, minlength=len(of)).double() / len(read)
    inverse = torch.linalg.inv(matrix)
    p = inverse @ q
    spread = _multinomial(q) / len(read)
    for i in range(len(of)):
        spread = spread + p[i] ** 2 * _multinomial(matrix[:, i]) / of[i]
    return GroupShares(p, (inverse @ spread @ inverse.T).diagonal().clamp(min=0).sqrt(), q)


def _counted(
    read: Tensor, read_real: Tensor, true_real: Tensor, groups: int
) -> tuple[Tensor, Tensor, Tensor]:
    """`read` in int64, the matrix M (k, k), and how many real images each group has (k,)."""
    groups = whole_number("groups", groups, 1, MOST)
    given = {"read": read, "read_real": read_real, "true_real": true_real}
    read, read_real, true_real = (_whole(name, x, groups) for name, x in given.items())
    if len(read_real) != len(true_real):
        raise CourseError(
            f"As many readings as true groups are wanted: {len(read_real)}, {len(true_real)}."
        )
    of = torch.bincount(true_real, minlength=groups)
    if (of == 0).any():
        missing = (of == 0).nonzero().flatten().tolist()
        raise CourseError(
            f"No real image is of the groups {missing!s:.100}: how are they read?"
        )
    pairs = torch.bincount(read_real * groups + true_real, minlength=groups**2).double()
    return read, pairs.view(groups, groups) / of, of


def _whole(name: str, x: Tensor, groups: int) -> Tensor:
    """x (N,) in int64, if these are groups; yes and no are 1 and 0."""
    found = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
    if not isinstance(x, Tensor) or x.ndim != 1 or x.is_floating_point() or x.is_complex():
        raise CourseError(f"{name} must be a tensor of whole numbers (N,), got {found}.")
    x = x.long()
    if not len(x) or x.min() < 0 or x.max() >= groups:
        raise CourseError(f"{name} must hold whole numbers from 0 to {groups - 1}, (N,).")
    return x


def _multinomial(q: Tensor) -> Tensor:
    """The covariance of one draw from shares q, (k, k)."""
    return q.diag() - q[:, None] * q


@dataclass(frozen=True)
class Remedy:
    """keep (k,): with what probability a sample is kept that is read as this group, the largest
    1; kept: the share of all samples that is kept; before, after: the groups' true shares.

    The errors of `after` are those of the counts, for a rule that is fixed.
    """

    keep: Tensor
    kept: float
    before: GroupShares
    after: GroupShares


def resampled_groups(
    read: Tensor, read_real: Tensor, true_real: Tensor, target: Tensor, draws: int = 200
) -> Remedy:
    """Samples kept or thrown away by what a judge reads, until readings are as common as among
    real images with the shares `target` (k,): what are the true shares then?

    The other arguments are those of `group_shares`. The readings of what is kept can't tell, for
    they were made right; but a sample of group i is read as j as often as before, M[j, i], so
    its share becomes p_i Σ_j M[j, i] keep_j, over the sum of these. A group that is never read
    can't be brought back. Errors: both counts drawn `draws` times anew (parametric bootstrap).
    Raises CourseError where only such groups are asked for.
    """
    draws = whole_number("draws", draws, 2)
    require_tensor(target)
    total = target.double().sum()
    if (
        target.ndim != 1
        or (target < 0).any()
        or not torch.isclose(total, torch.ones_like(total))
    ):
        raise CourseError("target must be shares of the groups, (k,): from 0 on, and 1 in all.")
    groups = len(target)
    before = group_shares(read, read_real, true_real, groups)
    read, matrix, of = _counted(read, read_real, true_real, groups)
    wanted = matrix @ target.double()
    keep = torch.where(before.read > 0, wanted / before.read.clamp(min=1e-12), 0.0)
    if not keep.any():
        raise CourseError(
            "Nothing is read as what the target asks for, so no sample could be kept: a group that "
            "is never read can't be brought back."
        )
    keep = keep / keep.max()

    def after(matrix: Tensor, q: Tensor) -> Tensor:
        p = torch.linalg.solve(matrix, q).clamp(min=0) * (matrix.T @ keep)
        return p / p.sum()

    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(draws):
        columns = [_counts(matrix[:, i], int(of[i]), generator) for i in range(groups)]
        again = torch.stack(columns, 1)
        if torch.linalg.svdvals(again)[-1] >= SINGULAR:
            found.append(after(again, _counts(before.read, len(read), generator)))
    found = [shares for shares in found if shares.isfinite().all()]  # not: nothing was kept
    if len(found) < 2:
        raise CourseError(
            "So few images, drawn anew, don't tell how sure the shares are: take more real images "
            "of each group, and more samples."
        )
    errors = torch.stack(found).std(0)
    kept = (keep * before.read).sum().item()
    reading = keep * before.read / kept
    return Remedy(keep, kept, before, GroupShares(after(matrix, before.read), errors, reading))


def _counts(shares: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Shares of n draws from `shares` (k,)."""
    drawn = torch.multinomial(shares, n, True, generator=generator)
    return torch.bincount(drawn, minlength=len(shares)).double() / n
