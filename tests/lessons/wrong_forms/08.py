# %% after: (8.2) V at D*
pooled = js((p_c * p_x).sum(0), (p_c * g_x).sum(0))
refuses(value, -math.log(4) + 2 * pooled, name="JS of all images, whatever the class")
refuses(value, -math.log(4) + 2 * per_class.mean(), name="every class counted alike")

# %% after: (8.3) how far the left side ever exceeds the right
refuses(js(sure.mean(0), swapped.mean(0)), math.log(2), name="an untold D notices")

# %% after: (8.4) a perfect G, other labels
refuses(value_of_pairs(D, real, fake), -math.log(4), name="−log 4, as with equal labels")

# %% after: (8.5) between classes
only_added = (u[:, :1] - u[0, :1]).expand_as(logit)
refuses(logit - logit[0], only_added, tol=1e-8, name="the label added to a linear last layer")

# %% after: (8.6) both parts
refuses(-(fakes * C.log()).sum(), apart, name="the mean KL alone, without H(c|x)")

# %% after: (8.9) E log p(x|c) − E log p(x) = H(c) − H(c|x)
refuses(gain, entropy, name="the whole H(c), although classes overlap")

# %% after: (8.10) I(x; z) + KL(q(z) ‖ p(z))
refuses(apart - told, mean_kl, name="the sign of I turned")

# %% after: (8.11) all alike
refuses(told_by(0.5, 20.0), kl_far, name="the KL taken for what a code tells")

# %% after: (8.12) I(x; z), estimated from 1500 images
refuses(found.mean(), mean_kl, error=error, name="the mean KL")

# %% after: (8.13) I(x; z|c) + I(z; c) + KL(q(z) ‖ p)
refuses(leak, told, error=error, name="what a code tells of its image, taken for it")

# %% after: (8.14) V(D*) and JS(p(z), q(z))
refuses(value, -math.log(4) + apart, name="V(D*) as a KL")

# %% after: (8.16) mean T under q: the Gaussian KL
value, error = found["told x"].mean(), errors["told x"]
refuses(value, aggregated, error=error, name="KL(q(z) ‖ p(z)), the AAE's")
refuses(-value, mean_kl, error=error, name="T with its classes exchanged")

# %% after: (8.18) a T that lags
refuses(reported, kl_divergence(new, prior) - kl_divergence(old, new), name="KL(q₀ ‖ q)")

# %% after: (8.19) what T learns: entropy missing to a Gaussian's
shifted = Normal(mean + 0.1, r.stddev)
refuses(not_gaussian + kl_divergence(shifted, prior), whole, name="an r without q's moments")

# %% after: (8.10) I(x; z) + KL(q(z) ‖ p(z))
refuses(apart, mean_kl, name="KL(q(z) ‖ p(z)) taken for the VAE's KL")
