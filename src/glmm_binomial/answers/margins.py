"""A fitted model -> Margins: the average effect of each variable on the probability, and how many must be treated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.margin_rows import moved, setting, standardised_slopes, variables_of
from glmm_binomial.answers.mean_probabilities import mean_probabilities
from glmm_binomial.answers.notices import about_raw_sds
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.t_tests import about_few_groups
from glmm_binomial.formula.words import quoted
from glmm_binomial.observations.cells import reject
from glmm_binomial.observations.names import parameter_names
from glmm_binomial.observations.products import exclusive_columns, products_in
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.answers.inference import Inference
    from glmm_binomial.answers.margin_rows import Variables
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.formula.reference_grid import Axis
    from glmm_binomial.observations import Observations
    from glmm_binomial.observations.products import Product

MARGINS_HEADER: Final = (
    "variable",
    "change",
    "risk_difference",
    "ci_lower",
    "ci_upper",
    "p_value",
    "risk_ratio",
    "ratio_lower",
    "ratio_upper",
    "number_needed",
)
ABOUT: Final = "averages over the rows and over the population of groups; slopes per unit for numbers"

STEP: Final = 1e-3
"""Of a difference in the place of a derivative, in the largest change of a standardised column: 1e-6 is left."""

LARGEST_NUMBER_NEEDED: Final = 1e9
"""More than there are people."""

MOST_COLUMNS: Final = 200
"""Columns of x among which products can be sought."""


@dataclass(frozen=True, slots=True)
class Margin:
    """The average effect of one change of one variable.

    Attributes
    ----------
    variable : str
    change : str
        Such as "control to treat"; "+1" of a column of numbers.
    risk_difference, ci_lower, ci_upper : float
        Of the mean probability; for a column of numbers its mean slope per unit.
    p_value : float
        Of no difference; NaN where there is no uncertainty.
    risk_ratio, ratio_lower, ratio_upper : float or None
        Of mean probabilities; for a column of numbers of that one unit higher over that as it is; None where the
        formula has no number there.
    number_needed : str or None
        How many must be changed for one success more or less; None for a slope.
    """

    variable: str
    change: str
    risk_difference: float
    ci_lower: float
    ci_upper: float
    p_value: float
    risk_ratio: float | None
    ratio_lower: float | None
    ratio_upper: float | None
    number_needed: str | None


@dataclass(frozen=True, slots=True)
class Margins(Tabular):
    """Average effects.

    Attributes
    ----------
    effects : tuple of Margin
    alpha : float
    notices : tuple of str
        What a reader must be warned of.
    """

    effects: tuple[Margin, ...]
    alpha: float
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """A header row that ends with what the effects are, one row for each of them, and one for each warning."""
        return [
            (*MARGINS_HEADER, ABOUT),
            *([getattr(effect, name) for name in MARGINS_HEADER] for effect in self.effects),
            *(("warning", notice) for notice in self.notices),
        ]


def margins(model: GLMM, columns: object = None) -> Margins:
    """The average effect of each variable on the probability of success.

    With A(v) = mean over the rows of E expit(x'b + offset + z'u), u ~ N(0, Sigma), all rows given the value v of the
    variable and otherwise left as they are (Lane & Nelder 1982, Biometrics 38(3)):

        levels, two values    A(level) - A(reference) and A(level) / A(reference)
        numbers               the mean of d/dv E expit(x'b + z'u) and A(v + 1) / A(v)

    A row counts as often as it has trials, so counts and the same data as rows of 0 and 1 give the same. Under "vb"
    differences and logarithms of ratios are computed for the draws of the exact posterior; otherwise by the delta
    method from the joint covariance of coefficients and log SDs.

    Parameters
    ----------
    model : GLMM
    columns : str, or cells with names, optional
        Of variables: columns of the table of a formula, or of x; all of them unless given.

    Raises
    ------
    InvalidInputError
        When there is no variable of a name, or, in a model of ranges, a column that cannot change alone.
    """
    variables = variables_of(model)
    chosen = _chosen(variables, columns)
    if model.coding is None:
        _require_alone(model.observations, chosen)
    alpha = model.observations.options.alpha
    effects: list[Margin] = []
    notices = [*about_raw_sds(model.fit.method)]
    notices += about_few_groups(model.design, model.fit.method, _coefficients_of(model, chosen))
    if model.coding is None:
        notices += _about_exclusive(model.observations, chosen)
    for name in chosen:
        axis = variables.axis(name)
        if axis is not None:
            effects += _of_levels(model, variables, axis, alpha)
        elif variables.slopes(name).is_finite:
            effect = _of_numbers(model, variables, name, alpha)
            effects.append(effect)
            if effect.risk_ratio is None:
                notices.append(f"One unit above some values of {name} the formula has no number: no ratio is shown.")
        else:
            notices.append(f"{name} is left out: at some of its values the formula has no slope.")
    return Margins(effects=tuple(effects), alpha=alpha, notices=tuple(notices))


def _coefficients_of(model: GLMM, variables: Sequence[str]) -> NDArray[np.bool_]:
    """Which coefficients belong to columns that some variables take part in, (k,)."""
    if model.coding is None:
        columns = [name in variables for name in model.observations.x_names]
    else:
        terms = [term for term in model.coding.fixed.terms if set(term.variables) & set(variables)]
        taking_part = {column for term in terms for column in term.columns}
        columns = [place in taking_part for place in range(len(model.coding.fixed.columns))]
    return np.array([False] * model.design.scale.intercept + columns)


def _of_levels(model: GLMM, variables: Variables, axis: Axis, alpha: float) -> Iterator[Margin]:
    """Each level against the first."""
    scale = model.design.scale
    settings = [setting(scale, variables.at(axis.name, value), variables.weights) for value in axis.values]
    found = mean_probabilities(model.fit, settings)
    against_first = np.eye(len(settings))[1:]
    against_first[:, 0] = -1.0
    differences, ratios = found.combined(against_first, alpha), _exponentials(found.log_combined(against_first, alpha))
    for i, label in enumerate(axis.labels[1:]):
        difference, lower, upper = (
            float(each[i]) for each in (differences.estimates, differences.lower, differences.upper)
        )
        yield Margin(
            variable=axis.name,
            change=f"{axis.labels[0]} to {label}",
            risk_difference=difference,
            ci_lower=lower,
            ci_upper=upper,
            p_value=float(differences.p_values[i]),
            risk_ratio=float(ratios[0, i]),
            ratio_lower=float(ratios[1, i]),
            ratio_upper=float(ratios[2, i]),
            number_needed=number_needed(difference, lower, upper),
        )


def _of_numbers(model: GLMM, variables: Variables, name: str, alpha: float) -> Margin:
    """The mean slope, and the ratio for one unit."""
    scale = model.design.scale
    slopes = standardised_slopes(scale, variables.slopes(name))
    here = setting(scale, variables.shifted(name, 0.0), variables.weights)
    step = STEP / max(float(np.abs(each).max(initial=0.0)) for each in (slopes.x, slopes.x_random, slopes.offset))
    settings = [moved(here, slopes, side * step) for side in (1.0, -1.0)]
    higher = variables.shifted(name, 1.0)
    if higher.is_finite:
        settings += [setting(scale, higher, variables.weights), here]
    found = mean_probabilities(model.fit, settings)
    pair = np.zeros((2, len(settings)))
    pair[0, :2] = 0.5 / step, -0.5 / step
    pair[1, -2:] = 1.0, -1.0
    slope = found.combined(pair[:1], alpha)
    ratio, ratio_lower, ratio_upper = (
        _exponentials(found.log_combined(pair[1:], alpha))[:, 0].tolist() if higher.is_finite else (None,) * 3
    )
    return Margin(
        variable=name,
        change="+1",
        risk_difference=float(slope.estimates[0]),
        ci_lower=float(slope.lower[0]),
        ci_upper=float(slope.upper[0]),
        p_value=float(slope.p_values[0]),
        risk_ratio=ratio,
        ratio_lower=ratio_lower,
        ratio_upper=ratio_upper,
        number_needed=None,
    )


def _exponentials(logs: Inference) -> NDArray[np.float64]:
    """Estimates, lower and upper limits of ratios, (3, m)."""
    with np.errstate(over="ignore"):
        return np.exp(np.stack([logs.estimates, logs.lower, logs.upper]))


# how many must be treated --------------------------------------------------------------------------------------------


def number_needed(difference: float, lower: float, upper: float) -> str:
    """How many must be changed for one success more (NNTB) or one less (NNTH), with the interval, in words.

    The reciprocal of a difference and of its limits, rounded up. An interval that holds zero goes by way of infinity
    (Altman 1998, BMJ 317(7168)): NNTB 8 to infinity to NNTH 25.
    """
    if not all(map(math.isfinite, (difference, lower, upper))):
        return ""
    limits = (lower, upper) if difference < 0.0 else (upper, lower)
    # the limit nearer to the difference's own side first
    near, far = (_one(limit) for limit in limits)
    between = " to infinity to " if lower < 0.0 < upper else " to "
    if "infinity" in {near, far}:
        between = " to "
    return f"{_one(difference)} ({near}{between}{far})"


def _one(difference: float) -> str:
    if abs(difference) * LARGEST_NUMBER_NEEDED < 1.0:
        return "infinity"
    count = math.ceil(round(1.0 / abs(difference), 9))
    return f"{'NNTB' if difference > 0.0 else 'NNTH'} {count:,}"


# which variables -----------------------------------------------------------------------------------------------------


def _chosen(variables: Variables, columns: object) -> tuple[str, ...]:
    wanted = parameter_names(columns, argument="columns", of="names of variables of the model")
    for name in wanted:
        if name not in variables.names:
            reject(
                f"columns must be names of variables of the model. There is no {name}; there are "
                f"{', '.join(variables.names) or 'none'}."
            )
    if not variables.names:
        reject("columns must be names of variables of the model. It has none: there is no effect to average.")
    return tuple(name for name in dict.fromkeys(variables.names) if not wanted or name in wanted)


def _require_alone(observations: Observations, chosen: tuple[str, ...]) -> None:
    """Refuse columns that are products of others or go into one, since they cannot change alone."""
    names = observations.x_names
    twice = next((name for name in chosen if names.count(name) > 1), None)
    if twice is not None:
        reject(f"columns must be names that differ. {names.count(twice)} columns of x are called {twice}.")
    if len(names) > MOST_COLUMNS:
        reject(
            f"columns must be of an x of at most {MOST_COLUMNS} columns, among which products can be sought. x has "
            f"{len(names)}: ask a model of GLMM_BINOMIAL_FORMULA."
        )
    products = products_in(observations.x)
    bound = {i for each in products for i in (each.column, each.first, each.second)}
    stuck = next((name for name in chosen if names.index(name) in bound), None)
    if stuck is None:
        return
    product = next(p for p in products if names.index(stuck) in {p.column, p.first, p.second})
    free = [name for i, name in enumerate(names) if i not in bound]
    a, b = names[product.first], names[product.second]
    what = f"the square of {a}" if a == b else f"{a} times {b}"
    alone = f" Columns that change alone: {listed(free)}." if free else ""
    reject(
        f"columns must change alone. {names[product.column]} is {what}, shifted and scaled or not, so that a change of "
        f'one changes the other. Fit a table by GLMM_BINOMIAL_FORMULA, as in "{_formula(names, products)}", and ask '
        f"that model.{alone}"
    )


def _formula(names: tuple[str, ...], products: tuple[Product, ...]) -> str:
    """The formula that says of products what they are."""
    made: dict[int, Product] = {}
    for each in products:
        # with columns of -1 and 1 each of a, b and ab is the product of the other two
        factors = {i for other in made.values() for i in (other.first, other.second)}
        if each.column not in made and each.column not in factors:
            made[each.column] = each

    def written(i: int) -> str:
        return f"{written(made[i].first)}:{written(made[i].second)}" if i in made else quoted(names[i])

    crossed = dict.fromkeys(
        (each.first, each.second)
        for each in made.values()
        if each.first != each.second and not {each.first, each.second} & made.keys()
    )
    terms = [quoted(name) for i, name in enumerate(names) if i not in made and not any(i in pair for pair in crossed)]
    terms += [f"{written(a)} * {written(b)}" for a, b in crossed]
    for each in made.values():
        if each.first == each.second:
            terms.append(f"I({written(each.first)}^2)")
        elif (each.first, each.second) not in crossed:
            terms.append(f"{written(each.first)}:{written(each.second)}")
    return f"y ~ {' + '.join(terms)} + (1 | groups)"


def _about_exclusive(observations: Observations, chosen: tuple[str, ...]) -> Iterator[str]:
    names = observations.x_names
    for positions in exclusive_columns(observations.x):
        together = [names[i] for i in positions]
        if set(together) & set(chosen):
            yield (
                f"{listed(together)} are never 1 in the same row, as columns for the levels of one factor are. Each is "
                "changed here with the others left as they are; if they are one factor, fit its column of text, or "
                "C() of its numbers, by GLMM_BINOMIAL_FORMULA."
            )
