# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 00 · Start here
#
# **A generative model** is given examples, say ten thousand handwritten digits or pictures of faces, and is
# asked for more of the same kind. Run the two cells below: click on the first, then press Shift + Enter twice. They show what one
# such model makes. Its examples were faces.

# %%
import math
import os
import platform

import torch

from course_lib import data, explore, models, plots, training, zoo
from course_lib.checks import agrees, check, predict, refuses
from course_lib.errors import CourseError

budget = training.budget()
generator = training.seed_all(0)

# %%
explore.show(explore.interpolation(zoo.load("dcgan-faces")))

# %% [markdown]
# **What to see.** Move the slider. A program drew the faces that were the examples. It did not draw these: each is what a network
# makes of 100 random numbers. Between the two ends the numbers change little by little, and so does the face. (Why two rows, and what the
# curves say: lesson 02.)
#
# **The question.** The model was given many faces, and nobody told it what a face is. What was made small when it was trained? How near
# did it come? And how can one tell?
#
# Behind all this stands one assumption: the examples $x$ were
# drawn from a distribution $p_\text{data}$ that nobody knows. Every model of this course is
# a distribution that we can draw from, and the lessons ask these three questions of it.

# %% [markdown]
# | | |
# |---|---|
# | **You will be able to** | say what this course is made of; load its data; run, stop and continue a training; answer an exercise and read what its check says; look up any symbol |
# | **You need** | Python, a little PyTorch, and probability as far as expectation and variance |
# | **Your time** | {{time}} (an estimate: section 8 says how) |
# | **Machine time** | {{minutes}} minutes on two CPU cores at the `laptop` budget; no GPU, no network |
#
# The course grew out of two student reports, called **A** and **B** throughout. A trained a
# GAN, a DCGAN, a VAE and a "CVAE-GAN" on digits and cartoon faces; B trained a DCGAN, a
# RealNVP and a VAE on photographs of faces and compared them. You rebuild their experiments, and where a formula or a claim of
# theirs is wrong, a computation of yours shows it; these stories are folded (*case files*), and the [errata page](errata.md) lists all such places, and what the reports got
# right.

# %% [markdown]
# ## Five questions before you begin
#
# Every lesson has five such questions at its beginning and five at its end. Take a minute for each, decide, and only then open the answer. A
# wrong guess is welcome: you will know what to look for.
#
# **Question 1.** A program stores 10 000 real digits and returns one of them at random when asked. Is it a good generative model?
#
# *Answer.* Its samples look perfect, and it makes nothing new. So "looks good" alone can't be the goal. Lesson 03 has a score that sees
# this, and shows how a score can be fooled by it.
#
# **Question 2.** One fair coin is thrown 784 times. How probable is the one sequence that you saw, and can a 32-bit number hold it?
#
# *Answer.* $2^{-784}$, about $10^{-236}$. The smallest positive 32-bit number is about $10^{-45}$: the probability becomes 0. So the course computes with
# logarithms, section 6.
#
# **Question 3.** You average 100 random draws, a friend averages 100 others of the same kind, and the two averages differ. Has one of you made a mistake?
#
# *Answer.* No. An average of random draws is itself random. It has a scatter of its own, and a result is complete only when it says how large
# this scatter is. Section 6 measures it.
#
# **Question 4.** A model draws ten different perfect digits, one of each class, and nothing else. What is missing?
#
# *Answer.* The variety within a class: slant, thickness, form. A distribution is more than its most typical examples.
#
# **Question 5.** Is a blurred digit nearer to a sharp real digit than another sharp digit is, if you count the squared differences of pixels?
#
# *Answer.* Often yes: a blur is a compromise between many strokes, and a sharp digit and the same one shifted by two pixels share only about half of their ink. What a
# distance counts decides what a model learns.

# %% [markdown]
# # Part A · Find your way
#
# Time: {{part:A}}. Afterwards you can check that all is in place, load data, look at trained models, answer an exercise, train something, and read what a check says.

# %% [markdown]
# ## 1 · Is everything in place?
#
# The first cell of this page has a few imports, the budget, and one seed from which all random numbers of the lesson come. Each lesson begins in this
# way. Run the cell below: it says what is there.

# %%
print(f"Python   {platform.python_version()}")
cores = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
gpu = "and a GPU" if torch.cuda.is_available() else "no GPU (none is needed)"
print(f"PyTorch  {torch.__version__.split('+')[0]}, on {cores}, {gpu}")
print(f"budget   {budget.name}")
print(f"data     {', '.join(data.names())}")
print(f"trained  {', '.join(zoo.names()) or 'no model is shipped yet'}")

# %% [markdown]
# If that printed five lines, everything works. If an import failed, the kernel is not the
# course's: choose *Kernel → Change Kernel → Python 3*, or close the page and type `make
# lab` again.
#
# **These are your own copies.** `make lab` copied the lessons to the folder `work/`. Change
# what you like: nothing of yours is ever overwritten. A newer version of a lesson is put
# beside yours; one that you delete is copied afresh the next time.

# %% [markdown]
# ## 2 · The data
#
# 12,000 real digits of MNIST come with the course. `data.load` gives a data set, whatever
# the data are: one array of images, their labels, and a card that says where they come
# from.

