"""All that a training is at the end of a round, to be kept and brought back bit by bit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course_lib.checkpoint import copy_into, section
from course_lib.errors import CourseError
from course_lib.game import Game, Player
from course_lib.training import distributed
from course_lib.training.source import Source


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
        self.game, self.model, self.optimisers, self.source = (
            game,
            model,
            optimisers,
            source,
        )

    def weights(self) -> dict[str, Tensor]:
        """Parameters and buffers by name; the tensors themselves."""
        if self.model is not None:
            return self.model.state_dict()
        return {
            f"{player.name}.{i}": p.detach()
            for player in self.game.players
            for i, p in enumerate(player.parameters)
        }

    def kept(self) -> dict[str, Tensor]:
        """What the game has besides the model: `keeps`, and networks that are in neither.

        The tensors themselves; of such networks the players' parameters.
        """
        found = {
            f"{i}.{name}": t
            for i, module in enumerate(self.game.keeps)
            for name, t in module.state_dict().items()
        }
        if self.model is None:
            return found  # `weights` has all players' parameters
        known = {p for module in (self.model, *self.game.keeps) for p in module.parameters()}
        return found | {
            f"{player.name}.{i}": p.detach()
            for player in self.game.players
            for i, p in enumerate(player.parameters)
            if p not in known
        }

    def buffers(self) -> list[Tensor]:
        """What layers keep besides parameters and is a running average."""
        modules = [*self.game.keeps] + ([] if self.model is None else [self.model])
        return [b for m in modules for b in m.buffers() if b.is_floating_point()]

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors; the tensors themselves, not copies."""
        found = {f"weights.{name}": t for name, t in self.weights().items()}
        found |= {f"kept.{name}": t for name, t in self.kept().items()}
        for player, optimiser in self.optimisers.items():
            for i, parameter in enumerate(player.parameters):
                for key, value in optimiser.state.get(parameter, {}).items():
                    value = value if isinstance(value, Tensor) else torch.tensor(value)
                    found[f"optimiser.{player.name}.{i}.{key}"] = value
        found["random.course"] = self.source.generator.get_state()
        found["random.torch"] = torch.get_rng_state()
        found["batches"] = torch.tensor(self.source.batches)
        return found

    def promise(self) -> dict[str, str | int]:
        """Under what the same training gives the same bits; a checkpoint keeps it."""
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

    def copy(self) -> dict[str, Tensor]:
        """A copy of everything that later rounds do not change."""
        return {name: t.detach().clone() for name, t in self.tensors().items()}

    def restore(self, tensors: dict[str, Tensor], where: str = "the last good state") -> None:
        """Bring back what `tensors` or `copy` returned, into the existing memory layout."""
        copy_into(self.weights(), section(tensors, "weights"), where)
        copy_into(self.kept(), section(tensors, "kept"), where)
        moments = section(tensors, "optimiser")
        for player, optimiser in self.optimisers.items():
            own, fused = section(moments, player.name), optimiser.defaults.get("fused")
            for i, parameter in enumerate(player.parameters):
                optimiser.state.pop(parameter, None)
                for key, saved in section(own, str(i)).items():
                    optimiser.state[parameter][key] = _laid_out(key, saved, parameter, fused)
        self.source.generator.set_state(tensors["random.course"].cpu())
        torch.set_rng_state(tensors["random.torch"].cpu())
        self.source.batches = int(tensors["batches"])

    def require_finite(self) -> None:
        """Raise Exploded naming the player whose parameters hold NaN or infinity."""
        for player in self.game.players:
            for parameter in player.parameters:
                if not torch.isfinite(parameter).all():
                    raise Exploded(
                        f"parameters of player {player.name!r} became NaN or infinite: its "
                        "gradient exploded"
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
