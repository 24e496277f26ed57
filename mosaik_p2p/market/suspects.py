"""Whose numbers are out of all proportion: what to look at first where a market does not clear."""

from collections.abc import Iterator

import numpy as np

from mosaik_p2p.market.problem import DEAREST, MarketProblem, is_penalty, middle_offer
from mosaik_p2p.prosumers.model import ProsumerModel

FARTHEST = 1e4
"""In sizes of the middle prosumer: a finite limit beyond is out of proportion."""
NAMED = 3
"""Suspects that are named; the worst first."""


def out_of_proportion(problem: MarketProblem) -> str | None:
    """Like `prosumer 'A', generator 'gen': price 1e+09 per kWh (the middle offer is 0.3)`; None where all is alike."""
    price = middle_offer(problem)
    size = float(np.median([model.size_kw for model in problem.models])) or 1.0
    found = sorted((entry for model in problem.models for entry in _of(model, price, size)), reverse=True)
    if not found:
        return None
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(text for _, text in found[:NAMED]) + more


def _of(model: ProsumerModel, price: float, size: float) -> Iterator[tuple[float, str]]:
    """By how much each number of a prosumer is too large, and how to say so."""
    for k, variable in enumerate(model.variables):
        if is_penalty(variable):
            continue
        who = f"prosumer {model.name!r}, {variable.type} {variable.device!r}, {variable.role}"
        linear = float(model.linear[k][np.abs(model.linear[k]).argmax()])
        limit = float(model.upper[k].max())
        reached = min(limit, size)
        rise = float(model.quadratic[k].max()) * reached
        beside = f"(the middle offer is {price:.3g})"
        if abs(linear) > DEAREST * price:
            yield abs(linear) / (DEAREST * price), f"{who}: price {linear:.3g} per kWh {beside}"
        elif rise > DEAREST * price:
            text = f"{who}: its price rises by {rise:.3g} per kWh within {reached:.3g} kW {beside}"
            yield rise / (DEAREST * price), text
        if np.isfinite(limit) and limit > FARTHEST * size:
            yield limit / (FARTHEST * size), f"{who}: limit {limit:.3g} (the middle prosumer's size is {size:.3g} kW)"
