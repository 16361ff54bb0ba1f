# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 09 · CVAE-GAN
#
# Report A set out to build this model. Four networks play it: an **encoder** E, a **generator** G,
# a **discriminator** D and a **classifier** C. The game of lesson 02, the bound of 06 and the conditions of 08 meet in it, and
# one idea is new: G is never told to fool D. In this lesson you derive each of its six losses and
# ask autograd who receives which gradient. Then you train it, take it apart to see what each loss buys,
# and find out from the first line of report A's log that another model was trained there.

# %%
import json
import math
from functools import partial

import torch
from torch.distributions import Normal
from torch.nn.functional import mse_loss, one_hot, softplus

from course_lib import data, evaluation, explore, plots, training, zoo
from course_lib.checks import agrees, check, predict, refuses
from course_lib.evaluation import conditional
from course_lib.lessons import lesson_09
from course_lib.models import CVAEGAN
from course_lib.models.model import evaluating
from course_lib.models.parts.centres import Centres
from course_lib.models.vae import gaussian_kl, gaussian_log_likelihood
from course_lib.training import Source, own_gradients, reaches

budget = training.budget()
generator = training.seed_all(9)
torch.set_printoptions(precision=4, sci_mode=False)
number = partial(torch.tensor, dtype=torch.float64)
random = partial(torch.randn, generator=generator, dtype=torch.float64)


# %%
explore.show(explore.told_attributes(zoo.load("cvaegan-faces")))

# %% [markdown]
# **What to see.** Here the condition says which attributes a face has. Change one of them, glasses or a smile, and keep $z$: most of the face
# stays. The pictures come from a network that was trained with three others, by six losses.
#
# **The question.** Which of the six losses taught it what? And what changes if a gradient goes to the wrong network?

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | read Algorithm 1 of Bao et al. term by term; say which loss moves which network and prove it; explain why G matches *means of features*; carry loss weights from one image size to another; judge a conditional model by three scores at once; read an ablation; convict a wrong model by its first printed losses |
# | **You need** | lessons 02 (the game), 06 (ELBO), 08 (conditions, VAE/GAN) |
# | **Your time** | {{time}} (an estimate: lesson 00 says how) |
# | **Machine time** | {{minutes}} min at the laptop budget on two CPU cores |
#
# **How to read it.** Every numbered equation, unless it is a definition, is followed by a cell that computes both of its sides: `agrees` stops if
# they differ. `refuses` computes a *wrong* form, one that people really write, and stops if the check would not
# notice it. Cells that only draw begin folded. *Case files* are stories about two student reports; they are folded too, and
# you can leave them out.
#
# | symbol | meaning | in code |
# |---|---|---|
# | $x_r$, $c$ | a real image and its label | `p.real`, `p.labels` |
# | $x_f=G(z,c)$ | rebuilt, $z\sim q_\phi(z\mid x_r,c)$ from E | `p.rebuilt` |
# | $x_p=G(z_p,c)$ | drawn, $z_p\sim\mathcal N(0,I)$ | `p.drawn` |
# | $f_D$, $f_C$ | features: the input of the last layer of D, of C | `p.d`, `p.c` |
# | $\lambda_1\ldots\lambda_4$ | weights of the losses | `settings["lambdas"]` |
# | $d$ | decay of the moving feature centres | `decay` |

# %% [markdown]
# ## Five questions before you begin
#
# Take a minute for each, decide, and only then open the answer. A wrong guess is welcome: you will know what to look
# for.
#
# **Question 1.** A discriminator sees one real image and *two* fakes in each comparison. G becomes perfect. What does the best D then say to an image: ½?
#
# *Answer.* No, ⅓. One image in three is real. Section 3 derives it.
#
# **Question 2.** G shall make the *mean* of some features of its images equal to the mean over real images. Can it succeed by drawing one single image again and again?
#
# *Answer.* Yes, if that image's features are the mean. A mean sees no spread.
#
# **Question 3.** A loss depends on the weights of G and of D. Who has to move by it?
#
# *Answer.* That is a decision, not a fact. In the GAN of lesson 02, D even climbs the value that G descends. Which network follows which gradient *is* the model.
#
# **Question 4.** You enlarge all images from 28 × 28 to 56 × 56 and leave all weights of the losses as they are. Do you train the same model?
#
# *Answer.* No. A squared error summed over pixels becomes four times as large, the KL does not. So the pixels now count four times as much against it.
#
# **Question 5.** A classifier of ten classes knows nothing yet. How large is its cross-entropy, in nats?
#
# *Answer.* $\ln10\approx2.303$: it gives each class one tenth. The training log of such a classifier has to begin near this number. The case file E13 makes use of that.

# %% [markdown]
# # Part A · Four players, six losses
#
# Time: {{part:A}}. Afterwards you can derive every loss of CVAE-GAN and say who receives which gradient.

# %% [markdown]
# ## 1 · E and G: a bound that is told the class
#
# Give every density of lesson 06 but the prior the label as a condition. Nothing in the derivation changes:
#
# $$\log p_\theta(x\mid c)\;\ge\;\mathbb E_{q_\phi(z\mid x,c)}\big[\log p_\theta(x\mid z,c)\big]
#   -\mathrm{KL}\big(q_\phi(z\mid x,c)\,\|\,p(z)\big). \tag{9.1}$$
#
# The prior $p(z)$ has *no* $c$: what $z$ says is to be style, spread alike in all classes. Why does E
# need the label? Take a model small enough to know: two classes, $x=wz+m_c+s\varepsilon$. The
# posterior $p(z\mid x,c)$ depends on $c$, so a $q$ that is not told $c$ leaves a gap that no training
# closes.

# %%
w, s, x, centres = 1.5, 0.5, number(0.8), number([-1.0, 1.0])
z = torch.linspace(-8, 8, 8001, dtype=torch.float64)
log_p_z = Normal(number(0.0), 1.0).log_prob(z)
log_joint = log_p_z + Normal(w * z + centres[:, None], s).log_prob(x)  # (2, 8001)
log_p = Normal(centres, math.hypot(w, s)).log_prob(x)  # log p(x|c), exactly
posterior = Normal(w * (x - centres) / (w**2 + s**2), s / math.hypot(w, s))


def elbo_on_grid(log_q):
    """∫ q (log p(x, z|c) − log q) dz for both classes; log_q on the grid, (2, 8001)."""
    return torch.trapezoid(log_q.exp() * (log_joint - log_q), z)


# %%
told = posterior.log_prob(z[:, None]).T
p_c = log_p.softmax(0)  # p(c|x), both classes equally frequent
blend = (p_c[:, None] * told).sum(0)  # the geometric mean: the best without c, (8.8)
untold = (blend - torch.trapezoid(blend.exp(), z).log()).expand(2, -1)
agrees(elbo_on_grid(told), log_p, name="(9.1) with q(z|x, c): the bound is tight")
refuses(elbo_on_grid(untold), log_p, name="the label withheld from E")
print(f"the least gap without the label: {(p_c * (log_p - elbo_on_grid(untold))).sum():.3f} nats")

# %% [markdown]
# Line 6 of Algorithm 1 (Bao et al.; report A, §3.4, prints it) is the KL, $\mathcal L_{KL}$. Line 14 has the first term of (9.1) in it: a
# squared error is a Gaussian $-\log p(x\mid z,c)$, up to a constant. Section 5 works out which Gaussian.
#
# ## 2 · C: a loss of real images only
#
# Line 3 is $\mathcal L_C=-\log P(c\mid x_r)$. What is the least that C can reach?
#
# $$\min_P\;\mathbb E_{p(x,c)}\big[-\log P(c\mid x)\big]=\mathrm H(c\mid x),\qquad
#   \text{at }P=p(c\mid x). \tag{9.2}$$
#
# And if C also learned from $x_p$, with the labels that were *asked*? Then it would learn the mixture of
# the two joint distributions. A G that ignores its label would teach C that an image says less of its class than it does. Take four kinds of
# image and two classes, a table.

# %%
real = number([[0.30, 0.02], [0.15, 0.03], [0.03, 0.15], [0.02, 0.30]])  # p(x, c)
ignoring = real.sum(1, keepdim=True) * number([0.5, 0.5])  # right images, label ignored


def cross_entropy(joint, P):
    return -(joint * P.log()).sum()


# %%
logits = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True)
step = torch.optim.LBFGS([logits], max_iter=100, line_search_fn="strong_wolfe")


def cross_entropy_step():
    step.zero_grad()
    loss = cross_entropy(real, logits.softmax(1))
    loss.backward()
    return loss


step.step(cross_entropy_step)
posterior_c = real / real.sum(1, keepdim=True)
H = cross_entropy(real, posterior_c)
agrees(cross_entropy_step().detach(), H, tol=1e-7, name="(9.2) a trained C reaches H(c|x)")
agrees(logits.softmax(1), posterior_c, tol=1e-4, name="(9.2) at p(c|x)")
both = (real + ignoring) / 2
spoiled = cross_entropy(real, both / both.sum(1, keepdim=True))
refuses(spoiled, H, tol=1e-3, name="C trained on the fakes, too")

# %% [markdown]
# ## 3 · D: three terms
#
# Line 9 is $\mathcal L_D=-\big(\log D(x_r)+\log(1-D(x_f))+\log(1-D(x_p))\big)$: one real image against *two*
# fakes. Repeat the argument of (2.4) pointwise, with densities $p$, $p_f$, $p_p$:
#
# $$D^*(x)=\frac{p(x)}{p(x)+p_f(x)+p_p(x)}. \tag{9.3}$$
#
# So even a perfect G does not bring D to ½. If all three agree, $D^*=\tfrac13$ and
#
# $$\mathcal L_D=3\ln3-2\ln2\approx1.910,\qquad\text{while an untrained }D=\tfrac12\text{ has }
#   \mathcal L_D=3\ln2\approx2.079. \tag{9.4}$$

# %%
p, p_f, p_p = (torch.softmax(random(6), 0) for _ in range(3))  # three distributions on 6 points


def loss_D(logit, p, p_f, p_p):
    return (p * softplus(-logit) + (p_f + p_p) * softplus(logit)).sum()


