"""What counts in the end: open marks and decisions, bound to what was handed in; ways back."""

import csv
import json
import os
import shutil
import zipfile
from pathlib import Path

import hostile
import pytest
from test_commands import CANVAS, MOODLE, ROSTER, run, table

from course_lib.classroom import collect, feedback, grade, lms, room, sandbox, tables
from course_lib.errors import CourseError

ANSWER = "G stands still."


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of three: ada is right in all, bob in nothing, the third handed in nothing."""
    made, _ = hostile.make(tmp_path_factory.mktemp("graded") / "class", [])
    rows = "".join(f"{s},{r['name']},{r['email']}\n" for s, r in ROSTER.items())
    (made.folder / "roster.csv").write_text(room.ROSTER + rows)
    hand_in(made, "ada")
    hand_in(made, "bob", solved=False)
    again(made)
    return made.folder


@pytest.fixture
def place(graded, tmp_path):
    return room.Room(shutil.copytree(graded, tmp_path / "class"))


def hand_in(made, student, text=ANSWER, solved=True, whose=None):
    given = made.assignment("hw")
    copy = given.copy(made.numbers(given, whose or student), whose or student, solved)
    assert copy.count("An answer.") == 1
    target = made.folder / "submitted" / student / "hw" / "hw.ipynb"
    grade.write(target, copy.replace("An answer.", text))


def again(made):
    assert run("grade", made.folder, "hw", "--trust-submissions") == 0


def fill(made, name, **values):
    """Write into the columns of a student's line of a table, as a teacher would."""
    path, student = made.folder / name, values.pop("student")
    rows = tables.read(path)
    for row in rows:
        row.update(values if row["student"] == student else {})
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)


def decide(made, *lines):
    path = made.folder / "decisions.csv"
    path.write_text(path.read_text() + "".join(f"{line}\n" for line in lines))


def exported(made, *more):
    assert run("export", made.folder, "hw", *more) == 0
    text = (made.folder / "grades" / "hw.csv").read_text()
    return {row["student"].removeprefix("'"): row for row in table(text)}


def page(made, student):
    return (made.folder / "feedback" / student / "hw" / "hw.html").read_text()


def test_an_open_question_that_is_not_marked_is_never_scaled_away(place, tmp_path, capsys):
    (tmp_path / "Grades.csv").write_text(CANVAS)
    canvas = ["--fill", tmp_path / "Grades.csv"]
    rows = exported(place, *canvas)
    assert (rows["ada"]["points"], rows["ada"]["open"], rows["ada"]["of"]) == ("", "", "12")
    assert "ada (the open question is not marked)" in capsys.readouterr().out

    def filled():
        text = (place.folder / "grades" / "Grades.csv").read_text()
        return {r["SIS Login ID"]: r["A small assignment (4711)"] for r in table(text)}

    assert filled()["ada"] == ""
    assert filled()["BOB"] == "3.5"  # what stood there
    assert exported(place, *canvas, "--anyway")["ada"]["points"] == "10"
    assert float(filled()["ada"]) == pytest.approx(10 / 12 * 20, abs=0.01)  # 0 for the open one
    fill(place, "open/hw.csv", student="ada", points="1,5")
    assert exported(place, *canvas)["ada"]["points"] == "11.5"
    assert float(filled()["ada"]) == pytest.approx(11.5 / 12 * 20, abs=0.01)


def test_a_mark_of_the_open_question_belongs_to_its_text(place, capsys):
    fill(place, "open/hw.csv", student="ada", points="2", comment="=good")
    again(place)
    assert exported(place)["ada"]["points"] == "12"
    hand_in(place, "ada", "Quite another text.")
    capsys.readouterr()
    assert run("export", place.folder, "hw") == 1
    assert "Not graded yet: ada." in capsys.readouterr().err
    again(place)
    assert "ada wrote a new open answer: mark it again." in capsys.readouterr().out
    (row,) = [r for r in tables.read(place.folder / "open/hw.csv") if r["student"] == "ada"]
    assert (row["points"], row["earlier"]) == ("", "2: =good")
    assert exported(place)["ada"]["points"] == ""
    fill(place, "open/hw.csv", student="ada", points="1")
    again(place)
    assert exported(place)["ada"]["points"] == "11"
    fill(
        place, "open/hw.csv", student="ada", **{"for": tables.mark("as if `grade` had stopped")}
    )
    assert exported(place)["ada"]["points"] == ""


