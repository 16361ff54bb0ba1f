"""A class of hostile students: what each hands in, and the mark that each should get.

Run as a script it makes such a class in a folder and grades it, so that a test can do this as
another user: python hostile.py FOLDER STUDENT ...
"""

import json
import os
import sys
from pathlib import Path

from course_lib.classroom import grade, room, sandbox

LIMITS = sandbox.Limits(run=30, cell=4, question=3, memory=1 << 30)

TEXT = """# %% [markdown]
# A small assignment for {{student}}.

# %% exercise="hw.1"
mu, sigma = {{mu}}, {{sigma}}
### BEGIN SOLUTION
import math
my_kl = (mu**2 + sigma**2 - 1) / 2 - math.log(sigma)
### END SOLUTION

# %% exercise="hw.2"
def ratio(p, q):
    ### BEGIN SOLUTION
    return p / (p + q)
    ### END SOLUTION

# %% exercise="hw.3"
import torch
def loss(x, y):
    ### BEGIN SOLUTION
    return torch.nn.functional.softplus(-x * y).mean()
    ### END SOLUTION

# %% [markdown] exercise="hw.open"
# An answer.
"""

GRADER = """
import math
import torch
from course_lib.classroom.assignment import Question
TITLE, OPEN = "A small assignment", [(2, "says why")]
def variant(rng):
    return {"mu": round(rng.uniform(0.5, 2.5), 2), "sigma": round(rng.uniform(0.4, 0.9), 2)}
def kl(v):
    return (v.mu**2 + v.sigma**2 - 1) / 2 - math.log(v.sigma)
def pairs(r, v):
    return [tuple(torch.rand(2, 5, generator=r, dtype=torch.float64)) for _ in range(5)]
QUESTIONS = {
    "hw.1": Question("my_kl", 3, kl, {"never negative": lambda v: -kl(v)}),
    "hw.2": Question("ratio", 3, lambda v, p, q: p / (p + q),
                     {"swapped": lambda v, p, q: q / (p + q)}, pairs),
    "hw.3": Question("loss", 4, lambda v, x, y: torch.nn.functional.softplus(-x * y).mean(),
                     {}, pairs, gradients=True),
}
"""

