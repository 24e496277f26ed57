"""What the networks make of a cleared day: losses that the operator pays, and limits that are broken.

A dispatch goes through the grids' own simulators, outside of mosaik, as the days without the market do after a run.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan

from mosaik_p2p.errors import Status, Verdict
from mosaik_p2p.limits.violation import verdict
from mosaik_p2p.loading.case import Case
from mosaik_p2p.results.accounts.losses import WHOLE
from mosaik_p2p.settlement.ledger import IN_MARKET, LossPrices, losses_paid
from mosaik_p2p.sims.world.without_market import answers_of
from mosaik_p2p.studies.best_rate.feasible import Checked
from mosaik_p2p.studies.best_rate.follower import Dispatches
from mosaik_p2p.units import CARRIERS, HEAT, Table

Limit = tuple[str, str, str]
"""Network, element and quantity."""


@dataclass(frozen=True)
class NetworkDay:
    """A day as one network has it; lists hold a value per interval, NaN where there is no solution."""

    loss_kw: list[float]
    pump_kw: list[float]
    verdicts: list[Verdict]
    broken: list[tuple[Limit, ...]]
    excess: list[float]
    """The largest excess in the interval as a share of its limit."""


@dataclass(frozen=True)
class Judgement:
    """A day through all networks that were asked."""

    checked: Checked | None
    """None where not all networks of the scenario were asked: limits may be broken in the others."""
    loss_kwh: float
    """Lost in these networks: what the prosumers cause, unless the scenario says the whole."""
    loss_cost: float
    """What the operator pays for it, money; NaN where an interval is not known."""
    limits: dict[Limit, float]
    """Hours in which each limit is broken, most first."""


class Networks:
    """The networks of a scenario, asked about one dispatch after the other."""

    def __init__(self, case: Case, networks: Sequence[str]) -> None:
        self._case, self._networks = case, networks
        self._steps = case.scenario.time.steps

    def judged(self, dispatches: Dispatches) -> Judgement:
        """Solve every interval of a day and put it beside its limits; losses at their prices."""
        days = {network: self._solved(network, dispatches) for network in self._networks}
        dt_h = self._case.dt_h
        loss, cost = 0.0, 0.0
        for network, day in days.items():
            nobody = self._nobody[network]
            for n in range(self._steps):
                lost_kwh, pumped_kwh = (
                    (own - rest) * dt_h
                    for own, rest in ((day.loss_kw[n], nobody.loss_kw[n]), (day.pump_kw[n], nobody.pump_kw[n]))
                )
                loss += lost_kwh
                paid = losses_paid(IN_MARKET, network, lost_kwh, pumped_kwh, self._prices[n])
                cost += sum(payment.money for payment in paid)
        hours: Counter[Limit] = Counter()
        for day in days.values():
            for broken in day.broken:
                hours.update(broken)
        limits = {limit: intervals * dt_h for limit, intervals in hours.most_common()}
        is_whole = set(self._networks) == set(networks_of(self._case))
        checked = _checked(list(days.values()), self._steps, dt_h) if is_whole else None
        return Judgement(checked, loss, cost, limits)

    def has_price(self, network: str) -> bool:
        """Whether losses of the network cost anything in some interval."""
        return any((price.heat if network == HEAT else price.electricity) is not None for price in self._prices)

    def _solved(self, network: str, dispatches: Dispatches) -> NetworkDay:
        answers = list(answers_of(self._case, network, dispatches))
        flows = [answer["flows"] for answer in answers]
        violated = [answer["violations"] for answer in answers]
        return NetworkDay(
            loss_kw=[_figure(flow, "loss_kw") for flow in flows],
            pump_kw=[_figure(flow, "pump_kw") for flow in flows],
            verdicts=[
                verdict(Status(flow["status"][0]), rows["element"]) for flow, rows in zip(flows, violated, strict=True)
            ],
            broken=[_limits(network, rows) for rows in violated],
            excess=[_worst(rows) for rows in violated],
        )

    @cached_property
    def _nobody(self) -> dict[str, NetworkDay]:
        """What is lost with nobody there, or nothing where the operator pays all."""
        if self._case.scenario.settlement.losses == WHOLE:
            none = [0.0] * self._steps
            return {network: NetworkDay(none, none, [], [], []) for network in self._networks}
        at_rest: Dispatches = tuple({} for _ in range(self._steps))
        return {network: self._solved(network, at_rest) for network in self._networks}

    @cached_property
    def _prices(self) -> list[LossPrices]:
        electric = self._case.scenario.settlement.loss_price_per_kwh
        heat = [
            contract.import_price_per_kwh
            for prosumer in self._case.prosumers
            if prosumer.junctions is not None
            for contract in prosumer.contracts
            if contract.carrier == HEAT
        ]
        return [
            LossPrices(electric, min((float(price[n]) for price in heat), default=None)) for n in range(self._steps)
        ]


def networks_of(case: Case) -> tuple[str, ...]:
    """The carriers whose network the scenario has."""
    return tuple(name for name, net in zip(CARRIERS, (case.electric, case.heat), strict=True) if net is not None)


def _figure(flow: Table, name: str) -> float:
    """A figure of a solved network, NaN without a solution; none for pumping in an electric one."""
    if flow["status"][0] == Status.NOT_CONVERGED or flow["loss_kw"][0] is None:
        return nan
    return float(flow[name][0] or 0.0)


def _limits(network: str, rows: Table) -> tuple[Limit, ...]:
    pairs = zip(rows["element"], rows["quantity"], strict=True)
    return tuple(dict.fromkeys((network, str(element), str(quantity)) for element, quantity in pairs))


def _worst(rows: Table) -> float:
    pairs = zip(rows["excess"], rows["limit"], strict=True)
    return max((float(excess) / abs(float(limit)) if limit else 1.0 for excess, limit in pairs), default=0.0)


def _checked(days: Sequence[NetworkDay], steps: int, dt_h: float) -> Checked:
    """An interval counts once, in however many networks it is broken; one that is broken is known to be."""
    found = [{day.verdicts[n] for day in days} for n in range(steps)]
    broken = [Verdict.INFEASIBLE in verdicts for verdicts in found]
    unknown = [Verdict.UNKNOWN in verdicts and not bad for verdicts, bad in zip(found, broken, strict=True)]
    excess = max((excess for day in days for excess in day.excess), default=0.0)
    return Checked(dt_h * sum(broken), dt_h * sum(unknown), excess)
