"""The style "R": code for lme4, or for GLMMadaptive where lme4 has no quadrature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.report_styles.digits import DIGITS, Promise, promised, saturated_log_likelihood
from glmm_binomial.answers.report_styles.languages import FUNCTIONS, Language, comment, number
from glmm_binomial.answers.report_styles.r_terms import curve_in_r, r_terms
from glmm_binomial.answers.report_styles.refit import (
    FILE,
    ColumnOfCurve,
    Names,
    about,
    about_laplace,
    arranged,
    by_laplace,
    is_padded,
    refit_of,
)
from glmm_binomial.answers.report_styles.reread import (
    TRUTH_VALUES_OF_R,
    factors_like_truth_values,
    factors_of,
    numbers_read,
)
from glmm_binomial.formula.expressions import Arithmetic, ColumnOfNumbers
from glmm_binomial.formula.groups import JOINT
from glmm_binomial.formula.words import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.answers.report_styles.r_terms import RTerms
    from glmm_binomial.answers.report_styles.refit import Refit
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.formula.factors import Levels

TIGHT: Final = 'glmerControl(optimizer = "bobyqa", tolPwrss = 1e-10)'
TIGHT_GLMMADAPTIVE: Final = "list(iter_EM = 0, update_GH_every = 1, tol1 = 1e-6, tol2 = 1e-8, tol3 = 1e-12)"
"""Searches of the two packages that go on until the digits no longer change."""

FEWER_DIGITS: Final = 2
"""Of standard errors, that are right where GLMMadaptive searches, and where lme4's inner loop ends under Laplace."""

NAME_OF_INTERCEPT: Final = "(Intercept)"


def text_in_r(text: str) -> str:
    """A text in R's quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _column_of_curve(column: ColumnOfCurve) -> str:
    return f"{curve_in_r(column.basis, R)}[, {column.number}]"


R: Final[Language] = Language(
    quoted=quoted,
    text=text_in_r,
    equal="==",
    power="^",
    trimmed="trimws({})",
    functions=FUNCTIONS | {"I": "I({})"},
    curve=_column_of_curve,
)


def r_rows(model: GLMM) -> list[tuple[str]]:
    """The lines of the code, in a cell each."""
    return [(line,) for line in _lines(refit_of(model))]


def _lines(refit: Refit) -> Iterator[str]:
    is_adaptive = len(refit.effects) > 1 and not (refit.is_laplace or refit.has_two_kinds)
    printed = by_laplace(refit) if refit.has_two_kinds else refit
    coding = refit.model.coding
    terms = None
    if coding is not None:
        as_numbers = (*coding.random.effects.variables, *coding.offset.variables)
        terms = r_terms(coding.fixed, R, as_numbers=as_numbers)
    about_all = (*about(refit), *_about_package(refit, printed, is_adaptive=is_adaptive))
    yield from comment((*about_all, *arranged(refit, refit.columns, refit.columns)), before="#")
    yield f"library({'GLMMadaptive' if is_adaptive else 'lme4'})"
    if any(isinstance(piece, ColumnOfCurve) and piece.basis.function == "bs" for piece in refit.pieces):
        yield "library(splines)"
    yield f'data <- read.csv("{FILE}", check.names = FALSE{_reading(refit)})'
    yield from _prepared(refit, terms)
    yield from _calculated(refit, terms)
    yield from (_adaptive(refit, terms) if is_adaptive else _glmer(refit, terms))
    yield "summary(model)"
    yield "print(logLik(model), digits = 9)"
    yield from comment(promised(printed, _promise(printed, terms, is_adaptive=is_adaptive)), before="#")


def _about_package(refit: Refit, printed: Refit, *, is_adaptive: bool) -> Iterator[str]:
    if is_adaptive:
        yield "lme4 has quadrature for one random effect only; its Laplace's approximation, nAGQ = 1, has other digits."
        yield "GLMMadaptive has quadrature for several. It takes minutes."
    elif refit.has_two_kinds:
        yield from about_laplace(refit, printed, "lme4")
    elif refit.is_laplace:
        yield "The worksheet has Laplace's approximation for so many random effects too, which is lme4's nAGQ = 1."


def _reading(refit: Refit) -> str:
    """What keeps R from taking a label NA for a missing value, a blank for a text, and texts for truth values."""
    missing = _missing(refit)
    options = "" if missing is None else f", na.strings = {missing}"
    texts = ", ".join(f'{text_in_r(name)} = "character"' for name in _texts_like_truth_values(refit))
    return f"{options}, colClasses = c({texts})" if texts else options


def _missing(refit: Refit) -> str | None:
    """The texts of missing values; None for R's own, NA."""
    groups = [label for label in refit.model.observations.group_labels if isinstance(label, str)]
    crossed = refit.model.observations.crossed
    groups += [] if crossed is None else [label for label in crossed.labels if isinstance(label, str)]
    labels = [part for label in groups for part in (label, *label.split(JOINT))]
    labels += [label for factor in factors_of(refit.model) for label in factor.labels]
    is_label = any(label.strip() == "NA" for label in labels)
    if refit.model.observations.rows_omitted:
        # among texts a blank is a text to R
        return '""' if is_label else 'c("", "NA")'
    return "character()" if is_label else None


