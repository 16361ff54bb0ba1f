# %% [markdown]
# # Assignment: the encoder's price (lessons 06 and 07)
#
# This copy was made for **{{student}}**; its numbers are for this copy alone. Replace each `...`
# and hand in this notebook under the name that it has. It is run from the top, by itself, within
# a minute (a cell within 20 seconds), without a network; then your answers are tried on inputs that
# are not in here. It takes about two hours and has {{points.all}} points.
#
# Functions get torch tensors or Python numbers and give back torch tensors or numbers. In
# {{gradients}} the gradient is compared, too: there compute with torch's functions all the way
# from what is given. Where an *expected* line stands, compare with it before you hand in. An
# exercise that you leave open costs only its own points. Logarithms are natural, so that information is in nats.
#
# What form an answer has stands under *Form*, or in the function's first line. Keep names as they
# are. Of keys and words only letters and digits are read: capitals, blanks and signs don't count.
# **An exercise is paid in full or not at all**: "3 of 4 entries are right" helps you to find the
# fourth, but has no points.

# %%
import math

import torch

# %% [markdown]
# ## 1 · What your encoder loses ({{points.1}} points, 15 minutes)
#
# A model with one latent and one pixel: $z\sim\mathcal N(0,1)$ and
# $x\mid z\sim\mathcal N(w z+c,\;s^2)$ with $w={{w}}$, $c={{c}}$, $s={{s}}$. For the pixel
# $x={{x}}$ an encoder answers $q(z)=\mathcal N(m, r^2)$ with $m={{m}}$, $r={{r}}$.
#
# Derive the posterior $p(z\mid x)$: a product of two Gaussians in $z$, so complete the square. Then
# give the gap $\log p(x)-\mathrm{ELBO}(q)$, a number in nats.
#
# *Form:* a number, `gap`, to {{decimals.1}} decimals.

# %% exercise="vae.1"
w, c, s, x, m, r = {{w}}, {{c}}, {{s}}, {{x}}, {{m}}, {{r}}
### BEGIN SOLUTION
variance = s**2 / (w**2 + s**2)
mean = w * (x - c) / (w**2 + s**2)
gap = (r**2 / variance + (m - mean) ** 2 / variance - 1 - math.log(r**2 / variance)) / 2
### END SOLUTION

# %% [markdown]
# ## 2 · A prior that learns ({{points.2}} points, 12 minutes)
#
# Suppose that the prior isn't $\mathcal N(0, I)$ but $\mathcal N(m_0,\operatorname{diag}\sigma_0^2)$,
# with parameters that are trained too. Go through the derivation of (6.5) once more and write the KL
# divergence of the encoder's Gaussian to this prior: a number for each image of the batch.

# %% exercise="vae.2"
def kl(m, log_var, m0, log_var0):
    """m, log_var: (B, d), the encoder's; m0, log_var0: (d,), the prior's. (B,), in nats."""
    ### BEGIN SOLUTION
    spread = (log_var.exp() + (m - m0) ** 2) / log_var0.exp()
    return 0.5 * (spread - 1 + log_var0 - log_var).sum(1)
    ### END SOLUTION

# %%
# expected: 0.3679
kl(torch.tensor([[1.0]]), torch.tensor([[0.0]]), torch.tensor([0.0]), torch.tensor([1.0]))

# %% [markdown]
# ## 3 · The probability of a pixel ({{points.3}} points, 18 minutes)
#
# A pixel has one of 256 values, $k/255$, and a Gaussian decoder gives it a *density*. A probability
# is better: let every value own the interval that reaches half-way to its two neighbours, and let
# the first and the last value own all that is left below and above. Then the probabilities sum to
# one. Write the logarithm of the probability of $k$; $\Phi$ is in torch
# (`torch.special.ndtr`).

# %% exercise="vae.3"
def log_pixel(k, mean, sigma):
    """k: (n,) integers from 0 to 255; mean, sigma: (n,), the decoder's. (n,), in nats."""
    ### BEGIN SOLUTION
    above = torch.special.ndtr(((k + 0.5) / 255 - mean) / sigma)
    below = torch.special.ndtr(((k - 0.5) / 255 - mean) / sigma)
    above = torch.where(k == 255, torch.ones_like(above), above)
    below = torch.where(k == 0, torch.zeros_like(below), below)
    return (above - below).log()
    ### END SOLUTION

