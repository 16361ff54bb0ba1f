"""Judges that come with the course: a file of weights, and a card that says what it was made of.

Two scores can be compared only if they were taken with the same judge. So its file is checked
against its card whenever it is loaded, and what is loaded can't be trained any further.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from course_lib import checkpoint
from course_lib.data import checksum, paths
from course_lib.errors import CourseError

Network = TypeVar("Network", bound=nn.Module)


def names(judge: str) -> tuple[str, str]:
    """Where the weights and the card of a judge lie in the course's data folder."""
    return f"checkpoints/{judge}.safetensors", f"checkpoints/{judge}.json"


def card(judge: str) -> dict:
    """What is known of it: recipe, seed, data, checksum, scores. Raises CourseError if damaged."""
    path = paths.find(names(judge)[1])
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CourseError(
            f"{path} is damaged ({error}). Restore it: git checkout -- data/checkpoints, or "
            "copy it from a fresh clone."
        ) from error


def block(inputs: int, outputs: int, kernel: int = 3) -> list[nn.Module]:
    """A convolution that keeps the size, batch normalisation and rectification."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


@contextlib.contextmanager
def built(network: nn.Module, seed: int) -> Iterator[None]:
    """Within it, layers are made from the seed on the CPU; afterwards all are float32, whatever
    torch's default device and dtype are."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.manual_seed(seed)
        yield
    network.to(torch.float32)


def load(kind: Callable[[], Network], judge: str) -> Network:
    """A network of that class with the shipped weights, in evaluation mode, fixed.

    Raises CourseError when the file is missing, or is not the one whose card states its scores.
    """
    file, known = paths.find(names(judge)[0]), card(judge)
    remedy = (
        "Restore it and its card (git checkout -- data/checkpoints), or copy both from a fresh "
        "clone."
    )
    checksum.require(file, file.read_bytes(), known["sha256"], remedy)
    weights, _ = checkpoint.load(file)
    network = kind()
    checkpoint.copy_into(network.state_dict(), weights, str(file))
    return network.eval().requires_grad_(False)


def train(
    network: Network,
    examples: int,
    cost: Callable[[Tensor], Tensor],
    generator: torch.Generator,
    epochs: int,
    batch: int,
    lr: float,
    after_epoch: Callable[[int, Network, float], None] | None,
) -> Network:
    """One cycle of AdamW over `epochs`, and the network in evaluation mode.

    cost(indices (batch,)) → scalar loss of those of the `examples`. The schedule is fixed in
    advance and nothing is chosen by a score, so that test data stay unseen. generator: order
    of the examples. after_epoch(epoch, network, mean loss) is called after each.
    """
    network = network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.01)
    rounds = examples // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, lr, total_steps=epochs * rounds, pct_start=0.2
    )
    for epoch in range(1, epochs + 1):
        total = 0.0
        order = torch.randperm(examples, generator=generator, device="cpu")
        for chosen in order[: rounds * batch].view(rounds, batch):
            loss = cost(chosen)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        if after_epoch is not None:
            after_epoch(epoch, network, total / rounds)
    return network.to(memory_format=torch.contiguous_format).eval()


def write(network: nn.Module, judge: str, facts: dict, folder: Path | str) -> Path:
    """Write weights and card to `folder`; the card gets name and checksum. The card's path."""
    file, beside = (Path(folder) / Path(name).name for name in names(judge))
    checkpoint.save(file, network.state_dict(), {"name": judge})
    known = {"name": judge, "sha256": checksum.sha256(file.read_bytes())} | facts
    beside.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return beside