logit = torch.zeros(6, dtype=torch.float64, requires_grad=True)
for _ in range(20):  # Newton's method: each point is a problem of its own
    (slope,) = torch.autograd.grad(loss_D(logit, p, p_f, p_p), logit)
    D = logit.sigmoid()
    logit = (logit - slope / ((p + p_f + p_p) * D * (1 - D))).detach().requires_grad_()
agrees(logit.sigmoid(), p / (p + p_f + p_p), name="(9.3) D*")

# %%
third = number([1 / 3]).logit().expand(6)
agrees(loss_D(third, p, p, p), 3 * math.log(3) - 2 * math.log(2), name="(9.4) all agree")
agrees(loss_D(torch.zeros(6).double(), p, p, p), 3 * math.log(2), name="(9.4) untrained")
refuses(loss_D(third, p, p, p), 3 * math.log(2), name="D* = ½ at the solution")

# %% [markdown]
# ## 4 · G: means of features, not cross-entropy
#
# In lesson 02 G descended $\log(1-D(x_p))$ or $-\log D(x_p)$. Here it doesn't. Look at the first one's
# gradient. With $D=\sigma(\ell)$,
#
# $$\frac{\partial}{\partial x_p}\log\big(1-\sigma(\ell(x_p))\big)=-\,\sigma(\ell)\,
#   \frac{\partial\ell}{\partial x_p}. \tag{9.5}$$
#
# A confident D ($\ell\to-\infty$) sends almost nothing. The other form sends plenty, and the more, the steeper
# D's last layer is.
#
# **Line 11** asks for something weaker and calmer: the *mean* of D's features over the batch should agree.
#
# $$\mathcal L_{GD}=\tfrac12\Big\|\tfrac1m\textstyle\sum_if_D(x_r^{(i)})-\tfrac1m\sum_if_D(x_p^{(i)})\Big\|^2. \tag{9.6}$$
#
# **Exercise 09.2 · Mean matching** · ●○○ · 5 min · code
#
# *Why.* If it is right, it trains the model below.
#
# Write (9.6) for features (m, width): one number.
#
# *Nudge.* In which order: means, difference, square? Another order is another loss.
#
# *Compare.*
# ```python
# two_real, two_drawn = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.zeros(2, 2)
# print(two_real.mean(0))                       # → tensor([2., 0.])
# print(my_mean_matching(two_real, two_drawn))  # → tensor(2.)
# ```


# %% exercise="09.2"
def my_mean_matching(real, drawn):
    """L_GD, line 11, one number; real, drawn (m, width): f_D of x_r and of x_p."""
    ### BEGIN SOLUTION
    return 0.5 * (real.mean(0) - drawn.mean(0)).square().sum()
    ### END SOLUTION


# %%
mine = check("09.2", my_mean_matching)
if not mine:
    my_mean_matching = lesson_09.mean_matching

# %% [markdown]
# Its gradient in one drawn image's features does not ask for D's verdict: D's last
# layer is not even in it (below, D becomes more and more confident by scaling that layer):
#
# $$\frac{\partial\mathcal L_{GD}}{\partial f_D(x_p^{(i)})}=\tfrac1m\,(\bar f_p-\bar f_r). \tag{9.7}$$

# %%
f_r, f_p, head = random(8, 5), (random(8, 5) - 1).requires_grad_(), number([1.0] * 5)
(slope,) = torch.autograd.grad(my_mean_matching(f_r, f_p), f_p)
agrees(slope, ((f_p.mean(0) - f_r.mean(0)) / 8).expand(8, 5).detach(), name="(9.7)")
for scale in (1, 3, 10):
    verdict = scale * f_p @ head
    (push,) = torch.autograd.grad(-softplus(verdict).sum(), f_p)  # Σ log(1 − D)
    by_hand = -(verdict.sigmoid()[:, None] * scale * head).detach()
    agrees(
        push, by_hand, name=f"(9.5) last layer × {scale}, σ(ℓ) = {verdict.sigmoid().mean():.1e}"
    )

# %% [markdown]
# **What does it ask for?** Among all unit vectors $u$, which direction of the features tells real from
# drawn best by its mean?
#
# $$\max_{\lVert u\rVert\le1}\;\mathbb E\,u\!\cdot\!f(x_r)-\mathbb E\,u\!\cdot\!f(x_p)
#   =\big\|\bar f_r-\bar f_p\big\|=\sqrt{2\,\mathcal L_{GD}}. \tag{9.8}$$
#
# So $\mathcal L_{GD}$ is half the square of a critic's distance as in lesson 05, with linear critics on D's features. And so it
# sees *means only*: if all drawn images had the mean feature, the loss would be zero. Keep this in mind
# for section 10.

# %%
gap = (f_r.mean(0) - f_p.mean(0)).detach()
u = torch.nn.functional.normalize(random(20_000, 5), dim=1)
best = gap / gap.norm()
agrees(
    best @ gap,
    (2 * my_mean_matching(f_r, f_p)).sqrt().detach(),
    tol=1e-6,
    name="(9.8) at the best u",
)
agrees(((u @ gap) - gap.norm()).clamp(min=0), 0.0, name="(9.8) how far 20 000 others get above")
one_image = f_r.mean(0).expand(8, 5)
agrees(my_mean_matching(f_r, one_image), 0.0, name="collapse to the mean feature costs nothing")

# %% [markdown]
# **A batch is not the data.** Each mean is over $m$ images and varies. For two batches drawn independently, with covariances $\Sigma_r,\Sigma_p$
# of the features and true means $\mu$,
#
# $$\mathbb E\,\mathcal L_{GD}=\tfrac12\lVert\mu_r-\mu_p\rVert^2
#   +\frac{\operatorname{tr}\Sigma_r+\operatorname{tr}\Sigma_p}{2m}. \tag{9.9}$$
#
# The second part is no mere constant: $\Sigma_p$ is G's. Small batches *pay G for drawing alike*.
# (In Algorithm 1 $x_p$ has the labels of $x_r$. The mixture of classes, which both batches share, then cancels, and where the class means agree
# Σ is the covariance *within* classes.)

# %%
m, trials = 16, 20_000
mu_r, mu_p, spread_r, spread_p = number([1.0, 0, 0]), number([0, 0, 0.5]), 1.0, 2.0
a = mu_r + spread_r * random(trials, m, 3)
b = mu_p + spread_p * random(trials, m, 3)
values = 0.5 * (a.mean(1) - b.mean(1)).square().sum(1)
error = values.std() / math.sqrt(trials)
plain = 0.5 * (mu_r - mu_p).square().sum()
agrees(
    values.mean(), plain + 3 * (spread_r**2 + spread_p**2) / (2 * m), error=error, name="(9.9)"
)
refuses(values.mean(), plain, error=error, name="a batch mean taken for the true mean")

# %% [markdown]
# ### 4.1 · One centre for each class: why they move
#
# $\mathcal L_{GC}$ does the same with C's features, *class by class*: the sevens drawn should lie where the
# real sevens lie. That is what makes G obey its label. But a batch of 64 holds about six sevens, so (9.9)
# is at its worst. Line 12 therefore follows each centre by a **moving average**. If $b_1,\dots,b_n$ are the
# means of the $n$ batches that held the class,
#
# $$\bar f_n=\frac{\sum_id^{\,n-i}b_i}{\sum_id^{\,n-i}}
#   =\bar f_{n-1}+\frac{1-d}{1-d^n}\,(b_n-\bar f_{n-1}). \tag{9.10}$$
#
# **Exercise 09.3 · A moving centre** · ●●○ · 7 min · code
#
# *Why.* A centre that begins at zero and isn't corrected is far too small at first: after one batch, with $d=.9$, it is a tenth of that batch's mean.
#
# Write one step of (9.10), from the old centre and the newest batch mean.
#
# *Nudge.* (9.10)'s right side is already a step. What does it say for $n=1$, when there is no old centre yet?
#
# *First line.* `share = (1 - decay) / (1 - decay**n)`
#
# *Compare.*
# ```python
# print((1 - 0.5) / (1 - 0.5**2))                              # → 0.6667
# print(moved(torch.zeros(1), torch.ones(1), 2, 0.5))  # → tensor([0.6667])
# print(moved(torch.zeros(1), torch.ones(1), 1, 0.5))  # → tensor([1.])
# ```


# %% exercise="09.3"
def moved(old, batch, n, decay):
    """The centre after the n-th batch mean `batch`, (width,); `old`: the centre before."""
    ### BEGIN SOLUTION
    share = (1 - decay) / (1 - decay**n)
    return old + share * (batch - old)
    ### END SOLUTION


# %%
if not check("09.3", moved):
    moved = lesson_09.moved

# %%
means, decay = random(12, 3) + 2, 0.9
old = torch.zeros(3, dtype=torch.float64)
for n, batch in enumerate(means, start=1):
    old = moved(old, batch, n, decay)
shares = decay ** torch.arange(11, -1, -1, dtype=torch.float64)
shares = shares / shares.sum()
library = Centres(1, 3, decay).double()
for batch in means:
    library.moved(batch[None], torch.ones(1, 1).double())
    library.keep()
agrees(old, shares @ means, tol=1e-5, name="(9.10) step by step, and as a weighted mean")
agrees(library.centres[0], old, tol=1e-5, name="(9.10) the library's")

# %% [markdown]
# **Who carries a gradient?** The history is a number; the batch of now enters with its own share. For a
# drawn image of a class of which this batch holds $k$ (with $\bar f_r$, $\bar f_p$ the class's two moving centres),
#
# $$\frac{\partial\,\tfrac12\lVert\bar f_r-\bar f_p\rVert^2}{\partial f_C(x_p^{(i)})}
#   =\frac{1-d}{1-d^n}\cdot\frac1k\,(\bar f_p-\bar f_r). \tag{9.11}$$

# %%
drawn_centres, ones = Centres(1, 3, decay).double(), torch.ones(6, 1).double()
for _ in range(4):
    drawn_centres.moved(random(6, 3), ones)
    drawn_centres.keep()
f_p = random(6, 3).requires_grad_()
centre, _ = drawn_centres.moved(f_p, ones)
(slope,) = torch.autograd.grad(0.5 * (old - centre[0]).square().sum(), f_p)
share, apart = (1 - decay) / (1 - decay**5), (centre[0] - old).detach()
agrees(slope, (share / 6 * apart).expand(6, 3), name="(9.11) the fifth batch")

