# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 08 · Conditions and hybrids
#
# A GAN draws *something*; nobody can say which digit. A VAE has an encoder and a bound; its
# pictures are blurred. Since 2014 people have changed one line of either, or added one player,
# and given the result a name: conditional GAN, conditional VAE, adversarial autoencoder, VAE/GAN,
# adversarial variational Bayes. This lesson derives what each change does to the objective, what
# it buys, and what it gives up. Then all five stand side by side, on two kinds of network.

# %%
import math
from functools import partial

import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from course_lib import data, evaluation, explore, models, plots, training, zoo
from course_lib.checks import agrees, check, predict, refuses
from course_lib.lessons import lesson_08
from course_lib.lessons.shared import js
from course_lib.models.vae import gaussian_kl, log_normal

budget = training.budget()
generator = training.seed_all(8)
digits, test_digits = data.load("digits"), data.load("digits", "test")
print(f"budget: {budget.name}")


# %%
explore.show(explore.class_style(zoo.load("cgan-mnist")))

# %% [markdown]
# **What to see.** Choose a digit: that is the *condition* $c$. Then move through the plane: that is the style, $z$. The row "this style" keeps the style and
# runs through all ten conditions: slant and thickness mostly stay, the digit changes. Nobody labelled a style.
#
# **The question.** Where must the label enter the objective, so that the network obeys it and $z$ is left with the rest?

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | derive a GAN's and a VAE's objective *given a condition*, and say where the label must go; take the KL of a VAE apart into what a code tells and how far the codes lie from the prior; say which divergence an adversary of codes estimates, and when there is a bound left; read off a game who receives which gradient; judge a conditional model by more than one score |
# | **You need** | lessons 02 (D*, JS, both losses of G) and 06 (ELBO, its gap, the Gaussian KL) |
# | **Your time** | {{time}} (an estimate: lesson 00 says how) |
# | **Machine time** | {{minutes}} min at the laptop budget on two CPU cores |
#
# **How to read it.** Every numbered equation is followed by a cell that computes both of its sides: `agrees` stops if
# they differ. `refuses` computes a *wrong* form, one that people really write, and stops if the check would not
# notice it. Cells that only draw begin folded. *Case files* are stories about two student reports; they are folded too, and
# you can leave them out.
#
# | symbol | meaning | name in the code |
# |---|---|---|
# | $x$, $z$ | image, code | `x`, `z` |
# | $c$ | condition: here a class | `c`, or `vector` (one-hot, (B, 10)) |
# | $G_\theta$, $p_\theta(x\mid z,c)$ | generator, which is also a decoder | `model.generator` |
# | $q_\phi(z\mid x,c)$ | encoder | `model.encoder` |
# | $q(z)$ | *aggregated posterior*: $\mathbb E_x\,q(z\mid x)$ | `mixture` (its log) |
# | $D_\psi$, $\ell$ | discriminator, its logit; of images, pairs or codes | `discriminator` |
# | $T(x,z)$ | AVB's network, a log density ratio | `critic` |
# | $\mathrm I(x;z)$ | mutual information, in nats | `told` |

# %% [markdown]
# ## Five questions before you begin
#
# Take a minute for each, decide, and only then open the answer. A wrong guess is welcome: you will know what to look
# for.
#
# **Question 1.** G is told which digit to draw. D sees the picture and nothing else. What must G do to fool D?
#
# *Answer.* Draw digits that look real, in the right shares. Which label it was given does not matter to D, so nothing makes G listen to it.
#
# **Question 2.** One model gives a bound on $\log p(x)$, another one on $\log p(x\mid c)$, for digits of ten equally frequent classes. By how many nats may the second be
# better without any merit?
#
# *Answer.* By up to $\log10=2.3$ nats: it was told the class, and that is what the class is worth.
#
# **Question 3.** A thousand images have codes that never overlap. How much does a code tell about which image it came from?
#
# *Answer.* All of it: $\log1000=6.9$ nats. It can't tell more, because there is no more to tell about *which* image.
#
# **Question 4.** An encoder gives each image one point, without any width. How large is the KL of this "distribution" to $\mathcal N(0,I)$?
#
# *Answer.* Infinite. A VAE can't have such an encoder. Section 4 replaces the KL by a term that allows it.
#
# **Question 5.** Squared error of pixels: which costs more, a digit that is moved by one pixel, or the same digit, heavily blurred?
#
# *Answer.* They can cost the same. Section 6 chooses the blur so that they do, and asks a network that learned to judge digits.

# %% [markdown]
# # Part A · Tell the players
#
# Time: {{part:A}}. Afterwards you can derive the conditional GAN and VAE, and say where a label must go.

# %% [markdown]
# ## 1 · Tell the players: the conditional GAN
#
# ### 1.1 · The same derivation, given $c$
#
# Nature draws a class $c$ from $p(c)$ and an image from $p(x\mid c)$. The generator is told $c$ and
# draws from $p_g(x\mid c)$. D sees the *pair* $(x,c)$ and says whether it is real. Lesson 02's
# derivation never asked what $x$ is, so put the pair in its place:
#
# $$V(D,G)=\mathbb E_{p(c)}\Bigl[\mathbb E_{p(x\mid c)}\log D(x,c)
#   +\mathbb E_{p_g(x\mid c)}\log\bigl(1-D(x,c)\bigr)\Bigr],\qquad
#   D^*(x,c)=\frac{p(x\mid c)}{p(x\mid c)+p_g(x\mid c)}\tag{8.1}$$
#
# $p(c)$ stands above and below the line and cancels. Check that $V$ is flat at $D^*$, on a world of
# three classes and six possible images.


# %%
number = partial(torch.as_tensor, dtype=torch.float64)


def table(*shape):
    """Random probabilities that sum to one over the last axis."""
    drawn = torch.rand(*shape, dtype=torch.float64, generator=generator).square()
    return drawn / drawn.sum(-1, keepdim=True)


def value_of_pairs(D, real, fake):
    """V of probabilities D, with the masses of real and fake pairs; same shapes."""
    return (real * D.log() + fake * (1 - D).log()).sum()


# %%
p_c = number([0.5, 0.3, 0.2])[:, None]
p_x, g_x = table(3, 6), table(3, 6)  # given c
best = p_x / (p_x + g_x)

# %%
slopes = {}
untold = (p_c * p_x).sum(0) / ((p_c * p_x).sum(0) + (p_c * g_x).sum(0))
for name, D in {"told": best, "untold": untold.expand(3, 6)}.items():
    D = D.clone().requires_grad_()
    (slopes[name],) = torch.autograd.grad(value_of_pairs(D, p_c * p_x, p_c * g_x), D)
agrees(slopes["told"], 0.0, name="(8.1) slope of V at D*(x, c)")
refuses(slopes["untold"], 0.0, name="D* of lesson 02, which is not told c")

# %% [markdown]
# Put $D^*$ into $V$. For each class stands what stood in (2.6), and the classes are averaged:
#
# $$V(D^*,G)=-\log4+2\,\mathbb E_{p(c)}\bigl[\mathrm{JS}\bigl(p(x\mid c),\,p_g(x\mid c)\bigr)\bigr]\tag{8.2}$$
#
# It is smallest if and only if *each* class with $p(c)>0$ is right. A wrong class costs by how often it is asked for.


# %%
value = value_of_pairs(best, p_c * p_x, p_c * g_x)
per_class = js(p_x, g_x)
agrees(value, -math.log(4) + 2 * (p_c[:, 0] * per_class).sum(), name="(8.2) V at D*")

# %% [markdown]
# ### 1.2 · Where the label must go
#
# G must be told, or it can't obey. Must D? Suppose that it sees only $x$. Then the game is lesson
# 02's, about the *mixtures* over classes. Mixing never makes two distributions easier to tell apart (a D that is told $c$ may ignore it):
#
# $$\mathrm{JS}\bigl(\mathbb E_c\,p(x\mid c),\,\mathbb E_c\,p_g(x\mid c)\bigr)
#   \;\le\;\mathbb E_c\,\mathrm{JS}\bigl(p(x\mid c),\,p_g(x\mid c)\bigr)\tag{8.3}$$
#
# and the left side may be 0 where the right is as large as it can be, $\log2$: take ten equally frequent classes that never look
# alike, and let G draw a perfect 0 when it is asked for a 1, a perfect 1 for a 2, and so on, a 9 for a 0.

# %%
worst = 0.0
for _ in range(200):
    weights, p, g = table(5)[:, None], table(5, 7), table(5, 7)
    mixed = js((weights * p).sum(0), (weights * g).sum(0))
    mean = (weights[:, 0] * js(p, g)).sum()
    worst = max(worst, float(mixed - mean))
agrees(max(worst, 0.0), 0.0, name="(8.3) how far the left side ever exceeds the right")
sure = torch.eye(10, dtype=torch.float64)  # ten classes that never look alike
swapped = sure[torch.arange(10).roll(1)]  # each asked class drawn as another one
agrees(js(sure.mean(0), swapped.mean(0)), 0.0, name="labels exchanged, D untold: JS")
agrees(js(sure, swapped).mean(), math.log(2), name="labels exchanged, D told: JS")

# %% [markdown]
# So the label goes to **both**. One more trap: the *frequencies*. G's labels come from somewhere too,
# say $r(c)$. D then compares pairs $p(c)\,p(x\mid c)$ with $r(c)\,p_g(x\mid c)$, and nothing
# cancels.
#
# **Exercise 08.1 · The best D of pairs** · ●●○ · 6 min · code
#
# *Why.* To draw the labels of fakes at random is easily written. Here you see what D makes of that.
#
# Write the best D of pairs, from tables of any size. (`p_c`, `r_c`: (C,); the others
# (C, n), given $c$.)
#
# *Nudge.* $D^*$ is always the mass of the real ones divided by the mass of both. What is the mass of a *pair*?
#
# *First line.* `real, fake = p_c[:, None] * p_x, r_c[:, None] * g_x`
#
# *Compare.*
# ```python
# equal, half = torch.tensor([0.5, 0.5]), torch.full((2, 2), 0.5)
# other_labels = torch.tensor([0.25, 0.75])
# print((equal[:, None] * half)[:, 0])                     # → tensor([0.2500, 0.2500])
# print(best_d(equal, half, other_labels, half)[:, 0])     # → tensor([0.6667, 0.4000])
# ```
# (G is perfect here, and D still has a clue.)


# %% exercise="08.1"
def best_d(p_c, p_x, r_c, g_x):
    """D*(x, c), (C, n); labels of real pairs come from p_c, those of fakes from r_c."""
    ### BEGIN SOLUTION
    real, fake = p_c[:, None] * p_x, r_c[:, None] * g_x
    return real / (real + fake)
    ### END SOLUTION


# %%
if not check("08.1", best_d):
    best_d = lesson_08.best_d

# %% [markdown]
# What can G do about it? Nothing. Even a perfect G leaves D a clue, the label alone:
#
# $$p_g(x\mid c)=p(x\mid c)\ \Rightarrow\ D^*(x,c)=\frac{p(c)}{p(c)+r(c)},\qquad
#   V(D^*,G)=-\log4+2\,\mathrm{JS}(p(c),r(c))\tag{8.4}$$
#
# and no other G gets lower: who forgets $x$ and looks at the label alone can't tell the two better than who sees both. It costs no
# quality at the optimum, but D learns something useless. The remedy is one line: give the fakes
# the labels of the real batch.

# %%
r_c = number([0.2, 0.3, 0.5])
D = best_d(p_c[:, 0], p_x, r_c, p_x)
real, fake = p_c * p_x, r_c[:, None] * p_x
by_labels = (p_c / (p_c + r_c[:, None])).expand(3, 6)
agrees(D, by_labels, tol=1e-6, name="(8.4) a perfect G, other labels")
refuses(D, 0.5, name="D* = ½ because each class is perfect")
floor = -math.log(4) + 2 * js(p_c[:, 0], r_c)
agrees(value_of_pairs(D, real, fake), floor, name="(8.4) V of the perfect G")

# %% [markdown]
# ### 1.3 · Told, and not told
#
# The library's `models.CGAN` is lesson 04's generator with ten more inputs, and a discriminator whose
# hidden layer also hears the label. Against lesson 02 the game changes in one place: D judges
# `(x, c)`. (One setting was hard to find: D learns at a tenth of G's rate. Without batch norm it
# runs ahead, and then G learns neither digits nor labels.)
#
# Train it twice, the second time with a D that hears only zeros. The *judge*, a classifier
# from lesson 03 that no model was trained with, reads what was drawn.
#
# **Exercise 08.11 · If D is not told** · ●○○ · 1 min · predict
#
# *Why.* (8.3) says what can happen. Does it?
#
# What share of samples will be what was asked for, if D is not told?

# %% exercise="08.11"
### BEGIN SOLUTION
guess_untold = 0.1
### END SOLUTION
guess_untold = predict("08.11", guess_untold)


# %%
class Deaf(models.CGAN):
    """A conditional GAN whose D is not told the label."""

    def judge(self, x, vector):
        return super().judge(x, torch.zeros_like(vector))


# %%
judge = evaluation.digit_classifier()
asked = torch.arange(budget.pick(smoke=40, laptop=1000)) % 10
tens = torch.arange(10).repeat(4)


def read(images):
    """The digits that the judge reads, (n,)."""
    return evaluation.class_probabilities(images, judge).argmax(1)


