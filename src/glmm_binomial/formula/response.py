"""The response of a formula -> successes and trials of each row.

A column of 0 and 1, of TRUE and FALSE or of two texts; successes / trials; cbind(successes, failures).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NoReturn, cast

import numpy as np

from glmm_binomial.formula.expressions import columns_in, expression_of, syntax_tree, value_of
from glmm_binomial.formula.factors import numbers_in
from glmm_binomial.formula.fitted_factors import require_distinct
from glmm_binomial.formula.words import EXAMPLE, typed
from glmm_binomial.observations import MOST_TRIALS
from glmm_binomial.observations.cells import as_whole, describe, reject
from glmm_binomial.observations.wording import listed, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.formula.expressions import Expression, Tree
    from glmm_binomial.formula.sample import Sample
    from glmm_binomial.formula.table import Table
    from glmm_binomial.formula.words import Word

TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Response:
    """What is modelled.

    Attributes
    ----------
    name : str
        As it was typed.
    kind : {"outcome", "proportion", "counts"}
        A column of outcomes; successes / trials; cbind(successes, failures).
    parts : tuple of (str, Expression)
        The one, or the two, as typed and as calculated.
    success, failure : str or None
        The texts that mark them, when outcomes are texts.
    """

    name: str
    kind: Literal["outcome", "proportion", "counts"]
    parts: tuple[tuple[str, Expression], ...]
    success: str | None = None
    failure: str | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return tuple(dict.fromkeys(name for _, part in self.parts for name in columns_in(part)))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Successes and trials (N,) of each row, what was taken for a success, and what a reader must be told."""

    response: Response
    successes: NDArray[np.float64]
    trials: NDArray[np.float64]
    notices: tuple[str, ...]


def parse_response(words: Sequence[Word] | None, table: Table) -> Response:
    """Read what stands before "~".

    Raises
    ------
    InvalidInputError
        When it is none of the known forms.
    """
    if not words:
        reject(f'formula must begin with the response and "~". {EXAMPLE}')
    name = typed(words)
    # names in backticks are read by Python's grammar whatever they hold
    text = " ".join(f"`{word.text}`" if word.kind == "name" else word.text for word in words)
    tree = syntax_tree(text)
    match tree.root:
        case ast.Call(func=ast.Name(id="cbind"), args=[successes, failures], keywords=[]):
            return Response(name, "counts", _parts(tree, name, table, successes, failures))
        case ast.Call(func=ast.Name(id="cbind")):
            reject(f"formula must give two numbers to cbind, as in cbind(successes, failures) ~ ... It holds {name}.")
        case ast.BinOp(left=successes, op=ast.Div(), right=trials):
            return Response(name, "proportion", _parts(tree, name, table, successes, trials))
        case ast.Name() | ast.Call() | ast.BinOp(op=ast.Sub() | ast.Mult()):
            return Response(name, "outcome", _parts(tree, name, table, tree.root))
        case _:
            _reject_response(tree, name)


def _parts(tree: Tree, name: str, table: Table, *nodes: ast.expr) -> tuple[tuple[str, Expression], ...]:
    parts = tuple((tree.text(node), expression_of(tree, node, name, known=table.known)) for node in nodes)
    if not any(list(columns_in(part)) for _, part in parts):
        reject(f"formula must name a column as the response. {name} names none. {EXAMPLE}")
    return parts


def _reject_response(tree: Tree, name: str) -> NoReturn:
    match tree.root:
        case ast.BinOp(left=first, op=ast.Add(), right=second):
            pair = f"{tree.text(first, to_paste=True)}, {tree.text(second, to_paste=True)}"
            reject(
                f"formula must have one response. {name} are several: fit a model for each. If they are successes and "
                f"failures, write cbind({pair}) ~ ..."
            )
        case _:
            reject(
                f"formula must have a column of outcomes, successes / trials or cbind(successes, failures) before "
                f'"~". It has {name}.'
            )


def outcomes_of(response: Response, sample: Sample) -> Outcomes:
    """Successes and trials of the rows.

    Raises
    ------
    InvalidInputError
        When they are no counts, or no outcomes.
    """
    if response.kind == "outcome":
        return _outcomes(response, sample)
    for name in response.variables:
        if sample.is_text(name):
            reject(f"formula must have columns of numbers in {response.name}. The column {name} holds text.")
    first, second = (_counted(part, response, sample) for part in response.parts)
    trials = second if response.kind == "proportion" else first + second
    which = response.parts[1][0] if response.kind == "proportion" else "the sum"
    for holds, rule in (
        (trials >= 1, "must have at least one trial in each row"),
        (trials <= MOST_TRIALS, f"must have at most {MOST_TRIALS:,} trials in each row"),
        (first <= trials, "must have no more successes than trials"),
    ):
        wrong = np.flatnonzero(~holds)
        if len(wrong):
            row = int(wrong[0])
            reject(
                f"{response.name} {rule}: {which} is {describe(float(trials[row]))} in row {sample.counted(row)} of "
                f"{sample.name}."
            )
    return Outcomes(response, first, trials, ())


