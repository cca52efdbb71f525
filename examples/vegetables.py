"""vegetables.xlsx: 250 students, 14 days each, did they eat vegetables? From the data to fitted probabilities."""

import math
from pathlib import Path

import sources
from analysis import Coefficient, Term, linear_predictor, probability, write_odds_ratios, write_spread
from charts import Bars, Comparison, write_comparison
from cover import Cover, write_cover
from data_table import DataColumn, Row, columns_of, complete, this_row, write_data
from fit_table import HOW_TO_READ, WIDTHS, FitTable, write_fit
from page import Column, Computed, Content, Page, Report, cell, new_report
from style import FITTED, OBSERVED

ARTICLE = (
    "Clay Ford, Getting Started with Binomial Generalized Linear Mixed Models, University of Virginia Library, 2021"
)
TABLE = "Vegetables"
FORMULA = f"=GLMM_BINOMIAL({TABLE}[[#All],[y]], {TABLE}[[#All],[treat]:[treat_x_male]], {TABLE}[[#All],[id]])"
DAYS = 14
STUDENTS_PRINTED = 3

COLUMNS = (
    DataColumn("id", "Student, 1 to 250."),
    DataColumn("day", "Day, 1 to 14."),
    DataColumn("trt", "Group the student was assigned to: control or treat."),
    DataColumn("sex", "female or male."),
    DataColumn("y", "1 when the student ate vegetables that day, 0 when not."),
    DataColumn(
        "treat",
        "1 in the treatment group, 0 in the control group; made by a formula.",
        f'=IF({this_row(TABLE, "trt")}="treat",1,0)',
        lambda row: float(row["trt"] == "treat"),
    ),
    DataColumn(
        "male",
        "1 for men, 0 for women; made by a formula.",
        f'=IF({this_row(TABLE, "sex")}="male",1,0)',
        lambda row: float(row["sex"] == "male"),
    ),
    DataColumn(
        "treat_x_male",
        "1 for men in the treatment group, otherwise 0: the product of the two, made by a formula.",
        f"={this_row(TABLE, 'treat')}*{this_row(TABLE, 'male')}",
        lambda row: float(row["treat"]) * float(row["male"]),
    ),
)

TERMS = (
    Term("intercept", "Odds of a vegetable day: women, control", -0.30840),
    Term("treat", "Treatment against control, among women", 2.18835),
    Term("male", "Men against women, in the control group", -0.63440),
    Term("treat_x_male", "Effect of the treatment on men against that on women", -1.21669),
)

# sex, treatment, and the fitted probability in the article
PATTERNS = (
    ("female", "control", 0.4235043),
    ("female", "treat", 0.8676050),
    ("male", "control", 0.2803350),
    ("male", "treat", 0.5072137),
)

COVER = Cover(
    title="Who eats vegetables?",
    subtitle="A binomial mixed model of 3,500 daily records from 250 students",
    sections={
        "Question": "Does the treatment make students eat vegetables on more days, women as much as men?",
        "Data": (
            "250 students were assigned to a treatment or to a control group. On each of 14 days it was recorded "
            "whether a student ate vegetables (y = 1) or not (y = 0). The 14 records of a student are not "
            "independent of each other."
        ),
        "Model": (
            "Logistic regression of y on treatment, sex and their product, with a random intercept for each student: "
            "students may differ in how often they eat vegetables for reasons that the data do not show."
        ),
        "Answer": (
            "The treatment raises the odds of a vegetable day about ninefold among women and a little less than "
            "threefold among men. The sheet Odds ratios gives intervals, the sheet Probabilities what it means in "
            "days."
        ),
    },
    columns={column.name: column.meaning for column in COLUMNS},
    sheets={
        "Data": "The records as an Excel table, with the 0/1 columns of the model made by formulas.",
        "Fit": "The fitted model: one formula, and the table it returns.",
        "Odds ratios": "Each term as an odds ratio with its interval; how much students differ.",
        "Probabilities": "Fitted probability for women and men with and without treatment, beside the observed one.",
    },
    sources=(f"{ARTICLE}. The data are simulated there; the published numbers were computed with the R package lme4.",),
)


