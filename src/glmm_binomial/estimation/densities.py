"""What the log posterior of some rows is computed by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glmm_binomial.estimation.crossed_posterior import CrossedLogPosterior
from glmm_binomial.estimation.log_posterior import LogPosterior
from glmm_binomial.estimation.nested_posterior import NestedLogPosterior

if TYPE_CHECKING:
    from glmm_binomial.model.rows import Rows


def density_of(rows: Rows) -> type[LogPosterior]:
    """By the kind of their groups."""
    if rows.crossed is not None:
        return CrossedLogPosterior
    return LogPosterior if rows.upper is None else NestedLogPosterior
