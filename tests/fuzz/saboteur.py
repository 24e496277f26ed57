"""A recorder beside which somebody meddles with the result folder in mid-run (see `surfaces_run.sabotage`)."""

import json
import shutil
from pathlib import Path
from typing import Any

import dying_grid
from mosaik_p2p.sims.recorder import Simulator as Recorder

FOREIGN = "mine"


class Simulator(Recorder):
    """The program's own recorder; after some intervals it does what `order.json` beside the folder says."""

    def __init__(self) -> None:
        super().__init__()
        self._order: dict[str, Any] = {}
        self._steps: set[int] = set()

    def create(self, num: int, model: str, **model_params: Any) -> Any:
        folder = Path(model_params["folder"])
        self._order = json.loads((folder.parent / "order.json").read_text(encoding="utf-8"))
        return super().create(num, model, **model_params)

    def step(self, time: int, inputs: Any, max_advance: int) -> int | None:
        following = super().step(time, inputs, max_advance)
        if time not in self._steps:
            self._steps.add(time)
            if len(self._steps) == self._order["after"] + 1:
                _meddle(self._order)
        return following


def _meddle(order: dict[str, Any]) -> None:
    folder = Path(order["folder"])
    if order["what"] == "folder":
        shutil.rmtree(folder)
    elif order["what"] == "table":
        shutil.rmtree(folder / f"{order['table']}.parquet", ignore_errors=True)
    else:
        inside = folder / "lines.parquet"
        (inside if inside.is_dir() else folder).joinpath("notes.txt").write_text(FOREIGN, encoding="utf-8")


class Failing(dying_grid.Simulator):
    """An electric grid that raises an error in its third interval, so that the folder of a broken run stays."""

    way = "raise"
