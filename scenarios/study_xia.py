"""Beside Xia and others 2024 (IEEE Transactions on Industrial Informatics): limits inside the clearing, against an
operator that discards trades which break them.

    python -m mosaik_p2p.scenarios.study_xia

Sixteen places of the 69-bus feeder, at seven in the evening: the eight on the long branch to bus 65 buy, the others
sell, and nobody has a contract, so that a discarded trade takes place nowhere else. (Where members have a utility,
discarding alone relieves nothing: seller and buyer exchange the same with it.) The market clears without a network; the
operator looks at the power flow. Three ways to go on:

- *discarded*: trades are struck out whole, always the one that does most to the limit violated worst, until none is
- *cleared again*: the same, but the market clears anew after each one, among the pairs that are left
- *negotiated*: limits are rows of the clearing (design `dlmp`, losses left out)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.devices.kinds.elastic_load import ElasticLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.errors import RunFailed
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.operator.of_case import operator_of
from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.designs.asking import exchanges_of
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.scenarios.study_parts import Row, accepted, first_look_ahead, told, traded_kwh, yes_or_no
from mosaik_p2p.sims.world.progress import progress_shown
from mosaik_p2p.units import BoolArray, FloatArray

SCENARIO = "bus69"
EVENING = ("time.start=2017-03-28T19:00:00+01:00", "time.steps=1", "time.horizon_steps=1")
LONG_BRANCH = range(53, 66)
"""Buses by name."""
RELATIVE_GAP = 1e-5
MARGINS = (0.956, 0.954, 0.952, 0.950)
"""Lowest voltages that the operator allows, p.u."""
ELECTRIC = 0
EVERY = "in every case"


@dataclass(frozen=True)
class Outcome:
    """What is left of the market in one hour."""

    cost: float
    """Of all together, charges in; below zero where trading gains."""
    traded_kwh: float
    checks: int
    """Power flows that the operator looked at."""


@dataclass(frozen=True)
class Ways:
    """One hour under one limit."""

    lowest_pu: float
    free: Outcome
    broken: int
    """Limits that the free market violates."""
    discarded: Outcome
    cleared_again: Outcome
    negotiated: Outcome

    def lost(self, way: Outcome) -> float:
        """Of what the negotiated market gains: the part that a way gives away."""
        return 1.0 - way.cost / self.negotiated.cost


def main() -> None:
    """Run the study and print it."""
    print(study())


def study(lowest_pu: Sequence[float] = MARGINS, *, progress: bool = True) -> str:
    """The whole study as text, for some lowest voltages."""
    with progress_shown("study", len(lowest_pu), visible=progress, unit="limit") as tick:
        found = [_counted(tick, ways(one)) for one in lowest_pu]
    lines = ["Xia and others 2024: limits inside the clearing, against discarding trades; bus69 at 19:00", ""]
    headings = ("lowest voltage", "violated", "way", "gain", "traded kWh", "checks", "gain lost")
    lines += told([row for one in found for row in _amounts(one)], headings)
    return "\n".join([*lines, "", *told(rows(found))])


def _counted(tick: Callable[[], object], found: Ways) -> Ways:
    tick()
    return found


def ways(lowest_pu: float) -> Ways:
    """One hour with one lowest voltage."""
    task, operator = hour(lowest_pu)
    free = accepted(task.clear(task.problem, None))
    return Ways(
        lowest_pu,
        Outcome(free.cost, _kwh(free), 1),
        len(_violated(task, operator, free.dispatch)),
        discarded(task, operator, free),
        cleared_again(task, operator, free),
        negotiated(task, operator),
    )


def hour(lowest_pu: float) -> tuple[Task, Operator]:
    """The market of the hour, and who looks after its network."""
    case = _peers(load(SCENARIO, [*EVENING, f"networks.electricity.limits.voltage_pu.min={lowest_pu}"]))
    operator = operator_of(case)
    if operator is None:
        raise TypeError(f"{SCENARIO} has a network")
    return first_look_ahead(market_case(case), relative_gap=RELATIVE_GAP, operator=operator), operator


def _peers(case: Case) -> Case:
    """The places of the scenario with devices that answer prices, and no contracts."""
    names = {int(index): str(name) for index, name in case.electric.net.bus["name"].items()} if case.electric else {}
    buyers = [int(names[prosumer.bus]) in LONG_BRANCH for prosumer in case.prosumers if prosumer.bus is not None]
    prosumers = tuple(
        replace(prosumer, devices=(_device(k, buys=buys),), contracts=())
        for k, (prosumer, buys) in enumerate(zip(case.prosumers, buyers, strict=True))
    )
    return replace(case, prosumers=prosumers)


def _device(k: int, *, buys: bool) -> Device:
    """The k-th one's: no two are the same."""
    if buys:
        return ElasticLoad("load", "electricity", 40.0, 1.00 - 0.03 * k, 0.01)
    return Generator("plant", 0.0, 60.0, 0.20 + 0.01 * k, 0.005)


