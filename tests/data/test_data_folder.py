"""Folders of images: every kind of file, the packing, its interruption, and what is refused."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from material import archived, fates, names_of, packed, pixels_of, raising, refused
from PIL import Image

from course_lib import data
from course_lib.data import paths
from course_lib.data.photos import archives, packing, squares

RED, WHITE = (200, 30, 60), (255, 255, 255)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "packed"


def noise(seed, width=20, height=16):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def content(image, kind="PNG", **settings):
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def fill(folder, n=40, start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + n):
        (folder / f"{i:03}.png").write_bytes(content(noise(i)))
    return folder


def both(name, root=None):
    return [data.load(name, split, root=root) for split in ("train", "test")]


def assert_pixels(folder, found):
    """Name -> pixels are the central squares of files of 20×16."""
    for name, pixels in found.items():
        expected = np.asarray(Image.open(folder / name))[:, 2:18].transpose(2, 0, 1)
        np.testing.assert_array_equal(pixels, expected)


# --- one image ----------------------------------------------------------------------------


def plain(colour, size=(20, 20), mode="RGB"):
    return Image.new(mode, size, colour)


def test_an_image_of_the_asked_size_comes_through_unchanged():
    image = noise(0, 16, 16)
    found = squares.square(content(image), 16, squares.central_square)
    np.testing.assert_array_equal(found, np.asarray(image).transpose(2, 0, 1))


@pytest.mark.parametrize(("width", "height"), [(31, 16), (16, 31)])
def test_the_central_square_is_kept(width, height):
    image = noise(1, width, height)
    found = squares.square(content(image), 16, squares.central_square)
    left, top = (width - 16) // 2, (height - 16) // 2
    pixels = np.asarray(image)[top : top + 16, left : left + 16]
    np.testing.assert_array_equal(found, pixels.transpose(2, 0, 1))


def test_scaling_down_is_antialiased():
    """A fine chessboard becomes grey; picking single pixels would leave black and white."""
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    found = squares.square(content(Image.fromarray(board)), 16, squares.central_square)
    assert np.abs(found.astype(int) - 127).max() <= 6
    assert set(np.unique(board[::8, ::8])) <= {0, 255}


KINDS = {
    "grey": (plain(77, mode="L"), {}, (77, 77, 77)),
    "black and white": (plain(1, mode="1"), {}, WHITE),
    "sixteen bit": (Image.fromarray(np.full((20, 20), 257 * 100, np.uint16)), {}, (100,) * 3),
    "palette": (plain(RED).convert("P", palette=Image.Palette.ADAPTIVE), {}, RED),
    "half transparent": (plain((0, 0, 0, 128), mode="RGBA"), {}, (127, 127, 127)),
    "transparent": (plain((*RED, 0), mode="RGBA"), {}, WHITE),
    "grey with alpha": (plain((9, 0), mode="LA"), {}, WHITE),
    "a colour that is transparent": (plain(RED), {"transparency": RED}, WHITE),
    "cmyk": (plain((0, 255, 255, 0), mode="CMYK"), {"kind": "TIFF"}, (255, 0, 0)),
    "cmyk jpeg": (plain((0, 255, 255, 0), mode="CMYK"), {"kind": "JPEG"}, (255, 0, 0)),
    "animated gif": (
        plain(RED),
        {"kind": "GIF", "save_all": True, "append_images": [plain((0, 0, 0))] * 2},
        RED,
    ),
    "animated webp": (
        plain(RED),
        {"kind": "WEBP", "save_all": True, "append_images": [plain(WHITE)], "lossless": True},
        RED,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_eight_bit_colour(kind):
    image, settings, expected = KINDS[kind]
    found = squares.square(content(image, **settings), 16, squares.central_square)
    assert found.dtype == np.uint8 and found.shape == (3, 16, 16)
    assert np.abs(found - np.array(expected)[:, None, None]).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_set_upright(orientation):
    image = Image.new("RGB", (40, 20))
    image.paste(RED, (0, 0, 10, 10))  # a mark in the upper left corner of the stored pixels
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = squares.square(content(image, exif=exif), 16, lambda w, h: (0, 0, w, h))
    rows, columns = np.nonzero(found[0] > 100)
    # (lower, right), as EXIF's table says where the stored corner belongs.
    corners = [(False, False), (False, True), (True, True), (True, False)] * 2
    assert (rows.mean() > 8, columns.mean() > 8) == corners[orientation - 1]


# --- a folder -----------------------------------------------------------------------------


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "scandir", raising(OSError(5, "Input/output error", "mine")))
    with refused("mine cannot be read: Input/output error"):
        data.load(f"folder-16:{tmp_path}")


def test_a_folder_becomes_a_mapped_data_set(tmp_path, cache):
    folder = fill(tmp_path / "mine")
    train, test = both(f"folder-16:{folder}")
    assert train.shape == (3, 16, 16) and len(train) + len(test) == 40
    assert train.card.counts == {"train": len(train), "test": len(test)}
    assert train.labels is None and str(folder) in str(train.card)
    found = pixels_of(packed(cache))
    assert sorted(found) == sorted(path.name for path in folder.iterdir())
    assert_pixels(folder, found)


def test_the_default_is_64_and_the_path_may_be_root(tmp_path):
    folder = fill(tmp_path / "mine")
    assert data.load("folder", root=folder).shape == (3, 64, 64)
    assert data.load(f"folder:{folder}").shape == (3, 64, 64)
    assert data.here(f"folder-32:{folder}") and not data.here("folder:nowhere")


def test_a_second_load_decodes_nothing(tmp_path, monkeypatch):
    folder = fill(tmp_path / "mine")
    before = data.load("folder-16", root=folder)
    monkeypatch.setattr(squares, "square", None)
    after = data.load("folder-16", root=folder)
    assert torch.equal(before.images, after.images)


def test_the_images_are_not_read_into_memory(tmp_path, monkeypatch):
    """The mapped file reaches the data set without a copy."""
    folder, mapped, memmap = fill(tmp_path / "mine"), [], np.memmap

    def watched(*args, **settings):
        mapped.append(memmap(*args, **settings))
        return mapped[-1]

    monkeypatch.setattr(np, "memmap", watched)
    images = data.load("folder-16", root=folder).images
    assert images.data_ptr() == mapped[0].ctypes.data


def test_a_change_to_the_images_never_reaches_the_file(tmp_path):
    folder = fill(tmp_path / "mine")
    data.load("folder-16", root=folder).images.fill_(7)
    assert data.load("folder-16", root=folder).images.float().std() > 10


def test_a_changed_folder_is_packed_again(tmp_path):
    folder = fill(tmp_path / "mine")
    assert sum(map(len, both("folder-16", folder))) == 40
    fill(folder, 10, start=40)
    assert sum(map(len, both("folder-16", folder))) == 50
    (folder / "000.png").write_bytes(content(Image.new("RGB", (16, 16), RED)))
    train, test = both("folder-16", folder)
    assert any(
        (d.images == torch.tensor(RED).view(3, 1, 1)).all((1, 2, 3)).any()
        for d in (train, test)
    )


def test_what_a_folder_was_packed_to_before_is_deleted(tmp_path, cache):
    folder, other = fill(tmp_path / "mine"), fill(tmp_path / "minestrone")
    before = data.load("folder-16", root=folder)
    pixels = before.images.clone()
    both("folder-16", other)
    both("folder-32", folder)
    kept = set(cache.iterdir())
    fill(folder, 2, start=40)
    both("folder-16", folder)
    fill(folder, 2, start=42)
    both("folder-16", folder)
    assert len(list(cache.glob("*.lock"))) == 3 and len(list(cache.iterdir())) == 6
    assert len(set(cache.iterdir()) - kept) == 1
    assert torch.equal(before.images, pixels)  # who has mapped them goes on reading


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_gives_what_its_folder_gives(tmp_path, kind):
    folder, archive = fill(tmp_path / "mine"), tmp_path / f"mine.{kind}"
    shadow = {} if kind == "tar" else {"__MACOSX/mine/._000.png": b"a shadow"}
    archived(folder, archive, "./mine/" if kind == "tar" else "mine/", shadow)
    for split in ("train", "test"):
        a, b = (data.load(f"folder-16:{path}", split) for path in (folder, archive))
        assert torch.equal(a.images, b.images)


def test_copies_of_an_image_fall_into_one_split(tmp_path, cache):
    folder = fill(tmp_path / "mine", 60)
    for i in range(60):
        (folder / f"copy of {i}.png").write_bytes((folder / f"{i:03}.png").read_bytes())
    train, test = both("folder-16", folder)
    flat = [set(map(bytes, d.images.flatten(1).numpy())) for d in (train, test)]
    assert flat[0] and flat[1] and not flat[0] & flat[1]
    assert len(test) / 120 == pytest.approx(0.05, abs=0.04)


def test_folders_that_say_the_split_are_believed(tmp_path):
    for part, n in (("train", 12), ("test", 5), ("val", 3)):
        fill(tmp_path / "mine" / part / "cats", n, start=len(part) * 100)
        fill(tmp_path / "mine" / part / "dogs", n, start=len(part) * 100 + 50)
    train, test = both("folder-16", tmp_path / "mine")
    assert (len(train), len(test)) == (24, 16)
    assert train.card.classes == ("cats", "dogs")
    assert train.labels.tolist() == [0] * 12 + [1] * 12


@pytest.mark.parametrize("stray", ["cover.png", "unlabelled/900.png", "../cover.png"])
def test_strays_beside_the_split_are_listed_and_leave_it_alone(tmp_path, cache, stray):
    folder = tmp_path / "mine" / "inner"
    for part, start in (("train", 0), ("test", 100)):
        fill(folder / part / "cats", 10, start)
        fill(folder / part / "dogs", 10, start + 50)
    path = folder / stray
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content(noise(900)))
    with pytest.warns(UserWarning, match=r"left out: 1 of 41: .*: in neither train nor test"):
        train, test = both("folder-16", tmp_path / "mine")
    assert train.card.classes == ("cats", "dogs")
    for split, dataset in (("train", train), ("test", test)):
        names = names_of(packed(cache), split)
        assert len(names) == len(dataset) == 20
        assert all(name.startswith(f"inner/{split}/") for name in names)
        assert dataset.labels.tolist() == [0] * 10 + [1] * 10


def test_a_class_called_train_is_no_split(tmp_path):
    for i, name in enumerate(("train", "bus", "car")):
        fill(tmp_path / "mine" / name, 20, start=100 * i)
    train, test = both("folder-16", tmp_path / "mine")
    assert train.card.classes == ("bus", "car", "train") and len(train) + len(test) == 60


def test_sub_folders_are_classes_only_where_all_images_lie_in_some(tmp_path):
    fill(tmp_path / "mine" / "b", 20)
    fill(tmp_path / "mine" / "a" / "deeper", 20, start=20)
    train, _ = both("folder-16", tmp_path / "mine")
    assert train.card.classes == ("a", "b") and train.labels.unique().tolist() == [0, 1]
    fill(tmp_path / "mine", 1, start=90)
    assert data.load("folder-16", root=tmp_path / "mine").labels is None
    fill(tmp_path / "one" / "only", 20)
    assert data.load("folder-16", root=tmp_path / "one").labels is None


# --- bad files ----------------------------------------------------------------------------


def test_bad_files_are_listed_with_the_reason(tmp_path, cache):
    folder = fill(tmp_path / "mine", 30)
    whole = content(noise(99, 200, 200), "JPEG")
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_bytes(b"<html>404</html>")
    (folder / "empty.png").touch()
    (folder / "dot.gif").write_bytes(content(Image.new("RGB", (1, 1)), "GIF"))
    (folder / "float.tif").write_bytes(content(Image.new("F", (20, 20)), "TIFF"))
    (folder / "notes.csv").write_text("1,2")
    (folder / ".hidden.png").touch()
    (folder / "link.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "odd\r\n\tname.png").touch()
    os.mkfifo(folder / "pipe.png")
    with pytest.warns(UserWarning, match=r"left out: 9 of 39: cut.jpg: image file is trunc"):
        train, test = both("folder-16", folder)
    assert len(train) + len(test) == 30
    assert "Files left out: 9" in str(train.card) and "1 .csv" in str(train.card)
    reasons = {name: why for name, why in fates(packed(cache)).items() if "bad" in why}
    said = {"link.png": "a link that leads nowhere", "loop.png": "a link that leads nowhere"}
    said |= {"pipe.png": "no regular file", "cut.jpg": "truncated", "dot.gif": "1×1"}
    said |= dict.fromkeys(("page.jpg", "empty.png", "odd  name.png"), "no image")
    said |= {"float.tif": "floating-point"}
    assert sorted(reasons) == sorted(said)
    assert all(said[name] in why for name, why in reasons.items())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.load("folder-16", root=folder)  # said once; the card goes on saying it


def test_too_few_images_are_refused_with_the_reasons(tmp_path, cache):
    folder = fill(tmp_path / "mine", 3)
    with refused("holds 3 images", "too few", ".jpg"):
        data.load("folder", root=folder)
    for i in range(20):
        (folder / f"{i}.jpg").write_bytes(b"no image")
    with refused("holds 3 images", "left out: 20: 0.jpg: no image"):
        data.load("folder", root=folder)
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_an_empty_split_is_refused(tmp_path):
    folder = fill(tmp_path / "mine" / "train", 10).parent
    fill(folder / "test", 1, start=500)
    (folder / "test" / "500.png").write_bytes(b"")
    with pytest.warns(UserWarning):
        assert len(data.load("folder-16", root=folder)) == 10
    with refused("None of the 10 images", "'test'"):
        data.load("folder-16", "test", root=folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", ("Which folder?", "load('folder:/path/to/images')")),
        ("folder:nowhere", ("There is no", "nowhere")),
        ("folder-4:.", ("size", "8 to 512", "4")),
        ("mnist-32", ("Unknown data set 'mnist-32'",)),
        ("foldr:here", ("Did you mean 'folder'",)),
    ],
)
def test_names_that_say_too_little_or_too_much_are_refused(name, words):
    with refused(*words):
        data.load(name)


def test_two_places_are_refused(tmp_path):
    with refused("Two places", "here", str(tmp_path)):
        data.load("folder:here", root=tmp_path)


@pytest.mark.parametrize(
    ("name", "start", "words"),
    [
        ("a.tar", b"<!doctype html>", ("no intact tar", "web page")),
        ("a.zip", b"PK\3\4 and then nothing", ("no intact zip", "cut off", "Fetch it again")),
        ("a.tar.gz", b"", ("neither a folder nor", "compressed as a whole", "unpack it")),
        ("a.mp4", b"", ("neither a folder nor a .tar or .zip",)),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path, name, start, words):
    (tmp_path / name).write_bytes(start * 100)
    with refused(name, *words):
        data.load(f"folder:{tmp_path / name}")


def test_a_tar_that_lost_a_part_is_refused(tmp_path):
    """tarfile takes a header that is cut off or damaged for the end of the archive."""
    whole = archived(fill(tmp_path / "mine"), tmp_path / "mine.tar")
    with tarfile.open(whole) as file:
        header = file.getmembers()[20].offset
    content, end = whole.read_bytes(), "before its end mark"
    damaged = content[:header] + b"\xff" * 512 + content[header + 512 :]
    cases = {content[: len(content) // 2]: "", content[:header]: end}
    cases |= {content[: header + 100]: end, damaged: end}
    for i, (case, why) in enumerate(cases.items()):
        (tmp_path / f"{i}.tar").write_bytes(case)
        with refused(f"{i}.tar", "no intact tar", why, "cut off", "Fetch it again"):
            data.load(f"folder-16:{tmp_path / f'{i}.tar'}")


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_hard_links_in_a_tar_count_as_in_a_folder(tmp_path, cache, kind):
    folder, archive = fill(tmp_path / "mine", 20), tmp_path / "mine.tar"
    for path in sorted(folder.iterdir()):
        os.link(path, folder / f"more {path.name}")
    with tarfile.open(archive, "w", format=kind) as file:
        file.add(folder, "./mine")
        assert sum(member.islnk() for member in file.getmembers()) == 20
    assert sum(map(len, both(f"folder-16:{archive}"))) == 40
    with tarfile.open(archive, "a") as file:
        file.add(folder / "000.png", "appended.png")
    assert archives.opened(archive, "images").files[0] == "appended.png"


def test_a_full_disk_is_refused_before_the_work(tmp_path, monkeypatch):
    folder = fill(tmp_path / "mine")
    usage = packing.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(squares, "square", None)
    with refused("folder at 64×64 takes", "XDG_CACHE_HOME"):
        data.load("folder", root=folder)


def test_a_disk_that_fails_does_not_make_its_files_bad(tmp_path, monkeypatch, cache):
    folder, read = fill(tmp_path / "mine"), archives.Archive.read

    def failing(self, name):
        if name == "030.png":
            raise OSError(5, "Input/output error", name)
        return read(self, name)

    monkeypatch.setattr(packing, "CHUNK", 8)
    monkeypatch.setattr(archives.Archive, "read", failing)
    with refused("broke off at 030.png: Input/output error", "goes on where it was"):
        data.load("folder-16", root=folder)
    (journal,) = cache.glob("*.part/files.txt")
    assert len(journal.read_text().splitlines()) == 24
    monkeypatch.setattr(archives.Archive, "read", read)
    assert sum(map(len, both("folder-16", folder))) == 40


def test_a_disk_that_is_full_at_the_end_is_said(tmp_path, monkeypatch, cache):
    """And the list of what was left out is as if nothing had happened."""
    for part, start in (("train", 0), ("test", 50)):
        fill(tmp_path / "mine" / part, 20, start)
    (tmp_path / "mine" / "stray.png").touch()
    (tmp_path / "mine" / "train" / "bad.png").touch()
    full = raising(OSError(28, "No space left on device", "index.json"))
    with monkeypatch.context() as patch:
        patch.setattr(packing.json, "dumps", full)
        with refused("broke off at index.json: No space left", "goes on where it was"):
            data.load("folder-16", root=tmp_path / "mine")
    monkeypatch.setattr(squares, "square", None)  # nothing is decoded again
    with pytest.warns(UserWarning, match="left out: 2 of 42"):
        assert sum(map(len, both("folder-16", tmp_path / "mine"))) == 40
    left_out = [name for name, why in fates(packed(cache)).items() if "bad" in why]
    assert left_out == ["stray.png", "train/bad.png"]


def test_what_is_packed_needs_no_room_again(tmp_path, monkeypatch):
    folder, usage = fill(tmp_path / "mine"), packing.shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(packing, "_finish", lambda *args: 1 / 0)
        data.load("folder-16", root=folder)
    monkeypatch.setattr(packing.shutil, "disk_usage", lambda path: usage._replace(free=500))
    assert sum(map(len, both("folder-16", folder))) == 40


@pytest.mark.parametrize("size", [0, 10])
@pytest.mark.parametrize("file", ["train.uint8", "train.npy", "index.json"])
def test_a_damaged_cache_says_what_to_delete(tmp_path, cache, file, size):
    folder = fill(tmp_path / "mine")
    data.load("folder-16", root=folder)
    os.truncate(packed(cache) / file, size)
    with refused(str(packed(cache)), "damaged", "Delete that folder"):
        data.load("folder-16", root=folder)


# --- interruption -------------------------------------------------------------------------

SLOW = """
import sys, time
from pathlib import Path
from course_lib import data
from course_lib.data import paths
from course_lib.data.photos import packing, squares
square = squares.square
def slow(*args):
    time.sleep(.02)
    return square(*args)
