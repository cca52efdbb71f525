"""reference_examples.xlsx: five formulas on six observations, each with what it shows and the table it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fit_table import HOW_TO_READ, ROOM_AROUND, WIDTHS, write_fit
from page import Page, new_report

X, GROUPS, SLOPES = (1, 2, 1.5, 2.5, 3, 1.2), (1, 1, 2, 2, 3, 3), (1, 1, 1.5, 1.5, 2, 2)
Y, OTHER_Y = (0, 1, 0, 1, 1, 0), (0, 1, 1, 0, 1, 1)
DATA = "{0;1;0;1;1;0}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}"
OTHER_DATA = "{0;1;1;0;1;1}, {1;2;1.5;2.5;3;1.2}, {1;1;2;2;3;3}"
SLOPES_DATA = "{1;1;1.5;1.5;2;2}"
# per cent, so that the first example and the introduction share a page
PRINT_SCALE = 75


@dataclass(frozen=True, slots=True)
class Example:
    """A formula, what it shows, and its arguments as the Python function takes them."""

    title: str
    shows: str
    formula: str
    arguments: Mapping[str, object]


def _column(values: tuple[float, ...]) -> list[list[float]]:
    return [[value] for value in values]


FIRST = {"y": _column(Y), "x": _column(X), "groups": _column(GROUPS)}
SECOND = {"y": _column(OTHER_Y), "x": _column(X), "groups": _column(GROUPS), "x_random": _column(SLOPES)}

EXAMPLES = (
    Example(
        "1  A random intercept",
        "The shortest form: 0/1 outcomes, one column x, and the groups. The model has an intercept for all, and each "
        "group may lie above or below it. Here x separates the outcomes completely, and the warnings say what that "
        "means.",
        f"=GLMM_BINOMIAL({DATA})",
        FIRST,
    ),
    Example(
        "2  A random slope",
        "The fourth argument, x_random, gives a column whose effect may differ from group to group. The table then "
        "has one more row under random_effects, random_x1.",
        f"=GLMM_BINOMIAL({OTHER_DATA}, {SLOPES_DATA})",
        SECOND,
    ),
    Example(
        "3  Without an intercept, FALSE in fourth place",
        "Counted by position, FALSE stands where x_random is expected. A single TRUE or FALSE there cannot be data "
        "for random slopes, so it is taken for the next argument, fit_intercept: the row intercept is missing under "
        "fixed_effects. The random intercept of the groups stays.",
        f"=GLMM_BINOMIAL({DATA}, FALSE)",
        {**FIRST, "x_random": False},
    ),
    Example(
        "4  Without an intercept, x_random skipped",
        "The same model as example 3 in the form to be preferred: the fourth argument is left out, and FALSE stands "
        "in its own place, the fifth. The table is the same to the last digit.",
        f"=GLMM_BINOMIAL({DATA}, , FALSE)",
        {**FIRST, "fit_intercept": False},
    ),
    Example(
        "5  A 90 % confidence interval",
        "The model of example 2 with all arguments up to alpha written out. alpha = 0.1 makes ci_lower and ci_upper "
        "the limits of a 90 % interval; nothing else changes.",
        f"=GLMM_BINOMIAL({OTHER_DATA}, {SLOPES_DATA}, TRUE, 0.1)",
        {**SECOND, "fit_intercept": True, "alpha": 0.1},
    ),
)


def write(path: Path) -> None:
    """Write the workbook."""
    with new_report(path, "GLMM_BINOMIAL: five examples") as report:
        page = report.page("Examples", WIDTHS)
        page.title("GLMM_BINOMIAL: five examples", "Six observations in three groups of two, typed into the formulas")
        page.paragraph(HOW_TO_READ)
        page.paragraph(
            "The data are too few to learn anything from: they show how the formula is written and what it returns. "
            "Keep the rows below each table free, so that it can grow."
        )
        page.skip()
        breaks = [_write_example(page, example) for example in EXAMPLES]
        page.print_on_pages(breaks=breaks[:-1], scale=PRINT_SCALE)


def _write_example(page: Page, example: Example) -> int:
    """Write one example and return the row at which the next one begins."""
    page.heading(example.title)
    page.paragraph(example.shows)
    write_fit(page, example.formula, example.arguments)
    page.skip(ROOM_AROUND)
    return page.row