def obedience(model):
    """Share of samples that the judge reads as asked, and its standard error."""
    noise = torch.Generator().manual_seed(0)
    drawn = model.sample(len(asked), labels=asked, generator=noise)
    return evaluation.agreement(read(drawn), asked)


# %%
NARROW, cgans = {"width": 16, "dense": 128}, {}
played = budget.pick(smoke=3, laptop=450, full=5000)
for name, kind in {"D is told": models.CGAN, "D is not told": Deaf}.items():
    cgans[name] = kind(**NARROW, latent=16, batch=32, seed=1)
    training.fit(cgans[name], digits, rounds=played, seed=1, preview=False)
    share, error = obedience(cgans[name])
    print(f"{name:14} {share:.3f} ± {error:.3f} of samples are what was asked for")
if guess_untold is not None:
    print("your prediction for the second:", guess_untold)

# %%
same_codes = torch.randn(4, 16, generator=generator).repeat_interleave(10, 0)
fig, axes = plots.figure(columns=2, height=2.5)
for ax, (name, model) in zip(axes, cgans.items()):
    sheet = model.decode(same_codes, tens)
    plots.images(sheet, columns=10, column_labels=range(10), title=name, ax=ax)
plots.show(
    fig,
    alt="Two sheets of ten samples a row; a column is one asked digit, a row one code. "
    "Left, with a D that is told, a column mostly holds the digit that was asked. Right, the ten "
    "images of a row look alike and are no digits.",
)

# %% [markdown]
# **What to see.** A column is one label, a row one code. On the left every column has a shape of its own, and more often than not it is
# the digit that was asked for. On the right all columns are alike: the *code* decides what is drawn, and the label
# does nothing. One in ten is right, by chance. G *has* the label as an input. Nobody ever made it worth
# listening to.
#
# Look at the left again, from row to row. After so few rounds G draws nearly the same picture of a class, whatever the code:
# it listens to the label, and has collapsed inside each class. The share above does not see that. Section 7 comes back to
# it.
#
# The zoo has a CGAN that was trained for longer. Move its style in the plane: all ten classes are drawn from one
# $z$. What changes along a row besides the class?

# %%
explore.show(explore.class_style(zoo.load("cgan-mnist")))

# %% [markdown]
# ### 1.4 · Other ways to tell D (optional)
#
# The CGAN above puts the label beside D's features: *concatenation*. Two other ways are in use. What form has the best D? By (8.1) its
# logit is a log ratio of two masses, each of the form $p(x)\,p(c\mid x)$:
#
# $$\ell^*(x,c)=\log\frac{p(c\mid x)}{p_g(c\mid x)}+\log\frac{p(x)}{p_g(x)}=u_c^\top\varphi(x)+\psi(x)\tag{8.5}$$
#
# > **Holds when** (the second equality) both class posteriors are softmaxes of linear functions of features $\varphi(x)$.
#
# So the class enters through one scalar product: the *projection* discriminator (Miyato and Koyama, 2018). ($\varphi$ and $\psi$ are
# functions here, not parameters.) Gaussian classes of one width are such a case, with
# $\varphi(x)=(1,x)$: a Gaussian's log density is linear in it, but for a part that all classes share.

# %%
axis = torch.linspace(-4, 4, 80, dtype=torch.float64)
means, width = number([[-1.0, 0.2, 1.1], [-0.6, 0.5, 0.9]]), number([1.0, 0.8])  # real, fake
real, fake = (Normal(m[:, None], w).log_prob(axis).exp() for m, w in zip(means, width))
logit = best_d(p_c[:, 0], real, p_c[:, 0], fake).logit()  # (3, 80)
phi = torch.stack([torch.ones_like(axis), axis])
u = torch.stack([-(means**2) / 2, means]) / width[:, None] ** 2  # real, fake
u = (u[:, 0] - u[:, 1]).T  # (3, 2); between two classes ψ(x) cancels
agrees(logit - logit[0], (u - u[0]) @ phi, tol=1e-3, name="(8.5) between classes")

# %% [markdown]
# The *auxiliary classifier* GAN (Odena et al., 2017) does not tell D. A classifier $C$ learns the classes of real images and fakes, and G is
# paid for $\log C(c\mid x)$ as well. The mean over G's pairs has two parts:
#
# $$-\mathbb E_{p_g(x,c)}\log C(c\mid x)
#   =\mathbb E_{p_g(x)}\mathrm{KL}\bigl(p_g(c\mid x)\,\|\,C(c\mid x)\bigr)+\mathrm H_{p_g}(c\mid x)\tag{8.6}$$
#
# The first is wanted. The second pays G for images whose class is *easy*, even where real classes overlap (Shu et al., 2017; Gong et al., 2019).


# %%
def given_x(pairs):
    """p(c | x) from the masses of pairs, (C, n)."""
    return pairs / pairs.sum(0)


def nats(masses):
    return -torch.xlogy(masses, masses).sum()


# %%
fakes, C = p_c * g_x, given_x(p_c * p_x)
apart = (fakes * (given_x(fakes) / C).log()).sum()
unsure = nats(fakes) - nats(fakes.sum(0))  # H(c|x) = H(x, c) − H(x)
agrees(-(fakes * C.log()).sum(), apart + unsure, name="(8.6) both parts")

# %% [markdown]
# Take two classes on a line. G may draw any densities; D and C are always the best ones. Does a perfect G stay?

# %%
pairs = Normal(number([[-1.0], [1.0]]), 1.0).log_prob(axis).softmax(1) / 2  # real, (2, 80)
perfect = (2 * pairs).log()


def loss_of_g(raw, told):
    """2 JS of what D is told; for AC-GAN also −E log C, with C the best for real and fake."""
    made = raw.softmax(1) / 2
    if told:
        return 2 * js(2 * pairs, 2 * made).mean()
    C = given_x(pairs + made).detach()
    return 2 * js(pairs.sum(0), made.sum(0)) - (made * C.log()).sum()


# %%
slopes = {}
for told in (True, False):
    raw = perfect.clone().requires_grad_()
    (slopes[told],) = torch.autograd.grad(loss_of_g(raw, told), raw)
agrees(slopes[True], 0.0, name="D is told: a perfect G stays")
refuses(slopes[False], 0.0, name="so it does in AC-GAN's game")

# %%
drawn = {"real": pairs}
for name, told in {"D is told": True, "AC-GAN": False}.items():
    raw = perfect.clone().requires_grad_()
    optimiser = torch.optim.Adam([raw], lr=0.1)
    for _ in range(budget.pick(smoke=40, laptop=400)):
        optimiser.zero_grad()
        loss_of_g(raw, told).backward()
        optimiser.step()
    drawn[name] = raw.detach().softmax(1) / 2
for name, made in drawn.items():
    right = made.gather(0, given_x(pairs).argmax(0)[None]).sum()  # read by the best real judge
    print(f"{name:9}  H(c|x) {nats(made) - nats(made.sum(0)):.3f} nats, read as asked {right:.3f}")

# %%
fig, axes = plots.figure(columns=2, height=3.2)
for ax, name in zip(axes, ("D is told", "AC-GAN")):
    for k, color in enumerate(plots.PALETTE[:2]):
        style = {"color": color, "label": f"real, class {k + 1}", "linestyle": "--"}
        ax.plot(axis, pairs[k] / axis.diff()[0], **style)
        style |= {"label": f"G, class {k + 1}", "linestyle": "-", "alpha": 0.6}
        ax.plot(axis, drawn[name][k] / axis.diff()[0], **style)
    ax.set(title=name, xlabel="x", ylim=(0, 0.26))
axes[0].set_ylabel("p(x, c)")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
plots.show(fig, alt="Told: G's two bumps lie on the real ones. AC-GAN: each is cut off at 0.")

# %% [markdown]
# **What to see.** With a D that is told, G stays on the real classes (dashed). AC-GAN's cuts each class off where the other one becomes likelier:
# hardly any doubt is left. A judge reads *more* of its images as asked than of real ones. So obedience does not show that $p_g(x\mid c)$ is right.

# %% [markdown]
# ## 2 · A bound given a condition: the conditional VAE
#
# ### 2.1 · The ELBO, given $c$
#
# Let the code be drawn from $p(z)=\mathcal N(0,I)$, whatever the class, and the image from
# $p_\theta(x\mid z,c)$. Condition every line of lesson 06 on $c$, and nothing else changes:
#
# $$\log p(x\mid c)=\underbrace{\mathbb E_{q}\bigl[\log p_\theta(x\mid z,c)\bigr]
#   -\mathrm{KL}\bigl(q\,\|\,p(z)\bigr)}_{\mathrm{ELBO}(x\mid c)}
#   +\mathrm{KL}\bigl(q\,\|\,p(z\mid x,c)\bigr)\tag{8.7}$$
#
# for every density $q$ of codes. The bound is tight where $q$ is the posterior *given both*,
# $p(z\mid x,c)$. A world where all is known: lesson 06's line with an offset for each class,
# $p(x\mid z,c)=\mathcal N(wz+b_c,\,s^2)$. Then
# $p(z\mid x,c)=\mathcal N(m_c,v)$ with $v=s^2/(w^2+s^2)$ and $m_c=w(x-b_c)/(w^2+s^2)$.

# %%
w, s, offsets, share_c = 1.2, 0.5, number([-1.0, 0.3, 1.5]), number([0.5, 0.3, 0.2])
prior = Normal(number(0.0), number(1.0))
grid = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
integrate = partial(torch.trapezoid, x=grid)

# %%
def posterior_given(x, c):
    total = w**2 + s**2
    return Normal(w * (x - offsets[c]) / total, number(s**2 / total).sqrt())


def log_evidence(x):
    """log p(x | c) for all three classes: (…, 3)."""
    return Normal(offsets, math.sqrt(w**2 + s**2)).log_prob(number(x)[..., None])


def bound(q, x, c):
    """ELBO(x | c) of any q, by quadrature over codes."""
    log_joint = Normal(w * grid + offsets[c], s).log_prob(number(x))
    log_joint = log_joint + prior.log_prob(grid)
    return integrate(q.log_prob(grid).exp() * (log_joint - q.log_prob(grid)))


# %%
x, c = 0.4, 1
qs = [Normal(number(m), number(d)) for m, d in ((0.0, 0.5), (0.3, 0.3), (-0.8, 0.9))]
gaps = torch.stack([log_evidence(x)[c] - bound(q, x, c) for q in qs])
agrees(
    gaps,
    torch.stack([kl_divergence(q, posterior_given(x, c)) for q in qs]),
    name="(8.7) the gap",
)
says = (share_c.log() + log_evidence(x)).softmax(-1)  # p(c | x)
blind = sum(
    says[k] * posterior_given(x, k).log_prob(grid).exp() for k in range(3)
).log()  # p(z | x)
wrong = [integrate(q.log_prob(grid).exp() * (q.log_prob(grid) - blind)) for q in qs]
refuses(torch.stack(wrong), gaps, name="the gap to p(z | x), the posterior without c")

# %% [markdown]
# ### 2.2 · Withhold the label from the encoder
#
# Then one $q(z\mid x)$ has to serve all classes that this $x$ could be. What is the best that it can
# do, and what does it cost? The average gap is
# $\sum_cp(c\mid x)\,\mathrm{KL}(q\,\|\,p(z\mid x,c))
# =\mathrm{KL}(q\,\|\,\bar p)-\log Z$ with $\bar p\propto\prod_cp(z\mid x,c)^{p(c\mid x)}$ and $Z$ what
# normalises it. So the best $q$ is this *geometric* mean, and its cost is $-\log Z$. For Gaussians of
# one variance that is a Gaussian again, between the $m_c$:
#
# $$\min_q\ \mathbb E_{p(c\mid x)}\,\mathrm{KL}\bigl(q\,\|\,p(z\mid x,c)\bigr)
#   =\frac{\operatorname{Var}(m_c\mid x)}{2v}
#   =\frac{w^2\,\operatorname{Var}(b_c\mid x)}{2s^2(w^2+s^2)}\tag{8.8}$$
#
# **Exercise 08.2 · The price of not telling** · ●●○ · 6 min · code
#
# *Why.* It decides when you may leave the label out of the encoder.
#
# Write the price in nats, from `says` $=p(c\mid x)$.
#
# *Nudge.* $\operatorname{Var}(b_c\mid x)$ is a variance under the weights `says`, about the mean under the same weights.
#
# *First line.* `mean = (says * offsets).sum()`
#
# *Compare.*
# ```python
# fair, ends = torch.tensor([0.5, 0.5]), torch.tensor([0.0, 2.0])
# print((fair * ends).sum())                          # → tensor(1.)
# print(price_of_not_telling(1.0, 1.0, ends, fair))   # → tensor(0.2500)
# ```


# %% exercise="08.2"
def price_of_not_telling(w, s, offsets, says):
    """(8.8): the mean gap of the best q(z | x), in nats; offsets, says: (C,)."""
    ### BEGIN SOLUTION
    mean = (says * offsets).sum()
    variance = (says * (offsets - mean) ** 2).sum()
    return w**2 * variance / (2 * s**2 * (w**2 + s**2))
    ### END SOLUTION


# %%
if not check("08.2", price_of_not_telling):
    price_of_not_telling = lesson_08.price_of_not_telling


# %%
def mean_gap(log_q):
    """The gap averaged over the classes that x could be, of log q on the grid."""
    parts = [
        integrate(log_q.exp() * (log_q - posterior_given(x, k).log_prob(grid)))
        for k in range(3)
    ]
    return (says * torch.stack(parts)).sum()


