"""The lessons as files: both copies agree with their source, and keep the course's habits.

That both copies also run is tested by nbval, cell by cell (see conftest.py); this module reads.
"""

import ast
import base64
import io
import itertools
import json
import re
import statistics

import nbformat
import pytest
from conftest import ROOT, script
from PIL import Image, ImageChops, ImageStat

from course_lib import explore, zoo

COURSE = script("build").Course(ROOT / "notebooks")
COURSE_TIMES = script("reading_time")
STEMS = [path.stem for path in COURSE.lessons()]
FOUNDATION = {"00", "01", "02", "06"}
DERIVING = {"01", "02"} | {f"{number:02d}" for number in range(4, 12)}
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(home|root|tmp|work|Users|opt)/|[A-Z]:\\Users")


@pytest.fixture(params=STEMS)
def lesson(request, build):
    """A lesson's source: its number and its cells, solutions in place."""
    notebook = build.read_source(COURSE.source / f"{request.param}.py")
    for cell in notebook.cells:
        cell.source = build.without_markers(cell.source)
    return request.param[:2], notebook.cells


def code(cells) -> list[str]:
    return [cell.source for cell in cells if cell.cell_type == "code"]


def calls(source: str, name: str) -> list[ast.Call]:
    """Calls of `name(…)` or `….name(…)`."""
    every = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [c for c in every if getattr(c.func, "attr", getattr(c.func, "id", None)) == name]


def test_the_foundation_is_there():
    assert {stem[:2] for stem in STEMS} >= FOUNDATION


def test_copies_agree_and_outputs_are_fresh():
    assert COURSE.check() == []


def test_cell_length(lesson):
    lengths = [len(source.splitlines()) for source in code(lesson[1])]
    assert statistics.median(lengths) <= 10
    assert max(lengths) <= 30
    wide = [
        line for source in code(lesson[1]) for line in source.splitlines() if len(line) > 100
    ]
    assert wide == [], "the formatter's width is 96; strings may stick out a little"


def test_exercises(lesson):
    number, cells = lesson
    exercises = {c.metadata["exercise"] for c in cells if "exercise" in c.metadata}
    checked = {
        call.args[0].value for source in code(cells) for call in calls(source, "check")
    } & exercises
    assert all(name.startswith(f"{number}.") for name in exercises)
    assert len(exercises) >= 5
    assert len(checked) >= 3


def test_equations_are_numbered_in_order(lesson):
    number, cells = lesson
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    tags = re.findall(r"\\tag\{([^}]+)\}", prose)
    assert tags == [f"{int(number)}.{i}" for i in range(1, len(tags) + 1)]
    if number in DERIVING:
        assert len(tags) >= 8
        refusing = [source for source in code(cells) if calls(source, "refuses")]
        assert len(refusing) >= 8, "each identity's cell refuses a named wrong form"


def test_prose(lesson):
    own = COURSE.reading(lesson[0])
    for cell in lesson[1]:
        if cell.cell_type == "markdown":
            assert not MACHINE_PATH.search(cell.source), cell.source
            unknown = set(re.findall(r"\{\{[^}]*\}\}", cell.source))
            filled = (COURSE.with_minutes(token, "00") for token in unknown)
            assert not any(COURSE.with_times(token, own).startswith("{{") for token in filled)


WIDE = 100  # characters that a notebook shows on a laptop's screen without a break


def tabular(line: str) -> bool:
    """Whether a printed line is a row of a table or a raw dictionary: broken, it is unreadable."""
    return len(re.findall(r"\S {2,}(?=\S)", line)) >= 2 or "{'" in line


def test_no_printed_table_wraps(lesson):
    for path in COURSE.solved.glob(f"{lesson[0]}_*.ipynb"):
        printed = [
            line
            for cell in cells_of(path)
            for output in cell.get("outputs", [])
            for line in output.get("text", "").splitlines()
        ]
        assert [line for line in printed if tabular(line) and len(line) > WIDE] == []


def test_what_is_a_table():
    assert tabular("VAE    0.953 ± 0.001    5.2") and tabular("{'lr': 0.1, 'batch': 32}")
    assert not tabular("One sentence. It has no columns, and may be broken anywhere.")


def test_every_figure_has_alternative_text(lesson):
    for source in code(lesson[1]):
        assert "plt.show(" not in source, f"plots.show(fig, alt=…) asks for the text:\n{source}"
    solved = [
        cell for path in COURSE.solved.glob(f"{lesson[0]}_*.ipynb") for cell in cells_of(path)
    ]
    for cell in solved:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            html = data.get("text/html", "")
            alts = re.findall(r"<img\b[^>]*?\balt=\"([^\"]*)\"", html)
            assert len(alts) == len(re.findall(r"<img\b", html)), cell.source
            if "image/png" in data:
                alts.append(output.metadata.get("image/png", {}).get("alt", ""))
            assert all(len(alt) > 15 for alt in alts), (
                f"a figure without its text:\n{cell.source}"
            )


