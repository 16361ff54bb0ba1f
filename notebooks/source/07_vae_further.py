# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 07 · The VAE, further
#
# Lesson 06 trained a VAE with two latents on digits. Give it fifty, or give it faces, and questions
# come up that two latents hid. Most of the fifty say nothing: why? The samples are blurred: whose
# fault is it? A number such as "ELBO −95" or "loss 0.02": can it be compared with anything?
#
# You begin in a laboratory where all answers are exact, a *linear* VAE, and take each of them to a
# network.

# %%
import copy
import inspect
import json
import math
from functools import partial

import torch
from torch.autograd.functional import hessian
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from torch.nn import functional as F

from course_lib import data, evaluation, explore, plots, training, zoo
from course_lib.checks import agrees, check, predict, refuses
from course_lib.lessons import lesson_07
from course_lib.models import VAE, linear
from course_lib.models import vae as library
from course_lib.pixels import bits_per_dim, dequantise
from course_lib.training import Game, Move, Player

budget = training.budget()
generator = training.seed_all(7)
f64 = torch.float64


def same(seed=1):
    """A generator that gives everybody the same draws."""
    return torch.Generator().manual_seed(seed)


# %%
shown = data.load("faces", "test").batch(slice(0, 8)).x
sheet, row_labels = [shown], ["faces"]
for name in ("vae-faces", "vae-faces-sharp"):
    of_zoo = zoo.load(name)
    sheet += [of_zoo.decode(of_zoo.encode(shown)[0])]
    sheet += [of_zoo.sample(8, generator=torch.Generator().manual_seed(0))]
    row_labels += [f"{name}: restored", "drawn"]
# %%
plots.show(
    plots.images(torch.cat(sheet), columns=8, row_labels=row_labels),
    alt="Eight drawn faces; two VAEs restore them alike, a little softly; the first draws soft "
    "faces, and what the second draws is hardly a face.",
)

# %% [markdown]
# **What to see.** Two VAEs of faces, trained with different settings. Both restore the faces, a little softly. The first draws new faces that are soft too. What the
# second draws is hardly a face.
#
# **The question.** How can two networks that restore equally well draw so differently? And what decides how many of its latents a VAE uses?

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | say exactly when a latent collapses, and tell a collapse that the objective wants from one that training only fell into; use β, warm-up and free bits and know what each of them costs; find the β that a "squared error" hides; count a VAE's bits per dimension on the scale of a flow; read a curve over $K$; train a convolutional VAE on faces, remove noise with it and find directions in it |
# | **You need** | lesson 06 (ELBO), lesson 01 (probabilistic PCA, bits per dimension) |
# | **Your time** | {{time}} (an estimate: lesson 00 says how) |
# | **Machine time** | {{minutes}} min at the laptop budget on two CPU cores |
#
# **How to read it.** Every numbered equation is followed by a cell that computes both of its sides: `agrees` stops if
# they differ. `refuses` computes a *wrong* form, one that people really write, and stops if the check would not
# notice it. Cells that only draw begin folded. Section 9 is about two student reports; you can leave it out.
#
# | symbol | meaning | in code |
# |---|---|---|
# | $x$, $D$ | data; how many numbers there are in one of them | `x`, (B, D) or (B, C, H, W) |
# | $z$, $d$ | latent code and its length | `z`, (B, d) |
# | $\sigma$ | standard deviation of a Gaussian decoder's pixels | `sigma` |
# | $m$, $v$ | mean and variance of $q_\phi(z\mid x)$, one for each latent | `mean`, `log_var.exp()` |
# | $\lambda_j$ | eigenvalues of the data's covariance $C$, largest first | `eigenvalues` |
# | $\beta$ | weight of the KL term | `beta` |
# | $K$ | importance samples of one bound | `k` |

# %% [markdown]
# ## Five questions before you begin
#
# Take a minute for each, decide, and only then open the answer. A wrong guess is welcome: you will know what to look
# for.
#
# **Question 1.** A VAE has fifty latents, and the KL of some of them is exactly 0. Has the training failed?
#
# *Answer.* Not necessarily. A latent costs its KL. If what it could explain is worth less than that, the *best* model leaves it unused. Section 1 says when, exactly.
#
# **Question 2.** You train with `mse_loss(decoded, x) + kl`; the first term is the mean of squared errors over all pixels. How large is the noise σ of the Gaussian decoder that you have chosen?
#
# *Answer.* Probably larger than you think, and it depends on the size of the image. Section 2.2 computes it: for colour images of 64 × 64 it is 78 times the range of a pixel.
#
# **Question 3.** A Gaussian decoder restores every digit *perfectly*, with σ = 1. Is its likelihood as good as it can be?
#
# *Answer.* No. A Gaussian of width 1 has a height of at most .4, however well it is centred. With a smaller σ the same decoder would have a far higher density.
#
# **Question 4.** The mean of many possible noses is a blurred nose. Is a blurred reconstruction then a bug?
#
# *Answer.* No. Where the code does not say which nose, the mean of all of them has the smallest squared error. A blurred mean and a blurred *sample* are not the same, though.
#
# **Question 5.** A VAE restores faces well. You feed its decoder a random $z\sim\mathcal N(0,I)$. What must hold so that you get a good face?
#
# *Answer.* The codes of real faces, taken together, must be spread as $\mathcal N(0,I)$ is. The training asks for it only in part. Section 6.4 measures by how much it fails.

# %% [markdown]
# # Part A · Collapse and β, exactly
#
# Time: {{part:A}}. Afterwards you can predict from a variance whether a latent collapses, and say what β does, wanted or silent.

# %% [markdown]
# ## 1 · A laboratory: the linear VAE
#
# ### 1.1 · All in closed form
#
# Let decoder and encoder be linear, and centre the data:
#
# $$p(x\mid z)=\mathcal N(x;\,Wz,\,\sigma^2I),\qquad q(z\mid x)=\mathcal N\big(z;\,Vx,\,\operatorname{diag}(v)\big).$$
#
# The decoder is lesson 01's probabilistic PCA. The ELBO, averaged over data with covariance $C$,
# needs nothing but $C$. Write $w_j$ for the columns of $W$:
#
# $$\begin{aligned}\text{reconstruction}&=-\tfrac12\Big[D\log2\pi\sigma^2+\tfrac1{\sigma^2}\Big(\operatorname{tr}\big[(I-WV)\,C\,(I-WV)^{\mathsf T}\big]+\textstyle\sum_jv_j\lVert w_j\rVert^2\Big)\Big],\\ \mathrm{KL}_j&=\tfrac12\big[(VCV^{\mathsf T})_{jj}+v_j-1-\log v_j\big].\end{aligned}\tag{7.1}$$
#
# The sum $\sum_jv_j\lVert w_j\rVert^2$ is what the encoder's noise does to the picture. Take data in
# eight dimensions whose eigenvalues you choose, and six latents.

# %%
eigenvalues = torch.tensor([9.0, 4.0, 2.5, 1.4, 0.7, 0.5, 0.2, 0.1], dtype=f64)
D = len(eigenvalues)
axes_8 = torch.linalg.qr(torch.randn(D, D, generator=generator, dtype=f64))[0]
C = axes_8 @ eigenvalues.diag() @ axes_8.T


def linear_terms(W, V, v, sigma2):
    """Mean reconstruction term (a number) and the mean KL of each latent (d,), nats."""
    miss = torch.eye(D, dtype=f64) - W @ V
    squares = torch.trace(miss @ C @ miss.T) + (v * W.square().sum(0)).sum()
    reconstruction = -0.5 * (D * math.log(2 * math.pi * sigma2) + squares / sigma2)
    kl = 0.5 * ((V @ C @ V.T).diagonal() + v - 1 - v.log())
    return reconstruction, kl


# %%
n = 100_000
W, V = 0.5 * torch.randn(2, D, 6, generator=generator, dtype=f64)
V, v = V.T, torch.linspace(0.1, 0.9, 6, dtype=f64)
x = torch.randn(n, D, generator=generator, dtype=f64) @ (axes_8 * eigenvalues.sqrt()).T
z = x @ V.T + v.sqrt() * torch.randn(n, 6, generator=generator, dtype=f64)
drawn = Normal(z @ W.T, 0.8).log_prob(x).sum(1)  # log p(x|z), σ = 0.8
drawn = drawn - library.gaussian_kl(x @ V.T, v.log().expand(n, 6))
error = drawn.std() / math.sqrt(n)
reconstruction, kl = linear_terms(W, V, v, 0.64)
agrees(drawn.mean(), reconstruction - kl.sum(), error=error, name="(7.1) ELBO")
silent = reconstruction + 0.5 * (v * W.square().sum(0)).sum() / 0.64
name = "the encoder's noise forgotten in the reconstruction"
refuses(silent - kl.sum(), drawn.mean(), error=error, name=name)

# %% [markdown]
# ### 1.2 · The best diagonal $q$, and why a VAE finds axes
#
# For this decoder the exact posterior is Gaussian with precision $M=I+W^{\mathsf T}W/\sigma^2$. But $q$ has a
# *diagonal* covariance. The best it can do is to match the precision's diagonal (exercise 07.15), and what remains of
# the gap (6.3) depends on $W$ and $\sigma$ alone:
#
# $$V=M^{-1}W^{\mathsf T}/\sigma^2,\qquad v_j=\frac1{M_{jj}},\qquad \mathrm{gap}=\tfrac12\Big[\sum_j\log M_{jj}-\log\det M\Big]\ge0. \tag{7.2}$$
#
# The gap is zero if and only if the columns of $W$ are orthogonal. So of all rotations of the latents,
# which a likelihood cannot tell apart, the ELBO prefers those with orthogonal columns (Rolínek et al., 2019).


# %%
def best_q(W, sigma2):
    """The encoder (V, v) that (7.2) calls best, and M."""
    M = torch.eye(W.shape[1], dtype=f64) + W.T @ W / sigma2
    return torch.linalg.solve(M, W.T / sigma2), 1 / M.diagonal(), M


def mean_log_p(W, sigma2):
    """Mean log p(x) of data with covariance C."""
    S = W @ W.T + sigma2 * torch.eye(D, dtype=f64)
    return -0.5 * ((2 * math.pi * S).logdet() + torch.linalg.solve(S, C).trace())


def elbo_of(W, V, v, sigma2):
    reconstruction, kl = linear_terms(W, V, v, sigma2)
    return reconstruction - kl.sum()


# %%
V, v, M = best_q(W, 0.64)
gap = 0.5 * (M.diagonal().log().sum() - M.logdet())
found = mean_log_p(W, 0.64) - elbo_of(W, V, v, 0.64)
agrees(found, gap, name="(7.2) the gap of the best diagonal q")
marginal = M.inverse().diagonal()
found = mean_log_p(W, 0.64) - elbo_of(W, V, marginal, 0.64)
refuses(found, gap, name="v taken as the posterior's own variances")
orthogonal = axes_8[:, :6] * W.norm(dim=0)
found = mean_log_p(orthogonal, 0.64) - elbo_of(
    orthogonal, *best_q(orthogonal, 0.64)[:2], 0.64
)
agrees(found, 0.0, name="orthogonal columns: no gap")

# %% [markdown]
# ### 1.3 · When a latent collapses
#
# With orthogonal columns the directions no longer talk to each other. Put one latent's column $w$ along
# an axis where the data have variance $\lambda$. The model has $w^2+\sigma^2$ there, and this axis contributes $-\tfrac12\big[\log(w^2+\sigma^2)+\lambda/(w^2+\sigma^2)\big]$ to the mean
# of $\log p(x)$. Set the derivative to zero: $w^2+\sigma^2=\lambda$, if $\lambda>\sigma^2$. If not, the best is $w=0$. Put
# that into (7.2), and $V$ and $v$ into the KL of (7.1):
#
# $$\lVert w_j\rVert^2=\max(\lambda_j-\sigma^2,\,0),\qquad\overline{\mathrm{KL}}_j=\tfrac12\log\frac{\lambda_j}{\sigma^2}\ \text{ if }\lambda_j>\sigma^2,\ \text{ else exactly }0. \tag{7.3}$$
#
# So **a latent collapses when the variance that it could explain is below the decoder's noise**. Its
# posterior *is* the prior; not because training failed, but because this is the maximum (Lucas et al.,
# 2019). Let gradients find it: climb the exact ELBO from a random start, encoder and decoder together.


# %%
def climb(sigma2, beta=1.0, d=6, start=None, seed=0):
    """Maximise reconstruction − β KL over W, V, v by LBFGS; returns them and the KLs."""
    g = same(seed)
    W = 0.3 * torch.randn(D, d, generator=g, dtype=f64)
    V = 0.3 * torch.randn(d, D, generator=g, dtype=f64)
    found = [
        t.clone().requires_grad_() for t in start or (W, V, torch.zeros(d, dtype=f64))
    ]
    settings = {"max_iter": 200, "history_size": 30, "tolerance_grad": 1e-9}
    optimiser = torch.optim.LBFGS(
        found, tolerance_change=1e-12, line_search_fn="strong_wolfe", **settings
    )

    def loss():
        optimiser.zero_grad()
        reconstruction, kl = linear_terms(found[0], found[1], found[2].exp(), sigma2)
        value = beta * kl.sum() - reconstruction
        value.backward()
        return value

    optimiser.step(loss)
    W, V, log_v = (t.detach() for t in found)
    return W, V, log_v, linear_terms(W, V, log_v.exp(), sigma2)[1]


# %%
W, V, log_v, kl = climb(sigma2=1.0)
optimum = V, log_v  # for 6.4
order = kl.argsort(descending=True)
predicted = (0.5 * eigenvalues[:6].log()).clamp(min=0)  # σ² = 1
agrees(kl[order], predicted, tol=1e-4, name="(7.3) KL of six latents, trained")
capacity = 0.5 * (1 + eigenvalues[:6]).log()
refuses(
    kl[order], capacity, tol=1e-4, name="½ log(1 + λ/σ²): λ taken for the signal alone"
)
turned = (axes_8.T @ W / W.norm(dim=0)).abs()[:, order[:4]]  # cosines with the axes
agrees(turned[:4], torch.eye(4, dtype=f64), tol=1e-2, name="each column found one axis")
print("KL of each latent:", [f"{value:.4f}" for value in kl[order].tolist()])

