"""What the negotiation did: rounds, what it cost, and the surcharges that were left at its end."""

from typing import Any

import pandas as pd

from mosaik_p2p.results.store.reading import Results

MOVES = {"surcharges": "by surcharges", "envelope": "by operating envelopes", "towards_solvable": "by moving back"}
"""How the last dispatch of an interval came about, to how that is said."""


def negotiated_times(results: Results) -> pd.Series:
    """Begins of the intervals that had more than one round."""
    times: pd.Series = results.binding.loc[results.binding["round"] > 0, "time"]
    return times


def welfare_cost(results: Results) -> pd.DataFrame:
    """Per negotiated interval: time, rounds, money by which the last clearing costs more than the first, and the part
    of it that lies within the gaps of the two."""
    clearing = results["clearing"]
    first = clearing[clearing["round"] == 0].set_index("time")
    last = results.binding[results.binding["round"] > 0].set_index("time")
    before = first.reindex(last.index)
    frame = pd.DataFrame(
        {
            "rounds": last["round"],
            "cost": last["cost"] - before["cost"],
            "uncertain": (last["cost"] - last["lower_bound"]) + (before["cost"] - before["lower_bound"]),
        }
    )
    return frame.reset_index()


def negotiation_summary(results: Results) -> dict[str, Any] | None:
    """For `summary.json`; None where no interval was negotiated and nothing is known to be beyond negotiation.

    Where limits of look-aheads are held, every interval's clearing costs more by those of the intervals behind it: a
    sum would count them again and again, so there is none.
    """
    cost, beyond_hours = welfare_cost(results), _beyond_hours(results)
    is_sum = not results.facts.holds_limits_ahead
    if cost.empty and not beyond_hours:
        return None
    moves = _last_moves(results)
    return {
        "intervals": len(cost),
        "rounds": {"mean": float(cost["rounds"].mean()), "max": float(cost["rounds"].max())} if len(cost) else None,
        "moves": {move: int((moves == move).sum()) for move in MOVES},
        "welfare_cost": float(cost["cost"].sum()) if is_sum else None,
        "welfare_cost_uncertain": float(cost["uncertain"].sum()) if is_sum else None,
        "beyond_influence_hours": beyond_hours,
        "surcharge_per_kwh": _surcharges(results),
    }


def _last_moves(results: Results) -> pd.Series:
    moves: pd.Series = results.of_binding_round("negotiation").drop_duplicates("time")["move"]
    return moves


def _beyond_hours(results: Results) -> float:
    """Hours with a violated limit that prosumers cannot mend."""
    rows = results.of_binding_round("violations")
    beyond = rows[rows["prosumers_can_influence"].eq(False).fillna(False).astype(bool)]
    return float(beyond["time"].nunique() * results.facts.dt_h)


def _surcharges(results: Results) -> dict[str, dict[str, dict[str, float]]]:
    """By carrier and prosumer: mean, lowest and highest final surcharge over the negotiated intervals."""
    rows = results["prosumers"]
    rows = rows[rows["time"].isin(negotiated_times(results))].dropna(subset=["surcharge_per_kwh"])
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (carrier, name), values in rows.groupby(["carrier", "prosumer"])["surcharge_per_kwh"]:
        ends = {"mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}
        found.setdefault(str(carrier), {})[str(name)] = ends
    return found
