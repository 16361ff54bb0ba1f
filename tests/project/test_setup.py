"""The set-up: the Makefile's help, the learner's copies, requirements that agree, clean files."""

import ast
import errno
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
IMPORT_NAMES = {"scikit-learn": "sklearn", "pillow": "PIL"}
# Not imported by the library or a lesson: the place in which the lessons are read.
FOR_THE_LEARNER = {"jupyterlab"}


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def tracked(root):
    """Every text file of the course that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git clone")
    texts = {}
    for name in filter(None, listed.stdout.split("\0")):
        try:
            texts[name] = (root / name).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    return texts


# Requirements ----------------------------------------------------------------------------------


LOCKS = ("requirements.lock", "requirements-gpu.lock", "requirements-cpu.lock")
OPTIONS = ["--require-hashes", "--only-binary :all:"]
ENTRY = re.compile(
    r"([\w.-]+)==([\w.!+]+)(?: ; (.+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)


@pytest.fixture(scope="module")
def locked(root):
    """{lock: {package: its version}}; a lock holds options, comments and pinned, hashed files."""
    found = {}
    for name in LOCKS:
        text = (root / name).read_text()
        entries = {canonicalize_name(m[1]): Version(m[2]) for m in ENTRY.finditer(text)}
        rest = ENTRY.sub("", text).splitlines()
        assert [line for line in rest if not line.startswith("#")] == OPTIONS, name
        assert len(entries) == len(ENTRY.findall(text)), f"{name} names a package twice"
        found[name] = entries
    return found


def test_the_lock_lies_within_the_ranges(root, project, locked):
    texts = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        texts += extra
    texts += tomllib.loads((root / "pyproject.toml").read_text())["build-system"]["requires"]
    for text in texts:
        wanted = Requirement(text)
        assert locked["requirements.lock"].get(wanted.name) in wanted.specifier, (
            f"{text}: run `make lock`"
        )


def test_the_lock_holds_what_its_packages_ask_for(project, locked):
    """--no-deps installs just what the lock says: so it must say all, in fitting versions."""
    versions, missing = locked["requirements.lock"], []
    extras = {name: {""} for name in versions}
    for text in project["dependencies"]:
        extras[Requirement(text).name] |= Requirement(text).extras
    walked = set()
    while todo := {(name, extra) for name in versions for extra in extras[name]} - walked:
        for name, extra in todo:
            try:
                asked = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue  # of another system
            for wanted in map(Requirement, asked):
                other = canonicalize_name(wanted.name)
                if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
                    continue
                if versions.get(other) in wanted.specifier:
                    extras[other] |= wanted.extras
                elif other not in locked["requirements-gpu.lock"]:
                    missing.append(f"{name} asks for {wanted}, locked: {versions.get(other)}")
        walked |= todo
    assert missing == [] and len(walked) > 100


def test_the_three_locks_agree(locked):
    main, gpu, cpu = (locked[name] for name in LOCKS)
    assert {name: Version(v.public) for name, v in cpu.items()} == {"torch": main["torch"]}
    assert cpu["torch"].local == "cpu"
    assert not main.keys() & gpu.keys() and len(gpu) > 10
    assert not [name for name in main if re.match(r"nvidia|cuda|triton", name)]


def test_environment_yml_agrees(root, project):
    listed = re.findall(r"^  - ([\w-]+)(\S*)$", (root / "environment.yml").read_text(), re.M)
    conda = {name: bound for name, bound in listed if name not in ("conda-forge", "pip")}
    assert conda.pop("python") == project["requires-python"]
    wanted = {}
    for text in project["dependencies"]:
        requirement = Requirement(text)
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        wanted[name] = str(requirement.specifier)
    assert conda == wanted


def test_binder_installs_the_package(root):
    assert (root / ".binder" / "environment.yml").resolve() == root / "environment.yml"
    assert os.access(root / ".binder" / "postBuild", os.X_OK)
    assert os.access(root / ".ci" / "run", os.X_OK)


def test_each_dependency_is_used_and_each_use_declared(root, project):
    files = [*root.glob("course_lib/**/*.py"), *root.glob("notebooks/source/*.py")]
    imported = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.partition(".")[0])
    declared = {Requirement(text).name for text in project["dependencies"]} - FOR_THE_LEARNER
    declared = {IMPORT_NAMES.get(name, name) for name in declared}
    # IPython comes with every Jupyter kernel, google.colab only on Colab.
    assert (
        imported - set(sys.stdlib_module_names) - {"course_lib", "IPython", "google"}
        == declared
    )


@pytest.mark.prove
def test_a_wheel_holds_data_models_and_assignments_and_no_notebook(root, tmp_path):
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = [folder.name for folder in (root / "notebooks" / "assignments").iterdir()]
    wanted = {f"_assignments/{f}/{n}.py" for f in folders for n in ("grader", "notebook")}
    wanted |= {"_data/digits.npz", "_data/checkpoints/gan-mnist.safetensors"}
    assert not {f"course_lib/{name}" for name in wanted} - names
    assert not [name for name in names if name.endswith(".ipynb") or "_data/make" in name]


# The Makefile ----------------------------------------------------------------------------------


def test_help_lists_each_target(root):
    out = subprocess.run(
        ["make", "--no-print-directory"], cwd=root, capture_output=True, text=True
    )
    makefile = (root / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    assert set("help setup lab test lint notebooks execute bench lock".split()) <= set(targets)
    for target in targets:
        assert re.search(rf"^  make {target} +\S", out.stdout, re.M), target


@pytest.fixture
def clone(tmp_path, root):
    """The files that a set-up reads, in a folder with a space in its name."""
    folder = tmp_path / "my course"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        (folder / name).write_bytes((root / name).read_bytes())
    return folder


def fake_python(folder, code: str) -> str:
    """A stand-in for Python that answers as the shell code says; its path, without spaces."""
    path = folder.parent / "python"
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return str(path)


def make(folder, *arguments):
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=folder, capture_output=True, text=True
    )


def test_old_python_is_told(clone):
    old = fake_python(clone, 'case "$1" in --version) echo Python 3.9.1;; *) exit 1;; esac')
    done = make(clone, "lab", f"PYTHON={old}")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stdout and "is: Python 3.9.1" in done.stdout
    assert not (clone / ".venv").exists()


def test_missing_venv_is_told(clone):
    bare = fake_python(clone, 'case "$2" in *ensurepip*) exit 1;; esac')
    done = make(clone, "test", f"PYTHON={bare}")
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stdout


# Stands in for `python -m venv` and for the Python inside: it notes its arguments.
RECORDING = """
case "$2" in
  venv) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "$@" >> calls;;
  pip) echo "$@" >> calls; case "$*" in *-cpu.lock) false;; *) [ ! -e broken ];; esac;;
  *nvidia*) [ -e gpu ];;
