# %% after: (1.5) mean
refuses(forward[0], -3, tol=1e-6, name="the mean at the highest mode")

# %% after: (1.9)
refuses((x > 4).double().mean(), truth, error=error, name="the weights forgotten")

# %% after: (1.11) against draws
refuses(draws.T.cov(), W @ W.T, error=error, name="the noise σ² I forgotten")
