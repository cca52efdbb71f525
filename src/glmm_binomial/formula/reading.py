"""A table with headers and a formula in lme4's notation -> Observations, and the coding that made them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.formula.coding import Coding, coded_terms, columns_of, variables_in
from glmm_binomial.formula.columns import Columns, read_labels
from glmm_binomial.formula.grammar import parts_of
from glmm_binomial.formula.groups import LabelColumns, groups_of
from glmm_binomial.formula.offsets import coded_offsets, offset_of, parse_offsets
from glmm_binomial.formula.random_effects import random_effects_of
from glmm_binomial.formula.response import outcomes_of, parse_response
from glmm_binomial.formula.sample import sample_of
from glmm_binomial.formula.table import read_table
from glmm_binomial.formula.wilkinson import parse_terms
from glmm_binomial.formula.words import formula_text, words_of
from glmm_binomial.frozen import read_only
from glmm_binomial.observations import Observations, estimability, require_estimable
from glmm_binomial.observations.cells import reject
from glmm_binomial.observations.labels import look_alikes
from glmm_binomial.observations.options import read_missing, read_options
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from glmm_binomial.formula.columns import Column
    from glmm_binomial.formula.grammar import FormulaParts, RandomPart
    from glmm_binomial.formula.random_effects import RandomEffects
    from glmm_binomial.formula.response import Outcomes, Response
    from glmm_binomial.formula.sample import Sample
    from glmm_binomial.formula.table import Table
    from glmm_binomial.formula.wilkinson import ParsedTerms
    from glmm_binomial.observations import CrossedGroups, GroupsAbove
    from glmm_binomial.observations.options import Missing, Options
    from glmm_binomial.observations.row_groups import RowGroups

MOST_ROWS_NAMED: Final = 3
MINIMUM_ROWS: Final = 2

MOST_CORRELATED_IN_POSTERIOR: Final = 6
"""Effects of a group."""


@dataclass(frozen=True, slots=True)
class FormulaData:
    """What a table and a formula hold.

    Attributes
    ----------
    observations : Observations
    coding : Coding
        How they were made, for new rows.
    """

    observations: Observations
    coding: Coding


def read_formula(
    data: object, formula: object, *, method: object = None, alpha: object = None, missing: object = None
) -> FormulaData:
    """Read a table by a formula, such as "cured ~ drug * sex + (1 + day || patient)".

    Columns of text become factors, the first level in sorted order the reference. The response is a column of 0 and 1,
    of TRUE and FALSE or of two texts, successes / trials, or cbind(successes, failures). Nothing in a formula is ever
    run as code.

    Parameters
    ----------
    data : list of rows, or data frame of pandas or polars
        The first row holds the names of the columns; blank rows at the end are left out.
    formula : str
        A text, or a cell that holds it. Within the formula of a cell Excel takes texts of up to 255 characters; a
        longer one stands in a cell of its own.
    method, alpha : scalar
        As in `observe`; None or a blank cell means the default.
    missing : {"omit", "refuse"}
        What to do with rows in which something is missing, in a column that the formula names.

    Returns
    -------
    FormulaData

    Raises
    ------
    InvalidInputError
        With the text of the message for the user.
    MissingPackageError
        When formulaic is not installed.
    """
    rule = read_missing(missing)
    options = read_options(None, alpha, method)
    table = read_table("data", data)
    typed = _typed(table, formula_text(formula))
    sample = sample_of(table, typed.columns, typed.labels)
    _require_rows(sample, rule)
    columns = LabelColumns(table, {column.name: column for column in typed.labels}, sample.handed_over.position)
    random = random_effects_of(
        [part for part, _ in typed.random],
        [coded_terms(effects, sample) for _, effects in typed.random],
        columns,
    )
    _require_method(random, typed.random, options)
    outcomes = outcomes_of(typed.response, sample)
    fixed, offset = coded_terms(typed.fixed, sample), coded_offsets(typed.offset, sample)
    coding = Coding(
        formula=typed.text,
        response=outcomes.response,
        fixed=fixed,
        random=random,
        offset=offset,
        variables=variables_in(sample, (fixed, random.effects, offset)),
    )
    options = replace(options, fit_intercept=fixed.intercept)
    return FormulaData(_observations(coding, sample, outcomes, columns, options=options), coding)


@dataclass(frozen=True, slots=True)
class _TypedFormula:
    """A formula whose names are columns of a table, before anything is taken from the rows.

    `columns` are those that it names, `labels` those of the groups.
    """

    text: str
    response: Response
    fixed: ParsedTerms
    offset: ParsedTerms
    random: tuple[tuple[RandomPart, ParsedTerms], ...]
    columns: tuple[Column, ...]
    labels: tuple[Column, ...]


def _typed(table: Table, text: str) -> _TypedFormula:
    columns = Columns(table)
    parts = parts_of(words_of(text))
    response = parse_response(parts.response, table)
    _require_random(parts, text)
    fixed = parse_terms(parts.fixed, columns)
    random = tuple((part, parse_terms(part.effects, columns)) for part in parts.random)
    offset = parse_offsets(parts.offsets, columns)
    names = [*response.variables, *fixed.variables, *offset.variables]
    names += [name for _, effects in random for name in effects.variables]
    groups = [table.known(name) for part in parts.random for name in part.grouping.names]
    return _TypedFormula(
        text=text,
        response=response,
        fixed=fixed,
        offset=offset,
        random=random,
        columns=tuple(columns[name] for name in dict.fromkeys(names)),
        labels=tuple(read_labels(table, name) for name in groups),
    )


def _require_method(random: RandomEffects, parts: tuple[tuple[RandomPart, ParsedTerms], ...], options: Options) -> None:
    if random.crossed is not None and options.method == "mean-field":
        reject(
            'method must be "vb" or "ml" where groupings cross. It is "mean-field", which knows one kind of groups, '
            f"and {random.grouping.typed()} and {random.crossed.typed()} cross."
        )
    if random.above is not None and options.method == "mean-field":
        reject(
            'method must be "vb" or "ml" where groups are nested. It is "mean-field", which knows one kind of groups, '
            f"and {random.grouping.name} is nested in {random.above.name}."
        )
    part, count = parts[0][0], random.effects.intercept + len(random.effects.columns)
    if random.correlated and options.method == "vb" and count > MOST_CORRELATED_IN_POSTERIOR:
        reject(
            f'method must be "ml" where more than {MOST_CORRELATED_IN_POSTERIOR} random effects are correlated. It is '
            f'"vb", whose posterior would take many minutes, and {part.typed()} has {count}. '
            f"{part.typed(correlated=False)}, in which they are independent, works too."
        )
    if random.correlated and options.method == "mean-field":
        reject(
            f'method must be "vb" or "ml" where random effects are correlated. It is "mean-field", which knows '
            f"independent effects only, and {part.typed()} has correlated ones: write {part.typed(correlated=False)} "
            "for independent effects."
        )


def _require_random(parts: FormulaParts, text: str) -> None:
    if not parts.random:
        reject(
            "formula must say which rows belong together. Add a random term that names the column of labels, such as "
            f"(1 | id): {text} + (1 | id)."
        )


def _require_rows(sample: Sample, missing: Missing) -> None:
    """Refuse missing values where that is asked for, and tables of which they leave next to nothing."""
    omitted = sample.handed_over.omitted
    if omitted and missing == "refuse":
        reject(
            f'{sample.name} must have nothing missing, as missing is "refuse". {_rows_named(sample)}. Fill the cells '
            'in, or set missing to "omit".'
        )
    if len(sample) < MINIMUM_ROWS:
        below = f"Below the header it has {len(sample.table)}"
        left = f", of which {len(sample)} have nothing missing: {_rows_named(sample)}" if omitted else ""
        reject(f"{sample.name} must have at least {MINIMUM_ROWS} row(s). {below}{left}.")


def _rows_named(sample: Sample) -> str:
    """How many rows have something missing, and the first of them."""
    reasons = [(row + 2, reason) for row, reason in enumerate(sample.handed_over.reasons) if reason is not None]
    named = [f"row {row} ({reason})" for row, reason in reasons[:MOST_ROWS_NAMED]]
    more = [f"{len(reasons) - MOST_ROWS_NAMED} more"] if len(reasons) > MOST_ROWS_NAMED else []
    count = f"{len(reasons)} row{'s have' if len(reasons) > 1 else ' has'} a missing value"
    return f"{count}: {listed([*named, *more])}"


def _observations(
    coding: Coding, sample: Sample, outcomes: Outcomes, columns: LabelColumns, *, options: Options
) -> Observations:
    x = columns_of(coding.fixed, sample)
    x_random = columns_of(coding.random.effects, sample)
    offset = offset_of(coding.offset, sample)
    groups = groups_of(columns, coding.random)
    _require_estimable(coding, x, x_random, outcomes, groups)
    return Observations(
        successes=read_only(outcomes.successes),
        trials=read_only(outcomes.trials),
        x=read_only(x),
        x_names=coding.fixed.names,
        group_index=read_only(groups.index),
        group_labels=groups.labels,
        x_random=read_only(x_random),
        random_names=coding.random.effects.names,
        trials_given=outcomes.response.kind != "outcome",
        header=True,
        look_alikes=tuple(alike for kind in (groups, groups.above, groups.crossed) for alike in _alike(kind)),
        options=options,
        handed_over=sample.handed_over,
        group_name=coding.random.grouping.name,
        random_intercept=coding.random.effects.intercept,
        correlated=coding.random.correlated,
        above=groups.above,
        offset=None if offset is None else read_only(offset),
        offset_name=" + ".join(factor.name for factor in coding.offset.factors),
        crossed=groups.crossed,
        notices=(
            *_notices(outcomes, sample, columns),
            *_about_nesting(columns, coding.random),
            *_about_crossing(coding.random, groups.crossed),
        ),
    )


def _alike(groups: RowGroups | GroupsAbove | CrossedGroups | None) -> tuple[tuple[str, ...], ...]:
    return () if groups is None else look_alikes(groups.labels)


def _require_estimable(
    coding: Coding,
    x: NDArray[np.float64],
    x_random: NDArray[np.float64],
    outcomes: Outcomes,
    groups: RowGroups,
) -> None:
    response, grouping = outcomes.response.name, coding.random.grouping.typed()
    labels = groups.labels
    if groups.crossed is not None:
        require_estimable(
            outcomes.successes, outcomes.trials, groups.crossed.labels, y=response, groups=groups.crossed.name
        )
    if groups.above is not None:
        _require_repeated(coding.random, groups, outcomes.trials)
        grouping, labels = groups.above.name, groups.above.labels
    require_estimable(outcomes.successes, outcomes.trials, labels, y=response, groups=grouping)
    if not coding.fixed.intercept and not coding.fixed.columns:
        reject(f"formula must have a fixed effect. It has none; {response} ~ 1 + ... has the intercept.")
    for problem in (
        estimability.problem_with_fixed_effects(
            x, coding.fixed.names, intercept=coding.fixed.intercept, source=estimability.FORMULA
        ),
        estimability.problem_with_random_slopes(
            x_random,
            coding.random.effects.names,
            intercept=coding.random.effects.intercept,
            source=estimability.FORMULA,
        ),
    ):
        if problem is not None:
            reject(problem)


def _require_repeated(random: RandomEffects, groups: RowGroups, trials: NDArray[np.float64]) -> None:
    if random.above is not None and np.bincount(groups.index, trials).max() <= 1.0:
        lower, upper = random.grouping.typed(), random.above.typed()
        reject(
            f"formula must name groups that are observed more than once. Each of the {len(groups.labels)} groups of "
            f"{lower} has a single outcome of 0 or 1, which says nothing of how much they differ. (1 | {upper}) works."
        )


def _about_nesting(columns: LabelColumns, random: RandomEffects) -> Iterator[str]:
    """What the table says of groups in groups, where the formula does not."""
    if random.above is None:
        return
    upper, lower = random.above.name, random.grouping.name
    own = [name for name in random.grouping.names if name not in random.above.names]
    if len(own) == len(random.grouping.names):
        yield f"Every {lower} lies within one {upper}, so that {lower} is taken as nested in {upper}."
    elif len(own) == 1 and not columns.lie_within(replace(random.grouping, names=tuple(own)), random.above):
        yield f"Labels of {own[0]} stand in several {upper}, so that a group of {lower} is told by both labels."


def _about_crossing(random: RandomEffects, crossed: CrossedGroups | None) -> Iterator[str]:
    """What numbered groups that cross others are taken for: the numbers may begin anew within each of the others."""
    if random.crossed is not None and crossed is not None and all(map(_is_number, crossed.labels)):
        many, few = random.grouping.typed(), random.crossed.typed()
        yield (
            f"{few} crosses {many}: a number of {few} is one and the same in every {many}. Were it a different one in "
            f"each, (1 | {many}/{few}) would be the formula."
        )


def _is_number(label: object) -> bool:
    return not isinstance(label, str) or label.strip().isdigit()


def _notices(outcomes: Outcomes, sample: Sample, labels: LabelColumns) -> Iterator[str]:
    """What must be known about the data."""
    yield from outcomes.notices
    if sample.handed_over.omitted:
        yield f"{_rows_named(sample)}. {'They are' if sample.handed_over.omitted > 1 else 'It is'} left out."
    for kind, columns in (("level", sample.columns), ("group", labels.columns)):
        for column in columns.values():
            if column.marks:
                yield (
                    f"{listed([repr(mark) for mark in column.marks])} is kept as a {kind} of {column.name}, which is a "
                    "column of text. If it marks a missing value, clear these cells."
                )
