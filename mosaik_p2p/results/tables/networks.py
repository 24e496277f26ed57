"""The tables that the networks fill: how they were solved, the state of each element, and which limits are violated.

An interval without a solution has no rows in the tables of elements.
"""

from mosaik_p2p.results.tables.columns import (
    BEGIN,
    ONE,
    Column,
    TableShape,
    amount,
    count,
    flag,
    number,
    signed,
    table,
    text,
)
from mosaik_p2p.results.tables.thinning import THINNED

ROUND = count("Of the negotiation; 0 is the first.")
NETWORK = text("`electricity` or `heat`.")
CASE = text("`alone` (everyone with contracts only) or `nobody` (no prosumer there at all).")
NO_NUMBER = "the solver has no number"
INTO = "into the network"
STILL = "nothing flows"
AS_SAID = "as `unit` says"
NO_LIMIT = "no limit was held"

FLOW: dict[str, Column] = {
    "network": NETWORK,
    "status": text("`ok`, `idle` (nothing flows), `not_deliverable` (heat; see the violations) or `not_converged`."),
    "cause": text("Why there is no solution.", null="there is one, or nobody knows"),
    "iterations": count("Of the solver.", null="not reported"),
    "slack_kw": signed("What the upstream grid, or all plants, give together.", positive=INTO, null="no solution"),
    "loss_kw": number("What the network loses.", null="no solution"),
    "pump_kw": amount("Power of the plants' pumps.", null="no solution, or electricity"),
}
BROKEN: dict[str, Column] = {
    "network": NETWORK,
    "element": text("Its name in the network, or the prosumer's."),
    "quantity": text("What is limited, such as `voltage_pu`."),
    "value": number("What was found.", unit=AS_SAID),
    "limit": number("What is allowed; of heat not delivered what was cleared.", unit=AS_SAID),
    "unit": text("Of value, limit and excess."),
    "excess": amount("By how much the limit is violated, whichever side it is on.", unit=AS_SAID),
}


def _ends(first: str, second: str) -> dict[str, Column]:
    """Power into a branch at its ends."""
    return {
        f"{letter}_{end}_{unit}": signed(f"{kind} at the {end} end.", positive="into the element", null=NO_NUMBER)
        for end in (first, second)
        for letter, unit, kind in (("p", "kw", "Active power"), ("q", "kvar", "Reactive power"))
    }


def _branch(*ends: str, current: str) -> dict[str, Column]:
    return {
        "time": BEGIN,
        "element": text("Its name in the network."),
        **_ends(*ends),
        "i_ka": amount(current, null=NO_NUMBER),
        "loading_percent": amount("Of its rating.", null="no rating"),
        "loss_kw": number("What is lost in it.", null=NO_NUMBER),
    }


