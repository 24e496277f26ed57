"""The entry point, which answers every mistake and every end of a command."""

import sys

import typer

from mosaik_p2p.cli.base import BAD_INPUT, INCOMPLETE, INTERRUPTED_SHELL, NAME, app
from mosaik_p2p.cli.texts import remarks_text
from mosaik_p2p.errors import BadInput, RunFailed
from mosaik_p2p.jit.share import one_thread_for_matrices
from mosaik_p2p.printing import Lenient, quiet_logs, settle_streams
from mosaik_p2p.streams import open_missing_streams


def main() -> None:
    """Entry point of `mosaik-p2p`."""
    one_thread_for_matrices()
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
        # Shells complete by this name, which `python -m` would change.
        app(prog_name=NAME)
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
