"""What is given, and what is said: one table of mistakes, each answered by one `CourseError`.

A row is an expression, or a command line that begins with "$", and words of the answer (a
regular expression). An expression may use the names of `given`. To add a mistake, add a row to
its part, or a part.
"""

import math
import re
import shlex
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from course_lib import data, evaluation, explore, models, plots, tuning, zoo
from course_lib.__main__ import main
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.evaluation import conditional

TABLE = {
    "features": [
        ("evaluation.frechet_distance(x, x[:, :2])", "one network"),
        ("evaluation.frechet_distance(x, x * nan)", "NaN"),
        ("evaluation.frechet_distance(x + 0j, x)", "complex"),
        ("evaluation.kid(x, x + 0j)", "complex"),
        ("evaluation.frechet_distance(x, x[0])", r"\(N, D\)"),
        ("evaluation.frechet_distance(x[:7], x)", "takes 8 images"),
        ("evaluation.kid(x, x[:20])", "one size"),
        ("evaluation.kid(x.numpy(), x)", "ndarray"),
        ("evaluation.prdc(x, x, k=0)", "whole number from 1"),
        ("evaluation.prdc(x, x, k=30)", "from 1 to 29"),
        ("evaluation.prdc(x, x, k=True)", "whole number from 1"),
        ("evaluation.prdc(x, x[:2])", "at least 3"),
        ("evaluation.image_features(faces.images, 'inception')", "digits, faces"),
        ("evaluation.image_features(faces.images, 'digits')", "1×28×28"),
        ("evaluation.image_features(faces.images * 2.0, 'faces')", r"\[0, 1\]"),
        ("evaluation.image_features(faces.images.long(), 'faces')", "int64.*uint8"),
        ("evaluation.image_features(faces.images[:0] / 255, 'faces')", "N at least 1"),
    ],
    "judges": [
        ("evaluation.class_histogram(x[:0], judge)", "N at least 1"),
        ("evaluation.class_histogram(grey, evaluation.DigitClassifier())", "training mode"),
        ("evaluation.class_histogram(grey.long(), judge)", "int64.*uint8"),
        ("evaluation.class_histogram(grey - 1, judge)", r"\[0, 1\]"),
        ("evaluation.class_histogram(grey * nan, judge)", "diverged"),
        ("evaluation.class_histogram(grey, judge, 2)", "confidence"),
        ("evaluation.digit_classifier()(grey[:, :, :14])", r"\(B, 1, 28, 28\)"),
        ("evaluation.face_factors().read(faces.images.long())", "int64.*uint8"),
        ("evaluation.face_factors().train().read(faces.images)", "training mode"),
        ("evaluation.class_probabilities(grey, torch.sigmoid)", "a network .*not <built-in"),
        ("evaluation.class_probabilities(grey, None)", "not None"),
        ("evaluation.nearest_face(faces.images, judge)", "not DigitClassifier"),
        ("evaluation.nearest_face(faces.images[:, :1])", "colour"),
        ("evaluation.nearest_face(faces.images[:0] / 255)", "N at least 1"),
        ("evaluation.nearest_face(faces.images / 0.0)", "NaN"),
        ("conditional.draw(models.CGAN, torch.arange(3))", "not the class CGAN"),
        ("evaluation.agreement([1, 2], [1, 2])", r"read must be a tensor .* not \[1, 2\]"),
        ("evaluation.agreement(pair, pair.numpy())", "labels must be a tensor"),
        ("evaluation.agreement(pair[0], pair[0])", "read must be a tensor"),
        ("evaluation.agreement(pair * nan, pair * nan)", "without NaN"),
        ("evaluation.agreement(x[:, :0], x[:, :0])", "2 or more"),
        ("evaluation.diversity(x.numpy(), halves)", "got ndarray"),
        ("evaluation.diversity(x * nan, halves)", "NaN"),
        ("evaluation.diversity(x + 0j, halves)", "real numbers"),
        ("evaluation.diversity(x[:, 0], halves)", r"\(N, D\)"),
        ("evaluation.diversity(x, torch.arange(30) % 2)", r"got \(30,\)\. .*one_hot"),
        ("evaluation.relative_diversity(x, halves, x, [1])", "got list"),
        ("evaluation.relative_diversity(x, halves, x[:9], halves)", "9 features, .* 30 images"),
        ("evaluation.gan_train(many, lots + 10, digits)", "from 0 to 9; got 10, 11"),
        ("evaluation.gan_train(many, lots[:5], digits)", "Expected 100 labels"),
        ("evaluation.gan_train(many, lots, digits.images)", "real must be .* not Tensor"),
        ("evaluation.gan_train(many, lots, faces)", r"1×28×28 digits.* not \(3, 32, 32\)"),
        ("evaluation.gan_train(many, lots, digits, epochs=0)", "epochs must be"),
        ("evaluation.gan_train(many, lots, digits, seed='a')", "seed must be"),
        (
            "evaluation.gan_train(many, lots, DataSet(digits.images, digits.labels + 20))",
            "from 0 to 9",
        ),
        ("evaluation.relative_diversity(x, halves, x[:, :3], halves)", "4 features .* 3 and 2"),
        ("evaluation.relative_diversity(x, halves, x, halves[:, :1])", "one network"),
        ("evaluation.relative_diversity(x, halves, 0 * x, halves)", "real images .* alike"),
    ],
    "histograms": [
        ("evaluation.class_histogram(many, judge, confidence='a')", "a probability, must be"),
        ("evaluation.class_histogram(many, judge, confidence=nan)", "from 0 to 1, not nan"),
        (
            "evaluation.modes_covered([1, 2], share='a')",
            "share, .* above 0 and below 1, not 'a'",
        ),
        ("evaluation.total_variation(torch.zeros(10), torch.ones(10))", "at least one"),
        ("evaluation.total_variation(torch.ones(9), torch.ones(10))", "9 and 10"),
        ("evaluation.total_variation(3, 3)", "count of each class, not 3"),
        ("evaluation.total_variation(torch.tensor(3), torch.ones(3))", "not tensor"),
        ("evaluation.total_variation(None, torch.ones(3))", "not None"),
        ("evaluation.total_variation([1, [2]], [1, 2])", r"not \[1, \[2\]\]"),
        ("evaluation.total_variation(['a'], [1])", r"not \['a'\]"),
        ("evaluation.total_variation([nan, 1.0], [1, 2])", "at least one above"),
        ("evaluation.class_kl(torch.ones(2, 3), torch.ones(2, 3))", "one after the other"),
        ("evaluation.chi_squared(torch.rand(3), torch.ones(3))", "counts"),
        ("evaluation.modes_covered(torch.ones(10), share=2)", "share"),
        ("evaluation.error_and_floor('KLD', torch.ones(3), torch.ones(3))", "Known: KL"),
    ],
    "pictures": [
        ("evaluation.sharpness(grey[:, 0])", "N, C, H, W"),
        ("evaluation.sharpness(grey.expand(-1, 2, -1, -1))", "1 or 3"),
        ("evaluation.sharpness((255 * grey).long())", "int64.*uint8"),
        ("evaluation.spectrum_slope(grey[:0])", "N at least 1"),
        ("evaluation.sharpness(grey[..., :7])", "too small"),
        ("evaluation.asymmetry(grey - 3)", r"\[0, 1\]"),
        ("evaluation.spectrum_slope(grey * nan)", "NaN"),
        ("evaluation.sharpness([1])", "list"),
        ("evaluation.distribution_distance(torch.ones(3), torch.ones(3))", "no unit"),
        ("evaluation.distribution_distance(torch.ones(1), torch.rand(3))", "2 finite"),
        ("evaluation.distribution_distance(torch.rand(3) / 0, torch.rand(3))", "finite"),
        ("evaluation.memorisation(grey, grey[..., :8], grey)", "need one shape"),
    ],
    "likelihoods": [
        ("evaluation.iwae(vae, grey, (5, 1))", "growing whole numbers"),
        ("evaluation.iwae(vae, grey, 0)", "whole number from 1"),
        ("evaluation.iwae(object(), grey, 5)", "no log_likelihood"),
        ("evaluation.iwae(models.VAE, grey)", "not the class VAE"),
        ("evaluation.iwae(vae, grey[:1], 5)", "2 images"),
        ("evaluation.iwae(vae, grey * nan, 5)", "NaN"),
        ("evaluation.iwae(vae, 255 * grey, 5)", r"binarised pixels in \[0, 1\]"),
        ("evaluation.iwae(vae, 2 * grey - 1, 5)", r"\(x \+ 1\) / 2"),
        ("evaluation.iwae(vae, digits, 5)", "such as dataset.images, not DataSet"),
        ("evaluation.iwae(vae, grey.numpy(), 5)", "not ndarray"),
        ("evaluation.iwae(vae, [[0.5]], 5)", "not list"),
        ("evaluation.iwae(vae, grey[0, 0, 0, 0], 5)", "2 images"),
        ("evaluation.iwae(vae, grey, 10**9)", "from 1 to 1,000,000"),
        ("evaluation.iwae(vae, grey, 5, labels=3)", "leave the labels out"),
        ("evaluation.iwae(cvae, grey, 5, labels=[1, 2])", "Expected 4 labels"),
        ("evaluation.iwae(cvae, grey, 5, labels='three')", "Expected 4 labels.*'three'"),
        ("evaluation.iwae(cvae, grey, 5)", "Expected 4 labels"),
        ("evaluation.iwae(unscaled, digits.images, 5)", "which scale"),
        ("evaluation.on_scale(digits.images, 'binarized')", "binarised"),
        ("evaluation.report(scored(log_prob=wide), digits)", r"\(2,\) .* not \(2, 784\)"),
        ("evaluation.report(scored(log_prob=lambda x: x.mean()), digits)", r"not \(\)"),
        ("evaluation.report(scored(log_prob=lambda x: x.numpy()), digits)", "not ndarray"),
        ("evaluation.iwae(scored(log_likelihood=column), grey, 5)", r"likelihood .*\(4, 1\)"),
        (
            "evaluation.report(scored(log_likelihood=column), digits)",
            r"log_likelihood must .*\(2, 1\)",
        ),
        (
            "evaluation.report(scored(elbo_terms=column, log_likelihood=column), digits)",
            "elbo_terms must give a dict .* gave Tensor",
        ),
        (
            "evaluation.report(scored(elbo_terms=terms, log_likelihood=column), digits)",
            r"elbo_terms, 'kl', must give .* \(2, 1\)",
        ),
        (
            "evaluation.report(scored(log_prob=lambda x: nan * x.sum((1, 2, 3))), digits, n=10)",
            "log_prob gave NaN",
        ),
        (
            "evaluation.report(scored(bits_per_dim=lambda u, g, k: u[:, 0, 0, 0] / 0.0),"
            "digits, n=10)",
            "bits_per_dim gave NaN",
        ),
        (
            "evaluation.report(scored(bits_per_dim=lambda u, g, k: 8.0), digits)",
            "bits_per_dim must .* not float",
        ),
    ],
    "reports": [
        ("evaluation.report(flow, ring, density='ring')", "density must be data.toy.make"),
        ("conditional.draw(cvae, None)", "labels must be a torch tensor"),
        ("evaluation.report(models.VAE, digits)", r"not the class VAE.* VAE\(…\)"),
        ("evaluation.report(object(), digits)", "no sample"),
        ("evaluation.report(None, digits)", "NoneType has no sample"),
        ("evaluation.report(sampler(lambda n: None), digits)", "takes no generator"),
        ("evaluation.report(gan, digits.images)", "must be a data set"),
        ("evaluation.report(gan, digits, train=digits.images)", "train must be"),
        ("evaluation.report(gan, digits, train=ring)", "train has"),
        ("evaluation.report(models.GAN(shape=(1, 8, 8)), digits)", r"\(1, 8, 8\)"),
        ("evaluation.report(gan, digits.take(1))", "2 held-out .* has 1"),
        ("evaluation.report(gan, digits, n=0)", "from 10"),
        ("evaluation.report(gan, digits, n='all')", "from 10"),
        ("evaluation.report(gan, digits, held_out=1)", "held_out"),
        ("evaluation.report(gan, digits, held_out=10**6)", "held_out"),
        ("evaluation.report(gan, digits, seed=0.5)", "seed"),
        (
            "evaluation.report(gan, digits, seed=2**64)",
            "seed must be a whole number .* to 9,223",
        ),
        ("evaluation.report(gan, digits, budget='tiny')", "budget"),
        ("evaluation.report(draws(grey * 2), digits, n=20)", r"in \[0, 1\]"),
        ("evaluation.report(draws(grey * nan), digits, n=20)", "NaN"),
        ("evaluation.report(draws(grey.flatten(1)), digits)", "asks for"),
        ("evaluation.report(sampler(lambda n, generator: None), digits)", "NoneType"),
        ("evaluation.report(gan, digits, n=10, budget='smoke')['FID']", "Unknown score"),
        ("evaluation.ladder(faces, n=20)", "10 images on each side"),
        ("evaluation.ladder(faces.images)", "data set of images"),
        ("evaluation.ladder(models.VAE)", "data set of images"),
        ("evaluation.ladder(ring)", "data set of images"),
        ("evaluation.ladder(digits, n='all')", "'all'"),
        ("evaluation.ladder(digits, seed='a')", "seed must be a whole number from 0 to 9,223"),
        ("evaluation.ladder(digits, seed=1.5)", "not 1.5"),
        ("evaluation.ladder(digits, seed=None)", "not None"),
        ("evaluation.ladder(digits, seed=True)", "not True"),
        ("evaluation.ladder(digits, seed=2**64)", "not 18446744073709551616"),
        ("evaluation.ladder(digits, seed=-1)", "not -1"),
        ("evaluation.report(gan, digits, known=[])", r"known must be a dict, \{\} at first"),
        ("evaluation.Ladder('', {'blurred': None})['sharp']", "blurred"),
    ],
    "explorers": [
        (
            "explore.attributes(models.VAE(shape=(3, 32, 32)), {1: x})",
            "directions must be a dict",
        ),
        ("explore.pointed(flow, reach=None)", "reach must be a number from 0.5 to 9"),
        ("explore.walk(models.DCGAN)", "not the class DCGAN"),
        ("explore.arithmetic(models.DCGAN)", "not the class DCGAN"),
        ("explore.interpolation(models.GAN)", "not the class GAN"),
        ("explore.latent_plane(models.VAE)", "not the class VAE"),
        ("explore.transfer(models.CVAEGAN)", "CVAEGAN"),
        ("explore.class_style(models.CVAE)", "CVAE"),
        ("explore.morph(models.CVAE)", "CVAE"),
        ("explore.warp(models.Flow, ring)", "Flow"),
        ("explore.fill(models.RealNVP, digits.images)", "RealNVP"),
        ("explore.walk('gan-mnist')", "str has none of"),
        ("explore.walk(gan, 'z')", "z must be real numbers; got str"),
        ("explore.walk(gan, seed='a')", "seed must be a whole number"),
        ("explore.walk(gan, temperature=-1)", "temperature must be a number from 0"),
        ("explore.walk(gan, temperature=nan)", "temperature must be a number from 0"),
        ("explore.latent_plane(plane, 3)", "data must be a data set of images"),
        ("explore.latent_plane(plane, 'digits')", "data must be real numbers; got str"),
        ("explore.latent_plane(plane, labels=[1])", "labels are of data"),
        ("explore.latent_plane(plane, digits.images[:0])", r"one or more images .* got \(0, 1"),
        (
            "explore.latent_plane(plane, faces)",
            r"images \(1, 28, 28\) .* got \(20, 3, 32, 32\)",
        ),
        (
            "explore.latent_plane(plane, digits.images, ['a'] * 60)",
            "labels must be real numbers",
        ),
        (
            "explore.latent_plane(plane, digits.images, [nan] * 60)",
            "labels must be whole numbers",
        ),
        ("explore.latent_plane(own(encode=lambda x: x[:, 0, :5, 0] * nan), digits)", "NaN"),
        (
            "explore.latent_plane(own(encode=lambda x: x[:, 0, 0, :1]), digits)",
            r"codes \(n, 5\)",
        ),
        ("explore.walk(own(latent=None))", "how long z is: .*latent must be .* not None"),
        ("explore.walk(own(latent='5'))", "how long z is: .*latent must be .* not '5'"),
        ("explore.walk(own(latent=-3))", "how long z is: .*latent must be .* not -3"),
        ("explore.walk(own(shape=28))", "SimpleNamespace has examples of shape 28"),
        ("explore.walk(own(shape=None))", "SimpleNamespace has examples of shape None"),
        ("explore.walk(own(lambda z: plain(z)[:1])).frame()", r"it made \(1, 1, 28, 28\)"),
        ("explore.walk(own(lambda z: plain(z)[..., :14])).frame()", "images of its shape"),
        ("explore.walk(own(lambda z: 2 * plain(z) - 1)).frame()", r"Pixel values in \[0, 1\]"),
        ("explore.walk(own(lambda z: 'picture')).frame()", "must be real numbers; got str"),
        (
            "explore.can_you_tell(own(sample=lambda n: torch.rand(n, 1, 28, 28)))",
            "no generator=…",
        ),
        ("explore.morph(cvae, judge='x')", "wants a judge such as .*; got 'x'"),
        ("explore.morph(cvae, judge=lambda x: x[:, 0, 0, :3])", r"10 classes.* made \(1, 3\)"),
        ("explore.transfer(cvae, judge=lambda x: 'a')", r"logits \(n, 10\).* made str"),
        ("explore.transfer(cvae, judge=evaluation.DigitClassifier())", "in training mode"),
        (
            "explore.latent_plane(plane, dims=((0, 1), 2))",
            "dims must be real numbers; got tuple",
        ),
        ("explore.elbo_bar('a')", "x must be a number from -3 to 3"),
        ("explore.elbo_bar(s=nan)", "s must be a number from 0.4 to 2"),
        ("explore.warp(flow, 'ring')", "data must be real numbers; got str"),
        ("explore.warp(flow, ring.images * nan)", "data holds NaN"),
        ("explore.fill(models.RealNVP(width=4, blocks=1), 'x')", "images must be real"),
        ("explore.can_you_tell(gan, n='a')", "n must be a whole number from 20"),
        ("explore.can_you_tell(gan, 3)", "220 real images .* got 3"),
        ("explore.can_you_tell(models.GAN)", "not the class GAN"),
        ("explore.can_you_tell(own(sample=gan.sample, shape=28))", "of digits or of colour"),
        ("explore.temperature(models.RealNVP)", "not the class RealNVP"),
        ("explore.temperature(images, rows='a')", "rows of images of 28×28 .* not 'a'"),
        ("explore.temperature(images, columns=10**6)", "columns .* to 26"),
        ("explore.four_players(0)", "got 0"),
        ("explore.told_attributes(models.CVAEGAN('faces', width=4), 3)", "a data set.*got 3"),
        ("explore.fill(images, digits, temperature='a')", "temperature must be a number"),
        ("explore.walk(gan, z, temperature='a')", "temperature must be a number"),
        ("explore.warp(broken, ring)", "What Flow makes of points holds NaN"),
        ("explore.pointed(broken)", "What Flow makes of points holds NaN"),
        ("explore.warp(flow, SimpleNamespace(images=x[:, :2], labels=pair))", "30 examples"),
        ("explore.latent_plane(plane, digits.images, range(61))", "60 examples"),
        ("explore.Slider('t', 't', None, 1, 1, 0)", "low of the slider 't' .* not None"),
        ("explore.minimax().press(None)", r"\(120, 80\), must be real numbers; got NoneType"),
        ("explore.minimax().press((1, nan))", r"two finite numbers; got \(1, nan\)"),
        ("explore.minimax().press((99, 99), 3)", "two finite numbers; got 3"),
        ("explore.replay(kept(x[:, :2] * nan))", "grid of round 7 holds NaN"),
        ("explore.replay(kept(x[:0, :2]))", r"grid of round 7 must be points .* \(0, 2\)"),
        ("explore.replay(kept(x, t=nan))", "round of a grid must be a whole number"),
        ("explore.replay(kept(x[:, :2], loss=[1e308]))", "'loss' holds numbers beyond"),
        ("explore.replay(kept(x[:, :2], loss=3))", "'loss' must be a row of numbers"),
        ("explore.replay(kept(x[:, :2], loss='a'))", "'loss' must be numbers"),
        ("explore.replay(SimpleNamespace(grids=[1], terms={}))", "One of your own has .grids"),
        ("explore.replay(SimpleNamespace(grids=None))", "kept no sample grids"),
        ("explore.attribute_directions(x * nan, {})", "z holds NaN"),
        ("explore.attribute_directions(x, {'smile': x[:, 0] * nan})", "smile holds NaN"),
        ("explore.attribute_directions(x, {'smile': x[:, 0]}, [1])", r"names .* got \[1\]"),
        ("explore.attribute_directions('z', {})", "z must be real numbers; got str"),
        ("explore.attribute_directions(x, [])", "factors must be a dict"),
    ],
    "path lengths": [
        ("evaluation.path_length(same, 0, same)", "latent, .* whole number from 1, not 0"),
        ("evaluation.path_length(same, 1.5, same)", "not 1.5"),
        ("evaluation.path_length(same, 'a', same)", "not 'a'"),
        ("evaluation.path_length(same, 2, same, step='a')", "angle .* not 'a'"),
        ("evaluation.path_length(same, 2, same, step=None)", "angle .* not None"),
        ("evaluation.path_length(same, 2, same, step=nan)", "angle .* not nan"),
        (
            "evaluation.path_length(same, 2, same, step=1e-12)",
            "from 1e-05 to below 1, not 1e-12",
        ),
        ("evaluation.path_length(same, 2, same, generator=3)", "must be a torch.Generator"),
        ("evaluation.path_length(None, 2, same)", "decode must be a function.* not None"),
        ("evaluation.path_length(same, 2, 'digits')", "features must be a function"),
        ("evaluation.path_length(same, 2, lambda x: x * nan)", "features are NaN or infinite"),
        ("evaluation.path_length(same, 2, lambda x: x / 0)", "features are NaN or infinite"),
        ("evaluation.path_length(same, 2, lambda x: x[:5])", r"\(100, k\) .* gave \(5, 2\)"),
        ("evaluation.path_length(same, 2, lambda x: x[:, 0])", r"a row for each; .*\(100,\)"),
        ("evaluation.path_length(same, 2, lambda x: x.sum())", r"gave \(\)"),
        ("evaluation.path_length(same, 2, lambda x: x.numpy())", "gave ndarray"),
    ],
    "seeds for generators": [
        ("gan.sample(2, generator=3)", "must be a torch.Generator, not 3"),
        ("vae.sample(2, generator=np.random.default_rng(0))", "must be a torch.Generator"),
        ("data.binarise(grey, 3)", "must be a torch.Generator"),
        ("evaluation.iwae(vae, grey, 2, 3)", "must be a torch.Generator"),
        ("evaluation.memorisation(grey, grey, grey, 3)", "must be a torch.Generator"),
        ("evaluation.error_and_floor('KL', torch.ones(3), torch.ones(3), 3)", "Generator"),
    ],
    "no tensors": [
        ("data.binarise([0.5])", "a tensor of floats, got list"),
        ("data.dequantise(None)", "got NoneType"),
        ("gan.decode([[0.0]])", "a tensor of floats, got list"),
        ("vae.encode(grey.numpy())", "a tensor of floats, got ndarray"),
        ("vae.elbo('picture')", "a tensor of floats, got str"),
        ("gan.score(grey.numpy())", "a tensor of floats, got ndarray"),
        ("gan.score(None)", "a tensor of floats, got NoneType"),
        ("gan.sample(10**12)", "to 10,000,000"),
        ("vae.encode(None)", "a tensor of floats, got NoneType"),
        ("vae.elbo(3)", "a tensor of floats, got int"),
        ("vae.log_likelihood(None)", "a tensor of floats, got NoneType"),
        ("vae.reconstruct(3)", "a tensor of floats, got int"),
        ("flow.encode(None)", "a tensor of floats, got NoneType"),
        ("cvae.elbo(3, labels=[3])", "a tensor of floats, got int"),
        ("cvae.log_likelihood(None, labels=[3])", "a tensor of floats, got NoneType"),
        ("vae.elbo(grey.to('meta'))", "a tensor with values"),
        ("gan.score(grey.to('meta'))", "a tensor with values"),
        ("evaluation.kid(x.to('meta'), x)", "a tensor with values"),
        ("evaluation.sharpness(grey.to('meta'))", "a tensor with values"),
    ],
    "data sets": [
        ("digits['a']", "Cannot select from 60 items"),
        ("digits[1.5]", "Cannot select from 60 items"),
        ("digits[60]", "whole numbers from 0 to 59"),
        ("digits.batch([60])", "whole numbers from 0 to 59"),
        ("DataSet(digits.images, None, [1])", "attributes must be a dict"),
        ("data.order(2.5, 0, 0)", "number of items, must be a whole number from 0"),
        ("data.order(-1, 0, 0)", "not -1"),
        ("data.order(10**15, 0, 0)", "to 1,000,000,000"),
        ("data.order(10, 'a', 0)", "seed must be a whole number"),
        ("data.order(10, 0, -1)", "epoch must be a whole number from 0"),
    ],
    "runs": [
        ("evaluation.stratified_bootstrap(None)", "takes a list of strata.* got None"),
        ("evaluation.stratified_bootstrap([])", r"got \[\]"),
        ("evaluation.stratified_bootstrap([[1, 2.0]], seed='a')", "seed"),
        ("evaluation.best_of_n([1, 2.0], limit=nan)", "limit must be a finite number"),
        ("evaluation.best_of_n([1, 2.0], limit='3')", "limit must be a finite number, not '3'"),
        ("evaluation.runs_needed(alarm=0.5)", "alarm must be a number above 0 and below 0.5"),
        ("evaluation.runs_needed(miss=0.9)", "miss must be a number above 0 and below 0.5"),
        ("evaluation.runs_needed('0.75')", "probability must be a number"),
        ("evaluation.compare({'a': models.VAE}, digits)", "a: .* not the class VAE"),
        ("evaluation.compare({'a': gan, 'b': ring}, digits)", "b: .* DataSet has no sample"),
        ("evaluation.compare({'a': draws(grey * nan)}, digits)", "a: .* NaN"),
        ("evaluation.compare({1: gan}, digits)", "name of a model is a text .* not 1"),
        ("evaluation.compare({'a': gan}, None)", "must be a data set"),
        ("evaluation.Comparison('', {}).joined([1])", "more must be a dict"),
    ],
    "codes": [
        ("evaluation.mutual_information_gap(x, [x[:, 0]])", "factors must be a dict"),
        ("evaluation.mutual_information_gap(x + 0j, {'f': x[:, 0]})", "finite real"),
        ("evaluation.mutual_information_gap(x.numpy(), {'f': x[:, 0]})", "got ndarray"),
        ("evaluation.mutual_information_gap(x, {'f': x[:, 0].log()})", "f must be finite real"),
        ("evaluation.mutual_information_gap(x, {'f': 1 / x[:, 0].relu()})", "f must be finite"),
        ("evaluation.mutual_information_gap(x, {'f': x[:, 0]}, bins=1)", "bins .* from 2"),
        ("evaluation.dci(torch.tensor([[1, math.inf], [1, 2]]))", "finite numbers from 0"),
        ("evaluation.dci([[1, 2], [3, 4]])", "got list"),
        ("evaluation.linear_probe(x, x[:, 0].sqrt(), x, x[:, 0])", "^values must be finite"),
        (
            "evaluation.linear_probe(x, x[:, 0], x, x[:, 0].sqrt())",
            "held_values must be finite",
        ),
        ("evaluation.linear_probe(x, x[:, 0], x[:, :3], x[:, 0])", "4 numbers, .* of 3"),
        ("evaluation.linear_probe(x, x[:, 0], x, x[:, 0] > 0)", "whole numbers are classes"),
        (
            "evaluation.linear_probe(x, x[:, 0], x, x[:, 0], ridge=-1)",
            "ridge must be a number from 0, not -1",
        ),
        (
            "evaluation.linear_probe(x, x[:, 0], x, x[:, 0], ridge=nan)",
            "ridge must be a number from 0, not nan",
        ),
        ("evaluation.linear_probe(x[:, [0, 0]], x[:, 0], x[:, [0, 0]], x[:, 0], 0)", "above 0"),
    ],
    "deformations": [
        ("evaluation.deformation(faces.images, faces.images / 127.5 - 1)", r"From \[-1, 1\]"),
        ("evaluation.deformation(faces.images, faces.images.numpy())", "got ndarray"),
        ("evaluation.deformation(None, faces.images)", "got NoneType"),
        ("evaluation.deformation(faces.images, faces.images[:, :1])", "colour"),
        ("evaluation.with_eye_moved(faces.images, [], 0.05)", "factors must be a dict"),
        ("evaluation.with_eye_moved(faces.images, {'turn': x[:20, 0]}, 0.05)", "'eye_spacing'"),
        ("evaluation.with_eye_moved(faces.images[:9], faces.attributes, 0.05)", r"9 .*\(20,\)"),
    ],
    "groups": [
        ("evaluation.group_shares(pair.float(), pair, pair, 2)", "read must be .*float32"),
        ("evaluation.group_shares(pair, pair, pair.tolist(), 2)", "true_real must .* got list"),
        ("evaluation.group_shares(pair, pair, pair, 2.0)", "groups .* not 2.0"),
        ("evaluation.group_shares(pair, pair, pair, 10**12)", "groups .* from 1 to 1,000"),
        ("evaluation.group_shares(pair, pair, pair, 900)", "No real image"),
        ("evaluation.resampled_groups(pair, pair, pair, [0.5, 0.5])", "got list"),
        (
            "evaluation.resampled_groups(pair, pair, pair, pair[:2] * 1.0, draws=0)",
            "draws .* 2",
        ),
        ("evaluation.resampled_groups(pair * 0, pair, pair, pair[:2] * 1.0)", "never read"),
    ],
    "figures": [
        ("plots.images(grey, columns=0)", "columns .* from 1 to 400"),
        ("plots.images(grey, columns=2.5)", "not 2.5"),
        ("plots.images(grey, zoom=0)", "zoom"),
        ("plots.images(grey, zoom=10**6)", "zoom.* to 100"),
        ("plots.field(lambda x: x[:, 0], steps=10**6)", "steps .* to 2,000"),
        ("plots.field(lambda x: x, steps=0)", "steps"),
        ("plots.figure(10**6)", "columns .* to 40"),
        ("plots.figure(1, 'a')", "rows"),
        ("explore.latent_plane(vae, tiles=10**6)", "tiles .* to 100"),
        ("plots.images(grey + 0j)", "Images must be real numbers; got complex"),
        ("plots.images(digits)", r"got DataSet\. A data set's are \.images"),
        ("plots.images([grey[0], grey[0, :, :7]])", "Images must be real numbers; got list"),
        ("plots.points('a')", "samples must be real numbers; got str"),
        ("plots.curves({'G': [1e308, -1e308]})", "'G' holds numbers beyond"),
        ("plots.curves({'G': [1, 2]}, predictions='a')", "prediction must be real numbers"),
        ("plots.bars({'VAE': 'b'})", "'values' must be numbers"),
        (
            "plots.curves({1: [1, 2], 'a': [1, 2]}, terms=['z'])",
            "Unknown term 'z'.* Known: 1, a",
        ),
        ("plots.curves({'G': [1, 2]}, terms=1)", r"terms must be .* \['G'\]; got 1"),
        ("plots.curves({'G': [1, 2]}, terms=[[1]])", r"Unknown term \[1\]"),
        ("plots.curves({'G': [1, 2]}, smoothing=2.5)", "smoothing.* whole number .* not 2.5"),
        ("plots.curves({'G': [1, 2]}, smoothing='a')", "smoothing.* whole number .* not 'a'"),
        ("plots.curves({'G': [1, 2]}, smoothing=-1)", "smoothing.* from 1, not -1"),
        ("plots.curves({'G': [1, 2]}, limits=3)", r"two different .*, \(from, to\); got 3"),
        ("plots.curves({'G': [1, 2]}, limits=(0, nan))", r"finite numbers.* \(0, nan\)"),
        ("plots.lines([1, 2], {}, limits=('a', 'b'))", "limits must be real numbers"),
        ("plots.bars({'G': 1}, limits=(0, math.inf))", r"finite numbers.* \(0, inf\)"),
        ("plots.curves({'G': [1, 2]}, references=[1])", r"references must be a dict .* \[1\]"),
        ("plots.bars({'G': 1}, references={'f': 'g'})", r"references\['f'\] must be real"),
        ("plots.lines([1, 2], {}, marks=[1])", "marks must be a dict"),
        ("plots.lines([1, 2], {}, marks={'m': 1e308})", r"marks\['m'\] must be one finite"),
        ("plots.lines([1, 2], [1, 2])", "a dict of rows by name.* got list"),
        ("plots.lines([1, 2], {'G': [1, 2]}, dashed=3)", r"dashed .* \['G'\]; got 3"),
        ("plots.lines([1, 2], {'G': [1, 2j]})", "'G' must be real numbers; got complex"),
        ("plots.figure(width=-1)", "width .* inches from 0.1 to 600; got -1"),
        ("plots.figure(width=nan)", "width .* got nan"),
        ("plots.figure(height='a')", "height .* got 'a'"),
        ("plots.field(lambda x: x[:, 0], level='a')", "level must be real numbers; got str"),
        (
            "plots.field(lambda x: x[:, 0], centre=nan)",
            "centre must be one finite number; .* nan",
        ),
        ("plots.field(lambda x: x[:, 0] * nan, level=0)", "NaN or infinite everywhere"),
        ("plots.field(lambda x: x[:, 0], limits=nan)", "limits .* finite; got nan"),
        ("plots.field(lambda x: x, limits=((0, math.inf), (0, 1)))", "limits .* finite"),
        ("plots.points(x[:, :2], size=-1)", "size .* from 0 to .* got -1"),
        ("plots.points(x[:, :2], size='a')", "size .* real numbers; got str"),
        ("plots.points(x[:, :2], labels=[1, nan] * 15)", "labels hold NaN"),
        ("plots.points(x[:, :2], axis_labels=None)", "axis_labels must be two names"),
        ("plots.images(grey, row_labels=1)", "row_labels must be a list of 1, .* got 1"),
        ("plots.images(grey, column_labels=pair)", "holds 20 labels; the sheet has 4"),
        ("plots.bars({'VAE': math.inf, 'GAN': 1})", "bar 'VAE' is inf ± 0: .* finite"),
        ("plots.bars({'GAN': 1, 'VAE': (1, -0.2)})", "bar 'VAE' is 1 ± -0.2: .* not negative"),
        ("plots.bars({'VAE': (1,)})", r"bar 'VAE' wants .*; got \(1,\)"),
        ("plots.bars({'VAE': ()})", r"bar 'VAE' wants .*; got \(\)"),
        ("plots.points(x[:, :2] * 1e305)", "beyond ±1e"),
        ("plots.points(x[:, :2], labels=range(101))", "as many labels"),
        ("plots.points(torch.rand(101, 2), labels=range(101))", "101 classes are too many"),
        ("plots.bars(dict.fromkeys(range(201), 1))", "201 bars are too many"),
        ("plots.histogram(np.ones(201))", "201 classes are too many"),
        ("plots.points(x[:, :2], density=lambda x: x)", r"log-densities \(n,\)"),
        ("plots.field(None)", "A function of points .* got None"),
        ("plots.field(lambda x: x[:, 0] + 1j)", "Its values must be real numbers; got complex"),
        ("plots.field(lambda x: x[:, 0], limits='a')", "limits must be real numbers; got str"),
    ],
    "names and classes": [
        # A name of a kind that cannot be looked up is unknown, too.
        ("data.load('digits', ['test'])", r"Unknown split \['test'\]"),
        ("data.toy.make({})", "Unknown toy density"),
        ("models.GAN(recipe=['report'])", "Unknown GAN recipe"),
        ("zoo.card(['gan-mnist'])", "Unknown zoo model"),
        ("evaluation.image_features(many, {})", "Unknown feature extractor"),
        ("evaluation.error_and_floor([], [1], [1])", "Unknown distance of histograms"),
        ("explore.arithmetic(models.VAE(shape=(3, 32, 32)), attribute=['hat'])", "attribute"),
        ("zoo.load([])", "Unknown zoo model"),
        ("models.build([], {})", "Unknown model"),
        ("models.VAE([])", "Unknown VAE recipe"),
        ("tuning.search(gan, digits, trials=1, seconds=1)", "without brackets"),
        ("tuning.search('GAN', digits, trials=1, seconds=1)", "without brackets"),
        ("tuning.search(models.GAN, digits.images, trials=1, seconds=1)", "a DataSet"),
        ("tuning.split(data.load('digits'), 0)", "held_back"),
        ("tuning.search(models.GAN, digits, trials=1, seconds=1, fixed=3)", "fixed must be"),
        ("models.build('VAE', [])", r"settings must be a dict such as .* not \[\]"),
    ],
    "places": [
        (r"vae.save('x\udcff/vae.safetensors')", "not UTF-8"),
        (r"models.load('x\udcff')", "not UTF-8"),
        ("zoo.load_run('')", "'' can't be used as a path: it is empty"),
    ],
    "command line": [
        ("$", "required: COMMAND"),
        ("$ trian VAE", "Did you mean 'train'"),
        ("$ train", "Name a model"),
        ("$ train VEA", "Did you mean 'VAE'"),
        ("$ train VAE --set latent", "--set name=value"),
        ("$ train VAE --set latent=two", "latent"),
        (f"$ train VAE --set latent={'[' * 10**5}", "latent"),
        ("$ train RealNVP --set alpha=.O5", "alpha"),
        ("$ train VAE --set lr=-1e-4", "lr"),
        ("$ train VAE --set seed=1e400", "seed"),
        ("$ train VAE --data digts", "Did you mean 'digits'"),
        ("$ train VAE --data faces-64", r"\(3, 64, 64\)"),
        ("$ train VAE --rounds 0", "whole number from 1"),
        ("$ train VAE --buget smoke", "Did you mean '--budget'"),
        ("$ train --zoo gan-minst", "Did you mean 'gan-mnist'"),
        ("$ sample", "required: name"),
        ("$ sample gan-minst", "Did you mean 'gan-mnist'"),
        ("$ sample runs/none", "There is no run runs/none"),
        ("$ sample gan-mnist three", "one word too many"),
        ("$ sample gan-mnist -n 0", "whole number from 1"),
        ("$ sample gan-mnist -n many", "got many"),
        (f"$ sample gan-mnist --seed {'9' * 20}", "whole number from 0"),
        ("$ sample gan-mnist --seed -1", "whole number from 0"),
        ("$ sample gan-mnist --sed=3", "Did you mean '--seed'"),
        ("$ sample gan-mnist --out no/such/x.png", "Could not read or write"),
        ("$ sample gan-mnist --out samples", "ends in .png"),
        ("$ sample gan-mnist --out x.jpeg2", "Try x.png"),
        ("$ sample gan-mnist --out x.ico", "Try x.png"),
        ("$ evaluate gan-mnist --seed 1.5", "got 1.5"),
        ("$ evaluate gan-mnist --data faces-32", r"\(3, 32, 32\)"),
        ("$ evaluate gan-mnist --json no/such.json", "Could not read or write"),
        ("$ evaluate vae-2d-mnist --held-out 1", "held_out must be a whole number from 2"),
        ("$ data celebb", "Unknown data set"),
        ("$ zoo vae", "Unknown zoo model"),
    ],
}
ROWS = [pytest.param(*row, id=row[0][:60]) for part in TABLE.values() for row in part]


