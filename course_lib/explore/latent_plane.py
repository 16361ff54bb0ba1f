"""The latent plane of a VAE: a map of it beside the image that one of its points decodes to.

The map of decoded images stands at equal steps of the prior's quantiles (Kingma and Welling
2014, figure 4), so that every tile has the same prior mass. The map of encodings shows where
the encoder puts real images, with the prior's one, two and three σ around them (lesson 06).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit import network
from course_lib.explore.kit.axes import Plane, fractions, inside
from course_lib.explore.kit.canvas import INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Choice, Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.latent_space import latents
from course_lib.explore.kit.mouse import Point
from course_lib.plots.lattice import spread
from course_lib.plots.pictures import as_array, mosaic
from course_lib.plots.style import CLASS_PALETTE

SIZE = (820, 500)
SIDE = 420
MAP = (392, 36, 392 + SIDE, 36 + SIDE)
NORMAL = NormalDist()


def quantiles(tiles: int) -> list[float]:
    """The middles of `tiles` intervals of equal mass under N(0, 1)."""
    return [NORMAL.inv_cdf((i + 0.5) / tiles) for i in range(tiles)]


def manifold(pictures: np.ndarray, tiles: int) -> np.ndarray:
    """Tiles² pictures, z₂ falling from the top and z₁ rising, as one sheet (420, 420, 3)."""
    sheet = Image.fromarray(mosaic(pictures, tiles, 1, 0))
    return np.asarray(sheet.resize((SIDE, SIDE), Image.Resampling.BOX))


def decoded_map(pictures: np.ndarray, tiles: int, names: tuple[str, str]) -> Canvas:
    """The sheet with the values of z along its borders."""
    canvas = Canvas(*SIZE)
    canvas.picture(manifold(pictures, tiles), MAP[0], MAP[1])
    plane = Plane(canvas, MAP, (0, 1), (0, 1))
    marks = [(NORMAL.cdf(v), f"{v:g}".replace("-", "−")) for v in (-2, -1, -0.5, 0, 0.5, 1, 2)]
    plane.ticks(marks, marks, names[0])
    canvas.text(MAP[2], 12, "decoded at equal steps of prior mass", size=13, anchor="ra")
    canvas.text(MAP[0], 12, names[1], size=13)
    return canvas


def reach_of(points: np.ndarray) -> int:
    """How far the map of these encodings goes: at least 4, past 99% of them, at most 10."""
    return int(np.clip(np.ceil(np.quantile(np.abs(points), 0.99) + 0.3), 4, 10))


def encoded_map(
    points: np.ndarray, labels: np.ndarray | None, names: tuple[str, str], reach: int
) -> Canvas:
    """The encodings (n, 2) as dots, coloured by class and named at each class's median."""
    canvas = Canvas(*SIZE)
    plane = Plane(canvas, MAP, (-reach, reach), (-reach, reach))
    plane.grid(range(1 - reach, reach), range(1 - reach, reach))
    turn = np.linspace(0, 2 * np.pi, 181)
    groups = np.zeros(len(points), dtype=int) if labels is None else labels
    present = np.unique(groups)
    order = np.random.default_rng(0).permutation(len(points))
    places = plane.at(points)
    for index in order:
        color = CLASS_PALETTE[int(groups[index]) % len(CLASS_PALETTE)]
        plane.sheet.disc(*places[index], 1.5, color)
    for sigma in (1, 2, 3):
        plane.line(sigma * np.stack([np.cos(turn), np.sin(turn)], axis=1), MUTED, 1.0, dash=5)
    plane.close()
    if labels is not None:
        middles = np.stack([np.median(places[groups == name], axis=0) for name in present])
        for name, (x, y) in zip(present, spread(middles, 24), strict=True):
            color = CLASS_PALETTE[int(name) % len(CLASS_PALETTE)]
            place = (MAP[0] + x, MAP[1] + y)
            canvas.text(
                *place, f"{name}", size=22, color=color, anchor="mm", bold=True, halo=True
            )
    marks = [(v, f"{v}".replace("-", "−")) for v in range(-reach, reach + 1)]
    plane.ticks(marks, marks, names[0])
    words = "encodings of data; dashed: 1, 2, 3 σ of the prior"
    canvas.text(MAP[2], 12, words, size=13, anchor="ra")
    canvas.text(MAP[0], 12, names[1], size=13)
    return canvas


