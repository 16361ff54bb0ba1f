"""Mixed precision: what is rounded and what isn't, what a run promises, where it is refused."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import checkpoint, models
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.training import Game, Move, Player, adam, fit, precision
from course_lib.training.loop import Training

NOISE = torch.Generator().manual_seed(0)
DIGITS = DataSet(torch.randint(0, 256, (64, 1, 28, 28), dtype=torch.uint8, generator=NOISE))
COLOUR = DataSet(torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8, generator=NOISE))
CASES = {
    "GAN": (lambda: models.GAN(batch=32), DIGITS),
    "DCGAN": (lambda: models.DCGAN(width=8, batch=32), DIGITS),
    "penalty": (lambda: models.DCGAN(recipe="wgan-gp", width=8, batch=16), DIGITS),
    "spectral": (lambda: models.DCGAN(recipe="sn-gan", width=8, batch=16), DIGITS),
    "VAE": (lambda: models.VAE(hidden=(32,), batch=32), DIGITS),
    "convolutional VAE": (
        lambda: models.VAE(recipe="faces", shape=(3, 32, 32), width=8, batch=16),
        COLOUR,
    ),
    "CVAEGAN": (lambda: models.CVAEGAN(width=8, batch=16), None),
    "RealNVP": (lambda: models.RealNVP(width=8, batch=8), DIGITS),
    "RealNVP as printed": (
        lambda: models.RealNVP(
            recipe="report", shape=(3, 32, 32), scales=3, width=8, blocks=1, batch=8
        ),
        COLOUR,
    ),
    "Flow": (lambda: models.Flow(batch=32), DataSet(torch.randn(64, 2, generator=NOISE))),
}


def played(make, images, name, rounds=1, **more):
    torch.manual_seed(3)
    model = make()
    if images is None:
        images = DataSet(DIGITS.images, torch.arange(len(DIGITS)) % 10)
    options = {"rounds": rounds, "preview": False, "progress": False} | more
    return model, fit(model, images, precision=name, **options)


@pytest.fixture
def anywhere(monkeypatch):
    """Computed also where it would be slow."""
    monkeypatch.setattr(precision, "gains", lambda device: True)


# What is rounded -----------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
def test_losses_and_weights_stay_in_float32_and_near_those_of_float32(case, anywhere):
    make, images = CASES[case]
    (single, a), (mixed, b) = (played(make, images, name) for name in ("single", "mixed"))
    assert {p.dtype for p in mixed.parameters()} == {torch.float32}
    weights = single.state_dict()
    assert any(not torch.equal(weights[k], v) for k, v in mixed.state_dict().items())
    for name in a.terms:
        first, second = a.terms[name][0], b.terms[name][0]
        assert second == pytest.approx(first, rel=0.03, abs=0.03), (case, name)


def test_layers_give_bfloat16_and_everything_else_sees_float32(anywhere):
    seen = {}

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
            self.norm, self.last = nn.BatchNorm2d(4), nn.Linear(4, 2)

        def game(self, rounds=None):
            def losses(source):
                x = source.batch().x
                h = self.first(x)
                seen["layer"] = h.dtype
                h = self.second(self.norm(h).relu()).relu()
                seen["between"] = h.dtype
                h = h.mean((2, 3))
                seen["mean"] = h.dtype
                out = self.last(h)
                seen["log_det"] = out.tanh().sum(1).dtype
                seen["norm"] = out.square().sum().sqrt().dtype
                seen["cat"] = torch.cat([out, x.new_zeros(len(x), 1)], 1).dtype
                return {"w": {"loss": F.softplus(out).sum(1).mean()}}

            return Game([Move([Player("w", self.parameters(), adam(0.01))], losses)])

    model = Watched()
    fit(model, DIGITS, rounds=1, batch=8, precision="mixed", preview=False, progress=False)
    whole = {name for name, dtype in seen.items() if dtype is torch.float32}
    assert whole == {"mean", "log_det", "norm", "cat"}
    assert seen["layer"] is seen["between"] is torch.bfloat16


def test_a_log_determinant_of_many_terms_loses_nothing_but_the_layers_rounding(anywhere):
    """Summed in bfloat16, 3,072 slopes of about .01 would stop growing at about 4."""
    with precision.Mixed():
        log_slope = F.linear(torch.full((1, 1), 0.01), torch.ones(3072, 1))
        total = log_slope.sum(1)
    assert total.item() == pytest.approx(3072 * 0.01, rel=0.005)


def test_outside_a_training_nothing_is_rounded(anywhere):
    model, _ = played(*CASES["DCGAN"], "mixed")
    x = DIGITS.batch(torch.arange(4)).x
    assert model.score(x).dtype is torch.float32
    assert torch.equal(model.score(x), model.score(x.double().float()))


# What a run promises -------------------------------------------------------------------------
def test_a_run_is_continued_in_the_precision_in_which_it_was_begun(tmp_path, anywhere):
    make, images = CASES["DCGAN"]
    whole, _ = played(make, images, "mixed", rounds=4)
    played(make, images, "mixed", rounds=2, resume=tmp_path)
    with pytest.raises(CourseError, match=r"precision is 'mixed', here it is 'single'"):
        played(make, images, None, rounds=4, resume=tmp_path)
    again, _ = played(make, images, "mixed", rounds=4, resume=tmp_path)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_a_run_from_before_there_was_a_choice_goes_on_in_float32(tmp_path, anywhere):
    make, images = CASES["DCGAN"]
    played(make, images, None, rounds=1, resume=tmp_path)
    file = tmp_path / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(file)
    assert facts.pop("precision") == "single"
    checkpoint.save(file, tensors, facts)
    with pytest.raises(CourseError, match="precision"):
        played(make, images, "mixed", rounds=2, resume=tmp_path)
    assert played(make, images, None, rounds=2, resume=tmp_path)[1].rounds == 2


def test_the_environment_variable_chooses_and_the_argument_wins(monkeypatch, anywhere):
    found = []
    monkeypatch.setattr(Training, "play", lambda self, *rest: found.append(self.precision))
    monkeypatch.setenv("COURSE_PRECISION", "mixed")
    for name in (None, "single"):
        played(*CASES["VAE"], name)
    monkeypatch.delenv("COURSE_PRECISION")
    played(*CASES["VAE"], None)
    assert found == ["mixed", "single", "single"]


# What is refused -----------------------------------------------------------------------------
def test_it_is_refused_where_it_would_lose(monkeypatch):
    poor = dict.fromkeys(("avx512_f", "avx2"), True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: poor, raising=False)
    with pytest.raises(CourseError, match=r"slower here.*avx512_bf16 or amx_bf16"):
        played(*CASES["VAE"], "mixed")
    assert played(*CASES["VAE"], "single")[1].rounds == 1


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16"])
def test_either_set_of_instructions_is_enough(name, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {name: True}, raising=False)
    assert precision.gains(torch.device("cpu"))
    assert not precision.gains(torch.device("mps"))


def test_other_names_and_weights_of_other_kinds_are_refused(anywhere):
    with pytest.raises(CourseError, match="'mixed'"):
        played(*CASES["VAE"], "mixd")
    with pytest.raises(CourseError, match=r"float64.*model\.float\(\)"):
        played(lambda: models.VAE(hidden=(8,), batch=8).double(), DIGITS, "mixed")
