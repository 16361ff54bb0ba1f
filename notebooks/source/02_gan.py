# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 02 · Generative adversarial networks
#
# Two networks play a game. A *generator* turns noise into examples; a *discriminator*
# tries to tell them from data. In this lesson you
# derive what the game measures, write its losses, play it, and break it.

# %%
import copy
import math
import re
from functools import partial
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import distributions, nn

from course_lib import data, evaluation, explore, models, plots, training, zoo
from course_lib.checks import agrees, check, predict, refuses
from course_lib.lessons import lesson_02
from course_lib.lessons.shared import js
from course_lib.models import gan as library

budget = training.budget()
generator = training.seed_all(2)
torch.set_printoptions(precision=4, sci_mode=False)
print(f"budget: {budget.name}")

# %% tags=["open"]
trained = zoo.load("gan-mnist")  # the GAN of section 10, after 200 epochs of MNIST
samples = trained.sample(36, generator=torch.Generator().manual_seed(3))
plots.show(
    plots.images(samples, columns=12, title="zoo: gan-mnist, 36 samples, not selected"),
    alt="Thirty-six samples of the fully trained GAN: most are readable digits, some are not.",
)

# %% [markdown]
# **What to see.** Most of these pictures are digits at a glance, in many handwritings. Nobody drew them: each was computed from 64 random
# numbers. Look also for the failures; there are some in each row.
#
# **The question.** Nobody ever wrote down the probability of a digit, and no generated picture was ever compared with a particular real one. Two networks only
# played against each other. What quantity, if any, did this game make smaller?

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | derive the value function from a likelihood; derive the best discriminator and what the generator minimises against it; say how the two generator losses differ, and show it; write the training algorithm as a game of two players; read a GAN's losses; see a collapse and count it |
# | **You need** | lesson 01 (KL and JS divergence, Monte Carlo error); PyTorch modules and autograd |
# | **Your time** | {{time}} (an estimate: lesson 00 says how) |
# | **Machine time** | {{minutes}} min at the laptop budget on two CPU cores |
#
# **How to read it.** Every numbered equation is checked in a cell below it: `agrees` stops unless both sides are equal,
# `refuses` shows that a named wrong form would have been noticed. (A displayed equation without a number is a definition, or a step on the way.)
# An exercise has a `...` for you to replace and a check below it. Cells that only draw begin folded.
# Two student reports, A and B, come up in this lesson (lesson 00 introduces them). A trained, among other models, the GAN on digits that you
# rebuild in section 10. *Case files*, in section 12, are stories about the two; they are folded too, and you can leave them out.
#
# | symbol | meaning | name in the code |
# |---|---|---|
# | $x$, $z$ | data, latent (noise) | `x`, `z` |
# | $p_\text{data}$, $p_g$, $p_z$ | density of the data, of generated examples, of the noise | `p_data`, `p_g`; `data`, `g` in the names of checks |
# | $p_m$ | the mean of two densities, $\tfrac12(p_\text{data}+p_g)$ (3.1) | `p_mean`; `m` in the names of checks |
# | $p_0$ | density of the *present* generator, frozen (4.3) | `frozen` |
# | $m$ | number of real examples, and of generated ones (1.1) | `m` |
# | $\pi$ | share of real examples among all that D sees, mostly ½ (2.2) | |
# | $G$, $\theta$ | generator and its parameters | `G` |
# | $D$, $\psi$ | discriminator and its parameters; $D(x)\in(0,1)$ is a probability | `D` (a network `D` returns $\ell$) |
# | $\ell$ | D's *logit*: $D(x)=\sigma(\ell(x))$ with $\sigma(\ell)=1/(1+e^{-\ell})$ | `logit` |
# | $V(D,G)$ | value of the game, in nats | `value` |

# %% [markdown]
# ## Five questions before you begin
#
# Take a minute for each, decide, and only then open the answer.
#
# **Question 1.** The fakes are perfect: they have exactly the distribution of the data. A discriminator sees as many fakes as real examples. What
# is the best that it can say of any one of them?
#
# *Answer.* "One half": nothing in the example tells where it came from. Section 2 derives this as a special case.
#
# **Question 2.** Two densities on a line do not overlap. You slide one nearer to the other; they still do not overlap. What happens to
# their KL divergence, and to their Jensen–Shannon divergence?
#
# *Answer.* Nothing to either. The KL stays infinite, and JS stays at its largest value, $\log2$. So neither tells in which
# direction to go. Sections 3.4 and 4 show what this means for a generator.
#
# **Question 3.** A generator draws perfect threes, and nothing else. Can a good discriminator notice?
#
# *Answer.* Yes. Among real digits one in ten is a three; among the fakes all are. So a three is more likely a fake, and the
# best discriminator says so. What the *generator* then learns is another question (section 9).
#
# **Question 4.** The discriminator is certain that a fake is fake: $D=10^{-6}$. The generator descends $\log(1-D)$. Is it pushed strongly or weakly? Measure the push by the slope of its loss in D's logit.
#
# *Answer.* Weakly: that slope is $-D$, here a millionth in size. One would wish the opposite. Section 4 has
# the loss that does so.
#
# **Question 5.** In a well-trained game of two players, must the losses of both fall during training?
#
# *Answer.* No. What one gains the other may lose. In a GAN that goes well both losses settle near values that you can work out
# beforehand (section 9 does it for D's), and that say little about quality.

# %% [markdown]
# # Part A · What the game measures
#
# Time: {{part:A}}. Afterwards you can derive the value function, the best discriminator and the divergence behind the game, and tell the two generator losses apart.

# %% [markdown]
# ## 1 · A game that begins as a likelihood
#
# ### 1.1 · The likelihood of labels
#
# We look for a loss for the discriminator. You know it already: it is the likelihood of a classifier. Take $m$ real examples $x^{(i)}$ and $m$ generated ones $G(z^{(j)})$, and mix them. Give
# each a label: $y=1$ for real, $y=0$ for generated. A discriminator is a model of the
# label: $D(x)$ is its probability of "real". Each label is then one throw of a coin with
# bias $D(x)$. The throws are independent, so the likelihood of all labels is a product, and its logarithm a sum:
#
# $$\log L=\sum_{i=1}^m\log D(x^{(i)})+\sum_{j=1}^m\log\bigl(1-D(G(z^{(j)}))\bigr)\tag{2.1}$$
#
# A generated example enters with $1-D$, because its label is 0. The wrong form in the cell forgets to turn the label around.

# %%
real, fake = torch.randn(2, 1000, dtype=torch.float64, generator=generator)
logits = torch.cat([real, fake])
labels = torch.cat([torch.ones(1000), torch.zeros(1000)]).double()

log_likelihood = torch.sigmoid(real).log().sum() + (1 - torch.sigmoid(fake)).log().sum()
coins = distributions.Bernoulli(logits=logits).log_prob(labels).sum()
agrees(log_likelihood, coins, tol=1e-9, name="(2.1) two-class likelihood")
flipped = torch.sigmoid(real).log().sum() + torch.sigmoid(fake).log().sum()
refuses(flipped, coins, tol=1e-9, name="fakes counted as real")

# %% [markdown]
# ### 1.2 · Logits
#
# The course's discriminators return the logit $\ell$, not the probability. We want both logarithms as functions of $\ell$.
# Use $\operatorname{softplus}(a)=\log(1+e^a)$. (`F.softplus` does without $e^a$ where $a$ is large; in float32 $e^a$ overflows from $a\approx89$ on.) From $D=\sigma(\ell)=1/(1+e^{-\ell})$ follows $-\log D=\log(1+e^{-\ell})$. And $1-\sigma(\ell)=\sigma(-\ell)$. So
#
# $$\log D=-\operatorname{softplus}(-\ell),\qquad
#   \log(1-D)=-\operatorname{softplus}(\ell)\tag{2.2}$$

# %%
logit = torch.linspace(-20, 20, 401, dtype=torch.float64)
D_of = torch.sigmoid(logit)
agrees(-F.softplus(-logit), D_of.log(), tol=1e-7, name="(2.2) log D")
agrees(-F.softplus(logit), torch.log1p(-D_of), tol=1e-6, name="(2.2) log(1 − D)")
refuses(-F.softplus(-logit), torch.log1p(-D_of), tol=1e-6, name="sign of ℓ forgotten")

# %% [markdown]
# ### 1.3 · From a sum to an expectation
#
# $\log L$ grows with $m$: twice the examples, about twice the
# number. The *mean* over pairs settles down, by the law of large numbers:
#
# $$\frac1m\log L\;\xrightarrow{\,m\to\infty\,}\;
#   V(D,G)=\mathbb E_{x\sim p_\text{data}}[\log D(x)]+
#   \mathbb E_{z\sim p_z}[\log(1-D(G(z)))]\tag{2.3}$$
#
# This is the **value function** of the game. D wants it large: that is maximum likelihood
# for the labels. G wants it small. To check (2.3), take two densities on a line that you can
# integrate: two bumps for the data, one wide bump for the generator.

# %%
x = torch.linspace(-12, 12, 8001, dtype=torch.float64)


integrate = partial(torch.trapezoid, x=x)  # ∫ f(x) dx of values f on the grid x


def normal(mean, sd):
    return distributions.Normal(torch.as_tensor(mean).double(), torch.tensor(sd).double())


halves = distributions.Categorical(probs=torch.tensor([0.5, 0.5]).double())
data_1d = distributions.MixtureSameFamily(
    halves, distributions.Normal(torch.tensor([-1.5, 1.5]).double(), 0.5)
)
gen_1d = normal(0.3, 1.2)
p_data, p_g = data_1d.log_prob(x).exp(), gen_1d.log_prob(x).exp()
print(f"both integrate to one: {integrate(p_data):.10f}, {integrate(p_g):.10f}")

# %% [markdown]
# Any discriminator will do, say $\ell(x)=x^2-2$. Its value by quadrature is exact to many digits;
# $\frac1m\log L$ from samples must meet it within a few standard errors.


# %%
def some_logit(x):
    return x**2 - 2


value = integrate(-p_data * F.softplus(-some_logit(x)) - p_g * F.softplus(some_logit(x)))
m = 40_000
terms = -F.softplus(-some_logit(data_1d.sample((m,))))
terms = terms - F.softplus(some_logit(gen_1d.sample((m,))))
error = terms.std() / math.sqrt(m)
agrees(terms.mean(), value, error=error, name="(2.3) (1/m) log L → V")
refuses(terms.sum(), value, error=error, name="log L without 1/m")

# %% [markdown]
# ## 2 · The best discriminator
#
# ### 2.1 · One number at each $x$
#
# Hold G still. If D may be any function, which one is best? If $z$ is drawn from $p_z$, then $G(z)$ *is* a draw from $p_g$. So both expectations can be written as one
# integral over $x$:
#
# $$V(D,G)=\int p_\text{data}(x)\log D(x)+p_g(x)\log(1-D(x))\,dx .$$
#
# D may choose its value at each $x$ freely. So it can make the integrand largest at each $x$ separately: with
# $a=p_\text{data}(x)$ and $b=p_g(x)$, it looks for the number $d$ between 0 and 1 that makes $a\log d+b\log(1-d)$ largest.
#
# **Exercise 02.1 · The best D** · ●○○ · 6 min · code
#
# *Why.* Most of this part follows from this one formula.
#
# Find that $d$ with pen and paper. Then write it as a function of two tensors of probabilities. (Where
# both are zero any value is as good; the check does not ask.)
#
# *Nudge.* Set the derivative in $d$ to zero. What is the derivative of $\log(1-d)$?
#
# *Compare.*
# ```python
# half, some = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
# print(best_discriminator(half, half))  # → tensor([0.5000, 0.5000])
# print(best_discriminator(some, half))  # → tensor([0.3333, 0.6000])
# ```
# (If both distributions are equal, D must say one half.)


# %% exercise="02.1"
def best_discriminator(p_data, p_g):
    """D* at each outcome; p_data, p_g: tensors of one shape."""
    ### BEGIN SOLUTION
    return p_data / (p_data + p_g)
    ### END SOLUTION


# %%
check("02.1", best_discriminator)

# %% [markdown]
# **The derivation.** The derivative of $a\log d+b\log(1-d)$ is $a/d-b/(1-d)$. For $a,b>0$ it is zero
# only at $d=a/(a+b)$. Both terms are concave in $d$, so this is the maximum:
#
# $$D^*(x)=\frac{p_\text{data}(x)}{p_\text{data}(x)+p_g(x)}\tag{2.4}$$
#
# If $b=0$, the best value is $d=1$; if $a=0$, it is $d=0$. This is (2.4) again, but only as a limit: no finite logit reaches 0 or 1.
#
# Now check (2.4) itself. Take two distributions over twelve outcomes, and let a
# numerical optimiser, which knows nothing of the formula, maximise $V$ over twelve logits.

# %%
a, b = torch.randn(2, 12, dtype=torch.float64, generator=generator).softmax(1)
free = torch.zeros(12, dtype=torch.float64, requires_grad=True)


def minimise(loss, free):
    """Descend loss() in the tensor `free` until its gradient is nearly zero."""
    settings = {"max_iter": 300, "tolerance_grad": 1e-11, "tolerance_change": 0}
    optimiser = torch.optim.LBFGS([free], line_search_fn="strong_wolfe", **settings)

    def closure():
        optimiser.zero_grad()
        found = loss()
        found.backward()
        return found

    optimiser.step(closure)


minimise(lambda: (a * F.softplus(-free) + b * F.softplus(free)).sum(), free)
found = torch.sigmoid(free.detach())

# %%
agrees(found, a / (a + b), tol=1e-6, name="(2.4) D*")
refuses(b / (a + b), found, tol=1e-6, name="the classes swapped")

