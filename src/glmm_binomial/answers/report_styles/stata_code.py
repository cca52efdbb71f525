"""The style "Stata": code for melogit, from its manual ([ME] melogit)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.report_styles.digits import Promise, promised
from glmm_binomial.answers.report_styles.languages import FUNCTIONS, Language, comment
from glmm_binomial.answers.report_styles.refit import FILE, about, about_laplace, by_laplace, refit_of
from glmm_binomial.answers.report_styles.renamed import Renamed, renamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from glmm_binomial.answers.report_styles.refit import Refit
    from glmm_binomial.estimation.fitted_model import GLMM

NAME_OF_INTERCEPT: Final = "_cons"
GROUPS: Final = "groups_number"
ABOVE: Final = "groups_above"
LEVELS: Final = "levels_number"


def text_in_stata(text: str) -> str:
    """A text in Stata's quotes, in compound ones where it holds a quote."""
    return f'`"{text}"\'' if '"' in text else f'"{text}"'


def _stata(names: Mapping[str, str]) -> Language:
    return Language(
        quoted=lambda name: names[name],
        text=text_in_stata,
        equal="==",
        power="^",
        trimmed="strtrim({})",
        functions=FUNCTIONS | {"log2": "(ln({})/ln(2))"},
        curve=lambda column: names[column.name],
    )


def stata_rows(model: GLMM) -> list[tuple[str]]:
    """The lines of the code, in a cell each."""
    refit = refit_of(model)
    return [(line,) for line in _lines(refit, renamed(refit, _stata))]


def _lines(refit: Refit, told: Renamed) -> Iterator[str]:
    printed = by_laplace(refit) if refit.is_crossed else refit
    about_crossed = about_laplace(refit, printed, "Stata") if refit.is_crossed else ()
    yield from comment((*about(refit), *about_crossed, *told.arranged), before="*")
    yield f'import delimited using "{FILE}", clear varnames(1) case(preserve)'
    if refit.model.observations.rows_omitted:
        yield f"drop if missing({', '.join(told.file)})"
    yield from (f"generate double {name} = {text}" for name, text in told.calculated)
    # labels may be texts, and of several columns
    if refit.is_nested:
        yield f"egen long {ABOVE} = group({' '.join(told.above)})"
    yield f"egen long {GROUPS} = group({' '.join(told.groups)})"
    # in one line, which Stata's command window takes too
    of_fixed = [*([] if refit.intercept else ["noconstant"]), *([f"offset({told.offset})"] if told.offset else [])]
    fixed = f"melogit {' '.join([told.outcome, *told.fixed])}{', ' * bool(of_fixed)}{' '.join(of_fixed)}"
    if refit.is_crossed:
        yield f"egen long {LEVELS} = group({' '.join(told.crossed)})"
    first = f" || {ABOVE}:" if refit.is_nested else f" || _all: R.{LEVELS}" if refit.is_crossed else ""
    yield f"{fixed}{first} || {' '.join([f'{GROUPS}:', *told.slopes])}, {' '.join(_options(refit, told))}"
    yield from comment(promised(printed, _promise(printed, told)), before="*")


def _options(refit: Refit, told: Renamed) -> Iterator[str]:
    """Of the random effects, and of the integration."""
    if len(refit.effects) > 1 and not refit.has_two_kinds:
        yield "covariance(unstructured)" if refit.is_correlated else "covariance(independent)"
    if not refit.random_intercept:
        yield "noconstant"
    if told.trials is not None:
        yield f"binomial({told.trials})"
    yield "intmethod(laplace)" if refit.is_laplace or refit.is_crossed else f"intpoints({refit.points})"


def _promise(refit: Refit, told: Renamed) -> Promise:
    # the constant comes last
    count = len(told.fixed)
    return Promise(
        fixed=(NAME_OF_INTERCEPT, *told.fixed) if refit.intercept else told.fixed,
        order=(*range(1, count + 1), 0) if refit.intercept else range(count),
        effects=_effects(refit, told),
        variances=True,
        likelihood="Log likelihood",
        log_likelihood=0.0 if refit.maximum is None else refit.maximum.log_likelihood,
    )


def _effects(refit: Refit, told: Renamed) -> tuple[str, ...]:
    if refit.is_nested:
        return (f"{NAME_OF_INTERCEPT} in {ABOVE}", f"{NAME_OF_INTERCEPT} in {ABOVE}>{GROUPS}")
    if refit.is_crossed:
        return (f"{NAME_OF_INTERCEPT} in {GROUPS}", f"{NAME_OF_INTERCEPT} in _all>{LEVELS}")
    return (*([NAME_OF_INTERCEPT] if refit.random_intercept else []), *told.slopes)
