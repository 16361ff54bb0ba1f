"""A training kept in a folder, by one kernel at a time: brought back and written.

Whether what lies there is the same training, `training.sameness` says.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from course_lib import checkpoint, disk
from course_lib.checkpoint import Header, fact, section
from course_lib.data.checksum import sha256
from course_lib.errors import CourseError
from course_lib.training import distributed
from course_lib.training.history import History
from course_lib.training.sameness import compare_environment, compare_rates, require_the_same
from course_lib.training.state import State

NAME = "checkpoint.safetensors"
BUSY = (
    "Another kernel is training in {}. Wait for it or stop it (a stopped notebook's kernel may be "
    "alive: see Jupyter's list of running kernels), or use another folder."
)


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
        self.folder = disk.given(folder)
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
            require_the_same(self.file, facts, self.run_id, self.recipes)
            left = facts["round"] < self.rounds
        with ExitStack() as stack:
            if left:  # else there is nothing to write, and a folder may be read-only
                distributed.by_first(lambda: self._lock(stack))
            history = self._read() if self.file.exists() else History()
            if left:  # find out before the work whether it can be kept
                distributed.by_first(lambda: self.save(history))
            yield history

    def keep(self, history: History, last: bool) -> None:
        """Write the checkpoint; where that fails, warn (once, and at the last) and lose nothing."""
        try:
            self.save(history)
            history.unsaved = None
        except CourseError as error:
            if last or history.unsaved is None:
                then = (
                    "The model is trained, and this history is whole" if last else "It goes on"
                )
                warnings.warn(
                    f"{error} {then}; {self.folder} holds round {self.kept}.", stacklevel=2
                )
            history.unsaved = str(error)

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
            compare_environment(self.folder, facts, self.state.environment())
            compare_rates(self.folder, facts, self.state.rates(self.kept), self.rounds)
        return History.from_tensors(section(tensors, "history"))

    def _lock(self, until: ExitStack) -> None:
        """Keep all other kernels out of the folder; what killed ones left there is removed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            until.enter_context(disk.alone(self.folder / ".lock", BUSY.format(self.folder)))
        except OSError as error:
            raise CourseError(
                f"Can't train in {self.folder}: {error}. Choose a folder that you may write to."
            ) from error
        disk.remove_parts(self.file)

    def _check(self, header: Header) -> None:
        """Refuse another training's checkpoint, and one that doesn't hold what it should."""
        require_the_same(self.file, header.facts, self.run_id, self.recipes)
        if header.checksum is None:
            self.notice = (
                f"The checkpoint in {self.folder} was written before there were checksums: a "
                "flipped bit in it would not be noticed. From now on it has one."
            )
        rounds, kinds = header.facts["round"], header.kinds
        History.check(section(kinds, "history"), rounds, self.file)
        others = {name: kind for name, kind in kinds.items() if not name.startswith("history.")}
        checkpoint.require_like(self.state.kinds(rounds), others, self.folder, exactly=True)

    def _require_one_folder(self) -> None:
        """Refuse to go on when the processes would each resume from a checkpoint of its own."""
        if distributed.world() == 1:
            return
        own = self.file.is_file() and f"the checkpoint {sha256(self.file.read_bytes())[:16]}…"
        found = distributed.gather(own or "no checkpoint")
        odd = next((rank for rank, one in enumerate(found) if one != found[0]), 0)
        if odd:
            raise CourseError(
                f"The processes do not share the run folder {self.folder}: process 0 finds "
                f"{found[0]} there, process {odd} {found[odd]}. Choose a folder on a disk that all "
                "of them see; or put the same checkpoint.safetensors there on every machine, or "
                "delete it on all to begin anew."
            )
