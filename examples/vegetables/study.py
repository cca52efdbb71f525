"""What all sheets of vegetables.xlsx speak of: the records, the ranges of formulas, and the article's results."""

from collections.abc import Sequence
from dataclasses import dataclass

import sources
from glmm_binomial.writer.data_table import DataColumn, Row, complete, table_columns, this_row
from glmm_binomial.writer.formula import Expression, call, constant

ARTICLE = (
    "Clay Ford, Getting Started with Binomial Generalized Linear Mixed Models, University of Virginia Library, 2021"
)
TABLE = "Vegetables"
DAYS, STUDENTS = 14, 250
# of the long tables: the first students, enough for a page
ROWS_PRINTED = 3 * DAYS


def _of_student(column: str) -> str:
    """The formula that finds a column of the records by the student's number."""
    found = f"MATCH({this_row('Students', 'id')},{TABLE}[id],0)"
    return f"=INDEX({TABLE}[{column}],{found})"


COLUMNS = (
    DataColumn("id", "Student, 1 to 250."),
    DataColumn("day", "Day, 1 to 14."),
    DataColumn("trt", "Group the student was assigned to: control or treat."),
    DataColumn("sex", "female or male."),
    DataColumn("y", "1 when the student ate vegetables that day, 0 when not."),
    DataColumn(
        "treat",
        "1 in the treatment group, otherwise 0; made by a formula.",
        f'=IF({this_row(TABLE, "trt")}="treat",1,0)',
        lambda row: float(row["trt"] == "treat"),
    ),
    DataColumn(
        "male",
        "1 for men, 0 for women; made by a formula.",
        f'=IF({this_row(TABLE, "sex")}="male",1,0)',
        lambda row: float(row["sex"] == "male"),
    ),
)

STUDENTS_TABLE = "Students"
COUNTS = (
    DataColumn("id", "Student, 1 to 250."),
    DataColumn("trt", "Group the student was assigned to.", _of_student("trt"), lambda row: row["trt"]),
    DataColumn("sex", "female or male.", _of_student("sex"), lambda row: row["sex"]),
    DataColumn(
        "vegetable_days",
        "Days on which the student ate vegetables.",
        f"=SUMIFS({TABLE}[y],{TABLE}[id],{this_row(STUDENTS_TABLE, 'id')})",
        lambda row: row["vegetable_days"],
    ),
    DataColumn(
        "days",
        "Days on which the student was asked.",
        f"=COUNTIFS({TABLE}[id],{this_row(STUDENTS_TABLE, 'id')})",
        lambda row: row["days"],
    ),
)

CODED = "trt * sex"
RIGHT, WRONG = "y ~ trt * sex + (1 | id)", "y ~ trt + sex + (1 | id)"
# of days out of days
COUNTED, COUNTED_WRONG = (f"vegetable_days / days ~ {terms} + (1 | id)" for terms in ("trt * sex", "trt + sex"))
ML = constant("ml")


@dataclass(frozen=True, slots=True)
class Term:
    """A fixed effect: its name, what its odds ratio compares, and the article's coefficient and standard error."""

    name: str
    meaning: str
    coefficient: float
    std_error: float


TERMS = (
    Term("intercept", "Odds of a vegetable day: women, control", -0.30840, 0.07127),
    Term("trt[treat]", "Treatment against control, among women", 2.18835, 0.12423),
    Term("sex[male]", "Men against women, in the control group", -0.63440, 0.10859),
    Term("trt[treat]:sex[male]", "Effect of the treatment on men against women", -1.21669, 0.16556),
)
ARTICLE_SD, ARTICLE_LOG_LIKELIHOOD, ARTICLE_AIC = 0.1986, -2061.2, 4132.4
ARTICLE_SD_LIMITS = (0.0, 0.3453926)
ARTICLE_ODDS_RATIO, ARTICLE_ODDS_RATIO_LIMITS = 8.92, (7.023558, 11.44831)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sex and a treatment, and the article's fitted probability and observed proportion for them."""

    sex: str
    trt: str
    fitted: float
    observed: float


PATTERNS = (
    Pattern("female", "control", 0.4235043, 0.4242),
    Pattern("female", "treat", 0.8676050, 0.8659),
    Pattern("male", "control", 0.2803350, 0.2821),
    Pattern("male", "treat", 0.5072137, 0.5071),
)


@dataclass(frozen=True, slots=True)
class Study:
    """The records, and the columns of their table as formulas take them."""

    rows: Sequence[Row]

    @property
    def table(self) -> Expression:
        """All columns, with their header."""
        names = [column.name for column in COLUMNS]
        return Expression(f"{TABLE}[#All]", [names, *([row[name] for name in names] for row in self.rows)])

    @property
    def factors(self) -> Expression:
        """The columns of text."""
        return table_columns(TABLE, self.rows, "trt", "sex")

    def coded(self, formula: str) -> Expression:
        """The columns of the model, coded by a formula."""
        return call("GLMM_BINOMIAL_DESIGN", data=self.factors, formula=constant(formula))

    def model(self, formula: str, **options: Expression) -> Expression:
        """Fit a formula to the table."""
        return call("GLMM_BINOMIAL_FORMULA", data=self.table, formula=constant(formula), **options)

    def outcomes_of(self, pattern: Pattern) -> list[float]:
        """Each 0 or 1 of a pattern."""
        return [float(row["y"]) for row in self.rows if (row["sex"], row["trt"]) == (pattern.sex, pattern.trt)]


@dataclass(frozen=True, slots=True)
class Counts:
    """The days of each student, and their table as formulas take it."""

    rows: Sequence[Row]

    @property
    def table(self) -> Expression:
        """All columns, with their header."""
        names = [column.name for column in COUNTS]
        return Expression(f"{STUDENTS_TABLE}[#All]", [names, *([row[name] for name in names] for row in self.rows)])


def count_days(study: Study) -> Counts:
    """Take the days of each student together."""
    rows: dict[object, dict[str, float | str]] = {}
    for record in study.rows:
        blank = {"id": record["id"], "trt": record["trt"], "sex": record["sex"], "vegetable_days": 0.0, "days": 0.0}
        row = rows.setdefault(record["id"], blank)
        row["vegetable_days"] = float(row["vegetable_days"]) + float(record["y"])
        row["days"] = float(row["days"]) + 1
    return Counts(list(rows.values()))


def read_study() -> Study:
    numbers = ("id", "day", "y")
    records = sources.read("vegetables.csv")
    rows = [{name: float(text) if name in numbers else text for name, text in r.items()} for r in records]
    return Study(complete(COLUMNS, rows))


def matching(sex_cell: str, trt_cell: str) -> str:
    """The conditions by which COUNTIFS and AVERAGEIFS find the records of a pattern."""
    return f"{TABLE}[sex],{sex_cell},{TABLE}[trt],{trt_cell}"