# %% [markdown]
# ### 2.2 · What its logit is
#
# The logit of $D^*$ is simpler than $D^*$ itself. Insert (2.4); the denominators cancel:
#
# $$\ell^*(x)=\log\frac{D^*(x)}{1-D^*(x)}=\log p_\text{data}(x)-\log p_g(x)\tag{2.5}$$
#
# So a discriminator estimates a **log density ratio**. It never sees the two densities. It learns their ratio
# from samples alone.
#
# > **Holds when** D is shown as many generated examples as real ones, and at $x$ at least one of
# > the two densities is positive. If a share $\pi$ of D's examples is real, $\ell^*$ gains the constant
# > $\log\frac{\pi}{1-\pi}$. Where both densities are zero, no training says anything about $\ell$.
#
# Does a network get there? Train a small one on draws from the two densities on the line.

# %%
critic = nn.Sequential(
    nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
)
adam = torch.optim.Adam(critic.parameters(), lr=1e-2)
slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 400)
for _ in range(400):
    real = data_1d.sample((512, 1)).float()
    fake = gen_1d.sample((512, 1)).float()
    loss = F.softplus(-critic(real)).mean() + F.softplus(critic(fake)).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    slower.step()

# %%
log_ratio = data_1d.log_prob(x) - gen_1d.log_prob(x)
with torch.no_grad():
    learned = critic(x.float()[:, None])[:, 0].double()
best = torch.sigmoid(log_ratio)
seen = (p_data + p_g) > 0.05  # where there was something to learn from
agrees(torch.sigmoid(learned)[seen], best[seen], tol=0.08, name="(2.5) trained D")
twice = torch.zeros(12, dtype=torch.float64, requires_grad=True)  # two real for one fake
minimise(lambda: (2 * a * F.softplus(-twice) + b * F.softplus(twice)).sum(), twice)
agrees(twice, a.log() - b.log() + math.log(2), tol=1e-5, name="(2.5) π = 2/3: plus log 2")
refuses(twice, a.log() - b.log(), tol=1e-5, name="(2.5) whatever the shares")

# %%
fig, axes = plots.figure(columns=2, height=3.0)
axes[0].plot(x, p_data, label="p_data")
axes[0].plot(x, p_g, "--", label="p_g")
axes[1].plot(x, best, label="D*, eq. (2.4)")
axes[1].plot(x, torch.sigmoid(learned), "--", label="trained D")
axes[1].axhline(0.5, color=plots.MUTED, lw=0.8)
axes[0].set_ylim(-0.02, 0.5)
axes[1].set_ylim(-0.05, 1.15)
for ax in axes:
    ax.set(xlim=(-5, 5), xlabel="x")
    ax.legend(loc="upper right")
axes[0].set_title("what both draw from", loc="left")
axes[1].set_title("what the discriminator says", loc="left")
plots.show(
    fig,
    alt="Left: the data density with two bumps and a wide generator density. Right: D* rises "
    "above one half over the bumps, and the trained discriminator follows it.",
)

# %% [markdown]
# **What to see.** On the right, D* is above one half where the data are denser, below where the
# generator is, and exactly one half where the curves on the left cross. The trained D
# follows it where there are many samples. Far out there are hardly any, and there it may say
# anything. Remember this when you look at a discriminator's landscape later.

# %% [markdown]
# ## 3 · What the generator minimises against the best discriminator
#
# ### 3.1 · A divergence
#
# How large is $V$ at the best D? The answer will be a divergence that you know. Insert $D^*$ into $V$. Use the mean of the two densities,
# $p_m=\tfrac12(p_\text{data}+p_g)$: then $D^*=p_\text{data}/(2p_m)$ and
# $1-D^*=p_g/(2p_m)$. So
#
# $$V(D^*,G)=\mathbb E_{p_\text{data}}\Bigl[\log\frac{p_\text{data}}{2\,p_m}\Bigr]
#   +\mathbb E_{p_g}\Bigl[\log\frac{p_g}{2\,p_m}\Bigr]
#   =-\log4+\mathrm{KL}(p_\text{data}\|p_m)+\mathrm{KL}(p_g\|p_m).$$
#
# Each expectation gives one $-\log2$, together $-\log4$, and one KL. The two KLs are twice the Jensen–Shannon divergence of lesson 01, which has a
# half in front:
#
# $$V(D^*,G)=-\log 4+2\,\mathrm{JS}(p_\text{data},p_g)\tag{2.6}$$


# %%
def value_of(D, p_data, p_g):
    return (torch.special.xlogy(p_data, D) + torch.special.xlogy(p_g, 1 - D)).sum(-1)


# %%
p, q = torch.randn(2, 200, 12, dtype=torch.float64, generator=generator).mul(2).softmax(-1)
at_best = value_of(p / (p + q), p, q)  # 200 pairs of distributions at once
agrees(at_best, -math.log(4) + 2 * js(p, q), name="(2.6) V(D*, G)")
refuses(-math.log(4) + js(p, q), at_best, name="−log 4 + JS")

# %% [markdown]
# The same for densities: take the two curves of section 1, and an
# integral in place of the sum.

# %%
p_mean = (p_data + p_g) / 2
kl_data = integrate(p_data * (p_data / p_mean).log())
kl_g = integrate(p_g * (p_g / p_mean).log())
js_1d = (kl_data + kl_g) / 2
best_value = integrate(-p_data * F.softplus(-log_ratio) - p_g * F.softplus(log_ratio))
agrees(best_value, -math.log(4) + 2 * js_1d, tol=1e-9, name="(2.6) for densities")

# %% [markdown]
# ### 3.2 · The best generator
#
# JS is zero if and only if the two distributions are equal, and
# positive otherwise (lesson 01). So against the best discriminator
#
# $$\min_G V(D^*,G)=-\log4,\quad\text{reached exactly at }p_g=p_\text{data},
#   \text{ where } D^*=\tfrac12\text{ wherever there are data.}\tag{2.7}$$
#
# ("Wherever there are data": $p_\text{data}$-almost everywhere. Elsewhere an optimal D may say anything.)
# Check it by descending $V(D^*,\cdot)$ on a free $p_g$ from a random start. The wrong form is a generator
# that has collapsed onto the most likely outcome: it is *not* as good.

# %%
target = p[0]
free = torch.randn(12, dtype=torch.float64, generator=generator, requires_grad=True)


def best_value_at(q):
    """V(D*, G) for a generator with distribution q."""
    return value_of(target / (target + q), target, q)


minimise(lambda: best_value_at(free.softmax(0)), free)
reached = free.detach().softmax(0)
collapsed = F.one_hot(target.argmax(), 12).double()
low = -math.log(4)
agrees(reached, target, tol=1e-6, name="(2.7) the minimum is at p_g = p_data")
agrees(best_value_at(reached), low, tol=1e-9, name="(2.7) its value is −log 4")
refuses(best_value_at(collapsed), low, tol=1e-9, name="a collapsed generator as good")

# %% [markdown]
# ### 3.3 · If D is not the best
#
# In training, D is never the best one. What is $V$ then? Compute how much is
# missing. By the definition of $D^*$, $p_\text{data}=(p_\text{data}+p_g)D^*$ and $p_g=(p_\text{data}+p_g)(1-D^*)$.
# Insert both into the difference of the two values:
#
# $$V(D^*,G)-V(D,G)=\int(p_\text{data}+p_g)\Bigl[D^*\log\frac{D^*}D+(1-D^*)\log\frac{1-D^*}{1-D}\Bigr]dx .$$
#
# At each $x$ the bracket is the KL divergence of two Bernoulli distributions, two coins that show "real" with
# probability $D^*(x)$ and $D(x)$. So it is never negative. With (2.6) for $V(D^*,G)$:
#
# $$V(D,G)=-\log4+2\,\mathrm{JS}(p_\text{data},p_g)-\int(p_\text{data}+p_g)\,
#   \mathrm{KL}\bigl(\text{coin}(D^*)\,\|\,\text{coin}(D)\bigr)\,dx\tag{2.8}$$
#
# So $V(D,G)$ is a **lower bound** on $-\log4+2\,\mathrm{JS}$. D's training tightens the bound.
# G's part is to make $V$ small. It can do so in two ways: lower JS, or widen the gap
# by going where D is wrong. That is why the loss of a GAN is not a measure of its quality.

# %%
D = torch.rand(200, 12, dtype=torch.float64, generator=generator).clamp(0.01, 0.99)
coin_best, coin = distributions.Bernoulli(p / (p + q)), distributions.Bernoulli(D)
gap = ((p + q) * distributions.kl_divergence(coin_best, coin)).sum(-1)
bound = -math.log(4) + 2 * js(p, q)
agrees(value_of(D, p, q), bound - gap, name="(2.8) V at any D")
refuses((value_of(D, p, q) + math.log(4)) / 2, js(p, q), name="(V + log 4)/2 of any D as JS")

# %% [markdown]
# ### 3.4 · When nothing overlaps
#
# Suppose that no $x$ is possible under both. Then at each $x$ one of the
# two densities is zero, so $p_m$ is half of the other, and each KL is $\log2$:
#
# $$\operatorname{supp}p_\text{data}\cap\operatorname{supp}p_g=\varnothing
#   \;\Rightarrow\;\mathrm{JS}=\log2,\quad V(D^*,G)=0\tag{2.9}$$
#
# *however far apart they are*.
#
# > **Holds when** there is a set that has probability one under $p_\text{data}$ and probability zero under $p_g$. Supports without a common point are one case.
# > Supports that *cross* are another, if the crossing has probability zero under both: two curves
# > in the plane that meet in a point.
#
# For images this is held to be the normal case at the start: they seem to lie near thin sheets in pixel space, and early fakes
# lie elsewhere. In the cell, slide a unit Gaussian away from the
# data and look at JS and at its slope.


# %%
def divergences(shift, sd=1.0):
    """JS, KL(g ‖ data) between N(0, 1) and N(shift, sd²), by quadrature on a wide grid."""
    grid = torch.linspace(-60, 60, 24001, dtype=torch.float64)
    log_p, log_g = normal(0.0, 1.0).log_prob(grid), normal(shift, sd).log_prob(grid)
    log_m = torch.logaddexp(log_p, log_g) - math.log(2)
    sides = log_p.exp() * (log_p - log_m) + log_g.exp() * (log_g - log_m)
    reverse = torch.trapezoid(log_g.exp() * (log_g - log_p), grid)
    return torch.trapezoid(sides, grid) / 2, reverse


def best_value_by_draws(shift, n=100_000):
    """V(D*, G) of the same two Gaussians from draws, and its standard error."""
    p, g = normal(0.0, 1.0), normal(shift, 1.0)
    real, fake = p.sample((n,)), g.sample((n,))
    terms = -F.softplus(g.log_prob(real) - p.log_prob(real))
    terms = terms - F.softplus(p.log_prob(fake) - g.log_prob(fake))
    return terms.mean(), terms.std() / math.sqrt(n)


