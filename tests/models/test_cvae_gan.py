"""CVAE-GAN against Algorithm 1 of Bao et al. (2017): values, gradients, who depends on whom.

`check` writes the algorithm out a second time, line by line in plain torch, and compares with it
what a model's game does over three rounds. Each published deviation is a mutant that it refuses.
"""

import math

import pytest
import torch
from shared import refused
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot, softplus

from course_lib import data, models
from course_lib.__main__ import main
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.models import CVAEGAN
from course_lib.models.parts.centres import Centres
from course_lib.models.parts.conditions import Attributes, Classes
from course_lib.models.vae import gaussian_kl
from course_lib.training import Game, Move, Player, Source, adam, fit, own_gradients, reaches

DECAY, ROUNDS, BATCH = 0.9, 3, 12
SMALL = {"shape": (1, 14, 14), "width": 4, "dense": 6, "latent": 3, "batch": BATCH}
LAMBDAS = (3.0, 1.0, 0.5, 0.25)  # large enough for every term to be seen in a sum
ATTRIBUTES = ("glasses", "smile", "mouth_open>0.5")


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60, 1, 14, 14), generator=generator, dtype=torch.uint8)
    attributes = {
        "glasses": torch.arange(60) % 2,
        "smile": torch.rand(60, generator=generator) - 0.5,
        "mouth_open": torch.rand(60, generator=generator),
    }
    return DataSet(images, torch.arange(60) % 10, attributes)


def made(kind=CVAEGAN, **more):
    paper = {"lambdas": LAMBDAS, "average": None, "sized_for": 3 * 128 * 128}
    return kind(**SMALL | paper | more).double()


# Algorithm 1, written a second time ------------------------------------------------------------
class Algorithm1:
    """Lines 2 to 18 with the networks of `model`; the history is a list of batch means."""

    def __init__(self, model, attributes=False):
        self.m, self.attributes, self.history = model, attributes, {}

    def centre(self, side, group, features, members):
        """Σ d^(n−i) m_i / Σ d^(n−i); all but the newest mean are numbers."""
        means = self.history.setdefault((side, group), [])
        if members.any():
            means.append(features[members].mean(0))
        if not means:
            return None
        weights = [DECAY ** (len(means) - 1 - i) for i in range(len(means))]
        old = [m.detach() for m in means[:-1]]
        newest = means[-1] if members.any() else means[-1].detach()
        parts = [w * m for w, m in zip(weights, [*old, newest], strict=True)]
        return sum(parts) / sum(weights)

    def losses(self, source):
        m, (one, two, three, four) = self.m, LAMBDAS
        batch = source.batch()
        x = 2 * batch.x - 1
        if self.attributes:
            rows = source.rows
            values = {k: v[rows] for k, v in source.dataset.attributes.items()}
            has = [values["glasses"] == 1, values["smile"] > 0, values["mouth_open"] > 0.5]
            has = torch.stack(has, 1)
            c = torch.where(has, 1.0, -1.0).double()
            groups = [*has.T, *~has.T]
        else:
            c = one_hot(batch.labels, 10).double()
            groups = [batch.labels == k for k in range(10)]
        noise, z_p = source.normal(len(x), 3), source.normal(len(x), 3)
        mean, log_var = m.encoder(x, c).split(3, 1)
        x_f = m.generator(torch.cat([mean + torch.exp(log_var / 2) * noise, c], 1))
        x_p = m.generator(torch.cat([z_p, c], 1))
        D, C = m.discriminator, m.classifier
        zero, ones = torch.zeros(len(x), 1).double(), torch.ones(len(x), 1).double()
        bce = binary_cross_entropy_with_logits
        logits = C(x)
        l_c = (
            bce(logits, has.double(), reduction="sum") / len(x)
            if self.attributes
            else -logits.log_softmax(1)[torch.arange(len(x)), batch.labels].mean()
        )
        enlarged = 3 * 128 * 128 / (14 * 14)
        pairs = [(x, x_f, enlarged), (D.features(x), D.features(x_f), 1.0)]
        pairs.append((C.features(x), C.features(x_f), 1.0))
        l_g = sum(w * ((a - b) ** 2).sum() for a, b, w in pairs) / 2 / len(x)
        l_gd = ((D.features(x).mean(0) - D.features(x_p).mean(0)) ** 2).sum() / 2
        l_gc = 0.0
        for k, members in enumerate(groups):
            real = self.centre("real", k, C.features(x), members)
            fake = self.centre("fake", k, C.features(x_p), members)
            l_gc = l_gc + (0.0 if real is None else ((real.detach() - fake) ** 2).sum() / 2)
        variance = log_var.exp()
        kl = (mean**2 + variance - 1 - log_var).sum() / 2 / len(x)
        return {
            "C": {"class": l_c},
            "D": {
                "real": bce(D(x), ones),
                "rebuilt": bce(D(x_f), zero),
                "drawn": bce(D(x_p), zero),
            },
            "G": {
                "reconstruction": two * l_g,
                "mean": three * l_gd,
                "class means": four * l_gc,
            },
            "E": {"kl": one * kl, "reconstruction": two * l_g},
        }


