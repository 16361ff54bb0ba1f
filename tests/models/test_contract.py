"""What every model promises, whoever wrote it: all classes and recipes, a stranger's too.

A family's own tests say what it computes; here stands what all have in common.
"""

import copy
import io
import json
import math
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from shared import equal, seeded, weights
from stranger import FlowMatching

from course_lib import checkpoint, evaluation, explore, models, zoo
from course_lib.__main__ import found_model
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.models.model import KNOWN, Model
from course_lib.models.parts.computing import in_parts
from course_lib.models.settings import SEEDS
from course_lib.training import fit

# Settings by which each family is small.
PERCEPTRON = {"hidden": (8,), "latent": 3, "batch": 8}
PICTURES = {"shape": (1, 14, 14), "width": 2, "batch": 8}
HYBRID = PICTURES | {"dense": 8, "latent": 3}
SMALL = {
    "GAN": PERCEPTRON,
    "DCGAN": PICTURES | {"latent": 3},
    "VAE": PERCEPTRON | HYBRID,
    "Flow": {"depth": 2, "hidden": (8,), "batch": 8},
    "RealNVP": {"shape": (1, 8, 8), "scales": 2, "width": 2, "blocks": 1, "batch": 4},
    "ProbabilisticPCA": {"shape": (1, 4, 4)},
    "GaussianMixture": {"shape": (1, 4, 4), "components": 2, "factors": 1, "iterations": 2},
    "FlowMatching": {"shape": (1, 4, 4), "hidden": (8,), "batch": 8, "steps": 3},
}
FAMILIES = {**models.OWN, "FlowMatching": FlowMatching}
CASES = {
    f"{name} {recipe}": (kind, recipe, SMALL.get(name, HYBRID))
    for name, kind in FAMILIES.items()
    for recipe in kind.recipes
}
for name, more in {
    "GAN": {"shape": (2,), "average": 0.9},
    "DCGAN": {"average": 0.9},
    "VAE": {"likelihood": "gaussian", "sigma": "per pixel"},
    "RealNVP": {"classes": 10},
    "CVAE": {"classes": 0, "attributes": ("smile", "beard>0.5"), "average": 0.9},
    "AAE": {"likelihood": "gaussian", "sigma": "learned", "classes": 10},
    "AVB": {"contrast": 0},
    "FlowMatching": {"shape": (2,), "average": None},
}.items():
    CASES[f"{name} {'-'.join(more)}"] = FAMILIES[name], "course", SMALL.get(name, HYBRID) | more
CASES["DCGAN sn-gan average"] = models.DCGAN, "sn-gan", PICTURES | {"average": 0.9, "k": 2}
FITTED = (models.ProbabilisticPCA, models.GaussianMixture)
PLAYED = [case for case, (kind, _, _) in CASES.items() if kind not in FITTED]


def examples(shape, n=24):
    if len(shape) == 1:
        return DataSet(torch.randn(n, *shape, generator=seeded()))
    names = ("glasses", "beard", "smile", "mouth_open", "skin")
    return DataSet(
        torch.randint(256, (n, *shape), generator=seeded(), dtype=torch.uint8),
        torch.arange(n) % 10,
        attributes={
            a: torch.rand(n, generator=seeded(i)) * 2 - 0.4 for i, a in enumerate(names)
        },
    )


def build(case, **more):
    kind, recipe, small = CASES[case]
    return kind(recipe, **small | more)


def trained(case, rounds=2):
    model = build(case)
    data = examples(model.shape)
    if isinstance(model, FITTED):
        model.fit(data, seeded())
        model.eval()
    else:
        fit(model, data, rounds=rounds, progress=False, preview=False)
    return model


@pytest.fixture(scope="module")
def ready():
    return {case: trained(case) for case in CASES}


def draw(model, n=4):
    return model.sample(n, generator=seeded(1))


# Settings ------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
def test_settings_are_plain_and_make_the_model_again(case):
    model = build(case)
    plain = json.loads(json.dumps(model.settings))
    again = type(model)(**plain)
    assert again.settings == model.settings and equal(weights(again), weights(model))
    assert set(model.settings) == set(type(model).declared)