# %%
digits = data.load("digits")
print(digits)
print("images  ", tuple(digits.images.shape), digits.images.dtype)
print("labels  ", tuple(digits.labels.shape), digits.labels.dtype)
print(digits.card)

# %%
by_class = [digits.images[digits.labels == label][:12] for label in range(10)]
fig = plots.images(torch.cat(by_class), columns=12, row_labels=list(range(10)), zoom=2)
plots.show(
    fig,
    alt="Ten rows of twelve handwritten digits, a row for each of the classes "
    "0 to 9; slant, thickness and form differ widely within a row.",
)

# %% [markdown]
# **What to see.** Within a row slant, thickness and form change; that variety is what a
# generative model has to learn, and what a model that draws ten perfect prototypes would
# miss. The ones here are bare strokes, some sevens have a bar, some fours are closed: think of
# each as a *mode*, a hill of $p_\text{data}$.
#
# Are the ten classes equally frequent?

# %%
counts = torch.bincount(digits.labels, minlength=10)
fig, ax = plots.figure(width=6.4, height=2.8)
ax.bar(range(10), counts, color=plots.PALETTE[0])
ax.axhline(len(digits) / 10, color=plots.INK, linestyle="--", linewidth=1)
ax.set(xticks=range(10), xlabel="digit", ylabel="images")
plots.show(
    fig,
    alt=f"Bars for the digits 0 to 9 between {counts.min()} and {counts.max()} "
    "images high; a dashed line marks 1,000; the ones are most, the fives fewest.",
)

# %% [markdown]
# **What to see.** Nearly, not exactly: there are more ones and fewer fives than the dashed
# line of equal shares. Later this histogram is a yardstick. A generator whose samples have
# clearly another one draws some classes too seldom and others too often.
#
# A **batch** is where numbers become inputs: `digits.batch([0, 1, 2])` gives `x` as
# floating-point numbers from 0 to 1, of shape `(B, C, H, W)`: images, channels, rows,
# columns.

# %%
x, labels = digits.batch([0, 1, 2])
print("x     ", tuple(x.shape), x.dtype, f"from {x.min():.0f} to {x.max():.0f}")
print("labels", labels.tolist())
print("flat  ", tuple(x.flatten(1).shape))

# %% [markdown]
# Other data have other names: `mnist` and `fashion` (60,000 images each, downloaded when
# you ask for them and have a network, or read from a folder that you already have), and
# two-dimensional densities such as `ring` and `moons`, on which everything can be seen and
# much is known exactly. `faces` are cartoon faces that the course draws itself, from nineteen
# named factors; `celeba` and `folder:path` read photographs that you have.
#
# ### Three families
#
# Three families of models turn noise $z$ into images $x$. They differ in which maps they have.
#
# ![GAN: an arrow from noise to image only. VAE: an arrow from noise to image and a dashed, approximate one back. Flow: one arrow with two heads, exact both ways. So all three can sample; a GAN can neither encode an image nor give its density, a VAE does both approximately, a flow exactly.](drawing:families)
#
# Read each row from the left. A GAN has a map from noise to image and none back. A VAE learns a second map back, which is approximate. A flow has a single map that can be inverted. This decides what each can do, in the right part; and it decides what its training compares.
#
# ## 3 · Models that are already trained
#
# Some trainings take longer than a lesson. Their results are shipped, with their settings,
# and `zoo.load` gives them back ready to draw from. Here is one of each family. First a question. Below are four rows of digits: real ones, and samples
# of a GAN, of a VAE and of a flow, in an order that chance has chosen. Run only the
# next cell.

# %%
gan, vae = zoo.load("gan-mnist"), zoo.load("vae-2d-mnist")
flow = zoo.load("realnvp-mnist")
rows = {
    "real": digits.batch(slice(500, 514)).x,
    "GAN": gan.sample(14, generator=generator),
    "VAE": vae.sample(14, generator=generator),
    "flow": flow.sample(14, generator=generator),
}
hidden = [list(rows)[i] for i in torch.randperm(4, generator=generator)]
fig = plots.images(
    torch.cat([rows[name] for name in hidden]), columns=14, row_labels=[1, 2, 3, 4], zoom=2
)
plots.show(
    fig,
    alt="Four numbered rows of fourteen digits each, from four sources that are "
    "not named: real images, a GAN, a VAE, and a flow.",
)

# %% [markdown]
# **Exercise 00.11 · Which row is real?** · ●○○ · 2 min · predict
#
# *Why.* You are the first score of samples in this course. Lesson 03 replaces you by numbers.
#
# Write your guess, 1, 2, 3 or 4, in place of the dots. `predict` keeps it.
# A prediction is never marked. It is there because one looks at a result quite differently
# after having bet on it.

# %%
### BEGIN SOLUTION
guess = 2
### END SOLUTION
guess = predict("00.11", guess)

# %%
truth = hidden.index("real") + 1
if guess is None:
    print("Write your guess above, then run both cells again.")
else:
    print(", ".join(f"row {i}: {name}" for i, name in enumerate(hidden, start=1)))
    print("You saw it." if guess == truth else f"You took row {guess:.0f} for real.")

