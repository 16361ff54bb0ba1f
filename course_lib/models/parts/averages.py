"""A moving average of weights, for samples that wander less than the last round's weights do.

Players circle around the fixed point of their game, and the mean of where they have been lies
closer to it than any single place. Source: Yazıcı et al. (2019) for GANs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.models.settings import number

AVERAGE = number(
    None,
    "decay of a moving average of weights, which samples come from",
    "[0, 1)",
    also=(None,),
)


class MovingAverage(nn.Module):
    """The exponential moving average of the parameters and buffers of `networks`.

    After n updates with w₁ … wₙ it is Σ dⁿ⁻ⁱ wᵢ / Σ dⁿ⁻ⁱ: the weights sum to one from the first
    update on, so that the start leaves no bias. Whole numbers (a batch norm's counter) are
    taken over as they are.

    decay  d in [0, 1); about 1 / (1 − d) rounds are remembered

    A `Model` that declares the setting `average` has it by itself. In a game of your own list it
    in `keeps`, let `Game.after` call `update` in every round, and sample under `applied`.
    """

    def __init__(self, *networks: nn.Module, decay: float) -> None:
        super().__init__()
        if not networks:
            raise CourseError("MovingAverage needs the networks that it shall average.")
        if not (isinstance(decay, int | float) and 0 <= decay < 1):
            raise CourseError(f"decay must be in [0, 1), for instance 0.999; got {decay!r}.")
        self.networks, self.decay = networks, decay  # a tuple, so they are not its submodules
        self.register_buffer("updates", torch.tensor(0))
        for name, tensor in self._followed().items():
            self.register_buffer(name, tensor.clone())

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights of now; called after each round."""
        self.updates += 1
        rate = (1 - self.decay) / (1 - self.decay ** self.updates.item())
        for name, now in self._followed().items():
            average = getattr(self, name)
            if now.is_floating_point():
                average.lerp_(now, rate)
            else:
                average.copy_(now)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the networks hold their averages, afterwards their own weights again.

        Before the first update there is no average, and they keep their own.
        """
        followed = self._followed()
        own = {name: tensor.clone() for name, tensor in followed.items()}
        try:
            if self.updates:
                _copy({name: getattr(self, name) for name in followed}, followed)
            yield
        finally:
            _copy(own, followed)

    def _followed(self) -> dict[str, Tensor]:
        """Parameters and buffers by number of the network and name; the tensors themselves."""
        # A buffer's name may hold no dot.
        return {
            f"{i}/{name.replace('.', '/')}": tensor
            for i, network in enumerate(self.networks)
            for name, tensor in network.state_dict().items()
        }


@torch.no_grad()
def _copy(source: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
