"""Which tests run which lines: measured once by running them all, and kept in `.faults/` of the checkout.

As a plugin of pytest (`-p reaching`) this traces the tests; processes that they start are traced through
`sitecustomize`. What a fixture runs counts for all tests of its file. Lines are kept by function, counted from its
first, so that a change elsewhere in the file leaves them right.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest
from copies import CHECKOUT, PACKAGE, Copy, installed_path, source_files

KEPT = CHECKOUT / ".faults" / "reached.json"
FOLDER, CONTEXT = "REACHED_FOLDER", "REACHED_CONTEXT"
SETTINGS = """
[run]
data_file = {folder}/data
parallel = true
source = {package}
context = ${{REACHED_CONTEXT-}}
disable_warnings = no-data-collected, module-not-measured, module-not-imported, couldnt-parse
"""
OUTSIDE = ""
"""The name of what stands outside all functions."""

# By file, function and line (from the function's first): names of tests, or of files of tests.
Reached = dict[str, dict[str, dict[str, list[str]]]]


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """All functions of a module by their qualified names; those inside functions belong to the outer one."""

    def within(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield prefix + child.name, child
            elif isinstance(child, ast.ClassDef):
                yield from within(child, f"{prefix}{child.name}.")
            else:
                yield from within(child, prefix)

    yield from within(tree, "")


def up_to_date(jobs: int, measured: dict[str, Any]) -> dict[str, Any]:
    """`measured` (see `measure`) with the tests that are new since, and without those that are gone."""
    with tempfile.TemporaryDirectory() as scratch:
        there = _names(Copy(Path(scratch) / "copy"))
    if new := sorted({name.partition("::")[0] for name in there - set(measured["seconds"])}):
        measured = _merged(measured, measure(jobs, new))
    return {**measured, "seconds": {test: s for test, s in measured["seconds"].items() if test in there}}


def _names(copy: Copy) -> set[str]:
    """All tests of the copy; `conftest` would compile."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--noconftest", "-n", "0", "-p", "no:cacheprovider"]
    told = subprocess.run(command, cwd=copy.folder, env=copy.environment(), text=True, capture_output=True, check=True)
    return {line for line in told.stdout.splitlines() if "::" in line}


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    reached: Reached = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for measured in (one, other):
        for file, functions_there in measured["reached"].items():
            for function, lines in functions_there.items():
                for line, tests in lines.items():
                    reached[file][function][line] = sorted({*reached[file][function][line], *tests})
    again = set(other["seconds"])
    failed = sorted({*other["failed"], *(test for test in one["failed"] if test not in again)})
    return {"reached": reached, "seconds": one["seconds"] | other["seconds"], "failed": failed}


def measure(jobs: int, files: list[str]) -> dict[str, Any]:
    """Run these files of tests, traced; returns `reached`, `seconds` by test, and `failed` without any fault."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Copy(Path(scratch) / "copy")
        folder = Path(scratch) / "traced"
        folder.mkdir()
        settings = folder / "settings"
        settings.write_text(SETTINGS.format(folder=folder, package=copy.folder / PACKAGE), encoding="utf-8")
        (folder / "sitecustomize.py").write_text("import coverage\n\ncoverage.process_startup()\n", encoding="utf-8")
        environment = copy.environment()
        environment |= {
            "PYTHONPATH": os.pathsep.join([environment["PYTHONPATH"], str(folder), str(Path(__file__).parent)]),
            "COVERAGE_PROCESS_START": str(settings),
            FOLDER: str(folder),
        }
        command = [sys.executable, "-m", "pytest", "-p", "reaching", "-n", str(jobs), "--dist", "loadfile", *files]
        subprocess.run(command, cwd=copy.folder, env=environment, check=False)
        return _collected(folder, copy.folder)


def _collected(folder: Path, copy: Path) -> dict[str, Any]:
    seconds: dict[str, float] = {}
    failed: list[str] = []
    for path in folder.glob("told-*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        seconds |= told["seconds"]
        failed += told["failed"]
    data = coverage.CoverageData(str(folder / "data"))
    for path in folder.glob("data.*"):
        other = coverage.CoverageData(str(path))
        other.read()
        data.update(other)
    reached: Reached = {}
    for file in source_files():
        lines = data.contexts_by_lineno(str(copy / installed_path(file)))
        reached[file] = _by_function(ast.parse((CHECKOUT / file).read_text(encoding="utf-8")), lines)
    return {"reached": reached, "seconds": seconds, "failed": sorted(set(failed))}


def _by_function(tree: ast.Module, lines: dict[int, list[str]]) -> dict[str, dict[str, list[str]]]:
    result: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for name, node in functions(tree):
        # The line of `def` itself runs on import.
        for line in range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1):
            if tests := sorted({test for test in lines.get(line, []) if test}):
                result[name][str(line - node.lineno)] = tests
    return dict(result)


def kept() -> dict[str, Any]:
    """What was measured before."""
    nothing: dict[str, Any] = {"reached": {}, "seconds": {}, "failed": []}
    return dict(json.loads(KEPT.read_text(encoding="utf-8"))) if KEPT.exists() else nothing


def keep(measured: dict[str, Any]) -> None:
    """For the next time."""
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(measured), encoding="utf-8")


class _Tracer:
    """The plugin: traces this process, names the test that runs, and tells at the end how long each took."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: list[str] = []
        traced = coverage.Coverage.current()
        if traced is None:
            raise RuntimeError("started without COVERAGE_PROCESS_START")
        self._coverage = traced

    def _name(self, context: str) -> None:
        os.environ[CONTEXT] = context
        self._coverage.switch_context(context)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        self._name(item.nodeid.partition("::")[0])
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._name(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        self._name(item.nodeid.partition("::")[0])
        try:
            return (yield)
        finally:
            self._name(OUTSIDE)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        told = json.dumps({"seconds": self._seconds, "failed": self._failed})
        (self._folder / f"told-{os.getpid()}.json").write_text(told, encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin."""
    config.pluginmanager.register(_Tracer(Path(os.environ[FOLDER])), "reaching tracer")
