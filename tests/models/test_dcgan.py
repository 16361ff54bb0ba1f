"""DCGAN against its paper and the public tutorial: sizes, start, batch norm, the game."""

import pytest
import torch
from shared import refused
from torch import nn

from course_lib import models
from course_lib.data import DataSet
from course_lib.models.parts import convolutions as networks
from course_lib.training import Source, fit, reaches


def small(recipe="course", **more):
    settings = {"shape": (1, 16, 16), "width": 4, "latent": 5, "batch": 8}
    return models.DCGAN(recipe, **settings | more)


def noise_images(n=32, shape=(1, 16, 16)):
    pixels = torch.randint(
        0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return DataSet(pixels)


def convolutions(network):
    kinds = nn.Conv2d | nn.ConvTranspose2d
    return [m for m in network.modules() if isinstance(m, kinds)]


# Networks ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "side, kernels",
    [(28, (3, 4, 4)), (32, (4, 4, 4)), (64, (4, 4, 4, 4)), (14, (3, 4)), (7, (3,))],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_one_builder_for_all_sizes(side, kernels, channels):
    model = models.DCGAN(shape=(channels, side, side), width=2, latent=6)
    z = torch.randn(3, 6)
    images = model.generate(z)
    assert images.shape == (3, channels, side, side)
    assert 0 <= images.min() and images.max() <= 1
    assert model.score(images).shape == (3,)
    for network, kind in (
        (model.generator, nn.ConvTranspose2d),
        (model.discriminator, nn.Conv2d),
    ):
        layers = convolutions(network)
        assert {type(layer) for layer in layers} == {kind}
        shapes = [(m.kernel_size[0], m.stride[0], m.padding[0]) for m in layers]
        ends = shapes if kind is nn.ConvTranspose2d else shapes[::-1]
        assert ends == [(4, 1, 0), *((kernel, 2, 1) for kernel in kernels)]
    assert model.features(images).shape == (3, 16 * 2 * (2 ** len(kernels) - 1))


def test_a_feature_in_the_middle_of_d_has_seen_half_of_the_rows():
    """Begun at 7×7 D's last convolution would meet features of 10×10 pixels each."""
    D = models.DCGAN(width=2).discriminator.double().eval()
    blocks = nn.Sequential(*networks.trunk(D))
    x = torch.randn(1, 1, 28, 28, dtype=torch.float64, requires_grad=True)
    middle = blocks(x)[0, 0, 1, 1]
    (gradient,) = torch.autograd.grad(middle, x)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    assert len(rows) >= 14


def test_parameters_count_as_in_the_public_tutorial():
    """64×64, nz 100, ngf = ndf = 64, three channels."""
    model = models.DCGAN("report")
    count = [
        sum(p.numel() for p in n.parameters()) for n in (model.generator, model.discriminator)
    ]
    assert count == [3_576_704, 2_765_568]
    s = model.settings
    assert (s["lr"], s["betas"], s["batch"]) == (2e-4, (0.5, 0.999), 128)
    assert isinstance(model.generator[-1], nn.Tanh)
    leaks = [m for m in model.discriminator.modules() if isinstance(m, nn.LeakyReLU)]
    assert [m.negative_slope for m in leaks] == 4 * [0.2]


def follows(network):
    """For each convolution, whether a batch norm comes next, and whether it has a bias."""
    leaves = [m for m in network.modules() if not list(m.children())]
    found = []
    for layer, after in zip(leaves, [*leaves[1:], nn.Identity()], strict=True):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            found.append((isinstance(after, nn.BatchNorm2d), layer.bias is not None))
    return found


def test_batch_norm_is_everywhere_but_at_three_places():
    model = small(shape=(3, 32, 32))
    assert follows(model.generator) == 3 * [(True, False)] + [(False, False)]
    assert follows(model.discriminator) == [(False, False)] + 2 * [(True, False)] + [
        (False, False)
    ]
    without = small(shape=(3, 32, 32), norm="generator")
    assert follows(without.generator) == follows(model.generator)
    assert follows(without.discriminator) == 4 * [(False, True)]
    assert follows(small(norm="none").generator) == 3 * [(False, True)]


def test_batch_norm_without_exception_is_a_setting():
    model = small(shape=(3, 32, 32), norm="everywhere")
    assert all(normal for normal, _ in follows(model.generator))
    assert [normal for normal, _ in follows(model.discriminator)] == [True, True, True, False]


def test_batch_norm_has_the_usual_eps_and_momentum():
    """BatchNorm2d(C, 0.8), seen in public code, sets eps."""
    for recipe in models.DCGAN.recipes:
        for module in small(recipe).modules():
            if isinstance(module, nn.BatchNorm2d):
                assert (module.eps, module.momentum) == (1e-5, 0.1)


def test_the_start_is_the_papers():
    model = models.DCGAN(shape=(3, 64, 64), width=16)
    weights = torch.cat([m.weight.flatten() for m in convolutions(model)])
    scales = [m.weight for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    scales = torch.cat(scales) - 1
    for values in (weights, scales):
        n = len(values)
        assert abs(values.mean()) < 5 * 0.02 / n**0.5
        assert abs(values.std() - 0.02) < 5 * 0.02 / (2 * n) ** 0.5
    others = [p for name, p in model.named_parameters() if name.endswith("bias")]
    assert others and all((p == 0).all() for p in others)
    plain = convolutions(small(init="torch"))[0].weight
    assert abs(plain.std() - 0.02) > 0.02


# Report A's network --------------------------------------------------------------------------
def test_a2_is_the_network_of_report_a():
    model = models.DCGAN("a2")
    D = [m for m in model.discriminator.modules() if not list(m.children())]
    kinds = [nn.Conv2d, nn.LeakyReLU, nn.MaxPool2d] * 2 + [nn.Flatten]
    assert [type(m) for m in D] == [*kinds, nn.Linear, nn.LeakyReLU, nn.Linear]
    assert [m.weight.shape for m in D if hasattr(m, "weight")] == [
        (32, 1, 3, 3),
        (64, 32, 3, 3),
        (1024, 64 * 7 * 7),
        (1, 1024),
    ]
    G = [m for m in model.generator.modules() if not list(m.children())]
    assert not any(isinstance(m, nn.ConvTranspose2d) for m in G)
    assert G[0].weight.shape == (56 * 56, 100)
    assert [m.num_features for m in G if isinstance(m, nn.BatchNorm2d)] == [1, 64, 32]
    assert [(*m.weight.shape[:2], m.stride[0]) for m in convolutions(model.generator)] == [
        (64, 1, 1),
        (32, 64, 1),
        (1, 32, 2),
    ]
    s = model.settings
    assert (s["batch"], s["latent"], s["lr"], s["betas"], s["k"]) == (
        128,
        100,
        3e-4,
        (0.9, 0.999),
        3,
    )
    assert model.generate(torch.randn(2, 100)).shape == (2, 1, 28, 28)


REPAIRS = [
    {"up": "transposed"},
    {"down": "strided", "dense": 0},
    {"norm": "dcgan"},
    {"init": "dcgan"},
    {"lr": 2e-4, "betas": (0.5, 0.999), "k": 1},
]


def test_repairs_lead_from_a2_to_dcgan_one_setting_at_a_time():
    given = {"shape": (1, 16, 16), "width": 2, "latent": 6, "batch": 8, "dense": 16}
    seen = set()
    for repair in [{}, *REPAIRS]:
        given |= repair
        model = models.DCGAN("a2", **given)
        fit(model, noise_images(), rounds=1, progress=False, preview=False)
        assert model.sample(2).shape == (2, 1, 16, 16)
        seen.add(str(model) + str(model.settings))
    assert len(seen) == 1 + len(REPAIRS)
    repaired, course = model.settings, models.DCGAN(**given).settings
    assert {name for name in course if repaired[name] != course[name]} == {"rounds"}


# Batch norm in the game ----------------------------------------------------------------------
def test_samples_are_a_function_of_z_alone():
    model = small()
    fit(model, noise_images(), rounds=2, progress=False)
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
    model.train()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    together = model.generate(z)
    alone = torch.cat([model.generate(one[None]) for one in z])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
    assert model.generator.training  # as it was
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    depends = (model.generator(z)[:3] - model.generator(z[:3])).abs().max()
    assert depends > 1e-3  # which training mode does


def test_scores_and_features_are_of_one_image_alone():
    model = small()
    fit(model, noise_images(), rounds=2, progress=False)
    model.train()
    x = noise_images(6).batch(torch.arange(6)).x
    for compute in (model.score, model.features):
        alone = torch.cat([compute(one[None]) for one in x])
        torch.testing.assert_close(compute(x), alone, atol=1e-5, rtol=1e-4)
    many = noise_images(600).batch(torch.arange(600)).x  # computed in parts
    torch.testing.assert_close(model.features(many)[:6], model.features(many[:6]))


def real_loss(kind, factor):
    """D's loss on one real batch, with G's weights times `factor`: other fakes, same D."""
    model = kind(shape=(1, 16, 16), width=4, latent=5, batch=8).double()
    for p in model.generator.parameters():
        p.data.mul_(factor)
    source = Source(noise_images(), 8, dtype=torch.float64)
    return model.game().round[0].losses(source)["D"]["real"].item()


class Joint(models.DCGAN):
    """The mistake: real and fake images normalised as one batch."""

    judge = models.GAN.judge


def test_real_and_fake_batches_are_normalised_apart():
    assert real_loss(models.DCGAN, 1) == real_loss(models.DCGAN, 3)
    assert abs(real_loss(Joint, 1) - real_loss(Joint, 3)) > 1e-6


# Who depends on whom -------------------------------------------------------------------------
@pytest.mark.parametrize("recipe", ["course", "a2"])
def test_terms_depend_on_the_networks_of_the_paper(recipe):
    model, source = small(recipe), Source(noise_images(), 8)
    networks = {"G": model.generator.parameters(), "D": model.discriminator.parameters()}
    networks = {name: list(own) for name, own in networks.items()}
    found = {}
    for move in model.game().round:
        found |= reaches(move.losses(source), networks)
    assert found == {"D.real": {"D"}, "D.fake": {"D", "G"}, "G.fake": {"D", "G"}}


def usual_parts(model, images):
    """What public loops begin with: both networks, their optimisers, the loss, labels, data."""
    G, D, bce = model.generator, nn.Sequential(model.discriminator, nn.Sigmoid()), nn.BCELoss()
    make = {"lr": model.settings["lr"], "betas": model.settings["betas"]}
    d, g = torch.optim.Adam(D.parameters(), **make), torch.optim.Adam(G.parameters(), **make)
    source = Source(images, model.settings["batch"], dtype=torch.float64)
    one, zero = torch.ones(8, 1).double(), torch.zeros(8, 1).double()
    return G, D, g, d, bce, one, zero, source


def by_hand(model, images, rounds):
    """PyTorch's DCGAN tutorial: sigmoid, BCELoss, detach, three backward passes."""
    G, D, g, d, bce, one, zero, source = usual_parts(model, images)
    for _ in range(rounds):
        D.zero_grad()
        bce(D(2 * source.batch().x - 1), one).backward()
        fake = G(source.normal(8, 5))
        bce(D(fake.detach()), zero).backward()
        d.step()
        G.zero_grad()
        bce(D(fake), one).backward()
        g.step()


def test_the_game_is_the_public_loop_to_the_last_running_average():
    played, written = (small().double() for _ in range(2))
    images = noise_images()
    fit(played, images, rounds=6, progress=False, preview=False)
    by_hand(written, images, 6)
    for (name, a), b in zip(
        played.state_dict().items(), written.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-6, msg=name)


def by_hand_g_first(model, images, rounds):
    """PyTorch-GAN's dcgan.py: G steps first, then D on the same fakes (its halved loss apart)."""
    G, D, g, d, bce, one, zero, source = usual_parts(model, images)
    for _ in range(rounds):
        real = 2 * source.batch().x - 1
        g.zero_grad()
        fake = G(source.normal(8, 5))
        bce(D(fake), one).backward()
        g.step()
        d.zero_grad()
        (bce(D(real), one) + bce(D(fake.detach()), zero)).backward()
        d.step()


def test_simultaneous_play_is_the_public_loop_that_moves_g_first():
    """To the same weights, though it passes the fakes through D once and not twice."""
    models = {order: small(order=order).double() for order in ("simultaneous", "alternating")}
    for model in models.values():
        fit(model, noise_images(), rounds=6, progress=False, preview=False)
    written = small().double()
    by_hand_g_first(written, noise_images(), 6)
    for (name, a), b, other in zip(
        models["simultaneous"].named_parameters(),
        written.parameters(),
        models["alternating"].parameters(),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-6, msg=name)
        assert (a - other).abs().max() > 1e-5


# Settings ------------------------------------------------------------------------------------
def test_what_a_dcgan_refuses():
    refused(lambda: small(shape=(1, 30, 30)), "4×4 or 7×7", "(1, 30, 30)")
    refused(lambda: small(shape=(1, 28, 32)), "square")
    refused(lambda: small(shape=(2,)), "square images")
    for setting in ({"up": "dense"}, {"down": "pooling"}):
        refused(lambda s=setting: small(shape=(1, 7, 7), **s), "14×14", "(1, 7, 7)")
    refused(lambda: small(norm="dcgen"), "Did you mean 'dcgan'")
    refused(lambda: small(up="transpose"), "Did you mean 'transposed'")
    refused(lambda: small(down="max-pooling"), "Did you mean 'pooling'")
    refused(lambda: small(init="normal"), "init 'normal'")
    refused(lambda: small(critic="penalised"), "batch norm", 'norm="generator"')
    refused(lambda: small().score(torch.zeros(2, 3, 16, 16)), "(2, 3, 16, 16)")
    refused(lambda: small().sample(3, labels=torch.zeros(3)), "unconditional")
    refused(
        lambda: fit(small(), noise_images(shape=(3, 16, 16)), rounds=1), "shape=(3, 16, 16)"
    )