esac
"""


def test_interrupted_set_up_is_done_again(clone):
    python = f"PYTHON={fake_python(clone, RECORDING)}"
    (clone / "broken").touch()
    assert make(clone, ".venv/.ready", python).returncode != 0
    assert not (clone / ".venv" / ".ready").exists()
    (clone / "broken").unlink()
    assert make(clone, ".venv/.ready", python).returncode == 0
    calls = (clone / "calls").read_text().splitlines()
    last = [call.split()[-1] for call in calls]
    cpu, main, course = "requirements-cpu.lock", "requirements.lock", "."
    assert last == [".venv", cpu, main, ".venv", cpu, main, course]
    assert all("--clear" in calls[n] for n in (0, 3))
    assert all("--no-deps" in call for call in calls if " pip " in call)
    make(clone, ".venv/.ready", python)
    assert (clone / "calls").read_text().splitlines() == calls, "nothing is left to do"
    os.utime(clone / "pyproject.toml", (2**31, 2**31))
    (clone / "gpu").touch()  # a torch that asks for NVIDIA's libraries
    make(clone, ".venv/.ready", python)
    later = [call.split()[-1] for call in (clone / "calls").read_text().splitlines()[7:]]
    assert later == [cpu, main, "requirements-gpu.lock", course], "installed on top"


# The learner's copies --------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "00_start.ipynb").write_text("first 00")
    (folder / "06_vae.ipynb").write_text("first 06")
    (folder / "errata.md").write_text("errata")
    (folder / "build.py").write_text("not for learners")
    return folder


def texts(work):
    return {p.name: p.read_text() for p in sorted(work.iterdir()) if p.name != ".copies.json"}


FIRST = {"00_start.ipynb": "first 00", "06_vae.ipynb": "first 06", "errata.md": "errata"}


def test_copies_are_made_once(lab, shipped, tmp_path):
    work = tmp_path / "work"
    assert lab.hand_out(shipped, work) == []
    assert texts(work) == FIRST
    (work / "06_vae.ipynb").write_text("mine")
    assert lab.hand_out(shipped, work) == []
    assert texts(work) == FIRST | {"06_vae.ipynb": "mine"}
    (work / "06_vae.ipynb").unlink()
    assert lab.hand_out(shipped, work) == []
    assert texts(work) == FIRST, "a deleted copy is handed out afresh"


def test_a_new_version_is_put_beside_and_said_once(lab, shipped, tmp_path):
    work = tmp_path / "work"
    lab.hand_out(shipped, work)
    (work / "06_vae.ipynb").write_text("mine")
    (shipped / "06_vae.ipynb").write_text("second 06")
    (message,) = lab.hand_out(shipped, work)
    assert "newer version" in message and "work/06_vae.new.ipynb" in message
    expected = FIRST | {"06_vae.ipynb": "mine", "06_vae.new.ipynb": "second 06"}
    assert texts(work) == expected
    assert lab.hand_out(shipped, work) == []
    (work / "06_vae.new.ipynb").write_text("mine too")
    (shipped / "06_vae.ipynb").write_text("third 06")
    (message,) = lab.hand_out(shipped, work)
    assert "work/06_vae.new2.ipynb" in message
    third = {"06_vae.new.ipynb": "mine too", "06_vae.new2.ipynb": "third 06"}
    assert texts(work) == expected | third
    (work / "06_vae.new.ipynb").unlink()
    assert lab.hand_out(shipped, work) == []


def test_a_lost_manifest_costs_nobody_their_work(lab, shipped, tmp_path):
    work = tmp_path / "work"
    lab.hand_out(shipped, work)
    (work / "06_vae.ipynb").write_text("mine")
    (work / ".copies.json").write_text("{damaged")
    told, beside = lab.hand_out(shipped, work)
    assert ".copies.json was damaged" in told and "06_vae.new.ipynb" in beside
    assert texts(work) == FIRST | {"06_vae.ipynb": "mine", "06_vae.new.ipynb": "first 06"}
    assert lab.hand_out(shipped, work) == []


@pytest.mark.parametrize(
    "content", [b"[1, 2]", b"[" * 10**5, b"\xff\xfe", b'{"06_vae.ipynb": 3}', b"null", b""]
)
def test_a_damaged_manifest_is_mended_with_one_sentence(lab, shipped, tmp_path, content):
    work = tmp_path / "work"
    lab.hand_out(shipped, work)
    (work / ".copies.json").write_bytes(content)
    (told,) = lab.hand_out(shipped, work)
    assert "written anew" in told and texts(work) == FIRST
    assert lab.hand_out(shipped, work) == []


def test_a_full_disk_leaves_no_half_lesson(lab, shipped, tmp_path, monkeypatch):
    """Wherever the room ends, the next start goes on as if nothing had been."""
    work, real = tmp_path / "work", os.fsync
    for room in range(4):
        left = iter([real] * room)

        def full(number, left=left):
            write = next(left, None)
            if write is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(number)

        with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
            patch.setattr(os, "fsync", full)
            lab.hand_out(shipped, work)
        assert texts(work).items() <= FIRST.items() and len(texts(work)) == room
        assert not (work / ".copies.json").exists()
        shutil.rmtree(work)
    work.mkdir()
    (work / ".06_vae.ipynb.17.part").write_text("first")  # of a start that was killed
    assert lab.hand_out(shipped, work) == [] and texts(work) == FIRST


def test_lessons_that_were_handed_out_before_the_disk_was_full_stay_the_learners(
    lab, shipped, tmp_path, monkeypatch
):
    work = tmp_path / "work"
    lab.hand_out(shipped, work)
    (work / "06_vae.ipynb").write_text("mine")
    (shipped / "06_vae.ipynb").write_text("second 06")

    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(os, "fsync", full)
        lab.hand_out(shipped, work)
    assert texts(work) == FIRST | {"06_vae.ipynb": "mine"}
    assert len(lab.hand_out(shipped, work)) == 1
    assert texts(work)["06_vae.new.ipynb"] == "second 06"


def test_where_nothing_can_be_written(lab, shipped, monkeypatch, tmp_path):
    (tmp_path / "work").write_text("a file in the way")
    monkeypatch.setattr(lab, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"cannot be written to \(.*\)\. Copy the course"):
        lab.main([])


def test_lab_arguments(lab, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "00_start.ipynb").touch()
    monkeypatch.setattr(lab, "in_container", lambda: False)
    monkeypatch.setattr(lab, "has_screen", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    plain = lab.arguments(tmp_path, ["--port", "9000"])
    assert "--LabApp.default_url=/lab/tree/work/00_start.ipynb" in plain
    assert plain[-2:] == ["--port", "9000"]
    assert not {"--allow-root", "--no-browser", "--ip=0.0.0.0"} & set(plain)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(lab, "has_screen", lambda: False)
    assert {"--allow-root", "--no-browser"} <= set(lab.arguments(tmp_path, []))
    assert "--ip=0.0.0.0" not in lab.arguments(tmp_path, [])
    monkeypatch.setattr(lab, "in_container", lambda: True)
    monkeypatch.setattr(lab, "shares_network", lambda: False)
    assert {"--ip=0.0.0.0", "--no-browser"} <= set(lab.arguments(tmp_path, []))
    monkeypatch.setattr(lab, "shares_network", lambda: True)
    assert not [a for a in lab.arguments(tmp_path, []) if "ip=" in a], "the classroom's network"
    chosen = lab.arguments(tmp_path, ["--ServerApp.ip=127.0.0.1"])
    assert [a for a in chosen if "ip=" in a] == ["--ServerApp.ip=127.0.0.1"]


@pytest.mark.skipif(os.name == "nt", reason="there are no such sockets")
def test_kernels_are_reached_by_files_where_the_path_is_short(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/run/user/1000/jupyter")
    assert "--KernelManager.transport=ipc" in lab.arguments(tmp_path, [])
    chosen = lab.arguments(tmp_path, ["--KernelManager.transport=tcp"])
    assert [a for a in chosen if "transport" in a] == ["--KernelManager.transport=tcp"]
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/long" * 20)
    assert not [a for a in lab.arguments(tmp_path, []) if "transport" in a]


def test_a_network_card_of_the_hosts_is_recognised(lab, monkeypatch):
    monkeypatch.setenv("DISTROBOX_ENTER_PATH", "/usr/bin/distrobox-enter")
    assert lab.shares_network()


@pytest.mark.parametrize("words", [["--ip=192.0.2.7"], ["--ip", "192.0.2.7"], ["--ip=no.such"]])
def test_an_address_of_another_machine_is_one_sentence(lab, words):
    assert "has no address" in lab.refused(words)
    assert lab.refused(["--ip=127.0.0.1"]) is None and lab.refused(["--port", "9000"]) is None


def test_a_home_that_cannot_be_written_to(lab, monkeypatch, tmp_path):
    (tmp_path / "home").write_text("a file in the way")
    for name in ("RUNTIME", "DATA", "CONFIG"):
        monkeypatch.delenv(f"JUPYTER_{name}_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = lab.settings()
    for name in ("RUNTIME", "DATA", "CONFIG"):
        assert os.access(found[f"JUPYTER_{name}_DIR"], os.W_OK)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert set(lab.settings()) == {"JUPYTER_CONFIG_PATH"}


def test_a_missing_jupyterlab_is_one_sentence(lab, monkeypatch):
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="JupyterLab is not installed"):
        lab.main([])


# Clean files -----------------------------------------------------------------------------------


def test_no_file_names_a_machine_or_a_registry(tracked):
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"))]
    hosts += [".".join(("download", "pytorch", "org")), ".".join(("conda", "anaconda", "org"))]
    hosts += [".".join(parts) for parts in (("deb", "debian", "org"), ("npmjs", "org"))]
    places = [
        "/".join(("", *parts)) for parts in (("root", ""), ("work", "main"), ("opt", "pypi"))
    ]
    places += ["/".join(("..", "shared")), "/".join(("", "home", ""))]
    pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(text)}" for text in hosts + places))
    found = [
        f"{name}: {match[0]}"
        for name, text in tracked.items()
        if (match := pattern.search(re.sub(r"base64,[A-Za-z0-9+/=\\n]+", "", text)))
    ]
    assert found == []


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_style(root, command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--quiet", "."],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_licences(root, project):
    assert project["license"] == "MIT"
    assert (root / "LICENSE").read_text().startswith("MIT License\n")
    prose = (root / "LICENSE-CC-BY-4.0").read_text()
    assert prose.startswith("Creative Commons Attribution 4.0 International (CC BY 4.0)\n")
    assert "CC-BY-4.0" in prose


def test_what_learners_write_is_ignored(root):
    done = subprocess.run(
        ["git", "check-ignore", "work/06_vae.ipynb", "runs/a/state", "notebooks/runs/a"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    if done.returncode == 128:
        pytest.skip("not a git clone")
    assert len(done.stdout.split()) == 3
