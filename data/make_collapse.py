"""Rebuild `collapse.json`, the tables of lesson 07: `python data/make_collapse.py [--only NAME …]`.

A VAE with 50 latents on the embedded digits, binarised, trained in six ways, three seeds each: as
it is, with the two cures of posterior collapse that lesson 07 derives, with two values of β, and
by the bound with five samples. The same rounds for all; the bound with five costs more processor
time, and each row says how much. Then two convolutional VAEs on drawn faces, 32×32, one training
each: report B's settings, and the course's, looked at along the way. Rows that are there are kept,
so a stopped run goes on.
"""

from __future__ import annotations

import functools
import json
import time
from pathlib import Path

import recording
import torch

from course_lib import data, models
from course_lib.models.parts.likelihoods import active_units, gaussian_kls

FILE = Path(__file__).parent / "collapse.json"
SEEDS = (0, 1, 2)
ROUNDS, FEW, K = 6_000, 500, 500  # test digits of the bound with K samples
BASE = {"latent": 50, "hidden": (256, 256), "batch": 128, "lr": 1e-3, "anneal": True}
WAYS = {
    "plain": {},
    "warm-up": {"warm_up": 0.5},
    "free bits": {"free_bits": 0.1},
    "β = 4": {"beta": 4.0},
    "β = ¼": {"beta": 0.25},
    "K = 5": {"k": 5},
}
FACES = {"b3": {}, "faces": {"lr": 3e-3, "warm_up": 0.3}}
FACE_ROUNDS, PARTS = 1_500, (1 / 15, 2 / 15, 4 / 15, 8 / 15, 1.0)
ABOUT = (
    "Fifty latents on the 10,000 embedded digits, dynamically binarised. elbo and bound (K = 500): "
    "nats an image, means over the 2,000 and the first 500 embedded test digits, all models on the "
    "same binarisation; each latent's KL in nats, largest first; active: latents whose posterior "
    "mean has a variance above .01 over the test digits. faces: two convolutional VAEs with 128 "
    "latents on 8,000 drawn faces, 32×32, after each of some rounds; rmse: of reconstructions "
    "from draws of q, 500 test faces, bits: bits a dimension with 20 samples, 100 test faces."
)


def binarised() -> torch.Tensor:
    """The test digits, drawn once for all rows."""
    x = data.load("digits", "test").batch().x
    return data.binarise(x, torch.Generator().manual_seed(0))


@torch.no_grad()
def judged(model: models.VAE, bits: torch.Tensor) -> dict:
    """KLs, active units, ELBO and the bound with K samples."""
    noise = torch.Generator().manual_seed(1)
    mean, log_var = model.encode(bits)
    each = gaussian_kls(mean, log_var).mean(0)
    terms = model.elbo_terms(bits, noise)
    parts = bits[:FEW].split(50)
    bound = torch.cat([model.log_likelihood(part, K, noise) for part in parts])
    return {
        "elbo": round((terms["reconstruction"] - terms["kl"]).mean().item(), 3),
        "reconstruction": round(terms["reconstruction"].mean().item(), 3),
        "kl": round(terms["kl"].mean().item(), 3),
        "bound": round(bound.mean().item(), 3),
        "active": active_units(mean),
        "kl_each": [round(v, 4) for v in each.sort(descending=True).values.tolist()],
    }


def train(rounds: int, digits: data.DataSet, bits: torch.Tensor, way: str, seed: int) -> dict:
    """One training and what came of it."""
    model = models.VAE(**BASE, **WAYS[way], seed=seed)
    before = time.process_time()
    recording.fit(model, digits, rounds=rounds, seed=seed)
    seconds = time.process_time() - before
    row = {"way": way, "seed": seed, "rounds": rounds, "cpu_seconds": round(seconds, 1)}
    return row | judged(model.eval(), bits)


def train_faces(rounds: int, recipe: str) -> dict:
    """One training on faces, judged after each of PARTS of its rounds."""
    model = models.VAE(recipe, shape=(3, 32, 32), **FACES[recipe])
    faces = data.faces.load("train", size=32, n=8_000)
    test = data.faces.load("test", size=32, n=500)
    x = data.dequantise(test.images, torch.Generator().manual_seed(0))
    marks = {max(1, round(part * rounds)) for part in PARTS}
    moments = []

    @torch.no_grad()
    def look(t: int) -> None:
        if t + 1 not in marks:
            return
        model.eval()
        mean, log_var = model.encode(x)
        each = gaussian_kls(mean, log_var).mean(0)
        error = model.reconstruct(x, torch.Generator().manual_seed(1)) - x
        bits = model.bits_per_dim(test.images[:100], torch.Generator().manual_seed(1), 20)
        moments.append(
            {
                "round": t + 1,
                "active": active_units(mean),
                "kl": round(each.sum().item(), 3),
                "above": int((each > 0.1).sum()),
                "rmse": round(error.square().mean().sqrt().item(), 4),
                "sigma": round(model.log_sigma.exp().item(), 4),
                "bits": round(bits.mean().item(), 3),
            }
        )
        model.train()

    game, before = model.game(rounds), time.process_time()
    game.after = look
    recording.fit(model, faces, game=game, rounds=rounds)
    seconds = round(time.process_time() - before, 1)
    return {"recipe": recipe, "rounds": rounds, "cpu_seconds": seconds, "moments": moments}


def head(rows: recording.Rows, rounds: int) -> dict:
    """What the file says before its rows."""
    of = recording.circumstances()
    return {
        "about": ABOUT,
        "command": "OMP_NUM_THREADS=1 python data/make_collapse.py",
        "machine": f"{recording.MACHINE}, torch {of['torch']}, {of['threads']} thread of "
        f"{of['cores']} cores",
        "settings": {**BASE, "rounds": rounds},
        "ways": WAYS,
        "faces": FACES,
        "cpu_minutes": recording.minutes(rows),
    }


def text(table: dict) -> str:
    """JSON with a line for each fact and each row."""

    def entry(key: str, value: object) -> str:
        if key not in ("rows", "face_rows"):
            return f"{json.dumps(key)}: {json.dumps(value)}"
        return f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, value)) + "\n]"

    return "{" + ",\n".join(entry(key, value) for key, value in table.items()) + "}\n"


def told(row: dict) -> str:
    """A row in a line."""
    return str({key: value for key, value in row.items() if key != "kl_each"})


def table(file: Path, rounds: int) -> recording.Table:
    """Ways under seeds, and two trainings on faces."""
    names = {"rows": ("way", "seed"), "face_rows": ("recipe",)}
    order = [*WAYS, *FACES]
    return recording.Table(file, names, order, functools.partial(head, rounds=rounds), text)


def main() -> None:
    parser = recording.options(__doc__, [*WAYS, *FACES], SEEDS, FILE)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    found, digits, bits = table(asked.to, asked.rounds), data.load("digits"), binarised()
    face_rounds = max(5, round(asked.rounds / ROUNDS * FACE_ROUNDS))
    faces = [{"recipe": recipe} for recipe in FACES if recipe in asked.only]
    found.fill("face_rows", faces, functools.partial(train_faces, face_rounds), told)
    grid = [{"way": w, "seed": seed} for seed in asked.seeds for w in WAYS if w in asked.only]
    found.fill("rows", grid, functools.partial(train, asked.rounds, digits, bits), told)


if __name__ == "__main__":
    main()
