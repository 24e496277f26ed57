"""The tables that the market fills: what was known, how it was cleared, what everyone does with and without trade."""

from mosaik_p2p.results.tables.columns import (
    BEGIN,
    CURRENCY,
    NEVER_NEGATIVE,
    ONE,
    WHOLE,
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

PROSUMER = text("Its name.")
CARRIER = text("`electricity` or `heat`.")
NO_CONTRACT = "no contract, or it states no such price"
NO_SOLUTION = "no solution"
OF_ALL = "of the whole scenario"
BENEFIT = "What both together value the trade at for itself (reputation, preferences)."
TO_OPERATOR = "paid to the operator"
SURPLUS = "Of the imbalance, what was cleared as too much, and so has the price of an imbalance."
CHARGES = {
    "charge_seller_per_kwh": number("What the seller pays to the network operator."),
    "charge_buyer_per_kwh": number("What the buyer pays to the network operator."),
}
REACTIVE = signed("Reactive power.", positive="into the network", null="heat")
PRICES = {
    "import_price_per_kwh": number("What its contract asks for import.", null=NO_CONTRACT),
    "export_price_per_kwh": number("What its contract pays for export.", null=NO_CONTRACT),
    "imbalance_price_per_kwh": amount("The scarcity price, at which imbalances are cleared.", null="not reported"),
}

DEVICES: dict[str, Column] = {
    "time": BEGIN,
    "prosumer": text("Its owner."),
    "device": text("Its name."),
    "type": text("Its type, as in the scenario."),
    "family": text("As what it counts: load, source, storage, vehicle or converter."),
    "carrier": text("The one that it draws, gives or stores.", null="turns one into another"),
    "el_kw": signed("Electricity, with realised loads and weather.", positive="produced"),
    "heat_kw": signed("Heat, with realised loads and weather.", positive="produced"),
    "fuel_kw": amount("Fuel that it burns."),
    "level_kwh": number("What it stores at the end of the interval.", null="no storage"),
    "cost": number("Fuel, wear or discomfort of the interval.", unit=CURRENCY),
    "missed_kwh": signed(
        "Energy whose deadline this interval was: of a vehicle that departs, a storage at the end of the run, a "
        "flexible load whose day ends.",
        positive="not had; negative: more than forecast had to be taken",
        null="no deadline",
    ),
}
NO_ENVELOPE = "no envelope: even the least exchange breaks a limit"

MARKET_TABLES: dict[str, TableShape] = {
    "inputs": table(
        "Every profile and price as forecast and as realised, over the whole span that look-aheads reach.",
        "time prosumer device quantity",
        time=BEGIN,
        prosumer=PROSUMER,
        device=text("The device, or the contract."),
        quantity=text("What the numbers are, with their unit, such as `demand_kw` (drawn) or `available_kw`."),
        forecast=number("What was expected.", unit="as `quantity` says"),
        realised=number("What turned out.", unit="as `quantity` says"),
    ),
    "draws": table(
        "What was drawn from the scenario's seed, as its `[uncertainty]` asks for; at the first interval.",
        "time prosumer device quantity",
        time=BEGIN,
        prosumer=text("Its name.", null=OF_ALL),
        device=text("The device.", null=OF_ALL),
        quantity=text(
            "What the value is: `weather` (which of the tables, from 1 on), `owned` (1: kept, 0: taken away), `scale` "
            "(factor on its profile), `shift_minutes` (later; negative: earlier), `forecast_error` (mean of the "
            "relative errors over the span; each one stands in `inputs`)."
        ),
        value=number("What was drawn.", unit="as `quantity` says"),
        choice=text("What the value stands for.", null="a number"),
    ),
    "clearing": table(
        "One row per interval and round. An interval that follows an earlier clearing repeats that clearing's row.",
        "time round",
        time=BEGIN,
        round=count("Of the negotiation; 0 is the first."),
        binding=flag("Whether this round is the one that counts."),
        form=text("How trades were modelled; see docs/forms.md."),
        status=text(
            "`ok`, `gap_open` (the dispatch holds, its gap is wider than wanted), `no_envelope` (see `envelopes`), "
            "`no_equilibrium` (it holds too, but of the weights asked for there is none) or `not_converged`."
        ),
        cause=text("Why the status is not `ok`.", null="it is"),
        iterations=count("Of the algorithm.", null=NO_SOLUTION),
        primal_residual=amount("How far both ends of trades disagree, relative.", unit=ONE, null=NO_SOLUTION),
        dual_residual=amount("How far prices still move, relative.", unit=ONE, null=NO_SOLUTION),
        cost=number(
            "Of everybody over the look-ahead, imbalances at the scarcity price and charges of both ends and of places "
            "included.",
            unit=CURRENCY,
            null=NO_SOLUTION,
        ),
        lower_bound=number("No dispatch costs less.", unit=CURRENCY, null=NO_SOLUTION),
        relative_gap=number(
            "(cost - lower bound) / max(|cost|, sum of |cost without trade|).",
            unit=ONE,
            null=f"{NO_SOLUTION}, or no scale",
        ),
        gap_of_gain=number(
            "The same difference over the gain from trade.", unit=ONE, null=f"{NO_SOLUTION}, or trade gains nothing"
        ),
        repaired=flag("Whether a storage would have charged and discharged at once."),
        since_clearing=count("Intervals since the clearing that this one follows; 0: its own.", null="its own"),
        clipped_pairs=count("Pairs whose mutual reputation was worth more than their charges.", null=NO_SOLUTION),
        exchanges=count(
            "How often prosumers and network spoke, there and back counting one; 0 of an earlier round, offered once "
            "more, and where nobody has anybody to trade with.",
            null=f"{NO_SOLUTION}, or not reported",
        ),
        sent_bytes=Column(
            WHOLE,
            "What left all prosumers together in these exchanges, 8 bytes a number; see docs/compare.md.",
            f"{NO_SOLUTION}, or not reported",
            "byte",
            NEVER_NEGATIVE,
        ),
        further_clearings=count(
            "That the market's design needed beyond the first one.", null=f"{NO_SOLUTION}, or not reported"
        ),
    ),
    "regrets": table(
        "By how much each one would have done better over the look-ahead of a clearing, had it done as it liked at "
        "its own prices: nothing at an equilibrium. Together that is the cost less the lower bound at these prices. "
        "One row each at every clearing.",
        "time prosumer",
        time=BEGIN,
        prosumer=text("Its name; `operator` of the network that carries what is traded."),
        money=number(
            "Its cost less the least that it could have; below zero by rounding alone. A storage counts as free to go "
            "both ways at once.",
            unit=CURRENCY,
        ),
    ),
    "charges": table(
        "What a trade between two prosumers pays, from this time on until the pair's next row.",
        "time carrier prosumer partner",
        time=BEGIN,
        carrier=CARRIER,
        prosumer=PROSUMER,
        partner=text("The other one's name."),
        **CHARGES,
        benefit_per_kwh=signed(BENEFIT, positive="valued"),
    ),
    "trades": table(
        "The trades that bind.",
        "time carrier seller buyer",
        time=BEGIN,
        carrier=CARRIER,
        seller=text("Who sells."),
        buyer=text("Who buys."),
        power_kw=amount("From seller to buyer."),
        price_per_kwh=number("What the buyer pays to the seller."),
        **CHARGES,
        surcharge_seller_per_kwh=signed("What negotiation adds at the seller's place.", positive=TO_OPERATOR),
        surcharge_buyer_per_kwh=signed("What negotiation adds at the buyer's place.", positive=TO_OPERATOR),
        benefit_per_kwh=signed(BENEFIT, positive="valued"),
    ),
    "prosumers": table(
        "What every prosumer exchanges of a carrier that it has to do with.",
        "time prosumer carrier",
        time=BEGIN,
        prosumer=PROSUMER,
        carrier=CARRIER,
        net_sale_kw=signed("All its trades together.", positive="sold"),
        import_kw=amount("Bought by contract."),
        export_kw=amount("Sold by contract."),
        injection_kw=signed("Trades, contract and imbalance together.", positive="into the network"),
        q_injection_kvar=REACTIVE,
        imbalance_kw=signed("What it could not balance.", positive="too much"),
        marginal_price_per_kwh=number(
            "What one kWh more is worth to it: a price of those that prove the clearing's lower bound, to which the "
            "table `regrets` refers.",
            null="not reported",
        ),
        **PRICES,
        surcharge_per_kwh=signed("What negotiation asks for every kWh injected here.", positive=TO_OPERATOR),
        place_charge_injected_per_kwh=signed(
            "What its place pays for every kWh that devices inject here.", positive=TO_OPERATOR
        ),
        place_charge_sold_per_kwh=signed("What its place pays for every kWh sold in trades.", positive=TO_OPERATOR),
        cleared_surplus_kw=amount(SURPLUS, null="not reported"),
    ),
    "envelopes": table(
        "Between what everyone might inject, where the market's design is `envelopes`.",
        "time prosumer carrier",
        time=BEGIN,
        prosumer=PROSUMER,
        carrier=CARRIER,
        base_kw=signed("Least exchange that keeps the limits.", positive="into the network"),
        low_kw=signed("At the least.", positive="into the network", null=NO_ENVELOPE),
        high_kw=signed("At the most.", positive="into the network", null=NO_ENVELOPE),
        share=amount("Of what its devices could do, that everyone has on both sides.", unit=ONE, null=NO_ENVELOPE),
    ),
    "nodal_prices": table(
        "What makes up the marginal price at every prosumer's place, where a design has limits and losses in its "
        "clearing; the parts add up to `marginal_price_per_kwh` of the table `prosumers`.",
        "time prosumer carrier",
        time=BEGIN,
        prosumer=PROSUMER,
        carrier=CARRIER,
        energy_per_kwh=number("What a kWh fetches there, charges of the way and of the place counted."),
        loss_per_kwh=signed("What it saves in losses of the electric network.", positive="saves"),
        congestion_per_kwh=signed("What it relieves lines, transformers and the like by.", positive="relieves"),
        voltage_per_kwh=signed("What it relieves limits of voltages by.", positive="relieves"),
        heat_limits_per_kwh=signed("What it relieves limits of the heat network by.", positive="relieves"),
    ),
    "devices": table("What every device does in the market.", "time prosumer device", **DEVICES),
    "alone": table(
        "What each prosumer would do with its contracts only. What is of all its carriers together (cost, storage, "
        "fuel, missed energy) stands in its first row of an interval.",
        "time prosumer carrier",
        time=BEGIN,
        prosumer=PROSUMER,
        carrier=CARRIER,
        import_kw=amount("Bought by contract."),
        export_kw=amount("Sold by contract."),
        imbalance_kw=signed("What it could not balance.", positive="too much"),
        injection_kw=signed("Contract and imbalance together.", positive="into the network"),
        q_injection_kvar=REACTIVE,
        cost=number("Of its devices, fuel apart.", unit=CURRENCY),
        level_kwh=number("What it stores at the end of the interval."),
        **PRICES,
        fuel_kw=amount("Fuel that its devices burn."),
        fuel_cost=number("Of this fuel.", unit=CURRENCY),
        missed_kwh=amount("Energy whose deadline this interval was and that was not had."),
        cleared_surplus_kw=amount(SURPLUS, null="not reported"),
    ),
    "alone_devices": table("What every device does without trade.", "time prosumer device", **DEVICES),
}
