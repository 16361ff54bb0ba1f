"""What a learner can move: sliders, choices, switches and letters to type, declared and checked
once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from course_lib.errors import CourseError, one_of, plain, real_number


@dataclass(frozen=True)
class Slider:
    """A number from `low` to `high` in steps; whole numbers if all four are. `sets`: the values
    of other controls that moving it brings along."""

    name: str
    label: str
    low: float
    high: float
    step: float
    start: float
    sets: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            real_number(f"{name} of the slider {self.name!r}", getattr(self, name))
        if not self.low < self.high or not 0 < self.step <= self.high - self.low:
            raise CourseError(
                f"Slider {self.name!r} must run from low to high in steps that fit; "
                f"got {self.low} to {self.high} by {self.step}."
            )
        self.check(self.start)

    @property
    def whole(self) -> bool:
        """Whether only whole numbers can be set."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step, self.start))

    @property
    def digits(self) -> int:
        """Decimals that tell neighbouring values apart."""
        return 0 if self.whole else max(0, -math.floor(math.log10(self.step) + 1e-9))

    def check(self, value: object) -> float:
        """The value as a number of this slider, of NumPy and torch too, or a `CourseError`."""
        given, value = value, plain(value)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        inside = number and self.low - 1e-9 <= value <= self.high + 1e-9
        if not inside or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise CourseError(
                f"{self.name} must be {kind} from {self.low:g} to {self.high:g}; got {given!r}."
            )
        return int(value) if self.whole else float(value)

    def nearest(self, value: float) -> float:
        """The value that the slider can take which is nearest to a number."""
        steps = round((min(max(value, self.low), self.high) - self.low) / self.step)
        return self.check(min(self.high, round(self.low + steps * self.step, 9)))


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    name: str
    label: str
    options: Sequence[str]
    start: str

    def __post_init__(self) -> None:
        self.check(self.start)

    def check(self, value: object) -> str:
        """The value if it is an option, or a `CourseError` with the nearest one."""
        one_of(f"value of {self.name}", value, self.options)
        return value

    nearest = check


@dataclass(frozen=True)
class Toggle:
    """On or off."""

    name: str
    label: str
    start: bool = False

    def check(self, value: object) -> bool:
        """The value if it is True or False, or a `CourseError`."""
        if not isinstance(value, bool):
            raise CourseError(f"{self.name} must be True or False; got {value!r}.")
        return value

    nearest = check


@dataclass(frozen=True)
class Letters:
    """Letters of a small alphabet, at most so many: one answer after another, typed. `sets`: the
    values of other controls that typing brings along."""

    name: str
    label: str
    alphabet: str
    most: int
    start: str = ""
    sets: Mapping[str, object] = field(default_factory=dict)

    def check(self, value: object) -> str:
        """The value, in small letters, if it is made of these, or a `CourseError`."""
        word = value.strip().lower() if isinstance(value, str) else None
        if word is None or set(word) - set(self.alphabet) or len(word) > self.most:
            raise CourseError(
                f"{self.name} must be at most {self.most} letters out of "
                f"{', '.join(self.alphabet)}; got {value!r:.60}."
            )
        return word

    def nearest(self, value: str) -> str:
        """What remains of a typed text when other letters, and too many, are left out."""
        return "".join(letter for letter in value.lower() if letter in self.alphabet)[
            : self.most
        ]

    def warning(self, value: str) -> str:
        """That some of a typed text is left out, other than spaces, or nothing."""
        if self.nearest(value) == "".join(value.lower().split()):
            return ""
        return (
            f"{self.label}: only {', '.join(self.alphabet)}, at most {self.most} letters; "
            f"the rest of “{value:.30}” is left out. "
        )


Control = Slider | Choice | Toggle | Letters


def settle(controls: Sequence[Control], state: Mapping[str, object]) -> dict[str, object]:
    """The whole state: given values checked, the others at their start. Raises `CourseError`
    for a control that does not exist and for a value out of range."""
    known = {control.name: control for control in controls}
    for name in state:
        one_of("control", name, known)
    return {name: c.check(state.get(name, c.start)) for name, c in known.items()}
