"""A fitted model and factors -> Contrasts: levels compared with each other, or their probabilities; the table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from glmm_binomial.answers.adjusted import adjusted
from glmm_binomial.answers.inference import Inference, posterior_inference, wald_inference
from glmm_binomial.answers.mean_probabilities import Setting, mean_probabilities, typical_probabilities
from glmm_binomial.answers.notices import about_raw_sds
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.t_tests import about_few_groups
from glmm_binomial.estimation.posterior import combination_laws
from glmm_binomial.formula.reference_grid import ReferenceGrid, reference_grid
from glmm_binomial.observations.cells import reject
from glmm_binomial.observations.contrast_options import Weights, read_contrast_options
from glmm_binomial.observations.labelled_rows import read_labelled_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.answers.mean_probabilities import MeanProbabilities
    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.observations.contrast_options import Adjustment, Comparison, ContrastOptions, ContrastScale

CONTRAST_HEADER: Final = (
    "contrast",
    "estimate",
    "std_error",
    "z_statistic",
    "p_value",
    "p_adjusted",
    "ci_lower",
    "ci_upper",
)
LEVEL_HEADER: Final = ("level", "probability", "std_error", "ci_lower", "ci_upper")

MOST_CONTRASTS: Final = 2_000
"""As many laws of a posterior take some seconds."""

OPERATORS: Final = frozenset("+-*/")
"""A level that holds one stands in brackets."""

NOTHING: Final = 1e-12
"""Size of a contrast, relative to what it is a difference of, that rounding leaves of none."""


@dataclass(frozen=True, slots=True)
class Contrasts(Tabular):
    """C contrasts.

    Attributes
    ----------
    labels : tuple of C str
    estimates : (C,) array
        Odds ratios, differences or ratios of probabilities.
    std_errors : (C,) array
        Of these; of a ratio, it times the standard error of its logarithm.
    z_statistics : (C,) array
        Of differences, and of logarithms of ratios.
    p_values, ci_lower, ci_upper : (C,) arrays
        They belong together: an interval excludes a ratio of one, or a difference of zero, exactly when p is below
        alpha.
    p_adjusted : (C,) array
        For the number of contrasts within each condition.
    scale : {"odds ratio", "difference", "ratio"}
    adjust : {"holm", "none", "bonferroni", "tukey"}
    alpha : float
    notes : tuple of str
        What was averaged over and held fixed.
    notices : tuple of str
        What a reader must be warned of.
    """

    labels: tuple[str, ...]
    estimates: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    z_statistics: NDArray[np.float64]
    p_values: NDArray[np.float64]
    p_adjusted: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    scale: ContrastScale
    adjust: Adjustment
    alpha: float
    notes: tuple[str, ...]
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """A header row that ends with what the columns hold, one row for each contrast, then notes and warnings."""
        how = "p_adjusted is not adjusted either" if self.adjust == "none" else f"p_adjusted by {self.adjust}"
        about = f"{self.scale}; p_value, ci_lower and ci_upper are not adjusted, {how}"
        columns = (
            self.estimates,
            self.std_errors,
            self.z_statistics,
            self.p_values,
            self.p_adjusted,
            self.ci_lower,
            self.ci_upper,
        )
        return [
            (*CONTRAST_HEADER, about),
            *zip(self.labels, *(column.tolist() for column in columns), strict=True),
            *(("note", note) for note in self.notes),
            *(("warning", notice) for notice in self.notices),
        ]


@dataclass(frozen=True, slots=True)
class LevelProbabilities(Tabular):
    """Probabilities of L levels.

    Attributes
    ----------
    labels : tuple of L str
    probabilities : (L,) array
    std_errors : (L,) array
        Of the probabilities.
    ci_lower, ci_upper : (L,) arrays
        Built on the scale of log odds.
    of : str
        Whose probabilities they are: a typical group's, or averages over the population of groups.
    alpha : float
    notes, notices : tuples of str
        As of `Contrasts`.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    std_errors: NDArray[np.float64]
    ci_lower: NDArray[np.float64]
    ci_upper: NDArray[np.float64]
    of: str
    alpha: float
    notes: tuple[str, ...]
    notices: tuple[str, ...]

    def rows(self) -> list[Sequence[object]]:
        """A header row that ends with whose probabilities they are, one row for each level, then notes and warnings."""
        columns = (self.probabilities, self.std_errors, self.ci_lower, self.ci_upper)
        return [
            (*LEVEL_HEADER, self.of),
            *zip(self.labels, *(column.tolist() for column in columns), strict=True),
            *(("note", note) for note in self.notes),
            *(("warning", notice) for notice in self.notices),
        ]


