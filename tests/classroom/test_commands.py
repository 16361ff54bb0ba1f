"""From nothing to marks by the commands alone, and what an LMS gives and takes."""

import csv
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from types import SimpleNamespace

import hostile
import pytest
from test_hostile import needs_sandbox

from course_lib.classroom import collect, grade, lms, marks, room, sandbox, submission, tables
from course_lib.classroom.__main__ import main
from course_lib.errors import CourseError

ROSTER = {
    "ada": {"name": "Ada King Lovelace", "email": "ada@x.org"},
    "bob": {"name": "Bob Babbage", "email": "bob@x.org"},
    "=1+1": {"name": "=HYPERLINK(1)", "email": "Eve@x.org"},
}
CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,A small assignment (4711),Final Score\r\n"
    "    Points Possible,,,,,20,(read only)\r\n"
    '"Lovelace, Ada King",101,s1,ada,S1,,\r\n'
    '"Babbage, Bob",102,s2,BOB,S1,3.5,\r\n'
    '"Student, Test",103,,,S1,,\r\n'
)
MOODLE = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed"\n'
    '"Participant 31","Ada King Lovelace",ada@x.org,"Submitted for grading",,10.00,Yes\n'
    '"Participant 32","Eve ""E"" X",eve@x.org,"No submission",,10.00,Yes\n'
)


def run(*arguments):
    return main([str(a) for a in arguments])


@pytest.fixture
def made(tmp_path):
    """A class with the small assignment and a roster."""
    made, given = hostile.make(tmp_path / "class", [])
    rows = "".join(f"{s},{r['name']},{r['email']}\n" for s, r in ROSTER.items())
    (made.folder / "roster.csv").write_text(room.ROSTER + rows)
    return made, given


