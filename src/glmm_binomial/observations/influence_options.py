"""Which groups are left out in turn, as a worksheet or a script says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glmm_binomial.observations.cells import describe, is_blank, reject, single_cell

if TYPE_CHECKING:
    from glmm_binomial.observations import Observations


def leaves_out_lower(left_out: object, observations: Observations) -> bool:
    """Whether the lower of nested groups are asked for; None or a blank cell means those above.

    Raises
    ------
    InvalidInputError
        When a cell names no groups of the model.
    """
    value = single_cell(left_out)
    if is_blank(value):
        return False
    above, own = observations.above, observations.group_name
    names = [own] if above is None else [above.name, own]
    wanted = value.strip().casefold() if isinstance(value, str) else None
    for name in names:
        if name and wanted == name.casefold():
            return above is not None and name == own
    if not own:
        reject(
            f"left_out must be empty where a model is of ranges, whose groups have no name. It is {describe(value)}."
        )
    listed = " or ".join(f'"{name}"' for name in names)
    reject(f"left_out must be {listed}, the groups that are left out in turn. It is {describe(value)}.")
