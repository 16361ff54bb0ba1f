# %% after: (9.3) D*
refuses(logit.sigmoid(), p / (p + p_f), name="(2.4), as if there were one kind of fake")

# %% after: (9.7)
refuses(push, -(scale * head).expand(8, 5), name="(9.5) without the factor σ(ℓ)")

# %% after: (9.8) at the best u
refuses(gap.abs().max(), gap.norm(), tol=1e-3, name="the largest single feature")

# %% after: (9.10) step by step, and as a weighted mean
naive = (1 - decay) * decay ** torch.arange(11, -1, -1, dtype=torch.float64)
refuses(naive @ means, old, name="begun at zero and not corrected")

# %% after: (9.11) the fifth batch
refuses(slope, (apart / 6).expand(6, 3), name="as if the batch were the whole centre")

# %% after: (9.12)
refuses(squares.mean(), 1.0, error=error, name="batch centres")

# %% after: (9.14) enlarged to 112×112, three colours
refuses(sums, math.sqrt(3 * 112 * 112 / 784), name="the root of it")

# %% after: (9.13) one constant for all images
wrong = one * (5.0 - gaussian_log_likelihood(x_r, x_f, one / two))
apart = (left - wrong).detach()
refuses(apart, apart[0], tol=1e-8, name="σ = λ₁/λ₂ instead of σ²")