def _texts_like_truth_values(refit: Refit) -> list[str]:
    found = factors_like_truth_values(refit.model)
    response = refit.response
    if isinstance(response.successes, ColumnOfNumbers) and response.success in TRUTH_VALUES_OF_R:
        found.append(response.successes.name)
    return found


# columns -------------------------------------------------------------------------------------------------------------


def _prepared(refit: Refit, terms: RTerms | None) -> Iterator[str]:
    """Outcomes as 0 and 1, numbers as numbers, and factors with their levels in the order of the fit."""
    coding = refit.model.coding
    if coding is None:
        return
    if refit.response.success is not None and isinstance(refit.response.successes, ColumnOfNumbers):
        column = _column(refit.response.successes.name)
        yield f"{column} <- as.numeric(trimws({column}) == {text_in_r(refit.response.success)})"
    for variable in coding.variables:
        if variable.is_logical:
            yield f"{_column(variable.name)} <- as.numeric({_column(variable.name)})"
    if terms is not None:
        for factor in factors_of(refit.model):
            yield f"{_column(factor.name)} <- {_factor(factor, padded=is_padded(coding, factor.name))}"


def _column(name: str) -> str:
    return f"data[[{text_in_r(name)}]]"


def _factor(factor: Levels, *, padded: bool) -> str:
    column, labels = _column(factor.name), ", ".join(map(text_in_r, factor.labels))
    numbers = factor.numbers or numbers_read(factor.labels)
    if numbers is None:
        return f"factor({f'trimws({column})' if padded else column}, levels = c({labels}))"
    return f"factor({column}, levels = c({', '.join(map(number, numbers))}), labels = c({labels}))"


def _calculated(refit: Refit, terms: RTerms | None) -> Iterator[str]:
    """Columns that are calculated beforehand: those of slopes, and all where R would code a formula otherwise."""
    for product in dict.fromkeys((*(() if terms is not None else refit.fixed), *refit.slopes)):
        if product.plain is None:
            yield f"{_column(product.name)} <- with(data, 1 * {R.product(product)})"


# the call ------------------------------------------------------------------------------------------------------------


def _fixed(refit: Refit, terms: RTerms | None) -> str:
    labels = [quoted(each.plain or each.name) for each in refit.fixed] if terms is None else list(terms.labels)
    if refit.offset is not None:
        labels = [*(labels or (["1"] if refit.intercept else [])), f"offset({R.arithmetic(refit.offset)})"]
    return f"{_response(refit)} ~ {' + '.join(labels if refit.intercept else ['0', *labels]) or '1'}"


