"""What may be said on the command line: commands, options, their ranges, and hints for slips.

Every refusal is a `CourseError` of one line, like those of the library, and comes before the
work. `__main__` does what is asked here; lesson 00 shows both.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from course_lib import models
from course_lib.errors import CourseError, unknown
from course_lib.models.settings import table

EXAMPLES = {
    "train": """examples:
  python -m course_lib train VAE                        the course's VAE, laptop budget
  python -m course_lib train GAN --recipe report        report A's GAN
  python -m course_lib train VAE --set latent=20 --set "hidden=[400,400]" --out runs/vae-20
  python -m course_lib train --zoo gan-mnist --budget full --root FOLDER_WITH_MNIST
  torchrun --nproc-per-node 2 -m course_lib train VAE   two processes, one training
The same command again continues the training kept in --out.""",
    "tune": """examples:
  python -m course_lib tune GAN --trials 20 --seconds 30 --storage gan.log
  python -m course_lib tune VAE --set latent=2 --trials 50 --seconds 60 --storage vae.log
The same command again goes on, and joins in while another runs it: on one machine by a file, on
several by a database's address (--storage postgresql://USER@HOST/NAME).""",
    "sample": """examples:
  python -m course_lib sample gan-mnist                 64 images of the zoo's GAN
  python -m course_lib sample flow-moons -n 2000        points in the plane
  python -m course_lib sample runs/vae-20 -n 100 --seed 3 --out vae.png""",
    "evaluate": """examples:
  python -m course_lib evaluate vae-2d-mnist
  python -m course_lib evaluate runs/vae-20 --data mnist -n 2000 --json scores.json""",
    "zoo": """examples:
  python -m course_lib zoo                              what is there
  python -m course_lib zoo gan-mnist                    its card""",
    "data": """examples:
  python -m course_lib data                             what there is
  python -m course_lib data digits                      load, check and describe it
  python -m course_lib data mnist --root FOLDER_WITH_MNIST
  python -m course_lib data celeba-32 --root FOLDER_TAR_OR_ZIP_WITH_CELEBA
  python -m course_lib data folder:PICTURES             pack them at 64×64, describe them""",
}
SEVERAL = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
TRIALS = "in all, those of others too; each other process may end one more"
ROOT = "folder that holds the data set's files"
MODEL = "a model of the zoo, a folder that train wrote, or a file of model.save(…)"


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the examples' lines and names each default once."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        said = "default" in text or action.default in (None, argparse.SUPPRESS, False, [])
        return text if said else f"{text} (default: {str(action.default).replace('%', '%%')})"


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are CourseErrors."""

    def parse_known_args(self, args: Sequence[str], namespace=None):
        """As argparse does it, but for `--seed=--`, of which it makes a list."""
        if found := [word for word in args if word.startswith("-") and word.endswith("=--")]:
            self.error(f"{found[0].removesuffix('=--')} was given no value")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        raise CourseError(f"{message[0].upper()}{message[1:]}. See {self.prog} --help.")


def whole(low: int, high: int) -> Callable[[str], int]:
    """The reader of a whole number from `low` to `high`."""

    def read(text: str) -> int:
        with contextlib.suppress(ValueError):
            if low <= int(text) <= high:
                return int(text)
        raise argparse.ArgumentTypeError(
            f"expected a whole number from {low:,} to {high:,}, got {text}"
        )

    return read


def seconds(text: str) -> float:
    """The reader of a number of seconds above 0."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1e9:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected a number above 0, up to a billion, got {text}")


SEED, MANY = whole(0, 2**63 - 1), whole(1, 10**9)


def setting(text: str) -> tuple[str, object]:
    """ "latent=20" → ("latent", 20); what is no number, list or truth value is a string."""
    name, found, value = text.partition("=")
    if not found:
        raise CourseError(f"Expected --set name=value, got {text!r}.")
    for read in (json.loads, ast.literal_eval):  # only the second takes .05 and (3, 32, 32)
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return name, read(value)
    return name, value


