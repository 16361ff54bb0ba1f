"""The form of a lesson: cards of exercises, questions, case files, folds; and what a lesson lacks.

A lesson's text is plain markdown. What this module reads in it, CONTRIBUTING.md's page "How a
lesson is written" shows by one example each. `build.py` folds by it, `reading_time.py` counts
by it.

    python notebooks/lesson_form.py 06 ...     say what these lessons lack, a line each
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, field

from nbformat import NotebookNode

KINDS = {"predict", "answer", "code", "pen", "experiment", "discuss"}
CARD = re.compile(
    r"^\*\*Exercise (?P<numbers>\d\d\.\d+(?:, \d\d\.\d+)*) · (?P<title>[^*]+)\*\* · "
    r"(?P<level>●○○|●●○|●●●) · (?P<minutes>\d+) min · (?P<kind>\w+)$"
)
LIKE_A_CARD = re.compile(r"^\*\*Exercise \d\d\.\d+")
QUESTION = re.compile(r"^\*\*Question (\d)\.\*\* ")
FIELD = re.compile(
    r"^\*(?P<name>Why|Nudge|First line|Compare|Answer|Solution)(?P<of> \d\d\.\d+)?\.\* ?"
)
SUMMARY = {
    "Nudge": "A nudge",
    "First line": "A first line",
    "Compare": "To compare with",
    "Answer": "Answer",
    "Solution": "Solution",
}
HEADING = re.compile(r"^(#{1,6}) (.*)$")
CASE = re.compile(r"^#{2,4} (E\d\d · )?.*\(case file, optional\)$")
TEASER = 80  # words that stay visible of a folded case file


class FormError(Exception):
    """A card that nobody can read; its author must change it."""


@dataclass
class Card:
    """One exercise: what stands on its card, and which parts of it are folded."""

    numbers: list[str]
    title: str
    level: int
    minutes: int
    kind: str
    fields: dict[str, str] = field(default_factory=dict)

    def lacks(self) -> list[str]:
        """The parts that an exercise of this kind and difficulty must have and this one hasn't."""
        wanted = {"Why"}
        if self.kind != "predict":
            wanted |= {"Nudge"} | ({"First line"} if self.level > 1 else set())
        if self.kind in ("code", "experiment"):
            wanted.add("Compare")
        return sorted(wanted - set(self.fields))


def pieces(text: str) -> list[tuple[str, str, str]]:
    """A cell's text cut where a card, a question, a heading or a field begins, as (what, its
    first line, the rest of it). Lines inside a code fence begin nothing."""
    found, fenced = [["text", "", []]], False
    for line in text.split("\n"):
        kind = ""
        if not fenced:
            starts = (("card", LIKE_A_CARD), ("question", QUESTION), ("heading", HEADING))
            kind = next((name for name, begins in starts if begins.match(line)), "")
            kind = kind or ("field" if FIELD.match(line) else "")
        if line.startswith("```"):
            fenced = not fenced
        if kind:
            found.append([kind, line, []])
        else:
            found[-1][2].append(line)
    return [(kind, first, "\n".join(rest)) for kind, first, rest in found]


def cards(text: str) -> list[Card]:
    """The cards in a markdown cell; FormError for one that can't be read."""
    found: list[Card] = []
    current: Card | None = None
    for kind, first, rest in pieces(text):
        if kind == "card":
            match = CARD.match(first)
            if not match or match["kind"] not in KINDS:
                raise FormError(
                    f"a card begins '**Exercise 06.2 · Title** · ●●○ · 8 min · KIND', with KIND "
                    f"among {', '.join(sorted(KINDS))}; here it is\n{first}"
                )
            current = Card(
                match["numbers"].split(", "),
                match["title"],
                match["level"].count("●"),
                int(match["minutes"]),
                match["kind"],
            )
            found.append(current)
        elif kind == "field" and current:
            name = FIELD.match(first)["name"]
            current.fields[name] = f"{first[FIELD.match(first).end() :]}\n{rest}".strip()
        elif kind in ("heading", "question"):
            current = None
    return found


