"""Columns of numbers and text, coded by a formula in Wilkinson notation as the columns of x."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from glmm_binomial.extras import require
from glmm_binomial.formula.wilkinson import (
    EXAMPLE,
    Category,
    Column,
    Factor,
    ParsedFormula,
    Transform,
    first_line,
    parse_formula,
)
from glmm_binomial.observations.cells import (
    advice_for,
    advice_on_stored_text,
    describe,
    float_or_infinity,
    found,
    is_blank,
    is_label_type,
    is_number_stored_as_text,
    reject,
)
from glmm_binomial.observations.ranges import Range, as_rows, trim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_COLUMNS: Final = 1_000
"""Coded columns; more come from labels of groups taken for a factor."""

MOST_TERMS: Final = 10_000
"""Terms that the products and powers of a formula may give."""

MOST_SETS_LISTED: Final = 5

CODED_NAME: Final = re.compile(r"f([0-9]+)(?:\[(?:T\.)?([0-9]+)\])?")
"""How formulaic names the column of a factor f0, f1 ... whose levels are numbered."""


def design_columns(data: object, formula: object) -> list[list[str | float]]:
    """Code the columns of a table as the columns of x.

    Columns of text become columns of 0 and 1, one for each level but the reference, which is the first level in sorted
    order or the one chosen by C(trt, Treatment("treat")); columns of numbers stay as they are, unless C() makes levels
    of them. There is no column for the intercept, which the model adds. A formula without intercept ("0 + trt") codes
    every level, to be fitted with fit_intercept FALSE.

    Parameters
    ----------
    data : list of rows, or data frame
        The first row holds the names of the columns; blank rows at the end are left out.
    formula : str
        Such as "trt * sex". Names of columns, in backticks when they are more than letters, digits, dots and
        underscores; the operators + - * / : ** and brackets; C(), Treatment(); I, log, log2, log10, exp, sqrt, abs,
        center, scale of one column, and arithmetic with numbers inside these. Nothing in it is ever run as Python.

    Returns
    -------
    list of rows
        A header, such as trt[treat], sex[male], trt[treat]:sex[male]; then one row of numbers per row of data.

    Raises
    ------
    InvalidInputError
        When data or formula cannot be used.
    MissingPackageError
        When formulaic is not installed.
    """
    table = _read_table(data)
    parsed = parse_formula(formula, table.names, table.is_text)
    _require_one_coding(parsed.factors)
    return _expand(parsed, [_code(factor, table) for factor in parsed.factors])


# the table -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """The names of the columns and the rows below them; a column is looked at when the formula names it."""

    names: tuple[str, ...]
    data: Range

    def cells(self, name: str) -> list[object]:
        position = self.names.index(name)
        return [row[position] for row in self.data.rows]

    def is_text(self, name: str) -> bool:
        """Whether a column holds text, not numbers; refuses a column of both, and cells that are neither."""
        position, cells = self.names.index(name), self.cells(name)
        if not all(map(is_label_type, set(map(type, cells)))) or any(map(is_blank, cells)):
            row = next(i for i, cell in enumerate(cells) if not is_label_type(type(cell)) or is_blank(cell))
            self.data.reject_cell(row, position, rule="must be a number or text.", advice=advice_for(cells[row]))
        texts = [isinstance(cell, str) for cell in cells]
        if any(texts) and not all(texts):
            # texts that read as numbers are the exception, even where they are many
            all_stored = all(is_number_stored_as_text(cell) for cell in cells if isinstance(cell, str))
            exception = all_stored or 2 * sum(texts) <= len(texts)
            row = texts.index(exception)
            stored = is_number_stored_as_text(cells[row])
            self.data.reject_cell(
                row,
                position,
                rule=f"must be {'a number' if exception else 'text'}, as other cells of the column {name} are.",
                advice=advice_on_stored_text(cells, f"the column {name}") if stored else "",
            )
        return all(texts)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of numbers (N,), booleans as 0 and 1."""
        values = np.array([float_or_infinity(cell) for cell in self.cells(name)])
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            self.data.reject_cell(int(wrong[0]), self.names.index(name), rule="must be finite.")
        return values


def _read_table(data: object) -> _Table:
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        frame = cast("Any", data)
        data = [list(frame.columns), *frame.to_numpy(dtype=object).tolist()]
    rows = trim({"data": as_rows("data", data)})["data"]
    for position, cell in enumerate(rows[0]):
        if not isinstance(cell, str) and not is_blank(cell):
            reject(
                f"data must have a header row: the names of the columns. Row 1, column {position + 1} of data "
                f"{found(cell)}."
            )
    if all(map(is_blank, rows[0])):
        reject("data must have a header row: the names of the columns. Row 1 of data is blank.")
    # a column without a name cannot be named in the formula, and does no harm
    names = tuple("" if cell is None else str(cell).strip() for cell in rows[0])
    return _Table(names=names, data=Range("data", rows[1:], header=True))


