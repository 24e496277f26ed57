"""A row of a comparison in a process of its own: the order comes as a line of JSON, and the run is that of `run`.

Whoever gave the order keeps standard input open. When it is closed, or its holder gone, the run ends as it does when
somebody ends it from outside: what was computed is written.
"""

import json
import os
import signal
import sys
from threading import Thread

from mosaik_p2p.cosim import ExitCode, Order, conduct
from mosaik_p2p.errors import BadInput
from mosaik_p2p.printing import quiet_logs

MODULE = __name__
STDIN, CHUNK = 0, 65536


def main() -> int:
    """Run the ordered row; its exit code is that of `run`."""
    line = _first_line()
    Thread(target=_end_with_the_holder, daemon=True, name="holder").start()
    quiet_logs()
    try:
        outcome, _ = conduct(Order(**json.loads(line)))
    except BadInput as bad:
        print(bad, file=sys.stderr)
        return ExitCode.BAD_INPUT
    return outcome.exit_code


# Read past Python's own buffers: a thread that waits in them would keep the interpreter from ending.
def _first_line() -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        more = os.read(STDIN, CHUNK)
        if not more:
            raise SystemExit(ExitCode.INCOMPLETE)
        found += more
    return found


def _end_with_the_holder() -> None:
    while os.read(STDIN, CHUNK):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    raise SystemExit(main())
