"""herds.xlsx: disease in 15 herds of cattle over four periods, as counts of new cases among the animals of a herd."""

from collections.abc import Sequence
from pathlib import Path

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range

import sources
from analysis import Term, write_odds_ratios, write_spread
from cover import Cover, write_cover
from example_report import new_example
from glmm_binomial.writer.charts import Frame, Rows, Series, write_comparison
from glmm_binomial.writer.data_table import DataColumn, Row, complete, write_data
from glmm_binomial.writer.fit_table import HOW_TO_READ, WIDTHS, FitTable, write_fit
from glmm_binomial.writer.formula import Cell, Expression, call, constant
from glmm_binomial.writer.page import Column, Computed, Content, Page, Report, cell
from glmm_binomial.writer.spill import ModelCell, Style, table_style, write_model, write_spill
from glmm_binomial.writer.style import AVERAGED, FITTED, OBSERVED

TABLE = "Herds"
SOURCE = (
    "Lesnoff, M. and others (2004), Within-herd spread of contagious bovine pleuropneumonia in Ethiopian highlands, "
    "Preventive Veterinary Medicine 64, 27-40; data set cbpp of the R package lme4."
)
PERIODS = (1, 2, 3, 4)
FORMULA = "cases / animals ~ C(period) + (1 | herd)"
ALIKE = "cases / animals ~ 1 + (1 | herd)"
# the columns that spill beside the periods
TYPICAL, AVERAGE, SPILLED = 1, 6, 9
SMALL = 5e-4

COLUMNS = (
    DataColumn("herd", "Herd, 1 to 15."),
    DataColumn("period", "Period of three months, 1 to 4."),
    DataColumn("cases", "Animals of the herd found infected for the first time in the period."),
    DataColumn("animals", "Animals in the herd at the beginning of the period."),
)

# the last number is the maximum-likelihood estimate, src/glmm_binomial/certified/certified.json
TERMS = (
    Term("intercept", "Odds of a new case in period 1", -1.39923044429),
    Term("period[2]", "Period 2 against period 1", -0.99140367244),
    Term("period[3]", "Period 3 against period 1", -1.12781946689),
    Term("period[4]", "Period 4 against period 1", -1.57947075036),
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
            "counts go into the formula of the model as they are, as cases / animals, and C(period) makes a factor of "
            "the numbers of the periods."
        ),
        "Answer": (
            "After the first period the odds of a new case fall to between a fifth and two fifths of what they were. "
            "Herds differ considerably: see the foot of the sheet Odds ratios."
        ),
    },
    columns={column.name: column.meaning for column in COLUMNS},
    sheets={
        "Data": "The counts as an Excel table.",
        "Fit": "The fitted model in one cell, and its table.",
        "Odds ratios": "Each period against the first, with intervals; how much herds differ.",
        "Contrasts": "GLMM_BINOMIAL_CONTRAST and GLMM_BINOMIAL_MARGINS: periods compared, also in animals.",
        "Quality": "GLMM_BINOMIAL_COMPARE, _TERMS and _QUALITY: is the period needed, and how good is the model?",
        "Influence": "GLMM_BINOMIAL_INFLUENCE: what becomes of the coefficients without each herd.",
        "Incidence": "GLMM_BINOMIAL_PREDICT: fitted incidence in each period, beside the observed one.",
    },
    sources=(SOURCE,),
)


def write(path: Path) -> None:
    """Write the workbook."""
    rows = complete(COLUMNS, [_row(record) for record in sources.read("cbpp.csv")])
    with new_example(path, "Lung disease in herds of cattle") as report:
        write_cover(report, COVER)
        _write_data(report, rows)
        data = _data(rows)
        model, fit = _write_fit(report, data)
        _write_odds_ratios(report, fit)
        _write_contrasts(report, model)
        _write_quality(report, model, data)
        _write_influence(report, model)
        _write_incidence(report, rows, model)


def _row(record: dict[str, str]) -> Row:
    return {
        "herd": float(record["herd"]),
        "period": float(record["period"]),
        "cases": float(record["incidence"]),
        "animals": float(record["size"]),
    }


def _write_data(report: Report, rows: list[Row]) -> None:
    page = report.page("Data", (12, 12, 12, 12))
    page.title("Data", f"One row per herd and period: {len(rows)} rows, 15 herds")
    page.paragraph("cases and animals are numbers of animals.")
    page.skip()
    write_data(page, TABLE, columns=COLUMNS, rows=rows)


