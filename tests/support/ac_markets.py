"""Markets of one interval on a real feeder, negotiated with its AC power flow, beside an AC-constrained optimum.

The optimum is found by a second road: sequential quadratic programming on pandapower's own power flow, its slopes by
finite differences, its steps by scipy. Members' cost without surcharges, losses unpriced, unity power factors.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.optimize import minimize

from limit_tables import electric_checks
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.elastic_load import ElasticLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.limits.checking import violations
from mosaik_p2p.limits.influence import judged
from mosaik_p2p.limits.rows import LimitKey, Movers, limit_rows
from mosaik_p2p.limits.stated import ElementLimit, NetworkLimits
from mosaik_p2p.market.negotiation.protocol import NetworkReport
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.outcome import IntervalOutcome, ProsumerDispatch
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_case
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer
from mosaik_p2p.units import FloatArray

MOST_OUTCOMES = 40
STEP_KW = 1.0
"""Of the finite differences."""
AT_REST_KW = 2e-3
MOST_STEPS = 40
FAR_PERCENT, FAR_PU = 60.0, 0.05
"""What is farther than this from its limit does not bind after one step."""
KEPT = 1e-6
"""Share of a limit by which an optimum may break it: the rounding of a step."""
CONTRACT_KW = 5000.0


@dataclass(frozen=True)
class Offer:
    """A generator or an elastic load at a bus: injecting x kW costs `price x + slope/2 x^2`, both for x < 0 (a load's
    worth) and x > 0."""

    bus: int
    kw: float
    price: float
    slope: float


@dataclass(frozen=True)
class AcMarket:
    """What is offered where, and the limits of the network."""

    network: str
    background: float
    generators: tuple[Offer, ...]
    loads: tuple[Offer, ...]
    voltage_pu: tuple[float, float] = (0.5, 1.5)
    loading_percent: float = 1e6
    own_loading: dict[str, float] = field(default_factory=dict)
    """Line to its own limit, %."""
    tariff: tuple[float, float | None] | None = None
    """Import and export price of everybody's contract (None: no export); None: nobody has one."""

    @cached_property
    def feeder(self) -> ElectricNetwork:
        """The network."""
        return electric_case(self.network)

    @cached_property
    def flow(self) -> PowerFlow:
        """Its power flow."""
        return PowerFlow(self.feeder, prosumer_buses={offer.bus for offer in self.offers})

    @cached_property
    def limits(self) -> NetworkLimits:
        """As the check takes them."""
        own = tuple(ElementLimit("line_loading", name, limit) for name, limit in self.own_loading.items())
        low, high = self.voltage_pu
        return NetworkLimits({"voltage_min": low, "voltage_max": high, "line_loading": self.loading_percent}, own)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Generators first."""
        return self.generators + self.loads

    @property
    def names(self) -> tuple[str, ...]:
        """Of the prosumers, one for each offer."""
        return tuple(f"P{n}" for n in range(len(self.offers)))

    def case(self, relative_gap: float) -> MarketCase:
        """The market's own."""
        count = len(self.offers)
        charges = (no_charges(np.zeros(count, dtype=np.int64)), no_charges(np.full(count, -1)))
        prosumers = tuple(self._prosumer(n) for n in range(count))
        settings = Settings(relative_gap=relative_gap)
        return MarketCase(prosumers, charges, np.zeros(1, dtype=np.int64), 1.0, 1, 1, settings, "stop")

    def _prosumer(self, n: int) -> Prosumer:
        offer = self.offers[n]
        device = (
            Generator("generator", 0.0, offer.kw, offer.price, offer.slope)
            if n < len(self.generators)
            else ElasticLoad("load", "electricity", offer.kw, offer.price, offer.slope)
        )
        contracts = () if self.tariff is None else (_contract(*self.tariff),)
        return Prosumer(self.names[n], offer.bus, None, 1.0, (device,), contracts)

    def report(self, dispatch: tuple[ProsumerDispatch, ...], kept: frozenset[LimitKey] = frozenset()) -> NetworkReport:
        """What the electric grid of the co-simulation answers to a dispatch; `kept` are the rows of earlier answers."""
        found = self.flow.solve(_at_buses(self, dispatch), background_scaling=self.background)
        if not found.buses["bus"]:
            return NetworkReport(False, frozenset(), ())
        checks = electric_checks(found.buses, found.lines, found.transformers, self.limits)
        injection = {entry.prosumer: entry.injection_kw for entry in dispatch}
        movers = Movers(sources=self.names, injection_kw=injection, responses=self.flow.response(self._buses))
        rows = limit_rows(checks, movers, kept=kept)
        items = judged(violations(checks), rows, injection)
        broken = frozenset((item.element, item.quantity) for item in items)
        return NetworkReport(True, broken, tuple(rows))

    @property
    def _buses(self) -> list[int]:
        return [offer.bus for offer in self.offers]

    # -- the optimum --------------------------------------------------------------------------------------------

    def cost(self, x: FloatArray) -> float:
        """Money that injections x cost all together, the contracts at what is left."""
        price, slope = (np.array([getattr(offer, key) for offer in self.offers]) for key in ("price", "slope"))
        left = float(x.sum())
        bought, sold = self.tariff or (0.0, 0.0)
        return float(price @ x + slope / 2 @ x**2) + (bought * max(-left, 0.0) - (sold or 0.0) * max(left, 0.0))

    def excess(self, x: FloatArray) -> FloatArray:
        """By how much every limit is violated, as a share of it; negative where there is room."""
        at: dict[int, tuple[float, float]] = {}
        for bus, kw in zip(self._buses, x, strict=True):
            at[bus] = at.get(bus, (0.0, 0.0))[0] + float(kw), 0.0
        found = self.flow.solve(at, background_scaling=self.background)
        voltage = np.array(found.buses["vm_pu"])
        loading = np.array(found.lines["loading_percent"])
        limit = np.array([self.own_loading.get(line, self.loading_percent) for line in found.lines["element"]])
        return np.concatenate(
            [self.voltage_pu[0] - voltage, voltage - self.voltage_pu[1], (loading - limit) / np.maximum(limit, 1.0)]
        )

    @cached_property
    def optimum(self) -> tuple[float, FloatArray] | None:
        """Cost and injections of the AC-constrained optimum; None where no injections keep the limits."""
        x = np.zeros(len(self.offers))
        for _ in range(MOST_STEPS):
            value = self.excess(x)
            slope = np.array([(self.excess(x + STEP_KW * unit) - value) / STEP_KW for unit in np.eye(len(x))]).T
            following = self._step(x, value, slope)
            moved, x = float(np.abs(following - x).max()), following
            if moved < AT_REST_KW:
                break
        return (self.cost(x), x) if self.excess(x).max() <= KEPT else None

    def _step(self, x: FloatArray, value: FloatArray, slope: FloatArray) -> FloatArray:
        """The optimum with the limits linear around x. Variables: injections, import and export, in 100 kW."""
        unit, count = 100.0, len(x)
        price, curve = (np.array([getattr(offer, key) for offer in self.offers]) for key in ("price", "slope"))
        bought, sold = self.tariff or (0.0, 0.0)
        most_in, most_out = (0.0 if p is None else CONTRACT_KW / unit for p in self.tariff or (None, None))
        scale = float(np.abs(price).max()) * unit
        linear = np.concatenate([price, [bought, -(sold or 0.0)]]) * unit / scale
        square = np.concatenate([curve, [0.0, 0.0]]) * unit**2 / scale
        near = value > -0.3
        rows = np.hstack([slope[near] * unit, np.zeros((near.sum(), 2))])
        room = slope[near] @ x - value[near]
        balance = np.concatenate([np.ones(count), [1.0, -1.0]])
        bounds = [(0.0, o.kw / unit) for o in self.generators] + [(-o.kw / unit, 0.0) for o in self.loads]
        found = minimize(
            lambda z: linear @ z + 0.5 * square @ z**2,
            np.concatenate([x / unit, [0.0, 0.0]]),
            jac=lambda z: linear + square * z,
            bounds=[*bounds, (0.0, most_in), (0.0, most_out)],
            constraints=[
                {"type": "eq", "fun": lambda z: balance @ z, "jac": lambda _: balance},
                {"type": "ineq", "fun": lambda z: room - rows @ z, "jac": lambda _: -rows},
            ],
            method="SLSQP",
            options={"maxiter": 300, "ftol": 1e-12},
        )
        return np.asarray(found.x[:count]) * unit


