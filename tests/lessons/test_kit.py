"""The checks themselves: right passes in any form, wrong is told, no answer leaks."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from course_lib import checks
from course_lib.checks import (
    Exercise,
    Prediction,
    When,
    agrees,
    check,
    finding,
    predict,
    refuses,
)
from course_lib.checks import exercises as exercises_kit
from course_lib.checks.compare import word
from course_lib.errors import CourseError


def kl(mean, log_var):
    return 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(-1)


def kl_reading_log_sigma(mean, log_var):
    return kl(mean, 2 * log_var)


def kl_mean(mean, log_var):
    return 0.5 * (log_var.exp() + mean**2 - 1 - log_var).mean(-1)


def pairs():
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(4, 3, generator=generator), torch.randn(4, 3, generator=generator))]


EXERCISES = {
    "99.1": Exercise(
        right=2.5,
        mistakes={
            "it is squared": 6.25,
            "it is unbounded": math.inf,
        },
    ),
    "99.2": Exercise(
        right=kl,
        probes=pairs,
        mistakes={
            "this takes log σ where log σ² is meant": kl_reading_log_sigma,
            "the latents are averaged, not summed": kl_mean,
            "a mistake that can't be called with two arguments": lambda mean: mean,
        },
        note="The closed form",
    ),
    "99.3": Exercise(
        right="non-saturating",
        mistakes={
            "the other one": "saturating",
        },
        hint="read (2.8)",
    ),
    "99.4": Exercise(
        right={"A": "healthy", "B": "missing detach", "C": "mean for sum"},
        mistakes={
            "look at A's curve once more": When(
                lambda answer: answer["A"] != "healthy",
                {"A": "mean for sum", "B": "missing detach", "C": "healthy"},
            ),
        },
    ),
    "99.5": Exercise(right={1, 4}),
    "99.6": Exercise(
        right=lambda x: x.sum(),
        mistakes={
            "a mean for a sum": lambda x: x.mean(),
        },
    ),
    "99.7": Exercise(
        accepts=lambda answer: answer > 3,
        mistakes={
            "just too small": 3,
        },
    ),
    "99.8": Exercise(right=120_000),
    "99.9": Exercise(right=torch.tensor([0.5, 0.25, 0.25])),
    "99.10": Exercise(right=lambda n: torch.rand(n), probes=[(3,), (5,)]),
    "99.11": Exercise(right=lambda a, b: (a + b, a * b), probes=[(1.5, 2.0), (3.0, -1.0)]),
    "99.12": Exercise(right=True),
    "99.14": Exercise(right=lambda x: (x.sum(), x), probes=[(torch.ones(3),)]),
    "99.21": Exercise(
        right={"A": "healthy", "B": "no noise"},
        mistakes={
            "B's mean lies below": {"B": "healthy"},
        },
    ),
    "99.15": Exercise(right={2, 4}, tol=0.0),
    "99.16": Exercise(right={"kl": {"E"}, "gan": {"G", "D"}}),
    "99.17": Exercise(
        right=lambda x: x.square(), domain=lambda g: (exercises_kit.normal(g, 3),), learns=(0,)
    ),
    "99.18": Exercise(
        right=lambda W: W.sort().values,
        form=lambda found: found.sort().values,
        domain=lambda g: (exercises_kit.normal(g, 4),),
        also=[lambda W: -W],
        tensor=True,
    ),
    "99.19": Exercise(
        right=lambda x: x.relu(),
        probes=[(torch.tensor([-1.0, 2.0]),)],
        without=frozenset({"relu"}),
    ),
    "99.20": Exercise(right=torch.tensor(100.0), tol=0.1),
    "99.13": Exercise(right=lambda x: x * 2, probes=[(torch.ones(2),), torch.ones(3)]),
    "99.22": Exercise(
        right=lambda x: (x * 2, x.sum()),
        domain=lambda g: (exercises_kit.normal(g, 4),),
        tensor=True,
        precisions=exercises_kit.BOTH,
    ),
    "99.23": Exercise(right=lambda values: max(values), probes=[([3.0, 5.0, 4.0],)]),
}


PREDICTIONS = {
    "99.1": Prediction(low=0, high=10),
    "99.2": Prediction(words=("non-saturating", "both")),
    "99.3": Prediction(low=1, high=4, whole=True),
    "99.4": Prediction(pattern="[01]{3}", like="three signs 0 or 1 in quotes"),
    "99.5": Prediction(low=0),
    "99.6": Prediction(high=0),
}


@pytest.fixture(autouse=True)
def exercises(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    monkeypatch.setattr(finding, "_lessons", lambda: ["99"])
    stated = {"EXERCISES": EXERCISES, "PREDICTIONS": PREDICTIONS}
    monkeypatch.setattr(finding, "_stated", lambda lesson, what: stated[what])


def said(capsys, number, answer, **context) -> tuple[bool, str]:
    verdict = check(number, answer, **context)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1, "a check prints one line"
    return bool(verdict), printed.strip()


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("99.1", 2.5),
        ("99.1", torch.tensor(2.5)),
        ("99.1", torch.tensor([2.5], requires_grad=True)),
        ("99.1", np.float32(2.50001)),
        ("99.2", kl),
        ("99.2", lambda mean, log_var: kl(mean, log_var).double()),
        ("99.2", lambda mean, log_var: kl(mean, log_var).tolist()),
        ("99.2", lambda m, v: -0.5 * torch.sum(1 + v - m.pow(2) - v.exp(), dim=1)),
        ("99.3", " Non-Saturating "),
        ("99.3", "non saturating"),
        ("99.4", {"C": "mean for sum", "B": "missing detach", "A": "Healthy"}),
        ("99.5", {4, 1}),
        ("99.5", [1, 4]),
        ("99.7", 3.5),
        ("99.8", 120_000),
        ("99.8", 120_000.0),
        ("99.9", [0.5, 0.25, 0.25]),
        ("99.9", np.array([0.5, 0.25, 0.25], dtype=np.float32)),
        ("99.11", lambda a, b: [a + b, torch.tensor(a * b)]),
        ("99.12", True),
        ("99.13", lambda x: x + x),
        ("99.3", "the nonsaturating"),
        ("99.4", {"a": "healthy", "b": "the missing detach", "c": "mean-for-sum"}),
        ("99.15", range(2, 5, 2)),
        ("99.15", torch.tensor([4.0, 2.0])),
        ("99.15", (2, np.int64(4))),
        ("99.16", {"KL": "e", "gan": ["D", "g"]}),
        ("99.17", lambda x: x**2),
        ("99.18", lambda W: W),
        ("99.18", lambda W: W.flip(0)),
        ("99.18", lambda W: -W),
        ("99.19", lambda x: x * (x > 0)),
        ("99.20", 109),
        ("99.20", np.float16(95)),
        ("99.9", torch.tensor([0.5, 0.25, 0.25]).half()),
    ],
)
def test_right_answers_pass_in_every_form(capsys, number, answer):
    right, line = said(capsys, number, answer)
    assert right and line.startswith(f"✓ {number}: right")


def body_of_dots(mean, log_var): ...


def docstring_and_dots(mean, log_var):
    """KL to N(0, I), shape (B,)."""
    ...


def returns_dots(mean, log_var):
    return ...


def dots_inside(mean, log_var):
    answer = ...
    return answer


def dots_in_arithmetic(mean, log_var):
    half = ...
    return half * mean.sum(-1)


def dots_for_a_part(mean, log_var):
    excess = log_var.exp() - 1
    ...
    return (excess + square).sum(-1)  # noqa: F821


def dots_at_the_end(mean, log_var):
    variance = log_var.exp()
    print(variance.shape, end="")
    ...


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("99.2", dots_for_a_part),
        ("99.2", dots_at_the_end),
        ("99.1", ...),
        ("99.3", ...),
        ("99.4", {"A": "healthy", "B": ..., "C": ...}),
        ("99.9", [..., 0.25, 0.25]),
        ("99.2", ...),
        ("99.2", body_of_dots),
        ("99.2", docstring_and_dots),
        ("99.2", returns_dots),
        ("99.2", dots_inside),
        ("99.2", dots_in_arithmetic),
        ("99.2", lambda mean, log_var: ...),
        ("99.11", lambda a, b: (a + b, ...)),
    ],
)
def test_dots_are_not_answered_yet(capsys, number, answer):
    right, line = said(capsys, number, answer)
    assert not right and line.endswith(f"· {number}: not answered yet")


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("99.1", 6.25, "it is squared"),
        ("99.1", math.inf, "it is unbounded"),
        ("99.2", kl_reading_log_sigma, "this takes log σ where log σ² is meant"),
        ("99.2", lambda m, v: kl(m, v) / m.shape[-1], "the latents are averaged, not summed"),
        ("99.3", "Saturating", "the other one"),
        ("99.4", {"A": "mean for sum", "B": "healthy", "C": "healthy"}, "look at A's curve"),
        ("99.7", 3, "just too small"),
        ("99.21", {"a": "no noise", "b": "Healthy"}, "B's mean lies below"),
    ],
)
def test_likely_mistakes_are_named(capsys, number, answer, message):
    right, line = said(capsys, number, answer)
    assert not right and line.startswith(f"✗ {number}: not yet: ") and message in line


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("99.1", 3.0, "not right"),
        ("99.1", float("nan"), "NaN"),
        ("99.1", "two", "a number is wanted, yours is of type str"),
        ("99.1", None, "yours is None"),
        ("99.1", kl, "call it and hand over what it gives"),
        ("99.1", [1.0, 2.0], "its shape is (2,), wanted is () (one number)"),
        ("99.1", torch.tensor([]), "its shape is (0,)"),
        ("99.2", 3.0, "a function is wanted"),
        ("99.2", lambda m, v: kl(m, v)[:, None], "its shape is (4, 1), wanted is (4,)"),
        ("99.2", lambda m, v: kl(m, v).sum(), "its shape is () (one number), wanted is (4,)"),
        ("99.2", lambda m, v: kl(m, v) + 1, "tried with (a tensor of shape (4, 3), a tensor"),
        ("99.2", lambda m, v: kl(m, v) * float("nan"), "NaN"),
        ("99.2", lambda m, v: print(end=""), "is a `return` missing?"),
        ("99.2", lambda m: m, "stopped with TypeError"),
        ("99.3", 3, "a word in quotes is wanted, yours is of type int"),
        ("99.3", "wasserstein", "read (2.8)"),
        ("99.4", {"A": "healthy"}, "a dictionary with the keys 'A', 'B', 'C'"),
        ("99.4", {"A": "healthy", "B": "healthy", "C": "healthy"}, "1 of 3 entries"),
        ("99.5", "14", "not right"),
        ("99.5", {1, 5}, "not right"),
        ("99.7", "abc", "not right"),
        ("99.8", 120_001, "not right"),
        ("99.11", lambda a, b: a + b, "wanted is (2,)"),
        ("99.14", lambda x: x.sum(), "2 values are wanted"),
        ("99.14", lambda x: (x.sum(), x.sum()), "its shape is () (one number), wanted is (3,)"),
        ("99.15", {2, 5}, "not right"),
        ("99.15", {2: 4}, "a set {…} or list […] is wanted"),
        ("99.15", [[2], object()], "a set {…} or list […] is wanted"),
        ("99.15", [lambda: 2], "a set {…} or list […] is wanted"),
        ("99.17", lambda x: x.detach() ** 2, "no gradient comes through it"),
        ("99.17", lambda x: x.detach() ** 2 + 0 * x, "no gradient comes through it"),
        ("99.17", lambda x: x.detach() * x, "not its gradient"),
        ("99.17", lambda x: (x * x).tolist(), "no gradient comes through it"),
        ("99.17", lambda x: torch.tensor((x * x).numpy()), "no gradient comes through it"),
        ("99.18", lambda W: W.tolist(), "another form"),
        ("99.18", lambda W: W[:2], "its shape is (2,)"),
        ("99.19", lambda x: torch.relu(x), "they are `relu`'s"),
        ("99.20", 111, "not right"),
        ("99.1", torch.tensor(2.5 + 0j), "a number is wanted"),
        ("99.9", torch.zeros(1).expand(10**13), "its shape is"),
        ("99.9", np.array(["a", "b", "c"]), "a tensor of shape (3,) is wanted"),
        ("99.9", [[0.5], 0.25, 0.25], "a tensor of shape (3,) is wanted"),
        ("99.11", lambda a, b: (a + b, a * b, 0), "wanted is (2,)"),
        ("99.12", False, "not right"),
        ("99.12", "yes", "a number is wanted"),
    ],
)
def test_other_answers_are_wrong_and_say_why(capsys, number, answer, message):
    right, line = said(capsys, number, answer)
    assert not right and line.startswith(f"✗ {number}") and message in line


def test_an_exception_names_the_learners_line(capsys):
    def answer(mean, log_var):
        variance = log_var.exp()
        return varience.sum(-1) + variance  # noqa: F821

    right, line = said(capsys, "99.2", answer)
    assert not right and "NameError: name 'varience' is not defined" in line
    assert "return varience.sum(-1) + variance" in line


def test_an_exception_below_the_learners_function_names_the_call_in_it(capsys):
    def answer(mean, log_var):
        product = mean
        return torch.matmul(product, log_var)

    _, line = said(capsys, "99.2", answer)
    assert "RuntimeError" in line and "return torch.matmul(product, log_var)" in line


@pytest.mark.parametrize("number", list(EXERCISES))
@pytest.mark.parametrize("answer", [-7.25, "nonsense", None, {}, kl, lambda *args: -7.25])
def test_no_answer_is_ever_printed(capsys, number, answer):
    _, line = said(capsys, number, answer, **({"x": torch.ones(3)} if number == "99.6" else {}))
    if line.startswith("✗"):
        for secret in ("2.5", "non-saturating", "missing detach", "120000", "0.25", "{1, 4}"):
            assert secret not in line


def test_the_context_sets_the_right_answer(capsys):
    assert said(capsys, "99.6", 6.0, x=torch.tensor([1.0, 2.0, 3.0]))[0]
    _, line = said(capsys, "99.6", 2.0, x=torch.tensor([1.0, 2.0, 3.0]))
    assert "a mean for a sum" in line


def test_probes_are_copied_and_draws_are_alike_and_leave_no_trace(capsys):
    in_place = lambda x: x.mul_(2)
    first, second = said(capsys, "99.13", in_place), said(capsys, "99.13", in_place)
    assert first == second and not first[0] and "changes what it is given" in first[1]
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assert said(capsys, "99.10", lambda n: torch.rand(n))[0]
    assert not said(capsys, "99.10", lambda n: torch.randn(n))[0]
    assert torch.equal(before, torch.random.get_rng_state())


def largest_by_sorting(values):
    values.sort()
    return values[-1]


def with_a_parameter(x):
    weight = torch.nn.Parameter(torch.ones(4, dtype=x.dtype))
    return 2 * x * weight, x.sum()


LATER = "as the lesson does later, your function"


def in_inference(x):
    with torch.inference_mode():
        return 2 * x, x.sum()


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        (
            "99.22",
            lambda x: (2 * x.float(), x.sum()),
            f"given float64, {LATER} gives float32",
        ),
        (
            "99.22",
            lambda x: (2 * x.double(), x.sum()),
            f"given float32, {LATER} gives float64",
        ),
        ("99.22", lambda x: (2 * x, x.sum().half()), "your function gives float16"),
        (
            "99.22",
            lambda x: (x @ (2 * torch.eye(4, dtype=torch.float64)), x.sum()),
            "your function stopped with RuntimeError",
        ),
        ("99.22", with_a_parameter, "put `.detach()` behind"),
        ("99.22", in_inference, "write torch.no_grad()"),
        ("99.22", lambda x: (x.mul_(2), x.sum() / 2), "changes what it is given"),
        ("99.23", largest_by_sorting, "changes what it is given"),
    ],
)
def test_an_answer_with_which_the_lesson_would_stop_is_told_what_to_write(
    capsys, number, answer, message
):
    right, line = said(capsys, number, answer)
    assert not right and message in line


def test_what_stops_nothing_is_taken(capsys):
    in_single = lambda x: (2 * x, torch.tensor(x.sum().item()))  # a number: it has no precision
    expanded = lambda x: [(2 * x)[None].expand(3, 4)[1], x.sum().double()]
    assert said(capsys, "99.22", in_single)[0] and said(capsys, "99.22", expanded)[0]
    assert said(capsys, "99.23", lambda values: sorted(values)[-1])[0]


def test_dots_that_were_left_behind_an_answer_do_no_harm(capsys):
    def answer(mean, log_var):
        return kl(mean, log_var)
        ...

    def with_a_slip(mean, log_var):
        return kl(mean, log_var, 3)
        ...

    assert said(capsys, "99.2", answer)[0]
    assert "stopped with TypeError" in said(capsys, "99.2", with_a_slip)[1]


def test_interrupts_are_not_swallowed():
    def stop(mean, log_var):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("99.2", stop)


def test_a_notebook_does_not_echo_the_verdict():
    verdict = check("99.1", 2.5)
    assert verdict and isinstance(verdict, int)
    assert repr(verdict) == "True" and verdict._ipython_display_() is None


def test_words_are_compared_by_their_letters():
    assert word("G’s sign turned") == word("g's sign-turned")
    assert word("data left in [0, 1]") == word("The data left in [0,1]")
    assert word("the") != word("a") != ""
    assert word("mean over pixels") != word("mean over pixel")
    assert word("A D") == "ad" != word("A real D") == "reald"  # names, and an article


def test_a_check_in_another_thread_draws_the_same(capsys):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: bool(check("99.10", torch.rand)), range(60)))
    assert all(found)


def test_an_answer_can_not_know_the_draws(capsys):
    assert "tried with" in said(capsys, "99.17", lambda x: torch.tensor([1.0, 4.0, 9.0]))[1]


@pytest.mark.parametrize("answer", [3.0, ..., 6.25])
def test_strict_raises_where_the_answer_is_not_right(monkeypatch, answer):
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert check("99.1", 2.5)
    with pytest.raises(AssertionError, match=r"99\.1"):
        check("99.1", answer)


def test_a_demonstration_may_be_answered_wrongly(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setitem(EXERCISES, "99.1", Exercise(right=2.5, demonstration=True))
    assert not said(capsys, "99.1", 3.0)[0]


@pytest.mark.parametrize("number", ["99.99", "98.1", 99.1, "6.3", "", None, "../x"])
def test_an_unknown_number_is_an_error_with_the_nearest(number):
    with pytest.raises(CourseError, match="Unknown exercise"):
        check(number, 1.0)
    if number == "98.1":
        with pytest.raises(CourseError, match=r"Did you mean '99\.1'"):
            check(number, 1.0)


def test_predictions_are_kept_and_replaced(capsys):
    assert predict("98.1", ...) is None and checks.guess("98.1") is None
    assert "no guess yet" in capsys.readouterr().out
    assert predict("98.1", torch.tensor(0.5)) == 0.5 and checks.guess("98.1") == 0.5
    assert predict("98.1", "falls") == "falls" and checks.guess("98.1") == "falls"
    assert predict("98.1", ...) is None and checks.guess("98.1") is None


@pytest.mark.parametrize(
    ("number", "value", "kept"),
    [
        ("99.1", 3, 3.0),
        ("99.1", "3.5", 3.5),
        ("99.1", [10], 10.0),
        ("99.2", "Non saturating", "non-saturating"),
        ("99.3", 2.0, 2.0),
        ("99.4", " 010", "010"),
        ("99.5", 10**6, 1e6),
        ("99.6", -3, -3.0),
    ],
)
def test_a_guess_is_kept_in_the_form_that_the_lesson_goes_on_with(number, value, kept):
    assert predict(number, value) == kept and type(predict(number, value)) is type(kept)


@pytest.mark.parametrize(
    ("number", "value", "wanted"),
    [
        *[("99.1", bad, "a number from 0 to 10") for bad in (
            float("nan"), math.inf, [1, 2], torch.zeros(2), {}, kl, "many", "nan", 11, -1,
            784**500, 3 + 4j, object())],
        ("99.2", 3, 'one of the words "non-saturating", "both"'),
        ("99.2", "neither", 'one of the words "non-saturating", "both"'),
        ("99.3", 2.5, "a whole number from 1 to 4"),
        ("99.4", 10, "three signs 0 or 1"),
        ("99.4", "012", "three signs 0 or 1"),
        ("99.5", -1, "a number of at least 0"),
        ("99.6", 1, "a number up to 0"),
        ("98.1", [1, 2], "one finite number, or one word in quotes"),
        ("98.1", "", "one finite number, or one word in quotes"),
    ],
)  # fmt: skip
def test_another_guess_is_asked_for_again(capsys, number, value, wanted):
    """So that no later cell meets a word where it draws a number."""
    predict(number, 1)
    assert predict(number, value) is None and checks.guess(number) is None
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert wanted in line and "no such guess" in line


@pytest.mark.parametrize("number", ["1", "6.3", 6.3, "06", "06.x", None, "lesson 6"])
def test_a_prediction_has_a_proper_number(number):
    with pytest.raises(CourseError, match="two digits, a dot"):
        predict(number, 0.5)


def test_agrees_within_tolerance_and_standard_errors(capsys):
    agrees(1.0, 1.0 + 1e-11, name="(6.1)")
    agrees(torch.ones(3), torch.ones(3, dtype=torch.float64))
    agrees(torch.ones(3), 1.0)
    agrees(1.04, 1.0, error=0.01)
    agrees(torch.tensor([1.0, 2.0]), [1.04, 2.4], error=torch.tensor([0.01, 0.1]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and all(line.startswith("✓ ") for line in lines)
    assert "(6.1): 1 = 1" in lines[0] and "4 standard errors" in lines[3]


@pytest.mark.parametrize(
    ("value", "reference", "scale"),
    [
        (1.0, 1.0 + 1e-9, {}),
        (1.06, 1.0, {"error": 0.01}),
        (0.94, 1.0, {"error": 0.01}),
        (float("nan"), 1.0, {}),
        (float("nan"), 1.0, {"error": 0.01}),
        (1.0, float("nan"), {"tol": 1e9}),
        (math.inf, 1.0, {"tol": 1e9}),
        (torch.tensor([1.0, 2.0, float("nan")]), torch.tensor([1.0, 2.0, 3.0]), {}),
        (
            torch.tensor([1.0, 2.0]),
            torch.tensor([1.0, 2.1]),
            {"error": torch.tensor([9.0, 0.01])},
        ),
        (torch.ones(3), torch.ones(3, 1), {}),
        (torch.ones(2), torch.ones(3), {}),
        (torch.tensor([]), torch.tensor([]), {}),
    ],
)
def test_agrees_fails_where_it_should(value, reference, scale):
    with pytest.raises(AssertionError, match="✗"):
        agrees(value, reference, **scale)


def test_refuses_what_is_far_off(capsys):
    refuses(1.2, 1.0, error=0.01, name="σ read as a standard deviation")
    refuses(1.0 + 1e-8, 1.0)
    refuses(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]), tol=0.01)
    refuses(math.inf, 1.0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "✓ refused: σ read as a standard deviation: 1.2 ≠ 1  (20 standard errors)"
    )
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("value", "reference", "scale"),
    [
        (1.0, 1.0, {}),
        (1.0, 1.0, {"error": 0.01}),
        (1.09, 1.0, {"error": 0.01}),
        (1.0 + 5e-10, 1.0, {}),
        (float("nan"), 1.0, {}),
        (float("nan"), 1.0, {"error": 0.01}),
        (torch.tensor([5.0, float("nan")]), 1.0, {}),
        (math.inf, math.inf, {}),
        (torch.ones(3), torch.ones(4), {}),
    ],
)
def test_refuses_fails_on_a_right_or_meaningless_form(value, reference, scale):
    with pytest.raises(AssertionError, match="✗"):
        refuses(value, reference, **scale)


@pytest.mark.parametrize("judge", [agrees, refuses])
@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ({"error": 0.0}, "standard error is positive"),
        ({"error": float("nan")}, "standard error is positive"),
        ({"error": -1.0}, "standard error is positive"),
        ({"error": "small"}, "standard error is positive"),
        ({"error": torch.ones(3)}, "3 came for 2"),
        ({"tol": 0.0}, "tolerance is a positive number"),
        ({"tol": float("nan")}, "tolerance is a positive number"),
    ],
)
def test_a_meaningless_scale_is_an_error(judge, scale, message):
    with pytest.raises(CourseError, match=message):
        judge(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]), **scale)


@pytest.mark.parametrize("judge", [agrees, refuses])
def test_words_can_not_be_compared(judge):
    with pytest.raises(CourseError, match="numbers or tensors"):
        judge("one", 1.0)
