"""Every exercise: right answers pass, each declared mistake is told by its own message, what
only looks right is refused, and nothing that is handed over makes a check stop.

Right answers in other forms stand in RIGHT of each lesson's own file, as (number, answer).
"""

import importlib
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib.checks import When, check, compare, exercise, numbers, predict
from course_lib.lessons.lesson_03.exercises import held_from
from course_lib.lessons.lesson_05.exercises import one_round
from course_lib.lessons.lesson_06 import exercises as lesson_06
from course_lib.lessons.lesson_07 import exercises as lesson_07
from course_lib.lessons.lesson_08 import exercises as lesson_08
from course_lib.lessons.lesson_09 import exercises as lesson_09
from course_lib.lessons.lesson_10 import exercises as lesson_10
from course_lib.lessons.lesson_11 import exercises as lesson_11
from course_lib.models.parts.critics import discriminator_loss, generator_loss, gradient_penalty

SOURCE = Path(__file__).parents[2] / "notebooks" / "source"
LESSONS = sorted({number[:2] for number in numbers()})
NUMBERS = numbers()
FORMS = [
    case for lesson in LESSONS
    for case in importlib.import_module(f"test_lesson_{lesson}").RIGHT
]  # fmt: skip
MISTAKES = [(n, *mistake) for n in NUMBERS for mistake in exercise(n).mistakes.items()]


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)


def said(capsys, number, answer):
    verdict = check(number, answer)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    return bool(verdict), line.strip()


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_asks_what_is_checked(lesson):
    (file,) = SOURCE.glob(f"{lesson}_*.py")
    asked = set(re.findall(r'check\("(\d\d\.\d+)"', file.read_text("utf-8")))
    assert asked == set(numbers(lesson))


@pytest.mark.parametrize(
    "number", [n for n in NUMBERS if isinstance(exercise(n).right, (dict, str))]
)
def test_the_form_and_the_words_of_an_answer_are_stated(number):
    (file,) = SOURCE.glob(f"{number[:2]}_*.py")
    text = file.read_text("utf-8")
    cell, right = text.index(f'exercise="{number}"'), exercise(number).right
    section = text[text.rindex("\n# ## ", 0, cell) : cell].replace("\n# ", " ")
    words = [right] if isinstance(right, str) else right.values()
    assert [
        word for word in words if isinstance(word, str) and f'"{word}"' not in section
    ] == []
    if isinstance(right, dict):
        stated = text[text.index(f"**Exercise {number} ") : cell]
        assert [key for key in right if f'"{key}": ' not in stated] == []


@pytest.mark.parametrize("number", [n for n in NUMBERS if exercise(n).right is not None])
def test_the_stated_answers_are_right(number, capsys):
    for answer in (exercise(number).right, *exercise(number).also):
        right, line = said(capsys, number, answer)
        assert right, line


@pytest.mark.parametrize(("number", "answer"), FORMS)
def test_right_answers_pass_in_other_forms(number, answer, capsys):
    right, line = said(capsys, number, answer)
    assert right, line


def test_every_exercise_has_another_right_form():
    assert {number for number, _ in FORMS} == set(NUMBERS)


@pytest.mark.parametrize(("number", "message", "mistake"), MISTAKES)
def test_each_mistake_is_told_by_its_own_message(number, message, mistake, capsys):
    if isinstance(mistake, dict):
        mistake = exercise(number).right | mistake  # it may be stated by a part of it
    answer = mistake.example if isinstance(mistake, When) else mistake
    assert said(capsys, number, answer) == (False, f"✗ {number}: not yet: {message}")


@pytest.mark.parametrize("number", NUMBERS)
def test_dots_are_no_answer(number, capsys):
    def open_question(*arguments): ...

    answers = [..., open_question] if exercise(number).asks_for_a_function else [...]
    for answer in answers:
        assert said(capsys, number, answer) == (False, f"· {number}: not answered yet")


