"""The sheet Probabilities: what the model says in days with vegetables, for women and men and for a student."""

from collections.abc import Sequence

from xlsxwriter.utility import xl_range

from analysis import Coefficient, expit, linear_predictor
from glmm_binomial.writer.chart_numbers import ChartNumbers
from glmm_binomial.writer.charts import Bars, Frame, Interval, write_bars
from glmm_binomial.writer.fit_table import FitTable
from glmm_binomial.writer.formula import Expression, call, constant, number
from glmm_binomial.writer.page import Column, Computed, Content, Page, Report, cell, fixed_cell, sheet_prefix
from glmm_binomial.writer.spill import ModelCell, Spill, table_style, write_spill
from glmm_binomial.writer.style import FITTED, INTERVAL, OBSERVED
from vegetables.study import CODED, PATTERNS, TABLE, TERMS, Study, matching

WIDTHS = (11, 12, 13, 13, 21, 11, 11, 19, 17, 17, 16, 13, 11)
# the columns of the table of patterns: what spills, and the average over students with its limits
FITTED_COLUMN, AVERAGE_COLUMN = 2, 7
# the lowest and the highest random effect, a woman of the control group with many vegetable days, and somebody else
STUDENTS: tuple[float | str, ...] = (17.0, 84.0, 226.0, "new")
NEW_TRT, NEW_SEX = "control", "female"
# the columns typed for a student, and those that spill
TYPED, SPILLED = 3, 9


def write_probability_sheet(
    report: Report, numbers: ChartNumbers, *, study: Study, model: ModelCell, fit: FitTable
) -> None:
    page = report.page("Probabilities", WIDTHS)
    page.title("Probabilities", "Probability that a student eats vegetables on a given day")
    page.heading("The four patterns")
    page.paragraph(
        "The rows to predict are the first two columns, typed as the data have them. The model needs no more; the "
        "columns beside them show how it codes the rows, for the computation by hand."
    )
    typed, coded = _write_patterns(page)
    page.skip()
    page.heading("Predicted and observed")
    page.paragraph(
        "probability is that of a typical student of the pattern, one with a random intercept of zero, by maximum "
        "likelihood; ci_lower and ci_upper are the limits of its 95 % interval. population_average is the mean over "
        "all students, who lie above and below the typical one, with an interval of its own: it is what the observed "
        "proportion, the share of days with vegetables in the data, should be near to. Below stands what was observed, "
        "and by hand the probability again, computed by an ordinary formula from the coefficients on the sheet Fit.",
    )
    page.labelled(
        "The article",
        "reports fitted probabilities of 0.4235, 0.8676, 0.2803 and 0.5072 and observed proportions of 0.4242, 0.8659, "
        "0.2821 and 0.5071, in the order of the rows.",
    )
    predicted = call("GLMM_BINOMIAL_PREDICT", model=model.on(page), new_data=typed)
    by_hand = [_by_hand(fit, coded, line) for line in range(1, len(PATTERNS) + 1)]
    top = _write_predictions(page, predicted)
    page.skip()
    observed = _write_observed(page, study, by_hand)
    page.skip()
    _write_chart(report, page, numbers, predicted, top=top, observed=observed)
    _write_students(page, study, model)


def _write_patterns(page: Page) -> tuple[Expression, Spill]:
    names = [("sex", "trt"), *((pattern.sex, pattern.trt) for pattern in PATTERNS)]
    typed = Expression(xl_range(page.row + 1, 0, page.row + len(names), 1), names)
    coded = call("GLMM_BINOMIAL_DESIGN", data=typed, formula=constant(CODED))
    page.code("Formula", coded.shown)
    top = page.row
    header = Column("sex", page.formats.text, is_text=True), Column("trt", page.formats.text, is_text=True)
    page.table(header, names[1:])
    return typed, write_spill(page, coded, style=table_style(page, codes=range(3)), top=top, left=2)


def _by_hand(fit: FitTable, coded: Spill, line: int) -> Computed[float]:
    """A probability from the coefficients in the spilled table of the fit and a line of the coded patterns."""
    coefficients = {term.name: Coefficient(*fit.coefficient(term.name)) for term in TERMS}
    names = [str(name) for name in coded.rows[0]]
    codes = [float(code) for code in coded.rows[line]]
    cells = [cell(coded.top + line, coded.left + column) for column in range(len(names))]
    log_odds = linear_predictor(coefficients, dict(zip(cells, zip(names, codes, strict=True), strict=True)))
    return Computed(f"=1/(1+EXP(-({log_odds.formula[1:]})))", expit(log_odds.value))


def _write_predictions(page: Page, predicted: Expression) -> int:
    """Write the formula and its table beside the patterns; return the row of its header."""
    page.code("Formula", predicted.shown)
    top = page.row
    page.table(_pattern_columns(page), [(pattern.sex, pattern.trt) for pattern in PATTERNS])
    write_spill(page, predicted, style=table_style(page), top=top, left=FITTED_COLUMN)
    return top


def _pattern_columns(page: Page) -> tuple[Column, Column]:
    text = page.formats.text
    return Column("Sex", text, is_text=True), Column("Treatment", text, is_text=True)


