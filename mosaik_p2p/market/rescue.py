"""What the scenario may ask for when ADMM has not converged: the central solution in its place."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, dust_kw
from mosaik_p2p.market.fleet import Fleet
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.trades import match_pairs


def cleared_centrally(problem: MarketProblem, failed: Clearing) -> Clearing:
    """The central optimum as a clearing; `failed` itself, its cause extended, where HiGHS fails too."""
    # Pyomo takes a second to import and is needed only here and in tests.
    from mosaik_p2p.market.central import solve_central

    try:
        central = solve_central(problem)
    except (RuntimeError, ValueError) as error:
        return replace(failed, cause=f"{failed.cause}; the central solver failed too: {error}")
    count = len(problem.models)
    first, second = np.triu_indices(count, 1)
    fleet = Fleet(problem)
    own = np.stack([done.price_per_kwh for done in fleet.complete(central.sale_kw)], axis=-1)
    trades = tuple(
        match_pairs(
            first, second, central.trade_kw[c, 0, first, second], own[c, 0], charges, dust_kw=dust_kw(fleet.power_kw)
        )
        for c, charges in enumerate(problem.charges)
    )
    sale = central.sale_kw.copy()
    for c, carrier_trades in enumerate(trades):
        sale[c, 0] = carrier_trades.net_sale(count)
    dispatch = tuple(fleet.complete(sale))
    return replace(
        failed,
        status=Status.OK,
        cause=f"solved centrally: {failed.cause}",
        form="central",
        cost=central.cost,
        lower_bound=central.cost,
        relative_gap=0.0,
        trades=trades,
        sale_kw=sale,
        price_per_kwh=own,
        dispatch=dispatch,
    )