def sampler(sample):
    """A model that does nothing else."""
    return SimpleNamespace(sample=sample)


def draws(images):
    """A model that always draws the same."""
    return sampler(lambda n, generator=None: images[:1].expand(n, *images.shape[1:]))


def scored(**methods):
    """A model of grey digits with methods of its own."""
    return SimpleNamespace(**vars(draws(torch.full((1, 1, 28, 28), 0.5))), **methods)


def wide(x, *rest):
    """A number for each pixel, where one for each image is wanted."""
    return x.flatten(1)


def column(x, *rest):
    """A number for each image, in a column, which no vector may stand beside."""
    return x.flatten(1).sum(1, keepdim=True)


def terms(x, *rest):
    """Parts of an ELBO, of two shapes."""
    return {"reconstruction": x.flatten(1).sum(1), "kl": column(x)}


def plain(z):
    """Grey images (n, 1, 28, 28) in (0, 1), the brighter the larger the first number of z."""
    return z[:, :1, None, None].sigmoid().expand(-1, 1, 28, 28)


def kept(grid, t=7, **terms):
    """A history of one grid."""
    return SimpleNamespace(grids=[(t, grid)], terms=terms)


def diverged(flow):
    """The flow, when all of its weights have become NaN."""
    with torch.no_grad():
        for weight in flow.parameters():
            weight.fill_(math.nan)
    return flow