def _counted(part: tuple[str, Expression], response: Response, sample: Sample) -> NDArray[np.float64]:
    """Whole numbers (N,) of at least zero."""
    text, expression = part
    columns = {name: numbers_in(sample.values, name) for name in response.variables}
    values = as_whole(np.broadcast_to(value_of(expression, columns), len(sample)))
    wrong = np.flatnonzero(~((values >= 0) & (values == np.floor(values)) & np.isfinite(values)))
    if len(wrong):
        row = int(wrong[0])
        share = ""
        if response.kind == "proportion" and 0 < values[row] < 1:
            share = f" If it is a share, write {_share_of(response)} ~ ..."
        reject(
            f"formula must have whole numbers of at least 0 in {response.name}. {text} is "
            f"{describe(float(values[row]))} in row {sample.counted(row)} of {sample.name}.{share}"
        )
    return values


def _share_of(response: Response) -> str:
    """Successes / trials of shares, in the names of the columns where these are what was typed."""
    share, trials = (text for text, _ in response.parts)
    is_named = share in response.variables and trials in response.variables and share.isidentifier()
    return f"{share} * {trials} / {trials}" if is_named and trials.isidentifier() else "share * trials / trials"


# single outcomes ------------------------------------------------------------------------------------------------------


def _outcomes(response: Response, sample: Sample) -> Outcomes:
    names = response.variables
    text_columns = [name for name in names if sample.is_text(name)]
    if text_columns:
        if response.parts[0][0] != names[0]:
            reject(f"formula must apply functions to numbers. In {response.name}, {text_columns[0]} holds text.")
        return _two_texts(response, names[0], sample)
    columns = {name: numbers_in(sample.values, name) for name in names}
    values = as_whole(np.broadcast_to(value_of(response.parts[0][1], columns), len(sample)))
    wrong = np.flatnonzero((values != 0) & (values != 1))
    if len(wrong):
        _reject_outcomes(response, values, int(wrong[0]), sample)
    return Outcomes(response, values, np.ones(len(values)), ())


def _reject_outcomes(response: Response, values: NDArray[np.float64], row: int, sample: Sample) -> NoReturn:
    distinct = np.unique(values).tolist()
    name = response.name
    where = f"Row {sample.counted(row)} of {sample.name} has {describe(float(values[row]))}."
    if len(distinct) == TWO and all(map(float.is_integer, distinct)):
        low, high = map(int, distinct)
        shifted = f"{name} {'-' if low > 0 else '+'} {abs(low)}" if low else name
        coded = f"({shifted}) / {high - low}" if high - low > 1 else shifted
        reject(
            f"{name} must contain only 0 or 1 values. It holds only {low} and {high}: if {high} is the success, write "
            f"I({coded}) ~ ..."
        )
    reject(
        f"{name} must contain only 0 or 1 values. {where} If it counts successes, write {name} / trials ~ ... or "
        f"cbind({name}, failures) ~ ...; if it is a share, {name} * trials / trials ~ ..."
    )


def _two_texts(response: Response, name: str, sample: Sample) -> Outcomes:
    texts = cast("list[str]", sample.values[name])
    distinct = sorted(set(texts))
    require_distinct(distinct, name, asked=False)
    labels = [text.strip() for text in distinct]
    if len(labels) != TWO or sample.columns[name].marks:
        _reject_texts(name, labels, sample)
    failure, success = labels
    successes = np.fromiter((text == distinct[1] for text in texts), dtype=np.float64, count=len(texts))
    notice = (
        f"'{shortened(success)}' is taken for the success of {name} and '{shortened(failure)}' for the failure, since "
        "it comes second in sorted order. To count the other, use a column of 0 and 1, such as "
        f'=--({_cell(name)}="{failure}").'
    )
    named = Response(response.name, response.kind, response.parts, success=success, failure=failure)
    return Outcomes(named, successes, np.ones(len(texts)), (notice,))


def _reject_texts(name: str, labels: list[str], sample: Sample) -> NoReturn:
    if len(labels) == 1:
        reject(
            f"{name} must contain both 0 and 1. Every value is '{shortened(labels[0])}', so nothing can be estimated."
        )
    marks = sample.columns[name].marks
    missing = f" If {listed(list(map(repr, marks)))} marks missing values, clear these cells." if marks else ""
    reject(
        f"{name} must contain only 0 or 1 values, or two texts. It holds {len(labels)} texts, "
        f"{listed([repr(shortened(label)) for label in labels])}. Make a column of 0 and 1 of it, such as "
        f'=--({_cell(name)}="{labels[-1]}").{missing}'
    )


def _cell(name: str) -> str:
    """A reference to the cell of a column in the same row of an Excel table."""
    return f"[@{name}]" if name.isalnum() else f"[@[{name}]]"
