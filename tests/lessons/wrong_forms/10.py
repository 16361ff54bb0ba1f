# %% after: (10.5) at 20 points
elsewhere = torch.stack([jacobian(unbend, v).det().abs().log() for v in x])
refuses(there, -elsewhere, name="∂g/∂z taken at x instead of at f(x)")

# %% after: q(z) = p(ε)|det ∂ε/∂z|: a strip
wrong = (q_printed * right_half * cell).sum() / (q_printed * cell).sum()
refuses(share, wrong, error=error, name="as printed, even when divided by its mass")

# %% after: sum of 784 logs
refuses(diagonal.prod().log(), 784 * math.log(0.5), tol=1e-2, name="log of the product")

# %% after: (10.7) seven layers, 20 points
refuses(each[-1], exact, tol=1e-8, name="the last layer's alone")

# %% after: (10.9) KL in z and in x
log_p_0 = standard.log_prob(z_line)
other = torch.trapezoid(log_p_0.exp() * (log_p_0 - log_p_f), z_line)
refuses(other, in_x, tol=1e-6, name="KL(N ‖ p_f), the other way round")

# %% after: (10.14) nothing above the diagonal
refuses(s.mean(1), exact, tol=1e-8, name="the mean of s")
refuses(-s.sum(1), exact, tol=1e-8, name="the inverse's sign")

# %% after: (10.17) the first
refuses(passes_back(maf, z_maf, 1), x_maf, name="undone in one pass, as a coupling is")
s, t = maf(z_maf)
refuses((z_maf - t) * (-s).exp(), x_maf, name="the network is shown z in place of x")

# %% after: (10.19) how far 80 bounds get above log P(k)
narrow = bumps(0.12, at=0.25)
half = narrow.log_prob(levels[:, None] + u / 2).mean(1)
refuses((half - cells(narrow)[0]).clamp(min=0), 0.0, name="noise on [0, ½) only")

# %% after: (10.21) against the levels' probabilities
once = (math.log(256) - log_p) / (D * math.log(2))
refuses(once, code_length, tol=2e-3, name="log 256 once, not D times")
refuses(bits * math.log(2), code_length, tol=2e-3, name="nats taken for bits")

# %% after: (10.3) area
refuses(area, A[0, 0] * A[1, 1], error=error, name="product of the diagonal")

# %% after: (10.4) for a matrix
refuses(log_normal - log_det, truth, name="the determinant of z → x")

# %% after: (10.4) for a bent map integrates to
refuses((bent.exp() * cell).sum(), 1.0, tol=1e-3, name="no determinant")
refuses(((bent - log_det).exp() * cell).sum(), 1.0, tol=1e-3, name="sign turned")

# %% after: (10.10) in 50 dimensions
refuses((1 + u * v).prod(), matrix.det(), tol=1e-8, name="product of the diagonal")

# %% after: refuses(mass(flows["realnvp"], sign=0.0), 1.0, tol=1e-3, name="no log-determinant")
refuses(mass(flows["realnvp"], sign=-1.0), 1.0, tol=1e-3, name="sign turned")

# %% after: (10.20) the gap in four cells
log_inside = density.log_prob(levels[:, None] + u) - log_P[:, None]  # log p(u|k)
reverse = (log_inside.exp() * log_inside).mean(1)
refuses(reverse, gap, tol=1e-6, name="KL(p(u|k) ‖ U), the other way round")

# %% after: eq. (7): mass of a quadrant
refuses(shares[1].mean(), 0.25, error=error, name="the same with + t outside")

# %% after: (10.1) integrates to
refuses(at_f * line, by_torch, name="the slope of g instead of that of f")

# %% after: share of draws in (1, 2)
wrong = torch.trapezoid(at_f[between], line[between])
refuses(share, wrong, error=error, name="the same without the slope")
