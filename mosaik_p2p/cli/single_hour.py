"""The command `clear`: one hour of a plain market."""

from pathlib import Path
from typing import Annotated

import typer

from mosaik_p2p.cli.base import NO_SOLUTION, app
from mosaik_p2p.errors import BadInput


@app.command("clear")
def clear_command(
    agents: Annotated[
        Path, typer.Argument(metavar="AGENTS.csv", help="name,p_min_kw,p_max_kw,a,b: assets with cost a/2 p^2 + b p.")
    ],
    pairs: Annotated[
        Path, typer.Argument(metavar="PAIRS.csv", help="i,j,charge_i,charge_j: who may trade, charges per kWh.")
    ],
    *,
    method: Annotated[str, typer.Option(help="A clearing algorithm, such as admm, or central.")] = "admm",
    gap: Annotated[float, typer.Option(help="Relative gap of a solution.")] = 1e-4,
    json: Annotated[
        Path | None,
        typer.Option(help="Write the outcome to this file: a new one, or an earlier outcome, which is replaced."),
    ] = None,
) -> None:
    """Clear one hour of a plain market, print prices and trades."""
    from mosaik_p2p.files import target_faults
    from mosaik_p2p.single_period.clearing import PlainStatus, clear_plain
    from mosaik_p2p.single_period.report import json_faults, render, write_json

    faults = [] if json is None else target_faults("--json", json) or json_faults(json, inputs=(agents, pairs))
    if faults:
        raise BadInput(faults)
    cleared = clear_plain(agents, pairs, method=method, gap=gap)
    if json is not None:
        write_json(cleared, json)
    typer.echo(render(cleared))
    raise typer.Exit(0 if cleared.status is PlainStatus.OK else NO_SOLUTION)
