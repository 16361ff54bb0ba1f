"""A face's geometry and colours: what the factors mean on the picture."""

from __future__ import annotations

import copy

from torch import Tensor

from course_lib.data.faces import palette
from course_lib.data.faces.factors import BEARD
from course_lib.data.faces.palette import colour, mix
from course_lib.data.faces.shapes import Canvas, egg

MIDDLE, TOP, CHIN = 0.06, 0.56, 0.62  # the head's height: middle, reach above and below it
EYES, NOSE, LIPS = 0.07, 0.25, 0.42
INK, WHITE = colour(palette.INK), colour(palette.WHITE)


class Face:
    """The geometry and the colours of n faces, from their checked factors.

    Places and sizes are (n, 1, 1), colours (n, 3). A turned head moves its features sideways,
    most in the middle and not at all at the outline, which squeezes the far side as a turning
    ball would.
    """

    def __init__(self, factors: dict[str, Tensor]) -> None:
        value = {name: v.view(-1, 1, 1) for name, v in factors.items() if v.is_floating_point()}
        self.turn, self.light = value["turn"], value["light"]
        self.half = 0.475 + 0.055 * value["face_width"]
        self.taper = 0.19 - 0.20 * value["jaw"]
        self.eye = 0.108 + 0.028 * value["eye_size"]
        self.apart = 0.207 + 0.038 * value["eye_spacing"]
        self.brow = EYES - 0.19 - 0.045 * value["brow_height"]
        self.tilt = 0.33 * value["brow_tilt"]
        self.nose = 0.070 + 0.030 * value["nose"]
        self.smile, self.open = value["smile"], value["mouth_open"]
        self.glasses = factors["glasses"].view(-1, 1, 1).float()
        kind = factors["beard"].view(-1, 1, 1)
        self.beard = {name: (kind == i).float() for i, name in enumerate(BEARD)}

        red = colour(palette.RED)
        self.skin = palette.skin(factors["skin"])
        self.shadow = mix(self.skin * self.skin, colour("#3a1d1a"), 0.12)
        self.lit = mix(self.skin, colour("#fff4df"), 0.6)
        self.blush = mix(self.skin, red, 0.45)
        self.lips = mix(self.skin * 0.92, red, 0.5)
        self.hair = palette.chosen(palette.HAIR, factors["hair_colour"])
        self.hair_dark = mix(self.hair * self.hair, self.hair, 0.45)
        self.hair_lit = mix(self.hair, WHITE, 0.28)
        self.whiskers = mix(self.hair * 0.8, colour("#3a2318"), 0.22)
        self.brows = mix(self.hair * 0.78, colour("#3a2318"), 0.3)
        self.iris = palette.chosen(palette.EYES, factors["eye_colour"])
        self.back = palette.chosen(palette.BACKGROUND, factors["background"])
        self.clothes = palette.chosen(palette.CLOTHES, factors["clothes"])

    def part(self, rows: slice) -> Face:
        """Some of the faces; nothing is computed anew."""
        some = copy.copy(self)
        some.beard = {name: values[rows] for name, values in self.beard.items()}
        for name, values in vars(self).items():
            if name != "beard":
                setattr(some, name, values[rows])
        return some

    def across(self, canvas: Canvas) -> Tensor:
        """(n, 1, W): x from the middle of the head."""
        return canvas.x - 0.03 * self.turn

    def facing(self, canvas: Canvas, depth: float = 0.17) -> Tensor:
        """(n, 1, W): x from the middle of what the head shows in front, `depth` before it."""
        across = self.across(canvas)
        inner = (1 - (across / 0.6).square()).clamp(min=0)
        return across - depth * self.turn * inner

    def outline(self, canvas: Canvas) -> Tensor:
        """The distance to the head's outline; the chin turns further than the skull."""
        y = canvas.y - MIDDLE
        across = self.across(canvas) - 0.07 * self.turn * y.clamp(min=0)
        return egg(across, y, self.half, TOP, CHIN, self.taper)
