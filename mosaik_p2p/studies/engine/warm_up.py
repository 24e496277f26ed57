"""A process that loads an order's scenario and leaves the machine code of what solves its networks.

Begun before those that run, which would otherwise each make it for themselves.
"""

import contextlib
import json
import sys

from mosaik_p2p.cosim import Order
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import load
from mosaik_p2p.scenario.in_python import override_texts

MODULE = __name__


def main() -> None:
    """Each network is solved once as its scenario is loaded; whatever is wrong with it, its own run says."""
    order = Order(**json.loads(sys.stdin.read()))
    with contextlib.suppress(BadInput):
        load(str(order.scenario), override_texts(order.overrides), allow_code=order.allow_code)


if __name__ == "__main__":
    main()
