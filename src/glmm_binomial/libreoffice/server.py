"""The Python that calculates for LibreOffice: a call on each line of its input, what cells show on each of its output.

A call is JSON, {"method": ..., "arguments": [...]}, and so is an answer, a list of rows. It ends when its input does,
so that nothing is calculated on for a LibreOffice that is gone.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import BinaryIO

from glmm_binomial.libreoffice.calls import Calls, Rows


def serve(calls: Callable[[str, list[object]], Rows]) -> None:
    """Answer the calls on the standard input until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # what a library prints must not stand among the answers
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    lines: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, lines), daemon=True).start()
    while True:
        call = json.loads(lines.get())
        answers.write(json.dumps(calls(call["method"], call["arguments"])).encode("ascii") + b"\n")
        answers.flush()


def _read(source: BinaryIO, lines: "SimpleQueue[bytes]") -> None:
    for line in source:
        lines.put(line)
    # a calculation that is under way ends too
    os._exit(0)


if __name__ == "__main__":
    serve(Calls())