# %% [markdown]
# **What to see.** The VAE's digits are soft, as if out of focus, and a few lie between two
# classes. The GAN's strokes are crisp, but here and there pixels are stray or a form is no
# digit at all. The flow draws clean strokes of the right thickness, yet not always the strokes
# of a digit. Both reports say that VAE images are blurred, and these are. *Why* the families
# fail in different ways is a question of lessons 02, 06 and 11; how to put numbers on it is
# lesson 03.
#
# Now walk around in them. A slider answers to the mouse and, once it has the focus (Tab),
# to the arrow keys.

# %%
explore.show(explore.interpolation(gan))

# %% [markdown]
# **What to see.** The two ends are two samples of the GAN. Between them its input $z$ moves
# on a line (or on a sphere), and a digit turns into another one without a jump: the
# generator is a continuous map from noise to images.

# %%
explore.show(explore.latent_plane(vae, digits))

# %% [markdown]
# **What to see.** This VAE describes each image by two numbers only. Move through the
# plane: like lies beside like. Then choose the other map: a dot for each of 2,000 digits,
# where the model puts it, in the colour of its class. Nobody told the model about classes;
# it was never shown a label.

# %%
explore.show(explore.temperature(flow))

# %% [markdown]
# **What to see.** A flow turns images into noise and back without losing anything, so its $z$
# has as many numbers as the image has pixels: 784. The slider shrinks eighteen such $z$, one for
# each picture, towards 0, all by the same factor $T$. At $T = 0$ one image is left.
#
# All explorers of the course stand in [a gallery](explorers.ipynb), each with one thing to find out.

# %% [markdown]
# ## 4 · How exercises work
#
# An exercise is a cell with dots `...` in it. Replace the dots by your answer and run the
# cell and the `check` below it. This one is a demonstration, and it holds a wrong answer
# already:
#
# **Exercise 00.1 · A demonstration** · ●○○ · 1 min · answer
#
# *Why.* You see what a check says to a wrong answer, to the right one, and to none.
#
# How many numbers is one digit made of?
#
# *Nudge.* A digit is a square of grey values.

# %%
numbers_per_image = 28 + 28
check("00.1", numbers_per_image)

# %% [markdown]
# A check compares your answer with the right one and with what likely mistakes would give.
# So it often knows *which* mistake it was. It never prints the answer. Compare with an
# answer that is right, and with none:

# %%
check("00.1", 28 * 28)
check("00.1", ...)

# %% [markdown]
# Often the answer is a **function**. The check calls it on a few inputs; you hand over its
# name without brackets. Many ways are right: what counts is what it returns.
#
# **Exercise 00.2 · Batches of an epoch** · ●○○ · 4 min · code
#
# *Why.* Reports count epochs, this course counts rounds. You need it to compare the two.
#
# An *epoch* is one pass through all $n$ images, in batches of $B$; the
# last batch may be smaller. How many batches is that?
#
# *Nudge.* Try 10 images in batches of 4 by hand. The last batch counts too.
#
# *Compare.*
# ```python
# print(10 / 4)  # → 2.5
# print(batches_per_epoch(10, 4), batches_per_epoch(12, 4))  # → 3 3
# ```


# %% exercise="00.2"
def batches_per_epoch(n, batch):
    """How many batches make one pass through n images?"""
    ### BEGIN SOLUTION
    return math.ceil(n / batch)
    ### END SOLUTION


# %%
check("00.2", batches_per_epoch)

# %% [markdown]
# Report A trained on 60,000 images, its GAN in batches of 100 and its CVAE-GAN in batches
# of 128. Its logs count 600 and 469 a pass: your function says whether that is right. The
# course counts **rounds** instead of epochs (in one round every player moves), so that
# lengths of training compare across batch sizes and data sets. Its own `fit` leaves out a
# smaller last batch and shuffles again.
#
# If your copy has no answer yet, nothing breaks: every later cell uses the library.

# %% [markdown]
# ## 5 · A first training
#
# **Budgets.** A lesson trains in seconds to minutes, so that you can do it again. How long
# is set in one place, the environment variable `COURSE_BUDGET`: `smoke` only shows that a
# cell runs, `laptop` is the default, `full` is a recipe's whole length. The code is the
# same; only the number of rounds differs. For the GAN of report A:

# %%
for name in ("smoke", "laptop", "full"):
    rounds = training.budget(name).rounds(models.GAN.recipes["report"]["rounds"])
    print(f"{name:7} {rounds:8,} rounds")

# %% [markdown]
# Here is a whole training: a VAE, in a few lines and a few seconds. The bar shows its
# losses and the time left. You may interrupt it (the ■ button): what was trained so far is
# kept. A longer training that should survive the evening gets a folder, `training.fit(…,
# resume="runs/mine")`: the same line continues it tomorrow, even if the power went out.

# %%
model = models.VAE("report", seed=0)
before = model.sample(10, generator=torch.Generator().manual_seed(1))
history = training.fit(model, digits, rounds=budget.pick(smoke=20, laptop=600), seed=0)
after = model.sample(10, generator=torch.Generator().manual_seed(1))
print(history.summary(last=20))

# %%
plots.show(
    plots.curves(history),
    alt="Two curves over the rounds: the reconstruction term falls steeply, then slowly; "
    "the smaller KL term settles at a few nats.",
)

