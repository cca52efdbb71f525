"""herds.xlsx: disease in 15 herds of cattle over four periods, as counts of new cases among the animals of a herd."""

from pathlib import Path

from xlsxwriter.utility import xl_range

import sources
from analysis import Term, write_odds_ratios, write_spread
from cover import Cover, write_cover
from example_report import new_example
from glmm_binomial.writer.answer import write_answer
from glmm_binomial.writer.chart_numbers import ChartNumbers
from glmm_binomial.writer.charts import CHART_ROWS, Bars, Frame, Interval, write_bars
from glmm_binomial.writer.data_table import DataColumn, Row, complete, write_data
from glmm_binomial.writer.fit_table import HOW_TO_READ, WIDTHS, FitTable, write_fit
from glmm_binomial.writer.fit_view import write_view
from glmm_binomial.writer.formula import Expression, call, constant, number
from glmm_binomial.writer.group_chart import write_caterpillar
from glmm_binomial.writer.odds_ratio_chart import write_forest
from glmm_binomial.writer.page import Column, Computed, Page, Report, cell, fixed_cell, sheet_prefix
from glmm_binomial.writer.spill import ModelCell, table_style, write_model, write_spill
from glmm_binomial.writer.style import FITTED, INTERVAL, OBSERVED

TABLE = "Herds"
SOURCE = (
    "Lesnoff, M. and others (2004), Within-herd spread of contagious bovine pleuropneumonia in Ethiopian highlands, "
    "Preventive Veterinary Medicine 64, 27-40; data set cbpp of the R package lme4."
)
PERIODS = (1, 2, 3, 4)
FORMULA = "cases / animals ~ C(period) + (1 | herd)"
# for the view of the fit and its chart, above the table
VIEW_ROWS = 42
ALIKE = "cases / animals ~ 1 + (1 | herd)"
# the columns that spill beside the periods: the average over herds and its limits
AVERAGE, SPILLED = 6, 9

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

# a trial of a vaccine in two herds, which stand for as many as are asked for: four samples of each herd
SAMPLES, SAMPLED, WITHOUT_VACCINE, EFFECT, SPREAD, SIZES = 4, 15.0, -1.4, -0.7, 0.65, (20.0, 40.0, 80.0)

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
        "Fit": "The fitted model in one cell, its odds ratios, and its table.",
        "Odds ratios": "Each period against the first, with intervals; GLMM_BINOMIAL_RANEF: how much herds differ.",
        "Contrasts": "GLMM_BINOMIAL_CONTRAST and GLMM_BINOMIAL_MARGINS: periods compared, also in animals.",
        "Quality": "GLMM_BINOMIAL_COMPARE, _TERMS and _QUALITY: is the period needed, and how good is the model?",
        "Influence": "GLMM_BINOMIAL_INFLUENCE: what becomes of the coefficients without each herd.",
        "Residuals": "GLMM_BINOMIAL_CHECK and GLMM_BINOMIAL_RESIDUALS: whether the model makes counts like these.",
        "Plan": "GLMM_BINOMIAL_POWER: how many herds a trial of a vaccine would need.",
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
        numbers = ChartNumbers()
        model, fit = _write_fit(report, numbers, data)
        _write_odds_ratios(report, numbers, model, fit)
        _write_contrasts(report, model)
        _write_quality(report, model, data)
        _write_influence(report, model)
        _write_residuals(report, model)
        _write_plan(report)
        _write_incidence(report, numbers, rows, model)
        numbers.write(report)


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


def _write_fit(report: Report, numbers: ChartNumbers, data: Expression) -> tuple[ModelCell, FitTable]:
    page = report.page("Fit", WIDTHS)
    page.title("Fit", "Logistic regression of counts with a random intercept for each herd")
    model = write_model(page, call("GLMM_BINOMIAL_FORMULA", data=data, formula=constant(FORMULA)), handle="GLMM@1")
    page.heading("Odds ratios")
    page.paragraph(
        "Each period against the first, for animals of one and the same herd, picked from the table below by ordinary "
        "formulas; the row intercept gives the odds of a new case in period 1."
    )
    table = call("GLMM_BINOMIAL_TABLE", model=model.on(page))
    below = page.row
    page.skip(VIEW_ROWS)
    page.break_page()
    page.heading("The table")
    page.paragraph(HOW_TO_READ)
    fit = write_fit(page, table)
    page.row = below
    page.labelled("Warnings", fit.warnings, least_lines=2)
    page.skip()
    write_forest(report, page, numbers, write_view(page, fit))
    return model, fit


def _write_odds_ratios(report: Report, numbers: ChartNumbers, model: ModelCell, fit: FitTable) -> None:
    page = report.page("Odds ratios", (12, 54, 12, 12, 13, 13, 11, 14))
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
    page.skip()
    chart_at = page.row
    page.skip(CHART_ROWS)
    effects = write_answer(page, call("GLMM_BINOMIAL_RANEF", model=model.on(page)))
    page.row = chart_at
    title = "Random effect of each herd, with its interval; the three lowest and highest by their number"
    room, y_title = len(effects.rows) - 1, "Random effect (log-odds)"
    write_caterpillar(report, page, numbers, effects, room=room, title=title, y_title=y_title)


