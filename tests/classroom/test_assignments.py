"""Each public assignment: both copies, private numbers, a grader that knows right from wrong."""

import ast
import dataclasses
import functools
import itertools
import json
import math
import random
import re
from types import SimpleNamespace

import proof
import pytest
import torch
from others import OTHERS

from course_lib.checks.compare import difference
from course_lib.classroom import room
from course_lib.classroom.assignment import cells_of, examine
from course_lib.classroom.judge import holds, judge, whose
from course_lib.classroom.wire import pack

NAMES = room.public()
WORDS = ("runs", "programs", "people", "games", "models", "generators")
NUMBERS = [(name, number) for name in NAMES for number in proof.load(name).questions]
CALLS = [(n, k) for n, k in NUMBERS if proof.load(n).questions[k].probes is not None]


def verdict(name, number, answer, student="ada", seed=5):
    question = proof.load(name).questions[number]
    return proof.verdict(name, student, number, {question.name: answer}, seed)


@functools.cache
def solution(name, number, student="ada"):
    """What the exercise's name stands for in the teacher's copy."""
    _, source = proof.before(name, student, number)
    space = proof.answered(name, student, number, source)
    question = proof.load(name).questions[number]
    return space[question.name]


@pytest.mark.parametrize("name", NAMES)
def test_an_assignment_is_ready_for_a_class(name):
    given = proof.load(name)
    assert len(given.questions) >= 6
    assert all(number.startswith(f"{name}.") for number in given.questions)
    assert all(len(question.mistakes) >= 5 for question in given.questions.values())
    assert given.open_points > 0
    numbers = [exercise for _, exercise, _ in cells_of(given.text) if exercise]
    assert numbers == [*given.questions, given.open_number]
    assert 60 <= minutes(given) <= 120
    assert list(given.titles)[:-1] == list(given.questions)  # the last is the open question


