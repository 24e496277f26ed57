"""The one front door for contributors: `.venv/bin/nox -s NAME`; `.venv/bin/nox -l` lists the names.

Everything runs in the environment that nox itself is installed in (CONTRIBUTING.md, "Set-up"): it takes more than a
gigabyte, so that there is one and not one for every session. What stands after `--` goes to the command:
`nox -s test -- tests/test_cli.py`.
"""

import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["check"]

PYTHON = sys.executable
DOCS, BUILT_DOCS = Path("docs"), Path("build/docs")
PAGES = {
    "../scenarios/scenario.schema.json": ("mosaik_p2p.scenario.json_schema", "schema_text"),
    "scenario.md": ("mosaik_p2p.scenario.reference", "reference_markdown"),
    "simulators.md": ("mosaik_p2p.sims.reference", "simulators_markdown"),
    "tables.md": ("mosaik_p2p.results.dictionary", "tables_markdown"),
}
"""Pages of docs/ that are generated, and the schema of scenarios, and by which function."""


def _run(session: nox.Session, *arguments: str) -> None:
    """`python -m` with these arguments."""
    session.run(PYTHON, "-m", *arguments, external=True)


@nox.session
def check(session: nox.Session) -> None:
    """What every change should pass before it is sent: lint, types and the fast tests."""
    for step in (lint, types, fast):
        session.notify(step.__name__)


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and format (ruff)."""
    _run(session, "ruff", "check", ".")
    _run(session, "ruff", "format", "--check", ".")


@nox.session
def tidy(session: nox.Session) -> None:
    """Mend what ruff can mend: order of imports, format."""
    _run(session, "ruff", "check", "--fix", ".")
    _run(session, "ruff", "format", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types (mypy, strict), the folders beside the library included."""
    _run(session, "mypy", "--strict", "-p", "mosaik_p2p")


@nox.session
def fast(session: nox.Session) -> None:
    """The fast tests: a minute on two cores, once the kernel is compiled."""
    _run(session, "pytest", "-m", "not slow", *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """All tests, twenty minutes on two cores; or those that are named."""
    _run(session, "pytest", *session.posargs)


@nox.session
def times(session: nox.Session) -> None:
    """Measure the tests anew and write tests/slow.txt, the list of those that `fast` leaves out; ten minutes."""
    options = ("-p", "measuring", "-n", "0", "-m", "not slow")
    session.run(PYTHON, "-m", "pytest", *options, *session.posargs, env={"PYTHONPATH": "tests/support"}, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """A benchmark: `nox -s bench -- plain`, with the benchmark's own options after its name; without one `market`."""
    name, *options = session.posargs or ["market"]
    session.run(PYTHON, f"benchmarks/{name}.py", *options, external=True)


@nox.session
def pages(session: nox.Session) -> None:
    """Write the generated pages of docs/ anew; the tests compare them."""
    for page, (module, function) in PAGES.items():
        written = f"Path({str(DOCS / page)!r}).write_text(page(), encoding='utf-8')"
        program = f"from pathlib import Path; from {module} import {function} as page; {written}"
        session.run(PYTHON, "-c", program, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build docs/ into build/docs (Sphinx), warnings as errors."""
    shutil.rmtree(BUILT_DOCS, ignore_errors=True)
    _run(session, "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(BUILT_DOCS))