# %% [markdown]
# Four latents live, two are dead. Nobody told the model how many to use: it is the number of eigenvalues
# above $\sigma^2=1$.
#
# **Exercise 07.1 · Which latents live?** · ●○○ · 6 min · code
#
# *Why.* With this function you know how many latents a linear VAE will use, before you train it; for a network it is a first guess.
#
# Write the KLs of (7.3) as a function, and at once with the
# weight $\beta$ that section 2 will need. Until you get there, all you have to know is this: with weight $\beta$,
# $\beta\sigma^2$ takes the place of $\sigma^2$.
#
# *Nudge.* One line holds both cases of (7.3). What does the logarithm do at the threshold?
#
# *Compare.*
# ```python
# print((torch.tensor([4.0, 0.5]) / 2).log() / 2)        # → tensor([ 0.3466, -0.6931])
# print(collapse_kl(torch.tensor([4.0, 0.5]), 1.0, 2.0))  # → tensor([0.3466, 0.0000])
# ```


# %% exercise="07.1"
def collapse_kl(eigenvalues, sigma2, beta=1.0):
    """Mean KL of each latent at the optimum, (d,) nats; eigenvalues (d,), all positive."""
    ### BEGIN SOLUTION
    return (0.5 * (eigenvalues / (beta * sigma2)).log()).clamp(min=0)
    ### END SOLUTION


# %%
passed = check("07.1", collapse_kl)
if not passed:
    collapse_kl = lesson_07.collapse_kl

# %%
levels = torch.logspace(-1.5, 1.5, 200, dtype=f64)
kls = torch.stack([collapse_kl(eigenvalues[:6], s2) for s2 in levels])
curves = {
    f"λ = {value:g}": kls[:, j] for j, value in enumerate(eigenvalues[:6].tolist())
}
fig = plots.lines(levels, curves, marks={"σ² = 1": 1.0}, xlabel="σ²", ylabel="KL, nats")
fig.axes[0].set_xscale("log")
plots.show(fig, alt="The KL of each latent falls with σ² and is zero from σ² = λ on.")

# %% [markdown]
# **What to see.** Walk from left to right: the louder the decoder's noise, the fewer latents are worth
# their KL. They die one by one, the weakest first, each at its own eigenvalue. So the decoder's σ decides how
# many of the latents are used.
#
# ### 1.4 · Active units
#
# Burda et al. (2016) count latents that say something by the variance of their posterior *mean* over the
# data, and call those above 0.01 **active**. In the laboratory this variance is known too:
#
# $$\operatorname{Var}_x\big[m_j(x)\big]=1-\frac{\sigma^2}{\lambda_j},\qquad v_j=\frac{\sigma^2}{\lambda_j}\qquad(\lambda_j>\sigma^2). \tag{7.4}$$
#
# The two add up to 1: over the whole data set the codes $z$ have the prior's variance, whether the latent
# speaks or not. So look at means, never at draws.

# %%
means = x @ V.T[:, order]
draws = means + (0.5 * log_v[order]).exp() * torch.randn(
    n, 6, generator=generator, dtype=f64
)
predicted = 1 - 1 / eigenvalues[:4]
error = predicted * math.sqrt(2 / n)
agrees(means[:, :4].var(0), predicted, error=error, name="(7.4) variance of the means")
refuses(draws[:, :4].var(0), predicted, error=error, name="variance of draws of z")
print("variances of draws:", [f"{value:.3f}" for value in draws.var(0).tolist()])

# %% [markdown]
# **Exercise 07.2 · Count the active units** · ●○○ · 4 min · code
#
# *Why.* Papers report this number. You will see where it misleads.
#
# Write Burda's count, from the means (N, d) of many images. The threshold is an argument.
#
# *Nudge.* Over which axis does a variance "over images" go? And take the means, not draws.
#
# *Compare.*
# ```python
# three_means = torch.tensor([[1.0, 0.00], [-1.0, 0.05], [0.0, -0.05]])
# print(three_means.var(0))  # → tensor([1.0000, 0.0025])
# print(active(three_means), active(three_means, 0.001))  # → 1 2
# ```


# %% exercise="07.2"
def active(means, least=0.01):
    """How many latents have posterior means whose variance over images exceeds `least`."""
    ### BEGIN SOLUTION
    return int((means.var(0) > least).sum())
    ### END SOLUTION


# %%
if not check("07.2", active):
    active = library.active_units
print(f"active: {active(means)} of 6")

# %% [markdown]
# ### 1.5 · Collapsed, and stuck there?
#
# At the start of training the decoder ignores the code: $W\approx0$, $V\approx0$, $v=1$. This point is *always*
# stationary: if nobody listens there is no reason to speak, and if nobody speaks none to listen. Is it a
# trap? For one latent along an axis the second derivatives there, in $(w, V)$, are
#
# $$H=\begin{pmatrix}-1/\sigma^2&\lambda/\sigma^2\\ \lambda/\sigma^2&-\beta\lambda\end{pmatrix},\qquad\det H=\frac{\lambda}{\sigma^2}\Big(\beta-\frac{\lambda}{\sigma^2}\Big). \tag{7.5}$$
#
# For $\lambda<\beta\sigma^2$ it is a maximum, for $\lambda>\beta\sigma^2$ a saddle: there is a way up and out.


# %%
def one_latent(point, lam=2.5, sigma2=1.0, beta=1.0):
    """reconstruction − β KL of one latent along an axis; point = (w, V), v = 1."""
    w, encoder = point
    squares = (1 - w * encoder) ** 2 * lam + w**2
    return -0.5 * squares / sigma2 - 0.5 * beta * encoder**2 * lam


# %%
origin = torch.zeros(2, dtype=f64)
for lam, beta in ((2.5, 1.0), (0.7, 1.0), (2.5, 4.0)):
    H = hessian(lambda point: one_latent(point, lam, 1.0, beta), origin)
    agrees(H.det(), lam * (beta - lam), name=f"(7.5) λ = {lam}, β = {beta:g}")
    print("   saddle" if H.det() < 0 else "   maximum: the latent stays dead")
refuses(H.det(), lam * (1 - lam), name="the threshold at σ² whatever β is")

# %% [markdown]
# The way out has a speed: the positive eigenvalue of $H$. The smaller β, the faster.

# %%
weights = torch.linspace(0, 3, 31, dtype=f64)
speeds = {}
for lam in (4.0, 2.5, 1.4):
    H = [hessian(lambda p: one_latent(p, lam, 1.0, float(b)), origin) for b in weights]
    speeds[f"λ = {lam:g}"] = torch.linalg.eigvalsh(torch.stack(H))[:, -1].clamp(min=0)
fig = plots.lines(
    weights, speeds, marks={"β = 1": 1.0}, xlabel="β", ylabel="speed of escape"
)
plots.show(fig, alt="The speed of escape falls with β, and is zero from β = λ/σ² on.")

# %% [markdown]
# **What to see.** At $\beta=1$ a strong direction leaves the dead point quickly and a weak one slowly; with a
# small β both leave faster, the weak one several times as fast. That is what *warming up* β from 0 to 1 does (Bowman et al., 2016; Sønderby et
# al., 2016): it helps those latents that *would* live to be born in time. It cannot keep alive what (7.3)
# condemns. Test this: start where β = 0.1 ends, with all six alive, and climb on with β = 1.

# %%
warm = climb(sigma2=1.0, beta=0.1)
later = climb(sigma2=1.0, start=warm[:3])
cold = kl[order]
both = [found[3].sort(descending=True).values for found in (warm, later)]
agrees(both[1], cold, tol=1e-4, name="warmed up or not: the same end")
print("KLs at β = 0.1:", [f"{value:.2f}" for value in both[0].tolist()])

# %% [markdown]
# So there are two collapses. One is the *optimum* of the objective, and only another objective cures it: a
# smaller σ, a smaller β. The other is a *path* that never left the dead point; warm-up can cure that. Ask
# which one you have.
#
# ## 2 · β, wanted and silent
#
# ### 2.1 · β is another σ
#
# A β-VAE (Higgins et al., 2017) climbs $\text{reconstruction}-\beta\,\mathrm{KL}$. With a Gaussian decoder,
# $\text{reconstruction}=-\tfrac1{2\sigma^2}\lVert x-\mu(z)\rVert^2+\text{const}$. Divide all by β:
#
# $$\tfrac1\beta\nabla\big[\text{reconstruction}_{\sigma^2}-\beta\,\mathrm{KL}\big]=\nabla\big[\text{reconstruction}_{\beta\sigma^2}-\mathrm{KL}\big] \tag{7.6}$$
#
# in all weights of *any* networks. With σ fixed, a β-VAE with noise $\sigma^2$ is the plain VAE with noise $\beta\sigma^2$. Ask
# autograd, with a small convolutional VAE.

# %%
small = {"shape": (3, 16, 16), "width": 4, "dense": 8, "latent": 3}
pictures = torch.rand(6, 3, 16, 16, generator=generator, dtype=f64)
noise = torch.randn(6, 3, generator=generator, dtype=f64)


def beta_gradient(sigma, beta):
    """Gradient of the mean β-objective in all weights of the two networks, one vector."""
    vae = VAE("faces", sigma=sigma, **small, seed=3).double()
    terms = vae.terms(pictures, noise)
    value = (terms["reconstruction"] - beta * terms["kl"]).mean()
    weights = [p for p in vae.parameters() if p.requires_grad]
    return torch.cat([g.flatten() for g in torch.autograd.grad(value, weights)])


# %%
beta, sigma = 4.0, 0.2
left = beta_gradient(sigma, beta) / beta
twice = beta_gradient(sigma * math.sqrt(beta), 1.0)
agrees(left, twice, tol=1e-6, name="(7.6) β = 4 is σ doubled")
refuses(left, beta_gradient(sigma * beta, 1.0), tol=1e-6, name="σ multiplied by β, not σ²")

# %% [markdown]
# So (7.3) holds with $\beta\sigma^2$ in place of $\sigma^2$, as you wrote in 07.1. And at the optimum you can say what a
# nat of KL *buys*. Raise β a little: the KL falls, the reconstruction term falls, in the ratio
#
# $$\frac{d\,\text{reconstruction}}{d\,\mathrm{KL}}=\beta. \tag{7.7}$$

# %%
kls = [climb(1.0, beta=b)[3].sum() for b in (1.9, 2.1)]
rates = [collapse_kl(eigenvalues, 1.0, b).sum() for b in (1.9, 2.1)]
agrees(torch.stack(kls), torch.stack(rates), tol=1e-4, name="β = 1.9 and 2.1, trained")


def reconstruction_at(beta, sigma2=1.0):
    """Mean reconstruction term at the optimum of weight β: min(βσ², λ) misses each axis."""
    squares = eigenvalues.clamp(max=beta * sigma2).sum()
    return -0.5 * (D * math.log(2 * math.pi * sigma2) + squares / sigma2)


# %%
step = 0.01
rise = reconstruction_at(2 - step) - reconstruction_at(2 + step)
spent = [collapse_kl(eigenvalues, 1.0, b).sum() for b in (2 - step, 2 + step)]
slope = rise / (spent[0] - spent[1])
agrees(slope, 2.0, tol=1e-4, name="(7.7) the exchange rate at β = 2")

# %%
betas = torch.logspace(-1, 1.3, 120, dtype=f64)
rate = torch.stack([collapse_kl(eigenvalues, 1.0, b).sum() for b in betas])
value = torch.stack([reconstruction_at(b) for b in betas])
fig, axes = plots.figure(columns=2)
axes[0].plot(rate, value, color=plots.PALETTE[0])
for b, name in ((0.25, "β = ¼"), (1.0, "β = 1"), (4.0, "β = 4")):
    at = collapse_kl(eigenvalues, 1.0, b).sum(), reconstruction_at(b)
    axes[0].plot(*at, "o", color=plots.PALETTE[1])
    axes[0].annotate(name, at, textcoords="offset points", xytext=(6, -10))
axes[0].set(xlabel="KL, nats", ylabel="reconstruction, nats", title="what a nat buys")
plots.lines(betas, {"ELBO": value - rate}, ax=axes[1], xlabel="β", ylabel="ELBO, nats")
axes[1].set(xscale="log", title="the plain ELBO")
plots.show(fig, alt="Left: reconstruction against KL. Right: the ELBO peaks at β = 1.")

# %% [markdown]
# **What to see.** Left, the frontier: no linear VAE with this σ gets above the curve (here each axis has its latent), and its slope is β. Right,
# the honest ELBO of each of these models: highest at β = 1, for this σ. A β-VAE is not a better bound; you
# choose another place on the frontier, for instance for fewer latents. (That they are
# *disentangled* is a claim of its own; in the linear case 1.3 found them on the axes.)
#
# **What β trades**, in the linear VAE of section 1, where all is known. On the left (7.3) with the noise $\beta\sigma^2$ of (7.6): an axis whose variance lies under that level is not encoded. On the right the same as two costs, in nats.
#
# ![Left: five bars, the variances of the data along its axes, and a horizontal line at beta sigma squared, like a water level. The three bars above it are used, the two below it have collapsed. Right: a falling curve of distortion against rate. At each point its slope is minus beta: a large beta chooses few nats and a blurred reconstruction, a small one many nats and a sharp one.](drawing:trade-off)
#
# Along the curve the best VAE pays one nat of rate (the KL) for β nats of distortion (minus the reconstruction term): the orange lines have the slope $-\beta$. Raise β, and you walk to the left, and one latent after the other goes under.
#
# ### 2.2 · Squared error: the silent β
#
# The loss that is quickest to write is `mse_loss(decoded, x) + weight * kl`, a *mean* over the $D$ numbers of
# an image. Compare it with $-\log\mathcal N$ plus the KL ($w$ is the weight):
#
# $$\frac1D\lVert x-\mu\rVert^2+w\,\mathrm{KL}\ \propto\ \frac{1}{2\sigma^2}\lVert x-\mu\rVert^2+\mathrm{KL}\quad\text{with}\quad\sigma^2=\;? \tag{7.8}$$
#
# **Exercise 07.3 · The silent σ** · ●●○ · 8 min · code
#
# *Why.* With this function you can read which σ a given training code has chosen.
#
# To which σ, in units of the pixel range, does a weight amount? Write it for images of `dims` numbers.
#
# *Nudge.* Multiply the left side of (7.8) by a number such that its KL stands there with the factor 1. Then compare what stands before $\lVert x-\mu\rVert^2$.
#
# *First line.* $\frac1w\Bigl(\frac1D\lVert x-\mu\rVert^2+w\,\mathrm{KL}\Bigr)=\frac1{wD}\lVert x-\mu\rVert^2+\mathrm{KL}$.
#
# *Compare.*
# ```python
# print(1 / (2 * 0.5**2))        # → 2.0
# print(implied_sigma(50, 0.01))  # → 0.5
# ```
# (With σ = ½ the square stands with the factor 2. And 1/(.01 · 50) is 2, too.)


