"""Stopping a long computation from outside, which the core knows only as a question it asks between steps."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class StoppedError(RuntimeError):
    """The computation was stopped on request."""


def _never() -> bool:
    return False


_stop_requested: ContextVar[Callable[[], bool]] = ContextVar("stop_requested", default=_never)
"""Each thread, and so each cell of a worksheet, has its own."""


@contextmanager
def stopping_when(requested: Callable[[], bool]) -> Iterator[None]:
    """Let what is computed inside be stopped: it asks between steps, and a True answer raises StoppedError.

    Parameters
    ----------
    requested : callable
        Takes nothing and answers quickly.
    """
    token = _stop_requested.set(requested)
    try:
        yield
    finally:
        _stop_requested.reset(token)


def stop_if_requested() -> None:
    """Raise StoppedError when a stop was requested."""
    if _stop_requested.get()():
        raise StoppedError
