"""One later interval of a clearing, cut out as if it were the first: what reads the first interval then reads that one.

The cuts serve to read dispatch, prices and limits, not to be solved: what couples intervals is left out.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.model import ProsumerModel


def model_at(model: ProsumerModel, n: int) -> ProsumerModel:
    """Interval `n` of a prosumer's problem."""
    series = {entry.name: _cut(getattr(model, entry.name), n) for entry in fields(model)}
    return replace(model, **{**series, "storages": (), "totals": ()})


def _cut(value: Any, n: int) -> Any:
    """Interval `n` of an array, whose last axis is time, or of each array in a mapping; else the value itself."""
    if isinstance(value, np.ndarray):
        return value[..., n : n + 1]
    if isinstance(value, Mapping):
        return {key: _cut(part, n) for key, part in value.items()}
    return value


def problem_at(problem: MarketProblem, n: int) -> MarketProblem:
    """Interval `n` of a market."""
    return replace(
        problem,
        models=tuple(model_at(model, n) for model in problem.models),
        charges=tuple(charges.at(n) for charges in problem.charges),
        place=None if problem.place is None else problem.place.window(n, 1),
    )


def completion_at(done: Completion, n: int) -> Completion:
    """Interval `n` of a dispatch; its cost stays that of the whole look-ahead."""
    only = slice(n, n + 1)
    return replace(
        done, x=done.x[:, only], imbalance_kw=done.imbalance_kw[:, only], price_per_kwh=done.price_per_kwh[:, only]
    )


def clearing_at(clearing: Clearing, n: int) -> Clearing:
    """Interval `n`, one of those that bind: its trades, net sales, prices and dispatch."""
    only = slice(n, n + 1)
    return replace(
        clearing,
        trades=(clearing.trades, *clearing.later_trades)[n],
        later_trades=(),
        sale_kw=clearing.sale_kw[:, only],
        price_per_kwh=clearing.price_per_kwh[:, only],
        dispatch=tuple(completion_at(done, n) for done in clearing.dispatch),
    )
