"""Outcomes from numbers that are given: the first half of a simulation study."""

from __future__ import annotations

from glmm_binomial.answers.simulate import (
    DEFAULT_SIMULATIONS,
    MOST_RESPONSES,
    Simulations,
    draw_outcomes,
    simulations,
)
from glmm_binomial.observations.handed_over import all_used
from glmm_binomial.observations.plan import read_plan
from glmm_binomial.observations.simulation_options import read_simulation_options


def generate(
    x: object,
    groups: object,
    coefficients: object,
    std_devs: object,
    trials: object = None,
    n_sim: object = None,
    seed: object = None,
) -> Simulations:
    """Draw outcomes of a model whose coefficients and SDs are given.

    Row i of group g: successes y_i ~ Binomial(trials_i, p_i), logit p_i = b_0 + x_i'b + u_g0 + sum_k x_ik u_gk, with
    u_gk ~ N(0, sd_k^2), independent or of the correlations that are given. With two kinds of groups each has a random
    intercept of its own. The random numbers are those of `simulate`, so that the estimates of a model given here draw
    what `simulate` draws of it, effects being independent.

    Parameters
    ----------
    x : (N, p) array, list of N rows, or data frame
        With a header row or without.
    groups : (N, 1) or (N, 2) array, or list of N rows of one or two cells
        Labels, with a header when x has one. Two columns are two kinds of groups: each label is one group wherever it
        stands, so that the second lie within the first only if every label of theirs is in one group of the first.
    coefficients : p + 1 numbers in a row or a column
        The intercept first.
    std_devs : 1 or p + 1 numbers in a row or a column, or p + 1 rows of p + 1 cells
        Of the random intercept; of the random slope of each column of x as well, 0 where there is none. In rows of
        p + 1 cells these stand on the diagonal and the correlations beside it. With two kinds of groups 2 numbers.
    trials : like groups, or one number, optional
        Whole numbers; one trial for each row unless given.
    n_sim : whole number, optional
        Number of simulations, from 1 to 10,000; 1 unless given.
    seed : whole number, optional
        0 or more; 1 unless given.

    Raises
    ------
    InvalidInputError
        When the arguments cannot be used.
    """
    truth = read_plan(x, groups, coefficients, std_devs, trials).truth
    rows = len(truth.trials)
    options = read_simulation_options(n_sim, seed, default=DEFAULT_SIMULATIONS, rows=rows, most_values=MOST_RESPONSES)
    return simulations(draw_outcomes(truth, options), rows, options, all_used(rows))
