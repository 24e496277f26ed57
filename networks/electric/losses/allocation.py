"""To whom the losses of an electric network belong: four rules, as pure functions of a network in one interval.

Each prosumer i injects x_i kW and q_i kvar (+ into the network), and L is what the network loses. A rule gives what
each kW that i injects loses, and what its reactive power does: `L_i = per_kw_i x_i + reactive_kw_i`.

    ray        of Aumann and Shapley: the mean of the slopes dL/dx_i and dL/dq_i on the way from nobody there to all of
               them, all powers growing together, by three points of Gauss and Legendre. Adds up to what all of them
               cause: loss with them less loss with nobody there. Who relieves the network has less than nothing.
    z_bus      of Conejo, Galiana and Kockar (2001): `Re(conj(I_i) (R I)_i)` with the currents I of all that stands in
               the network, and R the real part of the inverse of the admittances with the slacks' buses left out. Adds
               up to the whole loss, the share of the network's other loads included, where there are no shunts.
    marginal   `x_i dL/dx_i` at the full injections: what the last kW costs. Does not add up, and is not scaled to: the
               sum can vanish.
    pro_rata   what all of them cause, by the size of x_i. Charges those, too, who relieve the network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mosaik_p2p.units import FloatArray

POINTS = 3
"""Of the ray. The loss is nearly a parabola of the injections, for which two would do."""
_AT, _WEIGHTS = np.polynomial.legendre.leggauss(POINTS)
RAY_SHARES = tuple(((_AT + 1.0) / 2.0).tolist())
SHARES: Mapping[str, tuple[float, ...]] = {"ray": RAY_SHARES, "marginal": (1.0,)}
"""Shares of all injections at which a rule asks for slopes."""


class NotSolved(Exception):
    """The network has no solution where a rule needs one."""


@dataclass(frozen=True, kw_only=True)
class LossSlope:
    """By how much the loss grows, kW per kW and per kvar that each prosumer injects more; (prosumers,)."""

    per_kw: FloatArray
    per_kvar: FloatArray


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """What is lost on account of each prosumer; (prosumers,)."""

    per_kw: FloatArray
    """Of each kW injected; less than nothing where it relieves the network."""
    reactive_kw: FloatArray
    """Of its reactive power."""

    def loss_kw(self, injection_kw: FloatArray) -> FloatArray:
        """(prosumers,) in all."""
        return np.asarray(self.per_kw * injection_kw + self.reactive_kw, dtype=np.float64)


class LossyNetwork(Protocol):
    """A network in one interval, with all that stands in it beside the prosumers."""

    @property
    def injection_kw(self) -> FloatArray:
        """(prosumers,) into the network."""
        ...

    @property
    def reactive_kvar(self) -> FloatArray:
        """(prosumers,) into the network."""
        ...

    @property
    def caused_kw(self) -> float:
        """What is lost with all prosumers there, less what is lost with nobody there."""
        ...

    def slope_at(self, share: float) -> LossSlope:
        """With this share of all injections. Raises NotSolved."""
        ...

    def through_resistances(self) -> LossSlope:
        """What each prosumer's kW and kvar, as a part of the currents at the full injections, lose by the z_bus rule.
        Raises NotSolved."""
        ...


def along_ray(network: LossyNetwork) -> Allocation:
    """See above."""
    slopes = [network.slope_at(share) for share in RAY_SHARES]
    return _allocated(
        network,
        LossSlope(
            per_kw=np.asarray(_WEIGHTS / 2.0 @ np.array([slope.per_kw for slope in slopes])),
            per_kvar=np.asarray(_WEIGHTS / 2.0 @ np.array([slope.per_kvar for slope in slopes])),
        ),
    )


def marginal(network: LossyNetwork) -> Allocation:
    """See above."""
    return _allocated(network, network.slope_at(1.0))


def z_bus(network: LossyNetwork) -> Allocation:
    """See above."""
    return _allocated(network, network.through_resistances())


def pro_rata(network: LossyNetwork) -> Allocation:
    """See above. Where nobody injects or draws active power it is allocated to nobody."""
    size_kw = float(np.abs(network.injection_kw).sum())
    share = network.caused_kw / size_kw if size_kw > 0.0 else 0.0
    return Allocation(per_kw=share * np.sign(network.injection_kw), reactive_kw=np.zeros_like(network.reactive_kvar))


def _allocated(network: LossyNetwork, slope: LossSlope) -> Allocation:
    return Allocation(per_kw=slope.per_kw, reactive_kw=slope.per_kvar * network.reactive_kvar)


RULES: Mapping[str, Callable[[LossyNetwork], Allocation]] = {
    "ray": along_ray,
    "z_bus": z_bus,
    "pro_rata": pro_rata,
    "marginal": marginal,
}