def test_a_placeholder_and_nothing_are_no_answer(place, capsys):
    hand_in(place, "ada", "An answer.")
    again(place)
    assert "No open answer, so 0 points for it: ada, =1+1." in capsys.readouterr().out
    rows = exported(place)
    assert (rows["ada"]["open"], rows["ada"]["points"]) == ("0", "10")
    assert rows["=1+1"]["points"] == "0"
    fill(place, "open/hw.csv", student="ada", points="1", comment="by word of mouth")
    again(place)
    assert exported(place)["ada"]["points"] == "11"


def test_an_answer_may_go_on_in_a_cell_of_its_own(place):
    path = place.folder / "submitted/ada/hw/hw.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][-1]["source"] = "An answer."
    notebook["cells"].append({"cell_type": "markdown", "source": "Below.", "metadata": {}})
    path.write_text(json.dumps(notebook))
    again(place)
    assert "<pre>An answer.\n\nBelow.</pre>" in (place.folder / "open/hw.html").read_text()


def test_a_decision_is_read_kept_and_shown(place, capsys):
    hand_in(place, "bob", whose="ada")
    again(place)
    assert "look at bob: this copy was made for ada" in capsys.readouterr().out
    fill(place, "open/hw.csv", student="bob", points="2")
    assert exported(place)["bob"]["points"] == ""
    decide(place, 'bob,hw.2,1,"you and ada, half of it"')
    again(place)
    assert "look at bob (decided): this copy" in capsys.readouterr().out
    row = exported(place)["bob"]
    assert (row["hw.1"], row["hw.2"], row["hw.3"], row["points"]) == ("0", "1", "4", "7")
    assert row["decided"] == "you and ada, half of it"
    assert run("feedback", place.folder, "hw") == 0
    assert (
        "1 of 3<td>hw.2<td>✓ hw.2: right<br>decided by your teacher: you and ada, half"
        in page(place, "bob")
    )
    assert run("grade", place.folder, "hw", "--trust-submissions", "--again") == 0
    assert exported(place)["bob"]["points"] == "7"


def test_a_decision_on_the_whole_notebook(place):
    hand_in(place, "bob", whose="ada")
    again(place)
    fill(place, "open/hw.csv", student="bob", points="2")
    decide(place, "bob,hw,,it stands", "ada,hw,0,both know why")
    fill(place, "open/hw.csv", student="ada", points="1")
    rows = exported(place)
    assert (rows["bob"]["points"], rows["ada"]["points"]) == ("9", "1")


def test_a_zero_for_the_whole_copy_is_final(place, capsys):
    """The open question has 0, too, until it has a mark of its own; `grade` asks no more for it."""
    decide(place, 'bob,hw,0,"copied, as a whole"')
    row = exported(place)["bob"]
    assert (row["points"], row["open"], row["still to do"]) == ("0", "0", "")
    assert run("feedback", place.folder, "hw") == 0
    text = page(place, "bob")
    assert "The open question: 0 of 2 points" in text
    assert "<p>Your teacher: copied, as a whole</p>" in text
    fill(place, "open/hw.csv", student="bob", points="2", comment="your own")
    assert exported(place)["bob"]["points"] == "2"
    hand_in(place, "bob", "Another answer.", solved=False)
    again(place)
    assert exported(place)["bob"]["points"] == ""  # it was said of the copy before


def test_grade_asks_only_for_what_is_open(place, capsys):
    """What is to be decided, what is to be marked, and when neither is."""
    decide_, mark_ = "Decide in decisions.csv", "The open question: read"
    done = "Nothing is left to decide or to mark."

    def asked():
        capsys.readouterr()
        again(place)
        said = capsys.readouterr().out
        return [line for line in (decide_, mark_, done) if line in said]

    assert asked() == [mark_]
    hand_in(place, "bob", whose="ada")
    assert asked() == [decide_, mark_]
    fill(place, "open/hw.csv", student="ada", points="2")
    decide(place, "bob,hw,,it stands")
    assert asked() == [mark_]
    decide(place, "bob,hw,0,copied")
    assert asked() == [done]
    (place.folder / "decisions.csv").write_text("student,exercise,points,why,for\n")
    fill(place, "open/hw.csv", student="bob", points="2")
    assert asked() == [decide_]


