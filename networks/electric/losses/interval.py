"""One interval of an electric network, as the rules of `allocation` ask for it: every answer is a power flow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from mosaik_p2p.networks.electric.counted import Asked, Element, Factors
from mosaik_p2p.networks.electric.losses.allocation import LossSlope, NotSolved
from mosaik_p2p.units import FloatArray


class Flow(Protocol):
    """What is asked of `PowerFlow`."""

    @property
    def can_answer(self) -> bool:
        """See PowerFlow."""
        ...

    def failure(
        self,
        injections: Mapping[int, tuple[float, float]],
        *,
        background_scaling: float,
        generation_scaling: float = 1.0,
        replaced_loads: frozenset[Element] = frozenset(),
    ) -> str | None:
        """See PowerFlow."""
        ...

    def loss_slope(self, buses: Sequence[int]) -> LossSlope:
        """See PowerFlow."""
        ...

    def loss_slopes(self, asked: Sequence[Asked], buses: Sequence[int]) -> list[LossSlope | None]:
        """See PowerFlow."""
        ...

    def z_bus_slope(self, buses: Sequence[int]) -> LossSlope:
        """See PowerFlow."""
        ...


@dataclass(frozen=True, kw_only=True)
class IntervalLosses:
    """See `LossyNetwork`."""

    flow: Flow
    """Made for the buses of the prosumers."""
    buses: Sequence[int | None]
    """Of each prosumer; None: it is not connected, and loses nothing."""
    injection_kw: FloatArray
    reactive_kvar: FloatArray
    caused_kw: float
    background_scaling: float
    generation_scaling: float
    replaced_loads: frozenset[Element] = field(default_factory=frozenset)
    known: Mapping[float, LossSlope] = field(default_factory=dict)
    """By share of all injections: slopes that were found together with those of others."""

    def slope_at(self, share: float) -> LossSlope:
        """See LossyNetwork."""
        if share in self.known:
            return self._of_all(self.known[share])
        self._solve(share)
        return self._of_all(self.flow.loss_slope(self.connected) if self.flow.can_answer else None)

    def through_resistances(self) -> LossSlope:
        """See LossyNetwork."""
        self._solve(1.0)
        return self._of_all(self.flow.z_bus_slope(self.connected) if self.flow.can_answer else None)

    @property
    def connected(self) -> list[int]:
        """The buses of those that are connected."""
        return [bus for bus in self.buses if bus is not None]

    def injected(self, share: float) -> dict[int, tuple[float, float]]:
        """By bus, kW and kvar of this share of all injections."""
        injected: dict[int, tuple[float, float]] = {}
        for bus, power, reactive in zip(self.buses, self.injection_kw, self.reactive_kvar, strict=True):
            if bus is not None:
                before = injected.get(bus, (0.0, 0.0))
                injected[bus] = (before[0] + share * float(power), before[1] + share * float(reactive))
        return injected

    def asked(self, share: float) -> Asked:
        """The interval with this share of all injections."""
        factors = Factors(self.background_scaling, self.generation_scaling, self.replaced_loads)
        return Asked(injections=self.injected(share), factors=factors)

    def _solve(self, share: float) -> None:
        failure = self.flow.failure(
            self.injected(share),
            background_scaling=self.background_scaling,
            generation_scaling=self.generation_scaling,
            replaced_loads=self.replaced_loads,
        )
        if failure is not None:
            raise NotSolved(failure)

    def _of_all(self, connected: LossSlope | None) -> LossSlope:
        """None: of slacks alone, where nothing that is injected flows."""
        per_kw, per_kvar = np.zeros((2, len(self.buses)))
        if connected is not None:
            at = [place for place, bus in enumerate(self.buses) if bus is not None]
            per_kw[at], per_kvar[at] = connected.per_kw, connected.per_kvar
        return LossSlope(per_kw=per_kw, per_kvar=per_kvar)


def with_known_slopes(networks: Sequence[IntervalLosses], shares: Sequence[float]) -> list[IntervalLosses]:
    """Intervals of one network, with what slopes at these shares could be found for all at once."""
    if not networks or not shares:
        return list(networks)
    asked = [network.asked(share) for network in networks for share in shares]
    slopes = iter(networks[0].flow.loss_slopes(asked, networks[0].connected))
    found = [zip(shares, [next(slopes) for _ in shares], strict=True) for _ in networks]
    return [
        replace(network, known={share: slope for share, slope in pairs if slope is not None})
        for network, pairs in zip(networks, found, strict=True)
    ]