def parser(jobs: Mapping[str, Callable], model: str | None = None) -> Parser:
    """The grammar; jobs: what each command runs, by name; model: whose settings help lists."""
    about = (
        "The jobs of the course without a notebook; a class's: python -m course_lib.classroom."
    )
    top = Parser("python -m course_lib", description=about)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    settings = ""
    if model is not None:
        settings = f"settings of {model}:\n{table(models.MODELS[model].declared)}\n\n"

    def command(name: str, more: str = "") -> Callable:
        found = commands.add_parser(
            name,
            help=jobs[name].__doc__,
            description=jobs[name].__doc__,
            epilog=more + EXAMPLES[name],
            formatter_class=Formatter,
            allow_abbrev=False,
        )
        found.set_defaults(run=jobs[name], known=found._option_string_actions)
        return found.add_argument

    add = command("train", settings)
    add("model", nargs="?", help=f"one of {', '.join(models.MODELS)}")
    add("--zoo", metavar="NAME", help="train this recipe of the zoo instead")
    add("--recipe", help='settings by name: "course" (default) or "report"')
    add("--set", **SEVERAL, help="one setting; train VAE --help lists the VAE's")
    add("--data", help="data set (default: digits, or the zoo recipe's)")
    add("--root", help=ROOT)
    add("--budget", help="smoke, laptop or full (default: COURSE_BUDGET, or laptop)")
    add("--rounds", type=MANY, help="rounds (default: as the budget says)")
    add("--batch", type=MANY, help="examples a batch (default: the recipe's)")
    add("--seed", type=SEED, help="of data order and noise (default: 0, or the zoo recipe's)")
    add("--out", type=Path, help="folder to keep the training in (default: runs/NAME)")

    add = command("tune", settings)
    add("model", help=f"one of {', '.join(models.MODELS)}")
    add("--recipe", help='settings by name that are not searched: "course" (default), "report"')
    add("--set", **SEVERAL, help="a setting that is not searched")
    add(
        "--data", default="digits", help="data set, of whose training images some are held back"
    )
    add("--root", help=ROOT)
    add("--trials", type=MANY, default=20, metavar="N", help=TRIALS)
    add("--seconds", type=seconds, default=30.0, help="of the processor, a trial")
    add("--held-back", type=MANY, default=2000, metavar="N", help="images that choose")
    add("--storage", help="journal file or database address (default: kept nowhere)")

    add = command("sample")
    add("name", help=MODEL)
    add("-n", type=whole(1, 10_000), default=64, help="how many")
    add("--seed", type=SEED, default=0, help="of the noise")
    add("--out", type=Path, help="picture (default: samples.png, or the next free number)")

    add = command("evaluate")
    add("name", help=MODEL)
    add("--data", default="digits", help="held-out data")
    add("--train-data", help="what it was trained on, for the memorisation row")
    add("--root", help=ROOT)
    add("-n", type=MANY, help="how many samples (default: as COURSE_BUDGET says)")
    add("--held-out", type=MANY, metavar="N", help="images for the likelihood (default: same)")
    add("--seed", type=SEED, default=0, help="of samples, noise and floors")
    add("--json", type=Path, help="write the scores there, too")

    command("zoo")("name", nargs="?", help="show the card of this one")
    add = command("data")
    add("name", nargs="?", help="load and describe this one")
    add("--root", help=ROOT)
    return top


def parsed(jobs: Mapping[str, Callable], words: Sequence[str]) -> argparse.Namespace:
    """The options that `words` give. Raises CourseError, with the nearest word that is known."""
    if words and not words[0].startswith("-") and words[0] not in EXAMPLES:
        raise unknown("command", words[0], EXAMPLES)
    named = [word for word in words if word in models.MODELS]
    options, rest = parser(jobs, *named[:1]).parse_known_args(words)
    if rest:
        word = rest[0].partition("=")[0]
        if word.startswith("-"):
            raise unknown(f"option of {options.command}", word, options.known)
        raise CourseError(
            f"{options.command} was given {word!r}, one word too many. "
            f"See python -m course_lib {options.command} --help."
        )
    return options