def test_the_gallery_has_every_explorer_with_one_thing_to_find_out(build):
    """The prose before a cell names the explorer that the cell shows, and asks one question."""
    gallery = build.read_source(COURSE.source / "explorers.py").cells
    shown = []
    for before, cell in itertools.pairwise(gallery):
        for call in calls(cell.source, "show") if cell.cell_type == "code" else ():
            name = call.args[0].func.attr
            assert f"## `{name}` · lesson" in before.source
            assert before.source.count("?") == before.source.count("Find out:") == 1, name
            shown.append(name)
    assert sorted(shown) == sorted(explore.names())
    solved = cells_of(COURSE.solved / "explorers.ipynb")
    outputs = [
        o for c in solved for o in c.get("outputs", []) if "text/html" in o.get("data", {})
    ]
    alts = re.findall(r'<img alt="([^"]{40,})"', "".join(o.data["text/html"] for o in outputs))
    assert len(alts) == len(shown), "each has its first view, and that its text"


@pytest.mark.prove
@pytest.mark.parametrize("stem", [*STEMS, "explorers"])
def test_a_still_is_of_its_explorer_as_it_is(stem, monkeypatch):
    """Where a cell needs only explorers and shipped models: the same words, nearly the same pixels
    (other processors round otherwise). Else the lesson is to be executed anew."""
    shown = []
    monkeypatch.setattr("course_lib.plots.style.display", shown.append)
    monkeypatch.setenv("COURSE_STATIC", "1")
    for cell in cells_of(COURSE.solved / f"{stem}.ipynb"):
        source = cell.source if cell.cell_type == "code" and "show(" in cell.source else ""
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        if source and names <= {"explore", "zoo"}:
            exec(source, {"explore": explore, "zoo": zoo})
            bundles = cell.outputs[0].data, shown.pop()._repr_mimebundle_()
            (old, before), (new, now) = (still(bundle["text/html"]) for bundle in bundles)
            assert words(old) == words(new), source
            assert before.size == now.size, source
            apart = ImageChops.difference(before, now).convert("L").point(lambda x: x > 64)
            assert ImageStat.Stat(apart).mean[0] < 1 / 500, f"seen to differ: {source}"


def still(html: str) -> tuple[str, Image.Image]:
    """A still's alternative text and its picture."""
    alt, data = re.search(r'alt="([^"]*)"[^>]*base64,([^"]+)"', html).groups()
    return alt, Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def words(text: str) -> str:
    return re.sub(r"[\d.]+", "#", text)


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


# The builder itself, on a lesson of its own ----------------------------------------------------

TINY = '''\
# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Tiny
# Measured: {{minutes}} minutes, that other one {{minutes:02}}.

# %% exercise="90.1"
### BEGIN SOLUTION
first, second = 1, 2
### END SOLUTION

# %% exercise="90.2"
def kl(mean):
    """What is asked."""
    ### BEGIN SOLUTION
    square = mean**2
    return square / 2
    ### END SOLUTION

# %% exercise="90.3"
### BEGIN SOLUTION
def elbo(x):
    return -x
### END SOLUTION

# %% tags=["optional"]
print("same")

# %% tags=["optional"]
print("same")
'''


@pytest.fixture
def tiny(tmp_path, build):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "90_tiny.py").write_text(TINY)
    (tmp_path / "source" / "errata.md").write_text("# Errata\n")
    course = build.Course(tmp_path)
    course.write()
    return course


def test_learners_copy(tiny):
    cells = cells_of(tiny.folder / "90_tiny.ipynb")
    assert [cell.source for cell in cells[1:4]] == [
        "first = ...\nsecond = ...",
        'def kl(mean):\n    """What is asked."""\n    ...',
        "elbo = ...",
    ]
    assert cells[1].metadata == {"exercise": "90.1"}
    assert cells[4].metadata == {"tags": ["optional"]}
    assert all(not cell.get("outputs") for cell in cells)


