# %% after: (4.2) size after a convolution
forgotten = [(i + 2 * p - k) // s for i, k, s, p in cases]
refuses(torch.tensor(forgotten), torch.tensor(sizes), name="the first place not counted")

# %% after: 'deconvolution' as the inverse
refuses(C.T @ C, torch.eye(36, dtype=torch.float64), name="CᵀC = identity")

# %% after: (4.4) gradient of a convolution
other = F.conv_transpose2d(y, kernel.flip(2, 3), stride=2, padding=1)
refuses(slope, other, name="the gradient with a turned kernel")

# %% after: conv_transpose2d is Cᵀ
other = F.conv_transpose2d(y, kernel.flip(2, 3), stride=2, padding=1)
refuses((x * other).sum(), (conv(x) * y).sum(), name="adjoint with a turned kernel")

# %% after: (4.6) zeros between, zeros around, turned kernel
refuses(F.conv2d(F.pad(y, [3] * 4), kernel.flip(2, 3)), transposed(y), name="zeros around only")

# %% after: (4.13) size and shift
refuses(exact(-h).detach(), exact(h).detach(), tol=1e-6, name="the sign too")

# %% after: a from [.7, 1.2], in the mean
refuses(drawn.mean(0), D - 1.2, error=error, name="as bad as a = 1.2")

# %% after: G's multiply–adds by hand
padded = 16 * up[0] * up[1] + sum((4 * i) ** 2 * a * b for i, (a, b) in steps)
refuses(macs_G, padded, name="four products an axis at the border too")

# %% after: with k = 1 G runs forward once a round
refuses(of_D, 2, name="D's pass in G's move forgotten")

# %% after: (4.20) slope at d
refuses(least_change(b, others, 0.0), held, name="the slope alone holds them")
(slope,) = torch.autograd.grad(gain(d, b, others, 20.0), d)
refuses(slope, 0.0, name="d for μ = 2, where μ is 20")

# %% after: 'deconvolution' as the inverse: Cᵀ(Cx) = x
rank = torch.linalg.matrix_rank(C)
best = torch.linalg.pinv(C) @ C @ x.flatten()  # the nearest that any linear map can come
refuses(best, x.flatten(), name=f"even the pseudo-inverse (C has rank {rank} of 36)")

# %% after: (4.10) a bias before batch norm is undone
(without,) = torch.autograd.grad(((h + b.view(1, 3, 1, 1)) * weight).sum(), b)
refuses(without, 0, name="the same without batch norm")

# %% after: (4.16) a = .9
refuses(free.sigmoid().detach(), p / (p + q), tol=1e-3, name="D* as without smoothing")
