"""Each public assignment: both copies, private numbers, a grader that knows right from wrong."""

import functools
import json
import math
import re
from types import SimpleNamespace

import proof
import pytest
import torch

from course_lib.classroom import room
from course_lib.classroom.assignment import cells_of

NAMES = room.public()
NUMBERS = [(name, number) for name in NAMES for number in proof.load(name).questions]
CALLS = [(n, k) for n, k in NUMBERS if proof.load(n).questions[k].probes is not None]
# Right answers that are written in another way than the solution, each in full.
OTHERS = {
    "gan.1": ["line = torch.tensor([(a - b) / s**2, math.log(n_real / n_fake) "
              "- (a - b) * (a + b) / 2 / s**2])",
              "w = a / s**2 - b / s**2\nline = [w, -w * (a + b) / 2 + math.log(n_real) "
              "- math.log(n_fake)]"],
    "gan.2": ["def smoothed_loss(real, fake, alpha):\n"
              "    bce = F.binary_cross_entropy_with_logits\n"
              "    return bce(real, torch.full_like(real, 1 - alpha)) "
              "+ bce(fake, torch.zeros_like(fake))",
              "def smoothed_loss(real, fake, alpha):\n"
              "    return (F.softplus(real) - (1 - alpha) * real).mean() "
              "- F.logsigmoid(-fake).mean()"],
    "gan.3": ["def best_smoothed(p, q, alpha):\n    return (1 - alpha) / (1 + q / p)",
              "def best_smoothed(p, q, alpha):\n    d = p / (q + p)\n    return d - alpha * d"],
    "gan.4": ["x = torch.linspace(-12, 12, 20001, dtype=torch.float64)\n"
              "n = lambda m, s: torch.exp(-(x - m)**2 / 2 / s**2) / s / math.sqrt(2 * math.pi)\n"
              "p, q = (n(-gap, .6) + n(gap, .6)) / 2, n(shift, width)\n"
              "d = lambda f, g: (f * (f / g).log()).sum().item() * 0.0012\n"
              "divergences = {'JS': (d(p, (p + q) / 2) + d(q, (p + q) / 2)) / 2,\n"
              "               'KL(q||p)': d(q, p), 'KL(p||q)': d(p, q)}",
              "from numpy import linspace, exp, log, sqrt, pi, sum\n"
              "x = linspace(-12, 12, 20001)\n"
              "n = lambda m, s: exp(-(x - m)**2 / 2 / s**2) / s / sqrt(2 * pi)\n"
              "p, q = (n(-gap, .6) + n(gap, .6)) / 2, n(shift, width)\n"
              "d = lambda f, g: sum(f * log(f / g)) * (x[1] - x[0])\n"
              "divergences = {'JS': (d(p, (p + q) / 2) + d(q, (p + q) / 2)) / 2,\n"
              "               'KL(q||p)': d(q, p), 'KL(p||q)': d(p, q)}"],
    "gan.5": ["faults = {k: run.replace('-', ' ').title() for k, run in zip('ABCD', RUNS)}",
              "faults = {k: RUNS['ABCD'.index(k)].upper() for k in 'DCBA'}"],
    "gan.6": ["def largest_rate(c, eta_y):\n    return (2 / c)**2 / eta_y",
              "def largest_rate(c, eta_y):\n    return torch.tensor(4.0) / c / c / eta_y"],
    "gan.7": ["def corrected_mean(f, logits):\n"
              "    w = (logits - logits.max()).exp()\n    return w @ f / w.sum()",
              "def corrected_mean(f, logits):\n"
              "    return torch.dot(f, (logits - logits.logsumexp(0)).exp())"],
    "vae.1": ["p = w**2 / s**2 + 1\nmu = w * (x - c) / s**2 / p\n"
              "q, t = torch.distributions.Normal(m, r), torch.distributions.Normal(mu, p**-0.5)\n"
              "gap = torch.distributions.kl_divergence(q, t)",
              "evidence = -0.5 * math.log(2 * math.pi * (w**2 + s**2)) "
              "- (x - c)**2 / 2 / (w**2 + s**2)\n"
              "rec = -0.5 * math.log(2 * math.pi * s**2) "
              "- ((x - c - w * m)**2 + (w * r)**2) / 2 / s**2\n"
              "gap = evidence - rec + (m**2 + r**2 - 1) / 2 - math.log(r)"],
    "vae.2": ["def kl(m, log_var, m0, log_var0):\n"
              "    N = torch.distributions.Normal\n"
              "    one, two = N(m, (log_var / 2).exp()), N(m0, (log_var0 / 2).exp())\n"
              "    return torch.distributions.kl_divergence(one, two).sum(-1)",
              "def kl(m, log_var, m0, log_var0):\n"
              "    d = log_var - log_var0\n"
              "    far = (m0 - m).square() * (-log_var0).exp()\n"
              "    return torch.sum(torch.expm1(d) - d + far, dim=1) / 2"],
    "vae.3": ["def log_pixel(k, mean, sigma):\n"
              "    n = torch.distributions.Normal(mean, sigma)\n"
              "    up = torch.where(k < 255, n.cdf((k + .5) / 255), torch.ones_like(mean))\n"
              "    low = torch.where(k > 0, n.cdf((k - .5) / 255), torch.zeros_like(mean))\n"
              "    return torch.log(up - low)",
              "def log_pixel(k, mean, sigma):\n"
              "    edge = lambda h: ((k + h) / 255 - mean) / sigma / math.sqrt(2)\n"
              "    up, low = torch.erf(edge(.5)), torch.erf(edge(-.5))\n"
              "    up = up.masked_fill(k == 255, 1.0)\n    low = low.masked_fill(k == 0, -1.0)\n"
              "    return ((up - low) / 2).log()"],
    "vae.4": ["e = torch.tensor(spectrum, dtype=torch.float64).sort(descending=True).values\n"
              "s2 = e[latents:].mean()\nplan = {'rate': (e[:latents] / s2).log().sum() / 2,\n"
              "  'active': (e > held).sum(), 'sigma^2': s2}",
              "import numpy as np\ne = np.sort(np.array(spectrum))[::-1]\n"
              "s2 = e[latents:].mean()\nplan = {'sigma^2': s2,\n"
              "  'rate': 0.5 * np.log(e[:latents] / s2).sum(), 'active': int((e > held).sum())}"],
    "vae.5": ["who = {k: run.upper() for k, run in zip('ABCDE', RUNS)}",
              "who = {k: RUNS['ABCDE'.index(k)] for k in 'EDCBA'}"],
    "vae.6": ["def draw(m, log_s, u):\n    return m - torch.exp(log_s) * torch.log(1 / u - 1)",
              "def draw(m, log_s, u):\n    return torch.logit(u) * log_s.exp() + m"],
    "vae.7": ["def effective(log_w):\n"
              "    w = (log_w - log_w.max()).exp()\n    return w.sum()**2 / (w * w).sum()",
              "def effective(log_w):\n"
              "    return (2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp().item()"],
}  # fmt: skip


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
        assert all(mistake.message not in text for mistake in question.mistakes)
    space = {}
    for _, source in proof.cells(name, "ada", False):
        proof.execute(source, space)


