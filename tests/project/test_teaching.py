"""The teacher's kit is true of the course: parts, exercises, drawings, explorers, minutes."""

from __future__ import annotations

import html
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from course_lib import data, evaluation, explore, zoo
from course_lib.classroom import room

ROOT = Path(__file__).resolve().parents[2]
KIT = {path.stem: path.read_text("utf-8") for path in ROOT.glob("notebooks/teaching/*.md")}
SOURCES = {
    path.stem[:2]: path.read_text("utf-8")
    for path in sorted(ROOT.glob("notebooks/source/[0-9][0-9]_*.py"))
}
FOLDED = re.compile(r"<details><summary>Answer</summary>\n\n(.+?)\n\n</details>", re.DOTALL)
QUESTION = re.compile(
    r"^### (\d+) · lesson (\d\d) · (\w+) · (\d+) points · (\d+) minutes\n(.*?)(?=^### |\Z)",
    re.MULTILINE | re.DOTALL,
)
BANK = QUESTION.findall(KIT["exam"])


def blocks(text: str) -> dict[str, tuple[str, str]]:
    """Lesson by lesson, its title and what the kit says of it."""
    found = re.findall(
        r"^## ((\d\d) · [^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL
    )
    return {number: (title, block) for title, number, block in found}


def rows(text: str) -> list[list[str]]:
    """The cells of each row of tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="module")
def course(build):
    return build.Course(ROOT / "notebooks")


@pytest.fixture(scope="module")
def tidy(build):
    """Minutes to the nearest five, as the lessons state them."""
    return sys.modules[build.reading.__module__].tidy


@pytest.fixture(scope="module")
def minutes(course, tidy) -> dict[str, int]:
    """Of "02 B", as lesson 02 states them."""
    return {
        f"{number} {part.letter}": tidy(part.minutes)
        for number in SOURCES
        for part in course.reading(number).parts
    }


# What it names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", sorted(KIT))
def test_what_a_page_names_is_there(page, minutes):
    text = re.sub(r"```.*?```", "", KIT[page], flags=re.DOTALL)
    tags = set(re.findall(r"\\tag\{(\d+\.\d+)\}", "".join(SOURCES.values())))
    for equation in re.findall(r"\((\d+\.\d+)\)", text):
        assert equation in tags, equation
    for exercise, lesson in re.findall(r"(?<![.\d])((\d\d)\.\d{1,2})\b", text):
        if lesson in SOURCES:
            assert re.search(rf"\b{re.escape(exercise)}\b", SOURCES[lesson]), exercise
    for part in re.findall(r"\b([01]\d [A-C])\b", text):
        assert part in minutes, part
    for name in re.findall(r"`explore\.(\w+)`", text):
        assert name in explore.names(), name
    for name in re.findall(r"drawing\s`([\w-]+)`", text):
        assert (ROOT / f"notebooks/source/drawings/{name}.svg").exists(), name
    for lesson, section in re.findall(r"lesson (\d\d),\ssection (\d+(?:\.\d+)?)", text):
        assert re.search(rf"^# ##+ {re.escape(section)} · ", SOURCES[lesson], re.M), section


@pytest.mark.parametrize("page", sorted(KIT))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", KIT[page]):
        assert (ROOT / "notebooks/teaching" / target).exists(), target


def test_every_page_is_reached_from_the_first():
    assert set(re.findall(r"\]\((\w+)\.md\)", KIT["README"])) == set(KIT) - {"README"}


# Lesson by lesson ------------------------------------------------------------------------------


def test_every_lesson_has_its_title_parts_and_minutes(course, tidy):
    found = blocks(KIT["lessons"])
    assert list(found) == list(SOURCES)
    for number, (title, block) in found.items():
        assert f"# # {title}\n" in SOURCES[number]
        reading = course.reading(number)
        wanted = [["part", "minutes"], ["---", "---"]]
        for part in reading.parts:
            more = f", and {tidy(part.optional)} for what is optional"
            wanted.append(
                [
                    f"{part.letter} · {part.title}",
                    str(tidy(part.minutes)) + (more if part.optional >= 3 else ""),
                ]
            )
        if reading.unaided:
            wanted.append(["exercises without a check", str(tidy(reading.unaided))])
        told = [row for row in rows(block.replace("|---|---|", "| --- | --- |"))]
        assert told == wanted, number


def test_mistakes_are_those_of_exercises_that_recognise_some():
    for number, (_, block) in blocks(KIT["lessons"]).items():
        module = import_module(f"course_lib.lessons.lesson_{number}.exercises")
        told = re.findall(r"^- \*\*(\d\d\.\d+)\*\* ", block, re.MULTILINE)
        assert 3 <= len(told) <= 5, number
        for exercise in told:
            assert exercise[:2] == number and module.EXERCISES[exercise].mistakes, exercise


def test_each_lesson_has_a_board_and_questions_and_names_its_own():
    for number, (_, block) in blocks(KIT["lessons"]).items():
        board, talk = block.split("**On the board.**")[1].split("**Discuss.**")
        assert len(re.findall(r"^\d\. ", board, re.MULTILINE)) >= 3, number
        assert 3 <= len(re.findall(r"^\d\. \*", talk, re.MULTILINE)) <= 4, number
        source = SOURCES[number]
        drawings = re.findall(r"drawing\s`([\w-]+)`", block)
        assert drawings == re.findall(r"\(drawing:([\w-]+)\)", source), number
        for name in re.findall(r"`explore\.(\w+)`", block):
            assert f"explore.{name}" in source, (number, name)
        for section in re.findall(r"\(section (\d+)\)", block):
            assert re.search(rf"^# ## {section} · ", source, re.MULTILINE), (number, section)


def test_the_slides_show_every_drawing_with_its_words():
    page = (ROOT / "notebooks/teaching/slides.html").read_text("utf-8")
    slides = re.findall(
        r'<h1>(\d\d) · .+?</h1>\n<img src="(.+?)" alt="(.+?)">\n<p>.+?\?</p>', page
    )
    wanted = [
        (lesson, f"../source/drawings/{name}.svg", alt)
        for lesson, source in SOURCES.items()
        for alt, name in re.findall(r"!\[([^\]]+)\]\(drawing:([\w-]+)\)", source)
    ]
    assert [(n, src, html.unescape(alt)) for n, src, alt in slides] == wanted
    for _, src, _ in slides:
        assert (ROOT / "notebooks/teaching" / src).exists(), src


# Routes ----------------------------------------------------------------------------------------


def weeks(title: str) -> list[list[str]]:
    text = KIT["routes"].split(f"## {title}")[1].split("\n## ")[0]
    return [row for row in rows(text) if row[0].isdigit()]


@pytest.mark.parametrize("title, count", [("Twelve weeks", 12), ("Six weeks", 6)])
def test_a_route_adds_up_and_keeps_what_lessons_need(title, count, minutes):
    table = rows((ROOT / "README.md").read_text("utf-8"))
    needs = {row[0]: re.findall(r"\d\d", row[-1]) for row in table if row[0] in SOURCES}
    lessons_of = {
        row[0].strip("`"): row[1] for row in rows(KIT["assignments"]) if row[0][0] == "`"
    }
    seen: list[str] = []
    assert [row[0] for row in weeks(title)] == [str(n + 1) for n in range(count)]
    for _, in_class, in_class_minutes, at_home, home_minutes, given, _ in weeks(title):
        for names, said in ((in_class, in_class_minutes), (at_home, home_minutes)):
            parts = [] if names == "–" else names.split(", ")
            assert said == (str(sum(minutes[part] for part in parts)) if parts else "–")
            for part in parts:
                number, letter = part.split()
                assert part not in seen
                before = "ABC"[: "ABC".index(letter)]
                assert all(f"{number} {earlier}" in seen for earlier in before), part
                assert all(f"{needed} A" in seen for needed in needs[number]), part
                seen.append(part)
        for name in [] if given == "–" else given.replace("`", "").split(", "):
            assert name in room.public()
            for lesson in re.findall(r"\d\d", lessons_of[name]):
                assert f"{lesson} A" in seen, (name, lesson)
    if count == 12:
        assert sorted(seen) == sorted(minutes)


def test_the_day_adds_up(minutes):
    day = KIT["routes"].split("## One day")[1].split("\n## ")[0]
    plan = [row for row in rows(day) if re.fullmatch(r"\d\d:\d\d", row[0])]
    clock = [60 * int(start[:2]) + int(start[3:]) for start, _, _ in plan]
    for (_, what, length), start, after in zip(plan, clock, clock[1:], strict=False):
        assert start + int(length) == after, what
        assert int(length) == minutes.get(what, int(length)), what
    assert sum(what in minutes for _, what, _ in plan) == 7
    assert f"00 A ({minutes['00 A']} minutes)" in " ".join(day.split())


# Questions -------------------------------------------------------------------------------------


def test_questions_have_answers_points_and_minutes():
    found = BANK
    assert [int(number) for number, *_ in found] == list(range(1, len(found) + 1))
    assert len(found) >= 40
    assert {lesson for _, lesson, *_ in found} == set(SOURCES) - {"00"}
    assert (
        f"{len(found)} questions, with answers, on lessons 01 to {max(SOURCES)}:" in KIT["exam"]
    )
    assert f"[exam.md](exam.md): {len(found)} questions with answers" in KIT["README"]
    kinds = [kind for _, _, kind, *_ in found]
    assert set(kinds) == {"derivation", "diagnosis", "design", "calculation"}
    assert all(kinds.count(kind) >= 3 for kind in set(kinds))
    for number, _, _, points, minutes, text in found:
        (answer,) = FOLDED.findall(text)
        given = [
            int(n) for n in re.findall(r"\((\d)\)", re.sub(r"\$.*?\$", "", answer, flags=re.S))
        ]
        assert sum(given) == int(points), (number, given)
        assert int(points) <= int(minutes) <= 2 * int(points), number


def test_the_self_test_has_an_answer_to_each_question():
    text = KIT["prerequisites"]
    asked = re.findall(r"^\*\*(\d+)\.\*\* ", text, re.MULTILINE)
    assert [int(number) for number in asked] == list(range(1, len(asked) + 1))
    assert 12 <= len(asked) == len(FOLDED.findall(text)) <= 15


# A paper made of the questions -----------------------------------------------------------------

PAPER = KIT["paper"]
CUT, FIGURE, FORMULAS = re.findall(r"```python\n(.*?)```", PAPER, re.DOTALL)


@pytest.fixture
def desk(monkeypatch, tmp_path):
    """A cell's names, in a kernel of the kit's folder whose user lives in `tmp_path`."""
    monkeypatch.chdir(ROOT / "notebooks/teaching")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return {}


def test_the_papers_add_up_and_ask_what_their_routes_teach(desk):
    bank = {int(n): (lesson, kind, p, m) for n, lesson, kind, p, m, _ in BANK}
    table = [row for row in rows(PAPER) if re.match(r"\d+ \(\d\d\)$", row[0])]
    exec(CUT, desk)
    for place, name in ((0, "twelve_weeks"), (1, "six_weeks")):
        asked = [re.findall(r"\d+", row[place] or row[0]) for row in table]
        assert [int(number) for number, _ in asked] == desk[name]
        for (number, lesson), row in zip(asked, table, strict=True):
            found, _, points, minutes = bank[int(number)]
            assert (found, points, minutes) == (lesson, row[2], row[3]), number
        points, minutes = (sum(int(row[i]) for row in table) for i in (2, 3))
        assert f"Both have {points} points and {minutes} minutes" in " ".join(PAPER.split())
        assert minutes + 10 <= 90
        kinds = [bank[number][1] for number in desk[name]]
        assert kinds.count("diagnosis") + kinds.count("design") >= 3
    taught = {part.split()[0] for row in weeks("Six weeks") for part in row[1].split(", ")}
    assert {bank[number][0] for number in desk["six_weeks"]} <= taught
    left_out = {f"{i:02}" for i in range(1, 14)} - {bank[n][0] for n in desk["twelve_weeks"]}
    assert f"leaves out lessons {' and '.join(sorted(left_out))}." in PAPER
    for one, other in re.findall(r"put (\d+) in\s+place of\s+(\d+)", PAPER):
        assert bank[int(one)][2:] == bank[int(other)][2:]
        assert int(other) in desk["twelve_weeks"]


def test_the_cut_paper_has_no_answers_and_its_figure_is_drawn(desk, tmp_path):
    exec(CUT, desk)
    paper = (tmp_path / "my-paper.md").read_text("utf-8")
    assert paper.count("points ·") == 11 and "**11** (" in paper
    assert not re.search("details|lesson|Answer", paper)
    exec(FIGURE, desk)
    desk["pyplot"].close()
    assert (tmp_path / "question-44.png").stat().st_size > 10_000


def test_the_formulas_give_the_answers_that_are_printed(desk):
    exec(FORMULAS, desk)
    exec(CUT, desk)
    table = [row for row in rows(PAPER) if len(row) == 5 and row[0].isdigit()]
    asked = {*desk["twelve_weeks"], *desk["six_weeks"]}
    assert {int(number) for number, *_ in table} == asked
    answers = {n: FOLDED.findall(text)[0].replace("{,}", "") for n, *_, text in BANK}
    for number, _, in_bank, *years in table:
        for cell in (in_bank, *years):
            if cell == "–" and cell is in_bank:
                continue
            call, printed = re.fullmatch(rf"`(q{number}\(.+\))` = (.+)", cell).groups()
            found = eval(call, desk)
            found = found if isinstance(found, tuple | list) else [found]
            said = printed.replace("−", "-").split(", ")
            for value, word in zip(found, said, strict=True):
                digits = len(word.partition(".")[2])
                assert abs(value - float(word)) <= 0.5000001 * 10**-digits, (call, word)
                if cell is in_bank:
                    plain = re.escape(word.lstrip("-"))
                    assert re.search(rf"(?<![\d.]){plain}(?!\d)", answers[number]), (call, word)


# The capstone ----------------------------------------------------------------------------------

RUBRIC = KIT["capstone"].split("## Rubric: ")[1]
LINES = re.findall(r"^\| \*\*(.+?)\*\* \((\d+)\) \| (.+?) \|", RUBRIC, re.MULTILINE)


def test_the_rubric_has_the_points_that_it_says():
    assert sum(int(points) for _, points, _ in LINES) == int(RUBRIC.split()[0])
    for name, points, full in LINES:
        assert sum(int(n) for n in re.findall(r"\((\d)\)", full)) == int(points), name


def test_the_marked_capstone_is_marked_by_the_rubric():
    marking = KIT["marked"].split("## Marking: ")[1]
    given = re.findall(r"^\| \*\*(.+?)\*\* \((\d+)\) \| (\d+) \|", marking, re.MULTILINE)
    assert [line[:2] for line in given] == [line[:2] for line in LINES]
    assert all(int(got) <= int(points) for _, points, got in given)
    total, of = re.match(r"(\d+) of (\d+)", marking).groups()
    assert (sum(int(got) for *_, got in given), of) == (int(total), RUBRIC.split()[0])


def test_the_marked_capstone_quotes_the_cards():
    names = {
        "VAE, 2 latents": "vae-2d-mnist",
        "VAE, 20 latents": "vae-20d-mnist",
        "VAE, 50 latents": "vae-50d-mnist",
        "VAE/GAN": "vaegan-mnist",
    }
    scores = ("FD on", "Laplacian", "precision", "recall")
    lines = [row for row in rows(KIT["marked"]) if len(row) == 5]
    told = {row[0]: row[1:] for row in lines if "±" in row[1] or row[0] == "floor"}
    assert set(told) == {*names, "floor"}
    for name, stored in names.items():
        card = zoo.card(stored)["scores"]["rows"]
        for score, said, floor in zip(scores, told[name], told["floor"], strict=True):
            row = next(row for row in card if row["name"].startswith(score))
            pairs = [*zip((row["value"], row["error"]), said.split(" ± "), strict=True)]
            for value, word in [*pairs, (row["floor"], floor)]:
                digits = len(word.partition(".")[2])
                assert f"{value:.{digits}f}".removeprefix("0") == word, (name, score)


def test_the_marked_capstone_computed_what_it_says():
    real = evaluation.sharpness(data.load("digits", split="test").batch(slice(256)).x)
    found = {"real digits": real}
    for name, stored in (("VAE, 50 latents", "vae-50d-mnist"), ("VAE/GAN", "vaegan-mnist")):
        drawn = zoo.load(stored).sample(256, generator=torch.Generator().manual_seed(0))
        found[name] = evaluation.sharpness(drawn)
    told = {row[0]: row[1:] for row in rows(KIT["marked"]) if len(row) == 3}
    for name, sharp in found.items():
        best = sharp.sort(descending=True).values[:16]
        said = [float(word) for word in told[name]]
        assert [sharp.median().item(), best.median().item()] == pytest.approx(said, abs=6e-4)
    digits = data.load("digits")
    (threes,) = torch.nonzero(torch.as_tensor(digits.labels) == 3, as_tuple=True)
    x = digits.batch(threes).x.double()
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).double()[None, None]
    edges = [F.conv2d(v, kernel).square().sum((1, 2, 3)).mean() for v in (x, x.mean(0)[None])]
    text = " ".join(KIT["marked"].split())
    left, mean = (float(edge) for edge in edges)
    wanted = (
        f"{len(x):,} threes of `digits`: left {left:.1f}, right {mean:.1f} + {left - mean:.1f}"
    )
    assert wanted in text


# Glossary and games ----------------------------------------------------------------------------

ENTRY = re.compile(r"^- \*\*(.+?)\*\* \((\d\d)\): (.*?)(?=^- |\Z)", re.MULTILINE | re.DOTALL)


def test_the_glossary_is_sorted_and_its_terms_stand_where_it_says():
    entries = [(a, b, " ".join(c.split())) for a, b, c in ENTRY.findall(KIT["glossary"])]
    assert len(entries) == KIT["glossary"].count("\n- ") > 60
    terms = [term.replace("β", "beta").replace("é", "e").casefold() for term, _, _ in entries]
    assert terms == sorted(terms) and len(set(terms)) == len(terms)
    for term, lesson, sentence in entries:
        assert sentence.endswith(".") and not re.search(r"[a-z)$]\. ", sentence), term
        text = " ".join(re.sub(r"[*#$\\]", "", SOURCES[lesson]).split()).casefold()
        words = re.findall(r"[\w/βé-]+", term.casefold())
        assert all(word.rstrip("s")[:9] in text for word in words), (term, lesson)


def test_the_letters_of_the_game_differ_in_seven_pixels():
    picture = re.search(r"```\n(L .*?)```", KIT["unplugged"], re.DOTALL)[1].splitlines()[1:]
    columns = [[line[start : start + 9] for line in picture] for start in (0, 11, 22, 33)]
    letters = ["".join(rows).replace(" ", "") for rows in columns]
    assert {len(letter) for letter in letters} == {25}
    different = [
        sum(p != q for p, q in zip(one, other, strict=True))
        for i, one in enumerate(letters)
        for other in letters[:i]
    ]
    assert min(different) == 7