def contrast(
    model: GLMM, by: object, compare: object = None, scale: object = None, adjust: object = None
) -> Contrasts | LevelProbabilities:
    """Compare the levels of factors, as R's emmeans does (Searle, Speed & Milliken 1980, The American Statistician 34).

    The model is asked on a grid of all its factors and of columns of two values, with every other column of numbers at
    its mean. On the scale "odds ratio" the logits x'b of a typical group are averaged with equal weights over the
    cells of a level, and a contrast is exp(c'Lb). On the scales "difference" and "ratio" the mean over the cells of a
    level is that of probabilities averaged over the population of groups, E expit(x'b + z'u).

    Under "vb" everything is computed for the draws of the exact posterior: a difference, or the log of a ratio, has its
    mean and SD, quantiles, and p twice the smaller probability of either sign. Otherwise standard errors are those of
    the delta method from the joint covariance of coefficients and log SDs, with normal quantiles, and p is Wald's; of
    ratios all three belong to the logarithm.

    Parameters
    ----------
    model : GLMM
    by : str, or rows of cells
        Names of factors of the formula: "trt", "trt * sex" for all combinations, "trt | sex" for the levels of trt
        within each of sex. For a model of ranges rows of x with a label in front.
    compare : {"pairwise", "first", "sequential", "none"}, or weights, optional
        Every pair, each level with the first, each with the one before it, none, or rows of weights.
    scale : {"odds ratio", "difference", "ratio"}, optional
    adjust : {"holm", "none", "bonferroni", "tukey"}, optional

    Returns
    -------
    Contrasts, or LevelProbabilities where nothing is compared

    Raises
    ------
    InvalidInputError
        When by, compare, scale or adjust cannot be used.
    """
    grid = _grid(model, by)
    options = read_contrast_options(compare, scale, adjust, levels=grid.levels, method=model.fit.method)
    if options.compare == "none":
        return _levels(model, grid, options.scale)
    return _contrasts(model, grid, options, options.compare)


def _grid(model: GLMM, by: object) -> ReferenceGrid:
    if model.coding is not None:
        return reference_grid(model.coding, by)
    rows = read_labelled_rows(model.observations, by)
    return ReferenceGrid(
        x=rows.x,
        x_random=rows.x_random,
        offset=np.zeros(len(rows.x)),
        level=np.arange(len(rows.x)),
        condition=np.zeros(len(rows.x), dtype=np.intp),
        levels=rows.labels,
        conditions=("",),
        notes=rows.notes,
    )


def _cells(grid: ReferenceGrid) -> list[NDArray[np.intp]]:
    """Rows of the grid of each level within each condition, the levels of one condition together."""
    where = grid.condition * len(grid.levels) + grid.level
    order = np.argsort(where, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(where[order])) + 1)


def _typical_rows(model: GLMM, grid: ReferenceGrid) -> NDArray[np.float64]:
    """Mean standardised rows of the levels, (W L, k)."""
    fixed = model.design.scale.fixed_columns(grid.x)
    return np.stack([fixed[cell].mean(axis=0) for cell in _cells(grid)])


def _population(model: GLMM, grid: ReferenceGrid) -> MeanProbabilities:
    """Probabilities of the levels, averaged over the population of groups and the cells of each."""
    fixed = model.design.scale.fixed_columns(grid.x)
    random = model.design.scale.random_columns(grid.x_random)
    return mean_probabilities(
        model.fit,
        [
            Setting(fixed[cell], random[cell], grid.offset[cell], np.full(len(cell), 1.0 / len(cell)))
            for cell in _cells(grid)
        ],
    )


# levels --------------------------------------------------------------------------------------------------------------


def _levels(model: GLMM, grid: ReferenceGrid, scale: ContrastScale) -> LevelProbabilities:
    is_typical = scale == "odds ratio"
    if is_typical:
        offset = np.array([grid.offset[cell].mean() for cell in _cells(grid)])
        found = typical_probabilities(model.fit, _typical_rows(model, grid), offset)
    else:
        found = _population(model, grid)
    alpha = model.observations.options.alpha
    logits = found.logits(alpha)
    return LevelProbabilities(
        labels=tuple(_within(label, condition) for condition in grid.conditions for label in grid.levels),
        probabilities=expit(logits.estimates),
        std_errors=found.std_errors(),
        ci_lower=expit(logits.lower),
        ci_upper=expit(logits.upper),
        of="of a typical group" if is_typical else "average over the population of groups",
        alpha=alpha,
        notes=grid.notes,
        notices=_notices(model, grid),
    )


