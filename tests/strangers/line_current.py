"""The current of lines in kA, a limited quantity of somebody else's."""

from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.response import ElectricSensitivities, Response


def response(flow: ElectricSensitivities) -> Response:
    """A current changes by its relative change, times itself."""
    return flow.relative_current("line").times(flow.values("line", "i_ka"))


LINE_CURRENT = LimitedQuantity(
    key="line_current",
    quantity="line_current_ka",
    network="electricity",
    element="line",
    name="line current",
    label="Highest line current",
    unit="kA",
    digits=4,
    is_upper=True,
    margin_share=0.1,
    table="lines",
    element_column="element",
    columns=("i_ka",),
    all_key="line_current_ka",
    meaning="Largest current of lines, kA; left out: not checked.",
    own_key="current_ka",
    own_meaning="Of a line: largest current, kA.",
    least=1e-6,
    most=1000.0,
    response=response,
    title="Line current",
    note="Of both ends the larger one.",
)