ALL = {"E", "G", "D", "C"}
TABLE = {
    "C.class": {"C"},
    "D.real": {"D"},
    "D.rebuilt": {"D", "G", "E"},
    "D.drawn": {"D", "G"},
    "G.reconstruction": ALL,
    "G.mean": {"D", "G"},
    "G.class means": {"C", "G"},
    "E.kl": {"E"},
    "E.reconstruction": ALL,
}


def networks(model):
    found = {"E": model.encoder, "G": model.generator}
    found |= {"D": model.discriminator, "C": model.classifier}
    return {name: list(network.parameters()) for name, network in found.items()}


def check(model, pictures, attributes=False):
    """What the game of `model` does otherwise than Algorithm 1: a set of words."""
    wrong, game, owned = set(), model.game(), networks(model)
    if len(game.round) != 1 or game.round[0].times != 1:
        wrong.add("not simultaneous")
    players = {player.name: {id(p) for p in player.parameters} for player in game.players}
    if players != {name: {id(p) for p in own} for name, own in owned.items()}:
        return wrong | {"players"}
    (move,) = game.round
    paper = Algorithm1(model, attributes)
    draws = [Source(pictures, BATCH, seed=3, dtype=torch.float64) for _ in range(2)]
    for t in range(ROUNDS):
        found, expected = move.losses(draws[0]), paper.losses(draws[1])
        if {p: set(terms) for p, terms in found.items()} != {
            p: set(terms) for p, terms in expected.items()
        }:
            return wrong | {"terms"}
        for player, terms in expected.items():
            for term, value in terms.items():
                if not torch.allclose(found[player][term], value, rtol=1e-9, atol=1e-12):
                    wrong.add(f"{player}.{term}")
            total = sum(terms.values())
            own = torch.autograd.grad(total, owned[player], retain_graph=True)
            try:
                got = torch.autograd.grad(
                    sum(found[player].values()), owned[player], retain_graph=True
                )
                same = all(map(close, got, own))
            except RuntimeError:  # a graph of an earlier round, or one that was never there
                same = False
            if not same:
                wrong.add(f"gradient of {player}")
        if t == 0 and (table := reaches(found, owned)) != TABLE:
            wrong |= {f"who reaches {name}" for name in TABLE if table[name] != TABLE[name]}
        game.after(t)
    return wrong