squares.square, packing.CHUNK = slow, 4
paths.cache_root = lambda: Path(sys.argv[2])
data.load("folder-16", root=sys.argv[1])
"""


def test_a_killed_packing_goes_on_where_it_was(tmp_path, cache, monkeypatch):
    folder = fill(tmp_path / "mine", 80)
    for i in (3, 7, 60):
        (folder / f"{i:03}.png").write_bytes(b"no image")
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(folder), str(cache.parent)])
    ends, journal = time.monotonic() + 60, []
    while (
        not (journal and len(journal[0].read_bytes().splitlines()) >= 24)
        and time.monotonic() < ends
    ):
        time.sleep(0.01)
        journal = list(cache.glob("*.part/files.txt"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(journal[0].read_bytes().splitlines())
    assert 24 <= done < 80
    # As if it had been killed between the pixels and their entry in the journal.
    with (journal[0].parent / "train.uint8").open("ab") as file:
        file.write(b"half an image")
    with journal[0].open("ab") as file:
        file.write(b"train\thalf a li")

    decoded, square = [], squares.square
    monkeypatch.setattr(squares, "square", lambda *a: decoded.append(1) or square(*a))
    with pytest.warns(UserWarning, match="left out: 3 of 80"):
        resumed = both("folder-16", folder)
    assert len(decoded) == 80 - done
    found = pixels_of(packed(cache))
    assert len(found) == 77
    assert_pixels(folder, found)
    assert sum(map(len, resumed)) == 77 and not list(cache.glob("*.part"))


def test_lost_pixels_are_packed_again(tmp_path, cache, monkeypatch):
    """A journal that knows more than the arrays hold (a power failure) is not believed."""
    folder = fill(tmp_path / "mine", 40)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(packing, "_finish", lambda *args: 1 / 0)
        data.load("folder-16", root=folder)
    (array,) = cache.glob("*.part/train.uint8")
    os.truncate(array, array.stat().st_size - 1000)
    both("folder-16", folder)
    found = pixels_of(packed(cache))
    assert len(found) == 40
    assert_pixels(folder, found)


def test_two_at_once_pack_once(tmp_path, cache, monkeypatch):
    """Each holds a file lock of its own, so threads stand for processes here."""
    folder, decoded, square = fill(tmp_path / "mine", 60), [], squares.square

    def slow(*args):
        time.sleep(0.005)
        decoded.append(1)
        return square(*args)

    monkeypatch.setattr(squares, "square", slow)
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda _: data.load("folder-16", root=folder), range(3)))
    assert len(decoded) == 60 and len(pixels_of(packed(cache))) == 60
    assert all(torch.equal(found[0].images, other.images) for other in found)


def test_a_bar_is_shown_unless_it_is_unwanted(tmp_path, monkeypatch, capsys):
    data.load("folder-16", root=fill(tmp_path / "a"))
    assert "Packing" not in capsys.readouterr().err
    monkeypatch.setenv("COURSE_PROGRESS", "1")
    data.load("folder-16", root=fill(tmp_path / "b"))
    assert "Packing folder at 16×16: 100%" in capsys.readouterr().err
