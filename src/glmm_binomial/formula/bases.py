"""Several columns that stand for a curve of one column of numbers: formulaic's poly() and bs(), as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glmm_binomial.extras import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Curve = Literal["poly", "bs"]


def basis_columns(
    function: Curve,
    values: NDArray[np.float64],
    *,
    degree: int,
    state: dict[str, Any],
    df: int | None = None,
) -> NDArray[np.float64]:
    """The columns (M, q) of poly() or bs(), which writes into an empty state what it takes from these rows."""
    transforms = require("formulaic.transforms", extra="formulas", purpose="A formula")
    with np.errstate(all="ignore"):
        if function == "poly":
            return np.asarray(transforms.poly(values, degree, _state=state), dtype=np.float64)
        columns = transforms.basis_spline(values, df=df, degree=degree, extrapolation="na", _state=state)
    return np.column_stack([np.asarray(columns[key], dtype=np.float64) for key in sorted(columns)])


def frozen(state: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    """What a function remembers, as plain values that cannot change."""
    return tuple(
        (name, tuple(value.items()) if isinstance(value, dict) else tuple(value) if isinstance(value, list) else value)
        for name, value in state.items()
    )


def thawed(state: tuple[tuple[str, object], ...]) -> dict[str, Any]:
    """What a function remembers, as formulaic keeps it."""
    return {
        name: dict(value) if name in {"alpha", "norms2"} else value  # type: ignore[call-overload]  # pairs
        for name, value in state
    }
