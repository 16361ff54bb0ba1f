"""Where studies are kept: a journal file or a database, tried before the work.

A journal is optuna's, a JSON object a line, and several processes write to it. Whatever ends one
of them, a kill or a full disk, costs no trial that was over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from optuna.storages.journal import JournalFileBackend

from course_lib import disk
from course_lib.errors import CourseError
from course_lib.training import distributed

BEGINS = b'{"op_code":'  # every line of a journal


class Journal(JournalFileBackend):
    """optuna's journal file, which half a line can't spoil.

    Readers forgive half a line at the end of the file only, so it is cut off before the next one
    is written. Raises OSError or ValueError for what is no journal.
    """

    def __init__(self, file: Path) -> None:
        if file.exists() and not file.is_file():
            raise ValueError("it is no plain file")  # a pipe or device may never end
        super().__init__(str(file))
        with file.open("rb") as opened:
            if not BEGINS.startswith(opened.read(len(BEGINS))):
                raise ValueError("another file is there, no journal of a study")
        self.append_logs([])

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """The records from this one on. Raises CourseError where one but the last is damaged."""
        try:
            yield from super().read_logs(log_number_from)
        except json.JSONDecodeError as error:
            raise CourseError(
                f"{self._file_path} is damaged: its line {max(self._log_number_offset) + 1} is no "
                "record. Remove it and all after it, and the study goes on with what is before."
            ) from error

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records, a line each. Raises CourseError where there is no room or permission."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        try:
            self._lock.acquire()
            try:
                with open(self._file_path, "r+b") as file:
                    file.truncate(_end_of_lines(file))
                    file.seek(0, os.SEEK_END)
                    file.write(lines.encode())
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                self._lock.release()
        except OSError as error:
            raise CourseError(
                f"Can't write to the study in {self._file_path}: {error.strerror or error}. All "
                "trials so far are kept. Make room there, or make the file and its folder yours "
                "to write; then the same call goes on."
            ) from error


def _end_of_lines(file: BinaryIO) -> int:
    """Where the last whole line of a file ends."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        file.seek(end - 1)
        if file.read(1) == b"\n":
            break
        end -= 1
    return end


def opened(
    place: str | Path | optuna.storages.BaseStorage | None,
) -> optuna.storages.BaseStorage | None:
    """optuna's storage at a journal file or a database's address; one that is open stays as it is.

    Raises CourseError where no study can be kept, and in processes that train one model together.
    """
    if distributed.world() > 1:
        raise CourseError(
            "Processes that torchrun started train one model together; a search is not shared "
            "so. Start each by itself, with the same storage (--storage)."
        )
    if place is None or isinstance(place, optuna.storages.BaseStorage):
        return place
    try:
        if "://" in str(place):
            return optuna.storages.RDBStorage(str(place))
        return optuna.storages.JournalStorage(Journal(disk.given(place)))
    except CourseError:
        raise
    except Exception as error:  # of the system, the database, or the driver
        said = " ".join(str(error).split())
        raise CourseError(
            f"Can't keep a study in {place}: {said:.200}. Choose a file in a folder that is there "
            "and yours to write, or the address of a database whose driver is installed."
        ) from error
