"""What joins the settlement when the run is over: who gets the surcharges back.

Surcharges (rebates counted against them) are a price for scarce network, not a cost; where they are to be returned, the
balance goes back in proportion to what everyone would have paid or earned alone, so that nobody can steer his share by
what he does in the market. A negative balance is collected in the same proportion.
"""

from collections.abc import Iterator, Mapping

from mosaik_p2p.settlement.ledger import IN_MARKET, OPERATOR, Payment

SURCHARGE, SURCHARGE_RETURN = "surcharge", "surcharge_return"


def surcharges_returned(balance: float, cost_alone: Mapping[str, float]) -> Iterator[Payment]:
    """What each prosumer gets of the operator's surcharge balance; `cost_alone` of the whole run, by prosumer."""
    weights = {name: abs(cost) for name, cost in cost_alone.items()}
    total = sum(weights.values())
    for name, weight in weights.items():
        share = weight / total if total > 0.0 else 1.0 / len(weights)
        yield Payment(IN_MARKET, name, OPERATOR, None, SURCHARGE_RETURN, 0.0, balance * share)
