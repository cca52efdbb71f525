"""What is wrong with cells of a range: of which kind they are, how many, where the first of them stand, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NoReturn

import numpy as np

from glmm_binomial.observations.cells import (
    describe,
    found,
    is_blank,
    is_missing_mark,
    is_number_stored_as_text,
    is_number_type,
    reject,
)
from glmm_binomial.observations.places import STAND_IN, Place, cell_at, cells_at, meaning
from glmm_binomial.observations.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.observations.ranges import Range

Kind = Literal["blank", "error", "mark", "stored", "text", "other"]

SEVERAL: Final[dict[Kind, str]] = {
    "blank": "are blank",
    "error": "hold errors, such as {cell}",
    "mark": "mark missing values, as {cell} does",
    "stored": "are numbers stored as text, such as {cell}",
    "text": "hold text, such as {cell}",
    "other": "hold neither number nor text",
}
"""What several cells of a kind have in common, {cell} being the first."""

LEAVES_OUT: Final = '=GLMM_BINOMIAL_FORMULA(data, "y ~ x + (1 | g)") does so by itself'

PARAMETERS: Final = frozenset({"compare", "coefficients", "std_devs", "n_groups"})
"""Ranges whose cells are numbers of their own, of no row of the data and no category."""

TWO: Final = 2


def kind_of(cell: object) -> Kind:
    """Of which kind a cell is that holds no number."""
    if is_blank(cell):
        return "blank"
    if isinstance(cell, Exception):
        return "error"
    if not isinstance(cell, str):
        return "other"
    if is_missing_mark(cell):
        return "mark"
    return "stored" if is_number_stored_as_text(cell) else "text"


def reject_cells(
    data: Range, places: Sequence[Place], *, rule: str, several: str, advice: str = "", shown: str = ""
) -> NoReturn:
    """Refuse cells of one kind: the first by its position from zero; then all as a person counts, three of them named.

    Parameters
    ----------
    data : Range
    places : sequence of Place
        All cells of the kind, row by row, the header row counted.
    rule : str
        What they must be.
    several : str
        What several of them do, such as "are blank".
    advice : str
        What to do; otherwise the cells are to be corrected.
    shown : str
        What a single cell does, where it is not what it holds.
    """
    first, count = places[0], len(places)
    if count == 1:
        where = f"{cell_at(data.name, first)} {shown or found(data.cell(first))}."
    else:
        where = f"{count:,} cells of {data.name} {several}: {cells_at(places, width=data.width)}."
    reject(f"{data.name}[{first.row}][{first.column}] {rule} {where} {advice or _correct(data, count)}")


def _correct(data: Range, count: int) -> str:
    """What to do about cells that hold something wrong."""
    cells, rows = ("cell", "its row") if count == 1 else ("cells", "their rows")
    return f"Correct the {cells}" + ("." if data.name in PARAMETERS else f", or leave {rows} out of every range.")


def reject_unreadable(data: Range, is_readable: Callable[[object], bool], *, rule: str) -> NoReturn:
    """Refuse the first cell that can be no number, or no label, and count its like."""
    wrong = [place for place, cell in zip(data.places(), data.cells(), strict=True) if not is_readable(cell)]
    first = wrong[0]
    kind = kind_of(data.cell(first))
    alike = [place for place in wrong if kind_of(data.cell(place)) == kind]
    several = SEVERAL[kind].format(cell=_short(data.cell(first)))
    advice = _advice(data, kind, alike) + (_if_header(data, first) if len(alike) == 1 else "")
    reject_cells(data, alike, rule=rule, several=several, advice=advice)


def _short(cell: object) -> str:
    return describe(cell).removeprefix("the text ").removeprefix("the error ")


def _advice(data: Range, kind: Kind, places: Sequence[Place]) -> str:
    column, count = places[0].column, len(places)
    it, its_row = ("it", "its row") if count == 1 else ("them", "their rows")
    of_row = data.name not in PARAMETERS
    if kind == "blank":
        return f"Fill {it} in" + (f", or leave {its_row} out of every range; {LEAVES_OUT}." if of_row else ".")
    if kind == "error":
        formulas = f"Correct the formula{'s' * (count > 1)} there"
        return formulas + (f", or leave {its_row} out of every range." if of_row else ".")
    if kind == "mark" and of_row:
        return f"Such a mark stands for a missing value: leave {its_row} out of every range; {LEAVES_OUT}."
    if kind == "stored":
        cells = data.to_paste(column)
        begun = "It is a number stored as text: convert it" if count == 1 else "Convert them"
        return f"{begun} by =VALUE({cells}){meaning((data.name, cells))}, or by Data > Text to Columns."
    return advice_on_texts(data, column, count) if kind == "text" else _correct(data, count)


def advice_on_texts(data: Range, column: int, count: int) -> str:
    """What to do about text among numbers: a category is coded, anything else corrected."""
    texts = [cell for cell in data.column(column) if isinstance(cell, str) and kind_of(cell) == "text"]
    labels = sorted({text.strip() for text in texts})
    if data.name in PARAMETERS or TWO * len(texts) <= data.height:
        return _correct(data, count)
    cells = data.to_paste(column)
    explained = meaning((data.name, cells))
    last = shortened(labels[-1]).replace('"', '""')
    if data.name == "y":
        return f'If "{last}" is the success, use =--({cells}="{last}"){explained}.'
    if data.name == "trials":
        return "Give the number of trials of each row."
    if len(labels) <= TWO:
        return f'Code it as 0 and 1 by =--({cells}="{last}"){explained}, or by GLMM_BINOMIAL_DESIGN.'
    table = data.to_paste(column, header=True)
    name = data.heading(column)
    called = f'"{name}"' if name and name.isidentifier() else '"drug"'
    return (
        f"Code its {len(labels)} categories as columns of 0 and 1 by =GLMM_BINOMIAL_DESIGN({table}, {called}), with "
        f"the name {called} in the first row; or use GLMM_BINOMIAL_FORMULA, which codes text by itself."
    )


def _if_header(data: Range, first: Place) -> str:
    """What a header row must be, where the first row of a range may be meant as one."""
    may_be_header = isinstance(data.cell(first), str) and not is_blank(data.cell(first))
    if first.row or data.has_header or not may_be_header or data.name not in STAND_IN:
        return ""
    cells = [data.cell(Place(0, column)) for column in range(data.width)]
    number = next((cell for cell in cells if is_number_type(type(cell))), None)
    if data.name == "x" and number is not None:
        shown = describe(number)
        return f' If this is a header row, each header must be text: write {shown} as ="{shown}".'
    if data.name == "x" and any(map(is_blank, cells)):
        return " If this is a header row, each of its cells must hold a name."
    return (
        " If this is a header row, x and every other range must have one as well, and each header must be text: write "
        '2020 as ="2020".'
    )


# outcomes and counts -------------------------------------------------------------------------------------------------


def reject_outcomes(y: Range, values: NDArray[np.float64], wrong: NDArray[np.intp]) -> NoReturn:
    """Refuse outcomes (N,) other than 0 and 1, and say what makes 0 and 1 of them."""
    cells = y.to_paste(0)
    explained = meaning((y.name, cells))
    distinct = np.unique(values)
    if len(distinct) == TWO:
        low, high = (f"{value:.15g}" for value in distinct)
        coded = f"{cells}-{low}" if distinct[0] == 1.0 and distinct[1] == TWO else f"--({cells}={high})"
        reject(
            f"y must contain only 0 or 1 values. It holds only {low} and {high}: if {high} is the success, use "
            f"={coded}{explained}."
        )
    places = [y.place(int(row), 0) for row in wrong]
    if len(places) == 1:
        where = f"{cell_at(y.name, places[0])} {found(y.cell(places[0]))}."
    else:
        where = f"{len(places):,} cells of y hold something else, such as {describe(y.cell(places[0]))}: "
        where += f"{cells_at(places, width=1)}."
    reject(f"y must contain only 0 or 1 values. {where} {_advice_on_outcomes(values, cells, explained)}")


def _advice_on_outcomes(values: NDArray[np.float64], cells: str, explained: str) -> str:
    if values.min() < 0.0:
        return f"Correct it, or use =--({cells}>0){explained}, if a number above 0 is a success."
    if values.max() <= 1.0:
        return "If y holds shares, give the trials of each row in the argument trials, and share * trials as y."
    return (
        "If y counts successes, give the number of trials of each row in the argument trials, or one number for all "
        "rows."
    )


def reject_successes(
    y: Range, trials: Range | None, values: NDArray[np.float64], counts: NDArray[np.float64], wrong: NDArray[np.intp]
) -> NoReturn:
    """Refuse successes (N,) that are no whole numbers from 0 to trials."""
    places = [y.place(int(row), 0) for row in wrong]
    first = int(wrong[0])
    rule = "must be a whole number from 0 to trials."
    if values.min() >= 0.0 and values.max() <= 1.0:
        shares = y.to_paste(0)
        if trials is None:
            product, explained = f"{shares}*{counts[0]:.15g}", meaning((y.name, shares))
        else:
            of = trials.to_paste(0)
            product, explained = f"{shares}*{of}", meaning((y.name, shares), (trials.name, of))
        whole = np.abs(values * counts - np.rint(values * counts)) <= 1e-9 * counts
        successes = product if whole.all() else f"ROUND({product},0)"
        advice = f"y holds shares: give successes, ={successes}{explained}."
    else:
        has = describe(float(counts[first])) if trials is None else describe(trials.cell(trials.place(first, 0)))
        advice = f"In the same row, trials is {has}. Correct one of the two."
        if len(wrong) > 1:
            advice = f"In the first of these rows, trials is {has}. Correct y or trials."
    several = f"are no whole numbers from 0 to trials, such as {describe(y.cell(places[0]))}"
    reject_cells(y, places, rule=rule, several=several, advice=advice)
