"""A model as other programs are told it: columns of a file, products of them, and the maximum of the likelihood.

The programs maximise the likelihood, so that they find what method "ml" finds, by whatever method the model was fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.estimates import estimate
from glmm_binomial.answers.model_text import model_text
from glmm_binomial.answers.report_styles.reread import numbers_read
from glmm_binomial.estimation.crossed_laplace import maximize_joint_laplace
from glmm_binomial.estimation.fitted_model import fitted
from glmm_binomial.estimation.fitting import LARGEST_DISTANCE
from glmm_binomial.estimation.likelihood import maximize_laplace
from glmm_binomial.formula.expressions import Arithmetic, ColumnOfNumbers, Expression
from glmm_binomial.formula.factors import Basis, Levels, Numbers
from glmm_binomial.formula.groups import JOINT
from glmm_binomial.observations.wording import effect_in_words, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glmm_binomial.answers.estimates import Estimates
    from glmm_binomial.estimation.fit import Fit
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.formula.coding import Coding
    from glmm_binomial.formula.expansion import CodedTerms, Part
    from glmm_binomial.model.design import Design

FILE: Final = "data.csv"
POINTS: Final = {1: 25, 2: 25}
MOST_POINTS_BEYOND: Final = 9
"""Quadrature points for each effect that other programs are asked for, by the number of effects; more change no digit
that is promised."""


@dataclass(frozen=True, slots=True)
class LevelOf:
    """1 where a column holds a level, 0 elsewhere.

    Attributes
    ----------
    column : str
    level : str or float
        Text, or a number.
    is_padded : bool
        Whether cells of the column have spaces around their texts.
    """

    column: str
    level: str | float
    is_padded: bool


@dataclass(frozen=True, slots=True)
class ColumnOfCurve:
    """One of the columns of poly() or bs(), counted from 1."""

    basis: Basis
    number: int

    @property
    def name(self) -> str:
        """As GLMM_BINOMIAL_DESIGN calls it."""
        return f"{self.basis.name}[{self.number}]"


Piece = LevelOf | ColumnOfCurve | Expression
"""What a column is the product of."""


@dataclass(frozen=True, slots=True)
class Product:
    """A column of the model: its name in the table, and what it is the product of."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def plain(self) -> str | None:
        """The column of the file that it is; None where it must be calculated."""
        match self.pieces:
            case (ColumnOfNumbers(name),):
                return name
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Response:
    """What is modelled: an outcome, or successes of trials.

    Attributes
    ----------
    successes : Expression
    trials, failures : Expression or None
        The one that counts have.
    success : str or None
        The text that marks it in a column of two texts.
    """

    successes: Expression
    trials: Expression | None = None
    failures: Expression | None = None
    success: str | None = None


