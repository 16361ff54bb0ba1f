"""What tests of several explorers use: their pictures, panels, and the parts of their widgets."""

import asyncio
import io
import itertools
import re
from collections import deque

import numpy as np
import torch
from PIL import Image

from course_lib.explore.kit import panels
from course_lib.explore.kit.canvas import lettering
from course_lib.models import RealNVP


def shaken(model, by):
    """The model off its start, where a flow is the identity and an average is the weights."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(by * torch.randn(weight.shape, generator=generator))
    return model


def tiny(shape=(1, 28, 28), **settings):
    """A small RealNVP off its start."""
    small = {"width": 4, "blocks": 1, "couplings": (1, 1), "last": (1, 1), "scales": 2}
    return shaken(RealNVP(shape=shape, **small | settings), 0.02)


def parts(box):
    """Native controls by label, the image, the readout, the hidden field of the mouse."""
    picture, beside = box.children
    *grids, _tools, readout, _letters = beside.children
    image, _layers, field = picture.children
    inputs = {widget.description: widget for grid in grids for widget in grid.children}
    return inputs, image, readout, field


def tools(box):
    """The buttons: of play, where there is one, and reset."""
    return box.children[1].children[-3].children


def named(box):
    """The buttons by what they are called."""
    return {button.description: button for button in tools(box)}


def run(box, done):
    """Press play, and let an event loop go until something is true."""

    async def until():
        named(box)["play"].value = True
        while not done():
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(until(), 60))


def panel(explorer, kind, number=0):
    """A panel of a kind, among those that answer to the mouse."""
    return [p for p in explorer.mouse if isinstance(p, kind)][number]


def at(panel, x, y):
    """The pixel at fractions of a panel, rightwards and upwards."""
    return panel.left + x * panel.width, panel.top + (1 - y) * panel.height


def inside(tiles, index):
    """A pixel in the middle of a tile."""
    return tuple(v + tiles.side / 2 for v in tiles.corner(index))


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


SYMBOL = re.compile(
    r"(?<![\w.])(?:"
    r"[A-Za-z]_\w+|"  # L_GD, x_f
    r"[A-Z]{2,}|"  # KL, ELBO
    r"[A-Za-z\u0370-\u03ff][₀-₉]*|"  # z, σ, x₁
    r"log|det)(?![\w'’])"
)
ARTICLE = re.compile(r"\b[aA] (?!to\b)(?=\w)")


def symbols(words):
    """The letters and symbols in what is said on a screen, without their numbers: z₁ and z[3]
    are z, three rims of A are A. "a" before a word is no letter."""
    found = SYMBOL.findall(ARTICLE.sub("", re.sub(r"['’]s\b", " ", words)))
    bare = [word.rstrip("₀₁₂₃₄₅₆₇₈₉") for word in found]
    return {word[0] if len(set(word)) == 1 else word for word in bare}


def written(explorer, **state):
    """All words on an explorer's screen: in the picture, on the controls, in the readout."""
    sheet = explorer.page.paper.copy()
    said = deque(explorer._painters(state), maxlen=1)[0](sheet)
    words = [word[2] for word in sheet.words] + [said, explorer.about]
    for control in explorer.controls:
        words += [control.label, *getattr(control, "options", ())]
    return words


def collisions(canvas):
    """The words of a picture that lie on others, or reach beyond its edge."""
    boxes = []
    for x, y, words, size, _, anchor, bold, _ in canvas.words:
        mask, (left, top) = lettering(words, size, bold, anchor, 0)
        if inked := mask.getbbox():
            corner = round(x) + left, round(y) + top
            boxes.append((words, *(corner[i % 2] + inked[i] for i in range(4))))
    for words, left, top, right, bottom in boxes:
        if min(left, top) < 0 or right > canvas.width or bottom > canvas.height:
            yield words, "beyond the edge"
    for (words, *a), (others, *b) in itertools.combinations(boxes, 2):
        if all(max(a[i], b[i]) < min(a[i + 2], b[i + 2]) for i in (0, 1)):
            yield words, others


def found(picture, image, side, rim=0):
    """Where a picture (H, W, 3) stands, fitted into a square of `side`: (left, top) or None.

    `rim` pixels of its border, over which something may be painted, are not looked at.
    """
    part = panels.fitted(image, side)
    part = part[rim : part.shape[0] - rim, rim : part.shape[1] - rim]
    rows, columns = (picture.shape[i] - part.shape[i] + 1 for i in (0, 1))
    places = np.argwhere((picture[:rows, :columns] == part[0, 0]).all(-1))
    for y, x in np.random.default_rng(0).integers(0, part.shape[:2], (60, 2)):
        places = places[(picture[places[:, 0] + y, places[:, 1] + x] == part[y, x]).all(-1)]
    for top, left in places:
        if np.array_equal(picture[top : top + len(part), left : left + part.shape[1]], part):
            return int(left), int(top)
    return None
