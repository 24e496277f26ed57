"""What all commands share: the application, what they end with, and the options that several have."""

from importlib.metadata import version
from typing import Annotated

import typer

from mosaik_p2p.cli.completion import scenarios, settings

INCOMPLETE, BAD_INPUT, NO_SOLUTION = 1, 2, 3
DIFFERENT = 1
"""Of `diff`, as of its namesakes: something differs."""
INTERRUPTED_SHELL = 130
"""What typer makes of an interrupt, by the custom of shells; here an interrupted run is an incomplete one."""

NAME = "mosaik-p2p"
app = typer.Typer(
    name=NAME,
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
StepsOption = Annotated[int | None, typer.Option(help="Compute only so many intervals of each run.")]
JobsOption = Annotated[int | None, typer.Option(help="Runs at once; default: as many as there are processors.")]
SchedulerOption = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Let the workers of this Dask scheduler run them.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{NAME} {version(NAME)}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