# %% [markdown]
# And what does it buy? The weights of (9.10) tend to $(1-d)d^{\,n-i}$, their squares add up to
# $(1-d)^2/(1-d^2)$, so the noise of (9.9) shrinks, if batches are independent, by
#
# $$\frac{\operatorname{Var}\bar f_\infty}{\operatorname{Var}b_i}=\frac{1-d}{1+d}\qquad
#   \Big(d=.9:\;\tfrac1{19}\Big). \tag{9.12}$$
#
# The price: the centre lags by some $1/(1-d)$ batches behind features that are moving, and (9.11) is ten
# times weaker than a batch's gradient. $\lambda_4$ has to make up for that. And (9.12) is the noise of the *number*. Only the newest batch carries
# a gradient: what G is paid for drawing alike, beside the pull on the mean, falls by the factor $1-d$ only, to a tenth.

# %%
n, trials = 60, 20_000
weights = decay ** torch.arange(n - 1, -1, -1, dtype=torch.float64)
ended = random(trials, n) @ (weights / weights.sum())  # batch means of variance 1
squares = ended.square()
error = squares.std() / math.sqrt(trials)
agrees(squares.mean(), (1 - decay) / (1 + decay), error=error, name="(9.12)")
refuses(
    squares.mean(), 1 - decay, error=error, name="1 − d: ten batches remembered, noise / 10"
)

# %% [markdown]
# ## 5 · L_G, and what the λ's mean
#
# Line 14: $\mathcal L_G=\tfrac12\big(\lVert x_r-x_f\rVert^2+\lVert f_D(x_r)-f_D(x_f)\rVert^2
# +\lVert f_C(x_r)-f_C(x_f)\rVert^2\big)$. Here images are compared *one by one*: $x_f$ has a real image
# that it should equal. The losses are weighted: $\lambda_1\mathcal L_{KL}$, $\lambda_2\mathcal L_G$,
# $\lambda_3\mathcal L_{GD}$, $\lambda_4\mathcal L_{GC}$, with $\lambda=(3,\,1,\,10^{-3},\,10^{-3})$ in the paper, for
# sums over 128×128 colour images.
#
# What does $\lambda_1=3$ say? Divide by it. For the pixels' part,
#
# $$\lambda_1\mathrm{KL}+\tfrac{\lambda_2}2\lVert x_r-x_f\rVert^2
#   =\lambda_1\Big(\mathrm{KL}-\log\mathcal N(x_r;\,x_f,\sigma^2I)\Big)+\text{const},\qquad
#   \sigma^2=\frac{\lambda_1}{\lambda_2}. \tag{9.13}$$
#
# So $\lambda_1/\lambda_2$ *is* the decoder's variance in (9.1).

# %%
x_r, x_f = random(4, 784).tanh(), random(4, 784).tanh().requires_grad_()
one, two = 3.0, 1.0
left = one * 5.0 + two / 2 * (x_r - x_f).square().sum(1)  # some KL of 5 nats
right = one * (5.0 - gaussian_log_likelihood(x_r, x_f, math.sqrt(one / two)))
apart = (left - right).detach()
agrees(apart, apart[0], tol=1e-8, name="(9.13) one constant for all images")

# %% [markdown]
# **Carried to another size.** Enlarge an image: every pixel becomes $k\times k$ equal ones. The sum of squares
# grows by $k^2$; the KL does not grow with it. So the *same* λ mean another model at another size.
#
# **Exercise 09.4 · Carried to another size** · ●○○ · 4 min · answer
#
# *Why.* The same number in a paper and in your code may mean two models.
#
# By what must the pixels' sum of a
# 28×28 digit be multiplied so that it weighs as if the image had the paper's size?
#
# *Nudge.* Count the numbers in both images.

# %% exercise="09.4"
### BEGIN SOLUTION
enlargement = 3 * 128 * 128 / 784
### END SOLUTION

# %%
check("09.4", enlargement)

# %% [markdown]
# $$\lVert\mathrm{enlarged}(x)\rVert^2=k^2\lVert x\rVert^2\quad\Rightarrow\quad
#   \text{weight}=\frac{\text{numbers of the paper's image}}{\text{numbers of yours}}. \tag{9.14}$$

# %%
small = random(2, 1, 28, 28)
large = small.repeat_interleave(4, 2).repeat_interleave(4, 3).expand(-1, 3, -1, -1)
sums = large.square().flatten(1).sum(1) / small.square().flatten(1).sum(1)
agrees(sums, 3 * 112 * 112 / 784, name="(9.14) enlarged to 112×112, three colours")
refuses(sums, 1.0, name="as if a sum didn't know the image's size")

# %% [markdown]
# And yet the course does *not* enlarge. Look at what both choices say about the decoder's width σ
# in (9.13), on pixels from −1 to 1:

# %%
paper, course = (CVAEGAN.recipes[name] for name in ("report", "course"))
for name, recipe in {"as if enlarged": paper, "the course": course}.items():
    one, two, three, four = recipe["lambdas"]
    weight = recipe["sized_for"] / 784
    print(f"{name}: pixels × {weight:.1f}, σ = {math.sqrt(one / (two * weight)):.2f};", end=" ")
    print(f"λ = {recipe['lambdas']}, {recipe['latent']} latents")

# %% [markdown]
# With σ = .22 a code must say where every stroke runs: in trials it held some forty nats, the *class among
# them*, and G learned to read the class off the code and to ignore its label. Trials of about 450 rounds on MNIST, one seed
# each (and $\lambda_3$, $\lambda_4$ not quite alike):
#
# | pixels × | nats in $z$ | samples read as asked | transferred digits read as the new class |
# |---|---|---|---|
# | 8 | 23 | 66% | 47% |
# | 2.5 | 14 | 84% | 78% |
# | 1 | 8 | 91% | 86% |
#
# $\lambda_1=3$, $\lambda_2=1$ on the plain sum of 784 pixels leave little beside style. So at 28×28 the course keeps the paper's $\lambda_1$ and
# $\lambda_2$ *literally*. It does not keep $\lambda_3$ and $\lambda_4$: a squared distance of features has the
# size that its network gives it, and the paper's networks are far larger than these. Here means are made
# loud enough to be heard beside $\mathcal L_G$, and $\mathcal L_{GC}$ ten times louder, which makes up for
# (9.11). And the weights by which G's first layer reads the label start as large, together, as those by which it
# reads z: one 1 among nine 0s would else be hard to hear. These are settings chosen by trials; the paper's values stand in the recipe `"report"`.
#
# ## 6 · Who receives which gradient
#
# Lines 15 to 18 say who moves by what. All losses come from *one* forward pass, and then all four
# networks move:
#
# $$\theta_P\leftarrow\theta_P-\eta\,\nabla_{\theta_P}\sum_{\mathcal L\in\mathcal S(P)}\mathcal L,\qquad
#   P\in\{C,D,G,E\}. \tag{9.15}$$
#
# **Exercise 09.1 · Who moves by what?** · ●●○ · 6 min · answer
#
# *Why.* In a program this is easy to get wrong.
#
# Write the sets $\mathcal S(P)$ from what each loss is for, before the lines below and autograd tell: for each of `"C"`, `"D"`, `"G"`, `"E"` the names of its losses, among `"L_C"`, `"L_D"`,
# `"L_KL"`, `"L_G"`, `"L_GD"`, `"L_GC"`.
#
# *Nudge.* Two networks move by one loss only. One loss moves two networks.
#
# *First line.* `moves_by = {"C": {"L_C"}, "D": {...}, "G": {...}, "E": {...}}`

# %% exercise="09.1"
### BEGIN SOLUTION
moves_by = {
    "C": {"L_C"},
    "D": {"L_D"},
    "G": {"L_G", "L_GD", "L_GC"},
    "E": {"L_KL", "L_G"},
}
### END SOLUTION

# %%
check("09.1", moves_by)
moves_by = lesson_09.ALGORITHM_1  # in the lesson's writing, whatever yours was

# %% [markdown]
# Report A prints the lines so (as extracted they lack the minus and the step of (9.15), which are meant):
#
# > - 15: $\theta_C \leftarrow \nabla_{\theta_C} (\mathcal{L}_C)$
# > - 16: $\theta_D \leftarrow \nabla_{\theta_D} (\mathcal{L}_D)$
# > - 17: $\theta_G \leftarrow \nabla_{\theta_G} (\mathcal{L}_G + \mathcal{L}_{GD} + \mathcal{L}_{GC})$
# > - 18: $\theta_E \leftarrow \nabla_{\theta_E} (\mathcal{L}_G + \mathcal{L}_{KL})$
#
# That is who *moves*. A loss may *depend* on more networks than it moves. Guess first: in the line of a
# loss, press the full circle, the empty one or the point for each of E, G, D and C (or type m, r or n).
# After four guesses the line is answered, and you see its gradient run backwards, orange, from the network
# that judges to the one that drew. At the end choose *with one optimiser* among the answers: so it would
# be if one optimiser moved all four networks by every loss.
#
# **Think.** Why can $\mathcal L_{GD}$ never reach E?
#
# *Answer.* It compares real images with $x_p$, which is drawn from $z_p$. The encoder made neither of them.

# %%
explore.show(explore.four_players())

# %% [markdown]
# The same in code. On which networks does each loss depend? Ask autograd: in which parameters has it
# a gradient?

# %%
digits, test = data.load("digits"), data.load("digits", "test")
small = {"width": 4, "dense": 12, "latent": 3, "batch": 24}
tiny = CVAEGAN(**small, seed=1).double()
networks = {"E": tiny.encoder, "G": tiny.generator}
networks |= {"D": tiny.discriminator, "C": tiny.classifier}
owned = {name: list(network.parameters()) for name, network in networks.items()}
move = tiny.game().round[0]
losses = move.losses(Source(digits, 24, seed=1, dtype=torch.float64))
depends = reaches(losses, owned)

# %%
called = {
    "L_C": "C.class", "L_D, real": "D.real", "L_D, rebuilt": "D.rebuilt",
    "L_D, drawn": "D.drawn", "L_KL": "E.kl", "L_G": "G.reconstruction",
    "L_GD": "G.mean", "L_GC": "G.class means",
}  # fmt: skip
print(f"{'':14}" + "".join(f"{name:>4}" for name in "EGDC") + "   ● moves it, ○ only depends")
for loss, term in called.items():
    row = ""
    for name in "EGDC":
        moves = loss.split(",")[0] in moves_by[name] and name in depends[term]
        row += f"{'●' if moves else '○' if name in depends[term] else '·':>4}"
    print(f"{loss:14}{row}")

