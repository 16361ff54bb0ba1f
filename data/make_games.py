"""Rebuild `games.json`, the table of lesson 05: `python data/make_games.py [--only METHOD …]`.

Six ways to play A1's game on the embedded digits, four seeds each. What is equalised is
*processor time*: `ROUNDS` are rounds of G that cost about the same seconds on one core (a round
of wgan-gp holds five moves of D with a second derivative, a round of gan one), so that seeds and
rounds can be repeated where clocks cannot. Each row says what it took. What is equalised too is
the tuning: each method is tried at three learning rates, for a quarter of its rounds and with a
seed of its own, and the best Fréchet distance is taken: to digits that were held back from the
*training* images and that the trial did not see, never to test digits. At four moments G is
judged twice, with its own weights and with their moving average: EMA is not a training of its
own. Rows that are there are kept, so a stopped run goes on; a row takes one to two minutes.
"""

from __future__ import annotations

import copy
import functools
import tempfile
import time
from pathlib import Path

import recording
import torch
from torch import Tensor

from course_lib import data, evaluation, models, training

FILE = Path(__file__).parent / "games.json"
AVERAGE = 0.999
SEEDS = (0, 1, 2, 3)
FACTORS, TRIAL_SEED, TRIAL = (0.25, 1.0, 4.0), 100, 0.25  # of the rates; of the rounds
PARTS = (0.125, 0.25, 0.5, 1.0)
SOME, MANY = 2_000, 10_000  # samples at each moment, and at the last
HELD_BACK = 2_000  # training digits that a trial does not see and is judged by
METHODS = {
    "gan": ("course", {}),
    "two time scales": ("course", {"lr": 1.25e-4, "d_lr": 5e-4}),
    "wgan": ("wgan", {}),
    "wgan-gp": ("wgan-gp", {}),
    "sn-gan": ("sn-gan", {}),
    "r1": ("course", {}),
}
GAMMA = 10.0  # of R1, as the paper plays it on images
ROUNDS = {
    "gan": 5_000,
    "two time scales": 5_000,
    "wgan": 1_370,
    "wgan-gp": 770,
    "sn-gan": 3_750,
    "r1": 3_250,
}
ABOUT = (
    "Modes covered by six ways to play the GAN of report A (two MLPs, the course's settings) on "
    "the 10,000 embedded digits, at about equal processor time. counts: samples by the shipped "
    "digit classifier; fd: Fréchet distance on digit features of 2,000 samples and the 2,000 "
    "embedded test digits; d_gradient: norm of D's gradient of its own loss in its own "
    "parameters, over 20 batches."
)


def judged(x: Tensor, real: Tensor) -> dict:
    """Class counts of all samples, Fréchet distance of the first 2,000."""
    counts = evaluation.class_histogram(x, evaluation.digit_classifier())
    features = evaluation.image_features(x[:SOME], "digits")
    fd = evaluation.frechet_distance(features, real)
    return {"counts": counts.tolist(), "fd": round(fd, 4)}


def game_of(method: str, model: models.GAN) -> training.Game:
    """A method's game. R1 adds γ/2 E ‖∇ₓ ℓ(x)‖² at real images to D's loss (lesson 05)."""
    game = model.game()
    if method == "r1":
        move = game.round[0]
        plain = move.losses

        def penalised(source: training.Source) -> dict:
            losses = plain(source)
            x = model.seen(source.batch().x).requires_grad_()
            (slope,) = torch.autograd.grad(model.discriminator(x).sum(), x, create_graph=True)
            losses["D"]["penalty"] = GAMMA / 2 * slope.square().sum(1).mean()
            return losses

        move.losses = penalised
    return game


def gradient_norms(
    method: str, model: models.GAN, digits: data.DataSet, seed: int
) -> list[float]:
    """‖∇ψ L_D‖ on 20 batches, of a copy: power iteration and penalties leave no trace."""
    move = game_of(method, copy.deepcopy(model).train()).round[0]
    source = training.Source(digits, model.settings["batch"], seed)
    norms = []
    for _ in range(20):
        (own,) = training.own_gradients(move.losses(source), move.players).values()
        norms.append(torch.cat([g.flatten() for g in own]).norm().item())
    return norms


def build(method: str, factor: float, seed: int = 0) -> models.GAN:
    """A method's model, its learning rates times `factor`."""
    recipe, changed = METHODS[method]
    plain = models.GAN(recipe, **changed).settings
    rates = {name: plain[name] * factor for name in ("lr", "d_lr") if plain[name] is not None}
    return models.GAN(recipe, **{**changed, **rates}, seed=seed, average=AVERAGE)


