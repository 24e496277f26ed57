"""What no single column of an electric network says: ends that do not belong together, ratings that contradict."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandapower import pandapowerNet

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.files.electric.columns import COSTS
from mosaik_p2p.networks.files.electric.taps import tap_faults
from mosaik_p2p.networks.files.numbers import any_fault, in_service, numbers

LEVELS_APART = 0.2
"""Relative difference of nominal voltages above which a line or a closed switch joins two levels (10 and 11 kV do not
count)."""
RATIO_APART = 2.0
"""Factor between a transformer's rated voltage and its bus's nominal one."""
LARGE_MVA = 50.0
"""From here on transformers of published cases are often equivalents, whose vk_percent has no usual size."""
MOST_VK_PERCENT = 100.0

_SWITCHED = {"b": "bus", "l": "line", "t": "trafo", "t3": "trafo3w"}
_ENDS = {"l": ("line", ("from_bus", "to_bus")), "t": ("trafo", ("hv_bus", "lv_bus"))}


def sense_faults(path: Path, net: pandapowerNet) -> list[Fault]:
    """Faults of a net whose tables are sound column by column."""
    return [
        *_lines(path, net),
        *_transformers(path, net),
        *_shares(path, net),
        *_switched_elements(path, net),
        *_switches(path, net),
        *_costs(path, net),
        *tap_faults(path, net),
    ]


def _lines(path: Path, net: pandapowerNet) -> Iterator[Fault]:
    lines, active = net.line, in_service(net.line)
    yield from any_fault(
        path,
        "line",
        lines[lines["from_bus"] == lines["to_bus"]],
        "from_bus and to_bus are the same bus",
        "Name two buses, or leave the line out",
    )
    yield from any_fault(
        path,
        "line",
        lines[_apart(net, lines["from_bus"], lines["to_bus"]) & active],
        "from_bus and to_bus are of different voltage (vn_kv)",
        "Put a transformer there, or mend the vn_kv of a bus",
    )
    none = (numbers(lines["r_ohm_per_km"]) == 0.0) & (numbers(lines["x_ohm_per_km"]) == 0.0)
    remedy = "Give each of them a resistance or a reactance, or join its buses by a switch"
    yield from any_fault(path, "line", lines[none & active], "r_ohm_per_km and x_ohm_per_km are both 0", remedy)


def _transformers(path: Path, net: pandapowerNet) -> Iterator[Fault]:
    trafos, active = net.trafo, in_service(net.trafo)
    yield from any_fault(
        path,
        "trafo",
        trafos[trafos["hv_bus"] == trafos["lv_bus"]],
        "hv_bus and lv_bus are the same bus",
        "Name two buses, or leave the transformer out",
    )
    vk, vkr = numbers(trafos["vk_percent"]), numbers(trafos["vkr_percent"])
    remedy = "Give each of them a vkr_percent (its real part) of at most vk_percent"
    yield from any_fault(path, "trafo", trafos[(vkr > vk) & active], "vkr_percent is greater than vk_percent", remedy)
    usual = (numbers(trafos["sn_mva"]) >= LARGE_MVA) | (vk <= MOST_VK_PERCENT)
    problem = f"vk_percent is above {MOST_VK_PERCENT:g} %"
    yield from any_fault(path, "trafo", trafos[~usual & active], problem, "Give it in percent of the rated voltage")
    for side in ("hv", "lv"):
        ratio = numbers(trafos[f"vn_{side}_kv"]) / _kv(net, trafos[f"{side}_bus"])
        wrong = trafos[((ratio > RATIO_APART) | (ratio < 1.0 / RATIO_APART)) & active]
        problem = f"vn_{side}_kv differs from the vn_kv of its {side}_bus by more than a factor of {RATIO_APART:g}"
        yield from any_fault(path, "trafo", wrong, problem, "Mend the voltage, or exchange hv_bus and lv_bus")


def _shares(path: Path, net: pandapowerNet) -> Iterator[Fault]:
    for power in "pq":
        columns = [column for kind in "zi" if (column := f"const_{kind}_{power}_percent") in net.load]
        total = sum((numbers(net.load[column]) for column in columns), np.zeros(len(net.load)))
        problem = f"{' and '.join(columns)} are together above 100 %"
        wrong = net.load[(total > 100.0) & in_service(net.load)]
        yield from any_fault(
            path, "load", wrong, problem, "Give shares that add up to 100 at most; the rest is constant"
        )


def _switched_elements(path: Path, net: pandapowerNet) -> Iterator[Fault]:
    switches = net.switch
    for kind, table in _SWITCHED.items():
        of_kind = switches[switches["et"] == kind]
        known = of_kind["element"].isin(net[table].index if table in net else [])
        problem = f"element is no index of the table {table}: {', '.join(map(str, of_kind['element'][~known][:5]))}"
        yield from any_fault(path, "switch", of_kind[~known], problem, f"Name an element of the table {table}")


def _switches(path: Path, net: pandapowerNet) -> Iterator[Fault]:
    switches = net.switch
    for kind, (table, ends) in _ENDS.items():
        of_kind = switches[(switches["et"] == kind) & switches["element"].isin(net[table].index)]
        at_end = np.zeros(len(of_kind), dtype=np.bool_)
        for end in ends:
            at_end |= net[table][end].reindex(of_kind["element"]).to_numpy() == of_kind["bus"].to_numpy()
        problem = f"bus is at neither end of the {table} that element names"
        yield from any_fault(path, "switch", of_kind[~at_end], problem, f"Name a bus of that {table}")
    between = switches[(switches["et"] == "b") & switches["element"].isin(net.bus.index)]
    closed = between["closed"].astype(bool)
    apart = between[_apart(net, between["bus"], between["element"]) & closed.to_numpy()]
    yield from any_fault(
        path, "switch", apart, "bus and element are of different voltage (vn_kv)", "Open it, or mend vn_kv"
    )


def _costs(path: Path, net: pandapowerNet) -> Iterator[Fault]:
    for table in COSTS:
        costs = net.get(table)
        if not isinstance(costs, pd.DataFrame) or costs.empty or not {"element", "et"} <= set(costs):
            continue
        known = [_is_row(net, kind, element) for kind, element in zip(costs["et"], costs["element"], strict=True)]
        problem = "element is no index of the table that et names"
        yield from any_fault(path, table, costs[~np.array(known)], problem, "Name an element, or leave the cost out")


def _is_row(net: pandapowerNet, kind: Any, element: Any) -> bool:
    return isinstance(kind, str) and isinstance(net.get(kind), pd.DataFrame) and element in net[kind].index


def _kv(net: pandapowerNet, buses: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    return np.asarray(net.bus["vn_kv"].reindex(buses), dtype=np.float64)


def _apart(net: pandapowerNet, start: "pd.Series[Any]", end: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    a, b = _kv(net, start), _kv(net, end)
    return np.asarray(np.abs(a - b) > LEVELS_APART * np.maximum(a, b), dtype=np.bool_)
