"""herds.xlsx: disease in 15 herds of cattle over four periods, as counts of new cases among the animals of a herd."""

import math
from pathlib import Path

import sources
from analysis import (
    SHRINKAGE,
    SHRINKAGE_VALUE,
    Coefficient,
    Term,
    expit,
    linear_predictor,
    probability,
    write_odds_ratios,
    write_spread,
)
from charts import Frame, Rows, Series, write_comparison
from cover import Cover, write_cover
from data_table import DataColumn, Row, complete, table_columns, this_row, write_data
from fit_table import HOW_TO_READ, WIDTHS, FitTable, write_fit
from formula import call
from page import Column, Computed, Content, Page, Report, cell, new_report
from style import AVERAGED, FITTED, OBSERVED

TABLE = "Herds"
SOURCE = (
    "Lesnoff, M. and others (2004), Within-herd spread of contagious bovine pleuropneumonia in Ethiopian highlands, "
    "Preventive Veterinary Medicine 64, 27-40; data set cbpp of the R package lme4."
)
PERIODS = (1, 2, 3, 4)
DUMMIES = ("period_2", "period_3", "period_4")


def _dummy(period: int) -> DataColumn:
    return DataColumn(
        f"period_{period}",
        f"1 in period {period}, otherwise 0; made by a formula. Period 1 is what the others are compared with.",
        f"=IF({this_row(TABLE, 'period')}={period},1,0)",
        lambda row: float(row["period"] == period),
    )


COLUMNS = (
    DataColumn("herd", "Herd, 1 to 15."),
    DataColumn("period", "Period of three months, 1 to 4."),
    DataColumn("cases", "Animals of the herd found infected for the first time in the period."),
    DataColumn("animals", "Animals in the herd at the beginning of the period."),
    *(_dummy(period) for period in PERIODS[1:]),
)

# the last number is the maximum-likelihood estimate, src/glmm_binomial/certified/certified.json
TERMS = (
    Term("intercept", "Odds of a new case in period 1", -1.39923044429),
    Term("period_2", "Period 2 against period 1", -0.99140367244),
    Term("period_3", "Period 3 against period 1", -1.12781946689),
    Term("period_4", "Period 4 against period 1", -1.57947075036),
)

COVER = Cover(
    title="Lung disease in herds of cattle",
    subtitle="A binomial mixed model of new cases among the animals of 15 herds",
    sections={
        "Question": "Does the incidence of the disease fall from one period to the next?",
        "Data": (
            "Contagious bovine pleuropneumonia in 15 herds of zebu cattle in Ethiopia. Blood samples were taken "
            "every three months; each row holds the number of new cases in a herd and period, and the number of "
            "animals. 4 of the 60 possible rows are missing because herds were lost to follow-up. Animals of one "
            "herd are not independent."
        ),
        "Model": (
            "Logistic regression of cases out of animals on the period, with a random intercept for each herd. The "
            "counts go into the formula as they are: y is the number of cases, and the last argument, trials, the "
            "number of animals."
        ),
        "Answer": (
            "After the first period the odds of a new case fall to between a fifth and two fifths of what they were. "
            "Herds differ considerably: see the foot of the sheet Odds ratios."
        ),
    },
    columns={column.name: column.meaning for column in COLUMNS},
    sheets={
        "Data": "The counts as an Excel table, with the 0/1 columns for the periods made by formulas.",
        "Fit": "The fitted model: one formula, and the table it returns.",
        "Odds ratios": "Each period against the first, with intervals; how much herds differ.",
        "Incidence": "Fitted incidence in each period, beside the observed one.",
    },
    sources=(SOURCE,),
)


def write(path: Path) -> None:
    """Write the workbook."""
    rows = complete(COLUMNS, [_row(record) for record in sources.read("cbpp.csv")])
    with new_report(path, "Lung disease in herds of cattle") as report:
        write_cover(report, COVER)
        _write_data(report, rows)
        fit = _write_fit(report, rows)
        coefficients, sd = _write_odds_ratios(report, fit)
        _write_incidence(report, rows, coefficients, sd)


def _row(record: dict[str, str]) -> Row:
    return {
        "herd": float(record["herd"]),
        "period": float(record["period"]),
        "cases": float(record["incidence"]),
        "animals": float(record["size"]),
    }


def _write_data(report: Report, rows: list[Row]) -> None:
    page = report.page("Data", (12, 12, 12, 12, 14, 14, 14))
    page.title("Data", f"One row per herd and period: {len(rows)} rows, 15 herds")
    page.paragraph("cases and animals are numbers of animals; the last three columns are made by formulas.")
    page.skip()
    write_data(page, TABLE, columns=COLUMNS, rows=rows)


