"""The tests that concern a fault, those of fast files first: what a fixture takes is paid by one of its tests."""

import ast
from collections import Counter, defaultdict
from functools import cache
from typing import Any

from copies import CHECKOUT, source_files
from drawing import Fault
from reaching import OUTSIDE, functions


def concerned(fault: Fault, measured: dict[str, Any]) -> list[str]:
    """Names of tests: those that run the line of the fault; where that was not seen, those that run its function.

    What is compiled is never seen, and what stands outside functions runs on import: then the tests count that run a
    function which names what the fault is in.
    """
    tree = _tree(fault.file)
    where = _function(tree, fault.line)
    seen = measured["reached"].get(fault.file, {}).get(where, {})
    if seen:
        first = dict(functions(tree))[where].lineno
        lines = {str(line - first) for line in _statement(tree, fault.line)}
        found = {test for line in lines for test in seen.get(line, [])}
        found = found or {test for tests in seen.values() for test in tests}
    else:
        found = _by_name(_owner(tree, where, fault.line), measured, set())
    seconds, by_file = measured["seconds"], Counter[str]()
    for test, duration in seconds.items():
        by_file[test.partition("::")[0]] += duration
    tests = _tests(found, seconds) - set(measured["failed"])
    return sorted(tests, key=lambda test: (by_file[test.partition("::")[0]], seconds[test]))


def _tests(found: set[str], seconds: dict[str, float]) -> set[str]:
    """Those that are known, and all tests of a file for the file."""
    return {test for test in seconds if test in found or test.partition("::")[0] in found}


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse((CHECKOUT / file).read_text(encoding="utf-8"))


def _function(tree: ast.Module, line: int) -> str:
    inside = (name for name, node in functions(tree) if node.lineno <= line <= (node.end_lineno or 0))
    return next(inside, OUTSIDE)


def _statement(tree: ast.Module, line: int) -> range:
    """Lines of the innermost statement; of one that holds others, its own part."""
    best = range(line, line + 1)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else (node.end_lineno or 0)
            if line <= end:
                best = range(node.lineno, end + 1)
    return best


def _owner(tree: ast.Module, where: str, line: int) -> str:
    """The name by which others know what holds this line."""
    if where != OUTSIDE:
        return where.rpartition(".")[2]
    for node in tree.body:
        if node.lineno <= line <= (node.end_lineno or 0):
            if isinstance(node, ast.ClassDef):
                return node.name
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            return getattr(target, "id", "")
    return ""


@cache
def _mentions() -> dict[str, list[tuple[str, str]]]:
    """File and function by each name that stands in it; outside functions, the name that is assigned."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file in source_files():
        tree = _tree(file)
        for where, node in functions(tree):
            for name in _names(node):
                found[name].append((file, where))
        for statement in tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                for name in _names(statement):
                    found[name].append((file, _owner(tree, OUTSIDE, statement.lineno)))
    return dict(found)


def _names(node: ast.AST) -> set[str]:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def _by_name(name: str, measured: dict[str, Any], before: set[str]) -> set[str]:
    before.add(name)
    found: set[str] = set()
    for file, where in _mentions().get(name, []):
        lines = measured["reached"].get(file, {}).get(where, {})
        found |= {test for tests in lines.values() for test in tests}
        if not lines and where.rpartition(".")[2] not in before:
            found |= _by_name(where.rpartition(".")[2], measured, before)
    return found
