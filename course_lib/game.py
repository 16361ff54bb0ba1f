"""A model is a game: players, moves, rounds.

A *player* owns some parameters and improves its objective with respect to *its own* parameters
only. A *move* is one forward computation after which its players step together. A *round* is a
list of moves. Maximum likelihood is one move of one player; Goodfellow's GAN is k moves of D,
then one of G; CVAE-GAN is one move of four players. Which parameters a gradient reaches is thus
a property of the game, and no loss needs a `detach()`. Lesson 02 derives the game from
Algorithm 1 of Goodfellow et al. (2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, whole_number

Losses = Mapping[str, Mapping[str, Tensor]]


def adam(lr: float, betas: tuple[float, float] = (0.9, 0.999), **more):
    """Adam (Kingma and Ba, 2015) in its fused form: one kernel for all parameters."""
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise CourseError(f"Adam's betas are two numbers in [0, 1), not {betas!r}.")
    return partial(torch.optim.Adam, lr=lr, betas=betas, fused=True, **more)


def cosine(rounds: int) -> Callable[[int], float]:
    """A schedule: from 1 in round 0 to 0 in round `rounds`, along a cosine."""
    return lambda t: 0.5 * (1 + math.cos(math.pi * t / rounds))


@dataclass(eq=False)
class Player:
    """Who moves: parameters, and how they step.

    name        as it appears in losses and in the history ("G", "D", "VAE" …)
    parameters  what it may change. Two players may share parameters, never within one move.
    optimiser   parameters → torch optimiser, for instance `adam(2e-4)`
    clip        largest Euclidean norm of its whole gradient, or None
    schedule    t → factor on the learning rate in round t; pure, so it needs no state
    project     called after each step, for instance to clip a critic's weights
    """

    name: str
    parameters: Iterable[nn.Parameter]
    optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    clip: float | None = None
    schedule: Callable[[int], float] | None = None
    project: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.parameters, nn.Module):
            raise CourseError(
                f"Player {self.name!r}: expected a list of parameters, got a module; "
                "pass module.parameters()."
            )
        self.parameters = [p for p in self.parameters if p.requires_grad]
        if not self.parameters:
            raise CourseError(
                f"Player {self.name!r} owns no trainable parameter. Loaded models are frozen: "
                "model.requires_grad_(True) lets one be trained on."
            )
        if self.clip is not None and not self.clip > 0:
            raise CourseError(
                f"Player {self.name!r}: clip is the largest norm of a gradient, above 0, or "
                f"None; got {self.clip!r}."
            )


@dataclass(eq=False)
class Move:
    """One forward computation, then one step of each of its players.

    losses(source) → {player: {term: scalar}}; a player descends the sum of its own terms. source:
    a `training.Source`, which hands out batches and noise. times: how often a round plays the
    move, each time on what it draws then
    """

    players: Sequence[Player]
    losses: Callable[[Any], Losses]
    times: int = 1

    def __post_init__(self) -> None:
        self.players = list(self.players)
        names = [player.name for player in self.players]
        if len(set(names)) < len(names):
            raise CourseError(f"A move names a player twice: {names}.")
        owners: dict[nn.Parameter, str] = {}
        for player in self.players:
            for parameter in player.parameters:
                if parameter in owners:
                    raise CourseError(
                        f"Players {owners[parameter]!r} and {player.name!r} share a parameter "
                        "within one move; let them play in two moves."
                    )
                owners[parameter] = player.name
        self.times = whole_number("times, how often a move is played in a round,", self.times)


@dataclass(eq=False)
class Game:
    """A round is a list of moves; a training is many rounds.

    start  called before round 0 with a source: data-dependent initialisation
    after  called after every round with its number: moving averages of weights, class centres
    keeps  modules that belong to the training and are no part of the model (such an average, or
           such centres, in a game of your own): checkpoints hold their parameters and buffers
    """

    round: Sequence[Move]
    start: Callable[[Any], None] | None = None
    after: Callable[[int], None] | None = None
    keeps: Sequence[nn.Module] = ()
    players: list[Player] = field(init=False)

    def __post_init__(self) -> None:
        self.round = list(self.round)
        if not self.round:
            raise CourseError("A game needs at least one move in its round.")
        self.players = list(dict.fromkeys(p for move in self.round for p in move.players))
        names = [player.name for player in self.players]
        if len(set(names)) < len(names):
            raise CourseError(f"Two different players share a name: {names}.")


def own_gradients(losses: Losses, players: Iterable[Player]) -> dict[Player, list[Tensor]]:
    """Each player's gradient of its own loss in its own parameters.

    Raises CourseError when a player has no loss, an unknown player has one, a term is no scalar
    tensor, or a parameter is reached by none of its player's terms (a player that can't learn is
    a broken model).
    """
    players = list(players)
    names = [player.name for player in players]
    if not isinstance(losses, Mapping):
        raise CourseError(
            f"A move's losses are {{player: {{term: scalar}}}}, not {type(losses).__name__}."
        )
    if set(losses) != set(names):
        raise CourseError(f"Losses came for {sorted(losses)}; this move's players are {names}.")
    gradients = {}
    for i, player in enumerate(players):
        terms = losses[player.name]
        if not (isinstance(terms, Mapping) and terms and all(map(_is_scalar, terms.values()))):
            raise CourseError(
                f"The losses of player {player.name!r} must be {{term: scalar}}, one tensor or "
                f"more, each reduced by .mean() or .sum(); got {terms!r:.100}."
            )
        first, *others = terms.values()
        total = sum(others, start=first)
        if not total.requires_grad:
            raise CourseError(f"No term of player {player.name!r} depends on its parameters.")
        found = torch.autograd.grad(
            total, player.parameters, retain_graph=i + 1 < len(players), allow_unused=True
        )
        pairs = zip(player.parameters, found, strict=True)
        missed = [tuple(p.shape) for p, g in pairs if g is None]
        if missed:
            raise CourseError(
                f"{len(missed)} of {len(found)} parameters of player {player.name!r} are reached "
                f"by none of its terms {list(terms)} (shapes {missed[:3]})."
            )
        gradients[player] = list(found)
    return gradients


def _is_scalar(term: object) -> bool:
    return isinstance(term, Tensor) and term.numel() == 1


def reaches(
    losses: Losses, networks: Mapping[str, Iterable[nn.Parameter]]
) -> dict[str, set[str]]:
    """Which networks each term depends on, found by asking autograd.

    networks: name → parameters. Returns {"player.term": names of the networks in which the
    term has a gradient other than zero}; compare it with the paper, for a wrong model trains as
    quietly as a right one.
    """
    found: dict[str, set[str]] = {}
    for player, terms in losses.items():
        for term, value in terms.items():
            found[f"{player}.{term}"] = set()
            for name, parameters in networks.items() if value.requires_grad else ():
                own = torch.autograd.grad(
                    value, list(parameters), retain_graph=True, allow_unused=True
                )
                if any(g is not None and g.any() for g in own):
                    found[f"{player}.{term}"].add(name)
    return found
