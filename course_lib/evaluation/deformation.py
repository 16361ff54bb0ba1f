"""Is a face's left half at the height of its right half? Measured at landmarks.

Report B calls a face deformed that is not symmetric. Comparing a picture with its mirror image
measures much else: noise and one-sided light make it asymmetric, blur makes it symmetric, and a
turned head is not symmetric at all. Here pairs of landmarks are compared, the eyes and the corners
of the mouth: how much higher or lower must the window around the left one be, mirrored, to fit the
right one best? Turning a head moves landmarks sideways only, contrast leaves the best fit where it
is, and noise moves it little. Blur makes it uncertain, so faces are compared with real ones that
were blurred until they are as soft. On drawn faces the true answer is nought, and deformations of
known size can be planted. What it does not see: a deformation that both halves share, one sideways,
and one between the landmarks. Lesson 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.data.faces.drawing import REACH, UP
from course_lib.data.faces.face import EYES, LIPS
from course_lib.errors import CourseError, mapping
from course_lib.evaluation.image_statistics import grey, sharpness, smooth
from course_lib.evaluation.judges.faces import FaceFactors, face_factors
from course_lib.evaluation.ladder import blurred
from course_lib.evaluation.levels import as_levels, checked

STEP = 2 / 64  # of a window's points, where the picture goes from -1 to 1
HALF, UP_DOWN, ASIDE = 5, 7, 3  # steps: of a window, and how far the best fit is looked for
SMOOTHING = 1 / 48  # of the side
BUMP = 0.18  # how wide a planted deformation is, where the picture goes from -1 to 1
PART = 200
LEAST, RESAMPLED, COMPARED = 10, 500, 100


def landmark_offsets(images: Tensor, judge: FaceFactors | None = None) -> dict[str, Tensor]:
    """How much lower the left landmark is than the right one, each (N,), in shares of the side.

    images (N, 3, H, W), uint8 or floats in [0, 1], of drawn faces or models of them. Keys: "eyes"
    and "mouth". Between -7/64 and 7/64; of what is no face it may be anything there. judge: who
    reads which way the head is turned, so where the landmarks are sideways (None: the shipped).
    """
    _require_colour(images)
    judge = face_factors() if judge is None else judge
    parts = [_offsets(part, judge) for part in images.split(PART)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


@dataclass(frozen=True)
class Deformation:
    """How far the eyes of a face are from one height, beyond what equally soft real faces show.

    excess and its standard error over images; median: of the pictures themselves; floor: that of
    real faces as soft as they are. All in shares of the side. blur: what softened the real ones,
    the standard deviation of a Gaussian in shares of the side; 0 if the pictures are sharper.
    """

    excess: float
    error: float
    median: float
    floor: float
    blur: float


def deformation(
    images: Tensor, real: Tensor, judge: FaceFactors | None = None, seed: int = 0
) -> Deformation:
    """The median offset of the eyes of `images`, against `real`: both drawn faces (N, 3, H, W).

    seed: of the 500 resamplings, of images and of real ones, behind the error. Some 60
    milliseconds a picture. Raises CourseError for fewer than 10 on a side, and for what is no
    colour images.
    """
    for faces in (images, real):
        _require_colour(faces)
    if min(len(images), len(real)) < LEAST:
        raise CourseError(
            f"A median takes {LEAST} faces or more, here are {len(images)} and {len(real)}."
        )
    judge = face_factors() if judge is None else judge
    blur = equal_blur(real, _softness(images[:COMPARED]))
    soft = blurred(as_levels(real), blur) if blur else real
    own, other = (landmark_offsets(x, judge)["eyes"].abs() for x in (images, soft))
    generator = torch.Generator().manual_seed(seed)

    def resampled(x: Tensor) -> Tensor:
        rows = torch.randint(len(x), (RESAMPLED, len(x)), generator=generator, device="cpu")
        return x[rows].median(1).values

    error = (resampled(own) - resampled(other)).std().item()
    median, floor = own.median().item(), other.median().item()
    return Deformation(median - floor, error, median, floor, blur)


def equal_blur(real: Tensor, softness: float) -> float:
    """The blur that makes real images so soft, in shares of the side, up to a tenth."""
    levels = as_levels(real[:COMPARED])
    if _softness(levels) >= softness:
        return 0.0
    low, high = 0.0, 0.1
    for _ in range(8):
        middle = (low + high) / 2
        enough = _softness(blurred(levels, middle)) >= softness
        low, high = (low, middle) if enough else (middle, high)
    return (low + high) / 2


def _softness(images: Tensor) -> float:
    """Minus the median logarithm of the Laplacian's variance over the picture's variance.

    The quotient does not depend on contrast.
    """
    spread = torch.cat([grey(part).flatten(1).var(1) for part in images.split(PART)])
    return -(sharpness(images) / spread.clamp(min=1e-6)).clamp(min=1e-9).log().median().item()


def with_eye_moved(images: Tensor, factors: Mapping[str, Tensor], share: float) -> Tensor:
    """Drawn faces whose left eye (the viewer's) is lower by that share of the side, as floats.

    factors: those that they were drawn from, (N,) each or one for all; "turn" and "eye_spacing"
    tell where the eye is. The picture is warped smoothly around it, so that nothing is cut; with
    a share of 0 it is what it was, up to interpolation.
    """
    if not abs(share) <= 0.1:
        raise CourseError(f"An eye can be moved by at most a tenth of the side, not {share!r}.")
    x = as_levels(checked(images))
    mapping("factors", factors, "faces.draw_factors(100)")
    each = {name: _of_all(name, factors, len(x)) for name in ("turn", "eye_spacing")}
    left, _ = _sideways(each["turn"], _apart(each))
    high, wide = x.shape[2:]
    rows = (torch.arange(high, dtype=x.dtype, device=x.device) * 2 + 1) / high - 1
    columns = (torch.arange(wide, dtype=x.dtype, device=x.device) * 2 + 1) / wide - 1
    down = rows.view(1, -1, 1).expand(len(x), high, wide)
    across = columns.view(1, 1, -1).expand(len(x), high, wide)
    centre = (EYES + UP) / REACH
    near = (down - centre).square() + (across - left.to(x).view(-1, 1, 1)).square()
    moved = down - 2 * share * (-0.5 * near / BUMP**2).exp()
    grid = torch.stack([across, moved], 3)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False).clamp(0, 1)


def _require_colour(images: Tensor) -> None:
    if checked(images).shape[1] != 3:
        raise CourseError(f"Expected colour images (N, 3, H, W), got {tuple(images.shape)}.")


def _of_all(name: str, factors: Mapping[str, Tensor], n: int) -> Tensor:
    """That factor of n faces, if there is one of each or one for all."""
    values = factors.get(name)
    if isinstance(values, Tensor) and values.numel() in (1, n):
        return values.flatten()
    found = tuple(values.shape) if isinstance(values, Tensor) else repr(values)
    raise CourseError(
        f"factors must hold {name!r} of {n} faces, a tensor ({n},), not {found!s:.60}."
    )


def _apart(factors: Mapping[str, Tensor]) -> Tensor:
    """Half the distance of the eyes, as `data.faces.face.Face` has it."""
    return 0.207 + 0.038 * factors["eye_spacing"]


def _sideways(turn: Tensor, apart: Tensor, depth: float = 0.17) -> tuple[Tensor, Tensor]:
    """Where a pair of landmarks is on a turned head, (N,) each; the picture goes from -1 to 1.

    Solves `Face.facing(x)` = ∓apart by repetition, which contracts.
    """
    found = []
    for side in (-apart, apart):
        across = side
        for _ in range(30):
            across = side + depth * turn * (1 - (across / 0.6).square()).clamp(min=0)
        found.append((across + 0.03 * turn) / REACH)
    return found[0], found[1]


def _offsets(images: Tensor, judge: FaceFactors) -> dict[str, Tensor]:
    read = judge.read(images)
    x = smooth(grey(images), SMOOTHING * images.shape[2])[:, None]
    turn = read["turn"].double()
    eyes = _sideways(turn, _apart(read).double())
    mouth = _sideways(turn, torch.full_like(turn, 0.16))
    return {
        "eyes": _offset(x, *eyes, (EYES + UP) / REACH),
        "mouth": _offset(x, *mouth, (LIPS + UP) / REACH),
    }


def _offset(x: Tensor, left: Tensor, right: Tensor, height: float) -> Tensor:
    """How much lower the left window is than the right one, (N,), in shares of the side.

    The right window, mirrored, is the pattern; it is looked for around the left landmark by the
    largest correlation, and between the steps by a parabola through three of them.
    """
    pattern = _window(x, right, height, HALF, HALF).flip(2).flatten(1)
    field = _window(x, left, height, HALF + UP_DOWN, HALF + ASIDE)
    size = 2 * HALF + 1
    shape = (2 * UP_DOWN + 1, 2 * ASIDE + 1)
    tried = F.unfold(field[:, None], size).view(len(x), size * size, *shape)
    fit = (_standard(pattern)[:, :, None, None] * _standard(tried)).sum(1)
    best = fit.amax(2)  # over steps aside
    at = best.argmax(1, keepdim=True)
    inner = at.clamp(1, 2 * UP_DOWN - 1)
    before, here, after = (best.gather(1, inner + i)[:, 0] for i in (-1, 0, 1))
    bend = (before - 2 * here + after).clamp(max=-1e-9)
    between = (0.5 * (before - after) / bend).clamp(-1, 1)
    steps = torch.where(at == inner, inner + between[:, None], at.double())[:, 0] - UP_DOWN
    return steps * STEP / 2


def _window(x: Tensor, across: Tensor, height: float, rows: int, columns: int) -> Tensor:
    """Pictures (N, 1, H, W) at points STEP apart around (across, height), (N, rows', columns')."""
    down = height + STEP * torch.arange(-rows, rows + 1, dtype=x.dtype)
    aside = STEP * torch.arange(-columns, columns + 1, dtype=x.dtype)
    shape = (len(x), len(down), len(aside))
    grid = torch.stack(
        [
            (across[:, None, None] + aside.view(1, 1, -1)).expand(shape),
            down.view(1, -1, 1).expand(shape),
        ],
        3,
    )
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)[:, 0]


def _standard(x: Tensor) -> Tensor:
    """Along dimension 1 without its mean and of length 1."""
    x = x - x.mean(1, keepdim=True)
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-9)