# %% exercise="07.3"
def implied_sigma(dims, weight=1.0):
    """σ of the Gaussian decoder that `mean squared error + weight · KL` trains."""
    ### BEGIN SOLUTION
    return math.sqrt(dims * weight / 2)
    ### END SOLUTION


# %%
if not check("07.3", implied_sigma):
    implied_sigma = lesson_07.implied_sigma

# %%
vae, dims, weight = VAE("faces", **small, seed=3).double(), 3 * 16 * 16, 0.00025
mean, log_var = vae.encode(pictures)
decoded = vae.mean_given(mean + (0.5 * log_var).exp() * noise)
kl = library.gaussian_kl(mean, log_var)
public = F.mse_loss(decoded, pictures.flatten(1)) + weight * kl.mean()
sigma = implied_sigma(dims, weight)
log_density = library.gaussian_log_likelihood(pictures.flatten(1), decoded, sigma)
free_of_constants = -log_density - dims * math.log(sigma * math.sqrt(2 * math.pi))
agrees(public / weight, (free_of_constants + kl).mean(), tol=1e-3, name="(7.8) with your σ")
ones = (0.5 * (decoded - pictures.flatten(1)).square().sum(1) + kl).mean()
refuses(public / weight, ones, tol=1e-3, name="“a squared error has σ = 1”")

# %%
for side, weight in ((64, 1.0), (64, 0.00025), (32, 0.00025)):
    sigma = implied_sigma(3 * side**2, weight)
    print(f"{side} × {side} in colour, weight {weight:<8g}", end=" ")
    print(f"σ = {sigma:6.2f}, β = {sigma**2 / 0.5:8.1f} against a summed squared error")

# %% [markdown]
# A weight of 1 means noise of 78 times the pixels' whole range: by (7.3) every latent dies. The weight .00025
# stands in popular code (in some of it as the share of a batch in the data set); it amounts to $\sigma=1.24$ at 64×64. (Against the *summed* squared error
# without the ½, which is $\sigma=1/\sqrt2$, that is $\beta=3.07$.) And it means something else at every image size. Nobody who writes a
# squared error escapes choosing σ.
#
# ### 2.3 · The best σ
#
# The ELBO itself says what σ should be. Differentiate the Gaussian's logarithm by $\log\sigma$:
#
# $$\sigma_*^2=\frac1D\,\mathbb E_{x}\,\mathbb E_{q}\lVert x-\mu(z)\rVert^2,\qquad\max_\sigma\mathrm{ELBO}=-\frac D2\big(1+\log2\pi\sigma_*^2\big)-\mathrm{KL}. \tag{7.9}$$
#
# It is the mean squared error, with $z$ *drawn* from $q$.
#
# **Exercise 07.4 · The best σ** · ●○○ · 4 min · code
#
# *Why.* After a short training σ lags behind. This gives a trained decoder the σ that it deserves.
#
# Write $\sigma_*$ from images and the decoder's means at draws of $q$.
#
# *Nudge.* (7.9) has a square on its left side.
#
# *Compare.*
# ```python
# two, none = torch.tensor([[0.3, 0.4]]), torch.zeros(1, 2)
# print((two - none).square().mean())  # → tensor(0.1250)
# print(torch.as_tensor(best_sigma(two, none)))  # → tensor(0.3536)
# ```


# %% exercise="07.4"
def best_sigma(x, decoded):
    """σ* from images x (B, D) and the decoder's means at draws of q, (B, D)."""
    ### BEGIN SOLUTION
    return (x - decoded).square().mean().sqrt()
    ### END SOLUTION


# %%
if not check("07.4", best_sigma):
    best_sigma = lesson_07.best_sigma

# %%
flat = pictures.flatten(1)
sigma = torch.as_tensor(best_sigma(flat, decoded)).detach().requires_grad_()
value = library.gaussian_log_likelihood(flat, decoded.detach(), sigma).mean()
(slope,) = torch.autograd.grad(value, sigma)
agrees(slope, 0.0, tol=1e-3, name="(7.9) the ELBO is flat in σ at σ*")
closed = -0.5 * dims * (1 + torch.log(2 * math.pi * sigma**2))
agrees(value, closed, tol=1e-4, name="and its value there")

# %% [markdown]
# In the laboratory: begin with $\sigma^2=1$, which kills the weakest latents, and let σ and $W$ improve each other
# by turns.

# %%
sigma2, path = torch.tensor(1.0, dtype=f64), []
for _ in range(60):
    alive = (collapse_kl(eigenvalues[:6], sigma2) > 1e-9).sum().item()
    path.append((sigma2.item(), alive))
    explained = eigenvalues[:6].clamp(max=sigma2.item()).sum() + eigenvalues[6:].sum()
    sigma2 = explained / D  # (7.9): min(σ², λ) misses each axis that has a latent
agrees(sigma2, eigenvalues[6:].mean(), tol=1e-6, name="σ² ends at the mean left over")
refuses(sigma2, 1.0, tol=1e-6, name="it stays where it began")
print("σ² and latents alive:", [(f"{s:.2f}", a) for s, a in path[:24:4]])

# %% [markdown]
# That is lesson 01's maximum of the likelihood (1.15): σ² is what the discarded directions leave, and all six
# latents live. A learned σ has undone the collapse. In code it is one parameter, `sigma="learned"`, or one for
# each pixel, `sigma="per pixel"`.
#
# # Part B · Bits, tighter bounds, and fifty latents
#
# A good place to begin again after a break. Time: {{part:B}}. Afterwards you can compare a VAE with a flow on one scale, tighten a bound with samples, and count the latents in use.
#
# ## 3 · Bits per dimension: one scale with flows
#
# ### 3.1 · A case with a known answer
#
# A flow gives a density of dequantised pixels, $x=(k+u)/256$, and its score is (1.18) in bits per dimension. A
# VAE with a Gaussian likelihood on *the same* dequantised pixels gives a bound on the same score. So the
# two may stand in one table (lessons 10 and 11 have the flow's side):
#
# $$\text{bits/dim}\;\le\;\frac{-\mathcal L_K(x)}{D\ln2}+8,\qquad x=(k+u)/256,\ u\sim U[0,1)^D. \tag{7.10}$$
#
# To test the count, take a VAE of which everything is known: the probabilistic PCA of lesson 01 on digits,
# written as a linear VAE whose encoder is the exact posterior. Then every importance weight is $p(x)$ itself,
# and one sample is enough.

# %%
digits, test_digits = data.load("digits"), data.load("digits", "test")
plane = linear.ProbabilisticPCA(latent=20).fit(digits.images, generator)


class LinearVAE(VAE):
    """p(x|z) = N(Wz + c, σ²I)."""

    def mean_given(self, z):
        return self.decoder(z)


def as_vae(plane, wider=1.0):
    """The probabilistic PCA as a VAE; q is the exact posterior, `wider` times as wide."""
    vae = LinearVAE(latent=20, hidden=(), likelihood="gaussian", sigma=1.0).double()
    W, c, sigma2 = plane.weights, plane.mean, plane.variance
    M = torch.eye(20, dtype=f64) + W.T @ W / sigma2
    gain, log_v = torch.linalg.solve(M, W.T / sigma2), -M.diagonal().log()
    with torch.no_grad():
        vae.decoder[0].weight.copy_(W)
        vae.decoder[0].bias.copy_(c)
        vae.encoder[0].weight.copy_(torch.cat([gain, 0 * gain]))
        vae.encoder[0].bias.copy_(torch.cat([-gain @ c, log_v + 2 * math.log(wider)]))
        vae.log_sigma.copy_(0.5 * sigma2.log())
    return vae


# %%
levels = test_digits.images[: budget.pick(smoke=400, laptop=500)]
exact = plane.bits_per_dim(levels, same())  # the same noise for everybody
bits = as_vae(plane).bits_per_dim(levels, same(), k=1)
agrees(bits, exact, tol=1e-8, name="(7.10) VAE against the exact density")
grey = bits_per_dim(as_vae(plane).log_likelihood(levels / 255, 1, same()), 784)
refuses(grey, exact, tol=1e-8, name="grey levels / 255, without noise")

# %% [markdown]
# The same density is a flow too: $z=L^{-1}(x-c)$ with the Cholesky factor $LL^{\mathsf T}=WW^{\mathsf T}+\sigma^2I$ is an invertible
# map of 784 numbers onto 784, and the change of variables gives
#
# $$\log p(x)=\log\mathcal N(z;0,I)-\log\det L. \tag{7.11}$$

# %%
x = dequantise(levels, same()).flatten(1).double()
S = plane.weights @ plane.weights.T + plane.variance * torch.eye(784, dtype=f64)
L = torch.linalg.cholesky(S)
z = torch.linalg.solve_triangular(L, (x - plane.mean).T, upper=False).T
log_p = library.log_normal(z) - L.diagonal().log().sum()
agrees(bits_per_dim(log_p, 784), bits, tol=1e-8, name="(7.11) flow and VAE, same bits")

# %% [markdown]
# Flow and VAE, one number. Now spoil the encoder: make $q$ one and a half times as wide as the posterior. The ELBO
# loses exactly $\mathrm{KL}(q\,\|\,\text{posterior})=\tfrac d2(s^2-1-\log s^2)$, and more importance samples win most of it back.

# %%
wide = as_vae(plane, wider=1.5)
gap = 10 * (1.5**2 - 1 - math.log(1.5**2)) / (784 * math.log(2))
lost = wide.bits_per_dim(levels, same(), k=1) - exact
error = lost.std() / math.sqrt(len(lost))
agrees(lost.mean(), gap, error=error, name="what a wide q costs, bits/dim")
for k in (1, 10, 100):
    lost = (wide.bits_per_dim(levels[:50], same(), k=k) - exact[:50]).mean()
    print(f"K = {k:3}: {lost:.5f} bits/dim above the exact value")

# %% [markdown]
# ### 3.2 · What σ = 1 costs
#
# **Exercise 07.11 · Perfect, with σ = 1** · ●○○ · 2 min · predict
#
# *Why.* A squared error with its ½ is easily written. Here you see what it costs.
#
# A VAE of digits is trained by the summed squared error with its ½, that is with $\sigma=1$. Suppose that it
# reconstructs *perfectly*. How many bits per dimension does it need? (Grey levels written down one by one need
# 8. Probabilistic PCA with 20 latents: see above.)

# %% exercise="07.11"
### BEGIN SOLUTION
guess = 9.3
### END SOLUTION
guess = predict("07.11", guess)

# %% [markdown]
# A Gaussian of width σ has at most the density $1/(\sigma\sqrt{2\pi})$, whatever the decoder does:
#
# $$\text{bits/dim}\;\ge\;8+\log_2\!\big(\sigma\sqrt{2\pi}\big). \tag{7.12}$$

# %%
floor = 8 + math.log2(math.sqrt(2 * math.pi))
perfect = library.gaussian_log_likelihood(x, x, 1.0)  # the decoder's mean *is* x
agrees(bits_per_dim(perfect, 784), floor, tol=1e-8, name="(7.12) σ = 1")
refuses(
    bits_per_dim(-0.5 * (x - x).square().sum(1), 784), floor, name="normaliser dropped"
)
print(f"σ = 1: at least {floor:.2f} bits/dim; probabilistic PCA {exact.mean():.2f}")

# %% [markdown]
# More than 8. As a code, this model is worse than no model. And by (7.3) it keeps no latent whose direction
# varies by less than 1 over the *whole* image. Now train three VAEs with twenty latents on digits, equal but for σ.


# %%
def gaussian_vae(sigma, kind=VAE, **more):
    """A VAE of digits with 20 latents and a Gaussian likelihood."""
    settings = {
        "latent": 20,
        "hidden": (256, 256),
        "anneal": True,
        "seed": 1,
        "lr": 2e-3,
    }
    return kind(likelihood="gaussian", sigma=sigma, **settings | more)


@torch.no_grad()
def look(vae, images, k=50):
    """Bits/dim (K samples), KL, active units, σ of a Gaussian VAE on 8-bit images."""
    found = torch.cat([vae.bits_per_dim(part, same(), k) for part in images.split(50)])
    mean, log_var = vae.encode(dequantise(images, same()))
    kl = library.gaussian_kl(mean, log_var).mean().item()
    return found.mean().item(), kl, active(mean), vae.log_sigma.exp().mean().item()


# %%
pixel_vaes, bits_of, rounds = {}, {}, budget.rounds(20_000)
few = test_digits.images[: budget.pick(smoke=50, laptop=500)]
for sigma in (1.0, "learned", "per pixel"):
    vae = gaussian_vae(sigma)
    training.fit(vae, digits, rounds=rounds, seed=1, preview=False)
    pixel_vaes[f"σ {sigma}"] = vae.eval()
    found = look(vae, few, k=budget.pick(smoke=5, laptop=50))
    bits_of[f"VAE, σ {sigma}"] = found[0]
    print(f"σ {sigma!s:9}: {found[0]:6.3f} bits/dim, KL {found[1]:6.2f} nats", end=", ")
    print(f"{found[2]:2} of 20 active, mean σ {found[3]:.3f}")

# %% [markdown]
# And what do pixels cost *without* any code? Two baselines, fitted to the training digits: a Gaussian for each pixel, and a histogram of the 256
# levels for each pixel.

# %%
pixels = dequantise(digits.images, same()).flatten(1).double()
apart = Normal(pixels.mean(0), pixels.std(0))
levels = digits.images.flatten(1).T.long()
counts = torch.full((784, 256), 0.05, dtype=f64)
counts = counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=f64))
chances = (counts / counts.sum(1, keepdim=True)).T  # (256, 784)
y = dequantise(few, same()).flatten(1).double()
baselines = {
    "Gaussian per pixel, no code": bits_per_dim(apart.log_prob(y).sum(1), 784).mean(),
    "histogram per pixel, no code": -chances.gather(0, few.flatten(1).long()).log2().mean(),
}

