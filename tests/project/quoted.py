"""What the lessons and the errata page put into a report's mouth, and the report's own words.

`report_quotes.json` holds passages of reports A and B, copied from their texts. Whoever quotes
something new copies the passage there from the report, not from the lesson.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT

SOURCE = ROOT / "notebooks" / "source"
PAGE = SOURCE / "errata.md"
LESSONS = sorted(SOURCE.glob("[0-9][0-9]_*.py"))
PASSAGES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "report_quotes.json").read_text("utf-8")
)
SPEAKS = re.compile(
    r"\| [AB] (§|eq|Fig)|\b[AB] (also )?(writes|says|prints|claims)|\b[AB]'s §|\([AB],? §|"
    r"\b[Rr]eport [AB]\b.*?(writes|says|prints)"
)


def bare(text: str) -> str:
    """Letters and digits alone: line breaks, spaces and the marks of formulae may change."""
    return re.sub(r"[^0-9A-Za-z]", "", text)


def prose(file: Path) -> str:
    """The text of an errata page, or of a lesson's markdown cells."""
    text = file.read_text("utf-8")
    if file.suffix == ".md":
        return text
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("# %%"):
            inside = "[markdown]" in line
        lines.append(
            re.sub(r"^# ?", "", line) if inside and not line.startswith("# %%") else ""
        )
    return "\n".join(lines)


def blocks(text: str) -> Iterator[str]:
    """Block quotes; the course's own boxes begin with a bold word."""
    for found in re.findall(r"(?:^>.*\n)+", text + "\n", re.MULTILINE):
        block = re.sub(r"^> ?", "", found, flags=re.MULTILINE)
        if not block.startswith("**"):
            yield block


def inline(text: str, everywhere: bool) -> Iterator[str]:
    """Quotes of three words or more within sentences or table rows that a report speaks in."""
    for part in re.split(r"\n\s*\n|\n(?=[|#])", re.sub(r"^>.*", "", text, flags=re.MULTILINE)):
        flat = part.replace("\n", " ")
        for sentence in re.split(r"(?<=[.:;?!)])\s+(?=[A-Z(*])", flat):
            if everywhere or SPEAKS.search(sentence):
                quotes = re.findall(r'"([^"`]+)"', re.sub(r"`[^`]*`", "", sentence))
                yield from (quote for quote in quotes if len(quote.split()) >= 3)


def quotes(file: Path) -> Iterator[str]:
    """Everything quoted in a file, in pieces that an ellipsis does not break."""
    text = prose(file)
    for log in re.findall(r'_of_A = """\n(.*?)"""', file.read_text("utf-8"), re.DOTALL):
        yield from log.splitlines()
    for whole in [*blocks(text), *inline(text, everywhere=file == PAGE)]:
        for piece in re.split(r"…|\.\.\.", whole):
            if bare(piece):
                yield piece
