"""The network file of a made run, in the shape that pandapower gives it: a feeder of buses `1`, `2`, ..."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from made_results import Made
from mosaik_p2p.results.store.folder import ELECTRIC_NET_FILE

NORTH, EAST = 48.0, 8.0


def write_feeder(folder: Path, made: Made, *, is_placed: bool = True) -> Path:
    """Buses of a made run, each a thousandth of a degree north-east of the one before, and the lines between them."""
    count = made.buses
    points = [f'{{"coordinates": [{EAST + 0.001 * k}, {NORTH + 0.001 * k}], "type": "Point"}}' for k in range(count)]
    lines = range(count - 1)
    tables = {
        "bus": pd.DataFrame({"name": [str(k + 1) for k in range(count)], "geo": points if is_placed else None}),
        "line": pd.DataFrame(
            {
                "name": [f"{k + 1}-{k + 2}" for k in lines],
                **{"from_bus": list(lines), "to_bus": [k + 1 for k in lines], "length_km": 0.5, "in_service": True},
            }
        ),
        "ext_grid": pd.DataFrame({"bus": [0]}),
    }
    (folder / ELECTRIC_NET_FILE).write_text(json.dumps({"_object": {name: _frame(of) for name, of in tables.items()}}))
    return folder


def _frame(table: pd.DataFrame) -> dict[str, Any]:
    return {"_class": "DataFrame", "_object": table.to_json(orient="split")}
