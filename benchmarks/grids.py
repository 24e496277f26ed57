"""The electric simulator beside mosaik-pandapower-2 on case33bw: milliseconds per step, and whether both agree.

    python benchmarks/grids.py [steps]

Both get the calls that mosaik makes: `step` with another load at every bus each time, and `get_data` of all voltages
and line loadings. They take turns; the least of several rounds counts. Exits with 1 where ours is less than 8 times as
fast or the voltages differ by more than 1e-6.
"""

import importlib
import sys
from collections.abc import Mapping
from time import process_time
from typing import Any

import numpy as np

STEP_S = 900
REPEATS = 5
LEAST_RATIO = 8.0
SAME_VOLTAGE_PU = 1e-6
BUSES = 33
GRIDS = {"ours": "mosaik_p2p.sims.electric_grid", "mosaik-pandapower-2": "mosaik_components.pandapower"}


def started(module: str) -> tuple[Any, dict[str, list[str]]]:
    """A simulator that is ready to step, and what is read of it."""
    simulator = importlib.import_module(module).Simulator()
    simulator.init("grid", time_resolution=1.0, step_size=STEP_S)
    children = simulator.create(1, "Grid", network_function="case33bw")[0]["children"]
    simulator.setup_done()
    wanted = {"Bus": ["Vm[pu]"], "Line": ["loading[%]"]}
    return simulator, {child["eid"]: wanted[child["type"]] for child in children if child["type"] in wanted}


def loads(steps: int) -> list[dict[str, Any]]:
    """Inputs of every step: at each bus between nothing and 0.1 MW, half as much reactive, on top of the network's."""
    powers = np.random.default_rng(1).uniform(0.0, 0.1, (steps, BUSES)).tolist()
    return [
        {
            f"Bus-{bus}": {"P_load[MW]": {"load": power}, "Q_load[MVar]": {"load": power / 2}}
            for bus, power in enumerate(row)
        }
        for row in powers
    ]


def played(simulator: Any, wanted: Mapping[str, list[str]], inputs: list[Any]) -> tuple[float, list[Any]]:
    """Milliseconds of the processor per step, and what was read after each."""
    begin, found = process_time(), []
    for number, given in enumerate(inputs):
        simulator.step(number * STEP_S, given, number * STEP_S)
        found.append(simulator.get_data(wanted))
    return 1000 * (process_time() - begin) / len(inputs), found


def largest_difference(first: list[Any], second: list[Any], attribute: str) -> float:
    """Of one attribute over all elements and steps."""
    return max(
        abs(values[attribute] - other[eid][attribute])
        for one, other in zip(first, second, strict=True)
        for eid, values in one.items()
        if attribute in values
    )


def main() -> int:
    """Print the table."""
    inputs = loads(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    best: dict[str, float] = {}
    found: dict[str, list[Any]] = {}
    simulators = {name: started(module) for name, module in GRIDS.items()}
    for simulator, wanted in simulators.values():
        # The first step compiles what numba has not compiled yet.
        played(simulator, wanted, inputs[:1])
    for _ in range(REPEATS):
        for name, (simulator, wanted) in simulators.items():
            milliseconds, found[name] = played(simulator, wanted, inputs)
            best[name] = min(best.get(name, milliseconds), milliseconds)
    voltage, loading = (largest_difference(*found.values(), attribute) for attribute in ("Vm[pu]", "loading[%]"))
    ratio = best["mosaik-pandapower-2"] / best["ours"]
    for name, milliseconds in best.items():
        print(f"{name:<22}{milliseconds:>8.2f} ms per step")
    print(f"{ratio:.1f} times as fast; voltages within {voltage:.0e} p.u., loadings within {loading:.0e} %")
    return 0 if ratio >= LEAST_RATIO and voltage <= SAME_VOLTAGE_PU else 1


if __name__ == "__main__":
    raise SystemExit(main())
