"""How the kept trainings of the first edition are begun and continued, and what is measured.

Written with what a learner writes: models, data, `fit`, and games of one's own. Both the script
that made the fixtures and the test that reads them play by it; as a program it plays one
training in a process of its own, under the variables that torchrun sets.

    python first_edition.py RUN_AS_JSON FOLDER ROUNDS
"""

import hashlib
import json
import os
import platform
import socket
import subprocess
import sys

import torch
from torch import nn
from torch.nn.functional import softplus

from course_lib import data, models
from course_lib.training import Game, Move, MovingAverage, Player, adam, fit


def points_and_labels(run):
    """Sixty-four items of the training's data; images with every `every`-th row and column."""
    found = data.load(run["data"]).take(64)
    step = run.get("every", 1)
    if step == 1:
        return found
    images = found.images[:, :, ::step, ::step].contiguous()
    return data.DataSet(images, found.labels, found.attributes, card=found.card)


def bare_game():
    """A game on networks of one's own: two players, batch norm and an average that it keeps."""
    torch.manual_seed(0)
    # Kept for its buffers alone: what a player moves, the first edition can't keep as well.
    first = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3, affine=False))
    second = nn.Linear(3, 2)
    average = MovingAverage(second, decay=0.8)

    def losses(draw):
        x = draw.batch().x
        code = first(x + 0.1 * draw.normal(*x.shape))
        error = (second(code.tanh()) - x).square().mean()
        return {"A": {"error": error, "size": code.square().mean()}, "B": {"error": error}}

    players = [
        Player("A", first.parameters(), adam(3e-3)),
        Player("B", second.parameters(), SGD),
    ]
    game = Game([Move(players, losses)], after=lambda t: average.update())
    game.keeps = [first[1], average]
    return game, None, {"first": first, "second": second, "average": average}


def SGD(parameters):
    """Stochastic gradient descent with momentum, an optimiser that the library has not."""
    return torch.optim.SGD(parameters, lr=1e-2, momentum=0.9)


def game_beside():
    """The course's GAN against a critic of one's own, which is no part of the model."""
    model = models.GAN(shape=(2,), latent=2, hidden=(4,))
    torch.manual_seed(0)
    critic, held = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)), []

    def judge(draw):
        x = draw.batch().x
        held[:] = [model.generator(draw.normal(len(x), 2))]
        return {
            "D": {"real": softplus(-critic(x)).mean(), "fake": softplus(critic(*held)).mean()}
        }

    def fool(draw):
        return {"G": {"fake": softplus(-critic(held.pop())).mean()}}

    D = Player("D", critic.parameters(), adam(3e-3))
    G = Player("G", model.generator.parameters(), adam(3e-3))
    game = Game([Move([D], judge, times=2), Move([G], fool)])
    return model, game, {"model": model, "critic": critic}


def play(run, folder, rounds):
    """Continue the training kept in `folder`, or begin it, up to `rounds`; measure its end."""
    if run.get("processes", 1) > 1 and "WORLD_SIZE" not in os.environ:
        return apart(run, folder, rounds)
    if "game" in run:
        model, game, networks = {"bare": bare_game, "beside": game_beside}[run["game"]]()
    else:
        model, game = getattr(models, run["model"])(**run["settings"]), None
        networks = {"model": model}
    history = fit(
        model,
        points_and_labels(run),
        game=game,
        rounds=rounds,
        batch=8,
        seed=3,
        resume=folder,
        device="cpu",
        preview=run.get("preview", False),
        progress=False,
    )
    weights = {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    return {
        "sha256": digest(weights),
        "tensors": {key: numbers(weights[key]) for key in sorted(weights)},
        "losses": history.values,
        "grids": [[t, digest({"": grid})] for t, grid in history.grids],
    }


def apart(run, folder, rounds):
    """`play` by several processes that train as one, started as torchrun would."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    common = address | {"WORLD_SIZE": str(run["processes"])}
    words = [sys.executable, __file__, json.dumps(run), str(folder), str(rounds)]
    started = [
        subprocess.Popen(
            words, env=os.environ | common | {"RANK": str(i)}, stdout=-1, stderr=-1
        )
        for i in range(run["processes"])
    ]
    try:
        said = [process.communicate(timeout=90) for process in started]
    finally:
        for process in started:
            process.kill()
    if any(process.returncode for process in started):
        raise RuntimeError("\n".join(error.decode() for _, error in said))
    return json.loads(said[0][0])


def digest(tensors):
    """SHA-256 of the tensors' names and bytes, in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def numbers(tensor):
    """Sum, sum of sizes, and the first four numbers, computed in double precision."""
    flat = tensor.detach().double().flatten()
    return [float(f"{x:.9g}") for x in [flat.sum(), flat.abs().sum(), *flat[:4]]]


def described(model):
    """Names, kinds and shapes of what a model keeps; the names of each player's parameters."""
    found = {
        "state": {k: f"{t.dtype} {list(t.shape)}"[6:] for k, t in model.state_dict().items()}
    }
    if type(model).__name__ in models.MODELS:
        own = {parameter: name for name, parameter in model.named_parameters()}
        players = model.game(100).players
        found["players"] = {p.name: [own[q] for q in p.parameters] for p in players}
    return found


def drawn(model, n, labels):
    """n samples, flat: some of the numbers of each, and the sum of all."""
    found = model.sample(n, labels=labels, generator=torch.Generator().manual_seed(7)).flatten(
        1
    )
    return found[:, :: found.shape[1] // 80 | 1].numpy(), found.double().sum(1).numpy()


def arithmetic():
    """What fixes the last bits: torch, threads, processor, and a digest of torch's own sums."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.rand(8, 1, 14, 14)
        network = nn.Sequential(
            *(nn.Conv2d(1, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2)),
            *(nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh(), nn.Flatten()),
            *(nn.Linear(196, 16), nn.SiLU(), nn.Linear(16, 3)),
        ).to(memory_format=torch.channels_last)
        optimiser = torch.optim.Adam(network.parameters(), fused=True)
        for _ in range(4):
            optimiser.zero_grad()
            (softplus(network(x)).mean() + network(x).logsumexp(1).exp().mean()).backward()
            optimiser.step()
    return {
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "sums": digest(network.state_dict()),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    end = play(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print(json.dumps(end))