def close(a, b):
    return torch.allclose(a, b, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("told", ["classes", "attributes"])
def test_the_game_is_algorithm_1_of_the_paper(pictures, told):
    more = {"classes": 0, "attributes": ATTRIBUTES} if told == "attributes" else {}
    assert check(made(**more), pictures, told == "attributes") == set()


# Published deviations --------------------------------------------------------------------------
class LabelWithheldFromE(CVAEGAN):
    def posterior(self, x, vector):
        return super().posterior(x, torch.zeros_like(vector))


class NoiseInTheLabelSlots(CVAEGAN):
    """Report A's code: D's fakes are decoder(randn(110))."""

    def forward_pass(self, x, labels, noise, z_p):
        write, calls = CVAEGAN.write, []

        def noisy(z, vector):
            calls.append(z)
            return write(self, z, torch.randn_like(vector) if len(calls) == 2 else vector)

        self.write = noisy
        return super().forward_pass(x, labels, noise, z_p)


class AdversarialGradientIntoE(CVAEGAN):
    def losses(self, p, *more):
        found = super().losses(p, *more)
        found["E"]["reconstruction"] = (
            found["E"]["reconstruction"] + softplus(-p.judged["rebuilt"]).mean()
        )
        return found


class ClassGradientIntoE(CVAEGAN):
    def losses(self, p, *more):
        found = super().losses(p, *more)
        read = self.classifier.head(p.c["rebuilt"])
        found["E"]["kl"] = found["E"]["kl"] + self.condition.loss(read, p.labels).mean()
        return found


class CrossEntropyForG(CVAEGAN):
    def mean_matching(self, p, mean):
        return softplus(-p.judged["drawn"]).mean()


class CLearnsFromFakes(CVAEGAN):
    def classifier_terms(self, p):
        fakes = self.condition.loss(self.classifier.head(p.c["drawn"]), p.labels).mean()
        return {"class": super().classifier_terms(p)["class"] + fakes}


class OneGlobalCentre(CVAEGAN):
    def class_mean_matching(self, p, mean):
        return 0.5 * (p.c["real"].mean(0) - p.c["drawn"].mean(0)).square().sum()


class BatchCentres(CVAEGAN):
    """Without the moving average."""

    def networks(self):
        super().networks()
        self.real_centres.decay = self.drawn_centres.decay = 0.0


class HistoryWithGradient(CVAEGAN):
    class Kept(Centres):
        def keep(self):
            now, batches = self.undetached
            self.centres, self.batches = now, batches

        def moved(self, *arguments):
            self.undetached = super().moved(*arguments)[0], self._next[1]
            return self.undetached[0], self.undetached[1] > 0

    def networks(self):
        super().networks()
        self.drawn_centres = self.Kept(self.condition.groups, self.settings["dense"], DECAY)


class DNotFrozen(CVAEGAN):
    """G's step moves D too: D descends what only G should."""

    def losses(self, p, *more):
        found = super().losses(p, *more)
        found["D"]["drawn"] = found["D"]["drawn"] + found["G"]["mean"]
        return found


class CNotFrozen(CVAEGAN):
    def losses(self, p, *more):
        found = super().losses(p, *more)
        found["C"]["class"] = found["C"]["class"] + found["E"]["reconstruction"]
        return found


class PixelMeanWithSummedKl(CVAEGAN):
    """E14: report A's code."""

    def losses(self, p, *more):
        found = super().losses(p, *more)
        error = (p.real - p.rebuilt).square().mean()
        found["E"] = {"kl": gaussian_kl(p.mean, p.log_var).sum(), "reconstruction": error}
        return found


class BothInOneBatchNorm(CVAEGAN):
    def forward_pass(self, x, labels, noise, z_p):
        write, codes = CVAEGAN.write, []
        vector = self.condition.vectors(labels, len(x), **self.place)
        mean, log_var = self.posterior(x, vector)
        z = mean + (0.5 * log_var).exp() * noise
        both = write(self, torch.cat([z, z_p]), torch.cat([vector, vector])).chunk(2)

        def halves(z, vector):
            codes.append(z)
            return both[len(codes) - 1]

        self.write = halves
        return super().forward_pass(x, labels, noise, z_p)


class DDoesNotSeeReconstructions(CVAEGAN):
    def discriminator_terms(self, p):
        found = super().discriminator_terms(p)
        return found | {"rebuilt": found["drawn"]}


class OneOptimiserForEAndG(CVAEGAN):
    def game(self, rounds=None):
        game = super().game(rounds)
        (move,) = game.round
        shared = [*self.encoder.parameters(), *self.generator.parameters()]
        both = Player("EG", shared, adam(1e-3))

        def losses(source):
            found = move.losses(source)
            return {"C": found["C"], "D": found["D"], "EG": found["G"] | found["E"]}

        rest = [p for p in move.players if p.name in "CD"]
        return Game([Move([*rest, both], losses)], after=self.after)


MUTANTS = {
    LabelWithheldFromE: "E.kl",
    NoiseInTheLabelSlots: "D.drawn",
    AdversarialGradientIntoE: "gradient of E",
    ClassGradientIntoE: "who reaches E.kl",
    CrossEntropyForG: "G.mean",
    CLearnsFromFakes: "who reaches C.class",
    OneGlobalCentre: "G.class means",
    BatchCentres: "G.class means",
    HistoryWithGradient: "gradient of G",
    DNotFrozen: "gradient of D",
    CNotFrozen: "who reaches C.class",
    PixelMeanWithSummedKl: "E.kl",
    BothInOneBatchNorm: "who reaches G.mean",
    DDoesNotSeeReconstructions: "who reaches D.rebuilt",
    OneOptimiserForEAndG: "players",
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda kind: kind.__name__)
def test_published_deviations_are_refused(pictures, mutant):
    assert MUTANTS[mutant] in check(made(mutant), pictures)


def test_two_players_can_not_move_one_network_at_once():
    model = made()
    with pytest.raises(CourseError, match="share a parameter"):
        Move(
            [
                Player("G", [*model.generator.parameters()], adam(1e-3)),
                Player("EG", [*networks(model)["E"], *networks(model)["G"]], adam(1e-3)),
            ],
            lambda source: {},
        )


def test_labels_reach_encoder_and_generator(pictures):
    model = made().eval()
    x, z = pictures.batch(range(4)).x.double(), torch.zeros(4, 3).double()
    assert not torch.allclose(model.encode(x, 1)[0], model.encode(x, 2)[0])
    assert not torch.allclose(model.decode(z, 1), model.decode(z, 2))


# Feature centres -------------------------------------------------------------------------------
def test_centres_are_a_hand_computed_moving_average():
    centres = Centres(2, 1, decay=0.5).double()
    rows = [
        ([2.0, 4.0, 9.0], [0, 0, 1], [3.0, 9.0]),  # first visits: the batch's own means
        ([6.0, 8.0], [0, 0], [(0.5 * 3 + 7) / 1.5, 9.0]),  # class 1 is absent: kept
        ([1.0, 5.0], [0, 1], [(0.25 * 3 + 0.5 * 7 + 1) / 1.75, (0.5 * 9 + 5) / 1.5]),
    ]
    for values, labels, expected in rows:
        features = torch.tensor(values)[:, None].double()
        now, there = centres.moved(features, one_hot(torch.tensor(labels), 2).double())
        assert now.flatten().tolist() == pytest.approx(expected) and there.all()
        before = centres.centres.clone()
        assert torch.equal(centres.centres, before)  # nothing is kept until the round ends
        centres.keep()
        assert centres.centres.flatten().tolist() == pytest.approx(expected)


def test_only_the_batch_of_now_carries_a_gradient():
    centres, members = Centres(2, 1, decay=0.5).double(), torch.eye(2).double()
    features = [torch.tensor([[1.0], [2.0]]).double().requires_grad_() for _ in range(2)]
    centres.moved(features[0], members)
    centres.keep()
    now, _ = centres.moved(features[1], members)
    gradients = torch.autograd.grad(now.sum(), features, allow_unused=True)
    assert gradients[0] is None
    assert gradients[1].flatten().tolist() == pytest.approx([1 / 1.5] * 2)
    assert not centres.centres.requires_grad


def test_a_class_that_never_came_has_no_centre_and_costs_nothing(pictures):
    few = pictures.subset(pictures.labels < 3)
    model = made()
    (move,) = model.game().round
    found = move.losses(Source(few, BATCH, dtype=torch.float64))["G"]["class means"]
    assert found.isfinite()
    now, there = model.real_centres.moved(
        torch.ones(2, 6).double(), one_hot(torch.tensor([0, 2]), 10).double()
    )
    assert there.tolist() == [True, False, True] + 7 * [False] and now.isfinite().all()


# The reports' numbers --------------------------------------------------------------------------
def first_losses(model, pictures):
    (move,) = model.game().round
    found = move.losses(Source(pictures, BATCH, dtype=next(model.parameters()).dtype))
    return sum(found["D"].values()).item(), found["C"]["class"].item()


def test_e13_a_model_that_knows_nothing_starts_at_3_log_2_and_log_10(pictures):
    model = made()
    for network in (model.discriminator, model.classifier):
        for parameter in network.head.parameters():
            parameter.data.zero_()
    d, c = first_losses(model, pictures)
    assert d == pytest.approx(3 * math.log(2)) and c == pytest.approx(math.log(10))
    d, c = first_losses(models.CVAEGAN(width=8, dense=32), data.load("digits").take(64))
    assert abs(d - 3 * math.log(2)) < 0.2 and abs(c - math.log(10)) < 0.2
    printed_d, printed_c = 1.3814, 0.6999  # report A, section 4.4, first line
    assert abs(printed_d - 2 * math.log(2)) < 0.01 < abs(printed_d - d) - 0.4
    assert abs(printed_c - math.log(2)) < 0.01 < abs(printed_c - c) - 1


def test_e14_a_pixel_mean_beside_a_summed_kl_is_a_beta_of_50_000():
    settings = {"lambdas": (1, 1, 0, 0), "matched": (1, 0, 0), "sized_for": 784}
    ratios = []
    for kind in (CVAEGAN, PixelMeanWithSummedKl):
        model = kind(width=2, dense=4, latent=2, **settings)
        (move,) = model.game().round
        found = move.losses(Source(data.load("digits").take(128), 128))["E"]
        ratios.append((found["kl"] / found["reconstruction"]).item())
    assert ratios[1] / ratios[0] == pytest.approx(784 * 128 / 2, rel=1e-4)


def test_pixels_count_as_if_the_image_had_the_papers_size(pictures):
    a, b = made(matched=(1, 0, 0)), made(matched=(1, 0, 0), sized_for=14 * 14)
    found = []
    for model in (a, b):
        (move,) = model.game().round
        source = Source(pictures, BATCH, dtype=torch.float64)
        found.append(move.losses(source)["E"]["reconstruction"].item())
    assert found[0] / found[1] == pytest.approx(3 * 128 * 128 / (14 * 14))


def test_the_course_recipe_keeps_the_papers_first_two_weights_on_plain_sums():
    """λ1 / λ2 is the decoder's variance; λ3 and λ4 go with the size of the features."""
    model = CVAEGAN(width=4, dense=6)
    assert model.settings["lambdas"][:2] == (3.0, 1.0) and model.pixel_weight == 1.0
    three, four = model.settings["lambdas"][2:]
    assert four == pytest.approx(three / (1 - model.settings["decay"]))


def test_g_hears_its_label_as_loudly_as_its_code_at_the_start():
    """In the mean over labels and codes; DCGAN's plain start would make it four times fainter."""
    model = CVAEGAN(width=8, dense=6)
    weight = model.generator[1][0].weight.detach().flatten(1)
    code, label = weight[:16].square().sum(0).mean(), weight[16:].square().sum(1).mean()
    assert label / weight.shape[1] == pytest.approx(code.item(), rel=0.1)


def test_the_report_recipe_is_a5():
    s = CVAEGAN.recipes["report"]
    assert (s["batch"], s["latent"], s["lr"], s["rounds"]) == (128, 100, 1e-4, 93_600)
    assert s["lambdas"] == (3.0, 1.0, 1e-3, 1e-3) and s["matched"] == (1.0, 1.0, 1.0)


# Conditions ------------------------------------------------------------------------------------
def test_conditions_as_vectors_losses_and_groups():
    classes, attributes = Classes(3), Attributes(("a", "b>0.5"))
    labels = torch.tensor([0, 2])
    assert classes.vectors(labels, 2).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert classes.members(labels).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert classes.loss(torch.zeros(2, 3), labels).tolist() == pytest.approx([math.log(3)] * 2)
    values = {"a": torch.tensor([-1.0, 0.1]), "b": torch.tensor([0.4, 0.6])}
    has = attributes.read(None, values.__getitem__)
    assert has.tolist() == [[0, 0], [1, 1]]
    assert attributes.vectors(has, 2).tolist() == [[-1, -1], [1, 1]]
    assert attributes.members(has).tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]
    logits = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    by_hand = [
        -math.log(1 - 1 / (1 + math.exp(-1))) - math.log(1 - 1 / (1 + math.exp(2))),
        math.log(2) - math.log(1 / (1 + math.exp(-3))),
    ]
    assert attributes.loss(logits, has).tolist() == pytest.approx(by_hand, rel=1e-5)