def test_every_setting_is_explained_where_one_looks():
    for kind in FAMILIES.values():
        for name, setting in kind.declared.items():
            assert name in kind.__doc__ and setting.about in kind.__doc__, (kind, name)


def test_numbers_of_numpy_and_torch_are_welcome():
    model = models.VAE(
        latent=np.int64(3),
        hidden=np.array([8, 9]),
        lr=np.float32(0.5),
        batch=torch.tensor(7),
        beta=np.int32(2),
        anneal=np.bool_(True),
        seed=np.uint8(3),
    )
    found = {
        n: model.settings[n] for n in ("latent", "hidden", "lr", "batch", "beta", "anneal")
    }
    assert found == {
        "latent": 3,
        "hidden": (8, 9),
        "lr": 0.5,
        "batch": 7,
        "beta": 2,
        "anneal": True,
    }
    assert {type(v) for v in (*model.settings["hidden"], model.settings["seed"])} == {int}
    json.dumps(model.settings)
    assert model.sample(np.int64(2)).shape[0] == 2


ABSURD = [
    None, True, "x", "", -1, 0, 2.5, math.nan, math.inf, 10**9, 2**70, (), (0,), {"a": 1},
]  # fmt: skip
GAME = {"lr", "d_lr", "t_lr", "clip", "betas", "decay", "optimiser", "k"}


@pytest.mark.parametrize("name", FAMILIES)
def test_absurd_settings_are_refused_by_name_or_make_a_model(name):
    kind, refused = FAMILIES[name], 0
    for setting in kind.declared:
        for value in ABSURD:
            try:
                model = kind(**SMALL.get(name, HYBRID) | {setting: value})
                if setting in GAME:
                    model.game(3)
            except CourseError as error:
                text = str(error)
                assert setting in text or setting in ("classes", "shape", "k"), (setting, text)
                refused += 1
            else:
                kept = model.settings[setting]
                assert kept == value or tuple(kept) == tuple(value), (setting, value, kept)
                assert not isinstance(kept, float) or math.isfinite(kept)
                assert isinstance(kept, bool) == isinstance(value, bool)
    assert refused > 6 * len(kind.declared)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.VAE(lr=-1), "lr must be a number above 0, not -1"),
        (lambda: FlowMatching(steps=2.5), "steps must be a whole number from 1 to 1,000, not 2.5"),
        (lambda: models.Flow(clip=-1), "clip must be a number above 0 or None, not -1"),
        (lambda: models.GAN(hidden=(0,)), "hidden must be a list .* from 1 to 1,000,000"),
        (lambda: models.VAE(seed=2**70), "seed must be a whole number from 0"),
        (lambda: models.Flow(depth=10**9), "depth must be a whole number from 1 to 1,000"),
        (lambda: models.VAE(anneal="no"), "anneal must be True or False, not 'no'"),
        (lambda: models.VAE(hidden=(10**6, 10**6)), "VAE .* more than 1 GB of weights"),
        (lambda: models.DCGAN(width=10**6), "more than 1 GB"),
        (lambda: models.GaussianMixture(components=10_000, factors=700), "more than 1 GB"),
        (lambda: models.VAE(shape=(3, 65536, 65536)), "more than 1 GB"),
        (lambda: models.VAE(latnet=3), "Did you mean 'latent'"),
        (lambda: models.VAE("coarse"), "Did you mean 'course'"),
        (lambda: models.VAE(likelihood="bernoulli"), "VAE setting likelihood 'bernoulli'.*grey"),
    ],
)  # fmt: skip
def test_what_a_setting_must_be_is_said(make, words):
    with pytest.raises(CourseError, match=words):
        make()


# First weights -------------------------------------------------------------------------------
@pytest.mark.parametrize("case", PLAYED)
def test_the_seed_alone_decides_the_first_weights(case):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a, other = build(case), build(case, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert equal(weights(a), weights(build(case)))
    assert case == "Flow affine" or not equal(
        weights(a), weights(other)
    )  # it starts as the identity


def test_threads_do_not_take_each_others_numbers():
    alone = weights(models.VAE(seed=3))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: weights(models.VAE(seed=3)), range(24)))
    assert all(equal(one, alone) for one in found)


