# %% [markdown]
# # Assignment: told, or not told (lessons 08 and 09)
#
# This copy was made for **{{student}}**; its numbers are for this copy alone. Replace each `...`
# and hand in this notebook under the name that it has. It is run from the top, by itself, within
# a minute (a cell within 20 seconds), without a network; then your answers are tried on inputs that
# are not in here. It takes about two hours and has {{points.all}} points.
#
# Functions get torch tensors or Python numbers and give back torch tensors or numbers. In
# {{gradients}} the gradient is compared, too: there compute with torch's functions all the way
# from what is given. Where an *expected* line stands, compare with it before you hand in. An
# exercise that you leave open costs only its own points. Logarithms are natural.
#
# What form an answer has stands under *Form*, or in the function's first line. Keep names as they
# are. Of keys and words only letters and digits are read: capitals, blanks and signs don't count.
# **An exercise is paid in full or not at all**: "3 of 4 entries are right" helps you to find the
# fourth, but has no points.

# %%
import math

import torch

# %% [markdown]
# ## 1 · The price of not telling ({{points.1}} points, 14 minutes)
#
# Pictures have one of three values, and two classes, $c=0$ with the share {{share}} and $c=1$ with the
# rest. The data's shares of the values are {{p0}} in class 0 and {{p1}} in class 1; a generator's are
# {{g0}} and {{g1}}, with the same shares of classes. Compute what a discriminator at its optimum
# measures when it is *told* the class, $\mathbb E_c\,\mathrm{JS}$ (8.2), and when it is *not told*, the JS of
# the two mixtures.
#
# *Form:* the dictionary below, two numbers in nats, to {{decimals.1}} decimals.

# %% exercise="hybrids.1"
share, p0, p1, g0, g1 = {{share}}, {{p0}}, {{p1}}, {{g0}}, {{g1}}
### BEGIN SOLUTION
def js(p, q):
    p, q = torch.tensor(p, dtype=torch.float64), torch.tensor(q, dtype=torch.float64)
    middle = (p + q) / 2
    return ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()).item() / 2


def mixed(a, b):
    return [share * x + (1 - share) * y for x, y in zip(a, b)]


told = share * js(p0, g0) + (1 - share) * js(p1, g1)
untold = js(mixed(p0, p1), mixed(g0, g1))
prices = {"told": told, "untold": untold}
### END SOLUTION

# %% [markdown]
# ## 2 · Two kinds of fakes, unequally many ({{points.2}} points, 12 minutes)
#
# CVAE-GAN's discriminator sees reconstructions, density $f$, beside drawn images, density $g$; (9.3)
# has equally many of each as of real ones, density $p$. Now its loss is
# $-\mathbb E_p\log D-a\,\mathbb E_f\log(1-D)-b\,\mathbb E_g\log(1-D)$ with weights $a, b>0$. Which $D^*$
# makes it smallest, and what is its *logit*? Give the logit.

# %% exercise="hybrids.2"
def best_logit(p, f, g, a, b):
    """p, f, g > 0: densities, tensors of one shape; a, b: numbers. Logits, of that shape."""
    ### BEGIN SOLUTION
    return p.log() - (a * f + b * g).log()
    ### END SOLUTION

# %%
# expected: -0.6931
best_logit(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(1.0), 1.5, 0.5)

# %% [markdown]
# ## 3 · Means of features, without the batch's noise ({{points.3}} points, 18 minutes)
#
# Feature matching (9.6) descends half the squared distance of two *batch* means. By (9.9) its
# expectation is too large, by the noise of both means. Write an estimate of
# $\tfrac12\|\mu_r-\mu_p\|^2$ whose expectation is exactly right, from one batch of each. It may be
# negative. It is descended, so its gradient must be right too.

# %% exercise="hybrids.3"
def matched(real, fake):
    """real: (m, d), fake: (n, d), features, m and n at least 2. One number."""
    ### BEGIN SOLUTION
    far = (real.mean(0) - fake.mean(0)).square().sum()
    noise = real.var(0).sum() / len(real) + fake.var(0).sum() / len(fake)
    return (far - noise) / 2
    ### END SOLUTION

# %%
# expected: 1.5000
matched(torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [3.0]]))

