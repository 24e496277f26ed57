"""What parameters and attributes of the simulators mean, beside what their metadata says: for docs/simulators.md."""

from collections.abc import Mapping
from dataclasses import dataclass

from mosaik_p2p.devices.registry import stems
from mosaik_p2p.market.over_time.forecasts import FORECAST, REALISED, attribute_of


@dataclass(frozen=True)
class Meaning:
    """One attribute: what it is and what a positive value means; `takes` where others may bring it."""

    text: str
    sign: str = ""
    takes: bool = False


INTO, OUT, NEVER = "into the network", "out of the network", "never negative"

PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "market": {"scenario": "name or path of a scenario; in the same process a loaded one too"},
    "profiles": {"scenario": "as of the market"},
    "recorder": {
        "scenario": "as of the market",
        "folder": "a folder that is there; it becomes a result folder",
        "overwrite": "replace an earlier run in it (default false)",
        "on_interval": "called after every interval that is written (same process only)",
    },
    "limit_check": {
        "scenario": "gives limits and the names of elements",
        "limits": "limits of all elements by their keys in `[networks.electricity.limits]`, such as `voltage_pu.min`",
    },
    "electric_grid": {
        "scenario": "as of the market: its electric network, limits and time",
        "json": "path of a pandapower net",
        "xlsx": "path of one in a workbook",
        "net": "a `pandapowerNet` (same process only)",
        "simbench": "code of a simbench grid, with its profiles",
        "network_function": "name of a function in `pandapower.networks`",
        "params": "arguments of that function",
        "limit_rows": "whether answers have the rows from which a market negotiates (default: as the scenario says)",
        "bus": "index of the bus at which a generator is added",
    },
    "heat_grid": {
        "scenario": "as of the market: its heat network, limits and time",
        "json": "path of a pandapipes net",
        "settings": "what `[networks.heat]` may say beside the file, for `json`",
        "limit_rows": "as of the electric grid",
        "name": "of a further consumer",
        "supply": "index of the junction that it draws from",
        "return_": "index of the junction that it gives back to",
    },
}

_ROUND = Meaning("number of the round within the instant, so that answers can be told apart", NEVER)
_TABLES = Meaning("rows for the recorder")
_VIOLATIONS = Meaning(
    "the answer to a dispatch: `{round, status, items, rows}`, `items` empty where no limit is violated"
)
_ANSWER = Meaning("a grid's `violations`, connected back with `weak=True`", takes=True)
_P, _Q = "active power", "reactive power"
_FORECASTS = {
    attribute_of(stem, FORECAST): Meaning("over the horizon, a list from the present interval on", NEVER, takes=True)
    for stem in stems()
} | {attribute_of(stem, REALISED): Meaning("in the present interval, one value", NEVER, takes=True) for stem in stems()}
_PROFILES = {name: Meaning(meaning.text, meaning.sign) for name, meaning in _FORECASTS.items()}
_LOSS = Meaning("lost in it", NEVER)
_LOADING = Meaning("of what it may carry", NEVER)


def _at_ends(**ends: str) -> dict[str, Meaning]:
    return {
        f"{letter}_{end}[{unit}]": Meaning(f"{power} at its {name} end", "into the element")
        for end, name in ends.items()
        for letter, unit, power in (("P", "MW", _P), ("Q", "MVar", _Q))
    }


def _powers(sign: str) -> dict[str, Meaning]:
    return {"P[MW]": Meaning(_P, sign), "Q[MVar]": Meaning(_Q, sign)}


_VOLTAGE = {"Vm[pu]": Meaning("voltage", NEVER), "Va[deg]": Meaning("its angle")}
_SCALINGS = {
    "load_scaling[1]": "factor on what the network's own loads draw that no prosumer replaces",
    "generation_scaling[1]": "factor on the network's static generators that no prosumer replaces",
}

