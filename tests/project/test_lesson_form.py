"""The form of the lessons: nothing that a lesson has to have is missing, and what a card says
to compare with is what its solution computes."""

import re
from functools import cache

import nbformat
import pytest
from conftest import ROOT, script
from lesson_cells import loaded, printed, source_cells, stored

BUILD = script("build")
FORM = BUILD.form
LESSONS = [path.name[:2] for path in BUILD.Course(ROOT / "notebooks").lessons()]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_lacks_nothing_of_the_form(lesson):
    assert FORM.lacking(lesson, source_cells(lesson)) == []


@cache
def compared(lesson: str) -> dict[str, tuple[int, str]]:
    """Exercise → the code cell it runs after, its own or else the last, and its expected lines."""
    found, waiting, at = {}, [], -1
    for cell in source_cells(lesson):
        if cell.cell_type == "markdown":
            waiting += [c for c in FORM.cards(cell.source) if "Compare" in c.fields]
            continue
        at += 1
        if waiting and cell.metadata.get("exercise") in waiting[0].numbers:
            card = waiting.pop(0)
            found[card.numbers[0]] = (at, card.fields["Compare"])
    return found | {card.numbers[0]: (at, card.fields["Compare"]) for card in waiting}


@cache
def printed_by(lesson: str) -> dict[str, list[str]]:
    """What each expected line of a lesson prints; the lesson runs once."""
    cells = [cell.source for cell in source_cells(lesson) if cell.cell_type == "code"]
    return printed(
        cells, {n: (at, told(text)[0]) for n, (at, text) in compared(lesson).items()}
    )


COMPARED = [(lesson, number) for lesson in LESSONS for number in compared(lesson)]


def told(text: str) -> tuple[str, list[str]]:
    """The code of an expected line, and what it says that the code prints."""
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return code, re.findall(r"# → (.*)$", code, re.MULTILINE)


def same(found: str, expected: str) -> bool:
    """Alike in words, and in numbers within a thousandth."""
    number = r"-?\d+\.?\d*(?:e[+-]?\d+)?"
    if re.sub(number, "#", found) != re.sub(number, "#", expected):
        return False
    pairs = zip(re.findall(number, found), re.findall(number, expected), strict=True)
    return all(float(a) == pytest.approx(float(b), rel=1e-3, abs=2e-4) for a, b in pairs)


@pytest.mark.timeout(600)  # the first of a lesson runs that lesson
@pytest.mark.parametrize(("lesson", "number"), COMPARED)
def test_an_expected_line_is_what_the_solution_prints(lesson, number):
    _, expected = told(compared(lesson)[number][1])
    assert expected, f"{number}: print(…)  # → what it prints"
    found = printed_by(lesson)[number]
    assert len(found) == len(expected), found
    for one, other in zip(found, expected, strict=True):
        assert same(one, other), f"{number} prints {one!r}, its card says {other!r}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_needs_what_is_computed_in_a_fold(lesson):
    """A reader who skips a case file, and doesn't open a folded cell, misses no name."""
    cells = source_cells(lesson)
    case, level, hidden, plain = False, 0, {}, set()
    for cell in cells:
        if cell.cell_type == "markdown":
            for kind, first, _ in FORM.pieces(cell.source):
                if kind == "heading" and (case is False or len(first.split()[0]) <= level):
                    case, level = bool(FORM.CASE.match(first)), len(first.split()[0])
            continue
        if FORM.only_plots(cell):
            continue  # what it binds is of no use to others: `fig`, `axes`
        if case:
            hidden |= {name: cell.source for name in stored(cell.source)}
        else:
            wanted = (loaded(cell.source) - stored(cell.source) - plain) & set(hidden)
            assert not wanted, f"computed in a case file and needed after it: {wanted}"
            plain |= stored(cell.source)


# The form itself, on small texts ---------------------------------------------------------------

CARD = """\
Some text.

**Exercise 90.2 · The KL in closed form** · ●●○ · 8 min · code

*Why.* You train with it.

Write it.

*Nudge.* Sums of logs.

*First line.* `variance = log_var.exp()`

*Compare.*
```python
# a comment
print(1 + 1)  # → 2
```

**Exercise 90.3 · By hand** · ●○○ · 5 min · pen

*Why.* To see.

*Nudge.* Draw it.

### Next

Open text."""


