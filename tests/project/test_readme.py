"""README says what is so: measured minutes, files that exist, commands that exist."""

import json
import re
from pathlib import Path

import numpy as np
from conftest import script
from PIL import Image

from course_lib import data, explore, training, zoo

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_lesson_table_has_the_measured_minutes_and_the_estimated_ones(build):
    course = build.Course(ROOT / "notebooks")
    minutes = json.loads((ROOT / "notebooks/source/minutes.json").read_text("utf-8"))
    sources = sorted((ROOT / "notebooks/source").glob("[0-9][0-9]_*.py"))
    assert sources
    for source in sources:
        number = source.stem[:2]
        title = source.read_text("utf-8").split(f"# # {number} · ")[1].split("\n")[0]
        (row,) = [line for line in README.splitlines() if line.startswith(f"| {number} |")]
        assert f"[{title}](notebooks/{source.stem}.ipynb)" in row
        assert f"| {course.reading(number).short()} | {minutes[number]} min |" in row, row


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_commands_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for target in re.findall(r"`make (\w+)", README) + re.findall(r"^make (\w+)", README, re.M):
        assert target in targets, target


def test_packages_are_those_of_pyproject():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    required = set(re.findall(r'^    "([a-z-]+)>=', project, re.M))
    table = README.split("| package | what for |")[1].split("\n\n")[0]
    named = set(
        re.findall(r"[a-z][a-z-]+", "".join(r.split("|")[1] for r in table.splitlines()[2:]))
    )
    assert required - named <= {"numpy", "pytest-xdist", "pytest-timeout"}
    assert named <= required


def test_every_explorer_is_listed():
    section = README.split("## Explorers")[1].split("\n## ")[0]
    table = section.split("| about | explorers |")[1]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(explore.names())


def test_three_explorers_move_in_readme():
    """Small, with a text for who doesn't see them, and drawn from the explorers as they are."""
    moving = script("moving")
    shown = dict(re.findall(r"!\[([^]]{80,})\]\(notebooks/moving/(\w+)\.gif\)", README))
    assert list(shown.values()) == list(moving.MOVING)
    for name in moving.MOVING:
        file = ROOT / f"notebooks/moving/{name}.gif"
        with Image.open(file) as stored:
            assert file.stat().st_size <= 400_000 and stored.n_frames >= 12
    with Image.open(file) as stored:  # the last, which takes no model
        first = next(moving.frames(name))
        apart = np.asarray(stored.convert("RGB"), float) - np.asarray(first, float)
        assert stored.size == first.size and np.abs(apart).mean() < 4


def test_the_model_of_contributing_is_trained_kept_and_drawn_from(tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.S)
    names: dict = {}
    exec(STRANGERS_IMPORTS + block, names)
    model = names["FlowMatching"](shape=(2,), batch=16)
    history = training.fit(
        model, data.load("moons"), rounds=3, resume=tmp_path / "run", progress=False
    )
    assert list(history.terms) == ["v.velocity"]
    again = zoo.load_run(tmp_path / "run")
    assert type(again).__name__ == "FlowMatching" and again.sample(5).shape == (5, 2)


STRANGERS_IMPORTS = """
import torch
from torch import nn
from course_lib.game import Move, Player, adam
from course_lib.models.model import Model, decoder, mlp
from course_lib.models.settings import COMMON, number, whole
"""


def test_contributing_names_what_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
    for path in re.findall(r"`(tests/[\w/]+(?:\.py|/))`", text):
        assert (ROOT / path).exists(), path
