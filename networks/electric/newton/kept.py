"""The work of a power flow that is left where its voltages are known already.

pandapower's run prepares direct-current lines, converters and compensators each time, whether a net has any or not, and
copies its matrices to and fro: at a few dozen buses that takes longer than all the rest. Where a start next to the
solution was found, nothing of it is needed. What is left are pandapower's own functions one after the other: its powers
by bus, their mismatch against its own tolerance, its powers of branches and generators, its result tables.

`Guard` sees to it that this is what a run of pandapower leads to: whole runs beside it, the first time and now and
then. Where they differ, the whole run counts from then on.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from pandapower import pandapowerNet
from pandapower.pypower.idx_bus import PD, QD

from mosaik_p2p.networks.electric.response.jacobian import ComplexArray
from mosaik_p2p.units import FloatArray

CONTROLLED_EVERY = 24
"""Of the power flows with kept work so many are followed by a whole one."""
SAME = 1e-8
"""Relative or absolute difference between the two, in the library's units, that is let pass. Both have the same
voltages, which a whole run finds fitting as well."""
MORE_TO_DO = (
    *("ward", "xward", "shunt", "dcline", "motor", "trafo3w", "asymmetric_load", "asymmetric_sgen"),
    *("svc", "ssc", "tcsc", "vsc", "b2b_vsc", "bus_dc", "line_dc", "load_dc", "source_dc"),
)
"""Tables of elements for which a run has steps that are left out here: with one of them, whole runs."""
INSIDE = {
    "powers": ("pandapower.build_bus", "_calc_pq_elements_and_add_on_ppc"),
    "solution": ("pandapower.pf.run_newton_raphson_pf", "ppci_to_pfsoln"),
    "lookup": ("pandapower.results", "_get_aranged_lookup"),
    "voltages": ("pandapower.results_bus", "_get_bus_v_results"),
    "elements": ("pandapower.results_bus", "_get_p_q_results"),
    "branches": ("pandapower.results_branch", "_get_branch_results"),
    "generators": ("pandapower.results_gen", "_get_gen_results"),
    "buses": ("pandapower.results_bus", "_get_bus_results"),
}
"""pandapower's functions, by what they find: module and name."""


@dataclass(eq=False)
class Guard:
    """Whether the work is kept; of one network."""

    off: bool = False
    uses: int = 0

    def is_due(self) -> bool:
        """Whether this use is to be controlled: the first, and every `CONTROLLED_EVERY`-th."""
        self.uses += 1
        return self.uses % CONTROLLED_EVERY == 1

    def turn_off(self, why: str) -> None:
        """For the rest of the run; says so once."""
        self.off = True
        warn_once(f"electric network: every power flow is a whole one from here on: {why}")


@cache
def warn_once(message: str) -> None:
    """Once per process."""
    from loguru import logger

    logger.warning(message)


@cache
def inside() -> dict[str, Any] | None:
    """pandapower's functions by what they find; None where this version has other ones."""
    try:
        return {name: getattr(import_module(module), function) for name, (module, function) in INSIDE.items()}
    except (ImportError, AttributeError) as error:
        warn_once(f"electric network: every power flow is a whole one, pandapower is another one inside: {error}")
        return None


def is_usable(net: pandapowerNet) -> bool:
    """Whether all that a run of this net comes to is found here. `net` holds the solution of a whole run."""
    options = net._options
    special = ("enforce_q_lims", "distributed_slack", "voltage_depend_loads", "consider_line_temperature", "tdpf")
    is_plain = not any(options.get(name, False) for name in special)
    empty = all(len(net[table]) == 0 for table in MORE_TO_DO if table in net)
    internal = net._ppc["internal"]
    return is_plain and empty and len(net._ppc["bus"]) == len(internal["V"]) and inside() is not None