@pytest.mark.parametrize("case", CASES)
def test_a_model_can_be_planned_without_memory(case):
    with torch.device("meta"):
        plan = build(case)
    shapes = {name: t.shape for name, t in build(case).state_dict().items()}
    assert {name: t.shape for name, t in plan.state_dict().items()} == shapes
    assert all(p.device.type == "meta" for p in plan.parameters())


# Samples, codes ------------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
def test_samples_have_shape_range_seed_and_dtype(ready, case):
    model = ready[case]
    found = draw(model)
    assert found.shape == (4, *model.shape) and found.isfinite().all()
    assert torch.equal(draw(model), found) and not found.requires_grad
    if len(model.shape) == 3:
        assert found.min() >= 0 and found.max() <= 1
    for n in (0, -1, 2.5, True, "3", None):
        with pytest.raises(CourseError, match="number of samples"):
            model.sample(n)
    if not model.condition.size:
        with pytest.raises(CourseError, match="unconditional"):
            model.sample(2, labels=[1, 2])


@pytest.mark.parametrize("case", CASES)
def test_codes_decode_and_images_encode(ready, case):
    model = ready[case]
    x = examples(model.shape).batch(torch.arange(3)).x
    told = None if not model.condition.size else model.condition.asked(3, seeded())
    if hasattr(model, "decode"):
        z = torch.randn(3, model.latent, generator=seeded())
        found = model.decode(z, told)
        assert found.shape == (3, *model.shape) and not found.requires_grad
        if len(model.shape) == 3:
            assert found.min() >= 0 and found.max() <= 1
        with pytest.raises(CourseError, match="Expected codes of shape"):
            model.decode(torch.zeros(3, model.latent + 1), told)
    if hasattr(model, "encode"):
        mean, log_var = model.encode(x, told)
        assert mean.shape == log_var.shape == (3, model.latent)
        assert not log_var.isnan().any() and mean.isfinite().all()
    if not model.condition.size and hasattr(model, "decode"):
        with pytest.raises(CourseError, match="unconditional"):
            model.decode(z, [1, 2, 3])


@pytest.mark.parametrize("rows", [None, 1, 3, 7, 100])
def test_what_is_computed_in_parts_is_what_all_at_once_gives(rows):
    x = torch.arange(7.0)[:, None]
    assert torch.equal(in_parts(torch.sin, rows, x), x.sin())
    total, product = in_parts(lambda a, b: (a + b, a * b), rows, x, x + 1)
    assert torch.equal(total, 2 * x + 1) and torch.equal(product, x * (x + 1))
    assert in_parts(torch.sin, rows, x[:0]).shape == (0, 1)


@pytest.mark.parametrize("case", CASES)
def test_what_is_asked_follows_the_dtype(ready, case):
    model = copy.deepcopy(ready[case])
    if isinstance(model, FITTED):
        return  # in double precision from the start
    model.double()
    assert draw(model).dtype == torch.float64
    x = examples(model.shape).batch(torch.arange(3)).x  # single
    told = None if not model.condition.size else model.condition.asked(3, seeded())
    if hasattr(model, "encode"):
        assert model.encode(x, told)[0].dtype == torch.float64
    if hasattr(model, "score"):
        assert model.score(x).dtype == torch.float64


