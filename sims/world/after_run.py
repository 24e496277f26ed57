"""What follows a run that came to its regular end, before it is judged.

The days without the market, to whom losses belong, the last accounts, and the result quantities that the scenario
names.

Only networks that our own grids have solved (they keep them in the folder) are solved again; between two solvers nobody
could tell what the market changes. Where another grid stood in, or profiles of another source were played, those days
stay unknown.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter

from mosaik.starters import Starter

from mosaik_p2p.loading.case import Case
from mosaik_p2p.results.accounts.last_entries import close_settlement
from mosaik_p2p.results.accounts.loss_shares import LOSSES
from mosaik_p2p.results.accounts.losses import FLOWS, VIOLATIONS
from mosaik_p2p.results.quantities.computing import compute_quantities
from mosaik_p2p.results.store.folder import ERROR_FILE
from mosaik_p2p.results.store.integrity import damages
from mosaik_p2p.results.store.mark import ResultFolder
from mosaik_p2p.results.store.parts import add_rows
from mosaik_p2p.results.store.reading import read_some
from mosaik_p2p.results.store.resume_point import Phase, move_point
from mosaik_p2p.settlement.ledger import ALONE
from mosaik_p2p.sims.world.ending import cause_of, demand_of
from mosaik_p2p.sims.world.life import NET_FILES, End, Surroundings
from mosaik_p2p.sims.world.loss_allocation import allocated_losses
from mosaik_p2p.sims.world.wiring import NETWORK_OF, StartConfig
from mosaik_p2p.sims.world.without_market import solved_days
from mosaik_p2p.units import ELECTRICITY, Table

PART = "without_market"
"""Of the wall time."""


def followed(case: Case, folder: ResultFolder, around: Surroundings, end: End) -> End:
    """`end`, after what follows it; with the cause where that was interrupted or failed.

    Of a run that was stopped, or whose tables are no longer as they were written, nothing follows.
    """
    if end.cause is not None or not folder.is_there() or damages(folder.path):
        return end
    started = perf_counter()
    try:
        with around.interrupts.break_off():
            move_point(folder, Phase.RECORDED, wall_s=end.wall_s)
            networks = _own_networks(folder, around.config)
            _write_days(case, folder, networks)
            _write_losses(case, folder, networks)
            close_settlement(folder)
            failures = compute_quantities(folder, case.quantities)
            if not failures:
                move_point(folder, Phase.FOLLOWED, wall_s={**end.wall_s, PART: perf_counter() - started})
    except (KeyboardInterrupt, SystemExit, Exception) as error:  # noqa: BLE001 (the networks' libraries raise anything)
        return replace(end, cause=cause_of(error, log=folder.path / ERROR_FILE), demand=demand_of(error))
    cause = "; ".join(failures) or None
    return replace(end, cause=cause, wall_s={**end.wall_s, PART: perf_counter() - started})


def _write_days(case: Case, folder: ResultFolder, networks: list[str]) -> None:
    rows: dict[str, Table] = {FLOWS: {}, VIOLATIONS: {}}
    days = case.scenario.settlement.through_networks
    for table, more in solved_days(case, read_some(folder.path, [ALONE]), days=days, networks=networks):
        for column, values in more.items():
            rows[table].setdefault(column, []).extend(values)
    for table, collected in rows.items():
        if collected:
            add_rows(folder, table, collected)


def _write_losses(case: Case, folder: ResultFolder, networks: list[str]) -> None:
    rows: Table = {}
    if ELECTRICITY not in networks:
        return
    for more in allocated_losses(case, read_some(folder.path, [FLOWS, "trades"])):
        for column, values in more.items():
            rows.setdefault(column, []).extend(values)
    if rows:
        add_rows(folder, LOSSES, rows)


def _own_networks(folder: ResultFolder, config: Mapping[str, StartConfig]) -> list[str]:
    """The networks whose days without the market can be set beside those of the run: they are kept as solved."""
    kept = [NETWORK_OF[name] for name, file in NET_FILES.items() if (folder.path / file).exists()]
    return kept if _has_own_profiles(config["profiles"]) else []


def _has_own_profiles(start: StartConfig) -> bool:
    """Whether our own simulator plays the profiles, in whatever process: only then the other loads are known."""
    if isinstance(start, Starter):
        return False
    module, command = "mosaik_p2p.sims.profiles", str(start.get("cmd", ""))
    return str(start.get("python", "")).startswith(f"{module}:") or module in command.split()
