"""What a data set shows of itself in a notebook: a few items and its card, some kilobytes."""

from __future__ import annotations

import base64
import html
import io

from torch import Tensor

COLUMNS, ROWS, SCALE = 10, 2, 2
POINTS = 400


def as_html(title: str, items: Tensor, card: str) -> str:
    """The first items of a data set (uint8 (N, C, H, W), or points (N, 2)) over its card."""
    picture = _points(items[:POINTS]) if items.ndim == 2 else _sheet(items[: COLUMNS * ROWS])
    return (
        f"<div><b>{html.escape(title)}</b><br>{picture}"
        f"<pre style='margin:.4em 0;white-space:pre-wrap'>{html.escape(card)}</pre></div>"
    )


def _sheet(images: Tensor) -> str:
    """The images side by side, as an inline PNG."""
    from PIL import Image

    n, channels, height, width = images.shape
    rows = -(-n // COLUMNS)
    cells = images.new_zeros(rows * COLUMNS, channels, height, width, device="cpu")
    cells[:n] = images
    sheet = cells.unflatten(0, (rows, COLUMNS)).permute(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * height, COLUMNS * width, channels)
    buffer = io.BytesIO()
    # Pillow guesses grey (H, W) or colour (H, W, 3) from the shape.
    Image.fromarray(sheet.squeeze(2).numpy()).save(buffer, "PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    scale = SCALE if width <= 32 else 1
    return (
        f"<img alt='the first {n} images' src='data:image/png;base64,{encoded}' "
        f"width='{COLUMNS * width * scale}' style='max-width:100%;image-rendering:pixelated'>"
    )


def _points(points: Tensor) -> str:
    """The points, as an inline SVG with equal axes."""
    low, high = points.min(0).values, points.max(0).values
    side = (high - low).max().clamp(min=1e-6)
    placed = (points - (low + high) / 2) / side * 180 + 100
    dots = "".join(f"<circle cx='{x:.1f}' cy='{200 - y:.1f}' r='1.5'/>" for x, y in placed)
    return (
        "<svg width='200' height='200' viewBox='0 0 200 200' role='img' "
        f"aria-label='the first {len(points)} points' fill='#0072b2'>{dots}</svg>"
    )