# %%
ALL = {"E", "G", "D", "C"}
line_by_line = {  # on which networks lines 3 to 14 depend, read with a pencil
    "L_C": {"C"}, "L_D, real": {"D"}, "L_D, rebuilt": {"D", "G", "E"},
    "L_D, drawn": {"D", "G"}, "L_KL": {"E"}, "L_G": ALL,
    "L_GD": {"D", "G"}, "L_GC": {"C", "G"},
}  # fmt: skip
assert {loss: depends[term] for loss, term in called.items()} == line_by_line
for loss, term in called.items():
    assert loss.split(",")[0] in moves_by[term.split(".")[0]], loss
print("✓ the library's game depends on what lines 3 to 14 say, and moves as 15 to 18 say")

# %% [markdown]
# **The same in one picture.** On the left, who computes what from what; on the right, the table above.
#
# ![Left: a real image goes to E, D and C; E's code z and a drawn code go through G to a rebuilt and a drawn image, which D and C read too; the condition is told to E and G. Right, losses by players: KL is followed by E; L_G by E and G, and reaches D and C; L_GD is followed by G and reaches D; L_GC is followed by G and reaches C; L_D is followed by D and reaches E and G; L_C is followed by C alone.](drawing:cvaegan)

# %% [markdown]
# **What to see.** The model is defined by the gradients that exist but are *not* followed, the empty circles. $\mathcal L_D$ *has* a gradient in G and E, and they don't
# follow it: no loss of theirs is a cross-entropy. $\mathcal L_G$ has one in D and C, and *those* don't follow
# it: a D that moved by $\mathcal L_G$ would be pulled to make all images look alike, the cheapest way to equal
# features. In public ports these circles are easily filled by accident: by a `backward()` that leaves
# gradients lying in D, or by one optimiser for two networks. Here each player's gradient is taken in its
# own parameters only, so nothing needs a `detach()`:


# %%
def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


sums = {name: sum(terms.values()) for name, terms in losses.items()}
keep = {"retain_graph": True}
wanted = {name: flat(torch.autograd.grad(sums[name], owned[name], **keep)) for name in sums}
everything = sum(sums.values()) - losses["E"]["reconstruction"]  # each loss once, in one sum
one_sum = {n: flat(torch.autograd.grad(everything, owned[n], **keep)) for n in ("D", "G")}
moves = own_gradients(losses, move.players)
moves = {player.name: flat(found) for player, found in moves.items()}
# %%
def own_loss():
    """The four sums again, on the same images and noise."""
    again = move.losses(Source(digits, 24, seed=1, dtype=torch.float64))
    return {name: sum(terms.values()).item() for name, terms in again.items()}


@torch.no_grad()
def by_differences(name, step=1e-5):
    """How the player's own loss changes along its gradient, by two evaluations: no autograd."""
    direction = wanted[name] / wanted[name].norm()
    ends = []
    for sign in (1, -1):
        start = 0
        for p in owned[name]:
            part = direction[start : start + p.numel()].view_as(p)
            start += p.numel()
            p.add_(sign * step * part)
        ends.append(own_loss()[name])
        start = 0
        for p in owned[name]:
            p.sub_(sign * step * direction[start : start + p.numel()].view_as(p))
            start += p.numel()
    return (ends[0] - ends[1]) / (2 * step)


# %%
for name in sums:
    along = (moves[name] @ wanted[name]) / wanted[name].norm()
    scale = abs(along.item())
    agrees(along / scale, by_differences(name) / scale, tol=1e-4, name=f"(9.15) what moves {name}")
    agrees(moves[name], wanted[name], name=f"(9.15) {name}, each weight")
for name in one_sum:
    refuses(one_sum[name], moves[name], tol=1e-6, name=f"one sum for all moves {name}")

# %% [markdown]
# # Part B · Train it, and take it apart
#
# A good place to begin again after a break. Time: {{part:B}}. Afterwards you can train it on digits, steer class and style, and say what each loss bought in a recorded trial.

# %% [markdown]
# ## 7 · From equations to code
#
# The library's forward pass is lines 2 to 8, its losses are lines 3 to 14. Put *your* $\mathcal L_{GD}$ in
# its place; the rest is as derived.


# %%
class Mine(CVAEGAN):
    """The course's model with the mean matching that you wrote."""

    def mean_matching(self, p, mean):
        return my_mean_matching(p.d["real"], p.d["drawn"])


# %%
batch = digits.batch(slice(0, 24))
images, labels = 2 * batch.x.double() - 1, batch.labels
pair = [kind(**small, seed=2).double() for kind in (CVAEGAN, Mine)]
noise, z_p = random(24, 3), random(24, 3)
theirs, yours = (model.forward_pass(images, labels, noise, z_p) for model in pair)
theirs_GD = pair[0].mean_matching(theirs, lambda t: t).detach()
yours_GD = pair[1].mean_matching(yours, lambda t: t).detach()
agrees(yours_GD, theirs_GD, tol=1e-9, name="your L_GD is the library's")
# %%
one, two, three, four = tiny.settings["lambdas"]
found = pair[0].losses(theirs)
L_KL = gaussian_kl(theirs.mean, theirs.log_var).mean()
pairs = [(theirs.real, theirs.rebuilt)]
pairs += [(f["real"], f["rebuilt"]) for f in (theirs.d, theirs.c)]
L_G = sum(0.5 * (a - b).square().flatten(1).sum(1).mean() for a, b in pairs)
agrees(found["E"]["kl"] / one, L_KL.detach(), tol=1e-9, name="L_KL by hand")
agrees(found["E"]["reconstruction"] / two, L_G.detach(), tol=1e-9, name="L_G by hand")
wrong = mse_loss(theirs.rebuilt, theirs.real)
refuses(wrong, L_G.detach(), tol=1e-3, name="a mean over pixels")

# %% [markdown]
# ## 8 · Train it
#
# **Exercise 09.11 · Read as asked** · ●○○ · 1 min · predict
#
# *Why.* G is never told to please a classifier. You will see whether it does.
#
# Once it is trained, the classifier that judges digits reads samples. Which share will
# it read as the class that was asked for? (Real digits: 99.5%.) A number from 0 to 1.

# %% exercise="09.11"
### BEGIN SOLUTION
guess_share = 0.9
### END SOLUTION
guess_share = predict("09.11", guess_share)

# %%
model = Mine()
history = training.fit(model, digits, seed=0, preview=False)
print(history.summary())

# %%
fig, axes = plots.figure(columns=2, height=3.4)
told = {"D: knows nothing": 3 * math.log(2), "D: all agree": 3 * math.log(3) - 2 * math.log(2)}
terms = history.terms
loss_of_D = terms["D.real"] + terms["D.rebuilt"] + terms["D.drawn"]
plots.curves({"L_D": loss_of_D, "L_C": terms["C.class"]}, references=told, ax=axes[0])
own = {
    "L_G": terms["G.reconstruction"], "λ₁ L_KL": terms["E.kl"],
    "λ₃ L_GD": terms["G.mean"], "λ₄ L_GC": terms["G.class means"],
}  # fmt: skip
plots.curves(own, ylabel="weighted", ax=axes[1])
axes[1].set_yscale("log")
plots.show(
    fig,
    alt="Left: D's and C's losses over the rounds with (9.4) as dotted lines. Right: the four "
    "weighted losses of G and E on a logarithmic scale.",
)

# %% [markdown]
# **What to see.** $\mathcal L_D$ and $\mathcal L_C$ start where an untrained model *must* (section 11 prints
# it; the smoothed lines hide it). On average D stays below the lines of (9.4), single rounds
# leap above: it goes on telling real from made (G never
# plays against it directly). Right: $\mathcal L_G$ falls while the KL *rises*: codes
# begin to say something. $\lambda_4\mathcal L_{GC}$ leaps up at first, falls back, and then rises slowly. If the KL fell to nothing you would have to worry.


# %%
def class_scores(model, n):
    """Agreement and diversity of n samples, with standard errors."""
    asked = torch.arange(n) % 10
    samples = conditional.draw(model, asked, torch.Generator().manual_seed(1))
    read = conditional.readings(samples, evaluation.digit_classifier(), model.condition)
    right = evaluation.agreement(read, asked)
    shown = test.take(budget.pick(smoke=200, laptop=2000))
    seen = [evaluation.image_features(i, "digits") for i in (samples, shown.images)]
    members = [one_hot(labels, 10) for labels in (asked, shown.labels)]
    return right, evaluation.relative_diversity(seen[0], members[0], seen[1], members[1])


# %%
(right, error), (spread, spread_error) = class_scores(model, budget.pick(smoke=200, laptop=2000))
print(f"read as asked {right:.1%} ± {error:.1%}", end="; ")
print(f"diversity within a class {spread:.2f} ± {spread_error:.2f} of real digits'")
print("± is a standard error" + ("" if guess_share is None else f"; your guess {guess_share:g}"))

# %% [markdown]
# Never read one of these scores alone. A model that draws one perfect seven for all sevens has agreement
# 1 and diversity 0 there. Real digits with random labels have diversity 2.5, and agreement 0.1. (Section 10 adds the third, GAN-train.)


# %%
def class_by_style(model, styles, seed=0):
    """Row: one z. Column: one class."""
    noise = torch.Generator().manual_seed(seed)
    z = torch.randn(styles, model.settings["latent"], generator=noise)
    return model.decode(z.repeat_interleave(10, 0), torch.arange(10 * styles) % 10)


# %%
fig = plots.images(
    class_by_style(model, 6),
    columns=10,
    column_labels=range(10),
    title="Yours: a row is one z, a column one class",
)
plots.show(fig, alt="Ten columns of digits 0 to 9; the digits of a row share slant and weight.")

# %% [markdown]
# **What to see.** Down a column the class stays, along a row the style does: slant, weight, width. Nobody
# told z to mean this. It is what is left to say when the class is said. After a few minutes of training
# some cells still fail, most in the fourth row, whose z lies farthest out (norm 5.0; about 4 is usual).
#
# ## 9 · The zoo's CVAE-GAN
#
# The same recipe, trained longer on all 60,000 digits of MNIST.