def test_a_decision_belongs_to_what_was_handed_in(place, capsys):
    decide(place, "bob,hw.1,3,told me")
    assert exported(place)["bob"]["hw.1"] == "3"
    hand_in(place, "bob", solved=False, text="New.")
    capsys.readouterr()
    again(place)
    said = "bob handed in something new: the decision on hw.1 counts no more"
    assert said in capsys.readouterr().out
    assert exported(place)["bob"]["hw.1"] == "0"
    fill(place, "decisions.csv", student="bob", **{"for": ""})
    assert exported(place)["bob"]["hw.1"] == "3"


@pytest.mark.parametrize(
    "line, said",
    {
        "bo,hw.1,3,x": "Unknown student in decisions.csv 'bo'. Did you mean 'bob'?",
        "bob,hw.7,3,x": "Unknown exercise in decisions.csv 'hw.7'",
        "bob,hv.1,3,x": "Unknown assignment in decisions.csv 'hv'",
        "bob,hw.1,3,": "say why",
        "bob,hw.1,,x": "expected 0 to 3 points, got ''",
        "bob,hw.1,4,x": "expected 0 to 3 points, got '4'",
        "bob,hw.1,2,well, no": "a reason with a comma in it stands in quotes",
        "bob,hw,5,x": "expected 0 for all exercises, or nothing",
    }.items(),
)
def test_a_decision_that_cannot_be_meant_is_told(place, line, said, capsys):
    decide(place, line)
    for command in ("export", "feedback", "grade"):
        more = ["--trust-submissions"] * (command == "grade")
        assert run(command, place.folder, "hw", *more) == 1
        assert said in capsys.readouterr().err


def test_a_table_of_a_spreadsheet_that_cuts_at_semicolons(place):
    (place.folder / "decisions.csv").open("a").write(",,,,\n")  # an empty row is none
    sheet = place.folder / "open/hw.csv"
    line = f"ada;1,5;good, really;{tables.mark(ANSWER)};\n"
    sheet.write_text(f"\ufeffstudent;points;comment;for;earlier\n{line}", encoding="utf-8")
    assert exported(place)["ada"]["points"] == "11.5"


def test_an_open_mark_for_nobody_is_told(place, capsys):
    path = place.folder / "open/hw.csv"
    gone = "zoe,0,nothing was written,h123456789,\n"  # of one who left the class
    path.write_text(path.read_text() + gone)
    again(place)
    assert "zoe" not in path.read_text()
    path.write_text(path.read_text() + "adda,1,,,\n")
    assert run("grade", place.folder, "hw", "--trust-submissions") == 1
    assert "Did you mean 'ada'?" in capsys.readouterr().err


def test_a_table_changed_by_hand_is_kept(place, capsys):
    exported(place)
    path = place.folder / "grades/hw.csv"
    mine = path.read_text().replace(",0,", ",3,")
    path.write_text(mine)
    capsys.readouterr()
    exported(place)
    said = capsys.readouterr().out
    assert "hw.csv was changed by hand and is kept as hw.by-hand-1.csv" in said
    assert (place.folder / "grades/hw.by-hand-1.csv").read_text() == mine
    exported(place)
    assert "by hand" not in capsys.readouterr().out
    assert len(list((place.folder / "grades").glob("*.csv"))) == 2


def test_a_page_shows_the_students_own_words_and_the_rubric_when_asked(place):
    fill(place, "open/hw.csv", student="ada", points="1", comment="say $why$ <b>")
    assert run("feedback", place.folder, "hw") == 0
    text = page(place, "ada")
    assert "The open question: 1 of 2 points" in text
    assert f"<pre>{ANSWER}</pre>\n<p>Your teacher: say &#36;why&#36; &lt;b&gt;</p>" in text
    assert "says why" not in text
    assert "not marked yet" in page(place, "bob")
    assert run("feedback", place.folder, "hw", "--rubric") == 0
    assert "says why" in page(place, "ada")
    assert "says why" not in page(place, "bob")  # it isn't marked


