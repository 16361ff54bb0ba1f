"""Command lines drawn at random from the parsers themselves, with a fixed seed. `make prove`.

Whatever is said, a command does its work, refuses it in words, or ends on Ctrl-C, which comes half
a second after it began. None shows a traceback, hangs, or writes where nobody told it to. Longer
by hand: COURSE_FUZZ=20 make prove ARGS="-k fuzz".
"""

import argparse
import logging
import os
import random
import shutil
import signal
import socket
import sys
import traceback
import warnings
import zipfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import optuna  # noqa: F401 - an import that Ctrl-C cuts short can't be begun again
import pytest
import torch._dynamo  # noqa: F401 - so too
import torchvision  # noqa: F401 - so too

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "classroom"))
import hostile

from course_lib import __main__ as course
from course_lib import data, grammar, models, training, zoo
from course_lib.classroom import __main__ as classroom
from course_lib.classroom import grade

TRIES = int(500 * float(os.environ.get("COURSE_FUZZ", "1")))
PATIENCE, MORE_PATIENCE = 0.5, 30  # seconds until Ctrl-C; then until it is called a hang

NUMBERS = ["0", "-1", "1", "2", "3", "1.5", "nan", "inf", "-inf", "1e400", "1e-400", "9" * 30]
NUMBERS += ["9" * 5000, "0x10", "1_0", "٣", "²", "True", "None", "-0", "+5", " 7 ", "1e3"]
TEXTS = ["", " ", "-", "--", "*", "%s%n", "{}", "{{mu}}", "[" * 10**4, "[1,2", "(", "a=b", "="]
TEXTS += ["==1", "ü’漢字", "\udcff\udcfe", "\x07\x1b[31m", "a\nb", "x" * 300, "x" * 70000]
TEXTS += ["a\tb", "'; --", "<script>", "../../x", "/", ".", "..", "__init__", "os", "everybody"]
TEXTS += ["nul", "C:\\x"]
PLACES = ["missing/deep", "file", "file/x", "folder", "folder/x", "dangling", "loop", "fifo"]
PLACES += [
    "run",
    "run/checkpoint.safetensors",
    "damaged",
    "empty.zip",
    "broken.zip",
    "pictures",
]
PLACES += [
    "~",
    "~nobody-here/x",
    "/dev/null",
    "/dev/full",
    "/proc/version",
    "/proc/x/y",
    "locked",
]
PLACES += ["a/" * 2000, "x" * 300 + ".png", "ü ’.png", "\udcff.png", "x.png", "x.jpeg2", ".png"]
PLACES += ["x.PNG", "x.csv", "sqlite:///", "sqlite:///folder", "postgresql://nobody@[", "x://"]
OUTSIDE = [
    "../outside",
    "../outside/run",
    "../outside/file",
    "linked",
    "linked/x",
    "linked/x.png",
]
FOR_OUTPUT = {"out", "json", "storage", "folder"}  # where these say is not "outside"


def sensible(chance):
    """By an option's name: what somebody might mean, so that tries get beyond the first word."""
    model = chance.choice(list(models.MODELS))
    declared = list(models.MODELS[model].declared)
    value = chance.choice([*NUMBERS, *TEXTS[:16], "[4]", "(4,4)", '"x"', "true", "null", "{}"])
    return {
        "model": [model],
        "zoo": list(zoo.RECIPES),
        "name": ["gan-mnist", "vae-2d-mnist", "flow-moons", "run", "damaged", *data.cards()],
        "data": ["digits", "moons", "ring", *data.cards(), "folder:pictures", "folder-8"],
        "train_data": ["digits", "moons"],
        "recipe": ["course", "report"],
        "budget": ["smoke", "laptop", "full"],
        "root": ["pictures", "folder", "broken.zip", "file"],
        "set": [f"{chance.choice(declared)}={value}", f"{chance.choice(declared)}=2"],
        "out": ["out/v", "x.png", "x.jpg", "run"],
        "json": ["x.json"],
        "storage": ["study.log"],
        "folder": ["class"],
        "assignments": ["gan", "vae"],
        "assignment": ["hw"],
        "source": ["handed-in", "all.zip", "empty.zip"],
        "fill": ["canvas.csv", "moodle.csv", "bytes.csv", "file", "no-lines.csv", "ragged.csv"],
        "column": ["A small assignment", "Grade", "ID"],
        "key": ["ID", "Email address", "SIS Login ID", "Grade"],
    }


def value(chance, action):
    """Words for one option or place: what its name suggests, or anything at all."""
    likely = sensible(chance).get(action.dest)
    if action.choices:
        likely = list(action.choices)
    if likely is None:
        likely = NUMBERS[2:5]
    if chance.random() < 0.6:
        return chance.choice(likely)
    reach = [] if action.dest in FOR_OUTPUT else OUTSIDE
    return chance.choice(chance.choice([NUMBERS, TEXTS, PLACES, PLACES + reach]))


