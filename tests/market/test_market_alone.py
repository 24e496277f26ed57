"""The market core can be used alone."""

import subprocess
import sys

from whereabouts import SUPPORT

PROGRAM = """
import sys
import numpy as np
from markets import random_market
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.problem import Settings
print(clear(random_market(3, 0, horizon=4), Settings()).status)
heavy = [name for name in ("mosaik", "mosaik_api_v3", "pandapower", "pandapipes") if name in sys.modules]
print(heavy)
"""


def test_market_needs_neither_cosimulation_nor_network_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=SUPPORT)
    assert done.stdout.split() == ["ok", "[]"]
