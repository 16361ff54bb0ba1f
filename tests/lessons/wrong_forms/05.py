# %% after: (5.1) |λ|
refuses(stretch, 1 + eta**2, name="the root forgotten")

# %% after: (5.2) det M
refuses(M.T @ form.inverse() @ M, form.inverse(), tol=1e-6, name="+ηxy in the form")
refuses(modulus(one_round(2.1).double())[-1], 1.0, tol=1e-6, name="bounded beyond η = 2")

# %% after: β = 0, alternating
refuses(back, 1.0, tol=1e-3, name="β = −.5 no better than none")

# %% after: (5.8) real parts
refuses(values.imag.abs(), 1.0, name="f′(0) = 1")

# %% after: order = torch.view_as_real(found)
refuses(eigenvalues(0.3).real, -0.3, name="−γ for −γ/2")

# %% after: (5.10) the slow eigenvalue
refuses(slow, -gamma / 2, tol=1e-5, name="as with one time scale")

# %% after: R1 comes home
circling = dirac("WGAN-GP", 4000, penalty=0.5)[-50:, 0].abs().max()
refuses(circling, 2 * 0.5, tol=1e-2, name="λ = .5 stops at all")

# %% after: (5.13) the best critic's gap
refuses(totals.sort().values[1], w1, tol=1e-4, name="the second-best matching")
refuses(2 * (f[:7].mean() - f[7:].mean()), w1, name="a critic of slope 2")

# %% after: (5.15) sees the steep two thirds
refuses(per_batch.std(), per_pair.std(), tol=0.1, name="one ε for the batch as precise")

# %% after: (5.17) aligned: reached
refuses(torch.maximum(norm(A), norm(B)), norm(aligned @ A), name="the largest layer bounds it")

# %% after: (5.18) against svd
refuses(largest_singular_value(W, v, 3000) ** 2, norm(W), tol=1e-6, name="σ² of WᵀW")

# %% after: (5.20) f* by search
refuses((p / q).log(), (p - q).sign(), tol=1e-3, name="the GAN's log p/q")

# %% after: (5.3) continuous time is a rotation
refuses(at_once, turn, tol=1e-3, name="one Euler step is the flow")

# %% after: (5.2) det M
refuses(M.T @ M, torch.eye(2).double(), tol=1e-6, name="the radius is kept")

# %% after: β = 0, alternating
refuses(slow, 1.0, tol=1e-3, name="β = .5 no worse than none")

# %% after: (5.6) sum of the weights
naive = torch.zeros((), dtype=torch.float64)  # begins at the untrained weight 0
for place in places:
    naive = 0.999 * naive + 0.001 * place
refuses(naive, (shares * places).sum() / shares.sum(), tol=1e-3, name="started at w₀")

# %% after: R1 comes home
refuses(dirac("WGAN, clipped")[-50:, 0].abs().max(), 0.0, tol=1e-2, name="clipping converges")

# %% after: (5.12) area between F and G
refuses((x.mean() - y.mean()).abs(), area, tol=1e-3, name="the distance of the means")

# %% after: (5.15) yours, the library's
fixed = critics.gradient_penalty(net, real, fake, torch.ones_like(epsilon))
refuses(fixed, library, tol=1e-6, name="ε fixed at 1")

# %% after: (5.16) best slope, λ =
for weight in (1.0, 10.0):
    found = steepness[torch.stack([payoff(s, weight) for s in steepness]).argmax()]
    refuses(found, 1.0, tol=5e-3, name="a penalised critic of slope one")

# %% after: (5.19) cutting patches: 4/2
refuses(norm(small), norm(operator), tol=1e-3, name="the small matrix is the operator")
