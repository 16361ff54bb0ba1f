"""Build the lessons' notebooks from their text, and execute the solved copies.

`notebooks/source/NN_name.py` is the only thing written by hand. From it come, one way,

* `notebooks/NN_name.ipynb`, the learner's copy: no outputs, each solution replaced by `...`, no
  cell that is a solution;
* `notebooks/solved/NN_name.ipynb`: solutions in place, with the outputs of the laptop budget.

    python notebooks/build.py [06 ...]             build both copies (of all lessons, or of some)
    python notebooks/build.py --check              say which copies or outputs are out of date
    python notebooks/build.py --execute [06 ...]   build, run the solved copies at the laptop
                                                   budget, keep outputs and measured minutes
    python notebooks/build.py --execute --budget smoke --keep-figures DIR 06
                                                   try a lesson: nothing in the course changes,
                                                   the result and its figures go to folders

Outputs are kept as long as the lesson's code is what was executed; prose may change. Building
twice gives the same bytes, so a difference in git is a difference in the lesson.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import html
import json
import os
import re
import sys
import tempfile
import textwrap
import time
from pathlib import Path

# ruff: noqa: E402
# A grammar of web addresses that jsonschema looks for takes more than a second to import, and the
# format of notebooks has no use for it.
sys.modules.setdefault("rfc3987_syntax", None)

import jupytext
import nbformat
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).resolve().parent))  # this folder is no package

import kit_minutes as kit
import lesson_form as form
from reading_time import Reading, reading, tidy

NOTEBOOKS = Path(__file__).resolve().parent
LIMIT = {"solved": 1_000_000, "learner": 300_000}  # bytes of a notebook
KEPT_METADATA = ("tags", "exercise", "minutes", "nbgrader")
DATA_URL = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
WIDGET = "application/vnd.jupyter.widget-view+json"
SOLUTION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[^\n]*\n(?P<body>.*?)^[ \t]*### END SOLUTION[^\n]*\n?",
    re.MULTILINE | re.DOTALL,
)
TOKEN = re.compile(r"\{\{minutes(?::(?P<lesson>\d\d))?\}\}")
TIME = re.compile(r"\{\{(?:part:(?P<part>[A-Z])|time(?::(?P<lesson>\d\d))?)\}\}")
ROW = re.compile(
    r"^\| (?P<number>\d\d) \| (?P<title>\[.*?\)) \| [\d +]+ min \| [\d.]+ min \|", re.M
)
DRAWING = re.compile(r"!\[(?P<alt>[^\]]+)\]\(drawing:(?P<name>[\w-]+)\)")


class BuildError(Exception):
    """Something in a lesson that its author must change."""


# From the text to the two copies ---------------------------------------------------------------


def placeholder(body: str) -> str:
    """What stands in the learner's copy for a solution: `name = ...` for each name that it
    binds, so that later cells find the name, else a bare `...`."""
    try:
        statements = ast.parse(textwrap.dedent(body)).body
    except SyntaxError:  # for example a lone `return`
        return "..."
    names: list[str] = []
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets):
                found = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                found = [name]
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found = [name]
            case ast.Return():  # the body of a function: its names are nobody else's business
                return "..."
            case _:
                found = []
        names += [name for name in found if name not in names]
    return "\n".join(f"{name} = ..." for name in names) or "..."


def without_solution(code: str) -> str:
    def blank(match: re.Match) -> str:
        return textwrap.indent(placeholder(match["body"]), match["indent"]) + "\n"

    return SOLUTION.sub(blank, code).rstrip("\n")


def without_markers(code: str) -> str:
    return SOLUTION.sub(lambda match: match["body"], code).rstrip("\n")


def read_source(path: Path) -> NotebookNode:
    """The lesson as a notebook with solutions and markers in place, its cells named for good."""
    notebook = jupytext.read(path, fmt="py:percent")
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        key = f"{path.stem}\n{cell.cell_type}\n{cell.source}"
        seen[key] = seen.get(key, 0) + 1
        cell.id = hashlib.sha256(f"{key}\n{seen[key]}".encode()).hexdigest()[:12]
        cell.metadata = NotebookNode(
            {name: cell.metadata[name] for name in KEPT_METADATA if name in cell.metadata}
        )
        if cell.source.count("### BEGIN SOLUTION") != len(SOLUTION.findall(cell.source)):
            raise BuildError(f"{path.name}: a BEGIN SOLUTION without its END:\n{cell.source}")
        try:
            form.cards(cell.source if cell.cell_type == "markdown" else "")
        except form.FormError as error:
            raise BuildError(f"{path.name}: {error}") from None
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def title(path: Path) -> str:
    """A lesson's heading, "06 · The variational autoencoder"."""
    found = re.search(r"^# # (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else path.stem


def link_cells(source: NotebookNode, links: str) -> None:
    """Put the links under the lesson's heading and at its end."""
    prose = [
        cell
        for cell in source.cells
        if cell.cell_type == "markdown" and not form.is_solution(cell)
    ]
    if links and prose:
        heading, _, rest = prose[0].source.partition("\n")
        prose[0].source = f"{heading}\n\n{links}\n{rest}"
        prose[-1].source += f"\n\n{links}"


def code_hash(source: NotebookNode) -> str:
    """What outputs depend on: the code cells as the author wrote them."""
    code = [cell.source for cell in source.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


class Course:
    """The folder of notebooks: `source/` is read, the rest is written."""

    def __init__(self, folder: Path = NOTEBOOKS):
        self.folder, self.source, self.solved = folder, folder / "source", folder / "solved"
        self.timings = self.source / "minutes.json"

    def lessons(self, wanted: list[str] | None = None) -> list[Path]:
        """The sources of the lessons, by number; those whose names begin as asked."""
        return [path for path in self.notebooks(wanted) if path.stem[:2].isdigit()]

    def notebooks(self, wanted: list[str] | None = None) -> list[Path]:
        """The lessons, then what is no lesson and is built alike: the gallery of explorers."""
        every = sorted(self.source.glob("*.py"))
        for name in wanted or []:
            if not any(path.stem.startswith(name) for path in every):
                known = ", ".join(path.stem for path in every) or "none yet"
                raise BuildError(
                    f"there is no lesson {name!r} in {self.source.name}/ ({known})"
                )
        return [p for p in every if not wanted or any(p.stem.startswith(n) for n in wanted)]

    def minutes(self) -> dict[str, float]:
        return json.loads(self.timings.read_text()) if self.timings.exists() else {}

    def with_minutes(self, text: str, stem: str) -> str:
        measured = self.minutes()

        def fill(match: re.Match) -> str:
            value = measured.get(match["lesson"] or stem[:2])
            if value is None:
                return "?"
            return f"{max(value, 0.1):.1f}" if value < 1 else f"{value:.0f}"

        return TOKEN.sub(fill, text)

    def reading(self, number: str) -> Reading:
        """The reading time of the lesson with that number."""
        (path,) = self.lessons([number])
        return reading(read_source(path))

    def with_times(self, text: str, own: Reading) -> str:
        """`{{part:B}}` and `{{time}}` as this lesson's, `{{time:06}}` as another's."""

        def fill(match: re.Match) -> str:
            if match["part"]:
                return own.part(match["part"])
            return self.reading(match["lesson"]).short() if match["lesson"] else own.whole()

        return TIME.sub(fill, text)

    def with_drawings(self, text: str) -> str:
        """Each `![alternative text](drawing:NAME)` as the drawing itself: a copy of a lesson
        stands alone, wherever it lies."""

        def embed(match: re.Match) -> str:
            file = self.source / "drawings" / f"{match['name']}.svg"
            if not file.is_file():
                raise BuildError(f"there is no drawing {match['name']!r}: see drawings.py")
            svg = file.read_text("utf-8")
            width = round(float(re.search(r'width="([\d.]+)pt"', svg)[1]) / 0.72)
            alt = html.escape(" ".join(match["alt"].split()))
            encoded = base64.b64encode(svg.encode()).decode()
            return (
                f'<img alt="{alt}" width="{width}" src="data:image/svg+xml;base64,{encoded}">'
            )

        return DRAWING.sub(embed, text)

    def neighbours(self, path: Path) -> str:
        """Links to the lesson before, to the first one (the contents) and to the next."""
        every = self.lessons()
        if path not in every:
            return f"[contents]({every[0].stem}.ipynb)" if every else ""
        at = every.index(path)
        places = [("← ", every[at - 1] if at else None), ("", every[0] if at else None)]
        places.append(("→ ", every[at + 1] if at + 1 < len(every) else None))
        return " · ".join(
            f"{arrow}[{title(place) if arrow else 'contents'}]({place.stem}.ipynb)"
            for arrow, place in places
            if place
        )

    def build(self, path: Path) -> dict[Path, str]:
        """Both copies of one lesson as text, without writing them."""
        source = read_source(path)
        own, texts = reading(source), {}
        link_cells(source, self.neighbours(path))
        form.fold(source.cells)
        for target, change in (
            (self.folder / f"{path.stem}.ipynb", without_solution),
            (self.solved / f"{path.stem}.ipynb", without_markers),
        ):
            notebook = nbformat.from_dict(source)
            if target.parent != self.solved:
                notebook.cells = [c for c in notebook.cells if not form.is_solution(c)]
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.source, cell.outputs, cell.execution_count = (
                        change(cell.source),
                        [],
                        None,
                    )
                else:
                    text = form.with_folds(self.with_minutes(cell.source, path.stem))
                    cell.source = self.with_drawings(self.with_times(text, own))
            if target.parent == self.solved:
                keep_outputs(notebook, target, code_hash(source))
            texts[target] = as_text(notebook)
        return texts

    def pages(self) -> dict[Path, str]:
        """Markdown pages (the errata) go to the learner as they are."""
        return {self.folder / p.name: p.read_text("utf-8") for p in self.source.glob("*.md")}

    def readme(self) -> dict[Path, str]:
        """README with the minutes of every lesson in its table: a reader's, then a machine's."""
        file, measured = self.folder.parent / "README.md", self.minutes()
        if not file.exists():
            return {}

        def row(match: re.Match) -> str:
            number = match["number"]
            if number not in measured or not any(p.stem[:2] == number for p in self.lessons()):
                return match[0]
            read = self.reading(number).short()
            return f"| {number} | {match['title']} | {read} | {measured[number]} min |"

        text = file.read_text("utf-8")
        return {file: ROW.sub(row, text)}

    def teaching(self) -> dict[Path, str]:
        """The pages of the teacher's kit that state minutes."""
        folder = self.folder / "teaching"
        if not folder.exists():
            return {}
        minutes = {
            f"{path.stem[:2]} {part.letter}": tidy(part.minutes)
            for path in self.lessons()
            for part in self.reading(path.stem[:2]).parts
        }
        pages = {name: folder / f"{name}.md" for name in ("routes", "lessons")}
        texts = {name: file.read_text("utf-8") for name, file in pages.items()}
        return {
            pages["routes"]: kit.routes(texts["routes"], minutes),
            pages["lessons"]: kit.lessons(texts["lessons"], self.reading),
        }

    def write(self, wanted: list[str] | None = None) -> list[Path]:
        """Build; returns the files that changed."""
        texts = dict(self.pages())
        for path in self.notebooks(wanted):
            texts |= self.build(path)
        changed = []
        texts |= self.readme() | self.teaching()
        for target, text in texts.items():
            if not target.exists() or target.read_text("utf-8") != text:
                target.parent.mkdir(exist_ok=True)
                target.write_text(text, "utf-8", newline="\n")
                changed.append(target)
        return changed

    def check(self) -> list[str]:
        """What is wrong with the copies, a line each; empty when all agree with the source."""
        problems, known = [], set()
        texts = dict(self.pages())
        for path in self.notebooks():
            texts |= self.build(path)
        for target, text in texts.items():
            known.add(target)
            name = target.relative_to(self.folder)
            if not target.exists():
                problems.append(f"{name} is missing: make notebooks")
            elif target.read_text("utf-8") != text:
                problems.append(f"{name} does not agree with its source: make notebooks")
            elif target.parent == self.solved and "course" not in json.loads(text)["metadata"]:
                problems.append(f"{name} has no outputs of its code: make execute")
            limit = LIMIT["solved" if target.parent == self.solved else "learner"]
            if len(text.encode()) > limit:
                problems.append(f"{name} is larger than {limit} bytes: smaller figures, please")
        for target in (*self.folder.glob("*.ipynb"), *self.solved.glob("*.ipynb")):
            if target not in known:
                problems.append(f"{target.relative_to(self.folder)} has no source: remove it")
        return problems

    # Execution ---------------------------------------------------------------------------------

    def execute(self, path: Path, budget: str, to: Path | None, figures: Path | None) -> Path:
        """Run a lesson's solved copy. At the laptop budget the outputs and the minutes go to the
        course; with `to` they go to that folder and the course stays as it is."""
        notebook = nbformat.reads(
            self.build(path)[self.solved / f"{path.stem}.ipynb"], as_version=4
        )
        seconds = run(notebook, budget, path.stem)
        clean_outputs(notebook, path.stem)
        notebook.metadata["course"] = {"code": code_hash(read_source(path)), "budget": budget}
        if figures:
            write_figures(notebook, figures, path.stem)
        text = as_text(notebook)
        if len(text.encode()) > LIMIT["solved"]:
            sizes = sorted(
                ((len(json.dumps(c.get("outputs", []))), c.source) for c in notebook.cells),
                reverse=True,
            )
            listed = "\n".join(f"  {n:>8} bytes: {s.splitlines()[-1]}" for n, s in sizes[:3])
            aside = Path(tempfile.gettempdir()) / f"{path.stem}.too-large.ipynb"
            aside.write_text(text, "utf-8", newline="\n")
            raise BuildError(
                f"{path.stem}: {len(text.encode())} bytes with outputs, at most "
                f"{LIMIT['solved']} are "
                f"allowed; kept to look at in {aside}. Draw smaller or fewer figures. The largest "
                f"outputs end in\n{listed}"
            )
        target = (to or self.solved) / f"{path.stem}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", newline="\n")
        if to is None and path in self.lessons():
            measured = self.minutes() | {path.stem[:2]: round(seconds / 60, 2)}
            self.timings.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
            self.write()  # the minutes stand in headers, of lesson 00 too
        return target


def as_text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def keep_outputs(notebook: NotebookNode, target: Path, code: str) -> None:
    """Carry outputs over from `target` if they came from this very code."""
    if not target.exists():
        return
    old = nbformat.reads(target.read_text("utf-8"), as_version=4)
    executed = old.metadata.get("course", {})
    before = [cell for cell in old.cells if cell.cell_type == "code"]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if executed.get("code") != code or [c.id for c in before] != [c.id for c in cells]:
        return
    notebook.metadata["course"] = executed
    for cell, previous in zip(cells, before, strict=True):
        cell.outputs, cell.execution_count = previous.outputs, previous.execution_count


def run(notebook: NotebookNode, budget: str, stem: str) -> float:
    """Execute in place, in a folder that is thrown away. Returns seconds without the start of
    the kernel; raises BuildError at the first cell that fails."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    settings = {
        "COURSE_BUDGET": budget,
        "COURSE_PROGRESS": "0",
        "COURSE_STRICT": "1",  # a check that is not passed raises
        "COURSE_STATIC": "1",  # explorers show their first view as a picture
    }
    times: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=1800,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            store_widget_state=False,
            record_timing=False,
        )
        with client.setup_kernel(env=os.environ | settings):
            for index, cell in enumerate(notebook.cells):
                start = time.perf_counter()
                try:
                    client.execute_cell(cell, index)
                except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                    raise BuildError(f"{stem}: a cell failed\n{error}") from None
                times.append((time.perf_counter() - start, cell.source))
            memory = peak(client.km.provisioner.pid)
    total = sum(seconds for seconds, _ in times)
    print(f"{stem}: {total:.1f} s at budget {budget}{memory}; the slowest cells:")
    for seconds, source in sorted(times, reverse=True)[:3]:
        first = next((line for line in source.splitlines() if line.strip()), "")
        print(f"  {seconds:6.1f} s  {first}", flush=True)
    return total


def peak(process: int) -> str:
    """The most memory that a process has held, where the system tells it."""
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text() if status.exists() else "")
    return f", {int(found[1]) / 1000:.0f} MB at the peak" if found else ""


def clean_outputs(notebook: NotebookNode, stem: str) -> None:
    """Drop what changes from run to run or can't be shown; refuse what names this machine."""
    here = {str(NOTEBOOKS.parent), str(Path.home()), sys.prefix, tempfile.gettempdir() + "/"}
    here = {path for path in here if len(path) > 2}
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if WIDGET in output.get("data", {}):
                raise BuildError(
                    f"{stem}: a widget can't be kept in a notebook. With COURSE_STATIC=1 show a "
                    f"picture in its place, as explore.show does. The cell:\n{cell.source}"
                )
            shown = {k: v for k, v in output.get("data", {}).items() if k != "image/png"}
            text = DATA_URL.sub("", json.dumps([shown, output.get("text")]))
            found = sorted(path for path in here if path in text)
            if found:
                raise BuildError(
                    f"{stem}: an output names a place on this machine ({found[0]}):\n"
                    f"{text}\nThe cell:\n{cell.source}"
                )


def pictures(output: NotebookNode) -> list[bytes]:
    """The PNGs in one output, bare or inside HTML (as plots.show gives them, with their text)."""
    data = output.get("data", {})
    encoded = [data["image/png"]] if "image/png" in data else []
    encoded += DATA_URL.findall(data.get("text/html", ""))
    return [base64.b64decode(text) for text in encoded]


def write_figures(notebook: NotebookNode, folder: Path, stem: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index, cell in enumerate(notebook.cells):
        found = [png for output in cell.get("outputs", []) for png in pictures(output)]
        for number, png in enumerate(found):
            target = folder / f"{stem}-cell{index:03d}-{number}.png"
            target.write_bytes(png)
            print(f"  {target}")


def main(arguments: list[str] | None = None, folder: Path = NOTEBOOKS) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons; none means all")
    parser.add_argument("--check", action="store_true", help="change nothing, report")
    parser.add_argument("--execute", action="store_true", help="run the solved copies")
    parser.add_argument("--budget", default="laptop", choices=("smoke", "laptop", "full"))
    parser.add_argument("--to", type=Path, help="put executed copies here, not into the course")
    parser.add_argument("--keep-figures", type=Path, metavar="DIR", help="write each PNG there")
    chosen = parser.parse_args(arguments)
    course = Course(folder)
    try:
        if chosen.check:
            problems = course.check()
            print("\n".join(problems) or "All copies agree with their source.")
            return bool(problems)
        if not chosen.execute or (chosen.budget == "laptop" and not chosen.to):
            for path in course.write(chosen.lessons):
                print(f"built {path.relative_to(folder.parent)}")
        if chosen.execute:
            to = chosen.to
            if to is None and chosen.budget != "laptop":
                to = Path(tempfile.mkdtemp(prefix="lessons-"))
            for path in course.notebooks(chosen.lessons):
                target = course.execute(path, chosen.budget, to, chosen.keep_figures)
                print(f"executed {target}")
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
