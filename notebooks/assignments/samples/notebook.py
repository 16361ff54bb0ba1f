# %% [markdown]
# # Assignment: how good are these pictures? (lessons 03 and 04)
#
# This copy was made for **{{student}}**; its numbers are for this copy alone. Replace each `...`
# and hand in this notebook under the name that it has. It is run from the top, by itself, within
# a minute (a cell within 20 seconds), without a network; then your answers are tried on inputs that
# are not in here. It takes about two hours and has {{points.all}} points.
#
# Functions get torch tensors or Python numbers and give back torch tensors or numbers. In
# {{gradients}} the gradient is compared, too: there compute with torch's functions all the way
# from what is given. Where an *expected* line stands, compare with it before you hand in. An
# exercise that you leave open costs only its own points.
#
# What form an answer has stands under *Form*, or in the function's first line. Keep names as they
# are. Of keys and words only letters and digits are read: capitals, blanks and signs don't count.
# **An exercise is paid in full or not at all**: "3 of 4 entries are right" helps you to find the
# fourth, but has no points.

# %%
import math

import torch

# %% [markdown]
# ## 1 · A Fréchet distance that doesn't fall apart ({{points.1}} points, 16 minutes)
#
# Features of real and of generated images are Gaussian in the plane. Real: mean {{mean_a}}, standard
# deviations {{sd_a}}, correlation {{rho_a}}. Generated: mean {{mean_b}}, standard deviations {{sd_b}},
# correlation {{rho_b}}. The two covariances don't commute, so no coordinate can be treated alone.
# Compute FD (3.6).
#
# *Form:* a number, `fd`, to {{decimals.1}} decimals.

# %% exercise="samples.1"
mean_a, sd_a, rho_a = {{mean_a}}, {{sd_a}}, {{rho_a}}
mean_b, sd_b, rho_b = {{mean_b}}, {{sd_b}}, {{rho_b}}
### BEGIN SOLUTION
def covariance(sd, rho):
    s = torch.tensor(sd, dtype=torch.float64)
    return torch.outer(s, s) * torch.tensor([[1, rho], [rho, 1]], dtype=torch.float64)


A, B = covariance(sd_a, rho_a), covariance(sd_b, rho_b)
roots = torch.linalg.eigvals(A @ B).real.sqrt()
far = sum((x - y) ** 2 for x, y in zip(mean_a, mean_b))
fd = far + (A.trace() + B.trace() - 2 * roots.sum()).item()
### END SOLUTION

# %% [markdown]
# ## 2 · As if you had drawn for ever ({{points.2}} points, 10 minutes)
#
# FD measured with $N$ images is too large by about $c/N$ (3.8). You measured it twice, with two
# numbers of images from one generator. Estimate what endlessly many would give.

# %% exercise="samples.2"
def limit(n1, fd1, n2, fd2):
    """fd1 was measured with n1 images, fd2 with n2; n1 and n2 differ. A number."""
    ### BEGIN SOLUTION
    return (n2 * fd2 - n1 * fd1) / (n2 - n1)
    ### END SOLUTION

# %%
# expected: 2.0000
limit(100, 6.0, 400, 3.0)

# %% [markdown]
# ## 3 · Larger by exactly s ({{points.3}} points, 12 minutes)
#
# A generator's layer is a transposed convolution with kernel $k$ and stride $s\le k$. For *every* input
# size $i$ its output should be exactly $s\,i$ large. Which padding $p$ and output padding
# $a\in\{0,1\}$ do that, given $k$ and $s$? Start from (4.5).

# %% exercise="samples.3"
def paddings(k, s):
    """k >= s >= 1, integers. The pair (p, a), integers."""
    ### BEGIN SOLUTION
    a = (k - s) % 2
    return (k - s + a) // 2, a
    ### END SOLUTION

# %%
# expected: 1.0000 as the second of the pair
paddings(5, 2)

