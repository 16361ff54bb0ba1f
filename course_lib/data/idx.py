"""The idx format, in which MNIST and its kin are published, packed by gzip or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from course_lib.errors import CourseError


def spellings(name: str) -> Iterator[str]:
    """The names under which one idx file goes: as published, or with a dot; packed or not."""
    for stem in (name, name.replace("-idx", ".idx")):
        yield stem
        yield f"{stem}.gz"


def unpacked(path: Path) -> bytes:
    """The bytes of the file, without its packing."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except EOFError as error:
        raise CourseError(
            f"{path} ends too early ({len(content):,} bytes): an interrupted download. Delete "
            "it and fetch it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CourseError(
            f"{path} is no intact gzip file ({error}). Often a web page was saved in its place. "
            "Delete it and fetch it again."
        ) from error
    except OSError as error:
        raise CourseError(f"{path} cannot be read ({error.strerror or error}).") from error


def parse(content: bytes, path: Path, ndim: int) -> np.ndarray:
    """The array (uint8, `ndim` axes) in the bytes of an unpacked idx file; `path` for messages.

    The format: two zero bytes, 8 for "unsigned byte", the number of axes, each axis's length as
    a big-endian 32-bit integer, the values.
    """
    expected = bytes([0, 0, 8, ndim])
    if content[:4] != expected:
        raise CourseError(
            f"{path} is no idx file with {ndim} axes: it begins with {content[:4].hex(' ')}, "
            f"expected {expected.hex(' ')}. Delete it and fetch it again."
        )
    header = 4 + 4 * ndim
    lengths = content[4:header].ljust(4 * ndim, b"\0")  # a cut header counts as zeros: refused
    shape = tuple(int(n) for n in np.frombuffer(lengths, ">i4"))
    if len(content) != header + np.prod(shape, dtype=np.int64):
        raise CourseError(
            f"{path} announces {'×'.join(map(str, shape))} bytes and holds "
            f"{max(len(content) - header, 0):,}: an interrupted download. Delete it and fetch "
            "it again."
        )
    # A copy: torch needs memory that it may write to.
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()