def write(path: Path) -> None:
    """Write the workbook."""
    rows = complete(COLUMNS, [_row(record) for record in sources.read("vegetables.csv")])
    with new_report(path, "Who eats vegetables?") as report:
        write_cover(report, COVER)
        _write_data(report, rows)
        fit = _write_fit(report, rows)
        coefficients = _write_odds_ratios(report, fit)
        _write_probabilities(report, rows, coefficients)


def _row(record: dict[str, str]) -> Row:
    return {name: float(text) if name in ("id", "day", "y") else text for name, text in record.items()}


def _write_data(report: Report, rows: list[Row]) -> None:
    page = report.page("Data", (10, 10, 12, 12, 10, 12, 12, 16))
    page.title("Data", "One row per student and day: 250 students x 14 days = 3,500 rows")
    page.paragraph(
        "y is 1 when the student ate vegetables that day. The last three columns code treatment, sex and their "
        f"product as 0 and 1, by formulas, for the model. On paper only the first {STUDENTS_PRINTED} of the 250 "
        "students appear."
    )
    page.skip()
    write_data(page, TABLE, columns=COLUMNS, rows=rows, printed_rows=STUDENTS_PRINTED * DAYS)


def _write_fit(report: Report, rows: list[Row]) -> FitTable:
    page = report.page("Fit", WIDTHS)
    page.title("Fit", "Logistic regression with a random intercept for each student")
    page.paragraph(HOW_TO_READ)
    page.skip()
    y, x, groups = (columns_of(rows, *names) for names in (("y",), ("treat", "male", "treat_x_male"), ("id",)))
    return write_fit(page, FORMULA, {"y": y, "x": x, "groups": groups})


def _write_odds_ratios(report: Report, fit: FitTable) -> dict[str, Coefficient]:
    page = report.page("Odds ratios", (21, 64, 13, 12, 14, 14, 11, 16))
    page.title("Odds ratios", "How many times the odds of a vegetable day, for one and the same student")
    page.paragraph(
        "An odds ratio of 2 means that the odds (days with vegetables for each day without) are twice as high; 1 "
        "means no difference. The interval covers the true odds ratio with 95 % confidence; when it excludes 1, the "
        "difference is larger than chance would explain. The last column is the coefficient published in the article."
    )
    page.skip()
    coefficients = write_odds_ratios(page, fit, terms=TERMS, published="Coefficient\nin the article")
    page.skip()
    page.heading("The treatment among men")
    _write_treatment_among_men(page, coefficients)
    page.skip()
    page.heading("How much students differ")
    write_spread(
        page,
        fit,
        intercept=coefficients["intercept"],
        group="students",
        baseline="Probability for women in the control group",
    )
    return coefficients


def _write_treatment_among_men(page: Page, coefficients: dict[str, Coefficient]) -> None:
    page.paragraph(
        "Among men the treatment multiplies the odds by the product of two odds ratios above, treat and "
        "treat_x_male. For an interval, code women as 1 instead of men and fit again: the row treat then speaks of "
        "men."
    )
    treat, product = coefficients["treat"], coefficients["treat_x_male"]
    row, total = page.row + 1, treat.value + product.value
    formats = page.formats
    columns = (
        Column("Term", formats.text, is_text=True),
        Column("What the odds ratio compares", formats.text, is_text=True),
        Column("Coefficient\n(log-odds)", formats.estimate),
        Column("Odds ratio", formats.estimate),
    )
    page.table(
        columns,
        [
            (
                "treat + treat_x_male",
                "Treatment against control, among men",
                Computed(f"={_local(treat)}+{_local(product)}", total),
                Computed(f"=EXP({cell(row, 2)})", math.exp(total)),
            )
        ],
    )


