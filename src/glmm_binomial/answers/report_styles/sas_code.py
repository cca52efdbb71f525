"""The style "SAS": code for PROC GLIMMIX, from its manual (SAS/STAT User's Guide)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.report_styles.digits import Promise, promised
from glmm_binomial.answers.report_styles.languages import FUNCTIONS, Language, comment
from glmm_binomial.answers.report_styles.refit import FILE, about, about_laplace, by_laplace, refit_of
from glmm_binomial.answers.report_styles.renamed import Renamed, renamed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from glmm_binomial.answers.report_styles.refit import Refit
    from glmm_binomial.estimation.fitted_model import GLMM

NAME_OF_INTERCEPT: Final = "Intercept"


def text_in_sas(text: str) -> str:
    """A text in SAS's single quotes, in which nothing has a meaning of its own."""
    return "'" + text.replace("'", "''") + "'"


def _sas(names: Mapping[str, str]) -> Language:
    return Language(
        quoted=lambda name: names[name],
        text=text_in_sas,
        equal="=",
        power="**",
        trimmed="strip({})",
        functions=FUNCTIONS,
        curve=lambda column: names[column.name],
    )


def sas_rows(model: GLMM) -> list[tuple[str]]:
    """The lines of the code, in a cell each."""
    refit = refit_of(model)
    return [(line,) for line in _lines(refit, renamed(refit, _sas))]


def _comment(lines: Iterable[str]) -> Iterator[str]:
    # an end of the comment within it would end it
    return comment((line.replace("*/", "* /") for line in lines), before="/*", after=" */")


def _lines(refit: Refit, told: Renamed) -> Iterator[str]:
    printed = by_laplace(refit) if refit.is_crossed else refit
    yield from _comment((*about(refit), *_about_kinds(refit, printed), *told.arranged))
    yield f'proc import datafile="{FILE}" out=sheet dbms=csv replace; guessingrows=max; run;'
    yield "data coded; set sheet;"
    if refit.model.observations.rows_omitted:
        yield f"  if cmiss(of {' '.join(told.file)}) = 0;"
    yield from (f"  {name} = {text};" for name, text in told.calculated)
    yield "run;"
    quadrature = f"quad({'fastquad ' * refit.is_nested}qpoints={refit.points})"
    is_laplace = refit.is_laplace or refit.is_crossed
    yield f"proc glimmix data=coded method={'laplace' if is_laplace else quadrature};"
    yield f"  class {' '.join(dict.fromkeys((*told.above, *told.groups, *told.crossed)))};"
    response = f"{told.outcome}(event='1')" if told.trials is None else f"{told.outcome}/{told.trials}"
    options = [
        f"dist={'binary' if told.trials is None else 'binomial'}",
        "link=logit solution ddfm=none",
        *([] if refit.intercept else ["noint"]),
        *([f"offset={told.offset}"] if told.offset else []),
    ]
    yield f"  model {' '.join([response, '=', *told.fixed, '/', *options])};"
    structure = "un" if refit.is_correlated else "vc"
    effects = [NAME_OF_INTERCEPT] if refit.is_nested else _effects(refit, told)
    if refit.is_crossed:
        yield f"  random {' '.join(effects)};"
    else:
        for subject in _subjects(told):
            yield f"  random {' '.join(effects)} / subject={subject} type={structure};"
    yield "run;"
    yield from _comment(promised(printed, _promise(printed, told)))


def _about_kinds(refit: Refit, printed: Refit) -> Iterator[str]:
    if refit.is_crossed:
        yield from about_laplace(refit, printed, "PROC GLIMMIX")
    if refit.is_nested:
        yield "fastquad, one integral inside the other, is there from SAS/STAT 14.1 on."


def _subjects(told: Renamed) -> list[str]:
    """The groups, or those above and those that lie in them."""
    groups = "*".join(name for name in told.groups if name not in told.above)
    return ["*".join(told.above), f"{groups}({' '.join(told.above)})"] if told.above else [groups]


def _effects(refit: Refit, told: Renamed) -> tuple[str, ...]:
    if refit.is_nested:
        return tuple(f"{NAME_OF_INTERCEPT}, subject {subject}" for subject in _subjects(told))
    if refit.is_crossed:
        return ("*".join(told.groups), "*".join(told.crossed))
    return (NAME_OF_INTERCEPT, *told.slopes) if refit.random_intercept else told.slopes


def _promise(refit: Refit, told: Renamed) -> Promise:
    fixed = (NAME_OF_INTERCEPT, *told.fixed) if refit.intercept else told.fixed
    return Promise(
        fixed=fixed,
        order=range(len(fixed)),
        effects=_effects(refit, told),
        variances=True,
        likelihood="-2 Log Likelihood",
        log_likelihood=0.0 if refit.maximum is None else -2.0 * refit.maximum.log_likelihood,
    )
