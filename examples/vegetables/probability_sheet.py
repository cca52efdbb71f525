"""The sheet Probabilities: what the model says in days with vegetables, for women and men and for a student."""

from collections.abc import Sequence

from xlsxwriter.utility import xl_range

from analysis import Coefficient, expit, linear_predictor
from glmm_binomial.writer.charts import Frame, Reach, Rows, Series, write_comparison
from glmm_binomial.writer.fit_table import FitTable
from glmm_binomial.writer.formula import Expression, call, constant
from glmm_binomial.writer.page import Column, Computed, Content, Page, Report, cell
from glmm_binomial.writer.spill import ModelCell, Spill, table_style, write_spill
from glmm_binomial.writer.style import FITTED, INTERVAL, OBSERVED
from vegetables.study import CODED, PATTERNS, TABLE, TERMS, Study, matching

WIDTHS = (11, 12, 13, 13, 21, 11, 11, 19, 17, 17, 16, 13, 13, 12, 12, 12, 12, 12)
# the columns of the table of patterns that are not spilled
OBSERVED_COLUMN, FITTED_COLUMN, BELOW_COLUMN, ABOVE_COLUMN = 11, 2, 16, 17
# the lowest and the highest random effect, a woman of the control group with many vegetable days, and somebody else
STUDENTS: tuple[float | str, ...] = (17.0, 84.0, 226.0, "new")
NEW_TRT, NEW_SEX = "control", "female"
# the columns typed for a student, and those that spill
TYPED, SPILLED = 3, 9


def write_probability_sheet(report: Report, study: Study, model: ModelCell, fit: FitTable) -> None:
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
        "proportion, the share of days with vegetables in the data, should be near to. By hand stands the first "
        "column again, computed by an ordinary formula from the coefficients on the sheet Fit.",
    )
    page.labelled(
        "The article",
        "reports fitted probabilities of 0.4235, 0.8676, 0.2803 and 0.5072 and observed proportions of 0.4242, 0.8659, "
        "0.2821 and 0.5071, in the order of the rows.",
    )
    predicted = call("GLMM_BINOMIAL_PREDICT", model=model.on(page), new_data=typed)
    by_hand = [_by_hand(fit, coded, line) for line in range(1, len(PATTERNS) + 1)]
    rows = _write_predictions(page, study, predicted, by_hand)
    page.skip()
    _write_chart(report, page, predicted, rows)
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


def _write_predictions(page: Page, study: Study, predicted: Expression, by_hand: Sequence[Computed[float]]) -> Rows:
    page.code("Formula", predicted.shown)
    formats, top = page.formats, page.row
    names = Column("Sex", formats.text, is_text=True), Column("Treatment", formats.text, is_text=True)
    page.table(names, [(pattern.sex, pattern.trt) for pattern in PATTERNS])
    beside = (
        Column("Observed proportion", formats.estimate),
        Column("Student-days observed", formats.count),
        Column("Fitted in\nthe article", formats.published),
        Column("Observed in\nthe article", formats.published),
        Column("By hand", formats.estimate),
        Column("Chart: reach below", formats.muted_estimate),
        Column("Chart: reach above", formats.muted_estimate),
    )
    page.row = top
    lines = [_beside(study, predicted, top, line, by_hand[line]) for line in range(len(PATTERNS))]
    page.table(beside, lines, left=OBSERVED_COLUMN)
    write_spill(page, predicted, style=table_style(page), top=top, left=FITTED_COLUMN)
    return Rows(page.name, top + 1, top + len(PATTERNS), (0, 1))


def _beside(study: Study, predicted: Expression, top: int, line: int, by_hand: Computed[float]) -> tuple[Content, ...]:
    pattern, row = PATTERNS[line], top + 1 + line
    outcomes = study.outcomes_of(pattern)
    conditions = matching(cell(row, 0), cell(row, 1))
    below, above = _reaches(predicted, line)
    return (
        Computed(f"=AVERAGEIFS({TABLE}[y],{conditions})", sum(outcomes) / len(outcomes)),
        Computed(f"=COUNTIFS({conditions})", float(len(outcomes))),
        pattern.fitted,
        pattern.observed,
        by_hand,
        Computed(f"={cell(row, 2)}-{cell(row, 3)}", below),
        Computed(f"={cell(row, 4)}-{cell(row, 2)}", above),
    )


def _reaches(predicted: Expression, line: int) -> tuple[float, float]:
    """How far the interval of a pattern reaches below and above its probability."""
    probability, lower, upper = (float(value) for value in predicted.cells[line + 1][:3])
    return probability - lower, upper - probability


def _write_chart(report: Report, page: Page, predicted: Expression, rows: Rows) -> None:
    below, above = zip(*(_reaches(predicted, line) for line in range(len(PATTERNS))), strict=True)
    interval = Reach(BELOW_COLUMN, below), Reach(ABOVE_COLUMN, above)
    frame = Frame(
        title="Days with vegetables: observed and fitted, with 95 % interval",
        x_title="Sex and treatment",
        y_title="Proportion of days",
        y_limits=(0, 1),
        y_step=0.2,
        description=(
            "Column chart: observed proportion and fitted probability with its interval for women and men with and "
            "without treatment"
        ),
    )
    bars = (
        Series(OBSERVED_COLUMN, "Observed proportion", OBSERVED),
        Series(FITTED_COLUMN, "Fitted probability", FITTED, interval, INTERVAL, 1.75),
    )
    write_comparison(report, page, frame, rows, bars)


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
