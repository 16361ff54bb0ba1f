"""Draw README's moving pictures from the explorers themselves: python notebooks/moving.py"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from course_lib import data, explore, zoo
from course_lib.plots.style import paletted

HERE = Path(__file__).resolve().parent
SIZE, PAUSE = 0.7, 180  # of the explorer's own size; milliseconds a picture
State = dict[str, object]


def playground() -> tuple[explore.Explorer, Iterator[State]]:
    """A GAN on the ring, played from its start."""
    moves = [0, 4, 8, 14, 20, 30, 40, 50, 60, 80, 100, 130, 160, 200, 240, 300, 360, 420]
    return explore.playground(), ({"step": step} for step in moves)


def latent_plane() -> tuple[explore.Explorer, Iterator[State]]:
    """Once round the plane of a VAE."""
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    made = explore.latent_plane(zoo.load("vae-2d-mnist"), data.load("digits", "test"))
    return made, (
        {"z1": round(1.1 * np.cos(a), 2), "z2": round(1.1 * np.sin(a), 2)} for a in turn
    )


def line_flow() -> tuple[explore.Explorer, Iterator[State]]:
    """The curve is bent into two heaps and back, while another strip is lit each time."""
    even, bent = np.array([-2, -1, 0, 1, 2]), np.array([-2.4, -0.25, 0, 0.25, 2.4])
    shares = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 24, endpoint=False))
    heights = [even + share * (bent - even) for share in shares]
    names = [f"z{i}" for i in range(1, 6)]
    states = (dict(zip(names, map(float, h.round(2)), strict=True)) for h in heights)
    return explore.line_flow(), states


MOVING = {make.__name__: make for make in (playground, latent_plane, line_flow)}


def frames(name: str) -> Iterator[Image.Image]:
    """The pictures of one of `MOVING`, one after the other."""
    explorer, states = MOVING[name]()
    for state in states:
        picture = Image.open(io.BytesIO(explorer.render(**state))).convert("RGB")
        size = tuple(round(v * SIZE) for v in picture.size)
        yield picture.resize(size, Image.Resampling.LANCZOS)


def main() -> None:
    """Write notebooks/moving/NAME.gif, of all or of those that are named."""
    (HERE / "moving").mkdir(exist_ok=True)
    for name in sys.argv[1:] or MOVING:
        shown = list(frames(name))
        every = paletted(Image.fromarray(np.concatenate([np.asarray(p) for p in shown])))
        flat = [p.quantize(palette=every, dither=Image.Dither.NONE) for p in shown]
        file = HERE / "moving" / f"{name}.gif"
        flat[0].save(file, save_all=True, append_images=flat[1:], duration=PAUSE, loop=0)
        print(f"{file.name}: {len(flat)} pictures, {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