# %% [markdown]
# ## 4 · Where the KL goes ({{points.4}} points, 14 minutes)
#
# On a line let $x\sim\mathcal N(0,S^2)$ and the encoder be $q(z\mid x)=\mathcal N(a\,x,\,v)$. The mean KL
# divergence to $\mathcal N(0,1)$ splits into the information $\mathrm I(x;z)$ and the divergence of the
# codes' own distribution $q(z)$ from the prior (8.10). Derive all three for this encoder.

# %% exercise="hybrids.4"
def split(a, S, v):
    """a, S > 0, v > 0: numbers. A dictionary with "KL", "I" and "codes", in nats."""
    ### BEGIN SOLUTION
    spread = a**2 * S**2
    information = math.log(1 + spread / v) / 2
    codes = (spread + v - 1 - math.log(spread + v)) / 2
    return {"KL": information + codes, "I": information, "codes": codes}
    ### END SOLUTION

# %%
# expected: 0.5000 for KL, 0.3466 for I, 0.1534 for codes
split(1.0, 1.0, 1.0)

# %% [markdown]
# ## 5 · Does it obey? ({{points.5}} points, 12 minutes)
#
# Five conditional generators were told each of ten classes equally often. A judge says which class
# it sees. "Obeys" is how often that is the class told; TV is the total variation between the classes
# seen and the uniform distribution; "variety" is the variance of the images *within a told class*, as a
# share of what real images of one class have.
#
# | generator | obeys | TV | variety |
# |---|---|---|---|
# {{table}}
#
# One is `"healthy"`, one `"ignores the class"` but makes all kinds of images, one makes `"one picture"`
# for each class, one has `"two classes swapped"`, and one makes `"one class only"`. Which is which?
#
# *Form:* the dictionary below; each value is one of the five names in quotes.

# %% exercise="hybrids.5"
### BEGIN SOLUTION
models = {{models}}
verdicts = {"A": models[0], "B": models[1], "C": models[2], "D": models[3], "E": models[4]}
### END SOLUTION

# %% [markdown]
# ## 6 · Shares imposed ({{points.6}} points, 12 minutes)
#
# A feature has these means and standard deviations in the images that a conditional generator makes of
# three classes: means {{means}}, standard deviations {{sds}}. Left to itself it was told the classes
# with the shares {{own}}; the test set has {{test}}. Which mean and *variance* would the feature have if
# the classes were told with the test set's shares?
#
# *Form:* the dictionary below, two numbers, to {{decimals.6}} decimals.

# %% exercise="hybrids.6"
means, sds, own, test = {{means}}, {{sds}}, {{own}}, {{test}}
### BEGIN SOLUTION
mean = sum(w * m for w, m in zip(test, means))
variance = sum(w * (s**2 + (m - mean) ** 2) for w, m, s in zip(test, means, sds))
moments = {"mean": mean, "variance": variance}
### END SOLUTION

# %% [markdown]
# ## 7 · One network for C and D ({{points.7}} points, 14 minutes)
#
# A classifier with $K$ logits $\ell_c$ for the real classes can be a discriminator as well: give "generated"
# the fixed logit 0 as class $K+1$, and take the softmax over all $K+1$. Then $D(x)$ is the probability of
# *any* real class. Show that the logit of this $D$ is a simple function of $\ell_1,\dots,\ell_K$, and write it.
# It must hold for logits of ±1000.

# %% exercise="hybrids.7"
def real_logit(logits):
    """logits: (B, K). The logit of D, (B,)."""
    ### BEGIN SOLUTION
    return logits.logsumexp(1)
    ### END SOLUTION

# %%
# expected: 1.0986
real_logit(torch.zeros(1, 3))

# %% [markdown]
# ## 8 · Advice to a friend ({{points.open}} points, 15 minutes, read by your teacher)
#
# "My CVAE obeys: in 99% of its images a classifier sees the class told. And when I keep z and change the
# class, the style stays. So z holds the style and nothing of the class." In at most 200 words: say which
# of the two observations supports the conclusion and which doesn't, what could be true although both
# hold, and name a *measurement* of what z says about the class. Write into the next cell.

# %% [markdown] exercise="hybrids.open"
# *Your answer*
