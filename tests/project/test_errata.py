"""The errata page claims nothing that isn't there: every entry, and the lesson it points to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "notebooks" / "source"
PAGE = (SOURCE / "errata.md").read_text("utf-8")
IDS = [f"E{number:02d}" for number in range(1, 24)]
ENTRIES = dict(re.findall(r"^## (E\d\d)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL))
ROW = r"^\| \[(E\d\d)\]\(#\1\) \| .* \| (\w+ \| [^|]*) \|$"
ROWS = dict(re.findall(ROW, PAGE, re.MULTILINE))


def lessons() -> dict[str, str]:
    return {path.name[:2]: path.read_text("utf-8") for path in SOURCE.glob("[0-9][0-9]_*.py")}


def headed(text: str) -> list[str]:
    """The errata that a lesson treats, by its headings "### E16 …"."""
    return re.findall(r"^# #{2,4} (E\d\d)\b", text, re.MULTILINE)


def where(entry: str) -> tuple[str, bool]:
    """The lesson an entry points to, and whether that lesson is said to be there."""
    found = re.search(r"^\*\*Where\.\*\* (.*)$", entry, re.MULTILINE)
    assert found, "an entry says where"
    return re.search(r"lesson (\d\d)", found[1], re.IGNORECASE)[1], "not yet" not in found[1]


def test_every_erratum_is_there_once_in_order():
    assert re.findall(r"^## (E\d\d)$", PAGE, re.MULTILINE) == IDS
    assert list(ROWS) == IDS


@pytest.mark.parametrize("number", IDS)
def test_an_entry_says_kind_place_and_quotes_the_report(number):
    entry = ENTRIES[number]
    opening = r"^\*\*[^*]+\*\* \*(Computed|Listed)\.\* Reports? [AB]"
    assert re.search(opening, entry, re.MULTILINE)
    if number != "E14":  # its subject is the code, of which the report's text shows nothing
        assert re.search(r"^> \S", entry, re.MULTILINE)


@pytest.mark.parametrize("number", IDS)
def test_the_table_agrees_with_the_entry(number):
    kind, place = (part.strip() for part in ROWS[number].split("|"))
    lesson, there = where(ENTRIES[number])
    assert f"*{kind.capitalize()}.*" in ENTRIES[number]
    assert place == (lesson if there else f"{lesson}, to come")


@pytest.mark.parametrize("number", IDS)
def test_what_the_page_says_of_a_lesson_is_so(number):
    lesson, there = where(ENTRIES[number])
    known = lessons()
    assert there == (lesson in known), f"lesson {lesson} is there or not; the page errs"
    if there:
        assert headed(known[lesson]).count(number) == 1, f"no heading in lesson {lesson}"


def test_no_lesson_treats_an_erratum_that_the_page_puts_elsewhere():
    for lesson, text in lessons().items():
        for number in headed(text):
            assert where(ENTRIES[number])[0] == lesson


def test_confirmed_claims_name_a_lesson_that_is_there_or_say_that_it_is_not():
    rows = re.search(r"^## Confirmed\n(.*)", PAGE, re.MULTILINE | re.DOTALL)[1]
    cells = [line.split(" | ")[-1] for line in rows.splitlines() if line.startswith("| ")][1:]
    assert len(cells) >= 8
    for cell in cells:
        for lesson, later in re.findall(r"lesson (\d\d)( \(not yet written\))?", cell):
            assert (lesson in lessons()) == (not later), cell


def test_the_page_names_reports_not_people():
    assert not re.search(r"Guo|Shanlong|Sajjad|Pakdaman|Florida|York University", PAGE)


def test_links_lead_somewhere():
    headings = set(re.findall(r"^## (\w+)$", PAGE, re.MULTILINE))
    targets = re.findall(r"\]\(#([^)]*)\)", PAGE)
    assert targets and set(targets) <= headings
