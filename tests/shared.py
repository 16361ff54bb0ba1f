"""What the tests of models and trainings share: refusals, seeds, weights compared bit by bit."""

import pytest
import torch

from course_lib.errors import CourseError


def refused(act, *words):
    """`act()` must raise a CourseError that has all the words."""
    with pytest.raises(CourseError) as caught:
        act()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def seeded(seed=0):
    """A generator of that seed."""
    return torch.Generator().manual_seed(seed)


def weights(model):
    """A copy of the weights by name."""
    return {name: t.clone() for name, t in model.state_dict().items()}


def equal(a, b):
    """Whether two models' weights have the same names and bits."""
    return a.keys() == b.keys() and all(torch.equal(t, b[name]) for name, t in a.items())
