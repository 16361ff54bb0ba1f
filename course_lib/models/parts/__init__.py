"""What families share: networks, losses, likelihoods, conditions, averages; no model by itself."""
