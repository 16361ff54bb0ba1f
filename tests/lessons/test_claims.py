"""A check that can't fail checks nothing: what each `agrees` claims is changed, and refused.

`claims.py` changes every quantity that a claim is about, in its lesson's own namespace. Here stand
the few that a claim may not see, each with the reason. One cell of each lesson is tried here, all
in `make prove`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from claimed import sites
from claims import WHOLE, recorded, tried
from conftest import ROOT
from lesson_cells import source_cells

from course_lib.checks import agrees

LESSONS = [f"{number:02d}" for number in range(14)]
ANY = "the claim is that it holds for every value of this"
START = "a search begins here; the claim is where it ends"
COUNT = "a number of draws, which makes the error smaller, not the value another"
BESIDE = "made in the same line as what feeds the claim, which it does not feed itself"
SUPPORT = "only some values are allowed here; with any of them the claim holds"
NESTED = "it holds what is read of all factors; what the claim takes out of it is changed"
NEXT = "it cancels in a sum that the next cell tries term by term, on draws"
FREE = {  # (lesson, a claim of the cell): {name: reason}
    ("01", "(1.4) gradient"): {"sample": ANY},
    ("01", "(1.8) standard deviation"): {"n": COUNT},
    ("01", "(1.12), six z"): {"z": ANY},
    ("01", "(1.15) gradient"): {"log_likelihood": ANY, "mixing": ANY, "toy": ANY},
    ("01", "(1.15) against a search"): {"W_found": START, "log_sigma": START},
    ("02", "(2.1) two-class likelihood"): {"labels": SUPPORT},
    ("02", "(2.5) trained D"): {"twice": START},
    ("02", "(2.7) its value is −log 4"): {"free": START},
    ("02", "f'η = {eta}, simultaneous: growth in {rounds} rounds"): {"start": ANY},
    ("03", "(3.6) its cost"): {"turn": START, "zero": ANY},
    ("03", "(3.10) by quadrature"): {"x": ANY},
    ("03", "(3.16) half of them recited"): {"mixed": "darker, it is nearest to the same image"},
    ("03", "(3.18) at 4,096 frequencies"): {"pictures": ANY},
    ("03", "(3.19) of the smoothed picture"): {"soft": "a ratio, the same in other units"},
    ("03", "(3.20)"): {"log_p": ANY},
    ("04", "(4.4) gradient of a convolution"): {"x_leaf": ANY},
    ("04", "(4.10) and has no gradient"): {"weight": ANY, "b": ANY},
    ("04", "f'(4.14) {h.shape[-1]:2}² → {2 * h.shape[-1]}²"): {"h": ANY},
    ("04", "(4.16) a = .9"): {"free": START},
    ("04", "f'(4.18) {name}"): {"fresh": ANY},
    ("04", "(4.20) slope at d"): {"gain": "the claim is where it is highest, not how high"},
    ("05", "(5.1) any start, each step"): {"w": ANY},
    ("05", "(5.18) against svd"): {"v": START},
    ("05", "(5.19) cutting patches: 4/2"): {"blank": ANY},
    ("06", "name"): {"q": ANY},
    ("06", "(6.2) how far any of 50 ELBOs gets above log p(x)"): {"q": ANY, "random": ANY},
    ("06", "(6.8) p(ε)·|dε/dz| integrates to"): {"q": ANY},
    ("06", "(6.9) nats per image"): {"bits": SUPPORT},
    ("07", "warmed up or not: the same end"): {"warm": START},
    ("07", "(7.14) how far L_K ever falls"): {"bounds": ANY, "log_weights": ANY},
    ("07", "f'(7.19) {name}: what N(m, S) gains"): {"of_large": BESIDE},
    ("08", "(8.3) how far the left side ever exceeds the right"): {
        "p": ANY, "g": ANY, "weights": ANY,
    },
    ("08", "(8.10) I(x; z) + KL(q(z) ‖ p(z))"): {"mixture": NEXT},
    ("09", "(9.2) a trained C reaches H(c|x)"): {"logits": START},
    ("09", "(9.13) one constant for all images"): {"x_r": ANY, "x_f": ANY},
    ("09", "(9.14) enlarged to 112×112, three colours"): {"small": ANY},
    ("09", "your L_GD is the library's"): {"noise": BESIDE},
    ("10", "five affine layers are one matrix"): {"x": ANY},
    ("10", "(10.11) wᵀu = 1.8"): {"w": ANY, "number": ANY},
    ("10", "(10.18) mean log p, σ = 0.001"): {"levels": ANY},
    ("10", "NICE's log |det| at every x"): {"x": ANY},
    ("10", "a coupling: all numbers, after two passes"): {"coupling_3": ANY},
    ("11", "(11.4) zeros after three alternating couplings"): {"turned": ANY},
    ("11", "(11.5) how far any |s| exceeds a"): {"raw": ANY},
    ("11", "(11.12) and the levels' code"): {"D": ANY},
    ("11", "f'{name} noise: above log P(0) by"): {"p_y": ANY},
    ("12", "(12.4) for winners of 20,000 searches"): {"mu": ANY, "tau": ANY, "sigma": ANY},
    ("12", "random is (12.6)"): {"places": BESIDE},
    ("12", "false alarms"): {"needed": ANY},
    ("13", "(13.2) a factor a number: a gap of 1"): {
        "u": ANY, "factors": ANY, "code": ANY, "turned": ANY,
    },
    ("13", "the most that 99% noise costs, in nats"): {"bits": ANY, "log_p": ANY},
    ("13", "f'(13.5), {name}"): {"drawn_by": NESTED, "known": NESTED, "factors_read": NESTED},
}  # fmt: skip


def blind(lesson: str, rows: list[dict]) -> list[str]:
    """What a lesson's claims would not notice, a line each."""
    said, cells = [], defaultdict(list)
    for row in rows:
        cells[row["cell"]].append(row)
        seen = row["verdicts"].count("refused") >= 2
        if row["name"] in ("", WHOLE) and not seen:
            said.append(f"{row['title']}: {row['side'] or 'not run'} {row['verdicts']}")
    for own in cells.values():
        titles = {row["title"] for row in own}
        free = {n for title in titles for n in FREE.get((lesson, title), {})}
        tries = defaultdict(list)
        for row in own:
            tries[row["name"]].append(row["verdicts"])
        for name in tries.keys() - {WHOLE, ""} - free:
            every = {verdict for verdicts in tries[name] for verdict in verdicts}
            refused = max(verdicts.count("refused") for verdicts in tries[name])
            if refused < 2 and every & {"refused", "passed", "same"}:
                said.append(f"{sorted(titles)}: whatever {name} is, {tries[name]}")
    return said


