# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 01 · Likelihood, divergences, sampling
#
# A generative model is a distribution $p_\theta(x)$ that you can draw from. Three questions
# decide everything that follows. How far is it from the data? How do you compute an
# expectation that has no closed form? What does a density of pixels mean? This lesson
# answers them on models in which every answer can be checked, and ends with the first scores
# of densities on digits.

# %%
import inspect
import math

import torch
from torch.distributions import MultivariateNormal, Normal
from torch.nn.functional import logsigmoid

from course_lib import data, explore, plots, training
from course_lib.checks import agrees, check, predict, refuses
from course_lib.lessons import lesson_01
from course_lib.models import GaussianMixture, linear

budget = training.budget()
generator = training.seed_all(1)
f64 = torch.float64  # the checks below compare to ten digits; float32 has seven


# %%
explore.show(explore.two_kls())

# %% [markdown]
# **What to see.** The curve with two hills is the truth. You have one hill. Drag it, change its width, and make it as near to the truth as you can.
# Two numbers say how near you are, and they disagree: what makes one of them smallest makes the other one large.
#
# **The question.** Which of the two does a model make small when it is trained by maximum likelihood? And what would it cost to ask for the other one?

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | derive maximum likelihood as a KL divergence; tell forward KL, reverse KL and Jensen–Shannon by what they do; give a Monte Carlo mean its standard error and say when importance sampling fails; compute $\log p(x)$ and the posterior of a linear-Gaussian model; run EM; report bits per dimension on dequantised pixels |
# | **You need** | [lesson 00](00_start_here.ipynb); Gaussians, expectations, eigenvectors, a little PyTorch |
# | **Your time** | {{time}} (an estimate: lesson 00 says how) |
# | **Machine time** | {{minutes}} min at the laptop budget on two CPU cores |
#
# **How to read it.** Every numbered equation is followed by a cell that computes both of its sides: `agrees` stops if
# they differ. `refuses` computes a *wrong* form that is easily written, and stops if the check would not
# notice it. Cells that only draw begin folded. *Case files*, from lesson 02 on, are stories about two student reports; they are folded too,
# and you can leave them out.

# %% [markdown]
# ## Five questions before you begin
#
# Take a minute for each, decide, and only then open the answer. A wrong guess is welcome: you will know what to look
# for.
#
# **Question 1.** A model gives one of your ten thousand examples the probability 0, and all others a fine one. How large is the likelihood of the
# data?
#
# *Answer.* Zero, and its logarithm is $-\infty$: likelihood is a product. One forgotten example is enough. So maximum likelihood can't afford to forget.
#
# **Question 2.** Can a probability density be larger than 1?
#
# *Answer.* Yes. Only its integral is 1. A density that is uniform on $[0,\,0.01]$ has the value 100 there. So $-\log p(x)$ may be negative, and it changes with the unit of $x$.
#
# **Question 3.** You estimate a mean in one dimension from 1,000 draws, and another one in a thousand dimensions from 1,000 draws. Both quantities have the same
# variance. Which estimate is less exact?
#
# *Answer.* Neither. The standard error is the standard deviation of the averaged quantity, divided by $\sqrt{1000}$. The dimension does not occur in it.
#
# **Question 4.** You compress a hundred photographs of a night sky, nearly all black. One pixel is black in all of them. How many bits does that pixel cost,
# with the best code?
#
# *Answer.* None: what is certain needs no bits. Section 6 uses this to expose a wrong score: a model that claims *less* than 0 bits for a pixel counts something wrong.
#
# **Question 5.** Data have two far-apart hills. You must describe them by *one* Gaussian. Where would you put it?
#
# *Answer.* It depends on what you may not do: never call a data point impossible (then cover both hills, and the valley), or never draw an improbable point (then sit on one hill). Both
# are "near the data", by two different measures.

# %% [markdown]
# # Part A · Distances between densities
#
# Time: {{part:A}}. Afterwards you can say what maximum likelihood minimises, tell three divergences apart, and give an average its error.

# %% [markdown]
# ## 1 · Maximum likelihood is a divergence
#
# You have $m$ examples $x_1 \dots x_m$, drawn independently from an unknown
# $p_\mathrm{data}$. The likelihood of a model is the probability that it gives to all of
# them, a product. Its logarithm is a sum, and $1/m$ of it is an average. By the law of
# large numbers the average tends to an expectation:
#
# $$\frac1m\sum_{i=1}^m \log p_\theta(x_i) \;\longrightarrow\;
# \mathbb{E}_{p_\mathrm{data}}[\log p_\theta(x)]
# = -\underbrace{H(p_\mathrm{data})}_{\text{entropy}}
# -\underbrace{\mathrm{KL}(p_\mathrm{data}\,\|\,p_\theta)}_{\text{depends on }\theta}
# \tag{1.1}$$
#
# with $H(p) = -\sum_x p(x)\log p(x)$ and
# $\mathrm{KL}(p\|q) = \sum_x p(x)\log\frac{p(x)}{q(x)}$. The entropy does not depend on
# $\theta$. **So whoever maximises likelihood minimises this KL.** The whole expectation
# with its sign turned, $-\mathbb{E}_p[\log q]$, is the *cross-entropy*.
#
# **Exercise 01.1 · KL of two dice** · ●○○ · 5 min · code
#
# *Why.* Most objectives of this course are this number, a bound on it, or made of it.
#
# Write $\mathrm{KL}(p\|q)$ in nats for two discrete distributions, tensors of shape (n,).
# An outcome with $p = 0$ contributes nothing.
#
# *Nudge.* $p\log p$ tends to 0 as $p\to0$, but a computer's $0\cdot\log0$ is not a number. `torch.xlogy` knows it.
#
# *Compare.*
# ```python
# fair, loaded = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.25, 0.5])
# print(torch.xlogy(fair, loaded))  # → tensor([-0.6931, -0.6931,  0.0000])
# print(kl(fair, loaded))           # → tensor(0.6931)
# ```


# %% exercise="01.1"
def kl(p, q):
    """KL(p ‖ q) in nats; p, q: (n,), each sums to 1."""
    ### BEGIN SOLUTION
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()
    ### END SOLUTION


# %%
if not check("01.1", kl):  # then the lesson goes on with the course's own
    kl = lesson_01.kl

# %% [markdown]
# Now (1.1). A die with five faces, a model of it, and 100,000 throws. The average of
# $\log p_\theta$ is random, so the check allows it five standard errors (section 3 derives
# them).

# %%
p = torch.tensor([0.5, 0.25, 0.125, 0.0625, 0.0625], dtype=f64)
q = torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1], dtype=f64)
entropy = -(p * p.log()).sum()

throws = torch.multinomial(p, 100_000, replacement=True, generator=generator)
log_q = q.log()[throws]
error = log_q.std() / len(throws) ** 0.5
agrees(log_q.mean(), -entropy - kl(p, q), error=error, name="(1.1)")
refuses(log_q.mean(), -entropy - kl(q, p), error=error, name="KL the other way round")

# %% [markdown]
# ### A divergence is never negative, and no distance
# The logarithm is concave, so by Jensen's inequality
# $-\mathrm{KL}(p\|q) = \mathbb{E}_p[\log\frac qp] \le \log\mathbb{E}_p[\frac qp] \le \log 1$:
#
# $$\mathrm{KL}(p\|q) \ge 0, \quad\text{with equality only for } p = q. \tag{1.2}$$
#
# It is no distance: it changes when $p$ and $q$ change places.

# %%
pairs = torch.rand(1000, 2, 5, generator=generator, dtype=f64)
pairs = pairs / pairs.sum(-1, keepdim=True)
smallest = min(kl(a, b) for a, b in pairs)
assert smallest > 0
print(f"smallest of 1000 random KLs: {smallest:.2e} nats")
agrees(kl(p, p), 0, name="(1.2) KL(p‖p)")
refuses(kl(q, p), kl(p, q), name="KL taken for symmetric")

# %% [markdown]
# ### Two Gaussians
# For densities the sum becomes an integral. Lesson 06 will need this case:
#
# $$\mathrm{KL}\big(\mathcal N(\mu_1,\sigma_1^2)\,\|\,\mathcal N(\mu_2,\sigma_2^2)\big)
# = \log\frac{\sigma_2}{\sigma_1} + \frac{\sigma_1^2 + (\mu_1-\mu_2)^2}{2\sigma_2^2} - \frac12
# \tag{1.3}$$
#
# One dimension can be integrated on a grid. The trapezium rule on a smooth function that
# dies out at both ends is exact to almost all digits, so it serves as the truth in this
# lesson.

# %%
grid = torch.linspace(-20, 20, 2001, dtype=f64)


def integral(values):
    """∫ f(x) dx of values f (…, len(grid)) on the grid → (…)."""
    return torch.trapezoid(values, grid)


def divergence(log_p, log_q):
    """KL(p ‖ q) of two log-densities on the grid, by quadrature."""
    return integral(log_p.exp() * (log_p - log_q))


# %%
def gaussian(mean, sigma):
    return Normal(torch.as_tensor(mean, dtype=f64), torch.as_tensor(sigma, dtype=f64))


def kl_gaussians(m1, s1, m2, s2):
    return math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


exact = divergence(gaussian(1, 0.8).log_prob(grid), gaussian(-0.5, 1.3).log_prob(grid))
agrees(kl_gaussians(1, 0.8, -0.5, 1.3), exact, name="(1.3)")
wrong = kl_gaussians(1, 0.8**0.5, -0.5, 1.3**0.5)
refuses(wrong, exact, name="σ read as a variance")

# %% [markdown]
# ### What maximum likelihood picks
# For $p_\theta = \mathcal N(\mu, \sigma^2)$ the average log-likelihood has its maximum at
#
# $$\hat\mu = \frac1m\sum_i x_i, \qquad
# \hat\sigma^2 = \frac1m\sum_i (x_i-\hat\mu)^2. \tag{1.4}$$
#
# At a maximum the gradient is zero, and autograd can tell. Note the $1/m$: the *unbiased*
# variance, with $m-1$, is not the one of maximum likelihood.

# %%
sample = torch.tensor([1.2, -0.4, 0.3, 2.2, 0.9], dtype=f64)


def likelihood_slope(variance):
    """Gradient of the average log-likelihood in (μ, σ²) at μ̂ and this variance."""
    theta = torch.stack([sample.mean(), variance]).requires_grad_()
    gaussian(theta[0], theta[1].sqrt()).log_prob(sample).mean().backward()
    return theta.grad


agrees(likelihood_slope(sample.var(correction=0)), 0, name="(1.4) gradient")
refuses(likelihood_slope(sample.var(correction=1)), 0, name="variance with m − 1")

# %% [markdown]
# ## 2 · Three divergences, three characters
#
# If a model can represent the data exactly, every divergence is 0 where it does. (Whether a search finds the place is
# another matter: section 5.) A model that can't must
# give something up, and the divergence decides what. Take a target with two modes and the
# best *one* Gaussian $q$ under each of:
#
# - **forward KL**, $\mathrm{KL}(p\|q)$: an expectation under the *data*. Where $p > 0$, $q$
#   must not be near 0. Maximum likelihood, VAEs and flows live here.
# - **reverse KL**, $\mathrm{KL}(q\|p)$: an expectation under the *model*. Where $p$ is near
#   0, $q$ must be too. The posterior approximation in the VAE lives here.
# - **Jensen–Shannon**,
#   $\mathrm{JS}(p, q) = \frac12\mathrm{KL}(p\|m) + \frac12\mathrm{KL}(q\|m)$ with the density $m = \frac{p+q}2$:
#   symmetric. The best discriminator of a GAN measures it, (1.7).


