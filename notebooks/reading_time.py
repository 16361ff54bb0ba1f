"""How long a lesson takes a reader: an estimate by one formula, until learners' times replace it.

A careful first reading goes at 150 words, 20 lines of code and one displayed equation a minute.
What begins folded (help on a card, an answer, imports, code that only draws) is not counted. An
exercise takes the minutes of its card and a concept question one. (Without a card, an exercise in
a cell takes six minutes; one without a check, at the end of a lesson, eight.) A lesson is cut into
parts, which begin where its text says `# Part B · …`; what stands before the first counts to it.
What stands under a heading that says "optional", a case file too, is counted by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import lesson_form as form
from nbformat import NotebookNode

WORDS, LINES, EQUATIONS = 150, 20, 1  # a minute
EXERCISE, UNAIDED, QUESTION = 6, 8, 1  # minutes
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
    """A lesson's parts, the minutes of its exercises without a check, and which have a card."""

    parts: list[Part] = field(default_factory=list)
    unaided: float = 0.0
    carded: set[str] = field(default_factory=set)

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
        hours = round(4 * sum(tidy(part.minutes) for part in self.parts) / 60) / 4
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
    found, optional, early = Reading(), 0, 0.0
    in_cells = {c.metadata["exercise"] for c in notebook.cells if "exercise" in c.metadata}
    for cell in notebook.cells:
        if form.is_solution(cell) or form.begins_folded(cell):
            continue
        text = cell.cell_type == "markdown"
        pieces = (
            re.split(r"(?m)^(?=#{1,3} )", form.shown(cell.source)) if text else [cell.source]
        )
        for piece in pieces:
            heading = HEADING.match(piece) if text else None
            if heading:
                level, title = len(heading[1]), heading[2]
                if level <= optional or not optional:
                    optional = level if "optional" in title else 0
                if part := PART.fullmatch(title):
                    found.parts.append(Part(part[1], part[2].strip(), early))
                    early = 0.0
            minutes = text_minutes(piece) if text else code_minutes(cell, found.carded)
            for card in form.cards(piece) if text else []:
                found.carded |= set(card.numbers)
                if set(card.numbers) & in_cells:
                    minutes += card.minutes
                else:
                    found.unaided += card.minutes
            if heading and heading[2].endswith("· Exercises"):
                found.unaided += UNAIDED * len(UNCHECKED.findall(piece))
            if not found.parts:
                early += minutes
            elif optional:
                found.parts[-1].optional += minutes
            else:
                found.parts[-1].minutes += minutes
    return found


def text_minutes(text: str) -> float:
    """Words and displayed equations, a formula within a line read as one word; and questions."""
    equations = len(re.findall(r"\$\$.*?\$\$", text, re.DOTALL))
    asked = len(form.questions(text))
    text = re.sub(r"\$\$.*?\$\$|!\[.*?\]\(.*?\)", " ", text, flags=re.DOTALL)
    words = re.findall(r"[A-Za-z][\w'-]*", re.sub(r"\$[^$]*\$", " x ", text))
    return len(words) / WORDS + equations / EQUATIONS + QUESTION * asked


def code_minutes(cell: NotebookNode, carded: set[str]) -> float:
    """Lines of code that a learner reads, and an exercise if the cell is one without a card."""
    lines = SOLUTION.sub("...", cell.source).splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    number = cell.metadata.get("exercise")
    uncarded = number and number not in carded
    return len(code) / LINES + (
        float(cell.metadata.get("minutes", EXERCISE)) if uncarded else 0
    )
