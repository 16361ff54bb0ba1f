"""What all models share: plain settings by recipe, and a seeded start.

A recipe is a named, complete set of settings: "report" holds those of the two reports, "course"
better ones. Whatever a caller gives replaces the recipe's value. Settings are numbers, strings
and lists, so that a checkpoint can hold them and `build` can make the model again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, unknown
from course_lib.models.parts.averages import MovingAverage


class Model(nn.Module):
    """A generative model: networks, a game that trains them, samples.

    Every model has `settings`, `game(rounds)` and `sample(n, labels=None, generator=None)`.
    """

    recipes: ClassVar[dict[str, dict[str, Any]]] = {}
    # Settings that are whole numbers, and from where on, in every model that has them.
    least: ClassVar[dict[str, int]] = dict.fromkeys(
        "latent batch rounds k width dense epochs scales blocks depth epsilon".split(), 1
    )

    def __init__(self, recipe: str = "course", **given: Any) -> None:
        super().__init__()
        if recipe not in self.recipes:
            raise unknown(f"{type(self).__name__} recipe", recipe, self.recipes)
        known = self.recipes[recipe]
        for name in given:
            if name not in known:
                raise unknown(f"{type(self).__name__} setting", name, known)
        self.settings: dict[str, Any] = {**known, **given}
        for name, least in self.least.items():
            value = self.settings.get(name, least)
            if not (isinstance(value, int) and value >= least):
                raise CourseError(f"{name} must be a whole number from {least}, not {value!r}.")
        for name, value in given.items():
            self._must_be_numbers(name, value)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.get("seed", 0))
            self.build()

    def _must_be_numbers(self, name: str, value: Any) -> None:
        """Refuse other values of a setting that is a number, or a list, in every recipe."""
        usual = [recipe[name] for recipe in self.recipes.values() if recipe.get(name, ()) != ()]
        for kind, fits in (("a number", is_number), ("a list of numbers", _are_numbers)):
            if usual and all(map(fits, usual)) and not fits(value):
                raise CourseError(
                    f"{type(self).__name__} setting {name} is {kind}, such as {usual[0]!r}, "
                    f"not {value!r}."
                )

    def build(self) -> None:
        """Make the networks from `self.settings`; called once, under the model's own seed."""
        raise NotImplementedError

    def require(self, dataset) -> None:
        """Refuse, with a CourseError, a data set that this model can't be trained on.

        Called by `fit` before any work. Here every data set of the model's shape will do.
        """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example: (C, H, W) for images, (2,) for points in the plane."""
        return tuple(self.settings["shape"])

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

    def unconditional(self, labels: Tensor | None) -> None:
        """Refuse labels, in the name of a model that takes none."""
        if labels is not None:
            raise CourseError(f"{type(self).__name__} is unconditional: sample without labels.")

    def averaged(self) -> AbstractContextManager:
        """Within it the model has the weights that it samples with: here, those it has."""
        return nullcontext()

    def flat(self, x: Tensor) -> Tensor:
        """x (B, *shape) or (B, D) → (B, D); a clear error for anything else."""
        size = torch.Size(self.shape).numel()
        if x.shape[1:] == torch.Size(self.shape) or x.shape[1:] == (size,):
            return x.reshape(len(x), size)
        raise CourseError(
            f"Expected examples of shape (B, {', '.join(map(str, self.shape))}), "
            f"got {tuple(x.shape)}."
        )


class Averaging(Model):
    """A model that samples from a moving average of weights: `average` is its decay, or None.

    `build` ends with `start_average`, and the game plays `after`.
    """

    def start_average(self) -> None:
        """Begin the average, if one is asked for."""
        if self.settings["average"] is not None:
            self.average = MovingAverage(*self.averages(), decay=self.settings["average"])

    def averages(self) -> list[nn.Module]:
        """The networks whose weights are averaged."""
        return [self.generator]

    def after(self, t: int) -> None:
        """What happens after each round: the average takes in the weights of now."""
        if self.settings["average"] is not None:
            self.average.update()

    def averaged(self) -> AbstractContextManager:
        """Within it the networks hold the moving average of their weights, if there is one."""
        return nullcontext() if self.settings["average"] is None else self.average.applied()


def is_number(value: Any) -> bool:
    """Whether it is a whole or a real number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(is_number, value))


def mlp(
    sizes: Sequence[int], activation: type[nn.Module] = nn.ReLU, **options
) -> nn.Sequential:
    """Linear layers of these sizes with `activation` between them, none after the last."""
    layers: list[nn.Module] = []
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(before, after), activation(**options)]
    return nn.Sequential(*layers[:-1])


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within it the network is in evaluation mode, afterwards in its own again."""
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)
