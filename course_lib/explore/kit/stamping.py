"""A transposed convolution, stamp by stamp (lesson 04).

Each input pixel puts the kernel, times its value, on the output, `stride` pixels apart; where
stamps overlap they add up; `padding` cuts pixels off each side, `output_padding` keeps as many
more at the bottom and at the right. As a matrix it is the transpose of the convolution. The
overlaps draw a checkerboard when the stride does not divide the kernel (Odena et al. 2016).
"""

from __future__ import annotations

import numpy as np

from course_lib.errors import CourseError


def check(size: int, kernel: int, stride: int, padding: int, output_padding: int) -> int:
    """The side of the output, (size − 1)·stride − 2·padding + kernel + output_padding; a
    `CourseError` where torch's `conv_transpose2d` refuses too."""
    side = (size - 1) * stride - 2 * padding + kernel + output_padding
    if not 0 <= output_padding < stride:
        raise CourseError(
            f"output_padding must be smaller than the stride: from {stride} possible sides it "
            f"chooses one; got {output_padding}."
        )
    if side < 1:
        raise CourseError(
            f"padding {padding} cuts off the whole output: ({size} − 1)·{stride} − 2·{padding} + "
            f"{kernel} + {output_padding} = {side} pixels. Choose a smaller one."
        )
    return side


def stamps(
    x: np.ndarray, kernel: np.ndarray, stride: int, padding: int, output_padding: int
) -> np.ndarray:
    """What each input pixel puts on the output: x (n, n), kernel (k, k) → (n², m, m). Their sum
    is the transposed convolution; of x = 1 and kernel = 1 it counts overlaps."""
    (n, _), (k, _) = x.shape, kernel.shape
    side = check(n, k, stride, padding, output_padding)
    length = (n - 1) * stride + k + output_padding
    whole = np.zeros((n * n, length, length))
    for index, (i, j) in enumerate(np.ndindex(n, n)):
        top, left = i * stride, j * stride
        whole[index, top : top + k, left : left + k] = x[i, j] * kernel
    return whole[:, padding : padding + side, padding : padding + side]


def matrix(
    size: int, kernel: np.ndarray, stride: int, padding: int, output_padding: int
) -> np.ndarray:
    """The matrix (m², size²) with y.ravel() = matrix @ x.ravel(); its columns are the stamps."""
    columns = stamps(np.ones((size, size)), kernel, stride, padding, output_padding)
    return columns.reshape(size * size, -1).T


def possible(size: int, kernel: int, stride: int, padding: int, output_padding: int):
    """padding and output_padding made small enough to be allowed, and a sentence if they were."""
    kept = min(output_padding, stride - 1)
    most = ((size - 1) * stride + kernel + kept - 1) // 2
    words = ""
    if kept < output_padding:
        words = f" Shown with output_padding {kept}: it must be smaller than the stride."
    if most < padding:
        words += f" Shown with padding {most}: more would cut off the whole output."
    return min(padding, most), kept, words