# %%
table = {"one number": 8.0, "probabilistic PCA": plane.bits_per_dim(few, same()).mean()}
table |= bits_of | baselines
flow, part = zoo.load("realnvp-mnist"), few[: budget.pick(smoke=4, laptop=100)]
table["RealNVP (zoo)"] = flow.bits_per_dim(part, same()).mean()
marks = {} if guess is None else {"your guess, σ = 1": guess}
fig = plots.bars(
    {k: float(v) for k, v in table.items()}, references=marks, unit="bits/dim"
)
plots.show(
    fig, alt="σ = 1 needs more than 8 bits; learned σ fewer, per pixel fewest of VAEs."
)

# %%
shown, rows = dequantise(test_digits.images[:6], same()), []
for vae in pixel_vaes.values():
    rows += [vae.reconstruct(shown, same()), vae.sample(6, generator=same(3))]
names = ["digit", *(f"{k}, {n}" for k in pixel_vaes for n in ("rec.", "sample"))]
fig = plots.images(torch.cat([shown, *rows]), columns=6, row_labels=names)
plots.show(
    fig, alt="With σ = 1 all alike and blurred; with a learned σ each digit its own."
)

# %% [markdown]
# **What to see.** The three differ in one setting. With $\sigma=1$ the latents say about three nats *together*, all pictures are the same
# few blurs, and the bits are above 8, the bar of one number for each pixel. With a learned σ they say some ten times as much, and each digit gets
# its own picture. Yet one σ for all is a poor code: even a border pixel that is always black costs at least 6.8 bits, by (7.12) with the
# learned σ of .17. One σ *for each pixel* saves there; look whether its pictures are better too. (Probabilistic PCA sits at its exact optimum, these
# networks after a short training: they need not beat it here.) Now the baselines. A histogram for each pixel, with no code and no neighbour, needs far fewer bits than any
# of these VAEs: most of their distance to the flow is the *Gaussian*, which can't put its mass on "exactly black" (3.3 tests this). And even a Gaussian for each pixel without any code beats
# the VAE with a σ per pixel, whose σ have had no time to shrink (6.2 has a remedy). Only the last step, from the histograms to the flow, is what the flow knows beyond single
# pixels; it was trained longer, on 60,000 digits, with learned noise; its bits are those of 100 digits, the others' of 500. **One scale, so you may compare; but say what was trained how. And bits are not looks.**

# %% [markdown]
# ### 3.3 · A likelihood of grey levels (optional)
#
# The figure blames the Gaussian. So keep the two networks and replace the likelihood. A pixel is a whole number $k$ from 0 to 255. What you want in the end is its probability $P(k\mid z)$,
# the integral of a density over $[k/256,(k+1)/256)$. With noise you pay more: by (1.19) the mean of $\log p(x\mid z)-\log256$ over the noise is at most $\log P(k\mid z)$.
#
# For that you need a density whose integral is simple. Take the logistic density with centre $c$ and scale $s$. Its distribution function is $\operatorname{sigmoid}\big((x-c)/s\big)$. Write $a=(k/256-c)/s$ and
# $b=((k+1)/256-c)/s$ for the two ends. Then $P(k\mid z)=\operatorname{sigmoid}(b)-\operatorname{sigmoid}(a)$. If both are near 1, rounding destroys this difference. So write it as a product. Since $\operatorname{sigmoid}(t)=\frac{e^t}{1+e^t}$, the difference is
# $\frac{e^b-e^a}{(1+e^a)(1+e^b)}$, and therefore
#
# $$\log P(k\mid z)=\log\operatorname{sigmoid}(b)+\log\operatorname{sigmoid}(-a)+\log\big(1-e^{a-b}\big). \tag{7.13}$$
#
# The first and the last level take the tails: $a=-\infty$ for $k=0$, and $b=\infty$ for $k=255$. So the 256 probabilities add up to 1. And a centre far below 0 makes "exactly black"
# nearly certain, at any scale. This is the **discretised logistic** likelihood (Kingma et al., 2016; Salimans et al., 2017).


# %% tags=["optional"]
def log_level(k, centre, scale):
    """log P(k), nats, of levels k = 0 … 255, under a discretised logistic: (7.13)."""
    a = torch.where(k > 0, (k / 256 - centre) / scale, -math.inf)
    b = torch.where(k < 255, ((k + 1) / 256 - centre) / scale, math.inf)
    return F.logsigmoid(b) + F.logsigmoid(-a) + (-torch.expm1(a - b)).log()


# %% tags=["optional"]
k, scale = torch.arange(256, dtype=f64), 0.03
centres = torch.tensor([-0.3, 0.02, 0.4, 1.1], dtype=f64)  # of four pixels
P = log_level(k, centres[:, None], scale).exp()  # (4, 256)
middles = (torch.arange(100, dtype=f64) + 0.5) / 100
t = ((k[:, None] + middles) / 256 - centres[:, None, None]) / scale
log_density = F.logsigmoid(t) + F.logsigmoid(-t) - math.log(scale)
cells = log_density.exp().mean(-1) / 256  # the integral over each interval, added up
agrees(P[:, 1:-1], cells[:, 1:-1], tol=1e-7, name="(7.13) levels 1 to 254")
agrees(P.sum(1), 1.0, name="all 256 add up to 1")
refuses(cells.sum(1), 1.0, name="the tails forgotten")
bound = log_density.mean(-1) - math.log(256)  # E over the noise u of log p((k + u)/256)
above = (bound - P.log()).clamp(min=0)
agrees(above, 0.0, name="(1.19) how far the bound gets above log P")

# %% [markdown]
# Now the VAE. (7.10) adds 8 bits for each dimension, because it expects a density. So give it one: $256\,P(k\mid z)$ on the whole interval of level $k$. It is flat there, so the noise costs nothing, and
# (7.10) gives back exactly $-\log_2P$. The decoder's numbers before the sigmoid are the centres: they may lie outside $[0,1]$. One learned scale serves all pixels, as in "σ learned" above. Nothing else changes.


# %% tags=["optional"]
class LevelVAE(VAE):
    """A VAE whose P(x|z) is a discretised logistic for each pixel, with one learned scale."""

    def mean_given(self, z):
        return self.logits(z).clamp(0, 1)  # the centres, as a picture

    def log_p_x_given_z(self, x, z):
        levels = (256 * x).floor()
        logs = log_level(levels, self.logits(z), self.log_sigma.exp())
        return (logs + math.log(256)).sum(-1)


vae = gaussian_vae("learned", kind=LevelVAE)
training.fit(vae, digits, rounds=rounds, seed=1, preview=False)
found = look(vae.eval(), few, k=budget.pick(smoke=5, laptop=50))
for name in ("VAE, σ learned", "histogram per pixel, no code", "RealNVP (zoo)"):
    print(f"{name:29}{float(table[name]):6.3f} bits/dim")
print(f"{'VAE, discretised logistic':29}{found[0]:6.3f} bits/dim, KL {found[1]:.2f} nats")

# %% tags=["optional"]
twins = {"Gaussian": pixel_vaes["σ learned"], "discretised logistic": vae}
shown, rows = dequantise(test_digits.images[:8], same()), []
for twin in twins.values():
    rows += [twin.reconstruct(shown, same()), twin.sample(8, generator=same(3))]
names = ["digit", *(f"{name}, {n}" for name in twins for n in ("rec.", "sample"))]
fig = plots.images(torch.cat([shown, *rows]), columns=8, row_labels=names)
alt = (
    "Two VAEs restore eight digits, both blurred and much alike. The samples of the discretised "
    "logistic have darker backgrounds, and more of them look like digits."
)
plots.show(fig, alt=alt)

# %% [markdown]
# **What to see.** The bits fall from above 7 to below 2, and no layer of the networks has changed. So most of the distance to the flow was indeed the Gaussian. The histograms are still a little ahead: each of them may
# have any shape, a logistic has one peak, and the training was short. Now look at the pictures, and at the KL beside the one printed in 3.2. The code says fewer nats than before, and to the eye nothing is restored better. The bits fell mostly because black pixels became cheap.
# (More of the samples look like digits, but you can't read that from the bits.) Here another likelihood moved the bits further than any choice of σ did. So before you compare two models by their bits, ask for their likelihoods.

# %% [markdown]
# ## 4 · More samples, a tighter bound
#
# ### 4.1 · Why it rises
#
# Lesson 06 used $\mathcal L_K=\mathbb E\big[\log\frac1K\sum_kw_k\big]$ with $w_k=p(x,z_k)/q(z_k\mid x)$ (Burda et al., 2016). Why does it rise? Take $2K$ draws.
# Their mean weight is the mean of two means of $K$, and Jensen says
#
# $$\log\frac{\bar w+\bar w'}2\ge\frac{\log\bar w+\log\bar w'}2\quad\Longrightarrow\quad\mathcal L_{2K}\ge\mathcal L_K. \tag{7.14}$$
#
# (With all subsets in place of two halves it follows for every $K$.) Take lesson 06's small model, where $\log p(x)$ is
# known: slope $w=2$, width $s=0.5$, $x=1.5$. (A weight has its index: $w_k$.)


# %%
number = partial(torch.tensor, dtype=f64)
w, s, x = number(2.0), number(0.5), number(1.5)
prior, log_p = (
    Normal(number(0.0), number(1.0)),
    Normal(0.0, (w**2 + s**2).sqrt()).log_prob(x),
)
posterior = Normal(w * x / (w**2 + s**2), s / (w**2 + s**2).sqrt())
q = Normal(number(0.6), number(0.4))


def log_weight_of(noise, q=q, w=w):
    """log p(x, z) − log q(z) at z = m + σ·noise."""
    z = q.mean + q.stddev * noise
    return prior.log_prob(z) + Normal(w * z, s).log_prob(x) - q.log_prob(z)


# %%
log_weights = log_weight_of(torch.randn(2**17, generator=generator, dtype=f64))
ks = (1, 2, 4, 8, 16, 32, 64, 128, 256)
bounds = {k: log_weights.reshape(k, -1).logsumexp(0) - math.log(k) for k in ks}
curve = torch.stack([b.mean() for b in bounds.values()])
agrees(curve.diff().clamp(max=0), 0.0, name="(7.14) how far L_K ever falls")
error = bounds[64].std() / math.sqrt(len(bounds[64]))
averaged = log_weights.reshape(64, -1).mean(0).mean()
refuses(averaged, curve[6], error=error, name="64 ELBOs averaged: a mean of logs")

# %% [markdown]
# ### 4.2 · How fast
#
# Write $\bar w=p(x)(1+\delta)$: the mean of $\delta$ is 0 and its variance is $\operatorname{Var}_q[w_k]/(K\,p(x)^2)$. With
# $\log(1+\delta)\approx\delta-\delta^2/2$ the gap is
#
# $$\log p(x)-\mathcal L_K\;\approx\;\frac1{2K}\,\frac{\operatorname{Var}_q[w_k]}{p(x)^2}\qquad(K\text{ large}). \tag{7.15}$$
#
# The relative variance of the weights is an integral, $\int p(z\mid x)^2/q(z)\,dz-1$.

# %%
grid, groups = torch.linspace(-12, 12, 24_001, dtype=f64), 4_000
ratio = 2 * posterior.log_prob(grid) - q.log_prob(grid)
relative = torch.trapezoid(ratio.exp(), grid) - 1
noise = torch.randn(256, groups, generator=generator, dtype=f64)
delta = (log_weight_of(noise) - log_p).exp().mean(0) - 1
gaps = delta - delta.log1p()  # adding δ changes no mean, and takes most of the variance
error = gaps.std() / math.sqrt(groups)
agrees(gaps.mean(), relative / 512, error=error, name="(7.15) gap at K = 256")
refuses(gaps.mean(), relative / 256, error=error, name="the ½ forgotten")

# %%
named = {
    "L_K": curve,
    "log p(x) − relative variance / 2K": log_p - relative / 2 / number(ks),
}
fig = plots.lines(ks, named, references={"log p(x)": float(log_p)}, xlabel="K")
fig.axes[0].set_xscale("log", base=2)
fig.axes[0].set_ylabel("nats")
plots.show(
    fig, alt="L_K rises to log p(x); the approximation joins it from K of about 8."
)

# %% [markdown]
# **What to see.** The curve closes in on $\log p(x)$ like $1/K$, here from $K$ of about 10 on (the small distance that stays at the right is noise of the draws): (7.15) leaves out the third moment, so $K$ must be
# much larger than the relative variance. For a poor $q$ that variance is enormous, for one with at most half of the posterior's variance infinite, and the curve creeps: in section 11
# of lesson 06 each bound gained more than a nat from $K=10$ to 500. A curve that still rises at its end says: the truth is higher.
#
# ### 4.3 · Training with it
#
# The gradient of $\log\frac1K\sum w_k$ is a weighted mean. Each draw counts by its share of the weight:
#
# $$\nabla\log\frac1K\sum_kw_k=\sum_k\tilde w_k\,\nabla\log w_k,\qquad\tilde w_k=\frac{w_k}{\sum_lw_l}. \tag{7.16}$$
#
# **Exercise 07.6 · Shares of the weight** · ●○○ · 4 min · code
#
# *Why.* They say which of the $K$ draws teaches the networks.
#
# Write the shares $\tilde w$, from log-weights (K, B). Images have weights around $e^{-100}$.
#
# *Nudge.* $e^{-100}$ is almost nothing, and the quotient of two such numbers is harmless. Which function of PyTorch computes it without the numbers themselves?
#
# *Compare.*
# ```python
# print(torch.tensor([-800.0, -800.0]).exp())                  # → tensor([0., 0.])
# print(importance(torch.tensor([[-800.0], [-801.0]])).flatten())  # → tensor([0.7311, 0.2689])
# ```


# %% exercise="07.6"
def importance(log_weights):
    """w_k / Σ_l w_l from log-weights (K, B); (K, B), each column adds to 1."""
    ### BEGIN SOLUTION
    return log_weights.softmax(0)
    ### END SOLUTION


# %%
if not check("07.6", importance):
    importance = lesson_07.importance

# %%
slope, noise = (
    number(2.0).requires_grad_(),
    torch.randn(8, generator=generator, dtype=f64),
)
logs = log_weight_of(noise, w=slope)
(direct,) = torch.autograd.grad(logs.logsumexp(0), slope, retain_graph=True)
shares = importance(logs.detach()[:, None])[:, 0]
each = [torch.autograd.grad(value, slope, retain_graph=True)[0] for value in logs]
agrees((shares * torch.stack(each)).sum(), direct, tol=1e-6, name="(7.16) gradient in w")
refuses(torch.stack(each).mean(), direct, name="equal weights: the ELBO's gradient")

