"""How often a planned study would find an effect: simulated, fitted and tested as the real one will be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr
from scipy.stats import binomtest
from scipy.stats import t as student

from glmm_binomial.answers.rows import Tabular
from glmm_binomial.answers.simulate import draw_outcomes
from glmm_binomial.answers.t_tests import t_tests
from glmm_binomial.errors import FitError
from glmm_binomial.estimation.refit import refit_likelihood
from glmm_binomial.frozen import read_only
from glmm_binomial.model.design import build_design
from glmm_binomial.observations.study import read_study

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.observations import Observations
    from glmm_binomial.observations.plan import Plan
    from glmm_binomial.observations.study import Study

DEFAULT_SIMULATIONS: Final = 200
MOST_RESPONSES: Final = 100_000_000
"""Simulated in all; fits to so many take hours."""

POWER_HEADER: Final = (
    "groups",
    "observations",
    "simulations",
    "not_fitted",
    "significant",
    "power",
    "ci_lower",
    "ci_upper",
    "power_t_test",
)


@dataclass(frozen=True, slots=True)
class PowerOfSize:
    """Of studies with so many groups.

    Attributes
    ----------
    groups, observations : int
        Of each study.
    simulations : int
    not_fitted : int
        Studies whose likelihood has no maximum, or none that was found; they count as not significant.
    significant : int
        Studies in which p of Wald's test is below alpha.
    significant_by_t : int or None
        The same of Student's t in the place of z, for a coefficient that differences between groups decide; None for
        others, and where no degrees of freedom are left.
    """

    groups: int
    observations: int
    simulations: int
    not_fitted: int
    significant: int
    significant_by_t: int | None

    @property
    def power(self) -> float:
        """Share of significant studies."""
        return self.significant / self.simulations

    @property
    def interval(self) -> tuple[float, float]:
        """What the power may be after so many simulations, with 95 % confidence (Clopper & Pearson 1934)."""
        found = binomtest(self.significant, self.simulations).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)


@dataclass(frozen=True, slots=True)
class Power(Tabular):
    """The power of a test, one entry for each number of groups.

    Attributes
    ----------
    test : str
        The column whose coefficient is tested.
    alpha : float
    sizes : tuple of PowerOfSize
    counted : str
        Which of two kinds of groups the sizes count; "" where there is one.
    """

    test: str
    alpha: float
    sizes: tuple[PowerOfSize, ...]
    counted: str

    def rows(self) -> list[Sequence[object]]:
        """A header row that ends with what is tested, one row for each number of groups, then notes."""
        about = (
            f"{self.test} significant at alpha {self.alpha:.6g} by Wald's test, method ml; ci_lower and ci_upper are "
            "the exact 95 % interval of the simulations"
        )
        return [
            (*POWER_HEADER, about),
            *(
                (
                    each.groups,
                    each.observations,
                    each.simulations,
                    each.not_fitted,
                    each.significant,
                    each.power,
                    *each.interval,
                    None if each.significant_by_t is None else each.significant_by_t / each.simulations,
                )
                for each in self.sizes
            ),
            *(("note", note) for note in self._notes()),
        ]

    def _notes(self) -> Iterator[str]:
        if self.counted:
            yield self.counted
        if any(each.not_fitted for each in self.sizes):
            yield (
                "not_fitted counts studies whose outcomes are all the same, or whose likelihood has no maximum or none "
                "that was found. They count as not significant."
            )
        if any(each.significant_by_t is not None for each in self.sizes):
            yield (
                f"Only differences between groups tell of {self.test}: with few groups Wald's z is too sure, and "
                "power_t_test, by Student's t as in the rows t_test of the table, is the power to plan with."
            )


def power(
    x: object,
    groups: object,
    coefficients: object,
    std_devs: object,
    test: object,
    n_groups: object = None,
    alpha: object = 0.05,
    n_sim: object = None,
    seed: object = None,
    trials: object = None,
) -> Power:
    """Simulate studies of a model whose numbers are given, and count how often a coefficient is significant.

    Each study is drawn as by `generate` and fitted by maximum likelihood, with a random intercept of each kind of
    groups, and with random slopes of the columns that have a standard deviation above zero, correlated if correlations
    are given. It is significant when p of Wald's test, two-sided, is below alpha. With n groups of a study whose x has
    G, the groups of x are taken again and again in their order, and of the last time the first n mod G. Of two kinds
    these are the groups of the first column, and those that cross them stay the same; of nested ones those above.

    Parameters
    ----------
    x, groups, coefficients, std_devs, trials
        As of `generate`.
    test : str
        Name of the column of x whose coefficient is tested.
    n_groups : whole number, or several in a row or a column, optional
        As many as x has unless given.
    alpha : float, optional
        Level of the test; 0.05 unless given.
    n_sim : whole number, optional
        Studies for each number of groups, from 1 to 10,000; 200 unless given.
    seed : whole number, optional
        0 or more; 1 unless given.

    Raises
    ------
    InvalidInputError
        When the arguments cannot be used.
    """
    study = read_study(
        x,
        groups,
        coefficients,
        std_devs,
        test,
        n_groups,
        alpha,
        n_sim,
        seed,
        trials,
        default_simulations=DEFAULT_SIMULATIONS,
        most_responses=MOST_RESPONSES,
    )
    return Power(
        test=study.plan.x_names[study.tested],
        alpha=study.alpha,
        sizes=tuple(_power_of_size(study, number) for number in study.numbers_of_groups),
        counted=_counted(study.plan),
    )


def _counted(plan: Plan) -> str:
    if len(plan.kinds) == 1:
        return ""
    own, other = plan.kind_names[plan.repeated], plan.kind_names[1 - plan.repeated]
    if plan.groups.above is not None:
        return f"groups counts {own}. Each of its groups comes with all groups of {other} that lie within it."
    return f"groups counts {own}. The {len(plan.kinds[1 - plan.repeated][1])} groups of {other} are the same for all."


def _power_of_size(study: Study, groups: int) -> PowerOfSize:
    plan = study.plan.with_groups(groups)
    planned, place, truth = study.observations(plan), 1 + study.tested, plan.truth
    z = np.array([_z_statistic(planned, y, place) for y in draw_outcomes(truth, study.simulations)])
    fitted = ~np.isnan(z)
    degrees = _degrees_of_freedom(planned, place)
    by_t = None if degrees is None else int((2.0 * student.sf(np.abs(z[fitted]), degrees) < study.alpha).sum())
    return PowerOfSize(
        groups=groups,
        observations=len(truth.trials),
        simulations=len(z),
        not_fitted=int((~fitted).sum()),
        significant=int((2.0 * ndtr(-np.abs(z[fitted])) < study.alpha).sum()),
        significant_by_t=by_t,
    )


def _z_statistic(planned: Observations, outcomes: NDArray[np.float64], place: int) -> float:
    """Wald's statistic of a coefficient; not a number where there is no fit."""
    if not outcomes.any() or (outcomes == planned.trials).all():
        return np.nan
    try:
        found = refit_likelihood(replace(planned, successes=read_only(outcomes)))
    except FitError:
        return np.nan
    return float(found.coefficients[place] / found.std_errors[place])


def _degrees_of_freedom(planned: Observations, place: int) -> int | None:
    """Of the t test that a table would show of a coefficient; None where it shows none."""
    coefficients = np.zeros(1 + planned.x.shape[1])
    tests = t_tests(build_design(planned), coefficients, np.ones_like(coefficients), alpha=planned.options.alpha)
    return next((test.degrees_of_freedom for test in tests if test.position == place), None)
