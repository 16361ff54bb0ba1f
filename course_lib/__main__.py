"""The jobs of the course without a notebook: `python -m course_lib train`, `sample`, …

Each command is a call or two of the library; `--help` on each shows examples. Places for output
are tried before the work, and results are written to files before they are printed.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import torch
from PIL import Image

from course_lib import data, disk, evaluation, grammar, models, plots, training, zoo
from course_lib.data import paths
from course_lib.errors import CourseError, one_of
from course_lib.evaluation.table import Table
from course_lib.models.model import Model
from course_lib.plots.pictures import as_pixels, mosaic
from course_lib.training import distributed


def train(options: argparse.Namespace) -> int:
    """Train a model of the course, or one of the zoo's recipes."""
    if (options.model is None) == (options.zoo is None):
        raise CourseError("Name a model (GAN, VAE, …) or a zoo recipe (--zoo gan-mnist).")
    if options.zoo is not None:
        one_of("zoo recipe", options.zoo, zoo.RECIPES)
        recipe = zoo.RECIPES[options.zoo]
        model, name, dataset, seed = recipe.build(), options.zoo, recipe.dataset, recipe.seed
    else:
        settings = dict(map(grammar.setting, options.set))
        if options.recipe:
            settings["recipe"] = options.recipe
        model, name, dataset, seed = models.build(options.model, settings), None, "digits", 0
    out = disk.writable(options.out or paths.runs_root() / (name or options.model.lower()))
    seed = seed if options.seed is None else options.seed
    require_fit(model, options.data or dataset)
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
        if history.unsaved is not None:
            raise CourseError(history.unsaved)
        print(f"{(time.perf_counter() - before) / 60:.1f} minutes; kept in {out}")
    return 128 + history.stopped_by if history.interrupted else 0


def sample(options: argparse.Namespace) -> None:
    """Write a sheet of samples as a picture; points in the plane as a scatter."""
    out = picture_place(options.out)
    model, generator = found_model(options.name), torch.Generator().manual_seed(options.seed)
    samples = model.sample(options.n, generator=generator).cpu()
    if samples.ndim == 4:
        columns = max(1, round(options.n**0.5))
        picture = Image.fromarray(mosaic(as_pixels(samples), columns, zoom=1, gap=2))
    elif samples.ndim == 2 and samples.shape[1] == 2:
        fig = plots.points(samples, title=f"{options.n:,} samples of {options.name}")
        picture = Image.open(io.BytesIO(plots.png(fig))).convert("RGB")
    else:
        raise CourseError(
            f"{options.name} draws examples of shape {tuple(samples.shape[1:])}; pictures are "
            "made of images and of points in the plane."
        )
    replaced = " (another file was there)" if out.exists() else ""
    ending = Image.registered_extensions()[out.suffix.lower()]
    written(out, lambda file: picture.save(file, ending))
    print(f"{options.n} samples of {options.name} in {out}{replaced}")


def evaluate(options: argparse.Namespace) -> None:
    """Print every score that the model can have."""
    to = None if options.json is None else scores_place(options.json)
    model = found_model(options.name)
    for name in filter(None, (options.data, options.train_data)):
        require_fit(model, name)
    images = data.load(options.data, "test", root=options.root)
    seen = data.load(options.train_data, root=options.root) if options.train_data else None
    report = evaluation.report(
        model,
        images,
        n=options.n,
        held_out=options.held_out,
        seed=options.seed,
        train=seen,
    )
    try:
        if to is not None:
            text = json.dumps(report.to_dict(), indent=1) + "\n"
            written(to, lambda file: file.write(text.encode()))
    finally:
        print(report)


def tune(options: argparse.Namespace) -> None:
    """Search for better settings of a model, alone or with other processes."""
    from course_lib import tuning  # optuna takes its time to import, and no other job needs it

    one_of("model", options.model, models.MODELS)
    kind, fixed = models.MODELS[options.model], dict(map(grammar.setting, options.set))
    if options.recipe:
        fixed["recipe"] = options.recipe
    tuning.searched(kind, fixed)
    require_fit(kind(**fixed), options.data)
    count = data.card(options.data).counts.get("train")
    tuning.judged(data.shape(options.data), options.held_back, count)
    storage = tuning.opened(options.storage)
    study = tuning.search(
        kind,
        data.load(options.data, root=options.root),
        trials=options.trials,
        seconds=options.seconds,
        storage=storage,
        fixed=fixed,
        held_back=options.held_back,
    )
    whole = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    print(f"{len(study.trials)} trials, {len(whole)} of them whole.")
    if whole:
        best = study.best_trial
        print(f"Best: trial {best.number}, {best.value:.4g} on images that were held back:")
        words = ["train", options.model, "--data", options.data]
        course = kind.recipes["course"]
        for name, value in best.user_attrs["settings"].items():
            usual = name == "seed" or json.dumps(value) == json.dumps(course.get(name))
            if name in best.params or not usual:
                words += ["--set", f"{name}={value}"]
        if rounds := best.user_attrs.get("rounds"):
            words += [
                "--rounds",
                f"{rounds}",
            ]  # as long as its trial; a longer one is one's own
        print(f"  python -m course_lib {shlex.join(words)}")