# %% [markdown]
# ## 4 · Away with the batch norm ({{points.4}} points, 14 minutes)
#
# In evaluation a batch norm is a fixed map of each channel. So a convolution followed by one is a
# convolution. Give its weight and bias; somebody will fine-tune through them, so gradients matter.
# All statistics are those that the batch norm kept, one a channel of the output.

# %% exercise="samples.4"
def folded(weight, bias, gamma, beta, mean, var, eps):
    """weight: (O, I, k, k); bias, gamma, beta, mean, var: (O,); eps: a number. (weight, bias)."""
    ### BEGIN SOLUTION
    scale = gamma / (var + eps).sqrt()
    return weight * scale[:, None, None, None], (bias - mean) * scale + beta
    ### END SOLUTION

# %%
# expected: 5.0000 as the bias
folded(torch.ones(1, 1, 1, 1), *(torch.tensor([x]) for x in (3.0, 2.0, 1.0, 1.0, 0.75)), 0.25)

# %% [markdown]
# ## 5 · Four generators, one table ({{points.5}} points, 12 minutes)
#
# All were judged on equally many training and held-out images. "Nearest" is the share of generated
# images whose nearest real image is a *training* image.
#
# | generator | FD | precision | recall | nearest |
# |---|---|---|---|---|
# {{table}}
#
# One `"recites"` its training images, one makes `"few modes"`, one is `"noisy"`, and one is
# `"healthy"`. Which is which?
#
# *Form:* the dictionary below; each value is one of the four names in quotes.

# %% exercise="samples.5"
### BEGIN SOLUTION
generators = {{generators}}
verdicts = {"A": generators[0], "B": generators[1], "C": generators[2], "D": generators[3]}
### END SOLUTION

# %% [markdown]
# ## 6 · How bad is perfect? ({{points.6}} points, 14 minutes)
#
# Five classes have the shares {{shares}}. A *perfect* generator draws $N={{draws}}$ images; a perfect
# judge counts classes, and you compare the counts with the true shares by total variation. What does
# it show on average, though nothing is wrong? And what would it show without any sampling error for a
# generator that never makes the *first* class and is right about all the others' proportions? Give
# both to a thousandth; the method is yours.
#
# *Form:* the dictionary below, two numbers, to {{decimals.6}} decimals.

# %% exercise="samples.6"
shares, draws = {{shares}}, {{draws}}
### BEGIN SOLUTION
floor = 0.0
for p in shares:
    for n in range(draws + 1):
        log_c = math.lgamma(draws + 1) - math.lgamma(n + 1) - math.lgamma(draws - n + 1)
        chance = math.exp(log_c + n * math.log(p) + (draws - n) * math.log(1 - p))
        floor += chance * abs(n / draws - p) / 2
missing = shares[0]
variation = {"floor": floor, "missing": missing}
### END SOLUTION

# %% [markdown]
# ## 7 · How much does it recite? ({{points.7}} points, 12 minutes)
#
# A share $r$ of a generator's images are copies of training images; the others are new, and their
# nearest image is as likely any of the $M$ training as any of the $M'$ held-out ones. You observe the
# share of generated images whose nearest is a training image. Solve for $r$: (3.16) is for $M=M'$ only.

# %% exercise="samples.7"
def recited(share, n_train, n_held):
    """share: observed; n_train, n_held: how many images of each. An estimate of r."""
    ### BEGIN SOLUTION
    chance = n_train / (n_train + n_held)
    return (share - chance) / (1 - chance)
    ### END SOLUTION

# %%
# expected: 0.2000
recited(0.84, 8000, 2000)

# %% [markdown]
# ## 8 · Advice to a friend ({{points.open}} points, 15 minutes, read by your teacher)
#
# "My DCGAN has an FD of 11.2 with 500 images; the paper that I compare with has 12.0 with 50,000. I
# chose the epoch with the best FD on the test images. So mine is better." In at most 200 words: name
# *three* faults in this comparison, for each the direction in which it pushes the result, and say what
# you would measure instead. Write into the next cell.

# %% [markdown] exercise="samples.open"
# *Your answer*