def _response(refit: Refit) -> str:
    response = refit.response
    successes = R.arithmetic(response.successes)
    if response.trials is not None:
        return f"cbind({successes}, {R.arithmetic(Arithmetic('-', response.trials, response.successes))})"
    if response.failures is not None:
        return f"cbind({successes}, {R.arithmetic(response.failures)})"
    return successes if isinstance(response.successes, ColumnOfNumbers) else f"I({successes})"


def _random(refit: Refit) -> str:
    """The random effects, without the groups."""
    slopes = [quoted(each.plain or each.name) for each in refit.slopes]
    return " + ".join(["1" if refit.random_intercept else "0", *slopes])


def _bar(refit: Refit) -> str:
    return "||" if len(refit.effects) > 1 and not (refit.is_correlated or refit.has_two_kinds) else "|"


def _glmer(refit: Refit, terms: RTerms | None) -> Iterator[str]:
    random = f"({_random(refit)} {_bar(refit)} {_joint(refit.groups)})"
    if refit.is_nested:
        random = f"(1 | {_joint(refit.above)}) + {random}"
    if refit.is_crossed:
        random = f"{random} + (1 | {_joint(refit.crossed)})"
    is_laplace = refit.is_laplace or refit.has_two_kinds
    yield f"model <- glmer({_fixed(refit, terms)} + {random}, data,"
    yield f"               family = binomial, nAGQ = {1 if is_laplace else refit.points},"
    yield f"               control = {TIGHT})"


def _joint(groups: tuple[str, ...]) -> str:
    """Columns whose labels make a group together."""
    return JOINT.join(map(quoted, groups))


def _adaptive(refit: Refit, terms: RTerms | None) -> Iterator[str]:
    groups = quoted(refit.groups[0])
    if len(refit.groups) > 1:
        # GLMMadaptive takes one column of labels
        names = Names()
        for name in refit.columns:
            names.fresh(name)
        groups = names.fresh("groups")
        joined = f"interaction({', '.join(map(_column, refit.groups))}, sep = {text_in_r(JOINT)}, drop = TRUE)"
        yield f"{_column(groups)} <- {joined}"
    yield f"model <- mixed_model({_fixed(refit, terms)},"
    yield f"                     random = ~ {_random(refit)} {_bar(refit)} {groups}, data = data,"
    yield f"                     family = binomial(), nAGQ = {refit.points},"
    yield f"                     control = {TIGHT_GLMMADAPTIVE})"


def _promise(refit: Refit, terms: RTerms | None, *, is_adaptive: bool) -> Promise:
    fixed = [quoted(each.plain or each.name) for each in refit.fixed]
    order = list(range(len(fixed)))
    if terms is not None:
        order = list(terms.places)
        fixed = [terms.columns[order.index(place)] for place in range(len(fixed))]
    if refit.intercept:
        fixed, order = [NAME_OF_INTERCEPT, *fixed], [0, *(place + 1 for place in order)]
    is_counted = refit.model.observations.trials_given and len(refit.effects) == 1 and not refit.is_laplace
    log_likelihood = 0.0 if refit.maximum is None else refit.maximum.log_likelihood
    return Promise(
        fixed=fixed,
        order=order,
        effects=_effects(refit),
        variances=False,
        likelihood="logLik, without that of a model that fits every row" if is_counted else "logLik",
        log_likelihood=log_likelihood - (saturated_log_likelihood(refit) if is_counted else 0.0),
        digits=FEWER_DIGITS if is_adaptive or refit.is_laplace or refit.has_two_kinds else DIGITS,
    )


def _effects(refit: Refit) -> list[str]:
    """The random effects that vary, as R prints them."""
    if refit.has_two_kinds:
        kinds = (refit.above, refit.groups, refit.crossed)
        return [f"{JOINT.join(kind)} {NAME_OF_INTERCEPT}" for kind in kinds if kind]
    intercept = [NAME_OF_INTERCEPT] if refit.random_intercept else []
    return [*intercept, *(each.plain or each.name for each in refit.slopes)]
