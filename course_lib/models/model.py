"""What every model is: settings declared once, first weights from a seed, a game, samples.

A family declares its settings, makes its networks in `build`, says in `moves` who plays, and in
`decode` how a code z becomes an example in [0, 1]. All else is here and the same for all: checks,
recipes, labels, moving averages, evaluation mode, `sample`, `save`. A class is known as soon as it
exists, one that a notebook defines too; see `course_lib.models` for `build` and `load`.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib import checkpoint, first_edition
from course_lib.errors import CourseError, one_of, whole_number
from course_lib.game import Game, Move
from course_lib.models import settings as settings_of
from course_lib.models.parts.averages import MovingAverage
from course_lib.models.parts.building import Building
from course_lib.models.parts.computing import evaluating, in_parts
from course_lib.models.parts.conditions import condition
from course_lib.pixels import require_floats, require_generator, require_tensor

# Every model class by module and name; a class that is defined anew takes the old one's place.
KNOWN: dict[tuple[str, str], type[Model]] = {}
LIBRARY = "course_lib.models"
MOST = 10_000_000  # samples at a time


class Model(nn.Module):
    """A generative model: networks, a game that trains them, samples.

    declared  its settings: name → `settings.Setting`
    recipes   name → all settings of it. A class writes only what differs from the declared
              defaults; "course" is there in any case, and what callers get
    draws     whether `sample` gives draws from p(x), or a decoder's means
    at_once   how many codes `decode` takes at a time, None: all
    """

    declared: ClassVar[Mapping[str, settings_of.Setting]] = settings_of.COMMON
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"course": {}}
    draws: ClassVar[bool] = True
    at_once: ClassVar[int | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        KNOWN[cls.__module__, cls.__name__] = cls
        if {"declared", "recipes"} & set(vars(cls)):
            differences = {"course": {}, **(vars(cls).get("recipes") or {})}
            cls.recipes = {
                name: settings_of.complete(cls.__name__, cls.declared, own)
                for name, own in differences.items()
            }
        if vars(cls).get("__doc__"):
            cls.__doc__ += f"\n\nSettings\n{settings_of.table(cls.declared)}\n"

    def __init__(self, /, recipe: str = "course", **given: Any) -> None:
        super().__init__()
        name = type(self).__name__
        one_of(f"{name} recipe", recipe, self.recipes)
        given = first_edition.settings(given)
        chosen = {**self.recipes[recipe], **given}
        self.settings: dict[str, Any] = settings_of.complete(name, self.declared, chosen)
        s = self.settings
        self.condition = condition(s.get("classes", 0), s.get("attributes", ()))
        self._used = False
        with Building(s.get("seed", 0), f"{name} with these settings"):
            self.build()
        if s.get("average") is not None:
            self.average = MovingAverage(*self.averages(), decay=s["average"])

    # What a family says ----------------------------------------------------------------------
    def build(self) -> None:
        """Make the networks from `self.settings`; called once, with random numbers of its seed."""
        raise NotImplementedError

    def moves(self, rounds: int) -> Sequence[Move]:
        """One round of its game, if `rounds` shall be played in all."""
        raise NotImplementedError

    def before(self, source) -> None:
        """Before the first round, with a source of batches: data-dependent initialisation."""

    def after(self, t: int) -> None:
        """After round t: the moving average, if there is one, takes in the weights of now."""
        if self.settings.get("average") is not None:
            self.average.update()

    def averages(self) -> list[nn.Module]:
        """The networks whose weights the setting `average` averages."""
        return [self.generator]

    def _sample(self, n: int, labels: Any, generator: torch.Generator | None) -> Tensor:
        """n examples: z ~ N(0, I), decoded; labels None: what `condition` asks for."""
        z = self.noise(n, self.latent, generator=generator)
        if labels is None:
            labels = self.condition.asked(n, generator)
        return self.decode(z, labels)

    # What is the same for all ----------------------------------------------------------------
    def game(self, rounds: int | None = None) -> Game:
        """The game that trains it: its moves, and averages that follow each round."""
        rounds = self.settings["rounds"] if rounds is None else rounds
        return Game(self.moves(rounds), start=self.before, after=self.after)

    def sample(
        self,
        n: int,
        *,
        labels: Any = None,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> Tensor:
        """n examples: images (n, C, H, W) in [0, 1], or points (n, D).

        labels   of a conditional model: whole numbers (n,), or one for all; with attributes ones
                 and zeros (n, K), or one row for all. None: each class in turn, or a coin for
                 each attribute
        options  of some families: noise=True (VAEs: draws of p(x|z) instead of its mean),
                 temperature=… (flows)
        The model computes in evaluation mode, with averaged weights where it has such.
        """
        n = whole_number("n, the number of samples,", n, 1, MOST)
        require_generator(generator)
        if labels is not None:
            self.condition.checked(labels, n)
        with torch.no_grad(), self.in_use():
            return self._sample(n, labels, generator, **first_edition.options(options))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within it: evaluation mode and averaged weights; afterwards all is as it was."""
        if self._used:
            yield
            return
        self._used = True
        try:
            with self.averaged(), evaluating(self):
                yield
        finally:
            self._used = False

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it the networks hold the moving average of their weights, if there is one."""
        if self.settings.get("average") is None:
            yield
        else:
            with self.average.applied():
                yield

    def require(self, dataset) -> None:
        """Refuse, with a CourseError, a data set that this model can't be trained on."""
        if dataset.shape != self.shape:
            raise CourseError(
                f"The model was built for data of shape {self.shape}, the data set holds "
                f"{dataset.shape}: build it with shape={dataset.shape}."
            )
        self.condition.require(dataset)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example: (C, H, W) for images, (2,) for points in the plane."""
        return self.settings["shape"]

    @property
    def latent(self) -> int:
        """Length of z."""
        return self.settings.get("latent") or math.prod(self.shape)

    @property
    def place(self) -> dict[str, Any]:
        """Device and dtype of the weights, to be given to a new tensor."""
        first = next(self.parameters())
        return {"device": first.device, "dtype": first.dtype}

    def noise(self, *shape: int, generator: torch.Generator | None) -> Tensor:
        """Standard normal noise, drawn on the CPU so that seeds agree across devices."""
        device = "cpu" if generator is None else generator.device
        noise = torch.randn(*shape, generator=generator, device=device, dtype=torch.float32)
        return noise.to(**self.place)

    def flat(self, x: Tensor) -> Tensor:
        """x (B, *shape) or (B, D) → (B, D), where and of what kind the weights are."""
        require_floats(x)
        size = math.prod(self.shape)
        if x.shape[1:] not in (torch.Size(self.shape), (size,)):
            raise CourseError(
                f"Expected examples of shape (B, {', '.join(map(str, self.shape))}), "
                f"got {tuple(x.shape)}."
            )
        return x.reshape(len(x), size).to(**self.place)

    def conditions(self, labels: Any, n: int) -> Tensor:
        """Labels of n examples, checked, as vectors (n, size), what networks are told."""
        labels = self.condition.checked(labels, n)
        if labels is not None:
            labels = labels.to(self.place["device"])
        return self.condition.vectors(labels, n, **self.place)

    # Kept and copied -------------------------------------------------------------------------
    def facts(self) -> dict[str, Any]:
        """What a checkpoint says of it: class, settings, and the module of a foreign class."""
        kind = type(self)
        own = {"model": kind.__name__, "settings": self.settings}
        ours = f"{kind.__module__}.".startswith(f"{LIBRARY}.")
        return own if ours else own | {"module": kind.__module__}

    def save(self, path: Path | str) -> Path:
        """Write weights and settings to a file, from which `models.load` makes it again."""
        return checkpoint.save(path, self.state_dict(), self.facts())

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if (found := first_edition.method(self, name)) is None:
                raise
            return found

    def __reduce__(self) -> tuple:
        # Parametrised layers (weight norm, spectral norm) can't be pickled; weights can.
        frozen = [name for name, p in self.named_parameters() if not p.requires_grad]
        modes = {name: module.training for name, module in self.named_modules()}
        return _again, (type(self), self.settings, self.state_dict(), frozen, modes)

    def __deepcopy__(self, memo: dict) -> Model:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin


def _again(
    kind: type[Model],
    settings: dict[str, Any],
    weights: dict[str, Tensor],
    frozen: list[str],
    modes: dict[str, bool],
) -> Model:
    """A pickled model."""
    model = kind(**settings)
    model.to(next(t for t in weights.values() if t.is_floating_point()).dtype)
    model.load_state_dict(weights)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    for name, module in model.named_modules():
        module.training = modes.get(name, module.training)
    return model


def decoder(decode: Callable[[Any, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A family's decode(z, condition), of vectors, as callers use it: decode(z, labels=None).

    z (B, latent) and labels are checked; the model computes in evaluation mode, with averaged
    weights where it has such, without gradients. Examples: images (B, C, H, W) in [0, 1].
    """

    @functools.wraps(decode)
    @torch.no_grad()
    def wrapped(self, z: Tensor, condition: Any = None) -> Tensor:
        require_tensor(z)
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise CourseError(
                f"Expected codes of shape (B, {self.latent}), got {tuple(z.shape)}."
            )
        z, vectors = z.to(**self.place), self.conditions(condition, len(z))
        with self.in_use():
            return in_parts(functools.partial(decode, self), self.at_once, z, vectors)

    return wrapped


def mlp(
    sizes: Sequence[int], activation: type[nn.Module] = nn.ReLU, **options
) -> nn.Sequential:
    """Linear layers of these sizes with `activation` between them, none after the last."""
    layers: list[nn.Module] = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(before, after), activation(**options)]
    return nn.Sequential(*layers[:-1])
