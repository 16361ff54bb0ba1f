"""The latent plane of a VAE: a map of it beside the image that one of its points decodes to.

The map of decoded images stands at equal steps of the prior's quantiles (Kingma and Welling
2014, figure 4), so that every tile has the same prior mass. The map of encodings shows where
the encoder puts real images, with the prior's one, two and three σ around them (lesson 06). Two
maps of one plane, each with its own axes, are why it is longer than others.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from PIL import Image

from course_lib.errors import CourseError, whole_number
from course_lib.explore.kit import Canvas, Choice, Explorer, Face, Pad, Page, Slider
from course_lib.explore.kit.latent_space import classes, encodings, latents, two_of
from course_lib.plots.lattice import spread
from course_lib.plots.pictures import as_numbers, mosaic
from course_lib.plots.style import CLASS_PALETTE

SIDE, NORMAL = 420, NormalDist()


def paint_decoded(canvas: Canvas, pad: Pad, pictures: np.ndarray, tiles: int) -> None:
    """Tiles² pictures, z₂ falling from the top and z₁ rising, with the values of z beside them."""
    marks = [(NORMAL.cdf(v), f"{v:g}") for v in (-2, -1, -0.5, 0, 0.5, 1, 2)]
    with pad.on(canvas, xticks=marks, yticks=marks):
        pass
    sheet = Image.fromarray(mosaic(pictures, tiles, 1, 0))
    sheet = sheet.resize((SIDE, SIDE), Image.Resampling.BOX)
    canvas.picture(np.asarray(sheet), pad.left, pad.top)


def paint_encodings(
    canvas: Canvas, pad: Pad, points: np.ndarray, labels: np.ndarray | None, reach: int
) -> None:
    """The encodings (n, 2) as dots, coloured by class and named at each class's median."""
    groups = np.zeros(len(points), dtype=int) if labels is None else labels
    color_of = lambda group: CLASS_PALETTE[int(group) % len(CLASS_PALETTE)]
    order = np.random.default_rng(0).permutation(len(points))
    limits, marks = (-reach, reach), [(v, f"{v}") for v in range(-reach, reach + 1)]
    with pad.on(canvas, xlim=limits, ylim=limits, xticks=marks, yticks=marks) as plane:
        for v in range(1 - reach, reach):
            plane.upright(v)
            plane.level(v)
        plane.discs(points[order], 1.5, [color_of(group) for group in groups[order]])
        plane.rings()
        places = plane.at(points)
    present = np.unique(groups) if labels is not None else []
    if len(present):
        middles = np.stack([np.median(places[groups == name], axis=0) for name in present])
        for name, (x, y) in zip(present, spread(middles, 24), strict=True):
            at, style = (pad.left + x, pad.top + y), {"size": 22, "anchor": "mm"}
            canvas.text(*at, f"{name}", color=color_of(name), bold=True, halo=True, **style)


def _encodings(model, space, data, labels) -> tuple[np.ndarray, np.ndarray | None]:
    images = as_numbers(getattr(data, "images", data), "data")
    labels = getattr(data, "labels", None) if labels is None else labels
    if images.ndim != 4 or images.dtype != np.uint8:
        raise CourseError(
            "data must be a data set of images, or uint8 images (n, C, H, W); got "
            f"{images.dtype} {images.shape}."
        )
    labels = classes(labels, len(images), 2000)
    return encodings(model, space, images[:2000], "latent_plane"), labels


def latent_plane(
    vae, data=None, labels=None, *, dims: tuple[int, int] = (0, 1), tiles: int = 15
) -> Explorer:
    """Two latent dimensions of a model under mouse or sliders, with a map of the plane.

    vae: a VAE, or another model of images with a latent space. data: a data set (or uint8 images
    (n, C, H, W) with `labels`) whose first 2,000 images are encoded for a second map. `dims`
    picks two of more than two dimensions, the others stay 0.
    Controls: z1, z2 (−3 to 3) and, with data, map ("decoded", "encodings"); press in the map.
    Raises `CourseError` for a model that has no latent space of images, and dims that it lacks.
    """
    space = latents(vae, "latent_plane")
    dims = two_of(dims, space.size)
    tiles = whole_number("tiles of a side", tiles, 1, 100)
    if data is None and labels is not None:
        raise CourseError("labels are of data: pass the images that they belong to.")

    def picture(points: np.ndarray) -> np.ndarray:
        z = np.zeros((len(points), space.size))
        z[:, list(dims)] = points
        return space.pictures(z)

    names = tuple(f"z{'₁₂'[i]}" if space.size == 2 else f"z[{dims[i]}]" for i in (0, 1))
    now, upwards = Face(336), f"{names[0]}; upwards {names[1]}"
    plane_map = Pad(SIDE, SIDE, (0, 1), (0, 1), xname=upwards)
    page = Page([now, plane_map])
    # The middles of intervals of equal mass under N(0, 1).
    steps = [NORMAL.inv_cdf((i + 0.5) / tiles) for i in range(tiles)]
    corners = np.array([(a, b) for b in reversed(steps) for a in steps])
    papers = {"decoded": page.paper.copy()}
    paint_decoded(papers["decoded"], plane_map, picture(corners), tiles)
    plane_map.heading(papers["decoded"], "decoded | at equal steps of prior mass")
    if data is not None:
        codes, classes = _encodings(vae, space, data, labels)
        codes, paper = codes[:, list(dims)], page.paper.copy()
        # At least 4, past 99% of the codes, at most 10.
        reach = int(np.clip(np.ceil(np.quantile(np.abs(codes), 0.99) + 0.3), 4, 10))
        paint_encodings(paper, plane_map, codes, classes, reach)
        plane_map.heading(paper, "encodings | dashed: 1, 2, 3 σ of the prior")
        papers["encodings"] = paper

    def draw(canvas, z1, z2, map="decoded"):
        flat = map == "encodings"
        canvas.become(papers[map])
        now.paint(canvas, picture(np.array([(z1, z2)]))[0], f"z = ({z1:.2f}, {z2:.2f})")
        shares = [(v + reach) / (2 * reach) if flat else NORMAL.cdf(v) for v in (z1, z2)]
        plane_map.cross(canvas, *shares)
        share = f"{np.exp(-(z1**2 + z2**2) / 2):.{0 if z1**2 + z2**2 < 4 else 2}%}"
        return (
            f"z = ({z1:.2f}, {z2:.2f}): {np.hypot(z1, z2):.2f} from the origin; "
            f"{share} of the prior's mass in this plane lies further out."
        )

    def point(_begin: object, shares: tuple[float, float], now: dict) -> dict[str, float]:
        if now.get("map") == "encodings":
            return {f"z{i}": reach * (2 * share - 1) for i, share in enumerate(shares, 1)}
        shares = np.clip(shares, 1e-6, 1 - 1e-6)
        return {f"z{i}": NORMAL.inv_cdf(share) for i, share in enumerate(shares, 1)}

    controls = [Slider(f"z{i + 1}", names[i], -3.0, 3.0, 0.05, 0.0) for i in (0, 1)]
    if data is not None:
        controls.append(Choice("map", "map", tuple(papers), "decoded"))
    about = "The image decoded at one latent point, beside a map of the latent plane."
    letters = {"z": "a latent point, which the model decodes"}
    if data is not None:
        letters["σ"] = "standard deviation of the prior"
    return Explorer(
        "latent_plane", about, controls, page, draw, mouse={plane_map: point}, letters=letters
    )
