"""The calls in a formula -> factors: C(), poly(), bs() and arithmetic, read as syntax trees and never run."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, NoReturn, cast

from glmm_binomial.formula.expressions import columns_in, expression_of, reject_call, syntax_tree
from glmm_binomial.formula.factors import BasisCall, Category, Transform
from glmm_binomial.observations.cells import describe, reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from glmm_binomial.formula.bases import Curve
    from glmm_binomial.formula.expressions import Tree

BASES: Final = {"poly": ("degree",), "bs": ("df", "degree")}
"""Functions that make several columns of one, and their arguments after the column, in their order."""

MOST_DEGREES: Final = 20

OFFSET: Final = "offset"


def factor_of_call(text: str, known: Callable[[str], str]) -> Category | Transform | BasisCall:
    """Read C(...), poly(...), bs(...) or arithmetic.

    Parameters
    ----------
    text : str
        As it was typed.
    known : callable
        Takes the name of a column and returns it, or refuses it.
    """
    tree = syntax_tree(text)
    if isinstance(tree.root, ast.Call) and isinstance(tree.root.func, ast.Name):
        if tree.root.func.id == "C":
            return _category(tree, text, known)
        if tree.root.func.id in BASES:
            return _basis(tree, text, known)
        if tree.root.func.id == OFFSET:
            reject(
                f"formula must add an offset to the fixed effects, as in y ~ x + {tree.text(to_paste=True)} + "
                "(1 | id): it is the same for all groups, takes part in no product, and is not taken out."
            )
    return transform_of(tree, tree.root, text, known)


def transform_of(tree: Tree, node: ast.expr, text: str, known: Callable[[str], str]) -> Transform:
    """Arithmetic on at least one column."""
    expression = expression_of(tree, node, text, known=known)
    variables = tuple(dict.fromkeys(columns_in(expression)))
    if not variables:
        reject(f"formula must apply functions to columns. {tree.text(node)} holds none.")
    return Transform(name=tree.text(node), expression=expression, variables=variables)


def _basis(tree: Tree, text: str, known: Callable[[str], str]) -> BasisCall:
    """poly(column, degree), bs(column, df), or with these by name; the degree of bs() is 3."""
    call = cast("ast.Call", tree.root)
    function = cast("Curve", cast("ast.Name", call.func).id)
    given = dict(zip(("column", *BASES[function]), call.args, strict=False)) | {
        str(keyword.arg): keyword.value for keyword in call.keywords
    }
    numbers = {name: getattr(node, "value", None) for name, node in given.items() if name != "column"}
    in_order = len(call.args) <= 1 + len(BASES[function]) and len(given) == len(call.args) + len(call.keywords)
    if not (in_order and "column" in given and numbers) or numbers.keys() - set(BASES[function]):
        _reject_basis(tree.text(call.args[0], to_paste=True) if call.args else "age", text)
    for number in numbers.values():
        if type(number) is not int or not 1 <= number <= MOST_DEGREES:
            _reject_basis(tree.text(given["column"], to_paste=True), text)
    operand = transform_of(tree, given["column"], text, known)
    return BasisCall(tree.text(), function, operand, numbers.get("df"), numbers.get("degree"))


def _reject_basis(column: str, text: str) -> NoReturn:
    reject(
        f"formula must say how many columns stand for a curve, as in poly({column}, 2) or bs({column}, df = 4), by a "
        f"whole number of at most {MOST_DEGREES}. It holds {text}."
    )


def _category(tree: Tree, text: str, known: Callable[[str], str]) -> Category:
    """C(column) or C(column, Treatment(reference))."""
    match tree.root:
        case ast.Call(args=[ast.Name(id=name)], keywords=[]):
            reference = None
        case ast.Call(
            args=[
                ast.Name(id=name),
                ast.Call(func=ast.Name(id="Treatment"), args=[chosen], keywords=[])
                | ast.Call(
                    func=ast.Name(id="Treatment"), args=[], keywords=[ast.keyword(arg="reference", value=chosen)]
                ),
            ],
            keywords=[],
        ):
            reference = _level(chosen, text)
        case _:
            reject_call(text)
    return Category(known(tree.backticked.get(name, name)), reference, asked=True)


def _level(node: ast.expr, text: str) -> str:
    """The label of a level, written as text, as a number or as TRUE or FALSE are in Python."""
    match node:
        case ast.Constant(value=str(label)):
            return label.strip()
        case ast.Constant(value=int() | float() as number):
            return describe(number)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return describe(-number)
        case _:
            reject_call(text)
