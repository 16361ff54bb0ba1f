"""A report as a table: one row a score, never without its scale.

A score stands beside its error and its floor (the same score of real data against real data), and
a score that a model cannot have stands there too, as "—" with the reason. Lesson 13 makes one
table of many reports.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from course_lib.errors import unknown

COLUMNS = ("score", "value", "± error", "floor", "unit", "note")


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


def number(value: float | None) -> str:
    """A number as the table shows it: whole ones as such, else three decimals, or four digits."""
    if value is None:
        return "—"
    if not math.isfinite(value):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.2f}"


@dataclass(frozen=True)
class Report:
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

    def __str__(self) -> str:
        table = [COLUMNS, *(row.cells() for row in self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
        lines = [self.about]
        for row in table:
            cells = [
                cell.rjust(width) if 1 <= i <= 3 else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        if self.histogram is not None:
            lines.append("samples a class: " + " ".join(map(str, self.histogram)))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str) -> str:
            sides = ["left", *["right"] * 3, "left", "left"]
            inside = (
                f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            )
            return f"<tr>{''.join(inside)}</tr>"

        body = "".join(line(row.cells(), "td") for row in self.rows)
        below = ""
        if self.histogram is not None:
            below = f"<p>samples a class: {' '.join(map(str, self.histogram))}</p>"
        return (
            f"<table><caption>{html.escape(self.about)}</caption>"
            f"<thead>{line(COLUMNS, 'th')}</thead><tbody>{body}</tbody></table>{below}"
        )
