"""Right answers pass in several forms, each mistake is told by its name, dots are no answer.

The answers are RIGHT and WRONG of each lesson's own file: (number, answer) and (number, answer,
part of the message).
"""

import importlib

import pytest

from course_lib.checks import check, exercise, numbers

LESSONS = ("03", "04", "05", "06", "07", "08", "09", "10", "11")
FILES = {lesson: importlib.import_module(f"test_lesson_{lesson}") for lesson in LESSONS}
NUMBERS = [number for lesson in LESSONS for number in numbers(lesson)]


@pytest.mark.parametrize(
    ("number", "answer"), [case for file in FILES.values() for case in file.RIGHT]
)
def test_right_answers_pass_in_several_forms(number, answer, capsys):
    assert check(number, answer)
    assert "✓" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "answer", "message"), [case for file in FILES.values() for case in file.WRONG]
)
def test_each_mistake_is_recognised(number, answer, message, capsys, monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    assert not check(number, answer)
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("number", NUMBERS)
def test_every_mistake_has_its_test(number):
    tried = [part for n, _, part in FILES[number[:2]].WRONG if n == number]
    for mistake in exercise(number).mistakes:
        assert any(part in mistake.message for part in tried), mistake.message


@pytest.mark.parametrize("number", NUMBERS)
def test_dots_are_no_answer(number, capsys, monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)

    def open_question(*arguments): ...

    for answer in (..., open_question):
        assert not check(number, answer)
        line = capsys.readouterr().out
        if answer is ... or exercise(number).probes is not None:
            assert "not answered yet" in line