# %%
best = zoo.load("cvaegan-mnist")
card = zoo.card("cvaegan-mnist")
print(f"{card['about']}: {card['round']} rounds, batch {card['batch']}, seed {card['seed']}")
(right, error), (spread, spread_error) = class_scores(best, budget.pick(smoke=200, laptop=2000))
print(f"read as asked {right:.1%} ± {error:.1%}")
print(f"diversity within a class {spread:.2f} ± {spread_error:.2f} of real digits'")

# %% [markdown]
# Report A shows three grids under "Specify the generated image:": rows of one digit each, rows from one real digit to
# another, and rows 0 … 9. The first and the last are one command each, since the label is given (on the right, a column is one $z$):

# %%
noise = torch.Generator().manual_seed(8)
each = best.sample(90, labels=torch.arange(90) // 9, generator=noise)
rows = class_by_style(best, 9, seed=8)
sheet = torch.cat([each.view(10, 9, 1, 28, 28), rows.view(9, 10, 1, 28, 28).transpose(0, 1)], 1)
fig = plots.images(
    sheet.flatten(0, 1),
    columns=18,
    zoom=1,
    row_labels=range(10),
    title="nine free styles, then nine shared ones",
)
plots.show(fig, alt="Ten rows of equal digits, 0 to 9: nine with free styles, nine by style.")


# %% [markdown]
# **The morph grid.** Two digits, two codes. Downwards z goes from one to the other, to the right the *label*
# does: half a three and half an eight is a vector that G has never been given.


# %%
@torch.no_grad()
def morph(model, first, second, steps=8):
    """Rows: style from z₁ to z₂; columns: class from `first` to `second`."""
    noise = torch.Generator().manual_seed(3)
    z_1, z_2 = torch.randn(2, model.settings["latent"], generator=noise)
    t = torch.linspace(0, 1, steps)[:, None]
    codes = (1 - t) * z_1 + t * z_2
    a, b = one_hot(torch.tensor([first, second]), 10).float()
    told = (1 - t) * a + t * b
    with model.averaged(), evaluating(model.generator):
        made = model.write(codes.repeat_interleave(steps, 0), told.repeat(steps, 1))
    return (made + 1) / 2


# %%
grids = [morph(best, a, b).view(8, 8, 1, 28, 28) for a, b in ((3, 8), (4, 9))]
fig = plots.images(
    torch.cat(grids, 1).flatten(0, 1),
    columns=16,
    zoom=1,
    column_labels=["3", *[""] * 6, "8", "4", *[""] * 6, "9"],
    title="3 → 8 and 4 → 9; downwards z₁ → z₂",
)
plots.show(fig, alt="Two grids: digits change their style downwards and class rightwards.")
for pair, grid in zip(("3 → 8", "4 → 9"), grids, strict=True):
    steps = (grid[:, 1:] - grid[:, :-1]).flatten(2).norm(dim=2).mean(0)
    print(f"{pair}, how far each column is from the next:", *(f"{step:.2f}" for step in steps))

# %% [markdown]
# **What to see.** Downwards nearly every picture is a digit. To the right strokes fade in and out. G knows ten labels; a
# blend of two is no label, and what it draws there nobody has trained. Yet the steps, printed above, are alike in size: the largest is 1.4 times
# the smallest for 3 → 8, twice for 4 → 9. A observed "how one digit is slowly converted
# into another one": in its second grid, too, where code and label go together, strokes fade.
#
# Take it apart yourself: the label to the right, the style upwards, two digits and two codes of your choice.
#
# **Think.** Will the judge's belief in the first digit fall as evenly as these steps?
#
# *Answer.* No, it turns within a small part of the way. It is the reading that changes quickly, not the picture.

# %%
explore.show(explore.morph(best))

# %% [markdown]
# (`explore.show(explore.class_style(best))`, in a cell of your own, moves the style of all ten classes at once.)
#
# ### 9.1 · Style transfer and reconstruction
#
# Encode a real digit *with its label*, draw the code with another label.

# %%
from_each = [int((test.labels == c).nonzero()[1]) for c in (2, 3, 4, 5, 7, 9)]
originals = test.batch(from_each)
sheet = [originals.x]
for c in range(10):
    noise = torch.Generator().manual_seed(c)
    sheet.append(best.transfer(originals.x, originals.labels, [c] * 6, noise))
sheet = torch.stack(sheet, 1).flatten(0, 1)
names = ["real", *range(10)]
fig = plots.images(sheet, columns=11, column_labels=names, title="the style of a real digit")
plots.show(fig, alt="Six real digits, each followed by all ten classes drawn in its style.")

# %%
many = budget.pick(smoke=50, laptop=1000)
x, own = test.batch(slice(0, many)).x, test.labels[:many]
others = (own + 1 + torch.arange(many) % 9) % 10
made = best.transfer(x, own, others, torch.Generator().manual_seed(1))
judge = evaluation.digit_classifier()
read = conditional.readings(made, judge, best.condition)
right, error = evaluation.agreement(read, others)
stayed, _ = evaluation.agreement(read, own)
print(f"transferred digits read as the new class: {right:.1%} ± {error:.1%}", end="; ")
print(f"as the old one: {stayed:.1%}")

# %% [markdown]
# If the second number were large, z would hold the class (as in section 5).
#
# Draw a digit with the mouse. E is told which digit it is meant to be; what E writes into $z$ is drawn in all ten
# classes. Then tell E a *wrong* class.

# %%
explore.show(explore.transfer(best))

# %% [markdown]
# Now reconstruction, beside the two models that it was made of. Two scores, because the
# squared error prefers a blur:

# %%
compared = [n for n in ("cvae-mnist", "vaegan-mnist", "cvaegan-mnist") if n in zoo.names()]
shown, rebuilt = torch.arange(12), [x[:12]]
for name in compared:
    other = zoo.load(name)
    labels = own if other.condition.size else None
    again = other.reconstruct(x, labels, torch.Generator().manual_seed(1))
    rebuilt.append(again[:12])
    error = (again - x).square().flatten(1).sum(1)
    given = (x,) if labels is None else (x, labels)
    with torch.no_grad():
        nats = gaussian_kl(*other.encode(*given)).mean()
    right, _ = evaluation.agreement(conditional.readings(again, judge, other.condition), own)
    print(
        f"{name:14} squared error {error.mean():5.2f} ± {error.std() / many**0.5:.2f}", end=""
    )
    print(f"; read as the original's class {right:.1%}; {nats:.1f} nats in z")

# %%
fig = plots.images(torch.cat(rebuilt), columns=12, row_labels=["real", *compared])
plots.show(fig, alt="A row of real digits, and below it their reconstructions by each model.")

# %% [markdown]
# **What to see.** Look at the nats before you rank them. All three spend about 13 on z. The CVAE-GAN's squared error is nearly half as
# large again as the CVAE's: it is not asked for pixels alone, and its networks are narrower. VAE/GAN's error is the largest. It was not told the class, so it has to pay for it
# out of the same 13 nats, and it is the one that loses it most often. By class CVAE and CVAE-GAN keep what they were told.
# No ranking of the three by one score is fair.

# %% [markdown]
# ### 9.2 · Attributes instead of a class
#
# Bao et al. tell their model who is in the picture; it can as well be told *what there is*. The zoo's
# `cvaegan-faces` draws lesson 03's faces, 64×64, and is told five things, each yes or no (mouth: open; skin: dark): a vector of ±1
# takes the place of the one-hot class, C answers five yes-or-no questions, and $\mathcal L_{GC}$ has a centre for
# "with" and one for "without" each. Nothing else changes in Algorithm 1. (Here the pixels' sum *is* enlarged to the
# paper's size, section 5: with the plain sum $z$ held eleven nats after 500 rounds and lost the colours, while the attributes
# were obeyed with both.)

# %%
artist, told_card = zoo.load("cvaegan-faces"), zoo.card("cvaegan-faces")
wanted = [name.split(">")[0].split("_")[0] for name in artist.settings["attributes"]]
print(f"{told_card['round']} rounds, batch {told_card['batch']}; told: {', '.join(wanted)}")
n_faces = budget.pick(smoke=20, laptop=300)
asked = torch.randint(2, (n_faces, 5), generator=generator)
drawn = conditional.draw(artist, asked, torch.Generator().manual_seed(0))
seen = evaluation.face_factors().read(drawn)
right = artist.condition.read(None, seen.__getitem__) == asked
for k, name in enumerate(wanted):
    yes = asked[:, k] == 1
    print(f"{name:8} asked for: read in {right[yes, k].double().mean():.0%};", end=" ")
    print(f"asked without: read as without in {right[~yes, k].double().mean():.0%}")

# %%
noise = torch.Generator().manual_seed(3)
z = torch.randn(2, artist.settings["latent"], generator=noise)
switches = torch.cat([torch.zeros(1, 5), torch.eye(5)]).long()  # none, then one at a time
face_scores = [f"{score} on face features" for score in ("FD", "precision", "recall")]
print(zoo.scores("cvaegan-faces", *face_scores, "intra-class diversity"))
fig = plots.images(
    artist.decode(z.repeat_interleave(6, 0), switches.repeat(2, 1)),
    columns=6,
    zoom=1,
    column_labels=["none", *wanted],
    title="one z a row; one attribute more",
)
plots.show(fig, alt="Two rows of one face in six versions: plain, then with one attribute.")

# %% [markdown]
# **What to see.** Beard, smile and skin are obeyed in more than nine of ten faces, glasses and an open mouth less often when they are asked for. The pictures are speckled, and the recall says that much of what real faces are is missing: a
# quarter of them lies within the reach of samples, where nearly all would for real ones; FD is nine times its floor. "As asked" does not see either.
#
# And the attributes of a *given* face: encode it with what it has, draw the code with one thing changed.

# %%
portraits = data.faces.load("test", n=2)
has = artist.condition.read(None, portraits.attributes.__getitem__)
x = portraits.batch(slice(0, 2)).x
sheet = [x, artist.reconstruct(x, has, torch.Generator().manual_seed(0))]
for k in range(5):
    turned = has.clone()
    turned[:, k] = 1 - turned[:, k]
    sheet.append(artist.transfer(x, has, turned, torch.Generator().manual_seed(0)))
fig = plots.images(
    torch.stack(sheet, 1).flatten(0, 1),
    columns=7,
    zoom=1,
    column_labels=["given", "rebuilt", *(f"±{name}" for name in wanted)],
)
plots.show(fig, alt="Two faces, rebuilt, and with each of five attributes turned round.")

# %% [markdown]
# The explorer at the lesson's beginning turns one attribute after the other while $z$ stays. What else does the judge
# of faces read changed there? (In its first picture: the tilt of the brows, and the nose.)

# %% [markdown]
# ## 10 · What does each loss buy? An ablation, recorded
#
# Leave out one thing at a time: all of D, all of C, $\mathcal L_{GD}$, $\mathcal L_{GC}$, and everything but
# pixels. Three seeds each would take most of an hour here, so it was **recorded**, by a script that you can
# run: `python data/make_ablation.py`, at the laptop budget on the embedded digits. The third score is **GAN-train**:
# a classifier sees samples alone and then reads real digits. It can fall because samples are wrong, *and* because they are too
# much alike. The last row of the table is what real digits get: test digits for the agreement, and for the rest training digits in
# the place of samples. No score of a variant means much without it.
#
# **Exercise 09.12 · What is missed most?** · ●○○ · 2 min · predict
#
# *Why.* You have derived what each loss asks for. Say what happens without it.
#
# Which variant has the *lowest* agreement? Write its name: `"full"`, `"without D"`,
# `"without C"`, `"without L_GD"`, `"without L_GC"` or `"pixels alone"`.

# %% exercise="09.12"
### BEGIN SOLUTION
guess_worst = "pixels alone"
### END SOLUTION
guess_worst = predict("09.12", guess_worst)

# %%
recorded = json.loads(data.paths.find("ablation.json").read_text("utf-8"))
print(recorded["about"])
print(f"command: {recorded['command']}; {recorded['minutes']:.0f} CPU minutes")
print(f"λ₁ … λ₄ and weights in L_G: {recorded['variants']['full']}")


# %%
def mean_and_half(values):
    """Mean over seeds and half of its 95% interval (Student's t)."""
    t_95 = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}[len(values)]
    values = number(values)
    return values.mean().item(), t_95 * values.std().item() / math.sqrt(len(values))