# %%
# expected: -1.8844
log_pixel(torch.tensor([100]), torch.tensor([0.39]), torch.tensor([0.01]))

# %% [markdown]
# ## 4 · Plan a linear VAE ({{points.4}} points, 14 minutes)
#
# The covariance of your data has these ten eigenvalues, in no order:
#
# {{spectrum}}
#
# A linear VAE with {{latents}} latents is trained to its optimum, σ included (it is then the
# probabilistic PCA of lesson 01, with the encoder of lesson 07). Give its best $\sigma^2$, and its
# rate, the KL divergence to the prior summed over latents and averaged over the data. Then somebody
# holds $\sigma^2$ at {{held}} instead: how many latents stay active?
#
# *Form:* the dictionary below: two numbers to {{decimals.4}} decimals, and for `active` a whole
# number.

# %% exercise="vae.4"
spectrum, latents, held = {{spectrum}}, {{latents}}, {{held}}
### BEGIN SOLUTION
ordered = sorted(spectrum, reverse=True)
kept, rest = ordered[:latents], ordered[latents:]
best = sum(rest) / len(rest)
rate = sum(math.log(value / best) for value in kept) / 2
active = sum(value > held for value in kept)
plan = {"sigma^2": best, "rate": rate, "active": active}
### END SOLUTION

# %% [markdown]
# ## 5 · Five colleagues compute a KL divergence ({{points.5}} points, 12 minutes)
#
# For one image the encoder gave the means {{means}} and the logarithms of the *variances*
# {{log_vars}}. Five programs print its KL divergence to $\mathcal N(0, I)$:
#
# | A | B | C | D | E |
# |---|---|---|---|---|
# | {{printed}} |
#
# One is `"right"`. One takes the `"mean over latents"`, one has `"no half"`, one reads the
# logarithm as that of the `"standard deviation"`, and one has the divergence `"reversed"`. Which is
# which?
#
# *Form:* the dictionary below; each value is one of the five names in quotes.

# %% exercise="vae.5"
### BEGIN SOLUTION
programs = {{programs}}
who = {"A": programs[0], "B": programs[1], "C": programs[2], "D": programs[3], "E": programs[4]}
### END SOLUTION

# %% [markdown]
# ## 6 · Another noise ({{points.6}} points, 12 minutes)
#
# The logistic distribution with centre $m$ and scale $s$ has
# $P(z<t)=1/(1+e^{-(t-m)/s})$. Its noise is a uniform $u\in(0,1)$. Find the $z$ below
# which a share $u$ of the distribution lies: that is a reparameterisation. An encoder gives
# $m$ and $\log s$, and the gradient must reach both.

# %% exercise="vae.6"
def draw(m, log_s, u):
    """m, log_s, u: tensors of one shape. The draws, of that shape."""
    ### BEGIN SOLUTION
    return m + log_s.exp() * (u.log() - (1 - u).log())
    ### END SOLUTION

# %%
# expected: 2.6972
draw(torch.tensor(0.5), torch.tensor(0.0), torch.tensor(0.9))

# %% [markdown]
# ## 7 · How many draws are left? ({{points.7}} points, 12 minutes)
#
# An importance-weighted bound uses $K$ draws, but a few of them may carry all the weight. Kish's
# effective number of draws is $\left(\sum_k w_k\right)^2/\sum_k w_k^2$. You have
# $\log w_k$, whose size is that of $\log p(x)$: −90 for a digit, −10 000 for a photograph. Write it
# so that it works for both.

# %% exercise="vae.7"
def effective(log_w):
    """log_w: (K,) log-weights. A number from 1 to K."""
    ### BEGIN SOLUTION
    share = log_w.softmax(0)
    return 1 / share.square().sum()
    ### END SOLUTION

# %%
# expected: 1.6000
effective(torch.tensor([3.0, 1.0]).log())

# %% [markdown]
# ## 8 · Advice to a friend ({{points.open}} points, 15 minutes, read by your teacher)
#
# "My VAE's KL term is 0.02 nats, so encoder and prior agree almost perfectly: a great success. Its
# samples are all the same grey blur, though. I shall make the decoder larger." In at most 200
# words: say what a KL of 0.02 nats means for what the code says about the image, name *two*
# different causes that could be behind it, and for each the measurement that would tell it from the
# other. Write into the next cell.

# %% [markdown] exercise="vae.open"
# *Your answer*
