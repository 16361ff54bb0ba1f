"""What a model can be asked, found by asking it and never by its class.

So a model that somebody defined in a notebook is scored like those of the course. It has to draw,
by `sample(n, generator=…)`; all else is optional:

    shape                        of one example, compared with the data set's
    condition                    what it is told (`course_lib.models.parts.conditions`)
    log_prob(x)                  exact log-densities, (B,) nats
    bits_per_dim(u, generator, k=…)     of 8-bit images, a bound by k draws of noise
    log_likelihood(x, k, generator)     a bound on log p(x) by k importance samples, (B,) nats
    elbo_terms(x, generator)     "reconstruction" and "kl" of the bound, (B,) nats each
    settings["likelihood"]       the scale of x: "binarised", "grey" or "gaussian"

Lesson 03 says what each score needs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.evaluation import levels
from course_lib.models.parts.conditions import Condition, condition


def can(model: object, name: str) -> bool:
    """Whether the model has a method of that name."""
    return callable(getattr(model, name, None))


def takes(method: Callable, *options: str) -> bool:
    """Whether a method takes one of these options by name."""
    known = inspect.signature(method).parameters.values()
    return any(p.name in options or p.kind is p.VAR_KEYWORD for p in known)


def require_instance(model: object, call: str) -> None:
    """Refuse, with a CourseError, a class in a model's place: brackets were forgotten."""
    if isinstance(model, type):
        raise CourseError(
            f"{call} wants a model, not the class {model.__name__}: build one with brackets, "
            f"{model.__name__}(…)."
        )


def require_samples(model: object, call: str = "report(model, dataset)") -> None:
    """Refuse, with a CourseError, what can't be drawn from: a class, a model without `sample`."""
    require_instance(model, call)
    if not can(model, "sample"):
        raise CourseError(
            f"A model is wanted first, with sample(n, generator=…); {type(model).__name__} has "
            f"no sample. {call}."
        )
    if not takes(model.sample, "generator"):
        raise CourseError(
            f"{type(model).__name__}.sample takes no generator=…, so its samples can't be "
            "repeated. Define sample(n, generator=None) and draw its noise with generator."
        )


def condition_of(model: object) -> Condition:
    """What the model is told; of size 0 for an unconditional one."""
    own = getattr(model, "condition", None)
    if own is not None:
        return own
    settings = _settings(model)
    return condition(settings.get("classes", 0), settings.get("attributes", ()))


def told(method: Callable, labels: Tensor | None) -> dict[str, Tensor]:
    """The labels as the option by which a method takes them; none for an unconditional model."""
    if labels is None:
        return {}
    known = inspect.signature(method).parameters
    return {"condition" if "condition" in known else "labels": labels}


@torch.no_grad()
def drawn(
    model: object,
    n: int,
    generator: torch.Generator | None,
    labels: Tensor | None = None,
    shape: tuple[int, ...] | None = None,
) -> Iterator[Tensor]:
    """n samples on the CPU, a BATCH at a time, checked; images at 256 levels of [0, 1].

    labels: of n samples or more, for a conditional model. shape: what the data set's examples
    have, where there is one.
    """
    for first in range(0, n, levels.BATCH):
        many = min(levels.BATCH, n - first)
        asked = None if labels is None else labels[first:][:many]
        part = model.sample(many, generator=generator, **told(model.sample, asked))
        found = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
        if shape is not None and found != (many, *shape):
            raise CourseError(
                f"model.sample gave {found}; the data set asks for {(many, *shape)}."
            )
        part = part.detach().to("cpu", torch.float32)
        if part.ndim == 4:
            levels.check_range(part, "samples")
            part = levels.as_levels(part)
        elif not part.isfinite().all():
            raise CourseError("Some samples hold NaN or infinite values: the model diverged.")
        yield part


def draws(model: object) -> bool:
    """Whether samples are draws from p(x), not, as a VAE's pictures are, means of p(x|z)."""
    if hasattr(model, "draws"):
        return bool(model.draws)
    options = inspect.signature(model.sample).parameters
    return not any(options[o].default is False for o in ("draw", "noise") if o in options)


def scale_of(model: object) -> str | None:
    """The name of the likelihood that the model's settings state, or None."""
    return _settings(model).get("likelihood")


def _settings(model: object) -> Mapping:
    found = getattr(model, "settings", None)
    return found if isinstance(found, Mapping) else {}
