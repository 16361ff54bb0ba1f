"""What a model costs: parameters, seconds a round and a sample, and memory at its peak. Lesson 13.

Times are of this machine as it is now, and the most that is held is counted and not read from the
system: the bytes of all tensors that are alive at once, so that it is the same number wherever it
is asked. What a kernel borrows and gives back within one operation is not in it.
"""

from __future__ import annotations

import copy
import statistics
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_lib.data import DataSet
from course_lib.errors import CourseError, whole_number
from course_lib.evaluation import abilities, conditional
from course_lib.evaluation.table import Row, without
from course_lib.training import fit

WARM_UP = 2  # rounds that are not timed


@dataclass(frozen=True)
class Cost:
    """parameters: of all players together; batch: examples of a round. Seconds of a round and of
    one of `n` samples drawn together; most bytes held in training and in sampling. None where
    there is no game to play.
    """

    parameters: int
    batch: int | None
    round_seconds: float | None
    training_bytes: int | None
    n: int
    sample_seconds: float
    sampling_bytes: int

    def rows(self) -> list[Row]:
        """The costs as rows of a table, whose numbers have no floor."""
        found = [Row("parameters", self.parameters / 1e6, unit="millions")]
        if self.round_seconds is None:
            found += without(("a round", "memory of training"), "there is no game to play")
        else:
            note = f"batch {self.batch}"
            found.append(Row("a round", 1000 * self.round_seconds, unit="ms", note=note))
            size = self.training_bytes / 2**20
            found.append(Row("memory of training", size, unit="MiB", note=note))
        note = f"{self.n} together"
        found.append(Row("a sample", 1000 * self.sample_seconds, unit="ms", note=note))
        found.append(
            Row("memory of sampling", self.sampling_bytes / 2**20, unit="MiB", note=note)
        )
        return found


def cost(
    model, dataset: DataSet, *, rounds: int = 10, n: int = 64, batch: int | None = None
) -> Cost:
    """What `model` costs on this machine, trained on `dataset` and sampled.

    A copy plays `rounds` rounds, of which the median counts, and is thrown away; the model itself
    only draws `n` samples. batch: examples of a round, the model's own unless given. A model that
    has `sample` and no `game` has the costs of sampling alone. Raises CourseError for what is no
    model, and what `fit` raises where the data do not fit.
    """
    abilities.require_samples(model, "cost(model, dataset)")
    whole_number("rounds", rounds, 1)
    whole_number("n, the number of samples,", n, 1)
    if not isinstance(dataset, DataSet):
        raise CourseError(
            f"cost takes a DataSet, got {type(dataset).__name__}: data.load(…) gives one."
        )
    networks = [model] if isinstance(model, nn.Module) else []
    parameters = sum(p.numel() for network in networks for p in network.parameters())
    drawn = lambda: _draw(model, n, dataset)
    sampling = most_held(drawn, *networks)
    took = []
    for _ in range(3):
        begin = time.perf_counter()
        drawn()
        took.append(time.perf_counter() - begin)
    seconds = statistics.median(took) / n
    if not (networks and abilities.can(model, "game")):
        return Cost(parameters, None, None, None, n, seconds, sampling)
    batch = model.settings.get("batch") if batch is None else batch

    def play(of: nn.Module, many: int) -> list[float]:
        return fit(of, dataset, rounds=many, batch=batch, preview=False, progress=False).seconds

    trained = copy.deepcopy(model).requires_grad_(True)
    training = most_held(lambda: play(trained, 2), trained)
    a_round = statistics.median(play(trained, WARM_UP + rounds)[WARM_UP:])
    return Cost(parameters, batch, a_round, training, n, seconds, sampling)


def most_held(compute: Callable[[], object], *networks: nn.Module) -> int:
    """The most bytes that tensors hold at once while `compute` runs: those of the networks, and
    all that are made and still referred to, for a later gradient too."""
    held = Held()
    for network in networks:
        for tensor in (*network.parameters(), *network.buffers()):
            held.meet(tensor)
    with held:
        compute()
    return held.most


class Held(TorchDispatchMode):
    """Within it, `now` is how many bytes tensors hold, `most` the most that it ever was."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: dict[int, weakref.finalize] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor):
                self.meet(tensor)
        return found

    def meet(self, tensor: Tensor) -> None:
        """Count a tensor's storage, once for all of its views, until nobody refers to it."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known[key] = weakref.finalize(storage, self.forget, key, size)
            self.now += size
            self.most = max(self.most, self.now)

    def forget(self, key: int, size: int) -> None:
        """A storage is gone; its key may be given to another."""
        del self.known[key]
        self.now -= size


def _draw(model, n: int, dataset: DataSet) -> Tensor:
    """n samples on the CPU, which waits for whatever device draws them."""
    generator = torch.Generator().manual_seed(0)
    asked = conditional.asked(model, dataset, n, torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.sample(n, generator=generator, **abilities.told(model.sample, asked)).cpu()