def drawn(chance, top):
    """A command line: a command, some of its options, most of its places, now and then a slip."""
    (verbs,) = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]
    verb = chance.choice(list(verbs.choices))
    parts = []
    for action in verbs.choices[verb]._actions:
        if chance.random() < (0.7 if action.option_strings else 0.04):
            continue
        for _ in range(chance.choice([1, 1, 1, 2])):
            said = [] if action.nargs == 0 else [value(chance, action)]
            if action.option_strings:
                option = chance.choice(action.option_strings)
                joined = said and option.startswith("--") and chance.random() < 0.7
                said = [f"{option}={said[0]}"] if joined else [option, *said]
            if not {"--help", "-h"} & set(said) or chance.random() < 0.1:
                parts.append(said)
            if action.nargs is None and not action.option_strings:
                break
    if chance.random() < 0.1:
        parts.append([chance.choice(["--sed=3", "--no-such", "more", "--", *TEXTS])])
    if chance.random() < 0.2:
        chance.shuffle(parts)
    words = [verb, *(word for part in parts for word in part)]
    return (
        words if chance.random() < 0.97 else chance.sample(words, chance.randint(0, len(words)))
    )


# The folder in which a command is given --------------------------------------------------------
def damage(chance, place):
    """One thing in a class's folder that is not as a teacher would leave it."""
    content = chance.choice([b"", b"\xff\xfe\x00", b"student,name,email\n,,\n", b"[" * 10**5,
                             b"{}", b"null", b'"' + b"x" * 200000, b"raise SystemExit(3)",
                             b"def f(:", b"a,b\n1\n", "student\nada\nß,’\n".encode()])  # fmt: skip
    name = chance.choice(["secret.key", "roster.csv", "assignments/hw/notebook.py", "release",
                          "assignments/hw/grader.py", "results/hw/right.json", "results", "open",
                          "open/hw.csv", "submitted", "submitted/right/hw/hw.ipynb", "feedback",
                          "grades", "solved", "release/hw", "release/hw/hw.ipynb"])  # fmt: skip
    target = place / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    how = chance.random()
    if how < 0.5:
        target.write_bytes(content)
    elif how < 0.7:
        target.mkdir()
    elif how < 0.8:
        target.symlink_to("nowhere")
    elif how < 0.85 and name.startswith("submitted/"):
        os.mkfifo(target)


def small(assignment, folder, student, *rest, **more):
    """In place of a sandbox, which has its own hostile suite: everybody's answers are right."""
    marks = {n: {"points": q.points, "of": q.points, "line": "✓"} for n, q in
             assignment.questions.items()}  # fmt: skip
    result = {
        "student": student,
        "seed": 0,
        "notes": [],
        "look": [],
        "marks": marks,
        "answers": {},
    }
    return result | {"written": "", "log": "", "peak": 0, "seconds": 0.1}


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """What commands may meet: runs, pictures, broken files, links, a pipe; made once."""
    root = tmp_path_factory.mktemp("things")
    here, outside = root / "here", root / "outside"
    for folder in (here / "folder", here / "pictures" / "a", here / "home", outside):
        folder.mkdir(parents=True)
    for name in ("run", "damaged"):
        points = data.load("ring").take(8)
        gan = models.GAN(shape=(2,), latent=2, hidden=(4,))
        training.fit(gan, points, batch=4, rounds=2, resume=here / name, progress=False)
    shutil.copytree(here / "run", outside / "run")
    (outside / "file").write_text("not yours")
    kept = here / "damaged" / "checkpoint.safetensors"
    kept.write_bytes(kept.read_bytes()[:200])
    for i in range(3):
        course.Image.new("RGB", (9, 9), (i, 90, 7)).save(here / "pictures" / "a" / f"{i}.png")
    (here / "file").write_text("in the way")
    (here / "empty.zip").write_bytes(b"PK\5\6" + bytes(18))
    (here / "broken.zip").write_bytes(b"PK\3\4" + bytes(30) + b"PK\5\6" + bytes(18))
    (here / "dangling").symlink_to("nowhere")
    (here / "loop").symlink_to("loop")
    (here / "linked").symlink_to("../outside")
    os.mkfifo(here / "fifo")
    (here / "locked").mkdir()
    (here / "locked").chmod(0o500)  # for everybody but root
    (here / "canvas.csv").write_text(
        "\ufeffStudent,ID,SIS Login ID,A small assignment (1)\r\n    Points Possible,,,20\r\n"
        "R,1,right,\r\n"
    )
    (here / "moodle.csv").write_text(
        'Identifier,"Email address",Grade,"Maximum grade"\nParticipant 3,right,,ten\n'
    )
    (here / "bytes.csv").write_bytes(b"\xff\xfe\x00a,b\n")
    (here / "no-lines.csv").write_text("")
    (here / "ragged.csv").write_text('ID,Grade\nright\n"a\x00b",' + "x" * 200000 + '\n"open')
    place, _ = hostile.make(here / "class", ["right", "wrong", "absent"])
    with zipfile.ZipFile(here / "all.zip", "w") as archive:
        archive.write(place.folder / "submitted/right/hw/hw.ipynb", "right/hw.ipynb")
        archive.writestr("../../outside/x_1_1_hw.ipynb", "{}")
    shutil.copytree(place.folder / "submitted", here / "handed-in")
    return here, outside


