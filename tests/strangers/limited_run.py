"""What a fresh Python in which a foreign limit is installed makes of it, as JSON: `python limited_run.py FOLDER`."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mosaik_p2p import run
from mosaik_p2p.loading import check
from mosaik_p2p.networks.electric.network import electric_case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.results.figures.networks.limits import network_panels
from mosaik_p2p.results.figures.style import clock_of
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.scenario.reference import entry_text, named, reference_markdown

LINE = "12-13"
LIMITS = "networks.electricity.limits"
EVENING = (
    *("time.start=2017-03-28T19:00:00+01:00", "time.steps=1", "time.horizon_steps=4"),
    f"{LIMITS}.voltage_pu.min=0.9",
)
"""More active power than reactive goes over the line then, which somebody can change."""
STEP_KW = 0.01
LIMIT_KA = 0.005
"""About nine tenths of what goes over the line without it."""


def own(limit_ka: float) -> str:
    return f'{LIMITS}.element=[{{table="line", name="{LINE}", current_ka={limit_ka}}}]'


def faults(*overrides: str) -> list[str]:
    return [str(fault) for fault in check("network1_electric", (*EVENING, *overrides))]


def with_limit(folder: Path, *overrides: str) -> dict[str, Any]:
    outcome = run("network1_electric", out=folder, overrides=(*EVENING, *overrides), progress=False)
    lines, broken, rows = (read_table(folder, name) for name in ("lines", "violations", "negotiation"))
    results = read_results(folder)
    return {
        "current_ka": float(lines.loc[lines["element"] == LINE, "i_ka"].iloc[-1]),
        "broken": broken[["round", "element", "quantity", "unit", "prosumers_can_influence"]].values.tolist(),
        "negotiated": sorted(set(rows["quantity"].dropna())),
        "worst": outcome.summary["worst"].get("line_current"),
        "verdict": outcome.summary["verdict"],
        "limit_costs": outcome.summary["limit_costs"],
        "report": (folder / "report.html").read_text(encoding="utf-8"),
        "panels": [panel.title for panel in network_panels(clock_of(results), "electricity")],
        "resolved": (folder / "scenario.toml").read_text(encoding="utf-8"),
    }


def slope_and_difference() -> list[list[float]]:
    """How the currents of all lines answer to a kW at two buses: as the response says, and as the solver finds."""
    network = electric_case("bus15")
    buses = [12, 6]
    flow = PowerFlow(network, prosumer_buses=buses)
    base = {12: (40.0, 5.0), 6: (-20.0, 0.0)}

    def currents(bus: int, more_kw: float) -> Any:
        moved = {at: (p_kw + more_kw * (at == bus), q_kvar) for at, (p_kw, q_kvar) in base.items()}
        return np.array(flow.solve(moved, background_scaling=1.0).lines["i_ka"])

    differences = [(currents(bus, STEP_KW) - currents(bus, -STEP_KW)) / (2 * STEP_KW) for bus in buses]
    flow.solve(base, background_scaling=1.0)
    stated = flow.response(buses)["line_current_ka"].per_kw
    return [stated.T.ravel().tolist(), np.concatenate(differences).tolist()]


def main(folder: Path) -> None:
    told: dict[str, Any] = {
        "keys": "\n".join(entry_text(entry) for entry in named("networks.electricity")),
        "page": reference_markdown(),
        "faults": {
            "negative": faults(f"{LIMITS}.line_current_ka=-1.0"),
            "of_a_bus": faults(f'{LIMITS}.element=[{{table="bus", name="13", current_ka=0.1}}]'),
            "spelling": faults(f"{LIMITS}.line_curent_ka=1.0"),
            "fine": faults(f"{LIMITS}.line_current_ka=1.0", "negotiation.enabled=true"),
        },
        "slopes": slope_and_difference(),
        "limit_ka": LIMIT_KA,
    }
    negotiated = ("negotiation.enabled=true", "settlement.lift_limits=1")
    told["checked"] = with_limit(folder / "checked", own(LIMIT_KA))
    told["kept"] = with_limit(folder / "kept", own(LIMIT_KA), *negotiated)
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