# %% [markdown]
# So a draw that explains nothing costs nothing: $q$ need only *sometimes* be right, and may be wider. Models that are
# trained so keep a few more latents alive: see the figure in 5.4, not Burda's count.
#
# ### 4.4 · The price for the encoder (optional)
#
# Is more always better? For the decoder's gradient, yes. For the encoder something strange happens (Rainforth et al., 2018): as
# $K$ grows the bound depends on $q$ less and less, so its gradient in $q$ shrinks like $1/K$, and the noise only like $1/\sqrt K$. The
# **signal-to-noise ratio** is
#
# $$\mathrm{SNR}=\frac{|\mathbb E[g]|}{\operatorname{sd}[g]}\;\propto\;\frac1{\sqrt K}\ \text{(encoder)},\qquad\propto\sqrt K\ \text{(decoder)}. \tag{7.17}$$


# %% tags=["optional"]
def ratios(k, repeats):
    """|mean|/sd of one-draw gradients of L_K, in q's mean and in the decoder's w."""
    m, slope = (number(v).repeat(repeats).requires_grad_() for v in (0.6, 1.9))
    noise = torch.randn(k, repeats, generator=generator, dtype=f64)
    value = log_weight_of(noise, Normal(m, number(0.4)), slope).logsumexp(0).sum()
    found = torch.autograd.grad(value, (m, slope))
    return torch.stack([g.mean().abs() / g.std() for g in found])


repeats = budget.pick(smoke=80_000, laptop=300_000)
tried = {k: ratios(k, repeats) for k in (2, 4, 8, 16)}
error = (1 / math.sqrt(repeats)) * math.sqrt(1 + 4) / 2  # of the difference below
agrees(tried[16][0], tried[4][0] / 2, error=error, name="(7.17) encoder, K = 4 to 16")
refuses(tried[16][0], tried[4][0], error=error, name="as good at any K")
assert 1.5 < tried[16][1] / tried[4][1] < 3  # decoder: √4, roughly, for K is not yet large

# %% tags=["optional"]
both = torch.stack(list(tried.values()))
curves = {"encoder": both[:, 0], "decoder": both[:, 1]}
fig = plots.lines(list(tried), curves, xlabel="K", ylabel="signal / noise")
fig.axes[0].set_xscale("log", base=2)
fig.axes[0].set_yscale("log")
plots.show(
    fig, alt="The decoder's signal-to-noise ratio rises with K, the encoder's falls."
)

# %% [markdown]
# **What to see.** On doubly logarithmic axes two nearly straight lines: the decoder's goes up, the encoder's down. With a very
# large $K$ the encoder is taught by noise. A small $K$, or different bounds for the two networks, is a way out.

# %% [markdown]
# ## 5 · Fifty latents on digits: collapse, and what helps
#
# ### 5.1 · Free bits
#
# The second cure changes the objective where the latents are quiet. Each latent may use $f$ nats for nothing (Kingma et
# al., 2016):
#
# $$\mathcal F=\text{reconstruction}-\sum_{j=1}^d\max\big(f,\;\overline{\mathrm{KL}}_j\big)\;\le\;\mathrm{ELBO},\qquad\frac{\partial\mathcal F}{\partial\,\mathrm{KL}_j}=0\ \text{ where }\overline{\mathrm{KL}}_j<f. \tag{7.18}$$
#
# The bar is a mean over the batch. Below $f$ nothing pulls a latent to the prior, so at the dead point of (7.5) it has
# a way out.
#
# **Exercise 07.5 · Free bits** · ●●○ · 6 min · code
#
# *Why.* If your function passes, a VAE is trained with it below.
#
# Write the charge, from the KLs (B, d) of a batch: one number, in nats.
#
# *Nudge.* Two operations, a mean and a maximum. In which order, and what is the mean over?
#
# *First line.* `kl.mean(0)` has the shape (d,).
#
# *Compare.*
# ```python
# two_images = torch.tensor([[1.0, 0.0], [3.0, 0.1]])
# print(two_images.mean(0))        # → tensor([2.0000, 0.0500])
# print(charged(two_images, 0.5))  # → tensor(2.5000)
# ```


# %% exercise="07.5"
def charged(kl, free):
    """Σ_j max(free, mean over the batch of the KL of latent j): one number, nats."""
    ### BEGIN SOLUTION
    return kl.mean(0).clamp(min=free).sum()
    ### END SOLUTION


# %%
if not check("07.5", charged):
    charged = lesson_07.charged

# %%
loud = torch.tensor([1.5, 0.8, 0.3, 0.1, 0.0], dtype=f64)
mean = (loud * torch.randn(64, 5, generator=generator, dtype=f64)).requires_grad_()
log_var = (-loud).expand(64, 5)
kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var)
library_value = library.free_bits_kl(mean, log_var, 0.1).mean()
agrees(charged(kl, 0.1), library_value, tol=1e-6, name="(7.18) your charge is the library's")
quiet = kl.mean(0) < 0.1
(slope,) = torch.autograd.grad(charged(kl, 0.1), mean, retain_graph=True)
agrees(slope[:, quiet], 0.0, name=f"no pull on the {quiet.sum()} quiet latents")
in_all = kl.sum(1).mean().clamp(min=0.5)  # 5 latents × 0.1 nats, given to the sum
(slope,) = torch.autograd.grad(in_all, mean)
refuses(slope[:, quiet], 0.0, name="the free nats given to the sum of all latents")

# %% [markdown]
# ### 5.2 · Twenty or fifty?
#
# **Exercise 07.12 · How many of fifty?** · ●○○ · 1 min · predict
#
# *Why.* You must choose the number of latents before any training. How much does it decide?
#
# The zoo has a VAE with fifty latents, trained for 200 epochs on MNIST with the plain ELBO. How many of the
# fifty are active?

# %% exercise="07.12"
### BEGIN SOLUTION
active_guess = 13
### END SOLUTION
active_guess = predict("07.12", active_guess)


# %%
def parts(vae, x, noise):
    """Reconstruction (B,) and the KL of each latent (B, d), nats."""
    mean, log_var = vae.encode(x)
    z = mean + (0.5 * log_var).exp() * noise
    kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var)
    return vae.log_p_x_given_z(x.flatten(1), z), kl


few = budget.pick(smoke=100, laptop=2000)
bits = data.binarise(test_digits.batch(slice(0, few)).x, same())


@torch.no_grad()
def latents(name, vae):
    """Print ELBO, KL and active units on test digits; the KLs (d,), largest first."""
    reconstruction, kl = parts(
        vae, bits, vae.noise(few, vae.settings["latent"], generator=same())
    )
    units = active(vae.encode(bits)[0])
    print(f"{name:13} ELBO {(reconstruction - kl.sum(1)).mean():8.2f}", end=", ")
    print(f"KL {kl.sum(1).mean():6.2f}, active {units} of {kl.shape[1]}")
    return kl.mean(0).sort(descending=True).values


# %%
named = {"50 latents": "vae-50d-mnist", "20 latents": "vae-20d-mnist"}
kls = {name: latents(name, zoo.load(stored)) for name, stored in named.items()}
marks = {} if active_guess is None else {"your guess, of 50": active_guess}
padded = {
    name: F.pad(kl, (0, 50 - len(kl)), value=math.nan) for name, kl in kls.items()
}
fig = plots.lines(torch.arange(1, 51), padded, marks=marks, xlabel="latent, by its KL")
fig.axes[0].set_ylabel("KL, nats")
plots.show(
    fig, alt="Both models use about a dozen latents; the rest lie at zero."
)

# %% [markdown]
# **What to see.** As in the laboratory some live and the rest are dead, here with a cliff between: about a dozen latents with three quarters of a nat or more, the others below 0.0001.
# And it is about as many, 12 and 13, although the larger model had fifty to choose from, a wider network and twice the rounds (`zoo.card`). Trained like
# this, the number was not the limit; 5.4 shows a way of training in which twenty would have been.
#
# ### 5.3 · Can the dead be raised?
#
# Take the model with twenty latents and train it on for a short while, in three ways: with the plain ELBO; with a *second* warm-up, β from
# 0 to 1 over the first half; with free bits, 0.1 nats a latent. What do you expect of each, after 1.5?


# %%
def plain(vae, x, noise, progress):
    reconstruction, kl = parts(vae, x, noise)
    return reconstruction - kl.sum(1)


def warm_up(vae, x, noise, progress):
    reconstruction, kl = parts(vae, x, noise)
    return reconstruction - min(1.0, progress / 0.5) * kl.sum(1)


def free_bits(vae, x, noise, progress):
    reconstruction, kl = parts(vae, x, noise)
    return reconstruction - charged(kl, 0.1)


# %%
def ascend(vae, objective, rounds, seed=0, lr=1e-3):
    """Climb objective(vae, x, noise, progress); progress goes from 0 to 1."""
    player = Player("VAE", vae.parameters(), training.adam(lr))

    def losses(source):
        x = vae.training_batch(source)  # binarised or dequantised, as the likelihood wants it
        noise = source.normal(len(x), vae.settings["latent"])
        return {"VAE": {"loss": -objective(vae, x, noise, source.t / rounds).mean()}}

    game = Game([Move([player], losses)])
    return training.fit(vae, digits, game=game, rounds=rounds, seed=seed, preview=False)


# %%
cures, raised = {"plain": plain, "warm-up": warm_up, "free bits": free_bits}, {}
for name, objective in cures.items():
    vae = zoo.load("vae-20d-mnist").requires_grad_()
    ascend(vae, objective, budget.rounds(10_000), seed=2, lr=5e-4)
    raised[name] = latents(name, vae)

# %%
for name, kl in raised.items():
    print(f"{name:10}", " ".join(f"{value:.1f}" for value in kl.tolist()))

# %% [markdown]
# **What to see.** More training by the plain ELBO revives nobody (and costs a nat or two on test digits: the zoo's model saw 60,000 digits, you
# go on with 10,000). A second warm-up
# may stir the dead while β is small, but at its end the same dozen speaks. That does not yet tell an optimum from a trap that so few rounds can't leave; 5.4 asks again. Free bits lift *every* latent to its 0.1
# nats, just about, and all twenty count as active. Now compare the ELBOs, which are counted alike: being active is no end in
# itself.
#
# ### 5.4 · From the start, recorded
#
# What do the cures do if they are there from the first round? Six ways, three seeds each, took longer than a lesson may. They were
# **recorded** by a script that you can run.

# %%
recorded = json.loads(data.paths.find("collapse.json").read_text("utf-8"))
print(recorded["about"])
print(
    f"command: {recorded['command']}; {recorded['cpu_minutes']:.0f} CPU minutes of training"
)
print("settings:", ", ".join(f"{k} {v}" for k, v in recorded["settings"].items()))
for name, changed in recorded["ways"].items():
    print(f"   {name:10} {changed}")


# %%
def over_seeds(name, column):
    values = number([row[column] for row in recorded["rows"] if row["way"] == name])
    return f"{values.mean():8.2f} ({values.std():4.2f})"


print("mean (standard deviation over seeds)")
columns = ("elbo", "bound", "kl", "active", "cpu_seconds")
print(
    f"{'':10}",
    "".join(f"{c:>17}" for c in ("ELBO", "K = 500", "KL", "active", "CPU s")),
)
for name in recorded["ways"]:
    print(f"{name:10}", "  ".join(over_seeds(name, column) for column in columns))

# %%
kls = {
    name: number([r["kl_each"] for r in recorded["rows"] if r["way"] == name]).mean(0)
    for name in recorded["ways"]
}
fig = plots.lines(
    torch.arange(1, 51), kls, xlabel="latent, by its KL", ylabel="KL, nats"
)
plots.show(fig, alt="KL of each latent in falling order, for six ways of training.")

# %% [markdown]
# **What to see.** Column by column. *Active*: the plain ELBO keeps thirty and more of the fifty above Burda's threshold, yet the figure shows a dozen that speak and a long tail with some hundredths of a nat and
# less. β = 4 cuts deeper, as in the laboratory. Free bits keep all fifty alive, most of them with little more than the tenth of a nat that costs nothing. Does that make the model better? No: free bits end below plain by the *ELBO*, and with *K = 500* they are not told apart. The
# warm-up does better on both, by several times the ± of the seeds, and with nearly twice as many latents that speak. So here a good part of the collapse *was* an accident of the path. (5.3's second warm-up, in another model and long after, revived nobody. Would plain catch up in ten times
# the rounds? This table does not say.) K = 5: judge it by a bound with several draws, and by its processor time: not quite level with the warm-up, which costs nothing. Its ELBO is not what it climbs. β = ¼ buys reconstruction with nats that the ELBO charges in full.
# One network, one data set, one length of training: a table says what happened here.

# %% [markdown]
# # Part C · Faces, priors, noise
#
# A good place to begin again after a break. Time: {{part:C}}. Afterwards you can say why good reconstructions can come with bad samples, count what another prior would gain, and recognise two faults.

# %% [markdown]
# ## 6 · Faces: report B's VAE, and a better one
#
# ### 6.1 · How many latents will it use?
#
# Report B trains a VAE with 128 latents on CelebA (the course calls it B3). Its section 4.3:
#
# > Batch size = 144 , Latent dimension = 128 , Learning Rate = 0.005 , Scheduler Gamma = 0.95 , Optimizer= SGD , Loss = Log Probability + KLD , Num Epochs = 30
#
# It names no σ, no network and no size of its pictures. The course takes a Gaussian with $\sigma=1$ (half the summed squared error), convolutions, and its own drawn faces (lesson 03), at
# 32×32 here. By (7.3) you can say beforehand how many directions are worth a latent, at least to a linear model: count the
# eigenvalues of the pixels' covariance above $\sigma^2=1$.

# %%
faces = data.faces.load("train", size=32, n=budget.pick(smoke=150, laptop=6000))
test_faces = data.faces.load("test", size=32, n=budget.pick(smoke=40, laptop=500))
x = dequantise(faces.images[:2000], generator).flatten(1).double()
x = x - x.mean(0)
gram = (
    x @ x.T if len(x) < x.shape[1] else x.T @ x
)  # the same eigenvalues, but for zeros
spectrum = torch.linalg.eigvalsh(gram / len(x)).flip(0)
print(f"total variance {spectrum.sum():.1f}; above 1: {(spectrum > 1).sum()}", end="; ")
print(f"above 0.1² = 0.01: {(spectrum > 0.01).sum()} (of {len(spectrum)})")