def outside_mva(net: pandapowerNet) -> ComplexArray:
    """(buses,) what generators and slacks feed in by pandapower's last whole run, which does not change with powers."""
    internal = net._ppc["internal"]
    return np.asarray(internal["Sbus"] * internal["baseMVA"] + _drawn_mva(internal["bus"]), dtype=np.complex128)


def powers_now(net: pandapowerNet, outside: ComplexArray) -> ComplexArray:
    """(buses,) powers in p.u. that enter the network by the tables of its elements, as pandapower reckons them."""
    library, ppc, internal = inside(), net._ppc, net._ppc["internal"]
    if library is not None:
        library["powers"](net, ppc)
    internal["bus"][:, [PD, QD]] = ppc["bus"][:, [PD, QD]]
    return np.asarray((outside - _drawn_mva(internal["bus"])) / internal["baseMVA"], dtype=np.complex128)


def solved_at(net: pandapowerNet, voltage: ComplexArray, powers: ComplexArray) -> bool:
    """Whether `voltage` (buses,) belongs to the powers of `powers_now` by pandapower's tolerance; then the net holds
    the results of that solution, as after a run."""
    library, internal = inside(), net._ppc["internal"]
    if library is None or not fits(net, voltage, powers):
        return False
    result = {name: internal[name] for name in ("svc", "tcsc", "ssc", "vsc", "baseMVA", "bus", "gen", "branch")}
    result["internal"] = internal
    found = library["solution"](result, net._options)
    for name, table in zip(("bus", "gen", "branch"), found, strict=True):
        result[name] = internal[name] = table
    _show(net, library, result)
    return True


def fits(net: pandapowerNet, voltage: ComplexArray, powers: ComplexArray) -> bool:
    """The same, but then the net holds the voltages alone: its result tables are those of an earlier solution."""
    internal = net._ppc["internal"]
    if not _mismatch(internal, voltage, powers) < net._options["tolerance_mva"] / internal["baseMVA"]:
        return False
    internal["V"], internal["Sbus"] = voltage, powers
    return True


def _show(net: pandapowerNet, library: dict[str, Any], result: dict[str, Any]) -> None:
    ppc, internal = net._ppc, result["internal"]
    ppc["bus"][:, : result["bus"].shape[1]] = result["bus"]
    ppc["branch"][internal["branch_is"], : result["branch"].shape[1]] = result["branch"]
    ppc["gen"][internal["gen_is"], : result["gen"].shape[1]] = result["gen"]
    ppc["success"], ppc["iterations"], ppc["et"], net["converged"] = True, 0, 0.0, True
    places = library["lookup"](net)
    library["voltages"](net, ppc)
    powers = library["elements"](net, ppc, places)
    library["branches"](net, ppc, places, powers)
    library["generators"](net, ppc, places, powers)
    library["buses"](net, ppc, powers)


def _drawn_mva(buses: FloatArray) -> ComplexArray:
    return np.asarray(buses[:, PD] + 1j * buses[:, QD], dtype=np.complex128)


def _mismatch(internal: dict[str, Any], voltage: ComplexArray, powers: ComplexArray) -> float:
    """The largest one that counts, in p.u.: of active power at all buses but slacks, of reactive where no voltage is
    held."""
    missing = voltage * np.conj(internal["Ybus"] @ voltage) - powers
    pv, pq = internal["pv"], internal["pq"]
    found = [np.abs(part).max(initial=0.0) for part in (missing.real[pv], missing.real[pq], missing.imag[pq])]
    return float(np.max(found))


def results(net: pandapowerNet) -> list[FloatArray]:
    """Copies of all result tables that have rows."""
    names = sorted(name for name in net if name.startswith("res_") and len(net[name]))
    return [net[name].to_numpy(dtype=np.float64, copy=True) for name in names]


def are_same(first: list[FloatArray], second: list[FloatArray]) -> bool:
    """Whether two solutions differ by no more than `SAME`."""
    pairs = zip(first, second, strict=True)
    return len(first) == len(second) and all(
        ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=SAME, atol=SAME, equal_nan=True)
        for ours, theirs in pairs
    )
