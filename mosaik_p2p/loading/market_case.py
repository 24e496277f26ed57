"""From a loaded case to the market's own: charges measured on the networks."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.charges.posted import Posted, Views, partners_of, posted_charges
from mosaik_p2p.loading.operator.of_case import operator_of
from mosaik_p2p.market.algorithm_registry import ALGORITHMS
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.reputation import ReputationRule
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.units import CARRIERS


def market_case(case: Case) -> MarketCase:
    """The market of `case`."""
    market, time = case.scenario.market, case.scenario.time
    known, posted, design = market.reputation, market_charges(case), market.chosen_design
    negotiation = case.scenario.negotiation
    is_ahead = negotiation.enabled and time.clearing == "day_ahead"
    return MarketCase(
        prosumers=case.prosumers,
        charges=posted.pairs,
        day=np.asarray(case.day, dtype=np.int64),
        dt_h=case.dt_h,
        steps=time.steps,
        horizon_steps=time.horizon_steps,
        settings=Settings(
            form=market.form,
            # What code the scenario may name was settled when it was read.
            algorithm=ALGORITHMS.find(market.algorithm, allow_code=True),
            relative_gap=market.relative_gap,
            max_iterations=market.max_iterations,
        ),
        on_not_converged=market.on_not_converged,
        clearing=time.clearing,
        final_at_end=time.final_at_end,
        reputation=ReputationRule(known.benefit_per_kwh, known.growth) if known.benefit_per_kwh > 0 else None,
        place=posted.place,
        design=design,
        operator=operator_of(case) if design.asks_networks or is_ahead else None,
        operator_ahead=operator_of(case) if negotiation.enabled and negotiation.limits_ahead and not is_ahead else None,
        rounds_ahead=negotiation.max_rounds if is_ahead else None,
    )


def market_charges(case: Case, views: Views | None = None) -> Posted:
    """What a case posts, for those pairs alone that may trade, beside what pairs put on trading with each other;
    `views` as for `posted_charges`."""
    posted = posted_charges(case, views)
    return replace(posted, pairs=_with_preferences(case, _among_partners(case, posted.pairs)))


def _among_partners(case: Case, charges: tuple[AnyCharges, ...]) -> tuple[AnyCharges, ...]:
    """The charges, for those pairs alone that may trade."""
    partners = partners_of(case)
    return charges if partners is None else tuple(own.with_partners(partners) for own in charges)


def _with_preferences(case: Case, charges: tuple[AnyCharges, ...]) -> tuple[AnyCharges, ...]:
    """The charges beside what pairs put on trading with each other."""
    stated = case.scenario.market.preferences
    if not stated:
        return charges
    at = {prosumer.name: n for n, prosumer in enumerate(case.prosumers)}
    terms = np.zeros((len(CARRIERS), 2, len(at), len(at)))
    for one in stated:
        c, i, j = CARRIERS.index(one.carrier), at[one.pair[0]], at[one.pair[1]]
        terms[c, :, i, j] = terms[c, :, j, i] = one.a, one.b
    pairs = zip(charges, terms, strict=True)
    return tuple(own.with_preferences(a, b) if a.any() or b.any() else own for own, (a, b) in pairs)


def design_faults(scenario: Scenario) -> list[Fault]:
    """Parts of a market's design that exclude each other."""
    faults = []
    if scenario.negotiation.enabled and not scenario.market.chosen_design.negotiates:
        problem = f"the design {scenario.market.design} keeps the networks' limits by itself"
        faults.append(Fault("negotiation.enabled", "true", problem, "Use false, or another market.design."))
    if scenario.market.form == "network" and scenario.market.reputation.benefit_per_kwh > 0:
        problem = "reputation differs from pair to pair, which no path through a network does"
        faults.append(Fault("market.form", "'network'", problem, 'Use "auto", "partners" or "bilateral".'))
    if scenario.market.form == "network" and scenario.market.partners is not None:
        problem = "partners are pairs, which no path through a network keeps apart"
        faults.append(Fault("market.form", "'network'", problem, 'Use "auto", "partners" or "bilateral".'))
    if scenario.market.form == "network" and scenario.market.preferences:
        problem = "preferences differ from pair to pair, which no path through a network does"
        faults.append(Fault("market.form", "'network'", problem, 'Use "auto", "partners" or "bilateral".'))
    return faults


def form_faults(case: Case) -> list[Fault]:
    """Networks that the market's form cannot have. Only the charges of a case that is sound otherwise show them."""
    if case.scenario.market.form != "network":
        return []
    charges = zip(CARRIERS, posted_charges(case).pairs, strict=True)
    remedy = 'Use "auto", "partners" or "bilateral".'
    problems = [
        f"the charges of {carrier} are no lengths of ways on a radial network"
        for carrier, posted in charges
        if posted.tree is None
    ]
    if not case.scenario.market.chosen_design.has_trades:
        problems.append("nobody has a partner there")
    if case.scenario.market.reputation.benefit_per_kwh > 0:
        problems.append("a network knows no reputation of single pairs")
    return [Fault("market.form", "'network'", problem, remedy) for problem in problems]
