"""The course with the network unplugged: a process in which only this machine can be reached."""

import subprocess
import sys
import textwrap

UNPLUGGED = """
import socket

def refuse(*_, **__):
    raise OSError("the network is blocked")

connect, look_up = socket.socket.connect, socket.getaddrinfo
near = ("127.0.0.1", "::1", "localhost")

def guarded_connect(self, address):
    inside = self.family == getattr(socket, "AF_UNIX", None) or address[0] in near
    return connect(self, address) if inside else refuse()

socket.socket.connect = socket.socket.connect_ex = guarded_connect
socket.getaddrinfo = lambda host, *a, **k: look_up(host, *a, **k) if host in near else refuse()
"""


def unplugged(code: str, tmp_path) -> subprocess.CompletedProcess:
    """Run code in an empty folder of its own, with no home in which data might lie."""
    return subprocess.run(
        [sys.executable, "-c", UNPLUGGED + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )


def test_digits_zoo_and_sampling_need_no_network(tmp_path):
    done = unplugged(
        """
        import torch
        import course_lib
        from course_lib import data, zoo

        digits = data.load("digits")
        assert digits.images.shape == (10_000, 1, 28, 28)
        assert len(data.load("digits", split="test")) == 2_000
        names = list(zoo.names())
        assert names
        for name in names:
            model = zoo.load(name)
            drawn = model.sample(4, generator=torch.Generator().manual_seed(0))
            assert drawn.shape == (4, *model.shape) and drawn.isfinite().all()
            assert len(model.shape) == 1 or (0 <= drawn.min() and drawn.max() <= 1)
        print("ok", len(names))
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok")


def test_a_failed_download_is_told_to_the_learner(tmp_path):
    done = unplugged(
        """
        from course_lib import data
        from course_lib.errors import CourseError

        try:
            data.load("mnist")
        except CourseError as error:
            print(error)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "mnist" in done.stdout.lower()
    assert "digits" in done.stdout, "what works without the network is named"
    assert "Traceback" not in done.stdout + done.stderr
