# %% after: name="log p(x)")
wrong = Normal(number(0.0), w + s).log_prob(x)
refuses(wrong, log_p, name="standard deviations added instead of variances")