ALL, NONE = (3, 3, 4), (0, 0, 0)
WRONG = """my_kl = 0.123
def ratio(p, q): return p * q
def loss(x, y): return (x * y).sum()
"""
LOOP = "while True: pass"
EQUAL = """
class Equal(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __abs__(self): return 0.0
    def __hash__(self): return 0
"""
FORGE = """
import os, sys, struct, json
def forge(message, fd=int(sys.argv[2])):
    data = json.dumps(message).encode()
    os.write(fd, struct.pack(">I", len(data)) + data)
"""
# student: (what the code does before the answers, what it does after them, the marks,
# whether the teacher should be told)
HOSTILE = {
    "right": ("", "", ALL, False),
    "wrong": ("", WRONG, NONE, False),
    "loop-in-cell": (LOOP, "", ALL, True),
    "loop-in-function": ("", f"def ratio(p, q):\n    {LOOP}", (3, 0, 4), True),
    "swallows-interrupts": (
        "import signal\nfor s in range(1, 32):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass",
        "def ratio(p, q):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        (3, 0, 4),
        True,
    ),
    "exit-in-cell": ("import os\nos._exit(0)", "", ALL, True),
    "exit-in-function": ("", "def ratio(p, q):\n    import os; os._exit(0)", (3, 0, 4), True),
    "three-endless": (f"{LOOP}\n# %%\n{LOOP} # 2\n# %%\n{LOOP} # 3", "", NONE, True),
    "patches-comparisons": (
        "import math, torch, builtins, course_lib.checks as c\n"
        "yes = lambda *a, **k: True\n"
        "torch.allclose = torch.isclose = torch.equal = math.isclose = c.check = yes\n"
        "builtins.abs = lambda x: 0\ntorch.Tensor.__eq__ = torch.Tensor.__le__ = yes",
        WRONG,
        NONE,
        False,
    ),
    "equals-everything": (
        EQUAL,
        "my_kl = Equal(1)\ndef ratio(p, q): return Equal(1)\ndef loss(x, y): return Equal(1)",
        NONE,
        False,
    ),
    "reads-grader": (
        "",
        "import os\nfound = []\n"
        "for top in ('/course', '/root', '/home', '/tmp', '/var', '/etc', 'OUTSIDE'):\n"
        "    for d, below, fs in os.walk(top):\n"
        "        below[:] = [name for name in below if 'site-packages' not in name]\n"
        "        found += [f for f in fs if '/course_lib/lessons/' in d\n"
        "                  or f in ('grader.py', 'secret.key', 'roster.csv', 'judge.py')]\n"
        "my_kl = len(found) or my_kl",
        ALL,
        False,
    ),
    "writes-outside": (
        "",
        "import os, sys, torch\nopened = 0\n"
        "for place in ('/', '/usr', '/dev', '/course', '/course/course_lib', '/course/data',\n"
        "              sys.prefix, sys.base_prefix, os.path.dirname(torch.__file__),\n"
        "              '/proc/sys/kernel', 'OUTSIDE'):\n"
        "    try: open(place + '/written-by-a-student', 'w'); opened += 1\n"
        "    except OSError: pass\n"
        "my_kl += opened",
        ALL,
        False,
    ),
    # Its processes may be the death of each other before they are counted: then nobody is told.
    "fork-bomb": ("import os\nwhile True: os.fork()", "", ALL, None),
    "crowd": (
        "import os, time\nfor _ in range(20):\n    if not os.fork(): time.sleep(60)",
        "",
        ALL,
        True,
    ),
    "pool": (
        "import os, time\nfor _ in range(4):\n    if not os.fork(): time.sleep(60)",
        "",
        ALL,
        False,
    ),
    "hog-one": (
        "parts = []\nwhile True: parts.append(bytearray(1 << 26))",
        "",
        ALL,
        True,
    ),
    "hog-many": (
        "import os, time\nfor _ in range(8):\n    if not os.fork():\n"
        "        x = bytearray(b'1') * (300 << 20); time.sleep(60)\ntime.sleep(60)",
        "",
        ALL,
        True,
    ),
    "duplicated-ids": ("", "ratio = ratio", ALL, False),
    "floods-print": ("for _ in range(300): print('x' * (1 << 20))", "", ALL, False),
    "floods-descriptor": (
        "import os\nfor _ in range(300): os.write(1, b'x' * (1 << 20))",
        "",
        ALL,
        True,
    ),
    "floods-answer": (
        "",
        "import torch\nmy_kl = torch.zeros(30_000_000)\ndef ratio(p, q): return 'x' * (20 << 20)",
        (0, 0, 4),
        False,
    ),
    "floods-parts": ("", "my_kl = [0] * 2_000_000", (0, 3, 4), True),
    "floods-frames": (
        FORGE,
        "def ratio(p, q):\n    os.write(int(sys.argv[2]), struct.pack('>I', 2**31) + b'x' * 9)",
        None,  # what follows the broken frame can't be asked any more
        True,
    ),
    "forges-end": (FORGE, "def ratio(p, q): forge({'end': 99}); return p", None, True),
    "forges-reply": (
        FORGE,
        "def ratio(p, q): forge({'of': 1, 'value': {'list': [1.0] * 5}}); os._exit(0)\n"
        "my_kl = {'value': 'right'}",
        (0, 0, 4),
        False,
    ),
    "replaces-wire": (
        "import sys\nw = sys.modules['course_lib.classroom.wire']\n"
        "w.pack = lambda value: {'list': [0.5] * 5}\nw.unpack = lambda value: []",
        "",
        NONE,
        False,
    ),
    "network": (
        "",
        "import socket\nfor family, place in ((2, ('127.0.0.1', PORT)), (1, 'OUTSIDE/socket'),\n"
        "                      (1, '\\0classroom-test')):\n"
        "    try: socket.socket(family).connect(place); my_kl += 1\n    except OSError: pass",
        ALL,
        False,
    ),
    "inspects-heap": (
        "",
        "import gc, sys, inspect\n"
        "def look(*a):\n"
        "    for o in gc.get_objects():\n"
        "        if type(o).__name__ in ('Question', 'Exercise'): return o\n"
        "    for f in inspect.stack():\n"
        "        for n in ('right', 'wanted', 'expected'):\n"
        "            if n in f.frame.f_locals: return f.frame.f_locals[n]\n"
        "    return -1.0\n"
        "my_kl = look()\nratio = loss = look",
        NONE,
        False,
    ),
    "script": ("print('<script>alert(1)</script>')", "# <script>alert(2)</script>", ALL, False),
    "fills-disks": (
        "import os\nfor place in ('/tmp', '/dev/shm', '/student', '/dev', '/run'):\n"
        "    try:\n        for n in range(40):\n"
        "            open(f'{place}/{n}', 'wb').write(b'x' * (16 << 20))\n"
        "    except OSError: pass",
        "",
        ALL,
        False,
    ),
    "kills-others": ("import os, signal\nos.kill(-1, signal.SIGKILL)", "", ALL, False),
    "kills-itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "", ALL, True),
    "stops-itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "", ALL, True),
    "closes-descriptors": ("import os\nos.closerange(0, 200)", "", ALL, True),
    "pickle": (
        "",
        "class Bomb:\n    def __reduce__(self):\n"
        "        return open, ('OUTSIDE/written-by-a-student', 'w')\n"
        "my_kl = Bomb()\nimport pickle\ndef ratio(p, q): return pickle.dumps(Bomb())",
        (0, 0, 4),
        False,
    ),
    "leaks-probes": ("", "def ratio(p, q): raise KeyError(str(p))", (3, 0, 4), False),
    "holds-itself": ("", "my_kl = []\nmy_kl.append(my_kl)", (0, 3, 4), False),
    "huge-number": ("", "my_kl = 10**5000\ndef ratio(p, q): return float('nan')", (0, 0, 4), False),
    "imports-solution": (
        "",
        "from course_lib.lessons.lesson_02.exercises import best_discriminator as ratio",
        ALL,  # the import fails, and the student's own function stays
        False,
    ),
    "detached": ("", "right = loss\ndef loss(x, y): return right(x, y).detach()", (3, 3, 0), False),
    "value-of-loss": ("", "r = loss\ndef loss(x, y): return r(x, y).detach() + 0 * x.sum()",
                      (3, 3, 0), False),
    "raises-in-cell": ("raise SystemExit", "raise KeyboardInterrupt", ALL, False),
    "changes-nothing-named": ("", "del my_kl, ratio, loss", NONE, False),
    "threads": (
        "import threading\nfor _ in range(20): threading.Thread(target=lambda: [None for _ in "
        "iter(int, 1)], daemon=True).start()",
        "",
        None,  # slow by itself: some answers may come too late, and are said to
        None,
    ),
}  # fmt: skip
# files that are no notebooks, or no files
BROKEN = {
    "broken-json": b'{"cells": [',
    "no-json": b"\xff\xfe\x00 no text",
    "no-notebook": b'{"cells": {"a": 1}, "metadata": 3}',
    "no-cells": b"[1, 2, 3]",
    "deep": b'{"cells":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "huge": b'{"cells": [], "metadata": {"x": "' + b"x" * (6 << 20) + b'"}}',
    "many-cells": json.dumps(
        {"cells": [{"cell_type": "code", "source": "1", "metadata": {}}] * 501}
    ).encode(),
}
PLACED = ("symlink", "folder-symlink", "fifo", "wrong-name", "two-files", "absent", "folder")