def with_folds(text: str) -> str:
    """Nudges, first lines, values to compare with, answers and solutions, each folded."""
    out = []
    for kind, first, rest in pieces(text):
        match = FIELD.match(first) if kind == "field" else None
        if match and match["name"] in SUMMARY:
            said = SUMMARY[match["name"]] + (f" of{match['of']}" if match["of"] else "")
            body = f"{first[match.end() :]}\n{rest}".strip()
            out.append(f"<details><summary>{said}</summary>\n\n{body}\n\n</details>\n")
        else:
            out.append(f"{first}\n{rest}" if first else rest)
    return "\n".join(out).strip("\n")


def shown(text: str) -> str:
    """The text without what is folded: what everybody reads."""
    keep = [
        f"{first}\n{rest}"
        for kind, first, rest in pieces(text)
        if kind != "field" or FIELD.match(first)["name"] not in SUMMARY
    ]
    return "\n".join(keep)


def questions(text: str) -> list[tuple[str, bool]]:
    """The concept questions in a cell: their number, and whether an answer follows."""
    parts = pieces(text)
    after = [*parts[1:], ("", "", "")]
    return [
        (QUESTION.match(first)[1], next_[0] == "field" and next_[1].startswith("*Answer.*"))
        for (kind, first, _), next_ in zip(parts, after, strict=True)
        if kind == "question"
    ]


def is_solution(cell: NotebookNode) -> bool:
    """Whether a cell stands in the solved copy only."""
    return cell.cell_type == "markdown" and "solution" in cell.metadata.get("tags", [])


def called(source: str) -> set[str]:
    """The names of what a cell calls, `plots.show` and `print` alike."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {ast.unparse(function) for function in calls}


def only_plots(cell: NotebookNode) -> bool:
    """Whether a code cell does nothing but draw a figure of what was computed before: it shows
    one, checks and prints nothing, trains and defines nothing, and is no exercise."""
    if cell.cell_type != "code" or "exercise" in cell.metadata:
        return False
    said = {"plot", "open"} & set(cell.metadata.get("tags", []))  # what its author wants
    if said:
        return "plot" in said
    made = ("class ", "def ", "@", "lambda", "assert ")
    if any(line.lstrip().startswith(made) for line in cell.source.splitlines()):
        return False
    calls = called(cell.source)
    busy = {"agrees", "refuses", "check", "predict", "print", "play"}
    busy |= {"zoo.load", "data.load", "optimiser.step"}
    trains = any(".fit" in c or "seed" in c or c.startswith("train") for c in calls)
    drawing = "plots.show" in calls and not trains
    return drawing and not calls & busy and len(cell.source.splitlines()) > 3


def only_imports(cell: NotebookNode) -> bool:
    """Whether a code cell does nothing but import, and set what is the same in every lesson."""
    if cell.cell_type != "code" or "open" in cell.metadata.get("tags", []):
        return False
    lines = ast.parse(cell.source).body
    imports = [line for line in lines if isinstance(line, (ast.Import, ast.ImportFrom))]
    return len(imports) > 2 and all(isinstance(line, (ast.Assign, ast.Expr)) or line in imports
                                    for line in lines)  # fmt: skip


def begins_folded(cell: NotebookNode) -> bool:
    return only_plots(cell) or only_imports(cell)


def fold(cells: list[NotebookNode]) -> None:
    """Say to the notebook's reader which cells begin folded: code that only imports or only
    draws, and what stands below the heading of a case file."""
    for cell in cells:
        if begins_folded(cell):
            cell.metadata["jupyter"] = {"source_hidden": True}
        elif cell.cell_type == "markdown" and CASE.match(cell.source.split("\n")[0]):
            cell.metadata["jp-MarkdownHeadingCollapsed"] = True


# What a lesson lacks ---------------------------------------------------------------------------


def lacking(number: str, cells: list[NotebookNode]) -> list[str]:
    """What of the form a lesson's source has not, a line each."""
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    at = next((i for i, c in enumerate(cells) if c.source.startswith("# Part A")), 0)
    before, after = cells[:at], cells[at:]
    said = []
    showing = [c for c in before if c.cell_type == "code" and ".show(" in c.source]
    if not showing or not any("**The question.**" in cell.source for cell in before):
        said.append("before Part A: a cell that shows the payoff, and '**The question.** …'")
    for name, some in (("before Part A", before), ("at the end", after)):
        asked = [q for c in some if c.cell_type == "markdown" for q in questions(c.source)]
        if asked != [(str(n), True) for n in range(1, 6)]:
            said.append(f"{name}: five '**Question n.** …' with '*Answer.*', found {asked}")
    every = [card for cell in prose for card in cards(cell.source)]
    known = [n for card in every for n in card.numbers]
    asked_for = {c.metadata["exercise"] for c in cells if "exercise" in c.metadata}
    asked_for |= {
        n
        for c in cells
        if c.cell_type == "code"
        for n in re.findall(r'\b(?:check|predict)\("(\d\d\.\d+)"', c.source)
    }
    said += [f"{n}: no card" for n in sorted(asked_for - set(known))]
    said += [f"{n}: two cards" for n in sorted({n for n in known if known.count(n) > 1})]
    said += [f"{n}: a card of another lesson" for n in known if n[:2] != number]
    solved = {
        FIELD.match(first)["of"].strip()
        for cell in prose
        if is_solution(cell)
        for kind, first, _ in pieces(cell.source)
        if kind == "field" and FIELD.match(first)["of"]
    }
    for card in every:
        said += [f"{card.numbers[0]}: no '*{name}.*'" for name in card.lacks()]
        if card.kind == "pen" and card.numbers[0] not in solved:
            said.append(f"{card.numbers[0]}: no '*Solution {card.numbers[0]}.*' in a solution")
    return said + unfolded(prose) + crowded(cells)