# %% [markdown]
# **What to see.** The loss falls most in the first hundred rounds. Every loss term of every
# player is kept under its name, here `VAE.reconstruction` and `VAE.kl`.

# %%
both = torch.cat([before, after])
fig = plots.images(both, columns=10, row_labels=["before", "after"])
plots.show(
    fig,
    alt="Two rows of ten samples of the same model from the same noise: grey "
    "static before training, blurred shapes after it, of which several are readable digits.",
)

# %% [markdown]
# **What to see.** The same noise went in both times; training changed what the network
# makes of it. The printed losses are in **nats per image**. What they mean is derived in
# lesson 06.

# %% [markdown]
# ## 6 · An equation is followed by its check
#
# When you only read a derivation, it is easy to believe a wrong step. So in this course an equation
# with a number is followed by cells that compute both of its sides (or, if it only defines something, that). `agrees` asserts that
# two sides are equal. `refuses` asserts that a *named wrong form* would have been noticed: a
# check that also passes for the wrong formula would check nothing. Here are four small facts that
# the lessons use.
#
# ### Logarithms, not products
#
# An image of 784 pixels has a probability that is a product
# of 784 factors. PyTorch's usual 32-bit numbers end near $10^{-45}$ (64-bit ones near
# $10^{-324}$): a smaller product becomes 0. Its logarithm stays an ordinary number:
#
# $$\log \prod_{i=1}^{784} p_i = \sum_{i=1}^{784} \log p_i \tag{0.1}$$

# %%
p = torch.full((784,), 0.5)
agrees(p.log().sum(), 784 * math.log(0.5), tol=1e-3, name="(0.1) sum of logs")
refuses(p.prod().log(), 784 * math.log(0.5), tol=1e-3, name="log of the product")

# %% [markdown]
# ### Nats and bits
#
# The entropy $H(p) = -\sum_c p_c \log p_c$ is in *nats* with the natural
# logarithm and in *bits* with that to base 2. A bit is the smaller unit, so there are more
# of them:
#
# $$H_\text{bits} = H_\text{nats} / \ln 2 \tag{0.2}$$

# %%
shares = counts / counts.sum()
nats = -(shares * shares.log()).sum()
bits = -(shares * shares.log2()).sum()
agrees(nats / math.log(2), bits, tol=1e-5, name="(0.2) nats / ln 2")
refuses(nats * math.log(2), bits, tol=1e-5, name="nats · ln 2")
print(f"The labels hold {bits:.4f} bits, ten equal classes {math.log2(10):.4f}.")

# %% [markdown]
# ### The error of a mean
#
# Most numbers in this course are means over random draws, and such a mean is random itself. Take
# the ink of a digit: the sum of its pixels. Draw $n$ digits, note their mean ink, repeat 4,000
# times, and look at how much the means scatter.
#
# **Exercise 00.12 · How fast does the scatter fall?** · ●○○ · 1 min · predict
#
# *Why.* It decides how many samples each result of this course needs.
#
# When $n$ grows from 10 to 1,000, by which factor will the scatter fall? (1: not at all.)

# %%
### BEGIN SOLUTION
factor = 100
### END SOLUTION
factor = predict("00.12", factor)

# %% [markdown]
# Lesson 01 derives the rule; here, only look. A mean of
# $n$ independent draws with standard deviation $\sigma$ has a standard deviation of its own, the
# *standard error*:
#
# $$\operatorname{sd}\Big(\frac1n \sum_{i=1}^n x_i\Big) = \frac{\sigma}{\sqrt n} \tag{0.3}$$

# %%
ink = digits.images.sum(dim=(1, 2, 3)) / 255
sizes = [10, 32, 100, 316, 1000]
scatter = []
for n in sizes:
    drawn = torch.randint(len(ink), (4000, n), generator=generator)
    scatter.append(ink[drawn].mean(1).std().item())
relative_error = 1 / math.sqrt(2 * 4000)  # of a standard deviation measured 4,000 times

# %%
n, sigma = sizes[2], ink.std(correction=0).item()
error = relative_error * sigma / math.sqrt(n)
agrees(scatter[2], sigma / math.sqrt(n), error=error, name="(0.3) σ/√n")
refuses(scatter[2], sigma / n, error=error, name="σ/n")

# %%
fig, ax = plots.figure(width=6.4, height=3.4)
ax.loglog(sizes, scatter, "o", color=plots.PALETTE[0], label="measured")
ax.loglog(sizes, [sigma / math.sqrt(n) for n in sizes], color=plots.INK, label="σ/√n")
if factor is not None:
    ax.loglog(
        [10, 1000],
        [scatter[0], scatter[0] / factor],
        "--",
        color=plots.PALETTE[1],
        label="your guess",
    )
ax.set(xlabel="digits in a mean, n", ylabel="scatter of the means")
ax.legend()
plots.show(
    fig,
    alt="Five measured points on a falling straight line in doubly logarithmic "
    "axes: a hundred times more digits, a tenth of the scatter.",
)

# %% [markdown]
# **What to see.** A straight line of slope −½: a hundred times more digits for one more
# decimal. That is why results here come as "mean ± standard error", why sampled numbers are
# compared in standard errors (right within 5, wrong beyond 10), and why a single run proves
# little.
#
# ### A mean over the batch
#
# With batches of equal size the mean of their means is the mean
# of all; with a smaller last batch it usually isn't, because each of its images weighs more.
# Weigh batch $b$'s mean $\bar x_b$ by its size $B_b$:
#
# $$\frac1N \sum_{i=1}^N x_i = \sum_b \frac{B_b}{N}\, \bar x_b \tag{0.4}$$

