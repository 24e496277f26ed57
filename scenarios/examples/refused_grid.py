"""A grid that steps by the clock alone is refused in the market's loop, with the reason.

mosaik-pandapower-2 is time-based unless it is told otherwise: it computes once per hour, at the hour's begin. A market
that corrects its dispatch within the hour would never learn what the correction does, and nothing would look wrong.

    python -m mosaik_p2p.scenarios.examples.refused_grid
"""

import tempfile
from pathlib import Path

from mosaik_p2p.cosim import run
from mosaik_p2p.errors import BadInput

GRID = {"electric_grid": {"python": "mosaik_components.pandapower:Simulator"}}


def explanation(folder: Path) -> str:
    """What a run says to a time-based grid."""
    try:
        run("network1_electric", out=folder, steps=1, progress=False, simulators=GRID)
    except BadInput as refusal:
        return str(refusal)
    raise AssertionError("a time-based grid was accepted")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(explanation(Path(folder) / "run"))
