# %% after: (7.6) β = 4 is σ doubled
refuses(left, beta_gradient(sigma, 1.0), tol=1e-6, name="β taken for a change of units")

# %% after: (7.9) the ELBO is flat in σ at σ*
at_mean = vae.mean_given(mean)
wrong = library.gaussian_log_likelihood(flat, decoded, at_mean).mean()
refuses(wrong, closed, tol=1e-8, name="z = m instead of draws")

# %% after: (7.11) flow and VAE, same bits
wrong = bits_per_dim(library.log_normal(z), 784)
refuses(wrong, bits, tol=1e-8, name="log-determinant forgotten")

# %% after: what a wide q costs, bits/dim
without = 10 * (1.5**2 - math.log(1.5**2)) / (784 * math.log(2))
refuses(lost.mean(), without, error=error, name="the KL's −1 forgotten")

# %% after: (7.17) encoder, K = 4 to 16
refuses(tried[16][0], 0.0, error=error, name="no signal at all")

# %% after: warmed up or not: the same end
refuses(both[0], cold, tol=1e-4, name="what β = 0.1 kept alive stays alive")

# %% after: (7.7) the exchange rate at β = 2
refuses(slope, 1.0, tol=1e-4, name="“a nat for a nat”, at any β")
