"""The tables of the accounts: who pays whom what for what, and what the run leaves behind."""

from mosaik_p2p.results.tables.columns import BEGIN, CURRENCY, TableShape, amount, number, signed, table, text

CASE = text("`in_market` or `alone` (contracts only).")
UNKNOWN = "not known; see `cause`"

ACCOUNT_TABLES: dict[str, TableShape] = {
    "settlement": table(
        "Double entry: every payment is two rows whose money sums to zero. Several payments may be about the same.",
        "time case party counterparty carrier item",
        time=BEGIN,
        case=CASE,
        party=text(
            "A prosumer, `operator`, `utility`, `heat_supplier`, or `own` (a prosumer's own devices, and what it "
            "leaves to itself; the operator's own networks)."
        ),
        counterparty=text("The other party."),
        carrier=text("`electricity` or `heat`.", null="what is of no carrier: fuel, devices, closing values"),
        item=text("What is paid for, such as `trade`, `charge`, `import`, `fuel` or `loss`; see docs/accounts.md."),
        energy_kwh=amount("What the payment is about, whichever way it flows."),
        money=signed("What is paid.", positive="received by `party`", unit=CURRENCY),
    ),
    "losses": table(
        "To whom losses belong by `settlement.loss_allocation`, and by what each exchanged with whom; those of an "
        "interval add up to `loss_kw` of table `flows`. See docs/operator.md.",
        "time party counterparty carrier",
        time=BEGIN,
        party=text("A prosumer; or `operator`, who has what belongs to no prosumer."),
        counterparty=text("Whom it traded with; or `utility`, of all that went over its contract."),
        carrier=text("`electricity`."),
        energy_kwh=signed("What it exchanged with the counterparty; 0 of the operator.", positive="into the network"),
        loss_kwh=signed("What is lost on its account.", positive="lost, - saved"),
    ),
    "closing": table(
        "Of the last interval: what each prosumer's next hours cost it without trade, from the levels that each case "
        "has reached and from those with which the run began.",
        "time case prosumer",
        time=BEGIN,
        case=CASE,
        prosumer=text("Its name."),
        hours=amount("Looked at after the run.", unit="h"),
        cost_from_initial=number("From the levels with which the run began.", unit=CURRENCY, null=UNKNOWN),
        cost_from_reached=number("From the levels that were reached.", unit=CURRENCY, null=UNKNOWN),
        closing_value=signed("The second less the first.", positive="less is left", unit=CURRENCY, null=UNKNOWN),
        cause=text("Why it is not known.", null="it is known"),
    ),
}
