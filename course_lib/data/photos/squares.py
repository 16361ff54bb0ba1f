"""From the bytes of any image file to an 8-bit colour square of a given side.

What a learner's folder holds is turned upright (EXIF), made opaque on white, brought from grey,
palette, CMYK or 16 bit to 8-bit RGB, and of an animation the first picture is taken. Scaling is
Pillow's antialiased Lanczos filter, rounded to whole numbers. What can't become such a square
raises, and the reason is listed. The faces of lesson 04 come through here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import nullcontext
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

ENDINGS = tuple(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif .jp2 .ppm .pgm .heic .heif".split()
)
# Pillow's names of those: it also knows kinds that run programs (EPS), whatever the ending.
KINDS = "JPEG MPO PNG WEBP GIF BMP TIFF AVIF JPEG2000 PPM HEIF".split()
Image.init()  # has Pillow look for all of them
LEAST_SIDE = 8  # pixels: below that it is an icon or a tracking dot
LARGE, LARGEST = 4_000_000, 25_000_000  # pixels; at 20 bytes each, 500 MB
_large = Lock()  # one large picture at a time, however many threads decode

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels
Frame = Callable[[int, int], Box]  # (width, height) -> the part that is kept


class Unfit(ValueError):
    """A file that is intact but can't be used; the message is the reason."""


def is_image(name: str) -> bool:
    """Whether the file's ending is an image's."""
    return name.lower().endswith(ENDINGS)


def square(content: bytes, size: int, frame: Frame) -> np.ndarray:
    """The part that `frame` names of an image file, as uint8 (3, size, size).

    Raises Unfit, or whatever Pillow raises for a damaged file.
    """
    known = tuple(filter(Image.OPEN.__contains__, KINDS))
    with Image.open(io.BytesIO(content), formats=known) as image:
        pixels = image.width * image.height
        if pixels > LARGE:  # a JPEG is decoded at 1/2, 1/4 or 1/8, where that is enough
            image.draft(image.mode, (3 * size, 3 * size))
        rest = image.width * image.height
        if image.info.get("progressive"):  # for those, half of all has to be held
            rest = max(rest, pixels // 2)
        if rest > LARGEST:
            raise Unfit(f"{pixels / 1e6:.0f} million pixels; {LARGEST / 1e6:.0f} can be read")
        with _large if rest > LARGE else nullcontext():
            image = _eight_bit_colour(image)
            if min(image.size) < LEAST_SIDE:
                raise Unfit(f"only {image.width}×{image.height} pixels")
            # reducing_gap spares time on large photographs; 3 is "close to" exact, says Pillow.
            scaled = image.resize(
                (size, size), Image.Resampling.LANCZOS, frame(*image.size), reducing_gap=3.0
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
    """The first picture, upright, RGB; at most three copies of its pixels at a time."""
    if image.mode == "F":
        raise Unfit("floating-point pixels, whose range is not known")
    # What Pillow calls I holds 32 bits, but of these two kinds it never has more than 16.
    if image.mode == "I" and image.format not in ("PNG", "PPM"):
        raise Unfit("32-bit pixels, whose range is not known")
    sixteen = image.mode.startswith("I") or ";16" in str(image.tile)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # Pillow's own conversion would cut 16 bits off at 255
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    # Before it is laid on white, which would hide it.
    if sixteen and max(high for _, high in image.convert("RGB").getextrema()) <= 16:
        raise Unfit(
            "16 bits a value, of which just the lower ones are used, so that it would be black; "
            "stretch the values to 0 to 65,535"
        )
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        image = white
    image = image if image.mode == "RGB" else image.convert("RGB")
    return image
