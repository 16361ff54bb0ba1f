"""What the make_*.py beside this share: whole trainings only, and files replaced in one step."""

import os
from pathlib import Path

from course_lib.training import History


def whole(history: History) -> None:
    """End the script where a training was interrupted: it makes no row."""
    if history.interrupted:
        raise SystemExit("Interrupted; the same command goes on.")


def replace(file: Path, text: str) -> None:
    """Write a file in one step: others may be reading it, and never meet half of one."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)
