# %% after: (3.1) over all subsets
refuses((p - q).abs().max(), largest, name="the largest single class")

# %% after: (3.2) the floor
refuses(2 * scores.mean(), exact, error=error, name="the half forgotten")

# %% after: (3.3) 500 and 1000
refuses(per_draw * (1 / (n + 1000)) ** 0.5, counted, tol=1e-3, name="1/(N + M)")

# %% after: (3.4) modes in 60 samples
once = (1 - (1 - shares) ** 60).sum()
refuses(once, expected_modes(60), error=error, name="one sample covers a class")

# %% after: (3.5)
refuses(means + a.variance + b.variance, moved, tol=1e-3, name="a random plan's cost")
refuses((a.mean - b.mean).abs() + (a.stddev - b.stddev) ** 2, moved, tol=1e-3, name="|Δμ|")

# %% after: (3.6) the plan arrives
entries = (cov_a + cov_b - 2 * (cov_a @ cov_b).clamp(min=0).sqrt()).trace()
refuses(entries, fd, name="the root entry by entry")

# %% after: (3.7) N = 10, σ = 1
refuses(2 / n, found.mean(), error=error, name="the bias of the means alone")

# %% after: (3.10) by quadrature
refuses((gap**2).sum(), kid_exact, tol=1e-4, name="without the binomial weights")
refuses(gap[:2] @ gap[:2] * 3, kid_exact, tol=1e-4, name="mean and variance only")

# %% after: (3.13)
refuses(precision(x, y, 4), found.precision, tol=1e-4, name="oneself as a neighbour")
refuses(precision(x, y, 5), found.recall, tol=1e-4, name="the parts not exchanged")

# %% after: draws = [evaluation.prdc(random(n, dims)
alone = manifold.expected_coverage(n, n, k=1)
refuses(alone, draws.mean(), error=error, name="k = 1")

# %% after: (3.16) half of them recited
refuses(found.share, 0.5, error=found.error, name="half recited looks like none")

# %% after: the library's sharpness
refuses(0.1**2, gain.mean(), error=error, name="σ² as it is")

# %% after: (3.19) the two shares add up
refuses((y - y.flip(3)).square().sum((1, 2, 3)) + parts[0], total, name="the half forgotten")

# %% after: a straight face
turned = data.faces.render({**data.faces.neutral(), "turn": 1.0}, 32)
refuses(evaluation.asymmetry(turned), 0.0, tol=1e-3, name="a turned one is as symmetric")

# %% after: (3.3) 500 and 1000
refuses(per_draw * (1 / n) ** 0.5, counted, tol=5e-4, name="the real ones taken as known")

# %% after: moved by (3, 4, 0)
variances = (wide.diag().sqrt() - tilted.diag().sqrt()).square().sum()
refuses(variances, 1.0, name="the tilted one by its variances alone")

# %% after: (3.7) N = 10, σ = 1
refuses(0.0, found.mean(), error=error, name="equal distributions, so 0")

# %% after: (3.18) at 4,096 frequencies
refuses((-2 * math.pi**2 * s**2 * squared).exp(), lost, tol=1e-4, name="amplitude for power")