def slope(index, shift):
    at = torch.tensor(shift, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(divergences(at)[index], at)[0]


# %%
agrees(divergences(20.0)[0], math.log(2), tol=1e-9, name="(2.9) JS at distance 20")
refuses(2 * math.log(2), divergences(20.0)[0], tol=1e-9, name="JS with its half forgotten")
for shift in (2.0, 4.0):  # on the way there, by another route: D* on draws
    drawn, error = best_value_by_draws(shift)
    by_js = -math.log(4) + 2 * divergences(shift)[0]
    agrees(drawn, by_js, error=error, name=f"V(D*, G) from draws, distance {shift:.0f}")
agrees(best_value_by_draws(20.0)[0], 0, tol=1e-9, name="(2.9) V(D*, G) from draws, distance 20")
agrees(slope(0, 20.0), 0, tol=1e-9, name="slope of JS at distance 20")
agrees(slope(1, 20.0), 20, tol=1e-6, name="slope of KL(g ‖ data) there")

# %%
shifts = torch.linspace(0, 8, 41).tolist()
fig, axes = plots.figure(columns=2, height=3.0)
for index, (name, style) in enumerate([("JS", "-"), ("KL(g ‖ data)", "--")]):
    axes[0].plot(shifts, [divergences(s)[index] for s in shifts], style, label=name)
    axes[1].plot(shifts, [slope(index, s) for s in shifts], style, label=f"slope of {name}")
axes[0].axhline(math.log(2), color=plots.MUTED, lw=0.8)
axes[0].text(4.6, math.log(2) + 0.06, "log 2", color=plots.MUTED)
axes[0].set(ylim=(0, 3), ylabel="nats")
axes[0].set_title("the divergence", loc="left")
axes[1].set(ylim=(0, 3))
axes[1].set_title("its slope: what G learns from", loc="left")
for ax in axes:
    ax.set_xlabel("distance between the two Gaussians")
    ax.legend()
plots.show(
    fig,
    alt="Left: JS comes close to log 2 by distance 5 and flattens; KL keeps growing. Right: the "
    "slope of JS returns nearly to zero, that of KL grows in proportion to the distance.",
)

# %% [markdown]
# **What to see.** On the left JS is nearly flat from a distance of about five standard deviations on. On the right is its
# slope, all that the generator would be given; it is nearly zero just when the
# generator is worst. The KL does not saturate on these Gaussians, whose tails always overlap.
# Where nothing overlaps at all it is infinite, and gives no direction either. Keep
# this picture in mind for lesson 05, where the Wasserstein distance repairs it.

# %% [markdown]
# ## 4 · Two losses for the generator
#
# ### 4.1 · How strongly they push
#
# Goodfellow et al. (2014) let G descend its part of $V$ (their Algorithm 1, our section 7). For practice they propose another loss. Here are the two:
#
# $$L_\text{sat}=\mathbb E_z[\log(1-D(G(z)))],\qquad
#   L_\text{ns}=-\mathbb E_z[\log D(G(z))].$$
#
# They are called *saturating* and *non-saturating*. Both fall when D's logit on a fake rises. They differ in how strongly they ask for it. Differentiate (2.2):
#
# $$\frac{\partial L_\text{sat}}{\partial\ell}=-\sigma(\ell)=-D,\qquad
#   \frac{\partial L_\text{ns}}{\partial\ell}=-(1-\sigma(\ell))=-(1-D)\tag{2.10}$$

# %%
logit = torch.linspace(-30, 30, 601, dtype=torch.float64, requires_grad=True)
saturating, non_saturating = -F.softplus(logit), F.softplus(-logit)
(sat_slope,) = torch.autograd.grad(saturating.sum(), logit)
(ns_slope,) = torch.autograd.grad(non_saturating.sum(), logit)
D_fake = torch.sigmoid(logit.detach())
agrees(sat_slope, -D_fake, tol=1e-8, name="(2.10) slope of log(1 − D)")
agrees(ns_slope, -(1 - D_fake), tol=1e-8, name="(2.10) slope of −log D")
refuses(sat_slope, -(1 - D_fake), tol=1e-8, name="the two slopes swapped")

# %%
fig, axes = plots.figure(columns=2, height=3.0)
at = logit.detach()
axes[0].plot(at, saturating.detach(), label="saturating: log(1 − D)")
axes[0].plot(at, non_saturating.detach(), "--", label="non-saturating: −log D")
axes[1].plot(at, sat_slope, label="saturating: −D")
axes[1].plot(at, ns_slope, "--", label="non-saturating: −(1 − D)")
axes[0].set(ylim=(-8, 8), ylabel="nats")
axes[0].set_title("the loss of one fake", loc="left")
axes[1].set(ylim=(-1.1, 0.4))
axes[1].set_title("its slope", loc="left")
for ax in axes:
    ax.axvspan(-8, -4, color=plots.MUTED, alpha=0.15, lw=0)
    ax.set(xlim=(-8, 8), xlabel="D's logit ℓ on a fake")
    ax.legend(loc="upper right")
plots.show(
    fig,
    alt="Left: both losses fall with the logit. Right: for very negative logits the slope of "
    "the saturating loss is zero and that of the non-saturating one is minus one.",
)

# %% [markdown]
# **What to see.** The grey strip in both panels shows logits from −8 to −4. D is sure there that the example is fake. At the end of section 10's first
# training on digits about six in ten fakes lie in this strip. (On the ring of section 9 D is hardly ever so sure: in the first training there the mean of $D(G(z))$ stays above .3.) In the strip the saturating loss
# is almost flat, and the non-saturating one has a slope of almost −1. At $\ell=0$ the two slopes are equal. Everywhere the
# non-saturating slope is $(1-D)/D$ times the saturating one.
#
# ### 4.2 · Where they stop
#
# Do the two losses agree on where to stop? Both gradients reach G through $\nabla_x\ell(x)$, D's slope at the fake. Take
# $p_g=p_\text{data}$ and $D=D^*$: then the logit is zero wherever there are data. If the data's density is positive in the
# whole neighbourhood of $x$, the logit is zero there, so $\nabla_x\ell=0$ and both gradients vanish. The two losses then agree on where to stop,
# not on how fast to go.
#
# If the data lie on a thin sheet, as images may, this need not be so. *On* the sheet an optimal
# logit is zero; *across* it nothing is fixed. An example: take the line $x_2=0$ in the plane, $p_g=p_\text{data}$ on it, and $D(x)=\sigma(5x_2)$.
# On the line $\ell=0$, so D says ½ there: this D is optimal. But $\partial\ell/\partial x_2=5$. Let G's parameter be a shift of all its examples across the line. At shift zero
# both losses have, by (2.10), the slope $-5\cdot\tfrac12$ in it. So both push G off the line.

# %%
sheet = torch.stack([torch.linspace(-2, 2, 1001), torch.zeros(1001)], 1).double()
off = torch.zeros((), dtype=torch.float64, requires_grad=True)  # G's parameter: a step across
logit_of_D = 5 * (sheet[:, 1] + off)
value_on_sheet = (-F.softplus(-5 * sheet[:, 1]) - F.softplus(5 * sheet[:, 1])).mean()
(push,) = torch.autograd.grad(F.softplus(-logit_of_D).mean(), off, retain_graph=True)
(saturating,) = torch.autograd.grad(-F.softplus(logit_of_D).mean(), off)
agrees(value_on_sheet, -math.log(4), name="this D is optimal: V = −log 4")
agrees(push, -2.5, name="and yet G is pushed off the sheet, with slope −5 (1 − ½)")
agrees(saturating, -2.5, name="by the saturating loss, too")
refuses(push, 0, name="at the solution G's gradient vanishes, always")

# %% [markdown]
# So with either loss a GAN on a thin sheet need not rest even when it has arrived. Lesson 05 has a remedy (a penalty on D's slope at the data).
#
# ### 4.3 · What the non-saturating loss descends
#
# We want the gradient of $L_\text{ns}=-\mathbb E_{p_g}[\log D^*]$ in $\theta$, with D at its best.
# Compute $D^*$ for the present generator, call the density of this generator $p_0$, and freeze both. Now change $\theta$: only the examples
# move, and with them $p_g$. By (2.4) $D^*/(1-D^*)=p_\text{data}/p_0$, so
#
# $$-\log D^*=\log\frac{p_0}{p_\text{data}}-\log(1-D^*).$$
#
# *The second part.* Its mean is $-L_\text{sat}$. To find the gradient of $L_\text{sat}$, begin with that of $2\,\mathrm{JS}$. By (2.6) $2\,\mathrm{JS}=V(D^*_\theta,G_\theta)+\log4$,
# where the best D is *not* frozen: it follows $\theta$. Then $\theta$ enters $V$ twice:
#
# $$\frac{d}{d\theta}V(D^*_\theta,G_\theta)=\frac{\partial V}{\partial D}\,\frac{dD^*_\theta}{d\theta}+\frac{\partial V}{\partial\theta}.$$
#
# The first term is zero: $D^*_\theta$ is at the top of $V$, where $V$ is flat in D. The second term is the change with D frozen. Of the two means in $V$
# only $\mathbb E_{p_g}[\log(1-D^*)]=L_\text{sat}$ depends on G. So $\nabla L_\text{sat}=\nabla\,2\,\mathrm{JS}$.
#
# *The first part.* Its mean is
# $\mathbb E_{p_g}[\log p_0-\log p_\text{data}]$. This is $\mathrm{KL}(p_g\|p_\text{data})$ with one difference: $p_0$ stands still. Letting it move would add
# $\mathbb E_{p_g}[\nabla\log p_g]=\int p_g\,\nabla\log p_g\,dx$. By the chain rule $p_g\,\nabla\log p_g=\nabla p_g$. Differentiation and integration change places, and
# $\int\nabla p_g\,dx=\nabla\!\int p_g\,dx=\nabla1=0$. So the gradient is that of the KL. Add both parts
# (Arjovsky and Bottou, 2017, Theorem 2.5):
#
# $$\nabla_\theta L_\text{sat}\Big|_{D^*}=\nabla_\theta\,2\,\mathrm{JS},\qquad
#   \nabla_\theta L_\text{ns}\Big|_{D^*}=\nabla_\theta\bigl[\mathrm{KL}(p_g\|p_\text{data})
#   -2\,\mathrm{JS}\bigr]\tag{2.11}$$
#
# > **Holds when** $p_g$ has a density, positive only where $p_\text{data}$ is ($p_g\ll p_\text{data}$; otherwise the KL is
# > infinite), smooth in $\theta$ and decaying fast enough that differentiation and integration may change places, and $D=D^*$ exactly.
#
# Check it on a generator with two parameters, $G(z)=\mu+e^{s}z$. The left sides come from
# autograd through $G(z)$ with D frozen; the right sides from autograd through the densities.

# %%
theta = torch.tensor([0.3, math.log(1.2)], dtype=torch.float64, requires_grad=True)
z = torch.linspace(-9, 9, 6001, dtype=torch.float64)
weight = normal(0.0, 1.0).log_prob(z).exp()
frozen = normal(*theta.detach()[:1], float(theta[1].detach().exp()))


def gradient(scalar):
    return torch.autograd.grad(scalar, theta, retain_graph=True)[0]


made = theta[0] + theta[1].exp() * z
logit_best = data_1d.log_prob(made) - frozen.log_prob(made)  # D*, frozen, seen by G
sat_gradient = gradient(torch.trapezoid(-weight * F.softplus(logit_best), z))
ns_gradient = gradient(torch.trapezoid(weight * F.softplus(-logit_best), z))

# %%
log_g = distributions.Normal(theta[0], theta[1].exp()).log_prob(x)
log_d = data_1d.log_prob(x)
log_m = torch.logaddexp(log_g, log_d) - math.log(2)
reverse = integrate(log_g.exp() * (log_g - log_d))
two_js = integrate(log_d.exp() * (log_d - log_m)) + integrate(log_g.exp() * (log_g - log_m))
agrees(sat_gradient, gradient(two_js), tol=1e-6, name="(2.11) saturating")
agrees(ns_gradient, gradient(reverse - two_js), tol=1e-6, name="(2.11) non-saturating")
refuses(gradient(two_js), ns_gradient, tol=1e-6, name="the JS claim for the other loss")
to_middle = 2 * integrate(log_m.exp() * (log_m - log_d))
agrees(reverse - two_js, to_middle, tol=1e-6, name="KL(g ‖ data) − 2 JS = 2 KL(m ‖ data)")

# %% [markdown]
# So "a GAN minimises the Jensen–Shannon divergence" is true of the saturating loss only, and at
# $D=D^*$ only. With the usual loss, the non-saturating one, the gradient at $D^*$ is that of
# $\mathrm{KL}(p_g\|p_\text{data})-2\,\mathrm{JS}$. Is a difference still a divergence? Write it out, with $p_m=\tfrac12(p_\text{data}+p_g)$:
#
# $$\int p_g\log\frac{p_g}{p_\text{data}}-\int p_g\log\frac{p_g}{p_m}-\int p_\text{data}\log\frac{p_\text{data}}{p_m}
#   =\int(p_g+p_\text{data})\log\frac{p_m}{p_\text{data}}=2\,\mathrm{KL}(p_m\|p_\text{data}).$$
#
# In the first two integrals $\log p_g$ cancels. In the third the sign turns the fraction round. In the last step $p_g+p_\text{data}=2p_m$. The last check computes both ends
# (Shannon et al., 2020). So yes: it is a divergence, zero only at $p_g=p_\text{data}$. Like the reverse KL it
# punishes implausible examples, and it forgives missing modes even more easily. If two of eight equal modes are missing, the reverse KL
# is $\log\frac86=.29$ nats, and this one .10. That fits a
# GAN without all modes. It proves nothing: in practice D is not D*, and other things collapse a GAN too.
#
# You can now answer the question of the beginning, for a perfect D: the saturating game makes JS smaller, and the usual one $2\,\mathrm{KL}(p_m\|p_\text{data})$. For the D
# of a real training (2.8) is what remains: a bound.

# %% [markdown]
# ### 4.4 · Any f-divergence as a game (optional)
#
# JS is one choice of many; here are the others, and their games. Write $p$ for $p_\text{data}$, $q$ for $p_g$, and $u=p/q$. Each convex function $f$ of positive
# numbers gives an **f-divergence** $D_f(p\|q)=\mathbb E_q[f(u)]$. For $f(u)=u\log u$ it is the KL. For $f(u)=(u-1)^2$ it is Pearson's $\chi^2$.
#
# A convex function lies above its tangents. Among the lines $tu-c$ of slope $t$, the tangent is the highest that nowhere passes above $f$. Such a line needs
# $c\ge tu-f(u)$ at every $u$, and the highest has the smallest such $c$: $f^*(t)=\sup_u[tu-f(u)]$, called the *conjugate* of $f$.
# So $f(u)\ge tu-f^*(t)$, with equality at $t=f'(u)$. At each $x$ choose a slope $T(x)$, multiply by $q(x)$, and add up. Since $q\,u=p$,
#
# $$D_f(p\|q)=\sup_T\,\bigl\{\mathbb E_p[T]-\mathbb E_q[f^*(T)]\bigr\},\qquad T^*=f'(p/q)\tag{2.12}$$
#
# > **Holds when** $p$ is zero wherever $q$ is ($p\ll q$), and $D_f$ is finite. Every $T$ must take values where $f^*$ is finite.
#
# Now take $f(u)=u\log u-(u+1)\log(u+1)$. Its tangent has slope $t$ where $t=f'(u)=\log\frac u{u+1}$, so at $u=e^t/(1-e^t)$, for $t<0$. Insert this $u$ into $tu-f(u)$:
# what remains is the conjugate, $f^*(t)=-\log(1-e^t)$. Put $T=\log D$:
#
# $$\mathbb E_p[T]-\mathbb E_q[f^*(T)]=\mathbb E_p[\log D]+\mathbb E_q[\log(1-D)]=V(D,G)\tag{2.13}$$
#
# So the game of this lesson is one case, with $D_f=-\log4+2\,\mathrm{JS}$. (The constant comes from $f(1)=-\log4$. For a divergence that is zero at $p=q$ one takes an $f$ with $f(1)=0$.) Both terms are means, so draws are enough, and $T$ may be a network: a GAN for
# each $f$ (Nowozin et al., 2016). The wrong form takes the GAN's logit, $\log u$, for the best $T$ of every game.


# %% tags=["optional"]
FAMILY = {  # each with its f and its conjugate f*
    "−log 4 + 2 JS": (
        lambda u: u * u.log() - (u + 1) * (u + 1).log(),
        lambda t: -(-t.expm1()).log(),
    ),
    "KL(p ‖ q)": (lambda u: u * u.log(), lambda t: (t - 1).exp()),
    "χ²(p ‖ q)": (lambda u: (u - 1).square(), lambda t: t + t.square() / 4),
}


def best_T(f, ratio):
    """f′(p/q) at each outcome, by autograd."""
    u = ratio.clone().requires_grad_()
    return torch.autograd.grad(f(u).sum(), u)[0]


def variational(T, conjugate, p, q):
    """E_p[T] − E_q[f*(T)]; T, p, q: (…, outcomes)."""
    return (p * T - q * conjugate(T)).sum(-1)


# %% tags=["optional"]
by_formula = {  # what each divergence is, without f and without T
    "−log 4 + 2 JS": -math.log(4) + 2 * js(p, q),
    "KL(p ‖ q)": (p * (p.log() - q.log())).sum(-1),
    "χ²(p ‖ q)": (p**2 / q).sum(-1) - 1,
}
same_noise = torch.Generator().manual_seed(16)  # its own: no later draw changes
other = p / q * (0.5 + torch.rand(200, 12, dtype=torch.float64, generator=same_noise))
for name, (f, conjugate) in FAMILY.items():
    found = variational(best_T(f, p / q), conjugate, p, q)
    agrees(found, by_formula[name], tol=1e-8, name=f"(2.12) {name} at T*")
    assert (variational(best_T(f, other), conjugate, p, q) < by_formula[name]).all()
refuses(variational((p / q).log(), conjugate, p, q), found, tol=1e-8, name="χ²: log p/q for T*")
minimax = FAMILY["−log 4 + 2 JS"][1]
agrees(variational(D.log(), minimax, p, q), value_of(D, p, q), name="(2.13) V at any D")

# %% [markdown]
# Does one trained D know all three? That of section 2 estimates $u$ by $e^{\ell}$. Put $T=f'(e^\ell)$ into (2.12), on the line.

# %% tags=["optional"]
for name, (f, conjugate) in FAMILY.items():
    by_D, exact = (
        integrate(p_data * T - p_g * conjugate(T))
        for T in (best_T(f, learned.exp()), best_T(f, log_ratio.exp()))
    )
    print(f"{name:13} exact {exact:7.4f}, by the trained D at least {by_D:7.4f}")

# %% [markdown]
# **What to see.** On each line the second number is a little below the first. D had learned from draws only, and it bounds all three.

# %% [markdown]
# ## 5 · The sigmoid trap
#
# Many public GANs end D with a sigmoid and use `BCELoss`. On paper that is the same loss.
# In float32 it is not, for three reasons. First, PyTorch clamps the logarithm at −100. Second, in the gradient it divides by
# $D(1-D)$, but never by less than $10^{-12}$: for logits below about −28 the slope dies. Third, for logits above about +17
# the sigmoid is rounded to 1. See what your PyTorch does with one example.


# %%
def loss_and_slope(logit, label, trap):
    at = torch.tensor([logit], requires_grad=True)
    label = torch.tensor([label])
    if trap:
        loss = F.binary_cross_entropy(torch.sigmoid(at), label)
    else:
        loss = F.binary_cross_entropy_with_logits(at, label)
    return loss.item(), torch.autograd.grad(loss, at)[0].item()


print(f"PyTorch {torch.__version__}, float32")
print("label  logit   sigmoid + BCELoss      from the logit")
for label, logit in [(1, -5), (1, -28), (1, -50), (1, -120), (0, 5), (0, 30)]:
    trap = loss_and_slope(float(logit), float(label), trap=True)
    safe = loss_and_slope(float(logit), float(label), trap=False)
    print(
        f"{label:5} {logit:6}   loss {trap[0]:5.1f}, slope {trap[1]:<8.1g}"
        f"  loss {safe[0]:5.1f}, slope {safe[1]:.1g}"
    )

# %%
agrees(loss_and_slope(-50.0, 1.0, trap=False)[1], -1, tol=1e-6, name="slope from the logit")
refuses(loss_and_slope(-50.0, 1.0, trap=True)[1], -1, tol=1e-6, name="sigmoid + BCELoss")
agrees(loss_and_slope(30.0, 0.0, trap=False)[0], 30, tol=1e-5, name="loss from the logit")

# %% [markdown]
# **What to see.** Take the row with label 1 and logit −50: G should be pulled with slope −1 and is pulled with
# about −2·10⁻¹⁰. The *loss* still looks fine. At −120 even the loss is wrong: 100, the
# clamp. Take label 0 and logit 30: D is fully fooled, its loss reads 100, and it learns nothing
# from it. So a log with "Loss_D 0, Loss_G 100" need not show that G has no way out: its
# gradient may have been rounded away. Work with logits and it can't happen.

# %% [markdown]
# # Part B · Play it
#
# A good place to begin again after a break. Time: {{part:B}}. Afterwards you can write the losses and the game in code, say why a game can circle, and train a GAN whose modes you can count.

# %% [markdown]
# ## 6 · From equation to code
#
# Now write both losses. They get logits of shape (B,) and give means over the batch, in
# nats. A player always *descends* its loss, so D's loss is $-V$. Keep its two terms apart,
# because you will want to see both.
#
# **Exercise 02.2 · D's loss** · ●○○ · 5 min · code
#
# *Why.* If it passes, it trains, together with 02.3, the GANs of section 9.
#
# Write D's loss as a dictionary with the terms `"real"` and `"fake"`.
#
# *Nudge.* (2.2) has both logarithms as softplus. Which sign turns something to be climbed into something to be descended?
#
# *Compare.*
# ```python
# unsure, sure = torch.zeros(4), torch.full((4,), 3.0)
# print(discriminator_loss(unsure, unsure))  # → {'real': tensor(0.6931), 'fake': tensor(0.6931)}
# print(discriminator_loss(sure, -sure))  # → {'real': tensor(0.0486), 'fake': tensor(0.0486)}
# ```
# (A D that says ½ to everything pays $\log2$ for each term.)


# %% exercise="02.2"
def discriminator_loss(real, fake):
    """−V as two terms; real, fake: logits (B,) of data and of generated examples."""
    ### BEGIN SOLUTION
    return {"real": F.softplus(-real).mean(), "fake": F.softplus(fake).mean()}
    ### END SOLUTION


# %%
passed = check("02.2", discriminator_loss)

# %% [markdown]
# **Exercise 02.3 · G's loss** · ●○○ · 5 min · code
#
# *Why.* The two objectives differ in two signs, and a wrong sign gives no error: G then helps D.
#
# Write G's loss, for either objective of section 4. It is to be descended.
#
# *Nudge.* Which of the two terms in (2.2) is in $L_\text{sat}$? And both losses must *fall* when the logit rises.
#
# *Compare.*
# ```python
# low, high = torch.full((4,), -3.0), torch.full((4,), 3.0)
# print(generator_loss(low, "saturating"), generator_loss(high, "saturating"))  # → tensor(-0.0486) tensor(-3.0486)
# print(generator_loss(low, "non-saturating"))  # → tensor(3.0486)
# ```


# %% exercise="02.3"
def generator_loss(fake, objective):
    """G's loss from the logits (B,) of its examples; "saturating" or "non-saturating"."""
    ### BEGIN SOLUTION
    if objective == "saturating":
        return -F.softplus(fake).mean()
    return F.softplus(-fake).mean()
    ### END SOLUTION


# %%
passed = check("02.3", generator_loss) and passed

# %% [markdown]
# If both checks pass, *your* two functions train the GANs of section 9, and those of case file E19. If not,
# the library's do, and nothing stops you from going on. Either way they must agree.

# %%
if passed:
    d_loss, g_loss = discriminator_loss, generator_loss
else:
    d_loss, g_loss = library.discriminator_loss, library.generator_loss
print("trained below with", "your own losses" if passed else "the library's losses")

real, fake = 5 * torch.randn(2, 64, dtype=torch.float64, generator=generator)
for term, found in d_loss(real, fake).items():
    theirs = library.discriminator_loss(real, fake)[term]
    agrees(found, theirs, tol=1e-6, name=f"D's {term} term")
for name in library.OBJECTIVES:
    theirs = library.generator_loss(fake, name)
    agrees(g_loss(fake, name), theirs, tol=1e-6, name=f"G, {name}")
refuses(g_loss(fake, "saturating"), g_loss(fake, "non-saturating"), name="one for the other")

# %% [markdown]
# ## 7 · Algorithm 1 is a game
#
# Here is Algorithm 1 of Goodfellow et al. (2014) in words, and the words of `course_lib.training` for it:
#
# | Algorithm 1 | in the code |
# |---|---|
# | two sets of parameters, each with its own gradient | two **players**: name, parameters, optimiser |
# | "for $k$ steps": sample noise and data, ascend $\nabla_\psi V$ | a **move** of D, `times=k` |
# | then: sample noise, descend $\nabla_\theta V$ | a **move** of G |
# | one training iteration | a **round**: the list of moves |
#
# A move is a function. It gets a `source`, which hands out a batch of data (`source.batch().x`) and noise (`source.normal(B, 2)`). It gives back who has which loss, each split into
# named terms: `{player: {term: loss}}`. A player descends the sum of its terms.
#
# A player improves its own loss in *its own* parameters only. That one rule replaces every
# `detach()` and every "freeze the other network" that you have seen in GAN code.
#
# The laboratory is a ring: eight narrow Gaussians on a circle. It has two dimensions, so
# you can see everything, and eight separate modes, so you can count what gets lost.

# %%
ring = data.toy.Ring(modes=8, radius=2.0, sigma=0.05)
ring_set = ring.data_set(20_000, seed=2)
BATCH = 128


def networks(seed):
    """A fresh generator (2 → 2) and discriminator (2 → one logit)."""
    training.seed_all(seed)
    G = nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )
    D = nn.Sequential(
        nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2),
        nn.Linear(64, 1), nn.Flatten(0),
    )  # fmt: skip
    return G, D