geometric = sum(says[k] * posterior_given(x, k).log_prob(grid) for k in range(3))
geometric = geometric - integrate(geometric.exp()).log()
price = price_of_not_telling(w, s, offsets, says)
agrees(mean_gap(geometric), price, tol=1e-6, name="(8.8) the best q, untold")
refuses(mean_gap(blind), price, name="q(z | x) = p(z | x), the mixture, as the best")
tried = [Normal(number(m), number(d)) for m in (-1.0, 0.1, 1.0) for d in (0.3, 0.5)]
around = [mean_gap(q.log_prob(grid)) for q in tried]
assert min(around) >= price
for k in range(3):
    print(f"p(c = {k} | x) = {says[k]:.3f}, m_c = {posterior_given(x, k).mean:.3f}")

# %% [markdown]
# Read (8.8) twice. The price is *zero* where $x$ itself says which class it is: then
# $\operatorname{Var}(b_c\mid x)=0$. And where a doubt is left, it is large if $s$ is small: a sharp decoder makes sharp
# posteriors, and a $q$ between two of them suits neither.
#
# ### 2.3 · Withhold it from the decoder
#
# Then the model has no $c$ at all: $p(x\mid z)$ and a fixed prior make $p(x)$, and the bound is on
# $\log p(x)$. The two scales differ. On average over pairs of these densities,
#
# $$\mathbb E\bigl[\log p(x\mid c)\bigr]-\mathbb E\bigl[\log p(x)\bigr]=\mathrm I(x;c)
#   \;\le\;\mathrm H(c)\le\log(\text{classes}),\qquad p(x)=\sum_cp(c)\,p(x\mid c)\tag{8.9}$$
#
# A CVAE's bound may be better than a VAE's by up to $\log10=2.30$ nats *without being a better
# model*: it was told something worth that much.

# %%
by_class = log_evidence(grid)  # log p(x | c), (grid, 3): here the grid is x
mixed = (share_c.log() + by_class).logsumexp(-1)
gain = (
    share_c * torch.stack([integrate(p.exp() * (p - mixed)) for p in by_class.T])
).sum()
says_grid = (share_c.log() + by_class).softmax(-1)  # p(c | x)
left = -integrate(
    mixed.exp() * torch.special.xlogy(says_grid, says_grid).sum(-1)
)  # H(c | x)
entropy = -(share_c * share_c.log()).sum()
agrees(gain, entropy - left, name="(8.9) E log p(x|c) − E log p(x) = H(c) − H(c|x)")
refuses(gain, 0.0, name="both bounds on one scale")

# %% [markdown]
# ### 2.4 · From equation to code
#
# **Exercise 08.3 · The bound, given c** · ●●○ · 10 min · code
#
# *Why.* If it passes, it trains the models below.
#
# Write ELBO$(x\mid c)$ of a batch. You have
#
# - `model.posterior(model.seen(x), vector)` → mean and $\log\sigma^2$, each (B, latent). (`seen`
#   rescales images to $[-1,1]$ for the network.)
# - `model.log_p_x(x, z, vector)` → $\log p(x\mid z,c)$, (B,), summed over pixels;
# - `gaussian_kl(mean, log_var)` of lesson 06.
#
# *Nudge.* It is lesson 06's bound, line by line. Only mind who is told what.
#
# *First line.* `mean, log_var = model.posterior(model.seen(x), vector)`
#
# *Compare.*
# ```python
# from types import SimpleNamespace
# log_4 = torch.tensor([[math.log(4.0)]])
# toy = SimpleNamespace(  # a model by hand: q = N(0, 4), and log p(x|z, c) is z itself
#     seen=lambda x: x,
#     posterior=lambda x, vector: (0 * log_4, log_4),
#     log_p_x=lambda x, z, vector: z.sum(1),
# )
# print(gaussian_kl(0 * log_4, log_4))  # → tensor([0.8069])
# print(conditional_elbo(toy, torch.zeros(1, 1), torch.zeros(1, 10), torch.ones(1, 1)))  # → tensor([1.1931])
# ```


# %% exercise="08.3"
def conditional_elbo(model, x, vector, noise):
    """One-draw estimate of ELBO(x | c), (B,) nats; vector (B, 10), noise (B, d)."""
    ### BEGIN SOLUTION
    mean, log_var = model.posterior(model.seen(x), vector)
    z = mean + (0.5 * log_var).exp() * noise
    return model.log_p_x(x, z, vector) - gaussian_kl(mean, log_var)
    ### END SOLUTION


# %%
passed = check("08.3", conditional_elbo)
objective = conditional_elbo if passed else lesson_08.conditional_elbo
print("Your own" if passed else "The library's", "bound trains the models below.")

# %% [markdown]
# Now withhold the label, at one end or the other. Each variant puts zeros where the label was.


# %%
class EncoderUntold(models.CVAE):
    def posterior(self, x, vector):
        return super().posterior(x, torch.zeros_like(vector))


class DecoderUntold(models.CVAE):
    def log_p_x(self, x, z, vector):
        return super().log_p_x(x, z, torch.zeros_like(vector))

    def write(self, z, vector):
        return super().write(z, torch.zeros_like(vector))


# %%
def train_cvae(model, objective, rounds, seed=0):
    """Climb `objective` on the embedded digits: one player, one move."""
    own = [*model.encoder.parameters(), *model.decoding()]
    player = training.Player("CVAE", own, training.adam(model.settings["lr"]))

    def losses(source):
        x, _, vector = model.training_batch(source)
        noise = source.normal(len(x), model.settings["latent"])
        return {"CVAE": {"-ELBO": -objective(model, x, vector, noise).mean()}}

    game = training.Game([training.Move([player], losses)], after=model.after)
    options = {"rounds": rounds, "seed": seed, "preview": False}
    return training.fit(model, digits, game=game, **options)


# %% [markdown]
# **Exercise 08.12, 08.13 · Two omissions** · ●●○ · 3 min · predict
#
# *Why.* Either omission is one forgotten argument, and no error message follows. Does the bound tell?
#
# Say two differences on test digits after equal training, in nats of ELBO: how much worse is
# the model whose *encoder* is not told, and how much worse the one whose *decoder* is not told?
# (8.8) and (8.9) each say something.

# %% exercise="08.12"
### BEGIN SOLUTION
guess_encoder, guess_decoder = 0.0, 2.3
### END SOLUTION
guess_encoder = predict("08.12", guess_encoder)
guess_decoder = predict("08.13", guess_decoder)

# %%
some = test_digits.batch(slice(0, budget.pick(smoke=100, laptop=2000)))
bits = data.binarise(some.x, torch.Generator().manual_seed(8))
kinds = {"both told": models.CVAE, "encoder untold": EncoderUntold}
kinds["decoder untold"] = DecoderUntold
cvaes, elbos = {}, {}
for name, kind in kinds.items():
    cvaes[name] = kind(**NARROW, seed=2)
    train_cvae(cvaes[name], objective, played, seed=2)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        elbos[name] = cvaes[name].elbo(bits, noise, some.labels)
    share, error = obedience(cvaes[name])
    worse = elbos["both told"] - elbos[name]
    print(f"{name:15} ELBO {elbos[name].mean():8.2f}", end="   ")
    print(
        f"worse by {worse.mean():5.2f} ± {worse.std() / len(worse) ** 0.5:.2f}",
        end="   ",
    )
    print(f"as asked {share:.3f} ± {error:.3f}")
guesses = {"encoder": guess_encoder, "decoder": guess_decoder}
print("your predictions:", {name: g for name, g in guesses.items() if g is not None} or "none")

# %%
codes_8 = torch.randn(4, 8, generator=generator).repeat_interleave(10, 0)
fig, axes = plots.figure(columns=3, height=1.9)
for ax, (name, model) in zip(axes, cvaes.items()):
    plots.images(model.decode(codes_8, tens), columns=10, title=name, ax=ax)
plots.show(
    fig,
    alt="Three sheets, a row for a code, a column for an asked digit, 0 to 9. In the "
    "third, whose decoder is not told, all ten pictures of a row are the same.",
)

# %% [markdown]
# **What to see.** Without the label at the *decoder* all ten columns are one picture: the model is a
# VAE. Between two *perfect* models (8.9) allows 2.3 nats. If yours differ by more, the rest is no matter of
# scale: this decoder must also learn to read the class from the code, and after so few rounds it
# may not do so yet. Without the label at the *encoder* little happens, a nat or so of more than a hundred. A digit
# says which class it is, so $p(c\mid x)$ is nearly sure and (8.8) nearly zero. (The errors printed are
# those of the test digits. By how much two short trainings differ anyway, they do not know.) So on
# MNIST this fault hides. By (8.8) it costs more where $x$ leaves $c$ open: try it on
# blurred digits (exercise 08.9).
#
# Read the shares too. A good part of what this CVAE draws is not what was asked for: no term of (8.7) is about
# obedience, it comes only with a good fit of $p(x\mid c)$. Where a code $z$ says the class as well, the decoder may listen to $z$. How much may $z$ say,
# and who pays? That is the next section. (Don't rank it by this against the conditional GAN of section 1.3. From one seed that
# GAN got .83 on one machine and .58 on another: a short game makes much of rounding. Section 7 ranks longer trainings.)
#
# # Part B · All codes together
#
# A good place to begin again after a break. Time: {{part:B}}. Afterwards you can take the KL apart, and put an adversary or a network in its place.
#
# ## 3 · All codes together
#
# ### 3.1 · The KL, taken apart
#
# A VAE pulls every $q(z\mid x)$ towards the prior. But samples come from the *prior*, and the
# decoder learned from the codes of all images together, the **aggregated posterior**
# $q(z)=\mathbb E_x\,q(z\mid x)$. If they differ, samples may come from where the decoder never was. So
# insert $q(z)$ into the KL (Hoffman and Johnson, 2016):
#
# $$\mathbb E_x\,\mathrm{KL}\bigl(q(z\mid x)\,\|\,p(z)\bigr)
#   =\underbrace{\mathbb E_x\,\mathbb E_{q(z\mid x)}\Bigl[\log\frac{q(z\mid x)}{q(z)}\Bigr]}_{\mathrm I(x;z)}
#   +\underbrace{\mathbb E_{q(z)}\Bigl[\log\frac{q(z)}{p(z)}\Bigr]}_{\mathrm{KL}(q(z)\,\|\,p(z))}\tag{8.10}$$
#
# The first part is what a code *tells* about its image. The second is how far all codes together
# lie from the prior. Five images, five Gaussians on a line:

# %%
parts = Normal(number([-1.5, -0.9, 0.0, 0.4, 1.3]), number([0.3, 0.2, 0.5, 0.3, 0.4]))
density = parts.log_prob(grid[:, None])  # log q(z | x_i): (grid, 5)
mixture = density.logsumexp(1) - math.log(5)  # log q(z)


def expect(values):
    """Mean over images of E_q(z|x) of values (grid,) or (grid, 5)."""
    values = values if values.ndim == 2 else values[:, None].expand(-1, 5)
    return torch.stack([integrate(p) for p in (density.exp() * values).T]).mean()


mean_kl = kl_divergence(parts, prior).mean()
told = expect(density - mixture[:, None])
apart = expect(mixture - prior.log_prob(grid))
agrees(told + apart, mean_kl, name="(8.10) I(x; z) + KL(q(z) ‖ p(z))")
print(f"mean KL {mean_kl:.3f} = I {told:.3f} + KL(q(z) ‖ p) {apart:.3f}")

# %% [markdown]
# In that sum $\log q(z)$ cancels: it would come out for any function in its place. So check each part by itself, by another
# route: codes drawn with `torch.distributions`, whose mixture knows nothing of the grid.

# %%
Categorical, Mixture = torch.distributions.Categorical, torch.distributions.MixtureSameFamily
drawing = torch.Generator().manual_seed(8)


def codes_of(which, n=200_000):
    """n codes of some of the five images, and log q(z | x) − log of their mixture, and z."""
    some = Normal(parts.mean[which], parts.stddev[which])
    i = torch.randint(len(some.mean), (n,), generator=drawing)
    z = some.mean[i] + some.stddev[i] * torch.randn(n, generator=drawing, dtype=torch.float64)
    together = Mixture(Categorical(torch.ones_like(some.mean)), some).log_prob(z)
    own = Normal(some.mean[i], some.stddev[i]).log_prob(z)
    return z, own - together, together


z, tells, log_q_z = codes_of(torch.arange(5))
far = log_q_z - prior.log_prob(z)
for name, by_grid, drawn in (("I(x; z)", told, tells), ("KL(q(z) ‖ p(z))", apart, far)):
    error = drawn.std() / math.sqrt(len(drawn))
    agrees(by_grid, drawn.mean(), error=error, name=f"(8.10) {name} from draws")
    refuses(mean_kl, drawn.mean(), error=error, name=f"the whole KL taken for {name}")

# %% [markdown]
# How much can a code tell? Among $N$ images, at most which one it is:
#
# $$0\;\le\;\mathrm I(x;z)\;\le\;\log N\tag{8.11}$$
#
# Zero if all $q(z\mid x)$ are equal (the posterior has collapsed), $\log N$ if no two overlap. The
# VAE's KL has no such limit. So whatever it has beyond $\log N$ is distance between the aggregated
# posterior and the prior, and tells nothing about the image.


