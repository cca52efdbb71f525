"""analysis.xlsx: a template. Paste a table, change one formula, and everything follows; here with healthy data."""

from pathlib import Path

import sources
from example_report import CREATED
from glmm_binomial.writer.analysis_workbook import FOLLOWS, Analysis, write_analysis

FORMULA = "uses ~ age + I(age^2) + C(children) + area + (1 | district)"
SOURCE = "contraceptive use in Bangladesh"
HEADER = ("district", "uses", "age", "children", "area")
INTRODUCTION = (
    "To analyse data of your own: on the sheet Data clear all cells and paste your table with its names "
    "in the first row, beginning in cell A1; then write your model into the green cell above, in the notation of R's "
    "lme4: the outcome (0 and 1, TRUE and FALSE, two texts, or successes / trials) before ~, the predictors behind it, "
    f"and the column of groups in (1 | ...). {FOLLOWS} The data that stand here are from the Bangladesh Fertility "
    "Survey of 1988: whether each of 1,934 women in 60 districts uses contraception, her age in years from the mean, "
    "her children (0, 1, 2, 3+) and whether she lives in a town (data set Contraception of the R package mlmRev)."
)


def write(path: Path) -> None:
    """Write the workbook."""
    rows = [_row(record) for record in sources.read("contraception.csv")]
    analysis = Analysis(SOURCE, HEADER, rows, FORMULA, {"method": "vb", "alpha": 0.05, "missing": "omit"}, INTRODUCTION)
    write_analysis(path, analysis, lambda _: None, author="GLMM_BINOMIAL examples", created=CREATED)


def _row(record: dict[str, str]) -> tuple[str | float, ...]:
    children = record["livch"]
    return (
        float(record["district"]),
        float(record["usey"]),
        float(record["age"]),
        float(children) if children.isdigit() else children,
        "town" if record["urban"] == "Y" else "country",
    )
