"""The jobs of the course without a notebook: `python -m course_lib train`, `sample`, …

Each command is a call or two of the library; `--help` on each shows examples.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import sys
import time
from pathlib import Path

import torch

from course_lib import data, evaluation, models, training, zoo
from course_lib.data import paths
from course_lib.errors import CourseError
from course_lib.models.model import Model
from course_lib.training import distributed

EXAMPLES = {
    "train": """examples:
  python -m course_lib train VAE                        the course's VAE, laptop budget
  python -m course_lib train GAN --recipe report        report A's GAN
  python -m course_lib train VAE --set latent=20 --set hidden=[400,400] --out runs/vae-20
  python -m course_lib train --zoo gan-mnist --budget full --root FOLDER_WITH_MNIST
  torchrun --nproc-per-node 2 -m course_lib train VAE   two processes, one training
The same command again continues the training kept in --out.""",
    "sample": """examples:
  python -m course_lib sample gan-mnist                 64 images of the zoo's GAN
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


def train(options: argparse.Namespace) -> None:
    """Train a model of the course, or one of the zoo's recipes."""
    if (options.model is None) == (options.zoo is None):
        raise CourseError("Name a model (GAN, VAE, …) or a zoo recipe (--zoo gan-mnist).")
    if options.zoo is not None:
        if options.zoo not in zoo.RECIPES:
            raise zoo.unknown("zoo recipe", options.zoo, zoo.RECIPES)
        recipe = zoo.RECIPES[options.zoo]
        model, name, dataset, seed = recipe.build(), options.zoo, recipe.dataset, recipe.seed
    else:
        settings = dict(_setting(text) for text in options.set)
        if options.recipe:
            settings["recipe"] = options.recipe
        model, name, dataset, seed = models.build(options.model, settings), None, "digits", 0
    out = options.out or paths.runs_root() / (name or options.model.lower())
    seed = seed if options.seed is None else options.seed
    images = data.load(options.data or dataset, root=options.root)
    before = time.perf_counter()
    history = training.fit(
        model,
        images,
        budget=options.budget,
        rounds=options.rounds,
        batch=options.batch,
        seed=seed,
        resume=out,
    )
    if distributed.rank() == 0:
        print(history.summary())
        print(f"{(time.perf_counter() - before) / 60:.1f} minutes; kept in {out}")


def sample(options: argparse.Namespace) -> None:
    """Write a sheet of samples as a PNG."""
    from torchvision.utils import save_image

    if options.n < 1:
        raise CourseError(f"Expected one sample or more, got -n {options.n}.")
    generator = torch.Generator().manual_seed(options.seed)
    images = _model(options.name).sample(options.n, generator=generator)
    columns = max(1, round(options.n**0.5))
    try:
        save_image(images, options.out, nrow=columns, pad_value=0.5)
    except OSError as error:
        raise CourseError(f"Could not write {options.out}: {error}.") from error
    print(f"{options.n} samples of {options.name} in {options.out}")


def evaluate(options: argparse.Namespace) -> None:
    """Print every score that the model can have."""
    model, images = _model(options.name), data.load(options.data, "test", root=options.root)
    seen = data.load(options.train_data, root=options.root) if options.train_data else None
    report = evaluation.report(
        model,
        images,
        n=options.n,
        held_out=options.held_out,
        seed=options.seed,
        train=seen,
    )
    print(report)
    if options.json:
        options.json.write_text(json.dumps(report.to_dict(), indent=1) + "\n")


def show_zoo(options: argparse.Namespace) -> None:
    """List the trained models, or show a card."""
    if options.name:
        print(json.dumps(zoo.card(options.name), indent=1))
        return
    for name in zoo.names():
        print(f"{name:22} {zoo.card(name)['about']}")


def show_data(options: argparse.Namespace) -> None:
    """List the data sets, or load one and describe it."""
    if not options.name:
        for name, card in data.cards().items():
            there = "here" if data.here(name) else "needs files or a download"
            print(f"{name:14} {there:26} {card.licence}")
        return
    for split in ("train", "test"):
        images = data.load(options.name, split, root=options.root)
        print(images)
    print(images.card)


def _model(name: str) -> Model:
    """A model of the zoo, or one kept in a run's folder."""
    return zoo.load_run(name) if Path(name).is_dir() else zoo.load(name)


def _setting(text: str) -> tuple[str, object]:
    """ "latent=20" → ("latent", 20); what is no number, list or truth value is a string."""
    name, found, value = text.partition("=")
    if not found:
        raise CourseError(f"Expected --set name=value, got {text!r}.")
    for read in (json.loads, ast.literal_eval):  # only the second takes .05 and (3, 32, 32)
        with contextlib.suppress(ValueError, SyntaxError):
            return name, read(value)
    return name, value


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser("python -m course_lib", description=__doc__.split("\n")[0])
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, run) -> argparse.ArgumentParser:
        found = commands.add_parser(
            name,
            help=run.__doc__,
            description=run.__doc__,
            epilog=EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        found.set_defaults(run=run)
        return found

    add = command("train", train).add_argument
    add("model", nargs="?", help=f"one of {', '.join(models.MODELS)}")
    add("--zoo", metavar="NAME", help="train this recipe of the zoo instead")
    add("--recipe", help='settings by name: "course" (default) or "report"')
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting")
    add("--data", help="data set (default: digits, or the zoo recipe's)")
    add("--root", help="folder that holds the data set's files")
    add("--budget", help="smoke, laptop (default) or full")
    add("--rounds", type=int, help="rounds, instead of a budget")
    add("--batch", type=int, help="examples a batch, over all processes")
    add("--seed", type=int, help="of data order and noise")
    add("--out", type=Path, help="folder to keep the training in")

    add = command("sample", sample).add_argument
    add("name", help="a model of the zoo, or a folder that train wrote")
    add("-n", type=int, default=64, help="how many")
    add("--seed", type=int, default=0)
    add("--out", type=Path, default=Path("samples.png"))

    add = command("evaluate", evaluate).add_argument
    add("name", help="a model of the zoo, or a folder that train wrote")
    add("--data", default="digits", help="held-out data (default: digits)")
    add("--train-data", help="what it was trained on, for the memorisation row")
    add("--root", help="folder that holds the data set's files")
    add("-n", type=int, default=None, help="how many samples")
    add("--held-out", type=int, metavar="N", help="how many images for the likelihood")
    add("--seed", type=int, default=0)
    add("--json", type=Path, help="write the scores there, too")

    command("zoo", show_zoo).add_argument("name", nargs="?")
    add = command("data", show_data).add_argument
    add("name", nargs="?")
    add("--root")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it did its work, 2 after an error that the user can mend."""
    options = parser().parse_args(arguments)
    try:
        with distributed.joined():
            options.run(options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
