"""The tables of a result folder: their columns, types and the order of their rows.

`time` is the begin of the interval in UTC. Power is in kW, energy in kWh, money in the scenario's currency. Every
column may hold null ("not known", "does not apply"); no column ever holds NaN.
"""

from dataclasses import dataclass

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
WHOLE = pa.int64()
FLAG = pa.bool_()


@dataclass(frozen=True)
class TableShape:
    """The columns of a table, and by which of them its rows are sorted."""

    schema: pa.Schema
    order: tuple[str, ...]


def _shape(order: str, **columns: pa.DataType) -> TableShape:
    return TableShape(pa.schema(list(columns.items())), tuple(order.split()))


TABLES: dict[str, TableShape] = {
    "inputs": _shape(
        "time prosumer device quantity",
        time=TIME,
        prosumer=TEXT,
        device=TEXT,
        quantity=TEXT,
        forecast=REAL,
        realised=REAL,
    ),
    # One row per interval and round. An interval that follows an earlier clearing (`since_clearing` intervals before)
    # repeats that clearing's row.
    "clearing": _shape(
        "time round",
        time=TIME,
        round=WHOLE,
        binding=FLAG,
        form=TEXT,
        status=TEXT,
        cause=TEXT,
        iterations=WHOLE,
        primal_residual=REAL,
        dual_residual=REAL,
        cost=REAL,
        lower_bound=REAL,
        relative_gap=REAL,
        gap_of_gain=REAL,
        repaired=FLAG,
        since_clearing=WHOLE,
        clipped_pairs=WHOLE,
    ),
    # What a trade between two prosumers pays per kWh, and what both value it at for itself, from this time on until the
    # pair's next row.
    "charges": _shape(
        "time carrier prosumer partner",
        time=TIME,
        carrier=TEXT,
        prosumer=TEXT,
        partner=TEXT,
        charge_seller_per_kwh=REAL,
        charge_buyer_per_kwh=REAL,
        benefit_per_kwh=REAL,
    ),
    "trades": _shape(
        "time carrier seller buyer",
        time=TIME,
        carrier=TEXT,
        seller=TEXT,
        buyer=TEXT,
        power_kw=REAL,
        price_per_kwh=REAL,
        charge_seller_per_kwh=REAL,
        charge_buyer_per_kwh=REAL,
        surcharge_seller_per_kwh=REAL,
        surcharge_buyer_per_kwh=REAL,
        benefit_per_kwh=REAL,
    ),
    "prosumers": _shape(
        "time prosumer carrier",
        time=TIME,
        prosumer=TEXT,
        carrier=TEXT,
        net_sale_kw=REAL,
        import_kw=REAL,
        export_kw=REAL,
        injection_kw=REAL,
        q_injection_kvar=REAL,
        imbalance_kw=REAL,
        marginal_price_per_kwh=REAL,
        import_price_per_kwh=REAL,
        export_price_per_kwh=REAL,
        imbalance_price_per_kwh=REAL,
        surcharge_per_kwh=REAL,
        cleared_surplus_kw=REAL,
    ),
    "devices": _shape(
        "time prosumer device",
        time=TIME,
        prosumer=TEXT,
        device=TEXT,
        type=TEXT,
        el_kw=REAL,
        heat_kw=REAL,
        fuel_kw=REAL,
        level_kwh=REAL,
        cost=REAL,
        missed_kwh=REAL,
    ),
    # What each prosumer would do with its contracts only; cost of devices, stored energy, fuel and missed energy stand
    # in its first row.
    "alone": _shape(
        "time prosumer carrier",
        time=TIME,
        prosumer=TEXT,
        carrier=TEXT,
        import_kw=REAL,
        export_kw=REAL,
        imbalance_kw=REAL,
        injection_kw=REAL,
        q_injection_kvar=REAL,
        cost=REAL,
        level_kwh=REAL,
        import_price_per_kwh=REAL,
        export_price_per_kwh=REAL,
        imbalance_price_per_kwh=REAL,
        fuel_kw=REAL,
        fuel_cost=REAL,
        missed_kwh=REAL,
        cleared_surplus_kw=REAL,
    ),
    # What the devices do alone; columns as in `devices`.
    "alone_devices": _shape(
        "time prosumer device",
        time=TIME,
        prosumer=TEXT,
        device=TEXT,
        type=TEXT,
        el_kw=REAL,
        heat_kw=REAL,
        fuel_kw=REAL,
        level_kwh=REAL,
        cost=REAL,
        missed_kwh=REAL,
    ),
    # Of the last interval: what each prosumer's next hours cost it alone, from the levels with which the run began and
    # from those that each case of the settlement has reached; the closing value is the difference, or null with cause.
    "closing": _shape(
        "time case prosumer",
        time=TIME,
        case=TEXT,
        prosumer=TEXT,
        hours=REAL,
        cost_from_initial=REAL,
        cost_from_reached=REAL,
        closing_value=REAL,
        cause=TEXT,
    ),
    "flows": _shape(
        "time round network",
        time=TIME,
        round=WHOLE,
        network=TEXT,
        status=TEXT,
        cause=TEXT,
        iterations=WHOLE,
        slack_kw=REAL,
        loss_kw=REAL,
        pump_kw=REAL,
    ),
    "background": _shape(
        "time quantity",
        time=TIME,
        quantity=TEXT,
        factor=REAL,
    ),
    "heat_exchanges": _shape(
        "time prosumer",
        time=TIME,
        prosumer=TEXT,
        mode=TEXT,
        cleared_kw=REAL,
        delivered_kw=REAL,
        mdot_kg_per_s=REAL,
        t_supply_c=REAL,
        t_return_c=REAL,
        dp_bar=REAL,
        status=TEXT,
    ),
    "plants": _shape(
        "time plant",
        time=TIME,
        plant=TEXT,
        heat_kw=REAL,
        mdot_kg_per_s=REAL,
        t_supply_c=REAL,
        t_return_c=REAL,
        head_bar=REAL,
        pump_kw=REAL,
    ),
    "buses": _shape(
        "time bus",
        time=TIME,
        bus=TEXT,
        vm_pu=REAL,
        va_degree=REAL,
        p_injection_kw=REAL,
        q_injection_kvar=REAL,
    ),
    "lines": _shape(
        "time element",
        time=TIME,
        element=TEXT,
        p_from_kw=REAL,
        q_from_kvar=REAL,
        p_to_kw=REAL,
        q_to_kvar=REAL,
        i_ka=REAL,
        loading_percent=REAL,
        loss_kw=REAL,
    ),
    "transformers": _shape(
        "time element",
        time=TIME,
        element=TEXT,
        p_hv_kw=REAL,
        q_hv_kvar=REAL,
        p_lv_kw=REAL,
        q_lv_kvar=REAL,
        i_ka=REAL,
        loading_percent=REAL,
        loss_kw=REAL,
    ),
    "junctions": _shape(
        "time junction side",
        time=TIME,
        junction=TEXT,
        side=TEXT,
        p_bar=REAL,
        t_c=REAL,
        flowing=FLAG,
    ),
    "pipes": _shape(
        "time pipe",
        time=TIME,
        pipe=TEXT,
        mdot_kg_per_s=REAL,
        velocity_m_per_s=REAL,
        dp_pa_per_m=REAL,
        t_in_c=REAL,
        t_out_c=REAL,
        loss_kw=REAL,
    ),
    "violations": _shape(
        "time round network element quantity",
        time=TIME,
        round=WHOLE,
        network=TEXT,
        element=TEXT,
        quantity=TEXT,
        value=REAL,
        limit=REAL,
        unit=TEXT,
        excess=REAL,
        prosumers_can_influence=FLAG,
    ),
    # The networks on the days without the market (`case`: alone, nobody), solved after the run.
    "flows_without_market": _shape(
        "time case network",
        time=TIME,
        case=TEXT,
        network=TEXT,
        status=TEXT,
        cause=TEXT,
        iterations=WHOLE,
        slack_kw=REAL,
        loss_kw=REAL,
        pump_kw=REAL,
    ),
    "violations_without_market": _shape(
        "time case network element quantity",
        time=TIME,
        case=TEXT,
        network=TEXT,
        element=TEXT,
        quantity=TEXT,
        value=REAL,
        limit=REAL,
        unit=TEXT,
        excess=REAL,
    ),
    # What each round of the negotiation held: one row per limit, or one without limits that names the move alone. The
    # multiplier is money per hour and unit of the limit: times what 1 kW injected does to the value, money per kWh.
    "negotiation": _shape(
        "time round network element quantity is_upper",
        time=TIME,
        round=WHOLE,
        move=TEXT,
        network=TEXT,
        element=TEXT,
        quantity=TEXT,
        unit=TEXT,
        is_upper=FLAG,
        limit=REAL,
        multiplier=REAL,
        slack=REAL,
        within_means=FLAG,
    ),
    "settlement": _shape(
        "time case party counterparty carrier item",
        time=TIME,
        case=TEXT,
        party=TEXT,
        counterparty=TEXT,
        carrier=TEXT,
        item=TEXT,
        energy_kwh=REAL,
        money=REAL,
    ),
}