ATTRIBUTES: Mapping[tuple[str, str], Mapping[str, Meaning]] = {
    ("market", "Market"): {
        "round": _ROUND,
        "tables": _TABLES,
        "violations_electricity": _ANSWER,
        "violations_heat": _ANSWER,
    },
    ("market", "Prosumer"): {
        **_FORECASTS,
        "P_load[MW]": Meaning("what it draws, trades included", NEVER),
        "P_gen[MW]": Meaning("what it feeds in, trades included", NEVER),
        "Q_load[MVar]": Meaning(f"{_Q} that it draws", OUT),
        "Q_heat[kW]": Meaning("heat that it draws", OUT),
        "P_net[MW]": Meaning("net feed of the present interval", INTO),
        "Q_heat_net[kW]": Meaning("the same of heat", INTO),
        "price_electricity[EUR/MWh]": Meaning("price at which it trades, in the scenario's currency"),
        "price_heat[EUR/MWh]": Meaning("the same of heat"),
    },
    ("profiles", "Profiles"): {},
    ("profiles", "Prosumer"): _PROFILES,
    ("profiles", "Background"): {name: Meaning(text, NEVER) for name, text in _SCALINGS.items()},
    ("recorder", "Recorder"): {"tables": Meaning("rows of market and grids", takes=True)},
    ("limit_check", "LimitCheck"): {
        "round": Meaning(_ROUND.text, NEVER, takes=True),
        "Vm[pu]": Meaning("voltages of buses", NEVER, takes=True),
        "loading[%]": Meaning("loadings of lines and transformers", NEVER, takes=True),
        "violations": _VIOLATIONS,
    },
    ("electric_grid", "Grid"): {
        "round": Meaning("the market's", NEVER, takes=True),
        **{name: Meaning(text, NEVER, takes=True) for name, text in _SCALINGS.items()},
        "violations": _VIOLATIONS,
        "tables": _TABLES,
        "loss[MW]": Meaning("lost in the whole network", NEVER),
        "P_slack[MW]": Meaning("power from the grid above", INTO),
    },
    ("electric_grid", "Bus"): {
        "P_gen[MW]": Meaning("fed in by who is connected", INTO, takes=True),
        "P_load[MW]": Meaning("drawn by who is connected", OUT, takes=True),
        "Q_gen[MVar]": Meaning(f"{_Q} fed in by who is connected", INTO, takes=True),
        "Q_load[MVar]": Meaning(f"{_Q} drawn by who is connected", OUT, takes=True),
        **_powers(OUT),
        **_VOLTAGE,
    },
    ("electric_grid", "Load"): _powers(OUT),
    ("electric_grid", "StaticGen"): _powers(INTO),
    ("electric_grid", "Gen"): {**_powers(INTO), **_VOLTAGE},
    ("electric_grid", "ExternalGrid"): _powers(INTO),
    ("electric_grid", "Line"): {
        "I[kA]": Meaning("the larger of the currents at its ends", NEVER),
        **_at_ends(**{"from": "`from`", "to": "`to`"}),
        "loading[%]": _LOADING,
        "loss[MW]": _LOSS,
    },
    ("electric_grid", "Transformer"): {
        "tap_set[1]": Meaning("position of its tap changer that is to hold", takes=True),
        "I_hv[kA]": Meaning("current at its high-voltage end", NEVER),
        "I_lv[kA]": Meaning("current at its low-voltage end", NEVER),
        **_at_ends(hv="high-voltage", lv="low-voltage"),
        "loading[%]": _LOADING,
        "loss[MW]": _LOSS,
        "tap[1]": Meaning("position of its tap changer"),
    },
    ("electric_grid", "Storage"): {
        "P_set[MW]": Meaning(f"{_P} that it is told", "charges", takes=True),
        "Q_set[MVar]": Meaning(f"{_Q} that it is told", OUT, takes=True),
        "soc_set[%]": Meaning("state of charge, somebody else's model: passed on", NEVER, takes=True),
        "P[MW]": Meaning(_P, "charges"),
        "Q[MVar]": Meaning(_Q, OUT),
        "soc[%]": Meaning("state of charge as it was told", NEVER),
    },
    ("electric_grid", "ControlledGen"): {"P[MW]": Meaning(f"{_P} that it is told", INTO, takes=True)},
    ("heat_grid", "Grid"): {
        "round": Meaning("the market's", NEVER, takes=True),
        "violations": _VIOLATIONS,
        "tables": _TABLES,
        "loss[kW]": Meaning("heat lost in the whole network", NEVER),
        "Q_slack[kW]": Meaning("heat of all plants", INTO),
        "P_pump[kW]": Meaning("electric power of all plants' pumps", NEVER),
    },
    ("heat_grid", "Consumer"): {
        "Q_heat[kW]": Meaning("heat that it is to draw", OUT, takes=True),
        "T_supply[degC]": Meaning("of the water at its supply side"),
        "T_return[degC]": Meaning("of the water at its return side"),
        "mdot[kg/s]": Meaning("water through it", OUT),
        "Q_delivered[kW]": Meaning("heat that it draws", OUT),
        "dp[bar]": Meaning("pressure of supply less that of return"),
    },
    ("heat_grid", "Junction"): {"p[bar]": Meaning("pressure"), "T[degC]": Meaning("temperature")},
    ("heat_grid", "Pipe"): {
        "mdot[kg/s]": Meaning("water through it", "as the pipe is drawn"),
        "v[m/s]": Meaning("magnitude of its velocity", NEVER),
        "dp[Pa/m]": Meaning("friction", NEVER),
        "T_in[degC]": Meaning("where the water enters"),
        "T_out[degC]": Meaning("where the water leaves"),
        "loss[kW]": Meaning("heat lost along it", NEVER),
    },
    ("heat_grid", "Plant"): {
        "Q[kW]": Meaning("heat that it gives", INTO),
        "mdot[kg/s]": Meaning("water that it gives", INTO),
        "T_supply[degC]": Meaning("of the water that leaves it"),
        "T_return[degC]": Meaning("of the water that comes back"),
        "head[bar]": Meaning("the pump's lift while it runs"),
        "P_pump[kW]": Meaning("electric power of its pump", NEVER),
    },
}
"""By simulator and model."""
