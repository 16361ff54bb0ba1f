"""Where checkpoints lie, and what both who write and who read them know."""

from __future__ import annotations

from pathlib import Path

from course_lib.errors import CourseError

FORMAT = "course_lib checkpoint 2"
WITHOUT_CHECKSUM = "course_lib checkpoint 1"  # what ships with the course, and older runs
UNKNOWN = "0" * 64  # stands where the checksum will, while that is computed


def resolved(path: Path | str) -> Path:
    """The whole path, ~ being the home directory; CourseError where there is no such thing."""
    try:
        if "\0" in str(path):
            raise TypeError("it holds a zero byte")
        return Path(path).expanduser().absolute()
    except FileNotFoundError as error:
        raise CourseError(
            "The folder in which this kernel was started is gone (moved or deleted): restart "
            "the kernel from a folder that is there."
        ) from error
    except (TypeError, RuntimeError) as error:
        raise CourseError(
            f"Expected the path of a file or folder, got {path!r}: {error}"
        ) from None