# %%
batches = ink[:9].double().split(4)  # 4 + 4 + 1 digits
means = torch.stack([batch.mean() for batch in batches])
sizes_of = torch.tensor([len(batch) for batch in batches])
agrees((means * sizes_of).sum() / 9, ink[:9].double().mean(), name="(0.4) weighted")
refuses(means.mean(), ink[:9].double().mean(), name="plain mean of batch means")

# %% [markdown]
# ## 7 · When something goes wrong
#
# A mistake that the course foresees is a `CourseError`. It says what was expected, what
# came, and what to do; read its last line first.

# %%
try:
    data.load("digit")
except CourseError as error:
    print(error)

# %% [markdown]
# - **A name is not defined.** Cells were run out of order. *Run → Run All Above Selected Cell*.
# - **It became strange.** *Kernel → Restart Kernel and Run All Cells*. One seed stands at the top,
#   so a lesson gives the same numbers each time on the same machine (but for the search in lesson 12).
# - **It takes long.** Stop it with ■; the training so far is kept. To try things out, start the
#   course with `COURSE_BUDGET=smoke make lab`.
# - **A training "exploded".** The message names the player and the term; the model is back at its
#   last good state. Try a smaller learning rate.
# - **What does this function do?** Put a question mark behind its name, `training.fit?`, and run
#   the cell.
# - **Still stuck?** The same lesson with answers and outputs is in `notebooks/solved/`. Look when
#   you have tried; an answer that one has only read is gone by the evening.
#
# ## 8 · How to read a lesson
#
# Most lessons are made of the same pieces: a **header** with what you need and how long it takes; a
# **derivation** in numbered steps, each with its check; the step **from equation to code**;
# **predict, then train**; **looking**, with an explorer; **break it**, several runs of which
# you say which one is healthy; **the reports**, quoted word for word, beside what you
# computed; **exercises**, a summary, and references. Sections marked *optional* can be left
# out.
#
# **Your time.** Each lesson after this one is cut into **parts**, most of half an hour to an hour. The minutes are an
# estimate for a careful first reading: 150 words, 20 lines of code and one displayed equation a
# minute; for each exercise the minutes on its card, and one for each of the ten questions. Exercises without a check, at the end, are
# counted apart, and so are optional sections. What begins folded is not counted. Stop between two
# parts rather than within one.
#
# **In a class.** An hour of class is one part. One way to spend it: a quarter of an hour
# of the derivation on the board; then pairs at one screen, one types while the other
# predicts; everybody commits to a guess before a training cell is run; "break it" is
# discussed aloud before it is resolved. The files in `notebooks/solved/` are for preparing.
#
# ## 9 · The lessons, and what each one needs

# %%
written = "00 01 02 03 04 05 06 07 08 09 10 11 12 13"
plan = """
00 | Start here             |             | 0 2.6
01 | Likelihood, sampling   | 00          | 1 2.6
02 | GAN                    | 01          | 2 4.0
03 | Measuring samples      | 02          | 3 3.1
04 | DCGAN                  | 02          | 3 5.0
05 | Unstable games         | 02          | 3 4.1
06 | VAE                    | 01          | 2 1.7
07 | VAE, further           | 06          | 3 1.3
08 | Conditions, hybrids    | 02 06       | 3 2.3
09 | CVAE-GAN               | 08          | 4 2.3
10 | Change of variables    | 01          | 2 0.4
11 | RealNVP                | 10          | 3 0.4
12 | Tuning                 | 03          | 3.9 2.95
13 | The comparison         | 04 07 11 12 | 5.2 1.8
14 | Your own faces         | 04          | 4 5.0
"""

# %%
blue, arrow = plots.PALETTE[0], {"arrowstyle": "-|>", "color": plots.MUTED}
arrow |= {"shrinkA": 32, "shrinkB": 32}
lines = [line.split("|") for line in plan.strip().split("\n")]
lessons = {line[0].strip(): [part.strip() for part in line[1:]] for line in lines}
at = {number: [float(v) for v in last.split()] for number, (*_, last) in lessons.items()}
fig, ax = plots.figure(width=9.4, height=5.6)
for number, (title, needs, _) in lessons.items():
    for needed in needs.split():
        ax.annotate("", at[number], at[needed], arrowprops=arrow)
    face, ink = (blue, "white") if number in written else ("white", plots.INK)
    box = {"boxstyle": "round,pad=0.4", "edgecolor": blue, "facecolor": face}
    label = number + "\n" + title.replace(" ", "\n", 1)
    ax.text(*at[number], label, ha="center", va="center", bbox=box, color=ink, size=9)
ax.set(xlim=(-0.4, 5.7), ylim=(0, 5.4))
ax.axis("off")
arrows = "; ".join(f"{k} needs {needs}" for k, (_, needs, _) in lessons.items() if needs)
plots.show(fig, alt=f"The lessons as boxes, arrows to each from what it needs: {arrows}.")

