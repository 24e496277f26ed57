"""A plain market of one hour (see `single_period`) as the follower: its charges at a rate of one are the distances."""

from pathlib import Path

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault, RunFailed
from mosaik_p2p.single_period.clearing import PlainStatus, clear_plain
from mosaik_p2p.single_period.tables import PAIR_COLUMNS, read_market
from mosaik_p2p.studies.best_rate.answer import Answer, Clear
from mosaik_p2p.tabular import read_csv_table

GAP = 1e-9


def one_hour_market(
    agents: pd.DataFrame | str | Path, pairs: pd.DataFrame | str | Path, *, method: str = "admm", gap: float = GAP
) -> Clear:
    """The market of two tables as for `clear_plain`, at charges that are a rate times those of `pairs`.

    Raises BadInput with every fault of the tables; the function that it returns raises RunFailed where the market has
    no solution.
    """
    market = read_market(agents, pairs)
    if market.pairs.charge.min(initial=0.0) < 0.0:
        problem = "is below 0 for both ends together, and a rate times it pays more the higher it is"
        raise BadInput([Fault("pairs", f"{market.pairs.charge.min():g}", problem, "Give distances of 0 or more.")])
    stated = pairs if isinstance(pairs, pd.DataFrame) else read_csv_table(Path(pairs)).frame
    table = stated.rename(columns=lambda name: str(name).strip())[list(PAIR_COLUMNS)]
    charges = table[["charge_i", "charge_j"]].astype(float)
    whole = charges.sum(axis="columns").tolist()
    ends = zip(table["i"].astype(str).str.strip(), table["j"].astype(str).str.strip(), whole, strict=True)
    distance = {frozenset((i, j)): length for i, j, length in ends}

    def clear(rate: float) -> Answer:
        cleared = clear_plain(
            agents,
            table.assign(charge_i=charges["charge_i"] * rate, charge_j=charges["charge_j"] * rate),
            method=method,
            gap=gap,
        )
        if cleared.cost is None or cleared.lower_bound is None:
            raise RunFailed(f"the market has no solution at a rate of {rate:g}: {cleared.cause}")
        charged = sum(trade.power_kw * distance[frozenset((trade.seller, trade.buyer))] for trade in cleared.trades)
        doubt = max(cleared.cost - cleared.lower_bound, 0.0)
        is_optimal = cleared.status is PlainStatus.OK
        return Answer((cleared.cost + cleared.lower_bound) / 2, charged, doubt=doubt, is_optimal=is_optimal)

    return clear
