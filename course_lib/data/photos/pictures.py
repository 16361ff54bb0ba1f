"""From the bytes of any image file to an 8-bit colour square of a given side.

What a learner's folder holds is turned upright (EXIF), made opaque on white, brought from grey,
palette, CMYK or 16 bit to 8-bit RGB, and of an animation the first picture is taken. Scaling is
Pillow's antialiased Lanczos filter, rounded to whole numbers. What can't become such a square
raises, and the reason is listed. The faces of lesson 04 come through here.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".avif", ".jp2", ".ppm", ".pgm", ".heic", ".heif"),
)
LEAST_SIDE = 8  # pixels: below that it is an icon or a tracking dot

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels
Frame = Callable[[int, int], Box]  # (width, height) -> the part that is kept


class Unfit(ValueError):
    """An image that is intact but can't be used; the message is the reason."""


def is_image(name: str) -> bool:
    """Whether the file's ending is an image's."""
    return name.lower().endswith(ENDINGS)


def square(content: bytes, size: int, frame: Frame) -> np.ndarray:
    """The part that `frame` names of an image file, as uint8 (3, size, size).

    Raises Unfit, or whatever Pillow raises for a damaged file.
    """
    with Image.open(io.BytesIO(content)) as image:
        image.load()  # of an animation, the first picture
        image = _eight_bit_colour(ImageOps.exif_transpose(image))
    if min(image.size) < LEAST_SIDE:
        raise Unfit(f"only {image.width}×{image.height} pixels")
    # reducing_gap spares time on large photographs; 3 is "close to" exact, says Pillow.
    scaled = image.resize(
        (size, size), Image.Resampling.LANCZOS, box=frame(*image.size), reducing_gap=3.0
    )
    return np.ascontiguousarray(np.asarray(scaled).transpose(2, 0, 1))


def central_square(width: int, height: int) -> Box:
    """The largest square in the middle."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def reason(error: Exception) -> str:
    """Why a file was left out, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if text.startswith("cannot identify image file"):
        return "no image, or of a kind that Pillow cannot read"
    return text


def _eight_bit_colour(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise Unfit("floating-point pixels, whose range is not known")
    if image.mode.startswith("I"):  # Pillow's own conversion would cut 16 bit off at 255
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise Unfit("32-bit pixels, whose range is not known")
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