NETWORK_TABLES: dict[str, TableShape] = {
    "flows": table(
        "How each network was solved, in every round.", "time round network", time=BEGIN, round=ROUND, **FLOW
    ),
    "background": table(
        "What the electric network's own elements were multiplied by.",
        "time quantity",
        time=BEGIN,
        quantity=text("`load_scaling` (all that draws) or `generation_scaling` (static generators)."),
        factor=number("The multiplier.", unit=ONE),
    ),
    "heat_exchanges": table(
        "Each prosumer at the heat network.",
        "time prosumer",
        time=BEGIN,
        prosumer=text("Its name."),
        mode=text("`draw`, `feed` or `idle`."),
        cleared_kw=signed("What the market cleared.", positive="drawn from the network"),
        delivered_kw=signed("Heat of the water between both temperatures.", positive="drawn from the network"),
        mdot_kg_per_s=signed("Mass flow.", positive="from supply to return"),
        t_supply_c=number("Of the water on the supply side.", null=STILL),
        t_return_c=number("Of the water on the return side.", null=STILL),
        dp_bar=number("Pressure of the supply side less that of the return side.", null=NO_NUMBER),
        status=text("`ok`, `idle` or `not_deliverable`."),
    ),
    "plants": table(
        "The sources of the heat network.",
        "time plant",
        time=BEGIN,
        plant=text("Its name in the network."),
        heat_kw=signed("Heat.", positive=INTO),
        mdot_kg_per_s=signed("Mass flow.", positive="from return to supply"),
        t_supply_c=number("Of the water on the supply side.", null=STILL),
        t_return_c=number("Of the water on the return side.", null=STILL),
        head_bar=number("What its pump lifts; 0 while it stands."),
        pump_kw=amount("Hydraulic power of its pump."),
    ),
    "buses": table(
        "The nodes of the electric network.",
        "time bus",
        time=BEGIN,
        bus=text("Its name in the network."),
        vm_pu=amount("Voltage.", null=NO_NUMBER),
        va_degree=number("Angle of the voltage.", null=NO_NUMBER),
        p_injection_kw=signed("Active power of all that stands there.", positive=INTO, null=NO_NUMBER),
        q_injection_kvar=signed("Reactive power of all that stands there.", positive=INTO, null=NO_NUMBER),
    ),
    "lines": table(
        "The lines of the electric network that are in service.",
        "time element",
        **_branch("from", "to", current="The larger of the currents at its ends."),
    ),
    "transformers": table(
        "Its transformers of two windings that are in service.",
        "time element",
        **_branch("hv", "lv", current="Current on the low-voltage side."),
        tap_pos=number("Position of its tap changer, where controllers have left it.", unit=ONE, null="no tap changer"),
    ),
    "junctions": table(
        "The nodes of the heat network.",
        "time junction side",
        time=BEGIN,
        junction=text("Its name in the network."),
        side=text("`supply` or `return`."),
        p_bar=number("Pressure.", null=NO_NUMBER),
        t_c=number("Temperature of the water.", null=STILL),
        flowing=flag("Whether water moves there."),
    ),
    "pipes": table(
        "The pipes that are in service.",
        "time pipe",
        time=BEGIN,
        pipe=text("Its name in the network."),
        mdot_kg_per_s=signed("Mass flow.", positive="from its first junction to its second"),
        velocity_m_per_s=amount("Mean velocity, whatever its direction."),
        dp_pa_per_m=amount("Friction per length.", null="no length"),
        t_in_c=number("Where the water enters.", null=STILL),
        t_out_c=number("Where the water leaves.", null=STILL),
        loss_kw=number("Heat that it loses."),
    ),
    "violations": table(
        "Every violated limit, in every round.",
        "time round network element quantity",
        time=BEGIN,
        round=ROUND,
        **BROKEN,
        prosumers_can_influence=flag("Whether prosumers together could keep the limit.", null="nobody negotiates"),
    ),
    THINNED: table(
        "Of the tables of elements that `results.tables` or `results.every` leaves in part: how many rows they had in "
        "every interval, and whether these are stored. Without rows where all of them are whole.",
        "time table",
        time=BEGIN,
        table=text("Its name."),
        rows=count("That it had in the interval."),
        stored=flag("Whether they stand in it."),
    ),
    "flows_without_market": table(
        "How each network was solved on the days without the market, after the run.",
        "time case network",
        time=BEGIN,
        case=CASE,
        **FLOW,
    ),
    "violations_without_market": table(
        "The limits that are violated on these days.",
        "time case network element quantity",
        time=BEGIN,
        case=CASE,
        **BROKEN,
    ),
    "negotiation": table(
        "What each round of the negotiation held: one row per limit, or one without limits that only names the move.",
        "time round network element quantity is_upper",
        time=BEGIN,
        round=ROUND,
        move=text("How the round's dispatch was found, such as `surcharges`; see docs/negotiation.md."),
        network=text("`electricity` or `heat`.", null=NO_LIMIT),
        element=text("Its name in the network, or the prosumer's.", null=NO_LIMIT),
        quantity=text("What is limited, such as `voltage_pu`.", null=NO_LIMIT),
        unit=text("Of the limit.", null=NO_LIMIT),
        is_upper=flag("Whether the value has to stay below the limit, not above it.", null=NO_LIMIT),
        limit=number("The value to be kept.", unit=AS_SAID, null=NO_LIMIT),
        multiplier=number(
            "The limit's price: times what 1 kW injected does to the value it is money per kWh.",
            unit="currency per h and `unit`",
            null=NO_LIMIT,
        ),
        slack=amount("By how much the limit stays violated.", unit=AS_SAID, null=NO_LIMIT),
        within_means=flag("Whether prosumers can keep the limit.", null=NO_LIMIT),
    ),
}