def _contract(bought: float, sold: float | None) -> Contract:
    export = None if sold is None else np.array([sold])
    return Contract(
        "grid", "electricity", np.array([bought]), export, CONTRACT_KW, 0.0 if sold is None else CONTRACT_KW
    )


def _at_buses(market: AcMarket, dispatch: tuple[ProsumerDispatch, ...]) -> dict[int, tuple[float, float]]:
    bus_of = {name: offer.bus for name, offer in zip(market.names, market.offers, strict=True)}
    at: dict[int, tuple[float, float]] = {}
    for entry in dispatch:
        before = at.get(bus_of[entry.prosumer], (0.0, 0.0))
        at[bus_of[entry.prosumer]] = before[0] + entry.injection_kw, before[1] + entry.q_injection_kvar
    return at


def negotiated(market: AcMarket, relative_gap: float, *, max_rounds: int = 10) -> list[IntervalOutcome]:
    """All outcomes until the market accepts; every one of them has been checked."""
    rolling = RollingMarket(market.case(relative_gap))
    outcomes, kept = [rolling.clear(0)], frozenset[LimitKey]()
    while len(outcomes) < MOST_OUTCOMES:
        answer = market.report(outcomes[-1].dispatch, kept)
        kept |= {row.key for row in answer.rows}
        following = rolling.negotiate({"electricity": answer}, max_rounds=max_rounds)
        if following is None:
            return outcomes
        outcomes.append(following)
    raise AssertionError("the negotiation does not end")