@pytest.mark.parametrize("name", NAMES)
def test_sixty_students_have_sixty_sets_of_numbers(name):
    given = proof.load(name)
    drawn = [given.numbers(proof.SECRET, f"s{i}") for i in range(60)]
    assert len({json.dumps(vars(v)) for v in drawn}) == 60
    assert given.numbers(proof.SECRET, "s0") == drawn[0]
    assert given.numbers(b"another secret", "s0") != drawn[0]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_text_says_to_expect(name):
    space, found = {}, 0
    for _, source in proof.cells(name, "ada", True):
        if match := re.match(r"# expected: (-?[\d.]+)\n", source):
            value = eval(source.splitlines()[-1], space)
            assert math.isclose(float(value), float(match[1]), abs_tol=6e-5), source
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
        for mistake in proof.load(name).questions[number].mistakes:
            if (name, number) in CALLS:
                answer = functools.partial(mistake.answer, v)
            else:
                answer = mistake.answer(v)
            assert verdict(name, number, answer, student) == (
                False,
                f"not yet: {mistake.message}",
            )


@pytest.mark.parametrize("name, number", NUMBERS)
def test_right_answers_written_otherwise_are_right(name, number):
    assert len(OTHERS[number]) >= 2
    for student in proof.STUDENTS:
        v = proof.numbers(name, student)
        space, source = proof.before(name, student, number)
        for text in OTHERS[number]:
            own = {"RUNS": getattr(v, "runs", None) or getattr(v, "programs", None)}
            given = proof.given_numbers(source)
            space = dict(space) | own
            proof.execute(given + "\n" + text, space)
            assert proof.verdict(name, student, number, space) == (True, "right"), text


@pytest.mark.parametrize("name, number", CALLS)
def test_an_answer_without_its_gradient_is_not_paid(name, number):
    right = solution(name, number)
    fakes = [
        lambda *a: right(*a).detach(),
        lambda *a: right(*a).detach() + sum(x.sum() for x in a if torch.is_tensor(x)) * 0.0,
        lambda *a: torch.tensor(right(*a).tolist(), dtype=torch.float64),
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
