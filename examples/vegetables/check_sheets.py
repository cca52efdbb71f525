"""The sheets Simulations, Check and Wrong model: whether a model simulates what was observed."""

from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.answer import write_answer
from glmm_binomial.writer.chart_numbers import ChartNumbers
from glmm_binomial.writer.data_table import write_data
from glmm_binomial.writer.fit_table import write_fit
from glmm_binomial.writer.fit_view import TERMS, write_view
from glmm_binomial.writer.formula import Cell, Expression, call, constant
from glmm_binomial.writer.page import Column, Computed, Page, Report, cell
from glmm_binomial.writer.spill import (
    NO_TABLE,
    ModelCell,
    Spill,
    Style,
    column_cell,
    format_where,
    style_in_blocks,
    table_style,
    write_model,
    write_spill,
)
from vegetables.facets import SIMULATIONS, write_facets
from vegetables.study import COUNTED, COUNTED_WRONG, COUNTS, ML, PATTERNS, STUDENTS_TABLE, WRONG, Counts, Study

SEED = 1
LABELS = ("Sex", "Treatment")
VIEW_ROWS = TERMS + 3
# students, and simulations of each model, that appear on paper
STUDENTS_PRINTED, PRINTED = 45, 8
PICTURE = (
    "In Excel the formula below draws the same check as a picture under its cell. It stands here as text, because a "
    "file cannot hold a picture as the result of a formula; the charts do the same job."
)


def write_simulations(report: Report, counts: Counts) -> tuple[Spill, Spill]:
    """Write the students' days, and as many simulated from the right model and from the wrong one."""
    left = len(COUNTS) + 1
    page = report.page("Simulations", (8, 10, 10, 15, 8, 3, *[7] * PRINTED))
    page.sheet.set_column(left, left + 2 * SIMULATIONS, 7)
    page.title(
        "Simulations", f"{SIMULATIONS} new data sets simulated from the model, and {SIMULATIONS} from a wrong one"
    )
    page.paragraph(
        "The 14 days of a student are taken together here: vegetable_days out of days. The model of these counts is "
        "the one of the sheet Fit, and has the same coefficients. In each column the first formula draws a new random "
        "effect for each of the 250 students, and then on how many days the student has vegetables; the second one "
        "does so with the model without interaction, further to the right. The last arguments are the number of "
        "simulations and the seed: the same seed gives the same numbers at every recalculation. The sheets Check and "
        f"Wrong model draw the proportions. On paper only the first {STUDENTS_PRINTED} students and {PRINTED} "
        "simulations appear."
    )
    page.skip()
    formulas = [
        call("GLMM_BINOMIAL_SIMULATE", model=model, n_sim=constant(SIMULATIONS), seed=constant(SEED))
        for model in (
            call("GLMM_BINOMIAL_FORMULA", data=counts.table, formula=constant(formula), method=ML)
            for formula in (COUNTED, COUNTED_WRONG)
        )
    ]
    for formula in formulas:
        page.code("Formula", formula.shown)
    page.skip()
    top = page.row
    write_data(page, STUDENTS_TABLE, columns=COUNTS, rows=counts.rows, printed_rows=STUDENTS_PRINTED)
    style = table_style(page, codes=range(SIMULATIONS))
    right, wrong = (
        write_spill(page, formula, style=style, top=top, left=left + i * (SIMULATIONS + 1))
        for i, formula in enumerate(formulas)
    )
    return right, wrong


def write_check_sheet(
    report: Report, numbers: ChartNumbers, *, study: Study, counts: Counts, model: ModelCell, simulated: Spill
) -> None:
    page = report.page("Check", (11, 12, 18, 12, 19, 13, 12, 15, 12, 12, 9))
    page.title("Check", "Does the model simulate days with vegetables like the observed ones?")
    page.paragraph(
        "If the model describes the students, data simulated from it look like the data observed. The formula "
        "simulates 100 data sets and compares, for each pattern of sex and treatment, the observed proportion of days "
        "with vegetables with the simulated ones: simulated_mean is their mean, and between ci_lower and ci_upper lie "
        "95 % of them. inside says whether the observed proportion lies there too. Below stand the quartiles of "
        "Pearson's residuals, and tests of residuals: p_value is the rank of a statistic among those of simulated data."
    )
    page.labelled(
        "The article",
        "makes the same comparison for this model: in all four patterns the simulated proportions are like the "
        "observed one.",
    )
    page.skip()
    _write_check(page, call("GLMM_BINOMIAL_CHECK", model=model.on(page), n_sim=constant(SIMULATIONS)))
    _write_facets(report, page, numbers, study, counts, simulated=simulated, model="the model with interaction")


