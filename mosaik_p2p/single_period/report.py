"""A cleared plain market as text and as JSON."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import Fault
from mosaik_p2p.files import output_faults, write_whole
from mosaik_p2p.single_period.clearing import PlainClearing

SHOWN = 10
"""Agents and trades that the text lists: the largest."""
KEYS_OF_AN_OUTCOME = frozenset({"status", "method", "welfare", "relative_gap", "agents", "trades"})


def as_json(cleared: PlainClearing) -> dict[str, Any]:
    """What `--json` writes; null where there is no solution."""
    return {
        "status": str(cleared.status),
        "cause": cleared.cause,
        "method": cleared.method,
        "iterations": cleared.iterations,
        "welfare": cleared.welfare,
        "primal_residual": cleared.primal_residual,
        "dual_residual": cleared.dual_residual,
        "relative_gap": cleared.relative_gap,
        "gap_of_gain": cleared.gap_of_gain,
        "lower_bound": cleared.lower_bound,
        "cost": cleared.cost,
        "cost_alone": cleared.cost_alone,
        "charges": cleared.charges,
        "agents": [
            {"name": agent.name, "net_kw": agent.net_kw, "marginal_cost": agent.marginal_cost}
            for agent in cleared.agents
        ],
        "trades": [
            {"seller": trade.seller, "buyer": trade.buyer, "power_kw": trade.power_kw, "price": trade.price}
            for trade in cleared.trades
        ],
    }


def json_faults(path: Path, *, inputs: Iterable[Path]) -> list[Fault]:
    """Why the outcome may not be written to the file; none where it may.

    It is a new file, an empty one, no file on a disk at all (`/dev/stdout`), or an earlier outcome: nothing else is
    replaced, least of all one of the `inputs`.
    """
    return output_faults("--json", path, is_ours=_is_outcome, what="the outcome of a clearing", inputs=inputs)


def _is_outcome(text: str) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and set(found) >= KEYS_OF_AN_OUTCOME


def write_json(cleared: PlainClearing, path: Path) -> None:
    """Write `as_json` to a file, whole or not at all. Raises BadInput where that cannot be.

    An earlier file is replaced, not written into: where another name stands for the same file, it keeps what it had.
    """
    text = json.dumps(as_json(cleared), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_whole("--json", path, text)


def render(cleared: PlainClearing) -> str:
    """The outcome for a reader: how good, what it costs, the largest net sales and trades."""
    heading = f"Plain market, one hour, {cleared.method}: {cleared.status}"
    if cleared.cause is not None:
        heading += f"\n  {cleared.cause}"
    if cleared.cost is None:
        return heading
    return "\n".join([heading, *_money(cleared), *_agents(cleared), *_trades(cleared)])


def _money(cleared: PlainClearing) -> list[str]:
    gap = "" if cleared.relative_gap is None else f"relative gap {cleared.relative_gap:.1e}"
    count = "" if cleared.iterations is None else f", {cleared.iterations} iterations"
    cost = cleared.cost or 0.0
    return [
        f"  Certified: {gap}{count}",
        f"  Cost {_number(cost)} per hour, of which charges {_number(cleared.charges or 0.0)}"
        f" (welfare {_number(-cost)}); without trade {_number(cleared.cost_alone)}",
        f"  Traded {_number(sum(trade.power_kw for trade in cleared.trades))} kW in {len(cleared.trades)} trades",
    ]


def _agents(cleared: PlainClearing) -> list[str]:
    largest = sorted(cleared.agents, key=lambda agent: -abs(agent.net_kw))[:SHOWN]
    width = max([5, *(len(agent.name) for agent in largest)])
    rows = [f"  {agent.name:<{width}}{_number(agent.net_kw):>14}{agent.marginal_cost:>16.6g}" for agent in largest]
    header = f"  {'Agent':<{width}}{'net sale [kW]':>14}{'price [/kWh]':>16}"
    return [header, *rows, *_more(len(cleared.agents))]


def _trades(cleared: PlainClearing) -> list[str]:
    if not cleared.trades:
        return ["  No trades"]
    shown = cleared.trades[:SHOWN]
    seller = max([6, *(len(trade.seller) for trade in shown)])
    buyer = max([5, *(len(trade.buyer) for trade in shown)])
    rows = [
        f"  {trade.seller:<{seller}}  {trade.buyer:<{buyer}}{_number(trade.power_kw):>14}{trade.price:>16.6g}"
        for trade in shown
    ]
    header = f"  {'Seller':<{seller}}  {'buyer':<{buyer}}{'power [kW]':>14}{'price [/kWh]':>16}"
    return [header, *rows, *_more(len(cleared.trades))]


def _more(count: int) -> list[str]:
    return [f"  and {count - SHOWN} more"] if count > SHOWN else []


def _number(value: float) -> str:
    """Ordinary digits for ordinary sizes."""
    return f"{value:,.3f}" if 1e-2 <= abs(value) < 1e9 or value == 0 else f"{value:.4g}"
