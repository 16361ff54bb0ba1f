# %% after: name="log p(x)")
wrong = Normal(number(0.0), w + s).log_prob(x)
refuses(wrong, log_p, name="standard deviations added instead of variances")

# %% after: mean log-joint + entropy of q
refuses(energy, definition, name="the entropy left out")

# %% after: share of draws in [m, m + σ]
wrong = integrate(p_of_noise * inside)
refuses(share, wrong, error=error, name="the same with q(z) = p(ε)")

# %% after: (6.8) in two dimensions
refuses(log_noise, truth, name="the determinant left out")
refuses(log_noise - log_det, truth, name="∂z/∂ε instead of ∂ε/∂z")

# %% after: your objective is the library's
wrong = terms["reconstruction"]
refuses(wrong, reference, tol=1e-3, name="reconstruction alone")

# %% after: (6.11) means of both estimators
for q in (Normal(number(0.2), number(0.4)), Normal(posterior.mean, number(0.05))):
    found, reference = both_estimators(q, draw(q, n)), closed_elbo(q.mean, q.stddev)
    error = standard_error(found)
    wrong = found[1].mean() + 2 * kl_divergence(q, prior)
    refuses(wrong, reference, error=error[1], name="KL added in the second")

# %% after: (6.14) one digit
rounded = library.bernoulli_log_likelihood(images[0].flatten().round(), logits)
refuses(rounded, grey, error=error, name="pixels rounded instead of drawn")

# %% after: (6.15) for 2 000 digits
wrong = -squares / 0.3**2
refuses(wrong, reference, tol=1e-6, name="½ and normaliser dropped")