@pytest.mark.parametrize("case", CASES)
def test_use_leaves_no_trace(ready, case):
    model = copy.deepcopy(ready[case]).train()
    odd = next(iter(model.children()), model)
    odd.eval()
    before, modes = weights(model), [m.training for m in model.modules()]
    told = None if not model.condition.size else model.condition.asked(3, seeded())
    x = examples(model.shape).batch(torch.arange(3)).x
    x, z = x.to(**model.place), torch.randn(3, model.latent, generator=seeded())
    labels = {} if told is None else {"labels": told}
    uses = {
        "decode": lambda m: m.decode(z, told),
        "reconstruct": lambda m: m.reconstruct(x, generator=seeded(), **labels),
        "transfer": lambda m: m.transfer(x, told, told, seeded()),
        "log_likelihood": lambda m: m.log_likelihood(x, k=2, generator=seeded(), **labels),
        "fitted_prior": lambda m: m.fitted_prior(x).mean,
    }
    if told is None:
        del uses["transfer"]
    if isinstance(model, FITTED):  # from the mean of z, by no draw
        uses["reconstruct"] = lambda m: m.reconstruct(x)
    wanted = draw(model)
    assert torch.equal(draw(ready[case]), wanted)  # as in evaluation mode
    for use in uses.keys() & set(dir(model)):
        assert torch.equal(uses[use](ready[case]), uses[use](model)), use
    assert equal(weights(model), before)
    assert [m.training for m in model.modules()] == modes


# Kept and copied -----------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
def test_what_is_saved_copied_or_pickled_is_the_same_model(ready, case, tmp_path):
    model = ready[case]
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    twins = {
        "file": models.load(model.save(tmp_path / "model.safetensors")),
        "copy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),
        "torch": torch.load(buffer, weights_only=False),
    }
    for how, twin in twins.items():
        assert type(twin) is type(model) and twin.settings == model.settings, how
        assert equal(weights(twin), weights(model)) and torch.equal(draw(twin), draw(model)), (
            how
        )
        assert not twin.training
        for a, b in zip(twin.parameters(), model.parameters(), strict=True):
            assert a is not b and a.requires_grad == b.requires_grad, how


def test_a_frozen_double_model_stays_so_when_pickled():
    model = models.DCGAN("sn-gan", **PICTURES).double().train().requires_grad_(False)
    twin = pickle.loads(pickle.dumps(model))
    assert twin.training and {p.dtype for p in twin.parameters()} == {torch.float64}
    assert not any(p.requires_grad for p in twin.parameters())


# Training ------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", PLAYED)
def test_a_round_moves_every_player_and_a_stop_changes_nothing(case, tmp_path):
    whole, parts = build(case), build(case)
    data, quiet = examples(whole.shape), {"progress": False, "preview": False}
    first = [[p.clone() for p in player.parameters] for player in whole.game(4).players]
    fit(whole, data, game=whole.game(4), rounds=1, **quiet)
    for player, before in zip(whole.game(4).players, first, strict=True):
        now = zip(player.parameters, before, strict=True)
        assert any(not torch.equal(a, b) for a, b in now), player.name
    whole = build(case)
    fit(whole, data, game=whole.game(4), rounds=4, **quiet)
    fit(parts, data, game=parts.game(4), rounds=2, resume=tmp_path, **quiet)
    parts = build(case)
    fit(parts, data, game=parts.game(4), rounds=4, resume=tmp_path, **quiet)
    assert equal(weights(whole), weights(parts))
    loaded = zoo.load_run(tmp_path)
    assert torch.equal(draw(loaded), draw(whole))
    with pytest.raises(CourseError, match=r"model\.requires_grad_\(True\)"):
        fit(loaded, data, rounds=1, **quiet)


@pytest.mark.parametrize("case", ["DCGAN dense", "Flow course", "RealNVP 1x1"])
def test_one_example_is_no_batch_where_a_layer_normalises_over_it(case):
    model = {
        "DCGAN dense": lambda: models.DCGAN(**PICTURES | {"dense": 4}),
        "Flow course": models.Flow,
        "RealNVP 1x1": lambda: models.RealNVP(
            "report", shape=(1, 2, 2), scales=1, last=(1, 1), couplings=(1, 1), width=2
        ),
    }[case]()
    with pytest.raises(CourseError, match="batch"):
        fit(model, examples(model.shape), rounds=1, batch=1, progress=False, preview=False)


