"""When do two answers say the same? Numbers within a tolerance, words whatever their writing.

Right answers differ in form: a float, a NumPy array or a float32 tensor; "Saturating" or "the
saturating"; a set, a range, or the one word that a set of one would hold. This module holds the
one comparison that `check` uses for all of them. It reads what a learner hands over, which may
be anything, so it follows no endless or circular thing and converts none that is too large.
"""

from __future__ import annotations

import itertools
import numbers
import re
import unicodedata
from typing import Any

import numpy as np
import torch

DEFAULT_TOL = 1e-4
LARGEST = 10_000_000  # numbers of a tensor or array; no exercise asks for so many
LONGEST = 20_000  # numbers and lists in a list, signs in a word
ARTICLES = {"a", "an", "the"}
BETWEEN = re.compile(r"[,;]|\band\b", re.IGNORECASE)  # the things that one text lists


def unanswered(answer: Any) -> bool:
    """Whether `...` still stands somewhere in the answer."""
    waiting, seen, left = [answer], set(), LONGEST
    while waiting and left:
        value, left = waiting.pop(), left - 1
        if value is ...:
            return True
        if isinstance(value, (dict, tuple, list, set, frozenset)) and id(value) not in seen:
            seen.add(id(value))
            parts = value.values() if isinstance(value, dict) else value
            waiting += itertools.islice(parts, left)
    return False


def word(text: str) -> str:
    """A word or words without case, blanks, hyphens, brackets, quotes and articles."""
    if len(text) > LONGEST:
        return text  # no exercise's
    parts = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    if all(len(part) == 1 for part in parts):
        return "".join(parts)  # "A D" are two names, and A is no article
    return "".join([part for part in parts if part not in ARTICLES] or parts)


def numeric(value: Any) -> torch.Tensor | None:
    """The value as a float64 tensor, or None where it is no real number or array of them."""
    try:
        return _numeric(value, [LONGEST])
    except Exception:  # an object of someone else's class: whatever it does, it is no number
        return None


def _numeric(value: Any, left: list[int]) -> torch.Tensor | None:
    """As `numeric`; `left`: how many numbers and lists may still come, which ends circles."""
    if isinstance(value, torch.Tensor):
        if value.is_complex() or value.numel() > LARGEST:
            return None
        return value.detach().to("cpu", torch.float64)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf" or value.size > LARGEST:
            return None
        return torch.from_numpy(value.astype(np.float64))
    if isinstance(value, (numbers.Real, np.bool_)):
        return torch.tensor(float(value), dtype=torch.float64)
    if not isinstance(value, (list, tuple)):
        return None
    left[0] -= 1 + len(value)
    if left[0] < 0:
        return None
    parts = [_numeric(part, left) for part in value]
    if any(part is None or part.shape != parts[0].shape for part in parts):
        return None
    return torch.stack(parts) if parts else torch.zeros(0, dtype=torch.float64)


