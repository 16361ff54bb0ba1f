"""A report as a table: one row a score, never without its scale.

A score stands beside its error and its floor (the same score of real data against real data), and
a score that a model cannot have stands there too, as "—" with the reason. Lesson 13 makes one
table of many reports.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from course_lib.errors import unknown

COLUMNS = ("score", "value", "± error", "floor", "unit", "note")
WORDS = {"score", "unit", "note"}  # the columns that hold no numbers


@dataclass(frozen=True)
class Row:
    """One score. value None: the model cannot have it, and `note` says why.

    error: standard error of the value; floor: the score that real data get, or None.
    """

    name: str
    value: float | None
    error: float | None = None
    floor: float | None = None
    unit: str = ""
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of COLUMNS."""
        numbers = (number(self.value), number(self.error), number(self.floor))
        return (self.name, *numbers, self.unit, self.note)


def without(names: Iterable[str], why: str) -> list[Row]:
    """Rows of scores that can't be had, with the reason."""
    return [Row(name, None, note=why) for name in names]


def number(value: float | None) -> str:
    """A number as the table shows it: whole ones as such, else three decimals, or four digits."""
    if value is None:
        return "—"
    if not math.isfinite(value):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.2f}"


class Table:
    """What is printed as a table, and shown as one in a notebook.

    `about` stands above it; `cells()`, its head first, are texts; `counted()` stands below.
    """

    about: str

    def cells(self) -> list[tuple[str, ...]]:
        raise NotImplementedError

    def counted(self) -> str:
        return ""

    def __str__(self) -> str:
        cells = self.cells()
        sides = [str.ljust if head in WORDS else str.rjust for head in cells[0]]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = (
            "  ".join(put(*to) for put, *to in zip(sides, row, widths, strict=True))
            for row in cells
        )
        return "\n".join([self.about, *map(str.rstrip, lines), self.counted()]).rstrip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self.cells()

        def line(row: Sequence[str], tag: str) -> str:
            inside = (
                f'<{tag} style="text-align:{"left" if name in WORDS else "right"}">'
                f"{html.escape(cell)}</{tag}>"
                for name, cell in zip(head, row, strict=True)
            )
            return f"<tr>{''.join(inside)}</tr>"

        below = f"<p>{self.counted()}</p>" if self.counted() else ""
        return (
            f"<table><caption>{html.escape(self.about)}</caption>"
            f"<thead>{line(head, 'th')}</thead>"
            f"<tbody>{''.join(line(row, 'td') for row in body)}</tbody></table>{below}"
        )


@dataclass(frozen=True, repr=False)
class Report(Table):
    """Every score that a model can have so far. `report["KL"]` is a row; iterate for all.

    about: model, data, number of samples, seed. histogram: samples a class, if they were judged.
    """

    about: str
    rows: tuple[Row, ...]
    histogram: tuple[int, ...] | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.name == name:
                return row
        raise unknown("score", name, [row.name for row in self.rows])

    def to_dict(self) -> dict:
        """Plain numbers and strings, for JSON: an infinite or undefined value becomes None."""
        rows = [asdict(row) for row in self.rows]
        for row in rows:
            for key in ("value", "error", "floor"):
                if row[key] is not None and not math.isfinite(row[key]):
                    row["note"] = f"{key} is {row[key]}. {row['note']}".strip()
                    row[key] = None
        histogram = None if self.histogram is None else list(self.histogram)
        return {"about": self.about, "rows": rows, "histogram": histogram}

    def cells(self) -> list[tuple[str, ...]]:
        return [COLUMNS, *(row.cells() for row in self.rows)]

    def counted(self) -> str:
        if self.histogram is None:
            return ""
        return "samples a class: " + " ".join(map(str, self.histogram))
