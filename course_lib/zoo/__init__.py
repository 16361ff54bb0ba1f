"""Trained models that come with the course: name → file, checksum, settings, measured scores.

A file holds weights and JSON, nothing else; nothing is unpickled. `RECIPES` says how each was
trained, so that `python -m course_lib train --zoo NAME` makes it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from course_lib import checkpoint, disk, models
from course_lib.checkpoint import fact
from course_lib.data import checksum, paths
from course_lib.errors import CourseError, one_of
from course_lib.training.precision import SINGLE
from course_lib.training.run import NAME
from course_lib.zoo.recipes import RECIPES, Recipe

RESTORE = "Restore it: git checkout -- data/checkpoints, or copy it from a fresh clone."
LARGEST = 1_500_000  # bytes of weights in one file, in single precision


def folder() -> Path:
    """Where the checkpoints lie: in the first of the data folders that has any."""
    return paths.find("checkpoints/zoo.json").parent


def index() -> dict[str, dict]:
    """The card of every shipped model, by name."""
    file = folder() / "zoo.json"
    try:
        cards = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CourseError(f"{file} is damaged ({error}). {RESTORE}") from error
    if not (isinstance(cards, dict) and all(isinstance(one, dict) for one in cards.values())):
        raise CourseError(f"{file} is damaged: no cards by name. {RESTORE}")
    return cards


def names() -> list[str]:
    """The models that `load` knows."""
    return list(index())


def card(name: str) -> dict[str, Any]:
    """What is known of a shipped model: settings, data, seed, time, checksum, scores."""
    cards = index()
    one_of("zoo model", name, cards)
    return cards[name]


def scores(name: str, *wanted: str) -> str:
    """A line of the scores on a shipped model's card: each with the floor, which real data get."""
    rows = {row["name"]: row for row in card(name)["scores"]["rows"]}
    parts = []
    for score in wanted:
        one_of(f"score of {name}", score, rows)
        value, floor = (
            "none" if rows[score][key] is None else f"{rows[score][key]:.3g}"
            for key in ("value", "floor")
        )
        parts.append(f"{score} {value} (floor {floor})")
    return f"{name}: {', '.join(parts)}"


HEADLINE = {
    "FD": "FD on ",
    "precision": "precision on ",
    "recall": "recall on ",
    "sure": "confidence",
}


def headline(name: str) -> dict[str, tuple[float, float] | None]:
    """What a card says first: Fréchet distance, precision, recall, and the share of samples of
    which the judge is sure (p ≥ .9), each (value, floor); None where images have no such score.
    """
    rows, found = card(name)["scores"]["rows"], {}
    for short, begins in HEADLINE.items():
        row = next((row for row in rows if row["name"].startswith(begins)), None)
        known = row is not None and row["value"] is not None
        found[short] = (row["value"], row["floor"]) if known else None
    return found


def load(name: str) -> models.Model:
    """A trained model in evaluation mode, its file checked against the card's checksum."""
    wanted, file = card(name), folder() / f"{name}.safetensors"
    if file.is_file():
        remedy = (
            "Fetch it again from the course (git checkout, or a new copy), or train it anew with "
            f"`python -m course_lib train --zoo {name}`."
        )
        sha256 = fact(wanted, "sha256", str, f"The card of {name}")
        checksum.require(file, file.read_bytes(), sha256, remedy)
    return models.load(file, own=False).requires_grad_(False)


def load_run(run: Path | str) -> models.Model:
    """The model that `fit(…, resume=run)` keeps in that folder, in evaluation mode."""
    return models.load(disk.given(run) / NAME).requires_grad_(False)


def add(name: str, run: Path | str, facts: dict[str, Any]) -> Path:
    """Ship the model trained in folder `run` under `name`: the weights it samples with, its card.

    Above LARGEST they are rounded to half precision, so measure what is shipped.

    facts: what the card tells besides settings and checksum (scores, minutes, machine …).
    """
    one_of("zoo recipe", name, RECIPES)
    trained = checkpoint.header(disk.given(run) / NAME).facts
    kept = ("model", "settings", "batch", "seed", "examples", "round")
    known = {key: trained[key] for key in kept}
    if trained.get("precision", SINGLE) != SINGLE:
        known["precision"] = trained["precision"]
    model = load_run(run)
    with model.averaged():
        weights = {
            key: tensor.clone()
            for key, tensor in model.state_dict().items()
            if not key.startswith("average.")
        }
    if sum(tensor.nbytes for tensor in weights.values()) > LARGEST:
        weights = {k: t.half() if t.is_floating_point() else t for k, t in weights.items()}
    file = checkpoint.save(folder() / f"{name}.safetensors", weights, known)
    known |= {"about": RECIPES[name].about, "sha256": checksum.sha256(file.read_bytes())}
    cards = index()
    cards[name] = known | facts
    text = json.dumps(cards, indent=1, sort_keys=True)
    (folder() / "zoo.json").write_text(text + "\n")
    return file