def _local(coefficient: Coefficient) -> str:
    """The coefficient's cell as a formula on its own sheet names it."""
    return coefficient.reference.rpartition("!")[2]


def _write_probabilities(report: Report, rows: list[Row], coefficients: dict[str, Coefficient]) -> None:
    page = report.page("Probabilities", (10, 12, 9, 9, 14, 12, 13, 13, 13, 15, 13))
    page.title("Probabilities", "Probability that a student eats vegetables on a given day")
    page.paragraph(
        "Fitted is the probability for a typical student of the group, one with a random intercept of zero: the "
        "log-odds are the sum of the coefficients that apply, and the probability is 1/(1+EXP(-L)) with L for the "
        "log-odds. Observed is the share of days with vegetables in the data. The difference is fitted minus "
        "observed, in percentage points. The last column is the fitted probability published in the article."
    )
    page.skip()
    first = page.row + 1
    _write_patterns(page, rows, coefficients)
    page.skip()
    description = (
        "Column chart: observed proportion and fitted probability for women and men with and without treatment"
    )
    chart = Comparison(
        title="Days with vegetables: observed and fitted",
        first_row=first,
        last_row=first + len(PATTERNS) - 1,
        categories=(0, 1),
        bars=(Bars(7, "Observed proportion", OBSERVED), Bars(6, "Fitted probability", FITTED)),
        x_title="Sex and treatment",
        y_title="Proportion of days",
        y_maximum=1.0,
        y_step=0.2,
        description=description,
    )
    write_comparison(report, page, chart)


def _write_patterns(page: Page, rows: list[Row], coefficients: dict[str, Coefficient]) -> None:
    formats = page.formats
    columns = (
        Column("Sex", formats.text, is_text=True),
        Column("Treatment", formats.text, is_text=True),
        Column("treat", formats.small_integer),
        Column("male", formats.small_integer),
        Column("treat_x_male", formats.small_integer),
        Column("Log-odds", formats.estimate),
        Column("Fitted probability", formats.estimate),
        Column("Observed proportion", formats.estimate),
        Column("Difference\n(% points)", formats.points),
        Column("Student-days\nobserved", formats.count),
        Column("Fitted in\nthe article", formats.estimate),
    )
    first = page.row + 1
    page.table(columns, [_pattern_row(first + i, pattern, rows, coefficients) for i, pattern in enumerate(PATTERNS)])


def _pattern_row(
    row: int, pattern: tuple[str, str, float], rows: list[Row], coefficients: dict[str, Coefficient]
) -> tuple[Content, ...]:
    sex, treatment, published = pattern
    treat, male = float(treatment == "treat"), float(sex == "male")
    coded = {"treat": treat, "male": male, "treat_x_male": treat * male}
    sex_cell, treatment_cell, *coded_cells = (cell(row, column) for column in range(5))
    log_odds_cell, fitted_cell, observed_cell = (cell(row, column) for column in (5, 6, 7))
    log_odds = linear_predictor(coefficients, dict(zip(coded_cells, coded.items(), strict=True)))
    fitted = probability(log_odds, log_odds_cell)
    outcomes = [float(r["y"]) for r in rows if (r["sex"], r["trt"]) == (sex, treatment)]
    observed = sum(outcomes) / len(outcomes)
    matching = f"{TABLE}[sex],{sex_cell},{TABLE}[trt],{treatment_cell}"
    return (
        sex,
        treatment,
        Computed(f'=IF({treatment_cell}="treat",1,0)', treat),
        Computed(f'=IF({sex_cell}="male",1,0)', male),
        Computed(f"={coded_cells[0]}*{coded_cells[1]}", treat * male),
        log_odds,
        fitted,
        Computed(f"=AVERAGEIFS({TABLE}[y],{matching})", observed),
        Computed(f"=100*({fitted_cell}-{observed_cell})", 100 * (fitted.value - observed)),
        Computed(f"=COUNTIFS({matching})", float(len(outcomes))),
        published,
    )
