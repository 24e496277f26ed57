"""The command line `mosaik-p2p`.

A user's mistake is answered with every fault that was found, and exit code 2; never with a traceback. The libraries are
imported by the command that needs them, so that help and version come at once.
"""

from mosaik_p2p.cli import runs, scenarios, single_hour, studies
from mosaik_p2p.cli.base import app
from mosaik_p2p.cli.entry import main
from mosaik_p2p.cli.texts import examination_json, remarks_text

__all__ = ["app", "examination_json", "main", "remarks_text", "runs", "scenarios", "single_hour", "studies"]