def looks(folder):
    """Every file below a folder, by its size and time of change."""
    return {
        path: (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


class Hang(BaseException):
    """Ctrl-C did not end it."""


@contextmanager
def ended_by_ctrl_c():
    """Press Ctrl-C after PATIENCE, and raise Hang where that doesn't help."""
    presses = []

    def ring(number, frame):
        presses.append(number)
        if len(presses) > 1:
            raise Hang
        signal.setitimer(signal.ITIMER_REAL, MORE_PATIENCE)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGALRM, ring)
    # Who is started in the background, by nohup or "&", would ignore Ctrl-C.
    own = signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.signal(signal.SIGINT, own)


def unplugged(*address, **more):
    raise OSError("the network is unplugged")


PARSERS = {
    "course_lib": (course.main, lambda: grammar.parser(course.JOBS)),
    "course_lib.classroom": (classroom.main, classroom.parser),
}


@pytest.mark.prove
@pytest.mark.timeout(1200)
@pytest.mark.skipif(os.name == "nt", reason="there is no such alarm")
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("command", PARSERS)
def test_no_command_line_is_a_traceback(command, part, things, tmp_path, monkeypatch, capfd):
    template, outside = things
    main, parser = PARSERS[command]
    monkeypatch.setattr(grade, "grade_student", small)
    monkeypatch.setattr(logging, "raiseExceptions", False)  # optuna's log has an older stream
    monkeypatch.setattr(classroom.sandbox, "demand", lambda: None)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, unplugged)
    top, ends, wrong, fresh = parser(), Counter(), [], None
    own, theirs = looks(outside), looks(hostile.room.PUBLIC)
    here = tmp_path / "here"
    for name, folder in (("HOME", "home"), ("XDG_CACHE_HOME", "home/cache")):
        monkeypatch.setenv(name, str(here / folder))
    for seed in range(part * TRIES, (part + 1) * TRIES):
        chance = random.Random(f"{command} {seed}")
        if not fresh or looks(here) != fresh:
            monkeypatch.chdir(tmp_path)
            renew(template, here)
            monkeypatch.chdir(here)
            fresh = looks(here)
        if chance.random() < 0.4 and "classroom" in command:
            damage(chance, here / "class")
        words = drawn(chance, top)
        status = None
        try:
            with warnings.catch_warnings(), ended_by_ctrl_c():
                warnings.simplefilter("ignore")
                status = main(words)
        except SystemExit as stop:
            status = stop.code
        except BaseException as error:
            at = {frame.name for frame in traceback.extract_tb(error.__traceback__)}
            if isinstance(error, KeyboardInterrupt) and "run" not in at:
                continue  # Ctrl-C before the first line or after the last
            wrong.append((seed, repr(words)[:300], f"{type(error).__name__}: {error!s:.300}"))
        said = capfd.readouterr().err
        untold = status in (1, 2) and not said
        if "Traceback" in said or untold or status not in (None, 0, 1, 2, 130):
            wrong.append((seed, repr(words)[:300], f"status {status}: {said[-300:]}"))
        ends[status] += 1
        if looks(outside) != own:
            wrong.append((seed, repr(words)[:300], "wrote outside"))
            own = looks(outside)
    assert looks(hostile.room.PUBLIC) == theirs
    print(command, sum(ends.values()), "tries:", dict(ends), file=sys.stderr)
    assert not wrong, "\n".join(map(str, wrong[:60]))
    assert ends[0] > TRIES / 50 and max(ends[1], ends[2]) > TRIES / 5


def renew(template, here):
    """The folder as it was made."""
    if here.exists():
        shutil.rmtree(here)
    shutil.copytree(template, here, symlinks=True, copy_function=copied, ignore=pipes)
    os.mkfifo(here / "fifo")


def pipes(folder, names):
    return {"fifo"} & set(names)


def copied(source, target, *, follow_symlinks=True):
    return shutil.copyfile(source, target, follow_symlinks=False)
