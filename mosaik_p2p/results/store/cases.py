"""What the counterfactual runs are called: the cases beside a run, each in a folder of its own below it."""

from mosaik_p2p.scenario.schema import LIFTS_LIMIT

WITHOUT_CHARGES, WITHOUT_NEGOTIATION = "without_charges", "without_negotiation"
ALONE_WITHIN_LIMITS = "alone_within_limits"
"""Nobody trades, and everyone is held to the networks' limits as the market is."""


def lifted_case(number: int) -> str:
    """The run without the limit that is dearest, second dearest, ... by `limit_costs`."""
    return f"lifted_{number}"


CASES = (
    *(ALONE_WITHIN_LIMITS, WITHOUT_CHARGES, WITHOUT_NEGOTIATION),
    *(lifted_case(number) for number in range(1, LIFTS_LIMIT + 1)),
)
