# %% [markdown]
# # Assignment: games that come home (lesson 05, after 02)
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
import cmath
import math

import torch

# %% [markdown]
# ## 1 · Look one step ahead ({{points.1}} points, 14 minutes)
#
# In the game $V=xy$ both players move at once, but *carefully* (the extragradient method): each first
# computes where both would stand after an ordinary step with rate $\eta$, takes the gradient
# *there*, and makes its step from where it stands *now*. Here $x$ descends and $y$ ascends. Such
# a round turns and shrinks: by which factor does the distance to the origin change? Derive it from
# the round's matrix.

# %% exercise="games.1"
def factor(eta):
    """eta: a positive number. The distance after a round over the distance before."""
    ### BEGIN SOLUTION
    return math.sqrt((1 - eta**2) ** 2 + eta**2)
    ### END SOLUTION

# %%
# expected: 0.9014
factor(0.5)

# %% [markdown]
# ## 2 · The best penalty ({{points.2}} points, 18 minutes)
#
# Near its equilibrium the Dirac-GAN is $\dot\theta=-c\,\psi$, $\dot\psi=\kappa\,(c\,\theta-\gamma\,\psi)$:
# the discriminator learns $\kappa$ times as fast, and $\gamma$ is the penalty's weight. Lesson 05 had
# $\kappa=1$. If $\gamma$ is small, the players spiral; if it is large, they creep. Find the $\gamma$ in
# between, where the two eigenvalues are equal and both players come home fastest.

# %% exercise="games.2"
def best_penalty(c, kappa):
    """c, kappa: positive numbers. The penalty's best weight."""
    ### BEGIN SOLUTION
    return 2 * c / math.sqrt(kappa)
    ### END SOLUTION

# %%
# expected: 0.5000
best_penalty(0.5, 4.0)

# %% [markdown]
# ## 3 · Move the earth ({{points.3}} points, 12 minutes)
#
# Two distributions live on the points {{places}}. The first has the shares {{first}}, the second
# {{second}}. Compute $W_1$ between them by (5.12), and their total variation distance. Then all points
# of the *second* move to the right by {{moved}}: what is $W_1$ now? (No point of the first lies to the
# right of its own partner any more, so a simpler formula holds.)
#
# *Form:* the dictionary below, three numbers, to {{decimals.3}} decimals.

# %% exercise="games.3"
places, first, second, moved = {{places}}, {{first}}, {{second}}, {{moved}}
### BEGIN SOLUTION
w1 = 0.0
height = 0.0
for at in range(len(places) - 1):
    height += first[at] - second[at]
    w1 += abs(height) * (places[at + 1] - places[at])
tv = sum(abs(p - q) for p, q in zip(first, second)) / 2
after = moved + sum((q - p) * x for p, q, x in zip(first, second, places))
distances = {"W1": w1, "TV": tv, "W1 after": after}
### END SOLUTION

# %% [markdown]
# ## 4 · A slope that is too steep ({{points.4}} points, 14 minutes)
#
# A critic on a line has the slope $s$ everywhere, and its loss with a gradient penalty is
# $-s\,W_1+\lambda\,(s-k)^2$, where $k$ is the slope that the penalty asks for. Lesson 05 had $k=1$. The
# critic's own estimate of the distance is $s\,W_1$. What does it report at its optimum, divided by the
# true $W_1$ and by the slope asked for: by which factor is $W_1$ overrated?

# %% exercise="games.4"
def overrated(w1, weight, k):
    """w1, weight (the λ), k: positive numbers. (Reported) / (k W1)."""
    ### BEGIN SOLUTION
    return 1 + w1 / (2 * weight * k)
    ### END SOLUTION

# %%
# expected: 1.2000
overrated(4.0, 10.0, 1.0)

# %% [markdown]
# ## 5 · Read five rounds ({{points.5}} points, 10 minutes)
#
# A pair of eigenvalues of a game's *round* (not of its flow) decides what the players do. Measured in
# five games:
#
# | A | B | C | D | E |
# |---|---|---|---|---|
# | {{eigenvalues}} |
#
# One game `"spirals in"`, one `"spirals out"`, one `"circles"` for ever (to three digits), one
# `"creeps in"` without turning, and one `"overshoots"`: it comes in, but changes sides at every round.
# Which is which?
#
# *Form:* the dictionary below; each value is one of the five names in quotes.

# %% exercise="games.5"
### BEGIN SOLUTION
games = {{games}}
what = {"A": games[0], "B": games[1], "C": games[2], "D": games[3], "E": games[4]}
### END SOLUTION

# %% [markdown]
# ## 6 · What an average does to a circle ({{points.6}} points, 16 minutes)
#
# Weights that circle, $w_t=r\,(\cos t\theta,\sin t\theta)$, are averaged with decay $d$ as in (5.5), long
# after the start. The average circles too. Find its radius as a share of $r$. (Write $w_t$ as a complex
# number; a geometric series is left.)

# %% exercise="games.6"
def radius(d, theta):
    """d: a number in [0, 1); theta: radians a round. A share, in (0, 1]."""
    ### BEGIN SOLUTION
    return (1 - d) / abs(1 - d * cmath.exp(-1j * theta))
    ### END SOLUTION

# %%
# expected: 0.4669
radius(0.9, 0.2)

# %% [markdown]
# ## 7 · A critic with a bound ({{points.7}} points, 12 minutes)
#
# A critic is $f(x)=a^\top\phi(Wx)$ with the leaky ReLU $\phi$, slope 1 on the right and
# $\alpha$ on the left. Give a bound on its slope, $|f(x)-f(y)|\le L\,\|x-y\|$, that holds for every
# $\alpha$ (it may be larger than 1) and is as small as spectral norms allow. Training will divide by it,
# so its gradient must be right.

# %% exercise="games.7"
def bound(a, weight, alpha):
    """a: (n,); weight: (n, m); alpha: a number. L, one number."""
    ### BEGIN SOLUTION
    steepest = max(1.0, abs(alpha))
    return torch.linalg.vector_norm(a) * steepest * torch.linalg.matrix_norm(weight, 2)
    ### END SOLUTION

# %%
# expected: 15.0000
bound(torch.tensor([3.0, 4.0]), torch.tensor([[1.0, 0.0], [0.0, 3.0]]), 0.2)

# %% [markdown]
# ## 8 · Advice to a friend ({{points.open}} points, 15 minutes, read by your teacher)
#
# "My WGAN's critic says that the distance fell from 40 to 2, so I stopped. With spectral
# normalisation instead of the penalty it says .3, so that is seven times better." In at most 200
# words: say why the two numbers can't be compared, what a falling number can and can't tell, and which
# measurement you would ask for to compare the two generators. Write into the next cell.

# %% [markdown] exercise="games.open"
# *Your answer*
