"""Commands about runs by themselves: `run`, `report`, `export`, `diff`."""

from pathlib import Path
from typing import Annotated

import typer

from mosaik_p2p.cli.base import DIFFERENT, INCOMPLETE, CodeOption, ScenarioArgument, SetOption, app
from mosaik_p2p.cli.logging_file import Level, logged
from mosaik_p2p.printing import say


@app.command("run")
def run_command(
    scenario: ScenarioArgument,
    *,
    out: Annotated[Path | None, typer.Option(help="Result folder; default: results/NAME.")] = None,
    steps: Annotated[int | None, typer.Option(help="Compute only so many intervals.")] = None,
    set_: SetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the results of an earlier run.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the same run where it was stopped in its folder.")
    ] = False,
    counterfactuals: Annotated[
        bool,
        typer.Option(
            "--counterfactuals",
            help="Run it also without charges, without negotiation and without the dearest limits, and compare.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar and no summary.")] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Build no report.html; `report` does it later.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add what the libraries say on the way to this file.")
    ] = None,
    log_level: Annotated[Level, typer.Option(help="How much goes to the log.")] = Level.INFO,
    allow_code: CodeOption = False,
) -> None:
    """Co-simulate a scenario, print a summary, and say where the report is."""
    from mosaik_p2p.cosim import Order, conduct
    from mosaik_p2p.results.report.terminal import render
    from mosaik_p2p.results.store.folder import REPORT_FILE

    order = Order(
        scenario=scenario,
        out=out,
        steps=steps,
        overrides=set_ or (),
        overwrite=overwrite,
        counterfactuals=counterfactuals,
        progress=not quiet,
        allow_code=allow_code,
        resume=resume,
        report=not no_report,
    )
    with logged(log, log_level):
        outcome, demand = conduct(order)
    if not quiet:
        say(render(outcome.summary))
        if (outcome.folder / REPORT_FILE).exists():
            say(f"Report: {outcome.folder / REPORT_FILE}")
    if outcome.summary["cause"] is not None:
        _say_why_incomplete(outcome.folder, outcome.summary["cause"])
    raise typer.Exit(int(outcome.exit_code) if demand is None else INCOMPLETE)


def _say_why_incomplete(folder: Path, cause: str) -> None:
    from mosaik_p2p.results.store.folder import ERROR_FILE

    log = folder / ERROR_FILE
    details = f" (details: {log})" if log.exists() else ""
    typer.echo(f"Incomplete: {cause}{details}", err=True)
    if folder.exists():
        typer.echo(f"What was computed is kept in {folder}", err=True)


@app.command("report")
def report_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that a run has written.")],
    *,
    allow_code: CodeOption = False,
) -> None:
    """Build the report again from stored results."""
    from mosaik_p2p.results.rebuilding import rebuild_report

    rebuilt = rebuild_report(folder, allow_code=allow_code)
    for text in rebuilt.unshown:
        typer.echo(text, err=True)
    typer.echo(f"Report: {rebuilt.path}")


@app.command("export")
def export_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The result folder of a run.")],
    *,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="xlsx, csv (a folder with a file per table) or geojson.")],
    out: Annotated[
        Path | None, typer.Option(help="File, or folder of CSV files; default: beside DIR, named after it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of an earlier export.")] = False,
) -> None:
    """Write stored results for spreadsheets, other programs or maps."""
    from mosaik_p2p.results.export.command import export

    exported = export(folder, to, out=out, overwrite=overwrite)
    for remark in exported.remarks:
        typer.echo(remark, err=True)
    typer.echo(f"Exported: {exported.path}")


@app.command("diff")
def diff_command(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR DIR ...", help="Result folders; all are compared with the first."),
    ],
    *,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all that differs to this file.")] = None,
) -> None:
    """Say what differs between runs: inputs, outcomes and tables. Exit code 1 where anything does, 0 where nothing."""
    from mosaik_p2p.results.differences.command import diff
    from mosaik_p2p.results.differences.text import render

    found = diff(folders, json=json)
    typer.echo(render(found))
    raise typer.Exit(0 if found.is_none else DIFFERENT)
