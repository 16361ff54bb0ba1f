"""A folder, a tar or a zip of images, read alike and never unpacked to disk.

An archive lists its files by their path inside, gives the bytes of one (to several threads at
once), and has a fingerprint that changes when its files do, so that what was packed from it is
packed again. Nothing in it is trusted: links are not followed out of it, and no file is read
that would take more memory than a picture can need. Lessons 03 and 04 read photographs so.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from course_lib.data import paths
from course_lib.data.photos.squares import Unfit, is_image
from course_lib.errors import CourseError

ENDINGS = (".tar", ".zip")
PACKED_TARS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar")
LARGEST = 128 * 2**20  # bytes of one file: what 25 million pixels take unpacked, and more
MEMBERS = 500_000  # of a tar; CelebA has 202,599
DIRECTORY = 40_000_000  # bytes of a zip's list of its files; CelebA's takes 20 million


class Archive:
    """What the three have in common."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _walk(self) -> Iterator[tuple[str, Any, str]]:
        """For each file: its path inside with "/", how to get at it, why it isn't read or ""."""
        raise NotImplementedError

    @cached_property
    def _listed(self) -> tuple[dict[str, Any], dict[str, str]]:
        places, links = {}, {}
        for name, place, why in self._walk():
            if _counts(name):
                (links if why else places)[name] = why or place
        return places, links

    @property
    def files(self) -> list[str]:
        """Paths inside, in alphabetical order; hidden ones and macOS's shadows don't count."""
        return sorted(self._listed[0])

    @property
    def links(self) -> dict[str, str]:
        """Links to images and folders that are not followed -> the reason."""
        return {n: why for n, why in self._listed[1].items() if n.endswith("/") or is_image(n)}

    def read(self, name: str) -> bytes:
        """The content of one file. Raises Unfit for one that is larger than LARGEST."""
        raise NotImplementedError

    def fingerprint(self, wanted: Callable[[str], bool]) -> str:
        """Changes with the archive's size or time: it need not be read for that."""
        return digest([stamp(self.path, "")])


class Folder(Archive):
    """The files below a folder."""

    def _walk(self) -> Iterator[tuple[str, Any, str]]:
        home = os.path.realpath(self.path)
        for folder, below, names in os.walk(self.path, onerror=_refuse):
            below[:] = filter(_counts, below)
            inside = Path(folder).relative_to(self.path).as_posix() + "/"
            inside = "" if inside == "./" else inside
            for name in names:
                yield inside + name, None, _why_not(os.path.join(folder, name), home)
            for name in below:  # os.walk does not enter links
                if why := _why_not(os.path.join(folder, name), home):
                    yield f"{inside}{name}/", None, why

    def read(self, name: str) -> bytes:
        """The content of one file. Raises Unfit for a pipe or a device, which may never end."""
        path = self.path / name
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise Unfit("no regular file")
        with path.open("rb") as file:
            return file.read(_bounded(state.st_size))

    def fingerprint(self, wanted: Callable[[str], bool]) -> str:
        """Changes when a wanted file or a link comes, goes, or is changed (its size or time)."""
        stamps = (stamp(self.path / name, name) for name in self.files if wanted(name))
        return digest([*stamps, *self.links])


class Tar(Archive):
    """The files in a tar that is not compressed: only such a one can be read in any order."""

    def _walk(self) -> Iterator[tuple[str, Any, str]]:
        try:
            with tarfile.open(self.path, "r:", tarinfo=_Member) as tar:
                places, before = {}, -1
                while (member := tar.next()) is not None:
                    tar.members = []  # tarfile would keep them all
                    if len(places) == MEMBERS or tar.offset <= before:
                        raise tarfile.ReadError(f"more than {MEMBERS:,} files, or a circle")
                    name, before = member.name.removeprefix("./"), tar.offset
                    if member.isreg() and not member.issparse():
                        places[name] = member.offset_data, member.size
                    elif member.islnk():
                        target = places.get(member.linkname.removeprefix("./"))
                        places |= {name: target} if target else {}
                    elif member.issym():
                        yield name, None, "a link in an archive"
                tar.fileobj.seek(tar.offset)
                if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    # tarfile takes a damaged or missing header for the end.
                    raise tarfile.ReadError("it ends before its end mark")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise _damaged(self.path, "tar", error) from error
        yield from ((name, place, "") for name, place in places.items())

    def read(self, name: str) -> bytes:
        """The content of one file."""
        offset, size = self._listed[0][name]
        with self.path.open("rb") as file:  # one of its own for each thread
            file.seek(offset)
            return file.read(_bounded(size))


class _Member(tarfile.TarInfo):
    """A header that may neither point backwards nor announce a name of many megabytes."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.size > 2**20 and member.type in b"LKxgX"):
            raise tarfile.ReadError(f"a header announces {member.size:,} bytes")
        return member


class Zip(Archive):
    """The files in a zip, such as the one in which CelebA is distributed."""

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            with self.path.open("rb") as file:
                end = zipfile._EndRecData(file)  # where zipfile itself looks first
            if end and end[5] > DIRECTORY:
                raise zipfile.BadZipFile(f"a list of files that takes {end[5]:,} bytes")
            return zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise _damaged(self.path, "zip", error) from error

    def _walk(self) -> Iterator[tuple[str, Any, str]]:
        for member in self._zip.infolist():
            if not member.is_dir():
                link = stat.S_ISLNK(member.external_attr >> 16)
                yield member.filename, member, "a link in an archive" if link else ""

    def read(self, name: str) -> bytes:
        """The content of one file; a wrong checksum raises zipfile.BadZipFile."""
        member = self._listed[0][name]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unfit("compressed in a way that can't be bounded; only “deflate” is read")
        with self._zip.open(member) as file:
            return file.read(_bounded(member.file_size))  # never more than it announces


def opened(path: str | Path, what: str) -> Archive:
    """The folder, tar or zip at `path`; `what` is to be loaded from it, for messages.

    Raises CourseError where there is nothing, or something else.
    """
    path = paths.given(path)
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
    if not ending.endswith(ENDINGS):
        raise CourseError(
            f"{path} is neither a folder nor a .tar or .zip, so {what} cannot be loaded from it."
        )
    return Zip(path) if ending.endswith(".zip") else Tar(path)


def stamp(path: Path, name: str) -> str:
    """A line that changes with the size or the time of the file at `path`."""
    try:
        state = path.stat()
    except OSError:
        return name  # it went away a moment ago
    return f"{name}\0{state.st_size}\0{state.st_mtime_ns}"


def digest(lines: Iterable[str]) -> str:
    """A short hash of some lines of text."""
    text = "".join(line + "\n" for line in lines)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _counts(name: str) -> bool:
    """Whether a file is neither hidden nor a shadow (._name, __MACOSX) left by macOS."""
    return not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _bounded(size: int) -> int:
    if size > LARGEST:
        raise Unfit(f"{size / 1e6:,.0f} MB: no picture takes more than {LARGEST / 1e6:.0f}")
    return size


def _why_not(path: str, home: str) -> str:
    """Why a link in a folder is not followed; "" for one within `home`, and for no link."""
    if not os.path.islink(path):
        return ""
    if not os.path.exists(path):
        return "a link that leads nowhere"
    if os.path.isdir(path):
        return "a link to a folder, which is not entered"
    within = os.path.realpath(path).startswith(os.path.join(home, ""))
    return "" if within else "a link out of the folder, which is not followed"


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
