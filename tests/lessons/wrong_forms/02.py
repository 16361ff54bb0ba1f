# %% after: (2.3) (1/m) log L → V
refuses(terms.mean() / 2, value, error=error, name="divided by all 2m examples")

# %% after: (2.5) trained D
refuses(torch.sigmoid(-log_ratio)[seen], torch.sigmoid(learned)[seen], tol=0.08, name="swapped")

# %% after: (2.6) V(D*, G)"
refuses(-math.log(2) + 2 * js(p, q), at_best, name="−log 2 + 2 JS")

# %% after: (2.6) V(D*, G)"
refuses(math.log(4) + 2 * js(p, q), at_best, name="+log 4 + 2 JS")

# %% after: (2.6) for densities
refuses(-math.log(4) + js_1d, best_value, tol=1e-9, name="−log 4 + JS")

# %% after: (2.8) V at any D
turned = ((p + q) * distributions.kl_divergence(coin, coin_best)).sum(-1)
refuses(bound - turned, value_of(D, p, q), name="the KL the other way round")

# %% after: (2.10) slope of log(1 − D)
refuses(-ns_slope, -(1 - D_fake), tol=1e-8, name="the sign lost: G would help D")

# %% after: (2.11) non-saturating
refuses(gradient(reverse + two_js), ns_gradient, tol=1e-6, name="KL(g ‖ data) + 2 JS")
forward = integrate(log_d.exp() * (log_d - log_g))
refuses(gradient(forward - two_js), ns_gradient, tol=1e-6, name="KL(data ‖ g) − 2 JS")

# %% after: (2.11) non-saturating
refuses(reverse, to_middle, tol=1e-6, name="the reverse KL itself")

# %% after: slope from the logit
refuses(loss_and_slope(30.0, 0.0, trap=True)[0], 30, tol=1e-5, name="the clamp at 100")

# %% after: after D's move G is as it was
refuses(weights(D), before_D, tol=1e-12, name="D too")

# %% after: (2.14) growth of the radius
refuses(factors, 1 + eta**2, name="the square root forgotten")

# %% after: (2.15) kept over 1000 rounds
refuses(x_path**2 + y_path**2 + eta * x_path * y_path, kept[0], name="the sign turned")

# %% after: (2.3) (1/m) log L → V
literal = integrate(p_data * (-F.softplus(-some_logit(x)) - F.softplus(some_logit(x))))
refuses(literal, value, tol=1e-6, name="E02: D(x) in the second term")