# %%
count = torch.arange(1, 129)
fig = plots.lines(count, {"eigenvalue": spectrum[:128]}, references={"σ² = 1": 1.0})
fig.axes[0].set(yscale="log", xlabel="direction", ylabel="variance")
plots.show(fig, alt="The eigenvalues of faces fall steeply; about fifteen are above 1.")

# %% [markdown]
# **Exercise 07.13 · How many of B3's?** · ●○○ · 1 min · predict
#
# *Why.* You test the linear theory on a network.
#
# How many of B3's 128 latents will be active after the short training of 6.2? The line gives a hint; a network is not linear.

# %% exercise="07.13"
### BEGIN SOLUTION
b3_guess = 12
### END SOLUTION
b3_guess = predict("07.13", b3_guess)

# %% [markdown]
# ### 6.2 · B3 at its settings, and the course's recipe
#
# `VAE("b3")` has B's batch, latents, optimiser, rate and schedule; the schedule's 30 steps are spread over the rounds
# of your budget, few as they are. The recipe `"faces"` keeps the network and changes how it is trained: σ is learned, Adam, a warm-up of the KL.

# %%
b3 = VAE("b3", shape=(3, 32, 32))
batch = budget.pick(smoke=8, laptop=144)
training.fit(b3, faces, rounds=budget.rounds(2_000), batch=batch, seed=0, preview=False)
changed = {"lr": 3e-3, "warm_up": 0.3}
better = VAE("faces", shape=(3, 32, 32), **changed)
quick = {"batch": min(batch, 64), "seed": 0, "preview": False}
training.fit(better, faces, rounds=budget.rounds(12_000), **quick)
face_vaes = {"B3": b3.eval(), "faces": better.eval()}

# %%
few = test_faces.images[: budget.pick(smoke=20, laptop=200)]


def report(name, vae, images=few):
    found = look(vae, images, k=budget.pick(smoke=2, laptop=20))
    print(f"{name:12} {found[0]:6.3f} bits/dim, KL {found[1]:6.2f} nats", end=", ")
    print(f"{found[2]:3} of 128 active, σ {found[3]:.3f}")


for name, vae in face_vaes.items():
    report(name, vae)
print(f"the line said {(spectrum > 1).sum()} active in B3")
if b3_guess is not None:
    print(f"your guess: {b3_guess:g}")

# %% [markdown]
# Adam moves $\log\sigma$ by about its rate in a round, hardly more, so after a short training σ may lag behind. You need not wait for
# it: (7.9) gives the best σ for the decoder as it is, and your `best_sigma` computes it, here from training faces.

# %%
@torch.no_grad()
def state_best_sigma(vae, x):
    """Give a VAE the σ of (7.9) for its decoder on images x."""
    sigma = best_sigma(x.flatten(1), vae.reconstruct(x, same()).flatten(1))
    vae.log_sigma.fill_(torch.as_tensor(sigma).log())


some = dequantise(faces.images[:500], same())
for name, vae in face_vaes.items():
    state_best_sigma(vae, some)
    report(f"{name}, best σ", vae)

# %%
shown, rows = dequantise(test_faces.images[:4], same()), []
for vae in face_vaes.values():
    rows += [vae.reconstruct(shown, same()), vae.sample(4, generator=same(3))]
names = ["face", "B3, rec.", "B3, sample", "faces, rec.", "faces, sample"]
fig = plots.images(torch.cat([shown, *rows]), columns=4, row_labels=names, zoom=2)
plots.show(
    fig,
    alt="B3 shows one blurred mean face; the other recipe hair, skin and background.",
)

# %% [markdown]
# **What to see.** (B3 had fewer rounds than "faces" here; the recorded runs below have equally many.) In so few rounds B3 has hardly left the dead point: by 1.5 the way out is slow, and plain SGD walks it at its own
# pace. Its reconstructions and samples are all *one* picture, the mean face. The other recipe has learned background, skin and
# hair of each face; eyes and mouth, which are small and so cost few bits, are still missing. Its samples are poorer than its reconstructions;
# 6.4 asks why.
#
# So is it only a matter of patience? The script of 5.4 recorded longer runs of both, one each.

# %%
for row in recorded["face_rows"]:
    print(
        f"{row['recipe']}: {row['rounds']} rounds, {row['cpu_seconds'] / 60:.0f} CPU minutes"
    )
    for m in row["moments"]:
        print(f"   round {m['round']:5}: {m['active']:3} active", end="")
        print(f", {m['above']:3} with a KL above .1, KL {m['kl']:6.2f} in all", end="")
        print(f", error {m['rmse']:.3f}, {m['bits']:.3f} bits/dim")

# %% [markdown]
# **What to see.** Patience helps: somewhere after the rounds that you ran, B3 leaves the dead point. (*Active* counts more than a hundred then, and misleads as in 5.4: those means vary a little and say nearly nothing. The KLs above .1 are the honest count.) But compare those
# with the number of eigenvalues above 1, a guide from the linear model, and B3's bits with the 9.33 of (7.12): with σ = 1 no patience gets below the latter. (B trained far longer, on photographs. How many of its 128 latents spoke, the report does not say.)

# %% [markdown]
# ### 6.3 · Trained longer, at 64×64
#
# The zoo has this recipe at 64×64 twice. In `sharp` σ was learned, as above; in `soft` it was fixed at 0.7. (They also differ in width, 12 and 16, in rounds, 2,500 and 5,000, in rate and warm-up: no clean comparison of σ.) First what both make of
# test faces, then what they make of nothing: samples, shown as the decoder's means.

# %%
sharp, soft = zoo.load("vae-faces-sharp"), zoo.load("vae-faces")
pair = {"sharp": sharp, "soft": soft}
large = data.faces.load("test", size=64, n=budget.pick(smoke=40, laptop=400))
x = dequantise(large.images, same())
rows = [x[:3]]
for vae in pair.values():
    rows += [vae.reconstruct(x[:3], same()), vae.sample(3, generator=same(3))]
face_scores = [f"{score} on face features" for score in ("FD", "precision", "recall")]
print(zoo.scores("vae-faces-sharp", *face_scores), zoo.scores("vae-faces", *face_scores), sep="\n")
names = ["face", "sharp, rec.", "sharp, sample", "soft, rec.", "soft, sample"]
fig = plots.images(torch.cat(rows), columns=3, zoom=1, row_labels=names)
plots.show(
    fig, alt="Sharp: good reconstructions, samples hardly faces. Soft: both blurred faces."
)

# %%
more = data.faces.load("train", size=64, n=len(x))
kinds = {"other real faces": dequantise(more.images, same())}
y = kinds["other real faces"]
for name, vae in pair.items():
    report(name, vae, large.images[: len(few)])
    judged = copy.deepcopy(vae)
    state_best_sigma(judged, y)
    report(f"{name}, best σ", judged, large.images[: len(few)])
    kinds[f"{name}, reconstructions"] = vae.reconstruct(x, same())
    kinds[f"{name}, samples"] = vae.sample(len(x), generator=same(4))
kinds["sharp, draws"] = sharp.sample(len(x), generator=same(4), noise=True)

# %%
judge = evaluation.face_factors()
of_real = judge.features(x)
for name, images in kinds.items():
    distance = evaluation.kid(judge.features(images), of_real)[0]
    print(f"{name:22} median sharpness {evaluation.sharpness(images).median():.5f}", end="")
    print(f", kernel distance to the real ones {distance:6.2f}")

# %% [markdown]
# **What to see.** Recall is next to nothing for both: their samples are far from showing what real faces show, and `sharp`'s precision says that most are hardly faces. Sharpness (lesson 03's measure) falls to a fifth from real faces to reconstructions: where $z$ does not determine a detail, the best mean is its average, and that is blur. The *draws* of `sharp` are as sharp as real faces, but what is sharp in them is noise; only they are
# what the bits speak of. By the bits as stored, `sharp` is far ahead. But that is the σ that each *states*: give `soft` the best σ of (7.9) for its decoder, and the two are level. Their reconstructions are equally sharp, too. What differs is the samples: `sharp` draws smears with an eye or some hair in places. How can one decoder do both?

# %% [markdown]
# ### 6.4 · Where do samples go wrong?
#
# A sample is decoded from the *prior*; a reconstruction from $q(z\mid x)$. Average the posteriors of all images: that is
# the **aggregated posterior** $q(z)=\mathbb E_x[q(z\mid x)]$. If it were the prior, samples and reconstructions would look equally good. What would
# another prior $r(z)$ change? In the ELBO, only the KL term. Let $m$ and $S$ be the mean and the covariance of $q(z)$. Of all Gaussians, $r=\mathcal N(m,S)$ is the best, and it gains
#
# $$\mathbb E_x\mathrm{KL}\big(q(z\mid x)\,\|\,\mathcal N(0,I)\big)-\mathbb E_x\mathrm{KL}\big(q(z\mid x)\,\|\,\mathcal N(m,S)\big)=\tfrac12\big[\operatorname{tr}S+\|m\|^2-d-\log\det S\big]=\mathrm{KL}\big(\mathcal N(m,S)\,\|\,\mathcal N(0,I)\big)\ge0. \tag{7.19}$$
#
# (Both KLs contain $\mathbb E\log q(z\mid x)$, which cancels; what is left is $\mathbb E_{q(z)}[\log r-\log p]$, and that needs only the first two moments. Hoffman and Johnson, 2016, take the ELBO apart so.) $S$ has two
# parts: how the means vary from face to face, and the mean of the variances, for $z$ is drawn. The library's `vae.fitted_prior(x)` adds both up over
# images $x$ and gives $\mathcal N(m,S)$ as a distribution of PyTorch. The cell tests it by (7.19): with the moments of the means alone, the two sides differ.


# %%
def mean_kl(mean, log_var, prior):
    """Mean over images of KL(q(z|x) ‖ prior), nats; mean and log_var are (N, d)."""
    inverse, off = prior.precision_matrix, mean - prior.mean
    squares = ((off @ inverse) * off).sum(1) + (log_var.exp() * inverse.diagonal()).sum(1)
    log_det = 2 * prior.scale_tril.diagonal().log().sum()
    return 0.5 * (squares - mean.shape[1] + log_det - log_var.sum(1)).mean()


@torch.no_grad()
def codes(vae, faces):
    """Mean and log-variance of q(z|x) of many faces, in double precision."""
    found = [vae.encode(faces.batch(i).x) for i in torch.arange(len(faces)).split(100)]
    return [torch.cat(part).double() for part in zip(*found)]


# %%
known = data.faces.load("train", size=64, n=budget.pick(smoke=160, laptop=2000))
of_known, of_large = ({n: codes(v, f) for n, v in pair.items()} for f in (known, large))
d, priors = 128, {}
standard = MultivariateNormal(torch.zeros(d, dtype=f64), torch.eye(d, dtype=f64))
for name, vae in pair.items():
    found, new = of_known[name], of_large[name]
    fitted = priors[name] = vae.fitted_prior(known.batch().x)
    charged_now = mean_kl(*found, standard)
    gain = charged_now - mean_kl(*found, fitted)
    wanted = kl_divergence(fitted, standard)
    agrees(gain, wanted, tol=1e-6, name=f"(7.19) {name}: what N(m, S) gains")
    of_means = MultivariateNormal(fitted.mean, torch.cov(found[0].T))
    wrong = kl_divergence(of_means, standard)
    refuses(gain, wrong, tol=1e-6, name="S of the means alone")
    on_new = mean_kl(*new, standard) - mean_kl(*new, fitted)
    apart = MultivariateNormal(fitted.mean, fitted.variance.diag())
    widths = charged_now - mean_kl(*found, apart)
    spread = torch.linalg.eigvalsh(fitted.covariance_matrix)
    print(f"{name}: KL to N(0, I) {charged_now:.0f} nats, N(m, S) saves", end=" ")
    print(f"{gain:.0f} of them (test faces: {on_new:.0f}), without correlations {widths:.0f}")
    print(f"   variances of z along the axes of S: {spread[0]:.3f} to {spread[-1]:.1f}")

# %% [markdown]
# So for `sharp` the prior is wrong, and *not* latent by latent: nearly all of the gain is in the correlations. Along some axes codes have many times the prior's variance, along others less than a hundredth of it, and a draw of $\mathcal N(0,I)$ falls
# where no code has ever been. `soft` has one nat to gain. Is that what the ELBO wants? Ask the laboratory: at the optimum that you climbed to in 1.3 the gain is nothing.

# %%
V, log_v = optimum
of_codes = MultivariateNormal(torch.zeros(6, dtype=f64), V @ C @ V.T + log_v.exp().diag())
of_prior = MultivariateNormal(torch.zeros(6, dtype=f64), torch.eye(6, dtype=f64))
left = kl_divergence(of_codes, of_prior)
agrees(left, 0.0, tol=1e-6, name="at the optimum: q(z) is the prior")

# %% [markdown]
# **Exercise 07.14 · Another prior** · ●○○ · 2 min · predict
#
# *Why.* It tells whether the decoder or the prior is to blame.
#
# You draw $z=m+S^{1/2}\varepsilon$ instead of $z=\varepsilon$, and touch nothing else: neither network changes. The samples of `sharp` become
# `"as before"`, `"one mean face"` or `"faces"`?

# %% exercise="07.14"
### BEGIN SOLUTION
drawn_guess = "faces"
### END SOLUTION
drawn_guess = predict("07.14", drawn_guess)

# %%
noise, drawn = torch.randn(len(x), d, generator=same(3)), {}
for name, vae in pair.items():
    m, root = priors[name].mean.float(), priors[name].scale_tril.float()
    for prior, z in {"N(0, I)": noise, "N(m, S)": m + noise @ root.T}.items():
        drawn[name, prior] = vae.decode(z)
        found = evaluation.kid(judge.features(drawn[name, prior]), of_real)[0]
        print(f"{name:6} z ~ {prior}: kernel distance {found:6.2f}")
rows = {f"z ~ {prior}": drawn["sharp", prior][:5] for prior in ("N(0, I)", "N(m, S)")}
fig = plots.images(torch.cat(list(rows.values())), columns=5, zoom=1, row_labels=list(rows))
if drawn_guess is not None:
    print(f"your guess: {drawn_guess}")
