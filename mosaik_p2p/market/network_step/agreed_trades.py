"""The trades that a clearing reports: the least trade behind what everyone's devices inject (see `least_trade`)."""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.market.network_step.flow_problem import contracts_at, flow_graph, pairs_of, tree_of
from mosaik_p2p.market.network_step.least_trade import ON_PAIRS, ON_TREES, Injected, Served, serve_all
from mosaik_p2p.market.network_step.trees.matching import match_tree
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.completions import Completions, side_by_side
from mosaik_p2p.market.prosumer_step.contracts import injected_kw, shut_rows, with_contracts_for
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.injection_bounds import own_rows
from mosaik_p2p.market.prosumer_step.subproblem import Completion, completion
from mosaik_p2p.market.trades import Trades, match_pairs
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray, IntArray

MIN_TRADE = 1e-9
"""Trades below this part of the mean size are the rounding of a linear programme."""
MOST_MEMBERS = 20_000
"""Of a carrier whose charges are no tree: of more, trades stay as they were cleared. The linear programme would take
longer than the clearing, and more memory."""
MOVED = 1e-12
"""Net sales that move by less than this part of the mean size need no contracts of their own."""


@dataclass(frozen=True)
class Agreed:
    """Trades by interval that binds and carrier, net sales (C, T, N) and dispatches that fit each other."""

    binding: tuple[tuple[Trades, ...], ...]
    sale_kw: FloatArray
    dispatch: Completions


def values_trades(charges: Charges) -> bool:
    """Whether pairs value trading as such, or pay more per kWh the more it is: then every trade counts, and stays."""
    return any(term is not None and bool(term.any()) for term in (charges.benefit, charges.curvature))


def is_found_anew(problem: MarketProblem, c: int) -> bool:
    """Whether `with_least_trade` finds all trades of a carrier from injections alone."""
    charges, members = problem.charges[c].at(0), int(problem.member[c].sum())
    is_too_large = members > MOST_MEMBERS and tree_of(charges) is None
    return members > 0 and not is_too_large and not values_trades(charges)


def with_least_trade(fleet: Fleet, agreed: Agreed, price_per_kwh: FloatArray) -> Agreed:
    """The least trade behind the same injections, in every interval that binds; own prices (C, T, N) price it.

    Raises NotSolved where a linear programme has no numerical solution.
    """
    problem, sale = fleet.problem, agreed.sale_kw.copy()
    min_trade_kw = MIN_TRADE * float(fleet.power_kw.mean())
    binding = [list(trades) for trades in agreed.binding]
    for (c, t), served in _served(fleet, agreed).items():
        who, charges = np.flatnonzero(problem.member[c]), problem.charges[c].at(t)
        trades = trades_behind(served, who, price_per_kwh[c, t], charges, min_trade_kw=min_trade_kw)
        binding[t][c], sale[c, t] = trades, trades.net_sale(problem.shape[2])
    away = np.abs(sale - agreed.sale_kw) > MOVED * float(fleet.power_kw.mean())
    moved = np.asarray(away.any(axis=(0, 1)), dtype=np.bool_)
    dispatch = agreed.dispatch
    if moved.any():
        dispatch = with_contracts_for(problem.table, dispatch, sale, moved, len(binding))
    return Agreed(tuple(tuple(trades) for trades in binding), sale, dispatch)


def _served(fleet: Fleet, agreed: Agreed) -> dict[tuple[int, int], Served]:
    """How injections are served with the least trade, by carrier and interval in which it is open who trades."""
    problem, x = fleet.problem, side_by_side(agreed.dispatch.x)
    by_steps: dict[int, dict[tuple[int, int], Injected]] = {}
    for t in range(len(agreed.binding)):
        shut = shut_rows(problem.table, x.at(t), t)
        for c, charges in enumerate(problem.charges):
            if not is_found_anew(problem, c):
                continue
            who = np.flatnonzero(problem.member[c])
            injected = injected_kw(problem.table, x.at(t), c, t)[who]
            outside = contracts_at(problem, c, who, t, shut)
            open_here = Injected(flow_graph(charges.at(t), who), outside, injected)
            by_steps.setdefault(reported_steps(charges.at(t)), {})[c, t] = open_here
    return {
        at: served
        for steps, injected in by_steps.items()
        for at, served in zip(
            injected, serve_all(list(injected.values()), price_per_kwh=fleet.price_scale, steps=steps), strict=True
        )
    }


def reported_steps(charges: Charges) -> int:
    """How many steps of `least_trade` tell who trades what."""
    return ON_PAIRS if tree_of(charges) is None else ON_TREES


def trades_behind(
    served: Served, who: IntArray, price_per_kwh: FloatArray, charges: Charges, *, min_trade_kw: float
) -> Trades:
    """The trades of the members `who` that serve their injections, at the prices (N,) of everyone."""
    tree = tree_of(charges)
    if tree is None:
        first, second = pairs_of(charges, who)
        return match_pairs(who[first], who[second], served.flow_kw, price_per_kwh, charges, min_trade_kw=min_trade_kw)
    sale = np.zeros(len(price_per_kwh))
    sale[who] = served.sale_kw
    return match_tree(tree, sale, price_per_kwh, charges, min_trade_kw=min_trade_kw)


def devices_kw(model: ProsumerModel, x: FloatArray, t: int) -> FloatArray:
    """(C,) net power of the devices in interval `t`, less what the limits of a connection let neither in nor out."""
    rows = own_rows(model)
    result: FloatArray = model.balance[:, rows, t] @ x[rows, t] - model.fixed[:, t]
    return result


def planned_kw(model: ProsumerModel, x: FloatArray) -> FloatArray:
    """(C, T): the same in all intervals."""
    rows = own_rows(model)
    result: FloatArray = np.einsum("ckt,kt->ct", model.balance[:, rows], x[rows]) - model.fixed
    return result


def with_contracts(model: ProsumerModel, done: Completion, sale_kw: FloatArray, t: int) -> Completion:
    """The dispatch with what the contracts take or give in interval `t`, sales (C,) as agreed."""
    x = done.x.copy()
    produced = devices_kw(model, x, t)
    for c in np.flatnonzero(model.member):
        outside = [
            k
            for k, variable in enumerate(model.variables)
            if not variable.is_behind_meter and model.balance[c, k, t] != 0.0
        ]
        missing = float(sale_kw[c] - produced[c])
        # Contracts come before imbalances, which take what is left.
        for k in outside:
            share = model.balance[c, k, t]
            x[k, t] = min(max(share * missing, 0.0), float(model.upper[k, t]))
            missing -= share * x[k, t]
    return completion(model, x, done.price_per_kwh)
