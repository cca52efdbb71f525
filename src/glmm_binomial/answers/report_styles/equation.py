"""The styles "equation" and "latex": the fitted model as a formula with its numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.report_styles.printed import decimals_of
from glmm_binomial.answers.report_styles.wording import outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.answers.report_styles.printed import Printer
    from glmm_binomial.estimation.fitted_model import GLMM

LATEX_CHARACTERS: Final = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
POWER_OF_TEN: Final = re.compile(r"e([-+])0*([0-9]+)$")


@dataclass(frozen=True, slots=True)
class _Notation:
    """How an equation is written.

    Attributes
    ----------
    probability, counts : str
        Templates of what stands on the left: of an outcome, and of a number of successes.
    predictor : str
        Template of the inverse logit.
    effect : str
        Template of a random effect, by its number.
    of_groups : str
        The same by the name of its groups.
    law, correlation : str
        Templates.
    times : str
        Between a coefficient and its column.
    name, number : callable
        Of a column, and of a printed number.
    between : str
        The parts of a row.
    """

    probability: str
    counts: str
    predictor: str
    effect: str
    of_groups: str
    law: str
    correlation: str
    times: str
    name: Callable[[str], str]
    number: Callable[[str], str]
    between: str


def _in_latex(name: str) -> str:
    return rf"\text{{{''.join(LATEX_CHARACTERS.get(character, character) for character in name)}}}"


def _number_in_latex(text: str) -> str:
    # braces keep the comma from being taken for punctuation
    return POWER_OF_TEN.sub(lambda found: rf" \times 10^{{{found[1].strip('+')}{found[2]}}}", text.replace(",", "{,}"))


PLAIN: Final = _Notation(
    probability="Prob({success}) = ",
    counts="{outcome} ~ Binomial(n, p), p = ",
    predictor="logit^-1({terms})",
    effect="u{number}",
    of_groups="u[{name}]",
    law="{effect} ~ N(0{separator} {sd}^2)",
    correlation="cor({first}, {second}) = {value}",
    times=" ",
    name=lambda name: name,
    number=lambda text: text,
    between=", ",
)
LATEX: Final = _Notation(
    probability=r"\Pr({success}) = ",
    counts=r"{outcome} \sim \mathrm{{Binomial}}(n, p), \quad p = ",
    predictor=r"\mathrm{{logit}}^{{-1}}({terms})",
    effect="u_{{{number}}}",
    of_groups="u_{{{name}}}",
    law=r"{effect} \sim N(0{separator} {sd}^2)",
    correlation=r"\mathrm{{cor}}({first}, {second}) = {value}",
    times=r" \, ",
    name=_in_latex,
    number=_number_in_latex,
    between=r", \quad ",
)


def equation_rows(model: GLMM, estimates: Estimates, printer: Printer) -> list[Sequence[object]]:
    """Two cells below each other: the probability, and the law of the random effects."""
    return _rows(model, estimates, printer, PLAIN)


def latex_rows(model: GLMM, estimates: Estimates, printer: Printer) -> list[Sequence[object]]:
    """The same for LaTeX's mathematical mode; names stand in the command text of the package amsmath."""
    return _rows(model, estimates, printer, LATEX)


def _rows(model: GLMM, estimates: Estimates, printer: Printer, notation: _Notation) -> list[Sequence[object]]:
    return [
        (_left(model, notation) + _right(model, estimates, printer, notation),),
        (_laws(estimates, printer, notation),),
    ]


def _left(model: GLMM, notation: _Notation) -> str:
    if model.observations.trials_given:
        return notation.counts.format(outcome=notation.name(outcome_of(model)))
    success = None if model.coding is None else model.coding.response.success
    value = "1" if success is None else notation.name(success)
    return notation.probability.format(success=f"{notation.name(outcome_of(model))} = {value}")


def _right(model: GLMM, estimates: Estimates, printer: Printer, notation: _Notation) -> str:
    terms = []
    for place, value in enumerate(estimates.coefficients.tolist()):
        is_intercept = place == 0 and model.design.scale.intercept
        number = notation.number(printer.decimal(abs(value), decimals_of(value)))
        column = "" if is_intercept else f"{notation.times}{notation.name(estimates.fixed_names[place])}"
        terms.append(("-" if value < 0.0 else "+", f"{number}{column}"))
    if estimates.offset:
        terms.append(("+", notation.name(estimates.offset)))
    for place, name in enumerate(estimates.random_names):
        column = f"{notation.times}{notation.name(name)}" if place >= model.design.scale.random_intercepts else ""
        terms.append(("+", f"{_effect(place, estimates, notation)}{column}"))
    (sign, first), *others = terms
    joined = "".join(f" {sign} {term}" for sign, term in others)
    return notation.predictor.format(terms=f"{sign.replace('+', '')}{first}{joined}")


def _effect(place: int, estimates: Estimates, notation: _Notation) -> str:
    """The one random effect is u; several are u0, u1 ..., those of two kinds of groups called after these."""
    if estimates.kinds:
        return notation.of_groups.format(name=notation.name(estimates.kinds[place].name))
    return notation.effect.format(number=place) if len(estimates.random_names) > 1 else "u"


def _laws(estimates: Estimates, printer: Printer, notation: _Notation) -> str:
    # a comma would be read as part of the number
    separator = "," if printer.mark == "." else ";"
    effects = [_effect(place, estimates, notation) for place in range(len(estimates.random_names))]
    laws = [
        notation.law.format(
            effect=effect, sd=notation.number(printer.decimal(sd, decimals_of(sd))), separator=separator
        )
        for effect, sd in zip(effects, estimates.std_devs.tolist(), strict=True)
    ]
    if estimates.correlations is not None:
        laws += [
            notation.correlation.format(
                first=effects[first],
                second=effects[second],
                value=notation.number(printer.decimal(float(estimates.correlations[second, first]))),
            )
            for first, second in combinations(range(len(effects)), 2)
            if np.isfinite(estimates.correlations[second, first])
        ]
    return notation.between.join(laws)
