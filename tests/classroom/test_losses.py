"""No right work gets a silent 0: what a learner may do beside the answers, and a teacher to the
assignment, is read, costs nothing, or is told."""

import json

import hostile
import pytest
import torch
from test_commands import run

from course_lib.classroom import assignment, collect, grade, runner, sandbox, submission
from course_lib.classroom.judge import judge
from course_lib.classroom.wire import pack, unpack
from course_lib.errors import CourseError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return hostile.make(tmp_path_factory.mktemp("losses") / "class", ["ada", "bob"])


def solved(made, student="ada", open_answer=""):
    place, given = made
    values = place.numbers(given, student)
    seal = given.seal(place.secret, values)
    notebook = json.loads(given.copy(values, student, solved=True, seal=seal))
    if open_answer:
        notebook["cells"][-1]["source"] = open_answer
    return notebook


def marked(made, notebook, student="ada", folder=None):
    place, given = made
    values = place.numbers(given, student)
    folder = place.folder / "submitted" / student / "hw" if folder is None else folder
    grade.write(folder / "hw.ipynb", json.dumps(notebook))
    return grade.grade_student(
        given, folder, student, values, trusted=True, seal=given.seal(place.secret, values)
    )


def points(result):
    return tuple(mark["points"] for mark in result["marks"].values())


def cell(kind, source, **metadata):
    return {"cell_type": kind, "source": source, "metadata": metadata}


SENTENCE = "Both densities hardly overlap."


# Where an open answer stands --------------------------------------------------------------------
WRITTEN = {
    "in its cell": lambda cells: cells[-1].update(source=SENTENCE),
    "in a cell above": lambda cells: cells.insert(-1, cell("markdown", SENTENCE)),
    "below it": lambda cells: cells.append(cell("raw", SENTENCE)),
    "its cell deleted, a new one made": lambda cells: cells.append(
        cell("markdown", SENTENCE) | dict(cells.pop() and {})
    ),
    "in the question's cell": lambda cells: cells[0].update(
        source=f"{cells[0]['source']}\n\n{SENTENCE}"
    ),
    "its cell turned into code": lambda cells: cells[-1].update(
        cell_type="code", source=SENTENCE
    ),
    "as a comment": lambda cells: cells.append(cell("code", f"# {SENTENCE}")),
    "as a text in quotes": lambda cells: cells.append(cell("code", f'"""{SENTENCE}"""')),
    "as a text that is printed": lambda cells: cells.append(
        cell("code", f'print("{SENTENCE} {SENTENCE} {SENTENCE}")')
    ),
    "as a text with a name": lambda cells: cells.append(
        cell("code", f'answer = """{SENTENCE}\n{SENTENCE}\n{SENTENCE}"""')
    ),
    "all metadata lost": lambda cells: [
        cells[-1].update(source=SENTENCE),
        *(one.update(metadata={}) for one in cells),
    ],
}


TWICE = {
    "cut in two": ("Both densities", "hardly overlap."),
    "copied, the copy left blank": (SENTENCE, "# An answer."),
    "copied as it is": (SENTENCE, SENTENCE),
}


@pytest.mark.parametrize("how", TWICE)
def test_an_open_answer_in_two_cells_of_the_same_number_is_read_whole(made, how):
    notebook, parts = solved(made), TWICE[how]
    cells = notebook["cells"]
    cells.append(json.loads(json.dumps(cells[-1])))
    for one, text in zip(cells[-2:], parts, strict=True):
        one["source"] = text
    text, _ = opened(made, notebook)
    assert all(part in text for part in parts) and text.count(SENTENCE) <= 1


def opened(made, notebook):
    """The text that is read as the open answer, and the notes."""
    place, given = made
    result = {"notes": []}
    handed_in = submission.parse(json.dumps(notebook).encode())
    grade._read_open(given, place.numbers(given, "ada"), "ada", handed_in, result)
    return result["written"], "; ".join(result["notes"])