# %% [markdown]
# **What to see.** Filled boxes are there; the others are planned. The VAE needs lesson 01
# only, so a class may begin with it, or with the GAN.
#
# | lesson | in a sentence | your time, by parts | machine minutes |
# |---|---|---|---|
# | 01 Likelihood, divergences, sampling | what "near the data" can mean, and a first model of digits, exactly solved | {{time:01}} | {{minutes:01}} |
# | 02 GAN | a game whose equilibrium is the data; how it is won, lost, and collapses | {{time:02}} | {{minutes:02}} |
# | 03 Measuring samples | what each score of samples estimates, its floor, its ladder, and how to fool it | {{time:03}} | {{minutes:03}} |
# | 04 DCGAN | convolutions for both players, and a collapse repaired rule by rule | {{time:04}} | {{minutes:04}} |
# | 05 Unstable games | why training a GAN circles or explodes, and what the remedies really do | {{time:05}} | {{minutes:05}} |
# | 06 VAE | a bound on the likelihood, derived three ways, and a plane of digits | {{time:06}} | {{minutes:06}} |
# | 07 VAE, further | what β, collapse, tighter bounds and another prior do | {{time:07}} | {{minutes:07}} |
# | 08 Conditions and hybrids | labels as inputs, and what one changed line makes of a VAE or a GAN | {{time:08}} | {{minutes:08}} |
# | 09 CVAE-GAN | four players, and who learns from which loss | {{time:09}} | {{minutes:09}} |
# | 10 Change of variables | how a density changes when space is bent, and maps that can be bent back | {{time:10}} | {{minutes:10}} |
# | 11 RealNVP | an exact likelihood for images, in bits, with every constant counted | {{time:11}} | {{minutes:11}} |
# | 12 Tuning | how many trials a search needs, and how much of its winner's lead was luck | {{time:12}} | {{minutes:12}} |
# | 13 The comparison | one protocol, six aspects, and what may be written of three models | {{time:13}} | {{minutes:13}} |

# %% [markdown]
# ## 10 · Notation
#
# What the symbols mean, with their names in code and their shapes. There are fewer letters than
# things, so some letters have a second meaning; the last column says most of them, and
# where the reports write something else. A lesson's own table of symbols comes first.
#
# | symbol | meaning | in code | shape | elsewhere |
# |---|---|---|---|---|
# | $x$ | an example: image (values in $[0,1]$) or point | `x` | $(B,C,H,W)$ or $(B,2)$ | A writes $X$ in its VAE part |
# | $z$ | latent vector, the noise that a model starts from | `z` | $(B,d)$; flows: $(B,D)$ | called a code, too |
# | $c$ | condition: class label or attribute | `labels` | $(B)$ | |
# | $N$, $B$ | examples in the data set, in a batch | `len(dataset)`, `batch` | | $m$ where a derivation just needs some number of examples, as in the reports |
# | $D$ | numbers in one example, $C \cdot H \cdot W$ | `dim` | | not the discriminator $D_\psi$ |
# | $d$ | dimensions of $z$ | `latent` | | lesson 01 writes $q$ for its linear model, as its sources do |
# | $k$ | moves of the discriminator for one of the generator | `k` | | as in Algorithm 1; in lesson 04 a kernel's side; in 07, 10 and 11 a grey level, 0 to 255 |
# | $p_\text{data}$ | the distribution the examples come from; only samples of it are known | `dataset` | | |
# | $p_z = \mathcal N(0, I)$ | prior of the latent | `torch.randn` | | the reports' algorithms print $p_g(z)$ (E03) |
# | $\theta$ | parameters of generator or decoder | `model.generator`, `model.decoder` | | reports: $\theta_g$ |
# | $\phi$ | parameters of the encoder | `model.encoder` | | |
# | $\psi$ | parameters of the discriminator | `model.discriminator` | | reports: $\theta_d$ |
# | $G_\theta(z)$ | generator | `gan.generate(z)` | $(B,C,H,W)$ | |
# | $p_g$ | the distribution of $G_\theta(z)$ on examples | `gan.sample(n)` | | |
# | $\ell_\psi(x)$ | the discriminator's logit, any real number | `gan.score(x)` | $(B)$ | |
# | $D_\psi(x) = \operatorname{sigmoid}(\ell_\psi(x))$ | probability that $x$ is real | `torch.sigmoid(logit)` | $(B)$ | |
# | $D^*$ | the best discriminator for a given $p_g$ | | $(B)$ | |
# | $V(D, G)$ | value of the two-player game, nats | `value` | | |
# | $p_\theta(x \mid z)$ | decoder's distribution (likelihood) | `vae.mean_given(z)` | $(B,D)$ | |
# | $q_\phi(z \mid x)$ | encoder's distribution, approximates $p_\theta(z \mid x)$ | `vae.encode(x)` | two $(B,d)$ | A also writes $q(z)$ |
# | $m$, $\log \sigma^2$ | its mean and log-variance | `mean`, `log_var` | $(B,d)$ | A: $\mu$, and a $\sigma$ that is a variance (E10) |
# | $\varepsilon$ | standard normal noise in $z = m + \sigma \odot \varepsilon$ | `noise` | $(B,d)$ | |
# | $H(p)$ | entropy, nats | `entropy` | | |
# | $\mathrm{KL}(p \,\Vert\, q)$ | $\mathbb E_p[\log p - \log q]$, not symmetric, ≥ 0, nats | `kl` | $(B)$ | B writes $D_{KL}(q, p)$ |
# | $\mathrm{JS}(p, q)$ | $\tfrac12 \mathrm{KL}(p \Vert m) + \tfrac12 \mathrm{KL}(q \Vert m)$, $m = \tfrac12(p+q)$ | `js` | | |
# | ELBO | a lower bound on $\log p_\theta(x)$, nats per image | `vae.elbo(x)` | $(B)$ | B: $L(\theta, \phi; x)$ |
# | $K$ | importance samples in the IWAE bound | `k=` | | |
# | $f$, $f^{-1}$ | a flow, data → noise, and its inverse | `flow(x)`, `flow.inverse(z)` | | |
# | $\log\lvert\det\tfrac{\partial f}{\partial x}\rvert$ | log-determinant of the flow's Jacobian, nats | `log_det` | $(B)$ | |
# | $s$, $t$ | log-scale and shift of a coupling | `s`, `t` | as what they change | $s$: a width in lesson 01, a sample's standard deviation in 01 and 03, a log-width in 02, a stride in 04; $t$ elsewhere: round of a training, or place on a way |
# | $b$ | mask of a coupling, 1 where $x$ stays | `b` | $(H,W)$ or $(D)$ | |
# | $u$ | dequantisation noise in $[0,1)$ | `u` | as $x$ | in lesson 01 $u$ is a grey level, 0 to 255; in 10 $u$, $w$ are vectors of a planar map, too |
# | $\alpha$ | margin of the logit | `alpha` | | |
# | $\eta$ | learning rate | `lr` | | |
# | $t$ | round of a training | `source.t` | | |
#
# $\log$ is the natural logarithm. $\odot$ multiplies entry by entry. $\mathbb E_p$ is the mean over
# draws from $p$. In $a \pm b$, $b$ is one standard error (lesson 01), over samples; where it is
# another thing, such as half of a 95% interval or a spread over seeds, the word stands beside it. A loss or likelihood is **summed over pixels and latents and averaged over
# the batch**, so it is in nats per image.

