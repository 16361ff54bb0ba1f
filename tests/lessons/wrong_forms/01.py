# %% after: (1.5) mean
refuses(forward[0], -3, tol=1e-6, name="the mean at the highest mode")

# %% after: (1.9)
refuses((x > 4).double().mean(), truth, error=error, name="the weights forgotten")

# %% after: (1.11) against draws
refuses(draws.T.cov(), W @ W.T, error=error, name="the noise σ² I forgotten")

# %% after: (1.17) largest fall in any step
first = mixtures[0]
broken = first.log_prob(points).mean()
first.means.mul_(1 / 8)  # what dividing by m instead of the weights' sum would do
refuses((first.log_prob(points).mean() - broken).clamp(max=0), 0, name="that wrong M-step")
