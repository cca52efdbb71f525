"""The workbooks to calculate.

They have the sheets of sheets.py and a sheet Cases: a title, and below it a formula, which may fill the cells to its
right and below.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from calc.gaps import Gap
from calc.sheets import odd, write_sheets

# columns from one case to the next: room for its table
ROOM = 20
FIT = "_xll.GLMM_BINOMIAL(Data!$A$2:$A$73,Data!$B$2:$C$73,Data!$D$2:$D$73)"


@dataclass(frozen=True)
class Case:
    """A formula; `gap` if LibreOffice cannot show its values, `plain` if it shows one value and does not spill."""

    title: str
    formula: str
    gap: Gap | None = None
    plain: bool = False


def write_cases(path: Path, cases: Sequence[Case]) -> None:
    """Write a workbook of cases."""
    with xlsxwriter.Workbook(path) as book:
        write_sheets(book)
        book.define_name("Model", f"={FIT}")
        sheet = book.add_worksheet("Cases")
        for i, case in enumerate(cases):
            sheet.write_string(0, ROOM * i, case.title)
            if case.plain:
                sheet.write_formula(1, ROOM * i, case.formula)
            else:
                sheet.write_dynamic_array_formula(1, ROOM * i, 1, ROOM * i, case.formula)


def gaps_in(cases: Sequence[Case]) -> dict[str, Gap]:
    """Return the named gaps of a workbook by area."""
    return {
        f"Cases!{xl_col_to_name(ROOM * i)}2:{xl_col_to_name(ROOM * (i + 1) - 1)}1000": case.gap
        for i, case in enumerate(cases)
        if case.gap is not None
    }


def fit(*, last: str = "", **given: str) -> str:
    """Return a formula that fits columns of Data; y, x or groups may be given, and arguments after them."""
    first = {"y": "Data!A2:A73", "x": "Data!B2:C73", "groups": "Data!D2:D73"} | given
    return f"=_xll.GLMM_BINOMIAL({','.join(first.values())}{last})"


ARGUMENTS = (
    Case("ranges", fit()),
    Case("a header row", fit(y="Data!A1:A73", x="Data!B1:C73", groups="Data!D1:D73")),
    Case("whole columns", fit(y="Data!A:A", x="Data!$B:$C", groups="Data!D:D")),
    Case("array constants", "=_xll.GLMM_BINOMIAL({0;1;0;1;1;0},{1;2;1.5;2.5;3;1.2},{1;1;2;2;3;3})"),
    Case("a constant of texts", '=_xll.GLMM_BINOMIAL({0;1;0;1;1;0},{1;2;1.5;2.5;3;1.2},{"a";"a";"b";"b";"c";"c"})'),
    Case("a constant of booleans", "=_xll.GLMM_BINOMIAL({FALSE;TRUE;FALSE;TRUE},{1;2;1.5;2.5},{TRUE;TRUE;1;1})"),
    Case("a constant with an error", "=_xll.GLMM_BINOMIAL({0;1;#N/A;1},{1;2;1.5;2.5},{1;1;2;2})"),
    Case("computed arrays", fit(y="1-Data!A2:A73", x="Data!B2:C73*2")),
    Case("text labels", fit(groups="Data!E2:E73")),
    Case("skipped x_random", fit(last=",,FALSE")),
    Case("skipped to alpha", fit(last=",,,0.1")),
    Case("skipped to method", fit(last=',,,,"ml"')),
    Case("trailing commas", fit(last=",,,,")),
    Case("FALSE in place of x_random", fit(last=",FALSE")),
    Case("0 for FALSE", fit(last=",,0")),
    Case("empty cells for the optional arguments", fit(last=",Data!Z1,Data!Z2,Data!Z3,Data!Z4,Data!Z5")),
    Case("options in cells", fit(last=",,Listed!G1,Listed!G2,Listed!G3")),
    Case("a function of TRUE", fit(last=",,NOT(TRUE)")),
    Case("defined names", fit(y="Outcome", groups="Grouping")),
    Case("a table", fit(y="Cows[y]", x="Cows[[x1]:[x2]]", groups="Cows[herd]")),
    Case("a table with headers", fit(y="Cows[[#All],[y]]", x="Cows[[#All],[x1]:[x2]]", groups="Cows[[#All],[herd]]")),
    Case("booleans as outcomes", fit(y=odd("true and false"))),
    Case("computed cells", fit(x=odd("computed"))),
    Case("labels joined from computed numbers", fit(groups=f'"dose "&{odd("steps of a tenth")}')),
    Case("compared with a computed number", f"=SUMPRODUCT(({odd('steps of a tenth')}=0.3)*1)", plain=True),
    Case("a computed number and a text", f'={odd("steps of a tenth").partition(":")[0]}*3&"|"&1/3', plain=True),
    Case("blanks below the data", fit(y=odd("blanks below"), x="Data!B2:B61", groups="Data!D2:D61")),
    Case("the size of the table", f"=ROWS({FIT})*100+COLUMNS({FIT})", plain=True),
)

MODELS = (
    Case("one random slope", fit(last=",Data!F2:F73")),
    Case("two random slopes", fit(last=",Data!F2:G73")),
    Case("trials", fit(y="Data!I2:I73", last=",,,,,Data!H2:H73")),
    Case("variational", fit(last=',,,,"vb"')),
    Case("maximum likelihood", fit(last=',,,,"ml"')),
    Case("mean-field", fit(last=',,,,"mean-field"')),
    Case("maximum likelihood, trials", fit(y="Data!I2:I73", last=',,,,"ml",Data!H2:H73')),
    Case("maximum likelihood, a slope", fit(last=',Data!F2:F73,TRUE,0.1,"ml"')),
    Case("maximum likelihood, two slopes", fit(last=',Data!F2:G73,,,"ml"')),
    Case("no intercept", fit(last=",,FALSE")),
    Case("one predictor", fit(x="Data!C2:C73")),
)

MESSAGES = (
    Case("a blank inside", fit(y=odd("blank in outcome"))),
    Case("a text among numbers", fit(x=odd("text in dose"))),
    Case("a number stored as text", fit(x=odd("number as text"))),
    Case("a blank label", fit(groups=odd("blank in ward"))),
    Case("a 2 among outcomes", fit(y=odd("two in outcome"))),
    Case("labels that look alike", fit(groups=odd("labels alike"))),
    Case("unequal lengths", fit(x="Data!B2:C72")),
    Case("a row for a column", fit(y="Data!A2:I2")),
    Case("one cell", fit(y="Data!A2")),
    Case("a constant", fit(y="1")),
    Case("alpha out of range", fit(last=",,,1.5")),
    Case("an unknown method", fit(last=',,,,"reml"')),
    Case("a header on one range only", fit(x="Data!B1:C73")),
    Case("a whole column beside a range", fit(groups="Data!D:D")),
    Case("an error value", fit(last=",,,#N/A")),
    Case("a range with an error value", fit(x=odd("error in dose")), Gap.ERRORS),
    Case("a cell with an error value", fit(last=",,,Odd!C9"), Gap.ERRORS),
    Case("an empty text", fit(groups=odd("empty text in ward"))),
    Case("a cell with FALSE in place of x_random", fit(last=",Listed!G1"), Gap.BOOLEANS, plain=True),
)

# the table of the first stands in A2:I..., the column of the second in U2:U73
DEPENDENTS = (
    Case("the table", f"={FIT}"),
    Case("a spilled column", "=ABS(Data!B2:B73)"),
    Case("the spill", "=_xlfn.ANCHORARRAY(A2)"),
    Case("elements of the spill", "=EXP(INDEX(_xlfn.ANCHORARRAY($A$2),{2;3;4},3))"),
    Case("rows of the spill", "=ROWS(_xlfn.ANCHORARRAY(Cases!A2))", plain=True),
    Case("a fit of a spill", fit(x="_xlfn.ANCHORARRAY(U2)")),
    Case("a message about a spill", fit(x="_xlfn.ANCHORARRAY(A2)")),
    Case("a coefficient", "=C3", plain=True),
    Case("a probability", "=1/(1+EXP(-(C3+C4*0.5+C5)))", plain=True),
    Case("a label", "=B4", plain=True),
    Case("a blank of the table", '=A4&"|"&LEN(A4)', plain=True),
    Case("found by name", '=INDEX(C:C,MATCH("x2",B:B,0))', plain=True),
    Case("looked up", '=VLOOKUP("x2",B2:I30,2,FALSE)', plain=True),
    Case("not found", '=VLOOKUP("x9",B2:I30,2,FALSE)', plain=True),
    Case("caught", '=IFERROR(VLOOKUP("x9",B2:I30,2,FALSE),"none")', plain=True),
    Case("compared", '=IF(B4="X1","same","other")', plain=True),
    Case("counted", '=COUNTIF(A2:A30,"*effects")+SUMPRODUCT(--(B2:B30="x1"))', plain=True),
    Case("summed", '=SUM(C3:C5)-SUMIF(B2:B30,"x1",C2:C30)', plain=True),
    Case("joined", '=_xlfn.TEXTJOIN(", ",TRUE,B3:B5)', plain=True),
    Case("formatted", '=TEXT(C4,"0.000")&" ("&TEXT(ROUND(D4,4),"0.0000")&")"', plain=True),
    Case("a quantile", "=_xlfn.NORM.S.INV(0.975)*D4", plain=True),
    Case("a comparison", "=C4>0", plain=True),
    Case("if it is TRUE", '=IF(INDEX(C2:C30,MATCH("converged",B2:B30,0)),"yes","no")', plain=True),
    Case("is it TRUE", '=ISLOGICAL(INDEX(C2:C30,MATCH("converged",B2:B30,0)))', Gap.BOOLEANS, plain=True),
    Case("TRUE as text", '=INDEX(C2:C30,MATCH("converged",B2:B30,0))&""', Gap.BOOLEANS, plain=True),
    Case("the first value of a call", "=_xll.GLMM_BINOMIAL(Outcome,Data!B2:B73,Grouping)", plain=True),
    Case("a number out of a call", f"=INDEX({FIT},3,3)", plain=True),
    Case("a text out of a call", f"=INDEX({FIT},3,2)", plain=True),
    Case("found in a call", f'=MATCH("x2",INDEX({FIT},0,2),0)', plain=True),
    Case("a column of a call", f"=INDEX({FIT},0,2)"),
    Case("compared in an array", f'=IF(INDEX({FIT},3,2)="x1",1,0)'),
    Case("compared in a plain formula", f'=IF(INDEX({FIT},3,2)="x1",1,0)', plain=True),
    Case("a call in a defined name", "=Model"),
    Case("LET", f"=_xlfn.LET(_xlpm.t,{FIT},INDEX(_xlpm.t,3,3))", Gap.NEWER_FUNCTION),
    Case("XLOOKUP", '=_xlfn.XLOOKUP("x1",B2:B30,C2:C30)', Gap.NEWER_FUNCTION, plain=True),
    Case("SEQUENCE", "=_xlfn.SEQUENCE(3)*C4", Gap.NEWER_FUNCTION),
    Case("implicit intersection", "=_xlfn.SINGLE(C2:C30)", Gap.INTERSECTION, plain=True),
)

# the model of ranges stands in A2, that of a formula in U2, one more in AO2 and a message in BI2
DATA_MODEL = "_xll.GLMM_BINOMIAL_MODEL(Data!$A$2:$A$73,Data!$B$2:$C$73,Data!$D$2:$D$73)"
WARDS = '"outcome ~ dose + age + (dose || `ward name`)"'
COUNTS = '"successes / trials ~ age + (1 | ward)"'
SMALLER_WITHIN = '_xll.GLMM_BINOMIAL_FORMULA(Data!A1:I73,"outcome ~ dose + (1 | ward/trials)","ml")'
CROSSED = '_xll.GLMM_BINOMIAL_FORMULA(Data!A1:I73,"outcome ~ dose + (1 | ward) + (1 | trials)")'
MODEL_CELLS = (
    Case("a model of ranges", f"={DATA_MODEL}", plain=True),
    Case("a model of a formula", f'=_xll.GLMM_BINOMIAL_FORMULA(Data!A1:I73,{WARDS},"ml")', plain=True),
    Case(
        "another model", '=_xll.GLMM_BINOMIAL_FORMULA(Data!A1:I73,"successes / trials ~ age + (1 | ward)")', plain=True
    ),
    Case("a message for a model", '=_xll.GLMM_BINOMIAL_FORMULA(Data!A1:I73,"outcome ~ age")', plain=True),
    Case("its table", "=_xll.GLMM_BINOMIAL_TABLE(A2)"),
    Case("the table of a formula", "=_xll.GLMM_BINOMIAL_TABLE($U$2)"),
    Case("the table of another", "=_xll.GLMM_BINOMIAL_TABLE(AO2)"),
    Case("a message passed on", "=_xll.GLMM_BINOMIAL_TABLE(BI2)"),
    Case("random effects", "=_xll.GLMM_BINOMIAL_RANEF(A2)"),
    Case("intervals", "=_xll.GLMM_BINOMIAL_CONFINT(U2)"),
    Case("one interval", '=_xll.GLMM_BINOMIAL_CONFINT(A2,"x1")'),
    Case("contrasts of rows", '=_xll.GLMM_BINOMIAL_CONTRAST(A2,{"low",0,0;"high",1,0},,"ratio")'),
    Case("effects", '=_xll.GLMM_BINOMIAL_MARGINS(U2,"age")'),
    Case("contrasts of a column of numbers", '=_xll.GLMM_BINOMIAL_CONTRAST(U2,"age")'),
    Case("simulations", "=_xll.GLMM_BINOMIAL_SIMULATE(U2,2,5)"),
    Case("a check", "=_xll.GLMM_BINOMIAL_CHECK(A2,50)"),
    Case("new rows of ranges", "=_xll.GLMM_BINOMIAL_PREDICT(A2,Data!B2:C9,Data!D2:D9)"),
    Case("new rows, columns swapped", '=_xll.GLMM_BINOMIAL_PREDICT(U2,{"age","ward name","dose";0.5,"new",1})'),
    Case("the rows of the fit", "=_xll.GLMM_BINOMIAL_PREDICT(AO2)"),
    Case("a model through IFERROR", '=_xll.GLMM_BINOMIAL_TABLE(IFERROR(A2,"none"))'),
    Case("one model or another", "=_xll.GLMM_BINOMIAL_RANEF(IF(Data!A2>5,A2,AO2))"),
    Case("nested", f"=_xll.GLMM_BINOMIAL_TABLE(_xll.GLMM_BINOMIAL_FORMULA(Data!A1:I73,{WARDS}))"),
    Case("groups in groups", f"=_xll.GLMM_BINOMIAL_TABLE({SMALLER_WITHIN})"),
    Case("groups that cross", f"=_xll.GLMM_BINOMIAL_TABLE({CROSSED})"),
    Case("random effects of both kinds", f"=_xll.GLMM_BINOMIAL_RANEF({CROSSED})"),
    Case("a number out of a table of a model", "=INDEX(_xll.GLMM_BINOMIAL_TABLE(A2),3,3)", plain=True),
    Case("a range in the place of a model", "=_xll.GLMM_BINOMIAL_RANEF(Data!A2:A73)"),
    Case("a handle that died", '=_xll.GLMM_BINOMIAL_TABLE("GLMM@999")', Gap.KEYS),
)

WRITTEN = {
    "arguments": ARGUMENTS,
    "models": MODELS,
    "messages": MESSAGES,
    "dependents": DEPENDENTS,
    "model cells": MODEL_CELLS,
}

_KNOWN_ARGUMENTS = {
    "y": "Data!I2:I73",
    "x": "Data!B2:C73",
    "groups": "Data!E2:E73",
    "x_random": "Data!F2:F73",
    "fit_intercept": "TRUE",
    "alpha": "0.1",
    "method": '"ml"',
    "trials": "Data!H2:H73",
    "new_data": "Data!B2:C9",
    "model": "_xll.GLMM_BINOMIAL_MODEL(Data!A2:A73,Data!B2:C73,Data!E2:E73,Data!F2:F73)",
    "by": '{"low",0,0;"high",1,0}',
    "model2": "_xll.GLMM_BINOMIAL_MODEL(Data!A2:A73,Data!B2:B73,Data!E2:E73)",
    "model3": "_xll.GLMM_BINOMIAL_MODEL(Data!A2:A73,Data!B2:C73,Data!E2:E73)",
    "new_groups": "Data!E2:E9",
    "new_x_random": "Data!F2:F9",
    "data": "Data!A1:I73",
    "formula": '"dose * age"',
    "n_sim": "5",
    "seed": "1",
}


def every_function(functions: Mapping[str, Callable[..., object]]) -> tuple[Case, ...]:
    """Return two formulas for each worksheet function: with the arguments it needs, and with all of them.

    An argument whose name is not known here gets a column of numbers, or is skipped if it may be. Whatever the answer
    is, table or message, it is compared.
    """
    return tuple(
        Case(f"{name}, {title}", formula)
        for name, function in functions.items()
        for title, formula in _two_calls(name, function)
    )


def _two_calls(name: str, function: Callable[..., object]) -> Iterator[tuple[str, str]]:
    simple = _KNOWN_ARGUMENTS | {"y": "Data!A2:A73"}
    parameters = inspect.signature(function).parameters.values()
    required = [simple.get(p.name, "Data!F2:F73") for p in parameters if p.default is p.empty]
    yield "what it needs", f"=_xll.{name}({','.join(required)})"
    yield "all arguments", f"=_xll.{name}({','.join(_KNOWN_ARGUMENTS.get(p.name, '') for p in parameters)})"