def test_what_can_not_be_built_is_refused():
    refused(lambda: CVAEGAN(classes=0), "conditional", "VAEGAN")
    refused(lambda: CVAEGAN(classes=10, lambdas=(0, 0, 1, 1)), "λ1 or λ2", "E learns nothing")
    refused(lambda: CVAEGAN(classes=1), "classes")
    refused(lambda: CVAEGAN(attributes=("smile",)), "classes=0")
    refused(lambda: CVAEGAN(classes=0, attributes="smile"), "list", "name")
    refused(lambda: CVAEGAN(classes=0, attributes=("smile>x",)), "number after >")
    refused(lambda: CVAEGAN(classes=0, attributes=("smile", "smile")), "twice")
    refused(lambda: CVAEGAN(shape=(1, 30, 30)), "square images")


def test_data_that_do_not_fit_are_refused_before_any_round(pictures, tmp_path):
    played = []

    def start(model, dataset):
        fit(model, dataset, rounds=1, resume=tmp_path, preview=lambda t: played.append(t))

    unlabelled = DataSet(pictures.images, attributes=pictures.attributes)
    refused(lambda: start(made(), unlabelled), "has none", "DataSet(images, labels)")
    more = DataSet(pictures.images, pictures.labels + 1)
    refused(lambda: start(made(), more), "0 to 9", "got 10")
    told = made(classes=0, attributes=("smile", "glases"))
    refused(lambda: start(told, pictures), "glases", "Did you mean 'glasses'")
    refused(lambda: start(told, DataSet(pictures.images, pictures.labels)), "no attributes")
    always = made(classes=0, attributes=("mouth_open",))
    refused(lambda: start(always, pictures), "same for all images", "mouth_open>0.")
    assert not played and not list(tmp_path.iterdir())


