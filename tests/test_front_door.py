"""The commands that contributors are told of are there, and what is said twice is said alike."""

import ast
import importlib
import re
import tomllib
from typing import Any

import pytest

from measuring import listed
from whereabouts import ROOT, TESTS

NOXFILE = ROOT / "noxfile.py"
pytestmark = pytest.mark.skipif(not NOXFILE.is_file(), reason="the tests lie beside no checkout")
COMMANDS = {"check", "test", "fast", "bench", "docs"}


def _text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def _sessions() -> dict[str, str]:
    """The sessions of the noxfile with what they say; nox itself need not be installed."""
    functions = (
        node for node in ast.parse(NOXFILE.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)
    )
    return {
        function.name: ast.get_docstring(function) or ""
        for function in functions
        if any(ast.unparse(decorator) == "nox.session" for decorator in function.decorator_list)
    }


def _pages() -> dict[str, tuple[str, str]]:
    assignments = (node for node in ast.parse(NOXFILE.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign))
    found: dict[str, Any] = {ast.unparse(node.targets[0]): node.value for node in assignments}
    pages: dict[str, tuple[str, str]] = ast.literal_eval(found["PAGES"])
    return pages


def test_every_command_is_there_and_told() -> None:
    sessions, told = _sessions(), _text("CONTRIBUTING.md")
    assert set(sessions) >= COMMANDS
    assert all(sessions.values())
    assert set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)) == set(sessions)
    texts = [told, _text("README.md"), _text(".ci", "run"), _text(".github", "pull_request_template.md")]
    named = {name for text in texts for name in re.findall(r"nox -s (\w+)", text)} - {"NAME"}
    assert named <= set(sessions)


@pytest.mark.parametrize("page", ["scenario.md", "tables.md"])
def test_pages_are_written_by_what_the_tests_compare_them_with(page: str) -> None:
    module, function = _pages()[page]
    assert getattr(importlib.import_module(module), function)() == _text("docs", page)


def test_files_that_are_told_of_are_there() -> None:
    for text in (_text("CONTRIBUTING.md"), _text("README.md")):
        links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
        assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_citation_is_of_this_version() -> None:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    cited = dict(re.findall(r'^(\w+): "?([^"\n]+)"?$', _text("CITATION.cff"), re.MULTILINE))
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert f'name: "{project["authors"][0]["name"]}"' in _text("CITATION.cff")


def test_what_was_found_slow_is_still_there() -> None:
    """A test of another name would count as a fast one."""
    sources = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")]
    there = {name for source in sources for name in re.findall(r"^ *def (test_\w+)\(", source, re.MULTILINE)}
    assert sorted(set(listed()) - there) == [], "tests/slow.txt: rename, or write it anew with nox -s times"


def test_the_forge_runs_the_gate() -> None:
    assert "- run: .ci/run\n" in _text(".github", "workflows", "ci.yml")
