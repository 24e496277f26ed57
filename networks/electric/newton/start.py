"""A start for a power flow that is next to its solution: Newton's method on the kept admittances, with a kept Jacobian.

pandapower's own iterations rebuild their matrices each time, which at a few dozen buses takes far longer than solving
with them. Here the Jacobian of an earlier solution is factorised once and used as long as it serves (the chord method);
an iteration is then one product and two triangular solves. The powers only have to be nearly those of pandapower: it
starts from what is found here, computes its own mismatch and iterates on where that is too large.

The chord method does not slip to the branch of low voltages: beyond the nose of the voltage curve the Jacobian's
determinant has turned round, and with one from before it those solutions repel the iteration.
"""

from typing import Any

import numpy as np
from pandapower import pandapowerNet
from pandapower.pypower.idx_bus import VA, VM
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import splu

from mosaik_p2p.networks.electric.counted import COUNTED, entering_mva
from mosaik_p2p.networks.electric.response.jacobian import ComplexArray, jacobian, unknowns
from mosaik_p2p.units import IntArray

TOLERANCE_MVA = 1e-9
"""A tenth of pandapower's own."""
MOST_ITERATIONS = 12
FEW_ITERATIONS = 9
"""With more than these the Jacobian is too old."""
RENEWALS, BETWEEN = 6, 5
"""From a state that is not next to the solution: Jacobians at most, and iterations with each."""


class NearStart:
    """Starts for one network in which the powers of its elements change and nothing else."""

    def __init__(self, net: pandapowerNet) -> None:
        """`net` has all its elements."""
        self.iterations = 0
        """That the last start took; 0 where there was none to be found, or none needed."""
        self._net = net
        self._factors: Any = None
        self._tables = [table for table in COUNTED if len(net[table])]
        buses = [net[table]["bus"].to_numpy(dtype=np.int64) for table in self._tables]
        self._buses: IntArray = np.concatenate([*buses, np.empty(0, dtype=np.int64)])

    def begin(self, net: pandapowerNet) -> None:
        """Start from a solution that pandapower has found from nothing."""
        internal = net._ppc["internal"]
        self.iterations = 0
        self._admittance: csr_matrix = csr_matrix(internal["Ybus"])
        self._base_mva = float(internal["baseMVA"])
        pv, self._pq = (np.asarray(internal[kind], dtype=np.int64) for kind in ("pv", "pq"))
        self._pvpq: IntArray = np.concatenate([pv, self._pq])
        self._at = np.asarray(net._pd2ppc_lookups["bus"], dtype=np.int64)[self._buses]
        self._entering = self._entering_mva()
        count = len(internal["V"])
        self._unknowns = unknowns(pv, self._pq, count)
        # With elements out of service pandapower's tables are longer than its matrices: too much to follow here.
        usable = len(net._ppc["bus"]) == count and bool(((self._at >= 0) & (self._at < count)).all())
        usable = usable and self._unknowns.count > 0
        self._factors = self._factorised(np.asarray(internal["V"])) if usable else None

    def prepare(self, net: pandapowerNet) -> None:
        """Put voltages next to the next solution where pandapower will start from; no change if none are found."""
        self.iterations = 0
        if self._factors is None:
            return
        entering = self._entering_mva()
        powers = np.array(net._ppc["internal"]["Sbus"], dtype=np.complex128)
        np.add.at(powers, self._at, (entering - self._entering) / self._base_mva)
        self._entering = entering
        voltage = self.towards(net, powers)
        if self.iterations and voltage is not None:
            table = net._ppc["bus"]
            table[:, VM], table[:, VA] = np.abs(voltage), np.angle(voltage, deg=True)

    def towards(self, net: pandapowerNet, powers: ComplexArray) -> ComplexArray | None:
        """(buses,) voltages by which these powers in p.u. are met, from those of the last solution; None where none are
        found."""
        self.iterations = 0
        if self._factors is None:
            return None
        last = np.asarray(net._ppc["internal"]["V"], dtype=np.complex128)
        voltage, is_met = self._iterated(last, powers, MOST_ITERATIONS)
        if not is_met:
            self.iterations = 0
            return None
        if self.iterations > FEW_ITERATIONS:
            self._factors = self._factorised(voltage)
        return voltage

    @property
    def factors(self) -> Any:
        """The factorised Jacobian in use; None where there is no start to be found."""
        return self._factors

    def from_afar(self, start: ComplexArray, factors: Any, powers: ComplexArray) -> ComplexArray | None:
        """The same from voltages `start` that need not be near, with their own Jacobian first."""
        self._factors, self.iterations, voltage = factors, 0, start
        for _ in range(RENEWALS):
            voltage, is_met = self._iterated(voltage, powers, BETWEEN)
            if is_met:
                return voltage
            if not np.isfinite(voltage).all():
                break
            try:
                self._factors = self._factorised(voltage)
            except RuntimeError:  # a singular matrix
                break
        self.iterations = 0
        return None

    def _entering_mva(self) -> ComplexArray:
        """What every element in service with a power of its own feeds in, active and reactive."""
        return np.concatenate([np.empty(0), *(entering_mva(self._net, table) for table in self._tables)])

    # Where there is no solution the iteration runs away; it is counted, and its end is not used.
    @np.errstate(all="ignore")
    def _iterated(self, start: ComplexArray, powers: ComplexArray, most: int) -> tuple[ComplexArray, bool]:
        """Voltages after at most so many iterations, which it counts, and whether the powers are met by them."""
        magnitude, angle, voltage = np.abs(start), np.angle(start), start
        tolerance = TOLERANCE_MVA / self._base_mva
        for _ in range(most):
            missing = voltage * np.conj(self._admittance @ voltage) - powers
            mismatch = np.concatenate([missing.real[self._pvpq], missing.imag[self._pq]])
            if np.abs(mismatch).max() < tolerance:
                return voltage, True
            self.iterations += 1
            step = self._factors.solve(mismatch)
            angle[self._pvpq] -= step[: len(self._pvpq)]
            magnitude[self._pq] -= step[len(self._pvpq) :]
            voltage = magnitude * np.exp(1j * angle)
        return voltage, False

    def _factorised(self, voltage: ComplexArray) -> Any:
        return splu(jacobian(self._admittance, voltage, self._unknowns))