def unfolded(prose: list[NotebookNode]) -> list[str]:
    """Case files that are not folded, and text that a fold would hide by mistake."""
    said, open_level = [], 0
    for cell in prose:
        levels = [
            (len(m[1]), kind_first)
            for kind, kind_first, _ in pieces(cell.source)
            if kind == "heading" and (m := HEADING.match(kind_first))
        ]
        for at, (level, line) in enumerate(levels):
            if re.match(r"#+ E\d\d ·", line) and not CASE.match(line):
                said.append(f"'{line}' does not end in '(case file, optional)'")
            case = bool(CASE.match(line))
            first = at == 0 and cell.source.startswith(line)
            if (case or (open_level and level <= open_level)) and not first:
                said.append(f"'{line}' must begin a cell: a fold begins or ends there")
            if case and len(cell.source.split()) > TEASER + len(line.split()):
                said.append(f"'{line}': more than {TEASER} words beside a folded heading")
            open_level = level if case else (0 if level <= open_level else open_level)
    return said


def crowded(cells: list[NotebookNode]) -> list[str]:
    """Sections, but case files, that show more than one wrong form."""
    said, section, shows, case = [], "", 0, False
    for cell in [*cells, NotebookNode(cell_type="markdown", source="# the end")]:
        if cell.cell_type == "code":
            shows += len(re.findall(r"^\s*refuses\(", cell.source, re.MULTILINE))
            continue
        for kind, first, _ in pieces(cell.source):
            if kind == "heading":
                if shows > 1 and not case:
                    said.append(f"'{section}' refuses {shows} wrong forms; one a section")
                section, shows, case = first, 0, bool(CASE.match(first))
    return said


if __name__ == "__main__":
    from build import Course, read_source

    for path in Course().lessons(sys.argv[1:]):
        for line in lacking(path.stem[:2], read_source(path).cells):
            print(f"{path.stem[:2]}  {line}")