# What only looks right -------------------------------------------------------------------------
def cut_off(part, changed):
    """The answer with the argument at this place cut off: `x.detach() + 0 * x` wants a
    gradient, and has a wrong one."""

    def of(answer):
        def cut(*given):
            given = list(given)
            given[part] = changed(given[part])
            return answer(*given)

        return cut

    return of


def detached(value):
    if isinstance(value, dict):
        return {key: part.detach() + 0 * part for key, part in value.items()}
    return value.detach() + 0 * value


def in_numbers(value):
    if isinstance(value, dict):
        return {key: part.item() for key, part in value.items()}
    return value.tolist()


LEARNED = {number: exercise(number).right for number in NUMBERS if exercise(number).learns}
TENSORS = {number: exercise(number).right for number in NUMBERS if exercise(number).tensor}


def test_what_is_descended_in_the_lessons_is_known():
    """The exercises whose answers train something later, or are differentiated there."""
    descended = {"02.2", "02.3", "05.4", "06.2", "06.3", "06.4", "07.5", "08.3", "08.5"}
    assert set(LEARNED) == descended | {"09.2", "10.4", "11.5"}


@pytest.mark.parametrize("number", LEARNED)
@pytest.mark.parametrize("change", [detached, in_numbers, lambda value: 2 * value])
def test_a_right_number_with_a_wrong_gradient_is_refused(number, change, capsys):
    def answer(*given):
        found = LEARNED[number](*given)
        if change in (detached, in_numbers):
            return change(found)
        # The right number and twice the gradient.
        twice = {k: 2 * v - v.detach() for k, v in found.items()} if isinstance(
            found, dict) else 2 * found - found.detach()  # fmt: skip
        return twice

    right, line = said(capsys, number, answer)
    assert not right
    assert "gradient" in line


@pytest.mark.parametrize("number", TENSORS)
def test_what_the_lesson_goes_on_with_is_a_tensor(number, capsys):
    def answer(*given):
        found = TENSORS[number](*given)
        if isinstance(found, tuple):
            return tuple(part.numpy() for part in found)
        return found.numpy()

    right, line = said(capsys, number, answer)
    assert not right and "goes on with" in line


WORDS = [
    n for n in NUMBERS
    if isinstance(exercise(n).right, dict)
    and any(isinstance(value, str) for value in exercise(n).right.values())
]  # fmt: skip


@pytest.mark.parametrize("number", WORDS)
def test_a_word_in_another_writing_is_named_before_a_mistake_is(number, capsys):
    for key, value in exercise(number).right.items():
        if isinstance(value, str):
            answer = exercise(number).right | {key: f"rather {value}"}
            right, line = said(capsys, number, answer)
            assert not right
            assert line.endswith(
                f'"rather {value}" is none of the words that the exercise gives'
            )