# %% [markdown]
# ## Exercises
#
# **Exercise 00.3 · Bytes for a tanh** · ●○○ · 4 min · code
#
# *Why.* Real and generated images must lie in the same range, or a discriminator tells them apart by that alone.
#
# A generator that ends in tanh gives values from −1 to 1. Turn 8-bit
# images (0 to 255) into that range, as floating-point numbers of the same shape.
#
# *Nudge.* Where must 0 go, and where 255? A straight line does it. And bytes can't hold a negative number: convert first.
#
# *Compare.*
# ```python
# print(torch.tensor([0, 255], dtype=torch.uint8).float() / 255)  # → tensor([0., 1.])
# print(to_tanh_range(torch.tensor([0, 255], dtype=torch.uint8)))  # → tensor([-1.,  1.])
# ```


# %% exercise="00.3"
def to_tanh_range(images):
    """Bytes 0 … 255 → floats −1 … 1, of the same shape."""
    ### BEGIN SOLUTION
    return images.float() / 127.5 - 1
    ### END SOLUTION


# %%
check("00.3", to_tanh_range)

# %% [markdown]
# **Exercise 00.4 · Channels first** · ●●○ · 5 min · code
#
# *Why.* Done carelessly it has the right shape and a scrambled picture, and nothing raises an error.
#
# Image libraries keep a picture as (H, W, C), channels last. Make of
# one such picture a batch of one image, (1, C, H, W).
#
# *Nudge.* To *reorder* axes is another thing than to *reshape*: a reshape keeps the order of the numbers in memory.
#
# *First line.* `picture.permute(…)`, with the old axes in their new order.
#
# *Compare.*
# ```python
# picture = torch.arange(6).reshape(1, 2, 3)  # one row, two columns, three channels
# print(picture[0, 1].tolist())  # → [3, 4, 5]
# print(channels_first(picture)[0, :, 0, 1].tolist())  # → [3, 4, 5]
# ```
# (Both are the three channels of the second column.)


# %% exercise="00.4"
def channels_first(picture):
    """(H, W, C) → (1, C, H, W)"""
    ### BEGIN SOLUTION
    return picture.permute(2, 0, 1).unsqueeze(0)
    ### END SOLUTION


# %%
check("00.4", channels_first)

# %% [markdown]
# **Exercise 00.5 · Nats per image** · ●●○ · 4 min · code
#
# *Why.* Over what one sums and over what one averages decides how the terms of a loss weigh against each other. Average over the pixels where
# you should sum, and this term weighs too little by the number of pixels.
#
# `errors` holds a loss for each pixel of each image, (B, C, H, W), in
# nats. Give one number: nats per image.
#
# *Nudge.* The pixels of one image add, as their log-probabilities do. Different images are repetitions.
#
# *First line.* `errors.sum(dim=(1, 2, 3))` has the shape (B,).
#
# *Compare.*
# ```python
# print(torch.ones(5, 1, 2, 3).sum(dim=(1, 2, 3)))  # → tensor([6., 6., 6., 6., 6.])
# print(per_image(torch.ones(5, 1, 2, 3)))  # → tensor(6.)
# ```


