"""The sheets Simulations, Check and Wrong model: whether a model simulates what was observed."""

from scipy.stats import chi2
from xlsxwriter.utility import xl_range_abs

from glmm_binomial.writer.charts import Boxes, Dots, Frame, Rows, Series, write_boxes, write_dots
from glmm_binomial.writer.data_table import table_columns
from glmm_binomial.writer.fit_table import ROOM_AROUND, FitTable, write_fit
from glmm_binomial.writer.formula import Cell, Expression, call, constant
from glmm_binomial.writer.page import Column, Computed, Content, Page, Report, cell, fixed_cell
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
from glmm_binomial.writer.style import AVERAGED, FITTED, INTERVAL, STRESSED
from vegetables.study import ML, PATTERNS, ROWS_PRINTED, TABLE, WRONG, Pattern, Study, matching

SIMULATIONS = 10
SEED = 1
LABELS = ("Sex", "Treatment")
# the columns of the sheet Simulations that repeat the data
RECORD = ("id", "day")
PICTURE = (
    "In Excel the formula below draws the same check as a picture under its cell: observed proportions large, "
    "simulated ones small. It stands here as text, because a file cannot hold a picture as the result of a formula; "
    "the native chart does the same job."
)


def write_simulations(report: Report, study: Study, model: ModelCell) -> Spill:
    page = report.page("Simulations", (9, 8, *[9] * SIMULATIONS))
    page.title("Simulations", f"{SIMULATIONS} new data sets simulated from the model")
    page.paragraph(
        "In each column the formula draws a new random effect for each of the 250 students, and then for each day "
        "whether the student has vegetables, with the fitted coefficients. The last arguments are the number of "
        "simulations and the seed: the same seed gives the same numbers at every recalculation. The columns id and day "
        "repeat the data. The sheet Check compares; on paper only the first rows appear."
    )
    page.skip()
    simulated = call("GLMM_BINOMIAL_SIMULATE", model=model.on(page), n_sim=constant(SIMULATIONS), seed=constant(SEED))
    page.code("Formula", simulated.shown)
    page.skip()
    top, record = page.row, table_columns(TABLE, study.rows, *RECORD)
    write_spill(page, record, style=table_style(page, codes=range(len(RECORD))), top=top)
    codes = table_style(page, codes=range(SIMULATIONS))
    spill = write_spill(page, simulated, style=codes, top=top, left=len(RECORD))
    page.print_first_rows(top, ROWS_PRINTED)
    return spill


