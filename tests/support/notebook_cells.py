"""Four cells of a notebook in which somebody uses this package: a run, its tables, a run that is interrupted."""

CELLS = (
    """
import sys
from pathlib import Path

import mosaik_p2p
from mosaik_p2p.sims.world import progress

# So that a short run shows it as well.
progress.LINE_EVERY_S = 0.3
HOURS = ["time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=6"]
""",
    """
outcome = mosaik_p2p.run("network1", steps=3, overrides=HOURS, out="first")
print(outcome.summary["complete"], outcome.summary["steps_computed"])
""",
    """
import asyncio

import pandas as pd

hours = pd.read_parquet(outcome.folder / "clearing.parquet")["time"].nunique()
try:
    await asyncio.to_thread(mosaik_p2p.run, "network1", steps=0, out="none")
except Exception as error:
    told = type(error).__name__
again = await asyncio.to_thread(mosaik_p2p.run, "network1", steps=1, overrides=HOURS, out="again", progress=False)
print(hours, told, again.exit_code)
""",
    """
import json

stopped = {"electric_grid": {"python": "dying_grid:Interrupting"}}
for number in range(3):
    mosaik_p2p.run("network1", steps=3, overrides=HOURS, out=f"loop{number}", simulators=stopped, progress=False)
""",
)