# %% [markdown]
# Here is the whole of Algorithm 1. Compare it with the table, line by line.


# %%
def ring_game(G, D, k=1, objective="non-saturating"):
    adam = training.adam(1e-3, betas=(0.5, 0.999))
    player_D = training.Player("D", D.parameters(), adam)
    player_G = training.Player("G", G.parameters(), adam)

    def discriminate(source):
        x = source.batch().x
        z = source.normal(len(x), 2)
        return {"D": d_loss(D(x), D(G(z)))}

    def generate(source):
        z = source.normal(BATCH, 2)
        return {"G": {"fake": g_loss(D(G(z)), objective)}}

    moves = [
        training.Move([player_D], discriminate, times=k),
        training.Move([player_G], generate),
    ]
    return training.Game(moves)


# %% [markdown]
# **Which term depends on which network?** Ask autograd. $\log D(x)$ knows nothing of G;
# the fake terms depend on both networks.


# %%
def reached_by(term, networks):
    """The names of the networks that a loss term has a gradient in."""
    names = set()
    for name, network in networks.items():
        weights = list(network.parameters())
        gradients = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
        if any(g is not None for g in gradients):
            names.add(name)
    return names


G, D = networks(seed=0)
source = training.Source(ring_set, BATCH, seed=0)
depends = {}
for move in ring_game(G, D).round:
    for player, terms in move.losses(source).items():
        for term, loss in terms.items():
            depends[f"{player}.{term}"] = reached_by(loss, {"D": D, "G": G})
print({term: sorted(names) for term, names in depends.items()})
assert depends == {"D.real": {"D"}, "D.fake": {"D", "G"}, "G.fake": {"D", "G"}}

# %% [markdown]
# D's fake term depends on G, and yet G must stand still in D's move: Algorithm 1 takes that
# gradient in $\psi$ only. Play D's move alone, and then the whole round.


# %%
def weights(network):
    return torch.cat([p.detach().flatten().clone() for p in network.parameters()])


before_D, before_G = weights(D), weights(G)
full_round = ring_game(G, D)
only_D = training.Game(full_round.round[:1])
training.fit(only_D, ring_set, rounds=1, batch=BATCH, progress=False)
agrees(weights(G), before_G, tol=1e-12, name="after D's move G is as it was")
training.fit(full_round, ring_set, rounds=1, batch=BATCH, progress=False)
refuses(weights(G), before_G, tol=1e-12, name="after a whole round G is as it was")

# %% [markdown]
# **The two moves in one picture.** Blue arrows carry values forwards, orange ones carry a gradient back. A coloured box changes its weights in this move, a grey one does not. A double frame marks the data.
#
# ![Two pictures. In D's move the gradient of the loss goes into D and ends there; its way on to G exists, ends at a bar and is not followed. In G's move the gradient passes through D, whose weights stay, and ends in G.](drawing:gan-moves)
#
# In D's move the fakes depend on G too, so a gradient for G exists. It is not followed. In G's move the gradient has to pass *through* D, because G is only judged by D: without D's slope G would learn nothing. But D's weights stay as they are.

# %% [markdown]
# ## 8 · The smallest game: $f(x,y)=xy$
#
# ### 8.1 · Both at once
#
# Before two networks, two numbers, $x$ and $y$ (no data, no labels). Player $x$ descends $f=xy$, player $y$ climbs it. The *solution* of a game (its **equilibrium**) is a
# state in which neither player gains by moving alone. Here it is $(0,0)$: at $y=0$ no $x$ makes $f$ smaller, at $x=0$ no $y$ makes it larger. With step size $\eta$ there are two ways to play:
#
# - **simultaneous**: both step from the same old state,
#   $x'=x-\eta y,\; y'=y+\eta x$;
# - **alternating**: $y$ sees the new $x$, $\;x'=x-\eta y,\; y'=y+\eta x'$. Algorithm 1
#   alternates.
#
# First the simultaneous game. Its squared distance from the solution is $x'^2+y'^2=(x-\eta y)^2+(y+\eta x)^2$. Multiply out: the mixed terms
# cancel, and $(1+\eta^2)(x^2+y^2)$ remains. So each step multiplies the distance by the same factor:
#
# $$r'=r\sqrt{1+\eta^2}\tag{2.14}$$
#
# It spirals out for *every* step size.
#
# **Exercise 02.4 · Taking turns** · ●○○ · 4 min · code
#
# *Why.* One changed letter decides between moving away for ever and going round.
#
# Write one round of the alternating game.
#
# *Nudge.* Which $x$ does $y$ see?
#
# *Compare.*
# ```python
# print(alternating_step(1.0, 0.0, 0.2))  # → (1.0, 0.2)
# print(alternating_step(0.0, 1.0, 0.2))  # → (-0.2, 0.96)
# ```