def test_a_card_is_read_and_its_help_is_folded():
    first, second = FORM.cards(CARD)
    assert (first.numbers, first.level, first.minutes, first.kind) == (["90.2"], 2, 8, "code")
    assert first.fields["First line"] == "`variance = log_var.exp()`"
    assert told(first.fields["Compare"]) == ("# a comment\nprint(1 + 1)  # → 2\n", ["2"])
    assert first.lacks() == second.lacks() == []
    folded = FORM.with_folds(CARD)
    for summary in ("A nudge", "A first line", "To compare with"):
        assert f"<details><summary>{summary}</summary>" in folded
    assert folded.count("<details>") == folded.count("</details>") == 4
    open_text = re.sub(r"<details>.*?</details>", "", folded, flags=re.DOTALL)
    assert "Sums of logs" not in open_text and "variance" not in open_text
    assert "Write it." in open_text and "### Next\n\nOpen text." in open_text
    assert FORM.with_folds("No card.\n\nNothing *else*.") == "No card.\n\nNothing *else*."


@pytest.mark.parametrize(
    ("left_out", "lacking"),
    [
        ("*Why.* You train with it.", "Why"),
        ("*Nudge.* Sums of logs.", "Nudge"),
        ("*First line.* `variance = log_var.exp()`", "First line"),
        ("*Compare.*", "Compare"),
    ],
)
def test_what_a_card_lacks_is_named(left_out, lacking):
    assert FORM.cards(CARD.replace(left_out, ""))[0].lacks() == [lacking]


@pytest.mark.parametrize("wrong", ["●●●●", "8 minutes", "· coding", "hard"])
def test_a_card_that_cannot_be_read_stops_the_build(wrong, tmp_path):
    right = {"●●●●": "●●○", "8 minutes": "8 min", "· coding": "· code", "hard": "●●○"}[wrong]
    (tmp_path / "90_x.py").write_text(
        "# %% [markdown]\n# " + CARD.replace(right, wrong, 1).replace("\n", "\n# ")
    )
    with pytest.raises(BUILD.BuildError, match="a card begins"):
        BUILD.read_source(tmp_path / "90_x.py")


LESSON = """\
# %% [markdown]
# # 90 · Small

# %%
plots.show(1)

# %% [markdown]
# **The question.** Why?
#
# **Question 1.** A? ... {questions}

# %% [markdown]
# # Part A · One
#
# ## 1 · First

# %% exercise="90.2"
x = 1

# %%
check("90.2", x)
refuses(1, 2)

# %% [markdown]
# ### E01 · A story {case}
#
# Told.

# %%
refuses(3, 4)
refuses(4, 5)
"""


def test_what_a_lesson_lacks_is_listed(tmp_path):
    file = tmp_path / "90_small.py"
    file.write_text(LESSON.replace("{case}", "").replace("{questions}", ""))
    found = "\n".join(FORM.lacking("90", BUILD.read_source(file).cells))
    assert "before Part A: five" in found and "at the end: five" in found
    assert "90.2: no card" in found
    assert "does not end in '(case file, optional)'" in found
    assert "refuses 2 wrong forms" in found and "First' refuses" not in found
    assert "payoff" not in found
    file.write_text(LESSON.replace("{case}", "(case file, optional)").replace(".show(", ".no("))
    found = "\n".join(FORM.lacking("90", BUILD.read_source(file).cells))
    assert "does not end" not in found and "refuses" not in found and "payoff" in found


SMALL = """\
# %% [markdown]
# # 90 · Small

# %%
import math
import torch
from course_lib import plots
generator = torch.Generator()

# %% [markdown] tags=["solution"]
# *Solution 90.3.* Secret.

# %%
fig, ax = plots.figure()
ax.plot(x)
ax.set_title("x")
plots.show(fig, alt="a line")

# %%
fig, ax = plots.figure()
agrees(x, 1)
ax.plot(x)
plots.show(fig, alt="a line, and a check")

# %% tags=["open"]
fig, ax = plots.figure()
ax.plot(x)
ax.set_title("x")
plots.show(fig, alt="a line whose code is worth reading")

# %% [markdown]
# ### E01 · A story (case file, optional)
"""


def test_the_copies_fold_and_only_one_has_solutions(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "90_small.py").write_text(SMALL)
    (tmp_path / "source" / "errata.md").write_text("# Errata\n")
    course = BUILD.Course(tmp_path)
    course.write()
    learner, solved = (
        nbformat.read(folder / "90_small.ipynb", as_version=4).cells
        for folder in (course.folder, course.solved)
    )
    assert not any("Secret" in cell.source for cell in learner)
    (solution,) = (cell for cell in solved if "Secret" in cell.source)
    assert solution.source == (
        "<details><summary>Solution of 90.3</summary>\n\nSecret.\n\n</details>"
    )
    for cells in (learner, solved):
        code = [cell.metadata for cell in cells if cell.cell_type == "code"]
        assert [m.get("jupyter", {}).get("source_hidden") for m in code] == [
            True,
            True,
            None,
            None,
        ]
        assert cells[-1].metadata["jp-MarkdownHeadingCollapsed"] is True