def compose(
    background: Canvas, picture: np.ndarray, z: tuple[float, float], cross: tuple[float, float]
) -> Image.Image:
    """The picture at left, the map at right with a cross-hair at `cross`, fractions of it."""
    canvas = background.copy()
    height, width = picture.shape[:2]
    zoom = max(1, 336 // max(height, width))
    left, top = 7 + (336 - width * zoom) // 2, 78 + (336 - height * zoom) // 2
    canvas.box(left - 1, top - 1, left + width * zoom + 1, top + height * zoom + 1, fill=INK)
    canvas.picture(picture, left, top, zoom)
    canvas.text(6, 44, "decoder's mean", size=15, bold=True)
    words = f"z = ({z[0]:.2f}, {z[1]:.2f})".replace("-", "−")
    canvas.text(343, 44, words, size=15, anchor="ra")
    x = min(max(MAP[0] + cross[0] * SIDE, MAP[0] + 1), MAP[2] - 2)
    y = min(max(MAP[3] - cross[1] * SIDE, MAP[1] + 1), MAP[3] - 2)
    left, top, right, bottom = MAP[0] + 1, MAP[1] + 1, MAP[2] - 2, MAP[3] - 2
    box = max(x - 15, left), max(y - 15, top), min(x + 15, right), min(y + 15, bottom)
    rim = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]
    arms = [
        ((left, y), (box[0], y)),
        ((box[2], y), (right, y)),
        ((x, top), (x, box[1])),
        ((x, box[3]), (x, bottom)),
    ]
    marks = [
        (stroke, color, wide)
        for color, wide in (("#FFFFFF", 4), (ORANGE, 2))
        for stroke in (*arms, [*rim, rim[0]])
    ]
    return canvas.finish(marks)


def _encodings(vae, data, labels, dims, limit=2000) -> tuple[np.ndarray, np.ndarray | None]:
    images = as_array(getattr(data, "images", data))[:limit]
    labels = getattr(data, "labels", None) if labels is None else labels
    if images.ndim != 4 or images.dtype != np.uint8:
        raise CourseError(
            "data must be a data set of images, or uint8 images (n, C, H, W); got "
            f"{images.dtype} {images.shape}."
        )
    labels = None if labels is None else as_array(labels)[:limit]
    if labels is not None and labels.shape != (len(images),):
        raise CourseError(f"{len(images)} images need as many labels; got {labels.shape}.")
    return network.encode(vae, images)[:, list(dims)], labels


def latent_plane(
    vae,
    data=None,
    labels=None,
    *,
    dims: tuple[int, int] = (0, 1),
    tiles: int = 15,
) -> Explorer:
    """Two latent dimensions of a VAE under mouse or sliders, with a map of the plane.

    data: a data set (or uint8 images (n, C, H, W) with `labels`) whose first 2,000 images are
    encoded for a second map. `dims` picks two of more than two dimensions, the others stay 0.
    Controls: z1, z2 (−3 to 3) and, with data, map ("decoded", "encodings"); press in the map.
    Raises `CourseError` for a model that is no VAE of images or dims that it lacks.
    """
    space = latents(vae, "latent_plane")
    latent = space.size
    if data is not None:
        network.needs(vae, ("encode",), "latent_plane encodes data only with an encoder")
    if len(set(dims)) != 2 or not all(isinstance(d, int) and 0 <= d < latent for d in dims):
        raise CourseError(
            f"dims must be two different numbers from 0 to {latent - 1}; got {dims}."
        )

    def picture(points: np.ndarray) -> np.ndarray:
        z = np.zeros((len(points), latent))
        z[:, list(dims)] = points
        return space.pictures(z)

    names = tuple(f"z{'₁₂'[i]}" if latent == 2 else f"z[{dims[i]}]" for i in (0, 1))
    steps = quantiles(tiles)
    corners = np.array([(a, b) for b in reversed(steps) for a in steps])
    maps = {"decoded": decoded_map(picture(corners), tiles, names)}
    if data is not None:
        points, classes = _encodings(vae, data, labels, dims)
        reach = reach_of(points)
        maps["encodings"] = encoded_map(points, classes, names, reach)

    def draw(z1: float, z2: float, map: str = "decoded") -> tuple[Image.Image, str]:
        flat = map == "encodings"
        cross = [(v + reach) / (2 * reach) if flat else NORMAL.cdf(v) for v in (z1, z2)]
        image = compose(maps[map], picture(np.array([(z1, z2)]))[0], (z1, z2), tuple(cross))
        share = f"{np.exp(-(z1**2 + z2**2) / 2):.{0 if z1**2 + z2**2 < 4 else 2}%}"
        return image, (
            f"z = ({z1:.2f}, {z2:.2f}): {np.hypot(z1, z2):.2f} from the origin; "
            f"{share} of the prior's mass in this plane lies further out."
        )

    def press(begin: Point, end: Point, now: dict) -> dict[str, float]:
        if not inside(begin, MAP):
            return {}
        places = np.clip(fractions(end, MAP), 1e-6, 1 - 1e-6)
        if now.get("map") == "encodings":
            return {f"z{i}": reach * (2 * share - 1) for i, share in enumerate(places, 1)}
        return {f"z{i}": NORMAL.inv_cdf(share) for i, share in enumerate(places, 1)}

    controls = [
        Slider("z1", names[0], -3.0, 3.0, 0.05, 0.0),
        Slider("z2", names[1], -3.0, 3.0, 0.05, 0.0),
    ]
    if data is not None:
        controls.append(Choice("map", "map", tuple(maps), "decoded"))
    about = (
        "The image that a VAE decodes at one latent point, beside a map of the latent plane."
    )
    return Explorer(controls, draw, name="latent_plane", about=about, size=SIZE, press=press)
