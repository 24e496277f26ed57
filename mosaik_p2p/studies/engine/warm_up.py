"""A process that solves an order's networks once and leaves the machine code of what solves them.

Begun before those that run, which would otherwise each make it for themselves.
"""

import contextlib
import json
import sys

from mosaik_p2p.cosim import Order
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.scenario.in_python import override_texts

MODULE = __name__
LOAD_KW = (-1.0, 0.0)
"""Of every prosumer: enough that a power flow does not find its solution where it begins."""


def main() -> None:
    """Whatever is wrong with the scenario, its own run says."""
    order = Order(**json.loads(sys.stdin.read()))
    with contextlib.suppress(BadInput):
        _solve(load(str(order.scenario), override_texts(order.overrides), allow_code=order.allow_code))


def _solve(case: Case) -> None:
    """The electric network with some load; it and the heat network were solved empty as the scenario was loaded."""
    if case.electric is None:
        return
    buses = {prosumer.bus for prosumer in case.prosumers if prosumer.bus is not None}
    flow = PowerFlow(case.electric, slack_voltage_pu=case.slack_voltage_pu, prosumer_buses=buses)
    flow.solve(dict.fromkeys(buses, LOAD_KW), background_scaling=1.0)


if __name__ == "__main__":
    main()
