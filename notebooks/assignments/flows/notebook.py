# %% [markdown]
# # Assignment: nothing lost on the way (lessons 10 and 11)
#
# This copy was made for **{{student}}**; its numbers are for this copy alone. Replace each `...`
# and hand in this notebook under the name that it has. It is run from the top, by itself, within
# a minute (a cell within 20 seconds), without a network; then your answers are tried on inputs that
# are not in here. It takes about two hours and has {{points.all}} points.
#
# Functions get torch tensors or Python numbers and give back torch tensors or numbers. In
# {{gradients}} the gradient is compared, too: there compute with torch's functions all the way
# from what is given. Where an *expected* line stands, compare with it before you hand in. An
# exercise that you leave open costs only its own points. Logarithms are natural unless bits are asked for.
#
# What form an answer has stands under *Form*, or in the function's first line. Keep names as they
# are. Of keys and words only letters and digits are read: capitals, blanks and signs don't count.
# **An exercise is paid in full or not at all**: "3 of 4 entries are right" helps you to find the
# fourth, but has no points.

# %%
import math

import torch
import torch.nn.functional as F

# %% [markdown]
# ## 1 · One density by hand ({{points.1}} points, 10 minutes)
#
# A flow in the plane maps $x=(x_1,x_2)$ to $z_1=\alpha x_1$ and $z_2=x_2\,e^{kx_1}+t\,x_1$, with
# $\alpha={{alpha}}$, $k={{k}}$, $t={{t}}$; $z$ is standard normal. Write its Jacobian down and give
# $\log p(x)$ at $x=({{x1}},\,{{x2}})$.
#
# *Form:* a number, `log_p`, to {{decimals.1}} decimals.

# %% exercise="flows.1"
alpha, k, t, x1, x2 = {{alpha}}, {{k}}, {{t}}, {{x1}}, {{x2}}
### BEGIN SOLUTION
z1, z2 = alpha * x1, x2 * math.exp(k * x1) + t * x1
log_p = -(z1**2 + z2**2) / 2 - math.log(2 * math.pi) + math.log(alpha) + k * x1
### END SOLUTION

# %% [markdown]
# ## 2 · Numbers that are never negative ({{points.2}} points, 15 minutes)
#
# Your data are positive, so the generator ends with a softplus: $x=\log(1+e^{z})$, $z$ standard
# normal. Invert it, find the derivative of the inverse, and write $\log p(x)$ for $x>0$. It must
# hold for $x$ from 0.01 to 800, its gradient too.

# %% exercise="flows.2"
def log_density(x):
    """x: (n,) positive numbers. (n,), log p of each."""
    ### BEGIN SOLUTION
    log_slope = -torch.log(-torch.expm1(-x))
    z = x - log_slope
    return -z.square() / 2 - math.log(2 * math.pi) / 2 + log_slope
    ### END SOLUTION

# %%
# expected: -0.6068
log_density(torch.tensor([1.0]))

# %% [markdown]
# ## 3 · Mix the channels ({{points.3}} points, 14 minutes)
#
# Between two couplings somebody wants to mix the channels of an image: at each of the $H\times W$
# places the vector of $C$ channels is multiplied by one invertible matrix $W$. Write the layer:
# the new images, and the log-determinant for *one whole image* (the same for each). $W$ may turn
# space over.

# %% exercise="flows.3"
def mix(x, weight):
    """x: (B, C, H, W); weight: (C, C). A pair: z, of x's shape, and log|det|, one number."""
    ### BEGIN SOLUTION
    z = torch.einsum("ij,bjhw->bihw", weight, x)
    log_det = x.shape[2] * x.shape[3] * torch.linalg.slogdet(weight).logabsdet
    return z, log_det
    ### END SOLUTION

# %%
# expected: 8.3178 as the second of the pair
mix(torch.ones(1, 2, 3, 4), torch.tensor([[0.0, 1.0], [2.0, 0.0]]))

