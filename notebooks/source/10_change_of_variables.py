# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 10 · Change of variables
#
# A VAE gives you a *bound* on $\log p(x)$. A GAN gives you nothing. A **normalizing flow** gives you
# $\log p(x)$ itself, exactly. The idea: start from noise whose density you know, and bend it until it
# looks like the data. If you keep count of how much you stretched, you know the density afterwards.

# %%
import inspect
import math
from functools import partial

import torch
from torch.distributions import (
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from course_lib import data, explore, plots, training, zoo
from course_lib.checks import agrees, check, predict, refuses
from course_lib.lessons import lesson_10
from course_lib.lessons.shared import standard_error
from course_lib.models import Flow
from course_lib.models.flow import PointNetwork
from course_lib.models.flows.coupling import AffineCoupling
from course_lib.models.flows.planar import Planar
from course_lib.models.flows.spline import knots, spline
from course_lib.models.flows.transforms import Composition
from course_lib.training import Game, Move, Player

budget = training.budget()
generator = training.seed_all(10)


# %%
explore.show(explore.pointed(zoo.load("flow-moons")), x1=1.0, x2=-0.5)

# %% [markdown]
# **What to see.** The shade is a density that a network learned from points alone. Move the point: its way through the network's layers ends at $z$, a
# place in plain Gaussian noise. The bars add up to $\log p(x)$: the density of the noise at $z$, and for each layer how much it stretched.
#
# **The question.** Why do these bars add up to a density, exactly, at every point? And which networks allow such a sum?

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | say how a density changes when you bend the space it lives in; compute log-determinants cheaply and test them; build flows from affine, planar, spline and coupling layers; train them by maximum likelihood; check that a density integrates to one; dequantise grey levels and say what that bounds |
# | **You need** | lesson 01 (maximum likelihood and KL divergence, Monte Carlo error) |
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
# | $x$ | data, a number or a point | `x`, (B, 1) or (B, 2) |
# | $z$ | noise, $\mathcal N(0, I)$ | `z`, the same shape |
# | $f$ | the flow, data → noise, $z=f(x)$ | `flow(x)` → `z, log_det` |
# | $g=f^{-1}$ | its inverse, noise → data | `flow.inverse(z)` |
# | $\partial f/\partial x$ | the Jacobian, $D\times D$ in $D$ dimensions | `jacobian(f, x)` |
# | $\log\lvert\det\cdot\rvert$ | log-determinant, in nats | `log_det`, (B,) |

# %% [markdown]
# ## Five questions before you begin
#
# Take a minute for each, decide, and only then open the answer. A wrong guess is welcome: you will know what to look
# for.
#
# **Question 1.** $z$ is uniform on $[0,1]$ and $x=2z$. How high is the density of $x$?
#
# *Answer.* ½ on $[0,2]$. The same probability lies on twice the length. You had to divide by how much the map stretches.
#
# **Question 2.** $z\sim\mathcal N(0,1)$ and $x=e^z$. Is $x$'s most probable place $e^0=1$, the image of $z$'s most probable place?
#
# *Answer.* No. It is $e^{-1}\approx.37$. Where the map squeezes (to the left) the density rises, and this moves the peak. Section 1 draws it.
#
# **Question 3.** A matrix turns the plane by 30 degrees. By how much does it change areas? And a matrix that moves every point to
# the right by its height?
#
# *Answer.* Neither changes any area: both have the determinant 1. A map can move things a lot and keep all areas.
#
# **Question 4.** Can a continuous map that can be undone take one disc to two separate discs?
#
# *Answer.* No. The image of something connected is connected. So a flow from one cloud of noise keeps bridges between two far-apart clusters. Section 6 shows them.
#
# **Question 5.** A pixel takes the values 0 to 255. You fit a *density* to it. How good can its likelihood become?
#
# *Answer.* As good as you like: put a very narrow peak on each whole number. Section 7 shows it, and the remedy.

# %% [markdown]
# # Part A · How a density changes
#
# Time: {{part:A}}. Afterwards you can derive the change of variables on a line and in the plane, and build maps whose determinant costs nothing.

# %% [markdown]
# ## 1 · On a line
#
# Draw $z\sim\mathcal N(0,1)$ and let $x=g(z)=e^z$. The goal is the density of $x$.
#
# The noise between $z$ and $z+dz$ lands between $x$ and $x+dx$. It brings its probability along, but the two lengths
# differ: $p(x)\,\lvert dx\rvert=p_z(z)\,\lvert dz\rvert$. Divide by $\lvert dx\rvert$, and write $z=f(x)$ with $f=g^{-1}$:
#
# $$p(x)=p_z\big(f(x)\big)\,\left|\frac{df}{dx}\right|. \tag{10.1}$$
#
# > **Holds when** $g$ is one-to-one and its inverse $f$ is differentiable. A $g$ that folds, such as $x=z^2$, brings several $z$ to one
# > $x$: then a sum over all of them stands on the right.
#
# Where the map *stretches*, the same probability lies on more length, and the density falls. Here
# $f(x)=\log x$ and $df/dx=1/x$.


# %%
number = partial(torch.tensor, dtype=torch.float64)
standard = Normal(number(0.0), number(1.0))
line = torch.linspace(1e-6, 60, 600_001, dtype=torch.float64)  # a fine grid of x
at_f = standard.log_prob(line.log()).exp()  # p_z(f(x))
density = at_f / line

# %%
agrees(torch.trapezoid(density, line), 1.0, tol=1e-4, name="(10.1) integrates to")
refuses(torch.trapezoid(at_f, line), 1.0, tol=1e-4, name="p(x) = p_z(f(x)), no slope")
by_torch = LogNormal(number(0.0), number(1.0)).log_prob(line).exp()
agrees(density, by_torch, name="torch's LogNormal")

# %%
x = torch.randn(100_000, generator=generator, dtype=torch.float64).exp()  # real draws
hits, between = ((x > 1) & (x < 2)).double(), (line > 1) & (line < 2)
share, error = hits.mean(), standard_error(hits)
expected = torch.trapezoid(density[between], line[between])
agrees(share, expected, error=error, name="share of draws in (1, 2)")

# %%
near = line[(line > 0.02) & (line < 5)][::500].contiguous()
edges = torch.linspace(0, 5, 51, dtype=torch.float64)
bars = torch.histogram(x, edges).hist / len(x) / (edges[1] - edges[0])
noise_density = standard.log_prob(near.log()).exp()
values = {"share of draws": bars[torch.bucketize(near, edges[1:-1])]}
values |= {"$p_z(f(x))$ · |df/dx|": noise_density / near, "$p_z(f(x))$ alone": noise_density}
fig = plots.lines(near, values, dashed=["$p_z(f(x))$ alone"], xlabel="x", ylabel="density")
plots.show(fig, alt="The histogram follows the curve with the slope; the other is far off.")

# %% [markdown]
# **What to see.** The steps are real draws. The curve with the slope goes through them. The dashed
# one has its peak in the wrong place and encloses an area that is not one.
#
# **Exercise 10.1 · The density of a logit** · ●●○ · 6 min · code
#
# *Why.* Lesson 11 sends every pixel through this map, and must count its slope.
#
# Let $u$ be uniform on $[0,1]$ and $x=\operatorname{logit}(u)=\log
# u-\log(1-u)$. What is the density of $x$? (The inverse of the logit is `torch.sigmoid`.)
#
# *Nudge.* Which of the two maps is $f$ in (10.1), the one from $x$ to what you know? And how high is the density of $u$?
#
# *First line.* `u = torch.sigmoid(x)`
#
# *Compare.*
# ```python
# places = torch.tensor([0.0, 2.0])
# print(torch.sigmoid(places))     # → tensor([0.5000, 0.8808])
# print(density_of_logit(places))  # → tensor([0.2500, 0.1050])
# ```


# %% exercise="10.1"
def density_of_logit(x):
    """The density of x = logit(u), u uniform on [0, 1]; x (n,) → (n,)."""
    ### BEGIN SOLUTION
    u = torch.sigmoid(x)
    return u * (1 - u)  # the slope of the sigmoid; u itself has density 1
    ### END SOLUTION


# %%
check("10.1", density_of_logit)

# %% [markdown]
# **The formula in one picture.** A strip of the $x$-axis is taken by $f$ to a strip of the $z$-axis.
#
# ![A rising curve z = f(x). A narrow strip on the x-axis, under a high density, is taken to a wide strip on the z-axis, beside a low density. Both strips have the same area.](drawing:areas)
#
# Where $f$ is steep, a narrow strip becomes a wide one. The probability in it is the same, so the areas are equal, and the density of $x$ is the noise's density *times* the slope $df/dx$. That is (10.1).
#
# **Bend it yourself.** Drag the knots of the curve. Every coloured strip keeps its eighth of the probability,
# however you bend.
#
# **Think.** You want two heaps with an empty gap between them. Where must the curve be steep, and
# where nearly level?
#
# *Answer.* Steep where the heaps are, nearly level in the gap: by (10.1) the density is the noise's times the slope.

# %%
explore.show(explore.line_flow())

# %% [markdown]
# ### 1.1 · Every positive density on a line is a flow
#
# Is there a map for every continuous density that is nowhere zero? Take the distribution function $F(x)=\int_{-\infty}^xp$. Its slope
# *is* $p$, so by (10.1), with $x$ in the noise's place, $u=F(x)$ has density $p/p=1$: it is uniform. Then send $u$ through the
# inverse of the normal's distribution function $\Phi$:
#
# $$f(x)=\Phi^{-1}\big(F(x)\big)\quad\Longrightarrow\quad z=f(x)\sim\mathcal N(0,1). \tag{10.2}$$
#
# Take a mixture of two Gaussians as "data". Below, a spline will have to *learn* this $f$.

# %%
parts = Normal(number([-1.2, 1.0]), number([0.3, 0.6]))
weights = torch.distributions.Categorical(number([0.4, 0.6]))
mixture = MixtureSameFamily(weights, parts)
line = torch.linspace(-3.2, 4.0, 20_001, dtype=torch.float64, requires_grad=True)
f_exact = standard.icdf(mixture.cdf(line))
(slope,) = torch.autograd.grad(f_exact.sum(), line)
line, f_exact = line.detach(), f_exact.detach()
pulled_back = standard.log_prob(f_exact).exp() * slope
agrees(pulled_back, mixture.log_prob(line).exp(), tol=1e-6, name="(10.2) and (10.1)")
wrong = standard.log_prob(f_exact).exp()
refuses(wrong, mixture.log_prob(line).exp(), tol=1e-6, name="the slope forgotten")

# %% [markdown]
# ## 2 · In the plane and beyond
#
# ### 2.1 · Area
#
# In more dimensions "slope" becomes "how much volume grows". A matrix $A$ sends the unit square to a
# parallelogram with the columns of $A$ as its sides. Its area is
#
# $$\operatorname{area}(A\,[0,1]^2)=\lvert\det A\rvert. \tag{10.3}$$
#
# Count it: throw darts at a box around the parallelogram and count the hits.

# %%
A = number([[2.0, -1.5], [0.5, 1.0]])
corners = A @ number([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
low, high = corners.min(1).values, corners.max(1).values
darts = torch.rand(200_000, 2, generator=generator, dtype=torch.float64)
darts = low + darts * (high - low)
back = torch.linalg.solve(A, darts.T).T  # where each dart was in the unit square
hits = ((back >= 0) & (back <= 1)).all(1).double() * (high - low).prod()
area, error = hits.mean(), standard_error(hits)
agrees(area, A.det().abs(), error=error, name="(10.3) area")
refuses(area, A.norm(dim=0).prod(), error=error, name="product of the two sides")

# %% [markdown]
# ### 2.2 · The formula
#
# In place of the slope comes the determinant of the Jacobian. In logarithms, with which all code works:
#
# $$\log p(x)=\log p_z\big(f(x)\big)+\log\left|\det\frac{\partial f}{\partial x}\right|. \tag{10.4}$$
#
# > **Holds when** $f$ is a bijection between open sets, $f$ and $g=f^{-1}$ are continuously differentiable, and $p_z$ is continuous. A kink
# > here and there does no harm (ReLU networks have them): places of volume zero carry no probability.
#
# **Proof.** Let $Q$ be a cube with centre $x$ and side $h$, and $J=\partial f/\partial x$ at $x$.
#
# *1. Probability is kept.* $X=g(Z)$ lies in $Q$ exactly if $Z$ lies in $f(Q)$. So $P(X\in Q)=\int_{f(Q)}p_z(z)\,dz$. As $h\to0$, $f(Q)$
# shrinks to the point $f(x)$ and $p_z$ is continuous, so this is $\operatorname{vol}f(Q)$ times a number that tends to $p_z(f(x))$. It remains to show
# that $\operatorname{vol}f(Q)/h^D\to\lvert\det J\rvert$.
#
# *2. From above.* A differentiable map is a straight one plus a remainder: $f(x+v)=f(x)+J(v+r(v))$, with $\lVert r(v)\rVert\le\epsilon\,h$ for all $x+v$ in $Q$, where
# $\epsilon\to0$ as $h\to0$. (The remainder of $f$ was multiplied by $J^{-1}$, which exists: $g$ undoes $f$, so by the chain rule $\partial g/\partial z\cdot J=I$.) The points $v+r(v)$
# lie in a cube of side $(1+2\epsilon)h$. Hence $f(Q)$ lies in the image of that cube under the matrix $J$, whose volume is by (10.3), for $D$ dimensions,
# $\lvert\det J\rvert\,(1+2\epsilon)^Dh^D$.
#
# *3. From below.* Take the image under $J$ of a *smaller* cube, of side $(1-2\epsilon')h$, moved to $f(x)$; call it $S$. Apply the
# same argument to $g$, whose Jacobian at $f(x)$ is $J^{-1}$: $g(f(x)+Jv)=x+v+r'(v)$, with $\lVert r'(v)\rVert\le\epsilon'h$. So $g(S)$ lies in $Q$, that is, $S$ lies
# in $f(Q)$, and $\operatorname{vol}f(Q)\ge\lvert\det J\rvert\,(1-2\epsilon')^Dh^D$.
#
# *4. Together.* $P(X\in Q)/h^D\to p_z(f(x))\,\lvert\det J\rvert$ as $h\to0$. On a compact set this convergence is uniform, because $\partial f$ and $p_z$ are continuous. So cut any larger cube
# into small ones and add them up: its probability is the integral of the right-hand side. That is what it means to be the density of $X$. $\square$
#
# First a map that *is* a matrix, $z=A^{-1}x$: then $x=Az$ is Gaussian, and torch knows its density.

# %%
x = torch.randn(5, 2, generator=generator, dtype=torch.float64)
log_normal = standard.log_prob(torch.linalg.solve(A, x.T).T).sum(1)
truth = MultivariateNormal(torch.zeros(2).double(), A @ A.T).log_prob(x)
log_det = A.inverse().det().abs().log()  # of x → z
agrees(log_normal + log_det, truth, name="(10.4) for a matrix")
refuses(log_normal, truth, name="no determinant")

# %% [markdown]
# Now a map that bends. This one shifts a point and stretches it, by an amount that depends
# on where it is:


# %%
def bend(x):
    """A smooth map of the plane, data → noise; x (…, 2)."""
    x1, x2 = x[..., 0], x[..., 1]
    return torch.stack([x1.sinh(), (x2 - 0.6 * x1**2) * (0.5 * x1.sin() + 0.4).exp()], -1)


def unbend(z):
    x1 = z[..., 0].asinh()
    return torch.stack([x1, z[..., 1] * (-0.5 * x1.sin() - 0.4).exp() + 0.6 * x1**2], -1)


def jacobian(function, point):
    return torch.autograd.functional.jacobian(function, point)


def plane(reach, steps):
    """A lattice over a square: points (steps², 2), and the area that each stands for."""
    side = torch.linspace(-reach, reach, steps, dtype=torch.float64)
    return torch.cartesian_prod(side, side), (side[1] - side[0]) ** 2


# %%
points, cell = plane(9.0, 601)
bent = standard.log_prob(bend(points)).sum(1)
x1 = points[:, 0]
log_det = x1.cosh().log() + 0.5 * x1.sin() + 0.4  # by hand: see section 3
mass = ((bent + log_det).exp() * cell).sum()
agrees(mass, 1.0, tol=1e-3, name="(10.4) for a bent map integrates to")

# %% [markdown]
# ### 2.3 · Which direction?
#
# There are two maps, $f$ and $g=f^{-1}$, and two Jacobians. They are inverse matrices, **if both
# are taken at the same place**: $\partial f/\partial x$ at $x$, and $\partial g/\partial z$ at $z=f(x)$. So
#
# $$\log\left|\det\frac{\partial f}{\partial x}(x)\right|=-\log\left|\det\frac{\partial g}{\partial z}\big(f(x)\big)\right|. \tag{10.5}$$
#
# Mix up these two, and a sign is wrong.

# %%
x = torch.randn(20, 2, generator=generator, dtype=torch.float64)
there = torch.stack([jacobian(bend, v).det().abs().log() for v in x])
back = torch.stack([jacobian(unbend, bend(v)).det().abs().log() for v in x])
agrees(there, -back, name="(10.5) at 20 points")
refuses(there, back, name="the same sign")

# %% [markdown]
# ### E09 · Report A on the reparameterisation, in the plane (case file, optional)
#
# Report A is one of the two student reports that this course reads closely (lesson 00 says why). It says that a bent noise has the density of the noise. In the plane you can see what goes wrong.

# %% [markdown]
# Report A, section 3.3.2:
#
# > If $z(i) = g(X + (i))$, then $q(z(i)) = p((i))$, so the above formula on the derivation of the variance can be turned into the following one:
#
# (Extraction has dropped the noise's letter ε twice.) Lesson 06 met this line with one number. The
# noise ε is bent into $z$, so it is a change of variables, and by (10.4) the right form is
# $q(z)=p(\varepsilon)\,\lvert\det\partial\varepsilon/\partial z\rvert$. In two dimensions it is not only the scale
# that is lost: take a $g$ that bends.

# %%
q_right = (bent + log_det).exp()  # points are z here, bend(points) is the noise ε
q_printed = bent.exp()  # q(z) = p(ε)
draws = unbend(torch.randn(100_000, 2, generator=generator, dtype=torch.float64))
hits = (draws[:, 0].abs() < 0.495).double()  # a strip: by draws, and by the density
share, error = hits.mean(), standard_error(hits)
strip = (points[:, 0].abs() < 0.495).double()  # whole cells: the lattice's step is .03
agrees(share, (q_right * strip * cell).sum(), error=error, name="q(z) = p(ε)|det ∂ε/∂z|: a strip")
refuses(share, (q_printed * strip * cell).sum(), error=error, name="q(z) = p(ε), as printed")
hits = (draws[:, 0] > 0).double()
share, error = hits.mean(), standard_error(hits)
middle = points[:, 0].abs() < 1e-9  # the column of the lattice that lies on the border
right_half = (points[:, 0] > 0).double().where(~middle, 0.5)
agrees((q_right * right_half * cell).sum(), 0.5, tol=1e-6, name="z₁ > 0 where ε₁ > 0")
agrees(share, (q_right * right_half * cell).sum(), error=error, name="P(z₁ > 0)")

# %% [markdown]
# As printed the density is wrong in its *shape* too: dividing by its mass, .55, does not repair it (the strip would get .46 instead of .39),
# because the determinant differs from point to point. The equality holds for probabilities,
# $q(z)\,dz=p(\varepsilon)\,d\varepsilon$ (the last two lines above: a half-plane). A's code takes its KL from the closed form for two Gaussians, in which
# the determinant, $\sum\log\sigma$, is already counted: so the slip never reached it.

# %% [markdown]
# ## 3 · Determinants that cost nothing
#
# A $D\times D$ determinant costs about $D^3$ operations. Our digits have $D=784$, and training needs a determinant for every image
# in every step. The goal of this section: maps whose determinant you can *read off*, and which together still bend the space. Flows are built from these.
#
# ### 3.1 · Triangular maps
#
# If the $i$-th output $z_i$ depends only on the first $i$ inputs, the Jacobian is triangular, and
#
# $$\log\left|\det\frac{\partial f}{\partial x}\right|=\sum_{i=1}^D\log\left|\frac{\partial z_i}{\partial x_i}\right|. \tag{10.6}$$
#
# What stands below the diagonal can be anything at all. That is the freedom that flows use.

# %%
D = 30
L = torch.randn(D, D, generator=generator, dtype=torch.float64).tril()


def triangular(x):
    return torch.sinh(L @ x / 4) + x.cumsum(0).sin().roll(1) * (torch.arange(D) > 0)


J = jacobian(triangular, torch.randn(D, generator=generator, dtype=torch.float64))
exact = torch.linalg.slogdet(J).logabsdet
agrees(J.diagonal().abs().log().sum(), exact, tol=1e-8, name="(10.6) in 30 dimensions")
refuses(J.diagonal().sum().abs().log(), exact, tol=1e-8, name="log of the trace")

# %% [markdown]
# Sum the logarithms, never take the logarithm of the product. A product of 784 halves already leaves
# the range of float32, in which networks are trained:

# %%
diagonal = torch.full((784,), 0.5)
print("product of 784 halves:", diagonal.prod().item())
agrees(diagonal.log().sum(), 784 * math.log(0.5), tol=1e-2, name="sum of 784 logs")

# %% [markdown]
# ### 3.2 · One after the other
#
# A single simple map does little. Put many in a row, $f=f_K\circ\dots\circ f_1$. The chain rule multiplies
# Jacobians, and determinants multiply too:
#
# $$\log\left|\det\frac{\partial f}{\partial x}\right|=\sum_{k=1}^K\log\left|\det\frac{\partial f_k}{\partial h_{k-1}}\right|,\qquad h_0=x,\quad h_k=f_k(h_{k-1}). \tag{10.7}$$
#
# Each is taken **where the point has got to**, not where it began.


# %%
def stir(flow, scale=0.3):
    """Move the parameters off their start, so that no layer is the identity."""
    flow.double().eval()
    with torch.no_grad():
        for p in flow.parameters():
            noise = torch.randn(p.shape, generator=generator, dtype=torch.float64)
            p.add_(scale * noise)
    return flow


flow = stir(Flow(depth=6, hidden=(16,)))
x = torch.randn(20, 2, generator=generator, dtype=torch.float64)

# %%
with torch.no_grad():
    stages = list(flow.transform.stages(x))
    layers = flow.transform.transforms
    each = torch.stack([layer(h)[1] for layer, h in zip(layers, stages)])
    at_x = torch.stack([layer(x)[1] for layer in layers])
exact = torch.stack([jacobian(lambda p: flow(p[None])[0][0], v).det() for v in x])
exact = exact.abs().log()
agrees(each.sum(0), exact, tol=1e-8, name="(10.7) seven layers, 20 points")
refuses(at_x.sum(0), exact, tol=1e-8, name="all Jacobians taken at x")

# %% [markdown]
# ## 4 · What training does
#
# The model's density is $p_\theta(x)$, from (10.4). **Maximum likelihood** raises the mean of
# $\log p_\theta$ over the data. Lesson 01 showed what this is:
#
# $$-\mathbb E_{p_{\text{data}}}[\log p_\theta(x)]=\mathrm H(p_{\text{data}})+\mathrm{KL}(p_{\text{data}}\,\|\,p_\theta). \tag{10.8}$$
#
# So the *expected* loss can never fall below the entropy of the data. What lies above it is the KL. On toys the entropy is
# *known*, so you will see how good a flow is and when it lies to you. Two conditions. The expectation is over new
# data: on its own training points a flexible flow can go far below the entropy, by putting spikes on them. And a mean over
# finitely many held-out points can be below it by chance: allow for its standard error.

# %%
moons = data.toy.make("moons")
points, cell = plane(4.0, 401)
model = MultivariateNormal(torch.zeros(2).double(), 0.8 * torch.eye(2).double())
log_p, log_q = moons.log_density(points).clamp(min=-700), model.log_prob(points)
p = log_p.exp() * cell
entropy, kl = -(p * log_p).sum(), (p * (log_p - log_q)).sum()
nll = -model.log_prob(moons.sample(100_000, generator).double())
error = standard_error(nll)
agrees(nll.mean(), entropy + kl, error=error, name="(10.8) a Gaussian on moons")
refuses(nll.mean(), kl, error=error, name="the loss read as the KL")
print(f"entropy of moons: {entropy:.3f} nats")

# %% [markdown]
# ### 4.1 · The same KL, seen from the noise
#
# There is another way to see it. Send the *data* through $f$: do they look like noise? Let
# $p_{f}$ be the density of $f(x)$ for $x\sim p_{\text{data}}$. A bijection changes both densities by the same
# factor, and in the ratio it cancels:
#
# $$\mathrm{KL}(p_{\text{data}}\,\|\,p_\theta)=\mathrm{KL}\big(p_f\,\|\,\mathcal N(0,I)\big). \tag{10.9}$$
#
# So training a flow is: **make the data look like noise, by a map that you can undo.**
#
# Take a map $f(x)=x+0.4\,x^3$ on the mixture of section 1.1, and compute both sides, each by its own
# integral.

# %%
x_line = torch.linspace(-4, 4.5, 40_001, dtype=torch.float64)
z_line, slope = x_line + 0.4 * x_line**3, 1 + 1.2 * x_line**2
log_data = mixture.log_prob(x_line)
log_model = standard.log_prob(z_line) + slope.log()  # (10.1)
in_x = torch.trapezoid(log_data.exp() * (log_data - log_model), x_line)
log_p_f = log_data - slope.log()  # (10.1) again: the data, moved to z
in_z = torch.trapezoid(log_p_f.exp() * (log_p_f - standard.log_prob(z_line)), z_line)
agrees(in_z, in_x, tol=1e-6, name="(10.9) KL in z and in x")
wrong = torch.trapezoid(log_p_f.exp() * (log_data - standard.log_prob(z_line)), z_line)
refuses(wrong, in_x, tol=1e-6, name="p_data(x) in place of p_f(z)")

# %% [markdown]
# # Part B · Layers, and trained flows
#
# A good place to begin again after a break. Time: {{part:B}}. Afterwards you can write planar, spline and coupling layers, train flows in the plane, and check that a density integrates to one.

# %% [markdown]
# ## 5 · Layers
#
# ### 5.1 · Affine layers, and why they are not enough
#
# $z=Lx+b$ with a triangular $L$, no zero on its diagonal, is invertible, and cheap by (10.6). Its model class is exactly the Gaussians: $x=L^{-1}(z-b)$ is Gaussian, and every
# Gaussian with a density is of this form (Cholesky). More layers do not help: an affine map of an affine map is affine. So a flow needs layers that are not affine.

# %%
deep = stir(Flow("affine", depth=5))
x = torch.randn(100, 2, generator=generator, dtype=torch.float64)
with torch.no_grad():
    z, log_det = deep(x)
    columns = [deep(x + step)[0] - z for step in torch.eye(2).double()]
matrix = torch.stack(columns, -1)  # (100, 2, 2): what one step in x₁, in x₂ does
agrees(matrix, matrix[:1].expand(100, 2, 2), name="five affine layers are one matrix")
agrees(log_det, matrix[0].det().log(), name="and have one log-determinant")
bendy = stir(Flow(depth=2, hidden=(16,)))
with torch.no_grad():
    steps = bendy(x + torch.eye(2).double()[0])[0] - bendy(x)[0]
refuses(steps, steps[:1].expand(100, 2), name="couplings are one matrix too")

# %% [markdown]
# ### 5.2 · Planar layers
#
# Push the plane in one direction $u$, by an amount that depends on how far $x$ lies beyond the line $w^\top x+b=0$
# (Rezende and Mohamed, 2015): $f(x)=x+u\tanh(w^\top x+b)$. Its Jacobian is the identity
# plus *one* outer product, and for those a determinant is one scalar product:
#
# $$\det\big(I+u\,v^\top\big)=1+v^\top u. \tag{10.10}$$
#
# This is the **matrix determinant lemma**.

# %%
D = 50
u, v = torch.randn(2, D, generator=generator, dtype=torch.float64)
matrix = torch.eye(D, dtype=torch.float64) + torch.outer(u, v)
agrees(matrix.det(), 1 + v @ u, tol=1e-8, name="(10.10) in 50 dimensions")

# %% [markdown]
# **Exercise 10.2 · The planar determinant** · ●●○ · 7 min · code
#
# *Why.* It is the smallest case of the trick of all flows in this lesson: a determinant without a matrix.
#
# Write $\log\lvert\det\rvert$ of the planar map, in two lines.
#
# *Nudge.* In (10.10) take $v=\tanh'(w^\top x+b)\,w$. What is then $v^\top u$ for each $x$?
#
# *First line.* `slope = 1 - torch.tanh(x @ w + b).square()`
#
# *Compare.*
# ```python
# at_zero, along = torch.zeros(1, 2), torch.tensor([1.0, 0.0])
# print(1 - torch.tanh(at_zero @ along).square())                        # → tensor([1.])
# print(planar_log_det(at_zero, along, 2 * along, torch.tensor(0.0)))  # → tensor([1.0986])
# ```


# %% exercise="10.2"
def planar_log_det(x, w, u, b):
    """log |det ∂f/∂x| of f(x) = x + u·tanh(wᵀx + b); x (B, 2), w and u (2,), b () → (B,)."""
    ### BEGIN SOLUTION
    slope = 1 - torch.tanh(x @ w + b).square()
    return torch.log(torch.abs(1 + slope * (w @ u)))
    ### END SOLUTION


# %%
check("10.2", planar_log_det)

# %% [markdown]
# **Is it invertible?** The map takes $a=w^\top x$ to $a+w^\top u\,\tanh(a+b)$, with the slope
# $1+w^\top u\,\tanh'$, and $\tanh'$ is above 0 and at most 1. So
#
# $$w^\top u>-1\quad\Longrightarrow\quad\det\frac{\partial f}{\partial x}>0\ \text{ everywhere, and } f \text{ is invertible}. \tag{10.11}$$
#
# For $w^\top u<-1$ the plane *folds*: several $x$ land on one $z$. The formula still gives
# numbers, but they are no density.

# %%
w = number([1.0, 0.3])
points, cell = plane(9.0, 501)


def planar_mass(u):
    height = torch.tanh(points @ w)
    z = points + height[:, None] * u
    log_det = (1 + (1 - height**2) * (w @ u)).abs().log()
    return ((standard.log_prob(z).sum(1) + log_det).exp() * cell).sum()


agrees(planar_mass(number([1.5, 1.0])), 1.0, tol=1e-3, name="(10.11) wᵀu = 1.8")
agrees(planar_mass(number([-0.8, 0.5])), 1.0, tol=1e-3, name="(10.11) wᵀu = −0.65")
refuses(planar_mass(number([-3.0, 0.0])), 1.0, tol=1e-3, name="wᵀu = −3: it folds")

# %% [markdown]
# The library replaces $u$ by $\hat u$ with $w^\top\hat u=\log(1+e^{w^\top u})-1$, which is always above −1, and
# inverts the map by solving one scalar equation (Newton's method with a safety net).

# %%
layer = stir(Planar(2), 1.0)
with torch.no_grad():
    z, log_det = layer(x)
    agrees(layer.inverse(z), x, name="there and back")
    own = lesson_10.planar_log_det(x, layer.w, layer.push, layer.b)
    agrees(log_det, own, name="the library's log-determinant")

# %% [markdown]
# ### 5.3 · Splines: any rising map of an interval
#
# (10.2) says which map of a line you need. A **rational-quadratic spline** (Durkan et al., 2019) can
# come near any continuous rising one on an interval: put knots $(x_k,z_k)$, rising, with slopes $d_k>0$, and between two knots a quotient
# of two quadratics. With $\xi=(x-x_k)/(x_{k+1}-x_k)$ and the bin's own slope $m=(z_{k+1}-z_k)/(x_{k+1}-x_k)$,
#
# $$\frac{dz}{dx}=\frac{m^2\big[d_{k+1}\xi^2+2m\,\xi(1-\xi)+d_k(1-\xi)^2\big]}{\big[m+(d_{k+1}+d_k-2m)\,\xi(1-\xi)\big]^2}. \tag{10.12}$$
#
# It is positive, so the map rises and can be undone, by solving a quadratic equation. Outside the interval
# $z=x$, with slope 1.

# %%
raw = torch.randn(3 * 6 - 1, generator=generator, dtype=torch.float64)  # free numbers
at = knots(raw, bound=3.0)  # → widths, heights, slopes of 6 bins
x_line = torch.linspace(-3.5, 3.5, 1401, dtype=torch.float64, requires_grad=True)
z, log_slope = spline(x_line, at)
(slope,) = torch.autograd.grad(z.sum(), x_line)
agrees(log_slope.exp(), slope, tol=1e-9, name="(10.12) against autograd")
own = (at.z.diff() / at.x.diff())[torch.bucketize(x_line, at.x[1:-1])]
own = torch.where(x_line.abs() < 3, own, 1.0)
refuses(own.detach(), slope, tol=1e-9, name="the bin's own slope, a broken line")

# %% [markdown]
# Train one on 4 000 draws of the mixture, behind a layer that only shifts and scales: the loop by hand, once. The loss is $-\log p$ by (10.1).

# %%
flow_1d = Flow("spline", shape=(1,), depth=1, bins=8, bound=3.0).train()
sample = mixture.sample((4_000,)).float()[:, None]
optimiser = torch.optim.Adam(flow_1d.parameters(), lr=0.02)
for _ in range(budget.pick(smoke=8, laptop=600)):
    loss = -flow_1d.log_prob(sample).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
flow_1d.eval().double()

# %%
with torch.no_grad():
    learned = flow_1d.log_prob(line[:, None]).exp()
    f_learned = flow_1d(line[:, None])[0][:, 0]
exact = mixture.log_prob(line).exp()
edges = torch.linspace(-3.2, 4.0, 61, dtype=torch.float64)
bars = torch.histogram(sample.double(), edges).hist / len(sample) / (edges[1] - edges[0])
steps, some = bars[torch.bucketize(line, edges[1:-1])], slice(None, None, 20)
curves = {"share of the draws": steps[some], "spline flow": learned[some]}
maps = {"Φ⁻¹(F(x)), exact": f_exact[some], "learned f(x)": f_learned[some]}
fig, axes = plots.figure(columns=2)
plots.lines(line[some], curves | {"exact": exact[some]}, dashed=["exact"], ax=axes[0])
plots.lines(line[some], maps, dashed=["Φ⁻¹(F(x)), exact"], ax=axes[1], xlabel="x")
axes[0].set(xlabel="x", ylabel="density")
axes[1].set_ylabel("z")
plots.show(fig, alt="Left: the spline's density follows the histogram. Right: the learned map.")

# %%
mass = torch.trapezoid(learned, line)
print(f"mass on the interval shown: {mass:.4f}")
kl = torch.trapezoid(exact * (exact.log() - learned.log()), line)
print(f"KL(mixture ‖ spline) = {kl:.4f} nats")

# %% [markdown]
# **What to see.** Left: two peaks from one Gaussian, close to the exact ones. The flow's own density can be computed at every $x$. Right:
# the learned map lies on the one of (10.2). It is *steep* where there are data and flat in the gap
# between the peaks: the slope of $f$ is where the density comes from. At the far ends, where hardly any
# data are, nobody told it the map.

# %% [markdown]
# ### 5.4 · Couplings: triangular by construction
#
# In more dimensions, change one part of $x$ by a simple map, and let *any* network set that map's
# numbers from the part that stays (Dinh et al., 2014 and 2016):
#
# $$z_a=x_a,\qquad z_b=x_b\odot e^{s(x_a)}+t(x_a). \tag{10.13}$$
#
# $$\frac{\partial z}{\partial x}=\begin{pmatrix}I&0\\ \ast&\operatorname{diag}e^{s}\end{pmatrix},\qquad\log\left|\det\frac{\partial z}{\partial x}\right|=\sum_j s_j(x_a). \tag{10.14}$$
#
# The star may be as wild as it likes: by (10.6) it does not count. And the inverse needs no inverse
# of the networks, for $x_a=z_a$ is known: $s$ and $t$ can be computed again.

# %%
network = PointNetwork(2, 6, (16,))  # D = 5: two stay, three change; s and t for each
coupling = stir(AffineCoupling([0, 1], [2, 3, 4], network))
x5 = torch.randn(10, 5, generator=generator, dtype=torch.float64)
J = torch.stack([jacobian(lambda p: coupling(p[None])[0][0], v) for v in x5])
exact = torch.linalg.slogdet(J).logabsdet
with torch.no_grad():
    z5, log_det = coupling(x5)
    _, s = coupling.map(x5[:, 2:], network(x5[:, :2]).chunk(2, 1))  # log-slopes
agrees(J.triu(1), 0.0, name="(10.14) nothing above the diagonal")
agrees(s.sum(1), exact, tol=1e-8, name="(10.14) log |det| = Σ s")
everywhere = torch.cat([s[:, :2], s], 1)  # an s for the kept numbers too
refuses(everywhere.sum(1), exact, tol=1e-8, name="summed over the kept numbers too")

# %% [markdown]
# **Exercise 10.3 · Undo a coupling** · ●●○ · 6 min · code
#
# *Why.* Sampling needs the inverse. That it costs no more than the map itself is the point of couplings.
#
# Undo (10.13) in the plane. `s` and `t` are functions of the kept part.
#
# *Nudge.* The kept part is the same before and after. So you can compute $s$ and $t$ again. Then solve for $x_b$, last operation first.
#
# *First line.* `changed - t(kept)` undoes the shift.
#
# *Compare.*
# ```python
# double, one = (lambda a: math.log(2) + 0 * a), (lambda a: 1 + 0 * a)
# print(torch.tensor([[3.0, 9.0]])[:, 1:] - one(torch.tensor([[3.0]])))  # → tensor([[8.]])
# print(uncouple(torch.tensor([[3.0, 9.0]]), double, one))               # → tensor([[3., 4.]])
# ```


# %% exercise="10.3"
def uncouple(z, s, t):
    """The inverse of z = (x_a, x_b·exp(s(x_a)) + t(x_a)); z (B, 2) → x (B, 2)."""
    kept, changed = z[:, :1], z[:, 1:]
    ### BEGIN SOLUTION
    back = (changed - t(kept)) * torch.exp(-s(kept))
    return torch.cat([kept, back], dim=1)
    ### END SOLUTION


# %%
check("10.3", uncouple)

# %% [markdown]
# ### 5.5 · NICE, and what it cannot do
#
# NICE (Dinh et al., 2014) is (10.13) without $s$: $z_b=x_b+t(x_a)$. Then the log-determinant is
# **zero**. Such a map moves volume about and never changes it. By (10.4) the density of $x$ is then the
# noise's density at another place, and no place of $\mathcal N(0,I)$ is denser than its middle:
#
# $$\log\lvert\det\rvert=0\quad\Longrightarrow\quad-\log p(x)\;\ge\;\tfrac D2\log2\pi\ \text{ for every } x. \tag{10.15}$$
#
# In the plane that is 1.838 nats. The entropy of moons is 1.01, so by (10.8) at least 0.8 nats of KL
# would remain, whatever the networks. That is why NICE ends in a layer that scales each axis once.

# %%
nice = stir(Flow("nice", depth=4, hidden=(16,)))
x = 0.5 * torch.randn(5_000, 2, generator=generator, dtype=torch.float64)
scaling, log_2pi = nice.transform.transforms[-1], math.log(2 * math.pi)
with torch.no_grad():
    agrees(nice(x)[1], scaling.log_scale.sum(), name="NICE's log |det| at every x")
    scaling.log_scale.zero_()
    below = (log_2pi + nice.log_prob(x)).clamp(min=0)
    agrees(below, 0.0, name="(10.15) how far any −log p falls below log 2π")
    scaling.log_scale.fill_(0.5)
    below = (log_2pi + nice.log_prob(x)).clamp(min=0)
    refuses(below, 0.0, name="the same with a scaling layer")

# %% [markdown]
# ### 5.6 · Autoregressive flows (optional)
#
# A coupling changes one part, given the rest. The goal is the more general layer behind it: change *every* number, given the numbers
# **before** it (Papamakarios et al., 2017; *MAF*):
#
# $$z_i=x_i\,e^{s_i(x_1,\dots,x_{i-1})}+t_i(x_1,\dots,x_{i-1}),\qquad\log\left|\det\frac{\partial z}{\partial x}\right|=\sum_{i=1}^Ds_i. \tag{10.16}$$
#
# The Jacobian is triangular, with $e^{s_i}$ on its diagonal: that is (10.6). One network gives all $s_i$ and $t_i$ in one pass, if so many of its weights are set to zero that
# no way is left from $x_j$ to $s_i$ or $t_i$ with $j\ge i$ (*MADE*; Germain et al., 2015).


# %%
draw = partial(torch.randn, generator=torch.Generator().manual_seed(21), dtype=torch.float64)
place = torch.arange(1, 4)  # of x₁, x₂, x₃


def masked(degree, sees=torch.lt):
    """A network x (B, 3) → s and t, both (B, 3). A hidden unit of degree d sees x₁ to x_d;
    s_i and t_i see the units with d < i (s₁ and t₁ see none, and are 0)."""
    first = draw(len(degree), 3) * (place <= degree[:, None])
    last = draw(2, 3, len(degree)) * sees(degree, place[:, None]) / 4
    return lambda x: (x @ first.T).tanh() @ last.mT


def onward(network, x):
    s, t = network(x)
    return x * s.exp() + t


def log_det_of(network, x):
    """log |det ∂z/∂x| of each row, (B,), by autograd."""
    rows = [jacobian(lambda row: onward(network, row[None])[0], v) for v in x]
    return torch.linalg.slogdet(torch.stack(rows)).logabsdet


# %%
maf, x_maf = masked(torch.arange(16) % 2 + 1), 2 * draw(20, 3)
log_scales = maf(x_maf)[0]
agrees(log_scales.sum(1), log_det_of(maf, x_maf), tol=1e-8, name="(10.16) log |det| = Σ s")
sees_itself = masked(torch.arange(16) % 2 + 1, sees=torch.le)
wrong = sees_itself(x_maf)[0].sum(1)
refuses(wrong, log_det_of(sees_itself, x_maf), tol=1e-8, name="d ≤ i in the mask")

# %% [markdown]
# The inverse is $x_i=(z_i-t_i)\,e^{-s_i}$. But $s_i$ and $t_i$ need $x_1,\dots,x_{i-1}$, which you don't have yet. Begin with $x^{(0)}=0$ and apply it again and again:
#
# $$x^{(k)}=\bigl(z-t(x^{(k-1)})\bigr)\odot e^{-s(x^{(k-1)})}\quad\Longrightarrow\quad x^{(k)}_i=x_i\ \text{ for all } i\le k. \tag{10.17}$$
#
# By induction: if the first $k-1$ numbers are right, then so are all $s_i$ and $t_i$ with $i\le k$, and the first $k$ numbers are right after the next pass.


# %%
def passes_back(network, z, count):
    """x after `count` passes of the inverse, begun at 0; z (B, 3) → (B, 3)."""
    x = torch.zeros_like(z)
    for _ in range(count):
        s, t = network(x)
        x = (z - t) * (-s).exp()
    return x


z_maf = onward(maf, x_maf)
for k in (1, 2, 3):
    found = passes_back(maf, z_maf, k)
    agrees(found[:, :k], x_maf[:, :k], name=f"(10.17) the first {k}, after pass {k}")
    print("largest errors of x₁, x₂, x₃:", *(f"{e:.3f}" for e in (found - x_maf).abs().amax(0)))

# %%
coupling_3 = masked(torch.ones(16))  # all hidden units see x₁ only
found = passes_back(coupling_3, onward(coupling_3, x_maf), 2)
agrees(found, x_maf, name="a coupling: all numbers, after two passes")

# %% [markdown]
# **What to see.** The zeros come from left to right, one a pass. So MAF's density costs one pass and a sample $D$ passes: 784 for a digit. A coupling is the special case
# in which $s$ and $t$ see the kept part only; two passes do for any $D$. That is why lesson 11 uses couplings.
#
# *IAF* (Kingma et al., 2016) lets the network see the noise, $z_1,\dots,z_{i-1}$. Then a sample costs one pass, and the density of a given $x$ costs $D$. This suits
# a VAE's encoder: it needs the density of its own draws only.

# %% [markdown]
# ## 6 · From equation to code, then train
#
# **Exercise 10.4 · The objective** · ●●○ · 8 min · code
#
# *Why.* If it passes, it trains the flows of sections 6, 8 and 9.
#
# `flow(x)` gives `z` (B, D) and `log_det` (B,). Return
# $\log p(x)$ by (10.4), one number per point, with every constant.
#
# *Nudge.* $\log\mathcal N(z;0,I)$ is a sum over dimensions, and each has a constant with $2\pi$ in it. The sign of the determinant follows the direction data → noise.
#
# *First line.* `z, log_det = flow(x)`
#
# *Compare.*
# ```python
# halving = lambda x: (2 * x, torch.full((len(x),), 2 * math.log(2)))  # a flow by hand: z = 2x
# origin = torch.zeros(1, 2)
# print(-0.5 * (origin.square() + math.log(2 * math.pi)).sum(1))  # → tensor([-1.8379])
# print(log_prob(halving, origin))                                # → tensor([-0.4516])
# ```


# %% exercise="10.4"
def log_prob(flow, x):
    """log p(x) of the flow over a standard normal, (B,) nats."""
    ### BEGIN SOLUTION
    z, log_det = flow(x)
    log_normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)
    return log_normal + log_det
    ### END SOLUTION


# %%
passed = check("10.4", log_prob)
objective = log_prob if passed else Flow.log_prob
print("Your own" if passed else "The library's", "log_prob trains the flows below.")

# %%
flow = stir(Flow(depth=4, hidden=(16,)))
x = torch.randn(50, 2, generator=generator, dtype=torch.float64)
with torch.no_grad():
    value, reference = objective(flow, x), flow.log_prob(x)
    log_det = flow(x)[1]
agrees(value, reference, tol=1e-3, name="your objective is the library's")
refuses(value - log_det, reference, name="without the log-determinant")


# %%
def train_flow(flow, dataset, rounds, seed=0):
    """Maximum likelihood: one player, who lowers −log p."""

    def cosine(t):  # the learning rate falls to zero along a cosine
        return 0.5 * (1 + math.cos(math.pi * t / rounds))

    lr, clip = flow.settings["lr"], flow.settings["clip"]
    player = Player("flow", flow.parameters(), training.adam(lr), clip, cosine)

    def losses(source):
        return {"flow": {"nll": -objective(flow, source.batch().x).mean()}}

    game = Game([Move([player], losses)])
    return training.fit(flow, dataset, game=game, rounds=rounds, seed=seed, preview=False)


# %% [markdown]
# ### 6.1 · Moons, with every kind of layer
#
# **Exercise 10.11, 10.12 · Two losses** · ●○○ · 3 min · predict
#
# *Why.* For one of the two you know a bound without any training.
#
# Two numbers. Test points of moons, loss $-\log p$ in nats; the entropy is 1.01.
# *NICE without its scaling*: where will its loss stop? *RealNVP*, eight affine couplings: how much KL
# will be left?

# %% exercise="10.11"
### BEGIN SOLUTION
nice_guess = 1.84
kl_guess = 0.05
### END SOLUTION
nice_guess = predict("10.11", nice_guess)
kl_guess = predict("10.12", kl_guess)

# %%
points_train, points_test = data.load("moons"), data.load("moons", "test").batch().x
rounds = budget.rounds(16_000)
flows, histories = {}, {}
for kind in ("affine", "nice without scaling", "nice", "planar", "realnvp", "spline"):
    recipe = {"nice without scaling": "nice", "realnvp": "course"}.get(kind, kind)
    flow = Flow(recipe, seed=1)
    if kind == "nice without scaling":
        flow.transform.transforms[-1].requires_grad_(False)
    histories[kind] = train_flow(flow, points_train, rounds).term("flow.nll")
    flows[kind] = flow

# %%
entropy_test = -moons.log_density(points_test).mean().item()
losses = {}
for kind, flow in flows.items():
    with torch.no_grad():
        losses[kind] = -flow.log_prob(points_test).mean().item()
    size = sum(p.numel() for p in flow.parameters())
    kl = losses[kind] - entropy_test
    print(f"{kind:21} −log p {losses[kind]:6.3f}   KL {kl:6.3f} nats   {size:6} numbers")

# %%
marks = {
    "entropy of the data": (entropy_test, ":", plots.INK),
    "log 2π": (math.log(2 * math.pi), "-.", plots.INK),
}
if nice_guess is not None:
    marks["your guess: NICE without scaling"] = nice_guess, "--", plots.PALETTE[1]
if kl_guess is not None:
    marks["your guess: RealNVP"] = entropy_test + kl_guess, "--", plots.PALETTE[2]
fig = plots.bars(losses, unit="−log p(x) on test points, nats")
for name, (value, style, color) in marks.items():
    fig.axes[0].axvline(value, linestyle=style, color=color, label=name)
fig.axes[0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
plots.show(fig, alt="Bars of six losses; NICE without scaling ends right of log 2π.")

# %% [markdown]
# **What to see.** The affine flow is a Gaussian and stays far off. NICE without scaling stays above its
# wall (10.15), $\log2\pi$, which no training can pass. (It can't even reach it: without squeezing, the data keep their area and don't fit into the middle of the noise.) RealNVP and splines come near the entropy; NICE with its scaling less so, and sixteen planar layers stop almost halfway between the entropy and the wall. No flow falls below the entropy (1.014 on these test points). That they *can't*, apart from chance, is
# (10.8): a sharp test of a likelihood.

# %% [markdown]
# ### 6.2 · Densities and samples
#
# Now two harder shapes: a ring of eight Gaussians, for which a flow must pull the noise apart without tearing it, and
# the checkerboard, whose density jumps at its edges: no smooth map can copy that. RealNVP and the spline flow try both, for equally many rounds.

# %%
ring = data.toy.make("ring", sigma=0.15)
toys = {"moons": moons, "ring": ring, "checkerboard": data.toy.make("checkerboard")}
trained = {("moons", kind): flows[kind] for kind in ("realnvp", "spline")}
for name in ("ring", "checkerboard"):
    dataset = toys[name].data_set(10_000, seed=0)
    for kind, recipe in (("realnvp", "course"), ("spline", "spline")):
        trained[name, kind] = Flow(recipe, seed=1)
        train_flow(trained[name, kind], dataset, rounds)

# %%
reach = {"moons": 2.4, "ring": 2.8, "checkerboard": 2.5}
look = {"steps": budget.pick(smoke=30, laptop=60)}
fig, axes = plots.figure(columns=3, rows=2, width=7.6, height=4.4)
for (name, kind), flow in trained.items():
    ax = axes[int(kind == "spline"), list(reach).index(name)]

    def density(x, flow=flow):
        with torch.no_grad():
            return flow.log_prob(x).exp()

    plots.field(density, limits=reach[name], title=f"{name}, {kind}", ax=ax, **look)
plots.show(fig, alt="Six densities: moons, ring and checkerboard, by RealNVP and by splines.")

# %%
fig, axes = plots.figure(columns=3, rows=2, width=8.2, height=5.2)
for (name, kind), flow in trained.items():
    ax = axes[int(kind == "spline"), list(reach).index(name)]
    drawn = flow.sample(500, generator=torch.Generator().manual_seed(5))
    drawn = drawn[(drawn.abs() < reach[name]).all(1)]
    real = toys[name].sample(500, torch.Generator().manual_seed(6))
    title, r = f"{name}, {kind}", reach[name]
    plots.points(drawn, data=real, limits=r, title=title, size=6, ax=ax)
    ax.get_legend().remove()  # it would cover points
plots.show(fig, alt="Samples of the six flows, orange, over data points in grey.")

# %%
for (name, kind), flow in trained.items():
    x = toys[name].sample(10_000, torch.Generator().manual_seed(7))
    with torch.no_grad():
        gain = toys[name].log_density(x) - flow.log_prob(x)
    text = f"KL {gain.mean():6.3f} ± {standard_error(gain):.3f} nats"
    print(f"{name:13} {kind:8} {text}")

# %% [markdown]
# **What to see.** In this short training RealNVP smears the ring into an open arc and rounds off the board.
# Splines bend more sharply than affine couplings, and with half as many layers they find all eight
# blobs and the straight edges. But look *between* the parts: thin bridges remain (a few orange points
# where no grey ones are). Some bridge must: a disc that holds nearly all of the noise is connected,
# so its image, with nearly all of the samples, is connected too. A flow can make a bridge thin, never cut it.

# %% [markdown]
# ### 6.3 · It integrates to one
#
# That is the claim of the whole lesson, so test it on what you trained. Add up $p(x)$ over a fine
# lattice. Then do the same for RealNVP without the log-determinant.


# %%
@torch.no_grad()
def mass(flow, reach=6.0, sign=1.0, steps=budget.pick(smoke=201, laptop=501)):
    """∫ p(x) dx by adding up over a lattice; `sign` multiplies the log-determinant."""
    points, cell = plane(reach, steps)
    total = 0.0
    for x in points.float().split(20_000):
        z, log_det = flow(x)
        total += (-0.5 * z.square().sum(1) + sign * log_det).exp().sum().double()
    return total / (2 * math.pi) * cell


# %%
for kind in ("affine", "nice", "planar", "realnvp", "spline"):
    agrees(mass(flows[kind]), 1.0, tol=1e-3, name=f"{kind}: integrates to")
refuses(mass(flows["realnvp"], sign=0.0), 1.0, tol=1e-3, name="no log-determinant")

# %% [markdown]
# ### 6.4 · Layer by layer
#
# Lay a grid over the data and let it go through RealNVP's layers together with the points.

# %%
flow, shown = flows["realnvp"], points_test[:300]
upper = data.load("moons", "test").labels[:300] == 0  # which of the two moons
side, fine = torch.linspace(-2, 2, 11), torch.linspace(-2, 2, 81)
grid = torch.stack(torch.meshgrid(side, fine, indexing="ij"), -1)
grid = torch.cat([grid, grid.flip(-1)])  # 22 lines of 81 points
with torch.no_grad():
    of_points = list(flow.transform.stages(shown))
    of_grid = [h.view(grid.shape) for h in flow.transform.stages(grid.view(-1, 2))]

# %%
fig, axes = plots.figure(columns=4, rows=2, width=7.4, height=3.9)
which = [0, 1, 2, 3, 4, 5, 7, 9]
for ax, k in zip(axes.flat, which):
    for curve in of_grid[k]:
        ax.plot(*curve.T, color="#AAAAAA", linewidth=0.5)
    for part, color in ((upper, plots.PALETTE[0]), (~upper, plots.PALETTE[1])):
        ax.scatter(*of_points[k][part].T, s=2, color=color)
    ax.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal", xticks=[], yticks=[])
    ax.set_title("the data" if k == 0 else f"after layer {k}", fontsize=10)
plots.show(fig, alt="A square grid with the two moons on it, bent more with each layer.")

# %% [markdown]
# **What to see.** Layer 1 only shifts and scales. Then each coupling shifts and stretches along *one* axis
# only, up and down or left and right; how much, the other coordinate says. Eight such moves turn
# two moons into one cloud, nearly round. Where cells of the grid grow, the log-determinant is positive.
#
# Your turn. *Layers* lets the grid pass one layer after the other; *way* starts from
# the noise instead.

# %%
explore.show(explore.warp(flows["realnvp"], data.load("moons", "test")), layers=4)

# %% [markdown]
# And the density at one point: press or drag in the square (or move the
# two sliders) and read off what $\log p(x)$ consists of.

# %%
explore.show(explore.pointed(flows["realnvp"], reach=2.5), x1=1.0, x2=-0.5)

# %% [markdown]
# **What to see.** Nearly everywhere in the moons' arms the log-determinants add up to more than 0: there the flow
# stretches, and a small area gets much of the noise. Two points outside: at (0, 0) the sum is negative, and $z$ lies well inside the second circle. At (1, 0) the sum is
# positive, but $z$ lies about three σ out. Neither part alone says where the data are.

# %% [markdown]
# # Part C · Grey levels, faults, and the reports
#
# A good place to begin again after a break. Time: {{part:C}}. Afterwards you can say why pixels need noise, compute a bound in bits, and recognise two faults.

# %% [markdown]
# ## 7 · Dequantisation
#
# Pixels are not real numbers. They are grey levels $k\in\{0,\dots,255\}$, each with a *probability*, and a
# flow gives a *density* $p(x)$. What happens if you do not care?
#
# ### 7.1 · Without noise: the likelihood has no bound
#
# Take four grey levels and a density with a narrow bump of width $\sigma$ and weight $w_k$ on each. At the grey levels
# themselves
#
# $$\log p(k)\;\ge\;\log w_k-\log\sigma-\tfrac12\log2\pi\;\to\;\infty\quad(\sigma\to0). \tag{10.18}$$
#
# (≥, since the tails of the other bumps add a little. For $\sigma\le.1$ it is less than $e^{-48}$, and both sides are equal to all digits that a computer has.)
#
# With σ small enough, a model that has learned nothing but "values are whole numbers" beats every honest one.

# %%
P = number([0.5, 0.2, 0.2, 0.1])  # true probabilities of the four levels
levels = torch.arange(4).double()


def bumps(sigma, at=0.0):
    """A density with a bump of width σ at each level + `at`, weights P."""
    parts = Normal(levels + at, number(sigma).expand(4))
    return MixtureSameFamily(torch.distributions.Categorical(P), parts)


def mean_log_bumps(sigma):
    return (P * bumps(sigma).log_prob(levels)).sum()


exact = (P * P.log()).sum() - math.log(1e-3) - 0.5 * math.log(2 * math.pi)
agrees(mean_log_bumps(1e-3), exact, tol=1e-8, name="(10.18) mean log p, σ = 0.001")
gained = mean_log_bumps(1e-4) - mean_log_bumps(1e-3)
agrees(gained, math.log(10), tol=1e-8, name="σ tenfold smaller")
refuses(mean_log_bumps(1e-3).clamp(min=0), 0.0, name="“a log-likelihood is at most 0”")

# %% [markdown]
# ### 7.2 · With noise: a bound
#
# Let the density say what it means for grey levels: the model's $P(k)$ is its integral over the cell $[k,k+1)$. By
# Jensen's inequality, as for the ELBO,
#
# $$\log P(k)=\log\int_0^1p(k+u)\,du\;\ge\;\int_0^1\log p(k+u)\,du=\mathbb E_{u\sim U[0,1)}\big[\log p(k+u)\big]. \tag{10.19}$$
#
# So: **add uniform noise to the data, and the flow's mean log-likelihood is a lower bound on that of the grey levels** (Uria
# et al., 2013; Theis et al., 2016). On this small case both sides can be computed. Take 20
# random densities.

# %%
u = (torch.arange(2_000, dtype=torch.float64) + 0.5) / 2_000  # midpoints of [0, 1)


def cells(density):
    """log P(k) and E_u log p(k + u) of the four cells, by adding up."""
    log_p = density.log_prob(levels[:, None] + u)
    return log_p.exp().mean(1).log(), log_p.mean(1)


excess = []
for _ in range(20):
    width = 0.2 + torch.rand((), generator=generator).item()
    density = bumps(width, at=torch.rand((), generator=generator).item())
    log_P, bound = cells(density)
    excess.append((bound - log_P).clamp(min=0))
agrees(torch.stack(excess), 0.0, name="(10.19) how far 80 bounds get above log P(k)")
log_P, _ = cells(bumps(0.1))
refuses((bumps(0.1).log_prob(levels) - log_P).clamp(min=0), 0.0, name="no noise at all")

# %% [markdown]
# A bug that is easily written is noise of half the width. The number is then no bound
# on $\log P(k)$: a density that leaves every upper half cell empty is twice as high in the lower ones, and *looks better* by $\log2$ a pixel.
#
# What does the bound leave out? The same thing as the ELBO: a KL divergence, here from the noise to the
# model's own density inside the cell, $p(u\mid k)=p(k+u)/P(k)$:
#
# $$\log P(k)-\mathbb E_u\big[\log p(k+u)\big]=\mathrm{KL}\big(U[0,1)\,\|\,p(u\mid k)\big). \tag{10.20}$$
#
# It is zero when the density is flat inside each cell.

# %%
density = bumps(0.4, at=0.5)
log_P, bound = cells(density)
P_cell = density.cdf(levels + 1) - density.cdf(levels)  # P(k), by distribution functions
within = density.log_prob(levels[:, None] + u).exp()
within = within / within.mean(1, keepdim=True)  # p(u|k), made to have mean one in its cell
gap = P_cell.log() - bound
agrees(gap, -within.log().mean(1), tol=1e-6, name="(10.20) the gap in four cells")

# %% [markdown]
# Noise of another shape, learned together with the flow, can make the gap smaller: *variational
# dequantisation*, in lesson 11.
#
# See it happen. Train one spline flow on the bare grey levels and one on levels plus noise. The
# entropy of the true probabilities is 1.22 nats: no honest code for these levels needs less on average.

# %%
draws = torch.multinomial(P.float(), 1_000, replacement=True, generator=generator).float()
fits = {}
for name, width in (("bare levels", 0.0), ("levels + noise", 1.0)):
    fit = Flow("spline", shape=(1,), depth=2, bins=16, bound=3.0).train()
    optimiser, fits[name] = torch.optim.Adam(fit.parameters(), lr=0.005), (fit, [])
    for _ in range(budget.pick(smoke=8, laptop=280)):
        noise = width * torch.rand(1_000, generator=generator)
        loss = -fit.log_prob((draws + noise)[:, None]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        fits[name][1].append(loss.item())

# %%
entropy_P, x_line = -(P * P.log()).sum().item(), torch.linspace(-0.5, 4.5, 2001)
fig, axes = plots.figure(columns=2)
curves, densities = {}, {}
for name, (fit, logged) in fits.items():
    curves[name] = logged
    with torch.no_grad():
        densities[name] = fit.eval().log_prob(x_line[:, None]).exp().clamp(max=4)
steps = torch.arange(len(logged))
plots.lines(steps, curves, references={"true entropy": entropy_P}, ax=axes[0], xlabel="step")
axes[0].set_ylabel("−log p, nats")
plots.lines(x_line, densities, ax=axes[1], xlabel="x", ylabel="density (cut at 4)")
plots.show(fig, alt="Without noise the loss falls far below the entropy; with noise it stops.")

# %% [markdown]
# **What to see.** Without noise the loss falls through the entropy and on, and the density is a comb of
# spikes. With noise it levels off just above the entropy, and the density is a staircase whose
# steps are about as high as the probabilities.
#
# ### 7.3 · Units
#
# Networks like $x\in[0,1]$, so one feeds $y=(k+u)/K$ with $K=256$. This is a change of variables too: each
# dimension shrinks by $K$. For an image of $D$ pixels
#
# $$\log P(\text{image})\ge\mathbb E\big[\log p_y(y)\big]-D\log K,\qquad\text{bits per dimension}=\frac{D\log K-\mathbb E[\log p_y]}{D\,\ln2}. \tag{10.21}$$
#
# **Exercise 10.6 · Bits per dimension** · ●○○ · 5 min · code
#
# *Why.* Scores of flows are told in this unit, and wrong ones look just as plausible.
#
# Write the second formula of (10.21) for the density of one image.
#
# *Nudge.* First back to grey levels ($D\log K$), then the unit (ln 2), then the share of one dimension.
#
# *Compare.*
# ```python
# nothing_known = torch.zeros(1)
# print(nothing_known - 10 * math.log(256))      # → tensor([-55.4518])
# print(bits_per_dim(nothing_known, 10, 256))    # → tensor([8.])
# ```


# %% exercise="10.6"
def bits_per_dim(log_p, dims, levels):
    """Bits per dimension from log p_y(y) (B,) in nats, y in [0, 1]^dims; → (B,)."""
    ### BEGIN SOLUTION
    log_P = log_p - dims * math.log(levels)
    return -log_P / (dims * math.log(2))
    ### END SOLUTION


# %%
check("10.6", bits_per_dim)


# %% [markdown]
# A model that knows nothing is uniform on $[0,1]^D$, $\log p_y=0$. It must come out at exactly 8 bits.

# %%
log_p, D = torch.zeros(3, dtype=torch.float64), 784
bits = (D * math.log(256) - log_p) / (D * math.log(2))
agrees(bits, 8.0, name="(10.21) the uniform model")

# %% [markdown]
# A model that knows something: each of ten pixels is normal around .5 with σ = .1. A level's probability is a difference of two
# distribution functions. The density hardly changes within a cell of width 1/256, so bound and code length must agree to three digits.

# %%
pixel, D = Normal(number(0.5), number(0.1)), 10
k = (256 * pixel.icdf(torch.linspace(0.02, 0.98, 200 * D).double())).floor().view(D, 200).T
code_length = -(pixel.cdf((k + 1) / 256) - pixel.cdf(k / 256)).log2().sum(1) / D
log_p = pixel.log_prob((k[..., None] + u[::20]) / 256).mean(-1).sum(1)  # E over u
bits = (D * math.log(256) - log_p) / (D * math.log(2))
agrees(bits, code_length, tol=2e-3, name="(10.21) against the levels' probabilities")
refuses(-log_p / (D * math.log(2)), code_length, tol=2e-3, name="D·log 256 forgotten")

# %% [markdown]
# ## 8 · Break it
#
# Dana, Emil and Fay each wrote a RealNVP for moons: the same couplings, the same seed, the same data.
# **One of the three is healthy.** In the others one line is wrong: one *doubles the log-determinant*,
# one *inverts wrongly*. No error message came. Who is who? (Their code is in
# `course_lib.lessons.lesson_10.faults`. Don't look yet.)

# %%
models, runs = {}, {}
for name, theirs in lesson_10.faults.items():
    models[name] = theirs(depth=6, seed=2)
    run = train_flow(models[name], data.load("moons"), budget.rounds(10_000), seed=2)
    runs[name] = run.term("flow.nll")
    with torch.no_grad():
        held = -models[name].log_prob(points_test).double()
    print(f"{name:5} loss of the last 50 rounds: {runs[name][-50:].mean():7.3f} nats", end="; ")
    print(f"on held-out points {held.mean():7.3f} ± {standard_error(held):.3f} (standard error)")
print(f"the entropy: {entropy_test:.3f} nats")
# %%
entropies = {"entropy of the data": entropy_test}
fig, axes = plots.figure(columns=3)
for ax, (name, logged) in zip(axes, runs.items()):
    plots.curves({"loss": logged}, references=entropies, title=name, ax=ax, limits=(-3, 3))
plots.show(fig, alt="Three falling losses beside the entropy of the data as a dotted line.")

# %%
fig, axes = plots.figure(columns=3, width=9.4, height=3.4)
for ax, (name, model) in zip(axes, models.items()):
    drawn = model.sample(500, generator=torch.Generator().manual_seed(5))
    drawn = drawn[(drawn.abs() < 2.6).all(1)]
    plots.points(drawn, data=points_test[:500], limits=2.6, title=name, size=6, ax=ax)
    ax.get_legend().remove()
plots.show(fig, alt="Orange samples of the three over grey test points; they differ.")

# %%
for name, model in models.items():
    points, cell = plane(6.0, budget.pick(smoke=101, laptop=301))
    with torch.no_grad():
        total = model.log_prob(points.float()).double().exp().sum() * cell
    print(f"{name:5} exp(log_prob) integrates to {total:8.3f}")

# %% [markdown]
# **Exercise 10.5 · Dana, Emil, Fay** · ●●○ · 8 min · answer
#
# *Why.* Both faults leave the loss falling smoothly.
#
# Give each name one of the words `"healthy"`, `"wrong inverse"`, `"log-det doubled"`.
#
# Write `diagnosis = {"Dana": ..., "Emil": ..., "Fay": ...}` with your answers for the dots.
#
# *Nudge.* Three things were measured: the loss, the mass, the samples. Which of them does an inverse touch, and which does a log-determinant?
#
# *First line.* Whose density does not integrate to one?

# %% exercise="10.5"
### BEGIN SOLUTION
diagnosis = {"Dana": "wrong inverse", "Emil": "log-det doubled", "Fay": "healthy"}
### END SOLUTION

# %%
check("10.5", diagnosis)

# %% [markdown]
# The next cell prints the three, when you have answered. Each fault is one line.

# %%
if diagnosis is ...:
    print("Write your diagnosis first, then run this cell again.")
else:
    for theirs in lesson_10.faults.values():
        print(inspect.getsource(theirs))

# %% [markdown]
# <details><summary><b>Reveal</b> (open it after your answer)</summary>
#
# - **Dana** undoes the layers in the order in which they were applied, not in reverse. The density
#   never uses the inverse, so her loss and her mass are Fay's. Her samples come from another density, which nobody computed.
# - **Emil** counts the log-determinant twice. His loss on *held-out* points is better than possible: it lies many standard errors below the
#   entropy of the data, and by (10.8) no density's can. (A low loss on training points would not convict him.) What he calls a density does not integrate
#   to one. His samples are off as well: he was paid for stretching too much, so the data lie too far
#   out in the noise, and noise of width one lands too close together.
# - **Fay** is healthy.
#
# </details>
#
# Three tests to keep, each of which finds one kind of fault: **invert** (does $g(f(x))$ give $x$?),
# **differentiate** (is `log_det` autograd's?), **integrate** (is the mass one?).

# %% [markdown]
# ## 9 · The reports

# %% [markdown]
# ### E18 · Report B's coupling (case file, optional)
#
# Report B is one of the two student reports that this course reads closely. In its equation (7) a bracket closes too late, and the shift of a coupling lands in the
# exponent. It is still a flow. You compute what it can no longer do.

# %% [markdown]
# Report B, section 2.4, equations (6) and (7):
#
# > $$y_{1:d} = x_{1:d} \quad (6)$$
#
# > $$y_{d+1:D} = x_{d+1:D} \odot \exp(s(x_{1:d}) + t(x_{1:d})) \quad (7)$$
#
# Compare with (10.13). (If the extraction of the text moved the bracket, the report is right.) Is this
# still a flow? Its log-determinant is $\sum(s+t)$ and its inverse divides by $e^{s+t}$, so yes, it is legal:


# %%
class Printed(AffineCoupling):
    """Report B's eq. (7), to the letter."""

    def map(self, x, numbers):
        log_scale = self._s(numbers) + numbers[1]
        return x * log_scale.exp(), log_scale

    def unmap(self, z, numbers):
        return z * (-self._s(numbers) - numbers[1]).exp()


# %%
printed = stir(Printed([0], [1], PointNetwork(1, 2, (16,))))
x = torch.randn(200, 2, generator=generator, dtype=torch.float64)
with torch.no_grad():
    z, log_det = printed(x)
exact = torch.stack([jacobian(lambda p: printed(p[None])[0][0], v).det().log() for v in x])
agrees(log_det, exact, tol=1e-8, name="eq. (7): log |det| = Σ(s + t)")
agrees(printed.inverse(z), x, name="eq. (7): it can be undone")
agrees(z.sign(), x.sign(), name="eq. (7): but it keeps every sign")
right = stir(AffineCoupling([0], [1], PointNetwork(1, 2, (16,))))
with torch.no_grad():
    refuses(right(x)[0].sign(), x.sign(), name="with + t outside: it can shift")

# %% [markdown]
# It multiplies by a positive number, so no coordinate ever changes its sign. However many such layers you
# stack, a point never leaves its quadrant. The noise has a quarter of its mass in each. If the data
# have shares $\pi_1,\dots,\pi_4$, then what cannot move cannot be repaired:
#
# $$\mathrm{KL}(p_{\text{data}}\,\|\,p)\;\ge\;\sum_{k=1}^4\pi_k\log\frac{\pi_k}{1/4}. \tag{10.22}$$
#
# (Lumping points together never raises a KL.) Is it true that the model's mass in a quadrant cannot
# move? Stack six layers with random weights and $t\approx-\frac12$, and count samples in the upper right
# quadrant.


# %%
def six_layers(kind, width=64):
    """Six couplings of this kind that take turns, and nothing else: no layer that shifts."""
    turns = 3 * [([0], [1]), ([1], [0])]  # x₂ changes by x₁, then x₁ by x₂
    flow = Flow(seed=3)
    flow.transform = Composition(*[kind(*t, PointNetwork(1, 2, (width,))) for t in turns])
    return flow


shares = []
for kind in (Printed, AffineCoupling):
    flow = stir(six_layers(kind, width=16), 0.1)
    for layer in flow.transform.transforms:
        layer.network.layers[-1].bias.data[1] -= 0.5  # t is about −½
    drawn = flow.sample(50_000, generator=generator)
    shares.append((drawn > 0).all(1).double())
error = standard_error(shares[0])
agrees(shares[0].mean(), 0.25, error=error, name="eq. (7): mass of a quadrant")
print(f"with + t outside the mass is {shares[1].mean():.3f}")

# %% [markdown]
# (Sampling subtracts $t$: with $t$ outside, points move up and right.) So fit moons that were moved to the upper right quadrant, $\pi=(1,0,0,0)$. For eq. (7) the bound is
# $\log4=1.386$ nats. Fit both forms:

# %%
moved, held_out = data.DataSet(data.load("moons").images + 3.0), points_test + 3.0
fitted = {"eq. (7) as printed": Printed, "with + t outside": AffineCoupling}
for name, kind in fitted.items():
    torch.manual_seed(3)
    fitted[name] = six_layers(kind)
    train_flow(fitted[name], moved, budget.rounds(16_000), seed=3)

# %%
found = {}
for name, flow in fitted.items():
    with torch.no_grad():
        log_p = flow.log_prob(held_out).double()
    found[name] = moons.log_density(points_test).double() - log_p
    kl, error = found[name].mean(), standard_error(found[name])
    print(f"{name:20} KL {kl:6.3f} ± {error:.3f} nats;  log 4 = {math.log(4):.3f}")
kl = found["eq. (7) as printed"].mean()
agrees((math.log(4) - kl).clamp(min=0), 0.0, name="(10.22) how far the fit gets below log 4")

# %%
fig, axes = plots.figure(columns=2, width=7.0, height=3.4)
for ax, (name, flow) in zip(axes, fitted.items()):
    drawn = flow.sample(500, generator=torch.Generator().manual_seed(5))
    drawn = drawn[(drawn.abs() < 6).all(1)]
    plots.points(drawn, data=held_out[:500], limits=6, title=name, size=6, ax=ax)
    ax.get_legend().remove()
plots.show(fig, alt="As printed, orange samples lie in all four quadrants; with + t on the data.")

# %% [markdown]
# **What to see.** (Grey: data; orange: samples.) As printed, three quarters of all samples land in quadrants without a single data
# point, for any networks and any length of training, as long as nothing but such layers is stacked. (A layer that shifts, such as a
# normalisation, moves the data into all four quadrants and takes the bound away. The fault of eq. (7) is that the coupling itself can't.) This fit squeezes them
# against the axes, and loses the rest of its KL inside the right quadrant. With $t$ outside the exponent nearly all samples lie on the data.
#
# B knew the right form. The caption of its Figure 3 says:
#
# > A coupling layer applies a simple invertible transformation consisting of scaling followed by addition of a constant offset to one part $x_2$ of the input vector conditioned on the remaining part of the input vector $x_1$.

# %% [markdown]
# ### What the two reports got right
#
# | claim | where | you confirmed it with |
# |---|---|---|
# | the change of variable formula, with $f$: data → noise and $\partial f/\partial x$ | B eqs. 4, 5 | (10.4), (10.5) |
# | "the determinant of a triangular matrix can be efficiently computed as the product of its diagonal terms" | B §2.4 | (10.6), (10.14) |
# | "easily invertible" and with "a tractable determinant" | B Fig. 3 | (10.13), exercise 10.3 |
# | "exact log-likelihood computation, exact and efficient sampling" | B §2.4 | section 6.3: mass one; exercise 10.3: the inverse |
# | $z=g_\phi(X,\varepsilon)$ with noise that does not depend on φ | A §3.3.2 | E09 |

# %% [markdown]
# ## 10 · Exercises
#
# 10.1 to 10.6 stand above, with their checks; 10.11 and 10.12 are predictions. The following have no check. The solved copy has
# worked solutions of the two on paper.
#
# **Exercise 10.13 · The determinant lemma** · ●●○ · 12 min · pen
#
# *Why.* (10.10) was checked with numbers. Here you see why it holds.
#
# Derive (10.10) for $D=2$ by writing out the determinant. Then for any $D$: choose a basis whose
# first vector is $u$.
#
# *Nudge.* What does the matrix $I+uv^\top$ do to $u$, and what to a vector $a$ with $v^\top a=0$?
#
# *First line.* $(I+uv^\top)\,u=u+u\,(v^\top u)=(1+v^\top u)\,u$.

# %% [markdown] tags=["solution"]
# *Solution 10.13.* The goal is $\det(I+uv^\top)$. For $D=2$ write it out:
# $(1+u_1v_1)(1+u_2v_2)-u_1v_2\,u_2v_1=1+u_1v_1+u_2v_2=1+v^\top u$. The products of four letters cancel.
#
# *Any $D$.* If $u=0$ both sides are 1. Else choose a basis whose first vector is $u$; call the others $a_2,\dots,a_D$. A determinant does not depend on the basis. Apply the matrix to each basis vector:
# $u\mapsto(1+v^\top u)\,u$, and $a_j\mapsto a_j+(v^\top a_j)\,u$. So in this basis the matrix has $1+v^\top u$ in its upper left corner, ones on the rest of its diagonal, some numbers in the first row, and zeros elsewhere. It is
# triangular. Its determinant is the product of the diagonal: $1+v^\top u$.

# %% [markdown]
# **Exercise 10.14 · A radial map** · ●●● · 15 min · pen
#
# *Why.* Planar maps push along a line. This one pushes away from a point, and you find its determinant by the same eye for directions.
#
# A *radial* map is $f(x)=x+\beta h(r)(x-c)$ with $r=\lVert x-c\rVert$, $h=1/(\alpha+r)$. Find its
# determinant.
#
# *Nudge.* In one direction the map is one-dimensional. In the other $D-1$ it only scales.
#
# *First line.* On the ray from $c$ through $x$ the distance $r$ becomes $r\,(1+\beta h(r))$.

# %% [markdown] tags=["solution"]
# *Solution 10.14.* The goal is the factor by which $f$ stretches in each direction at $x$. Let $e=(x-c)/r$, for $r>0$.
#
# *Along $e$.* A point at distance $r$ goes to the distance $\rho(r)=r+\beta r h(r)$ on the same ray. So the factor is $\rho'(r)=1+\beta h(r)+\beta r h'(r)$.
#
# *Across $e$.* Take a small step $a$ with $a^\top e=0$. It changes $r$ only to second order. So $f(x+a)-f(x)\approx a+\beta h(r)\,a$: the factor is $1+\beta h(r)$, in each of the $D-1$ directions.
#
# In the basis of $e$ and the directions across it the Jacobian is diagonal. Hence $\det=(1+\beta h)^{D-1}\,(1+\beta h+\beta r h')$, with $h'=-1/(\alpha+r)^2$.

# %% [markdown]
# **Exercise 10.15 · How many planar layers?** · ●●○ · 15 min · experiment
#
# *Why.* "More layers" is the usual advice. Here you can see what a layer is worth.
#
# Train the planar flow with 2, 4, 8, 16 and 32 layers on moons. Plot the KL against the
# number of layers. How many planar layers are worth one coupling?
#
# *Nudge.* `Flow("planar", depth=…, seed=1)` and `train_flow` of section 6. Use the same rounds for all.
#
# *First line.* `for depth in (2, 4, 8, 16, 32):`
#
# *Compare.*
# ```python
# sizes = [sum(p.numel() for p in Flow("planar", depth=d).parameters()) for d in (2, 4)]
# print(sizes[1] - sizes[0])  # → 10
# ```
# (Two more planar layers have ten more numbers: $u$, $w$ and $b$, twice.)
#
# **Exercise 10.16 · Cold samples** · ●●○ · 15 min · experiment
#
# *Why.* Papers show cooled samples. What are they samples of?
#
# Take the trained RealNVP and sample with `temperature` 0.5, 0.8 and 1.2. Is a cooled sample a
# draw from $p(x)^{1/T^2}$ made to sum to one? Test it on a mixture where you can compute that.
#
# *Nudge.* Take the exact map (10.2) of the mixture in section 1.1. Draw $z$ with width $T$, send it back, and compare the share on the left of 0.
#
# *First line.* `narrow = 0.5 * torch.randn(100_000, dtype=torch.float64)`
#
# *Compare.*
# ```python
# print(round(float(mixture.cdf(number(0.0))), 3))  # → 0.429
# print(round(float(standard.cdf(f_exact[line.abs().argmin()])), 3))  # → 0.429
# ```
# (At $T=1$: the share of the mixture left of 0, and the noise's share left of $f(0)$. They must agree.)
#
# **Exercise 10.17 · A fourth fault** · ●●○ · 20 min · experiment
#
# *Why.* You only trust a test after you have seen it fail.
#
# Write Dana's, Emil's and a fourth fault: a coupling that computes $s$ and $t$ from the part
# that *changes*. Which of the three tests of section 8 finds it?
#
# *Nudge.* Subclass `AffineCoupling` as the case file E18 does, and ask for the Jacobian by autograd.
#
# *First line.* What is $\partial z_b/\partial x_b$ if $s$ depends on $x_b$?
#
# *Compare.*
# ```python
# at_one = torch.ones(1, dtype=torch.float64, requires_grad=True)
# (slope_there,) = torch.autograd.grad(at_one * at_one.exp(), at_one)
# print(slope_there, at_one.exp())  # → tensor([5.4366], dtype=torch.float64) tensor([2.7183], dtype=torch.float64, grad_fn=<ExpBackward0>)
# ```
# (With $s(x)=x$ and $t=0$ the slope at 1 is $2e$, and $e^s$ is only $e$.)
#
# **Exercise 10.18 · Narrower modes** · ●●○ · 12 min · experiment
#
# *Why.* Bridges cost likelihood. How much depends on how far the modes are apart, in their own widths.
#
# Make the ring's $\sigma$ smaller, 0.1 and 0.05. How do the bridges and the KL change?
#
# *Nudge.* `data.toy.make("ring", sigma=…)`. Keep rounds and seed.
#
# *First line.* `for sigma in (0.15, 0.1, 0.05):`
#
# *Compare.*
# ```python
# some_ring = data.toy.make("ring", sigma=0.05).sample(1000, torch.Generator().manual_seed(0))
# print(round(float(some_ring.norm(dim=1).mean()), 2))  # → 2.0
# ```
# (The modes lie at distance 2 from the middle.)
#
# **Exercise 10.19 · Data on a curve** · ●●○ · 8 min · discuss
#
# *Why.* Images probably lie near a surface of few dimensions.
#
# A flow needs as many noise dimensions as data dimensions. Faces have 12 288 numbers and
# surely fewer degrees of freedom. What does maximum likelihood do if the data lie exactly on a curve in
# the plane?
#
# *Nudge.* Section 7.1 has the answer in one dimension.
#
# *First line.* A density that is concentrated in a strip of width $h$ around the curve is about $1/h$ high there.

# %% [markdown]
# ## Summary
#
# - $\log p(x)=\log p_z(f(x))+\log\lvert\det\partial f/\partial x\rvert$: probability is kept, volume is not.
# - The sign follows the direction: plus for data → noise. The Jacobians of both directions are inverse at
#   the *same* point.
# - Triangular Jacobians cost $D$ instead of $D^3$. In a composition log-determinants add up, each where
#   the point has got to.
# - Maximum likelihood makes the data look like noise. On held-out data its loss does not fall below the entropy, apart from chance.
# - NICE without its scaling keeps volume and stays above $\frac D2\log2\pi$; affine couplings and splines do not.
# - Grey levels need noise on the whole cell. Then the density bounds a probability; state bits per
#   dimension with $D\log256$ in it.
# - Invert, differentiate, integrate.
#
# ## Five questions at the end
#
# **Question 1.** A trained flow draws good samples. A new script that scores points adds the `log_det` of the map noise → data. What is wrong, and which test tells?
#
# *Answer.* The sign: (10.5). What the script computes is no density: its mass is not 1. Integrate it over a lattice, as section 6.3 does.
#
# **Question 2.** A flow reaches a training loss of .4 nats on moons, whose entropy is 1.01. Has somebody made a mistake?
#
# *Answer.* Not necessarily. If the training points are a fixed set, a flexible flow can learn them by heart, and its loss on them may go far below the entropy. Ask for the loss on held-out points: if *that* is many standard errors below, there is a mistake.
#
# **Question 3.** Why does NICE need a last layer that scales, and RealNVP not?
#
# *Answer.* NICE's couplings only shift, so they keep volume, and no density can exceed the peak of the noise, (10.15). RealNVP's couplings scale too.
#
# **Question 4.** In a coupling you replace the networks for $s$ and $t$ by ones that are a hundred times larger. What becomes harder: the inverse, the determinant, or neither?
#
# *Answer.* Neither, apart from the larger networks' own cost. The inverse runs them forward again, and the determinant is still the sum of $s$.
#
# **Question 5.** A colleague adds noise of width ½ to grey levels, because "less noise disturbs less", and reports better bits. What do you say?
#
# *Answer.* The noise must fill the whole cell of a level. With half of it (10.19) fails: the number is no bound on $\log P$, and can look better for this reason alone.
#
# ## References
#
# - Rezende, D. J. and Mohamed, S. (2015). *Variational Inference with Normalizing Flows.* ICML.
#   arXiv:1505.05770.
# - Dinh, L., Krueger, D. and Bengio, Y. (2014). *NICE: Non-linear Independent Components Estimation.*
#   arXiv:1410.8516.
# - Dinh, L., Sohl-Dickstein, J. and Bengio, S. (2016). *Density estimation using Real NVP.* ICLR 2017.
#   arXiv:1605.08803.
# - Durkan, C., Bekasov, A., Murray, I. and Papamakarios, G. (2019). *Neural Spline Flows.* NeurIPS.
#   arXiv:1906.04032.
# - Papamakarios, G. et al. (2021). *Normalizing Flows for Probabilistic Modeling and Inference.* JMLR 22.
#   arXiv:1912.02762.
# - Papamakarios, G., Pavlakou, T. and Murray, I. (2017). *Masked Autoregressive Flow for Density
#   Estimation.* NeurIPS. arXiv:1705.07057.
# - Kingma, D. P. et al. (2016). *Improving Variational Inference with Inverse Autoregressive Flow.* NeurIPS.
#   arXiv:1606.04934.
# - Germain, M., Gregor, K., Murray, I. and Larochelle, H. (2015). *MADE: Masked Autoencoder for Distribution
#   Estimation.* ICML. arXiv:1502.03509.
# - Uria, B., Murray, I. and Larochelle, H. (2013). *RNADE: The real-valued neural autoregressive
#   density-estimator.* NeurIPS. arXiv:1306.0186.
# - Theis, L., van den Oord, A. and Bethge, M. (2016). *A note on the evaluation of generative models.*
#   ICLR. arXiv:1511.01844.
