"""One process that tries inputs one after the other and says after each what it found.

It writes two lines per try on its own standard output, `begin SURFACE:N` and `end SURFACE:N {...}`. What the program
prints goes nowhere; what hangs is interrupted, and what does not let itself be interrupted is killed by `pool.py`.
"""

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TextIO

from fuzz.dice import dice_for
from fuzz.findings import DETAIL, Finding, TimedOut, innermost
from fuzz.processes import patience
from fuzz.surfaces import SURFACES

MEMORY_BYTES = 5 * 2**30
"""Of address space, which is more than what is used."""
PATIENCE = 3.0
"""On a busy machine a try may take so many times its limit, as long as it has not had the processor for that long."""
LOOK_AGAIN_S = 2.0
USED = 0.8
"""Part of the time on the processor from which a try counts as busy all the while."""


def serve(seed: int, tries: Iterable[str], *, kept: Path | None = None) -> None:
    """Try these, each as `surface:number`; folders of tries that found something stay in `kept`."""
    said = _own_output()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    _warm_up()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as root:
        for name in tries:
            print(f"begin {name}", file=said, flush=True)
            surface, _, number = name.partition(":")
            folder = Path(root) / f"{surface}-{number}"
            folder.mkdir()
            began_s = time.monotonic()
            findings = _one(surface, seed, int(number), folder)
            found = {"findings": [asdict(finding) for finding in findings], "seconds": time.monotonic() - began_s}
            print(f"end {name} {json.dumps(found)}", file=said, flush=True)
            if findings and kept is not None:
                shutil.copytree(folder, kept / folder.name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def _own_output() -> TextIO:
    """The process's standard output for us; everybody else's goes to nothing."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    if not os.environ.get("FUZZ_STDERR"):
        os.dup2(nothing, 2)
    return own


def _warm_up() -> None:
    from loguru import logger

    from fuzz import bases
    from mosaik_p2p.loading import check
    from mosaik_p2p.market.warm_up import compile_kernel, kernel_is_cold

    logger.remove()
    if kernel_is_cold():
        compile_kernel()
    # What a first check loads and keeps is none of the inputs' doing.
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        check(bases.write(Path(folder), bases.files()))


def _one(surface: str, seed: int, number: int, folder: Path) -> list[Finding]:
    limit_s = SURFACES[surface].limit_s
    began_s, used_s = time.monotonic(), time.process_time()

    def ring(_: int, __: FrameType | None) -> None:
        waited_s = time.monotonic() - began_s
        if time.process_time() - used_s < USED * limit_s and waited_s < PATIENCE * limit_s * patience():
            signal.setitimer(signal.ITIMER_REAL, LOOK_AGAIN_S)
            return
        raise TimedOut(f"after {waited_s:.0f} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        return SURFACES[surface].attempt(dice_for(surface, seed, number), folder)
    except TimedOut as error:
        return [Finding("hang", f"over {limit_s:g} s in {innermost(error)}", str(error))]
    except Exception as error:  # noqa: BLE001 (one try that goes wrong by itself must not end the others)
        text = "".join(traceback.format_exception(error))
        return [Finding("fuzzer", f"{type(error).__name__} in the fuzzer itself", text[-DETAIL:])]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def main() -> None:
    """`python -m fuzz.worker SEED KEPT SURFACE:NUMBER...` (KEPT may be empty)."""
    seed, kept, *tries = sys.argv[1:]
    serve(int(seed), tries, kept=Path(kept) if kept else None)


if __name__ == "__main__":
    main()
