"""How long a lesson takes a reader: an estimate by one formula, until learners' times replace it.

A careful first reading goes at 150 words, 20 lines of code and one displayed equation a minute.
An exercise in a cell takes the minutes that its cell names (`minutes=10`), else six; one without
a check, at the end of a lesson, takes eight. A lesson is cut into parts, which begin where its
text says `# Part B · …`; what stands under a heading that says "optional" is counted by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nbformat import NotebookNode

WORDS, LINES, EQUATIONS = 150, 20, 1  # a minute
EXERCISE, UNAIDED = 6, 8  # minutes
HEADING = re.compile(r"^(#{1,3}) (.*)$", re.MULTILINE)
PART = re.compile(r"Part ([A-Z]) · (.+)")
UNCHECKED = re.compile(r"^\d+\. |(?<=\n\n)\*\*\d\d\.\d+(?: ·|\*\*)", re.MULTILINE)
SOLUTION = re.compile(r"### BEGIN SOLUTION.*?### END SOLUTION", re.DOTALL)


@dataclass
class Part:
    """One part: its letter and title; its minutes, and those of its optional sections."""

    letter: str
    title: str
    minutes: float = 0.0
    optional: float = 0.0


@dataclass
class Reading:
    """A lesson's parts, and the minutes of its exercises without a check."""

    parts: list[Part] = field(default_factory=list)
    unaided: float = 0.0

    @property
    def minutes(self) -> float:
        """All parts, without optional sections and exercises without a check."""
        return sum(part.minutes for part in self.parts)

    def part(self, letter: str) -> str:
        """One part's time in words."""
        (part,) = (part for part in self.parts if part.letter == letter)
        more = f", and {tidy(part.optional)} for what is optional" if part.optional >= 3 else ""
        return f"about {tidy(part.minutes)} minutes{more}"

    def short(self) -> str:
        """The minutes of the parts, for tables of lessons: "45 + 50 + 45 min"."""
        return " + ".join(str(tidy(part.minutes)) for part in self.parts) + " min"

    def whole(self) -> str:
        """The lesson's time in words, for its header."""
        hours = round(2 * self.minutes / 60) / 2
        letters = ", ".join(f"{part.letter} {tidy(part.minutes)}" for part in self.parts)
        parts = "parts" if len(self.parts) > 1 else "part"
        extra = sum(part.optional for part in self.parts)
        more = [f"{tidy(extra)} more for optional sections"] if extra >= 3 else []
        more += [f"{tidy(self.unaided)} for exercises without a check"] if self.unaided else []
        return "; ".join([f"about {hours:g} h: {parts} {letters} min", *more])


def tidy(minutes: float) -> int:
    """Minutes to the nearest five, as far as an estimate goes."""
    return max(5, 5 * round(minutes / 5))


def reading(notebook: NotebookNode) -> Reading:
    """The estimate for a lesson's source; its header counts to the first part."""
    found, optional = Reading(), 0
    for cell in notebook.cells:
        pieces = [cell.source]
        if cell.cell_type == "markdown":
            pieces = re.split(r"(?m)^(?=#{1,3} )", cell.source)
        for piece in pieces:
            heading = HEADING.match(piece) if cell.cell_type == "markdown" else None
            if heading:
                level, title = len(heading[1]), heading[2]
                if level <= optional or not optional:
                    optional = level if "optional" in title else 0
                if part := PART.fullmatch(title):
                    found.parts.append(Part(part[1], part[2].strip()))
            if not found.parts:
                continue
            minutes = (
                text_minutes(piece) if cell.cell_type == "markdown" else code_minutes(cell)
            )
            if cell.cell_type == "markdown":
                if heading and heading[2].endswith("· Exercises"):
                    found.unaided = UNAIDED * len(UNCHECKED.findall(piece))
            if optional:
                found.parts[-1].optional += minutes
            else:
                found.parts[-1].minutes += minutes
    return found


def text_minutes(text: str) -> float:
    """Words and displayed equations; a formula within a line is read as one word."""
    equations = len(re.findall(r"\$\$.*?\$\$", text, re.DOTALL))
    text = re.sub(r"\$\$.*?\$\$|!\[.*?\]\(.*?\)", " ", text, flags=re.DOTALL)
    words = re.findall(r"[A-Za-z][\w'-]*", re.sub(r"\$[^$]*\$", " x ", text))
    return len(words) / WORDS + equations / EQUATIONS


def code_minutes(cell: NotebookNode) -> float:
    """Lines of code that a learner reads, and an exercise if the cell is one."""
    lines = SOLUTION.sub("...", cell.source).splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    exercise = (
        float(cell.metadata.get("minutes", EXERCISE)) if "exercise" in cell.metadata else 0
    )
    return len(code) / LINES + exercise
