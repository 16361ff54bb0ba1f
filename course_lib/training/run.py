"""A training kept in a folder: continued to the same bits, or refused, or warned about.

The checkpoint says which training it is (model, settings, batch, seed, data), and in what
environment it was computed (threads, memory layout, torch version, device, number of processes)
and from which examples: only where these stay the same do sums keep their order and a resumed
training ends in the same bits as one that was never stopped.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from course_lib import checkpoint, first_edition
from course_lib.checkpoint import Header, fact, section
from course_lib.data.checksum import sha256
from course_lib.errors import CourseError
from course_lib.training import distributed
from course_lib.training.history import History
from course_lib.training.lock import alone_in
from course_lib.training.state import State

NAME = "checkpoint.safetensors"
NO_FILE = "0" * 64
FACTS = {
    "model": str,
    "settings": dict,
    "batch": int,
    "seed": int,
    "examples": int,
    "round": int,
}


class Run:
    """Keeps one training in `folder`.

    run_id   what makes it this training and no other
    recipes  sets of settings: a checkpoint older than a setting means the value in that which
             it follows most closely
    every    at least so many seconds between two checkpoints
    rounds   how many the training shall have in the end
    last     when the latest one was written, by `time.perf_counter`
    kept     the round that it holds, as far as this kernel knows
    notice   what is worth saying of the one that is continued, and no warning
    """

    def __init__(
        self,
        folder: Path | str,
        run_id: dict,
        recipes: list[dict],
        state: State,
        every: float,
        rounds: int,
    ) -> None:
        self.folder = checkpoint.resolved(folder)
        self.file = self.folder / NAME
        # As a checkpoint will give them back.
        self.run_id, self.recipes = json.loads(checkpoint.as_json([run_id, recipes]))
        self.state, self.every, self.rounds = state, every, rounds
        self.last, self.kept = time.perf_counter(), 0
        self.notice: str | None = None

    @contextmanager
    def resumed(self) -> Iterator[History]:
        """Bring back what the folder keeps; within it no other kernel trains there.

        Gives the history so far. Raises CourseError when the folder holds another training, is
        in use, can't be written to, or isn't the same for all processes; warns when the
        remaining rounds can't have the bits of an uninterrupted training.
        """
        self._require_one_folder()
        left = True
        if self.file.exists():
            facts = checkpoint.header(self.file).facts
            self._require_the_same(facts)
            left = facts["round"] < self.rounds
        with ExitStack() as stack:
            if left:  # else there is nothing to write, and a folder may be read-only
                distributed.by_first(lambda: stack.enter_context(alone_in(self.folder)))
            history = self._read() if self.file.exists() else History()
            if left:
                distributed.by_first(lambda: self._try_to_write(history))
            yield history

    def save(self, history: History) -> None:
        """Write the checkpoint, by process 0; CourseError where that fails."""
        self.last = time.perf_counter()
        if distributed.rank() > 0:
            return
        there = self._round_there()
        if there > max(history.rounds, self.kept):
            raise CourseError(
                f"{self.folder} holds round {there} of this training, written by another kernel: "
                f"round {history.rounds} does not replace it."
            )
        tensors = self.state.tensors()
        tensors |= {f"history.{name}": t for name, t in history.tensors().items()}
        more = {"round": history.rounds, "planned rounds": self.rounds}
        more["rates"] = self.state.rates(history.rounds)
        facts = self.run_id | more | self.state.environment()
        checkpoint.save(self.file, tensors, facts)
        self.kept = history.rounds

    def _round_there(self) -> int:
        """The round that the folder's checkpoint holds; 0 if there is none that can be read."""
        with suppress(CourseError):
            return fact(checkpoint.header(self.file).facts, "round", int, self.file)
        return 0

    def _read(self) -> History:
        tensors, facts = checkpoint.load(self.file, check=self._check)
        self.state.restore(tensors, self.folder)
        self.kept = facts["round"]
        if self.kept < self.rounds and distributed.rank() == 0:
            self._compare_environment(facts)
            self._compare_rates(facts)
        return History.from_tensors(section(tensors, "history"))

    def _try_to_write(self, history: History) -> None:
        """Find out before the work whether it can be kept."""
        checkpoint.remove_parts(self.file)
        if self.file.exists():
            checkpoint.try_to_write(self.file, self.file.stat().st_size)
        else:
            self.save(history)

    def _check(self, header: Header) -> None:
        """Refuse another training's checkpoint, and one that doesn't hold what it should."""
        self._require_the_same(header.facts)
        if header.checksum is None:
            self.notice = (
                f"The checkpoint in {self.folder} was written before there were checksums: a "
                "flipped bit in it would not be noticed. From now on it has one."
            )
        rounds, kinds = header.facts["round"], header.kinds
        History.check(section(kinds, "history"), rounds, self.file)
        others = {name: kind for name, kind in kinds.items() if not name.startswith("history.")}
        checkpoint.require_like(self.state.kinds(rounds), others, self.folder, exactly=True)

    def _require_the_same(self, kept: dict) -> None:
        """Refuse another training's checkpoint, and say in what it is another."""
        for name, kind in FACTS.items():
            fact(kept, name, kind, self.file)
        here = _by_name(self.run_id)
        settings = first_edition.settings(kept["settings"])
        nearest = max(self.recipes, key=lambda one: _agreement(one, settings), default={})
        there = {"data": self.run_id["data"]} | kept  # "data" is younger than the others
        there = _by_name(there | {"settings": nearest | settings})
        names = [name for name in there if name.startswith("setting ")]
        for name in dict.fromkeys([*here, *names]):
            if name == "module":
                continue  # a class may move from a notebook into a file
            if there.get(name, FACTS) != here.get(name, FACTS):  # FACTS: is not there at all
                raise CourseError(
                    f"{self.folder} holds another training: its {name} is "
                    f"{there.get(name)!r:.200}, here it is {here.get(name)!r:.200}. Use the same, "
                    "or another folder."
                )

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

    def _compare_environment(self, facts: dict) -> None:
        """Warn of each circumstance that has changed; older checkpoints tell fewer of them."""
        changed = [
            f"{name} was {str(facts[name])[:80]}, now {now}"
            for name, now in self.state.environment().items()
            if facts.get(name, now) != now
        ]
        if changed:
            warnings.warn(
                f"The training in {self.folder} continues after round {facts['round']}, but not "
                f"to the same bits as without the stop: {'; '.join(changed)}. Losses will agree "
                "only roughly. Resume as it was begun if the bits matter.",
                stacklevel=2,
            )

    def _compare_rates(self, facts: dict) -> None:
        """Warn when the learning rates so far are not those that this training plans."""
        then = facts.get("rates", {})
        for player, now in self.state.rates(facts["round"]).items():
            was = then.get(player, now) if isinstance(then, dict) else now
            if not _close(was, now):
                warnings.warn(
                    f"The training in {self.folder} was planned for "
                    f"{facts.get('planned rounds')!s:.20} rounds and is now for {self.rounds}, "
                    f"on which the learning rate of {player!r} depends: in round "
                    f"{facts['round'] - 1} it stood at {was[-1]:.3g} of its full value, where "
                    f"this plan has {now[-1]:.3g}. It goes on by this plan, but does not end as "
                    f"{self.rounds} rounds in one go; for that, train anew in another folder.",
                    stacklevel=2,
                )


def _agreement(recipe: dict, settings: dict) -> int:
    """In how many settings they agree."""
    return sum(name in settings and settings[name] == value for name, value in recipe.items())


def _by_name(facts: dict) -> dict:
    """The facts with every setting by itself, so that a refusal names the one that differs."""
    settings = {f"setting {name}": value for name, value in facts.get("settings", {}).items()}
    return {name: value for name, value in facts.items() if name != "settings"} | settings


def _close(was: object, now: list[float]) -> bool:
    """Whether two lists of factors agree; also where there is nothing to compare."""
    if not (isinstance(was, list) and len(was) == len(now)):
        return True
    if not all(isinstance(value, int | float) for value in was):
        return True
    return all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) for a, b in zip(was, now, strict=True)
    )


def _named(found: str) -> str:
    return "no checkpoint" if found == NO_FILE else f"the checkpoint {found[:8]}…"