plots.show(fig, alt="Sharp draws smears from N(0, I), and faces from the fitted Gaussian.")

# %% [markdown]
# **What to see.** The same decoder, the same noise, one matrix and one shift, and the smears of `sharp` are faces. Its decoder could draw all the time; it was asked about the wrong codes. And it is no trick: $\mathcal N(m,S)$ is a prior as
# good as any other (fit it to training images, as here), and by (7.19) the bound *rises*: divide the nats by $D\ln2$ for the bits. `soft` had little to gain, and it too draws better from its own Gaussian. (6.3 had other draws.) A wider σ makes the KL weigh more against the reconstruction; that may be why its $q(z)$ lies nearer to the prior (the two differ in more than σ).
# In the laboratory the mismatch is gone at the end; a network may be far from that end, and `sharp`'s loss is so largely reconstruction that two hundred nats of mismatch hardly press. So before you say "VAEs can't draw", look at *which* codes you decode. Ghosh et al. (2020) do this with a mixture of Gaussians; lesson 08 has models that press $q(z)$ onto the prior.
# For more faces of `sharp`: `plots.images(sharp.decode(priors["sharp"].sample((20,))), columns=10, zoom=1)`. For photographs (σ = 1, plain prior): show `zoo.load("vae-celeba").sample(20)`.
#
# ### 6.5 · What the codes are good for
#
# A VAE has an encoder, so you can walk between *given* faces: from the code of one to the code of another. (With
# `explore.walk(sharp, z=mean)` you choose both with the mouse.)

# %%
mean = of_large["sharp"][0].float()
steps = torch.linspace(0, 1, 5)[:, None]
fig = plots.images(
    sharp.decode((1 - steps) * mean[0] + steps * mean[1]), columns=5
)
plots.show(fig, alt="Five faces on the way from one test face to another.")

# %% [markdown]
# And directions for attributes come from labelled faces, without sampling (lesson 04 had to sample first). Take the codes of 6.4's training faces,
# whose factors are known, and regress $z$ on all factors at once.

# %%
directions = explore.attribute_directions(
    of_known["sharp"][0].float(), known.attributes, ("glasses", "smile", "turn")
)
bare = large.attributes["glasses"] == 0
explore.show(explore.attributes(sharp, directions, z=mean[bare]), glasses=1.0)

# %% [markdown]
# How often does a direction do what it says? Ask the judge of faces, before and after, on faces without glasses.

# %%
start = mean[bare]
with torch.no_grad():
    before = judge.read(sharp.decode(start))
    after = judge.read(sharp.decode(start + directions["glasses"]))
    smiling = judge.read(sharp.decode(start + directions["smile"]))
put_on = (after["glasses"] == 1).double().mean()
others = [
    (after[n] != before[n]).double().mean() for n in ("hair", "beard", "background")
]
print(
    f"glasses read in {(before['glasses'] == 1).double().mean():.0%} before, {put_on:.0%} after"
)
print(f"hair, beard or background read otherwise: {torch.stack(others).mean():.0%}")
print(
    f"smile moves by {(smiling['smile'] - before['smile']).mean():+.2f} of +1.00 asked for"
)

# %% [markdown]
# **What to see.** Read the three lines as one: how often the asked-for change comes, how often others come with it, and how much of a
# smile arrives. (Three others are counted; in the picture above the eye spacing moved, too.) What the decoder blurs, as it does mouths, a direction can hardly put there.

# %% [markdown]
# ## 7 · Denoising
#
# Let the encoder see a spoiled image $\tilde x=x+\tau\varepsilon$, and let the decoder explain the *clean* one (Im et al., 2017). Is
# what you climb still a bound? Any $q$ gives a bound (6.2), so yes, for every noise; and on average over the noise you climb less
# than the bound of the mixed encoder $\tilde q(z\mid x)=\mathbb E_{\tilde x}[q(z\mid\tilde x)]$, by what the code still tells of the noise:
#
# $$\mathbb E_{\tilde x}\big[\mathrm{ELBO}(q(\cdot\mid\tilde x))\big]=\mathrm{ELBO}(\tilde q)-\underbrace{\mathbb E_{\tilde x}\,\mathrm{KL}\big(q(\cdot\mid\tilde x)\,\|\,\tilde q\big)}_{=\ \frac12\log\left(1+a^2\tau^2/r^2\right)\text{ if }q(z\mid\tilde x)=\mathcal N(a\tilde x,\,r^2)}\le\log p(x). \tag{7.20}$$

# %%
a, r, tau = 0.45, 0.3, 0.6
weights = (
    Normal(x_0 := number(1.5), tau).log_prob(grid).exp()
)  # density of x̃ on the grid


def elbo_1(mean, sd, target=x_0):
    """ELBO of N(mean, sd²) in the small model, the decoder explaining `target`."""
    squares = (target - w * mean).square() + (w * sd) ** 2
    reconstruction = -0.5 * (math.log(2 * math.pi) + 2 * s.log() + squares / s**2)
    return reconstruction - library.gaussian_kl(
        mean[..., None], 2 * sd.log().expand_as(mean)[..., None]
    )


# %%
seen = torch.trapezoid(weights * elbo_1(a * grid, number(r)), grid)
mixed = elbo_1(a * x_0, (number(r) ** 2 + (a * tau) ** 2).sqrt())
told = 0.5 * math.log(1 + (a * tau / r) ** 2)
agrees(seen, mixed - told, tol=1e-8, name="(7.20) in the small model")
assert seen < mixed < log_p
spoiled = torch.trapezoid(weights * elbo_1(a * grid, number(r), target=grid), grid)
refuses(spoiled, mixed - told, tol=1e-8, name="the decoder made to explain x̃")

# %% [markdown]
# In the library it is one setting, `corruption`, in units of the pixel range. Section 3's VAE with a learned σ gets a twin: the
# same in all but that its encoder sees images with noise of width 0.7.

# %%
denoising = gaussian_vae("learned", corruption=0.7)
training.fit(denoising, digits, rounds=rounds, seed=1, preview=False)
twins = {"clean": pixel_vaes["σ learned"], "denoising": denoising.eval()}

# %%
clean_x = dequantise(test_digits.images[:500], same())
noisy_x = clean_x + 0.7 * torch.randn(clean_x.shape, generator=same())
known = digits.batch().x.flatten(1).double()
centre, S = known.mean(0), torch.cov(known.T)
gain = torch.linalg.solve(S + 0.7**2 * torch.eye(784, dtype=f64), S).T
filtered = centre + (noisy_x.flatten(1).double() - centre) @ gain.T
baselines = {"the noisy image itself": noisy_x, "the mean digit": centre.view(1, 1, 28, 28)}
baselines["the best linear filter"] = filtered.view_as(clean_x)
for name, x in baselines.items():
    print(f"{name}: error {(x - clean_x).square().mean().sqrt():.3f}")
for name, vae in twins.items():
    errors = [
        (vae.reconstruct(i, same()) - clean_x).square().mean()
        for i in (clean_x, noisy_x)
    ]
    print(
        f"{name:10} from clean {errors[0].sqrt():.3f}, from noisy {errors[1].sqrt():.3f}",
        end="",
    )
    print(f"; {look(vae, test_digits.images[:100], k=5)[0]:.3f} bits/dim")

# %%
rows = [clean_x[:6], noisy_x[:6].clamp(0, 1)]
rows += [vae.reconstruct(noisy_x[:6], same()) for vae in twins.values()]
names = ["digit", "with noise", "clean twin", "denoising twin"]
fig = plots.images(torch.cat(rows), columns=6, row_labels=names)
plots.show(
    fig,
    alt="Six digits, the same under heavy noise, and what two VAEs make of the noisy ones: blurred "
    "digits, several of them others than those above. Neither twin is plainly the better one.",
)

# %% [markdown]
# **What to see.** On clean images the denoising twin is worse, in bits as well: its encoder learned not to rely on fine detail, and in training (7.20) charged
# what the code still told of the noise. On noisy images it loses far less than the clean twin, and there it is ahead. It was told what is noise, by pairs of noisy input and clean target. Now look
# at the baselines: one matrix, the best *linear* filter for this noise, restores digits better than either VAE. Twenty latents, drawn and not averaged, and a short training cost more than the
# network gains. What the VAE has and the filter has not is a model of digits to sample from.

# %% [markdown]
# ## 8 · Break it
#
# Lea, Max and Nia each wrote the ELBO of a Gaussian VAE with a learned σ and a warm-up over the first fifth, and trained it
# on digits with the same seed. **One of the three is healthy.** The others have a fault in one line: one *dropped the
# normaliser*, the other's *warm-up never ends*. (Their code is in `course_lib.lessons.lesson_07.faults`. Don't look yet.)

# %%
sick, few = {}, test_digits.images[: budget.pick(smoke=50, laptop=500)]
fig, axes = plots.figure(columns=3, height=3.0)
for ax, (name, objective) in zip(axes, lesson_07.faults.items()):
    vae = gaussian_vae("learned", seed=4)
    logged = ascend(vae, objective, budget.rounds(14_000), seed=4, lr=3e-3).term(
        "VAE.loss"
    )
    sick[name] = vae.eval()
    plots.curves({"loss": logged}, ax=ax, title=name, ylabel="loss as logged")
    print(
        f"{name}: loss, mean of the last 50 rounds: {logged[-50:].mean():9.1f} nats",
        end="; ",
    )
    found = look(vae, few, k=5)
    print(f"library: {found[0]:.2f} bits/dim, KL {found[1]:.1f},", end=" ")
    print(f"{found[2]} of 20 active, σ {found[3]:.3g}")
plots.show(fig, alt="Three falling losses; Nia's alone stays above zero.")

# %%
shown, rows = dequantise(test_digits.images[:7], same()), []
for vae in sick.values():
    rows += [vae.reconstruct(shown, same()), vae.sample(7, generator=same(3))]
names = ["digit", *(f"{name}, {kind}" for name in sick for kind in ("rec.", "sample"))]
fig = plots.images(torch.cat([shown, *rows]), columns=7, row_labels=names)
plots.show(fig, alt="Reconstructions and samples of the three, row by row.")

# %% [markdown]
# **Exercise 07.7 · Lea, Max, Nia** · ●●○ · 10 min · answer
#
# *Why.* Somebody shows you a loss that falls. What else must you see?
#
# Give each name one of the words `"healthy"`, `"normaliser dropped"`, `"warm-up never ends"`.
#
# Write `diagnosis = {"Lea": ..., "Max": ..., "Nia": ...}` with your answers for the dots.
#
# *Nudge.* What would a missing $-D\log\sigma$ do to a σ that is *learned*? And what does a small β do to the KL?
#
# *First line.* Compare the three σ, and then the three KLs.

# %% exercise="07.7"
### BEGIN SOLUTION
diagnosis = {"Lea": "warm-up never ends", "Max": "healthy", "Nia": "normaliser dropped"}
### END SOLUTION

# %%
check("07.7", diagnosis)

# %% [markdown]
# The next cell prints the three functions, when you have answered.

# %%
if diagnosis is ...:
    print("Write your diagnosis first, then run this cell again.")
else:
    for name, objective in lesson_07.faults.items():
        print(inspect.getsource(objective))

# %% [markdown]
# <details><summary><b>Reveal</b> (open it after your answer)</summary>
#
# - **Nia** dropped $-D\log\sigma$. Then nothing keeps σ small: a larger σ makes every error count less, σ grows round by round without end, and by (7.3)
#   one latent after another must fall silent. In so short a training Burda's count need not show it yet; her σ and her KL beside Max's do. Her logged loss is never negative and heads for *zero*, while the others' falls below. With a *fixed* σ the same slip is harmless;
#   learning σ turns it into a collapse.
# - **Lea** divides the progress, a share from 0 to 1, by 20 instead of 0.2: her β ends at .05. By (7.6) she trains a noise of
#   $.05\,\sigma^2$. Her σ is the smallest of the three, the codes lie far from the prior, and samples are broken.
#   Her log shows the lowest loss, because it charges a twentieth of the KL.
# - **Max** is healthy: his objective is the library's, term by term. (His log and the library's bits are of other images, rounds and $K$.)
#
# The rule of lesson 06 stands: never compare models by the loss that each of them logs. Bits per dimension, counted by *one* piece of
# code, expose Nia at once. Lea they don't: hers are those of a healthy run of section 3. Her KL and her samples do. One number is not enough either.
#
# </details>

# %% [markdown]
# ## 9 · The reports
#
# ### Report B on its VAE
#
# Section 4.3 gives the line of settings that you ran in section 6, and one figure. What can be said of it:
#
# 1. *"Loss = Log Probability + KLD."* Meant is the *negative* log-probability plus the KL; a minimiser of the printed sum would make
#    images improbable. More important is what is missing: *which* probability. A Gaussian's σ, a sum or a mean: by (7.6) to
#    (7.8) these decide β, and β decides how many of the 128 latents live. From the report alone nobody can tell. (Batch 144, 128 latents, rate .005 and γ = .95 were
#    once the defaults of a much-used public repository, which weighs its KL by the batch's share of the data, and uses Adam. If B began there, σ was wider than the pixels' range; but that is a guess.)
# 2. *The optimiser.* Plain SGD at 0.005 is tied to the loss's scale too: with a mean over pixels the same rate would act like one thousands of
#    times smaller.
#
# Section 5 compares:
#
# > **Blur:** Another unsuitable property of generated images is being blurry. With regards to that issue, VAE performs the worst while DCGAN and RealNVP have sharper images.
#
# As an observation of decoder *means* this is right: that they are softer than real images you measured in 6.3 (against a GAN and a flow: lesson 03). But be exact about what is blurred. The means of
# the conditional distribution are; the *draws*, which are the model's samples, are not blurred but noisy, since pixels are
# independent given $z$. And the blur is not a law of nature: with $\sigma=1$ on digits it was far worse than it must be (section 3), although in 6.3 the model with the far smaller σ restored no more sharply.
#
# Report B on flows, section 2.4:
#
# > Like GANs, and unlike variational autoencoders, our technique does not require the use of a fixed form reconstruction cost
#
# Right: a VAE needs a form for $p(x\mid z)$, and a Gaussian with independent pixels is a poor one for images; that is most of the gap between VAE and flow
# in section 3's figure. "Fixed" is too strong: σ can be learned, and so can richer forms.
#
# ### What the reports got right
#
# | claim | where | you confirmed it with |
# |---|---|---|
# | "The learned approximate posterior inference model can also be used for a host of tasks such as recognition, denoising, representation and visualization purposes." | B §2.3 | in part: sections 6.5 and 7 (not recognition; and a linear filter denoised better) |
# | VAE images are the most blurred | B §5 | for means, against real images: section 6.3; against a GAN and a flow: lesson 03 |
# | VAE training is stable | B §5 | the three losses of section 8 fall; none needed a balance of players |
# | "Various modifications have been proposed to improve the quality of VAE-generated images, such as -VAE" (the β was lost in extraction) | A §2 | with a reservation: (7.7). β moves along a frontier |

