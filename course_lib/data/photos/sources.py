"""Where images lie: a folder, a tar or a zip, read alike and never unpacked to disk.

A source lists its files by their path inside, gives the bytes of one (from several threads at
once), and has a fingerprint that changes when its files do, so that what was packed from it is
packed again. Lessons 03 and 04 read CelebA and folders of faces through it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from course_lib.errors import CourseError

ARCHIVES = (".tar", ".zip")
PACKED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar")


class Folder:
    """The files below a folder; hidden ones, and what macOS adds to zips, do not count."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def files(self) -> list[str]:
        """Paths relative to the folder, with "/", in alphabetical order; links are followed."""
        found, seen = [], set()
        for folder, below, names in os.walk(self.path, onerror=_refuse, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:
                below.clear()  # a link to a folder above would never end
                continue
            seen.add(real)
            inside = Path(folder).relative_to(self.path)
            below[:] = [name for name in below if _counts(name)]
            found += [(inside / name).as_posix() for name in names]
        return sorted(filter(_counts, found))

    def read(self, name: str) -> bytes:
        """The content of one file. Raises OSError for a pipe or a device, which may never end."""
        path = self.path / name
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("no regular file")
        return path.read_bytes()

    def fingerprint(self, wanted: Callable[[str], bool]) -> str:
        """Changes when a wanted file comes, goes, or is changed (its size or time)."""
        return digest(stamp(self.path / name, name) for name in self.files if wanted(name))


class Tar:
    """The files in a tar that is not compressed: only such a one can be read in any order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        try:
            with tarfile.open(self.path, "r:") as tar:
                members = list(tar)
                tar.fileobj.seek(tar.offset)
                if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    # tarfile takes a damaged or missing header for the end.
                    raise tarfile.ReadError("it ends before its end mark")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise _damaged(self.path, "tar", error) from error
        places = {}
        for member in members:
            if member.isreg() and not member.issparse():
                places[member.name] = member.offset_data, member.size
            elif member.islnk() and member.linkname in places:
                places[member.name] = places[member.linkname]
        return {name.removeprefix("./"): place for name, place in places.items()}

    @cached_property
    def files(self) -> list[str]:
        """Paths inside, in alphabetical order."""
        return sorted(filter(_counts, self._places))

    def read(self, name: str) -> bytes:
        """The content of one file."""
        offset, size = self._places[name]
        with self.path.open("rb") as file:  # one of its own for each thread
            file.seek(offset)
            return file.read(size)

    def fingerprint(self, wanted: Callable[[str], bool]) -> str:
        """Changes with the archive's size or time: it need not be read for that."""
        return digest([stamp(self.path, "")])


class Zip(Tar):
    """The files in a zip, such as the one in which CelebA is distributed."""

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError) as error:
            raise _damaged(self.path, "zip", error) from error

    @cached_property
    def files(self) -> list[str]:
        """Paths inside, in alphabetical order."""
        names = (name for name in self._zip.namelist() if not name.endswith("/"))
        return sorted(filter(_counts, names))

    def read(self, name: str) -> bytes:
        """The content of one file; a wrong checksum raises zipfile.BadZipFile."""
        return self._zip.read(name)


Source = Folder | Tar | Zip


def source(path: str | Path, what: str) -> Source:
    """The folder, tar or zip at `path`; `what` is to be loaded from it, for messages.

    Raises CourseError where there is nothing, or something else.
    """
    path = Path(path).expanduser()
    path = Path(os.path.abspath(path))
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise CourseError(
            f"There is no {path} to load {what} from. Give a folder, a tar or a zip that exists."
        )
    ending = path.name.lower()
    if ending.endswith(PACKED_TARS):
        raise CourseError(
            f"{path} is compressed as a whole and would have to be read from its start for "
            "each image. Unpack it and give the folder, or pack it again as a plain .tar or .zip."
        )
    if not ending.endswith(ARCHIVES):
        raise CourseError(
            f"{path} is neither a folder nor a .tar or .zip, so {what} cannot be loaded from it."
        )
    return Zip(path) if ending.endswith(".zip") else Tar(path)


def stamp(path: Path, name: str) -> str:
    """A line that changes with the size or the time of the file at `path`."""
    try:
        state = path.stat()
    except OSError:
        return name  # a link that leads nowhere, or to itself
    return f"{name}\0{state.st_size}\0{state.st_mtime_ns}"


def digest(lines) -> str:
    """A short hash of some lines of text."""
    found = hashlib.sha256()
    for line in lines:
        found.update(line.encode(errors="surrogateescape") + b"\n")
    return found.hexdigest()[:16]


def _counts(name: str) -> bool:
    """Whether a file is neither hidden nor a shadow (._name, __MACOSX) left by macOS."""
    return not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _refuse(error: OSError) -> None:
    raise CourseError(f"{error.filename} cannot be read: {error.strerror or error}.") from error


def _damaged(path: Path, kind: str, error: Exception) -> CourseError:
    try:
        with path.open("rb") as file:
            page = file.read(512).lstrip()[:1] == b"<"
    except OSError:
        page = False
    guess = (
        "It looks like a web page that was saved in its place: the server refused the download."
        if page
        else "It was probably cut off in a download or a copy."
    )
    return CourseError(f"{path} is no intact {kind} ({error}). {guess} Fetch it again.")