def _write_contrasts(report: Report, model: ModelCell) -> None:
    page = report.page("Contrasts", (17, 13, 16, 12, 12, 12, 12, 12, 12, 30))
    page.title("Contrasts", "Periods compared with each other, and what the differences mean in animals")
    page.paragraph(
        "Each period against the one before it: odds ratios for animals of one herd. p_adjusted allows for three "
        "comparisons (Holm); the interval belongs to p_value. Only the step from period 1 to period 2 is clear."
    )
    page.skip()
    by, compare = constant("period"), constant("sequential")
    compared = call("GLMM_BINOMIAL_CONTRAST", model=model.on(page), by=by, compare=compare)
    write_answer(page, compared)
    page.skip()
    page.heading("Average effects")
    page.paragraph(
        "How much less often an animal is found newly infected than in period 1, averaged over the animals and over "
        "the population of herds. A success is here a harm, a new case, so NNTH counts the animals in which one case "
        "less is found: read benefit and harm the other way round."
    )
    page.skip()
    effects = call("GLMM_BINOMIAL_MARGINS", model=model.on(page))
    write_answer(page, effects)


def _write_quality(report: Report, model: ModelCell, data: Expression) -> None:
    page = report.page("Quality", (34, 13, 15, 10, 10, 12, 12, 8, 10, 22))
    page.title("Quality", "Whether the periods are needed, and how well the model describes the counts")
    page.paragraph(
        "Beside the model stands the one in which all periods are alike. Their likelihoods, which hold no prior, are "
        "compared: by AIC, by its weights, and by the likelihood-ratio test of the row against the row above it."
    )
    page.skip()
    alike = call("GLMM_BINOMIAL_FORMULA", data=data, formula=constant(ALIKE))
    compared = call("GLMM_BINOMIAL_COMPARE", model=alike, model2=model.on(page))
    write_answer(page, compared)
    page.skip()
    page.heading("Each term left out")
    page.paragraph(
        "The period, and the random intercept that lets herds differ: without it, the model is a logistic regression "
        "that takes all animals for independent. A variance cannot be negative, so its p is half of chi-square's."
    )
    page.skip()
    terms = call("GLMM_BINOMIAL_TERMS", model=model.on(page))
    write_answer(page, terms)
    page.skip()
    page.heading("Measures")
    page.paragraph(
        "Shares of variance with 95 % intervals, and how the fitted probabilities agree with the counts: for a typical "
        "herd, and for the known herds, each with its own estimate."
    )
    page.skip()
    measures = call("GLMM_BINOMIAL_QUALITY", model=model.on(page))
    write_answer(page, measures)


def _write_influence(report: Report, model: ModelCell) -> None:
    page = report.page("Influence", (10, 14, 16, 13, 13, 13, 13, 20, 14))
    page.title("Influence", "What the answer owes to each herd")
    page.paragraph(
        "Each herd is left out in turn. The columns of the coefficients say by how many standard errors they move; "
        "Cook's distance sums the moves up. Herds 1 and 11 matter most: without herd 11 the fall from period 1 to "
        "period 2 would be steeper by more than one standard error. No verdict depends on a single herd."
    )
    page.skip()
    influence = call("GLMM_BINOMIAL_INFLUENCE", model=model.on(page))
    write_answer(page, influence)


def _write_residuals(report: Report, model: ModelCell) -> None:
    page = report.page("Residuals", (18, 12, 16, 14, 12, 12, 16, 12, 12, 10))
    page.title("Residuals", "Whether the model makes counts like these")
    page.paragraph(
        "The incidence of every period lies among the simulated ones. The row chi-square / df does not: within herds "
        "the counts vary more than the model lets them, which the warning on the sheet Fit is about, and the test of "
        "outliers sees single counts that are hardly possible."
    )
    page.skip()
    check = call("GLMM_BINOMIAL_CHECK", model=model.on(page))
    write_answer(page, check)
    page.skip()
    page.heading("Residuals of the rows")
    page.paragraph(
        "pearson is how many standard deviations a count lies from the fitted one, at the herd's own estimate. "
        "quantile is its place among simulated counts of new herds; of a right model they are spread evenly."
    )
    page.skip()
    residuals = call("GLMM_BINOMIAL_RESIDUALS", model=model.on(page))
    write_answer(page, residuals)


