"""The hybrids: who depends on whom, against their papers; bounds against quadrature; mutants."""

import math

import pytest
import torch
from shared import refused
from torch import nn
from torch.nn.functional import softplus

from course_lib import zoo
from course_lib.data import DataSet
from course_lib.models import AAE, AVB, CGAN, CVAE, VAEGAN
from course_lib.models.vae import gaussian_kl, log_normal
from course_lib.training import Source, fit, reaches

SMALL = {"shape": (1, 14, 14), "width": 4, "dense": 6, "latent": 3, "batch": 12, "rounds": 20}
KINDS = (CGAN, CVAE, AAE, VAEGAN, AVB)


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60, 1, 14, 14), generator=generator, dtype=torch.uint8)
    return DataSet(images, torch.arange(60) % 10, {"smile": torch.arange(60) % 2})


def made(kind, **more):
    return kind(**SMALL | {"classes": 10} | more).double()


def networks(model):
    names = {"E": "encoder", "G": "generator", "D": "discriminator", "T": "critic"}
    found = {k: getattr(model, name, None) for k, name in names.items()}
    return {k: list(n.parameters()) for k, n in found.items() if n is not None}


def dependencies(model, pictures):
    """Of each term the networks it depends on, and of each player the networks it moves."""
    source = Source(pictures, 12, dtype=torch.float64)
    own, table, moved = networks(model), {}, {}
    for move in model.game().round:
        table |= reaches(move.losses(source), own)
        for player in move.players:
            parameters = {id(p) for p in player.parameters}
            moved[player.name] = {
                name for name, some in own.items() if parameters & {id(p) for p in some}
            }
    return table, moved