def interval(variant, name):
    return mean_and_half([r[name] for r in recorded["rows"] if r["variant"] == variant])


# %%
columns = ("agreement", "gan_train", "diversity", "fd", "mse", "kl")
print(f"{'mean ± 95%':12}" + "".join(f"{name:>14}" for name in columns))
for variant in recorded["variants"]:
    row = ""
    for name in columns:
        mean, half = interval(variant, name)
        row += f"{mean:8.3f}±{half:.3f}"
    print(f"{variant:12}{row}")
known = [recorded["real"].get(name) for name in columns]
told = "".join(f"{'–' if v is None else f'{v:.3f}':>8}{'':6}" for v in known)
print(f"{'real digits':12}{told}")
if guess_worst is not None:
    print("your prediction for the lowest agreement:", guess_worst)

# %%
fig, axes = plots.figure(columns=4, width=10.4, height=2.9)
shown = {
    "agreement": "agreement",
    "gan_train": "GAN-train",
    "diversity": "diversity",
    "fd": "FD",
}
for ax, (name, title) in zip(axes, shown.items(), strict=True):
    for place, variant in enumerate(recorded["variants"]):
        seeds = [r[name] for r in recorded["rows"] if r["variant"] == variant]
        mean, half = interval(variant, name)
        ax.plot([mean - half, mean + half], [place, place], color=plots.MUTED, lw=1)
        ax.plot(seeds, [place] * len(seeds), "o", ms=4, color=plots.PALETTE[0])
    if name != "fd":
        ax.axvline(recorded["real"][name], ls=":", color=plots.MUTED)
    labels = list(recorded["variants"]) if ax is axes[0] else [""] * 6
    ax.set_yticks(range(len(recorded["variants"])), labels, fontsize=8)
    ax.invert_yaxis()
    ax.set_title(title, loc="left", fontsize=11)
axes[3].set_xscale("log")
axes[3].set_xticks([3, 5, 10, 15], ["3", "5", "10", "15"])
axes[3].set_xticks([], minor=True)
plots.show(
    fig,
    alt="Four panels, a row for each variant: agreement, GAN-train, diversity and Fréchet "
    "distance, with a dot for each seed, a line for the 95% interval, real digits dotted.",
)

# %% [markdown]
# (Dotted: what real digits get; of FD .42, left of its panel.) A seed fixes the first weights, the order of the digits and the noise, so two variants with one seed can be
# compared *in pairs*: the difference to `full`, seed by seed. A pair helps where both move up and down together with
# the seed. Whether they do is an observation: count the correlations too.


# %%
def against_full(variant, name):
    """Mean difference to the full model of runs with one seed, half interval, correlation."""
    rows = {(row["variant"], row["seed"]): row[name] for row in recorded["rows"]}
    seeds = sorted({seed for _, seed in rows})
    pairs = number([[rows[variant, s], rows["full", s]] for s in seeds])
    together = torch.corrcoef(pairs.T)[0, 1].item()  # do both move with the seed?
    return *mean_and_half((pairs[:, 0] - pairs[:, 1]).tolist()), together


# %%
scores = ("agreement", "gan_train", "diversity", "fd")
opposed = {name: 0 for name in scores}
print(f"{'minus full':12}" + "".join(f"{name:>17}" for name in scores))
for variant in [v for v in recorded["variants"] if v != "full"]:
    row = ""
    for name in scores:
        mean, half, together = against_full(variant, name)
        opposed[name] += together < 0
        row += f"{mean:+8.3f} ± {half:.3f}{'*' if abs(mean) > half else ' '}"
    print(f"{variant:12}{row}")
print("± is half of a 95% interval; *: the interval excludes zero")
told = ", ".join(f"{name} {count} of 5" for name, count in opposed.items())
print(f"correlation over seeds negative: {told}")

# %% [markdown]
# **What to see.** Read only the starred differences; of the others the table says nothing. Pairing helped
# with *diversity*, which moves with the seed in all variants: in four of five comparisons half of the interval is below .02, where the variants by themselves have about .05 to .07.
# With the other scores it bought next to nothing: in 13 of 15 comparisons the two move *against* each other. (Three seeds can't say more of a correlation than that.)
#
# - **D is worth most by three of the four scores, and not by making G obey.** Without it samples are read as asked a little *more* often.
#   But they spread by .7 of what digits do, stand nearly three times as far
#   from digits, and a classifier that has seen only these reads real digits far worse. Pixels alone: as far off by diversity and distance; its GAN-train is not decided.
# - **Of $\mathcal L_{GD}$ these scores see no gain.** D's features in
#   $\mathcal L_G$, lesson 08's learned similarity, seem enough for what D gives here; whether $\mathcal L_{GD}$ alone would do was not tried.
# - **Without $\mathcal L_{GC}$ G obeys less** (GAN-train does not decide), and its "diversity" exceeds that of real digits: wrong digits are
#   diverse. A gain in one score that another pays for is none.
# - **Without all of C hardly any loss is seen here** (two hundredths of diversity), and the distance is better. Look at the last column: C's
#   features in $\mathcal L_G$ make the code say some six nats more (the class among them, it seems), and $\mathcal L_{GC}$ then
#   has to talk G into listening to its label. On digits, whose class the label says in full, it seems a remedy for an illness
#   that C brought in.
#
# **What this table does not show.**
# - *Not what the losses buy in general.* One data set, small networks, a thousand rounds, one
#   choice of λ, made for the full model and not tuned again for any variant. A variant with weights of its own
#   might do better; with thirty times the training some differences might close.
# - *Not that three seeds are enough.* With three seeds the interval is 4.3 standard errors wide on each side.
#   Two intervals that overlap leave the question open; they do not show equality. And of twenty intervals about one misses by chance: build nothing on
#   a star that is barely one.
# - *Not a sum.* What $\mathcal L_{GD}$ buys with $\mathcal L_{GC}$ there need not be what it buys without. Leaving
#   out one thing at a time can't see that.
# - *Not a judge without interests.* All four scores read digits with
#   networks of one kind, and C is a network of that kind. None of them is C, but what pleases C may well
#   please them.
#
# # Part C · Faults, and a report's own code
#
# A good place to begin again after a break. Time: {{part:C}}. Afterwards you can recognise two faults, and find in a printed log that another code must have run.
#
# ## 11 · Break it
#
# Three trainings A, B and C. One is Algorithm 1. Two have a fault of one line each.

# %%
ROUNDS = budget.pick(smoke=3, laptop=200)
suspects = {}
for run, fault in lesson_09.faults.items():
    suspect = fault(seed=5, average=None)
    options = {"rounds": ROUNDS, "seed": 5, "preview": False, "progress": False}
    log = training.fit(suspect, digits, **options).terms
    suspects[run] = suspect, log
    L_D = log["D.real"] + log["D.rebuilt"] + log["D.drawn"]
    L_KL = log["E.kl"] / suspect.settings["lambdas"][0]
    print(f"run {run}, first round: L_D {L_D[0]:.3f}, L_C {log['C.class'][0]:.3f}", end=", ")
    print(f"L_G {log['G.reconstruction'][0]:.2f}, L_KL {L_KL[0]:.3f}")
    late = {name: value[-10:].mean() for name, value in log.items()}
    print(
        f"       late: L_G {late['G.reconstruction']:.2f}, L_KL {L_KL[-10:].mean():.3f}",
        end=", ",
    )
    print(f"λ₃ L_GD {late['G.mean']:.2f}, λ₄ L_GC {late['G.class means']:.2f}")

# %%
fig, axes = plots.figure(columns=3, rows=2, height=2.6)
few = test.batch(slice(0, 10))
for column, (run, (suspect, _)) in enumerate(suspects.items()):
    again = suspect.reconstruct(few.x, few.labels, torch.Generator().manual_seed(0))
    above, below = axes[:, column]
    plots.images(torch.cat([few.x, again]), columns=10, title=f"{run}: rebuilt", ax=above)
    plots.images(class_by_style(suspect, 2), columns=10, title=f"{run}: z × class", ax=below)
plots.show(
    fig,
    alt="For each of three runs: above ten real digits and their reconstructions, below two "
    "rows of samples, a column for each class.",
)