@pytest.mark.parametrize("name", NAMES)
def test_the_teachers_page_has_the_assignments_points(name):
    given, page = proof.load(name), (proof.REPORT.parent / "assignments.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    assert f"| {len(given.questions)} | {given.points}, {given.open_points} |" in row


def minutes(given):
    """150 words, 20 lines of code or one displayed equation a minute, and each exercise's own."""
    words = lines = own = equations = 0
    for kind, _, source in cells_of(given.text):
        if kind == "code":
            lines += len(source.split("### BEGIN")[0].splitlines())
        else:
            words, equations = words + len(source.split()), equations + source.count("$$") // 2
            own += sum(map(int, re.findall(r"(\d+) minutes", source)))
    return words / 150 + lines / 20 + equations + own


@pytest.mark.parametrize("name", NAMES)
def test_a_students_copy_gives_nothing_away(name):
    """No solution, probe, mistake or secret, metadata included; it runs as it is."""
    given, v = proof.load(name), proof.numbers(name, "ada")
    text = given.copy(v, "ada")
    notebook = json.loads(text)
    assert notebook["metadata"]["assignment"] == {"name": name, "for": "ada"}
    assert "SOLUTION" not in text
    assert "{{" not in text
    assert proof.SECRET.decode() not in text
    solutions = re.findall(r"### BEGIN SOLUTION\n(.*?) *### END", given.text, re.S)
    solved = given.copy(v, "ada", solved=True)
    for line in "".join(solutions).splitlines():
        line = json.dumps(re.sub(r"\{\{(\w+)\}\}", lambda m: str(getattr(v, m[1])), line))[1:-1]
        if len(line.strip()) > 12:
            assert line in solved
            assert line not in text
    for question in given.questions.values():
        assert all(message not in text for message in question.mistakes)
    space = {}
    for _, source in proof.cells(name, "ada", False):
        proof.execute(source, space)


def form(value):
    """What stands in a student's copy where an answer like this one is wanted."""
    if isinstance(value, dict):
        return dict.fromkeys(value, ...)
    return tuple(... for _ in value) if isinstance(value, tuple) else ...


def _leaves(value):
    if isinstance(value, dict | tuple):
        value = value.values() if isinstance(value, dict) else value
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_rounded_as_the_sheet_says_is_paid_to_every_student(name):
    given, words = proof.load(name), ["no", "one", "two", "three", "four", "five", "six"]
    for question in (q for q in given.questions.values() if q.probes is None):
        for student in range(30):
            v = proof.numbers(name, f"student-{student}")
            reply = {"value": pack(rounded(question.right(v), words.index(question.decimals)))}
            assert judge(question, v, reply, None) == (True, "right")


def rounded(value, decimals):
    if isinstance(value, dict):
        return {key: rounded(part, decimals) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(rounded(part, decimals) for part in value)
    return round(value, decimals) if isinstance(value, float) else value


@pytest.mark.parametrize("name", NAMES)
def test_the_sheet_says_of_which_answers_the_gradient_is_compared(name):
    given = proof.load(name)
    text = json.loads(given.copy(proof.numbers(name, "ada"), "ada"))["cells"][0]["source"]
    told = re.search(r"In\s+exercises? ([\d, and]+) the gradient", text)
    compared = [n.split(".")[1] for n, q in given.questions.items() if q.gradients]
    assert (re.findall(r"\d+", told[1]) if told else []) == compared
    assert compared or "gradient" not in given.text


@pytest.mark.parametrize("name", NAMES)
def test_the_sheet_says_the_form_of_each_answer_and_how_it_is_paid(name):
    given, v, text = proof.load(name), proof.numbers(name, "ada"), None
    cells = json.loads(given.copy(v, "ada"))["cells"]
    assert "**An exercise is paid in full or not at all**" in cells[0]["source"]
    for before, cell in itertools.pairwise(cells):
        number = cell["metadata"].get("exercise")
        if number not in given.questions:
            continue
        question, space = given.questions[number], {}
        body = ast.parse(cell["source"]).body
        if question.probes is None:
            proof.execute(cell["source"], space)
            assert space[question.name] == form(question.right(v)), number
            assigned = [n.targets[0] for n in body]
            names = {t.id for n in assigned for t in ast.walk(n) if isinstance(t, ast.Name)}
            assert not (names - {question.name}) - set(vars(v)), (
                number
            )  # nothing of the solution
            assert "\n*Form:* " in before["source"], number
            numbers = [x for x in _leaves(question.right(v)) if isinstance(x, float)]
            assert (" decimals" in before["source"]) == bool(numbers), number
        else:
            (function,) = [n for n in body if getattr(n, "name", "") == question.name]
            text = ast.get_docstring(function)
            assert all(re.search(rf"\b{a.arg}\b", text) for a in function.args.args), number
    assert text


def test_keys_and_words_are_read_as_the_sheet_says():
    """Of keys and words letters and digits count, and nothing else."""
    plan, who = solution("vae", "vae.4"), solution("vae", "vae.5")
    for key, paid in {"sigma2": 1, "Sigma ^ 2": 1, "σ²": 0, "sigma": 0, "sigma^3": 0}.items():
        answer = {key if k == "sigma^2" else k: value for k, value in plan.items()}
        assert verdict("vae", "vae.4", answer)[0] == paid, key
    said = {key: f"The-{value.upper()}!" for key, value in who.items()}
    assert verdict("vae", "vae.5", said)[0]
    assert not verdict("vae", "vae.5", {key: value + "s" for key, value in who.items()})[0]
    for name in NAMES:
        sheet = proof.load(name).text.replace("\n# ", " ")
        assert "Of keys and words only letters and digits are read" in sheet


@pytest.mark.parametrize("name", NAMES)
def test_sixty_students_have_sixty_sets_of_numbers(name):
    given = proof.load(name)
    drawn = [given.numbers(proof.SECRET, f"s{i}") for i in range(60)]
    assert len({json.dumps(vars(v)) for v in drawn}) == 60
    assert given.numbers(proof.SECRET, "s0") == drawn[0]
    assert given.numbers(b"another secret", "s0") != drawn[0]


@pytest.mark.parametrize("name", NAMES)
def test_nobodys_numbers_make_a_known_mistake_right(name):
    given = proof.load(name)
    for student in range(100):
        v = proof.numbers(name, f"student-{student}")
        assert not [n for n, q in given.questions.items() if q.coinciding(v)]


def a_class(name, size):
    """The others of a class, with their numbers, and the questions that ask for a value."""
    given = proof.load(name)
    rng = random.Random(size)
    others = [(f"s{i}", SimpleNamespace(**given.variant(rng))) for i in range(size)]
    return given, others, {n: q for n, q in given.questions.items() if q.probes is None}


@pytest.mark.parametrize("name", NAMES)
def test_whose_numbers_were_used_is_told_of_a_copied_notebook(name):
    given, others, asked = a_class(name, 8)
    copied = {n: {"value": pack(q.right(others[5][1]))} for n, q in asked.items()}
    assert whose(given, copied, others) == ("s5", list(asked))


@pytest.mark.parametrize("name", ["vae", "samples"])
def test_whose_numbers_were_used_is_told_of_one_copied_number(name):
    """Though many strangers' numbers are as near as the tolerance."""
    given, others, asked = a_class(name, 10)
    for n, question in asked.items():
        right = question.right(others[5][1])
        if set(map(type, right.values() if isinstance(right, dict) else [right])) != {str}:
            assert whose(given, {n: {"value": pack(right)}}, others) == ("s5", [n])


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_an_honest_slip_is_not_called_another_students(name):
    """Of all known mistakes of 25 students in a class of 100, at most one in a hundred."""
    given, others, asked = a_class(name, 100)
    slips = [
        (n, {"value": pack(wrong(v))})
        for _, v in others[:25]
        for n, q in asked.items()
        for wrong in q.mistakes.values()
        if difference(wrong(v), q.right(v), q.tol) is not None
    ]
    told = [slip for slip in slips if whose(given, dict([slip]), others)]
    assert len(told) <= max(1, len(slips) / 100), f"{len(told)} of {len(slips)}"


def test_a_slip_in_a_diagnosis_is_right_for_others_and_not_told():
    """Four logs can be named in 24 ways."""
    given, others, asked = a_class("gan", 100)
    wrong = next(iter(asked["gan.5"].mistakes.values()))(others[0][1])
    assert sum(holds(asked["gan.5"], v, {"value": pack(wrong)}) for _, v in others) > 1
    assert whose(given, {"gan.5": {"value": pack(wrong)}}, others) is None


def test_a_mistake_that_is_always_right_is_told_to_the_teacher():
    given = proof.load("gan")
    number = next(n for n, question in given.questions.items() if question.probes is None)
    question = given.questions[number]
    always = dataclasses.replace(question, mistakes={"so it isn't": question.right})
    with pytest.raises(ValueError, match=f'mistake of {number} is right: "so it isn\'t"'):
        examine(dataclasses.replace(given, questions={**given.questions, number: always}))


@pytest.mark.parametrize("name", NAMES)
def test_what_the_text_says_to_expect(name):
    space, found = {}, 0
    for _, source in proof.cells(name, "ada", True):
        if match := re.match(r"# expected: (-?[\d.]+)", source):
            value = eval(source.splitlines()[-1], space)
            value = value["KL"] if isinstance(value, dict) else value
            value = value[-1] if isinstance(value, tuple) else value
            value = torch.as_tensor(value).flatten()[0].item()
            assert math.isclose(value, float(match[1]), abs_tol=6e-5), source
            found += 1
        else:
            proof.execute(source, space)
    assert found == sum(n == name for n, _ in CALLS)


@pytest.mark.parametrize("student", [*proof.STUDENTS, *(f"s{i}" for i in range(5))])
@pytest.mark.parametrize("name", NAMES)
def test_solutions_are_right_and_dots_are_open(name, student):
    blank, given = {}, proof.load(name)
    for _, source in proof.cells(name, student, False):
        proof.execute(source, blank)
    for number in given.questions:
        assert verdict(name, number, solution(name, number, student), student) == (
            True,
            "right",
        )
        right, line = proof.verdict(name, student, number, blank)
        assert not right
        assert line.startswith("not answered yet"), line


@pytest.mark.parametrize("name, number", NUMBERS)
def test_every_misconception_is_told_by_its_own_message(name, number):
    for student in proof.STUDENTS:
        v = proof.numbers(name, student)
        for message, wrong in proof.load(name).questions[number].mistakes.items():
            answer = functools.partial(wrong, v) if (name, number) in CALLS else wrong(v)
            said = verdict(name, number, answer, student)
            assert said == (False, f"not yet: {message}")


@pytest.mark.parametrize("name, number", NUMBERS)
def test_right_answers_written_otherwise_are_right(name, number):
    assert len(OTHERS[number]) >= 2
    for student in proof.STUDENTS:
        v = proof.numbers(name, student)
        space, source = proof.before(name, student, number)
        for text in OTHERS[number]:
            words = [value for key, value in vars(v).items() if key in WORDS]
            own = {"RUNS": words[0]} if words else {}
            given = proof.given_numbers(source)
            space = dict(space) | own
            proof.execute(given + "\n" + text, space)
            assert proof.verdict(name, student, number, space) == (True, "right"), text


def changed(change, value):
    return tuple(map(change, value)) if isinstance(value, tuple) else change(value)


def total(x):
    return x.sum() if torch.is_tensor(x) else 0.0


@pytest.mark.parametrize("name, number", CALLS)
def test_an_answer_without_its_gradient_is_not_paid(name, number):
    right = solution(name, number)
    fakes = [
        lambda *a: changed(torch.detach, right(*a)),
        lambda *a: changed(lambda y: y.detach() + 0 * sum(map(total, a)), right(*a)),
        lambda *a: changed(lambda y: torch.tensor(y.tolist(), dtype=y.dtype), right(*a)),
    ]
    for fake in fakes if proof.load(name).questions[number].gradients else ():
        right_value, line = verdict(name, number, fake)
        assert not right_value
        assert "gradient" in line


@pytest.mark.parametrize("name, number", NUMBERS)
def test_numbers_written_in_by_hand_are_not_paid(name, number):
    """What another student hands in, or what was right on the last grading's inputs."""
    question, v = proof.load(name).questions[number], proof.numbers(name, "ada")
    if (name, number) in CALLS:
        last = iter(proof.judge.probes_for(question, v, 5))
        answer = lambda *_: question.right(v, *next(last))
        assert verdict(name, number, answer)[0] or question.gradients
        last = iter(proof.judge.probes_for(question, v, 5))
        assert not verdict(name, number, answer, seed=6)[0]
    else:
        theirs = solution(name, number, "bob")
        assert verdict(name, number, theirs, "bob")[0]
        assert not verdict(name, number, theirs)[0]


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name, number", NUMBERS)
def test_every_mutant_dies_or_is_equal(name, number):
    tried = proof.try_mutants(name, number)
    assert not tried.alive
    row = next(r for r in proof.REPORT.read_text().splitlines() if f"| {number} |" in r)
    said = SimpleNamespace(
        **dict(zip(["total", "died", "equal"], row.split("|")[3:6], strict=True))
    )
    assert (int(said.total), int(said.equal)) == (tried.total, len(tried.equal))
    assert int(said.died) == tried.total - len(tried.equal)