def _data(rows: list[Row]) -> Expression:
    names = [column.name for column in COLUMNS]
    return Expression(f"{TABLE}[#All]", [names, *([row[name] for name in names] for row in rows)])


def _write_fit(report: Report, data: Expression) -> tuple[ModelCell, FitTable]:
    page = report.page("Fit", WIDTHS)
    page.title("Fit", "Logistic regression of counts with a random intercept for each herd")
    page.paragraph(HOW_TO_READ)
    page.skip()
    model = write_model(page, call("GLMM_BINOMIAL_FORMULA", data=data, formula=constant(FORMULA)), handle="GLMM@1")
    return model, write_fit(page, call("GLMM_BINOMIAL_TABLE", model=model.on(page)))


def _write_odds_ratios(report: Report, fit: FitTable) -> None:
    page = report.page("Odds ratios", (21, 58, 13, 12, 14, 14, 11, 16))
    page.title("Odds ratios", "How many times the odds of a new case, for animals of one and the same herd")
    page.paragraph(
        "An odds ratio of 0.5 means that the odds (new cases for each animal not infected) are half as high; 1 "
        "means no difference. The interval covers the true odds ratio with 95 % confidence. The last column is the "
        'coefficient by maximum likelihood, which the formula of the model gives with "ml" as its third argument; '
        "the default method allows for weak prior knowledge and differs slightly in small data such as these."
    )
    page.skip()
    coefficients = write_odds_ratios(page, fit, terms=TERMS, published="Coefficient by\nmax. likelihood")
    page.skip()
    page.heading("How much herds differ")
    write_spread(page, fit, intercept=coefficients["intercept"], group="herds", baseline="Incidence in period 1")


def _write_contrasts(report: Report, model: ModelCell) -> None:
    page = report.page("Contrasts", (17, 13, 16, 13, 12, 12, 12, 13, 13, 34, 74))
    page.title("Contrasts", "Periods compared with each other, and what the differences mean in animals")
    page.paragraph(
        "Each period against the one before it: odds ratios for animals of one herd. p_adjusted allows for three "
        "comparisons (Holm); the interval belongs to p_value. Only the step from period 1 to period 2 is clear."
    )
    page.skip()
    by, compare = constant("period"), constant("sequential")
    compared = call("GLMM_BINOMIAL_CONTRAST", model=model.on(page), by=by, compare=compare)
    page.code("Formula", compared.shown)
    write_spill(page, compared, style=_with_texts(page, 0, 8))
    page.skip()
    page.heading("Average effects")
    page.paragraph(
        "How much less often an animal is found newly infected than in period 1, averaged over the animals and over "
        "the population of herds. A success is here a harm, a new case, so NNTH counts the animals in which one case "
        "less is found: read benefit and harm the other way round."
    )
    page.skip()
    effects = call("GLMM_BINOMIAL_MARGINS", model=model.on(page))
    page.code("Formula", effects.shown)
    write_spill(page, effects, style=_with_texts(page, 0, 1, 9, 10))


def _write_quality(report: Report, model: ModelCell, data: Expression) -> None:
    page = report.page("Quality", (38, 13, 16, 13, 12, 14, 13, 9, 13, 74))
    page.title("Quality", "Whether the periods are needed, and how well the model describes the counts")
    page.paragraph(
        "Beside the model stands the one in which all periods are alike. Their likelihoods, which hold no prior, are "
        "compared: by AIC, by its weights, and by the likelihood-ratio test of the row against the row above it."
    )
    page.skip()
    alike = call("GLMM_BINOMIAL_FORMULA", data=data, formula=constant(ALIKE))
    compared = call("GLMM_BINOMIAL_COMPARE", model=alike, model2=model.on(page))
    page.code("Formula", compared.shown)
    write_spill(page, compared, style=_with_texts(page, 0, 9))
    page.skip()
    page.heading("Each term left out")
    page.paragraph(
        "The period, and the random intercept that lets herds differ: without it, the model is a logistic regression "
        "that takes all animals for independent. A variance cannot be negative, so its p is half of chi-square's."
    )
    page.skip()
    terms = call("GLMM_BINOMIAL_TERMS", model=model.on(page))
    page.code("Formula", terms.shown)
    write_spill(page, terms, style=_with_texts(page, 0, 5))
    page.skip()
    page.heading("Measures")
    page.paragraph(
        "Shares of variance with 95 % intervals, and how the fitted probabilities agree with the counts: for a typical "
        "herd, and for the known herds, each with its own estimate."
    )
    page.skip()
    measures = call("GLMM_BINOMIAL_QUALITY", model=model.on(page))
    page.code("Formula", measures.shown)
    write_spill(page, measures, style=_with_texts(page, 0, 4))