def play(
    method: str,
    factor: float,
    seed: int,
    rounds: int,
    parts: tuple[float, ...],
    digits: data.DataSet,
    real: Tensor,
) -> dict:
    """One training, judged after each of `parts` of its rounds."""
    model = build(method, factor, seed)
    seconds, moments, began = 0.0, [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            until = max(1, round(part * rounds))
            before = time.process_time()
            history = recording.fit(
                model,
                digits,
                game=game_of(method, model),
                rounds=until,
                seed=seed,
                resume=folder,
            )
            seconds += time.process_time() - before
            n = MANY if part == 1 else SOME
            noise = torch.Generator().manual_seed(seed)
            averaged = model.sample(n, generator=noise)
            z = model.noise(n, model.settings["latent"], generator=noise.manual_seed(seed))
            with torch.no_grad():
                own = model.generate(z)
            norms = torch.tensor(gradient_norms(method, model, digits, seed))
            moments.append(
                {
                    "round": until,
                    "cpu_seconds": round(seconds, 1),
                    "own": judged(own, real),
                    "averaged": judged(averaged, real),
                    "d_gradient": [round(norms.mean().item(), 4), round(norms.std().item(), 4)],
                }
            )
    d_loss = torch.as_tensor(history.term("D.real") + history.term("D.fake"))
    late = d_loss[-max(2, len(d_loss) // 10) :]
    return {
        "method": method,
        "factor": factor,
        "seed": seed,
        "rounds": until,
        "cpu_seconds": round(seconds, 1),
        "wall_minutes": round((time.perf_counter() - began) / 60, 2),
        **recording.circumstances(),
        "late_d_loss": [round(late.mean().item(), 4), round(late.std().item(), 4)],
        "moments": moments,
    }


def settings(method: str, factor: float) -> dict:
    """What tells the methods apart."""
    chosen = build(method, factor).settings
    names = ("objective", "critic", "k", "optimiser", "lr", "d_lr", "betas", "batch", "average")
    extra = {"gamma": GAMMA} if method == "r1" else {}
    return {name: chosen[name] for name in names} | {"rounds": ROUNDS[method]} | extra


def best_factor(method: str, trials: list[dict]) -> float | None:
    """The factor of the trial with the smallest Fréchet distance; None if one is missing."""
    own = {t["factor"]: t["moments"][-1]["own"]["fd"] for t in trials if t["method"] == method}
    return min(own, key=own.get) if set(own) == set(FACTORS) else None


def head(rows: recording.Rows, floor: dict) -> dict:
    """What the file says before its rows."""
    chosen = {m: best_factor(m, rows["trials"]) for m in METHODS}
    return {
        "about": ABOUT,
        "command": "OMP_NUM_THREADS=1 python data/make_games.py",
        "machine": recording.MACHINE,
        "settings": {m: settings(m, f) for m, f in chosen.items() if f is not None},
        "floor": floor,
        "minutes": recording.minutes(rows),
    }


def told(row: dict) -> str:
    """A row in a line."""
    last = row["moments"][-1]
    covered = evaluation.modes_covered(torch.tensor(last["own"]["counts"]))
    return (
        f"{row['method']} × {row['factor']}, seed {row['seed']}: {row['rounds']} rounds, "
        f"{row['cpu_seconds']} s; {covered} of 10 classes, FD {last['own']['fd']} "
        f"(averaged {last['averaged']['fd']})"
    )


def keep(rows: recording.Rows) -> recording.Rows:
    """Not the trials that other digits judged, nor rows at rates that are no longer chosen."""
    trials = [t for t in rows["trials"] if t.get("held_back") == HELD_BACK]
    chosen = {m: best_factor(m, trials) for m in METHODS}
    found = [r for r in rows["rows"] if chosen[r["method"]] in (None, r["factor"])]
    return {"trials": trials, "rows": found}


def table(file: Path, floor: dict) -> recording.Table:
    """Trials and rows are a method's at some rates and under a seed."""
    names = dict.fromkeys(("trials", "rows"), ("method", "factor", "seed"))
    top = functools.partial(head, floor=floor)
    return recording.Table(file, names, list(METHODS), top, keep=keep)


def main() -> None:
    parser = recording.options(__doc__, list(METHODS), SEEDS, FILE)
    parser.add_argument("--scale", type=float, default=1.0, help="of all rounds, to try it out")
    options = parser.parse_args()
    digits, test = data.load("digits"), data.load("digits", split="test")
    real = evaluation.image_features(test.images, "digits")
    train = evaluation.image_features(digits.images[:SOME], "digits")
    learned = digits.subset(slice(0, len(digits) - HELD_BACK))
    unseen = digits.subset(slice(len(digits) - HELD_BACK, len(digits)))
    judges = evaluation.image_features(unseen.images, "digits")
    floor = {
        "counts": torch.bincount(digits.labels, minlength=10).tolist(),
        "fd": round(evaluation.frechet_distance(train, real), 4),
    }
    games = table(options.to, floor)

    def trial(method: str, factor: float, seed: int) -> dict:
        rounds = round(ROUNDS[method] * options.scale)
        row = play(method, factor, seed, rounds, (TRIAL,), learned, judges)
        return row | {"held_back": HELD_BACK}

    def row(method: str, factor: float, seed: int) -> dict:
        rounds = round(ROUNDS[method] * options.scale)
        return play(method, factor, seed, rounds, PARTS, digits, real)

    trials = [
        {"method": method, "factor": factor, "seed": TRIAL_SEED}
        for method in options.only
        for factor in FACTORS
    ]
    games.fill("trials", trials, trial, told)
    grid = [
        {"method": method, "factor": best_factor(method, games.rows()["trials"]), "seed": seed}
        for seed in options.seeds
        for method in options.only
    ]
    games.fill("rows", grid, row, told)


if __name__ == "__main__":
    main()