def run(file: Path, share: float, lessons: list[str]) -> dict[str, list[dict]]:
    code = Path(__file__).with_name("claims.py")
    places = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path])
    subprocess.run(
        [sys.executable, code, file, str(share), *lessons],
        env=os.environ | {"PYTHONPATH": places, "MPLBACKEND": "agg"},
        cwd=file.parent,
        check=True,
    )
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def one_each(tmp_path_factory):
    return run(tmp_path_factory.mktemp("claims") / "found.json", 0.0, LESSONS)


@pytest.mark.timeout(600)  # the first one runs all lessons
@pytest.mark.parametrize("lesson", LESSONS)
def test_the_claims_of_a_cell_can_fail(lesson, one_each):
    assert one_each[lesson] and blind(lesson, one_each[lesson]) == []


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_claim_can_fail(lesson, tmp_path):
    rows = run(tmp_path / "found.json", 1, [lesson])[lesson]
    cells = [cell.source for cell in source_cells(lesson) if cell.cell_type == "code"]
    claims = [site for i, cell in enumerate(cells) for site in sites(lesson, i, cell)]
    assert {(r["cell"], r["index"]) for r in rows} == {(s.cell, s.index) for s in claims}
    assert blind(lesson, rows) == []


def test_what_is_free_is_still_there():
    for (lesson, title), names in FREE.items():
        cells = [cell.source for cell in source_cells(lesson) if cell.cell_type == "code"]
        here = [s for i, c in enumerate(cells) for s in sites(lesson, i, c) if s.title == title]
        assert here, (lesson, title)
        fed = set().union(*(set().union(*site.feeding) for site in here))
        same = [s for s in here for t in sites(lesson, s.cell, cells[s.cell]) for s in [t]]
        fed |= set().union(*(set().union(*site.feeding) for site in same))
        assert names.keys() <= fed, (lesson, title)


# The mechanism itself ----------------------------------------------------------------------------

CELLS = {  # what is wrong with a cell's check, by the quantities that it does not see
    "q = a * 2.0\nagrees(a + q - q, a)": {"q"},
    "q = a * 2.0\nagrees(q, a + a)": set(),
    "q = a * 2.0\nr = q * 3.0\nagrees(r / q, 3.0)": {"q"},
    "def f(x):\n    return x * 0.0 + 1.0\nagrees(f(a), 1.0)": {"a"},
    "def f(x):\n    return x + 1.0\nagrees(f(a), 2.0)": set(),
    "for k in (1.0, 2.0):\n    agrees(a * k, k)": set(),
    "agrees(a, 1.3, tol=10.0)": {"a", WHOLE},
    "q = a - 2.0\nagrees(max(q, 0.0), 0.0)": set(),
    "if a > 2:\n    b = 5.0\nagrees(b, 3.0)": set(),
    "q, r = a * 1.0, a * 2.0\nfor x in (q, r):\n    agrees(x / x, 1.0)": {"q", "r", "x"},
}


def test_a_changed_run_without_an_end_is_stopped(monkeypatch):
    monkeypatch.setattr("claims.LIMIT", 0.2)
    space = {"a": 1.0, "agrees": agrees}
    found, stopped = recorded(space, "while a != 1.0:\n    pass\nagrees(a, 1.0)")
    assert found and not stopped
    cell = "b = a\nwhile b != 1.0:\n    pass\nagrees(b, 1.0)"
    assert "no end" in recorded(space, cell, "b", lambda x: x + 1.0)[1]


@pytest.mark.parametrize("cell", CELLS)
def test_a_check_that_does_not_see_a_quantity_is_found(cell):
    space = {"a": 1.0, "b": 3.0, "agrees": agrees}
    clean, stopped = recorded(space, cell)
    assert not stopped
    found, runs = set(), {"clean": clean}
    for site in sites("99", 0, cell):
        for side in ("value", "reference"):
            for name in (WHOLE, *site.asked(side, space)):
                if tried(space, cell, site, side, name, runs).count("refused") < 2:
                    found.add(name)
    assert found == CELLS[cell]