def _write_plan(report: Report) -> None:
    page = report.page("Plan", (12, 14, 12, 12, 12, 10, 10, 10, 14, 14))
    page.title("Plan", "How many herds would a trial of a vaccine need?")
    page.paragraph(
        "Herds are vaccinated whole, or not at all, and in each 15 animals are sampled four times. Of the animals of a "
        "typical herd without vaccine a fifth is found newly infected, a logit of -1.4, and herds differ by 0.65 "
        "logits, as above. The vaccine should halve the odds, a coefficient of -0.7. The two herds in the table are "
        "taken again and again, and the power is the share of simulated trials in which the vaccine is significant: "
        "about .8 with 40 herds."
    )
    page.skip()
    rows = [(herd, vaccinated, SAMPLED) for herd, vaccinated in ((1.0, 0.0), (2.0, 1.0)) for _ in range(SAMPLES)]
    top, names = page.row, ("herd", "vaccinated", "animals")
    herds, vaccinated, animals = (
        Expression(xl_range(top, place, top + len(rows), place), [(name,), *((row[place],) for row in rows)])
        for place, name in enumerate(names)
    )
    page.table([Column(name, page.formats.small_integer) for name in names], rows)
    page.skip()
    power = call(
        "GLMM_BINOMIAL_POWER",
        x=vaccinated,
        groups=herds,
        coefficients=_column(WITHOUT_VACCINE, EFFECT),
        std_devs=constant(SPREAD),
        test=constant("vaccinated"),
        n_groups=_column(*SIZES),
        trials=animals,
    )
    write_answer(page, power)


def _column(*values: float) -> Expression:
    """An array constant."""
    return Expression("{" + ";".join(f"{value:g}" for value in values) + "}", [(value,) for value in values])


def _write_incidence(report: Report, numbers: ChartNumbers, rows: list[Row], model: ModelCell) -> None:
    page = report.page("Incidence", (8, 12, 10, 10, 10, 10, 19, 17, 17, 16, 12, 10, 9))
    page.title("Incidence", "Share of the animals of a herd that are found newly infected in a period")
    page.paragraph(
        "population_average is the fitted incidence on average over the population of herds, which lie above and below "
        "the typical one, with an interval of its own: it is what the observed incidence should be near to. "
        "probability is the incidence in a typical herd, one with a random intercept of zero. Observed is the number "
        "of new cases divided by that of animals over all herds, so that large herds count for more in it."
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
    shares = [_observed(rows, period, top + i, left) for i, period in enumerate(PERIODS, 1)]
    page.table(observed, shares, left=left)
    write_spill(page, predicted, style=table_style(page), top=top, left=1)
    page.skip()
    _write_chart(report, page, numbers, predicted, top=top, observed=[row[0] for row in shares])


def _write_chart(
    report: Report,
    page: Page,
    numbers: ChartNumbers,
    predicted: Expression,
    *,
    top: int,
    observed: list[Computed[float]],
) -> None:
    """Draw what was observed beside the average over herds, which is what it should be near to."""
    left = 1 + SPILLED
    sheet = sheet_prefix(page.name)
    rows = []
    for line, (period, share) in enumerate(zip(PERIODS, observed, strict=True), start=1):
        average, lower, upper = (number(value) for value in predicted.cells[line][AVERAGE - 1 : AVERAGE + 2])
        average_cell, lower_cell, upper_cell = (f"{sheet}{fixed_cell(top + line, AVERAGE + i)}" for i in range(3))
        rows.append(
            (
                Computed(f"={sheet}{fixed_cell(top + line, 0)}", float(period)),
                Computed(f"={sheet}{fixed_cell(top + line, left)}", share.value),
                Computed(f"={average_cell}", average),
                Computed(f"={average_cell}-{lower_cell}", average - lower),
                Computed(f"={upper_cell}-{average_cell}", upper - average),
            )
        )
    block = numbers.add(("period", "observed", "population average", "reach below", "reach above"), rows)
    reaches = tuple([row[column].value for row in rows] for column in (3, 4))
    frame = Frame(
        title="Incidence by period: observed, and fitted on average over the population of herds",
        x_title="Period (three months each)",
        y_title="New cases per animal",
        y_limits=(0, 0.35),
        y_step=0.05,
        y_format="0.00",
        description="Column chart: incidence in each period as observed, and as fitted on average with its interval",
    )
    interval = Interval(3, 4, (reaches[0], reaches[1]), INTERVAL, 1.75)
    bars = (Bars(1, "Observed", OBSERVED), Bars(2, "Fitted, average over herds", FITTED, interval))
    write_bars(report, page, frame, block, bars)


def _observed(
    rows: list[Row], period: int, row: int, left: int
) -> tuple[Computed[float], Computed[float], Computed[float]]:
    """Observed incidence, new cases and animals of a period, by ordinary formulas."""
    period_cell = cell(row, 0)
    cases, animals = (sum(float(r[name]) for r in rows if r["period"] == period) for name in ("cases", "animals"))
    return (
        Computed(f"={cell(row, left + 1)}/{cell(row, left + 2)}", cases / animals),
        Computed(f"=SUMIFS({TABLE}[cases],{TABLE}[period],{period_cell})", cases),
        Computed(f"=SUMIFS({TABLE}[animals],{TABLE}[period],{period_cell})", animals),
    )