def _write_observed(page: Page, study: Study, by_hand: Sequence[Computed[float]]) -> list[Computed[float]]:
    """Write what was observed, here and in the article; return where the proportions stand, for other sheets."""
    formats, top = page.formats, page.row
    columns = (
        *_pattern_columns(page),
        Column("Observed proportion", formats.estimate),
        Column("Student-days", formats.count),
        Column("By hand", formats.estimate),
        Column("Fitted in\nthe article", formats.published),
        Column("Observed in\nthe article", formats.published),
    )
    rows: list[tuple[Content, ...]] = []
    observed: list[Computed[float]] = []
    for row, (pattern, computed) in enumerate(zip(PATTERNS, by_hand, strict=True), start=top + 1):
        outcomes = study.outcomes_of(pattern)
        conditions = matching(cell(row, 0), cell(row, 1))
        share = Computed(f"=AVERAGEIFS({TABLE}[y],{conditions})", sum(outcomes) / len(outcomes))
        counted = Computed(f"=COUNTIFS({conditions})", float(len(outcomes)))
        rows.append((pattern.sex, pattern.trt, share, counted, computed, pattern.fitted, pattern.observed))
        observed.append(Computed(f"={sheet_prefix(page.name)}{fixed_cell(row, 2)}", share.value))
    page.table(columns, rows)
    return observed


def _write_chart(
    report: Report,
    page: Page,
    numbers: ChartNumbers,
    predicted: Expression,
    *,
    top: int,
    observed: Sequence[Computed[float]],
) -> None:
    """Draw what was observed beside the average over students, which is what it should be near to."""
    sheet, rows = sheet_prefix(page.name), []
    for line, (pattern, share) in enumerate(zip(PATTERNS, observed, strict=True), start=1):
        position = AVERAGE_COLUMN - FITTED_COLUMN
        average, lower, upper = (number(value) for value in predicted.cells[line][position : position + 3])
        average_cell, lower_cell, upper_cell = (
            f"{sheet}{fixed_cell(top + line, AVERAGE_COLUMN + i)}" for i in range(3)
        )
        rows.append(
            (
                f"{pattern.sex}, {pattern.trt}",
                share,
                Computed(f"={average_cell}", average),
                Computed(f"={average_cell}-{lower_cell}", average - lower),
                Computed(f"={upper_cell}-{average_cell}", upper - average),
            )
        )
    block = numbers.add(("pattern", "observed", "population average", "reach below", "reach above"), rows)
    reaches = [row[3].value for row in rows], [row[4].value for row in rows]
    frame = Frame(
        title="Days with vegetables: observed and fitted, with 95 % interval",
        x_title="Sex and treatment",
        y_title="Proportion of days",
        y_limits=(0, 1),
        y_step=0.2,
        y_format="0.0",
        description=(
            "Column chart: observed proportion and fitted probability with its interval for women and men with and "
            "without treatment"
        ),
    )
    bars = (
        Bars(1, "Observed proportion", OBSERVED),
        Bars(2, "Fitted, average over students", FITTED, Interval(3, 4, reaches, INTERVAL, 1.75)),
    )
    write_bars(report, page, frame, block, bars)


def _write_students(page: Page, study: Study, model: ModelCell) -> None:
    page.heading("One student")
    page.paragraph(
        "Where the rows to predict have the column id, the formula adds the student's own random effect; for anybody "
        "else it takes zero. Type other numbers into the column id. Student 17 had vegetables on "
        "7 of 14 days although treated, student 226 on 11 of 14 without treatment: that moves their probabilities a "
        "little only, because the model finds that students of one pattern hardly differ."
    )
    # below the line with the formula
    top = page.row + 1
    last = top + len(STUDENTS)
    rows = [("id", "trt", "sex"), *((student, *_factors(study, student)) for student in STUDENTS)]
    typed = Expression(xl_range(top, 0, last, TYPED - 1), rows)
    predicted = call("GLMM_BINOMIAL_PREDICT", model=model.on(page), new_data=typed)
    page.code("Formula", predicted.shown)
    page.table(_student_columns(page), [_student_row(study, s, top + i) for i, s in enumerate(STUDENTS, 1)])
    page.row = top
    shares = [(_share(study, student, top + i),) for i, student in enumerate(STUDENTS, 1)]
    page.table([Column("Share of\nown days", page.formats.estimate)], shares, left=TYPED + SPILLED)
    write_spill(page, predicted, style=table_style(page), top=top, left=TYPED)


def _student_columns(page: Page) -> list[Column]:
    text = page.formats.text
    return [Column(name, page.formats.left if name == "id" else text, is_text=True) for name in ("id", "trt", "sex")]


def _student_row(study: Study, student: float | str, row: int) -> tuple[Content, ...]:
    trt, sex = _factors(study, student)
    found = f"MATCH({cell(row, 0)},{TABLE}[id],0)"
    return (
        student,
        Computed(f'=IFERROR(INDEX({TABLE}[trt],{found}),"{NEW_TRT}")', trt),
        Computed(f'=IFERROR(INDEX({TABLE}[sex],{found}),"{NEW_SEX}")', sex),
    )


def _share(study: Study, student: float | str, row: int) -> Content:
    """The share of the student's own days with vegetables, nothing for somebody else."""
    outcomes = [float(r["y"]) for r in study.rows if r["id"] == student]
    formula = f'=IFERROR(AVERAGEIFS({TABLE}[y],{TABLE}[id],{cell(row, 0)}),"")'
    return Computed(formula, sum(outcomes) / len(outcomes)) if outcomes else Computed(formula, "")


def _factors(study: Study, student: float | str) -> tuple[str, str]:
    return next(((str(row["trt"]), str(row["sex"])) for row in study.rows if row["id"] == student), (NEW_TRT, NEW_SEX))