def expected(student):
    """The marks and whether the teacher is told; None where both ways are good."""
    if student in HOSTILE:
        return HOSTILE[student][2:]
    if student == "wrong-name":
        return ALL, False
    return NONE, student != "absent"


STUDENTS = [*HOSTILE, *BROKEN, *PLACED]
FEW = ["right", "loop-in-function", "exit-in-cell", "equals-everything", "writes-outside",
       "kills-others", "deep", "symlink"]  # fmt: skip


def make(folder: Path, students, outside: str = "/", port: int = 1):
    """A class in `folder` in which these students handed in."""
    for name, text in (("notebook.py", TEXT), ("grader.py", GRADER)):
        grade.write(folder / "assignments" / "hw" / name, text)
    grade.write(folder / "secret.key", "always the same numbers for this class")
    made = room.new(folder, [])
    (folder / "roster.csv").write_text(room.ROSTER + "".join(f"{s},,\n" for s in students))
    given = made.assignment("hw")
    for student in students:
        place = folder / "submitted" / student / "hw"
        place.mkdir(parents=True)
        right = json.loads(given.copy(made.numbers(given, student), student, solved=True))
        hand_in(place, student, right, outside, port)
    return made, given


def hand_in(place: Path, student: str, notebook: dict, outside: str, port: int):
    target = place / "hw.ipynb"
    if student in BROKEN:
        return target.write_bytes(BROKEN[student])
    before, after, *_ = HOSTILE.get(student, ("", ""))

    def cells(text):
        text = text.replace("OUTSIDE", outside).replace("PORT", str(port))
        return [
            {"cell_type": "code", "source": s, "metadata": {"exercise": "hw.2"}}
            for s in text.split("\n# %%\n")
        ]

    notebook["cells"] = [*cells(before), *notebook["cells"], *cells(after)]
    text = json.dumps(notebook)
    if student in ("symlink", "folder-symlink"):
        (place.parent / "elsewhere.ipynb").write_text(text)
        target.symlink_to(place.parent / ("elsewhere.ipynb" if student == "symlink" else ""))
    elif student == "fifo":
        os.mkfifo(target)
    elif student == "folder":
        target.mkdir()
    elif student == "wrong-name":
        (place / "Homework (final).ipynb").write_text(text)
    elif student == "two-files":
        (place / "a.ipynb").write_text(text)
        (place / "b.ipynb").write_text(text)
    elif student != "absent":
        target.write_text(text)


def batch(folder: Path, students, outside="/", port=1, jobs=2):
    """Make the class, grade it, and return the results by student."""
    made, given = make(folder, students, outside, port)
    values = {student: made.numbers(given, student) for student in students}
    results = grade.grade_class(
        given, made.students("hw"), values, folder / "results" / "hw", jobs=jobs, limits=LIMITS
    )
    return {result["student"]: result for result in results}


if __name__ == "__main__":
    sandbox.demand()
    batch(Path(sys.argv[1]), sys.argv[4:], sys.argv[2], int(sys.argv[3]))