def test_the_same_open_answer_is_noticed(place, capsys):
    hand_in(place, "bob", "g  STANDS *still*", solved=False)
    again(place)
    assert "The same words in the open answers of ada and bob." in capsys.readouterr().out
    text = (place.folder / "open/hw.html").read_text()
    assert "The same words as bob." in text and "The same words as ada." in text
    hand_in(place, "bob", "Something else", solved=False)
    again(place)
    assert "same words" not in capsys.readouterr().out


def test_a_decision_does_not_stand_for_a_grading_that_did_not_start(place, monkeypatch):
    decide(place, "ada,hw,,fine")
    fill(place, "open/hw.csv", student="ada", points="2")
    assert exported(place)["ada"]["points"] == "12"
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "START", 0.01)
        assert run("grade", place.folder, "hw", "--trust-submissions", "--again") == 0
    row = exported(place)["ada"]
    assert (row["points"], row["hw.1"]) == ("", "0") and "did not start" in row["still to do"]
    again(place)
    assert exported(place)["ada"]["points"] == "12"


def test_a_decision_stands_where_the_grader_stumbled(place, monkeypatch):
    def stumble(*given):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(grade, "_mark_all", stumble)
        assert run("grade", place.folder, "hw", "--trust-submissions", "--again") == 0
    assert "the grader stumbled" in exported(place)["ada"]["still to do"]
    decide(place, "ada,hw.1,3,read by me")
    fill(place, "open/hw.csv", student="ada", points="2")
    assert exported(place)["ada"]["points"] == "5"
    again(place)  # what stumbled is tried again
    assert exported(place)["ada"]["points"] == "12"


# Ways back ---------------------------------------------------------------------------------


