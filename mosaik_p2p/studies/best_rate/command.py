"""The command `optimal-charge`, and the same in Python: load, search, confirm by a full run, and write it all down."""

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.cosim import RESULTS, ExitCode, run
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.runs.inputs import input_files
from mosaik_p2p.results.claiming import claim_faults, claimed_folder
from mosaik_p2p.results.store.mark import ResultFolder
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.settlement.ledger import IN_MARKET, OPERATOR
from mosaik_p2p.sims.world.progress import progress_shown
from mosaik_p2p.studies.best_rate.follower import DayAheadFollower
from mosaik_p2p.studies.best_rate.goals import (
    ENDLESS,
    OF_MOST_REVENUE,
    ONE_KEY,
    WITH_EXPENSE,
    Goal,
    Market,
    Optimum,
    optimum,
    trading_up_to,
)
from mosaik_p2p.studies.best_rate.keys import RateKey, rate_keys
from mosaik_p2p.studies.best_rate.networks import Networks, networks_of
from mosaik_p2p.studies.best_rate.picture import page
from mosaik_p2p.studies.best_rate.summary import (
    CERTIFIED,
    NO_SUCH_RATE,
    bounds_of,
    judged_entry,
    points_of,
    summary_of,
)
from mosaik_p2p.units import CARRIERS, FloatArray

RATES_FILE, OPTIMUM_FILE, PICTURE_FILE = "rates.parquet", "optimum.json", "optimum.html"
RUN_FOLDER = "run"
POSTED_ONLY = "negotiation.enabled=false"
"""The rate is judged by itself: surcharges would earn, and keep limits, in its place."""
CHARGED = ("charge", "place_charge")
"""Items of the settlement that are charges."""
REPUTATION = "with reputation the charge of a pair is cut to nothing where it is worth more, and costs are not concave"


@dataclass(frozen=True)
class BestRate:
    """What was found, and where it lies."""

    folder: Path
    summary: dict[str, Any]
    """As in `optimum.json`."""
    rates: pd.DataFrame
    """As in `rates.parquet`."""
    exit_code: ExitCode


def optimal_charge(
    scenario: str | Path,
    keys: str | Sequence[str],
    *,
    goal: str = "revenue",
    highest: float | Sequence[float] | None = None,
    tolerance: float = 1e-3,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    confirm: bool = True,
    progress: bool = True,
    allow_code: bool = False,
) -> BestRate:
    """The best rate of a charge, or of several at once.

    `keys` are keys of the scenario such as `charges.electricity.rate`; `goal` is profit, revenue, recovery or feasible;
    `highest` bounds the rates, for all keys or each (None: where nobody trades any more); `tolerance` is relative. The
    folder `out` (results/NAME-optimal-charge) gets `rates.parquet`, `optimum.json`, a picture, and with `confirm` the
    run at the rate found. The other arguments are those of `run`.

    Raises BadInput with every fault, and RunFailed where a market was not cleared.
    """
    wanted = [keys] if isinstance(keys, str) else list(keys)
    faults = _order_faults(wanted, goal, highest, tolerance)
    if faults:
        raise BadInput(faults)
    case = load(scenario, overrides, results=out, allow_code=allow_code)
    found_keys = rate_keys(case, wanted)
    folder = RESULTS / f"{case.scenario.name}-optimal-charge" if out is None else Path(out)
    inputs = input_files(case, overrides)
    refused = claim_faults(folder, overwrite=overwrite, inputs=inputs)
    if refused:
        raise BadInput(refused)
    with ExitStack() as held:
        with progress_shown(case.scenario.name, None, visible=progress, unit="clearing") as on_answer:
            market = _market(case, found_keys, Goal(goal), on_answer)
            tops = _highest(market, Goal(goal), _listed(highest))
            # Only now it is certain that there is something to be sought.
            claim = held.enter_context(claimed_folder(folder, overwrite=overwrite, inputs=inputs))
            found = _found(case, market, Goal(goal), tops, tolerance)
        summary, table = summary_of(case, found_keys, market, found), market.table(bounds_of(found))
        summary["without_trade"] = _without_trade(market) if goal == Goal.FEASIBLE else None
        if confirm and summary["rates"] is not None:
            at = [f"{key}={rate!r}" for key, rate in summary["rates"].items()]
            outcome = run(
                scenario,
                out=folder / RUN_FOLDER,
                overrides=[*overrides, *at, POSTED_ONLY],
                overwrite=overwrite,
                progress=progress,
                allow_code=allow_code,
            )
            summary["run"] = _confirmed(outcome.folder, outcome.summary)
        _write(claim, summary, table, found)
    return BestRate(folder, summary, table, _exit_code(summary))


