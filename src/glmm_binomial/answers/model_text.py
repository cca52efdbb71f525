"""A model in one line, in the notation of a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glmm_binomial.estimation.fitted_model import GLMM


def model_text(model: GLMM) -> str:
    """The formula as typed; of a model of ranges, the one that says the same, y ~ x1 + (1 + random_x1 || groups)."""
    if model.coding is not None:
        return model.coding.formula
    observations = model.observations
    response = "y / trials" if observations.trials_given else "y"
    fixed = " + ".join([*([] if observations.options.fit_intercept else ["0"]), *observations.x_names]) or "1"
    slopes = observations.random_names
    random = f"(1 + {' + '.join(slopes)} || groups)" if slopes else "(1 | groups)"
    return f"{response} ~ {fixed} + {random}"
