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
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path

from course_lib import disk
from course_lib.data.photos.squares import Unfit, is_image
from course_lib.errors import CourseError

ENDINGS = (".tar", ".zip")
LARGEST = 128 * 2**20  # bytes of one file: 25 million pixels fit, however they are stored
MEMBERS = 500_000  # of a tar; CelebA has 202,599
DIRECTORY = 40_000_000  # bytes of a zip's list of its files; CelebA's takes 20 million

Found = Iterator[tuple[str, "Callable[[], bytes] | str"]]  # path inside, and read() or why not


class Archive:
    """The files that `walk` finds at `path`; hidden ones and macOS's shadows don't count."""

    def __init__(self, path: Path, walk: Callable[[Path], Found]) -> None:
        self.path, self._walk = path, walk

    @cached_property
    def _members(self) -> dict[str, Callable[[], bytes] | str]:
        return {name: member for name, member in self._walk(self.path) if _counts(name)}

    @cached_property
    def files(self) -> list[str]:
        """Paths inside, with "/", in alphabetical order."""
        return sorted(name for name, member in self._members.items() if callable(member))

    @property
    def images(self) -> list[str]:
        """Those of `files` that are images by their endings."""
        return list(filter(is_image, self.files))

    @property
    def links(self) -> dict[str, str]:
        """Links to images and folders (which end in "/") that are not followed -> the reason."""
        links = {name: why for name, why in self._members.items() if isinstance(why, str)}
        return {n: why for n, why in links.items() if n.endswith("/") or is_image(n)}

    def read(self, name: str) -> bytes:
        """The content of one file. Raises Unfit for one that is too large, or no regular file;
        OSError or zipfile.BadZipFile for one that is damaged.
        """
        return self._members[name]()

    def fingerprint(self, wanted: Callable[[str], bool], beside: Sequence[Path] = ()) -> str:
        """Changes when a wanted file or a link comes, goes, or is changed (its size or time).

        beside: files outside that count, too, as far as they are there.
        """
        named = {path.name: path for path in beside if path.is_file()}
        if not self.path.is_dir():  # then its own size and time are enough
            return digest(_stamps({"": self.path} | named))
        inside = {name: self.path / name for name in self.files if wanted(name)}
        return digest([*_stamps(inside | named), *self.links])


def opened(path: str | Path, what: str) -> Archive:
    """The folder, tar or zip at `path`; `what` is to be loaded from it, for messages.

    Raises CourseError where there is nothing, or something else.
    """
    path = disk.given(path)
    ending = path.name.lower()
    if path.is_dir():
        return Archive(path, _folder)
    if not path.exists():
        raise CourseError(
            f"There is no {path} to load {what} from. Give a folder, a tar or a zip that exists."
        )
    if not ending.endswith(ENDINGS):
        raise CourseError(
            f"{path} is neither a folder nor a .tar or .zip, so {what} cannot be loaded from it. "
            "What is compressed as a whole (.tar.gz, .7z) would have to be read from its start "
            "for each image: unpack it and give the folder."
        )
    return Archive(path, _zip if ending.endswith(".zip") else _tar)


def read_file(path: str | Path) -> bytes:
    """A file's content. Raises Unfit for a pipe or a device, which may never end."""
    state = os.stat(path)
    if not stat.S_ISREG(state.st_mode):
        raise Unfit("no regular file")
    return _part(path, 0, state.st_size)


def _part(path: str | Path, start: int, size: int) -> bytes:
    with open(path, "rb") as file:  # one of its own for each thread
        file.seek(start)
        return file.read(_bounded(size))


def _bounded(size: int) -> int:
    if size > LARGEST:
        raise Unfit(f"{size / 1e6:,.0f} MB: no picture takes more than {LARGEST / 1e6:.0f}")
    return size


def _folder(path: Path) -> Found:
    home = os.path.realpath(path)
    for folder, below, names in os.walk(path, onerror=_refuse):
        below[:] = filter(_counts, below)
        inside = Path(folder).relative_to(path).as_posix() + "/"
        inside = inside.removeprefix("./")
        for name in names:
            file = os.path.join(folder, name)
            yield inside + name, _why_not(file, home) or partial(read_file, file)
        for name in below:
            if why := _why_not(os.path.join(folder, name), home):  # os.walk does not enter it
                yield f"{inside}{name}/", why


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


def _tar(path: Path) -> Found:
    """Only a tar that is not compressed can be read in any order, as is done here."""
    members, before = {}, -1
    try:
        with tarfile.open(path, "r:", tarinfo=_Header) as tar:
            while (header := tar.next()) is not None:
                tar.members = []  # tarfile would keep them all
                if len(members) == MEMBERS or tar.offset <= before:
                    raise tarfile.ReadError(f"more than {MEMBERS:,} files, or a circle")
                before, name = tar.offset, header.name.removeprefix("./")
                if header.isreg() and not header.issparse():
                    members[name] = partial(_part, path, header.offset_data, header.size)
                elif header.islnk() and (same := header.linkname.removeprefix("./")) in members:
                    members[name] = members[same]
                elif header.issym():
                    members[name] = "a link in an archive"
            tar.fileobj.seek(tar.offset)
            if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                # tarfile takes a damaged or missing header for the end.
                raise tarfile.ReadError("it ends before its end mark")
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        raise _damaged(path, "tar", error) from error
    yield from members.items()


class _Header(tarfile.TarInfo):
    """One that may neither point backwards nor announce a name of many megabytes."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.size > 2**20 and header.type in b"LKxgX"):
            raise tarfile.ReadError(f"a header announces {header.size:,} bytes")
        return header


def _zip(path: Path) -> Found:
    try:
        with path.open("rb") as file:
            end = zipfile._EndRecData(file)  # which zipfile itself reads first
        if end and end[5] > DIRECTORY:
            raise zipfile.BadZipFile(f"a list of files that takes {end[5]:,} bytes")
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, struct.error) as error:
        raise _damaged(path, "zip", error) from error
    for member in archive.infolist():
        if stat.S_ISLNK(member.external_attr >> 16):
            yield member.filename, "a link in an archive"
        elif not member.filename.endswith("/"):  # is_dir() fails on a name that is empty
            yield member.filename, partial(_unzipped, archive, member)


def _unzipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unfit("compressed in a way that can't be bounded; only “deflate” is read")
    with archive.open(member) as file:
        return file.read(_bounded(member.file_size))  # never more than it announces


def _stamps(files: dict[str, Path]) -> Iterator[str]:
    """Of each file a line that changes with its size or its time."""
    for name, path in files.items():
        with suppress(OSError):  # it went away a moment ago
            state = path.stat()
            yield f"{name}\0{state.st_size}\0{state.st_mtime_ns}"


def digest(lines: Iterable[str]) -> str:
    """A short hash of some lines of text."""
    text = "".join(line + "\n" for line in lines)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _counts(name: str) -> bool:
    return not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _refuse(error: OSError) -> None:
    raise CourseError(f"{error.filename} cannot be read: {error.strerror or error}.") from error


def _damaged(path: Path, kind: str, error: Exception) -> CourseError:
    guess = "It was probably cut off in a download or a copy."
    if path.is_file() and _part(path, 0, 512).lstrip()[:1] == b"<":
        guess = "It looks like a web page saved in its place: the server refused the download."
    return CourseError(f"{path} is no intact {kind} ({error}). {guess} Fetch it again.")