def _notices(model: GLMM, grid: ReferenceGrid) -> tuple[str, ...]:
    """What must be known of the method, and of the coefficients by which levels differ within a condition."""
    rows, method = _typical_rows(model, grid).reshape(len(grid.conditions), len(grid.levels), -1), model.fit.method
    asked = (np.ptp(rows, axis=1) > NOTHING).any(axis=0)
    return (*about_raw_sds(method), *about_few_groups(model.design, method, asked))


def _within(label: str, condition: str) -> str:
    return f"{label} | {condition}" if condition else label


# contrasts -----------------------------------------------------------------------------------------------------------


def _contrasts(model: GLMM, grid: ReferenceGrid, options: ContrastOptions, compare: Comparison | Weights) -> Contrasts:
    sign = " - " if options.scale == "difference" else " / "
    weights = compare if isinstance(compare, Weights) else _weights(compare, grid.levels, sign)
    families, count = len(grid.conditions), len(weights.labels)
    if families * count > MOST_CONTRASTS:
        reject(
            f"compare must give at most {MOST_CONTRASTS:,} contrasts. {len(grid.levels):,} levels give "
            f'{families * count:,}. "first" or "none" give fewer.'
        )
    alpha = model.observations.options.alpha
    of_all = np.asarray(np.kron(np.eye(families), weights.values), dtype=np.float64)
    match options.scale:
        case "odds ratio":
            found = _linear(model, of_all, _typical_rows(model, grid), alpha)
        case "difference":
            found = _population(model, grid).combined(of_all, alpha)
        case "ratio":
            found = _population(model, grid).log_combined(of_all, alpha)
    z = found.z_statistics
    adjust = [
        adjusted(found.p_values[family], z[family], options.adjust, levels=len(grid.levels))
        for family in np.split(np.arange(families * count), families)
    ]
    shown = found if options.scale == "difference" else _exponential(found)
    return Contrasts(
        labels=tuple(_within(label, condition) for condition in grid.conditions for label in weights.labels),
        estimates=shown.estimates,
        std_errors=shown.std_errors,
        z_statistics=z,
        p_values=shown.p_values,
        p_adjusted=np.concatenate(adjust),
        ci_lower=shown.lower,
        ci_upper=shown.upper,
        scale=options.scale,
        adjust=options.adjust,
        alpha=alpha,
        notes=grid.notes,
        notices=_notices(model, grid),
    )


def _weights(compare: Comparison, levels: tuple[str, ...], sign: str) -> Weights:
    """Pairs (i, j) of levels, the first less or over the second, in the order in which emmeans has them."""
    pairs: list[tuple[int, int]] = []
    match compare:
        case "pairwise":
            pairs = list(combinations(range(len(levels)), 2))
        case "first":
            pairs = [(i, 0) for i in range(1, len(levels))]
        case "sequential":
            pairs = [(i, i - 1) for i in range(1, len(levels))]
    if not pairs:
        reject(f'compare must be "none" where there is one level to show, which is {levels[0]}.')
    values = np.zeros((len(pairs), len(levels)))
    for row, (i, j) in enumerate(pairs):
        values[row, [i, j]] = 1.0, -1.0
    shown = [f"({level})" if set(level) & OPERATORS else level for level in levels]
    return Weights(values=values, labels=tuple(f"{shown[i]}{sign}{shown[j]}" for i, j in pairs))


def _linear(model: GLMM, weights: NDArray[np.float64], rows: NDArray[np.float64], alpha: float) -> Inference:
    """Combinations (C, W L) of the logits of mean rows (W L, k), standardised."""
    combined, sizes = _row_by_row(weights, rows), np.abs(weights) @ np.abs(rows)
    combined[(np.abs(combined) <= NOTHING * sizes).all(axis=1)] = 0.0
    fit, k = model.fit, rows.shape[1]
    if fit.posterior is None:
        along = _row_by_row(combined, fit.covariance_root[:k])
        return wald_inference(_row_by_row(combined, fit.coefficients), along, alpha)
    sample = fit.posterior.sample
    laws = combination_laws(model.design.rows, fit.posterior, combined)
    return posterior_inference(_row_by_row(combined, sample.theta[:, :k].T), sample.weights, alpha, laws=laws)


def _row_by_row(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product, each row by itself: the digits of a contrast do not depend on which others are asked for."""
    return np.stack([row @ right for row in left])


def _exponential(logs: Inference) -> Inference:
    """Of ratios, from what is known of their logarithms; what is too large for a number is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        ratios = np.exp(logs.estimates)
        return Inference(
            estimates=ratios,
            std_errors=ratios * logs.std_errors,
            p_values=logs.p_values,
            lower=np.exp(logs.lower),
            upper=np.exp(logs.upper),
        )