@dataclass(frozen=True, slots=True)
class Refit:
    """A model to be fitted again.

    Attributes
    ----------
    model : GLMM
    columns : tuple of str
        Of the file.
    response : Response
    fixed : tuple of Product
        Without the intercept.
    all_slopes : tuple of Product
        Of the random effects.
    effects : tuple of int
        Positions among the K random effects of those that vary, the first if none does.
    groups : tuple of str
        The columns whose labels make a group together.
    above : tuple of str
        Those of the groups above, where groups are nested and both effects vary; none otherwise.
    crossed : tuple of str
        Those of the fewer groups that cross these, where both effects vary; none otherwise.
    offset : Expression or None
    maximum : Estimates or None
        By maximum likelihood; None where the likelihood has no maximum.
    """

    model: GLMM
    columns: tuple[str, ...]
    response: Response
    fixed: tuple[Product, ...]
    all_slopes: tuple[Product, ...]
    effects: tuple[int, ...]
    groups: tuple[str, ...]
    above: tuple[str, ...]
    crossed: tuple[str, ...]
    offset: Expression | None
    maximum: Estimates | None

    @property
    def intercept(self) -> bool:
        """Whether there is a fixed intercept."""
        return self.model.design.scale.intercept

    @property
    def slopes(self) -> tuple[Product, ...]:
        """Of the random effects that vary."""
        first = self.model.design.scale.random_intercepts
        return tuple(self.all_slopes[place - first] for place in self.effects if place >= first)

    @property
    def random_intercept(self) -> bool:
        """Whether the random intercept is among the effects that vary."""
        scale = self.model.design.scale
        return scale.nested or scale.crossed or (scale.random_intercept and 0 in self.effects)

    @property
    def is_correlated(self) -> bool:
        """Whether several effects vary that may be correlated."""
        return self.model.observations.correlated and len(self.effects) > 1

    @property
    def is_nested(self) -> bool:
        """Whether groups have an effect, and those above them."""
        return bool(self.above)

    @property
    def is_crossed(self) -> bool:
        """Whether groups have an effect, and others that cross them."""
        return bool(self.crossed)

    @property
    def has_two_kinds(self) -> bool:
        """Whether groups of two kinds have an effect."""
        return self.is_nested or self.is_crossed

    @property
    def is_laplace(self) -> bool:
        """Whether the likelihood is Laplace's approximation."""
        return self.model.fit.nodes is None

    @property
    def points(self) -> int:
        """Quadrature points for each random effect."""
        return POINTS.get(len(self.effects), MOST_POINTS_BEYOND)

    @property
    def products(self) -> tuple[Product, ...]:
        """All columns of the model, each once."""
        return tuple(dict.fromkeys((*self.fixed, *self.slopes)))

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What these are the products of."""
        return tuple(piece for product in self.products for piece in product.pieces)


def refit_of(model: GLMM) -> Refit:
    """What other programs are told of a model."""
    maximum = _maximum(model)
    told = _of_ranges(model) if model.coding is None else _of_formula(model.coding)
    effects = _varying(model, maximum)
    # in the order of their effects
    kinds = [kind for kind in (told.above, told.groups, told.crossed) if kind]
    varying = [kinds[place] for place in effects] if len(kinds) > 1 else kinds
    both = len(varying) > 1
    return Refit(
        model=model,
        columns=told.columns,
        response=told.response,
        fixed=told.fixed,
        all_slopes=told.slopes,
        effects=effects,
        groups=told.groups if both else varying[0],
        above=told.above if both else (),
        crossed=told.crossed if both else (),
        offset=told.offset,
        maximum=maximum,
    )


def _maximum(model: GLMM) -> Estimates | None:
    observations, fit = model.observations, model.fit
    if fit.likelihood_distance is None:
        return None
    if fit.method != "ml":
        fit = fitted(observations, model.design, "ml")
    return estimate(observations, model.design, fit, found=(), dispersion=None)


def by_laplace(refit: Refit) -> Refit:
    """The same with the maximum of Laplace's approximation, or with none where a variance ends at zero there."""
    if refit.maximum is None:
        return refit
    observations, design = refit.model.observations, refit.model.design
    near = fitted(observations, design, "ml")
    if refit.is_crossed:
        return replace(refit, maximum=_by_joint_laplace(refit.maximum, design, near))
    fit = maximize_laplace(design.rows, near)
    if fit.distance > LARGEST_DISTANCE:
        return replace(refit, maximum=None)
    return replace(refit, maximum=estimate(observations, design, fit, found=(), dispersion=None))


def _by_joint_laplace(maximum: Estimates, design: Design, near: Fit) -> Estimates | None:
    joint, back = maximize_joint_laplace(design.rows, near), design.scale.back_transform
    if joint is None:
        return None
    return replace(
        maximum,
        coefficients=back @ joint.coefficients,
        std_errors=np.linalg.norm(back @ joint.covariance_root, axis=1),
        std_devs=joint.sds,
        variances=joint.sds**2,
        log_likelihood=joint.log_likelihood + design.log_binomial,
    )


def _varying(model: GLMM, maximum: Estimates | None) -> tuple[int, ...]:
    if maximum is None:
        return tuple(range(len(model.fit.sds)))
    return tuple(np.flatnonzero(maximum.std_devs > 0.0).tolist()) or (0,)


@dataclass(frozen=True, slots=True)
class _Told:
    columns: tuple[str, ...]
    response: Response
    fixed: tuple[Product, ...]
    slopes: tuple[Product, ...]
    groups: tuple[str, ...]
    above: tuple[str, ...] = ()
    crossed: tuple[str, ...] = ()
    offset: Expression | None = None


def _of_ranges(model: GLMM) -> _Told:
    """Columns of a file that holds the ranges side by side; a column of x_random that is one of x stands there once."""
    observations, names = model.observations, Names()
    x = [names.fresh(name) for name in observations.x_names]
    random: list[str] = []
    for name, column in zip(observations.random_names, observations.x_random.T, strict=True):
        same = [place for place, other in enumerate(observations.x.T) if np.array_equal(other, column)]
        random.append(x[same[0]] if same else names.fresh(name))
    y, groups = names.fresh("y"), names.fresh("groups")
    trials = [names.fresh("trials")] if observations.trials_given else []
    return _Told(
        columns=(y, *trials, *dict.fromkeys((*x, *random)), groups),
        response=Response(ColumnOfNumbers(y), trials=ColumnOfNumbers(trials[0]) if trials else None),
        fixed=tuple(Product(name, (ColumnOfNumbers(name),)) for name in x),
        slopes=tuple(Product(name, (ColumnOfNumbers(name),)) for name in random),
        groups=(groups,),
    )


