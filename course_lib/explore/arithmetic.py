"""The arithmetic board: mean of three A − mean of three B + mean of three C (lesson 04).

One sample's z says too little about what it shows, the mean of three more (Radford et al. 2016,
figure 7). The mean of three draws has a norm of √(d/3), the sum of three such means √d again: it
lies where draws lie. Its neighbours tell whether what is seen there is luck. Nine samples are
chosen, in three groups, and found by a judge first: hence its length.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError, one_of
from course_lib.explore.kit import Choice, Explorer, Face, Page, Row, Slider, Tiles
from course_lib.explore.kit.canvas import BLUE, GREEN, INK, MUTED, ORANGE
from course_lib.explore.kit.latent_space import CANDIDATES, Latents, chosen, draws, latents
from course_lib.explore.kit.readings import judge_for, one, read, said, worded

GROUPS = {"A": ORANGE, "B": BLUE, "C": GREEN}
NEARBY, MOST, CENTRE = 0.3, 480, 4


def has(factors: dict, attribute: str) -> list[bool]:
    """Whether each face has an attribute: above its middle, or any option but the first."""
    factor = FACTORS[attribute]
    middle = (factor.low + factor.high) / 2 if factor.kind == "continuous" else 0
    return (factors[attribute] > middle).tolist()


def slots(letter: str) -> list[str]:
    """The controls that hold a group's three."""
    return [f"{letter.lower()}{i}" for i in (1, 2, 3)]


def found(space: Latents, judge: object, attribute: str, pool: np.ndarray) -> np.ndarray:
    """24 points (24, d) of the pool: twelve with the attribute, then twelve without; looked at
    48 at a time, no longer than until there are enough of both."""
    there, half = np.zeros(0, bool), CANDIDATES // 2
    while min(there.sum(), (~there).sum()) < half:
        batch = pool[len(there) :][:48]
        if not len(batch):
            raise CourseError(
                f"Among {len(pool)} samples the judge finds {there.sum()} with {attribute} and "
                f"{(~there).sum()} without; {half} of each are wanted. Choose another "
                "attribute, or give z."
            )
        seen = has(read(judge, space.pictures(batch)), attribute)
        there = np.append(there, seen).astype(bool)
    pool = pool[: len(there)]
    return np.concatenate([pool[there][:half], pool[~there][:half]])


def arithmetic(
    model, z=None, *, attribute="glasses", seed: int = 0, temperature: float = 1.0, judge=None
) -> Explorer:
    """Mean of three A − mean of three B + mean of three C, among eight neighbours.

    model: an unconditional GAN, VAE or flow of faces in colour. z: nine or more latent points
    (n, d) to choose from, the first 24 of them; None: twelve draws from N(0, temperature²) with
    `attribute` (a factor of rendered faces) as the judge reads it, then twelve without. At the
    start A has it, B and C have it not. The neighbours are the result plus 0.3 · temperature ·
    noise. judge: `evaluation.face_factors()` unless given.
    Controls: letter ("A", "B", "C"): a press on a picture puts it into that group, in place of
    the first there; a1, a2, a3, b1, … c3 (numbers in the sheet, row by row).
    Raises `CourseError` for other models and attributes, and where too few samples have it.
    """
    space = latents(model, "arithmetic")
    judge = judge_for(space.shape, judge, "arithmetic")
    one_of("attribute", attribute, FACTORS)
    if z is None:
        pool = draws(MOST, space.size, seed, temperature)
        points, first = found(space, judge, attribute, pool), (0, 12, 15)
        caption = f"upper half: {attribute}, says the judge; lower half: not"
    else:
        points, first = chosen(space, z, seed, temperature, "arithmetic", minimum=9), (0, 3, 6)
        caption = "the latent points that were given"
    sheet = Tiles(6, len(points), "choose three for A, B and C")
    means = [Face(128) for _ in GROUPS]
    near = Tiles(3, 9, "A − B + C, framed, and neighbours", side=128, names=0)
    page = Page([[sheet, Row(*means, gap=20)], near], width=856, gap=28)
    sheet.paint(page.paper, space.pictures(points))
    sheet.numbered(page.paper)
    page.paper.text(sheet.left, sheet.box[3] + 6, caption, size=13, color=MUTED)
    for face, sign in zip(means[1:], "−+", strict=True):
        page.paper.text(face.left - 10, face.top + 64, sign, size=22, anchor="mm")
    around = NEARBY * temperature * draws(8, space.size, seed + 1)
    around = np.insert(around, CENTRE, 0.0, axis=0)

    @lru_cache(64)
    def mean_of(three: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        z = points[list(three)].mean(0)
        return z, space.pictures(z[None])

    @lru_cache(64)
    def result(*threes: tuple[int, ...]) -> tuple[np.ndarray, dict, dict]:
        """The nine pictures, what the judge reads in them, and in the mean of C."""
        a, b, c = (mean_of(three)[0] for three in threes)
        pictures = space.pictures(a - b + c + around)
        both = read(judge, np.concatenate([pictures, mean_of(threes[2])[1]]))
        return pictures, both, one(both, 9)

    def draw(canvas, letter, **numbers):
        picks = {name: tuple(numbers[control] for control in slots(name)) for name in GROUPS}
        pictures, factors, before = result(*picks.values())
        taken = {}
        for name, color in GROUPS.items():
            for index in dict.fromkeys(picks[name]):
                slot, times = taken.get(index, 0), picks[name].count(index)
                sheet.rim(canvas, index, color, name * times, slot)
                taken[index] = slot + times
        for face, (name, color) in zip(means, GROUPS.items(), strict=True):
            face.paint(canvas, mean_of(picks[name])[1][0], f"mean of {name}", color)
        near.paint(canvas, pictures)
        near.rim(canvas, CENTRE, INK)
        with_it, centre = has(factors, attribute)[:9], one(factors, CENTRE)
        return (
            f"A − B + C: the judge reads {attribute} {said(attribute, centre[attribute])}; "
            f"neighbours with it: {sum(with_it) - with_it[CENTRE]} of 8. Against the mean "
            f"of C, the judge reads changed: {worded(before, centre)}."
        )

    def put(index: int, _now_at: object, now: dict) -> dict[str, int]:
        names = slots(now["letter"])
        held = [now[name] for name in names]
        return {} if index == held[-1] else dict(zip(names, [*held[1:], index], strict=True))

    controls = [Choice("letter", "a press goes to", tuple(GROUPS), "A")]
    for name, start in zip(GROUPS, first, strict=True):
        for i, word in enumerate(("first", "second", "third")):
            label, most = f"{name}, {word}", len(points) - 1
            controls.append(Slider(slots(name)[i], label, 0, most, 1, start + i))
    about = "Mean of three samples minus mean of three plus mean of three, and its neighbours."
    letters = {
        "A": "the mean of three latents, orange",
        "B": "of three others, blue",
        "C": "of three others, green",
    }
    return Explorer(
        "arithmetic", about, controls, page, draw, mouse={sheet: put}, letters=letters
    )
