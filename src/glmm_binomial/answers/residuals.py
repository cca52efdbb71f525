"""The residuals of every row: Pearson's at the conditional modes, and quantiles among simulated outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.answers.ranef import label_cell
from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.simulate import draw_responses, generator_of
from glmm_binomial.estimation.pearson import counts_of
from glmm_binomial.formula.groups import joint_label
from glmm_binomial.model.logistic import logistic
from glmm_binomial.observations.simulation_options import MAXIMUM_SIMULATIONS, read_simulation_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.observations import Observations
    from glmm_binomial.observations.handed_over import HandedOver
    from glmm_binomial.observations.simulation_options import SimulationOptions

DEFAULT_SIMULATIONS: Final = 250
MOST_RESPONSES: Final = 100_000_000
"""Simulated responses behind one table, a few seconds of work."""

RESIDUALS_HEADER: Final = ("row", "group", "fitted", "pearson", "quantile")


@dataclass(frozen=True, slots=True)
class Residuals(Tabular):
    """Residuals of the user's N rows, in their order.

    Attributes
    ----------
    groups : tuple of N labels
        Where groupings cross, of both, joined as in "ann:3".
    fitted : (N,) array
        Probability of a success at the estimates and the group's conditional mode.
    pearson : (N,) array
        Successes less those fitted, in standard deviations of the row given its group's effects.
    quantile : (N,) array
        Where the successes lie among simulated ones, from 0 to 1.
    seed : int
    handed_over : HandedOver
        Which of the rows handed over these N are.
    """

    groups: tuple[object, ...]
    fitted: NDArray[np.float64]
    pearson: NDArray[np.float64]
    quantile: NDArray[np.float64]
    seed: int
    handed_over: HandedOver

    def rows(self) -> list[Sequence[object]]:
        """A header, then one row per row of the user's data; a row left out has its reason in a sixth column."""
        labels = map(label_cell, self.groups)
        columns = (self.fitted.tolist(), self.pearson.tolist(), self.quantile.tolist())
        answers = self.handed_over.spread(list(zip(labels, *columns, strict=True)))
        left_out = ("left_out",) if self.handed_over.omitted else ()
        return [
            (*RESIDUALS_HEADER, *left_out),
            *(
                (number, *(answer or (None, None, None, None, reason)))
                for number, (answer, reason) in enumerate(zip(answers, self.handed_over.reasons, strict=True), 1)
            ),
        ]


def residuals(model: GLMM, *, n_sim: object = None, seed: object = None) -> Residuals:
    """Residuals of every row, at the estimates of the table.

    Row i of y_i successes in n_i trials has the fitted probability p_i at the coefficients and at the conditional mode
    of its group's effects, and

        pearson   (y_i - n_i p_i) / sqrt(n_i p_i (1 - p_i)), as lme4's `residuals(model, type = "pearson")`
        quantile  (number of simulated outcomes below y_i + v_i times the number equal to it) / n_sim,

    v_i uniform from 0 to 1, so that the quantiles of a right model are uniform whatever the outcomes (Dunn & Smyth
    1996, Journal of Computational and Graphical Statistics 5(3)). The outcomes are those of `simulate` with the same
    seed, with new random effects, as in R's package DHARMa: quantiles of rows of one group depend on each other.

    Parameters
    ----------
    model : GLMM
    n_sim : whole number, optional
        Number of simulations, from 1 to 10,000; 250 unless given.
    seed : whole number, optional
        0 or more; 1 unless given.

    Raises
    ------
    InvalidInputError
        When n_sim or seed cannot be used.
    """
    observations = model.observations
    options = read_simulation_options(
        n_sim, seed, default=DEFAULT_SIMULATIONS, rows=len(observations.trials), most_values=MOST_RESPONSES
    )
    counts = counts_of(observations, model.design.scale, model.fit)
    return Residuals(
        groups=_labels(observations),
        fitted=counts.in_the_users_order(logistic(counts.predictor).probability),
        pearson=counts.in_the_users_order(counts.residuals),
        quantile=_quantiles(model, options),
        seed=options.seed,
        handed_over=observations.handed_over,
    )


def _labels(observations: Observations) -> tuple[object, ...]:
    """The label of each row's group; where groupings cross that of both, as of a group of two columns."""
    own = tuple(observations.group_labels[group] for group in observations.group_index.tolist())
    crossed = observations.crossed
    if crossed is None:
        return own
    others = (crossed.labels[level] for level in crossed.index.tolist())
    return tuple(joint_label(labels) for labels in zip(own, others, strict=True))


def _quantiles(model: GLMM, options: SimulationOptions) -> NDArray[np.float64]:
    successes = model.observations.successes
    below, equal = np.zeros(len(successes)), np.zeros(len(successes))
    for drawn in draw_responses(model, options):
        below += drawn < successes
        equal += drawn == successes
    # a child of the seed that no simulation has
    share = generator_of(options.seed, MAXIMUM_SIMULATIONS).random(len(successes))
    return np.asarray((below + share * equal) / options.n_sim)
