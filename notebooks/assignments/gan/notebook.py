# %% [markdown]
# # Assignment: the adversary (lessons 01 and 02)
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
import torch.nn.functional as F

# %% [markdown]
# ## 1 · Batches that are not balanced ({{points.1}} points, 12 minutes)
#
# Real numbers come from $p=\mathcal N(a, s^2)$ with $a={{a}}$, generated ones from
# $q=\mathcal N(b, s^2)$ with $b={{b}}$; both have $s={{s}}$. Every batch holds {{n_real}} real and
# {{n_fake}} generated numbers, and the discriminator's loss is the mean over the *whole* batch.
# Lesson 02 derived $D^*$ for equal shares. Repeat its step with these shares: for every $x$ find the
# $D$ that makes the loss smallest. The best logit is then a straight line, $\ell^*(x)=w\,x+c$.
#
# *Form:* the pair $(w, c)$, two numbers, to {{decimals.1}} decimals.

# %% exercise="gan.1"
a, b, s, n_real, n_fake = {{a}}, {{b}}, {{s}}, {{n_real}}, {{n_fake}}
### BEGIN SOLUTION
line = ((a - b) / s**2, (b**2 - a**2) / (2 * s**2) + math.log(n_real / n_fake))
### END SOLUTION

# %% [markdown]
# ## 2 · Softer labels ({{points.2}} points, 10 minutes)
#
# One-sided label smoothing tells the discriminator that a real example is real only with
# probability $1-\alpha$; generated examples keep the label 0. Write the loss that it descends,
# from *logits*: the mean over the real examples plus the mean over the generated ones. It must hold
# at logits of ±1000, and its gradient too.

# %% exercise="gan.2"
def smoothed_loss(real, fake, alpha):
    """real: (n,) logits; fake: (m,) logits; alpha: a number in [0, 1). One number, in nats."""
    ### BEGIN SOLUTION
    on_real = (1 - alpha) * F.softplus(-real) + alpha * F.softplus(real)
    return on_real.mean() + F.softplus(fake).mean()
    ### END SOLUTION

# %%
# expected: 1.7442
smoothed_loss(torch.tensor([2.0, -1.0]), torch.tensor([0.5]), 0.1)

# %% [markdown]
# ## 3 · Where softer labels lead ({{points.3}} points, 10 minutes)
#
# Which discriminator is the best one for the loss of exercise 2? Take the derivative at one $x$, as
# for (2.4), and give $D^*$ as a function of the two densities there.

# %% exercise="gan.3"
def best_smoothed(p, q, alpha):
    """p > 0, q: densities, tensors of one shape; alpha: a number in [0, 1). Probabilities."""
    ### BEGIN SOLUTION
    return (1 - alpha) * p / (p + q)
    ### END SOLUTION

# %%
# expected: 0.6750
best_smoothed(torch.tensor(3.0), torch.tensor(1.0), 0.1)

# %% [markdown]
# ## 4 · Measure a mismatch ({{points.4}} points, 12 minutes)
#
# Your data come from $p(x)=\tfrac12\mathcal N(-{{gap}}, 0.6^2)+\tfrac12\mathcal N({{gap}}, 0.6^2)$, and
# your generator has $q=\mathcal N({{shift}}, {{width}}^2)$. Neither KL divergence nor the
# Jensen-Shannon divergence has a formula here. Compute all three, in nats, by a
# method of your choice, and look at which of the two KL divergences is the larger.
#
# *Form:* the dictionary below, three numbers, to {{decimals.4}} decimals.

# %% exercise="gan.4"
gap, shift, width = {{gap}}, {{shift}}, {{width}}
### BEGIN SOLUTION
x = torch.linspace(-25, 25, 10_001, dtype=torch.float64)
left = torch.distributions.Normal(-gap, 0.6).log_prob(x)
right = torch.distributions.Normal(gap, 0.6).log_prob(x)
log_p = torch.logaddexp(left, right) - math.log(2)
log_q = torch.distributions.Normal(shift, width).log_prob(x)
log_m = torch.logaddexp(log_p, log_q) - math.log(2)
kl_pq = torch.trapezoid(log_p.exp() * (log_p - log_q), x).item()
kl_qp = torch.trapezoid(log_q.exp() * (log_q - log_p), x).item()
to_middle = log_p.exp() * (log_p - log_m) + log_q.exp() * (log_q - log_m)
js = torch.trapezoid(to_middle, x).item() / 2
divergences = {"KL(p||q)": kl_pq, "KL(q||p)": kl_qp, "JS": js}
### END SOLUTION

# %% [markdown]
# ## 5 · Read four logs ({{points.5}} points, 12 minutes)
#
# Four trainings wrote one line each. At that moment the discriminator gave every real image the
# same probability, and every generated image the same. The losses are means; D's is the sum of its
# real and its fake term.
#
# | run | D on real | D on generated | loss of D | loss of G |
# |---|---|---|---|---|
# {{log}}
#
# One trains with the `"non-saturating"` loss and one with the `"saturating"` one, both as they
# should be. One has a `"double sigmoid"`: the printed probability goes through a sigmoid once more
# before the losses. One has its `"swapped labels"` in D's loss only. Which is which?
#
# *Form:* the dictionary below; each value is one of the four names in quotes.

# %% exercise="gan.5"
### BEGIN SOLUTION
runs = {{runs}}
faults = {"A": runs[0], "B": runs[1], "C": runs[2], "D": runs[3]}
### END SOLUTION

# %% [markdown]
# ## 6 · How fast may they play? ({{points.6}} points, 20 minutes)
#
# In the game $V(x,y)=c\,x\,y$ player $x$ descends $V$ with rate $\eta_x$, then player $y$, who
# sees the new $x$, ascends it with rate $\eta_y$. One round is a 2×2 matrix with determinant 1.
# As long as its eigenvalues lie on the unit circle, the players circle for ever; beyond, they
# fly apart. Lesson 02 had $c=1$ and equal rates. Find the largest $\eta_x$ at which they still stay
# together, for given $c$ and $\eta_y$.

# %% exercise="gan.6"
def largest_rate(c, eta_y):
    """c, eta_y: positive numbers. The bound on eta_x."""
    ### BEGIN SOLUTION
    return 4 / (c**2 * eta_y)
    ### END SOLUTION

# %%
# expected: 10.0000
largest_rate(2.0, 0.1)

# %% [markdown]
# ## 7 · Repair a generator without training it ({{points.7}} points, 14 minutes)
#
# A discriminator trained to the end knows $p_\text{data}/p_g$ at every example (2.5). So its
# logits can correct a mean over *generated* examples: estimate $\mathbb E_{p_\text{data}}[f]$ with
# importance weights that are divided by their sum. The logits may be as large as 800; your
# estimate must stay finite, and somebody will descend it, so gradients matter.

# %% exercise="gan.7"
def corrected_mean(f, logits):
    """f: (n,) values at n generated examples; logits: (n,) of D there. One number."""
    ### BEGIN SOLUTION
    return (logits.softmax(0) * f).sum()
    ### END SOLUTION

# %%
# expected: 1.2689
corrected_mean(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0]))

# %% [markdown]
# ## 8 · Advice to a friend ({{points.open}} points, 15 minutes, read by your teacher)
#
# "After a few minutes my discriminator's loss is 0.001 and stays there, and the pictures don't
# change any more. So my generator has too few layers." In at most 200 words: say what this loss
# means for the two densities, why the pictures stand still (which loss does the generator
# probably descend?), and which *two measurements* you would ask for before anybody changes the
# network. Write into the next cell.

# %% [markdown] exercise="gan.open"
# *Your answer*
