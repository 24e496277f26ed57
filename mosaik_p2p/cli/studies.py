"""Commands that make many runs: `optimal-charge`, `compare`, `sweep`, `hosting-capacity`."""

from pathlib import Path
from typing import Annotated

import typer

from mosaik_p2p.cli.base import (
    CodeOption,
    JobsOption,
    QuietOption,
    ScenarioArgument,
    SchedulerOption,
    SetOption,
    StepsOption,
    app,
)
from mosaik_p2p.printing import say


@app.command("optimal-charge")
def optimal_charge_command(
    scenario: ScenarioArgument,
    *,
    key: Annotated[
        list[str],
        typer.Option("--key", metavar="KEY", help="A rate, such as charges.electricity.rate; one or several."),
    ],
    goal: Annotated[str, typer.Option(help="profit, revenue, recovery or feasible.")],
    max_: Annotated[
        list[float] | None,
        typer.Option(
            "--max", metavar="U", help="The highest rate, for all keys or for each; default: no trade beyond."
        ),
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Relative tolerance of revenue or rate.")] = 1e-3,
    out: Annotated[Path | None, typer.Option(help="Result folder; default: results/NAME-optimal-charge.")] = None,
    set_: SetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the results of an earlier search.")] = False,
    run: Annotated[bool, typer.Option(help="Confirm the rate that is found by a full run.")] = True,
    quiet: QuietOption = False,
    allow_code: CodeOption = False,
) -> None:
    """Find the best rate of a charge, knowing how the market answers, and say what is certain about it."""
    from mosaik_p2p.studies.best_rate.command import PICTURE_FILE, optimal_charge
    from mosaik_p2p.studies.best_rate.text import render

    found = optimal_charge(
        scenario,
        key,
        goal=goal,
        highest=max_ or None,
        tolerance=tolerance,
        out=out,
        overrides=set_ or (),
        overwrite=overwrite,
        confirm=run,
        progress=not quiet,
        allow_code=allow_code,
    )
    if not quiet:
        say(render(found.summary))
        say(f"Picture: {found.folder / PICTURE_FILE}")
    raise typer.Exit(int(found.exit_code))


@app.command("compare")
def compare_command(
    scenario: ScenarioArgument,
    *,
    designs: Annotated[str, typer.Option(metavar="a,b", help="Market designs, comma between; a run for each.")],
    charges: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:RATE",
            help="Charges in place of the scenario's own, such as uniform:0.02 or electricity=zonal:0.01,heat=none; "
            "none, or own. Several times: every design under each.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder; default: results/NAME-compare.")] = None,
    steps: StepsOption = None,
    jobs: JobsOption = None,
    set_: SetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier comparison.")] = False,
    quiet: QuietOption = False,
    allow_code: CodeOption = False,
) -> None:
    """Run market designs and charges side by side: which keeps the limits at the least cost, and who pays for it."""
    from mosaik_p2p.studies.compare.command import PAGE_FILE, compare
    from mosaik_p2p.studies.compare.shown.text import render

    compared = compare(
        scenario,
        designs,
        charges=charges or (),
        out=out,
        steps=steps,
        overrides=set_ or (),
        overwrite=overwrite,
        jobs=jobs,
        progress=not quiet,
        allow_code=allow_code,
    )
    if not quiet:
        say(render(compared.summary))
        say(f"Page: {compared.folder / PAGE_FILE}")
    raise typer.Exit(int(compared.exit_code))


@app.command("sweep")
def sweep_command(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of one that ships.")
    ] = None,
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUES", help="0:0.1:0.02, 1..20 or 1,2,3; several are combined with each other."),
    ] = None,
    table: Annotated[Path | None, typer.Option(metavar="CSV", help="A row per run, a column per key.")] = None,
    sample: Annotated[int | None, typer.Option(help="Draw so many of all rows, always the same.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the sweep; default: results/NAME-sweep.")] = None,
    steps: StepsOption = None,
    jobs: JobsOption = None,
    part: Annotated[str, typer.Option(metavar="I/N", help="Every N-th run only, for job arrays.")] = "1/1",
    scheduler: SchedulerOption = None,
    collect: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run nothing: put together what a sweep has come to by now.")
    ] = None,
    set_: SetOption = None,
    quiet: QuietOption = False,
    allow_code: CodeOption = False,
) -> None:
    """Run a scenario many times with other values of some keys; the same command again goes on with what is missing."""
    from mosaik_p2p.studies.sweep.command import collected_or_run
    from mosaik_p2p.studies.sweep.files import PAGE_FILE, TABLE_FILE

    swept = collected_or_run(
        scenario,
        collect,
        vary=vary or (),
        table=table,
        sample=sample,
        out=out,
        steps=steps,
        overrides=set_ or (),
        jobs=jobs,
        part=part,
        scheduler=scheduler,
        progress=not quiet,
        allow_code=allow_code,
    )
    if not quiet:
        say("\n".join(swept.remarks))
        say(f"Table: {swept.folder / TABLE_FILE}")
        say(f"Page: {swept.folder / PAGE_FILE}")
    raise typer.Exit(int(swept.exit_code))


@app.command("hosting-capacity")
def hosting_capacity_command(
    scenario: ScenarioArgument,
    *,
    grow: Annotated[
        str,
        typer.Option(
            metavar="pv|heat_pump|ev|KEY", help="What grows: all of a kind by a factor, or the value of a key."
        ),
    ],
    per: Annotated[
        str | None, typer.Option(metavar="feeder", help="Let it grow on one feeder at a time: three numbers for each.")
    ] = None,
    from_: Annotated[float, typer.Option("--from", help="The smallest factor or value.")] = 0.0,
    to: Annotated[float | None, typer.Option(help="The largest one; default: 10 times, needed for a key.")] = None,
    within: Annotated[
        float | None, typer.Option(help="How exactly it is to be known; default: a hundredth of the range.")
    ] = None,
    given_up: Annotated[
        float | None,
        typer.Option(help="Share of sun that may be curtailed, and of charging that may be missed; default: 0.03."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the search; default: results/NAME-hosting-GROW.")] = None,
    steps: StepsOption = None,
    jobs: JobsOption = None,
    scheduler: SchedulerOption = None,
    set_: SetOption = None,
    quiet: QuietOption = False,
    allow_code: CodeOption = False,
) -> None:
    """Find how far something may grow until a limit breaks: without market, with it, and with a negotiated one."""
    from mosaik_p2p.studies.hosting.command import hosting_capacity
    from mosaik_p2p.studies.hosting.files import POINTS_FILE
    from mosaik_p2p.studies.hosting.text import render
    from mosaik_p2p.studies.sweep.files import PAGE_FILE

    found = hosting_capacity(
        scenario,
        grow,
        per=per,
        low=from_,
        high=to,
        within=within,
        given_up=given_up,
        out=out,
        steps=steps,
        overrides=set_ or (),
        jobs=jobs,
        scheduler=scheduler,
        progress=not quiet,
        allow_code=allow_code,
    )
    if not quiet:
        say(render(found.summary))
        say(f"Table: {found.folder / POINTS_FILE}")
        say(f"Page: {found.folder / PAGE_FILE}")
    raise typer.Exit(int(found.exit_code))
