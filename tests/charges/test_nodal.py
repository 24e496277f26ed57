"""Nodal charges on the 39-bus network: what an operator computed for a full line comes about in a market without it."""

import warnings
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandapower
import pandapower.networks
import pytest
import tomli_w

from mosaik_p2p.api import check
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.networks.electric.response.transfer import transfer_factors
from mosaik_p2p.units import FloatArray

pytestmark = [pytest.mark.slow, pytest.mark.once]

LINE, LIMIT_MW = 8, 400.0
MULTIPLIER = 6.8913
"""Of the line's limit in the DC optimal power flow, money per MWh; five digits of it."""
WELFARE, WITHOUT = 94_690.486, 95_032.42
WITHIN = 1e-5
GAP = 1e-6
FLOW_MW = 0.01
"""The multiplier's last digit moves the flow by 0.001 MW."""


@cache
def bare_net() -> pandapower.pandapowerNet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = pandapower.networks.case39()
    # Nothing stands in the way of a power flow at rest, with which every network is tried.
    net.gen[["p_mw", "min_q_mvar", "max_q_mvar"]] = [0.0, -1e4, 1e4]
    net.bus["name"] = [f"b{bus}" for bus in net.bus.index]
    return net


def generator(slope: float, price: float) -> dict[str, object]:
    return {"type": "generator", "max_kw": 9e5, "cost_per_kwh": price, "cost_per_kw2h": slope}


def elastic_load(slope: float, price: float) -> dict[str, object]:
    return {"type": "elastic_load", "max_kw": 3e5, "utility_per_kwh": price, "utility_slope_per_kw2h": slope}


@cache
def agents() -> dict[int, dict[str, object]]:
    """By bus: producers at generators and slacks, consumers at all other buses with a load; money per MWh."""
    net = bare_net()
    producing = sorted({*net.gen.bus, *net.ext_grid.bus})
    consuming = sorted({*net.load.bus} - {*producing})
    sold = {bus: generator((20 + 2 * k) / 1e9, (10 + 2 * k) / 1e3) for k, bus in enumerate(producing)}
    bought = {bus: elastic_load(0.15 / 1e6, (70 - k) / 1e3) for k, bus in enumerate(consuming)}
    return {int(bus): device for bus, device in (sold | bought).items()}


def factors() -> FloatArray:
    """(agents,) of what each MW injected adds to the flow of the line."""
    return transfer_factors(bare_net(), np.array(list(agents())))[LINE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case39")
    pandapower.to_json(bare_net(), str(folder / "case39.json"))
    surcharge = -MULTIPLIER / 1e3 * factors()
    begins = ("2017-03-28T00:00:00+00:00", "2017-03-28T01:00:00+00:00")
    lines = [",".join(["time", *(f"b{bus}" for bus in agents())])]
    lines += [",".join([begin, *(repr(float(v)) for v in surcharge)]) for begin in begins]
    (folder / "nodal.csv").write_text("\n".join(lines))
    return folder


def case(folder: Path, charges: dict[str, object] | None) -> Case:
    prosumers = [
        {"name": f"agent at {bus}", "bus": bus, "power_factor": 1.0, "devices": [device]}
        for bus, device in agents().items()
    ]
    scenario = {
        "schema": 1,
        "name": "case39",
        "time": {"start": datetime(2017, 3, 28, tzinfo=UTC), "steps": 1, "step_minutes": 60, "horizon_steps": 1},
        "networks": {"electricity": {"file": "case39.json", "generation": "drop"}},
        "prosumers": prosumers,
    }
    if charges is not None:
        scenario["charges"] = {"electricity": {"mechanism": "nodal", **charges}}
    path = folder / "case39.toml"
    path.write_text(tomli_w.dumps(scenario))
    return load(path)


def outcome(case: Case) -> tuple[float, float, float]:
    """Welfare before the place charges, the flow of the line in MW, and what the places pay."""
    problem = RollingMarket(market_case(case)).problem(0)
    cleared = clear(problem, Settings(relative_gap=GAP))
    assert cleared.status is Status.OK
    sold_kw = cleared.sale_kw[0, 0]
    paid = 0.0 if problem.place is None else float(problem.place.total[0, 0] @ sold_kw)
    return -(cleared.cost - paid), float(factors() @ sold_kw) / 1e3, paid


def test_without_charges_the_line_is_loaded_beyond_its_limit(folder: Path) -> None:
    welfare, flow, _ = outcome(case(folder, None))
    assert welfare == pytest.approx(WITHOUT, rel=WITHIN)
    assert abs(flow) == pytest.approx(499.24, abs=FLOW_MW)


def test_posted_nodal_charges_bring_about_the_optimal_flow(folder: Path) -> None:
    welfare, flow, paid = outcome(case(folder, {"file": "nodal.csv"}))
    assert welfare == pytest.approx(WELFARE, rel=WITHIN)
    assert abs(flow) == pytest.approx(LIMIT_MW, abs=FLOW_MW)
    assert paid == pytest.approx(2_756.54, rel=1e-4)  # the line's rent


def test_charges_that_do_not_fit_the_network_are_told(folder: Path) -> None:
    with pytest.raises(BadInput) as bad:
        case(folder, {"per_kwh": {"b29": 0.1, "nowhere": 0.1}})
    places = [fault.place for fault in bad.value.faults]
    assert places.count("charges.electricity.per_kwh.nowhere") == 1
    assert places.count("charges.electricity.per_kwh") == len(agents()) - 1


def test_a_file_without_a_column_for_each_place_is_refused(folder: Path) -> None:
    (folder / "short.csv").write_text("time,b29\n2017-03-28T00:00:00+00:00,1\n2017-03-28T01:00:00+00:00,1\n")
    with pytest.raises(BadInput) as bad:
        case(folder, {"file": "short.csv"})
    assert {fault.problem for fault in bad.value.faults} == {"the file has no such column"}
    assert len(bad.value.faults) == len(agents()) - 1


def test_one_source_of_charges_is_wanted() -> None:
    for keys in ("", ', file="x.csv", per_kwh={ "13"=0.1 }'):
        (fault,) = check("network1_electric", overrides=[f'charges.electricity={{ mechanism="nodal"{keys} }}'])
        assert fault.place == "charges.electricity"
    (fault,) = check("network1_electric", overrides=['charges.electricity={ mechanism="nodal", file="no.csv" }'])
    assert fault.place == "charges.electricity.file"
