"""What in a scenario may not be meant as it is written; warnings about profiles come with their series."""

from collections.abc import Iterator

import pandas as pd

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.loading.networks.consumers_beside import consumers_beside
from mosaik_p2p.loading.networks.electric_beside import generators_beside, limits_left_out_of, loads_beside
from mosaik_p2p.loading.networks.grids import Grids
from mosaik_p2p.loading.networks.places import Places
from mosaik_p2p.scenario.parts.market_design import PARAMETERS
from mosaik_p2p.scenario.schema import ElementSpec, JunctionPair, ProsumerSpec, Scenario

DAY_H = 24.0
LONG_S = 30.0
"""A clearing that takes longer is worth a warning."""
MANY = 100
"""Prosumers from which on a copy of every pair takes seconds an interval: 14 s an hour at 200, 0.3 s in the others."""


def warnings_of(scenario: Scenario, grids: Grids, places: tuple[Places, ...]) -> tuple[InputWarning, ...]:
    """Every warning that needs no profile."""
    return (
        *_short_look_ahead(scenario),
        *_unused_designs(scenario),
        *_slow_design(scenario),
        *_slow_form(scenario),
        *_bare_numbers(scenario, grids),
        *consumers_beside(scenario, grids, places),
        *generators_beside(scenario, grids, places),
        *loads_beside(scenario, grids, places),
        *limits_left_out_of(grids),
    )


def _short_look_ahead(scenario: Scenario) -> Iterator[InputWarning]:
    time = scenario.time
    span_h = time.horizon_steps * time.dt_h
    if span_h < DAY_H:
        problem = f"the look-ahead is {span_h:g} h, less than a day: storages and vehicles see no further"
        remedy = f"Give {round(DAY_H / time.dt_h)} for 24 h, or leave the key out"
        yield InputWarning("time.horizon_steps", str(time.horizon_steps), problem, remedy)


def _unused_designs(scenario: Scenario) -> Iterator[InputWarning]:
    """Tables of other designs than the one that is asked for."""
    market = scenario.market
    for name in market.design_tables:
        if name not in (market.design, PARAMETERS):
            problem = f"is not used: the market's design is {market.design}"
            yield InputWarning(f"market.{name}", "(a table)", problem, f'Use market.design = "{name}", or leave it out')


def _slow_design(scenario: Scenario) -> Iterator[InputWarning]:
    """A design whose clearings may take minutes."""
    market, time = scenario.market, scenario.time
    count = len(scenario.prosumers)
    took_s = market.chosen_design.clearing_s * count * time.horizon_steps
    if took_s <= LONG_S:
        return
    is_rolling = time.clearing == "rolling"
    clearings = time.steps if is_rolling else -(-time.steps // time.horizon_steps)
    problem = (
        f"a clearing of {count} prosumers over {time.horizon_steps} intervals takes about {took_s / 60.0:.1f} min with "
        f"it, and the run has {clearings}"
    )
    ways = ['time.clearing = "day_ahead"'] if is_rolling else []
    ways += ["a shorter time.horizon_steps"]
    # It finds the same market, in a fraction of the time.
    ways += ['market.design = "dlmp"'] if market.design == "atc" else []
    remedy = f"Use {', or '.join(ways)}"
    yield InputWarning("market.design", market.design, problem, remedy)


def _slow_form(scenario: Scenario) -> Iterator[InputWarning]:
    """The form that keeps every pair twice, where the others reach the same market."""
    count = len(scenario.prosumers)
    if scenario.market.form == "bilateral" and count > MANY:
        problem = f"keeps two copies of each of up to {count * (count - 1) // 2} pairs per carrier: slow for {count}"
        yield InputWarning("market.form", "'bilateral'", problem, 'Use "auto", which finds the same market sooner')


def _bare_numbers(scenario: Scenario, grids: Grids) -> Iterator[InputWarning]:
    """Numbers that name an element by its index where another one bears them as its name."""
    for prosumer in scenario.prosumers:
        for key, wanted, elements in _references(prosumer, grids):
            others = elements.index[elements["name"] == str(wanted)]
            if isinstance(wanted, int) and wanted in elements.index and len(others) and wanted not in others:
                problem = f"is the index, of {elements['name'].at[wanted]!r}; the name {str(wanted)!r} stands elsewhere"
                remedy = f'Write "{wanted}" if the one of that name (index {others[0]}) is meant'
                yield InputWarning(f"prosumers.{prosumer.name}.{key}", str(wanted), problem, remedy)


def _references(
    prosumer: ProsumerSpec, grids: Grids
) -> Iterator[tuple[str, ElementSpec | str | int | None, pd.DataFrame]]:
    """Key, reference and table of what a prosumer may name by an index."""
    if grids.electric is not None:
        yield "bus", prosumer.bus, grids.electric.net.bus
        yield "replaces_load", prosumer.replaces_load, grids.electric.net.load
        yield "replaces_generator", prosumer.replaces_generator, grids.electric.net.sgen
    if grids.heat is not None and isinstance(prosumer.junction, JunctionPair):
        yield "junction.supply", prosumer.junction.supply, grids.heat.net.junction
        yield "junction.return", prosumer.junction.return_, grids.heat.net.junction
    if grids.heat is not None:
        names = {consumer.element: consumer.name for consumer in grids.heat.file_consumers}
        yield "replaces_consumer", prosumer.replaces_consumer, pd.Series(names, name="name", dtype=object).to_frame()
