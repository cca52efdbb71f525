"""Functions of single values applied to arrays: `EXP(A1#)`, `LEN(C1:C9)`, `MATCH(B1:B9, E:E, 0)`.

Excel applies such a function to every element. The engine does not (0.13): it gives #VALUE!, or the value of the first
element alone. So the translator sends these calls here, and each element is calculated by the engine's own function on
a scratch sheet.
"""

from collections.abc import Sequence
from typing import Any

import formualizer

from glmm_binomial.workbook.addresses import Area, cell_name, parse_area

NAME = "_xll.RECALC_EACH"

_NUMBERS = """
    ABS ACOS ACOSH ACOT ACOTH ASIN ASINH ATAN ATAN2 ATANH BASE CEILING CEILING.MATH CEILING.PRECISE COMBIN COMBINA
    COS COSH COT COTH CSC CSCH DECIMAL DEGREES EVEN EXP FACT FACTDOUBLE FLOOR FLOOR.MATH FLOOR.PRECISE GAMMA GAMMALN
    GAMMALN.PRECISE INT LN LOG LOG10 MOD MROUND ODD PERMUT POWER QUOTIENT RADIANS ROUND ROUNDDOWN ROUNDUP SEC SECH
    SIGN SIN SINH SQRT SQRTPI TAN TANH TRUNC ERF ERF.PRECISE ERFC ERFC.PRECISE BITAND BITOR BITXOR DELTA GESTEP
    NORM.DIST NORM.INV NORM.S.DIST NORM.S.INV NORMDIST NORMINV NORMSDIST NORMSINV T.DIST T.DIST.2T T.DIST.RT T.INV
    T.INV.2T TDIST TINV CHISQ.DIST CHISQ.DIST.RT CHISQ.INV CHISQ.INV.RT CHIDIST CHIINV F.DIST F.DIST.RT F.INV
    F.INV.RT FDIST FINV BINOM.DIST BINOM.INV BINOMDIST NEGBINOM.DIST BETA.DIST BETA.INV GAMMA.DIST GAMMA.INV
    EXPON.DIST POISSON.DIST POISSON LOGNORM.DIST LOGNORM.INV WEIBULL.DIST HYPGEOM.DIST STANDARDIZE PHI GAUSS FISHER
    FISHERINV CONFIDENCE.NORM CONFIDENCE.T
"""
_TEXTS = """
    LEN LEFT RIGHT MID UPPER LOWER PROPER TRIM CLEAN SUBSTITUTE REPLACE REPT FIND SEARCH TEXT VALUE CHAR CODE EXACT
    UNICHAR UNICODE NUMBERVALUE FIXED DOLLAR TEXTBEFORE TEXTAFTER
"""
_CONDITIONS = "NOT ISNUMBER ISTEXT ISBLANK ISERROR ISERR ISNA ISLOGICAL ISNONTEXT ISEVEN ISODD ERROR.TYPE IFNA"
_DATES = """
    DATE YEAR MONTH DAY HOUR MINUTE SECOND WEEKDAY WEEKNUM ISOWEEKNUM TIME DATEVALUE TIMEVALUE EDATE EOMONTH DAYS
    DAYS360 YEARFRAC DATEDIF
"""
TEXT_FUNCTIONS = frozenset(_TEXTS.split())
_ALL_ARGUMENTS = frozenset(range(255))
# function -> the arguments that Excel takes as single values
SINGLE_ARGUMENTS: dict[str, frozenset[int]] = {
    **dict.fromkeys((_NUMBERS + _TEXTS + _CONDITIONS + _DATES).split(), _ALL_ARGUMENTS),
    **dict.fromkeys(("MATCH", "XMATCH", "VLOOKUP", "HLOOKUP", "XLOOKUP", "LOOKUP"), frozenset({0})),
    **dict.fromkeys(("COUNTIF", "SUMIF", "AVERAGEIF"), frozenset({1})),
    "COUNTIFS": frozenset(range(1, 255, 2)),
    **dict.fromkeys(("SUMIFS", "AVERAGEIFS", "MINIFS", "MAXIFS"), frozenset(range(2, 255, 2))),
    **dict.fromkeys(
        ("LARGE", "SMALL", "PERCENTILE", "PERCENTILE.INC", "PERCENTILE.EXC", "QUARTILE", "QUARTILE.INC"), frozenset({1})
    ),
    **dict.fromkeys(("RANK", "RANK.EQ", "RANK.AVG"), frozenset({0})),
    "INDEX": frozenset({1, 2}),
}
# functions that make one value of any array
_ONE_VALUE = """
    SUM SUMPRODUCT SUMSQ COUNT COUNTA COUNTBLANK AVERAGE AVERAGEA MIN MINA MAX MAXA MEDIAN PRODUCT ROWS COLUMNS AND
    OR XOR STDEV STDEV.S STDEV.P STDEVP VAR VAR.S VAR.P VARP GEOMEAN HARMEAN SUBTOTAL AGGREGATE CORREL PEARSON
    COVARIANCE.S COVARIANCE.P SLOPE INTERCEPT RSQ SKEW KURT DEVSQ AVEDEV CONCAT CONCATENATE TEXTJOIN NPV IRR
"""
AGGREGATES = frozenset(_ONE_VALUE.split())


