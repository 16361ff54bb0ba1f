"""All that a training is at the end of a round, to be kept and brought back bit by bit."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib.checkpoint import Kind, copy_into, kind_of, section
from course_lib.errors import CourseError
from course_lib.game import Game, Player
from course_lib.training import distributed
from course_lib.training.source import Source

LOOKS = 8  # at how many of the rounds so far learning rates are compared


class Exploded(CourseError):
    """A loss, gradient or parameter that is no finite number: nothing may be built on it."""


class State:
    """The weights, optimisers' moments and random states of one training.

    model  module whose parameters and buffers belong to it, or None for a game on bare
           networks, of which only the players' parameters and the game's `keeps` are kept then
    """

    def __init__(
        self,
        game: Game,
        model: nn.Module | None,
        optimisers: dict[Player, torch.optim.Optimizer],
        source: Source,
    ) -> None:
        self.game, self.model = game, model
        self.optimisers, self.source = optimisers, source

    def weights(self) -> dict[str, Tensor]:
        """Parameters and buffers by name; the tensors themselves."""
        return self._of_players() if self.model is None else _named(self.model)

    def _of_players(self, known: Collection[nn.Parameter] = ()) -> dict[str, Tensor]:
        """The players' parameters by number, but for those that are known."""
        return {
            f"{player.name}.{i}": p.detach()
            for player in self.game.players
            for i, p in enumerate(player.parameters)
            if p not in known
        }

    def kept(self) -> dict[str, Tensor]:
        """What the game has besides the model: `keeps`, and networks that are in neither.

        The tensors themselves; of such networks the players' parameters.
        """
        found = {
            f"{i}.{name}": t
            for i, module in enumerate(self.game.keeps)
            for name, t in _named(module).items()
        }
        if self.model is None:
            return found  # `weights` has all players' parameters
        known = {p for module in (self.model, *self.game.keeps) for p in module.parameters()}
        return found | self._of_players(known)

    def buffers(self) -> list[Tensor]:
        """What layers keep besides parameters and is a running average."""
        modules = [*self.game.keeps] + ([] if self.model is None else [self.model])
        return [b for m in modules for b in m.buffers() if b.is_floating_point()]

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors; the tensors themselves, not copies."""
        return self._without_moments() | {
            f"optimiser.{player.name}.{i}.{key}": torch.as_tensor(value)
            for player, optimiser in self.optimisers.items()
            for i, parameter in enumerate(player.parameters)
            for key, value in optimiser.state.get(parameter, {}).items()
            if value is not None
        }

    def kinds(self, rounds: int) -> dict[str, Kind]:
        """What `tensors` holds after so many rounds: the same names, shapes and kinds.

        Optimisers have no moments before the first step; which they will have is found out by a
        step of a copy.
        """
        found = {name: kind_of(t) for name, t in self._without_moments().items()}
        for player, optimiser in self.optimisers.items() if rounds else ():
            for i, moments in enumerate(_after_a_step(optimiser, player.parameters)):
                for key, kind in moments.items():
                    found[f"optimiser.{player.name}.{i}.{key}"] = kind
        return found

    def _without_moments(self) -> dict[str, Tensor]:
        found = {f"weights.{name}": t for name, t in self.weights().items()}
        found |= {f"kept.{name}": t for name, t in self.kept().items()}
        found["random.course"] = self.source.generator.get_state()
        found["random.torch"] = torch.get_rng_state()
        found["batches"] = torch.tensor(self.source.batches)
        return found

    def environment(self) -> dict[str, str | int]:
        """In what the same training gives the same bits; a checkpoint keeps it."""
        weights = self.weights().values()
        contiguous = all(w.is_contiguous() for w in weights)
        return {
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
            "memory layout": "contiguous" if contiguous else "channels last",
            "device": next(iter(weights)).device.type,
            "processes": distributed.world(),
            "the data's checksum": self.source.dataset.digest(),
        }

    def rates(self, rounds: int) -> dict[str, list[float]]:
        """Each scheduled player's factor on its learning rate, at a few of the rounds so far."""
        at = sorted({(rounds - 1) * i // LOOKS for i in range(LOOKS + 1)}) if rounds else []
        return {
            player.name: [float(player.schedule(t)) for t in at]
            for player in self.game.players
            if player.schedule is not None
        }

    def copy(self) -> dict[str, Tensor]:
        """A copy of everything that later rounds do not change."""
        return {name: t.detach().clone() for name, t in self.tensors().items()}

    def restore(
        self, tensors: dict[str, Tensor], where: Path | str = "the last good state"
    ) -> None:
        """Bring back what `tensors` or `copy` returned, into the existing memory layout.

        What comes from a file must have been compared with `kinds`.
        """
        copy_into(self.weights(), section(tensors, "weights"), where)
        copy_into(self.kept(), section(tensors, "kept"), where)
        moments = section(tensors, "optimiser")
        for player, optimiser in self.optimisers.items():
            own, fused = section(moments, player.name), optimiser.defaults.get("fused")
            for i, parameter in enumerate(player.parameters):
                optimiser.state.pop(parameter, None)
                for key, saved in section(own, str(i)).items():
                    optimiser.state[parameter][key] = _laid_out(key, saved, parameter, fused)
        try:
            self.source.generator.set_state(tensors["random.course"].cpu())
            torch.set_rng_state(tensors["random.torch"].cpu())
        except RuntimeError as error:  # right in size, and no state of a generator
            raise CourseError(f"{where} is damaged: its random state is none.") from error
        self.source.batches = max(0, int(tensors["batches"]))

    def require_finite(self) -> None:
        """Raise Exploded naming the player whose parameters hold NaN or infinity."""
        for player in self.game.players:
            if not all(torch.isfinite(parameter).all() for parameter in player.parameters):
                raise Exploded(
                    f"parameters of player {player.name!r} became NaN or infinite: its gradient "
                    "exploded"
                )


def _laid_out(key: str, saved: Tensor, parameter: Tensor, fused: bool | None) -> Tensor:
    """A moment in memory laid out as its parameter, for fused kernels ignore strides.

    They want the step counter beside the parameter, all others on the CPU.
    """
    if key == "step":
        return saved.to(parameter.device if fused else "cpu", copy=True)
    if saved.shape != parameter.shape:
        return saved.clone()
    return torch.empty_like(parameter, dtype=saved.dtype).copy_(saved)


def _named(module: nn.Module) -> dict[str, Tensor]:
    """A module's state by the names that it has without `torch.compile`."""
    return {name.replace("_orig_mod.", ""): t for name, t in module.state_dict().items()}


def _after_a_step(
    optimiser: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]
) -> list[dict[str, Kind]]:
    """What the optimiser keeps of each parameter after its first step, which a copy makes."""
    twin = copy.deepcopy(optimiser)
    pairs = {
        own: other
        for group, twins in zip(optimiser.param_groups, twin.param_groups, strict=True)
        for own, other in zip(group["params"], twins["params"], strict=True)
    }
    for other in pairs.values():
        other.grad = torch.zeros_like(other)
    with torch.random.fork_rng(devices=[]):
        twin.step()
    found = [twin.state[pairs[own]] for own in parameters if own in pairs]
    return [
        {key: kind_of(torch.as_tensor(v)) for key, v in moments.items() if v is not None}
        for moments in found
    ]