def _write_influence(report: Report, model: ModelCell) -> None:
    page = report.page("Influence", (17, 15, 16, 13, 13, 13, 13, 26, 74))
    page.title("Influence", "What the answer owes to each herd")
    page.paragraph(
        "Each herd is left out in turn. The columns of the coefficients say by how many standard errors they move; "
        "Cook's distance sums the moves up. Herds 1 and 11 matter most: without herd 11 the fall from period 1 to "
        "period 2 would be steeper by more than one standard error. No verdict depends on a single herd."
    )
    page.skip()
    influence = call("GLMM_BINOMIAL_INFLUENCE", model=model.on(page))
    page.code("Formula", influence.shown)
    write_spill(page, influence, style=_with_texts(page, 0, 7, 8, counts=(1,)))


def _with_texts(page: Page, *columns: int, counts: Sequence[int] = ()) -> Style:
    """The formats of a table of estimates some of whose columns hold texts; small p-values with their digits."""
    formats, plain = page.formats, table_style(page, counts=counts)

    def style(line: int, column: int, value: Cell) -> Format:
        if column in columns or (line and isinstance(value, str) and value):
            if not column:
                return formats.text if line else formats.spill_header
            return formats.spill_sentence if line else formats.spill_sentence_header
        is_small = isinstance(value, float) and 0.0 < abs(value) < SMALL
        return formats.spill_very_small if is_small else plain(line, column, value)

    return style


def _write_incidence(report: Report, rows: list[Row], model: ModelCell) -> None:
    page = report.page("Incidence", (9, 12, 12, 12, 12, 12, 19, 17, 17, 16, 13, 10, 10))
    page.title("Incidence", "Share of the animals of a herd that are found newly infected in a period")
    page.paragraph(
        "probability is the fitted incidence in a typical herd, one with a random intercept of zero, with its 95 % "
        "interval. population_average allows for herds that lie above and below. Observed is the number of new cases "
        "divided by that of animals over all herds, so that large herds count for more in it."
    )
    page.skip()
    typed = Expression(
        xl_range(page.row + 1, 0, page.row + 1 + len(PERIODS), 0), [("period",), *((float(p),) for p in PERIODS)]
    )
    predicted = call("GLMM_BINOMIAL_PREDICT", model=model.on(page), new_data=typed)
    page.code("Formula", predicted.shown)
    top = page.row
    page.table([Column("period", page.formats.small_integer)], typed.cells[1:])
    page.row = top
    observed = (
        Column("Observed incidence", page.formats.estimate),
        Column("New cases", page.formats.count),
        Column("Animals", page.formats.count),
    )
    left = 1 + SPILLED
    page.table(observed, [_observed(rows, period, top + i, left) for i, period in enumerate(PERIODS, 1)], left=left)
    write_spill(page, predicted, style=table_style(page), top=top, left=1)
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
        Series(left, "Observed", OBSERVED),
        Series(AVERAGE, "Fitted, average over herds", AVERAGED),
        Series(TYPICAL, "Fitted, typical herd", FITTED),
    )
    write_comparison(report, page, frame, Rows(page.name, top + 1, top + len(PERIODS), (0, 0)), bars)


def _observed(rows: list[Row], period: int, row: int, left: int) -> tuple[Content, ...]:
    """Observed incidence, new cases and animals of a period, by ordinary formulas."""
    period_cell = cell(row, 0)
    cases, animals = (sum(float(r[name]) for r in rows if r["period"] == period) for name in ("cases", "animals"))
    return (
        Computed(f"={cell(row, left + 1)}/{cell(row, left + 2)}", cases / animals),
        Computed(f"=SUMIFS({TABLE}[cases],{TABLE}[period],{period_cell})", cases),
        Computed(f"=SUMIFS({TABLE}[animals],{TABLE}[period],{period_cell})", animals),
    )