def write_wrong_model(
    report: Report, numbers: ChartNumbers, *, study: Study, counts: Counts, right: ModelCell, simulated: Spill
) -> None:
    page = report.page("Wrong model", (26, 19, 18, 13, 15, 13, 15, 24, 12, 12, 9))
    page.title("Wrong model", "What the check shows when the interaction is left out")
    page.paragraph(
        f'The formula of this model is "{WRONG}": the treatment then has the same odds ratio for women '
        "and men. The table looks as good as the right one, with small standard errors, and converges. "
        "Only the comparison and the check below give it away; the last of its tests of residuals, products, names the "
        "columns whose product is missing."
    )
    page.labelled(
        "The article",
        "makes the same comparison for this model: in all four patterns the simulated proportions miss the "
        "observed one.",
    )
    page.skip()
    model = write_model(page, study.model(WRONG, method=ML), handle="GLMM@2")
    page.heading("What it says")
    view_at = page.row
    page.skip(VIEW_ROWS)
    page.heading("Beside the right model")
    page.paragraph(
        "The interaction adds one coefficient. Twice the gain in log-likelihood is a chi-square with one degree of "
        "freedom if there is no interaction in truth; the p-value says how improbable so large a gain would then be."
    )
    page.skip()
    write_answer(page, call("GLMM_BINOMIAL_COMPARE", model=model.on(page), model2=right.on(page)))
    page.skip()
    page.heading("The check")
    page.paragraph("In the four patterns the wrong model simulates other proportions than those observed.")
    page.skip()
    _write_check(page, call("GLMM_BINOMIAL_CHECK", model=model.on(page), n_sim=constant(SIMULATIONS)))
    _write_facets(report, page, numbers, study, counts, simulated=simulated, model="the model without interaction")
    page.break_page()
    page.heading("The table")
    page.paragraph("How to read the table is said on the sheet Fit.")
    fit = write_fit(page, call("GLMM_BINOMIAL_TABLE", model=model.on(page)))
    page.row = view_at
    write_view(page, fit)


def _write_facets(
    report: Report, page: Page, numbers: ChartNumbers, study: Study, counts: Counts, *, simulated: Spill, model: str
) -> None:
    page.skip()
    page.paragraph(
        f"Each of the {SIMULATIONS} data sets on the sheet Simulations is a small dot; the observed proportion "
        "is the large one to the right of them."
    )
    write_facets(report, page, numbers, study, counts, simulated=simulated, model=model)


def _write_check(page: Page, check: Expression) -> None:
    """Write the formula, and its table with what the rows are beside it."""
    page.code("Formula", check.shown)
    header, left, top = list(check.cells[0]), len(LABELS), page.row + 1
    first, last, inside = top + 1, top + len(PATTERNS), left + header.index("inside")
    page.labelled("Result", _count_inside(check, xl_range_abs(first, inside, last, inside)))
    _write_labels(page, check)
    page.row = first
    _mark_outside(page, left + header.index("observed"), header)
    write_spill(page, check, style=_check_style(page, check), top=top, left=left)
    page.skip()
    page.paragraph(PICTURE)
    page.code(
        "Picture", check.shown.replace("GLMM_BINOMIAL_CHECK(", "GLMM_BINOMIAL_PLOT(", 1).replace(", ", ', "check", ', 1)
    )


def _check_style(page: Page, check: Expression) -> Style:
    """The formats of the patterns, and of the residuals' rows below them, which have headers of their own."""
    observations = check.cells[0].index("observations")
    patterns = table_style(page, counts=(observations,), codes=range(observations))
    return style_in_blocks(page, check.cells, first=patterns)


def _mark_outside(page: Page, column: int, header: list[Cell]) -> None:
    """Mark observed proportions outside their interval, from the current row on."""
    left = len(LABELS)
    observed, lower, upper = (
        column_cell(left + header.index(name), page.row) for name in ("observed", "ci_lower", "ci_upper")
    )
    # not by the value of inside, nor in its cells: LibreOffice 7.4 fails when it prints a rule about a truth value
    is_outside = f"OR({observed}<{lower},{observed}>{upper})"
    format_where(page, is_outside, page.formats.spill_warning, columns=(column, column), room=len(PATTERNS))


def _count_inside(check: Expression, flags: str) -> Computed[str]:
    counted = sum(row[-1] is True for row in check.cells[: len(PATTERNS) + 1])
    says = "observed proportions lie inside the interval."
    inside, outside = f"COUNTIF({flags},TRUE)", f"COUNTIF({flags},FALSE)"
    return Computed(
        f'=IF({inside}+{outside}=0,"{NO_TABLE}",{inside}&" of "&{inside}+{outside}&" {says}")',
        f"{counted} of {len(PATTERNS)} {says}",
    )


def _write_labels(page: Page, check: Expression) -> None:
    """Say in words which pattern a row of the check is; it lists them in the order of PATTERNS."""
    rows = []
    for row, (pattern, coded) in enumerate(zip(PATTERNS, check.cells[1:], strict=False), start=page.row + 1):
        if coded[:2] != (float(pattern.trt == "treat"), float(pattern.sex == "male")):
            raise ValueError(f"the check has another row than {pattern}")
        trt_cell, sex_cell = cell(row, len(LABELS)), cell(row, len(LABELS) + 1)
        rows.append(
            (
                Computed(f'=IF({sex_cell}=1,"male","female")', pattern.sex),
                Computed(f'=IF({trt_cell}=1,"treat","control")', pattern.trt),
            )
        )
    page.table([Column(name, page.formats.text, is_text=True) for name in LABELS], rows)
