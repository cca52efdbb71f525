"""Which groups are left out in turn, as a worksheet or a script says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell

if TYPE_CHECKING:
    from glmm_binomial.observations import Observations

Unit = Literal["groups", "above", "levels"]
"""The groups; of nested ones those above; of crossed ones the levels of the smaller grouping."""


def read_left_out(left_out: object, observations: Observations) -> Unit:
    """Of which kind the groups are that are asked for; None or a blank cell means those above, or the more numerous.

    Raises
    ------
    InvalidInputError
        When a cell names no groups of the model.
    """
    value, own = single_cell(left_out), observations.group_name
    names: dict[Unit, str] = {"groups": own}
    if observations.above is not None:
        names = {"above": observations.above.name, "groups": own}
    elif observations.crossed is not None:
        names = {"groups": own, "levels": observations.crossed.name}
    if is_blank(value):
        return next(iter(names))
    wanted = value.strip().casefold() if isinstance(value, str) else None
    for unit, name in names.items():
        if name and wanted == name.casefold():
            return unit
    if not own:
        reject(
            f"left_out must be empty where a model is of ranges, whose groups have no name. It is {describe(value)}."
        )
    listed = " or ".join(f'"{name}"' for name in names.values())
    reject(f"left_out must be {listed}, the groups that are left out in turn. It is {describe(value)}.")
