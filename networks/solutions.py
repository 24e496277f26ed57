"""What a flow came to, as the tables of a result folder and beside the limits of its network."""

from mosaik_p2p.errors import Status
from mosaik_p2p.limits.answer import Solution
from mosaik_p2p.limits.checking import checks
from mosaik_p2p.limits.heat import undelivered
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.networks.heat.flow import HeatFlowResult
from mosaik_p2p.units import ELECTRICITY, HEAT, Table


def electric_solution(result: PowerFlowResult, limits: NetworkLimits) -> Solution:
    """Of an electric network. Raises UnknownColumn."""
    flows = flow_row(
        ELECTRICITY,
        result.status,
        cause=result.cause,
        iterations=result.iterations,
        slack_kw=result.slack_kw,
        loss_kw=result.loss_kw,
        pump_kw=None,
    )
    tables = {"flows": flows, "buses": result.buses, "lines": result.lines, "transformers": result.transformers}
    return Solution(result.status, tables, checks(limited_quantities(ELECTRICITY), tables, limits))


def heat_solution(result: HeatFlowResult, limits: NetworkLimits) -> Solution:
    """Of a heat network. Raises UnknownColumn."""
    flows = flow_row(
        HEAT,
        result.status,
        cause=result.cause,
        iterations=result.iterations,
        slack_kw=result.slack_kw,
        loss_kw=result.loss_kw,
        pump_kw=result.pump_kw,
    )
    tables = {
        "flows": flows,
        "heat_exchanges": result.heat_exchanges,
        "plants": result.plants,
        "junctions": result.junctions,
        "pipes": result.pipes,
    }
    found = checks(limited_quantities(HEAT), tables, limits)
    return Solution(result.status, tables, found, tuple(undelivered(result.heat_exchanges)))


def flow_row(
    network: str,
    status: Status,
    *,
    cause: str | None,
    iterations: int | None,
    slack_kw: float | None,
    loss_kw: float | None,
    pump_kw: float | None,
) -> Table:
    """The table `flows` without time and round, one row."""
    return {
        "network": [network],
        "status": [str(status)],
        "cause": [cause],
        "iterations": [iterations],
        "slack_kw": [slack_kw],
        "loss_kw": [loss_kw],
        "pump_kw": [pump_kw],
    }
