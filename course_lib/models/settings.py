"""Settings of a model: each declared once, with its default, its range and a line that says why.

A declaration is all that is known of a setting: constructors check by it, `help(models.VAE)`
prints its table, errors quote it. Values are plain numbers, strings, truth values and tuples of
them, so that a checkpoint can hold them; whole and real numbers of NumPy and torch become
Python's. Ranges are written as intervals: "[0, 1)" holds 0 and not 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from course_lib import intervals
from course_lib.errors import CourseError, one_of, unknown

SIZES = "[1, 1000000]"  # of anything that memory is taken for
SEEDS = "[0, 9223372036854775807]"


@dataclass(frozen=True)
class Setting:
    """One setting.

    default  its value in the recipe "course", unless that recipe says another
    about    one line: what it is, in which units
    kind     "whole", "number", "flag", "choice" or "name"
    within   the interval of a number
    many     None: one value; True: a list of any length; a number or range: of so many
    also     values that are allowed besides: None, or words
    search   where to look for a better value (`course_lib.tuning`): an interval of numbers,
             "[low, high]" with 0 < low, searched by their logarithm, or a tuple of options;
             None: it is not searched
    """

    default: Any
    about: str
    kind: str
    within: str = intervals.ALL
    many: bool | int | range | None = None
    also: tuple = ()
    search: str | tuple | None = None

    def __post_init__(self) -> None:
        """Refuse, with a CourseError, a search space in which there is nothing to find."""
        if self.search is None:
            return
        try:
            names = set(map(str, self.options))  # by which studies tell them apart
            if isinstance(self.search, str):
                low, high = self.options
                fits = self.search[0] + self.search[-1] == "[]" and 0 < low < high
            else:
                fits = isinstance(self.search, tuple) and 0 < len(names) == len(self.options)
            for option in self.options:
                self.checked(option, "an option")
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise CourseError(
                f"search={self.search!r:.80} is nowhere to search ({self.about}): give an "
                'interval such as "[0.1, 10]", of numbers above 0, or a tuple of different '
                f"options; each value must be {self.expected()}."
            )

    @property
    def options(self) -> Sequence:
        """What to search: the options, or both ends of the interval."""
        return intervals.ends(self.search) if isinstance(self.search, str) else self.search

    def expected(self) -> str:
        """What may be given, in words."""
        one = {
            "whole": f"a whole number {intervals.in_words(self.within)}",
            "number": f"a number {intervals.in_words(self.within)}",
            "flag": "True or False",
            "name": "a name",
        }.get(self.kind)
        if self.many:
            count = "" if self.many is True else f"{self.many} of them: "
            if isinstance(self.many, range):
                count = f"{self.many[0]} to {self.many[-1]} of them: "
            one = f"a list such as {self.default!r}, {count}each {one}"
        also = [repr(value) for value in self.also]
        return " or ".join(also if one is None else [one, *also])

    def checked(self, value: Any, where: str) -> Any:
        """The value as plain Python, or a CourseError that begins with `where`."""
        plain = value.tolist() if hasattr(value, "tolist") else value  # NumPy's and torch's
        if any(
            plain is word or (isinstance(word, str) and plain == word) for word in self.also
        ):
            return plain
        if self.kind == "choice" and isinstance(plain, str):
            raise unknown(where, plain, self.also)
        if self.many:
            fits = isinstance(plain, list | tuple) and len(plain) <= 100
            lengths = self.many if isinstance(self.many, range) else (self.many,)
            fits = fits and (self.many is True or len(plain) in lengths)
            found = [self._one(entry) for entry in plain] if fits else [None]
            found = None if None in found else tuple(found)
        else:
            found = self._one(plain)
        if found is None:
            raise CourseError(
                f"{where} must be {self.expected()}, not {value!r:.80} ({self.about})."
            )
        return found

    def _one(self, value: Any) -> Any:
        """One plain value, or None if it doesn't fit."""
        if self.kind in ("flag", "choice"):
            return value if self.kind == "flag" and isinstance(value, bool) else None
        if self.kind == "name":
            return value if isinstance(value, str) and value else None
        kind = Integral if self.kind == "whole" else Real
        if isinstance(value, bool) or not isinstance(value, kind):
            return None
        value = int(value) if isinstance(value, Integral) else float(value)
        return value if intervals.holds(self.within, value) else None


def whole(default: Any, about: str, within: str = SIZES, **more: Any) -> Setting:
    """A whole number, or with many=… a list of them."""
    return Setting(default, about, "whole", within, **more)


def number(default: Any, about: str, within: str, **more: Any) -> Setting:
    """A finite real number, or with many=… a list of them."""
    return Setting(default, about, "number", within, **more)


def flag(default: bool, about: str) -> Setting:
    """True or False; no number and no string is either."""
    return Setting(default, about, "flag")


def choice(default: str, of: Iterable[str], about: str) -> Setting:
    """One of several words."""
    return Setting(default, about, "choice", also=tuple(of))


def names(default: tuple[str, ...], about: str) -> Setting:
    """A list of names."""
    return Setting(default, about, "name", many=True)


def complete(
    model: str, declared: Mapping[str, Setting], given: Mapping[str, Any]
) -> dict[str, Any]:
    """All settings: those given, checked, the others as declared."""
    for name in given:
        one_of(f"{model} setting", name, declared)
    return {
        name: setting.checked(given.get(name, setting.default), f"{model} setting {name}")
        for name, setting in declared.items()
    }


def table(declared: Mapping[str, Setting]) -> str:
    """The declarations as text, a line each: name, what it is, default."""
    wide = max(map(len, declared))
    return "\n".join(
        f"{name:{wide}}  {setting.about}: {setting.expected()}; {setting.default!r}"
        for name, setting in declared.items()
    )


# Settings that nearly every model has.
COMMON = {
    "shape": whole((1, 28, 28), "shape of one example", "[1, 65536]", many=range(1, 4)),
    "batch": whole(64, "examples a batch", search=(32, 64, 128, 256)),
    "rounds": whole(20_000, "rounds at full budget", "[1, 1000000000000]"),
    "seed": whole(0, "of the first weights", SEEDS),
}
# What is tried of Adam's two decay rates: no momentum, little, and its authors' default.
BETAS = ((0.0, 0.9), (0.5, 0.999), (0.9, 0.999))