# %%
def told_by(width, distance):
    """I(x; z) of five Gaussians of this width, this far apart, by quadrature."""
    line = torch.linspace(-60, 60, 60_001, dtype=torch.float64)
    each = Normal(distance * torch.arange(-2, 3).double(), number(width)).log_prob(
        line[:, None]
    )
    ratio = each - (each.logsumexp(1, keepdim=True) - math.log(5))
    return torch.trapezoid((each.exp() * ratio).T, line).mean()


agrees(told_by(0.5, 0.0), 0.0, name="(8.11) all alike")
agrees(told_by(0.5, 20.0), math.log(5), name="(8.11) no two overlap: log 5")
kl_far = kl_divergence(
    Normal(20 * torch.arange(-2, 3).double(), number(0.5)), prior
).mean()
print(f"five Gaussians 20 apart: KL {kl_far:.0f} nats, of which I is {math.log(5):.3f}")

# %% [markdown]
# One more case in which all three terms of (8.10) are known, with infinitely many images: $x\sim\mathcal N(0,S^2)$
# and $q(z\mid x)=\mathcal N(ax,v)$. Then $q(z)=\mathcal N(0,a^2S^2+v)$ and
#
# $$\mathrm I(x;z)=\tfrac12\log\Bigl(1+\frac{a^2S^2}{v}\Bigr),\qquad
#   \mathrm{KL}(q(z)\,\|\,p(z))=\tfrac12\bigl(a^2S^2+v-1-\log(a^2S^2+v)\bigr)\tag{8.12}$$
#
# **Exercise 08.4 · What codes tell** · ●●● · 10 min · code
#
# *Why.* With it you take the KL of any trained encoder apart.
#
# Networks give no such formulas, but they give densities. You draw one code
# from each of $N$ images and evaluate `log_q[i, j]` $=\log q(z_i\mid x_j)$. Estimate $\mathrm I(x;z)$.
#
# *Nudge.* In (8.10) $\mathrm I$ is a mean of $\log q(z\mid x)-\log q(z)$. Both stand in the table: one on its diagonal, the other as a mean over a row. A mean of what?
#
# *First line.* $q(z_i)=\frac1N\sum_jq(z_i\mid x_j)$: a mean of densities, so a `logsumexp` of their logarithms.
#
# *Compare.*
# ```python
# rows = torch.tensor([[0.8, 0.2], [0.2, 0.8]]).log()
# print(rows.logsumexp(1) - math.log(2))  # → tensor([-0.6931, -0.6931])
# print(information(rows))                # → tensor(0.4700)
# ```


# %% exercise="08.4"
def information(log_q):
    """I(x; z) in nats from log_q[i, j] = log q(z_i | x_j), where z_i ~ q(z | x_i)."""
    ### BEGIN SOLUTION
    log_mixture = log_q.logsumexp(1) - math.log(len(log_q))
    return (log_q.diagonal() - log_mixture).mean()
    ### END SOLUTION


# %%
if not check("08.4", information):
    information = lesson_08.information

# %%
S, a, v, N = 1.5, 0.9, 0.3, 1500
drawn = S * torch.randn(20, N, dtype=torch.float64, generator=generator)
noise = torch.randn(20, N, dtype=torch.float64, generator=generator)
z = a * drawn + math.sqrt(v) * noise


def estimates(n):
    """I(x; z) estimated from the first n images, twenty times."""
    pairs = zip(drawn[:, :n], z[:, :n])
    both = [Normal(a * d, math.sqrt(v)).log_prob(e[:, None]) for d, e in pairs]
    return torch.stack([information(log_q) for log_q in both])


# %%
found = estimates(N)
exact = 0.5 * math.log(1 + a**2 * S**2 / v)
error = found.std() / math.sqrt(20)
agrees(
    found.mean(), exact, error=error, name="(8.12) I(x; z), estimated from 1500 images"
)
mean_kl = 0.5 * (a**2 * S**2 + v - 1 - math.log(v))
spread = a**2 * S**2 + v
apart = kl_divergence(Normal(number(0.0), number(spread).sqrt()), prior)
agrees(exact + apart, mean_kl, name="(8.10) from (8.12)")
few = estimates(8).mean()
print(f"I exactly {exact:.3f}; from 1500 images {found.mean():.3f}, from 8: {few:.3f}")

# %% [markdown]
# Mind the number of images. The mean over a row holds the diagonal's density, too, with weight $1/N$. So no estimate from a batch of 64
# exceeds $\log64=4.2$ nats, whatever the encoder does. State $N$ with every such figure.
#
# ### 3.2 · What real encoders do
#
# Three VAEs of lesson 06's zoo, with 2, 20 and 50 latents. `taken_apart` draws one code an image.


# %%
@torch.no_grad()
def taken_apart(mean, log_var):
    """Mean KL, I(x; z) and KL(q(z) ‖ p(z)) of the Gaussians (N, latent) of N images."""
    mean, log_var = mean.double(), log_var.double()
    noise = torch.randn(mean.shape, dtype=torch.float64, generator=generator)
    z = mean + (0.5 * log_var).exp() * noise
    log_q = torch.cat(
        [log_normal(part[:, None], mean, log_var) for part in z.split(100)]
    )
    told = information(log_q)
    whole = (
        log_q.diagonal() - log_normal(z)
    ).mean()  # the same codes, so (8.10) is exact
    return gaussian_kl(mean, log_var).mean(), told, whole - told


# %%
those = test_digits.batch(slice(0, budget.pick(smoke=150, laptop=2000))).x
print(f"N = {len(those)}, log N = {math.log(len(those)):.2f} nats")
print(f"{'':16} mean KL  I(x; z)  KL(q(z) ‖ p(z))")
for name in ("vae-2d-mnist", "vae-20d-mnist", "vae-50d-mnist"):
    rows = taken_apart(*zoo.load(name).encode(those))
    print(f"{name:16} {rows[0]:7.2f}  {rows[1]:7.2f}  {rows[2]:7.2f}")

# %% [markdown]
# **What to see.** (The first column is a formula, the others come from draws: their sum misses it a little.) With two latents a
# code does not quite tell its image, and the last column is small. With 20 and 50 latents $\mathrm I$ stands almost at $\log N$: nearly every code tells its
# image apart from all others, and everything else lands in the last column. With more images $\log N$
# grows and, on average, the last column shrinks: it is an upper bound on what the true one is, for all digits that
# could be. How far the decoder learned from where samples come, 2,000 images do not say.
#
# ### 3.3 · With a condition
#
# A CVAE pays $\mathrm{KL}(q(z\mid x,c)\,\|\,p(z))$. Insert $q(z\mid c)$ and then $q(z)$:
#
# $$\mathbb E\,\mathrm{KL}\bigl(q(z\mid x,c)\,\|\,p(z)\bigr)
#   =\mathrm I(x;z\mid c)+\mathrm I(z;c)+\mathrm{KL}\bigl(q(z)\,\|\,p(z)\bigr)\tag{8.13}$$
#
# The middle term is new. If a code also says the class, the CVAE pays for it, up to $\log10$ nats, and
# gains nothing: the decoder knows the class already. So the bound *pushes the class out of the
# code*, and style stays. Take images 1 and 2 for one class, 3, 4 and 5 for the other.

# %%
classes = torch.tensor([0, 0, 1, 1, 1])
within = [
    density[:, classes == k].logsumexp(1) - math.log((classes == k).sum())
    for k in (0, 1)
]
within = torch.stack(within, 1)  # log q(z | c): (grid, 2)
style = expect(density - within[:, classes])
leak = expect(within[:, classes] - mixture[:, None])
total = expect(density - prior.log_prob(grid)[:, None])
apart = expect(mixture - prior.log_prob(grid))
agrees(style + leak + apart, total, name="(8.13) I(x; z|c) + I(z; c) + KL(q(z) ‖ p)")
refuses(style + apart, total, name="no price for a class in the code")
class_log_q = []  # log q(z | c) of draws of each class, minus log q(z): I(z; c) from draws
drawn_style = 0.0
for k in (0, 1):
    z, tells, log_q_c = codes_of((classes == k).nonzero().flatten())
    everybody = Mixture(Categorical(torch.ones(5).double()), parts).log_prob(z)
    class_log_q.append((log_q_c - everybody) * (classes == k).double().mean())
    drawn_style += tells.mean() * (classes == k).double().mean()
error = torch.stack([v.var() / len(v) for v in class_log_q]).sum().sqrt()
agrees(leak, sum(v.mean() for v in class_log_q), error=error, name="(8.13) I(z; c) from draws")
agrees(style, drawn_style, tol=0.01, name="(8.13) I(x; z|c) from draws")
print(f"I(x; z|c) {style:.3f} + I(z; c) {leak:.3f} + KL {apart:.3f} = {total:.3f}")

# %% [markdown]
# ## 4 · A player in place of the KL: the adversarial autoencoder
#
# ### 4.1 · What an adversary of codes estimates
#
# Only the last term of (8.10) is about samples. Makhzani et al. (2016) keep it and drop the rest: let
# a discriminator tell codes from draws of the prior, and let the encoder fool it. D's "data" are
# draws of $p(z)$, its "fakes" codes. By lesson 02, (2.5) and (2.6),
#
# $$\ell^*(z)=\log p(z)-\log q(z),\qquad V(D^*)=-\log4+2\,\mathrm{JS}\bigl(p(z),q(z)\bigr),\qquad
#   -\mathbb E_{q(z)}\,\ell^*=\mathrm{KL}\bigl(q(z)\,\|\,p(z)\bigr)\tag{8.14}$$
#
# D is not told $x$. So what it sees is $q(z)$, the *aggregated* posterior, in all three.

# %%
log_p, p, q = prior.log_prob(grid), prior.log_prob(grid).exp(), mixture.exp()
logit = log_p - mixture
value = integrate(p * F.logsigmoid(logit) + q * F.logsigmoid(-logit))
log_m = torch.logaddexp(log_p, mixture) - math.log(2)
two_js = integrate(p * (log_p - log_m)) + integrate(q * (mixture - log_m))
agrees(value, -math.log(4) + two_js, name="(8.14) V(D*) and JS(p(z), q(z))")
agrees(-integrate(q * logit), apart, name="(8.14) mean logit and KL(q(z) ‖ p(z))")
refuses(-integrate(q * logit), total, name="taken for the VAE's KL, of each q(z | x)")
middle = 2 * integrate(log_m.exp() * (log_m - log_p))
agrees(apart - two_js, middle, name="KL(q ‖ p) − 2 JS = 2 KL(½(p + q) ‖ p)")

# %% [markdown]
# Which of them does the encoder descend? Neither. The usual loss is the non-saturating one, and at $D^*$ its
# *gradient* is that of $\mathrm{KL}(q(z)\|p(z))-2\,\mathrm{JS}$, (2.11). As in lesson 02 that is a divergence of its own,
# $2\,\mathrm{KL}(\tfrac12(p+q)\|p)$, zero at $q(z)=p(z)$ only. Away from $D^*$ this no longer holds.
#
# ### 4.2 · What is lost
#
# Take the most generous reading, an adversary that delivers $\mathrm{KL}(q(z)\|p(z))$ exactly. By (8.10)
#
# $$\mathbb E_x\,\mathbb E_q[\log p(x\mid z)]-\mathrm{KL}\bigl(q(z)\,\|\,p(z)\bigr)
#   =\mathbb E_x[\mathrm{ELBO}]+\mathrm I(x;z)\tag{8.15}$$
#
# The penalty of the ELBO is $\mathrm I(x;z)+\mathrm{KL}(q(z)\,\|\,p(z))$. Dropping $\mathrm I(x;z)\ge0$ from it raises the objective
# above the ELBO by exactly $\mathrm I$. So it may exceed $\log p(x)$: it is *no bound at all*, and nothing charges a code for what it tells of its
# image. In lesson 06's line ($b=0$, so $\mathbb E_x\log p(x)$ is known) take an encoder with
# $a^2S^2+v=1$, so that $q(z)=p(z)$ exactly, and let $v$ shrink.

# %%
w, s = 1.2, 0.5
S2 = w**2 + s**2  # the model is right: x ~ N(0, w² + s²)
evidence = -0.5 * (math.log(2 * math.pi * S2) + 1)  # E log p(x)


def line_terms(v):
    """Reconstruction, ELBO, I(x; z) of q = N(ax, v), a²S² + v = 1; means over x."""
    a, v_best = math.sqrt((1 - v) / S2), s**2 / S2
    squares = (1 - w * a) ** 2 * S2 + w**2 * v
    reconstruction = -0.5 * (math.log(2 * math.pi * s**2) + squares / s**2)
    miss = (a - w / S2) ** 2 * S2  # of the posterior's mean, squared
    gap = 0.5 * (v / v_best - 1 - math.log(v / v_best) + miss / v_best)
    return reconstruction, evidence - gap, 0.5 * math.log(1 + a**2 * S2 / v)  # (8.12)


# %%
for v in (s**2 / S2, 0.1, 0.01):  # the first is the posterior's variance
    aae, elbo, told = line_terms(v)  # KL(q(z) ‖ p(z)) is 0
    agrees(aae, elbo + told, name=f"(8.15) v = {v:.3f}")
    print(f"    ELBO {elbo:7.3f}, AAE {aae:7.3f}, E log p(x) {evidence:.3f}")
excess = line_terms(s**2 / S2)[0] - evidence
refuses(max(excess, 0.0), 0.0, name="the AAE's objective as a bound on log p(x)")