def boxed(value):
    """Each number alone in a tensor of shape (1,), as `keepdim=True` leaves it."""
    if isinstance(value, dict):
        return {key: boxed(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(boxed, value))
    alone = isinstance(value, float) or (isinstance(value, torch.Tensor) and not value.ndim)
    return torch.as_tensor(value).reshape(1) if alone else value


def titled(value):
    """A dictionary's keys in another writing."""
    return {k.title(): v for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("change", "words", "least"),
    [(boxed, ("shape", "gradient"), 25), (titled, ("write the keys so",), 1)],
)
def test_what_a_later_cell_could_not_use_is_refused(change, words, least, capsys):
    """Of all functions that are asked for, those whose answers the change changes."""
    refused = []
    for number, asked in ((number, exercise(number)) for number in NUMBERS):
        if not asked.asks_for_a_function or asked.form or not callable(asked.right):
            continue
        differs = []

        def answer(*given, right=asked.right, differs=differs):
            found = right(*given)
            differs.append(repr(change(found)) != repr(found))
            return change(found)

        right, line = said(capsys, number, answer)
        assert right is not any(differs), line
        if any(differs):
            assert any(word in line for word in words), line
            refused.append(number)
    assert len(refused) >= least, refused


REFUSED = [
    ("02.1", lambda p, q: p / (p + q).clamp(min=0.01), "tried with"),
    ("03.7", lambda t, s, target: held_from(t[:-1], s[:-1], target), "tried with"),
    ("03.4", lambda r, f, k: (
        torch.cdist(r, f) <= torch.cdist(r, r).sort(1).values[:, k, None]
    ).any(0).double().mean(), "tried with"),
    ("04.2", F.conv_transpose2d, "stopped with"),
    ("04.2", lambda y, k, s, p: F.conv_transpose2d(y, k, stride=s, padding=p),
     "they are `conv_transpose2d`'s"),
    ("05.1", lambda eta: one_round(eta).tolist(), "as a tensor"),
    ("05.5", lambda W, v, n: torch.linalg.eigvalsh(W.T @ W)[-1].sqrt(), "by power iteration"),
    ("06.3", lambda m, v, e: m - (v / 2).exp() * e, "must give m + σ"),
    ("06.3", lambda m, v, e: m.detach() + (v / 2).exp() * e, "not its gradient"),
    ("06.2", lambda m, v: lesson_06.gaussian_kl(m, v.detach()), "not its gradient"),
    ("06.2", lambda m, v: lesson_06.gaussian_kl(m, v).numpy(), "no gradient comes"),
    ("06.4", lambda vae, x, e: torch.no_grad()(lesson_06._elbo_of)(vae, x, e), "no gradient"),
    ("07.1", lambda e, s, b=1.0: lesson_07.collapse_kl(e, s, b).numpy(), "as a tensor"),
    ("07.1", lambda e, s, b=2.0: lesson_07.collapse_kl(e, s, b), "tried with"),
    ("07.3", lambda d, w=2.0: math.sqrt(d * w / 2), "tried with"),
    ("07.2", lambda m, least=0.01: int((m.var(0) > 0.01).sum()), "`least` is not used"),
    ("07.2", lambda m, least=0.02: int((m.var(0) > least).sum()), "tried with"),
    ("08.5", lambda q, p: -q.sigmoid().log().mean() - (-p).sigmoid().log().mean(), "infinite"),
    ("08.5", lambda q, p: lesson_08.critic_loss(q.detach(), p), "not its gradient"),
    ("09.2", lambda r, d: lesson_09.mean_matching(r, d.detach()), "no gradient comes"),
    ("10.3", lambda z, s, t: lesson_10._undo(
        z, lambda a: 0.6 * a.sin() + 0.2, lambda a: a.square() - 0.5), "tried with"),
    ("11.4", lambda y, alpha: lesson_11._unlogit(y, 0.05), "tried with"),
    ("01.2", lambda v: (v - v.median()).square().mean().sqrt() / len(v) ** 0.5, "tried with"),
    ("01.1", lambda p, q: (p * p.log() - p * q.log()).sum(), "0 · log 0"),
    ("00.7", 85, "not right"),
    ("00.7", 100_000, "how many times the 1,000"),
    ("02.7", 4, "counted from one"),
    ("06.1", lambda m, sd: lesson_06._drawn(m, sd), "An exact value"),
    ("06.4", lesson_06._elbo_with(said=torch.sigmoid), "a sigmoid too many"),
    ("09.3", lambda old, batch, n, d: lesson_09.moved(old, batch, n, 1 - d), "swapped"),
    ("00.1", torch.tensor(784 + 5j), "a number is wanted"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answer", "message"), REFUSED)
def test_what_fooled_a_check_is_refused(number, answer, message, capsys):
    right, line = said(capsys, number, answer)
    assert not right and message in line, line


def test_real_and_drawn_may_both_be_cut_where_one_alone_is_descended(capsys):
    """Line 11 moves G by what it drew; the real features move nobody."""
    answer = lambda r, d: lesson_09.mean_matching(r.detach(), d)
    assert said(capsys, "09.2", answer)[0]


def test_the_library_s_own_are_right(capsys):
    assert said(capsys, "02.2", discriminator_loss)[0]
    assert said(capsys, "02.3", generator_loss)[0]
    assert said(capsys, "05.4", gradient_penalty)[0]


# Nothing makes it stop -------------------------------------------------------------------------
class NoText(Exception):
    def __str__(self):
        raise RuntimeError


class Hostile:
    """Whatever is asked of it, it stops."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError

    def __hash__(self):
        raise RuntimeError

    def __repr__(self):
        raise RuntimeError


class Leaver:
    """Whoever looks at it is sent home."""

    def __eq__(self, other):
        raise SystemExit

    def __hash__(self):
        return 0

    __repr__ = __float__ = __gt__ = __lt__ = __eq__


def leaves(*given):
    raise SystemExit("left")


def without_text(*given):
    raise NoText


def endless(*given):
    return itertools.count()


def deep(*given):
    return deep(*given)


circle = [1.0]
circle.append(circle)
wide = [0.0]
for _ in range(9):
    wide = [wide] * 1000
ANYTHING = [
    784**500, 256**784, -(10**400), float("nan"), math.inf, 784 + 5j, circle, {"A": circle}, wide,
    [[1], [2, 3]], [], {}, set(), (), None, "", "a", b"7", "…", [Hostile()], {Hostile},
    Hostile(), object(), range(10**12), itertools.count(), (x for x in "ab"), {"A": Hostile()},
    torch.zeros(1).expand(10**13), torch.zeros(3, device="meta"), torch.tensor([]),
    torch.eye(3).to_sparse(), np.array(["a"]), np.array([None]), np.float16(7), {1: 2},
    {"kl": 3, "features": None, "gan": [["E"]]}, {"C": 1, "D": 2, "G": 3, "E": 4},
    {"A": None, "B": 1, "C": []}, {"Ada": [], "Ben": {}, "Cleo": 1}, leaves, without_text,
    endless, deep, lambda *given: circle, lambda *given: 784**500, lambda *given: given,
    lambda *given: [[given]], lambda *given: Hostile(), lambda: 1, print, int, type,
    lambda *given: torch.zeros(1).expand(10**13), lambda *given: (None, ...), torch.nn.ReLU(),
    Leaver(), "a b " * 10**5, "\udcff\n\x1b[31m", 10**5000,
]  # fmt: skip


# One of each kind in the suite, all in the proofs.
KINDS = ["00.1", "00.2", "01.5", "02.2", "02.6", "03.6", "04.7", "06.8", "08.6", "09.1", "09.5"]


@pytest.mark.parametrize(
    "number",
    [n if n in KINDS else pytest.param(n, marks=pytest.mark.prove) for n in NUMBERS],
)
def test_no_answer_makes_a_check_stop(number, capsys):
    for answer in ANYTHING:
        verdict = check(number, answer)
        line = capsys.readouterr().out.strip().splitlines()[-1]
        assert not verdict or (number, answer) == ("06.8", 0), (number, line)
        assert line[:2] in ("✗ ", "· ")


@pytest.mark.parametrize("number", ["02.1", "03.1", "99.1"])
def test_no_guess_makes_predict_stop(number, capsys):
    for value in ANYTHING:
        predict(number, value)
        line = capsys.readouterr().out
        assert line.count("\n") == 1 and len(line) < 300 and number in line, line


def test_a_number_beyond_all_floats_is_called_so(capsys):
    assert "larger than any float" in said(capsys, "00.1", 256**784)[1]


def test_of_a_long_answer_just_the_beginning_is_looked_at():
    class Long(list):
        taken = 0

        def __iter__(self):
            for _ in range(10**6):
                self.taken += 1
                yield 0.0

    long = Long()
    assert not compare.unanswered({"A": long}) and long.taken <= compare.LONGEST
    assert compare.word("A b" * 10**5) == "A b" * 10**5  # no exercise's, so not read


def test_a_default_device_decides_no_answer(capsys):
    """ "meta" stands for a graphics card, on which the learner's own tensors may lie."""
    torch.set_default_device("meta")
    try:
        assert said(capsys, "00.1", 784)[0] and said(capsys, "02.2", discriminator_loss)[0]
        assert predict("99.1", 3) == 3
    finally:
        torch.set_default_device(None)