# -- the three ways ----------------------------------------------------------------------------------------------------


def discarded(task: Task, operator: Operator, free: Clearing) -> Outcome:
    """Trades of the free market struck out until no limit is violated; who loses one does without."""
    trades, (kept, checks) = free.trades[ELECTRIC], kept_trades(task, operator, free)
    seller, buyer, kw = trades.seller[kept], trades.buyer[kept], trades.power_kw[kept]
    paid = task.problem.dt_h * task.problem.charges[ELECTRIC].at(0).cost_per_hour(seller, buyer, kw)
    own = sum(done.cost for done in _left(task, free, kept))
    return Outcome(own + paid, task.problem.dt_h * float(kw.sum()), checks)


def kept_trades(task: Task, operator: Operator, free: Clearing) -> tuple[BoolArray, int]:
    """Which trades (M,) the operator lets be, and how often it looked at the power flow."""
    kept, checks = np.ones(len(free.trades[ELECTRIC].power_kw), dtype=np.bool_), 1
    while rows := _violated(task, operator, _left(task, free, kept)):
        kept[_to_discard(task, free, rows, kept)] = False
        checks += 1
    return kept, checks


def _left(task: Task, free: Clearing, kept: BoolArray) -> list[Completion]:
    """Everyone's dispatch with the trades that are kept: it has one device and nothing else to serve."""
    trades, count = free.trades[ELECTRIC], len(task.problem.models)
    before = np.abs(trades.net_sale(count))
    after = np.abs(replace(trades, power_kw=trades.power_kw * kept).net_sale(count))
    share = np.divide(after, before, out=np.zeros(count), where=before > 0.0)
    scaled = [part * done.x for part, done in zip(share, free.dispatch, strict=True)]
    return [
        replace(done, x=x, cost=model.cost(x))
        for model, done, x in zip(task.problem.models, free.dispatch, scaled, strict=True)
    ]


def cleared_again(task: Task, operator: Operator, free: Clearing) -> Outcome:
    """A pair whose trade was struck out may not trade any more, and the market clears among the others."""
    now, checks, may_trade = free, 1, task.problem.charges[ELECTRIC].may_trade
    while rows := _violated(task, operator, now.dispatch):
        trades = now.trades[ELECTRIC]
        one = _to_discard(task, now, rows, np.ones(len(trades.power_kw), dtype=np.bool_))
        pair = [trades.seller[one], trades.buyer[one]]
        may_trade[pair, pair[::-1]] = False
        charges = (task.raw.charges[ELECTRIC].with_partners(may_trade), *task.raw.charges[1:])
        now, checks = accepted(task.clear(with_imbalance_priced(replace(task.raw, charges=charges)), None)), checks + 1
    return Outcome(now.cost, _kwh(now), checks)


