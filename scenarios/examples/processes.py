"""Simulators of this package started in all three ways that mosaik knows, with the same results.

`python` runs a simulator in mosaik's own process, `cmd` in a process that mosaik starts, and `connect` in one that
somebody has started before, on this machine or behind a tunnel: mosaik's connections are neither encrypted nor
authenticated, so keep them on the loopback address.

    python -m mosaik_p2p.scenarios.examples.processes
"""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.cosim import run
from mosaik_p2p.results.store.parts import read_table

LOOPBACK = "127.0.0.1"
NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=6")


@contextmanager
def waiting(simulator: str) -> Iterator[str]:
    """A simulator of this package that waits for mosaik in a process of its own; yields its address."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        address = f"{LOOPBACK}:{probe.getsockname()[1]}"
    process = subprocess.Popen([sys.executable, "-m", f"mosaik_p2p.sims.{simulator}", address, "--remote"])
    try:
        yield address
        process.wait()
    finally:
        process.kill()
        process.wait()


def flows(simulators: Mapping[str, Any], folder: Path) -> pd.DataFrame:
    """One hour of network1 with some simulators started otherwise: what both networks took and lost, in kW."""
    run("network1", out=folder, steps=1, overrides=NOON, progress=False, simulators=simulators)
    return read_table(folder, "flows").set_index("network")[["status", "slack_kw", "loss_kw"]]


def in_one_process(folder: Path) -> pd.DataFrame:
    """All simulators by `python`, which is how `run` starts them."""
    return flows({}, folder)


def in_three_processes(folder: Path) -> pd.DataFrame:
    """The market here, one grid by `cmd`, the other by `connect`."""
    with waiting("heat_grid") as address:
        started = {
            "electric_grid": {"cmd": "%(python)s -m mosaik_p2p.sims.electric_grid %(addr)s"},
            "heat_grid": {"connect": address},
        }
        return flows(started, folder)


def main() -> None:
    """Print the flows of both runs."""
    with tempfile.TemporaryDirectory() as folder:
        for example in (in_one_process, in_three_processes):
            print(example.__name__.replace("_", " "))
            print(example(Path(folder) / example.__name__).to_string())


if __name__ == "__main__":
    main()