def members(value: Any) -> set | None:
    """What a set, list, range, array, a text with commas, or one thing alone holds, words and
    numbers in one form; None where it is something else."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        found = numeric(value)
        value = None if found is None else found.reshape(-1).tolist()
    elif isinstance(value, str):
        value = [part for part in BETWEEN.split(value) if word(part)]
    elif isinstance(value, numbers.Number):
        value = [value]
    if not isinstance(value, (set, frozenset, list, tuple, range)) or len(value) > 10_000:
        return None
    found = set()
    for one in value:
        number = numeric(one)
        if isinstance(one, str):
            found.add(word(one))
        elif number is not None and number.numel() == 1:
            found.add(number.item())
        else:
            return None
    return found


def named(given: Any, right: dict) -> dict | None:
    """A dictionary with its keys written as those of `right`; None where they are others."""
    if not isinstance(given, dict) or len(given) != len(right):
        return None
    keys = {word(key): key for key in right}
    found = {keys.get(word(key)): v for key, v in given.items() if isinstance(key, str)}
    return {key: found[key] for key in right} if set(found) == set(right) else None


def difference(given: Any, right: Any, tol: float | None = None) -> str | None:
    """None where the two say the same, else what differs besides the value ("" if only that).

    `tol`: |given - right| may be up to tol * max(1, |right|); None means 1e-4, and exactness
    where `right` holds integers or truth values. Numbers in half precision have its own.
    """
    if isinstance(right, str):
        if not isinstance(given, str):
            return f"a word in quotes is wanted, yours is {kind(given)}"
        return None if word(given) == word(right) else ""
    if isinstance(right, dict):
        return _dict_difference(given, right, tol)
    if isinstance(right, (set, frozenset)):
        found = members(given)
        if found is None:
            return f"a set {{…}} or list […] is wanted, yours is {kind(given)}"
        return None if found == members(right) else ""
    wanted = numeric(right)
    if wanted is not None:
        return _number_difference(given, wanted, tol, _exact(right))
    if not isinstance(given, (tuple, list)) or len(given) != len(right):
        return f"{len(right)} values are wanted, yours is {kind(given)}"
    parts = [difference(g, r, tol) for g, r in zip(given, right, strict=True)]
    return next((part for part in parts if part is not None), None)


def unusable(given: Any, right: Any, goes_on: bool = False) -> str | None:
    """What to say where an answer that `difference` takes would stop what counts with it next: a
    number in a list or tensor of one, keys in another writing. None where nothing would.

    `goes_on`: tensors are counted with and drawn next.
    """
    if isinstance(right, dict):
        if set(given) != set(right):
            return f"the values are right; write the keys so: {', '.join(map(repr, right))}"
        given, right = [given[key] for key in right], list(right.values())
    if isinstance(given, (tuple, list)) and isinstance(right, (tuple, list)):
        parts = (unusable(*pair, goes_on) for pair in zip(given, right, strict=False))
        return next(filter(None, parts), None)
    wanted, found = numeric(right), numeric(given)
    if wanted is not None and found is not None and found.dim() and not wanted.dim():
        return (
            f"the value is right, but it has shape {_shape(found.shape)}: give the number alone, "
            "without a list and without `keepdim`"
        )
    tensors = isinstance(given, torch.Tensor) and isinstance(right, torch.Tensor)
    return _hindrance(given, right, goes_on) if tensors else None


def _hindrance(given: torch.Tensor, right: torch.Tensor, goes_on: bool) -> str | None:
    if given.is_inference():
        return (
            "the numbers are right, but nothing can be trained with them: write torch.no_grad() "
            "for torch.inference_mode()"
        )
    if goes_on and given.requires_grad and not right.requires_grad:
        return (
            "the numbers are right, but they bring a gradient, which nothing given does, and the "
            "lesson can't draw them: put `.detach()` behind what you return"
        )
    return None


def describe(values: tuple) -> str:
    """Arguments in short: numbers as they are, tensors by their shape."""
    parts = []
    for value in values:
        number = numeric(value)
        if number is not None and number.dim() > 0:
            parts.append(f"a tensor of shape {tuple(number.shape)}")
        else:
            if callable(value):
                text = f"a {type(value).__name__.strip('_')}"
            else:
                text = f"{number.item():.6g}" if number is not None else repr(value)
            parts.append(text if len(text) <= 40 else text[:37] + "…")
    return ", ".join(parts)


def kind(value: Any) -> str:
    """What a value is, for a sentence that says what it should be."""
    if value is None:
        return "None"
    if callable(value):
        return "a function: call it and hand over what it gives"
    return f"of type {type(value).__name__}"


def _number_difference(given, wanted: torch.Tensor, tol: float | None, exact: bool):
    if isinstance(given, (torch.Tensor, np.ndarray)):
        shape = tuple(given.shape)
        if shape != wanted.shape and (wanted.dim() or shape != (1,) * len(shape)):
            return f"its shape is {_shape(shape)}, wanted is {_shape(wanted.shape)}"
    number = numeric(given)
    if number is None:
        if isinstance(given, numbers.Integral):
            return "it is larger than any float, and those end at 1.8e308"
        one = "a number" if wanted.dim() == 0 else f"a tensor of shape {tuple(wanted.shape)}"
        return f"{one} is wanted, yours is {kind(given)}"
    if wanted.dim() == 0 and number.numel() == 1:
        number = number.reshape(())
    if number.shape != wanted.shape:
        return f"its shape is {_shape(number.shape)}, wanted is {_shape(wanted.shape)}"
    undefined = number.isnan()
    if undefined.any() and not torch.equal(
        undefined, wanted.isnan()
    ):  # as a known mistake does
        return "it holds NaN (not a number)"
    allowed = (0.0 if exact else DEFAULT_TOL) if tol is None else tol
    if str(getattr(given, "dtype", "")).endswith("float16") and not exact:
        allowed = max(allowed, 2e-3)  # its numbers have about three digits
    near = (number - wanted).abs() <= allowed * wanted.abs().clamp(min=1.0)
    near &= wanted.isfinite()
    return None if bool(((number == wanted) | near | undefined).all()) else ""


def _dict_difference(given, right: dict, tol: float | None) -> str | None:
    found = named(given, right)
    if found is None:
        return f"a dictionary with the keys {', '.join(map(repr, right))} is wanted"
    parts = {key: difference(found[key], right[key], tol) for key in right}
    wrong = [key for key, part in parts.items() if part is not None]
    if not wrong:
        return None
    reason = next((parts[key] for key in wrong if parts[key]), "")
    return reason or f"{len(right) - len(wrong)} of {len(right)} entries are right"


def _exact(right: Any) -> bool:
    """Whether it holds whole numbers or truth values only."""
    if isinstance(right, (list, tuple)):
        return all(map(_exact, right))
    if isinstance(right, (torch.Tensor, np.ndarray)):
        return not torch.as_tensor(right).is_floating_point()
    return isinstance(right, (numbers.Integral, np.bool_))


def _shape(shape: tuple) -> str:
    return str(tuple(shape)) if len(shape) else "() (one number)"