# %% [markdown]
# **Exercise 09.7 · Three runs, two faults** · ●●○ · 10 min · answer
#
# *Why.* None of them stopped with an error. Losses and pictures must tell.
#
# Which run is what? Choose among
#
# - `"healthy"`,
# - `"noise for a label"`: $x_p$ is drawn with noise in the slots where its label should stand,
# - `"pixel mean"`: $\mathcal L_G$ takes means (over pixels, and over features) where line 14 has sums; the KL stays a sum,
# - `"label withheld"`: E isn't told the label.
#
# Write `diagnosis = {"A": ..., "B": ..., "C": ...}` with your answers for the dots.
#
# *Nudge.* What can a *first* printed line tell, before anything was learned? And which loss stands out late, and what does it compare?
#
# *First line.* A squared error summed over 784 pixels can't begin near 1.

# %% exercise="09.7"
### BEGIN SOLUTION
diagnosis = {"A": "noise for a label", "B": "healthy", "C": "pixel mean"}
### END SOLUTION

# %%
check("09.7", diagnosis)

# %% [markdown]
# <details><summary><b>Reveal</b> (open it after your answer)</summary>
#
# - **A: noise for a label.** Its first line is right; no first line can convict it. But its late $\mathcal L_{GC}$ is
#   high: G can't know which $x_p$ shall be a seven, so their centre can't lie where the sevens lie. And its ten columns
#   are nearly alike, for nobody ever asked G to *draw* what a label says.
# - **B: healthy.**
# - **C: pixel mean.** Its $\mathcal L_G$ *begins* near 1, where 784 summed errors can't be. From there the
#   KL outweighs it, and goes to zero: whatever digit comes in, the reconstruction is nearly one picture for each
#   class. Its $\mathcal L_G$ and its KL look wonderful.
# - **Label withheld** was not among them. By (9.1) it costs a part of the bound; on digits you would hardly see it
#   in a picture (lesson 08).
#
# </details>
#
# ## 12 · Report A's own code

# %% [markdown]
# ### E13 · The first line of the log (case file, optional)
#
# Report A is one of the two student reports that this course reads closely (lesson 00 says why). It prints Algorithm 1 and a log of its training. From the first line of that log you
# can compute that something else was trained.

# %% [markdown]
# Report A, §3.4, prints Algorithm 1, with line 9 as above. The log in its §4.4 begins so:
#
# > [0/200][0/469] Loss_D: 1.3814 Loss_C: 0.6999 Loss_G: 4462.5200
#
# > [0/200][100/469] Loss_D: 0.0014 Loss_C: 0.2063 Loss_G: 255.7935
#
# **Exercise 09.5 · The first line** · ●●○ · 5 min · answer
#
# *Why.* Every log of a training can be tested like this, in a minute.
#
# What must Algorithm 1 print for $\mathcal L_D$ and $\mathcal L_C$ at the first step, from
# networks that know nothing? Give two numbers, $\mathcal L_D$ first.
#
# *Nudge.* What does a D that knows nothing say to each of its images, and how many terms has line 9? What does a C of ten classes say?
#
# *First line.* $-\ln\frac12$ for each term of line 9.

# %% exercise="09.5"
### BEGIN SOLUTION
first_line = (3 * math.log(2), math.log(10))
### END SOLUTION

# %%
check("09.5", first_line)

# %% [markdown]
# <details><summary><b>The two numbers</b> (open it after your answer)</summary>
#
# $$\mathcal L_D^{(0)}=3\ln2=2.079,\qquad\mathcal L_C^{(0)}=\ln10=2.303;\qquad
#   \text{printed: }1.381\approx2\ln2,\quad.700\approx\ln2. \tag{9.16}$$
#
# </details>
#
# Is an untrained network's output near enough to "nothing"? Ask a dozen of them, with A's latents and batch.

# %%
batch = digits.batch(slice(0, 128))
images = 2 * batch.x - 1
firsts = []
with torch.no_grad():
    for seed in range(12):
        fresh = CVAEGAN("report", seed=seed, width=16)
        noise, z_p = torch.randn(2, 128, 100, generator=generator)
        p = fresh.forward_pass(images, batch.labels, noise, z_p)
        l_d = sum(fresh.discriminator_terms(p).values())
        firsts.append([l_d, fresh.classifier_terms(p)["class"]])
firsts = number(firsts)
print(
    f"12 untrained models: L_D {firsts[:, 0].min():.3f} to {firsts[:, 0].max():.3f}", end=", "
)
print(f"L_C {firsts[:, 1].min():.3f} to {firsts[:, 1].max():.3f}")
agrees(firsts.mean(0), number([3 * math.log(2), math.log(10)]), tol=0.05, name="(9.16)")
refuses(number([1.3814, 0.6999]), firsts.mean(0), tol=0.05, name="A's first line, Algorithm 1")

# %% [markdown]
# So the log alone says that it was not lines 3 and 9: $2\ln2$ is what two terms give (or three with the fakes averaged), and $\ln2$ what yes-or-no
# questions give. A's code (which is public, and was read) decides it: D sees real images and one
# kind of fake, and C has ten sigmoids. Its fakes are `decoder(randn(110))`: 100 latents and ten numbers of noise
# where the label should be. E gets no label; E and G share one optimiser, which takes the cross-entropies of D
# and C as well; nothing matches features.
#
# And there is a third number in that line. A squared error *averaged* over pixels from 0 to 1 is at most 1 (from
# −1 to 1 at most 4). What is 4462 made of? Something that is summed: see E14.

# %% [markdown]
# ### E14 · A mean beside a sum (case file, optional)
#
# Report A's code adds a squared error, the *mean* over all pixels of a batch, to a KL *summed* over its images. Nothing breaks, and the encoder falls silent. You compute how loud the KL was made, and watch it happen.

# %% [markdown]
# (The report's text doesn't show this.)
#
# **Exercise 09.6 · How many times too loud?** · ●●○ · 7 min · answer
#
# *Why.* A mean beside a sum is easily written.
#
# Against (9.1) with σ = 1, how many times does that weigh
# the KL? Images have 784 pixels, batches 128 images.
#
# *Nudge.* Write the mean as a sum over images of $\frac12\lVert x-x_f\rVert^2$, times a number. Divide everything by that number.
#
# *First line.* $\frac1{784\cdot128}\sum_i\lVert x_i-x_f^{(i)}\rVert^2=\frac{2}{784\cdot128}\sum_i\frac12\lVert x_i-x_f^{(i)}\rVert^2$.

# %% exercise="09.6"
### BEGIN SOLUTION
beta = 784 * 128 / 2
### END SOLUTION

# %%
check("09.6", beta)

# %% [markdown]
# <details><summary><b>The step</b> (open it after your answer)</summary>
#
# With $N$ numbers in an image and $B$ images in a batch,
#
# $$\frac1{NB}\sum_i\lVert x_i-x_f^{(i)}\rVert^2+\sum_i\mathrm{KL}_i
#   =\frac{2}{NB}\sum_i\Big(\tfrac12\lVert x_i-x_f^{(i)}\rVert^2+\beta\,\mathrm{KL}_i\Big),\qquad
#   \beta=\frac{NB}2=\frac{784\cdot128}2=50{,}176. \tag{9.17}$$
#
# </details>

# %%
x_r, x_f = random(128, 784).sigmoid(), random(128, 784).sigmoid().requires_grad_()
mean, log_var = (t.requires_grad_() for t in (random(128, 100), random(128, 100)))
as_coded = (x_r - x_f).square().mean() + gaussian_kl(mean, log_var).sum()
elbo_terms = 0.5 * (x_r - x_f).square().sum(1), gaussian_kl(mean, log_var)
inputs = (x_f, mean, log_var)
coded = flat(torch.autograd.grad(as_coded, inputs, retain_graph=True)) * 784 * 128 / 2
for weight, test_it in ((50_176, agrees), (784, refuses), (1, refuses)):
    total = (elbo_terms[0] + weight * elbo_terms[1]).sum()
    found = flat(torch.autograd.grad(total, inputs, retain_graph=True))
    test_it(coded / 50_176, found / 50_176, tol=1e-9, name=f"(9.17) β = {weight}")

# %% [markdown]
# With such a β the encoder has one thing to learn: silence. How silent was A's? The log in its notebook (the report
# cuts it) ends with a loss of .0861 in all, and the KL of 128 images is one part of it:
#
# $$\mathrm{KL}\text{ an image}\;\le\;\frac{.0861}{128}\approx.0007\text{ nats}. \tag{9.18}$$
#
# And the printed first $4462.52$: were all of it the KL, it would be $4462.52/128\approx34.9$ nats an image.
# From there it goes $256,\;105,\;70,\;53,\;45,\;34\dots$: so a log may look while an encoder dies. Rebuild it on the
# course's networks and watch. (They begin with codes of a tenth of a nat, not of 35: another network
# has another start. It falls likewise.)