class Elementwise:
    """Evaluates single-valued functions over arrays."""

    def __init__(self) -> None:
        self._scratch = _scratch()

    def __call__(self, function: str, stored: str, *arguments: Any) -> object:
        """Return the value for every element of the broadcast arguments, or one value if none is an array.

        Parameters
        ----------
        function
            Name of the function, as in `SINGLE_ARGUMENTS`.
        stored
            The same as the file writes it, with prefixes such as `_xlfn.`.
        *arguments
            Their values: an array is a list of rows.
        """
        lifted = SINGLE_ARGUMENTS[function]
        arrays = [a for i, a in enumerate(arguments) if i in lifted and isinstance(a, list)]
        rows = max(map(len, arrays), default=1)
        columns = max((len(array[0]) for array in arrays), default=1)
        if not any(isinstance(argument, list) for argument in arguments):
            return _evaluate(self._scratch, stored, arguments, lifted, Area(1, 1, 1, 1))
        return _evaluate(_scratch(), stored, arguments, lifted, Area(1, 1, rows, columns))


def _scratch() -> Any:
    workbook = formualizer.Workbook()
    workbook.set_temporal_egress("serial")
    workbook.add_sheet("S")
    return workbook


def _evaluate(workbook: Any, function: str, arguments: Sequence[Any], lifted: frozenset[int], shape: Area) -> object:
    """Write the arguments side by side, the formulas to their right, and read the values.

    An element outside an array that has more than one row (or column) does not exist: #N/A, as in Excel.
    """
    sheet = workbook.sheet("S")
    blocks, left = [], 1
    for position, argument in enumerate(arguments):
        block = argument if isinstance(argument, list) else [[argument]]
        sheet.set_values_batch(1, left, len(block), len(block[0]), block)
        blocks.append((Area(1, left, len(block), left + len(block[0]) - 1), position in lifted))
        left += len(block[0]) + 1
    formulas = [
        [
            f"={function}({','.join(_element(area, r, c) if single else str(area) for area, single in blocks)})"
            for c in range(shape.columns)
        ]
        for r in range(shape.rows)
    ]
    if shape.rows == shape.columns == 1:
        return _one(workbook, formulas[0][0], left)
    sheet.set_formulas_batch(1, left, shape.rows, shape.columns, formulas)
    workbook.evaluate_all()
    area = formualizer.RangeAddress("S", 1, left, shape.rows, left + shape.columns - 1)
    return [[0.0 if value is None else value for value in row] for row in sheet.get_values(area)]


def _one(workbook: Any, formula: str, column: int) -> object:
    """Evaluate one formula; `INDEX(A1:C9,0,2)` may still return an array."""
    workbook.set_formula("S", 1, column, formula)
    value = workbook.evaluate_cell("S", 1, column)
    spill = workbook.inspect_cell(f"S!{cell_name(1, column)}").cell.spill
    if spill is None or not spill.extent:
        return 0.0 if value is None else value
    area = parse_area(spill.extent.rpartition("!")[2])
    address = formualizer.RangeAddress("S", area.top, area.left, area.bottom, area.right)
    return [[0.0 if v is None else v for v in row] for row in workbook.sheet("S").get_values(address)]


def _element(area: Area, row: int, column: int) -> str:
    row, column = 0 if area.rows == 1 else row, 0 if area.columns == 1 else column
    if row >= area.rows or column >= area.columns:
        return "#N/A"
    return cell_name(area.top + row, area.left + column)