def table(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_all_commands_from_nothing_to_marks(tmp_path, capsys):
    """As a teacher would, with the course's own assignment; in a sandbox where there is one."""
    folder, trust = tmp_path / "class", ["--trust-submissions"] * bool(sandbox.missing())
    assert run("new", folder, "gan") == 0
    assert oct((folder / "secret.key").stat().st_mode)[-3:] == "600"
    (folder / "secret.key").write_bytes(b"other logs for ada and bob")  # not by chance the same
    assert run("release", folder, "gan") == 1  # nobody on the roster yet
    (folder / "roster.csv").write_text(room.ROSTER + "ada,Ada,\nbob,Bob,\ncay,Cay,\n")
    assert run("release", folder, "gan") == 0
    copies = {s: folder / "release" / "gan" / s / "gan.ipynb" for s in ("ada", "bob")}
    texts = {s: path.read_text() for s, path in copies.items()}
    assert texts["ada"].replace("ada", "bob") != texts["bob"]
    handed_in = tmp_path / "handed-in"
    for student in ("ada", "bob"):  # both hand in what was made for ada
        solved = (folder / "solved/gan/gan.ipynb").read_text()
        solved = solved.replace("*Your answer*", "G stands still: D(G(z)) is 0.")
        grade.write(handed_in / student / "gan.ipynb", solved)
    assert run("collect", folder, "gan", handed_in) == 0
    said = capsys.readouterr().out
    assert "2 handed in: ada, bob.\nMissing: cay." in said
    assert run("feedback", folder, "gan") == 1  # not graded yet
    assert run("grade", folder, "gan", *trust) == 0
    said = capsys.readouterr().out
    assert (
        "look at bob: this copy was made for ada; "
        "gan.1, gan.4, gan.5: right for the numbers of ada" in said
    )
    assert "No open answer, so 0 points for it: cay." in said
    assert "The same words in the open answers of ada and bob." in said
    assert "The same words as ada" in (folder / "open/gan.html").read_text()
    assert run("feedback", folder, "gan") == 0
    page = (folder / "feedback/ada/gan/gan.html").read_text()
    assert "26 of 32 points so far" in page
    assert "<td>4 of 4<td>5 · Read four logs<td>✓ gan.5: right" in page
    sheet = folder / "open" / "gan.csv"
    sheet.write_text(sheet.read_text().replace("ada,,", "ada,5,good"))
    assert run("feedback", folder, "gan") == 0
    assert "31 of 32 points" in (folder / "feedback/ada/gan/gan.html").read_text()
    assert "ada" not in (folder / "feedback/bob/gan/gan.html").read_text().casefold()
    assert run("export", folder, "gan") == 0
    rows = {row["student"]: row for row in table((folder / "grades/gan.csv").read_text())}
    assert (rows["ada"]["points"], rows["bob"]["points"]) == ("31", "")  # bob isn't final
    with (folder / "decisions.csv").open("a") as file:
        file.write("bob,gan,,copied from ada; what does not depend on the numbers counts\n")
    sheet.write_text(sheet.read_text().replace("bob,,", "bob,0,copied"))
    assert run("export", folder, "gan") == 0
    rows = {row["student"]: row for row in table((folder / "grades/gan.csv").read_text())}
    assert [rows[s]["points"] for s in ("ada", "bob", "cay")] == ["31", "14", "0"]
    assert rows["cay"]["notes"] == "nothing was handed in"
    assert not rows["cay"]["look at it"]
    assert run("grade", folder, "gan", *trust) == 0
    assert "ada,5,good" in sheet.read_text()
    log = (folder / "results/gan/cay.log").read_text()
    assert "0 of 4  · gan.1: could not be tried: nothing was handed in" in log


GOOD = "student,name,email\nada,,\n"
DAMAGED = [  # what a file of the class holds (None: nothing; ...: a folder), what is said
    ("roster.csv", None, "release CLASS hw", "roster.csv can't be read as a table"),
    ("roster.csv", ..., "release CLASS hw", "roster.csv can't be read as a table"),
    ("roster.csv", b"\xff\xfe", "release CLASS hw", "CSV in UTF-8"),
    ("roster.csv", b'"' + b"x" * 200000, "release CLASS hw", "field larger"),
    ("secret.key", b"", "release CLASS hw", "secret.key is damaged"),
    ("assignments/hw/grader.py", b"def f(:", "release CLASS hw", "SyntaxError"),
    ("assignments/hw/grader.py", b"import os\nraise SystemExit(3)", "release CLASS hw", "line 2"),
    ("assignments/hw/grader.py", b"TITLE = 3", "release CLASS hw", "QUESTIONS"),
    ("assignments/hw/notebook.py", b"# %%\n{{nobody}}\n", "release CLASS hw", "KeyError: 'nobody'"),
    ("assignments/hw/notebook.py", b"\xff", "release CLASS hw", "UnicodeDecodeError"),
    ("release", b"in the way", "release CLASS hw", "Not a directory"),
    ("results/hw/ada.json", b"null", "export CLASS hw", "`grade` once more"),
    ("results/hw/ada.json", b"[" * 10**5, "feedback CLASS hw", "`grade` once more"),
    ("x.zip", b"PK\5\6" + bytes(17), "collect CLASS hw CLASS/x.zip", "a folder or a zip file"),
    ("x", None, "release CLASS ../../../x", "Unknown assignment of this class"),
    ("x", None, f"release CLASS {'x' * 70000}", "Unknown assignment of this class 'xxx"),
    ("x", None, "grade CLASS hw --jobs 0", "whole number from 1"),
    ("x", None, "grade CLASS hw --seconds nan", "expected a number above 0"),
    ("x", None, "grade CLASS hw --seconds=--", "was given no value"),
    ("x", b"", "new CLASS/x gan", "File exists"),
    ("x", None, f"new CLASS/{'a/' * 2000} gan", "too"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "content", "words", "answer"), DAMAGED)
def test_what_is_damaged_is_said_in_a_sentence(file, content, words, answer, made, capsys):
    place, _ = made
    (place.folder / "roster.csv").write_text(GOOD)
    target = place.folder / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if content is ...:
        target.mkdir()
    elif content is not None:
        target.write_bytes(content)
    assert main([word.replace("CLASS", str(place.folder)) for word in words.split()]) == 1
    said = capsys.readouterr().err
    assert answer in said and said.count("\n") == 1 and "Traceback" not in said, said


def test_a_damaged_file_of_a_zip_is_listed_and_the_others_are_taken(made, tmp_path):
    place, _ = made
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ada/hw.ipynb", "right " * 100)
        archive.writestr("bob/hw.ipynb", "whole")
    content = bytearray((tmp_path / "all.zip").read_bytes())
    content[50:54] = b"\xff\xff\xff\xff"  # within ada's packed bytes
    (tmp_path / "all.zip").write_bytes(content)
    found, left, _ = collect.collect(
        tmp_path / "all.zip", "hw", place.roster(), place.folder / "submitted"
    )
    assert list(found) == ["bob"]
    assert left[0].startswith("ada/hw.ipynb: can't be unpacked")
    assert left[1:] == ["ada: no notebook that can be taken, but ada/hw.ipynb"]


def test_ctrl_c_ends_grading_with_its_status(made, monkeypatch, capsys):
    def pressed(*given, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(grade, "grade_class", pressed)
    assert run("grade", made[0].folder, "hw", "--trust-submissions") == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_the_most_points_in_an_lms_must_be_a_number():
    told = CANVAS.replace(",20,(read only)", ",twenty,(read only)")
    with pytest.raises(CourseError, match="most points for ada, got 'twenty'"):
        lms.fill(told, {"ada": ({"ada"}, 3, 10)}, "A small assignment")


def test_one_copy_for_a_whole_class(made, capsys):
    place, given = made
    assert run("release", place.folder, "hw", "--one-for-all") == 0
    values = place.numbers(given, "ada")
    assert values == place.numbers(given, "bob")
    text = (place.folder / "release" / "hw" / "hw.ipynb").read_text()
    assert f"mu, sigma = {values.mu}, {values.sigma}" in text
    assert run("release", place.folder, "hw") == 1
    assert "move" in capsys.readouterr().err


@pytest.mark.parametrize(
    "path, student",
    {
        "ada/hw/hw.ipynb": "ada",
        "bob.ipynb": "bob",
        "bob.ipynb.txt": "bob",
        "Ada King Lovelace_31_assignsubmission_file_/x.ipynb": "ada",
        "Ada King Lovelace_31_assignsubmission_file_x.ipynb": "ada",
        "lovelaceadaking_101_4711_hw.ipynb": "ada",
        "babbagebob_LATE_102_4712_hw-1.ipynb": "bob",
        "someone/hw.ipynb": None,
        "Somebody Else_3_assignsubmission_file_/hw.ipynb": None,
        "elsesomebody_9_99_hw.ipynb": None,
        "../../ada/hw.ipynb": None,
    }.items(),
)
def test_whose_file_it_is(path, student):
    assert collect.owners(path, ROSTER) == ([student] if student else [])


def test_two_of_one_name_are_not_guessed():
    twins = {"ada": ROSTER["ada"], "ada2": ROSTER["ada"]}
    path = "Ada King Lovelace_31_assignsubmission_file_/x.ipynb"
    assert collect.owners(path, twins) == ["ada", "ada2"]
    with_ids = {s: row | {"canvas": i} for (s, row), i in zip(twins.items(), "12", strict=True)}
    assert collect.owners("lovelaceadaking_2_4711_hw.ipynb", with_ids) == ["ada2"]


def test_collecting_from_a_zip_file(made, tmp_path):
    place, _ = made
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lovelaceadaking_LATE_101_1_hw-2.ipynb", "new")
        archive.writestr("lovelaceadaking_101_1_notes.ipynb", "other")
        archive.writestr("babbagebob_102_2_final.ipynb", b" " * (100 << 20))
        archive.writestr("../../evil_1_1_hw.ipynb", "out")
    found, left, _ = collect.collect(
        tmp_path / "all.zip", "hw", place.roster(), place.folder / "submitted"
    )
    assert list(found) == ["ada", "bob"]
    assert left == [
        "../../evil_1_1_hw.ipynb: no student of the roster; rename it to LOGIN.ipynb",
        "ada: 2 notebooks, lovelaceadaking_LATE_101_1_hw-2.ipynb was taken, "
        "not lovelaceadaking_101_1_notes.ipynb",
    ]
    assert (place.folder / "submitted/ada/hw/hw.ipynb").read_text() == "new"
    assert (place.folder / "submitted/ada/hw/late").exists()
    assert not (tmp_path.parent / "evil_1_1_hw.ipynb").exists()
    with pytest.raises(submission.Unreadable, match="larger than 5 MB"):
        submission.read(place.folder / "submitted/bob/hw", "hw")


def test_an_exchange_that_holds_several_assignments(tmp_path):
    for path in ("ada/gan/gan.ipynb", "ada/vae/vae.ipynb", "bob/vae/vae.ipynb"):
        (tmp_path / "all" / path).parent.mkdir(parents=True)
        (tmp_path / "all" / path).write_text(path)
    (tmp_path / "all/bob/vae/timestamp.txt").write_text("of the other one")
    found, left, _ = collect.collect(tmp_path / "all", "gan", ROSTER, tmp_path / "submitted")
    assert list(found) == ["ada"]
    assert (tmp_path / "submitted/ada/gan/gan.ipynb").read_text() == "ada/gan/gan.ipynb"
    assert left == [
        f"{student}/vae/vae.ipynb: of another assignment, vae" for student in ("ada", "bob")
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    {
        "hw.ipynb hw2.ipynb": "2 notebooks, ada/hw.ipynb was taken, not ada/hw2.ipynb",
        "a.ipynb b.ipynb": "2 notebooks, ada/b.ipynb was taken, not ada/a.ipynb",
        "hw-1.ipynb hw-2.ipynb": "2 notebooks, ada/hw-2.ipynb was taken, not ada/hw-1.ipynb",
        "hw.ipynb hw.pdf x/.ipynb_checkpoints/hw.ipynb": None,
        "hw.ipynb hw.ipynb.txt": "2 notebooks, ada/hw.ipynb was taken, not ada/hw.ipynb.txt",
        "hw.ipynb.json": None,
        "hw.IPYNB": None,
        "hw.pdf .DS_Store": "no notebook that can be taken, but ada/hw.pdf",
        ".DS_Store": None,
    }.items(),
    ids="named two again pdf-too as-text-too as-json capitals pdf nothing".split(),
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_left_of_a_students_files_is_said(made, tmp_path, capsys, names, said, packed):
    """A second notebook, however it is called, and what is no notebook where none came."""
    place, _ = made
    for name in names.split():
        grade.write(tmp_path / "in/ada" / name, "{}")
    source = tmp_path / "in"
    if packed:
        source = shutil.make_archive(str(tmp_path / "packed"), "zip", source)
    assert run("collect", place.folder, "hw", source) == 0
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line.startswith("left: ")] == (
        [f"left: ada: {said}"] if said else []
    )
    assert ("1 handed in: ada." in told) == (".ipynb" in names.lower())


def test_who_handed_in_no_notebook_is_to_be_looked_at(made, tmp_path, capsys):
    place, _ = made
    grade.write(tmp_path / "in/lovelaceadaking_101_1_hw.pdf", "%PDF")
    assert run("collect", place.folder, "hw", tmp_path / "in") == 0
    assert run("grade", place.folder, "hw", "--trust-submissions") == 0
    said = capsys.readouterr().out
    assert "no notebook that can be taken, but lovelaceadaking_101_1_hw.pdf" in said
    assert "look at ada: no notebook called hw.ipynb was handed in, but other files" in said
    grade.write(tmp_path / "in/lovelaceadaking_101_2_hw.ipynb", "{}")
    assert run("collect", place.folder, "hw", tmp_path / "in") == 0
    assert [p.name for p in (place.folder / "submitted/ada/hw").iterdir()] == ["hw.ipynb"]


def test_an_earlier_hand_in_is_kept_and_the_same_one_is_not(made, tmp_path, capsys):
    place, _ = made
    folder, kept = place.folder / "submitted/ada/hw", []
    for text in ("first", "second", "second", "third"):
        grade.write(tmp_path / "in/ada.ipynb", text)
        assert run("collect", place.folder, "hw", tmp_path / "in") == 0
        assert (folder / "hw.ipynb").read_text() == text
        said = capsys.readouterr().out
        kept += [line for line in said.splitlines() if line.startswith("ada: handed in anew")]
    names = [line.rpartition(" ")[2] for line in kept]
    assert [(folder / name).read_text() for name in names] == ["first", "second"]
    assert len(list(folder.rglob("*.ipynb"))) == 3


def test_a_second_notebook_in_an_exchanges_folder_is_said(made):
    place, given = made
    folder = place.folder / "submitted/ada/hw"
    grade.write(folder / "hw.ipynb", given.copy(place.numbers(given, "ada"), "ada"))
    assert submission.read(folder, "hw").notes == []
    grade.write(folder / "hw2.ipynb", "{}")
    assert submission.read(folder, "hw").notes == ["hw.ipynb was graded, not hw2.ipynb"]


def test_a_trial_of_an_assignment_goes_as_the_page_says(tmp_path, monkeypatch, capsys):
    """The page's own commands, one after the other, in a folder beside a class."""
    page = (room.PUBLIC.parent / "teaching/assignments.md").read_text("utf-8")
    block = page.partition("Before you hand it out,")[2].split("```\n")[1]
    trust = ["--trust-submissions"] * bool(sandbox.missing())
    monkeypatch.chdir(tmp_path)
    assert run("new", "my-class", "gan") == 0
    for line in block.splitlines():
        words = line.split()
        if words[0] == "python":
            assert words[1:3] == ["-m", "course_lib.classroom"]
            assert run(*words[3:], *trust * (words[3] == "grade")) == 0, line
        else:
            subprocess.run(line, shell=True, check=True)
    assert "Nothing is left to decide or to mark." in capsys.readouterr().out
    (row,) = table((tmp_path / "trial/grades/gan.csv").read_text())
    assert (row["student"], row["open"], row["look at it"]) == ("tester", "0", "")
    told = " ".join(page.split())
    assert f"says {row['points']} of {row['of']} points: all of the seven exercises" in told


def points_of(**given):
    rows = {"ada": (7.5, 10), "bob": (10, 10), "=1+1": (3, 10)} | given
    return {
        student: ({student, ROSTER.get(student, {}).get("email", student).casefold()}, *pair)
        for student, pair in rows.items()
    }


def test_canvas_round_trip():
    text, unfound, said = lms.fill(CANVAS, points_of(), "A small assignment")
    assert text.startswith("\ufeff")
    rows = table(text)
    assert [row["A small assignment (4711)"] for row in rows] == ["20", "15", "20", ""]
    assert unfound == ["=1+1"]
    assert said == ["points were scaled from 10 to 20"]
    for before, after in zip(table(CANVAS), rows, strict=True):
        before.pop("A small assignment (4711)"), after.pop("A small assignment (4711)")
        assert before == after
    assert lms.fill(text, points_of(), "A small assignment")[0] == text


def test_moodle_round_trip():
    text, unfound, said = lms.fill(MOODLE, points_of(zoe=(1, 10)), "Grade")
    assert [row["Grade"] for row in table(text)] == ["7.5", "3"]
    assert unfound == ["bob", "zoe"]
    assert not said
    assert len(text.splitlines()) == len(MOODLE.splitlines())


@pytest.mark.parametrize("column, key", [("Points", None), ("Grade", "Login")])
def test_an_export_without_the_column_is_told(column, key):
    with pytest.raises(CourseError, match="its columns are Identifier"):
        lms.fill(MOODLE, points_of(), column, key)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\r=1"])
def test_a_spreadsheet_runs_nothing(text):
    assert tables.text([[text, "x=1"]]).startswith(("'" + text, "\"'" + text))


@pytest.mark.parametrize(
    "roster",
    ["a/b,,\n", "..,,\n", ".hidden,,\n", ",,\n", "ada,,\nada,,\n", "everybody,,\n", ""],
)
def test_a_roster_that_names_no_folders_is_told(made, roster):
    place, _ = made
    (place.folder / "roster.csv").write_text(room.ROSTER + roster)
    with pytest.raises(CourseError, match=r"roster\.csv"):
        place.roster()


@pytest.mark.parametrize("points", ["-1", "3", "nan", "many"])
def test_points_that_the_rubric_does_not_have_are_told(tmp_path, points):
    (tmp_path / "hw.csv").write_text(f"student,points,comment\nada,{points},\n")
    given = SimpleNamespace(open_points=2)
    with pytest.raises(CourseError, match="points from 0 to 2 for ada"):
        marks.lines(tmp_path / "hw.csv", given, ["ada"])


def test_what_is_no_class_or_assignment_is_told(made, tmp_path, capsys):
    place, _ = made
    assert run("grade", tmp_path, "hw", "--trust-submissions") == 1
    assert "no secret.key" in capsys.readouterr().err
    assert run("release", place.folder, "gam") == 1
    assert "Known: hw" in capsys.readouterr().err
    assert run("new", tmp_path / "other", "vaee") == 1
    assert "Did you mean 'vae'?" in capsys.readouterr().err


def test_without_a_sandbox_nothing_is_run(made, monkeypatch, capsys):
    place, _ = made
    monkeypatch.setattr(sandbox, "missing", lambda: "no bubblewrap")
    assert run("grade", place.folder, "hw") == 1
    assert "no bubblewrap" in capsys.readouterr().err
    assert not (place.folder / "results").exists()


def test_trusted_submissions_are_graded_without_one(made):
    place, given = made
    target = place.folder / "submitted" / "ada" / "hw" / "hw.ipynb"
    grade.write(target, given.copy(place.numbers(given, "ada"), "ada", solved=True))
    assert run("grade", place.folder, "hw", "--trust-submissions") == 0
    marks = grade.load(place.folder / "results" / "hw" / "ada.json")["marks"]
    assert [mark["points"] for mark in marks.values()] == [3, 3, 4]


def test_a_grader_that_stumbles_is_nobodys_zero(made):
    place, given = made

    def stumble(v):
        raise ZeroDivisionError("in the grader")

    question = given.questions["hw.1"]
    object.__setattr__(question, "right", stumble)
    target = place.folder / "submitted" / "ada" / "hw" / "hw.ipynb"
    grade.write(target, given.copy(place.numbers(given, "ada"), "ada", solved=True))
    values = place.numbers(given, "ada")
    result = grade.grade_student(given, target.parent, "ada", values, trusted=True)
    assert "hw.1: the grader stumbled: ZeroDivisionError" in "".join(result["look"])
    assert [mark["points"] for mark in result["marks"].values()] == [0, 3, 4]


def test_a_sandbox_that_did_not_start_is_tried_again(made, tmp_path, monkeypatch):
    place, given = made
    target = place.folder / "submitted" / "ada" / "hw" / "hw.ipynb"
    grade.write(target, given.copy(place.numbers(given, "ada"), "ada", solved=True))
    students, values = {"ada": target.parent}, {"ada": place.numbers(given, "ada")}

    def once():
        (result,) = grade.grade_class(given, students, values, tmp_path / "r", trusted=True)
        return result["look"], [mark["points"] for mark in result["marks"].values()]

    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "START", 0.01)
        look, points = once()
    assert "the sandbox did not start (ran for more than 0.01 s in all)" in look[0]
    assert points == [0, 0, 0]
    assert once() == ([], [3, 3, 4])


def test_a_log_has_no_colours(made):
    place, given = made
    target = place.folder / "submitted" / "ada" / "hw" / "hw.ipynb"
    notebook = {"cells": [{"cell_type": "code", "source": "1 / 0", "metadata": {}}]}
    grade.write(target, json.dumps(notebook))
    values = place.numbers(given, "ada")
    result = grade.grade_student(given, target.parent, "ada", values, trusted=True)
    assert "ZeroDivisionError" in grade.log(result)
    assert "[3" not in grade.log(result) and "\x1b" not in result["log"]


def sixty(folder):
    """A class of sixty and the marks that each should get."""
    draw, kinds = random.Random(1), []
    for kind in (
        "right",
        "wrong",
        "swapped",
        "negative",
        "absent",
        "late",
        "renamed",
        "copied",
    ):
        kinds += [kind] * (20 if kind == "right" else 5)
    kinds += ["loop-in-function", "exit-in-cell", "equals-everything", "deep", "symlink"]
    draw.shuffle(kinds)
    students = {f"s{i:02}": kind for i, kind in enumerate(kinds)}
    made, given = hostile.make(folder, [])
    (folder / "roster.csv").write_text(room.ROSTER + "".join(f"{s},,\n" for s in students))
    marks = {}
    for student, kind in students.items():
        place = folder / "submitted" / student / "hw"
        place.mkdir(parents=True)
        whose = "s00" if kind == "copied" and student != "s00" else student
        right = json.loads(given.copy(made.numbers(given, whose), whose, solved=True))
        known = kind if kind in hostile.STUDENTS else "right"
        marks[student] = hostile.expected(known)[0]
        more = {"swapped": "def ratio(p, q): return q / (p + q)", "negative": "my_kl = -my_kl"}
        if kind in more:
            cell = {"cell_type": "code", "source": more[kind], "metadata": {}}
            right["cells"].append(cell)
            marks[student] = (3, 0, 4) if kind == "swapped" else (0, 3, 4)
        hostile.hand_in(place, known, right, "/", 1)
        if kind == "late":
            (place / "late").touch()
        if kind == "renamed":
            (place / "hw.ipynb").rename(place / "homework-final.ipynb")
        if whose != student:
            marks[student] = (0, 3, 4)
    return students, marks


@needs_sandbox
@pytest.mark.prove
@pytest.mark.xdist_group("sandboxes")  # one after the other: their limits are short
@pytest.mark.timeout(900)
def test_sixty_students_killed_and_started_again(tmp_path):
    folder = tmp_path / "class"
    students, marks = sixty(folder)
    assert len(students) == 60
    command = [sys.executable, "-m", "course_lib.classroom", "grade", str(folder), "hw"]
    env = os.environ | {"PYTHONPATH": str(sandbox.PACKAGE.parent)}
    start = time.monotonic()
    first = subprocess.Popen(command, env=env, start_new_session=True)
    kept = folder / "results" / "hw"
    while len(list(kept.glob("*.json"))) < 10:
        assert first.poll() is None
        time.sleep(0.2)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    subprocess.run(command, env=env, check=True)
    spent = time.monotonic() - start
    for name, when in before.items():
        assert (kept / name).stat().st_mtime_ns == when
    results = {student: grade.load(kept / f"{student}.json") for student in students}
    for student, kind in students.items():
        got = tuple(mark["points"] for mark in results[student]["marks"].values())
        assert got == marks[student], (student, kind, results[student])
        if kind == "late":
            assert "handed in late" in results[student]["notes"]
        if kind == "absent":
            assert "nothing was handed in" in results[student]["notes"]
        if kind == "copied" and student != "s00":
            assert any("made for s00" in reason for reason in results[student]["look"])
    print(f"{spent / 60:.2f} s a student")
    assert spent / 60 <= 6
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= 1 << 20  # KiB: 1 GB