# %% exercise="02.4"
def alternating_step(x, y, eta):
    """One round of the alternating game, x first; gives the new (x, y)."""
    ### BEGIN SOLUTION
    x = x - eta * y
    y = y + eta * x
    return x, y
    ### END SOLUTION


# %%
alternate = alternating_step
if not check("02.4", alternating_step):
    alternate = lesson_02.alternating_step


# %%
def simultaneous_step(x, y, eta):
    return x - eta * y, y + eta * x


def path(step, eta, rounds, start=(1.0, 0.4)):
    """All states (rounds + 1, 2) of one player against the other."""
    states = [start]
    for _ in range(rounds):
        states.append(step(*states[-1], eta))
    return torch.tensor(states, dtype=torch.float64)


eta = 0.2
radius = path(simultaneous_step, eta, 100).norm(dim=1)
factors = radius[1:] / radius[:-1]
agrees(factors, math.sqrt(1 + eta**2), name="(2.14) growth of the radius in each round")
refuses(factors, 1.0, name="simultaneous play keeps its distance")

# %% [markdown]
# ### 8.2 · In turns
#
# What does alternating play keep? Look for a quadratic form $x^2+y^2+c\,xy$ that a round
# leaves as it was. Start at $(1,0)$: the value is 1. One round leads to $(1,\eta)$, with
# value $1+\eta^2+c\,\eta$. The two are equal only for $c=-\eta$. With this $c$ the form is kept
# from every start (multiply it out):
#
# $$x'^2+y'^2-\eta\,x'y'=x^2+y^2-\eta\,xy\tag{2.15}$$
#
# Compare the form with the squared distance $r^2=x^2+y^2$. Since $|xy|\le\tfrac12r^2$, the form lies between
# $(1-\tfrac\eta2)r^2$ and $(1+\tfrac\eta2)r^2$. For $\eta<2$ both factors are positive, and the form keeps its first value $F$. So $r^2$ always lies between
# $F/(1+\tfrac\eta2)$ and $F/(1-\tfrac\eta2)$: the state can't move away, and it can't reach the solution
# either, unless it starts there. The level lines of the form are ellipses. So alternating play on this game is bounded, not convergent. (If $y$ moves first,
# the sign turns: the form is then $x^2+y^2+\eta\,xy$.)

# %%
states = path(alternate, eta, 1000)
x_path, y_path = states.T
kept = x_path**2 + y_path**2 - eta * x_path * y_path
agrees(kept, kept[0], tol=1e-4, name="(2.15) kept over 1000 rounds")
refuses(x_path**2 + y_path**2, kept[0], name="the radius kept")
low, high = ((kept[0] / (1 + sign * eta / 2)).sqrt() for sign in (1, -1))
print(
    f"radius: {states.norm(dim=1).min():.4f} to {states.norm(dim=1).max():.4f}, "
    f"from (2.15) at least {low:.4f} and at most {high:.4f}"
)
assert bool(
    (states.norm(dim=1) >= low - 1e-4).all() & (states.norm(dim=1) <= high + 1e-4).all()
)

# %%
fig, axes = plots.figure(columns=2, height=4.3)
for ax, step, name in zip(
    axes, (simultaneous_step, alternate), ("simultaneous: spirals out", "alternating: bounded"),
    strict=True,
):  # fmt: skip
    states = path(step, 0.4, 20)
    ax.plot(*states.T, "o-", ms=3, lw=1)
    ax.plot(*states[0], "o", color=plots.INK, ms=7, label="start")
    ax.plot(0, 0, "*", color=plots.PALETTE[1], ms=13, label="solution")
    ax.set(xlim=(-5, 5), ylim=(-5, 5), aspect="equal")
    ax.set_title(name, loc="left")
    ax.set(xlabel="x (descends)", ylabel="y (climbs)")
axes[0].legend(loc="lower left")
plots.show(
    fig,
    alt="Left: simultaneous steps spiral outwards from the start. Right: alternating steps "
    "stay on a closed ellipse around the solution.",
)

# %% [markdown]
# **What to see.** Same game, same step size (.4), same start, 20 rounds. On the left the state
# moves away for ever. On the right it goes round an ellipse, tilted to this side because $x$ moves
# first. Now play with it: change the step size, and switch between the two ways. The dashed green circle, called continuous time there, is
# what both ways tend to as the step size goes to zero.

# %%
explore.show(explore.minimax(), update="alternating", eta=0.4)

# %% [markdown]
# ## 9 · The ring: predict, then train
#
# **Exercise 02.11, 02.12, 02.13 · Where a fair game ends** · ●●○ · 3 min · predict
#
# *Why.* Report A's log (section 12) prints these three numbers in every line. You should know what they must be.
#
# Suppose the game on the ring goes well. Towards which values will these three tend: the mean of $D(x)$ over data, the mean of $D(G(z))$, and D's
# loss, in nats? Section 3 has the answer for a perfect game; a real one need not quite get there. Write
# your guesses; the plots will draw them dashed.

# %% exercise="02.11"
### BEGIN SOLUTION
guess_real, guess_fake, guess_loss = 0.5, 0.5, 2 * math.log(2)
### END SOLUTION
guess_real = predict("02.11", guess_real)  # the mean of D(x) over data
guess_fake = predict("02.12", guess_fake)  # the mean of D(G(z))
guess_loss = predict("02.13", guess_loss)  # d_loss = D.real + D.fake, in nats

# %% [markdown]
# `play` trains fresh networks and looks at them about forty times on the way: where the
# same 1000 draws of noise lie, what D says, how many modes are covered. (A point is *good* if it lies within
# three standard deviations of a mode. A mode counts as covered if at least a tenth of its fair share of points lies so near to it.)

# %%
ROUNDS = budget.pick(smoke=12, laptop=3000, full=20_000)
z_seen = torch.randn(1000, 2, generator=generator)
x_seen = ring.sample(1000, generator)


def play(make_game, seed=0):
    """Train on the ring; returns the history, what was seen on the way, and copies of D."""
    G, D = networks(seed)
    seen = {"round": [], "D(x)": [], "D(G(z))": [], "modes": [], "good": []}
    landscapes = []

    @torch.no_grad()
    def look(t):
        fakes = G(z_seen)
        modes, good = ring.covered(fakes)
        says = [torch.sigmoid(D(points)).mean().item() for points in (x_seen, fakes)]
        for name, value in zip(seen, [t, *says, modes, good], strict=True):
            seen[name].append(value)
        landscapes.append(copy.deepcopy(D))
        return fakes

    options = {"rounds": ROUNDS, "batch": BATCH, "seed": seed, "preview": look}
    history = training.fit(make_game(G, D), ring_set, **options)
    return SimpleNamespace(history=history, seen=seen, landscapes=landscapes)


# %%
run = play(ring_game)
print(run.history.summary())
final = {name: values[-1] for name, values in run.seen.items()}
print(
    f"D(x) {final['D(x)']:.2f}, D(G(z)) {final['D(G(z))']:.2f}, "
    f"modes {final['modes']} of 8, share of good points {final['good']:.2f}"
)

# %%
d_total = run.history.term("D.real") + run.history.term("D.fake")
says = SimpleNamespace(
    terms={name: run.seen[name] for name in ("D(x)", "D(G(z))")},
    rounds=np.array(run.seen["round"]),
)
fig, axes = plots.figure(columns=2, height=3.0)
plots.curves(
    {"d_loss": d_total}, predictions={"d_loss": guess_loss}, limits=(0, 2),
    references={"2 log 2": 2 * math.log(2)}, title="D's loss", ax=axes[0],
)  # fmt: skip
plots.curves(
    says, predictions={"D(x)": guess_real, "D(G(z))": guess_fake}, smoothing=1, limits=(0, 1),
    references={"1/2": 0.5}, title="what D says", ylabel="probability of real", ax=axes[1],
)  # fmt: skip
plots.show(
    fig,
    alt="Left: D's loss falls to 1.25 and creeps up to just below 2 log 2 = 1.386. "
    "Right: the means of D(x) and "
    "D(G(z)) stay, after the start, just above and just below one half.",
)

# %% [markdown]
# **What to see.** On the left: after a lively start D's loss falls to about 1.25 nats. Then it creeps up towards $2\log2\approx1.386$; at the end it is at 1.32. $2\log2$ is
# what a D pays that says ½ to everything: $\log2$ for data and $\log2$ for fakes. It is not a failure of D: at the optimum it
# *can't* tell. On the right, after the start: $D(x)$ stays a little above one half, $D(G(z))$ a little below. Do
# not read quality off these curves: by (2.8) the same values come about when D is merely
# bad. (The case file E19 in section 12 has a training that shows it.)
#
# ### D's landscape
#
# D is a function on the plane, so look at it. G feels nothing else: each fake is pushed
# uphill on this landscape.


# %% tags=["plot"]
def say_real(D):
    return lambda points: torch.sigmoid(D(points))