def negotiated(task: Task, operator: Operator) -> Outcome:
    """Limits as rows of the clearing. Raises RunFailed where some are violated all the same."""
    found = Dlmp(loss_price_per_kwh=0.0).clear(task)
    clearing = accepted(found.clearing)
    if _violated(replace(task, problem=found.problem), operator, clearing.dispatch):
        raise RunFailed("the negotiated market of the study violates a limit")
    return Outcome(clearing.cost, _kwh(clearing), found.rounds + 1)


def _violated(task: Task, operator: Operator, dispatch: Sequence[Completion]) -> list[LimitRow]:
    """The limits that a dispatch violates, in AC."""
    (exchange,) = exchanges_of(task.prosumers, task.problem, dispatch)
    report = operator.reports(exchange, task.begin)[ELECTRIC]
    return [row for row in report.rows if (row.element, row.quantity) in report.broken]


def _to_discard(task: Task, clearing: Clearing, rows: Sequence[LimitRow], kept: BoolArray) -> int:
    """The trade that does most to the limit violated worst. Raises RunFailed where none does anything."""
    worst = max(rows, key=lambda row: row.excess / row.limit)
    per_kw = np.array([worst.per_kw.get(name, 0.0) for name in task.problem.names])
    trades = clearing.trades[ELECTRIC]
    towards: FloatArray = per_kw if worst.is_upper else -per_kw
    does = np.where(kept, trades.power_kw * (towards[trades.seller] - towards[trades.buyer]), 0.0)
    if does.max(initial=0.0) <= 0.0:
        raise RunFailed(f"no trade that is left moves {worst.element} of the study")
    return int(does.argmax())


def _kwh(clearing: Clearing) -> float:
    return traded_kwh(clearing, 1.0)


# -- what is told ------------------------------------------------------------------------------------------------------


def _amounts(found: Ways) -> Iterator[tuple[str, ...]]:
    first = f"{found.lowest_pu:.3f} p.u.", str(found.broken)
    named = {
        "free": found.free,
        "negotiated": found.negotiated,
        "discarded": found.discarded,
        "cleared again": found.cleared_again,
    }
    for k, (name, way) in enumerate(named.items()):
        head = first if k == 0 else ("", "")
        lost = "" if name in ("free", "negotiated") else f"{100 * found.lost(way):.1f} %"
        yield (*head, name, f"{-way.cost:.2f}", f"{way.traded_kwh:.1f}", str(way.checks), lost)


def rows(found: Sequence[Ways]) -> list[Row]:
    """What would speak for limits inside the clearing, and what was found, over all limits that were violated."""
    tight = [one for one in found if one.broken]
    lost = [one.lost(one.discarded) for one in tight]
    lost_again = [one.lost(one.cleared_again) for one in tight]
    less = [1.0 - one.discarded.traded_kwh / one.negotiated.traded_kwh for one in tight]
    checks = "; ".join(f"{one.negotiated.checks} for {one.discarded.checks}" for one in tight)
    seldom = [one.negotiated.checks < one.discarded.checks for one in tight]
    return [
        Row("discarding gives gain away", EVERY, _percent(lost), _in_every_case(_noticeable(lost))),
        Row(
            "so it does where the market clears again",
            EVERY,
            _percent(lost_again),
            _in_every_case(_noticeable(lost_again)),
        ),
        Row("discarding lets less be traded", EVERY, _percent(less), _in_every_case(_noticeable(less))),
        Row("negotiation asks the network less often", EVERY, checks, _in_every_case(seldom)),
    ]


def _percent(shares: Sequence[float]) -> str:
    return ", ".join(f"{100 * one:.1f} %" for one in shares)


def _noticeable(shares: Sequence[float]) -> list[bool]:
    """Which are more than what clearings leave open."""
    return [one > 10 * RELATIVE_GAP for one in shares]


def _in_every_case(are_so: Sequence[bool]) -> str:
    return yes_or_no(all(are_so)) if are_so else "cannot be said"


if __name__ == "__main__":
    main()
