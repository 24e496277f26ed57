"""What the scenario may ask for when ADMM has not converged: the central solution in its place."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.certificate import certify
from mosaik_p2p.market.clearing import Clearing, published, settled
from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.iteration.driver import Outcome, Residuals, Start
from mosaik_p2p.market.network_step.bilateral import PairForm
from mosaik_p2p.market.one_way import cleared_one_way
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet


def cleared_centrally(problem: MarketProblem, failed: Clearing, settings: Settings) -> Clearing:
    """The central optimum as a clearing, certified like any other; `failed` itself where HiGHS fails too."""
    # Pyomo takes a second to import and is needed only here and in tests.
    from mosaik_p2p.market.reference.pyomo_model import solve_central

    try:
        central = solve_central(problem)
    except (RuntimeError, ValueError) as error:
        return replace(failed, cause=f"{failed.cause}; the central solver failed too: {error}")
    fleet = Fleet(solvable(problem))
    form = PairForm(fleet.problem)
    first, second = np.triu_indices(len(problem.models), 1)
    z = central.trade_kw[:, :, first, second]
    end = Start(np.concatenate([z, -z], axis=-1), central.price_per_kwh, failed.end.weight)
    certificate = certify(fleet, form, end.z, end.price_per_kwh, wanted=settings.relative_gap)
    # Central trades are reciprocal by construction; how near to the optimum they are, the certificate says.
    agreed = Residuals(primal=np.zeros(len(z)), dual=np.zeros(len(z)))
    outcome = Outcome(certificate.relative_gap <= settings.relative_gap, failed.iterations, agreed, certificate, end)
    cleared = settled(fleet, form, outcome, settings)
    if cleared.status is Status.GAP_OPEN:
        cleared = cleared_one_way(fleet, cleared, settings, None)
    cause = "; ".join(part for part in (f"solved centrally, since {failed.cause}", cleared.cause) if part)
    return published(replace(cleared, form="central", cause=cause, end=failed.end), problem.place)
