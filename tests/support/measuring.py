"""A plugin of pytest that measures what each test costs and writes `slow.txt`: `.venv/bin/nox -s times`.

In seconds of the processor, those of processes that a test starts included: it matters little what else goes on.
All cases of a test function count together (and functions of one name), and with them the fixtures that it shares with
others.
"""

import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

SLOW = Path(__file__).parents[1] / "slow.txt"
LIMIT_S = 0.1
"""With it the others take less than a minute on two cores."""
BRIEF_S = 0.25
"""What takes no longer is left out of the fast tests only, and tried on the wheel."""


def name_of(item: pytest.Item) -> str:
    """Of the test function; without the file's, so that files may move."""
    return item.nodeid.partition("[")[0].rpartition("::")[2]


def listed() -> dict[str, float]:
    """The tests that were found slow, with their seconds."""
    lines = (line.split() for line in SLOW.read_text(encoding="utf-8").splitlines())
    return {name: float(seconds) for name, seconds in lines}


class Measuring:
    """Seconds by test function and by shared fixture."""

    def __init__(self) -> None:
        self.own_s: dict[str, float] = defaultdict(float)
        self.shared_s: dict[Any, float] = defaultdict(float)
        self.shared_of: dict[str, set[Any]] = defaultdict(set)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Generator[None, object, object]:
        """A fixture of a module counts for all tests that ask for it."""
        before = _spent_s()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                took = _spent_s() - before
                self.shared_s[fixturedef] += took
                self.own_s[name_of(request._pyfuncitem)] -= took

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """The rest counts for the test alone."""
        before = _spent_s()
        try:
            return (yield)
        finally:
            self.own_s[name_of(item)] += _spent_s() - before
            fixtures: Any = getattr(item, "_fixtureinfo", None)
            if fixtures is not None:
                self.shared_of[name_of(item)] |= {
                    entry for found in fixtures.name2fixturedefs.values() for entry in found
                }

    def pytest_sessionfinish(self) -> None:
        """Write the list: what was run anew, and of the rest what stood there."""
        found = {
            name: own + sum(self.shared_s.get(entry, 0.0) for entry in self.shared_of[name])
            for name, own in self.own_s.items()
        }
        slow = {name: seconds for name, seconds in {**listed(), **found}.items() if seconds > LIMIT_S}
        lines = (f"{name} {seconds:.2f}\n" for name, seconds in sorted(slow.items()))
        SLOW.write_text("".join(lines), encoding="utf-8")


def _spent_s() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def pytest_configure(config: pytest.Config) -> None:
    """Called where the plugin is asked for (`-p measuring`)."""
    config.pluginmanager.register(Measuring(), "measuring-tests")
