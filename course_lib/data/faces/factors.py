"""The factors of a rendered face: what can vary, how far, and how often.

They are drawn independently of each other, so what a model has learned about one of them can be
told from what it has learned about the others (lessons 03, 04 and 07 use that). A probability
model this simple is what real photographs never have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.data.faces import palette
from course_lib.errors import CourseError, one_of, whole_number

Values = Tensor | float | str | Sequence[float | str]


@dataclass(frozen=True)
class Factor:
    """One thing that varies. kind "continuous": uniform between low and high; its values are
    floats. kind "choice": one of `options`, with `chances`; its values are their numbers.
    """

    text: str
    low: float = 0.0
    high: float = 1.0
    options: tuple[str, ...] = ()
    chances: tuple[float, ...] = ()

    @property
    def kind(self) -> str:
        return "choice" if self.options else "continuous"

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n values (n,): float32, or int64 for a choice."""
        where = generator.device
        u = torch.rand(n, generator=generator, dtype=torch.float64, device=where).cpu()
        if self.kind == "continuous":
            return (self.low + (self.high - self.low) * u).to(torch.float32)
        edges = torch.tensor(self.chances, dtype=torch.float64, device="cpu").cumsum(0)[:-1]
        return torch.bucketize(u, edges, right=True)


def _choice(text: str, options: Mapping[str, object] | tuple[str, ...], *weights: float):
    weights = weights or (1.0,) * len(options)
    chances = tuple(weight / sum(weights) for weight in weights)
    return Factor(text, options=tuple(options), chances=chances)


HAIR = ("bald", "short", "side", "spiky", "curly", "bob", "long", "bun")
BEARD = ("none", "moustache", "goatee", "full")
NO_YES = ("no", "yes")

FACTORS: dict[str, Factor] = {
    "skin": Factor("skin tone, from light to dark"),
    "face_width": Factor("from narrow to wide", -1, 1),
    "jaw": Factor("from pointed to broad", -1, 1),
    "hair": _choice("hair style; only side is not symmetric", HAIR, 0.5, *[1.0] * 7),
    "hair_colour": _choice("of hair, brows and beard", palette.HAIR, *[1.3] * 5, 1, 0.7, 0.7),
    "eye_size": Factor("from small to large", -1, 1),
    "eye_spacing": Factor("from close together to far apart", -1, 1),
    "eye_colour": _choice("colour of the irises", palette.EYES),
    "brow_height": Factor("from low to raised", -1, 1),
    "brow_tilt": Factor("inner ends from raised (worried) to lowered (stern)", -1, 1),
    "nose": Factor("from small to large", -1, 1),
    "smile": Factor("from a frown to a smile", -1, 1),
    "mouth_open": Factor("from closed to wide open"),
    "beard": _choice("beard", BEARD, 0.55, 0.15, 0.15, 0.15),
    "glasses": _choice("whether there are glasses", NO_YES, 0.6, 0.4),
    "turn": Factor(
        "of the head, to the left or the right of the picture; 0 is straight", -1, 1
    ),
    "light": Factor("from the left or the right of the picture; 0 is in front", -1, 1),
    "background": _choice("colour of the background", palette.BACKGROUND),
    "clothes": _choice("colour of the clothes", palette.CLOTHES),
}


def draw_factors(n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """n faces' factors, each drawn by itself: name -> (n,), float32 or int64 (choices)."""
    n = whole_number("n, the faces to draw,", n)
    return {name: factor.draw(n, generator) for name, factor in FACTORS.items()}


def neutral(n: int = 1) -> dict[str, Tensor]:
    """n times the face that all others differ from: straight, symmetric, the middle of each
    range, the first option of each choice but short hair. A start for sliders.
    """
    n = whole_number("n, the faces to draw,", n)

    def middle(name: str, factor: Factor) -> Tensor:
        choice = factor.kind == "choice"
        value = int(name == "hair") if choice else (factor.low + factor.high) / 2
        dtype = torch.int64 if choice else torch.float32
        return torch.full((n,), value, dtype=dtype, device="cpu")

    return {name: middle(name, factor) for name, factor in FACTORS.items()}


def checked(factors: Mapping[str, Values]) -> dict[str, Tensor]:
    """All factors as tensors of one length n, float32 or int64 (choices).

    Options may be given by their names; one number or name stands for all n. Raises CourseError
    for a factor that is unknown, missing, out of its range or of another length.
    """
    for name in factors:
        one_of("factor of faces", name, FACTORS)
    missing = [name for name in FACTORS if name not in factors]
    if missing:
        raise CourseError(
            f"A face needs all {len(FACTORS)} factors; missing: {', '.join(missing)}. Start from "
            "faces.draw_factors or faces.neutral() and change some."
        )
    each = {name: _values(name, factors[name]) for name in FACTORS}
    lengths = {name: len(values) for name, values in each.items() if len(values) != 1}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        told = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise CourseError(f"The factors are of different lengths, or empty: {told}.")
    n = max(lengths.values(), default=1)
    return {name: values.expand(n) for name, values in each.items()}


def _values(name: str, given: Values) -> Tensor:
    factor = FACTORS[name]
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list | tuple):
        given = [_number(name, one) if isinstance(one, str) else one for one in given]
    try:
        values = torch.as_tensor(given, dtype=torch.float32, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CourseError(f"{name} must be one number or shape (n,), got {given!r}.") from error
    if values.ndim > 1:
        raise CourseError(
            f"{name} must be one number or shape (n,), got {tuple(values.shape)}."
        )
    values = values.reshape(-1)
    low, high = factor.low, factor.high
    if factor.kind == "choice":
        low, high = 0, len(factor.options) - 1
        if not torch.equal(values, values.to(torch.int64).to(values.dtype)):
            raise CourseError(
                f"{name} is a choice: whole numbers from 0 to {high} ({', '.join(factor.options)})."
            )
    wrong = ~((values >= low) & (values <= high))  # true for NaN too
    if wrong.any():
        raise CourseError(
            f"{name} must lie between {low:g} and {high:g} ({factor.text}); "
            f"{int(wrong.sum())} of {len(values)} do not, such as {values[wrong][0].item():.8g}."
        )
    return values.long() if factor.kind == "choice" else values


def _number(name: str, option: str) -> int:
    factor = FACTORS[name]
    if factor.kind != "choice":
        raise CourseError(
            f"{name} is a number from {factor.low:g} to {factor.high:g}, not {option!r}."
        )
    one_of(f"option of {name}", option, factor.options)
    return factor.options.index(option)