# the factors ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Coded:
    """A factor of the formula: its name, the labels of its levels (reference first) and a number for each row (N,).

    Without levels the numbers are values, with levels they are positions in `levels`.
    """

    name: str
    levels: tuple[str, ...] | None
    values: NDArray[np.float64]


def _require_one_coding(factors: Sequence[Factor]) -> None:
    references: dict[str, str | None] = {}
    for factor in factors:
        if isinstance(factor, Category) and references.setdefault(factor.name, factor.reference) != factor.reference:
            chosen = factor.reference or references[factor.name]
            reject(
                f"formula must code a column in one way. It names {factor.name} with different reference levels; write "
                f'C({factor.name}, Treatment("{chosen}")) wherever {factor.name} stands.'
            )


def _code(factor: Factor, table: _Table) -> _Coded:
    match factor:
        case Column(name):
            return _Coded(name=name, levels=None, values=table.numbers(name))
        case Category():
            return _code_category(factor, table)
        case Transform():
            return _code_transform(factor, table)


def _code_transform(factor: Transform, table: _Table) -> _Coded:
    for _, name in factor.columns:
        if table.is_text(name):
            reject(f"formula must apply functions to numbers. In {factor.text}, the column {name} holds text.")
    values = factor.values({name: table.numbers(name) for _, name in factor.columns})
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        row, first = int(wrong[0]), factor.columns[0][1]
        reject(
            f"formula must give finite numbers. {factor.text} has none in row {row + 2} of data, where {first} "
            f"{found(table.cells(first)[row])}."
        )
    return _Coded(name=factor.text, levels=None, values=values)


def _code_category(factor: Category, table: _Table) -> _Coded:
    levels, positions = _levels(factor, table)
    if len(levels) == 1:
        reject(f'formula must name columns that vary. Every row of the column {factor.name} is "{levels[0]}".')
    if factor.reference is not None:
        if factor.reference not in levels:
            shown = ", ".join(levels[:20]) + (", ..." if len(levels) > 20 else "")  # noqa: PLR2004  one cell
            reject(
                f"formula must choose a level of the column as reference. {factor.name} has no level "
                f'"{factor.reference}"; its levels are {shown}.'
            )
        chosen = levels.index(factor.reference)
        levels = (levels[chosen], *levels[:chosen], *levels[chosen + 1 :])
        positions = np.where(positions == chosen, 0, positions + (positions < chosen))
    return _Coded(name=factor.name, levels=levels, values=positions.astype(np.float64))


def _levels(factor: Category, table: _Table) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Labels of the levels in sorted order, and the position (N,) of each row's level."""
    cells = table.cells(factor.name)
    if not table.is_text(factor.name):
        distinct, positions = np.unique(table.numbers(factor.name), return_inverse=True)
        logical = all(isinstance(cell, bool | np.bool_) for cell in cells)
        labels = [describe(bool(value) if logical else value) for value in distinct.tolist()]
        # numbers that look alike to all of the 15 digits Excel shows are one level
        level_of = {label: position for position, label in enumerate(dict.fromkeys(labels))}
        return tuple(level_of), np.array([level_of[label] for label in labels])[positions]
    texts = cast("list[str]", cells)
    if not factor.asked and all(map(is_number_stored_as_text, texts)):
        advice = advice_on_stored_text(texts, f"the column {factor.name}")
        instead = f" Or write C({factor.name}) to make a level of each."
        table.data.reject_cell(0, table.names.index(factor.name), rule="must be a number.", advice=advice + instead)
    levels = sorted(set(texts))
    _require_distinct(levels, factor)
    index = {level: position for position, level in enumerate(levels)}
    positions = np.fromiter(map(index.__getitem__, texts), dtype=np.intp, count=len(texts))
    return tuple(level.strip() for level in levels), positions


