"""The addresses of the cells that a function's message names: it counts rows and columns of its argument, and no more.

A message says "Row 8, column 2 of x holds the text 'tall'" or "2 cells of y are blank: rows 1 and 3." Which cells of
the sheet these are, only the formula tells.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from glmm_binomial.workbook.addresses import cell_name
from glmm_binomial.workbook.book import Book, Formula
from glmm_binomial.workbook.formula_text import bare_name, tokens_of
from glmm_binomial.workbook.references import SheetArea

_ONE = re.compile(r"[Rr]ow (\d+), column (\d+) of (\w+)")
_SEVERAL = re.compile(r"cells of (\w+) [^\n]*?: (rows \d[^.]*|row \d+, column \d[^.]*)\.")
_MORE = re.compile(r" and [\d,]+ more$")


def with_addresses(message: str, formula: Formula, book: Book, functions: Mapping[str, Callable[..., object]]) -> str:
    """Return a message with the addresses of the cells that it names, as far as the formula tells them.

    Parameters
    ----------
    message
        What a call in the formula gave.
    formula
        The formula.
    book
        Its workbook.
    functions
        The Python functions by upper-case name; the names of their parameters are those in the message.
    """
    areas = _areas_of_arguments(formula, book, functions)
    if not areas:
        return message

    def after_one(match: re.Match[str]) -> str:
        named = _named(book, areas.get(match[3]), [(int(match[1]), int(match[2]))])
        return f"{match[0]}{named}"

    def after_several(match: re.Match[str]) -> str:
        listed = _MORE.sub("", match[2])
        places = [(int(row), int(column)) for row, column in re.findall(r"row (\d+), column (\d+)", listed)]
        places = places or [(int(row), 1) for row in re.findall(r"\d+", listed)]
        return f"{match[0].removesuffix('.')}{_named(book, areas.get(match[1]), places)}."

    return _SEVERAL.sub(after_several, _ONE.sub(after_one, message))


def _named(book: Book, cells: SheetArea | None, places: list[tuple[int, int]]) -> str:
    """Write the addresses of cells, counted from 1 within an argument, in brackets; nothing if they lie outside."""
    if cells is None or any(row > cells[1].rows or column > cells[1].columns for row, column in places):
        return ""
    name = next((sheet.name for sheet in book.contents.sheets if sheet.name.casefold() == cells[0]), cells[0])
    corner = cells[1]
    addresses = [cell_name(corner.top + row - 1, corner.left + column - 1) for row, column in places]
    return f" ({name}!{', '.join(addresses)})"


def _areas_of_arguments(
    formula: Formula, book: Book, functions: Mapping[str, Callable[..., object]]
) -> dict[str, SheetArea]:
    """Return the cells of each argument that is a reference, by the name of the parameter; the first call counts."""
    areas: dict[str, SheetArea] = {}
    for function, arguments in _calls(formula.cell.text):
        if function not in functions:
            continue
        parameters = inspect.signature(functions[function]).parameters
        for name, text in zip(parameters, arguments, strict=False):
            cells = _cells(text, formula, book)
            if cells is not None:
                areas.setdefault(name, cells)
    return areas


@dataclass(slots=True)
class _Call:
    function: str
    arguments: list[str] = field(default_factory=lambda: [""])


def _calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the calls in a formula and the texts of their arguments."""
    calls: list[_Call] = []
    for token in tokens_of(text):
        is_separator = token.kind == "Sep" and bool(calls)
        for call in calls[:-1] if is_separator or token.subtype == "Close" else calls:
            call.arguments[-1] += token.value
        if token.subtype == "Open":
            calls.append(_Call(bare_name(token.value.removesuffix("(")) if token.kind == "Func" else ""))
        elif token.subtype == "Close" and calls:
            closed = calls.pop()
            yield closed.function, closed.arguments
        elif is_separator:
            calls[-1].arguments.append("")


def _cells(text: str, formula: Formula, book: Book) -> SheetArea | None:
    """Return the cells that an argument stands for; None when it is no reference to a single area, or a name of one."""
    tokens = list(tokens_of(text.strip())) if text.strip() else []
    if len(tokens) != 1 or not tokens[0].is_reference:
        return None
    place = formula.sheet.name, formula.cell.row, formula.cell.column
    areas = book.references.areas(tokens[0].value, *place)
    if areas is None:
        name = book.references.names.defined_name(tokens[0].value, formula.sheet.name)
        areas = None if name is None else book.references.areas(name.definition, *place)
    return areas[0] if areas is not None and len(areas) == 1 else None
