"""The command line `mosaik-p2p`.

A user's mistake is answered with every fault that was found, and exit code 2; never with a traceback. The libraries are
imported by the command that needs them, so that help and version come at once.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mosaik_p2p.completion import scenarios, settings
from mosaik_p2p.errors import BadInput, Fault, InputWarning, RunFailed
from mosaik_p2p.logging_file import Level, logged
from mosaik_p2p.printing import Lenient, quiet_logs, say, settle_streams
from mosaik_p2p.streams import open_missing_streams

if TYPE_CHECKING:
    from mosaik_p2p.loading import Examination

INCOMPLETE, BAD_INPUT, NO_SOLUTION = 1, 2, 3
INTERRUPTED_SHELL = 130
"""What typer makes of an interrupt, by the custom of shells; here an interrupted run is an incomplete one."""

app = typer.Typer(
    name="mosaik-p2p",
    help="Peer-to-peer trading of electricity and heat, co-simulated with the networks that carry it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _settings(ctx: typer.Context, incomplete: str) -> list[str]:
    return settings(ctx.params.get("scenario"), incomplete)


ScenarioArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO", help="A scenario file, or the name of one that ships.", autocompletion=scenarios
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value, such as scale.load=1.2 or prosumers.A.pv.peak_kw=80; KEY= takes it away.",
        autocompletion=_settings,
    ),
]

CodeOption = Annotated[
    bool,
    typer.Option(
        "--allow-code", help="Import what the scenario names as package.module:name, which runs it: if you trust it."
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mosaik-p2p {version('mosaik-p2p')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


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
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add what the libraries say on the way to this file.")
    ] = None,
    log_level: Annotated[Level, typer.Option(help="How much goes to the log.")] = Level.INFO,
    allow_code: CodeOption = False,
) -> None:
    """Co-simulate a scenario, print a summary, and say where the report is."""
    from mosaik_p2p.cosim import Order, conduct
    from mosaik_p2p.results.report.terminal import render
    from mosaik_p2p.results.store.folder import ERROR_FILE, REPORT_FILE

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
    )
    with logged(log, log_level):
        outcome, demand = conduct(order)
    if not quiet:
        say(render(outcome.summary))
        if (outcome.folder / REPORT_FILE).exists():
            say(f"Report: {outcome.folder / REPORT_FILE}")
    if outcome.summary["cause"] is not None:
        log = outcome.folder / ERROR_FILE
        details = f" (details: {log})" if log.exists() else ""
        typer.echo(f"Incomplete: {outcome.summary['cause']}{details}", err=True)
        if outcome.folder.exists():
            typer.echo(f"What was computed is kept in {outcome.folder}", err=True)
    raise typer.Exit(int(outcome.exit_code) if demand is None else INCOMPLETE)


def _share(what: str) -> Any:
    return typer.Option(help=f"Part of the prosumers with {what}, 0 to 1.", show_default=False)


@app.command("new")
def new_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    *,
    electricity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A pandapower network, JSON or Excel (.xlsx).")
    ] = None,
    simbench: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="A network of SimBench with its profiles, such as 1-LV-rural1--0-no_sw (extra simbench).",
        ),
    ] = None,
    heat: Annotated[Path | None, typer.Option(metavar="FILE", help="A pandapipes heat network, JSON.")] = None,
    prosumers: Annotated[int, typer.Option(help="How many of the loads and heat consumers become prosumers.")] = 12,
    pv: Annotated[float | None, _share("PV (0.5)")] = None,
    storage: Annotated[float | None, _share("a battery (0.3)")] = None,
    heat_pump: Annotated[float | None, _share("a heat pump (0.2)")] = None,
    car: Annotated[float | None, _share("electric cars (0.3)")] = None,
    collector: Annotated[float | None, _share("a solar collector, of those on the heat network (0.2)")] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn: who owns what.")] = 1,
    region: Annotated[int, typer.Option(help="Of the German test reference years, 1 to 15: the weather.")] = 12,
) -> None:
    """Write a small scenario that runs, with comments, from networks of your own."""
    from mosaik_p2p.drafts.command import new_scenario
    from mosaik_p2p.drafts.text import draft_told
    from mosaik_p2p.drafts.wishes import Wishes

    shares = {"pv": pv, "storage": storage, "heat_pump": heat_pump, "car": car, "collector": collector}
    wishes = Wishes(prosumers=prosumers, shares=tuple(shares.items()), seed=seed, region=region)
    draft = new_scenario(folder, electricity=electricity, simbench=simbench, heat=heat, wishes=wishes)
    typer.echo(draft_told(draft.scenario, draft.houses, draft.mended))
    if draft.warnings:
        typer.echo(remarks_text(draft.warnings, "warning"))


@app.command("check")
def check_command(
    scenario: ScenarioArgument,
    *,
    set_: SetOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print faults, warnings and inventory as JSON.")] = False,
    allow_code: CodeOption = False,
) -> None:
    """Check a scenario and list every fault with its place, value and remedy; else say what may not be meant."""
    from mosaik_p2p.api import examine
    from mosaik_p2p.results.report.inventory import inventory_lines

    found = examine(scenario, overrides=set_ or (), allow_code=allow_code)
    if json:
        typer.echo(examination_json(found))
        raise typer.Exit(BAD_INPUT if found.faults else 0)
    if found.faults:
        raise BadInput(found.faults)
    typer.echo(f"{scenario}: no faults")
    typer.echo("\n".join(inventory_lines(found.inventory)))
    if found.warnings:
        typer.echo(remarks_text(found.warnings, "warning"))


@app.command("charges")
def charges_command(
    scenario: ScenarioArgument,
    *,
    carrier: Annotated[str | None, typer.Option(help="electricity or heat; default: both.")] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Of the interval, such as 2017-03-28T19:00 or 19:00; default: the first."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write the charges of each pair to this file; without --at all intervals that differ."),
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a page with the charges as pictures, .html.")] = None,
    set_: SetOption = None,
    allow_code: CodeOption = False,
) -> None:
    """Say what each pair of prosumers is charged, and which pairs a chain of others undercuts."""
    from mosaik_p2p.api import charge_sheets
    from mosaik_p2p.results.report.charge_sheet import charges_text

    sheets = charge_sheets(
        scenario, overrides=set_ or (), carrier=carrier, at=at, csv=csv, picture=picture, allow_code=allow_code
    )
    typer.echo(charges_text(sheets))


@app.command("list")
def list_command() -> None:
    """List scenarios, network cases and charge mechanisms that ship, and how markets are designed and cleared."""
    from mosaik_p2p.api import list_shipped

    shipped = list_shipped()
    sections = {
        "Scenarios": shipped.scenarios,
        "Electric network cases": shipped.electric_cases,
        "Heat network cases": shipped.heat_cases,
        "Types of devices": shipped.device_types,
        "Charge mechanisms": shipped.charge_mechanisms,
        "Market designs (market.design)": shipped.market_designs,
        "Clearings (time.clearing)": shipped.clearings,
        "Forms of the market (market.form)": shipped.market_forms,
        "Algorithms (market.algorithm)": shipped.market_algorithms,
        "Result quantities (results.quantities)": shipped.result_quantities,
    }
    typer.echo("\n\n".join(_section(title, entries) for title, entries in sections.items()))


@app.command("keys")
def keys_command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A section such as time, a type of device such as ev, package.module:name of a charge mechanism, or a "
            "result quantity such as verdicts.",
        ),
    ] = None,
) -> None:
    """Say what a section of a scenario, a type of device or a result quantity holds, with units and meanings."""
    from mosaik_p2p.results.dictionary import quantity_text
    from mosaik_p2p.results.quantities.registry import QUANTITIES
    from mosaik_p2p.scenario.reference import (
        HOUSES_KEY,
        entry_names,
        entry_text,
        house_columns_text,
        named,
        of_mechanism,
        overview,
    )
    from mosaik_p2p.sections.names import did_you_mean
    from mosaik_p2p.sections.registry import KindRefused

    if name is None:
        typer.echo(overview())
        return
    try:
        found = [entry_text(entry) for entry in ((of_mechanism(name),) if ":" in name else named(name))]
        found += [house_columns_text()] if name == HOUSES_KEY else []
        found += [] if found or name not in QUANTITIES.names() else [quantity_text(name)]
    except KindRefused as refused:
        raise BadInput([Fault("keys", name, refused.problem, refused.remedy)]) from refused
    if not found:
        remedy = did_you_mean(name, (*entry_names(), HOUSES_KEY, *QUANTITIES.names()), what="names")
        raise BadInput([Fault("keys", name, "is neither a section nor a type of device", remedy)])
    typer.echo("\n\n".join(found).rstrip())


@app.command("schema")
def schema_command() -> None:
    """Print the JSON schema of scenario files, for editors (`#:schema ./scenario.schema.json` in the first line)."""
    from mosaik_p2p.scenario.json_schema import schema_text

    typer.echo(schema_text(), nl=False)


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
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")] = False,
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
    steps: Annotated[int | None, typer.Option(help="Compute only so many intervals.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Runs at once; default: as many as there are processors.")] = None,
    set_: SetOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier comparison.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")] = False,
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


def _section(title: str, entries: Mapping[str, str]) -> str:
    width = max((len(name) for name in entries), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in entries.items())])


def remarks_text(remarks: Sequence[Fault | InputWarning], kind: str) -> str:
    """All faults or warnings, readable: the place with its value, then the problem, then the remedy."""
    heading = f"1 {kind}:" if len(remarks) == 1 else f"{len(remarks)} {kind}s:"
    blocks = [
        f"{number:>3}. {remark.located} = {remark.value}\n     {remark.problem}\n     {remark.remedy}"
        for number, remark in enumerate(remarks, start=1)
    ]
    return "\n".join([heading, *blocks])


def examination_json(found: "Examination") -> str:
    """What `check` found, for programs."""
    return dumps(asdict(found), indent=2, ensure_ascii=False)


def main() -> None:
    """Entry point of `mosaik-p2p`."""
    open_missing_streams()
    stderr = sys.stderr
    sys.stderr = Lenient(stderr)
    try:
        quiet_logs()
        _command()
    finally:
        sys.stderr = stderr
        settle_streams()


def _command() -> None:
    try:
        app()
    except BadInput as bad:
        typer.echo(remarks_text(bad.faults, "fault"), err=True)
        sys.exit(BAD_INPUT)
    except RunFailed as failed:
        typer.echo(f"Incomplete: {failed}", err=True)
        sys.exit(INCOMPLETE)
    except OSError as error:
        # Of input and result folder every error has a message of its own: what is left is a full disk behind stdout.
        typer.echo(f"Ended by an error of the system: {error}", err=True)
        sys.exit(INCOMPLETE)
    except (KeyboardInterrupt, SystemExit) as ended:
        if isinstance(ended, SystemExit) and ended.code != INTERRUPTED_SHELL:
            raise
        typer.echo("interrupted", err=True)
        sys.exit(INCOMPLETE)
