"""What the networks lose, and how much of it the prosumers cause: with them, less with nobody there, hour by hour."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mosaik_p2p.errors import Status
from mosaik_p2p.results.store.reading import Results, once
from mosaik_p2p.settlement.ledger import ALONE, IN_MARKET, NOBODY, LossPrices, losses_paid
from mosaik_p2p.units import ELECTRICITY, HEAT

FLOWS, VIOLATIONS = "flows_without_market", "violations_without_market"
"""Tables of the days without the market."""
CAUSED, WHOLE = "caused", "whole"
PRICED, NOT_PRICED, PARTLY_KNOWN, NOT_KNOWN = "priced", "not priced", "not known in every interval", "not known"
_KEYS = ["time", "network"]
_FIGURES = ["loss_kw", "pump_kw"]


@dataclass(frozen=True)
class CausedLoss:
    """What the prosumers cause of a network's losses over the run, kWh; None where an interval is not known."""

    market_kwh: float | None
    alone_kwh: float | None
    nobody_kwh: float | None
    """The whole network's losses with nobody there."""
    at_rest_h: float
    """Hours in which nothing flows with nobody there, so that all of a loss counts as caused."""


def whole_losses(results: Results, case: str) -> pd.DataFrame:
    """Per interval and network: loss_kw and pump_kw of the whole network; NaN where there is no solution."""
    return once(results, ("whole losses", case), lambda: _whole_losses(results, case))


def _whole_losses(results: Results, case: str) -> pd.DataFrame:
    if case == IN_MARKET:
        rows = results.of_binding_round("flows")
    else:
        rows = results[FLOWS]
        rows = rows[rows["case"] == case]
    frame = rows.set_index(_KEYS)[_FIGURES].astype(float)
    frame["pump_kw"] = frame["pump_kw"].fillna(0.0).where(frame["loss_kw"].notna())
    return frame


def caused_losses(results: Results, case: str) -> pd.DataFrame:
    """The same, less what is lost with nobody there; NaN where either is not known."""
    return once(results, ("caused losses", case), lambda: _caused_losses(results, case))


def _caused_losses(results: Results, case: str) -> pd.DataFrame:
    whole = whole_losses(results, case)
    return whole - whole_losses(results, NOBODY).reindex(whole.index)


def losses_that_count(results: Results, case: str) -> pd.DataFrame:
    """The losses that the operator pays in a case: caused ones, unless the scenario says the whole network's."""
    return whole_losses(results, case) if results.facts.losses == WHOLE else caused_losses(results, case)


def caused_loss(results: Results, network: str) -> CausedLoss:
    """The sums of a network over the run."""
    dt_h = results.facts.dt_h
    nobody = results[FLOWS]
    nobody = nobody[(nobody["case"] == NOBODY) & (nobody["network"] == network)]
    # Water that only bypasses keep moving loses heat, too.
    at_rest = nobody[(nobody["status"] == Status.IDLE) & (nobody["loss_kw"] == 0.0)]
    return CausedLoss(
        market_kwh=energy_kwh(caused_losses(results, IN_MARKET), network, results),
        alone_kwh=energy_kwh(caused_losses(results, ALONE), network, results),
        nobody_kwh=energy_kwh(whole_losses(results, NOBODY), network, results),
        at_rest_h=float(len(at_rest) * dt_h),
    )


def energy_kwh(losses: pd.DataFrame, network: str, results: Results) -> float | None:
    """The network's losses over all computed intervals; None where one of them is not known."""
    values = _of_network(losses, network, results)
    return float(values.sum() * results.facts.dt_h) if len(values) and values.notna().all() else None


def _of_network(losses: pd.DataFrame, network: str, results: Results) -> pd.Series:
    """The network's loss_kw in every computed interval; NaN where it is not known."""
    is_there = network in losses.index.get_level_values("network")
    own = losses["loss_kw"].xs(network, level="network") if is_there else pd.Series(dtype=float)
    return own.reindex(results.binding["time"])


def loss_prices(results: Results) -> dict[pd.Timestamp, LossPrices]:
    """What lost energy costs in each interval; heat as much as the supplier takes from those who pay it least."""
    return once(results, "loss prices", lambda: _loss_prices(results))


def _loss_prices(results: Results) -> dict[pd.Timestamp, LossPrices]:
    heat = results["prosumers"]
    lowest = heat[heat["carrier"] == HEAT].groupby("time")["import_price_per_kwh"].min().dropna()
    electric = results.facts.loss_price_per_kwh
    return {
        time: LossPrices(electric, float(lowest[time]) if time in lowest.index else None)
        for time in results.binding["time"]
    }


def cost_of_losses(results: Results, case: str) -> "pd.Series[float]":
    """By time and network: what the losses that count cost the operator; NaN where they are not known, 0 without price.

    Pumping counts with heat, whose network needs it, though it is electricity.
    """
    return _priced(results, losses_that_count(results, case), case)


def cost_of_caused_losses(results: Results) -> float | None:
    """What the losses that the prosumers cause in the market cost over the run, whichever ones the operator pays.

    None where no loss has a price, or one is not known.
    """
    caused, prices = caused_losses(results, IN_MARKET), loss_prices(results).values()
    if not any(price.electricity is not None or price.heat is not None for price in prices):
        return None
    cost = _priced(results, caused, IN_MARKET)
    return float(cost.sum()) if cost.notna().all() else None


def _priced(results: Results, losses: pd.DataFrame, case: str) -> "pd.Series[float]":
    """By time and network: what losses cost, loss_kw and pump_kw; NaN where they are not known."""
    counted, prices = losses, loss_prices(results)
    counted = counted[counted.index.get_level_values("time").isin(list(prices))]
    powers = zip(counted.index, counted["loss_kw"], counted["pump_kw"], strict=True)
    money = [
        sum(payment.money for payment in losses_paid(case, network, loss_kw, pump_kw, prices[time]))
        for (time, network), loss_kw, pump_kw in powers
    ]
    known = pd.Series(money, index=counted.index, dtype=float) * results.facts.dt_h
    return known.where(counted["loss_kw"].notna())


def pricing(results: Results, networks: Sequence[str], case: str = IN_MARKET) -> dict[str, str]:
    """By network: whether its losses have a price, and whether what counts of them is known in every interval."""
    prices = loss_prices(results).values()
    priced = {
        ELECTRICITY: all(price.electricity is not None for price in prices),
        HEAT: all(price.heat is not None for price in prices),
    }
    counted = losses_that_count(results, case)
    return {network: _known(counted, network, results) if priced[network] else NOT_PRICED for network in networks}


def _known(losses: pd.DataFrame, network: str, results: Results) -> str:
    values = _of_network(losses, network, results)
    if values.notna().all():
        return PRICED if len(values) else NOT_KNOWN
    return PARTLY_KNOWN if values.notna().any() else NOT_KNOWN
