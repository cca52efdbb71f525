"""Cells -> Study: a planned study, its numbers, what is tested in it, and with how many groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from glmm_binomial.frozen import read_only
from glmm_binomial.observations import MINIMUM_GROUPS, Observations
from glmm_binomial.observations.cells import is_blank, reject, single_cell
from glmm_binomial.observations.estimability import problem_with_fixed_effects, problem_with_random_slopes
from glmm_binomial.observations.handed_over import all_used
from glmm_binomial.observations.names import parameter_names
from glmm_binomial.observations.options import Options, read_alpha
from glmm_binomial.observations.ranges import Range, as_rows
from glmm_binomial.observations.simulation_options import read_simulation_options
from glmm_binomial.observations.truth import read_truth
from glmm_binomial.observations.wording import listed

if TYPE_CHECKING:
    from glmm_binomial.observations.simulation_options import SimulationOptions
    from glmm_binomial.observations.truth import Truth

MOST_GROUPS: Final = 100_000
MOST_NUMBERS: Final = 100
"""Of groups that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Study:
    """A planned study.

    Attributes
    ----------
    truth : Truth
        With the groups of x.
    tested : int
        Position of the column of x whose coefficient is tested.
    numbers_of_groups : tuple of int
        The study is simulated with each of these.
    alpha : float
        Level of the test.
    simulations : SimulationOptions
    """

    truth: Truth
    tested: int
    numbers_of_groups: tuple[int, ...]
    alpha: float
    simulations: SimulationOptions

    def observations(self, truth: Truth) -> Observations:
        """What is fitted to outcomes of a truth, with no successes yet: random slopes of the columns that have one."""
        sloped = np.diag(truth.effects_root)[1:] > 0.0
        return Observations(
            successes=read_only(np.zeros(len(truth.trials))),
            trials=truth.trials,
            x=truth.x,
            x_names=truth.x_names,
            group_index=truth.group_index,
            group_labels=tuple(range(1, truth.groups + 1)),
            x_random=read_only(truth.x_random[:, sloped]),
            random_names=tuple(name for name, has in zip(truth.x_names, sloped.tolist(), strict=False) if has),
            trials_given=truth.trials_given,
            header=False,
            look_alikes=(),
            options=Options(fit_intercept=True, alpha=self.alpha, method="ml"),
            handed_over=all_used(len(truth.trials)),
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
    *,
    default_simulations: int,
    most_responses: int,
) -> Study:
    """Check what a worksheet or a script handed over.

    Parameters
    ----------
    x, groups, coefficients, std_devs
        As of `read_truth`.
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
    truth = read_truth(x, groups, coefficients, std_devs)
    numbers = _numbers_of_groups(n_groups, truth)
    study = Study(
        truth=truth,
        tested=_tested(test, truth.x_names),
        numbers_of_groups=numbers,
        alpha=read_alpha(alpha),
        simulations=read_simulation_options(
            n_sim,
            seed,
            default=default_simulations,
            rows=sum(map(truth.rows_with_groups, numbers)),
            most_values=most_responses,
        ),
    )
    for number in numbers:
        _require_estimable(study.observations(truth.with_groups(number)))
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


def _numbers_of_groups(n_groups: object, truth: Truth) -> tuple[int, ...]:
    if is_blank(single_cell(n_groups)):
        if truth.groups < MINIMUM_GROUPS:
            reject("n_groups must be given where x has one group. That group is then taken so many times.")
        return (truth.groups,)
    values = Range("n_groups", as_rows("n_groups", n_groups, minimum_rows=1)).numbers()
    if min(values.shape) != 1 or values.size > MOST_NUMBERS:
        shape = " x ".join(map(str, values.shape))
        reject(f"n_groups must be one number, or a row or a column of at most {MOST_NUMBERS}. It is {shape}.")
    wrong = values[(values < MINIMUM_GROUPS) | (values > MOST_GROUPS) | (values != np.floor(values))]
    if len(wrong):
        reject(f"n_groups must hold whole numbers from {MINIMUM_GROUPS} to {MOST_GROUPS:,}. One is {wrong[0]:.15g}.")
    return tuple(map(int, values.ravel().tolist()))


def _require_estimable(planned: Observations) -> None:
    """Refuse columns whose coefficients could not be estimated, whatever the outcomes."""
    problem = problem_with_fixed_effects(planned.x, planned.x_names, intercept=True)
    problem = problem or problem_with_random_slopes(planned.x_random, planned.random_names)
    if problem is not None:
        reject(f"with n_groups of {len(planned.group_labels):,}, {problem}")