def test_head_and_foot_link_to_the_neighbours_and_the_contents(tiny):
    (tiny.source / "91_next.py").write_text(TINY.replace("# # Tiny", "# # 91 · Next"))
    (tiny.source / "92_last.py").write_text(TINY.replace("# # Tiny", "# # 92 · Last"))
    tiny.write()
    for folder in (tiny.folder, tiny.solved):
        prose = [c for c in cells_of(folder / "91_next.ipynb") if c.cell_type == "markdown"]
        for cell in (prose[0], prose[-1]):
            links = re.findall(r"\[([^]]+)\]\(([^)]+)\)", cell.source)
            assert ("Tiny", "90_tiny.ipynb") in links and (
                "92 · Last",
                "92_last.ipynb",
            ) in links
            assert ("contents", "90_tiny.ipynb") in links
            assert all((folder / target).exists() for _, target in links)
        assert prose[0].source.startswith("# 91 · Next\n")
        first, last = (
            cells_of(folder / f"{n}.ipynb")[0].source for n in ("90_tiny", "92_last")
        )
        assert "←" not in first and "91_next" in first and "→" not in last


def test_solved_copy(tiny):
    cells = cells_of(tiny.solved / "90_tiny.ipynb")
    assert cells[1].source == "first, second = 1, 2"
    assert cells[2].source.endswith("square = mean**2\n    return square / 2")
    assert "###" not in "".join(cell.source for cell in cells)


def test_ids_are_stable_unique_and_shared(tiny):
    first = [cell.id for cell in cells_of(tiny.folder / "90_tiny.ipynb")]
    assert len(set(first)) == len(first)
    assert first == [cell.id for cell in cells_of(tiny.solved / "90_tiny.ipynb")]
    before = {path: path.read_bytes() for path in tiny.folder.rglob("*.*")}
    assert tiny.write() == []
    assert before == {path: path.read_bytes() for path in tiny.folder.rglob("*.*")}
    source = tiny.source / "90_tiny.py"
    source.write_text(TINY.replace("# # Tiny", "# # Tiny, bettered"))
    tiny.write()
    later = [cell.id for cell in cells_of(tiny.folder / "90_tiny.ipynb")]
    assert [a == b for a, b in zip(first, later, strict=True)].count(False) == 1


def with_outputs(course, build, text="same\n"):
    """Stand-in for an execution: outputs and the code's hash, as `execute` leaves them."""
    path = course.solved / "90_tiny.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=text)]
    source = build.read_source(course.source / "90_tiny.py")
    notebook.metadata["course"] = {"code": build.code_hash(source), "budget": "laptop"}
    path.write_text(build.as_text(notebook))
    return path


def test_outputs_survive_prose_but_not_code(tiny, build):
    assert tiny.check() == ["solved/90_tiny.ipynb has no outputs of its code: make execute"]
    path = with_outputs(tiny, build)
    assert tiny.check() == []
    source = tiny.source / "90_tiny.py"
    source.write_text(TINY.replace("# # Tiny", "# # Tiny, bettered"))
    assert len(tiny.check()) == 2
    tiny.write()
    assert cells_of(path)[-1].outputs[0].text == "same\n"
    (tiny.source / "minutes.json").write_text('{"90": 3.4, "02": 0.02}')
    tiny.write()
    assert tiny.check() == []
    assert "Measured: 3 minutes, that other one 0.1." in cells_of(path)[0].source
    source.write_text(TINY.replace("mean**2", "mean**3"))
    assert "solved/90_tiny.ipynb does not agree with its source: make notebooks" in tiny.check()
    tiny.write()
    assert cells_of(path)[-1].outputs == []
    assert tiny.check() == ["solved/90_tiny.ipynb has no outputs of its code: make execute"]


def test_check_finds_edits_strays_and_fat(tiny, build):
    with_outputs(tiny, build, text="x" * 1_200_000)
    (tiny.folder / "07_old.ipynb").write_text("{}")
    learners = tiny.folder / "90_tiny.ipynb"
    learners.write_text(learners.read_text().replace("Tiny", "Edited"))
    (tiny.folder / "errata.md").unlink()
    found = "\n".join(tiny.check())
    for part in (
        "errata.md is missing",
        "90_tiny.ipynb does not",
        "larger than",
        "has no source",
    ):
        assert part in found


def test_outputs_that_name_this_machine_are_refused(tiny, build):
    path = with_outputs(tiny, build, text=f"UserWarning in {ROOT}/file.py")
    notebook = nbformat.read(path, as_version=4)
    with pytest.raises(build.BuildError, match="names a place on this machine"):
        build.clean_outputs(notebook, "90_tiny")


