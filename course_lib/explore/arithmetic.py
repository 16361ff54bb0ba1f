"""The arithmetic board: mean of three A − mean of three B + mean of three C (lesson 04).

One sample's z says too little about what it shows, the mean of three more (Radford et al. 2016,
figure 7). The mean of three draws has a norm of √(d/3), but the sum of three such means, with
whatever signs, has √d again: the result lies where draws lie. Its neighbours tell whether what
is seen there is luck.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError, unknown
from course_lib.explore.kit.canvas import BLUE, GREEN, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Choice, Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.latent_space import CANDIDATES, Latents, chosen, draws, latents
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.readings import changed, judge_for, one, read, said, worded
from course_lib.explore.kit.tiles import GAP, Sheet, numbered, put

SIZE = (820, 522)
GROUPS = {"A": ORANGE, "B": BLUE, "C": GREEN}
NEARBY = 0.3
MOST = 480
Picks = dict[str, list[int]]


def arrange(
    sheet: Sheet,
    pictures: np.ndarray,
    caption: str,
    picks: Picks,
    means: list[np.ndarray],
    near: np.ndarray,
) -> Image.Image:
    """The sheet with its letters, the result among its neighbours, and the sum of means."""
    canvas = Canvas(*SIZE)
    canvas.text(sheet.left, 12, "choose three for A, B and C", size=14, bold=True)
    sheet.draw(canvas, pictures)
    numbered(canvas, sheet)
    canvas.text(sheet.left, 314, caption, size=13, color=MUTED)
    marks, taken = [], {}
    for letter, color in GROUPS.items():
        for index in dict.fromkeys(picks[letter]):
            slot = taken.get(index, 0)
            times = picks[letter].count(index)
            marks.append(sheet.rim(index, color, 4 * slot))
            sheet.name(canvas, index, letter * times, color, slot)
            taken[index] = slot + times
    marks.append(_neighbours(canvas, near))
    names = "mean of A", "mean of B", "mean of C", "A − B + C"
    for place, (name, picture) in enumerate(zip(names, means, strict=True)):
        left = 26 + 206 * place
        color = (*GROUPS.values(), INK)[place]
        canvas.text(left + 64, 356, name, size=14, bold=True, color=color, anchor="ma")
        put(canvas, picture, left, 382, 128)
        if place:
            canvas.text(left - 39, 446, " −+="[place], size=30, anchor="mm")
    return canvas.finish(marks)


def _neighbours(canvas, near) -> tuple:
    """Three times three pictures; the rim of the middle one."""
    left, top, side = 500, 38, 96
    canvas.text(left, 12, "A − B + C among its neighbours", size=14, bold=True)
    for index, picture in enumerate(near):
        row, column = divmod(index, 3)
        put(canvas, picture, left + column * (side + GAP), top + row * (side + GAP), side)
    x, y, far = left + side + GAP - 1, top + side + GAP - 1, side + 1
    return [(x, y), (x + far, y), (x + far, y + far), (x, y + far), (x, y)], INK, 3


def has(factors: dict, attribute: str) -> list[bool]:
    """Whether each face has an attribute: above its middle, or any option but the first."""
    factor = FACTORS[attribute]
    least = (factor.low + factor.high) / 2 if factor.kind == "continuous" else 0
    return (factors[attribute] > least).tolist()


def found(space: Latents, judge: object, attribute: str, pool: np.ndarray) -> np.ndarray:
    """24 points (24, d) of the pool: twelve with the attribute, then twelve without.

    Looked at 48 at a time, no longer than until there are enough of both.
    """
    halves: tuple[list, list] = ([], [])
    half = CANDIDATES // 2
    for first in range(0, len(pool), 48):
        batch = pool[first : first + 48]
        for point, there in zip(
            batch, has(read(judge, space.pictures(batch)), attribute), strict=True
        ):
            halves[0 if there else 1].append(point)
        if min(map(len, halves)) >= half:
            break
    if min(map(len, halves)) < half:
        raise CourseError(
            f"Among {len(pool)} samples the judge finds {len(halves[0])} with {attribute} and "
            f"{len(halves[1])} without; {half} of each are wanted. Choose another attribute, "
            "or give z."
        )
    return np.stack(halves[0][:half] + halves[1][:half])


def arithmetic(
    model,
    z=None,
    *,
    attribute: str = "glasses",
    seed: int = 0,
    temperature: float = 1.0,
    judge=None,
) -> Explorer:
    """Mean of three A − mean of three B + mean of three C, among eight neighbours.

    model: an unconditional GAN, VAE or flow of colour images of faces. z: latent points (n, d)
    to choose from, nine at least, the first 24 of them; None: twelve draws from
    N(0, temperature²) with `attribute` (a factor of rendered faces) as the judge reads it, then
    twelve without. At the start A has it, B and C have it not. The neighbours are the result
    plus 0.3 · temperature · noise. judge: `evaluation.face_factors()` unless given.
    Controls: a1, a2, a3, b1, … c3 (numbers in the sheet, row by row), letter ("A", "B", "C"): a
    press on a picture puts it into that group, in place of the one that came first.
    Raises `CourseError` for other models and attributes, and where too few samples have it.
    """
    space = latents(model, "arithmetic")
    judge = judge_for(space.shape, judge, "arithmetic")
    if attribute not in FACTORS:
        raise unknown("attribute", attribute, FACTORS)
    if z is None:
        pool = temperature * draws(MOST, space.size, seed)
        points, first = found(space, judge, attribute, pool), (0, 12, 15)
        caption = f"upper half: {attribute} as the judge reads it; lower half: not"
    else:
        points, first = chosen(space, z, seed, temperature, "arithmetic", least=9), (0, 3, 6)
        caption = "the latent points that were given"
    pictures = space.pictures(points)
    sheet = Sheet(26, 38, 6, len(points))
    around = NEARBY * temperature * draws(8, space.size, seed + 1)
    around = np.insert(around, 4, 0.0, axis=0)

    def draw(letter: str, **numbers: int) -> tuple[Image.Image, str]:
        picks = {name: [numbers[f"{name.lower()}{i}"] for i in (1, 2, 3)] for name in GROUPS}
        a, b, c = (points[picks[name]].mean(0) for name in GROUPS)
        drawn = space.pictures(np.concatenate([[a, b, c], a - b + c + around]))
        near = drawn[3:]
        factors = read(judge, drawn)
        with_it = has(factors, attribute)[3:]
        centre, before = one(factors, 7), one(factors, 2)
        differ = changed(before, centre)
        text = (
            f"A − B + C: the judge reads {attribute} {said(attribute, centre[attribute])}, and "
            f"it is there in {sum(with_it) - with_it[4]} of 8 neighbours. Against the mean of "
            f"C, the judge reads changed: {worded(differ, before, centre)}."
        )
        return arrange(sheet, pictures, caption, picks, [*drawn[:3], near[4]], near), text

    def press(begin: Point, _end: Point, now: dict) -> dict[str, int]:
        index, name = sheet.tile(begin), now["letter"].lower()
        held = [now[f"{name}{i}"] for i in (1, 2, 3)]
        if index is None or index == held[-1]:
            return {}
        return {f"{name}{i}": v for i, v in enumerate([*held[1:], index], 1)}

    controls = [
        Slider(f"{name.lower()}{i}", f"{name}, {word}", 0, len(points) - 1, 1, start + i - 1)
        for name, start in zip(GROUPS, first, strict=True)
        for i, word in enumerate(("first", "second", "third"), 1)
    ]
    controls.append(Choice("letter", "a press puts the picture into", tuple(GROUPS), "A"))
    about = "Mean of three samples minus mean of three plus mean of three, and its neighbours."
    return Explorer(controls, draw, name="arithmetic", about=about, size=SIZE, press=press)
