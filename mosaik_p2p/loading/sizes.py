"""Whether a scenario fits into a computer, counted before anything is built."""

from dataclasses import replace

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.scenario.placed_tables import PlacedTable
from mosaik_p2p.scenario.read import Reading

PROSUMERS_LIMIT = 20_000
VALUES_LIMIT = 100_000_000
"""Of all series together; each takes 16 bytes, its forecast and its realisation."""


def without_excess(reading: Reading) -> Reading:
    """The reading; its length counts as faulty where the series of profiles and devices would be too many values."""
    time, scenario = reading.scenario.time, reading.scenario
    series = len(scenario.profiles) + sum(len(prosumer.devices) for prosumer in scenario.prosumers)
    values = series * time.span_steps
    if values <= VALUES_LIMIT:
        return reading
    problem = (
        f"makes {series:,} profiles and devices over {time.span_steps:,} intervals (steps + horizon_steps - 1): "
        f"{values:,} values, of at most {VALUES_LIMIT:,}"
    )
    key = "steps" if time.steps >= time.horizon_steps else "horizon_steps"
    fault = Fault(f"time.{key}", str(getattr(time, key)), problem, "Take fewer intervals, or fewer prosumers.")
    return replace(
        reading, faults=(*reading.faults, fault), dropped=reading.dropped | {"time.steps", "time.horizon_steps"}
    )


def refuse_too_many(tree: PlacedTable) -> None:
    """Raise BadInput where the scenario, its table of houses included, has more prosumers than can be checked soon."""
    prosumers = tree.get("prosumers")
    if isinstance(prosumers, list) and len(prosumers) > PROSUMERS_LIMIT:
        problem = f"are more than {PROSUMERS_LIMIT:,}"
        raise BadInput([Fault("prosumers", f"{len(prosumers):,} prosumers", problem, "Take fewer of them.")])