# %% [markdown]
# ## 10 · Exercises
#
# **07.1–07.7** are above, with their checks; 07.11–07.14 are the predictions. The following have no check. The solved copy has worked solutions of those on paper.
#
# **Exercise 07.15 · The best diagonal q** · ●●○ · 15 min · pen
#
# *Why.* It says why a VAE is too sure of each single latent.
#
# Derive (7.2): minimise $\mathrm{KL}\big(q\,\|\,\mathcal N(m,M^{-1})\big)$ over the diagonal $v$. Why is the answer not the posterior's own
# variances? Which KL would give those?
#
# *Nudge.* Write the KL of two Gaussians in $d$ dimensions and keep only what contains $v$.
#
# *First line.* $\mathrm{KL}=\frac12\bigl[\sum_jM_{jj}v_j-d-\log\det M-\sum_j\log v_j\bigr]$, when the means agree.

# %% [markdown] tags=["solution"]
# *Solution 07.15.* The goal is the diagonal $v$ with the smallest KL to $\mathcal N(m,M^{-1})$. The KL of two Gaussians with covariances $\Sigma_1=\operatorname{diag}v$ and
# $\Sigma_2=M^{-1}$ is $\frac12\bigl[\operatorname{tr}(M\operatorname{diag}v)-d+\log\det M^{-1}-\log\det\operatorname{diag}v\bigr]$ plus a square that vanishes for equal means. The trace is $\sum_jM_{jj}v_j$.
# Differentiate by $v_j$: $\frac12(M_{jj}-1/v_j)=0$, so $v_j=1/M_{jj}$. Insert it: $\sum_jM_{jj}v_j=d$, and the gap of (7.2) is left.
#
# The posterior's own variances are $(M^{-1})_{jj}$, and these are *larger* (or equal): $1/M_{jj}$ is the variance of $z_j$ when all other latents are known. The reverse KL, $\mathrm{KL}(q\|p)$, punishes $q$ for mass
# where the posterior has little, so $q$ shrinks to what fits inside. The forward one, $\mathrm{KL}(p\|q)$, is an expectation under the posterior; by (1.5) it matches moments, and would give $(M^{-1})_{jj}$.

# %% [markdown]
# **Exercise 07.16 · From K to K + 1** · ●●○ · 12 min · pen
#
# *Why.* (7.14) doubles $K$. For every single step lesson 06 has a sentence; write it out.
#
# Prove $\mathcal L_{K+1}\ge\mathcal L_K$: write the mean of $K+1$ weights as a mean over all its subsets of $K$.
#
# *Nudge.* There are $K+1$ such subsets, one for each weight that is left out. All have the same distribution.
#
# *First line.* $\frac1{K+1}\sum_kw_k=\frac1{K+1}\sum_jA_j$ with $A_j=\frac1K\sum_{k\ne j}w_k$.

# %% [markdown] tags=["solution"]
# *Solution 07.16.* The goal is to compare a logarithm of $K+1$ weights with one of $K$. Let $A_j$ be the mean of all weights but the $j$-th. Each weight occurs in $K$ of the $A_j$, each time divided by $K$. So
# $\sum_jA_j=\sum_kw_k$, and the mean of the $K+1$ weights is the mean of the $K+1$ numbers $A_j$. The logarithm is concave:
# $\log\frac1{K+1}\sum_jA_j\ge\frac1{K+1}\sum_j\log A_j$. Take expectations. The weights are drawn independently from one distribution, so each $A_j$ is distributed as a mean of $K$ weights, and $\mathbb E\log A_j=\mathcal L_K$ for every $j$. The right side is $\mathcal L_K$. $\square$

# %% [markdown]
# **Exercise 07.17 · Without noise** · ●●○ · 8 min · pen
#
# *Why.* It says what an autoencoder is, seen from a VAE.
#
# In (7.4), let σ² → 0. What happens to $v_j$ and to Burda's count? What model is left?
#
# *Nudge.* Look at the KL of (7.3) as well.
#
# *First line.* $v_j=\sigma^2/\lambda_j\to0$ for every $\lambda_j>0$.

# %% [markdown] tags=["solution"]
# *Solution 07.17.* The goal is the limit of each quantity. $v_j=\sigma^2/\lambda_j\to0$: the code becomes a point. $\operatorname{Var}_x[m_j]=1-\sigma^2/\lambda_j\to1$: every latent with $\lambda_j>0$ is active, the weakest too. Its
# KL, $\frac12\log(\lambda_j/\sigma^2)$, grows beyond all bounds: each latent tells as many nats as you like. And $\lVert w_j\rVert^2\to\lambda_j$. What is left is plain PCA: a code without noise and a decoder without noise, on the
# first $d$ axes, with codes of variance 1. Its "density" lies on a plane of $d$ dimensions, and off this plane $\log p(x)\to-\infty$: it is no likelihood any more.

# %% [markdown]
# **Exercise 07.18 · A decoder that needs no code** · ●●● · 25 min · experiment
#
# *Why.* It can happen to a VAE whose decoder is powerful, for instance autoregressive.
#
# In the laboratory, give the decoder a *full* noise covariance instead of σ²I. Show that the ELBO reaches its maximum with
# $W=0$: a decoder that can say everything alone needs no code.
#
# *Nudge.* With $W=0$ and noise covariance $C$ the model's $p(x)$ is the data's own Gaussian. Nothing can have a higher mean log-likelihood, and the KL is 0. (A climb may end elsewhere, equally high: $W\ne0$ with noise $C-WW^{\mathsf T}$. Nothing *asks* for a code.)
#
# *First line.* In `linear_terms`, replace `squares / sigma2` by a trace with the inverse covariance, and `D·log σ²` by its log-determinant.
#
# *Compare.*
# ```python
# highest = -0.5 * ((2 * math.pi * C).logdet() + len(C))
# print(round(float(highest), 3))  # → -11.289
# four = axes_8[:, :4] * (eigenvalues[:4] - 1).sqrt()
# print(bool(mean_log_p(four, 1.0) < highest))  # → True
# ```
# (The highest mean log-likelihood there is, in nats; and the laboratory's, with σ = 1, below it.)
#
# **Exercise 07.19 · β = 4 or σ doubled** · ●●○ · 15 min · experiment
#
# *Why.* (7.6) says that they are one. Two trainings will show where it stops.
#
# Train `gaussian_vae("learned")` with `beta=4`, then plain with `sigma` fixed at twice the learned value. What have they in common by (7.6)?
# What differs, and why?
#
# *Nudge.* What does a *learned* σ do when β is 4? And Adam's steps do not depend on the scale of a loss.
#
# *First line.* `first = gaussian_vae("learned", beta=4.0)`
#
# *Compare.*
# ```python
# print(torch.allclose(collapse_kl(eigenvalues, 0.04, 4.0), collapse_kl(eigenvalues, 0.16)))  # → True
# ```
# (In the laboratory β = 4 with σ = .2 and β = 1 with σ = .4 keep the same latents.)
#
# **Exercise 07.20 · A q that is too narrow** · ●●○ · 12 min · experiment
#
# *Why.* The bound still rises, and its error bars lie.
#
# Fit $q$ narrower than half of the posterior's variance in section 4.1 and draw the curve over $K$. What does (7.15) say then?
#
# *Nudge.* For a Gaussian the integral of $p(z\mid x)^2/q(z)$ is finite only if $q$'s variance exceeds half of the posterior's.
#
# *First line.* `narrow = Normal(posterior.mean, 0.6 * posterior.stddev)`
#
# *Compare.*
# ```python
# print(round(float(posterior.variance / 2), 4))  # → 0.0294
# print(round(float(q.variance), 4))              # → 0.16
# ```
# (Section 4's $q$ is far above the threshold.)
#
# **Exercise 07.21 · Three noises** · ●●○ · 15 min · experiment
#
# *Why.* A denoiser is trained for one noise and used at another.
#
# Denoise with corruption .2, .4, .8, and test each model at all three noises.
#
# *Nudge.* Reuse the cells of section 7 in a loop, and keep the noise of the test images the same for all models (`same()`).
#
# *First line.* `for corruption in (0.2, 0.4, 0.8):`
#
# *Compare.*
# ```python
# print(f"{(filtered.view_as(clean_x) - clean_x).square().mean().sqrt():.3f}")  # → 0.162
# ```
# (The best linear filter at noise .7. For your noises, compute it anew.)
#
# **Exercise 07.22 · Which of two?** · ●●○ · 8 min · discuss
#
# *Why.* A bound alone decides nothing.
#
# Somebody's VAE has an ELBO of −88 with 12 active units of 50, somebody else's −90 with 50. Which one would you use for
# generation, which for compression, which for attributes? What would you ask first?
#
# *Nudge.* Were both ELBOs counted on the same images, with the same likelihood, by the same code?
#
# *First line.* "Before I compare −88 and −90 I need to know …"

# %% [markdown]
# ## Summary
#
# - In a linear VAE a latent lives if the variance it can explain exceeds $\beta\sigma^2$; its KL is then $\frac12\log\lambda/(\beta\sigma^2)$, else 0. Collapse can be the *optimum*.
# - The dead point is always stationary, and a trap only below that threshold. Warm-up speeds the escape; free bits remove the pull. Neither
#   changes what σ decides, and free bits change the objective.
# - β is another σ: $\beta\sigma^2$ is what counts. "Squared error + weight · KL" has chosen both in silence.
# - Learn σ: $\sigma_*^2$ is the mean squared error at draws of $q$. σ = 1 costs at least 9.33 bits per dimension.
# - Gaussian VAE and flow share one scale: a bound on the bits per dimension of the same 8-bit image.
# - $\mathcal L_K$ rises to $\log p(x)$ like $1/K$; say the $K$. Good for the decoder's gradient, in the end bad for the encoder's.
# - Means are blurred, draws are noisy, reconstructions may look better than samples. Say which one a picture shows.
# - Samples worse than reconstructions? Then the prior is not the aggregated posterior: (7.19) counts nats, and a Gaussian fitted to the codes can mend both.
#
# ## Five questions at the end
#
# **Question 1.** A VAE's latents all collapse. You double their number. Does it help?
#
# *Answer.* No. Whether a latent lives depends on what it can explain and on $\beta\sigma^2$, (7.3), not on how many others there are. Look at σ instead: make it smaller, or let it be learned. Or warm up, if they never left the dead point.
#
# **Question 2.** Warm-up kept six latents alive, and after it two of them died again. What do you conclude?
#
# *Answer.* That these two are probably not worth their KL at β = 1: in the linear VAE the optimum has them dead. Warm-up helps those that would live and were not born in time.
#
# **Question 3.** Two papers report "ELBO = −95" for digits. One used binarised pixels, the other a Gaussian with a learned σ. Which model is better?
#
# *Answer.* You can't compare. One is the logarithm of a probability, the other of a density whose unit and σ enter. Bring both to bits per dimension of the same kind of data, or don't compare. (With σ = 1, (7.12), 784 pixels give at most −720.)
#
# **Question 4.** You draw $\mathcal L_K$ over $K$. At $K=50$, where you stop, the curve still rises. What do you know of $\log p(x)$?
#
# *Answer.* That it is higher than what you have, by an unknown amount. A bound that still rises may be far away.
#
# **Question 5.** You fit a Gaussian to the codes of a trained VAE and sample from it. The samples get better although no network changed. What was wrong before?
#
# *Answer.* The prior. The codes of the data were not spread as $\mathcal N(0,I)$, so a draw of the prior came from places that the decoder had hardly ever seen, (7.19).
#
# ## References
#
# - Alemi, A. et al. (2018). *Fixing a Broken ELBO.* ICML. arXiv:1711.00464. (rate, distortion and β)
# - Bowman, S. et al. (2016). *Generating Sentences from a Continuous Space.* CoNLL. arXiv:1511.06349. (warm-up)
# - Burda, Y., Grosse, R. and Salakhutdinov, R. (2016). *Importance Weighted Autoencoders.* ICLR. arXiv:1509.00519.
# - Ghosh, P. et al. (2020). *From Variational to Deterministic Autoencoders.* ICLR. arXiv:1903.12436. (a prior fitted to the codes)
# - Higgins, I. et al. (2017). *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework.* ICLR.
# - Hoffman, M. D. and Johnson, M. J. (2016). *ELBO surgery: yet another way to carve up the variational evidence lower bound.* NeurIPS workshop. (the aggregated posterior)
# - Im, D. J. et al. (2017). *Denoising Criterion for Variational Auto-Encoding Framework.* AAAI. arXiv:1511.06406.
# - Kingma, D. P. et al. (2016). *Improving Variational Inference with Inverse Autoregressive Flow.* NeurIPS. arXiv:1606.04934. (free bits, discretised logistic)
# - Lucas, J. et al. (2019). *Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse.* NeurIPS. arXiv:1911.02469.
# - Rainforth, T. et al. (2018). *Tighter Variational Bounds are Not Necessarily Better.* ICML. arXiv:1802.04537.
# - Rolínek, M., Zietlow, D. and Martius, G. (2019). *Variational Autoencoders Pursue PCA Directions (by Accident).* CVPR. arXiv:1812.06775.
# - Rybkin, O., Daniilidis, K. and Levine, S. (2021). *Simple and Effective VAE Training with Calibrated Decoders.* ICML. arXiv:2006.13202. (the best σ)
# - Salimans, T. et al. (2017). *PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other Modifications.* ICLR. arXiv:1701.05517.
# - Sønderby, C. K. et al. (2016). *Ladder Variational Autoencoders.* NeurIPS. arXiv:1602.02282. (warm-up)
# - Theis, L., van den Oord, A. and Bethge, M. (2016). *A note on the evaluation of generative models.* ICLR. arXiv:1511.01844.
# - Tipping, M. E. and Bishop, C. M. (1999). *Probabilistic Principal Component Analysis.* JRSS B 61.
