"""New responses from a fitted model, with new random effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import expit

from glmm_binomial.answers.rows import Tabular
from glmm_binomial.interruption import stop_if_requested
from glmm_binomial.observations.row_groups import RowGroups
from glmm_binomial.observations.simulation_options import SimulationOptions, read_simulation_options
from glmm_binomial.observations.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from glmm_binomial.estimation.fitted_model import GLMM
    from glmm_binomial.observations.handed_over import HandedOver

DEFAULT_SIMULATIONS: Final = 1
MOST_RESPONSES: Final = 5_000_000
"""Simulated responses in one table; more would not be read by anybody, and would fill the memory of Excel."""


@dataclass(frozen=True, slots=True)
class Simulations(Tabular):
    """Responses simulated from a fitted model, for each of the user's N rows in their order.

    Attributes
    ----------
    responses : (N, n_sim) array
        0 or 1, or successes out of the row's trials; one column per simulation.
    seed : int
    handed_over : HandedOver
        Which of the rows handed over these N are.
    """

    responses: NDArray[np.float64]
    seed: int
    handed_over: HandedOver

    def rows(self) -> list[Sequence[object]]:
        """Rows of cells: a header sim_1, sim_2 ..., then one row per row of the user's data."""
        header = [f"sim_{column}" for column in range(1, self.responses.shape[1] + 1)]
        if not self.handed_over.omitted:
            return [header, *self.responses.tolist()]
        blank = (None,) * len(header)
        rows = self.handed_over.spread(self.responses.tolist())
        return [
            [*header, "left_out"],
            *(
                (*blank, reason) if row is None else row
                for row, reason in zip(rows, self.handed_over.reasons, strict=True)
            ),
        ]


def simulate(model: GLMM, *, n_sim: object = None, seed: object = None) -> Simulations:
    """Simulate responses from the estimates of a model, with random effects drawn anew.

    In each simulation every group g gets effects u_g ~ N(0, Sigma), and row i of the group successes
    y_i ~ Binomial(trials_i, p_i) with logit p_i = x_i'b + offset_i + z_i'u_g. Coefficients b and Sigma stay at their
    estimates, as in lme4's `simulate`. Simulation j has its own random numbers, determined by the seed and j alone:
    more simulations append columns and change none.

    Parameters
    ----------
    model : GLMM
    n_sim : whole number, optional
        Number of simulations, from 1 to 10,000; 1 unless given.
    seed : whole number, optional
        0 or more; 1 unless given.

    Raises
    ------
    InvalidInputError
        When n_sim or seed cannot be used.
    """
    rows = len(model.observations.trials)
    options = read_simulation_options(n_sim, seed, default=DEFAULT_SIMULATIONS, rows=rows, most_values=MOST_RESPONSES)
    return simulations(draw_responses(model, options), rows, options, model.observations.handed_over)


def simulations(
    drawn: Iterable[NDArray[np.float64]], rows: int, options: SimulationOptions, handed_over: HandedOver
) -> Simulations:
    """Outcomes (N,) of one simulation after the other, as a table."""
    responses = np.empty((rows, options.n_sim), order="F")
    for column, response in enumerate(drawn):
        responses[:, column] = response
    return Simulations(responses=responses, seed=options.seed, handed_over=handed_over)


def typical_logits(model: GLMM) -> NDArray[np.float64]:
    """Logits x'b + offset of the user's rows, (N,), random effects at zero."""
    x, offset = model.observations.x, model.observations.offset
    coefficients = model.design.scale.back_transform @ model.fit.coefficients
    if model.design.scale.intercept:
        logits = np.asarray(coefficients[0] + x @ coefficients[1:])
    else:
        logits = np.asarray(x @ coefficients)
    return logits if offset is None else logits + offset


def generator_of(seed: int, child: int) -> np.random.Generator:
    """Numpy's PCG64, seeded by SeedSequence(seed, spawn_key=(child,)), a child of the seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(child,))))


def draw_responses(model: GLMM, options: SimulationOptions) -> Iterator[NDArray[np.float64]]:
    """Yield the successes (N,) of one simulation after the other.

    Simulation j draws from `generator_of(seed, j)`.
    """
    observations, scale = model.observations, model.design.scale
    truth = Truth(
        predictor=typical_logits(model),
        x_random=observations.x_random,
        effects_root=scale.random_back_transform @ model.fit.effects_root,
        groups=RowGroups(observations.group_index, observations.group_labels, observations.above, observations.crossed),
        trials=observations.trials,
        trials_given=observations.trials_given,
    )
    yield from draw_outcomes(truth, options)


def draw_outcomes(truth: Truth, options: SimulationOptions) -> Iterator[NDArray[np.float64]]:
    """The same of a model whose numbers are known."""
    root, trials, groups = truth.effects_root, truth.trials.astype(np.int64), truth.groups
    intercepts = len(root) - truth.x_random.shape[1]
    for simulation in range(options.n_sim):
        stop_if_requested()
        generator = generator_of(options.seed, simulation)
        effects = generator.standard_normal((len(groups.labels), len(root))) @ root.T
        if groups.above is not None:
            effects[:, 0] = effects[groups.above.first, 0]
        effects = effects[groups.index]
        if groups.crossed is not None:
            of_levels = generator.standard_normal(len(groups.crossed.labels))
            effects[:, 1] = root[1, 1] * of_levels[groups.crossed.index]
        deviation = effects[:, :intercepts].sum(axis=1) + (truth.x_random * effects[:, intercepts:]).sum(axis=1)
        probability = expit(truth.predictor + deviation)
        if truth.trials_given:
            yield generator.binomial(trials, probability).astype(np.float64)
        else:
            yield (generator.random(len(probability)) < probability).astype(np.float64)