def _write_fit(report: Report, rows: list[Row]) -> FitTable:
    page = report.page("Fit", WIDTHS)
    page.title("Fit", "Logistic regression of counts with a random intercept for each herd")
    page.paragraph(HOW_TO_READ)
    page.skip()
    y, groups, trials = (table_columns(TABLE, rows, name) for name in ("cases", "herd", "animals"))
    x = table_columns(TABLE, rows, *DUMMIES)
    return write_fit(page, call("GLMM_BINOMIAL", y=y, x=x, groups=groups, trials=trials))


def _write_odds_ratios(report: Report, fit: FitTable) -> tuple[dict[str, Coefficient], Coefficient]:
    page = report.page("Odds ratios", (21, 58, 13, 12, 14, 14, 11, 16))
    page.title("Odds ratios", "How many times the odds of a new case, for animals of one and the same herd")
    page.paragraph(
        "An odds ratio of 0.5 means that the odds (new cases for each animal not infected) are half as high; 1 "
        "means no difference. The interval covers the true odds ratio with 95 % confidence. The last column is the "
        'coefficient by maximum likelihood, which the formula gives with "ml" as its seventh argument (method); '
        "the default method allows for weak prior knowledge and differs slightly in small data such as these."
    )
    page.skip()
    coefficients = write_odds_ratios(page, fit, terms=TERMS, published="Coefficient by\nmax. likelihood")
    page.skip()
    page.heading("How much herds differ")
    sd = write_spread(page, fit, intercept=coefficients["intercept"], group="herds", baseline="Incidence in period 1")
    return coefficients, sd


def _write_incidence(report: Report, rows: list[Row], coefficients: dict[str, Coefficient], sd: Coefficient) -> None:
    page = report.page("Incidence", (9, 10, 10, 10, 12, 13, 13, 13, 10, 10))
    page.title("Incidence", "Share of the animals of a herd that are found newly infected in a period")
    page.paragraph(
        "Typical herd is the fitted incidence in a herd with a random intercept of zero. Average over herds allows "
        "for herds that lie above and below, by the approximation of Zeger, Liang and Albert (Biometrics 1988), here "
        "within 0.004 of the exact average. Observed is the number of new cases divided by that of animals over all "
        "herds, so that large herds count for more in it."
    )
    page.skip()
    first = page.row + 1
    _write_periods(page, rows, coefficients, sd)
    page.skip()
    frame = Frame(
        title="Incidence by period: observed and fitted",
        x_title="Period (three months each)",
        y_title="New cases per animal",
        y_limits=(0, 0.3),
        y_step=0.05,
        description="Column chart: incidence in each period as observed, as fitted on average and in a typical herd",
    )
    bars = (
        Series(7, "Observed", OBSERVED),
        Series(6, "Fitted, average over herds", AVERAGED),
        Series(5, "Fitted, typical herd", FITTED),
    )
    write_comparison(report, page, frame, Rows(page.name, first, first + len(PERIODS) - 1, (0, 0)), bars)


def _write_periods(page: Page, rows: list[Row], coefficients: dict[str, Coefficient], sd: Coefficient) -> None:
    formats = page.formats
    columns = (
        Column("Period", formats.small_integer),
        *(Column(name, formats.small_integer) for name in DUMMIES),
        Column("Log-odds", formats.estimate),
        Column("Typical herd", formats.estimate),
        Column("Average over herds", formats.estimate),
        Column("Observed incidence", formats.estimate),
        Column("New cases", formats.count),
        Column("Animals", formats.count),
    )
    first = page.row + 1
    page.table(columns, [_period_row(first + i, period, rows, coefficients, sd) for i, period in enumerate(PERIODS)])


def _period_row(
    row: int, period: int, rows: list[Row], coefficients: dict[str, Coefficient], sd: Coefficient
) -> tuple[Content, ...]:
    period_cell, *coded_cells = (cell(row, column) for column in range(4))
    log_odds_cell, cases_cell, animals_cell = (cell(row, column) for column in (4, 8, 9))
    coded = {name: float(name == f"period_{period}") for name in DUMMIES}
    log_odds = linear_predictor(coefficients, dict(zip(coded_cells, coded.items(), strict=True)))
    cases, animals = (sum(float(r[name]) for r in rows if r["period"] == period) for name in ("cases", "animals"))
    return (
        float(period),
        *(Computed(f"=IF({period_cell}={name.removeprefix('period_')},1,0)", value) for name, value in coded.items()),
        log_odds,
        probability(log_odds, log_odds_cell),
        Computed(
            f"=1/(1+EXP(-{log_odds_cell}/SQRT(1+{SHRINKAGE}*{sd.reference}^2)))",
            expit(log_odds.value / math.sqrt(1 + SHRINKAGE_VALUE * sd.value**2)),
        ),
        Computed(f"={cases_cell}/{animals_cell}", cases / animals),
        Computed(f"=SUMIFS({TABLE}[cases],{TABLE}[period],{period_cell})", cases),
        Computed(f"=SUMIFS({TABLE}[animals],{TABLE}[period],{period_cell})", animals),
    )