def write_check_sheet(report: Report, study: Study, model: ModelCell, simulations: Spill) -> None:
    page = report.page("Check", (11, 12, 18, 12, 21, 13, 12, 16, 12, 12, 12, 12, 12))
    page.title("Check", "Does the model simulate days with vegetables like the observed ones?")
    page.paragraph(
        "If the model describes the students, data simulated from it look like the data observed. The formula "
        "simulates 200 data sets and compares, for each pattern of sex and treatment, the observed proportion of days "
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
    check = call("GLMM_BINOMIAL_CHECK", model=model.on(page))
    _write_check(report, page, check, model="the model with interaction")
    page.break_page()
    _write_single_simulations(report, page, study, simulations)
    page.print_on_pages()


def write_wrong_model(report: Report, study: Study, right: FitTable) -> None:
    page = report.page("Wrong model", (21, 19, *[15] * 5, 27, *[15] * 3))
    page.title("Wrong model", "What the check shows when the interaction is left out")
    page.paragraph(
        f'The formula of this model is "{WRONG}": the treatment then has the same odds ratio for women '
        "and men. The table looks as good as the right one, with small standard errors, and converges. "
        "Only the larger AIC and the check below give it away; the last of its tests of residuals, products, names the "
        "columns whose product is missing. How to read the table is said on the sheet Fit."
    )
    page.labelled(
        "The article",
        "makes the same comparison for this model: in all four patterns the simulated proportions miss the "
        "observed one.",
    )
    page.skip()
    model = write_model(page, study.model(WRONG, method=ML), handle="GLMM@2")
    wrong = write_fit(page, call("GLMM_BINOMIAL_TABLE", model=model.on(page)))
    page.skip(ROOM_AROUND)
    page.break_page()
    page.heading("Beside the right model")
    page.paragraph(
        "The interaction adds one coefficient. Twice the gain in log-likelihood is a chi-square with one degree of "
        "freedom if there is no interaction in truth; the p-value says how improbable so large a gain would then be."
    )
    _write_comparison_of_models(page, right, wrong)
    page.skip()
    page.break_page()
    page.heading("The check")
    check = call("GLMM_BINOMIAL_CHECK", model=model.on(page))
    _write_check(report, page, check, model="the model without interaction")
    page.print_on_pages()


def _write_check(report: Report, page: Page, check: Expression, *, model: str) -> None:
    """Write the formula, its table with what the rows are beside it, and the chart."""
    page.code("Formula", check.shown)
    header, left, top = list(check.cells[0]), len(LABELS), page.row + 1
    first, last, inside = top + 1, top + len(PATTERNS), left + header.index("inside")
    page.labelled("Result", _count_inside(check, xl_range_abs(first, inside, last, inside)))
    _write_labels(page, check)
    page.row = top
    page.table([Column("Chart: height of box", page.formats.muted_estimate)], _heights(check, top), left=inside + 1)
    page.row = first
    _mark_outside(page, left + header.index("observed"), header)
    write_spill(page, check, style=_check_style(page, check), top=top, left=left)
    page.skip()
    page.paragraph(PICTURE)
    page.code("Picture", check.shown.replace("GLMM_BINOMIAL_CHECK(", "GLMM_BINOMIAL_PLOT(", 1))
    _draw_check(report, page, check, Rows(page.name, first, last, (0, 1)), model)


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


def _heights(check: Expression, top: int) -> list[tuple[Computed[float]]]:
    """The height of each interval, which the chart draws as a box."""
    lower, upper = (check.cells[0].index(name) for name in ("ci_lower", "ci_upper"))
    left = len(LABELS)
    return [
        (Computed(f"={cell(row, left + upper)}-{cell(row, left + lower)}", float(cells[upper]) - float(cells[lower])),)
        for row, cells in enumerate(check.cells[1 : len(PATTERNS) + 1], start=top + 1)
    ]


def _draw_check(report: Report, page: Page, check: Expression, rows: Rows, model: str) -> None:
    header, left = check.cells[0], len(LABELS)
    lower, mean, observed = (left + header.index(name) for name in ("ci_lower", "simulated_mean", "observed"))
    boxes = Boxes(lower, Series(left + len(header), "95 % of the simulations", AVERAGED))
    dots = (
        Dots(Series(mean, "Mean of the simulations", FITTED), symbol="long_dash", size=12),
        Dots(Series(observed, "Observed", STRESSED), size=9),
    )
    description = f"Chart: observed proportions, and the interval of those simulated from {model}, for each pattern"
    frame = _frame(f"Observed proportions, and 200 simulations of {model}", description)
    write_boxes(report, page, frame, rows, boxes=boxes, dots=dots)


def _frame(title: str, description: str) -> Frame:
    return Frame(
        title=title,
        x_title="Sex and treatment",
        y_title="Proportion of days with vegetables",
        y_limits=(0, 1),
        y_step=0.2,
        description=description,
        width=900,
        height=420,
    )


def _write_single_simulations(report: Report, page: Page, study: Study, simulations: Spill) -> None:
    page.heading("Ten simulations, one by one")
    page.paragraph(
        f"The proportions in the {SIMULATIONS} data sets on the sheet Simulations, the first of the 200 above, by "
        "ordinary AVERAGEIFS formulas. The chart is the article's picture: observed proportions large, simulated ones "
        "small."
    )
    formats, top = page.formats, page.row
    columns = (
        *(Column(name, formats.text, is_text=True) for name in LABELS),
        *(Column(str(name), formats.estimate) for name in simulations.rows[0]),
        Column("observed", formats.estimate),
    )
    page.table(columns, [_proportions(study, simulations, p, top + i) for i, p in enumerate(PATTERNS, start=1)])
    page.skip()
    left = len(LABELS)
    large = Dots(Series(left + SIMULATIONS, "Observed", INTERVAL), size=18)
    small = [
        Dots(Series(left + i, "Simulated, ten times", FITTED), size=4, in_legend=i == 0) for i in range(SIMULATIONS)
    ]
    rows = Rows(page.name, top + 1, top + len(PATTERNS), (0, 1))
    description = "Dot chart: observed proportions and those of ten simulations, for each pattern"
    write_dots(report, page, _frame("Observed proportions, and ten simulations", description), rows, [large, *small])


def _proportions(study: Study, simulations: Spill, pattern: Pattern, row: int) -> tuple[Content, ...]:
    conditions = matching(cell(row, 0), cell(row, 1))
    observed = study.outcomes_of(pattern)
    lines = [i for i, r in enumerate(study.rows, start=1) if (r["sex"], r["trt"]) == (pattern.sex, pattern.trt)]
    first, last = simulations.top + 1, simulations.top + len(study.rows)
    simulated = []
    for column in range(SIMULATIONS):
        place = xl_range_abs(first, simulations.left + column, last, simulations.left + column)
        total = sum(float(simulations.rows[line][column]) for line in lines)
        simulated.append(Computed(f"=AVERAGEIFS({simulations.sheet}!{place},{conditions})", total / len(lines)))
    average = Computed(f"=AVERAGEIFS({TABLE}[y],{conditions})", sum(observed) / len(observed))
    return pattern.sex, pattern.trt, *simulated, average


def _write_comparison_of_models(page: Page, right: FitTable, wrong: FitTable) -> None:
    formats = page.formats
    columns = (
        Column("Quantity", formats.text, is_text=True),
        Column("Better when", formats.text, is_text=True),
        Column("With\ninteraction", formats.estimate),
        Column("Without\ninteraction", formats.estimate),
        Column("Difference", formats.estimate),
    )
    first = page.row + 1
    rows: list[tuple[Content, ...]] = []
    for row, (name, better) in enumerate((("log_likelihood", "larger"), ("aic", "smaller")), start=first):
        values = right.statistic(name), wrong.statistic(name)
        difference = Computed(f"={cell(row, 2)}-{cell(row, 3)}", values[0].value - values[1].value)
        rows.append((name, better, *values, difference))
    page.table(columns, rows)
    gain = right.statistic("log_likelihood").value - wrong.statistic("log_likelihood").value
    p_value = Computed(f"=CHIDIST(2*{fixed_cell(first, 4)},1)", float(chi2.sf(2 * gain, 1)))
    page.write(0, "p-value")
    page.write(1, "of the interaction")
    page.write(4, p_value, formats.p_value)
    page.row += 1