@pytest.mark.parametrize("where", WRITTEN)
def test_an_open_answer_is_read_wherever_it_was_written(made, where):
    notebook = solved(made)
    WRITTEN[where](notebook["cells"])
    text, notes = opened(made, notebook)
    assert SENTENCE in text and "small assignment" not in text
    assert ("what you wrote elsewhere" in notes) == (where not in ("in its cell", "below it"))


def test_an_untouched_copy_has_no_open_answer_nor_has_code(made):
    notebook = solved(made)
    notebook["cells"].append(cell("code", "%matplotlib inline\n# a comment"))
    notebook["cells"].append(cell("code", "x = 1  # a comment"))
    notebook["cells"].append(cell("code", "math.log?"))
    notebook["cells"].append(cell("code", "print('so far')\ndevice = 'cpu'"))
    answer = next(one for one in notebook["cells"] if one["metadata"].get("exercise") == "hw.2")
    answer["source"] = answer["source"].replace("return", "retrun")  # a slip, no words
    assert opened(made, notebook) == ("", "nothing was written for the open question")


# What a cell does beside its answer -------------------------------------------------------------
def test_a_picture_command_costs_nothing(made):
    notebook = solved(made)
    first = next(one for one in notebook["cells"] if one["cell_type"] == "code")
    first["source"] = "%matplotlib inline\n" + first["source"]
    result = marked(made, notebook)
    assert points(result) == hostile.ALL and not result["look"]


def test_a_cell_that_stops_before_what_others_need_is_told(made):
    notebook = solved(made)
    notebook["cells"].insert(0, cell("code", "import nowhere_installed\nimport math as m"))
    for one in notebook["cells"]:
        one["source"] = one["source"].replace("import math\n", "").replace("math.log", "m.log")
    result = marked(made, notebook)
    assert points(result) == (0, 3, 4)
    (look,) = result["look"]
    assert "code cell 1 stopped with ModuleNotFoundError" in look and "hw.1" in look
    assert any("code cell 1 stopped" in note for note in result["notes"])


def place_of(notebook, number):
    cells = notebook["cells"]
    return next(i for i, one in enumerate(cells) if one["metadata"].get("exercise") == number)


@pytest.mark.parametrize("lost", [False, True])
def test_an_answer_that_a_later_cell_sets_again_is_told(made, lost):
    notebook = solved(made)
    cells = notebook["cells"]
    cells.append(cell("code", "ratio = ratio(1, 2)\nmy_kl = 3\nmy_kl = my_kl + 1"))
    if lost:  # as a program may save it
        for one in cells:
            one["metadata"] = {}
    result = marked(made, notebook)
    assert points(result) == (0, 0, 4)
    said = "right below its own cell, but ratio is set again later"
    assert f"hw.2: {said}" in result["look"] and said in result["marks"]["hw.2"]["line"]
    assert len(result["look"]) == 2


def test_a_wrong_answer_is_no_other_for_being_set_twice(made):
    notebook = solved(made)
    notebook["cells"][place_of(notebook, "hw.1")]["source"] = "my_kl = 77"
    notebook["cells"].append(cell("code", "my_kl = 78"))
    result = marked(made, notebook)
    assert points(result) == (0, 3, 4) and not result["look"]


def test_a_library_that_is_not_here_is_told(made):
    notebook = solved(made)
    answer = notebook["cells"][place_of(notebook, "hw.1")]
    answer["source"] = "import nowhere_installed\n" + answer["source"]
    result = marked(made, notebook)
    (look,) = result["look"]
    assert "stopped with ModuleNotFoundError: No module named 'nowhere_installed'" in look
    assert look.endswith("no points for hw.1") and "nowhere_installed" in result["notes"][-1]
    assert result["marks"]["hw.1"]["line"].endswith("its cell stopped with ModuleNotFoundError")


SLIPS_OF_ONES_OWN = {
    "its cell deleted": lambda cells, at: cells.pop(at),
    "no Python": lambda cells, at: cells[at].update(source="def ratio(p, q) return p"),
    "a name that is nowhere": lambda cells, at: cells[at].update(source="ratio = share"),
}