def show_zoo(options: argparse.Namespace) -> None:
    """List the trained models, or show a card."""
    if options.name:
        print(json.dumps(zoo.card(options.name), indent=1))
        return
    print(Zoo())


class Zoo(Table):
    """What comes with the course, and what each card says first."""

    about = "Trained models; in brackets the floor, which real images get."

    def cells(self) -> list[tuple[str, ...]]:
        told = [("score", *zoo.HEADLINE, "note")]
        for name in zoo.names():
            pairs = zoo.headline(name).values()
            scores = ("—" if p is None else f"{p[0]:.3g} ({p[1]:.3g})" for p in pairs)
            told.append((name, *scores, zoo.card(name)["about"]))
        return told


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


JOBS = {
    "train": train,
    "tune": tune,
    "sample": sample,
    "evaluate": evaluate,
    "zoo": show_zoo,
    "data": show_data,
}


# What is asked before the work -----------------------------------------------------------------
def found_model(name: str) -> Model:
    """A model of the zoo, kept in a run's folder, or in a file, a run's or of `model.save`."""
    folder = disk.given(name)
    if folder.is_dir():
        return zoo.load_run(folder)
    if folder.is_file():
        return models.load(folder).requires_grad_(False)
    if len(Path(name).parts) < 2:
        return zoo.load(name)
    near = next(parent for parent in folder.parents if parent.is_dir())
    there = ", ".join(sorted(f.name for f in near.iterdir() if f.is_dir())[:8]) or "no folder"
    raise CourseError(f"There is no run {name:.100}. In {near} there is: {there}.")


def require_fit(model: Model, name: str) -> None:
    """Refuse a data set of another shape before it is loaded: drawing faces takes minutes."""
    shape = data.shape(name)
    if tuple(model.shape) != shape:
        raise CourseError(
            f"{type(model).__name__} has examples of shape {tuple(model.shape)}, the data set "
            f"{name} of {shape}. Choose data of the model's shape with --data."
        )


def place(path: Path) -> Path:
    """A file that can be written. Raises OSError where it can't, and leaves nothing there."""
    disk.given(path)  # refuses what can't be a path
    path, new = path.expanduser(), not path.expanduser().exists()
    if path.is_fifo():
        raise OSError(errno.EINVAL, "It is a pipe", str(path))  # opening it would wait
    with path.open("ab"):
        pass
    if new:
        path.unlink()
    return path


def written(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file; an older one stays there until the new one is whole.

    A pipe or device, and a file in a folder that takes no other, is written as it is.
    """
    path = path.resolve()
    plain = (path.is_file() or not path.exists()) and os.access(path.parent, os.W_OK)
    with disk.whole(path) if plain else path.open("wb") as file:
        write(file)


ICONS = {"ICO", "ICNS"}  # of certain sizes, to which a sheet would be shrunk


def picture_place(path: Path | None) -> Path:
    """A file for a picture; None: samples.png, or samples-2.png … where one is there already."""
    if path is None:
        number, path = 1, Path("samples.png")
        while path.exists():
            number += 1
            path = Path(f"samples-{number}.png")
    disk.given(path)
    try:
        ending = Image.registered_extensions()[path.suffix.lower()]
        Image.new("RGB", (1, 1)).save(io.BytesIO(), ending)
        if ending in ICONS:
            raise ValueError
    except (KeyError, ValueError, OSError) as error:  # no picture's, or one that can't be made
        raise CourseError(
            f"A picture's name ends in .png, .jpg, .webp or the like; {path.name!r} does not. "
            f"Try {path.with_suffix('.png') if path.stem.strip('.') else 'samples.png'}."
        ) from error
    return place(path)


def scores_place(path: Path) -> Path:
    """A file for scores; one that is another kind's is left alone."""
    disk.given(path)
    if path.suffix.lower() != ".json" and not path.expanduser().is_char_device():
        raise CourseError(
            f"Scores are kept in a file whose name ends in .json; {path.name!r} does not, and may "
            "be something else."
        )
    return place(path)


# Endings ---------------------------------------------------------------------------------------
class Ended(BaseException):
    """SIGTERM came outside a training, which has its own way to stop."""


def _end(number: int, frame: object) -> None:
    raise Ended


def run(words: list[str] | None) -> int:
    """Run one command and turn what may happen to it into its exit status."""
    try:
        options = grammar.parsed(JOBS, sys.argv[1:] if words is None else words)
        with distributed.joined():
            status = options.run(options) or 0
        sys.stdout.flush()
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read this has seen enough: `… zoo | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a program that SIGPIPE ends
    except OSError as error:
        print(
            f"Could not read or write {error.filename or 'all'}: {error.strerror or error}. Choose "
            "a file in a folder that is there and yours to write.",
            file=sys.stderr,
        )
        return 2
    return status


def main(words: list[str] | None = None) -> int:
    """Run one command.

    0 when it did its work, 2 after an error that the user can mend, 130 after Ctrl-C, 143 after
    SIGTERM, 141 when nobody reads its output any more.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this: `… train >&-`
            setattr(sys, name, open(os.devnull, "w"))
    for stream in (sys.stdout, sys.stderr):  # a terminal without Greek letters shows "?" for σ
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    before = signal.signal(signal.SIGTERM, _end)
    try:
        return run(words)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 128 + signal.SIGINT
    except Ended:
        print("Ended.", file=sys.stderr)
        return 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
