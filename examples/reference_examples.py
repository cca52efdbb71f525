"""reference_examples.xlsx: five formulas on six observations, each with what it shows and the table it returns."""

from dataclasses import dataclass
from pathlib import Path

from example_report import new_example
from glmm_binomial.writer.fit_table import HOW_TO_READ, ROOM_AROUND, WIDTHS, write_fit
from glmm_binomial.writer.formula import Expression, call, constant
from glmm_binomial.writer.page import Page


@dataclass(frozen=True, slots=True)
class Example:
    """A formula and what it shows."""

    title: str
    shows: str
    formula: Expression


def _column(text: str) -> Expression:
    return Expression(text, [[float(value)] for value in text.strip("{}").split(";")])


Y, OTHER_Y = _column("{0;1;0;1;1;0}"), _column("{0;1;1;0;1;1}")
X, GROUPS = _column("{1;2;1.5;2.5;3;1.2}"), _column("{1;1;2;2;3;3}")
SLOPES = _column("{1;1;1.5;1.5;2;2}")

EXAMPLES = (
    Example(
        "1  A random intercept",
        "The shortest form: 0/1 outcomes, one column x, and the groups. The model has an intercept for all, and each "
        "group may lie above or below it. Here x separates the outcomes completely, and the warnings say what that "
        "means.",
        call("GLMM_BINOMIAL", y=Y, x=X, groups=GROUPS),
    ),
    Example(
        "2  A random slope",
        "The fourth argument, x_random, gives a column whose effect may differ from group to group. The table then "
        "has one more row under random_effects, random_x1.",
        call("GLMM_BINOMIAL", y=OTHER_Y, x=X, groups=GROUPS, x_random=SLOPES),
    ),
    Example(
        "3  Without an intercept, FALSE in fourth place",
        "Counted by position, FALSE stands where x_random is expected. A single TRUE or FALSE there cannot be data "
        "for random slopes, so it is taken for the next argument, fit_intercept: the row intercept is missing under "
        "fixed_effects. The random intercept of the groups stays.",
        call("GLMM_BINOMIAL", y=Y, x=X, groups=GROUPS, x_random=constant(False)),
    ),
    Example(
        "4  Without an intercept, x_random skipped",
        "The same model as example 3 in the form to be preferred: the fourth argument is left out, and FALSE stands "
        "in its own place, the fifth. The table is the same to the last digit.",
        call("GLMM_BINOMIAL", y=Y, x=X, groups=GROUPS, fit_intercept=constant(False)),
    ),
    Example(
        "5  A 90 % confidence interval",
        "The model of example 2 with all arguments up to alpha written out. alpha = 0.1 makes ci_lower and ci_upper "
        "the limits of a 90 % interval; nothing else changes.",
        call(
            "GLMM_BINOMIAL",
            y=OTHER_Y,
            x=X,
            groups=GROUPS,
            x_random=SLOPES,
            fit_intercept=constant(True),
            alpha=constant(0.1),
        ),
    ),
)


def write(path: Path) -> None:
    """Write the workbook."""
    with new_example(path, "GLMM_BINOMIAL: five examples") as report:
        page = report.page("Examples", WIDTHS)
        page.title("GLMM_BINOMIAL: five examples", "Six observations in three groups of two, typed into the formulas")
        page.paragraph(HOW_TO_READ)
        page.paragraph(
            "The data are too few to learn anything from: they show how the formula is written and what it returns. "
            "Keep the rows below each table free, so that it can grow."
        )
        page.skip()
        _write_example(page, EXAMPLES[0])
        for example in EXAMPLES[1:]:
            page.break_page()
            _write_example(page, example)


def _write_example(page: Page, example: Example) -> None:
    page.heading(example.title)
    page.paragraph(example.shows)
    write_fit(page, example.formula)
    page.skip(ROOM_AROUND)