def drawn(seed: int) -> AcMarket:
    """A random market of 2 to 10 prosumers whose free clearing breaks limits that injections can keep."""
    rng = np.random.default_rng(seed)
    while True:
        market = _drawn(rng)
        free = RollingMarket(market.case(1e-3)).clear(0)
        if market.report(free.dispatch).broken and market.optimum is not None:
            return market


def _drawn(rng: np.random.Generator) -> AcMarket:
    network, buses = (("bus15", 15), ("bus33", 33))[int(rng.integers(2))]
    count = int(rng.integers(2, 11))
    places = rng.choice(np.arange(1, buses), size=count, replace=False).tolist()
    generators = int(rng.integers(1, count))
    unit = 10.0 ** rng.uniform(-0.5, 1.0)
    flat = rng.random() < 0.3
    offers = [
        Offer(
            bus,
            float(np.round(rng.uniform(80.0, 300.0))),
            unit * float(rng.uniform(0.03, 0.1) if n < generators else rng.uniform(0.2, 0.4)),
            unit * (0.0 if flat else float(rng.uniform(0.5e-4, 4e-4))),
        )
        for n, bus in enumerate(places)
    ]
    return AcMarket(
        network,
        float(rng.uniform(0.6, 1.0)),
        tuple(offers[:generators]),
        tuple(offers[generators:]),
        voltage_pu=(float(rng.uniform(0.91, 0.95)), 1.05),
        loading_percent=float(rng.uniform(50.0, 110.0)),
        tariff=(0.2 * unit, 0.08 * unit) if rng.random() < 0.5 else None,
    )
