"""Houses of one interval with a source, a load and a contract, and their clearing under limits."""

import numpy as np

from mosaik_p2p.market.negotiation.constrained_clearing import ConstrainedClearing, clear_constrained, connected
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel
from mosaik_p2p.prosumers.roles import Variable
from mosaik_p2p.units import ELECTRICITY

GAP = 1e-3


def house(
    name: str,
    *,
    source_kw: float = 0.0,
    source_price: float = 0.0,
    curvature: float = 0.0,
    load_kw: float = 0.0,
    worth: float = 0.0,
    steepness: float = 0.0,
    import_price: float = 0.5,
    export_price: float = 0.2,
) -> ProsumerModel:
    """One interval: a source, a load that must be served or (with `worth`) may be, and a contract."""
    builder = ModelBuilder(name, 1.0, 1, size_kw=10.0)
    if source_kw:
        source = Variable("source", "generator", "power")
        builder.variable(source, upper=source_kw, price=source_price, curvature=curvature, adds={ELECTRICITY: 1.0})
    if worth:
        load = Variable("load", "elastic_load", "power")
        builder.variable(load, upper=load_kw, price=-worth, curvature=steepness, adds={ELECTRICITY: -1.0})
    else:
        builder.fixed[ELECTRICITY] = np.array([load_kw])
    for quantity, price, share in (("import", import_price, 1.0), ("export", -export_price, -1.0)):
        builder.variable(Variable("grid", "contract", quantity), upper=1000.0, price=price, adds={ELECTRICITY: share})
    return builder.build(member=(True, False))


def cleared(
    market: MarketProblem, limits: Limits, *, gap: float = GAP, max_iterations: int = 5000
) -> tuple[MarketProblem, ConstrainedClearing]:
    """The market, ready for rows, and its clearing under them."""
    problem = connected(market)
    wanted = Settings(relative_gap=gap, max_iterations=max_iterations)
    return problem, clear_constrained(problem, limits, wanted, alone=Fleet(problem).alone)
