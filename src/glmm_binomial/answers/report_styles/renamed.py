"""A model in names that Stata and SAS can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from glmm_binomial.answers.report_styles.languages import plain_names
from glmm_binomial.answers.report_styles.refit import ColumnOfCurve, arranged
from glmm_binomial.formula.expressions import Arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from glmm_binomial.answers.report_styles.languages import Language
    from glmm_binomial.answers.report_styles.refit import Refit

CALCULATED: Final = ("the outcome", "the trials", "the offset")
"""Columns that may have to be, before they are renamed."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """A model in such names.

    Attributes
    ----------
    file : tuple of str
        The columns of the file.
    arranged : tuple of str
        How the file must be arranged.
    calculated : tuple of (str, str)
        Further columns, and what they are calculated by.
    outcome : str
        The column of outcomes, or of successes.
    trials : str or None
        That of trials.
    offset : str or None
        That of the offset.
    groups, above, crossed : tuple of str
        Those whose labels make a group together, a group above, and one of those that cross; none where there are none.
    fixed, slopes : tuple of str
        The columns of the model, without the intercept.
    """

    file: tuple[str, ...]
    arranged: tuple[str, ...]
    calculated: tuple[tuple[str, str], ...]
    outcome: str
    trials: str | None
    offset: str | None
    groups: tuple[str, ...]
    above: tuple[str, ...]
    crossed: tuple[str, ...]
    fixed: tuple[str, ...]
    slopes: tuple[str, ...]


def renamed(refit: Refit, language_of: Callable[[Mapping[str, str]], Language]) -> Renamed:
    """The model in the names and the notation of a language.

    Parameters
    ----------
    refit : Refit
    language_of : callable
        Takes the names of columns, by what the worksheet calls them.
    """
    curves = tuple(dict.fromkeys(each.name for each in refit.pieces if isinstance(each, ColumnOfCurve)))
    of_file = tuple(dict.fromkeys((*refit.columns, *curves)))
    made = tuple(each.name for each in refit.products if each.plain is None)
    names = plain_names(tuple(dict.fromkeys((*of_file, *made, *CALCULATED))))
    language = language_of(names)
    outcome, trials = _response(refit, language)
    offset = None if refit.offset is None else language.arithmetic(refit.offset)
    texts = dict(zip([names[each] for each in CALCULATED], (outcome, trials or "", offset or ""), strict=True))
    calculated = {name: text for name, text in texts.items() if text and text not in names.values()}
    called = {text: name for name, text in calculated.items()}
    calculated |= {
        names[each.name]: language.product(each)
        for each in refit.products
        if each.plain is None and each.name not in curves
    }
    file = tuple(names[name] for name in of_file)
    return Renamed(
        file=file,
        arranged=(*arranged(refit, of_file, file), *_about_curves(refit, curves)),
        calculated=tuple(calculated.items()),
        outcome=called.get(outcome, outcome),
        trials=None if trials is None else called.get(trials, trials),
        offset=None if offset is None else called.get(offset, offset),
        groups=tuple(names[name] for name in refit.groups),
        above=tuple(names[name] for name in refit.above),
        crossed=tuple(names[name] for name in refit.crossed),
        fixed=tuple(names[each.plain or each.name] for each in refit.fixed),
        slopes=tuple(names[each.plain or each.name] for each in refit.slopes),
    )


def _response(refit: Refit, language: Language) -> tuple[str, str | None]:
    """The outcome and the trials as they are calculated, or the columns that hold them."""
    response = refit.response
    outcome = language.arithmetic(response.successes)
    if response.success is not None:
        cell = language.trimmed.format(outcome)
        return f"({cell} {language.equal} {language.text(response.success)})", None
    trials = response.trials
    if response.failures is not None:
        trials = Arithmetic("+", response.successes, response.failures)
    return outcome, None if trials is None else language.arithmetic(trials)


def _about_curves(refit: Refit, curves: tuple[str, ...]) -> Iterator[str]:
    if curves and refit.model.coding is not None:
        yield f'  the columns of curves are those of =GLMM_BINOMIAL_DESIGN(data, "{refit.model.coding.formula}")'
