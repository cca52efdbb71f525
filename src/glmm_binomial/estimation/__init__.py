"""How a model is fitted: starts, variational approximation, marginal likelihood, exact posterior, profiles."""