# %%
dying = CVAEGAN("report", width=16, lr=1e-3, seed=88)
log = training.fit(
    dying,
    digits,
    game=lesson_09.report_game(dying),
    rounds=budget.pick(smoke=3, laptop=100),
    batch=128,
    seed=88,
    preview=False,
).terms
played = len(log["EG.kl"])
for t in sorted({0, 1, played // 4, played - 1} & set(range(played))):
    eg = sum(log[f"EG.{name}"][t] for name in ("pixels", "kl", "fool", "class"))
    print(f"[{t:3}] Loss_D: {log['D.real'][t] + log['D.fake'][t]:.4f}", end=" ")
    print(f"Loss_C: {log['C.class'][t]:.4f} Loss_G: {eg:.4f}", end="   ")
    print(f"(KL an image {log['EG.kl'][t] / 128:.4f} nats)")

# %%
start = number([log["D.real"][0] + log["D.fake"][0], log["C.class"][0]])
agrees(
    start,
    number([2, 1]) * math.log(2),
    tol=0.05,
    name="A's rebuilt code begins at 2 ln 2, ln 2",
)
refuses(start, number([3 * math.log(2), math.log(10)]), tol=0.05, name="as Algorithm 1 would")
totals = sum(values for term, values in log.items() if term.startswith("EG."))
assert (log["EG.kl"] <= totals + 1e-6).all()  # no other term is negative: (9.18)
print(f"(9.18): .0861 / 128 = {0.0861 / 128:.5f} nats an image, at most")
if played > 1:  # not stopped at once
    refuses(log["EG.kl"][-1] / 128, log["EG.kl"][0] / 128, tol=1e-3, name="a KL that stays")

# %%
fig = plots.images(
    torch.cat(
        [few.x]
        + [
            dying.reconstruct(few.x, few.labels, torch.Generator().manual_seed(s))
            for s in (0, 1)
        ]
    ),
    columns=10,
    row_labels=["real", "rebuilt", "again"],
)
plots.show(fig, alt="Ten real digits and two rows of what the dead encoder's code becomes.")

# %% [markdown]
# **What to see.** The first line begins like A's, D has won within a hundred rounds, as in A's second line, and the KL
# is gone. After so few rounds G draws nearly one picture for all codes and labels. But whatever digit stands above, E says next to nothing of it: its
# $q$ is nearly the prior. More training can teach G what D and C ask
# for, not what E saw.
#
# What A calls a CVAE-GAN became a conditional GAN with an encoder that nobody hears. Its pictures can still be good:
# G is driven by a D that is not told and by a classifier; in lesson 08's CGAN D itself asks for the label. A's grids are such pictures: in the first, each of a row has a $z$ of its own, and all look alike.
#
# Whose model this is, and what A writes of its prior: E12, in lesson 08.

# %% [markdown]
# ### What report A got right
#
# | claim | where | you confirmed it with |
# |---|---|---|
# | Algorithm 1, all nineteen lines (the λ's are missing, and as extracted the minus and the step of lines 15 to 18) | A §3.4 | sections 1 to 6 |
# | the four networks and what each gives (their list leaves out the label at E and G; Algorithm 1 has it) | A §3.4 | section 6 |
# | "an important trick …, which is to expect x' and x to have similar features in the middle layers of the network for D and C" | A §3.4 | section 10, for D's features (for C's it finds no gain on digits) |
# | "since VAE's criterion for judging x' and x similarity is not good enough, we have to add D again to judge it" | A §3.4 | section 10; lesson 08 |
# | images of a class that is specified, in different styles (these with Algorithm 1; A's first grid hardly has them) | A §4.4 | sections 8 and 9 |
#
# A also writes: "the image generated by G should be identifiable by C as belonging to category c". As a *purpose* that is right:
# it is what $\mathcal L_{GC}$ is for. The means are others than one may think. Algorithm 1 has no cross-entropy of C for G; it matches, for
# each class, the means of C's features. A's code has the cross-entropy.
#
# ## 13 · Exercises
#
# **09.1–09.7** are above, with their checks; 09.11 and 09.12 are predictions. The following have no check. The solved copy has a worked solution of the one on
# paper.
#
# **Exercise 09.8 · Means are not enough** · ●●○ · 10 min · pen
#
# *Why.* It is the weakness of the whole construction, and you can say what saves it.
#
# Write down two distributions of features with one mean, and a G that
# $\mathcal L_{GD}$ can't tell from the data. Which of the other losses notices?
#
# *Nudge.* One feature is enough, with two values.
#
# *First line.* Real: $f=\pm1$, each with probability ½.

# %% [markdown] tags=["solution"]
# *Solution 09.8.* The goal is a G with $\mathcal L_{GD}=0$ that draws something else. Let the feature of real images be $+1$ or $-1$, each with probability ½: its mean is 0. Let G draw only images with the feature 0. Its mean is 0 too, so $\mathcal L_{GD}=0$ for large batches, and by (9.9) a small batch even pays G for it.
#
# $\mathcal L_{GC}$ notices nothing either if the same holds of C's features within each class. $\mathcal L_G$ compares each *rebuilt* image with its own real one, so it does ask for the feature ±1, but only of $x_f$, not of $x_p$. $\mathcal L_D$ notices: D can tell 0 from ±1. G does not follow D's gradient. But D *moves*: it can learn features in which the two differ, for instance the square
# of this one, and *their* means differ. So G is told after all, one step later, through D's new features.

# %% [markdown]
# **Exercise 09.9 · Second moments** · ●●○ · 20 min · experiment
#
# *Why.* A mean sees no spread. A mean of squares does.
#
# Subclass `CVAEGAN` so that `mean_matching` matches the means of $f$ *and* of $f^2$.
# Does diversity change? By (9.9): would you also enlarge the batch?
#
# *Nudge.* `Mine` in section 7 is the pattern. Squares have another size than $f$: weigh them.
#
# *First line.* `moments = [torch.cat([f, f.square()], 1) for f in (p.d["real"], p.d["drawn"])]`
#
# *Compare.*
# ```python
# plus_minus, nought = torch.tensor([[1.0], [-1.0]]), torch.zeros(2, 1)
# print(plus_minus.mean(0) - nought.mean(0), plus_minus.square().mean(0) - nought.square().mean(0))  # → tensor([0.]) tensor([1.])
# ```
#
# **Exercise 09.10 · Literal, or enlarged** · ●●○ · 20 min · experiment
#
# *Why.* Section 5 decided by trials of one seed. Try it yourself.
#
# Train with `sized_for=3 * 128 * 128` and as many rounds as above. Compare agreement,
# the KL and `transfer` before you decide whether section 5 is right.
#
# *Nudge.* Keep seed, data and rounds. `class_scores` gives the agreement.
#
# *First line.* `enlarged = Mine(sized_for=3 * 128 * 128)`
#
# *Compare.*
# ```python
# print(round(math.sqrt(3 / (3 * 128 * 128 / 784)), 2))  # → 0.22
# ```
# (The decoder's σ that this setting means, by (9.13).)
#
# **Exercise 09.13 · Tell C the fakes, too** · ●●○ · 20 min · experiment
#
# *Why.* It is easily done by accident: one call of C on all images.
#
# Let C learn from $x_p$, too (a subclass with another `classifier_terms`). What does
# (9.2) predict for the start of the training? What happens?
#
# *Nudge.* At the start G ignores its label: the table of section 2 is about just that.
#
# *First line.* `class Both(CVAEGAN):`, with `def classifier_terms(self, p):`
#
# *Compare.*
# ```python
# print(round(float(H), 4), round(float(spoiled), 4))  # → 0.3118 0.4364
# ```
# (Section 2: the least that C can reach on real images, and what it reaches when half of its lessons are labels that were ignored.)
#
# **Exercise 09.14 · A fair ablation** · ●●○ · 8 min · discuss
#
# *Why.* An ablation compares a tuned model with untuned ones.
#
# How many trainings would it take to tune each of the six variants as the full
# model was tuned, with three seeds each? Which rows of the table would you tune first, and why?
#
# *Nudge.* Look for a row that may have lost only because a weight that suits the full model does not suit it.
#
# *First line.* Count: variants × settings tried × seeds.
#
# **Exercise 09.15 · Attributes** · ●●○ · 6 min · discuss
#
# *Why.* Real conditions are not one class of ten.
#
# `CVAEGAN("faces")` is told five attributes instead of a class. What are its feature
# centres groups of? (Look at `Attributes.members`.) Why with *and* without?
#
# *Nudge.* Suppose that there were only a centre of the faces *with* glasses. What would nobody ask of a face without?
#
# *First line.* `from course_lib.models.parts import conditions`, and read `Attributes`.

# %% [markdown]
# ## Summary
#
# - The label goes to E and to G; the prior has none. A label withheld from E costs a part of the bound, where images leave it open. (9.1)
# - C learns from real images alone, D from three kinds; untrained they print about $\ln10$ and $3\ln2$. (9.2)–(9.4), (9.16)
# - G is never told to fool anybody. It matches means of features: of all images for D, of each class for C. A
#   mean sees no spread, and small batches even punish it; moving centres ease that. (9.5)–(9.12)
# - $\lambda_1/\lambda_2$ is the decoder's variance, and depends on how many numbers an image has. (9.13), (9.14)
# - Who moves by what *is* the model; ask autograd. (9.15)
# - One score is no score: agreement, GAN-train and diversity together.
# - A mean beside a sum is a β of fifty thousand, and the first line of a log can show it. (9.16)–(9.18)
#
# ## Five questions at the end
#
# **Question 1.** In CVAE-GAN G is never told to fool D. Why does D matter at all?
#
# *Answer.* Its features do. G must match the mean of D's features, and rebuilt images must match them one by one. D learns features by which real and made images can be told apart.
#
# **Question 2.** You halve the batch. Which term changes although the model does not, and whom does it reward?
#
# *Answer.* $\mathcal L_{GD}$ (and $\mathcal L_{GC}$, less): by (9.9) its expectation contains the variances of both batch means, and these double. Part of that is G's own variance, so G is rewarded for drawing alike.
#
# **Question 3.** A port calls `backward()` on the sum of all losses and then steps all four optimisers. What has changed?
#
# *Answer.* Nearly everything: each network now moves by *every* loss that depends on it. D would, for instance, be pulled to make features equal, the cheapest way to lower $\mathcal L_G$.
#
# **Question 4.** A log begins with a discriminator loss of 1.386 where Algorithm 1 should print 2.079. Name what may have been trained.
#
# *Answer.* $1.386=2\ln2$: two terms of ln 2 where three were expected. D saw one kind of fake, or the two kinds were averaged.
#
# **Question 5.** Agreement 1.00, diversity 0.05. What do the samples look like, and which third score would have shown it too?
#
# *Answer.* Nearly one picture for each class, all of them read as asked. GAN-train would have shown it: a classifier that has seen only these reads real digits badly.
#
# ## References
#
# - Bao, J., Chen, D., Wen, F., Li, H. and Hua, G. (2017). *CVAE-GAN: Fine-Grained Image Generation through
#   Asymmetric Training.* ICCV. arXiv:1703.10155. Algorithm 1.
# - Salimans, T. et al. (2016). *Improved Techniques for Training GANs.* NeurIPS: feature matching.
# - Larsen, A. B. L. et al. (2016). *Autoencoding beyond pixels using a learned similarity metric.* ICML. VAE/GAN.
# - Sohn, K., Lee, H. and Yan, X. (2015). *Learning Structured Output Representation using Deep Conditional
#   Generative Models.* NeurIPS. CVAE.
# - Shmelkov, K., Schmid, C. and Alahari, K. (2018). *How good is my GAN?* ECCV: GAN-train and GAN-test.
# - Reports A and B, in the words of the errata page.