class Names:
    """Names of columns, no two alike, in whatever case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def fresh(self, name: str) -> str:
        """The name, or one like it that is still free."""
        free, number = name, 2
        while free.casefold() in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free.casefold())
        return free


def _of_formula(coding: Coding) -> _Told:
    groups = coding.random.grouping.names
    above = () if coding.random.above is None else coding.random.above.names
    crossed = () if coding.random.crossed is None else coding.random.crossed.names
    variables = [variable.name for variable in coding.variables]
    return _Told(
        columns=tuple(dict.fromkeys((*coding.response.variables, *variables, *above, *groups, *crossed))),
        response=_response(coding),
        fixed=_products(coding, coding.fixed),
        slopes=_products(coding, coding.random.effects),
        groups=groups,
        above=above,
        crossed=crossed,
        offset=_offset(coding),
    )


def _offset(coding: Coding) -> Expression | None:
    """The sum of the offsets."""
    parts = [product.pieces[0] for product in _products(coding, coding.offset)]
    expressions = [part for part in parts if isinstance(part, Expression)]
    return reduce(partial(Arithmetic, "+"), expressions) if expressions else None


def _response(coding: Coding) -> Response:
    typed = coding.response
    first, *second = (expression for _, expression in typed.parts)
    match typed.kind:
        case "proportion":
            return Response(first, trials=second[0])
        case "counts":
            return Response(first, failures=second[0])
        case "outcome":
            return Response(first, success=typed.success)


def _products(coding: Coding, terms: CodedTerms) -> tuple[Product, ...]:
    return tuple(
        Product(column.name, tuple(_piece(coding, terms, part) for part in column.parts)) for column in terms.columns
    )


def _piece(coding: Coding, terms: CodedTerms, part: Part) -> Piece:
    factor, place = terms.factors[part.factor], part.place or 0
    match factor:
        case Levels():
            numbers = factor.numbers or numbers_read(factor.labels)
            level = factor.labels[place] if numbers is None else numbers[place]
            return LevelOf(factor.name, level, is_padded=numbers is None and is_padded(coding, factor.name))
        case Basis():
            return ColumnOfCurve(factor, place + 1)
        case Numbers():
            return ColumnOfNumbers(factor.name)
        case _:
            return factor.expression


def is_padded(coding: Coding, name: str) -> bool:
    """Whether cells of a column have spaces around their texts."""
    (variable,) = (each for each in coding.variables if each.name == name)
    return any(isinstance(value, str) and value != value.strip() for value in variable.values)


# what a reader of the code is told -----------------------------------------------------------------------------------


def about(refit: Refit) -> Iterator[str]:
    """What the code does, and what must be known of it."""
    model = refit.model
    yield f"{model_text(model)}, by maximum likelihood"
    if model.fit.method != "ml":
        yield (
            f'The model of the worksheet is fitted by "{model.fit.method}". The code and its digits are those of '
            'method "ml", which knows no prior.'
        )
    if refit.maximum is None:
        yield (
            "The likelihood of these data has no maximum: a program that looks for it stops somewhere, or warns. No "
            "digits are to be expected."
        )
        return
    left_out = [name for place, name in enumerate(refit.maximum.random_names) if place not in refit.effects]
    if left_out:
        which = listed([effect_in_words(name) for name in left_out])
        yield f"The variance of the random {which} is estimated at zero; without it the model is the same: left out."
    elif not refit.maximum.std_devs.any():
        yield "The variance between groups is estimated at zero; programs end at or near it, with a warning perhaps."
    for groups in (refit.groups, refit.crossed):
        if len(groups) > 1:
            yield f"A group of {JOINT.join(groups)} is told by the labels of {listed(list(groups))} together."
    correlations = refit.maximum.correlations
    if correlations is not None and (np.abs(correlations[np.tril_indices(len(correlations), -1)]) >= 1.0).any():
        yield "A correlation is estimated at 1 or -1, the end of its range; programs may stop short of it."


def about_laplace(refit: Refit, printed: Refit, program: str) -> Iterator[str]:
    """What the program does with groups of two kinds that it has no quadrature for; `printed` is what it prints."""
    kinds = "two random effects" if refit.is_nested else "groups that cross"
    yield f"{program} has Laplace's approximation for {kinds}, no quadrature: what it prints is not what the worksheet"
    if printed.maximum is not None or refit.maximum is None:
        yield "shows. The digits below are those of that approximation."
    else:
        yield "shows. No digits are to be expected: one of the variances ends at zero there."


def arranged(refit: Refit, columns: tuple[str, ...], names: tuple[str, ...]) -> Iterator[str]:
    """How the file must be arranged, its columns called by these names."""
    rows = len(refit.model.observations.successes)
    yield f"{FILE}: the sheet saved as CSV, decimals after a point, with these names in its first row:"
    yield f"  {', '.join(names)}"
    for name, column in zip(names, columns, strict=True):
        if name != column:
            yield f"  {name} is the column {column}"
    if refit.model.coding is None and refit.model.observations.group_name == "":
        yield f"  below them the {rows} rows of the ranges, side by side"
    omitted = refit.model.observations.rows_omitted
    if omitted:
        yield f"  {rows} rows are used; {omitted} with a missing value are not. Clear cells such as #N/A and NA first"
    coding = refit.model.coding
    logical = [] if coding is None else [variable.name for variable in coding.variables if variable.is_logical]
    if logical:
        yield f"  TRUE and FALSE in {', '.join(logical)} as 1 and 0"
