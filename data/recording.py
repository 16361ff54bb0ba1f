"""What the make_*.py beside this share: a table whose rows are trainings, filled as they end.

Some fields of a row name it (a method and a seed, say). Rows that are there are kept, so a script
that was stopped goes on; a row is written when it is whole, and an interrupted training leaves
none. The file is read again under a lock and replaced in one step, so that several scripts may
fill one table and nobody meets half of it. A script states its grid and how a row is played.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from course_lib import disk, training
from course_lib.data import DataSet

MACHINE = f"{platform.system()} {platform.machine()}, CPU"
Rows = dict[str, list[dict]]


def a_row_a_line(table: dict) -> str:
    """JSON in which each row begins a line: what changed shows in a comparison of versions."""
    return json.dumps(table, ensure_ascii=False).replace("}, {", "},\n {") + "\n"


class Table:
    """Rows by kind in a JSON file, after a head that is made anew from them.

    names: {kind: the fields that name a row of it}; order: how the first of them is sorted, the
    others by size; head(rows by kind): all else that the file says; text(table): the file's text;
    keep(rows by kind): those that still count, where an earlier recording was made otherwise.
    """

    def __init__(
        self,
        file: Path,
        names: dict[str, Sequence[str]],
        order: Sequence[object],
        head: Callable[[Rows], dict],
        text: Callable[[dict], str] = a_row_a_line,
        keep: Callable[[Rows], Rows] = lambda rows: rows,
    ) -> None:
        self.file, self.names, self.order = Path(file), names, list(order)
        self.head, self.text, self.keep = head, text, keep

    def rows(self) -> Rows:
        """What is there, by kind."""
        found = json.loads(self.file.read_text("utf-8")) if self.file.exists() else {}
        return self.keep({kind: found.get(kind, []) for kind in self.names})

    def find(self, kind: str, **names: object) -> dict | None:
        """The row of that name, or None."""
        return next((row for row in self.rows()[kind] if names.items() <= row.items()), None)

    def record(self, kind: str, row: dict) -> None:
        """Write a row, in the place of one of its name."""
        name = {field: row[field] for field in self.names[kind]}
        first, *rest = self.names[kind]
        lock = f"{self.file.resolve()}.lock".replace(os.sep, "-")
        with disk.alone(Path(tempfile.gettempdir()) / lock):
            rows = self.rows()
            others = [other for other in rows[kind] if not name.items() <= other.items()]
            rows[kind] = sorted(
                [*others, row],
                key=lambda r: (self.order.index(r[first]), *(r[field] for field in rest)),
            )
            rows = self.keep(rows)
            with disk.whole(self.file) as file:
                file.write(self.text({**self.head(rows), **rows}).encode())

    def fill(
        self,
        kind: str,
        grid: Iterable[dict],
        play: Callable[..., dict],
        tell: Callable[[dict], object],
    ) -> None:
        """Play each row of the grid that is not there: play(**names) → the row; tell it."""
        for names in grid:
            if self.find(kind, **names) is None:
                row = play(**names)
                self.record(kind, row)
                print(tell(row), flush=True)


def fit(model, dataset: DataSet, **options) -> training.History:
    """A training without previews; where it is interrupted the script ends, and has no row."""
    history = training.fit(model, dataset, preview=False, progress=False, **options)
    if history.interrupted:
        raise SystemExit("Interrupted; the same command goes on.")
    return history


def circumstances() -> dict[str, object]:
    """What a time depends on."""
    return {
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
    }


def options(doc: str, known: Sequence[str], seeds: Sequence[int], to: Path):
    """A parser of what all scripts take: some of the grid, and another file."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=known, default=list(known), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(seeds))
    parser.add_argument("--to", type=Path, default=to, help="another file, to try")
    return parser


def minutes(rows: Rows) -> float:
    """What all rows took together."""
    return round(sum(row["cpu_seconds"] for each in rows.values() for row in each) / 60, 1)
