"""Writes requirements.lock and requirements-gpu.lock anew: `make lock`.

A lock names every package that the course's set-up installs, the build backend included, in one
version, with the sha256 of each file of that version that the package index lists. So it holds on
each system and Python that the versions have wheels for, and a file that was exchanged on its way
is refused. Pins that stand in a lock are kept; ARGS=--upgrade takes the newest versions.

On Linux the index's torch asks for NVIDIA's libraries, some 3 GB, which PyTorch's CPU builds
don't need: they stand in a lock of their own. The CPU builds lie on PyTorch's index, which is not
asked here: after a change of torch's version write requirements-cpu.lock by hand.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = "uv==0.13.8"
MAIN, GPU = "requirements.lock", "requirements-gpu.lock"
FOR_THE_GPU = re.compile(r"nvidia-|cuda-|triton")
HEADER = "# {}; made by `make lock`.\n--require-hashes\n--only-binary :all:\n"


def resolve(uv: Path, kept: str, options: list[str]) -> str:
    """The whole lock by uv, for each system and each Python from the oldest supported."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        build, out = Path(folder, "build.in"), Path(folder, "out")
        build.write_text("\n".join(project["build-system"]["requires"]))
        out.write_text(kept)
        command = [uv, "pip", "compile", "pyproject.toml", build, "--all-extras", "--universal"]
        command += ["--python-version", project["project"]["requires-python"].strip(">=")]
        command += ["--fork-strategy", "fewest", "--generate-hashes", "--no-annotate"]
        command += ["--no-header", "--quiet", "--output-file", out, *options]
        subprocess.run(command, cwd=ROOT, check=True)
        return out.read_text()


def main(options: list[str]) -> None:
    """Resolve, and write both locks."""
    places = [ROOT / MAIN, ROOT / GPU]
    kept = "".join(place.read_text() for place in places if place.exists())
    kept = "\n".join(re.findall(r"^[\w.-]+==[^\\\n]+", kept, re.M))  # hashes are read anew
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        scripts = Path(folder, "Scripts" if sys.platform == "win32" else "bin")
        subprocess.run([scripts / "python", "-m", "pip", "install", "-q", UV], check=True)
        text = resolve(scripts / "uv", kept, options)
    entries = re.findall(r"^\S.*(?:\n .*)*\n", text, re.M)
    for place, title, wanted in (
        (places[0], "Every package of the course, its tests and its build", False),
        (places[1], "NVIDIA's libraries, for torch's GPU build on Linux", True),
    ):
        chosen = [entry for entry in entries if bool(FOR_THE_GPU.match(entry)) == wanted]
        place.write_text(HEADER.format(title) + "".join(chosen))


if __name__ == "__main__":
    main(sys.argv[1:])
