"""Controllers of a net, pandapower's own, settled with a power flow of ours between their moves.

`run_control` of pandapower says in which order levels and controllers move, how often, and when they have settled.
What it calls the power flow is given from outside: limits of generators and loads that follow the voltage are seen to
there. What controllers have moved is put back before they settle anew, so that nothing depends on what was before.
"""

import warnings
from collections.abc import Callable

from pandapower import LoadflowNotConverged, pandapowerNet
from pandapower.auxiliary import ControllerNotConverged, NetCalculationNotConverged
from pandapower.control.run_control import ctrl_variables_default, run_control

from mosaik_p2p.networks.files.electric.control_build import controls_of
from mosaik_p2p.networks.files.numbers import some
from mosaik_p2p.networks.files.shapes import Stored

UNSETTLED = (NetCalculationNotConverged, ControllerNotConverged)
STUMBLES = (ValueError, AssertionError, NotImplementedError)
"""What the areas of reactive power raise where they overlap nowhere, or do not know what to say."""


def controls_told(net: pandapowerNet) -> dict[str, list[str]]:
    """By kind of controller, which elements each one controls."""
    told: dict[str, list[str]] = {}
    for control in controls_of(net):
        model = control.stored.state.get("q_model")
        kind = control.stored.kind + (f" with {model.kind}" if isinstance(model, Stored) else "")
        names = net[control.table].loc[list(control.elements), "name"]
        told.setdefault(kind, []).append(f"{control.table} {some(list(map(str, names)))}")
    return told


class Controls:
    """What the controllers of one net move. The powers of its generators are put back by who counts them."""

    def __init__(self, net: pandapowerNet) -> None:
        """`net` as it stands is where controllers begin."""
        self._net = net
        moved = {(control.table, index) for control in controls_of(net) for index in control.elements}
        self.generators = sorted(index for table, index in moved if table == "sgen")
        """Indices of static generators whose powers are theirs."""
        self._transformers = sorted(index for table, index in moved if table == "trafo")
        if self._transformers:
            net.trafo["tap_pos"] = net.trafo["tap_pos"].astype(float)
        self._positions = net.trafo["tap_pos"].loc[self._transformers].copy()
        self.unrest: str | None = None
        """Why controllers did not come to rest last; None where they did, or where a power flow had no solution."""

    @property
    def are_there(self) -> bool:
        """Whether the net has any."""
        return bool(self.generators or self._transformers)

    def begin(self) -> None:
        """Put taps back to where they were first."""
        if self._transformers:
            self._net.trafo.loc[self._transformers, "tap_pos"] = self._positions

    def settle(self, solve: Callable[[], int | None]) -> int | None:
        """Let controllers move until they rest. `solve` solves the net as it stands and tells the iterations, or None
        without a solution. All iterations; None where a solution failed, or controllers did not come to rest."""
        iterations, self.unrest = 0, None

        def run(net: pandapowerNet, **_: object) -> None:
            nonlocal iterations
            try:
                found = solve()
            except STUMBLES as error:
                raise RuntimeError("the power flow between two moves of controllers failed") from error
            if found is None:
                raise LoadflowNotConverged
            iterations += found
            net["converged"] = True

        try:
            with warnings.catch_warnings():
                # The library warns of its own use of pandas and of powers at the edge of an area.
                warnings.simplefilter("ignore")
                run_control(self._net, ctrl_variables_default(self._net, run=run))
        except LoadflowNotConverged:
            return None
        except UNSETTLED:
            self.unrest = f"controllers do not come to rest: {self._told()}"
            return None
        except STUMBLES as error:
            self.unrest = f"controllers find no power that is allowed: {self._told()}, {error}"
            return None
        return iterations

    def _told(self) -> str:
        return some([f"{kind} of {one}" for kind, elements in controls_told(self._net).items() for one in elements])