# %%
def log_target(x):
    """log p(x): six tenths in a mode at −3, four tenths in one at 3."""
    left = gaussian(-3, 0.6).log_prob(x) + math.log(0.6)
    right = gaussian(3, 0.6).log_prob(x) + math.log(0.4)
    return torch.logaddexp(left, right)


def jensen_shannon(log_p, log_q):
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    return (divergence(log_p, log_m) + divergence(log_q, log_m)) / 2


log_p = log_target(grid)
MEASURES = {
    "forward KL": lambda log_q: divergence(log_p, log_q),
    "reverse KL": lambda log_q: divergence(log_q, log_p),
    "JS": lambda log_q: jensen_shannon(log_p, log_q),
}

# %% [markdown]
# **Predict** (without the picture at the top). What is the mean of the $q$ that minimises the *forward* KL? The modes are
# at $-3$ (weight .6) and $3$ (weight .4).

# %%
### BEGIN SOLUTION
mean_of_q = 0.0
### END SOLUTION
guessed_mean = predict("01.1", mean_of_q)


# %%
def best_gaussian(measure, start):
    """(mean, log σ) that minimises measure(log q), from (start, 0)."""
    theta = torch.tensor([start, 0.0], dtype=f64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [theta], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimiser.zero_grad()
        loss = measure(gaussian(theta[0], theta[1].exp()).log_prob(grid))
        loss.backward()
        return loss

    optimiser.step(closure)
    return theta.detach()


STARTS = {"forward KL": [-2.0, 2.0], "reverse KL": [-2.0, 2.0], "JS": [-2.0, 0.0, 2.0]}
fits = {name: [best_gaussian(MEASURES[name], s) for s in STARTS[name]] for name in MEASURES}

# %%
fig, axes = plots.figure(columns=3, height=3.3)
for ax, (name, found) in zip(axes, fits.items(), strict=True):
    curves = {"target p": log_p.exp()}
    for start, (mean, log_sigma) in zip(STARTS[name], found, strict=True):
        best = gaussian(mean, log_sigma.exp()).log_prob(grid)
        print(f"{name:>10} from {start:+.0f}: mean {mean:+.3f}, σ {log_sigma.exp():.3f}, "
              f"value {MEASURES[name](best):.3f} nats")
        curves[f"q from {start:+.0f}"] = best.exp()
    plots.lines(grid, curves, dashed=["q from +2"], ax=ax, title=name, xlabel="x")
    ax.set(xlim=(-7, 7), ylim=(0, 1.15))
    ax.legend(loc="upper right", fontsize=9)
if guessed_mean is not None:
    axes[0].axvline(guessed_mean, color=plots.INK, linestyle=(0, (5, 3)), label="your guess")
    axes[0].legend(loc="upper right", fontsize=9)
plots.show(fig, alt="The two-mode target with the best Gaussian: forward KL covers both modes, "
           "reverse KL sits on one mode, depending on the start, Jensen-Shannon does either.")

# %% [markdown]
# **What to see.** *Forward KL covers.* Its Gaussian is so wide that it puts much of its mass
# where there is hardly any data. A model of that kind draws improbable samples, but forgets
# nothing. Both starts end in the same place.
#
# *Reverse KL seeks a mode.* All samples of its $q$ would be good, and one mode is lost. Which
# one depends on the start. Losing a mode of weight .4 costs only $-\log .6$ nats: the share
# that was kept is all that $q$ is charged for.
#
# *Jensen–Shannon can do either.* Here it has three minima: both modes, and a cover. The best
# is the larger mode.

# %%
at_mode = MEASURES["reverse KL"](gaussian(-3, 0.6).log_prob(grid))
agrees(at_mode, -math.log(0.6), tol=1e-5, name="reverse KL at the larger mode")
refuses(at_mode, 0, tol=1e-5, name="a mode that fits perfectly costs nothing")

# %% [markdown]
# The forward fit can be had without any search:
#
# $$\arg\min_q \mathrm{KL}(p\|q) \text{ over Gaussians } q:\quad
# \mu = \mathbb{E}_p[x],\;\; \sigma^2 = \mathrm{Var}_p[x] \tag{1.5}$$
#
# which is (1.4) with infinitely many data.

# %%
mean = integral(log_p.exp() * grid)
sigma = integral(log_p.exp() * (grid - mean) ** 2).sqrt()
forward = fits["forward KL"][0]
agrees(forward[0], mean, tol=1e-6, name="(1.5) mean")
agrees(forward[1].exp(), sigma, tol=1e-6, name="(1.5) σ")

# %% [markdown]
# Draw the whole landscape: every mean and every width of $q$, under each divergence.

# %%
means = torch.linspace(-5, 5, 41, dtype=f64)
log_sigmas = torch.linspace(-1.2, 1.7, 24, dtype=f64)
fig, axes = plots.figure(columns=3, height=3.3)
for ax, (name, measure) in zip(axes, MEASURES.items(), strict=True):
    values = torch.stack([
        measure(gaussian(means[:, None], s.exp()).log_prob(grid)) for s in log_sigmas
    ])
    levels = torch.linspace(0, 1, 14) ** 1.5 * (4 if "KL" in name else math.log(2))
    ax.contourf(means, log_sigmas, values.clamp(max=levels[-1]), levels=levels,
                cmap="Blues_r")
    for mean_, log_sigma in fits[name]:
        ax.plot(mean_, log_sigma, "o", color=plots.PALETTE[1])
    ax.set(title=name, xlabel="mean of q", ylabel="log σ of q")
plots.show(fig, alt="Three landscapes over mean and log sigma of q. Forward KL has one wide "
           "valley with its minimum in the middle; reverse KL has one basin per mode, JS three.")

# %% [markdown]
# **What to see.** Dark is low, orange dots are the minima that the searches found. Forward
# KL has one valley and one minimum, so the start does not matter. Reverse KL has one basin
# around each mode, and steep walls. (High between them, at 3.3 nats, hides a third minimum, too shallow for the
# colours. A search from 0 ends there.) JS has a basin at each mode too, and one for the cover; its white is no
# wall but a *plateau*, just below the most that JS can be, $\log2$ (1.6).
#
# **Do it by hand.** Press in the picture: the top of $q$ moves there. The higher it stands, the narrower is $q$. Below
# you see at which $x$ each integral collects its nats. Bring first one of the two to its least value, then the other, and each time
# read off at which $x$ the other one is large. Question: how many nats more does the reverse KL cost at the
# right mode than at the left, and why just so many? (*modes at ±* is for exercise 01.8.)

# %%
explore.show(explore.two_kls())

# %% [markdown]
# ### Why flat: Jensen–Shannon is bounded
# In JS each distribution is compared with the mixture $m = \frac{p+q}2$, which is
# nowhere below half of it. So $\log\frac{p}{m} \le \log 2$ everywhere, and
#
# $$0 \le \mathrm{JS}(p, q) \le \log 2 \approx 0.693, \tag{1.6}$$
#
# with $\log 2$ exactly when $p$ and $q$ do not overlap.

# %%
apart = jensen_shannon(gaussian(-9, 0.5).log_prob(grid), gaussian(9, 0.5).log_prob(grid))
agrees(apart, math.log(2), name="(1.6) JS of disjoint densities")
a, b = gaussian(0, 1).log_prob(grid), gaussian(2, 1).log_prob(grid)
agrees(jensen_shannon(a, b), jensen_shannon(b, a), name="(1.6) JS is symmetric")
average = (divergence(a, b) + divergence(b, a)) / 2
refuses(average, jensen_shannon(a, b), name="the mean of the two KLs (Jeffreys) taken for JS")

# %%
distance = torch.linspace(0, 8, 81, dtype=f64)
p_fixed = gaussian(0, 1).log_prob(grid)
moved = gaussian(distance[:, None], 1.0).log_prob(grid)
fig, axes = plots.figure(columns=2)
plots.lines(distance, {"forward KL": divergence(p_fixed, moved),
                       "JS": jensen_shannon(p_fixed, moved)},
            dashed=["JS"], references={"log 2": math.log(2)}, limits=(0, 4), ax=axes[0],
            title="value", xlabel="distance of the means", ylabel="nats")
slopes = torch.gradient(jensen_shannon(p_fixed, moved), spacing=0.1)[0]
plots.lines(distance, {"forward KL": distance, "JS": slopes}, dashed=["JS"], ax=axes[1],
            limits=(0, 1), title="slope", xlabel="distance of the means")
plots.show(fig, alt="Forward KL of two unit Gaussians grows as the distance squared over 2; "
           "JS levels off at log 2 and its slope falls to zero.")

# %% [markdown]
# **What to see.** The further $q$ is from $p$, the harder forward KL pulls: its slope is
# here the distance itself. JS pulls hardest at a middling distance and then *lets go*. A model
# that learns from JS learns next to nothing while it is far away. Keep this picture: it is the
# GAN's first problem, in lesson 02.

# %% [markdown] tags=["optional"]
# ### Optional: where a GAN will meet JS
# A classifier that must tell $x\sim p$ from $x\sim q$, both equally likely, does best with
# $D^*(x) = \frac{p(x)}{p(x)+q(x)}$, and then
#
# $$\mathbb{E}_p[\log D^*] + \mathbb{E}_q[\log(1-D^*)]
# = -\log 4 + 2\,\mathrm{JS}(p,q). \tag{1.7}$$
#
# Lesson 02 derives it. Here it is only computed.

# %% tags=["optional"]
log_d, log_1_minus_d = logsigmoid(a - b), logsigmoid(b - a)  # D* = sigmoid(log p − log q)
value = integral(a.exp() * log_d + b.exp() * log_1_minus_d)
agrees(value, -math.log(4) + 2 * jensen_shannon(a, b), name="(1.7)")
refuses(value, -math.log(4) + jensen_shannon(a, b), name="JS counted once, not twice")

# %% [markdown]
# ## 3 · Monte Carlo: an average and its error
#
# Most expectations of this course have no closed form. You draw instead: with
# independent $x_1\dots x_n$ from $p$,
#
# $$\hat I = \frac1n\sum_i f(x_i), \qquad \mathbb{E}[\hat I] = \mathbb{E}_p[f], \qquad
# \mathrm{sd}[\hat I] = \frac{\mathrm{sd}_p[f]}{\sqrt n}. \tag{1.8}$$
#
# Why: the variance of a sum of independent terms is the sum of their variances,
# $n\,\mathrm{Var}[f]$; dividing the sum by $n$ divides its variance by $n^2$. Note what is
# *not* in it: the dimension of $x$.
#
# Check: repeat the whole experiment 4,000 times with $f(x) = x^2$, $x\sim\mathcal N(0,1)$,
# whose standard deviation is $\sqrt2$, and look at the spread of the 4,000 answers.

# %%
n, repeats = 100, 4000
squares = torch.randn(repeats, n, generator=generator, dtype=f64).square()
spread = squares.mean(1).std()
error = spread / (2 * repeats) ** 0.5  # of a standard deviation, to first order
agrees(squares.mean(), 1, error=spread / repeats**0.5, name="(1.8) mean")
agrees(spread, 2**0.5 / n**0.5, error=error, name="(1.8) standard deviation")
refuses(spread, 2**0.5 / n, error=error, name="divided by n instead of √n")

# %% [markdown]
# **Exercise 01.2 · An error from one run** · ●○○ · 4 min · code
#
# *Why.* Most of the "±" in this course come from it.
#
# In practice you have one run and do not know $\mathrm{sd}[f]$. Estimate it from the same
# $n$ values: write the **standard error** of their mean. (Whether you divide by $n$ or
# $n-1$ inside makes no difference that matters.)
#
# *Nudge.* (1.8) has two parts. Which of them can you estimate by the spread of the $n$ values?
#
# *Compare.*
# ```python
# few = torch.tensor([1.0, 2.0, 3.0, 6.0])
# print(few.std())            # → tensor(2.1602)
# print(standard_error(few))  # → tensor(1.0801)
# ```
# (With $n$ in place of $n-1$ they are 1.8708 and .9354: right, too.)


# %% exercise="01.2"
def standard_error(values):
    """Standard error of values.mean(); values: (n,)."""
    ### BEGIN SOLUTION
    return values.std() / len(values) ** 0.5
    ### END SOLUTION


# %%
if not check("01.2", standard_error):
    standard_error = lesson_01.standard_error

# %% [markdown]
# **Predict.** You have an estimate with one good decimal and want one more: a standard
# error ten times smaller. By which factor must $n$ grow?

# %%
### BEGIN SOLUTION
factor = 100
### END SOLUTION
guessed_factor = predict("01.2", factor)

# %%
sizes = torch.tensor([10, 30, 100, 300, 1000, 3000])
rms = torch.stack([
    torch.randn(400, int(n), generator=generator).square().mean(1).sub(1).square().mean().sqrt()
    for n in sizes
])
fig, ax = plots.figure()
ys = {"measured": rms, "√2 / √n": (2 / sizes) ** 0.5, "√2 / n": 2**0.5 / sizes}
plots.lines(sizes, ys, dashed=["√2 / √n", "√2 / n"], ax=ax, xlabel="n",
            ylabel="root mean square error")
if guessed_factor is not None:
    ax.plot([10, 10 * guessed_factor], [rms[0], rms[0] / 10], "--s", color=plots.INK,
            label="your guess: error / 10")
ax.set(xscale="log", yscale="log")
ax.legend(loc="lower left")
plots.show(fig, alt="On log-log axes the measured error falls on the line of slope one half.")

# %% [markdown]
# **What to see.** The measured errors lie on the line of slope $-\frac12$: a hundred times
# the work for one more decimal. Your guess ends on that line if it was 100.
#
# Do the intervals tell the truth? In 40 runs of $n = 200$, draw each mean with two of *its
# own* standard errors on both sides. About 95 in 100 such intervals should contain the
# truth.

# %%
runs = torch.randn(40, 200, generator=generator, dtype=f64).square()
errors = torch.stack([standard_error(run) for run in runs])
missed = (runs.mean(1) - 1).abs() > 2 * errors
fig, ax = plots.figure(width=7.6, height=2.8)
for hit, colour, name in ((~missed, 0, "contains 1"), (missed, 1, "misses 1")):
    index = hit.nonzero().flatten()
    ax.errorbar(index, runs.mean(1)[hit], 2 * errors[hit], fmt="o" if colour == 0 else "s",
                color=plots.PALETTE[colour], label=f"{name}: {len(index)}", markersize=4)
ax.axhline(1, color=plots.INK, linewidth=1)
ax.set(xlabel="run", ylabel="mean ± 2 standard errors")
ax.legend(ncols=2, loc="upper right")
ax.set_ylim(0.4, 1.9)
plots.show(fig, alt="Forty means with error bars around the true value 1; a few bars miss it.")

# %% [markdown]
# **What to see.** Nearly all bars cross the line at 1. The orange squares miss it: of 40 about two
# should. An estimate without its error is not a result. If two bars
# overlap widely, no difference is shown; nor is it shown that there is none. Where two models are scored on the
# *same* images, look at the standard error of the difference.
#
# ### Importance sampling: draw from another distribution
# You need not draw from $p$. Another $q$ will do, if each draw is weighted:
#
# $$\mathbb{E}_p[f(x)] = \mathbb{E}_q[w(x)\,f(x)], \qquad w(x) = \frac{p(x)}{q(x)}. \tag{1.9}$$
#
# Proof: $\int q\,\frac pq f\,dx = \int p f\,dx$.
#
# > **Holds when** $q > 0$ wherever $p\,f \ne 0$. The *standard error* needs more: the variance of
# > $w f$ must be finite, $\mathbb{E}_q[w^2f^2] = \int \frac{p^2f^2}{q}\,dx < \infty$. It is enough
# > that $q$ has no lighter tails than $p\,|f|$: choose it rather too wide than too narrow.
#
# Where it shines: the probability that a standard normal exceeds 4. Draw from
# $\mathcal N(4.2, 1)$: there it happens, and this $q$ is as wide as $p$.

# %%
truth = 0.5 * math.erfc(4 / 2**0.5)
p_, q_ = gaussian(0, 1), gaussian(4.2, 1)
plain = torch.randn(20_000, generator=generator, dtype=f64) > 4
x = 4.2 + torch.randn(20_000, generator=generator, dtype=f64)
weighted = (p_.log_prob(x) - q_.log_prob(x)).exp() * (x > 4)

print(f"P(x > 4) = {truth:.4e}; plain Monte Carlo saw it {plain.sum()} times in 20,000")
error = standard_error(weighted)
agrees(weighted.mean(), truth, error=error, name="(1.9)")

# %% [markdown]
# Now the failure, on purpose. Estimate $\mathbb{E}_p[x^2] = 1$ with $q = \mathcal N(0, s^2)$. Here
# $p^2/q$ goes like $e^{-x^2(1-1/(2s^2))}$, so the variance is finite only for $s^2 > \frac12$. Make
# the experiment 1,000 times with $n = 1000$ and ask, as above: how many of the intervals *mean ± two of
# its own standard errors* contain the truth?


# %%
def share_of_hits(s, runs=1000, n=1000):
    """How many of `runs` importance-sampling intervals (± 2 standard errors) contain E[x²] = 1."""
    x = s * torch.randn(runs, n, generator=torch.Generator().manual_seed(1), dtype=f64)
    values = (gaussian(0, 1).log_prob(x) - gaussian(0, s).log_prob(x)).exp() * x.square()
    off = (values.mean(1) - 1).abs() / (values.std(1) / n**0.5)
    return (off <= 2).double().mean()


right, chance = math.erf(2**0.5), (0.954 * 0.046 / 1000) ** 0.5  # two standard errors: .954
agrees(share_of_hits(1.3), right, error=chance, name="s = 1.3: intervals that contain 1")
narrow = share_of_hits(0.5)
refuses(narrow, right, error=chance, name="s = .5, infinite variance, and trusted")
print(f"s = .5: only {narrow:.0%} of the intervals contain the truth")

# %% [markdown]
# **What to see.** With the narrow $q$ the standard error is an estimate of $\infty$ from finitely many
# numbers. It comes out finite: the rare draws with huge weights, which should bring
# the mean up to 1 and the error with it, are missing from most runs. The standard error cannot say so.
#
# ### …and where it fails: high dimension
# The weights are random too, and their spread decides. Let $p = \mathcal N(0, I)$ in $d$
# dimensions and $q = \mathcal N(0, s^2 I)$, just a little wider. The weight is a product of
# $d$ factors, so the mean of its square is a *power*:
#
# $$\mathbb{E}_q[w^2] = \left(\frac{s^2}{\sqrt{2s^2-1}}\right)^{d},
# \qquad \text{effective number of draws} \approx \frac{n}{\mathbb{E}_q[w^2]}. \tag{1.10}$$
#
# Why: $\mathbb{E}_q[w] = 1$, so $\mathbb{E}_q[w^2]$ is 1 plus the variance of the weights. Where it is 1, all weights are equal and all $n$ draws count.
#
# > **Holds when** $s^2 > \frac12$. For $s^2 \le \frac12$ the mean of $w^2$ is infinite, in one dimension already.


# %%
def log_weights(n, d, s):
    """log p(x)/q(x) of n draws from q = N(0, s² I) in d dimensions, p = N(0, I)."""
    x = s * torch.randn(n, d, generator=generator, dtype=f64)
    return (gaussian(0, 1).log_prob(x) - gaussian(0, s).log_prob(x)).sum(1)


s = 1.2
growth = s**2 / (2 * s**2 - 1) ** 0.5
squared = (2 * log_weights(100_000, 20, s)).exp()
agrees(squared.mean(), growth**20, error=standard_error(squared), name="(1.10), d = 20")
refuses(squared.mean(), 1 + 20 * (growth - 1), error=standard_error(squared),
        name="growth in proportion to d")

# %% [markdown]
# **Predict.** With $s = 1.2$ and $d = 100$: of 10,000 draws, how many count effectively?

# %%
### BEGIN SOLUTION
effective_draws = 75
### END SOLUTION
guessed_draws = predict("01.3", effective_draws)

# %%
dims = torch.tensor([1, 2, 5, 10, 20, 50, 100, 200])
measured = []
for d in dims:
    w = log_weights(10_000, int(d), s).softmax(0)
    measured.append(1 / w.square().sum())
print(f"at d = 784 (one digit): {10_000 / growth**784:.1e} effective draws of 10,000")

fig, ax = plots.figure()
ax.plot(dims, 10_000 / growth ** dims.double(), label="10,000 / E[w²], exact")
ax.plot(dims, measured, "o", label="measured: (Σw)² / Σw²")
if guessed_draws is not None:
    ax.axhline(guessed_draws, color=plots.INK, linestyle=(0, (5, 3)), label="your guess")
ax.set(yscale="log", xlabel="dimension d", ylabel="effective draws of 10,000")
ax.legend(loc="lower left")
plots.show(fig, alt="The effective number of draws falls exponentially with the dimension; "
           "the measured dots scatter, and at 200 dimensions lie far above the exact line.")

# %% [markdown]
# **What to see.** A straight line on a logarithmic axis: exponential decay, from a $q$
# that is wrong by only a fifth in each dimension. And look at the right end: at $d=200$ the
# *measured* number is far too optimistic (it can't even fall below 1). The few draws with huge weights, which make up
# $\mathbb{E}[w^2]$, were never drawn. **An importance sampler that fails does not know how badly.**
#
# The remedy is not more draws. It is a better $q$: in lesson 06 an encoder makes one for every image.

# %% [markdown]
# # Part B · Models in which all is known
#
# A good place to begin again after a break. Time: {{part:B}}. Afterwards you can compute the posterior and the likelihood of a linear latent-variable model, and fit a mixture by EM.

# %% [markdown]
# ## 4 · A latent-variable model in which all is known
#
# Now a model with a hidden cause. Draw $z$ with $q$ coordinates ($q$ is a number here, no density), map it to the $D$ of $x$, add noise:
#
# $$p(z) = \mathcal N(0, I_q), \qquad p(x|z) = \mathcal N(\mu + Wz,\; \sigma^2 I_D).$$
#
# Replace $\mu + Wz$ by a neural network and you have a VAE. While it stays linear, all that
# a VAE must approximate has a closed form. The marginal is an integral over all causes,
#
# $$p(x) = \int p(x|z)\,p(z)\,dz = \mathcal N(x;\; \mu,\; W W^\top + \sigma^2 I), \tag{1.11}$$
#
# because $\mu + Wz$ and the noise are independent Gaussians: means add, covariances add.

# %%
W = torch.tensor([[1.5], [0.6]], dtype=f64)
mu = torch.tensor([0.5, -0.3], dtype=f64)
sigma = 0.4
x = torch.tensor([2.4, 0.9], dtype=f64)
eye = torch.eye(2, dtype=f64)


def log_p_x_given_z(z):
    """log p(x|z) of the one x above for z (…, 1) → (…)."""
    return gaussian(mu + z @ W.T, sigma).log_prob(x).sum(-1)


joint = log_p_x_given_z(grid[:, None]) + gaussian(0, 1).log_prob(grid)
log_p_x = integral(joint.exp()).log()
marginal = MultivariateNormal(mu, W @ W.T + sigma**2 * eye)
agrees(marginal.log_prob(x), log_p_x, name="(1.11) against quadrature over z")
wrong = MultivariateNormal(mu, W @ W.T + sigma * eye).log_prob(x)
refuses(wrong, log_p_x, name="σ where σ² is meant")

# %% [markdown]
# The same by sampling: draw $z$, then $x$, and look at the covariance of the draws.

# %%
z = torch.randn(100_000, 1, generator=generator, dtype=f64)
noise = torch.randn(100_000, 2, generator=generator, dtype=f64)
draws = mu + z @ W.T + sigma * noise
C = marginal.covariance_matrix
error = ((C.diagonal()[:, None] * C.diagonal() + C.square()) / len(draws)).sqrt()
agrees(draws.T.cov(), C, error=error, name="(1.11) against draws")

# %% [markdown]
# ### Which cause, given x?
# Bayes' rule, and completing the square in $z$:
#
# $$p(z|x) = \mathcal N\big(M^{-1}W^\top(x-\mu),\; \sigma^2 M^{-1}\big),
# \qquad M = W^\top W + \sigma^2 I_q. \tag{1.12}$$
#
# **Exercise 01.3 · The posterior** · ●●○ · 8 min · code
#
# *Why.* It is the answer that a VAE's encoder has to approximate. Here you have it exactly.
#
# Write (1.12). Return the mean, shape (q,), and the covariance, shape (q, q).
#
# *Nudge.* $M$ is only q × q, whatever the number of pixels. Solve with it instead of inverting a D × D matrix.
#
# *First line.* `M = W.T @ W + sigma**2 * torch.eye(W.shape[1], dtype=W.dtype)`
#
# *Compare.*
# ```python
# one_cause = torch.tensor([[2.0]], dtype=f64)
# print(one_cause.T @ one_cause + 1)  # → tensor([[5.]], dtype=torch.float64)
# m_and_c = posterior(torch.tensor([3.0], dtype=f64), torch.zeros(1, dtype=f64), one_cause, 1.0)
# print(m_and_c[0], m_and_c[1])  # → tensor([1.2000], dtype=torch.float64) tensor([[0.2000]], dtype=torch.float64)
# ```


# %% exercise="01.3"
def posterior(x, mu, W, sigma):
    """Mean (q,) and covariance (q, q) of p(z|x); x, mu: (D,), W: (D, q), sigma: a number."""
    ### BEGIN SOLUTION
    M = W.T @ W + sigma**2 * torch.eye(W.shape[1], dtype=W.dtype)
    return torch.linalg.solve(M, W.T @ (x - mu)), sigma**2 * torch.linalg.inv(M)
    ### END SOLUTION


# %%
if not check("01.3", posterior):
    posterior = lesson_01.posterior

# %% [markdown]
# A strong check of a posterior: $\frac{p(x|z)\,p(z)}{p(z|x)} = p(x)$ must hold for
# **every** $z$, the likely and the absurd.

# %%
mean, cov = posterior(x, mu, W, sigma)
z = torch.tensor([[-3.0], [-1.0], [0.0], [0.5], [2.0], [4.0]], dtype=f64)
above = log_p_x_given_z(z) + gaussian(0, 1).log_prob(z).sum(-1)
left = above - MultivariateNormal(mean, cov).log_prob(z)
agrees(left, log_p_x, tol=1e-4, name="(1.12), six z")
wrong = MultivariateNormal(mean, cov / sigma**2).log_prob(z)
refuses(above - wrong, log_p_x, name="covariance M⁻¹ without σ²")

# %%
fig, axes = plots.figure(columns=2, height=3.8)
t = torch.tensor([[-2.5], [2.5]], dtype=f64)
line, near = mu + t @ W.T, mu + mean @ W.T
plots.points(draws[:400], size=6, limits=((-4, 5), (-4.8, 4.2)), ax=axes[0],
             title="x space")
axes[0].plot(*line.T, color=plots.PALETTE[0], label="μ + W z")
axes[0].plot(*torch.stack([x, near]).T, ":", color=plots.INK)
axes[0].plot(*x, "s", color=plots.INK, label="one x")
axes[0].plot(*near, "o", color=plots.PALETTE[0], label="its mean cause, mapped")
axes[0].legend(loc="upper left", fontsize=9)
densities = {"prior p(z)": gaussian(0, 1).log_prob(grid).exp(),
             "posterior p(z|x)": gaussian(mean, cov[0].sqrt()).log_prob(grid).exp()}
plots.lines(grid, densities, ax=axes[1], title="z space", xlabel="z")
axes[1].set_xlim(-4, 4)
plots.show(fig, alt="Left: draws around the line of means, one x and the point on it that "
           "its posterior mean maps to. Right: the posterior is much narrower than the prior.")

# %% [markdown]
# **What to see.** Left: the model's draws lie around a line; the black square is one $x$,
# and the dotted line leads to the point that its most probable cause maps to. (It is not quite the
# line's nearest point, but a little nearer to the middle: the prior has a word too.) Right: seeing $x$ narrows $z$
# down. How much of the prior the posterior still fills is what decides the next point.
#
# ### Estimating log p(x) by sampling the prior
# $p(x) = \mathbb{E}_{p(z)}[p(x|z)]$ is an expectation, so (1.8) applies:
# $\hat p(x) = \frac1K\sum_k p(x|z_k)$. Its *logarithm* is what you report, and by Jensen
#
# $$\mathbb{E}_z[\log p(x|z)] \;\le\; \mathbb{E}\Big[\log \tfrac1K\sum_k p(x|z_k)\Big]
# \;\le\; \log p(x). \tag{1.13}$$
#
# The left end, the mean of logs, never gets better with $K$. The middle, the log of the
# mean, tends to $\log p(x)$. In code the sum must not underflow: $e^{-800}$ is 0 in
# float64.
#
# **Exercise 01.4 · A mean of tiny numbers** · ●●○ · 6 min · code
#
# *Why.* Section 7 measures log p(x) of digits with it, and lesson 07 its bounds.
#
# Write $\log\frac1K\sum_k e^{a_k}$ along the first axis so that it works at $a_k = -800$
# too.
#
# *Nudge.* Take the largest $a_k$ out of the sum before you take the exponential; or find the function of PyTorch that does it.
#
# *First line.* $\log\frac1K\sum_ke^{a_k}=\log\sum_ke^{a_k}-\log K$.
#
# *Compare.*
# ```python
# tiny = torch.tensor([-800.0, -802.0])
# print(tiny.exp().mean().log())  # → tensor(-inf)
# print(log_mean_exp(tiny))       # → tensor(-800.5662)
# ```
# (The first line is what must not happen.)


# %% exercise="01.4"
def log_mean_exp(a):
    """log (1/K) Σ_k exp(a_k); a: (K, …) → (…)."""
    ### BEGIN SOLUTION
    return a.logsumexp(0) - math.log(len(a))
    ### END SOLUTION


# %%
if not check("01.4", log_mean_exp):
    log_mean_exp = lesson_01.log_mean_exp

# %%
K = 200_000
a = log_p_x_given_z(torch.randn(K, 1, generator=generator, dtype=f64))
ratio = (a - log_p_x).exp()  # its mean is 1, and log_mean_exp(a) - log p(x) is log of it
error = standard_error(ratio)
agrees(log_mean_exp(a), log_p_x, error=error, name="(1.13) log of the mean")
refuses(a.mean(), log_p_x, error=error, name="mean of the logs")

# %% [markdown]
# With one coordinate of $z$ and two pixels this works well. With a digit's 784 pixels? You will see in
# section 7, where the exact answer is known and the estimate can be caught.

# %% [markdown] tags=["optional"]
# ### Optional: the density without the big matrix
# $C = WW^\top + \sigma^2 I$ is $D\times D$. Two identities bring all work down to
# $q\times q$, with $M$ from (1.12) and $d = x-\mu$:
#
# $$\log\det C = \log\det M + (D-q)\log\sigma^2, \qquad
# d^\top C^{-1} d
# = \frac{1}{\sigma^2}\big(d^\top d - d^\top W M^{-1} W^\top d\big). \tag{1.14}$$
#
# The first is the matrix determinant lemma, the second Woodbury's identity. The library
# uses them with a Cholesky factor of $M$.

# %% tags=["optional"]
D, q = 50, 3
V = torch.randn(D, q, generator=generator, dtype=f64)
d = torch.randn(D, generator=generator, dtype=f64)
C, M = V @ V.T + 0.1 * torch.eye(D, dtype=f64), V.T @ V + 0.1 * torch.eye(q, dtype=f64)

agrees(M.logdet() + (D - q) * math.log(0.1), C.logdet(), name="(1.14) determinant")
refuses(M.logdet(), C.logdet(), name="the D − q noise directions forgotten")
inner = d @ V @ torch.linalg.solve(M, V.T @ d)
agrees((d @ d - inner) / 0.1, d @ torch.linalg.solve(C, d), name="(1.14) square")

# %% [markdown]
# ### The best W and σ², in closed form
# Let $S$ be the covariance of the data, with eigenvalues $\lambda_1\ge\lambda_2\ge\dots$
# and eigenvectors $u_i$. Tipping and Bishop (1999) showed that the likelihood is greatest
# at
#
# $$\mu = \bar x, \qquad \sigma^2 = \frac1{D-q}\sum_{i>q}\lambda_i, \qquad
# W = U_q\,(\Lambda_q - \sigma^2 I)^{1/2}. \tag{1.15}$$
#
# The noise takes the *mean of the discarded eigenvalues*. Each kept direction has variance
# $\lambda_i$ in all; $\sigma^2$ of it is noise already, so $W$ brings only the rest. This
# is **probabilistic PCA**: principal components with a density.
#
# **Exercise 01.5 · Fit probabilistic PCA** · ●●○ · 12 min · code
#
# *Why.* If it passes, your own function makes the first model of digits in this course.
#
# Write (1.15). It will be fitted to digits below. ($W$ is fixed only up to a rotation in $z$
# space, so the check compares $WW^\top$.)
#
# *Nudge.* `torch.linalg.eigh` sorts the eigenvalues *upwards*. And maximum likelihood divides the covariance by $N$, not by $N-1$.
#
# *First line.* `values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))`, after the mean.
#
# *Compare.*
# ```python
# cross = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=f64)
# print((cross.T @ cross / 4).diagonal())  # → tensor([2.0000, 0.5000], dtype=torch.float64)
# m_w_v = fit_ppca(cross, 1)
# print((m_w_v[1] @ m_w_v[1].T).diagonal().abs(), float(m_w_v[2]))  # → tensor([1.5000, 0.0000], dtype=torch.float64) 0.5
# ```


# %% exercise="01.5"
def fit_ppca(x, q):
    """Maximum likelihood for x (N, D): mean (D,), W (D, q), σ² (a number)."""
    ### BEGIN SOLUTION
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    values, vectors = values.flip(0), vectors.flip(1)  # eigh sorts them upwards
    variance = values[q:].mean()
    return mean, vectors[:, :q] * (values[:q] - variance).sqrt(), variance
    ### END SOLUTION


# %%
mine = check("01.5", fit_ppca)
if not mine:
    fit_ppca = lesson_01.fit_ppca

# %% [markdown]
# Is it a maximum? Its gradient must be zero, and a search from a random start must not find
# anything better.

# %%
mixing = torch.randn(6, 6, generator=generator, dtype=f64)
toy = torch.randn(500, 6, generator=generator, dtype=f64) @ mixing


def log_likelihood(W, log_sigma):
    """Average log p(x) of the toy data at the mean, in nats."""
    C = W @ W.T + (2 * log_sigma).exp() * torch.eye(6, dtype=f64)
    return MultivariateNormal(toy.mean(0), C).log_prob(toy).mean()


def likelihood_gradient(W, variance):
    theta = [W.clone().requires_grad_(), (variance.log() / 2).requires_grad_()]
    found = torch.autograd.grad(log_likelihood(*theta), theta)
    return torch.cat([g.flatten() for g in found])


mean, W_best, variance = fit_ppca(toy, 2)
agrees(likelihood_gradient(W_best, variance), 0, tol=1e-6, name="(1.15) gradient")
lengths = W_best.norm(dim=0)
plain_pca = W_best / lengths * (lengths**2 + variance).sqrt()
refuses(likelihood_gradient(plain_pca, variance), 0, name="W = U √Λ, σ² not subtracted")

# %%
W_found = torch.randn(6, 2, generator=generator, dtype=f64).requires_grad_()
log_sigma = torch.zeros((), dtype=f64, requires_grad=True)
search = torch.optim.LBFGS([W_found, log_sigma], max_iter=500, tolerance_grad=1e-10,
                           tolerance_change=1e-14, line_search_fn="strong_wolfe")


def negative_likelihood():
    search.zero_grad()
    loss = -log_likelihood(W_found, log_sigma)
    loss.backward()
    return loss


search.step(negative_likelihood)
best = log_likelihood(W_best, variance.log() / 2)
agrees(log_likelihood(W_found, log_sigma), best, tol=1e-8, name="(1.15) against a search")

# %% [markdown]
# ## 5 · Mixtures and EM
#
# A discrete cause: component $k$ with probability $\pi_k$, then $x$ from that component's
# Gaussian. $p(x) = \sum_k \pi_k\,\mathcal N(x;\mu_k,\Sigma_k)$ has a sum inside its
# logarithm, so setting gradients to zero gives no closed form. But for any weights
# $r_k \ge 0$ that sum to 1,
#
# $$\log p(x) = \underbrace{\sum_k r_k \log\frac{\pi_k\,\mathcal N(x;\mu_k,\Sigma_k)}{r_k}}
# _{\text{a lower bound}} \;+\; \mathrm{KL}\big(r \,\|\, p(k|x)\big). \tag{1.16}$$
#
# To see it, write $\pi_k\mathcal N_k = p(x)\,p(k|x)$ and split the logarithm. The bound is
# tight for $r_k = p(k|x)$, the *responsibilities*. Read $z$ for $k$ and this is the ELBO of
# lesson 06.

# %%
ring = data.toy.Ring(sigma=0.15).data_set(1000, seed=1)
model = GaussianMixture(
    shape=(2,), components=8, factors=1, floor=0.02, iterations=1, seed=3
)
model.fit(ring)
points = ring.images.double()
joint = model.log_joint(points)  # log π_k N(x; μ_k, Σ_k), shape (N, K)
responsible = model.responsibilities(points)

r = 0.5 * responsible + 0.5 / 8  # any other weights
bound = (r * (joint - r.log())).sum(1)
gap = model.log_prob(points) - bound
agrees(gap, torch.stack([kl(a, b) for a, b in zip(r, responsible, strict=True)]),
       tol=1e-4, name="(1.16)")
turned = torch.stack([kl(b, a) for a, b in zip(r, responsible, strict=True)])
refuses(gap, turned, name="KL(p(k|x) ‖ r)")

# %% [markdown]
# **EM** climbs by turns. *E-step*: set $r$ to the responsibilities, so that the bound
# touches $\log p$. *M-step*: move the parameters to the maximum of the bound, which is a
# weighted version of (1.4). The bound rises and $\log p$ lies above it, so
#
# $$\frac1m\sum_i \log p_{\theta_{t+1}}(x_i) \;\ge\; \frac1m\sum_i \log p_{\theta_t}(x_i)
# \quad\text{in every step.} \tag{1.17}$$
#
# ### From equation to code
# For diagonal covariances the M-step is four lines. The library's general one must agree.


# %%
def m_step(x, r, floor):
    """Shares (K,), means (K, D), variances (K, D) from x (N, D), r (N, K)."""
    total = r.sum(0)
    means = r.T @ x / total[:, None]
    variances = r.T @ x.square() / total[:, None] - means.square()
    return total / len(x), means, variances.clamp(min=floor**2)


diagonal = GaussianMixture(
    shape=(2,), components=8, factors=0, floor=0.02, iterations=1, seed=3
)
diagonal.start(points)
shares, means, variances = m_step(points, diagonal.responsibilities(points), 0.02)
wrong = diagonal.responsibilities(points).T @ points / len(points)
diagonal.em_step(points)
agrees(means, diagonal.means, tol=1e-8, name="M-step: means")
agrees(variances, diagonal.noises, tol=1e-8, name="M-step: variances")
refuses(wrong, diagonal.means, tol=1e-8, name="divided by m, not by the weights' sum")

# %% [markdown]
# Now run it from five starts and assert (1.17) at every step. The data's own density is
# known (`Ring` knows it), so there is a line that no fit should much exceed.

# %%
truth = data.toy.Ring(sigma=0.15).log_density(ring.images).mean()
histories, mixtures = {}, {}
for seed in range(5):
    mixture = GaussianMixture(
        shape=(2,), components=8, factors=1, floor=0.02, iterations=40, seed=seed
    )
    histories[f"start {seed}"] = torch.tensor(mixture.fit(ring), dtype=f64)
    mixtures[seed] = mixture
steps = torch.stack([h.diff() for h in histories.values()])
agrees(steps.clamp(max=0), 0, name="(1.17) largest fall in any step")


# %%
fig, axes = plots.figure(columns=2, height=4.0)
plots.lines(torch.arange(40), histories, references={"the density that drew them": truth},
            ax=axes[0], xlabel="iteration of EM", ylabel="average log p(x), nats")
axes[0].legend(loc="center", ncols=2, fontsize=9)
worst = min(mixtures, key=lambda seed: histories[f"start {seed}"][-1])
plots.points(points[:400], size=7, limits=3, ax=axes[1], title=f"start {worst}: the eight means")
axes[1].plot(*mixtures[worst].means.T, "X", color=plots.INK, markersize=9)
plots.show(fig, alt="Left: log-likelihood of five EM runs, all rising, some stopping lower. "
           "Right: the means of the worst run on the ring of eight Gaussians.")

# %% [markdown]
# **What to see.** Every curve rises in every step, and they end at different heights. EM
# finds *a* maximum. In the lowest run (right) one component sits between two modes while two others
# share one. (The best run lies a little *above* the density that drew the points: it was
# fitted to these thousand.) So maximum likelihood can blur two modes into one, when the search stops
# at a lower peak; four of these five did. But not for free: it costs a quarter of a nat for the average
# point, and you see it in the curve. Forgetting a mode would cost far more.

# %% [markdown]
# # Part C · Pixels
#
# A good place to begin again after a break. Time: {{part:C}}. Afterwards you can say what a density of pixels means, in bits per dimension, and read the first table of scores on digits.

# %% [markdown]
# ## 6 · What a density of pixels means
#
# ### Nats, bits, and bits per dimension
# An outcome of probability $P$ costs $-\log_2 P$ bits, in the best code there is; $-\ln P$ counts the
# same in nats, so bits = nats / ln 2. An image $u\in\{0,\dots,255\}^D$ has a *probability*.
# A *density* $p(x)$ is no probability: it may exceed 1, and it depends on the unit of $x$.
# For $x = u/256$ it is $256^D$ times the density of $u$. So for $x\in[0,1]^D$
#
# $$\text{bits/dim} = \frac{-\log p(x)}{D\ln 2} + \log_2 256. \tag{1.18}$$
#
# The $+8$ takes the factor $256^D$ back. A number in which it is forgotten, or $D$, can't be compared with
# any other.

# %%
levels = torch.randint(0, 256, (784,), generator=generator).double()  # u: one flat image
density_u = gaussian(128, 40).log_prob(levels).sum()
density_x = gaussian(128 / 256, 40 / 256).log_prob(levels / 256).sum()
in_bits = -density_u / (784 * math.log(2))
agrees(linear.bits_per_dim(density_x, 784), in_bits, name="(1.18)")
refuses(-density_x / (784 * math.log(2)), in_bits, name="log₂ 256 forgotten")
peak = gaussian(0, 0.01).log_prob(torch.zeros(())).exp()
print(f"N(0, .01²) has the density {peak:.1f} at 0")

# %% [markdown]
# **Exercise 01.6 · Bits per dimension** · ●○○ · 4 min · code
#
# *Why.* It scores the digits below, and the flows of lesson 11.
#
# Write (1.18).
#
# *Nudge.* Four things are done to $\log p(x)$: its sign, its unit, its share for one dimension, and the scale of $x$.
#
# *Compare.*
# ```python
# flat = torch.tensor(0.0)  # log p of a density that is uniform on [0, 1]
# print(bits_per_dim(flat, 784), bits_per_dim(torch.tensor(784 * math.log(2)), 784))  # → tensor(8.) tensor(7.)
# ```


# %% exercise="01.6"
def bits_per_dim(log_prob, dimensions):
    """log p(x) in nats of x in [0, 1]^D → bits per dimension of 8-bit data."""
    ### BEGIN SOLUTION
    return -log_prob / (dimensions * math.log(2)) + 8
    ### END SOLUTION


# %%
if not check("01.6", bits_per_dim):
    bits_per_dim = linear.bits_per_dim

# %% [markdown]
# ### Why noise is added to pixels
# Fit a density to the integers themselves and the likelihood has no upper bound. A border
# pixel of MNIST is 0 in every image: a Gaussian on it with $\sigma\to0$ has a density at 0
# that grows for ever. Maximum likelihood will spend all its effort there, and the number
# means nothing.
#
# *Dequantisation* spreads each level over its own interval: $x = (u + \text{noise})/256$,
# the noise uniform on $[0,1)$. Then the score bounds an honest code length. For one pixel, in nats, with
# $Q(u) = \int_{u/256}^{(u+1)/256} p(x)\,dx$, the probability that the model gives to a
# level,
#
# $$\underbrace{\mathbb{E}_\text{noise}\big[-\log p(x)\big] + \log 256}_{\text{what you report}}
# = -\log Q(u) + \mathrm{KL}\big(U_u \,\|\, p(x \,|\, u)\big) \;\ge\; -\log Q(u), \tag{1.19}$$
#
# where $U_u$ is uniform on the interval and $p(x|u)$ is the model restricted to it.

# %%
u, p_pixel = 30, gaussian(31 / 256, 1.1 / 256)  # a narrow model of one pixel
inside = torch.linspace(u / 256, (u + 1) / 256, 20001, dtype=f64)
noisy = (u + torch.rand(100_000, generator=torch.Generator().manual_seed(1), dtype=f64)) / 256
costs = -p_pixel.log_prob(noisy) + math.log(256)  # what is reported, drawn
log_Q = (p_pixel.cdf(inside[-1]) - p_pixel.cdf(inside[0])).log()  # Q by the normal's cdf
restricted = p_pixel.log_prob(inside).exp()
restricted /= torch.trapezoid(restricted, inside)  # p(x|u), made to integrate to one
gap = 256 * torch.trapezoid(math.log(256) - restricted.log(), inside)  # KL(U ‖ p(x|u))
error = standard_error(costs)
agrees(costs.mean(), -log_Q + gap, error=error, name="(1.19) draws, cdf, quadrature")
assert gap > 0
refuses(costs.mean(), -log_Q, error=error, name="the bound taken for an equality")

# %% [markdown]
# ### A pixel that is always 0
# Dequantised it is uniform on $[0, 1/256)$, with variance $\frac1{12\cdot256^2}$. Now the
# best Gaussian exists, and costs
#
# $$\sigma^2 = \frac{1}{12\cdot 256^2}, \qquad
# \tfrac12\log_2\tfrac{2\pi e}{12} \approx 0.25 \text{ bits}. \tag{1.20}$$
#
# The truth is 0 bits: nothing is uncertain. A quarter of a bit is what a Gaussian pays for
# not being uniform. *Nothing can cost less than 0 bits on average*, and that exposes a
# bug: noise of half the width.

# %%
noise = torch.rand(100_000, generator=generator, dtype=f64)
x0 = noise / 256  # what dequantising the level 0 gives
cost = bits_per_dim(gaussian(x0.mean(), x0.std()).log_prob(x0), 1)
agrees(cost.mean(), 0.5 * math.log2(2 * math.pi * math.e / 12), tol=0.01, name="(1.20)")

half = 0.5 * noise / 256
wrong = bits_per_dim(gaussian(half.mean(), half.std()).log_prob(half), 1)
refuses(wrong.mean(), cost.mean(), tol=0.01, name="noise of half width")
print(f"half-width noise: {wrong.mean():.2f} bits for a pixel, less than nothing")

# %%
sigmas = torch.logspace(-5, -1, 200, dtype=f64)
raw = bits_per_dim(gaussian(0, sigmas).log_prob(torch.zeros((), dtype=f64)), 1)
spread_out = bits_per_dim(gaussian(1 / 512, sigmas[:, None]).log_prob(x0[:5000]), 1).mean(1)
fig, ax = plots.figure()
ys = {"integers (x = 0)": raw, "dequantised": spread_out}
plots.lines(sigmas, ys, dashed=["dequantised"], ax=ax, references={"0 bits": 0}, limits=(-5, 9),
            marks={"1/(256 √12)": 1 / (256 * 12**0.5)}, xlabel="σ of the model",
            ylabel="bits for a pixel that is always 0")
ax.set_xscale("log")
plots.show(fig, alt="On raw integers the bits fall without end as sigma shrinks; dequantised "
           "values have a minimum of a quarter bit at sigma 1/(256 root 12).")

# %% [markdown]
# **What to see.** On raw integers the score sinks below 0 and never stops. Dequantised, it
# has its minimum at a quarter of a bit, where $\sigma$ is that of the noise, and rises steeply to its left. The
# lesson for every table: *say how the data were dequantised, or say nothing.*

# %% [markdown]
# ## 7 · Digits: the baseline of all later tables
#
# Nothing here is trained by gradients: probabilistic PCA is one eigendecomposition, the
# mixture is EM, and `model.fit(images)` does either. All scores are bits/dim on dequantised
# pixels. **Only scores of this kind may stand beside them**: those of a flow, or of a VAE with
# a Gaussian likelihood on dequantised pixels, never those of binarised digits.

# %%
train = data.load("digits").take(budget.pick(smoke=1500, laptop=10_000))
test = data.load("digits", "test").take(budget.pick(smoke=300, laptop=2_000))
x_train = data.dequantise(train.images, generator).flatten(1).double()
x_test = data.dequantise(test.images, generator).flatten(1).double()

plane = linear.ProbabilisticPCA(latent=2).fit(x_train)
if mine:
    mean, weights, variance = fit_ppca(x_train, 2)
    agrees(weights @ weights.T, plane.weights @ plane.weights.T, tol=1e-8, name="your W")
    plane.hold(mean=mean, weights=weights, variance=variance)
print("fitted by", "your own fit_ppca" if mine else "course_lib")

# %% [markdown]
# ### The latent plane
# With two latents every digit gets a place: the mean of $p(z|x)$.

# %%
place, log_var = plane.encode(x_test)
shown = min(len(test), 400)
fig = plots.points(place[:shown], labels=test.labels[:shown], limits=3.6, size=9,
                   axis_labels=("$z_1$", "$z_2$"), title="means of p(z|x), test digits")
plots.show(fig, alt="The latent plane of probabilistic PCA: 0 and 1 lie apart, most other "
           "classes overlap in the middle.")
print("posterior standard deviations:", [f"{s:.2f}" for s in (log_var[0] / 2).exp()])

# %%
axis = torch.linspace(-2.4, 2.4, 5, dtype=f64)
lattice = torch.cartesian_prod(axis.flip(0), axis).flip(1)  # z_2 downwards, z_1 to the right
fig = plots.images(plane.decode(lattice), columns=5, zoom=2,
                   title="mean images over the plane")
plots.show(fig, alt="Mean images over the latent plane: blurred shapes that fade from one into "
           "another, a 0 on one side and a 1 on the other.")

# %% [markdown]
# **What to see.** No label was used, and yet 0 and 1 lie far apart. Most other classes
# overlap. The images explain why: a linear map can only add two fixed patterns to
# the mean digit, so the plane is a double exposure, not a set of digits. Lesson 06 bends
# this plane with the same two latents.
#
# ### Eigen-digits
# More latents bring more patterns. The first of them, and the mean:

# %%
ten = linear.ProbabilisticPCA(latent=10).fit(x_train)
patterns = ten.weights.T / ten.weights.abs().amax(0)[:, None] / 2 + 0.5
sheet = torch.cat([ten.mean[None], patterns[:7]]).reshape(-1, 1, 28, 28)
names = ["mean", *(str(k) for k in range(1, 8))]
fig = plots.images(sheet, columns=8, zoom=2, column_labels=names)
plots.show(fig, alt="The mean digit and the first seven columns of W, as grey images.")

# %% [markdown]
# **What to see.** In the patterns grey is 0, white adds ink, black takes it away. The first pattern is a
# ring against a stroke: the axis from 1 to 0 that you saw in the plane.
#
# ### How many latents?
# **Predict.** A model that knows nothing, uniform on [0, 1], costs exactly 8 bits/dim. What
# will probabilistic PCA with 50 latents cost on test digits?

# %%
### BEGIN SOLUTION
bits_at_50 = 5.0
### END SOLUTION
guessed_bits = predict("01.4", bits_at_50)

# %%
latents = budget.pick(smoke=[2, 10, 50, 200, 400], laptop=[2, 10, 50, 100, 200, 400, 600])
scores, ppca = {}, {}
for k in latents:
    ppca[k] = linear.ProbabilisticPCA(latent=k).fit(x_train)
    on_train = bits_per_dim(ppca[k].log_prob(x_train[:2000]), 784)
    on_test = bits_per_dim(ppca[k].log_prob(x_test), 784)
    scores[f"PPCA, {k} latents"] = on_test
    print(f"{k:4} latents: σ {ppca[k].variance.sqrt():.4f}, train {on_train.mean():.3f}, "
          f"test {on_test.mean():.3f} ± {standard_error(on_test):.3f} bits/dim")

# %%
fig, ax = plots.figure()
held_out = torch.stack([scores[f"PPCA, {k} latents"].mean() for k in latents])
bars = torch.stack([2 * standard_error(scores[f"PPCA, {k} latents"]) for k in latents])
ax.errorbar(latents, held_out, bars, fmt="o-", label="test, ± 2 standard errors")
ax.axhline(8, color=plots.MUTED, linestyle=":", label="uniform: 8 bits")
if guessed_bits is not None:
    ax.axhline(guessed_bits, color=plots.INK, linestyle=(0, (5, 3)), label="your guess at 50")
ax.set(xscale="log", xlabel="latents q", ylabel="bits/dim")
ax.legend(loc="lower left")
plots.show(fig, alt="Held-out bits per dimension of probabilistic PCA against the number of "
           "latents: falling from about 8, with growing error bars at the right end.")

# %% [markdown]
# **What to see.** The score falls slowly. With few latents $\sigma$ must be large, and
# *one* $\sigma$ serves all pixels: the empty border pays for the restless middle. At the
# right end look at the error bars. There $\sigma$ is so small that single pixels decide: an
# image with ink where training had hardly any costs a fortune. (Whoever picked $q$ by this curve would have chosen on the
# test data.)
#
# ### A mixture with a noise level for every pixel
# A few dozen components, each a PCA of its own with a *separate* noise variance for each
# pixel: a covariance of low rank plus a diagonal. You must decide on the least noise that a
# pixel may have, the `floor`. By (1.20) it need not be below $1/(256\sqrt{12}) \approx .0011$.
# Ask images that were held back *from the training set* what they prefer.

# %%
size = budget.pick(smoke={"components": 4, "factors": 3, "iterations": 3},
                   laptop={"components": 10, "factors": 8, "iterations": 6})
kept = len(train) * 4 // 5
trial = GaussianMixture(floor=0.0012, **size)
trial.fit(x_train[:kept])
free = trial.noises.clone()
floors = torch.tensor([0.0012, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02, 0.04], dtype=f64)
validation = []
for floor in floors:
    trial.hold(noises=free.clamp(min=floor**2))
    validation.append(bits_per_dim(trial.log_prob(x_train[kept:]), 784))
validation = torch.stack(validation)

# %%
fig, ax = plots.figure()
sem = torch.stack([standard_error(v) for v in validation])
ax.errorbar(floors, validation.mean(1), sem, fmt="o-", label="mean ± standard error")
ax.plot(floors, validation.median(1).values, "s--", label="median image")
ax.set(xscale="log", xlabel="floor: least σ of a pixel", ylabel="bits/dim, held back",
       ylim=(3.5, 9))
ax.set_xticks(floors, [f"{f:g}" for f in floors.tolist()])
ax.minorticks_off()
ax.legend()
plots.show(fig, alt="Mean and median bits per dimension on held-back digits against the noise "
           "floor: the median keeps falling to the left, the mean turns up steeply.")
lowest = validation.mean(1).argmin()
close = validation.mean(1) <= validation.mean(1)[lowest] + sem[lowest]
print(f"least mean at the floor {floors[lowest]:g}; within one standard error of it up to "
      f"{floors[close].max():g}")

# %% [markdown]
# **What to see.** The *typical* image (the median) keeps gaining as the floor sinks. The
# *mean* turns up again, and its error bar grows: a few images have ink in a pixel where a
# component saw none, and a Gaussian charges the square of the distance over $2\sigma^2$ for
# it. Maximum likelihood on a finite sample would take the left end. A common rule is the most
# cautious choice within one standard error of the best. The library's floor, .004, is such a choice.

# %%
size = budget.pick(smoke={"components": 4, "factors": 3, "iterations": 3}, laptop={})
mixture = GaussianMixture(**size)
history = torch.tensor(mixture.fit(x_train), dtype=f64)
agrees(history.diff().clamp(max=0), 0, name="(1.17) on digits: largest fall")

on_train = bits_per_dim(mixture.log_prob(x_train[:2000]), 784)
name = f"mixture, {len(mixture.means)} components"
scores[name] = bits_per_dim(mixture.log_prob(x_test), 784)
print(f"{name}: train {on_train.mean():.3f}, test {scores[name].mean():.3f} ± "
      f"{standard_error(scores[name]):.3f}, median {scores[name].median():.3f} bits/dim")

# %% [markdown]
# ### The table
# Keep it. Every later model of dequantised pixels is compared with these rows.

# %%
rows = {"uniform": (8.0, 0.0)}
for name, values in scores.items():
    rows[name] = (float(values.mean()), float(standard_error(values)))
fig = plots.bars(rows, unit="bits/dim", title="held-out digits, dequantised; less is better")
plots.show(fig, alt="Bits per dimension of the uniform density, of PCA with several "
           "numbers of latents, and of the mixture, each with its standard error.")

# %% [markdown]
# **What to see.** The mixture beats every PCA: it may have a different plane for each way
# of writing, and a different noise for each pixel. The reference point for the coming
# lessons: a normalising flow reaches about 1.1 bits/dim on MNIST (lesson 11; with learned noise and six times as
# many digits). Not all of the bits between are a matter of shape. A Gaussian can't be sharp at the
# level 0: a mere table of levels for each pixel, which knows of no other pixel, needs 1.70 (lesson 11).
#
# ### Look at samples
# Scores are not looks. Below: real digits, then draws of each model. Each model twice:
# true draws with their pixel noise, and other draws without it, which are *no* samples of
# the model, only nicer pictures.

# %%
best = ppca[50]
kinds = {
    "real": test.batch(slice(7)).x,
    "PPCA 50, draw": best.sample(7, generator=generator),
    "PPCA 50, no noise": best.sample(7, generator=generator, noise=False),
    "mixture, draw": mixture.sample(7, generator=generator),
    "mixture, no noise": mixture.sample(7, generator=generator, noise=False),
}
fig = plots.images(torch.cat(list(kinds.values())), columns=7, row_labels=list(kinds), zoom=2)
plots.show(fig, alt="Five rows of seven images: real digits, PCA draws with and without "
           "noise, mixture draws with and without noise.")

# %% [markdown]
# **What to see.** PPCA draws grey snow: its one $\sigma$ is spread over all pixels.
# Without noise there remain strokes, most of them of no digit in particular: all classes
# share one Gaussian, so it *covers* what lies between them (section 2). The mixture's draws
# are often readable, since a component is roughly one way of writing one digit. Its noise
# stays where the ink varies.

# %%
by_class = torch.zeros(len(mixture.means), 10)
which = mixture.responsibilities(x_test).argmax(1)
by_class.index_put_((which, test.labels), torch.ones(len(test)), accumulate=True)
labels = [str(int(c)) for c in by_class.argmax(1)]
pure = by_class.amax(1).sum() / len(test)
common = mixture.log_shares.argsort(descending=True)[:8]
fig = plots.images(mixture.means[common].reshape(-1, 1, 28, 28).clamp(0, 1), columns=8, zoom=2,
                   title="means of the largest components")
plots.show(fig, alt="Mean images of the mixture's most common components, most of them one digit.")
print("their most frequent classes:", " ".join(labels[k] for k in common.tolist()))
print(f"a digit has the class of its component in {pure:.0%} of the cases")

# %% [markdown]
# **What to see.** Most means are one digit in a certain hand. The mixture was shown no label, and in two
# thirds of the cases a digit has the class of its component (thirty components by chance: a sixth). The
# likelihood rewards grouping what looks alike. That is often one class, and not always: the largest component
# is a blend.
#
# ### Interpolation
# Between two digits, PPCA walks straight in $z$. Below it: a plain cross-fade of the
# pixels.

# %%
first, last = x_test[test.labels == 3][0], x_test[test.labels == 7][0]
t = torch.linspace(0, 1, 7, dtype=f64)[:, None]
z = best.posterior(torch.stack([first, last]))[0]
walk = best.decode((1 - t) * z[0] + t * z[1])
fade = ((1 - t) * first + t * last).reshape(-1, 1, 28, 28).float()
fig = plots.images(torch.cat([walk, fade]), columns=7, row_labels=["PPCA", "pixels"], zoom=2)
plots.show(fig, alt="A three turns into a seven in seven steps: probabilistic PCA and a "
           "cross-fade of pixels look alike, both with the two digits on top of each other.")

# %% [markdown]
# **What to see.** Half-way there are two digits on top of each other, in both rows. A
# straight line in $z$ is a straight line in $x$ when the decoder is linear. Whoever claims
# that a model has learned a "smooth latent space" must beat these rows.
#
# ### Sampling the prior, caught
# Section 4 promised: estimate $\log p(x)$ of real digits by drawing $z$ from the prior,
# (1.13), and compare with the exact value, which these models have. **Predict**: with 50
# latents and 10,000 draws for each image, how many nats is the estimate too low?

# %%
### BEGIN SOLUTION
missing_nats = 100
### END SOLUTION
guessed_gap = predict("01.5", missing_nats)

# %%
counts = [1, 10, 100, 1000, 10_000]
x_few = x_test[:50]
gaps = {}
for k in (2, 10, 50):
    model, exact = ppca[k], ppca[k].log_prob(x_few)
    z = torch.randn(10_000, k, generator=generator, dtype=f64)
    square = torch.cdist(model.mean_given(z), x_few).square() / model.variance
    log_px_z = -0.5 * (square + 784 * (2 * math.pi * model.variance).log())
    gaps[f"{k} latents"] = torch.stack(
        [(exact - log_mean_exp(log_px_z[:n])).mean() for n in counts]
    )

# %%
fig, ax = plots.figure()
plots.lines(torch.tensor(counts), gaps, ax=ax, xlabel="draws K from the prior",
            ylabel="nats too low, mean of 50 digits")
if guessed_gap is not None:
    ax.plot(counts[-1], guessed_gap, "X", color=plots.INK, markersize=9, label="your guess, 50")
ax.set(xscale="log", yscale="log")
ax.legend(loc="lower left")
plots.show(fig, alt="How far the prior-sampling estimate of log p(x) is too low, against the "
           "number of draws: small for two latents, still about a thousand nats for fifty.")
for name, gap in gaps.items():
    print(f"{name:10} {gap[-1]:7.1f} nats too low with K = 10,000")

# %% [markdown]
# **What to see.** Two latents: the estimate nearly arrives. Fifty latents: with ten thousand
# draws $\hat p(x)$ is still too small by a factor of $e$ to the power of that number. Each
# tenfold takes off hundreds of nats, and fewer each time: at this rate no computer gets there. The posterior fills a tiny part of the prior, and no prior
# draw lands in it. This is (1.10) in the wild. A VAE exists to mend it: it learns where to
# draw.

# %% [markdown]
# ## 8 · Break it
#
# Three programs estimate $\log p(x)$ for the same 50 test digits under the 10-latent
# model, with $K$ draws from $q(z|x)$: the exact posterior's mean, and one and a half times
# its standard deviation. The healthy estimate is
# $\log\frac1K\sum_k \frac{p(x|z_k)\,p(z_k)}{q(z_k|x)}$. One is healthy, two have one wrong
# line each. All are compared with the exact $\log p(x)$.

# %%
draws_used, again = [1, 3, 10, 30, 100], budget.pick(smoke=2, laptop=20)
exact, gap_curves, errors = ten.log_prob(x_test[:50]), {}, {}
for run, estimate in lesson_01.faults.items():
    same = torch.Generator().manual_seed(7)  # the same draws for each run
    gap = torch.stack([
        torch.stack([(estimate(ten, x_test[:50], k, same) - exact).mean() for _ in range(again)])
        for k in draws_used
    ])
    gap_curves[run], errors[run] = gap.mean(1), gap.std(1) / again**0.5
fig, axes = plots.figure(columns=3, height=3.2)
for ax, (run, gap) in zip(axes, gap_curves.items(), strict=True):
    plots.lines(torch.tensor(draws_used), {"estimate − exact": gap}, ax=ax, title=f"run {run}",
                references={"exact": 0}, xlabel="K", ylabel="nats")
    ax.set_xscale("log")
    ax.errorbar(draws_used, gap, 2 * errors[run], fmt="o", color=plots.PALETTE[0], capsize=3)
for ax in axes[1:]:
    ax.set_ylim(-3, 0.5)
plots.show(fig, alt="Estimate minus exact log p(x) against K for three runs: A, B and C.")
for run, gap in gap_curves.items():
    print(f"run {run}: {gap[0]:+.2f} nats at K = 1, {gap[-1]:+.2f} at K = 100")

# %% [markdown]
# **Exercise 01.7 · Three estimates of log p(x)** · ●●○ · 8 min · answer
#
# *Why.* Two of these three programs are wrong. All three run without an error.
#
# Diagnose before you read on. Ask of each curve: does it *move* with $K$? On which *side*
# of the exact value is it? Use each of the words `"healthy"`, `"mean of logs"`, `"weights
# forgotten"` once.
#
# Write `diagnosis = {"A": ..., "B": ..., "C": ...}` with your answers for the dots.
#
# *Nudge.* An honest estimate is too low on average, (1.13). Which curve breaks this rule?
#
# *First line.* For each run two facts: "above or below 0 at $K=100$" and "moves with $K$ or not".

# %% exercise="01.7"
### BEGIN SOLUTION
diagnosis = {"A": "weights forgotten", "B": "healthy", "C": "mean of logs"}
### END SOLUTION

# %%
check("01.7", diagnosis)

# %% [markdown]
# <details><summary><b>Reveal</b> (open it after your answer)</summary>
#
# - A curve that lies *above* the exact value is impossible for an honest estimate: by
#   (1.9) and Jensen, as in (1.13), its mean is at most $\log p(x)$. Here the weights $p(z)/q(z|x)$ are missing, so
#   causes near the posterior count as if the prior had drawn them.
# - A curve that does not move with $K$ averages outside the logarithm: the mean of logs. It
#   is not useless. It is a lower bound, with the gap $\mathrm{KL}(q\|p(z|x))$: an ELBO.
# - The healthy curve starts there, at $K = 1$, and climbs to 0 from below.
#
# </details>
#
# The cell below prints the three programs, when you have answered.

# %%
if diagnosis is ...:
    print("Write your diagnosis first, then run this cell again.")
else:
    for run, estimate in lesson_01.faults.items():
        print(f"run {run}\n{inspect.getsource(estimate)}")

# %% [markdown]
# ## 9 · The reports
#
# The course is built on two student reports, A and B (lesson 00). Their systems begin in
# lesson 02. Three of their statements rest on what you have just derived, and hold.
#
# **B, section on the VAE**, below its eq. 2:
# > Since this KL-divergence is non-negative, the second RHS term $L(\theta, \phi; x^i)$ is
# > called the (variational) lower bound on the marginal likelihood of datapoint i
#
# Right: it is (1.16) with $z$ for $k$. (The next line, its eq. 3, is another matter: lesson 06.)
#
# **A, § 3.1**, deriving the GAN's value function:
# > By the law of large numbers, when $m \rightarrow \infty$, we approximate the expected loss by
# > the empirical loss
#
# The right law, (1.1) and (1.8). It speaks of an *average*, $\frac1m\log L$; lesson 02 reads
# the line below it.
#
# **A, § 3.3.3** prints the KL of two Gaussians in $d$ dimensions:
#
# $$\text{KL}(p1\|p2) = \frac{1}{2} \left[\log \frac{\det(\Sigma_2)}{\det(\Sigma_1)} - d +
# \text{tr}(\Sigma_2^{-1}\Sigma_1) + (\mu_2 - \mu_1)^T \Sigma_2^{-1} (\mu_2 - \mu_1) \right]$$
#
# The next cell confirms it. It is (1.3) for $d = 1$. (Its simplified form has a trap: lesson 06.)

# %%
A, B = torch.randn(2, 3, 3, generator=generator, dtype=f64)
S1, S2 = A @ A.T + torch.eye(3, dtype=f64), B @ B.T + torch.eye(3, dtype=f64)
m1, m2 = torch.randn(2, 3, generator=generator, dtype=f64)
p1, p2 = MultivariateNormal(m1, S1), MultivariateNormal(m2, S2)


def report_a(S1, S2):
    square = (m2 - m1) @ torch.linalg.solve(S2, m2 - m1)
    trace = torch.linalg.solve(S2, S1).trace()
    return 0.5 * (S2.logdet() - S1.logdet() - 3 + trace + square)


exact = torch.distributions.kl_divergence(p1, p2)
agrees(report_a(S1, S2), exact, name="report A, § 3.3.3")
refuses(report_a(S2, S1), exact, name="Σ₁ and Σ₂ exchanged")

# %% [markdown]
# ## 10 · Exercises
#
# 01.1 to 01.7 stand above, each with its check. The following have none.
#
# **Exercise 01.8 · When two minima become one** · ●●○ · 12 min · experiment
#
# *Why.* Reverse KL loses a mode because each mode has a minimum of its own. How far apart must modes be for that?
#
# In section 2, let the target's modes move together (from ±3 to ±0.5). At which
# ±place do the searches of the reverse KL that begin at the two modes end in one point? Predict first; the picture of section 2 tells you afterwards.
#
# *Nudge.* Write the target with its place as an argument, and search from −place and from place. Which of the two modes loses its minimum first?
#
# *First line.* `def log_target_at(x, place): …`, with `place` where `log_target` has 3.
#
# *Compare.*
# ```python
# ends = [best_gaussian(MEASURES["reverse KL"], start)[0] for start in (-2.0, 2.0)]
# print(round(float(ends[1] - ends[0]), 2))  # → 6.0
# ```
# (At ±3, the section's target: the two ends lie six apart.)
#
# **Exercise 01.9 · Inverted, and shifted** · ●●○ · 10 min · experiment
#
# *Why.* A likelihood and an eye do not mind the same things.
#
# In section 7, score the mixture on digits with *inverted* grey (255 − u) and on
# digits shifted by three pixels to the right. Which hurts more, and why? Which of the two
# would a person mind more?
#
# *Nudge.* Change the levels *before* you dequantise. `torch.roll` shifts.
#
# *First line.* `inverted = data.dequantise(255 - test.images, generator).flatten(1).double()`
#
# *Compare.*
# ```python
# print(255 - torch.tensor([0, 255], dtype=torch.uint8))  # → tensor([255,   0], dtype=torch.uint8)
# print(torch.tensor([[1, 2, 3, 4]]).roll(1, -1))         # → tensor([[4, 1, 2, 3]])
# ```
# (What leaves at the right comes in at the left. A digit's border is nearly empty: in about one test digit of twenty some ink goes over, a thousandth of all.)
#
# **Exercise 01.10 · The smallest PPCA, on paper** · ●●● · 25 min · pen
#
# *Why.* (1.15) came from the literature. In the smallest case you can derive it yourself.
#
# Derive (1.15) for $D = 2$, $q = 1$. Take data with mean 0 whose covariance $S$ is diagonal with $\lambda_1>\lambda_2$, and search among $W=(w,0)^\top$.
#
# *Nudge.* For such a $W$ the model's covariance is diagonal. So the two coordinates are independent Gaussians, and each has its own variance to fit.
#
# *First line.* $\frac1m\log L=-\frac12\sum_{i=1}^2\Bigl(\log2\pi c_i+\frac{\lambda_i}{c_i}\Bigr)$ with $c_1=w^2+\sigma^2$ and $c_2=\sigma^2$.

# %% [markdown] tags=["solution"]
# *Solution 01.10.* The goal is the $w$ and $\sigma^2$ at which the likelihood is greatest. The model's covariance is
# $WW^\top+\sigma^2I=\operatorname{diag}(w^2+\sigma^2,\,\sigma^2)$. Call its entries $c_1$ and $c_2$. The average of $x_i^2$ over the data is $\lambda_i$. So
# $\frac1m\log L=-\frac12\sum_i\bigl(\log2\pi c_i+\lambda_i/c_i\bigr)$.
#
# The two terms can be made large one by one, as long as $c_1\ge c_2$ can be reached. Differentiate a term: $-\frac12\bigl(1/c_i-\lambda_i/c_i^2\bigr)$. It is zero at $c_i=\lambda_i$, positive
# below and negative above: a maximum. So $c_1=\lambda_1$ and $c_2=\lambda_2$, which is allowed, since $\lambda_1>\lambda_2$. Hence $\sigma^2=\lambda_2$, the mean of the single discarded eigenvalue, and $w^2=\lambda_1-\sigma^2$: that is (1.15).
#
# Why the direction of the *larger* eigenvalue? Turn $W$ to $(0,w)^\top$: then $c_2\ge c_1$ must hold, and the best that is left is $c_1=c_2=(\lambda_1+\lambda_2)/2$. That is the model with $w=0$, and it is less likely: each term was best at its own $\lambda_i$. (That no slanted direction does better, Tipping and Bishop prove for all $D$.)

# %% [markdown]
# ## Summary
#
# - Maximum likelihood minimises $\mathrm{KL}(p_\mathrm{data}\|p_\theta)$, (1.1). It covers.
#   Reverse KL seeks a mode. JS is bounded by $\log 2$ and lets go when $p$ and $q$ are
#   apart.
# - A Monte Carlo mean has the standard error $s/\sqrt n$, in any dimension. Importance
#   weights do know the dimension: their effective number falls exponentially when $q$ is a
#   little off in *every* dimension.
# - The linear-Gaussian model has everything exact: $p(x)$, $p(z|x)$, the maximum (1.15).
#   The log of a mean is not the mean of logs; the difference is what lessons 06 and 07 work
#   on.
# - EM raises a bound, (1.16), and so the likelihood, (1.17), up to *a* maximum.
# - Densities of pixels are compared in bits/dim on dequantised data, (1.18) to (1.20), with
#   a standard error, since a few images can decide the mean.
#
# **Next**: [lesson 02](02_gan.ipynb) gives up the likelihood altogether; lesson 06, which
# needs only this one, keeps it and learns where to draw.
#
# ## Five questions at the end
#
# **Question 1.** A model is trained by maximum likelihood on digits and its samples look like blends of two classes. Is that a bug?
#
# *Answer.* Not necessarily. Forward KL charges for data that the model calls improbable, and hardly for improbable samples. A model that is too simple covers what lies between.
#
# **Question 2.** Two models are scored on the same 1,000 images: 4.43 ± .07 and 4.38 ± .07 bits/dim. Somebody says that this shows nothing. Right?
#
# *Answer.* Not yet decided. The two errors are of the images, and both models met the same images. Take the difference image by image. Its standard error may be far smaller than .07.
#
# **Question 3.** Your importance sampler reports a tiny standard error. Why may you not be glad yet?
#
# *Answer.* If its $q$ is too narrow, the rare draws with huge weights are missing, and with them the error that they would have shown. Look at the largest weight's share (a large one warns, a small one proves nothing), or check on a case with a known answer.
#
# **Question 4.** You draw $z$ from the prior and average $\log p(x\mid z)$ over a million draws. Do you get $\log p(x)$?
#
# *Answer.* No. More draws bring the mean of the logarithms nearer to its own expectation, and that is only a lower bound, (1.13). The logarithm of the mean tends to $\log p(x)$, slowly.
#
# **Question 5.** A paper prints −2.1 bits/dim on 8-bit images. What do you conclude?
#
# *Answer.* That it is no code length of those images: nothing costs less than 0 bits on average. Perhaps the +8 of (1.18) is missing, or the noise of dequantisation was narrower than a level.
#
# ## References
# - S. Kullback, R. A. Leibler. On information and sufficiency. *Annals of Mathematical
#   Statistics* 22, 1951.
# - J. Lin. Divergence measures based on the Shannon entropy. *IEEE Transactions on
#   Information Theory* 37, 1991. (The Jensen–Shannon divergence.)
# - A. P. Dempster, N. M. Laird, D. B. Rubin. Maximum likelihood from incomplete data via
#   the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1977.
# - Z. Ghahramani, G. E. Hinton. The EM algorithm for mixtures of factor analyzers.
#   Technical report CRG-TR-96-1, University of Toronto, 1996. (The mixture of section 7.)
# - M. E. Tipping, C. M. Bishop. Probabilistic principal component analysis. *Journal of the
#   Royal Statistical Society B* 61, 1999.
# - L. Theis, A. van den Oord, M. Bethge. A note on the evaluation of generative models.
#   *ICLR* 2016. (The bound (1.19).)
# - B. Uria, I. Murray, H. Larochelle. RNADE: the real-valued neural autoregressive
#   density-estimator. *NeurIPS* 2013. (Dequantisation by uniform noise.)
