# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 11 · RealNVP
#
# Lesson 10 bent a line and a plane. An image has 784 dimensions, or thousands. You need a map of
# all of them that can be inverted, whose log-determinant costs next to nothing, and that is
# flexible enough for digits and faces. **RealNVP** (Dinh et al., 2016) is such a map: many
# *couplings*, each almost trivial, arranged so that together they mix everything.

# %%
import copy
import inspect
import math
import time
from functools import partial

import torch
import torch.nn.functional as F
from torch.autograd.functional import jacobian
from torch.distributions import Normal

from course_lib import data, evaluation, explore, plots, training, zoo
from course_lib.checks import agrees, check, predict, refuses
from course_lib.lessons import lesson_11
from course_lib.models import RealNVP
from course_lib.models.flows.coupling import AffineCoupling, MaskedCoupling
from course_lib.models.flows.images import Logit, Squeeze
from course_lib.models.flows.networks import ResidualNetwork
from course_lib.models.flows.normalisation import ActivationNorm, BatchNorm
from course_lib.models.inpainting import inpaint
from course_lib.models.vae import log_normal
from course_lib.pixels import bits_per_dim
from course_lib.training import Game, Move

budget = training.budget()
generator = training.seed_all(11)
digits, test_digits = data.load("digits"), data.load("digits", "test")


# %%
finished = zoo.load("realnvp-mnist")
levels = test_digits.images[:10].float()
between = torch.randn(levels.shape, generator=torch.Generator().manual_seed(1))
shown = finished.dequantise(levels, between)[0].detach()  # with the noise of its training
its_noise = finished.encode(shown)[0]
fresh = torch.randn(its_noise.shape, generator=torch.Generator().manual_seed(0))
grey = [((some + 3) / 6).clamp(0, 1).view(-1, 1, 28, 28) for some in (its_noise, fresh)]
sheet = [shown, grey[0], finished.decode(its_noise), grey[1], finished.decode(fresh)]
missed = (finished.decode(its_noise) - shown).abs().max()
print(f"after going there and back the largest difference of a pixel is {missed:.1e}")
# %%
labels = ["digit", "its 784 numbers", "and back", "fresh noise", "its picture"]
plots.show(
    plots.images(torch.cat(sheet), columns=10, row_labels=labels, zoom=2),
    alt="Ten digits, the 784 numbers that the flow makes of each, which look like noise, "
    "and the same digits rebuilt from them; below, fresh noise and the digit-like pictures that "
    "the flow makes of it.",
)

# %% [markdown]
# **What to see.** The flow turns each digit into 784 numbers that the eye can't tell from noise, and back again with no loss but rounding. Feed it fresh noise, and it
# makes new pictures: strokes of the right kind, often no digit.
#
# **The question.** What must a network be like so that it can be run backwards, exactly? And what does its likelihood of an image tell, and what not?

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | build an invertible network for images from coupling layers, and prove that it is one; count bits per dimension with every constant; train RealNVP on digits to a likelihood that beats a table of counts; use it: exact reconstruction, temperature, filling in, attributes; say what a likelihood does *not* tell you; find a fault from bits, samples and the way there and back |
# | **You need** | lesson 10 (change of variables, log-determinants, dequantisation) |
# | **Your time** | {{time}} (an estimate: lesson 00 says how) |
# | **Machine time** | {{minutes}} min at the laptop budget on two CPU cores |
#
# **How to read it.** Every numbered equation is followed by a cell that computes both of its sides: `agrees` stops if
# they differ. `refuses` computes a *wrong* form, one that people really write, and stops if the check would not
# notice it. Cells that only draw begin folded.
#
# | symbol | meaning | in code |
# |---|---|---|
# | $k$ | grey levels, 0 … 255 | `levels`, (B, C, H, W) |
# | $u$ | dequantisation noise in $[0,1)$, density $q(u\mid k)$ | `u` |
# | $x=(k+u)/256$ | dequantised image in $[0,1)$ | `x`, (B, C, H, W) |
# | $\alpha$ | squeezes $x$ away from 0 and 1 before the logit | `alpha` |
# | $z=f(x)$ | noise, $\mathcal N(0,I)$ | `z`, (B, D) |
# | $b$ | mask: 1 where a number stays | `b` |
# | $s$, $t$ | log-scale and shift of a coupling | `s`, `t` |
# | $D=C\cdot H\cdot W$ | numbers in one image, of the data | `flow.dimensions` |

# %% [markdown]
# ## Five questions before you begin
#
# Take a minute for each, decide, and only then open the answer. A wrong guess is welcome: you will know what to look
# for.
#
# **Question 1.** A flow of images with 784 pixels needs the logarithm of a determinant of 784 × 784 numbers, for each image. Why can it afford that?
#
# *Answer.* Its layers have triangular Jacobians, and such a determinant is the product of the diagonal (lesson 10). No matrix is ever built.
#
# **Question 2.** A layer leaves half of the pixels exactly as they are. You stack a hundred such layers with the same half. What does the flow learn about that half?
#
# *Answer.* Nothing: these pixels are never changed. The next layer must leave the *other* half.
#
# **Question 3.** Four of five pixels of MNIST are black. A program writes each pixel down by one table of how often each grey level occurs. How many bits does it need for a pixel?
#
# *Answer.* Less than 2, without any idea of digits. A flow that needs 2.5 bits is worse than this table. Section 4 computes it.
#
# **Question 4.** $z\sim\mathcal N(0,I)$ with 784 numbers. Where is its density highest, and do draws lie there?
#
# *Answer.* At 0, and no draw comes near it: the length of a draw is about $\sqrt{784}=28$. In many dimensions *most dense* and *typical* are two things. Section 9.3 comes back to it.
#
# **Question 5.** A flow's inverse has a wrong sign, and nobody tests it. Will you see it in the training loss?
#
# *Answer.* No. Training only goes from images to noise. The inverse is called for the first time when you draw samples.

# %% [markdown]
# # Part A · Couplings, squeeze, scales
#
# Time: {{part:A}}. Afterwards you can use masks, and derive their Jacobian and the multi-scale likelihood.

# %% [markdown]
# ## 1 · Couplings in many dimensions
#
# ### 1.1 · A mask, and what stays
#
# Lesson 10 split a point in two: one coordinate stayed, the other was scaled and shifted by numbers
# that a network read off the first. In many dimensions a **mask** $b$ says which numbers stay
# ($b=1$) and which change ($b=0$). The networks see only what stays, $b\odot x$:
#
# $$z=b\odot x+(1-b)\odot\big(x\odot e^{s}+t\big),\qquad s,t\ \text{from}\ b\odot x. \tag{11.1}$$
#
# What stays is still there afterwards: $b\odot z=b\odot x$. So $s$ and $t$ can be computed again from $z$,
# and the map is undone without inverting a network:
#
# $$x=b\odot z+(1-b)\odot(z-t)\odot e^{-s}. \tag{11.2}$$
#
# Take six numbers and a network with random weights.


# %%
random = partial(torch.randn, generator=generator, dtype=torch.float64)
W1, W2 = random(6, 32), random(32, 12) / 4


def s_and_t(kept):
    """Any network will do: (…, 6) → s and t, each (…, 6)."""
    return (torch.tanh(kept @ W1) @ W2).chunk(2, -1)


def coupling(x, b):
    s, t = s_and_t(b * x)
    return b * x + (1 - b) * (x * s.exp() + t)


# %%
b = torch.tensor([1, 1, 1, 0, 0, 0], dtype=torch.float64)
x = random(1000, 6)
z = coupling(x, b)
agrees(b * z, b * x, name="(11.1) what stays")
s, t = s_and_t(b * z)  # from z, not from x
agrees(b * z + (1 - b) * (z - t) * (-s).exp(), x, name="(11.2) the inverse")
wrong = b * z + (1 - b) * (z - t) * s.exp()
refuses(wrong, x, name="the inverse with +s")

# %% [markdown]
# **Exercise 11.1 · A coupling** · ●●○ · 7 min · code
#
# *Why.* It is the only kind of layer in RealNVP that lets pixels depend on each other. Section 11 looks for faults in functions like this one and the next.
#
# Write (11.1) for given `b`, `s`, `t`. Return also the log-determinant, one number for each example: sum over all dimensions except the first
# (`values.flatten(1).sum(1)`). Which entries of `s` count?
#
# *Nudge.* Where $b=1$ the map is the identity. What is the logarithm of its slope there?
#
# *First line.* `z = b * x + (1 - b) * (x * s.exp() + t)`
#
# *Compare.*
# ```python
# keep, scale, shift = torch.tensor([[1.0, 0.0]]), torch.full((1, 2), math.log(2)), torch.ones(1, 2)
# print((1 - keep) * scale)  # → tensor([[0.0000, 0.6931]])
# there, stretched = couple(torch.tensor([[3.0, 5.0]]), keep, scale, shift)
# print(there, stretched)    # → tensor([[ 3., 11.]]) tensor([0.6931])
# ```


# %% exercise="11.1"
def couple(x, b, s, t):
    """(11.1) and its log |det|: x (B, …) → z (B, …), log_det (B,)."""
    ### BEGIN SOLUTION
    z = b * x + (1 - b) * (x * s.exp() + t)
    return z, ((1 - b) * s).flatten(1).sum(1)
    ### END SOLUTION


# %% [markdown]
# **Exercise 11.2 · And back** · ●○○ · 4 min · code
#
# *Why.* Every sample is drawn through it.
#
# Write (11.2).
#
# *Nudge.* Undo the last operation first.
#
# *Compare.*
# ```python
# keep, scale, shift = torch.tensor([[1.0, 0.0]]), torch.full((1, 2), math.log(2)), torch.ones(1, 2)
# print(torch.tensor([[3.0, 11.0]]) - shift)  # → tensor([[ 2., 10.]])
# print(uncouple(torch.tensor([[3.0, 11.0]]), keep, scale, shift))  # → tensor([[3., 5.]])
# ```


# %% exercise="11.2"
def uncouple(z, b, s, t):
    """(11.2): z (B, …) → x (B, …)."""
    ### BEGIN SOLUTION
    return b * z + (1 - b) * (z - t) * (-s).exp()
    ### END SOLUTION


# %%
check("11.1", couple)
check("11.2", uncouple)

# %% [markdown]
# **A coupling in one picture**, for a mask that keeps the first half.
#
# ![Left: x1 goes straight to z1 and also into s and t; x2 becomes z2 = x2 times e to the s, plus t. Middle: the same with the arrows turned; s and t are computed from z1, which is x1. Right: the Jacobian has 1 and e to the s on its diagonal and 0 above it.](drawing:coupling)
#
# Going back, $s$ and $t$ are computed from $z_1=x_1$ in the *same* direction as before. No network is ever inverted. The next section computes the matrix on the right.

# %% [markdown]
# ### 1.2 · The Jacobian
#
# Put the numbers that stay first. Then $\partial z/\partial x$ is triangular, as in lesson 10, and
#
# $$\log\left|\det\frac{\partial z}{\partial x}\right|=\sum_i(1-b_i)\,s_i. \tag{11.3}$$
#
# The mask in this sum is easy to forget: a network gives an $s$ for *every* number, also for those
# that stay. Autograd knows better.

