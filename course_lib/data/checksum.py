"""Is a file still the one that was shipped? Its SHA-256 says so."""

from __future__ import annotations

import hashlib
from pathlib import Path

from course_lib.errors import CourseError


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def require(file: Path, content: bytes, expected: str, remedy: str) -> None:
    """Raise CourseError, ending in `remedy`, unless `expected` is the SHA-256 of `content`.

    content: what was read from `file`, so that what is used is what was checked.
    """
    actual = sha256(content)
    if actual != expected:
        raise CourseError(
            f"{file} is damaged or another file: its checksum (sha256) is {actual[:16]}…, "
            f"expected {expected[:16]}… ({len(content):,} bytes read). {remedy}"
        )
