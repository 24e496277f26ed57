"""Simulators for runs whose result folder comes to harm in mid-run."""

import os
import shutil
from pathlib import Path
from typing import Any

from mosaik_p2p.results.store.mark import start_mark
from mosaik_p2p.sims import recorder

FOLDER = "MOSAIK_P2P_TEST_FOLDER"
"""Environment variable: which folder is to be harmed."""


class _Harmed(recorder.Simulator):
    """Writes every interval at once, and after the second one something happens to the folder."""

    def _write_open(self) -> None:
        super()._write_open()
        assert self._store is not None
        self._store.flush()
        if self._interval + 1 == 2:
            self.harm(Path(os.environ[FOLDER]))

    def harm(self, folder: Path) -> None:
        """What happens."""
        raise NotImplementedError


class WithoutTrades(_Harmed):
    """The trades of the first intervals are gone."""

    def harm(self, folder: Path) -> None:
        """Remove them."""
        shutil.rmtree(folder / "trades.parquet")


class WithoutFolder(_Harmed):
    """The whole folder is gone."""

    def harm(self, folder: Path) -> None:
        """Remove it."""
        shutil.rmtree(folder)


class Taken(_Harmed):
    """The folder is gone, and another run has begun in its place."""

    def harm(self, folder: Path) -> None:
        """Begin it."""
        shutil.rmtree(folder)
        folder.mkdir()
        start_mark(folder)


class Killed(_Harmed):
    """The process is killed."""

    def harm(self, folder: Path) -> None:  # noqa: ARG002 (nothing happens to it)
        """End at once."""
        os._exit(137)


class Slow(_Harmed):
    """Somebody else tries to run in the folder."""

    tried: Any = None

    def harm(self, folder: Path) -> None:
        """Try."""
        type(self).tried(folder)
