"""When do two answers say the same? Numbers within a tolerance, words whatever their case.

Right answers differ in form: a float, a NumPy array or a float32 tensor; "Saturating" or
"saturating". This module holds the one comparison that `check` uses for all of them.
"""

from __future__ import annotations

from typing import Any

import torch

DEFAULT_TOL = 1e-4


def unanswered(answer: Any) -> bool:
    """Whether `...` still stands somewhere in the answer."""
    if isinstance(answer, dict):
        return any(unanswered(value) for value in answer.values())
    if isinstance(answer, (tuple, list, set, frozenset)):
        return any(unanswered(value) for value in answer)
    return answer is ...


def numeric(value: Any) -> torch.Tensor | None:
    """The value as a float64 tensor, or None where it is no number or array of numbers."""
    if isinstance(value, (str, bytes, dict, set, frozenset)) or value is None:
        return None
    try:
        return torch.as_tensor(value, dtype=torch.float64, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError):
        return None


def difference(given: Any, right: Any, tol: float | None = None) -> str | None:
    """None where the two say the same, else what differs besides the value ("" if only that).

    `tol`: |given - right| may be up to tol * max(1, |right|); None means 1e-4, and exactness
    where `right` holds integers or truth values.
    """
    if isinstance(right, str):
        if not isinstance(given, str):
            return f"a word in quotes is wanted, yours is {_kind(given)}"
        return None if _word(given) == _word(right) else ""
    if isinstance(right, dict):
        return _dict_difference(given, right, tol)
    if isinstance(right, (set, frozenset)):
        if isinstance(given, str) or not isinstance(given, (set, frozenset, tuple, list)):
            return f"a set {{…}} or list […] is wanted, yours is {_kind(given)}"
        return None if {_word(v) for v in given} == {_word(v) for v in right} else ""
    wanted = numeric(right)
    if wanted is not None:
        exact = not torch.as_tensor(right).is_floating_point()
        return _number_difference(given, wanted, tol, exact)
    if not isinstance(given, (tuple, list)) or len(given) != len(right):
        return f"{len(right)} values are wanted, yours is {_kind(given)}"
    parts = [difference(g, r, tol) for g, r in zip(given, right, strict=True)]
    return next((part for part in parts if part is not None), None)


def describe(values: tuple) -> str:
    """Arguments in short: numbers as they are, tensors by their shape."""
    parts = []
    for value in values:
        number = numeric(value)
        if number is not None and number.dim() > 0:
            parts.append(f"a tensor of shape {tuple(number.shape)}")
        else:
            text = f"{number.item():.6g}" if number is not None else repr(value)
            parts.append(text if len(text) <= 40 else text[:37] + "…")
    return ", ".join(parts)


def _number_difference(given, wanted: torch.Tensor, tol: float | None, exact: bool):
    number = numeric(given)
    if number is None:
        kind = "a number" if wanted.dim() == 0 else f"a tensor of shape {tuple(wanted.shape)}"
        return f"{kind} is wanted, yours is {_kind(given)}"
    if wanted.dim() == 0 and number.numel() == 1:
        number = number.reshape(())
    if number.shape != wanted.shape:
        return f"its shape is {_shape(number)}, wanted is {_shape(wanted)}"
    if number.isnan().any():
        return "it holds NaN (not a number)"
    allowed = (0.0 if exact else DEFAULT_TOL) if tol is None else tol
    near = (number - wanted).abs() <= allowed * wanted.abs().clamp(min=1.0)
    near &= wanted.isfinite()
    return None if bool(((number == wanted) | near).all()) else ""


def _dict_difference(given, right: dict, tol: float | None) -> str | None:
    if not isinstance(given, dict) or set(given) != set(right):
        return f"a dictionary with the keys {', '.join(map(repr, right))} is wanted"
    parts = {key: difference(given[key], right[key], tol) for key in right}
    wrong = [key for key, part in parts.items() if part is not None]
    if not wrong:
        return None
    reason = next((parts[key] for key in wrong if parts[key]), "")
    return reason or f"{len(right) - len(wrong)} of {len(right)} entries are right"


def _word(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return " ".join(value.casefold().replace("-", " ").replace("_", " ").split())


def _shape(number: torch.Tensor) -> str:
    return str(tuple(number.shape)) if number.dim() else "() (one number)"


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if callable(value):
        return "a function: call it and hand over what it gives"
    return f"of type {type(value).__name__}"
