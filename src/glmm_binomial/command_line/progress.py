"""What is being done and for how long, said while one waits."""

import threading
import time
from types import TracebackType
from typing import TextIO


class Progress:
    """Says on a stream, once a second has passed, what is being done and for how long.

    On a terminal one line is kept up to date and goes at the end. Elsewhere each thing that begins gets a line.

    Parameters
    ----------
    stream
        Where the lines go; not the standard output, which holds the tables.
    delay
        Seconds before anything is said.
    interval
        Seconds after which the line on a terminal is written anew.
    """

    def __init__(self, stream: TextIO, *, delay: float = 1.0, interval: float = 1.0) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._delay = delay
        self._interval = interval
        self._began = time.monotonic()
        self._doing = "loading"
        self._is_told = False
        self._width = 0
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Progress":
        """Start to watch the clock."""
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, and leave a terminal as it was."""
        self._finished.set()
        self._ticker.join()
        if self._width:
            self._stream.write(f"\r{'':{self._width}}\r")
            self._stream.flush()

    def start(self, doing: str) -> None:
        """Note what begins, in a few words."""
        with self._lock:
            self._doing, self._is_told = doing, False
        if time.monotonic() - self._began > self._delay:
            self._write()

    def _tick(self) -> None:
        wait = self._delay
        while not self._finished.wait(wait):
            self._write()
            wait = self._interval

    def _write(self) -> None:
        with self._lock:
            line = f"{time.monotonic() - self._began:6.1f} s  {self._doing}"
            if self._is_terminal:
                # what the line before had more is covered by spaces
                self._stream.write(f"\r{line:{self._width}}")
                self._width = len(line)
            elif not self._is_told:
                self._stream.write(f"{line}\n")
            self._is_told = True
            self._stream.flush()
