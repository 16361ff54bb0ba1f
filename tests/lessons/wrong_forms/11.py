# %% after: (11.1) what stays
wrong = b * z + (1 - b) * (z * (-s).exp() - t)
refuses(wrong, x, name="unscaled first, t taken off last")

# %% after: (11.3) against autograd, 50 points
refuses((b * s).sum(-1), exact, name="the mask turned round")
refuses(((1 - b) * s).mean(-1), exact, name="the mean instead of the sum")

# %% after: (11.4) the product, the last coupling on the left
at_x = [jacobian(lambda v, b=b: coupling(v, b), x[0]) for b in turned]
refuses(at_x[2] @ at_x[1] @ at_x[0], whole, name="every Jacobian taken at x itself")

# %% after: (11.4) zeros after three alternating couplings
refuses(b * stack(x, turned), b * x, name="alternating: they do")

# %% after: (11.8) 20 images
refuses(parts - log_det_2, whole, name="log |det f₂| forgotten")

# %% after: (11.9) there and back
refuses(log_normal(z) - exact, reference, tol=1e-8, name="log |det| subtracted")

# %% after: area under p(x)
without = torch.trapezoid(wide.log_prob(y).exp(), dx=1e-5)
refuses(without, expected, tol=1e-6, name="the logit's Jacobian forgotten")

# %% after: (11.11) 100 digits
refuses(y.sigmoid(), x, name="α not undone")

# %% after: (11.12) and the levels' code
in_nats = math.log(2) * bits_per_dim(log_p, D)
refuses(in_nats, code_length, tol=2e-3, name="nats taken for bits")
padded = bits_per_dim(log_p + 240 * math.log(256), 1024)  # a margin that a model knows by heart
refuses(padded, code_length, tol=2e-3, name="D = 32 × 32, padding counted")

# %% after: (11.13) 2 000 digits
refuses(bits_per_dim(log_P, 784), by_hand, tol=1e-6, name="log 256 counted twice")

# %% after: right noise: the levels' entropy
refuses(noises["twice divided"], entropy, tol=2e-3, name="(k/255 + u)/256")

# %% after: (11.15) α = .05, bits a black pixel
refuses(value, 0.0, tol=2e-3, name="“uniform noise costs nothing”")

# %% after: α = 1e-6, μ = −4, σ = 1
refuses(price(*black(0.05, *shaped)), 0, tol=0.02, name="the same noise, α = .05")
refuses(price(*black(1e-6, *uniform)), 0, tol=0.02, name="the same α, uniform noise")

# %% after: (11.16) K = 1 is (11.12)
sums = rows[64].mean() + math.log(64)
refuses(sums, log_P, tol=2e-3, name="a sum over draws instead of their mean")

# %% after: sum of 784 logs
refuses(slopes.prod().log(), 784 * math.log(0.1), tol=1e-2, name="log of the product")
alone = norm.train()(batch[:2])[0]
refuses(alone, z[:2], name="the same two images in another batch")

# %% after: after the first batch: mean of each channel
other = norm(3 * batch)[0].transpose(0, 1).flatten(1)
refuses(other.std(1), 1.0, name="“it normalises every batch”")
refuses(norm(batch)[1] / 4, exact.expand(len(batch)), name="positions not counted")

# %% after: (11.19) 20 images, T = .7
power = log_p / T**2
shift = (power - cooled).mean()  # the best normaliser cannot help
refuses(power - shift, cooled, name="p(x) to the power 1/T²")

# %% after: (11.4) zeros after three alternating couplings
refuses(zeros([b, b, b]), 0, name="three couplings with the same mask")

# %% after: (11.9) log |det| of the whole model
with torch.no_grad():
    without_logit = small.flow(small.logit(x)[0])[1]
refuses(without_logit, exact, tol=1e-8, name="the logit's part left out")

# %% after: {name} noise: above log P(0) by
without_q = mean(p_y.log_prob(y) + log_slope - noise[1])
refuses((without_q - log_P).clamp(min=0), 0, name="−log q left out")

# %% after: sum of 784 logs
fresh = BatchNorm(3).double()  # after a single batch
z, _ = fresh.train()(batch)
back = fresh.eval().inverse(z)
refuses(back, batch, name="training mode forward, evaluation mode back")
