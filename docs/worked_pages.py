"""Write anew what is calculated in the pages: `python docs/worked_pages.py`.

A page is written by hand but for parts like

    <!-- answer 4 =GLMM_BINOMIAL_RANEF(model) -->
    <!-- end -->

between whose two lines stands, after a run of this script, the formula with the first 4 rows of what it gives. The
other kinds are `list`, of the worksheet functions; `call NAME`, the call and the arguments of one; and `messages`, what
each of several formulas is answered. `sheet NAME` says on which sheet of worked.py the ranges of those below it are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from glmm_binomial.worksheet.catalogue import BY_NAME, FUNCTIONS
from worked import answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glmm_binomial.worksheet.entries import Argument, WorksheetFunction

DOCS: Final = Path(__file__).parent
PART: Final = re.compile(
    r"<!-- (list|call|answer|messages)\b(.*?)\s-->\n.*?<!-- end -->|<!-- (sheet) (\w+) -->", re.DOTALL
)
SENTENCES: Final = ("note", "warning")
"""What the rows begin with that are sentences, and stand below a table here."""
SMALL: Final = 1e-3
WHOLE: Final = 1e15
MARKS: Final = re.compile(r"([\\|*<`])")
"""What Markdown would not print as it is."""

ROLES: Final = {
    "A model from your data": lambda function: function.answer == "model" or function.name == "GLMM_BINOMIAL",
    "Questions to a model": lambda function: function.arguments and function.arguments[0].kind == "model",
    "Without a model": lambda _function: True,
}
"""Headings of the list of functions; a function stands under the first that fits."""


def pages() -> list[Path]:
    """All pages, in the order of their names."""
    return sorted(DOCS.rglob("*.md"))


def worked(text: str) -> str:
    """The page with its parts calculated."""
    sheet = "children"

    def part(found: re.Match[str]) -> str:
        nonlocal sheet
        if found[3]:
            sheet = found[4]
            return found[0]
        kind, asked = found[1], found[2].strip()
        first, _, _ = found[0].partition("-->")
        lines = "\n".join(_WRITERS[kind](asked, sheet))
        return f"{first}-->\n\n{lines}\n\n<!-- end -->"

    return PART.sub(part, text)


def _list(_asked: str, _sheet: str) -> Sequence[str]:
    lines: list[str] = []
    left = list(FUNCTIONS)
    for heading, belongs in ROLES.items():
        under = [function for function in left if belongs(function)]
        left = [function for function in left if function not in under]
        lines += [f"## {heading}", "", "| function | what it does |", "|---|---|"]
        lines += [f"| {_link(function)} | {_printed(_first_sentence(function.help))} |" for function in under]
        lines += [""]
    return lines[:-1]


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].removesuffix(".")


def _link(function: WorksheetFunction) -> str:
    return f"[{function.name}]({function.python_name}.md)"


def _call(name: str, _sheet: str) -> Sequence[str]:
    function = BY_NAME[name]
    rows = [
        (f"`{each.name}`" if each.is_required else f"`[{each.name}]`", _printed(each.help))
        for each in _distinct(function.arguments)
    ]
    table = ["", "| argument | what it is |", "|---|---|", *(f"| {label} | {help_text} |" for label, help_text in rows)]
    without = ["", "It takes no arguments."]
    return [_printed(function.help), "", f"    ={function.usage}", *(table if rows else without)]


def _distinct(arguments: Sequence[Argument]) -> Sequence[Argument]:
    """The arguments without those that mean the same as one before."""
    return list({each.help: each for each in reversed(arguments)}.values())[::-1]


def _answer(asked: str, sheet: str) -> Sequence[str]:
    most, _, formula = asked.partition(" ")
    answered = answer(formula, sheet)
    if not isinstance(answered, list):
        raise TypeError(f"{formula} gives no table: {answered}")
    if all(len(row) == 1 and isinstance(row[0], str) for row in answered):
        paragraphs = [f"> {_printed(row[0])}" for row in answered[: int(most)]]
        return [f"    {formula}", "", *"\n>\n".join(paragraphs).splitlines()]
    header, *rows = answered
    shown, left_out = rows[: int(most)], len(rows) > int(most)
    notes = [f"{row[0]}: {row[1]}" for row in shown if row[0] in SENTENCES]
    if " " in str(header[-1]) and all(row[-1] is None for row in rows):
        # what the last cell of a header says of the whole table
        notes = [f"The header ends with: {header[-1]}.", *notes]
        header, shown = header[:-1], [row[:-1] for row in shown]
    table = [_row(header), "|" + "---|" * len(header), *(_row(row) for row in shown if row[0] not in SENTENCES)]
    more = [_row(["...", *[None] * (len(header) - 1)])] if left_out else []
    return [f"    {formula}", "", *table, *more, *(line for note in notes for line in ("", _printed(note)))]


def _messages(asked: str, sheet: str) -> Sequence[str]:
    lines = ["| typed | shown |", "|---|---|"]
    for formula in asked.splitlines():
        message = answer(formula, sheet)
        if not isinstance(message, str):
            raise TypeError(f"{formula} is answered, not refused")
        typed = formula.replace("|", "\\|")
        lines.append(f"| `{typed}` | {_printed(message)} |")
    return lines


_WRITERS: Final = {"list": _list, "call": _call, "answer": _answer, "messages": _messages}


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        if cell == round(cell) and abs(cell) < WHOLE:
            return f"{cell:.0f}"
        return f"{cell:.4f}" if abs(cell) >= SMALL else f"{cell:.1e}"
    return _printed(str(cell))


def _printed(text: str) -> str:
    return MARKS.sub(r"\\\1", text)


def main() -> None:
    """Write the pages that differ and name them."""
    for page in pages():
        before = page.read_text("utf-8")
        after = worked(before)
        if after != before:
            page.write_text(after, "utf-8", newline="\n")
            print(f"written: {page.relative_to(DOCS.parent).as_posix()}")


if __name__ == "__main__":
    main()
