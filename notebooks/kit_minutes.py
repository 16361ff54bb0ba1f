"""The minutes in the teacher's kit: routes and lessons, filled in from the parts of the lessons.

`build.py` writes them with README's, so that nobody types a number that a lesson's text changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from reading_time import Reading, tidy

PART = re.compile(r"\b\d\d [A-C]\b")
WEEK = re.compile(
    r"^\| (?P<week>\d+) \| (?P<here>[^|]+) \| [^|]+ \| (?P<home>[^|]+) \| [^|]+ \|",
    re.MULTILINE,
)
ROW = re.compile(
    r"^\| (?P<start>\d\d):(?P<minute>\d\d) \| (?P<what>[^|]+) \| (?P<long>\d+) \|$"
)
LESSON = re.compile(
    r"^(?P<head>## (?P<number>\d\d) · [^\n]+\n\n"
    r"\| part \| minutes \|\n\|---\|---\|\n)(?:\|[^\n]*\n)+",
    re.MULTILINE,
)
BEFORE = re.compile(r"(00 A \()\d+( minutes\))")


def routes(text: str, minutes: dict[str, int]) -> str:
    """The pages of routes, each week and each hour of the day with the minutes of its parts."""

    def spent(names: str) -> str:
        parts = PART.findall(names)
        return str(sum(minutes[part] for part in parts)) if parts else "–"

    def week(match: re.Match) -> str:
        here, home = match["here"].strip(), match["home"].strip()
        return f"| {match['week']} | {here} | {spent(here)} | {home} | {spent(home)} |"

    text = BEFORE.sub(rf"\g<1>{minutes['00 A']}\g<2>", WEEK.sub(week, text))
    clock, lines = None, []
    for line in text.split("\n"):
        row = ROW.match(line)
        if row:
            start = 60 * int(row["start"]) + int(row["minute"])
            clock = start if clock is None else clock
            long = minutes.get(row["what"].strip(), int(row["long"]))
            line = f"| {clock // 60:02}:{clock % 60:02} | {row['what']} | {long} |"
            clock += long
        else:
            clock = None
        lines.append(line)
    return "\n".join(lines)


def lessons(text: str, reading: Callable[[str], Reading]) -> str:
    """The page of lessons, with the table of each one's parts."""

    def table(match: re.Match) -> str:
        found = reading(match["number"])
        rows = []
        for part in found.parts:
            more = f", and {tidy(part.optional)} for what is optional"
            told = f"{tidy(part.minutes)}{more if part.optional >= 3 else ''}"
            rows.append(f"| {part.letter} · {part.title} | {told} |\n")
        if found.unaided:
            rows.append(f"| exercises without a check | {tidy(found.unaided)} |\n")
        return match["head"] + "".join(rows)

    return LESSON.sub(table, text)
