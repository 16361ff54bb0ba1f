# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # All explorers
#
# Every picture of the course that answers to you, by subject, roughly in the order of the lessons. Under each name
# stands one thing to find out; the answer is in the picture, not in the text. Run the first cell, then any
# other.
#
# Sliders answer to the mouse, to a finger, and, once they have the focus (Tab), to the arrow keys. (The next Tab goes to the number beside the slider, which you can type.) Most pictures
# can be pressed, too. *reset* brings back the first view. The text beside a picture says in words what it shows;
# below it the letters are spelled out. Where real and generated points or verdicts are shown, blue is real and
# orange is generated.

# %%
from course_lib import data, explore, models, training, zoo

budget = training.budget()
digits = data.load("digits", "test").take(budget.pick(smoke=200, laptop=2000))

# %% [markdown]
# # Distances and games
#
# ## `two_kls` · lesson 01
# One Gaussian, a target with two modes. Find out: where must you put $q$ so that one KL is at its least and the other
# far from its own?

# %%
explore.show(explore.two_kls())

# %% [markdown]
# ## `minimax` · lessons 02 and 05
# The smallest game: $f(x,y)=xy$. Find out: is there a step size at which simultaneous play does not run away?

# %%
explore.show(explore.minimax(), update="alternating", eta=0.4)

# %% [markdown]
# ## `playground` · lesson 02
# A GAN in the plane, a move at a time. Find out: can you let G win so fast that all its points fall together,
# and which of the two curves tells you so?

# %%
explore.show(explore.playground(), step=90)

# %% [markdown]
# ## `replay` · lessons 02 and 04
# What a training kept: the same noise, decoded again and again. Find out: what can be seen first, that there is ink in
# the middle, or that there are digits?

# %%
vae, rounds = models.VAE(hidden=(64,)), budget.pick(smoke=8, laptop=300)
history = training.fit(vae, data.load("digits"), rounds=rounds, progress=False)
explore.show(explore.replay(history), moment=len(history.grids) // 4)

# %% [markdown]
# ## `interpolation` · lessons 00 and 02
# From one latent to another, along a line or on a sphere. Find out: on which of the two do the norms stay usual, and can
# you see a difference in the pictures?

# %%
explore.show(explore.interpolation(zoo.load("gan-mnist")), t=0.5)

# %% [markdown]
# # Convolutions and faces
#
# ## `transposed` · lesson 04
# A transposed convolution, stamp by stamp. Find out: for which strides does a kernel of 4 draw a checkerboard?

# %%
explore.show(explore.transposed())

# %% [markdown]
# ## `face_factors` · lesson 03
# Drawn faces have known factors. Find out: which of them changes the face least, and does the judge still read it?

# %%
explore.show(explore.face_factors(), turn=0.6, smile=0.8, glasses="yes")

# %% [markdown]
# ## `walk` · lessons 04 and 07
# From one sample of a GAN to another, here to one with glasses. Find out: do they grow, or appear at once?

# %%
artist = zoo.load("dcgan-faces")
explore.show(explore.walk(artist), t=0.2, a=4, b=1)

# %% [markdown]
# ## `attributes` · lessons 04 and 07
# A sample moved along directions found by least squares. Find out: how far can you go along one before something else
# changes, too?

# %%
z, factors = explore.judged_draws(artist, budget.pick(smoke=200, laptop=1000))
explore.show(explore.attributes(artist, explore.attribute_directions(z, factors)))

# %% [markdown]
# ## `arithmetic` · lesson 04
# Means of three faces, A − B + C. At the start A wears glasses; B and C do not, so the sum promises some. Find out: in how
# many of the neighbours does the judge read them, and in how many do you see a rim, or an arm at the ear?

# %%
explore.show(explore.arithmetic(artist))

# %% [markdown]
# # Bounds and codes
#
# ## `elbo_bar` · lesson 06
# $\log p(x)$ as ELBO plus gap, exactly. Find out: at which $q$ is there no gap, and what does a wrong width cost?

# %%
explore.show(explore.elbo_bar(x=1.5, s=0.5), w=2.0)

# %% [markdown]
# ## `reparameterisation` · lesson 06
# A draw, and the gradients that it carries. Find out: what is left of them when only the value of $z$ is kept?

# %%
explore.show(explore.reparameterisation())

# %% [markdown]
# ## `latent_plane` · lessons 00 and 06
# All that a VAE with two latents can draw. Find out: which two classes lie in one another, and what is drawn between
# them?

# %%
explore.show(explore.latent_plane(zoo.load("vae-2d-mnist-report"), digits))

# %% [markdown]
# # Conditions and players
#
# ## `class_style` · lessons 08 and 09
# Rows of styles, columns of classes. Find out: does a row with a broad 0 have a broad 8, too?

# %%
explore.show(explore.class_style(zoo.load("cgan-mnist")))

# %% [markdown]
# ## `four_players` · lesson 09
# One loss of CVAE-GAN at a time, and its gradient on the way to E, G, D and C. Guess a line, then see it answered.
# Find out: which losses reach a network that must not follow them?

# %%
explore.show(explore.four_players())

# %% [markdown]
# ## `morph` · lesson 09
# From one class to another at one style. Find out: is what lies between 4 and 9 a digit?

# %%
both = zoo.load("cvaegan-mnist")
explore.show(explore.morph(both))

# %% [markdown]
# ## `transfer` · lesson 09
# Draw a digit; its style, in all ten classes. Find out: what of your hand is style, and what is taken for class?

# %%
explore.show(explore.transfer(both))

# %% [markdown]
# ## `told_attributes` · lesson 09
# A face whose model is *told* the attributes. Find out: which of them does it obey least?

# %%
explore.show(explore.told_attributes(zoo.load("cvaegan-faces")))

# %% [markdown]
# # Flows
#
# ## `line_flow` · lesson 10
# A rising curve bent by hand, and the density under it. Find out: how must it run so that nearly nothing lies
# around 0?

# %%
explore.show(explore.line_flow())

# %% [markdown]
# ## `warp` · lesson 10
# A grid carried through a flow, a layer at a time. Find out: in which direction can one coupling move points?

# %%
moons = zoo.load("flow-moons")
explore.show(explore.warp(moons, data.load("moons", "test")), layers=4)

# %% [markdown]
# ## `pointed` · lesson 10
# The density of two moons under the mouse, taken apart. Find out: is there a place between the moons whose $z$ lies in
# the middle of the noise?

# %%
explore.show(explore.pointed(moons))

# %% [markdown]
# ## `temperature` · lessons 00 and 11
# The same latents, scaled. Find out: at which temperature would you call the digits best, and is $\log p$ highest there?

# %%
flow = zoo.load("realnvp-mnist")
explore.show(explore.temperature(flow, rows=budget.pick(smoke=1, laptop=3)))

# %% [markdown]
# ## `fill` · lesson 11
# Half a digit, and what a flow puts there. Find out: how often does it make another digit of it than the one that was?

# %%
explore.show(explore.fill(flow, digits), step=budget.pick(smoke=1, laptop=60))

# %% [markdown]
# # Comparing
#
# ## `can_you_tell` · lesson 13
# Real faces and generated ones, one at a time (lesson 13 has a sheet of twelve). Find out: do you err less often
# than a straight line through the judge's features?

# %%
explore.show(explore.can_you_tell(artist, n=budget.pick(smoke=40, laptop=200)))
