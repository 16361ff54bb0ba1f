"""What was handed in, read as bounded text: no link is followed, no pipe waited for, no JSON
trusted. A notebook is never run here; `grade` has a sandbox do that.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import stat
import symtable
import warnings
from dataclasses import dataclass, field
from pathlib import Path

LARGEST = 5 << 20  # bytes of a notebook
COMMAND = re.compile(r"\s*([%!?]|[\w.]+\?\??\s*$)")  # a notebook's own line, no Python
SENTENCE = 8  # words of a printed text that is an answer, no scratch
CELLS, SHOWN = 500, 6000  # code cells at most; characters of an answer that are kept


class Unreadable(Exception):
    """There is no notebook that can be read; the message is for the learner."""


class Absent(Unreadable):
    """Nothing was handed in."""


@dataclass
class Submission:
    """Code cells in order; per exercise the cell that answers it; what the notebook claims.

    texts: every cell in order, (whether it is code, its text). made_as, made_for, seal: which
    assignment's copy it says it is, whose, and with what numbers (`Assignment.seal`).
    """

    digest: str
    cells: list[str]
    exercises: dict[str, int] = field(default_factory=dict)  # number → its cell
    written: dict[str, str] = field(default_factory=dict)  # number → a Markdown answer
    texts: list[tuple[bool, str]] = field(default_factory=list)
    made_as: str | None = None
    made_for: str | None = None
    seal: str | None = None
    notes: list[str] = field(default_factory=list)


def read(folder: Path, name: str) -> Submission:
    """The notebook `name`.ipynb of this folder, or the only one there under another name."""
    path, notes = folder / f"{name}.ipynb", []
    if not os.path.lexists(path):
        found = sorted(p for p in folder.glob("*.ipynb"))
        if not found and not (folder.is_dir() and any(folder.iterdir())):
            raise Absent("nothing was handed in")
        if len(found) != 1:
            many = f"{len(found)} others" if found else "other files"
            raise Unreadable(f"no notebook called {path.name} was handed in, but {many}")
        path = found[0]
        notes.append(f"the notebook should be called {name}.ipynb, yours is {plain(path.name)}")
    elif others := sorted(plain(p.name) for p in folder.glob("*.ipynb") if p != path):
        notes.append(f"{path.name} was graded, not {', '.join(others)}")
    data = read_file(path)
    try:
        submission = parse(data)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        kind = type(error).__name__
        raise Unreadable(
            f"{plain(path.name)} is no notebook that can be read ({kind})"
        ) from None
    submission.notes += notes
    return submission


def plain(text: str, keep: int = 60) -> str:
    """A text of a student's for a terminal: no control characters, not too long."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text[:keep])


def read_file(path: Path) -> bytes:
    """The bytes of a plain file of at most LARGEST bytes, or Unreadable."""
    name = plain(path.name)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(
            f"{name} can't be opened ({error.strerror}): hand in the file itself, not a link"
        ) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Unreadable(f"{name} is no plain file")
    with os.fdopen(fd, "rb", buffering=0) as file:
        parts = []
        while (part := file.read(LARGEST + 1)) and sum(map(len, parts)) <= LARGEST:
            parts.append(part)
        data = b"".join(parts)
    if len(data) > LARGEST:
        raise Unreadable(
            f"{name} is larger than {LARGEST >> 20} MB: clear its outputs and hand it in again"
        )
    return data


def parse(data: bytes) -> Submission:
    """The parts of a notebook's bytes; `read` names the errors where they are none."""
    notebook = json.loads(data)  # in UTF-8, or UTF-16 as some systems' editors write it
    found, before = Submission(hashlib.sha256(data).hexdigest(), []), None
    for cell in notebook["cells"]:
        text, meta = cell["source"], cell.get("metadata")
        text = text if isinstance(text, str) else "".join(text)
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate can't be written
        number = meta.get("exercise") if isinstance(meta, dict) else None
        found.texts.append((cell["cell_type"] == "code", text))
        if cell["cell_type"] == "code":
            if isinstance(number, str):
                found.exercises[number] = len(found.cells)
            found.cells.append(text)
            before = None
        elif isinstance(number, str):
            before = number  # a cell that was cut in two, or copied, keeps its number
            parts = dict.fromkeys(filter(None, (found.written.get(number), text)))
            found.written[number] = "\n\n".join(parts)[:SHOWN]
        elif before is not None:  # the answer went on in a cell of its own
            found.written[before] = f"{found.written[before]}\n\n{text}"[:SHOWN]
    if len(found.cells) > CELLS:
        raise ValueError("too many cells")
    made = notebook.get("metadata")
    made = made.get("assignment") if isinstance(made, dict) else None
    told = made if isinstance(made, dict) else {}
    claims = (told.get(key) for key in ("name", "for", "numbers"))
    found.made_as, found.made_for, found.seal = (
        claim[:64] if isinstance(claim, str) and claim else None for claim in claims
    )
    return found


def added(submission: Submission, blank: Submission) -> str:
    """What stands outside of code and not in the blank copy: texts that went on or were moved,
    and code cells that are no code, or nothing but comments. No graded exercise's cell, though:
    what is no Python there is a slip."""
    known = {line.strip() for _, text in blank.texts for line in text.splitlines()}
    graded = [
        submission.cells[at] for n, at in submission.exercises.items() if n in blank.exercises
    ]
    found = []
    for code, text in submission.texts:
        if code and (text in graded or not _no_code(text)):
            continue
        lines = [line for line in text.splitlines() if line.strip() not in known]
        found += ["\n".join(lines).strip()] * any(line.strip() for line in lines)
    return "\n\n".join(found)[:SHOWN]


def brings(text: str) -> set[str]:
    """The names that a code cell sets; all of its words where it is no Python."""
    code = "\n".join(line for line in text.splitlines() if not COMMAND.match(line))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symbols = symtable.symtable(code, "cell", "exec").get_symbols()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return words(code)
    return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", text))


def _no_code(text: str) -> bool:
    """Whether a code cell holds words: comments, a text in quotes, also one that is printed or
    given a name if it is long, or what is no Python."""
    if any(map(COMMAND.match, text.splitlines())):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the writer's backslashes
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return all(map(_no_statement, body))


def _no_statement(part: ast.stmt) -> bool:
    value = getattr(part, "value", None)
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "print" and value.args:
        value, bare = value.args[0], False
    else:
        bare = isinstance(part, ast.Expr)
    told = getattr(value, "value", None)
    return isinstance(value, ast.Constant) and (
        bare or (isinstance(told, str) and len(told.split()) >= SENTENCE)
    )