# %% exercise="00.5"
def per_image(errors):
    """(B, C, H, W) → one number, in nats per image"""
    ### BEGIN SOLUTION
    return errors.sum(dim=(1, 2, 3)).mean()
    ### END SOLUTION


# %%
check("00.5", per_image)

# %% [markdown]
# **Exercise 00.6 · Entropy of a histogram** · ●●○ · 6 min · code
#
# *Why.* Lesson 03 measures with it whether a generator draws all classes.
#
# Write the entropy, in bits, of a class histogram given by its counts
# (a tensor of shape (classes,)). A class that is missing must do no harm.
#
# *Nudge.* $p\log p$ tends to 0 as $p\to0$, but a computer's $0\cdot\log0$ is not a number. `torch.xlogy` knows it. And mind the unit, (0.2).
#
# *First line.* `p = counts / counts.sum()`
#
# *Compare.*
# ```python
# print(torch.tensor([2.0, 1.0, 1.0, 0.0]) / 4)  # → tensor([0.5000, 0.2500, 0.2500, 0.0000])
# print(entropy_in_bits(torch.tensor([2, 1, 1, 0])))  # → tensor(1.5000)
# ```


# %% exercise="00.6"
def entropy_in_bits(counts):
    """(classes,) → one number"""
    ### BEGIN SOLUTION
    p = counts / counts.sum()
    return -torch.xlogy(p, p).sum() / math.log(2)
    ### END SOLUTION


# %%
check("00.6", entropy_in_bits)

# %% [markdown]
# **Exercise 00.7 · How many samples?** · ●○○ · 2 min · answer
#
# *Why.* Before you compare two scores you must know what their errors allow.
#
# A score was measured on 1,000 samples as 3.2 ± .5. About how many
# times as many samples give ± .05?
#
# *Nudge.* Read (0.3) from right to left.

# %% exercise="00.7"
### BEGIN SOLUTION
times_as_many = 100
### END SOLUTION

# %%
check("00.7", times_as_many)

# %% [markdown]
# **Exercise 00.8 · Unreadable digits** · ●○○ · 8 min · discuss
#
# *Why.* The judges of later lessons are classifiers, and they have learned from labels.
#
# Look at test digits: `data.load("digits", "test")`
# loads them, and section 2 shows how to draw a sheet. Which ones would you label
# otherwise? What does that say of a classifier that is right on 99.5% of them, and of a
# generator whose samples such a classifier can't read?
#
# *Nudge.* Suppose that you would change 1% of the labels. How often is this classifier right by *your* labels: at best, and at worst?
#
# **Exercise 00.9 · A judge without you** · ●○○ · 10 min · discuss
#
# *Why.* It is the question of lesson 03.
#
# In section 3 you told real from made by eye. Write
# down, in three sentences, a procedure that would do it without you and give a number.
# Keep the note: lesson 03 comes back to it.
#
# *Nudge.* What would your procedure say of the program in question 1 above, which returns stored digits?
#
# ## Summary
#
# - A generative model is a distribution that one can draw from; training makes it resemble
#   $p_\text{data}$, of which only samples are known.
# - `data.load`, `models`, `training.fit`, `zoo.load`, `explore`, `check`: that is most of the
#   library. It is thin; open its files.
# - An equation is checked by `agrees`, its wrong form by `refuses`; a mean comes with its standard
#   error; sums over pixels, means over images, in nats.
#
# **Next**: lesson 01, or straight to the derivations of lesson 02 or 06 if divergences and
# maximum likelihood are old friends.
#
# ## Five questions at the end
#
# **Question 1.** The check of an exercise says "right". What has it tried, and what can't it know?
#
# *Answer.* It called your function on several inputs, some of them random, and compared values (where you train with it, gradients too). It can't know
# whether you understand why. The questions and the exercises on paper are for that.
#
# **Question 2.** Two lessons print losses: 545 nats per image and .70 nats per pixel, both of 28 × 28 images. Which is larger?
#
# *Answer.* .70 · 784 = 548.8 nats per image: as far as two decimals tell, the same. Never compare losses before you know what was summed and what was averaged.
#
# **Question 3.** You stop a training after half of its rounds. What do you have?
#
# *Answer.* A model trained for half of its rounds. Nothing is lost. With a folder (`resume=`) the same line goes on from there, and ends with the same numbers
# as an uninterrupted training.
#
# **Question 4.** A friend says: "Model P is better than Q, 2.1 against 2.4, I measured it once." What do you ask?
#
# *Answer.* How large the standard error is, over samples *and* over seeds of the training. And on which images it was measured: those that chose the settings can't judge them.
#
# **Question 5.** Which of the three families can tell you how probable a given image is?
#
# *Answer.* A flow exactly, a VAE approximately (by a bound). A GAN can't: it has a map from noise to images and no density that one can compute.
#
# ## References
#
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998). Gradient-based learning applied to document
#   recognition. *Proceedings of the IEEE* 86(11). (MNIST)
# - I. Goodfellow et al. (2014). Generative adversarial nets. *NeurIPS*. (the GAN)
# - D. P. Kingma, M. Welling (2014). Auto-encoding variational Bayes. *ICLR*. (the VAE)
