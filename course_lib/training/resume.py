"""A training kept in a folder: continued to the same bits, or refused, or warned about.

The checkpoint says which training it is (model, settings, batch, seed, data), and under which
threads, memory layout, torch version, device and number of processes it was computed, and from
which examples: only where these stay the same do sums keep their order and a resumed training
ends in the same bits as one that was never stopped.
"""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path

from course_lib import checkpoint
from course_lib.data.checksum import sha256
from course_lib.errors import CourseError
from course_lib.training import distributed
from course_lib.training.history import History
from course_lib.training.state import State

NO_FILE = "0" * 64


class Keeper:
    """Keeps one training in `folder`.

    facts  what makes it this training and no other
    usual  the facts which the checkpoint may be too old to have
    every  at least so many seconds between two checkpoints
    last   when the latest one was written, by `time.perf_counter`
    """

    def __init__(
        self, folder: Path, facts: dict, usual: dict, state: State, every: float
    ) -> None:
        self.folder, self.file = folder, folder / "checkpoint.safetensors"
        # As a checkpoint will give them back.
        self.facts, self.usual = json.loads(json.dumps([facts, usual]))
        self.state, self.every, self.last = state, every, time.perf_counter()

    def resume(self, rounds: int) -> History:
        """Bring back the state kept in the folder, if any, and return its history.

        rounds: how many the training shall have in the end. Raises CourseError when the folder
        holds another training, can't be written to, or isn't the same for all processes; warns
        when the remaining rounds can't have the bits of an uninterrupted training.
        """
        self._require_one_folder()
        if not self.file.exists():
            history = History()
            self.save(history)  # a folder that can't be written to is found out before the work
            return history
        tensors, facts = checkpoint.load(self.file)
        self._require_the_same(facts)
        self.state.restore(tensors, str(self.folder))
        history = History.from_tensors(checkpoint.section(tensors, "history"))
        if history.rounds < rounds and distributed.rank() == 0:
            self._compare_promise(facts)
        return history

    def _require_the_same(self, kept: dict) -> None:
        """Refuse a checkpoint of another training, and say in what it is another."""
        here = _by_name(self.facts)
        there = _by_name(self.usual) | _by_name(kept)
        settings = (name for name in there if name.startswith("setting "))
        for name in dict.fromkeys([*here, *settings]):
            if there.get(name) != here.get(name):
                raise CourseError(
                    f"{self.folder} holds another training: its {name} is {there.get(name)!r}, "
                    f"here it is {here.get(name)!r}. Use the same, or another folder."
                )

    def save(self, history: History) -> None:
        """Write the checkpoint, by process 0."""
        self.last = time.perf_counter()
        if distributed.rank() > 0:
            return
        tensors = self.state.tensors()
        tensors |= {f"history.{name}": t for name, t in history.tensors().items()}
        promise = self.state.promise()
        checkpoint.save(self.file, tensors, self.facts | {"round": history.rounds} | promise)

    def _require_one_folder(self) -> None:
        """Refuse to go on when the processes would each resume from a checkpoint of its own."""
        if distributed.world() == 1:
            return
        found = distributed.gather(
            sha256(self.file.read_bytes()) if self.file.is_file() else NO_FILE
        )
        if len(set(found)) > 1:
            odd = next(rank for rank, one in enumerate(found) if one != found[0])
            raise CourseError(
                f"The processes do not share the run folder {self.folder}: process 0 finds "
                f"{_named(found[0])} there, process {odd} {_named(found[odd])}. Choose a folder "
                "on a disk that all of them see; or put the same checkpoint.safetensors there on "
                "every machine, or delete it on all to begin anew."
            )

    def _compare_promise(self, facts: dict) -> None:
        """Warn of each circumstance that has changed; older checkpoints tell fewer of them."""
        changed = [
            f"{name} was {facts[name]}, now {now}"
            for name, now in self.state.promise().items()
            if facts.get(name, now) != now
        ]
        if changed:
            warnings.warn(
                f"The training in {self.folder} continues after round {facts['round']}, but not "
                f"to the same bits as without the stop: {'; '.join(changed)}. Losses will agree "
                "only roughly. Resume as it was begun if the bits matter.",
                stacklevel=2,
            )


def _by_name(facts: dict) -> dict:
    """The facts with every setting by itself, so that a refusal names the one that differs."""
    settings = {f"setting {name}": value for name, value in facts.get("settings", {}).items()}
    return {name: value for name, value in facts.items() if name != "settings"} | settings


def _named(found: str) -> str:
    return "no checkpoint" if found == NO_FILE else f"the checkpoint {found[:8]}…"