def _order_faults(
    keys: Sequence[str], goal: str, highest: float | Sequence[float] | None, tolerance: float
) -> list[Fault]:
    faults = []
    if goal not in list(Goal):
        faults.append(
            Fault("--goal", repr(goal), "is no goal", did_you_mean(goal, [str(one) for one in Goal], what="goals"))
        )
    elif len(keys) > 1 and goal in ONE_KEY:
        problem = f"has no one answer for {len(keys)} rates: where one falls another may rise"
        faults.append(Fault("--goal", goal, problem, "Give one --key."))
    if not (isinstance(tolerance, int | float) and 1e-6 <= tolerance <= 0.1):
        faults.append(Fault("--tolerance", f"{tolerance}", "must lie between 1e-6 and 0.1", "Use 1e-3."))
    stated = _listed(highest)
    if stated and len(stated) not in (1, len(keys)):
        faults.append(
            Fault("--max", f"{len(stated)} rates", f"there are {len(keys)} keys", "Give one, or one for each key.")
        )
    faults += [
        Fault("--max", f"{rate}", "must be above 0, and a number", "Give the highest rate that may be taken.")
        for rate in stated
        if not (isinstance(rate, int | float) and 1e-9 <= rate <= 1e6)
    ]
    return faults


def _listed(highest: float | Sequence[float] | None) -> list[float]:
    if highest is None:
        return []
    return [highest] if isinstance(highest, int | float) else list(highest)


def _market(case: Case, keys: Sequence[RateKey], goal: Goal, on_answer: Any) -> Market:
    asked = networks_of(case) if goal is Goal.FEASIBLE else tuple(dict.fromkeys(key.carrier for key in keys))
    networks = Networks(case, asked) if goal is Goal.FEASIBLE or goal in WITH_EXPENSE else None
    fixed = _fixed_cost(case, asked)
    if goal is Goal.RECOVERY and networks is not None and not fixed and not any(map(networks.has_price, asked)):
        problem = "losses have no price and the networks no fixed cost, so that there is nothing to recover"
        remedy = "Give losses a price, or the network a `settlement.fixed_cost_per_day`."
        raise BadInput([Fault("settlement.loss_price_per_kwh", "(nothing)", problem, remedy)])
    return Market(DayAheadFollower(case, keys), networks, fixed, keys, on_answer)


def _fixed_cost(case: Case, carriers: Iterable[str]) -> float:
    """What the networks whose rates vary cost over the run whatever flows in them."""
    per_day, time = case.scenario.settlement.fixed_cost_per_day, case.scenario.time
    hours = time.steps * time.step_minutes / 60.0
    return sum(float(getattr(per_day, carrier)) for carrier in carriers) * hours / 24.0


def _found(case: Case, market: Market, goal: Goal, tops: FloatArray, tolerance: float) -> Optimum:
    has_reputation = case.scenario.market.reputation.benefit_per_kwh > 0
    return optimum(market, goal, tops, tolerance=tolerance, unproved=REPUTATION if has_reputation else None)


def _highest(market: Market, goal: Goal, stated: list[float]) -> FloatArray:
    """(K,) up to which rates a search goes. Raises BadInput where somebody has to say it."""
    own = np.array([key.own for key in market.keys])
    sought: FloatArray = (
        np.broadcast_to(np.array(stated), own.shape).copy() if stated else market.follower.highest_rates()
    )
    faults = market.follower.faults_at(sought)
    if not stated and not faults:
        ending = trading_up_to(market, sought, own)
        is_endless = ~np.isfinite(ending)
        remedy = "Give the highest rate that may be taken."
        endless = [key.key for key, one in zip(market.keys, is_endless.tolist(), strict=True) if one]
        if goal in OF_MOST_REVENUE:
            faults = [Fault("--max", "(nothing)", f"there is no best {key}: {ENDLESS}", remedy) for key in endless]
        sought = np.where(is_endless, sought, ending)
    if faults:
        raise BadInput(faults)
    return sought


def _without_trade(market: Market) -> dict[str, Any]:
    """The day on which nobody trades, put beside the same limits."""
    if market.networks is None:
        raise AssertionError("the networks were not asked")
    return judged_entry(market.networks.judged(market.follower.without_trade[1]))


def _confirmed(folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    """What the run at the rate makes of it: what the operator was paid by carrier, as the settlement says."""
    rows = pd.read_parquet(folder / "settlement.parquet")
    paid = rows[(rows["case"] == IN_MARKET) & (rows["party"] == OPERATOR) & rows["item"].isin(CHARGED)]
    return {
        "folder": str(folder),
        "complete": told["complete"],
        "verdict": told["verdict"],
        "hours_broken": told.get("hours_broken"),
        "charges": {carrier: float(paid.loc[paid["carrier"] == carrier, "money"].sum()) for carrier in CARRIERS},
    }


def _write(claim: ResultFolder, summary: dict[str, Any], table: pd.DataFrame, found: Optimum) -> None:
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    claim.write(RATES_FILE, buffer.getvalue())
    claim.write(PICTURE_FILE, page(summary, table, points_of(found)).encode())
    claim.write(OPTIMUM_FILE, (json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def _exit_code(summary: dict[str, Any]) -> ExitCode:
    if summary["status"] == NO_SUCH_RATE:
        return ExitCode.NO_SOLUTION
    is_whole = summary["run"] is None or summary["run"]["complete"]
    return ExitCode.COMPLETE if summary["status"] == CERTIFIED and is_whole else ExitCode.INCOMPLETE