PAPERS = {
    CGAN: (
        {"D.real": {"D"}, "D.fake": {"D", "G"}, "G.fake": {"D", "G"}},
        {"D": {"D"}, "G": {"G"}},
    ),
    CVAE: (
        {"CVAE.reconstruction": {"E", "G"}, "CVAE.kl": {"E"}},
        {"CVAE": {"E", "G"}},
    ),
    AAE: (
        {
            "AE.reconstruction": {"E", "G"},
            "D.real": {"D"},
            "D.fake": {"D", "E"},
            "E.fake": {"D", "E"},
        },
        {"AE": {"E", "G"}, "D": {"D"}, "E": {"E"}},
    ),
    VAEGAN: (
        {
            "E.kl": {"E"},
            "E.features": {"E", "G", "D"},
            "G.features": {"E", "G", "D"},
            "G.rebuilt": {"E", "G", "D"},
            "G.drawn": {"G", "D"},
            "D.real": {"D"},
            "D.rebuilt": {"E", "G", "D"},
            "D.drawn": {"G", "D"},
        },
        {"E": {"E"}, "G": {"G"}, "D": {"D"}},
    ),
    AVB: (
        {
            "VAE.reconstruction": {"E", "G"},
            "VAE.moments": {"E"},
            "VAE.kl": {"E", "T"},
            "T.posterior": {"E", "T"},
            "T.prior": {"T"},
        },
        {"VAE": {"E", "G"}, "T": {"T"}},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_terms_and_players_are_those_of_the_paper(pictures, kind):
    assert dependencies(made(kind), pictures) == PAPERS[kind]


# Wrong models ------------------------------------------------------------------------------------
def amended(kind, change, move=0):
    """The kind, but `change(model, source, losses)` is what the players of that move descend."""

    class Mutant(kind):
        def game(self, rounds=None):
            game = super().game(rounds)
            losses = game.round[move].losses
            game.round[move].losses = lambda source: change(self, source, losses(source))
            return game

    return Mutant


def with_term(player, term, other, taken):
    """A change: the term of the player has another player's term in it."""

    def change(model, source, losses):
        more = losses[player][term] + losses[other][taken]
        return losses | {player: {**losses[player], term: more}}

    return change


def rebuilt_codes(model, source, losses):
    """D judges the codes of what is drawn: the decoder gets into the game about codes."""
    none = torch.zeros(12, 10).double()
    again = model.encoder(model.write(source.normal(12, 3), none), none)
    real = softplus(-model.discriminator(again)).mean()
    return losses | {"D": {**losses["D"], "real": real}}


class KlWithoutT(AVB):
    """The analytic KL, as if q were a Gaussian."""

    def ratio(self, x, vector, z):
        return gaussian_kl(z, torch.zeros_like(z))


MUTANTS = {
    "all images look alike": (VAEGAN, amended(VAEGAN, with_term("D", "real", "E", "features"))),
    "E fools D": (VAEGAN, amended(VAEGAN, with_term("E", "kl", "G", "rebuilt"))),
    "no T": (AVB, KlWithoutT),
    "a prior from E": (AVB, amended(AVB, with_term("T", "prior", "T", "posterior"))),
    "a decoder against D": (AAE, amended(AAE, rebuilt_codes, move=1)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_models_are_refused(pictures, mutant):
    kind, wrong = MUTANTS[mutant]
    assert dependencies(made(wrong), pictures) != PAPERS[kind]


# Labels ------------------------------------------------------------------------------------------
class Deaf(nn.Module):
    """A network that is told, and does not listen: its last `told` inputs are zeroed."""

    def __init__(self, network, told):
        super().__init__()
        self.network, self.told = network, told

    def forward(self, x, vector):
        return self.network(
            x, torch.cat([vector[:, : -self.told], 0 * vector[:, -self.told :]], 1)
        )


def listens(model, pictures):
    """Which networks answer otherwise when the labels change: a set of names."""
    x = 2 * pictures.batch(range(12)).x.double() - 1
    z = torch.randn(12, 40, generator=torch.Generator().manual_seed(1)).double()
    vectors = [model.conditions(c, 12) for c in (1, 2)]
    latent = model.settings["latent"]

    def differ(answer):
        return not torch.allclose(*map(answer, vectors))

    found = {"G"} if differ(lambda v: model.write(z[:, :latent], v)) else set()
    if isinstance(model, CGAN) and differ(lambda v: model.judge(x, v)):
        found.add("D")
    if isinstance(model, AVB):
        if differ(lambda v: model.coded(x, v, z[:, : model.settings["epsilon"]])):
            found.add("E")
        if differ(lambda v: model.ratio(x, v, z[:, :latent])):
            found.add("T")
    elif hasattr(model, "encoder") and differ(lambda v: model.posterior(x, v)[0]):
        found.add("E")
    return found


TOLD = {CGAN: {"G", "D"}, CVAE: {"G", "E"}, AAE: {"G", "E"}, VAEGAN: {"G", "E"}}
TOLD[AVB] = {"G", "E", "T"}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_reach_every_network_that_is_to_be_told(pictures, kind):
    assert listens(made(kind), pictures) == TOLD[kind]


def test_a_label_withheld_from_one_network_is_seen(pictures):
    for kind, name, missing in ((CVAE, "encoder", "E"), (CGAN, "discriminator", "D")):
        model = made(kind)
        setattr(model, name, Deaf(getattr(model, name), 10))
        assert TOLD[kind] - listens(model, pictures) == {missing}


# CVAE: the bound ---------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("likelihood", "sigma"), [("binarised", None), ("gaussian", 0.5)])
@torch.no_grad()
def test_the_bounds_of_a_cvae_are_bounds_on_log_p_x_given_c(pictures, likelihood, sigma, seed):
    model = made(CVAE, latent=1, likelihood=likelihood, sigma=sigma, seed=seed).eval()
    for parameter in model.parameters():
        parameter *= 1.3
    # Twice the variance: were q(z|x) narrower than p(z|x), weights would have an infinite one.
    model.encoder.head.bias[1] += math.log(2)
    x = pictures.batch([0]).x.double()
    x = x.round() if likelihood == "binarised" else x
    z = torch.linspace(-9, 9, 4001).double()[:, None]
    exact = {}
    for label in (7, 3):
        vector = model.conditions(label, 1)
        joint = model.log_p_x(x.expand(len(z), *x.shape[1:]), z, vector.expand(len(z), -1))
        joint = joint + log_normal(z)
        exact[label] = joint.logsumexp(0) + math.log(18 / 4000)
        log_q = log_normal(z, *model.encode(x, label))
        gap = (log_q.exp() * (log_q - (joint - exact[label]))).sum() * 18 / 4000
        draws = model.elbo(
            x.expand(2000, *x.shape[1:]), torch.Generator().manual_seed(0), [label] * 2000
        )
        error = draws.std() / math.sqrt(2000)
        assert abs(draws.mean() + gap - exact[label]) < 5 * error + 1e-9
        bound = model.log_likelihood(x, 4000, torch.Generator().manual_seed(1), [label])
        assert abs(bound - exact[label]) < 0.05
    assert abs(exact[7] - exact[3]) > 0.1  # it is log p(x | c), another for another label


def test_the_logit_of_a_pixel_is_twice_what_enters_the_tanh(pictures):
    model = made(CVAE).eval()
    z, vector = torch.randn(4, 3).double(), model.conditions(5, 4)
    image = ((model.write(z, vector) + 1) / 2).flatten(1)
    x = pictures.batch(range(4)).x.double().round()
    flat = x.flatten(1)
    by_hand = (flat * image.log() + (1 - flat) * (1 - image).log()).sum(1)
    torch.testing.assert_close(model.log_p_x(x, z, vector), by_hand)


def test_gaussian_pixels_are_dequantised_in_training(pictures):
    model = made(CVAE, likelihood="gaussian", sigma="learned")
    source = Source(pictures, 12, dtype=torch.float64)
    x, _, _ = model.training_batch(source)
    grey = pictures.images[source.rows]
    assert torch.equal((256 * x).floor(), grey.double()) and (256 * x % 1).std() > 0.2
    before = model.log_sigma.item()
    fit(model, pictures, rounds=3, progress=False, preview=False)
    assert model.log_sigma.item() != before


# AVB: what T learns ------------------------------------------------------------------------------
def test_t_at_its_best_is_the_log_ratio_and_its_mean_the_kl(pictures):
    model = made(AVB, latent=1, epsilon=1, contrast=0)
    mean, sd = 1.0, 0.5
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    model.coded = lambda x, v, e: mean + sd * e
    log_var = 2 * math.log(sd)
    model.ratio = lambda x, v, z: log_normal(z, mean, log_var) - log_normal(z) + shift
    model.log_p_x = lambda x, z, v: z.sum(1)
    source, slopes, kls = Source(pictures, 60, dtype=torch.float64), [], []
    (move,) = model.game().round
    for _ in range(100):
        found = move.losses(source)
        slopes.append(torch.autograd.grad(sum(found["T"].values()), shift)[0])
        kls.append(found["VAE"]["kl"].detach())
    slopes, kls = torch.stack(slopes), torch.stack(kls)
    assert abs(slopes.mean()) < 5 * slopes.std() / 10
    wrong = slopes + torch.sigmoid(torch.tensor(0.0))  # T's two terms weighed unequally
    assert abs(wrong.mean()) > 10 * slopes.std() / 10
    exact = gaussian_kl(torch.tensor([[mean]]), torch.tensor([[log_var]])).item()
    assert abs(kls.mean() - exact) < 5 * kls.std() / 10


def test_with_contrast_t_and_the_moments_share_the_kl_of_a_posterior_with_two_humps(pictures):
    """q = ½ N(0, .3²) + ½ N(2, .3²): T knows log q − log r at its best, the rest is Gaussian."""
    model = made(AVB, latent=1, epsilon=2, contrast=400)
    sign = lambda e: torch.where(e[..., :1] > 0, 1.0, -1.0)
    model.coded = lambda x, v, e: 1 + sign(e) + 0.3 * e[..., 1:]
    model.log_p_x = lambda x, z, v: z.sum(1)
    var = torch.tensor(1 + 0.3**2, dtype=torch.float64)

    def log_q(z):
        humps = [log_normal(z, m, 2 * math.log(0.3)) for m in (0.0, 2.0)]
        return torch.stack(humps).logsumexp(0) - math.log(2)

    # z comes in units of r, where r is N(0, 1) and the density of q is √var times as large.
    model.ratio = lambda x, v, z: log_q(1 + z * var.sqrt()) + 0.5 * var.log() - log_normal(z)
    (move,) = model.game().round
    source = Source(pictures, 60, dtype=torch.float64)
    found = [move.losses(source)["VAE"] for _ in range(40)]
    total = torch.stack([f["moments"] + f["kl"] for f in found])
    grid = torch.linspace(-9, 9, 20_001, dtype=torch.float64)[:, None]
    exact = torch.trapezoid(log_q(grid).exp() * (log_q(grid) - log_normal(grid)), grid[:, 0])
    error = total.std() / math.sqrt(40)
    assert abs(total.mean() - exact) < 5 * error
    for part in ("moments", "kl"):  # neither alone
        assert abs(torch.stack([f[part] for f in found]).mean() - exact) > 10 * error


def test_many_codes_of_one_image_are_those_that_one_by_one_gives(pictures):
    model = made(AVB)
    x = pictures.batch(range(12)).x.double()
    vector, noise = model.conditions(3, 12), torch.randn(5, 12, 16).double()
    one_by_one = [model.encoder(x, torch.cat([vector, epsilon], 1)) for epsilon in noise]
    torch.testing.assert_close(model.coded(x, vector, noise), torch.stack(one_by_one))


def test_what_a_network_is_told_is_heard_from_the_start(pictures):
    """A label moves G's first layer as much as a code does, and D's hidden layer is not deaf."""
    for kind in (CGAN, CVAE):
        weight = made(kind, latent=9).generator[1][0].weight
        label, code = weight[9:].std(), weight[:9].std()
        assert 2.4 < label / code < 3.6  # √9
    for network, told in ((made(CGAN).discriminator, 10), (made(AVB).critic, 16)):
        weight = network.hidden[0].weight
        wanted = math.sqrt(weight.shape[1] / told)
        assert 0.7 < weight[:, -told:].std() / weight[:, :-told].std() / wanted < 1.4


# VAE/GAN and AAE ---------------------------------------------------------------------------------
def test_the_feature_error_is_half_a_squared_distance_summed_and_gamma_weighs_it_for_g(
    pictures,
):
    model = made(VAEGAN, gamma=0.25, sigma=0.5)
    (move,) = model.game().round
    found = move.losses(Source(pictures, 12, dtype=torch.float64))
    source = Source(pictures, 12, dtype=torch.float64)
    batch = source.batch()
    x, vector = 2 * batch.x - 1, model.conditions(batch.labels, 12)
    mean, log_var = model.encoder(x, vector).chunk(2, 1)
    z = mean + (log_var / 2).exp() * source.normal(12, 3)
    rebuilt = model.generator(torch.cat([z, vector], 1))
    a, b = model.discriminator.trunk(x), model.discriminator.trunk(rebuilt)
    expected = 0.5 * (a - b).square().sum() / 12 / 0.5**2
    torch.testing.assert_close(found["E"]["features"], expected)
    torch.testing.assert_close(found["G"]["features"], 0.25 * expected)


def test_the_codes_of_an_aae_are_points_that_move_to_where_d_sees_the_prior(pictures):
    model = made(AAE, classes=0)
    x = pictures.batch(range(12)).x.double()
    mean, log_var = model.encode(x)
    assert torch.equal(model.code(x, None, None), mean) and (log_var == -torch.inf).all()
    rebuild, match = model.game().round
    with torch.no_grad():
        model.encoder.head.bias += 4.0  # right of the prior
    losses = []
    for sign in (-1.0, 1.0):  # a D that says: the prior is to the left; or to the right
        model.discriminator = nn.Linear(3, 1, bias=False).double()
        nn.init.constant_(model.discriminator.weight, sign)
        source = Source(pictures, 12, dtype=torch.float64)
        rebuild.losses(source)
        found = match.losses(source)
        (slope,) = torch.autograd.grad(found["E"]["fake"], model.encoder.head.bias)
        assert (slope * sign < 0).all()  # descending it, codes go where D sees the prior
        losses.append(sum(found["D"].values()).item())
    assert losses[0] < losses[1]  # and the first D is the better one


# All of them -------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("told", ["nothing", "class", "attributes"])
def test_each_trains_samples_and_is_loaded(pictures, kind, told, tmp_path):
    more, label = {"classes": 0}, None
    if told == "class":
        more, label = {"classes": 10}, 4
    elif told == "attributes":
        more, label = {"classes": 0, "attributes": ("smile",)}, [1]
    model = kind(**SMALL | more | {"average": 0.9})
    fit(model, pictures, rounds=2, progress=False, preview=False, resume=tmp_path)
    loaded = zoo.load_run(tmp_path)
    seed = torch.Generator().manual_seed
    for labels in (None, label):
        a, b = (m.sample(5, labels=labels, generator=seed(1)) for m in (model, loaded))
        assert a.shape == (5, 1, 14, 14) and 0 <= a.min() <= a.max() <= 1
        assert torch.equal(a, b)
    if kind is CGAN:
        return
    x = pictures.batch(range(5)).x
    assert model.reconstruct(x, label, seed(2)).shape == x.shape
    if told == "class":
        assert not torch.equal(
            model.transfer(x, label, 5, seed(2)), model.transfer(x, label, 6, seed(2))
        )


@pytest.mark.parametrize("kind", [CVAE, AAE, AVB])
def test_samples_are_means_or_draws(pictures, kind):
    seed = torch.Generator().manual_seed
    for more in ({}, {"likelihood": "gaussian", "sigma": 0.3}):
        model = made(kind, **more).eval()
        means = model.sample(4, labels=1, generator=seed(0))
        draws = model.sample(4, labels=1, generator=seed(0), noise=True)
        assert means.shape == draws.shape and not torch.equal(means, draws)
        assert more or set(draws.unique().tolist()) <= {0.0, 1.0}


def test_what_hybrids_refuse(pictures):
    unlabelled = DataSet(pictures.images)
    for kind in (CGAN, CVAE):
        refused(lambda kind=kind: fit(made(kind), unlabelled, rounds=1), "has none")
    refused(lambda: made(VAEGAN, classes=0).eval().sample(2, labels=[1, 2]), "unconditional")
    refused(
        lambda: made(VAEGAN, classes=0).transfer(torch.zeros(2, 1, 14, 14), None, 1), "labels"
    )
    refused(lambda: CVAE(likelihood="gausian"), "Did you mean 'gaussian'")
    refused(lambda: CVAE(likelihood="gaussian"), "needs sigma")
    refused(lambda: CVAE(sigma=0.1), "only it does")
    refused(lambda: AVB(contrast=1), "one draw has no variance")
    refused(
        lambda: made(CVAE).log_likelihood(torch.zeros(1, 1, 14, 14), 0, None, 1), "importance"
    )