# %% [markdown]
# The AAE's number is *above* $\mathbb E\log p(x)$, already at the best encoder. What did it buy? Freedom:
# $q(z\mid x)$ no longer needs a density. It may be a single point, $z=E(x)$, and the prior may be
# anything that can be sampled: a ring, ten clusters. In the library the AAE's encoder gives a point.
#
# ### 4.3 · In code
#
# A *game* tells what a model is. The encoder plays twice a round, in two moves with two states of
# Adam: once with the decoder to rebuild $x$, once against D.


# %%
def told_game(model):
    """What a game says of itself: moves, players, what each descends."""
    source = training.Source(digits, 4)
    model.train()
    for i, move in enumerate(model.game().round, 1):
        for player, terms in move.losses(source).items():
            print(f"  move {i}, {player:4} descends {' + '.join(terms)}")


for kind in (models.CGAN, models.CVAE, models.AAE, models.VAEGAN, models.AVB):
    print(kind.__name__)
    told_game(kind(width=4, dense=8))

# %% [markdown]
# This list is the lesson in a few lines. Against the VAE (one player, reconstruction + KL), the
# CVAE changes *an input*, the AAE replaces the KL by *a player*, AVB adds *a network that estimates*
# what no formula gives of the KL, and VAE/GAN replaces the *measure of reconstruction* by a player. Against the GAN, the CGAN
# changes an input, and VAE/GAN adds an encoder.
#
# Train an AAE with two latents, and put its codes beside those of a VAE with two latents.
#
# **Exercise 08.14 · Gaps between the classes** · ●○○ · 1 min · predict
#
# *Why.* The adversary looks at all codes together.
#
# A VAE leaves gaps between its classes. Will the AAE's codes leave *fewer*, or *more*?

# %% exercise="08.14"
### BEGIN SOLUTION
guess_gaps = "fewer"
### END SOLUTION
guess_gaps = predict("08.14", guess_gaps)

# %%
flat = models.AAE(**NARROW, latent=2, seed=3)
training.fit(flat, digits, rounds=2 * played, seed=3, preview=False)
with torch.no_grad():
    planes = {
        "VAE, zoo": zoo.load("vae-2d-mnist"),
        "AAE, just trained": flat,
    }
    codes = {}
    for name, model in planes.items():
        mean, log_var = model.encode(those)
        noise = torch.randn(mean.shape, generator=generator)
        codes[name] = mean + (0.5 * log_var).exp() * noise

# %%
fig, axes = plots.figure(columns=3, width=9.6, height=3.3)
for ax, (name, z) in zip(axes, codes.items()):
    plots.points(
        z, labels=test_digits.labels[: len(z)], limits=3.5, size=3, title=name, ax=ax
    )
drawn = torch.randn(len(those), 2, generator=generator)
plots.points(drawn, limits=3.5, size=3, title="the prior", ax=axes[2])
for ax in axes:
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
plots.show(
    fig,
    alt="Codes of test digits coloured by class: left a VAE's, in the middle an "
    "adversarial autoencoder's, right draws of the prior.",
)

# %% [markdown]
# **What to see.** The VAE pays image by image, and its classes fan out from the middle with thin places
# between them. The AAE's D looks at all codes together, so a hole or a bulge anywhere is something that it
# *can* catch. Has it, so far? After so few rounds the cloud is neither round nor quite in place: parts of
# the prior are almost empty, and the ones stand apart. (The VAE beside it was trained far longer, so this picture does
# not decide your prediction. Nor did ten times as many rounds: from two seeds, this one among them, the codes ran away, to
# spreads of 3 to 8 where the prior has 1; from a third they came to lie on the prior, with gaps about as wide as the VAE's.) This is a
# game, and slow (at five times its rates the codes fell together to a small patch within 300 rounds). And the AAE's codes have no widths: each is a point.
#
# ## 5 · A network in place of the KL: adversarial variational Bayes
#
# ### 5.1 · $T^*$
#
# An encoder that takes noise as an *input*, $z=E(x,\varepsilon)$, can have a $q(z\mid x)$ of any shape.
# But nobody knows its density, and without it the KL can't be computed. Mescheder et al. (2017) let a third
# network find it. $T(x,z)$ tells pairs with $z\sim q(z\mid x)$ from pairs with $z\sim p(z)$:
#
# $$\max_T\ \mathbb E_x\Bigl[\mathbb E_{q(z\mid x)}\log\sigma(T)+\mathbb E_{p(z)}\log(1-\sigma(T))\Bigr],
#   \quad T^*(x,z)=\log q(z\mid x)-\log p(z),\quad
#   \mathbb E_{q}\,T^*=\mathrm{KL}\bigl(q(z\mid x)\,\|\,p(z)\bigr)\tag{8.16}$$
#
# It is (2.5) again: the logit of the best discriminator is a log density ratio. And it is the AAE's
# adversary with the opposite sign, and with one real difference: $T$ is **told $x$**. So it finds the VAE's KL where the AAE's D finds
# that of the aggregated posterior.
#
# **Exercise 08.5 · What T descends** · ●●○ · 6 min · code
#
# *Why.* If its two classes are exchanged, AVB learns the *negative* KL.
#
# Write what $T$ descends, from its outputs for codes of either kind. (`softplus` is
# numerically safe; see (2.2).)
#
# *Nudge.* (8.16) is a maximum, and a loss is descended. $-\log\sigma(T)$ is a softplus of what?
#
# *First line.* $-\log\sigma(T)=\operatorname{softplus}(-T)$.
#
# *Compare.*
# ```python
# print(F.softplus(torch.tensor(-2.0)))                             # → tensor(0.1269)
# print(critic_loss(torch.tensor([2.0]), torch.tensor([-1.0])))  # → tensor(0.4402)
# ```


# %% exercise="08.5"
def critic_loss(of_posterior, of_prior):
    """T's loss from T(x, z) at z ~ q(z | x) and at z ~ p(z), (B,) each; one number."""
    ### BEGIN SOLUTION
    return F.softplus(-of_posterior).mean() + F.softplus(of_prior).mean()
    ### END SOLUTION


# %%
if not check("08.5", critic_loss):
    critic_loss = lesson_08.critic_loss

# %% [markdown]
# Check it against a closed form. In the line of (8.12) both log ratios are quadratic, so a $T$ that is
# linear in $(1,z,z^2,xz,x^2)$ can be exact, and one without $x$ is linear in $(1,z,z^2)$. Fit both on
# draws, by Newton's method on your loss, twenty times with fresh draws.


# %%
def fitted(features, x, of_q, of_p):
    """Weights of the T that is linear in features(x, z) and least in `critic_loss`."""
    at_q, at_p = features(x, of_q), features(x, of_p)
    weights = torch.zeros(at_q.shape[1], dtype=torch.float64)
    loss = lambda u: critic_loss(at_q @ u, at_p @ u)
    for _ in range(12):
        slope = torch.autograd.functional.jacobian(loss, weights)
        curve = torch.autograd.functional.hessian(loss, weights)
        weights = weights - torch.linalg.solve(curve, slope)
    return weights


told_x = lambda x, z: torch.stack([torch.ones_like(z), z, z**2, x * z, x**2], 1)
untold_x = lambda x, z: torch.stack([torch.ones_like(z), z, z**2], 1)

# %%
n, S, a, v = budget.pick(smoke=1500, laptop=4000), 1.5, 0.9, 0.3
found = {"told x": [], "not told x": []}
for _ in range(20):
    x, noise, of_p = torch.randn(3, 2 * n, dtype=torch.float64, generator=generator)
    x, of_q = S * x, a * S * x + math.sqrt(v) * noise
    for name, features in (("told x", told_x), ("not told x", untold_x)):
        weights = fitted(features, x[:n], of_q[:n], of_p[:n])
        found[name].append((features(x[n:], of_q[n:]) @ weights).mean())  # fresh draws
found = {name: torch.stack(values) for name, values in found.items()}
errors = {name: values.std() / math.sqrt(20) for name, values in found.items()}

# %%
mean_kl = 0.5 * (a**2 * S**2 + v - 1 - math.log(v))
spread = a**2 * S**2 + v
aggregated = 0.5 * (spread - 1 - math.log(spread))
value, error = found["told x"].mean(), errors["told x"]
agrees(value, mean_kl, error=error, name="(8.16) mean T under q: the Gaussian KL")
value, error = found["not told x"].mean(), errors["not told x"]
agrees(value, aggregated, error=error, name="T not told x: KL(q(z) ‖ p(z))")
refuses(value, mean_kl, error=error, name="T not told x, as the VAE's KL")

# %% [markdown]
# ### 5.2 · Its gradient
#
# The encoder shall descend $\mathbb E_qT^*$. But $T^*$ depends on $\phi$ too, through $\log q_\phi$. By
# good luck that part of the gradient has mean zero, because
# $\mathbb E_q\nabla_\phi\log q_\phi=\nabla_\phi\int q_\phi=0$. So $T$ may be frozen:
#
# $$\nabla_\phi\,\mathrm{KL}\bigl(q_\phi\,\|\,p\bigr)
#   =\mathbb E_{\varepsilon}\Bigl[\nabla_\phi\,T^*_{\text{frozen}}\bigl(x,z_\phi(x,\varepsilon)\bigr)\Bigr]\tag{8.17}$$

# %%
n = 200_000
x, noise = torch.randn(2, n, dtype=torch.float64, generator=generator)
x = S * x
z = a * x + math.sqrt(v) * noise
moves = torch.stack([x, 0.5 * math.sqrt(v) * noise])  # dz/da and dz/d log v
through_z = (z - (z - a * x) / v) * moves  # T* frozen, z moves
through_q = torch.stack(
    [(z - a * x) * x / v, 0.5 * ((z - a * x) ** 2 / v - 1)]
)  # the other way
exact = number([a * S**2, 0.5 * (v - 1)])  # of ½(a²S² + v − 1 − log v)
error = through_z.std(1) / math.sqrt(n)
agrees(through_z.mean(1), exact, error=error, name="(8.17) in a and in log v")
other = through_q.mean(1)
refuses(
    other,
    exact,
    error=through_q.std(1) / math.sqrt(n),
    name="z frozen, T moves: mean zero",
)

# %% [markdown]
# ### 5.3 · What is lost
#
# All of this at $T=T^*$. A $T$ that lags behind knows an old encoder $q_0$. What it then reports is
#
# $$\mathbb E_{q}\bigl[\log q_0-\log p\bigr]=\mathrm{KL}(q\,\|\,p)-\mathrm{KL}(q\,\|\,q_0)\;\le\;\mathrm{KL}(q\,\|\,p)\tag{8.18}$$
#
# *less* than the true KL, by $\mathrm{KL}(q\,\|\,q_0)$: by as much as the encoder has moved since $T$ last knew it. So the objective lies above the ELBO by that
# amount, and need not be a bound until $T$ has caught up. That is why $T$ gets the higher learning rate, and
# why an AVB's own number is not to be quoted as a log-likelihood.

# %%
old, new = Normal(number(0.2), number(0.6)), Normal(number(0.6), number(0.4))
reported = integrate(
    new.log_prob(grid).exp() * (old.log_prob(grid) - prior.log_prob(grid))
)
behind = kl_divergence(new, old)
agrees(reported, kl_divergence(new, prior) - behind, name="(8.18) a T that lags")
refuses(reported, kl_divergence(new, prior), name="a T that lags, taken for the KL")

# %% [markdown]
# ### 5.4 · Adaptive contrast
#
# A ratio of two densities that hardly overlap is hard to learn, and $q(z\mid x)$ is narrow where $p(z)$
# is wide. (Try it: with `contrast=0` the course's AVB wandered off within a few hundred rounds, its codes
# a narrow cloud that $T$ chased.) So compare $q$ with something near: a Gaussian $r(z\mid x)$ with the
# mean and variance of $q(z\mid x)$. What is left is known in closed form:
#
# $$\mathrm{KL}(q\,\|\,p)=\underbrace{\mathbb E_q\bigl[\log q-\log r\bigr]}_{\text{what }T\text{ learns}}
#   +\underbrace{\mathbb E_q\bigl[\log r-\log p\bigr]}_{=\,\mathrm{KL}(r\,\|\,p)}\tag{8.19}$$
#
# The second part is lesson 06's Gaussian KL, because $\log r-\log p$ is quadratic in $z$ and $r$ has $q$'s
# moments. $T$ learns only what is *not Gaussian* in $q$ (with several latents, also how they depend on each other). The library does this (`moments` in the list of
# section 4.3, from 32 draws an image, and `kl` what $T$ adds).

# %%
halves = [Normal(number(-0.8), number(0.25)), Normal(number(0.9), number(0.3))]
log_q = torch.stack([h.log_prob(grid) for h in halves]).logsumexp(0) - math.log(2)
q = log_q.exp()  # two humps: no Gaussian
mean = integrate(q * grid)
r = Normal(mean, integrate(q * (grid - mean) ** 2).sqrt())
whole = integrate(q * (log_q - prior.log_prob(grid)))
learned = integrate(q * (log_q - r.log_prob(grid)))
known = integrate(q * (r.log_prob(grid) - prior.log_prob(grid)))
entropy = -integrate(q * log_q)  # E_q log r needs only q's moments: −½ log 2πe Var
not_gaussian = 0.5 * (2 * math.pi * math.e * r.variance).log() - entropy
agrees(learned, not_gaussian, name="(8.19) what T learns: entropy missing to a Gaussian's")
agrees(not_gaussian + kl_divergence(r, prior), whole, name="(8.19) the sum, in closed forms")
agrees(
    known,
    kl_divergence(r, prior),
    name="the known part: the Gaussian KL of q's moments",
)
refuses(known, whole, name="q taken for a Gaussian with its moments")
print(f"T has to learn {learned:.3f} of {whole:.3f} nats")