@pytest.mark.parametrize("slip", SLIPS_OF_ONES_OWN)
def test_a_cell_that_only_tries_what_is_missing_is_nothing_to_look_at(made, slip):
    notebook = solved(made)
    cells = notebook["cells"]
    SLIPS_OF_ONES_OWN[slip](cells, place_of(notebook, "hw.2"))
    cells.insert(-1, cell("code", "# expected: 0.5\nratio(torch.tensor(1.0), 1.0)"))
    cells.insert(-1, cell("code", "from nowhere_installed import drive\ndrive.mount('/x')"))
    result = marked(made, notebook)
    assert points(result) == (3, 0, 4) and not result["look"] and len(result["notes"]) == 1
    line = result["marks"]["hw.2"]["line"]
    assert ("its cell stopped with" in line) == (slip != "its cell deleted")


def test_a_function_may_multiply_by_tensors_that_it_makes(made):
    """Of torch's usual type, while inputs come in double precision."""
    notebook = solved(made)
    source = "def ratio(p, q):\n    return torch.eye(5) @ (p / (p + q))\n"
    source += "def loss(x, y):\n    losses = torch.nn.functional.softplus(-x * y)\n"
    source += "    return losses @ torch.full((5,), 0.2)"
    notebook["cells"].append(cell("code", source))
    assert points(marked(made, notebook)) == hostile.ALL


def test_a_function_computes_in_double_precision_unless_it_says_otherwise():
    """A torch.tensor of Python numbers is single by itself: too coarse for a tolerance of 1e-6."""
    asked = {"name": "f", "gradients": False, "probes": pack([(0.1,)])}
    mixed = lambda x: (torch.tensor([x]).float() @ torch.ones(1, dtype=torch.float32)).item()
    for function, near in ((torch.tensor, 0), (mixed, 1e-8)):
        ((given,), _) = (
            unpack(part) for part in runner.answer({"f": function}, asked).values()
        )
        assert abs(float(given) - 0.1) <= near
    assert torch.get_default_dtype() == torch.float32


def test_gradients_that_a_cell_switched_off_cost_nothing(made):
    notebook = solved(made)
    notebook["cells"].append(cell("code", "torch.set_grad_enabled(False)"))
    assert points(marked(made, notebook)) == hostile.ALL


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_notebook_is_read_in_any_unicode(made, encoding):
    notebook = solved(made, open_answer="Größer als ½")
    text = json.dumps(notebook, ensure_ascii=False).replace("\n", "\r\n")
    assert submission.parse(text.encode(encoding)).written == {"hw.open": "Größer als ½"}


def test_a_function_that_cannot_be_differentiated_is_told_so(made):
    notebook = solved(made)
    source = "import numpy as np\ndef loss(x, y):\n    return np.log1p(np.exp(-x.numpy() * "
    notebook["cells"].append(cell("code", source + "y.numpy())).mean()"))
    result = marked(made, notebook)
    assert points(result) == (3, 3, 0)
    assert "the value is right, but its gradient is not" in result["marks"]["hw.3"]["line"]


def test_a_page_shows_no_place_of_the_teachers_machine(made):
    notebook = solved(made)
    notebook["cells"].append(cell("code", "import torch\nprint(torch.__file__)\n%nosuch"))
    assert str(sandbox.PACKAGE.parent) not in json.dumps(marked(made, notebook))


# Which copy it is -------------------------------------------------------------------------------
def test_a_copy_of_another_assignment_is_told(made, tmp_path):
    notebook = solved(made)
    notebook["metadata"]["assignment"]["name"] = "tuning"
    result = marked(made, notebook)
    assert result["look"] == ["this is a copy of another assignment, tuning"]
    lesson = {"cells": [cell("code", "x = 1")], "metadata": {}}
    assert marked(made, lesson)["look"] == ["nothing in it belongs to this assignment"]
    grade.write(tmp_path / "in" / "ada" / "x.ipynb", json.dumps(notebook))
    grade.write(tmp_path / "in" / "bob" / "hw (1).ipynb", json.dumps(solved(made, "bob")))
    grade.write(tmp_path / "in" / "bob" / "hw-final.ipynb", json.dumps(solved(made, "bob")))
    taken, left, _ = collect.collect(
        tmp_path / "in", "hw", made[0].roster(), tmp_path / "submitted", ["tuning"]
    )
    assert taken == {"bob": "bob/hw (1).ipynb"}
    assert "ada/x.ipynb: of another assignment, tuning" in left


