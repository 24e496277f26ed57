"""What an interval of the market comes to: what everyone puts on the networks, and the tables."""

from dataclasses import dataclass

from mosaik_p2p.errors import Status
from mosaik_p2p.market.over_time.realisation import Realised
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import ELECTRICITY, HEAT, Table


@dataclass(frozen=True)
class ProsumerDispatch:
    """What one prosumer puts on the networks: electric injection (+ feeds in) and heat (+ draws)."""

    prosumer: str
    injection_kw: float
    q_injection_kvar: float
    heat_draw_kw: float


@dataclass(frozen=True)
class IntervalOutcome:
    """A cleared interval. `tables` lack the columns that the co-simulation adds: time, round and binding."""

    status: Status
    dispatch: tuple[ProsumerDispatch, ...]
    tables: dict[str, Table]


def dispatch_of(prosumer: Prosumer, realised: Realised) -> ProsumerDispatch:
    """What `realised` at `prosumer` puts on the networks."""
    electric, heat = realised.exchanges.get(ELECTRICITY), realised.exchanges.get(HEAT)
    injection = electric.injection_kw if electric is not None and prosumer.bus is not None else 0.0
    draw = -heat.injection_kw if heat is not None and prosumer.junctions is not None else 0.0
    return ProsumerDispatch(
        prosumer=prosumer.name,
        injection_kw=injection,
        q_injection_kvar=realised.reactive_kvar(prosumer) if prosumer.bus is not None else 0.0,
        heat_draw_kw=draw,
    )