# %% [markdown]
# # Part C · A learned similarity, and the comparison
#
# A good place to begin again after a break. Time: {{part:C}}. Afterwards you can say what VAE/GAN compares, and read a table of seven models with standard errors.

# %% [markdown]
# ## 6 · A player who measures: VAE/GAN
#
# ### 6.1 · A learned similarity
#
# A VAE with Gaussian pixels of variance 1 pays $\tfrac12\lVert x-\tilde x\rVert^2$ for a reconstruction $\tilde x$. Larsen
# et al. (2016) pay it in *features* instead, what the discriminator's convolutions $f$ give. For a small
# difference that is again a squared distance, in a metric that D has learned:
#
# $$\tfrac12\bigl\lVert f(x)-f(x+\delta)\bigr\rVert^2\approx\tfrac12\,\delta^{\mathsf T}J^{\mathsf T}J\,\delta,
#   \qquad J=\frac{\partial f}{\partial x}\tag{8.20}$$
#
# Where $J\delta$ is small, D does not care.

# %%
vaegan = zoo.load("vaegan-mnist")
seen = vaegan.seen(test_digits.batch(slice(0, 3)).x).double()
trunk = vaegan.discriminator.trunk.double()
delta = 1e-6 * torch.randn(seen.shape, dtype=torch.float64, generator=generator)
change = torch.func.jvp(trunk, (seen,), (delta,))[1]
paid = 0.5 * (trunk(seen) - trunk(seen + delta)).square().sum(1)
paid, metric = 1e12 * paid, 0.5e12 * change.square().sum(1)
agrees(paid, metric, tol=1e-3, name="(8.20) δᵀJᵀJδ/2, times 10¹²")
pixels = 0.5e12 * delta.square().flatten(1).sum(1)
refuses(paid, pixels, tol=1e-3, name="the metric of pixels")
_ = trunk.float()

# %% [markdown]
# Which differences does D care about? Move each digit by one pixel, or blur it until the *pixels* pay
# the same. To you the moved one is the same digit.


# %%
def blurred(x, width):
    """Each image (B, 1, 28, 28) under a Gaussian of this width in pixels."""
    at = torch.arange(-4, 5).float()
    line = torch.exp(-0.5 * (at / width) ** 2)
    line = line / line.sum()
    along = F.conv2d(x, line.view(1, 1, 1, 9), padding=(0, 4))
    return F.conv2d(along, line.view(1, 1, 9, 1), padding=(4, 0))


def in_pixels(x, y):
    return (x - y).square().flatten(1).sum(1).mean()


@torch.no_grad()
def in_features(x, y):
    f = vaegan.discriminator.trunk
    return (f(vaegan.seen(x)) - f(vaegan.seen(y))).square().sum(1).mean()


# %%
few = test_digits.batch(slice(0, 200)).x
moved = few.roll(1, 3)
widths = torch.linspace(0.4, 4, 73)
costs = torch.stack([in_pixels(few, blurred(few, float(u))) for u in widths])
width = float(widths[(costs - in_pixels(few, moved)).abs().argmin()])
smeared = blurred(few, width)
pair = {"moved by a pixel": moved, f"blurred, width {width:.2f}": smeared}
for name, y in pair.items():
    paid = in_pixels(few, y), in_features(few, y)
    print(f"{name:20} pixels {paid[0]:7.2f}   features of D {paid[1]:8.2f}")

# %% [markdown]
# Pixels charge both alike: that is how the blur's width was chosen. D's features charge about three times as much for the blur.
# Nobody wrote that into the loss, D *learned* it: to this D, as to you, the moved digit is nearer to the original.

# %% [markdown]
# ### 6.2 · Who receives which gradient
#
# There are three losses now: the KL, the feature distance, and the GAN's loss over real, rebuilt and
# drawn images. There are three players, E, G and D.
#
# **Exercise 08.6 · Who descends what?** · ●●○ · 6 min · answer
#
# *Why.* A gradient that goes to the wrong player raises no error. It only makes another model.
#
# Who *descends* what in Larsen's algorithm? Give for each of `"kl"`, `"features"` and `"gan"` the set of players. (Decide before you
# look back at section 4.3. E does only what a VAE's encoder does.)
#
# Write `receives = {"kl": {...}, "features": {...}, "gan": {...}}` with the letters of the players for the dots.
#
# *Nudge.* Think of D first. If D descended the feature distance, how would it bring it down?
#
# *First line.* Only one network occurs in the KL at all.

# %% exercise="08.6"
### BEGIN SOLUTION
receives = {"kl": {"E"}, "features": {"E", "G"}, "gan": {"G", "D"}}
### END SOLUTION

# %%
check("08.6", receives)

# %% [markdown]
# Now ask the library, and ask autograd. `reaches` tells on which networks a term *depends*; who
# *descends* it is the first word of its name. The two differ, and the difference is the model: the
# feature distance depends on D, and D does not descend it. (`training.fit` gives each player the
# gradient of its own terms in its own parameters, so no `detach` is needed for that.)

# %%
fresh = models.VAEGAN(width=4, dense=8, latent=3)
nets = {"E": fresh.encoder, "G": fresh.generator, "D": fresh.discriminator}
nets = {name: list(net.parameters()) for name, net in nets.items()}
(move,) = fresh.game().round
for term, found in training.reaches(
    move.losses(training.Source(digits, 8)), nets
).items():
    print(f"{term:12} depends on {' '.join(sorted(found))}")

# %% [markdown]
# What if D did descend it? Then D could win by shrinking: with $f\to\alpha f$, $0<\alpha<1$,
#
# $$\tfrac12\lVert\alpha f(x)-\alpha f(\tilde x)\rVert^2=\alpha^2\cdot\tfrac12\lVert f(x)-f(\tilde x)\rVert^2,
#   \qquad\frac{\partial}{\partial\log\alpha}\Big|_{\alpha=1}=2\cdot\tfrac12\lVert f(x)-f(\tilde x)\rVert^2>0\tag{8.21}$$
#
# so it would always gain by making all images look alike. The same line says that the number itself
# means nothing: $-\log\mathcal N(f(x);f(\tilde x),I)$ measures *features*, in units that D
# changes every round. No bound on $\log p(x)$ is left, and values of different runs can't be compared.

# %%
f, g = torch.randn(2, 5, 30, dtype=torch.float64, generator=generator)
log_alpha = torch.zeros((), dtype=torch.float64, requires_grad=True)
cost = 0.5 * (log_alpha.exp() * (f - g)).square().sum(1).mean()
(slope,) = torch.autograd.grad(cost, log_alpha)
agrees(slope, 2 * cost, name="(8.21) slope in log α")
refuses(slope, 0.0, name="D has nothing to gain from the features")

# %% [markdown]
# **Four models, one part exchanged.** What is coloured is what a model has *instead* of the VAE's part.
#
# ![Four rows with the same chain: x, encoder E, code z, generator G, reconstruction. VAE: a KL by a formula, and the log-likelihood of the pixels. AAE: a judge of codes in place of the KL. AVB: a judge of pairs of image and code in place of the KL. VAE/GAN: a distance in the features of a judge of images in place of the pixels.](drawing:exchanged)
#
# In an AAE and an AVB no player judges what G draws. In a VAE/GAN the judge of images also plays against G, on drawn and on rebuilt images (section 6.2).

# %% [markdown]
# ## 7 · Side by side
#
# Now five models of the zoo: trained on all of MNIST, on networks of the same two kinds (a *writer*,
# lesson 04's generator, and a *reader*, strided convolutions that may be told a vector). Beside them
# the two that all began with: report A's GAN (lesson 02) and a VAE with twenty latents (lesson 06), both
# of fully connected layers. First the pictures.

# %%
files = {"GAN": "gan", "CGAN": "cgan", "VAE/GAN": "vaegan", "AAE": "aae", "AVB": "avb"}
files |= {"CVAE": "cvae", "VAE": "vae-20d"}
titles = list(files)
shelf = {title: zoo.load(f"{name}-mnist") for title, name in files.items()}
obeys = {"CGAN", "CVAE"}  # who is told the digit
reads = {"VAE/GAN", "AAE", "AVB", "CVAE", "VAE"}  # who has an encoder
for title, model in shelf.items():
    used = {key: model.settings[key] for key in ("latent", "lr", "batch")}
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    rounds = zoo.card(f"{files[title]}-mnist")["round"]
    print(f"{title:8} {used}, {rounds:6,} rounds, {millions:.2f} million parameters")


# %%
def drawn_by(title, n):
    """n samples (n, 1, 28, 28), classes in turn where the model can be asked."""
    labels = {"labels": torch.arange(n) % 10} if title in obeys else {}
    return shelf[title].sample(n, generator=torch.Generator().manual_seed(0), **labels)


@torch.no_grad()
def coded_by(title, x, labels):
    """One code an image of q(z | x), or of q(z | x, c), and its reconstruction."""
    model, noise = shelf[title], torch.Generator().manual_seed(0)
    if title == "VAE":
        mean, log_var = model.encode(x)
        z = mean + (0.5 * log_var).exp() * torch.randn(mean.shape, generator=noise)
        return z, model.decode(z)
    c = labels if title in obeys else None
    z = model.code(x, c, noise)
    return z, model.decode(z, c)


# %%
many = budget.pick(smoke=260, laptop=2000)
held = test_digits.batch(slice(0, many))
real = evaluation.image_features(test_digits.images[:many], "digits")
samples, pool, codes, rebuilt = {}, {}, {}, {}
for title in titles:
    pool[title] = drawn_by(title, 2 * many)
    samples[title] = pool[title][:many]
    if title in reads:
        codes[title], rebuilt[title] = coded_by(title, held.x, held.labels)

# %% [markdown]
# Each is asked only what it can answer. **FD**: Fréchet distance on digit features (lesson 03), 2,000
# samples against the 2,000 test digits, with its standard error; decoder *means*, not draws, where there is a decoder.
# **FD, shares**: a conditional model is *given* the shares of the classes, an unconditional one must learn them, and FD
# charges for wrong shares. So a second column: from twice as many samples take as many of each class, as the judge reads them, as the test
# digits have (of VAE/GAN's ones, which are too few, some twice). What is left is the distance of the pictures.
# **as asked**: share of samples that the judge reads as the asked digit. **error**: squared error of a
# reconstruction, summed over the pixels of grey test digits; **kept**: the judge reads the digit's label in
# it. **codes**: Fréchet distance of the codes from $\mathcal N(0,I)$, by means and covariances only, per
# latent. **class in z**: how well the class can be read from the code, by a linear probe fitted to half
# of the codes and tried on the others.


# %%
def share_read(z, labels):
    """Share of classes that least squares on half of the codes reads in the others."""
    half = len(z) // 2
    z = torch.cat([z, torch.ones(len(z), 1)], 1).double()
    target = F.one_hot(labels, 10).double()
    weights = torch.linalg.lstsq(z[:half], target[:half], driver="gelsd").solution
    return ((z[half:] @ weights).argmax(1) == labels[half:]).double().mean().item()


def off_prior(z):
    """Squared Fréchet distance of codes from N(0, I), by two moments, per latent."""
    z, d = z.double(), z.shape[1]
    eye = torch.eye(d, dtype=torch.float64)
    return evaluation.gaussian_frechet(z.mean(0), z.T.cov(), torch.zeros(d), eye) / d