def _require_distinct(levels: list[str], factor: Category) -> None:
    """Refuse levels that differ by spaces around them, and by case unless C() was written."""
    alike: dict[str, list[str]] = {}
    for level in levels:
        label = level.strip()
        alike.setdefault(label if factor.asked else label.casefold(), []).append(f'"{level}"')
    sets = [" and ".join(shown) for shown in alike.values() if len(shown) > 1]
    if sets:
        more = f"; and {len(sets) - MOST_SETS_LISTED} more" if len(sets) > MOST_SETS_LISTED else ""
        in_case = "" if factor.asked else f" Write C({factor.name}) for levels that differ in case on purpose."
        reject(
            f"formula must name columns of distinct levels. {factor.name} holds levels that look alike: "
            f"{'; '.join(sets[:MOST_SETS_LISTED])}{more}. Correct the cells, or clean them with TRIM().{in_case}"
        )


# the columns ---------------------------------------------------------------------------------------------------------


def _expand(parsed: ParsedFormula, coded: Sequence[_Coded]) -> list[list[str | float]]:
    """The header and the rows of the coded columns."""
    formulaic = require("formulaic", extra="formulas", purpose="A formula")
    pandas = require("pandas", extra="formulas", purpose="A formula")
    frame = pandas.DataFrame(
        {
            f"f{position}": factor.values
            if factor.levels is None
            else pandas.Categorical.from_codes(factor.values.astype(np.intp), categories=range(len(factor.levels)))
            for position, factor in enumerate(coded)
        }
    )
    try:
        _require_moderate(formulaic.parser.DefaultFormulaParser().parse(parsed.text, target="ast"))
        terms = formulaic.Formula(parsed.text)
        _require_few_columns(terms, coded)
        with np.errstate(over="ignore", invalid="ignore"):
            matrix = terms.get_model_matrix(frame, context={}, output="numpy", na_action="raise")
    except formulaic.errors.FormulaParsingError as error:
        problem = re.sub("f([0-9]+)", lambda found: coded[int(found[1])].name, first_line(error))
        reject(f"formula cannot be read: {problem} {EXAMPLE}")
    kept = [(i, name) for i, name in enumerate(matrix.model_spec.column_names) if name != "Intercept"]
    if not kept:
        reject(f"formula must name columns. It leaves none beside the intercept. {EXAMPLE}")
    header: list[str | float] = [_display_name(name, coded) for _, name in kept]
    values = np.asarray(matrix, dtype=np.float64)[:, [i for i, _ in kept]]
    beyond = np.argwhere(~np.isfinite(values))
    if len(beyond):
        row, column = (int(i) for i in beyond[0])
        reject(
            f"formula must give finite numbers. {header[column]} has none in row {row + 2} of data: the product is too "
            "large. Measure its columns in larger units."
        )
    return [header, *values.tolist()]


def _display_name(name: str, coded: Sequence[_Coded]) -> str:
    """trt[treat]:age for f0[T.1]:f1."""
    parts = []
    for part in name.split(":"):
        found = CODED_NAME.fullmatch(part)
        if found is None:
            reject(f"formula must scale columns by arithmetic, as in I(age / 10). {EXAMPLE}")
        factor = coded[int(found[1])]
        parts.append(factor.name if factor.levels is None else f"{factor.name}[{factor.levels[int(found[2])]}]")
    return ":".join(parts)


def _require_moderate(tree: Any) -> None:
    if _most_terms(tree) > MOST_TERMS:
        reject(
            f"formula must give at most {MOST_TERMS:,} terms. Its products and powers give more; name fewer columns."
        )


def _most_terms(tree: Any) -> int:
    """How many terms a formula has at most, counted without expanding it."""
    arguments = getattr(tree, "args", ())
    if not arguments:
        return 1
    symbol = tree.operator.symbol
    if symbol in {"**", "^"}:
        exponent = str(arguments[1])
        if not re.fullmatch("[1-9]", exponent):
            reject("formula must raise to a power from 1 to 9, as in (a + b)**2; of numbers, as in I(age**2).")
        return int(_most_terms(arguments[0]) ** int(exponent))
    sizes = [_most_terms(argument) for argument in arguments]
    if symbol == "*":
        return sum(sizes) + math.prod(sizes)
    return math.prod(sizes) if symbol == ":" else sum(sizes)


def _require_few_columns(terms: Any, coded: Sequence[_Coded]) -> None:
    sizes = {f"f{position}": len(factor.levels or "1") for position, factor in enumerate(coded)}
    columns = sum(math.prod(sizes.get(factor.expr, 1) for factor in term.factors) for term in terms)
    if columns > MOST_COLUMNS:
        most, name = max((len(factor.levels or ""), factor.name) for factor in coded)
        advice = f" {name} has {most:,} levels; labels of groups belong in the argument groups." if most else ""
        reject(f"formula must give at most {MOST_COLUMNS:,} columns. It gives up to {columns:,}.{advice}")