# %%
J = torch.stack([jacobian(lambda v: coupling(v, b), point) for point in x[:50]])
exact = torch.linalg.slogdet(J).logabsdet
s, _ = s_and_t(b * x[:50])
agrees(((1 - b) * s).sum(-1), exact, name="(11.3) against autograd, 50 points")
refuses(s.sum(-1), exact, name="the kept numbers counted too")

# %% [markdown]
# ### 1.3 · Why the masks must alternate
#
# One coupling leaves half of the numbers as they are. A second one with the *same* mask leaves the
# same half. So turn the mask round each time:
#
# $$z=f_K\circ\dots\circ f_1(x),\qquad b^{(k+1)}=1-b^{(k)},\qquad\frac{\partial z}{\partial x}=J_K\cdots J_1. \tag{11.4}$$
#
# Each $J_k$ has zeros in known places. How many couplings does it take until the product has none,
# that is, until every $z_i$ depends on every $x_j$?


# %%
def stack(x, masks):
    for b in masks:
        x = coupling(x, b)
    return x


def zeros(masks):
    """Entries of ∂z/∂x that are 0 at all of ten points."""
    J = [jacobian(lambda v: stack(v, masks), point).abs() for point in x[:10]]
    return (torch.stack(J).amax(0) < 1e-12).sum()


def each_jacobian(x, masks):
    """J₁, …, J_K: of every coupling by itself, at the point that reaches it."""
    found = []
    for b in masks:
        found.append(jacobian(lambda v, b=b: coupling(v, b), x))
        x = coupling(x, b)
    return found


# %%
turned = [b, 1 - b, b]
J1, J2, J3 = each_jacobian(x[0], turned)
whole = jacobian(lambda v: stack(v, turned), x[0])
agrees(J3 @ J2 @ J1, whole, name="(11.4) the product, the last coupling on the left")
refuses(J1 @ J2 @ J3, whole, name="the same product in the order of the arrows")

# %%
agrees(zeros(turned), 0, name="(11.4) zeros after three alternating couplings")
z = stack(x, [b, b, b])
agrees(b * z, b * x, name="the same mask thrice: half of the numbers never change")

# %%
fig, axes = plots.figure(columns=4, width=9.4, height=2.9)
orders = {"one": [b], "two": [b, 1 - b], "three": turned}
orders["three, same mask"] = [b, b, b]
for ax, (name, masks) in zip(axes, orders.items()):
    J = jacobian(lambda v: stack(v, masks), x[0]).abs()
    ax.imshow(J.clamp(min=1e-12).log(), cmap="Greys", vmin=-6, vmax=3)
    ax.set(title=name, xticks=range(6), yticks=range(6))
    ax.grid(False)
    ax.set_xlabel("$x_j$")
axes[0].set_ylabel("$z_i$")
plots.show(
    fig,
    alt="Jacobians of 6 × 6 entries. One coupling: a diagonal, and a full block below left. Two: "
    "zeros only beside the diagonal below right. Three: none. Three with one mask: as one.",
)

# %% [markdown]
# **What to see.** White is exactly zero. One coupling: an identity, a full block, a diagonal. Two: still
# white places in one corner. Three: everything depends on everything, and the log-determinant is still a plain sum
# (lesson 10: those of a composition add up). Right: three couplings with one mask are no more than one.
#
# ### 1.4 · How large may $s$ get?
#
# $e^s$ multiplies. A network that says $s=100$ once makes an infinity of it. RealNVP puts what the network
# says ("raw") through a tanh, and multiplies by a learned number $a$:
#
# $$s=a\,\tanh(\text{raw}),\qquad e^{-|a|}\le\text{slope}\le e^{|a|}. \tag{11.5}$$

# %%
layer = AffineCoupling([0, 1, 2], [3, 4, 5], torch.nn.Identity())
a = torch.tensor([0.5, 1.0, 2.0])
with torch.no_grad():
    layer.scale.copy_(a)
raw = 40 * torch.randn(10_000, 3, generator=generator)  # a network gone wild
z, s = layer.map(torch.ones_like(raw), (raw, torch.zeros_like(raw)))
excess = (s.abs() - a).clamp(min=0)
agrees(excess.detach(), 0.0, tol=1e-6, name="(11.5) how far any |s| exceeds a")
refuses((raw.abs() - a).clamp(min=0), 0.0, tol=1e-6, name="s = raw")
print("largest slopes:", z.amax(0).tolist())
print("with s = raw:  ", raw.exp().amax(0).tolist())

# %% [markdown]
# (Report B's equation 7 reads as (11.1) with $t$ inside the exponential; the caption of its figure 3 has it right. Lesson 10 shows what
# the printed form can't do, E18. The check of exercise 11.1 knows it, too.)
#
# ## 2 · Images
#
# ### 2.1 · Squeeze: space becomes channels
#
# Which pixels stay? Neighbouring pixels say most about each other, so RealNVP uses a
# **checkerboard**: half of the pixels are kept, as the black squares of a chess board; $s$ and $t$ of a changed pixel come from a convolutional network, which sees the kept
# pixels around it, its four neighbours among them. Later it splits *channels*. A
# grey image has only one channel, so make some: cut the image into squares of 2×2 pixels and call the
# four pixels of a square four channels:
#
# $$z_{4c+2i+j,\;h,\;w}=x_{c,\;2h+i,\;2w+j},\qquad i,j\in\{0,1\}. \tag{11.6}$$
#
# Nothing is computed here. It is a permutation, so its log-determinant is zero.

