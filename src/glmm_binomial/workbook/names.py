"""What the words in formulas stand for: defined names and tables, as seen from the cell that uses them."""

from glmm_binomial.workbook.addresses import unquoted_sheet
from glmm_binomial.workbook.contents import Contents, DefinedName, Table


class Names:
    """The defined names and tables of one workbook; case does not matter."""

    def __init__(self, contents: Contents) -> None:
        self._tables = {table.name.casefold(): table for table in contents.tables}
        self._names = {((name.sheet or "").casefold(), name.name.casefold()): name for name in contents.names}

    def defined_name(self, token: str, sheet: str) -> DefinedName | None:
        """Find a defined name as seen from a sheet: `nm`, or `'Other sheet'!nm`."""
        qualifier, mark, name = token.rpartition("!")
        scope = unquoted_sheet(qualifier) if mark else sheet
        return self._names.get((scope.casefold(), name.casefold())) or self._names.get(("", name.casefold()))

    def table(self, token: str, sheet: str, row: int, column: int) -> Table | None:
        """Find the table of a structured reference in a cell; `[y]` alone means a column of the table around it."""
        name, bracket, specifier = token.partition("[")
        if bracket and not specifier.endswith("]"):
            return None
        if name:
            return self._tables.get(name.casefold())
        for table in self._tables.values():
            if table.sheet == sheet and table.area.holds(row, column):
                return table
        return None
