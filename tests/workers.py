"""Work that test_processes.py starts in processes of its own; not a test itself.

python workers.py WORK FILE [JSON], WORK being one of the functions here, under the variables that
torchrun sets.
"""

import json
import os
import random
import shutil
import signal
import socket
import sys
import time

import torch
from torch import nn

from course_lib import checkpoint, data, models
from course_lib.errors import CourseError
from course_lib.training import (
    Game,
    Move,
    Player,
    Source,
    adam,
    distributed,
    fit,
    own_gradients,
)


class Centres(nn.Module):
    """A loss of joint batch statistics, as CVAE-GAN's feature matching is."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Linear(784, 8, bias=False)

    def game(self):
        def losses(source):
            x = source.batch().x.flatten(1)
            fake = source.normal(*x.shape)
            gap = source.mean(self.network(x).mean(0)) - source.mean(self.network(fake).mean(0))
            own = (
                (self.network(x) - source.mean(self.network(x).mean(0))).tanh().square().mean()
            )
            return {"w": {"gap": gap.square().sum(), "own": own}}

        return Game([Move([Player("w", self.parameters(), adam(1e-3))], losses)])


def gradients(dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Every player's gradient in one round of three games, averaged over the processes."""
    images = data.load("digits").take(64)
    found = {}
    for name, model in {
        "gan": models.GAN(hidden=(16,), k=2),
        "vae": models.VAE(hidden=(16,)),
        "centres": Centres(),
    }.items():
        model.to(dtype)
        source = Source(images, 32, seed=1, dtype=dtype)
        for i, move in enumerate(model.game().round):
            for own in own_gradients(move.losses(source), move.players).values():
                distributed.average_(own)
                found |= {f"{name}.{i}.{j}": g for j, g in enumerate(own)}
    return found


def measure_gradients(file: str) -> None:
    """Write `gradients` of both precisions, by process 0."""
    found = {}
    for dtype in (torch.float32, torch.float64):
        found |= {f"{dtype}.{name}": g for name, g in gradients(dtype).items()}
    if distributed.rank() == 0:
        checkpoint.save(file, found, {})


class Normalised(models.GAN):
    """A GAN with a batch norm in G, so that there are buffers to keep."""

    def build(self) -> None:
        super().build()
        self.generator.insert(1, nn.BatchNorm1d(self.settings["hidden"][0]))


def train(folder: str, kill: tuple[int, str] | None = None, rounds: int = 10) -> None:
    """Train with a checkpoint after every round; die at kill = (round, "move" or "save")."""
    images = data.load("digits").take(128)
    model = Normalised(hidden=(16,), batch=32, k=2)
    game = model.game()
    if kill and kill[1] == "move":  # D has moved, G has not
        losses = game.round[1].losses

        def killed(source):
            if source.t == kill[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return losses(source)

        game.round[1].losses = killed
    if kill and kill[1] == "save":  # the new file is written, the old one not yet replaced
        replace, calls = os.replace, []

        def killed(*paths):
            calls.append(1)
            if len(calls) > kill[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*paths)

        os.replace = killed
    fit(
        model,
        images,
        game=game,
        rounds=rounds,
        resume=folder,
        checkpoint_seconds=0,
        progress=False,
    )


def train_apart(folder: str, cases: list[str]) -> None:
    """Each process trains in folders of its own, FOLDER/CASE/RANK, and notes what is refused."""
    for case in cases:
        try:
            train(f"{folder}/{case}/{distributed.rank()}")
        except CourseError as error:
            with open(f"{folder}/{case}/{distributed.rank()}.txt", "w") as file:
                file.write(str(error))


def slowly(folder: str, rounds: int, seconds: float) -> None:
    """Train with a checkpoint after every round, each of which takes its time."""
    model = models.VAE(hidden=(16,), batch=32, anneal=False)
    game = model.game(rounds)
    game.after = lambda t: time.sleep(seconds)
    images = data.load("digits").take(128)
    options = {"checkpoint_seconds": 0, "progress": False}
    fit(model, images, game=game, rounds=rounds, resume=folder, **options)


FAMILIES = {
    "VAE": lambda: models.VAE(hidden=(16,), batch=32),
    "DCGAN": lambda: models.DCGAN(width=4, latent=8, batch=16, average=0.9),
    "CVAEGAN": lambda: models.CVAEGAN(batch=16, average=0.9),
}
ROUNDS = 8


def forked(folder: str, family: str, world: int) -> list[int]:
    """Begin or continue a training in `world` processes that are copies of this one: their ids."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    children = []
    for rank in range(world):
        child = os.fork()
        if child:
            children.append(child)
            continue
        os.environ |= {"WORLD_SIZE": str(world), "RANK": str(rank)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        with distributed.joined():
            images = data.load("digits").take(64)
            options = {"checkpoint_seconds": 0, "progress": False, "seed": 1}
            fit(FAMILIES[family](), images, rounds=ROUNDS, resume=folder, **options)
        os._exit(0)
    return children


def ended(children: list[int]) -> bool:
    """Whether all came to their end by themselves, after waiting for them."""
    return [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)


def killed(folder: str, family: str, world: int, times: int) -> None:
    """Kill a training at `times` random moments, continuing it after each.

    Whenever it comes to its end, it is compared with one that was never killed, and begun anew.
    """
    chosen, before = random.Random(f"{family} {world}"), time.monotonic()
    assert ended(forked(f"{folder}/whole", family, world))
    length = time.monotonic() - before
    kills = 0
    while True:
        children = forked(f"{folder}/killed", family, world)
        if kills < times:
            time.sleep(chosen.uniform(0, length))
            chosen.shuffle(children)
            for child in children:  # one is hit, and torchrun would then end the others
                os.kill(child, signal.SIGKILL)
        if not ended(children):
            assert kills < times, "a training that nobody killed has failed"
            kills += 1
            continue
        same(f"{folder}/whole", f"{folder}/killed", ROUNDS)
        if kills == times:
            return
        shutil.rmtree(f"{folder}/killed")


def same(a: str, b: str, rounds: int) -> None:
    """Two run folders hold the same bits, but for the seconds that rounds took."""
    (a, facts), (b, again) = (checkpoint.load(f"{x}/checkpoint.safetensors") for x in (a, b))
    assert facts == again and facts["round"] == rounds
    assert a.keys() == b.keys()
    for name in a:
        assert name == "history.seconds" or torch.equal(a[name], b[name]), name


if __name__ == "__main__":
    torch.set_num_threads(1)
    work, file, *more = sys.argv[1:]
    with distributed.joined():
        globals()[work](file, *map(json.loads, more))