# %%
some = test_digits.batch(slice(0, 100)).x
squeeze = Squeeze()
by_hand = torch.stack([some[:, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)
four, log_det = squeeze(some)
agrees(four, by_hand, name="(11.6) 100 digits")
refuses(some.reshape(-1, 4, 14, 14), by_hand, name="reshape: bands, not neighbours")
P = jacobian(lambda v: squeeze(v.view(1, 1, 4, 4))[0].flatten(), random(16))
agrees(P @ P.T, torch.eye(16), name="a permutation matrix")
agrees(log_det, torch.linalg.slogdet(P).logabsdet, name="its log |det|")

# %%
nine = some[:1]
both = torch.cat([squeeze(nine)[0][0], nine.reshape(4, 14, 14)])[:, None]
fig = plots.images(both, columns=4, row_labels=["squeeze", "reshape"], zoom=4)
plots.show(fig, alt="Squeeze gives four small nines, reshape four bands of one nine.")

# %% [markdown]
# **What to see.** A squeeze gives four pictures of half the size, each the whole digit. `reshape`
# is a permutation as well, so its log-determinant is right and no test of invertibility notices it,
# but its "channels" are bands of seven rows: pixels at the same place in two of them lie seven rows apart or more.
#
# ### 2.2 · A checkerboard is a split of channels
#
# Of the four pixels of a square, those with $i+j$ even are channels 0 and 3. So the checkerboard
# before a squeeze is the split {0, 3} | {1, 2} after it:
#
# $$\text{squeeze}\circ\text{masked coupling}=\text{coupling of channels}\{0,3\}\,|\,\{1,2\}\circ\text{squeeze}. \tag{11.7}$$
#
# The cell gives both forms *the same* network, and they are the same map. But the right one computes at a quarter of the
# positions and wastes no work on pixels that are masked. The paper computes the left one. This course's
# flow is "folded", and its setting `checkerboard="masked"` gives the paper's.

# %%
inner = ResidualNetwork(2, 4, width=8, blocks=1).double()  # 2 channels → raw and t of 2
for parameter in inner.parameters():
    parameter.data += 0.3 * random(*parameter.shape)


def on_the_board(x, condition=None):
    """The same network at full resolution: its numbers put back on their pixels."""
    raw, t = inner(F.pixel_unshuffle(x, 2)[:, [0, 3]]).chunk(2, 1)
    none = 0 * raw[:, :1]
    parts = [torch.cat([none, v, none], 1) for v in (raw, t)]
    return torch.cat([F.pixel_shuffle(v, 2) for v in parts], 1)


# %%
masked = MaskedCoupling(1, on_the_board, even=True)
folded = AffineCoupling([0, 3], [1, 2], inner)
rows = AffineCoupling([0, 1], [2, 3], inner)
x = some.double()
with torch.no_grad():
    left, right = masked(x), folded(squeeze(x)[0])
    wrong = rows(squeeze(x)[0])
agrees(squeeze(left[0])[0], right[0], name="(11.7) z of 100 digits")
agrees(left[1], right[1], name="(11.7) log |det|")
refuses(wrong[0], right[0], name="{0, 1} | {2, 3}: stripes, no checkerboard")

# %% [markdown]
# ## 3 · Scales
#
# After some couplings half of the channels leave: they *are* noise from now on. The others are squeezed
# again and go on ("factored out", Dinh et al., figure 4). It saves work, and it gives the loss a short
# way to the first layers. Call what goes on $h$ and what leaves $z_1$. In
# the model the two are independent, so $p(z_1,h)=\mathcal N(z_1)\,p(h)$. Change variables (lesson 10) from $x$ to $(z_1,h)$, and from $h$ to $z_2$:
#
# $$\log p(x)=\underbrace{\log\mathcal N(z_1)+\log|\det f_1|}_{\text{what leaves}}+\underbrace{\log\mathcal N(z_2)+\log|\det f_2|}_{\log p(h),\ \text{a flow of its own}},\quad(z_1,h)=f_1(x),\ z_2=f_2(h). \tag{11.8}$$
#
# Take a small flow on images of 8×8 pixels, in float64. A fresh one starts as the identity, so stir
# its parameters.

# %%
small = RealNVP(shape=(1, 8, 8), couplings=(2, 2), last=(2, 2), width=6, blocks=1)
small = small.double().eval()
for parameter in small.parameters():
    parameter.data += 0.2 * random(*parameter.shape)
y = random(20, 1, 8, 8)
first, second = small.flow.scales
with torch.no_grad():
    z, log_det = small.flow(y)
    h, log_det_1 = first(y)
    h, z_1 = h.chunk(2, 1)
    z_2, log_det_2 = second(h)
for name, part in {"y": y, "z_1, leaves": z_1, "h": h, "z_2, at the end": z_2}.items():
    print(f"{name:15} {tuple(part.shape[1:])}: {part[0].numel()} numbers")

# %%
whole = log_normal(z) + log_det
prior_1, prior_2 = log_normal(z_1.flatten(1)), log_normal(z_2.flatten(1))
parts = prior_1 + log_det_1 + (prior_2 + log_det_2)
agrees(parts, whole, name="(11.8) 20 images")
refuses(parts - prior_1, whole, name="log N(z₁) forgotten")

# %% [markdown]
# Is the whole thing right? The strictest test: the full Jacobian of the full model by
# autograd, logit and all, and the way back.
#
# $$\log p(x)=\log\mathcal N(f(x);0,I)+\log\left|\det\frac{\partial f}{\partial x}\right|,\qquad f^{-1}(f(x))=x. \tag{11.9}$$

# %%
x = torch.rand(2, 1, 8, 8, generator=generator, dtype=torch.float64)
J = torch.stack([jacobian(lambda v: small(v[None])[0][0], image) for image in x])
exact = torch.linalg.slogdet(J.reshape(2, 64, 64)).logabsdet
with torch.no_grad():
    z, log_det = small(x)
    back = small.inverse(z)
    reference = log_normal(z) + exact
    agrees(log_det, exact, tol=1e-8, name="(11.9) log |det| of the whole model")
    agrees(small.log_prob(x), reference, tol=1e-8, name="(11.9) log p(x)")
agrees(back, x, name="(11.9) there and back")

# %% [markdown]
# For digits, 28×28, the flow has two scales. 28 is divisible by 4, so nothing need be padded, and
# $D=784$.
#
# **Exercise 11.7 · Who leaves?** · ●●○ · 3 min · answer
#
# *Why.* What leaves early was changed by few layers. Section 9.5 shows what it holds.
#
# How many of the 784 numbers leave after the first scale?
#
# *Nudge.* Squeeze makes 4 channels of 14 × 14. After the couplings of this scale half of the channels leave.
#
# *First line.* `4 * 14 * 14` numbers are there before anybody leaves.

# %% exercise="11.7"
### BEGIN SOLUTION
leave = 392
### END SOLUTION
check("11.7", leave)

# %% [markdown]
# # Part B · Bits, and a trained flow
#
# A good place to begin again after a break. Time: {{part:B}}. Afterwards you can count bits per dimension with every constant, write a flow's objective and train it on digits.

# %% [markdown]
# ## 4 · From grey levels to numbers, and back
#
# ### 4.1 · The logit, and what it costs
#
# Dequantised pixels lie in $[0,1]$, a Gaussian's draws do not. So map the pixels: first into $[\alpha,1-\alpha]$, then
# by the logit, which takes $(0,1)$ to the whole line. Both change lengths, and both count ($p$ is here a number between 0 and 1, no density):
#
# $$y=\log\frac p{1-p},\quad p=\alpha+(1-2\alpha)\,x,\qquad\log\frac{dy}{dx}=\log(1-2\alpha)-\log p-\log(1-p). \tag{11.10}$$
#
# **Exercise 11.3 · The logit, and its slope** · ●●○ · 8 min · code
#
# *Why.* Code that leaves out the slope, or its $(1-2\alpha)$, prints bits that can't be compared.
#
# Write both parts of (11.10); the second is summed over each image.
#
# *Nudge.* Two maps follow each other, so two slopes multiply: one is a constant, the other that of the logit. Their logarithms add.
#
# *First line.* `p = alpha + (1 - 2 * alpha) * x`
#
# *Compare.*
# ```python
# grey = torch.full((1, 2), 0.5)
# print(0.25 + 0.5 * grey)            # → tensor([[0.5000, 0.5000]])
# print(logit(grey, 0.25)[0], logit(grey, 0.25)[1])  # → tensor([[0., 0.]]) tensor([1.3863])
# ```
# (With α = ¼ the slope at a middle grey is ½ · 4 = 2, for each of two pixels.)


# %% exercise="11.3"
def logit(x, alpha):
    """(11.10): x (B, …) in [0, 1] → y (B, …) and log |det ∂y/∂x|, (B,)."""
    ### BEGIN SOLUTION
    p = alpha + (1 - 2 * alpha) * x
    slope = math.log(1 - 2 * alpha) - p.log() - (1 - p).log()
    return p.log() - (1 - p).log(), slope.flatten(1).sum(1)
    ### END SOLUTION


# %%
check("11.3", logit)

# %% [markdown]
# Check the slope by autograd, and check that a density made with it encloses the right area: if
# $y\sim\mathcal N(0,4)$, of variance 4, then $x$ between 0 and 1 has the probability that $y$ lies between the logits
# of $\alpha$ and $1-\alpha$.

# %%
line = torch.linspace(0, 1, 100_001, dtype=torch.float64)[:, None]
for alpha in (0.05, 1e-3):
    x = line.clone().requires_grad_()
    y, log_slope = Logit(alpha)(x)
    (exact,) = torch.autograd.grad(y.sum(), x)
    value, exact = log_slope.detach(), exact.squeeze().log()
    agrees(value, exact, name=f"(11.10) α = {alpha}: slope at 100 001 places")
    refuses(value - math.log(1 - 2 * alpha), exact, name="(1 − 2α) forgotten")

# %%
y, log_slope = (v.squeeze() for v in Logit(0.05)(line))
wide = Normal(0.0, 2.0)
expected = 1 - 2 * wide.cdf(y[0])  # both ends are equally far from 0
area = torch.trapezoid((wide.log_prob(y) + log_slope).exp(), dx=1e-5)
agrees(area, expected, tol=1e-6, name="area under p(x)")
for alpha in (0.05, 1e-3):
    ends = torch.logit(torch.tensor(alpha, dtype=torch.float64))
    outside = 2 * wide.cdf(ends)
    print(f"α = {alpha}: {outside:.1%} of N(0, 4)'s mass lies outside [0, 1]", end=", ")
    print(f"worth {-(1 - outside).log2():.2f} bits a dimension")

# %% [markdown]
# **A price of α.** The logit maps the pixels' interval $[0,1]$ to a *bounded* interval of $y$, and the normal density
# goes on beyond it. With α = .05 a seventh of this $\mathcal N(0,4)$ is spent on values below 0 or above 1, which no image has. The
# likelihood is charged for it (the density on $[0,1]$ integrates to .86 only), and draws from there must be clamped to 0 or 1, so they are
# no draws of the density that was scored. Training can make the share smaller, α → 0 makes it vanish, and section 5 shows what α → 0 costs.
#
# **And back.** To sample you must undo the logit *and* the squeezing:
#
# $$x=\frac{\operatorname{sigmoid}(y)-\alpha}{1-2\alpha}. \tag{11.11}$$
#
# **Exercise 11.4 · And back** · ●○○ · 4 min · code
#
# *Why.* If α is not undone, all samples are a little grey.
#
# Write (11.11).
#
# *Nudge.* `torch.sigmoid` undoes the logit. Then undo the line $\alpha+(1-2\alpha)x$.
#
# *Compare.*
# ```python
# print(torch.tensor([0.0]).sigmoid())                # → tensor([0.5000])
# print(unlogit(torch.tensor([0.0, 1.0986]), 0.25))  # → tensor([0.5000, 1.0000])
# ```
# (1.0986 is the logit of ¾, which is where α = ¼ puts a white pixel.)


# %% exercise="11.4"
def unlogit(y, alpha):
    """(11.11): y → x."""
    ### BEGIN SOLUTION
    return (y.sigmoid() - alpha) / (1 - 2 * alpha)
    ### END SOLUTION


# %%
check("11.4", unlogit)

# %%
layer, x = Logit(0.05), some.double()
y, _ = layer(x)
agrees(layer.inverse(y), x, name="(11.11) 100 digits")
stuck = y.sigmoid()
print(f"α not undone: all pixels between {stuck.min():.2f} and {stuck.max():.2f}")
both = torch.cat([layer.inverse(y)[:8].clamp(0, 1), stuck[:8]])
names = ["(11.11)", "α not undone"]
fig = plots.images(both, columns=8, row_labels=names, zoom=2)
plots.show(fig, alt="Where α is not undone, the black background is dark grey.")

# %% [markdown]
# ### 4.2 · Bits per dimension
#
# Lesson 10 derived the bound for grey levels with uniform noise (Theis et al., 2016). The noise may have any density
# $q(u\mid k)$ on $[0,1)^D$, if you count it (Ho et al., 2019). By Jensen's inequality, as in lesson 01,
#
# $$\log P(k)\ge\mathbb E_{q(u\mid k)}\big[\log p(x)-D\log256-\log q(u\mid k)\big],\qquad\text{bits/dim}=\frac{-\,\text{bound}}{D\ln2}. \tag{11.12}$$
#
# Uniform noise is $\log q=0$. Every constant matters: $D\log256$ turns a density on $[0,1]^D$ into a
# probability of levels, $\ln2$ turns nats into bits, and the $D$ that divides is that of the *data*.

# %%
pixel, D = Normal(torch.tensor(0.5).double(), 0.1), 28 * 28  # a model whose P(k) is known
k = (256 * pixel.icdf(torch.linspace(0.02, 0.98, 20 * D).double())).floor().view(D, 20).T
code_length = -(pixel.cdf((k + 1) / 256) - pixel.cdf(k / 256)).log2().sum(1) / D
log_p = pixel.log_prob((k + 0.5) / 256).sum(1)  # the density hardly changes within a cell
agrees(bits_per_dim(log_p, D), code_length, tol=2e-3, name="(11.12) and the levels' code")
refuses(-log_p / (D * math.log(2)), code_length, tol=2e-3, name="D·log 256 forgotten")

# %% [markdown]
# **A yardstick.** The simplest honest model of grey levels is a table: how often does each level occur?
# It has $\log P(k)=\sum_i\log P(k_i)$. As a density of $x$ it is a staircase, $256\,P(k_i)$ on each bin, and
# (11.12) must give back exactly $-\log_2P$ per dimension:
#
# $$p(x)=\prod_i256\,P(k_i)\quad\Longrightarrow\quad\text{bits/dim}=-\frac1D\sum_i\log_2P(k_i). \tag{11.13}$$
#
# One table for all pixels, and one for each of the 784 places (its counts smoothed by the first).

# %%
k, k_test = digits.images.long().flatten(1), test_digits.images.long().flatten(1)
one_table = torch.bincount(k.flatten(), minlength=256).double() + 1
one_table /= one_table.sum()
tables = torch.zeros(784, 256, dtype=torch.float64)
tables.scatter_add_(1, k.T, torch.ones_like(k.T, dtype=torch.float64))
tables = (tables + 10 * one_table) / (len(k) + 10)

# %%
u = torch.rand(k_test.shape, generator=generator, dtype=torch.float64)
levels = (256 * ((k_test + u) / 256)).floor().long()  # the steps that x lies on
log_P = one_table.log()[k_test].sum(1)
log_density = (256 * one_table[levels]).log().sum(1)
by_hand = -log_P / (784 * math.log(2))
agrees(bits_per_dim(log_density, 784), by_hand, tol=1e-6, name="(11.13) 2 000 digits")
table_bits = by_hand.mean().item()
places_bits = -tables.gather(1, k_test.T).log2().mean().item()
print(f"test digits: one table {table_bits:.3f} bits/dim, 784 tables {places_bits:.3f}")

# %% [markdown]
# **What to see.** A table that knows nothing of digits needs less than 2 bits, since four of five
# pixels are black. A flow that needs 2.5 bits/dim on MNIST is worse than a table.
#
# ### 4.3 · Noise that is not the noise
#
# Two mistakes are easily made. One draws $u$ from $[0,\tfrac12]$. The other gets images that a loader has already
# divided by 255, and computes $(x+u)/256$ all the same. Both give *fewer* bits, and both numbers mean nothing.
# In the first, half of each bin stays empty, so a density may be twice as high in the other half. In the second, all $x$ lie in
# $\frac1{128}$ of $[0,1]$, where a flat density needs $8-7=1$ bit. A staircase fitted to such an $x$ shows both, without any training:
#
# $$u\sim U[0,\tfrac12)\ \Rightarrow\ \text{1 bit too few},\qquad x=\frac{k/255+u}{256}\ \Rightarrow\ x<\frac2{256},\ \text{at most 1 bit in all}. \tag{11.14}$$

# %%
noises = {"right": (k_test + u) / 256, "half": (k_test + u / 2) / 256}
noises["twice divided"] = (k_test / 255 + u) / 256
for name, x in noises.items():  # the best staircase with 512 steps for this x
    steps = (512 * x).floor().long().flatten()
    shares = torch.bincount(steps, minlength=512).double() / steps.numel()
    log_density = (512 * shares[steps]).log().mean()
    noises[name] = bits_per_dim(log_density, 1).item()
    print(f"noise {name:13}: {noises[name]:6.3f} bits/dim")

# %%
shares = torch.bincount(k_test.flatten()).double() / k_test.numel()
entropy = -torch.xlogy(shares, shares).sum().item() / math.log(2)  # no table needs less
agrees(noises["right"], entropy, tol=2e-3, name="right noise: the levels' entropy")
agrees(noises["half"], entropy - 1, tol=2e-3, name="(11.14) half noise: one bit less")
refuses(noises["half"], entropy, tol=2e-3, name="u from [0, ½]")
excess = max(noises["twice divided"] - 1, 0)
agrees(excess, 0.0, tol=1e-2, name="(11.14) twice divided: how far above 1 bit")

# %% [markdown]
# The half noise looks harmless: samples can be as good as before. Only the number is false: for the *best* staircase by exactly one
# bit a dimension. A model that does not use all of the gift, such as a flow trained briefly, is helped by less. A bits/dim that nobody else reaches is a reason to look at the noise.
#
# ## 5 · What a black pixel costs (optional)
#
# Most pixels of a digit are black, $k=0$, and their noise is independent of everything. No other pixel
# says anything about it. So the best that a coupling can do with such a pixel is to recognise it, and to
# shift and scale its $y$ to look as Gaussian as it can. What is left over is a price:
#
# $$\min_{m,v}\mathrm{KL}\big(y\,\|\,\mathcal N(m,v)\big)=\tfrac12\log\operatorname{Var}[y]-\mathbb E_\varepsilon\Big[\log\frac{dy}{d\varepsilon}\Big],\qquad\varepsilon\sim\mathcal N(0,1). \tag{11.15}$$
#
# Here $u=u(\varepsilon)$: uniform noise is $u=\Phi(\varepsilon)$. The price is zero only if $y$ is linear
# in $\varepsilon$. With a large $\alpha$ the bin is so narrow that $y$ is linear in $u$: a *uniform* $y$ costs
# $\tfrac12\log(2\pi e/12)$. With $\alpha\to0$, $y\approx\log u$ up to a constant: a negative *exponential* costs
# $\tfrac12\log2\pi e-1$.

# %% tags=["optional"]
eps = torch.linspace(-8, 8, 4_001, dtype=torch.float64)
weight = Normal(0.0, 1.0).log_prob(eps).exp() * (eps[1] - eps[0])


def mean(values):
    return (weight * values).sum()


def black(alpha, u, log_du):
    """y of a black pixel with noise u(ε), and log dy/dε, at every ε."""
    p = alpha + (1 - 2 * alpha) * u / 256
    log_slope = math.log((1 - 2 * alpha) / 256) - p.log() - (-p).log1p()
    return p.log() - (-p).log1p(), log_slope + log_du


def price(y, log_slope):
    """(11.15) in bits."""
    variance = mean(y.square()) - mean(y).square()
    return (0.5 * variance.log() - mean(log_slope)) / math.log(2)


# %% tags=["optional"]
uniform = torch.special.ndtr(eps), Normal(0.0, 1.0).log_prob(eps)  # u = Φ(ε), log du/dε
flat = 0.5 * math.log2(2 * math.pi * math.e / 12)
exponential = 0.5 * math.log2(2 * math.pi * math.e) - math.log2(math.e)
value = price(*black(0.05, *uniform))
agrees(value, flat, tol=2e-3, name="(11.15) α = .05, bits a black pixel")
small_alpha = price(*black(1e-13, *uniform))
agrees(small_alpha, exponential, tol=2e-3, name="(11.15) α → 0")
refuses(small_alpha, flat, tol=2e-3, name="“uniform noise stays uniform”")

# %% [markdown]
# **Learned noise.** RealNVP with *variational* dequantisation draws $u=\operatorname{sigmoid}(\mu+\sigma\varepsilon)$,
# with $\mu$ and $\sigma$ of each pixel from a small network. With $\alpha$ tiny, up to a constant $y\approx\log u\approx\mu+\sigma\varepsilon$
# for a clearly negative $\mu$: linear in $\varepsilon$! The noise takes the shape that the flow can handle, and (11.12) stays
# a bound.


# %% tags=["optional"]
def learned(mu, sigma):
    v = mu + sigma * eps
    return v.sigmoid(), F.logsigmoid(v) + F.logsigmoid(-v) + math.log(sigma)


shaped = learned(-4.0, 1.0)
agrees(price(*black(1e-6, *shaped)), 0, tol=0.02, name="α = 1e-6, μ = −4, σ = 1")

# %% tags=["optional"]
n = budget.pick(smoke=3, laptop=17)
alphas = torch.logspace(-9, -1, n, dtype=torch.float64).tolist()
prices, widths = {}, {}
for name, noise in {"uniform": uniform, "μ = −4, σ = 1": shaped}.items():
    pixels = [black(alpha, *noise) for alpha in alphas]
    prices[name] = [price(*pixel) for pixel in pixels]
    widths[name] = [(mean(y**2) - mean(y) ** 2).sqrt() for y, _ in pixels]
fig, axes = plots.figure(columns=2)
plots.lines(alphas, prices, xlabel="α", ylabel="price, bits", limits=(0, 1), ax=axes[0])
plots.lines(alphas, widths, xlabel="α", ylabel="width of a black pixel's y", ax=axes[1])
axes[0].set_xscale("log")
axes[1].set(xscale="log", yscale="log")
plots.show(
    fig,
    alt="Against rising α the price of uniform noise falls from .60 to .25 bits, that of the noise "
    "of fixed shape rises from 0 to nearly .9; both widths fall from 1, to .01 and .001.",
)

# %% [markdown]
# **What to see.** Left: uniform noise always costs something, and about .6 bits for tiny $\alpha$, such as
# the $10^{-6}$ of the course's flow of digits. Why not take $\alpha=.05$, then? Right: there a black pixel's $y$ is only .02 wide,
# while grey ones spread over several units. The flow must recognise a black pixel with certainty and
# multiply by nearly fifty, and it takes long to learn that. With $\alpha=10^{-6}$ the black bin is wide: nothing
# is left to be sharpened. Small $\alpha$ spares the flow work, at a price; learned noise then takes the price away. (The orange noise
# has one fixed shape, which suits a tiny $\alpha$ only.)
# Section 10 tries three $\alpha$.
#
# **Is it still a bound?** One black pixel under $y\sim\mathcal N(-9,1.5^2)$: $P(0)$ is known exactly. With
# $K$ draws inside the logarithm the bound tightens, as in (1.13):
#
# $$\log P(k)\ge\mathbb E\Big[\log\frac1K\sum_{j=1}^K\frac{p\big((k+u_j)/256\big)}{256\,q(u_j\mid k)}\Big],\qquad\text{rising with }K. \tag{11.16}$$

# %% tags=["optional"]
p_y = Normal(torch.tensor(-9.0, dtype=torch.float64), 1.5)
ends = torch.tensor([1e-6, 1e-6 + (1 - 2e-6) / 256], dtype=torch.float64).logit()
log_P = (p_y.cdf(ends[1]) - p_y.cdf(ends[0])).log()  # P(k = 0), exactly
log_q = Normal(0.0, 1.0).log_prob(eps)  # log q(u) = log N(ε) − log du/dε
bounds = {}
for name, noise in {"uniform": uniform, "learned": learned(-3.5, 1.8)}.items():
    y, log_slope = black(1e-6, *noise)
    log_weight = p_y.log_prob(y) + log_slope - log_q
    bounds[name] = mean(log_weight)
    above = (bounds[name] - log_P).clamp(min=0)
    agrees(above, 0, name=f"{name} noise: above log P(0) by")
    print(f"   bound {bounds[name]:.4f}, log P(0) = {log_P:.4f}")

# %% tags=["optional"]
noise = random(20_000, 64)
v = -3.5 + 1.8 * noise  # the learned noise again, drawn this time
p = 1e-6 + (1 - 2e-6) * v.sigmoid() / 256
log_slope = math.log((1 - 2e-6) / 256) - p.log() - (-p).log1p()
log_slope += F.logsigmoid(v) + F.logsigmoid(-v) + math.log(1.8)
w = p_y.log_prob(p.logit()) + log_slope - Normal(0.0, 1.0).log_prob(noise)
rows = {n: w[:, :n].logsumexp(1) - math.log(n) for n in (1, 4, 16, 64)}
print({n: round(row.mean().item(), 4) for n, row in rows.items()})
error = rows[1].std() / len(w) ** 0.5
agrees(rows[1].mean(), bounds["learned"], error=error, name="(11.16) K = 1 is (11.12)")
agrees(rows[64].mean(), log_P, tol=2e-3, name="(11.16) K = 64")

# %% [markdown]
# ## 6 · Keeping numbers in range (optional)
#
# Between couplings each channel is shifted and scaled. The paper does it with the statistics of the last batches
# (**flow batch normalisation**), Glow with learned numbers that *start* from the first batch's
# (**activation normalisation**; Kingma and Dhariwal, 2018). Both are layers of the flow, so both count. With
# $n$ positions in each channel,
#
# $$\log|\det|=-\frac n2\sum_c\log(\hat\sigma_c^2+\epsilon)\quad\text{and}\quad\log|\det|=n\sum_c\log a_c. \tag{11.17}$$
#
# A sum of logarithms. The logarithm of the product is the same on paper, and easily $\pm\infty$ on a computer.

# %% tags=["optional"]
norm = BatchNorm(3).double()
batch = 5 * random(8, 3, 2, 2) + 2
for _ in range(30):
    norm.train()(batch)  # the running statistics settle
norm.eval()
J = jacobian(lambda v: norm(v.view(1, 3, 2, 2))[0].flatten(), batch[0].flatten())
z, log_det = norm(batch)
exact = torch.linalg.slogdet(J).logabsdet
agrees(log_det, exact, name="(11.17) batch norm, evaluation mode")
refuses(log_det / 4, exact, name="positions not counted")
agrees(norm.inverse(z), batch, name="there and back in evaluation mode")

# %% tags=["optional"]
slopes = torch.full((784,), 0.1)  # float32, as in training
total = slopes.log().sum()
agrees(total, 784 * math.log(0.1), tol=1e-2, name="sum of 784 logs")

# %% [markdown]
# In training mode batch normalisation is not a map of one image at all: its $z$ depends on who else is
# in the batch, and there is no way back. (The library refuses to try.) Activation normalisation is an
# ordinary affine map from its first call on. That is why the course's recipe uses it.

# %% tags=["optional"]
norm = ActivationNorm(3).double().train()
z, _ = norm(batch)
by_channel = z.transpose(0, 1).flatten(1)
agrees(by_channel.mean(1), 0.0, name="after the first batch: mean of each channel")
agrees(by_channel.std(1), 1.0, name="and standard deviation")
agrees(norm(batch[:2])[0], z[:2], name="an image's z does not depend on the batch")
J = jacobian(lambda v: norm(v.view_as(batch[:1]))[0].flatten(), batch[0].flatten())
exact = torch.linalg.slogdet(J).logabsdet
agrees(norm(batch)[1], exact.expand(len(batch)), name="(11.17) activation norm")

# %% [markdown]
# ## 7 · From equation to code
#
# You have all the parts.
#
# **Exercise 11.5 · Bits per dimension** · ●●○ · 10 min · code
#
# *Why.* If it passes, it trains the flow of section 8.
#
# Write the objective (11.12), one noise draw for each
# image, in bits per dimension. You have
#
# - `flow.dequantise(levels, noise)` → `x`, `log_q`: $x=(k+u)/256$, and $\log q(u\mid k)$, (B,);
# - `flow.log_prob(x)` → (B,) nats, logit and all; `flow.dimensions` = $D$.
#
# *Nudge.* Collect the bound in nats first: three terms. Then change the sign, the unit, and divide by $D$, in one step.
#
# *First line.* `x, log_q = flow.dequantise(levels, noise)`
#
# *Compare.*
# ```python
# from types import SimpleNamespace
# flat = SimpleNamespace(  # a "flow" that knows nothing: uniform on [0, 1]² and uniform noise
#     dequantise=lambda levels, noise: ((levels + 0.5) / 256, torch.zeros(len(levels))),
#     log_prob=lambda x: torch.zeros(len(x)),
#     dimensions=2,
# )
# print(flat.log_prob(torch.zeros(1, 1, 1, 2)) - 2 * math.log(256))  # → tensor([-11.0904])
# print(bits(flat, torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1, 2)))  # → tensor([8.])
# ```


# %% exercise="11.5"
def bits(flow, levels, noise):
    """(11.12): levels 0 … 255 and noise, (B, C, H, W) → bits/dim, (B,)."""
    ### BEGIN SOLUTION
    x, log_q = flow.dequantise(levels, noise)
    bound = flow.log_prob(x) - log_q - flow.dimensions * math.log(256)
    return -bound / (flow.dimensions * math.log(2))
    ### END SOLUTION


# %%
passed = check("11.5", bits)


# %%
def library_bits(flow, levels, noise):
    x, log_q = flow.dequantise(levels, noise)
    return bits_per_dim(flow.log_prob(x) - log_q, flow.dimensions)


objective = bits if passed else library_bits
print("Your own" if passed else "The library's", "objective trains the flow below.")

# %%
size = budget.pick(smoke={"width": 8, "batch": 4}, laptop={"width": 32})
flow = RealNVP("course", **size, seed=11)
few = test_digits.images[: budget.pick(smoke=2, laptop=50)]
same = lambda: torch.Generator().manual_seed(3)
with torch.no_grad():
    noise = torch.randn(few.shape, generator=same())
    value = objective(flow, few.float(), noise)
    reference = flow.bits_per_dim(few, same())
    nats = flow.log_prob(flow.dequantise(few.float(), noise)[0])
agrees(value, reference, tol=1e-4, name="your objective is the library's")
wrong = -nats / (784 * math.log(2))
refuses(wrong, reference, tol=1e-4, name="−log p(x) in bits, no more")


# %% [markdown]
# A flow is a game of one player, as in lesson 10: it lowers the bits of a batch. The player comes from the
# library (Adam; the learning rate rises for 50 rounds and falls at the end; gradients are clipped). The
# `start` sends one batch through for the activation norms.


# %%
def train_on_bits(flow, objective, rounds, seed=0):
    """Maximum likelihood on the embedded digits; returns the history."""
    (player,) = flow.game(rounds).players

    def losses(source):
        levels = (255 * source.batch().x).round()
        noise = source.normal(*levels.shape)
        return {"flow": {"bits": objective(flow, levels, noise).mean()}}

    @torch.no_grad()
    def start(source):
        losses(source)

    game = Game([Move([player], losses)], start=start)
    given = {"rounds": rounds, "seed": seed, "preview": False}
    return training.fit(flow, digits, game=game, **given)


@torch.no_grad()
def test_bits(flow, images, seed=0):
    """The library's bits/dim of uint8 images, (n,); the same noise for every model."""
    noise = torch.Generator().manual_seed(seed)
    return torch.cat([flow.bits_per_dim(part, noise) for part in images.split(100)])


# %% [markdown]
# ## 8 · Predict, then train
#
# **Exercise 11.11 · Bits after a few minutes** · ●○○ · 2 min · predict
#
# *Why.* You have now four numbers to compare with.
#
# How many bits/dim will *test* digits need after a few minutes of training? You know: 8 for a model
# that knows nothing, just below 2 for one table of counts, 1.7 for a table at each place. The published
# RealNVP stands at about 1.06 (as FFJORD's table prints it).

# %% exercise="11.11"
### BEGIN SOLUTION
bits_guess = 1.3
### END SOLUTION
bits_guess = predict("11.11", bits_guess)

# %%
rounds = budget.pick(smoke=2, laptop=800, full=20_000)
begun = time.perf_counter()
history = train_on_bits(flow, objective, rounds, seed=11)
minutes = (time.perf_counter() - begun) / 60
held_out = test_digits.images[: budget.pick(smoke=8, laptop=2000)]
own = test_bits(flow, held_out)
error = own.std() / len(own) ** 0.5
size = sum(p.numel() for p in flow.parameters())
print(f"{size:,} parameters, {rounds} rounds in {minutes:.1f} minutes")
print(f"{len(own)} test digits: {own.mean():.3f} ± {error:.3f} bits/dim")

# %%
logged = history.term("flow.bits")
marks = {"one table of counts": table_bits, "784 tables": places_bits}
fig = plots.curves({"training": logged}, predictions=bits_guess, references=marks)
fig.axes[0].set(ylabel="bits/dim", ylim=(1, 4))
plots.show(fig, alt="Bits per dimension fall quickly below both tables of counts.")

# %% [markdown]
# **What to see.** Some fifty rounds pass both tables of
# counts. What is gained below the 784 tables is *structure*, what pixels say about each other. Each image is seen two or
# three times, so this is not memory: the test bits printed above are near the training bits.
#
# The course trained a wider flow on all of MNIST, for a little more than an hour of one core (its card in the zoo has the minutes, and
# the bits of the whole test set). Its bits on the same test digits:

# %%
best = zoo.load("realnvp-mnist")
larger = test_digits.images[: budget.pick(smoke=8, laptop=500)]
best_bits = test_bits(best, larger)
both = own[: len(larger)].mean(), best_bits.mean()
print(f"{len(larger)} digits: yours {both[0]:.3f}, the zoo's {both[1]:.3f} bits/dim")

# %%
first_64 = torch.Generator().manual_seed(4), torch.Generator().manual_seed(4)
rows = [model.sample(12, generator=g) for model, g in zip((flow, best), first_64)]
rows.append(test_digits.batch(slice(0, 12)).x)
names = ["yours", "zoo", "real"]
fig = plots.images(torch.cat(rows), columns=12, row_labels=names, zoom=2)
plots.show(fig, alt="Samples of the short and the long training, and real digits.")

# %% [markdown]
# **What to see.** Sharp strokes on black, and many shapes that are no digits. *Local* structure, such as
# smooth edges and pen widths, is worth many bits; which digit it is, few (at most $\log_2 10/784=.004$ bits a dimension). Likelihood and looks are different
# measures. Lesson 03 has measures of looks, and lesson 13 shows a likelihood and a picture that disagree.
#
# # Part C · Look, break, and the reports
#
# A good place to begin again after a break. Time: {{part:C}}. Afterwards you can sample, reconstruct and fill with a flow, say what its likelihood does not see, and recognise four faults.
#
# ## 9 · Looking
#
# ### 9.1 · Exact reconstruction
#
# A VAE's reconstruction (lesson 06) is a guess. A flow's is the image, because $f^{-1}(f(x))=x$: how exactly, in which
# arithmetic?

# %%
g = torch.Generator().manual_seed(5)
levels = test_digits.images[: budget.pick(smoke=2, laptop=8)].float()
for dtype in (torch.float64, torch.float32):
    model = copy.deepcopy(best).to(dtype)
    with torch.no_grad():
        noise = torch.randn(levels.shape, generator=g)
        x, _ = model.dequantise(levels.to(dtype), noise.to(dtype))
        back = model.inverse(model(x)[0])
    wrong = ((256 * back).floor() != levels).sum()
    off = (back - x).abs().max()
    print(f"{dtype}: largest error {off:.1e}, levels changed: {wrong}")
    if dtype == torch.float64:
        agrees(back, x, tol=1e-10, name="there and back, the zoo's flow")

# %% [markdown]
# **What to see.** Errors of rounding only. In float32 a level can change where the noise came very near
# to the border of its bin, and not because anything was lost.
#
# ### 9.2 · Which digits are likely?
#
# Each image has its own number of bits, here the bound with one draw of the noise. Sort the test digits by it.

# %%
order = best_bits.argsort()
both = torch.cat([order[:12], order[-12:]])
names = ["fewest bits", "most bits"]
fig = plots.images(larger[both], columns=12, row_labels=names, zoom=2)
plots.show(fig, alt="Fewest bits: thin ones. Most bits: wide digits with much ink.")

# %%
classes = test_digits.labels[: len(larger)]
ink = (larger > 127).double().mean((1, 2, 3))
by_class = {str(c): best_bits[classes == c].mean() for c in classes.unique().tolist()}
fig = plots.bars(by_class, unit="bits/dim", title="mean of each class")
plots.show(fig, alt="The ones cost far fewer bits than all other classes.")
together = torch.corrcoef(torch.stack([ink, best_bits.double()]))[0, 1]
print(f"correlation of bits with the share of bright pixels: {together:.2f}")

# %% [markdown]
# **What to see.** "Likely" does not mean "typical of its class" or "well written". It means *few bits to
# describe*, and digits with more ink tend to need more. Keep that for the next section.
#
# ### 9.3 · Likelihood and familiarity
#
# A flow knows $\log p(x)$ exactly. So it should be able to tell what it was *not* trained on: anything
# strange gets a low likelihood.
#
# **Exercise 11.12 · A black picture** · ●○○ · 1 min · predict
#
# *Why.* If strange pictures cost more, a flow can warn you of them.
#
# Does a picture that is *no digit at all*, for instance an all
# black one, cost "more" or "fewer" bits than a test digit?

# %% exercise="11.12"
### BEGIN SOLUTION
black_guess = "fewer"
### END SOLUTION
black_guess = predict("11.12", black_guess)

# %%
some = larger[: budget.pick(smoke=4, laptop=200)]
blurred = F.avg_pool2d(some.float(), 3, stride=1, padding=1).round().byte()
thin = -F.max_pool2d(-some.float(), 2, stride=1, padding=1)[..., :28, :28]
noise = torch.randint(0, 256, some.shape, generator=g, dtype=torch.uint8)
strangers = {"test digits": some, "all black": 0 * some[:5], "half contrast": some // 2}
strangers |= {"thinned": thin.byte(), "blurred": blurred}
strangers["upper half only"] = F.pad(some[:, :, :14], (0, 0, 0, 14))
strangers |= {"inverted": 255 - some, "random levels": noise}
if data.here("fashion"):
    strangers["Fashion-MNIST"] = data.load("fashion", "test").images[: len(some)]

# %%
scores = {name: test_bits(best, images) for name, images in strangers.items()}
means = {name: score.mean() for name, score in scores.items()}
mark = {"test digits": float(means["test digits"])}
fig = plots.bars(means, unit="bits/dim", references=mark)
plots.show(fig, alt="All black, thinned and cut digits cost fewer bits, all others more.")
if black_guess is not None:
    print("your guess for all black:", black_guess)

# %%
shown = torch.stack([images[0] for images in strangers.values()])
fig = plots.images(shown, columns=len(shown), column_labels=list(strangers), zoom=4)
plots.show(fig, alt="One picture of each kind, left to right as the bars downwards.")

# %% [markdown]
# **What to see.** An all black picture, which is no digit, is by far *more likely* than the digits. Without their lower half digits
# are more likely than whole. Noise, blur, half contrast and inverted pictures cost more: they are complicated, or
# have levels that digits rarely have there. Nalisnick et al. (2019) found the same between whole data sets: a flow
# trained on CIFAR-10 gives house numbers (SVHN) a *higher* likelihood than CIFAR-10's own test images, and one
# trained on Fashion-MNIST rates digits higher than clothes. (Exercise 11.15 at the end.)
#
# Is the flow wrong? No. Already a standard normal does it. Its densest place is the origin, and hardly
# any draw in 784 dimensions comes near:
#
# $$\mathbb E\big[\log\mathcal N(0;0,I)-\log\mathcal N(z;0,I)\big]=\tfrac12\,\mathbb E\|z\|^2=\tfrac D2,\qquad\|z\|\approx\sqrt D. \tag{11.18}$$

# %%
z = random(5_000, 784)
origin = log_normal(torch.zeros(784, dtype=torch.float64))
gain = origin - log_normal(z)
error = gain.std() / len(gain) ** 0.5
agrees(gain.mean(), 784 / 2, error=error, name="(11.18) nats that the origin gains")
refuses(gain.mean(), 0.0, error=error, name="“draws lie where the density is highest”")
norms = z.norm(dim=1)
print(f"‖z‖ of 5 000 draws: {norms.min():.1f} to {norms.max():.1f}; √784 = 28")
for name in ("test digits", "all black"):
    levels = strangers[name].float()
    with torch.no_grad():
        x, _ = best.dequantise(levels, torch.randn(levels.shape, generator=same()))
        z, log_det = best(x)
    print(f"{name}: mean ‖z‖ {z.norm(dim=1).mean():.1f}, log |det| {log_det.mean():.0f} nats")

# %% [markdown]
# So where the density is *highest* and where the draws *are* (the "typical set") differ, and in high
# dimensions they lie apart. (The black picture's $z$ is *not* near the origin, but as long as a draw's. The
# log-determinant makes it likely.) A likely picture need not be a familiar one. To ask for familiarity, ask
# whether $\log p(x)$ is *usual*, neither too low nor too high. That notices black pictures; it is no full
# answer either.
#
# ### 9.4 · Temperature
#
# Draw $z\sim\mathcal N(0,T^2I)$ instead. It is again a flow, with exact density:
#
# $$\log p_T(x)=\log p(x)+\tfrac12\|f(x)\|^2\Big(1-\frac1{T^2}\Big)-D\log T. \tag{11.19}$$
#
# It is *not* $p(x)^{1/T^2}$ made to integrate to one, except where the log-determinant is constant.

# %%
x = torch.rand(20, 1, 8, 8, generator=generator, dtype=torch.float64)
T = torch.tensor(0.7, dtype=torch.float64)
with torch.no_grad():
    z, log_det = small(x)
    log_p = small.log_prob(x)
cooled = Normal(0.0, T).log_prob(z).sum(1) + log_det
value = log_p + 0.5 * z.square().sum(1) * (1 - 1 / T**2) - 64 * T.log()
agrees(value, cooled, name="(11.19) 20 images, T = .7")
refuses(value + 64 * T.log(), cooled, name="D·log T forgotten")

# %%
temperatures = (0.5, 0.7, 0.85, 1.0, 1.1)
rows = []
for T in temperatures:
    g = torch.Generator().manual_seed(8)  # the same draws, shorter or longer
    rows.append(best.sample(12, generator=g, temperature=T))
names = [f"T = {T}" for T in temperatures]
fig = plots.images(torch.cat(rows), columns=12, row_labels=names, zoom=2)
plots.show(fig, alt="Low temperatures give smooth strokes, high ones broken pictures.")

# %% [markdown]
# **What to see.** The same $z$, only shorter or longer. Cooler samples look simpler and more alike: they
# come from nearer to the origin than the model's own draws, (11.18). Some warmer ones break. Only $T=1$ shows the model that the
# bits speak of. Glow's faces are drawn at $T=.7$: ask for $T$ wherever you see samples.

# %%
explore.show(explore.temperature(best, rows=budget.pick(smoke=1, laptop=3)))

# %% [markdown]
# ### 9.5 · What lives on which scale (optional)
#
# Half of the numbers left after the first scale. What do they say? Draw one $z=(z_1,z_2)$; then keep one part
# and draw the other anew, several times.

# %% tags=["optional"]
count = 8
draws = torch.randn(count, 784, generator=torch.Generator().manual_seed(6))
half = 392  # what left first comes first
kept = draws[:1].expand(count, -1)
fine = torch.cat([draws[:, :half], kept[:, half:]], 1)
coarse = torch.cat([kept[:, :half], draws[:, half:]], 1)
with torch.no_grad():
    rows = [best.inverse(z).clamp(0, 1) for z in (fine, coarse)]
names = ["z₁ anew", "z₂ anew"]
fig = plots.images(torch.cat(rows), columns=count, row_labels=names, zoom=3)
plots.show(fig, alt="A new z₁ hardly changes the sample, a new z₂ changes all of it.")
for name, row in zip(names, rows):
    share = ((row[1:] - row[:1]).abs() > 0.1).double().mean()
    print(f"{name}: {100 * share:.1f}% of the pixels change by more than a tenth")

# %% [markdown]
# **What to see.** Both rows begin with the same sample. A new $z_1$, 392 fresh numbers, changes some pixels, nearly all at
# the edges of strokes; a new $z_2$ changes four times as many, and makes another picture. So nearly all that you can *see* in this sample is in $z_2$. What is in $z_1$? Edges in
# detail, and the dequantisation noise of black pixels, which a bijection must put somewhere: of 784 numbers most
# say nothing about the digit.
#
# ### 9.6 · Filling in
#
# An exact and differentiable $\log p(x)$ can complete a picture. First search for a $z$ whose picture agrees
# with the known pixels; then hold those, and let the others climb $\log p$ with some noise, accepting or
# refusing each step by Metropolis' rule (Langevin dynamics). Below, the lower half is unknown; each digit is
# filled in four times. (The judge is lesson 03's classifier.)

# %%
count, steps = budget.pick(smoke=1, laptop=6), budget.pick(smoke=2, laptop=120)
levels = test_digits.images[:count].float()
with torch.no_grad():
    torn, _ = best.dequantise(levels, torch.randn(levels.shape, generator=same()))
torn = torn.repeat(4, 1, 1, 1)
known = torch.ones(28, 28, dtype=torch.bool)
known[14:] = False
filled = inpaint(best, torn, known, steps=steps, generator=same())
shown = torch.cat([torn[:count], torn[:count] * known, filled])
names = ["digit", "known", *(f"filled, {i}" for i in "1234")]
fig = plots.images(shown, columns=count, row_labels=names, zoom=2)
plots.show(fig, alt="Digits, their upper halves, and four ways to fill in each.")
judge = evaluation.digit_classifier()
pictures = {"filled in": filled, "lower half black": torn * known}
with torch.no_grad():
    whole = judge(torn.float()).argmax(1)
    for name, x in pictures.items():
        same_class = (judge(x.float()).argmax(1) == whole).sum()
        print(f"{name}: the judge of digits reads {same_class} of {len(whole)} as what was torn")

# %% [markdown]
# **What to see.** The filled half continues the strokes that reach the border, and the four rows differ where
# the upper half leaves it open. Some fail: a stroke that ends nowhere, a digit in two pieces. In the long run
# such steps draw from $p(\text{lower}\mid\text{upper})$; sixty of them do not get that far, so take these for
# plausible completions, not for fair draws. What the judge reads differently need not be a failure: some upper
# halves can be honestly finished in two ways.
#
# Drag a rectangle over the digit, and have it filled. Beyond step 60 come Langevin's steps.

# %%
explore.show(explore.fill(best, test_digits), step=budget.pick(smoke=1, laptop=60))

# %% [markdown]
# ### 9.7 · Faces: a direction for each attribute (optional)
#
# The course's cartoon faces (lesson 03) come with all their factors. RealNVP at 32×32 pixels in colour
# has $D=3072$. Samples first, with scores (lesson 03 explains them).

# %% tags=["optional"]
artist = zoo.load("realnvp-faces")
rows = [artist.sample(10, generator=same(), temperature=T) for T in (0.7, 1.0)]
face_scores = [f"{score} on face features" for score in ("FD", "precision", "recall")]
print(zoo.scores("realnvp-faces", *face_scores), "(at T = 1)")
fig = plots.images(torch.cat(rows), columns=10, row_labels=["T = 0.7", "T = 1"], zoom=2)
plots.show(fig, alt="Cartoon faces drawn by the flow, at two temperatures.")

# %% [markdown]
# **What to see.** The scores are those of T = 1, the model itself: FD a bit more than three times its floor, and nearly six in ten of the real faces within the samples' reach. It was trained for 98 minutes on two cores, 166 minutes of processor time. At T = 1 spikes and a bun stand where the hair is smooth at T = 0.7; glasses and mouths are smeared in both rows.
#
# And photographs? The same network, trained for as many rounds (104 minutes on two cores, 181 of processor time) on the 32×32 faces of a part of CelebA
# (its card says how many). B trained on CelebA too; its report states neither the size of the pictures nor how many it used.

# %% tags=["optional"]
photographer = zoo.load("realnvp-celeba")
rows = [photographer.sample(10, generator=same(), temperature=T) for T in (0.7, 1.0)]
print(zoo.scores("realnvp-celeba", *face_scores), "(at T = 1)")
fig = plots.images(torch.cat(rows), columns=10, row_labels=["T = 0.7", "T = 1"], zoom=2)
plots.show(fig, alt="Blotched faces, most recognisable; at T = 1 some fall to pieces.")

# %% [markdown]
# **What to see.** In most of them eyes, mouth and hair are where they belong, in both rows. But few would pass for photographs: the skin is blotched, mouths are
# smeared, and at $T=1$, which alone is the model, some faces fall to pieces and colours glare. Would more rounds help? Perhaps little: its
# training photographs cost it 3.66 bits a dimension, test photographs 3.74 (400 of each, uniform noise, one draw; the difference is .08 ± .02). For drawn faces
# the flow above needs 2.28 on both (200 of each). So here it begins to know its 7,977 pictures better than others; more pictures or a larger network are the next things to try. (The scores are in
# features of a network that has seen *drawn* faces only. It may miss what spoils a photograph: compare with the floor beside them, and believe your eyes too.)
#
# A direction in $z$: the mean $z$ of faces that have an attribute, minus the mean of those that have not.
# Add it to the $z$ of *other* faces, and go back. No decoder was trained for this, and no label was seen in
# training.


# %% tags=["optional"]
@torch.no_grad()
def encode(images):
    return torch.cat([artist((p.float() + 0.5) / 256)[0] for p in images.split(50)])


count = budget.pick(smoke=12, laptop=2000)
known = data.faces.load("train", size=32, n=count)
z, factors = encode(known.images), known.attributes
glasses, smile = factors["glasses"].bool(), factors["smile"]
with_glasses = z[glasses].mean(0) - z[~glasses].mean(0)
smiling = z[smile > 0.3].mean(0) - z[smile < -0.3].mean(0)

# %% tags=["optional"]
others = data.faces.load("test", size=32, n=40)
plain = (others.attributes["glasses"] == 0).nonzero().flatten()[:4]
start, strengths = encode(others.images[plain]), (0.0, 0.5, 1.0, 1.5)
sheets = []
for direction in (with_glasses, smiling):
    with torch.no_grad():
        moved = [artist.inverse(start + a * direction).clamp(0, 1) for a in strengths]
    sheets.append(torch.stack(moved, 1).flatten(0, 1))
labels = {"column_labels": ["0", "½", "1", "1½"] * 2}
labels["row_labels"] = ["glasses", "glasses", "smile", "smile"]
fig = plots.images(torch.cat(sheets), columns=8, zoom=2, **labels)
plots.show(fig, alt="Four faces with more and more glasses; below, with more and more smile.")

# %% [markdown]
# **What to see.** Groups of four: 0, ½, 1 and 1½ times the direction. Look for what was asked for, and for what else changes with it: the direction is a
# difference of two means in 3072 dimensions, and part of it is chance. How much? The factors are known, so the *true*
# face with glasses can be drawn, and the change in pixels compared with the true change by its cosine.


# %% tags=["optional"]
there = {name: values[plain] for name, values in others.attributes.items()}
before = others.images[plain] / 255


@torch.no_grad()
def alike(direction, **asked):
    """Cosine between what the direction changes and what `asked` truly changes."""
    true = data.faces.render({**there, **asked}, size=32) / 255 - before
    ours = artist.inverse(start + direction) - before
    return F.cosine_similarity(ours.flatten(1), true.flatten(1)).mean()


for name, d in {"glasses": with_glasses, "smile": smiling}.items():
    print(f"direction {name:7}: like true glasses {alike(d, glasses=1):5.2f}", end=", ")
    print(f"like a true smile {alike(d, smile=1.0):5.2f}")

by_chance = torch.randn(20, 3072, generator=same()) * with_glasses.norm() / 3072**0.5
for name, asked in {"true glasses": {"glasses": 1}, "a true smile": {"smile": 1.0}}.items():
    found = torch.stack([alike(d, **asked) for d in by_chance])
    print(f"twenty by chance: like {name} {found.min():.2f} to {found.max():.2f}")

# %% [markdown]
# **What to see.** Compare the direction made for glasses with the other one and with twenty by chance, then that for a smile. Each time the cosine of the one made for it
# is the largest, and below 1: adding a vector in $z$ changes more than was asked for. (These are four faces.) But nobody told the flow what glasses are.

# %% [markdown]
# ## 10 · Variants, side by side (optional)
#
# Eight small flows, the same rounds and data, one thing changed each time (the last two change α in "uniform noise"). "Masked" is (11.7)'s left side,
# "additive" is NICE (with activation norms as its scaling), "spline" bends where affine couplings only scale
# (lesson 10; Durkan et al., 2019).

# %% tags=["optional"]
base = {"couplings": (2, 2), "last": (2, 2), "width": 16, "blocks": 1}
base["batch"] = budget.pick(smoke=4, laptop=32)
variants = {
    "affine (base)": {},
    "additive": {"coupling": "additive"},
    "spline": {"coupling": "spline"},
    "masked": {"checkerboard": "masked"},
    "batch norm": {"normalisation": "batch"},
    "uniform noise": {"dequantisation": "uniform"},
    "uniform, α = .001": {"dequantisation": "uniform", "alpha": 1e-3},
    "uniform, α = .05": {"dequantisation": "uniform", "alpha": 0.05},
}
small_test, results = test_digits.images[: budget.pick(smoke=2, laptop=300)], {}

# %% tags=["optional"]
rounds = budget.pick(smoke=1, laptop=120, full=2000)
for name, changed in variants.items():
    model = RealNVP("course", **base | changed, seed=2)
    begun = time.process_time()  # of the processor, whatever else runs
    train_on_bits(model, library_bits, rounds, seed=2)
    ms = 1000 * (time.process_time() - begun) / rounds
    results[name] = test_bits(model, small_test).mean().item()
    size = sum(p.numel() for p in model.parameters())
    print(f"{name:18} {results[name]:6.3f} bits/dim {ms:5.0f} ms/round", end="")
    print(f" {size:7,} parameters")

# %% tags=["optional"]
marks = {"one table": table_bits, "784 tables": places_bits}
fig = plots.bars(results, references=marks, unit="bits/dim", title=f"{rounds} rounds")
plots.show(fig, alt="The three with uniform noise cost most, by far with α = .05; splines least.")

# %% [markdown]
# **What to see.** At this length the *preparation* of the pixels, $\alpha$ and the noise, moves more than
# the kind of coupling. That is section 5 at work. Splines got further in equally many rounds, and a round of theirs takes longer.
# The masked flow works at full resolution, with twice the parameters, and takes longer too. These are short runs of small flows with one
# seed: they hint at what learns *fast*, not where each would end, and a difference of some hundredths says nothing.
#
# ## 11 · Break it
#
# Gil, Hana, Ivo, Jun and Kim each wrote a RealNVP with masks, uniform noise and $\alpha=.001$, and trained it
# with the same seed and rounds. **One of the five is healthy.** The others have a fault in one line: *noise on half a bin only*, a *wrong sign* of $s$ in the inverse, *masked pixels
# counted* in the log-determinant, pixels *divided twice* before the noise. (Their code is in
# `course_lib.lessons.lesson_11.faults`. Don't look yet.)

# %%
settings = base | {"checkerboard": "masked", "dequantisation": "uniform", "alpha": 1e-3}
settings |= {"width": 8, "seed": 3}
rounds = budget.pick(smoke=1, laptop=120, full=2000)
models, curves = {}, {}
for name, kind in lesson_11.faults.items():
    models[name] = kind("course", **settings)
    curves[name] = train_on_bits(models[name], library_bits, rounds, seed=3).term("flow.bits")
fig, axes = plots.figure(columns=5, width=9.4, height=2.7)
for ax, (name, logged) in zip(axes, curves.items()):
    plots.curves({"bits": logged}, ax=ax, title=name, ylabel="", limits=(-2, 5))
    ax.get_legend().remove()
axes[0].set_ylabel("bits/dim, as logged")
plots.show(
    fig,
    alt="Curves of bits/dim: Hana's and Ivo's end alike, Gil's lower, Jun's below zero; Kim's "
    "begins low and falls little.",
)

# %%
x = (small_test[:5] + 0.5) / 256
for name, model in models.items():
    honest = RealNVP("course", **settings).eval()
    honest.load_state_dict(model.state_dict())  # the library's code with their weights
    counted = test_bits(model, small_test).mean(), test_bits(honest, small_test).mean()
    with torch.no_grad():
        missed = (model.inverse(model(x)[0]) - x).abs().max()
    print(f"{name:4} own count {counted[0]:7.3f} bits/dim", end=", ")
    print(f"the library's {counted[1]:7.3f}; f⁻¹(f(x)) misses x by {missed:7.1e}")

# %%
rows = [model.sample(10, generator=same()) for model in models.values()]
rows = torch.cat(rows).nan_to_num()
fig = plots.images(rows, columns=10, row_labels=list(models), zoom=2)
plots.show(
    fig, alt="Samples of the five: one row is all black, one has scattered dots, three have blobs."
)

# %% [markdown]
# **Exercise 11.6 · Gil, Hana, Ivo, Jun, Kim** · ●●● · 12 min · answer
#
# *Why.* Each of the four faults has a place where it shows, and another where it hides.
#
# Give each name one of the words `"healthy"`, `"half noise"`, `"wrong sign"`,
# `"masked pixels counted"`, `"divided twice"`.
#
# Write `diagnosis = {"Gil": ..., "Hana": ..., "Ivo": ..., "Jun": ..., "Kim": ...}` with your answers for the dots.
#
# *Nudge.* Three things were measured: each one's own count, the library's count of the same weights, and the round trip. For each fault say first which of the three it changes.
#
# *First line.* Only one of the faults touches the inverse.

# %% exercise="11.6"
### BEGIN SOLUTION
diagnosis = {
    "Gil": "half noise",
    "Hana": "wrong sign",
    "Ivo": "healthy",
    "Jun": "masked pixels counted",
    "Kim": "divided twice",
}
### END SOLUTION

# %%
check("11.6", diagnosis)

# %% [markdown]
# The next cell prints what differs, when you have answered; then open the paragraph below it.

# %%
if diagnosis is ...:
    print("Write your diagnosis first, then run this cell again.")
else:
    for faulty in lesson_11.differences():
        print(inspect.getsource(faulty))

# %% [markdown]
# <details><summary><b>Reveal</b> (open it after your answer)</summary>
#
# - **Gil** draws noise on half a bin. His count is lower than Ivo's by up to one bit, and means nothing:
#   (11.14). The library's count of his weights, with noise on the whole bin, is no lower than Ivo's.
# - **Hana**'s inverse has the wrong sign. Training never calls the inverse, so her bits are Ivo's to the last
#   digit; only samples and the round trip show it.
# - **Jun** counts $s$ of masked pixels. Those change nothing in $z$, so raising them is free, and
#   the "likelihood" grows without an end: he has fallen below zero bits. The library's count says otherwise.
# - **Kim**'s images were in $[0,1]$ before they were divided by 256. By (11.14) hardly anything is left to be
#   described, so her bits are the fewest of all at the start and fall little (only Jun's false count ends below them), and all that she can draw is black. (The library counts real pixels, far outside all that she has seen.)
# - **Ivo** is healthy. After so few rounds his samples are poor too: *looks* did not tell him from Gil and Jun.
#
# </details>
#
# | fault | where you see it |
# |---|---|
# | log-determinant over masked pixels | bits fall and fall, in the end below zero; the determinant by autograd differs |
# | inverse with a wrong sign | $f^{-1}(f(x))\ne x$; samples; *not* in bits |
# | half noise; noise on pixels divided twice | bits too low, by up to one; at most about one in all: (11.14) |
# | $-D\log256$ forgotten; $D$ of a padded image | bits too low by eight; by a factor: (11.12) |
# | α not undone | samples between α and 1 − α where real pixels are 0 to 1 |
#
# ## 12 · The reports
#
# Report B's system B2 is RealNVP on CelebA: batches of 64, base dimension 32, Adamax with rate $10^{-3}$, 50
# epochs of 2 minutes. It prints no bits/dim, so there is no number to check; `RealNVP("report")` has the
# settings that B states; all else, such as size, scales, α and normalisation, is the paper's or ours. **E18**, its equation 7, is in lesson 10. **E22** ("deformed" and
# "comparable to the real") needs measurement: lesson 03 measures.

# %% [markdown]
# One claim of B, in the caption of its figure 3, can be counted right here: "The forward and inverse propagation operations
# have identical computational cost."

# %%
calls = []
for module in small.modules():
    if isinstance(module, ResidualNetwork):
        module.register_forward_hook(lambda *_: calls.append(1))
with torch.no_grad():
    small(torch.full((1, 1, 8, 8), 0.5, dtype=torch.float64))
    forward_calls = len(calls)
    small.inverse(random(1, 64))
back_calls = len(calls) - forward_calls
agrees(back_calls, forward_calls, name="networks called, back and forth")

# %% [markdown]
# (An *autoregressive* model needs one call for each dimension to sample, 64 here, and one in all to score.)
#
# ### What report B got right
#
# | claim | where | you confirmed it with |
# |---|---|---|
# | $y_{1:d}=x_{1:d}$ (its equation 6) | B §2.4 | (11.1) |
# | "the determinant of a triangular matrix can be efficiently computed as the product of its diagonal terms" | B §2.4 | (11.3) |
# | each bijection is "simple to invert, but … depends on the remainder of the input vector in a complex way" | B §2.4 | (11.2) |
# | "forward and inverse propagation operations have identical computational cost" | B fig. 3 | the cell above |
# | "exact and efficient reconstruction" | B §2.4 | section 9.1 |
# | a latent space "as high dimensional as the input space", and meaningful | B §2.4 | (11.9), section 9.7 |
#
# ## 13 · Exercises
#
# **11.1–11.7** are above, with their checks; 11.11 and 11.12 are the predictions. The following have no check. The solved copy has worked solutions of the two on paper.
#
# **Exercise 11.13 · Nothing stays** · ●●○ · 6 min · pen
#
# *Why.* It shows what the mask is for.
#
# Take a coupling with $b=0$ everywhere. What may $s$ and $t$ depend on, and what is left of the flow?
#
# *Nudge.* In (11.1) the networks see $b\odot x$.
#
# *First line.* $b\odot x=0$ for every $x$.

# %% [markdown] tags=["solution"]
# *Solution 11.13.* The goal is what such a layer can do. The networks see $b\odot x=0$, the same for every $x$. So $s$ and $t$ are constants: two learned numbers at each pixel, the same for all images. The layer is $z=x\odot e^s+t$, an affine map with a diagonal matrix. A stack of these is again one. What is
# left of the flow is a Gaussian for each pixel, independent of all others (through the logit). If $s$ and $t$ were allowed to depend on the changed pixels, the Jacobian need no longer be triangular, nor $\sum s$ be its log-determinant.

# %% [markdown]
# **Exercise 11.14 · The best coupling of a black pixel** · ●●● · 20 min · pen
#
# *Why.* It is the price that section 5 prints, .60 bits a black pixel for uniform noise and tiny α. Learned noise saves it.
#
# Derive (11.15): minimise the KL over $m$ and $v$, then write the entropy of $y$ by (10.4).
#
# *Nudge.* $\mathrm{KL}(p_y\,\|\,\mathcal N(m,v))=-\mathrm H(y)-\mathbb E\log\mathcal N(y;m,v)$. Only the second term contains $m$ and $v$.
#
# *First line.* $-\mathbb E\log\mathcal N(y;m,v)=\frac12\log2\pi v+\frac1{2v}\mathbb E(y-m)^2$.

# %% [markdown] tags=["solution"]
# *Solution 11.14.* The goal is the smallest KL of $y$'s density to a Gaussian. Only $\frac12\log2\pi v+\frac1{2v}\mathbb E(y-m)^2$ contains $m$ and $v$. It is least at $m=\mathbb E\,y$, and then its derivative by $v$, $\frac1{2v}-\frac{\operatorname{Var}y}{2v^2}$, is zero at $v=\operatorname{Var}y$. The value there is
# $\frac12\log(2\pi e\operatorname{Var}y)$. So the smallest KL is $\frac12\log(2\pi e\operatorname{Var}y)-\mathrm H(y)$: the entropy of a Gaussian with $y$'s variance, less $y$'s own.
#
# The entropy of $y$ follows from (10.4). Write $y=h(\varepsilon)$ with $\varepsilon\sim\mathcal N(0,1)$. Then $\log p_y(y)=\log p(\varepsilon)-\log\frac{dy}{d\varepsilon}$. Take the mean and change the sign: $\mathrm H(y)=\mathrm H(\varepsilon)+\mathbb E\log\frac{dy}{d\varepsilon}$, and $\mathrm H(\varepsilon)=\frac12\log2\pi e$. Subtract: $\frac12\log2\pi e$ cancels, and (11.15) is left.

# %% [markdown]
# **Exercise 11.15 · Clothes** · ●●○ · 25 min · experiment
#
# *Why.* A likelihood compares *data* as much as models.
#
# If you have Fashion-MNIST (`data.load("fashion")`), train a small flow on it for a few minutes,
# and compare bits/dim of its test set with those of digits. Which are fewer? Then why does the bar of
# section 9.3 with Fashion look as it does?
#
# *Nudge.* `training.fit(worn, clothes, rounds=800)` trains with section 8's settings (`train_on_bits` knows digits only). Score both test sets with `test_bits`.
#
# *First line.* `clothes, worn = data.load("fashion"), RealNVP("course", seed=11)`
#
# *Compare.*
# ```python
# print(test_bits(best, test_digits.images[:1]).shape)  # → torch.Size([1])
# print(round(float((test_digits.images == 0).double().mean()), 2))  # → 0.81
# ```
# (The share of black pixels in digits. Compute it for clothes, too.)
#
# **Exercise 11.16 · More draws of the noise** · ●●○ · 10 min · experiment
#
# *Why.* (11.12) is a bound. How far off is it, at least?
#
# Bound $\log P$ of 20 test digits with $K=1,4,16$ draws of the noise, as in (11.16), with the zoo's flow
# (`bits_per_dim(…, k=K)`). How many hundredths of a bit does it gain?
#
# *Nudge.* Use the same seed for each $K$, and look at the difference image by image.
#
# *First line.* `for k in (1, 4, 16): best.bits_per_dim(test_digits.images[:20], same(), k=k)`
#
# *Compare.*
# ```python
# print(round(math.log(4) / (784 * math.log(2)), 4))  # → 0.0026
# ```
# (The unit of the answer. If a better estimate makes $P$ of an image four times as large, its bits per dimension fall by this.)
#
# **Exercise 11.17 · A density as a classifier** · ●●○ · 30 min · experiment
#
# *Why.* By Bayes' rule a conditional density model is a classifier.
#
# `RealNVP(classes=10)` takes labels. Train it, and classify test digits by
# $\arg\max_c\log p(x\mid c)$. How good can a density model be as a classifier?
#
# *Nudge.* `training.fit(told, digits, rounds=800)` trains with labels (`train_on_bits` passes none). Score 200 images ten times, each time with another label for all, but the same noise. Guessing is right once in ten.
#
# *First line.* `told = RealNVP("course", classes=10, width=32)`
#
# *Compare.*
# ```python
# print(round(math.log2(10) / 784, 4))  # → 0.0042
# ```
# (What the class is worth, in bits per dimension: a tiny share of the likelihood.)
#
# **Exercise 11.18 · Unusual, or improbable?** · ●●○ · 12 min · experiment
#
# *Why.* Section 9.3 ends with a proposal. Test it.
#
# Make a test of familiarity: how unusual is an image's $\log p(x)$, compared with those of
# training digits? Does it catch black pictures? Half contrast? Thinned digits?
#
# *Nudge.* Take the share of training digits whose bits are farther from their median than the image's are. Warn below .05: that should happen to about one test digit in twenty.
#
# *First line.* `usual = test_bits(best, digits.images[:1000])`
#
# *Compare.*
# ```python
# some_bits = torch.tensor([1.0, 1.1, 1.2, 1.3, 1.4])
# print(some_bits.median())  # → tensor(1.2000)
# print(round(float(((some_bits - 1.2).abs() >= 0.15).double().mean()), 2))  # → 0.4
# ```
#
# **Exercise 11.19 · 0.98 bits/dim** · ●●○ · 8 min · discuss
#
# *Why.* You will referee such a number one day.
#
# Someone reports 0.98 bits/dim on MNIST. Which five questions do you ask?
#
# *Nudge.* Each constant of (11.12), and each row of the table of faults, is a question.
#
# *First line.* "How was the noise drawn, and on what?"

# %% [markdown]
# ## Summary
#
# - A coupling keeps half of the numbers, so its inverse needs no inverse of a network, and its log-determinant
#   is $\sum(1-b)\,s$. Alternate the masks, and three of them mix everything, if each network sees all that stays.
# - A checkerboard at full resolution is a split of channels after a squeeze: same map, a quarter of the positions.
# - Bits/dim $=-(\log p(x)-\log q-D\log256)/(D\ln2)$, logit's Jacobian included, $D$ of the data. A uniform model needs 8.
# - The noise has a shape and the shape has a price. With a tiny α learned noise pays less, and (11.12) stays a bound.
# - Training tests neither the inverse nor the noise. Test: round trip, autograd's determinant, a uniform model,
#   a table of counts.
# - A high likelihood is not familiarity, and not beauty either.
#
# ## Five questions at the end
#
# **Question 1.** You double the number of couplings of a flow. What happens to the cost of the log-determinant?
#
# *Answer.* It doubles, as everything does: log-determinants of a composition add up, and each is a sum of $s$ that is there already.
#
# **Question 2.** Two flows have the same bits per dimension. May one of them draw clearly better digits?
#
# *Answer.* Yes. Which digit it is costs some thousandths of a bit a dimension. Most bits go elsewhere; looks are another measure.
#
# **Question 3.** Your flow's bits fall below 0.5 on MNIST, where published flows are near 1. Where do you look first?
#
# *Answer.* At the noise (half a bin, or added to pixels that were divided already), then at the sum of $s$ (masked pixels counted), then at the constants of (11.12).
#
# **Question 4.** A flow trained on faces says that a picture is far *more* probable than any face. Is it a face?
#
# *Answer.* Rather not. Where the density is highest, hardly any draw lies: (11.18). Ask whether its density is *usual*.
#
# **Question 5.** Someone shows samples at $T=.7$ beside bits per dimension. What do you say?
#
# *Answer.* That they belong to two different models. The bits speak of $T=1$; cooled samples come from nearer to the origin, and are more alike.
#
# ## References
#
# - Dinh, L., Krueger, D. and Bengio, Y. (2014). *NICE: Non-linear Independent Components Estimation.*
#   arXiv:1410.8516.
# - Dinh, L., Sohl-Dickstein, J. and Bengio, S. (2016). *Density estimation using Real NVP.* arXiv:1605.08803.
# - Theis, L., van den Oord, A. and Bethge, M. (2016). *A note on the evaluation of generative models.* ICLR.
#   arXiv:1511.01844.
# - Kingma, D. P. and Dhariwal, P. (2018). *Glow: Generative Flow with Invertible 1×1 Convolutions.* NeurIPS.
#   arXiv:1807.03039.
# - Ho, J., Chen, X., Srinivas, A., Duan, Y. and Abbeel, P. (2019). *Flow++: Improving Flow-Based Generative
#   Models with Variational Dequantization and Architecture Design.* ICML. arXiv:1902.00275.
# - Grathwohl, W. et al. (2019). *FFJORD: Free-form Continuous Dynamics for Scalable Reversible Generative
#   Models.* ICLR. arXiv:1810.01367.
# - Durkan, C., Bekasov, A., Murray, I. and Papamakarios, G. (2019). *Neural Spline Flows.* NeurIPS.
#   arXiv:1906.04032.
# - Nalisnick, E. et al. (2019). *Do Deep Generative Models Know What They Don't Know?* ICLR. arXiv:1810.09136.
