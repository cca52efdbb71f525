"""The options of a simulation, as a worksheet or a script gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from glmm_binomial.observations.cells import describe, float_or_infinity, is_blank, is_number_type, reject, single_cell

DEFAULT_SEED: Final = 1
"""Fixed, so that a recalculated cell shows the same digits."""

MAXIMUM_SIMULATIONS: Final = 10_000
MAXIMUM_SEED: Final = 2**53
"""Up to here a worksheet holds every whole number."""


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """How often to simulate, and from which seed.

    Attributes
    ----------
    n_sim : int
        From 1 to 10,000.
    seed : int
        From 0 to 2^53.
    """

    n_sim: int
    seed: int


def read_simulation_options(
    n_sim: object, seed: object, *, default: int, rows: int, most_values: int
) -> SimulationOptions:
    """Check the options; None or a blank cell means the default.

    Parameters
    ----------
    n_sim, seed : scalar
    default : int
        Of n_sim.
    rows : int
        Rows of data.
    most_values : int
        The largest number of simulated responses, n_sim times rows.

    Raises
    ------
    InvalidInputError
    """
    simulations = _read_whole_number("n_sim", single_cell(n_sim), default=default, low=1, high=MAXIMUM_SIMULATIONS)
    first = _read_whole_number("seed", single_cell(seed), default=DEFAULT_SEED, low=0, high=MAXIMUM_SEED)
    if simulations * rows > most_values:
        largest = most_values // rows
        remedy = f"Give n_sim at most {largest}." if largest else "The data have too many rows for it."
        reject(
            f"n_sim must keep the number of simulated responses to {most_values:,}. {simulations:,} simulations of "
            f"{rows:,} rows are {simulations * rows:,}. {remedy}"
        )
    return SimulationOptions(n_sim=simulations, seed=first)


def require_enough_simulations(n_sim: int, alpha: float) -> None:
    """Refuse an interval whose limits would be no more than the extremes of the simulations.

    Each tail holds the proportion alpha / 2 of the simulations; at least one of them must lie in it.
    """
    needed = fewest_simulations(alpha)
    if needed > MAXIMUM_SIMULATIONS:
        reject(
            f"alpha must be at least {2.0 / MAXIMUM_SIMULATIONS:g} for simulated intervals. It is {describe(alpha)}, "
            f"and at most {MAXIMUM_SIMULATIONS:,} simulations can be asked for."
        )
    if n_sim < needed:
        reject(
            f"n_sim must be at least {needed} for intervals of {100.0 * (1.0 - alpha):.10g} %, so that each tail "
            f"holds a simulation. It is {n_sim}."
        )


def fewest_simulations(alpha: float) -> int:
    """How many simulations hold one in each tail of alpha / 2."""
    return math.ceil(round(2.0 / alpha, 6))


def _read_whole_number(name: str, value: object, *, default: int, low: int, high: int) -> int:
    if is_blank(value):
        return default
    if not isinstance(value, bool | np.bool_) and is_number_type(type(value)):
        number = float_or_infinity(value)
        if number.is_integer() and low <= number <= high:
            return int(number)
    reject(f"{name} must be a whole number from {low} to {high}. It is {describe(value)}.")
