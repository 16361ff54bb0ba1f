"""What travels between sandbox and grader comes back as it was, or is told to be no value."""

import base64
import json
import os
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch

from course_lib.classroom import submission, wire
from course_lib.classroom.wire import WireError

T = torch.tensor
SAME = [
    None, True, 3, -2.5, "word", ..., {"a": 1, 2: "b"}, {"x", "y"}, (1, (2.0, "c")),
    T([[1.5, -2.0]]), T(3), T([], dtype=torch.int64), T([True, False]), T([1, 2], dtype=torch.int8),
    T([1.5], dtype=torch.bfloat16), torch.zeros(2, 0, 3), torch.arange(6).reshape(2, 3).T,
    T(2.0, dtype=torch.float64).expand(1, 1), T([[5.0]]).expand(3, 4),
]  # fmt: skip


def alike(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and a == b


@pytest.mark.parametrize(
    "value", SAME, ids=lambda v: str(sorted(v) if isinstance(v, set) else v)
)
def test_values_come_back(value):
    assert alike(wire.unpack(json.loads(json.dumps(wire.pack(value)))), value)


def test_arrays_and_lists_come_as_tensors_and_tuples():
    back = wire.unpack(wire.pack([np.float32(1.5), np.arange(3)]))
    assert isinstance(back, tuple)
    assert alike(back[0], T(1.5))
    assert alike(back[1], T([0, 1, 2]))


@pytest.mark.parametrize(
    "number",
    [Fraction(1, 4), Decimal("0.25"), sympy.Rational(1, 4), sympy.sqrt(sympy.Integer(1) / 16)],
    ids=lambda number: type(number).__name__,
)
def test_a_number_of_any_library_comes_as_the_number_that_it_is(number):
    assert wire.unpack(wire.pack({"hit": number})) == {"hit": 0.25}


@pytest.mark.parametrize(
    "number", [0.25 + 1e-12j, T(0.25 + 0j), np.complex128(0.25), T([0.25 + 0j]).conj()[0]]
)
def test_a_complex_number_that_is_real_comes_so(number):
    assert wire.unpack(wire.pack(number)).item() == 0.25


@pytest.mark.parametrize(
    ("value", "kind"),
    [(object(), "object"), (0.25 + 1j, "complex"), (T([1j]), "complex"), (os, "module")],
)
def test_what_does_not_travel_comes_as_what_it_was(value, kind):
    back = wire.unpack(wire.pack(value))
    assert isinstance(back, wire.Unsent) and type(back).__name__ == kind


EIGHT = base64.b64encode(b"12345678").decode()


@pytest.mark.parametrize(
    "value",
    [
        {}, {"unsent": 3}, {"unsent": "no name"},
        {"list": 3}, {"list": [], "set": []}, {"what": 1}, [1], {"tensor": []},
        {"tensor": ["float64", [2], EIGHT]}, {"tensor": ["float64", [-1], EIGHT]},
        {"tensor": ["complex64", [1], EIGHT]}, {"tensor": ["float64", [True], EIGHT]},
        {"tensor": ["float64", [1] * 9, EIGHT]}, {"tensor": ["float64", [1], "?"]},
        {"tensor": ["load", [1], EIGHT]}, {"set": [{"set": []}]}, {"dict": [[1]]},
        {"list": [0] * (wire.NODES + 1)},
        json.loads('{"list": [' * 30 + "]}" * 30),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_no_value_is_told(value):
    with pytest.raises(WireError):
        wire.unpack(value)


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", b"\0\0\0\1{", b"\0\0\0\2[]", b"\0\0\0\1\xff"], ids=repr
)
def test_what_is_no_frame_is_told(data):
    read, write = os.pipe()
    os.write(write, data)
    with pytest.raises(WireError):
        wire.receive(read, time.monotonic() + 1)
    os.close(write)
    with pytest.raises(EOFError):
        wire.receive(read, time.monotonic() + 1)
    os.close(read)


def test_a_silent_partner_is_not_waited_for():
    read, write = os.pipe()
    with pytest.raises(TimeoutError):
        wire.receive(read, time.monotonic() + 0.05)
    os.close(read), os.close(write)


def test_what_is_too_large_is_not_sent():
    with pytest.raises(WireError, match="larger than 8 MB"):
        wire.pack(torch.zeros(9 << 20, dtype=torch.uint8))
    with pytest.raises(WireError, match="larger than 8 MB"):
        wire.send(1, {"value": "x" * (9 << 20)})


def test_a_file_name_brings_no_control_characters_to_the_terminal(tmp_path):
    (tmp_path / "\x1b[2Jcleared.ipynb").write_text("{")
    with pytest.raises(submission.Unreadable, match=r"^\?\[2Jcleared\.ipynb is no notebook"):
        submission.read(tmp_path, "hw")
