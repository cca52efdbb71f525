"""The most recent results of a computation, so that asking again costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")


class RecentResults(Generic[Result]):
    """The most recent results, by the content of what they were computed from; safe to use from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._results: OrderedDict[bytes, Result] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> Result | None:
        """The result of a key, if it is still there."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def put(self, key: bytes, result: Result) -> None:
        """Keep a result."""
        with self._lock:
            self._results[key] = result
            while len(self._results) > self._size:
                self._results.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._results.clear()
