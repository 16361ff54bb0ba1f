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