# %% [markdown]
# ## 4 · What dequantisation costs you ({{points.4}} points, 16 minutes)
#
# A pixel has four values, $k=0,1,2,3$, and your data hold them with shares {{shares}}. A model of
# $x=(k+u)/4$, $u\sim U[0,1)$, has the density $p(x)=1+b\,(2x-1)$ on $[0,1)$ with $b={{b}}$.
# It gives each value a probability $P(k)$, the integral over its quarter. In *bits*, compute the
# exact mean code length $-\mathbb E\log_2P(k)$ under your data, and the bound that uniform
# dequantisation gives for it, $-\mathbb E\,\mathbb E_u\log_2\bigl(p(x)/4\bigr)$.
#
# *Form:* the dictionary below, two numbers in bits, to {{decimals.4}} decimals.

# %% exercise="flows.4"
shares, b = {{shares}}, {{b}}
### BEGIN SOLUTION
exact = 0.0
bound = 0.0
u = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
for value, share in enumerate(shares):
    density = 1 + b * (2 * (value + u) / 4 - 1)
    exact -= share * math.log2(density.mean().item() / 4)
    bound -= share * (density / 4).log2().mean().item()
lengths = {"exact": exact, "bound": bound}
### END SOLUTION

# %% [markdown]
# ## 5 · Five figures for one model ({{points.5}} points, 10 minutes)
#
# A flow for colour images of 32×32 has, on dequantised images $x\in[0,1)^{3072}$ of 256 levels, a
# mean $\log p(x)$ of {{log_p}} nats an image. Five people report its bits per dimension:
#
# | A | B | C | D | E |
# |---|---|---|---|---|
# | {{reported}} |
#
# One is `"right"`. One `"forgets the levels"`, one is `"in nats"`, one has the `"wrong sign"` of
# $\log p$, and one `"counts pixels"`: it divides by 1024. Which is which?
#
# *Form:* the dictionary below; each value is one of the five names in quotes.

# %% exercise="flows.5"
### BEGIN SOLUTION
people = {{people}}
who = {"A": people[0], "B": people[1], "C": people[2], "D": people[3], "E": people[4]}
### END SOLUTION

# %% [markdown]
# ## 6 · Cooler samples ({{points.6}} points, 12 minutes)
#
# A flow without a change of volume ($\log|\det|=0$ everywhere) is sampled at temperature $T$:
# $z\sim\mathcal N(0,T^2I)$ in $D$ dimensions, $x=f^{-1}(z)$. By how many nats does the mean
# of $\log p(x)$, under the *unchanged* model, lie above the mean for samples at $T=1$?

# %% exercise="flows.6"
def gain(D, T):
    """D: a number of dimensions; T: a positive number. Nats, negative where it falls."""
    ### BEGIN SOLUTION
    return D / 2 * (1 - T**2)
    ### END SOLUTION

# %%
# expected: 18.0000
gain(100, 0.8)

# %% [markdown]
# ## 7 · Keep a planar layer invertible ({{points.7}} points, 14 minutes)
#
# A planar layer needs $w^\top u>-1$ (10.11), but training moves $u$ freely. So the layer uses
# $\hat u$ in place of $u$: it differs from $u$ only along the direction of $w$, and
# $w^\top\hat u=-1+\operatorname{softplus}(w^\top u)$. Find $\hat u$.

# %% exercise="flows.7"
def safe(u, w):
    """u, w: (d,). The vector that the layer uses, (d,)."""
    ### BEGIN SOLUTION
    along = w @ u
    return u + (F.softplus(along) - 1 - along) * w / (w @ w)
    ### END SOLUTION

# %%
# expected: -0.8731 first, then 1
safe(torch.tensor([-2.0, 1.0]), torch.tensor([1.0, 0.0]))

# %% [markdown]
# ## 8 · Advice to a friend ({{points.open}} points, 15 minutes, read by your teacher)
#
# "I trained a flow on photographs that were saved with 5 bits a channel and then spread over 0 to
# 255. I add noise of one 256th, as always. It reaches 2.1 bits per dimension, better than
# everything published, and its samples look poor." In at most 200 words: say where the low figure
# comes from, what the likelihood could reach if training went on, and describe *two* ways to get
# figures that can be compared. Write into the next cell.

# %% [markdown] exercise="flows.open"
# *Your answer*
