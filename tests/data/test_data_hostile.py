"""What a file may do to us: ask for much memory, lead elsewhere, or come out black unnoticed.

Each case lies among good images; what is said of it, and the memory it took, are looked at.
"""

import gzip
import io
import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from material import archived, fates, pixels_of, refused
from PIL import Image

from course_lib import data
from course_lib.data import mnist, paths
from course_lib.data.photos import lists, squares
from course_lib.errors import CourseError

MEGABYTE, MOST = 2**20, 500  # megabytes above idle


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "packed"


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def good(folder, n=12):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        (folder / f"good{i:02}.png").write_bytes(png(pixels))
    return folder


def packed(folder):
    """Each packed file -> its pixels, and each that was left out -> the reason."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places = set(paths.cache_root().rglob("files.txt"))
        data.load("folder-16", root=folder)
    (listed,) = set(paths.cache_root().rglob("files.txt")) - places
    pixels = pixels_of(listed.parent)
    return pixels, {n: fate for n, fate in fates(listed.parent).items() if n not in pixels}


def memory(name):
    (line,) = re.findall(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


def peak(action):
    """How many megabytes above what was used before `action` took at most."""
    before = memory("VmRSS")
    try:
        Path("/proc/self/clear_refs").write_text("5")  # starts VmHWM anew
    except OSError:
        pytest.skip("this system does not measure peaks")
    action()
    return memory("VmHWM") - before


# --- much memory --------------------------------------------------------------------------


def deflated(n):
    """A raw deflate stream of n zero bytes, made in no time: one part, many times."""
    packer, part = zlib.compressobj(9, wbits=-15), 16 * MEGABYTE
    once = packer.compress(bytes(part)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, wbits=-15)
    return once * (n // part) + end.compress(bytes(n % part)) + end.flush()


def png_of(head, body):
    parts = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(b)) + kind + b + struct.pack(">I", zlib.crc32(kind + b))
        for kind, b in parts
    )


def black_png(side, channels):
    n = side * (1 + side * channels)
    body = b"\x78\x9c" + deflated(n) + struct.pack(">HH", n % 65521, 1)
    head = struct.pack(">IIBBBBB", side, side, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    return png_of(head, body)


def zipped(path, announced):
    """A zip of good images and of 1.5 GB called x.png, which `announced` bytes are said of."""
    archived(good(path.parent / "good"), path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x.png", deflated(1500 * MEGABYTE))
        member = file.getinfo("x.png")
        member.compress_type, member.file_size = zipfile.ZIP_DEFLATED, announced
    raw = bytearray(path.read_bytes())
    at = member.header_offset
    raw[at + 8 : at + 10], raw[at + 22 : at + 26] = b"\x08\0", struct.pack("<L", announced)
    path.write_bytes(raw)
    return path


def sparse_tar(path, kind, size):
    """A tar whose one member, of that type, announces `size` bytes, most of them holes."""
    head = tarfile.TarInfo("x.png")
    head.size, head.type = size, kind
    with path.open("wb") as file:
        if kind == tarfile.REGTYPE:
            with tarfile.open(fileobj=file, mode="w") as tar:
                tar.add(good(path.parent / "good"), "good")
                end = tar.offset
            file.seek(end)
        file.write(head.tobuf(tarfile.GNU_FORMAT))
        file.seek(size + 1024, 1)
        file.write(bytes(512))
    return path


def large_file(path, n):
    good(path)
    with (path / "x.png").open("wb") as file:
        file.truncate(n)
    return path


def holding(path, content, name="x.png"):
    (good(path) / name).write_bytes(content)
    return path


def crowded_zip(path):
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, *[0] * 7, 5, *[0] * 6)
    directory = (entry + b"a.png") * 900_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, len(directory), 0, 0)
    path.write_bytes(directory + end)
    return path


LARGE = {  # -> what is loaded, and what is said of x.png or of the whole
    "a picture below Pillow's limit": (
        lambda p: holding(p / "a", black_png(13_300, 3)),
        "177 million pixels",
    ),
    "the largest picture that is read": (lambda p: holding(p / "a", black_png(4990, 4)), None),
    "a zip's member of 1.5 GB": (lambda p: zipped(p / "a.zip", 1500 * MEGABYTE), "1,573 MB"),
    "one that says it has 1,000 bytes": (lambda p: zipped(p / "a.zip", 1000), "Bad CRC"),
    "a film called .png": (lambda p: large_file(p / "a", 3 * 2**30), "3,221 MB"),
    "a tar's member of 3 GB": (
        lambda p: sparse_tar(p / "a.tar", tarfile.REGTYPE, 3 * 2**30),
        "3,221 MB",
    ),
    "a tar's name of 1 GB": (
        lambda p: sparse_tar(p / "a.tar", tarfile.GNUTYPE_LONGNAME, 2**30),
        CourseError("a header announces 1,073,741,824 bytes"),
    ),
    "a zip with a million files": (
        lambda p: crowded_zip(p / "a.zip"),
        CourseError("a list of files that takes 45,900,000 bytes"),
    ),
}


@pytest.mark.parametrize("case", LARGE)
def test_no_file_takes_much_memory(case, tmp_path):
    make, said = LARGE[case]
    path, fates = make(tmp_path), {}

    def load():
        if isinstance(said, CourseError):
            with refused(str(path), str(said)):
                data.load("folder-16", root=path)
        else:
            fates.update(packed(path)[1])

    assert peak(load) < MOST
    assert isinstance(said, CourseError) or (said or "") in fates.get("x.png", "")
    assert len(fates) == isinstance(said, str)


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_no_gzip_is_unpacked_beyond_what_it_should_hold(kind, tmp_path):
    content = gzip.compress(bytes(50 * MEGABYTE)) * 30
    for name in mnist.KINDS.values():
        (tmp_path / f"train-{name}.gz").write_bytes(content if kind in name else b"")

    def load():
        with refused("holds more", "another file"):
            mnist._verified(
                mnist.MNIST, "train", kind, tmp_path / f"train-{mnist.KINDS[kind]}.gz"
            )

    assert peak(load) < MOST


def test_no_list_of_celeba_takes_much_memory():
    content = b"1\n" * 30_000_000

    def parse():
        with refused("list_attr_celeba.txt", "more than 1,000,000 rows"):
            lists.parse(content, "list_attr_celeba.txt")

    assert peak(parse) < MOST


def test_a_large_photograph_is_decoded_at_a_fraction(tmp_path):
    """48 million pixels, as telephones take them, in JPEG."""
    wide = Image.new("RGB", (8000, 6000), (200, 30, 60))
    wide.save(good(tmp_path / "a") / "x.jpg", quality=50)
    del wide
    found = {}
    assert peak(lambda: found.update(packed(tmp_path / "a")[0])) < 200
    colour = np.array((200, 30, 60))[:, None, None]
    assert np.abs(found["x.jpg"] - colour).max() <= 3


# --- black unnoticed ----------------------------------------------------------------------


def scaled(top, bits=16):
    """A ramp from 0 to `top` in a 16-bit grey PNG."""
    return png(np.tile(np.linspace(0, top, 16), (16, 1)).astype(np.uint16))


@pytest.mark.parametrize("top", [255, 1023, 4080])
def test_sixteen_bits_that_would_come_out_black_are_left_out(tmp_path, top):
    """Cameras keep 10 or 12 bits in 16: nothing in the file says so."""
    left_out = packed(holding(tmp_path / "a", scaled(top)))[1]
    assert "16 bits a value" in left_out["x.png"] and "stretch" in left_out["x.png"]
    folder = tmp_path / "all of them"
    folder.mkdir()
    for i in range(10):
        (folder / f"{i}.png").write_bytes(scaled(top))
    with refused("holds 0 images", "0.png: 16 bits a value"):
        data.load("folder-16", root=folder)


def test_sixteen_bits_that_are_used_become_eight(tmp_path):
    found = packed(holding(tmp_path / "a", scaled(65_535)))[0]["x.png"]
    ramp = np.linspace(0, 65_535, 16).astype(np.uint16)
    assert (found == ((ramp.astype(int) + 128) // 257)).all()


@pytest.mark.parametrize("ending", ["png", "tiff", "jp2", "pgm"])
def test_sixteen_bits_are_sixteen_in_every_kind_of_file(tmp_path, ending):
    image = Image.fromarray(np.full((16, 16), 257 * 100, np.uint16))
    image = image.convert("I") if ending == "pgm" else image
    image.save(good(tmp_path / "a") / f"x.{ending}")
    assert np.abs(packed(tmp_path / "a")[0][f"x.{ending}"].astype(int) - 100).max() <= 1


def deep_colour(top):
    """A 48-bit PNG, of which Pillow gives the upper eight bits of each colour."""
    row = b"\0" + struct.pack(">H", top) * 48
    head = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    return png_of(head, zlib.compress(row * 16))


def deep_with_alpha(top, alpha):
    """A PNG of 16 bits a value, all colours `top`, of that opacity."""
    row = b"\0" + struct.pack(">HHHH", top, top, top, alpha) * 16
    head = struct.pack(">IIBBBBB", 16, 16, 16, 6, 0, 0, 0)
    return png_of(head, zlib.compress(row * 16))


def tiff(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "TIFF")
    return file.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n"
LEFT_OUT = {
    "32 bits": (tiff(np.full((16, 16), 200, np.int32)), "32-bit pixels"),
    "negative": (tiff(np.full((16, 16), -1, np.int32)), "32-bit pixels"),
    "floats": (tiff(np.full((16, 16), 0.5, np.float32)), "floating-point"),
    "colours of 12 bits in 16": (deep_colour(4080), "just the lower ones"),
    "12 bits in 16, half transparent": (deep_with_alpha(2000, 32768), "just the lower ones"),
    "a program": (EPS, "no image, or of a kind"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_would_come_out_wrong_is_left_out(case, tmp_path):
    content, why = LEFT_OUT[case]
    assert why in packed(holding(tmp_path / "a", content))[1]["x.png"]
    assert packed(holding(tmp_path / "b", deep_colour(65_535)))[0]["x.png"].min() == 255


# --- links --------------------------------------------------------------------------------


def test_links_out_of_a_folder_are_listed_and_not_followed(tmp_path):
    private, mine = good(tmp_path / "private"), good(tmp_path / "mine", 24)
    (mine / "out.png").symlink_to(private / "good00.png")
    (mine / "within.png").symlink_to("good01.png")
    (mine / "all of them").symlink_to(private)
    (mine / "above").symlink_to(mine)
    (mine / "notes.txt").symlink_to(private / "good00.png")
    pixels, left_out = packed(mine)
    assert len(pixels) == 25 and np.array_equal(pixels["within.png"], pixels["good01.png"])
    assert {name: why.removeprefix("bad: ") for name, why in left_out.items()} == {
        "out.png": "a link out of the folder, which is not followed",
        "all of them/": "a link to a folder, which is not entered",
        "above/": "a link to a folder, which is not entered",
    }
    (tmp_path / "alias").symlink_to(mine)  # a link that the learner names is meant
    assert len(packed(tmp_path / "alias")[0]) == 25


def test_a_new_link_is_noticed(tmp_path):
    mine = good(tmp_path / "mine")
    assert not packed(mine)[1]
    (mine / "out.png").symlink_to(good(tmp_path / "private") / "good00.png")
    assert list(packed(mine)[1]) == ["out.png"]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_links_in_an_archive_are_listed(tmp_path, kind):
    mine, path = good(tmp_path / "mine"), tmp_path / f"a.{kind}"
    if kind == "tar":
        (mine / "x.png").symlink_to("/etc/passwd")
        with tarfile.open(path, "w") as file:
            file.add(mine, ".")
    else:
        link = zipfile.ZipInfo("x.png")
        link.external_attr = 0o120777 << 16
        archived(mine, path, more={link: "/etc/passwd"})
    assert packed(path)[1] == {"x.png": "bad: a link in an archive"}


def test_a_tar_that_runs_in_a_circle_is_refused(tmp_path):
    head = tarfile.TarInfo("x.png").tobuf(tarfile.GNU_FORMAT)
    back = bytearray(head)
    back[124:136] = (2**96 - 1024).to_bytes(12, "big")  # a size of -1024
    back[124] = 0xFF
    back[148:156] = b"%06o\0 " % (sum(back[:148] + back[156:]) + 8 * 32)
    (tmp_path / "a.tar").write_bytes(head + bytes(back) + bytes(1024))
    with refused("a.tar", "no intact tar"):
        data.load("folder-16", root=tmp_path / "a.tar")


def test_a_zip_with_a_file_of_no_name_is_read(tmp_path):
    path = archived(good(tmp_path / "mine"), tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x", b"")
        file.getinfo("x").filename = ""
    assert len(packed(path)[0]) == 12


def test_zips_that_cant_be_bounded_are_listed(tmp_path):
    path = archived(good(tmp_path / "mine"), tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x.png", b"0" * 100, zipfile.ZIP_BZIP2)
    assert "only “deflate” is read" in packed(path)[1]["x.png"]


# --- the first edition's cache ------------------------------------------------------------


def test_what_the_first_edition_packed_is_packed_anew(tmp_path, cache, monkeypatch):
    mine = good(tmp_path / "mine")
    data.load("folder-16", root=mine)
    (place,) = (path for path in cache.iterdir() if path.is_dir())
    old = place.with_name(f"{place.name[:-16]}{'0' * 16}")  # it had another last part
    place.rename(old)
    for path in old.iterdir():
        path.unlink()
    (old / "train.npy").write_bytes(b"pixels in another format")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(data.load("folder-16", root=mine))
    assert place.is_dir() and not old.exists()
    monkeypatch.setattr(squares, "square", None)
    assert len(data.load("folder-16", root=mine))
