"""The certified data sets, by the name the tests know them by, and the folders of the reference values."""

from pathlib import Path

from glmm_binomial.certified import FOLDER as CERTIFIED
from glmm_binomial.certified import bacteria, cbpp, contraception, expanded, vegetables

REFERENCE = Path(__file__).parent / "reference"
"""Values computed with R."""

__all__ = ["CERTIFIED", "REFERENCE", "bacteria", "cbpp", "contraception", "expanded", "vegetables"]
