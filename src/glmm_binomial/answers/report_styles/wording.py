"""A model in words: its response, its groups, its predictors, and how it was fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glmm_binomial.formula.factors import Levels
from glmm_binomial.model.design import INTERCEPT
from glmm_binomial.observations.wording import effect_in_words

if TYPE_CHECKING:
    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.formula.expansion import CodedColumn, CodedTerms


def outcome_of(model: GLMM) -> str:
    """What is counted: the name of the outcome, or of the number of successes."""
    return "y" if model.coding is None else model.coding.response.parts[0][0]


def success_of(model: GLMM) -> str:
    """A success, such as y = 1."""
    if model.observations.trials_given:
        return f"a success ({outcome_of(model)})"
    success = None if model.coding is None else model.coding.response.success
    return f"{outcome_of(model)} = {'1' if success is None else success}"


def groups_of(model: GLMM) -> str:
    """Groups, and what they are called: groups (id)."""
    name = model.observations.group_name
    return f"groups ({name})" if name else "groups"


def levels_of(model: GLMM) -> list[tuple[str, int]]:
    """The groups in words, and how many there are; of nested ones those above first."""
    observations = model.observations
    own = (groups_of(model), len(observations.group_labels))
    above, crossed = observations.above, observations.crossed
    if above is not None:
        return [(f"groups ({above.name})", len(above.labels)), own]
    return [own] if crossed is None else [own, (f"groups ({crossed.name})", len(crossed.labels))]


def icc_of(estimates: Estimates) -> list[tuple[str, float]]:
    """Intraclass correlations and their names."""
    if estimates.icc is None:
        return []
    if not estimates.kinds:
        return [("intraclass correlation", estimates.icc)]
    return [(f"intraclass correlation within {kind.name}", kind.icc) for kind in estimates.kinds]


def predictors_of(model: GLMM) -> tuple[str, ...]:
    """Each coefficient's column in words: trt (treat against control), dose (per unit)."""
    x_names = model.observations.x_names
    columns = x_names if model.coding is None else tuple(_in_words(model.coding.fixed, c) for c in _columns(model))
    return (INTERCEPT, *columns) if model.design.scale.intercept else columns


def _columns(model: GLMM) -> tuple[CodedColumn, ...]:
    return () if model.coding is None else model.coding.fixed.columns


def _in_words(terms: CodedTerms, column: CodedColumn) -> str:
    parts = []
    for part in column.parts:
        factor = terms.factors[part.factor]
        if isinstance(factor, Levels) and part.place is not None:
            against = f" against {factor.labels[0]}" if part.place and terms.intercept else ""
            parts.append(f"{factor.name} ({factor.labels[part.place]}{against})")
        else:
            parts.append(factor.name if part.place is None else f"{factor.name} [{part.place + 1}]")
    return " \N{MULTIPLICATION SIGN} ".join(parts)


def has_products(model: GLMM) -> bool:
    """Whether a column is the product of others."""
    return any(len(column.parts) > 1 for column in _columns(model))


def effects_of(estimates: Estimates) -> list[str]:
    """The random effects: intercept, slope of day."""
    return [effect_in_words(name) for name in estimates.random_names]


def method_of(estimates: Estimates) -> str:
    """How the model was fitted, after "by"."""
    match estimates.nodes:
        case None:
            integration = "Laplace's approximation"
        case 0:
            integration = "no group differs"
        case nodes:
            integration = f"adaptive quadrature, {nodes} nodes"
    if estimates.laplace_over and estimates.method == "ml":
        integration = f"{integration}, and Laplace's approximation over {estimates.laplace_over}"
    match estimates.method:
        case "ml":
            return f"maximum likelihood ({integration})"
        case "vb":
            return f'the exact posterior under weak priors (method "vb"; {integration})'
        case "mean-field":
            return 'the mean-field variational approximation (method "mean-field")'
