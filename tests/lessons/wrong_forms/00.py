# %% after: (0.3) σ/√n
refuses(scatter[2], sigma, error=error, name="σ: the scatter of one draw")