def test_numbers_that_changed_after_release_are_told(made, tmp_path, capsys):
    place, _ = hostile.make(tmp_path / "class", ["ada"])
    assert run("release", place.folder, "hw") == 0 and run("release", place.folder, "hw") == 0
    assert "differ" not in capsys.readouterr().out
    old = (place.folder / "solved/hw/hw.ipynb").read_text()
    grader = place.folder / "assignments/hw/grader.py"
    text = grader.read_text()
    grader.write_text(text.replace("(rng):\n", "(rng):\n    rng.random()\n"))
    grade.write(place.folder / "submitted/ada/hw/hw.ipynb", old)
    assert run("grade", place.folder, "hw", "--trust-submissions") == 0
    assert "other numbers than are drawn now" in capsys.readouterr().out
    assert run("release", place.folder, "hw") == 0
    assert "1 of them differ from those of an earlier `release`" in capsys.readouterr().out


# An assignment that is not ready ----------------------------------------------------------------
SLIPS = {
    "a blank behind a marker": ("### END SOLUTION\n", "### END SOLUTION  \n", None),
    "two blanks in a marker": ("### END SOLUTION", "### END  SOLUTION", "a solution stands"),
    "small letters": ("### BEGIN SOLUTION", "### Begin solution", "a solution stands"),
    "four signs": ("### BEGIN SOLUTION", "#### BEGIN SOLUTION", "a solution stands"),
    "a number with blanks": ("{{mu}}", "{{ mu }}", "without blanks"),
    "a number that is not drawn": ("{{mu}}", "{{nu}}", "nu"),
    "single quotes": ('exercise="hw.1"', "exercise='hw.1'", "hw.1"),
    "tags": ('exercise="hw.2"', 'exercise="hw.2" tags=["x"]', "hw.2"),
    "another number": ('exercise="hw.2"', 'exercise="hw.7"', "hw.2"),
    "twice": ('exercise="hw.2"', 'exercise="hw.1"', "2 cells"),
    "another name": ("def ratio(p, q)", "def share(p, q)", "'ratio', which no solution sets"),
    "no open cell": (' exercise="hw.open"', "", "hw.open"),
    "points in words": ('"my_kl", 3', '"my_kl", "3"', "points"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_an_assignment_is_told_before_it_is_handed_out(tmp_path, slip):
    before, after, said = SLIPS[slip]
    folder = tmp_path / "hw"
    for name, text in (("notebook.py", hostile.TEXT), ("grader.py", hostile.GRADER)):
        grade.write(folder / name, text.replace(before, after, 1))
    if said is None:
        assert "p / (p + q)" not in assignment.load(folder).copy(
            assignment.load(folder).numbers(b"x" * 16, "ada"), "ada"
        )
        return
    with pytest.raises(CourseError, match=said) as told:
        assignment.load(folder)
    assert "can't be used as an assignment" in str(told.value)


def test_a_question_needs_no_mistakes_and_whole_numbers_are_exact():
    question = assignment.Question("n", 1, lambda v: 29955)
    for given, right in ((29955, True), (29956, False)):
        assert judge(question, None, {"value": pack(given)}, None)[0] is right


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("Student,Name", "no column `student`"),
        ("student,name\nada,A\nADA,B", "capitals or not"),
    ],
)
def test_a_roster_that_cannot_be_meant_is_told(tmp_path, head, said):
    place, _ = hostile.make(tmp_path / "class", ["ada"])
    (place.folder / "roster.csv").write_text(f"{head}\ncay,Cay\n")
    with pytest.raises(CourseError, match=said):
        place.roster()


def test_a_family_name_with_parts_is_found_in_moodle():
    roster = {"dan": {"name": "de la Cruz, Dan", "email": ""}}
    assert collect.owners("Dan de la Cruz_31_assignsubmission_file_/x.ipynb", roster) == ["dan"]
