"""Checkpoints that were damaged or made to do harm: each is refused in a sentence.

A table of what is done to a good run, by kind; whatever is done, `fit` and `zoo.load_run` raise
a CourseError or go on rightly, and take no memory for what the file only claims.
"""

import json
import random
import subprocess
import sys
import textwrap

import pytest
import torch
from safetensors.torch import save_file

from course_lib import checkpoint, models, training, zoo
from course_lib.data import DataSet
from course_lib.errors import CourseError

FILE = "checkpoint.safetensors"
ODD = (None, True, -1, 1.5, float("nan"), float("inf"), 2**70, "5", "", [], [1], {}, {"a": 1})


def model():
    return models.GAN(shape=(2,), latent=2, hidden=(4,))


def fit(folder, rounds):
    images = DataSet(torch.zeros(8, 2))
    return training.fit(model(), images, batch=4, rounds=rounds, resume=folder, progress=False)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A run stopped after three rounds: its bytes, tensors and facts."""
    folder = tmp_path_factory.mktemp("good")
    fit(folder, 3)
    return (folder / FILE).read_bytes(), *checkpoint.load(folder / FILE)


# What is done to tensors and facts, to be written with a right checksum ------------------------
def without(name):
    return lambda tensors, facts: tensors.pop(name)


def put(name, value):
    return lambda tensors, facts: tensors.__setitem__(name, value)


def say(name, value):
    return lambda tensors, facts: facts.__setitem__(name, value)


def set_to(name, value):
    return lambda tensors, facts: facts["settings"].__setitem__(name, value)


def silent_on(name):
    return lambda tensors, facts: facts.pop(name)


def swapped(a, b):
    def swap(tensors, facts):
        tensors[a], tensors[b] = tensors[b], tensors[a]

    return swap


def tensors_of(kind, tensors):
    """One tensor of the kind, absent, of other shapes and of other numbers; and foreign ones."""
    for name in [name for name in tensors if name.startswith(kind)][:4]:
        t = tensors[name]
        yield f"no {name}", without(name)
        for shape in ((), (1,), (7,), (2, 2), (3, 5, 7), (0,), (*t.shape, 1)):
            if shape != t.shape:
                yield f"{name} of shape {shape}", put(name, torch.zeros(shape, dtype=t.dtype))
        for dtype in (torch.int64, torch.bool, torch.uint8, torch.float64, torch.bfloat16):
            if dtype != t.dtype and (t.shape or not dtype.is_floating_point):
                yield f"{name} of {dtype}", put(name, torch.zeros(t.shape, dtype=dtype))
    for name in (f"{kind}x", f"{kind}", f"{kind}.{10**9}.step", f"{kind}weights"):
        yield f"foreign {name}", put(name, torch.zeros(2))


def cases(tensors, facts):
    """(kind, what is done, the change)."""
    for kind in ("weights.", "optimiser.", "random.", "batches", "history."):
        for name, change in tensors_of(kind, tensors):
            yield kind, name, change
    for a, b in (("G.0", "G.1"), ("D.0", "G.0"), ("D.0", "D.2")):
        names = [f"optimiser.{x}.exp_avg" for x in (a, b)]
        if tensors[names[0]].shape != tensors[names[1]].shape:
            yield "optimiser.", f"{a} and {b} swapped", swapped(*names)
    for name in ("random.course", "random.torch"):
        for value in (0, 255):
            state = torch.full_like(tensors[name], value)
            yield "random.", f"{name} all {value}", put(name, state)
    for name in (
        "history.grid.x",
        "history.grid.0000.-1",
        "history.term.0000.²",
        "history.grid.9",
    ):
        yield "history.", name, put(name, torch.zeros(2, 2))
    for name in facts:
        if name in ("model", "settings", "batch", "seed", "examples", "round"):
            yield "facts", f"no {name}", silent_on(name)
            for value in ODD:
                yield "facts", f"{name} {value}", say(name, value)
    for name in (*facts["settings"], "hidden", "unknown", "recipe", "self", ""):
        for value in (*ODD, [10**6, 1250], "x" * 1000, [[1]]):
            if facts["settings"].get(name, ...) != value:
                yield "settings", f"{name} {value!r:.20}", set_to(name, value)
    for value in ("VAE", "Module", "game", "__init__", "os", "course_lib"):
        yield "class", value, say("model", value)
    yield "class", "module", say("module", "os")


def harmless(name):
    """A preview is what anybody likes, a loss term may be missed; a class may have moved."""
    return "history.grid" in name or name.startswith("no history.term") or name == "module"


def test_no_change_of_a_run_is_a_traceback(good, tmp_path):
    _, tensors, facts = good
    tried, wrong = {}, []
    for kind, name, change in cases(tensors, facts):
        mine = dict(tensors), json.loads(json.dumps(facts))
        change(*mine)
        checkpoint.save(tmp_path / FILE, *mine)
        tried[kind] = tried.get(kind, 0) + 1
        try:
            zoo.load_run(tmp_path)
        except CourseError:
            pass
        except BaseException as error:
            wrong.append(("load", kind, name, repr(error)))
        try:
            fit(tmp_path, 4)
            if not harmless(name):
                wrong.append(("fit", kind, name, "went on"))
        except CourseError:
            pass
        except BaseException as error:
            wrong.append(("fit", kind, name, repr(error)))
    assert not wrong
    assert sum(tried.values()) > 300 and len(tried) == 8, tried


# What is done to the file itself -----------------------------------------------------------------
def written(header, data=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(header).to_bytes(8, "little") + header + data


def header_with(**more):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    meta = {"format": checkpoint.WITHOUT_CHECKSUM, "facts": '{"model":"GAN","settings":{}}'}
    return {
        "__metadata__": meta | more.pop("metadata", {}),
        "x": entry | more.pop("x", {}),
    } | more


def signed(**metadata):
    own = {"format": checkpoint.FORMAT, "shared": "{}", "checksum": "0" * 64}
    return header_with(metadata=own | metadata)


RAW = {
    "empty": b"",
    "short": b"\7\0\0",
    "length beyond the file": (10**6).to_bytes(8, "little") + b"{}",
    "length beyond all": b"\xff" * 8 + b"{}",
    "no JSON": written(b"no JSON at all!!"),
    "no text": written(b"\xff\xfe\x00"),
    "a list": written([1, 2]),
    "brackets": written(b"[" * 10**5),
    "braces": written(b'{"a":' * 10**5),
    "a number": written(b"1" * 10**5),
    "no metadata": written({"x": header_with()["x"]}, bytes(8)),
    "metadata a list": written({"__metadata__": []}, bytes(8)),
    "facts a list": written(header_with(metadata={"facts": "[]"}), bytes(8)),
    "facts brackets": written(header_with(metadata={"facts": "[" * 10**5}), bytes(8)),
    "facts no JSON": written(header_with(metadata={"facts": "{"}), bytes(8)),
    "facts no text": written(header_with(metadata={"facts": 7}), bytes(8)),
    "format a list": written(header_with(metadata={"format": []}), bytes(8)),
    "another format": written(header_with(metadata={"format": "x" * 10**5}), bytes(8)),
    "unknown numbers": written(header_with(x={"dtype": "F7"}), bytes(8)),
    "no shape": written(header_with(x={"shape": None}), bytes(8)),
    "negative shape": written(header_with(x={"shape": [-2]}), bytes(8)),
    "a shape of floats": written(header_with(x={"shape": [2.0]}), bytes(8)),
    "endless shape": written(header_with(x={"shape": [2**62, 4]}), bytes(8)),
    "another shape": written(header_with(x={"shape": [3]}), bytes(8)),
    "an entry a list": written(header_with() | {"y": [1]}, bytes(8)),
    "offsets back": written(header_with(x={"data_offsets": [8, 0]}), bytes(8)),
    "offsets beyond": written(header_with(x={"data_offsets": [0, 2**63]}), bytes(8)),
    "data cut": written(header_with(), bytes(7)),
    "data too long": written(header_with(), bytes(9)),
    "checksum of another": written(signed(), bytes(8)),
    "checksum a list": written(signed(checksum=[]), bytes(8)),
    "shared with nobody": written(signed(shared='{"y":"z"}'), bytes(8)),
    "shared with itself": written(signed(shared='{"y":"y"}'), bytes(8)),
    "shared a list": written(signed(shared="[]"), bytes(8)),
    "shared lists": written(signed(shared='{"y":["x"]}'), bytes(8)),
}


@pytest.mark.parametrize("name", RAW)
def test_no_file_is_a_traceback(name, tmp_path):
    (tmp_path / FILE).write_bytes(RAW[name])
    for use in (
        lambda: checkpoint.load(tmp_path / FILE),
        lambda: zoo.load_run(tmp_path),
        lambda: fit(tmp_path, 4),
    ):
        with pytest.raises(CourseError) as caught:
            use()
        assert len(str(caught.value)) < 1000
    assert (tmp_path / FILE).read_bytes() == RAW[name]


def test_a_flipped_bit_is_noticed(good, tmp_path):
    content, chosen = good[0], random.Random(0)
    for bit in chosen.sample(range(8 * len(content)), 200):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / FILE).write_bytes(flipped)
        with pytest.raises(CourseError):
            checkpoint.load(tmp_path / FILE)


def test_a_file_cut_anywhere_is_noticed(good, tmp_path):
    content, chosen = good[0], random.Random(0)
    for length in chosen.sample(range(len(content)), 50):
        (tmp_path / FILE).write_bytes(content[:length])
        with pytest.raises(CourseError):
            checkpoint.load(tmp_path / FILE)


def test_a_checkpoint_without_checksum_is_taken_and_said_so(good, tmp_path, capsys):
    _, tensors, facts = good
    metadata = {"format": checkpoint.WITHOUT_CHECKSUM, "facts": json.dumps(facts)}
    save_file(tensors, tmp_path / FILE, metadata)
    found, again = checkpoint.load(tmp_path / FILE)
    assert again == facts and all(torch.equal(found[name], t) for name, t in tensors.items())
    images = DataSet(torch.zeros(8, 2))
    training.fit(model(), images, batch=4, rounds=4, resume=tmp_path, progress=True)
    assert "before there were checksums" in "".join(capsys.readouterr())
    assert checkpoint.header(tmp_path / FILE).checksum is not None
    training.fit(model(), images, batch=4, rounds=5, resume=tmp_path, progress=True)
    assert "before there were checksums" not in "".join(capsys.readouterr())


def test_a_safetensors_file_of_somebody_else_is_no_checkpoint(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    for name, words in {"x": "no checkpoint of this course", "y": "no such file"}.items():
        with pytest.raises(CourseError, match=words):
            checkpoint.load(tmp_path / f"{name}.safetensors")


def test_what_json_cannot_hold_is_refused(tmp_path):
    for facts in ({"x": {1, 2}}, {"x": object()}, {"x": torch.zeros(2)}):
        with pytest.raises(CourseError, match="numbers, strings"):
            checkpoint.save(tmp_path / "x.safetensors", {}, facts)


def claims(folder):
    """Runs that are small on the disk and claim gigabytes, by name."""
    facts = {"model": "VAE", "settings": {"hidden": [10**6, 1250]}, "batch": 4, "seed": 0}
    facts |= {"examples": 8, "round": 1}
    made = {"weights": written(header_with(metadata={"facts": json.dumps(facts)}), bytes(8))}
    gan = model().settings | {"shape": [2], "hidden": [4]}
    rows = 2**28  # 2 GB of doubles
    for name, kind in {"history.seconds": "F64", "history.grid.0000.0": "F64", "weights.x": "F64",
                       "optimiser.G.0.exp_avg": "F64"}.items():  # fmt: skip
        known = facts | {"model": "GAN", "settings": gan, "round": rows}
        known["data"] = "unnamed (no split), (2,)"
        header = header_with(metadata={"facts": json.dumps(known)})
        header[name] = {"dtype": kind, "shape": [rows], "data_offsets": [8, 8 + 8 * rows]}
        made[name] = written(header)
    made["header"] = (2**31).to_bytes(8, "little")
    for name, content in made.items():
        (folder / name).mkdir()
        with open(folder / name / FILE, "wb") as file:
            file.write(content)
            if name != "weights":
                file.truncate(len(content) + 8 + 2**31)  # holes take no room
    return made


def test_what_a_file_claims_takes_no_memory(tmp_path):
    made = claims(tmp_path)
    assert len(made["weights"]) < 868
    code = f"""
    import resource, sys
    sys.path.insert(0, {str(tmp_path.parent)!r})
    from course_lib import training, zoo, models
    from course_lib.data import DataSet
    from course_lib.errors import CourseError
    import torch
    images = DataSet(torch.zeros(8, 2))
    def fit(run):
        model = models.GAN(shape=(2,), latent=2, hidden=(4,))
        training.fit(model, images, batch=4, rounds=10**9, resume=run, progress=False)
    fit_once = training.fit(
        models.GAN(shape=(2,), latent=2, hidden=(4,)), images, batch=4, rounds=2, progress=False
    )
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    idle = peak()
    for name in {list(made)!r}:
        for use in (zoo.load_run, fit):
            try:
                use({str(tmp_path)!r} + "/" + name)
                raise SystemExit(name + " was taken")
            except CourseError as error:
                pass
            print(name, use.__name__, round(peak() - idle), "MB", file=sys.stderr)
            assert peak() - idle < 500, name
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
