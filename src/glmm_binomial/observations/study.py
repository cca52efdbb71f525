"""Cells -> Study: a planned study, its numbers, what is tested in it, and with how many groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.frozen import read_only
from glmm_binomial.observations import MINIMUM_GROUPS, Observations
from glmm_binomial.observations.cells import is_blank, reject, single_cell
from glmm_binomial.observations.crossed_groups import MOST_INDICATORS, MOST_LEVELS
from glmm_binomial.observations.estimability import (
    MOST_CORRELATED,
    problem_with_fixed_effects,
    problem_with_random_slopes,
)
from glmm_binomial.observations.handed_over import all_used
from glmm_binomial.observations.names import parameter_names
from glmm_binomial.observations.options import Options, read_alpha
from glmm_binomial.observations.plan import read_plan
from glmm_binomial.observations.ranges import Range, as_rows
from glmm_binomial.observations.row_groups import coincide
from glmm_binomial.observations.simulation_options import read_simulation_options
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from glmm_binomial.observations.plan import Plan
    from glmm_binomial.observations.simulation_options import SimulationOptions

MOST_GROUPS: Final = 100_000
MOST_NUMBERS: Final = 100
"""Of groups that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Study:
    """A planned study.

    Attributes
    ----------
    plan : Plan
        With the groups that were handed over.
    tested : int
        Position of the column of x whose coefficient is tested.
    numbers_of_groups : tuple of int
        The study is simulated with each of these.
    alpha : float
        Level of the test.
    simulations : SimulationOptions
    """

    plan: Plan
    tested: int
    numbers_of_groups: tuple[int, ...]
    alpha: float
    simulations: SimulationOptions

    def observations(self, plan: Plan) -> Observations:
        """What is fitted to outcomes of a plan, with no successes yet: random slopes of the columns that have one."""
        groups, sloped = plan.groups, plan.sloped
        return Observations(
            successes=read_only(np.zeros(len(plan.trials))),
            trials=plan.trials,
            x=plan.x,
            x_names=plan.x_names,
            group_index=read_only(groups.index),
            group_labels=groups.labels,
            x_random=read_only(plan.x[:, sloped]),
            random_names=tuple(plan.x_names[column] for column in sloped.tolist()),
            trials_given=plan.trials_given,
            header=False,
            look_alikes=(),
            options=Options(fit_intercept=True, alpha=self.alpha, method="ml"),
            handed_over=all_used(len(plan.trials)),
            correlated=plan.correlated and len(sloped) > 0,
            above=groups.above,
            crossed=groups.crossed,
        )


def read_study(
    x: object,
    groups: object,
    coefficients: object,
    std_devs: object,
    test: object,
    n_groups: object,
    alpha: object,
    n_sim: object,
    seed: object,
    trials: object,
    *,
    default_simulations: int,
    most_responses: int,
) -> Study:
    """Check what a worksheet or a script handed over.

    Parameters
    ----------
    x, groups, coefficients, std_devs, trials
        As of `read_plan`.
    test : scalar
        Name of a column of x.
    n_groups : scalar or range, optional
    alpha, n_sim, seed : scalar, optional
    default_simulations : int
        n_sim unless given.
    most_responses : int
        Simulated for all numbers of groups together.

    Raises
    ------
    InvalidInputError
    """
    plan = read_plan(x, groups, coefficients, std_devs, trials)
    numbers = _numbers_of_groups(n_groups, plan)
    study = Study(
        plan=plan,
        tested=_tested(test, plan.x_names),
        numbers_of_groups=numbers,
        alpha=read_alpha(alpha),
        simulations=read_simulation_options(
            n_sim,
            seed,
            default=default_simulations,
            rows=sum(map(plan.rows_with_groups, numbers)),
            most_values=most_responses,
        ),
    )
    for number in numbers:
        _require_estimable(study.observations(plan.with_groups(number)), number)
    return study


def _tested(test: object, names: tuple[str, ...]) -> int:
    """Position of the column of x of that name."""
    wanted = parameter_names(test, argument="test", of="the name of a column of x")
    if len(wanted) != 1:
        found = "It is blank" if not wanted else f"It holds {len(wanted)} names"
        reject(f"test must be the name of a column of x. {found}; x has {listed(list(names))}.")
    if wanted[0] not in names:
        reject(f"test must be the name of a column of x. There is no {wanted[0]}; x has {listed(list(names))}.")
    if names.count(wanted[0]) > 1:
        reject(f"test must name one column of x. {names.count(wanted[0])} of them are called {wanted[0]}.")
    return names.index(wanted[0])


def _numbers_of_groups(n_groups: object, plan: Plan) -> tuple[int, ...]:
    if is_blank(single_cell(n_groups)):
        if plan.size < MINIMUM_GROUPS:
            reject("n_groups must be given where x has one group. That group is then taken so many times.")
        return (plan.size,)
    values = Range("n_groups", as_rows("n_groups", n_groups, minimum_rows=1)).numbers()
    if min(values.shape) != 1 or values.size > MOST_NUMBERS:
        shape = " x ".join(map(str, values.shape))
        reject(f"n_groups must be one number, or a row or a column of at most {MOST_NUMBERS}. It is {shape}.")
    wrong = values[(values < MINIMUM_GROUPS) | (values > MOST_GROUPS) | (values != np.floor(values))]
    if len(wrong):
        reject(f"n_groups must hold whole numbers from {MINIMUM_GROUPS} to {MOST_GROUPS:,}. One is {wrong[0]:.15g}.")
    return tuple(map(int, values.ravel().tolist()))


def _require_estimable(planned: Observations, number: int) -> None:
    """Refuse what could not be estimated, whatever the outcomes."""
    problem = problem_with_fixed_effects(planned.x, planned.x_names, intercept=True)
    problem = problem or problem_with_random_slopes(planned.x_random, planned.random_names)
    problem = problem or _problem_with_correlations(planned) or _problem_with_kinds(planned)
    if problem is not None:
        reject(f"with n_groups of {number:,}, {problem}")


def _problem_with_correlations(planned: Observations) -> str | None:
    if planned.correlated and len(planned.random_names) >= MOST_CORRELATED:
        return (
            f"std_devs must make at most {MOST_CORRELATED} correlated random effects vary. It makes "
            f"{1 + len(planned.random_names)}."
        )
    return None


def _problem_with_kinds(planned: Observations) -> str | None:
    """Why the effects of two kinds of groups could not be told apart, or would take too long."""
    if planned.above is not None and np.bincount(planned.group_index, planned.trials).max() <= 1.0:
        return "groups must be observed more than once. Each of the lower ones has a single outcome of 0 or 1."
    if planned.crossed is None:
        return None
    own, few = (planned.group_index, planned.group_labels), (planned.crossed.index, planned.crossed.labels)
    if coincide(own, few):
        return (
            "groups must have two columns that differ. Each label of one has one of the other, so that their random "
            "intercepts cannot be told apart."
        )
    if len(few[1]) < MINIMUM_GROUPS:
        return f"groups must have at least {MINIMUM_GROUPS} distinct values in each column. One has 1."
    if len(few[1]) > MOST_LEVELS or len(few[1]) * len(planned.trials) > MOST_INDICATORS:
        return (
            f"groups that cross must be at most {MOST_LEVELS} of one kind, in not too many rows. These are "
            f"{len(own[1]):,} and {len(few[1]):,} in {len(planned.trials):,} rows."
        )
    return None
