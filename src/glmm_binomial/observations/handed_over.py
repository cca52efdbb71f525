"""Which of the rows handed over are used, and why the others are not; how answers go back to their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from glmm_binomial.frozen import read_only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The M rows handed over, of which N are used.

    Attributes
    ----------
    position : (N,) integer array
        Of each used row among the rows handed over, counted from zero below the header; increasing.
    reasons : tuple of M str or None
        Why a row is left out, such as "age is blank"; None for a row that is used.
    """

    position: NDArray[np.intp]
    reasons: tuple[str | None, ...]

    @property
    def omitted(self) -> int:
        """Number of rows left out."""
        return len(self.reasons) - len(self.position)

    def spread(self, answers: Sequence[Answer]) -> list[Answer | None]:
        """Answers for the N used rows, in M places; None where a row is left out."""
        places: list[Answer | None] = [None] * len(self.reasons)
        for place, answer in zip(self.position.tolist(), answers, strict=True):
            places[place] = answer
        return places


def all_used(rows: int) -> HandedOver:
    """None of the rows is left out."""
    return HandedOver(position=read_only(np.arange(rows)), reasons=(None,) * rows)
