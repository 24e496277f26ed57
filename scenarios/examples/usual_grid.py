"""The market in a same-time loop with the grid of mosaik-pandapower-2.

That grid knows no limits. The simulator `limit_check` compares what it shows with limits and answers the market, which
may correct its dispatch and have it checked again. Two things to know:

- Start the grid with `step_size=None`: it is event-based then. By the clock it would see the first dispatch of an hour
  only (`event_driven` refuses that).
- Without `limit_check` nothing answers the market, and nothing is wrong with that: it takes its first dispatch as
  accepted, the loop ends, and the grid has solved exactly what was cleared. Where its power flow diverges it raises an
  error, which ends the run; the electric grid of this package reports the hour as unsolved and goes on.

    python -m mosaik_p2p.scenarios.examples.usual_grid
"""

import copy
from typing import Any

import mosaik
import pandas as pd

from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.sims.world.wiring import event_driven

HOUR = 3600
HOURS = 3
NOON = ("time.start=2017-03-28T11:00:00+01:00", f"time.steps={HOURS}", "time.horizon_steps=6")
LIMITS = {"voltage_pu.min": 0.985, "voltage_pu.max": 1.05, "line_loading_percent": 100.0}
OTHER_LOADS = 0.4
"""Share of the feeder's own loads, the same in all hours here; another simulator could move them."""
DISPATCH = ("P_load[MW]", "P_gen[MW]", "Q_load[MVar]")


USUAL_MARKET = "mosaik_p2p.sims.market:Simulator"
USUAL_GRID = "mosaik_components.pandapower:Simulator"


def sim_config(market: str, grid: str) -> Any:
    """Start configuration: everything in this process."""
    return {
        "market": {"python": market},
        "grid": {"python": grid},
        "check": {"python": "mosaik_p2p.sims.limit_check:Simulator"},
        "collector": {"python": "mosaik_p2p.scenarios.examples.collector:Simulator"},
    }


def feeder(case: Case) -> Any:
    """The scenario's pandapower net, without the loads that prosumers stand for."""
    assert case.electric is not None
    net = copy.deepcopy(case.electric.net)
    net.load[["p_mw", "q_mvar"]] *= OTHER_LOADS
    net.load.loc[sorted(index for _, index in case.replaced_loads), ["p_mw", "q_mvar"]] = 0.0
    return net


def answers(market: str = USUAL_MARKET, grid: str = USUAL_GRID) -> pd.DataFrame:
    """One row per dispatch that was checked: time, round, status, violations, lowest (in p.u.)."""
    case = load("network1_electric", NOON)
    with mosaik.World(sim_config(market, grid), skip_greetings=True, configure_logging=False) as world:
        with world.group("market and grid"):
            sellers = world.start("market").Market(scenario=case)
            network = event_driven("grid", world.start("grid", step_size=None))
            check = world.start("check").LimitCheck(limits=LIMITS)
            collector = world.start("collector")
            sink = collector.Collector()
        elements = {child.eid: child for child in network.Grid(net=feeder(case)).children}
        for prosumer in sellers.children:
            world.connect(prosumer, elements[f"Bus-{prosumer.extra_info['bus']}"], *DISPATCH)
        for element in elements.values():
            for attribute in {"Bus": ["Vm[pu]"], "Line": ["loading[%]"]}.get(element.type, []):
                world.connect(element, check, attribute)
        world.connect(sellers, check, "round")
        world.connect(check, sellers, ("violations", "violations_electricity"), weak=True)
        world.connect(check, sink, "violations")
        for eid in [eid for eid in elements if eid.startswith("Bus")]:
            world.connect(elements[eid], sink, "Vm[pu]")
        world.run(until=HOURS * HOUR, print_progress=False)
        return _table(collector.rows())


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """Voltages and answers arrive in the same step of the collector, round by round."""
    found = rows[rows["attribute"] == "violations"].reset_index(drop=True)
    voltages = rows[rows["attribute"] == "Vm[pu]"]
    number = voltages.groupby(["source"]).cumcount()
    return pd.DataFrame(
        {
            "hour": found["time"] // HOUR,
            "round": [answer["round"] for answer in found["value"]],
            "status": [answer["status"] for answer in found["value"]],
            "violations": [len(answer["items"]) for answer in found["value"]],
            "lowest": voltages["value"].astype(float).groupby(number).min().to_numpy(),
        }
    )


if __name__ == "__main__":
    print(answers().to_string(index=False))
