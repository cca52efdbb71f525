"""What an analyst makes of a fitted table by ordinary Excel formulas."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glmm_binomial.writer.fit_table import FitTable
from glmm_binomial.writer.page import Column, Computed, Page, cell, fixed_cell

NORMAL_975 = "NORMSINV(0.975)"
NORMAL_975_VALUE = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Term:
    """A fixed effect: its name in the fitted table, what it says in words, and the coefficient published elsewhere."""

    name: str
    meaning: str
    published: float


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Where a coefficient stands on a sheet, and its value."""

    reference: str
    value: float


def expit(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def linear_predictor(
    coefficients: Mapping[str, Coefficient], columns: Mapping[str, tuple[str, float]]
) -> Computed[float]:
    """Add up the intercept and each coefficient times its column: by cell, the column's name and value."""
    intercept = coefficients["intercept"]
    formula, value = f"={intercept.reference}", intercept.value
    for column_cell, (name, column_value) in columns.items():
        formula += f"+{coefficients[name].reference}*{column_cell}"
        value += coefficients[name].value * column_value
    return Computed(formula, value)


def write_odds_ratios(page: Page, fit: FitTable, *, terms: Sequence[Term], published: str) -> dict[str, Coefficient]:
    """Write a row for each term: coefficient, odds ratio with 95 % interval, p-value, and the published coefficient.

    Returns
    -------
    dict
        The coefficients by the name of their term, for formulas elsewhere.
    """
    formats = page.formats
    columns = (
        Column("Term", formats.text, is_text=True),
        Column("What the odds ratio compares", formats.text, is_text=True),
        Column("Coefficient\n(log-odds)", formats.estimate),
        Column("Odds ratio", formats.estimate),
        Column("95 % interval,\nlower", formats.estimate),
        Column("95 % interval,\nupper", formats.estimate),
        Column("p-value", formats.p_value),
        Column(published, formats.estimate),
    )
    first = page.row + 1
    rows = [_odds_ratio_row(fit, term, first + i) for i, term in enumerate(terms)]
    page.table(columns, rows)
    sheet = f"'{page.name}'"
    return {
        term.name: Coefficient(f"{sheet}!{fixed_cell(first + i, 2)}", fit.term("", term.name, "coefficient").value)
        for i, term in enumerate(terms)
    }


def _odds_ratio_row(fit: FitTable, term: Term, row: int) -> tuple[str | float | Computed[float], ...]:
    name_cell = f"$A{row + 1}"
    coefficient, lower, upper, p_value = (
        fit.term(name_cell, term.name, column) for column in ("coefficient", "ci_lower", "ci_upper", "p_value")
    )
    return (
        term.name,
        term.meaning,
        coefficient,
        Computed(f"=EXP({cell(row, 2)})", math.exp(coefficient.value)),
        Computed(f"=EXP({lower.formula[1:]})", math.exp(lower.value)),
        Computed(f"=EXP({upper.formula[1:]})", math.exp(upper.value)),
        p_value,
        term.published,
    )


def write_spread(page: Page, fit: FitTable, *, intercept: Coefficient, group: str, baseline: str) -> Coefficient:
    """Write how much the groups differ, and what that means for the probability in the baseline.

    Parameters
    ----------
    page, fit
        The sheet and the fitted table.
    intercept
        The intercept.
    group
        What a group is, in the plural.
    baseline
        The probability that the intercept stands for, such as "Incidence in period 1".

    Returns
    -------
    Coefficient
        The standard deviation between groups.
    """
    sd, row = fit.random_intercept("std_dev"), page.row + 1
    sd_cell = fixed_cell(row, 2)
    low, high = (intercept.value + sign * NORMAL_975_VALUE * sd.value for sign in (-1, 1))
    quantities = (
        ("SD", f"Standard deviation between {group}, on the log-odds scale", sd),
        ("ICC", f"Share of the variation that lies between {group} (log-odds scale)", fit.diagnostic("icc")),
        (
            "Lower",
            f"{baseline}: 2.5 % of {group} lie below",
            Computed(f"=1/(1+EXP(-({intercept.reference}-{NORMAL_975}*{sd_cell})))", expit(low)),
        ),
        (
            "Upper",
            f"{baseline}: 2.5 % of {group} lie above",
            Computed(f"=1/(1+EXP(-({intercept.reference}+{NORMAL_975}*{sd_cell})))", expit(high)),
        ),
    )
    formats = page.formats
    columns = (
        Column("Quantity", formats.text, is_text=True),
        Column("What it says", formats.text, is_text=True),
        Column("Value", formats.estimate),
    )
    page.table(columns, quantities)
    return Coefficient(f"'{page.name}'!{sd_cell}", sd.value)