def test_data_of_more_classes_than_the_model_knows_are_refused():
    for kind in (models.RealNVP, models.CVAEGAN, models.CGAN):
        small = SMALL.get(kind.__name__, HYBRID)
        model = kind(**small | {"classes": 3})
        with pytest.raises(CourseError, match="0 to 2; got 3"):
            fit(model, examples(model.shape), rounds=1, progress=False, preview=False)


def test_densities_are_computed_in_single_precision_at_least(ready):
    for case in ("VAE course", "CVAE course", "Flow spline", "RealNVP course"):
        model = copy.deepcopy(ready[case])
        x = examples(model.shape).batch(torch.arange(4)).x.round().clamp(-1, 1)
        told = {"labels": [1, 2, 3, 4]} if model.condition.size else {}
        bound = "log_likelihood" if hasattr(model, "log_likelihood") else "log_prob"
        ask = getattr(model, bound)
        more = {"k": 3, "generator": seeded()} if bound == "log_likelihood" else {}
        plain = ask(x, **more, **told)
        if more:
            more["generator"] = seeded()
        with torch.autocast("cpu", torch.bfloat16):
            found = ask(x, **more, **told)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-4)
        model.bfloat16()
        with pytest.raises(CourseError, match=r"bfloat16 is too coarse.*model\.float\(\)"):
            getattr(model, bound)(x, **told)


# What others may do with it ------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES)
def test_every_explorer_that_its_abilities_allow_opens(ready, case):
    model = ready[case]
    if len(model.shape) != 3 or not hasattr(model, "decode"):
        return
    if not model.condition.size:
        opened = [
            explore.walk(model),
            explore.interpolation(model),
            explore.latent_plane(model),
        ]
    elif model.settings["classes"] and hasattr(model, "write"):
        opened = [explore.class_style(model), explore.morph(model)]
        if hasattr(model, "transfer"):
            opened.append(explore.transfer(model, examples(model.shape)))
    else:
        return
    for explorer in opened:
        assert len(explorer.render()) > 1000  # bytes of a picture


def test_a_class_is_known_as_soon_as_it_exists_and_the_newest_counts(tmp_path):
    def cell(width):
        class Notebook(FlowMatching):
            recipes = {"course": {"shape": (2,), "hidden": (width,)}}

        return Notebook

    old, new = cell(4), cell(5)
    assert KNOWN[__name__, "Notebook"] is new and old is not new
    file = new().save(tmp_path / "mine.safetensors")
    assert type(models.load(file)) is new
    with pytest.raises(CourseError, match="Unknown model 'Notebook'"):
        models.build("Notebook", {})  # no module: the library's own alone
    del KNOWN[__name__, "Notebook"]
    with pytest.raises(
        CourseError, match=rf"no class Notebook of the module '{__name__}'.*cell"
    ):
        models.load(file)


def test_a_model_may_call_a_part_of_it_as_a_run_calls_its_sections(tmp_path):
    class Weighing(FlowMatching):
        def build(self):
            super().build()
            self.weights = torch.nn.Linear(2, 1)
            self.random = torch.nn.Linear(1, 1)

    model = Weighing(shape=(2,), hidden=(4,))
    twin = models.load(model.save(tmp_path / "mine.safetensors"))
    assert equal(weights(twin), weights(model)) and "weights.bias" in weights(twin)
    points = DataSet(torch.rand(200, 2))
    fit(model, points, rounds=1, resume=tmp_path / "run", preview=False)
    file = tmp_path / "run" / "checkpoint.safetensors"
    for found in (zoo.load_run(tmp_path / "run"), models.load(file), found_model(str(file))):
        assert equal(weights(found), weights(model))
    del KNOWN[__name__, "Weighing"]


def test_every_class_of_the_library_is_in_its_list():
    library = {
        kind
        for (module, name), kind in KNOWN.items()
        if module.startswith("course_lib.models") and "build" in dir(kind)
    }
    bases = {"Conditional", "Autoencoder", "LatentVariableModel", "LinearGaussian"}
    assert {kind.__name__ for kind in library} - bases == set(models.OWN)


