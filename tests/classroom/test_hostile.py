"""No wrong answer is paid, no right one loses its mark, nothing gets out, the batch ends."""

import os
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

from course_lib.classroom import feedback, grade, marks, sandbox

needs_sandbox = pytest.mark.skipif(
    sandbox.missing() is not None, reason=f"no sandbox here: {sandbox.missing()}"
)


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder that everybody on this machine may write to, with a server beside it."""
    folder = tmp_path_factory.mktemp("outside")
    for place in (folder, *folder.parents):
        if (
            place.owner() == Path(tmp_path_factory.getbasetemp()).owner()
            and len(place.parts) > 2
        ):
            place.chmod(place.stat().st_mode | 0o755)
    folder.chmod(0o777)
    servers = [socket.socket(family) for family in (socket.AF_INET, socket.AF_UNIX)]
    servers[0].bind(("127.0.0.1", 0))
    servers[1].bind(str(folder / "socket"))
    (folder / "socket").chmod(0o777)
    for server in servers:
        server.listen()
        server.setblocking(False)
    yield folder, servers
    for server in servers:
        server.close()


def judged(results, students):
    """What differs from what hostile.py expects, a line a student."""
    wrong = []
    for student in students:
        marks, told = hostile.expected(student)
        result = results[student]
        got = tuple(mark["points"] for mark in result["marks"].values())
        # Cells that follow set right answers again, which is told of each.
        look = [line for line in result["look"] if "set again later" not in line]
        if (marks is not None and got != marks) or told not in (None, bool(look)):
            lines = [mark["line"] for mark in result["marks"].values()]
            wrong.append(f"{student}: {got}, not {marks}; {result['look']} {lines}")
    return wrong


def untouched(outside):
    folder, servers = outside
    for server in servers:
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [path.name for path in folder.iterdir()] == ["socket"]
    for place in (sys.prefix, sys.base_prefix, sandbox.PACKAGE, "/usr", "/"):
        assert not (Path(place) / "written-by-a-student").exists()


def as_somebody(command: list[str], folder: Path) -> list[str]:
    """The command as a user who owns nothing but `folder`; an interpreter below a folder that is
    closed to others (/root) is shown at its place in a private view of the disk."""
    show = []
    for root in map(str, sandbox.roots()):
        closed = [p for p in reversed(Path(root).parents) if not p.stat().st_mode & 1]
        if closed:
            aside, top = f"{folder}/{len(show)}", closed[0]
            Path(aside).mkdir()
            show.append(f"mount --bind {root} {aside} && mount -t tmpfs -o mode=755 none {top} "
                        f"&& mkdir -p {root} && mount --bind {aside} {root}")  # fmt: skip
    assert len(show) < 2, "one such folder can be shown"
    script = " && ".join([*show, 'exec setpriv --reuid=4242 --regid=4242 --clear-groups "$@"'])
    return [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-ec",
        script,
        "sh",
        *command,
    ]


@needs_sandbox
def test_eight_hostile_students(tmp_path, outside):
    port = outside[1][0].getsockname()[1]
    results = hostile.batch(tmp_path, hostile.FEW, str(outside[0]), port)
    assert not judged(results, hostile.FEW)
    untouched(outside)


@needs_sandbox
@pytest.mark.prove
@pytest.mark.xdist_group("sandboxes")  # one after the other: their limits are short
@pytest.mark.timeout(900)
def test_every_hostile_student(tmp_path, outside):
    port = outside[1][0].getsockname()[1]
    results = hostile.batch(tmp_path, hostile.STUDENTS, str(outside[0]), port)
    wrong = judged(results, hostile.STUDENTS)
    assert not wrong, "\n".join(wrong)
    untouched(outside)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20, "more than 1 GB"


@needs_sandbox
@pytest.mark.prove
@pytest.mark.xdist_group("sandboxes")  # one after the other: their limits are short
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_every_hostile_student_for_an_unprivileged_teacher(outside):
    folder = Path("/tmp") / f"classroom-unprivileged-{os.getpid()}"
    folder.mkdir(mode=0o755)
    (folder / "class").mkdir()
    os.chown(folder / "class", 4242, 4242)
    port = outside[1][0].getsockname()[1]
    program = shutil.copy(hostile.__file__, folder)
    os.chmod(program, 0o644)
    command = [sys.executable, program, str(folder / "class"), str(outside[0]), str(port)]
    env = os.environ | {
        "PYTHONPATH": str(sandbox.PACKAGE.parent),
        "HOME": str(folder / "class"),
    }
    try:
        done = subprocess.run(
            as_somebody([*command, *hostile.STUDENTS], folder),
            env=env, cwd="/", capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        kept = (folder / "class" / "results" / "hw").glob("*.json")
        results = {path.stem: grade.load(path) for path in kept}
        wrong = judged(results, hostile.STUDENTS)
        assert not wrong, "\n".join(wrong)
        untouched(outside)
    finally:
        shutil.rmtree(folder)


@needs_sandbox
def test_a_page_holds_no_script(tmp_path):
    results = hostile.batch(tmp_path, ["script"])
    made = hostile.room.Room(tmp_path)
    given = made.assignment("hw")
    (standing,) = marks.standing(given, [results["script"]], {}, {})
    page = feedback.page(given, standing, with_rubric=True)
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
