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
    """Zero where every trade pays for its way and no other one would, and limits cost what keeping them is worth."""

    @property
    def total(self) -> float:
        """What the clearing costs beyond the lower bound at its prices."""
        return float(self.prosumers.sum()) + self.network


def regrets_at(
    fleet: Fleet, form: Form, price_per_kwh: FloatArray, exchange_kw: FloatArray, *, own_cost: FloatArray, cost: float
) -> Regrets:
    """The regrets of what is exchanged, (C, T, N), at prices (C, T, N) as `fleet` and `form` know them: net sales, or
    injections of those whose contracts the network holds. It costs everyone `own_cost` (N,) and all together, charges
    and whatever else the network minimises included, `cost` money. One more solve for each prosumer."""
    earned = fleet.problem.dt_h * (price_per_kwh * exchange_kw).sum(axis=(0, 1))
    own = own_cost - earned - fleet.bounds(price_per_kwh, improve=True)
    lower_bound = fleet.bound(price_per_kwh) - form.concession(price_per_kwh)
    return Regrets(own, cost - lower_bound - float(own.sum()))