def test_names_of_the_first_edition_are_understood(ready):
    vae = ready["VAE course"]
    z = torch.randn(2, 3, generator=seeded())
    assert torch.equal(vae.mean_image(z), vae.decode(z))
    a, b = (vae.sample(3, generator=seeded(), **{name: True}) for name in ("draw", "noise"))
    assert torch.equal(a, b) and set(a.unique().tolist()) == {0.0, 1.0}
    with pytest.raises(AttributeError, match="mean_picture"):
        vae.mean_picture(z)


# A stranger's model, from its first round to the zoo -----------------------------------------
NEW_PROCESS = """
import sys, torch
{define}
from course_lib import models
model = models.load(sys.argv[1])
print(model.sample(4, generator=torch.Generator().manual_seed(1)).double().sum().item())
"""


def in_a_new_process(define, file):
    paths = os.pathsep.join([str(Path(models.__file__).parents[2]), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, "-c", NEW_PROCESS.format(define=define), str(file)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_strangers_model_is_one_of_them(tmp_path):
    lines = Path(__file__).with_name("stranger.py").read_text().splitlines()
    assert len(lines) <= 80
    two = FlowMatching(shape=(1, 1, 2), steps=4)
    fit(two, examples((1, 1, 2), 64), rounds=20, progress=False, preview=False)
    explore.latent_plane(two, examples((1, 1, 2))).render()
    images = examples((1, 14, 14), 200)
    model = FlowMatching(shape=(1, 14, 14), steps=4)
    fit(model, images, rounds=20, resume=tmp_path / "run", progress=False)
    fit(model, images, rounds=30, resume=tmp_path / "run", progress=False)
    assert torch.equal(draw(zoo.load_run(tmp_path / "run")), draw(model))
    for explorer in (explore.walk(model), explore.interpolation(model)):
        explorer.render()
    found = evaluation.report(model, images, n=40)
    assert "FlowMatching" in str(found) and "draws" in str(found)
    file = model.save(tmp_path / "mine.safetensors")
    known = in_a_new_process("import stranger", file)
    assert float(known.stdout) == draw(model).double().sum().item(), known.stderr
    unknown = in_a_new_process("", file)
    assert "There is no class FlowMatching of the module 'stranger'" in unknown.stderr


def test_only_the_librarys_classes_are_opened_from_the_zoo(monkeypatch, tmp_path):
    file = FlowMatching(shape=(2,)).save(tmp_path / "stranger.safetensors")
    card = {"sha256": zoo.checksum.sha256(file.read_bytes())}
    monkeypatch.setattr(zoo, "folder", lambda: tmp_path)
    monkeypatch.setattr(zoo, "index", lambda: {"stranger": card})
    with pytest.raises(CourseError, match="Unknown model 'FlowMatching'"):
        zoo.load("stranger")


def test_seeds_are_what_torch_takes():
    low, high = (int(end) for end in SEEDS[1:-1].split(","))
    for value in (low, high):
        Model_ = models.Flow(seed=value, depth=1)
        assert isinstance(Model_, Model) and Model_.settings["seed"] == value


class Roomy(models.VAE):
    """Takes far more while it is built than its file holds."""

    def build(self):
        super().build()
        self.register_buffer("table", torch.zeros(80_000_000), persistent=False)
        zoo.load("vae-2d-mnist")  # whose own limit is not this model's


def test_a_model_of_ones_own_takes_the_memory_that_it_wants(tmp_path):
    small = models.VAE(shape=(1, 8, 8), hidden=(4,), latent=2)
    file = Roomy(**small.settings).save(tmp_path / "roomy.safetensors")
    assert models.load(file).table.numel() == 80_000_000


def test_a_file_of_the_courses_classes_takes_no_more_than_it_asks_for(tmp_path):
    small = models.ProbabilisticPCA(shape=(1, 8, 8), latent=2)
    facts = small.facts()
    facts["settings"] |= {"shape": [1, 128, 128], "latent": 3000}
    checkpoint.save(tmp_path / "x.safetensors", small.state_dict(), facts)
    with pytest.raises(CourseError, match=r"more than 0\.25 GB"):
        models.load(tmp_path / "x.safetensors")
