"""What a loaded scenario says about a run beyond its tables, and how a result folder begins."""

import hashlib
from collections.abc import Mapping
from typing import Any

from mosaik_p2p.loading.case import Case
from mosaik_p2p.prosumers.prosumer import Prosumer, initial_state
from mosaik_p2p.results.inventory import inventory_bytes
from mosaik_p2p.results.store.folder import INVENTORY_FILE, SCENARIO_FILE
from mosaik_p2p.results.store.mark import ResultFolder
from mosaik_p2p.results.summary import NOT_ENDED, RunMeta, package_versions, summarise, write_summary
from mosaik_p2p.scenario import resolved_toml
from mosaik_p2p.units import ELECTRICITY, HEAT


def begin_folder(folder: ResultFolder, case: Case, spent_s: Mapping[str, float]) -> dict[str, Any]:
    """Say in the folder that its run has not ended, before anything else stands in it, and how long it took before it
    was resumed; returns that summary."""
    summary = {**summarise(folder.path, run_meta(case, complete=False, wall_s=spent_s)), "cause": NOT_ENDED}
    write_summary(folder.path, summary)
    folder.write(SCENARIO_FILE, resolved_toml(case.scenario, folder.path).encode())
    folder.write(INVENTORY_FILE, inventory_bytes(case.inventory, case.warnings))
    return summary


def run_meta(
    case: Case,
    *,
    complete: bool,
    wall_s: Mapping[str, float],
    networks_elsewhere: tuple[str, ...] = (),
) -> RunMeta:
    """What the tables of a run of `case` do not say about it; `networks_elsewhere` are solved by others."""
    scenario = case.scenario
    # Relative to its own place, the same scenario has the same hash wherever its results go.
    text = resolved_toml(scenario, case.path.parent)
    networks = [name for name, net in ((ELECTRICITY, case.electric), (HEAT, case.heat)) if net is not None]
    return RunMeta(
        name=scenario.name,
        title=scenario.title,
        complete=complete,
        steps=scenario.time.steps,
        networks=tuple(name for name in networks if name not in networks_elsewhere),
        networks_elsewhere=networks_elsewhere,
        currency=scenario.currency,
        dt_h=case.dt_h,
        seed=scenario.seed,
        scenario_hash=hashlib.sha256(text.encode()).hexdigest(),
        versions=package_versions(),
        wall_s=wall_s,
        initial_stored_kwh={prosumer.name: _stored_kwh(prosumer) for prosumer in case.prosumers},
        quantities=case.quantities,
    )


def _stored_kwh(prosumer: Prosumer) -> float:
    return sum(initial_state(prosumer, day=0).level_kwh.values(), 0.0)