def test_execution(tiny, build, tmp_path, capsys):
    source = tiny.source / "90_tiny.py"
    source.write_text(
        TINY + "\n# %%\nfrom pathlib import Path\nPath('left').touch()\n"
        "from IPython.display import HTML\n"
        'HTML(\'<img alt="one dot" src="data:image/png;base64,aGVsbG8=">\')\n'
    )
    elsewhere = tmp_path / "elsewhere"
    arguments = ["--execute", "--budget", "smoke", "--to", str(elsewhere)]
    status = build.main([*arguments, "--keep-figures", str(elsewhere), "90"], tiny.folder)
    assert status == 0, capsys.readouterr()
    assert not tiny.timings.exists() and "90_tiny.ipynb does not" in "\n".join(tiny.check())
    assert [p.read_bytes() for p in elsewhere.glob("*.png")] == [b"hello"]
    assert build.main(["--execute", "90"], tiny.folder) == 0
    assert tiny.check() == []
    assert json.loads(tiny.timings.read_text()).keys() == {"90"}
    assert "Measured: 0.1 minutes" in cells_of(tiny.folder / "90_tiny.ipynb")[0].source
    solved = nbformat.read(tiny.solved / "90_tiny.ipynb", as_version=4)
    assert solved.metadata["course"]["budget"] == "laptop"
    assert solved.cells[4].outputs[0].text == "same\n"
    assert not list(tmp_path.rglob("left"))


def test_a_failing_cell_is_told(tiny, build, capsys):
    (tiny.source / "90_tiny.py").write_text(TINY + "\n# %%\n1 / 0\n")
    assert build.main(["--execute", "90"], tiny.folder) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert build.main(["nothing"], tiny.folder) == 1
    assert "there is no lesson 'nothing'" in capsys.readouterr().err


def test_parts_are_an_hour_and_say_so(lesson):
    number, _ = lesson
    found = COURSE.reading(number)
    letters = "".join(part.letter for part in found.parts)
    assert "ABC".startswith(letters) and letters
    for part in found.parts:
        assert 20 <= part.minutes + part.optional <= 75, part
    (path,) = COURSE.lessons([number])
    text = path.read_text("utf-8")
    assert re.findall(r"\{\{part:(\w)\}\}", text) == list(letters)
    assert text.count("{{time}}") == 1


def test_the_reading_time_is_the_stated_formula():
    notebook = nbformat.v4.new_notebook()
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    solved = "a = 1\n### BEGIN SOLUTION\nb = 2\nc = 3\n### END SOLUTION\n# why\n\nd = 4"
    long, card = (
        "word " * 600,
        "**Exercise 99.{} · Title** · ●○○ · {} min · {}\n\n*Nudge.* {}\n",
    )
    notebook.cells = [
        markdown("# Title\n" + "before " * 149),
        markdown(f"**Question 1.** Why?\n\n*Answer.* {long}"),
        markdown("# Part A · One\n" + "word " * 297 + "$a+b$\n$$x$$\n![a picture](drawing:x)"),
        code("\n".join(["x"] * 20)),
        code("\n".join(["plots.show(x)"] * 200)),
        markdown(f"*Solution 99.4.* {long}", metadata={"tags": ["solution"]}),
        markdown("## 2 · More (*optional*)\n" + "word " * 147),
        markdown("# Part B · Two"),
        code(solved, metadata={"exercise": "99.1", "minutes": 10}),
        code("pass", metadata={"exercise": "99.2"}),
        markdown(card.format(4, 7, "code", long)),
        code("pass", metadata={"exercise": "99.4"}),
        markdown("### E01 · A story (case file, optional)\n" + "word " * 145),
        markdown(
            "## 3 · Exercises\n\n**99.1** to 99.2 above.\n\n**99.3 · New.** Do it.\n\n1. It.\n\n"
            + card.format(5, 11, "pen", long)
        ),
    ]
    found = COURSE_TIMES.reading(notebook)
    first, second = found.parts
    header = 150 / 150 + 1
    assert first.minutes == pytest.approx(header + 300 / 150 + 1 + 1 + 3 / 150, abs=0.05)
    assert first.optional == pytest.approx(1.0, abs=0.02)
    assert second.minutes == pytest.approx(10 + 6 + 7 + 5 / 20 + 20 / 150, abs=0.1)
    assert second.optional == pytest.approx(1.0, abs=0.03)
    assert found.unaided == 3 * 8 + 11


def defined(cells) -> dict[str, bool]:
    """Functions that a lesson defines for all its cells, and whether an exercise asks for them."""
    return {
        node.name: "exercise" in cell.metadata
        for cell in cells
        if cell.cell_type == "code"
        for node in ast.parse(cell.source).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }


def test_a_name_is_one_function_in_all_lessons(build):
    """What two lessons need stands in the library; what differs has another name. Exercises keep
    theirs, by which the checks ask."""
    owners: dict[str, list[str]] = {}
    for path in COURSE.lessons():
        for name, asked in defined(build.read_source(path).cells).items():
            owners.setdefault(name, [])
            owners[name] += [] if asked else [path.stem]
    assert {name: stems for name, stems in owners.items() if len(stems) > 1} == {}