def own(decode=plain, latent=5, shape=(1, 28, 28), **more):
    """A model of one's own, as plain as it can be."""
    return SimpleNamespace(decode=decode, latent=latent, shape=shape, **more)


@pytest.fixture(scope="module")
def given():
    """The names that an expression may use."""
    generator = torch.Generator().manual_seed(0)
    drawn = data.faces.draw_factors(20, generator)
    return {
        **{
            "data": data,
            "evaluation": evaluation,
            "explore": explore,
            "models": models,
            "plots": plots,
            "tuning": tuning,
            "zoo": zoo,
            "torch": torch,
        },
        **{
            "conditional": conditional,
            "DataSet": DataSet,
            "nn": nn,
            "np": np,
            "nan": math.nan,
            "math": math,
        },
        "own": own,
        "kept": kept,
        "SimpleNamespace": SimpleNamespace,
        "plain": plain,
        "sampler": sampler,
        "draws": draws,
        "scored": scored,
        **{"wide": wide, "column": column, "terms": terms},
        "x": torch.randn(30, 4, generator=generator, dtype=torch.float64),
        "grey": torch.rand(4, 1, 28, 28, generator=generator),
        "digits": data.load("digits", "test").take(60),
        "faces": DataSet(data.faces.render(drawn, 32), attributes=drawn),
        "ring": data.load("ring", "test"),
        "pair": torch.arange(20) % 2,
        "many": torch.zeros(100, 1, 28, 28),
        "lots": torch.arange(100) % 10,
        "same": lambda x: x,
        "halves": torch.eye(2)[torch.arange(30) % 2],
        "judge": evaluation.digit_classifier(),
        "gan": models.GAN(hidden=(4,)),
        "vae": models.VAE(hidden=(4,)),
        "plane": models.VAE(hidden=(4,), latent=2),
        "cvae": models.CVAE(),
        "flow": models.Flow(depth=2, hidden=(4,)),
        "broken": diverged(models.Flow(depth=2, hidden=(4,))),
        "images": models.RealNVP(width=4, blocks=1),
        "z": torch.zeros(2, models.GAN(hidden=(4,)).latent),
        "unscaled": SimpleNamespace(log_likelihood=lambda x, k, generator: x.flatten(1).sum(1)),
    }


@pytest.mark.parametrize(("mistake", "answer"), ROWS)
def test_a_mistake_is_answered(mistake, answer, given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if mistake.startswith("$"):
        assert main(shlex.split(mistake[1:])) == 2
        said = capsys.readouterr().err.removesuffix("\n")
        assert "\n" not in said, "one line"
    else:
        with pytest.raises(CourseError) as error:
            eval(mistake, dict(given))
        said = str(error.value)
    assert len(said) < 1000 and said.endswith((".", "?")), said
    assert re.search(answer, said), said
