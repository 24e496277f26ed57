"""Commands about a scenario before it is run, and about what ships."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mosaik_p2p.cli.base import BAD_INPUT, CodeOption, ScenarioArgument, SetOption, app
from mosaik_p2p.cli.texts import examination_json, remarks_text, section
from mosaik_p2p.errors import BadInput, Fault


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
    from mosaik_p2p.results.inventory import inventory_lines

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
    typer.echo("\n\n".join(section(title, entries) for title, entries in sections.items()))


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