def like_test(labels):
    """Indices of samples: of each class that the judge reads as many as among the test digits."""
    chosen = []
    for c, n in enumerate(torch.bincount(held.labels, minlength=10).tolist()):
        found = (labels == c).nonzero().flatten()
        chosen.append(found.repeat(-(-n // max(1, len(found))))[:n])
    return torch.cat(chosen)


def distance_and_error(found):
    """FD to the test digits, and its standard error; found: features, in any order."""
    found = found[torch.randperm(len(found), generator=torch.Generator().manual_seed(0))]
    left_out, fitted = evaluation.distances.left_out_error, evaluation.distances.fitted_frechet
    return fitted(found, real), left_out(fitted, found, real)


# %%
scores, errors_of = {}, {}
for title in titles:
    row, off = scores.setdefault(title, {}), errors_of.setdefault(title, {})
    found = evaluation.image_features(pool[title], "digits")
    row["FD"], off["FD"] = distance_and_error(found[:many])
    alike = found[like_test(read(pool[title]))]
    row["FD, shares"], off["FD, shares"] = distance_and_error(alike)
    if title in obeys:
        right = read(samples[title]) == torch.arange(many) % 10
        row["as asked"] = right.double().mean().item()
    if title in reads:
        row["error"] = in_pixels(held.x, rebuilt[title]).item()
        row["kept"] = (read(rebuilt[title]) == held.labels).double().mean().item()
        row["codes"] = off_prior(codes[title])
        row["class in z"] = share_read(codes[title], held.labels)

# %%
seen_digits = evaluation.image_features(digits.images[:many], "digits")
kept = (read(held.x) == held.labels).double().mean().item()
floor, floor_error = distance_and_error(seen_digits)
scores["real"], errors_of["real"] = {"FD": floor, "kept": kept}, {"FD": floor_error}
columns = ("FD", "FD, shares", "as asked", "error", "kept", "codes", "class in z")


def cell(title, name):
    if name not in scores[title]:
        return f"{'—':>13}"
    off = errors_of[title].get(name)
    value = scores[title][name]
    return f"{value:13.3f}" if off is None else f"{f'{value:.1f} ± {off:.1f}':>13}"


print(f"{'':8}" + "".join(f"{name:>13}" for name in columns))
for title in scores:
    print(f"{title:8}" + "".join(cell(title, name) for name in columns))
print("± is a standard error, over samples; it knows nothing of another training")


# %%
def over_the_prior(z, ax):
    """Codes in the directions of largest and least spread, on the prior's circles."""
    turned = z.double() @ torch.linalg.eigh(z.double().T.cov())[1]
    ax.plot(*turned[:, [-1, 0]].T, ".", ms=1, color=plots.PALETTE[1])
    angle = torch.linspace(0, 2 * math.pi, 100)
    for radius in (1, 2, 3):
        circle = radius * angle.cos(), radius * angle.sin()
        ax.plot(*circle, color=plots.MUTED, lw=0.7)
    ax.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xticks=[], yticks=[])


# %%
fig, axes = plots.figure(columns=7, rows=3, width=10.6, height=5.4)
for (top, middle, bottom), title in zip(axes.T, titles):
    row = scores[title]
    note = f"asked: {row['as asked']:.1%}" if title in obeys else "can't be asked"
    plots.images(samples[title][:30], columns=5, ax=top, zoom=1)
    top.set_title(f"{title}\nFD {row['FD']:.1f}\n{note}", fontsize=10)
    if title not in reads:
        middle.set_axis_off()
        bottom.set_axis_off()
        continue
    pairs = torch.stack([held.x[:9], rebuilt[title][:9]], 1).flatten(0, 1)
    plots.images(pairs, columns=6, ax=middle, zoom=1)
    middle.set_title(f"error {row['error']:.1f}", fontsize=10)
    over_the_prior(codes[title], bottom)
    bottom.set_title(f"codes {row['codes']:.3f}", fontsize=10)
plots.show(
    fig,
    alt="Seven columns, GAN to VAE. Above 30 samples each with scores; in the middle "
    "test digits with reconstructions; below codes over the prior's circles.",
)

# %% [markdown]
# **What to see.** Read the table by columns, and ask of each what it can't see.
#
# - *FD.* The fully connected GAN and VAE at the two ends are the marks to beat, the last row is the floor.
#   CGAN comes nearest to it; VAE/GAN and CVAE follow, level. CGAN and CVAE were *told the digit*, and they were given nearly the right
#   shares, too. VAE/GAN was told nothing. The second column gives the same shares to all: the GAN's distance falls
#   from about 15 to about 7 (about half of it was *how often* it draws each digit, not how), the VAE's stays at about 11. By the first
#   column VAE and AAE are ahead of the GAN, by the second the GAN is ahead of both. CGAN stays in front in both.
#   Of the others AVB is the worst. Its codes are the furthest off the prior: along one direction they are spread far wider than the prior draws, so its G has learnt
#   much that is hardly ever asked for. But *codes* alone does not tell the order: VAE/GAN's lie further off than the AAE's, and its distance is half as large. VAE/GAN's D saw its samples; the AAE's D has never seen an image.
# - *as asked.* Only two can be asked at all. In a CGAN D insists on the label; in a CVAE it is merely
#   useful.
# - *error* and *kept.* Four of the five are trained on pixels, and the VAE, with twenty latents, wins on pixels. VAE/GAN pays in
#   features: with sixteen latents its error is the largest, and it keeps the fewest digits. (One number decides between its samples and its reconstructions: the width σ of its Gaussian on features, .2 here. The same training with .4 came to a distance of 3.5, and kept .71 of the digits.) AAE, AVB and CVAE have eight. Compare models of equal
#   latents before you praise one. The CVAE keeps the digit most often: it is told which.
# - *codes.* Near 0 (draws of the prior itself would score about .002 to .004): as far as two moments tell, codes lie where the prior draws. The picture below shows the
#   directions of largest and of least spread. An AAE has only its adversary to bring
#   them there, so for it this is the adversary's report card. (An AVB has the formula of section 5.4, too: `moments`.)
# - *class in z.* Chance is about .12, the commonest class. By (8.13) a CVAE pays for a class in its code. Compare its
#   probe with the others': for them the class must be in the code, since it is nowhere else. (A linear probe is a lower
#   bound: another one may read more.)
#
# What it does *not* show: one training of each, with rates chosen by short trials, on one data set; the two at the
# ends saw several times as many images as any of those between them. Between neighbours in a column another
# seed may turn the order.
#
# ### One score is no score
#
# "As asked" is easy to please. Here is a *model* that draws one perfect picture for each digit, always
# the same: real test digits. And the real digits themselves, and the two conditional models. **Diversity**
# is the mean distance of two samples of one class, divided by that of two real ones; **GAN-train** is the accuracy,
# on real digits, of a classifier that has seen samples alone (Shmelkov et al., 2018).


# %%
def three_scores(x, labels, epochs=budget.pick(smoke=1, laptop=5)):
    """GAN-test, diversity by that of real digits, GAN-train."""
    inside, real_inside = F.one_hot(labels, 10), F.one_hot(held.labels, 10)
    found = evaluation.image_features(x, "digits")
    spread, _ = evaluation.relative_diversity(found, inside, real, real_inside)
    learned, _ = evaluation.gan_train(x, labels, read_set, epochs=epochs)
    return (read(x) == labels).double().mean().item(), spread, learned


# %%
read_set = test_digits.subset(torch.arange(budget.pick(smoke=50, laptop=2000)))
order = torch.arange(budget.pick(smoke=100, laptop=many)) % 10
few = len(order)
firsts = torch.stack([(test_digits.labels == c).nonzero()[0, 0] for c in range(10)])
seen = digits.batch(slice(0, few))
crowd = {
    "one perfect each": (test_digits.batch(firsts).x[order], order),
    "real digits": (seen.x, seen.labels),
    "CGAN": (samples["CGAN"][:few], order),
    "CVAE": (samples["CVAE"][:few], order),
}
for name, (x, labels) in crowd.items():
    test, spread, learned = three_scores(x, labels)
    print(f"{name:17} as asked {test:.3f}   diversity {spread:.3f}", end="   ")
    print(f"GAN-train {learned:.3f}")

# %% [markdown]
# **What to see.** The first row is perfect by the first score, has no diversity at all, and the lowest GAN-train (ten pictures do teach
# something: chance is .1). And the
# CVAE, nine in ten of whose samples are read as asked and which are spread as widely as real digits, teaches a
# classifier far less than the CGAN does. Its samples are decoder *means*, softer than digits: who has seen
# only these may not be prepared for ink. Show the three together or none.
#
# ## 8 · Break it
#
# Ines, Juri and Kim each trained a CVAE: same network, same digits, same seed. **One is healthy.** The
# others have one fault each: `"decoder not told"` or `"KL left out"` or `"encoder not told"`.
# (Their code is in `course_lib.lessons.lesson_08.faults`. Don't look yet.)

# %%
suspects = {}
for name, fault in lesson_08.faults.items():
    suspects[name] = fault(**NARROW, seed=4)
    run = training.fit(suspects[name], digits, rounds=played, seed=4, preview=False)
    logged = run.term("CVAE.reconstruction") + run.term("CVAE.kl")
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        z = suspects[name].code(some.x, some.labels, noise)
        bound = suspects[name].elbo(bits, noise, some.labels)
    print(f"{name:5} loss as logged {logged[-50:].mean():7.2f}", end="   ")
    print(f"−ELBO on test digits {-bound.mean():8.2f}", end="   ")
    print(f"spread of codes {z.std(0).min():.2f} to {z.std(0).max():.2f}")

# %%
fig, axes = plots.figure(columns=3, rows=2, height=4.2)
tested, named = held.x[:20], held.labels[:20]
for (above, below), (name, model) in zip(axes.T, suspects.items()):
    sheet = model.decode(codes_8, tens)
    plots.images(sheet, columns=10, title=f"{name}: asked 0 to 9", ax=above)
    again = model.reconstruct(tested, named, torch.Generator().manual_seed(0))
    both = torch.stack([x.view(2, 10, 1, 28, 28) for x in (tested, again)], 1)
    plots.images(both.flatten(0, 2), columns=10, title="digits, rebuilt", ax=below)
plots.show(
    fig,
    alt="For each of three patients: samples, a column for each asked digit, and below "
    "test digits with their reconstructions.",
)

# %% [markdown]
# **Exercise 08.7 · Ines, Juri, Kim** · ●●○ · 8 min · answer
#
# *Why.* You have three loss values. Are they enough to tell who is ill?
#
# Give each name one of the words `"healthy"`, `"decoder not told"`, `"KL left out"`, `"encoder not told"`.
#
# Write `diagnosis = {"Ines": ..., "Juri": ..., "Kim": ...}` with your answers for the dots.
#
# *Nudge.* Three things are shown: samples in the order of the labels, reconstructions, and the spread of the codes. Which fault changes which of them?
#
# *First line.* Two sheets hardly change along a row. In one of them nothing changes at all.

# %% exercise="08.7"
### BEGIN SOLUTION
diagnosis = {"Ines": "decoder not told", "Juri": "healthy", "Kim": "KL left out"}
### END SOLUTION

# %%
check("08.7", diagnosis)

# %% [markdown]
# <details><summary><b>Reveal</b> (open it after your answer)</summary>
#
# - **Ines: decoder not told.** All ten columns of a row are one picture. Her loss is seven nats worse than
#   Juri's, of more than a hundred. *A loss curve alone does not show this fault. One look at a sheet
#   with the labels in order does.*
# - **Juri: healthy.**
# - **Kim: KL left out.** Her logged loss is by far the lowest, and her reconstructions look as good as Juri's. But
#   nothing holds her codes near the prior: they spread wider, and draws of the prior meet a
#   decoder that learned from other codes. Her sheet shows it. Her columns differ little: nobody charges a class in
#   her codes, (8.13), so her decoder hardly needs the label. Her −ELBO on test digits counts the KL that she did not pay.
# - **Encoder not told** was not among them. Section 2.4 showed why you would hardly have found it.
#
# </details>
#
# ## 9 · The reports
#
# Report A has no hybrid of its own besides CVAE-GAN (lesson 09). It names most of this lesson as related
# work, in its section 2 and in the caption of its Figure 2.

# %% [markdown]
# ### E12 · Names, credits, and a prior that learns (case file, optional)
#
# Report A is one of the two student reports that this course reads closely. It says of CVAE-GAN that a *learned prior* controls the image, and names other authors
# than the paper's.

# %% [markdown]
# > Another hybrid model, CVAE-GAN (Zhao et al., 2017), uses the prior distribution learned by the VAE to control the image attributes during the GAN's image generation process.
#
# > By using the prior distribution learned by CVAE, we are able to control the image properties during image generation by GAN.
#
# *The credit.* CVAE-GAN is by **Bao, Chen, Wen, Li and Hua (2017)**; A's own reference list has it
# right, as number 10, and has no Zhao. *The prior* of these models is $\mathcal N(0,I)$ before training and
# after. What the KL moves is the encoder, so that the *aggregated posterior* comes near that prior. And what
# controls the class is the *condition*. Ask a model: what does it learn, what does its label change, and what its code?

# %%
cvae = shelf["CVAE"]
own = {name.split(".")[0] for name, _ in cvae.named_parameters()}
print("everything that a CVAE learns belongs to:", ", ".join(sorted(own)))
n_codes, noise = budget.pick(smoke=4, laptop=100), torch.Generator().manual_seed(1)
z = torch.randn(n_codes, cvae.settings["latent"], generator=noise)

# %%
labels = torch.arange(10).repeat_interleave(n_codes)
by_label = read(cvae.decode(z.repeat(10, 1), labels))
by_label = by_label.view(10, n_codes)  # one row a label, one column a code
same_code = (by_label == torch.arange(10)[:, None]).double().mean()
print(f"one code, ten labels: the judge reads the label in {same_code:.1%}")
same_digit = (by_label == by_label.mode(0).values).double().mean()  # the code's commonest
print("ten labels, one code: it reads the digit that this code gives most often in", end=" ")
print(f"{same_digit:.1%} (10% if the label alone decides)")

# %% [markdown]
# In fairness to A: priors that learn do exist. In the CVAE of Sohn et al. (2015), made to predict an output, such as the rest of a
# digit from a quarter of it, $p_\theta(z\mid c)$ may be a network. But not in the paper that A rebuilds, nor in A's
# code, which draws `randn`.
#
# > VAE have also been used in various image generation tasks, such as 3D shape generation (Wu et al., 2016) and face generation (Larsen et al., 2015).
#
# Wu et al. (2016) is 3D-GAN: a GAN. (The paper has a variant with an encoder in front, 3D-VAE-GAN, so there
# is a thread.) Larsen et al. is VAE/GAN: right.

# %% [markdown]
# ### What a hybrid is made of
#
# > These models aim to learn a low-dimensional latent representation of the input data using the encoder component of a VAE, which is then used to generate new samples using the decoder component of a GAN.
#
# "These" are AAE and AVB. In neither is the *decoder* a GAN's generator, for nobody judges what G draws: the
# adversary of an AAE plays against the *encoder*, $T$ sees a real image with a code. Both keep the VAE's decoder and the VAE's
# reconstruction term. The sentence describes VAE/GAN. Ask the games:

# %%
for kind in (models.AAE, models.AVB, models.VAEGAN):
    model = kind(width=4, dense=8, latent=3)
    nets = {"G": list(model.generator.parameters())}
    on_images = set()
    for move in model.game().round:
        found = training.reaches(move.losses(training.Source(digits, 8)), nets)
        on_images |= {term for term, reached in found.items() if reached}
    print(f"{kind.__name__:7} G's images matter to: {', '.join(sorted(on_images))}")

# %% [markdown]
# In AAE and AVB G's images enter the reconstruction and nothing else: no player judges them.
#
# > The G of VAE is better than the G of GAN, so the structure of VAE is in front. Then, since VAE's criterion for judging x' and x similarity is not good enough, we have to add D again to judge it.
#
# The second sentence is Larsen's point, and it is **right** that pixels are a poor judge: in section 6 a digit
# that moved by one pixel cost them as much as a heavy blur. The first sentence has no measure beside it. Section 7's table has a VAE and a GAN of like size. By
# the plain Fréchet distance the VAE is ahead; with the test digits' shares the GAN is. The zoo's DCGAN of lesson 04 (its card has the distance) is ahead of
# both. So ask at *what*, and of which networks: "better" has no answer here before that. (At reconstruction a GAN has nothing to show: it has no encoder.)
#
# ### What report A got right
#
# | claim | where | you confirmed it with |
# |---|---|---|
# | hybrids exist to use "the strengths of both GANs and VAEs" | A §2 | section 7: the CGAN has the best samples and no reconstructions; the VAE rebuilds best |
# | AAE and β-VAE as modifications of the VAE, WGAN and SN-GAN of the GAN | A §2 | section 4.3 for AAE; β-VAE: lesson 07; WGAN, SN-GAN: lesson 05 |
# | a VAE's "criterion for judging x' and x similarity is not good enough" | A §3.4 | (8.20) and the moved digits |
# | the label goes to encoder *and* generator: "$z \leftarrow E(x_r, c)$", "$x_f \leftarrow G(z, c)$" | A §3.4, Alg. 1 | (8.7), (8.8); its code withholds it from E (lesson 09) |
# | the KL there is $KL(q(z\mid x_r,c)\,\Vert\,P_z)$, to a prior without $c$ | A §3.4, Alg. 1 | (8.7), (8.13) |
#
# ## 10 · Exercises
#
# **08.1–08.7** are above, with their checks; 08.11–08.14 are predictions. The following have no check. The solved copy has a worked solution of the
# one on paper.
#
# **Exercise 08.8 · Different widths** · ●●● · 20 min · pen
#
# *Why.* (8.8) was derived for posteriors of one variance. Real ones differ.
#
# Derive (8.8) for classes of *different* posterior variances $v_c$. Is the best $q$ still
# between the means?
#
# *Nudge.* The best $q$ is the geometric mean, also here. The logarithm of a geometric mean of Gaussians is a sum of parabolas.
#
# *First line.* $\log\prod_c\mathcal N(z;m_c,v_c)^{p_c}=-\frac12\sum_cp_c\Bigl[\log2\pi v_c+\frac{(z-m_c)^2}{v_c}\Bigr]$, with $p_c=p(c\mid x)$.

# %% [markdown] tags=["solution"]
# *Solution 08.8.* The goal is $-\log Z$, with $Z=\int\prod_c\mathcal N(z;m_c,v_c)^{p_c}dz$, and the density that $Z$ normalises. Let $\tau=\sum_cp_c/v_c$ and $\bar m=\frac1\tau\sum_cp_cm_c/v_c$. Complete the square:
# $\sum_cp_c(z-m_c)^2/v_c=\tau(z-\bar m)^2+\sum_cp_c(m_c-\bar m)^2/v_c$. So the geometric mean is $\mathcal N(\bar m,1/\tau)$. Its mean is a weighted mean of the $m_c$ with positive weights $p_c/v_c$: it lies between the smallest and the largest of them, drawn towards the *narrow* posteriors.
#
# Integrate: $\int e^{-\tau(z-\bar m)^2/2}dz=\sqrt{2\pi/\tau}$. The factors $2\pi$ cancel, and
# $-\log Z=\frac12\Bigl[\log\tau-\sum_cp_c\log\frac1{v_c}\Bigr]+\frac12\sum_cp_c\frac{(m_c-\bar m)^2}{v_c}$. The bracket is not negative, because $\tau$ is the mean of the $1/v_c$ and the logarithm is concave: it is the price for different widths. For equal $v_c$ it is 0, and the rest is (8.8).

# %% [markdown]
# **Exercise 08.9 · Make the class uncertain** · ●●○ · 20 min · experiment
#
# *Why.* On sharp digits the fault of section 2.2 hides. Where does it show?
#
# Blur the digits (section 6.1's `blurred`, width 3) for the encoder
# *and* the likelihood, and train section 2.4's three variants again. Does (8.8)'s price appear?
#
# *Nudge.* Make a new data set of blurred images, and hand it to a copy of `train_cvae`.
#
# *First line.* `soft = data.DataSet((255 * blurred(digits.batch().x, 3.0)).round().to(torch.uint8), digits.labels)`
#
# *Compare.*
# ```python
# print(round(float(blurred(torch.ones(1, 1, 28, 28), 3.0)[0, 0, 14, 14]), 3))  # → 1.0
# ```
# (A blur leaves the middle of a flat picture alone.)
#
# **Exercise 08.10 · Another prior for the AAE** · ●●● · 30 min · experiment
#
# *Why.* An adversary needs samples of the prior, and no density. So the prior may be anything.
#
# Give the AAE another prior: a ring of ten Gaussians in the plane, by a game of your own.
# What happens to the classes? What if D is told the class?
#
# *Nudge.* Only what D calls "real" changes: draws of the prior.
#
# *First line.* `ring_prior = data.toy.Ring(modes=10, radius=2.0, sigma=0.1)`
#
# *Compare.*
# ```python
# ten_modes = data.toy.Ring(modes=10, radius=2.0, sigma=0.1)
# print(round(float(ten_modes.sample(1000, torch.Generator().manual_seed(0)).norm(dim=1).mean()), 1))  # → 2.0
# ```
#
# **Exercise 08.15 · An AAE with classes** · ●●○ · 6 min · discuss
#
# *Why.* (8.13) has three terms. What no player pays for may grow.
#
# Someone trains an AAE with classes, D not told. By (8.13), which of the three terms does
# nobody pay? How would you see it in samples?
#
# *Nudge.* D sees $q(z)$ alone. Does $q(z)$ change if codes of each class keep to a corner of their own?
#
# *First line.* "D makes … small, and nothing makes …"
#
# **Exercise 08.16 · A T that lags** · ●●○ · 20 min · experiment
#
# *Why.* (8.18) says in which direction AVB's own number errs.
#
# Train an AVB with `t_lr` a tenth and ten times of the zoo's. Watch `VAE.moments` + `VAE.kl` and compare with
# the KL of a Gaussian fitted to 1,000 draws of $q(z\mid x)$, which by (8.19) is a lower bound. Does AVB's number err as (8.18) says?
#
# *Nudge.* The zoo's settings are in `zoo.card("avb-mnist")`. Change one of them only.
#
# *First line.* `settings = zoo.load("avb-mnist").settings`
#
# *Compare.*
# ```python
# print(round(float(kl_divergence(new, old)), 3))  # → 0.35
# ```
# (By so much the T of section 5.3, which lags, reports too little.)
#
# **Exercise 08.17 · E against D** · ●●○ · 20 min · experiment
#
# *Why.* It is one line to let the encoder fool D, too. What does it change?
#
# In VAE/GAN let E descend the GAN's term for rebuilt images too. What
# do reconstructions gain, and what do the codes lose?
#
# *Nudge.* Write a game of your own from `model.game()`, as lesson 05 does for R1, and add the term to E's losses.
#
# *First line.* `losses["E"]["rebuilt"] = losses["G"]["rebuilt"]` (section 4.3 prints the names).
#
# *Compare.*
# ```python
# print(sorted(receives["gan"]))  # → ['D', 'G']
# ```
# (As it is: E does not descend the GAN's loss.)

# %% [markdown]
# ## Summary
#
# - A condition goes into every distribution: $D(x,c)$, $q(z\mid x,c)$, $p(x\mid z,c)$. A D that is not told
#   can't ask for obedience, (8.3); a decoder that is not told bounds $\log p(x)$, (8.9); an encoder that
#   is not told costs $\operatorname{Var}(m_c\mid x)/2v$, which hides on digits, (8.8).
# - The VAE's KL = what codes tell + how far all codes lie from the prior, (8.10). The first is at most
#   $\log N$. With a condition a class in the code is paid for, (8.13).
# - AAE: an adversary that is not told $x$ sees $q(z)$; no bound is left, (8.14), (8.15).
# - AVB: one that *is* told $x$ finds $\log q(z\mid x)-\log p(z)$; surely a bound only at $T^*$, (8.16)–(8.18).
# - VAE/GAN: reconstruction in D's features; D must not descend it, (8.20), (8.21).
# - Judge a conditional model by *as asked*, diversity and GAN-train together.
#
# **Next:** lesson 09 puts four players into one model.
#
# ## Five questions at the end
#
# **Question 1.** A conditional GAN whose G hears the label draws flawless digits and ignores it. Who was not told?
#
# *Answer.* D. By (8.3) such a D sees the mixture over classes only, and that mixture can be perfect while every label is wrong.
#
# **Question 2.** You leave the label out of the encoder of a CVAE, and the bound hardly changes. May you do so on other data?
#
# *Answer.* Only where the image itself says its class. The price is $\operatorname{Var}(m_c\mid x)/2v$, (8.8): it grows with doubt about the class and with a sharp decoder.
#
# **Question 3.** Two encoders get $\mathrm I(x;z)=4.1$ nats, both measured on batches of 64 images. Do they tell equally much?
#
# *Answer.* You can't see it there: no estimate from 64 images exceeds $\log64=4.16$. Both may tell far more. Use more images.
#
# **Question 4.** An AAE's adversary and AVB's $T$ both compare codes with the prior. What is the one difference, and what follows from it?
#
# *Answer.* $T$ is told $x$. So it finds $\log q(z\mid x)-\log p(z)$, whose mean is the VAE's KL. The AAE's adversary sees all codes together, so it knows $q(z)$ only, and no bound on $\log p(x)$ is left.
#
# **Question 5.** "99% of the samples show the digit that was asked for." What else must you see before you praise the model?
#
# *Answer.* Diversity within a class, and whether the samples teach a classifier about real digits (GAN-train). One perfect picture for each digit would get 100%.
#
# ## References
#
# - Mirza, M. and Osindero, S. (2014). *Conditional Generative Adversarial Nets.* arXiv:1411.1784.
# - Kingma, D. P., Rezende, D. J., Mohamed, S. and Welling, M. (2014). *Semi-supervised Learning with Deep
#   Generative Models.* NeurIPS. (the class-conditional VAE)
# - Sohn, K., Lee, H. and Yan, X. (2015). *Learning Structured Output Representation using Deep Conditional
#   Generative Models.* NeurIPS. (CVAE)
# - Hoffman, M. D. and Johnson, M. J. (2016). *ELBO surgery: yet another way to carve up the variational
#   evidence lower bound.* NeurIPS workshop on advances in approximate Bayesian inference. (8.10)
# - Makhzani, A., Shlens, J., Jaitly, N., Goodfellow, I. and Frey, B. (2016). *Adversarial Autoencoders.*
#   arXiv:1511.05644.
# - Larsen, A. B. L., Sønderby, S. K., Larochelle, H. and Winther, O. (2016). *Autoencoding beyond pixels using a
#   learned similarity metric.* ICML.
# - Mescheder, L., Nowozin, S. and Geiger, A. (2017). *Adversarial Variational Bayes.* ICML. (8.16), (8.17), (8.19)
# - Bao, J., Chen, D., Wen, F., Li, H. and Hua, G. (2017). *CVAE-GAN: Fine-Grained Image Generation through
#   Asymmetric Training.* ICCV.
# - Wu, J., Zhang, C., Xue, T., Freeman, W. T. and Tenenbaum, J. B. (2016). *Learning a Probabilistic Latent Space of
#   Object Shapes via 3D Generative-Adversarial Modeling.* NeurIPS.
# - Shmelkov, K., Schmid, C. and Alahari, K. (2018). *How good is my GAN?* ECCV. (GAN-test, GAN-train)
# - Odena, A., Olah, C. and Shlens, J. (2017). *Conditional Image Synthesis with Auxiliary Classifier GANs.* ICML.
# - Miyato, T. and Koyama, M. (2018). *cGANs with Projection Discriminator.* ICLR. (8.5)
# - Shu, R., Bui, H. and Ermon, S. (2017). *AC-GAN Learns a Biased Distribution.* NeurIPS workshop on Bayesian deep learning.
# - Gong, M., Xu, Y., Li, C., Zhang, K. and Batmanghelich, K. (2019). *Twin Auxiliary Classifiers GAN.* NeurIPS. (8.6)
# - Reports A and B, in the words of the errata page.