def test_labels_that_can_not_be_drawn_are_refused():
    model = made().eval()
    refused(lambda: model.sample(3, labels=[1, 2]), "Expected 3 labels", "(2,)")
    refused(lambda: model.sample(2, labels=[1, 10]), "0 to 9", "got 10")
    refused(lambda: model.sample(2, labels=[1.5, 1.0]), "whole number", "got 1.5")
    refused(lambda: model.sample(2, labels="seven"), "'seven'")
    refused(lambda: model.encode(torch.zeros(2, 1, 14, 14)), "got none")
    refused(lambda: model.encode(torch.zeros(2, 1, 28, 28), 1), "(2, 1, 28, 28)")
    refused(lambda: model.decode(torch.zeros(2, 5), 1), "(B, 3)")
    told = made(classes=0, attributes=ATTRIBUTES).eval()
    refused(lambda: told.sample(2, labels=[1, 0]), "3 ones or zeros", "smile")
    refused(lambda: told.sample(2, labels=torch.zeros(2, 4)), "(2, 4)")
    refused(lambda: told.sample(2, labels=[1, 0, 2]), "got 2")


# Use -------------------------------------------------------------------------------------------
def test_samples_reconstructions_and_transfers(pictures):
    seed = torch.Generator().manual_seed
    for model, one, many in (
        (made(), 7, torch.arange(4)),
        (made(classes=0, attributes=ATTRIBUTES), [1, 0, 1], torch.eye(4)[:, :3]),
    ):
        model.eval()
        x = pictures.batch(range(4)).x.double()
        for labels in (None, one, many):
            samples = model.sample(4, labels=labels, generator=seed(1))
            assert samples.shape == (4, 1, 14, 14) and 0 <= samples.min() <= samples.max() <= 1
            assert torch.equal(samples, model.sample(4, labels=labels, generator=seed(1)))
        mean, log_var = model.encode(x, many)
        assert mean.shape == log_var.shape == (4, 3)
        z = mean + (0.5 * log_var).exp() * torch.randn(4, 3, generator=seed(2)).double()
        assert torch.equal(model.reconstruct(x, many, seed(2)), model.decode(z, many))
        assert torch.equal(model.transfer(x, many, one, seed(2)), model.decode(z, one))
        assert torch.equal(
            model.transfer(x, many, many, seed(2)), model.reconstruct(x, many, seed(2))
        )


def test_each_player_moves_only_by_its_own_loss(pictures):
    model = made()
    (move,) = model.game().round
    gradients = own_gradients(
        move.losses(Source(pictures, BATCH, dtype=torch.float64)), move.players
    )
    assert {player.name: len(own) for player, own in gradients.items()} == {
        name: len(own) for name, own in networks(model).items()
    }


def test_the_command_line_trains_samples_and_refuses(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    quick = ["--rounds", "2", "--set", "width=4", "--set", "dense=8", "--set", "batch=16"]
    assert main(["train", "CVAEGAN", *quick, "--out", "run"]) == 0
    assert main(["sample", "run", "-n", "20"]) == 0
    assert (tmp_path / "samples.png").is_file()
    capsys.readouterr()
    assert main(["train", "CVAEGAN", *quick, "--set", "classes=5"]) == 2
    assert "0 to 4" in capsys.readouterr().err
    told = ["--set", "classes=0", "--set", 'attributes=["smile"]']
    assert main(["train", "CVAEGAN", *quick, *told]) == 2
    assert "Unknown attribute 'smile'" in capsys.readouterr().err
