"""The article's picture: proportions of 100 simulated data sets, small and jittered, and the observed ones, large.

Women and men have a chart each. The numbers stand on the hidden sheet of chart data.
"""

import math

from xlsxwriter.utility import xl_col_to_name

from glmm_binomial.writer.chart_numbers import Block, ChartNumbers
from glmm_binomial.writer.charts import Dots, Frame, add_dots, add_named_dot, new_scatter, place
from glmm_binomial.writer.formula import number
from glmm_binomial.writer.page import Computed, Page, Report
from glmm_binomial.writer.spill import Spill
from glmm_binomial.writer.style import AVERAGED, STRESSED
from vegetables.study import PATTERNS, STUDENTS_TABLE, TABLE, Counts, Study

SIMULATIONS = 100
TREATMENTS, SEXES = ("control", "treat"), ("female", "male")
PLURALS = {"female": "Women", "male": "Men"}
# how far dots are spread beside their treatment, by steps that never come near to each other
SPREAD, STEP = 0.5, (math.sqrt(5) - 1) / 2
# the columns of the simulated block: where the dots of a treatment stand, then a proportion for each pattern
SHARES = len(TREATMENTS)
NAME, PLACE, BESIDE, OBSERVED, FOOT = range(5)
# which dot lies over another is not the same in Excel and LibreOffice: the observed one stands to the right
TO_THE_RIGHT = 0.35
LOWEST, HIGHEST = 0.1, 1.0
HEIGHT = 460


def write_facets(
    report: Report, page: Page, numbers: ChartNumbers, study: Study, counts: Counts, *, simulated: Spill, model: str
) -> None:
    """Draw the simulations below what is already on the sheet.

    Parameters
    ----------
    report, page, numbers
        Where.
    study, counts
        The records, and the students' days of which the simulations hold as many.
    simulated
        The table of GLMM_BINOMIAL_SIMULATE.
    model
        What it was simulated from, in words.
    """
    headers = ("x control", "x treat", *(f"{pattern.sex} {pattern.trt}" for pattern in PATTERNS))
    small = numbers.add(headers, [_proportions(counts, simulated, k) for k in range(SIMULATIONS)])
    for i, sex in enumerate(SEXES):
        large = numbers.add(("treatment", "x", "x observed", "observed", "foot"), _observed(study, sex))
        drawn = new_scatter(report)
        _add_sex(drawn, sex, small, large)
        frame = Frame(
            title=PLURALS[sex],
            x_title="",
            y_title="Proportion of days with vegetables",
            description=f"Dot chart: proportions of {sex} students, observed and in simulations of {model}",
            x_limits=(0.4, 2.9),
            y_limits=(LOWEST, HIGHEST),
            y_step=0.1,
            y_format="0.0",
            height=HEIGHT,
            part=0.49,
            before=0.51 * i,
            without_x_labels=True,
        )
        # the two treatments are told by their names
        place(page, drawn, frame, legend=None, stays=i == 0)


def _add_sex(drawn: object, sex: str, small: Block, large: Block) -> None:
    lines = [i for i, pattern in enumerate(PATTERNS) if pattern.sex == sex]
    for treatment, line in enumerate(lines):
        add_dots(drawn, small, Dots(treatment, SHARES + line, "Simulated", AVERAGED, size=3))
    add_dots(drawn, large, Dots(BESIDE, OBSERVED, "Observed", STRESSED, size=9))
    for treatment in range(len(lines)):
        # only its name
        foot = Dots(PLACE, FOOT, "", STRESSED, symbol="none")
        add_named_dot(drawn, large, treatment, foot, name=NAME, position="above")


def _proportions(counts: Counts, simulated: Spill, k: int) -> list[float | Computed[float]]:
    """One simulation: where its dots stand, and its proportion in each pattern."""
    jitter = SPREAD * (((k + 1) * STEP) % 1 - 0.5)
    letter = xl_col_to_name(simulated.left + k)
    first, last = simulated.top + 2, simulated.top + 1 + len(counts.rows)
    days = f"{simulated.sheet}!${letter}${first}:${letter}${last}"
    row: list[float | Computed[float]] = [1 + jitter, 2 + jitter]
    for pattern in PATTERNS:
        where = f'{STUDENTS_TABLE}[sex],"{pattern.sex}",{STUDENTS_TABLE}[trt],"{pattern.trt}"'
        lines = [i for i, r in enumerate(counts.rows, start=1) if (r["sex"], r["trt"]) == (pattern.sex, pattern.trt)]
        share = sum(number(simulated.rows[i][k]) for i in lines) / sum(float(counts.rows[i - 1]["days"]) for i in lines)
        row.append(Computed(f"=SUMIFS({days},{where})/SUMIFS({STUDENTS_TABLE}[days],{where})", share))
    return row


def _observed(study: Study, sex: str) -> list[list[str | float | Computed[float]]]:
    rows: list[list[str | float | Computed[float]]] = []
    for pattern in PATTERNS:
        if pattern.sex != sex:
            continue
        outcomes = study.outcomes_of(pattern)
        where = f'{TABLE}[sex],"{pattern.sex}",{TABLE}[trt],"{pattern.trt}"'
        observed = Computed(f"=AVERAGEIFS({TABLE}[y],{where})", sum(outcomes) / len(outcomes))
        middle = float(1 + TREATMENTS.index(pattern.trt))
        rows.append([pattern.trt, middle, middle + TO_THE_RIGHT, observed, LOWEST])
    return rows
