"""The certified data sets, by the name the tests know them by."""

from glmm_binomial.certified import bacteria, cbpp, contraception, expanded, vegetables

__all__ = ["bacteria", "cbpp", "contraception", "expanded", "vegetables"]
