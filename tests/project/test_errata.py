"""The errata page claims nothing that isn't there: every entry, and the lesson it points to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import quoted

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
    if there:  # a slip of the pen stands on the page only; what is computed has its case file
        least = int("*Computed.*" in ENTRIES[number])
        assert least <= headed(known[lesson]).count(number) <= 1, f"headings in lesson {lesson}"


def test_no_lesson_treats_an_erratum_that_the_page_puts_elsewhere():
    for lesson, text in lessons().items():
        for number in headed(text):
            said = re.search(r"^\*\*Where\.\*\* (.*)$", ENTRIES[number], re.MULTILINE)[1]
            assert lesson in re.findall(r"lesson (\d\d)", said, re.IGNORECASE), number


def test_confirmed_claims_name_a_lesson_that_is_there_or_say_that_it_is_not():
    rows = re.search(r"^## Confirmed\n(.*)", PAGE, re.MULTILINE | re.DOTALL)[1]
    cells = [line.split(" | ")[-1] for line in rows.splitlines() if line.startswith("| ")][1:]
    assert len(cells) >= 8
    for cell in cells:
        for lesson, later in re.findall(r"lesson (\d\d)( \(not yet written\))?", cell):
            assert (lesson in lessons()) == (not later), cell


def test_the_page_names_reports_not_people():
    assert not re.search(r"Guo|Shanlong|Sajjad|Pakdaman|Florida|York University", PAGE)


@pytest.mark.parametrize("file", [quoted.PAGE, *quoted.LESSONS], ids=lambda file: file.stem)
def test_what_is_quoted_stands_in_the_report_word_for_word(file):
    passages = [quoted.bare(passage) for own in quoted.PASSAGES.values() for passage in own]
    invented = [
        quote
        for quote in quoted.quotes(file)
        if not any(quoted.bare(quote) in passage for passage in passages)
    ]
    assert invented == [], (
        "copy the passage from the report into report_quotes.json, or unquote"
    )


def test_a_changed_number_or_word_in_a_quote_would_be_noticed():
    found = [q for file in (quoted.PAGE, *quoted.LESSONS) for q in quoted.quotes(file)]
    passages = [quoted.bare(passage) for own in quoted.PASSAGES.values() for passage in own]
    assert len(found) > 150
    for wrong in ("Num Epochs = 200", "lr = 0.001", "trained for 100 epochs of 1.5 min"):
        assert not any(quoted.bare(wrong) in passage for passage in passages)


# What each system's settings are in the reports' texts: other values may not be put there.
PRINTED = {
    "A1": {64, 256, 784, 200, 100, 2e-4, 28},
    "A2": {128, 100, 3e-4, 28},
    "A3": {128, 100, 64, 50, 2e-4, 0.5, 256},
    "A4": {2, 28, 256, 200, 128, 1e-4},
    "A5": {128, 28, 100, 200, 88, 1e-4},
    "B1": {128, 100, 64, 2e-4, 0.5},
    "B2": {64, 32, 1e-3, 50, 2},
    "B3": {144, 128, 5e-3, 0.95, 30, 6},
}
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
SETTING = re.compile(
    r"batche?s? (?:of|size) (?P<batch>\d+)|(?P<latents>\d+) latents|(?P<epochs>\d+) epochs|"
    r"(?P<size>\d+)×\d+|(?:Adam|Adamax|SGD) (?:at|with rate) \$?(?P<rate>[\d.·{}^⁰-⁹⁻¹²³-]+)|"
    r"feature maps (?P<maps>\d+)|base dimension (?P<base>\d+)"
)
HEDGED = re.compile(
    r"\bif\b|does not say|not say|state[sd]? neither|no size|code|\bours\b", re.I
)


def settings_of(text: str):
    """(system, sentence, value) for settings in sentences that name a system of a report."""
    for sentence in re.split(r"(?<=[.;:?!])\s+", re.sub(r"\s+", " ", text)):
        systems = set(re.findall(r"\b([AB]\d)\b", sentence)) & set(PRINTED)
        if len(systems) != 1 or HEDGED.search(sentence):
            continue
        for found in SETTING.finditer(sentence.replace("10^{-", "10⁻").replace("}$", "")):
            text_of = found[0] and next(v for v in found.groupdict().values() if v)
            yield *systems, sentence, number(text_of)


def number(text: str) -> float:
    text = text.strip(".").translate(SUPERSCRIPTS)
    power = re.fullmatch(r"(?:([\d.]+)·)?10(-\d+)", text)
    return float(power[1] or 1) * 10.0 ** int(power[2]) if power else float(text)


def test_a_setting_that_a_report_does_not_print_is_not_attributed_to_it():
    wrong = [
        (file.stem, system, value, sentence)
        for file in (quoted.PAGE, *quoted.LESSONS)
        for system, sentence, value in settings_of(quoted.prose(file))
        if not any(abs(value - printed) < 1e-9 for printed in PRINTED[system])
    ]
    assert wrong == []


def test_the_settings_are_read():
    text = "B2: batches of 64, Adamax with rate $10^{-3}$, 50 epochs. A2 has Adam at 3·10⁻⁴."
    assert [(s, v) for s, _, v in settings_of(text)][-1] == ("A2", pytest.approx(3e-4))
    found = list(settings_of("Report B's system B2 has batches of 32 and 64×64 pictures."))
    assert [value for _, _, value in found] == [32, 64]


def test_a_size_of_pictures_is_given_to_report_b_only_with_an_if():
    """B never says how large its pictures are."""
    for file in (quoted.PAGE, *quoted.LESSONS):
        for sentence in re.split(r"(?<=[.;:?!])\s+", re.sub(r"\s+", " ", quoted.prose(file))):
            speaks = re.search(r"\bB1?\b|report B\b|both reports", sentence)
            if speaks and re.search(r"\d+×\d+", sentence) and "GTX" not in sentence:
                assert HEDGED.search(sentence), (file.stem, sentence)


def test_links_lead_somewhere():
    headings = set(re.findall(r"^## (\w+)$", PAGE, re.MULTILINE))
    targets = re.findall(r"\]\(#([^)]*)\)", PAGE)
    assert targets and set(targets) <= headings
