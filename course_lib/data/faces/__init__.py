"""Cartoon faces, drawn from named factors: data about which everything is known.

A face is a function of 19 factors that are drawn independently of each other. So one can ask of
a model what one can't ask of photographs: is each factor in its latents, and alone there? Does
"with glasses minus without" add glasses and nothing else? Is a straight face it draws symmetric?
No face is anybody's, so there is no licence question either. Lesson 03 introduces them; lessons
04, 07, 09 and 11 train on them.

    factors = faces.draw_factors(10, torch.Generator().manual_seed(0))
    images = faces.render(factors, size=64)
    smiles = faces.render({**faces.neutral(), "hair": "curly", "smile": torch.linspace(-1, 1, 9)})
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from course_lib.data.dataset import Card, DataSet
from course_lib.data.faces import kept
from course_lib.data.faces.drawing import render
from course_lib.data.faces.factors import FACTORS, Factor, draw_factors, neutral
from course_lib.errors import one_of, whole_number

SEEDS = {"train": 0, "test": 1}
CARD = Card(
    name="faces",
    text="cartoon faces in colour, 64×64 unless asked otherwise, drawn by the course from "
    f"{len(FACTORS)} independent factors: {', '.join(FACTORS)}; labels: hair styles",
    source="course_lib.data.faces",
    licence="MIT, as the course's code; the faces are nobody's",
    counts={"train": 20_000, "test": 2_000},
    classes=FACTORS["hair"].options,
)


def load(
    split: str, root: str | Path | None = None, size: int = 64, n: int | None = None
) -> DataSet:
    """The faces of `split` at size×size pixels; labels: the hair style; attributes: the factors.

    n: only the first so many, which are as good a sample as any and cost a millisecond each;
    None: all. All of them are drawn once and then memory-mapped, from the folder `root` (None:
    from the cache). Raises CourseError for an unknown split, a size below 8, and n out of range.
    """
    one_of("split", split, SEEDS)
    count = CARD.counts[split]
    if n is not None:
        n = whole_number(f"n, the faces of {split},", n, 1, count)
    factors = draw_factors(count, torch.Generator().manual_seed(SEEDS[split]))
    images = kept.images(factors, split, size, root, n)
    factors = {name: values[:n] for name, values in factors.items()}
    return DataSet(images, factors["hair"], factors, replace(CARD, split=split))
