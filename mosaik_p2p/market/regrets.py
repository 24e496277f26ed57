"""How far a clearing is from an equilibrium: what each one would save by doing as it likes at the published prices.

    regret_i = cost_i(x_i) - dt sum lambda_i s_i - min over i's own limits of the same

with x_i as cleared, s_i what that sells (or, where the network holds the contracts, injects) and lambda_i its own
price; and of the network, which buys and sells at all of these prices and pays the charges, what that costs it less the
least that it could. None is below zero, and together they are the cost less the lower bound at these prices (weak
duality): at an equilibrium all vanish. Storages, which in a dispatch go one way at a time, count as free to go both
ways in the minimum: there a regret is an upper bound.
"""

from dataclasses import dataclass

from mosaik_p2p.market.network_step.base import Form
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Regrets:
    """Money over the look-ahead."""

    prosumers: FloatArray
    """(N,)"""
    network: float
    """Zero where every trade, and none that is not made, pays for its way."""

    @property
    def total(self) -> float:
        """What the clearing costs beyond the lower bound at its prices."""
        return float(self.prosumers.sum()) + self.network


def regrets_at(
    fleet: Fleet, form: Form, price_per_kwh: FloatArray, sale_kw: FloatArray, *, own_cost: FloatArray, cost: float
) -> Regrets:
    """The regrets of net sales (C, T, N) at prices (C, T, N), which cost everyone `own_cost` (N,) and all together,
    charges included, `cost` money."""
    own = own_regrets(fleet, price_per_kwh, sale_kw, cost=own_cost)
    charges, sold = cost - float(own_cost.sum()), float(_earned(fleet, price_per_kwh, sale_kw).sum())
    return Regrets(own, charges + sold + form.concession(price_per_kwh))


def own_regrets(fleet: Fleet, price_per_kwh: FloatArray, exchange_kw: FloatArray, *, cost: FloatArray) -> FloatArray:
    """(N,) what the prosumers of `fleet`, as they stand in it, would save at prices (C, T, N): they exchange (C, T, N),
    sales or, of those without contracts of their own, injections, at their own `cost` (N,). One more solve each."""
    result: FloatArray = cost - _earned(fleet, price_per_kwh, exchange_kw) - fleet.bounds(price_per_kwh, improve=True)
    return result


def _earned(fleet: Fleet, price_per_kwh: FloatArray, exchange_kw: FloatArray) -> FloatArray:
    """(N,) money for what is exchanged."""
    result: FloatArray = fleet.problem.dt_h * (price_per_kwh * exchange_kw).sum(axis=(0, 1))
    return result
