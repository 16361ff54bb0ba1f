"""Latent-variable models whose likelihood is exact: probabilistic PCA and a Gaussian mixture.

x = μ + W z + noise with z ~ N(0, I): all that a VAE approximates (log p(x), the posterior of z,
the maximum of the likelihood) has a closed form here. Lesson 01 derives it; its scores on
dequantised pixels are the baseline of all later tables. No game is played: one model is fitted
in closed form, the other by EM. All in float64, nats unless bits are said.
Sources: Tipping and Bishop (1999) for PCA; Ghahramani and Hinton (1996) for EM with factors.
"""

from course_lib.models.linear.closed_form import LinearGaussian
from course_lib.models.linear.mixture import GaussianMixture
from course_lib.models.linear.pca import ProbabilisticPCA
from course_lib.pixels import bits_per_dim

__all__ = ["GaussianMixture", "LinearGaussian", "ProbabilisticPCA", "bits_per_dim"]