fig, axes = plots.figure(columns=3, width=9.6, height=3.1)
last = len(run.landscapes) - 1
moments = [last // 5, last * 9 // 20, last]
for ax, moment in zip(axes, moments, strict=True):
    t, fakes = run.history.grids[moment]
    plots.field(
        say_real(run.landscapes[moment]), level=0.5, limits=3.0, samples=fakes[:120],
        data=ring.centres, title=f"D(x), round {t}", axis_labels=("", ""), ax=ax,
    )  # fmt: skip
    ax.get_legend().remove()
plots.show(
    fig,
    alt="Three heat maps of D over the plane: a hole in the middle, then a rim, at the end "
    "eight islands of about one half that hold data and fakes.",
)

# %% [markdown]
# **What to see.** White circles: the eight modes. Black dots: fakes. Blue: D says "real",
# orange: "fake"; the thick line is where D says one half. On the left D has dug a hole where the fakes
# are, in the middle, and they run outwards, uphill. Then the hole has a rim, and the rim breaks into
# eight islands. On the right D says "fake" everywhere but on the islands. Data and
# fakes are both there, and at the eight modes D says between .4 and .7. (The few dots between islands are forced: G is
# continuous and its noise is one connected cloud, so it can't reach eight islands without a
# bridge.)
#
# Replay it. The same noise is shown at every moment, so each dot is one $z$ on its way.

# %%
explore.show(explore.replay(run.history), moment=len(run.history.grids) - 1)

# %% [markdown]
# ### The two objectives, and a better D
#
# Now the experiment that (2.11) asks for. Give D more moves per round, $k=5$, so that it
# comes closer to $D^*$. The closer it comes, the more nearly the saturating loss descends $2\,\mathrm{JS}$, and the
# non-saturating one $\mathrm{KL}(p_g\|p_\text{data})-2\,\mathrm{JS}$.
#
# **Exercise 02.14 · Which loss loses modes?** · ●●○ · 3 min · predict
#
# *Why.* It turns (2.11) into a statement that can turn out wrong.
#
# With $k=5$, which of the two objectives will lose modes: `"saturating"`,
# `"non-saturating"`, `"both"` or `"neither"`? (Compare the two right-hand sides of (2.11).)

# %% exercise="02.14"
### BEGIN SOLUTION
guess_loser = "non-saturating"
### END SOLUTION
guess_loser = predict("02.14", guess_loser)

# %%
SEEDS = budget.pick(smoke=(0,), laptop=(0, 1), full=(0, 1, 2, 3, 4))
runs = {}
for k in (1, 5):
    for objective in library.OBJECTIVES:
        make = partial(ring_game, k=k, objective=objective)
        again = (k, objective) == (1, "non-saturating")  # seed 0 of it was trained above
        runs[k, objective] = [run if again and not seed else play(make, seed) for seed in SEEDS]
        for seed, result in zip(SEEDS, runs[k, objective], strict=True):
            modes, good = result.seen["modes"][-1], result.seen["good"][-1]
            print(f"k = {k}, {objective:14}, seed {seed}: modes {modes} of 8, good {good:.2f}")

# %%
fig, axes = plots.figure(columns=4, width=9.6, height=3.0)
for ax, ((k, objective), results) in zip(axes, runs.items(), strict=True):
    fakes = results[0].history.grids[-1][1]
    plots.points(fakes, density=ring, limits=3.0, axis_labels=("", ""), ax=ax)
    ax.plot(*ring.centres.T, "o", ms=11, mfc="none", mec=plots.INK, lw=0)
    modes = results[0].seen["modes"][-1]
    ax.set_title(f"k = {k}, {modes} of 8\n{objective}", fontsize=11)
plots.show(
    fig,
    alt="Samples of four generators on the ring: with k = 1 both objectives reach all modes; "
    "with k = 5 the non-saturating one reaches only some of them.",
)

# %% [markdown]
# **What to see.** With $k=1$ both objectives reach all eight modes. With $k=5$ the
# saturating loss still does, and the non-saturating one ends with five and six (compare with your guess in exercise 02.14): its samples are as good as with $k=1$,
# but they come from fewer places. (Black circles: the modes. Blue: the density of the data. Orange: samples.) So with five moves of D the usual loss did worse. That fits a divergence
# that forgives missing modes, and does not prove that it is the cause. Two warnings before you turn this into a
# law. This is one ring, two seeds (lesson 05 has five, in fewer rounds), and one pair of networks. And on images the saturating loss with a good
# D has another problem, which you saw in section 4: its slope is nearly zero.
#
# What does collapse look like over time? Count.

# %%
fig, ax = plots.figure(width=7.6)
for (k, objective), results in runs.items():
    style = "--" if objective == "saturating" else "-"
    color = plots.PALETTE[0 if k == 1 else 1]
    for index, result in enumerate(results):
        label = f"k = {k}, {objective}" if index == 0 else None
        ax.plot(result.seen["round"], result.seen["modes"], style, color=color, label=label)
ax.set(ylim=(0, 8.4), xlabel="round", ylabel="modes covered, of 8")
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
plots.show(
    fig,
    alt="Modes covered over the rounds, a line per run: all end at eight but the two "
    "non-saturating runs with k = 5, which end at five and six.",
)

# %% [markdown]
# **What to see.** A line for each run. Of the two non-saturating runs with $k=5$ one is the
# first of all to cover eight modes, holds them for some hundreds of rounds, and then *loses* some; the other
# never has all. Not finding a mode is easy to understand: G learns only at its own samples. A mode
# far from all of them pulls only if D's slope *at the samples* points to it. Losing one is *not* what (2.11) predicts: that
# divergence is smallest with all eight. It forgives the loss, though (two of eight equal modes cost .10 nats). So
# little holds G back when something else pushes: D is not $D^*$, and both players move.

# %% [markdown]
# # Part C · Digits, faults, and the reports
#
# A good place to begin again after a break. Time: {{part:C}}. Afterwards you can train a GAN on digits, read its losses, recognise two faults by their curves, and say what two reports got right (where they erred is in the optional case files).

# %% [markdown]
# ## 10 · Digits: the GAN of report A
#
# Play the same game on real images, with the networks and settings of report A (its section
# 4.1): 64 latents, layers of 256, 784 pixels, Adam at 2·10⁻⁴, batches of 100. (How many layers, the
# report does not say; its public code has G 64–256–256–784 and D mirrored.) In the library the
# whole of it is `models.GAN("report")`, with the two moves of section 7. (One
# economy: with $k=1$ D's fakes serve G's move too, instead of fresh ones.)

# %%
digits = data.load("digits")
gan = models.GAN("report")
print({name: gan.settings[name] for name in ("latent", "hidden", "lr", "batch", "k")})
history = training.fit(gan, digits)
print(history.summary())

# %%
fig, axes = plots.figure(columns=2, height=3.0)
d_total = history.term("D.real") + history.term("D.fake")
plots.curves(
    {"d_loss": d_total, "G.fake": history.term("G.fake")}, limits=(0, 8),
    references={"2 log 2": 2 * math.log(2)}, title="losses on digits", ax=axes[0],
)  # fmt: skip
shown = [history.grids[i] for i in (len(history.grids) // 2, -1)]
rows = torch.cat([grid[:6] for _, grid in shown])
plots.images(
    rows, columns=6, row_labels=[str(t) for t, _ in shown], title="round, and samples",
    ax=axes[1],
)  # fmt: skip
plots.show(
    fig,
    alt="Left: D's loss and G's loss over the rounds on digits. Right: samples on the way "
    "and at the end of this short training.",
)

# %% [markdown]
# **What to see.** At this budget D is far ahead: its loss is well below $2\log2$. After the first rounds G's lies
# between about three and seven nats, and it rises at the end: the last 100 rounds have a mean of 7.1. (In the first ten epochs of report A's log it is 2.8 to 5.5.) The samples are on the way
# from noise to smudges; here and there you may guess a digit. This takes patience: the laptop plays
# a twentieth of report A's rounds.
#
# **Two numbers.** Now change two settings and nothing else: Adam's memory of old gradients,
# $\beta_1$, from .9 to .5, and its step from 2·10⁻⁴ to 5·10⁻⁴. In a game, an old gradient
# answers an opponent who has moved on since; a long memory of them may do harm. These are
# the settings of `models.GAN()`, the course's own recipe. Same networks, same number of
# rounds:

# %%
quick = models.GAN(seed=0)
quick_history = training.fit(quick, digits)
print(quick_history.summary())
samples = quick.sample(24, generator=training.seed_all(3))
plots.show(
    plots.images(samples, columns=12, title=f"after {quick_history.rounds} rounds"),
    alt="Twenty-four samples of the GAN with the course's settings.",
)

# %% [markdown]
# **What to see.** After the same short training many of these can be read, specks and all,
# and d_loss is nearer to $2\log2$: G has kept up better with D. (One seed shows it, and not which of the
# two numbers did it; lesson 05 shows the part of momentum on $xy$.)
#
# Back to report A's GAN. The pictures at the top of this lesson come from a copy of it that was trained
# for all 200 epochs, on all of MNIST. Look at them again.

# %% [markdown]
# **What to see.** Most are digits at a glance. Some are none: strokes are broken or double.
# Around them are specks. A likely reason: G's last layer makes every pixel on its own and knows no
# neighbourhood (lesson 04 gives G convolutions).
#
# **Are all ten classes there?** Ask a classifier that never met this GAN. One number for two histograms is their *total variation*: half of the sum, over the classes, of how much
# the shares differ. It is 0 for equal shares and 1 for disjoint ones. Two batches of real digits don't have exactly equal shares either: the number in brackets is what chance alone gives two batches of 2000, in the mean.

# %%
classifier = evaluation.digit_classifier()
many = trained.sample(2000, generator=training.seed_all(4))
counts = evaluation.class_histogram(many, classifier)
test_digits = data.load("digits", split="test")
real_counts = torch.bincount(test_digits.labels, minlength=10)
distance = evaluation.total_variation(counts / counts.sum(), real_counts / real_counts.sum())
_, floor = evaluation.error_and_floor("total variation", counts, real_counts, generator)
print("samples a class:", counts.tolist())
print(f"modes {evaluation.modes_covered(counts)} of 10", end="; ")
print(f"total variation {distance:.3f} (2000 real digits, by chance: {floor:.3f})")

# %%
fig = plots.histogram(counts, expected=real_counts, title="classes among 2000 samples")
plots.show(
    fig,
    alt="Bars of the classifier's class shares among GAN samples beside the shares in real "
    "test digits: all ten classes are present, in unequal shares.",
)

# %% [markdown]
# **What to see.** All ten classes are there, but not in the right shares: ones come more than twice as
# often as among real digits, zeros, twos, sixes and eights about half as often. This is the mild form of collapse: no class is lost, some
# are neglected. Lesson 03 asks how far such a histogram can be trusted: a smudge, too, is
# counted as the digit that it resembles most.
#
# **What D says now.** In exercises 02.11 and 02.12 you predicted two means. Compute them on digits, after 200
# epochs:

# %%
with torch.no_grad():
    on_real = torch.sigmoid(trained.score(test_digits.batch(torch.arange(2000)).x)).mean()
    on_fake = torch.sigmoid(trained.score(many)).mean()
print(
    f"D(x) on test digits {on_real:.2f}, D(G(z)) {on_fake:.2f}; report A's last line has "
    ".71 (on training digits) and .36"
)

# %% [markdown]
# **What to see.** Not ½ and ½: D is still ahead after 200 epochs, in this copy as in report A's log. So this game
# is not at the solution (2.7). The two means can't tell whether D is the best one against this G. So (2.6) need not hold for it; certain is only the lower bound from (2.8).

# %% [markdown]
# ### Walking through the latent space (*optional*)
#
# Any $z$ gives an image, so a path between two draws gives a film. Which path? In 64
# dimensions a Gaussian draw lies close to a *sphere*: its squared norm has mean 64. The
# middle of a straight line does not. The mean of two independent draws has half the variance, so
#
# $$\mathbb E\|z\|^2=d,\qquad \mathbb E\bigl\|\tfrac12(z_a+z_b)\bigr\|^2=\tfrac d2\tag{2.16}$$
#
# So on the straight path G is asked for images at a radius where it has hardly ever been trained. The
# *spherical* path turns from one draw to the other instead and keeps the norm.

# %% tags=["optional"]
d = 64
z_a, z_b = torch.randn(2, 50_000, d, dtype=torch.float64, generator=generator)
squares, middle = z_a.square().sum(1), ((z_a + z_b) / 2).square().sum(1)
for name, found, wanted in [("‖z‖²", squares, d), ("‖middle‖²", middle, d / 2)]:
    error = found.std() / math.sqrt(len(found))
    agrees(found.mean(), wanted, error=error, name=f"(2.16) {name}")
refuses(middle.mean(), d, error=error, name="the middle as far out as its ends")
print(
    f"share of draws with a norm as small as the middle's: "
    f"{(squares <= d / 2).double().mean():.5f}"
)

# %% tags=["optional"]
explore.show(explore.interpolation(trained), t=0.5)

# %% [markdown]
# **What to see.** Both paths pass through digits and, between them, through shapes that
# are none. On the straight path look at the middle: the norm dips below the range in which
# 95% of all draws lie. Change the two seeds, and judge for yourself how much it matters
# for this G. There is no encoder here: you can walk, but you can't ask where a given digit
# is.
#
# (`explore.show(explore.replay(history))` in a cell of your own replays the short training
# from above.)
#
# **Play it yourself.** A GAN in the plane, one move at a time. The shade is D's verdict: blue where it says "real", orange where it says "fake". An arrow is the way
# in which D's gradient sends a point of G. Keep the ring as the target (here a plain circle), choose another, or draw one with the mouse.
# Question: how many moves of D and of G per round, and which rate of G, make all points fall into one heap? What do the arrows say shortly before?
#
# <details><summary>One setting that does it (open it after your own try)</summary>
#
# The ring, one move of D for five of G, G's rate .01: with seed 0 after about 140 moves, with other seeds later, all points of G lie in one heap that wanders. About twenty moves before, nearly all arrows point
# the same way: G does not see that its points should differ, since each follows D's slope on its own.
#
# </details>

# %%
explore.show(explore.playground(), step=150)

# %% [markdown]
# ## 11 · Break it
#
# Three trainings on the ring, A, B and C. One is healthy; the other two have a fault of
# one line each. You see what you would see in practice: losses, a few numbers, and samples
# from fresh noise.

# %%
suspects = {name: play(game, seed=3) for name, game in lesson_02.faults.items()}
for name, result in suspects.items():
    seen, terms = result.seen, result.history.terms
    print(
        f"run {name}: D(x) {seen['D(x)'][-1]:.2f} (at most {max(seen['D(x)']):.2f}), "
        f"D(G(z)) {seen['D(G(z))'][-1]:.2f}; modes {seen['modes'][-1]}; smallest D.real "
        f"{terms['D.real'].min():.3f}, smallest D.fake {terms['D.fake'].min():.3f}"
    )

# %%
fig, axes = plots.figure(columns=3, rows=2, height=5.8)
for column, (name, result) in enumerate(suspects.items()):
    above, below = axes[:, column]
    terms = ["D.real", "D.fake", "G.fake"]
    plots.curves(result.history, terms, limits=(0, 2.5), title=f"run {name}", ax=above)
    fakes = result.history.grids[-1][1]
    plots.points(fakes, data=ring.sample(200, generator), axis_labels=("", ""), ax=below)
    for ax in (above, below):
        if column and ax.get_legend():
            ax.get_legend().remove()
plots.show(
    fig,
    alt="For each of three runs A, B, C: its loss curves above, and below fresh samples "
    "(orange) with data (grey). The ranges of the losses differ, and so do the samples' places.",
)

# %% [markdown]
# **Exercise 02.5 · Three patients** · ●●○ · 10 min · answer
#
# *Why.* Both faults run without an error message, and one of them shows the losses of a perfect game.
#
# Which run is what? Write `diagnosis = {"A": ..., "B": ..., "C": ...}`, with one of these words for each:
#
# - `"healthy"`,
# - `"sigmoid twice"`: D ends in a sigmoid, and the loss takes its output for a logit,
# - `"stale fakes"`: D is shown the same batch of fakes in every round, made before the loop,
# - `"label flipped"`: G descends $-\log(1-D(G(z)))$.
#
# *Nudge.* Look at *ranges* before you look at shapes: which values can a term take at all? And ask of
# each number which examples it was measured on.
#
# *First line.* If the "logit" lies between 0 and 1, the smallest possible D.fake is $\operatorname{softplus}(0)=\log2$.

# %% exercise="02.5"
### BEGIN SOLUTION
diagnosis = {"A": "sigmoid twice", "B": "healthy", "C": "stale fakes"}
### END SOLUTION

# %%
check("02.5", diagnosis)

# %% [markdown]
# <details><summary><b>Reveal</b> (open it after your answer)</summary>
#
# - **A: the sigmoid twice.** The "logit" is a probability, between 0 and 1. So the D that
#   the loss sees lies between $\sigma(0)=.5$ and $\sigma(1)\approx.731$; D.real can't fall
#   below $\operatorname{softplus}(-1)\approx.313$ and D.fake can't fall below
#   $\log2\approx.693$. No error message. D can still learn within that
#   range; with this seed it got stuck where the first sigmoid is 0 and flat. Then all terms
#   are $\log2$ and D says .50 to everything: the numbers of a perfect game, but *without any
#   noise*, and no modes. This is `binary_cross_entropy_with_logits` after `nn.Sigmoid`.
# - **B: healthy.** Nobody wins.
# - **C: stale fakes.** D learns to reject 128 old fakes, and does so perfectly: D.fake is 0.
#   Nothing tells it about new ones. G finds the places where D says "real" and runs there,
#   far off the ring: G.fake is 0 too. The contradiction gives it away: D rejects "the
#   fakes", and D(G(z)) is 1. They can't be the same fakes.
# - A **flipped label** was not among them: G would help D, all losses would go to zero as in
#   C, but with D(G(z)) at 0.
#
# On the same fakes D.fake plus G.fake, $-\log(1-D)-\log D$, is never below $2\log2$. If all losses are small at once, something is wrong.
#
# </details>

# %% [markdown]
# ## 12 · The two reports
#
# The course is built on two student reports, A and B. Where they are wrong you refute them
# by a computation, and you are fair: quote them as printed, ask whether a misprint or the
# extraction of the text explains it, and say what they got right. Three case files follow; then what the reports got right.

# %% [markdown]
# ### E01 · Report B's value function (case file, optional)
#
# Report B prints the GAN's value function with one bracket in another place. Then no best
# discriminator exists. And yet the generator would have liked it. (B, §2.1, eq. 1)

# %% [markdown]
# The report prints
#
# > $$\begin{aligned}
# > \min_G \max_D V(G, D) = & E_{p_{\text{data}}(x)} \{\log(D(x))\} \\
# > & + E_{p_z(z)} \{1 - \log(D(G(z)))\}
# > \end{aligned} \quad (1)$$
#
# Compare the last term with (2.3): it should be $\log(1-D(G(z)))$. Take it as printed. Then
# D gains without bound from $D(G(z))\to0$ wherever $p_g>p_\text{data}$: there is no best D.
# And at $p_g=p_\text{data}$ the two logarithms cancel and every D has the value 1.


# %%
def value_as_printed(D, p_data, p_g):
    """B's eq. (1), on distributions over the last axis."""
    return (p_data * D.log()).sum(-1) + (p_g * (1 - D.log())).sum(-1)


for tiny in (1e-2, 1e-8, 1e-64, 1e-256):
    D_tiny = torch.ones_like(a).masked_fill(b > a, tiny)  # a: data, b: generator
    print(f"D = {tiny:g} where p_g > p_data: value {value_as_printed(D_tiny, a, b):.1f}")
growth = 1 - (b - a).clamp(min=0).sum() * math.log(tiny)
agrees(
    value_as_printed(D_tiny, a, b),
    growth,
    tol=1e-9,
    name="E01: grows with −log D(G(z))",
)
refuses(value_as_printed(D_tiny, a, b), value_of(a / (a + b), a, b), name="max V as (2.6)")
any_D = torch.rand(12, dtype=torch.float64, generator=generator)
agrees(
    value_as_printed(any_D, a, a),
    1,
    tol=1e-9,
    name="E01: at p_g = p_data any D gives 1",
)

# %% [markdown]
# It is a misprint (or the extraction's doing), not a misunderstanding: the text just before it has
# $\log(1-D(G(z)))$, and so has B's Algorithm 1, in both gradients. By accident the printed
# term has a sense for G alone. Its slope is that of the *non-saturating* loss.

# %%
at = torch.linspace(-10, 10, 81, dtype=torch.float64, requires_grad=True)
(printed_slope,) = torch.autograd.grad((1 - F.logsigmoid(at)).sum(), at)
agrees(printed_slope, -(1 - torch.sigmoid(at)), name="E01: slope of 1 − log D for G")
refuses(printed_slope, -torch.sigmoid(at), name="the saturating slope")

# %% [markdown]
# ### E04 · Which generator loss did report A train? (case file, optional)
#
# Report A, one of the course's two student reports, derives one generator loss and prints the log of a training. One number in the log's first line
# shows that another loss was trained. Then you learn to distrust your own accusation. (A, §3.1 and §4.1)

# %% [markdown]
# A's Algorithm 1 descends, as (2.3) asks, the *saturating* loss:
#
# > $$\nabla_{\theta_g} \frac{1}{m} \sum_{i=1}^m \log (1 - D(G(\mathbf{z}^{(i)}))).$$
#
# Here are the first ten lines of its training log, and the last four:

# %%
log_of_A = """
Epoch [0/200], Step [600/600], d_loss: 0.0296, g_loss: 5.0803, D(x): 0.99, D(G(z)): 0.02
Epoch [1/200], Step [600/600], d_loss: 0.1741, g_loss: 4.5834, D(x): 0.96, D(G(z)): 0.10
Epoch [2/200], Step [600/600], d_loss: 0.1662, g_loss: 5.5027, D(x): 0.93, D(G(z)): 0.04
Epoch [3/200], Step [600/600], d_loss: 0.1475, g_loss: 3.3940, D(x): 0.94, D(G(z)): 0.95
Epoch [4/200], Step [600/600], d_loss: 0.1206, g_loss: 4.7457, D(x): 0.94, D(G(z)): 0.02
Epoch [5/200], Step [600/600], d_loss: 0.4063, g_loss: 4.3388, D(x): 0.92, D(G(z)): 0.17
Epoch [6/200], Step [600/600], d_loss: 0.5062, g_loss: 3.1278, D(x): 0.87, D(G(z)): 0.16
Epoch [7/200], Step [600/600], d_loss: 0.2673, g_loss: 2.7529, D(x): 0.89, D(G(z)): 0.05
Epoch [8/200], Step [600/600], d_loss: 0.4409, g_loss: 4.1331, D(x): 0.94, D(G(z)): 0.23
Epoch [9/200], Step [600/600], d_loss: 0.1815, g_loss: 2.8265, D(x): 0.95, D(G(z)): 0.09
Epoch [196/200], Step [600/600], d_loss: 0.8356, g_loss: 1.5983, D(x): 0.70, D(G(z)): 0.25
Epoch [197/200], Step [600/600], d_loss: 0.9650, g_loss: 1.4631, D(x): 0.72, D(G(z)): 0.35
Epoch [198/200], Step [600/600], d_loss: 0.9860, g_loss: 1.7756, D(x): 0.67, D(G(z)): 0.28
Epoch [199/200], Step [600/600], d_loss: 1.0037, g_loss: 1.0970, D(x): 0.71, D(G(z)): 0.36
"""
pattern = (
    r"\[(\d+)/.*d_loss: ([\d.]+), g_loss: ([\d.]+), D\(x\): ([\d.]+), D\(G\(z\)\): ([\d.]+)"
)
table = torch.tensor([[float(v) for v in row] for row in re.findall(pattern, log_of_A)])
epoch, d_loss_A, g_loss_A, D_x, D_Gz = table.double().T

# %% [markdown]
# The logarithm of a probability is never positive, so no discriminator whatever gives a
# saturating loss of 5.08. The non-saturating loss is never negative, and fits.

# %%
any_logit = 30 * torch.randn(100_000, dtype=torch.float64, generator=generator)
assert bool((-F.softplus(any_logit) <= 0).all() and (F.softplus(-any_logit) >= 0).all())
print(
    f"largest log(1 − D) of 100,000: {-F.softplus(any_logit).min():.1e}; "
    f"smallest g_loss of A: {g_loss_A.min():.4f}"
)
assert bool((g_loss_A > 0).all())

# %% [markdown]
# So A *derives* one loss and *trains* another. There is nothing wrong with that: Goodfellow
# et al. recommend it, and A's public code says so (binary cross-entropy against the label
# "real"). The report just doesn't mention it.
#
# A's code computes this loss by the trap of section 5: D ends in a sigmoid, and `BCELoss` follows. Does the log show any harm? The report prints
# 29 of its lines, and in them g_loss is at most 7.23. It is a mean, in which a fake with a logit below −28 counts at least 28. So in each of these lines at most 26 fakes in 100 lie there ($7.23/28=.258$): most had
# their slope. Of the others a mean can't tell.
#
# Now don't overdo it. A hasty reader says: "$D(G(z))=.02$, so g_loss must be
# $-\log.02=3.9$, and 5.08 is printed: wrong again!" That accusation fails twice. First, the mean of
# $-\log$ is not $-\log$ of the mean. $-\log$ is convex, so by Jensen's inequality
#
# $$\frac1B\sum_i-\log D_i\;\ge\;-\log\Bigl(\frac1B\sum_iD_i\Bigr)\tag{2.17}$$
#
# Second, in A's code D(G(z)) was computed *before* D's step, g_loss after it and on new noise.

# %%
D_i = torch.rand(1000, 64, dtype=torch.float64, generator=generator)
mean_of_log, log_of_mean = -D_i.log().mean(1), -D_i.mean(1).log()
assert bool((mean_of_log >= log_of_mean).all())  # (2.17) in each of 1,000 batches
# For D uniform on (0, 1) both sides are known: ∫ −log D dD = 1, and −log ½ = log 2.
error = mean_of_log.std() / math.sqrt(1000)
agrees(mean_of_log.mean(), 1, error=error, name="(2.17) left, D uniform: 1")
agrees(-D_i.mean().log(), math.log(2), tol=0.02, name="(2.17) right: log 2")
refuses(mean_of_log.mean(), math.log(2), error=error, name="−log of the mean for it")
print(f"first epoch: −log D(G(z)) = {-D_Gz[0].log():.2f} ≤ g_loss = {g_loss_A[0]:.2f}")

# %% [markdown]
# **Exercise 02.6 · Show that it is possible** · ●●○ · 10 min · answer
#
# *Why.* One example is enough to refute "this log can't be right".
#
# Give a batch of
# discriminator outputs, a tensor of probabilities of any length, whose mean is .02 (to two
# decimals) and whose mean of $-\log$ is 5.08 (within .05). Only `D_batch` is checked. The three names above it in the cell belong to one way of finding it; you may
# take another and delete them.
#
# *Nudge.* If all outputs are .02, the second mean is 3.9. What do a few larger outputs, and many tiny ones, do to the two means?
#
# *First line.* `share, high = 0.1, 0.17`: one output in ten is .17. What must the logarithm of the others be (`low_log`), so that the mean of $-\log$ is 5.08?

# %% exercise="02.6"
### BEGIN SOLUTION
share = 0.1  # one fake in ten fools D a little, the others hardly at all
high = 0.17  # what D says to those
# What it must say to the others, as a logarithm: then the mean of −log is 5.08.
low_log = -(5.08 + share * math.log(high)) / (1 - share)
D_batch = torch.tensor([high] * 10 + [math.exp(low_log)] * 90)
### END SOLUTION

# %%
check("02.6", D_batch)

# %% [markdown]
# **Exercise 02.7 · A line that can't be right** · ●●○ · 10 min · answer
#
# *Why.* The eye may suspect a digit. An inequality proves that a line can't be right.
#
# Jensen bounds d_loss by the two means of the same batch:
# d_loss ≥ −log(mean D(x)) − log(1 − mean D(G(z))). In A's code
# all three *are* of the same
# batch, so a line below the bound can't be right. Which epoch is it? Allow for means that
# are rounded to two decimals (by up to .005).
#
# *Nudge.* The columns are `epoch`, `d_loss_A`, `D_x`, `D_Gz`. In which direction must each rounded mean be moved, to be fair to the log?
#
# *First line.* `bound_A = -D_x.log() - (1 - D_Gz).log()` is the bound without the rounding. Several lines come near it.

# %% exercise="02.7"
### BEGIN SOLUTION
bound_A = -(D_x + 0.005).clamp(max=1).log() - (1 - D_Gz + 0.005).log()
impossible = int(epoch[d_loss_A < bound_A])
### END SOLUTION

# %%
check("02.7", impossible)

# %% [markdown]
# <details><summary><b>And whose slip is it?</b> (open it after your answer)</summary>
#
# In the notebook that A published, the same line ends in **0.05**. So it is a digit that
# went wrong between the notebook and the text before you, perhaps when the text was
# extracted from the PDF. It says nothing about A's training, and the course does not count
# it as an error of the report. *Before you accuse a character, ask how it came to you.*
#
# </details>

# %% [markdown]
# ### E19 · Why GANs are unstable, says report B (case file, optional)
#
# Report B, one of the course's two student reports, gives a reason why GANs are unstable. The smallest game of section 8 contradicts
# the reason; three trainings on the ring try what else it may mean. (B, §5)

# %% [markdown]
# > In contrast with VAE and NF, GAN models do not have a stable training process. This is because the generator and discriminator are not trained at the same time which might lead to mode collapse.
#
# Section 8 is the counter-example to "because". Training at the same time is what makes the
# smallest game diverge, and taking turns is what bounds it. (In turns, by section 8.2, a form is kept that lies between $(1-\tfrac\eta2)r^2$ and
# $(1+\tfrac\eta2)r^2$. So $(1-\tfrac\eta2)r^2\le(1+\tfrac\eta2)r_0^2$: the distance $r$ is at most $\sqrt{(1+\eta/2)/(1-\eta/2)}$ times the first one, $r_0$.)

# %%
start, rounds = (1.0, 0.4), 1000
for eta in (0.05, 0.2, 0.5):
    at_once = path(simultaneous_step, eta, rounds, start).norm(dim=1)
    in_turn = path(alternate, eta, rounds, start).norm(dim=1)
    agrees(
        at_once[-1] / at_once[0],
        (1 + eta**2) ** (rounds / 2),
        tol=at_once[-1] * 1e-9,
        name=f"η = {eta}, simultaneous: growth in {rounds} rounds",
    )
    bound = math.sqrt((1 + eta / 2) / (1 - eta / 2))
    assert in_turn.max() / in_turn[0] <= bound
    print(
        f"  alternating: at most {in_turn.max() / in_turn[0]:.3f} times the start; "
        f"(2.15) allows {bound:.3f}"
    )
refuses(at_once[-1] / at_once[0], 1.0, tol=1e-6, name="stable because at the same time")

# %% [markdown]
# Be exact about what this shows. It does not show that every GAN does better in turns, nor
# that taking turns makes a GAN stable: alternating play on $xy$ does not converge either.
# It does show that "not trained at the same time" can't be *the* reason. (B's §2.1 says of the same
# networks that they "are trained at the same time".) If B meant that the two must be *kept
# in step*, that is right, and B's §2.1 says so, nearly in the words of Goodfellow et al. (2014): "$G$
# must not be trained too much without updating $D$". Try all three on the ring: in turns, at the same time, and with
# five moves of G for one of D.


# %%
def at_once_game(G, D):
    """The ring's game in one move: both players step from the same state."""
    first, second = ring_game(G, D).round

    def both(source):
        return {**first.losses(source), **second.losses(source)}

    return training.Game([training.Move([*first.players, *second.players], both)])


def hasty_game(G, D):
    """The ring's game with five moves of G for one of D."""
    first, second = ring_game(G, D).round
    return training.Game([first, training.Move(second.players, second.losses, times=5)])


# %%
results = {
    "in turns": run,
    "at the same time": play(at_once_game),
    "G five times": play(hasty_game),
}
for name, result in results.items():
    seen, terms = result.seen, result.history.terms
    late = slice(-len(terms["D.real"]) // 10, None)
    d_late = (terms["D.real"] + terms["D.fake"])[late].mean()
    print(
        f"{name:16}: modes {seen['modes'][-1]}, good {seen['good'][-1]:.2f}; d_loss {d_late:.3f}, "
        f"D(x) {seen['D(x)'][-1]:.2f}, D(G(z)) {seen['D(G(z))'][-1]:.2f}"
    )

# %% [markdown]
# **What to see.** When both players step at the same time, the ring is still learned, but less well than in turns. (One
# seed decides nothing; lesson 05 has five.) With G five times as fast it is not learned at all: in the end
# the samples cover one mode or none, and most of them lie off every mode.
# That fits B's warning, on this one seed. And look at the last line's *losses*: about $2\log2$, ½ and ½,
# the values of a perfect game! They say that D can't tell, not why.

# %% [markdown]
# ### What the reports got right
#
# - **A**: the road from the likelihood of two classes to the value function is right, apart from
#   slips in letters (E02). You walked it in section 1: (2.1), (2.3).
# - **A and B**: Algorithm 1, both gradients, apart from a slip in a letter (E03).
# - **A**: its log ends at d_loss 1.00 with D(x) .71 and D(G(z)) .36. All three are nearer to the values of (2.7), $2\log2$, ½ and ½, than
#   in its first line (.03, .99 and .02).
# - **B**: at the solution "$D$'s probability of making a mistake equals 0.5 everywhere";
#   that is (2.7).
# - **B** (after Goodfellow et al.): $G$ "must not be trained too much without updating $D$"; case file E19 runs it.
#
# (The errata page shows E02 and E03.)

# %% [markdown]
# ## 13 · Exercises
#
# **02.1** to **02.5** are above, with their checks, and 02.6 and 02.7 in the optional case file E04; 02.11 to 02.14 are the predictions. The following
# have no check. Those for the pen have their result in a fold.
#
# **Exercise 02.8 · Both at once** · ●●○ · 20 min · experiment
#
# *Why.* It asks how far a game of two numbers speaks for a game of two networks.
#
# The case file E19 plays `at_once_game` once. Try three seeds, and then
# plain gradient descent, `partial(torch.optim.SGD, lr=0.05)`, in place of Adam, both in turns
# and at once. Does the ring do what $xy$ does? What is different (think of Adam, of the
# noise in the gradients, and of $V$, which is no product)?
#
# *Nudge.* On $xy$ every point but one leaves at the same rate. Near the solution of a GAN, does something pull back?
#
# *First line.* Copy `ring_game`, and give it the optimiser as an argument.
#
# *Compare.*
# ```python
# radius = path(simultaneous_step, 0.05, 1000).norm(dim=1)
# print(radius[-1] / radius[0])  # → tensor(3.4849, dtype=torch.float64)
# ```
# (What $xy$ does in 1000 rounds at once, at that rate.)
#
# **Exercise 02.9 · The other distance** · ●●○ · 10 min · pen
#
# *Why.* It gives (2.9) a case where you can compute every number.
#
# Slide as in section 3.4, with two *uniform* densities of width 1 instead of
# Gaussians. At which distance does the slope of JS become exactly zero? What is
# $\mathrm{KL}(p_g\|p_\text{data})$ then?
#
# *Nudge.* For a shift $s<1$ cut the line into three pieces: only data, both, only fakes. What is $p_m$ on each?
#
# *First line.* Where both are 1, $p_m=1$, and the logarithms are zero.
#
# <details><summary>The result</summary>
#
# $\mathrm{JS}=s\log2$ up to $s=1$ and $\log2$ beyond; $\mathrm{KL}(p_g\|p_\text{data})$ is infinite for every $s>0$.
#
# </details>

# %% [markdown] tags=["solution"]
# *Solution 02.9.* Let the shift be $s$, with $0\le s\le1$. On the overlap, of length $1-s$, both densities are 1. So $p_m=1$, and both logarithms are zero. On the piece
# where only data are, of length $s$, $p_m=\frac12$, and $\mathrm{KL}(p_\text{data}\|p_m)$ gets $s\log2$. In the same way $\mathrm{KL}(p_g\|p_m)=s\log2$. So
#
# $$\mathrm{JS}=\tfrac12(s\log2+s\log2)=s\log2\quad(s\le1),\qquad\mathrm{JS}=\log2\quad(s\ge1).$$
#
# The slope is $\log2$ up to distance 1, and exactly zero beyond it. $\mathrm{KL}(p_g\|p_\text{data})$ is infinite for every $s>0$, since fakes then lie where
# $p_\text{data}=0$: at the same distance, and long before.

# %% [markdown]
# **Exercise 02.10 · A loss of your own** · ●●○ · 12 min · pen
#
# *Why.* It shows that you can choose the divergence by choosing the loss.
#
# Let G descend $-\ell$ itself, the bare logit. With
# $D=D^*$ frozen, which divergence does it descend? Then check it with the cells of section 4, and train the ring with it.
#
# *Nudge.* (2.5) says what the logit of $D^*$ is. The first half of the derivation of (2.11) has just this mean.
#
# *First line.* $\mathbb E_{p_g}[-\ell^*]=\mathbb E_{p_g}[\log p_0-\log p_\text{data}]$.
#
# <details><summary>The result</summary>
#
# The reverse KL, $\mathrm{KL}(p_g\|p_\text{data})$, alone.
#
# </details>

# %% [markdown] tags=["solution"]
# *Solution 02.10.* By (2.5) $-\ell^*=\log p_0-\log p_\text{data}$, with $p_0$ the frozen generator's density. So G descends $\mathbb E_{p_g}[\log p_0-\log p_\text{data}]$.
# This is $\mathrm{KL}(p_g\|p_\text{data})$ but for $p_0$, which stands still. Letting it move adds $\mathbb E_{p_g}[\nabla\log p_g]=0$. So the gradient is that of
# the **reverse KL**, without the $-2\,\mathrm{JS}$ of the non-saturating loss. It is also the sum of the two losses' gradients: $L_\text{sat}+L_\text{ns}=\mathbb E[-\ell]$.
# In the code: `gradient(torch.trapezoid(-weight * logit_best, z))` equals `gradient(reverse)`.

# %% [markdown]
# **Exercise 02.15 · One-sided labels** · ●●○ · 12 min · pen
#
# *Why.* Smoothed labels are a known trick (Salimans et al., 2016). One half of it can help; the other half takes G's direction away.
#
# Replace the label 1 of real examples by .9 in D's loss.
# Derive the new $D^*$ as in (2.4). What is it where $p_g=0$? Then put .9 *and* .1, and
# explain why the second is unwise.
#
# *Nudge.* A real example now contributes $.9\log D+.1\log(1-D)$. Collect what stands before $\log D$ and before $\log(1-D)$.
#
# *First line.* $a=.9\,p_\text{data}$ and $b=.1\,p_\text{data}+p_g$.
#
# <details><summary>The result</summary>
#
# $D^*=.9\,p_\text{data}/(p_\text{data}+p_g)$, which is .9 where $p_g=0$; with .9 and .1 it is .1 wherever only fakes are.
#
# </details>

# %% [markdown] tags=["solution"]
# *Solution 02.15.* At each $x$ D maximises $a\log d+b\log(1-d)$ with $a=.9\,p_\text{data}$ and $b=.1\,p_\text{data}+p_g$. As in (2.4) the best is $a/(a+b)$:
#
# $$D^*=\frac{.9\,p_\text{data}}{p_\text{data}+p_g}.$$
#
# Where $p_g=0$ it is .9: D is never certain of a real example, and its logit is at most $\log9$. Where only fakes are, $D^*$ still tends to 0, and the logit still says how
# far away a fake is.
#
# With .9 and .1, $D^*=(.9\,p_\text{data}+.1\,p_g)/(p_\text{data}+p_g)$. Where fakes are and data are not, this is the constant .1. The logit is
# flat there, and G gets no direction exactly where it needs one. (The reason is $p_g$ in the numerator: it keeps $D^*$ from falling below .1.)

# %% [markdown]
# **Exercise 02.16 · Momentum** · ●○○ · 15 min · experiment
#
# *Why.* PyTorch's default settings are made for a descent, not for a game.
#
# Set `betas=(0.9, 0.999)` in `ring_game`, PyTorch's default, which
# report A's code keeps. How many modes, and when? Look at the replay: what do the fakes do?
#
# *Nudge.* How many rounds does a mean with $\beta_1=.9$ reach back? Where was the other player then?
#
# *Compare.*
# ```python
# G_0, D_0 = networks(seed=0)
# first = ring_game(G_0, D_0).round[0].losses(training.Source(ring_set, BATCH, seed=0))["D"]
# print(first["real"].item(), first["fake"].item())  # → 0.6395537853240967 0.6808085441589355
# ```
# (D's two losses in the first round. Adam has made no step yet, so they are the same with every setting: if yours differ, you changed more than the betas.)

# %% [markdown]
# ## Summary
#
# - D is a classifier; its best logit is $\log p_\text{data}-\log p_g$. (2.4), (2.5)
# - Against the best D, the minimax game is $-\log4+2\,\mathrm{JS}$, with its minimum at
#   $p_g=p_\text{data}$. Against any other D it is a lower bound on that. (2.6)–(2.8)
# - JS is flat when the supports are apart, so the saturating loss has little to give. The
#   non-saturating loss pushes with another strength, and at $D^*$ descends another
#   divergence: $\mathrm{KL}(p_g\|p_\text{data})-2\,\mathrm{JS}=2\,\mathrm{KL}(p_m\|p_\text{data})$. (2.9)–(2.11)
# - With $D=D^*$ and data of positive density around each point, both losses rest at $p_g=p_\text{data}$. On a thin sheet neither need rest.
# - Work with logits. A sigmoid before the logarithm kills the gradient just when it counts.
# - A GAN is a game of two players, each improving its own loss in its own parameters.
#   $2\log2$, ½ and ½ are where a fair game ends, not a proof that it went well: look at
#   fresh samples, and count modes.
# - On $xy$, stepping at once diverges; taking turns is bounded (for $\eta<2$). (2.14), (2.15)
#
# **Next:** lesson 03 measures samples; lesson 04 gives the networks convolutions; lesson 05
# comes back to stability.

# %% [markdown]
# ## Five questions at the end
#
# **Question 1.** A log ends at d_loss 1.386, D(x) .50 and D(G(z)) .50. Name two trainings that end so, only one of which is good.
#
# *Answer.* A good one: the fakes have the data's distribution, so the best D says ½. A bad one: D is stuck or far too weak, as in one of the three runs of section 11,
# or G has run ahead of it (case file E19). The three numbers say that D can't tell, not why.
#
# **Question 2.** By mistake D sees three real examples for each fake. Everything else is right. What does its best logit become, and where does G
# then stop?
#
# *Answer.* The logit gains $\log3$ everywhere: the share of real examples is $\pi=\frac34$. Its *slope* in $x$ is unchanged. Where it stops does not
# change either, since a constant has no gradient in $x$; D says ¾ there instead of ½.
#
# **Question 3.** In G's move the gradient passes through D. Suppose that somebody calls D's optimiser too, right after `backward()`. What has D just learned?
#
# *Answer.* To call fakes real: it took a step down G's loss. The two players no longer play against each other in that move, and D is worse
# afterwards.
#
# **Question 4.** JS is $\log2$ all along while fakes approach the data without touching them. With the best D at each moment, what does the
# saturating loss tell G? Why may a real training nevertheless make progress?
#
# *Answer.* Nothing: its gradient is that of $2\,\mathrm{JS}$, zero. A real D is not the best one. It is a continuous function without a jump from 0 to 1, and its slope at the fakes
# may still point to the data. So a GAN can live from D's not being $D^*$.
#
# **Question 5.** Alternating play on $xy$ goes round an ellipse. You halve the step size. Does it now reach the solution?
#
# *Answer.* No. By (2.15) it goes round another ellipse, nearer to a circle, more slowly. Smaller steps make it better behaved and never convergent; lesson 05
# shows what does.

# %% [markdown]
# ## References
#
# - Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio (2014),
#   *Generative adversarial nets*, NeurIPS: (2.3)–(2.7), Algorithm 1, the non-saturating loss.
# - Arjovsky and Bottou (2017), *Towards principled methods for training generative
#   adversarial networks*, ICLR: (2.9), (2.11).
# - Nowozin, Cseke, Tomioka (2016), *f-GAN: training generative neural samplers using variational
#   divergence minimization*, NeurIPS: (2.12), (2.13).
# - Shannon, Poole, Mariooryad, Bagby, Battenberg, Kao, Stanton, Skerry-Ryan (2020),
#   *Non-saturating GAN training as divergence minimization*, arXiv:2010.08029.
# - Mescheder, Nowozin, Geiger (2017), *The numerics of GANs*, NeurIPS; Gidel et al. (2019),
#   *A variational inequality perspective on GANs*, ICLR: the bilinear game, at once and in
#   turns.
# - Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen (2016), *Improved techniques for training
#   GANs*, NeurIPS: one-sided label smoothing.
# - Metz, Poole, Pfau, Sohl-Dickstein (2017), *Unrolled GANs*, ICLR: the ring of Gaussians.
# - White (2016), *Sampling generative networks*: spherical interpolation.
# - Reports A and B, in the words of the errata page.