def entries(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_moodle_takes_copies_and_pages_by_its_own_numbers(place, tmp_path, capsys):
    sheet = tmp_path / "Worksheet.csv"
    sheet.write_text(MOODLE.replace("Ada King", "Ada_/King"), encoding="utf-8")
    assert run("release", place.folder, "hw", "--moodle", sheet) == 0
    assert "Not in the LMS's file, so not in this one: bob." in capsys.readouterr().out
    found = entries(place.folder / "release/hw.moodle.zip")
    copy = (place.folder / "release/hw/ada/hw.ipynb").read_text()
    assert found["Ada King Lovelace_31_assignsubmission_file_/hw.ipynb"] == copy
    assert len(found) == 2
    assert run("feedback", place.folder, "hw", "--moodle", sheet) == 0
    assert len(entries(place.folder / "feedback/hw.moodle.zip")) == 1  # ada isn't final
    fill(place, "open/hw.csv", student="ada", points="1")
    assert run("feedback", place.folder, "hw", "--moodle", sheet) == 0
    found = entries(place.folder / "feedback/hw.moodle.zip")
    assert set(found) == {
        "Ada King Lovelace_31_assignsubmission_file_/hw.html",
        "Eve E X_32_assignsubmission_file_/hw.html",
    }
    assert found["Ada King Lovelace_31_assignsubmission_file_/hw.html"] == page(place, "ada")
    sheet.write_text("ID,Name\n1,x\n")
    assert run("release", place.folder, "hw", "--moodle", sheet) == 1
    assert "grading worksheet" in capsys.readouterr().err


def test_canvas_takes_pages_back_under_the_submissions_names(place, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        for name in ("lovelaceadaking_LATE_101_4711_hw-2.ipynb", "babbagebob_102_4712_hw.ipynb",
                     "lovelaceadaking_LATE_101_4710_hw.ipynb", "else_9_9_hw.ipynb"):  # fmt: skip
            archive.writestr(name, "{}")
    fill(place, "open/hw.csv", student="ada", points="1")
    given = ["--canvas", tmp_path / "submissions.zip"]
    assert run("feedback", place.folder, "hw", *given, "--anyway") == 0
    assert "Not in the LMS's file, so not in this one: =1+1." in capsys.readouterr().out
    found = entries(place.folder / "feedback/hw.canvas.zip")
    assert set(found) == {
        "lovelaceadaking_LATE_101_4711_hw-2.ipynb",
        "babbagebob_102_4712_hw.ipynb",
    }
    notebook = json.loads(found["lovelaceadaking_LATE_101_4711_hw-2.ipynb"])
    assert {cell["cell_type"] for cell in notebook["cells"]} == {"markdown"}
    given[1] = place.folder / "submitted"  # names of another form are not Canvas's
    assert run("feedback", place.folder, "hw", *given, "--anyway") == 0
    assert not entries(place.folder / "feedback/hw.canvas.zip")
    assert any("11 of 12 points" in cell["source"] for cell in notebook["cells"])


def test_a_page_as_a_notebook_holds_no_script(place):
    hand_in(place, "ada", "<script>alert(1)</script>")
    again(place)
    fill(place, "open/hw.csv", student="ada", points="1", comment="<script>")
    assert run("feedback", place.folder, "hw") == 0
    given = place.assignment("hw")
    result = grade.load(place.folder / "results/hw/ada.json")
    result |= {"open": None, "whole": None, "todo": [], "points": 1, "of": 2}
    text = feedback.notebook(given, result)
    assert "<script" not in text and "&lt;script" in text


# What is told ------------------------------------------------------------------------------


def test_new_says_that_a_class_is_there_and_changes_nothing(place, capsys):
    before = {p: p.read_bytes() for p in place.folder.rglob("*") if p.is_file()}
    assert run("new", place.folder, "gan") == 0
    said = capsys.readouterr().out
    assert "is a class already" in said and "Added: gan." in said
    assert run("new", place.folder, "gan") == 0
    assert "Added: nothing." in capsys.readouterr().out
    assert {p: p.read_bytes() for p in before} == before


def test_new_brings_tables_back_beside_a_secret_from_a_copy(place, tmp_path):
    (tmp_path / "back").mkdir()
    shutil.copy(place.folder / "secret.key", tmp_path / "back")
    assert run("new", tmp_path / "back", "gan") == 0
    for name in ("roster.csv", "decisions.csv"):
        assert (tmp_path / "back" / name).read_text().startswith("student,")


@pytest.mark.parametrize(
    "name",
    [
        "núñezsofía_LATE_103_4711_Tarea.ipynb",
        "nunezsofia_LATE_103_4711_Tarea.ipynb",
        "nu\u0301n\u0303ezsofi\u0301a_LATE_103_4711_Tarea.ipynb",
        "Sofia Nunez_31_assignsubmission_file/Tarea.ipynb",
        "Sofi\u0301a Núñez_31_assignsubmission_file_/Tarea.ipynb",
    ],
)
def test_accents_survive(place, tmp_path, name, capsys):
    roster = place.folder / "roster.csv"
    roster.write_text(roster.read_text() + "sofia,Sofía Núñez,\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(name, "{}")
        archive.writestr("Somebody_1_assignsubmission_file_/x.ipynb", "{}")
    assert run("collect", place.folder, "hw", tmp_path / "all.zip") == 0
    said = capsys.readouterr().out
    late = " (late)" * ("LATE" in name)
    assert f"1 handed in: sofia{late}.\nHanded in before: ada, bob.\nMissing: =1+1." in said
    assert f"sofia: took {name} as hw.ipynb" in said
    assert "left: Somebody_1_assignsubmission_file_/x.ipynb: no student of the roster" in said


def test_a_zip_that_does_not_say_that_its_names_are_utf8(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("Sofía.ipynb", "{}")
    content = bytearray((tmp_path / "all.zip").read_bytes())
    for at, where in ((content.find(b"PK\3\4"), 6), (content.find(b"PK\1\2"), 8)):
        content[at + where + 1] &= ~0x08  # bit 11 of the flags
    (tmp_path / "all.zip").write_bytes(content)
    assert [path for path, _ in collect.files(tmp_path / "all.zip")] == ["Sofía.ipynb"]


@pytest.mark.parametrize("read", [tables.read, lms.read])
def test_a_pipe_or_device_is_no_table(read, tmp_path):
    """To open the one would wait for ever, to read the other has no end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/full")):
        with pytest.raises(CourseError, match="no plain file"):
            read(path)
